/* SPDX-License-Identifier: MIT */
/* Copies: the tables of assemblies under any names, what fits which reference, karyotypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "kuni/karyotype.h"

/* A genome of these contigs ("NAME\tLENGTH\n"...): only the index matters, no sequence is read. */
static kuni_genome *genome_of(const char *contigs)
{
    kuni_error err = KUNI_ERROR_INIT;
    char index[1024] = "";
    for (const char *at = contigs; *at; at += strcspn(at, "\n") + 1)
        snprintf(index + strlen(index), sizeof(index) - strlen(index), "%.*s\t6\t60\t61\n",
                 (int)strcspn(at, "\n"), at);
    fixture_write("r.fa", ">x\nA\n");
    fixture_write("r.fa.fai", index);
    kuni_genome *genome;
    if (kuni_genome_open(&genome, "r.fa", &err)) fail_msg("%s", err.text);
    return genome;
}

/* Opens a table over contigs; NULL, and *why, where it is refused. */
static kuni_ploidy *open_table(const char *table, const char *contigs, kuni_genome **genome,
                               kuni_error *why)
{
    kuni_ploidy *ploidy = NULL;
    kuni_error_clear(why);
    *genome = genome_of(contigs);
    kuni_status status = kuni_ploidy_open(&ploidy, table, *genome, why);
    return status ? NULL : ploidy;
}

