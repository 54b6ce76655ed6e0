/* SPDX-License-Identifier: MIT */
#include "convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "called.h"

enum {
    PL_MOST = 65533, /* KUNI_PL_MISSING and above mean something else */
    ALLELES_MAX = KUNI_EVENT_ALLELES_MAX,
    UNKNOWN_MQ = 0,
    HETEROZYGOTE_PHRED = 30 /* one base in a thousand: what a QUAL is less than PL of 0/0 by */
};

static bool in_shard(const kuni_convert *convert, int64_t pos)
{
    return pos >= convert->shard.beg && pos < convert->shard.end;
}

/* --- numbers --- */

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
        if (kuni_likelihoods_read(record, count, pl) && count > 1) return gq_of(pl, count);
    }
    /* Each read that shows REF doubles the odds against a heterozygote: 3 phred. */
    return depth < 0 ? 0 : 3 * depth;
}

/*
 * Homozygous reference without a number that says how sure: a finished call set of bare genotypes.
 */
static bool is_bare_reference(const kuni_gvcf_record *record, const kuni_called *called)
{
    static const int qualities[] = {FIELD_GQ, FIELD_GQX, FIELD_RGQ};
    return called->gt[0] == 0 && (called->ploidy == 1 || called->gt[1] == 0) &&
           first_known(record, qualities, 3) < 0 && !record->fields[FIELD_PL].length &&
           !record->fields[FIELD_GL].length;
}

/* PL of which 0/0 is not the only smallest: the reads do not say that it is the reference. */
static bool is_undecided(const kuni_gvcf_record *record)
{
    kuni_text_view pl = record->fields[FIELD_PL];
    const char *comma = pl.length > 0 ? memchr(pl.at, ',', pl.length) : NULL;
    if (!comma || comma + 1 == pl.at + pl.length) return false;
    return comma - pl.at != 1 || pl.at[0] != '0' ||
           (comma[1] == '0' && (comma + 2 == pl.at + pl.length || comma[2] == ','));
}

static bool is_no_call(const kuni_called *called)
{
    return kuni_called_is_no_call(called) || called->worth == CALLED_HALF;
}

static void count_worth(const kuni_convert *convert, const kuni_gvcf_record *record,
                        const kuni_called *called)
{
    if (!in_shard(convert, record->pos)) return;
    convert->counts->half_calls += called->worth == CALLED_HALF;
    convert->counts->masked += called->worth == CALLED_MASKED;
    convert->counts->unlisted += called->worth == CALLED_UNLISTED;
}

