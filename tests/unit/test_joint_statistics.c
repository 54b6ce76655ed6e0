/* SPDX-License-Identifier: MIT */
/* Published and independently computed values of the site statistics, and the filter language. */
#include <math.h>

#include "fixture.h"

#include "filters.h"
#include "statistics.h"

static void near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("%.9g is not %.9g", found, expected);
}

/* Sums all terms directly with log-gamma: slow and plain. */
static void plain_hwe(int hom_a, int het, int hom_b, double *hwe, double *excess)
{
    int n = hom_a + het + hom_b, a = 2 * hom_a + het, b = 2 * n - a;
    int rare = a < b ? a : b;
    double total = 0, observed = 0, terms[2000] = {0};
    for (int h = rare % 2; h <= rare; h += 2) {
        int hom_of_a = (a - h) / 2, hom_of_b = (b - h) / 2;
        terms[h] = exp(lgamma(n + 1) - lgamma(hom_of_a + 1) - lgamma(h + 1) - lgamma(hom_of_b + 1) +
                       h * log(2) + lgamma(a + 1) + lgamma(b + 1) - lgamma(2 * n + 1));
        total += terms[h];
        if (h == het) observed = terms[h];
    }
    *hwe = *excess = 0;
    for (int h = rare % 2; h <= rare; h += 2) {
        if (terms[h] <= observed * (1 + 1e-9)) *hwe += terms[h] / total;
        if (h >= het) *excess += terms[h] / total;
    }
}

static void hwe_known_values(void **state)
{
    (void)state;
    double hwe, excess;
    /* 100 samples with 21 rare alleles, the example of Wigginton et al. 2005. */
    joint_hwe_exact(0, 21, 79, &hwe, &excess);
    near(hwe, 0.593644, 1e-5);
    joint_hwe_exact(1, 19, 80, &hwe, &excess);
    near(hwe, 1, 1e-9);
    for (int a = 0; a < 40; a += 3)
        for (int h = 0; h < 40; h += 4)
            for (int b = 0; b < 60; b += 7) {
                if (a + h + b == 0 || 2 * a + h == 0 || 2 * b + h == 0) continue;
                double p, x;
                plain_hwe(a, h, b, &p, &x);
                joint_hwe_exact((uint64_t)a, (uint64_t)h, (uint64_t)b, &hwe, &excess);
                near(hwe, p, 1e-7);
                near(excess, x, 1e-7);
            }
}

static void hwe_in_a_million(void **state)
{
    (void)state;
    double hwe, excess;
    joint_hwe_exact(250000, 500000, 250000, &hwe, &excess);
    near(hwe, 1, 1e-9);
    near(excess, 0.5, 0.01);
    joint_hwe_exact(0, 1000000, 0, &hwe, &excess);
    assert_true(hwe >= 0 && hwe < 1e-100 && excess < 1e-100);
    joint_hwe_exact(1000000, 0, 0, &hwe, &excess);
    near(hwe, 1, 0);
    joint_hwe_exact(0, 0, 0, &hwe, &excess);
    near(excess, 1, 0);
    joint_hwe_exact(0, 1, 999999, &hwe, &excess);
    near(excess, 1, 1e-9);
}

static void strands(void **state)
{
    (void)state;
    near(joint_strand_odds((uint64_t[]){1450, 345, 160, 212}), 0.592, 0.0005);
    near(joint_fisher_strand((uint64_t[]){8, 2, 1, 5}), -10 * log10(0.0349650), 1e-3);
    near(joint_fisher_strand((uint64_t[]){10, 10, 10, 10}), 0, 1e-9);
    assert_true(isnan(joint_fisher_strand((uint64_t[]){0, 0, 0, 0})));
    double large = joint_fisher_strand((uint64_t[]){5000000, 5000000, 5100000, 4900000});
    assert_true(large >= 0 && large < 3);
}

/*
 * Values that GATK's own tests expect (StrandOddsRatioUnitTest, FisherStrandUnitTest: R's
 * fisher.test).
 */
static void strands_as_gatk_has_them(void **state)
{
    (void)state;
    static const struct {
        uint64_t t[4];
        double sor, p; /* negative: not given */
    } cases[] = {
        {{100000, 100000, 100000, 100000}, 0.6931472, 1.0},
        {{0, 0, 100000, 100000}, 0.6931472, 1.0},
        {{100000, 100000, 100000, 0}, 23.02587, 1.312515e-15},
        {{100, 100, 100, 0}, 9.230339, 3.730187e-23},
        {{13736, 9047, 41, 1433}, 7.061479, 6.162592e-05},
        {{66, 14, 64, 4}, 2.248203, 4.243330e-02},
        {{351169, 306836, 153739, 2379}, 8.066731, 2.193607e-09},
        {{116449, 131216, 289, 16957}, 7.898818, 1.340052e-03},
        {{137, 159, 9, 23}, 1.664854, 6.088506e-02},
        {{129, 90, 21, 20}, 0.4303384, 3.919603e-01},
        {{14054, 9160, 16, 7827}, 12.2645, 7.466277e-17},
        {{32803, 9184, 32117, 3283}, 2.139932, 1.795855e-02},
        {{2068, 6796, 1133, 0}, 14.06701, 5.919091e-13},
        {{9, 11, 12, 10}, -1, 0.7578618},
        {{9, 13, 12, 10}, -1, 0.5466948},
        {{9, 12, 11, 9}, -1, 0.5377362},
        {{9, 9, 12, 10}, -1, 1.0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].sor >= 0) near(joint_strand_odds(cases[i].t), cases[i].sor, 1e-4);
        near(joint_fisher_strand(cases[i].t), -10 * log10(cases[i].p), 1e-4);
    }
}

