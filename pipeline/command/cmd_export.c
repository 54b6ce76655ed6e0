/* SPDX-License-Identifier: MIT */
/* kuni export: some samples in some regions of a finished dataset, as BCF, VCF or gVCF. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <htslib/vcf.h>

#include "command.h"
#include "gvcf_writer.h"
#include "joint_genotype/export.h"
#include "kuni/file.h"
#include "options.h"
#include "preview.h"

enum { KEY_SAMPLES_FILE = KUNI_OPTION_LONG, KEY_STAGE, KEY_EXACT };

static const kuni_option option_table[] = {
    {NULL, 0, NULL, NULL, "What"},
    {"region", 'r', "LIST", "all", "CONTIG or CONTIG:BEG-END, 1-based and inclusive; repeatable"},
    {"samples", 'S', "LIST", "all", "sample ids, separated by commas"},
    {"samples-file", KEY_SAMPLES_FILE, "FILE", NULL, "sample ids, one a line"},
    {NULL, 0, NULL, NULL, "How"},
    {"format", 'f', "NAME", "bcf",
     "bcf, vcf.gz, vcf; sparse: VCF 4.5 with blocks; sites: BCF without genotypes; gvcf: a file a "
     "sample; plink: BCF with GT alone"},
    {"fields", 'F', "LIST", "as in the workflow", "FORMAT fields, as in GT,GQ,DP"},
    {"exact", KEY_EXACT, NULL, NULL, "sparse: GQ and DP of blocks as they are, not by bands"},
    {"out", 'o', "PATH", NULL, "the file; for gvcf the folder"},
    {"stage", KEY_STAGE, "ID", "the only one", "which joint-genotype stage of the workflow"},
    KUNI_OPTION_SET,
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about =
        "Write chosen samples and regions of a dataset, without calling again and from the chosen\n"
        "samples' evidence alone. Genotypes are those of the national call set; counts are those "
        "of\n"
        "the chosen samples.",
    .usage = "kuni export [OPTIONS] --out PATH WORKFLOW.yaml",
    .options = option_table,
    .example =
        "kuni export -r chr20:1000-90000 -S S000001,S000002 -o two.bcf workflows/quickstart.yaml",
    .least_operands = 1,
    .most_operands = 1,
};

typedef struct export_request {
    const char *out, *format, *fields, *stage, *samples, *samples_file;
    const char *regions[KUNI_SETTINGS_MAX];
    size_t n_regions;
    bool exact;
} export_request;

typedef struct exporter {
    const export_request *request;
    const kuni_run *run;
    const kuni_coordinator *coordinator;
    kuni_error *err;
    size_t node; /* of joint-genotype */
    joint_export_kind kind;
    kuni_span *spans; /* wanted, in genome order, apart */
    size_t n_spans, spans_capacity;
    int32_t *columns; /* by sample; -1: not wanted */
    size_t n_columns;
    kuni_params *params;
    kuni_arena *arena;
} exporter;

/* --- what is asked for --- */

static int compare_spans(const void *left, const void *right)
{
    const kuni_span *a = left, *b = right;
    if (a->tid != b->tid) return a->tid < b->tid ? -1 : 1;
    return a->beg < b->beg ? -1 : a->beg > b->beg;
}

static kuni_status add_span(exporter *x, kuni_span span)
{
    kuni_status status = kuni_grow((void **)&x->spans, &x->spans_capacity, x->n_spans + 1,
                                   sizeof(*x->spans), x->err);
    if (!status) x->spans[x->n_spans++] = span;
    return status;
}

static kuni_status parse_region(exporter *x, const char *text)
{
    const kuni_genome *genome = x->run->genome;
    int32_t tid = kuni_genome_find(genome, text);
    const char *colon = strrchr(text, ':');
    if (tid >= 0)
        return add_span(x, (kuni_span){tid, 0, kuni_genome_contig(genome, tid)->length_bp});
    char name[256], rest;
    int64_t beg, end;
    if (colon && (size_t)(colon - text) < sizeof(name) &&
        sscanf(colon + 1, "%" SCNd64 "-%" SCNd64 "%c", &beg, &end, &rest) == 2 && beg >= 1 &&
        end >= beg) {
        memcpy(name, text, (size_t)(colon - text));
        name[colon - text] = '\0';
        tid = kuni_genome_find(genome, name);
        if (tid >= 0) return add_span(x, (kuni_span){tid, beg - 1, end});
    }
    return kuni_fail(x->err, KUNI_USAGE,
                     "--region %s: expected CONTIG or CONTIG:BEG-END of the reference", text);
}