static kuni_status convert_block(kuni_convert *convert, const kuni_gvcf_record *record,
                                 const kuni_called *called, kuni_error *err)
{
    enum { DP_MOST = KUNI_MIN_DP_MISSING - 1 };
    static const int least_fields[] = {FIELD_MIN_DP, FIELD_DP, FIELD_MED_DP};
    static const int usual_fields[] = {FIELD_DP, FIELD_MED_DP, FIELD_MIN_DP};
    int64_t least = first_known(record, least_fields, 3),
            usual = first_known(record, usual_fields, 3);
    if (least < 0) least = usual = sum_of_field(record->fields[FIELD_AD]);
    if (least < 0 && !convert->several_samples) /* else it is the depth of all samples */
        least = usual = kuni_view_number(record->infos[INFO_DP]);
    int ploidy = kuni_called_ploidy(convert, called, record->pos);
    bool stated = least < 0 && is_bare_reference(record, called);
    bool unlisted = called->worth == CALLED_UNLISTED;
    int64_t gq = stated            ? KUNI_IMPORT_STATED_GQ
                 : unlisted        ? 0
                 : called->gq >= 0 ? called->gq
                                   : block_quality(record, ploidy, least);
    int64_t gq_one = called->open && called->gq_one >= 0 ? called->gq_one : gq;
    bool told = record->only_other && record->fields[FIELD_GT].length > 0; /* be it ./. */
    bool silent = least < 0 && !told && (gq == 0 || is_no_call(called));
    if (usual == 0 || silent) {
        convert->counts->no_data += in_shard(convert, record->pos);
        if (record->only_other || !is_no_call(called)) return KUNI_OK;
        /* ./. at a site holds also where a record that spans it, of a deletion say, says 0/0. */
        kuni_block none = {.beg = record->pos,
                           .end = record->pos + 1,
                           .ploidy = (uint8_t)ploidy,
                           .either = called->open};
        return kuni_collect_block(convert->collect, &none, err);
    }
    bool low = is_no_call(called) || (called->gq < 0 && is_undecided(record)) ||
               (gq == 0 && !convert->own);
    if (low) gq = gq_one = 0;
    convert->counts->blocks += in_shard(convert, record->pos);
    convert->counts->filtered += record->filtered && in_shard(convert, record->pos);
    kuni_block block = {.beg = record->pos,
                        .end = record->end,
                        .kind = record->filtered ? KUNI_BLOCK_FILTERED
                                : unlisted       ? KUNI_BLOCK_UNLISTED
                                : stated         ? KUNI_BLOCK_STATED
                                : low            ? KUNI_BLOCK_LOW
                                                 : KUNI_BLOCK_REFERENCE,
                        .ploidy = (uint8_t)ploidy,
                        .gq = capped_gq(gq),
                        .min_dp = (uint16_t)(least < 0         ? KUNI_MIN_DP_MISSING
                                             : least < DP_MOST ? least
                                                               : DP_MOST),
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
                           const kuni_called *called, allele_choice *choice)
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
                               int ploidy, kuni_arena *arena, uint16_t **out, uint32_t *lack,
                               kuni_status *status, kuni_error *err)
{
    uint32_t n = choice->n_record, n_haploid = n, n_diploid = n * (n + 1) / 2;
    uint32_t wanted = ploidy == 1 ? choice->n : choice->n * (choice->n + 1) / 2;
    *out = NULL;
    *lack = 0;
    *status = KUNI_OK;
    if (!record->fields[FIELD_PL].length && !record->fields[FIELD_GL].length) return false;
    uint32_t *all = kuni_arena_alloc(arena, n_diploid, sizeof(*all), err);
    uint16_t *pl = kuni_arena_alloc(arena, wanted, sizeof(*pl), err);
    if (!all || !pl) {
        *status = KUNI_MEMORY;
        return false;
    }
    bool haploid = ploidy == 1 && kuni_likelihoods_read(record, n_haploid, all);
    if (!haploid && !kuni_likelihoods_read(record, n_diploid, all)) return false;
    *lack = kuni_likelihoods_lack(all, haploid ? n_haploid : n_diploid);
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
                           const kuni_called *called, kuni_event *event)
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
    event->dp = (uint32_t)(depth < 0                  ? KUNI_DP_MISSING
                           : depth >= KUNI_DP_MISSING ? KUNI_DP_MISSING - 1
                                                      : depth);
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

/*
 * An N of the reference that stands alone is a letter for several bases: whatever a producer writes
 * there, it is N. In a longer run of them (a gap, a masked part) nothing is known, and the
 * producer's base stands.
 */
static bool stands_alone(const char *bases, int64_t at, int64_t beg, int64_t end)
{
    return (at == beg || bases[at - 1] != 'N') && (at + 1 == end || bases[at + 1] != 'N');
}

/*
 * Holds `ref`, the record's, against the reference and makes it what it should be. *differs: it was
 * another spelling, of a base of which one of them is not sure; KUNI_DATA where both are sure.
 */
static kuni_status check_reference(const kuni_convert *convert, int64_t pos, char *ref,
                                   size_t length, bool *differs, kuni_error *err)
{
    int64_t end = pos + (int64_t)length, beg = pos > 0 ? -1 : 0;
    const char *bases;
    *differs = false;
    if (end > convert->window->contig_bp)
        return kuni_fail(err, KUNI_DATA, "REF reaches beyond the contig's end");
    int64_t behind = end < convert->window->contig_bp ? (int64_t)length + 1 : (int64_t)length;
    kuni_status status =
        kuni_reference_window_get(convert->window, pos + beg, pos + behind, &bases, err);
    if (status) return status;
    bases -= beg;
    for (int64_t i = 0; i < (int64_t)length; i++) {
        if (ref[i] == bases[i]) continue;
        if (bases[i] == 'N' && !stands_alone(bases, i, beg, behind)) continue;
        *differs = true;
        if (ref[i] == 'N' || bases[i] == 'N') {
            ref[i] = bases[i];
            continue;
        }
        convert->counts->ref_differs += in_shard(convert, pos);
        return kuni_fail(err, KUNI_DATA,
                         "REF has %c where the reference has %c: it was made on another reference",
                         ref[i], bases[i]);
    }
    convert->counts->ref_differs += *differs && in_shard(convert, pos);
    return KUNI_OK;
}

