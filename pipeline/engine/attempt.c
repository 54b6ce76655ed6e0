/* SPDX-License-Identifier: MIT */
#include "attempt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "executor.h"
#include "kuni/params.h"
#include "pack.h"
#include "reads_pass.h"

enum { POLL_MS = 5 };

/* --- which task --- */

static bool is_step_of(const kuni_node *node, const char *stage)
{
    return node->stage && (strcmp(node->id, stage) == 0 || strcmp(node->folder, stage) == 0);
}

static kuni_status no_stage(const kuni_plan *plan, const char *stage, kuni_error *err)
{
    const char *names[KUNI_PLAN_NODES_MAX] = {NULL};
    size_t n = 0;
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes && !status; i++) {
        if (!plan->nodes[i].stage) continue;
        status = kuni_buffer_printf(&list, err, "%s%s", n ? ", " : "", plan->nodes[i].folder);
        names[n++] = plan->nodes[i].folder;
    }
    const char *near = kuni_nearest(stage, names, n);
    if (!status)
        status =
            kuni_fail(err, KUNI_USAGE, "the workflow has no stage or step '%s'; it has %s%s%s%s",
                      stage, list.data ? list.data : "none", near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
    kuni_buffer_fini(&list);
    return status;
}

/* The step of that name, or the first of the stage; which others the stage has. */
static kuni_status find_node(kuni_attempt *a, const kuni_plan *plan, const char *stage,
                             kuni_error *err)
{
    kuni_buffer more = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    a->node = plan->n_nodes;
    for (size_t i = 0; i < plan->n_nodes && a->node == plan->n_nodes; i++)
        if (is_step_of(&plan->nodes[i], stage)) a->node = i;
    if (a->node == plan->n_nodes) return no_stage(plan, stage, err);
    const kuni_node *node = &plan->nodes[a->node];
    for (size_t i = 0; i < plan->n_nodes && !status; i++)
        if (i != a->node && plan->nodes[i].stage && strcmp(plan->nodes[i].id, node->id) == 0)
            status = kuni_buffer_printf(&more, err, "%s%s", more.length ? ", " : "",
                                        plan->nodes[i].folder);
    if (!status)
        a->more_steps = kuni_arena_strndup(a->arena, more.data ? more.data : "", more.length, err);
    kuni_buffer_fini(&more);
    if (!status && !a->more_steps) status = KUNI_MEMORY;
    if (!status && node->scatter == KUNI_SCATTER_RANKS)
        status = kuni_fail(err, KUNI_USAGE,
                           "%s is done by all ranks of a run together and cannot be tried alone",
                           node->folder);
    return status;
}

static kuni_status find_shard(const kuni_preview *p, const kuni_plan_axis *axis, const char *text,
                              int64_t *shard, kuni_error *err)
{
    for (size_t i = 0; i < axis->n_shards; i++)
        if (strcmp(axis->names[i], text) == 0) {
            *shard = (int64_t)i;
            return KUNI_OK;
        }
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    int64_t beg = colon ? strtoll(colon + 1, NULL, 10) - 1 : 0;
    for (size_t i = 0; i < axis->n_spans; i++) {
        kuni_span s = axis->spans[i];
        const char *name = s.tid >= 0 ? kuni_genome_contig(p->run.genome, s.tid)->name : "";
        bool here = strlen(name) == length && strncmp(name, text, length) == 0;
        if (here && (!colon || (beg >= s.beg && beg < s.end))) {
            *shard = (int64_t)kuni_axis_shard_of(axis, i);
            return KUNI_OK;
        }
    }
    return kuni_fail(err, KUNI_USAGE,
                     "--shard %s: no shard of the workflow holds that; `kuni plan --shards` lists "
                     "them, written chr20:1-5000000",
                     text);
}

