/* SPDX-License-Identifier: MIT */
#include "reads_fit.h"

#include <htslib/bgzf.h>

enum {
    LOOKS = 64,         /* contigs, and places in them, whose record is looked at */
    SKIPPED_MOST = 4096 /* unmapped reads between chunks: some indexers leave them out */
};

typedef struct checker {
    samFile *file;
    const sam_hdr_t *header;
    const hts_idx_t *index;
    bam1_t *record;
    int64_t total_bp; /* of the contigs */
} checker;

/* 1: a record, and where the next one starts; 0: the end of the file; -1: neither. */
static int record_at(checker *c, int64_t offset, int64_t *next)
{
    BGZF *bgzf = c->file->fp.bgzf;
    if (bgzf_seek(bgzf, offset, SEEK_SET) < 0) return -1;
    int got = bam_read1(bgzf, c->record);
    *next = bgzf_tell(bgzf);
    return got >= 0 ? 1 : got == -1 ? 0 : -1;
}

/* One record may have two offsets: the end of a block is the start of the next. */
static bool same_place(checker *c, int64_t a, int64_t b)
{
    int64_t after_a, after_b;
    if (a == b) return true;
    return record_at(c, a, &after_a) >= 0 && record_at(c, b, &after_b) >= 0 && after_a == after_b;
}

/* Nothing that is mapped stands between two chunks. */
static bool joined(checker *c, int64_t end, int64_t beg)
{
    for (int i = 0; i < SKIPPED_MOST && end != beg && !same_place(c, end, beg); i++) {
        int64_t next;
        if (record_at(c, end, &next) <= 0 || !(c->record->core.flag & BAM_FUNMAP)) return false;
        end = next;
    }
    return same_place(c, end, beg);
}

static bool leads_to(checker *c, int64_t offset, int32_t tid)
{
    int64_t next;
    return record_at(c, offset, &next) == 1 && c->record->core.tid == tid;
}

/* Follows the chunks of a contig; *end: where those before it ended. */
static bool follow_contig(checker *c, int32_t tid, bool look, int64_t *end)
{
    hts_itr_t *all = sam_itr_queryi(c->index, tid, 0, sam_hdr_tid2len(c->header, tid));
    bool fits = true;
    for (int i = 0; all && i < all->n_off && fits; i++) {
        fits = joined(c, *end, (int64_t)all->off[i].u);
        if (fits && look && i == 0) fits = leads_to(c, (int64_t)all->off[i].u, tid);
        *end = (int64_t)all->off[i].v;
    }
    if (all) hts_itr_destroy(all);
    return fits;
}

static bool look_inside(checker *c, int32_t tid, int64_t pos)
{
    hts_itr_t *here = sam_itr_queryi(c->index, tid, pos, pos + 1);
    bool fits = !here || here->n_off == 0 || leads_to(c, (int64_t)here->off[0].u, tid);
    if (here) hts_itr_destroy(here);
    return fits;
}

static bool look_inside_all(checker *c)
{
    int32_t n = sam_hdr_nref(c->header);
    int64_t before = 0, step = c->total_bp / LOOKS + 1, next = step / 2;
    bool fits = true;
    for (int32_t tid = 0; tid < n && fits; tid++) {
        int64_t length = sam_hdr_tid2len(c->header, tid);
        for (; next < before + length && fits; next += step)
            fits = look_inside(c, tid, next - before);
        before += length;
    }
    return fits;
}

/* Where the last chunk of all ends. */
static int64_t end_of_chunks(const sam_hdr_t *header, const hts_idx_t *index)
{
    int64_t end = 0;
    for (int32_t tid = 0; tid < sam_hdr_nref(header); tid++) {
        hts_itr_t *all = sam_itr_queryi(index, tid, 0, sam_hdr_tid2len(header, tid));
        for (int i = 0; all && i < all->n_off; i++)
            if ((int64_t)all->off[i].v > end) end = (int64_t)all->off[i].v;
        if (all) hts_itr_destroy(all);
    }
    return end;
}

kuni_status kuni_index_fits(samFile *file, const sam_hdr_t *header, const hts_idx_t *index,
                            int64_t first, int64_t bytes, kuni_index_fit *fit, kuni_error *err)
{
    checker c = {.file = file, .header = header, .index = index, .record = bam_init1()};
    if (!c.record) return kuni_fail_memory(err, 1, sizeof(*c.record));
    int32_t n = sam_hdr_nref(header);
    int64_t end = first, next;
    /* htsjdk (Picard, GATK) ends the last chunk behind the block that marks the end of the file */
    bool fits = end_of_chunks(header, index) >> 16 <= bytes;
    *fit = fits ? KUNI_INDEX_FITS : KUNI_INDEX_LEADS_BEYOND;
    for (int32_t tid = 0; tid < n && fits; tid++) {
        c.total_bp += sam_hdr_tid2len(header, tid);
        fits = follow_contig(&c, tid, tid % (n / LOOKS + 1) == 0, &end);
    }
    if (fits) { /* what is left has no place */
        int got = record_at(&c, end, &next);
        fits = (got == 0 || (got == 1 && c.record->core.tid < 0)) && look_inside_all(&c);
    }
    if (!fits && *fit == KUNI_INDEX_FITS) *fit = KUNI_INDEX_IS_ANOTHERS;
    bam_destroy1(c.record);
    return KUNI_OK;
}
