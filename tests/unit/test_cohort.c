/* SPDX-License-Identifier: MIT */
/* Manifests, pedigrees and batches: what is taken, and the exact words for what is not. */
#include "fixture.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cohort_map.h"

static kuni_status read_cohort(kuni_cohort *cohort, const char *ped, const char *batches,
                               size_t batch_size, kuni_buffer *faults)
{
    kuni_error err = KUNI_ERROR_INIT;
    static const char *const places[] = {"https://host/", "s3://bucket/a/"};
    static const kuni_network network = {.places = places, .n = 2};
    const kuni_cohort_sources sources = {.manifest = "m.tsv",
                                         .pedigree = ped,
                                         .dataset = batches,
                                         .network = &network,
                                         .batch_size = batch_size};
    return kuni_cohort_read(cohort, &sources, faults, &err);
}

static void read_good(kuni_cohort *cohort, const char *text, const char *ped, const char *batches,
                      size_t batch_size)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    fixture_write("m.tsv", text);
    if (ped) fixture_write("p.ped", ped);
    kuni_status status = read_cohort(cohort, ped ? "p.ped" : NULL, batches, batch_size, &faults);
    fixture_expect(&faults, "");
    assert_int_equal(status, KUNI_OK);
}

static void expect_faults(const char *text, const char *ped, const char *expected)
{
    kuni_cohort cohort;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    fixture_write("m.tsv", text);
    if (ped) fixture_write("p.ped", ped);
    kuni_status status = read_cohort(&cohort, ped ? "p.ped" : NULL, NULL, 256, &faults);
    fixture_expect(&faults, expected);
    assert_int_equal(status, KUNI_DATA);
    assert_null(cohort.arena);
    kuni_buffer_fini(&faults);
}

static void expect_path(const char *path, const char *expected)
{
    char *masked = fixture_mask(path);
    assert_string_equal(masked, expected);
    free(masked);
}

static void test_native(void **state)
{
    (void)state;
    kuni_cohort c;
    read_good(
        &c,
        "#participant_id\tsample_id\ttimepoint\tsex\treads\tindex\tmd5\tconsent\ticf_version\tsite"
        "\trelease_after\tgroup\tcolour\n"
        "P1\tS1\t0\tmale\ta.cram\tx/a.crai\t0123456789abcdef0123456789ABCDEF\tHMB\t2\ttokyo\t"
        "2026-01-31\tcase\tred\n"
        "# a comment\n"
        "\n"
        "P1\tS2\t1\tM\t./sub//b.bam\t.\t\t\t\t\t\t\t\n"
        "P2\tS3\t\tXX\t/abs/c.g.vcf.gz\t\t\t\t\t\t\t\t\n"
        "P3\tS4\t\t\thttps://host/d.cram\t\t\t\t\t\t\t\t\n",
        NULL, NULL, 3);
    assert_int_equal(c.n_samples, 4);
    assert_int_equal(c.n_new, 4);
    assert_int_equal(c.n_batches, 2);
    assert_string_equal(c.batches[0].id, "b0000");
    assert_int_equal(c.batches[0].n_samples, 3);
    assert_int_equal(c.batches[1].first, 3);
    assert_int_equal(c.batches[1].n_samples, 1);
    const kuni_sample *s = c.samples;
    assert_string_equal(s[0].id, "S1");
    assert_string_equal(s[0].participant, "P1");
    assert_int_equal(s[0].sex, KUNI_SEX_MALE);
    expect_path(s[0].reads, "DIR/a.cram");
    expect_path(s[0].index, "DIR/x/a.crai");
    assert_string_equal(s[0].md5, "0123456789abcdef0123456789ABCDEF");
    assert_string_equal(s[0].site, "tokyo");
    assert_string_equal(s[0].group, "case");
    expect_path(s[1].reads, "DIR/sub/b.bam");
    assert_null(s[1].index);
    assert_null(s[1].md5);
    assert_string_equal(s[2].reads, "/abs/c.g.vcf.gz");
    assert_int_equal(s[2].sex, KUNI_SEX_FEMALE);
    assert_string_equal(s[3].reads, "https://host/d.cram");
    assert_int_equal(s[3].sex, KUNI_SEX_UNKNOWN);
    assert_int_equal(s[3].index_in_cohort, 3);
    assert_int_equal(c.lines[3], 7);
    assert_string_equal(c.notes, "m.tsv: column 'colour' is not used\n");
    kuni_cohort_fini(&c);
}

static void test_windows_file(void **state)
{
    (void)state;
    kuni_cohort c;
    read_good(
        &c,
        "\xEF\xBB\xBFparticipant_id\tsample_id\treads \r\nP1\tS1 \t a.cram\t\t\r\nP2\tS2\tb.cram",
        NULL, NULL, 256);
    assert_int_equal(c.n_samples, 2);
    assert_string_equal(c.samples[0].id, "S1");
    expect_path(c.samples[0].reads, "DIR/a.cram");
    kuni_cohort_fini(&c);
}

