/* SPDX-License-Identifier: MIT */
#include "counter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common_sites.h"
#include "sparse_genotypes.h"

enum { COMMON_TWENTIETHS = 20, TYPES = 3 };

/* An allele of the record under way. */
typedef struct allele {
    callset_kind kind;
    int substitution; /* of CALLSET_SUBSTITUTIONS, or -1 */
    int length;       /* bases more than REF */
    uint64_t copies;
    uint32_t carrier; /* the last column that has it */
} allele;

struct callset_counter {
    const kuni_task *task;
    const bcf_hdr_t *header;
    kuni_span shard;
    int pass, gt, gq, dp, hwe; /* numbers in the header; -1: none */
    callset_sparse *sparse;    /* or NULL */
    int32_t *ints;             /* of an INFO field */
    int n_ints;
    callset_totals totals;
    common_sites *sites;
    callset_genotypes genotypes;
    const bcf_fmt_t *depth, *quality; /* of the record under way; NULL: it has none */
    int64_t until;                    /* where the number of copies may change */
    bool two_copies;
    allele *alleles;
    size_t capacity;
    uint32_t
        *place; /* by column: 1 + place among the odd genotypes; 0: twice REF. With trios only */
};

static int number_of(const bcf_hdr_t *header, int type, const char *name)
{
    int id = bcf_hdr_id2int(header, BCF_DT_ID, name);
    if (id < 0) return -1;
    return bcf_hdr_idinfo_exists(header, type, id) ? id : -1;
}

kuni_status callset_counter_new(callset_counter **out, const kuni_task *task,
                                const bcf_hdr_t *header, bool sparse, const char *sites_path,
                                kuni_error *err)
{
    callset_counter *c = kuni_alloc(1, sizeof(*c), err);
    if (!c) return KUNI_MEMORY;
    c->task = task;
    c->header = header;
    c->shard = task->shards[task->shard];
    c->pass = bcf_hdr_id2int(header, BCF_DT_ID, "PASS");
    c->gt = number_of(header, BCF_HL_FMT, "GT");
    c->gq = number_of(header, BCF_HL_FMT, "GQ");
    c->dp = number_of(header, BCF_HL_FMT, "DP");
    c->hwe = number_of(header, BCF_HL_INFO, "HWE");
    c->until = -1;
    kuni_status status = callset_totals_init(&c->totals, task, err);
    bool columns = bcf_hdr_nsamples(header) > 0 || c->totals.n_columns == 0;
    if (!status && !columns && sparse)
        status = callset_sparse_new(&c->sparse, c->totals.n_columns, err);
    c->totals.sums[CALLSET_AT_BLIND] = !columns && !sparse;
    if (!status)
        status = common_sites_create(&c->sites, task, c->totals.n_columns, sites_path, err);
    if (!status && c->totals.n_trios) {
        c->place = kuni_alloc((size_t)c->totals.n_columns + 1, sizeof(*c->place), err);
        if (!c->place) status = KUNI_MEMORY;
    }
    if (status)
        callset_counter_free(c);
    else
        *out = c;
    return status;
}

void callset_counter_free(callset_counter *c)
{
    if (!c) return;
    common_sites_discard(c->sites);
    callset_genotypes_fini(&c->genotypes);
    callset_sparse_free(c->sparse);
    free(c->ints);
    callset_totals_fini(&c->totals);
    free(c->alleles);
    free(c->place);
    free(c);
}

bool callset_counter_wants_sparse(const callset_counter *c)
{
    return c->sparse != NULL;
}

const callset_totals *callset_counter_totals(const callset_counter *c)
{
    return &c->totals;
}

/* --- alleles --- */

static int base_number(char base)
{
    switch (base) {
    case 'A':
        return 0;
    case 'C':
        return 1;
    case 'G':
        return 2;
    case 'T':
        return 3;
    default:
        return -1;
    }
}

static allele classify(const char *ref, size_t ref_length, const char *alt)
{
    allele made = {.kind = CALLSET_OTHER, .substitution = -1};
    if (strcmp(alt, "*") == 0 || strcmp(alt, "<*>") == 0) {
        made.kind = CALLSET_NO_VARIANT;
        return made;
    }
    if (alt[0] == '<' || alt[0] == '*' || strpbrk(alt, "[]")) return made;
    size_t length = strlen(alt), changed = 0, at = 0;
    if (length != ref_length) {
        made.length = (int)length - (int)ref_length;
        made.kind = made.length > 0 ? CALLSET_INSERTION : CALLSET_DELETION;
        return made;
    }
    for (size_t k = 0; k < length; k++)
        if (alt[k] != ref[k]) changed++, at = k;
    if (changed != 1) return made;
    int from = base_number(ref[at]), to = base_number(alt[at]);
    made.kind = CALLSET_TRANSVERSION;
    if (from < 0 || to < 0) return made;
    made.substitution = from * 3 + to - (to > from);
    if ((from ^ to) == 2) made.kind = CALLSET_TRANSITION; /* A and G, C and T */
    return made;
}

