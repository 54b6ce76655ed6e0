/* SPDX-License-Identifier: MIT */
#include "variants_index.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <htslib/kseq.h>
#include <htslib/kstring.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kuni/file.h"

/* A file under way, with its index if there is one. */
typedef struct looking {
    const kuni_task *task;
    const kuni_sample *sample;
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    kstring_t line;
    tbx_t *tbx;     /* of a VCF */
    hts_idx_t *csi; /* of a BCF */
    bool is_bcf;
} looking;

/* What the index knows of a contig: virtual offsets from its first record past its last. */
typedef struct stretch {
    uint64_t beg, end;
} stretch;

static void close_all(looking *l)
{
    if (l->tbx) tbx_destroy(l->tbx);
    if (l->csi) hts_idx_destroy(l->csi);
    if (l->record) bcf_destroy(l->record);
    if (l->header) bcf_hdr_destroy(l->header);
    if (l->file) (void)hts_close(l->file);
    ks_free(&l->line);
}

static kuni_status unreadable(const looking *l, kuni_error *err)
{
    int code = 0;
    if (kuni_file_is_out_of_reach(l->sample->reads, &code)) {
        errno = code;
        return kuni_fail_errno(err, "%s: cannot read %s", l->sample->id, l->sample->reads);
    }
    return kuni_fail(err, KUNI_DATA, "%s: %s is damaged: its records cannot be read", l->sample->id,
                     l->sample->reads);
}

static void load_index(looking *l)
{
    const kuni_sample *sample = l->sample;
    int verbosity = hts_get_log_level();
    hts_set_log_level(HTS_LOG_OFF);
    if (!l->is_bcf)
        l->tbx = sample->index ? tbx_index_load2(sample->reads, sample->index)
                               : tbx_index_load3(sample->reads, NULL, HTS_IDX_SILENT_FAIL);
    else
        l->csi = sample->index ? bcf_index_load2(sample->reads, sample->index)
                               : bcf_index_load3(sample->reads, NULL, HTS_IDX_SILENT_FAIL);
    hts_set_log_level(verbosity);
}

/* Files that every shard may read from the front. */
static bool is_small(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_size <= KUNI_UNINDEXED_BYTES_MAX;
}

static kuni_status say_no_index(const kuni_sample *sample, kuni_error *err)
{
    if (sample->index)
        return kuni_fail(err, KUNI_DATA, "%s: %s is no index of %s: make one with `bcftools index`",
                         sample->id, sample->index, sample->reads);
    return kuni_fail(err, KUNI_DATA,
                     "%s: %s has no index, and only files of up to %d MiB are read without: make "
                     "one with `bcftools index` (of a file packed by `bgzip`)",
                     sample->id, sample->reads, KUNI_UNINDEXED_BYTES_MAX >> 20);
}

/*
 * The contig of the next record, in l->line; *contig NULL at the end. A line that is none is the
 * import's to complain of.
 */
static kuni_status next_contig(looking *l, const char **contig, kuni_error *err)
{
    *contig = NULL;
    if (l->is_bcf) {
        int code = bcf_read(l->file, l->header, l->record);
        if (code < -1) return unreadable(l, err);
        if (code == 0) *contig = bcf_seqname_safe(l->header, l->record);
        return KUNI_OK;
    }
    int code;
    do code = hts_getline(l->file, KS_SEP_LINE, &l->line);
    while (code >= 0 && l->line.s[0] == '#');
    if (code < -1) return unreadable(l, err);
    if (code < 0) return KUNI_OK;
    l->line.s[strcspn(l->line.s, "\t")] = '\0';
    *contig = l->line.s;
    return KUNI_OK;
}

static bool is_processed(const looking *l, const char *contig)
{
    int32_t tid = kuni_genome_find(l->task->genome, contig);
    for (size_t i = 0; i < l->task->n_shards && tid >= 0; i++)
        if (l->task->shards[i].tid == tid) return true;
    return false;
}

static kuni_status say_no_records(const looking *l, bool any, kuni_error *err)
{
    if (any)
        return kuni_fail(err, KUNI_DATA,
                         "%s: %s has no record on any contig of this run: was it called on another "
                         "part of the genome, or are contigs named otherwise there?",
                         l->sample->id, l->sample->reads);
    return kuni_fail(err, KUNI_DATA, "%s: %s has a header and no record", l->sample->id,
                     l->sample->reads);
}

/* Without an index: reads on to the first record that matters. */
static kuni_status search_records(looking *l, kuni_error *err)
{
    for (bool any = false;; any = true) {
        const char *contig;
        kuni_status status = next_contig(l, &contig, err);
        if (status) return status;
        if (!contig) return say_no_records(l, any, err);
        if (is_processed(l, contig)) return KUNI_OK;
    }
}

