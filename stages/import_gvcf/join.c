/* SPDX-License-Identifier: MIT */
#include "join.h"

#include <string.h>

#include "kuni/allele.h"

enum {
    ALLELES_MAX = KUNI_EVENT_ALLELES_MAX,
    SURE_PHRED = 60, /* of a genotype without likelihoods or quality */
    PL_MOST = KUNI_PL_MISSING - 1
};

/* A joined event under way. */
typedef struct joining {
    kuni_arena *arena;
    const char *ref; /* the longest */
    size_t ref_length;
    const char *alleles[ALLELES_MAX];
    uint8_t of[2][ALLELES_MAX]; /* the number of each allele in both events, or part and number */
    uint32_t n;
} joining;

static uint32_t pl_index(uint32_t a, uint32_t b)
{
    return a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b;
}

static bool is_sequence(const char *allele)
{
    return allele[0] != '*' && allele[0] != '<';
}

/* The allele on the longer REF. NULL: no memory. */
static const char *respell(const joining *j, const kuni_event *event, uint32_t allele,
                           kuni_error *err)
{
    const char *text = event->alleles[allele];
    size_t length = strlen(text), ref_length = strlen(event->alleles[0]);
    if (!is_sequence(text)) return text;
    char *made = kuni_arena_alloc(j->arena, length + j->ref_length - ref_length + 1, 1, err);
    if (!made) return NULL;
    memcpy(made, text, length);
    memcpy(made + length, j->ref + ref_length, j->ref_length - ref_length);
    made[length + j->ref_length - ref_length] = '\0';
    return made;
}

/* --- haplotypes --- */

/* What an allele does to REF: its bases [beg, end) become `text`. */
typedef struct edit {
    size_t beg, end, length;
    const char *text;
} edit;

static edit edit_of(const kuni_event *event, uint32_t allele)
{
    const char *ref = event->alleles[0], *alt = event->alleles[allele];
    kuni_allele_trim trim = kuni_allele_minimal(ref, strlen(ref), alt, strlen(alt));
    edit made = {.beg = trim.skip,
                 .end = trim.skip + trim.ref_length,
                 .length = trim.alt_length,
                 .text = alt + trim.skip};
    if (trim.ref_length != trim.alt_length && ref[trim.skip] == alt[trim.skip]) {
        made.beg++; /* the anchor base stays */
        made.text++;
        made.length--;
    }
    return made;
}

/*
 * Both changes at once; NULL with *status KUNI_OK where they touch the same bases, or nobody can
 * say which insertion comes first.
 */
static const char *compose(const joining *j, const kuni_event *a, uint32_t x, const kuni_event *b,
                           uint32_t y, kuni_status *status, kuni_error *err)
{
    *status = KUNI_OK;
    if (!is_sequence(a->alleles[x]) || !is_sequence(b->alleles[y])) return NULL;
    edit first = edit_of(a, x), second = edit_of(b, y);
    if (second.beg < first.beg || (second.beg == first.beg && second.end < first.end)) {
        edit swap = first;
        first = second;
        second = swap;
    }
    if (first.end > second.beg || (first.beg == second.beg && first.end == second.end)) return NULL;
    size_t between = second.beg - first.end, after = j->ref_length - second.end;
    size_t length = first.beg + first.length + between + second.length + after;
    char *made = kuni_arena_alloc(j->arena, length + 1, 1, err), *at = made;
    if (!made) {
        *status = KUNI_MEMORY;
        return NULL;
    }
    memcpy(at, j->ref, first.beg);
    memcpy(at += first.beg, first.text, first.length);
    memcpy(at += first.length, j->ref + first.end, between);
    memcpy(at += between, second.text, second.length);
    memcpy(at + second.length, j->ref + second.end, after);
    made[length] = '\0';
    return made;
}

