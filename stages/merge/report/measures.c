/* SPDX-License-Identifier: MIT */
/* Numbers of samples, and who lies far from the others. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "callset.h"

/*
 * Far: so many deviations (of a normal distribution's median absolute deviation) from the median of the peers, and by so much
 * of the median: with peers that are all alike a trifle would be far. A count deviates by its root by chance alone (Poisson), by 1 at
 * least: where most people have no singleton, who has one is not far.
 */
enum { PEERS_LEAST = 20, FAR_DEVIATIONS = 6 };
static const double normal_mad = 1.4826, least_spread = 0.005;

static double count(const callset_totals *t, int which, uint32_t column)
{
    if (!callset_sees_genotypes(t)) return NAN;
    return (double)callset_column(t, which)[column];
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

static double counted(const callset_totals *t)
{
    return (double)t->sums[CALLSET_AT_COUNTED];
}

static double call_rate(const callset_totals *t, uint32_t c)
{
    return ratio(counted(t) - count(t, CALLSET_MISSING, c), counted(t));
}

static double snps(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_SNP_HET, c) + count(t, CALLSET_SNP_HOM, c);
}

static double indels(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_INDEL_HET, c) + count(t, CALLSET_INDEL_HOM, c);
}

static double others(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_OTHER_HET, c) + count(t, CALLSET_OTHER_HOM, c);
}

static double snp_het(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_SNP_HET, c);
}

static double snp_hom(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_SNP_HOM, c);
}

static double indel_het(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_INDEL_HET, c);
}

static double indel_hom(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_INDEL_HOM, c);
}

static double snp_het_hom(const callset_totals *t, uint32_t c)
{
    return ratio(snp_het(t, c), snp_hom(t, c));
}

static double indel_het_hom(const callset_totals *t, uint32_t c)
{
    return ratio(indel_het(t, c), indel_hom(t, c));
}

static double transitions(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_OF_KIND + CALLSET_TRANSITION, c);
}

static double transversions(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_OF_KIND + CALLSET_TRANSVERSION, c);
}

static double ti_tv(const callset_totals *t, uint32_t c)
{
    return ratio(transitions(t, c), transversions(t, c));
}

static double insertions(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_OF_KIND + CALLSET_INSERTION, c);
}

static double deletions(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_OF_KIND + CALLSET_DELETION, c);
}

static double insertions_deletions(const callset_totals *t, uint32_t c)
{
    return ratio(insertions(t, c), deletions(t, c));
}

static double singletons(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_SINGLETONS, c);
}

static double mean_depth(const callset_totals *t, uint32_t c)
{
    return ratio(count(t, CALLSET_DEPTH_SUM, c), count(t, CALLSET_DEPTH_KNOWN, c));
}

static double mean_gq(const callset_totals *t, uint32_t c)
{
    return ratio(count(t, CALLSET_GQ_SUM, c), count(t, CALLSET_GQ_KNOWN, c));
}

static double missing(const callset_totals *t, uint32_t c)
{
    return count(t, CALLSET_MISSING, c);
}

const callset_measure callset_measures[] = {
    {"call_rate", "fraction", 5, true, call_rate,
     "genotypes called, of the records that passed where everybody has two copies"},
    {"missing", "records", 0, false, missing, "genotypes not called, of the same records"},
    {"snps", "records", 0, true, snps, "genotypes with an ALT that changes one base"},
    {"snps_het", "records", 0, false, snp_het, "of snps, with two unlike alleles"},
    {"snps_hom", "records", 0, false, snp_hom, "of snps, with twice the same ALT"},
    {"snps_het_hom", "ratio", 4, true, snp_het_hom, "snps_het / snps_hom"},
    {"indels", "records", 0, true, indels, "genotypes with an ALT of another length than REF"},
    {"indels_het", "records", 0, false, indel_het, "of indels, with two unlike alleles"},
    {"indels_hom", "records", 0, false, indel_hom, "of indels, with twice the same ALT"},
    {"indels_het_hom", "ratio", 4, true, indel_het_hom, "indels_het / indels_hom"},
    {"others", "records", 0, false, others,
     "genotypes with an ALT that changes several bases, or a symbolic one"},
    {"transitions", "ALTs", 0, false, transitions, "ALTs carried that change A and G, or C and T"},
    {"transversions", "ALTs", 0, false, transversions, "other ALTs carried that change one base"},
    {"ti_tv", "ratio", 4, true, ti_tv, "transitions / transversions"},
    {"insertions", "ALTs", 0, false, insertions, "ALTs carried that are longer than REF"},
    {"deletions", "ALTs", 0, false, deletions, "ALTs carried that are shorter than REF"},
    {"insertions_deletions", "ratio", 4, true, insertions_deletions, "insertions / deletions"},
    {"singletons", "ALTs", 0, true, singletons, "ALTs whose one copy in the cohort is here"},
    {"mean_depth", "reads", 2, true, mean_depth, "mean FORMAT/DP of genotypes with an ALT"},
    {"mean_gq", "phred", 2, true, mean_gq, "mean FORMAT/GQ of genotypes with an ALT"},
};
const size_t callset_n_measures = sizeof(callset_measures) / sizeof(callset_measures[0]);