static kuni_status choose_regions(exporter *x)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < x->request->n_regions && !status; i++) {
        char *list = kuni_strdup(x->request->regions[i], x->err), *save = NULL;
        if (!list) return KUNI_MEMORY;
        for (char *at = strtok_r(list, ",", &save); at && !status; at = strtok_r(NULL, ",", &save))
            status = parse_region(x, at);
        free(list);
    }
    for (int32_t tid = 0;
         !x->request->n_regions && !status && tid < kuni_genome_contig_count(x->run->genome); tid++)
        status =
            add_span(x, (kuni_span){tid, 0, kuni_genome_contig(x->run->genome, tid)->length_bp});
    if (status) return status;
    qsort(x->spans, x->n_spans, sizeof(*x->spans), compare_spans);
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

static kuni_status want_sample(exporter *x, const char *id)
{
    const kuni_cohort *cohort = &x->run->cohort;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        if (strcmp(cohort->samples[i].id, id) != 0) continue;
        if (x->coordinator->samples.skip[i])
            return kuni_fail(x->err, KUNI_DATA,
                             "sample %s is withdrawn or in quarantine: it is not in the call set",
                             id);
        x->columns[i] = 0;
        return KUNI_OK;
    }
    return kuni_fail(x->err, KUNI_USAGE, "sample %s is not in the cohort", id);
}

static kuni_status choose_samples(exporter *x)
{
    const kuni_cohort *cohort = &x->run->cohort;
    bool all = !x->request->samples && !x->request->samples_file;
    x->columns = kuni_alloc(cohort->n_samples + 1, sizeof(*x->columns), x->err);
    if (!x->columns) return KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples; i++)
        x->columns[i] = all && !x->coordinator->samples.skip[i] ? 0 : -1;
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    if (x->request->samples)
        status = kuni_buffer_printf(&list, x->err, "%s\n", x->request->samples);
    if (x->request->samples_file && !status)
        status = kuni_file_get(x->request->samples_file, (size_t)1 << 30, &list, x->err);
    char *save = NULL;
    for (char *at = list.data && !status ? strtok_r(list.data, ",\r\n", &save) : NULL;
         at && !status; at = strtok_r(NULL, ",\r\n", &save))
        status = want_sample(x, at);
    kuni_buffer_fini(&list);
    for (size_t i = 0; i < cohort->n_samples; i++)
        if (x->columns[i] >= 0) x->columns[i] = (int32_t)x->n_columns++;
    if (!status && !x->n_columns) status = kuni_fail(x->err, KUNI_USAGE, "no sample is chosen");
    return status;
}

static kuni_status choose_node(exporter *x)
{
    const kuni_plan *plan = &x->run->plan;
    size_t found = 0;
    for (size_t i = 1; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (strcmp(node->stage->stage->name, "joint-genotype") != 0 ||
            (x->request->stage && strcmp(node->id, x->request->stage) != 0))
            continue;
        found++;
        x->node = i;
    }
    if (found != 1)
        return kuni_fail(x->err, KUNI_USAGE, "%s: %s", x->run->workflow.path,
                         found ? "several joint-genotype stages: choose one with --stage"
                         : x->request->stage ? "no joint-genotype stage of that --stage"
                                             : "no joint-genotype stage");
    return KUNI_OK;
}

