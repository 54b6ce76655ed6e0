/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "made_up.h"

#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        kuni_error err = KUNI_ERROR_INIT;                                                          \
        if ((call) != KUNI_OK) fail_msg("%s: %s", #call, err.text);                                \
    } while (0)

#define PORTS(...)                                                                                 \
    (const kuni_port[])                                                                            \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .kind = NULL                                                                           \
        }                                                                                          \
    }

/* --- files --- */

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool read_word(const char *path, char word[64])
{
    FILE *file = fopen(path, "r");
    bool found = file && fscanf(file, "%63s", word) == 1;
    if (file) (void)fclose(file);
    return found;
}

void made_up_word(size_t sample, const char *word)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "s%zu.g.vcf", sample);
    put(path, word);
}

void made_up_files(void)
{
    const struct {
        const char *name;
        int length;
    } contigs[] = {{"chr1", 1000}, {"chr2", 400}};
    FILE *fasta = fopen("r.fa", "w");
    assert_non_null(fasta);
    for (size_t i = 0; i < 2; i++) {
        assert_true(fprintf(fasta, ">%s\n", contigs[i].name) > 0);
        for (int k = 0; k < contigs[i].length; k++) (void)fputc("ACGT"[k % 4], fasta);
        (void)fputc('\n', fasta);
    }
    assert_int_equal(fclose(fasta), 0);
    kuni_genome *genome; /* makes the index, before several ranks would */
    CHECK_OK(kuni_genome_open(&genome, "r.fa", &err));
    kuni_genome_close(genome);
    for (size_t i = 0; i < MADE_UP_SAMPLES; i++) {
        char word[16];
        (void)snprintf(word, sizeof(word), "word%zu", i);
        made_up_word(i, word);
    }
    assert_int_equal(mkdir("ds", 0777), 0);
}

/* --- stages --- */

static kuni_status preflight_run(const kuni_task *task, kuni_error *err)
{
    const kuni_batch *batch = &task->batches[task->batch];
    kuni_file *out;
    kuni_status status = kuni_file_create(&out, kuni_task_output(task, "faults"), err);
    if (status) return status;
    for (size_t i = batch->first; i < batch->first + batch->n_samples && !status; i++) {
        char word[64] = "";
        if (!task->samples[i].reads) continue;
        int fault = !read_word(task->samples[i].reads, word) ? KUNI_IO
                    : strcmp(word, "missing") == 0           ? KUNI_DATA
                    : strcmp(word, "afar") == 0              ? KUNI_IO
                                                             : KUNI_OK;
        if (fault)
            status = kuni_file_printf(out, err, "%zu\t%d\t%s: is %s\n", i, fault,
                                      task->samples[i].id, word);
    }
    if (!status) return kuni_file_commit(out, err);
    kuni_file_discard(out);
    return status;
}

typedef struct reading {
    const kuni_task *task;
    kuni_buffer text;
    size_t begun_at;
} reading;

static kuni_status reading_open(const kuni_task *task, void **state, kuni_error *err)
{
    reading *r = kuni_alloc(1, sizeof(*r), err);
    if (!r) return KUNI_MEMORY;
    r->task = task;
    *state = r;
    return KUNI_OK;
}

static kuni_status reading_begin(void *state, size_t sample, kuni_error *err)
{
    reading *r = state;
    char word[64] = "";
    const kuni_batch *batch = &r->task->batches[r->task->batch];
    const kuni_sample *s = &r->task->samples[batch->first + sample];
    r->begun_at = r->text.length;
    if (!read_word(s->reads, word) || strcmp(word, "gone") == 0)
        return kuni_fail_sample(err, KUNI_IO, (int64_t)(batch->first + sample),
                                "%s: cannot read %s", s->id, s->reads);
    if (strcmp(word, "bad") == 0)
        return kuni_fail(err, KUNI_DATA, "sample %s: %s is damaged", s->id, s->reads);
    if (strcmp(word, "crash") == 0) abort();
    return kuni_buffer_printf(&r->text, err, "%s %s\n", s->id, word);
}

