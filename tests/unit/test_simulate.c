/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <htslib/sam.h>

#include "align.h"
#include "genealogy.h"
#include "quality.h"
#include "stretch.h"

/* --- random numbers --- */

/* The first outputs of splitmix64 from seed 1234567, as published with the generator. */
static void rng_known_answers(void **state)
{
    (void)state;
    assert_int_equal(sim_mix(1234567), 6457827717110365317u);
    assert_int_equal(sim_mix(1234567 + 0x9e3779b97f4a7c15u), 3203168211198807973u);
}

static void rng_means(void **state)
{
    (void)state;
    enum { N = 20000 };
    sim_rng rng;
    sim_rng_open(&rng, 1, 2, 3, 4, 5);
    double poisson = 0, normal = 0, square = 0, exponential = 0;
    for (int i = 0; i < N; i++) {
        double x = sim_rng_normal(&rng);
        normal += x / N;
        square += x * x / N;
        poisson += (double)sim_rng_poisson(&rng, 45.5) / N;
        exponential += sim_rng_exponential(&rng) / N;
        assert_true(sim_rng_below(&rng, 7) < 7);
    }
    assert_true(fabs(normal) < 0.03 && fabs(square - 1.0) < 0.05);
    assert_true(fabs(poisson - 45.5) < 0.2 && fabs(exponential - 1.0) < 0.03);
}

/* --- genealogies --- */

static void check_tree(sim_genealogy *tree)
{
    uint32_t roots = 0, *leaves = calloc(tree->n_leaves, sizeof(*leaves));
    double length = 0.0;
    for (uint32_t v = 0; v < tree->n_nodes; v++) {
        int32_t p = tree->parent[v];
        if (p < 0) {
            roots++;
            assert_int_equal(v, tree->root);
            continue;
        }
        assert_true(tree->time[p] > tree->time[v]);
        assert_true(tree->child[0][p] == v || tree->child[1][p] == v);
        length += tree->time[p] - tree->time[v];
    }
    assert_int_equal(roots, 1);
    assert_true(fabs(length - tree->length) < 1e-9 * length + 1e-9);
    for (uint32_t i = 1; i + 1 < tree->n_leaves; i++)
        assert_true(tree->time[tree->by_time[i]] >= tree->time[tree->by_time[i - 1]]);
    assert_int_equal(sim_genealogy_leaves(tree, tree->root, leaves), tree->n_leaves);
    free(leaves);
}

static double pair_time(const sim_genealogy *tree, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (tree->time[a] < tree->time[b] || (tree->time[a] == tree->time[b] && a < b))
            a = (uint32_t)tree->parent[a];
        else
            b = (uint32_t)tree->parent[b];
    }
    return tree->time[a];
}

/* Trees stay trees, and recombination leaves the distribution as it was. */
static void tree_recombines(void **state)
{
    (void)state;
    enum { LEAVES = 12, ROUNDS = 20000 };
    kuni_error err = KUNI_ERROR_INIT;
    sim_genealogy tree;
    assert_int_equal(sim_genealogy_init(&tree, LEAVES, 5, 0, &err), KUNI_OK);
    double sum = 0.0;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 500 == 0) check_tree(&tree);
        /* trees are visited in proportion to their stretch of genome, 1 / length */
        double weight = 1.0 / tree.length;
        sum += weight;
        sim_genealogy_recombine(&tree);
    }
    check_tree(&tree);
    double mean = 0.0;
    for (int i = 0; i < ROUNDS; i++) {
        mean += pair_time(&tree, 0, 1) / tree.length / ROUNDS;
        sim_genealogy_recombine(&tree);
    }
    mean /= sum / ROUNDS;
    assert_true(fabs(mean - sim_genealogy_pair_time()) < 0.1 * sim_genealogy_pair_time());
    sim_genealogy_fini(&tree);
}

/* --- qualities --- */

