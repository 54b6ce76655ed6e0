/* SPDX-License-Identifier: MIT */
/* The preflight: what is wrong with a sample's file is said with the cause, by the right status. */
#include "fixture.h"

#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/sam.h>
#include <htslib/tbx.h>
#include <sys/stat.h>
#include <time.h>

#include "kuni/file.h"
#include "kuni/reads.h"
#include "preflight.h"
#include "sample_names.h"

static kuni_genome *genome;
static kuni_task task;
static const kuni_span shards[] = {{.tid = 0, .beg = 0, .end = 1000}, {.tid = -1}};

static int enter(void **state)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (fixture_enter(state) != 0) return -1;
    FILE *fasta = fopen("r.fa", "w");
    if (!fasta) return -1;
    (void)fputs(">chr1\n", fasta);
    for (int i = 0; i < 1000; i++) (void)fputc("ACGT"[i % 4], fasta);
    (void)fputc('\n', fasta);
    (void)fclose(fasta);
    task = (kuni_task){.shards = shards, .n_shards = 2};
    if (kuni_genome_open(&genome, "r.fa", &err)) return -1;
    task.genome = genome;
    return 0;
}

static int leave(void **state)
{
    kuni_genome_close(genome);
    return fixture_leave(state);
}

static void expect(const kuni_sample *sample, kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *name;
    kuni_status status = kuni_preflight_check(&task, sample, &name, &err);
    if (status != expected || !strstr(err.text, words))
        fail_msg("status %d: \"%s\", expected %d: \"%s\"", status, err.text, expected, words);
    free(name);
}

static void expect_fine(const kuni_sample *sample, const char *expected_name)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *name;
    if (kuni_preflight_check(&task, sample, &name, &err)) fail_msg("%s", err.text);
    if (expected_name)
        assert_string_equal(name, expected_name);
    else
        assert_null(name);
    free(name);
}

/* --- reads --- */

/* `n` reads of `length` bases, each a base behind the one before. */
static void write_reads(const char *path, const char *header_text, int n, size_t length,
                        bool indexed)
{
    samFile *out = sam_open(path, "wb");
    sam_hdr_t *header = sam_hdr_parse(strlen(header_text), header_text);
    assert_true(out && header);
    assert_int_equal(sam_hdr_write(out, header), 0);
    bam1_t *record = bam_init1();
    char bases[2048];
    memset(bases, 'A', sizeof(bases));
    assert_true(length <= sizeof(bases));
    const uint32_t cigar = (uint32_t)length << BAM_CIGAR_SHIFT | BAM_CMATCH;
    for (int i = 0; i < n; i++) {
        assert_true(bam_set1(record, 2, "r", 0, 0, 100 + i, 60, 1, &cigar, -1, -1, 0, length, bases,
                             bases, 0) >= 0);
        assert_true(sam_write1(out, header, record) >= 0);
    }
    bam_destroy1(record);
    sam_hdr_destroy(header);
    assert_int_equal(sam_close(out), 0);
    if (indexed) assert_int_equal(sam_index_build(path, 0), 0);
}

static void write_bam(const char *path, const char *header_text, bool indexed)
{
    write_reads(path, header_text, 1, 4, indexed);
}

#define CHR1 "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:1000\n"

static void cut(const char *path, off_t bytes)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - bytes), 0);
}

static void test_bam(void **state)
{
    (void)state;
    write_bam("a.bam", CHR1 "@RG\tID:1\tSM:anna\n@RG\tID:2\tSM:anna\n@RG\tID:3\n", true);
    expect_fine(&(kuni_sample){.id = "A", .reads = "a.bam"}, "anna");
    write_bam("n.bam", CHR1, true);
    expect_fine(&(kuni_sample){.id = "N", .reads = "n.bam"}, NULL);
    expect_fine(&(kuni_sample){.id = "W"}, NULL); /* withdrawn */
    write_bam("two.bam", CHR1 "@RG\tID:1\tSM:anna\n@RG\tID:2\tSM:berta\n", true);
    expect(&(kuni_sample){.id = "T", .reads = "two.bam"}, KUNI_DATA,
           "T: two.bam holds reads of several samples (read groups of 'anna' and 'berta')");
    write_bam("other.bam", "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:999\n", true);
    expect(&(kuni_sample){.id = "O", .reads = "other.bam"}, KUNI_DATA, "O: ");
    write_bam("bare.bam", CHR1, false);
    expect(&(kuni_sample){.id = "B", .reads = "bare.bam"}, KUNI_DATA, "B: ");
    write_bam("cut.bam", CHR1, true);
    cut("cut.bam", 28);
    expect(&(kuni_sample){.id = "C", .reads = "cut.bam"}, KUNI_DATA,
           "cut.bam: truncated: the end-of-file marker is missing");
    expect(&(kuni_sample){.id = "G", .reads = "gone.bam"}, KUNI_IO, "G: cannot read gone.bam");
}

