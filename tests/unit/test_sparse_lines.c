/* SPDX-License-Identifier: MIT */
/* Lines of a sparse call set: the first of a part tells of everybody; damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sparse_lines.h"

#define HEAD(POS, ALT, INFO) "c\t" POS "\t.\tA\t" ALT ",<*>\t9\tPASS\t" INFO "\t"

static kuni_sparse_blocks *make(uint32_t n)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_sparse_blocks *blocks = NULL;
    assert_int_equal(kuni_sparse_blocks_new(&blocks, n, &err), KUNI_OK);
    return blocks;
}

static void pass(kuni_sparse_blocks *blocks, const char *line)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_sparse_blocks_pass(blocks, line, &err)) fail_msg("%s", err.text);
}

static void expect(const kuni_sparse_blocks *blocks, const char *line, const char *wanted)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer out = KUNI_BUFFER_INIT;
    if (kuni_sparse_blocks_tell(blocks, line, &out, &err)) fail_msg("%s", err.text);
    assert_string_equal(out.data, wanted);
    kuni_buffer_fini(&out);
}

static void test_blocks(void **state)
{
    (void)state;
    kuni_sparse_blocks *b = make(5);
    pass(b, HEAD("101", "C", "AC=1") "GT:LAA:LEN:GQ:DP:RNC\t0/0:2:100:20:10\t./.:2:50:.:.:D\t0/"
                                     "0:2:30\t0/1:1:.:9:8\t0:2:60:1");
    pass(b, HEAD("111", "C", "AC=1") "GT:LAA:LEN:GQ:DP\t.\t.\t0/0:2:40:1:1\t0/0:2:9:1\t.");
    pass(b,
         HEAD("120", "C", "AC=1") "GT:LAA:GQ:DP:LAD:LPL:PS\t.\t.\t.\t0|1:1:7:6:1,2:3,0,4:100\t.");
    /* LEN and RNC come in; the fourth is told of anyhow; LAA is the number of <*> here. */
    expect(
        b,
        HEAD("121", "C,G", "AC=1,2") "GT:LAA:GQ:DP:LAD:LPL:PS\t.\t.\t.\t0|1:1:7:6:1,2:3,0,4:100\t.",
        HEAD("121", "C,G", "AC=1,2;END=200") "GT:LAA:LEN:GQ:DP:RNC:LAD:LPL:PS\t0/0:3:80:20:10\t./"
                                             ".:3:30:.:.:D\t0/0:3:30:1:1"
                                             "\t0|1:1:.:7:6:.:1,2:3,0,4:100\t0:3:40:1\n");
    /* END that reaches further stays; it is the last. */
    expect(
        b,
        HEAD("121", "C", "END=300;X=1") "GT:LAA:LEN:GQ:DP:RNC\t.\t0/0:2:180\t.\t./.:.:.:.:.:L\t.",
        HEAD("121", "C", "X=1;END=300") "GT:LAA:LEN:GQ:DP:RNC\t0/0:2:80:20:10\t0/0:2:180\t0/"
                                        "0:2:30:1:1\t./.:.:.:.:.:L\t0:2:40:1\n");
    kuni_sparse_blocks_clear(b);
    expect(b, HEAD("200", "C", "X=1") "GT:LAA:GQ\t0/1:1\t0/1:1\t0/1:1\t0/1:1\t.:.:3",
           HEAD("200", "C", "X=1") "GT:LAA:GQ\t0/1:1\t0/1:1\t0/1:1\t0/1:1\t.:.:3\n");
    kuni_sparse_blocks_free(b);
}

static void test_many(void **state)
{
    (void)state;
    enum { N = 100 };
    kuni_sparse_blocks *b = make(N);
    char first[4096] = HEAD("11", "C", "X") "GT:LAA:LEN",
         later[4096] = HEAD("12", "C", "X") "GT:LAA:LEN";
    char wanted[4096] = HEAD("12", "C", "X;END=110") "GT:LAA:LEN";
    for (int i = 0; i < N; i++) {
        (void)snprintf(first + strlen(first), 64, "\t0/0:2:%d", i + 1);
        (void)snprintf(later + strlen(later), 64, i % 37 && i ? "\t." : "\t0/0:2:5");
        (void)snprintf(wanted + strlen(wanted), 64, "\t0/0:2:%d", i % 37 && i ? i : 5);
    }
    pass(b, first);
    strcat(wanted, "\n");
    expect(b, later, wanted);
    kuni_sparse_blocks_free(b);
}

static void test_end(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer out = KUNI_BUFFER_INIT;
    const char *line = HEAD("5", "C", "AC=1;END=70;NEW=3;BEND=8") "GT:LAA\t.";
    assert_false(kuni_sparse_line_ends_well(line));
    assert_true(kuni_sparse_line_ends_well(HEAD("5", "C", "AC=1;END=70") "GT:LAA\t."));
    assert_true(kuni_sparse_line_ends_well(HEAD("5", "C", "AC=1") "GT:LAA\t."));
    assert_int_equal(kuni_sparse_line_put_end_last(line, &out, &err), KUNI_OK);
    assert_string_equal(out.data, HEAD("5", "C", "AC=1;NEW=3;BEND=8;END=70") "GT:LAA\t.\n");
    kuni_buffer_fini(&out);
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "c",
                                        "c\tx",
                                        "c\t5\t.\tA\tC\t9\tPASS\tX\tGT:LAA",
                                        HEAD("5", "C", "X") "GT\t.\t.",
                                        HEAD("5", "C", "X") "GT:LAA:NEW\t.\t.",
                                        HEAD("5", "C", "X") "GT:LAA:LEN:LEN\t.\t.",
                                        HEAD("5", "C", "X") "GT:LAA\t.",
                                        HEAD("5", "C", "X") "GT:LAA\t.\t.\t.",
                                        HEAD("5", "C", "X") "GT:LAA\t.\t..",
                                        HEAD("5", "C", "X") "GT:LAA\t.\t"};
    static const char *const cells[] = {
        HEAD("5", "C", "X") "GT:LAA:LEN\t.\t0/0:2:x",
        HEAD("5", "C", "X") "GT:LAA:LEN\t.\t0/0:2:5:6",
        HEAD("5", "C", "X") "GT:LAA:LEN\t.\t0/0/0:2:5",
        HEAD("2000000000", "C", "X") "GT:LAA:LEN\t.\t0/0:2:2147483647"};
    kuni_sparse_blocks *b = make(2);
    kuni_buffer out = KUNI_BUFFER_INIT;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        kuni_error err = KUNI_ERROR_INIT;
        if (i != 9 && i != 10 && kuni_sparse_blocks_pass(b, lines[i], &err) == KUNI_OK &&
            strlen(lines[i]) < 60)
            fail_msg("passed over: %s", lines[i]);
        err = (kuni_error)KUNI_ERROR_INIT;
        if (kuni_sparse_blocks_tell(b, lines[i], &out, &err) != KUNI_DATA)
            fail_msg("told: %s", lines[i]);
    }
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        kuni_error err = KUNI_ERROR_INIT;
        if (kuni_sparse_blocks_pass(b, cells[i], &err) != KUNI_DATA)
            fail_msg("passed over: %s", cells[i]);
    }
    kuni_buffer_fini(&out);
    kuni_sparse_blocks_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_end), cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
