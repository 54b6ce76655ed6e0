/* SPDX-License-Identifier: MIT */
/* Joint genotyping: sites, genotypes and counts of small cohorts whose answer is known. */
#include "joint_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Heterozygote, homozygote and reference of a biallelic SNP with <*>. */
#define HET                                                                                        \
    .gt = {0, 1}, .n_pl = 6, .pl = {400, 0, 420, 445, 465, 900}, .n_ad = 3, .ad = {15, 15, 0}
#define HOM .gt = {1, 1}, .n_pl = 6, .pl = {900, 90, 0, 900, 90, 900}, .n_ad = 3, .ad = {0, 30, 0}

static void snp_in_three(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G,<*>", HET, .sb = {8, 7, 7, 8}},
                                  {1, 100, "A,G,<*>", HOM, .sb = {0, 0, 15, 15}}};
    const joint_block blocks[] = {{0, 1, 99, 50, 20, 0, 0},
                                  {0, 101, 200, 50, 20, 0, 0},
                                  {1, 1, 99, 50, 20, 0, 0},
                                  {2, 1, 200, 40, 14, 0, 0},
                                  {3, 150, 200, 40, 14, 0, 0}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 4,
                          .events = events,
                          .n_events = COUNT(events),
                          .blocks = blocks,
                          .n_blocks = COUNT(blocks)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 A G 0/1 1/1 0/0 ./.");
    assert_non_null(strstr(text, "AC=3;nhet=1;nhomalt=1;nhemi=0;"));
    assert_non_null(strstr(text, ";AN=6;NS=3;"));
    assert_non_null(strstr(text, "NOCALL=1,0,0,0,0,0"));
    assert_non_null(strstr(text, "\t./.:.:.:.:.:D\n"));
    free(text);
}

/* A deletion on one haplotype and a SNP under it on the other: "*" at the SNP. */
static void deletion_over_snp(void **state)
{
    (void)state;
    const joint_event events[] = {
        {0, 100, "ATTTT,A,<*>", HET},
        {0, 102, "T,C,<*>", .gt = {1, 1}, .n_pl = 6, .pl = {500, 45, 0, 500, 45, 500}, .n_ad = 3,
         .ad = {0, 15, 0}},
        {1, 102, "T,C,<*>", HET},
        {2, 100, "ATTTT,A,<*>", HOM},
        {3, 100, "A,G,<*>", HET}, /* in the same record as the deletion */
    };
    const joint_block blocks[] = {{1, 1, 101, 50, 20, 0, 0},
                                  {1, 103, 200, 50, 20, 0, 0},
                                  {3, 1, 99, 50, 20, 0, 0},
                                  {3, 101, 200, 50, 20, 0, 0}};
    joint_case c = {.contig = "chr1",
                    .length_bp = 1000,
                    .n_samples = 4,
                    .events = events,
                    .n_events = COUNT(events),
                    .blocks = blocks,
                    .n_blocks = COUNT(blocks)};
    for (c.shards = 1; c.shards <= 500; c.shards += 499) { /* 2 bp shards cut the deletion */
        char *text = fixture_joint(&c, false);
        expect_genotypes(text, 0, "100 ATTTT GTTTT,A 0/2 0/0 2/2 0/1");
        expect_genotypes(text, 1, "102 T C,* 1/2 0/1 2/2 0/0");
        free(text);
    }
}

/* An input that lists "*" itself is believed. */
static void star_in_the_input(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "ATTTT,A,<*>", HET},
                                  {0, 102, "T,C,*,<*>", .gt = {1, 2}, .n_pl = 10,
                                   .pl = {900, 450, 500, 420, 0, 480, 900, 450, 480, 900},
                                   .n_ad = 4, .ad = {0, 15, 14, 0}}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 1,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 ATTTT A 0/1");
    expect_genotypes(text, 1, "102 T C,* 1/2");
    free(text);
}