static void test_index_of_another(void **state)
{
    (void)state;
    write_reads("part.bam", CHR1, 50, 100, true);
    write_reads("whole.bam", CHR1, 90, 100, true);
    write_bam("bare.bam", CHR1, false);
    expect_fine(&(kuni_sample){.id = "W", .reads = "whole.bam", .index = "whole.bam.bai"}, NULL);
    expect(&(kuni_sample){.id = "P", .reads = "whole.bam", .index = "part.bam.bai"}, KUNI_DATA,
           "sample P: part.bam.bai does not cover whole.bam: it is ");
    expect(&(kuni_sample){.id = "P", .reads = "part.bam", .index = "whole.bam.bai"}, KUNI_DATA,
           "part.bam: its index leads beyond its end: the file was cut off, or the index is of "
           "another");
    const struct timespec old[] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, "part.bam.bai", old, 0), 0);
    expect(&(kuni_sample){.id = "P", .reads = "whole.bam", .index = "part.bam.bai"}, KUNI_DATA,
           "it is older than the file");
    expect_fine(&(kuni_sample){.id = "P", .reads = "part.bam"}, NULL);
}

static void test_no_read(void **state)
{
    (void)state;
    write_reads("none.bam", CHR1 "@RG\tID:1\tSM:anna\n", 0, 4, false);
    expect_fine(&(kuni_sample){.id = "N", .reads = "none.bam"}, "anna");
    write_reads("none.bam", CHR1 "@RG\tID:1\tSM:anna\n", 0, 4, true);
    expect_fine(&(kuni_sample){.id = "N", .reads = "none.bam"}, "anna");
    write_bam("some.bam", CHR1, true);
    expect_fine(&(kuni_sample){.id = "N", .reads = "none.bam", .index = "some.bam.bai"}, "anna");
    expect(&(kuni_sample){.id = "N", .reads = "some.bam", .index = "none.bam.bai"}, KUNI_DATA,
           "none.bam.bai does not cover some.bam");
}

static void test_long_reads(void **state)
{
    (void)state;
    enum { MOST = KUNI_READ_BASES_MOST };
    write_reads("most.bam", CHR1, 9, MOST, true);
    expect_fine(&(kuni_sample){.id = "M", .reads = "most.bam"}, NULL);
    write_reads("long.bam", CHR1, 9, MOST + 1, true);
    expect(
        &(kuni_sample){.id = "L", .reads = "long.bam"}, KUNI_DATA,
        "L: long.bam holds long reads, of up to 1025 bases: kuni calls short ones, of up to 1024");
}

/* --- variants --- */

#define COLUMNS       "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
#define GENOTYPE      "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">\n"
#define VCF           "##fileformat=VCFv4.2\n" GENOTYPE
#define RECORD        "chr1\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n"
#define RECORD_OF_TWO "chr1\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\t0/1\n"

static void test_gvcf(void **state)
{
    (void)state;
    fixture_write("a.g.vcf", VCF "##contig=<ID=chr1,length=1000>\n" COLUMNS "anna\n" RECORD);
    expect_fine(&(kuni_sample){.id = "A", .reads = "a.g.vcf"}, "anna");
    fixture_write("bare.g.vcf", VCF COLUMNS "anna\n" RECORD); /* a header need not name contigs */
    expect_fine(&(kuni_sample){.id = "B", .reads = "bare.g.vcf"}, "anna");
    fixture_write("two.g.vcf", VCF "##contig=<ID=chr1>\n" COLUMNS "A\tB\n" RECORD_OF_TWO);
    expect_fine(&(kuni_sample){.id = "A", .reads = "two.g.vcf", .shares_reads = true}, NULL);
    expect(&(kuni_sample){.id = "C", .reads = "two.g.vcf"}, KUNI_DATA,
           "C: none of the 2 samples of two.g.vcf has the name C");
    expect(&(kuni_sample){.id = "C", .reads = "a.g.vcf", .shares_reads = true}, KUNI_DATA,
           "C: none of the 1 samples of a.g.vcf has the name C");
    fixture_write("long.g.vcf", VCF "##contig=<ID=chr1,length=1001>\n" COLUMNS "A\n");
    expect(&(kuni_sample){.id = "L", .reads = "long.g.vcf"}, KUNI_DATA,
           "contig chr1 has 1001 bp there, 1000 in r.fa");
    fixture_write("far.g.vcf", VCF "##contig=<ID=chrX,length=5>\n" COLUMNS "A\n");
    expect(&(kuni_sample){.id = "F", .reads = "far.g.vcf"}, KUNI_DATA,
           "far.g.vcf shares no contig with the reference r.fa");
    fixture_write("sites.g.vcf", "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n"
                                 "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    expect(&(kuni_sample){.id = "S", .reads = "sites.g.vcf"}, KUNI_DATA,
           "S: sites.g.vcf has no sample");
    fixture_write("text.g.vcf", "no VCF at all\n");
    expect(&(kuni_sample){.id = "T", .reads = "text.g.vcf"}, KUNI_DATA, "text.g.vcf");
    expect(&(kuni_sample){.id = "G", .reads = "gone.g.vcf"}, KUNI_IO, "G: cannot read gone.g.vcf");
    expect(&(kuni_sample){.id = "A", .reads = "a.g.vcf", .index = "r.fa"}, KUNI_DATA,
           "A: r.fa is no index of a.g.vcf");
}

