/* SPDX-License-Identifier: MIT */
/*
 * Several records of one position, while they are as their file has them.
 */
#ifndef KUNI_IMPORT_PLACES_H
#define KUNI_IMPORT_PLACES_H

#include "collected.h"

/*
 * Joins what records of one position say, where join.h can; what is left of a genotype of which the
 * record tells only a part is none. The events are in the order of the records.
 */
KUNI_MUST_CHECK kuni_status kuni_join_places(struct kuni_collect *collect,
                                             kuni_import_counts *counts, kuni_error *err);

#endif
