/* SPDX-License-Identifier: MIT */
#include "executor.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assembly.h"
#include "clock.h"
#include "dry_tasks.h"
#include "transport.h"

typedef struct slot {
    kuni_runner *runner; /* NULL: idle, or dry */
    uint64_t id;
    bool dry; /* of a dry run: what is told once it is due */
    kuni_job_result result;
    int64_t began_us;
} slot;

struct kuni_executor {
    kuni_run *run;
    slot *slots;
    struct pollfd *ends;      /* of what runs, for kuni_executor_wait */
    size_t n_slots, next;     /* next: where polling goes on, so that no slot starves */
    uint8_t *skip;            /* flags over the samples, all 0 between calls */
    uint8_t *log_folder_made; /* by node */
    kuni_arena *arena;
};

kuni_status kuni_executor_new(kuni_executor **out, kuni_run *run, size_t slots, kuni_error *err)
{
    kuni_executor *e = kuni_alloc(1, sizeof(*e), err);
    if (!e) return KUNI_MEMORY;
    *e = (kuni_executor){.run = run, .n_slots = slots};
    e->slots = kuni_alloc(slots, sizeof(slot), err);
    e->ends = kuni_alloc(slots, sizeof(struct pollfd), err);
    e->skip = kuni_alloc(run->cohort.n_samples + 1, 1, err);
    e->log_folder_made = kuni_alloc(run->plan.n_nodes, 1, err);
    e->arena = kuni_arena_new(err);
    if (!e->slots || !e->ends || !e->skip || !e->log_folder_made || !e->arena) {
        kuni_executor_free(e);
        return KUNI_MEMORY;
    }
    *out = e;
    return KUNI_OK;
}

void kuni_executor_free(kuni_executor *e)
{
    if (!e) return;
    for (size_t i = 0; e->slots && i < e->n_slots; i++) {
        kuni_runner_free(e->slots[i].runner);
        kuni_job_result_fini(&e->slots[i].result);
    }
    free(e->slots);
    free(e->ends);
    free(e->skip);
    free(e->log_folder_made);
    kuni_arena_free(e->arena);
    free(e);
}

size_t kuni_executor_busy(const kuni_executor *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_slots; i++) n += e->slots[i].runner || e->slots[i].dry;
    return n;
}

size_t kuni_executor_idle(const kuni_executor *e)
{
    return e->n_slots - kuni_executor_busy(e);
}

/* --- from work to task --- */

/* The spans of a node's shard; NULL: it has none, or is a run of samples. */
static const kuni_plan_shard *spans_of(const kuni_plan *plan, size_t node, int64_t shard)
{
    const kuni_node *n = &plan->nodes[node];
    if (shard < 0 || n->scatter == KUNI_SCATTER_SAMPLE) return NULL;
    return &kuni_plan_axis_of(plan, n)->shards[shard];
}

/* The first of them, or -1; and how many. */
static int64_t span_of(const kuni_plan *plan, size_t node, int64_t shard)
{
    const kuni_plan_shard *spans = spans_of(plan, node, shard);
    return spans ? (int64_t)spans->first : -1;
}

static uint32_t count_spans(const kuni_plan *plan, size_t node, int64_t shard)
{
    const kuni_plan_shard *spans = spans_of(plan, node, shard);
    return spans ? spans->n : 1;
}

/* Of a node that is not by shard itself: the joint one where it takes something of that. */
static const kuni_plan_axis *axis_seen(const kuni_plan *plan, const kuni_node *node)
{
    bool joint = node->joint;
    for (size_t i = 0; i < node->n_inputs && !kuni_node_by_shard(node); i++)
        joint = joint || plan->nodes[node->inputs[i].node].joint;
    return joint ? &plan->joint : &plan->reads;
}

/* The first span of the joint axis that lies in one of the reads'. */
static int64_t first_within(const kuni_plan_axis *joint, size_t span)
{
    size_t low = 0, high = joint->n_spans;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (joint->within[middle] < span)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64_t)low;
}

