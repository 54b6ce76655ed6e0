/* SPDX-License-Identifier: MIT */
/*
 * Genotypes, frequencies and site qualities of small cohorts, held against sums over all genotypes
 * that a cohort can have: with k copies of an allele among n, the prior of frequency.h is
 * theta / pi B(k - 1/2, n - k + 1/2) for k > 0.
 */
#include <math.h>

#include "fixture.h"

#include "genotype.h"

enum { SAMPLES_MOST = 300, KNOWN_MOST = 3 };

static const double PI = 3.14159265358979323846;

typedef struct sample {
    int32_t pl[10]; /* over REF, the ALTs, what the site does not list, and <*>, VCF order */
    int copies;     /* 0: two */
    int8_t gt[2];   /* of its caller */
    uint16_t qual;
} sample;

typedef struct cohort {
    uint32_t n_alts; /* 1 or 2 */
    bool foreign;    /* samples list an allele that the site does not; one ALT */
    double theta[2];
    sample samples[SAMPLES_MOST];
    size_t n;
    uint32_t blocks[2][100];
} cohort;

typedef struct answer {
    joint_call call; /* of the first sample */
    double quality;  /* phred */
    double nobody;   /* P, of the first ALT */
    double copies;
} answer;

static void build(const cohort *c, const sample *s, joint_local *local, kuni_event *event,
                  uint16_t *pl16)
{
    static const char *const alleles[] = {"A", "C", "G", "<*>"};
    *local = (joint_local){.copies = s->copies ? s->copies : 2, .n = c->n_alts + 2 + c->foreign};
    for (uint32_t i = 0; i + 1 < local->n; i++) {
        local->number[i] = (uint16_t)i;
        local->local_of[i] = (uint8_t)i;
    }
    if (c->foreign) local->number[local->n - 2] = JOINT_FOREIGN;
    local->number[local->n - 1] = JOINT_OTHER;
    local->local_of[local->n - 1] = (uint8_t)(local->n - 1);
    for (uint32_t g = 0; g < joint_genotype_count(local->n, local->copies); g++) {
        local->pl[g] = s->pl[g];
        pl16[g] = (uint16_t)s->pl[g];
    }
    *event = (kuni_event){.ploidy = (uint8_t)local->copies,
                          .n_alleles = (uint8_t)local->n,
                          .gt = {s->gt[0], s->gt[1]},
                          .qual = s->qual,
                          .dp = 10,
                          .alleles = alleles,
                          .pl = pl16};
    local->event = event;
}

static answer ask(const cohort *c)
{
    joint_alt alts[2] = {{.ref = "A", .alt = "C", .ref_length = 1, .alt_length = 1, .number = 1},
                         {.ref = "A", .alt = "G", .ref_length = 1, .alt_length = 1, .number = 2}};
    joint_site site = {.all_alts = c->n_alts, .n_alts = c->n_alts};
    joint_sites sites = {.sites = &site,
                         .n_sites = 1,
                         .alts = alts,
                         .n_alts = c->n_alts,
                         .n_slots = c->n_alts + 2,
                         .end = 1};
    double priors[4] = {0, c->theta[0], c->theta[1], 0};
    if (c->n_alts == 1) priors[2] = 0;
    kuni_error err = {0};
    joint_frequency *frequency = joint_frequency_new(&err);
    assert_non_null(frequency);
    assert_int_equal(joint_frequency_begin(frequency, &sites, priors, &err), KUNI_OK);
    joint_local local;
    kuni_event event;
    uint16_t pl16[10];
    for (size_t i = 0; i < c->n; i++) {
        build(c, &c->samples[i], &local, &event, pl16);
        assert_int_equal(joint_frequency_add(frequency, 0, &local, &err), KUNI_OK);
        for (int k = 0; k < 2; k++)
            if (c->samples[i].gt[k] > 0) alts[c->samples[i].gt[k] - 1].copies++;
    }
    joint_frequency_finish(frequency);
    uint32_t blocks[2][100];
    memcpy(blocks, c->blocks, sizeof(blocks));
    assert_int_equal(joint_frequency_solve(frequency, 0, blocks, &err), KUNI_OK);
    joint_next next[4];
    joint_prior prior = {.alleles = joint_frequency_get(frequency, &site),
                         .classes = joint_frequency_classes(frequency),
                         .next = next,
                         .n = c->n_alts + 2,
                         .copies = joint_frequency_copies(frequency, 0),
                         .cap = 60};
    joint_genotype_setup();
    joint_prior_set(&prior);
    answer a = {.nobody = prior.alleles[1].nobody, .copies = prior.alleles[1].copies};
    int64_t quality = joint_frequency_quality(frequency, 0);
    for (size_t i = c->n; i-- > 0;) {
        build(c, &c->samples[i], &local, &event, pl16);
        quality += joint_genotype_variance(&prior, &local);
    }
    a.quality = (double)quality / 1000;
    joint_genotype_call(&prior, &local, &a.call);
    joint_frequency_free(frequency);
    return a;
}