static kuni_status reading_end(void *state, kuni_error *err)
{
    (void)state;
    (void)err;
    return KUNI_OK;
}

static void reading_drop(void *state)
{
    reading *r = state;
    r->text.length = r->begun_at;
}

static kuni_status reading_finish(void *state, kuni_error *err)
{
    reading *r = state;
    return kuni_file_put(r->task->outputs[0].path, r->text.data ? r->text.data : "", r->text.length,
                         err);
}

static void reading_close(void *state)
{
    reading *r = state;
    if (!r) return;
    kuni_buffer_fini(&r->text);
    free(r);
}

/* All inputs of a kind into one output, but for lines of samples without a column. */
static kuni_status copy(const kuni_task *task, const char *from, const char *to, kuni_error *err)
{
    size_t n;
    kuni_buffer in = KUNI_BUFFER_INIT, out = KUNI_BUFFER_INIT;
    const kuni_task_file *inputs = kuni_task_inputs(task, from, &n);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        kuni_buffer_clear(&in);
        status = kuni_file_get(inputs[i].path, 1 << 20, &in, err);
        char *save = NULL;
        for (char *line = in.length ? strtok_r(in.data, "\n", &save) : NULL; line && !status;
             line = strtok_r(NULL, "\n", &save)) {
            size_t sample = (size_t)(line[1] - '0'); /* "S4 word" */
            if (task->columns && sample < task->n_samples && task->columns[sample] < 0) continue;
            if (strstr(line, " late") && strcmp(to, "qc") == 0)
                status = kuni_fail_sample(err, KUNI_DATA, (int64_t)sample, "S%zu: late", sample);
            else
                status = kuni_buffer_printf(&out, err, "%s\n", line);
        }
    }
    if (!status)
        status =
            kuni_file_put(kuni_task_output(task, to), out.data ? out.data : "", out.length, err);
    kuni_buffer_fini(&in);
    kuni_buffer_fini(&out);
    return status;
}

static kuni_status batch_run(const kuni_task *task, kuni_error *err)
{
    return copy(task, "partial", "qc", err);
}

static kuni_status joint_run(const kuni_task *task, kuni_error *err)
{
    return copy(task, "evidence", "calls", err);
}

static kuni_status list_run(const kuni_task *task, kuni_error *err)
{
    size_t n;
    const kuni_task_file *calls = kuni_task_inputs(task, "calls", &n);
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        struct stat st;
        if (stat(calls[i].path, &st) != 0)
            status = kuni_fail_errno(err, "cannot open %s", calls[i].path);
        else
            status = kuni_buffer_printf(&text, err, "all\t%s\t%lld\n", calls[i].path,
                                        (long long)st.st_size);
    }
    if (!status)
        status = kuni_file_put(kuni_task_output(task, "assembly"), text.data, text.length, err);
    kuni_buffer_fini(&text);
    int64_t depth = kuni_params_int(task->params, "depth");
    if (status || depth == 0) return status; /* the report is optional */
    char line[64];
    int length = snprintf(line, sizeof(line), "depth %lld\n", (long long)depth);
    return kuni_file_put(kuni_task_output(task, "report"), line, (size_t)length, err);
}

static const kuni_param params[] = {
    {.name = "depth", .type = KUNI_PARAM_INT, .value = "10", .least = 0, .most = 100},
    {.name = "panel", .type = KUNI_PARAM_PATH},
    {.name = "names", .type = KUNI_PARAM_LIST},
    {.name = "style", .type = KUNI_PARAM_TEXT, .value = "plain", .step = "list"},
    {.name = NULL},
};

static const kuni_step preflight_steps[] = {
    {.name = "",
     .scatter = KUNI_SCATTER_BATCH,
     .outputs = PORTS({.kind = "faults", .extension = "tsv"}),
     .run = preflight_run},
};

#define READING                                                                                    \
    .scatter = KUNI_SCATTER_READS, .feed = KUNI_FEED_GVCF, .open = reading_open,                   \
    .begin_sample = reading_begin, .end_sample = reading_end, .drop_sample = reading_drop,         \
    .finish = reading_finish, .close = reading_close

