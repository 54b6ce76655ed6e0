/* SPDX-License-Identifier: MIT */
/*
 * The ledger of a run: who takes part, which tasks there are, what is done. Rank 0 only.
 *
 * It ties the samples, the table of tasks and the content keys together and knows nothing of ranks,
 * messages or the journal: what comes next (queue.h), what was done before (past.h) and what comes
 * of a piece of work (outcome.h) all read and write it.
 */
#ifndef KUNI_ENGINE_LEDGER_H
#define KUNI_ENGINE_LEDGER_H

#include "keys.h"
#include "names.h"
#include "samples.h"
#include "seal.h"
#include "task_table.h"

typedef enum kuni_seal_state {
    KUNI_SEAL_NONE,
    KUNI_SEAL_FILES, /* the step's files are there */
    KUNI_SEAL_FOLDED /* those of the step that folds them are, and tasks have no outputs any more */
} kuni_seal_state;

typedef struct kuni_ledger {
    kuni_run *run;
    kuni_samples samples;
    kuni_keys keys; /* made by kuni_keys_init once the parameters' files may be read */
    kuni_task_table table;
    /* [node * KUNI_PLAN_OUTPUTS_MAX + output]: of nodes with one task */
    kuni_stored_output *finals;
    /* [node * n_batches + batch]: kuni_seal_state of steps whose files are primary data */
    uint8_t *sealed;
    /* likewise: the journal says that there is a seal, and has the tasks no more */
    uint8_t *promised;
    /* likewise, of such steps that are not sealed: [shard * n_outputs + output]; NULL: none done */
    kuni_stored_output **kept;
    /* by node, of tasks by kuni_ledger_weight: of all, done, and of these done before this run */
    int64_t genome_bp; /* of all that is processed */
    double *weight_all, *weight_done, *weight_reused;
    kuni_names node_names, batch_names, sample_names;
    kuni_names shard_names[2]; /* of the reads' axis and the joint one */
    kuni_arena *arena;         /* for paths; cleared often */
} kuni_ledger;

/* The number of a node's shard by its name, or -1. */
int64_t kuni_ledger_shard(const kuni_ledger *ledger, size_t node, const char *name);

/* A finished ledger is to be freed by kuni_ledger_fini also after a failure. */
KUNI_MUST_CHECK kuni_status kuni_ledger_init(kuni_ledger *ledger, kuni_run *run, kuni_error *err);
void kuni_ledger_fini(kuni_ledger *ledger);

/*
 * Marks reads tasks that are not to be done: no sample of the batch brings their feed, or no place.
 */
void kuni_ledger_mark_absent(kuni_ledger *ledger);
/* True for steps whose tasks are made from reads alone: those that are sealed. */
bool kuni_ledger_seals(const kuni_node *node);
/* These, and those that fold them. */
bool kuni_ledger_has_seal(const kuni_node *node);
/* Whether all that the plan makes of a batch's reads is sealed. */
bool kuni_ledger_batch_is_sealed(const kuni_ledger *ledger, size_t batch);
/* Looks at the reads of batches that are not sealed; of the others they are no matter any more, and no
 * preflight opens them. */
KUNI_MUST_CHECK kuni_status kuni_ledger_survey(kuni_ledger *ledger, kuni_error *err);
/* What one sample adds to the keys of a node of reads. */
void kuni_ledger_sample_digest(const kuni_ledger *ledger, size_t node, size_t sample,
                               kuni_hash *hash);
/*
 * What the seal of a node and batch tells that it was made with: the settings, and of steps with
 * sees_facts, what was told of the people, less those who were erased.
 */
void kuni_ledger_made(const kuni_ledger *ledger, size_t node, size_t batch, kuni_hash *hash);
/* Of the samples of a task of reads, all of them or those that are not in quarantine. */
void kuni_ledger_samples_digest(const kuni_ledger *ledger, size_t node, size_t task, bool all,
                                kuni_hash *hash);
/* The key of a task whose inputs are settled. */
KUNI_MUST_CHECK kuni_status kuni_ledger_key(const kuni_ledger *ledger, size_t node, size_t task,
                                            kuni_hash *key, kuni_error *err);
/* What it is made of, in short. */
KUNI_MUST_CHECK kuni_status kuni_ledger_made_of(const kuni_ledger *ledger, size_t node, size_t task,
                                                kuni_made_of *of, kuni_error *err);
/* How much a task is beside others of its node: base pairs x samples. */
double kuni_ledger_weight(const kuni_ledger *ledger, size_t node, size_t task);
/* Sets weight_all of a node: who is absent is known. */
void kuni_ledger_weigh(kuni_ledger *ledger, size_t node);
/* An earlier run did it: kuni_ledger_done is called, too. */
void kuni_ledger_reused(kuni_ledger *ledger, size_t node, size_t task);
/* The task is done under its key; `outputs`: one for each output port. */
KUNI_MUST_CHECK kuni_status kuni_ledger_done(kuni_ledger *ledger, size_t node, size_t task,
                                             const kuni_hash *key,
                                             const kuni_stored_output *outputs, kuni_error *err);

#endif
