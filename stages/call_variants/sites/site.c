/* SPDX-License-Identifier: MIT */
#include "site.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "kuni/variant_prior.h"
#include "model/math10.h"
#include "model/mixture.h"
#include "model/ranks.h"

static const char BASES[] = "ACGTN"; /* by code */

static const double HALF_PHRED = 3.0103;     /* a REF base under a heterozygote */
static const double HET_GAIN_PHRED = 1.7609; /* log10(1/2) - log10(1/3) of a differing base */
enum { DOUBT_PHRED = 18, HAPLOID_PHRED = 12, FOREIGN_MAPQ_MOST = 55 };

/* Whether n reads of a base, with `quality` in all, may be more than noise beside n_ref of REF. */
static bool may_stand(double quality, uint32_t n, uint32_t n_ref, kuni_call_copies copies)
{
    double lose = copies.judged == 1 ? HAPLOID_PHRED : HALF_PHRED;
    double gain = quality + n * HET_GAIN_PHRED - lose * n_ref;
    if (gain >= (n >= 2 ? -DOUBT_PHRED : 0)) return true;
    return copies.judged < copies.told &&
           quality + n * HET_GAIN_PHRED - HALF_PHRED * n_ref >= KUNI_CALL_CLEAR_PHRED;
}

bool kuni_site_is_candidate(const kuni_pileup *pileup, int64_t i, char ref, kuni_call_copies copies,
                            const kuni_call_options *options)
{
    if (ref == 'N') return false;
    for (int base = 0; base < 4; base++) {
        uint32_t n = pileup->differ[base][i];
        if (!n) continue;
        if (options->mixture > 0) {
            if (kuni_mixture_is_candidate(n, kuni_pileup_depth(pileup, i), options->mixture))
                return true;
            continue;
        }
        if (may_stand(pileup->differ_q[base][i], n, pileup->match[i], copies)) return true;
    }
    return false;
}

/* A stretch of a read that is aligned without a gap: reference less query, bases. */
typedef struct aligned {
    int64_t diagonal;
    int32_t beg, end;
} aligned;

/*
 * Whether a base lies between a gap and the near end of its read, and another would stand at `pos`
 * without that gap: an aligner puts one there rather than two substitutions. No region owns the
 * gap, so that hardly another read has it.
 */
static bool behind_gap(const kuni_call_read *read, int64_t pos, int32_t offset)
{
    enum { TAIL_MOST = 16 };
    aligned runs[3] = {{0}}; /* the first, the one after it or before the last, the last */
    aligned second = {0};
    int n = 0;
    int64_t at = read->pos;
    int32_t query = 0;
    for (uint32_t k = 0; k < read->n_cigar; k++) {
        uint32_t op = bam_cigar_op(read->cigar[k]);
        int32_t length = (int32_t)bam_cigar_oplen(read->cigar[k]);
        int type = bam_cigar_type(op);
        if (type == 3) {
            aligned run = {.diagonal = at - query, .beg = query, .end = query + length};
            if (n && runs[2].diagonal == run.diagonal && runs[2].end == query) /* = and X */
                run.beg = runs[2].beg;
            else
                runs[1] = runs[2];
            runs[2] = run;
            n++;
            if (run.beg == runs[0].beg || n == 1)
                runs[0] = run;
            else if (!second.end)
                second = run;
        }
        if (type & 1) query += length;
        if (type & 2) at += length;
    }
    int64_t other = -1;
    if (!second.end) return false;
    if (offset >= runs[2].beg && runs[2].end - runs[2].beg <= TAIL_MOST)
        other = pos - runs[1].diagonal;
    else if (offset < runs[0].end && runs[0].end - runs[0].beg <= TAIL_MOST)
        other = pos - second.diagonal;
    return other >= 0 && other < read->length && read->seq[other] != read->seq[offset];
}

