/* SPDX-License-Identifier: MIT */
#include "export_chosen.h"

#include <stdlib.h>

#include "published_files.h"

typedef struct choosing {
    kuni_exporter *x;
    kuni_ledger *ledger;
    bool nodes[KUNI_PLAN_NODES_MAX]; /* whose seals are read */
    uint8_t *batches, *shards;       /* of the reads */
    uint8_t *joint;                  /* shards of the chosen step */
} choosing;

/* Steps that the records are made from: those of reads are told by seals, of others one file a cohort can be found. */
static bool choose_nodes(choosing *c)
{
    const kuni_plan *plan = &c->x->run->plan;
    const kuni_node *node = &plan->nodes[c->x->node];
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t from = node->inputs[i].node;
        c->nodes[from] = kuni_ledger_seals(&plan->nodes[from]);
        if (!c->nodes[from] && !kuni_node_is_one(&plan->nodes[from])) return false;
    }
    return true;
}

static kuni_status choose_places(choosing *c, kuni_error *err)
{
    const kuni_exporter *x = c->x;
    const kuni_plan *plan = &x->run->plan;
    const kuni_cohort *cohort = &x->run->cohort;
    c->batches = kuni_alloc(cohort->n_batches + 1, 1, err);
    c->shards = kuni_alloc(plan->reads.n_shards + 1, 1, err);
    c->joint = kuni_alloc(x->axis->n_shards + 1, 1, err);
    if (!c->batches || !c->shards || !c->joint) return KUNI_MEMORY;
    for (size_t b = 0; b < cohort->n_batches; b++)
        for (size_t i = 0; i < cohort->batches[b].n_samples; i++)
            if (x->columns[cohort->batches[b].first + i] >= 0) c->batches[b] = 1;
    for (size_t wanted = 0; wanted < x->n_spans; wanted++) {
        size_t first, end;
        kuni_exporter_places(x, wanted, &first, &end);
        for (size_t span = first; span < end; span++) {
            size_t in_reads = x->axis->within ? x->axis->within[span] : span;
            c->joint[kuni_axis_shard_of(x->axis, span)] = 1;
            c->shards[kuni_axis_shard_of(&plan->reads, in_reads)] = 1;
        }
    }
    return KUNI_OK;
}

/* What the step takes of the whole cohort, what it and the last step after it made, and what was merged of that. */
static kuni_status find_made(const choosing *c, bool *found, kuni_error *err)
{
    const kuni_exporter *x = c->x;
    const kuni_plan *plan = &x->run->plan;
    const kuni_node *node = &plan->nodes[x->node];
    kuni_status status = KUNI_OK;
    *found = true;
    for (size_t i = 0; i < node->n_inputs && !status && *found; i++)
        if (!c->nodes[node->inputs[i].node])
            status = kuni_published_task(c->ledger, node->inputs[i].node, -1, found, err);
    for (size_t s = 0; s < x->axis->n_shards && !status && *found; s++) {
        if (!c->joint[s]) continue;
        status = kuni_published_task(c->ledger, x->node, (int64_t)s, found, err);
        if (!status && *found && x->last_node != x->node)
            status = kuni_published_task(c->ledger, x->last_node, (int64_t)s, found, err);
    }
    for (size_t i = x->last_node + 1; i < plan->n_nodes && !status && *found; i++) {
        bool merged;
        if (x->last_node != x->node && kuni_node_is_one(&plan->nodes[i]))
            status = kuni_published_task(c->ledger, i, -1, &merged, err);
    }
    return status;
}

/* The steps are as they were when this was published. */
static kuni_status are_same(const kuni_exporter *x, const kuni_published_run *current, bool *same,
                            kuni_error *err)
{
    *same = true;
    for (size_t i = x->node; i < x->run->plan.n_nodes && *same; i++) {
        bool counts = i == x->node || i == x->last_node || kuni_node_is_one(&x->run->plan.nodes[i]);
        kuni_status status = counts ? kuni_published_run_made(current, i, same, err) : KUNI_OK;
        if (status) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_export_chosen(kuni_exporter *x, kuni_published_run *current, kuni_ledger *ledger,
                               bool *found, kuni_error *err)
{
    choosing c = {.x = x, .ledger = ledger};
    *found = false;
    if (kuni_exporter_buried(x) || !choose_nodes(&c)) return KUNI_OK;
    kuni_status status = are_same(x, current, found, err);
    if (!status && *found) status = choose_places(&c, err);
    const kuni_seal_choice choice = {.nodes = c.nodes, .batches = c.batches, .shards = c.shards};
    if (!status && *found) status = kuni_published_ledger(ledger, current, &choice, found, err);
    if (!status && *found) status = find_made(&c, found, err);
    if (!status && *found) x->ledger = ledger;
    free(c.batches);
    free(c.shards);
    free(c.joint);
    return status;
}
