/* SPDX-License-Identifier: MIT */
#include "task_table.h"

#include <stdlib.h>
#include <string.h>

enum { STATE_BITS = 3, STATE_MASK = 7 };

/* Which tasks of a producer a consumer's task takes. */
typedef enum extent { EXTENT_ALL, EXTENT_SHARD, EXTENT_BATCH, EXTENT_ONE, EXTENT_NONE } extent;

static kuni_status init_node(kuni_task_table_node *state, const kuni_plan *plan,
                             const kuni_node *node, kuni_error *err)
{
    size_t n = node->n_tasks ? node->n_tasks : 1, outputs = node->n_outputs ? node->n_outputs : 1;
    state->state = kuni_alloc(n, sizeof(uint16_t), err);
    state->key = kuni_alloc(n, sizeof(uint64_t), err);
    if (!state->state || !state->key) return KUNI_MEMORY;
    if (kuni_node_by_shard(node)) {
        state->shard_settled = kuni_alloc(node->n_shards + 1, sizeof(uint32_t), err);
        state->by_shard = kuni_alloc((node->n_shards + 1) * outputs, sizeof(kuni_hash), err);
        if (!state->shard_settled || !state->by_shard) return KUNI_MEMORY;
    }
    if (kuni_node_by_batch(node)) {
        state->batch_settled = kuni_alloc(plan->n_batches + 1, sizeof(uint32_t), err);
        state->by_batch = kuni_alloc((plan->n_batches + 1) * outputs, sizeof(kuni_hash), err);
        if (!state->batch_settled || !state->by_batch) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

kuni_status kuni_task_table_init(kuni_task_table *table, const kuni_plan *plan,
                                 const kuni_batch *batches, kuni_error *err)
{
    *table = (kuni_task_table){.plan = plan, .batches = batches};
    table->nodes = kuni_alloc(plan->n_nodes, sizeof(kuni_task_table_node), err);
    if (!table->nodes) return KUNI_MEMORY;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        kuni_status status = init_node(&table->nodes[i], plan, &plan->nodes[i], err);
        if (status) {
            kuni_task_table_fini(table);
            return status;
        }
    }
    return KUNI_OK;
}

void kuni_task_table_fini(kuni_task_table *table)
{
    for (size_t i = 0; table->nodes && i < table->plan->n_nodes; i++) {
        kuni_task_table_node *node = &table->nodes[i];
        free(node->state);
        free(node->key);
        free(node->shard_settled);
        free(node->batch_settled);
        free(node->by_shard);
        free(node->by_batch);
    }
    free(table->nodes);
    *table = (kuni_task_table){.plan = NULL};
}

kuni_task_state kuni_task_table_state(const kuni_task_table *table, size_t node, size_t task)
{
    return (kuni_task_state)(table->nodes[node].state[task] & STATE_MASK);
}

static bool is_settled(kuni_task_state state)
{
    return state == KUNI_TASK_DONE || state == KUNI_TASK_ABSENT;
}

static void settle(kuni_task_table *table, size_t node, size_t task)
{
    int64_t shard, batch;
    kuni_task_table_node *state = &table->nodes[node];
    kuni_plan_place(table->plan, &table->plan->nodes[node], task, &shard, &batch);
    if (state->shard_settled) state->shard_settled[shard]++;
    if (state->batch_settled) state->batch_settled[batch]++;
}

void kuni_task_table_set(kuni_task_table *table, size_t node, size_t task, kuni_task_state to)
{
    kuni_task_table_node *state = &table->nodes[node];
    if (kuni_task_table_state(table, node, task) == KUNI_TASK_FAILED) state->failed--;
    state->state[task] = (uint16_t)to;
    if (to == KUNI_TASK_FAILED) state->failed++;
    if (to == KUNI_TASK_ABSENT) {
        state->absent++;
        settle(table, node, task);
    }
}

/* What an output adds to the sums: its kind, place and content. */
static kuni_status element(const kuni_task_table *table, const kuni_node *node, size_t output,
                           int64_t shard, int64_t batch, const char *content, kuni_hash *hash,
                           kuni_error *err)
{
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, node->step->outputs[output].kind);
    const char *name = kuni_plan_shard_name(table->plan, node, shard, room);
    kuni_digest_add_text(digest, name ? name : "");
    kuni_digest_add_text(digest, batch >= 0 ? table->batches[batch].id : "");
    kuni_digest_add_text(digest, content);
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

kuni_status kuni_task_table_done(kuni_task_table *table, size_t node_number, size_t task,
                                 uint64_t key, const kuni_task_output_digest *outputs,
                                 kuni_error *err)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    kuni_task_table_node *state = &table->nodes[node_number];
    int64_t shard, batch;
    uint16_t word = KUNI_TASK_DONE;
    kuni_plan_place(table->plan, node, task, &shard, &batch);
    for (size_t o = 0; o < node->n_outputs; o++) {
        kuni_hash one;
        if (!outputs[o].present) continue;
        kuni_status status = element(table, node, o, shard, batch, outputs[o].digest, &one, err);
        if (status) return status;
        word = (uint16_t)(word | 1u << (STATE_BITS + o));
        kuni_hash_add(&state->all[o], &one);
        if (state->by_shard)
            kuni_hash_add(&state->by_shard[(size_t)shard * node->n_outputs + o], &one);
        if (state->by_batch)
            kuni_hash_add(&state->by_batch[(size_t)batch * node->n_outputs + o], &one);
    }
    if (kuni_task_table_state(table, node_number, task) == KUNI_TASK_FAILED) state->failed--;
    state->state[task] = word;
    state->key[task] = key;
    state->done++;
    settle(table, node_number, task);
    return KUNI_OK;
}