/*
 * The reference file's bases take the place of the record's, in REF and in those of the ALTs' bases
 * that are REF's own: from the left, and from the right.
 */
static void adopt_reference(kuni_allele_text *texts, size_t n, const char *ref, const char *bases)
{
    size_t length = texts[0].length;
    for (size_t a = 1; a < n; a++) {
        char *alt = texts[a].text;
        size_t most = texts[a].length < length ? texts[a].length : length, front = 0, back = 0;
        for (; front < most && alt[front] == ref[front]; front++) alt[front] = bases[front];
        for (; front + back < most; back++) {
            char *base = &alt[texts[a].length - 1 - back];
            if (*base != ref[length - 1 - back]) break;
            *base = bases[length - 1 - back];
        }
    }
}

static bool same_as_reference(const kuni_allele_text *texts, size_t n)
{
    for (size_t a = 1; a < n; a++)
        if (texts[a].length == texts[0].length &&
            memcmp(texts[a].text, texts[0].text, texts[0].length) == 0)
            return true;
    return false;
}

/* The texts of the record, which normalising changes in place. NULL: no memory. */
static const char *const *keep_spelling(kuni_arena *arena, const kuni_allele_text *texts,
                                        const uint32_t *place, uint32_t n,
                                        const char *const *alleles, uint32_t n_alleles,
                                        kuni_error *err)
{
    const char **kept = kuni_arena_alloc(arena, n_alleles, sizeof(*kept), err);
    if (!kept) return NULL;
    memcpy(kept, alleles, n_alleles * sizeof(*kept));
    for (uint32_t i = 0; i < n; i++) {
        kept[place[i]] = kuni_arena_strndup(arena, texts[i].text, texts[i].length, err);
        if (!kept[place[i]]) return NULL;
    }
    return kept;
}

/* Together, then each ALT by itself; `from`: where the record stands. */
static kuni_status normalise_texts(const kuni_convert *convert, kuni_allele_text *texts, uint32_t n,
                                   int64_t from, int64_t *pos, kuni_error *err)
{
    kuni_status status = kuni_normalise(texts, n, pos, convert->max_shift, convert->window, err);
    int64_t used = from > *pos ? from - *pos : 0;
    return status ? status
                  : kuni_normalise_apart(texts, n, pos, convert->max_shift - used, convert->window,
                                         err);
}

kuni_status kuni_convert_normalise(void *context, kuni_event *event, kuni_error *err)
{
    const kuni_convert *convert = context;
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    kuni_allele_text texts[ALLELES_MAX];
    uint32_t place[ALLELES_MAX], n = 0;
    size_t room = (size_t)convert->max_shift;
    const char **alleles = kuni_arena_alloc(arena, event->n_alleles, sizeof(*alleles), err);
    if (!alleles) return KUNI_MEMORY;
    memcpy(alleles, event->alleles, event->n_alleles * sizeof(*alleles));
    for (uint32_t i = 0; i < event->n_alleles; i++) {
        size_t length = strlen(alleles[i]);
        if (alleles[i][0] == '*' || alleles[i][0] == '<') continue;
        char *copy = kuni_arena_alloc(arena, room + length + 1, 1, err);
        if (!copy) return KUNI_MEMORY;
        memcpy(copy + room, alleles[i], length);
        texts[n] = (kuni_allele_text){.text = copy + room, .length = length};
        place[n++] = i;
    }
    kuni_status status = normalise_texts(convert, texts, n, event->pos, &event->pos, err);
    for (uint32_t i = 0; i < n && !status; i++) {
        texts[i].text[texts[i].length] = '\0';
        alleles[place[i]] = texts[i].text;
    }
    event->alleles = alleles;
    return status;
}

