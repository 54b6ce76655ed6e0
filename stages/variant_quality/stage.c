/* SPDX-License-Identifier: MIT */
/*
 * variant-quality: a model of what sets true sites apart, trained on the cohort itself.
 *
 *   draw   every shard's calls -> features of some sites
 *   train  those of all shards -> the model, and a report of what it does to sites held out
 *   apply  every shard's calls and the model -> the calls with INFO/VQ and FILTER
 *
 * Sites are labelled by what their genotypes say (Hardy-Weinberg proportions, families), the model
 * looks at what their reads say. docs/variant-quality.md has the features and labels.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "measure.h"
#include "model.h"
#include "train.h"

enum { BEAT_EVERY_RECORDS = 4096 };

static const char default_replaces[] = "LowQD\nStrandBias\nLowMQ\nAlleleBalance";
static const char *const uses[] = {"annotate", "filter", NULL};

static const kuni_param params[] = {
    {.name = "use",
     .type = KUNI_PARAM_CHOICE,
     .value = "filter",
     .choices = uses,
     .step = "apply",
     .help = "filter: flag by VQ; annotate: leave FILTER as it is"},
    {.name = "threshold",
     .type = KUNI_PARAM_FLOAT,
     .value = "-10",
     .least = -1000,
     .most = 1000,
     .unit = "phred",
     .step = "train",
     .help = "LowVQ lies below: more than ten times likelier false than true, were both as many"},
    {.name = "keep_snps",
     .type = KUNI_PARAM_FLOAT,
     .value = "99.5",
     .least = 50,
     .most = 100,
     .unit = "%",
     .step = "train",
     .help = "share of held-out true SNPs that get no LowVQ; lowers the threshold where it must"},
    {.name = "keep_indels",
     .type = KUNI_PARAM_FLOAT,
     .value = "99",
     .least = 50,
     .most = 100,
     .unit = "%",
     .step = "train",
     .help = "likewise of indels"},
    {.name = "replaces",
     .type = KUNI_PARAM_LIST,
     .value = default_replaces,
     .step = "apply",
     .help = "filters that are taken off sites that the model judges"},
    {.name = "training_sites",
     .type = KUNI_PARAM_INT,
     .value = "20000",
     .least = 100,
     .most = 200000,
     .help = "most sites of each type and label to train on"},
    {.name = "truth",
     .type = KUNI_PARAM_PATH,
     .step = "draw",
     .help = "VCF or BCF of sites known to be true: held for true instead of those that the cohort "
             "tells"},
    {.name = NULL}};

/* --- known sites --- */

/* Places of true alleles in the shard, as hashes of position, REF and ALT. */
typedef struct known_sites {
    bool given;
    uint64_t *hashes;
    size_t n, capacity;
} known_sites;

static uint64_t hash_allele(int64_t pos, const char *ref, const char *alt)
{
    uint64_t h = 0xCBF29CE484222325u ^ (uint64_t)pos * 0x9E3779B97F4A7C15u;
    for (; *ref; ref++) h = (h ^ (uint8_t)(*ref & 0xDF)) * 0x100000001B3u;
    h = (h ^ '>') * 0x100000001B3u;
    for (; *alt; alt++) h = (h ^ (uint8_t)(*alt & 0xDF)) * 0x100000001B3u;
    return h;
}

/*
 * Without the bases that REF and ALT share at their ends, so that records of several ALTs compare.
 */