static void qualities_are_true(void **state)
{
    (void)state;
    static const kuni_simulate_profile profiles[] = {KUNI_SIMULATE_NOVASEQ, KUNI_SIMULATE_HISEQ};
    for (size_t p = 0; p < 2; p++) {
        sim_quality quality;
        sim_rng rng;
        char bases[150], seen[150], qualities[150];
        double n[64] = {0}, wrong[64] = {0}, total = 0, best = 0;
        sim_quality_init(&quality, profiles[p], 150);
        sim_rng_open(&rng, 7, 0, 0, 0, 0);
        memset(bases, 'C', sizeof(bases));
        for (int i = 0; i < 40000; i++) {
            sim_quality_draw(&quality, &rng, bases, 150, i % 2, i % 3 == 0, seen, qualities);
            for (int j = 0; j < 150; j++) {
                n[(int)qualities[j]]++;
                wrong[(int)qualities[j]] += seen[j] != 'C';
                total++;
                best += qualities[j] >= 30;
            }
        }
        assert_true(best / total > 0.75 && best / total < 0.98);
        for (int q = 0; q < 64; q++) {
            if (n[q] < 1000) continue;
            double expected = n[q] * pow(10.0, -q / 10.0);
            assert_true(fabs(wrong[q] - expected) < 5.0 * sqrt(expected) + 1.0);
        }
    }
}

/* --- alignments --- */

static const char reference[] = /* 160 letters without repeats */
    "GATTACAGGCTCATGCACGTACCTGAAGCTTCAGCGTCAACATTGATGGCTAACGTGAGTCCATTGCAAGTCTTCAACCGAGTCGAGGCTAATC"
    "GGATTC"
    "AACTGACCTGATCGGTACCTAGGATTCAGGCATACCTTGGCAATTCGAGCTTAGCAACTG";

static char read_bases[SIM_READ_MOST_BP];
static int64_t places[SIM_READ_MOST_BP];
static int32_t n_bases;

static void start_read(void)
{
    n_bases = 0;
}

static void take(int64_t beg, int64_t end)
{
    for (; beg < end; beg++) {
        read_bases[n_bases] = reference[beg];
        places[n_bases++] = beg;
    }
}

static void insert(const char *text)
{
    for (; *text; text++) {
        read_bases[n_bases] = *text;
        places[n_bases++] = -1;
    }
}

static void spoil(int32_t at)
{
    read_bases[at] = read_bases[at] == 'A' ? 'C' : 'A';
}

/* The CIGAR of the read as text; "*" where unmapped. */
static const char *aligned(sim_alignment *a)
{
    static char text[1024];
    size_t n = 0;
    sim_align(read_bases, places, n_bases, reference, 0, (int64_t)strlen(reference), a);
    if (!a->mapped) return "*";
    for (uint32_t i = 0; i < a->n_cigar; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%u%c", bam_cigar_oplen(a->cigar[i]),
                              bam_cigar_opchr(a->cigar[i]));
    return text;
}

static void reads_align(void **state)
{
    (void)state;
    sim_alignment a;
    char md[4096];
    start_read(), take(10, 110);
    assert_string_equal(aligned(&a), "100M");
    assert_int_equal(a.beg, 10);
    assert_int_equal(a.score, 100);
    spoil(50);
    assert_string_equal(aligned(&a), "100M");
    assert_int_equal(a.edits, 1);
    assert_int_equal(a.score, 95);
    sim_align_md(&a, read_bases, reference, 0, md);
    assert_string_equal(md, "50C49");

    start_read(), take(10, 60), take(65, 115);
    assert_string_equal(aligned(&a), "50M5D50M");
    assert_int_equal(a.edits, 5);
    assert_int_equal(a.score, 100 - 11);
    sim_align_md(&a, read_bases, reference, 0, md);
    assert_string_equal(md, "50^CCATT50");

    start_read(), take(10, 60), insert("TTTT"), take(60, 106);
    assert_string_equal(aligned(&a), "50M4I46M");
    sim_align_md(&a, read_bases, reference, 0, md);
    assert_string_equal(md, "96");
}

