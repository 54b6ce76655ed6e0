/* SPDX-License-Identifier: MIT */
#include "contig_index.h"

#include <htslib/hts.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t unset = UINT64_MAX;

int contig_index_depth(int64_t longest_bp)
{
    int depth = 0;
    /* 256 bp to spare, as htslib has it: records may reach past the end. */
    for (int64_t reach = (int64_t)1 << CONTIG_INDEX_MIN_SHIFT; longest_bp + 256 > reach; depth++)
        reach <<= 3;
    return depth < CONTIG_INDEX_TBI_DEPTH ? CONTIG_INDEX_TBI_DEPTH : depth;
}

kuni_status contig_index_init(contig_index *index, int depth, kuni_error *err)
{
    *index = (contig_index){.depth = depth};
    /* Numbers of all levels' bins: 1 + 8 + 64 + ... */
    index->n_bins = (uint32_t)(((uint64_t)1 << (depth * 3 + 3)) / 7);
    index->bins = kuni_alloc(index->n_bins, sizeof(*index->bins), err);
    return index->bins ? KUNI_OK : KUNI_MEMORY;
}

void contig_index_fini(contig_index *index)
{
    for (uint32_t i = 0; i < index->n_bins && index->bins; i++) free(index->bins[i].chunks);
    free(index->bins);
    free(index->windows);
    *index = (contig_index){.bins = NULL};
}

void contig_index_clear(contig_index *index)
{
    for (uint32_t i = 0; i < index->n_bins; i++) index->bins[i].n_chunks = 0;
    index->n_windows = 0;
    index->n_records = index->beg = index->end = 0;
}

static kuni_status add_chunk(contig_index *index, uint32_t number, index_chunk chunk,
                             kuni_error *err)
{
    index_bin *bin = &index->bins[number];
    index_chunk *last = bin->n_chunks ? &bin->chunks[bin->n_chunks - 1] : NULL;
    /* One read fetches a whole block: chunks that touch in a block are one. */
    if (last && last->end >> 16 >= chunk.beg >> 16) {
        last->end = chunk.end;
        return KUNI_OK;
    }
    kuni_status status = kuni_grow((void **)&bin->chunks, &bin->capacity, bin->n_chunks + 1,
                                   sizeof(*bin->chunks), err);
    if (!status) bin->chunks[bin->n_chunks++] = chunk;
    return status;
}

static kuni_status reach_window(contig_index *index, size_t count, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&index->windows, &index->capacity, count, sizeof(*index->windows), err);
    while (!status && index->n_windows < count) index->windows[index->n_windows++] = unset;
    return status;
}

kuni_status contig_index_add(contig_index *index, int64_t pos, int64_t end, uint64_t from,
                             uint64_t to, kuni_error *err)
{
    int number = hts_reg2bin(pos, end, CONTIG_INDEX_MIN_SHIFT, index->depth);
    if (pos < 0 || end <= pos || number < 0 || (uint32_t)number >= index->n_bins)
        return kuni_fail(err, KUNI_DATA, "a record at %lld-%lld cannot be indexed",
                         (long long)pos + 1, (long long)end);
    kuni_status status =
        add_chunk(index, (uint32_t)number, (index_chunk){.beg = from, .end = to}, err);
    size_t first = (size_t)(pos >> CONTIG_INDEX_MIN_SHIFT);
    size_t last = (size_t)((end - 1) >> CONTIG_INDEX_MIN_SHIFT);
    if (!status) status = reach_window(index, last + 1, err);
    if (status) return status;
    for (size_t i = first; i <= last; i++)
        if (index->windows[i] == unset) index->windows[i] = from;
    if (index->n_records++ == 0) index->beg = from;
    index->end = to;
    return KUNI_OK;
}

/* --- as bytes --- */

static kuni_status put32(kuni_buffer *out, uint32_t value, kuni_error *err)
{
    return kuni_buffer_append(out, &value, sizeof(value), err);
}

static kuni_status put64(kuni_buffer *out, uint64_t value, kuni_error *err)
{
    return kuni_buffer_append(out, &value, sizeof(value), err);
}

static uint32_t count_bins(const contig_index *index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->n_bins; i++) count += index->bins[i].n_chunks != 0;
    return count;
}

static kuni_status put_chunks(const index_bin *bin, kuni_buffer *out, kuni_error *err)
{
    kuni_status status = put32(out, (uint32_t)bin->n_chunks, err);
    if (status) return status;
    return kuni_buffer_append(out, bin->chunks, bin->n_chunks * sizeof(*bin->chunks), err);
}

kuni_status contig_index_pack(const contig_index *index, kuni_buffer *out, kuni_error *err)
{
    size_t first = 0;
    while (first < index->n_windows && index->windows[first] == unset) first++;
    const uint64_t numbers[] = {
        (uint64_t)index->depth, index->n_records, index->beg, index->end, index->n_windows, first,
        count_bins(index)};
    kuni_status status = kuni_buffer_append(out, numbers, sizeof(numbers), err);
    if (!status && first < index->n_windows)
        status = kuni_buffer_append(out, index->windows + first,
                                    (index->n_windows - first) * sizeof(*index->windows), err);
    for (uint32_t i = 0; i < index->n_bins && !status; i++) {
        if (!index->bins[i].n_chunks) continue;
        status = put32(out, i, err);
        if (!status) status = put_chunks(&index->bins[i], out, err);
    }
    return status;
}

