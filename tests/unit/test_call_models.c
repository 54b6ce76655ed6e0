/* SPDX-License-Identifier: MIT */
/*
 * The models of call-variants alone: logarithms, genotypes, mixtures, gap penalties, left
 * alignment.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kuni/variant_prior.h"
#include "model/genotype.h"
#include "model/math10.h"
#include "model/mixture.h"
#include "model/ranks.h"
#include "model/reference.h"
#include "reads/gaps.h"
#include "reads/read_window.h"
#include "regions/candidates.h"
#include "regions/chains.h"
#include "regions/shifts.h"
#include "regions/stutter.h"
#include "sites/site.h"

static void test_logarithms(void **unused)
{
    (void)unused;
    for (double x = 1e-300; x < 1e300; x *= 1.37)
        if (fabs(kuni_log10(x) - log10(x)) > 1e-12) fail_msg("log10(%g)", x);
    for (double x = -299; x < 299; x += 0.173)
        if (fabs(kuni_exp10(x) / pow(10, x) - 1) > 1e-11) fail_msg("exp10(%g)", x);
    assert_true(kuni_log10(0) <= -400);
    kuni_product product = KUNI_PRODUCT_ONE;
    for (int i = 0; i < 10000; i++) kuni_product_times(&product, 0.25);
    assert_true(fabs(kuni_product_log10(&product) - 10000 * log10(0.25)) < 1e-6);
}

static kuni_call_event event_of(int ploidy, const double *lk, int n)
{
    kuni_call_event event = {.n_alleles = 3,
                             .ploidy = ploidy,
                             .judged = ploidy,
                             .dp = 20,
                             .both_prior = 1e-3,
                             .prior = {0, 1e-3, 1e-3}};
    for (int g = 0; g < n; g++) event.log10_lk[g] = lk[g];
    kuni_genotype_finish(&event);
    return event;
}

/* GQ and QUAL are posteriors: worked by hand under heterozygosity 1e-3. */
static void test_genotypes(void **unused)
{
    (void)unused;
    /* 0/0 -5, 0/1 0, 1/1 -9: het against hom-ref 10^(0-3) : 10^-5 */
    const double het[] = {-5, 0, -9, -30, -30, -30};
    kuni_call_event event = event_of(2, het, 6);
    assert_int_equal(event.gt[0], 0);
    assert_int_equal(event.gt[1], 1);
    assert_int_equal(event.pl[0], 50);
    assert_int_equal(event.pl[1], 0);
    assert_int_equal(event.pl[2], 90);
    assert_int_equal(event.qual, 20); /* 0.01 / 1.01 */
    assert_int_equal(event.gq, 20);
    /* not enough to overcome the prior */
    const double weak[] = {-2, 0, -9, -30, -30, -30};
    event = event_of(2, weak, 6);
    assert_int_equal(event.gt[1], 0);
    assert_int_equal(event.gq, 10); /* 0.1 / 1.1 = -10.4 dB */
    assert_int_equal(event.pl[0], 20);
    const double haploid[] = {-8, 0, -30};
    event = event_of(1, haploid, 3);
    assert_int_equal(event.gt[0], 1);
    assert_int_equal(event.gt[1], -1);
    assert_int_equal(event.qual, 50);
    /* a likelihood far out of range of a double */
    const double far[] = {-5000, -900, 0, -5000, -5000, -5000};
    event = event_of(2, far, 6);
    assert_int_equal(event.gt[0], 1);
    assert_int_equal(event.qual, 50143); /* PL[0] was rounded to 49 x 1024 */
    assert_int_equal(event.pl[0], 50176);
    /* asked for, no reads */
    kuni_call_event empty = {.n_alleles = 3, .ploidy = 2, .judged = 2, .prior = {0, 1e-3, 1e-3}};
    kuni_genotype_finish(&empty);
    assert_int_equal(empty.gt[0], -1);
    assert_int_equal(empty.gq, 0);
}

static void test_trim(void **unused)
{
    (void)unused;
    kuni_call_event event = {.n_alleles = 4, .ploidy = 2, .judged = 2};
    for (int g = 0; g < 10; g++) event.log10_lk[g] = -g;
    event.alleles[0] = "A";
    event.alleles[1] = "C";
    event.alleles[2] = "G";
    event.alleles[3] = "<*>";
    const bool keep[] = {true, false, true, true};
    kuni_genotype_trim(&event, keep);
    assert_int_equal(event.n_alleles, 3);
    assert_string_equal(event.alleles[1], "G");
    /* of 0/0 0/1 1/1 0/2 1/2 2/2 0/3 1/3 2/3 3/3: those without 1 */
    const double left[] = {0, -3, -5, -6, -8, -9};
    for (int g = 0; g < 6; g++) assert_true(event.log10_lk[g] == left[g]);
}