/* --- outliers --- */

typedef struct peer {
    const char *group;
    uint32_t column;
} peer;

static const char *group_of(const callset *set, uint32_t column)
{
    const char *group = set->samples[column]->group;
    return group ? group : "";
}

static int by_group(const void *a, const void *b)
{
    const peer *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    return order ? order : x->column < y->column ? -1 : x->column > y->column;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

typedef struct judging {
    callset *set;
    double *values; /* of the peers */
    size_t capacity;
} judging;

/* Judges `judged` by what `peers` have. */
static kuni_status judge(judging *now, size_t m, const peer *peers, size_t n_peers,
                         const peer *judged, size_t n_judged, kuni_error *err)
{
    callset *set = now->set;
    const callset_measure *measure = &callset_measures[m];
    size_t n = 0;
    for (size_t i = 0; i < n_peers; i++) {
        double value = measure->value(&set->totals, peers[i].column);
        if (isfinite(value)) now->values[n++] = value;
    }
    if (n < PEERS_LEAST) return KUNI_OK;
    double middle = median(now->values, n);
    for (size_t i = 0; i < n; i++) now->values[i] = fabs(now->values[i] - middle);
    double spread = normal_mad * median(now->values, n);
    if (spread < least_spread * fabs(middle)) spread = least_spread * fabs(middle);
    if (measure->decimals == 0 && spread < sqrt(fmax(middle, 1))) spread = sqrt(fmax(middle, 1));
    for (size_t i = 0; i < n_judged; i++) {
        double off = (measure->value(&set->totals, judged[i].column) - middle) / spread;
        if (!(fabs(off) > FAR_DEVIATIONS)) continue;
        kuni_status status = kuni_grow((void **)&set->outliers, &now->capacity, set->n_outliers + 1,
                                       sizeof(*set->outliers), err);
        if (status) return status;
        set->outliers[set->n_outliers++] =
            (callset_outlier){judged[i].column, (uint16_t)m, isinf(off) ? INFINITY : (float)off};
    }
    return KUNI_OK;
}

static int by_column(const void *a, const void *b)
{
    const callset_outlier *x = a, *y = b;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return (x->measure > y->measure) - (x->measure < y->measure);
}

kuni_status callset_find_outliers(callset *set, kuni_error *err)
{
    uint32_t n = set->totals.n_columns;
    judging now = {.set = set, .values = kuni_alloc((size_t)n + 1, sizeof(double), err)};
    peer *peers = kuni_alloc((size_t)n + 1, sizeof(*peers), err);
    kuni_status status = now.values && peers ? KUNI_OK : KUNI_MEMORY;
    for (uint32_t i = 0; i < n && !status; i++) peers[i] = (peer){group_of(set, i), i};
    if (!status) qsort(peers, n, sizeof(*peers), by_group);
    for (size_t beg = 0, end; beg < n && !status; beg = end) {
        for (end = beg + 1; end < n && strcmp(peers[end].group, peers[beg].group) == 0;) end++;
        bool many = end - beg >= PEERS_LEAST;
        for (size_t m = 0; m < callset_n_measures && !status; m++)
            if (callset_measures[m].watched)
                status = judge(&now, m, many ? peers + beg : peers, many ? end - beg : n,
                               peers + beg, end - beg, err);
    }
    if (!status && set->n_outliers)
        qsort(set->outliers, set->n_outliers, sizeof(*set->outliers), by_column);
    free(now.values);
    free(peers);
    return status;
}
