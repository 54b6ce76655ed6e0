/* SPDX-License-Identifier: MIT */
#include "diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "calls_reader.h"
#include "names.h"

enum { COPIES_MAX = 64 }; /* of a sample at a record that are told apart */

const char *kuni_diff_cause_name(kuni_diff_cause cause)
{
    static const char *const names[] = {"new",      "reinstatement", "withdrawal", "quarantine",
                                        "gate",     "filter",        "copies",     "recall",
                                        "settings", "others",        "facts",      "repair",
                                        "version",  "several",       "unknown"};
    return names[cause];
}

const char *kuni_diff_kind_name(kuni_diff_kind kind)
{
    static const char *const names[] = {"sites_gained",     "sites_lost",       "sites_counts",
                                        "sites_filter",     "genotypes_gained", "genotypes_lost",
                                        "genotypes_changed"};
    return names[kind];
}

/* Of the samples of a record, or of one of its alleles. */
typedef struct tally {
    int64_t common; /* copies, of samples in both */
    int64_t alone;  /* of the others */
    uint32_t why;   /* bits 1 << cause: why those of `alone` are there or not there */
} tally;

typedef struct side {
    kuni_calls_reader reader;
    int32_t *common; /* columns of the samples in both, in the order of the first file */
    uint8_t *cause;  /* by column: why it is not in the other; KUNI_DIFF_CAUSES: it is in both */
    int64_t n_columns;
    /* the position */
    tally *records;  /* an: one a record */
    int64_t *called; /* likewise: samples in both with a call */
    tally *alleles;  /* of all records, one after the other */
    size_t *first;   /* where those of a record begin */
    size_t records_capacity, called_capacity, alleles_capacity, first_capacity;
} side;

/* A site in both. */
typedef struct match {
    size_t site[2]; /* numbers in the readers */
    int64_t gained[KUNI_DIFF_CAUSES], lost[KUNI_DIFF_CAUSES], changed[KUNI_DIFF_CAUSES];
} match;

typedef struct comparison {
    const kuni_diff_request *request;
    kuni_diff_result *result;
    side sides[2];
    int64_t n_common;
    bool dense;
    uint32_t came, went;
    match *matches;
    size_t n_matches, matches_capacity;
    int32_t *numbers[2]; /* by allele of the records in hand: which match, -1: none */
    size_t numbers_capacity[2];
    char **reasons[2]; /* of no calls, by column: as bcf_get_format_string has them */
    int reasons_room[2];
} comparison;

/* --- causes --- */

static kuni_diff_cause first_of(uint32_t bits)
{
    for (int c = 0; c < KUNI_DIFF_CAUSES; c++)
        if (bits & (1u << c)) return (kuni_diff_cause)c;
    return KUNI_CAUSE_UNKNOWN;
}

/* Of what is seen in samples that are in both. */
static kuni_diff_cause by_happenings(const comparison *c)
{
    const kuni_diff_between *b = c->request->between;
    return b->recall           ? KUNI_CAUSE_RECALL
           : b->settings       ? KUNI_CAUSE_SETTINGS
           : c->came | c->went ? KUNI_CAUSE_OTHERS
           : b->facts          ? KUNI_CAUSE_FACTS
           : b->repair         ? KUNI_CAUSE_REPAIR
           : b->version        ? KUNI_CAUSE_VERSION
                               : KUNI_CAUSE_UNKNOWN;
}

/* Without genotypes: `people` are those who could have done it themselves. */
static kuni_diff_cause by_people(const comparison *c, uint32_t people)
{
    const kuni_diff_between *b = c->request->between;
    if (!people) return by_happenings(c);
    if (b->recall || b->settings || people & (people - 1)) return KUNI_CAUSE_SEVERAL;
    return first_of(people);
}

static const tally *allele_tally(const side *s, const kuni_calls_site *site)
{
    return &s->alleles[s->first[site->record] + (size_t)site->allele];
}

static kuni_diff_cause of_one_side(const comparison *c, int which, const kuni_calls_site *site)
{
    if (!c->dense) return by_people(c, which ? c->came : c->went);
    const tally *t = allele_tally(&c->sides[which], site);
    return !t->common && t->alone ? first_of(t->why) : by_happenings(c);
}