/* --- inputs --- */

/*
 * Shard and batch by which a consumer's input from another node is chosen: a run of samples is no
 * shard.
 */
static void place_of_input(const kuni_plan *plan, const kuni_node *node, size_t task, size_t from,
                           int64_t *shard, int64_t *batch)
{
    kuni_plan_place(plan, node, task, shard, batch);
    if (node->scatter == KUNI_SCATTER_SAMPLE) *shard = -1;
    *shard = kuni_plan_shard_from(plan, node, *shard, &plan->nodes[from]);
}

static extent input_extent(const kuni_node *from, int64_t shard, int64_t batch)
{
    bool one_shard = shard >= 0 && kuni_node_by_shard(from),
         one_batch = batch >= 0 && kuni_node_by_batch(from);
    if (one_shard && from->scatter == KUNI_SCATTER_REGION)
        return (size_t)shard < from->n_shards ? EXTENT_ONE : EXTENT_NONE;
    if (one_batch && from->scatter == KUNI_SCATTER_BATCH) return EXTENT_ONE;
    if (one_shard && one_batch) return EXTENT_ONE;
    if (one_shard) return EXTENT_SHARD;
    return one_batch ? EXTENT_BATCH : EXTENT_ALL;
}

static bool input_settled(const kuni_task_table *table, size_t from, int64_t shard, int64_t batch)
{
    const kuni_plan *plan = table->plan;
    const kuni_node *node = &plan->nodes[from];
    const kuni_task_table_node *state = &table->nodes[from];
    switch (input_extent(node, shard, batch)) {
    case EXTENT_NONE:
        return true;
    case EXTENT_ONE:
        return is_settled(
            kuni_task_table_state(table, from, kuni_plan_task(plan, node, shard, batch)));
    case EXTENT_SHARD:
        return state->shard_settled[shard] == plan->n_batches;
    case EXTENT_BATCH:
        return state->batch_settled[batch] == node->n_shards;
    case EXTENT_ALL:
        break;
    }
    return state->done + state->absent == node->n_tasks;
}

