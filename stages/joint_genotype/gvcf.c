/* SPDX-License-Identifier: MIT */
/* A sample's evidence as a gVCF: events as records, reference blocks with END, both with the allele
 * <*>. */
#include <stdlib.h>
#include <string.h>

#include <htslib/kstring.h>
#include <htslib/vcf.h>

#include "export.h"
#include "kuni/version.h"

struct joint_gvcf {
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    char *path, *sample;
    kuni_genome *genome; /* borrowed: bases of blocks are fetched from it */
    kstring_t line;
    kuni_block
        block;   /* pending: pieces of a block that was cut at a chunk's edge are put together */
    int32_t tid; /* of the pending block, -1: none */
};

static const char *const header_lines[] = {
    "##source=kuni " KUNI_VERSION,
    "##ALT=<ID=*,Description=\"Any allele that is not listed\">",
    "##FILTER=<ID=producer,Description=\"The input's own filter failed it\">",
    "##FILTER=<ID=conflict,Description=\"The input contradicts itself here\">",
    "##INFO=<ID=END,Number=1,Type=Integer,Description=\"Last position of the reference block\">",
    "##INFO=<ID=MQ,Number=1,Type=Integer,Description=\"Root mean square mapping quality\">",
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">",
    "##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Genotype quality\">",
    "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Depth\">",
    "##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description=\"Least depth of the block\">",
    "##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Reads of each allele\">",
    "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled likelihoods\">",
    "##FORMAT=<ID=SB,Number=4,Type=Integer,Description=\"Reads by strand: REF+, REF-, ALT+, "
    "ALT-\">",
    "##FORMAT=<ID=PS,Number=1,Type=Integer,Description=\"Phase set\">",
};

kuni_status joint_gvcf_open(joint_gvcf **made, const char *path, const char *mode,
                            kuni_genome *genome, const char *sample, kuni_error *err)
{
    joint_gvcf *g = kuni_alloc(1, sizeof(*g), err);
    if (!g) return KUNI_MEMORY;
    g->genome = genome;
    g->tid = -1;
    g->path = kuni_strdup(path, err);
    g->sample = kuni_strdup(sample, err);
    g->header = bcf_hdr_init("w");
    g->record = bcf_init();
    kuni_status status = KUNI_OK;
    if (!g->path || !g->sample || !g->header || !g->record)
        status = kuni_fail_memory(err, 1, sizeof(*g));
    for (int32_t tid = 0; !status && tid < kuni_genome_contig_count(genome); tid++) {
        const kuni_contig *contig = kuni_genome_contig(genome, tid);
        g->line.l = 0;
        if (ksprintf(&g->line, "##contig=<ID=%s,length=%lld>", contig->name,
                     (long long)contig->length_bp) < 0 ||
            bcf_hdr_append(g->header, g->line.s) < 0)
            status = kuni_fail_memory(err, 1, 1);
    }
    for (size_t i = 0; !status && i < sizeof(header_lines) / sizeof(header_lines[0]); i++)
        if (bcf_hdr_append(g->header, header_lines[i]) < 0) status = kuni_fail_memory(err, 1, 1);
    if (!status && (bcf_hdr_add_sample(g->header, sample) < 0 || bcf_hdr_sync(g->header) < 0))
        status = kuni_fail_memory(err, 1, 1);
    if (!status) {
        g->file = hts_open(path, mode);
        if (!g->file || bcf_hdr_write(g->file, g->header) < 0)
            status = kuni_fail_errno(err, "cannot write %s", path);
    }
    if (status) {
        joint_gvcf_abandon(g);
        return status;
    }
    *made = g;
    return KUNI_OK;
}

/* Parses the line that was spelled and writes it: the text is the one place that says what a record
 * holds. */
static kuni_status put_line(joint_gvcf *g, kuni_error *err)
{
    bcf_clear(g->record);
    if (vcf_parse(&g->line, g->header, g->record) < 0)
        return kuni_fail(err, KUNI_BUG, "gVCF line refused: %.200s", g->line.s);
    if (bcf_write(g->file, g->header, g->record) < 0)
        return kuni_fail_errno(err, "cannot write %s", g->path);
    return KUNI_OK;
}

static kuni_status flush_block(joint_gvcf *g, kuni_error *err)
{
    if (g->tid < 0) return KUNI_OK;
    const kuni_block *b = &g->block;
    char *base;
    int64_t length;
    kuni_status status =
        kuni_genome_fetch(g->genome, (kuni_span){.tid = g->tid, .beg = b->beg, .end = b->beg + 1},
                          &base, &length, err);
    if (status) return status;
    g->line.l = 0;
    bool called = b->kind == KUNI_BLOCK_REFERENCE && (b->gq || b->min_dp);
    const char *filter = b->kind == KUNI_BLOCK_REFERENCE  ? "."
                         : b->kind == KUNI_BLOCK_CONFLICT ? "conflict"
                                                          : "producer";
    int bad = ksprintf(&g->line, "%s\t%lld\t.\t%c\t<*>\t.\t%s\tEND=%lld\tGT:GQ:MIN_DP\t%s:%u:%u",
                       kuni_genome_contig(g->genome, g->tid)->name, (long long)b->beg + 1, base[0],
                       filter, (long long)b->end,
                       called ? (b->ploidy == 1 ? "0" : "0/0") : (b->ploidy == 1 ? "." : "./."),
                       b->gq, b->min_dp);
    free(base);
    g->tid = -1;
    return bad < 0 ? kuni_fail_memory(err, 1, 1) : put_line(g, err);
}

