/* SPDX-License-Identifier: MIT */
/* What kuni diff counts, on call sets small enough to count by hand. */
#include "fixture.h"

#include "diff.h"

/* --- call sets from texts --- */

/* Blanks become tabs; `columns` NULL: no samples. */
static void put_calls(const char *name, const char *columns, const char *format,
                      const char *records)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(
        kuni_buffer_printf(
            &text, &err,
            "##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=\"\">\n"
            "##FILTER=<ID=LowA,Description=\"\">\n##FILTER=<ID=LowB,Description=\"\">\n"
            "##contig=<ID=c1,length=1000>\n##contig=<ID=X,length=1000>\n"
            "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"\">\n"
            "##INFO=<ID=AN,Number=1,Type=Integer,Description=\"\">\n"
            "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"\">\n"
            "##FORMAT=<ID=RNC,Number=1,Type=String,Description=\"\">\n%s",
            format),
        KUNI_OK);
    size_t from = text.length;
    assert_int_equal(kuni_buffer_printf(&text, &err,
                                        "#CHROM POS ID REF ALT QUAL FILTER INFO%s%s\n%s",
                                        columns ? " FORMAT " : "", columns ? columns : "", records),
                     KUNI_OK);
    for (char *c = text.data + from; *c; c++)
        if (*c == ' ') *c = '\t';
    fixture_put(name, text.data, text.length);
    kuni_buffer_fini(&text);
}

/* W withdrew, Q is in quarantine, R came back; others are new. */
static kuni_diff_cause person(void *context, const char *sample, bool second)
{
    (void)context;
    assert_true(second == (*sample == 'N' || *sample == 'R'));
    return *sample == 'W'   ? KUNI_CAUSE_WITHDRAWAL
           : *sample == 'Q' ? KUNI_CAUSE_QUARANTINE
           : *sample == 'R' ? KUNI_CAUSE_REINSTATEMENT
                            : KUNI_CAUSE_NEW;
}

static kuni_diff_result compare(kuni_diff_between between)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_diff_result r;
    kuni_diff_request request = {.path = {"1.vcf", "2.vcf"}, .between = &between, .person = person};
    assert_int_equal(kuni_file_create(&request.list, "list.tsv", &err), KUNI_OK);
    if (kuni_diff_calls(&request, &r, &err)) fail_msg("%s", err.text);
    assert_int_equal(kuni_file_commit(request.list, &err), KUNI_OK);
    return r;
}

/* "all; cause n, cause n": of a kind. */
static void expect(const kuni_diff_result *r, kuni_diff_kind kind, const char *expected)
{
    char text[512];
    int length = snprintf(text, sizeof(text), "%lld;", (long long)r->total[kind]);
    for (int c = 0; c < KUNI_DIFF_CAUSES; c++)
        if (r->causes[kind][c])
            length +=
                snprintf(text + length, sizeof(text) - (size_t)length, " %s %lld",
                         kuni_diff_cause_name((kuni_diff_cause)c), (long long)r->causes[kind][c]);
    assert_string_equal(text, expected);
}

/* What the rows of the list add up to is what is told. */
static void expect_list(const kuni_diff_result *r)
{
    int64_t sums[KUNI_DIFF_KINDS][KUNI_DIFF_CAUSES] = {{0}};
    FILE *file = fopen("list.tsv", "re");
    char line[1024], what[64], cause[64];
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    while (fgets(line, sizeof(line), file)) {
        char *save = NULL, *fields[13] = {NULL};
        size_t n = 0;
        for (char *f = strtok_r(line, "\t\n", &save); f && n < 13;
             f = strtok_r(NULL, "\t\n", &save))
            fields[n++] = f;
        assert_int_equal(n, 13);
        snprintf(what, sizeof(what), "%s", fields[4]);
        snprintf(cause, sizeof(cause), "%s", fields[5]);
        for (int k = 0; k < KUNI_DIFF_KINDS; k++)
            for (int c = 0; c < KUNI_DIFF_CAUSES; c++)
                if (strcmp(what, kuni_diff_kind_name((kuni_diff_kind)k)) == 0 &&
                    strcmp(cause, kuni_diff_cause_name((kuni_diff_cause)c)) == 0)
                    sums[k][c] += strtol(fields[6], NULL, 10);
    }
    (void)fclose(file);
    assert_memory_equal(sums, r->causes, sizeof(sums));
}

