/* SPDX-License-Identifier: MIT */
/* Counts of the tables: genotypes of all kinds, by stratum and quality. */
#include "fixture.h"

#include <math.h>

#include "feature_list.h"
#include "fisher.h"
#include "freq.h"
#include "tally.h"

static const char header_text[] = "##fileformat=VCFv4.2\n##contig=<ID=c1,length=1000>\n"
                                  "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"d\">\n"
                                  "##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"d\">\n"
                                  "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n"
                                  "##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"d\">\n"
                                  "##FORMAT=<ID=LAA,Number=.,Type=Integer,Description=\"d\">\n"
                                  "##FORMAT=<ID=LAD,Number=.,Type=Integer,Description=\"d\">\n"
                                  "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";

enum { PEOPLE_MAX = 16 };

/* A record of a column a person, counted. */
typedef struct counted {
    kuni_strata strata;
    kuni_tally tally;
} counted;

static void count(counted *c, const kuni_summary_person *people, size_t n, const char *alleles,
                  const char *cells)
{
    kuni_error err = KUNI_ERROR_INIT;
    char text[2048];
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", header_text);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "\tp%zu", i);
    snprintf(text + at, sizeof(text) - at, "\n");
    bcf_hdr_t *header = bcf_hdr_init("r");
    bcf1_t *record = bcf_init();
    kstring_t line = KS_INITIALIZE;
    assert_int_equal(bcf_hdr_parse(header, text), 0);
    ksprintf(&line, "c1\t10\t.\t%s\t.\tPASS\t.\t%s", alleles, cells);
    assert_int_equal(vcf_parse(&line, header, record), 0);
    assert_int_equal(bcf_unpack(record, BCF_UN_ALL), 0);
    assert_int_equal(kuni_strata_make(&c->strata, people, n, &err), KUNI_OK);
    kuni_tally_init(&c->tally, &c->strata);
    assert_int_equal(kuni_tally_record(&c->tally, header, record, &err), KUNI_OK);
    ks_free(&line);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
}

static void end(counted *c)
{
    kuni_tally_fini(&c->tally);
    kuni_strata_fini(&c->strata);
}

static void expect_counts(const counted *c, int alt, int quality, int64_t het, int64_t hom,
                          int64_t hemi, int64_t diploid, int64_t haploid)
{
    kuni_allele_counts sum = kuni_tally_sum(&c->tally, alt, &c->strata.cells[0], quality);
    assert_int_equal(sum.het, het);
    assert_int_equal(sum.hom, hom);
    assert_int_equal(sum.hemi, hemi);
    assert_int_equal(sum.diploid, diploid);
    assert_int_equal(sum.haploid, haploid);
}

enum { ADJ = KUNI_TALLY_ADJ, RAW = KUNI_TALLY_QUALITIES };

static const kuni_summary_person same[PEOPLE_MAX];

static void test_genotypes(void **state)
{
    (void)state;
    counted c;
    /* 1/2; GQ 0; filtered (no genotype); one copy; one copy of REF; half a genotype; beside a deletion */
    count(&c, same, 8, "A\tG,T,*",
          "GT:GQ:DP:AD\t1/2:60:30:0,15,15,0\t0/1:0:1:0,1,0,0\t./.:.:.:.\t1:60:5:0,5,0,0\t0:60:5:.\t"
          "./1:60:30:15,15,0,0\t0/3:60:30:15,0,0,15\t1/1:60:30:0,30,0,0");
    expect_counts(&c, 1, RAW, 2, 1, 1, 4, 2);
    expect_counts(&c, 1, ADJ, 1, 1, 1, 3, 2);
    expect_counts(&c, 2, RAW, 1, 0, 0, 4, 2);
    kuni_allele_counts sum = kuni_tally_sum(&c.tally, 1, &c.strata.cells[0], RAW);
    assert_int_equal(kuni_counts_ac(&sum), 5);
    assert_int_equal(kuni_counts_an(&sum), 10);
    assert_int_equal(kuni_counts_carriers(&sum), 4);
    end(&c);
}

