/* SPDX-License-Identifier: MIT */
/*
 * Assembly of windows with known variants: the true haplotypes must come out, described by the
 * right edits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "haplotypes/assemble.h"

enum { WINDOW = 400, READ_BP = 100, MOST_READS = 400 };

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

static void random_bases(uint8_t *bases, size_t length)
{
    for (size_t i = 0; i < length; i++) bases[i] = (uint8_t)draw(4);
}

typedef struct read_set {
    uint8_t bases[MOST_READS][READ_BP], quals[MOST_READS][READ_BP];
    kuni_pairhmm_read reads[MOST_READS];
    size_t n;
} read_set;

/* `count` reads from a haplotype; one base in `one_in` is wrong and, mostly, of low quality. */
static void draw_reads(read_set *set, const uint8_t *hap, uint32_t length, size_t count,
                       uint32_t one_in)
{
    for (; count > 0; count--, set->n++) {
        uint32_t from = draw(length - READ_BP + 1);
        for (uint32_t i = 0; i < READ_BP; i++) {
            bool wrong = draw(one_in) == 0;
            set->bases[set->n][i] = wrong ? (uint8_t)draw(4) : hap[from + i];
            set->quals[set->n][i] = wrong && draw(2) ? 5 : 35;
        }
        set->reads[set->n] = (kuni_pairhmm_read){set->bases[set->n], set->quals[set->n], READ_BP};
    }
}

static kuni_assembler *new_assembler(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_assemble_options options = KUNI_ASSEMBLE_DEFAULTS;
    kuni_assembler *assembler;
    assert_int_equal(kuni_assembler_new(&assembler, &options, &err), KUNI_OK);
    return assembler;
}

/* Applies a haplotype's edits to the reference: must give its bases. */
static void check_edits(const uint8_t *reference, const kuni_haplotype *hap)
{
    uint8_t spelled[2 * WINDOW];
    uint32_t length = 0, at = 0;
    for (uint32_t e = 0; e < hap->n_edits; e++) {
        const kuni_edit *edit = &hap->edits[e];
        assert_true(edit->ref >= at);
        while (at < edit->ref) spelled[length++] = reference[at++];
        assert_int_equal(length, edit->hap);
        for (uint32_t i = 0; i < edit->hap_length; i++)
            spelled[length++] = hap->bases[edit->hap + i];
        at += edit->ref_length;
    }
    while (at < WINDOW) spelled[length++] = reference[at++];
    assert_int_equal(length, hap->length);
    assert_memory_equal(spelled, hap->bases, length);
}

static const kuni_haplotype *find(const kuni_haplotype *haps, size_t n, const uint8_t *bases,
                                  uint32_t length)
{
    for (size_t h = 0; h < n; h++)
        if (haps[h].length == length && memcmp(haps[h].bases, bases, length) == 0) return &haps[h];
    return NULL;
}

/* Puts reference[0, at) + `insert` + reference[at + drop, WINDOW) into `out`. */
static uint32_t mutate(uint8_t *out, const uint8_t *reference, uint32_t at, uint32_t drop,
                       const uint8_t *insert, uint32_t insert_length)
{
    memcpy(out, reference, at);
    memcpy(out + at, insert, insert_length);
    memcpy(out + at + insert_length, reference + at + drop, WINDOW - at - drop);
    return WINDOW - drop + insert_length;
}

static void finds_heterozygous_variants(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_assembler *assembler = new_assembler();
    static read_set set;
    size_t missed = 0, rounds = 200, spurious = 0;
    for (uint64_t seed = 0; seed < rounds; seed++) {
        random_state = seed * 7919 + 1;
        uint8_t reference[WINDOW], hap[2 * WINDOW], insert[60];
        random_bases(reference, WINDOW);
        random_bases(insert, sizeof(insert));
        uint32_t at = 120 + draw(160), drop = 0, added = 0;
        if (seed % 3 == 0) {
            drop = added = 1;
            insert[0] = (uint8_t)((reference[at] + 1 + draw(3)) % 4);
        } else if (seed % 3 == 1) {
            drop = 1 + draw(50);
        } else {
            added = 1 + draw(50);
        }
        uint32_t length = mutate(hap, reference, at, drop, insert, added);
        set.n = 0;
        draw_reads(&set, reference, WINDOW, 60, 300);
        draw_reads(&set, hap, length, 60, 300);
        const kuni_haplotype *haps;
        size_t n_haps;
        bool failed;
        assert_int_equal(kuni_assemble(assembler, reference, WINDOW, set.reads, set.n, &haps,
                                       &n_haps, &failed, &err),
                         KUNI_OK);
        assert_int_equal(haps[0].n_edits, 0);
        for (size_t h = 0; h < n_haps; h++) check_edits(reference, &haps[h]);
        const kuni_haplotype *truth = find(haps, n_haps, hap, length);
        if (!truth) {
            missed++;
            continue;
        }
        spurious += n_haps - 2;
        uint32_t dropped = 0, inserted = 0;
        for (uint32_t e = 0; e < truth->n_edits; e++) {
            dropped += truth->edits[e].ref_length;
            inserted += truth->edits[e].hap_length;
        }
        assert_true(dropped - drop == inserted - added);
    }
    print_message("missed %zu of %zu, %.2f other haplotypes a window\n", missed, rounds,
                  (double)spurious / (double)rounds);
    assert_int_equal(missed, 0);
    kuni_assembler_free(assembler);
}

