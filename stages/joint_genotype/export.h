/* SPDX-License-Identifier: MIT */
/*
 * Renderings of a dataset's evidence, for `kuni export`: some samples in some regions, without
 * calling again.
 *
 * Genotypes are made from the samples' own evidence and the frequencies in the records of the call
 * set: they are those of the call set. AC, AN and all other counts are those of the exported
 * samples; QUAL, FILTER, EAF and EAN are the call set's. Only files of batches that hold an
 * exported sample are opened.
 */
#ifndef KUNI_JOINT_EXPORT_H
#define KUNI_JOINT_EXPORT_H

#include "kuni/stage.h"
#include "pass.h"

typedef struct joint_export joint_export;

typedef enum joint_export_kind {
    JOINT_EXPORT_DENSE,
    JOINT_EXPORT_PLINK, /* dense, records named CONTIG:POS */
    JOINT_EXPORT_SITES, /* no genotypes */
    JOINT_EXPORT_SPARSE /* mode "wz" only */
} joint_export_kind;

/*
 * Starts a file; mode as hts_open has it: "wb", "wz", "w". With `source`, which is borrowed, it has
 * a header, whose ##source says that; without, it continues another.
 */
KUNI_MUST_CHECK kuni_status joint_export_open(joint_export **made, joint_export_kind kind,
                                              const char *path, const char *mode,
                                              const char *source, kuni_error *err);
/*
 * The header goes to a file of its own: to `plain` as it is where no record has local alleles, to `local` as
 * it is where some has. Both are borrowed. To be called before the first joint_export_shard, of a file with a
 * source.
 */
void joint_export_heads(joint_export *made, const char *plain, const char *local);
/* Whether records so far have local alleles. */
bool joint_export_has_local(const joint_export *made);
/* What records go through; borrowed. To be called before the first joint_export_shard. */
void joint_export_through(joint_export *made, const joint_pass *pass);
/* The stage's parameters that a kind needs. */
KUNI_MUST_CHECK kuni_status joint_export_params(joint_export_kind kind, kuni_params *params,
                                                kuni_error *err);

/* Copies of X and Y as the call set has them. */
typedef struct joint_export_person {
    kuni_karyotype karyotype;
    bool undecided; /* not called where the sexes differ */
} joint_export_person;

/* Of all samples of a task as joint_export_shard takes it. */
KUNI_MUST_CHECK kuni_status joint_export_persons(const kuni_task *task,
                                                 joint_export_person *persons, kuni_error *err);

/* Where sites come from. */
typedef struct joint_export_source {
    const char *calls; /* what the stage wrote for the shard, with or without genotypes */
    /* Not 0: `calls` is a file of all shards, and the blocks of this one begin there. */
    uint64_t calls_at;
    /* What stages after it made of that, or of all shards: see added.h; or NULL. */
    const char *added;
    const char *added_index; /* tabix index of `added`, or NULL: it is of the shard alone */
} joint_export_source;

/*
 * Adds the records of the task's shard that start in `span`. The task is joint-genotype's with its
 * parameters; its columns choose the samples, its inputs are the evidence files of their batches;
 * it must be the same but for shard and inputs each time, and live until the end. Compressed blocks
 * end with the chunks (64 kb) of the evidence and with `span`: spans that are cut there may be
 * written to several files, which joined have the same bytes.
 */
KUNI_MUST_CHECK kuni_status joint_export_shard(joint_export *made, const kuni_task *task,
                                               const joint_export_source *source, kuni_span span,
                                               kuni_error *err);
/* Closes; frees also on failure. */
KUNI_MUST_CHECK kuni_status joint_export_finish(joint_export *made, kuni_error *err);
/* Accepts NULL. */
void joint_export_abandon(joint_export *made);

#endif
