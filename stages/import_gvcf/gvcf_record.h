/* SPDX-License-Identifier: MIT */
/*
 * A line of a gVCF, taken apart as far as evidence needs it: views into the line, numbers where
 * they are cheap.
 */
#ifndef KUNI_IMPORT_GVCF_RECORD_H
#define KUNI_IMPORT_GVCF_RECORD_H

#include "kuni/evidence.h"

enum { KUNI_GVCF_ALLELES_MAX = 1024 };

typedef struct kuni_text_view {
    const char *at;
    size_t length;
} kuni_text_view;

enum { /* FORMAT fields that mean something here */
       FIELD_GT,
       FIELD_GQ,
       FIELD_DP,
       FIELD_MIN_DP,
       FIELD_PL,
       FIELD_AD,
       FIELD_SB,
       FIELD_GQX,
       FIELD_RGQ,
       FIELD_MED_DP,
       FIELD_DPI,
       FIELD_GL,
       FIELD_ADF,
       FIELD_ADR,
       FIELD_PS,
       FIELD_LEN,
       FIELD_MQ,
       FIELD_FT,
       FIELD_AF,
       FIELDS
};

enum {
    INFO_END,
    INFO_DP,
    INFO_MQ,
    INFO_RAW_MQ_AND_DP,
    INFO_RAW_MQ,
    INFO_DP4,
    INFO_RANK_SUMS, /* KUNI_RANKS of them: z over all ALTs */
    INFO_RAW_RANK_SUMS =
        INFO_RANK_SUMS + KUNI_RANKS, /* the same: lists of each ALT's z and counts */
    INFOS = INFO_RAW_RANK_SUMS + KUNI_RANKS
};

/* Zeroed before the first line. */
typedef struct kuni_gvcf_record {
    int64_t pos, end; /* 0-based, half-open: as REF, END or LEN say */
    kuni_text_view ref;
    kuni_text_view alts[KUNI_GVCF_ALLELES_MAX];
    uint32_t n_alts;               /* 0: ALT is "." */
    uint32_t n_concrete;           /* sequences among them */
    bool only_other;               /* no ALT but <*>, <NON_REF> or "." : a reference block */
    bool has_symbolic;             /* <DEL>, breakends and the like */
    bool filtered;                 /* by FILTER or by the sample's own FT */
    bool no_call;                  /* FILTER says NoCall: ./. is meant */
    int32_t qual;                  /* -1: missing */
    kuni_text_view fields[FIELDS]; /* length 0: absent or "." */
    kuni_text_view infos[INFOS];
    uint32_t told_fields, told_infos; /* bits of those that are there: most lines have few */
} kuni_gvcf_record;

/* Remembers what stays the same from line to line. */
typedef struct kuni_gvcf_parser {
    const char *contig;
    size_t contig_length;
    int column;
    const char *ignored_filters; /* joined by '\n' */
    char format[512];            /* the FORMAT text of the line before, and what its fields are */
    size_t format_length;
    int8_t field_of[64];
    int n_fields;
    /* The last reference block with INFO of END alone: its text from ALT to "END=", and what that means. */
    char block[128];
    size_t block_length, block_alt_length;
    uint32_t block_n_alts;
    int32_t block_qual;
    bool block_filtered, block_no_call;
} kuni_gvcf_parser;

typedef enum kuni_gvcf_line {
    KUNI_GVCF_RECORD,
    KUNI_GVCF_OTHER_CONTIG,
    KUNI_GVCF_MALFORMED
} kuni_gvcf_line;

/* Takes a line apart. On KUNI_GVCF_MALFORMED *fault says why. */
kuni_gvcf_line kuni_gvcf_parse(kuni_gvcf_parser *parser, char *line, size_t length,
                               kuni_gvcf_record *record, const char **fault);

/* Number of a field of digits (a fraction is rounded; at most 10^12), or -1. */
int64_t kuni_view_any_number(kuni_text_view view);
static inline int64_t kuni_view_number(kuni_text_view view)
{
    enum { SURE = 9 }; /* so many digits are below the limit */
    int64_t value = 0;
    if (view.length == 0 || view.length > SURE) return kuni_view_any_number(view);
    for (size_t i = 0; i < view.length; i++) {
        unsigned digit = (unsigned)view.at[i] - '0';
        if (digit > 9) return kuni_view_any_number(view);
        value = value * 10 + digit;
    }
    return value;
}
/* Comma-separated whole numbers: how many, at most `most`; -1 where any is missing or no number. */
int kuni_view_numbers(kuni_text_view view, uint32_t *values, int most);
/* Reads a signed decimal number; false where the view is none. */
bool kuni_view_real(kuni_text_view view, double *value);
/* True for <*>, <NON_REF>, <X>: an allele that was not seen. */
bool kuni_is_other_allele(kuni_text_view allele);

#endif
