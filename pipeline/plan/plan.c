/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

static size_t count_ports(const kuni_port *ports)
{
    size_t n = 0;
    while (ports && ports[n].kind) n++;
    return n;
}

/* --- nodes --- */

static kuni_status make_node(kuni_plan *plan, kuni_node *node, const kuni_workflow_stage *stage,
                             const char *id, const kuni_step *step, kuni_error *err)
{
    size_t room = strlen(id) + strlen(step->name) + 2;
    char *folder = kuni_arena_alloc(plan->arena, room, 1, err);
    if (!folder) return KUNI_MEMORY;
    snprintf(folder, room, "%s%s%s", id, step->name[0] ? "." : "", step->name);
    *node = (kuni_node){.stage = stage,
                        .id = id,
                        .step = step,
                        .params = stage ? stage->params : NULL,
                        .scatter = step->scatter,
                        .folder = folder,
                        .n_outputs = count_ports(step->outputs)};
    if (node->n_outputs > KUNI_PLAN_OUTPUTS_MAX)
        return kuni_fail(err, KUNI_BUG,
                         "stage %s declares %zu outputs in one step: at most %d are possible", id,
                         node->n_outputs, KUNI_PLAN_OUTPUTS_MAX);
    return KUNI_OK;
}

static kuni_status make_nodes(kuni_plan *plan, const kuni_workflow *workflow,
                              const kuni_stage *preflight, kuni_error *err)
{
    plan->nodes = kuni_arena_alloc(plan->arena, KUNI_PLAN_NODES_MAX, sizeof(kuni_node), err);
    if (!plan->nodes) return KUNI_MEMORY;
    kuni_status status = make_node(plan, &plan->nodes[plan->n_nodes++], NULL, preflight->name,
                                   &preflight->steps[0], err);
    for (size_t i = 0; i < workflow->n_stages && !status; i++) {
        const kuni_workflow_stage *stage = &workflow->stages[i];
        const kuni_step *steps;
        size_t n_steps;
        status = kuni_stage_steps(stage->stage, stage->params, plan->arena, &steps, &n_steps, err);
        if (status) return status;
        if (plan->n_nodes + n_steps > KUNI_PLAN_NODES_MAX)
            return kuni_fail(err, KUNI_USAGE, "stages: a workflow may have at most %d steps",
                             KUNI_PLAN_NODES_MAX);
        for (size_t j = 0; j < n_steps && !status; j++)
            status =
                make_node(plan, &plan->nodes[plan->n_nodes++], stage, stage->id, &steps[j], err);
    }
    return status;
}

/* --- inputs --- */

/* The last node of stage `s` before node `limit` that gives `kind`; false where none does. */
static bool giver_in_stage(const kuni_plan *plan, const kuni_workflow_stage *stage, size_t limit,
                           const char *kind, kuni_plan_input *found)
{
    for (size_t i = limit; i-- > 0;) {
        const kuni_node *node = &plan->nodes[i];
        if (node->stage != stage || !stage) continue;
        for (size_t o = 0; o < node->n_outputs; o++)
            if (strcmp(node->step->outputs[o].kind, kind) == 0) {
                found->node = i;
                found->output = o;
                return true;
            }
    }
    return false;
}

typedef struct search {
    uint8_t *seen; /* by workflow stage */
    size_t *queue, n_queue, head;
} search;

static void enqueue_needs(search *s, const kuni_workflow_stage *stage)
{
    for (size_t i = 0; i < stage->n_needs; i++) {
        size_t next = stage->needs[i];
        if (s->seen[next]) continue;
        s->seen[next] = 1;
        s->queue[s->n_queue++] = next;
    }
}

static kuni_status add_input(kuni_plan *plan, kuni_node *node, kuni_plan_input input,
                             size_t *capacity, kuni_error *err)
{
    (void)plan;
    kuni_status status = kuni_grow((void **)&node->inputs, capacity, node->n_inputs + 1,
                                   sizeof(kuni_plan_input), err);
    if (status) return status;
    node->inputs[node->n_inputs++] = input;
    return KUNI_OK;
}

