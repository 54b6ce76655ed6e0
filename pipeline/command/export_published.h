/* SPDX-License-Identifier: MIT */
/*
 * Records taken from a published file by its index, instead of being made again from evidence: where all people of the
 * call set are wanted, with settings that it was made with. Genotypes, INFO and header are the same as those from evidence (sparse records: export_sparse.h); of sites
 * they are those of the published sites file, whose floats have six digits. A call set of 10,000 people has its records
 * cut out as fast as they can be read.
 */
#ifndef KUNI_COMMAND_EXPORT_PUBLISHED_H
#define KUNI_COMMAND_EXPORT_PUBLISHED_H

#include "exporter.h"

typedef struct kuni_published_calls { /* named in exporter.h */
    char *path, *index; /* NULL: what is wanted cannot be taken from a published file */
} kuni_published_calls;

/* Whether a published file can have what is asked for, as far as the request tells. */
bool kuni_published_form(const kuni_export_request *request);
/* KUNI_IO where a file that would be taken is not as it was published. To be ended also on failure. */
KUNI_MUST_CHECK kuni_status kuni_published_calls_find(kuni_published_calls *calls,
                                                      const kuni_exporter *x,
                                                      const kuni_published_run *current,
                                                      kuni_error *err);
void kuni_published_calls_fini(kuni_published_calls *calls);

/* A share's file under way. */
typedef struct kuni_copying kuni_copying;

/* Mode as hts_open has it. The file has no header: see kuni_copying_heads. `source`: what the header says that it is made by. */
KUNI_MUST_CHECK kuni_status kuni_copying_open(kuni_copying **made, const kuni_exporter *x,
                                              const char *path, const char *mode,
                                              const char *source, kuni_error *err);
/* As joint_export_heads, at once. */
KUNI_MUST_CHECK kuni_status kuni_copying_heads(const kuni_copying *copying, const char *plain,
                                               const char *local, kuni_error *err);
/*
 * The header goes into the file itself, which is all of the export, and what is added is indexed at once: at the end
 * there is `index`. *done false, and nothing is done: it is known only with the last record what the header has to tell,
 * or the format is another than BCF. To be called before the first span, instead of kuni_copying_heads.
 */
KUNI_MUST_CHECK kuni_status kuni_copying_whole(kuni_copying *copying, const char *index, bool *done,
                                               kuni_error *err);
/* Adds the records that start in the span. Compressed blocks end where those of joint_export_shard do. */
KUNI_MUST_CHECK kuni_status kuni_copying_span(kuni_copying *copying, kuni_span span,
                                              kuni_error *err);
/* Whether records so far have local alleles. */
bool kuni_copying_has_local(const kuni_copying *copying);
/* Closes; frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_copying_finish(kuni_copying *copying, kuni_error *err);
/* Accepts NULL. */
void kuni_copying_abandon(kuni_copying *copying);

#endif
