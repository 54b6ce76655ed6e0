/* SPDX-License-Identifier: MIT */
/*
 * Seeds for the fuzzers: small evidence files of various shapes, and the columns of their first
 * chunks. Usage: make_evidence_corpus FILES_FOLDER COLUMNS_FOLDER
 */
#include "evidence_cohort.h"
#include "evidence_format.h"
#include "kuni/file.h"

static const size_t n_streams[KUNI_GROUPS] = {CENSUS_STREAMS, EVENTS_STREAMS, BLOCKS_STREAMS};

/* As fuzz_evidence_columns reads it. */
static kuni_status write_columns(const char *evidence, const char *path, uint32_t n_samples,
                                 kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_evidence_reader *reader = NULL;
    kuni_stream out = {0}, raw = {0};
    kuni_codec *codec = kuni_codec_new(err);
    kuni_status status = codec ? kuni_file_get(evidence, 1u << 28, &bytes, err) : KUNI_MEMORY;
    if (!status) status = kuni_evidence_open(&reader, evidence, err);
    if (!status) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, 0, &extent);
        const uint8_t *at = (const uint8_t *)bytes.data + extent.offset;
        uint32_t sizes[KUNI_GROUPS] = {extent.census_bytes, extent.events_bytes,
                                       extent.blocks_bytes};
        kuni_put_byte(&out, (uint8_t)(n_samples ? n_samples - 1 : 0));
        for (int g = 0; !status && g < KUNI_GROUPS; at += sizes[g++]) {
            kuni_cursor cursors[EVENTS_STREAMS];
            status = kuni_unpack(codec, at, sizes[g], &raw, cursors, n_streams[g], err);
            for (size_t i = 0; !status && i < n_streams[g]; i++) {
                size_t length = (size_t)(cursors[i].end - cursors[i].at);
                kuni_put_fixed(&out, length, 2);
                kuni_put_bytes(&out, cursors[i].at, length);
            }
        }
    }
    if (!status) status = kuni_file_put(path, out.data, out.length, err);
    kuni_evidence_close(reader);
    kuni_codec_free(codec);
    kuni_stream_fini(&out);
    kuni_stream_fini(&raw);
    kuni_buffer_fini(&bytes);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) return KUNI_USAGE;
    for (uint32_t i = 0; i < 12; i++) {
        char path[4096], columns[4096];
        test_cohort cohort;
        kuni_error err = KUNI_ERROR_INIT;
        snprintf(path, sizeof(path), "%s/seed%u", argv[1], i);
        snprintf(columns, sizeof(columns), "%s/seed%u", argv[2], i);
        kuni_span shard = {.tid = 0, .beg = 65536 - 100 * (i % 3), .end = 65536 + 60 + 300 * i};
        if (i % 2) shard.beg = 65536;
        test_cohort_make(&cohort, shard, i % 5, 30 + 40 * (i % 4), i % 4, i);
        kuni_status status = test_cohort_write(&cohort, path, NULL, &err);
        if (!status) status = write_columns(path, columns, i % 5, &err);
        test_cohort_fini(&cohort);
        if (status) {
            fprintf(stderr, "%s\n", err.text);
            return status;
        }
    }
    return KUNI_OK;
}
