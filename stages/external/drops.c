/* SPDX-License-Identifier: MIT */
#include "drops.h"

#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ending.h"

enum { WHOLE = 10000 };

bool drops_parse(const char *text, int64_t *basis_points)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    double percent = strtod(text, &end);
    *basis_points = (int64_t)(percent * 100 + 0.5);
    return strcmp(end, "%") == 0 && percent >= 0 && percent <= 100;
}

/* -1 where the index does not tell. */
static int64_t count_by_index(const char *path)
{
    bool binary = has_ending(path, "bcf");
    hts_idx_t *csi = binary ? bcf_index_load(path) : NULL;
    tbx_t *tbx = binary ? NULL : tbx_index_load(path);
    const hts_idx_t *index = binary ? csi : tbx ? tbx->idx : NULL;
    int64_t sum = index ? 0 : -1;
    int n = index ? hts_idx_nseq(index) : 0;
    for (int tid = 0; tid < n && sum >= 0; tid++) {
        uint64_t placed, unplaced;
        int told = hts_idx_get_stat(index, tid, &placed, &unplaced);
        if (told == 0) sum += (int64_t)placed; /* else: nothing on this contig */
    }
    if (csi) hts_idx_destroy(csi);
    if (tbx) tbx_destroy(tbx);
    return sum;
}

static kuni_status count_by_reading(const char *path, const kuni_task *task, record_counts *counts,
                                    kuni_error *err)
{
    htsFile *file = hts_open(path, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    bcf1_t *record = bcf_init();
    int result = -2;
    if (header && record)
        result = record_counts_read(counts, file, header, record, task->heartbeat);
    if (record) bcf_destroy(record);
    if (header) bcf_hdr_destroy(header);
    if (file) (void)hts_close(file);
    return result == -1 ? KUNI_OK : kuni_fail(err, KUNI_IO, "cannot count the records of %s", path);
}

/* By indices alone; -1 where one does not tell. */
static int64_t count_indexed(const value_table *table, const template_value *in)
{
    int64_t sum = table->indexed ? 0 : -1;
    for (size_t i = 0; i < in->n_texts && sum >= 0; i++) {
        if (!is_variant_file(in->texts[i])) continue;
        int64_t n = count_by_index(in->texts[i]);
        sum = n < 0 ? -1 : sum + n;
    }
    return sum;
}

static bool too_few(int64_t in, int64_t out, int64_t share)
{
    return in - out > (in * share + WHOLE - 1) / WHOLE;
}

static const template_value *value_named(const value_table *table, const char *kind)
{
    static const char prefix[] = "input.";
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->values[i].name, prefix, strlen(prefix)) == 0 &&
            strcmp(table->values[i].name + strlen(prefix), kind) == 0)
            return &table->values[i];
    return NULL;
}

kuni_status drops_check(const kuni_task *task, const value_table *table, const char *kind,
                        const record_counts *out, const char *label, kuni_error *err)
{
    const char *text = kuni_params_text(task->params, "may_drop");
    const template_value *files = value_named(table, kind);
    record_counts in = {.records = 0};
    int64_t share = 0;
    if (!drops_parse(text, &share))
        return kuni_fail(err, KUNI_BUG, "%s: may_drop '%s' is no share", label, text);
    if (share == WHOLE || !files || out->records < 0) return KUNI_OK;
    /* There are no more positions than records. */
    int64_t indexed = count_indexed(table, files);
    if (indexed >= 0 && indexed <= out->places) return KUNI_OK;
    for (size_t i = 0; i < files->n_texts; i++) {
        if (!is_variant_file(files->texts[i])) continue;
        kuni_status status = count_by_reading(files->texts[i], task, &in, err);
        if (status) return status;
    }
    bool records = too_few(in.records, out->records, share);
    if (!records && !too_few(in.places, out->places, share)) return KUNI_OK;
    return kuni_fail(
        err, KUNI_BUG,
        "%s: its command ended well, but of the %" PRId64 " %s that came in the output has %" PRId64
        ": mark records by FILTER instead of taking them out, or say `may_drop: 100%%` "
        "(or the share that may go; it is %s) where that is meant",
        label, records ? in.records : in.places, records ? "records" : "positions with records",
        records ? out->records : out->places, text);
}
