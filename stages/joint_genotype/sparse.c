/* SPDX-License-Identifier: MIT */
#include "sparse.h"

#include <stdlib.h>
#include <string.h>

struct joint_sparse {
    joint_cells *cells;           /* borrowed */
    const joint_options *options; /* likewise */
    joint_spans spans;
    joint_span open; /* the stretch that the pieces of a column have led to so far */
    int64_t open_end;
    uint32_t open_column; /* JOINT_NONE: there is none */
    joint_ploidy open_ploidy;
    const joint_sites *sites;
    uint32_t *until; /* of each column: the first site at which it is to be told of again */
    size_t until_capacity;
    uint32_t *due; /* columns of the row under way */
    size_t due_capacity;
    const joint_cell **row; /* cells of the row under way, by column */
    size_t row_capacity;
    uint8_t *uncalled; /* [copies - 1][quality][site] */
    size_t uncalled_capacity;
    bool varies;
};

/* Which fields a row has. */
typedef struct fields {
    bool len, gq, dp, rnc, lad, lpl, ps;
    uint32_t other; /* number of <*> in ALT */
} fields;

enum {
    DOTS = 4096,
    NUMBER_CHARS = 12, /* of any number, with what leads it */
    CELL_NUMBERS = 12  /* GT, LEN, GQ, DP, RNC, PS */
};

joint_sparse *joint_sparse_new(joint_cells *cells, const joint_options *options, kuni_error *err)
{
    joint_sparse *sparse = kuni_alloc(1, sizeof(*sparse), err);
    if (!sparse) return NULL;
    sparse->cells = cells;
    sparse->options = options;
    sparse->varies = options->min_gq > 0;
    sparse->open_column = JOINT_NONE;
    return sparse;
}

void joint_sparse_free(joint_sparse *sparse)
{
    if (!sparse) return;
    joint_spans_fini(&sparse->spans);
    free(sparse->until);
    free(sparse->due);
    free(sparse->row);
    free(sparse->uncalled);
    free(sparse);
}

kuni_status joint_sparse_chunk(joint_sparse *sparse, const joint_sites *sites, uint32_t n_columns,
                               kuni_error *err)
{
    size_t states = sparse->varies ? (size_t)2 * JOINT_QUALITIES * sites->n_sites : 0;
    kuni_status status = kuni_grow((void **)&sparse->until, &sparse->until_capacity,
                                   (size_t)n_columns + 1, sizeof(uint32_t), err);
    if (!status)
        status = kuni_grow((void **)&sparse->due, &sparse->due_capacity, (size_t)n_columns + 1,
                           sizeof(uint32_t), err);
    if (!status)
        status =
            kuni_grow((void **)&sparse->uncalled, &sparse->uncalled_capacity, states + 1, 1, err);
    if (status) return status;
    sparse->sites = sites;
    memset(sparse->until, 0, n_columns * sizeof(uint32_t));
    memset(sparse->uncalled, 0, states);
    return KUNI_OK;
}

static size_t state_of(const joint_sparse *sparse, int copies, int quality)
{
    return ((size_t)(copies - 1) * JOINT_QUALITIES + (size_t)quality) * sparse->sites->n_sites;
}

void joint_sparse_uncalled(joint_sparse *sparse, int copies, int quality, uint32_t site)
{
    sparse->uncalled[state_of(sparse, copies, quality) + site] = 1;
}

kuni_status joint_sparse_begin(joint_sparse *sparse, kuni_error *err)
{
    return joint_spans_begin(&sparse->spans, sparse->cells->n_columns, err);
}

/* --- stretches --- */

/* The lower edge of the band that `value` is in. */
static int floor_of(const joint_bands *bands, int value)
{
    int floor = bands->n ? 0 : value;
    for (uint32_t i = 0; i < bands->n && bands->edges[i] <= value; i++) floor = bands->edges[i];
    return floor;
}

static joint_span span_of(const joint_sparse *sparse, const joint_piece *piece, uint8_t who)
{
    const joint_options *o = sparse->options;
    joint_span span = {.first = piece->first,
                       .last = piece->last,
                       .end = (uint32_t)(piece->end - sparse->sites->beg)};
    if (!piece->block) {
        span.kind = (uint16_t)(JOINT_KIND_NO_DATA + who);
        return span;
    }
    int kind = joint_kind(piece), code = kind % JOINT_CODES;
    /* With min_gq a genotype's fate depends on the very quality. */
    if (code < JOINT_CODE_STATED && !sparse->varies) kind += floor_of(&o->gq_bands, code) - code;
    span.kind = (uint16_t)kind;
    uint16_t depth = piece->block->min_dp;
    if (o->with_dp)
        span.depth = depth == KUNI_MIN_DP_MISSING ? depth : (uint16_t)floor_of(&o->dp_bands, depth);
    return span;
}