/* Whether a name that stands in one of two lists of filters alone is among those that were changed. */
static bool names_changed_filter(const kuni_diff_between *between, const char *list,
                                 const char *other)
{
    for (size_t i = 0; i < between->n_filters; i++) {
        const char *name = between->filters[i];
        size_t length = strlen(name);
        bool in[2] = {false, false};
        for (int k = 0; k < 2; k++)
            for (const char *at = k ? other : list; *at;) {
                size_t n = strcspn(at, ";");
                in[k] = in[k] || (n == length && memcmp(at, name, n) == 0);
                at += n + (at[n] == ';');
            }
        if (in[0] != in[1]) return true;
    }
    return false;
}

/* --- the list --- */

static kuni_status print_counts(const comparison *c, int which, const kuni_calls_site *site,
                                kuni_error *err)
{
    const side *s = &c->sides[which];
    int64_t ac = -1, an = -1;
    if (site && c->dense) {
        const tally *t = allele_tally(s, site), *all = &s->records[site->record];
        ac = t->common + t->alone;
        an = all->common + all->alone;
    } else if (site) {
        ac = site->ac;
        an = s->reader.records[site->record].an;
    }
    kuni_status status = ac < 0 ? kuni_file_printf(c->request->list, err, "\t.")
                                : kuni_file_printf(c->request->list, err, "\t%" PRId64, ac);
    if (status) return status;
    return an < 0 ? kuni_file_printf(c->request->list, err, "\t.")
                  : kuni_file_printf(c->request->list, err, "\t%" PRId64, an);
}

/* `in`: the site in both readers, NULL where it is not there. Counts the difference, too. */
static kuni_status add(comparison *c, kuni_diff_kind kind, kuni_diff_cause cause, int64_t n,
                       const kuni_calls_site *const in[2], kuni_error *err)
{
    if (n == 0) return KUNI_OK;
    c->result->causes[kind][cause] += n;
    const kuni_calls_site *site = in[0] ? in[0] : in[1];
    if (!c->request->list || !site) return KUNI_OK;
    const kuni_calls_reader *r = &c->sides[in[0] ? 0 : 1].reader;
    const char *filters[2];
    for (int k = 0; k < 2; k++)
        filters[k] = in[k] ? c->sides[k].reader.records[in[k]->record].filter : "";
    kuni_status status = kuni_file_printf(
        c->request->list, err, "%s\t%" PRId64 "\t%.*s\t%.*s\t%s\t%s\t%" PRId64 "\t%s\t%s",
        bcf_hdr_id2name(r->header, r->tid), r->pos + 1, site->ref_bp, site->ref, site->alt_bp,
        site->alt, kuni_diff_kind_name(kind), kuni_diff_cause_name(cause), n,
        in[0] ? filters[0] : "-", in[1] ? filters[1] : "-");
    for (int k = 0; k < 2 && !status; k++) status = print_counts(c, k, in[k], err);
    return status ? status : kuni_file_printf(c->request->list, err, "\n");
}

/* --- who --- */

static const char *sample_name(const void *header, size_t number)
{
    return ((const bcf_hdr_t *)header)->samples[number];
}

static void note_alone(comparison *c, int which, int64_t column)
{
    side *s = &c->sides[which];
    kuni_diff_cause cause =
        c->request->person(c->request->context, s->reader.header->samples[column], which == 1);
    s->cause[column] = (uint8_t)cause;
    (which ? c->result->came : c->result->went)[cause]++;
    *(which ? &c->came : &c->went) |= 1u << cause;
}