/* The edges of adj, one a person: GQ 20 and 19, DP 10 and 9, AD 2 and 1 of 10; one copy: DP 5 and 4. */
static void test_adj(void **state)
{
    (void)state;
    counted c;
    count(&c, same, 14, "A\tG,T",
          "GT:GQ:DP:AD\t0/1:20:10:8,2,0\t0/1:19:10:8,2,0\t0/1:20:9:7,2,0\t0/1:20:10:9,1,0\t"
          "1:20:5:0,5,0\t1:20:4:0,4,0\t1/1:20:10:10,0,0\t0/0:20:10:.\t0/1:.:10:5,5,0\t"
          "0/1:20:.:5,5,0\t0/1:20:10:.\t1/2:20:10:0,9,1\t1/2:20:10:0,8,2\t0/1:20:10:5,.,0");
    expect_counts(&c, 1, RAW, 10, 1, 2, 12, 2);
    expect_counts(&c, 1, ADJ, 2, 1, 1, 4, 1);
    expect_counts(&c, 2, ADJ, 1, 0, 0, 4, 1);
    end(&c);
}

/* Local alleles: AD of those that LAA names. */
static void test_local(void **state)
{
    (void)state;
    counted c;
    count(&c, same, 4, "A\tC,G,T",
          "GT:GQ:DP:LAA:LAD\t0/3:20:10:3:5,5\t0/2:20:10:1,2:5,0,5\t0/2:20:10:1,2:5,5,0\t0/"
          "1:20:10:.:10");
    expect_counts(&c, 3, ADJ, 1, 0, 0, 2, 0);
    expect_counts(&c, 2, ADJ, 1, 0, 0, 2, 0);
    expect_counts(&c, 2, RAW, 2, 0, 0, 4, 0);
    expect_counts(&c, 1, ADJ, 0, 0, 0, 2, 0);
    end(&c);
}

static void test_strata(void **state)
{
    (void)state;
    static const kuni_summary_person people[] = {
        {"south", KUNI_SEX_MALE, KUNI_SUMMARY_CASE, 0},
        {"north", KUNI_SEX_FEMALE, KUNI_SUMMARY_CONTROL, 0},
        {NULL, KUNI_SEX_FEMALE, KUNI_SUMMARY_NO_ROLE, 0},
        {"south", KUNI_SEX_FEMALE, KUNI_SUMMARY_CASE, 0},
        {"south", KUNI_SEX_UNKNOWN, KUNI_SUMMARY_CASE, 0}};
    counted c;
    count(&c, people, 5, "A\tG", "GT\t1\t0/1\t1/1\t0/1\t0/0");
    static const struct {
        const char *group, *sex, *role;
        int64_t ac, an;
    } expected[] = {{"all", "all", ".", 5, 9},       {".", "all", ".", 2, 2},
                    {"north", "all", ".", 1, 2},     {"south", "all", ".", 2, 5},
                    {"all", "female", ".", 4, 6},    {"all", "male", ".", 1, 1},
                    {"all", "unknown", ".", 0, 2},   {"all", "all", "case", 2, 5},
                    {"all", "all", "control", 1, 2}, {".", "female", ".", 2, 2},
                    {"north", "female", ".", 1, 2},  {"south", "female", ".", 1, 2},
                    {"south", "male", ".", 1, 1},    {"south", "unknown", ".", 0, 2}};
    assert_int_equal(c.strata.n_cells, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < c.strata.n_cells; i++) {
        const kuni_summary_cell *cell = &c.strata.cells[i];
        kuni_allele_counts sum = kuni_tally_sum(&c.tally, 1, cell, RAW);
        assert_string_equal(kuni_strata_group(&c.strata, cell->group), expected[i].group);
        assert_string_equal(kuni_strata_sex(cell->sex), expected[i].sex);
        assert_string_equal(kuni_strata_role(cell->role), expected[i].role);
        assert_int_equal(kuni_counts_ac(&sum), expected[i].ac);
        assert_int_equal(kuni_counts_an(&sum), expected[i].an);
    }
    end(&c);
}

