/* SPDX-License-Identifier: MIT */
#include "exporter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"
#include "names.h"
#include "scan.h"
#include "stub.h"

/* --- what is asked for --- */

static int compare_spans(const void *left, const void *right)
{
    const kuni_span *a = left, *b = right;
    if (a->tid != b->tid) return a->tid < b->tid ? -1 : 1;
    return a->beg < b->beg ? -1 : a->beg > b->beg;
}

static kuni_status add_span(kuni_exporter *x, kuni_span span, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&x->spans, &x->spans_capacity, x->n_spans + 1, sizeof(*x->spans), err);
    if (!status) x->spans[x->n_spans++] = span;
    return status;
}

static kuni_status parse_region(kuni_exporter *x, const char *text, kuni_error *err)
{
    const kuni_genome *genome = x->run->genome;
    int32_t tid = kuni_genome_find(genome, text);
    const char *colon = strrchr(text, ':');
    if (tid >= 0)
        return add_span(x, (kuni_span){tid, 0, kuni_genome_contig(genome, tid)->length_bp}, err);
    char name[256];
    uint64_t place[2]; /* 1-based, inclusive */
    if (colon && (size_t)(colon - text) < sizeof(name) && kuni_scan(colon + 1, "#-#", place) &&
        place[0] >= 1 && place[1] >= place[0] && place[1] <= INT64_MAX) {
        memcpy(name, text, (size_t)(colon - text));
        name[colon - text] = '\0';
        tid = kuni_genome_find(genome, name);
        if (tid >= 0)
            return add_span(x, (kuni_span){tid, (int64_t)place[0] - 1, (int64_t)place[1]}, err);
    }
    return kuni_fail(err, KUNI_USAGE,
                     "--region %s: expected CONTIG or CONTIG:BEG-END of the reference", text);
}

static kuni_status choose_regions(kuni_exporter *x, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < x->request->regions.n && !status; i++) {
        char *list = kuni_strdup(x->request->regions.texts[i], err), *save = NULL;
        if (!list) return KUNI_MEMORY;
        for (char *at = strtok_r(list, ",", &save); at && !status; at = strtok_r(NULL, ",", &save))
            status = parse_region(x, at, err);
        free(list);
    }
    for (int32_t tid = 0;
         !x->request->regions.n && !status && tid < kuni_genome_contig_count(x->run->genome); tid++)
        status = add_span(
            x, (kuni_span){tid, 0, kuni_genome_contig(x->run->genome, tid)->length_bp}, err);
    if (status) return status;
    if (x->n_spans > 1) qsort(x->spans, x->n_spans, sizeof(*x->spans), compare_spans);
    size_t n = 0; /* joins what overlaps */
    for (size_t i = 0; i < x->n_spans; i++) {
        if (n && x->spans[n - 1].tid == x->spans[i].tid && x->spans[n - 1].end >= x->spans[i].beg) {
            if (x->spans[n - 1].end < x->spans[i].end) x->spans[n - 1].end = x->spans[i].end;
        } else
            x->spans[n++] = x->spans[i];
    }
    x->n_spans = n;
    return KUNI_OK;
}

static kuni_status want_sample(kuni_exporter *x, const kuni_names *names, const char *id,
                               kuni_error *err)
{
    int64_t i = kuni_names_find(names, id);
    if (kuni_tombstones_cover(&x->stones, id, i < 0 ? NULL : x->run->cohort.samples[i].participant))
        return kuni_fail(err, KUNI_USAGE,
                         "sample %s has withdrawn: nothing of them is exported (`kuni reinstate` "
                         "takes people back)",
                         id);
    if (i < 0) return kuni_fail(err, KUNI_USAGE, "sample %s is not in the cohort", id);
    if (x->samples->skip[i])
        return kuni_fail(err, KUNI_DATA,
                         "sample %s is in quarantine, or the gate keeps it out: it is not in the "
                         "call set",
                         id);
    x->columns[i] = 0;
    return KUNI_OK;
}

