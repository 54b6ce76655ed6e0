/* SPDX-License-Identifier: MIT */
#include "spool_columns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zarr.h"

enum { GROUP_BYTES = 32 << 20, GROUP_ROWS = 1000, HEAD_BYTES = 5, PLACE_BYTES = 12 };

/* A field's rows of the group under way. */
typedef struct pending {
    kuni_buffer heads; /* type and bytes of each row */
    kuni_buffer data;
    bool is_put; /* in the row under way */
} pending;

struct kuni_columns_writer {
    const kuni_columns_shape *shape;
    kuni_file *groups, *index;
    pending *fields;
    size_t rows, bytes; /* of the group under way */
    kuni_buffer block, packed, places;
};

static size_t count_slices(const kuni_columns_shape *s, size_t field)
{
    return s->by_sample[field] ? (s->n_samples + s->slice - 1) / s->slice : 1;
}

kuni_columns_writer *kuni_columns_writer_new(const kuni_columns_shape *shape, kuni_file *groups,
                                             kuni_file *index, kuni_error *err)
{
    kuni_columns_writer *w = kuni_alloc(1, sizeof(*w), err);
    if (!w) return NULL;
    *w = (kuni_columns_writer){.shape = shape, .groups = groups, .index = index};
    w->fields = kuni_alloc(shape->n_fields, sizeof(*w->fields), err);
    if (w->fields) return w;
    free(w);
    return NULL;
}

void kuni_columns_writer_free(kuni_columns_writer *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->shape->n_fields; i++) {
        kuni_buffer_fini(&w->fields[i].heads);
        kuni_buffer_fini(&w->fields[i].data);
    }
    kuni_buffer_fini(&w->block);
    kuni_buffer_fini(&w->packed);
    kuni_buffer_fini(&w->places);
    free(w->fields);
    free(w);
}

kuni_status kuni_columns_put(kuni_columns_writer *w, size_t field, uint8_t type, const void *data,
                             uint32_t bytes, kuni_error *err)
{
    pending *p = &w->fields[field];
    uint8_t head[HEAD_BYTES] = {type};
    size_t all = w->shape->by_sample[field] ? (size_t)bytes * w->shape->n_samples : bytes;
    memcpy(head + 1, &bytes, 4);
    p->is_put = true;
    w->bytes += all;
    kuni_status status = kuni_buffer_append(&p->heads, head, HEAD_BYTES, err);
    return status || !all ? status : kuni_buffer_append(&p->data, data, all, err);
}

/* The rows' heads, and their data of a slice. */
static kuni_status make_block(kuni_columns_writer *w, size_t field, size_t slice, kuni_error *err)
{
    const pending *p = &w->fields[field];
    const kuni_columns_shape *s = w->shape;
    size_t first = slice * s->slice,
           n = s->n_samples - first < s->slice ? s->n_samples - first : s->slice;
    const char *at = p->data.data;
    kuni_buffer_clear(&w->block);
    kuni_status status = kuni_buffer_append(&w->block, p->heads.data, p->heads.length, err);
    for (size_t row = 0; row < w->rows && !status; row++) {
        uint32_t bytes;
        memcpy(&bytes, p->heads.data + HEAD_BYTES * row + 1, 4);
        size_t all = bytes, from = 0, length = bytes;
        if (s->by_sample[field]) {
            all *= s->n_samples;
            from = first * bytes;
            length = n * bytes;
        }
        if (length) status = kuni_buffer_append(&w->block, at + from, length, err);
        at += all;
    }
    return status;
}

static kuni_status write_block(kuni_columns_writer *w, kuni_error *err)
{
    uint64_t offset = kuni_file_size(w->groups);
    uint8_t place[PLACE_BYTES];
    kuni_buffer_clear(&w->packed);
    kuni_status status = kuni_zarr_pack(&w->packed, w->block.data, w->block.length, err);
    uint32_t length = (uint32_t)w->packed.length;
    memcpy(place, &offset, 8);
    memcpy(place + 8, &length, 4);
    if (!status) status = kuni_file_write(w->groups, w->packed.data, w->packed.length, err);
    return status ? status : kuni_file_write(w->index, place, sizeof(place), err);
}