static void expect(const cohort *c, int a, int b)
{
    joint_call call = ask(c).call;
    if (call.reason || call.allele[0] != a || call.allele[1] != b)
        fail_msg("reason %d: %d/%d is not %d/%d", (int)call.reason, (int)call.allele[0],
                 (int)call.allele[1], a, b);
}

/* --- all genotypes of a cohort with one ALT --- */

typedef struct truth {
    double nobody, copies, own[3]; /* of the first sample's genotypes */
} truth;

static double beta(double a, double b)
{
    return exp(lgamma(a) + lgamma(b) - lgamma(a + b));
}

static truth enumerate(const cohort *c)
{
    double all = 0, prior_some = 0;
    truth t = {0};
    size_t genotypes = 1;
    for (size_t i = 0; i < c->n; i++) genotypes *= 3;
    for (size_t g = genotypes; g-- > 0;) {
        double weight = 1;
        int k = 0, own = 0;
        size_t rest = g;
        for (size_t i = 0; i < c->n; i++, rest /= 3) {
            int copies = (int)(rest % 3);
            weight *= copies == 1 ? 2 : 1;
            k += copies;
            if (i == 0) own = copies;
        }
        double prior = 1 - prior_some, n = 2 * (double)c->n; /* 0 comes last */
        if (k) {
            prior = weight * c->theta[0] / PI * beta(k - 0.5, n - k + 0.5);
            prior_some += prior;
        }
        double p = prior;
        rest = g;
        for (size_t i = 0; i < c->n; i++, rest /= 3)
            p *= pow(10, -c->samples[i].pl[rest % 3] / 10.0);
        all += p;
        t.copies += p * k;
        t.own[own] += p;
        if (!k) t.nobody = p;
    }
    t.nobody /= all;
    t.copies /= all;
    for (int i = 0; i < 3; i++) t.own[i] /= all;
    return t;
}

static void holds(const cohort *c)
{
    truth t = enumerate(c);
    answer a = ask(c);
    double quality = -10 * log10(t.nobody);
    if (fabs(a.quality - quality) > 0.2 + 0.01 * quality)
        fail_msg("QUAL %.3f is not %.3f", a.quality, quality);
    if (fabs(a.copies - t.copies) > 0.02 + 0.02 * t.copies)
        fail_msg("%.4f expected copies are not %.4f", a.copies, t.copies);
    int best = t.own[0] > t.own[1] ? 0 : 1;
    if (t.own[2] > t.own[best]) best = 2;
    double gq = -10 * log10(1 - t.own[best]);
    if (a.call.allele[0] + a.call.allele[1] != best)
        fail_msg("%d/%d is not %d copies", (int)a.call.allele[0], (int)a.call.allele[1], best);
    if (gq > 99) gq = 99; /* rounded down; a hundredth of kin; likelihoods in levels */
    if (a.call.gq > gq + 1 || a.call.gq < gq - 2) fail_msg("GQ %d is not %.2f", (int)a.call.gq, gq);
}

