/* SPDX-License-Identifier: MIT */
#include "totals.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

enum { FILE_BYTES_MAX = 1 << 30, WINDOWS_WANTED = 1000, NAME_BYTES_MAX = 4096 };

static const char magic[8] = "KUNICT2";

/* The first three are not looked up. */
const uint16_t callset_frequency_edges[CALLSET_FREQUENCIES] = {
    0, 0, 0, 1, 10, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000};
const uint16_t callset_missing_edges[CALLSET_MISSING_BINS] = {0,   10,   50,   100,  200,
                                                              500, 1000, 2000, 5000, 10000};

int callset_frequency_bin(uint64_t copies, uint64_t all)
{
    if (copies < 3) return (int)copies;
    int bin = 3;
    while (bin < CALLSET_FREQUENCIES - 1 &&
           copies * CALLSET_EDGE_SCALE > all * callset_frequency_edges[bin])
        bin++;
    return bin;
}

int callset_missing_bin(uint64_t missing, uint64_t all)
{
    int bin = 0;
    while (bin < CALLSET_MISSING_BINS - 1 &&
           missing * CALLSET_EDGE_SCALE > all * callset_missing_edges[bin])
        bin++;
    return bin;
}

int64_t callset_bp(const kuni_task *task)
{
    int64_t bp = 0;
    for (size_t i = 0; i < task->n_shards; i++)
        if (task->shards[i].tid >= 0) bp += task->shards[i].end - task->shards[i].beg;
    return bp;
}

/* The least of 1, 2, 5, 10, 20, ... kb of which there are no more than are wanted. */
static int64_t window_size(int64_t bp)
{
    static const int64_t digits[] = {1, 2, 5};
    for (int64_t ten = 1000;; ten *= 10)
        for (int i = 0; i < 3; i++)
            if (bp / (digits[i] * ten) <= WINDOWS_WANTED) return digits[i] * ten;
}

/* --- trios --- */

typedef struct named {
    const char *id;
    uint32_t column;
} named;

static int by_id(const void *a, const void *b)
{
    return strcmp(((const named *)a)->id, ((const named *)b)->id);
}

static const named *find(const named *ids, size_t n, const char *id)
{
    return id && n ? bsearch(&(named){.id = id}, ids, n, sizeof(*ids), by_id) : NULL;
}

static bool has_parents(const kuni_task *task)
{
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0 && task->samples[i].father && task->samples[i].mother)
            return true;
    return false;
}

static kuni_status find_trios(callset_totals *totals, const kuni_task *task, kuni_error *err)
{
    size_t n = 0, capacity = 0;
    kuni_status status = KUNI_OK;
    if (!has_parents(task)) return KUNI_OK; /* ids of a million people are not sorted for nothing */
    named *ids = kuni_alloc(totals->n_columns + 1, sizeof(*ids), err);
    if (!ids) return KUNI_MEMORY;
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0)
            ids[n++] = (named){task->samples[i].id, (uint32_t)task->columns[i]};
    qsort(ids, n, sizeof(*ids), by_id);
    for (size_t i = 0; i < task->n_samples && !status; i++) {
        if (task->columns[i] < 0) continue;
        const named *father = find(ids, n, task->samples[i].father);
        const named *mother = find(ids, n, task->samples[i].mother);
        if (!father || !mother) continue;
        status = kuni_grow((void **)&totals->trios, &capacity, totals->n_trios + 1,
                           sizeof(*totals->trios), err);
        if (!status)
            totals->trios[totals->n_trios++] = (callset_trio){.child = (uint32_t)task->columns[i],
                                                              .father = father->column,
                                                              .mother = mother->column};
    }
    free(ids);
    return status;
}

