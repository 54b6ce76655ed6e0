/* SPDX-License-Identifier: MIT */
/*
 * A call set read from begin to end, position by position: what `kuni diff` compares. BCF or VCF, with
 * or without samples. Memory: the records of one position.
 *
 * A site is an allele: contig, position, REF and ALT, where bases that both end with are cut off (one
 * stays), so that it does not matter which other alleles share the record. '*' and symbolic alleles
 * are none.
 */
#ifndef KUNI_COMMAND_CALLS_READER_H
#define KUNI_COMMAND_CALLS_READER_H

#include <htslib/vcf.h>

#include "kuni/status.h"

/* A genotype of one sample. */
typedef struct kuni_genotype {
    const int32_t *alleles; /* as htslib has them */
    int copies;             /* 0: no call, also where one of the alleles is missing */
} kuni_genotype;

typedef struct kuni_calls_record {
    bcf1_t *record;
    int32_t *genotypes; /* as bcf_get_genotypes gives them */
    int room;
    int per_sample;       /* values of a sample; 0: the record has no genotypes */
    char filter[1024];    /* names, sorted, with ';' between: "PASS", "."; longer: KUNI_DATA */
    size_t n_sites;       /* of the record */
    int64_t an;           /* INFO/AN, -1: none; for call sets without genotypes */
    int32_t *info_counts; /* INFO/AC */
    int info_room, n_info_counts;
} kuni_calls_record;

/* A site of the position. */
typedef struct kuni_calls_site {
    const char *ref, *alt; /* not ended by NUL */
    int ref_bp, alt_bp;
    size_t record; /* number in the position */
    int allele;    /* number in the record */
    int64_t ac;    /* INFO/AC, -1: none */
} kuni_calls_site;

typedef struct kuni_calls_reader {
    const char *path; /* borrowed */
    htsFile *file;
    bcf_hdr_t *header;
    /* the position */
    int32_t tid; /* INT32_MAX: the end */
    int64_t pos; /* 0-based */
    kuni_calls_record *records;
    size_t n_records, records_capacity, records_made;
    kuni_calls_site *sites; /* by REF, then ALT */
    size_t n_sites, sites_capacity;
    /* ahead of it */
    bcf1_t *next;
    bool ended;
    bool with_genotypes; /* what is wanted of the records */
    int64_t read_records;
} kuni_calls_reader;

/* KUNI_IO where it cannot be opened or read; KUNI_DATA: no call set. To be closed also on failure. */
KUNI_MUST_CHECK kuni_status kuni_calls_open(kuni_calls_reader *reader, const char *path,
                                            kuni_error *err);
/* True where every record has a genotype of every sample: neither sites alone nor sparse. */
bool kuni_calls_are_dense(const kuni_calls_reader *reader);
/*
 * Goes to the next position; tid is INT32_MAX behind the last. KUNI_DATA: positions out of order, or
 * an allele that stands there twice.
 */
KUNI_MUST_CHECK kuni_status kuni_calls_next(kuni_calls_reader *reader, kuni_error *err);
/* The genotype of a column in a record of the position. */
kuni_genotype kuni_calls_genotype(const kuni_calls_record *record, int32_t column);
/* < 0, 0, > 0: the order of sites at a position. */
int kuni_calls_site_order(const kuni_calls_site *a, const kuni_calls_site *b);
void kuni_calls_close(kuni_calls_reader *reader);

#endif
