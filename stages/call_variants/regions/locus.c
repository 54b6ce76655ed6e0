/* SPDX-License-Identifier: MIT */
#include "locus.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/variant_prior.h"
#include "model/math10.h"
#include "model/mixture.h"
#include "model/ranks.h"

enum { SPANNING = -2, REPEAT_COPIES = 5 };

static const double TELLING = 1.6; /* a fragment counts for an allele that fits so much better */
static const double PHASE_LOG10 = 2;
static const double FURTHER_LOG10 = -2; /* prior of one more variant on a haplotype with some */

kuni_status kuni_fragments_add(kuni_fragments *fragments, const kuni_call_read *read,
                               kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&fragments->list, &fragments->capacity,
                                   fragments->n + 1, sizeof(*fragments->list), err);
    if (status) return status;
    fragments->list[fragments->n++] =
        (kuni_fragment){.read = read, .beg = read->pos, .end = read->end, .mapq = read->mapq};
    return KUNI_OK;
}

/* Prior chance of a variant. */
static double variant_prior(const kuni_locus_caller *c, const kuni_variant *v)
{
    if (kuni_variant_is_snp(v))
        return kuni_snp_prior(c->options->snp_heterozygosity,
                              kuni_reference_base(c->reference, v->pos), v->alt[0]);
    const kuni_call_reference *r = c->reference;
    return kuni_indel_prior(c->options->indel_heterozygosity, r->seq, r->end - r->beg,
                            v->pos + 1 - r->beg, v->ref_length, v->alt, v->alt_length);
}

static bool carries(const kuni_candidate *haplotype, size_t variant)
{
    for (int k = 0; k < haplotype->n; k++)
        if (haplotype->list[k] == variant) return true;
    return false;
}

/*
 * log10 prior of a haplotype's variants but those of `beside` and those that start at `except`. The
 * first variant has its full price, further ones on the same haplotype are less of a surprise.
 */
static double haplotype_prior(const kuni_locus_caller *c, const double *log10_prior,
                              const kuni_candidate *x, const kuni_candidate *beside, int64_t except)
{
    double sum = 0, dearest = 0;
    bool here = false;
    for (int k = 0; k < x->n; k++) {
        size_t v = x->list[k];
        here |= c->variants->list[v].pos == except;
        if (c->variants->list[v].pos == except || (beside && carries(beside, v))) continue;
        double price = log10_prior[v] > FURTHER_LOG10 ? log10_prior[v] : FURTHER_LOG10;
        sum += price;
        if (log10_prior[v] - price < dearest) dearest = log10_prior[v] - price;
    }
    return here ? sum : sum + dearest;
}

/* log10 prior of a pair for the variants that do not start at `except`. */
static double pair_prior(const kuni_locus_caller *c, const double *log10_prior, size_t a, size_t b,
                         int64_t except)
{
    const kuni_candidate *x = &c->candidates->list[a], *y = &c->candidates->list[b];
    double sum = haplotype_prior(c, log10_prior, x, NULL, except);
    return a == b ? sum : sum + haplotype_prior(c, log10_prior, y, x, except);
}

static size_t pair_index(const kuni_locus_caller *c, size_t a, size_t b)
{
    return c->ploidy == 1 ? b : b * (b + 1) / 2 + a;
}

/*
 * log10 likelihood of a pair at one level of slippage. A fragment comes from each haplotype as
 * often as that has places for it to start, p being summed over these: P(f | a, b) = (p_a + p_b) /
 * (n_a + n_b), against the reference's n. It is what tells one copy of a long duplication from two.
 */
static double level_lk(const kuni_locus_caller *c, int level, size_t a, size_t b)
{
    kuni_product product = KUNI_PRODUCT_ONE;
    size_t n = c->candidates->n;
    const kuni_candidate *list = c->candidates->list;
    const double *p = c->fragments->p[level];
    for (size_t f = 0; f < c->fragments->n; f++, p += n)
        kuni_product_times(&product, 0.5 * (p[a] + p[b]));
    double more = 0.5 * ((double)list[a].sequence.length + (double)list[b].sequence.length) -
                  (double)list[0].sequence.length;
    double places = c->starts + more > 1 ? c->starts + more : 1;
    return kuni_product_log10(&product) + c->fragments->scale[level] -
           (double)c->fragments->n * kuni_log10(places / c->starts);
}

