/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLANK_BP = 400, /* of the reference, for repeats at the shard's ends */
    REPEAT_UNIT_MOST = 6,
    REPEAT_MOST_BP = 300,
    TRIO_GQ = 20, /* least of all three for a family to tell */
    FOLD_SHIFT = 16
};

/* Labels: see docs/variant-quality.md. */
static const double homozygotes_least = 3, inbreeding_most = 1.645, call_rate_least = 0.95;
static const double excess_phred = 40;
/* Of the logarithm of a sample's depth: samples differ by some 40 %. */
static const double sample_depth_variance = 0.15;
static const int filters_least = 2;

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    return h ^ h >> 31;
}

static uint64_t hash_text(const char *text)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 0x100000001B3u;
    return mix(h);
}

/* --- reading --- */

static int32_t column_of(const kuni_task *task, const char *id)
{
    for (size_t i = 0; id && i < task->n_samples; i++)
        if (strcmp(task->samples[i].id, id) == 0) return task->columns[i];
    return -1;
}

/* Families of which all three are in the call set. */
static kuni_status find_trios(quality_calls *calls, const kuni_task *task, kuni_error *err)
{
    size_t capacity = 0;
    for (size_t i = 0; i < task->n_samples && bcf_hdr_nsamples(calls->header); i++) {
        const kuni_sample *s = &task->samples[i];
        if (task->columns[i] < 0 || !s->father || !s->mother) continue;
        quality_trio trio = {task->columns[i], column_of(task, s->father),
                             column_of(task, s->mother)};
        if (trio.father < 0 || trio.mother < 0) continue;
        kuni_status status =
            kuni_grow((void **)&calls->trios, &capacity, calls->n_trios + 1, sizeof(trio), err);
        if (status) return status;
        calls->trios[calls->n_trios++] = trio;
    }
    return KUNI_OK;
}

kuni_status quality_calls_open(quality_calls *calls, const kuni_task *task, kuni_error *err)
{
    size_t count;
    const kuni_task_file *input = kuni_task_inputs(task, "calls", &count);
    *calls = (quality_calls){.shard = task->shards[task->shard]};
    if (count != 1)
        return kuni_fail(err, KUNI_BUG, "variant-quality: a shard has %zu files of calls", count);
    calls->path = input->path;
    calls->file = hts_open(calls->path, "r");
    if (!calls->file) return kuni_fail_errno(err, "cannot open %s", calls->path);
    if (hts_check_EOF(calls->file) != 1)
        return kuni_fail(err, KUNI_DATA, "%s: truncated: its end marker is missing", calls->path);
    calls->header = bcf_hdr_read(calls->file);
    calls->record = bcf_init();
    if (!calls->header || !calls->record)
        return kuni_fail(err, KUNI_DATA, "%s: its header cannot be read", calls->path);
    calls->contig = kuni_genome_contig(task->genome, calls->shard.tid)->name;
    calls->contig_hash = hash_text(calls->contig);
    calls->mitochondrial = kuni_is_mitochondrial(calls->contig);
    calls->ploidy = task->ploidy;
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0) calls->samples[task->samples[i].sex]++;
    kuni_span span = calls->shard;
    span.beg = span.beg > FLANK_BP ? span.beg - FLANK_BP : 0;
    span.end += FLANK_BP;
    calls->sequence_beg = span.beg;
    kuni_status status =
        kuni_genome_fetch(task->genome, span, &calls->sequence, &calls->sequence_bp, err);
    return status ? status : find_trios(calls, task, err);
}

void quality_calls_close(quality_calls *calls)
{
    if (calls->record) bcf_destroy(calls->record);
    if (calls->header) bcf_hdr_destroy(calls->header);
    if (calls->file) (void)hts_close(calls->file);
    free(calls->sequence);
    free(calls->trios);
    free(calls->ints);
    free(calls->floats);
    *calls = (quality_calls){.path = NULL};
}

kuni_status quality_calls_next(quality_calls *calls, bool *found, kuni_error *err)
{
    int got = bcf_read(calls->file, calls->header, calls->record);
    *found = got == 0;
    if (got < -1 || calls->record->errcode || (!got && bcf_unpack(calls->record, BCF_UN_SHR) < 0))
        return kuni_fail(err, KUNI_DATA, "%s: damaged or truncated", calls->path);
    return KUNI_OK;
}

/* --- numbers of INFO --- */