static const sample sure_none = {{0, 42, 200, 60, 200, 200}, .gt = {0, 0}},
                    shallow_none = {{0, 6, 60, 20, 60, 60}, .gt = {0, 0}},
                    sure_het = {{125, 0, 150, 160, 150, 200}, .gt = {0, 1}},
                    sure_hom = {{200, 42, 0, 200, 60, 200}, .gt = {1, 1}},
                    one_read = {{34, 0, 60, 60, 60, 60}, .gt = {0, 1}},
                    weak_read = {{20, 0, 60, 60, 60, 60}, .gt = {0, 0}};

/* One sample: the numbers of its caller, theta for a heterozygote and half of it for two copies. */
static void alone_it_has_its_callers_numbers(void **state)
{
    (void)state;
    static const sample *const all[] = {&sure_none, &shallow_none, &sure_het,
                                        &sure_hom,  &one_read,     &weak_read};
    static const double thetas[] = {0.00068, 0.00016, 0.05};
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            holds(&(cohort){.n_alts = 1, .theta = {thetas[t]}, .samples = {*all[i]}, .n = 1});
}

static void a_cohort_is_the_sum_of_all_that_can_be(void **state)
{
    (void)state;
    static const sample *const all[] = {&sure_none, &shallow_none, &sure_het,
                                        &sure_hom,  &one_read,     &weak_read};
    enum { KINDS = sizeof(all) / sizeof(all[0]) };
    for (size_t a = 0; a < KINDS; a++)
        for (size_t b = 0; b < KINDS; b++)
            for (size_t d = b; d < KINDS; d++)
                holds(&(cohort){.n_alts = 1,
                                .theta = {0.00068},
                                .samples = {*all[a], *all[b], *all[d]},
                                .n = 3});
}

/* A read more or less says no more in a cohort than alone: rather less. */
static void a_read_promises_no_more_in_a_cohort(void **state)
{
    (void)state;
    cohort alone = {.n_alts = 1, .theta = {0.00068}, .samples = {one_read}, .n = 1}, many = alone;
    many.blocks[1][30] = 10000;
    assert_true(ask(&many).quality < ask(&alone).quality);
    assert_true(ask(&many).call.allele[1] == 0);
}

static void many_blocks(cohort *c, uint32_t count)
{
    c->blocks[1][45] = count;
}

/* After one copy among n the next has the allele with 1/2 in n. */
static void a_second_carrier_is_half_expected(void **state)
{
    (void)state;
    cohort c = {.n_alts = 1,
                .theta = {0.001},
                .samples = {{.pl = {21, 0, 90, 60, 120, 150}, .gt = {0, 0}}, sure_het},
                .n = 2};
    many_blocks(&c, 98);
    expect(&c, 0, 0);
    c.samples[0].pl[0] = 25;
    expect(&c, 0, 1);
    c.samples[0].pl[0] = 21;
    c.samples[2] = c.samples[3] = sure_het;
    c.n = 4;
    expect(&c, 0, 1);
}

static void a_common_allele_is_in_proportion(void **state)
{
    (void)state;
    cohort c = {
        .n_alts = 1, .theta = {0.001}, .samples = {{.pl = {40, 0, 0, 60, 60, 150}}}, .n = 1};
    for (; c.n <= 80; c.n++) c.samples[c.n] = sure_hom;
    many_blocks(&c, 20);
    expect(&c, 1, 1);
    many_blocks(&c, 200);
    expect(&c, 0, 1);
}

static void one_copy_counts_as_one(void **state)
{
    (void)state;
    cohort c = {.n_alts = 1,
                .theta = {0.001},
                .samples = {{{35, 0, 60}, .copies = 1, .gt = {1, -1}}},
                .n = 1};
    answer a = ask(&c);
    assert_int_equal(a.call.copies, 1);
    assert_int_equal(a.call.allele[0], 1);
    assert_true(fabs(a.quality - 10 * log10(1 + 0.001 * pow(10, 3.5))) < 0.3);
}