static void test_mixture(void **unused)
{
    (void)unused;
    enum { N = 2000 };
    static double others[N], allele[N];
    for (int i = 0; i < N; i++) {
        bool alt = i % 20 == 0; /* 5 % */
        others[i] = alt ? 0.001 : 0.997;
        allele[i] = alt ? 0.997 : 0.001;
    }
    kuni_mixture fit = kuni_mixture_fit(others, allele, N);
    assert_true(fabs(fit.fraction - 0.05) < 0.002);
    assert_true(fit.lod > 100);
    for (int i = 0; i < N; i++) {
        others[i] = 0.997;
        allele[i] = 0.001;
    }
    fit = kuni_mixture_fit(others, allele, N);
    assert_true(fit.fraction < 1e-6 && fit.lod < 1e-3);
    assert_true(kuni_mixture_is_candidate(3, 50, 0.02));
    assert_false(kuni_mixture_is_candidate(2, 10, 0.02));
    assert_false(kuni_mixture_is_candidate(10, 5000, 0.02));
}

static void test_left_alignment(void **unused)
{
    (void)unused;
    char text[] = "GATTTTCACACACAGG";
    kuni_call_reference reference = {.seq = text, .beg = 100, .end = 100 + (int64_t)strlen(text)};
    /* deletion of the last T of TTTT (102..105) */
    assert_int_equal(kuni_indel_left_align(&reference, 105, 1, NULL, 0), 102);
    /* deletion of AC within CACACACA goes to its first C */
    assert_int_equal(kuni_indel_left_align(&reference, 109, 2, NULL, 0), 106);
    assert_int_equal(kuni_indel_left_align(&reference, 109, 2, NULL, 108), 108);
    /* insertion of "AC" before the G: rotated to "CA" at the left end */
    uint8_t inserted[] = "CA";
    assert_int_equal(kuni_indel_left_align(&reference, 114, 2, inserted, 0), 106);
    assert_string_equal((char *)inserted, "CA");
    uint8_t other[] = "ACG";
    assert_int_equal(kuni_indel_left_align(&reference, 114, 3, other, 0), 114);
    int unit;
    assert_int_equal(kuni_repeat_copies(&reference, 105, &unit), 4);
    assert_int_equal(unit, 2);
    assert_int_equal(kuni_repeat_copies(&reference, 101, &unit), 4);
    assert_int_equal(unit, 1);
}

/* Every indel has its own way to roll: by its own unit, however long that is. */
static void test_roll(void **unused)
{
    (void)unused;
    /* three times GATTACACCTGAG (13 bp), then its first 5 bases */
    char text[] = "CGATTACACCTGAGGATTACACCTGAGGATTACACCTGAGGATTATTCC";
    kuni_call_reference reference = {.seq = text, .beg = 100, .end = 100 + (int64_t)strlen(text)};
    assert_int_equal(kuni_indel_roll(&reference, 101, 13, NULL), 2 * 13 + 5);
    assert_int_equal(kuni_indel_roll(&reference, 101, 26, NULL), 13 + 5);
    assert_int_equal(kuni_indel_roll(&reference, 101, 3, NULL), 0);
    assert_int_equal(kuni_indel_roll(&reference, 101, 13, (const uint8_t *)"GATTACACCTGAG"),
                     3 * 13 + 5);
    assert_int_equal(kuni_indel_roll(&reference, 101, 2, (const uint8_t *)"GC"), 1);
    /* never beyond what is known of the reference */
    char run[] = "CAAAA";
    kuni_call_reference edge = {.seq = run, .beg = 0, .end = 5};
    assert_int_equal(kuni_indel_roll(&edge, 1, 1, (const uint8_t *)"A"), 4);
    assert_int_equal(kuni_indel_roll(&edge, 1, 1, NULL), 3);
}

/*
 * A repeat of two units of 40 bp that differ in three bases: the second unit's bases in the first
 * are what an aligner makes of a lost unit; another base there is a substitution.
 */
static void test_shifts(void **unused)
{
    (void)unused;
    enum { N = 2000, AT = 1000, UNIT = 40 };
    char text[N + 1] = {0};
    uint32_t seed = 7;
    for (int i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = "ACGT"[seed >> 30];
    }
    memcpy(text + AT + UNIT, text + AT, UNIT);
    const int differ[] = {6, 20, 33};
    for (int k = 0; k < 3; k++) {
        char *base = &text[AT + UNIT + differ[k]];
        *base = *base == 'A' ? 'C' : 'A';
    }
    kuni_call_reference reference = {.seq = text, .beg = 5000, .end = 5000 + N};
    for (int k = 0; k < 3; k++) {
        int64_t pos = reference.beg + AT + differ[k], beg = 0, end = 0;
        unsigned other = kuni_base_code(text[AT + UNIT + differ[k]]);
        assert_true(kuni_shift_explains(&reference, pos, other, &beg, &end));
        assert_true(beg <= pos && end >= pos + UNIT && end <= reference.beg + AT + 2 * UNIT + 4);
        assert_true(kuni_shift_explains(&reference, pos + UNIT,
                                        kuni_base_code(text[AT + differ[k]]), &beg, &end));
        assert_true(beg <= pos && end > pos + UNIT);
        for (unsigned base = 0; base < 4; base++)
            if (base != other && "ACGT"[base] != text[AT + differ[k]])
                assert_false(kuni_shift_explains(&reference, pos, base, &beg, &end));
    }
    int64_t beg, end; /* no repeat; too near the edge of what is known */
    for (unsigned base = 0; base < 4; base++) {
        assert_false(kuni_shift_explains(&reference, reference.beg + 700, base, &beg, &end));
        assert_false(kuni_shift_explains(&reference, reference.beg + 100, base, &beg, &end));
    }
}