/* People whom earlier releases tell apart are in strata of their own, and in the same cells. */
static void test_labels(void **state)
{
    (void)state;
    static const kuni_summary_person people[] = {{"south", KUNI_SEX_MALE, KUNI_SUMMARY_NO_ROLE, 7},
                                                 {"south", KUNI_SEX_MALE, KUNI_SUMMARY_NO_ROLE, 0},
                                                 {"north", KUNI_SEX_MALE, KUNI_SUMMARY_NO_ROLE, 7},
                                                 {"south", KUNI_SEX_MALE, KUNI_SUMMARY_NO_ROLE, 7}};
    static const uint16_t of[] = {2, 1, 0, 2};
    counted c;
    count(&c, people, 4, "A\tG", "GT\t0/1\t0/1\t1/1\t0/0");
    assert_int_equal(c.strata.n, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(c.strata.of[i], of[i]);
        assert_int_equal(c.strata.strata[of[i]].label, people[i].label);
    }
    assert_int_equal(c.strata.cells[0].n, 3);
    assert_int_equal(c.strata.cells[0].people, 4);
    assert_int_equal(c.strata.cells[2].n, 2); /* south */
    kuni_allele_counts sum = kuni_tally_sum(&c.tally, 1, &c.strata.cells[2], RAW);
    assert_int_equal(kuni_counts_ac(&sum), 2);
    end(&c);
}

static void expect_trimmed(const char *ref, const char *alt, int64_t pos, const char *expected)
{
    char text[64];
    kuni_freq_allele a = {
        .pos = 10, .ref = ref, .ref_length = strlen(ref), .alt = alt, .alt_length = strlen(alt)};
    kuni_freq_trim(&a);
    snprintf(text, sizeof(text), "%.*s>%.*s", (int)a.ref_length, a.ref, (int)a.alt_length, a.alt);
    assert_string_equal(text, expected);
    assert_int_equal(a.pos, pos);
}

static void test_trim(void **state)
{
    (void)state;
    expect_trimmed("A", "G", 10, "A>G");
    expect_trimmed("ACC", "GCC", 10, "A>G");
    expect_trimmed("CAG", "C", 10, "CAG>C");
    expect_trimmed("CAGAG", "CAG", 10, "CAG>C");
    expect_trimmed("C", "CAG", 10, "C>CAG");
    expect_trimmed("AC", "AT", 11, "C>T");
}

/* Fisher's tea (1935); Agresti 2002, table 3.8 turned; sums of binomial coefficients by whole numbers. */
static void test_fisher(void **state)
{
    (void)state;
    static const struct {
        int64_t a, b, c, d;
        double p;
    } known[] = {{3, 1, 1, 3, 17.0 / 35},
                 {8, 2, 1, 5, 5.0 / 143},
                 {10, 0, 0, 10, 1.082508822446903e-05},
                 {0, 5, 3, 2, 1.0 / 6},
                 {1, 9, 11, 3, 0.0027594561852200836},
                 {5, 95, 2, 198, 0.043340804118872596},
                 {0, 10, 0, 5, 1},
                 {7, 0, 7, 0, 1},
                 {0, 0, 3, 4, 1}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        double p = kuni_fisher(known[i].a, known[i].b, known[i].c, known[i].d);
        assert_true(fabs(p - known[i].p) < 1e-10 * known[i].p);
    }
    assert_true(kuni_fisher(5000, 0, 0, 5000) <= 1e-300);
}

