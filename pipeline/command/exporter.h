/* SPDX-License-Identifier: MIT */
/*
 * What `kuni export` was asked for, looked up in a dataset, and how it is written: by all ranks and
 * the jobs of each, to the same bytes at any number of them. All ranks work these out alike, from
 * the same files.
 */
#ifndef KUNI_COMMAND_EXPORTER_H
#define KUNI_COMMAND_EXPORTER_H

#include "joint_genotype/export.h"
#include "kuni/file.h"
#include "options.h"
#include "pack.h"
#include "preview.h"
#include "published_run.h"
#include "tombstones.h"

/* As --format names them. */
typedef enum kuni_export_format {
    KUNI_EXPORT_BCF,
    KUNI_EXPORT_VCF_GZ,
    KUNI_EXPORT_VCF,
    KUNI_EXPORT_SPARSE,
    KUNI_EXPORT_SITES,
    KUNI_EXPORT_GVCF,
    KUNI_EXPORT_PLINK,
    KUNI_EXPORT_PGEN,
    KUNI_EXPORT_ZARR,
    KUNI_EXPORT_SITES_TSV
} kuni_export_format;

/*
 * Files that are written beside the calls, from the same records: each share of the work writes its piece of
 * them, and the pieces are joined as those of the calls are.
 */
typedef struct kuni_export_aside {
    void *context;
    const char *const *paths; /* of the joined files; ended by NULL */
    bool plain;               /* the files are not packed by BGZF */
    /* In the process of the share, around the work; `piece` counts from 0 along the genome. */
    kuni_status (*begin)(void *context, size_t piece, kuni_error *err);
    kuni_status (*end)(void *context, kuni_error *err);
    void (*abandon)(void *context);
    /* Collective, when all pieces are there: joins them. NULL: one after another, each file. */
    kuni_status (*join)(void *context, size_t n_pieces, kuni_error *err);
} kuni_export_aside;

typedef struct kuni_export_request {
    const char *out;          /* the file; for gVCF the folder */
    int format;               /* kuni_export_format */
    const char *fields;       /* of FORMAT, separated by commas; NULL: as in the workflow */
    const char *likelihoods;  /* reference_likelihoods of the stage; NULL: as in the workflow */
    const char *stage;        /* id of a joint-genotype stage; NULL: the only one */
    const char *samples;      /* ids, separated by commas; NULL: all, or those of samples_file */
    const char *samples_file; /* ids, one a line; or NULL */
    kuni_texts regions;       /* lists of CONTIG or CONTIG:BEG-END; none: all */
    bool exact;               /* GQ and DP of reference blocks as they are */
    bool diploid;             /* gVCF: see kuni_gvcf_person */
    int64_t jobs;             /* processes at once, of every rank */
    const joint_pass *pass;   /* what records go through on their way; NULL: nothing */
    const kuni_export_aside *aside;
    bool nothing; /* the records go through `pass` alone, and no file is written */
    bool quality; /* GQ, DP and AD, wherever `fields` or the workflow leave them out */
    bool quiet;   /* print no path */
} kuni_export_request;

typedef struct kuni_exporter {
    const kuni_export_request *request;
    const kuni_run *run;
    const kuni_ledger *ledger;                    /* NULL: all is taken from `published` */
    const kuni_samples *samples;                  /* who has a column in the call set */
    const struct kuni_published_calls *published; /* NULL: records are made from evidence */
    size_t node;                                  /* of joint-genotype */
    const kuni_plan_axis *axis;                   /* its */
    size_t last_node, last_calls; /* what gives its records as later stages made them */
    joint_export_kind kind;
    kuni_span *spans; /* wanted, in genome order, apart */
    size_t n_spans, spans_capacity;
    int32_t *columns; /* by sample; -1: not wanted */
    size_t n_columns;
    kuni_tombstones stones; /* who has withdrawn, and is refused by name */
    kuni_params *params;
    kuni_pack_view views[2]; /* of the files of the span under way, where they are packed */
    const char *added[4];    /* fields that nobody asked for but `quality`; ended by NULL */
    kuni_arena *arena;
} kuni_exporter;

