/* SPDX-License-Identifier: MIT */
#include "sparse_lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sparse_text.h"

enum { CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT, COLUMNS };
/* In the order in which FORMAT has them. */
enum { GT, LAA, LEN, GQ, DP, RNC, LAD, LPL, PS, FIELDS };
enum { GENOTYPE_MAX = 4, CELL_MAX = 80, UNKNOWN = -1, NUMBER_MAX = 1 << 30 };

static const char *const field_names[FIELDS] = {"GT",  "LAA", "LEN", "GQ", "DP",
                                                "RNC", "LAD", "LPL", "PS"};

/* A block that a sample is in. */
typedef struct block {
    int32_t end; /* 0: it is in none */
    int32_t depth;
    int16_t quality; /* UNKNOWN: not told, likewise depth */
    char reason;     /* RNC; '.': none */
    uint8_t genotype_chars;
    char genotype[GENOTYPE_MAX];
} block;

struct kuni_sparse_blocks {
    uint32_t n_columns;
    block *blocks;
};

/* The line's columns up to FORMAT, and what FORMAT has. */
typedef struct layout {
    const char
        *at[COLUMNS + 1]; /* where columns begin; the last: the tab before the first sample */
    int n_fields, fields[FIELDS]; /* what stands at each place */
    int place[FIELDS];            /* UNKNOWN: the record has none */
} layout;

kuni_status kuni_sparse_blocks_new(kuni_sparse_blocks **made, uint32_t n_columns, kuni_error *err)
{
    kuni_sparse_blocks *b = kuni_alloc(1, sizeof(*b), err);
    if (!b) return KUNI_MEMORY;
    b->n_columns = n_columns;
    b->blocks = kuni_alloc((size_t)n_columns + 1, sizeof(*b->blocks), err);
    if (!b->blocks) {
        kuni_sparse_blocks_free(b);
        return KUNI_MEMORY;
    }
    *made = b;
    return KUNI_OK;
}

void kuni_sparse_blocks_free(kuni_sparse_blocks *b)
{
    if (!b) return;
    free(b->blocks);
    free(b);
}

void kuni_sparse_blocks_clear(kuni_sparse_blocks *b)
{
    memset(b->blocks, 0, b->n_columns * sizeof(*b->blocks));
}

/* --- what is read --- */

int64_t kuni_sparse_line_pos(const char *line)
{
    const char *tab = strchr(line, '\t');
    int64_t pos = 0;
    if (!tab) return -1;
    for (tab++; *tab >= '0' && *tab <= '9' && pos <= INT32_MAX; tab++)
        pos = pos * 10 + (*tab - '0');
    return *tab == '\t' ? pos - 1 : -1;
}

static kuni_status wrong(const char *line, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA,
                     "the record at position %" PRId64 " is none of a sparse call set",
                     kuni_sparse_line_pos(line) + 1);
}

static bool read_format(layout *l)
{
    const char *at = l->at[FORMAT];
    for (int f = 0; f < FIELDS; f++) l->place[f] = UNKNOWN;
    for (;;) {
        size_t n = strcspn(at, ":\t");
        int f = l->n_fields ? l->fields[l->n_fields - 1] + 1 : 0;
        while (f < FIELDS && (strlen(field_names[f]) != n || memcmp(at, field_names[f], n) != 0))
            f++;
        if (f == FIELDS) return false;
        l->place[f] = l->n_fields;
        l->fields[l->n_fields++] = f;
        at += n;
        if (*at != ':') break;
        at++;
    }
    l->at[COLUMNS] = at;
    return l->place[GT] == 0 && l->place[LAA] == 1;
}

static bool read_head(layout *l, const char *line)
{
    *l = (layout){.n_fields = 0};
    l->at[CHROM] = line;
    for (int i = 1; i < COLUMNS; i++) {
        const char *tab = strchr(l->at[i - 1], '\t');
        if (!tab) return false;
        l->at[i] = tab + 1;
    }
    return read_format(l);
}

/* Past columns that are not told of. NULL where this is the end of neither column nor line. */
static const char *skip_dots(const char *at, const char *end, uint32_t *column)
{
    at = sparse_skip_dots(at, end, column);
    return *at == '\t' || !*at ? at : NULL;
}

static const char *read_number(const char *at, int32_t *value)
{
    *value = UNKNOWN;
    if (*at == '.') return at + 1;
    if (*at < '0' || *at > '9') return NULL;
    int32_t n = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        n = n < NUMBER_MAX / 10 ? n * 10 + (*at - '0') : NUMBER_MAX;
    *value = n;
    return at;
}