static void test_sarek(void **state)
{
    (void)state;
    kuni_cohort c;
    read_good(&c,
              "patient,sex,status,sample,lane,bam,bai,cram,crai\n"
              "p1,XX,0,s1,L1,,,\"dir,with/a.cram\",a.crai\n"
              "p2,XY,0,s2,L1,b.bam,b.bai,,\n"
              "p3,NA,0,s3,L1,c.bam,,,\n",
              NULL, NULL, 256);
    assert_int_equal(c.n_samples, 3);
    expect_path(c.samples[0].reads, "DIR/dir,with/a.cram");
    expect_path(c.samples[0].index, "DIR/a.crai");
    expect_path(c.samples[1].reads, "DIR/b.bam");
    expect_path(c.samples[1].index, "DIR/b.bai");
    assert_int_equal(c.samples[0].sex, KUNI_SEX_FEMALE);
    assert_int_equal(c.samples[1].sex, KUNI_SEX_MALE);
    assert_int_equal(c.samples[2].sex, KUNI_SEX_UNKNOWN);
    assert_null(c.samples[2].index);
    kuni_cohort_fini(&c);
}

static void test_pedigree(void **state)
{
    (void)state;
    kuni_cohort c;
    read_good(
        &c, "participant_id\tsample_id\treads\nKID\tS1\ta\nPAPA\tS2\tb\nMAMA\tS3\tc\nX\tS4\td\n",
        "#family\nF1 S1 PAPA S3 2 -9\nF1 PAPA 0 0 1 1\nF1\tS3\t0\tGRAN\t2\t0\nF1 GRAN 0 0 2 0\n",
        NULL, 256);
    assert_int_equal(c.samples[0].sex, KUNI_SEX_FEMALE);
    assert_string_equal(c.samples[0].father, "S2");
    assert_string_equal(c.samples[0].mother, "S3");
    assert_int_equal(c.samples[1].sex, KUNI_SEX_MALE);
    assert_null(c.samples[1].father);
    assert_null(c.samples[2].mother); /* not in the cohort */
    assert_int_equal(c.samples[3].sex, KUNI_SEX_UNKNOWN);
    kuni_cohort_fini(&c);
}

/* A VCF of several samples stands in the row of each; a CRAM has one (test_row_faults). */
static void test_shared_files(void **state)
{
    (void)state;
    kuni_cohort c;
    read_good(&c,
              "participant_id\tsample_id\treads\nP1\tS1\tall.vcf.gz\nP2\tS2\tone.bcf\n"
              "P3\tS3\t./all.vcf.gz\n",
              NULL, NULL, 256);
    assert_int_equal(c.n_samples, 3);
    assert_true(c.samples[0].shares_reads);
    assert_false(c.samples[1].shares_reads);
    assert_true(c.samples[2].shares_reads);
    kuni_cohort_fini(&c);
}

static const char header[] = "participant_id\tsample_id\tsex\treads\tmd5\trelease_after\n";

static void test_row_faults(void **state)
{
    (void)state;
    char text[2048];
    snprintf(text, sizeof(text), "%s%s", header,
             "P1\tS1\tboy\ta\tzz\t2025-13-01\n"
             "P1\tS1\tF\t./a\t\t\n"
             "P1\tS/2\tM\t\t\t\n"
             "P3\t-S3\tM\n"
             "P 4\tS4\tM\tb\t\t\t7\n"
             "\tS5\tM\tc\t\t\n"
             "P6\tS,6\tM\td\t\t\n"
             "P1\tS\x93\x8C\tM\te\t\t\n"); /* Shift-JIS */
    expect_faults(
        text, NULL,
        "m.tsv:2: sex 'boy' is unknown; expected male, female or unknown (also M F, 1 2 0, XY XX)\n"
        "m.tsv:2: md5 'zz' is none; expected 32 hexadecimal digits\n"
        "m.tsv:2: release_after '2025-13-01' is no date; expected YYYY-MM-DD\n"
        "m.tsv:3: sample 'S1' stands twice; line 2 has it already\n"
        "m.tsv:3: reads 'DIR/a' stand twice; line 2 has them already\n"
        "m.tsv:4: sample_id 'S/2' holds a character that breaks a VCF header or a path; expected "
        "letters, digits, _ - . : and the like\n"
        "m.tsv:4: reads is empty\n"
        "m.tsv:5: has 3 columns; the header has 6\n"
        "m.tsv:6: has 7 columns; the header has 6\n"
        "m.tsv:7: participant_id is empty\n"
        "m.tsv:8: sample_id 'S,6' holds a character that breaks a VCF header or a path; expected "
        "letters, digits, _ - . : and the like\n"
        "m.tsv:9: is not UTF-8; expected the table to be saved as UTF-8\n");
}

/* A sarek row whose bam was / became a path of no bytes. */
static void test_folders_as_files(void **state)
{
    (void)state;
    expect_faults("patient,sample,bam,bai\np1,s1,/,\np2,s2,reads/,x/..\np3,s3,a/../b.bam,\n", NULL,
                  "m.tsv:2: reads '/' names a folder; expected a file\n"
                  "m.tsv:3: reads 'reads/' names a folder; expected a file\n"
                  "m.tsv:3: index 'x/..' names a folder; expected a file\n");
}

