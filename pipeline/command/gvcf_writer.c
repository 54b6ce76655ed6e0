/* SPDX-License-Identifier: MIT */
#include "gvcf_writer.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "built.h"
#include "calls_index.h"
#include "kuni/file.h"

enum { FLUSH_BYTES = 1 << 16, HOM_ALT_FACTOR = 10 };

static const char *const rank_names[KUNI_RANKS] = {[KUNI_RANK_MAPQ] = "MQRankSum",
                                                   [KUNI_RANK_POSITION] = "ReadPosRankSum",
                                                   [KUNI_RANK_BASEQ] = "BaseQRankSum"};

struct kuni_gvcf_writer {
    kuni_genome *genome;
    BGZF *file; /* NULL: standard output */
    char *path, *temporary, *sample;
    kuni_gvcf_person person;
    kuni_buffer text;
    /* the block under way, joined across chunk and shard edges */
    kuni_block block;
    int32_t block_tid;
    bool has_block;
    /* how far records reach, and the copies of the last one */
    int32_t at_tid;
    int64_t at;
    int copies;
    /* reference around the last record */
    char *sequence;
    int32_t tid;
    int64_t beg, end;
};

static kuni_status flush(kuni_gvcf_writer *w, size_t least, kuni_error *err)
{
    if (w->text.length < least || !w->text.length) return KUNI_OK;
    bool good = w->file
                    ? bgzf_write(w->file, w->text.data, w->text.length) == (ssize_t)w->text.length
                    : fwrite(w->text.data, 1, w->text.length, stdout) == w->text.length;
    if (!good) return kuni_fail_errno(err, "%s: writing failed", w->path);
    kuni_buffer_clear(&w->text);
    return KUNI_OK;
}

static kuni_status put_header(kuni_gvcf_writer *w, kuni_error *err)
{
    static const char lines[] =
        "##ALT=<ID=NON_REF,Description=\"Any allele that is not listed here\">\n"
        "##FILTER=<ID=CONFLICT,Description=\"The input contradicts itself here\">\n"
        "##FILTER=<ID=FILTERED,Description=\"The caller's own filter failed it\">\n"
        "##INFO=<ID=END,Number=1,Type=Integer,Description=\"Last position of the block\">\n"
        "##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth\">\n"
        "##INFO=<ID=MQ,Number=1,Type=Float,Description=\"Root mean square of the mapping "
        "quality\">\n"
        "##INFO=<ID=RAW_MQandDP,Number=2,Type=Integer,Description=\"Sum of the squared mapping "
        "qualities, and of how many reads\">\n"
        "##INFO=<ID=MQRankSum,Number=1,Type=Float,Description=\"Rank-sum z of ALT against REF: "
        "mapping quality\">\n"
        "##INFO=<ID=ReadPosRankSum,Number=1,Type=Float,Description=\"Rank-sum z of ALT against "
        "REF: distance from the read's nearer end\">\n"
        "##INFO=<ID=BaseQRankSum,Number=1,Type=Float,Description=\"Rank-sum z of ALT against REF: "
        "base quality\">\n"
        "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n"
        "##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Genotype quality, phred\">\n"
        "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Depth\">\n"
        "##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description=\"Least depth of the block\">\n"
        "##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Reads of each allele\">\n"
        "##FORMAT=<ID=SB,Number=4,Type=Integer,Description=\"Reads of REF and of ALT by strand\">\n"
        "##FORMAT=<ID=PS,Number=1,Type=Integer,Description=\"Phase set\">\n"
        "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled genotype "
        "likelihoods\">\n";
    kuni_status status = kuni_buffer_printf(
        &w->text, err, "##fileformat=VCFv4.3\n##source=kuni %s\n%s", kuni_built_version, lines);
    for (int32_t tid = 0; !status && tid < kuni_genome_contig_count(w->genome); tid++) {
        status = kuni_genome_vcf_contig(w->genome, tid, &w->text, err);
        if (!status) status = kuni_buffer_append(&w->text, "\n", 1, err);
    }
    if (!status)
        status = kuni_buffer_printf(&w->text, err,
                                    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t%s\n",
                                    w->sample);
    return status;
}

