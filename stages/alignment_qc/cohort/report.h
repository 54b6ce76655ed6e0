/* SPDX-License-Identifier: MIT */
/*
 * qc/report.html: one page that needs nothing else. Its template, program and charts are compiled
 * in; the numbers stand in the page as JSON. Distributions and bands are made here, so the page
 * stays small: at most KUNI_QC_REPORT_ROWS samples are listed (those in trouble first), the
 * distributions are of all.
 */
#ifndef KUNI_ALIGNMENT_QC_REPORT_H
#define KUNI_ALIGNMENT_QC_REPORT_H

#include "cohort.h"
#include "curves.h"

enum { KUNI_QC_REPORT_ROWS = 30000 };

KUNI_MUST_CHECK kuni_status kuni_qc_write_report(const kuni_qc_cohort *cohort,
                                                 const kuni_qc_curves *curves, const char *path,
                                                 kuni_error *err);

#endif
