/* SPDX-License-Identifier: MIT */
#include "sparse.h"

#include <stdlib.h>
#include <string.h>

enum {
    DOTS = 4096,
    NUMBER_CHARS = 12, /* of any number, with what leads it */
    CELL_NUMBERS = 12, /* GT, LEN, GQ, DP, RNC, PS */
    TELLING_CHARS = 16
};

/* A stretch in which a sample has a reference block, or nothing: from its first site to where it ends. */
typedef struct stretch {
    uint32_t column, first, last; /* sites of the chunk */
    uint32_t end;                 /* from the chunk's begin */
    joint_state state;
} stretch;

/* How stretches of a state are told of in a row, but for LEN: it is made when first needed. */
typedef struct telling {
    uint64_t row;
    uint8_t n_before, n_after;
    char before[TELLING_CHARS], after[TELLING_CHARS];
} telling;

struct joint_sparse {
    joint_cells *cells;           /* borrowed */
    const joint_options *options; /* likewise */
    joint_piles turns; /* stretches, at the site where each is told of: number of the state, LEN */
    joint_states states;
    telling *tellings; /* of each state */
    size_t n_tellings, tellings_capacity;
    uint64_t n_rows;
    stretch open; /* that the pieces of a column have led to so far */
    int64_t open_end;
    bool is_open;
    joint_ploidy open_ploidy;
    const joint_sites *sites;
    joint_pile_entry *sorted[2]; /* turns and cells of a row */
    size_t sorted_capacity[2];
    joint_cell_room room;
    uint8_t *uncalled; /* [copies - 1][quality][site] */
    size_t uncalled_capacity;
    uint8_t *late; /* of each column: its stretch is to be told of where the next window begins */
    size_t late_capacity;
    bool varies;
};

/* Which fields a row has. */
typedef struct fields {
    bool len, gq, dp, rnc, lad, lpl, ps;
    uint32_t other; /* number of <*> in ALT */
} fields;

joint_sparse *joint_sparse_new(joint_cells *cells, const joint_options *options, kuni_error *err)
{
    joint_sparse *sparse = kuni_alloc(1, sizeof(*sparse), err);
    if (!sparse) return NULL;
    sparse->cells = cells;
    sparse->options = options;
    sparse->varies = options->min_gq > 0;
    return sparse;
}

void joint_sparse_free(joint_sparse *sparse)
{
    if (!sparse) return;
    joint_piles_fini(&sparse->turns);
    joint_states_fini(&sparse->states);
    free(sparse->tellings);
    free(sparse->sorted[0]);
    free(sparse->sorted[1]);
    free(sparse->uncalled);
    free(sparse->late);
    free(sparse);
}

kuni_status joint_sparse_chunk(joint_sparse *sparse, const joint_sites *sites, kuni_error *err)
{
    size_t states = sparse->varies ? (size_t)2 * JOINT_QUALITIES * sites->n_sites : 0;
    kuni_status status =
        kuni_grow((void **)&sparse->uncalled, &sparse->uncalled_capacity, states + 1, 1, err);
    if (status) return status;
    sparse->sites = sites;
    sparse->is_open = false;
    joint_states_clear(&sparse->states);
    memset(sparse->uncalled, 0, states);
    if (sparse->late) memset(sparse->late, 0, sparse->late_capacity);
    return KUNI_OK;
}

void joint_sparse_end(joint_sparse *sparse)
{
    joint_piles_end(&sparse->turns);
}

int64_t joint_sparse_bytes(const joint_sparse *sparse)
{
    return joint_piles_bytes(&sparse->turns);
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
    const joint_piles *cells = &sparse->cells->piles;
    return joint_piles_begin(&sparse->turns, cells->first, cells->last, err);
}

/* --- stretches --- */

/* The lower edge of the band that `value` is in. */
static int floor_of(const joint_bands *bands, int value)
{
    int floor = bands->n ? 0 : value;
    for (uint32_t i = 0; i < bands->n && bands->edges[i] <= value; i++) floor = bands->edges[i];
    return floor;
}

static joint_state state_in(const joint_sparse *sparse, const joint_piece *piece, uint8_t who)
{
    const joint_options *o = sparse->options;
    if (!piece->block) return (joint_state){.kind = (uint16_t)(JOINT_KIND_NO_DATA + who)};
    int kind = joint_kind(piece), code = kind % JOINT_CODES;
    /* With min_gq a genotype's fate depends on the very quality. */
    if (code < JOINT_CODE_STATED && !sparse->varies) kind += floor_of(&o->gq_bands, code) - code;
    joint_state state = {.kind = (uint16_t)kind};
    uint16_t depth = piece->block->min_dp;
    if (o->with_dp)
        state.depth =
            depth == KUNI_MIN_DP_MISSING ? depth : (uint16_t)floor_of(&o->dp_bands, depth);
    return state;
}