/* Pairs the columns of the two files. */
static kuni_status pair_samples(comparison *c, kuni_error *err)
{
    const bcf_hdr_t *first = c->sides[0].reader.header;
    kuni_names names = {.table = NULL};
    for (int k = 0; k < 2; k++) {
        side *s = &c->sides[k];
        s->n_columns = bcf_hdr_nsamples(s->reader.header);
        s->common = kuni_alloc((size_t)s->n_columns + 1, sizeof(int32_t), err);
        s->cause = kuni_alloc((size_t)s->n_columns + 1, 1, err);
        if (!s->common || !s->cause) return KUNI_MEMORY;
        memset(s->cause, KUNI_DIFF_CAUSES, (size_t)s->n_columns + 1);
    }
    int32_t *second = kuni_alloc((size_t)c->sides[0].n_columns + 1, sizeof(int32_t), err);
    kuni_status status =
        second ? kuni_names_index(&names, (size_t)c->sides[0].n_columns, sample_name, first, err)
               : KUNI_MEMORY;
    for (int64_t i = 0; i < c->sides[1].n_columns && !status; i++) {
        int64_t at = kuni_names_find(&names, c->sides[1].reader.header->samples[i]);
        if (at < 0)
            note_alone(c, 1, i);
        else
            second[at] = (int32_t)i + 1;
    }
    for (int64_t i = 0; i < c->sides[0].n_columns && !status; i++) {
        if (!second[i]) {
            note_alone(c, 0, i);
            continue;
        }
        c->sides[0].common[c->n_common] = (int32_t)i;
        c->sides[1].common[c->n_common++] = second[i] - 1;
    }
    kuni_names_fini(&names);
    free(second);
    return status;
}

static kuni_status check_contigs(const comparison *c, kuni_error *err)
{
    int n[2];
    const char **names[2] = {NULL, NULL};
    bool same = true;
    for (int k = 0; k < 2; k++) names[k] = bcf_hdr_seqnames(c->sides[k].reader.header, &n[k]);
    same = n[0] == n[1];
    for (int i = 0; i < n[0] && same; i++) {
        const bcf_hdr_t *a = c->sides[0].reader.header, *b = c->sides[1].reader.header;
        same = strcmp(names[0][i], names[1][i]) == 0 &&
               a->id[BCF_DT_CTG][i].val->info[0] == b->id[BCF_DT_CTG][i].val->info[0];
    }
    free(names[0]);
    free(names[1]);
    return same ? KUNI_OK
                : kuni_fail(err, KUNI_USAGE,
                            "%s and %s are of two references (their contigs differ): sites cannot "
                            "be compared",
                            c->sides[0].reader.path, c->sides[1].reader.path);
}

static kuni_status open_both(comparison *c, kuni_error *err)
{
    kuni_diff_result *result = c->result;
    kuni_status status = KUNI_OK;
    for (int k = 0; k < 2 && !status; k++)
        status = kuni_calls_open(&c->sides[k].reader, c->request->path[k], err);
    if (!status) status = check_contigs(c, err);
    if (status) return status;
    c->dense = true;
    result->samples_known = true;
    for (int k = 0; k < 2; k++) {
        c->dense = c->dense && kuni_calls_are_dense(&c->sides[k].reader);
        result->samples_known =
            result->samples_known && bcf_hdr_nsamples(c->sides[k].reader.header) > 0;
    }
    result->dense = c->dense;
    for (int k = 0; k < 2; k++) c->sides[k].reader.with_genotypes = c->dense;
    c->came = c->request->between->came;
    c->went = c->request->between->went;
    if (!result->samples_known) return KUNI_OK;
    c->came = c->went = 0;
    status = pair_samples(c, err);
    for (int k = 0; k < 2; k++) result->samples[k] = c->sides[k].n_columns;
    result->common = c->n_common;
    return status;
}

/* --- a position --- */

static void tally_sample(side *s, int64_t *alone, const kuni_calls_record *record, size_t number,
                         int32_t column)
{
    kuni_genotype g = kuni_calls_genotype(record, column);
    bool common = s->cause[column] == KUNI_DIFF_CAUSES;
    tally *all = &s->records[number];
    if (!g.copies) return;
    if (common)
        s->called[number]++;
    else
        *alone += (int64_t)record->n_sites;
    *(common ? &all->common : &all->alone) += g.copies;
    if (!common) all->why |= 1u << s->cause[column];
    for (int i = 0; i < g.copies; i++) {
        tally *t = &s->alleles[s->first[number] + (size_t)bcf_gt_allele(g.alleles[i])];
        *(common ? &t->common : &t->alone) += 1;
        if (!common) t->why |= 1u << s->cause[column];
    }
}

