/* SPDX-License-Identifier: MIT */
/*
 * Evidence of one sample in one shard, collected from its records and made consistent before it is
 * written: records of one position joined (join.h), events sorted, doubles dropped, contradictions turned into blocks that say so, blocks
 * cut where events lie.
 *
 * What becomes of a position depends on the records that overlap it and on those that overlap
 * these, so callers add records from a window wider than the shard: see kuni_collect_needs.
 */
#ifndef KUNI_IMPORT_COLLECT_H
#define KUNI_IMPORT_COLLECT_H

#include "facts.h"

typedef struct kuni_collect kuni_collect;

KUNI_MUST_CHECK kuni_collect *kuni_collect_new(kuni_span shard, kuni_error *err);
void kuni_collect_free(kuni_collect *collect);
void kuni_collect_clear(kuni_collect *collect);

/* Memory for an event's alleles and numbers, valid until the collection is cleared. */
kuni_arena *kuni_collect_arena(kuni_collect *collect);

/* For what is joined of several records. */
void kuni_collect_set_normaliser(kuni_collect *collect, kuni_normaliser normalise, void *context);

/* Adds an event. Texts and numbers are borrowed. */
KUNI_MUST_CHECK kuni_status kuni_collect_event(kuni_collect *collect, const kuni_event *event,
                                               const kuni_record_facts *facts, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_collect_block(kuni_collect *collect, const kuni_block *block,
                                               kuni_error *err);

/*
 * Blocks of reference that lie side by side in one band of GQ are joined, to the least GQ and depth among them, as long as their depths are
 * alike; both numbers are rounded down (kuni_block_floor_gq). Joining ends at multiples of KUNI_REBAND_BP, so that no cut into
 * shards shows: kuni_collect_needs gives a wider span. NULL: blocks stay as they are.
 */
void kuni_collect_set_bands(kuni_collect *collect, const kuni_reband *bands, int64_t contig_bp);

/*
 * The span whose records must have been added for this shard to come out right; it holds the shard.
 */
kuni_span kuni_collect_needs(const kuni_collect *collect);

/* Makes all consistent and writes what lies in the shard as `sample`. */
KUNI_MUST_CHECK kuni_status kuni_collect_write(kuni_collect *collect, uint32_t sample,
                                               kuni_evidence_writer *writer,
                                               kuni_import_counts *counts, kuni_error *err);

#endif