static kuni_status choose_samples(kuni_exporter *x, kuni_error *err)
{
    const kuni_cohort *cohort = &x->run->cohort;
    bool all = !x->request->samples && !x->request->samples_file;
    x->columns = kuni_alloc(cohort->n_samples + 1, sizeof(*x->columns), err);
    if (!x->columns) return KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples; i++)
        x->columns[i] = all && !x->samples->skip[i] ? 0 : -1;
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    if (x->request->samples) status = kuni_buffer_printf(&list, err, "%s\n", x->request->samples);
    if (x->request->samples_file && !status)
        status = kuni_file_get(x->request->samples_file, (size_t)1 << 30, &list, err);
    kuni_names names = {.table = NULL};
    for (size_t i = 0; i < cohort->n_samples && !all && !status; i++)
        if (cohort->people[i].state != KUNI_PERSON_MOVED &&
            cohort->people[i].state != KUNI_PERSON_ERASED)
            status = kuni_names_add(&names, cohort->samples[i].id, (uint32_t)i, err);
    char *save = NULL;
    for (char *at = list.data && !status ? strtok_r(list.data, ",\r\n", &save) : NULL;
         at && !status; at = strtok_r(NULL, ",\r\n", &save))
        status = want_sample(x, &names, at, err);
    kuni_buffer_fini(&list);
    kuni_names_fini(&names);
    for (size_t i = 0; i < cohort->n_samples; i++)
        if (x->columns[i] >= 0) x->columns[i] = (int32_t)x->n_columns++;
    if (!status && !x->n_columns) status = kuni_fail(err, KUNI_USAGE, "no sample is chosen");
    return status;
}

/* Output port of a kind, or -1. */
static int find_output(const kuni_node *node, const char *kind)
{
    for (int i = 0; i < (int)node->n_outputs; i++)
        if (strcmp(node->step->outputs[i].kind, kind) == 0) return i;
    return -1;
}

static kuni_status choose_node(kuni_exporter *x, kuni_error *err)
{
    const kuni_plan *plan = &x->run->plan;
    size_t found = 0;
    for (size_t i = 1; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (strcmp(node->stage->stage->name, "joint-genotype") != 0 ||
            find_output(node, "calls") < 0 ||
            (x->request->stage && strcmp(node->id, x->request->stage) != 0))
            continue;
        found++;
        x->node = i;
    }
    if (found != 1)
        return kuni_fail(err, KUNI_USAGE, "%s: %s", x->run->workflow.path,
                         found ? "several joint-genotype stages: choose one with --stage"
                         : x->request->stage ? "no joint-genotype stage of that --stage"
                                             : "no joint-genotype stage");
    return KUNI_OK;
}

static bool has_field(const char *list, const char *field)
{
    size_t n = strlen(field);
    for (const char *at = list; (at = strstr(at, field)); at += n)
        if ((at == list || at[-1] == '\n') && (!at[n] || at[n] == '\n')) return true;
    return false;
}

static kuni_status choose_fields(kuni_exporter *x, kuni_error *err)
{
    static const char *const quality[] = {"GQ", "DP", "AD"};
    kuni_buffer list = KUNI_BUFFER_INIT;
    const char *given = kuni_params_text(x->params, "format");
    size_t n_added = 0;
    kuni_status status =
        kuni_buffer_printf(&list, err, "%s", x->request->fields ? x->request->fields : given);
    for (size_t i = 0; i < list.length; i++)
        if (list.data[i] == ',') list.data[i] = '\n';
    for (size_t i = 0; i < 3 && x->request->quality && !status; i++) {
        if (has_field(list.data, quality[i])) continue;
        x->added[n_added++] = quality[i];
        status = kuni_buffer_printf(&list, err, "\n%s", quality[i]);
    }
    if (!status) status = kuni_params_set(x->params, "format", list.data, err);
    kuni_buffer_fini(&list);
    return status;
}

