/* SPDX-License-Identifier: MIT */
/*
 * The same records for any batches, shards, order of work and memory: a random cohort with every
 * kind of event, dense around the edges of chunks, with deletions across them.
 */
#include "joint_fixture.h"

enum { SAMPLES = 23, LENGTH = 140000, PLACES = 400, EVENTS_MAX = 20000, BLOCKS_MAX = 40000 };

static uint64_t seed = 20260101;

static uint32_t below(uint32_t n)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % n);
}

static char reference[LENGTH + 128];
static joint_event events[EVENTS_MAX];
static size_t n_events;
static joint_block blocks[BLOCKS_MAX];
static size_t n_blocks;
static kuni_sex sex[SAMPLES];
static const char *groups[SAMPLES];
static char texts[PLACES][400];
static int64_t places[PLACES];

/*
 * Alleles of a place: REF of 1 to 40 bases, and up to 4 ALTs that share its first base or replace
 * it.
 */
static void make_place(int i)
{
    static const int64_t edges[] = {65536, 131072, 20000};
    places[i] = below(3) ? edges[below(3)] - 60 + below(120) : 1 + below(LENGTH - 100);
    const char *ref = reference + places[i] - 1;
    uint32_t length = below(3) ? 1 : 2 + below(40), n = 1 + below(4);
    char *out = texts[i] + sprintf(texts[i], "%.*s", (int)length, ref);
    for (uint32_t k = 0; k < n; k++) {
        char alt[64];
        if (length > 1 && k == 0) /* a deletion */
            sprintf(alt, "%.*s", (int)(1 + below(length - 1)), ref);
        else { /* a SNP somewhere in REF, or an insertion */
            sprintf(alt, "%.*s", (int)length, ref);
            uint32_t at = below(length);
            alt[at] = "ACGT"[(strchr("ACGT", alt[at]) - "ACGT" + 1 + below(3)) % 4];
            if (length == 1 && below(4) == 0)
                sprintf(alt, "%c%.*s", *ref, (int)(1 + below(8)), "TGCATGCATG");
        }
        char wanted[70];
        sprintf(wanted, ",%s", alt);
        char *seen = strstr(texts[i], wanted);
        if (seen && (seen[strlen(wanted)] == ',' || !seen[strlen(wanted)])) continue;
        out += sprintf(out, ",%s", alt);
    }
    if (below(2)) out += sprintf(out, ",<*>");
}