static kuni_status find_batch(const kuni_preview *p, const kuni_attempt_request *r, int64_t *batch,
                              kuni_error *err)
{
    const kuni_cohort *cohort = &p->run.cohort;
    int64_t named = r->batch ? kuni_names_find(&p->ledger.batch_names, r->batch) : -1;
    int64_t sample = r->sample ? kuni_names_find(&p->ledger.sample_names, r->sample) : -1;
    if (r->batch && named < 0)
        return kuni_fail(
            err, KUNI_USAGE, "--batch %s: there is no such batch; there are %zu, %s%s%s", r->batch,
            cohort->n_batches, cohort->batches[0].id, cohort->n_batches > 1 ? " to " : "",
            cohort->n_batches > 1 ? cohort->batches[cohort->n_batches - 1].id : "");
    if (r->sample && (sample < 0 || !cohort->samples[sample].reads))
        return kuni_fail(err, KUNI_USAGE,
                         "--sample %s: the cohort has no such sample, or it has withdrawn",
                         r->sample);
    *batch = named;
    for (size_t b = 0; sample >= 0 && b < cohort->n_batches; b++)
        if ((size_t)sample >= cohort->batches[b].first &&
            (size_t)sample < cohort->batches[b].first + cohort->batches[b].n_samples) {
            if (named >= 0 && named != (int64_t)b)
                return kuni_fail(err, KUNI_USAGE, "--sample %s is in batch %s, not in %s",
                                 r->sample, cohort->batches[b].id, r->batch);
            *batch = (int64_t)b;
        }
    return KUNI_OK;
}

/* Whether a task that is run once a sample is run for this one. */
static bool holds(const kuni_preview *p, const kuni_node *node, int64_t shard, int64_t batch,
                  const char *sample)
{
    size_t first, n;
    kuni_plan_run(node, &p->run.cohort.batches[batch], shard, &first, &n);
    for (size_t i = first; i < first + n; i++)
        if (strcmp(p->run.cohort.samples[i].id, sample) == 0) return true;
    return false;
}

/* The first task at that place, of those that can be done before others. */
static kuni_status find_task(kuni_attempt *a, const kuni_preview *p, const kuni_attempt_request *r,
                             kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    const kuni_node *node = &plan->nodes[a->node];
    int64_t shard = -1, batch = -1;
    kuni_status status =
        r->shard ? find_shard(p, kuni_plan_axis_of(plan, node), r->shard, &shard, err) : KUNI_OK;
    if (!status && (r->batch || r->sample)) status = find_batch(p, r, &batch, err);
    if (status) return status;
    bool by_shard = kuni_node_by_shard(node), by_batch = kuni_node_by_batch(node);
    if ((r->shard && !by_shard) || ((r->batch || r->sample) && !by_batch))
        return kuni_fail(err, KUNI_USAGE, "%s: %s is not cut by %s: leave out --%s", r->stage,
                         node->folder, r->shard && !by_shard ? "shard" : "batch",
                         r->shard && !by_shard ? "shard"
                         : r->sample           ? "sample"
                                               : "batch");
    size_t first = node->n_tasks, waiting = node->n_tasks;
    for (size_t t = 0; t < node->n_tasks && first == node->n_tasks; t++) {
        int64_t s, b;
        kuni_plan_place(plan, node, t, &s, &b);
        if ((shard >= 0 && s != shard) || (batch >= 0 && b != batch) ||
            (kuni_scatter_by_sample(node->scatter) && r->sample &&
             !holds(p, node, s, b, r->sample)) ||
            kuni_task_table_state(&p->ledger.table, a->node, t) == KUNI_TASK_ABSENT)
            continue;
        if (waiting == node->n_tasks) waiting = t;
        if (kuni_task_table_ready(&p->ledger.table, a->node, t)) first = t;
    }
    if (waiting == node->n_tasks)
        return kuni_fail(err, KUNI_USAGE, "%s: there is nothing to do at that place", node->folder);
    a->task = first < node->n_tasks ? first : waiting;
    kuni_plan_place(plan, node, a->task, &shard, &batch);
    kuni_run_task_name(&p->run, a->node, shard, batch, a->name, sizeof(a->name));
    for (size_t k = 0; k < node->n_inputs && first == node->n_tasks; k++)
        if (!kuni_task_table_input_ready(&p->ledger.table, a->node, a->task, k))
            return kuni_fail(
                err, KUNI_USAGE,
                "%s takes what %s gives, which does not stand in the dataset: `kuni run "
                "--until %s` makes it",
                a->name, plan->nodes[node->inputs[k].node].folder,
                plan->nodes[node->inputs[k].node].id);
    if (kuni_node_folds(node) &&
        p->ledger.sealed[node->inputs[0].node * plan->n_batches + (size_t)batch] ==
            KUNI_SEAL_FOLDED)
        return kuni_fail(err, KUNI_USAGE,
                         "%s: the batch is sealed, and what it summed is gone: its file is in the "
                         "dataset",
                         a->name);
    return KUNI_OK;
}