/* Phred against two copies of the alleles x and y (y alone with one copy). */
static uint32_t cost_of(const kuni_event *event, uint32_t x, uint32_t y)
{
    if (event->pl) return event->pl[event->ploidy == 1 ? y : pl_index(x, y)];
    uint32_t step = event->gq ? event->gq : SURE_PHRED;
    int p = event->gt[0], q = event->gt[1];
    if (event->ploidy == 1) return p == (int)y ? 0 : step;
    int straight = (p != (int)x) + (q != (int)y), crossed = (p != (int)y) + (q != (int)x);
    return step * (uint32_t)(straight < crossed ? straight : crossed);
}

/* The number of the pair of alleles among the joined ones, added where it is new. */
static kuni_status add_pair(joining *j, const kuni_event *a, const kuni_event *b, uint32_t x,
                            uint32_t y, int *number, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    *number = -1;
    for (uint32_t i = 0; i < j->n; i++)
        if (j->of[0][i] == x && j->of[1][i] == y) *number = (int)i;
    if (*number >= 0 || j->n == ALLELES_MAX - 1) return KUNI_OK;
    const char *text = !x && !y ? j->ref
                       : !y     ? respell(j, a, x, err)
                       : !x     ? respell(j, b, y, err)
                                : compose(j, a, x, b, y, &status, err);
    if (!text) return x && y ? status : KUNI_MEMORY;
    *number = (int)j->n;
    j->alleles[j->n] = text;
    j->of[0][j->n] = (uint8_t)x;
    j->of[1][j->n++] = (uint8_t)y;
    return KUNI_OK;
}

static bool is_called(const kuni_event *event)
{
    const uint8_t unfit = KUNI_EVENT_FILTERED | KUNI_EVENT_EITHER | KUNI_EVENT_UNLISTED;
    return !(event->flags & unfit) && event->gt[0] >= 0 &&
           (event->ploidy == 1 || event->gt[1] >= 0);
}

static bool is_homozygous(const kuni_event *event)
{
    return event->ploidy == 1 || event->gt[0] == event->gt[1];
}

/* Whether both events change one haplotype, and it is known which. */
static bool share_haplotype(const kuni_event *a, const kuni_event *b)
{
    if (!is_called(a) || !is_called(b) || a->ploidy != b->ploidy) return false;
    bool phased = a->flags & b->flags & KUNI_EVENT_PHASED && a->phase_set == b->phase_set;
    if (!phased && !is_homozygous(a) && !is_homozygous(b)) return false;
    for (int k = 0; k < a->ploidy; k++)
        if (a->gt[k] > 0 && b->gt[k] > 0) return true;
    return false;
}

static uint32_t known_alleles(const kuni_event *event)
{
    return event->n_alleles - (event->flags & KUNI_EVENT_OTHER ? 1u : 0u);
}

static bool has_allele(const kuni_event *event, uint32_t allele)
{
    return event->gt[0] == (int)allele || (event->ploidy == 2 && event->gt[1] == (int)allele);
}

/* The alleles of the genotype, then the ALTs that nobody calls; *fits: they could all be made. */
static kuni_status list_pairs(joining *j, const kuni_event *a, const kuni_event *b, int8_t gt[2],
                              bool *fits, kuni_error *err)
{
    int number;
    kuni_status status = add_pair(j, a, b, 0, 0, &number, err);
    *fits = true;
    gt[1] = -1;
    for (int k = 0; k < a->ploidy && !status && *fits; k++) {
        status = add_pair(j, a, b, (uint32_t)a->gt[k], (uint32_t)b->gt[k], &number, err);
        gt[k] = (int8_t)number;
        *fits = number >= 0;
    }
    for (uint32_t x = 1; x < known_alleles(a) && !status && *fits; x++)
        if (!has_allele(a, x)) status = add_pair(j, a, b, x, 0, &number, err);
    for (uint32_t y = 1; y < known_alleles(b) && !status && *fits; y++)
        if (!has_allele(b, y)) status = add_pair(j, a, b, 0, y, &number, err);
    if (!status && *fits && a->flags & b->flags & KUNI_EVENT_OTHER) {
        j->alleles[j->n] = "<*>";
        j->of[0][j->n] = a->n_alleles - 1;
        j->of[1][j->n++] = b->n_alleles - 1;
    }
    return status;
}

