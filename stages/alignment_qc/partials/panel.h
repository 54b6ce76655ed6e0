/* SPDX-License-Identifier: MIT */
/*
 * An SVD panel of common SNPs, in the files of VerifyBamID2: PREFIX.bed (contig, beg, end, ref,
 * alt), PREFIX.mu (name, mean count of ALT copies), PREFIX.UD (loadings, one row a site), PREFIX.V
 * (sample scores; optional, names the ancestry cloud). Rows of the files correspond. Sites on
 * contigs the reference lacks are dropped; the rest is in genome order.
 */
#ifndef KUNI_ALIGNMENT_QC_PANEL_H
#define KUNI_ALIGNMENT_QC_PANEL_H

#include "kuni/buffer.h"
#include "kuni/genome.h"

enum { KUNI_QC_PCS_MAX = 10 };

typedef struct kuni_qc_site {
    int32_t tid;
    int64_t pos;
    char ref, alt;
    double mean;                     /* of ALT copies, 0..2 */
    double loading[KUNI_QC_PCS_MAX]; /* UD */
} kuni_qc_site;

typedef struct kuni_qc_panel {
    kuni_qc_site *sites;
    size_t n_sites;
    int n_pcs; /* columns of UD */
    /* Sites dropped: on contigs that the reference lacks, or with several ALTs. */
    size_t n_elsewhere;
} kuni_qc_panel;

/* Whether the panel's files can be opened. KUNI_USAGE or KUNI_IO names the one that cannot. */
KUNI_MUST_CHECK kuni_status kuni_qc_panel_probe(const char *bed, kuni_error *err);

/* `bed` is the path of the BED file; its siblings are found by their endings. */
KUNI_MUST_CHECK kuni_status kuni_qc_panel_read(kuni_qc_panel **panel, const char *bed,
                                               const kuni_genome *genome, kuni_error *err);
void kuni_qc_panel_free(kuni_qc_panel *panel);
/* First site at or after (tid, pos). */
size_t kuni_qc_panel_find(const kuni_qc_panel *panel, int32_t tid, int64_t pos);

#endif