static kuni_status make_room(side *s, kuni_error *err)
{
    const kuni_calls_reader *r = &s->reader;
    size_t n = 0;
    kuni_status status =
        kuni_grow((void **)&s->first, &s->first_capacity, r->n_records + 1, sizeof(*s->first), err);
    for (size_t i = 0; i < r->n_records && !status; i++) {
        s->first[i] = n;
        n += r->records[i].record->n_allele;
    }
    if (!status)
        status = kuni_grow((void **)&s->records, &s->records_capacity, r->n_records + 1,
                           sizeof(*s->records), err);
    if (!status)
        status = kuni_grow((void **)&s->called, &s->called_capacity, r->n_records + 1,
                           sizeof(*s->called), err);
    if (!status)
        status =
            kuni_grow((void **)&s->alleles, &s->alleles_capacity, n + 1, sizeof(*s->alleles), err);
    if (status) return status;
    memset(s->records, 0, (r->n_records + 1) * sizeof(*s->records));
    memset(s->called, 0, (r->n_records + 1) * sizeof(*s->called));
    memset(s->alleles, 0, (n + 1) * sizeof(*s->alleles));
    return KUNI_OK;
}

static kuni_status check_alleles(const kuni_calls_reader *r, const kuni_calls_record *record,
                                 kuni_error *err)
{
    size_t n = (size_t)bcf_hdr_nsamples(r->header) * (size_t)record->per_sample;
    if (record->per_sample > COPIES_MAX)
        return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 ": genotypes of more than %d copies",
                         r->path, bcf_hdr_id2name(r->header, r->tid), r->pos + 1, COPIES_MAX);
    for (size_t i = 0; i < n; i++) {
        int32_t value = record->genotypes[i];
        if (value != bcf_int32_vector_end && !bcf_gt_is_missing(value) &&
            bcf_gt_allele(value) >= (int)record->record->n_allele)
            return kuni_fail(err, KUNI_DATA,
                             "%s: %s:%" PRId64 ": a genotype of an allele that is not there",
                             r->path, bcf_hdr_id2name(r->header, r->tid), r->pos + 1);
    }
    return KUNI_OK;
}

/* Counts what one file has at its position. */
static kuni_status count_side(comparison *c, int which, kuni_error *err)
{
    side *s = &c->sides[which];
    const kuni_calls_reader *r = &s->reader;
    kuni_status status = KUNI_OK;
    c->result->sites[which] += (int64_t)r->n_sites;
    if (c->dense) status = make_room(s, err);
    for (size_t i = 0; i < r->n_records && c->dense && !status; i++) {
        status = check_alleles(r, &r->records[i], err);
        if (status) break;
        for (int64_t k = 0; k < s->n_columns; k++)
            tally_sample(s, &c->result->alone[which], &r->records[i], i, (int32_t)k);
        c->result->genotypes[which] += s->called[i] * (int64_t)r->records[i].n_sites;
    }
    return status;
}

/* A site that is in one file alone. */
static kuni_status add_alone(comparison *c, int which, size_t number, kuni_error *err)
{
    const side *s = &c->sides[which];
    const kuni_calls_site *site = &s->reader.sites[number];
    const kuni_calls_site *in[2] = {NULL, NULL};
    in[which] = site;
    kuni_diff_cause cause = of_one_side(c, which, site);
    kuni_diff_kind kind = which ? KUNI_SITES_GAINED : KUNI_SITES_LOST;
    c->result->total[kind]++;
    kuni_status status = add(c, kind, cause, 1, in, err);
    if (status || !c->dense) return status;
    kind = which ? KUNI_GENOTYPES_GAINED : KUNI_GENOTYPES_LOST;
    c->result->total[kind] += s->called[site->record];
    return add(c, kind, cause, s->called[site->record], in, err);
}

/* --- genotypes of a pair of records --- */

static void note_all(comparison *c, kuni_diff_kind kind, kuni_diff_cause cause, const size_t on[],
                     size_t n_on)
{
    for (size_t i = 0; i < n_on; i++) {
        match *m = &c->matches[on[i]];
        (kind == KUNI_GENOTYPES_GAINED ? m->gained
         : kind == KUNI_GENOTYPES_LOST ? m->lost
                                       : m->changed)[cause]++;
    }
    c->result->total[kind] += (int64_t)n_on;
}

