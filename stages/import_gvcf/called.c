/* SPDX-License-Identifier: MIT */
#include "called.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PL_MOST = 65533, /* KUNI_PL_MISSING and above mean something else */
    LEAST_LACK = 10  /* phred; less is rounding, or a caller that trims alleles */
};

/* A number of an allele, or -1 for '.'; false where it is neither. */
static bool take_allele(const char **at, const char *end, uint32_t n_alleles, int *allele)
{
    *allele = -1;
    if (**at == '.') {
        ++*at;
        return true;
    }
    const char *start = *at;
    uint32_t number = 0;
    while (*at < end && **at >= '0' && **at <= '9' && number < n_alleles)
        number = number * 10 + (uint32_t)(*(*at)++ - '0');
    *allele = (int)number;
    return *at > start && number < n_alleles;
}

/* False where it is no genotype of at most two copies. */
static bool parse_genotype(kuni_text_view view, uint32_t n_alleles, kuni_called *called)
{
    if (view.length == 0) return true;
    const char *at = view.at, *end = view.at + view.length;
    if (at < end && (*at == '/' || *at == '|')) at++; /* VCF 4.4: a phase before the first allele */
    while (at < end) {
        if (*at == '.' && called->ploidy == 2 && kuni_called_is_no_call(called)) {
            called->ploidy =
                0; /* ././. says nothing, unless likelihoods of as many copies follow */
            called->polyploid = true;
            return strspn(at, "./|") >= (size_t)(end - at);
        }
        if (called->ploidy == 2) return false;
        int allele;
        if (!take_allele(&at, end, n_alleles, &allele)) return false;
        called->gt[called->ploidy++] = allele;
        if (at == end) break;
        if (*at != '/' && *at != '|') return false;
        if (*at == '|') called->phased = true;
        at++;
    }
    return true;
}

int kuni_convert_copies(const kuni_convert *convert, int64_t pos)
{
    int64_t until;
    return kuni_ploidy_evidence(convert->ploidy, convert->shard.tid, pos, &until);
}

int kuni_called_ploidy(const kuni_convert *convert, const kuni_called *called, int64_t pos)
{
    if (called->ploidy > 0) return called->ploidy;
    return kuni_convert_copies(convert, pos) == 1 ? 1 : 2;
}

/* --- likelihoods --- */

bool kuni_likelihoods_read(const kuni_gvcf_record *record, uint32_t n, uint32_t *pl)
{
    enum { ALLELES = KUNI_EVENT_ALLELES_MAX };
    if (record->fields[FIELD_PL].length > 0)
        return kuni_view_numbers(record->fields[FIELD_PL], pl, (int)n) == (int)n;
    kuni_text_view gl = record->fields[FIELD_GL];
    if (gl.length == 0) return false;
    const char *at = gl.at, *end = gl.at + gl.length;
    double values[ALLELES * (ALLELES + 1) / 2], best = -INFINITY;
    uint32_t count = 0;
    if (n > sizeof(values) / sizeof(values[0])) return false;
    while (at < end && count < n) {
        char *stop;
        values[count] = strtod(at, &stop);
        if (stop == at || stop > end || isnan(values[count])) return false;
        if (values[count] > best) best = values[count];
        count++;
        at = stop < end && *stop == ',' ? stop + 1 : stop;
        if (stop < end && *stop != ',') return false;
    }
    if (n == 0 || count != n || at != end) return false;
    for (uint32_t i = 0; i < n; i++) {
        double phred = 10.0 * (best - values[i]);
        pl[i] = phred < (double)PL_MOST ? (uint32_t)lround(phred) : PL_MOST;
    }
    return true;
}

uint32_t kuni_likelihoods_lack(const uint32_t *pl, uint32_t n)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (pl[i] < least) least = pl[i];
    return n > 0 && least >= LEAST_LACK ? least : 0;
}

static bool names_other_allele(const kuni_gvcf_record *record)
{
    for (uint32_t i = 0; i < record->n_alts; i++)
        if (kuni_is_other_allele(record->alts[i])) return true;
    return false;
}

static bool has_likelihoods(const kuni_gvcf_record *record)
{
    return record->fields[FIELD_PL].length || record->fields[FIELD_GL].length;
}

/* Likelihoods of which one is better than another. */
static bool has_deciding_likelihoods(const kuni_gvcf_record *record)
{
    kuni_text_view pl = record->fields[FIELD_PL];
    if (record->fields[FIELD_GL].length) return true;
    for (size_t i = 0; i < pl.length; i++)
        if (pl.at[i] >= '1' && pl.at[i] <= '9') return true;
    return false;
}

/*
 * The only smallest likelihood is the call, the second less the smallest its quality. It stays a
 * no-call where two are equal or where the best has the allele that was not seen. Records without
 * such an allele (finished calls, perhaps masked) and those with FILTER NoCall are believed.
 */