/* One cell, at its genotype: what block begins in it, if any; gives where it ends, NULL where it is none. */
static const char *read_cell(const layout *l, int64_t pos, const char *at, block *told)
{
    size_t n = strcspn(at, ":\t");
    int32_t length = UNKNOWN, value;
    *told = (block){.end = 0, .depth = UNKNOWN, .quality = UNKNOWN, .reason = '.'};
    if (n <= GENOTYPE_MAX) memcpy(told->genotype, at, n);
    told->genotype_chars = n <= GENOTYPE_MAX ? (uint8_t)n : 0;
    at += n;
    for (int i = 1; *at == ':'; i++) {
        if (i == l->n_fields) return NULL;
        const char *next = ++at;
        next += strcspn(at, ":\t");
        int field = l->fields[i];
        if (field == RNC && next == at + 1) told->reason = *at;
        if (field == LEN || field == GQ || field == DP) {
            if (read_number(at, &value) != next) return NULL;
            if (field == LEN) length = value;
            if (field == GQ) told->quality = value > INT16_MAX ? INT16_MAX : (int16_t)value;
            if (field == DP) told->depth = value;
        }
        at = next;
    }
    if (length <= 0) return at;
    if (!told->genotype_chars || pos + length > INT32_MAX) return NULL;
    told->end = (int32_t)(pos + length);
    return at;
}

kuni_status kuni_sparse_blocks_pass(kuni_sparse_blocks *b, const char *line, kuni_error *err)
{
    layout l;
    int64_t pos = kuni_sparse_line_pos(line);
    uint32_t column = 0;
    if (pos < 0 || !read_head(&l, line)) return wrong(line, err);
    const char *at = l.at[COLUMNS], *end = at + strlen(at);
    at = skip_dots(at, end, &column);
    while (at && *at && column < b->n_columns) {
        at = read_cell(&l, pos, at + 1, &b->blocks[column++]);
        if (at) at = skip_dots(at, end, &column);
    }
    return at && !*at && column == b->n_columns ? KUNI_OK : wrong(line, err);
}

/* --- what is written --- */

static char *put_number(char *at, uint64_t value)
{
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n) *at++ = digits[--n];
    return at;
}

/* Without what is missing at the end. */
static char *drop_missing(char *from, char *to)
{
    while (to - from > 2 && to[-1] == '.' && to[-2] == ':') to -= 2;
    return to;
}

/* What is left of a block at a record. */
static char *put_block(char *at, const layout *l, const block *b, int64_t pos, uint32_t other)
{
    char *from = at;
    memcpy(at, b->genotype, b->genotype_chars);
    at += b->genotype_chars;
    for (int i = 1; i < l->n_fields && l->fields[i] <= RNC; i++) {
        int field = l->fields[i];
        int64_t value = field == LAA   ? (int64_t)other
                        : field == LEN ? b->end - pos
                        : field == GQ  ? b->quality
                                       : b->depth;
        *at++ = ':';
        if (field == RNC)
            *at++ = b->reason;
        else if (value < 0)
            *at++ = '.';
        else
            at = put_number(at, (uint64_t)value);
    }
    return drop_missing(from, at);
}

/* A cell that was told, with fields that the record did not have. */
static char *put_cell(char *at, const layout *to, const layout *from, const char *cell)
{
    char *begin = at;
    int place = 0; /* of what `cell` is at */
    for (int i = 0; i < to->n_fields; i++) {
        size_t n = strcspn(cell, ":\t");
        if (i) *at++ = ':';
        if (place >= from->n_fields || from->fields[place] != to->fields[i]) {
            *at++ = '.';
            continue;
        }
        place++;
        memcpy(at, n ? cell : ".", n ? n : 1);
        at += n ? n : 1;
        cell += n;
        if (*cell == ':') cell++;
    }
    return drop_missing(begin, at);
}

/* INFO/END as it stands there, NULL: it does not; *end: what it says, else 0. */
static const char *find_end(const layout *l, int64_t *end)
{
    const char *stop = l->at[FORMAT] - 1;
    *end = 0;
    for (const char *at = l->at[INFO]; at < stop; at++) {
        if (strncmp(at, "END=", 4) == 0) {
            *end = strtoll(at + 4, NULL, 10);
            return at;
        }
        at = memchr(at, ';', (size_t)(stop - at));
        if (!at) break;
    }
    return NULL;
}

/* Up to FORMAT, with INFO/END last where a block reaches further than REF. */
static kuni_status put_head(const layout *l, int64_t end, kuni_buffer *out, kuni_error *err)
{
    int64_t told, pos = kuni_sparse_line_pos(l->at[CHROM]);
    const char *at = find_end(l, &told), *stop = l->at[FORMAT] - 1;
    int64_t reference = pos + (l->at[ALT] - 1 - l->at[REF]);
    if (told > end) end = told;
    size_t n = at ? strcspn(at, ";\t") : 0;
    const char *before = at ? at : stop, *after = at ? at + n : stop;
    if (at && at > l->at[INFO])
        before--; /* the ';' */
    else if (at && *after == ';')
        after++;
    kuni_status status =
        kuni_buffer_append(out, l->at[CHROM], (size_t)(before - l->at[CHROM]), err);
    if (!status) status = kuni_buffer_append(out, after, (size_t)(stop - after), err);
    bool bare = before == l->at[INFO] && after == stop;
    if (!status && end > reference)
        status = kuni_buffer_printf(out, err, "%sEND=%" PRId64, bare ? "" : ";", end);
    return status ? status : kuni_buffer_append(out, "\t", 1, err);
}