/* The indels that the substitutions of test_shifts may stand for: the lost unit is among them. */
static void test_shift_indels(void **unused)
{
    (void)unused;
    enum { N = 2000, AT = 1000, UNIT = 40, SECOND = AT + UNIT };
    char text[N + 1] = {0};
    uint32_t seed = 11;
    for (int i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = "ACGT"[seed >> 30];
    }
    memcpy(text + SECOND, text + AT, UNIT);
    text[SECOND + 15] = text[AT + 15] == 'A' ? 'C' : 'A';
    kuni_call_reference reference = {.seq = text, .beg = 0, .end = N};
    kuni_pileup *pileup = calloc(1, sizeof(*pileup));
    assert_non_null(pileup);
    unsigned other = kuni_base_code(text[SECOND + 15]);
    pileup->differ[other][AT + 15] = 5;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_arena *arena = kuni_arena_new(&err);
    kuni_variant found[KUNI_SHIFT_VARIANTS_MAX];
    size_t n = 0, lost = 0;
    int64_t beg = AT, end = SECOND;
    assert_int_equal(kuni_shifts_find(pileup, &reference, found, &n, &beg, &end, arena, &err),
                     KUNI_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(found[i].n_reads, 5);
        lost += found[i].ref_length == UNIT + 1 && found[i].alt_length == 1;
        assert_true(kuni_variant_roll(&found[i], &reference) <= UNIT);
    }
    assert_true(lost == 1 && beg <= AT && end >= SECOND + 15);
    pileup->differ[other][AT + 15] = 1; /* one read alone is an error */
    assert_int_equal(kuni_shifts_find(pileup, &reference, found, &n, &beg, &end, arena, &err),
                     KUNI_OK);
    assert_int_equal(n, 0);
    kuni_arena_free(arena);
    free(pileup);
}

static bool has_set(const kuni_candidates *candidates, const uint16_t *list, size_t n)
{
    for (size_t h = 0; h < candidates->n; h++)
        if (candidates->list[h].n == n &&
            memcmp(candidates->list[h].list, list, n * sizeof(*list)) == 0)
            return true;
    return false;
}

/* A doubtful substitution that stands beside an indel in every read of it: the indel stands without
 * it as well, or the indel's reads would prove the substitution. */
static void test_closed_sets(void **unused)
{
    (void)unused;
    char text[] = "GATCCGTCATGCAAGTCTGTGACGGTACGTATTCGATCGA";
    uint16_t reach[sizeof(text)] = {0};
    kuni_call_reference reference = {
        .seq = text, .reach = reach, .beg = 0, .end = (int64_t)strlen(text)};
    kuni_variant list[] = {
        {.pos = 7, .ref_length = 4, .alt_length = 1, .alt = "C", .n_reads = 9, .quality = 400},
        {.pos = 15, .ref_length = 1, .alt_length = 1, .alt = "T", .n_reads = 9, .quality = 20}};
    kuni_call_read read = {.pos = 0, .end = 40};
    kuni_read_variants reads[9];
    for (int r = 0; r < 9; r++)
        reads[r] = (kuni_read_variants){.read = &read, .n = 2, .list = {0, 1}};
    kuni_variants variants = {.list = list, .n = 2, .reads = reads, .n_reads = 9};
    static kuni_candidates candidates;
    const uint16_t both[] = {0, 1}, indel = 0, substitution = 1;
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    assert_true(has_set(&candidates, both, 2) && has_set(&candidates, &indel, 1));
    assert_false(has_set(&candidates, &substitution, 1));
    list[1].quality = 360; /* no doubt: they are of one molecule */
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    assert_true(has_set(&candidates, both, 2));
    assert_false(has_set(&candidates, &indel, 1));
    /* no read shows both, and both are there: only where they are too far apart for reads to tell */
    for (int r = 0; r < 9; r++)
        reads[r] = (kuni_read_variants){.read = &read, .n = 1, .list = {(uint16_t)(r % 2)}};
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    kuni_candidates_complete(&candidates, &variants);
    assert_false(has_set(&candidates, both, 2));
    list[1].pos += 100;
    kuni_candidates_complete(&candidates, &variants);
    assert_true(has_set(&candidates, both, 2));
    assert_true(has_set(&candidates, &indel, 1) && has_set(&candidates, &substitution, 1));
}

/*
 * Two reads end between a deletion and a substitution, two begin there: all are of molecules that
 * have both. Taken by what single reads show, each would have a copy without the other.
 */