static const kuni_step call_steps[] = {
    {.name = "", READING, .outputs = PORTS({.kind = "evidence", .extension = "ev"})},
};

static const kuni_step tally_steps[] = {
    {.name = "reads", READING, .unplaced = true, .outputs = PORTS({.kind = "partial"})},
    {.name = "batch",
     .scatter = KUNI_SCATTER_BATCH,
     .inputs = PORTS({.kind = "partial"}),
     .outputs = PORTS({.kind = "qc"}),
     .run = batch_run},
};

static const kuni_step joint_steps[] = {
    {.name = "",
     .scatter = KUNI_SCATTER_REGION,
     .inputs = PORTS({.kind = "evidence", .many = true}, {.kind = "qc", .optional = true}),
     .outputs = PORTS({.kind = "calls"}),
     .run = joint_run},
};

static const kuni_step merge_steps[] = {
    {.name = "list",
     .scatter = KUNI_SCATTER_COHORT,
     .inputs = PORTS({.kind = "calls"}),
     .outputs = PORTS(
         {.kind = "assembly"},
         {.kind = "report", .extension = "txt", .publish = "qc/report.txt", .optional = true}),
     .run = list_run},
    {.name = "write",
     .scatter = KUNI_SCATTER_RANKS,
     .inputs = PORTS({.kind = "assembly"}),
     .outputs = PORTS({.kind = "all", .extension = "txt", .publish = "all.txt"})},
};

const kuni_stage made_up_preflight = {
    .name = "preflight", .version = 1, .steps = preflight_steps, .n_steps = 1};

const kuni_stage made_up_stage_list[MADE_UP_STAGES] = {
    {.name = "call", .version = 1, .params = params, .steps = call_steps, .n_steps = 1},
    {.name = "tally", .version = 1, .params = params, .steps = tally_steps, .n_steps = 2},
    {.name = "joint", .version = 1, .params = params, .steps = joint_steps, .n_steps = 1},
    {.name = "merge", .version = 1, .params = params, .steps = merge_steps, .n_steps = 2},
};

/* --- the run --- */

void made_up_open(made_up *m)
{
    made_up_open_reference(m, "r.fa");
}

void made_up_open_reference(made_up *m, const char *fasta)
{
    static const size_t none[1], joint_needs[] = {0, 1}, merge_needs[] = {2};
    static const size_t *const needs[] = {none, none, joint_needs, merge_needs};
    static const size_t n_needs[] = {0, 0, 2, 1};
    static const size_t batch_sizes[MADE_UP_BATCHES] = {3, 2, 2};
    static const char *const ids[] = {"S0", "S1", "S2", "S3", "S4", "S5", "S6"};
    static const char *const batch_ids[] = {"b0000", "b0001", "b0002"};
    *m = (made_up){.options = {.jobs = 1, .quiet = true}};
    char here[sizeof(m->folder) - 3];
    assert_non_null(getcwd(here, sizeof(here)));
    (void)snprintf(m->folder, sizeof(m->folder), "%s/ds", here);
    for (size_t i = 0; i < MADE_UP_SAMPLES; i++) {
        (void)snprintf(m->paths[i], sizeof(m->paths[i]), "s%zu.g.vcf", i);
        m->people[i].bytes = -1; /* of no sealed batch */
        m->samples[i] = (kuni_sample){.id = ids[i],
                                      .participant = ids[i],
                                      .reads = m->paths[i],
                                      .index_in_cohort = (uint32_t)i};
    }
    for (size_t i = 0, first = 0; i < MADE_UP_BATCHES; first += batch_sizes[i++])
        m->batches[i] =
            (kuni_batch){.id = batch_ids[i], .first = first, .n_samples = batch_sizes[i]};
    for (size_t i = 0; i < MADE_UP_STAGES; i++)
        m->stages[i] = (kuni_workflow_stage){.id = made_up_stage_list[i].name,
                                             .stage = &made_up_stage_list[i],
                                             .params = kuni_params_new(params, NULL),
                                             .needs = needs[i],
                                             .n_needs = n_needs[i]};
    m->run = (kuni_run){.options = &m->options,
                        .workflow = {.name = "made up",
                                     .cohort = "m.tsv",
                                     .ploidy = "diploid",
                                     .shard_bp = 500,
                                     .keep = 2,
                                     .quarantine = true,
                                     .max_quarantined = 10000,
                                     .max_quarantined_share = true,
                                     .retries = 2,
                                     .memory_bytes = 1 << 30,
                                     .stages = m->stages},
                        .cohort = {.samples = m->samples,
                                   .people = m->people,
                                   .n_samples = MADE_UP_SAMPLES,
                                   .batches = m->batches,
                                   .n_batches = MADE_UP_BATCHES,
                                   .arena = kuni_arena_new(NULL)},
                        .folder = m->folder,
                        .epoch = 7,
                        .size = 1};
    CHECK_OK(kuni_genome_open(&m->run.genome, fasta, &err));
}

