/* SPDX-License-Identifier: MIT */
#include "convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PL_MOST = 65533, /* KUNI_PL_MISSING and above mean something else */
    ALLELES_MAX = KUNI_EVENT_ALLELES_MAX,
    UNKNOWN_MQ = 0,
    HETEROZYGOTE_PHRED = 30 /* one base in a thousand: what a QUAL is less than PL of 0/0 by */
};

typedef struct genotype {
    int ploidy; /* 0: none given */
    int gt[2];  /* -1: not called */
    int64_t gq; /* of a genotype that the likelihoods gave; -1: as the record says */
    bool phased;
    bool polyploid; /* more than two copies, none of them called */
    bool open;      /* GT tells of no copies, and there may be one or two */
    int64_t gq_one; /* where open, of a genotype that the likelihoods gave: gq with one copy */
} genotype;

static bool is_no_call(const genotype *called)
{
    return called->gt[0] < 0 && called->gt[1] < 0;
}

/* False where it is no genotype of at most two copies. */
static bool parse_genotype(kuni_text_view view, uint32_t n_alleles, genotype *called)
{
    *called = (genotype){.ploidy = 0, .gt = {-1, -1}, .gq = -1, .gq_one = -1};
    if (view.length == 0) return true;
    const char *at = view.at, *end = view.at + view.length;
    if (at < end && (*at == '/' || *at == '|')) at++; /* VCF 4.4: a phase before the first allele */
    while (at < end) {
        if (*at == '.' && called->ploidy == 2 && is_no_call(called)) {
            called->ploidy =
                0; /* ././. says nothing, unless likelihoods of as many copies follow */
            called->polyploid = true;
            return strspn(at, "./|") >= (size_t)(end - at);
        }
        if (called->ploidy == 2) return false;
        if (*at == '.')
            at++;
        else {
            const char *start = at;
            uint32_t allele = 0;
            while (at < end && *at >= '0' && *at <= '9' && allele < n_alleles)
                allele = allele * 10 + (uint32_t)(*at++ - '0');
            if (at == start || allele >= n_alleles) return false;
            called->gt[called->ploidy] = (int)allele;
        }
        called->ploidy++;
        if (at == end) break;
        if (*at != '/' && *at != '|') return false;
        if (*at == '|') called->phased = true;
        at++;
    }
    return true;
}

static int copies_at(const kuni_convert *convert, int64_t pos)
{
    int64_t until;
    return kuni_ploidy_evidence(convert->ploidy, convert->shard.tid, pos, &until);
}

static int ploidy_of(const kuni_convert *convert, const genotype *called, int64_t pos)
{
    if (called->ploidy > 0) return called->ploidy;
    return copies_at(convert, pos) == 1 ? 1 : 2;
}

static bool in_shard(const kuni_convert *convert, int64_t pos)
{
    return pos >= convert->shard.beg && pos < convert->shard.end;
}

/* --- numbers --- */

/* Likelihoods by PL or GL over n genotypes, smallest 0; false where there are none or not n. */
static bool read_likelihoods(const kuni_gvcf_record *record, uint32_t n, uint32_t *pl)
{
    if (record->fields[FIELD_PL].length > 0)
        return kuni_view_numbers(record->fields[FIELD_PL], pl, (int)n) == (int)n;
    kuni_text_view gl = record->fields[FIELD_GL];
    if (gl.length == 0) return false;
    const char *at = gl.at, *end = gl.at + gl.length;
    double values[ALLELES_MAX * (ALLELES_MAX + 1) / 2], best = -INFINITY;
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
        pl[i] = phred < PL_MOST ? (uint32_t)lround(phred) : PL_MOST;
    }
    return true;
}

/* Second smallest less smallest. */
static int64_t gq_of(const uint32_t *pl, uint32_t n)
{
    uint32_t least = UINT32_MAX, second = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (pl[i] < least) {
            second = least;
            least = pl[i];
        } else if (pl[i] < second)
            second = pl[i];
    return n < 2 ? -1 : (int64_t)second - least;
}