/* Two lists that tell of the same features. */
static void test_features(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_features bed, gff;
    fixture_write("f.fa", ">c1\nACGTACGTACGTACGTACGTACGTACGTACGT\n>c2\nACGTACGT\n");
    fixture_write("f.bed", "# genes\nc2\t0\t4\ttwo\nc1\t10\t20\tb\nc1\t4\t8\ta\t0\t+\nc1\t6\t9\ta\n"
                           "c1\t12\t14\ta\nc9\t1\t2\tfar\n");
    fixture_write("f.gff", "##gff-version 3\nc1\tx\tgene\t11\t20\t.\t+\t.\tID=g1;Name=b\n"
                           "c1\tx\texon\t11\t12\t.\t+\t.\tID=e1;Parent=g1\n"
                           "c2\tx\tncRNA_gene\t1\t4\t.\t+\t.\tgene_biotype=x;ID=g2\n###\n");
    assert_int_equal(kuni_genome_open(&genome, "f.fa", &err), KUNI_OK);
    assert_int_equal(kuni_features_read(&bed, "f.bed", genome, &err), KUNI_OK);
    assert_int_equal(bed.n, 3);
    assert_int_equal(bed.n_foreign, 1);
    assert_string_equal(bed.features[0].name, "a");
    assert_int_equal(bed.features[0].beg, 4);
    assert_int_equal(bed.features[0].end, 14);
    assert_int_equal(bed.features[0].bp, 7);
    assert_string_equal(bed.features[1].name, "b");
    assert_string_equal(bed.features[2].name, "two");
    assert_int_equal(bed.n_spans, 4);
    assert_int_equal(bed.spans[0].span.end, 9);
    assert_int_equal(bed.spans[1].feature, 1);
    assert_int_equal(bed.spans[2].feature, 0);
    assert_int_equal(kuni_features_read(&gff, "f.gff", genome, &err), KUNI_OK);
    assert_int_equal(gff.n, 2);
    assert_string_equal(gff.features[0].name, "b");
    assert_string_equal(gff.features[0].id, "g1");
    assert_int_equal(gff.features[0].beg, 10);
    assert_int_equal(gff.features[0].end, 20);
    assert_string_equal(gff.features[1].name, "g2");
    kuni_features_fini(&bed);
    kuni_features_fini(&gff);
    kuni_genome_close(genome);
}

static void test_broken_features(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } broken[] = {
        {"c1\t1\t2\n", "f.bed:1: expected BED with four columns or more, or GFF3"},
        {"c1\t5\t5\ta\n", "f.bed:1: expected contig, begin (from 0), end and name (BED)"},
        {"c1\t5\t6\ta\nc1\t7\t8\t.\n",
         "f.bed:2: the fourth column names the feature: it has no name"},
        {"c1\t5\t99\ta\n", "f.bed:1: the feature ends past its contig: it is of another reference"},
        {"c1\tx\tgene\t1\t4\t.\t+\t.\tx=y\n", "f.bed:1: a gene without ID and without Name"},
        {"c9\t5\t9\ta\n", "f.bed: no feature on a contig of the reference"},
        {"c1\tx\texon\t1\t4\t.\t+\t.\tID=y\n",
         "f.bed: no feature on a contig of the reference (of GFF3 its genes are taken)"}};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    fixture_write("g.fa", ">c1\nACGTACGTACGTACGTACGTACGTACGTACGT\n");
    assert_int_equal(kuni_genome_open(&genome, "g.fa", &err), KUNI_OK);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        kuni_features features;
        fixture_write("f.bed", broken[i].text);
        kuni_error_clear(&err);
        assert_int_equal(kuni_features_read(&features, "f.bed", genome, &err), KUNI_DATA);
        assert_string_equal(err.text, broken[i].why);
        kuni_features_fini(&features);
    }
    kuni_genome_close(genome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genotypes),       cmocka_unit_test(test_adj),
        cmocka_unit_test(test_local),           cmocka_unit_test(test_strata),
        cmocka_unit_test(test_labels),          cmocka_unit_test(test_trim),
        cmocka_unit_test(test_fisher),          cmocka_unit_test(test_features),
        cmocka_unit_test(test_broken_features),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
