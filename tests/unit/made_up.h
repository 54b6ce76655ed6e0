/* SPDX-License-Identifier: MIT */
/*
 * A made-up run for tests of the engine's parts: a genome of three shards, seven samples in three
 * batches, and stages of all scatters that copy words. Everything lies in the folder that the
 * process stands in; the dataset in `ds` there.
 *
 *   preflight     BATCH   a line for each sample whose file begins with "missing" or "afar"
 *   call          READS   words of the batch's samples              -> evidence
 *   tally.reads   READS   their number, also of the unplaced shard  -> partial
 *   tally.batch   BATCH   partials together                         -> qc
 *   joint         REGION  evidence of those who have a column       -> calls
 *   merge.list    COHORT  which calls make the whole; a report      -> assembly, report (published)
 *   merge.write   RANKS   the whole                                 -> all (published)
 *
 * A sample's file is a word, which says how a reads task fares on it: "bad" is damaged, "gone" is
 * out of reach, "crash" ends the process, "late" is damaged for the batch step only; all others are
 * fine.
 */
#ifndef KUNI_TESTS_MADE_UP_H
#define KUNI_TESTS_MADE_UP_H

#include "outcome.h"
#include "past.h"
#include "queue.h"

enum { MADE_UP_SAMPLES = 7, MADE_UP_BATCHES = 3, MADE_UP_LANES = 4, MADE_UP_STAGES = 4 };

typedef struct made_up {
    /* the run: made by made_up_open */
    kuni_run run;
    kuni_run_options options;
    kuni_sample samples[MADE_UP_SAMPLES];
    kuni_person people[MADE_UP_SAMPLES];
    kuni_batch batches[MADE_UP_BATCHES];
    kuni_workflow_stage stages[MADE_UP_STAGES];
    char paths[MADE_UP_SAMPLES][64];
    char folder[4096];
    /* what rank 0 knows: made by made_up_start */
    kuni_ledger ledger;
    kuni_past past;
    kuni_lane lane_list[MADE_UP_LANES];
    kuni_lanes lanes;
    kuni_orders orders;
    kuni_queue queue;
    kuni_journal *journal;
    kuni_progress *progress;
} made_up;

/* The files of samples, reference and dataset folder, with a fine word for each. Once a folder. */
void made_up_files(void);
/* A sample's word. */
void made_up_word(size_t sample, const char *word);
/* The run; before made_up_plan its fields may be changed. */
void made_up_open(made_up *m);
void made_up_open_reference(made_up *m, const char *fasta);
/* Makes the plan of the first n_stages stages. */
void made_up_plan(made_up *m, size_t n_stages);
void made_up_close(made_up *m);
/* Lanes, journal, samples and keys as the coordinator has them when the first phase begins. */
void made_up_start(made_up *m, size_t n_lanes);
void made_up_stop(made_up *m);

size_t made_up_node(const made_up *m, const char *folder);
kuni_task_state made_up_state(const made_up *m, const char *folder, int64_t shard, int64_t batch);
void made_up_phase(made_up *m, int phase);
/* The next work of a lane, handed out: it stays in orders.list. NULL: nothing. */
const kuni_work *made_up_next(made_up *m, int lane);
/* A result of a work that went well, with all its outputs written. */
void made_up_result(made_up *m, const kuni_work *work, kuni_job_result *result);
/* Ends the work that way. */
kuni_status made_up_end_well(made_up *m, uint64_t id, kuni_error *err);
/* All works of the phase, by all lanes in turn; their number. */
size_t made_up_play(made_up *m, int phase);
/* The rest of a phase that has begun. */
size_t made_up_play_on(made_up *m);
/* All phases; between the second and third the columns are fixed. */
size_t made_up_play_all(made_up *m);
/* Columns and the cohort's key, as before the last phase. */
void made_up_fix_columns(made_up *m);

extern const kuni_stage made_up_preflight;
extern const kuni_stage made_up_stage_list[MADE_UP_STAGES];

#endif