/* The stage's parameters, with the fields that are asked for. */
static kuni_status choose_params(kuni_exporter *x, kuni_error *err)
{
    const kuni_params *given = x->run->plan.nodes[x->node].params;
    x->params = kuni_params_new(kuni_params_table(given), err);
    if (!x->params) return KUNI_MEMORY;
    static const char *const kept[] = {"format",   "filters",   "sex",
                                       "conflict", "sparse_gq", "sparse_dp"};
    bool exact = x->request->exact;
    kuni_status status = joint_export_params(x->kind, x->params, err);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !status; i++)
        status = kuni_params_set(x->params, kept[i],
                                 exact && i > 3 ? "" : kuni_params_text(given, kept[i]), err);
    static const char *const numbers[] = {"local_alleles_over", "min_gq", "prior_cap"};
    for (size_t i = 0; i < 3 && !status; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%" PRId64, kuni_params_int(given, numbers[i]));
        status = kuni_params_set(x->params, numbers[i], text, err);
    }
    const char *whom = x->request->likelihoods;
    if (!status)
        status =
            kuni_params_set(x->params, "reference_likelihoods",
                            whom ? whom : kuni_params_text(given, "reference_likelihoods"), err);
    if (!status)
        status = kuni_params_set(x->params, "reference_cells",
                                 exact ? "exact" : kuni_params_text(given, "reference_cells"), err);
    if (status) return status;
    if (x->kind == JOINT_EXPORT_PLINK) return kuni_params_set(x->params, "format", "GT", err);
    return choose_fields(x, err);
}

/* --- files of the dataset --- */

/* Whether a file of the batch, or of all (-1), tells of an exported sample. */
static bool is_wanted(const kuni_exporter *x, int64_t number)
{
    if (number < 0) return true;
    const kuni_batch *batch = &x->run->cohort.batches[number];
    for (size_t s = 0; s < batch->n_samples; s++)
        if (x->columns[batch->first + s] >= 0) return true;
    return false;
}

/* Where a file of the shard has what is of the span: the file, or a part of the pack. */
static kuni_status find_part(const kuni_exporter *x, size_t span, kuni_task_file *file, bool *found,
                             kuni_error *err)
{
    const kuni_plan_axis *reads = &x->run->plan.reads;
    size_t in_reads = x->axis->within ? x->axis->within[span] : span;
    const kuni_plan_shard *shard = &reads->shards[kuni_axis_shard_of(reads, in_reads)];
    *found = true;
    file->shard = (int64_t)span;
    if (shard->n == 1) return KUNI_OK;
    kuni_pack pack;
    size_t member = in_reads - shard->first;
    kuni_status status = kuni_pack_open(&pack, file->path, err);
    if (!status && member >= pack.n)
        status = kuni_fail(err, KUNI_DATA, "%s has %zu members where %u belong", file->path, pack.n,
                           shard->n);
    if (!status) {
        *found = pack.members[member].present;
        file->offset = pack.members[member].offset;
        file->bytes = pack.members[member].bytes;
    }
    kuni_pack_close(&pack);
    return status;
}

static kuni_status find_inputs(kuni_exporter *x, size_t span, kuni_task_file **files,
                               size_t *n_files, kuni_error *err)
{
    kuni_work work = {0};
    size_t shard = kuni_axis_shard_of(x->axis, span);
    size_t task = kuni_plan_task(&x->run->plan, &x->run->plan.nodes[x->node], (int64_t)shard, -1);
    kuni_status status = kuni_work_add_part(&work, x->node, &(kuni_hash){0}, err);
    if (!status) status = kuni_task_table_files(&x->ledger->table, x->node, task, &work, err);
    *files = status ? NULL : kuni_arena_alloc(x->arena, work.n_files + 1, sizeof(**files), err);
    if (!status && !*files) status = KUNI_MEMORY;
    *n_files = 0;
    for (size_t i = 0; i < work.n_files && !status; i++) {
        const kuni_work_file *file = &work.files[i];
        const char *kind = x->run->plan.nodes[file->node].step->outputs[file->output].kind;
        if (!is_wanted(x, file->batch)) continue;
        const char *path = kuni_run_output(x->run, x->arena, file->node, file->output, file->shard,
                                           file->batch, file->key, err);
        bool found = path != NULL;
        kuni_task_file *to = &(*files)[*n_files];
        *to = (kuni_task_file){.kind = kind, .path = path, .shard = -1, .batch = file->batch};
        if (!path)
            status = KUNI_MEMORY;
        else if (file->shard >= 0)
            status = find_part(x, span, to, &found, err);
        *n_files += found;
    }
    kuni_work_fini(&work);
    return status;
}