static int compare_places(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void make_event(uint32_t sample, int place)
{
    joint_event *e = &events[n_events++];
    *e = (joint_event){.sample = sample, .pos = places[place], .alleles = texts[place]};
    int n = 1;
    for (const char *at = texts[place]; *at; at++) n += *at == ',';
    int called = strstr(texts[place], "<*>") ? n - 1 : n;
    e->ploidy = sex[sample] == KUNI_SEX_MALE && e->pos > 100000 ? 1 : 2;
    e->gt[0] = (int)below((uint32_t)called);
    e->gt[1] = (int)below((uint32_t)called);
    if (below(20) == 0) e->gt[0] = e->gt[1] = -1;
    if (below(30) == 0) e->flags |= KUNI_EVENT_FILTERED;
    if (below(8) == 0) e->flags |= KUNI_EVENT_PHASED;
    if (below(12)) {
        e->n_pl = e->ploidy == 1 ? n : n * (n + 1) / 2;
        for (int i = 0; i < e->n_pl; i++) e->pl[i] = (uint16_t)(1 + below(below(2) ? 60 : 900));
        e->pl[below((uint32_t)e->n_pl)] = 0;
    }
    if (below(12)) {
        e->n_ad = n;
        for (int i = 0; i < n; i++) e->ad[i] = below(30);
    }
    for (int i = 0; i < 4; i++) e->sb[i] = below(15);
}

static void make_cohort(void)
{
    for (int i = 0; i < LENGTH + 100; i++) reference[i] = "ACGT"[below(4)];
    for (int i = 0; i < PLACES; i++) make_place(i);
    for (uint32_t s = 0; s < SAMPLES; s++) {
        sex[s] = (kuni_sex)below(3);
        groups[s] = below(3) ? (below(2) ? "north" : "south east") : NULL;
        int64_t end = 1, order[PLACES];
        size_t first = n_events;
        for (int i = 0; i < PLACES; i++) order[i] = places[i] << 16 | i;
        qsort(order, PLACES, sizeof(order[0]), compare_places);
        for (int i = 0; i < PLACES; i++)
            if (below(3) == 0) make_event(s, (int)(order[i] & 0xFFFF));
        (void)first;
        while (end < LENGTH) { /* blocks with gaps; where events stand, the events count */
            int64_t next = end + 1 + below(3000);
            if (below(10))
                blocks[n_blocks++] = (joint_block){.sample = s,
                                                   .beg = end,
                                                   .end = next < LENGTH ? next : LENGTH,
                                                   .gq = (int)below(100),
                                                   .dp = (int)below(40),
                                                   .kind = below(15) ? 0 : 1 + (int)below(2),
                                                   .ploidy = 2};
            end = next + 1;
        }
    }
}

static joint_case plain_case(void)
{
    return (joint_case){.contig = "chrX",
                        .length_bp = LENGTH,
                        .ploidy = "ploidy.bed",
                        .n_samples = SAMPLES,
                        .sex = sex,
                        .groups = groups,
                        .events = events,
                        .n_events = n_events,
                        .blocks = blocks,
                        .n_blocks = n_blocks};
}

static int set_up(void **state)
{
    if (fixture_enter(state)) return -1;
    fixture_write("ploidy.bed", "chrX\t100000\t140000\t1\t2\n");
    make_cohort();
    return 0;
}

static void any_batches_and_shards(void **state)
{
    (void)state;
    joint_case c = plain_case();
    char *expected = fixture_joint(&c, true);
    size_t lines = 0;
    for (const char *at = expected; *at; at++) lines += *at == '\n';
    assert_true(lines > 300);
    static const uint32_t batches[] = {1, 7, 256, 5, 2, 1}, shards[] = {1, 50, 7, 333, 1, 1};
    /* 1: windows as small as can be; the last two keep a part of what the first walk finds */
    static const int64_t memory[] = {0, 1, 0, 1, 5 << 18, 3 << 19};
    for (int i = 0; i < 6; i++) {
        c.batch = batches[i];
        c.shards = shards[i];
        c.memory_bytes = memory[i];
        char *found = fixture_joint(&c, true);
        assert_string_equal(found, expected);
        free(found);
    }
    free(expected);
}

/* Shards that cut the stretch around a chunk's edge at every base. */
static void every_cut(void **state)
{
    (void)state;
    joint_case c = plain_case();
    c.from = 65536 - 70;
    c.to = 65536 + 70;
    char *expected = fixture_joint(&c, true);
    c.shards = 140;
    char *found = fixture_joint(&c, true);
    assert_string_equal(found, expected);
    free(found);
    free(expected);
}

/* Only the columns' presence tells a site table from a dense call set. */
static void site_table_is_the_same(void **state)
{
    (void)state;
    joint_case c = plain_case();
    char *dense = fixture_joint(&c, false);
    c.set[0] = "output=sites";
    c.batch = 4;
    char *sites = fixture_joint(&c, false);
    const char *a = dense, *b = sites;
    while (*a && *b) {
        size_t n = 0;
        for (int column = 0; column < 8; column++) n += strcspn(a + n, "\t\n") + (column < 7);
        size_t m = strcspn(b, "\n");
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n);
        a += strcspn(a, "\n") + 1;
        b += m + 1;
    }
    assert_true(!*a && !*b);
    free(dense);
    free(sites);
}

/* --- sparse call sets --- */

/* What a sample was last told to be in, and where that ends. */
typedef struct told {
    int64_t end;
    char gt[16], dp[16], rnc[4];
} told;

static told stretches[SAMPLES];

/*
 * Field `key` of a column, "." where it has none. `format` and the column end with a tab or
 * newline.
 */
static void get_field(const char *format, const char *column, const char *key, char *out,
                      size_t most)
{
    strcpy(out, ".");
    while (*column != '\t' && *column != '\n' && *column) {
        size_t n = strcspn(format, ":\t"), m = strcspn(column, ":\t\n");
        if (n == strlen(key) && !memcmp(format, key, n) && m < most) {
            memcpy(out, column, m);
            out[m] = '\0';
        }
        if (format[n] != ':' || column[m] != ':') return;
        format += n + 1;
        column += m + 1;
    }
}

static const char *next_column(const char *at, int columns)
{
    while (columns--) at += strcspn(at, "\t\n") + 1;
    return at;
}

static bool is_dot(const char *column)
{
    return column[0] == '.' && (column[1] == '\t' || column[1] == '\n');
}