/* Calls in both, with as many copies: which sites' ALT they have another number of copies of. */
static void compare_copies(comparison *c, const kuni_genotype g[2])
{
    int32_t at[2 * COPIES_MAX];
    int balance[2 * COPIES_MAX], n = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < g[k].copies && i < COPIES_MAX; i++) {
            int32_t number = c->numbers[k][bcf_gt_allele(g[k].alleles[i])];
            int j = 0;
            if (number < 0) continue;
            while (j < n && at[j] != number) j++;
            if (j == n) {
                at[n] = number;
                balance[n++] = 0;
            }
            balance[j] += k ? 1 : -1;
        }
    for (int j = 0; j < n; j++) {
        if (!balance[j]) continue;
        c->matches[at[j]].changed[by_happenings(c)]++;
        c->result->total[KUNI_GENOTYPES_CHANGED]++;
    }
}

/* Whether a sample has no call because of its copies; reads the reasons of a record when first asked. */
static bool is_for_copies(comparison *c, int which, const kuni_calls_record *record, int32_t column,
                          int *loaded)
{
    const bcf_hdr_t *header = c->sides[which].reader.header;
    if (*loaded < 0) {
        int n = bcf_get_format_string(header, record->record, "RNC", &c->reasons[which],
                                      &c->reasons_room[which]);
        *loaded = n > 0;
    }
    const char *text = *loaded ? c->reasons[which][column] : "";
    return text[0] && !text[1] && strchr("SPH", text[0]);
}

static void compare_sample(comparison *c, const kuni_calls_record *const records[2],
                           const int32_t columns[2], const size_t on[], size_t n_on, int loaded[2])
{
    kuni_genotype g[2];
    for (int k = 0; k < 2; k++) g[k] = kuni_calls_genotype(records[k], columns[k]);
    if (!g[0].copies && !g[1].copies) return;
    if (g[0].copies && g[1].copies) {
        c->result->genotypes_both += (int64_t)n_on;
        if (g[0].copies != g[1].copies)
            note_all(c, KUNI_GENOTYPES_CHANGED, KUNI_CAUSE_COPIES, on, n_on);
        else
            compare_copies(c, g);
        return;
    }
    int without = g[0].copies ? 1 : 0;
    bool copies = is_for_copies(c, without, records[without], columns[without], &loaded[without]);
    note_all(c, without ? KUNI_GENOTYPES_LOST : KUNI_GENOTYPES_GAINED,
             copies ? KUNI_CAUSE_COPIES : by_happenings(c), on, n_on);
}

/* The sites that stand in record `a` of the first and record `b` of the second. */
static kuni_status compare_records(comparison *c, size_t a, size_t b, kuni_error *err)
{
    const kuni_calls_record *const records[2] = {&c->sides[0].reader.records[a],
                                                 &c->sides[1].reader.records[b]};
    size_t n_on = 0;
    size_t *on = kuni_alloc(c->n_matches + 1, sizeof(*on), err);
    kuni_status status = on ? KUNI_OK : KUNI_MEMORY;
    for (int k = 0; k < 2 && !status; k++) {
        size_t n = records[k]->record->n_allele;
        status =
            kuni_grow((void **)&c->numbers[k], &c->numbers_capacity[k], n, sizeof(int32_t), err);
        for (size_t i = 0; i < n && !status; i++) c->numbers[k][i] = -1;
    }
    for (size_t i = 0; i < c->n_matches && !status; i++) {
        const kuni_calls_site *first = &c->sides[0].reader.sites[c->matches[i].site[0]];
        const kuni_calls_site *second = &c->sides[1].reader.sites[c->matches[i].site[1]];
        if (first->record != a || second->record != b) continue;
        on[n_on++] = i;
        c->numbers[0][first->allele] = c->numbers[1][second->allele] = (int32_t)i;
    }
    int loaded[2] = {-1, -1};
    for (int64_t i = 0; i < c->n_common && n_on && !status; i++) {
        const int32_t columns[2] = {c->sides[0].common[i], c->sides[1].common[i]};
        compare_sample(c, records, columns, on, n_on, loaded);
    }
    free(on);
    return status;
}

/* --- sites in both --- */

