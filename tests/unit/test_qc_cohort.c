/* SPDX-License-Identifier: MIT */
/*
 * Kinship of drawn families, karyotypes of drawn counts, and the variant counts of events.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch/variants.h"
#include "fingerprints.h"
#include "metrics/sex.h"

enum { SITES = 6000, STRANGERS = 600 };

static kuni_error err = KUNI_ERROR_INIT;
static uint64_t random_state = 5;

static double uniform(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

typedef unsigned char person[SITES]; /* genotypes, or 3 */

/* Two populations with other frequencies: KING-robust must not take strangers of one for kin. */
static void draw_stranger(person who, int population)
{
    for (size_t i = 0; i < SITES; i++) {
        double af =
            0.15 +
            0.7 * (double)((i * 2654435761u + (uint32_t)population * (i % 3) * 977u) % 1000) / 1000;
        who[i] = (unsigned char)((uniform() < af) + (uniform() < af));
    }
}

static void draw_child(person who, const person a, const person b)
{
    for (size_t i = 0; i < SITES; i++)
        who[i] = (unsigned char)((a[i] == 1 ? uniform() < 0.5 : a[i] / 2) +
                                 (b[i] == 1 ? uniform() < 0.5 : b[i] / 2));
}

static void add(kuni_fingerprints *kinship, const person who, double missing)
{
    unsigned char packed[(SITES + 3) / 4] = {0};
    for (size_t i = 0; i < SITES; i++) {
        unsigned g = uniform() < missing ? KUNI_QC_GENOTYPE_MISSING : who[i];
        packed[i / 4] |= (unsigned char)(g << (2 * (i % 4)));
    }
    assert_int_equal(kuni_fingerprints_add(kinship, packed, &err), KUNI_OK);
}

static const kuni_relation *find(const kuni_relation *list, size_t n, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].a == a && list[i].b == b) return &list[i];
    return NULL;
}

static void finds_all_kin_and_no_others(void **state)
{
    (void)state;
    static person father, mother, child, sibling, stranger;
    char folder[] = "/tmp/kuni-qc-XXXXXX";
    assert_non_null(mkdtemp(folder));
    kuni_fingerprints *kinship = NULL;
    assert_int_equal(kuni_fingerprints_new(&kinship, SITES, folder, &err), KUNI_OK);
    draw_stranger(father, 0);
    draw_stranger(mother, 0);
    draw_child(child, father, mother);
    draw_child(sibling, father, mother);
    add(kinship, father, 0.02);  /* 0 */
    add(kinship, mother, 0.02);  /* 1 */
    add(kinship, child, 0.02);   /* 2 */
    add(kinship, sibling, 0.02); /* 3 */
    add(kinship, child, 0.3);    /* 4: the child once more, badly sequenced */
    for (int i = 0; i < STRANGERS; i++) {
        draw_stranger(stranger, i % 2);
        add(kinship, stranger, 0.02);
    }
    assert_int_equal(kuni_fingerprints_seal(kinship, &err), KUNI_OK);
    kuni_relation *found = NULL;
    size_t n = 0;
    assert_int_equal(kuni_fingerprints_search(kinship, 0.1767767, 500, NULL, &found, &n, &err),
                     KUNI_OK);
    static const struct {
        uint32_t a, b;
        const char *name;
    } expected[] = {{0, 2, "parent_child"},  {0, 3, "parent_child"}, {0, 4, "parent_child"},
                    {1, 2, "parent_child"},  {1, 3, "parent_child"}, {1, 4, "parent_child"},
                    {2, 3, "full_siblings"}, {2, 4, "duplicate"},    {3, 4, "full_siblings"}};
    assert_int_equal(n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < n; i++) {
        const kuni_relation *one = find(found, n, expected[i].a, expected[i].b);
        assert_non_null(one);
        assert_string_equal(kuni_relation_name(one), expected[i].name);
        kuni_relation alone = kuni_fingerprints_compare(kinship, one->a, one->b);
        assert_true(alone.kinship == one->kinship);
    }
    /* by hand: of the pair 0, 1, in plain loops */
    kuni_relation parents = kuni_fingerprints_compare(kinship, 0, 1);
    assert_true(fabs(parents.kinship) < 0.08);
    assert_string_equal(kuni_relation_name(&parents), "unrelated");
    free(found);
    kuni_fingerprints_free(kinship);
    assert_int_equal(rmdir(folder), 0); /* the scratch file is gone */
}

