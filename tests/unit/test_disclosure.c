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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_people),
                                       cmocka_unit_test(test_alleles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
