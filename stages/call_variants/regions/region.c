/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <stdlib.h>
#include <string.h>

#include "assembled.h"
#include "clips.h"
#include "locus.h"
#include "model/math10.h"
#include "shifts.h"
#include "stutter.h"

enum {
    READ_PAD_BP = 25, /* read bases kept beyond the region */
    HAP_PAD_BP = 20,  /* reference kept beyond those */
    WIDEN_MOST_BP = 100,
    REPEAT_REACH = 8,   /* a self-match this long makes a repeat */
    REPEAT_EDGE_BP = 8, /* read bases wanted beyond it */
    READ_BASES_LEAST = 10,
    QUALITY_LEAST = 6,
    DELETION_LONG = 150, /* longer than most reads */
    FLOOR_PHRED = 45,    /* no fragment speaks louder than this */
    READS_FEW = 24,      /* so that lengths of repeats count that none of them shows */
    READS_MOST = 500,    /* scored; the rest is left out by the hash of the name */
    READS_MOST_MIXTURE = 4000,
    CLIPS_LEAST = 2,  /* in a region with an indel, to look for longer ones */
    MISFITS_LEAST = 3 /* so many, and a tenth of the fragments: the haplotypes lack something */
};

/* A fragment whose best haplotype is less likely than this (log10) fits none. */
static const double MISFIT_LOG10 = -7;

struct kuni_region_caller {
    kuni_pairhmm *hmm;
    kuni_assembler *assembler;
    kuni_aligner *aligner;
    kuni_arena *arena; /* for one region */
    kuni_variants variants;
    kuni_candidates candidates;
    kuni_stutter stutter;
    uint64_t last_name; /* reads whose name hashes higher are not scored */
    kuni_fragments fragments;
    kuni_span quiet; /* reads within are not scored: see set_quiet */
    kuni_region_counts counts;
};

kuni_status kuni_region_caller_new(kuni_region_caller **caller, kuni_error *err)
{
    kuni_region_caller *made = kuni_alloc(1, sizeof(*made), err);
    if (!made) return KUNI_MEMORY;
    kuni_status status = kuni_pairhmm_new(&made->hmm, KUNI_PAIRHMM_AUTO, err);
    kuni_assemble_options options = KUNI_ASSEMBLE_DEFAULTS;
    if (!status) status = kuni_assembler_new(&made->assembler, &options, err);
    if (!status && !(made->aligner = kuni_aligner_new(err))) status = KUNI_MEMORY;
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
    kuni_assembler_free(caller->assembler);
    kuni_aligner_free(caller->aligner);
    kuni_arena_free(caller->arena);
    kuni_variants_fini(&caller->variants);
    free(caller->fragments.list);
    free(caller);
}

uint64_t kuni_region_get_cells(const kuni_region_caller *caller)
{
    return kuni_pairhmm_get_counts(caller->hmm).cells_done;
}

const kuni_region_counts *kuni_region_get_counts(const kuni_region_caller *caller)
{
    return &caller->counts;
}

/*
 * The bases of a read that lie, by its alignment, in [beg, end); clipped ones as if they were
 * aligned.
 */