/* A sample at a site: all that the dense call set has of it, but for what only that knows. */
static void compare_column(const char *format, const char *column, const char *dense_format,
                           const char *dense, told *t, int64_t pos, const int *bands)
{
    char length[16], found[64], wanted[64];
    get_field(format, column, "LEN", length, sizeof(length));
    bool begins = !is_dot(column);
    if (begins) { /* what is told of was not told of before */
        assert_true(t->end < pos);
        get_field(format, column, "GT", t->gt, sizeof(t->gt));
        get_field(format, column, "DP", t->dp, sizeof(t->dp));
        get_field(format, column, "RNC", t->rnc, sizeof(t->rnc));
        t->end = length[0] == '.' ? pos - 1 : pos + atoi(length) - 1;
    } else
        assert_true(t->end >= pos);
    get_field(dense_format, dense, "GT", wanted, sizeof(wanted));
    assert_string_equal(t->gt, wanted);
    get_field(dense_format, dense, "RNC", wanted, sizeof(wanted));
    assert_string_equal(t->rnc, wanted);
    get_field(dense_format, dense, "DP", wanted, sizeof(wanted));
    if (t->end >= pos && bands && wanted[0] != '.') {
        int depth = atoi(wanted), edge = 0;
        for (const int *band = bands; *band && *band <= depth; band++) edge = *band;
        sprintf(wanted, "%d", edge);
    }
    assert_string_equal(t->dp, wanted);
    if (t->end >= pos) return;
    static const char *const same[] = {"GQ", "PS"};
    for (int i = 0; i < 2; i++) {
        get_field(format, column, same[i], found, sizeof(found));
        get_field(dense_format, dense, same[i], wanted, sizeof(wanted));
        assert_string_equal(found, wanted);
    }
}

/* Values that stand for samples in blocks. */
static size_t compare_sparse(const char *sparse, const char *dense, const int *bands)
{
    size_t spared = 0;
    memset(stretches, 0, sizeof(stretches));
    while (*sparse && *dense) {
        size_t alleles = (size_t)(next_column(dense, 5) - dense) - 1;
        assert_memory_equal(sparse, dense, alleles);
        assert_memory_equal(sparse + alleles, ",<*>\t", 5);
        int64_t pos = strtoll(next_column(dense, 1), NULL, 10);
        const char *format = next_column(sparse, 8), *dense_format = next_column(dense, 8);
        const char *column = next_column(format, 1), *other = next_column(dense_format, 1);
        for (uint32_t s = 0; s < SAMPLES; s++) {
            compare_column(format, column, dense_format, other, &stretches[s], pos, bands);
            spared += is_dot(column);
            column = next_column(column, 1);
            other = next_column(other, 1);
        }
        sparse = column;
        dense = other;
    }
    assert_true(!*sparse && !*dense);
    return spared;
}

static void sparse_expands(void **state)
{
    (void)state;
    static const struct {
        const char *set[4];
        int bands[4];
        uint32_t shards;
    } cases[] = {{{NULL}, {1, 10}, 1},
                 {{"sparse_dp=", "reference_cells=exact"}, {0}, 1},
                 {{"sparse_gq=", "sparse_dp=20", "reference_cells=exact"}, {20}, 9},
                 {{"min_gq=20"}, {1, 10}, 1},
                 {{"min_gq=60", "sparse_dp=", "prior_cap=0", "reference_cells=exact"}, {0}, 3}};
    size_t spared[5];
    for (int i = 0; i < 5; i++) {
        joint_case c = plain_case();
        kstring_t sparse = {0, 0, NULL}, again = {0, 0, NULL};
        memcpy(c.set, cases[i].set, sizeof(cases[i].set));
        c.shards = cases[i].shards;
        c.sparse = &sparse;
        char *dense = fixture_joint(&c, false);
        spared[i] = compare_sparse(sparse.s, dense, cases[i].bands[0] ? cases[i].bands : NULL);
        c.batch = 5; /* neither batches nor the windows that memory asks for */
        c.memory_bytes = 1;
        c.sparse = &again;
        free(fixture_joint(&c, false));
        assert_string_equal(again.s, sparse.s);
        free(dense);
        free(sparse.s);
        free(again.s);
    }
    assert_true(spared[0] > spared[1] && spared[1] > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_batches_and_shards),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(site_table_is_the_same),
        cmocka_unit_test(sparse_expands),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_leave);
}