kuni_status kuni_exporter_task(kuni_exporter *x, size_t span, kuni_task **task, kuni_error *err)
{
    const kuni_run *run = x->run;
    kuni_task_file *files = NULL;
    size_t n_files = 0;
    kuni_status status = find_inputs(x, span, &files, &n_files, err);
    *task = status ? NULL : kuni_arena_alloc(x->arena, 1, sizeof(**task), err);
    if (!*task) return status ? status : KUNI_MEMORY;
    **task = (kuni_task){.stage_id = run->plan.nodes[x->node].id,
                         .genome = run->genome,
                         .ploidy = run->ploidy,
                         .params = x->params,
                         .samples = run->cohort.samples,
                         .n_samples = run->cohort.n_samples,
                         .columns = x->columns,
                         .batches = run->cohort.batches,
                         .n_batches = run->cohort.n_batches,
                         .shards = x->axis->spans,
                         .n_shards = x->axis->n_spans,
                         .shard = (int64_t)span,
                         .batch = -1,
                         .inputs = files,
                         .n_inputs = n_files,
                         .memory_bytes = run->workflow.memory_bytes};
    return KUNI_OK;
}

static bool takes(const kuni_node *node, size_t from, size_t output)
{
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i].node == from && node->inputs[i].output == output) return true;
    return false;
}

/* Follows the calls through the stages that make calls of calls, shard by shard. */
static void choose_last(kuni_exporter *x)
{
    const kuni_plan *plan = &x->run->plan;
    x->last_node = x->node;
    x->last_calls = (size_t)find_output(&plan->nodes[x->node], "calls");
    for (size_t i = x->node + 1; i < plan->n_nodes; i++) { /* producers stand before consumers */
        const kuni_node *node = &plan->nodes[i];
        int calls = find_output(node, "calls");
        if (node->scatter != KUNI_SCATTER_REGION || calls < 0 ||
            !takes(node, x->last_node, x->last_calls))
            continue;
        x->last_node = i;
        x->last_calls = (size_t)calls;
    }
}

/* The file of a task that is done; NULL: it is not, or the file is not there. */
static kuni_status find_file(const kuni_exporter *x, size_t node, int output, int64_t shard,
                             const char **path, kuni_error *err)
{
    const kuni_run *run = x->run;
    *path = NULL;
    if (output < 0) return KUNI_OK;
    size_t task = kuni_plan_task(&run->plan, &run->plan.nodes[node], shard, -1);
    if (kuni_task_table_state(&x->ledger->table, node, task) != KUNI_TASK_DONE) return KUNI_OK;
    *path = kuni_run_output(run, x->arena, node, (size_t)output, shard, -1,
                            x->ledger->table.nodes[node].key[task], err);
    if (!*path) return KUNI_MEMORY;
    if (access(*path, R_OK) != 0) *path = NULL;
    return KUNI_OK;
}

/*
 * What joint-genotype wrote of the shard: its sites; else its calls, or where these are in the file that
 * they have become a part of.
 */
