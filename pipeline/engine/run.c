/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preflight.h"

void kuni_run_fini(kuni_run *run)
{
    kuni_plan_fini(&run->plan);
    kuni_ploidy_close(run->ploidy);
    kuni_genome_close(run->genome);
    kuni_cohort_fini(&run->cohort);
    kuni_workflow_fini(&run->workflow);
    free(run->columns);
    free(run->hosts);
    *run = (kuni_run){.options = NULL};
}

kuni_status kuni_run_make_plan(kuni_run *run, kuni_error *err)
{
    kuni_status status = kuni_genome_open(&run->genome, run->workflow.reference, err);
    if (!status) status = kuni_workflow_ploidy(&run->ploidy, &run->workflow, run->genome, err);
    if (!status)
        status = kuni_plan_make(&run->plan, &run->workflow, run->genome, run->cohort.batches,
                                run->cohort.n_batches, run->cohort.n_twins > 0,
                                &kuni_preflight_stage, err);
    return status;
}

kuni_status kuni_run_set_columns(kuni_run *run, const uint8_t *without, kuni_error *err)
{
    size_t n = run->cohort.n_samples;
    if (!run->columns) run->columns = kuni_alloc(n ? n : 1, sizeof(int32_t), err);
    if (!run->columns) return KUNI_MEMORY;
    int32_t column = 0;
    for (size_t i = 0; i < n; i++) run->columns[i] = without[i] ? -1 : column++;
    run->n_columns = column;
    run->columns_known = true;
    return KUNI_OK;
}

kuni_status kuni_run_write_register(const kuni_run *run, kuni_error *err)
{
    const kuni_register people = kuni_cohort_register(&run->cohort);
    char *path = kuni_register_path(run->folder, err);
    kuni_status status = path ? kuni_register_write(&people, path, err) : KUNI_MEMORY;
    free(path);
    return status;
}

const char *kuni_run_path(const kuni_run *run, kuni_arena *arena, kuni_error *err,
                          const char *format, ...)
{
    char tail[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(tail, sizeof(tail), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(tail)) {
        (void)kuni_fail(err, KUNI_USAGE, "a path in the dataset is too long: %s...", tail);
        return NULL;
    }
    size_t room = strlen(run->folder) + (size_t)length + 2;
    char *path = kuni_arena_alloc(arena, room, 1, err);
    if (path) snprintf(path, room, "%s/%s", run->folder, tail);
    return path;
}

const char *kuni_run_output(const kuni_run *run, kuni_arena *arena, size_t node, size_t output,
                            int64_t shard, int64_t batch, uint64_t key, kuni_error *err)
{
    const kuni_node *n = &run->plan.nodes[node];
    const kuni_port *port = &n->step->outputs[output];
    const char *extension = port->extension && port->extension[0] ? port->extension : port->kind;
    /* Two outputs of a step with one extension would share a name: the second says its kind. */
    bool twin = false;
    for (size_t o = 0; o < n->n_outputs; o++) {
        const kuni_port *other = &n->step->outputs[o];
        const char *theirs =
            other->extension && other->extension[0] ? other->extension : other->kind;
        twin = twin || (o != output && strcmp(theirs, extension) == 0);
    }
    bool packed = kuni_scatter_by_sample(n->scatter) ||
                  (shard >= 0 && kuni_plan_axis_of(&run->plan, n)->shards[shard].n > 1);
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name = kuni_plan_shard_name(&run->plan, n, shard, room);
    return kuni_run_path(run, arena, err, "data/%s/%s/%s.%016" PRIx64 "%s%s%s.%s", n->folder,
                         name ? name : "all", batch >= 0 ? run->cohort.batches[batch].id : "all",
                         key, packed ? ".pack" : "", twin ? "." : "", twin ? port->kind : "",
                         extension);
}

const char *kuni_run_task_name(const kuni_run *run, size_t node, int64_t shard, int64_t batch,
                               char *buffer, size_t bytes)
{
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name = kuni_plan_shard_name(&run->plan, &run->plan.nodes[node], shard, room);
    snprintf(buffer, bytes, "%s%s%s%s%s", run->plan.nodes[node].folder, name ? " " : "",
             name ? name : "", batch >= 0 ? " " : "",
             batch >= 0 ? run->cohort.batches[batch].id : "");
    return buffer;
}

int64_t kuni_run_memory(const kuni_run *run, size_t node, int64_t attempt)
{
    const kuni_step *step = run->plan.nodes[node].step;
    if (!step->n_memory) return run->workflow.memory_bytes;
    size_t at = attempt < (int64_t)step->n_memory ? (size_t)attempt : step->n_memory - 1;
    return step->memory_bytes[at];
}

int64_t kuni_run_places(const kuni_run *run, size_t node, int64_t attempt)
{
    int64_t each = run->workflow.memory_bytes, threads = run->plan.nodes[node].step->threads;
    int64_t wanted = kuni_run_memory(run, node, attempt);
    int64_t by_memory = each > 0 && wanted > each ? (wanted - 1) / each + 1 : 1;
    return threads > by_memory ? threads : by_memory;
}

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

void kuni_stop_watch(void)
{
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int kuni_stop_asked(void)
{
    return stop_signal;
}
