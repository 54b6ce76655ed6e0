/* SPDX-License-Identifier: MIT */
#include "sparse_genotypes.h"

#include <stdlib.h>
#include <string.h>

#include "sparse_text.h"

enum { UNKNOWN = -1, FIELDS_MAX = 16, VALUE_MAX = 1 << 30 };

/* What a sample is in, from the record at which that was told. */
typedef struct state {
    int32_t a, b;
    int32_t depth, quality; /* UNKNOWN: none */
} state;

struct callset_sparse {
    uint32_t n_columns;
    state *columns;
    uint8_t *odd;     /* by column: not twice REF */
    uint32_t *events; /* columns that are told of this record alone */
    size_t n_events;
};

/* Places of fields in FORMAT; -1: the record has none. */
typedef struct layout {
    int len, gq, dp;
} layout;

kuni_status callset_sparse_new(callset_sparse **out, uint32_t n_columns, kuni_error *err)
{
    callset_sparse *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return KUNI_MEMORY;
    size_t n = (size_t)n_columns + 1;
    s->n_columns = n_columns;
    s->columns = kuni_alloc(n, sizeof(*s->columns), err);
    s->odd = kuni_alloc(n + sizeof(uint64_t), 1, err);
    s->events = kuni_alloc(n, sizeof(*s->events), err);
    if (!s->columns || !s->odd || !s->events) {
        callset_sparse_free(s);
        return KUNI_MEMORY;
    }
    for (uint32_t i = 0; i < n_columns; i++)
        s->columns[i] = (state){CALLSET_NO_ALLELE, CALLSET_NO_ALLELE, UNKNOWN, UNKNOWN};
    memset(s->odd, 1, n_columns);
    *out = s;
    return KUNI_OK;
}

void callset_sparse_free(callset_sparse *s)
{
    if (!s) return;
    free(s->columns);
    free(s->odd);
    free(s->events);
    free(s);
}

void callset_sparse_fields(const callset_sparse *s, uint32_t column, int32_t *depth,
                           int32_t *quality)
{
    *depth = s->columns[column].depth;
    *quality = s->columns[column].quality;
}

/* --- text --- */

static bool ends_field(char c)
{
    return c == ':' || c == '\t' || c == '\0';
}

/* A whole number, or UNKNOWN for "."; NULL where it is neither. */
static const char *read_number(const char *at, int32_t *value)
{
    *value = UNKNOWN;
    if (*at == '.') return at + 1;
    if (*at < '0' || *at > '9') return NULL;
    int32_t n = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        n = n < VALUE_MAX / 10 ? n * 10 + (*at - '0') : VALUE_MAX;
    *value = n;
    return at;
}

/* "GT:LAA..." */
static const char *read_format(const char *at, layout *fields)
{
    *fields = (layout){-1, -1, -1};
    for (int i = 0; i < FIELDS_MAX; i++) {
        size_t n = strcspn(at, ":\t");
        if (i == 0 && (n != 2 || memcmp(at, "GT", 2) != 0)) return NULL;
        if (n == 3 && memcmp(at, "LEN", 3) == 0) fields->len = i;
        if (n == 2 && memcmp(at, "GQ", 2) == 0) fields->gq = i;
        if (n == 2 && memcmp(at, "DP", 2) == 0) fields->dp = i;
        at += n;
        if (*at != ':') return at;
        at++;
    }
    return NULL;
}

/* One cell, at its genotype; gives where it ends, NULL where it is none. */
static const char *read_cell(const char *at, const layout *fields, state *told, bool *block)
{
    *told = (state){UNKNOWN, CALLSET_NO_COPY, UNKNOWN, UNKNOWN};
    *block = false;
    at = read_number(at, &told->a);
    if (at && (*at == '/' || *at == '|')) at = read_number(at + 1, &told->b);
    if (!at || !ends_field(*at)) return NULL;
    for (int i = 1; *at == ':'; i++) {
        int32_t length;
        at++;
        if (i == fields->gq)
            at = read_number(at, &told->quality);
        else if (i == fields->dp)
            at = read_number(at, &told->depth);
        else if (i == fields->len) {
            at = read_number(at, &length);
            *block = length > 0;
        } else
            at += strcspn(at, ":\t");
        if (!at || !ends_field(*at)) return NULL;
    }
    return at;
}

static void tell(callset_sparse *s, uint32_t column, const state *told, bool block)
{
    s->columns[column] = *told;
    s->odd[column] = told->a != 0 || told->b != 0;
    if (!block) s->events[s->n_events++] = column;
}

/* An event says nothing of the next record: whoever is not told of there is not known there. */
static void forget_events(callset_sparse *s)
{
    for (size_t i = 0; i < s->n_events; i++) {
        uint32_t column = s->events[i];
        bool one = s->columns[column].b == CALLSET_NO_COPY;
        s->columns[column] =
            (state){CALLSET_NO_ALLELE, one ? CALLSET_NO_COPY : CALLSET_NO_ALLELE, UNKNOWN, UNKNOWN};
        s->odd[column] = 1;
    }
    s->n_events = 0;
}

static kuni_status read_cells(callset_sparse *s, const char *at, const layout *fields,
                              kuni_error *err)
{
    uint32_t column = 0;
    const char *end = at + strlen(at);
    for (;;) {
        at = sparse_skip_dots(at, end, &column);
        if (*at != '\t' || column >= s->n_columns) break;
        state told;
        bool block;
        at = read_cell(at + 1, fields, &told, &block);
        if (!at) return kuni_fail(err, KUNI_DATA, "column %u cannot be read", column + 1);
        tell(s, column++, &told, block);
    }
    if (*at || column != s->n_columns)
        return kuni_fail(err, KUNI_DATA, "it has %s columns than %u",
                         column < s->n_columns ? "fewer" : "more", s->n_columns);
    return KUNI_OK;
}

static void list_odd(const callset_sparse *s, callset_genotypes *g)
{
    g->n = 0;
    for (uint32_t i = 0; i < s->n_columns;) {
        uint64_t eight;
        memcpy(&eight, s->odd + i, sizeof(eight)); /* the array is as much longer */
        if (!eight) {
            i += sizeof(eight);
            continue;
        }
        uint32_t stop = i + (uint32_t)sizeof(eight);
        for (; i < stop && i < s->n_columns; i++)
            if (s->odd[i]) g->odd[g->n++] = (callset_genotype){i, s->columns[i].a, s->columns[i].b};
    }
}

kuni_status callset_sparse_read(callset_sparse *s, const char *text, callset_genotypes *g,
                                kuni_error *err)
{
    layout fields;
    kuni_status status =
        kuni_grow((void **)&g->odd, &g->capacity, (size_t)s->n_columns + 1, sizeof(*g->odd), err);
    if (status) return status;
    const char *at = read_format(text, &fields);
    if (!at) return kuni_fail(err, KUNI_DATA, "its FORMAT cannot be read");
    forget_events(s);
    status = read_cells(s, at, &fields, err);
    if (!status) list_odd(s, g);
    return status;
}