/* A multi-allelic event whose second ALT is minimal two bases further: two records. */
static void alleles_part_ways(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "ATT,A,ATG,<*>", .gt = {1, 2}, .n_pl = 10,
                                   .pl = {900, 450, 500, 420, 0, 480, 900, 450, 480, 900},
                                   .n_ad = 4, .ad = {0, 15, 14, 0}}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 1,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 ATT A 0/1");
    expect_genotypes(text, 1, "102 T G,* 1/2");
    free(text);
}

/* Two heterozygous events that overlap are on two haplotypes: the SNP's "REF" is the deletion. */
static void overlapping_heterozygotes(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "ATTTT,A,<*>", HET}, {0, 102, "T,C,<*>", HET}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 1,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 ATTTT A 0/1");
    expect_genotypes(text, 1, "102 T C,* 1/2");
    free(text);
}

/*
 * A deletion that the caller saw and did not believe is no `*` where its haplotypes have all reads
 * for something else; one that was called is.
 */
static void deletion_refused(void **state)
{
    (void)state;
    const joint_event events[] = {
        {0, 100, "GGA,G,<*>", .gt = {0, 0}, .n_pl = 6, .pl = {7, 0, 320, 31, 320, 352}, .n_ad = 3,
         .ad = {9, 1, 0}},
        {0, 101, "GA,G,<*>", .gt = {1, 1}, .n_pl = 6, .pl = {144, 26, 0, 160, 33, 384}, .n_ad = 3,
         .ad = {0, 8, 0}},
        {1, 100, "GGA,G,<*>", .gt = {0, 1}, .n_pl = 6, .pl = {47, 0, 320, 71, 320, 352}, .n_ad = 3,
         .ad = {9, 3, 0}},
        {1, 101, "GA,G,<*>", .gt = {1, 1}, .n_pl = 6, .pl = {144, 26, 0, 160, 33, 384}, .n_ad = 3,
         .ad = {0, 8, 0}},
    };
    joint_case c = {.contig = "chr1",
                    .length_bp = 1000,
                    .n_samples = 2,
                    .events = events,
                    .n_events = COUNT(events)};
    for (c.shards = 1; c.shards <= 500; c.shards += 499) { /* 2 bp shards cut the deletion */
        char *text = fixture_joint(&c, false);
        expect_genotypes(text, 1, "101 GA G,* 1/1 1/2");
        free(text);
    }
}

/* Reads of one mapping quality have that, at any depth and in any number of carriers: not 19.99. */
static void mapping_quality_is_exact(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G,<*>", HET, .mq = 20},
                                  {1, 100, "A,G,<*>", HOM, .mq = 20},
                                  {0, 200, "A,G,<*>", HET, .mq = 20},
                                  {1, 200, "A,G,<*>", HET, .mq = 9},
                                  {0, 300, "A,G,<*>", HET, .mq = 9}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 2,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    const char *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    assert_non_null(strstr(text, ";MQ=20;"));
    assert_true(strstr(strstr(text, ";MQ=20;") + 1, ";MQ=20;") == NULL);
    assert_non_null(strstr(second, ";MQ=15.5081;")); /* sqrt((400 + 81) / 2) */
    const char *failed = strstr(text, "LowMQ");
    assert_true(failed && failed > third);
    assert_non_null(strstr(third, ";MQ=9;"));
    free(text);
}

/* Two events at one position that leave no pair of haplotypes. */
static void contradiction(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "ATTTT,A,<*>", HOM}, {0, 100, "A,C,<*>", HOM}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 1,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 ATTTT CTTTT,A ./.");
    assert_non_null(strstr(text, "NOCALL=0,0,1,0,0,0"));
    free(text);
}

/*
 * Means over heterozygotes that have a z; a carrier of a deletion from the left has no part in the
 * site's reads.
 */