static kuni_status no_giver(const kuni_node *node, const kuni_port *port, const kuni_plan *plan,
                            kuni_error *err)
{
    char givers[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t o = 0; o < plan->nodes[i].n_outputs && n < sizeof(givers); o++)
            if (strcmp(plan->nodes[i].step->outputs[o].kind, port->kind) == 0)
                n += (size_t)snprintf(givers + n, sizeof(givers) - n, "%s%s", n ? ", " : "",
                                      plan->nodes[i].id);
    return kuni_fail(err, KUNI_USAGE,
                     "stage %s needs a file of kind \"%s\" but no stage upstream gives it: %s%s%s",
                     node->id, port->kind,
                     n ? "add to its needs one of: " : "no stage of the workflow does", givers,
                     n ? "" : ": add one that does");
}

/*
 * Breadth first along `needs`: the nearest giver, or (many) every giver that no nearer one stands
 * before.
 */
static kuni_status resolve_port(kuni_plan *plan, kuni_node *node, size_t port_index, search *s,
                                size_t n_stages, const kuni_workflow *workflow, size_t *capacity,
                                kuni_error *err)
{
    const kuni_port *port = &node->step->inputs[port_index];
    kuni_plan_input found = {.port = port_index}, first = {.node = 0};
    if (giver_in_stage(plan, node->stage, (size_t)(node - plan->nodes), port->kind, &found))
        return add_input(plan, node, found, capacity, err);
    memset(s->seen, 0, n_stages);
    s->n_queue = s->head = 0;
    enqueue_needs(s, node->stage);
    size_t layer_end = s->n_queue, n_found = 0;
    while (s->head < s->n_queue) {
        const kuni_workflow_stage *stage = &workflow->stages[s->queue[s->head++]];
        if (giver_in_stage(plan, stage, plan->n_nodes, port->kind, &found)) {
            if (n_found++ && !port->many)
                return kuni_fail(
                    err, KUNI_USAGE,
                    "stage %s takes one file of kind \"%s\" but both %s and %s give it: "
                    "drop one of them from needs, or put one after the other",
                    node->id, port->kind, plan->nodes[first.node].id, stage->id);
            first = found;
            kuni_status status = add_input(plan, node, found, capacity, err);
            if (status) return status;
        } else {
            enqueue_needs(s, stage);
        }
        if (s->head == layer_end) {
            if (n_found && !port->many) break;
            layer_end = s->n_queue;
        }
    }
    return n_found || port->optional ? KUNI_OK : no_giver(node, port, plan, err);
}

static kuni_status resolve_inputs(kuni_plan *plan, const kuni_workflow *workflow, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t n_stages = workflow->n_stages;
    search s = {.seen = kuni_alloc(n_stages + 1, 1, err),
                .queue = kuni_alloc(n_stages + 1, sizeof(size_t), err)};
    if (!s.seen || !s.queue) status = KUNI_MEMORY;
    for (size_t i = 1; i < plan->n_nodes && !status; i++) {
        kuni_node *node = &plan->nodes[i];
        size_t capacity = 0;
        for (size_t p = 0; p < count_ports(node->step->inputs) && !status; p++)
            status = resolve_port(plan, node, p, &s, n_stages, workflow, &capacity, err);
    }
    free(s.seen);
    free(s.queue);
    return status;
}

/* --- the joint axis --- */

/*
 * Which nodes are on the joint axis: who takes parts of wider files, and who takes shard by shard from one
 * that is. Returns a node that would have to take whole shards of both; NULL: none does.
 */
static const kuni_node *choose_joint(kuni_plan *plan)
{
    const kuni_node *both = NULL;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        kuni_node *node = &plan->nodes[i];
        bool wide = false, finer = false, whole = false;
        if (!kuni_node_by_shard(node)) continue;
        for (size_t k = 0; k < node->n_inputs; k++) {
            const kuni_node *from = &plan->nodes[node->inputs[k].node];
            if (!kuni_node_by_shard(from)) continue;
            bool takes_parts = node->step->inputs[node->inputs[k].port].wider;
            finer = finer || from->joint;
            wide = wide || (!from->joint && takes_parts);
            whole = whole || (!from->joint && !takes_parts);
        }
        bool region = node->scatter == KUNI_SCATTER_REGION;
        node->joint = region && (finer || (wide && !whole));
        if (finer && (whole || !region)) both = node;
    }
    return both;
}

