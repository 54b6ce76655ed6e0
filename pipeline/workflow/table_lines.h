/* SPDX-License-Identifier: MIT */
/* Lines of a table that people wrote: blank ones and comments passed over, faults collected. */
#ifndef KUNI_WORKFLOW_TABLE_LINES_H
#define KUNI_WORKFLOW_TABLE_LINES_H

#include "faults.h"
#include "kuni/lines.h"
#include "names.h"

/*
 * The next line that is not blank and does not start with "#" (but see `keep_comments`), to be
 * changed freely until the next call; NULL at the end. A line that is not UTF-8 is a fault and passed
 * over; one that is too long or no text is a fault and ends the table.
 */
KUNI_MUST_CHECK kuni_status kuni_table_next(kuni_lines *lines, bool keep_comments, char **line,
                                            kuni_faults *faults, kuni_error *err);

#endif