kuni_status callset_totals_init(callset_totals *totals, const kuni_task *task, kuni_error *err)
{
    *totals = (callset_totals){.window_bp = window_size(callset_bp(task))};
    for (size_t i = 0; i < task->n_samples; i++) totals->n_columns += task->columns[i] >= 0;
    totals->columns =
        kuni_alloc((size_t)totals->n_columns * CALLSET_COLUMN_COUNTS + 1, sizeof(uint64_t), err);
    return totals->columns ? find_trios(totals, task, err) : KUNI_MEMORY;
}

void callset_totals_fini(callset_totals *totals)
{
    for (size_t i = 0; i < totals->n_filters; i++) free(totals->filters[i].name);
    free(totals->filters);
    free(totals->windows);
    free(totals->trios);
    free(totals->columns);
    *totals = (callset_totals){.n_columns = 0};
}

callset_filter *callset_totals_filter(callset_totals *totals, const char *name, kuni_error *err)
{
    for (size_t i = 0; i < totals->n_filters; i++)
        if (strcmp(totals->filters[i].name, name) == 0) return &totals->filters[i];
    if (kuni_grow((void **)&totals->filters, &totals->filters_capacity, totals->n_filters + 1,
                  sizeof(*totals->filters), err))
        return NULL;
    callset_filter *filter = &totals->filters[totals->n_filters];
    *filter = (callset_filter){.name = kuni_strdup(name, err)};
    if (!filter->name) return NULL;
    totals->n_filters++;
    return filter;
}

static callset_window *window_of(callset_totals *totals, int32_t tid, int64_t number,
                                 kuni_error *err)
{
    callset_window *last = totals->n_windows ? &totals->windows[totals->n_windows - 1] : NULL;
    if (last && last->tid == tid && last->number == number) return last;
    if (kuni_grow((void **)&totals->windows, &totals->windows_capacity, totals->n_windows + 1,
                  sizeof(*totals->windows), err))
        return NULL;
    last = &totals->windows[totals->n_windows++];
    *last = (callset_window){.tid = tid, .number = number};
    return last;
}

callset_window *callset_totals_window(callset_totals *totals, int32_t tid, int64_t pos,
                                      kuni_error *err)
{
    return window_of(totals, tid, pos / totals->window_bp, err);
}

/* --- the file: numbers of seven bits a byte, the least first --- */

static size_t spell(uint64_t value, unsigned char *bytes)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    return n;
}

static kuni_status put(kuni_buffer *out, uint64_t value, kuni_error *err)
{
    unsigned char bytes[10];
    return kuni_buffer_append(out, bytes, spell(value, bytes), err);
}

static kuni_status put_all(kuni_buffer *out, const uint64_t *values, size_t n, kuni_error *err)
{
    enum { SOME = 4096, MOST = 10 }; /* MOST: bytes of a number */
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status;) {
        size_t end = n - i < SOME ? n : i + SOME;
        status = kuni_buffer_reserve(out, (end - i) * MOST, err);
        for (; i < end && !status; i++)
            out->length += spell(values[i], (unsigned char *)out->data + out->length);
    }
    if (!status) out->data[out->length] = '\0';
    return status;
}

static kuni_status put_filters(kuni_buffer *out, const callset_totals *totals, kuni_error *err)
{
    kuni_status status = put(out, totals->n_filters, err);
    for (size_t i = 0; i < totals->n_filters && !status; i++) {
        const callset_filter *filter = &totals->filters[i];
        status = put(out, strlen(filter->name), err);
        if (!status) status = kuni_buffer_append(out, filter->name, strlen(filter->name), err);
        if (!status) status = put(out, filter->records, err);
        if (!status) status = put(out, filter->alone, err);
    }
    return status;
}

static kuni_status put_windows(kuni_buffer *out, const callset_totals *totals, kuni_error *err)
{
    kuni_status status = put(out, totals->n_windows, err);
    for (size_t i = 0; i < totals->n_windows && !status; i++) {
        const callset_window *w = &totals->windows[i];
        const uint64_t values[] = {(uint64_t)w->tid, (uint64_t)w->number, w->records, w->passed,
                                   w->counted,       w->missing,          w->het};
        status = put_all(out, values, sizeof(values) / sizeof(values[0]), err);
    }
    return status;
}

