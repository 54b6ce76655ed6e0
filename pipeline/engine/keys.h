/* SPDX-License-Identifier: MIT */
/*
 * Content keys: a digest of all that a task's outputs depend on, and of nothing else.
 *
 *   stage name and version, step name                    node digest
 *   parameters of the step; files by content, not path   node digest
 *   reference: names, lengths and MD5 of all contigs     node digest
 *   ploidy: name, or content of the file                 node digest
 *   shard span, batch name
 *   samples                                              digest of samples, which depends on the task
 *     reads tasks: id, file of the batch's samples that are not quarantined
 *     preflight: files of the batch's samples
 *     batch tasks: id, kin, groups, quarantine of the batch's samples
 *     others: the same and sex of the whole cohort, which is what columns follow from
 *   inputs                                               digests of their contents
 *     (so that a change that makes no difference goes no further)
 *
 * Two tasks of one key make the same bytes: whoever finds a key in the journal with intact outputs
 * need not run it.
 */
#ifndef KUNI_ENGINE_KEYS_H
#define KUNI_ENGINE_KEYS_H

#include "hash.h"
#include "journal.h"
#include "run.h"
#include "samples.h"

/* Digests of parameter files that were made before; kept in the journal. */
typedef struct kuni_known_file {
    char *path;
    int64_t bytes, mtime_ns;
    char digest[KUNI_DIGEST_HEX_BYTES];
} kuni_known_file;

typedef struct kuni_known_files {
    kuni_known_file *files;
    size_t n, capacity;
} kuni_known_files;

KUNI_MUST_CHECK kuni_status kuni_known_files_add(kuni_known_files *known, const char *path,
                                                 int64_t bytes, int64_t mtime_ns,
                                                 const char *digest, kuni_error *err);
void kuni_known_files_fini(kuni_known_files *known);

typedef struct kuni_keys {
    const kuni_run *run;
    kuni_hash nodes[KUNI_PLAN_NODES_MAX];
    kuni_hash cohort; /* set by kuni_keys_set_cohort */
} kuni_keys;

/*
 * Digests what holds for whole nodes. Files that are not among the known are read; they are added
 * to `known` and, where `journal` is given, to it. Needs the MD5 of every contig: see
 * kuni_dataset_reference.
 */
KUNI_MUST_CHECK kuni_status kuni_keys_init(kuni_keys *keys, const kuni_run *run,
                                           kuni_known_files *known, kuni_journal *journal,
                                           kuni_error *err);
/* Once the quarantine list is final. */
KUNI_MUST_CHECK kuni_status kuni_keys_set_cohort(kuni_keys *keys, const kuni_samples *samples,
                                                 kuni_error *err);
/*
 * Key of a task. `samples_digest`: kuni_samples_digest for reads tasks and the preflight,
 * kuni_samples_column_digest of the batch for batch tasks, NULL for others. `inputs`:
 * kuni_task_table_inputs.
 */
KUNI_MUST_CHECK kuni_status kuni_keys_task(const kuni_keys *keys, size_t node, size_t task,
                                           const kuni_hash *samples_digest, const kuni_hash *inputs,
                                           kuni_hash *key, kuni_error *err);
/* The digest of a file that a parameter names; `known` and `journal` as in kuni_keys_init. */
KUNI_MUST_CHECK kuni_status kuni_keys_file(const char *path, kuni_known_files *known,
                                           kuni_journal *journal, char hex[KUNI_DIGEST_HEX_BYTES],
                                           kuni_error *err);
/* Whether a node's command names the workflow's resource NAME: its parameter `resources` says so. */
bool kuni_keys_takes_resource(const kuni_node *node, const char *name);
/* Digest of the names, lengths and MD5s of the reference's contigs. */
KUNI_MUST_CHECK kuni_status kuni_keys_reference(const kuni_run *run, kuni_hash *hash,
                                                kuni_error *err);
/* The parameters of a node as text, files by digest: "name=value\n" lines. */
KUNI_MUST_CHECK kuni_status kuni_keys_params(const kuni_run *run, const kuni_node *node,
                                             kuni_known_files *known, kuni_journal *journal,
                                             kuni_buffer *out, kuni_error *err);

#endif