static kuni_status find_calls(kuni_exporter *x, size_t shard, joint_export_source *source,
                              kuni_error *err)
{
    const kuni_plan *plan = &x->run->plan;
    const kuni_node *node = &plan->nodes[x->node];
    int output = find_output(node, "calls");
    char *other = NULL;
    bool found = false;
    kuni_status status =
        find_file(x, x->node, find_output(node, "sites"), (int64_t)shard, &source->calls, err);
    if (!status && !source->calls)
        status = find_file(x, x->node, output, (int64_t)shard, &source->calls, err);
    size_t task = kuni_plan_task(plan, node, (int64_t)shard, -1);
    if (status || source->calls || output < 0 ||
        kuni_task_table_state(&x->ledger->table, x->node, task) != KUNI_TASK_DONE)
        return status;
    const char *path = kuni_run_output(x->run, x->arena, x->node, (size_t)output, (int64_t)shard,
                                       -1, x->ledger->table.nodes[x->node].key[task], err);
    if (!path) return KUNI_MEMORY;
    status = kuni_stub_look(path, &other, &source->calls_at, &found, err);
    if (!status && found) {
        source->calls = kuni_arena_strndup(x->arena, other, strlen(other), err);
        if (!source->calls) status = KUNI_MEMORY;
    }
    free(other);
    return status;
}

/* The merged sites, if a merge of these calls is done: indexed, and without genotypes to read. */
static kuni_status find_merged(const kuni_exporter *x, joint_export_source *source, kuni_error *err)
{
    const kuni_plan *plan = &x->run->plan;
    const kuni_workflow_stage *merge = NULL;
    const char *sites = NULL, *index = NULL;
    kuni_status status = KUNI_OK;
    for (size_t i = x->last_node + 1; i < plan->n_nodes && !status; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (takes(node, x->last_node, x->last_calls) && find_output(node, "segment-sites") >= 0)
            merge = node->stage;
        if (!merge || node->stage != merge) continue;
        if (!index)
            status = find_file(x, i, find_output(node, "national-sites-tbi"), -1, &index, err);
        if (!index && !status)
            status = find_file(x, i, find_output(node, "national-sites-csi"), -1, &index, err);
        if (!status) status = find_file(x, i, find_output(node, "national-sites"), -1, &sites, err);
    }
    if (sites && index) {
        source->added = sites;
        source->added_index = index;
    }
    return status;
}

/* What of the file is of the span: the file as it is, or a copy without a name. */
static kuni_status view_file(kuni_exporter *x, size_t span, size_t view, const char **path,
                             kuni_error *err)
{
    kuni_pack_view_close(&x->views[view]);
    const kuni_plan_shard *shard = &x->axis->shards[kuni_axis_shard_of(x->axis, span)];
    if (!*path || shard->n == 1) return KUNI_OK;
    kuni_pack pack;
    size_t member = span - shard->first;
    kuni_status status = kuni_pack_open(&pack, *path, err);
    if (!status && (member >= pack.n || !pack.members[member].present))
        status = kuni_fail(err, KUNI_DATA, "%s has no member %zu", *path, member);
    if (!status) status = kuni_pack_view_open(&x->views[view], &pack, member, err);
    *path = status ? NULL : x->views[view].path;
    kuni_pack_close(&pack);
    return status;
}

kuni_status kuni_exporter_source(kuni_exporter *x, size_t span, joint_export_source *source,
                                 kuni_error *err)
{
    const kuni_run *run = x->run;
    size_t shard = kuni_axis_shard_of(x->axis, span);
    bool merged = false;
    *source = (joint_export_source){.calls = NULL};
    kuni_status status = find_calls(x, shard, source, err);
    if (!status && x->last_node != x->node) status = find_merged(x, source, err);
    merged = source->added != NULL;
    if (!status && x->last_node != x->node && !source->added)
        status =
            find_file(x, x->last_node, (int)x->last_calls, (int64_t)shard, &source->added, err);
    if (status) return status;
    if (!source->calls || (x->last_node != x->node && !source->added))
        return kuni_fail(err, KUNI_USAGE,
                         "shard %s is not joint-genotyped yet: run 'kuni run %s' first%s",
                         x->axis->names[shard], run->workflow.path,
                         x->run->plan.joint.n_shards || run->workflow.joint_bp
                             ? ", or set regions.joint_shard as it was then"
                             : "");
    status = view_file(x, span, 0, &source->calls, err);
    if (!status && !merged) status = view_file(x, span, 1, &source->added, err);
    return status;
}