static void test_partial_reads(void **unused)
{
    (void)unused;
    char text[200];
    uint16_t reach[sizeof(text)] = {0};
    memset(text, 'G', sizeof(text));
    kuni_call_reference reference = {.seq = text, .reach = reach, .end = sizeof(text)};
    kuni_variant list[] = {
        {.pos = 70, .ref_length = 2, .alt_length = 1, .alt = "G", .n_reads = 2},
        {.pos = 110, .ref_length = 1, .alt_length = 1, .alt = "T", .n_reads = 2}};
    const kuni_call_read left = {.pos = 0, .end = 100}, right = {.pos = 90, .end = 190};
    kuni_read_variants reads[] = {{.read = &left, .n = 1, .list = {0}},
                                  {.read = &left, .n = 1, .list = {0}},
                                  {.read = &right, .n = 1, .list = {1}},
                                  {.read = &right, .n = 1, .list = {1}}};
    kuni_variants variants = {.list = list, .n = 2, .reads = reads, .n_reads = 4};
    static kuni_candidates candidates;
    const uint16_t both[] = {0, 1}, first = 0, second = 1;
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    assert_true(has_set(&candidates, both, 2));
    /* a read that covers both and lacks the second: that is a molecule too */
    const kuni_call_read whole = {.pos = 20, .end = 170};
    reads[1].read = &whole;
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    assert_true(has_set(&candidates, both, 2) && has_set(&candidates, &first, 1));
    assert_true(has_set(&candidates, &second, 1));
}

/*
 * Two substitutions on both copies that stand farther apart than a read is long, and one between
 * them on one copy: reads show two of them at most. Single reads alone would say that each of the
 * two has a copy without it.
 */
static void test_chains(void **unused)
{
    (void)unused;
    enum { FIRST = 200, BETWEEN = 300, LAST = 400, READ = 150 };
    char text[700];
    uint16_t reach[sizeof(text)] = {0};
    memset(text, 'G', sizeof(text));
    kuni_call_reference reference = {.seq = text, .reach = reach, .end = sizeof(text)};
    kuni_variant list[] = {{.pos = FIRST, .ref_length = 1, .alt_length = 1, .alt = "T"},
                           {.pos = BETWEEN, .ref_length = 1, .alt_length = 1, .alt = "C"},
                           {.pos = LAST, .ref_length = 1, .alt_length = 1, .alt = "T"}};
    kuni_call_read reads[40];
    kuni_read_variants shown[40];
    for (int r = 0; r < 40;
         r++) { /* the second of each two is of the copy without the one between */
        reads[r] = (kuni_call_read){.pos = 100 + r / 2 * 20, .end = 100 + r / 2 * 20 + READ};
        shown[r] = (kuni_read_variants){.read = &reads[r]};
        for (uint16_t v = 0; v < 3; v++)
            if (reads[r].pos <= list[v].pos && reads[r].end > list[v].pos && (v != 1 || r % 2 == 0))
                shown[r].list[shown[r].n++] = v;
    }
    kuni_variants variants = {.list = list, .n = 3, .reads = shown, .n_reads = 40};
    kuni_chain chains[KUNI_CHAINS_MAX];
    assert_int_equal(kuni_chains_find(&variants, &reference, chains), 2);
    assert_int_equal(chains[0].has | chains[1].has << 3, 5 | 7 << 3);
    static kuni_candidates candidates;
    const uint16_t all[] = {0, 1, 2}, both[] = {0, 2};
    kuni_candidates_start(&candidates, &variants, &reference);
    kuni_candidates_choose(&candidates, &variants, &reference);
    assert_true(has_set(&candidates, all, 3) && has_set(&candidates, both, 2));
    /* the last on the other copy: it goes with reads that lack the one between */
    for (int r = 0; r < 40; r += 2)
        if (shown[r].n && shown[r].list[shown[r].n - 1] == 2) shown[r].n--;
    assert_int_equal(kuni_chains_find(&variants, &reference, chains), 2);
    assert_int_equal(chains[0].has | chains[1].has << 3, 3 | 5 << 3);
    variants.n = KUNI_CHAIN_VARIANTS_MAX + 1;
    assert_int_equal(kuni_chains_find(&variants, &reference, chains), 0);
}

/*
 * Reads of a deletion, aligned on past it without a gap, show what comes so many bases later: a set of
 * such substitutions stands with the deletion in their place, and with what it does not explain.
 */