static void rank_sums_and_carriers(void **state)
{
    (void)state;
    enum { ZERO = KUNI_RANK_EQUAL };
    const joint_event events[] = {
        {0, 102, "T,C,<*>", HET, .rank = {ZERO - 3, ZERO + 1, 0}, .sb = {5, 5, 4, 6}},
        {1, 102, "T,C,<*>", HET, .rank = {ZERO - 6, ZERO, 0}, .sb = {5, 5, 4, 6}},
        {2, 102, "T,C,<*>", HOM, .rank = {ZERO - 9, ZERO, 0}, .sb = {0, 0, 9, 10}},
        {3, 100, "ATTTT,A,<*>", HET, .rank = {ZERO + 8, ZERO, 0}, .sb = {0, 90, 90, 0}},
        {4, 102, "T,C,<*>", HET},
    };
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 5,
                          .events = events,
                          .n_events = COUNT(events)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 1, "102 T C,* 0/1 0/1 1/1 0/2 0/1");
    const char *second = strchr(text, '\n') + 1;
    assert_non_null(strstr(second, ";MQRankSum=-2.25;ReadPosRankSum=0.25;"));
    assert_null(strstr(second, "BaseQRankSum"));
    assert_non_null(strstr(second, ";FS=1.059;")); /* of 10, 10, 17, 22: the carriers of C alone */
    assert_non_null(strstr(text, ";MQRankSum=4;ReadPosRankSum=0;"));
    free(text);
}

static void depth_is_not_absence(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G,<*>", HET},
                                  {5, 100, "A,C,<*>", .gt = {0, 1}, .flags = KUNI_EVENT_FILTERED,
                                   .n_pl = 6, .pl = {100, 0, 100, 130, 130, 200}, .n_ad = 3,
                                   .ad = {5, 5, 0}}};
    const joint_block blocks[] = {{1, 1, 200, 0, 0, 0, 0},
                                  {2, 1, 200, 0, 7, 0, 0},
                                  {3, 1, 200, 30, 9, KUNI_BLOCK_CONFLICT, 0},
                                  {4, 1, 200, 30, 9, KUNI_BLOCK_FILTERED, 0}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 7,
                          .events = events,
                          .n_events = COUNT(events),
                          .blocks = blocks,
                          .n_blocks = COUNT(blocks),
                          .set = {"format=GT\nRNC", "min_gq=1"}};
    char *text = fixture_joint(&c, false);
    assert_non_null(strstr(text, "\tGT:RNC\t0/1:.\t./.:D\t./.:L\t./.:C\t./.:F\t./.:F\t./.:D\n"));
    assert_non_null(strstr(text, "NOCALL=2,1,1,2,0,0"));
    assert_non_null(strstr(text, ";AN=2;"));
    free(text);
}

static void sexes(void **state)
{
    (void)state;
    static const kuni_sex sex[] = {KUNI_SEX_MALE, KUNI_SEX_FEMALE, KUNI_SEX_MALE, KUNI_SEX_FEMALE,
                                   KUNI_SEX_MALE};
    const joint_event events[] = {
        {0, 300, "A,G,<*>", .ploidy = 1, .gt = {1, -1}, .n_pl = 3, .pl = {600, 0, 600}, .n_ad = 3,
         .ad = {0, 15, 0}},
        {1, 300, "A,G,<*>", HET},
        {2, 300, "A,G,<*>", HOM}, /* a diploid call of one copy */
        {4, 300, "A,G,<*>", HET}, /* a heterozygote of one copy: contradictory */
    };
    const joint_block blocks[] = {{3, 1, 999, 50, 20, 0, 0}};
    fixture_write("ploidy.bed", "chrX\t200\t1000\t1\t2\n");
    joint_case c = {.contig = "chrX",
                    .length_bp = 1000,
                    .ploidy = "ploidy.bed",
                    .n_samples = 5,
                    .sex = sex,
                    .events = events,
                    .n_events = COUNT(events),
                    .blocks = blocks,
                    .n_blocks = COUNT(blocks)};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "300 A G 1 0/1 1 0/0 .");
    assert_non_null(strstr(text, "AC=3;nhet=1;nhomalt=0;nhemi=2;"));
    assert_non_null(strstr(text, ";AN=6;NS=4;"));
    assert_non_null(strstr(text, "AC_XX=1;AN_XX=4;"));
    assert_non_null(strstr(text, "AC_XY=2;AN_XY=2;"));
    free(text);
}