static kuni_status hash_minimal(int64_t pos, const char *ref, const char *alt, kuni_buffer *text,
                                uint64_t *hash, kuni_error *err)
{
    size_t n_ref = strlen(ref), n_alt = strlen(alt), skip = 0;
    while (n_ref > 1 && n_alt > 1 && (ref[n_ref - 1] & 0xDF) == (alt[n_alt - 1] & 0xDF)) {
        n_ref--;
        n_alt--;
    }
    while (skip + 1 < n_ref && skip + 1 < n_alt && (ref[skip] & 0xDF) == (alt[skip] & 0xDF)) skip++;
    kuni_buffer_clear(text);
    kuni_status status = kuni_buffer_append(text, ref + skip, n_ref - skip, err);
    if (!status) status = kuni_buffer_append(text, "", 1, err);
    if (!status) status = kuni_buffer_append(text, alt + skip, n_alt - skip, err);
    if (!status)
        *hash = hash_allele(pos + (int64_t)skip, text->data, text->data + (n_ref - skip) + 1);
    return status;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_letters(const char *allele)
{
    return allele[strspn(allele, "ACGTNacgtn")] == '\0';
}

static kuni_status load_known(known_sites *known, const char *path, const char *contig,
                              kuni_span shard, kuni_error *err)
{
    htsFile *file = hts_open(path, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    bcf1_t *record = bcf_init();
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    known->given = true;
    if (!file)
        status = kuni_fail_errno(err, "cannot open %s", path);
    else if (!header || !record)
        status = kuni_fail(err, KUNI_DATA, "%s: no VCF or BCF", path);
    int got = 0;
    while (!status && record && (got = bcf_read(file, header, record)) == 0) {
        if (record->pos < shard.beg || record->pos >= shard.end ||
            strcmp(bcf_seqname(header, record), contig) != 0)
            continue;
        if (bcf_unpack(record, BCF_UN_STR) < 0) got = -2;
        for (int i = 1; i < (int)record->n_allele && !status; i++) {
            if (!is_letters(record->d.allele[0]) || !is_letters(record->d.allele[i])) continue;
            status = kuni_grow((void **)&known->hashes, &known->capacity, known->n + 1,
                               sizeof(uint64_t), err);
            if (!status)
                status = hash_minimal(record->pos, record->d.allele[0], record->d.allele[i], &text,
                                      &known->hashes[known->n++], err);
        }
    }
    if (!status && got < -1) status = kuni_fail(err, KUNI_DATA, "%s: damaged or truncated", path);
    if (known->n) qsort(known->hashes, known->n, sizeof(uint64_t), by_number);
    if (record) bcf_destroy(record);
    if (header) bcf_hdr_destroy(header);
    if (file) (void)hts_close(file);
    kuni_buffer_fini(&text);
    return status;
}

/* True where every ALT of the record but "*" is known. */
static kuni_status is_known(const known_sites *known, const bcf1_t *record, kuni_buffer *text,
                            bool *all, kuni_error *err)
{
    *all = true;
    for (int i = 1; i < (int)record->n_allele && *all; i++) {
        uint64_t hash;
        if (strcmp(record->d.allele[i], "*") == 0) continue;
        kuni_status status =
            hash_minimal(record->pos, record->d.allele[0], record->d.allele[i], text, &hash, err);
        if (status) return status;
        *all = known->n && bsearch(&hash, known->hashes, known->n, sizeof(hash), by_number);
    }
    return KUNI_OK;
}

/* --- draw --- */

static kuni_status draw_run(const kuni_task *task, kuni_error *err)
{
    quality_calls calls;
    known_sites known = {.given = false};
    kuni_buffer text = KUNI_BUFFER_INIT;
    quality_draw draw = {.most = (size_t)kuni_params_int(task->params, "training_sites")};
    const char *truth = kuni_params_text(task->params, "truth");
    kuni_status status = quality_calls_open(&calls, task, err);
    if (!status && truth) status = load_known(&known, truth, calls.contig, calls.shard, err);
    int64_t n = 0;
    bool found = true;
    while (!status && !(status = quality_calls_next(&calls, &found, err)) && found) {
        quality_site site;
        if (task->heartbeat && ++n % BEAT_EVERY_RECORDS == 0) task->heartbeat(n);
        if (!quality_measure(&calls, &site)) continue;
        quality_label label = quality_judge(&calls);
        if (known.given) {
            bool all;
            status = is_known(&known, calls.record, &text, &all, err);
            if (all)
                label = QUALITY_TRUE;
            else if (label == QUALITY_TRUE)
                label = QUALITY_UNKNOWN;
        }
        site.label = (uint8_t)label;
        if (!status) status = quality_draw_add(&draw, &site, err);
    }
    quality_draw_sort(&draw);
    if (!status) status = quality_draw_write(&draw, kuni_task_output(task, "quality-sites"), err);
    quality_draw_fini(&draw);
    quality_calls_close(&calls);
    kuni_buffer_fini(&text);
    free(known.hashes);
    return status;
}

/* --- train --- */

static kuni_status put_share(kuni_buffer *text, double value, kuni_error *err)
{
    return isnan(value) ? kuni_buffer_printf(text, err, "\t.")
                        : kuni_buffer_printf(text, err, "\t%.5f", value);
}

static kuni_status report_type(const quality_result *r, const char *type, kuni_buffer *text,
                               kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(
        text, err,
        "#%s: %llu sites held for true, %llu for false, %llu of unknown kind; trained on %zu true, "
        "%zu false and %zu odd ones\n",
        type, (unsigned long long)r->seen[QUALITY_TRUE], (unsigned long long)r->seen[QUALITY_FALSE],
        (unsigned long long)r->seen[QUALITY_UNKNOWN], r->n_true, r->n_false, r->n_odd);
    if (!status && r->reason)
        return kuni_buffer_printf(text, err, "#%s: no model: %s\n", type, r->reason);
    if (!status && !isnan(r->area))
        status = kuni_buffer_printf(text, err, "#%s: area under the curve, held out: %.5f\n", type,
                                    r->area);
    for (int i = 0; i < QUALITY_TRANCHES && !status; i++) {
        const quality_tranche *row = &r->tranches[i];
        status = kuni_buffer_printf(text, err, "%s\t%.1f\t%.2f", type, row->share, row->threshold);
        const double values[] = {row->kept_true, row->kept_false, row->kept_other, row->ti_tv,
                                 row->ti_tv_lost};
        for (int k = 0; k < 5 && !status; k++) status = put_share(text, values[k], err);
        if (!status) status = kuni_buffer_printf(text, err, "\n");
    }
    return status;
}

static kuni_status train_run(const kuni_task *task, kuni_error *err)
{
    static const char *const keep[QUALITY_TYPES] = {"keep_snps", "keep_indels"};
    quality_draw draw = {.most = (size_t)kuni_params_int(task->params, "training_sites")};
    quality_model models[QUALITY_TYPES];
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t count;
    const kuni_task_file *files = kuni_task_inputs(task, "quality-sites", &count);
    kuni_status status = kuni_columns_put_head(quality_columns, QUALITY_REPORT_TABLE, &text, err);
    for (size_t i = 0; i < count && !status; i++)
        status = quality_draw_read(&draw, files[i].path, err);
    quality_draw_sort(&draw);
    for (int t = 0; t < QUALITY_TYPES && !status; t++) {
        quality_result result;
        status = quality_train(&draw, t, kuni_params_float(task->params, keep[t]),
                               kuni_params_float(task->params, "threshold"), &result, err);
        models[t] = result.model;
        if (!status) status = report_type(&result, quality_types[t], &text, err);
    }
    if (!status)
        status = quality_models_write(models, kuni_task_output(task, "quality-model"), err);
    if (!status)
        status =
            kuni_file_put(kuni_task_output(task, "quality-report"), text.data, text.length, err);
    quality_draw_fini(&draw);
    kuni_buffer_fini(&text);
    return status;
}

/* --- apply --- */

typedef struct applier {
    quality_calls calls;
    quality_model models[QUALITY_TYPES];
    htsFile *out;
    const char *path;
    bool filter;
    int low, pass, *replaced;
    size_t n_replaced;
} applier;

static kuni_status add_line(applier *a, const char *line, kuni_error *err)
{
    return bcf_hdr_append(a->calls.header, line) < 0
               ? kuni_fail(err, KUNI_BUG, "header line refused: %s", line)
               : KUNI_OK;
}

static kuni_status find_replaced(applier *a, const char *list, kuni_error *err)
{
    size_t capacity = 0;
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, "\n");
        char name[256];
        if (length >= sizeof(name))
            return kuni_fail(err, KUNI_USAGE, "variant-quality: replaces: '%.40s...' is no filter",
                             at);
        memcpy(name, at, length);
        name[length] = '\0';
        int id = bcf_hdr_id2int(a->calls.header, BCF_DT_ID, name);
        if (bcf_hdr_idinfo_exists(a->calls.header, BCF_HL_FLT, id)) {
            kuni_status status =
                kuni_grow((void **)&a->replaced, &capacity, a->n_replaced + 1, sizeof(int), err);
            if (status) return status;
            a->replaced[a->n_replaced++] = id;
        }
        at += length + (at[length] == '\n');
    }
    return KUNI_OK;
}

