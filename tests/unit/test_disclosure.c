/* SPDX-License-Identifier: MIT */
/* What may be told of an allele: known answers. tests/unit/test_attack.c tries to get at what is not told. */
#include "fixture.h"

#include "disclosure.h"

enum { ALL = KUNI_DISCLOSE_CARRIERS | KUNI_DISCLOSE_CLASSES };

/* North and south, women and men: strata NF NM SF SM; all, north, south, women, men, then each stratum. */
static const uint16_t strata[] = {0, 1, 2, 3, 0, 2, 1, 3};
static const kuni_disclosure_cell cells[] = {
    {strata, 4, 1}, {strata, 2, 2},     {strata + 2, 2, 3}, {strata + 4, 2, 4}, {strata + 6, 2, 5},
    {strata, 1, 6}, {strata + 1, 1, 7}, {strata + 2, 1, 8}, {strata + 3, 1, 9}};
enum { N_CELLS = sizeof(cells) / sizeof(cells[0]) };

static kuni_disclosure *make(int64_t k, const uint32_t people[4])
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_disclosure *d = NULL;
    const kuni_disclosure_setup setup = {
        .threshold = k, .n_strata = 4, .people = people, .n_cells = N_CELLS, .cells = cells};
    assert_int_equal(kuni_disclosure_new(&d, &setup, &err), KUNI_OK);
    return d;
}

/* `expected` has a digit a cell. */
static void expect(int64_t k, const uint32_t people[4], const kuni_disclosure_counts counts[4],
                   const char *expected)
{
    char told[N_CELLS + 1] = "";
    uint8_t bits[N_CELLS];
    kuni_disclosure *d = make(k, people);
    kuni_disclosure_decide(d, 77, counts, NULL, bits);
    for (size_t i = 0; i < N_CELLS; i++) told[i] = (char)('0' + bits[i]);
    assert_string_equal(told, expected);
    kuni_disclosure_free(d);
}

static void test_counts(void **state)
{
    (void)state;
    static const uint32_t people[4] = {100, 100, 100, 100};
#define OF(HET) {.het = (HET), .none = 100 - (HET)}
    expect(5, people, (kuni_disclosure_counts[]){OF(9), OF(9), OF(9), OF(9)}, "333333333");
    expect(5, people, (kuni_disclosure_counts[]){OF(0), OF(0), OF(0), OF(0)}, "333333333");
    expect(5, people, (kuni_disclosure_counts[]){OF(1), OF(1), OF(1), OF(1)}, "000000000");
    /* One man of the south: neither he is told, nor men, of whom with the south he would be the rest. */
    expect(5, people, (kuni_disclosure_counts[]){OF(9), OF(9), OF(9), OF(1)}, "333003300");
    expect(5, people, (kuni_disclosure_counts[]){OF(9), OF(9), OF(0), OF(1)}, "300333030");
    /* All but one. */
    expect(5, people, (kuni_disclosure_counts[]){OF(100), OF(100), OF(100), OF(99)}, "000000000");
    expect(5, people, (kuni_disclosure_counts[]){OF(100), OF(100), OF(100), OF(100)}, "333333333");
    expect(1, people, (kuni_disclosure_counts[]){OF(1), OF(0), OF(0), OF(0)}, "333333333");
    /* Two who have it twice: wherever they are counted, how many carry it and no more. */
    const kuni_disclosure_counts twice = {.het = 20, .hom = 2, .none = 78};
    expect(5, people, (kuni_disclosure_counts[]){twice, OF(9), OF(9), OF(9)}, "113131333");
}

/* Rule 1 looks at people alone. */
static void test_people(void **state)
{
    (void)state;
    static const uint32_t people[4] = {100, 3, 100, 100};
    kuni_disclosure *d = make(5, people);
    static const char offered[] = "111000011";
    for (size_t i = 0; i < N_CELLS; i++)
        assert_int_equal(kuni_disclosure_offers(d, i), offered[i] - '0');
    kuni_disclosure_free(d);
    static const uint32_t few[4] = {1, 1, 1, 1};
    expect(5, few, (kuni_disclosure_counts[]){{0}, {0}, {0}, {0}}, "000000000");
}

