/* SPDX-License-Identifier: MIT */
/* Records as chunks of VCF Zarr, where samples take several slices: what stands where, and what stands beyond the end. */
#include <blosc.h>
#include <htslib/vcf.h>
#include <sys/stat.h>

#include "fixture.h"
#include "zarr_store.h"

enum { SAMPLES = 25, SLICE = 10, ROWS = 1003, COPIES = 2 };

/* Genotypes by chance of the numbers: alleles 0 to 2, some missing, some single copies (-2). */
static void genotype_of(size_t row, size_t sample, int alleles[2])
{
    size_t x = row * 7 + sample * 5;
    alleles[0] = (int)(x % 4) - 1;
    alleles[1] = x % 11 == 0 ? -2 : alleles[0] < 0 ? -1 : (int)(x % 3);
}

static int32_t depth_of(size_t row, size_t sample)
{
    return row == 500 && sample == 24 ? 300 : (int32_t)((row + sample) % 100);
}

static bcf_hdr_t *make_header(void)
{
    bcf_hdr_t *header = bcf_hdr_init("w");
    assert_int_equal(bcf_hdr_append(header, "##contig=<ID=chr1,length=100000>"), 0);
    assert_int_equal(
        bcf_hdr_append(header, "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"x\">"), 0);
    assert_int_equal(
        bcf_hdr_append(header, "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">"), 0);
    assert_int_equal(
        bcf_hdr_append(header, "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"x\">"), 0);
    assert_int_equal(
        bcf_hdr_append(header, "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"x\">"), 0);
    for (int i = 0; i < SAMPLES; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "S%d", i);
        assert_int_equal(bcf_hdr_add_sample(header, name), 0);
    }
    assert_int_equal(bcf_hdr_sync(header), 0);
    return header;
}

static void fill_record(const bcf_hdr_t *header, bcf1_t *record, size_t row)
{
    int32_t gt[SAMPLES * COPIES], dp[SAMPLES], ac[2] = {(int32_t)row, 7};
    bcf_clear(record);
    record->rid = 0;
    record->pos = (hts_pos_t)(10 * row);
    assert_int_equal(bcf_update_id(header, record, "."), 0);
    assert_int_equal(bcf_update_alleles_str(header, record, row % 2 ? "A,C" : "AT,C,G"), 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        int alleles[2];
        genotype_of(row, i, alleles);
        gt[2 * i] = alleles[0] < 0 ? bcf_gt_missing : bcf_gt_unphased(alleles[0]);
        gt[2 * i + 1] = alleles[1] == -2   ? bcf_int32_vector_end
                        : alleles[1] == -1 ? bcf_gt_missing
                                           : bcf_gt_phased(alleles[1]);
        dp[i] = depth_of(row, i);
    }
    assert_int_equal(bcf_update_info_int32(header, record, "AC", ac, row % 2 ? 1 : 2), 0);
    assert_int_equal(bcf_update_genotypes(header, record, gt, SAMPLES * COPIES), 0);
    assert_int_equal(bcf_update_format_int32(header, record, "DP", dp, SAMPLES), 0);
}

static void write_columns(kuni_zarr_fields *fields)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_file *groups, *rows;
    bcf1_t *record = bcf_init();
    assert_int_equal(kuni_file_create(&groups, "groups", &err), KUNI_OK);
    assert_int_equal(kuni_file_create(&rows, "rows", &err), KUNI_OK);
    kuni_columns_writer *w = kuni_columns_writer_new(&fields->shape, groups, rows, &err);
    for (size_t row = 0; row < ROWS; row++) {
        fill_record(fields->header, record, row);
        assert_int_equal(kuni_zarr_fields_put(fields, w, record, &err), KUNI_OK);
    }
    assert_int_equal(kuni_columns_finish(w, &err), KUNI_OK);
    kuni_columns_writer_free(w);
    assert_int_equal(kuni_file_commit(groups, &err), KUNI_OK);
    assert_int_equal(kuni_file_commit(rows, &err), KUNI_OK);
    bcf_destroy(record);
}

