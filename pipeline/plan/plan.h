/* SPDX-License-Identifier: MIT */
/*
 * The plan: which steps run on which shards and batches, and which files each takes from which
 * other.
 *
 * A shard is what a task of READS or REGION does: a window of a contig, or a bundle of small ones
 * that share the task, its process, its files (packs, see pack.h) and its line of the journal, while
 * the stage sees one after another of them as its shard.
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

#include "kuni/genome.h"
#include "workflow.h"

enum {
    KUNI_PLAN_PREFLIGHT = 0, /* node number of the built-in preflight */
    KUNI_PLAN_NODES_MAX = 200,
    KUNI_PLAN_OUTPUTS_MAX = 12, /* of one step */
    KUNI_PLAN_SHARDS_MAX = 1 << 20
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
    int phase, level; /* level: 0, or one above its highest producer */
} kuni_node;

/* One span, or a bundle: several small ones that are next to each other among the spans. */
typedef struct kuni_plan_shard {
    uint32_t first, n; /* of the plan's spans */
    int64_t bp;        /* of all of them */
} kuni_plan_shard;

typedef struct kuni_plan {
    kuni_node *nodes; /* producers before consumers */
    size_t n_nodes;
    /*
     * What stages know as shards: windows of a contig each, in genome order; with `unplaced` the
     * last is that of reads without a place (tid -1).
     */
    kuni_span *spans;
    size_t n_spans;
    kuni_plan_shard *shards; /* what has tasks and files; they take all spans in order */
    /* "chr1-0-5000000", "unplaced"; of a bundle "chrUn_1-0-900+64-DIGEST": safe as file names,
     * unique, and another where the spans are others */
    const char **shard_names;
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
                                           const kuni_genome *genome, const kuni_batch *batches,
                                           size_t n_batches, bool twins,
                                           const kuni_stage *preflight, kuni_error *err);
void kuni_plan_fini(kuni_plan *plan);

/*
 * Puts spans together into shards; `shards` has room for as many as there are spans. Returns how
 * many there are.
 */
size_t kuni_plan_bundle(const kuni_span *spans, size_t n_spans, int64_t shard_bp, int64_t bundle,
                        kuni_plan_shard *shards);

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

/* Its tasks are of the samples' own files. */
static inline bool kuni_node_of_reads(const kuni_node *node)
{
    return node->scatter == KUNI_SCATTER_READS || kuni_scatter_by_sample(node->scatter);
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
/* The name of a shard of this span alone; in the arena. */
const char *kuni_plan_span_name(const kuni_plan *plan, size_t span, const kuni_genome *genome,
                                kuni_arena *arena, kuni_error *err);
/* The shard that holds a span. */
size_t kuni_plan_shard_of(const kuni_plan *plan, size_t span);
/* Relative cost of a shard: its length; reads without a place count as a typical shard. */
int64_t kuni_plan_weight(const kuni_plan *plan, int64_t shard);
/* True where nodes a and b are READS steps that share one decode. */
bool kuni_plan_fused(const kuni_node *a, const kuni_node *b);

/* Numbers of all shards, heaviest first; `order` has room for n_shards. */
KUNI_MUST_CHECK kuni_status kuni_plan_heaviest_first(const kuni_plan *plan, uint32_t *order,
                                                     kuni_error *err);

#endif
