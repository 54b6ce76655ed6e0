/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

/* --- states --- */

void joint_states_fini(joint_states *states)
{
    free(states->states);
    free(states->places);
}

void joint_states_clear(joint_states *states)
{
    states->n = states->n_places = 0;
}

static size_t place_of(const joint_states *s, joint_state state)
{
    const uint32_t spread = 2654435769u; /* Knuth: 2^32 over the golden ratio */
    size_t place = (((uint32_t)state.kind << 16 | state.depth) * spread >> 7) & (s->n_places - 1);
    while (s->places[place]) {
        joint_state there = s->states[s->places[place] - 1];
        if (there.kind == state.kind && there.depth == state.depth) break;
        place = (place + 1) & (s->n_places - 1);
    }
    return place;
}

/* A table twice as large, at most half full. */
static kuni_status spread_states(joint_states *s, kuni_error *err)
{
    enum { LEAST = 64 };
    size_t n = s->n_places ? 2 * s->n_places : LEAST;
    kuni_status status =
        kuni_grow((void **)&s->places, &s->places_capacity, n, sizeof(*s->places), err);
    if (status) return status;
    s->n_places = n;
    memset(s->places, 0, n * sizeof(*s->places));
    for (size_t i = 0; i < s->n; i++) s->places[place_of(s, s->states[i])] = (uint32_t)i + 1;
    return KUNI_OK;
}

kuni_status joint_states_number(joint_states *s, joint_state state, uint32_t *number,
                                kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (2 * (s->n + 1) > s->n_places) status = spread_states(s, err);
    if (status) return status;
    uint32_t *place = &s->places[place_of(s, state)];
    if (!*place) {
        status = kuni_grow((void **)&s->states, &s->capacity, s->n + 1, sizeof(*s->states), err);
        if (status) return status;
        s->states[s->n++] = state;
        *place = (uint32_t)s->n;
    }
    *number = *place - 1;
    return KUNI_OK;
}

/* --- cells --- */

joint_cells *joint_cells_new(const joint_options *options, kuni_error *err)
{
    joint_cells *cells = kuni_alloc(1, sizeof(*cells), err);
    if (!cells) return NULL;
    cells->with_ad = options->with_ad;
    cells->with_pl = options->with_pl;
    cells->with_ps = options->with_ps;
    return cells;
}

void joint_cells_free(joint_cells *cells)
{
    if (!cells) return;
    joint_piles_fini(&cells->piles);
    free(cells->code);
    free(cells->row);
    free(cells->shorts);
    free(cells->longs);
    free(cells);
}

kuni_status joint_cells_begin(joint_cells *cells, uint32_t n_columns, int64_t beg, uint32_t first,
                              uint32_t last, kuni_error *err)
{
    cells->n_columns = n_columns;
    cells->beg = beg;
    return joint_piles_begin(&cells->piles, first, last, err);
}

void joint_cells_end(joint_cells *cells)
{
    joint_piles_end(&cells->piles);
}

/*
 * How a cell is coded: reason, copies, phased, and whether there are no likelihoods; n, and whether there are
 * reads of alleles; the numbers between REF and "other", each from the one before; of a call its alleles, by
 * where they stand among the numbers, and GQ; depth; of a phased one its set; reads; likelihoods.
 */
enum { REASON = 15, COPIES_AT = 4, COPIES = 3, PHASED = 64, HARD = 128, WITH_AD = 128 };

kuni_status joint_cells_refused(joint_cells *cells, uint32_t site, uint32_t column,
                                joint_reason reason, int copies, uint32_t dp, kuni_error *err)
{
    uint8_t code[2 + JOINT_VARINT_MOST], *to = code;
    *to++ = (uint8_t)(reason | copies << COPIES_AT);
    *to++ = 0;
    to = joint_put_varint(to, dp + 1);
    joint_piles_at(&cells->piles, site)->traits |= JOINT_CELLS_UNCALLED;
    return joint_piles_add(&cells->piles, site, column, code, (size_t)(to - code), err);
}

/*
 * Reads are told of one event. Where the genotype has an ALT of another event of the sample, or where
 * none of the reads is of any allele that it has, they say nothing of it. "*" is what has no reads.
 */
