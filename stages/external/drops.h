/* SPDX-License-Identifier: MIT */
/* Did a command pass on the records that came in? */
#ifndef KUNI_STAGES_EXTERNAL_DROPS_H
#define KUNI_STAGES_EXTERNAL_DROPS_H

#include "kuni/stage.h"
#include "output_check.h"
#include "values.h"

/* "5%", "0.25%": as hundredths of a percent; false where the text is no share of at most 100 %. */
bool drops_parse(const char *text, int64_t *basis_points);

/*
 * KUNI_BUG where the output of a kind has fewer records than the variant files of that kind that came in, or
 * records at fewer positions, by more than `may_drop` of them (rounded up to whole ones): records that were split or
 * doubled do not hide those that went. Files with an index beside them are counted by it where that decides, others are read.
 */
KUNI_MUST_CHECK kuni_status drops_check(const kuni_task *task, const value_table *table,
                                        const char *kind, const record_counts *out,
                                        const char *label, kuni_error *err);

#endif
