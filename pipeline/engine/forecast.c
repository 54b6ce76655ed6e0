/* SPDX-License-Identifier: MIT */
#include "forecast.h"

#include <stdlib.h>
#include <string.h>

static kuni_status count(kuni_forecast_step *step, kuni_rerun why, bool new_batch, kuni_error *err)
{
    step->runs++;
    for (size_t i = 0; i < step->n_groups; i++) {
        kuni_forecast_group *g = &step->groups[i];
        if (g->why.bits != why.bits || g->why.inputs != why.inputs || g->new_batch != new_batch ||
            ((why.bits & KUNI_RERUN_SETTINGS) && g->why.settings != why.settings))
            continue;
        g->n++;
        return KUNI_OK;
    }
    kuni_status status = kuni_grow((void **)&step->groups, &step->capacity, step->n_groups + 1,
                                   sizeof(kuni_forecast_group), err);
    if (!status)
        step->groups[step->n_groups++] =
            (kuni_forecast_group){.why = why, .new_batch = new_batch, .n = 1};
    return status;
}

/* Nothing is known against a task that was run before but that inputs are made again. */
static kuni_status wait(kuni_preview *p, kuni_forecast_step *step, size_t node, size_t task,
                        bool new_batch, kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    const kuni_made_of *then = kuni_past_last(&p->past, node, task);
    kuni_made_of now;
    if (!then) return count(step, (kuni_rerun){.bits = KUNI_RERUN_NEW}, new_batch, err);
    kuni_status status = kuni_ledger_made_of(&p->ledger, node, task, &now, err);
    if (status) return status;
    kuni_rerun why = kuni_made_of_compare(then, &now);
    why.bits &= KUNI_RERUN_SETTINGS | KUNI_RERUN_SAMPLES;
    why.inputs = 0;
    if (p->past.forced && p->past.forced[node]) why = (kuni_rerun){.bits = KUNI_RERUN_FORCED};
    if (why.bits) return count(step, why, false, err);
    step->follows++;
    for (size_t k = 0; k < plan->nodes[node].n_inputs; k++)
        if (!kuni_task_table_input_ready(&p->ledger.table, node, task, k))
            step->after[plan->nodes[node].inputs[k].node] = 1;
    return KUNI_OK;
}

static bool is_new(const kuni_preview *p, int64_t batch)
{
    const kuni_cohort *cohort = &p->run.cohort;
    return batch >= 0 && cohort->batches[batch].first + cohort->batches[batch].n_samples >
                             cohort->n_samples - cohort->n_new;
}

static kuni_status look_at_task(kuni_preview *p, kuni_forecast_step *step, size_t node, size_t task,
                                kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    int64_t shard, batch;
    kuni_plan_place(plan, &plan->nodes[node], task, &shard, &batch);
    bool new_batch = is_new(p, batch);
    if (!p->knows_keys) return count(step, (kuni_rerun){.bits = KUNI_RERUN_NEW}, new_batch, err);
    if (!kuni_task_table_ready(&p->ledger.table, node, task))
        return wait(p, step, node, task, new_batch, err);
    kuni_hash key;
    kuni_made_of of;
    kuni_status status = kuni_ledger_key(&p->ledger, node, task, &key, err);
    if (!status) status = kuni_ledger_made_of(&p->ledger, node, task, &of, err);
    return status ? status
                  : count(step, kuni_past_reason(&p->past, node, task, &key, &of), new_batch, err);
}

kuni_status kuni_forecast_make(kuni_forecast *f, kuni_preview *p, kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    *f = (kuni_forecast){.steps = kuni_alloc(plan->n_nodes, sizeof(kuni_forecast_step), err),
                         .n_steps = plan->n_nodes};
    if (!f->steps) return KUNI_MEMORY;
    kuni_status status = kuni_wanted_make(&f->wanted, &p->run, err);
    for (int phase = 0; phase < KUNI_PHASES && !status; phase++)
        status = kuni_wanted_stands(&f->wanted, &p->ledger, phase, err);
    for (size_t i = 0; i < plan->n_nodes && !status; i++) {
        kuni_forecast_step *step = &f->steps[i];
        const kuni_task_table_node *state = &p->ledger.table.nodes[i];
        step->wanted = f->wanted.run[i];
        step->tasks = plan->nodes[i].n_tasks - state->absent;
        step->stands = state->done;
        for (size_t task = 0; task < plan->nodes[i].n_tasks && step->wanted && !status; task++)
            if (kuni_task_table_state(&p->ledger.table, i, task) == KUNI_TASK_PENDING)
                status = look_at_task(p, step, i, task, err);
    }
    return status;
}

void kuni_forecast_fini(kuni_forecast *f)
{
    for (size_t i = 0; f->steps && i < f->n_steps; i++) free(f->steps[i].groups);
    free(f->steps);
    *f = (kuni_forecast){.steps = NULL};
}