static kuni_status write_group(kuni_columns_writer *w, kuni_error *err)
{
    uint32_t rows = (uint32_t)w->rows;
    kuni_status status = kuni_file_write(w->index, &rows, sizeof(rows), err);
    for (size_t f = 0; f < w->shape->n_fields && !status; f++) {
        size_t n = count_slices(w->shape, f);
        for (size_t slice = 0; slice < n && !status; slice++) {
            status = make_block(w, f, slice, err);
            if (!status) status = write_block(w, err);
        }
        kuni_buffer_clear(&w->fields[f].heads);
        kuni_buffer_clear(&w->fields[f].data);
    }
    w->rows = w->bytes = 0;
    return status;
}

kuni_status kuni_columns_end_row(kuni_columns_writer *w, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t f = 0; f < w->shape->n_fields && !status; f++) {
        if (!w->fields[f].is_put) status = kuni_columns_put(w, f, 0, NULL, 0, err);
        w->fields[f].is_put = false;
    }
    w->rows++;
    if (status || (w->rows < GROUP_ROWS && w->bytes < GROUP_BYTES)) return status;
    return write_group(w, err);
}

kuni_status kuni_columns_finish(kuni_columns_writer *w, kuni_error *err)
{
    return w->rows ? write_group(w, err) : KUNI_OK;
}

/* --- reading --- */

typedef struct group {
    uint64_t first; /* row */
    uint32_t rows;
    uint32_t file;
    uint64_t place; /* of its blocks' places, in the index */
} group;

struct kuni_columns_reader {
    const kuni_columns_shape *shape;
    int *groups, *indexes; /* files */
    size_t n_files;
    group *list;
    size_t n, capacity;
    uint64_t rows;
    /* the block that is unpacked */
    size_t field, slice, which;
    bool any;
    kuni_buffer packed, block;
    size_t row, at; /* in it: the next one */
};

static kuni_status read_at(int file, void *bytes, size_t n, uint64_t offset, kuni_error *err)
{
    for (char *at = bytes; n;) {
        ssize_t got = pread(file, at, n, (off_t)offset);
        if (got < 0) return kuni_fail_errno(err, "cannot read columns");
        if (got == 0) return kuni_fail(err, KUNI_IO, "columns are cut");
        at += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return KUNI_OK;
}

static size_t count_places(const kuni_columns_shape *s, size_t up_to)
{
    size_t n = 0;
    for (size_t f = 0; f < up_to; f++) n += count_slices(s, f);
    return n;
}

static kuni_status list_groups(kuni_columns_reader *r, size_t file, kuni_error *err)
{
    struct stat info;
    if (fstat(r->indexes[file], &info) != 0) return kuni_fail_errno(err, "cannot read columns");
    size_t step = 4 + PLACE_BYTES * count_places(r->shape, r->shape->n_fields);
    kuni_status status = KUNI_OK;
    for (uint64_t at = 0; at < (uint64_t)info.st_size && !status; at += step) {
        group g = {.first = r->rows, .file = (uint32_t)file, .place = at + 4};
        status = kuni_grow((void **)&r->list, &r->capacity, r->n + 1, sizeof(*r->list), err);
        if (!status) status = read_at(r->indexes[file], &g.rows, 4, at, err);
        if (status) break;
        r->list[r->n++] = g;
        r->rows += g.rows;
    }
    return status;
}

static kuni_status open_file(int *file, const char *path, kuni_error *err)
{
    *file = open(path, O_RDONLY | O_CLOEXEC);
    return *file < 0 ? kuni_fail_errno(err, "cannot read %s", path) : KUNI_OK;
}

kuni_status kuni_columns_open(kuni_columns_reader **made, const kuni_columns_shape *shape,
                              char *const *groups, char *const *indexes, size_t n, kuni_error *err)
{
    kuni_columns_reader *r = kuni_alloc(1, sizeof(*r), err);
    if (!r) return KUNI_MEMORY;
    r->shape = shape;
    r->groups = kuni_alloc(n + 1, sizeof(int), err);
    r->indexes = kuni_alloc(n + 1, sizeof(int), err);
    kuni_status status = r->groups && r->indexes ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n && !status; i++, r->n_files += !status) {
        r->groups[i] = r->indexes[i] = -1;
        status = open_file(&r->groups[i], groups[i], err);
        if (!status) status = open_file(&r->indexes[i], indexes[i], err);
        if (!status) status = list_groups(r, i, err);
    }
    if (status)
        kuni_columns_close(r);
    else
        *made = r;
    return status;
}