static kuni_status classify_all(callset_counter *c, bcf1_t *record, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&c->alleles, &c->capacity, (size_t)record->n_allele + 1,
                                   sizeof(*c->alleles), err);
    if (status) return status;
    c->alleles[0] = (allele){.kind = CALLSET_NO_VARIANT, .substitution = -1};
    const char *ref = record->d.allele[0];
    size_t ref_length = strlen(ref);
    for (int i = 1; i < (int)record->n_allele; i++)
        c->alleles[i] = classify(ref, ref_length, record->d.allele[i]);
    return KUNI_OK;
}

static bool is_snp(callset_kind kind)
{
    return kind == CALLSET_TRANSITION || kind == CALLSET_TRANSVERSION;
}

static bool is_indel(callset_kind kind)
{
    return kind == CALLSET_INSERTION || kind == CALLSET_DELETION;
}

static void count_record(callset_counter *c, const bcf1_t *record, int set)
{
    uint64_t *sums = c->totals.sums;
    uint64_t *records = sums + CALLSET_AT_RECORDS + set * CALLSET_RECORD_COUNTS;
    bool snp = false, indel = false, other = false;
    int real = 0;
    for (int i = 1; i < (int)record->n_allele; i++) {
        const allele *a = &c->alleles[i];
        if (a->kind == CALLSET_NO_VARIANT) continue;
        real++;
        snp |= is_snp(a->kind);
        indel |= is_indel(a->kind);
        other |= a->kind == CALLSET_OTHER;
        sums[CALLSET_AT_ALLELES + set * CALLSET_KINDS + (int)a->kind]++;
        if (a->substitution >= 0)
            sums[CALLSET_AT_SUBSTITUTIONS + set * CALLSET_SUBSTITUTIONS + a->substitution]++;
        if (is_indel(a->kind)) {
            int length = a->length > CALLSET_LENGTH_MOST    ? CALLSET_LENGTH_MOST
                         : a->length < -CALLSET_LENGTH_MOST ? -CALLSET_LENGTH_MOST
                                                            : a->length;
            sums[CALLSET_AT_LENGTHS + set * CALLSET_LENGTHS + CALLSET_LENGTH_MOST + length]++;
        }
    }
    records[CALLSET_RECORDS]++;
    records[CALLSET_SNPS] += snp;
    records[CALLSET_INDELS] += indel;
    records[CALLSET_OTHERS] += other;
    records[CALLSET_MULTIALLELIC] += real > 1;
}

/* Returns whether the record passed; NULL in *status where memory ran out. */
static kuni_status count_filters(callset_counter *c, const bcf1_t *record, bool *passed,
                                 kuni_error *err)
{
    int n = record->d.n_flt;
    *passed = n == 0 || (n == 1 && record->d.flt[0] == c->pass);
    for (int i = 0; i < n; i++) {
        const char *name = bcf_hdr_int2id(c->header, BCF_DT_ID, record->d.flt[i]);
        callset_filter *filter = callset_totals_filter(&c->totals, name, err);
        if (!filter) return KUNI_MEMORY;
        filter->records++;
        filter->alone += n == 1;
    }
    return KUNI_OK;
}

static void count_frequencies(callset_counter *c, const bcf1_t *record, int sets, uint64_t all)
{
    for (int i = 1; i < (int)record->n_allele; i++) {
        const allele *a = &c->alleles[i];
        if (a->kind == CALLSET_NO_VARIANT) continue;
        int bin = callset_frequency_bin(a->copies, all);
        for (int set = 0; set < sets; set++)
            c->totals.sums[CALLSET_AT_FREQUENCIES +
                           (set * CALLSET_KINDS + (int)a->kind) * CALLSET_FREQUENCIES + bin]++;
    }
}

/* --- genotypes --- */

static uint64_t count_copies(callset_counter *c)
{
    const callset_genotypes *g = &c->genotypes;
    uint64_t reference = 2 * ((uint64_t)c->totals.n_columns - g->n), all = reference;
    for (size_t i = 0; i < g->n; i++) {
        const int32_t both[2] = {g->odd[i].a, g->odd[i].b};
        for (int k = 0; k < 2; k++) {
            if (both[k] < 0) continue;
            all++;
            c->alleles[both[k]].copies++;
            c->alleles[both[k]].carrier = g->odd[i].column;
        }
    }
    c->alleles[0].copies += reference;
    return all;
}