/* A file of a reads' shard for a task that sees the joint axis. */
static kuni_status cut_otherwise(const kuni_run *run, kuni_arena *arena, const kuni_work *work,
                                 const kuni_work_part *part, const kuni_work_file *file,
                                 kuni_other_cut *cut, kuni_error *err)
{
    const kuni_plan *plan = &run->plan;
    const kuni_plan_shard *from = spans_of(plan, file->node, file->shard);
    if (!from || plan->nodes[file->node].joint ||
        axis_seen(plan, &plan->nodes[part->node]) == &plan->reads)
        return KUNI_OK;
    const kuni_plan_shard *own = spans_of(plan, part->node, work->shard);
    uint32_t *members = own ? kuni_arena_alloc(arena, own->n, sizeof(*members), err) : NULL;
    int64_t *shards = kuni_arena_alloc(arena, from->n, sizeof(*shards), err);
    if (!shards || (own && !members)) return KUNI_MEMORY;
    for (uint32_t k = 0; own && k < own->n; k++)
        members[k] = plan->joint.within[own->first + k] - from->first;
    for (uint32_t m = 0; m < from->n; m++) shards[m] = first_within(&plan->joint, from->first + m);
    *cut = (kuni_other_cut){
        .spans = &plan->reads.spans[from->first], .members = members, .shards = shards};
    return KUNI_OK;
}

/* The samples of a task of a step that runs once for each. */
static kuni_sample_run run_of(const kuni_run *run, size_t node, int64_t shard, int64_t batch)
{
    const kuni_node *n = &run->plan.nodes[node];
    kuni_sample_run samples = {.n = 0};
    if (kuni_scatter_by_sample(n->scatter))
        kuni_plan_run(n, &run->cohort.batches[batch], shard, &samples.first, &samples.n);
    return samples;
}

/* How many spans and which samples share each file. */
static kuni_status look_at_packs(const kuni_run *run, kuni_arena *arena, const kuni_work *work,
                                 const kuni_work_part *part, kuni_job_part *job, kuni_error *err)
{
    uint32_t *spans = kuni_arena_alloc(arena, part->n_files + 1, sizeof(*spans), err);
    kuni_sample_run *runs = kuni_arena_alloc(arena, part->n_files + 1, sizeof(*runs), err);
    kuni_other_cut *cuts = kuni_arena_alloc(arena, part->n_files + 1, sizeof(*cuts), err);
    if (!spans || !runs || !cuts) return KUNI_MEMORY;
    for (size_t i = 0; i < part->n_files; i++) {
        const kuni_work_file *file = &work->files[part->first_file + i];
        spans[i] = count_spans(&run->plan, file->node, file->shard);
        runs[i] = run_of(run, file->node, file->shard, file->batch);
        kuni_status status = cut_otherwise(run, arena, work, part, file, &cuts[i], err);
        if (status) return status;
    }
    job->input_spans = spans;
    job->input_cuts = cuts;
    job->input_runs = runs;
    return KUNI_OK;
}

/* Which of the task's shards an input is of, by its first span. */
static int64_t shard_seen(const kuni_run *run, const kuni_work *work, const kuni_work_part *part,
                          const kuni_work_file *file)
{
    const kuni_plan *plan = &run->plan;
    int64_t first = span_of(plan, file->node, file->shard),
            own = span_of(plan, part->node, work->shard);
    if (first < 0 || plan->nodes[file->node].joint ||
        axis_seen(plan, &plan->nodes[part->node]) == &plan->reads)
        return first;
    return own >= 0 ? own : first_within(&plan->joint, (size_t)first);
}

