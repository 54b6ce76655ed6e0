/* SPDX-License-Identifier: MIT */
/*
 * The sweep of one sample over a shard: reads in, events and blocks out, cell by cell.
 */
#ifndef KUNI_CALL_SAMPLE_SWEEP_H
#define KUNI_CALL_SAMPLE_SWEEP_H

#include "call_counts.h"
#include "kuni/stage.h"
#include "regions/region.h"
#include "sites/site.h"

typedef struct kuni_sample_sweep kuni_sample_sweep;

/*
 * `reference` and `given` must cover the shard and KUNI_CALL_HALO_BP around it. All are borrowed.
 */
KUNI_MUST_CHECK kuni_status kuni_sample_sweep_new(kuni_sample_sweep **sweep,
                                                  const kuni_call_options *options,
                                                  const kuni_call_reference *reference,
                                                  const kuni_given_alleles *given, kuni_span shard,
                                                  const kuni_contig *contig,
                                                  const kuni_ploidy *ploidy,
                                                  kuni_evidence_writer *writer, kuni_error *err);
void kuni_sample_sweep_free(kuni_sample_sweep *sweep);
/* A sample begins: what was left of the one before is forgotten. `lead`: see lead.h. */
void kuni_sample_sweep_begin(kuni_sample_sweep *sweep, uint32_t sample, int lead);
/* The next record by position. */
KUNI_MUST_CHECK kuni_status kuni_sample_sweep_read(kuni_sample_sweep *sweep, const bam1_t *record,
                                                   kuni_error *err);
/* The sample's reads are through: the rest of the shard is called. */
KUNI_MUST_CHECK kuni_status kuni_sample_sweep_end(kuni_sample_sweep *sweep, kuni_error *err);
kuni_call_counts kuni_sample_sweep_get_counts(const kuni_sample_sweep *sweep);

#endif