kuni_status kuni_gvcf_create(kuni_gvcf_writer **writer, const char *path, kuni_genome *genome,
                             const char *sample, kuni_gvcf_person person, kuni_error *err)
{
    kuni_gvcf_writer *w = kuni_alloc(1, sizeof(*w), err);
    if (!w) return KUNI_MEMORY;
    w->genome = genome;
    w->person = person;
    w->tid = w->at_tid = -1;
    kuni_status status = KUNI_OK;
    kuni_buffer name = KUNI_BUFFER_INIT;
    w->path = kuni_strdup(strcmp(path, "-") == 0 ? "standard output" : path, err);
    w->sample = kuni_strdup(sample, err);
    if (!w->path || !w->sample) status = KUNI_MEMORY;
    if (!status && strcmp(path, "-") != 0) {
        status = kuni_buffer_printf(&name, err, "%s.part", path);
        w->temporary = name.data;
        if (!status && !(w->file = bgzf_open(w->temporary, "w")))
            status = kuni_fail_errno(err, "%s: cannot be made", w->temporary);
    }
    if (!status) status = put_header(w, err);
    if (status) {
        kuni_gvcf_discard(w);
        return status;
    }
    *writer = w;
    return KUNI_OK;
}

static void release(kuni_gvcf_writer *w)
{
    kuni_buffer_fini(&w->text);
    free(w->sequence);
    free(w->temporary);
    free(w->path);
    free(w->sample);
    free(w);
}

void kuni_gvcf_discard(kuni_gvcf_writer *w)
{
    if (!w) return;
    if (w->file && bgzf_close(w->file) < 0) errno = 0;
    if (w->temporary) (void)unlink(w->temporary);
    release(w);
}

static kuni_status base_at(kuni_gvcf_writer *w, int32_t tid, int64_t pos, char *base,
                           kuni_error *err)
{
    if (tid != w->tid || pos < w->beg || pos >= w->end) {
        free(w->sequence);
        w->sequence = NULL;
        w->tid = -1;
        kuni_span span = {tid, pos, pos + FLUSH_BYTES};
        int64_t n = 0;
        kuni_status status = kuni_genome_fetch(w->genome, span, &w->sequence, &n, err);
        if (status) return status;
        w->tid = tid;
        w->beg = pos;
        w->end = pos + n;
    }
    if (pos >= w->end)
        return kuni_fail(err, KUNI_DATA,
                         "evidence lies beyond the end of a contig: give the "
                         "reference it was made with");
    *base = w->sequence[pos - w->beg];
    return KUNI_OK;
}

/* A number, or the missing value. */
static void print_or_dot(char text[16], uint32_t value, uint32_t missing)
{
    if (value == missing)
        (void)snprintf(text, 16, ".");
    else
        (void)snprintf(text, 16, "%u", value);
}

static bool is_gap(const kuni_block *b)
{
    return b->kind == KUNI_BLOCK_REFERENCE && b->gq == 0 && b->min_dp == 0;
}

