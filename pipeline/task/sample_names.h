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

/* The ids of a cohort, to be looked up. The samples are borrowed. */
typedef struct kuni_sample_names {
    const kuni_sample **by_id;
    size_t n;
} kuni_sample_names;

KUNI_MUST_CHECK kuni_status kuni_sample_names_init(kuni_sample_names *names,
                                                   const kuni_sample *samples, size_t n,
                                                   kuni_error *err);
void kuni_sample_names_fini(kuni_sample_names *names);

/*
 * KUNI_DATA where `name` (NULL: the file gives none) cannot be the sample's. *other, unless NULL:
 * it is another one than the manifest has, and no sample's of it.
 */
KUNI_MUST_CHECK kuni_status kuni_sample_names_check(const kuni_sample_names *names,
                                                    const kuni_sample *sample, const char *name,
                                                    bool *other, kuni_error *err);

#endif