/* The mean over the levels of slippage; *best_level is the likeliest one. */
static double pair_lk(const kuni_locus_caller *c, size_t a, size_t b, int *best_level)
{
    int n = c->fragments->n_levels;
    double lk[KUNI_STUTTER_LEVELS] = {0}, sum = 0;
    *best_level = 0;
    if (n == 1) return level_lk(c, 0, a, b);
    for (int level = 0; level < n; level++) {
        lk[level] = level_lk(c, level, a, b) + kuni_stutter_prior(level, c->options->pcr_free);
        if (lk[level] > lk[*best_level]) *best_level = level;
    }
    for (int level = 0; level < n; level++) sum += kuni_exp10(lk[level] - lk[*best_level]);
    return lk[*best_level] + kuni_log10(sum);
}

static kuni_status score_pairs(kuni_locus_caller *c, const double *log10_prior, kuni_arena *scratch,
                               kuni_error *err)
{
    size_t n = c->candidates->n;
    c->n_pairs = c->ploidy == 1 ? n : n * (n + 1) / 2;
    c->pair_lk = kuni_arena_alloc(scratch, c->n_pairs, sizeof(*c->pair_lk), err);
    if (!c->pair_lk) return KUNI_MEMORY;
    double best = -1e18;
    for (size_t b = 0; b < n; b++)
        for (size_t a = c->ploidy == 1 ? b : 0; a <= b; a++) {
            int level;
            double lk = pair_lk(c, a, b, &level);
            c->pair_lk[pair_index(c, a, b)] = lk;
            if (a != b && c->judged == 1) continue;
            double posterior = lk + pair_prior(c, log10_prior, a, b, -1);
            if (posterior > best) {
                best = posterior;
                c->best_a = a;
                c->best_b = b;
                c->best_lk = lk;
                c->best_level = level;
            }
        }
    return KUNI_OK;
}

typedef struct locus {
    int64_t pos;
    int n_alts;
    size_t alts[KUNI_CALL_ALLELES_MAX]; /* variant indices; SIZE_MAX: the spanning deletion */
    int allele_of[KUNI_CANDIDATES_MAX];
} locus;

/* Which allele each haplotype has at `pos`; false where only REF is there. */
static bool map_alleles(const kuni_locus_caller *c, int64_t pos, locus *l)
{
    *l = (locus){.pos = pos};
    bool spanned = false;
    for (size_t i = 0; i < c->variants->n; i++) {
        if (c->variants->list[i].pos != pos || l->n_alts >= KUNI_CALL_ALLELES_MAX - 3) continue;
        bool used = false;
        for (size_t h = 0; h < c->candidates->n; h++) used |= carries(&c->candidates->list[h], i);
        if (used) l->alts[l->n_alts++] = i;
    }
    if (!l->n_alts) return false;
    for (size_t h = 0; h < c->candidates->n; h++) {
        const kuni_candidate *haplotype = &c->candidates->list[h];
        int allele = 0;
        for (int k = 0; k < haplotype->n; k++) {
            const kuni_variant *v = &c->variants->list[haplotype->list[k]];
            if (v->pos < pos && v->pos + v->ref_length > pos) allele = SPANNING;
            if (v->pos != pos) continue;
            for (int a = 0; a < l->n_alts; a++)
                /* of a substitution and an indel on one anchor the indel names the allele */
                if (l->alts[a] == haplotype->list[k]) allele = a + 1;
        }
        l->allele_of[h] = allele;
        spanned |= allele == SPANNING;
    }
    if (spanned) l->alts[l->n_alts++] = SIZE_MAX;
    for (size_t h = 0; h < c->candidates->n; h++)
        if (l->allele_of[h] == SPANNING) l->allele_of[h] = l->n_alts;
    return true;
}

