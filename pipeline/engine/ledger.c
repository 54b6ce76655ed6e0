/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

static const char *node_name(const void *context, size_t i)
{
    return ((const kuni_plan *)context)->nodes[i].folder;
}

static const char *shard_name(const void *context, size_t i)
{
    return ((const kuni_plan_axis *)context)->names[i];
}

static const char *batch_name(const void *context, size_t i)
{
    return ((const kuni_cohort *)context)->batches[i].id;
}

/* A sample that has moved to a later batch is found there. */
static kuni_status index_samples(kuni_ledger *ledger, kuni_error *err)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++)
        if (!cohort->people || (cohort->people[i].state != KUNI_PERSON_MOVED &&
                                cohort->people[i].state != KUNI_PERSON_ERASED))
            status = kuni_names_add(&ledger->sample_names, cohort->samples[i].id, (uint32_t)i, err);
    return status;
}

kuni_status kuni_ledger_init(kuni_ledger *ledger, kuni_run *run, kuni_error *err)
{
    const kuni_plan *plan = &run->plan;
    const kuni_cohort *cohort = &run->cohort;
    *ledger = (kuni_ledger){.run = run};
    kuni_status status = kuni_samples_init(&ledger->samples, cohort, err);
    if (!status) status = kuni_task_table_init(&ledger->table, plan, cohort->batches, err);
    if (!status)
        status = kuni_names_index(&ledger->node_names, plan->n_nodes, node_name, plan, err);
    if (!status)
        status = kuni_names_index(&ledger->shard_names[0], plan->reads.n_shards, shard_name,
                                  &plan->reads, err);
    if (!status)
        status = kuni_names_index(&ledger->shard_names[1], plan->joint.n_shards, shard_name,
                                  &plan->joint, err);
    if (!status)
        status = kuni_names_index(&ledger->batch_names, cohort->n_batches, batch_name, cohort, err);
    if (!status) status = index_samples(ledger, err);
    if (status) return status;
    ledger->finals =
        kuni_alloc(plan->n_nodes * KUNI_PLAN_OUTPUTS_MAX, sizeof(kuni_stored_output), err);
    ledger->arena = kuni_arena_new(err);
    ledger->sealed = kuni_alloc(plan->n_nodes * cohort->n_batches + 1, 1, err);
    ledger->promised = kuni_alloc(plan->n_nodes * cohort->n_batches + 1, 1, err);
    ledger->kept =
        kuni_alloc(plan->n_nodes * cohort->n_batches + 1, sizeof(kuni_stored_output *), err);
    for (size_t s = 0; s < plan->reads.n_places; s++) ledger->genome_bp += plan->reads.shards[s].bp;
    ledger->weight_all = kuni_alloc(3 * plan->n_nodes + 1, sizeof(double), err);
    ledger->weight_done = ledger->weight_all + plan->n_nodes;
    ledger->weight_reused = ledger->weight_done + plan->n_nodes;
    return ledger->weight_all && ledger->finals && ledger->arena && ledger->sealed &&
                   ledger->promised && ledger->kept
               ? KUNI_OK
               : KUNI_MEMORY;
}

void kuni_ledger_fini(kuni_ledger *ledger)
{
    for (size_t i = 0;
         ledger->kept && i < ledger->run->plan.n_nodes * ledger->run->cohort.n_batches; i++)
        free(ledger->kept[i]);
    free(ledger->kept);
    free(ledger->sealed);
    free(ledger->promised);
    free(ledger->finals);
    free(ledger->weight_all);
    kuni_names_fini(&ledger->node_names);
    kuni_names_fini(&ledger->shard_names[0]);
    kuni_names_fini(&ledger->shard_names[1]);
    kuni_names_fini(&ledger->batch_names);
    kuni_names_fini(&ledger->sample_names);
    kuni_task_table_fini(&ledger->table);
    kuni_samples_fini(&ledger->samples);
    kuni_arena_free(ledger->arena);
    *ledger = (kuni_ledger){.run = NULL};
}

int64_t kuni_ledger_shard(const kuni_ledger *ledger, size_t node, const char *name)
{
    const kuni_node *n = &ledger->run->plan.nodes[node];
    return n->scatter == KUNI_SCATTER_SAMPLE
               ? kuni_plan_run_of_name(n, name)
               : kuni_names_find(&ledger->shard_names[n->joint], name);
}

/* Of batches of which the step that it folds has nothing to do. */
static void mark_nothing_to_fold(kuni_ledger *ledger, size_t node)
{
    const kuni_plan *plan = &ledger->run->plan;
    size_t reads = plan->nodes[node].inputs[0].node;
    for (size_t b = 0; b < plan->n_batches; b++) {
        bool any = false;
        for (size_t s = 0; s < plan->nodes[reads].n_shards && !any; s++)
            any = kuni_task_table_state(&ledger->table, reads, s * plan->n_batches + b) !=
                  KUNI_TASK_ABSENT;
        if (!any) kuni_task_table_set(&ledger->table, node, b, KUNI_TASK_ABSENT);
    }
}