/* No network but where the workflow says, for indices as for reads. */
static void test_urls(void **state)
{
    (void)state;
    static const char wrong[] =
        "is a URL that the workflow does not allow; expected one that begins "
        "as `network:` of the workflow says\n";
    char expected[2048];
    snprintf(
        expected, sizeof(expected),
        "m.tsv:3: reads 'https://host.evil.org/a.cram' %sm.tsv:4: reads 'http://host/b.cram' %s"
        "m.tsv:5: reads 's3://bucket/a/../c.cram' %sm.tsv:6: index 'ftp://x/d.crai' %s"
        "m.tsv:7: reads 'https://me@host/e.cram' %s"
        "m.tsv:8: reads 'f.cram##idx##https://x/f.crai' holds ##idx##; expected the index in "
        "the column 'index'\n",
        wrong, wrong, wrong, wrong, wrong);
    expect_faults("participant_id\tsample_id\treads\tindex\n"
                  "P0\tS0\ts3://bucket/a/x.cram\thttps://host/x.crai\n"
                  "P1\tS1\thttps://host.evil.org/a.cram\t\n"
                  "P2\tS2\thttp://host/b.cram\t\n"
                  "P3\tS3\ts3://bucket/a/../c.cram\t\n"
                  "P4\tS4\td.cram\tftp://x/d.crai\n"
                  "P5\tS5\thttps://me@host/e.cram\t\n"
                  "P6\tS6\tf.cram##idx##https://x/f.crai\t\n",
                  NULL, expected);
}

/* Tables hold ids, sites and groups as they are, and people open them in spreadsheets. */
static void test_formulas(void **state)
{
    (void)state;
    static const char wrong[] = " starts with a character that tools or spreadsheets take for "
                                "something else; expected letters, digits, _ - . : and the like\n";
    char expected[1024];
    snprintf(expected, sizeof(expected),
             "m.tsv:2: sample_id '=cmd|x'%sm.tsv:3: participant_id '@P2'%s"
             "m.tsv:4: site '=HYPERLINK(1)' starts with =, which spreadsheets take for a formula; "
             "expected another first character\n"
             "m.tsv:4: group '-1+2' starts with -, which spreadsheets take for a formula; expected "
             "another first character\n"
             "m.tsv:5: custodian '@SUM(A1)' starts with @, which spreadsheets take for a formula; "
             "expected another first character\n",
             wrong, wrong);
    expect_faults("participant_id\tsample_id\treads\tsite\tgroup\tcustodian\n"
                  "P1\t=cmd|x\ta\t-\t-9\t+0.5\n"
                  "@P2\tS+2\tb\ta=b\t3-4\t\n"
                  "P3\tS3\tc\t=HYPERLINK(1)\t-1+2\t\n"
                  "P4\tS4\td\t\t\t@SUM(A1)\n",
                  NULL, expected);
}

static void test_participant_with_two_sexes(void **state)
{
    (void)state;
    expect_faults("participant_id\tsample_id\tsex\treads\nP1\tS1\tM\ta\nP1\tS2\tF\tb\n", NULL,
                  "m.tsv:3: participant 'P1' has another sex than on line 2\n");
}

static void test_header_faults(void **state)
{
    (void)state;
    expect_faults("participant_id\tsampleid\tread\nP\tS\ta\n", NULL,
                  "m.tsv:1: the header has no column 'sample_id'; did you mean it by 'sampleid'?\n"
                  "m.tsv:1: the header has no column 'reads'; did you mean it by 'read'?\n");
    expect_faults("a b c\n1 2 3\n", NULL,
                  "m.tsv:1: the header has 1 column; expected tab-separated columns with names, at "
                  "least participant_id, sample_id and reads\n");
    expect_faults("participant_id\tsample_id\treads\tsex\tSEX\t\n", NULL,
                  "m.tsv:1: column 'SEX' stands twice in the header\n"
                  "m.tsv:1: column 6 has no name\n");
    expect_faults(
        "patient,sample,fastq_1\np,s,x\n", NULL,
        "m.tsv:1: the header has neither a column 'cram' nor 'bam'; expected aligned reads\n");
}

static void test_empty_manifests(void **state)
{
    (void)state;
    static const char empty[] =
        "m.tsv: the manifest holds no sample; expected a header and a row for each\n";
    expect_faults("", NULL, empty);
    expect_faults("\n\n", NULL, empty);
    expect_faults(header, NULL, empty);
    expect_faults(
        "\x1F\x8B\x08\n", NULL,
        "m.tsv:1: holds bytes that are no text; expected a plain table (not compressed, not a "
        "spreadsheet, UTF-8)\n");
}