/* A file that tells nothing of what the run looks at would be a column of no calls. */
static void test_empty_gvcf(void **state)
{
    (void)state;
    fixture_write("head.g.vcf", VCF "##contig=<ID=chr1,length=1000>\n" COLUMNS "anna\n");
    expect(&(kuni_sample){.id = "A", .reads = "head.g.vcf"}, KUNI_DATA,
           "A: head.g.vcf has a header and no record");
    fixture_write("else.g.vcf", VCF COLUMNS "anna\nchr2\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n");
    expect(&(kuni_sample){.id = "A", .reads = "else.g.vcf"}, KUNI_DATA,
           "has no record on any contig of this run");
    fixture_write("decoy.g.vcf",
                  VCF "##contig=<ID=1,length=1000>\n##contig=<ID=2,length=900>\n"
                      "##contig=<ID=decoy,length=50>\n" COLUMNS "anna\n1\t5\t.\tA\tG\t9\t.\t.\t"
                      "GT\t0/1\ndecoy\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n");
    kuni_error err = KUNI_ERROR_INIT;
    FILE *fasta = fopen("decoy.fa", "w");
    assert_non_null(fasta);
    (void)fputs(">chr1\n", fasta);
    for (int i = 0; i < 1000; i++) (void)fputc("ACGT"[i % 4], fasta);
    (void)fputs("\n>decoy\n", fasta);
    for (int i = 0; i < 50; i++) (void)fputc("ACGT"[i % 4], fasta);
    (void)fputs("\n", fasta);
    (void)fclose(fasta);
    kuni_genome *two;
    if (kuni_genome_open(&two, "decoy.fa", &err)) fail_msg("%s", err.text);
    const kuni_span both[] = {{.tid = 0, .end = 1000}, {.tid = 1, .end = 50}};
    kuni_task usual = task;
    task = (kuni_task){.genome = two, .shards = both, .n_shards = 2};
    expect(&(kuni_sample){.id = "A", .reads = "decoy.g.vcf"}, KUNI_DATA,
           "names 1 contigs that the reference decoy.fa has, and 2 that it has not");
    task = usual;
    kuni_genome_close(two);
}

static void pack(const char *path, const char *text)
{
    BGZF *out = bgzf_open(path, "w");
    assert_non_null(out);
    assert_int_equal(bgzf_write(out, text, strlen(text)), strlen(text));
    assert_int_equal(bgzf_close(out), 0);
}

#define ON(contig) contig "\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n"

/* An index of an older state of the file, without a contig before, between or behind. */
static void test_stale_index(void **state)
{
    (void)state;
    static const char *const old[] = {ON("chr1"), ON("chr0") ON("chr1"), ON("chr1") ON("chr3")};
    static const char *const now[] = {ON("chr1") ON("chr2"), ON("a") ON("chr0") ON("chr1"),
                                      ON("chr1") ON("chr2") ON("chr3")};
    for (int i = 0; i < 3; i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text), VCF COLUMNS "anna\n%s", old[i]);
        pack("s.g.vcf.gz", text);
        assert_int_equal(tbx_index_build("s.g.vcf.gz", 0, &tbx_conf_vcf), 0);
        expect_fine(&(kuni_sample){.id = "S", .reads = "s.g.vcf.gz"}, "anna");
        (void)snprintf(text, sizeof(text), VCF COLUMNS "anna\n%s", now[i]);
        pack("s.g.vcf.gz", text);
        expect(&(kuni_sample){.id = "S", .reads = "s.g.vcf.gz"}, KUNI_DATA,
               "it is of an older state of the file");
    }
}