/* A chunk as it is unpacked: `bytes` of it. */
static void read_chunk(const char *path, void *chunk, size_t bytes)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer got = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_file_get(path, 1 << 24, &got, &err), KUNI_OK);
    assert_int_equal(blosc_decompress_ctx(got.data, chunk, bytes, 1), bytes);
    kuni_buffer_fini(&got);
}

static void expect_chunk(uint64_t chunk, uint64_t slice)
{
    static int8_t gt[1000][SLICE][COPIES];
    static uint8_t mask[1000][SLICE][COPIES], phased[1000][SLICE];
    static int16_t dp[1000][SLICE];
    char path[64];
    (void)snprintf(path, sizeof(path), "store/call_genotype/%d.%d.0", (int)chunk, (int)slice);
    read_chunk(path, gt, sizeof(gt));
    (void)snprintf(path, sizeof(path), "store/call_genotype_mask/%d.%d.0", (int)chunk, (int)slice);
    read_chunk(path, mask, sizeof(mask));
    (void)snprintf(path, sizeof(path), "store/call_genotype_phased/%d.%d", (int)chunk, (int)slice);
    read_chunk(path, phased, sizeof(phased));
    (void)snprintf(path, sizeof(path), "store/call_DP/%d.%d", (int)chunk, (int)slice);
    read_chunk(path, dp, sizeof(dp)); /* two bytes: one of all is 300 */
    for (size_t i = 0; i < 1000; i++)
        for (size_t k = 0; k < SLICE; k++) {
            size_t row = 1000 * chunk + i, sample = SLICE * slice + k;
            int alleles[2] = {0};
            bool there = row < ROWS && sample < SAMPLES;
            if (there) genotype_of(row, sample, alleles);
            assert_int_equal(gt[i][k][0], alleles[0]);
            assert_int_equal(gt[i][k][1], alleles[1]);
            assert_int_equal(mask[i][k][0], alleles[0] < 0);
            assert_int_equal(mask[i][k][1], alleles[1] < 0);
            assert_int_equal(phased[i][k], there && alleles[1] != -1);
            assert_int_equal(dp[i][k], there ? depth_of(row, sample) : 0);
        }
}

static void slices_of_samples(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_zarr_fields fields;
    kuni_columns_reader *reader;
    kuni_zarr_store *store;
    char names[2][8] = {"groups", "rows"};
    char *groups[] = {names[0]}, *rows[] = {names[1]};
    assert_int_equal(kuni_zarr_fields_init(&fields, make_header(), SLICE, &err), KUNI_OK);
    write_columns(&fields);
    assert_int_equal(kuni_columns_open(&reader, &fields.shape, groups, rows, 1, &err), KUNI_OK);
    assert_int_equal(kuni_zarr_store_open(&store, "store", &fields, reader, &err), KUNI_OK);
    assert_int_equal(kuni_zarr_store_chunks(store), 2);
    assert_int_equal(mkdir("store", 0700), 0);
    assert_int_equal(kuni_zarr_store_describe(store, "test", &err), KUNI_OK);
    for (uint64_t chunk = 2; chunk-- > 0;)
        assert_int_equal(kuni_zarr_store_write(store, chunk, &err), KUNI_OK);
    for (uint64_t chunk = 0; chunk < 2; chunk++)
        for (uint64_t slice = 0; slice < 3; slice++) expect_chunk(chunk, slice);
    static int16_t ac[1000][2];
    read_chunk("store/variant_AC/0.0", ac, sizeof(ac));
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(ac[i][0], i);
        assert_int_equal(ac[i][1], i % 2 ? -2 : 7); /* no second ALT */
    }
    assert_int_equal(access("store/call_PL", F_OK), -1); /* no record has it */
    assert_int_equal(kuni_zarr_store_index(store, &err), KUNI_OK);
    int32_t index[2][6];
    read_chunk("store/region_index/0.0", index, sizeof(index));
    const int32_t expected[2][6] = {{0, 0, 1, 9991, 9991, 1000}, {1, 0, 10001, 10021, 10022, 3}};
    assert_memory_equal(index, expected, sizeof(index));
    kuni_zarr_store_close(store);
    kuni_columns_close(reader);
    kuni_zarr_fields_fini(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slices_of_samples)};
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
