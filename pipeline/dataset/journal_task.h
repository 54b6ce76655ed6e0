/* SPDX-License-Identifier: MIT */
/*
 * The record of a task that is done, as a start reads it from a journal of millions: without a tree of values. Lines
 * that are as kuni writes them are taken apart where they stand; any other, and those that tell of samples, go the way
 * of all JSON, to the same record.
 */
#ifndef KUNI_DATASET_JOURNAL_TASK_H
#define KUNI_DATASET_JOURNAL_TASK_H

#include <jansson.h>

#include "seal.h"

enum { KUNI_JOURNAL_OUTPUTS_MAX = 64 };

/* Texts are borrowed for the call, NULL where the record does not tell. */
typedef struct kuni_journal_task {
    const char *node, *shard, *batch, *key, *made;
    size_t n_outputs;
    kuni_stored_output outputs[KUNI_JOURNAL_OUTPUTS_MAX]; /* bytes -1: null */
    bool outputs_good; /* else some are of another form, or too many */
    bool measured;     /* false: made from a seal, and counted before */
    double cpu_s, wall_s;
    int64_t parts, rss_bytes, bytes;     /* bytes: of all outputs */
    const json_t *skip, *drop, *without; /* arrays of sample ids */
} kuni_journal_task;

/*
 * Takes apart the object in `text`, which is cut up; false, and the text as it was: it is no task in the form that kuni
 * writes. Whatever it takes is JSON, and kuni_journal_task_of makes the same of it.
 */
bool kuni_journal_task_parse(char *text, size_t length, kuni_journal_task *task);
/* Of a record of type "task". */
void kuni_journal_task_of(const json_t *record, kuni_journal_task *task);

#endif
