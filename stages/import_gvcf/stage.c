/* SPDX-License-Identifier: MIT */
/* import-gvcf: the gVCFs of GATK, DeepVariant, DRAGEN, Strelka, bcftools and kuni into evidence. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "gvcf_file.h"
#include "kuni/file.h"
#include "kuni/stage.h"
#include "report.h"

enum { STAGE_VERSION = 8 };

enum {
    /* Read before the shard at once; more where a deletion reaches in from further away. */
    LOOK_BEHIND_BP = 1000,
    BEAT_EVERY = 1 << 14 /* lines between two signs of life */
};

static const char *const absent_choices[] = {"no-data", "reference", NULL};

static const kuni_param params[] = {
    {.name = "max_shift",
     .type = KUNI_PARAM_INT,
     .value = "1000",
     .least = 0,
     .most = 100000,
     .unit = "bp",
     .help = "how far an indel may be moved to the left to normalise it"},
    {.name = "ignore_filters",
     .type = KUNI_PARAM_LIST,
     .help = "FILTER names that do not make a no-call, besides PASS, RefCall and NoCall"},
    {.name = "absent",
     .type = KUNI_PARAM_CHOICE,
     .value = "no-data",
     .choices = absent_choices,
     .help = "positions without a record: no data (gVCFs), or reference without GQ and DP (VCFs "
             "of variants only that were called over all regions of the run)"},
    {.name = "reference_bands",
     .type = KUNI_PARAM_LIST,
     .value = "1\n10\n20\n30\n40",
     .unit = "phred",
     .help = "lower edges of the bands of GQ that blocks of reference are joined by, in files that "
             "have more bands than "
             "these; []: GQ as it is"},
    {.name = "mito_min_fraction",
     .type = KUNI_PARAM_FLOAT,
     .value = "0.02",
     .least = 0.001,
     .most = 1,
     .help =
         "least fraction of the reads for an ALT of a mitochondrial genotype of several copies"},
    {.name = "max_bad_records",
     .type = KUNI_PARAM_INT,
     .value = "100",
     .least = 0,
     .most = 1000000000,
     .help =
         "records of a sample in a shard that cannot be used; with more, with all of at least 3, "
         "or with 20 that are more than half, the sample is quarantined"},
    {.name = NULL}};

typedef struct import_state {
    const kuni_task *task;
    const kuni_batch *batch;
    kuni_span shard;
    int64_t max_shift, contig_bp, lines, max_bad;
    double mito_min_fraction;
    bool absent_reference; /* positions without a record are reference */
    int64_t covered;       /* records and gaps are known up to here */
    kuni_reference_window window;
    kuni_collect *collect;
    kuni_reband bands;
    kuni_evidence_writer *writer;
    kuni_gvcf_record *record;
    kuni_import_counts *counts; /* per sample of the batch */
    bool *counted, *renamed;
    kuni_buffer ignored_filters;
    size_t sample; /* under way, in the batch */
} import_state;

static void import_close(void *state)
{
    import_state *s = state;
    if (!s) return;
    kuni_reference_window_fini(&s->window);
    kuni_collect_free(s->collect);
    if (s->writer) kuni_evidence_abandon(s->writer);
    kuni_buffer_fini(&s->ignored_filters);
    free(s->record);
    free(s->counts);
    free(s->counted);
    free(s->renamed);
    free(s);
}