void made_up_plan(made_up *m, size_t n_stages)
{
    m->run.workflow.n_stages = n_stages;
    CHECK_OK(kuni_plan_make(&m->run.plan, &m->run.workflow, m->run.genome, m->run.cohort.batches,
                            m->run.cohort.n_batches, m->run.cohort.n_twins > 0, &made_up_preflight,
                            &err));
}

void made_up_close(made_up *m)
{
    m->run.workflow.n_stages = MADE_UP_STAGES;
    kuni_run_fini(&m->run);
}

void made_up_start(made_up *m, size_t n_lanes)
{
    m->lanes = (kuni_lanes){.list = m->lane_list, .n = n_lanes};
    memset(m->lane_list, 0, sizeof(m->lane_list));
    CHECK_OK(kuni_journal_open(&m->journal, "ds/journal", &err));
    CHECK_OK(kuni_progress_new(&m->progress, "ds", "made up", m->run.epoch, true, &err));
    m->orders = (kuni_orders){
        .ledger = &m->ledger, .lanes = &m->lanes, .journal = m->journal, .progress = m->progress};
    CHECK_OK(kuni_ledger_init(&m->ledger, &m->run, &err));
    CHECK_OK(kuni_queue_init(&m->queue, &m->ledger, &m->past, &m->orders, &err));
    CHECK_OK(kuni_past_read(&m->past, &m->ledger, "ds/journal", &err));
    kuni_ledger_mark_absent(&m->ledger);
    CHECK_OK(kuni_samples_survey(&m->ledger.samples, NULL, &err));
    CHECK_OK(kuni_past_apply_bad(&m->past, &err));
    CHECK_OK(kuni_keys_init(&m->ledger.keys, &m->run, &m->past.known_files, m->journal, &err));
    made_up_phase(m, KUNI_PHASE_PREFLIGHT);
}

void made_up_stop(made_up *m)
{
    kuni_orders_fini(&m->orders);
    kuni_queue_fini(&m->queue);
    kuni_past_fini(&m->past);
    kuni_ledger_fini(&m->ledger);
    kuni_progress_free(m->progress);
    CHECK_OK(kuni_journal_close(m->journal, &err));
    m->journal = NULL;
    m->run.columns_known = false;
}

/* --- playing --- */

size_t made_up_node(const made_up *m, const char *folder)
{
    for (size_t i = 0; i < m->run.plan.n_nodes; i++)
        if (strcmp(m->run.plan.nodes[i].folder, folder) == 0) return i;
    fail_msg("no node %s", folder);
    return 0;
}

kuni_task_state made_up_state(const made_up *m, const char *folder, int64_t shard, int64_t batch)
{
    size_t node = made_up_node(m, folder);
    return kuni_task_table_state(
        &m->ledger.table, node,
        kuni_plan_task(&m->run.plan, &m->run.plan.nodes[node], shard, batch));
}

void made_up_phase(made_up *m, int phase)
{
    kuni_queue_phase(&m->queue, phase);
    kuni_orders_phase(&m->orders, phase);
}