static void test_shifted_sets(void **unused)
{
    (void)unused;
    enum { N = 600, AT = 200, LOST = 40 };
    char text[N + 1] = {0};
    uint16_t reach[N] = {0};
    memset(text, 'G', N);
    text[AT + LOST + 10 + LOST] = 'A';
    text[AT - 10 - LOST] = 'C';
    kuni_call_reference reference = {.seq = text, .reach = reach, .end = N};
    kuni_variant list[] = {{.pos = AT - 10, .ref_length = 1, .alt_length = 1, .alt = "C"},
                           {.pos = AT + LOST + 10, .ref_length = 1, .alt_length = 1, .alt = "A"},
                           {.pos = AT + 100, .ref_length = 1, .alt_length = 1, .alt = "T"},
                           {.pos = AT, .ref_length = LOST + 1, .alt_length = 1, .alt = "G"}};
    const kuni_variant within = {.pos = AT + 5, .ref_length = 1, .alt_length = 1, .alt = "T"};
    assert_true(kuni_shift_covers(&list[3], &within, &reference));
    assert_true(kuni_shift_covers(&list[3], &list[0], &reference));
    assert_true(kuni_shift_covers(&list[3], &list[1], &reference));
    assert_false(kuni_shift_covers(&list[3], &list[2], &reference));
    list[1].alt = "T";
    assert_false(kuni_shift_covers(&list[3], &list[1], &reference));
    list[1].alt = "A";
    kuni_variants variants = {.list = list, .n = 3};
    static kuni_candidates candidates;
    const uint16_t shown[] = {0, 1, 2}, joined[] = {3, 2}, few[] = {1, 2};
    kuni_candidates_start(&candidates, &variants, &reference);
    assert_int_equal(candidates.n, 1);
    kuni_candidates_add(&candidates, few, 2, 4); /* one substitution is too little to say so */
    kuni_candidates_shift(&candidates, &variants, 3, &reference);
    assert_int_equal(candidates.n, 2);
    kuni_candidates_add(&candidates, shown, 3, 4);
    kuni_candidates_shift(&candidates, &variants, 3, &reference);
    assert_int_equal(candidates.n, 4);
    assert_true(has_set(&candidates, joined, 2));
}

/* Adds one of a pair of reads of 20 bases; `clips` soft-clipped ones before and behind. */
static void add_mate(kuni_read_window *window, const char *name, bool reverse, int64_t pos,
                     int64_t mate, int64_t span, const uint32_t clips[2])
{
    enum { BASES = 20 };
    kuni_error err;
    kuni_call_options options = {.min_mapping_quality = 10, .min_base_quality = 10};
    uint32_t cigar[3];
    size_t n = 0;
    if (clips[0]) cigar[n++] = bam_cigar_gen(clips[0], BAM_CSOFT_CLIP);
    cigar[n++] = bam_cigar_gen(BASES - clips[0] - clips[1], BAM_CMATCH);
    if (clips[1]) cigar[n++] = bam_cigar_gen(clips[1], BAM_CSOFT_CLIP);
    char qual[BASES];
    memset(qual, 30, sizeof(qual));
    uint16_t flag = (uint16_t)(BAM_FPAIRED | BAM_FPROPER_PAIR |
                               (reverse ? BAM_FREVERSE | BAM_FREAD2 : BAM_FMREVERSE | BAM_FREAD1));
    bam1_t *record = bam_init1();
    assert_non_null(record);
    assert_true(bam_set1(record, strlen(name), name, flag, 0, pos, 60, n, cigar, 0, mate,
                         reverse ? -span : span, BASES, "ACGTACGTACGTACGTACGT", qual, 0) > 0);
    assert_int_equal(kuni_read_window_add(window, record, &options, &err), KUNI_OK);
    bam_destroy1(record);
}

/* Bases of the read that count for nothing though its mate has none there. */
static int trimmed(const kuni_call_read *read, int from, int to)
{
    int n = 0;
    for (int i = from; i < to; i++) n += read->qual[i] == 0;
    return n;
}

/* Adapter is what lies beyond the mate's beginning, not all that is clipped beyond TLEN. */
static void test_adapter(void **unused)
{
    (void)unused;
    kuni_error err;
    kuni_read_window window;
    assert_int_equal(kuni_read_window_init(&window, &err), KUNI_OK);
    kuni_read_window_clear(&window, 1000);
    const uint32_t none[2] = {0, 0}, tail[2] = {0, 8}, longer[2] = {0, 12}, head[2] = {8, 0};
    /* a fragment of 12 bases: each read goes 8 bases into the other's adapter */
    add_mate(&window, "adapter", false, 1000, 1000, 12, tail);
    add_mate(&window, "adapter", true, 1000, 1000, 12, head);
    assert_int_equal(trimmed(window.reads[0], 12, 20), 8);
    assert_int_equal(trimmed(window.reads[1], 0, 8), 8);
    /* both clipped at the edge of an insertion at 1112: the mate's clip is the fragment's */
    add_mate(&window, "inserted", false, 1100, 1104, 12, tail);
    add_mate(&window, "inserted", true, 1104, 1100, 12, longer);
    assert_int_equal(trimmed(window.reads[2], 12, 20), 0);
    assert_int_equal(trimmed(window.reads[3], 8, 20), 0);
    /* aligned bases beyond the mate's beginning */
    add_mate(&window, "aligned", false, 1200, 1200, 12, none);
    add_mate(&window, "aligned", true, 1200, 1200, 12, head);
    assert_int_equal(trimmed(window.reads[4], 12, 20), 8);
    /* alone: TLEN is all there is, and counts when the read is wanted */
    add_mate(&window, "alone", false, 1300, 1300, 12, tail);
    assert_int_equal(trimmed(window.reads[6], 0, 20), 0);
    kuni_call_read_trim(window.reads[6]);
    assert_int_equal(trimmed(window.reads[6], 12, 20), 8);
    kuni_read_window_fini(&window);
}