static kuni_status import_open(const kuni_task *task, void **state, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    import_state *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return status;
    s->task = task;
    s->batch = &task->batches[task->batch];
    s->shard = task->shards[task->shard];
    s->max_shift = kuni_params_int(task->params, "max_shift");
    s->max_bad = kuni_params_int(task->params, "max_bad_records");
    s->mito_min_fraction = kuni_params_float(task->params, "mito_min_fraction");
    s->absent_reference = strcmp(kuni_params_text(task->params, "absent"), "reference") == 0;
    s->contig_bp = kuni_genome_contig(task->genome, s->shard.tid)->length_bp;
    s->collect = kuni_collect_new(s->shard, err);
    s->record = kuni_alloc(1, sizeof(*s->record), err);
    s->counts = kuni_alloc(s->batch->n_samples + 1, sizeof(*s->counts), err);
    s->counted = kuni_alloc(s->batch->n_samples + 1, sizeof(*s->counted), err);
    s->renamed = kuni_alloc(s->batch->n_samples + 1, sizeof(*s->renamed), err);
    if (!s->collect || !s->record || !s->counts || !s->counted || !s->renamed) goto fail;
    const char *more = kuni_params_text(task->params, "ignore_filters");
    status = kuni_buffer_printf(&s->ignored_filters, err, "RefCall\nNoCall\n%s", more ? more : "");
    kuni_span around = s->shard;
    around.beg -= LOOK_BEHIND_BP + s->max_shift + KUNI_REBAND_BP;
    around.end += LOOK_BEHIND_BP + s->max_shift + KUNI_REBAND_BP;
    if (!status)
        status = kuni_params_edges(task->params, "reference_bands", s->bands.edges,
                                   KUNI_REBAND_EDGES, &s->bands.n, err);
    if (!status) status = kuni_reference_window_init(&s->window, task->genome, around, err);
    if (!status)
        status = kuni_evidence_create_for_task(&s->writer, task, "import-gvcf", STAGE_VERSION, err);
    if (status) goto fail;
    *state = s;
    return KUNI_OK;
fail:
    import_close(s);
    return status;
}

static const kuni_sample *sample_of(const import_state *s)
{
    return &s->task->samples[s->batch->first + s->sample];
}

/* Puts file and place before the cause of a bad record. */
static kuni_status blame_record(const import_state *s, kuni_status status, int64_t pos,
                                const char *cause, kuni_error *err)
{
    return kuni_fail(err, status, "gVCF %s: %s:%" PRId64 ": %s", sample_of(s)->reads,
                     kuni_genome_contig(s->task->genome, s->shard.tid)->name, pos + 1, cause);
}

/* Records of the sample that could not be used, and the first of them. */
typedef struct bad_records {
    int64_t pos;
    kuni_error cause;
} bad_records;

/* A bad record costs itself. What lies outside the shard is another task's to count. */
static void note_bad(import_state *s, bad_records *bad, int64_t pos, const char *cause)
{
    kuni_import_counts *counts = &s->counts[s->sample];
    if (pos < s->shard.beg || pos >= s->shard.end) return;
    if (counts->bad_records++) return;
    bad->pos = pos;
    (void)kuni_fail(&bad->cause, KUNI_DATA, "%s", cause);
}

/* Too many of them, and it is the file that is bad. */
static kuni_status judge_bad(const import_state *s, const bad_records *bad, kuni_error *err)
{
    enum { FEW = 3, MANY = 20 }; /* a small contig's are few; another reference's are not */
    const kuni_import_counts *counts = &s->counts[s->sample];
    int64_t n = counts->bad_records;
    bool most = n >= MANY ? 2 * n > counts->records : n >= FEW && n == counts->records;
    if (n <= s->max_bad && !most) return KUNI_OK;
    char text[sizeof(bad->cause.text) + 96];
    (void)snprintf(text, sizeof(text), "%s (%" PRId64 " of %" PRId64 " records cannot be used)",
                   bad->cause.text, n, counts->records);
    return blame_record(s, KUNI_DATA, bad->pos, text, err);
}

/* States the reference between the last record and `end`, for as many copies as there may be. */
static kuni_status fill_gap(import_state *s, int64_t end, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (end > s->contig_bp) end = s->contig_bp;
    while (!status && s->covered < end) {
        int64_t until;
        int copies = kuni_ploidy_evidence(s->task->ploidy, s->shard.tid, s->covered, &until);
        bool either = copies == KUNI_COPIES_EITHER;
        kuni_block block = {.beg = s->covered,
                            .end = until < end ? until : end,
                            .kind = KUNI_BLOCK_STATED,
                            .ploidy = either ? 2 : (uint8_t)copies,
                            .gq = KUNI_IMPORT_STATED_GQ,
                            .min_dp = KUNI_MIN_DP_MISSING,
                            .gq_one = either ? KUNI_IMPORT_STATED_GQ : 0,
                            .either = either};
        s->covered = block.end;
        if (copies > 0) status = kuni_collect_block(s->collect, &block, err);
    }
    return status;
}