static kuni_status make_inputs(const kuni_run *run, kuni_arena *arena, const kuni_work *work,
                               const kuni_work_part *part, kuni_task *task, kuni_error *err)
{
    kuni_task_file *inputs = kuni_arena_alloc(arena, part->n_files + 1, sizeof(*inputs), err);
    if (!inputs) return KUNI_MEMORY;
    for (size_t i = 0; i < part->n_files; i++) {
        const kuni_work_file *file = &work->files[part->first_file + i];
        const kuni_port *port = &run->plan.nodes[file->node].step->outputs[file->output];
        inputs[i] =
            (kuni_task_file){.kind = port->kind,
                             .publish = port->publish,
                             .shard = shard_seen(run, work, part, file),
                             .batch = file->batch,
                             .path = kuni_run_output(run, arena, file->node, file->output,
                                                     file->shard, file->batch, file->key, err)};
        if (!inputs[i].path) return KUNI_MEMORY;
    }
    task->inputs = inputs;
    task->n_inputs = part->n_files;
    return KUNI_OK;
}

static const kuni_hash *digests_of(kuni_arena *arena, const kuni_work *work,
                                   const kuni_work_part *part, kuni_error *err)
{
    kuni_hash *digests = kuni_arena_alloc(arena, part->n_files + 1, sizeof(*digests), err);
    for (size_t i = 0; digests && i < part->n_files; i++)
        digests[i] = work->files[part->first_file + i].digest;
    return digests;
}

/* The run with the folder that is written to. */
static kuni_run written_to(const kuni_run *run)
{
    kuni_run other = *run;
    if (run->aside) other.folder = run->aside;
    return other;
}

static kuni_status make_outputs(const kuni_run *run, kuni_arena *arena, const kuni_work *work,
                                const kuni_work_part *part, kuni_task *task, kuni_error *err)
{
    kuni_run to = written_to(run);
    const kuni_node *node = &run->plan.nodes[part->node];
    kuni_task_file *outputs = kuni_arena_alloc(arena, node->n_outputs + 1, sizeof(*outputs), err);
    if (!outputs) return KUNI_MEMORY;
    for (size_t o = 0; o < node->n_outputs; o++) {
        const kuni_port *port = &node->step->outputs[o];
        outputs[o] = (kuni_task_file){.kind = port->kind,
                                      .publish = port->publish,
                                      .shard = span_of(&run->plan, part->node, work->shard),
                                      .batch = work->batch,
                                      .path = kuni_run_output(&to, arena, part->node, o,
                                                              work->shard, work->batch,
                                                              kuni_hash_short(&part->key), err)};
        if (!outputs[o].path) return KUNI_MEMORY;
    }
    task->outputs = outputs;
    task->n_outputs = node->n_outputs;
    return KUNI_OK;
}

static kuni_status make_task(const kuni_run *run, kuni_arena *arena, const kuni_work *work,
                             const kuni_work_part *part, kuni_task **out, kuni_error *err)
{
    kuni_task *task = kuni_arena_alloc(arena, 1, sizeof(*task), err);
    if (!task) return KUNI_MEMORY;
    const kuni_node *node = &run->plan.nodes[part->node];
    const kuni_plan_axis *axis = axis_seen(&run->plan, node);
    *task = (kuni_task){
        .stage_id = node->id,
        .genome = run->genome,
        .ploidy = run->ploidy,
        .params = node->params,
        .samples = run->cohort.samples,
        .n_samples = run->cohort.n_samples,
        .columns = node->phase >= KUNI_PHASE_JUDGE && run->columns_known ? run->columns : NULL,
        .batches = run->cohort.batches,
        .n_batches = run->cohort.n_batches,
        .shards = axis->spans,
        .n_shards = axis->n_spans,
        .shard = span_of(&run->plan, part->node, work->shard),
        .batch = work->batch,
        .memory_bytes = kuni_run_memory(run, part->node, work->attempt)};
    kuni_run to = written_to(run);
    task->scratch = kuni_run_path(&to, arena, err, "tmp/%" PRIu64 "-%d-%" PRIu64 "-%u", run->epoch,
                                  run->rank, work->id, (unsigned)part->node);
    kuni_status status = task->scratch ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = make_inputs(run, arena, work, part, task, err);
    if (!status) status = make_outputs(run, arena, work, part, task, err);
    *out = task;
    return status;
}

