/* SPDX-License-Identifier: MIT */
/*
 * Long deletions and duplications from soft clips: where the clipped ends of several reads agree
 * and match the reference a little further on, the two places are neighbours on the molecule.
 */
#ifndef KUNI_CALL_CLIPS_H
#define KUNI_CALL_CLIPS_H

#include "active.h"
#include "variants.h"

enum { KUNI_CLIP_VARIANTS_MAX = 8 };

/*
 * Finds variants that the clips beside the bases of `region` spell; alt bytes from `arena`. *beg
 * and *end are widened to hold both ends of each.
 */
KUNI_MUST_CHECK kuni_status kuni_clips_find(const kuni_active *region,
                                            const kuni_read_window *window,
                                            const kuni_call_reference *reference,
                                            kuni_variant *found, size_t *n_found, int64_t *beg,
                                            int64_t *end, kuni_arena *arena, kuni_error *err);

#endif
