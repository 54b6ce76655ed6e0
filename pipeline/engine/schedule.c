/* SPDX-License-Identifier: MIT */
/*
 * What comes next. Reads tasks: a lane stays on its shard while that has batches left (the
 * reference and the shard's blocks of each file's index stay in memory), else it takes the shard
 * with the most work left per lane on it. Other tasks: heaviest shard first. What failed is tried
 * again first, on another lane where there is one.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator.h"

static int64_t *weights_to_sort; /* qsort has no context argument */

static int by_weight(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (weights_to_sort[x] != weights_to_sort[y])
        return weights_to_sort[x] > weights_to_sort[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

kuni_status kuni_schedule_init(kuni_coordinator *c, kuni_error *err)
{
    const kuni_plan *plan = &c->run->plan;
    size_t cells = plan->n_nodes * plan->n_shards;
    int64_t *weights = kuni_alloc(plan->n_shards, sizeof(int64_t), err);
    c->shard_order = kuni_alloc(plan->n_shards, sizeof(uint32_t), err);
    c->cursors = kuni_alloc(cells, sizeof(size_t), err);
    c->exhausted = kuni_alloc(cells, 1, err);
    c->lanes_on_shard = kuni_alloc(plan->n_shards, sizeof(uint32_t), err);
    if (!weights || !c->shard_order || !c->cursors || !c->exhausted || !c->lanes_on_shard) {
        free(weights);
        return KUNI_MEMORY;
    }
    for (size_t i = 0; i < plan->n_shards; i++) {
        c->shard_order[i] = (uint32_t)i;
        weights[i] = kuni_plan_weight(plan, (int64_t)i);
    }
    weights_to_sort = weights;
    qsort(c->shard_order, plan->n_shards, sizeof(uint32_t), by_weight);
    weights_to_sort = NULL;
    free(weights);
    return KUNI_OK;
}

void kuni_schedule_fini(kuni_coordinator *c)
{
    free(c->shard_order);
    free(c->cursors);
    free(c->exhausted);
    free(c->lanes_on_shard);
}

void kuni_schedule_phase(kuni_coordinator *c)
{
    const kuni_plan *plan = &c->run->plan;
    memset(c->cursors, 0, plan->n_nodes * plan->n_shards * sizeof(size_t));
    memset(c->exhausted, 0, plan->n_nodes * plan->n_shards);
    memset(c->lanes_on_shard, 0, plan->n_shards * sizeof(uint32_t));
    for (size_t i = 0; i < c->n_lanes; i++) c->lanes[i].shard = -1;
}

size_t kuni_schedule_left(const kuni_coordinator *c)
{
    size_t left = 0;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
        const kuni_table_node *state = &c->table.nodes[i];
        if (c->run->plan.nodes[i].phase == c->phase)
            left += c->run->plan.nodes[i].n_tasks - state->done - state->absent - state->failed;
    }
    return left > c->n_orders ? left - c->n_orders : 0;
}

/* --- keys --- */

kuni_status kuni_schedule_key(kuni_coordinator *c, size_t node, size_t task, kuni_hash *key,
                              kuni_error *err)
{
    const kuni_node *n = &c->run->plan.nodes[node];
    int64_t shard, batch;
    kuni_hash samples, inputs, *digest = &samples;
    kuni_status status = KUNI_OK;
    kuni_plan_place(&c->run->plan, n, task, &shard, &batch);
    if (n->scatter == KUNI_SCATTER_READS || n->phase == 0) {
        kuni_samples_batch_digest(&c->samples, (size_t)batch, n->phase == 0, &samples);
    } else if (n->scatter == KUNI_SCATTER_BATCH) {
        const kuni_batch *b = &c->run->cohort.batches[batch];
        status = kuni_samples_column_digest(&c->samples, b->first, b->n_samples, &samples, err);
    } else {
        digest = NULL;
    }
    if (!status) status = kuni_table_inputs(&c->table, node, task, &inputs, err);
    return status ? status : kuni_keys_task(&c->keys, node, task, digest, &inputs, key, err);
}

/* --- making a work --- */

static kuni_status add_part(kuni_coordinator *c, size_t node, size_t task, kuni_work *work,
                            kuni_error *err)
{
    kuni_hash key;
    bool reused = false;
    kuni_status status = kuni_schedule_key(c, node, task, &key, err);
    if (!status && !kuni_resume_streams(&c->run->plan.nodes[node]))
        status = kuni_resume_reuse(c, node, task, &key, &reused, err);
    if (status || reused) return status;
    kuni_table_set(&c->table, node, task, KUNI_TASK_RUNNING);
    status = kuni_work_add_part(work, node, &key, err);
    return status ? status : kuni_table_files(&c->table, node, task, work, err);
}

/*
 * The work of a unit: all pending parts of a fused group, or the one task. No parts where all turn
 * out to be done already, or `retry` is false and none is pending.
 */
static kuni_status make_work(kuni_coordinator *c, size_t first_node, int64_t shard, int64_t batch,
                             bool retry, kuni_work *work, kuni_error *err)
{
    const kuni_plan *plan = &c->run->plan;
    const kuni_node *head = &plan->nodes[first_node];
    work->shard = (int32_t)shard;
    work->batch = (int32_t)batch;
    for (size_t i = first_node; i < plan->n_nodes; i++) {
        if (i != first_node && !kuni_plan_fused(head, &plan->nodes[i])) continue;
        size_t task = kuni_plan_task(plan, &plan->nodes[i], shard, batch);
        kuni_task_state state = kuni_table_state(&c->table, i, task);
        if (state != KUNI_TASK_PENDING && !(retry && state == KUNI_TASK_RUNNING)) continue;
        if (!kuni_table_ready(&c->table, i, task)) continue;
        kuni_status status = add_part(c, i, task, work, err);
        if (status) return status;
    }
    if (work->n_parts == 0 || batch < 0) return KUNI_OK;
    const kuni_batch *b = &c->run->cohort.batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        if (!c->samples.skip[i]) continue;
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
static size_t next_batch(kuni_coordinator *c, size_t head, size_t shard)
{
    const kuni_plan *plan = &c->run->plan;
    size_t *cursor = &c->cursors[head * plan->n_shards + shard];
    bool passing = true; /* the cursor moves past batches that will never be pending again */
    for (size_t b = *cursor; b < plan->n_batches; b++) {
        bool pending = false;
        for (size_t i = head; i < plan->n_nodes; i++) {
            if (i != head && !kuni_plan_fused(&plan->nodes[head], &plan->nodes[i])) continue;
            size_t task = kuni_plan_task(plan, &plan->nodes[i], (int64_t)shard, (int64_t)b);
            if (kuni_table_state(&c->table, i, task) != KUNI_TASK_PENDING) continue;
            pending = true;
            if (kuni_table_ready(&c->table, i, task)) return b;
        }
        passing = passing && !pending;
        if (passing) *cursor = b + 1;
    }
    if (passing) c->exhausted[head * plan->n_shards + shard] = 1;
    return plan->n_batches;
}

static void move_lane(kuni_coordinator *c, int lane, int64_t shard)
{
    kuni_lane *l = &c->lanes[lane];
    if (l->shard == shard) return;
    if (l->shard >= 0) c->lanes_on_shard[l->shard]--;
    l->shard = shard;
    if (shard >= 0) c->lanes_on_shard[shard]++;
}

static kuni_status next_reads(kuni_coordinator *c, int lane, size_t head, kuni_work *work,
                              kuni_error *err)
{
    const kuni_plan *plan = &c->run->plan;
    uint8_t *exhausted = &c->exhausted[head * plan->n_shards];
    for (;;) {
        int64_t shard = c->lanes[lane].shard;
        if (shard >= 0 && !exhausted[shard]) {
            size_t batch = next_batch(c, head, (size_t)shard);
            if (batch < plan->n_batches) {
                kuni_status status = make_work(c, head, shard, (int64_t)batch, false, work, err);
                if (status || work->n_parts) return status;
                continue; /* all parts were done already */
            }
        }
        double best = 0;
        int64_t chosen = -1;
        for (size_t i = 0; i < plan->n_shards; i++) {
            uint32_t s = c->shard_order[i];
            if (exhausted[s] || (int64_t)s == shard) continue;
            size_t left = plan->n_batches - c->cursors[head * plan->n_shards + s];
            double load =
                (double)kuni_plan_weight(plan, s) * (double)left / (c->lanes_on_shard[s] + 1);
            if (load <= best || next_batch(c, head, s) == plan->n_batches) continue;
            best = load;
            chosen = s;
        }
        if (chosen < 0) return KUNI_OK;
        move_lane(c, lane, chosen);
    }
}

/* --- the rest --- */

static kuni_status next_plain(kuni_coordinator *c, size_t node, kuni_work *work, kuni_error *err)
{
    const kuni_plan *plan = &c->run->plan;
    const kuni_node *n = &plan->nodes[node];
    const kuni_table_node *state = &c->table.nodes[node];
    if (state->done + state->absent + state->failed == n->n_tasks) return KUNI_OK;
    bool by_shard = n->scatter == KUNI_SCATTER_REGION;
    size_t count = by_shard ? plan->n_shards : n->n_tasks;
    for (size_t i = 0; i < count; i++) {
        size_t task = by_shard ? c->shard_order[i] : i;
        if (task >= n->n_tasks || kuni_table_state(&c->table, node, task) != KUNI_TASK_PENDING ||
            !kuni_table_ready(&c->table, node, task))
            continue;
        int64_t shard, batch;
        kuni_plan_place(plan, n, task, &shard, &batch);
        kuni_status status = make_work(c, node, shard, batch, false, work, err);
        if (status || work->n_parts) return status;
    }
    return KUNI_OK;
}

static kuni_status next_retry(kuni_coordinator *c, int lane, kuni_work *work, kuni_error *err)
{
    for (size_t i = 0; i < c->n_troubles; i++) {
        kuni_trouble *t = &c->troubles[i];
        if (!t->waiting || (t->lane == lane && c->n_lanes > 1 && c->n_orders > 0)) continue;
        t->waiting = false;
        kuni_status status = make_work(c, t->node, t->shard, t->batch, true, work, err);
        work->attempt = (uint32_t)t->attempts;
        if (status || work->n_parts) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_schedule_next(kuni_coordinator *c, int lane, kuni_work *work, bool *found,
                               kuni_error *err)
{
    const kuni_plan *plan = &c->run->plan;
    *found = false;
    *work = (kuni_work){.id = ++c->next_id};
    kuni_status status = next_retry(c, lane, work, err);
    for (size_t i = 0; i < plan->n_nodes && !status && work->n_parts == 0; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (node->phase != c->phase) continue;
        if (node->scatter == KUNI_SCATTER_READS)
            status = heads_group(plan, i) ? next_reads(c, lane, i, work, err) : KUNI_OK;
        else
            status = next_plain(c, i, work, err);
    }
    *found = !status && work->n_parts > 0;
    if (!*found) kuni_work_fini(work);
    return status;
}
