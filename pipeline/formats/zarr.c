/* SPDX-License-Identifier: MIT */
#include "zarr.h"

#include <blosc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/json.h"

enum { LEVEL = 7, QUICK_LEVEL = 1 };

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [KUNI_ZARR_BOOL] = {"|b1", 1}, [KUNI_ZARR_I1] = {"|i1", 1},  [KUNI_ZARR_I2] = {"<i2", 2},
    [KUNI_ZARR_I4] = {"<i4", 4},   [KUNI_ZARR_I8] = {"<i8", 8},  [KUNI_ZARR_F4] = {"<f4", 4},
    [KUNI_ZARR_U1] = {"<U1", 4},   [KUNI_ZARR_TEXT] = {"|O", 0},
};

size_t kuni_zarr_value_bytes(kuni_zarr_type type)
{
    return types[type].bytes;
}

/* Starts STORE/NAME/FILE. */
static kuni_status start(const char *store, const char *name, const char *file, kuni_file **out,
                         kuni_error *err)
{
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&path, err, "%s/%s/%s", store, name, file);
    if (!status) status = kuni_file_create(out, path.data, err);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status finish(kuni_json *json, kuni_file *file, kuni_error *err)
{
    kuni_status status = kuni_json_finish(json);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static void put_compressor(kuni_json *json, const kuni_zarr_array *a)
{
    kuni_json_object(json, "compressor", KUNI_JSON_LINES);
    kuni_json_text(json, "id", "blosc");
    kuni_json_text(json, "cname", "zstd");
    kuni_json_int(json, "clevel", LEVEL);
    kuni_json_int(json, "shuffle", a->bits ? BLOSC_BITSHUFFLE : BLOSC_SHUFFLE);
    kuni_json_int(json, "blocksize", 0);
    kuni_json_end(json);
}

static void put_filters(kuni_json *json, const kuni_zarr_array *a)
{
    if (a->type != KUNI_ZARR_TEXT) {
        kuni_json_null(json, "filters");
        return;
    }
    kuni_json_array(json, "filters", KUNI_JSON_INLINE);
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_text(json, "id", "vlen-utf8");
    kuni_json_end(json);
    kuni_json_end(json);
}

static void put_fill(kuni_json *json, const kuni_zarr_array *a)
{
    if (a->fill == KUNI_ZARR_FILL_ZERO)
        kuni_json_int(json, "fill_value", 0);
    else if (a->fill == KUNI_ZARR_FILL_EMPTY)
        kuni_json_text(json, "fill_value", "");
    else
        kuni_json_null(json, "fill_value");
}

static kuni_status write_shape(const char *store, const kuni_zarr_array *a, kuni_error *err)
{
    kuni_file *file;
    kuni_json json;
    kuni_status status = start(store, a->name, ".zarray", &file, err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, err);
    kuni_json_object(&json, NULL, KUNI_JSON_LINES);
    kuni_json_array(&json, "shape", KUNI_JSON_INLINE);
    for (int i = 0; i < a->n_dimensions; i++) kuni_json_uint(&json, NULL, a->shape[i]);
    kuni_json_end(&json);
    kuni_json_array(&json, "chunks", KUNI_JSON_INLINE);
    for (int i = 0; i < a->n_dimensions; i++) kuni_json_uint(&json, NULL, a->chunks[i]);
    kuni_json_end(&json);
    kuni_json_text(&json, "dtype", types[a->type].name);
    put_fill(&json, a);
    kuni_json_text(&json, "order", "C");
    put_filters(&json, a);
    kuni_json_text(&json, "dimension_separator", ".");
    put_compressor(&json, a);
    kuni_json_int(&json, "zarr_format", 2);
    kuni_json_end(&json);
    return finish(&json, file, err);
}

static kuni_status write_attributes(const char *store, const kuni_zarr_array *a, kuni_error *err)
{
    kuni_file *file;
    kuni_json json;
    kuni_status status = start(store, a->name, ".zattrs", &file, err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, err);
    kuni_json_object(&json, NULL, KUNI_JSON_LINES);
    kuni_json_array(&json, "_ARRAY_DIMENSIONS", KUNI_JSON_INLINE);
    for (int i = 0; i < a->n_dimensions; i++) kuni_json_text(&json, NULL, a->dimensions[i]);
    kuni_json_end(&json);
    if (a->description) kuni_json_text(&json, "description", a->description);
    kuni_json_end(&json);
    return finish(&json, file, err);
}

kuni_status kuni_zarr_create(const char *store, const kuni_zarr_array *a, kuni_error *err)
{
    char *folder = kuni_path_join(store, a->name, err);
    kuni_status status = folder ? kuni_make_folders(folder, err) : KUNI_MEMORY;
    free(folder);
    if (!status) status = write_shape(store, a, err);
    return status ? status : write_attributes(store, a, err);
}

/* --- chunks --- */

static kuni_status compress(kuni_buffer *out, const void *bytes, size_t n, int level, int shuffle,
                            size_t value_bytes, const char *by, kuni_error *err)
{
    if (n > BLOSC_MAX_BUFFERSIZE)
        return kuni_fail(err, KUNI_USAGE, "a chunk of %zu bytes: Blosc takes 2 GiB at most", n);
    kuni_status status = kuni_buffer_reserve(out, n + BLOSC_MAX_OVERHEAD, err);
    if (status) return status;
    int packed = blosc_compress_ctx(level, shuffle, value_bytes, n, bytes, out->data + out->length,
                                    n + BLOSC_MAX_OVERHEAD, by, 0, 1);
    if (packed <= 0) return kuni_fail(err, KUNI_BUG, "Blosc gives %d for %zu bytes", packed, n);
    out->length += (size_t)packed;
    return KUNI_OK;
}

static kuni_status write_bytes(const char *path, const kuni_buffer *bytes, kuni_error *err)
{
    FILE *file = fopen(path, "wb");
    if (!file) return kuni_fail_errno(err, "cannot write %s", path);
    bool well = fwrite(bytes->data, 1, bytes->length, file) == bytes->length;
    if (fclose(file) != 0 || !well) return kuni_fail_errno(err, "cannot write %s", path);
    return KUNI_OK;
}

kuni_status kuni_zarr_write(const char *store, const kuni_zarr_array *a, const uint64_t *place,
                            const void *bytes, size_t n, kuni_buffer *scratch, kuni_error *err)
{
    size_t value_bytes = types[a->type].bytes ? types[a->type].bytes : 1;
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_buffer_clear(scratch);
    kuni_status status =
        compress(scratch, bytes, n, LEVEL, a->bits ? BLOSC_BITSHUFFLE : BLOSC_SHUFFLE, value_bytes,
                 "zstd", err);
    if (!status) status = kuni_buffer_printf(&path, err, "%s/%s", store, a->name);
    for (int i = 0; i < a->n_dimensions && !status; i++)
        status = kuni_buffer_printf(&path, err, "%c%" PRIu64, i ? '.' : '/', place[i]);
    if (!status) status = write_bytes(path.data, scratch, err);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status put_number(kuni_buffer *out, uint32_t n, kuni_error *err)
{
    uint8_t bytes[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    return kuni_buffer_append(out, bytes, sizeof(bytes), err);
}

kuni_status kuni_zarr_text_start(kuni_buffer *chunk, uint64_t n, kuni_error *err)
{
    kuni_buffer_clear(chunk);
    return put_number(chunk, (uint32_t)n, err);
}

kuni_status kuni_zarr_text_add(kuni_buffer *chunk, const char *text, size_t length, kuni_error *err)
{
    kuni_status status = put_number(chunk, (uint32_t)length, err);
    return status || !length ? status : kuni_buffer_append(chunk, text, length, err);
}

kuni_status kuni_zarr_pack(kuni_buffer *out, const void *bytes, size_t n, kuni_error *err)
{
    return compress(out, bytes, n, QUICK_LEVEL, BLOSC_NOSHUFFLE, 1, "lz4", err);
}

kuni_status kuni_zarr_unpack(kuni_buffer *out, const void *packed, size_t n, kuni_error *err)
{
    size_t length;
    kuni_buffer_clear(out);
    if (blosc_cbuffer_validate(packed, n, &length) < 0)
        return kuni_fail(err, KUNI_BUG, "packed bytes are damaged");
    kuni_status status = kuni_buffer_reserve(out, length, err);
    if (status) return status;
    if (blosc_decompress_ctx(packed, out->data, length, 1) != (int)length)
        return kuni_fail(err, KUNI_BUG, "packed bytes are damaged");
    out->length = length;
    return KUNI_OK;
}