/* Profile likelihoods over pairs: the best pair that shows the genotype; where one copy is thought
 * of, the best haplotype for equal alleles. */
static void profile(const kuni_locus_caller *c, const double *log10_prior, const locus *l,
                    kuni_call_event *event)
{
    size_t n = c->candidates->n;
    for (int g = 0; g < KUNI_CALL_GENOTYPES_MAX; g++) event->log10_lk[g] = -1e6;
    for (size_t b = 0; b < n; b++)
        for (size_t a = c->ploidy == 1 ? b : 0; a <= b; a++) {
            int x = l->allele_of[a], y = l->allele_of[b];
            if (a != b && x == y && c->judged == 1) continue;
            int g = c->ploidy == 1 ? y
                    : x < y        ? kuni_genotype_index(x, y)
                                   : kuni_genotype_index(y, x);
            double lk = c->pair_lk[pair_index(c, a, b)] + pair_prior(c, log10_prior, a, b, l->pos);
            if (lk > event->log10_lk[g]) event->log10_lk[g] = lk;
        }
}

/* A fragment's part in the rank sums: by the read of it that shows the place. */
static void rank_fragment(const kuni_fragment *fragment, int64_t pos, bool alt,
                          kuni_rank_counts ranks[KUNI_RANKS])
{
    const kuni_call_read *reads[] = {fragment->read, fragment->read->mate};
    int64_t edge = 0;
    int quality = -1;
    for (int i = 0; i < 2; i++) {
        const kuni_call_read *read = reads[i];
        bool deleted;
        if (!read || read->pos > pos || read->end <= pos) continue;
        int64_t left = pos - read->pos, right = read->end - 1 - pos;
        int64_t nearer = left < right ? left : right;
        if (nearer > edge) edge = nearer;
        int32_t offset = kuni_call_read_offset(read, pos, &deleted);
        if (offset >= 0 && read->qual[offset] > quality) quality = read->qual[offset];
    }
    kuni_rank_add(&ranks[KUNI_RANK_MAPQ], alt, fragment->mapq);
    kuni_rank_add(&ranks[KUNI_RANK_POSITION], alt, edge);
    if (quality >= 0) kuni_rank_add(&ranks[KUNI_RANK_BASEQ], alt, quality);
}

/*
 * <*> fits a fragment as badly as the worst listed allele; its genotypes are scored read by read
 * and set against the best listed genotype scored alike. Counts supporting fragments on the way.
 */
static void finish_locus(const kuni_locus_caller *c, const locus *l, kuni_call_event *event)
{
    int known = l->n_alts + 1, other = known;
    size_t n = c->candidates->n;
    kuni_product products[KUNI_CALL_GENOTYPES_MAX];
    int n_genotypes = kuni_genotype_count(known + 1, c->ploidy);
    for (int g = 0; g < n_genotypes; g++) products[g] = KUNI_PRODUCT_ONE;
    uint64_t squares = 0;
    kuni_rank_counts ranks[KUNI_RANKS] = {0};
    for (size_t f = 0; f < c->fragments->n; f++) {
        const kuni_fragment *fragment = &c->fragments->list[f];
        const double *p = c->fragments->p[c->best_level] + f * n;
        double of[KUNI_CALL_ALLELES_MAX + 1] = {0}, least = 1;
        for (size_t h = 0; h < n; h++)
            if (p[h] > of[l->allele_of[h]]) of[l->allele_of[h]] = p[h];
        int best = 0;
        for (int a = 0; a < known; a++) {
            if (of[a] < least) least = of[a];
            if (of[a] > of[best]) best = a;
        }
        of[other] = least;
        for (int b = 0; b <= other; b++)
            for (int a = c->ploidy == 1 ? b : 0; a <= b; a++)
                kuni_product_times(&products[c->ploidy == 1 ? b : kuni_genotype_index(a, b)],
                                   0.5 * (of[a] + of[b]));
        double second = 0;
        for (int a = 0; a < known; a++)
            if (a != best && of[a] > second) second = of[a];
        /* clipped reads tell without covering the place */
        bool telling = of[best] >= TELLING * second;
        if (!telling && (fragment->beg > l->pos || fragment->end <= l->pos)) continue;
        event->dp++;
        squares += (uint64_t)fragment->mapq * fragment->mapq;
        if (!telling) continue;
        event->ad[best]++;
        event->sb[(best ? 2 : 0) + (kuni_call_read_reverse(fragment->read) ? 1 : 0)]++;
        if (!best || l->alts[best - 1] != SIZE_MAX) rank_fragment(fragment, l->pos, best, ranks);
    }
    for (int r = 0; r < KUNI_RANKS; r++) event->rank[r] = kuni_rank_of(&ranks[r]);
    double top = -1e18, marginal_top = -1e18;
    for (int b = 0; b < known; b++)
        for (int a = c->judged == 1 ? b : 0; a <= b; a++) {
            int g = c->ploidy == 1 ? b : kuni_genotype_index(a, b);
            double lk = kuni_product_log10(&products[g]);
            if (lk > marginal_top) marginal_top = lk;
            if (event->log10_lk[g] > top) top = event->log10_lk[g];
        }
    for (int g = kuni_genotype_count(known, c->ploidy); g < n_genotypes; g++)
        event->log10_lk[g] = top + kuni_product_log10(&products[g]) - marginal_top;
    uint64_t mean = event->dp ? squares / event->dp : 0;
    while ((uint64_t)(event->mq + 1) * (event->mq + 1) <= mean && event->mq < 254) event->mq++;
}