static kuni_status put_block(kuni_gvcf_writer *w, kuni_error *err)
{
    if (!w->has_block) return KUNI_OK;
    w->has_block = false;
    const kuni_block *b = &w->block;
    char base = 'N';
    kuni_status status = base_at(w, w->block_tid, b->beg, &base, err);
    if (status) return status;
    const char *contig = kuni_genome_contig(w->genome, w->block_tid)->name;
    const char *filter = b->kind == KUNI_BLOCK_CONFLICT   ? "CONFLICT"
                         : b->kind == KUNI_BLOCK_FILTERED ? "FILTERED"
                                                          : ".";
    status = kuni_buffer_printf(
        &w->text, err, "%s\t%" PRId64 "\t.\t%c\t<NON_REF>\t.\t%s\tEND=%" PRId64 "\tGT:DP:GQ:MIN_DP",
        contig, b->beg + 1, base, filter, b->end);
    if (status) return status;
    if (is_gap(b))
        return kuni_buffer_printf(&w->text, err, "%s\n",
                                  b->ploidy == 1 ? ":PL\t0:0:0:0:0,0" : ":PL\t0/0:0:0:0:0,0,0");
    bool stated = b->kind == KUNI_BLOCK_STATED, known = b->kind == KUNI_BLOCK_REFERENCE || stated;
    const char *gt = b->ploidy == 1 ? (known ? "0" : ".") : known ? "0/0" : "./.";
    char depth[16];
    print_or_dot(depth, b->min_dp, KUNI_MIN_DP_MISSING);
    if (!known || stated || b->gq == 0)
        return kuni_buffer_printf(&w->text, err, "\t%s:%s:%s:%s\n", gt, depth, stated ? "." : "0",
                                  depth);
    status =
        kuni_buffer_printf(&w->text, err, ":PL\t%s:%s:%u:%s:0,%u", gt, depth, b->gq, depth, b->gq);
    /* two ALT copies: about ten times as unlikely in phred as one, at usual qualities */
    if (!status && b->ploidy == 2)
        status = kuni_buffer_printf(&w->text, err, ",%u", b->gq * HOM_ALT_FACTOR);
    return status ? status : kuni_buffer_append(&w->text, "\n", 1, err);
}

static kuni_status take_block(kuni_gvcf_writer *w, int32_t tid, const kuni_block *b,
                              kuni_error *err)
{
    kuni_block *old = &w->block;
    if (w->has_block && w->block_tid == tid && old->end == b->beg && old->kind == b->kind &&
        old->ploidy == b->ploidy && old->gq == b->gq && old->min_dp == b->min_dp) {
        old->end = b->end;
        return KUNI_OK;
    }
    kuni_status status = put_block(w, err);
    w->block = *b;
    w->block_tid = tid;
    w->has_block = true;
    return status;
}

/* Copies of the person at a place of evidence for one or two. */
static int copies_at(const kuni_gvcf_writer *w, int32_t tid, int64_t pos, int64_t *until)
{
    *until = INT64_MAX;
    if (!w->person.ploidy) return 2;
    return kuni_ploidy_of(w->person.ploidy, tid, pos, w->person.karyotype, until);
}

/* Records reach as far as `end`; what lies between the last one and `beg` has no data. */
static kuni_status reach(kuni_gvcf_writer *w, int32_t tid, int64_t beg, int64_t end, int copies,
                         kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int64_t until; w->at < beg && !status; w->at = until < beg ? until : beg) {
        int here = copies_at(w, tid, w->at, &until);
        if (!here) continue;
        if (!w->person.ploidy) here = copies ? copies : w->copies; /* as beside it */
        kuni_block gap = {.beg = w->at,
                          .end = until < beg ? until : beg,
                          .kind = KUNI_BLOCK_REFERENCE,
                          .ploidy = here == 1 && !w->person.diploid ? 1 : 2};
        status = take_block(w, tid, &gap, err);
    }
    if (end > w->at) w->at = end;
    if (copies) w->copies = copies;
    return status;
}

static kuni_status put_gt(kuni_gvcf_writer *w, const kuni_event *e, kuni_error *err)
{
    char mark = e->flags & KUNI_EVENT_PHASED ? '|' : '/';
    kuni_status status = KUNI_OK;
    for (int k = 0; !status && k < e->ploidy; k++) {
        if (k) status = kuni_buffer_append(&w->text, &mark, 1, err);
        if (!status && (e->gt[k] < 0 || e->flags & KUNI_EVENT_FILTERED))
            status = kuni_buffer_append(&w->text, ".", 1, err);
        else if (!status)
            status = kuni_buffer_printf(&w->text, err, "%d", e->gt[k]);
    }
    return status;
}