static bool tells_reads(const joint_local *local, const joint_call *call, const uint32_t *depths,
                        int32_t star)
{
    uint64_t called = 0;
    if (call->reason) return true;
    for (int k = 0; k < call->copies; k++) {
        uint32_t i = 0;
        while (i + 1 < local->n && (int32_t)local->number[i] != call->allele[k]) i++;
        bool listed = call->allele[k] == 0 || call->allele[k] == star;
        for (uint32_t a = 0; a < local->event->n_alleles && !listed; a++)
            listed = local->local_of[a] == i;
        if (!listed) return false;
        called += depths[i];
    }
    return called > 0;
}

static uint32_t place_among(const joint_local *local, int32_t allele)
{
    uint32_t i = 0;
    while (i + 1 < local->n && local->number[i] != allele) i++;
    return i;
}

static uint8_t *put_phase_set(const joint_cells *cells, uint8_t *to, int64_t phase_set)
{
    if (phase_set < 0 || phase_set >= INT32_MAX) return joint_put_varint(to, 0);
    int64_t apart = phase_set - cells->beg;
    return joint_put_varint(to, 1 + (uint32_t)(apart < 0 ? -2 * apart - 1 : 2 * apart));
}

static int64_t get_phase_set(const joint_cells *cells, const uint8_t **at)
{
    uint32_t code = joint_get_varint(at);
    if (!code--) return -1;
    return cells->beg + (code & 1 ? -(int64_t)(code / 2) - 1 : (int64_t)(code / 2));
}

static uint8_t *put_call(const joint_cells *cells, uint8_t *to, const joint_local *local,
                         const joint_call *call)
{
    if (!call->reason) {
        uint32_t second = local->copies == 2 ? place_among(local, call->allele[1]) : 0;
        to = joint_put_varint(to, place_among(local, call->allele[0]) * local->n + second);
        *to++ = call->gq;
    }
    to = joint_put_varint(to, local->event->dp + 1); /* 0: missing */
    return call->phased && cells->with_ps ? put_phase_set(cells, to, local->event->phase_set) : to;
}

kuni_status joint_cells_event(joint_cells *cells, uint32_t site, uint32_t column,
                              const joint_local *local, const joint_call *call, int32_t star,
                              kuni_error *err)
{
    enum { HEAD = 8 };
    uint32_t depths[JOINT_LOCAL_MAX];
    bool told = cells->with_ad && joint_local_depths(local, depths) &&
                tells_reads(local, call, depths, star);
    uint32_t n_pl =
        local->hard || !cells->with_pl ? 0 : joint_genotype_count(local->n, local->copies);
    size_t most = HEAD + (2 * (size_t)local->n + n_pl + 3) * JOINT_VARINT_MOST;
    kuni_status status = kuni_grow((void **)&cells->code, &cells->code_capacity, most, 1, err);
    if (status) return status;
    uint8_t *to = cells->code;
    *to++ = (uint8_t)((int)call->reason | local->copies << COPIES_AT | (call->phased ? PHASED : 0) |
                      (local->hard ? HARD : 0));
    *to++ = (uint8_t)(local->n | (told ? WITH_AD : 0));
    for (uint32_t i = 1; i + 1 < local->n; i++)
        to = joint_put_varint(to, (uint32_t)(local->number[i] - local->number[i - 1]));
    to = put_call(cells, to, local, call);
    for (uint32_t i = 0; told && i + 1 < local->n; i++) to = joint_put_varint(to, depths[i]);
    for (uint32_t i = 0; i < n_pl; i++)
        to = joint_put_varint(to, (uint32_t)(local->pl[i] > INT16_MAX ? INT16_MAX : local->pl[i]));
    joint_piles_at(&cells->piles, site)->traits |=
        (uint8_t)((told ? JOINT_CELLS_AD : 0) | (n_pl ? JOINT_CELLS_PL : 0) |
                  (call->reason ? JOINT_CELLS_UNCALLED : 0));
    return joint_piles_add(&cells->piles, site, column, cells->code, (size_t)(to - cells->code),
                           err);
}

