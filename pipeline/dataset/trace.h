/* SPDX-License-Identifier: MIT */
/*
 * What tasks took, of which the journal has no line any more: DATASET/logs/tasks.jsonl.gz, a JSON
 * object a line. A compaction adds to it; nothing but `kuni tasks` reads it, and without it nothing is
 * lost but these numbers. A task may stand in it, or in it and the journal, several times: the
 * youngest ("at") counts.
 */
#ifndef KUNI_DATASET_TRACE_H
#define KUNI_DATASET_TRACE_H

#include "journal.h"

typedef struct kuni_trace kuni_trace;

/* Opens the file of the dataset for adding; makes it where it is missing. */
KUNI_MUST_CHECK kuni_status kuni_trace_open(kuni_trace **trace, const char *dataset,
                                            kuni_error *err);
/* Adds a "task" record of the journal without what is of no use here; others: nothing. */
KUNI_MUST_CHECK kuni_status kuni_trace_add(kuni_trace *trace, const json_t *record,
                                           kuni_error *err);
/* Flushes and closes; frees also on failure. Accepts NULL. */
KUNI_MUST_CHECK kuni_status kuni_trace_close(kuni_trace *trace, kuni_error *err);
/* Calls `visit` for each line that is whole; no file: none. */
KUNI_MUST_CHECK kuni_status kuni_trace_read(const char *dataset, kuni_journal_visitor *visit,
                                            void *context, kuni_error *err);

#endif
