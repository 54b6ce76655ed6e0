/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

enum { COUNTS = sizeof(kuni_import_counts) / sizeof(int64_t) };

_Static_assert(sizeof(kuni_import_counts) == COUNTS * sizeof(int64_t),
               "the counts are an array of numbers");

/* The counts are in the order of kuni_import_counts. */
const kuni_column kuni_import_columns[] = {
    {KUNI_IMPORT_TABLE, "sample_id", "", "name of the sample"},
    {KUNI_IMPORT_TABLE, "other_name_in_file", "",
     "yes: the gVCF has another name, which the manifest allows"},
    {KUNI_IMPORT_TABLE, "records", "records", "read of the gVCF"},
    {KUNI_IMPORT_TABLE, "blocks", "records", "taken as reference blocks"},
    {KUNI_IMPORT_TABLE, "events", "records", "taken as variants"},
    {KUNI_IMPORT_TABLE, "no_data", "records", "that tell nothing of the sample"},
    {KUNI_IMPORT_TABLE, "filtered", "records", "whose FILTER is not PASS: no calls"},
    {KUNI_IMPORT_TABLE, "normalised", "records",
     "whose alleles were made shorter or moved to the left"},
    {KUNI_IMPORT_TABLE, "conflicts", "records", "that contradict others: no calls"},
    {KUNI_IMPORT_TABLE, "doubles", "records", "that say again what another one says"},
    {KUNI_IMPORT_TABLE, "overlaps", "blocks", "that begin within the block before"},
    {KUNI_IMPORT_TABLE, "symbolic", "records",
     "with symbolic alleles that are not <NON_REF> or <*>"},
    {KUNI_IMPORT_TABLE, "derived_pl", "records", "without likelihoods, which GT and GQ give then"},
    {KUNI_IMPORT_TABLE, "derived_gt", "records", "whose genotype comes from the likelihoods"},
    {KUNI_IMPORT_TABLE, "half_calls", "records", "with half a genotype: no calls"},
    {KUNI_IMPORT_TABLE, "masked", "records",
     "no calls that have likelihoods, or FORMAT/FT that is not PASS"},
    {KUNI_IMPORT_TABLE, "unlisted", "records",
     "whose genotype has an allele that they do not list"},
    {KUNI_IMPORT_TABLE, "ref_differs", "records",
     "whose REF has other letters than the reference, where these stand for any base"},
    {KUNI_IMPORT_TABLE, "bad_records", "records",
     "that are lost: see the run's failures and docs/workflow.md"},
    {KUNI_IMPORT_TABLE, "joined", "records", "made of several at one position"},
    {KUNI_IMPORT_TABLE, "other_copy", "records",
     "with the allele and `*`: the other copy is deleted"},
    {0}};

_Static_assert(sizeof(kuni_import_columns) / sizeof(kuni_import_columns[0]) == COUNTS + 3,
               "a column a count, two before them, and the end");