/* The numbers of an integer tag in calls->ints; how many, 0 where absent. */
static int get_ints(quality_calls *c, const char *tag)
{
    int n = bcf_get_info_int32(c->header, c->record, tag, &c->ints, &c->n_ints);
    return n > 0 ? n : 0;
}

static int get_floats(quality_calls *c, const char *tag)
{
    int n = bcf_get_info_float(c->header, c->record, tag, &c->floats, &c->n_floats);
    return n > 0 ? n : 0;
}

static double get_float(quality_calls *c, const char *tag)
{
    return get_floats(c, tag) == 1 && !bcf_float_is_missing(c->floats[0]) ? (double)c->floats[0]
                                                                          : (double)NAN;
}

static bool is_star(const quality_calls *c, int alt)
{
    return strcmp(c->record->d.allele[alt + 1], "*") == 0;
}

/* Sum over the ALTs but "*". */
static double sum_of_alts(quality_calls *c, const char *tag)
{
    int n = get_ints(c, tag);
    double sum = 0;
    for (int i = 0; i < n && i + 1 < (int)c->record->n_allele; i++)
        if (!is_star(c, i) && c->ints[i] > 0) sum += c->ints[i];
    return sum;
}

/* What several features need. */
typedef struct carriers {
    double n, hets, homs, depth, mean_depth, samples, ac, an;
} carriers;

static void set(quality_site *site, quality_feature k, double value, double noise)
{
    site->value[k] = (float)value;
    site->noise[k] = (float)noise;
}

/* Copies of the place in samples that have any, over two: what depth is to be expected there. */
static double share_of_copies(const quality_calls *c)
{
    double samples = 0, copies = 0;
    for (int sex = 0; c->ploidy && sex < 3; sex++) {
        int64_t until;
        int here = kuni_ploidy_at(c->ploidy, c->shard.tid, c->record->pos, (kuni_sex)sex, &until);
        if (here) samples += c->samples[sex];
        copies += here * c->samples[sex];
    }
    return samples > 0 && copies > 0 ? copies / samples / 2 : 1;
}

/*
 * Phred that the prior of joint-genotype takes off QUAL where carriers have `ac` of `an` copies:
 * theta / pi B(ac - 1/2, an - ac + 1/2), theta as of a SNP, in as many ways as there are hets.
 */
static double surprise(const carriers *h, double an)
{
    static const double ln10 = 2.302585092994045684, ln2 = 0.693147180559945309,
                        ln_pi = 1.144729885849400174;
    double k = h->ac > 1 ? h->ac < an ? h->ac : an : 1;
    double ln = lgamma(k - 0.5) + lgamma(an - k + 0.5) - lgamma(an) - ln_pi + h->hets * ln2;
    double phred = 30 - 10 / ln10 * ln;
    return phred > 0 ? phred : 0;
}

static void measure_depth(quality_calls *c, const carriers *h, quality_site *site)
{
    enum { HET_READ_PHRED_LEAST = 1 };
    double frequency = 0;
    int n = get_floats(c, "EAF");
    for (int i = 0; i < n && i + 1 < (int)c->record->n_allele; i++)
        if (!is_star(c, i)) frequency += (double)c->floats[i];
    double an = get_ints(c, "EAN") == 1 ? c->ints[0] : h->an;
    if (an > 0 && frequency * an < 1) frequency = 1 / an;
    if (h->depth > 0 && an > 0) {
        double sum = (double)c->record->qual + surprise(h, an);
        double reads = h->depth * (1 + h->homs / h->n);
        set(site, QUALITY_DEPTH_QUAL, log(sum / reads + 0.01 * HET_READ_PHRED_LEAST), 2 / h->depth);
    }
    if (h->mean_depth > 0)
        set(site, QUALITY_DEPTH, log(h->mean_depth / share_of_copies(c)),
            (1 / h->mean_depth + sample_depth_variance) / h->n);
    set(site, QUALITY_EXPECTED_COPIES, log((frequency * an + 1) / (h->ac + 1)),
        0.25 / (h->ac + 1) / (h->ac + 1));
}