typedef struct source {
    const char *bytes;
    size_t length;
} source;

static bool take(source *from, void *to, size_t length)
{
    if (from->length < length) return false;
    memcpy(to, from->bytes, length);
    from->bytes += length;
    from->length -= length;
    return true;
}

static kuni_status foreign(kuni_error *err)
{
    return kuni_fail(err, KUNI_BUG, "a piece's index cannot be read");
}

static kuni_status merge_windows(contig_index *index, source *from, uint64_t first, uint64_t count,
                                 uint64_t shift, kuni_error *err)
{
    if (first > count || count - first > from->length / sizeof(uint64_t)) return foreign(err);
    kuni_status status =
        count > index->n_windows ? reach_window(index, (size_t)count, err) : KUNI_OK;
    for (uint64_t i = first; i < count && !status; i++) {
        uint64_t offset;
        if (!take(from, &offset, sizeof(offset))) return foreign(err);
        /* An earlier piece's record that overlaps the window comes first. */
        if (offset != unset && index->windows[i] == unset) index->windows[i] = offset + shift;
    }
    return status;
}

static kuni_status merge_bin(contig_index *index, source *from, uint64_t shift, kuni_error *err)
{
    uint32_t number, count;
    if (!take(from, &number, sizeof(number)) || !take(from, &count, sizeof(count)) ||
        number >= index->n_bins || count > from->length / sizeof(index_chunk))
        return foreign(err);
    kuni_status status = KUNI_OK;
    for (uint32_t i = 0; i < count && !status; i++) {
        index_chunk chunk;
        if (!take(from, &chunk, sizeof(chunk))) return foreign(err);
        chunk.beg += shift;
        chunk.end += shift;
        status = add_chunk(index, number, chunk, err);
    }
    return status;
}

kuni_status contig_index_merge(contig_index *index, const char **bytes, size_t *length,
                               uint64_t place, kuni_error *err)
{
    source from = {.bytes = *bytes, .length = *length};
    uint64_t numbers[7], shift = place << 16;
    if (!take(&from, numbers, sizeof(numbers)) || numbers[0] != (uint64_t)index->depth)
        return foreign(err);
    kuni_status status = merge_windows(index, &from, numbers[5], numbers[4], shift, err);
    for (uint64_t i = 0; i < numbers[6] && !status; i++)
        status = merge_bin(index, &from, shift, err);
    if (status) return status;
    if (numbers[1]) {
        if (!index->n_records) index->beg = numbers[2] + shift;
        index->end = numbers[3] + shift;
        index->n_records += numbers[1];
    }
    *bytes = from.bytes;
    *length = from.length;
    return KUNI_OK;
}

/* --- CSI and TBI --- */

/* A window without records of its own: what comes after begins with the next one's. */
static void fill_windows(contig_index *index)
{
    for (size_t i = index->n_windows; i-- > 1;)
        if (index->windows[i - 1] == unset) index->windows[i - 1] = index->windows[i];
}

/* The bin past the last holds the span of the file and the number of records. */
static kuni_status put_summary(const contig_index *index, bool csi, kuni_buffer *out,
                               kuni_error *err)
{
    kuni_status status = put32(out, index->n_bins + 1, err);
    if (!status && csi) status = put64(out, 0, err);
    if (!status) status = put32(out, 2, err);
    const uint64_t chunks[] = {index->beg, index->end, index->n_records, 0};
    return status ? status : kuni_buffer_append(out, chunks, sizeof(chunks), err);
}

static kuni_status put_bins(contig_index *index, bool csi, kuni_buffer *out, kuni_error *err)
{
    if (!index->n_records) return put32(out, 0, err);
    fill_windows(index);
    kuni_status status = put32(out, count_bins(index) + 1, err);
    for (uint32_t i = 0; i < index->n_bins && !status; i++) {
        if (!index->bins[i].n_chunks) continue;
        status = put32(out, i, err);
        size_t window = (size_t)hts_bin_bot((int)i, index->depth);
        if (!status && csi)
            status = put64(out, window < index->n_windows ? index->windows[window] : 0, err);
        if (!status) status = put_chunks(&index->bins[i], out, err);
    }
    return status ? status : put_summary(index, csi, out, err);
}

kuni_status contig_index_print_csi(contig_index *index, kuni_buffer *out, kuni_error *err)
{
    return put_bins(index, true, out, err);
}

kuni_status contig_index_print_tbi(contig_index *index, kuni_buffer *out, kuni_error *err)
{
    kuni_status status = put_bins(index, false, out, err);
    if (!status) status = put32(out, (uint32_t)index->n_windows, err);
    if (status) return status;
    return kuni_buffer_append(out, index->windows, index->n_windows * sizeof(*index->windows), err);
}