bool kuni_sparse_line_ends_well(const char *line)
{
    layout l;
    int64_t end;
    const char *at = read_head(&l, line) ? find_end(&l, &end) : NULL;
    return !at || at[strcspn(at, ";\t")] == '\t';
}

kuni_status kuni_sparse_line_put_end_last(const char *line, kuni_buffer *out, kuni_error *err)
{
    layout l;
    if (!read_head(&l, line)) return wrong(line, err);
    kuni_status status = put_head(&l, 0, out, err);
    if (!status) status = kuni_buffer_append(out, l.at[FORMAT], strlen(l.at[FORMAT]), err);
    return status ? status : kuni_buffer_append(out, "\n", 1, err);
}

/* What the blocks of those who are not told of in the line add to it. */
typedef struct addition {
    uint32_t n; /* samples */
    bool reasons;
    int64_t end; /* where the last of the blocks ends */
} addition;

static bool look_through(const kuni_sparse_blocks *b, const layout *l, int64_t pos, addition *more)
{
    uint32_t column = 0;
    const char *at = l->at[COLUMNS], *end = at + strlen(at);
    *more = (addition){.n = 0};
    for (;;) {
        uint32_t next = column;
        at = skip_dots(at, end, &next);
        if (!at || next > b->n_columns) return false;
        for (; column < next; column++) {
            const block *in = &b->blocks[column];
            if (in->end <= pos) return false;
            more->n++;
            if (in->reason != '.') more->reasons = true;
            if (in->end > more->end) more->end = in->end;
        }
        if (!*at) return column == b->n_columns;
        at = strchr(at + 1, '\t');
        if (!at) return column + 1 == b->n_columns;
        column++;
    }
}

static void set_fields(layout *l, const layout *from, bool reasons)
{
    *l = *from;
    l->n_fields = 0;
    for (int f = 0; f < FIELDS; f++) {
        bool has = from->place[f] != UNKNOWN || f == LEN || (f == RNC && reasons);
        l->place[f] = has ? l->n_fields : UNKNOWN;
        if (has) l->fields[l->n_fields++] = f;
    }
}

static kuni_status put_format(const layout *l, kuni_buffer *out, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int i = 0; i < l->n_fields && !status; i++)
        status = kuni_buffer_printf(out, err, "%s%s", i ? ":" : "", field_names[l->fields[i]]);
    return status;
}

static uint32_t count_alts(const layout *l)
{
    uint32_t n = 1;
    for (const char *at = l->at[ALT]; *at && *at != '\t'; at++) n += *at == ',';
    return n;
}

static kuni_status put_columns(const kuni_sparse_blocks *b, const layout *to, const layout *from,
                               int64_t pos, kuni_buffer *out, kuni_error *err)
{
    uint32_t column = 0, other = count_alts(from);
    bool same = to->n_fields == from->n_fields;
    kuni_status status = KUNI_OK;
    for (const char *at = from->at[COLUMNS]; *at && !status; column++) {
        const char *cell = ++at;
        at += strcspn(at, "\t");
        size_t n = (size_t)(at - cell);
        status = kuni_buffer_reserve(out, n + CELL_MAX, err);
        if (status) break;
        char *end = out->data + out->length;
        *end++ = '\t';
        if (n == 1 && *cell == '.')
            end = put_block(end, to, &b->blocks[column], pos, other);
        else if (!same)
            end = put_cell(end, to, from, cell);
        else {
            memcpy(end, cell, n);
            end += n;
        }
        out->length = (size_t)(end - out->data);
    }
    return status;
}

kuni_status kuni_sparse_blocks_tell(const kuni_sparse_blocks *b, const char *line, kuni_buffer *out,
                                    kuni_error *err)
{
    layout from, to;
    addition more;
    int64_t pos = kuni_sparse_line_pos(line);
    if (pos < 0 || !read_head(&from, line) || !look_through(b, &from, pos, &more))
        return wrong(line, err);
    if (!more.n) return kuni_sparse_line_put_end_last(line, out, err);
    set_fields(&to, &from, more.reasons);
    kuni_status status = put_head(&from, more.end, out, err);
    if (!status) status = put_format(&to, out, err);
    if (!status) status = put_columns(b, &to, &from, pos, out, err);
    return status ? status : kuni_buffer_append(out, "\n", 1, err);
}