/* The stretch that has come to its end goes to the window, if that has sites of it. */
kuni_status joint_sparse_flush(joint_sparse *sparse, kuni_error *err)
{
    const joint_span *open = &sparse->open;
    uint32_t column = sparse->open_column;
    sparse->open_column = JOINT_NONE;
    if (column == JOINT_NONE || open->first >= open->last || open->last <= sparse->cells->first ||
        open->first >= sparse->cells->last)
        return KUNI_OK;
    return joint_spans_add(&sparse->spans, column, *open, err);
}

kuni_status joint_sparse_piece(joint_sparse *sparse, const joint_piece *piece, uint8_t who,
                               kuni_error *err)
{
    joint_span span = span_of(sparse, piece, who), *open = &sparse->open;
    if (piece->column == sparse->open_column && piece->beg == sparse->open_end &&
        span.kind == open->kind && span.depth == open->depth &&
        piece->ploidy.copies == sparse->open_ploidy.copies &&
        piece->ploidy.refused == sparse->open_ploidy.refused) {
        open->last = span.last;
        open->end = span.end;
        sparse->open_end = piece->end;
        return KUNI_OK;
    }
    kuni_status status = joint_sparse_flush(sparse, err);
    sparse->open = span;
    sparse->open_end = piece->end;
    sparse->open_ploidy = piece->ploidy;
    sparse->open_column = piece->column;
    return status;
}

/* --- who is told of --- */

static int by_column(const void *left, const void *right)
{
    const joint_cell *const *a = left, *const *b = right;
    return ((*a)->column > (*b)->column) - ((*a)->column < (*b)->column);
}

/* The row's cells by column, as batches in the order of columns have left them. */
static kuni_status order_cells(joint_sparse *sparse, uint32_t site, size_t *n_cells,
                               kuni_error *err)
{
    size_t n = 0;
    bool rising = true;
    for (const joint_cell *c = joint_cells_at(sparse->cells, site); c; c = c->next, n++)
        if (c->next && c->next->column < c->column) rising = false;
    kuni_status status =
        kuni_grow((void **)&sparse->row, &sparse->row_capacity, n + 1, sizeof(*sparse->row), err);
    if (status) return status;
    *n_cells = n;
    n = 0;
    for (const joint_cell *c = joint_cells_at(sparse->cells, site); c; c = c->next) {
        sparse->row[n++] = c;
        sparse->until[c->column] = 0;
    }
    if (!rising) qsort(sparse->row, n, sizeof(*sparse->row), by_column);
    return KUNI_OK;
}

static size_t find_due(joint_sparse *sparse, uint32_t site)
{
    const uint32_t *until = sparse->until;
    uint32_t n = 0;
    for (uint32_t column = 0; column < sparse->cells->n_columns; column++) {
        sparse->due[n] = column;
        n += until[column] <= site;
    }
    return n;
}

/* Asks for the stretches of those who are due some places further on: they lie anywhere. */
static void fetch_stretch(const joint_sparse *sparse, size_t i, size_t n_due)
{
    enum { AHEAD = 12 };
    if (i + AHEAD >= n_due) return;
    uint32_t at = sparse->spans.head[sparse->due[i + AHEAD]];
    if (at != JOINT_NONE) __builtin_prefetch(&sparse->spans.spans[at]);
}

/* The stretch that the column's sample is in at `site`. */
static joint_span stretch_at(joint_sparse *sparse, uint32_t column, uint32_t site, uint8_t who)
{
    const joint_span *s = joint_spans_advance(&sparse->spans, column, site);
    int64_t pos = sparse->sites->sites[site].pos;
    if (s && s->first <= site) return *s;
    return (joint_span){.first = site, /* nothing is told of it */
                        .last = site + 1,
                        .end = (uint32_t)(pos + 1 - sparse->sites->beg),
                        .kind = (uint16_t)(JOINT_KIND_NO_DATA + who)};
}

