/* SPDX-License-Identifier: MIT */
/*
 * What a run says while it goes: one line that is rewritten on a terminal, plain lines now and then
 * in a log, and DATASET/status.json for `kuni status`. Rank 0 only. A run of a thousand ranks fits
 * one screen.
 */
#ifndef KUNI_ENGINE_PROGRESS_H
#define KUNI_ENGINE_PROGRESS_H

#include <stdio.h>

#include "account.h"
#include "kuni/buffer.h"

typedef struct kuni_progress kuni_progress;

typedef struct kuni_progress_numbers {
    const char *phase; /* "start", "preflight", "reads", "seal", "judge", "joint", "publish" */
    size_t tasks, done, reused, failed, running;
    size_t samples, quarantined;
    int64_t weight_total,
        weight_done;             /* of the phase's work, for rate and ETA: base pairs x samples */
    int64_t weight_reused;       /* part of weight_done that was there before */
    int64_t eta_s;               /* to the end of the phase; -1: not known */
    const kuni_account *account; /* what has been taken so far; or NULL */
    int ranks;
} kuni_progress_numbers;

KUNI_MUST_CHECK kuni_status kuni_progress_new(kuni_progress **progress, const char *folder,
                                              const char *workflow, uint64_t epoch, bool quiet,
                                              kuni_error *err);
void kuni_progress_free(kuni_progress *progress);
/* Call often; prints and writes status.json when it is time. */
void kuni_progress_update(kuni_progress *progress, const kuni_progress_numbers *numbers);
/*
 * Until kuni_progress_go_on, or the next call of update or end, a thread writes status.json: for what
 * rank 0 does at one go. No process may be forked meanwhile. `phase`: what it does, in a word; NULL: as
 * before.
 */
void kuni_progress_stay(kuni_progress *progress, const char *phase);
void kuni_progress_go_on(kuni_progress *progress);
/* Prints a line that stays. */
void kuni_progress_say(kuni_progress *progress, const char *format, ...) KUNI_PRINTF(2, 3);
/* The last status.json: "done", "failed", "stopped" and the message. */
KUNI_MUST_CHECK kuni_status kuni_progress_end(kuni_progress *progress, const char *state,
                                              const char *message, int exit_status,
                                              kuni_error *err);

#endif
