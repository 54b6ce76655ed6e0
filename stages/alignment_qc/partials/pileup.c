/* SPDX-License-Identifier: MIT */
#include "pileup.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/reads.h"

/* One read's base at a site. */
typedef struct observation {
    uint32_t site;
    uint8_t base; /* allele << 6 | quality */
    bool dropped;
    uint64_t name;
} observation;

struct kuni_qc_pileup {
    const kuni_qc_panel *panel;
    size_t first, last; /* sites of the shard: [first, last) */
    size_t at;          /* sites before it lie left of all reads to come */
    int min_base_quality, min_mapping_quality;
    observation *seen;
    size_t n_seen, capacity;
    size_t open; /* observations before it are of sites that no later read reaches */
};

kuni_status kuni_qc_pileup_new(kuni_qc_pileup **out, const kuni_qc_panel *panel, kuni_span shard,
                               int min_base_quality, int min_mapping_quality, kuni_error *err)
{
    kuni_qc_pileup *pileup = kuni_alloc(1, sizeof(*pileup), err);
    if (!pileup) return KUNI_MEMORY;
    pileup->panel = panel;
    pileup->first = kuni_qc_panel_find(panel, shard.tid, shard.beg);
    pileup->last = kuni_qc_panel_find(panel, shard.tid, shard.end);
    pileup->min_base_quality = min_base_quality;
    pileup->min_mapping_quality = min_mapping_quality;
    *out = pileup;
    return KUNI_OK;
}

void kuni_qc_pileup_free(kuni_qc_pileup *pileup)
{
    if (!pileup) return;
    free(pileup->seen);
    free(pileup);
}

void kuni_qc_pileup_begin(kuni_qc_pileup *pileup)
{
    pileup->n_seen = pileup->open = 0;
    pileup->at = pileup->first;
}

/* Index into the read of the base aligned to a reference position, or -1. */
static int64_t base_at(const bam1_t *record, int64_t target)
{
    const uint32_t *cigar = bam_get_cigar(record);
    int64_t pos = record->core.pos, at = 0;
    for (uint32_t k = 0; k < record->core.n_cigar && pos <= target; k++) {
        int64_t length = bam_cigar_oplen(cigar[k]);
        int type = bam_cigar_type(bam_cigar_op(cigar[k]));
        if (type == 3 && target < pos + length) return at + (target - pos);
        if (type & 1) at += length;
        if (type & 2) pos += length;
    }
    return -1;
}

static kuni_status observe(kuni_qc_pileup *pileup, const bam1_t *record, uint32_t site,
                           uint64_t name, kuni_error *err)
{
    int64_t at = base_at(record, pileup->panel->sites[site].pos);
    if (at < 0 || at >= record->core.l_qseq) return KUNI_OK;
    int quality = bam_get_qual(record)[at];
    char base = seq_nt16_str[bam_seqi(bam_get_seq(record), at)];
    if (quality < pileup->min_base_quality || base == 'N') return KUNI_OK;
    if (quality >= KUNI_QC_QUALITIES) quality = KUNI_QC_QUALITIES - 1;
    kuni_qc_allele allele = base == pileup->panel->sites[site].ref   ? KUNI_QC_REF
                            : base == pileup->panel->sites[site].alt ? KUNI_QC_ALT
                                                                     : KUNI_QC_OTHER;
    observation now = {.site = site, .base = (uint8_t)(allele << 6 | quality), .name = name};
    for (size_t i = pileup->open; i < pileup->n_seen; i++) {
        observation *one = &pileup->seen[i];
        if (one->site != site || one->name != name) continue;
        if (one->base >> 6 != now.base >> 6)
            one->dropped = true;
        else if (now.base > one->base)
            one->base = now.base;
        return KUNI_OK;
    }
    kuni_status status = kuni_grow((void **)&pileup->seen, &pileup->capacity, pileup->n_seen + 1,
                                   sizeof(*pileup->seen), err);
    if (!status) pileup->seen[pileup->n_seen++] = now;
    return status;
}

kuni_status kuni_qc_pileup_add(kuni_qc_pileup *pileup, const bam1_t *record, int64_t end,
                               kuni_error *err)
{
    const kuni_qc_site *sites = pileup->panel->sites;
    while (pileup->at < pileup->last && sites[pileup->at].pos < record->core.pos) pileup->at++;
    if (pileup->at == pileup->last || sites[pileup->at].pos >= end ||
        record->core.qual < pileup->min_mapping_quality)
        return KUNI_OK;
    while (pileup->open < pileup->n_seen && pileup->seen[pileup->open].site < pileup->at)
        pileup->open++;
    uint64_t name = kuni_read_name_hash(record);
    kuni_status status = KUNI_OK;
    for (size_t i = pileup->at; i < pileup->last && sites[i].pos < end && !status; i++)
        status = observe(pileup, record, (uint32_t)i, name, err);
    return status;
}