static bool is_place(const kuni_plan *plan, size_t node, int64_t shard, int64_t batch)
{
    if (node >= plan->n_nodes) return false;
    const kuni_node *n = &plan->nodes[node];
    return (n->n_shards ? shard >= 0 && shard < (int64_t)n->n_shards : shard == -1) &&
           (kuni_node_by_batch(n) ? batch >= 0 && batch < (int64_t)plan->n_batches : batch == -1);
}

/* Every number of a work is checked before use: it came from another process. */
static bool work_is_sound(const kuni_run *run, const kuni_work *work)
{
    const kuni_plan *plan = &run->plan;
    if (work->n_parts == 0 || work->shard < -1 || work->batch >= (int64_t)plan->n_batches ||
        work->batch < -1)
        return false;
    for (size_t i = 0; i < work->n_parts; i++)
        if (!is_place(plan, work->parts[i].node, work->shard, work->batch)) return false;
    for (size_t i = 0; i < work->n_files; i++) {
        const kuni_work_file *file = &work->files[i];
        if (!is_place(plan, file->node, file->shard, file->batch) ||
            file->output >= plan->nodes[file->node].n_outputs)
            return false;
    }
    for (size_t i = 0; i < work->n_skip; i++)
        if (work->skip[i] >= run->cohort.n_samples) return false;
    return true;
}

static kuni_status log_prefix(kuni_executor *e, const kuni_work *work, const char **out,
                              kuni_error *err)
{
    const kuni_run *run = e->run;
    kuni_run to = written_to(run);
    size_t node = work->parts[0].node;
    const char *folder = work->n_parts > 1 ? "reads" : run->plan.nodes[node].folder;
    if (!e->log_folder_made[node]) {
        const char *path = kuni_run_path(&to, e->arena, err, "logs/%s", folder);
        kuni_status status = path ? kuni_make_folders(path, err) : KUNI_MEMORY;
        if (status) return status;
        e->log_folder_made[node] = work->n_parts == 1;
    }
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name = kuni_plan_shard_name(&run->plan, &run->plan.nodes[node], work->shard, room);
    *out = kuni_run_path(&to, e->arena, err, "logs/%s/%s.%s", folder, name ? name : "all",
                         work->batch >= 0 ? run->cohort.batches[work->batch].id : "all");
    return *out ? KUNI_OK : KUNI_MEMORY;
}

/* A plugin may keep in one place what belongs to one task: it has one open at a time. */
static bool is_foreign(const kuni_node *node)
{
    return node->stage && node->stage->plugin;
}

/* Of a dry run without processes. */
static kuni_status start_dry(kuni_executor *e, slot *at, const kuni_work *work, kuni_error *err)
{
    kuni_status status = kuni_dry_do(e->run, work, e->arena, &at->result, err);
    at->id = work->id;
    at->dry = !status;
    at->began_us = kuni_now_us();
    return status;
}