static int type_of(callset_kind kind)
{
    return is_snp(kind) ? 0 : is_indel(kind) ? 1 : 2;
}

/* A field of the genotype; the last place of the histogram is open. */
static void count_value(callset_counter *c, int32_t value, uint32_t column, int sum, int known,
                        int bins, int n_bins)
{
    if (value < 0) return;
    callset_column(&c->totals, sum)[column] += (uint32_t)value;
    callset_column(&c->totals, known)[column]++;
    c->totals.sums[bins + (value < n_bins ? value : n_bins - 1)]++;
}

static void count_genotype(callset_counter *c, const callset_genotype *g)
{
    callset_totals *t = &c->totals;
    const allele *a = &c->alleles[g->a], *b = &c->alleles[g->b];
    bool types[TYPES] = {false};
    if (a->kind != CALLSET_NO_VARIANT) {
        types[type_of(a->kind)] = true;
        callset_column(t, CALLSET_OF_KIND + (int)a->kind)[g->column]++;
    }
    if (b != a && b->kind != CALLSET_NO_VARIANT) {
        types[type_of(b->kind)] = true;
        callset_column(t, CALLSET_OF_KIND + (int)b->kind)[g->column]++;
    }
    if (a->kind != CALLSET_NO_VARIANT || b->kind != CALLSET_NO_VARIANT) {
        int32_t depth, quality;
        if (c->sparse) {
            callset_sparse_fields(c->sparse, g->column, &depth, &quality);
        } else {
            depth = callset_value(c->depth, g->column);
            quality = callset_value(c->quality, g->column);
        }
        count_value(c, depth, g->column, CALLSET_DEPTH_SUM, CALLSET_DEPTH_KNOWN, CALLSET_AT_DEPTH,
                    CALLSET_DEPTHS);
        count_value(c, quality, g->column, CALLSET_GQ_SUM, CALLSET_GQ_KNOWN, CALLSET_AT_GQ,
                    CALLSET_GQS);
    }
    int hom = g->a == g->b;
    for (int type = 0; type < TYPES; type++)
        if (types[type]) callset_column(t, CALLSET_SNP_HET + 2 * type + hom)[g->column]++;
}

typedef struct seen {
    uint64_t missing, het;
} seen;

static seen count_genotypes(callset_counter *c, const bcf1_t *record)
{
    callset_totals *t = &c->totals;
    const callset_genotypes *g = &c->genotypes;
    seen found = {0, 0};
    for (size_t i = 0; i < g->n; i++) {
        const callset_genotype *one = &g->odd[i];
        if (one->a < 0 || one->b < 0) {
            callset_column(t, CALLSET_MISSING)[one->column]++;
            found.missing++;
            continue;
        }
        found.het += one->a != one->b;
        count_genotype(c, one);
    }
    for (int i = 1; i < (int)record->n_allele; i++)
        if (c->alleles[i].copies == 1 && c->alleles[i].kind != CALLSET_NO_VARIANT)
            callset_column(t, CALLSET_SINGLETONS)[c->alleles[i].carrier]++;
    return found;
}

/* --- trios --- */

static bool has(const callset_genotype *g, int32_t number)
{
    return g->a == number || g->b == number;
}

/* Places of the error's count from CALLSET_TRIO_NEW in steps of two, or -1. */
static int error_of(const callset_genotype *child, const callset_genotype *father,
                    const callset_genotype *mother)
{
    int32_t a = child->a, b = child->b;
    if ((has(father, a) && has(mother, b)) || (has(father, b) && has(mother, a))) return -1;
    if ((!has(father, a) && !has(mother, a)) || (!has(father, b) && !has(mother, b))) return 0;
    return !has(father, a) && !has(father, b) ? 1 : 2;
}