/* Ends the stretch where a genotype of its kind is called no more, or again. */
static void cut_stretch(const joint_sparse *sparse, joint_span *s, uint32_t site)
{
    int copies = s->kind / JOINT_CODES, code = s->kind % JOINT_CODES;
    if (!sparse->varies || s->kind >= JOINT_KIND_NO_DATA || code >= JOINT_QUALITIES || !copies)
        return;
    const uint8_t *uncalled = sparse->uncalled + state_of(sparse, copies, code);
    for (uint32_t i = site + 1; i < s->last; i++) {
        if (uncalled[i] == uncalled[site]) continue;
        s->last = i;
        s->end = (uint32_t)(sparse->sites->sites[i].pos - sparse->sites->beg);
    }
}

/* Without min_gq every reference block is called; a band's edge is nobody's own quality. */
static joint_look look_at(const joint_sparse *sparse, const joint_row *row, int kind)
{
    if (!sparse->varies && kind < JOINT_KIND_NO_DATA && kind % JOINT_CODES < JOINT_QUALITIES)
        return (joint_look){JOINT_CALLED, kind / JOINT_CODES, true};
    return joint_look_of(row, kind);
}

/* --- text --- */

/* A cell under way. `kept` is past the last field that is not missing: what follows is dropped. */
typedef struct pen {
    char *at, *kept;
} pen;

static void put_number(pen *p, uint64_t value)
{
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n) *p->at++ = digits[--n];
}

static void put_missing(pen *p)
{
    *p->at++ = ':';
    *p->at++ = '.';
}

static void put_field(pen *p, uint64_t value, bool known)
{
    if (!known) {
        put_missing(p);
        return;
    }
    *p->at++ = ':';
    put_number(p, value);
    p->kept = p->at;
}

static void put_reason(pen *p, joint_reason reason)
{
    *p->at++ = ':';
    *p->at++ = joint_reason_letters[reason];
    if (reason) p->kept = p->at;
}

static void put_genotype(pen *p, int copies, const int32_t *alleles, bool phased)
{
    for (int k = 0; k < (copies == 2 ? 2 : 1); k++) {
        if (k) *p->at++ = phased ? '|' : '/';
        if (alleles && copies)
            put_number(p, (uint64_t)alleles[k]);
        else
            *p->at++ = '.';
    }
    p->kept = p->at;
}

static void put_stretch(pen *p, joint_look look, const joint_span *s, int64_t length,
                        const fields *has)
{
    static const int32_t reference[2] = {0, 0};
    bool called = !look.reason;
    put_genotype(p, look.copies, called ? reference : NULL, false);
    put_field(p, has->other, true);
    put_field(p, (uint64_t)length, true);
    int code = s->kind % JOINT_CODES;
    if (has->gq) put_field(p, (uint64_t)code, called && code != JOINT_CODE_STATED);
    if (has->dp) put_field(p, s->depth, look.depth_known && s->depth != KUNI_MIN_DP_MISSING);
    if (has->rnc) put_reason(p, look.reason);
}

/* A list led by ':', its elements apart by commas: put_element, then the value. */
static void put_element(pen *p, uint32_t i)
{
    *p->at++ = i ? ',' : ':';
}

static void put_cell(pen *p, const joint_row *row, const joint_cell *c, const fields *has)
{
    joint_reason reason = (joint_reason)c->reason;
    put_genotype(p, c->copies, reason ? NULL : c->allele, c->phased);
    uint32_t n = c->n ? joint_cell_alleles(c, row->n_alleles) : 0;
    for (uint32_t i = 1; i < n; i++) {
        put_element(p, i - 1);
        put_number(p, c->number[i]);
        p->kept = p->at;
    }
    if (n < 2) put_missing(p);
    if (has->len) put_missing(p);
    if (has->gq) put_field(p, c->gq, !reason && !c->no_gq);
    if (has->dp) put_field(p, c->dp, reason != JOINT_ABSENT && c->dp != KUNI_DP_MISSING);
    if (has->rnc) put_reason(p, reason);
    for (uint32_t i = 0; has->lad && c->ad && i < n; i++) {
        put_element(p, i);
        put_number(p, c->ad[i]);
        p->kept = p->at;
    }
    if (has->lad && !(c->ad && n)) put_missing(p);
    int least = c->pl ? joint_cell_least(c, row->n_alleles, true) : 0;
    uint32_t n_pl = c->pl && n ? joint_genotype_count(n, c->copies) : 0;
    for (uint32_t i = 0; has->lpl && i < n_pl; i++) {
        put_element(p, i);
        put_number(p, (uint64_t)(c->pl[i] - least));
        p->kept = p->at;
    }
    if (has->lpl && !n_pl) put_missing(p);
    if (has->ps)
        put_field(p, (uint64_t)(c->phase_set + 1),
                  c->phased && c->phase_set >= 0 && c->phase_set < INT32_MAX);
}