kuni_status kuni_executor_start(kuni_executor *e, const kuni_work *work, kuni_error *err)
{
    const kuni_run *run = e->run;
    kuni_job_part parts[KUNI_PLAN_NODES_MAX];
    slot *free_slot = NULL;
    bool apart = false;
    for (size_t i = 0; i < e->n_slots && !free_slot; i++)
        if (!e->slots[i].runner && !e->slots[i].dry) free_slot = &e->slots[i];
    if (!free_slot || !work_is_sound(run, work) || work->n_parts > KUNI_PLAN_NODES_MAX)
        return kuni_fail(err, KUNI_BUG, "a rank got an order that it cannot carry out");
    kuni_arena_clear(e->arena);
    if (run->options->dry && !run->options->dry->processes)
        return start_dry(e, free_slot, work, err);
    for (size_t i = 0; i < work->n_parts; i++) {
        kuni_task *task;
        kuni_status status = make_task(run, e->arena, work, &work->parts[i], &task, err);
        if (status) return status;
        parts[i] =
            (kuni_job_part){.step = run->plan.nodes[work->parts[i].node].step,
                            .task = task,
                            .input_digests = digests_of(e->arena, work, &work->parts[i], err)};
        if (!parts[i].input_digests) return KUNI_MEMORY;
        if (run->options->dry &&
            !(parts[i].step = kuni_dry_step(run->options->dry, parts[i].step, e->arena, err)))
            return KUNI_MEMORY;
        status = look_at_packs(run, e->arena, work, &work->parts[i], &parts[i], err);
        if (status) return status;
        apart = apart || is_foreign(&run->plan.nodes[work->parts[i].node]);
    }
    kuni_job job = {.parts = parts,
                    .n_parts = work->n_parts,
                    .n_spans = count_spans(&run->plan, work->parts[0].node, work->shard),
                    .samples = run_of(run, work->parts[0].node, work->shard, work->batch),
                    .apart = apart,
                    .time_limit_s = run->workflow.time_limit_s,
                    .memory_bytes = kuni_run_memory(run, work->parts[0].node, work->attempt),
                    .epoch = run->epoch,
                    .rank = run->rank,
                    .skip = e->skip};
    kuni_status status = log_prefix(e, work, &job.log, err);
    if (status) return status;
    for (size_t i = 0; i < work->n_skip; i++) e->skip[work->skip[i]] = 1;
    status = kuni_runner_start(&free_slot->runner, &job, err);
    for (size_t i = 0; i < work->n_skip; i++) e->skip[work->skip[i]] = 0;
    if (status) free_slot->runner = NULL;
    free_slot->id = work->id;
    return status;
}

static void sign(kuni_job_result *result)
{
    if (gethostname(result->host, sizeof(result->host) - 1) != 0) result->host[0] = '\0';
}

/* Whether what a slot does has ended since; its result then. */
static kuni_status poll_slot(const kuni_executor *e, slot *s, bool *done, kuni_job_result *result,
                             kuni_error *err)
{
    if (s->dry) {
        int64_t took_us = kuni_now_us() - s->began_us;
        *done = took_us >= e->run->options->dry->sleep_us;
        if (!*done) return KUNI_OK;
        *result = s->result;
        result->wall_s = (double)took_us / 1e6;
        s->result = (kuni_job_result){.sample = -1};
        s->dry = false;
        return KUNI_OK;
    }
    kuni_status status = kuni_runner_poll(s->runner, done, result, err);
    if (status || !*done) return status;
    kuni_runner_free(s->runner);
    s->runner = NULL;
    return KUNI_OK;
}

kuni_status kuni_executor_poll(kuni_executor *e, bool *done, uint64_t *id, kuni_job_result *result,
                               kuni_error *err)
{
    *done = false;
    for (size_t i = 0; i < e->n_slots && !*done; i++) {
        slot *s = &e->slots[(e->next + i) % e->n_slots];
        if (!s->runner && !s->dry) continue;
        kuni_status status = poll_slot(e, s, done, result, err);
        if (status) return status;
        if (!*done) continue;
        sign(result);
        *id = s->id;
        e->next = (e->next + i + 1) % e->n_slots;
    }
    return KUNI_OK;
}