/*
 * The formula on genotypes small enough to count: 4 sites shared het, 1 opposite, hets 6 and 8 of
 * 16 sites.
 */
static void kinship_by_hand(void **state)
{
    (void)state;
    static const unsigned char a[16] = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2, 0, 3};
    static const unsigned char b[16] = {1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1};
    char folder[] = "/tmp/kuni-qc-XXXXXX";
    assert_non_null(mkdtemp(folder));
    kuni_fingerprints *kinship = NULL;
    assert_int_equal(kuni_fingerprints_new(&kinship, 16, folder, &err), KUNI_OK);
    const unsigned char *both[2] = {a, b};
    for (int k = 0; k < 2; k++) {
        unsigned char packed[4] = {0};
        for (size_t i = 0; i < 16; i++)
            packed[i / 4] |= (unsigned char)(both[k][i] << (2 * (i % 4)));
        assert_int_equal(kuni_fingerprints_add(kinship, packed, &err), KUNI_OK);
    }
    assert_int_equal(kuni_fingerprints_seal(kinship, &err), KUNI_OK);
    kuni_relation pair = kuni_fingerprints_compare(kinship, 0, 1);
    assert_int_equal(pair.n_sites, 15);
    assert_int_equal(pair.n_opposite, 1);
    /* (4 - 2 * 1) / (2 * 6) + 1/2 - (6 + 8) / (4 * 6) */
    assert_true(fabs(pair.kinship - (2.0 / 12 + 0.5 - 14.0 / 24)) < 1e-12);
    kuni_fingerprints_free(kinship);
    assert_int_equal(rmdir(folder), 0);
}

static kuni_qc_karyotype infer(double x, double y, double x_hets, bool with_y)
{
    static uint64_t counts[KUNI_QC_AT_CONTIGS], reference[KUNI_QC_AT_CONTIGS];
    const double autosome_bp = 1e6, x_bp = 1e6, y_bp = 2e5;
    memset(counts, 0, sizeof(counts));
    memset(reference, 0, sizeof(reference));
    reference[KUNI_QC_AT_DEPTH + KUNI_QC_AUTOSOME * KUNI_QC_DEPTHS] = (uint64_t)autosome_bp;
    reference[KUNI_QC_AT_DEPTH + KUNI_QC_X * KUNI_QC_DEPTHS] = (uint64_t)x_bp;
    if (with_y) reference[KUNI_QC_AT_DEPTH + KUNI_QC_Y * KUNI_QC_DEPTHS] = (uint64_t)y_bp;
    counts[KUNI_QC_AT_DEPTH_SUM + KUNI_QC_AUTOSOME] = (uint64_t)(30 * autosome_bp);
    counts[KUNI_QC_AT_DEPTH_SUM + KUNI_QC_X] = (uint64_t)(30 * x * x_bp);
    counts[KUNI_QC_AT_DEPTH_SUM + KUNI_QC_Y] = (uint64_t)(30 * y * y_bp);
    counts[KUNI_QC_AT_DEPTH + KUNI_QC_X * KUNI_QC_DEPTHS + 20] = (uint64_t)x_bp;
    counts[KUNI_QC_X_HET] = (uint64_t)x_hets;
    kuni_qc_summary summary = {.counts = counts, .reference = reference};
    return kuni_qc_infer_karyotype(&summary);
}