/* Converts the records from `from` on until none can matter to the shard. */
static kuni_status read_records(import_state *s, kuni_gvcf_file *file, kuni_gvcf_parser *parser,
                                kuni_convert *convert, int64_t from, bad_records *bad,
                                kuni_error *err)
{
    int64_t limit = kuni_collect_needs(s->collect).end + s->max_shift, last = -1;
    bool seen = false;
    kuni_error cause = KUNI_ERROR_INIT;
    for (;;) {
        char *line;
        size_t length;
        const char *fault;
        kuni_status status = kuni_gvcf_next(file, &line, &length, err);
        if (status) return status;
        if (!line) break;
        if (++s->lines % BEAT_EVERY == 0 && s->task->heartbeat) s->task->heartbeat(s->lines);
        kuni_gvcf_line kind = kuni_gvcf_parse(parser, line, length, s->record, &fault);
        if (kind == KUNI_GVCF_OTHER_CONTIG && seen) break;
        if (kind == KUNI_GVCF_OTHER_CONTIG) continue;
        if (kind == KUNI_GVCF_MALFORMED) {
            if (s->record->pos < 0 || s->record->pos < last) /* where it is nobody knows */
                return blame_record(s, KUNI_DATA, last, fault, err);
            convert->counts->records +=
                s->record->pos >= s->shard.beg && s->record->pos < s->shard.end;
            note_bad(s, bad, last = s->record->pos, fault);
            continue;
        }
        if (s->record->pos < last)
            return blame_record(s, KUNI_DATA, s->record->pos, "the file is not sorted", err);
        seen = true;
        last = s->record->pos;
        if (last >= limit) {
            kuni_span needs = kuni_collect_needs(s->collect);
            if (last >= needs.end + s->max_shift) break;
            limit = needs.end + s->max_shift;
        }
        if (s->record->end <= from && s->record->pos + (int64_t)s->record->ref.length <= from)
            continue;
        if (s->absent_reference) {
            status = fill_gap(s, last, err);
            if (status) return status;
            if (s->record->end > s->covered) s->covered = s->record->end;
        }
        status = kuni_convert_record(convert, s->record, &cause);
        if (status == KUNI_DATA)
            note_bad(s, bad, last, cause.text);
        else if (status)
            return blame_record(s, status, last, cause.text, err);
    }
    /* A file without any record on the contig was not called there. */
    if (!s->absent_reference || !(seen || kuni_gvcf_indexed_contig(file))) return KUNI_OK;
    return fill_gap(s, s->shard.end, err);
}

static kuni_status import_records(import_state *s, kuni_gvcf_file *file, kuni_error *err)
{
    const char *contig = kuni_genome_contig(s->task->genome, s->shard.tid)->name;
    kuni_import_counts *counts = &s->counts[s->sample];
    kuni_gvcf_parser parser = {.contig = contig,
                               .contig_length = strlen(contig),
                               .column = kuni_gvcf_column(file),
                               .ignored_filters = s->ignored_filters.data};
    kuni_convert convert = {.collect = s->collect,
                            .window = &s->window,
                            .counts = counts,
                            .shard = s->shard,
                            .ploidy = s->task->ploidy,
                            .max_shift = s->max_shift,
                            .several_samples = kuni_gvcf_sample_count(file) > 1,
                            .combined = kuni_gvcf_leaves_genotypes(file),
                            .own = kuni_gvcf_is_own(file),
                            .mitochondrial = kuni_is_mitochondrial(contig),
                            .mito_min_fraction = s->mito_min_fraction};
    bad_records bad;
    kuni_collect_set_normaliser(s->collect, kuni_convert_normalise, &convert);
    kuni_collect_clear(s->collect);
    bool dense = s->bands.n > 0 && kuni_gvcf_is_banded_finer(file, s->bands.n + 1);
    kuni_collect_set_bands(s->collect, dense ? &s->bands : NULL, s->contig_bp);
    int64_t from = kuni_collect_needs(s->collect).beg - LOOK_BEHIND_BP;
    if (from < 0) from = 0;
    for (;;) {
        *counts = (kuni_import_counts){0};
        bad = (bad_records){.cause = KUNI_ERROR_INIT};
        kuni_collect_clear(s->collect);
        s->covered = from;
        kuni_status status = kuni_gvcf_seek(file, from, s->contig_bp, err);
        if (!status) status = read_records(s, file, &parser, &convert, from, &bad, err);
        if (!status) status = judge_bad(s, &bad, err);
        if (status) return status;
        kuni_span needs = kuni_collect_needs(s->collect);
        if (needs.beg >= from) break;
        from =
            needs.beg; /* a deletion reaches in from further away: what overlaps it matters, too */
    }
    s->counted[s->sample] = true;
    s->renamed[s->sample] = kuni_gvcf_renamed(file);
    return kuni_collect_write(s->collect, (uint32_t)s->sample, s->writer, counts, err);
}