static void test_sarek_faults(void **state)
{
    (void)state;
    expect_faults("patient,sex,status,sample,bam\np1,XX,1,s1,a.bam\np2,XX,0,s2,\n", NULL,
                  "m.tsv:2: status 1 is a tumour sample; expected germline samples only\n"
                  "m.tsv:3: neither cram nor bam is given; expected aligned reads\n");
}

static void test_pedigree_faults(void **state)
{
    (void)state;
    expect_faults("participant_id\tsample_id\tsex\treads\nP1\tS1\tM\ta\n",
                  "F S1 DAD MUM 2 0\nF MUM 0 0 1 0\nF MUM 0 0 2 0\nF DAD DAD 0 girl 0\nF X\n",
                  "p.ped:1: mother 'MUM' has the other sex on line 2\n"
                  "p.ped:1: individual 'S1' has another sex than in the manifest, line 2\n"
                  "p.ped:3: individual 'MUM' stands twice; line 2 has it already\n"
                  "p.ped:4: sex 'girl' is unknown; expected 1 (male), 2 (female) or 0\n"
                  "p.ped:4: individual 'DAD' is its own parent\n"
                  "p.ped:5: has 2 columns; expected family, individual, father, mother, sex and "
                  "phenotype\n");
}

static void write_register(const kuni_cohort *c)
{
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_register people = kuni_cohort_register(c);
    assert_int_equal(kuni_register_write(&people, "ds/register.tsv", &err), KUNI_OK);
}

