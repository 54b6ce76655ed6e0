/* SPDX-License-Identifier: MIT */
/* From two sizes of a cohort to a third: amounts that are made as the model says are found again. */
#include "fixture.h"

#include "trial_model.h"

static double harmonic(int n)
{
    double sum = 0;
    for (int i = 1; i < 2 * n; i++) sum += 1.0 / i;
    return sum;
}

static void near(double found, double expected)
{
    if (!(found > expected * (1 - 1e-6) && found < expected * (1 + 1e-6)))
        fail_msg("%.9g, not %.9g", found, expected);
}

static void test_records(void **state)
{
    (void)state;
    /* 40 H(n) + 3 n */
    const kuni_trial_sizes both = {
        .n1 = 8, .n2 = 24, .records1 = 40 * harmonic(8) + 24, .records2 = 40 * harmonic(24) + 72};
    near(kuni_trial_records(&both, 8), both.records1);
    near(kuni_trial_records(&both, 24), both.records2);
    near(kuni_trial_records(&both, 300), 40 * harmonic(300) + 900);
    near(kuni_trial_records(&both, 5000), 40 * harmonic(5000) + 15000); /* by the logarithm */
    /* one size alone, or none: by H */
    const kuni_trial_sizes one = {.n1 = 4, .n2 = 4, .records2 = 100};
    near(kuni_trial_records(&one, 400), 100 * harmonic(400) / harmonic(4));
}

static void test_amounts(void **state)
{
    (void)state;
    const kuni_trial_sizes s = {
        .n1 = 8, .n2 = 24, .records1 = 10 * harmonic(8), .records2 = 10 * harmonic(24)};
    /* 5 + 2 n */
    near(kuni_trial_fit(&s, 21, 53, 1000), 2005);
    near(kuni_trial_fit(&s, 16, 48, 1000), 2000);
    /* 7 a record and 3 each */
    near(kuni_trial_fit_bytes(&s, 7 * s.records1 + 24, 7 * s.records2 + 72, 1000),
         70 * harmonic(1000) + 3000);
    /* a value of each in each: 2 n + n S / 4 */
    near(kuni_trial_fit(&s, 16 + 2 * s.records1, 48 + 6 * s.records2, 1000),
         2000 + 2500 * harmonic(1000));
    /* less of more people: never below what it was */
    assert_true(kuni_trial_fit(&s, 50, 40, 1000) >= 39.99);
    /* one size */
    const kuni_trial_sizes one = {.n1 = 4, .n2 = 4};
    near(kuni_trial_fit(&one, 0, 12, 100), 300);
}

/* What one run takes more than another by chance is not taken for growth. */
static void test_memory(void **state)
{
    (void)state;
    static const double mib = 1024 * 1024;
    const kuni_trial_sizes s = {.n1 = 4, .n2 = 8};
    near(kuni_trial_fit_memory(&s, 21.2 * mib, 23.8 * mib, 30), 23.8 * mib);
    near(kuni_trial_fit_memory(&s, 20 * mib, 30 * mib, 30), 85 * mib);
    const kuni_trial_sizes same = {.n1 = 64, .n2 = 64};
    near(kuni_trial_fit_memory(&same, 20 * mib, 30 * mib, 64), 30 * mib);
}

static void test_batches(void **state)
{
    (void)state;
    /* 5 a batch and 2 each */
    const double people[2] = {8, 16}, batches[2] = {1, 1}, y[2] = {21, 37};
    near(kuni_trial_fit_batches(people, batches, y, 512, 2), 1034);
    const double alike[2] = {12, 12}, same[2] = {29, 29}; /* which cannot be parted */
    near(kuni_trial_fit_batches(alike, batches, same, 240, 1), 580);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records), cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
