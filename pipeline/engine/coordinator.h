/* SPDX-License-Identifier: MIT */
/*
 * The coordinator, on rank 0: hands out work, keeps journal and quarantine, watches the ranks.
 *
 * It owns the parts below and moves messages and orders between them; each part has a header of its
 * own that tells what it may know.
 */
#ifndef KUNI_ENGINE_COORDINATOR_H
#define KUNI_ENGINE_COORDINATOR_H

#include "executor.h"
#include "lock.h"
#include "outcome.h"
#include "queue.h"

typedef struct kuni_coordinator {
    kuni_run *run;
    kuni_lock *lock;
    kuni_journal *journal;
    kuni_progress *progress;
    kuni_ledger ledger;      /* who takes part, what is done */
    kuni_past past;          /* what the journal says */
    kuni_queue queue;        /* what comes next */
    kuni_orders orders;      /* what is under way, failed, waits for another try */
    kuni_lanes lanes;        /* who does it */
    kuni_wanted wanted;      /* which steps */
    kuni_account account;    /* what it takes */
    int64_t eta_s, eta_ms;   /* to the end of the phase, -1: not known; when that was worked out */
    kuni_executor *executor; /* single process only */
    kuni_buffer message;
} kuni_coordinator;

KUNI_MUST_CHECK kuni_status kuni_coordinator_init(kuni_coordinator *c, kuni_run *run,
                                                  kuni_lock *lock, kuni_journal *journal,
                                                  kuni_progress *progress, const char *journal_path,
                                                  kuni_error *err);
void kuni_coordinator_fini(kuni_coordinator *c);
/*
 * Runs all phases. Rank 0 only; the others are in kuni_worker_run meanwhile. On return, whatever
 * the status, the others have been told to leave. The first failure's status and text where tasks
 * have failed; KUNI_AGAIN after a signal.
 */
KUNI_MUST_CHECK kuni_status kuni_coordinator_run(kuni_coordinator *c, kuni_error *err);

#endif