static kuni_status add_block(joint_gvcf *g, int32_t tid, const kuni_block *block, kuni_span span,
                             kuni_error *err)
{
    kuni_block b = *block;
    if (b.beg < span.beg) b.beg = span.beg;
    if (b.end > span.end) b.end = span.end;
    if (b.beg >= b.end) return KUNI_OK;
    if (g->tid == tid && g->block.end == b.beg && g->block.kind == b.kind && g->block.gq == b.gq &&
        g->block.min_dp == b.min_dp && g->block.ploidy == b.ploidy) {
        g->block.end = b.end;
        return KUNI_OK;
    }
    kuni_status status = flush_block(g, err);
    g->block = b;
    g->tid = tid;
    return status;
}

static int put_numbers(kstring_t *line, const uint32_t *values, uint32_t n)
{
    int bad = 0;
    for (uint32_t i = 0; i < n; i++) bad |= ksprintf(line, "%s%u", i ? "," : ":", values[i]) < 0;
    return bad;
}

static kuni_status add_event(joint_gvcf *g, int32_t tid, const kuni_event *e, kuni_error *err)
{
    kuni_status status = flush_block(g, err);
    if (status) return status;
    kstring_t *line = &g->line;
    line->l = 0;
    int bad = ksprintf(line, "%s\t%lld\t.\t%s\t", kuni_genome_contig(g->genome, tid)->name,
                       (long long)e->pos + 1, e->alleles[0]) < 0;
    for (uint32_t i = 1; i < e->n_alleles; i++)
        bad |= ksprintf(line, "%s%s", i > 1 ? "," : "", e->alleles[i]) < 0;
    bool strands = e->sb[0] || e->sb[1] || e->sb[2] || e->sb[3];
    bad |= ksprintf(line, "%s\t%u\t%s\tMQ=%u\tGT:GQ:DP%s%s%s%s\t", e->n_alleles == 1 ? "." : "",
                    e->qual, e->flags & KUNI_EVENT_FILTERED ? "producer" : ".", e->mq,
                    e->ad ? ":AD" : "", e->pl ? ":PL" : "", strands ? ":SB" : "",
                    e->flags & KUNI_EVENT_PHASED && e->phase_set >= 0 ? ":PS" : "") < 0;
    for (int i = 0; i < e->ploidy; i++) {
        if (i) bad |= kputc(e->flags & KUNI_EVENT_PHASED ? '|' : '/', line) < 0;
        bad |= (e->gt[i] < 0 ? kputc('.', line) : ksprintf(line, "%d", e->gt[i])) < 0;
    }
    bad |= ksprintf(line, ":%u:%u", e->gq, e->dp) < 0;
    if (e->ad) bad |= put_numbers(line, e->ad, e->n_alleles);
    if (e->pl) {
        uint32_t n = e->n_alleles, count = e->ploidy == 1 ? n : n * (n + 1) / 2;
        for (uint32_t i = 0; i < count; i++)
            bad |= ksprintf(line, "%s%u", i ? "," : ":", e->pl[i]) < 0;
    }
    if (strands) bad |= put_numbers(line, e->sb, 4);
    if (e->flags & KUNI_EVENT_PHASED && e->phase_set >= 0)
        bad |= ksprintf(line, ":%lld", (long long)e->phase_set + 1) < 0;
    return bad ? kuni_fail_memory(err, 1, 1) : put_line(g, err);
}

static kuni_status add_chunk(joint_gvcf *g, int32_t tid, const kuni_evidence_chunk *chunk,
                             uint32_t sample, kuni_span span, kuni_error *err)
{
    size_t b = 0;
    for (size_t e = 0; e <= chunk->n_events; e++) {
        const kuni_event *event = e < chunk->n_events ? &chunk->events[e] : NULL;
        if (event && (event->sample != sample || event->flags & KUNI_EVENT_CARRIED ||
                      event->pos < span.beg || event->pos >= span.end))
            continue;
        for (; b < chunk->n_blocks && (!event || chunk->blocks[b].beg <= event->pos); b++) {
            if (chunk->blocks[b].sample != sample) continue;
            kuni_status status = add_block(g, tid, &chunk->blocks[b], span, err);
            if (status) return status;
        }
        kuni_status status = event ? add_event(g, tid, event, err) : KUNI_OK;
        if (status) return status;
    }
    return KUNI_OK;
}

kuni_status joint_gvcf_add(joint_gvcf *g, kuni_evidence_reader *reader, uint32_t sample,
                           kuni_span span, kuni_error *err)
{
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    for (size_t i = 0; i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, i, &extent);
        if (extent.end <= span.beg || extent.beg >= span.end) continue;
        kuni_evidence_chunk chunk;
        kuni_status status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, err);
        if (!status) status = add_chunk(g, header->shard.tid, &chunk, sample, span, err);
        if (status) return status;
    }
    return KUNI_OK;
}

void joint_gvcf_abandon(joint_gvcf *g)
{
    if (!g) return;
    if (g->file) (void)hts_close(g->file);
    if (g->header) bcf_hdr_destroy(g->header);
    if (g->record) bcf_destroy(g->record);
    free(g->line.s);
    free(g->path);
    free(g->sample);
    free(g);
}

kuni_status joint_gvcf_finish(joint_gvcf *g, kuni_error *err)
{
    kuni_status status = flush_block(g, err);
    htsFile *file = g->file;
    g->file = NULL;
    if (hts_close(file) < 0 && !status) status = kuni_fail_errno(err, "cannot write %s", g->path);
    joint_gvcf_abandon(g);
    return status;
}