kuni_status kuni_import_counts_write(const char *path, const kuni_task *task,
                                     const kuni_import_counts *counts, const bool *counted,
                                     const bool *renamed, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    const kuni_batch *batch = &task->batches[task->batch];
    for (size_t i = 0; !status && i < batch->n_samples; i++) {
        int64_t values[COUNTS];
        if (!counted[i]) continue;
        memcpy(values, &counts[i], sizeof(values));
        status = kuni_file_printf(file, err, "%zu\t%d", batch->first + i, renamed[i]);
        for (int k = 0; !status && k < COUNTS; k++)
            status = kuni_file_printf(file, err, "\t%" PRId64, values[k]);
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status keep_lines(const kuni_batch *batch, const uint8_t *gone, const char *path,
                              char *text, kuni_file *file, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (char *line; !status && (line = strsep(&text, "\n")) && *line;) {
        char *end;
        unsigned long long sample = strtoull(line, &end, 10);
        if (end == line || sample < batch->first || sample >= batch->first + batch->n_samples)
            return kuni_fail(err, KUNI_DATA, "%s: damaged: it tells of another batch", path);
        if (!gone[sample - batch->first]) status = kuni_file_printf(file, err, "%s\n", line);
    }
    return status;
}

kuni_status kuni_import_counts_without(const kuni_task *task, const uint8_t *gone, kuni_error *err)
{
    size_t n;
    kuni_file *file = NULL;
    kuni_buffer text = KUNI_BUFFER_INIT;
    const kuni_task_file *from = kuni_task_inputs(task, "import-counts", &n);
    if (n != 1) return kuni_fail(err, KUNI_BUG, "%zu tables of counts of one task", n);
    kuni_status status = kuni_file_get(from->path, 1u << 30, &text, err);
    if (!status) status = kuni_file_create(&file, kuni_task_output(task, "import-counts"), err);
    if (!status)
        status = keep_lines(&task->batches[task->batch], gone, from->path, text.data, file, err);
    kuni_buffer_fini(&text);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

/* Samples are told by their number in the cohort, which stays. */
kuni_status kuni_import_counts_combine(const kuni_task *task, kuni_error *err)
{
    size_t n;
    kuni_file *file = NULL;
    const kuni_task_file *from = kuni_task_inputs(task, "import-counts", &n);
    kuni_status status = kuni_file_create(&file, kuni_task_output(task, "import-counts"), err);
    for (size_t i = 0; i < n && !status; i++) {
        kuni_buffer text = KUNI_BUFFER_INIT;
        status = kuni_file_get(from[i].path, 1u << 30, &text, err);
        if (!status && text.length) status = kuni_file_write(file, text.data, text.length, err);
        kuni_buffer_fini(&text);
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

typedef struct sample_sum {
    int64_t counts[COUNTS];
    bool any, renamed;
} sample_sum;

static kuni_status add_file(const char *path, sample_sum *sums, size_t n_samples, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_file_get(path, 1u << 30, &text, err);
    char *rest = text.data;
    for (char *line; !status && (line = strsep(&rest, "\n")) && *line;) {
        char *end;
        unsigned long long sample = strtoull(line, &end, 10);
        if (end == line || sample >= n_samples) {
            status = kuni_fail(err, KUNI_DATA, "%s: damaged: run the import again", path);
            break;
        }
        sums[sample].any = true;
        sums[sample].renamed = strtol(end, &end, 10) != 0;
        for (int k = 0; k < COUNTS; k++) sums[sample].counts[k] += strtoll(end, &end, 10);
    }
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_import_report_run(const kuni_task *task, kuni_error *err)
{
    size_t n_inputs;
    kuni_file *file = NULL;
    kuni_buffer head = KUNI_BUFFER_INIT;
    const kuni_task_file *inputs = kuni_task_inputs(task, "import-counts", &n_inputs);
    sample_sum *sums = kuni_alloc(task->n_samples + 1, sizeof(*sums), err);
    if (!sums) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < n_inputs; i++)
        status = add_file(inputs[i].path, sums, task->n_samples, err);
    if (!status) status = kuni_file_create(&file, kuni_task_output(task, "import-report"), err);
    if (!status) status = kuni_columns_put_head(kuni_import_columns, KUNI_IMPORT_TABLE, &head, err);
    if (!status) status = kuni_file_write(file, head.data, head.length, err);
    for (size_t i = 0; !status && i < task->n_samples; i++) {
        if (!sums[i].any || task->columns[i] < 0) continue;
        status = kuni_file_printf(file, err, "%s\t%s", task->samples[i].id,
                                  sums[i].renamed ? "yes" : "no");
        for (int k = 0; !status && k < COUNTS; k++)
            status = kuni_file_printf(file, err, "\t%" PRId64, sums[i].counts[k]);
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    if (status)
        kuni_file_discard(file);
    else
        status = kuni_file_commit(file, err);
    kuni_buffer_fini(&head);
    free(sums);
    return status;
}