static void test_gap_penalties(void **unused)
{
    (void)unused;
    for (int copies = 2; copies < 60; copies++)
        for (int length = 1; length <= 2; length++)
            assert_true(kuni_gap_open_phred(length, copies) <=
                        kuni_gap_open_phred(length, copies - 1));
    uint8_t bases[60], open[60], extend[60];
    for (int i = 0; i < 60; i++) bases[i] = (uint8_t)(i * i % 7 % 4);
    memset(bases + 20, 0, 20);
    bases[19] = bases[40] = 1;
    kuni_gaps_set(bases, 60, open, extend);
    assert_int_equal(open[25], kuni_gap_open_phred(1, 20));
    assert_true(open[5] > open[25]);
}

/*
 * A length is itself more often than any other, however long the repeat; steps are a distribution.
 */
static void test_stutter(void **unused)
{
    (void)unused;
    for (int level = 0; level < KUNI_STUTTER_LEVELS; level++)
        for (int unit = 1; unit <= 4; unit++)
            for (int copies = 5; copies < 90; copies++) {
                double sum = 0, same = kuni_stutter_step(level, unit, copies, 0);
                for (int steps = -20; steps <= 20; steps++) {
                    double p = kuni_stutter_step(level, unit, copies, steps);
                    assert_true(p > 0 && (steps == 0 || p < same));
                    sum += p;
                }
                assert_true(fabs(sum - 1) < 1e-9);
                assert_true(kuni_stutter_odds(unit, copies) <= kuni_stutter_odds(unit, copies + 1));
            }
    double prior = 0, free_prior = 0;
    for (int level = 0; level < KUNI_STUTTER_LEVELS; level++) {
        prior += pow(10, kuni_stutter_prior(level, false));
        free_prior += pow(10, kuni_stutter_prior(level, true));
    }
    assert_true(fabs(prior - 1) < 1e-9 && fabs(free_prior - 1) < 1e-9);
}

/*
 * A reference of 12 A and one of 11: reads that show 11 are slips of the first or true of the
 * second; the columns are 10 to 13, and a read that spans nothing favours neither.
 */
static void test_stutter_columns(void **unused)
{
    (void)unused;
    char text[] = "GATCCGTCAAAAAAAAAAAACTGTGACGGTACGT";
    kuni_call_reference reference = {.seq = text, .beg = 0, .end = (int64_t)strlen(text)};
    kuni_variant shorter = {.pos = 7, .ref_length = 2, .alt_length = 1, .alt = "C"};
    kuni_variants variants = {.list = &shorter, .n = 1};
    static kuni_candidates candidates;
    static kuni_stutter stutter;
    uint16_t alone = 0;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_arena *arena = kuni_arena_new(&err);
    candidates.n = 0;
    kuni_candidates_add(&candidates, &alone, 0, 0);
    kuni_candidates_add(&candidates, &alone, 1, 5);
    assert_int_equal(kuni_candidates_spell(&candidates, &variants, &reference, 0,
                                           (int64_t)strlen(text), arena, &err),
                     KUNI_OK);
    assert_int_equal(kuni_stutter_lay(&stutter, &candidates, &variants, &reference, arena, &err),
                     KUNI_OK);
    assert_int_equal(stutter.n_levels, KUNI_STUTTER_LEVELS);
    assert_int_equal(stutter.n_columns, 4);
    assert_int_equal(stutter.at[0], 8);
    assert_int_equal(stutter.tract[0], 12);
    assert_int_equal(stutter.tract[1], 11);
    double same[4] = {1, 1, 1, 1}, of_11[4] = {0, 1, 0, 0}, p[2];
    for (int level = 0; level < KUNI_STUTTER_LEVELS; level++) {
        kuni_stutter_mix(&stutter, level, same, p);
        assert_true(fabs(p[0] - p[1]) < 1e-9);
        kuni_stutter_mix(&stutter, level, of_11, p);
        assert_true(p[1] > 0.8 && p[0] > 0 && p[0] < 0.1);
    }
    kuni_arena_free(arena);
}

/*
 * A run of 12 A and reads of one of 10: 9, 11 and 13 may be true as well, beside whatever else the
 * candidates have. What is no change of the run's length has none.
 */
