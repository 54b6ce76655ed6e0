/* SPDX-License-Identifier: MIT */
/*
 * The GA4GH variant counts of a batch, from its evidence files.
 *
 * Counted are called, unfiltered genotypes with an ALT allele on autosomes, each where it starts
 * (carried events are not counted again). A site counts once a kind, as `bcftools view -v
 * snps|indels` does: as a SNV if a called ALT is a substitution, as insertion or deletion (shorter
 * than 50 bp) if a called ALT is one. Heterozygous: two different alleles called; homozygous: two
 * equal ALT. Transitions and transversions: sites with one ALT only.
 */
#ifndef KUNI_ALIGNMENT_QC_VARIANTS_H
#define KUNI_ALIGNMENT_QC_VARIANTS_H

#include "kuni/evidence.h"
#include "kuni/params.h"
#include "kuni/stage.h"
#include "partials/counters.h"

/*
 * Adds the events of one evidence file; `counts[i]` is the vector of the batch's sample i, or NULL
 * to skip it.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_count_variants(const kuni_task_file *file,
                                                   const kuni_params *params,
                                                   uint64_t *const *counts, size_t n_samples,
                                                   kuni_error *err);
/* Adds one event. */
void kuni_qc_count_event(const kuni_event *event, uint64_t *counts);

#endif