/*
 * Those of ExcessHetUnitTest count half of P(observed), which one allele has for 0.5: our tail less
 * half of that P, which is the difference of two tails.
 */
static void excess_as_gatk_has_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t het, hom_ref, hom_alt;
        double middle_p;
    } cases[] = {{1, 0, 0, 0.5},   {1, 1, 0, 0.5},   {1, 1, 1, 0.7},    {4, 0, 0, 0.114},
                 {2, 1, 1, 0.571}, {0, 2, 2, 0.957}, {1, 1, 40, 0.982}, {3, 0, 39, 0.482}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double hwe, tail, next = 0;
        uint64_t het = cases[i].het, a = cases[i].hom_ref, b = cases[i].hom_alt;
        joint_hwe_exact(a, het, b, &hwe, &tail);
        if (a && b) joint_hwe_exact(a - 1, het + 2, b - 1, &hwe, &next);
        near((tail + next) / 2, cases[i].middle_p, 6e-4);
    }
    double hwe, tail;
    joint_hwe_exact(0, 10, 0, &hwe, &tail); /* 25.573 there */
    near(joint_phred(tail / 2, 3000), 25.573, 1e-3);
    joint_hwe_exact(0, 5, 5, &hwe,
                    &tail); /* two ALTs: a heterozygote of both is no REF/ALT; 5.85 there */
    near(joint_phred(tail / 2, 3000), 5.85, 6e-3);
}

static void inbreeding(void **state)
{
    (void)state;
    near(joint_inbreeding(25, 50, 25), 0, 1e-12);
    near(joint_inbreeding(50, 0, 50), 1, 1e-12);
    near(joint_inbreeding(0, 100, 0), -1, 1e-12);
    assert_true(isnan(joint_inbreeding(100, 0, 0)));
}

static bool holds(const char *line, double qual, double qd)
{
    kuni_error err = KUNI_ERROR_INIT;
    joint_filters filters;
    if (joint_filters_parse(&filters, line, &err)) fail_msg("%s", err.text);
    double values[JOINT_FILTER_NAMES];
    for (int i = 0; i < JOINT_FILTER_NAMES; i++) values[i] = NAN;
    values[JOINT_QUAL] = qual;
    values[JOINT_QD] = qd;
    bool found = joint_filter_holds(&filters.filters[0], values);
    joint_filters_free(&filters);
    return found;
}

static void refuses(const char *line, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    joint_filters filters;
    assert_int_equal(joint_filters_parse(&filters, line, &err), KUNI_USAGE);
    assert_string_equal(err.text, expected);
    joint_filters_free(&filters);
}

static void filter_language(void **state)
{
    (void)state;
    assert_true(holds("a: QUAL < 20", 10, 0));
    assert_false(holds("a: QUAL < 20", 20, 0));
    assert_true(holds("a: QUAL < 20 && QD < 2 || QUAL == 50", 50, 9));
    assert_false(holds("a: QUAL < 20 && (QD < 2 || QUAL == 50)", 50, 9));
    assert_true(holds("a: 2 + 3 * 4 == 14 && -QD == 0 - 9", 50, 9));
    assert_true(holds("a=!(QUAL >= 60)", 50, 9));
    assert_false(holds("a: MQ < 40", 50, 9)); /* no value */
    assert_false(holds("a: MQ >= 40", 50, 9));
    assert_false(holds("a: MQ != 40", 50, 9));
    refuses("a: QAUL < 20",
            "filters: a: unknown name 'QAUL' (did you mean QUAL?): see 'kuni stages "
            "joint-genotype'");
    refuses("a: (QD < 20", "filters: a: at '(end)' of '(QD < 20': expected ')'");
    refuses("a: QD < ", "filters: a: at '(end)' of 'QD < ': expected a number, a name or '('");
    refuses("QD < 2", "filters: 'QD < 2': expected NAME: EXPRESSION");
    refuses("PASS: QD < 2", "a filter cannot be called PASS: give it another name");
    refuses("a: QD < 2\na: FS > 60", "filters: a is given twice: join the two with ||");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hwe_known_values),
        cmocka_unit_test(hwe_in_a_million),
        cmocka_unit_test(strands),
        cmocka_unit_test(inbreeding),
        cmocka_unit_test(strands_as_gatk_has_them),
        cmocka_unit_test(excess_as_gatk_has_it),
        cmocka_unit_test(filter_language),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