static void measure_reads(quality_calls *c, const carriers *h, quality_site *site)
{
    static const struct {
        const char *tag;
        quality_feature feature;
    } ranks[] = {{"MQRankSum", QUALITY_MQ_RANK},
                 {"ReadPosRankSum", QUALITY_POSITION_RANK},
                 {"BaseQRankSum", QUALITY_BASE_RANK}};
    for (int i = 0; i < 3; i++)
        set(site, ranks[i].feature, get_float(c, ranks[i].tag), 1 / (h->hets > 1 ? h->hets : 1));
    set(site, QUALITY_MQ, get_float(c, "MQ"), 0);
    if (get_ints(c, "SB") == 4) {
        double t[4], noise = 0;
        for (int i = 0; i < 4; i++) {
            t[i] = c->ints[i] + 0.5;
            noise += 1 / t[i];
        }
        set(site, QUALITY_STRAND_BIAS, log(t[0] * t[3] / (t[1] * t[2])), noise);
        set(site, QUALITY_STRAND_SHARE, t[2] / (t[2] + t[3]), 0.25 / (t[2] + t[3]));
    }
    double sum = 0, weight = 0;
    int n = get_ints(c, "nhet"), m = get_floats(c, "AB");
    for (int i = 0; i < n && i < m && i + 1 < (int)c->record->n_allele; i++) {
        if (is_star(c, i) || bcf_float_is_missing(c->floats[i])) continue;
        sum += (double)c->floats[i] * c->ints[i];
        weight += c->ints[i];
    }
    if (weight > 0 && h->mean_depth > 0)
        set(site, QUALITY_BALANCE, sum / weight, 0.25 / (weight * h->mean_depth));
}

static void measure_calls(quality_calls *c, const carriers *h, quality_site *site)
{
    double rate = get_float(c, "CR");
    set(site, QUALITY_CALL_RATE, log(1 - rate + 0.5 / (h->samples + 1)), 0);
}

/* Length of the longest tandem repeat of units of 1 to 6 bases that holds the base after `pos`. */
static int64_t repeat_at(const quality_calls *c, int64_t pos)
{
    int64_t at = pos + 1 - c->sequence_beg, longest = 0;
    const char *s = c->sequence;
    for (int unit = 1; unit <= REPEAT_UNIT_MOST; unit++) {
        int64_t beg = at, end = at;
        while (end - at < REPEAT_MOST_BP && end + unit < c->sequence_bp && s[end] == s[end + unit])
            end++;
        while (at - beg < REPEAT_MOST_BP && beg > 0 && s[beg - 1] == s[beg - 1 + unit]) beg--;
        int64_t run = end - beg;
        if (run >= 2 * unit && run + unit > longest) longest = run + unit;
    }
    return longest;
}

static void measure_alleles(quality_calls *c, quality_site *site)
{
    const bcf1_t *r = c->record;
    size_t ref = strlen(r->d.allele[0]);
    int64_t longest = 0;
    int alts = 0;
    for (int i = 0; i + 1 < (int)r->n_allele; i++) {
        if (is_star(c, i)) continue;
        int64_t change = (int64_t)strlen(r->d.allele[i + 1]) - (int64_t)ref;
        if (change < 0) change = -change;
        if (change > longest) longest = change;
        alts++;
    }
    site->type = longest > 0;
    if (alts == 1 && ref == 1 && !longest) {
        static const char purines[] = "AG";
        bool a = strchr(purines, r->d.allele[0][0]), b = strchr(purines, r->d.allele[1][0]);
        site->change = a == b ? 1 : 2;
    }
    set(site, QUALITY_REPEAT, log(1 + (double)repeat_at(c, r->pos)), 0);
    set(site, QUALITY_LENGTH, log(1 + (double)longest), 0);
    set(site, QUALITY_ALLELES, log(alts), 0);
}

static carriers count_carriers(quality_calls *c)
{
    carriers h = {.hets = sum_of_alts(c, "nhet")};
    h.homs = sum_of_alts(c, "nhomalt") + sum_of_alts(c, "nhemi");
    h.n = h.hets + h.homs;
    h.ac = sum_of_alts(c, "AC");
    h.an = get_ints(c, "AN") == 1 ? c->ints[0] : 0;
    h.samples = get_ints(c, "NS") == 1 ? c->ints[0] : 0;
    double qd = get_float(c, "QD");
    if (qd > 0 && h.n > 0) {
        h.depth = (double)c->record->qual / qd;
        h.mean_depth = h.depth / h.n;
    }
    return h;
}

bool quality_measure(quality_calls *c, quality_site *site)
{
    *site = (quality_site){.hash = mix(c->contig_hash ^ mix((uint64_t)c->record->pos + 1))};
    site->fold =
        (uint8_t)(mix(c->contig_hash + (uint64_t)(c->record->pos >> FOLD_SHIFT)) % QUALITY_FOLDS);
    for (int k = 0; k < QUALITY_FEATURES; k++) site->value[k] = NAN;
    site->qual = c->record->qual > 0 ? c->record->qual : 0;
    carriers h = count_carriers(c);
    if (h.n <= 0 || c->mitochondrial) return false;
    measure_alleles(c, site);
    measure_depth(c, &h, site);
    measure_reads(c, &h, site);
    measure_calls(c, &h, site);
    return true;
}

