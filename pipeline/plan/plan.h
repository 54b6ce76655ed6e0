/* SPDX-License-Identifier: MIT */
/*
 * The plan: which steps run on which shards and batches, and which files each takes from which
 * other.
 *
 * A shard is what a task of READS or REGION does: a window of a contig, or a bundle of small ones
 * that share the task, its process, its files (packs, see pack.h) and its line of the journal, while
 * the stage sees one after another of them as its shard. There are two cuts into shards: see axis.h.
 *
 * A node is one step of one stage of the workflow. A node's tasks are numbered: READS and SAMPLE_SHARD
 * shard * n_batches + batch, SAMPLE run * n_batches + batch, BATCH batch, REGION shard, COHORT and
 * RANKS 0. Where a node's shards are spoken of these are the runs of a SAMPLE node: number r is the
 * batch's samples from r * `run` on. Nothing here is stored per
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

#include "axis.h"

enum {
    KUNI_PLAN_PREFLIGHT = 0, /* node number of the built-in preflight */
    KUNI_PLAN_NODES_MAX = 200,
    KUNI_PLAN_OUTPUTS_MAX = 12 /* of one step */
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
    size_t n_shards;  /* of the node: of the plan, or the runs of a batch; 0: it has no such axis */
    size_t run;       /* SAMPLE: samples in a task */
    bool joint;       /* its shards are those of the joint axis */
    int phase, level; /* level: 0, or one above its highest producer */
    /* READS: the step that sums its files a batch and stands for them once it is sealed; 0: none */
    size_t folded_by;
} kuni_node;

typedef struct kuni_plan {
    kuni_node *nodes; /* producers before consumers */
    size_t n_nodes;
    kuni_plan_axis reads, joint;
    bool unplaced; /* the last shard of `reads` is that of reads without a place */
    size_t n_batches;
    int64_t joint_bp; /* of a shard of `joint`, about */
    /* Why that axis is the reads' though it would be cut finer: a step that takes both; or NULL. */
    const char *joint_coarse;
    bool judged;
    kuni_arena *arena;
} kuni_plan;

/*
 * `preflight` is the stage whose only step becomes node 0. KUNI_USAGE names stage and kind of what
 * does not fit. `twins`: some participant has several samples, of which one counts.
 */
KUNI_MUST_CHECK kuni_status kuni_plan_make(kuni_plan *plan, const kuni_workflow *workflow,
                                           const kuni_genome *genome, const kuni_batch *batches,
                                           size_t n_batches, bool twins,
                                           const kuni_stage *preflight, kuni_error *err);
void kuni_plan_fini(kuni_plan *plan);
/* Whether stages fit together, as far as that can be known without reference and samples: KUNI_USAGE as above. */
KUNI_MUST_CHECK kuni_status kuni_plan_check(const kuni_workflow *workflow,
                                            const kuni_stage *preflight, kuni_error *err);

static inline bool kuni_node_by_shard(const kuni_node *node)
{
    return node->scatter == KUNI_SCATTER_READS || node->scatter == KUNI_SCATTER_REGION ||
           node->scatter == KUNI_SCATTER_SAMPLE_SHARD;
}

static inline bool kuni_node_by_batch(const kuni_node *node)
{
    return node->scatter == KUNI_SCATTER_READS || node->scatter == KUNI_SCATTER_BATCH ||
           kuni_scatter_by_sample(node->scatter);
}

/* The axis of a node by shard. */
static inline const kuni_plan_axis *kuni_plan_axis_of(const kuni_plan *plan, const kuni_node *node)
{
    return node->joint ? &plan->joint : &plan->reads;
}

/* Its tasks are of the samples' own files. */
static inline bool kuni_node_of_reads(const kuni_node *node)
{
    return node->scatter == KUNI_SCATTER_READS || kuni_scatter_by_sample(node->scatter);
}

/* Its files stand for those of another one: see kuni_step.folds. That is its inputs[0].node. */
static inline bool kuni_node_folds(const kuni_node *node)
{
    return node->step->folds;
}

static inline bool kuni_node_is_one(const kuni_node *node)
{
    return node->scatter == KUNI_SCATTER_COHORT || node->scatter == KUNI_SCATTER_RANKS;
}

/*
 * The samples of a SAMPLE or SAMPLE_SHARD task: from *first of the batch on, *n of them. 0: the batch
 * has no such run.
 */
void kuni_plan_run(const kuni_node *node, const kuni_batch *batch, int64_t shard, size_t *first,
                   size_t *n);
/* How a node's shard is called in names of files and in the journal; and back, -1 if by no means. */
enum { KUNI_PLAN_RUN_NAME_BYTES = 32 };
const char *kuni_plan_shard_name(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                                 char room[KUNI_PLAN_RUN_NAME_BYTES]);
int64_t kuni_plan_run_of_name(const kuni_node *node, const char *name);

/* Shard and batch of a task, -1 where the node has none; and back. */
void kuni_plan_place(const kuni_plan *plan, const kuni_node *node, size_t task, int64_t *shard,
                     int64_t *batch);
size_t kuni_plan_task(const kuni_plan *plan, const kuni_node *node, int64_t shard, int64_t batch);
/*
 * The shard of node `from` that a task of `node` takes from at `shard`: the same one, or of a finer axis, the
 * one that holds it.
 */
int64_t kuni_plan_shard_from(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                             const kuni_node *from);
/* True where nodes a and b are READS steps that share one decode. */
bool kuni_plan_fused(const kuni_node *a, const kuni_node *b);

#endif
