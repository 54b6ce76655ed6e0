/* SPDX-License-Identifier: MIT */
#include "wanted.h"

#include <string.h>

#include "kuni/params.h"

static bool is_of(const kuni_node *node, const char *stage)
{
    return node->stage && strcmp(node->id, stage) == 0;
}

static kuni_status check_name(const kuni_run *run, const char *option, const char *stage,
                              kuni_error *err)
{
    const kuni_workflow *w = &run->workflow;
    const char *ids[KUNI_PLAN_NODES_MAX] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < w->n_stages; i++) {
        if (strcmp(w->stages[i].id, stage) == 0) return KUNI_OK;
        if (n < KUNI_PLAN_NODES_MAX) ids[n++] = w->stages[i].id;
    }
    const char *near = kuni_nearest(stage, ids, n);
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = kuni_buffer_printf(&list, err, "%s%s", i ? ", " : "", ids[i]);
    if (!status)
        status = kuni_fail(
            err, KUNI_USAGE, "--%s %s: the workflow has no such stage; it has %s%s%s%s", option,
            stage, list.data, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    kuni_buffer_fini(&list);
    return status;
}

/* Flags in `set` what leads to flagged nodes: producers stand before consumers. */
static void add_upstream(const kuni_plan *plan, uint8_t *set)
{
    for (size_t i = plan->n_nodes; i-- > 0;)
        for (size_t k = 0; set[i] && k < plan->nodes[i].n_inputs; k++)
            set[plan->nodes[i].inputs[k].node] = 1;
}

/* Who judges the samples leads to all that is made of those who are let in. */
static void add_judges(const kuni_plan *plan, uint8_t *set)
{
    bool joint = false;
    for (size_t i = 0; i < plan->n_nodes; i++)
        joint = joint || (set[i] && plan->nodes[i].phase == KUNI_PHASE_JOINT);
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (joint && plan->judged && plan->nodes[i].phase == KUNI_PHASE_JUDGE) set[i] = 1;
}

static kuni_status force(kuni_wanted *w, const kuni_run *run, const char *stage, kuni_error *err)
{
    const kuni_plan *plan = &run->plan;
    bool runs = false, any = false, by_sample = false;
    kuni_status status = check_name(run, "force", stage, err);
    if (status) return status;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!is_of(&plan->nodes[i], stage)) continue;
        runs = runs || w->run[i];
        bool sealed = kuni_ledger_seals(&plan->nodes[i]);
        by_sample = by_sample || (sealed && kuni_scatter_by_sample(plan->nodes[i].scatter));
        if (sealed) continue;
        w->forced[i] = 1;
        any = true;
    }
    if (by_sample)
        return kuni_fail(
            err, KUNI_USAGE,
            "--force %s: what it made of each sample is sealed with the batch: change "
            "its command, by a comment for instance, and it is run for everybody again",
            stage);
    if (!any)
        return kuni_fail(err, KUNI_USAGE,
                         "--force %s: what it makes of the reads is primary data once a batch is "
                         "sealed, and no run makes it again: `kuni recall` does",
                         stage);
    if (!runs)
        return kuni_fail(err, KUNI_USAGE, "--force %s: this run does not come to that stage",
                         stage);
    return KUNI_OK;
}

kuni_status kuni_wanted_make(kuni_wanted *w, const kuni_run *run, kuni_error *err)
{
    const kuni_run_options *o = run->options;
    const kuni_plan *plan = &run->plan;
    const char *stage = o->only ? o->only : o->until;
    *w = (kuni_wanted){.partial = stage != NULL, .only = o->only != NULL};
    if (o->only && o->until)
        return kuni_fail(err, KUNI_USAGE, "--until and --only: give one of them");
    kuni_status status = stage ? check_name(run, o->only ? "only" : "until", stage, err) : KUNI_OK;
    if (status) return status;
    for (size_t i = 0; i < plan->n_nodes; i++) w->run[i] = !stage || is_of(&plan->nodes[i], stage);
    memcpy(w->look, w->run, sizeof(w->look));
    add_judges(plan, w->look);
    add_upstream(plan, w->look);
    if (!w->only) memcpy(w->run, w->look, sizeof(w->run));
    /* Whose files can be used is looked at in any case. */
    w->run[KUNI_PLAN_PREFLIGHT] = w->look[KUNI_PLAN_PREFLIGHT] = 1;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (w->run[i] && plan->nodes[i].phase > w->last_phase) w->last_phase = plan->nodes[i].phase;
    /* Who has a column is settled by a whole run, also where nothing asks for it. */
    if (!w->partial) w->last_phase = KUNI_PHASE_JOINT;
    for (size_t i = 0; i < o->n_force && !status; i++) status = force(w, run, o->force[i], err);
    return status;
}

/* Whether all of a node that leads to what is run is there. */
static kuni_status stands(const kuni_wanted *w, const kuni_ledger *ledger, size_t node,
                          kuni_error *err)
{
    const kuni_node *n = &ledger->run->plan.nodes[node];
    const kuni_task_table_node *state = &ledger->table.nodes[node];
    size_t left = n->n_tasks - state->done - state->absent;
    if (w->run[node] || !left) return KUNI_OK;
    return kuni_fail(
        err, KUNI_USAGE,
        "--only %s: %zu of %zu tasks of %s, which leads to it, do not stand: `kuni run "
        "--until %s` makes them, and %s after them",
        ledger->run->options->only, left, n->n_tasks - state->absent, n->folder,
        ledger->run->options->only, ledger->run->options->only);
}

kuni_status kuni_wanted_stands(const kuni_wanted *w, const kuni_ledger *ledger, int phase,
                               kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes && w->only && !status; i++)
        if (w->look[i] && plan->nodes[i].phase == phase) status = stands(w, ledger, i, err);
    return status;
}