/* What it points to goes to `shorts` and `longs`, which have room for it, and move on. */
static void read_cell(const joint_cells *cells, const uint8_t **at, uint16_t **shorts,
                      uint32_t **longs, joint_cell *c)
{
    uint8_t head = *(*at)++, n = *(*at)++;
    *c = (joint_cell){.column = c->column,
                      .reason = head & REASON,
                      .copies = head >> COPIES_AT & COPIES,
                      .phased = head & PHASED,
                      .n = n & (WITH_AD - 1),
                      .phase_set = -1};
    uint16_t *number = *shorts;
    for (uint32_t i = 0; i < c->n; i++)
        number[i] = i == 0         ? 0
                    : i + 1 < c->n ? (uint16_t)(number[i - 1] + joint_get_varint(at))
                                   : JOINT_OTHER;
    c->number = number;
    *shorts += c->n;
    if (!c->reason && c->n) {
        uint32_t places = joint_get_varint(at);
        c->allele[0] = number[places / c->n];
        c->allele[1] = c->copies == 2 ? number[places % c->n] : -1;
        c->gq = *(*at)++;
    }
    c->no_gq = head & HARD && !c->gq;
    c->dp = joint_get_varint(at) - 1;
    if (c->phased && cells->with_ps) c->phase_set = get_phase_set(cells, at);
    if (n & WITH_AD) {
        c->ad = *longs;
        for (uint32_t i = 0; i + 1 < c->n; i++) *(*longs)++ = joint_get_varint(at);
    }
    if (head & HARD || !c->n || !cells->with_pl) return;
    c->pl = *shorts;
    for (uint32_t n_pl = joint_genotype_count(c->n, c->copies); n_pl; n_pl--)
        *(*shorts)++ = (uint16_t)joint_get_varint(at);
}

void joint_cell_read(const joint_cells *cells, const uint8_t **at, joint_cell_room *room,
                     joint_cell *cell)
{
    uint16_t *shorts = room->shorts;
    uint32_t *longs = room->longs;
    read_cell(cells, at, &shorts, &longs, cell);
}

void joint_cell_skip(void *cells, const uint8_t **at)
{
    joint_cell_room room;
    joint_cell cell = {0};
    joint_cell_read(cells, at, &room, &cell);
}

kuni_status joint_cells_row(joint_cells *cells, uint32_t site, const joint_cell **row, size_t *n,
                            kuni_error *err)
{
    const joint_pile *pile = joint_piles_at(&cells->piles, site);
    /* All numbers but REF and "other" take a byte or more. */
    size_t most = pile->bytes;
    kuni_status status = kuni_grow((void **)&cells->row, &cells->row_capacity, (size_t)pile->n + 1,
                                   sizeof(*cells->row), err);
    if (!status)
        status = kuni_grow((void **)&cells->shorts, &cells->shorts_capacity,
                           most + 2 * (size_t)pile->n + 1, sizeof(*cells->shorts), err);
    if (!status)
        status = kuni_grow((void **)&cells->longs, &cells->longs_capacity, most + 1,
                           sizeof(*cells->longs), err);
    if (status) return status;
    uint16_t *shorts = cells->shorts;
    uint32_t *longs = cells->longs;
    *row = cells->row;
    *n = 0;
    for (joint_pile_reader r = joint_pile_read(pile); r.more; joint_pile_next(&r)) {
        joint_cell *c = &cells->row[(*n)++];
        c->column = r.column;
        read_cell(cells, &r.at, &shorts, &longs, c);
    }
    return KUNI_OK;
}

int joint_cell_least(const joint_cell *cell, uint32_t n_alleles, bool local)
{
    int least = INT16_MAX;
    bool other = false; /* some allele of the record is "other" */
    uint32_t known = joint_cell_alleles(cell, n_alleles), written[JOINT_LOCAL_MAX], n = 0;
    for (uint32_t i = 0; i < known; i++) written[n++] = i;
    for (uint32_t a = 0; a < n_alleles && !local && !other; a++)
        other = joint_cell_find(cell, a) == cell->n - 1u;
    if (other) written[n++] = cell->n - 1u;
    for (uint32_t j = 0; j < n; j++)
        for (uint32_t i = cell->copies == 1 ? j : 0; i <= j; i++) {
            uint32_t g =
                cell->copies == 1 ? written[j] : joint_genotype_index(written[i], written[j]);
            if (cell->pl[g] < least) least = cell->pl[g];
        }
    return least;
}