static kuni_status refuse_both(const kuni_node *both, kuni_error *err)
{
    return kuni_fail(err, KUNI_USAGE,
                     "regions.joint_shard: stage %s takes both what is made of reads and what "
                     "is made of all samples, shard by shard, so these must be cut alike: leave "
                     "joint_shard out, or have the stage take one of them",
                     both->id);
}

/* Where one step would have to take whole shards of both axes, all stay on the reads'. */
static kuni_status make_joint(kuni_plan *plan, const kuni_workflow *workflow,
                              const kuni_genome *genome, const kuni_batch *batches, kuni_error *err)
{
    size_t n = plan->n_batches;
    size_t n_samples = n ? batches[n - 1].first + batches[n - 1].n_samples : 0;
    plan->joint_bp =
        workflow->joint_bp ? workflow->joint_bp : kuni_axis_joint_bp(workflow->shard_bp, n_samples);
    if (plan->joint_bp > workflow->shard_bp) plan->joint_bp = workflow->shard_bp;
    if (plan->joint_bp == workflow->shard_bp) return KUNI_OK;
    const kuni_node *both = choose_joint(plan);
    bool any = false;
    if (both && workflow->joint_bp) return refuse_both(both, err);
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (both) plan->nodes[i].joint = false;
        any = any || plan->nodes[i].joint;
    }
    if (both) plan->joint_coarse = both->id;
    if (!any) plan->joint_bp = workflow->shard_bp;
    return any ? kuni_axis_make_joint(&plan->joint, &plan->reads, plan->joint_bp, genome,
                                      plan->arena, err)
               : KUNI_OK;
}

int64_t kuni_plan_shard_from(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                             const kuni_node *from)
{
    if (shard < 0 || !node->joint || from->joint || !kuni_node_by_shard(from)) return shard;
    uint32_t span = plan->joint.shards[shard].first;
    return (int64_t)kuni_axis_shard_of(&plan->reads, plan->joint.within[span]);
}

/* --- steps that fold --- */

static kuni_status wrong_fold(const kuni_node *node, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_BUG, "stage %s: step %s folds, but %s: see kuni_step.folds",
                     node->id, node->step->name, what);
}

/* A step that folds is all that takes what it folds, and takes all of it. */
static kuni_status link_fold(kuni_plan *plan, size_t fold, kuni_error *err)
{
    const kuni_node *node = &plan->nodes[fold];
    size_t from = node->n_inputs ? node->inputs[0].node : 0;
    kuni_node *reads = &plan->nodes[from];
    if (node->scatter != KUNI_SCATTER_BATCH) return wrong_fold(node, "is no BATCH step", err);
    if (!from || reads->stage != node->stage || reads->scatter != KUNI_SCATTER_READS ||
        reads->n_inputs)
        return wrong_fold(node, "takes no files of a READS step of its own", err);
    if (node->n_inputs != reads->n_outputs)
        return wrong_fold(node, "does not take all that the READS step gives, and nothing else",
                          err);
    for (size_t i = 1; i < plan->n_nodes; i++)
        for (size_t k = 0; k < plan->nodes[i].n_inputs; k++)
            if ((plan->nodes[i].inputs[k].node == from) != (i == fold))
                return wrong_fold(node, "is not the only one that takes what it takes", err);
    reads->folded_by = fold;
    return KUNI_OK;
}

static kuni_status link_folds(kuni_plan *plan, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 1; i < plan->n_nodes && !status; i++)
        if (kuni_node_folds(&plan->nodes[i])) status = link_fold(plan, i, err);
    return status;
}

/* --- phases --- */