/*
 * Mitochondria: an ALT's likelihood is that of its best fraction among the fragments, against none.
 */
static kuni_status mix(const kuni_locus_caller *c, const locus *l, kuni_call_event *event,
                       kuni_arena *scratch, kuni_error *err)
{
    size_t n = c->candidates->n, n_fragments = c->fragments->n;
    double *others = kuni_arena_alloc(scratch, n_fragments + 1, sizeof(*others), err);
    double *allele = kuni_arena_alloc(scratch, n_fragments + 1, sizeof(*allele), err);
    if (!others || !allele) return KUNI_MEMORY;
    event->log10_lk[0] = 0;
    event->log10_lk[l->n_alts + 1] = KUNI_MIXTURE_NONE;
    for (int a = 1; a <= l->n_alts; a++) {
        for (size_t f = 0; f < n_fragments; f++) {
            const double *p = c->fragments->p[c->best_level] + f * n;
            others[f] = allele[f] = KUNI_MIXTURE_NOISE;
            for (size_t h = 0; h < n; h++) {
                double *into = l->allele_of[h] == a ? &allele[f] : &others[f];
                if (p[h] > *into) *into = p[h];
            }
        }
        kuni_mixture fit = kuni_mixture_fit(others, allele, n_fragments);
        event->log10_lk[a] = fit.fraction >= c->options->mixture ? fit.lod : KUNI_MIXTURE_NONE;
    }
    return KUNI_OK;
}

/* log10 by which the best genotype with an allele is likelier than the best without; of two equal
 * copies alone where one is thought of. */
static double gain_of(const kuni_locus_caller *c, const kuni_call_event *event, int known,
                      int allele, int copies)
{
    double with = -1e18, without = -1e18;
    for (int b = 0; b < known; b++)
        for (int a = copies == 1 ? b : 0; a <= b; a++) {
            double lk = event->log10_lk[c->ploidy == 1 ? b : kuni_genotype_index(a, b)];
            double *into = a == allele || b == allele ? &with : &without;
            if (lk > *into) *into = lk;
        }
    return with - without;
}

/* Which ALT alleles have a genotype that is not hopeless. */
static void choose(const kuni_locus_caller *c, const locus *l, const kuni_call_event *event,
                   bool *keep)
{
    int known = l->n_alts + 1;
    for (int x = 1; x < known; x++) {
        bool given = l->alts[x - 1] != SIZE_MAX && c->variants->list[l->alts[x - 1]].given;
        keep[x] = given ||
                  gain_of(c, event, known, x, c->judged) >= -c->options->emit_phred / 10.0 ||
                  (c->judged < c->ploidy &&
                   gain_of(c, event, known, x, c->ploidy) >= KUNI_CALL_CLEAR_PHRED / 10.0);
    }
}

