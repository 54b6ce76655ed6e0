/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "queue.h"

kuni_status kuni_queue_init(kuni_queue *q, kuni_ledger *ledger, kuni_past *past,
                            kuni_orders *orders, kuni_error *err)
{
    *q = (kuni_queue){.ledger = ledger, .past = past, .orders = orders};
    const kuni_plan *plan = &q->ledger->run->plan;
    size_t cells = plan->n_nodes * plan->reads.n_shards;
    q->shard_order = kuni_alloc(plan->reads.n_shards, sizeof(uint32_t), err);
    q->cursors = kuni_alloc(cells, sizeof(size_t), err);
    q->exhausted = kuni_alloc(cells, 1, err);
    q->lanes_on_shard = kuni_alloc(plan->reads.n_shards, sizeof(uint32_t), err);
    q->passed = kuni_alloc(plan->n_nodes, sizeof(size_t), err);
    if (!q->passed || !q->shard_order || !q->cursors || !q->exhausted || !q->lanes_on_shard)
        return KUNI_MEMORY;
    q->joint_order = kuni_alloc(plan->joint.n_shards + 1, sizeof(uint32_t), err);
    kuni_status status =
        q->joint_order ? kuni_axis_heaviest_first(&plan->reads, q->shard_order, err) : KUNI_MEMORY;
    return status ? status : kuni_axis_heaviest_first(&plan->joint, q->joint_order, err);
}

void kuni_queue_fini(kuni_queue *q)
{
    free(q->shard_order);
    free(q->joint_order);
    free(q->cursors);
    free(q->passed);
    free(q->exhausted);
    free(q->lanes_on_shard);
}

/* Whether any task takes more than one place: else there is nothing to count. */
static bool is_wide(const kuni_queue *q)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (plan->nodes[i].phase == q->phase &&
            (plan->nodes[i].step->threads > 1 || plan->nodes[i].step->n_memory))
            return true;
    return false;
}

void kuni_queue_phase(kuni_queue *q, int phase)
{
    q->phase = phase;
    q->wide = is_wide(q);
    const kuni_plan *plan = &q->ledger->run->plan;
    memset(q->cursors, 0, plan->n_nodes * plan->reads.n_shards * sizeof(size_t));
    memset(q->exhausted, 0, plan->n_nodes * plan->reads.n_shards);
    memset(q->passed, 0, plan->n_nodes * sizeof(size_t));
    memset(q->lanes_on_shard, 0, plan->reads.n_shards * sizeof(uint32_t));
    for (size_t i = 0; i < q->orders->lanes->n; i++) q->orders->lanes->list[i].shard = -1;
}

/* Whether the node is to be run, in this phase. */
static bool concerns(const kuni_queue *q, size_t node)
{
    return q->ledger->run->plan.nodes[node].phase == q->phase &&
           (!q->wanted || q->wanted->run[node]);
}

size_t kuni_queue_left(const kuni_queue *q)
{
    size_t left = 0;
    for (size_t i = 0; i < q->ledger->run->plan.n_nodes; i++) {
        const kuni_task_table_node *state = &q->ledger->table.nodes[i];
        if (concerns(q, i))
            left +=
                q->ledger->run->plan.nodes[i].n_tasks - state->done - state->absent - state->failed;
    }
    return left > q->orders->n ? left - q->orders->n : 0;
}

/* --- making a work --- */

static kuni_status add_part(kuni_queue *q, size_t node, size_t task, kuni_work *work,
                            kuni_error *err)
{
    kuni_hash key;
    bool reused = false;
    kuni_status status = kuni_ledger_key(q->ledger, node, task, &key, err);
    if (!status && !kuni_ledger_seals(&q->ledger->run->plan.nodes[node]))
        status = kuni_past_reuse(q->past, node, task, &key, &reused, err);
    if (status || reused) return status;
    kuni_made_of of;
    status = kuni_ledger_made_of(q->ledger, node, task, &of, err);
    if (status) return status;
    kuni_task_table_set(&q->ledger->table, node, task, KUNI_TASK_RUNNING);
    status = kuni_work_add_part(work, node, &key, err);
    if (status) return status;
    work->parts[work->n_parts - 1].of = of;
    work->parts[work->n_parts - 1].why = kuni_past_reason(q->past, node, task, &key, &of);
    return kuni_task_table_files(&q->ledger->table, node, task, work, err);
}

/*
 * The work of a unit: all pending parts of a fused group, or the one task. No parts where all turn
 * out to be done already, or `retry` is false and none is pending.
 */