/* Whether nobody of the kind is without a call, whatever the site. */
static bool is_called(const joint_sparse *sparse, uint16_t kind)
{
    return !sparse->varies && kind < JOINT_KIND_NO_DATA && kind % JOINT_CODES < JOINT_QUALITIES;
}

enum { SOME_UNCALLED = 1 }; /* trait of a site's turns: some may be */

/* The stretch is told of at its first site. */
static kuni_status add_turn(joint_sparse *sparse, const stretch *s, kuni_error *err)
{
    uint8_t code[2 * JOINT_VARINT_MOST], *to = code;
    uint32_t number;
    kuni_status status = joint_states_number(&sparse->states, s->state, &number, err);
    if (status) return status;
    to = joint_put_varint(to, number);
    int64_t pos = sparse->sites->sites[s->first].pos - sparse->sites->beg;
    to = joint_put_varint(to, s->end - (uint32_t)pos);
    if (!is_called(sparse, s->state.kind))
        joint_piles_at(&sparse->turns, s->first)->traits |= SOME_UNCALLED;
    return joint_piles_add(&sparse->turns, s->first, s->column, code, (size_t)(to - code), err);
}

/*
 * The first site past `site` at which a genotype of the stretch is called no more, or again; its last where there
 * is none.
 */
static uint32_t next_cut(const joint_sparse *sparse, const stretch *s, uint32_t site)
{
    int copies = s->state.kind / JOINT_CODES, code = s->state.kind % JOINT_CODES;
    if (!sparse->varies || s->state.kind >= JOINT_KIND_NO_DATA || code >= JOINT_QUALITIES ||
        !copies)
        return s->last;
    const uint8_t *uncalled = sparse->uncalled + state_of(sparse, copies, code);
    uint32_t next = site + 1;
    while (next < s->last && uncalled[next] == uncalled[site]) next++;
    return next;
}

/* Told once. */
static bool is_late(joint_sparse *sparse, uint32_t column)
{
    bool late = column < sparse->late_capacity && sparse->late[column];
    if (late) sparse->late[column] = 0;
    return late;
}

static kuni_status set_late(joint_sparse *sparse, uint32_t column, kuni_error *err)
{
    size_t before = sparse->late_capacity;
    kuni_status status =
        kuni_grow((void **)&sparse->late, &sparse->late_capacity, sparse->cells->n_columns, 1, err);
    if (status) return status;
    if (sparse->late_capacity > before)
        memset(sparse->late + before, 0, sparse->late_capacity - before);
    sparse->late[column] = 1;
    return KUNI_OK;
}

kuni_status joint_sparse_pass_over(joint_sparse *sparse, uint32_t site, kuni_error *err)
{
    const joint_sites *sites = sparse->sites;
    uint32_t at = (uint32_t)(sites->sites[site].pos - sites->beg);
    kuni_status status = KUNI_OK;
    joint_pile_reader t = joint_pile_read(joint_piles_at(&sparse->turns, site));
    for (; t.more && !status; joint_pile_next(&t)) {
        uint32_t number = joint_get_varint(&t.at), length = joint_get_varint(&t.at);
        stretch s = {.column = t.column,
                     .first = site + 1,
                     .end = at + length,
                     .state = sparse->states.states[number]};
        s.last = joint_site_index(sites, sites->beg + s.end);
        if (s.first >= s.last) continue;
        status = s.first < sparse->turns.last ? add_turn(sparse, &s, err)
                                              : set_late(sparse, s.column, err);
    }
    return status;
}

/*
 * The stretch that has come to its end goes to the window, if it is told of at a site of it: at its first, or,
 * where that lies before, at the first of the window at which its genotype is another one.
 */
kuni_status joint_sparse_flush(joint_sparse *sparse, kuni_error *err)
{
    const joint_piles *window = &sparse->turns;
    stretch s = sparse->open;
    bool open = sparse->is_open;
    sparse->is_open = false;
    if (!open || s.first >= s.last || s.last <= window->first || s.first >= window->last)
        return KUNI_OK;
    if (s.first < window->first && is_late(sparse, s.column))
        s.first = window->first;
    else if (s.first < window->first)
        s.first = next_cut(sparse, &s, window->first - 1);
    return s.first < s.last && s.first < window->last ? add_turn(sparse, &s, err) : KUNI_OK;
}

