/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <stdlib.h>
#include <string.h>

#include "locus.h"
#include "math10.h"

enum {
    READ_PAD_BP = 25, /* read bases kept beyond the region */
    HAP_PAD_BP = 45,  /* reference kept beyond the region */
    READ_BASES_LEAST = 10,
    QUALITY_LEAST = 6,
    FLOOR_PHRED = 45 /* no fragment speaks louder than this */
};

struct kuni_region_caller {
    kuni_pairhmm *hmm;
    kuni_arena *arena; /* for one region */
    kuni_variants variants;
    kuni_candidates haplotypes;
    kuni_fragments fragments;
    kuni_region_counts counts;
};

kuni_status kuni_region_caller_new(kuni_region_caller **caller, kuni_error *err)
{
    kuni_region_caller *made = kuni_alloc(1, sizeof(*made), err);
    if (!made) return KUNI_MEMORY;
    kuni_status status = kuni_pairhmm_new(&made->hmm, KUNI_PAIRHMM_AUTO, err);
    if (!status && !(made->arena = kuni_arena_new(err))) status = KUNI_MEMORY;
    if (status) {
        kuni_region_caller_free(made);
        return status;
    }
    *caller = made;
    return KUNI_OK;
}

void kuni_region_caller_free(kuni_region_caller *caller)
{
    if (!caller) return;
    kuni_pairhmm_free(caller->hmm);
    kuni_arena_free(caller->arena);
    kuni_variants_fini(&caller->variants);
    free(caller->fragments.list);
    free(caller);
}

const kuni_region_counts *kuni_region_get_counts(const kuni_region_caller *caller)
{
    return &caller->counts;
}

/* The bases of a read that lie, by its alignment, in [beg, end); clipped ones as if they were
 * aligned. */
static void trim(const kuni_call_read *read, int64_t beg, int64_t end, int32_t *from, int32_t *to)
{
    int64_t at = read->pos;
    int32_t query = 0;
    *from = -1;
    *to = 0;
    for (uint32_t k = 0; k < read->n_cigar; k++) {
        uint32_t op = bam_cigar_op(read->cigar[k]);
        int32_t n = (int32_t)bam_cigar_oplen(read->cigar[k]);
        int type = bam_cigar_type(op);
        int64_t run_beg = at, run_end = at + n;
        if (op == BAM_CSOFT_CLIP && query == 0) {
            run_beg = at - n;
            run_end = at;
        }
        if (type == 3 || op == BAM_CSOFT_CLIP) {
            int64_t a = run_beg > beg ? run_beg : beg, b = run_end < end ? run_end : end;
            if (a < b) {
                if (*from < 0) *from = query + (int32_t)(a - run_beg);
                *to = query + (int32_t)(b - run_beg);
            }
        } else if (op == BAM_CINS && at > beg && at < end) {
            if (*from < 0) *from = query;
            *to = query + n;
        }
        if (type & 1) query += n;
        if (type & 2) at += n;
    }
}

/* The read as the PairHMM wants it; false where too little of it lies in the region. */
static bool prepare_read(const kuni_call_read *read, int64_t beg, int64_t end, kuni_arena *arena,
                         kuni_pairhmm_read *out, kuni_error *err)
{
    int32_t from, to;
    trim(read, beg, end, &from, &to);
    if (from < 0 || to - from < READ_BASES_LEAST) return false;
    uint32_t n = (uint32_t)(to - from);
    uint8_t *bases = kuni_arena_alloc(arena, 2 * (size_t)n, 1, err);
    if (!bases) return false;
    uint8_t *quals = bases + n;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t quality = read->qual[(uint32_t)from + i];
        bases[i] = (uint8_t)kuni_base_code((char)read->seq[(uint32_t)from + i]);
        if (!quality) bases[i] = KUNI_PAIRHMM_N; /* its mate speaks for it */
        if (!quality) quality = KUNI_QUAL_TOP;
        if (quality > read->mapq) quality = read->mapq;
        quals[i] = quality < QUALITY_LEAST ? QUALITY_LEAST : quality;
    }
    *out = (kuni_pairhmm_read){.bases = bases, .quals = quals, .length = n};
    return true;
}

/* Picks and prepares the reads; mates that both lie here make one fragment. */
static kuni_status prepare_reads(kuni_region_caller *c, const kuni_active *region,
                                 kuni_pairhmm_read *reads, size_t *owner, size_t *n_reads,
                                 kuni_error *err)
{
    size_t n = 0;
    c->fragments.n = 0;
    for (size_t r = 0; r < c->variants.n_reads; r++) {
        const kuni_call_read *read = c->variants.reads[r].read;
        if (!prepare_read(read, region->beg - READ_PAD_BP, region->end + READ_PAD_BP, c->arena,
                          &reads[n], err))
            continue;
        size_t f = c->fragments.n;
        if (read->mate)
            for (size_t k = c->fragments.n; k-- > 0;)
                if (c->fragments.list[k].read == read->mate) {
                    f = k;
                    break;
                }
        if (f == c->fragments.n) {
            kuni_status status = kuni_fragments_add(&c->fragments, read, err);
            if (status) return status;
        } else {
            kuni_fragment *fragment = &c->fragments.list[f];
            if (read->pos < fragment->beg) fragment->beg = read->pos;
            if (read->end > fragment->end) fragment->end = read->end;
        }
        owner[n++] = f;
    }
    *n_reads = n;
    return KUNI_OK;
}