/* Stores likelihoods less the smallest. */
static void store_likelihoods(const uint32_t *values, uint32_t n, uint16_t *pl)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (values[i] < least) least = values[i];
    for (uint32_t i = 0; i < n; i++)
        pl[i] = (uint16_t)(values[i] - least < PL_MOST ? values[i] - least : PL_MOST);
}

static kuni_status join_likelihoods(const joining *j, const kuni_event *a, const kuni_event *b,
                                    kuni_event *out, kuni_error *err)
{
    out->pl = NULL;
    if (!a->pl && !b->pl) return KUNI_OK;
    uint32_t n = j->n, count = a->ploidy == 1 ? n : n * (n + 1) / 2, k = 0;
    uint16_t *pl = kuni_arena_alloc(j->arena, count, sizeof(*pl), err);
    uint32_t *values = kuni_arena_alloc(j->arena, count, sizeof(*values), err);
    if (!pl || !values) return KUNI_MEMORY;
    for (uint32_t y = 0; y < n; y++)
        for (uint32_t x = a->ploidy == 1 ? y : 0; x <= y; x++)
            values[k++] =
                cost_of(a, j->of[0][x], j->of[0][y]) + cost_of(b, j->of[1][x], j->of[1][y]);
    store_likelihoods(values, count, pl);
    out->pl = pl;
    return KUNI_OK;
}

/* Reads that show the allele, of what each record counts for its own. */
static kuni_status join_depths(const joining *j, const kuni_event *a, const kuni_event *b,
                               kuni_event *out, kuni_error *err)
{
    out->ad = NULL;
    if (!a->ad || !b->ad) return KUNI_OK;
    uint32_t *ad = kuni_arena_alloc(j->arena, j->n, sizeof(*ad), err);
    if (!ad) return KUNI_MEMORY;
    for (uint32_t i = 0; i < j->n; i++) {
        uint32_t x = j->of[0][i], y = j->of[1][i], p = a->ad[x], q = b->ad[y];
        bool both = (x > 0) == (y > 0);
        ad[i] = both ? (p < q ? p : q) : x ? p : q;
        for (uint32_t k = 0; k < j->n && !both; k++) { /* less those with the other change, too */
            if (!j->of[0][k] || !j->of[1][k] || (x ? j->of[0][k] != x : j->of[1][k] != y)) continue;
            uint32_t shared =
                a->ad[j->of[0][k]] < b->ad[j->of[1][k]] ? a->ad[j->of[0][k]] : b->ad[j->of[1][k]];
            ad[i] -= shared < ad[i] ? shared : ad[i];
        }
    }
    out->ad = ad;
    return KUNI_OK;
}

static uint32_t known_depth(uint32_t a, uint32_t b)
{
    if (a == KUNI_DP_MISSING || b == KUNI_DP_MISSING) return a == KUNI_DP_MISSING ? b : a;
    return a > b ? a : b;
}

/* What is of both events. */
static void join_numbers(const kuni_event *a, const kuni_event *b, kuni_event *out)
{
    out->dp = known_depth(a->dp, b->dp);
    out->gq = a->gq < b->gq ? a->gq : b->gq;
    out->qual = a->qual > b->qual ? a->qual : b->qual;
    if (!a->mq) out->mq = b->mq;
    memset(out->rank, KUNI_RANK_UNKNOWN, sizeof(out->rank));
}

static void join_phase(const kuni_event *a, const kuni_event *b, kuni_event *out)
{
    const kuni_event *phased = a->flags & KUNI_EVENT_PHASED ? a : b;
    bool whole = (a->flags & KUNI_EVENT_PHASED || is_homozygous(a)) &&
                 (b->flags & KUNI_EVENT_PHASED || is_homozygous(b));
    out->flags &= (uint8_t)~KUNI_EVENT_PHASED;
    out->phase_set = -1;
    if (!whole || !(phased->flags & KUNI_EVENT_PHASED)) return;
    out->flags |= KUNI_EVENT_PHASED;
    out->phase_set = phased->phase_set;
}

