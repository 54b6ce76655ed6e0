/* SPDX-License-Identifier: MIT */
/* What `kuni diff` found, for people and as JSON. */
#ifndef KUNI_COMMAND_DIFF_REPORT_H
#define KUNI_COMMAND_DIFF_REPORT_H

#include "generation.h"

typedef struct kuni_diff_report {
    const kuni_generation *first, *second;
    const char *file; /* as published */
    const kuni_changes *changes;
    const kuni_diff_result *result;
} kuni_diff_report;

/* To stdout. */
void kuni_diff_print(const kuni_diff_report *report);
KUNI_MUST_CHECK kuni_status kuni_diff_print_json(const kuni_diff_report *report, kuni_error *err);

#endif
