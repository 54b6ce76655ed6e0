/* SPDX-License-Identifier: MIT */
/* Copies are decided where genotypes are made: one evidence, every sex and karyotype. */
#include "joint_fixture.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define EITHER      KUNI_EVENT_EITHER
#define ONE         (KUNI_EVENT_EITHER | KUNI_EVENT_ONE)
#define M           KUNI_SEX_MALE
#define F           KUNI_SEX_FEMALE
#define U           KUNI_SEX_UNKNOWN
/* A heterozygote, one ALT throughout, REF in most reads and the ALT in some, of two copies. */
#define HET     .gt = {0, 1}, .n_pl = 3, .pl = {300, 0, 310}, .n_ad = 2, .ad = {10, 10}
#define HOM     .gt = {1, 1}, .n_pl = 3, .pl = {600, 45, 0}, .n_ad = 2, .ad = {0, 15}
#define HAPLOID .ploidy = 1, .gt = {1, -1}, .n_pl = 2, .pl = {600, 0}, .n_ad = 2, .ad = {0, 15}
#define FEW     .gt = {0, 1}, .n_pl = 3, .pl = {90, 0, 700}, .n_ad = 2, .ad = {20, 4}

/* Of the contig: 1-200 of everybody two copies, 201-600 as X, 601-900 as Y. */
static const char table[] = "chrX\t200\t600\t1\t2\nchrX\t600\t900\t1\t0\n";

static joint_case base_case(uint32_t n, const kuni_sex *sex, const joint_event *events,
                            size_t n_events, const joint_block *blocks, size_t n_blocks)
{
    fixture_write("ploidy.bed", table);
    return (joint_case){.contig = "chrX",
                        .length_bp = 1000,
                        .ploidy = "ploidy.bed",
                        .n_samples = n,
                        .sex = sex,
                        .events = events,
                        .n_events = n_events,
                        .blocks = blocks,
                        .n_blocks = n_blocks};
}

/* The column of a sample in a record: its FORMAT values. */
static void expect_cell(const char *text, int line, int sample, const char *expected)
{
    text = fixture_line(text, line);
    for (int tab = 0; tab < 9 + sample; tab++) text = strchr(text, '\t') + 1;
    size_t n = strcspn(text, "\t\n");
    if (strlen(expected) != n || strncmp(text, expected, n) != 0)
        fail_msg("line %d, sample %d: %.*s instead of %s", line, sample, (int)n, text, expected);
}

/* The same evidence of everybody: what is called follows the sex alone. */
static void one_evidence_for_all(void **state)
{
    (void)state;
    static const kuni_sex sex[] = {M, F, U, M, F};
    joint_event events[15] = {{.sample = 0}};
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t flags = i < 3 ? EITHER : ONE; /* by how many copies it is told is no matter */
        events[i] = (joint_event){i, 100, "A,G", HET};
        events[5 + i] = (joint_event){i, 300, "A,G", HOM, .flags = flags};
        events[10 + i] = (joint_event){i, 700, "A,G", HOM, .flags = flags};
    }
    joint_case c = base_case(5, sex, events, COUNT(events), NULL, 0);
    c.set[0] = "format=GT\nRNC\nPL";
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 A G 0/1 0/1 0/1 0/1 0/1");
    expect_genotypes(text, 1, "300 A G 1 1/1 1/1 1 1/1");
    expect_genotypes(text, 2, "700 A G 1 . 1 1 .");
    expect_cell(text, 1, 0, "1:600,0:.");
    expect_cell(text, 1, 1, "1/1:600,45,0:.");
    expect_cell(text, 2, 1, ".:.:P");
    const char *third = fixture_line(text, 2);
    assert_non_null(strstr(third, "AC=3;"));
    assert_non_null(strstr(third, ";AN=3;"));
    assert_non_null(strstr(third, "CR=1;NOCALL=0,0,0,0,0,2;"));
    free(text);
}

/* With one copy a heterozygote is what its reads speak for, and an ALT that nobody has then makes no
 * site. */
static void one_copy_of_a_heterozygote(void **state)
{
    (void)state;
    static const kuni_sex sex[] = {M, F};
    const joint_event events[] = {{0, 300, "A,G", FEW, .flags = EITHER},
                                  {1, 300, "A,G", FEW, .flags = EITHER},
                                  {0, 400, "A,G", FEW, .flags = EITHER}};
    const joint_block blocks[] = {{1, 301, 600, 9950, 20, 0, FIXTURE_EITHER}};
    joint_case c = base_case(2, sex, events, COUNT(events), blocks, COUNT(blocks));
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "300 A G 0 0/1");
    assert_null(strstr(text, "\t400\t"));
    free(text);
    static const kuni_sex corrected[] = {F, M};
    c.sex = corrected;
    text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "300 A G 0/1 0");
    expect_genotypes(text, 1, "400 A G 0/1 0");
    free(text);
}