/* Spells the kept alleles over a common REF. */
static kuni_status spell(const kuni_locus_caller *c, const locus *l, const bool *keep,
                         kuni_call_event *event, kuni_arena *arena, kuni_error *err)
{
    int32_t ref_length = 1;
    for (int a = 0; a < l->n_alts; a++)
        if (l->alts[a] != SIZE_MAX && keep[a + 1] &&
            c->variants->list[l->alts[a]].ref_length > ref_length)
            ref_length = c->variants->list[l->alts[a]].ref_length;
    char *ref = kuni_arena_strndup(arena, c->reference->seq + (l->pos - c->reference->beg),
                                   (size_t)ref_length, err);
    if (!ref) return KUNI_MEMORY;
    event->alleles[0] = ref;
    event->end = l->pos + ref_length;
    for (int a = 0; a < l->n_alts; a++) {
        if (l->alts[a] == SIZE_MAX) {
            event->alleles[a + 1] = "*";
            continue;
        }
        const kuni_variant *v = &c->variants->list[l->alts[a]];
        int32_t tail = ref_length > v->ref_length ? ref_length - v->ref_length : 0;
        char *alt = kuni_arena_alloc(arena, (size_t)v->alt_length + (size_t)tail + 1, 1, err);
        if (!alt) return KUNI_MEMORY;
        memcpy(alt, v->alt, (size_t)v->alt_length);
        memcpy(alt + v->alt_length, ref + v->ref_length, (size_t)tail);
        event->alleles[a + 1] = alt;
    }
    event->alleles[l->n_alts + 1] = "<*>";
    return KUNI_OK;
}