/* Eight alleles at one position: local alleles, and nothing is lost. */
static void many_alleles(void **state)
{
    (void)state;
    joint_event events[9];
    static const char *const alleles[] = {"A,C,<*>",   "A,G,<*>",   "A,T,<*>",
                                          "A,AC,<*>",  "A,AG,<*>",  "A,AT,<*>",
                                          "A,ACC,<*>", "ATT,A,<*>", "AT,A,<*>"};
    for (uint32_t i = 0; i < 9; i++)
        events[i] = (joint_event){.sample = i, .pos = 100, .alleles = alleles[i], HET};
    const joint_case c = {
        .contig = "chr1", .length_bp = 1000, .n_samples = 9, .events = events, .n_events = 9};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0,
                     "100 ATT CTT,GTT,TTT,ACTT,AGTT,ATTT,ACCTT,AT,A 0/1 0/2 0/3 0/4 0/5 0/6 "
                     "0/7 0/9 0/8");
    assert_non_null(strstr(text, "GT:LAA:GQ:DP:LAD:LPL:RNC\t0/1:1:99:30:15,15:400,0,420:.\t"));
    assert_non_null(strstr(text, "\t0/9:9:99:30:15,15:400,0,420:.\t"));
    free(text);
}

static void phase_is_kept(void **state)
{
    (void)state;
    const joint_event events[] = {
        {0, 100, "A,G,<*>", .gt = {1, 0}, .n_pl = 6, .pl = {400, 0, 420, 445, 465, 900},
         .flags = KUNI_EVENT_PHASED, .phase_set = 90},
        {1, 100, "A,G", .gt = {0, 1}, .flags = KUNI_EVENT_PHASED}}; /* no likelihoods, no set */
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 2,
                          .events = events,
                          .n_events = COUNT(events),
                          .set = {"format=GT\nGQ\nPS"}};
    char *text = fixture_joint(&c, false);
    assert_non_null(strstr(text, "\tGT:GQ:PS\t1|0:99:90\t0|1:99:.\n"));
    free(text);
}

/* GQ and DP of blocks: lower edges of bands, but for whose AD and PL are told; all else stays. */
static void reference_cells(void **state)
{
    (void)state;
    static const char *const cells[][2] = {
        {"0/0:20:10:.:.:.", "0/0:60:30:.:.:."}, {"0/0:20:10:.:.:.", "0/0:20:10:.:.:."},
        {"0/0:10:5:.:.:.", "0/0:19:9:.:.:."},   {"0/0:10:5:.:.:.", "0/0:10:5:.:.:."},
        {"0/0:1:1:.:.:.", "0/0:9:4:.:.:."},     {"./.:.:5:.:.:L", "./.:.:7:.:.:L"},
        {"0/0:.:.:.:.:.", "0/0:.:.:.:.:."}};
    const joint_block blocks[] = {{1, 1, 1000, 60, 30, 0, 0},
                                  {2, 1, 1000, 20, 10, 0, 0},
                                  {3, 1, 1000, 19, 9, 0, 0},
                                  {4, 1, 1000, 10, 5, 0, 0},
                                  {5, 1, 1000, 9, 4, 0, 0},
                                  {6, 1, 1000, 0, 7, KUNI_BLOCK_LOW, 0},
                                  {7, 1, 1000, 0, KUNI_MIN_DP_MISSING, KUNI_BLOCK_STATED, 0}};
    const joint_event event = {.sample = 0, .pos = 100, .alleles = "A,G,<*>", HET};
    joint_case c = {.contig = "chr1",
                    .length_bp = 1000,
                    .n_samples = 8,
                    .events = &event,
                    .n_events = 1,
                    .blocks = blocks,
                    .n_blocks = COUNT(blocks),
                    .set = {"prior_cap=0"}};
    char *banded = fixture_joint(&c, false);
    c.set[1] = "reference_cells=exact";
    char *exact = fixture_joint(&c, false);
    c.set[1] = "reference_likelihoods=all";
    char *told = fixture_joint(&c, false);
    size_t info = (size_t)(strstr(exact, "\tGT:") - exact);
    assert_memory_equal(banded, exact, info);
    assert_non_null(strstr(banded, "\t0/1:99:30:15,15:"));
    for (size_t i = 0; i < COUNT(cells); i++) {
        char wanted[32];
        (void)snprintf(wanted, sizeof(wanted), "%s%c", cells[i][0],
                       i + 1 < COUNT(cells) ? '\t' : '\n');
        assert_non_null(strstr(banded, wanted));
        (void)snprintf(wanted, sizeof(wanted), "%s%c", cells[i][1],
                       i + 1 < COUNT(cells) ? '\t' : '\n');
        assert_non_null(strstr(exact, wanted));
    }
    assert_non_null(strstr(told, "\t0/0:19:9:9,0:0,19,190:.\t"));
    free(banded);
    free(exact);
    free(told);
}