/* --- labels --- */

/* Number i of a sample's FORMAT field; INT32_MIN where missing. */
static int32_t format_int(const bcf_fmt_t *field, int32_t column, int i)
{
    const uint8_t *at = field->p + (size_t)column * (size_t)field->size;
    if (i >= field->n) return INT32_MIN;
    if (field->type == BCF_BT_INT8) {
        int8_t v = (int8_t)at[i];
        return v <= INT8_MIN + 1 ? INT32_MIN : v;
    }
    if (field->type == BCF_BT_INT16) {
        int16_t v;
        memcpy(&v, at + 2 * (size_t)i, sizeof(v));
        return v <= INT16_MIN + 1 ? INT32_MIN : v;
    }
    return INT32_MIN;
}

/* ALT copies of a sure diploid genotype, or -1. */
static int copies_of(const bcf_fmt_t *gt, const bcf_fmt_t *gq, int32_t column)
{
    int sum = 0;
    if (format_int(gq, column, 0) < TRIO_GQ) return -1;
    for (int i = 0; i < 2; i++) {
        int32_t v = format_int(gt, column, i);
        if (v == INT32_MIN || v >> 1 == 0) return -1;
        sum += (v >> 1) > 1;
    }
    return sum;
}

typedef struct transmissions {
    int passed, broken;
} transmissions;

static transmissions look_at_trios(const quality_calls *c)
{
    transmissions t = {0, 0};
    if (!c->n_trios || c->record->n_allele != 2 || bcf_unpack(c->record, BCF_UN_FMT) < 0) return t;
    const bcf_fmt_t *gt = bcf_get_fmt(c->header, c->record, "GT");
    const bcf_fmt_t *gq = bcf_get_fmt(c->header, c->record, "GQ");
    if (!gt || !gq || gt->n != 2) return t;
    for (size_t i = 0; i < c->n_trios; i++) {
        int child = copies_of(gt, gq, c->trios[i].child);
        int father = copies_of(gt, gq, c->trios[i].father);
        int mother = copies_of(gt, gq, c->trios[i].mother);
        if (child < 0 || father < 0 || mother < 0) continue;
        int least = (father == 2) + (mother == 2), most = (father > 0) + (mother > 0);
        if (child < least || child > most)
            t.broken++;
        else if (child == 1 && father + mother == 1)
            t.passed++;
    }
    return t;
}

/*
 * Common, with as many heterozygotes as Hardy and Weinberg ask for, REF against all else: 1 -
 * observed / expected has a standard error of 1 / sqrt(samples).
 */
static bool is_common_and_even(quality_calls *c)
{
    double inbreeding = get_float(c, "InbreedingCoeff"), rate = get_float(c, "CR"), ac = 0;
    int copies = get_ints(c, "AN") == 1 ? c->ints[0] : 0;
    double diploid = copies - (get_ints(c, "NS") == 1 ? c->ints[0] : 0);
    int n = get_ints(c, "AC");
    for (int i = 0; i < n; i++) ac += c->ints[i];
    double rarer = copies > 0 ? ac / copies : 0;
    if (rarer > 0.5) rarer = 1 - rarer;
    return diploid * rarer * rarer >= homozygotes_least && rate >= call_rate_least &&
           fabs(inbreeding) * sqrt(diploid) <= inbreeding_most;
}

quality_label quality_judge(quality_calls *c)
{
    int filters = 0;
    for (int i = 0; i < c->record->d.n_flt; i++)
        filters += strcmp(bcf_hdr_int2id(c->header, BCF_DT_ID, c->record->d.flt[i]), "PASS") != 0;
    if (filters >= filters_least) return QUALITY_FALSE;
    if (get_float(c, "ExcessHet") >= excess_phred) return QUALITY_FALSE;
    transmissions t = look_at_trios(c);
    double ac = sum_of_alts(c, "AC");
    if (t.broken > t.passed && (t.broken > 1 || ac <= 2)) return QUALITY_FALSE;
    if (is_common_and_even(c)) return QUALITY_TRUE;
    if (t.passed && !t.broken && (double)t.passed * 2 >= ac) return QUALITY_TRUE;
    return QUALITY_UNKNOWN;
}