static kuni_status open_output(applier *a, const kuni_task *task, kuni_error *err)
{
    kuni_status status = add_line(a,
                                  "##INFO=<ID=VQ,Number=1,Type=Float,Description=\"Variant quality "
                                  "by the model trained on this "
                                  "cohort: 10 log10 odds of a true site\">",
                                  err);
    char line[512];
    (void)snprintf(line, sizeof(line),
                   "##FILTER=<ID=LowVQ,Description=\"VQ < %.2f (SNPs), VQ < %.2f (others)\">",
                   a->models[0].threshold, a->models[1].threshold);
    if (!status) status = add_line(a, line, err);
    if (status) return status;
    if (bcf_hdr_sync(a->calls.header) < 0) return kuni_fail_memory(err, 1, 1);
    a->low = bcf_hdr_id2int(a->calls.header, BCF_DT_ID, "LowVQ");
    a->pass = bcf_hdr_id2int(a->calls.header, BCF_DT_ID, "PASS");
    a->out = hts_open(a->path, "wb2");
    if (!a->out || bcf_hdr_write(a->out, a->calls.header) < 0)
        return kuni_fail_errno(err, "cannot write %s", a->path);
    return find_replaced(a, kuni_params_text(task->params, "replaces"), err);
}

static kuni_status judge_record(applier *a, kuni_error *err)
{
    quality_site site;
    bcf_hdr_t *header = a->calls.header;
    bcf1_t *record = a->calls.record;
    if (!quality_measure(&a->calls, &site) || !a->models[site.type].present) return KUNI_OK;
    const quality_model *model = &a->models[site.type];
    double score = quality_score(model, &site);
    float vq = (float)(floor(score * 100 + 0.5) / 100);
    if (bcf_update_info_float(header, record, "VQ", &vq, 1) < 0)
        return kuni_fail(err, KUNI_BUG, "INFO/VQ refused");
    if (!a->filter) return KUNI_OK;
    int bad = 0;
    for (size_t i = 0; i < a->n_replaced; i++)
        bad |= bcf_remove_filter(header, record, a->replaced[i], 1) < 0;
    if ((double)vq < model->threshold) bad |= bcf_add_filter(header, record, a->low) < 0;
    return bad ? kuni_fail(err, KUNI_BUG, "FILTER refused") : KUNI_OK;
}