static void dropped_alleles_are_counted(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G,<*>", HET},
                                  {1, 100, "A,T,<*>", .gt = {0, 1}, .n_pl = 6,
                                   .pl = {12, 0, 90, 30, 100, 120}, .n_ad = 3, .ad = {5, 1, 0}}};
    const joint_case c = {.contig = "chr1",
                          .length_bp = 1000,
                          .n_samples = 2,
                          .events = events,
                          .n_events = COUNT(events),
                          .set = {"min_allele_quality=20"}};
    char *text = fixture_joint(&c, false);
    expect_genotypes(text, 0, "100 A G 0/1 ./.");
    assert_non_null(strstr(text, "DROPPED=1,1"));
    assert_non_null(strstr(text, "NOCALL=0,0,0,0,1,0"));
    free(text);
}

/* Who is withdrawn leaves no trace: neither column, nor count, nor site. */
static void withdrawn(void **state)
{
    (void)state;
    const joint_event events[] = {{0, 100, "A,G,<*>", HET},
                                  {1, 100, "A,T,<*>", HET},
                                  {1, 150, "A,T,<*>", HET},
                                  {2, 100, "A,G,<*>", HOM}};
    static const int32_t columns[] = {0, -1, 1};
    joint_case c = {.contig = "chr1",
                    .length_bp = 1000,
                    .n_samples = 3,
                    .columns = columns,
                    .events = events,
                    .n_events = COUNT(events),
                    .set = {"format=GT"}};
    char *without = fixture_joint(&c, false);
    const joint_event kept[] = {{0, 100, "A,G,<*>", HET}, {1, 100, "A,G,<*>", HOM}};
    const joint_case fresh = {.contig = "chr1",
                              .length_bp = 1000,
                              .n_samples = 2,
                              .events = kept,
                              .n_events = COUNT(kept),
                              .set = {"format=GT"}};
    char *never = fixture_joint(&fresh, false);
    assert_string_equal(without, never);
    free(without);
    free(never);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snp_in_three),
        cmocka_unit_test(deletion_over_snp),
        cmocka_unit_test(star_in_the_input),
        cmocka_unit_test(deletion_refused),
        cmocka_unit_test(mapping_quality_is_exact),
        cmocka_unit_test(alleles_part_ways),
        cmocka_unit_test(contradiction),
        cmocka_unit_test(overlapping_heterozygotes),
        cmocka_unit_test(rank_sums_and_carriers),
        cmocka_unit_test(depth_is_not_absence),
        cmocka_unit_test(sexes),
        cmocka_unit_test(many_alleles),
        cmocka_unit_test(phase_is_kept),
        cmocka_unit_test(reference_cells),
        cmocka_unit_test(dropped_alleles_are_counted),
        cmocka_unit_test(withdrawn),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