/* --- running it --- */

static kuni_status make_work(const kuni_attempt *a, kuni_preview *p, const kuni_attempt_request *r,
                             kuni_work *work, kuni_error *err)
{
    const kuni_node *node = &p->run.plan.nodes[a->node];
    int64_t shard, batch;
    kuni_hash key = {{0}};
    kuni_plan_place(&p->run.plan, node, a->task, &shard, &batch);
    *work = (kuni_work){.id = 1, .shard = (int32_t)shard, .batch = (int32_t)batch};
    kuni_status status =
        p->knows_keys ? kuni_ledger_key(&p->ledger, a->node, a->task, &key, err) : KUNI_OK;
    if (!status) status = kuni_work_add_part(work, a->node, &key, err);
    if (!status) status = kuni_task_table_files(&p->ledger.table, a->node, a->task, work, err);
    if (!status) kuni_past_add_digests(&p->past, work);
    if (status || batch < 0) return status;
    const kuni_batch *b = &p->run.cohort.batches[batch];
    const char *one = kuni_node_of_reads(node) ? r->sample : NULL;
    size_t first, n;
    kuni_plan_run(node, b, shard, &first, &n);
    for (size_t i = first; i < first + n && !one && kuni_scatter_by_sample(node->scatter); i++)
        if (!p->ledger.samples.skip[i] &&
            kuni_sample_feeds(&p->run.cohort.samples[i], node->step->feed))
            one = p->run.cohort.samples[i].id;
    for (size_t i = b->first; i < b->first + b->n_samples && !status; i++)
        if (p->ledger.samples.skip[i] || (one && strcmp(p->run.cohort.samples[i].id, one) != 0))
            status = kuni_work_add_skip(work, (uint32_t)i, err);
    return status;
}

static kuni_status wait_for(kuni_executor *executor, kuni_job_result *result, kuni_error *err)
{
    bool done = false;
    uint64_t id;
    kuni_status status = KUNI_OK;
    while (!status && !done) {
        if (kuni_stop_asked())
            return kuni_fail(err, KUNI_AGAIN, "stopped by signal %d", kuni_stop_asked());
        status = kuni_executor_poll(executor, &done, &id, result, err);
        if (!status && !done) kuni_sleep_ms(POLL_MS);
    }
    return status;
}

/* The one file that a pack of samples has. */
static kuni_status take_out(const char *from, const char *to, kuni_error *err)
{
    kuni_pack pack;
    kuni_status status = kuni_pack_open(&pack, from, err);
    for (size_t i = 0; i < pack.n && !status; i++)
        if (pack.members[i].present) status = kuni_pack_extract(&pack, i, to, err);
    kuni_pack_close(&pack);
    return status;
}