static bool list_has(const char *row)
{
    char line[1024], wanted[256];
    bool found = false;
    FILE *file = fopen("list.tsv", "re");
    assert_non_null(file);
    snprintf(wanted, sizeof(wanted), "%s\n", row);
    for (char *c = wanted; *c; c++)
        if (*c == ' ') *c = '\t';
    while (!found && fgets(line, sizeof(line), file)) found = strcmp(line, wanted) == 0;
    (void)fclose(file);
    return found;
}

/* --- dense --- */

static void put_dense(void)
{
    put_calls("1.vcf", "A B C W Q", "",
              "c1 10 . A C 9 PASS . GT 0/1 0/0 0/0 0/1 0/0\n"
              "c1 20 . A G 9 PASS . GT 0/0 ./. 0/0 0/1 0/1\n"
              "c1 25 . T C 9 PASS . GT 0/0 0/0 0/0 ./. 1/1\n"
              "c1 30 . AT A,CT,* 9 PASS . GT 1/2 0/1 0/0 ./. 0/3\n"
              "c1 40 . G T 9 LowA . GT 0/1 0/0 ./. 0/0 0/0\n"
              "c1 50 . G T 9 PASS . GT 0/1 0/1 0/0 0/0 0/0\n"
              "X 10 . C T 9 PASS . GT:RNC 0/1:. 0:. ./.:S 0/0:. 0/0:.\n");
    put_calls("2.vcf", "C A B N", "",
              "c1 10 . A C,G 9 PASS . GT 0/0 0/1 0/0 0/2\n"
              "c1 30 . A C 9 PASS . GT 0/0 0/1 0/0 ./.\n"
              "c1 40 . G T 9 LowB;LowA . GT 0/0 0|1 ./. 0/1\n"
              "c1 50 . G T 9 PASS . GT 0/1 0/1 0/0 0/0\n"
              "X 10 . C T 9 PASS . GT:RNC 0/0:. 1:. 0:. 0/0:.\n"
              "X 20 . G A 9 PASS . GT 0/0 0/0 0/1 ./.\n");
}

static void test_dense(void **state)
{
    (void)state;
    static const char *const filters[] = {"LowB"};
    put_dense();
    kuni_diff_result r = compare((kuni_diff_between){.filters = filters, .n_filters = 1});
    assert_true(r.dense && r.samples_known);
    assert_int_equal(r.common, 3);
    assert_int_equal(r.came[KUNI_CAUSE_NEW], 1);
    assert_int_equal(r.went[KUNI_CAUSE_WITHDRAWAL], 1);
    assert_int_equal(r.went[KUNI_CAUSE_QUARANTINE], 1);
    /* 30 has two: AT>A, and AT>CT, which is A>C */
    assert_int_equal(r.sites[0], 8);
    assert_int_equal(r.sites[1], 7);
    assert_int_equal(r.sites_both, 5);
    /* calls of A, B and C: 3, 2, 3, 2 x 3, 2, 3, 2; and 2 x 3, 3, 2, 3, 3, 3 */
    assert_int_equal(r.genotypes[0], 21);
    assert_int_equal(r.genotypes[1], 20);
    assert_int_equal(r.genotypes_both, 12);
    /* W and Q: 2, 2, 1, 2 x 1, 2, 2, 2; N: 2 x 1, 0, 1, 1, 1, 0 */
    assert_int_equal(r.alone[0], 13);
    assert_int_equal(r.alone[1], 5);
    /* 10 A>G is N's; X:20 is B's, who was there before */
    expect(&r, KUNI_SITES_GAINED, "2; new 1 others 1");
    /* 20 was of W and Q, 25 of Q, AT>A of A and B, who are still there */
    expect(&r, KUNI_SITES_LOST, "3; withdrawal 1 quarantine 1 others 1");
    /* 10, 40 and 50: of A, B and C the same, so N, W and Q; 30: of Q alone, for W and N have no call; X:10
       A has one copy, and C a call */
    expect(&r, KUNI_SITES_COUNTS, "5; new 3 quarantine 1 copies 1");
    expect(&r, KUNI_SITES_FILTER, "1; filter 1");
    /* with the sites: 3 and 3; 40 C; X:10 C, who had none for the copies */
    expect(&r, KUNI_GENOTYPES_GAINED, "8; new 3 copies 1 others 4");
    /* with the sites: 2, 3 and 3; 40 B */
    expect(&r, KUNI_GENOTYPES_LOST, "9; withdrawal 2 quarantine 3 others 4");
    /* 50 B and C, whose changes make the same counts; X:10 A */
    expect(&r, KUNI_GENOTYPES_CHANGED, "3; copies 1 others 2");
    expect_list(&r);
    assert_true(list_has("c1 20 A G sites_lost withdrawal 1 PASS - 2 8 . ."));
    assert_true(list_has("c1 30 A C sites_counts quarantine 1 PASS PASS 1 8 1 6"));
    assert_true(list_has("c1 30 AT A sites_lost others 1 PASS - 2 8 . ."));
    assert_true(list_has("c1 40 G T sites_filter filter 1 LowA LowA;LowB 1 8 2 6"));
    assert_true(list_has("c1 50 G T genotypes_changed others 2 PASS PASS 2 10 2 8"));
}

