/* SPDX-License-Identifier: MIT */
/*
 * The tables of a release, and how they are made: beside the export of its calls where its records have a
 * column a person, else by a pass of their own that writes no calls. Sites are decided about here, too, and what is
 * told of them and in tables is kept for later releases.
 */
#ifndef KUNI_COMMAND_RELEASE_TABLES_H
#define KUNI_COMMAND_RELEASE_TABLES_H

#include "disclosure.h"
#include "exporter.h"
#include "genes.h"
#include "release_plan.h"
#include "rewriter.h"
#include "summary.h"

enum { KUNI_RELEASE_TABLES_MAX = 16 };

typedef struct kuni_release_tables {
    const kuni_release_plan *plan;
    const char *folder;      /* where the release is made */
    kuni_rewriter *rewriter; /* what goes into the calls; NULL: there are none in this pass */
    kuni_strata strata;      /* of columns as exported */
    kuni_disclosure *discloses;
    kuni_features features;
    uint32_t *feature_people; /* by feature: who has a copy of its place */
    kuni_summary_plan counts; /* what pieces do */
    kuni_summary_piece *piece;
    kuni_buffer heading, contigs;
    kuni_genes genes;
    uint64_t *feature_identities;
    kuni_buffer journal;               /* of features: see kuni_disclosure_note */
    char *freq, *cases, *sweep, *told; /* paths; NULL: there is none */
    const char *paths[3];
    kuni_export_aside aside; /* to be given to the exporter */
    joint_pass pass;         /* likewise */
} kuni_release_tables;

/* Whether people are counted: for tables, or for what sites may tell. */
bool kuni_release_counts(const kuni_request *request);
/* Sets the names of tables and what lies beside them within the release, ended by NULL. */
void kuni_release_table_files(const kuni_request *request,
                              const char *files[KUNI_RELEASE_TABLES_MAX]);

/* With the past of the plan held. Borrows what is given. To be given to _fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_init(kuni_release_tables *tables,
                                                     const kuni_release_plan *plan,
                                                     const char *folder, kuni_error *err);
void kuni_release_tables_fini(kuni_release_tables *tables);
/* What only an opened dataset tells: its reference, and copies. Before the export. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_use(kuni_release_tables *tables,
                                                    const kuni_exporter *exporter, kuni_error *err);
/* What is not told of sites goes from them: asked of each record after it was counted. */
void kuni_release_tables_ask(const kuni_release_tables *tables, kuni_rewriting *rewriting);
/*
 * Rank 0, when all is counted: indices, what pieces left, the files that are no counts, and the chapter of what is
 * told.
 */
KUNI_MUST_CHECK kuni_status kuni_release_tables_finish(kuni_release_tables *tables,
                                                       kuni_error *err);

/* --- its parts --- */

/* Appends PATH.partN; nothing where there is no path. */
KUNI_MUST_CHECK kuni_status kuni_release_part_of(kuni_buffer *part, const char *path, size_t number,
                                                 kuni_error *err);
/* How many pieces left something. */
size_t kuni_release_count_parts(const char *path);
/* Sets what stands for features: their names, and the bases that are counted. */
KUNI_MUST_CHECK kuni_status kuni_release_identify_features(kuni_release_tables *tables,
                                                           kuni_error *err);
/* Writes the chapter, of what pieces and features have left. */
KUNI_MUST_CHECK kuni_status kuni_release_tell(kuni_release_tables *tables, kuni_error *err);

/* samples.tsv, where people are named, and sample_summary.tsv. */
KUNI_MUST_CHECK kuni_status kuni_release_write_samples(const kuni_release_plan *plan,
                                                       const char *folder, const char *heading,
                                                       kuni_error *err);
/* failures.tsv and RELEASE_NOTES.md. */
KUNI_MUST_CHECK kuni_status kuni_release_write_notes(const kuni_release_tables *tables,
                                                     kuni_error *err);
/* Appends who of the dataset was left out: a line a reason of failures.tsv. */
KUNI_MUST_CHECK kuni_status kuni_release_put_left_out(const kuni_release_plan *plan,
                                                      kuni_buffer *text, kuni_error *err);

#endif