static int64_t first_known(const kuni_gvcf_record *record, const int *fields, int n)
{
    for (int i = 0; i < n; i++) {
        int64_t value = kuni_view_number(record->fields[fields[i]]);
        if (value >= 0) return value;
    }
    return -1;
}

static int64_t sum_of_field(kuni_text_view view)
{
    uint32_t values[KUNI_GVCF_ALLELES_MAX + 1];
    int n = kuni_view_numbers(view, values, KUNI_GVCF_ALLELES_MAX + 1);
    if (n <= 0) return -1;
    int64_t sum = 0;
    for (int i = 0; i < n; i++) sum += values[i];
    return sum;
}

static bool names_other_allele(const kuni_gvcf_record *record)
{
    for (uint32_t i = 0; i < record->n_alts; i++)
        if (kuni_is_other_allele(record->alts[i])) return true;
    return false;
}

/*
 * GATK's CombineGVCFs writes ./. everywhere and leaves the genotypes to the likelihoods: the only
 * smallest one is the call, the second less the smallest its quality. It stays a no-call where two
 * are equal or where the best has the allele that was not seen. Records without such an allele
 * (finished calls, perhaps masked) and those with FILTER NoCall are believed: their ./. is meant.
 */
static kuni_status derive_genotype(const kuni_convert *convert, const kuni_gvcf_record *record,
                                   genotype *called, kuni_error *err)
{
    uint32_t n = record->n_alts + 1, n_diploid = n * (n + 1) / 2;
    if (!is_no_call(called) || record->no_call || !names_other_allele(record) ||
        (!record->fields[FIELD_PL].length && !record->fields[FIELD_GL].length))
        return KUNI_OK;
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    uint32_t *all = kuni_arena_alloc(arena, n_diploid, sizeof(*all), err);
    if (!all) return KUNI_MEMORY;
    bool haploid = called->ploidy < 2 && read_likelihoods(record, n, all);
    if (!haploid && !read_likelihoods(record, n_diploid, all)) return KUNI_OK;
    int ploidy = haploid ? 1 : ploidy_of(convert, called, record->pos);
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
    convert->counts->derived_gt += in_shard(convert, record->pos);
    return KUNI_OK;
}

static uint8_t capped_gq(int64_t gq)
{
    return (uint8_t)(gq < 0 ? 0 : gq > 99 ? 99 : gq);
}

/* --- blocks --- */

static int64_t block_quality(const kuni_gvcf_record *record, int ploidy, int64_t depth)
{
    static const int fields[] = {FIELD_GQ, FIELD_GQX, FIELD_RGQ};
    int64_t gq = first_known(record, fields, 3);
    if (gq >= 0) return gq;
    uint32_t pl[6], n = record->n_alts + 1;
    if (n <= 2 && (record->fields[FIELD_PL].length || record->fields[FIELD_GL].length)) {
        uint32_t count = ploidy == 1 ? n : n * (n + 1) / 2;
        if (read_likelihoods(record, count, pl) && count > 1) return gq_of(pl, count);
    }
    /* Each read that shows REF doubles the odds against a heterozygote: 3 phred. */
    return depth < 0 ? 0 : 3 * depth;
}

/*
 * Homozygous reference without a number that says how sure: a finished call set of bare genotypes.
 */
static bool is_bare_reference(const kuni_gvcf_record *record, const genotype *called)
{
    static const int qualities[] = {FIELD_GQ, FIELD_GQX, FIELD_RGQ};
    return called->gt[0] == 0 && (called->ploidy == 1 || called->gt[1] == 0) &&
           first_known(record, qualities, 3) < 0 && !record->fields[FIELD_PL].length &&
           !record->fields[FIELD_GL].length;
}