static void names_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int chromosome;
    } cases[] = {{"chr1", 1},
                 {"1", 1},
                 {"22", 22},
                 {"chrX", 23},
                 {"X", 23},
                 {"23", 23},
                 {"chrY", 24},
                 {"24", 24},
                 {"chrM", 25},
                 {"MT", 25},
                 {"NC_000001.11", 1},
                 {"NC_000023.11", 23},
                 {"NC_000023.10", 23},
                 {"NC_000024.9", 24},
                 {"NC_000024", 24},
                 {"NC_012920.1", 25},
                 {"NC_060925.1", 1},
                 {"NC_060947.1", 23},
                 {"NC_060948.1", 24},
                 {"CM000663.2", 1},
                 {"CM000685.2", 23},
                 {"CM000686.1", 24},
                 {"CP068277.2", 1},
                 {"CP068256.2", 22},
                 {"CP068255.2", 23},
                 {"CP086569.2", 24},
                 {"CP068254.1", 25},
                 {"chr23", 23},
                 {"25", 0},
                 {"0", 0},
                 {"01", 0},
                 {"chrUn", 0},
                 {"NC_000025.1", 0},
                 {"NC_000023x", 0},
                 {"NC_", 0},
                 {"", 0},
                 {"chr", 0},
                 {"chrX_alt", 0},
                 {"NT_000023.1", 0},
                 {"NC_000023.", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (kuni_human_chromosome(cases[i].name) != cases[i].chromosome)
            fail_msg("%s: %d", cases[i].name, kuni_human_chromosome(cases[i].name));
    assert_true(kuni_is_mitochondrial("NC_012920.1"));
    assert_false(kuni_is_mitochondrial("chr1"));
}

/* Where X has one copy in males, under every name. Last positions before and first behind. */
static void tables_of_assemblies(void **state)
{
    (void)state;
    static const struct {
        const char *table, *contigs;
        int64_t diploid[4], haploid[4]; /* of X, 0-based; -1: no more */
    } cases[] = {
        {"GRCh38",
         "chr1\t248956422\nchrX\t156040895\nchrY\t57227415\n",
         {10000, 2781478, 155701382, 156030894},
         {9999, 2781479, 155701381, 156030895}},
        {"GRCh38",
         "NC_000001.11\t248956422\nNC_000023.11\t156040895\nNC_000024.10\t57227415\n",
         {10000, 2781478, 155701382, 156030894},
         {9999, 2781479, 155701381, 156030895}},
        {"GRCh38",
         "1\t248956422\n23\t156040895\n24\t57227415\n",
         {10000, 2781478, 155701382, 156030894},
         {9999, 2781479, 155701381, 156030895}},
        {"GRCh37",
         "1\t249250621\nX\t155270560\nY\t59373566\n",
         {60000, 2699519, 154931043, 155260559},
         {59999, 2699520, 154931042, 155260560}},
        {"GRCh37",
         "NC_000001.10\t249250621\nNC_000023.10\t155270560\nNC_000024.9\t59373566\n",
         {60000, 2699519, 154931043, 155260559},
         {59999, 2699520, 154931042, 155260560}},
        {"CHM13",
         "chr1\t248387328\nchrX\t154259566\nchrY\t62460029\n",
         {0, 2394409, 153925834, 154259565},
         {2394410, 153925833, -1, -1}},
        {"CHM13",
         "NC_060925.1\t248387328\nNC_060947.1\t154259566\nNC_060948.1\t62460029\n",
         {0, 2394409, 153925834, 154259565},
         {2394410, 153925833, -1, -1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_genome *genome;
        kuni_error err = KUNI_ERROR_INIT;
        kuni_ploidy *p = open_table(cases[i].table, cases[i].contigs, &genome, &err);
        if (!p) fail_msg("%zu: %s", i, err.text);
        assert_string_equal(kuni_genome_assembly(genome), cases[i].table);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(kuni_ploidy_at(p, 1, cases[i].diploid[k], KUNI_SEX_MALE, NULL), 2);
            assert_int_equal(kuni_ploidy_evidence(p, 1, cases[i].diploid[k], NULL), 2);
            if (cases[i].haploid[k] < 0) continue;
            assert_int_equal(kuni_ploidy_at(p, 1, cases[i].haploid[k], KUNI_SEX_MALE, NULL), 1);
            assert_int_equal(kuni_ploidy_evidence(p, 1, cases[i].haploid[k], NULL),
                             KUNI_COPIES_EITHER);
        }
        assert_int_equal(kuni_ploidy_at(p, 2, 30000000, KUNI_SEX_FEMALE, NULL), 0);
        assert_int_equal(kuni_ploidy_evidence(p, 2, 30000000, NULL), KUNI_COPIES_EITHER);
        assert_int_equal(kuni_ploidy_evidence(p, 0, 30000000, NULL), 2);
        kuni_ploidy_close(p);
        kuni_genome_close(genome);
    }
}

/* A table over another's X or Y is wrong in silence, so it is refused; so is one that has nothing to
 * do with the reference. Parts of a genome, and genomes like none that is known, are no fault. */
static void tables_that_do_not_fit(void **state)
{
    (void)state;
    fixture_write("x.bed", "chrX\t100\t200\t1\t2\n");
    static const struct {
        const char *table, *contigs, *refused; /* NULL: taken */
    } cases[] = {
        {"GRCh38", "20\t63025520\nX\t155270560\n", "the reference is GRCh37 (X has 155270560 bp)"},
        {"GRCh38", "20\t63025520\nX\t155270560\n", "'regions: {ploidy: GRCh37}'"},
        {"GRCh38", "chrY\t59373566\n", "GRCh37"},
        {"GRCh37", "NC_000023.11\t156040895\n", "the reference is GRCh38"},
        {"CHM13", "chrX\t156040895\n", "the reference is GRCh38"},
        {"GRCh38", "chrX\t154259566\n", "the reference is CHM13"},
        {"GRCh38", "23\t155270560\n", "the reference is GRCh37"},
        {"GRCh38", "scaffold_1\t5000\nscaffold_2\t5000\n", "no contig of the reference"},
        {"x.bed", "X\t155270560\n", "none of its lines names a contig"},
        {"GRCh38", "chr20\t64444167\n", NULL},
        {"GRCh38", "20\t63025520\n", NULL}, /* GRCh37's, but there is nothing to get wrong */
        {"GRCh38", "chr20\t90000\nchrX\t60000\n", NULL},
        {"x.bed", "chr20\t90000\nchrX\t60000\n", NULL},
        {"diploid", "scaffold_1\t5000\n", NULL},
        {"diploid", "X\t155270560\n", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_genome *genome;
        kuni_error err = KUNI_ERROR_INIT;
        kuni_ploidy *p = open_table(cases[i].table, cases[i].contigs, &genome, &err);
        if (!p != (cases[i].refused != NULL)) fail_msg("%zu: %s", i, err.text);
        if (cases[i].refused && !strstr(err.text, cases[i].refused))
            fail_msg("%zu: %s", i, err.text);
        if (!p) assert_int_equal(err.status, KUNI_USAGE);
        kuni_ploidy_close(p);
        kuni_genome_close(genome);
    }
}

/* Cattle have 29 autosomes and an X: number 23 is none of the sex chromosomes there. */
static void numbers_of_other_animals(void **state)
{
    (void)state;
    kuni_genome *genome;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ploidy *p =
        open_table("GRCh38", "23\t52498615\n24\t62317253\nX\t139009144\n", &genome, &err);
    assert_non_null(p);
    assert_int_equal(kuni_ploidy_at(p, 0, 5000000, KUNI_SEX_MALE, NULL), 2);
    assert_int_equal(kuni_ploidy_at(p, 1, 5000000, KUNI_SEX_FEMALE, NULL), 2);
    assert_int_equal(kuni_ploidy_at(p, 2, 5000000, KUNI_SEX_MALE, NULL), 1);
    kuni_ploidy_close(p);
    kuni_genome_close(genome);
}

static void karyotypes_count_their_copies(void **state)
{
    (void)state;
    kuni_genome *genome;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ploidy *p = open_table(
        "GRCh38", "chr1\t248956422\nchrX\t156040895\nchrY\t57227415\nchrM\t16569\n", &genome, &err);
    assert_non_null(p);
    static const struct {
        kuni_karyotype who;
        int x, y;
    } cases[] = {
        {{KUNI_SEX_MALE, -1, -1}, 1, 1},    {{KUNI_SEX_FEMALE, -1, -1}, 2, 0},
        {{KUNI_SEX_UNKNOWN, -1, -1}, 2, 1}, {{KUNI_SEX_FEMALE, 1, 0}, 1, 0},
        {{KUNI_SEX_MALE, 2, 1}, 2, 1},      {{KUNI_SEX_MALE, 1, 2}, 1, 2},
        {{KUNI_SEX_FEMALE, 3, 0}, 2, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t until;
        assert_int_equal(kuni_ploidy_of(p, 1, 5000000, cases[i].who, &until), cases[i].x);
        assert_int_equal(until, 155701382);
        assert_int_equal(kuni_ploidy_of(p, 2, 5000000, cases[i].who, &until), cases[i].y);
        assert_int_equal(kuni_ploidy_of(p, 1, 2000000, cases[i].who, &until), 2); /* PAR1 */
        assert_int_equal(kuni_ploidy_of(p, 0, 5000000, cases[i].who, &until), 2);
        assert_int_equal(kuni_ploidy_of(p, 3, 50, cases[i].who, &until), 1);
    }
    kuni_ploidy_close(p);
    kuni_genome_close(genome);
}

static kuni_status print_line(void *context, const kuni_karyotype_line *line, kuni_error *err)
{
    (void)err;
    char *text = context;
    sprintf(text + strlen(text), "%s %s %s %d %d %d\n", line->sample, line->name, line->basis,
            (int)line->karyotype.sex, line->karyotype.x, line->karyotype.y);
    return KUNI_OK;
}

static void files_of_karyotypes(void **state)
{
    (void)state;
    char text[512] = "";
    kuni_error err = KUNI_ERROR_INIT;
    fixture_write("k.tsv",
                  KUNI_KARYOTYPES_HEADER "A\tXX\tcoverage\nB\tXXY\tcoverage\n"
                                         "C\tambiguous\tcoverage\nD\tXY\theterozygosity\n");
    assert_int_equal(kuni_karyotypes_read("k.tsv", print_line, text, &err), KUNI_OK);
    assert_string_equal(text, "A XX coverage 2 2 0\nB XXY coverage 1 2 1\n"
                              "C ambiguous coverage 0 -1 -1\nD XY heterozygosity 1 1 1\n");
    static const char *const bad[] = {"",
                                      "sample\tsex\n",
                                      KUNI_KARYOTYPES_HEADER "A\tXX\n",
                                      KUNI_KARYOTYPES_HEADER "A\tXX\tcoverage\tmore\n",
                                      KUNI_KARYOTYPES_HEADER "\tXX\tcoverage\n",
                                      KUNI_KARYOTYPES_HEADER "A\tXX\tcover"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fixture_write("k.tsv", bad[i]);
        kuni_error_clear(&err);
        assert_int_equal(kuni_karyotypes_read("k.tsv", print_line, text, &err), KUNI_DATA);
        assert_non_null(strstr(err.text, "k.tsv"));
    }
    kuni_error_clear(&err);
    assert_int_equal(kuni_karyotypes_read("none.tsv", print_line, text, &err), KUNI_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known),
        cmocka_unit_test(tables_of_assemblies),
        cmocka_unit_test(tables_that_do_not_fit),
        cmocka_unit_test(numbers_of_other_animals),
        cmocka_unit_test(karyotypes_count_their_copies),
        cmocka_unit_test(files_of_karyotypes),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