static void test_alleles(void **state)
{
    (void)state;
    uint64_t snv = kuni_disclosure_allele("chr1", 9, "A", "C");
    assert_true(snv == kuni_disclosure_allele("chr1", 9, "ATT", "CTT"));
    assert_true(snv == kuni_disclosure_allele("chr1", 7, "GGA", "GGC"));
    assert_true(snv != kuni_disclosure_allele("chr1", 9, "A", "G"));
    assert_true(snv != kuni_disclosure_allele("chr1", 10, "A", "C"));
    assert_true(snv != kuni_disclosure_allele("chr11", 9, "A", "C"));
    assert_true(kuni_disclosure_allele("chr1", 9, "AT", "A") !=
                kuni_disclosure_allele("chr1", 9, "A", "AT"));
}

/* --- several recipients --- */

enum { KIND_PEOPLE = 20, KINDS = 3, PEOPLE = KINDS * KIND_PEOPLE };

/*
 * A release of the people of some kinds (bits), of whom so many carry allele 77, with one cell, all of them;
 * written as chapter `number`. What is told of it. Without `carriers` it is of another place.
 */
static uint8_t release_to(const char *recipient, unsigned kinds, const int64_t carriers[KINDS],
                          int number)
{
    kuni_error err = KUNI_ERROR_INIT;
    uint64_t numbers[PEOPLE];
    uint16_t finest[PEOPLE] = {0}, all[KINDS] = {0, 1, 2};
    uint32_t labels[PEOPLE], of[PEOPLE], people[KINDS] = {0}, label_of[KINDS];
    kuni_disclosure_counts counts[KINDS] = {{0}};
    size_t n = 0, n_strata = 0;
    uint8_t told = 0;
    char path[32];
    const kuni_disclosure_audience audience = {
        .recipient = recipient, .everybody = strcmp(recipient, "world") == 0, .threshold = 5};
    kuni_disclosure_past *past = NULL;
    kuni_disclosure *d = NULL;
    assert_int_equal(kuni_disclosure_past_new(&past, &audience, &err), KUNI_OK);
    for (int i = 0; i < number; i++) {
        snprintf(path, sizeof(path), "chapter%d", i);
        assert_int_equal(kuni_disclosure_past_read(past, path, &err), KUNI_OK);
    }
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < KIND_PEOPLE && kinds >> kind & 1; i++)
            numbers[n++] = 1 + kind * KIND_PEOPLE + i;
    assert_int_equal(kuni_disclosure_past_people(past, numbers, finest, n, labels, &err), KUNI_OK);
    for (size_t kind = 0, i = 0; kind < KINDS; kind++) {
        if (!(kinds >> kind & 1)) continue;
        size_t at = 0;
        int64_t het = carriers ? carriers[kind] : 0;
        while (at < n_strata && label_of[at] != labels[i]) at++;
        if (at == n_strata) label_of[n_strata++] = labels[i];
        people[at] += KIND_PEOPLE;
        counts[at].het += het;
        counts[at].none += KIND_PEOPLE - het;
        for (size_t j = 0; j < KIND_PEOPLE; j++, i++) {
            assert_int_equal(labels[i], label_of[at]); /* all are counted, and alike */
            of[i] = (uint32_t)at;
        }
    }
    const kuni_disclosure_cell total = {all, n_strata, 1};
    const kuni_disclosure_setup setup = {.threshold = 5,
                                         .n_strata = n_strata,
                                         .people = people,
                                         .n_cells = 1,
                                         .cells = &total,
                                         .past = past,
                                         .labels = label_of};
    assert_int_equal(kuni_disclosure_new(&d, &setup, &err), KUNI_OK);
    kuni_buffer journal = KUNI_BUFFER_INIT;
    if (carriers) kuni_disclosure_decide(d, 77, counts, NULL, &told);
    assert_int_equal(kuni_disclosure_note(d, &told, &journal, &err), KUNI_OK);
    snprintf(path, sizeof(path), "chapter%d", number);
    assert_int_equal(kuni_disclosure_write(d, numbers, of, n, false, &journal, path, &err),
                     KUNI_OK);
    kuni_buffer_fini(&journal);
    kuni_disclosure_free(d);
    kuni_disclosure_past_free(past);
    return told;
}