static kuni_status convert_block(kuni_convert *convert, const kuni_gvcf_record *record,
                                 const genotype *called, kuni_error *err)
{
    static const int least_fields[] = {FIELD_MIN_DP, FIELD_DP, FIELD_MED_DP};
    static const int usual_fields[] = {FIELD_DP, FIELD_MED_DP, FIELD_MIN_DP};
    int64_t least = first_known(record, least_fields, 3),
            usual = first_known(record, usual_fields, 3);
    if (least < 0) least = usual = sum_of_field(record->fields[FIELD_AD]);
    if (least < 0 && !convert->several_samples) /* else it is the depth of all samples */
        least = usual = kuni_view_number(record->infos[INFO_DP]);
    int ploidy = ploidy_of(convert, called, record->pos);
    bool stated = least < 0 && is_bare_reference(record, called);
    if (stated) least = usual = KUNI_IMPORT_STATED_DP;
    int64_t gq = stated            ? KUNI_IMPORT_STATED_GQ
                 : called->gq >= 0 ? called->gq
                                   : block_quality(record, ploidy, least);
    int64_t gq_one = called->open && called->gq_one >= 0 ? called->gq_one : gq;
    if (usual == 0 || (least < 0 && gq == 0) || (least < 0 && is_no_call(called))) {
        convert->counts->no_data += in_shard(convert, record->pos);
        if (record->only_other || !is_no_call(called)) return KUNI_OK;
        /* ./. at a site holds also where a record that spans it, of a deletion say, says 0/0. */
        kuni_block none = {.beg = record->pos,
                           .end = record->pos + 1,
                           .ploidy = (uint8_t)ploidy,
                           .either = called->open};
        return kuni_collect_block(convert->collect, &none, err);
    }
    if (least < 0) least = (gq + 2) / 3;
    if (is_no_call(called)) gq = gq_one = 0;
    convert->counts->blocks += in_shard(convert, record->pos);
    convert->counts->filtered += record->filtered && in_shard(convert, record->pos);
    kuni_block block = {.beg = record->pos,
                        .end = record->end,
                        .kind = record->filtered ? KUNI_BLOCK_FILTERED : KUNI_BLOCK_REFERENCE,
                        .ploidy = (uint8_t)ploidy,
                        .gq = capped_gq(gq),
                        .min_dp = (uint16_t)(least < UINT16_MAX ? least : UINT16_MAX),
                        .gq_one = called->open ? capped_gq(gq_one) : 0,
                        .either = called->open};
    return kuni_collect_block(convert->collect, &block, err);
}

/* --- events --- */

/* The alleles of an event: which of the record's they are, REF first, <*> last. */
typedef struct allele_choice {
    uint16_t of[ALLELES_MAX]; /* 0: REF, i: alts[i - 1] */
    uint32_t n;
    bool other;
    uint32_t n_record; /* alleles of the record */
} allele_choice;

static bool is_star(kuni_text_view alt)
{
    return alt.at[0] == '*' || (alt.length == 7 && memcmp(alt.at, "<*:DEL>", 7) == 0);
}

static bool is_sequence(kuni_text_view alt)
{
    return ((uint8_t)alt.at[0] | 32) >= 'a' && ((uint8_t)alt.at[0] | 32) <= 'z' &&
           !memchr(alt.at, '[', alt.length) && !memchr(alt.at, ']', alt.length) &&
           alt.at[alt.length - 1] != '.';
}