/* The steps that judge samples, and of the late ones those that they need. */
static void rank_judges(kuni_plan *plan)
{
    for (size_t i = plan->n_nodes; i-- > 0;) {
        kuni_node *node = &plan->nodes[i];
        if (node->phase < KUNI_PHASE_JUDGE) continue;
        for (size_t o = 0; o < node->n_outputs; o++)
            if (node->scatter == KUNI_SCATTER_COHORT &&
                strcmp(node->step->outputs[o].kind, "sample-qc") == 0)
                node->phase = KUNI_PHASE_JUDGE;
        for (size_t k = 0; k < node->n_inputs && node->phase == KUNI_PHASE_JUDGE; k++) {
            kuni_node *from = &plan->nodes[node->inputs[k].node];
            if (from->phase == KUNI_PHASE_JOINT) from->phase = KUNI_PHASE_JUDGE;
        }
    }
}

static void rank_nodes(kuni_plan *plan)
{
    for (size_t i = 0; i < plan->n_nodes; i++) {
        kuni_node *node = &plan->nodes[i];
        bool late = !kuni_node_of_reads(node) && !kuni_node_folds(node);
        for (size_t k = 0; k < node->n_inputs; k++) {
            const kuni_node *from = &plan->nodes[node->inputs[k].node];
            if (from->level + 1 > node->level) node->level = from->level + 1;
            late = late || from->phase == KUNI_PHASE_JOINT;
        }
        node->phase = i == KUNI_PLAN_PREFLIGHT ? KUNI_PHASE_PREFLIGHT
                      : late                   ? KUNI_PHASE_JOINT
                                               : KUNI_PHASE_READS;
    }
    if (plan->judged) rank_judges(plan);
}

static void count_tasks(kuni_plan *plan, const kuni_batch *batches)
{
    for (size_t i = 0; i < plan->n_nodes; i++) {
        kuni_node *node = &plan->nodes[i];
        size_t most = 1;
        for (size_t b = 0; b < plan->n_batches; b++)
            if (batches[b].n_samples > most) most = batches[b].n_samples;
        switch (node->scatter) {
        case KUNI_SCATTER_SAMPLE:
            node->run =
                node->step->samples_per_task > 0 ? (size_t)node->step->samples_per_task : most;
            node->n_shards = (most + node->run - 1) / node->run;
            break;
        case KUNI_SCATTER_READS:
        case KUNI_SCATTER_SAMPLE_SHARD:
            node->n_shards = plan->reads.n_shards;
            break;
        case KUNI_SCATTER_REGION:
            node->n_shards = kuni_plan_axis_of(plan, node)->n_places;
            break;
        case KUNI_SCATTER_BATCH:
        case KUNI_SCATTER_COHORT:
        case KUNI_SCATTER_RANKS:
            break;
        }
        node->n_tasks = (node->n_shards ? node->n_shards : 1) *
                        (kuni_node_by_batch(node) ? plan->n_batches : 1);
    }
}

void kuni_plan_run(const kuni_node *node, const kuni_batch *batch, int64_t shard, size_t *first,
                   size_t *n)
{
    size_t begin = node->scatter == KUNI_SCATTER_SAMPLE ? (size_t)shard * node->run : 0;
    size_t left = begin < batch->n_samples ? batch->n_samples - begin : 0;
    *first = batch->first + begin;
    *n = node->scatter == KUNI_SCATTER_SAMPLE && left > node->run ? node->run : left;
}

/* --- names of a node's shards --- */

/* That of a run of a batch's samples. */
static void print_run(const kuni_node *node, size_t run, char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    (void)snprintf(room, KUNI_PLAN_RUN_NAME_BYTES, "samples-%zu+%zu", run * node->run, node->run);
}

const char *kuni_plan_shard_name(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                                 char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    if (shard < 0) return NULL;
    if (node->scatter != KUNI_SCATTER_SAMPLE) return kuni_plan_axis_of(plan, node)->names[shard];
    print_run(node, (size_t)shard, room);
    return room;
}

int64_t kuni_plan_run_of_name(const kuni_node *node, const char *name)
{
    char own[KUNI_PLAN_RUN_NAME_BYTES];
    char *end;
    static const char prefix[] = "samples-";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0) return -1;
    unsigned long long first = strtoull(name + sizeof(prefix) - 1, &end, 10);
    size_t shard = (size_t)first / node->run;
    if (first > INT32_MAX || shard >= node->n_shards) return -1;
    print_run(node, shard, own);
    return strcmp(own, name) == 0 ? (int64_t)shard : -1;
}