/* Texts of the chosen alleles, normalised, with the event's position. */
static kuni_status make_alleles(const kuni_convert *convert, const kuni_gvcf_record *record,
                                const allele_choice *choice, kuni_event *event,
                                kuni_record_facts *facts, kuni_error *err)
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
    if (n == 0) return kuni_fail(err, KUNI_BUG, "an event without a reference");
    bool differs;
    const char *own = kuni_arena_strndup(arena, texts[0].text, texts[0].length, err);
    if (!own) return KUNI_MEMORY;
    kuni_status status =
        check_reference(convert, record->pos, texts[0].text, texts[0].length, &differs, err);
    if (status) return status;
    if (differs) {
        adopt_reference(texts, n, own, texts[0].text);
        if (same_as_reference(texts, n))
            return kuni_fail(err, KUNI_DATA, "an ALT is what the reference has");
    }
    event->pos = record->pos;
    if (!simple) {
        facts->spelled = keep_spelling(arena, texts, place, n, alleles, choice->n, err);
        if (!facts->spelled) return KUNI_MEMORY;
        status = normalise_texts(convert, texts, n, record->pos, &event->pos, err);
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

/*
 * Of a mixture, from likelihoods of a diploid model: an allele is there in any genotype that has it.
 */
static bool mixture_likelihoods(const kuni_gvcf_record *record, const allele_choice *choice,
                                kuni_arena *arena, uint16_t **out, kuni_status *status,
                                kuni_error *err)
{
    uint32_t n = choice->n_record, count = n * (n + 1) / 2, least = UINT32_MAX;
    *out = NULL;
    uint32_t *all = kuni_arena_alloc(arena, count, sizeof(*all), err);
    uint32_t *best = kuni_arena_alloc(arena, choice->n, sizeof(*best), err);
    uint16_t *pl = kuni_arena_alloc(arena, choice->n, sizeof(*pl), err);
    *status = all && best && pl ? KUNI_OK : KUNI_MEMORY;
    if (*status || !kuni_likelihoods_read(record, count, all)) return false;
    for (uint32_t i = 0; i < choice->n; i++) {
        best[i] = i ? UINT32_MAX : all[0];
        for (uint32_t k = 0; k < n && i; k++) {
            uint32_t value = all[genotype_index(choice->of[i], k)];
            if (value < best[i]) best[i] = value;
        }
        if (best[i] < least) least = best[i];
    }
    for (uint32_t i = 0; i < choice->n; i++)
        pl[i] = (uint16_t)(best[i] - least < PL_MOST ? best[i] - least : PL_MOST);
    *out = pl;
    return true;
}

static kuni_status fill_event(kuni_convert *convert, const kuni_gvcf_record *record,
                              const kuni_called *called, const allele_choice *choice,
                              kuni_event *event, kuni_record_facts *facts, kuni_error *err)
{
    static const int quality_fields[] = {FIELD_GQ, FIELD_GQX};
    kuni_arena *arena = kuni_collect_arena(convert->collect);
    kuni_status status;
    uint16_t *pl = NULL;
    event->ploidy = (uint8_t)kuni_called_ploidy(convert, called, record->pos);
    event->n_alleles = (uint8_t)choice->n;
    event->gt[0] = event->gt[1] = -1;
    for (int i = 0; i < called->ploidy; i++)
        if (called->gt[i] >= 0) event->gt[i] = (int8_t)chosen_allele(choice, called->gt[i]);
    if (record->filtered || called->worth == CALLED_MASKED) event->flags |= KUNI_EVENT_FILTERED;
    if (choice->other) event->flags |= KUNI_EVENT_OTHER;
    if (called->phased && called->ploidy == 2) event->flags |= KUNI_EVENT_PHASED;
    event->phase_set = -1;
    int64_t set = kuni_view_number(record->fields[FIELD_PS]);
    if ((event->flags & KUNI_EVENT_PHASED) && set > 0 && set < INT32_MAX)
        event->phase_set = set - 1;
    status = read_depths(convert, record, choice, arena, event, err);
    if (status) return status;
    int64_t gq = called->gq >= 0 ? called->gq : first_known(record, quality_fields, 2);
    bool has;
    if (!called->mixture)
        has = choose_likelihoods(record, choice, event->ploidy, arena, &pl, &facts->lack, &status,
                                 err);
    else /* of too small a fraction: REF, whatever the likelihoods say */
        has = called->gt[0] != 0 && mixture_likelihoods(record, choice, arena, &pl, &status, err);
    if (status) return status;
    if (called->mixture && has) gq = -1;
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
    event->mq = mapping_quality(record, event->dp == KUNI_DP_MISSING ? 0 : event->dp,
                                convert->several_samples);
    read_strands(record, event->sb);
    read_rank_sums(convert, record, called, event);
    return KUNI_OK;
}

static kuni_status convert_event(kuni_convert *convert, const kuni_gvcf_record *record,
                                 const kuni_called *called, kuni_error *err)
{
    allele_choice choice;
    if (!choose_alleles(convert, record, called, &choice))
        return kuni_fail(err, KUNI_DATA, "more than %d alleles of one sample", ALLELES_MAX - 2);
    convert->counts->symbolic += record->has_symbolic && in_shard(convert, record->pos);
    if (choice.n - choice.other == 1) { /* nothing of this sample is left but REF */
        bool symbolic = called->gt[0] > 0 || called->gt[1] > 0;
        if (symbolic && called->worth != CALLED_UNLISTED) return KUNI_OK;
        return convert_block(convert, record, called, err);
    }
    kuni_event event = {.flags = 0};
    kuni_record_facts facts = {.beg = record->pos,
                               .end = record->pos + (int64_t)record->ref.length,
                               .half = called->worth == CALLED_HALF,
                               .mixture = called->mixture};
    kuni_status status = make_alleles(convert, record, &choice, &event, &facts, err);
    if (!status) status = fill_event(convert, record, called, &choice, &event, &facts, err);
    if (status) return status;
    bool reference = called->gt[0] <= 0 && called->gt[1] <= 0 && called->worth == CALLED_SOUND;
    if (reference && (event.dp == 0 || event.dp == KUNI_DP_MISSING) && event.gq == 0)
        return convert_block(convert, record, called, err);
    convert->counts->events += in_shard(convert, event.pos);
    convert->counts->filtered += record->filtered && in_shard(convert, event.pos);
    return kuni_collect_event(convert->collect, &event, &facts, err);
}

/*
 * Only the base is checked that costs nothing: within the window. Of a block whose first base is
 * another one the rest is taken.
 */
static kuni_status convert_reference(kuni_convert *convert, kuni_gvcf_record *record,
                                     const kuni_called *called, kuni_error *err)
{
    char base;
    bool differs;
    kuni_text_view first = {.at = record->ref.at, .length = 1};
    if (record->pos < convert->window->loaded.beg || record->pos >= convert->window->loaded.end)
        return convert_block(convert, record, called, err);
    if (!copy_sequence(first, &base)) return kuni_fail(err, KUNI_DATA, "REF holds what is no base");
    kuni_status bad = check_reference(convert, record->pos, &base, 1, &differs, err);
    if (!bad) return convert_block(convert, record, called, err);
    kuni_error late = KUNI_ERROR_INIT;
    if (bad == KUNI_DATA && ++record->pos < record->end)
        (void)convert_block(convert, record, called, &late);
    return bad;
}

kuni_status kuni_convert_record(kuni_convert *convert, kuni_gvcf_record *record, kuni_error *err)
{
    kuni_called called;
    convert->counts->records += in_shard(convert, record->pos);
    kuni_status status = kuni_called_read(convert, record, &called, err);
    if (status) return status;
    if (record->end > convert->window->contig_bp)
        return kuni_fail(err, KUNI_DATA, "the record reaches beyond the contig's end");
    count_worth(convert, record, &called);
    return record->only_other ? convert_reference(convert, record, &called, err)
                              : convert_event(convert, record, &called, err);
}