static kuni_status put_event(kuni_gvcf_writer *w, int32_t tid, const kuni_event *e, kuni_error *err)
{
    kuni_status status = put_block(w, err);
    const char *contig = kuni_genome_contig(w->genome, tid)->name;
    if (!status)
        status = kuni_buffer_printf(&w->text, err, "%s\t%" PRId64 "\t.\t%s\t", contig, e->pos + 1,
                                    e->alleles[0]);
    for (int a = 1; !status && a < e->n_alleles; a++)
        status =
            kuni_buffer_printf(&w->text, err, "%s%s", a > 1 ? "," : "",
                               strcmp(e->alleles[a], "<*>") == 0 ? "<NON_REF>" : e->alleles[a]);
    if (!status)
        status = kuni_buffer_printf(&w->text, err, "\t%u\t%s\t", e->qual,
                                    e->flags & KUNI_EVENT_FILTERED ? "FILTERED" : ".");
    if (!status && e->dp == KUNI_DP_MISSING)
        status = kuni_buffer_printf(&w->text, err, "MQ=%u", e->mq);
    else if (!status) /* GATK reads MQ of a cohort from RAW_MQandDP */
        status = kuni_buffer_printf(&w->text, err, "DP=%u;MQ=%u;RAW_MQandDP=%" PRIu64 ",%u", e->dp,
                                    e->mq, (uint64_t)e->mq * e->mq * e->dp, e->dp);
    for (int i = 0; !status && i < KUNI_RANKS; i++)
        if (e->rank[i] != KUNI_RANK_UNKNOWN)
            status = kuni_buffer_printf(&w->text, err, ";%s=%.1f", rank_names[i],
                                        (e->rank[i] - KUNI_RANK_EQUAL) / 2.0);
    if (!status)
        status = kuni_buffer_printf(&w->text, err, "\tGT:AD:DP:GQ:SB%s%s\t",
                                    e->phase_set >= 0 ? ":PS" : "", e->pl ? ":PL" : "");
    if (!status) status = put_gt(w, e, err);
    for (int a = 0; !status && a < e->n_alleles; a++)
        status = e->ad ? kuni_buffer_printf(&w->text, err, "%c%u", a ? ',' : ':', e->ad[a])
                       : kuni_buffer_printf(&w->text, err, "%c.", a ? ',' : ':');
    char depth[16];
    print_or_dot(depth, e->dp, KUNI_DP_MISSING);
    if (!status)
        status = kuni_buffer_printf(&w->text, err, ":%s:%u:%u,%u,%u,%u", depth, e->gq, e->sb[0],
                                    e->sb[1], e->sb[2], e->sb[3]);
    if (!status && e->phase_set >= 0)
        status = kuni_buffer_printf(&w->text, err, ":%" PRId64, e->phase_set + 1);
    int n = e->ploidy == 1 ? e->n_alleles : e->n_alleles * (e->n_alleles + 1) / 2;
    for (int g = 0; !status && e->pl && g < n; g++)
        status = e->pl[g] == KUNI_PL_MISSING
                     ? kuni_buffer_printf(&w->text, err, "%c.", g ? ',' : ':')
                     : kuni_buffer_printf(&w->text, err, "%c%u", g ? ',' : ':', e->pl[g]);
    return status ? status : kuni_buffer_append(&w->text, "\n", 1, err);
}

/* --- one copy as two of the same --- */

/* -10 log10(1/2) of each of so many reads. */
static uint32_t half_phred(uint32_t reads)
{
    uint64_t phred = (uint64_t)reads * 301 / 100;
    return phred < KUNI_PL_MAX ? (uint32_t)phred : KUNI_PL_MAX;
}

/*
 * Likelihoods of homozygotes are those of the copy. A heterozygote of two alleles has lost half of
 * the reads of the better one, and is no worse than the worse.
 */