static void test_batches_go_on(void **state)
{
    (void)state;
    kuni_cohort c;
    assert_int_equal(mkdir("ds", 0777), 0);
    read_good(&c,
              "participant_id\tsample_id\tsex\treads\nA\tA\tmale\ta\nB\tB\tfemale\tb\n"
              "C\tC\tmale\tc\n",
              NULL, "ds", 2);
    write_register(&c);
    kuni_cohort_fini(&c);

    /* B is absent, D and E are new, and the order of rows is another: all stay where they are. */
    read_good(&c,
              "participant_id\tsample_id\tsex\treads\nE\tE\tmale\te\nC\tC\tfemale\tc2\n"
              "D\tD\tmale\td\nA\tA\tmale\ta\n",
              NULL, "ds", 10);
    static const char *const order[] = {"A", "B", "C", "E", "D"};
    assert_int_equal(c.n_samples, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(c.samples[i].id, order[i]);
    expect_path(c.samples[1].reads, "DIR/b");
    assert_int_equal(c.samples[1].sex, KUNI_SEX_FEMALE);
    assert_int_equal(c.people[1].state, KUNI_PERSON_IN);
    assert_int_equal(c.lines[1], 0);
    expect_path(c.samples[2].reads, "DIR/c2");
    assert_int_equal(c.samples[2].sex, KUNI_SEX_FEMALE);
    assert_int_equal(c.n_new, 2);
    assert_int_equal(c.n_absent, 1);
    assert_int_equal(c.n_withdrawn, 0);
    assert_int_equal(c.n_batches, 3);
    assert_string_equal(c.batches[1].id, "b0001");
    assert_int_equal(c.batches[1].n_samples, 1); /* never filled up */
    assert_string_equal(c.batches[2].id, "b0002");
    assert_int_equal(c.batches[2].first, 3);
    assert_int_equal(c.batches[2].n_samples, 2);
    c.people[1].state = KUNI_PERSON_WITHDRAWN;
    write_register(&c);
    kuni_cohort_fini(&c);

    /* B has withdrawn, and a manifest that names B changes nothing. */
    read_good(&c, "participant_id\tsample_id\treads\nB\tB\tb\nA\tA\ta\n", NULL, "ds", 10);
    assert_int_equal(c.n_withdrawn, 1);
    assert_int_equal(c.n_returning, 1);
    assert_string_equal(c.returning, "B");
    assert_null(c.samples[1].reads);
    assert_int_equal(c.n_absent, 3);
    kuni_cohort_fini(&c);

    /* The register alone, as the other ranks read it. */
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_cohort_sources alone = {.dataset = "ds", .batch_size = 10};
    assert_int_equal(kuni_cohort_read(&c, &alone, NULL, &err), KUNI_OK);
    assert_int_equal(c.n_samples, 5);
    expect_path(c.samples[2].reads, "DIR/c2");
    kuni_cohort_fini(&c);
}

/* Consent and the like are kept; a column that a later manifest lacks tells nothing anew. */
static void test_facts(void **state)
{
    (void)state;
    kuni_cohort c;
    assert_int_equal(mkdir("facts", 0777), 0);
    read_good(&c,
              "participant_id\tsample_id\treads\tconsent\tprimary\trecontact\nA\tA\ta\tGRU;NPUNCU\t"
              "Yes\tNO\nA\tB\tb\t.\t.\t\n",
              NULL, "facts", 2);
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_register people = kuni_cohort_register(&c);
    assert_int_equal(kuni_register_write(&people, "facts/register.tsv", &err), KUNI_OK);
    assert_null(c.people[1].facts);
    kuni_cohort_fini(&c);
    read_good(&c,
              "participant_id\tsample_id\treads\tprimary\trelease_after\nA\tA\ta\t.\t2030-01-01\n",
              NULL, "facts", 2);
    assert_string_equal(kuni_person_fact(&c.people[0], KUNI_FACT_CONSENT), "GRU;NPUNCU");
    assert_string_equal(kuni_person_fact(&c.people[0], KUNI_FACT_RECONTACT), "no");
    assert_string_equal(kuni_person_fact(&c.people[0], KUNI_FACT_RELEASE_AFTER), "2030-01-01");
    assert_null(kuni_person_fact(&c.people[0], KUNI_FACT_PRIMARY)); /* taken back */
    assert_null(kuni_person_fact(&c.people[1], KUNI_FACT_CONSENT));
    kuni_cohort_fini(&c);
    read_good(&c, "participant_id\tsample_id\treads\nA\tA\ta\n", NULL, "facts", 2);
    assert_string_equal(kuni_person_fact(&c.people[0], KUNI_FACT_CONSENT), "GRU;NPUNCU");
    kuni_cohort_fini(&c);
}

/* A register of format 1, which knew no facts. */
static void test_register_1(void **state)
{
    (void)state;
    kuni_cohort c;
    kuni_error err = KUNI_ERROR_INIT;
    static const char *const lines[] = {
        "#kuni register 1",
        ("batch\tsample_id\tparticipant_"
         "id\tsex\tstate\tsince\tbytes\tcontent\tgroup\tsite\tfather\t"
         "mother\treads\tindex\tmd5\tshares\twhere\treason"),
        "b0000\tA\tA\tmale\tin\t1\t-1\t.\t.\t.\t.\t.\t/a\t.\t.\t0\t.\t."};
    char text[1024] = "", hex[KUNI_DIGEST_HEX_BYTES];
    size_t n = 0;
    kuni_digest *digest = kuni_digest_new(&err);
    for (size_t i = 0; i < 3; i++) {
        kuni_digest_add_text(digest, lines[i]);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", lines[i]);
    }
    kuni_digest_finish(digest, hex);
    n += (size_t)snprintf(text + n, sizeof(text) - n, "#end\t1\t%s\n", hex);
    assert_int_equal(mkdir("one", 0777), 0);
    assert_int_equal(kuni_file_put("one/register.tsv", text, n, &err), KUNI_OK);
    const kuni_cohort_sources sources = {.dataset = "one", .batch_size = 2};
    assert_int_equal(kuni_cohort_read(&c, &sources, NULL, &err), KUNI_OK);
    assert_int_equal(c.n_samples, 1);
    assert_int_equal(c.samples[0].sex, KUNI_SEX_MALE);
    assert_null(c.people[0].facts);
    kuni_cohort_fini(&c);
}

/* Every byte of the register counts: whichever is changed, it is damage and says so. */
/* A register that has these bytes already is left alone; any other is written, be it by one byte or cut short. */
static void test_register_unchanged(void **state)
{
    (void)state;
    kuni_cohort c;
    kuni_buffer whole = KUNI_BUFFER_INIT, now = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    struct stat first, again;
    const char *path = "unchanged.tsv";
    read_good(&c, "participant_id\tsample_id\treads\nA\tA\ta\nB\tB\tb\n", NULL, NULL, 2);
    const kuni_register people = kuni_cohort_register(&c);
    assert_int_equal(kuni_register_write(&people, path, &err), KUNI_OK);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(kuni_register_write(&people, path, &err), KUNI_OK);
    assert_int_equal(stat(path, &again), 0);
    assert_int_equal(first.st_ino, again.st_ino);
    assert_int_equal(kuni_file_get(path, 1 << 20, &whole, &err), KUNI_OK);
    for (size_t i = 0; i <= whole.length + 1;
         i += 7) { /* a byte changed, and cut there; one too many */
        kuni_buffer other = KUNI_BUFFER_INIT;
        assert_int_equal(kuni_buffer_append(&other, whole.data, whole.length, &err), KUNI_OK);
        if (i < whole.length) other.data[i] ^= 1;
        fixture_put(path, other.data, i % 2 ? whole.length : i < whole.length ? i : whole.length);
        kuni_buffer_fini(&other);
        assert_int_equal(kuni_register_write(&people, path, &err), KUNI_OK);
        kuni_buffer_clear(&now);
        assert_int_equal(kuni_file_get(path, 1 << 20, &now, &err), KUNI_OK);
        assert_string_equal(now.data, whole.data);
    }
    assert_int_equal(kuni_buffer_append(&whole, "x", 1, &err), KUNI_OK);
    fixture_put(path, whole.data, whole.length);
    assert_int_equal(kuni_register_write(&people, path, &err), KUNI_OK);
    assert_int_equal(stat(path, &again), 0);
    assert_int_equal(again.st_size, (off_t)whole.length - 1);
    kuni_buffer_fini(&whole);
    kuni_buffer_fini(&now);
    kuni_cohort_fini(&c);
}

static void test_damaged_register(void **state)
{
    (void)state;
    kuni_cohort c;
    kuni_buffer whole = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(mkdir("damaged", 0777), 0);
    read_good(&c, "participant_id\tsample_id\treads\nA\tA\ta\nB\tB\tb\n", NULL, NULL, 2);
    const kuni_register people = kuni_cohort_register(&c);
    assert_int_equal(kuni_register_write(&people, "damaged/register.tsv", &err), KUNI_OK);
    kuni_cohort_fini(&c);
    assert_int_equal(kuni_file_get("damaged/register.tsv", 1 << 20, &whole, &err), KUNI_OK);
    for (size_t i = 0; i + 1 < whole.length; i++) {
        const kuni_cohort_sources sources = {.dataset = "damaged", .batch_size = 2};
        whole.data[i] ^= 4;
        assert_int_equal(kuni_file_put("damaged/register.tsv", whole.data, whole.length, &err),
                         KUNI_OK);
        whole.data[i] ^= 4;
        kuni_error_clear(&err);
        assert_int_equal(kuni_cohort_read(&c, &sources, NULL, &err), KUNI_IO);
        assert_non_null(strstr(err.text, "damaged"));
        kuni_error_clear(&err);
    }
    kuni_buffer_fini(&whole);
}

static void test_damaged_batches(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "batch\tsample_id\nb0000\tA\nb0002\tB\n", "b0000\tA\nb0000\tA\n", "b0000\n", "b0001\tA\n",
        "b0000\tA\nb0001\tB\nb0000\tC\n",         "b0000\t\x01\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        kuni_cohort c;
        kuni_buffer faults = KUNI_BUFFER_INIT;
        kuni_error err = KUNI_ERROR_INIT;
        fixture_write("m.tsv", "participant_id\tsample_id\treads\nA\tA\ta\n");
        if (i == 0) assert_int_equal(mkdir("old", 0777), 0);
        fixture_write("old/batches.tsv", texts[i]);
        const kuni_cohort_sources sources = {
            .manifest = "m.tsv", .dataset = "old", .batch_size = 10};
        assert_int_equal(kuni_cohort_read(&c, &sources, &faults, &err), KUNI_IO);
        assert_non_null(strstr(err.text, "old/batches.tsv:"));
        assert_null(c.arena);
    }
}