bool kuni_task_table_input_ready(const kuni_task_table *table, size_t node_number, size_t task,
                                 size_t input)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    place_of_input(table->plan, node, task, node->inputs[input].node, &shard, &batch);
    return input_settled(table, node->inputs[input].node, shard, batch);
}

bool kuni_task_table_ready(const kuni_task_table *table, size_t node_number, size_t task)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    for (size_t i = 0; i < node->n_inputs; i++) {
        place_of_input(table->plan, node, task, node->inputs[i].node, &shard, &batch);
        if (!input_settled(table, node->inputs[i].node, shard, batch)) return false;
    }
    return true;
}

/* Calls visit for every task of a producer that the consumer at (shard, batch) takes. */
static kuni_status visit_extent(const kuni_task_table *table, size_t from, int64_t shard,
                                int64_t batch,
                                kuni_status (*visit)(void *context, int64_t shard, int64_t batch,
                                                     size_t task, kuni_error *err),
                                void *context, kuni_error *err)
{
    const kuni_plan *plan = table->plan;
    const kuni_node *node = &plan->nodes[from];
    extent e = input_extent(node, shard, batch);
    if (e == EXTENT_NONE) return KUNI_OK;
    for (size_t task = 0, step = 1; task < node->n_tasks; task += step) {
        if (e == EXTENT_ONE) task = kuni_plan_task(plan, node, shard, batch);
        if (e == EXTENT_SHARD && task == 0) task = (size_t)shard * plan->n_batches;
        if (e == EXTENT_BATCH && task == 0) {
            task = (size_t)batch;
            step = plan->n_batches;
        }
        int64_t s, b;
        kuni_plan_place(plan, node, task, &s, &b);
        if (e == EXTENT_SHARD && s != shard) break;
        kuni_status status = visit(context, s, b, task, err);
        if (status || e == EXTENT_ONE) return status;
    }
    return KUNI_OK;
}

typedef struct failure_search {
    const kuni_task_table *table;
    size_t from;
    bool found;
} failure_search;

static kuni_status look_for_failure(void *context, int64_t shard, int64_t batch, size_t task,
                                    kuni_error *err)
{
    failure_search *search = context;
    (void)shard;
    (void)batch;
    (void)err;
    if (kuni_task_table_state(search->table, search->from, task) == KUNI_TASK_FAILED)
        search->found = true;
    return KUNI_OK;
}

bool kuni_task_table_blocked(const kuni_task_table *table, size_t node_number, size_t task)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    for (size_t i = 0; i < node->n_inputs; i++) {
        failure_search search = {.table = table, .from = node->inputs[i].node};
        if (table->nodes[search.from].failed == 0) continue;
        place_of_input(table->plan, node, task, search.from, &shard, &batch);
        if (visit_extent(table, search.from, shard, batch, look_for_failure, &search, NULL))
            return true;
        if (search.found) return true;
    }
    return false;
}

static kuni_status input_hash(const kuni_task_table *table, const kuni_plan_input *input,
                              int64_t shard, int64_t batch, kuni_hash *hash, kuni_error *err)
{
    const kuni_plan *plan = table->plan;
    const kuni_node *from = &plan->nodes[input->node];
    const kuni_task_table_node *state = &table->nodes[input->node];
    *hash = (kuni_hash){{0}};
    switch (input_extent(from, shard, batch)) {
    case EXTENT_NONE:
        break;
    case EXTENT_ALL:
        *hash = state->all[input->output];
        break;
    case EXTENT_SHARD:
        *hash = state->by_shard[(size_t)shard * from->n_outputs + input->output];
        break;
    case EXTENT_BATCH:
        *hash = state->by_batch[(size_t)batch * from->n_outputs + input->output];
        break;
    case EXTENT_ONE:
        if (from->scatter == KUNI_SCATTER_REGION) {
            *hash = state->by_shard[(size_t)shard * from->n_outputs + input->output];
        } else if (from->scatter == KUNI_SCATTER_BATCH) {
            *hash = state->by_batch[(size_t)batch * from->n_outputs + input->output];
        } else {
            /* A single READS output has no sum of its own; its key determines its content. */
            char key[17];
            size_t task = kuni_plan_task(plan, from, shard, batch);
            snprintf(key, sizeof(key), "%016llx", (unsigned long long)state->key[task]);
            return element(table, from, input->output, shard, batch, key, hash, err);
        }
        break;
    }
    return KUNI_OK;
}