void kuni_ledger_mark_absent(kuni_ledger *ledger)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_cohort *cohort = &ledger->run->cohort;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (kuni_node_folds(node)) mark_nothing_to_fold(ledger, i);
        if (!kuni_node_of_reads(node)) continue;
        for (size_t b = 0; b < plan->n_batches; b++) {
            for (size_t s = 0; s < node->n_shards; s++) {
                size_t first, n;
                kuni_plan_run(node, &cohort->batches[b], (int64_t)s, &first, &n);
                bool fed = kuni_samples_feed(cohort, first, n, node->step->feed);
                bool placed = node->scatter == KUNI_SCATTER_SAMPLE || s < plan->reads.n_places ||
                              node->step->unplaced;
                if (!fed || !placed)
                    kuni_task_table_set(&ledger->table, i, s * plan->n_batches + b,
                                        KUNI_TASK_ABSENT);
            }
        }
    }
}

/* What the task's key digests of the samples; *whole: that of the whole cohort, see keys.h. */
static kuni_status samples_of(const kuni_ledger *ledger, size_t node, size_t task,
                              kuni_hash *samples, bool *whole, kuni_error *err)
{
    const kuni_node *n = &ledger->run->plan.nodes[node];
    int64_t shard, batch;
    kuni_plan_place(&ledger->run->plan, n, task, &shard, &batch);
    *whole = false;
    if (kuni_node_folds(n)) {
        *samples = (kuni_hash){{0}}; /* its inputs say it all */
        return KUNI_OK;
    }
    if (kuni_node_of_reads(n) || n->phase == KUNI_PHASE_PREFLIGHT) {
        kuni_ledger_samples_digest(ledger, node, task, n->phase == KUNI_PHASE_PREFLIGHT, samples);
        return KUNI_OK;
    }
    if (n->scatter == KUNI_SCATTER_BATCH) {
        const kuni_batch *b = &ledger->run->cohort.batches[batch];
        return kuni_samples_column_digest(&ledger->samples, b->first, b->n_samples, false, samples,
                                          err);
    }
    *whole = true;
    *samples = ledger->keys.cohort;
    return KUNI_OK;
}

kuni_status kuni_ledger_key(const kuni_ledger *ledger, size_t node, size_t task, kuni_hash *key,
                            kuni_error *err)
{
    kuni_hash samples, inputs;
    bool whole;
    kuni_status status = samples_of(ledger, node, task, &samples, &whole, err);
    if (!status) status = kuni_task_table_inputs(&ledger->table, node, task, &inputs, err);
    return status ? status
                  : kuni_keys_task(&ledger->keys, node, task, whole ? NULL : &samples, &inputs, key,
                                   err);
}

kuni_status kuni_ledger_made_of(const kuni_ledger *ledger, size_t node, size_t task,
                                kuni_made_of *of, kuni_error *err)
{
    kuni_hash samples;
    bool whole;
    kuni_status status = samples_of(ledger, node, task, &samples, &whole, err);
    if (status) return status;
    *of = (kuni_made_of){.known = true,
                         .settings = (uint32_t)(kuni_hash_short(&ledger->keys.nodes[node]) >> 32),
                         .samples = (uint32_t)(kuni_hash_short(&samples) >> 32)};
    return kuni_task_table_made_of(&ledger->table, node, task, of, err);
}

void kuni_ledger_samples_digest(const kuni_ledger *ledger, size_t node, size_t task, bool all,
                                kuni_hash *hash)
{
    int64_t shard, batch;
    size_t first, n;
    const kuni_plan *plan = &ledger->run->plan;
    kuni_plan_place(plan, &plan->nodes[node], task, &shard, &batch);
    kuni_plan_run(&plan->nodes[node], &ledger->run->cohort.batches[batch], shard, &first, &n);
    kuni_samples_digest(&ledger->samples, first, n, all, hash);
    for (size_t i = first; i < first + n && plan->nodes[node].step->sees_facts; i++) {
        kuni_hash facts;
        if (!all && ledger->samples.skip[i]) continue;
        kuni_samples_facts(&ledger->run->cohort.samples[i], &facts);
        kuni_hash_add(hash, &facts);
    }
}

void kuni_ledger_sample_digest(const kuni_ledger *ledger, size_t node, size_t sample,
                               kuni_hash *hash)
{
    kuni_hash facts;
    *hash = ledger->samples.digests[sample];
    if (!ledger->run->plan.nodes[node].step->sees_facts) return;
    kuni_samples_facts(&ledger->run->cohort.samples[sample], &facts);
    kuni_hash_add(hash, &facts);
}

void kuni_ledger_made(const kuni_ledger *ledger, size_t node, size_t batch, kuni_hash *hash)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    const kuni_batch *b = &cohort->batches[batch];
    *hash = ledger->keys.nodes[node];
    if (!ledger->run->plan.nodes[node].step->sees_facts) return;
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        kuni_hash facts;
        if (cohort->people && cohort->people[i].state == KUNI_PERSON_ERASED) continue;
        kuni_samples_facts(&cohort->samples[i], &facts);
        kuni_hash_add(hash, &facts);
    }
}