kuni_status kuni_site_gather(kuni_site_column *column, const kuni_read_window *window, int64_t pos,
                             const kuni_call_options *options, kuni_error *err)
{
    column->n_bases = 0;
    column->n_deleted = 0;
    for (size_t r = kuni_read_window_find(window, pos); r < window->n_reads; r++) {
        const kuni_call_read *read = window->reads[r];
        if (read->pos > pos) break;
        if (read->end <= pos) continue;
        bool deleted;
        int32_t offset = kuni_call_read_offset(read, pos, &deleted);
        if (deleted) column->n_deleted++;
        if (offset < 0 || read->qual[offset] < options->min_base_quality) continue;
        unsigned base = kuni_base_code((char)read->seq[offset]);
        if (base > 3 || (read->n_cigar > 2 && behind_gap(read, pos, offset))) continue;
        kuni_status status = kuni_grow((void **)&column->bases, &column->capacity,
                                       column->n_bases + 1, sizeof(*column->bases), err);
        if (status) return status;
        bool reverse = kuni_call_read_reverse(read);
        int64_t left = pos - read->pos, right = read->end - 1 - pos;
        int64_t edge = left < right ? left : right;
        column->bases[column->n_bases++] =
            (kuni_site_base){.base = (uint8_t)base,
                             .quality = read->qual[offset],
                             .mapq = read->mapq,
                             .reverse = reverse,
                             .cycle = (uint16_t)(reverse ? read->length - 1 - offset : offset),
                             .n_mismatch = read->n_mismatch,
                             .edge = (uint16_t)edge};
    }
    kuni_status status = kuni_grow((void **)&column->others, &column->others_capacity,
                                   column->n_bases + 1, sizeof(double), err);
    if (status) return status;
    return kuni_grow((void **)&column->allele, &column->allele_capacity, column->n_bases + 1,
                     sizeof(double), err);
}

/* e of an observation: the base or the place may be wrong. */
static double error_of(const kuni_site_base *b)
{
    const kuni_phred_table *phred = kuni_phred();
    double e = phred->error[b->quality] + phred->error[b->mapq];
    return e < 0.75 ? e : 0.75;
}

static double base_given(const kuni_site_base *b, double e, unsigned allele)
{
    return b->base == allele ? 1 - e : e / 3;
}

/* log10 P(column | g) for independent reads; <*> is any base that is not among the alleles. */
static double independent(const kuni_site_column *column, const uint8_t *base_of, int a, int b,
                          unsigned listed)
{
    kuni_product product = KUNI_PRODUCT_ONE;
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        double e = error_of(x);
        double other = listed >> x->base & 1 ? e / 3 : 1 - e;
        double pa = base_of[a] > 3 ? other : base_given(x, e, base_of[a]);
        double pb = base_of[b] > 3 ? other : base_given(x, e, base_of[b]);
        kuni_product_times(&product, 0.5 * (pa + pb));
    }
    return kuni_product_log10(&product);
}

/*
 * Foreign reads: P(F) = 10^(-2 MQ/10), MQ the mean mapping quality of the reads that show `error`;
 * beta the share of foreign reads. log10 of P(F) prod(beta P(r|F) + (1-beta) P(r|G)). (DRAGEN-GATK
 * FRD.)
 */
static double foreign(const kuni_site_column *column, unsigned g, unsigned error)
{
    double foreigners = 0, mapq = 0;
    size_t n_error = 0;
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        double e = error_of(x), pf = base_given(x, e, error), pg = base_given(x, e, g);
        foreigners += pf / (pf + pg);
        if (x->base == error) {
            n_error++;
            mapq += x->mapq;
        }
    }
    if (!n_error || mapq > (double)FOREIGN_MAPQ_MOST * (double)n_error) return -1e9;
    double beta = foreigners / (double)column->n_bases;
    if (beta > 0.5) beta = 0.5;
    kuni_product product = KUNI_PRODUCT_ONE;
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        double e = error_of(x);
        kuni_product_times(&product,
                           beta * base_given(x, e, error) + (1 - beta) * base_given(x, e, g));
    }
    /* that they have just this base is as much of a surprise as with a variant */
    double share = kuni_snp_prior(1, BASES[g], BASES[error]);
    return kuni_product_log10(&product) - mapq / (double)n_error / 10 * 2 + kuni_log10(share);
}

/*
 * Base-quality dropout: from some cycle on (or until it), reads of one strand show `error` half of
 * the time. Cost max(0, 3.5 mean quality - 5 min(hpol, 4)) phred. (DRAGEN-GATK BQD, which
 * has 2.5 and so loses heterozygotes whose ALT fell on one strand by chance.)
 */