static void test_missing_files(void **state)
{
    (void)state;
    kuni_cohort c;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    fixture_write("here.cram", "");
    read_good(
        &c,
        "participant_id\tsample_id\treads\tindex\nA\tA\there.cram\t\nB\tB\tgone.cram\tgone.crai\n"
        "C\tC\ts3://bucket/a/c.cram\t\n",
        NULL, NULL, 10);
    assert_int_equal(kuni_cohort_check_files(&c, "m.tsv", &faults, &err), KUNI_DATA);
    fixture_expect(&faults,
                   "m.tsv:3: sample 'B': reads DIR/gone.cram: No such file or directory\n"
                   "m.tsv:3: sample 'B': index DIR/gone.crai: No such file or directory\n");
    kuni_buffer_fini(&faults);
    kuni_cohort_fini(&c);
}

/* --- a cohort that is mapped --- */

static void assert_text(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_true(!a && !b);
}

static void assert_same_cohort(const kuni_cohort *a, const kuni_cohort *b)
{
    assert_int_equal(a->n_samples, b->n_samples);
    assert_int_equal(a->n_batches, b->n_batches);
    assert_int_equal(a->n_twins, b->n_twins);
    assert_int_equal(a->n_without, b->n_without);
    for (size_t i = 0; i < a->n_samples; i++) {
        const kuni_sample *x = &a->samples[i], *y = &b->samples[i];
        assert_text(x->id, y->id);
        assert_text(x->participant, y->participant);
        assert_text(x->reads, y->reads);
        assert_text(x->index, y->index);
        assert_text(x->md5, y->md5);
        assert_text(x->site, y->site);
        assert_text(x->group, y->group);
        assert_text(x->father, y->father);
        assert_text(x->mother, y->mother);
        assert_text(x->name_in_file, y->name_in_file);
        assert_int_equal(x->sex, y->sex);
        assert_int_equal(x->shares_reads, y->shares_reads);
        assert_int_equal(x->index_in_cohort, y->index_in_cohort);
    }
    for (size_t i = 0; i < a->n_batches; i++) {
        assert_string_equal(a->batches[i].id, b->batches[i].id);
        assert_int_equal(a->batches[i].first, b->batches[i].first);
        assert_int_equal(a->batches[i].n_samples, b->batches[i].n_samples);
    }
}

/* KiB of a kind in /proc/self/status: RssAnon is what a process has for itself, RssFile what it shares. */
static long memory_kib(const char *kind)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, kind, strlen(kind)) == 0) kib = strtol(line + strlen(kind) + 1, NULL, 10);
    (void)fclose(file);
    return kib;
}

