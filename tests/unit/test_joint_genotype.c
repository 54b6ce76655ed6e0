/* SPDX-License-Identifier: MIT */
/* A sample's genotype from its likelihoods and the copies that the other samples have. */
#include <math.h>

#include "fixture.h"

#include "genotype.h"

enum { COHORT_COPIES = 200 };

/* One sample at a site of REF, `n_alts` ALTs and "*". Likelihoods over REF, the ALTs and <*>. */
typedef struct question {
    uint32_t n_alts;
    const int32_t *pl;
    double others[3]; /* copies of each ALT in the other samples */
    int8_t gt[2];     /* of the sample's caller */
    uint16_t qual;
} question;

/*
 * Expected copies of the first ALT under Hardy-Weinberg, as the estimate of frequencies has them.
 */
static double own_copies(const int32_t *pl, double f)
{
    double none = (1 - f) * (1 - f) * pow(10, -pl[0] / 10.0),
           one = 2 * f * (1 - f) * pow(10, -pl[1] / 10.0), two = f * f * pow(10, -pl[2] / 10.0);
    return (one + 2 * two) / (none + one + two);
}

static joint_call ask(const question *q)
{
    uint16_t pl16[10];
    static const char *const alleles[] = {"A", "C", "G", "<*>"};
    double frequency[5] = {1}, total = COHORT_COPIES + 0.5 + 1.0 / COHORT_COPIES;
    int32_t first[5], again[5];
    joint_local local = {.copies = 2, .n = q->n_alts + 2};
    uint32_t count = local.n * (local.n + 1) / 2;
    for (uint32_t i = 0; i + 1 < local.n; i++) local.number[i] = (uint16_t)i;
    local.number[local.n - 1] = JOINT_OTHER;
    for (uint32_t g = 0; g < count; g++) {
        local.pl[g] = q->pl[g];
        pl16[g] = (uint16_t)q->pl[g];
    }
    kuni_event event = {.ploidy = 2,
                        .n_alleles = (uint8_t)local.n,
                        .gt = {q->gt[0], q->gt[1]},
                        .qual = q->qual,
                        .dp = 10,
                        .alleles = alleles,
                        .pl = pl16};
    local.event = &event;
    for (uint32_t i = 0; i < q->n_alts; i++) {
        double alpha = 1.0 / COHORT_COPIES / q->n_alts;
        frequency[i + 1] = (q->others[i] + alpha) / total;
        for (int r = 0; i == 0 && r < 100; r++)
            frequency[1] = (q->others[0] + own_copies(q->pl, frequency[1]) + alpha) / total;
        frequency[0] -= frequency[i + 1];
    }
    joint_prior prior = {.frequency = frequency,
                         .first = first,
                         .again = again,
                         .n = q->n_alts + 2,
                         .copies = COHORT_COPIES,
                         .cap = 30};
    joint_call call;
    joint_genotype_setup();
    joint_prior_set(&prior);
    joint_genotype_call(&prior, &local, &call);
    return call;
}

static void expect(const question *q, int a, int b)
{
    joint_call call = ask(q);
    if (call.reason || call.allele[0] != a || call.allele[1] != b)
        fail_msg("reason %d: %d/%d is not %d/%d", (int)call.reason, (int)call.allele[0],
                 (int)call.allele[1], a, b);
}

static void a_private_allele_needs_thirty_phred(void **state)
{
    (void)state;
    static const int32_t weak[] = {28, 0, 90, 60, 120, 150}, strong[] = {33, 0, 90, 60, 120, 150};
    expect(&(question){.n_alts = 1, .pl = weak}, 0, 0);
    expect(&(question){.n_alts = 1, .pl = strong}, 0, 1);
}

/*
 * Its two copies are a rarity of their own: shallow reads that all show the ALT are a heterozygote.
 */
static void a_private_homozygote_is_rarer_still(void **state)
{
    (void)state;
    static const int32_t shallow[] = {80, 12, 0, 90, 60, 100}, deep[] = {300, 30, 0, 330, 60, 400};
    expect(&(question){.n_alts = 1, .pl = shallow}, 0, 1);
    expect(&(question){.n_alts = 1, .pl = deep}, 1, 1);
}

/* After one copy among 198 the next has the allele with 1/2 in 199: 23 phred for a heterozygote. */
static void a_second_carrier_is_half_expected(void **state)
{
    (void)state;
    static const int32_t less[] = {21, 0, 90, 60, 120, 150}, more[] = {25, 0, 90, 60, 120, 150};
    expect(&(question){.n_alts = 1, .pl = less, .others = {1}}, 0, 0);
    expect(&(question){.n_alts = 1, .pl = more, .others = {1}}, 0, 1);
    expect(&(question){.n_alts = 1, .pl = less, .others = {3}}, 0, 1);
}

static void a_common_allele_is_in_proportion(void **state)
{
    (void)state;
    static const int32_t either[] = {40, 0, 0, 60, 60, 150};
    expect(&(question){.n_alts = 1, .pl = either, .others = {160}}, 1, 1);
    expect(&(question){.n_alts = 1, .pl = either, .others = {60}}, 0, 1);
}

/*
 * A caller that took a microsatellite's change for a matter of 20 phred is not overruled with 30.
 */
static void the_callers_prior_is_not_exceeded(void **state)
{
    (void)state;
    static const int32_t pl[] = {26, 0, 40, 60, 120, 150};
    expect(&(question){.n_alts = 1, .pl = pl}, 0, 0);
    expect(&(question){.n_alts = 1, .pl = pl, .gt = {0, 1}, .qual = 7}, 0, 1);
    expect(&(question){.n_alts = 1, .pl = pl, .gt = {0, 0}, .qual = 7}, 0, 0);
    static const int32_t trained[] = {10, 11, 0, 99, 99, 99}; /* the prior is in these */
    expect(&(question){.n_alts = 1, .pl = trained, .gt = {1, 1}, .qual = 11}, 1, 1);
}

/* Where the sample surely has one ALT, another one is less of a surprise than beside two REF. */
static void an_allele_beside_another(void **state)
{
    (void)state;
    /* 0/0 0/1 1/1 0/2 1/2 2/2, then with <*> */
    static const int32_t pl[] = {300, 250, 280, 25, 0, 200, 400, 400, 400, 500};
    expect(&(question){.n_alts = 2, .pl = pl, .others = {0, 60}}, 1, 2);
    static const int32_t weaker[] = {300, 250, 280, 15, 0, 200, 400, 400, 400, 500};
    expect(&(question){.n_alts = 2, .pl = weaker, .others = {0, 60}}, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_allele_needs_thirty_phred),
        cmocka_unit_test(a_private_homozygote_is_rarer_still),
        cmocka_unit_test(a_second_carrier_is_half_expected),
        cmocka_unit_test(a_common_allele_is_in_proportion),
        cmocka_unit_test(the_callers_prior_is_not_exceeded),
        cmocka_unit_test(an_allele_beside_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