static int by_site(const void *a, const void *b)
{
    const observation *x = a, *y = b;
    if (x->site != y->site) return x->site < y->site ? -1 : 1;
    return x->base - y->base;
}

kuni_status kuni_qc_pileup_encode(kuni_qc_pileup *pileup, kuni_buffer *out, kuni_error *err)
{
    size_t n = 0, stacks = 0;
    for (size_t i = 0; i < pileup->n_seen; i++)
        if (!pileup->seen[i].dropped) pileup->seen[n++] = pileup->seen[i];
    pileup->n_seen = n;
    if (n) qsort(pileup->seen, n, sizeof(*pileup->seen), by_site);
    const observation *seen = pileup->seen;
    for (size_t i = 0; i < n; i++)
        stacks += i == 0 || seen[i].site != seen[i - 1].site || seen[i].base != seen[i - 1].base;
    kuni_status status = kuni_qc_put_varint(out, stacks, err);
    uint32_t last = 0;
    for (size_t i = 0; i < n && !status;) {
        size_t k = i + 1;
        while (k < n && seen[k].site == seen[i].site && seen[k].base == seen[i].base) k++;
        status = kuni_qc_put_varint(out, seen[i].site - last, err);
        if (!status) status = kuni_qc_put_varint(out, seen[i].base, err);
        if (!status) status = kuni_qc_put_varint(out, k - i, err);
        last = seen[i].site;
        i = k;
    }
    return status;
}

/* The next stack; `site`: that of the one before, or 0. */
static kuni_status next_stack(kuni_qc_bytes *bytes, size_t n_sites, uint64_t *site,
                              kuni_qc_stack *stack, kuni_error *err)
{
    *site += kuni_qc_get_varint(bytes);
    uint64_t base = kuni_qc_get_varint(bytes), count = kuni_qc_get_varint(bytes);
    if (bytes->bad || *site >= n_sites || base >= 3 << 6 || count > UINT32_MAX)
        return kuni_fail(err, KUNI_DATA,
                         "QC partial: the pileup is damaged or belongs to another panel");
    *stack =
        (kuni_qc_stack){.site = (uint32_t)*site, .base = (uint8_t)base, .count = (uint32_t)count};
    return KUNI_OK;
}

kuni_status kuni_qc_stacks_decode(kuni_qc_bytes *bytes, size_t n_sites, kuni_qc_stack **stacks,
                                  size_t *n_stacks, size_t *capacity, kuni_error *err)
{
    uint64_t n = kuni_qc_get_varint(bytes), site = 0;
    for (uint64_t i = 0; i < n; i++) {
        kuni_qc_stack stack = {.site = 0};
        kuni_status status = next_stack(bytes, n_sites, &site, &stack, err);
        if (!status)
            status = kuni_grow((void **)stacks, capacity, *n_stacks + 1, sizeof(**stacks), err);
        if (status) return status;
        (*stacks)[(*n_stacks)++] = stack;
    }
    return bytes->bad ? kuni_fail(err, KUNI_DATA, "QC partial: the pileup is truncated") : KUNI_OK;
}

kuni_status kuni_qc_stacks_append(kuni_qc_bytes *bytes, size_t n_sites, kuni_qc_coded_stacks *to,
                                  kuni_error *err)
{
    uint64_t n = kuni_qc_get_varint(bytes), site = 0;
    for (uint64_t i = 0; i < n; i++) {
        kuni_qc_stack stack = {.site = 0};
        kuni_status status = next_stack(bytes, n_sites, &site, &stack, err);
        /* Should a site come before the last one, the sum of gaps wraps and is right all the same. */
        if (!status) status = kuni_qc_put_varint(&to->bytes, stack.site - to->site, err);
        if (!status) status = kuni_qc_put_varint(&to->bytes, stack.base, err);
        if (!status) status = kuni_qc_put_varint(&to->bytes, stack.count, err);
        if (status) return status;
        to->site = stack.site;
        to->n++;
    }
    return bytes->bad ? kuni_fail(err, KUNI_DATA, "QC partial: the pileup is truncated") : KUNI_OK;
}

kuni_status kuni_qc_coded_stacks_put(const kuni_qc_coded_stacks *stacks, kuni_buffer *out,
                                     kuni_error *err)
{
    kuni_status status = kuni_qc_put_varint(out, stacks->n, err);
    return status || !stacks->n
               ? status
               : kuni_buffer_append(out, stacks->bytes.data, stacks->bytes.length, err);
}