/* Fills in the alleles of `j`. NULL list: no memory. */
static kuni_status store_alleles(const joining *j, kuni_event *out, kuni_error *err)
{
    const char **alleles = kuni_arena_alloc(j->arena, j->n, sizeof(*alleles), err);
    if (!alleles) return KUNI_MEMORY;
    memcpy(alleles, j->alleles, j->n * sizeof(*alleles));
    out->alleles = alleles;
    out->n_alleles = (uint8_t)j->n;
    out->flags &= (uint8_t)~KUNI_EVENT_OTHER;
    if (strcmp(alleles[j->n - 1], "<*>") == 0) out->flags |= KUNI_EVENT_OTHER;
    return KUNI_OK;
}

static void take_ref(joining *j, const kuni_event *event)
{
    size_t length = strlen(event->alleles[0]);
    if (length <= j->ref_length) return;
    j->ref = event->alleles[0];
    j->ref_length = length;
}

kuni_status kuni_join_haplotypes(const kuni_event *a, const kuni_event *b, kuni_arena *arena,
                                 kuni_event *out, bool *joined, kuni_error *err)
{
    joining j = {.arena = arena, .ref = ""};
    kuni_event made = *a;
    *joined = false;
    if (!share_haplotype(a, b)) return KUNI_OK;
    take_ref(&j, a);
    take_ref(&j, b);
    bool fits;
    kuni_status status = list_pairs(&j, a, b, made.gt, &fits, err);
    if (status || !fits) return status;
    status = store_alleles(&j, &made, err);
    if (!status) status = join_likelihoods(&j, a, b, &made, err);
    if (!status) status = join_depths(&j, a, b, &made, err);
    if (status) return status;
    join_numbers(a, b, &made);
    join_phase(a, b, &made);
    *out = made;
    *joined = true;
    return KUNI_OK;
}

/* --- split records --- */

/*
 * The genotype of all parts together, each copy in its place where two do not claim the same one;
 * false where there are more copies or fewer.
 */
static bool gather_genotype(const joining *j, const kuni_split_part *parts, int ploidy,
                            int8_t gt[2])
{
    int8_t spare[2];
    int total = 0, n_spare = 0;
    gt[0] = gt[1] = -1;
    for (uint32_t i = 1; i < j->n; i++) {
        const kuni_event *event = parts[j->of[0][i]].event;
        for (int k = 0; k < ploidy; k++) {
            if (event->gt[k] != j->of[1][i]) continue;
            if (++total > ploidy) return false;
            if (gt[k] < 0)
                gt[k] = (int8_t)i;
            else
                spare[n_spare++] = (int8_t)i;
        }
    }
    for (int k = 0; k < ploidy && n_spare > 0; k++)
        if (gt[k] < 0) gt[k] = spare[--n_spare];
    return total == ploidy;
}

/* The likelihood of joined alleles x and y as the whole record had it, or a bound. */
static uint32_t split_cost(const joining *j, const kuni_split_part *parts, const int8_t gt[2],
                           uint32_t x, uint32_t y)
{
    bool called = (gt[0] == (int)x && gt[1] == (int)y) || (gt[0] == (int)y && gt[1] == (int)x);
    const kuni_split_part *p = &parts[j->of[0][x]], *q = &parts[j->of[0][y]];
    if (x == 0) p = q;
    if (y == 0) q = p;
    if (p == q) return p->lack + cost_of(p->event, j->of[1][x], j->of[1][y]);
    if (called) return 0;
    uint32_t first = p->lack + cost_of(p->event, j->of[1][x], j->of[1][x]),
             second = q->lack + cost_of(q->event, j->of[1][y], j->of[1][y]);
    return first > second ? first : second;
}