/* The stage's parameters, with the fields that are asked for. */
static kuni_status choose_params(exporter *x)
{
    const kuni_params *given = x->run->plan.nodes[x->node].params;
    x->params = kuni_params_new(kuni_params_table(given), x->err);
    if (!x->params) return KUNI_MEMORY;
    static const char *const kept[] = {"format", "filters", "sparse_gq", "sparse_dp"};
    bool exact = x->request->exact;
    kuni_status status = joint_export_params(x->kind, x->params, x->err);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !status; i++)
        status = kuni_params_set(x->params, kept[i],
                                 exact && i > 1 ? "" : kuni_params_text(given, kept[i]), x->err);
    static const char *const numbers[] = {"local_alleles_over", "min_gq", "prior_cap"};
    for (size_t i = 0; i < 3 && !status; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%" PRId64, kuni_params_int(given, numbers[i]));
        status = kuni_params_set(x->params, numbers[i], text, x->err);
    }
    if (status) return status;
    if (strcmp(x->request->format, "plink") == 0)
        return kuni_params_set(x->params, "format", "GT", x->err);
    if (!x->request->fields) return KUNI_OK;
    char *list = kuni_strdup(x->request->fields, x->err);
    if (!list) return KUNI_MEMORY;
    for (char *at = list; *at; at++)
        if (*at == ',') *at = '\n';
    status = kuni_params_set(x->params, "format", list, x->err);
    free(list);
    return status;
}

/* --- files of the dataset --- */

/* The evidence files that the joint task of a shard takes, of batches with chosen samples. */
static kuni_status evidence_files(exporter *x, size_t shard, kuni_task_file **files,
                                  size_t *n_files)
{
    kuni_work work = {0};
    size_t task = kuni_plan_task(&x->run->plan, &x->run->plan.nodes[x->node], (int64_t)shard, -1);
    kuni_status status = kuni_work_add_part(&work, x->node, &(kuni_hash){0}, x->err);
    if (!status) status = kuni_table_files(&x->coordinator->table, x->node, task, &work, x->err);
    *files = status ? NULL : kuni_arena_alloc(x->arena, work.n_files + 1, sizeof(**files), x->err);
    if (!status && !*files) status = KUNI_MEMORY;
    *n_files = 0;
    for (size_t i = 0; i < work.n_files && !status; i++) {
        const kuni_work_file *file = &work.files[i];
        const kuni_batch *batch = &x->run->cohort.batches[file->batch];
        bool wanted = false;
        for (size_t s = 0; s < batch->n_samples; s++)
            if (x->columns[batch->first + s] >= 0) wanted = true;
        if (!wanted) continue;
        const char *path = kuni_run_output(x->run, x->arena, file->node, file->output, file->shard,
                                           file->batch, file->key, x->err);
        if (!path) status = KUNI_MEMORY;
        (*files)[(*n_files)++] = (kuni_task_file){
            .kind = "evidence", .path = path, .shard = file->shard, .batch = file->batch};
    }
    kuni_work_fini(&work);
    return status;
}

static kuni_status calls_file(exporter *x, size_t shard, const char **path)
{
    size_t task = kuni_plan_task(&x->run->plan, &x->run->plan.nodes[x->node], (int64_t)shard, -1);
    if (kuni_table_state(&x->coordinator->table, x->node, task) != KUNI_TASK_DONE)
        return kuni_fail(x->err, KUNI_USAGE,
                         "shard %s is not joint-genotyped yet: run 'kuni run %s' first",
                         x->run->plan.shard_names[shard], x->run->workflow.path);
    *path = kuni_run_output(x->run, x->arena, x->node, 0, (int64_t)shard, -1,
                            x->coordinator->table.nodes[x->node].key[task], x->err);
    return *path ? KUNI_OK : KUNI_MEMORY;
}

static kuni_span overlap(kuni_span a, kuni_span b)
{
    if (a.tid != b.tid) return (kuni_span){a.tid, 0, 0};
    return (kuni_span){a.tid, a.beg > b.beg ? a.beg : b.beg, a.end < b.end ? a.end : b.end};
}

/* --- call sets --- */