kuni_status callset_totals_write(const callset_totals *totals, const char *path, kuni_error *err)
{
    kuni_buffer out = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_append(&out, magic, sizeof(magic), err);
    if (!status) status = put(&out, totals->n_columns, err);
    if (!status) status = put(&out, totals->n_trios, err);
    if (!status) status = put_all(&out, totals->sums, CALLSET_SUMS, err);
    if (!status) status = put_filters(&out, totals, err);
    if (!status) status = put_windows(&out, totals, err);
    for (size_t i = 0; i < totals->n_trios && !status; i++)
        status = put_all(&out, totals->trios[i].counts, CALLSET_TRIO_COUNTS, err);
    if (!status)
        status =
            put_all(&out, totals->columns, (size_t)totals->n_columns * CALLSET_COLUMN_COUNTS, err);
    if (!status) status = kuni_file_put(path, out.data, out.length, err);
    kuni_buffer_fini(&out);
    return status;
}

typedef struct taking {
    const unsigned char *at, *end;
    bool wrong;
} taking;

static uint64_t take(taking *in)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char byte = *in->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return value;
    }
    in->wrong = true;
    return 0;
}

static void add_all(taking *in, uint64_t *values, size_t n)
{
    for (size_t i = 0; i < n && !in->wrong; i++) values[i] += take(in);
}

static kuni_status add_filters(callset_totals *totals, taking *in, kuni_error *err)
{
    for (uint64_t n = take(in); n && !in->wrong; n--) {
        char name[NAME_BYTES_MAX];
        uint64_t length = take(in);
        if (in->wrong || length >= sizeof(name) || length > (uint64_t)(in->end - in->at)) {
            in->wrong = true;
            break;
        }
        memcpy(name, in->at, length);
        name[length] = '\0';
        in->at += length;
        callset_filter *filter = callset_totals_filter(totals, name, err);
        if (!filter) return KUNI_MEMORY;
        filter->records += take(in);
        filter->alone += take(in);
    }
    return KUNI_OK;
}

static kuni_status add_windows(callset_totals *totals, taking *in, kuni_error *err)
{
    for (uint64_t n = take(in); n && !in->wrong; n--) {
        int32_t tid = (int32_t)take(in);
        int64_t number = (int64_t)take(in);
        callset_window *w = window_of(totals, tid, number, err);
        if (!w) return KUNI_MEMORY;
        w->records += take(in);
        w->passed += take(in);
        w->counted += take(in);
        w->missing += take(in);
        w->het += take(in);
    }
    return KUNI_OK;
}

kuni_status callset_totals_add(callset_totals *totals, const char *path, kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = kuni_file_get(path, FILE_BYTES_MAX, &bytes, err);
    if (status) return status;
    taking in = {.at = (const unsigned char *)bytes.data,
                 .end = (const unsigned char *)bytes.data + bytes.length};
    in.wrong = bytes.length < sizeof(magic) || memcmp(bytes.data, magic, sizeof(magic)) != 0;
    if (!in.wrong) {
        in.at += sizeof(magic);
        in.wrong = take(&in) != totals->n_columns || take(&in) != totals->n_trios || in.wrong;
    }
    if (!in.wrong) {
        add_all(&in, totals->sums, CALLSET_SUMS);
        status = add_filters(totals, &in, err);
        if (!status) status = add_windows(totals, &in, err);
        for (size_t i = 0; i < totals->n_trios; i++)
            add_all(&in, totals->trios[i].counts, CALLSET_TRIO_COUNTS);
        add_all(&in, totals->columns, (size_t)totals->n_columns * CALLSET_COLUMN_COUNTS);
    }
    if (!status && (in.wrong || in.at != in.end))
        status = kuni_fail(err, KUNI_DATA, "merge: %s: damaged: remove it and run again", path);
    kuni_buffer_fini(&bytes);
    return status;
}