static bool counts_differ(const comparison *c, const kuni_calls_site *const in[2], bool *in_common)
{
    int64_t ac[2], an[2], common[2][2] = {{0, 0}, {0, 0}};
    for (int k = 0; k < 2; k++) {
        const side *s = &c->sides[k];
        ac[k] = in[k]->ac;
        an[k] = s->reader.records[in[k]->record].an;
        if (!c->dense) continue;
        const tally *t = allele_tally(s, in[k]), *all = &s->records[in[k]->record];
        ac[k] = t->common + t->alone;
        an[k] = all->common + all->alone;
        common[k][0] = t->common;
        common[k][1] = all->common;
    }
    *in_common = common[0][0] != common[1][0] || common[0][1] != common[1][1];
    return (ac[0] != ac[1] && ac[0] >= 0 && ac[1] >= 0) ||
           (an[0] != an[1] && an[0] >= 0 && an[1] >= 0);
}

static kuni_diff_cause of_counts(const comparison *c, const match *m,
                                 const kuni_calls_site *const in[2], bool in_common)
{
    if (!c->dense) return by_people(c, c->came | c->went);
    uint32_t bits = 0;
    if (!in_common)
        for (int k = 0; k < 2; k++) bits |= c->sides[k].records[in[k]->record].why;
    for (int cause = 0; cause < KUNI_DIFF_CAUSES && in_common; cause++)
        if (m->gained[cause] || m->lost[cause] || m->changed[cause]) bits |= 1u << cause;
    return first_of(bits);
}

static kuni_status add_both(comparison *c, const match *m, kuni_error *err)
{
    const kuni_calls_site *in[2];
    const char *filters[2];
    for (int k = 0; k < 2; k++) {
        in[k] = &c->sides[k].reader.sites[m->site[k]];
        filters[k] = c->sides[k].reader.records[in[k]->record].filter;
    }
    kuni_status status = KUNI_OK;
    bool in_common;
    if (counts_differ(c, in, &in_common)) {
        c->result->total[KUNI_SITES_COUNTS]++;
        status = add(c, KUNI_SITES_COUNTS, of_counts(c, m, in, in_common), 1, in, err);
    }
    if (!status && strcmp(filters[0], filters[1]) != 0) {
        const kuni_diff_between *between = c->request->between;
        kuni_diff_cause cause = names_changed_filter(between, filters[0], filters[1])
                                    ? KUNI_CAUSE_FILTER
                                    : by_happenings(c);
        c->result->total[KUNI_SITES_FILTER]++;
        status = add(c, KUNI_SITES_FILTER, cause, 1, in, err);
    }
    for (int cause = 0; cause < KUNI_DIFF_CAUSES && !status; cause++) {
        status = add(c, KUNI_GENOTYPES_GAINED, cause, m->gained[cause], in, err);
        if (!status) status = add(c, KUNI_GENOTYPES_LOST, cause, m->lost[cause], in, err);
        if (!status) status = add(c, KUNI_GENOTYPES_CHANGED, cause, m->changed[cause], in, err);
    }
    return status;
}

/* Pairs the sites of the position; those without a partner are counted at once. */
static kuni_status match_sites(comparison *c, kuni_error *err)
{
    const kuni_calls_reader *r[2] = {&c->sides[0].reader, &c->sides[1].reader};
    size_t i = 0, j = 0;
    kuni_status status = KUNI_OK;
    c->n_matches = 0;
    while ((i < r[0]->n_sites || j < r[1]->n_sites) && !status) {
        int order = i == r[0]->n_sites   ? 1
                    : j == r[1]->n_sites ? -1
                                         : kuni_calls_site_order(&r[0]->sites[i], &r[1]->sites[j]);
        if (order < 0) {
            status = add_alone(c, 0, i++, err);
        } else if (order > 0) {
            status = add_alone(c, 1, j++, err);
        } else {
            status = kuni_grow((void **)&c->matches, &c->matches_capacity, c->n_matches + 1,
                               sizeof(*c->matches), err);
            if (!status) c->matches[c->n_matches++] = (match){.site = {i, j}};
            c->result->sites_both++;
            i++;
            j++;
        }
    }
    return status;
}