static double dropout(const kuni_site_column *column, unsigned g, unsigned error, int hpol,
                      bool reverse)
{
    enum { BINS = 512 };
    double gain[BINS] = {0}, quality[BINS] = {0};
    uint32_t count[BINS] = {0};
    kuni_product all = KUNI_PRODUCT_ONE;
    bool seen = false;
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        double e = error_of(x), pg = base_given(x, e, g);
        kuni_product_times(&all, pg);
        if (x->reverse != reverse) continue;
        if (x->base == error) seen = true;
        int bin = x->cycle < BINS ? x->cycle : BINS - 1;
        gain[bin] += kuni_log10(0.5 * (base_given(x, e, error) + pg)) - kuni_log10(pg);
        quality[bin] += x->quality;
        count[bin]++;
    }
    if (!seen) return -1e9;
    double base = kuni_product_log10(&all), best = -1e9, sum = 0, sum_q = 0;
    uint32_t n = 0;
    for (int bin = BINS - 1; bin >= 0; bin--) {
        if (!count[bin]) continue;
        sum += gain[bin];
        sum_q += quality[bin];
        n += count[bin];
        double cost = 3.5 * sum_q / n - 5.0 * (hpol < 4 ? hpol : 4);
        double total = base + sum - (cost > 0 ? cost / 10 : 0);
        if (total > best) best = total;
    }
    return best;
}

/* Length of the homopolymer of `base` that ends just before pos (forward) or starts just after. */
static int homopolymer(const kuni_call_reference *reference, int64_t pos, unsigned base,
                       bool reverse)
{
    int n = 0;
    for (int64_t p = reverse ? pos + 1 : pos - 1; n < 8; p += reverse ? 1 : -1, n++)
        if (kuni_base_code(kuni_reference_base(reference, p)) != base) break;
    return n;
}

static double homozygous(const kuni_site_column *column, const kuni_call_reference *reference,
                         int64_t pos, unsigned g, const uint8_t *base_of, int known)
{
    double best = -1e9;
    for (int a = 0; a < known; a++) {
        unsigned error = base_of[a];
        if (error == g) continue;
        double ll = foreign(column, g, error);
        if (ll > best) best = ll;
        for (int strand = 0; strand < 2; strand++) {
            int hpol = homopolymer(reference, pos, error, strand == 1);
            ll = dropout(column, g, error, hpol, strand == 1);
            if (ll > best) best = ll;
        }
    }
    return best;
}

static void count(const kuni_site_column *column, const uint8_t *base_of, int known,
                  kuni_call_event *event)
{
    uint64_t squares = 0;
    kuni_rank_counts ranks[KUNI_RANKS] = {0};
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        squares += (uint64_t)x->mapq * x->mapq;
        int allele = known;
        for (int a = 0; a < known; a++)
            if (base_of[a] == x->base) allele = a;
        event->ad[allele]++;
        if (allele == known) continue;
        event->sb[(allele ? 2 : 0) + (x->reverse ? 1 : 0)]++;
        kuni_rank_add(&ranks[KUNI_RANK_MAPQ], allele > 0, x->mapq);
        kuni_rank_add(&ranks[KUNI_RANK_POSITION], allele > 0, x->edge);
        kuni_rank_add(&ranks[KUNI_RANK_BASEQ], allele > 0, x->quality);
    }
    for (int r = 0; r < KUNI_RANKS; r++) event->rank[r] = kuni_rank_of(&ranks[r]);
    event->dp = (uint32_t)column->n_bases;
    if (!column->n_bases) return;
    uint64_t mean = squares / column->n_bases;
    while ((uint64_t)(event->mq + 1) * (event->mq + 1) <= mean && event->mq < 254) event->mq++;
}