static void test_lengths(void **unused)
{
    (void)unused;
    char text[] = "GATCCGTCAAAAAAAAAAAACTGTGACGGTACGT";
    kuni_call_reference reference = {.seq = text, .beg = 0, .end = (int64_t)strlen(text)};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_arena *arena = kuni_arena_new(&err);
    kuni_variants variants = {.list = NULL};
    size_t index;
    const kuni_variant given[] = {{.pos = 7, .ref_length = 3, .alt_length = 1, .alt = "C"},
                                  {.pos = 25, .ref_length = 1, .alt_length = 1, .alt = "A"}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(kuni_variants_add(&variants, given[i], &index, arena, &err), KUNI_OK);
    static kuni_candidates candidates;
    const uint16_t both[] = {0, 1};
    candidates.n = 0;
    kuni_candidates_add(&candidates, both, 0, 0);
    kuni_candidates_add(&candidates, both, 2, 5);
    assert_int_equal(kuni_stutter_add_lengths(&candidates, &variants, &reference, arena, &err),
                     KUNI_OK);
    assert_int_equal(candidates.n, 6); /* 12, 10 with; 13, 11; 11 and 9 with */
    assert_int_equal(variants.n, 5);
    int changes[6], more = 0;
    for (int h = 0; h < 6; h++) {
        changes[h] = 0;
        for (int k = 0; k < candidates.list[h].n; k++) {
            const kuni_variant *v = &variants.list[candidates.list[h].list[k]];
            changes[h] += v->alt_length - v->ref_length;
            more |= (v->pos == 25) << h;
            assert_true(k == 0 || v->pos > 7);
        }
    }
    const int expected[] = {0, -2, 1, -1, -1, -3};
    assert_memory_equal(changes, expected, sizeof(expected));
    assert_int_equal(more, 1 << 1 | 1 << 4 | 1 << 5);
    kuni_variants_fini(&variants);
    kuni_arena_free(arena);
}

/* An indel of a run's own bases is its length's doing; others that stand in it are not. */
static void test_indel_prior(void **unused)
{
    (void)unused;
    const char text[] = "GATCCGTCAAAAAAAAAAAACTGTGACGCACACACACACACACGT";
    const int64_t n = (int64_t)strlen(text), run = 8, pairs = 28;
    const double rare = 1e-4;
    double one = kuni_indel_prior(rare, text, n, run, 1, "CA", 2);
    assert_true(one > 0.05 && one < 0.11);
    assert_true(kuni_indel_prior(rare, text, n, run, 2, "C", 1) == one);
    assert_true(kuni_indel_prior(rare, text, n, run, 1, "CAA", 3) < one);
    assert_true(kuni_indel_prior(rare, text, n, run, 1, "CG", 2) == rare);
    assert_true(kuni_indel_prior(rare, text, n, run, 3, "CG", 2) == rare);
    assert_true(kuni_indel_prior(rare, text, n, pairs, 1, "GCA", 3) > rare);
    assert_true(kuni_indel_prior(rare, text, n, pairs, 1, "GCC", 3) == rare);
    assert_true(kuni_indel_prior(rare, text, n, pairs, 1, "GC", 2) == rare);
    assert_true(kuni_indel_prior(rare, text, n, -1, 2, "C", 1) == rare);
}

/*
 * Two substitutions, AG to GA, 4 bp before the end of a read: the aligner deletes the base before
 * them, and the read seems to show G where all others have A. Such a read says nothing there, and
 * what it shows beyond, with and without the gap, counts.
 */
static void test_gap_near_the_end(void **unused)
{
    (void)unused;
    enum { LENGTH = 26 };
    char bases[] = "CATCATCATCATCATCATCAGATCTA";
    uint8_t qual[LENGTH];
    memset(qual, 30, sizeof(qual));
    uint32_t gapped[] = {20 << 4 | BAM_CMATCH, 1 << 4 | BAM_CDEL, 6 << 4 | BAM_CMATCH},
             whole[] = {LENGTH << 4 | BAM_CMATCH};
    kuni_call_read reads[] = {{.pos = 100, .end = 127, .cigar = gapped, .n_cigar = 3},
                              {.pos = 100, .end = 126, .cigar = whole, .n_cigar = 1}};
    kuni_call_read *list[] = {&reads[0], &reads[1]};
    for (int i = 0; i < 2; i++) {
        reads[i].seq = (uint8_t *)bases;
        reads[i].qual = qual;
        reads[i].length = LENGTH;
        reads[i].mapq = 60;
    }
    const kuni_read_window window = {.reads = list, .n_reads = 2};
    const kuni_call_options options = {.min_base_quality = 10};
    kuni_site_column column = {.bases = NULL};
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_site_gather(&column, &window, 121, &options, &err), KUNI_OK);
    assert_int_equal(column.n_bases, 1);
    assert_int_equal(column.bases[0].base, 0);
    assert_int_equal(kuni_site_gather(&column, &window, 110, &options, &err), KUNI_OK);
    assert_int_equal(column.n_bases, 2); /* before the gap */
    bases[25] = bases[24] = 'T';
    assert_int_equal(kuni_site_gather(&column, &window, 125, &options, &err), KUNI_OK);
    assert_int_equal(column.n_bases, 2); /* the same base either way */
    kuni_site_column_fini(&column);
}