/* Near an end an indel costs more than it brings. */
static void indels_vanish_near_ends(void **state)
{
    (void)state;
    sim_alignment a;
    start_read(), take(10, 106), take(111, 115);
    assert_string_equal(aligned(&a), "96M4S");
    start_read(), take(10, 14), take(22, 118);
    assert_string_equal(aligned(&a), "4S96M");
    assert_int_equal(a.beg, 22);
    /* one base off and the rest fits going straight on */
    start_read(), take(10, 108), insert("C");
    read_bases[n_bases - 1] = reference[108] == 'A' ? 'C' : 'A';
    assert_string_equal(aligned(&a), "99M");
    assert_int_equal(a.edits, 1);
    /* a read that begins in an insertion */
    start_read(), insert("CCGTTTAAGC"), take(40, 130);
    assert_string_equal(aligned(&a), "10S90M");
    assert_int_equal(a.beg, 40);
    /* a long deletion is worth it with 40 bases on either side, not with 10 */
    start_read(), take(10, 60), take(80, 120);
    assert_string_equal(aligned(&a), "50M20D40M");
    start_read(), take(10, 60), take(80, 90);
    assert_string_equal(aligned(&a), "50M10S");
}

static void bad_ends_are_clipped(void **state)
{
    (void)state;
    sim_alignment a;
    start_read(), take(10, 110);
    spoil(97);
    assert_string_equal(aligned(&a), "100M");
    start_read(), take(10, 110);
    spoil(97), spoil(95);
    assert_string_equal(aligned(&a), "95M5S");
    start_read(), take(10, 110);
    for (int32_t i = 0; i < 100; i += 15) spoil(i);
    assert_string_equal(aligned(&a), "*");
}

/* An insertion beside a deletion of the same repeat is a smaller deletion. */
static void opposite_gaps_settle(void **state)
{
    (void)state;
    sim_alignment a;
    start_read(), take(10, 60), insert("CA"), take(65, 113);
    assert_string_equal(aligned(&a), "52M3D48M");
}

/* --- stretches --- */

static void stretches_partition(void **state)
{
    (void)state;
    static sim_allele alleles[] = {
        {.pos = 20, .ref_len = 1, .alt_len = 1, .alt = "G"},
        {.pos = 29, .ref_len = 6, .alt_len = 1, .alt = "T"},
        {.pos = 49, .ref_len = 1, .alt_len = 4, .alt = "CTTT"},
        {.pos = 50, .ref_len = 1, .alt_len = 1, .alt = "G"},
    };
    uint32_t list[] = {0, 1, 2, 3};
    sim_region region = {
        .span = {.tid = 0, .beg = 0, .end = 160}, .alleles = alleles, .n_alleles = 4};
    sim_haplotype haplotype = {.alleles = list, .n = 4};
    char whole[256];
    snprintf(whole, sizeof(whole), "%.20sG%.8sT%.14sCTTTG%s", reference, reference + 21,
             reference + 35, reference + 51);
    for (int64_t size = 1; size <= 160; size += 13) {
        char joined[256] = "";
        for (int64_t beg = 0; beg < 160; beg += size) {
            sim_stretch w = {0};
            kuni_error err = KUNI_ERROR_INIT;
            kuni_span block = {.tid = 0, .beg = beg, .end = beg + size > 160 ? 160 : beg + size};
            assert_int_equal(
                sim_stretch_build(&w, &region, &haplotype, block, reference, 0, 160, true, &err),
                KUNI_OK);
            strncat(joined, w.bases ? w.bases : "", (size_t)w.own);
            for (int32_t i = 0; i < w.length; i++)
                if (w.places[i] > 51) assert_int_equal(w.bases[i], reference[w.places[i]]);
            sim_stretch_fini(&w);
        }
        assert_string_equal(joined, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_known_answers),    cmocka_unit_test(rng_means),
        cmocka_unit_test(tree_recombines),      cmocka_unit_test(qualities_are_true),
        cmocka_unit_test(reads_align),          cmocka_unit_test(indels_vanish_near_ends),
        cmocka_unit_test(bad_ends_are_clipped), cmocka_unit_test(opposite_gaps_settle),
        cmocka_unit_test(stretches_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