static kuni_status make_work(kuni_queue *q, size_t first_node, int64_t shard, int64_t batch,
                             bool retry, kuni_work *work, kuni_error *err)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    const kuni_node *head = &plan->nodes[first_node];
    work->shard = (int32_t)shard;
    work->batch = (int32_t)batch;
    for (size_t i = first_node; i < plan->n_nodes; i++) {
        if (i != first_node && !kuni_plan_fused(head, &plan->nodes[i])) continue;
        if (!concerns(q, i)) continue;
        size_t task = kuni_plan_task(plan, &plan->nodes[i], shard, batch);
        kuni_task_state state = kuni_task_table_state(&q->ledger->table, i, task);
        if (state != KUNI_TASK_PENDING && !(retry && state == KUNI_TASK_RUNNING)) continue;
        if (!kuni_task_table_ready(&q->ledger->table, i, task)) continue;
        kuni_status status = add_part(q, i, task, work, err);
        if (status) return status;
    }
    kuni_past_add_digests(q->past, work);
    if (work->n_parts == 0 || batch < 0) return KUNI_OK;
    const kuni_batch *b = &q->ledger->run->cohort.batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        if (!q->ledger->samples.skip[i]) continue;
        kuni_status status = kuni_work_add_skip(work, (uint32_t)i, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* --- reads --- */

static bool heads_group(const kuni_plan *plan, size_t node)
{
    for (size_t i = 0; i < node; i++)
        if (kuni_plan_fused(&plan->nodes[i], &plan->nodes[node])) return false;
    return true;
}

/* The next batch of a shard with a part that is pending (and ready), or n_batches. */
static size_t next_batch(kuni_queue *q, size_t head, size_t shard)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    size_t *cursor = &q->cursors[head * plan->reads.n_shards + shard];
    bool passing = true; /* the cursor moves past batches that will never be pending again */
    for (size_t b = *cursor; b < plan->n_batches; b++) {
        bool pending = false;
        for (size_t i = head; i < plan->n_nodes; i++) {
            if (i != head && !kuni_plan_fused(&plan->nodes[head], &plan->nodes[i])) continue;
            if (!concerns(q, i)) continue;
            size_t task = kuni_plan_task(plan, &plan->nodes[i], (int64_t)shard, (int64_t)b);
            if (kuni_task_table_state(&q->ledger->table, i, task) != KUNI_TASK_PENDING) continue;
            pending = true;
            if (kuni_task_table_ready(&q->ledger->table, i, task)) return b;
        }
        passing = passing && !pending;
        if (passing) *cursor = b + 1;
    }
    if (passing) q->exhausted[head * plan->reads.n_shards + shard] = 1;
    return plan->n_batches;
}

static void move_lane(kuni_queue *q, int lane, int64_t shard)
{
    kuni_lane *l = &q->orders->lanes->list[lane];
    if (l->shard == shard) return;
    if (l->shard >= 0) q->lanes_on_shard[l->shard]--;
    l->shard = shard;
    if (shard >= 0) q->lanes_on_shard[shard]++;
}

static kuni_status next_reads(kuni_queue *q, int lane, size_t head, kuni_work *work,
                              kuni_error *err)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    uint8_t *exhausted = &q->exhausted[head * plan->reads.n_shards];
    for (;;) {
        int64_t shard = q->orders->lanes->list[lane].shard;
        if (shard >= 0 && !exhausted[shard]) {
            size_t batch = next_batch(q, head, (size_t)shard);
            if (batch < plan->n_batches) {
                kuni_status status = make_work(q, head, shard, (int64_t)batch, false, work, err);
                if (status || work->n_parts) return status;
                continue; /* all parts were done already */
            }
        }
        double best = 0;
        int64_t chosen = -1;
        for (size_t i = 0; i < plan->reads.n_shards; i++) {
            uint32_t s = q->shard_order[i];
            if (exhausted[s] || (int64_t)s == shard) continue;
            size_t left = plan->n_batches - q->cursors[head * plan->reads.n_shards + s];
            double load = (double)kuni_axis_weight(&plan->reads, s) * (double)left /
                          (q->lanes_on_shard[s] + 1);
            if (load <= best || next_batch(q, head, s) == plan->n_batches) continue;
            best = load;
            chosen = s;
        }
        if (chosen < 0) return KUNI_OK;
        move_lane(q, lane, chosen);
    }
}

/* --- the rest --- */

/*
 * Whether the lane's machine has room for another task. One that needs more than the machine has runs
 * alone on it.
 */
