/* SPDX-License-Identifier: MIT */
/* Columns that go through the spool come back row by row, in slices and from several files; chunks are what Blosc reads. */
#include <blosc.h>

#include "fixture.h"
#include "spool_columns.h"
#include "zarr.h"

enum { SAMPLES = 25, SLICE = 10, FIELDS = 3, ROWS = 2500 };

static const bool by_sample[FIELDS] = {false, true, true};
static const kuni_columns_shape shape = {
    .n_fields = FIELDS, .n_samples = SAMPLES, .slice = SLICE, .by_sample = by_sample};

/* Bytes of a field in a row; 0: the row does not have it. */
static uint32_t bytes_of(size_t row, size_t field)
{
    return field == 0     ? (uint32_t)(row % 7)
           : field == 1   ? 2
           : row % 3 == 0 ? 0
                          : (uint32_t)(1 + row % 5);
}

static uint8_t byte_of(size_t row, size_t field, size_t sample, size_t i)
{
    return (uint8_t)(row * 31 + field * 7 + sample * 3 + i);
}

static void write_rows(const char *groups, const char *rows, size_t from, size_t to)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_file *a, *b;
    assert_int_equal(kuni_file_create(&a, groups, &err), KUNI_OK);
    assert_int_equal(kuni_file_create(&b, rows, &err), KUNI_OK);
    kuni_columns_writer *w = kuni_columns_writer_new(&shape, a, b, &err);
    assert_non_null(w);
    for (size_t row = from; row < to; row++) {
        for (size_t f = FIELDS; f-- > 0;) { /* in any order */
            uint8_t data[SAMPLES * 8];
            uint32_t bytes = bytes_of(row, f);
            for (size_t s = 0; s < (by_sample[f] ? SAMPLES : 1); s++)
                for (size_t i = 0; i < bytes; i++) data[s * bytes + i] = byte_of(row, f, s, i);
            if (bytes)
                assert_int_equal(kuni_columns_put(w, f, (uint8_t)(f + 1), data, bytes, &err),
                                 KUNI_OK);
        }
        assert_int_equal(kuni_columns_end_row(w, &err), KUNI_OK);
    }
    assert_int_equal(kuni_columns_finish(w, &err), KUNI_OK);
    kuni_columns_writer_free(w);
    assert_int_equal(kuni_file_commit(a, &err), KUNI_OK);
    assert_int_equal(kuni_file_commit(b, &err), KUNI_OK);
}

static void expect_row(kuni_columns_reader *r, size_t row, size_t field, size_t slice)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_columns_value value;
    size_t first = slice * SLICE,
           n = by_sample[field] ? (SAMPLES - first < SLICE ? SAMPLES - first : SLICE) : 1;
    uint32_t bytes = bytes_of(row, field);
    assert_int_equal(kuni_columns_get(r, field, slice, row, &value, &err), KUNI_OK);
    assert_int_equal(value.type, bytes ? field + 1 : 0);
    assert_int_equal(value.bytes, bytes);
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(value.data[s * bytes + i], byte_of(row, field, first + s, i));
}

static void columns_come_back(void **state)
{
    (void)state;
    static char names[7][12] = {"a.groups", "b.groups", "c.groups", "a.rows",
                                "b.rows",   "c.rows",   "nothing"};
    char *groups[] = {names[0], names[1], names[2]}, *rows[] = {names[3], names[4], names[5]};
    const size_t cuts[] = {0, 1234, 1234, ROWS}; /* one has no row */
    for (size_t i = 0; i < 3; i++) write_rows(groups[i], rows[i], cuts[i], cuts[i + 1]);
    kuni_error err = KUNI_ERROR_INIT;
    kuni_columns_reader *r;
    assert_int_equal(kuni_columns_open(&r, &shape, groups, rows, 3, &err), KUNI_OK);
    assert_int_equal(kuni_columns_rows(r), ROWS);
    for (size_t f = 0; f < FIELDS; f++)
        for (size_t slice = 0; slice < (by_sample[f] ? 3 : 1); slice++)
            for (size_t row = 0; row < ROWS; row++) expect_row(r, row, f, slice);
    for (size_t i = 0; i < 300; i++)
        expect_row(r, i * 7919 % ROWS, i % FIELDS, 0); /* in no order */
    kuni_columns_close(r);
    assert_int_equal(kuni_columns_open(&r, &shape, groups, &rows[1], 1, &err), KUNI_OK);
    kuni_columns_close(r);
    char *missing[] = {names[6]};
    assert_int_equal(kuni_columns_open(&r, &shape, missing, rows, 1, &err), KUNI_IO);
}

static void chunks_are_blosc(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer scratch = KUNI_BUFFER_INIT, got = KUNI_BUFFER_INIT;
    int16_t numbers[600];
    for (size_t i = 0; i < 600; i++) numbers[i] = (int16_t)(i * 7 % 300 - 2);
    const kuni_zarr_array a = {.name = "call_PL",
                               .type = KUNI_ZARR_I2,
                               .n_dimensions = 3,
                               .shape = {20, 10, 3},
                               .chunks = {20, 10, 3},
                               .dimensions = {"variants", "samples", "genotypes"},
                               .description = "a \"quoted\" text"};
    const uint64_t place[] = {0, 2, 0};
    assert_int_equal(kuni_zarr_create("store", &a, &err), KUNI_OK);
    assert_int_equal(kuni_zarr_write("store", &a, place, numbers, sizeof(numbers), &scratch, &err),
                     KUNI_OK);
    assert_int_equal(kuni_file_get("store/call_PL/0.2.0", 1 << 20, &got, &err), KUNI_OK);
    int16_t back[600];
    assert_int_equal(blosc_decompress_ctx(got.data, back, sizeof(back), 1), sizeof(back));
    assert_memory_equal(back, numbers, sizeof(numbers));
    kuni_buffer_clear(&got);
    assert_int_equal(kuni_file_get("store/call_PL/.zarray", 1 << 20, &got, &err), KUNI_OK);
    assert_non_null(strstr(got.data, "\"shape\": [20, 10, 3]"));
    assert_non_null(strstr(got.data, "\"dtype\": \"\\u003ci2\""));
    kuni_buffer_clear(&got);
    assert_int_equal(kuni_zarr_text_start(&got, 2, &err), KUNI_OK);
    assert_int_equal(kuni_zarr_text_add(&got, "AC", 2, &err), KUNI_OK);
    assert_int_equal(kuni_zarr_text_add(&got, "", 0, &err), KUNI_OK);
    assert_int_equal(got.length, 14);
    assert_memory_equal(got.data, "\2\0\0\0\2\0\0\0AC\0\0\0\0", 14);
    kuni_buffer_clear(&scratch);
    assert_int_equal(kuni_zarr_pack(&scratch, numbers, sizeof(numbers), &err), KUNI_OK);
    assert_int_equal(kuni_zarr_unpack(&got, scratch.data, scratch.length, &err), KUNI_OK);
    assert_memory_equal(got.data, numbers, sizeof(numbers));
    assert_int_equal(kuni_zarr_unpack(&got, scratch.data, scratch.length - 1, &err), KUNI_BUG);
    kuni_buffer_fini(&scratch);
    kuni_buffer_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_back),
        cmocka_unit_test(chunks_are_blosc),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