void kuni_executor_wait(kuni_executor *e, int64_t us)
{
    enum { LAST_BREATH_US = 100 }; /* of a process that has closed its pipe */
    nfds_t n = 0;
    for (size_t i = 0; i < e->n_slots; i++) {
        const slot *s = &e->slots[i];
        int64_t left_us = us;
        if (s->dry) left_us = s->began_us + e->run->options->dry->sleep_us - kuni_now_us();
        if (s->runner && kuni_runner_fd(s->runner) < 0) left_us = LAST_BREATH_US;
        if (left_us < us) us = left_us > 0 ? left_us : 0;
        if (s->runner)
            e->ends[n++] = (struct pollfd){.fd = kuni_runner_fd(s->runner), .events = POLLIN};
    }
    if (!n) {
        kuni_sleep_us(us);
        return;
    }
    (void)ppoll(e->ends, n,
                &(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* --- all ranks together --- */

static kuni_status assemble(const kuni_task *task, const kuni_step *step, uint64_t epoch,
                            kuni_job_result *result, kuni_error *err)
{
    size_t n_lists;
    const kuni_task_file *lists = kuni_task_inputs(task, "assembly", &n_lists);
    kuni_assembly_target targets[KUNI_PLAN_OUTPUTS_MAX];
    for (size_t o = 0; o < task->n_outputs; o++)
        targets[o] = (kuni_assembly_target){.kind = task->outputs[o].kind,
                                            .path = task->outputs[o].path,
                                            .optional = step->outputs[o].optional};
    if (n_lists != 1)
        return kuni_fail(err, KUNI_BUG, "stage %s: an assembly needs one list, not %zu",
                         task->stage_id, n_lists);
    kuni_status status = kuni_assembly_write(lists[0].path, targets, task->n_outputs, epoch, err);
    for (size_t o = 0; o < task->n_outputs && !status; o++) {
        kuni_job_output *out = &result->outputs[o];
        *out = (kuni_job_output){.output = o,
                                 .present = targets[o].written,
                                 .bytes = targets[o].bytes,
                                 .mtime_ns = targets[o].mtime_ns};
        memcpy(out->digest, targets[o].digest, sizeof(out->digest));
    }
    return status;
}

/* The folder of a path must stand before the ranks write into it. */
static kuni_status make_parent(const char *path, kuni_error *err)
{
    char *folder = kuni_strdup(path, err);
    if (!folder) return KUNI_MEMORY;
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    kuni_status status = kuni_make_folders(folder, err);
    free(folder);
    return status;
}

/* Every rank looks at its share of what earlier runs made, before anything is written of it. */
static kuni_status check_share(const kuni_run *run, const kuni_work *work, const kuni_task *task,
                               kuni_error *err)
{
    kuni_status status = KUNI_OK;
    const kuni_work_part *part = &work->parts[0];
    for (size_t i = (size_t)run->rank; i < part->n_files && !status; i += (size_t)run->size)
        status =
            kuni_check_input(task->inputs[i].path, &work->files[part->first_file + i].digest, err);
    return status;
}

kuni_status kuni_executor_together(kuni_run *run, const kuni_work *work, kuni_job_result *result,
                                   kuni_error *err)
{
    int64_t began = kuni_now_ms();
    kuni_task *task = NULL;
    *result = (kuni_job_result){.sample = -1};
    kuni_arena *arena = kuni_arena_new(err);
    kuni_status status = arena ? KUNI_OK : KUNI_MEMORY;
    if (!status && !work_is_sound(run, work))
        status = kuni_fail(err, KUNI_BUG, "a rank got an order that it cannot carry out");
    if (!status) status = make_task(run, arena, work, &work->parts[0], &task, err);
    if (!status) {
        result->outputs = kuni_alloc(task->n_outputs + 1, sizeof(kuni_job_output), err);
        if (!result->outputs) status = KUNI_MEMORY;
    }
    for (size_t o = 0; !status && run->rank == 0 && o < task->n_outputs; o++)
        status = make_parent(task->outputs[o].path, err);
    if (!status) status = check_share(run, work, task, err);
    status = kuni_transport_agree(status, err);
    if (!status && task && result->outputs) { /* which are there: agreed on */
        result->n_outputs = task->n_outputs;
        status = assemble(task, run->plan.nodes[work->parts[0].node].step, run->epoch, result, err);
    }
    kuni_arena_free(arena);
    sign(result);
    result->wall_s = (double)(kuni_now_ms() - began) / 1000;
    return status;
}