/* What is seen in carriers goes before what happened; what happened has an order. */
static void test_precedence(void **state)
{
    (void)state;
    put_dense();
    kuni_diff_result r = compare((kuni_diff_between){.settings = true, .repair = true});
    expect(&r, KUNI_SITES_GAINED, "2; new 1 settings 1");
    expect(&r, KUNI_SITES_LOST, "3; withdrawal 1 quarantine 1 settings 1");
    expect(&r, KUNI_SITES_FILTER, "1; settings 1");
    expect(&r, KUNI_GENOTYPES_CHANGED, "3; copies 1 settings 2");
    r = compare((kuni_diff_between){.settings = true, .recall = true, .version = true});
    expect(&r, KUNI_SITES_GAINED, "2; new 1 recall 1");
    /* the same people: */
    put_calls("1.vcf", "A", "", "c1 10 . A C 9 PASS . GT 0/1\n");
    put_calls("2.vcf", "A", "", "c1 10 . A C 9 . . GT 1/1\nc1 11 . A C 9 PASS . GT ./.\n");
    r = compare((kuni_diff_between){.facts = true, .repair = true, .version = true});
    expect(&r, KUNI_SITES_GAINED, "1; facts 1");
    r = compare((kuni_diff_between){.repair = true, .version = true});
    expect(&r, KUNI_SITES_FILTER, "1; repair 1");
    r = compare((kuni_diff_between){.version = true});
    expect(&r, KUNI_GENOTYPES_CHANGED, "1; version 1");
    r = compare((kuni_diff_between){0});
    expect(&r, KUNI_SITES_COUNTS, "1; unknown 1");
    expect_list(&r);
}

static void test_nothing_differs(void **state)
{
    (void)state;
    static const char records[] = "c1 10 . A C 9 PASS . GT 0/1 ./.\nX 10 . A * 9 . . GT 0/1 1\n";
    put_calls("1.vcf", "A B", "", records);
    put_calls("2.vcf", "A B", "", records);
    kuni_diff_result r = compare((kuni_diff_between){0});
    for (int k = 0; k < KUNI_DIFF_KINDS; k++) expect(&r, (kuni_diff_kind)k, "0;");
    assert_int_equal(r.sites_both, 1); /* a deleted base is no site */
    assert_int_equal(r.records[0], 2);
    assert_int_equal(r.genotypes_both, 1);
    put_calls("2.vcf", "A B", "", "");
    r = compare((kuni_diff_between){.recall = true});
    expect(&r, KUNI_SITES_LOST, "1; recall 1");
    expect(&r, KUNI_GENOTYPES_LOST, "1; recall 1");
}

/* The same alleles in one record, or in one each: no difference. */
static void test_split_records(void **state)
{
    (void)state;
    put_calls("1.vcf", "A B", "", "c1 10 . ATT A,CTT,AT 9 PASS . GT 1/2 0/3\n");
    put_calls("2.vcf", "A B", "",
              "c1 10 . AT A 9 PASS . GT 0/0 0/1\nc1 10 . A C 9 PASS . GT 0/1 0/0\n"
              "c1 10 . ATT A 9 PASS . GT 0/1 0/0\n");
    kuni_diff_result r = compare((kuni_diff_between){0});
    for (int k = 0; k < KUNI_DIFF_KINDS; k++) expect(&r, (kuni_diff_kind)k, "0;");
    assert_int_equal(r.sites_both, 3);
    assert_int_equal(r.genotypes_both, 6);
}

/* --- without genotypes --- */

static void put_sites(const char *columns, const char *format)
{
    const char *one = columns ? " GT 0/1" : "";
    char text[1024];
    snprintf(text, sizeof(text), "c1 10 . A C 9 PASS AC=1;AN=8%s\nc1 20 . A C 9 PASS AC=2;AN=8%s\n",
             one, one);
    put_calls("1.vcf", columns, format, text);
    snprintf(text, sizeof(text),
             "c1 10 . A C 9 LowA AC=1;AN=10%s\nc1 30 . A C,G 9 PASS AC=1,3;AN=8%s\n", one, one);
    put_calls("2.vcf", columns, format, text);
}