static kuni_status export_shard(exporter *x, joint_export *out, size_t shard, kuni_span span)
{
    const kuni_run *run = x->run;
    kuni_task_file *files = NULL;
    size_t n_files = 0;
    const char *calls = NULL;
    kuni_status status = calls_file(x, shard, &calls);
    if (!status) status = evidence_files(x, shard, &files, &n_files);
    kuni_task *task = status ? NULL : kuni_arena_alloc(x->arena, 1, sizeof(*task), x->err);
    if (!task) return status ? status : KUNI_MEMORY;
    *task = (kuni_task){.stage_id = run->plan.nodes[x->node].id,
                        .genome = run->genome,
                        .ploidy = run->ploidy,
                        .params = x->params,
                        .samples = run->cohort.samples,
                        .n_samples = run->cohort.n_samples,
                        .columns = x->columns,
                        .batches = run->cohort.batches,
                        .n_batches = run->cohort.n_batches,
                        .shards = run->plan.shards,
                        .n_shards = run->plan.n_shards,
                        .shard = (int64_t)shard,
                        .batch = -1,
                        .inputs = files,
                        .n_inputs = n_files,
                        .memory_bytes = run->workflow.memory_bytes};
    return joint_export_shard(out, task, calls, span, x->err);
}

static kuni_status write_calls(exporter *x, const char *mode, const char *path)
{
    joint_export *out;
    kuni_status status = joint_export_open(&out, x->kind, path, mode, x->err);
    if (status) return status;
    size_t parts = 0;
    for (size_t i = 0; i < x->n_spans && !status; i++) {
        for (size_t shard = 0; shard < x->run->plan.n_places && !status; shard++) {
            kuni_span span = overlap(x->run->plan.shards[shard], x->spans[i]);
            if (span.beg >= span.end) continue;
            parts++;
            status = export_shard(x, out, shard, span);
        }
    }
    if (!status && !parts)
        status =
            kuni_fail(x->err, KUNI_USAGE, "the regions lie outside of what the dataset covers");
    if (status) {
        joint_export_abandon(out);
        return status;
    }
    return joint_export_finish(out, x->err);
}

static kuni_status export_calls(exporter *x)
{
    const char *format = x->request->format;
    const char *mode = strcmp(format, "vcf") == 0      ? "w"
                       : strcmp(format, "vcf.gz") == 0 ? "wz"
                       : strcmp(format, "sparse") == 0 ? "wz"
                                                       : "wb";
    char temporary[4096];
    if (snprintf(temporary, sizeof(temporary), "%s.part", x->request->out) >=
        (int)sizeof(temporary))
        return kuni_fail(x->err, KUNI_USAGE, "--out: the path is too long");
    kuni_status status = write_calls(x, mode, temporary);
    if (status) {
        (void)unlink(temporary);
        return status;
    }
    status = kuni_file_publish(temporary, x->request->out, x->err);
    if (!status && mode[1] && bcf_index_build3(x->request->out, NULL, 14, 0) < 0)
        status = kuni_fail(x->err, KUNI_IO, "cannot index %s", x->request->out);
    if (!status) printf("%s\n", x->request->out);
    return status;
}

/* --- gVCFs --- */

static kuni_status add_gvcf_shard(exporter *x, kuni_gvcf_writer *out, size_t sample, size_t shard,
                                  kuni_span span)
{
    kuni_task_file *files = NULL;
    size_t n_files = 0;
    kuni_status status = evidence_files(x, shard, &files, &n_files);
    for (size_t i = 0; i < n_files && !status; i++) {
        const kuni_batch *batch = &x->run->cohort.batches[files[i].batch];
        if (sample < batch->first || sample >= batch->first + batch->n_samples) continue;
        status = kuni_gvcf_add_part(out, files[i].path, span.beg, span.end, x->err);
    }
    return status;
}

static kuni_status export_gvcf(exporter *x, size_t sample)
{
    const char *id = x->run->cohort.samples[sample].id;
    char path[4096];
    if (strchr(id, '/') ||
        snprintf(path, sizeof(path), "%s/%s.g.vcf.gz", x->request->out, id) >= (int)sizeof(path))
        return kuni_fail(x->err, KUNI_USAGE, "sample %s: no file name can be made of the id", id);
    kuni_gvcf_writer *out;
    kuni_status status = kuni_gvcf_create(&out, path, x->run->genome, id, x->err);
    if (status) return status;
    for (size_t i = 0; i < x->n_spans && !status; i++) {
        for (size_t shard = 0; shard < x->run->plan.n_places && !status; shard++) {
            kuni_span span = overlap(x->run->plan.shards[shard], x->spans[i]);
            if (span.beg < span.end) status = add_gvcf_shard(x, out, sample, shard, span);
            kuni_arena_clear(x->arena);
        }
    }
    if (status)
        kuni_gvcf_discard(out);
    else
        status = kuni_gvcf_finish(out, x->err);
    if (!status) printf("%s\n", path);
    return status;
}