/* A file that says that it is of another sample of the manifest, and one that may. */
static void test_names(void **state)
{
    (void)state;
    const kuni_sample samples[] = {{.id = "B", .participant = "P2", .reads = "b"},
                                   {.id = "A", .participant = "P1", .reads = "a"}};
    kuni_sample renamed = {.id = "A", .participant = "P1", .reads = "a", .name_in_file = "B"};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_sample_names names = {.samples = samples, .n = 2};
    bool other;
    static const char *const fine[] = {"A", "P1", "elsewhere", NULL};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kuni_sample_names_check(&names, &samples[1], fine[i], &other, &err),
                         KUNI_OK);
        assert_int_equal(other, i == 2);
    }
    assert_int_equal(kuni_sample_names_check(&names, &samples[1], "B", &other, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "A: a says that it is of 'B', another sample of the manifest: "
                                     "are the files swapped?"));
    kuni_error_clear(&err);
    assert_int_equal(kuni_sample_names_check(&names, &renamed, "B", &other, &err), KUNI_OK);
    static const char *const wrong[] = {"A", "P1", "elsewhere", NULL};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kuni_sample_names_check(&names, &renamed, wrong[i], &other, &err),
                         KUNI_DATA);
        assert_non_null(strstr(err.text, "name_in_file of the manifest that it is of 'B'"));
        kuni_error_clear(&err);
    }
    kuni_sample_names_fini(&names);
}

static void test_packed_gvcf(void **state)
{
    (void)state;
    static const char text[] =
        VCF "##contig=<ID=chr1,length=1000>\n" COLUMNS "anna\nchr1\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n";
    BGZF *out = bgzf_open("p.g.vcf.gz", "w");
    assert_non_null(out);
    assert_int_equal(bgzf_write(out, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_int_equal(bgzf_close(out), 0);
    expect_fine(&(kuni_sample){.id = "P", .reads = "p.g.vcf.gz"}, "anna");
    assert_int_equal(tbx_index_build("p.g.vcf.gz", 0, &tbx_conf_vcf), 0);
    expect_fine(&(kuni_sample){.id = "P", .reads = "p.g.vcf.gz"}, "anna");
    expect_fine(&(kuni_sample){.id = "P", .reads = "p.g.vcf.gz", .index = "p.g.vcf.gz.tbi"},
                "anna");
    cut("p.g.vcf.gz", 28);
    expect(&(kuni_sample){.id = "P", .reads = "p.g.vcf.gz"}, KUNI_DATA,
           "P: p.g.vcf.gz is truncated");
}

/* A large file without an index would be read from the front by every shard. */
static void test_large_gvcf(void **state)
{
    (void)state;
    fixture_write("large.g.vcf", VCF "##contig=<ID=chr1,length=1000>\n" COLUMNS "anna\n" RECORD);
    assert_int_equal(truncate("large.g.vcf", KUNI_UNINDEXED_BYTES_MAX + 1), 0);
    expect(&(kuni_sample){.id = "L", .reads = "large.g.vcf"}, KUNI_DATA,
           "large.g.vcf has no index, and only files of up to 64 MiB are read without");
}

/* --- the step: a line a fault, for the samples of its batch --- */

static void test_step(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    fixture_write("fine.g.vcf", VCF "##contig=<ID=chr1,length=1000>\n" COLUMNS "anna\n" RECORD);
    const kuni_sample samples[] = {{.id = "S0", .reads = "gone.bam"},
                                   {.id = "S1", .reads = "fine.g.vcf"},
                                   {.id = "S2", .reads = "gone.g.vcf"},
                                   {.id = "S3"}};
    const kuni_batch batches[] = {{.id = "b0", .n_samples = 1},
                                  {.id = "b1", .first = 1, .n_samples = 3}};
    const kuni_task_file output = {.kind = "faults", .path = "faults.tsv"};
    kuni_task step = task;
    step.samples = samples;
    step.n_samples = 4;
    step.batches = batches;
    step.n_batches = 2;
    step.batch = 1;
    step.outputs = &output;
    step.n_outputs = 1;
    assert_int_equal(kuni_preflight_stage.steps[0].run(&step, &err), KUNI_OK);
    assert_int_equal(kuni_file_get("faults.tsv", 1 << 16, &text, &err), KUNI_OK);
    assert_string_equal(text.data,
                        "2\t74\tS2: cannot read gone.g.vcf: No such file or directory\n");
    kuni_buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bam),        cmocka_unit_test(test_index_of_another),
        cmocka_unit_test(test_no_read),    cmocka_unit_test(test_long_reads),
        cmocka_unit_test(test_gvcf),       cmocka_unit_test(test_packed_gvcf),
        cmocka_unit_test(test_large_gvcf), cmocka_unit_test(test_step),
        cmocka_unit_test(test_empty_gvcf), cmocka_unit_test(test_stale_index),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