static kuni_status derive_genotype(const kuni_convert *convert, const kuni_gvcf_record *record,
                                   kuni_called *called, kuni_error *err)
{
    uint32_t n = record->n_alts + 1, n_diploid = n * (n + 1) / 2;
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    uint32_t *all = kuni_arena_alloc(arena, n_diploid, sizeof(*all), err);
    if (!all) return KUNI_MEMORY;
    bool haploid = called->ploidy < 2 && kuni_likelihoods_read(record, n, all);
    if (!haploid && !kuni_likelihoods_read(record, n_diploid, all)) return KUNI_OK;
    int ploidy = haploid ? 1 : kuni_called_ploidy(convert, called, record->pos);
    uint32_t least = UINT32_MAX, second = UINT32_MAX, best[2] = {0, 0};
    for (uint32_t b = 0; b < n; b++)
        for (uint32_t a = ploidy == 1 ? b : 0; a <= b; a++) {
            uint32_t value = haploid ? all[b] : all[b * (b + 1) / 2 + a];
            if (value < least) {
                second = least;
                least = value;
                best[0] = a;
                best[1] = b;
            } else if (value < second)
                second = value;
        }
    if (least == second) return KUNI_OK;
    for (int i = 0; i < 2; i++)
        if (best[i] > 0 && kuni_is_other_allele(record->alts[best[i] - 1])) return KUNI_OK;
    uint32_t least_alt = UINT32_MAX; /* of one copy */
    for (uint32_t a = 1; a < n && !haploid; a++)
        if (all[a * (a + 3) / 2] < least_alt) least_alt = all[a * (a + 3) / 2];
    called->open = called->open && !haploid;
    called->gq_one = !haploid && least_alt > all[0] ? (int64_t)least_alt - all[0] : 0;
    called->ploidy = ploidy;
    called->gt[0] = (int)best[0];
    called->gt[1] = ploidy == 2 ? (int)best[1] : -1;
    called->gq = (int64_t)second - least;
    called->phased = false;
    if (record->pos >= convert->shard.beg && record->pos < convert->shard.end)
        convert->counts->derived_gt++;
    return KUNI_OK;
}

/* --- the mitochondrion --- */

/* The fraction of the reads that show ALT number `allele`; -1 where the record does not tell. */
static double fraction_of(const kuni_gvcf_record *record, int allele)
{
    uint32_t reads[KUNI_GVCF_ALLELES_MAX + 1];
    int n = kuni_view_numbers(record->fields[FIELD_AD], reads, KUNI_GVCF_ALLELES_MAX + 1);
    if (n == (int)record->n_alts + 1) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += reads[i];
        if (sum > 0) return reads[allele] / sum;
    }
    kuni_text_view list = record->fields[FIELD_AF];
    const char *at = list.at, *end = at ? at + list.length : at;
    for (int i = 1; at && at < end; i++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        double value;
        if (i == allele)
            return kuni_view_real((kuni_text_view){.at = at, .length = (size_t)(stop - at)}, &value)
                       ? value
                       : -1;
        at = comma ? comma + 1 : end;
    }
    return -1;
}

/*
 * Of all alleles that the genotype has, however many copies it is of, the ALT with the largest
 * fraction, if that is large enough; REF else. Where the record tells of no fraction the ALT is
 * believed.
 */
static bool take_mixture(const kuni_convert *convert, const kuni_gvcf_record *record,
                         kuni_called *called)
{
    kuni_text_view gt = record->fields[FIELD_GT];
    const char *at = gt.at, *end = gt.at + gt.length;
    int best = -1, copies = 0;
    double most = -1;
    bool called_any = false;
    if (at < end && (*at == '/' || *at == '|')) at++;
    for (; at < end; at++) {
        int allele;
        if (!take_allele(&at, end, record->n_alts + 1, &allele)) return false;
        if (at < end && *at != '/' && *at != '|') return false;
        copies++;
        called_any |= allele >= 0;
        if (allele <= 0 || kuni_is_other_allele(record->alts[allele - 1])) continue;
        double fraction = fraction_of(record, allele);
        if (fraction >= 0 && fraction < convert->mito_min_fraction) continue;
        if (best > 0 && fraction <= most) continue;
        best = allele;
        most = fraction;
    }
    if (copies < 2) return false;
    *called = (kuni_called){.ploidy = 1, .gt = {-1, -1}, .gq = -1, .gq_one = -1, .mixture = true};
    if (called_any) called->gt[0] = best > 0 ? best : 0;
    return true;
}

/* --- all together --- */

static bool has_other(const kuni_gvcf_record *record, const kuni_called *called)
{
    for (int i = 0; i < 2; i++)
        if (called->gt[i] > 0 && kuni_is_other_allele(record->alts[called->gt[i] - 1])) return true;
    return false;
}

kuni_status kuni_called_read(const kuni_convert *convert, const kuni_gvcf_record *record,
                             kuni_called *called, kuni_error *err)
{
    kuni_text_view gt = record->fields[FIELD_GT];
    *called = (kuni_called){.gt = {-1, -1}, .gq = -1, .gq_one = -1};
    bool mixture = convert->mitochondrial && gt.length > 1 &&
                   kuni_convert_copies(convert, record->pos) == 1 &&
                   take_mixture(convert, record, called);
    if (!mixture && (!parse_genotype(gt, record->n_alts + 1, called) ||
                     (called->polyploid && record->fields[FIELD_PL].length > 0)))
        return kuni_fail(err, KUNI_DATA,
                         "genotype '%.*s' is none of one or two copies of the %u alleles",
                         gt.length > 64 ? 64 : (int)gt.length, gt.at, record->n_alts + 1);
    called->open =
        called->ploidy == 0 && kuni_convert_copies(convert, record->pos) == KUNI_COPIES_EITHER;
    if (kuni_called_is_no_call(called) && has_likelihoods(record)) {
        bool open = convert->combined && !record->no_call;
        if (open && names_other_allele(record))
            return derive_genotype(convert, record, called, err);
        if (!(open && gt.length == 0) && !record->only_other && has_deciding_likelihoods(record))
            called->worth = CALLED_MASKED;
        return KUNI_OK;
    }
    if (record->no_call && !record->only_other && kuni_called_is_no_call(called))
        called->worth = CALLED_MASKED;
    if (called->ploidy == 2 && (called->gt[0] < 0) != (called->gt[1] < 0))
        called->worth = CALLED_HALF;
    else if (has_other(record, called))
        called->worth = CALLED_UNLISTED;
    return KUNI_OK;
}