static kuni_status export_gvcfs(exporter *x)
{
    kuni_status status = kuni_make_folders(x->request->out, x->err);
    for (size_t i = 0; i < x->run->cohort.n_samples && !status; i++)
        if (x->columns[i] >= 0) status = export_gvcf(x, i);
    return status;
}

static kuni_status export(const export_request *request, const kuni_preview *preview,
                          kuni_error *err)
{
    exporter x = {
        .request = request, .run = &preview->run, .coordinator = &preview->coordinator, .err = err};
    x.kind = strcmp(request->format, "sparse") == 0  ? JOINT_EXPORT_SPARSE
             : strcmp(request->format, "sites") == 0 ? JOINT_EXPORT_SITES
                                                     : JOINT_EXPORT_DENSE;
    x.arena = kuni_arena_new(err);
    kuni_status status = x.arena ? choose_node(&x) : KUNI_MEMORY;
    if (!status) status = choose_regions(&x);
    if (!status) status = choose_samples(&x);
    if (!status) status = choose_params(&x);
    if (!status)
        status = strcmp(request->format, "gvcf") == 0 ? export_gvcfs(&x) : export_calls(&x);
    free(x.spans);
    free(x.columns);
    if (x.params) kuni_params_free(x.params);
    kuni_arena_free(x.arena);
    return status;
}

int kuni_cmd_export(int argc, char **argv)
{
    static const char *const formats[] = {"bcf",   "vcf.gz", "vcf",  "sparse",
                                          "sites", "gvcf",   "plink"};
    kuni_options options;
    kuni_settings settings = {.n = 0};
    const char *value;
    export_request request = {.format = NULL};
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        switch (key) {
        case 's':
            if (!kuni_settings_add(&options, &settings, value)) return options.status;
            break;
        case 'r':
            if (request.n_regions == KUNI_SETTINGS_MAX)
                return kuni_command_complain(KUNI_USAGE, "--region: at most %d; use commas",
                                             KUNI_SETTINGS_MAX);
            request.regions[request.n_regions++] = value;
            break;
        case 'S':
            request.samples = value;
            break;
        case KEY_SAMPLES_FILE:
            request.samples_file = value;
            break;
        case 'f':
            request.format = value;
            break;
        case 'F':
            request.fields = value;
            break;
        case 'o':
            request.out = value;
            break;
        case KEY_EXACT:
            request.exact = true;
            break;
        case KEY_STAGE:
            request.stage = value;
            break;
        default:
            return options.status;
        }
    }
    if (!request.out) return kuni_command_complain(KUNI_USAGE, "export: --out PATH is missing");
    if (!request.format) { /* as the name says */
        size_t n = strlen(request.out);
        request.format = n > 7 && strcmp(request.out + n - 7, ".vcf.gz") == 0 ? "vcf.gz"
                         : n > 4 && strcmp(request.out + n - 4, ".vcf") == 0  ? "vcf"
                                                                              : "bcf";
    }
    bool known = false;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i], request.format) == 0) known = true;
    if (!known)
        return kuni_command_complain(
            KUNI_USAGE, "--format %s: expected bcf, vcf.gz, vcf, sparse, sites, gvcf or plink",
            request.format);
    kuni_run_options run = {.jobs = 1,
                            .workflow = options.operands[0],
                            .settings = settings.texts,
                            .n_settings = settings.n};
    kuni_preview preview;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_preview_make(&preview, &run, &faults, &err);
    bool told = faults.length > 0;
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    if (!status) status = export(&request, &preview, &err);
    if (status && !told) (void)kuni_command_fail(&err);
    kuni_preview_fini(&preview);
    return status;
}