static kuni_status import_begin_sample(void *state, size_t sample, kuni_error *err)
{
    import_state *s = state;
    s->sample = sample;
    kuni_gvcf_file *file;
    const char *named = sample_of(s)->name_in_file;
    kuni_gvcf_open_options options = {.path = sample_of(s)->reads,
                                      .index = sample_of(s)->index,
                                      .sample_id = named ? named : sample_of(s)->id,
                                      .by_name = named || sample_of(s)->shares_reads,
                                      .genome = s->task->genome,
                                      .tid = s->shard.tid};
    kuni_status status = kuni_gvcf_open(&file, &options, err);
    if (status) return status;
    status = import_records(s, file, err);
    kuni_gvcf_close(file);
    return status;
}

static void import_drop_sample(void *state)
{
    import_state *s = state;
    s->counted[s->sample] = false;
    kuni_evidence_drop_sample(s->writer, (uint32_t)s->sample);
}

static kuni_status import_finish(void *state, kuni_error *err)
{
    import_state *s = state;
    kuni_evidence_writer *writer = s->writer;
    s->writer = NULL;
    kuni_status status = kuni_evidence_finish(writer, err);
    if (status) return status;
    return kuni_import_counts_write(kuni_task_output(s->task, "import-counts"), s->task, s->counts,
                                    s->counted, s->renamed, err);
}

static kuni_status import_without(const kuni_task *task, const uint8_t *gone, kuni_error *err)
{
    kuni_status status = kuni_evidence_without(task, gone, err);
    return status ? status : kuni_import_counts_without(task, gone, err);
}

static kuni_status import_combine(const kuni_task *task, kuni_error *err)
{
    kuni_status status = kuni_evidence_combine(task, err);
    return status ? status : kuni_import_counts_combine(task, err);
}

static const kuni_port outputs[] = {{.kind = "evidence", .extension = "ev"},
                                    {.kind = "import-counts", .extension = "tsv"},
                                    {.kind = NULL}};
static const kuni_port report_inputs[] = {{.kind = "import-counts"}, {.kind = NULL}};
static const kuni_port report_outputs[] = {
    {.kind = "import-report", .extension = "tsv", .publish = KUNI_IMPORT_TABLE}, {.kind = NULL}};

static const kuni_step steps[] = {{.name = "import",
                                   .scatter = KUNI_SCATTER_READS,
                                   .outputs = outputs,
                                   .feed = KUNI_FEED_GVCF,
                                   .open = import_open,
                                   .begin_sample = import_begin_sample,
                                   .drop_sample = import_drop_sample,
                                   .finish = import_finish,
                                   .close = import_close,
                                   .without = import_without,
                                   .combine = import_combine},
                                  {.name = "report",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = report_inputs,
                                   .outputs = report_outputs,
                                   .run = kuni_import_report_run}};

const kuni_stage kuni_stage_import_gvcf = {
    .name = "import-gvcf",
    .summary = "gVCFs of GATK, DeepVariant, DRAGEN, Strelka, bcftools or kuni, as evidence",
    .version = STAGE_VERSION,
    .params = params,
    .steps = steps,
    .n_steps = sizeof(steps) / sizeof(steps[0]),
    .columns = kuni_import_columns};