/* Twenty reads, ten of them ALT, are a heterozygote; ALT on bad mapping quality alone is not. */
static void test_site(void **unused)
{
    (void)unused;
    char text[] = "AACCGGTTAC";
    kuni_call_reference reference = {.seq = text, .beg = 0, .end = 10};
    kuni_call_options options = {.snp_heterozygosity = 1e-3, .emit_phred = 13};
    kuni_site_base bases[20];
    double scratch[2][20];
    kuni_site_column column = {
        .bases = bases, .n_bases = 20, .others = scratch[0], .allele = scratch[1]};
    for (int i = 0; i < 20; i++)
        bases[i] = (kuni_site_base){.base = i < 10 ? 1 : 3,
                                    .quality = 35,
                                    .mapq = 60,
                                    .reverse = i % 2 == 1,
                                    .cycle = (uint16_t)(i * 5),
                                    .edge = 20};
    kuni_call_event event;
    assert_true(
        kuni_site_call(&column, &reference, 3, (kuni_call_copies){2, 2}, 0, &options, &event));
    assert_string_equal(event.alleles[1], "T");
    assert_int_equal(event.gt[0], 0);
    assert_int_equal(event.gt[1], 1);
    assert_int_equal(event.gq, 99);
    assert_int_equal(event.ad[1], 10);
    for (int i = 10; i < 20; i++) bases[i].mapq = 11;
    kuni_site_call(&column, &reference, 3, (kuni_call_copies){2, 2}, 0, &options, &event);
    assert_true(event.gq < 30);
    /* one strand's late cycles only, at poor quality: dropout */
    for (int i = 0; i < 20; i++)
        bases[i] = (kuni_site_base){.base = i < 15 ? 1 : 3,
                                    .quality = i < 15 ? 35 : 12,
                                    .mapq = 60,
                                    .reverse = i % 3 != 0 && i < 15,
                                    .cycle = (uint16_t)(i < 15 ? i * 5 : 130 + i),
                                    .edge = 20};
    kuni_site_call(&column, &reference, 3, (kuni_call_copies){2, 2}, 0, &options, &event);
    assert_int_equal(event.gt[1], 0);
}

static uint8_t rank_of(const int *ref, int n_ref, const int *alt, int n_alt)
{
    kuni_rank_counts counts = {0};
    for (int i = 0; i < n_ref; i++) kuni_rank_add(&counts, false, ref[i]);
    for (int i = 0; i < n_alt; i++) kuni_rank_add(&counts, true, alt[i]);
    return kuni_rank_of(&counts);
}

/* By hand, from the formula in ranks.h. */
static void test_rank_sums(void **unused)
{
    (void)unused;
    static const int low[] = {1, 2, 3, 4, 5}, high[] = {6, 7, 8, 9, 10};
    static const int sixty[] = {60, 60, 60, 60, 60}, twenty[] = {20, 20, 20};
    /* U = 25 of 25, variance 25 x 11 / 12: z = 12.5 / 4.7871 = 2.611 */
    assert_int_equal(rank_of(low, 5, high, 5), KUNI_RANK_EQUAL + 5);
    assert_int_equal(rank_of(high, 5, low, 5), KUNI_RANK_EQUAL - 5);
    /* ties 120 + 24: variance 15 / 12 (9 - 144 / 56) = 8.0357, z = -7.5 / 2.8347 = -2.646 */
    assert_int_equal(rank_of(sixty, 5, twenty, 3), KUNI_RANK_EQUAL - 5);
    assert_int_equal(rank_of(sixty, 5, sixty, 5), KUNI_RANK_EQUAL);
    assert_int_equal(rank_of(sixty, 1, sixty, 1), KUNI_RANK_EQUAL);
    assert_int_equal(rank_of(sixty, 0, twenty, 3), KUNI_RANK_UNKNOWN);
    assert_int_equal(rank_of(sixty, 5, twenty, 0), KUNI_RANK_UNKNOWN);
    static int many[2][2000];
    for (int i = 0; i < 2000; i++) {
        many[0][i] = 10 + i % 7;
        many[1][i] = 100 + i % 7;
    }
    assert_int_equal(rank_of(many[0], 2000, many[1], 2000), KUNI_RANK_EQUAL + KUNI_RANK_REACH);
    assert_int_equal(kuni_rank_code(-0.25), KUNI_RANK_EQUAL - 1);
    assert_int_equal(kuni_rank_code(0.2), KUNI_RANK_EQUAL);
    assert_int_equal(kuni_rank_code(-1e300), KUNI_RANK_EQUAL - KUNI_RANK_REACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logarithms),     cmocka_unit_test(test_genotypes),
        cmocka_unit_test(test_trim),           cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_left_alignment), cmocka_unit_test(test_gap_penalties),
        cmocka_unit_test(test_stutter),        cmocka_unit_test(test_stutter_columns),
        cmocka_unit_test(test_site),           cmocka_unit_test(test_rank_sums),
        cmocka_unit_test(test_roll),           cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_adapter),        cmocka_unit_test(test_shift_indels),
        cmocka_unit_test(test_closed_sets),    cmocka_unit_test(test_chains),
        cmocka_unit_test(test_partial_reads),  cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_indel_prior),    cmocka_unit_test(test_gap_near_the_end),
        cmocka_unit_test(test_shifted_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
