/* SPDX-License-Identifier: MIT */
#include "pgen_header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRY_BYTES = 5,
    BLOCK = 1 << 16,
    MODE_VARIABLE = 0x10,
    WIDE_TYPES = 4,      /* eight bits a type, not four */
    REF_IS_REF = 1 << 6, /* no REF is provisional */
    VARIANTS_MOST = INT32_MAX - 2
};

/* The indexes, read one after another. */
typedef struct reader {
    char *const *paths; /* that are left */
    FILE *file;
    uint64_t n_left_out;
} reader;

/* What the first reading finds. */
typedef struct survey {
    uint64_t n, n_left_out;
    uint32_t longest;
    uint8_t types; /* all bits of all */
} survey;

static void put_number(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

kuni_status kuni_pgen_index_put(kuni_file *index, const kuni_pgen_entry *entry, kuni_error *err)
{
    uint8_t bytes[ENTRY_BYTES] = {entry->type};
    put_number(bytes + 1, entry->bytes, 4);
    return kuni_file_write(index, bytes, sizeof(bytes), err);
}

/* The next one, as it stands. */
static kuni_status read_entry(reader *r, kuni_pgen_entry *entry, bool *got, kuni_error *err)
{
    uint8_t bytes[ENTRY_BYTES];
    *got = false;
    while (!*got) {
        if (!r->file && !*r->paths) return KUNI_OK;
        if (!r->file) r->file = fopen(*r->paths, "rb");
        if (!r->file) return kuni_fail_errno(err, "cannot read %s", *r->paths);
        *got = fread(bytes, sizeof(bytes), 1, r->file) == 1;
        if (*got) continue;
        if (ferror(r->file)) return kuni_fail_errno(err, "cannot read %s", *r->paths);
        (void)fclose(r->file);
        r->file = NULL;
        r->paths++;
    }
    entry->type = bytes[0];
    entry->bytes = 0;
    for (int i = 0; i < 4; i++) entry->bytes |= (uint32_t)bytes[1 + i] << (8 * i);
    return KUNI_OK;
}

/* The next one that is in the file. */
static kuni_status next(reader *r, kuni_pgen_entry *entry, bool *got, kuni_error *err)
{
    kuni_status status = read_entry(r, entry, got, err);
    for (; !status && *got && !entry->bytes; r->n_left_out++)
        status = read_entry(r, entry, got, err);
    return status;
}

static kuni_status look(char *const *paths, survey *s, kuni_error *err)
{
    reader r = {.paths = paths};
    kuni_pgen_entry entry = {0};
    bool got = true;
    kuni_status status = KUNI_OK;
    while (got && !status) {
        status = next(&r, &entry, &got, err);
        if (status || !got) continue;
        s->n++;
        s->types |= entry.type;
        if (entry.bytes > s->longest) s->longest = entry.bytes;
    }
    if (r.file) (void)fclose(r.file);
    s->n_left_out = r.n_left_out;
    return status;
}

static int length_bytes(const survey *s)
{
    return s->longest < 1U << 8 ? 1 : s->longest < 1U << 16 ? 2 : s->longest < 1U << 24 ? 3 : 4;
}

static uint64_t type_bytes(const survey *s, uint64_t n)
{
    return s->types > 15 ? n : (n + 1) / 2;
}

/* Where each block's records begin. */
static kuni_status write_offsets(kuni_file *header, char *const *paths, const survey *s,
                                 kuni_error *err)
{
    reader r = {.paths = paths};
    kuni_pgen_entry entry = {0};
    uint64_t blocks = (s->n + BLOCK - 1) / BLOCK, last = s->n % BLOCK;
    uint64_t full = last ? blocks - 1 : blocks;
    uint64_t at = kuni_file_size(header) + 8 * blocks + s->n * (uint64_t)length_bytes(s) +
                  full * type_bytes(s, BLOCK) + type_bytes(s, last);
    kuni_status status = KUNI_OK;
    bool got = true;
    for (uint64_t i = 0; i < s->n && got && !status; i++) {
        uint8_t bytes[8];
        put_number(bytes, at, 8);
        if (i % BLOCK == 0) status = kuni_file_write(header, bytes, sizeof(bytes), err);
        if (!status) status = next(&r, &entry, &got, err);
        at += entry.bytes;
    }
    if (r.file) (void)fclose(r.file);
    return status;
}

static kuni_status write_block(kuni_file *header, reader *r, const survey *s, size_t n,
                               uint8_t *types, uint8_t *lengths, kuni_error *err)
{
    int bytes = length_bytes(s);
    kuni_status status = KUNI_OK;
    bool got = true;
    memset(types, 0, BLOCK);
    for (size_t i = 0; i < n && !status; i++) {
        kuni_pgen_entry entry = {0};
        status = next(r, &entry, &got, err);
        if (!status && !got) status = kuni_fail(err, KUNI_BUG, "an index of records is cut");
        if (status) break;
        if (s->types > 15)
            types[i] = entry.type;
        else
            types[i / 2] |= (uint8_t)(entry.type << 4 * (i % 2));
        put_number(lengths + (size_t)bytes * i, entry.bytes, bytes);
    }
    if (!status) status = kuni_file_write(header, types, type_bytes(s, n), err);
    if (!status) status = kuni_file_write(header, lengths, (size_t)bytes * n, err);
    return status;
}

static kuni_status write_blocks(kuni_file *header, char *const *paths, const survey *s,
                                kuni_error *err)
{
    reader r = {.paths = paths};
    uint8_t *types = kuni_alloc(BLOCK, 1, err), *lengths = kuni_alloc(BLOCK, 4, err);
    kuni_status status = types && lengths ? KUNI_OK : KUNI_MEMORY;
    for (uint64_t i = 0; i < s->n && !status; i += BLOCK)
        status = write_block(header, &r, s, s->n - i < BLOCK ? (size_t)(s->n - i) : BLOCK, types,
                             lengths, err);
    if (r.file) (void)fclose(r.file);
    free(types);
    free(lengths);
    return status;
}

kuni_status kuni_pgen_header_write(kuni_file *header, char *const *paths, uint32_t n_samples,
                                   uint64_t *n_records, uint64_t *n_left_out, kuni_error *err)
{
    survey s = {0};
    kuni_status status = look(paths, &s, err);
    *n_records = s.n;
    *n_left_out = s.n_left_out;
    if (!status && s.n > VARIANTS_MOST)
        status = kuni_fail(err, KUNI_USAGE, "%llu records: a .pgen has at most %d",
                           (unsigned long long)s.n, VARIANTS_MOST);
    if (status) return status;
    uint8_t head[12] = {0x6c, 0x1b, MODE_VARIABLE};
    put_number(head + 3, s.n, 4);
    put_number(head + 7, n_samples, 4);
    head[11] = (uint8_t)(REF_IS_REF | (s.types > 15 ? WIDE_TYPES : 0) | (length_bytes(&s) - 1));
    status = kuni_file_write(header, head, sizeof(head), err);
    if (!status) status = write_offsets(header, paths, &s, err);
    return status ? status : write_blocks(header, paths, &s, err);
}