/* Phases the new events [first, n) by the best pair where no other phase comes near. */
static void phase(const kuni_locus_caller *c, const locus *loci, kuni_call_event *events, size_t n)
{
    size_t n_het = 0;
    int64_t set = -1;
    for (size_t i = 0; i < n; i++) {
        if (events[i].gt[0] == events[i].gt[1] || events[i].gt[1] < 0) continue;
        if (set < 0) set = events[i].pos;
        n_het++;
    }
    if (n_het < 2) return;
    double rival = -1e18;
    for (size_t b = 0; b < c->candidates->n; b++)
        for (size_t a = 0; a <= b; a++) {
            bool same = true, swapped = true;
            for (size_t i = 0; i < n; i++) {
                const int *of = loci[i].allele_of;
                same &= of[a] == of[c->best_a] && of[b] == of[c->best_b];
                swapped &= of[a] == of[c->best_b] && of[b] == of[c->best_a];
            }
            double lk = c->pair_lk[pair_index(c, a, b)];
            if (!same && !swapped && lk > rival) rival = lk;
        }
    if (c->best_lk - rival < PHASE_LOG10) return;
    for (size_t i = 0; i < n; i++) {
        kuni_call_event *event = &events[i];
        if (event->gt[0] == event->gt[1] || event->flags & KUNI_EVENT_PHASED) continue;
        event->phase_set = set;
    }
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static kuni_status call_locus(kuni_locus_caller *c, const double *log10_prior, const locus *l,
                              kuni_call_event *event, bool *worth, kuni_arena *scratch,
                              kuni_arena *keep_arena, kuni_error *err)
{
    *event = (kuni_call_event){.pos = l->pos,
                               .ploidy = c->ploidy,
                               .judged = c->judged,
                               .n_alleles = l->n_alts + 2,
                               .phase_set = -1};
    /* lengths of a repeat come in more than two more often than chance has it */
    int unit, copies = kuni_repeat_copies(c->reference, l->pos, &unit);
    event->both_prior = copies >= REPEAT_COPIES ? 0.1 : 0.005;
    for (int a = 0; a < l->n_alts; a++) {
        size_t v = l->alts[a];
        /* the deletion that makes `*` has its prior at its own locus */
        event->prior[a + 1] = v == SIZE_MAX ? 1 : kuni_exp10(log10_prior[v]);
    }
    profile(c, log10_prior, l, event);
    finish_locus(c, l, event);
    if (c->options->mixture > 0) {
        kuni_status mixed = mix(c, l, event, scratch, err);
        if (mixed) return mixed;
    }
    bool keep[KUNI_CALL_ALLELES_MAX] = {false};
    choose(c, l, event, keep);
    *worth = false;
    for (int a = 0; a < l->n_alts; a++) *worth |= keep[a + 1] && l->alts[a] != SIZE_MAX;
    if (!*worth) return KUNI_OK;
    kuni_status status = spell(c, l, keep, event, keep_arena, err);
    if (status) return status;
    int order[2] = {l->allele_of[c->best_a], l->allele_of[c->best_b]};
    int8_t to[KUNI_CALL_ALLELES_MAX] = {0};
    int8_t next = 1;
    for (int a = 1; a <= l->n_alts; a++) to[a] = keep[a] ? next++ : -1;
    for (int a = 0; a < l->n_alts; a++)
        if (keep[a + 1] && l->alts[a] != SIZE_MAX && c->variants->list[l->alts[a]].given)
            event->flags |= KUNI_EVENT_FORCED;
    kuni_genotype_trim(event, keep);
    kuni_genotype_finish(event);
    /* the order of the best pair, where it shows the same genotype */
    int8_t x = to[order[0]], y = to[order[1]];
    if (c->ploidy == 2 && x != y && event->gt[0] == y && event->gt[1] == x) {
        event->gt[0] = x;
        event->gt[1] = y;
    } else if (event->gt[0] != event->gt[1] && !(event->gt[0] == x && event->gt[1] == y)) {
        event->flags |= KUNI_EVENT_PHASED; /* for `phase`: not by this pair; cleared below */
    }
    return KUNI_OK;
}

kuni_status kuni_locus_call_all(kuni_locus_caller *c, int64_t beg, int64_t end,
                                kuni_call_events *events, kuni_arena *scratch, kuni_arena *keep,
                                kuni_error *err)
{
    size_t n = c->variants->n;
    double *log10_prior = kuni_arena_alloc(scratch, n + 1, sizeof(*log10_prior), err);
    int64_t *positions = kuni_arena_alloc(scratch, n + 1, sizeof(*positions), err);
    locus *loci = kuni_arena_alloc(scratch, n + 1, sizeof(*loci), err);
    if (!log10_prior || !positions || !loci) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) {
        log10_prior[i] = kuni_log10(variant_prior(c, &c->variants->list[i]));
        positions[i] = c->variants->list[i].pos;
    }
    qsort(positions, n, sizeof(*positions), by_number);
    kuni_status status = score_pairs(c, log10_prior, scratch, err);
    size_t first = events->n, n_loci = 0;
    for (size_t i = 0; !status && i < n; i++) {
        if ((i > 0 && positions[i] == positions[i - 1]) || positions[i] < beg ||
            positions[i] >= end || !map_alleles(c, positions[i], &loci[n_loci]))
            continue;
        status = kuni_grow((void **)&events->list, &events->capacity, events->n + 1,
                           sizeof(*events->list), err);
        bool worth = false;
        if (!status)
            status = call_locus(c, log10_prior, &loci[n_loci], &events->list[events->n], &worth,
                                scratch, keep, err);
        if (status || !worth) continue;
        events->n++;
        n_loci++;
    }
    if (status) return status;
    if (c->ploidy == 2) phase(c, loci, events->list + first, n_loci);
    for (size_t i = first; i < events->n; i++) {
        kuni_call_event *event = &events->list[i];
        event->flags &= (uint8_t)~KUNI_EVENT_PHASED;
        if (event->phase_set >= 0)
            event->flags |= KUNI_EVENT_PHASED;
        else if (event->gt[0] > event->gt[1] && event->gt[1] >= 0) {
            int8_t swap = event->gt[0];
            event->gt[0] = event->gt[1];
            event->gt[1] = swap;
        }
    }
    return KUNI_OK;
}