/* A caller that took a change for a matter of 20 phred is not overruled with 30. */
static void the_callers_prior_is_followed(void **state)
{
    (void)state;
    cohort c = {
        .n_alts = 1, .theta = {0.001}, .samples = {{.pl = {26, 0, 40, 60, 120, 150}}}, .n = 1};
    expect(&c, 0, 0);
    c.samples[0].gt[1] = 1;
    c.samples[0].qual = 7;
    expect(&c, 0, 1);
    c.samples[0] = (sample){{10, 11, 0, 99, 99, 99}, .gt = {1, 1}, .qual = 11}; /* it is in these */
    expect(&c, 1, 1);
}

/* Where the sample surely has one ALT, another one is less of a surprise than beside two REF. */
static void an_allele_beside_another(void **state)
{
    (void)state;
    /* 0/0 0/1 1/1 0/2 1/2 2/2, then with <*> */
    cohort c = {.n_alts = 2,
                .theta = {0.001, 0.001},
                .samples = {{{300, 250, 280, 45, 0, 200, 400, 400, 400, 500}, .gt = {1, 2}}},
                .n = 1};
    for (; c.n <= 30; c.n++)
        c.samples[c.n] = (sample){{150, 300, 300, 0, 300, 150, 400, 400, 400, 500}, .gt = {0, 2}};
    expect(&c, 1, 2);
    c.samples[0].pl[3] = 15;
    expect(&c, 0, 2);
}

/* An ALT that others have for sure does not vouch for another one at the same place. */
static void one_allele_does_not_vouch_for_another(void **state)
{
    (void)state;
    cohort c = {.n_alts = 2,
                .theta = {0.00016, 0.00068},
                .samples = {{{33, 0, 60, 60, 90, 100, 70, 80, 100, 110}, .gt = {0, 1}, .qual = 4}},
                .n = 1};
    for (; c.n <= 60; c.n++)
        c.samples[c.n] = (sample){{150, 300, 300, 0, 300, 150, 400, 400, 400, 500}, .gt = {0, 2}};
    answer a = ask(&c);
    assert_true(a.quality > 1000);
    assert_true(a.nobody > 0.5);
    assert_int_equal(a.call.allele[0] + a.call.allele[1], 0);
}

/*
 * Two lengths of a repeat, 1/1 by 5 phred before 1 and a length that nobody is called with, which
 * the site does not list: that is no reason to be sure.
 */
static void an_allele_that_the_site_does_not_list(void **unused)
{
    (void)unused;
    cohort c = {.n_alts = 1,
                .foreign = true,
                .theta = {0.1},
                .samples = {{.pl = {180, 60, 0, 150, 5, 30, 180, 90, 90, 200}, .gt = {1, 1}}},
                .n = 1};
    answer a = ask(&c);
    assert_int_equal(a.call.reason, JOINT_CALLED);
    assert_true(a.call.allele[0] == 1 && a.call.allele[1] == 1);
    assert_in_range(a.call.gq, 8, 14); /* and another ALT costs some */
    c.samples[0].pl[4] = 200;
    assert_true(ask(&c).call.gq > 20);
    c.samples[0].pl[4] = 0; /* nor to say otherwise than the caller, who knew its prior */
    c.samples[0].pl[2] = 12;
    a = ask(&c);
    assert_true(a.call.allele[0] == 1 && a.call.allele[1] == 1 && a.call.gq >= 1 && a.call.gq < 4);
    c.samples[0].pl[4] = 0; /* and 1/1 at 40: the genotype is one that cannot be told here */
    c.samples[0].pl[2] = 40;
    assert_int_equal(ask(&c).call.reason, JOINT_UNLISTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_has_its_callers_numbers),
        cmocka_unit_test(a_cohort_is_the_sum_of_all_that_can_be),
        cmocka_unit_test(a_read_promises_no_more_in_a_cohort),
        cmocka_unit_test(a_second_carrier_is_half_expected),
        cmocka_unit_test(a_common_allele_is_in_proportion),
        cmocka_unit_test(one_copy_counts_as_one),
        cmocka_unit_test(the_callers_prior_is_followed),
        cmocka_unit_test(an_allele_beside_another),
        cmocka_unit_test(an_allele_that_the_site_does_not_list),
        cmocka_unit_test(one_allele_does_not_vouch_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
