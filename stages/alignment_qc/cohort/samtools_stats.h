/* SPDX-License-Identifier: MIT */
/*
 * A sample's metrics in the shape of `samtools stats`, which MultiQC and plot-bamstats parse.
 *
 * Numbers mean what they mean there, with the differences stated in the file itself: coverage is
 * the GA4GH coverage, and edits are counted against the reference instead of read from NM tags.
 */
#ifndef KUNI_ALIGNMENT_QC_SAMTOOLS_STATS_H
#define KUNI_ALIGNMENT_QC_SAMTOOLS_STATS_H

#include "kuni/buffer.h"
#include "metrics/metrics.h"

KUNI_MUST_CHECK kuni_status kuni_qc_put_samtools_stats(kuni_buffer *out,
                                                       const kuni_qc_summary *summary,
                                                       kuni_error *err);

#endif