static void test_mapped(void **state)
{
    (void)state;
    kuni_cohort c, m;
    kuni_error err = KUNI_ERROR_INIT;
    bool mapped;
    read_good(&c,
              "participant_id\tsample_id\tsex\treads\tindex\tmd5\tsite\tgroups\n"
              "P1\tA\tmale\ta.cram\ta.crai\t\tnorth\tx\nP1\tB\tmale\tb.cram\t\t\tnorth\tx\n"
              "C\tC\tfemale\tc.vcf.gz\t\t\tsouth\ty\n",
              "f A 0 0 1 0\nf B A C 1 0\nf C 0 0 2 0\n", NULL, 2);
    assert_int_equal(c.n_twins, 1);
    assert_int_equal(kuni_cohort_map_write(&c, "c.map", &err), KUNI_OK);
    assert_int_equal(kuni_cohort_map(&m, "c.map", &mapped, &err), KUNI_OK);
    assert_true(mapped);
    assert_same_cohort(&c, &m);
    assert_null(m.people);
    /* Only one can be there; the other is to be read. */
    kuni_cohort second;
    assert_int_equal(kuni_cohort_map(&second, "c.map", &mapped, &err), KUNI_OK);
    assert_false(mapped);
    kuni_cohort_fini(&second);
    /* What one changes is not in the file. */
    m.samples[0].sex = KUNI_SEX_FEMALE;
    kuni_cohort_fini(&m);
    assert_int_equal(kuni_cohort_map(&m, "c.map", &mapped, &err), KUNI_OK);
    assert_true(mapped);
    assert_same_cohort(&c, &m);
    kuni_cohort_fini(&m);
    static const char *const others[] = {
        "", "kuni cohort 1",
        "another file that is long enough to be a head, for it is as long as that, and longer: "
        "0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        fixture_write("other.map", others[i]);
        assert_int_equal(kuni_cohort_map(&m, "other.map", &mapped, &err), KUNI_OK);
        assert_false(mapped);
        kuni_cohort_fini(&m);
    }
    assert_int_equal(kuni_cohort_map(&m, "none.map", &mapped, &err), KUNI_OK);
    assert_false(mapped);
    kuni_cohort_fini(&m);
    kuni_cohort_fini(&c);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void assert_same_people(const kuni_cohort *a, const kuni_cohort *b)
{
    for (size_t i = 0; i < a->n_samples; i++) {
        const kuni_person *x = &a->people[i], *y = &b->people[i];
        assert_int_equal(x->state, y->state);
        assert_int_equal(x->bytes, y->bytes);
        assert_int_equal(x->listed, y->listed);
        for (int f = 0; f < KUNI_FACTS; f++)
            assert_true(
                same_text(kuni_person_fact(x, (kuni_fact)f), kuni_person_fact(y, (kuni_fact)f)));
    }
}

/* Whether a process that is forked now has the page. */
static bool child_has(void *address)
{
    int status;
    char *page = (char *)address - (uintptr_t)address % (uintptr_t)sysconf(_SC_PAGESIZE);
    pid_t child = fork();
    if (child == 0) _exit(msync(page, 1, MS_ASYNC) == 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Held as those have it who map it, with all that is known of people, whom no task sees. */
static void test_held(void **state)
{
    (void)state;
    static const char table[] =
        "participant_id\tsample_id\tsex\treads\tsite\tconsent\tcustodian\n"
        "P1\tA\tmale\ta.cram\tnorth\tHMB\tx\nP1\tB\tmale\tb.cram\tnorth\tHMB\tx\n"
        "C\tC\tfemale\tc.vcf.gz\tsouth\t\t\nD\tD\tfemale\td.cram\tsouth\tHMB\ty\n";
    for (int own = 0; own < 2; own++) {
        kuni_cohort c, held;
        kuni_error err = KUNI_ERROR_INIT;
        read_good(&c, table, NULL, NULL, 2);
        read_good(&held, table, NULL, NULL, 2);
        assert_int_equal(kuni_cohort_map_write(&c, "c.map", &err), KUNI_OK);
        assert_int_equal(kuni_cohort_hold(&held, own ? NULL : "c.map", &err), KUNI_OK);
        assert_non_null(held.map);
        assert_same_cohort(&c, &held);
        assert_same_people(&c, &held);
        assert_string_equal(held.notes, c.notes);
        assert_ptr_equal(held.people[0].facts, held.people[1].facts);
        assert_true(child_has(held.samples));
        assert_false(child_has(held.people));
        /* The address is taken: another stays as it was read. */
        assert_int_equal(kuni_cohort_hold(&c, NULL, &err), KUNI_OK);
        assert_null(c.map);
        assert_same_people(&held, &c);
        kuni_cohort_fini(&held);
        kuni_cohort_fini(&c);
    }
}

/*
 * A rank has nothing of 200,000 people for itself; a machine has them once: no more than 150 bytes each, of which it takes
 * 100 to ask for names, groups and sexes.
 */
static void test_mapped_memory(void **state)
{
    (void)state;
    enum { PEOPLE = 200000, BYTES_OWN = 2, BYTES_NAMES = 100, BYTES_SHARED = 150 };
    kuni_cohort c, m;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    struct stat st;
    bool mapped;
    assert_int_equal(kuni_buffer_printf(&text, &err, "participant_id\tsample_id\tsex\treads\n"), 0);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(
            kuni_buffer_printf(&text, &err,
                               "P%07d\tP%07d\tmale\t/archive/cohort/reads/%04d/P%07d.cram\n", i, i,
                               i / 1000, i),
            0);
    read_good(&c, text.data, NULL, NULL, 256);
    kuni_buffer_fini(&text);
    assert_int_equal(kuni_cohort_map_write(&c, "c.map", &err), KUNI_OK);
    kuni_cohort_fini(&c);
    long before = memory_kib("RssAnon"), files_before = memory_kib("RssFile");
    assert_int_equal(kuni_cohort_map(&m, "c.map", &mapped, &err), KUNI_OK);
    assert_true(mapped);
    size_t males = 0, names = 0, bytes = 0;
    for (size_t i = 0; i < m.n_samples; i++) {
        males += m.samples[i].sex == KUNI_SEX_MALE;
        names += strlen(m.samples[i].id) + (m.samples[i].group != NULL);
    }
    long asked = (memory_kib("RssFile") - files_before) * 1024 / PEOPLE;
    for (size_t i = 0; i < m.n_samples; i++) bytes += strlen(m.samples[i].reads);
    assert_int_equal(males, PEOPLE);
    assert_true(names == (size_t)PEOPLE * 8 && bytes > PEOPLE);
    assert_int_equal(stat("c.map", &st), 0);
    long own = (memory_kib("RssAnon") - before) * 1024 / PEOPLE;
    print_message("a sample: %ld bytes of a rank's own, %lld shared, of these %ld for names\n", own,
                  (long long)st.st_size / PEOPLE, asked);
    assert_true(own <= BYTES_OWN);
    assert_true(asked <= BYTES_NAMES);
    assert_true(st.st_size / PEOPLE <= BYTES_SHARED);
    kuni_cohort_fini(&m);
}

static bool nobody_returns(void *context, const kuni_sample *now, const kuni_person *known,
                           const char *batch)
{
    (void)context;
    (void)now;
    (void)known;
    (void)batch;
    return false;
}

/* Of a dataset and a manifest of the same 200,000 people: no room for as many more; 130 bytes each are held in the end. */
static void test_held_memory(void **state)
{
    (void)state;
    enum { PEOPLE = 200000, BYTES_OWN = 130, BYTES_READING = 600 };
    kuni_cohort c;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT, faults = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_buffer_printf(&text, &err, "participant_id\tsample_id\tsex\treads\n"), 0);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(
            kuni_buffer_printf(&text, &err,
                               "P%07d\tP%07d\tmale\t/archive/cohort/reads/%04d/P%07d.cram\n", i, i,
                               i / 1000, i),
            0);
    read_good(&c, text.data, NULL, NULL, 256);
    kuni_buffer_fini(&text);
    (void)mkdir("held", 0777);
    const kuni_register people = kuni_cohort_register(&c);
    assert_int_equal(kuni_register_write(&people, "held/register.tsv", &err), KUNI_OK);
    kuni_cohort_fini(&c);
    fixture_write("/proc/self/clear_refs", "5"); /* what was most is forgotten */
    long before = memory_kib("RssAnon"), most_before = memory_kib("VmHWM");
    const kuni_cohort_sources sources = {
        .manifest = "m.tsv", .dataset = "held", .batch_size = 256, .returns = nobody_returns};
    assert_int_equal(kuni_cohort_read(&c, &sources, &faults, &err), KUNI_OK);
    assert_int_equal(c.n_samples, PEOPLE);
    assert_int_equal(c.n_absent, 0);
    assert_int_equal(kuni_cohort_hold(&c, NULL, &err), KUNI_OK);
    assert_non_null(c.map);
    long own = (memory_kib("RssAnon") - before) * 1024 / PEOPLE;
    long most = (memory_kib("VmHWM") - most_before) * 1024 / PEOPLE;
    print_message("a sample: %ld bytes of rank 0's own, %ld while it is read\n", own, most);
    assert_true(own <= BYTES_OWN);
    assert_true(most <= BYTES_READING);
    kuni_cohort_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_windows_file),
        cmocka_unit_test(test_sarek),
        cmocka_unit_test(test_pedigree),
        cmocka_unit_test(test_shared_files),
        cmocka_unit_test(test_row_faults),
        cmocka_unit_test(test_folders_as_files),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_participant_with_two_sexes),
        cmocka_unit_test(test_header_faults),
        cmocka_unit_test(test_empty_manifests),
        cmocka_unit_test(test_sarek_faults),
        cmocka_unit_test(test_pedigree_faults),
        cmocka_unit_test(test_batches_go_on),
        cmocka_unit_test(test_damaged_batches),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_register_1),
        cmocka_unit_test(test_register_unchanged),
        cmocka_unit_test(test_damaged_register),
        cmocka_unit_test(test_missing_files),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_mapped_memory),
        cmocka_unit_test(test_held_memory),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