static void count_trio(callset_counter *c, callset_trio *trio)
{
    static const callset_genotype reference = {0, 0, 0};
    const uint32_t who[3] = {trio->child, trio->father, trio->mother};
    const callset_genotype *g[3];
    bool variant = false;
    for (int i = 0; i < 3; i++) {
        uint32_t place = c->place[who[i]];
        g[i] = place ? &c->genotypes.odd[place - 1] : &reference;
        if (g[i]->a < 0 || g[i]->b < 0) {
            trio->counts[CALLSET_TRIO_MISSING]++;
            return;
        }
        variant |= c->alleles[g[i]->a].kind != CALLSET_NO_VARIANT ||
                   c->alleles[g[i]->b].kind != CALLSET_NO_VARIANT;
    }
    trio->counts[CALLSET_TRIO_INFORMATIVE] += variant;
    int error = error_of(g[0], g[1], g[2]);
    if (error < 0) return;
    /* by the child's alleles; by those that it should have where it has none */
    bool snps = true;
    for (int i = 0; i < 3; i++) {
        callset_kind kinds[2] = {c->alleles[g[i]->a].kind, c->alleles[g[i]->b].kind};
        for (int k = 0; k < 2; k++)
            if (kinds[k] != CALLSET_NO_VARIANT && !is_snp(kinds[k])) snps = false;
    }
    trio->counts[CALLSET_TRIO_NEW + 2 * error + !snps]++;
}

static void count_trios(callset_counter *c)
{
    const callset_genotypes *g = &c->genotypes;
    for (size_t i = 0; i < g->n; i++) c->place[g->odd[i].column] = (uint32_t)i + 1;
    for (size_t i = 0; i < c->totals.n_trios; i++) {
        callset_trio *trio = &c->totals.trios[i];
        if (c->place[trio->child] | c->place[trio->father] | c->place[trio->mother])
            count_trio(c, trio);
    }
    for (size_t i = 0; i < g->n; i++) c->place[g->odd[i].column] = 0;
}

/* --- proportions --- */

/* By the record's own INFO/HWE, of sites with one ALT. */
static void count_proportions(callset_counter *c, bcf1_t *record, uint64_t all)
{
    if (c->hwe < 0 || record->n_allele != 2 || c->alleles[1].kind == CALLSET_NO_VARIANT) return;
    const bcf_info_t *info = bcf_get_info_id(record, c->hwe);
    if (!info || info->type != BCF_BT_FLOAT || info->len != 1 || bcf_float_is_missing(info->v1.f))
        return;
    double p = info->v1.f, minus_log = p > 0 ? -log10(p) : CALLSET_HWE_BINS;
    int bin = minus_log >= CALLSET_HWE_BINS - 1 ? CALLSET_HWE_BINS - 1
              : minus_log > 0                   ? (int)minus_log
                                                : 0;
    uint64_t alt = c->alleles[1].copies, rarer = alt < all - alt ? alt : all - alt;
    bool common = rarer * COMMON_TWENTIETHS >= all;
    c->totals.sums[CALLSET_AT_HWE + common * CALLSET_HWE_BINS + bin]++;
}

static kuni_status offer_site(callset_counter *c, const bcf1_t *record, uint64_t all,
                              kuni_error *err)
{
    int64_t pos = record->pos;
    int32_t tid = c->shard.tid;
    kuni_status status = common_sites_pass(c->sites, tid, pos, err);
    if (status || record->n_allele != 2 || !is_snp(c->alleles[1].kind) ||
        record->d.allele[0][1] != '\0' ||
        !common_sites_want(c->sites, tid, pos, c->alleles[1].copies, all))
        return status;
    common_sites_take(c->sites, tid, pos, record->d.allele[0][0], record->d.allele[1][0],
                      c->alleles[1].copies, all, &c->genotypes);
    return KUNI_OK;
}

static bool everybody_has_two(callset_counter *c, int64_t pos)
{
    if (!c->task->ploidy) return true;
    if (pos >= c->until)
        c->two_copies = kuni_ploidy_evidence(c->task->ploidy, c->shard.tid, pos, &c->until) == 2;
    return c->two_copies;
}

static kuni_status check_alleles(const callset_counter *c, const bcf1_t *record, kuni_error *err)
{
    for (size_t i = 0; i < c->genotypes.n; i++)
        if (c->genotypes.odd[i].a >= (int32_t)record->n_allele ||
            c->genotypes.odd[i].b >= (int32_t)record->n_allele)
            return kuni_fail(err, KUNI_DATA,
                             "merge: a genotype at position %lld names an allele that the record "
                             "does not have",
                             (long long)record->pos + 1);
    return KUNI_OK;
}

/* *found is false where the record has no genotypes. */
static kuni_status read_genotypes(callset_counter *c, bcf1_t *record, const char *sparse,
                                  bool *found, kuni_error *err)
{
    kuni_status status;
    *found = true;
    if (c->sparse) {
        status = callset_sparse_read(c->sparse, sparse, &c->genotypes, err);
    } else {
        const bcf_fmt_t *gt = c->gt >= 0 ? bcf_get_fmt_id(record, c->gt) : NULL;
        *found = gt && gt->p;
        if (!*found) return KUNI_OK;
        status = callset_genotypes_read(&c->genotypes, gt, c->totals.n_columns, err);
    }
    return status ? status : check_alleles(c, record, err);
}

