/* SPDX-License-Identifier: MIT */
/*
 * Sealed batches. When every reads task of a step is done for a batch, its files become primary data:
 * no run makes them again, replaces or removes them, whatever happens to the reads or the manifest.
 * Rank 0 only.
 */
#ifndef KUNI_ENGINE_SEALS_H
#define KUNI_ENGINE_SEALS_H

#include "ledger.h"

/*
 * Marks the tasks of sealed batches done, and in the ledger who is not in their files. Every file is
 * looked at: KUNI_IO where one is missing or altered, which names it, the batch, its people, and
 * whether their reads are there. KUNI_USAGE where a seal was made with other settings. With
 * `override` (a recall) there are no seals. Needs the node digests of kuni_keys_init.
 */
KUNI_MUST_CHECK kuni_status kuni_seals_load(kuni_ledger *ledger, bool override, kuni_error *err);

/* Some seals: flags by node and batch, and by shard of the reads, whose files alone are looked at. */
typedef struct kuni_seal_choice {
    const bool *nodes;
    const uint8_t *batches, *shards;
} kuni_seal_choice;

/* As kuni_seals_load, of some seals, whatever the others are. */
KUNI_MUST_CHECK kuni_status kuni_seals_load_some(kuni_ledger *ledger,
                                                 const kuni_seal_choice *choice, kuni_error *err);

/* A file of a sealed batch that is not what its seal tells. */
typedef struct kuni_seal_damage {
    size_t node, batch, output;
    int64_t shard;    /* -1: the step has none */
    size_t number;    /* of the file among all, from 0 */
    const char *path; /* borrowed for the call */
    const kuni_stored_output *stored;
} kuni_seal_damage;

typedef kuni_status kuni_seal_damaged(void *context, const kuni_seal_damage *damage,
                                      kuni_error *err);

/* Every file that was looked at, by whichever thread did. */
typedef void kuni_seal_looked(void *context, int64_t bytes);

typedef struct kuni_seal_look {
    bool deep;              /* read every byte, else size and time are believed */
    size_t share, n_shares; /* every n-th file is looked at, from this one on; n_shares 1: all */
    kuni_seal_damaged *damaged;
    kuni_seal_looked *looked; /* or NULL */
    void *context;
} kuni_seal_look;

/* As kuni_seals_load, but calls `damaged` for every such file and goes on. *files counts what was looked
 * at, *all the files of all shares. */
KUNI_MUST_CHECK kuni_status kuni_seals_verify(kuni_ledger *ledger, const kuni_seal_look *how,
                                              size_t *files, size_t *all, kuni_error *err);
/* What all seals of the plan's steps tell of. */
typedef struct kuni_seals_sum {
    size_t batches, files;
    int64_t bytes;
} kuni_seals_sum;

KUNI_MUST_CHECK kuni_status kuni_seals_total(const kuni_run *run, kuni_seals_sum *sum,
                                             kuni_error *err);
/*
 * A step failed on its data: KUNI_IO as kuni_seals_load gives it if a file of a sealed batch is to
 * blame, of which every byte is read here; KUNI_OK if none is. `shard`, `batch`: of the step that
 * failed; -1: of all.
 */
KUNI_MUST_CHECK kuni_status kuni_seals_blame(kuni_ledger *ledger, int64_t shard, int64_t batch,
                                             kuni_error *err);
/*
 * The places of a node's files in a seal: as many as it has shards, or one. The shard of a place, -1: the
 * node has none; and how it is called there ("all" where there is none).
 */
size_t kuni_seals_places(const kuni_node *node);
int64_t kuni_seals_shard(const kuni_node *node, size_t place);
const char *kuni_seals_place_name(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                                  char room[KUNI_PLAN_RUN_NAME_BYTES]);
/*
 * KUNI_USAGE where steps that are not among `steps` (names of folders), of other workflows that share the
 * dataset, have sealed files of a batch that is flagged.
 */
KUNI_MUST_CHECK kuni_status kuni_seals_check_strangers(const kuni_run *run, const kuni_names *steps,
                                                       const uint8_t *batches, kuni_arena *arena,
                                                       kuni_error *err);
/* Whether a line of a seal tells of a file of this plan's; its shard, -1 where the node has none. */
bool kuni_seals_place(const kuni_ledger *ledger, size_t node, const kuni_seal_line *line,
                      int64_t *shard);
/* Path of the seal of a step and batch, in the ledger's arena. */
const char *kuni_seal_path(const kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err);
/*
 * Of batches that kuni_seals_make would seal now: who has withdrawn may not be in the files. The
 * cohort notes it, so that whoever is reinstated joins a new batch, as after a quarantine, instead of
 * having a column without evidence. *noted counts. To be in the register before the seals are made.
 */
void kuni_seals_note_withdrawn(kuni_ledger *ledger, size_t *noted);
/* Seals what is complete, and folds what can be; people who were quarantined on the way are noted in the cohort. Not those
 * batches of which somebody was left out of this run only. *made counts. */
KUNI_MUST_CHECK kuni_status kuni_seals_make(kuni_ledger *ledger, size_t *made, kuni_error *err);

#endif