kuni_status kuni_task_table_inputs(const kuni_task_table *table, size_t node_number, size_t task,
                                   kuni_hash *hash, kuni_error *err)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "inputs");
    for (size_t i = 0; i < node->n_inputs; i++) {
        kuni_hash one;
        place_of_input(table->plan, node, task, node->inputs[i].node, &shard, &batch);
        kuni_status status = input_hash(table, &node->inputs[i], shard, batch, &one, err);
        if (status) {
            kuni_digest_free(digest);
            return status;
        }
        kuni_digest_add_text(digest, node->step->inputs[node->inputs[i].port].kind);
        kuni_digest_add_hash(digest, &one);
    }
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

kuni_status kuni_task_table_made_of(const kuni_task_table *table, size_t node_number, size_t task,
                                    kuni_made_of *of, kuni_error *err)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    for (size_t i = 0; i < node->n_inputs; i++) {
        kuni_hash one;
        place_of_input(table->plan, node, task, node->inputs[i].node, &shard, &batch);
        kuni_status status = input_hash(table, &node->inputs[i], shard, batch, &one, err);
        if (status) return status;
        kuni_made_of_add(of, &one);
    }
    return KUNI_OK;
}

typedef struct file_collector {
    const kuni_task_table *table;
    const kuni_plan_input *input;
    kuni_work *work;
} file_collector;

static kuni_status collect_file(void *context, int64_t shard, int64_t batch, size_t task,
                                kuni_error *err)
{
    file_collector *c = context;
    const kuni_task_table_node *state = &c->table->nodes[c->input->node];
    if (!(state->state[task] >> STATE_BITS & 1u << c->input->output)) return KUNI_OK;
    return kuni_work_add_file(c->work,
                              (kuni_work_file){.port = (uint16_t)c->input->port,
                                               .node = (uint16_t)c->input->node,
                                               .output = (uint16_t)c->input->output,
                                               .shard = (int32_t)shard,
                                               .batch = (int32_t)batch,
                                               .key = state->key[task]},
                              err);
}

static int by_port_and_place(const void *a, const void *b)
{
    const kuni_work_file *x = a, *y = b;
    if (x->port != y->port) return x->port < y->port ? -1 : 1;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    if (x->batch != y->batch) return x->batch < y->batch ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

kuni_status kuni_task_table_files(const kuni_task_table *table, size_t node_number, size_t task,
                                  kuni_work *work, kuni_error *err)
{
    const kuni_node *node = &table->plan->nodes[node_number];
    int64_t shard, batch;
    size_t first = work->n_files;
    for (size_t i = 0; i < node->n_inputs; i++) {
        place_of_input(table->plan, node, task, node->inputs[i].node, &shard, &batch);
        file_collector c = {.table = table, .input = &node->inputs[i], .work = work};
        kuni_status status =
            visit_extent(table, node->inputs[i].node, shard, batch, collect_file, &c, err);
        if (status) return status;
    }
    if (work->n_files > first)
        qsort(work->files + first, work->n_files - first, sizeof(kuni_work_file),
              by_port_and_place);
    return KUNI_OK;
}

bool kuni_task_table_ended(const kuni_task_table *table, size_t node)
{
    const kuni_task_table_node *state = &table->nodes[node];
    return state->done + state->absent + state->failed == table->plan->nodes[node].n_tasks;
}