/* ALT bases by support, then by letter. */
static int choose_alleles(const kuni_site_column *column, unsigned ref, kuni_call_copies copies,
                          unsigned given, double mixture, uint8_t *base_of)
{
    double quality[4] = {0};
    uint32_t n[4] = {0};
    for (size_t i = 0; i < column->n_bases; i++) {
        const kuni_site_base *x = &column->bases[i];
        n[x->base]++;
        quality[x->base] += x->quality < x->mapq ? x->quality : x->mapq;
    }
    int known = 1;
    bool taken[4] = {false};
    base_of[0] = (uint8_t)ref;
    taken[ref] = true;
    for (int round = 0; round < 3; round++) {
        int best = -1;
        for (int b = 0; b < 4; b++)
            if (!taken[b] && (best < 0 || quality[b] > quality[best])) best = b;
        taken[best] = true;
        bool worth = n[best] && may_stand(quality[best], n[best], n[ref], copies);
        /* a second ALT must also stand against the first */
        if (worth && known > 1)
            worth = quality[best] + n[best] * HET_GAIN_PHRED >= HALF_PHRED * n[base_of[1]] - 10;
        if (mixture > 0)
            worth = kuni_mixture_is_candidate(n[best], (uint32_t)column->n_bases, mixture);
        if (worth || given >> best & 1) base_of[known++] = (uint8_t)best;
    }
    return known;
}

/* Mitochondria: an ALT's likelihood is that of its best fraction, against none of it. */
static void mix(const kuni_site_column *column, const uint8_t *base_of, int known,
                const kuni_call_options *options, kuni_call_event *event)
{
    event->log10_lk[0] = 0;
    event->log10_lk[known] = KUNI_MIXTURE_NONE;
    for (int a = 1; a < known; a++) {
        for (size_t i = 0; i < column->n_bases; i++) {
            const kuni_site_base *x = &column->bases[i];
            double e = error_of(x) + KUNI_MIXTURE_NOISE, most = 0;
            for (int other = 0; other < known; other++) {
                double p = base_given(x, e, base_of[other]);
                if (other != a && p > most) most = p;
            }
            column->others[i] = most;
            column->allele[i] = base_given(x, e, base_of[a]);
        }
        kuni_mixture fit = kuni_mixture_fit(column->others, column->allele, column->n_bases);
        event->log10_lk[a] = fit.fraction >= options->mixture ? fit.lod : KUNI_MIXTURE_NONE;
    }
}

bool kuni_site_call(const kuni_site_column *column, const kuni_call_reference *reference,
                    int64_t pos, kuni_call_copies copies, unsigned given,
                    const kuni_call_options *options, kuni_call_event *event)
{
    static const char *const letters[] = {"A", "C", "G", "T"};
    uint8_t base_of[KUNI_CALL_ALLELES_MAX];
    unsigned ref = kuni_base_code(kuni_reference_base(reference, pos));
    if (ref > 3) return false;
    int known = choose_alleles(column, ref, copies, given, options->mixture, base_of);
    const int ploidy = copies.told;
    if (known == 1) return false;
    *event = (kuni_call_event){.pos = pos,
                               .end = pos + 1,
                               .n_alleles = known + 1,
                               .ploidy = ploidy,
                               .judged = copies.judged,
                               .both_prior = options->snp_heterozygosity,
                               .phase_set = -1};
    unsigned listed = 0;
    for (int a = 0; a < known; a++) {
        event->alleles[a] = letters[base_of[a]];
        event->prior[a] =
            kuni_snp_prior(options->snp_heterozygosity, BASES[base_of[0]], BASES[base_of[a]]);
        listed |= 1u << base_of[a];
    }
    event->alleles[known] = "<*>";
    event->prior[known] = options->snp_heterozygosity;
    base_of[known] = 4;
    if (options->mixture > 0) mix(column, base_of, known, options, event);
    for (int b = 0; options->mixture <= 0 && b <= known; b++)
        for (int a = ploidy == 1 ? b : 0; a <= b; a++) {
            double ll = independent(column, base_of, a, b, listed);
            if (a == b && b < known) {
                double joint = homozygous(column, reference, pos, base_of[a], base_of, known);
                if (joint > ll) ll = joint;
            }
            event->log10_lk[ploidy == 1 ? b : kuni_genotype_index(a, b)] = ll;
        }
    count(column, base_of, known, event);
    kuni_genotype_finish(event);
    if (given || kuni_genotype_gain_phred(event, copies.judged) >= -options->emit_phred)
        return true;
    return copies.judged < copies.told &&
           kuni_genotype_gain_phred(event, copies.told) >= KUNI_CALL_CLEAR_PHRED;
}

void kuni_site_column_fini(kuni_site_column *column)
{
    free(column->bases);
    free(column->others);
    free(column->allele);
    *column = (kuni_site_column){.bases = NULL};
}
