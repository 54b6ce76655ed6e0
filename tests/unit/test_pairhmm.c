/* SPDX-License-Identifier: MIT */
/*
 * The PairHMM against its own definition in long double, and the vector paths against each other,
 * bit by bit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "haplotypes/pairhmm.h"

enum { READS = 37, HAPLOTYPES = 9, LONGEST = 420 };

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

typedef struct problem {
    uint8_t read_bases[READS][LONGEST], read_quals[READS][LONGEST];
    uint8_t hap_bases[HAPLOTYPES][LONGEST], open[HAPLOTYPES][LONGEST], extend[HAPLOTYPES][LONGEST];
    kuni_pairhmm_read reads[READS];
    kuni_pairhmm_haplotype haps[HAPLOTYPES];
} problem;

/* Haplotypes that share prefixes, reads drawn from them with errors; some reads are noise. */
static problem *make_problem(uint64_t seed)
{
    problem *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    random_state = seed;
    uint32_t length = 150 + draw(200);
    for (uint32_t h = 0; h < HAPLOTYPES; h++) {
        for (uint32_t i = 0; i < length; i++) {
            bool copy = h > 0 && i < length / 2 + draw(length / 4);
            p->hap_bases[h][i] = copy ? p->hap_bases[h - 1][i] : (uint8_t)draw(draw(50) ? 4 : 5);
            p->open[h][i] = copy ? p->open[h - 1][i] : (uint8_t)(30 + draw(15));
            p->extend[h][i] = 10;
        }
        p->haps[h] = (kuni_pairhmm_haplotype){p->hap_bases[h], p->open[h], p->extend[h],
                                              length - (h == 3 ? 20 : 0)};
    }
    for (uint32_t r = 0; r < READS; r++) {
        uint32_t size = 36 + draw(114), from = draw(length - 20 - size / 2), h = draw(HAPLOTYPES);
        if (size > length - from) size = length - from;
        for (uint32_t i = 0; i < size; i++) {
            p->read_bases[r][i] = r == 5 ? (uint8_t)draw(4) : p->hap_bases[h][from + i];
            if (draw(30) == 0) p->read_bases[r][i] = (uint8_t)draw(5);
            p->read_quals[r][i] = (uint8_t)(2 + draw(40));
        }
        p->reads[r] = (kuni_pairhmm_read){p->read_bases[r], p->read_quals[r], size};
    }
    return p;
}

static double definition(const kuni_pairhmm_read *read, const kuni_pairhmm_haplotype *hap)
{
    static long double m[LONGEST + 1][LONGEST + 1], ins[LONGEST + 1][LONGEST + 1],
        del[LONGEST + 1][LONGEST + 1];
    for (uint32_t i = 0; i <= read->length; i++) m[i][0] = ins[i][0] = del[i][0] = 0;
    for (uint32_t j = 0; j <= hap->length; j++) {
        m[0][j] = ins[0][j] = 0;
        del[0][j] = 1.0L / hap->length;
    }
    long double sum = 0, chance[100];
    for (int q = 0; q < 100; q++) chance[q] = powl(10, -q / 10.0L);
    for (uint32_t i = 1; i <= read->length; i++) {
        for (uint32_t j = 1; j <= hap->length; j++) {
            long double open = chance[hap->gap_open[j - 1]];
            long double extend = chance[hap->gap_extend[j - 1]];
            long double wrong = chance[read->quals[i - 1]];
            uint8_t a = read->bases[i - 1], b = hap->bases[j - 1];
            long double e =
                a == b || a == KUNI_PAIRHMM_N || b == KUNI_PAIRHMM_N ? 1 - wrong : wrong / 3;
            m[i][j] = e * (m[i - 1][j - 1] * (1 - 2 * open) +
                           (ins[i - 1][j - 1] + del[i - 1][j - 1]) * (1 - extend));
            ins[i][j] = m[i - 1][j] * open + ins[i - 1][j] * extend;
            del[i][j] = m[i][j - 1] * open + del[i][j - 1] * extend;
        }
    }
    for (uint32_t j = 1; j <= hap->length; j++) sum += m[read->length][j] + ins[read->length][j];
    return (double)log10l(sum);
}

static void equals_its_definition(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pairhmm *hmm;
    assert_int_equal(kuni_pairhmm_new(&hmm, KUNI_PAIRHMM_AUTO, &err), KUNI_OK);
    for (uint64_t seed = 1; seed < 4; seed++) {
        problem *p = make_problem(seed);
        double found[READS * HAPLOTYPES];
        assert_int_equal(kuni_pairhmm_run(hmm, p->reads, READS, p->haps, HAPLOTYPES, found, &err),
                         KUNI_OK);
        for (size_t r = 0; r < READS; r++)
            for (size_t h = 0; h < HAPLOTYPES; h++)
                assert_true(
                    fabs(found[r * HAPLOTYPES + h] - definition(&p->reads[r], &p->haps[h])) < 1e-3);
        free(p);
    }
    assert_true(kuni_pairhmm_get_counts(hmm).double_pairs > 0); /* the noise read needs it */
    assert_true(kuni_pairhmm_get_counts(hmm).cells_done < kuni_pairhmm_get_counts(hmm).cells);
    kuni_pairhmm_free(hmm);
}

static void paths_give_the_same_bits(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pairhmm *plain;
    assert_int_equal(kuni_pairhmm_new(&plain, KUNI_PAIRHMM_PLAIN, &err), KUNI_OK);
    for (int path = KUNI_PAIRHMM_AVX2; path <= KUNI_PAIRHMM_AVX512; path++) {
        kuni_pairhmm *wide;
        if (kuni_pairhmm_new(&wide, (kuni_pairhmm_path)path, &err)) {
            print_message("this processor lacks path %d: not compared\n", path);
            kuni_error_clear(&err);
            continue;
        }
        for (uint64_t seed = 10; seed < 20; seed++) {
            problem *p = make_problem(seed);
            double a[READS * HAPLOTYPES], b[READS * HAPLOTYPES];
            assert_int_equal(kuni_pairhmm_run(plain, p->reads, READS, p->haps, HAPLOTYPES, a, &err),
                             KUNI_OK);
            assert_int_equal(kuni_pairhmm_run(wide, p->reads, READS, p->haps, HAPLOTYPES, b, &err),
                             KUNI_OK);
            assert_memory_equal(a, b, sizeof(a));
            free(p);
        }
        kuni_pairhmm_free(wide);
    }
    kuni_pairhmm_free(plain);
}

static void company_does_not_matter(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pairhmm *hmm;
    assert_int_equal(kuni_pairhmm_new(&hmm, KUNI_PAIRHMM_AUTO, &err), KUNI_OK);
    problem *p = make_problem(77);
    double all[READS * HAPLOTYPES], one;
    assert_int_equal(kuni_pairhmm_run(hmm, p->reads, READS, p->haps, HAPLOTYPES, all, &err),
                     KUNI_OK);
    for (size_t r = 0; r < READS; r++)
        for (size_t h = 0; h < HAPLOTYPES; h++) {
            assert_int_equal(kuni_pairhmm_run(hmm, &p->reads[r], 1, &p->haps[h], 1, &one, &err),
                             KUNI_OK);
            assert_true(fabs(one - all[r * HAPLOTYPES + h]) < 1e-4);
        }
    free(p);
    kuni_pairhmm_free(hmm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_definition),
        cmocka_unit_test(paths_give_the_same_bits),
        cmocka_unit_test(company_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