static kuni_status apply_run(const kuni_task *task, kuni_error *err)
{
    applier a = {.path = kuni_task_output(task, "calls"),
                 .filter = strcmp(kuni_params_text(task->params, "use"), "filter") == 0};
    size_t count;
    const kuni_task_file *model = kuni_task_inputs(task, "quality-model", &count);
    kuni_status status = quality_calls_open(&a.calls, task, err);
    if (!status) status = quality_models_read(a.models, model->path, err);
    if (!status) status = open_output(&a, task, err);
    int64_t n = 0;
    bool found = true;
    while (!status && !(status = quality_calls_next(&a.calls, &found, err)) && found) {
        status = judge_record(&a, err);
        if (!status && bcf_write(a.out, a.calls.header, a.calls.record) < 0)
            status = kuni_fail_errno(err, "cannot write %s", a.path);
        if (task->heartbeat && ++n % BEAT_EVERY_RECORDS == 0) task->heartbeat(n);
    }
    if (a.out && hts_close(a.out) < 0 && !status)
        status = kuni_fail_errno(err, "cannot write %s", a.path);
    quality_calls_close(&a.calls);
    free(a.replaced);
    return status;
}

static const kuni_port draw_in[] = {{.kind = "calls"}, {.kind = NULL}};
static const kuni_port draw_out[] = {{.kind = "quality-sites", .extension = "tsv"}, {.kind = NULL}};
static const kuni_port train_in[] = {{.kind = "quality-sites"}, {.kind = NULL}};
static const kuni_port train_out[] = {
    {.kind = "quality-model", .extension = "tsv", .publish = QUALITY_MODEL_TABLE},
    {.kind = "quality-report", .extension = "tsv", .publish = QUALITY_REPORT_TABLE},
    {.kind = NULL}};
static const kuni_port apply_in[] = {{.kind = "calls"}, {.kind = "quality-model"}, {.kind = NULL}};
static const kuni_port apply_out[] = {{.kind = "calls", .extension = "bcf"}, {.kind = NULL}};

static const kuni_step steps[] = {{.name = "draw",
                                   .scatter = KUNI_SCATTER_REGION,
                                   .inputs = draw_in,
                                   .outputs = draw_out,
                                   .run = draw_run},
                                  {.name = "train",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = train_in,
                                   .outputs = train_out,
                                   .run = train_run},
                                  {.name = "apply",
                                   .scatter = KUNI_SCATTER_REGION,
                                   .inputs = apply_in,
                                   .outputs = apply_out,
                                   .run = apply_run}};

const kuni_stage kuni_stage_variant_quality = {
    .name = "variant-quality",
    .summary = "scores every site by a model of true ones that is trained on the cohort itself",
    .version = 7,
    .params = params,
    .steps = steps,
    .n_steps = 3,
    .columns = quality_columns,
};
