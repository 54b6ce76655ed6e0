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
        terms[h] =
            exp(lgamma(n + 1) - lgamma((a - h) / 2 + 1) - lgamma(h + 1) - lgamma((b - h) / 2 + 1) +
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
    refuses("a: QAUL < 20", "filter a: unknown name 'QAUL' (did you mean QUAL?): see 'kuni stages "
                            "joint-genotype'");
    refuses("a: (QD < 20", "filter a: at '(end)' of '(QD < 20': expected ')'");
    refuses("a: QD < ", "filter a: at '(end)' of 'QD < ': expected a number, a name or '('");
    refuses("QD < 2", "filter 'QD < 2': expected NAME: EXPRESSION");
    refuses("PASS: QD < 2", "a filter cannot be called PASS: give it another name");
    refuses("a: QD < 2\na: FS > 60", "filter a is given twice: join the two with ||");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hwe_known_values), cmocka_unit_test(hwe_in_a_million),
        cmocka_unit_test(strands),          cmocka_unit_test(inbreeding),
        cmocka_unit_test(filter_language),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