static void test_sites_alone(void **state)
{
    (void)state;
    put_sites(NULL, "");
    kuni_diff_result r = compare((kuni_diff_between){.came = 1u << KUNI_CAUSE_NEW});
    assert_false(r.dense || r.samples_known);
    expect(&r, KUNI_SITES_GAINED, "2; new 2");
    expect(&r, KUNI_SITES_LOST, "1; others 1"); /* nobody went */
    expect(&r, KUNI_SITES_COUNTS, "1; new 1");
    expect(&r, KUNI_SITES_FILTER, "1; others 1");
    expect(&r, KUNI_GENOTYPES_LOST, "0;");
    expect_list(&r);
    assert_true(list_has("c1 30 A G sites_gained new 1 - PASS . . 3 8"));
    r = compare(
        (kuni_diff_between){.came = 1u << KUNI_CAUSE_NEW, .went = 1u << KUNI_CAUSE_WITHDRAWAL});
    expect(&r, KUNI_SITES_LOST, "1; withdrawal 1");
    expect(&r, KUNI_SITES_COUNTS, "1; several 1");
    r = compare((kuni_diff_between){.came = 1u << KUNI_CAUSE_NEW, .settings = true});
    expect(&r, KUNI_SITES_GAINED, "2; several 2");
    expect(&r, KUNI_SITES_LOST, "1; settings 1");
}

/* The sparse form has samples, but not a genotype of each at each site. */
static void test_sparse(void **state)
{
    (void)state;
    put_sites("A", "##FORMAT=<ID=LEN,Number=1,Type=Integer,Description=\"\">\n");
    kuni_diff_result r = compare((kuni_diff_between){.settings = true, .came = 1});
    assert_false(r.dense);
    assert_true(r.samples_known);
    assert_int_equal(r.common, 1);
    expect(&r, KUNI_SITES_GAINED, "2; settings 2"); /* the columns say that nobody came */
}

/* --- what cannot be compared --- */

static void expect_fault(kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_diff_result r;
    kuni_diff_between between = {.came = 0};
    const kuni_diff_request request = {
        .path = {"1.vcf", "2.vcf"}, .between = &between, .person = person};
    assert_int_equal(kuni_diff_calls(&request, &r, &err), expected);
    if (!strstr(err.text, words)) fail_msg("no '%s' in: %s", words, err.text);
}

static void test_faults(void **state)
{
    (void)state;
    static const char fine[] = "c1 10 . A C 9 PASS . GT 0/1\n";
    put_calls("1.vcf", "A", "", fine);
    put_calls("2.vcf", "A", "##contig=<ID=more,length=7>\n", fine);
    expect_fault(KUNI_USAGE, "two references");
    put_calls("2.vcf", "A", "", "c1 20 . A C 9 PASS . GT 0/1\nc1 10 . A C 9 PASS . GT 0/1\n");
    expect_fault(KUNI_DATA, "2.vcf: c1:10 stands behind a later position");
    put_calls("2.vcf", "A", "", "c1 10 . A C 9 PASS . GT 0/1\nc1 10 . AT CT 9 PASS . GT 0/1\n");
    expect_fault(KUNI_DATA, "stands there twice");
    put_calls("2.vcf", "A", "", "c1 10 . A C 9 PASS . GT 0/7\n");
    expect_fault(KUNI_DATA, "an allele that is not there");
    fixture_write("2.vcf", "no call set\n");
    expect_fault(KUNI_DATA, "no VCF or BCF");
    assert_int_equal(remove("2.vcf"), 0);
    expect_fault(KUNI_IO, "cannot open 2.vcf");
}

/* Sums that do not hold are a fault that is told, not a table. */
static void test_check(void **state)
{
    (void)state;
    put_dense();
    kuni_diff_result r = compare((kuni_diff_between){0}), wrong;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_diff_check(&r, &err), KUNI_OK);
    int64_t *const counters[] = {&wrong.sites[0],
                                 &wrong.sites[1],
                                 &wrong.sites_both,
                                 &wrong.genotypes[0],
                                 &wrong.genotypes[1],
                                 &wrong.genotypes_both,
                                 &wrong.total[KUNI_SITES_COUNTS],
                                 &wrong.causes[KUNI_GENOTYPES_CHANGED][KUNI_CAUSE_NEW]};
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        wrong = r;
        ++*counters[i];
        kuni_error_clear(&err);
        assert_int_equal(kuni_diff_check(&wrong, &err), KUNI_BUG);
        assert_non_null(strstr(err.text, "does not add up"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),           cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_nothing_differs), cmocka_unit_test(test_split_records),
        cmocka_unit_test(test_sites_alone),     cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_faults),          cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
