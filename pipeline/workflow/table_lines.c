/* SPDX-License-Identifier: MIT */
#include "table_lines.h"

#include <string.h>

kuni_status kuni_table_next(kuni_lines *lines, bool keep_comments, char **line, kuni_faults *faults,
                            kuni_error *err)
{
    for (;;) {
        kuni_line_fault fault;
        kuni_status status = kuni_lines_look(lines, line, &fault, err);
        if (status || !*line) return status;
        if (fault) {
            kuni_faults_add(faults, NULL, lines->number, 0, "%s", kuni_line_fault_text(fault));
            if (fault == KUNI_LINE_NOT_UTF8) continue; /* a slip, and the other lines count */
            *line = NULL;
            return KUNI_OK;
        }
        if (!(*line)[strspn(*line, " \t,")]) continue;
        if (**line == '#' && !keep_comments) continue;
        return KUNI_OK;
    }
}