static void trim(const kuni_call_read *read, int64_t beg, int64_t end, bool whole_clips,
                 int32_t *from, int32_t *to)
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
            if (op == BAM_CSOFT_CLIP && whole_clips && at > beg && at < end) {
                a = run_beg;
                b = run_end;
            }
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
static bool prepare_read(const kuni_call_read *read, int64_t beg, int64_t end, bool whole_clips,
                         kuni_arena *arena, kuni_pairhmm_read *out, kuni_error *err)
{
    int32_t from, to;
    trim(read, beg, end, whole_clips, &from, &to);
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
static kuni_status prepare_reads(kuni_region_caller *c, const kuni_active *wide,
                                 kuni_pairhmm_read *reads, size_t *owner, size_t *n_reads,
                                 kuni_error *err)
{
    size_t n = 0;
    c->fragments.n = 0;
    for (size_t r = 0; r < c->variants.n_reads; r++) {
        const kuni_call_read *read = c->variants.reads[r].read;
        if (read->name > c->last_name) continue;
        if (read->pos >= c->quiet.beg && read->end <= c->quiet.end) continue;
        if (!prepare_read(read, wide->beg, wide->end, false, c->arena, &reads[n], err)) continue;
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

/* Adds the haplotypes and variants that assembly finds. */
static kuni_status assemble(kuni_region_caller *c, const kuni_active *wide, int64_t beg,
                            int64_t end, const kuni_call_reference *reference, kuni_error *err)
{
    kuni_pairhmm_read *reads =
        kuni_arena_alloc(c->arena, c->variants.n_reads + 1, sizeof(*reads), err);
    if (!reads) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t r = 0; r < c->variants.n_reads; r++)
        if (c->variants.reads[r].read->name <= c->last_name)
            n += prepare_read(c->variants.reads[r].read, beg, end, true, c->arena, &reads[n], err);
    c->counts.assembled++;
    return kuni_assembled_add(c->assembler, reads, n, reference, beg, end, wide->beg, wide->end,
                              &c->variants, &c->candidates, c->arena, err);
}

/* Sums the reads' log10 likelihoods to those of fragments. */
static void sum_reads(const kuni_region_caller *c, const double *likelihoods, const size_t *owner,
                      size_t n_reads, double *sums)
{
    size_t n = c->stutter.n_columns;
    for (size_t r = 0; r < n_reads; r++)
        for (size_t h = 0; h < n; h++)
            /* D[0] = 1 / length would favour the short; the start of a read is no evidence */
            sums[owner[r] * n + h] +=
                likelihoods[r * n + h] + kuni_log10(c->stutter.columns[h].length);
}

/* The fragments' likelihoods of candidates at a level of slippage, scaled to 1 for the best. */
static kuni_status join_reads(kuni_region_caller *c, int level, const double *sums, bool *misfit,
                              kuni_error *err)
{
    size_t n_misfits = 0, n_columns = c->stutter.n_columns;
    size_t n_haps = c->candidates.n, n = c->fragments.n;
    double *p = kuni_arena_alloc(c->arena, n * n_haps + 1, sizeof(double), err);
    double *columns = kuni_arena_alloc(c->arena, n_columns, sizeof(double), err);
    if (!p || !columns) return KUNI_MEMORY;
    c->fragments.n_haplotypes = n_haps;
    c->fragments.p[level] = p;
    c->fragments.scale[level] = 0;
    for (size_t f = 0; f < n; f++) {
        double top = -1e9, best = 0;
        double *row = p + f * n_haps;
        for (size_t k = 0; k < n_columns; k++)
            if (sums[f * n_columns + k] > top) top = sums[f * n_columns + k];
        for (size_t k = 0; k < n_columns; k++)
            columns[k] = kuni_exp10(sums[f * n_columns + k] - top);
        kuni_stutter_mix(&c->stutter, level, columns, row);
        for (size_t h = 0; h < n_haps; h++)
            if (row[h] > best) best = row[h];
        top += kuni_log10(best);
        n_misfits += top < MISFIT_LOG10;
        c->fragments.scale[level] += top < MISFIT_LOG10 ? MISFIT_LOG10 : top;
        int mapq = c->fragments.list[f].mapq;
        double floor = kuni_exp10(-(mapq < FLOOR_PHRED ? mapq : FLOOR_PHRED) / 10.0);
        for (size_t h = 0; h < n_haps; h++) {
            double relative = best > 0 ? row[h] / best : 1;
            row[h] = relative < floor ? floor : relative;
        }
    }
    *misfit = n_misfits >= MISFITS_LEAST && n_misfits * 10 >= n;
    return KUNI_OK;
}

static kuni_status score(kuni_region_caller *c, const kuni_active *wide, bool *misfit,
                         kuni_error *err)
{
    size_t n_most = c->variants.n_reads, n_reads = 0, n = c->stutter.n_columns;
    kuni_pairhmm_read *reads = kuni_arena_alloc(c->arena, n_most + 1, sizeof(*reads), err);
    size_t *owner = kuni_arena_alloc(c->arena, n_most + 1, sizeof(*owner), err);
    if (!reads || !owner) return KUNI_MEMORY;
    kuni_status status = prepare_reads(c, wide, reads, owner, &n_reads, err);
    if (status) return status;
    double *likelihoods = kuni_arena_alloc(c->arena, (n_reads + 1) * n, sizeof(double), err);
    double *sums = kuni_arena_alloc(c->arena, (c->fragments.n + 1) * n, sizeof(double), err);
    if (!likelihoods || !sums) return KUNI_MEMORY;
    if (n_reads)
        status = kuni_pairhmm_run(c->hmm, reads, n_reads, c->stutter.columns, n, likelihoods, err);
    if (status) return status;
    sum_reads(c, likelihoods, owner, n_reads, sums);
    c->fragments.n_levels = c->stutter.n_levels;
    *misfit = true;
    for (int level = 0; !status && level < c->stutter.n_levels; level++) {
        bool bad = false;
        status = join_reads(c, level, sums, &bad, err);
        *misfit &= bad;
    }
    c->counts.haplotypes += n;
    c->counts.reads += n_reads;
    return status;
}

/* A variant alone on its haplotype. */
static kuni_status add_alone(kuni_region_caller *c, const kuni_variant *variant, size_t *index,
                             kuni_error *err)
{
    *index = SIZE_MAX;
    kuni_status status = kuni_variants_add(&c->variants, *variant, index, c->arena, err);
    if (status || *index == SIZE_MAX) return status;
    uint16_t alone = (uint16_t)*index;
    kuni_candidates_add(&c->candidates, &alone, 1, variant->n_reads);
    return KUNI_OK;
}

/* A variant that clips spell, alone on its haplotype and with what reads show. */
static kuni_status add_clipped(kuni_region_caller *c, const kuni_variant *variant, kuni_error *err)
{
    size_t index;
    kuni_status status = add_alone(c, variant, &index, err);
    /* seldom does one read show both the clip's variant and what stands beside it */
    if (!status && index != SIZE_MAX)
        kuni_candidates_extend(&c->candidates, &c->variants, (uint16_t)index);
    return status;
}

/* Given alleles of the region, each alone on a haplotype unless one shows it. */
static kuni_status add_given(kuni_region_caller *c, const kuni_given_alleles *given,
                             const kuni_active *region, kuni_error *err)
{
    for (size_t g = kuni_given_alleles_find(given, region->beg);
         g < given->n && given->list[g].pos < region->end; g++) {
        size_t index = SIZE_MAX;
        kuni_status status = kuni_variants_add(&c->variants, given->list[g], &index, c->arena, err);
        if (status) return status;
        if (index == SIZE_MAX) continue;
        c->variants.list[index].given = true;
        bool carried = false;
        for (size_t h = 0; h < c->candidates.n; h++)
            for (int k = 0; k < c->candidates.list[h].n; k++)
                carried |= c->candidates.list[h].list[k] == index;
        uint16_t alone = (uint16_t)index;
        if (!carried) kuni_candidates_add(&c->candidates, &alone, 1, 0);
    }
    return KUNI_OK;
}

static size_t count_indels(const kuni_variants *variants, const kuni_active *region)
{
    size_t n = 0;
    for (size_t i = 0; i < variants->n; i++) {
        const kuni_variant *v = &variants->list[i];
        n += !kuni_variant_is_snp(v) && v->pos >= region->beg && v->pos < region->end;
    }
    return n;
}

/* Reads clipped within the region, wherever: an indel that others show may be longer in them. */
static bool many_clips(const kuni_pileup *pileup, const kuni_active *region)
{
    uint32_t n = 0;
    for (int64_t p = region->beg; p < region->end; p++) {
        int64_t i = p - pileup->beg;
        if (i >= 0 && i < KUNI_PILEUP_BP) n += pileup->clip[i];
    }
    return n >= CLIPS_LEAST;
}

/*
 * The stretch of the reads that is compared: the region and some bases more, out of any repeat that
 * would end there, for a read that ends within a repeat fits several lengths of it.
 */
static kuni_active widen(const kuni_active *region, const kuni_call_reference *reference)
{
    int64_t beg = region->beg - READ_PAD_BP, end = region->end + READ_PAD_BP;
    for (int64_t p = region->beg; p < end && p < region->end + WIDEN_MOST_BP; p++) {
        int64_t reach = kuni_reference_reach(reference, p);
        if (reach >= REPEAT_REACH && p + reach + REPEAT_EDGE_BP > end)
            end = p + reach + REPEAT_EDGE_BP;
    }
    if (end > region->end + WIDEN_MOST_BP) end = region->end + WIDEN_MOST_BP;
    int64_t least = region->beg - WIDEN_MOST_BP;
    for (int64_t p = region->beg; p >= least; p--) {
        int64_t reach = kuni_reference_reach(reference, p);
        if (reach >= REPEAT_REACH && p + reach >= beg && p - REPEAT_EDGE_BP < beg)
            beg = p - REPEAT_EDGE_BP;
    }
    if (beg < least) beg = least;
    if (beg < reference->beg) beg = reference->beg;
    if (end > reference->end) end = reference->end;
    return (kuni_active){.beg = beg, .end = end, .reasons = region->reasons};
}

/* Spells and scores the candidates over [beg, end) and as far beyond as a deletion reaches. */
static kuni_status evaluate(kuni_region_caller *c, const kuni_active *region,
                            const kuni_active *wide, int64_t beg, int64_t end,
                            const kuni_call_reference *reference, bool *misfit, kuni_error *err)
{
    for (size_t i = 0; i < c->variants.n; i++) {
        int64_t v_end = c->variants.list[i].pos + c->variants.list[i].ref_length + HAP_PAD_BP;
        if (v_end > end) end = v_end;
    }
    if (end > reference->end) end = reference->end;
    kuni_status status =
        kuni_candidates_spell(&c->candidates, &c->variants, reference, beg, end, c->arena, err);
    if (!status)
        status = kuni_candidates_canonise(&c->candidates, c->aligner, reference, &c->variants,
                                          region->beg, region->end, c->arena, err);
    if (!status)
        status =
            kuni_stutter_lay(&c->stutter, &c->candidates, &c->variants, reference, c->arena, err);
    if (status) return status;
    return score(c, wide, misfit, err);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Very deep regions: keeps the reads with the smallest name hashes, mates together. */
static kuni_status limit_reads(kuni_region_caller *c, size_t most, kuni_error *err)
{
    c->last_name = UINT64_MAX;
    size_t n = c->variants.n_reads;
    if (n <= most) return KUNI_OK;
    uint64_t *names = kuni_arena_alloc(c->arena, n, sizeof(*names), err);
    if (!names) return KUNI_MEMORY;
    for (size_t r = 0; r < n; r++) names[r] = c->variants.reads[r].read->name;
    qsort(names, n, sizeof(*names), by_value);
    c->last_name = names[most - 1];
    return KUNI_OK;
}

static kuni_status collect(kuni_region_caller *c, const kuni_active *wide,
                           const kuni_read_window *window, const kuni_pileup *pileup,
                           const kuni_call_reference *reference, const kuni_call_options *options,
                           kuni_error *err)
{
    kuni_status status = kuni_variants_collect(&c->variants, window, reference, wide->beg,
                                               wide->end, options, c->arena, err);
    if (status) return status;
    kuni_variants_select(&c->variants, pileup, reference, options);
    return limit_reads(c, options->mixture > 0 ? READS_MOST_MIXTURE : READS_MOST, err);
}

/* Where the indels that start in the region end, wherever in their repeat they are put: their reads
 * tell beyond that. */
static int64_t reach_of_indels(const kuni_variant *list, size_t n, const kuni_active *region,
                               const kuni_call_reference *reference)
{
    int64_t reach = region->end;
    for (size_t i = 0; i < n; i++) {
        if (list[i].pos < region->beg || list[i].pos >= region->end) continue;
        int roll = kuni_variant_roll(&list[i], reference);
        int64_t end = list[i].pos + list[i].ref_length + (roll ? roll + REPEAT_EDGE_BP : 0);
        if (end > reach) reach = end;
    }
    const int64_t most = region->beg + KUNI_MARGIN_BP - WIDEN_MOST_BP - HAP_PAD_BP;
    return reach < most ? reach : most;
}

/*
 * Where a long deletion starts in the region, reads that lie between its ends and touch neither
 * come from the other copy always: each would speak as if it might have come from both. They are
 * left out.
 */
static void set_quiet(kuni_region_caller *c, const kuni_active *region)
{
    c->quiet = (kuni_span){.beg = region->end + READ_PAD_BP, .end = INT64_MAX};
    for (size_t i = 0; i < c->variants.n; i++) {
        const kuni_variant *v = &c->variants.list[i];
        int64_t end = v->pos + v->ref_length - READ_PAD_BP;
        if (v->ref_length >= DELETION_LONG && end > c->quiet.beg && end < c->quiet.end)
            c->quiet.end = end;
    }
    if (c->quiet.end == INT64_MAX) c->quiet.end = c->quiet.beg;
}

/* Variants that no alignment shows as such. */
typedef struct hidden {
    kuni_variant clipped[KUNI_CLIP_VARIANTS_MAX], shifted[KUNI_SHIFT_VARIANTS_MAX];
    size_t n_clipped, n_shifted;
} hidden;

/* Finds them; *wide becomes the stretch in which the reads are compared, and is collected. */
static kuni_status look(kuni_region_caller *c, const kuni_active *region, hidden *h,
                        kuni_active *wide, const kuni_read_window *window,
                        const kuni_pileup *pileup, const kuni_call_reference *reference,
                        const kuni_given_alleles *given, const kuni_call_options *options,
                        kuni_error *err)
{
    h->n_clipped = h->n_shifted = 0;
    kuni_active shifts = *wide = *region;
    kuni_status status = KUNI_OK;
    if (region->reasons & KUNI_ACTIVE_CLIP)
        status = kuni_clips_find(region, window, reference, h->clipped, &h->n_clipped, &wide->beg,
                                 &wide->end, c->arena, err);
    if (!status && region->reasons & KUNI_ACTIVE_SHIFT)
        status = kuni_shifts_find(pileup, reference, h->shifted, &h->n_shifted, &shifts.beg,
                                  &shifts.end, c->arena, err);
    if (shifts.beg < wide->beg) wide->beg = shifts.beg;
    if (shifts.end > wide->end) wide->end = shifts.end;
    if (status) return status;
    *wide = widen(wide, reference);
    status = collect(c, wide, window, pileup, reference, options, err);
    int64_t reach = reach_of_indels(c->variants.list, c->variants.n, region, reference);
    for (size_t g = kuni_given_alleles_find(given, region->beg);
         g < given->n && given->list[g].pos < region->end; g++) {
        int64_t asked = reach_of_indels(&given->list[g], 1, region, reference);
        if (asked > reach) reach = asked;
    }
    if (status || reach + READ_PAD_BP <= wide->end) return status;
    wide->end = reach;
    *wide = widen(wide, reference);
    return collect(c, wide, window, pileup, reference, options, err);
}

/* What substitutions may stand for, beside what else reads show. */
static kuni_status add_shifted(kuni_region_caller *c, const kuni_active *region, const hidden *h,
                               const kuni_call_reference *reference, kuni_error *err)
{
    if (!count_indels(&c->variants, region)) return KUNI_OK;
    for (size_t i = 0; i < h->n_shifted; i++) {
        kuni_variant variant = h->shifted[i];
        variant.n_reads = 0;
        size_t index = SIZE_MAX;
        kuni_status status = kuni_variants_add(&c->variants, variant, &index, c->arena, err);
        if (status) return status;
        if (index == SIZE_MAX) continue;
        kuni_candidates_shift(&c->candidates, &c->variants, (uint16_t)index, reference);
    }
    return KUNI_OK;
}

/* Chooses the candidates; assembles where that is not plain. */
static kuni_status choose(kuni_region_caller *c, const kuni_active *region, const hidden *h,
                          const kuni_active *wide, int64_t beg, int64_t end,
                          const kuni_pileup *pileup, const kuni_call_reference *reference,
                          const kuni_given_alleles *given, bool *assembled, kuni_error *err)
{
    const int hard = KUNI_ACTIVE_CLIP | KUNI_ACTIVE_CLUSTER | KUNI_ACTIVE_LONG | KUNI_ACTIVE_SHIFT;
    kuni_candidates_start(&c->candidates, &c->variants, reference);
    kuni_status status = add_shifted(c, region, h, reference, err);
    if (status) return status;
    kuni_candidates_choose(&c->candidates, &c->variants, reference);
    status = add_given(c, given, region, err);
    for (size_t i = 0; i < h->n_clipped && !status; i++)
        status = add_clipped(c, &h->clipped[i], err);
    if (status) return status;
    *assembled = region->reasons & hard || count_indels(&c->variants, region) > 1 ||
                 many_clips(pileup, region);
    if (*assembled) status = assemble(c, wide, beg, end, reference, err);
    if (status) return status;
    if (count_indels(&c->variants, region)) {
        kuni_candidates_complete(&c->candidates, &c->variants);
        return KUNI_OK;
    }
    size_t index; /* too few reads for a graph: what the shifts alone say */
    for (size_t i = 0; i < h->n_shifted && !status; i++) {
        status = add_alone(c, &h->shifted[i], &index, err);
        if (!status && index != SIZE_MAX)
            kuni_candidates_shift(&c->candidates, &c->variants, (uint16_t)index, reference);
    }
    return status;
}

kuni_status kuni_region_call(kuni_region_caller *c, const kuni_active *region,
                             const kuni_read_window *window, const kuni_pileup *pileup,
                             const kuni_call_reference *reference, const kuni_given_alleles *given,
                             kuni_call_copies copies, const kuni_call_options *options,
                             kuni_call_events *events, bool *done, kuni_arena *arena,
                             kuni_error *err)
{
    kuni_arena_clear(c->arena);
    c->counts.regions++;
    *done = false;
    hidden h;
    kuni_active wide;
    kuni_status status = look(c, region, &h, &wide, window, pileup, reference, given, options, err);
    if (status) return status;
    int64_t beg = wide.beg - HAP_PAD_BP, end = wide.end + HAP_PAD_BP;
    if (beg < reference->beg) beg = reference->beg;
    if (end > reference->end) end = reference->end;
    bool assembled = false, misfit;
    status = choose(c, region, &h, &wide, beg, end, pileup, reference, given, &assembled, err);
    if (status) return status;
    if (!count_indels(&c->variants, region)) {
        c->counts.empty++;
        return KUNI_OK;
    }
    if (c->variants.n_reads <= READS_FEW)
        status = kuni_stutter_add_lengths(&c->candidates, &c->variants, reference, c->arena, err);
    if (status) return status;
    *done = true;
    set_quiet(c, region);
    status = evaluate(c, region, &wide, beg, end, reference, &misfit, err);
    if (!status && misfit && !assembled) {
        status = assemble(c, &wide, beg, end, reference, err);
        if (!status) status = evaluate(c, region, &wide, beg, end, reference, &misfit, err);
    }
    if (status) return status;
    int64_t bases = 0;
    for (size_t r = 0; r < c->variants.n_reads; r++) bases += c->variants.reads[r].read->length;
    double read_bp = c->variants.n_reads ? (double)bases / (double)c->variants.n_reads : 1;
    kuni_locus_caller locus = {.variants = &c->variants,
                               .starts = (double)(wide.end - wide.beg) + read_bp,
                               .candidates = &c->candidates,
                               .fragments = &c->fragments,
                               .reference = reference,
                               .options = options,
                               .ploidy = copies.told,
                               .judged = copies.judged};
    return kuni_locus_call_all(&locus, region->beg, region->end, events, c->arena, arena, err);
}