/* A block is as sure as the copies make it. */
static void blocks_for_either(void **state)
{
    (void)state;
    static const kuni_sex sex[] = {M, F, F};
    const joint_event events[] = {{2, 300, "A,G", HOM, .flags = EITHER},
                                  {2, 700, "A,G", HOM, .flags = EITHER}};
    const joint_block blocks[] = {{0, 201, 600, 9912, 15, 0, FIXTURE_EITHER},
                                  {0, 601, 900, 9912, 15, 0, FIXTURE_EITHER},
                                  {1, 201, 600, 9912, 15, 0, FIXTURE_EITHER},
                                  {1, 601, 900, 9912, 15, 0, FIXTURE_EITHER}};
    joint_case c = base_case(3, sex, events, COUNT(events), blocks, COUNT(blocks));
    c.set[0] = "format=GT\nGQ\nRNC";
    c.set[1] = "prior_cap=0";
    c.set[2] = "reference_cells=exact";
    char *text = fixture_joint(&c, false);
    expect_cell(text, 0, 0, "0:99:.");
    expect_cell(text, 0, 1, "0/0:12:.");
    assert_null(fixture_line(text, 1)[0] ? "a site of Y that no male has" : NULL);
    free(text);
    static const kuni_sex last_male[] = {M, F, M};
    c.sex = last_male;
    text = fixture_joint(&c, false);
    expect_cell(text, 1, 0, "0:99:.");
    expect_cell(text, 1, 1, ".:.:P");
    expect_cell(text, 1, 2, "1:99:.");
    free(text);
}

/* What was called for one copy serves nobody who has two: that is told, not guessed. Evidence for
 * two serves one. */
static void evidence_for_one_copy(void **state)
{
    (void)state;
    static const kuni_sex sex[] = {M, F, U, F, M};
    const joint_event events[] = {{0, 300, "A,G", HAPLOID}, {1, 300, "A,G", HAPLOID},
                                  {2, 300, "A,G", HAPLOID}, {4, 300, "A,G", HOM},
                                  {3, 100, "A,G", HAPLOID}, {3, 400, "A,G", HOM}};
    const joint_block blocks[] = {{1, 301, 600, 60, 15, 0, 1}};
    joint_case c = base_case(5, sex, events, COUNT(events), blocks, COUNT(blocks));
    c.set[0] = "format=GT\nDP\nRNC";
    c.set[1] = "reference_cells=exact";
    kstring_t sparse = {0, 0, NULL};
    c.sparse = &sparse;
    char *text = fixture_joint(&c, false);
    expect_cell(text, 0, 3, "1:15:."); /* elsewhere the evidence has the word, as ever */
    expect_cell(text, 1, 0, "1:15:.");
    expect_cell(text, 1, 1, "./.:15:H");
    expect_cell(text, 1, 2, "1:15:.");
    expect_cell(text, 1, 4, "1:15:.");
    assert_non_null(strstr(fixture_line(text, 1), ";NOCALL=1,0,0,0,0,0,0,1;"));
    assert_non_null(strstr(fixture_line(text, 1), "AC=3;"));
    expect_cell(text, 2, 1, "./.:15:H");
    assert_non_null(strstr(sparse.s, ":15:H"));
    free(sparse.s);
    free(text);
    /* only she has it: no site, in a batch with others as in one of her own */
    const joint_event alone[] = {events[1]};
    for (uint32_t batch = 0; batch < 2; batch++) {
        c = base_case(5, sex, alone, 1, NULL, 0);
        c.batch = batch;
        text = fixture_joint(&c, false);
        assert_string_equal(text, "");
        free(text);
    }
}

/* --- what was found in the reads --- */

static void expect_x_and_y(joint_case *c, const char *x, const char *y)
{
    char *text = fixture_joint(c, false);
    expect_genotypes(text, 0, x);
    expect_genotypes(text, 1, y);
    free(text);
}