static void finds_repeat_lengths(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_assembler *assembler = new_assembler();
    static read_set set;
    size_t missed = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        random_state = seed * 104729 + 3;
        uint8_t reference[WINDOW], hap[2 * WINDOW];
        random_bases(reference, WINDOW);
        uint32_t unit = 1 + draw(4), copies = 4 + draw(24 / unit), at = 180;
        for (uint32_t i = unit; i < unit * copies; i++)
            reference[at + i] = reference[at + i - unit];
        uint32_t length = mutate(hap, reference, at, unit, reference, 0);
        set.n = 0;
        draw_reads(&set, reference, WINDOW, 70, 300);
        draw_reads(&set, hap, length, 70, 300);
        const kuni_haplotype *haps;
        size_t n_haps;
        bool failed;
        assert_int_equal(kuni_assemble(assembler, reference, WINDOW, set.reads, set.n, &haps,
                                       &n_haps, &failed, &err),
                         KUNI_OK);
        const kuni_haplotype *truth = find(haps, n_haps, hap, length);
        if (!truth) {
            missed++;
            continue;
        }
        assert_int_equal(truth->n_edits, 1);
        assert_int_equal(truth->edits[0].ref_length, unit);
        assert_int_equal(truth->edits[0].hap_length, 0);
        assert_true(truth->edits[0].ref <= at); /* as far left as it goes */
    }
    assert_int_equal(missed, 0);
    kuni_assembler_free(assembler);
}

static void keeps_neighbours_apart(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_assembler *assembler = new_assembler();
    static read_set set;
    random_state = 99;
    uint8_t reference[WINDOW], hap[2 * WINDOW];
    random_bases(reference, WINDOW);
    memcpy(hap, reference, WINDOW);
    for (uint32_t i = 0; i < 5; i++) hap[150 + 9 * i] = (uint8_t)((hap[150 + 9 * i] + 1) % 4);
    set.n = 0;
    draw_reads(&set, reference, WINDOW, 60, 300);
    draw_reads(&set, hap, WINDOW, 60, 300);
    const kuni_haplotype *haps;
    size_t n_haps;
    bool failed;
    assert_int_equal(kuni_assemble(assembler, reference, WINDOW, set.reads, set.n, &haps, &n_haps,
                                   &failed, &err),
                     KUNI_OK);
    const kuni_haplotype *truth = find(haps, n_haps, hap, WINDOW);
    assert_non_null(truth);
    assert_int_equal(truth->n_edits, 5);
    for (uint32_t e = 0; e < 5; e++) assert_int_equal(truth->edits[e].ref, 150 + 9 * e);
    kuni_assembler_free(assembler);
}

static void says_where_it_fails(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_assembler *assembler = new_assembler();
    uint8_t reference[WINDOW];
    for (uint32_t i = 0; i < WINDOW; i++) reference[i] = i & 1;
    const kuni_haplotype *haps;
    size_t n_haps;
    bool failed;
    assert_int_equal(
        kuni_assemble(assembler, reference, WINDOW, NULL, 0, &haps, &n_haps, &failed, &err),
        KUNI_OK);
    assert_true(failed);
    assert_int_equal(n_haps, 1);
    kuni_assembler_free(assembler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_heterozygous_variants),
        cmocka_unit_test(finds_repeat_lengths),
        cmocka_unit_test(keeps_neighbours_apart),
        cmocka_unit_test(says_where_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