kuni_status kuni_plan_make(kuni_plan *plan, const kuni_workflow *workflow,
                           const kuni_genome *genome, const kuni_batch *batches, size_t n_batches,
                           bool twins, const kuni_stage *preflight, kuni_error *err)
{
    *plan =
        (kuni_plan){.n_batches = n_batches, .judged = twins || workflow->gate_qc != KUNI_GATE_ANY};
    kuni_status status = KUNI_OK;
    plan->arena = kuni_arena_new(err);
    if (!plan->arena) return KUNI_MEMORY;
    status = make_nodes(plan, workflow, preflight, err);
    if (status) goto fail;
    for (size_t i = 0; i < plan->n_nodes; i++)
        plan->unplaced = plan->unplaced || (plan->nodes[i].scatter == KUNI_SCATTER_READS &&
                                            plan->nodes[i].step->unplaced);
    status =
        kuni_axis_make_reads(&plan->reads, workflow, genome, &plan->unplaced, plan->arena, err);
    if (!status) status = resolve_inputs(plan, workflow, err);
    if (!status) status = make_joint(plan, workflow, genome, batches, err);
    if (!status) status = link_folds(plan, err);
    if (status) goto fail;
    rank_nodes(plan);
    count_tasks(plan, batches);
    return KUNI_OK;
fail:
    kuni_plan_fini(plan);
    return status;
}

kuni_status kuni_plan_check(const kuni_workflow *workflow, const kuni_stage *preflight,
                            kuni_error *err)
{
    kuni_plan plan = {.arena = kuni_arena_new(err)};
    kuni_status status = plan.arena ? make_nodes(&plan, workflow, preflight, err) : KUNI_MEMORY;
    if (!status) status = resolve_inputs(&plan, workflow, err);
    if (!status && workflow->joint_bp && workflow->joint_bp < workflow->shard_bp) {
        const kuni_node *both = choose_joint(&plan);
        if (both) status = refuse_both(both, err);
    }
    if (!status) status = link_folds(&plan, err);
    kuni_plan_fini(&plan);
    return status;
}

void kuni_plan_fini(kuni_plan *plan)
{
    for (size_t i = 0; i < plan->n_nodes; i++) free(plan->nodes[i].inputs);
    kuni_axis_fini(&plan->reads);
    kuni_axis_fini(&plan->joint);
    kuni_arena_free(plan->arena);
    *plan = (kuni_plan){.n_nodes = 0};
}

/* --- places --- */

void kuni_plan_place(const kuni_plan *plan, const kuni_node *node, size_t task, int64_t *shard,
                     int64_t *batch)
{
    *shard = *batch = -1;
    switch (node->scatter) {
    case KUNI_SCATTER_READS:
    case KUNI_SCATTER_SAMPLE:
    case KUNI_SCATTER_SAMPLE_SHARD:
        *shard = (int64_t)(task / plan->n_batches);
        *batch = (int64_t)(task % plan->n_batches);
        break;
    case KUNI_SCATTER_BATCH:
        *batch = (int64_t)task;
        break;
    case KUNI_SCATTER_REGION:
        *shard = (int64_t)task;
        break;
    case KUNI_SCATTER_COHORT:
    case KUNI_SCATTER_RANKS:
        break;
    }
}

size_t kuni_plan_task(const kuni_plan *plan, const kuni_node *node, int64_t shard, int64_t batch)
{
    switch (node->scatter) {
    case KUNI_SCATTER_READS:
    case KUNI_SCATTER_SAMPLE:
    case KUNI_SCATTER_SAMPLE_SHARD:
        return (size_t)shard * plan->n_batches + (size_t)batch;
    case KUNI_SCATTER_BATCH:
        return (size_t)batch;
    case KUNI_SCATTER_REGION:
        return (size_t)shard;
    case KUNI_SCATTER_COHORT:
    case KUNI_SCATTER_RANKS:
        break;
    }
    return 0;
}

bool kuni_plan_fused(const kuni_node *a, const kuni_node *b)
{
    return a->scatter == KUNI_SCATTER_READS && b->scatter == KUNI_SCATTER_READS &&
           a->phase == b->phase && a->level == b->level;
}