/* Out of the folders of a dataset, to FOLDER/STEP.SHARD.BATCH.KIND.EXTENSION. */
static kuni_status collect(kuni_attempt *a, const kuni_run *aside, const kuni_work *work,
                           kuni_error *err)
{
    const kuni_node *node = &aside->plan.nodes[a->node];
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name = kuni_plan_shard_name(&aside->plan, node, work->shard, room);
    a->outputs = kuni_arena_alloc(a->arena, node->n_outputs + 1, sizeof(char *), err);
    if (!a->outputs) return KUNI_MEMORY;
    a->n_outputs = node->n_outputs;
    for (size_t o = 0; o < node->n_outputs; o++) {
        const char *from = kuni_run_output(aside, a->arena, a->node, o, work->shard, work->batch,
                                           kuni_hash_short(&work->parts[0].key), err);
        if (!from) return KUNI_MEMORY;
        if (access(from, F_OK) != 0) continue;
        const kuni_port *port = &node->step->outputs[o];
        const char *extension = port->extension ? port->extension : "";
        size_t length = strlen(port->kind);
        bool says = strncmp(extension, port->kind, length) == 0 &&
                    (extension[length] == '.' || !extension[length]);
        const char *to =
            kuni_run_path(aside, a->arena, err, "%s%s%s%s%s.%s%s%s", node->folder, name ? "." : "",
                          name ? name : "", work->batch >= 0 ? "." : "",
                          work->batch >= 0 ? aside->cohort.batches[work->batch].id : "",
                          says ? "" : port->kind, extension[0] && !says ? "." : "", extension);
        if (!to) return KUNI_MEMORY;
        kuni_status status = kuni_scatter_by_sample(node->scatter) ? take_out(from, to, err)
                             : rename(from, to) != 0
                                 ? kuni_fail_errno(err, "cannot rename %s to %s", from, to)
                                 : KUNI_OK;
        if (status) return status;
        a->outputs[o] = to;
    }
    return KUNI_OK;
}

static kuni_status execute(kuni_attempt *a, kuni_preview *p, const kuni_attempt_request *r,
                           const kuni_work *work, kuni_error *err)
{
    kuni_executor *executor = NULL;
    kuni_run *run = &p->run;
    kuni_status status = KUNI_OK;
    run->aside = r->folder;
    if (run->plan.nodes[a->node].phase >= KUNI_PHASE_JUDGE)
        status = kuni_run_set_columns(run, p->ledger.samples.skip, err);
    if (!status) status = kuni_executor_new(&executor, run, 1, err);
    if (!status) status = kuni_executor_start(executor, work, err);
    if (!status) status = wait_for(executor, &a->result, err);
    kuni_executor_free(executor);
    kuni_run aside = *run;
    aside.folder = r->folder;
    if (!status && !a->result.status) status = collect(a, &aside, work, err);
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name =
        kuni_plan_shard_name(&run->plan, &run->plan.nodes[a->node], work->shard, room);
    a->log = kuni_run_path(&aside, a->arena, err, "logs/%s/%s.%s", run->plan.nodes[a->node].folder,
                           name ? name : "all",
                           work->batch >= 0 ? run->cohort.batches[work->batch].id : "all");
    return status || a->log ? status : KUNI_MEMORY;
}

kuni_status kuni_attempt_run(kuni_attempt *a, kuni_preview *p, const kuni_attempt_request *r,
                             kuni_error *err)
{
    kuni_work work = {.id = 0};
    *a = (kuni_attempt){.more_steps = "", .result = {.sample = -1}};
    if (!(a->arena = kuni_arena_new(err))) return KUNI_MEMORY;
    kuni_stop_watch();
    kuni_status status = find_node(a, &p->run.plan, r->stage, err);
    if (!status) status = find_task(a, p, r, err);
    if (!status) status = make_work(a, p, r, &work, err);
    if (!status) {
        a->n_inputs = work.n_files;
        status = execute(a, p, r, &work, err);
    }
    kuni_work_fini(&work);
    return status;
}

void kuni_attempt_fini(kuni_attempt *a)
{
    kuni_job_result_fini(&a->result);
    kuni_arena_free(a->arena);
    *a = (kuni_attempt){.arena = NULL};
}