static uint16_t het_of(const kuni_event *e, int a, int b)
{
    uint32_t x = e->pl[a], y = e->pl[b];
    if (x == KUNI_PL_MISSING || y == KUNI_PL_MISSING) return KUNI_PL_MISSING;
    int better = x <= y ? a : b;
    uint32_t worse = x <= y ? y : x, reads = e->ad ? e->ad[better] : e->dp;
    if (!e->ad && e->dp == KUNI_DP_MISSING) return (uint16_t)((x + y) / 2);
    uint32_t het = e->pl[better] + half_phred(reads);
    return (uint16_t)(het < worse ? het : worse);
}

/* `pl`: room for the likelihoods of two copies. */
static void double_event(kuni_event *e, uint16_t *pl)
{
    enum { GQ_MOST = 99 };
    uint32_t second = GQ_MOST;
    if (e->ploidy != 1) return;
    e->ploidy = 2;
    e->gt[1] = e->gt[0];
    e->flags &= (uint8_t)~KUNI_EVENT_PHASED;
    e->phase_set = -1;
    if (!e->pl) return;
    size_t n = 0;
    int zeros = 0;
    for (int b = 0; b < e->n_alleles; b++)
        for (int a = 0; a <= b; a++, n++) {
            pl[n] = a == b ? e->pl[a] : het_of(e, a, b);
            zeros += pl[n] == 0;
            if (pl[n] && pl[n] < second) second = pl[n];
        }
    e->pl = pl;
    e->gq = e->gt[0] < 0 || zeros > 1 ? 0 : (uint8_t)second;
}

/* Makes the event one of so many copies as there are; false where there is none. */
static bool settle_event(const kuni_gvcf_writer *w, int32_t tid, const kuni_event *event,
                         uint16_t *pl, kuni_event *out)
{
    *out = *event;
    if (!(event->flags & KUNI_EVENT_EITHER)) return true;
    int64_t until;
    int copies = copies_at(w, tid, event->pos, &until);
    if (copies) kuni_event_of_copies(event, copies, pl, out);
    if (w->person.undecided) {
        out->gt[0] = out->gt[1] = -1;
        out->gq = 0;
    }
    return copies > 0;
}

static bool settle_block(const kuni_gvcf_writer *w, int32_t tid, kuni_block *block)
{
    int64_t until;
    int copies = block->ploidy;
    if (block->either) {
        copies = copies_at(w, tid, block->beg, &until);
        block->gq = kuni_block_gq(block, copies);
        block->ploidy = copies == 1 ? 1 : 2;
        block->either = false;
        if (w->person.undecided && block->kind == KUNI_BLOCK_REFERENCE)
            block->kind = KUNI_BLOCK_CONFLICT;
    }
    if (block->ploidy == 1 && w->person.diploid) {
        uint32_t het = block->min_dp == KUNI_MIN_DP_MISSING ? block->gq : half_phred(block->min_dp);
        block->ploidy = 2;
        if (het < block->gq) block->gq = (uint8_t)het;
    }
    return copies > 0;
}

static kuni_status take_part(kuni_gvcf_writer *w, int32_t tid, const kuni_block *b, int64_t beg,
                             int64_t end, kuni_error *err)
{
    kuni_block part = *b;
    if (part.beg < beg) part.beg = beg;
    if (part.end > end) part.end = end;
    if (part.beg >= part.end || !settle_block(w, tid, &part)) return KUNI_OK;
    kuni_status status = reach(w, tid, part.beg, part.end, part.ploidy, err);
    return status ? status : take_block(w, tid, &part, err);
}

