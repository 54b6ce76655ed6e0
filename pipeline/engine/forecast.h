/* SPDX-License-Identifier: MIT */
/*
 * What a run would do and why, from a preview that was made with `forecast`: as if nobody came to be
 * quarantined on the way. A task runs where something of it is known to have changed; it follows where
 * nothing has but something that it takes is made again: it is not run if that turns out the same.
 */
#ifndef KUNI_ENGINE_FORECAST_H
#define KUNI_ENGINE_FORECAST_H

#include "preview.h"
#include "wanted.h"

typedef struct kuni_forecast_group {
    kuni_rerun why; /* of tasks that run */
    bool new_batch; /* reason NEW: of people who were not there before */
    size_t n;
} kuni_forecast_group;

typedef struct kuni_forecast_step {
    bool wanted; /* else the run does not come to it */
    size_t tasks, stands, runs, follows;
    kuni_forecast_group *groups; /* in no order */
    size_t n_groups, capacity;
    uint8_t after[KUNI_PLAN_NODES_MAX]; /* flags by node: what those that follow wait for */
} kuni_forecast_step;

typedef struct kuni_forecast {
    kuni_wanted wanted;
    kuni_forecast_step *steps; /* by node */
    size_t n_steps;
} kuni_forecast;

/*
 * KUNI_USAGE as kuni_wanted_make, and where --only would be refused. To be finished also after a
 * failure.
 */
KUNI_MUST_CHECK kuni_status kuni_forecast_make(kuni_forecast *forecast, kuni_preview *preview,
                                               kuni_error *err);
void kuni_forecast_fini(kuni_forecast *forecast);

#endif
