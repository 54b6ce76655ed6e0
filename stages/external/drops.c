/* SPDX-License-Identifier: MIT */
#include "drops.h"

#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ending.h"

enum { WHOLE = 10000, BEAT_EVERY_RECORDS = 4096 };

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

static kuni_status count_by_reading(const char *path, const kuni_task *task, int64_t *n,
                                    kuni_error *err)
{
    htsFile *file = hts_open(path, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    bcf1_t *record = bcf_init();
    int result = -2;
    while (header && record && (result = bcf_read(file, header, record)) >= 0)
        if (++*n % BEAT_EVERY_RECORDS == 0 && task->heartbeat) task->heartbeat(*n);
    if (record) bcf_destroy(record);
    if (header) bcf_hdr_destroy(header);
    if (file) (void)hts_close(file);
    return result == -1 ? KUNI_OK : kuni_fail(err, KUNI_IO, "cannot count the records of %s", path);
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
                        int64_t n_out, const char *label, kuni_error *err)
{
    const char *text = kuni_params_text(task->params, "may_drop");
    const template_value *in = value_named(table, kind);
    int64_t share = 0, n_in = 0;
    if (!drops_parse(text, &share))
        return kuni_fail(err, KUNI_BUG, "%s: may_drop '%s' is no share", label, text);
    if (share == WHOLE || !in || n_out < 0) return KUNI_OK;
    for (size_t i = 0; i < in->n_texts; i++) {
        if (!is_variant_file(in->texts[i])) continue;
        int64_t n = table->indexed ? count_by_index(in->texts[i]) : -1;
        if (n < 0) {
            n = 0;
            kuni_status status = count_by_reading(in->texts[i], task, &n, err);
            if (status) return status;
        }
        n_in += n;
    }
    if (n_in - n_out <= (n_in * share + WHOLE - 1) / WHOLE) return KUNI_OK;
    return kuni_fail(
        err, KUNI_BUG,
        "%s: its command ended well, but of the %" PRId64
        " records that came in the output has %" PRId64
        ": mark records by FILTER instead of taking them out, or say `may_drop: 100%%` "
        "(or the share that may go; it is %s) where that is meant",
        label, n_in, n_out, text);
}
