/* SPDX-License-Identifier: MIT */
/* The one reader of tables: lines, fields, numbers; and what is read with it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "kuni/genome.h"
#include "kuni/lines.h"

static char folder[] = "/tmp/kuni-lines-XXXXXX";

static const char *put(const char *name, const char *bytes, size_t length)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF"
                               "one\tx\r\n\ntwo\nlast";
    static const char *const expected[] = {"one\tx", "", "two", "last"};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lines lines;
    char *line;
    assert_int_equal(kuni_lines_open(&lines, put("a", text, sizeof(text) - 1), &err), KUNI_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kuni_lines_next(&lines, &line, &err), KUNI_OK);
        assert_string_equal(line, expected[i]);
        assert_int_equal(lines.number, i + 1);
    }
    assert_int_equal(kuni_lines_next(&lines, &line, &err), KUNI_OK);
    assert_null(line);
    kuni_lines_close(&lines);
}

static void fails(const char *text, size_t length, const char *word)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lines lines;
    char *line;
    assert_int_equal(kuni_lines_open(&lines, put("bad", text, length), &err), KUNI_OK);
    assert_int_equal(kuni_lines_next(&lines, &line, &err), KUNI_OK);
    assert_int_equal(kuni_lines_next(&lines, &line, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "bad:2: "));
    assert_non_null(strstr(err.text, word));
    kuni_lines_close(&lines);
}

static void test_bad_lines(void **state)
{
    (void)state;
    fails("fine\nnul\0here\n", 14, "no text");
    fails("fine\n\xff\xfe\n", 8, "UTF-8");
    size_t length = 5 + KUNI_LINE_BYTES_MAX + 1;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "fine\n", 5);
    fails(text, length, "longer");
    free(text);
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lines lines;
    assert_int_equal(kuni_lines_open(&lines, "/nonexistent/file", &err), KUNI_IO);
    kuni_lines_close(&lines);
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t n = 7;
    assert_true(kuni_text_int("0", 0, 10, &n) && n == 0);
    assert_true(kuni_text_int("-9223372036854775808", INT64_MIN, 0, &n) && n == INT64_MIN);
    assert_true(kuni_text_int("9223372036854775807", 0, INT64_MAX, &n) && n == INT64_MAX);
    static const char *const wrong[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "0x10",
                                        "1e3",
                                        "1.0",
                                        "--1",
                                        "9223372036854775808",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(kuni_text_int(wrong[i], INT64_MIN, INT64_MAX, &n));
    assert_false(kuni_text_int("11", 0, 10, &n));
    double d;
    assert_true(kuni_text_double("-1.5e-3", &d) && d == -1.5e-3);
    static const char *const not_numbers[] = {"",      "nan", "inf", "0x1p3",
                                              "1e999", "1,5", " 1",  "1 "};
    for (size_t i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++)
        assert_false(kuni_text_double(not_numbers[i], &d));
}

/* A ploidy of 4294967298 was taken for 2: sscanf wraps. An index with numbers beyond 64 bits passed. */
static void test_wrapped_numbers(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome = NULL;
    kuni_ploidy *ploidy = NULL;
    char fasta[256];
    put("r.fa.fai", "chrX\t8\t6\t8\t9\n", 13);
    snprintf(fasta, sizeof(fasta), "%s", put("r.fa", ">chrX\nACGTACGT\n", 15));
    assert_int_equal(kuni_genome_open(&genome, fasta, &err), KUNI_OK);
    static const char *const lines[] = {
        "chrX 0 4 4294967298 2\n", "chrX 0 4 1 2 3\n", "chrX 0 18446744073709551620 1 2\n",
        "chrX 4 4 1 2\n",          "chrX -1 4 1 2\n",  "chrX 0 4 1\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        kuni_error_clear(&err);
        assert_int_equal(
            kuni_ploidy_open(&ploidy, put("p.bed", lines[i], strlen(lines[i])), genome, &err),
            KUNI_DATA);
        assert_non_null(strstr(err.text, "p.bed:1: expected contig, beg, end"));
    }
    kuni_error_clear(&err);
    assert_int_equal(kuni_ploidy_open(&ploidy, put("p.bed", "chrX 0 4 1 2", 12), genome, &err),
                     KUNI_OK);
    assert_int_equal(kuni_ploidy_at(ploidy, 0, 3, KUNI_SEX_MALE, NULL), 1);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    put("r.fa.fai", "chrX\t18446744073709551624\t6\t8\t9\n", 32);
    assert_int_equal(kuni_genome_open(&genome, fasta, &err), KUNI_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_wrapped_numbers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