/* To be closed also on failure. */
KUNI_MUST_CHECK kuni_status kuni_exporter_init(kuni_exporter *x, const kuni_export_request *request,
                                               const kuni_preview *preview, kuni_error *err);
/* Likewise by the register and what is published alone: of use where records come from published files. */
KUNI_MUST_CHECK kuni_status kuni_exporter_init_published(kuni_exporter *x,
                                                         const kuni_export_request *request,
                                                         const kuni_published_run *current,
                                                         kuni_error *err);
void kuni_exporter_fini(kuni_exporter *x);
/* Whether a tombstone, which outranks the register, is of somebody who is to be exported. */
bool kuni_exporter_buried(const kuni_exporter *x);
/* To be called first by a share of the work. */
KUNI_MUST_CHECK kuni_status kuni_exporter_enter(kuni_exporter *x, kuni_error *err);

/*
 * The joint task of a span of the axis for the chosen samples, with the files that it takes of their
 * batches; in the arena.
 */
KUNI_MUST_CHECK kuni_status kuni_exporter_task(kuni_exporter *x, size_t span, kuni_task **task,
                                               kuni_error *err);
/*
 * The sites of a span of the axis as they were joint-genotyped (its call set, or its sites where the
 * stage wrote those too), and what was made of them later. Valid until the next call.
 */
KUNI_MUST_CHECK kuni_status kuni_exporter_source(kuni_exporter *x, size_t span,
                                                 joint_export_source *source, kuni_error *err);
/* The spans of the axis, from *first up to *end, of which some lies in a wanted one. */
void kuni_exporter_places(const kuni_exporter *x, size_t wanted, size_t *first, size_t *end);
/* What of a span of the axis lies in a wanted one; empty: beg >= end. */
kuni_span kuni_exporter_part(const kuni_exporter *x, size_t span, size_t wanted);

/* Collective. Writes the one file, indexed, and what belongs to it. */
KUNI_MUST_CHECK kuni_status kuni_export_calls(kuni_exporter *x, kuni_error *err);
/* Collective. The same records go through `pass`, and only what `aside` makes of them is written. */
KUNI_MUST_CHECK kuni_status kuni_export_instead(kuni_exporter *x, const joint_pass *pass,
                                                const kuni_export_aside *aside, kuni_error *err);
/* Collective. Writes a .pgen, .pvar and .psam. */
KUNI_MUST_CHECK kuni_status kuni_export_pgen(kuni_exporter *x, kuni_error *err);
/* Collective. Writes a VCF Zarr store, a folder. */
KUNI_MUST_CHECK kuni_status kuni_export_zarr(kuni_exporter *x, kuni_error *err);
/* Collective. Writes sites as a table, and its index. */
KUNI_MUST_CHECK kuni_status kuni_export_table(kuni_exporter *x, kuni_error *err);
/* Collective. Writes a gVCF a sample. */
KUNI_MUST_CHECK kuni_status kuni_export_gvcfs(kuni_exporter *x, kuni_error *err);

/* Where a share writes its piece of a file. */
KUNI_MUST_CHECK kuni_status kuni_export_piece_path(const char *whole, size_t piece, char path[4096],
                                                   kuni_error *err);
/*
 * A share's pieces of n files, of which `paths` are the wholes: begun, and put in their places. Those that
 * are not are discarded by the caller; `files` are NULL where there is nothing to discard.
 */
KUNI_MUST_CHECK kuni_status kuni_export_pieces_create(char *const *paths, size_t piece,
                                                      kuni_file **files, size_t n, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_export_pieces_commit(kuni_file **files, size_t n, kuni_error *err);
void kuni_export_pieces_discard(kuni_file **files, size_t n);
/* Collective. Makes a file of a first part (NULL: none), which lies beside it, and n pieces. */
KUNI_MUST_CHECK kuni_status kuni_export_join(const char *whole, const char *first, size_t n,
                                             kuni_error *err);
/* A .psam of the chosen samples, for plink2: it does not read sex or parents from BCF. */
KUNI_MUST_CHECK kuni_status kuni_export_psam(const kuni_exporter *x, const char *path,
                                             kuni_error *err);

#endif
