/* SPDX-License-Identifier: MIT */
/*
 * Numbers in names and short lines of kuni's own making, read strictly: nothing that it did not make
 * is taken for its own.
 */
#ifndef KUNI_DATASET_SCAN_H
#define KUNI_DATASET_SCAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the whole of `text` is as `pattern` says. In it '#' stands for a decimal number of digits
 * alone (no sign, no blanks, none that wraps), which goes to the next of `numbers`; a '*' at the end
 * for whatever follows; all else for itself. `numbers` has room for each '#'; where the answer is
 * false it may hold some of them.
 */
bool kuni_scan(const char *text, const char *pattern, uint64_t *numbers);

#endif