static hts_itr_t *whole_contig(const looking *l, int tid)
{
    return l->is_bcf ? bcf_itr_queryi(l->csi, tid, 0, HTS_POS_MAX)
                     : tbx_itr_queryi(l->tbx, tid, 0, HTS_POS_MAX);
}

static bool is_indexed(const looking *l, const char *contig)
{
    if (!l->is_bcf) return tbx_name2id(l->tbx, contig) >= 0;
    int tid = bcf_hdr_name2id(l->header, contig);
    hts_itr_t *itr = tid < 0 ? NULL : whole_contig(l, tid);
    bool any = itr && itr->n_off > 0;
    if (itr) hts_itr_destroy(itr);
    return any;
}

static int compare_stretches(const void *a, const void *b)
{
    const stretch *x = a, *y = b;
    return (x->beg > y->beg) - (x->beg < y->beg);
}

static kuni_status say_stale(const looking *l, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA,
                     "%s: the index of %s does not know of all records that the file has: it is of "
                     "an older state of the file: make it again with `bcftools index -f`",
                     l->sample->id, l->sample->reads);
}

/* Looks at what lies from `offset` on, where the index knows of nothing. */
static kuni_status look_behind(looking *l, uint64_t offset, bool last, kuni_error *err)
{
    const char *contig;
    kuni_error cause =
        KUNI_ERROR_INIT; /* of a place that is none: so says the index, not the file */
    if (bgzf_seek(hts_get_bgzfp(l->file), (int64_t)offset, SEEK_SET) != 0 ||
        next_contig(l, &contig, &cause) != KUNI_OK)
        return cause.status == KUNI_IO ? kuni_fail(err, KUNI_IO, "%s", cause.text)
                                       : say_stale(l, err);
    return contig && (last || !is_indexed(l, contig)) ? say_stale(l, err) : KUNI_OK;
}

/* The index tells where each contig's records lie: nothing must lie between, before or behind. */
static kuni_status compare_index(looking *l, const stretch *known, size_t n, kuni_error *err)
{
    const char *contig;
    kuni_status status = next_contig(l, &contig, err);
    if (!status && !contig) return say_no_records(l, false, err);
    if (!status && !is_indexed(l, contig)) status = say_stale(l, err);
    for (size_t i = 0; i < n && !status; i++)
        if (i + 1 == n || known[i].end != known[i + 1].beg)
            status = look_behind(l, known[i].end, i + 1 == n, err);
    return status;
}

static kuni_status check_indexed(looking *l, kuni_error *err)
{
    int n = 0;
    const char **names = l->is_bcf ? bcf_hdr_seqnames(l->header, &n) : tbx_seqnames(l->tbx, &n);
    stretch *known = kuni_alloc((size_t)n + 1, sizeof(*known), err);
    kuni_status status = known ? KUNI_OK : KUNI_MEMORY;
    size_t n_known = 0;
    bool processed = false;
    for (int i = 0; i < n && !status; i++) {
        int tid = l->is_bcf ? bcf_hdr_name2id(l->header, names[i]) : tbx_name2id(l->tbx, names[i]);
        hts_itr_t *itr = tid < 0 ? NULL : whole_contig(l, tid);
        if (itr && itr->n_off > 0) {
            known[n_known++] = (stretch){itr->off[0].u, itr->off[itr->n_off - 1].v};
            processed = processed || is_processed(l, names[i]);
        }
        if (itr) hts_itr_destroy(itr);
    }
    if (!status) qsort(known, n_known, sizeof(*known), compare_stretches);
    if (!status) status = compare_index(l, known, n_known, err);
    if (!status && !processed) status = say_no_records(l, true, err);
    free(known);
    free(names);
    return status;
}

kuni_status kuni_variants_index_check(const kuni_task *task, const kuni_sample *sample,
                                      kuni_error *err)
{
    looking l = {.task = task, .sample = sample, .file = hts_open(sample->reads, "r")};
    if (!l.file) return kuni_fail_errno(err, "%s: cannot open %s", sample->id, sample->reads);
    l.is_bcf = hts_get_format(l.file)->format == bcf;
    l.header = bcf_hdr_read(l.file);
    l.record = bcf_init();
    kuni_status status = KUNI_OK;
    if (!l.header || !l.record) {
        status = unreadable(&l, err);
        goto done;
    }
    load_index(&l);
    if (l.tbx || l.csi)
        status = check_indexed(&l, err);
    else if (sample->index || !is_small(sample->reads))
        status = say_no_index(sample, err);
    else
        status = search_records(&l, err);
done:
    close_all(&l);
    return status;
}