static void karyotypes(void **state)
{
    (void)state;
    static const struct {
        double x, y, hets;
        bool with_y;
        const char *name, *against_male;
    } cases[] = {
        {1.0, 0.01, 500, true, "XX", "mismatch"},
        {0.5, 0.47, 5, true, "XY", "match"},
        {0.5, 0.01, 5, true, "X0", "mismatch"},
        {1.0, 0.47, 500, true, "XXY", "match"},
        {0.5, 0.95, 5, true, "XYY", "match"},
        {1.5, 0.01, 700, true, "XXX", "mismatch"},
        {0.75, 0.2, 300, true, "ambiguous", "unknown"},
        {0.5, 0.47, 500, true, "ambiguous", "unknown"}, /* one X by coverage, two by its sites */
        {1.0, 0, 500, false, "XX", "mismatch"},
        {0.5, 0, 5, false, "XY", "match"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_qc_karyotype found = infer(cases[i].x, cases[i].y, cases[i].hets, cases[i].with_y);
        assert_string_equal(found.name, cases[i].name);
        assert_string_equal(kuni_qc_compare_sex(KUNI_SEX_MALE, &found), cases[i].against_male);
    }
    kuni_qc_karyotype woman = infer(1, 0.01, 500, true);
    assert_string_equal(kuni_qc_compare_sex(KUNI_SEX_FEMALE, &woman), "match");
    assert_string_equal(kuni_qc_compare_sex(KUNI_SEX_UNKNOWN, &woman), "undeclared");
}

static void count_event(uint64_t *counts, const char *const *alleles, uint8_t n, int8_t a, int8_t b,
                        uint8_t flags)
{
    kuni_event event = {
        .pos = 100, .flags = flags, .ploidy = 2, .n_alleles = n, .gt = {a, b}, .alleles = alleles};
    kuni_qc_count_event(&event, counts);
}

static void variants_by_hand(void **state)
{
    (void)state;
    static uint64_t counts[KUNI_QC_SINGLE_COUNTS];
    const char *ti[] = {"A", "G"}, *tv[] = {"A", "C"}, *two[] = {"A", "G", "C"};
    const char *insertion[] = {"A", "ATT"}, *deletion[] = {"ATT", "A"},
               *mixed[] = {"AT", "A", "ATT"};
    const char *star[] = {"A", "*"};
    char big[64];
    memset(big, 'A', 60);
    big[60] = '\0';
    const char *large[] = {"A", big};
    count_event(counts, ti, 2, 0, 1, 0);
    count_event(counts, tv, 2, 1, 1, 0);
    count_event(counts, two, 3, 1, 2, 0); /* one SNV site, heterozygous, neither ti nor tv */
    count_event(counts, insertion, 2, 0, 1, 0);
    count_event(counts, deletion, 2, 1, 1, 0);
    count_event(counts, mixed, 3, 1, 2,
                0); /* an insertion and a deletion, one heterozygous indel site */
    count_event(counts, large, 2, 0, 1, 0); /* 50 bp and more: not a short variant */
    count_event(counts, star, 2, 0, 1, 0);
    count_event(counts, ti, 2, 0, 0, 0); /* not called */
    count_event(counts, ti, 2, 0, -1, 0);
    count_event(counts, ti, 2, 0, 1, KUNI_EVENT_FILTERED);
    count_event(counts, ti, 2, 0, 1, KUNI_EVENT_CARRIED);
    assert_int_equal(counts[KUNI_QC_SNVS], 3);
    assert_int_equal(counts[KUNI_QC_SNVS_HET], 2);
    assert_int_equal(counts[KUNI_QC_SNVS_HOM], 1);
    assert_int_equal(counts[KUNI_QC_TRANSITIONS], 1);
    assert_int_equal(counts[KUNI_QC_TRANSVERSIONS], 1);
    assert_int_equal(counts[KUNI_QC_INSERTIONS], 2);
    assert_int_equal(counts[KUNI_QC_DELETIONS], 2);
    assert_int_equal(counts[KUNI_QC_INDELS_HET], 2);
    assert_int_equal(counts[KUNI_QC_INDELS_HOM], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_kin_and_no_others),
        cmocka_unit_test(kinship_by_hand),
        cmocka_unit_test(karyotypes),
        cmocka_unit_test(variants_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