static void karyotypes_decide(void **state)
{
    (void)state;
    enum { N = 8 };
    static const kuni_sex sex[N] = {M, F, U, U, M, F, M, F};
    static const char *const found[N] = {"XY coverage",  "XX coverage", "XY coverage",
                                         "XX coverage",  "XX coverage", "XY coverage",
                                         "XXY coverage", "X0 coverage"};
    joint_event events[2 * N] = {{.sample = 0}};
    for (uint32_t i = 0; i < N; i++) {
        events[i] = (joint_event){i, 300, "A,G", HOM, .flags = EITHER};
        events[N + i] = (joint_event){i, 700, "A,G", HOM, .flags = EITHER};
    }
    joint_case c = base_case(N, sex, events, 2 * N, NULL, 0);
    kstring_t copies = {0, 0, NULL};
    c.copies = &copies;
    /* nobody looked at the reads: as declared */
    expect_x_and_y(&c, "300 A G 1 1/1 1/1 1/1 1 1/1 1 1/1", "700 A G 1 . 1 1 1 . 1 .");
    assert_string_equal(copies.s,
                        "# copies of X and Y: 2 samples of unknown sex, with two copies of X and "
                        "one of Y for want of better knowledge\n"
                        "sample_id\tsex_declared\tkaryotype\tcopies_x\tcopies_y\twhy\n"
                        "S2\tunknown\tunknown\t2\t1\tnothing known\n"
                        "S3\tunknown\tunknown\t2\t1\tnothing known\n");
    copies.l = 0;
    /* both: who is not declared is as the reads say, contradictions are no call */
    c.karyotypes = found;
    for (c.batch = 1; c.batch < 9; c.batch += 3) {
        copies.l = 0;
        expect_x_and_y(&c, "300 A G 1 1/1 1 1/1 ./. ./. 1/1 1", "700 A G 1 . 1 . . . 1 .");
    }
    assert_string_equal(
        copies.s,
        "# copies of X and Y: 2 samples without a declared sex called by what the reads show; 2 "
        "samples with an unusual karyotype, called by its copies; 2 samples whose declared sex and "
        "reads contradict each other on X and Y\n"
        "sample_id\tsex_declared\tkaryotype\tcopies_x\tcopies_y\twhy\n"
        "S2\tunknown\tXY\t1\t1\tno sex declared\n"
        "S3\tunknown\tXX\t2\t0\tno sex declared\n"
        "S4\tmale\tXX\tno call\tno call\tcontradiction\n"
        "S5\tfemale\tXY\tno call\tno call\tcontradiction\n"
        "S6\tmale\tXXY\t2\t1\tunusual karyotype\n"
        "S7\tfemale\tX0\t1\t0\tunusual karyotype\n");
    c.copies = NULL;
    char *text = fixture_joint(&c, false);
    const char *y = fixture_line(text, 1);
    assert_non_null(strstr(text, ";NOCALL=0,0,0,0,0,0,2;"));
    assert_non_null(strstr(y, ";NOCALL=0,0,0,0,0,3,2;"));
    assert_non_null(strstr(y, "CR=1;"));             /* whoever surely has a Y is called */
    assert_non_null(strstr(y, ";AC_XY=3;AN_XY=3;")); /* by the sex that was decided on */
    free(text);
    /* one of them counts alone, or in a conflict */
    c.set[0] = "sex=declared";
    expect_x_and_y(&c, "300 A G 1 1/1 1/1 1/1 1 1/1 1 1/1", "700 A G 1 . 1 1 1 . 1 .");
    c.set[0] = "sex=inferred";
    expect_x_and_y(&c, "300 A G 1 1/1 1 1/1 1/1 1 1/1 1", "700 A G 1 . 1 . . 1 1 .");
    c.set[0] = "conflict=inferred";
    expect_x_and_y(&c, "300 A G 1 1/1 1 1/1 1/1 1 1/1 1", "700 A G 1 . 1 . . 1 1 .");
    c.set[0] = "conflict=declared";
    expect_x_and_y(&c, "300 A G 1 1/1 1 1/1 1 1/1 1/1 1", "700 A G 1 . 1 . 1 . 1 .");
    free(copies.s);
}

/* Nothing is held against anybody on weak grounds, and answers that agree on the copies are no
 * contradiction: a man who has lost his Y in the blood has one X either way. */
static void weak_and_partial_conflicts(void **state)
{
    (void)state;
    enum { N = 5 };
    static const kuni_sex sex[N] = {F, F, M, F, M};
    static const char *const found[N] = {"XY heterozygosity", "ambiguous coverage", "X0 coverage",
                                         NULL, "XY coverage"};
    const joint_event events[] = {
        {0, 300, "A,G", HOM, .flags = EITHER}, {0, 700, "A,G", HOM, .flags = EITHER},
        {1, 300, "A,G", HOM, .flags = EITHER}, {1, 700, "A,G", HOM, .flags = EITHER},
        {2, 300, "A,G", HOM, .flags = EITHER}, {3, 300, "A,G", HOM, .flags = EITHER},
        {4, 700, "A,G", HOM, .flags = EITHER}};
    joint_case c = base_case(N, sex, events, COUNT(events), NULL, 0);
    c.karyotypes = found;
    c.set[0] = "format=GT\nRNC";
    kstring_t sparse = {0, 0, NULL};
    c.sparse = &sparse;
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "300 A G 1/1 1/1 1 1/1 .");
    expect_cell(text, 1, 0, ".:P");
    expect_cell(text, 1, 1, ".:P");
    expect_cell(text, 1, 2, ".:S"); /* no trace of reads, and still: nobody knows */
    expect_cell(text, 1, 4, "1:.");
    assert_non_null(strstr(fixture_line(text, 1), ";NOCALL=0,0,0,0,0,3,1;"));
    assert_non_null(strstr(sparse.s, ":S"));
    free(sparse.s);
    free(text);
}

/* Where no place depends on the sex there is nothing to tell. */
static void nothing_to_tell(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G", HOM}};
    kstring_t copies = {0, 0, NULL};
    joint_case c = base_case(2, NULL, events, 1, NULL, 0);
    c.ploidy = NULL;
    c.copies = &copies;
    free(fixture_joint(&c, false));
    assert_null(copies.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_evidence_for_all), cmocka_unit_test(one_copy_of_a_heterozygote),
        cmocka_unit_test(blocks_for_either),    cmocka_unit_test(evidence_for_one_copy),
        cmocka_unit_test(karyotypes_decide),    cmocka_unit_test(weak_and_partial_conflicts),
        cmocka_unit_test(nothing_to_tell),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
