/* SPDX-License-Identifier: MIT */
/*
 * The plan: which steps run on which shards and batches, and which files each takes from which
 * other.
 *
 * A node is one step of one stage of the workflow. A node's tasks are numbered: READS shard *
 * n_batches + batch, BATCH batch, REGION shard, COHORT and RANKS 0. Nothing here is stored per
 * task, so that a plan of a million samples takes kilobytes. All ranks make the same plan from the
 * same files; messages carry its numbers only.
 *
 * A phase starts when all tasks of the one before have ended, because the quarantine list must be
 * final before a file that covers several batches is made. Where the gate depends on quality control
 * (`judged`), the steps that judge the samples, and what these need, are a phase of their own, and
 * the rest is made of those who are let in.
 */
#ifndef KUNI_PLAN_PLAN_H
#define KUNI_PLAN_PLAN_H

#include "kuni/genome.h"
#include "workflow.h"

enum {
    KUNI_PLAN_PREFLIGHT = 0, /* node number of the built-in preflight */
    KUNI_PLAN_NODES_MAX = 200,
    KUNI_PLAN_OUTPUTS_MAX = 12, /* of one step */
    KUNI_PLAN_SHARDS_MAX = 1 << 20,
    KUNI_PLAN_BUNDLE_MAX = 1000 /* shards that one process does */
};

enum { /* kuni_node.phase */
       KUNI_PHASE_PREFLIGHT,
       KUNI_PHASE_READS,
       KUNI_PHASE_JUDGE,
       KUNI_PHASE_JOINT,
       KUNI_PHASES
};

/* An edge: input port `port` of a node takes output `output` of node `node`. */
typedef struct kuni_plan_input {
    size_t port, node, output;
} kuni_plan_input;

typedef struct kuni_node {
    const kuni_workflow_stage *stage; /* NULL: the preflight */
    const char *id;                   /* of the stage in the workflow */
    const kuni_step *step;
    const kuni_params *params;
    kuni_scatter scatter;
    const char *folder;      /* "call" or "call.step": below data/ and logs/ */
    kuni_plan_input *inputs; /* in port order */
    size_t n_inputs, n_outputs, n_tasks;
    int phase, level; /* level: 0, or one above its highest producer */
} kuni_node;

typedef struct kuni_plan {
    kuni_node *nodes; /* producers before consumers */
    size_t n_nodes;
    /* In genome order; with `unplaced` the last is that of reads without a place. */
    kuni_span *shards;
    const char **shard_names; /* "chr1-0-5000000", "unplaced": safe as file names, unique */
    size_t n_shards;
    size_t n_places; /* shards that are places: n_shards without the unplaced one */
    bool unplaced;
    size_t n_batches;
    int64_t shard_bp, bundle; /* regions.shard, regions.bundle */
    bool judged;
    kuni_arena *arena;
} kuni_plan;

/*
 * `preflight` is the stage whose only step becomes node 0. KUNI_USAGE names stage and kind of what
 * does not fit. `twins`: some participant has several samples, of which one counts.
 */
KUNI_MUST_CHECK kuni_status kuni_plan_make(kuni_plan *plan, const kuni_workflow *workflow,
                                           const kuni_genome *genome, size_t n_batches, bool twins,
                                           const kuni_stage *preflight, kuni_error *err);
void kuni_plan_fini(kuni_plan *plan);

/* Shard and batch of a task, -1 where the node has none; and back. */
void kuni_plan_place(const kuni_plan *plan, const kuni_node *node, size_t task, int64_t *shard,
                     int64_t *batch);
size_t kuni_plan_task(const kuni_plan *plan, const kuni_node *node, int64_t shard, int64_t batch);
/* Relative cost of a shard: its length; reads without a place count as a typical shard. */
int64_t kuni_plan_weight(const kuni_plan *plan, int64_t shard);
/* True where nodes a and b are READS steps that share one decode. */
bool kuni_plan_fused(const kuni_node *a, const kuni_node *b);

/* Numbers of all shards, heaviest first; `order` has room for n_shards. */
KUNI_MUST_CHECK kuni_status kuni_plan_heaviest_first(const kuni_plan *plan, uint32_t *order,
                                                     kuni_error *err);

/*
 * Which shards one process does: first[i] is the first shard of the bundle that holds shard i;
 * `first` has room for n_shards. Small shards next to each other are bundled up to the length of a
 * shard and regions.bundle of them, as long as some bundles are left for each of `lanes`. The cut
 * into shards, the tasks and their files are the same with any bundles.
 */
void kuni_plan_bundles(const kuni_plan *plan, size_t lanes, uint32_t *first);
/* True where tasks of the node may share a process with those of other shards. */
bool kuni_plan_bundled(const kuni_node *node);

#endif
