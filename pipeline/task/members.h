/* SPDX-License-Identifier: MIT */
/*
 * Bundles: a task of several spans, as a stage sees it, which knows one span at a time.
 *
 * A step that runs on a bundle is run for one span after another, each time as a task of its own with
 * files of its own in a scratch folder; then the files of each kind are put together into a pack, the
 * task's output. A step that takes the files of bundles gets their members: all of them, or that of
 * its own span; as parts of the pack where its port says `in_place`, and as copies else.
 */
#ifndef KUNI_TASK_MEMBERS_H
#define KUNI_TASK_MEMBERS_H

#include "kuni/stage.h"

/* A task with packs among its files. Nothing of it is copied. */
typedef struct kuni_bundle {
    const kuni_step *step;
    const kuni_task *task; /* its shard is the first span, its files are the packs */
    size_t n_spans;        /* of its own shard; 0 or 1: no bundle */
    /* Of each input: the spans of its file; more than 1: a pack. NULL: no input is one. */
    const uint32_t *input_spans;
} kuni_bundle;

static inline bool kuni_is_bundle(const kuni_bundle *bundle)
{
    return bundle->n_spans > 1;
}

/*
 * The task of span number k as the stage shall see it, with a scratch folder and temporary outputs
 * below `folder`. Where the task is no bundle, these stay as they are. What it points to lives in
 * `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_member_task(const kuni_bundle *bundle, size_t k,
                                             const char *folder, kuni_arena *arena, kuni_task *out,
                                             kuni_error *err);
/* Takes away what kuni_member_task copied. */
void kuni_member_drop_inputs(const kuni_bundle *bundle, const kuni_task *member);
/*
 * Puts the output number `output` of all members into a pack at `path`, and removes their files.
 * Nothing is made where no member wrote it. KUNI_BUG where some did not though it is not optional.
 */
KUNI_MUST_CHECK kuni_status kuni_members_pack(const kuni_bundle *bundle, const kuni_task *members,
                                              size_t output, const char *path, kuni_error *err);

#endif