/*
 * One carrier is of those whom both acme and ward were told of, each beside others. That the sides of an intersection
 * were told does not tell its count: it was, to everybody, when a public release took all that anybody had for one.
 */
static void test_public(void **state)
{
    (void)state;
    static const int64_t carriers[KINDS] = {1, 9, 9};
    assert_int_equal(release_to("acme", 3, carriers, 0), ALL);
    assert_int_equal(release_to("ward", 5, carriers, 1), ALL);
    assert_int_equal(release_to("world", 1, carriers, 2), 0);
    assert_int_equal(release_to("world", 7, carriers, 3), ALL);
    /* nine of those who are acme's less what is public: each is told what the other was not */
    assert_int_equal(release_to("acme", 4, carriers, 4), ALL);
    /* what is public, 19, less these would be the one */
    assert_int_equal(release_to("hill", 6, carriers, 5), 0);
    assert_int_equal(release_to("hill", 7, carriers, 6), ALL);
}

/* Genotypes of the people of some kinds. */
static void genotypes_to(const char *recipient, unsigned kinds, int number)
{
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_buffer nothing = KUNI_BUFFER_INIT;
    const uint32_t nobody[1] = {0};
    uint64_t numbers[PEOPLE];
    uint32_t of[PEOPLE];
    size_t n = 0;
    char path[32];
    const kuni_disclosure_audience audience = {.recipient = recipient, .threshold = 5};
    kuni_disclosure_past *past = NULL;
    kuni_disclosure *d = NULL;
    assert_int_equal(kuni_disclosure_past_new(&past, &audience, &err), KUNI_OK);
    for (int i = 0; i < number; i++) {
        snprintf(path, sizeof(path), "chapter%d", i);
        assert_int_equal(kuni_disclosure_past_read(past, path, &err), KUNI_OK);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        if (!(kinds >> i / KIND_PEOPLE & 1)) continue;
        of[n] = KUNI_DISCLOSURE_NOT_COUNTED;
        numbers[n++] = 1 + i;
    }
    const kuni_disclosure_setup setup = {.threshold = 5, .people = nobody, .past = past};
    assert_int_equal(kuni_disclosure_new(&d, &setup, &err), KUNI_OK);
    snprintf(path, sizeof(path), "chapter%d", number);
    assert_int_equal(kuni_disclosure_write(d, numbers, of, n, true, &nothing, path, &err), KUNI_OK);
    kuni_disclosure_free(d);
    kuni_disclosure_past_free(past);
}

/*
 * All were told of, 19; then genotypes of the first kind were given, nine of them carry it; then tables of another
 * place, which tell nothing of the allele and put those who are known in a class of their own. The third kind's
 * nine leave one for the second: who is known and who is not are of one class in what was told of the allele.
 */
static void test_known(void **state)
{
    (void)state;
    static const int64_t carriers[KINDS] = {9, 1, 9};
    assert_int_equal(release_to("acme", 7, carriers, 0), ALL);
    genotypes_to("acme", 1, 1);
    assert_int_equal(release_to("acme", 7, NULL, 2), 0);
    assert_int_equal(release_to("ward", 4, carriers, 3), ALL); /* knows nobody */
    assert_int_equal(release_to("acme", 4, carriers, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_people),
                                       cmocka_unit_test(test_alleles),
                                       cmocka_unit_test(test_public), cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
