/* SPDX-License-Identifier: MIT */
/*
 * Work that has been handed out, and what follows from its end: the journal's record, another try,
 * a quarantine, a failure.
 */
#ifndef KUNI_ENGINE_OUTCOME_H
#define KUNI_ENGINE_OUTCOME_H

#include "account.h"
#include "job.h"
#include "lanes.h"
#include "ledger.h"
#include "progress.h"

/* Work that has been handed out. */
typedef struct kuni_order {
    kuni_work work;
    int lane;
    int64_t began_ms;
} kuni_order;

/* A unit of work that went wrong: the first node of the unit, its place, how often. */
typedef struct kuni_trouble {
    size_t node;
    int64_t shard, batch;
    int64_t attempts;
    int64_t losses; /* ranks that were lost while they ran it */
    int lane;       /* where it failed last: another is tried first */
    bool waiting;
    int64_t not_before_ms; /* of the next try */
} kuni_trouble;

typedef struct kuni_failure {
    size_t node;
    int64_t shard, batch;
    kuni_status status;
    char *text;
} kuni_failure;

typedef struct kuni_orders {
    kuni_ledger *ledger;
    kuni_lanes *lanes;
    kuni_journal *journal;
    kuni_progress *progress;
    kuni_account *account; /* or NULL */
    int phase;
    kuni_order *list;
    size_t n, capacity;
    kuni_trouble *troubles; /* of this phase */
    size_t n_troubles, troubles_capacity;
    kuni_failure *failures;
    size_t n_failures, failures_capacity;
    size_t failures_in_row;
    size_t left_out_in_row; /* samples left out of this run, with no work done between them */
    int64_t pause_ms; /* before the first further try; each next one waits four times as long */
} kuni_orders;

void kuni_orders_fini(kuni_orders *orders);
/* Forgets the troubles of the phase before. */
void kuni_orders_phase(kuni_orders *orders, int phase);
/* Notes that a lane has been given a work; takes it. */
KUNI_MUST_CHECK kuni_status kuni_orders_add(kuni_orders *orders, int lane, const kuni_work *work,
                                            kuni_error *err);
/* True where something that failed waits for another try. */
bool kuni_orders_retry_waits(const kuni_orders *orders);

/*
 * Deals with the end of an order: journal, table, quarantine, another try. Takes the order off the
 * list.
 */
KUNI_MUST_CHECK kuni_status kuni_outcome(kuni_orders *orders, uint64_t id,
                                         const kuni_job_result *result, kuni_error *err);
/* The rank of a lane is no more: what it had is done by others. */
KUNI_MUST_CHECK kuni_status kuni_outcome_lost(kuni_orders *orders, int lane, kuni_error *err);
/* Reads what the preflight found; quarantines. `faults` gets a line each. */
KUNI_MUST_CHECK kuni_status kuni_outcome_preflight(kuni_ledger *ledger, kuni_buffer *faults,
                                                   size_t *n_faults, kuni_error *err);

#endif