static kuni_status put_dots(kuni_buffer *text, uint32_t n, kuni_error *err)
{
    static char dots[2 * DOTS];
    if (!dots[0])
        for (size_t i = 0; i < sizeof(dots); i++) dots[i] = i % 2 ? '.' : '\t';
    kuni_status status = KUNI_OK;
    for (uint32_t some; n && !status; n -= some) {
        some = n < DOTS ? n : DOTS;
        status = kuni_buffer_append(text, dots, 2 * (size_t)some, err);
    }
    return status;
}

/* --- rows --- */

static fields find_fields(joint_sparse *sparse, const joint_row *row, const joint_cohort *cohort,
                          size_t n_due, size_t n_cells)
{
    const joint_options *options = sparse->options;
    fields has = {.gq = options->with_gq,
                  .dp = options->with_dp,
                  .len = n_due > n_cells,
                  .ps = options->with_ps && row->phased,
                  .other = row->n_alleles};
    for (size_t i = 0; i < n_cells; i++) {
        const joint_cell *c = sparse->row[i];
        if (c->ad && c->n) has.lad = options->with_ad;
        if (c->pl && c->n) has.lpl = options->with_pl;
        if (c->reason) has.rnc = options->with_rnc;
    }
    for (size_t i = 0, cell = 0; i < n_due && options->with_rnc && !has.rnc; i++) {
        uint32_t column = sparse->due[i];
        fetch_stretch(sparse, i, n_due);
        if (cell < n_cells && sparse->row[cell]->column == column) {
            cell++;
            continue;
        }
        joint_span s = stretch_at(sparse, column, row->site, cohort->who[column]);
        if (look_at(sparse, row, s.kind).reason) has.rnc = true;
    }
    return has;
}

/* Bytes that a cell takes at most. */
static size_t cell_room(const joint_cell *c)
{
    size_t numbers = CELL_NUMBERS;
    if (c && c->n) numbers += 2 * (size_t)c->n + joint_genotype_count(c->n, c->copies);
    return numbers * NUMBER_CHARS;
}

static kuni_status put_format(kuni_buffer *text, const fields *has, kuni_error *err)
{
    return kuni_buffer_printf(text, err, "\tGT:LAA%s%s%s%s%s%s%s", has->len ? ":LEN" : "",
                              has->gq ? ":GQ" : "", has->dp ? ":DP" : "", has->rnc ? ":RNC" : "",
                              has->lad ? ":LAD" : "", has->lpl ? ":LPL" : "", has->ps ? ":PS" : "");
}

kuni_status joint_sparse_row(joint_sparse *sparse, const joint_row *row, const joint_cohort *cohort,
                             kuni_buffer *text, int64_t *end, kuni_error *err)
{
    size_t n_cells, cell = 0;
    *end = 0;
    kuni_status status = order_cells(sparse, row->site, &n_cells, err);
    if (status) return status;
    size_t n_due = find_due(sparse, row->site);
    fields has = find_fields(sparse, row, cohort, n_due, n_cells);
    status = put_format(text, &has, err);
    int64_t at = sparse->sites->sites[row->site].pos - sparse->sites->beg;
    uint32_t next = 0;
    for (size_t i = 0; i < n_due && !status; i++) {
        uint32_t column = sparse->due[i];
        const joint_cell *c =
            cell < n_cells && sparse->row[cell]->column == column ? sparse->row[cell++] : NULL;
        status = put_dots(text, column - next, err);
        if (!status) status = kuni_buffer_reserve(text, cell_room(c), err);
        if (status) break;
        next = column + 1;
        pen p = {.at = text->data + text->length};
        *p.at++ = '\t';
        if (c) {
            put_cell(&p, row, c, &has);
            sparse->until[column] = row->site + 1;
        } else {
            joint_span s = stretch_at(sparse, column, row->site, cohort->who[column]);
            cut_stretch(sparse, &s, row->site);
            put_stretch(&p, look_at(sparse, row, s.kind), &s, s.end - at, &has);
            sparse->until[column] = s.last;
            if (sparse->sites->beg + s.end > *end) *end = sparse->sites->beg + s.end;
        }
        text->length = (size_t)(p.kept - text->data);
    }
    return status ? status : put_dots(text, sparse->cells->n_columns - next, err);
}