kuni_span kuni_exporter_part(const kuni_exporter *x, size_t span, size_t wanted)
{
    kuni_span a = x->axis->spans[span], b = x->spans[wanted];
    if (a.tid != b.tid) return (kuni_span){a.tid, 0, 0};
    return (kuni_span){a.tid, a.beg > b.beg ? a.beg : b.beg, a.end < b.end ? a.end : b.end};
}

/* Spans of the axis before this place: those of earlier contigs, or that end at `pos` at the latest. */
static size_t spans_before(const kuni_plan_axis *axis, int32_t tid, int64_t pos)
{
    size_t low = 0, high = axis->n_spans;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        kuni_span s = axis->spans[middle];
        if (s.tid >= 0 && (s.tid < tid || (s.tid == tid && s.end <= pos)))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kuni_exporter_places(const kuni_exporter *x, size_t wanted, size_t *first, size_t *end)
{
    kuni_span span = x->spans[wanted];
    *first = *end = spans_before(x->axis, span.tid, span.beg);
    while (*end < x->axis->n_spans && x->axis->spans[*end].tid == span.tid &&
           x->axis->spans[*end].beg < span.end)
        (*end)++;
}

static kuni_status init(kuni_exporter *x, kuni_error *err)
{
    int format = x->request->format;
    x->views[0].fd = x->views[1].fd = -1;
    x->kind = format == KUNI_EXPORT_SPARSE                                     ? JOINT_EXPORT_SPARSE
              : format == KUNI_EXPORT_SITES || format == KUNI_EXPORT_SITES_TSV ? JOINT_EXPORT_SITES
              : format == KUNI_EXPORT_PLINK || format == KUNI_EXPORT_PGEN      ? JOINT_EXPORT_PLINK
                                                                               : JOINT_EXPORT_DENSE;
    x->arena = kuni_arena_new(err);
    kuni_status status = x->arena ? choose_node(x, err) : KUNI_MEMORY;
    if (!status) x->axis = kuni_plan_axis_of(&x->run->plan, &x->run->plan.nodes[x->node]);
    if (!status) choose_last(x);
    if (!status) status = choose_regions(x, err);
    if (!status) status = kuni_tombstones_read(&x->stones, x->run->folder, err);
    if (!status) status = choose_samples(x, err);
    if (!status) status = choose_params(x, err);
    return status;
}

kuni_status kuni_exporter_init(kuni_exporter *x, const kuni_export_request *request,
                               const kuni_preview *preview, kuni_error *err)
{
    *x = (kuni_exporter){.request = request,
                         .run = &preview->run,
                         .ledger = &preview->ledger,
                         .samples = &preview->ledger.samples};
    return init(x, err);
}

kuni_status kuni_exporter_init_published(kuni_exporter *x, const kuni_export_request *request,
                                         const kuni_published_run *current, kuni_error *err)
{
    *x = (kuni_exporter){.request = request, .run = &current->run, .samples = &current->samples};
    return init(x, err);
}

bool kuni_exporter_buried(const kuni_exporter *x)
{
    const kuni_cohort *cohort = &x->run->cohort;
    for (size_t i = 0; x->stones.n && i < cohort->n_samples; i++)
        if (x->columns[i] >= 0 && kuni_tombstones_cover(&x->stones, cohort->samples[i].id,
                                                        cohort->samples[i].participant))
            return true;
    return false;
}

kuni_status kuni_exporter_enter(kuni_exporter *x, kuni_error *err)
{
    return x->request->jobs > 1 ? kuni_genome_reopen(x->run->genome, err) : KUNI_OK;
}

void kuni_exporter_fini(kuni_exporter *x)
{
    kuni_pack_view_close(&x->views[0]);
    kuni_pack_view_close(&x->views[1]);
    free(x->spans);
    free(x->columns);
    kuni_tombstones_fini(&x->stones);
    if (x->params) kuni_params_free(x->params);
    kuni_arena_free(x->arena);
}
