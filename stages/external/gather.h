/* SPDX-License-Identifier: MIT */
/*
 * What a step made once a sample, put together: a table of all, or a list of the files.
 *
 * Tables are put together where their headers are the same. The first line of each is the header; with
 * a column sample_id its lines must name the sample that the table is of, without one that column is
 * put first. Samples come in the order of the call set.
 */
#ifndef KUNI_STAGES_EXTERNAL_GATHER_H
#define KUNI_STAGES_EXTERNAL_GATHER_H

#include "kuni/stage.h"

/* One table of the inputs of a kind at `path`. KUNI_DATA names the sample whose table does not fit. */
KUNI_MUST_CHECK kuni_status gather_table(const kuni_task *task, const char *kind, const char *path,
                                         kuni_error *err);
/* The lines SAMPLE, tab, PATH of the inputs of a kind. */
KUNI_MUST_CHECK kuni_status gather_list(const kuni_task *task, const char *kind, const char *path,
                                        kuni_error *err);
/*
 * A table of those with a column in the call set of whom there is no file of the kind, and why: what
 * `failures` (a kind, or NULL) tells, or else that they do not bring what `feed` wants.
 */
KUNI_MUST_CHECK kuni_status gather_without(const kuni_task *task, const char *kind,
                                           const char *failures, kuni_feed feed, const char *path,
                                           kuni_error *err);

#endif