/* Values of an INFO field of whole numbers in c->ints; fewer than 1: the record has none. */
static int info_ints(callset_counter *c, bcf1_t *record, const char *tag)
{
    return bcf_get_info_int32(c->header, record, tag, &c->ints, &c->n_ints);
}

/* What joint-genotype's INFO tells of the genotypes that the record does not have. */
static void add_info(callset_counter *c, bcf1_t *record, bool passed, callset_window *window)
{
    uint64_t all, copies = 0, missing = 0;
    if (info_ints(c, record, "AN") != 1 || c->ints[0] < 0) return;
    all = (uint64_t)c->ints[0];
    int n = info_ints(c, record, "AC");
    if (n != (int)record->n_allele - 1) return;
    for (int i = 0; i < n; i++) {
        if (c->ints[i] < 0) return;
        c->alleles[i + 1].copies = (uint64_t)c->ints[i];
        copies += c->alleles[i + 1].copies;
    }
    if (copies > all) return;
    count_frequencies(c, record, passed ? CALLSET_SETS : 1, all);
    n = info_ints(c, record, "NOCALL");
    if (!passed || n < 1 || !everybody_has_two(c, record->pos)) return;
    for (int i = 0; i < n; i++) missing += c->ints[i] > 0 ? (uint64_t)c->ints[i] : 0;
    c->totals.sums[CALLSET_AT_COUNTED]++;
    c->totals.sums[CALLSET_AT_MISSING + callset_missing_bin(missing, c->totals.n_columns)]++;
    window->counted++;
    window->missing += missing;
    count_proportions(c, record, all);
}

static kuni_status add_genotypes(callset_counter *c, bcf1_t *record, const char *sparse,
                                 bool passed, callset_window *window, kuni_error *err)
{
    bool there;
    kuni_status status = read_genotypes(c, record, sparse, &there, err);
    if (status || !there) return status;
    uint64_t all = count_copies(c);
    count_frequencies(c, record, passed ? CALLSET_SETS : 1, all);
    if (!passed || !everybody_has_two(c, record->pos)) return KUNI_OK;
    c->depth = c->dp >= 0 ? bcf_get_fmt_id(record, c->dp) : NULL;
    c->quality = c->gq >= 0 ? bcf_get_fmt_id(record, c->gq) : NULL;
    seen found = count_genotypes(c, record);
    c->totals.sums[CALLSET_AT_COUNTED]++;
    c->totals.sums[CALLSET_AT_MISSING + callset_missing_bin(found.missing, c->totals.n_columns)]++;
    window->counted++;
    window->missing += found.missing;
    window->het += found.het;
    if (c->totals.n_trios) count_trios(c);
    count_proportions(c, record, all);
    return offer_site(c, record, all, err);
}

kuni_status callset_counter_pass(callset_counter *c, const char *sparse, kuni_error *err)
{
    return callset_sparse_read(c->sparse, sparse, &c->genotypes, err);
}

kuni_status callset_counter_add(callset_counter *c, bcf1_t *record, const char *sparse,
                                kuni_error *err)
{
    bool passed;
    if (bcf_unpack(record, BCF_UN_ALL) != 0)
        return kuni_fail(err, KUNI_DATA, "merge: the record at position %lld is damaged",
                         (long long)record->pos + 1);
    kuni_status status = classify_all(c, record, err);
    if (!status) status = count_filters(c, record, &passed, err);
    if (status) return status;
    callset_window *window = callset_totals_window(&c->totals, c->shard.tid, record->pos, err);
    if (!window) return KUNI_MEMORY;
    window->records++;
    window->passed += passed;
    count_record(c, record, CALLSET_ALL);
    if (passed) count_record(c, record, CALLSET_PASSED);
    if (record->n_sample || c->sparse) return add_genotypes(c, record, sparse, passed, window, err);
    if (!callset_sees_genotypes(&c->totals)) add_info(c, record, passed, window);
    return KUNI_OK;
}

kuni_status callset_counter_finish(callset_counter *c, const char *totals_path, kuni_error *err)
{
    kuni_status status = callset_totals_write(&c->totals, totals_path, err);
    common_sites *sites = c->sites;
    c->sites = NULL;
    if (!status) return common_sites_commit(sites, err);
    common_sites_discard(sites);
    return status;
}