void kuni_columns_close(kuni_columns_reader *r)
{
    if (!r) return;
    for (size_t i = 0; r->groups && r->indexes && i < r->n_files; i++) {
        if (r->groups[i] >= 0) (void)close(r->groups[i]);
        if (r->indexes[i] >= 0) (void)close(r->indexes[i]);
    }
    free(r->groups);
    free(r->indexes);
    free(r->list);
    kuni_buffer_fini(&r->packed);
    kuni_buffer_fini(&r->block);
    free(r);
}

uint64_t kuni_columns_rows(const kuni_columns_reader *r)
{
    return r->rows;
}

static size_t find_group(const kuni_columns_reader *r, uint64_t row)
{
    size_t low = 0, high = r->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (r->list[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static kuni_status load(kuni_columns_reader *r, size_t field, size_t slice, size_t which,
                        kuni_error *err)
{
    const group *g = &r->list[which];
    uint8_t place[PLACE_BYTES];
    uint64_t offset;
    uint32_t length;
    size_t number = count_places(r->shape, field) + slice;
    r->any = false;
    kuni_status status =
        read_at(r->indexes[g->file], place, sizeof(place), g->place + PLACE_BYTES * number, err);
    if (status) return status;
    memcpy(&offset, place, 8);
    memcpy(&length, place + 8, 4);
    kuni_buffer_clear(&r->packed);
    status = kuni_buffer_reserve(&r->packed, length, err);
    if (!status) status = read_at(r->groups[g->file], r->packed.data, length, offset, err);
    if (!status) status = kuni_zarr_unpack(&r->block, r->packed.data, length, err);
    r->field = field;
    r->slice = slice;
    r->which = which;
    r->row = 0;
    r->at = HEAD_BYTES * (size_t)g->rows;
    r->any = !status;
    return status;
}

kuni_status kuni_columns_get(kuni_columns_reader *r, size_t field, size_t slice, uint64_t row,
                             kuni_columns_value *value, kuni_error *err)
{
    const kuni_columns_shape *s = r->shape;
    bool there = r->any && r->field == field && r->slice == slice &&
                 row >= r->list[r->which].first + r->row &&
                 row < r->list[r->which].first + r->list[r->which].rows;
    kuni_status status = there ? KUNI_OK : load(r, field, slice, find_group(r, row), err);
    if (status) return status;
    size_t first = slice * s->slice,
           n = s->n_samples - first < s->slice ? s->n_samples - first : s->slice;
    for (size_t in = (size_t)(row - r->list[r->which].first);; r->row++) {
        const char *head = r->block.data + HEAD_BYTES * r->row;
        value->type = (uint8_t)head[0];
        memcpy(&value->bytes, head + 1, 4);
        value->data = (const uint8_t *)r->block.data + r->at;
        if (r->row == in) return KUNI_OK;
        r->at += s->by_sample[field] ? n * value->bytes : value->bytes;
    }
}
