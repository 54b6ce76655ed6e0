/* SPDX-License-Identifier: MIT */
/*
 * Bundles: a task of several spans or samples, as a stage sees it, which knows one at a time.
 *
 * A step that runs on a bundle is run for one span after another, each time as a task of its own with
 * files of its own in a scratch folder; then the files of each kind are put together into a pack, the
 * task's output. A step that takes the files of bundles gets their members: all of them, or that of
 * its own span; as parts of the pack where its port says `in_place`, and as copies else.
 *
 * A step that runs once a sample is run likewise for one sample after another, of each span; who takes
 * its packs gets the files of those who have a column, or that of its own sample. The members of a
 * pack stand span by span, the samples of a span in their order; a sample's is called after it.
 */
#ifndef KUNI_TASK_MEMBERS_H
#define KUNI_TASK_MEMBERS_H

#include "kuni/stage.h"

/* Samples next to each other in task->samples; n 0: no pack of samples. */
typedef struct kuni_sample_run {
    size_t first, n;
} kuni_sample_run;

/*
 * Of an input of another cut than the task's: its file's spans, which are those of the task's shards or hold
 * them (see `wider` of a port).
 */
typedef struct kuni_other_cut {
    const kuni_span *spans; /* of its members, in their order; NULL: of the same cut */
    /* Of each span of the task: the member that holds it; NULL: the task takes all members. */
    const uint32_t *members;
    const int64_t
        *shards; /* where all are taken, of each: the number in task->shards of its first */
} kuni_other_cut;

/* A task with packs among its files. Nothing of it is copied. */
typedef struct kuni_bundle {
    const kuni_step *step;
    const kuni_task *task; /* its shard is the first span, its files are the packs */
    size_t n_spans;        /* of its own shard; 0 or 1: no bundle */
    /* Of each input: the spans of its file; more than 1: a pack. NULL: no input is one. */
    const uint32_t *input_spans;
    const kuni_other_cut *input_cuts;  /* of each input; NULL: all are of the task's cut */
    kuni_sample_run samples;           /* of its own, of a step that runs once a sample */
    const kuni_sample_run *input_runs; /* of each input; NULL: no input is a pack of samples */
} kuni_bundle;

static inline bool kuni_is_bundle(const kuni_bundle *bundle)
{
    return bundle->n_spans > 1 || bundle->samples.n;
}

/* How often the step is run. */
static inline size_t kuni_bundle_members(const kuni_bundle *bundle)
{
    return (bundle->n_spans > 1 ? bundle->n_spans : 1) *
           (bundle->samples.n ? bundle->samples.n : 1);
}

/*
 * The task of member number k as the stage shall see it, with a scratch folder and temporary outputs
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
 * Members without a sample, of a step that runs once a sample, were left out.
 */
KUNI_MUST_CHECK kuni_status kuni_members_pack(const kuni_bundle *bundle, const kuni_task *members,
                                              size_t output, const char *path, kuni_error *err);
/*
 * The files of a bundle made from files of it: calls `make` for each member that has any of its inputs
 * (an optional file may be missing), in the scratch folder `folder`, which is removed, and packs what they made.
 */
typedef kuni_status kuni_member_maker(void *context, const kuni_task *member, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_members_make(const kuni_bundle *bundle, kuni_member_maker *make,
                                              void *context, const char *folder, kuni_arena *arena,
                                              kuni_error *err);
/*
 * A pack of samples anew at `to`, without those who are flagged in `gone` (by index into
 * task->samples); `bundle` tells of the task that made it. KUNI_DATA where it is not of these samples.
 */
KUNI_MUST_CHECK kuni_status kuni_members_without(const kuni_bundle *bundle, const char *from,
                                                 const uint8_t *gone, const char *to,
                                                 kuni_error *err);

#endif
