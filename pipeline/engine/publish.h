/* SPDX-License-Identifier: MIT */
/* Generations: what a finished run shows to the world. Rank 0 only. */
#ifndef KUNI_ENGINE_PUBLISH_H
#define KUNI_ENGINE_PUBLISH_H

#include "ledger.h"

/*
 * Publishes the results as a new generation: generations/NNNNNN, then `current` is swapped to it.
 * Where nothing has changed since the last one, nothing is done. *generation is what `current`
 * names afterwards.
 */
KUNI_MUST_CHECK kuni_status kuni_publish(const kuni_ledger *ledger, int64_t *generation,
                                         bool *changed, kuni_error *err);

/* As dataset.json tells of a stage whose first node is `first`: of its version, parameters, reference and ploidy. */
KUNI_MUST_CHECK kuni_status kuni_publish_stage(const kuni_keys *keys, const kuni_plan *plan,
                                               size_t first, char hex[KUNI_DIGEST_HEX_BYTES],
                                               kuni_error *err);
/* Likewise of what is covered, however it is cut into shards. */
KUNI_MUST_CHECK kuni_status kuni_publish_regions(const kuni_run *run,
                                                 char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err);

#endif
