/* SPDX-License-Identifier: MIT */
/*
 * The numbers of the generations: DATASET/trend.tsv, and trend.js with the same, which the published
 * pages read from beside `current`. They are of the history of the dataset, which what is
 * published must not depend on, and so lie outside of the generations. Rank 0 only.
 *
 * Numbers are those of published tables whose name ends in "summary.tsv" and whose first line is
 * "metric value" (tab): any stage may have one. They are told of the cohort, never of a person.
 */
#ifndef KUNI_ENGINE_TREND_H
#define KUNI_ENGINE_TREND_H

#include "run.h"

/* Adds the numbers of a generation, which stands in `current`, to those of the ones before. */
KUNI_MUST_CHECK kuni_status kuni_trend_add(const kuni_run *run, int64_t generation,
                                           kuni_error *err);

#endif