static bool same_letters(kuni_text_view a, kuni_text_view b)
{
    return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

/* False where more ALTs are wanted than an event can hold. */
static bool choose_alleles(const kuni_convert *convert, const kuni_gvcf_record *record,
                           const genotype *called, allele_choice *choice)
{
    uint32_t depths[KUNI_GVCF_ALLELES_MAX + 1];
    uint32_t n_record = record->n_alts + 1, other = 0;
    bool many = record->n_alts > ALLELES_MAX - 2;
    bool by_depth = kuni_view_numbers(record->fields[FIELD_AD], depths,
                                      KUNI_GVCF_ALLELES_MAX + 1) == (int)n_record;
    *choice = (allele_choice){.n = 1, .n_record = n_record};
    for (uint32_t i = 1; i < n_record; i++) {
        kuni_text_view alt = record->alts[i - 1];
        if (kuni_is_other_allele(alt)) {
            other = i;
            continue;
        }
        bool wanted = is_star(alt) || (is_sequence(alt) && !same_letters(alt, record->ref));
        if (convert->several_samples || many)
            wanted = wanted && (called->gt[0] == (int)i || called->gt[1] == (int)i ||
                                (by_depth && depths[i] > 0));
        if (!wanted) continue;
        if (choice->n == ALLELES_MAX - 1) return false;
        choice->of[choice->n++] = (uint16_t)i;
    }
    if (other) {
        choice->of[choice->n++] = (uint16_t)other;
        choice->other = true;
    }
    return true;
}

static size_t genotype_index(uint32_t a, uint32_t b)
{
    return a <= b ? (size_t)b * (b + 1) / 2 + a : (size_t)a * (a + 1) / 2 + b;
}

/*
 * Likelihoods of the chosen alleles, in their order. The record may hold diploid likelihoods of a
 * haploid genotype; then those of two equal copies count.
 */
static bool choose_likelihoods(const kuni_gvcf_record *record, const allele_choice *choice,
                               int ploidy, kuni_arena *arena, uint16_t **out, kuni_status *status,
                               kuni_error *err)
{
    uint32_t n = choice->n_record, n_haploid = n, n_diploid = n * (n + 1) / 2;
    uint32_t wanted = ploidy == 1 ? choice->n : choice->n * (choice->n + 1) / 2;
    *out = NULL;
    *status = KUNI_OK;
    if (!record->fields[FIELD_PL].length && !record->fields[FIELD_GL].length) return false;
    uint32_t *all = kuni_arena_alloc(arena, n_diploid, sizeof(*all), err);
    uint16_t *pl = kuni_arena_alloc(arena, wanted, sizeof(*pl), err);
    if (!all || !pl) {
        *status = KUNI_MEMORY;
        return false;
    }
    bool haploid = ploidy == 1 && read_likelihoods(record, n_haploid, all);
    if (!haploid && !read_likelihoods(record, n_diploid, all)) return false;
    uint32_t least = UINT32_MAX, k = 0;
    for (uint32_t b = 0; b < choice->n; b++)
        for (uint32_t a = ploidy == 1 ? b : 0; a <= b; a++) {
            uint32_t value =
                haploid ? all[choice->of[b]] : all[genotype_index(choice->of[a], choice->of[b])];
            if (value < least) least = value;
        }
    for (uint32_t b = 0; b < choice->n; b++)
        for (uint32_t a = ploidy == 1 ? b : 0; a <= b; a++) {
            uint32_t value =
                haploid ? all[choice->of[b]] : all[genotype_index(choice->of[a], choice->of[b])];
            pl[k++] = (uint16_t)(value - least < PL_MOST ? value - least : PL_MOST);
        }
    *out = pl;
    return true;
}

/* 0 for the called genotype, GQ for each copy by which another differs. */
static uint16_t *derive_likelihoods(const kuni_event *event, uint8_t gq, kuni_arena *arena,
                                    kuni_error *err)
{
    uint32_t n = event->n_alleles, k = 0;
    uint16_t *pl =
        kuni_arena_alloc(arena, event->ploidy == 1 ? n : n * (n + 1) / 2, sizeof(*pl), err);
    for (uint32_t b = 0; pl && b < n; b++)
        for (uint32_t a = event->ploidy == 1 ? b : 0; a <= b; a++) {
            int same;
            if (event->ploidy == 1) {
                same = event->gt[0] == (int)b;
            } else {
                int x = event->gt[0], y = event->gt[1];
                int straight = (x == (int)a) + (y == (int)b),
                    crossed = (x == (int)b) + (y == (int)a);
                same = straight > crossed ? straight : crossed;
            }
            pl[k++] = (uint16_t)((event->ploidy - same) * gq);
        }
    return pl;
}

static uint8_t mapping_quality(const kuni_gvcf_record *record, int64_t depth, bool several)
{
    double mq = -1;
    uint32_t values[2];
    char *stop;
    kuni_text_view view = record->infos[INFO_MQ];
    if (view.length == 0) view = record->fields[FIELD_MQ];
    if (view.length > 0) {
        mq = strtod(view.at, &stop);
        if (stop != view.at + view.length) mq = -1;
    } else if (kuni_view_numbers(record->infos[INFO_RAW_MQ_AND_DP], values, 2) == 2) {
        if (values[1] > 0) mq = sqrt((double)values[0] / values[1]);
    } else if (record->infos[INFO_RAW_MQ].length > 0 && !several) { /* else DP is of more reads */
        int64_t square = kuni_view_number(record->infos[INFO_RAW_MQ]);
        int64_t reads = kuni_view_number(record->infos[INFO_DP]);
        if (reads <= 0) reads = depth;
        if (square >= 0 && reads > 0) mq = sqrt((double)square / (double)reads);
    }
    return (uint8_t)(mq >= 0 ? (mq < 254 ? lround(mq) : 254) : UNKNOWN_MQ);
}

/*
 * The mean z of an allele in a list of each allele's `z,count,z,count...`, with | between alleles.
 */
static bool raw_rank_sum(kuni_text_view list, int allele, double *z)
{
    const char *at = list.at, *end = list.at + list.length;
    for (int i = 0; i < allele; i++) {
        at = memchr(at, '|', (size_t)(end - at));
        if (!at) return false;
        at++;
    }
    const char *bar = memchr(at, '|', (size_t)(end - at));
    if (bar) end = bar;
    double sum = 0, weight = 0;
    while (at < end) {
        double values[2];
        for (int k = 0; k < 2; k++) {
            const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
            const char *stop = comma ? comma : end;
            if (at >= stop ||
                !kuni_view_real((kuni_text_view){.at = at, .length = (size_t)(stop - at)},
                                &values[k]))
                return false;
            at = comma ? comma + 1 : end;
        }
        if (values[1] <= 0) return false;
        sum += values[0] * values[1];
        weight += values[1];
    }
    *z = sum / weight;
    return weight > 0 && isfinite(*z);
}

/* Rank sums of a heterozygote of REF and an ALT, where they are this sample's own. */
static void read_rank_sums(const kuni_convert *convert, const kuni_gvcf_record *record,
                           const genotype *called, kuni_event *event)
{
    const int *gt = called->gt;
    if (convert->several_samples || called->ploidy != 2 || gt[0] < 0 || gt[1] < 0 ||
        (gt[0] == 0) == (gt[1] == 0))
        return;
    for (int i = 0; i < KUNI_RANKS; i++) {
        double z;
        if (kuni_view_real(record->infos[INFO_RANK_SUMS + i], &z) ||
            (record->infos[INFO_RAW_RANK_SUMS + i].length > 0 &&
             raw_rank_sum(record->infos[INFO_RAW_RANK_SUMS + i], gt[0] ? gt[0] : gt[1], &z)))
            event->rank[i] = kuni_rank_code(z);
    }
}

/* Strand counts from SB, from ADF and ADR, or from DP4. */
static void read_strands(const kuni_gvcf_record *record, uint32_t sb[4])
{
    uint32_t forward[KUNI_GVCF_ALLELES_MAX + 1], reverse[KUNI_GVCF_ALLELES_MAX + 1];
    memset(sb, 0, 4 * sizeof(*sb));
    if (kuni_view_numbers(record->fields[FIELD_SB], forward, 4) == 4 ||
        (record->fields[FIELD_ADF].length == 0 &&
         kuni_view_numbers(record->infos[INFO_DP4], forward, 4) == 4)) {
        memcpy(sb, forward, 4 * sizeof(*sb));
        return;
    }
    int n = kuni_view_numbers(record->fields[FIELD_ADF], forward, KUNI_GVCF_ALLELES_MAX + 1);
    int m = kuni_view_numbers(record->fields[FIELD_ADR], reverse, KUNI_GVCF_ALLELES_MAX + 1);
    if (n < 1 || n != m) return;
    sb[0] = forward[0];
    sb[1] = reverse[0];
    for (int i = 1; i < n; i++) {
        sb[2] += forward[i];
        sb[3] += reverse[i];
    }
}

static kuni_status read_depths(const kuni_convert *convert, const kuni_gvcf_record *record,
                               const allele_choice *choice, kuni_arena *arena, kuni_event *event,
                               kuni_error *err)
{
    static const int fields[] = {FIELD_DP, FIELD_DPI, FIELD_MIN_DP};
    uint32_t all[KUNI_GVCF_ALLELES_MAX + 1];
    int64_t sum = 0;
    int n = kuni_view_numbers(record->fields[FIELD_AD], all, KUNI_GVCF_ALLELES_MAX + 1);
    bool known = n == (int)choice->n_record;
    if (known) {
        uint32_t *ad = kuni_arena_alloc(arena, choice->n, sizeof(*ad), err);
        if (!ad) return KUNI_MEMORY;
        for (uint32_t i = 0; i < choice->n; i++) ad[i] = all[choice->of[i]];
        for (int i = 0; i < n; i++) sum += all[i];
        event->ad = ad;
    }
    int64_t depth = first_known(record, fields, 3);
    if (depth < 0 && known) depth = sum;
    if (depth < 0 && !convert->several_samples) depth = kuni_view_number(record->infos[INFO_DP]);
    event->dp = (uint32_t)(depth < 0 ? 0 : depth > UINT32_MAX ? UINT32_MAX : depth);
    return KUNI_OK;
}

/* Upper-case ACGTN; other IUPAC letters become N. False where it is no sequence. */
static bool copy_sequence(kuni_text_view from, char *to)
{
    for (size_t i = 0; i < from.length; i++) {
        uint8_t letter = (uint8_t)from.at[i] & 0xdf;
        if (letter < 'A' || letter > 'Z') return false;
        to[i] =
            letter == 'A' || letter == 'C' || letter == 'G' || letter == 'T' ? (char)letter : 'N';
    }
    return true;
}

static kuni_status check_reference(const kuni_convert *convert, int64_t pos, const char *ref,
                                   size_t length, kuni_error *err)
{
    const char *bases;
    if (pos + (int64_t)length > convert->window->contig_bp)
        return kuni_fail(err, KUNI_DATA, "REF reaches beyond the contig's end");
    kuni_status status =
        kuni_reference_window_get(convert->window, pos, pos + (int64_t)length, &bases, err);
    if (status) return status;
    for (size_t i = 0; i < length; i++)
        if (ref[i] != bases[i] && ref[i] != 'N' && bases[i] != 'N')
            return kuni_fail(
                err, KUNI_DATA,
                "REF has %c where the reference has %c: it was made on another reference", ref[i],
                bases[i]);
    return KUNI_OK;
}

/* Texts of the chosen alleles, normalised, with the event's position. */
static kuni_status make_alleles(const kuni_convert *convert, const kuni_gvcf_record *record,
                                const allele_choice *choice, kuni_event *event, kuni_error *err)
{
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    kuni_allele_text texts[ALLELES_MAX];
    uint32_t place[ALLELES_MAX], n = 0;
    const char **alleles = kuni_arena_alloc(arena, choice->n, sizeof(*alleles), err);
    if (!alleles) return KUNI_MEMORY;
    bool simple = record->ref.length == 1; /* nothing to align */
    for (uint32_t i = 1; i < choice->n - choice->other; i++)
        simple = simple && record->alts[choice->of[i] - 1].length == 1;
    size_t room = simple ? 0 : (size_t)convert->max_shift;
    for (uint32_t i = 0; i < choice->n; i++) {
        kuni_text_view text = choice->of[i] ? record->alts[choice->of[i] - 1] : record->ref;
        if (choice->other && i + 1 == choice->n) {
            alleles[i] = "<*>";
            continue;
        }
        if (i > 0 && is_star(text)) {
            alleles[i] = "*";
            continue;
        }
        char *copy = kuni_arena_alloc(arena, room + text.length + 1, 1, err);
        if (!copy) return KUNI_MEMORY;
        copy += room;
        if (!copy_sequence(text, copy))
            return kuni_fail(err, KUNI_DATA, "an allele holds what is no base");
        texts[n] = (kuni_allele_text){.text = copy, .length = text.length};
        place[n++] = i;
    }
    kuni_status status = check_reference(convert, record->pos, texts[0].text, texts[0].length, err);
    if (status) return status;
    event->pos = record->pos;
    if (!simple) {
        status = kuni_normalise(texts, n, &event->pos, convert->max_shift, convert->window, err);
        if (status) return status;
    }
    for (uint32_t i = 0; i < n; i++) {
        texts[i].text[texts[i].length] = '\0';
        alleles[place[i]] = texts[i].text;
    }
    if ((event->pos != record->pos || texts[0].length != record->ref.length) &&
        in_shard(convert, event->pos))
        convert->counts->normalised++;
    event->alleles = alleles;
    return KUNI_OK;
}

static int chosen_allele(const allele_choice *choice, int allele)
{
    for (uint32_t i = 0; i < choice->n; i++)
        if (choice->of[i] == allele) return (int)i;
    return -1;
}

static kuni_status fill_event(kuni_convert *convert, const kuni_gvcf_record *record,
                              const genotype *called, const allele_choice *choice,
                              kuni_event *event, kuni_error *err)
{
    static const int quality_fields[] = {FIELD_GQ, FIELD_GQX};
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    kuni_status status;
    uint16_t *pl;
    event->ploidy = (uint8_t)ploidy_of(convert, called, record->pos);
    event->n_alleles = (uint8_t)choice->n;
    event->gt[0] = event->gt[1] = -1;
    for (int i = 0; i < called->ploidy; i++)
        if (called->gt[i] >= 0) event->gt[i] = (int8_t)chosen_allele(choice, called->gt[i]);
    if (record->filtered) event->flags |= KUNI_EVENT_FILTERED;
    if (choice->other) event->flags |= KUNI_EVENT_OTHER;
    if (called->phased && called->ploidy == 2) event->flags |= KUNI_EVENT_PHASED;
    event->phase_set = -1;
    int64_t set = kuni_view_number(record->fields[FIELD_PS]);
    if ((event->flags & KUNI_EVENT_PHASED) && set > 0 && set < INT32_MAX)
        event->phase_set = set - 1;
    status = read_depths(convert, record, choice, arena, event, err);
    if (status) return status;
    int64_t gq = called->gq >= 0 ? called->gq : first_known(record, quality_fields, 2);
    bool has = choose_likelihoods(record, choice, event->ploidy, arena, &pl, &status, err);
    if (status) return status;
    uint32_t n = choice->n, n_pl = event->ploidy == 1 ? n : n * (n + 1) / 2;
    if (has && gq < 0) {
        uint32_t least = UINT32_MAX, second = UINT32_MAX;
        for (uint32_t i = 0; i < n_pl; i++)
            if (pl[i] < least) {
                second = least;
                least = pl[i];
            } else if (pl[i] < second)
                second = pl[i];
        gq = n_pl > 1 ? (int64_t)second - least : 0;
    }
    event->gq = capped_gq(gq);
    bool all_called = event->gt[0] >= 0 && (event->ploidy == 1 || event->gt[1] >= 0);
    if (!has && gq > 0 && all_called) {
        pl = derive_likelihoods(event, event->gq, arena, err);
        if (!pl) return KUNI_MEMORY;
        convert->counts->derived_pl += in_shard(convert, event->pos);
    }
    event->pl = pl;
    if (called->open && has && event->ploidy == 2) event->flags |= KUNI_EVENT_EITHER;
    int32_t qual = record->qual;
    if (pl && (qual < 0 || convert->several_samples)) /* else it is of all samples together */
        qual = pl[0] > HETEROZYGOTE_PHRED ? pl[0] - HETEROZYGOTE_PHRED : 0;
    event->qual = (uint16_t)(qual > 0 ? qual : 0);
    event->mq = mapping_quality(record, event->dp, convert->several_samples);
    read_strands(record, event->sb);
    read_rank_sums(convert, record, called, event);
    return KUNI_OK;
}

static kuni_status convert_event(kuni_convert *convert, const kuni_gvcf_record *record,
                                 const genotype *called, kuni_error *err)
{
    allele_choice choice;
    if (!choose_alleles(convert, record, called, &choice))
        return kuni_fail(err, KUNI_DATA, "more than %d alleles of one sample", ALLELES_MAX - 2);
    convert->counts->symbolic += record->has_symbolic && in_shard(convert, record->pos);
    if (choice.n - choice.other == 1) { /* nothing of this sample is left but REF */
        if (called->gt[0] > 0 || called->gt[1] > 0) return KUNI_OK; /* with a symbolic allele */
        return convert_block(convert, record, called, err);
    }
    kuni_event event = {.flags = 0};
    kuni_status status = make_alleles(convert, record, &choice, &event, err);
    if (!status) status = fill_event(convert, record, called, &choice, &event, err);
    if (status) return status;
    bool reference = called->gt[0] <= 0 && called->gt[1] <= 0;
    if (reference && event.dp == 0 && event.gq == 0)
        return convert_block(convert, record, called, err);
    convert->counts->events += in_shard(convert, event.pos);
    convert->counts->filtered += record->filtered && in_shard(convert, event.pos);
    return kuni_collect_event(convert->collect, &event, record->pos,
                              record->pos + (int64_t)record->ref.length, err);
}

kuni_status kuni_convert_record(kuni_convert *convert, const kuni_gvcf_record *record,
                                kuni_error *err)
{
    genotype called;
    if (!parse_genotype(record->fields[FIELD_GT], record->n_alts + 1, &called) ||
        (called.polyploid && record->fields[FIELD_PL].length > 0)) {
        kuni_text_view gt = record->fields[FIELD_GT];
        return kuni_fail(err, KUNI_DATA,
                         "genotype '%.*s' is none of one or two copies of the %u alleles",
                         gt.length > 64 ? 64 : (int)gt.length, gt.at, record->n_alts + 1);
    }
    called.open = called.ploidy == 0 && copies_at(convert, record->pos) == KUNI_COPIES_EITHER;
    kuni_status status = derive_genotype(convert, record, &called, err);
    if (status) return status;
    convert->counts->records += in_shard(convert, record->pos);
    if (record->end > convert->window->contig_bp)
        return kuni_fail(err, KUNI_DATA, "the record reaches beyond the contig's end");
    if (record->only_other) {
        /* Only the base is checked that costs nothing: within the window. */
        char base;
        kuni_text_view first = {.at = record->ref.at, .length = 1};
        if (record->pos >= convert->window->loaded.beg &&
            record->pos < convert->window->loaded.end) {
            if (!copy_sequence(first, &base))
                return kuni_fail(err, KUNI_DATA, "REF holds what is no base");
            status = check_reference(convert, record->pos, &base, 1, err);
            if (status) return status;
        }
        return convert_block(convert, record, &called, err);
    }
    return convert_event(convert, record, &called, err);
}