/* Joins the reads' likelihoods into those of fragments, scaled to 1 for the best haplotype. */
static kuni_status join_reads(kuni_region_caller *c, const double *likelihoods, const size_t *owner,
                              size_t n_reads, kuni_error *err)
{
    size_t n_haps = c->haplotypes.n, n = c->fragments.n;
    c->fragments.n_haplotypes = n_haps;
    c->fragments.p = kuni_arena_alloc(c->arena, n * n_haps, sizeof(double), err);
    if (!c->fragments.p) return KUNI_MEMORY;
    double *p = c->fragments.p;
    for (size_t r = 0; r < n_reads; r++)
        for (size_t h = 0; h < n_haps; h++)
            /* D[0] = 1 / length would favour the short; the start of a read is no evidence */
            p[owner[r] * n_haps + h] +=
                likelihoods[r * n_haps + h] + kuni_log10(c->haplotypes.list[h].sequence.length);
    for (size_t f = 0; f < n; f++) {
        double best = -1e9;
        double *row = p + f * n_haps;
        for (size_t h = 0; h < n_haps; h++)
            if (row[h] > best) best = row[h];
        int mapq = c->fragments.list[f].mapq;
        double floor = -(mapq < FLOOR_PHRED ? mapq : FLOOR_PHRED) / 10.0;
        for (size_t h = 0; h < n_haps; h++) {
            double relative = row[h] - best;
            row[h] = kuni_exp10(relative < floor ? floor : relative);
        }
    }
    return KUNI_OK;
}

static kuni_status score(kuni_region_caller *c, const kuni_active *region, kuni_error *err)
{
    size_t n_most = c->variants.n_reads, n_reads = 0, n_haps = c->haplotypes.n;
    kuni_pairhmm_read *reads = kuni_arena_alloc(c->arena, n_most + 1, sizeof(*reads), err);
    size_t *owner = kuni_arena_alloc(c->arena, n_most + 1, sizeof(*owner), err);
    if (!reads || !owner) return KUNI_MEMORY;
    kuni_status status = prepare_reads(c, region, reads, owner, &n_reads, err);
    if (status) return status;
    double *likelihoods =
        kuni_arena_alloc(c->arena, (n_reads + 1) * n_haps, sizeof(*likelihoods), err);
    kuni_pairhmm_haplotype *haps = kuni_arena_alloc(c->arena, n_haps, sizeof(*haps), err);
    if (!likelihoods || !haps) return KUNI_MEMORY;
    for (size_t h = 0; h < n_haps; h++) haps[h] = c->haplotypes.list[h].sequence;
    if (n_reads) {
        status = kuni_pairhmm_run(c->hmm, reads, n_reads, haps, n_haps, likelihoods, err);
        if (status) return status;
    }
    c->counts.haplotypes += n_haps;
    c->counts.reads += n_reads;
    return join_reads(c, likelihoods, owner, n_reads, err);
}

kuni_status kuni_region_call(kuni_region_caller *c, const kuni_active *region,
                             const kuni_window *window, const kuni_pileup *pileup,
                             const kuni_call_reference *reference, int ploidy,
                             const kuni_call_options *options, kuni_call_events *events, bool *done,
                             kuni_arena *arena, kuni_error *err)
{
    kuni_arena_clear(c->arena);
    c->counts.regions++;
    *done = false;
    kuni_status status = kuni_variants_collect(&c->variants, window, reference, region->beg,
                                               region->end, options, c->arena, err);
    if (status) return status;
    kuni_variants_select(&c->variants, pileup);
    bool needed = false;
    for (size_t i = 0; i < c->variants.n; i++) needed |= !kuni_variant_is_snp(&c->variants.list[i]);
    if (!needed) {
        c->counts.empty++;
        return KUNI_OK;
    }
    *done = true;
    kuni_candidates_choose(&c->haplotypes, &c->variants, reference);
    int64_t beg = region->beg - HAP_PAD_BP, end = region->end + HAP_PAD_BP;
    for (size_t i = 0; i < c->variants.n; i++) {
        int64_t v_end = c->variants.list[i].pos + c->variants.list[i].ref_length + HAP_PAD_BP;
        if (v_end > end) end = v_end;
    }
    if (beg < reference->beg) beg = reference->beg;
    if (end > reference->end) end = reference->end;
    status = kuni_candidates_spell(&c->haplotypes, &c->variants, reference, beg, end, options,
                                   c->arena, err);
    if (!status) status = score(c, region, err);
    if (status) return status;
    kuni_locus_caller locus = {.variants = &c->variants,
                               .haplotypes = &c->haplotypes,
                               .fragments = &c->fragments,
                               .reference = reference,
                               .options = options,
                               .ploidy = ploidy};
    return kuni_locus_call_all(&locus, region->beg, region->end, events, c->arena, arena, err);
}