const kuni_work *made_up_next(made_up *m, int lane)
{
    kuni_work work;
    bool found;
    CHECK_OK(kuni_queue_next(&m->queue, lane, &work, &found, &err));
    if (!found) return NULL;
    CHECK_OK(kuni_orders_add(&m->orders, lane, &work, &err));
    return &m->orders.list[m->orders.n - 1].work;
}

static void write_output(made_up *m, const kuni_work *work, size_t part, size_t output,
                         kuni_job_output *out)
{
    struct stat st;
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t node = work->parts[part].node;
    const kuni_node *n = &m->run.plan.nodes[node];
    kuni_arena_clear(m->ledger.arena);
    char *path =
        strdup(kuni_run_output(&m->run, m->ledger.arena, node, output, work->shard, work->batch,
                               kuni_hash_short(&work->parts[part].key), NULL));
    assert_non_null(path);
    if (node != KUNI_PLAN_PREFLIGHT)
        CHECK_OK(
            kuni_buffer_printf(&text, &err, "%s %s\n", n->folder, n->step->outputs[output].kind));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    CHECK_OK(kuni_make_folders(path, &err));
    *slash = '/';
    CHECK_OK(kuni_file_put(path, text.data ? text.data : "", text.length, &err));
    assert_int_equal(stat(path, &st), 0);
    *out =
        (kuni_job_output){.part = part,
                          .output = output,
                          .present = true,
                          .bytes = (uint64_t)st.st_size,
                          .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    CHECK_OK(kuni_digest_file(path, out->digest, &err));
    kuni_buffer_fini(&text);
    free(path);
}

void made_up_result(made_up *m, const kuni_work *work, kuni_job_result *result)
{
    *result = (kuni_job_result){.sample = -1, .cpu_s = 1.5, .wall_s = 2, .max_rss_bytes = 1 << 20};
    result->outputs =
        kuni_alloc(work->n_parts * KUNI_PLAN_OUTPUTS_MAX, sizeof(kuni_job_output), NULL);
    assert_non_null(result->outputs);
    for (size_t p = 0; p < work->n_parts; p++)
        for (size_t o = 0; o < m->run.plan.nodes[work->parts[p].node].n_outputs; o++)
            write_output(m, work, p, o, &result->outputs[result->n_outputs++]);
}

kuni_status made_up_end_well(made_up *m, uint64_t id, kuni_error *err)
{
    kuni_job_result result;
    size_t i = 0;
    while (m->orders.list[i].work.id != id) i++;
    made_up_result(m, &m->orders.list[i].work, &result);
    kuni_status status = kuni_outcome(&m->orders, id, &result, err);
    kuni_job_result_fini(&result);
    return status;
}

size_t made_up_play_on(made_up *m)
{
    size_t n = 0;
    for (bool any = true; any;) {
        any = false;
        for (int lane = 0; lane < (int)m->lanes.n; lane++)
            if (!m->lanes.list[lane].lost && made_up_next(m, lane)) any = true;
        for (; m->orders.n && m->orders.list; n++)
            CHECK_OK(made_up_end_well(m, m->orders.list[0].work.id, &err));
    }
    assert_true(kuni_queue_ended(&m->queue));
    return n;
}

size_t made_up_play(made_up *m, int phase)
{
    made_up_phase(m, phase);
    return made_up_play_on(m);
}

void made_up_fix_columns(made_up *m)
{
    kuni_samples_sort(&m->ledger.samples);
    CHECK_OK(kuni_run_set_columns(&m->run, m->ledger.samples.skip, &err));
    CHECK_OK(kuni_keys_set_cohort(&m->ledger.keys, &m->ledger.samples, &err));
}

size_t made_up_play_all(made_up *m)
{
    size_t n = made_up_play(m, 0);
    CHECK_OK(kuni_past_read_tasks(&m->past, "ds/journal", NULL, NULL, &err));
    n += made_up_play(m, KUNI_PHASE_READS);
    made_up_fix_columns(m);
    return n + made_up_play(m, KUNI_PHASE_JOINT);
}