static kuni_status take_event(kuni_gvcf_writer *w, int32_t tid, const kuni_event *event,
                              kuni_error *err)
{
    enum { GENOTYPES_MOST = KUNI_EVENT_ALLELES_MAX * (KUNI_EVENT_ALLELES_MAX + 1) / 2 };
    kuni_event settled;
    uint16_t pl[KUNI_EVENT_ALLELES_MAX], doubled[GENOTYPES_MOST];
    if (!settle_event(w, tid, event, pl, &settled)) return KUNI_OK;
    int64_t end = settled.pos + (int64_t)strlen(settled.alleles[0]);
    kuni_status status = reach(w, tid, settled.pos, end, settled.ploidy, err);
    if (w->person.diploid) double_event(&settled, doubled);
    return status ? status : put_event(w, tid, &settled, err);
}

static kuni_status add_chunk(kuni_gvcf_writer *w, int32_t tid, const kuni_evidence_chunk *chunk,
                             uint32_t sample, int64_t beg, int64_t end, kuni_error *err)
{
    size_t e = 0, b = 0;
    kuni_status status = KUNI_OK;
    while (!status && (e < chunk->n_events || b < chunk->n_blocks)) {
        bool event = b == chunk->n_blocks ||
                     (e < chunk->n_events && chunk->events[e].pos < chunk->blocks[b].beg);
        if (event) {
            const kuni_event *x = &chunk->events[e++];
            if (x->sample == sample && !(x->flags & KUNI_EVENT_CARRIED) && x->pos >= beg &&
                x->pos < end)
                status = take_event(w, tid, x, err);
        } else {
            const kuni_block *x = &chunk->blocks[b++];
            if (x->sample == sample) status = take_part(w, tid, x, beg, end, err);
        }
    }
    return status ? status : flush(w, FLUSH_BYTES, err);
}

kuni_status kuni_gvcf_add(kuni_gvcf_writer *w, const kuni_evidence_file *file, kuni_error *err)
{
    return kuni_gvcf_add_part(w, file, 0, INT64_MAX, err);
}

kuni_status kuni_gvcf_add_part(kuni_gvcf_writer *w, const kuni_evidence_file *file, int64_t beg,
                               int64_t end, kuni_error *err)
{
    kuni_evidence_reader *reader;
    const char *evidence_path = file->path;
    kuni_status status =
        kuni_evidence_open_part(&reader, evidence_path, file->offset, file->bytes, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    uint32_t sample = 0;
    while (sample < header->n_samples && strcmp(header->samples[sample], w->sample) != 0) sample++;
    int32_t tid = kuni_genome_find(w->genome, header->contig);
    if (sample == header->n_samples)
        status = kuni_fail(err, KUNI_USAGE, "%s: has no sample '%s'", evidence_path, w->sample);
    else if (tid < 0)
        status = kuni_fail(err, KUNI_DATA,
                           "%s: contig %s is not in the reference: give the one it was made with",
                           evidence_path, header->contig);
    for (size_t i = 0; !status && i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, i, &extent);
        if (extent.end <= beg || extent.beg >= end) continue;
        kuni_evidence_chunk chunk;
        int64_t from = extent.beg > beg ? extent.beg : beg;
        int64_t until = extent.end < end ? extent.end : end;
        if (w->at_tid != tid || w->at < from) {
            w->at_tid = tid;
            w->at = from;
            w->copies = 2;
        }
        status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, err);
        if (!status) status = add_chunk(w, tid, &chunk, sample, beg, end, err);
        if (!status) status = reach(w, tid, until, until, 0, err);
    }
    kuni_evidence_close(reader);
    return status;
}

kuni_status kuni_gvcf_finish(kuni_gvcf_writer *w, kuni_error *err)
{
    kuni_status status = put_block(w, err);
    if (!status) status = flush(w, 1, err);
    if (w->file) {
        if (bgzf_close(w->file) < 0 && !status)
            status = kuni_fail_errno(err, "%s: writing failed", w->temporary);
        w->file = NULL;
        if (!status) status = kuni_file_publish(w->temporary, w->path, err);
        if (!status) status = kuni_calls_index(w->path, KUNI_CALLS_TBI_OF_VCF, 0, err);
    }
    if (status)
        kuni_gvcf_discard(w);
    else
        release(w);
    return status;
}
