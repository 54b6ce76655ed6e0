/* SPDX-License-Identifier: MIT */
/*
 * The name that a sample's file gives it, against the manifest: a file that says that it is of
 * another sample of the manifest is a swap until shown otherwise. A name that no row has is another
 * laboratory's, and nobody's fault. Where a row has `name_in_file`, the file must say just that.
 */
#ifndef KUNI_TASK_SAMPLE_NAMES_H
#define KUNI_TASK_SAMPLE_NAMES_H

#include <stddef.h>

#include "kuni/sample.h"
#include "kuni/status.h"

/*
 * The ids of a cohort, to be looked up. The samples are borrowed; `{samples, n}` is one. They are sorted
 * at the first name that is not the sample's own: rarely, and a cohort may have a million.
 */
typedef struct kuni_sample_names {
    const kuni_sample *samples;
    size_t n;
    const kuni_sample **by_id; /* NULL: not yet sorted */
} kuni_sample_names;

void kuni_sample_names_fini(kuni_sample_names *names);

/*
 * KUNI_DATA where `name` (NULL: the file gives none) cannot be the sample's. *other, unless NULL:
 * it is another one than the manifest has, and no sample's of it.
 */
KUNI_MUST_CHECK kuni_status kuni_sample_names_check(kuni_sample_names *names,
                                                    const kuni_sample *sample, const char *name,
                                                    bool *other, kuni_error *err);

#endif