/* Of whole accounts of half genotypes, each of which sees the others' alleles as REF. */
static uint32_t halves_cost(const joining *j, const kuni_split_part *parts, size_t n_parts,
                            uint32_t x, uint32_t y)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n_parts; i++)
        sum += cost_of(parts[i].event, j->of[0][x] == i ? j->of[1][x] : 0,
                       j->of[0][y] == i ? j->of[1][y] : 0);
    return sum;
}

static kuni_status split_likelihoods(const joining *j, const kuni_split_part *parts, size_t n_parts,
                                     kuni_event *out, kuni_error *err)
{
    uint32_t n = j->n, count = out->ploidy == 1 ? n : n * (n + 1) / 2, k = 0;
    bool all = true, lacking = false;
    for (size_t i = 0; i < n_parts; i++) {
        all = all && parts[i].event->pl;
        lacking = lacking || parts[i].lack > 0;
    }
    out->pl = NULL;
    if (!all) return KUNI_OK;
    uint16_t *pl = kuni_arena_alloc(j->arena, count, sizeof(*pl), err);
    uint32_t *values = kuni_arena_alloc(j->arena, count, sizeof(*values), err);
    if (!pl || !values) return KUNI_MEMORY;
    for (uint32_t y = 0; y < n; y++)
        for (uint32_t x = out->ploidy == 1 ? y : 0; x <= y; x++)
            values[k++] = lacking ? split_cost(j, parts, out->gt, x, y)
                                  : halves_cost(j, parts, n_parts, x, y);
    store_likelihoods(values, count, pl);
    out->pl = pl;
    return KUNI_OK;
}

static kuni_status split_depths(const joining *j, const kuni_split_part *parts, size_t n_parts,
                                kuni_event *out, kuni_error *err)
{
    bool all = true;
    for (size_t i = 0; i < n_parts; i++) all = all && parts[i].event->ad;
    out->ad = NULL;
    if (!all) return KUNI_OK;
    uint32_t *ad = kuni_arena_alloc(j->arena, j->n, sizeof(*ad), err);
    if (!ad) return KUNI_MEMORY;
    for (uint32_t i = 0; i < j->n; i++) ad[i] = parts[j->of[0][i]].event->ad[j->of[1][i]];
    out->ad = ad;
    return KUNI_OK;
}

kuni_status kuni_join_split(const kuni_split_part *parts, size_t n, kuni_arena *arena,
                            kuni_event *out, bool *joined, kuni_error *err)
{
    joining j = {.arena = arena, .ref = ""};
    const uint8_t unfit = KUNI_EVENT_FILTERED | KUNI_EVENT_EITHER;
    *joined = false;
    if (n < 2 || n >= ALLELES_MAX) return KUNI_OK;
    kuni_event made = *parts[0].event;
    for (size_t i = 0; i < n; i++) {
        const kuni_event *event = parts[i].event;
        if (event->flags & unfit || event->ploidy != made.ploidy) return KUNI_OK;
        take_ref(&j, event);
    }
    j.alleles[j.n++] = j.ref;
    for (size_t i = 0; i < n; i++) {
        const kuni_event *event = parts[i].event;
        for (uint32_t x = 1; x < known_alleles(event); x++) {
            if (j.n == ALLELES_MAX - 1) return KUNI_OK;
            j.alleles[j.n] = respell(&j, event, x, err);
            if (!j.alleles[j.n]) return KUNI_MEMORY;
            j.of[0][j.n] = (uint8_t)i;
            j.of[1][j.n++] = (uint8_t)x;
        }
        if (i) join_numbers(&made, event, &made);
        if (!(event->flags & KUNI_EVENT_PHASED)) made.flags &= (uint8_t)~KUNI_EVENT_PHASED;
    }
    if (!gather_genotype(&j, parts, made.ploidy, made.gt)) return KUNI_OK;
    kuni_status status = store_alleles(&j, &made, err);
    if (!status) status = split_likelihoods(&j, parts, n, &made, err);
    if (!status) status = split_depths(&j, parts, n, &made, err);
    if (status) return status;
    if (!(made.flags & KUNI_EVENT_PHASED)) made.phase_set = -1;
    *out = made;
    *joined = true;
    return KUNI_OK;
}