kuni_status joint_sparse_piece(joint_sparse *sparse, const joint_piece *piece, uint8_t who,
                               kuni_error *err)
{
    joint_state state = state_in(sparse, piece, who);
    stretch *open = &sparse->open;
    uint32_t end = (uint32_t)(piece->end - sparse->sites->beg);
    if (sparse->is_open && piece->column == open->column && piece->beg == sparse->open_end &&
        state.kind == open->state.kind && state.depth == open->state.depth &&
        piece->ploidy.copies == sparse->open_ploidy.copies &&
        piece->ploidy.refused == sparse->open_ploidy.refused) {
        open->last = piece->last;
        open->end = end;
        sparse->open_end = piece->end;
        return KUNI_OK;
    }
    kuni_status status = joint_sparse_flush(sparse, err);
    sparse->open = (stretch){.column = piece->column,
                             .first = piece->first,
                             .last = piece->last,
                             .end = end,
                             .state = state};
    sparse->open_end = piece->end;
    sparse->open_ploidy = piece->ploidy;
    sparse->is_open = true;
    return status;
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

/* A tab and a dot for each of n samples. There is room. */
static void put_dots(pen *p, uint32_t n)
{
    static char dots[2 * DOTS];
    if (!dots[0])
        for (size_t i = 0; i < sizeof(dots); i++) dots[i] = i % 2 ? '.' : '\t';
    for (uint32_t some; n; n -= some) {
        some = n < DOTS ? n : DOTS;
        memcpy(p->at, dots, 2 * (size_t)some);
        p->at += 2 * (size_t)some;
    }
    p->kept = p->at;
}

/* --- rows --- */

/* A row under way. */
typedef struct sparse_row {
    joint_sparse *sparse;
    const joint_row *row;
    fields has;
    joint_pile_reader turns, cells;
    int64_t at; /* from the chunk's begin */
} sparse_row;

static void skip_turn(void *context, const uint8_t **at)
{
    (void)context;
    (void)joint_get_varint(at);
    (void)joint_get_varint(at);
}

/* Whether somebody who is told of by a stretch is not called. */
static bool has_uncalled(const sparse_row *r, const joint_pile *pile)
{
    if (!(pile->traits & SOME_UNCALLED)) return false;
    for (joint_pile_reader t = joint_pile_read(pile); t.more; joint_pile_next(&t)) {
        uint32_t number = joint_get_varint(&t.at);
        (void)joint_get_varint(&t.at);
        if (look_at(r->sparse, r->row, r->sparse->states.states[number].kind).reason) return true;
    }
    return false;
}

static kuni_status begin_row(sparse_row *r, kuni_error *err)
{
    joint_sparse *sparse = r->sparse;
    const joint_options *o = sparse->options;
    const joint_pile *turns = joint_piles_at(&sparse->turns, r->row->site),
                     *cells = joint_piles_at(&sparse->cells->piles, r->row->site);
    r->has = (fields){.gq = o->with_gq,
                      .dp = o->with_dp,
                      .len = turns->n > 0,
                      .lad = cells->traits & JOINT_CELLS_AD,
                      .lpl = cells->traits & JOINT_CELLS_PL,
                      .ps = o->with_ps && r->row->phased,
                      .other = r->row->n_alleles};
    r->has.rnc = o->with_rnc && (cells->traits & JOINT_CELLS_UNCALLED || has_uncalled(r, turns));
    sparse->n_rows++;
    kuni_status status = joint_pile_read_sorted(turns, skip_turn, NULL, &sparse->sorted[0],
                                                &sparse->sorted_capacity[0], &r->turns, err);
    if (!status)
        status = joint_pile_read_sorted(cells, joint_cell_skip, sparse->cells, &sparse->sorted[1],
                                        &sparse->sorted_capacity[1], &r->cells, err);
    if (!status)
        status = kuni_grow((void **)&sparse->tellings, &sparse->tellings_capacity, sparse->states.n,
                           sizeof(*sparse->tellings), err);
    if (status) return status;
    for (; sparse->n_tellings < sparse->states.n; sparse->n_tellings++)
        sparse->tellings[sparse->n_tellings].row = 0;
    return KUNI_OK;
}

static const telling *telling_of(const sparse_row *r, uint32_t number)
{
    static const int32_t reference[2] = {0, 0};
    telling *t = &r->sparse->tellings[number];
    if (t->row == r->sparse->n_rows) return t;
    t->row = r->sparse->n_rows;
    joint_state state = r->sparse->states.states[number];
    joint_look look = look_at(r->sparse, r->row, state.kind);
    bool called = !look.reason;
    int code = state.kind % JOINT_CODES;
    pen p = {.at = t->before};
    *p.at++ = '\t';
    put_genotype(&p, look.copies, called ? reference : NULL, false);
    put_field(&p, r->has.other, true);
    *p.at++ = ':';
    t->n_before = (uint8_t)(p.at - t->before);
    p.at = p.kept = t->after;
    if (r->has.gq) put_field(&p, (uint64_t)code, called && code != JOINT_CODE_STATED);
    if (r->has.dp)
        put_field(&p, state.depth, look.depth_known && state.depth != KUNI_MIN_DP_MISSING);
    if (r->has.rnc) put_reason(&p, look.reason);
    t->n_after = (uint8_t)(p.kept - t->after);
    return t;
}

/* The stretch that the turn begins. Where its genotype is another one further on, the rest is told of there. */
static kuni_status put_stretch(sparse_row *r, pen *p, int64_t *end, kuni_error *err)
{
    joint_sparse *sparse = r->sparse;
    const joint_sites *sites = sparse->sites;
    kuni_status status = KUNI_OK;
    uint32_t number = joint_get_varint(&r->turns.at), length = joint_get_varint(&r->turns.at);
    if (sparse->varies) {
        stretch s = {.column = r->turns.column,
                     .end = (uint32_t)r->at + length,
                     .state = sparse->states.states[number]};
        s.last = joint_site_index(sites, sites->beg + s.end);
        s.first = next_cut(sparse, &s, r->row->site);
        if (s.first < s.last) length = (uint32_t)(sites->sites[s.first].pos - sites->beg - r->at);
        if (s.first < s.last && s.first < sparse->turns.last) status = add_turn(sparse, &s, err);
    }
    const telling *t = telling_of(r, number);
    memcpy(p->at, t->before, TELLING_CHARS);
    p->at += t->n_before;
    put_number(p, length);
    memcpy(p->at, t->after, TELLING_CHARS);
    p->at += t->n_after;
    p->kept = p->at;
    int64_t reach = sites->beg + r->at + length;
    if (reach > *end) *end = reach;
    return status;
}

/* Bytes that a cell takes at most. */
static size_t cell_room(const joint_cell *c)
{
    size_t numbers = CELL_NUMBERS;
    if (c->n) numbers += 2 * (size_t)c->n + joint_genotype_count(c->n, c->copies);
    return numbers * NUMBER_CHARS;
}

static kuni_status put_format(kuni_buffer *text, const fields *has, kuni_error *err)
{
    return kuni_buffer_printf(text, err, "\tGT:LAA%s%s%s%s%s%s%s", has->len ? ":LEN" : "",
                              has->gq ? ":GQ" : "", has->dp ? ":DP" : "", has->rnc ? ":RNC" : "",
                              has->lad ? ":LAD" : "", has->lpl ? ":LPL" : "", has->ps ? ":PS" : "");
}

kuni_status joint_sparse_row(joint_sparse *sparse, const joint_row *row, kuni_buffer *text,
                             int64_t *end, kuni_error *err)
{
    sparse_row r = {.sparse = sparse,
                    .row = row,
                    .at = sparse->sites->sites[row->site].pos - sparse->sites->beg};
    *end = 0;
    kuni_status status = begin_row(&r, err);
    if (!status) status = put_format(text, &r.has, err);
    uint32_t next = 0, n_columns = sparse->cells->n_columns;
    while ((r.cells.more || r.turns.more) && !status) {
        bool is_cell = r.cells.more && (!r.turns.more || r.cells.column <= r.turns.column);
        joint_pile_reader *from = is_cell ? &r.cells : &r.turns;
        joint_cell cell = {.column = from->column};
        if (is_cell) joint_cell_read(sparse->cells, &from->at, &sparse->room, &cell);
        uint32_t dots = cell.column - next;
        status = kuni_buffer_reserve(text, 2 * (size_t)dots + cell_room(&cell), err);
        if (status) break;
        pen p = {.at = text->data + text->length};
        put_dots(&p, dots);
        next = cell.column + 1;
        if (is_cell) {
            *p.at++ = '\t';
            put_cell(&p, row, &cell, &r.has);
        } else
            status = put_stretch(&r, &p, end, err);
        text->length = (size_t)(p.kept - text->data);
        joint_pile_next(from);
    }
    if (!status) status = kuni_buffer_reserve(text, 2 * (size_t)(n_columns - next) + 1, err);
    if (status) return status;
    pen p = {.at = text->data + text->length};
    put_dots(&p, n_columns - next);
    text->length = (size_t)(p.at - text->data);
    return KUNI_OK;
}
