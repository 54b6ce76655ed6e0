/* SPDX-License-Identifier: MIT */
/* What the placeholders of a sample stand for in a command that is run once a sample. */
#ifndef KUNI_STAGES_EXTERNAL_SAMPLE_VALUES_H
#define KUNI_STAGES_EXTERNAL_SAMPLE_VALUES_H

#include "kuni/stage.h"

/* Ended by NULL. */
extern const char *const sample_value_names[];

/*
 * The text of one of them for task->sample. A file whose index the manifest has elsewhere gets a link
 * in the scratch folder with its index beside it, where tools look. KUNI_DATA where there is no index.
 */
KUNI_MUST_CHECK kuni_status sample_value(const kuni_task *task, const char *name, kuni_arena *arena,
                                         const char **text, kuni_error *err);

#endif