static bool fits(const kuni_queue *q, int lane, size_t node, int64_t attempt)
{
    const kuni_lanes *lanes = q->orders->lanes;
    int64_t need = kuni_run_places(q->ledger->run, node, attempt), there = 0, taken = 0;
    if (lane < 0 || (size_t)lane >= lanes->n) return true;
    size_t host = lanes->list[lane].host;
    for (size_t i = 0; i < lanes->n; i++)
        if (!lanes->list[i].lost && lanes->list[i].host == host) there += lanes->jobs;
    for (size_t i = 0; i < q->orders->n; i++) {
        const kuni_order *order = &q->orders->list[i];
        if (lanes->list[order->lane].host == host)
            taken +=
                kuni_run_places(q->ledger->run, order->work.parts[0].node, order->work.attempt);
    }
    return !taken || taken + need <= there;
}

/* Whether none of its tasks can be ready, as all take what one task has yet to give. */
static bool waits_for_one(const kuni_queue *q, const kuni_node *node)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (kuni_node_is_one(&plan->nodes[node->inputs[i].node]) &&
            !kuni_task_table_ended(&q->ledger->table, node->inputs[i].node))
            return true;
    return false;
}

static kuni_status next_plain(kuni_queue *q, int lane, size_t node, kuni_work *work,
                              kuni_error *err)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    const kuni_task_table_node *state = &q->ledger->table.nodes[node];
    if (state->done + state->absent + state->failed == n->n_tasks || waits_for_one(q, n))
        return KUNI_OK;
    bool by_shard = n->scatter == KUNI_SCATTER_REGION;
    const uint32_t *order = n->joint ? q->joint_order : q->shard_order;
    size_t count = by_shard ? kuni_plan_axis_of(plan, n)->n_shards : n->n_tasks;
    bool passing =
        n->scatter != KUNI_SCATTER_RANKS; /* none of the others is pending a second time */
    for (size_t i = q->passed[node]; i < count; i++) {
        size_t task = by_shard ? order[i] : i;
        bool pending = task < n->n_tasks &&
                       kuni_task_table_state(&q->ledger->table, node, task) == KUNI_TASK_PENDING;
        passing = passing && !pending;
        if (passing) q->passed[node] = i + 1;
        if (!pending || !kuni_task_table_ready(&q->ledger->table, node, task)) continue;
        int64_t shard, batch;
        q->waits = q->wide && !fits(q, lane, node, 0);
        if (q->waits) return KUNI_OK;
        kuni_plan_place(plan, n, task, &shard, &batch);
        kuni_status status = make_work(q, node, shard, batch, false, work, err);
        if (status || work->n_parts) return status;
    }
    return KUNI_OK;
}

static kuni_status next_retry(kuni_queue *q, int lane, kuni_work *work, kuni_error *err)
{
    int64_t now = q->orders->n_troubles ? kuni_now_ms() : 0;
    for (size_t i = 0; i < q->orders->n_troubles; i++) {
        kuni_trouble *t = &q->orders->troubles[i];
        if (!t->waiting || now < t->not_before_ms ||
            (t->lane == lane && q->orders->lanes->n > 1 && q->orders->n > 0))
            continue;
        q->waits = q->wide && !fits(q, lane, t->node, t->attempts);
        if (q->waits) return KUNI_OK;
        t->waiting = false;
        kuni_status status = make_work(q, t->node, t->shard, t->batch, true, work, err);
        work->attempt = (uint32_t)t->attempts;
        if (status || work->n_parts) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_queue_next(kuni_queue *q, int lane, kuni_work *work, bool *found, kuni_error *err)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    *found = false;
    *work = (kuni_work){.id = ++q->next_id};
    q->waits = false;
    kuni_status status = next_retry(q, lane, work, err);
    for (size_t i = 0; i < plan->n_nodes && !status && work->n_parts == 0 && !q->waits; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (node->phase != q->phase) continue; /* of a group, the first may not be wanted */
        if (node->scatter != KUNI_SCATTER_READS && !concerns(q, i)) continue;
        if (node->scatter == KUNI_SCATTER_READS)
            status = heads_group(plan, i) ? next_reads(q, lane, i, work, err) : KUNI_OK;
        else
            status = next_plain(q, lane, i, work, err);
    }
    *found = !status && work->n_parts > 0;
    if (!*found) kuni_work_fini(work);
    return status;
}

void kuni_queue_leave(kuni_queue *q, int lane)
{
    move_lane(q, lane, -1);
}

bool kuni_queue_ended(const kuni_queue *q)
{
    const kuni_plan *plan = &q->ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (concerns(q, i) && !kuni_task_table_ended(&q->ledger->table, i)) return false;
    return q->orders->n == 0;
}