static kuni_status compare_position(comparison *c, const bool here[2], kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int k = 0; k < 2 && !status; k++)
        if (here[k]) status = count_side(c, k, err);
    for (int k = 0; k < 2 && !status; k++)
        for (size_t i = 0; here[k] && !here[1 - k] && i < c->sides[k].reader.n_sites && !status;
             i++)
            status = add_alone(c, k, i, err);
    if (status || !here[0] || !here[1]) return status;
    status = match_sites(c, err);
    for (size_t a = 0; a < c->sides[0].reader.n_records && c->dense && !status; a++)
        for (size_t b = 0; b < c->sides[1].reader.n_records && !status; b++)
            status = compare_records(c, a, b, err);
    for (size_t i = 0; i < c->n_matches && !status; i++) status = add_both(c, &c->matches[i], err);
    return status;
}

/* --- all of it --- */

static kuni_status walk(comparison *c, kuni_error *err)
{
    kuni_calls_reader *r[2] = {&c->sides[0].reader, &c->sides[1].reader};
    kuni_status status = KUNI_OK;
    if (c->request->list)
        status = kuni_file_printf(c->request->list, err,
                                  "contig\tpos\tref\talt\twhat\tcause\tn\tfilter_1\tfilter_2\t"
                                  "ac_1\tan_1\tac_2\tan_2\n");
    for (int k = 0; k < 2 && !status; k++) status = kuni_calls_next(r[k], err);
    while (!status && (r[0]->tid != INT32_MAX || r[1]->tid != INT32_MAX)) {
        bool same = r[0]->tid == r[1]->tid && r[0]->pos == r[1]->pos;
        bool first = r[0]->tid < r[1]->tid || (r[0]->tid == r[1]->tid && r[0]->pos < r[1]->pos);
        const bool here[2] = {same || first, same || !first};
        status = compare_position(c, here, err);
        for (int k = 0; k < 2 && !status; k++)
            if (here[k]) status = kuni_calls_next(r[k], err);
    }
    for (int k = 0; k < 2; k++) c->result->records[k] = r[k]->read_records;
    return status;
}

static kuni_status expect(const char *what, int64_t a, int64_t b, kuni_error *err)
{
    return a == b ? KUNI_OK
                  : kuni_fail(err, KUNI_BUG,
                              "diff does not add up: %s: %" PRId64 " and %" PRId64
                              ": a fault of kuni, please report it",
                              what, a, b);
}

kuni_status kuni_diff_check(const kuni_diff_result *r, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int k = 0; k < KUNI_DIFF_KINDS && !status; k++) {
        int64_t sum = 0;
        for (int c = 0; c < KUNI_DIFF_CAUSES; c++) sum += r->causes[k][c];
        status = expect(kuni_diff_kind_name((kuni_diff_kind)k), r->total[k], sum, err);
    }
    const int64_t *t = r->total;
    if (!status)
        status = expect("sites", r->sites[1],
                        r->sites[0] + t[KUNI_SITES_GAINED] - t[KUNI_SITES_LOST], err);
    if (!status)
        status = expect("sites in both", r->sites_both, r->sites[0] - t[KUNI_SITES_LOST], err);
    if (!status)
        status = expect("genotypes", r->genotypes[1],
                        r->genotypes[0] + t[KUNI_GENOTYPES_GAINED] - t[KUNI_GENOTYPES_LOST], err);
    if (!status)
        status = expect("genotypes in both", r->genotypes_both,
                        r->genotypes[0] - t[KUNI_GENOTYPES_LOST], err);
    return status;
}

static void fini(comparison *c)
{
    for (int k = 0; k < 2; k++) {
        side *s = &c->sides[k];
        kuni_calls_close(&s->reader);
        free(s->common);
        free(s->cause);
        free(s->records);
        free(s->called);
        free(s->alleles);
        free(s->first);
        free(c->numbers[k]);
        if (c->reasons[k]) free(c->reasons[k][0]);
        free(c->reasons[k]);
    }
    free(c->matches);
}

kuni_status kuni_diff_calls(const kuni_diff_request *request, kuni_diff_result *result,
                            kuni_error *err)
{
    comparison c = {.request = request, .result = result};
    *result = (kuni_diff_result){.dense = false};
    kuni_status status = open_both(&c, err);
    if (!status) status = walk(&c, err);
    if (!status) status = kuni_diff_check(result, err);
    fini(&c);
    return status;
}