bool kuni_ledger_seals(const kuni_node *node)
{
    return kuni_node_of_reads(node) && node->n_inputs == 0;
}

bool kuni_ledger_has_seal(const kuni_node *node)
{
    return kuni_ledger_seals(node) || kuni_node_folds(node);
}

bool kuni_ledger_batch_is_sealed(const kuni_ledger *ledger, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    bool any = false;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_ledger_seals(&plan->nodes[i])) continue;
        if (!ledger->sealed[i * plan->n_batches + batch]) return false;
        any = true;
    }
    return any;
}

kuni_status kuni_ledger_survey(kuni_ledger *ledger, kuni_error *err)
{
    size_t n_batches = ledger->run->plan.n_batches;
    uint8_t *sealed = kuni_alloc(n_batches + 1, 1, err);
    if (!sealed) return KUNI_MEMORY;
    for (size_t b = 0; b < n_batches; b++) {
        sealed[b] = kuni_ledger_batch_is_sealed(ledger, b);
        if (sealed[b])
            kuni_task_table_set(&ledger->table, KUNI_PLAN_PREFLIGHT, b, KUNI_TASK_ABSENT);
    }
    kuni_status status = kuni_samples_survey(&ledger->samples, sealed, err);
    free(sealed);
    return status;
}

/* For the seal that is made of them once all of the batch are there. */
static kuni_status keep(kuni_ledger *ledger, size_t node, size_t task,
                        const kuni_stored_output *outputs, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    int64_t shard, batch;
    kuni_plan_place(plan, n, task, &shard, &batch);
    size_t at = node * plan->n_batches + (size_t)batch;
    if (ledger->sealed[at]) return KUNI_OK;
    size_t row = shard < 0 ? 0 : (size_t)shard, rows = n->n_shards ? n->n_shards : 1;
    if (!ledger->kept[at])
        ledger->kept[at] = kuni_alloc(rows * n->n_outputs, sizeof(kuni_stored_output), err);
    if (!ledger->kept[at]) return KUNI_MEMORY;
    memcpy(ledger->kept[at] + row * n->n_outputs, outputs,
           n->n_outputs * sizeof(kuni_stored_output));
    return KUNI_OK;
}

double kuni_ledger_weight(const kuni_ledger *ledger, size_t node, size_t task)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    int64_t shard, batch;
    kuni_plan_place(plan, n, task, &shard, &batch);
    double people = (double)(batch >= 0 ? ledger->run->cohort.batches[batch].n_samples
                                        : ledger->run->cohort.n_samples);
    if (n->scatter == KUNI_SCATTER_SAMPLE) {
        size_t first, count;
        kuni_plan_run(n, &ledger->run->cohort.batches[batch], shard, &first, &count);
        people = (double)count;
        shard = -1;
    }
    return people * (double)(shard >= 0 ? kuni_axis_weight(kuni_plan_axis_of(plan, n), shard)
                                        : ledger->genome_bp);
}

void kuni_ledger_weigh(kuni_ledger *ledger, size_t node)
{
    double sum = 0;
    for (size_t task = 0; task < ledger->run->plan.nodes[node].n_tasks; task++)
        if (kuni_task_table_state(&ledger->table, node, task) != KUNI_TASK_ABSENT)
            sum += kuni_ledger_weight(ledger, node, task);
    ledger->weight_all[node] = sum;
}

void kuni_ledger_reused(kuni_ledger *ledger, size_t node, size_t task)
{
    ledger->table.nodes[node].reused++;
    ledger->weight_reused[node] += kuni_ledger_weight(ledger, node, task);
}

kuni_status kuni_ledger_done(kuni_ledger *ledger, size_t node, size_t task, const kuni_hash *key,
                             const kuni_stored_output *outputs, kuni_error *err)
{
    kuni_task_output_digest digests[KUNI_PLAN_OUTPUTS_MAX] = {{.present = false}};
    const kuni_node *n = &ledger->run->plan.nodes[node];
    for (size_t o = 0; o < n->n_outputs; o++) {
        digests[o].present = outputs[o].bytes >= 0;
        kuni_hash_print(&outputs[o].digest, digests[o].digest);
    }
    if (kuni_ledger_has_seal(n)) {
        kuni_status status = keep(ledger, node, task, outputs, err);
        if (status) return status;
    }
    ledger->weight_done[node] += kuni_ledger_weight(ledger, node, task);
    if (kuni_node_is_one(n))
        memcpy(&ledger->finals[node * KUNI_PLAN_OUTPUTS_MAX], outputs,
               n->n_outputs * sizeof(*outputs));
    return kuni_task_table_done(&ledger->table, node, task, kuni_hash_short(key), digests, err);
}
