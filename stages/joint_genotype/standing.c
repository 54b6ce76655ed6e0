/* SPDX-License-Identifier: MIT */
#include "standing.h"

#include <stdlib.h>
#include <string.h>

enum {
    NOBODY = UINT16_MAX, /* of a turn: to no block */
    MISSING = 0x80,      /* int8 of BCF */
    DEEP = INT8_MAX,     /* depths beyond take two bytes, */
    DEEPER = INT16_MAX   /* and beyond this four */
};

/* The last block of a column: what is in it, and the first site past it. */
typedef struct last_block {
    uint32_t until;
    joint_state state;
} last_block;

struct joint_standing {
    const joint_cells *cells;
    const uint8_t *told;
    bool exact;
    joint_piles turns; /* number of the state that the column's sample stands in from the site on */
    joint_states states;
    last_block *last; /* by column */
    size_t last_capacity;
    bool complete; /* all blocks are known: rows have begun */
    uint32_t next; /* site whose turns come next */
    uint32_t n_columns;
    uint16_t *kind, *depth;
    uint8_t *bytes; /* gt, gq, dp and rnc in one piece */
    uint8_t *gt, *gq, *dp;
    char *rnc;
    size_t kind_capacity, depth_capacity, bytes_capacity;
    uint32_t deep, deeper; /* columns of such depths */
    uint32_t n_seen;
    uint16_t seen[JOINT_ALL_KINDS];   /* kinds that somebody was in, in the window */
    uint32_t people[JOINT_ALL_KINDS]; /* in each kind */
    bool is_seen[JOINT_ALL_KINDS], valid[JOINT_ALL_KINDS];
    joint_standing_look looks[JOINT_ALL_KINDS]; /* as they stand in the columns, where valid */
};

joint_standing *joint_standing_new(const joint_cells *cells, const uint8_t *told, bool exact,
                                   kuni_error *err)
{
    joint_standing *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return NULL;
    s->cells = cells;
    s->told = told;
    s->exact = exact;
    return s;
}

void joint_standing_free(joint_standing *s)
{
    if (!s) return;
    joint_piles_fini(&s->turns);
    joint_states_fini(&s->states);
    free(s->last);
    free(s->kind);
    free(s->depth);
    free(s->bytes);
    free(s);
}

kuni_status joint_standing_begin(joint_standing *s, kuni_error *err)
{
    const joint_piles *window = &s->cells->piles;
    size_t n = s->cells->n_columns;
    kuni_status status = joint_piles_begin(&s->turns, window->first, window->last, err);
    if (!status)
        status = kuni_grow((void **)&s->last, &s->last_capacity, n + 1, sizeof(*s->last), err);
    if (!status)
        status = kuni_grow((void **)&s->kind, &s->kind_capacity, n + 1, sizeof(*s->kind), err);
    if (!status)
        status = kuni_grow((void **)&s->depth, &s->depth_capacity, n + 1, sizeof(*s->depth), err);
    if (!status) status = kuni_grow((void **)&s->bytes, &s->bytes_capacity, 5 * n + 1, 1, err);
    if (status) return status;
    joint_states_clear(&s->states);
    memset(s->last, 0, n * sizeof(*s->last));
    s->n_columns = (uint32_t)n;
    s->gt = s->bytes;
    s->gq = s->bytes + 2 * n;
    s->dp = s->gq + n;
    s->rnc = (char *)s->dp + n;
    s->complete = false;
    return KUNI_OK;
}

/* --- blocks --- */

static bool is_exact(const joint_standing *s, uint32_t column)
{
    return s->exact || (s->told && s->told[column]);
}

static uint8_t banded_gq(uint8_t gq)
{
    return gq >= 20 ? 20 : gq >= 10 ? 10 : gq > 0;
}

static uint16_t banded_depth(uint16_t depth)
{
    if (depth == KUNI_MIN_DP_MISSING) return depth;
    return depth >= 10 ? 10 : depth >= 5 ? 5 : depth > 0;
}

static kuni_status add_turn(joint_standing *s, uint32_t site, uint32_t column, joint_state to,
                            kuni_error *err)
{
    uint8_t code[JOINT_VARINT_MOST];
    uint32_t number;
    kuni_status status = joint_states_number(&s->states, to, &number, err);
    if (status) return status;
    size_t n = (size_t)(joint_put_varint(code, number) - code);
    return joint_piles_add(&s->turns, site, column, code, n, err);
}

static const joint_state in_no_block = {NOBODY, KUNI_MIN_DP_MISSING};

kuni_status joint_standing_block(joint_standing *s, const joint_piece *piece, kuni_error *err)
{
    const joint_piles *window = &s->turns;
    uint32_t column = piece->column;
    uint32_t first = piece->first > window->first ? piece->first : window->first;
    bool exact = is_exact(s, column);
    uint16_t depth = piece->block->min_dp;
    last_block now = {.until = piece->last < window->last ? piece->last : window->last,
                      .state = {.kind = (uint16_t)(joint_kind(piece) + (exact ? JOINT_EXACT : 0)),
                                .depth = exact ? depth : banded_depth(depth)}};
    last_block before = s->last[column];
    s->last[column] = now;
    /* Between the two nothing needs to be told where events have all the sites: but not how deep. */
    bool goes_on = before.until && before.state.kind == now.state.kind &&
                   before.state.depth == now.state.depth &&
                   (before.until == first || (piece->joined && !exact));
    if (goes_on) return KUNI_OK;
    kuni_status status = KUNI_OK;
    if (before.until && before.until < first)
        status = add_turn(s, before.until, column, in_no_block, err);
    return status ? status : add_turn(s, first, column, now.state, err);
}

void joint_standing_end(joint_standing *s)
{
    joint_piles_end(&s->turns);
}

int64_t joint_standing_bytes(const joint_standing *s)
{
    return joint_piles_bytes(&s->turns);
}

/* --- rows --- */

/* Whether the look of the kind is known here: nobody is in a block that it does not tell of. */
static bool look_of(const joint_row *row, int all_kind, joint_standing_look *look)
{
    int kind = all_kind % JOINT_EXACT, code = kind % JOINT_CODES, copies = kind / JOINT_CODES;
    bool block = kind < JOINT_KIND_NO_DATA && code < JOINT_QUALITIES && copies > 0;
    if (block && !row->block_calls[copies - 1][code].copies) return false;
    joint_look what = joint_look_of(row, kind);
    bool sure = block && !what.reason && code != JOINT_CODE_STATED;
    uint8_t gq = sure ? row->block_calls[copies - 1][code].gq : MISSING;
    uint8_t allele = what.reason ? 0 : 2; /* (0 + 1) << 1 */
    *look =
        (joint_standing_look){.gt = {allele, what.copies == 2 ? allele : (uint8_t)(INT8_MIN + 1)},
                              .gq = sure && all_kind < JOINT_EXACT ? banded_gq(gq) : gq,
                              .rnc = joint_reason_letters[what.reason],
                              .called = !what.reason,
                              .copies = (uint8_t)what.copies};
    return true;
}

static bool tells_depth(int all_kind)
{
    int kind = all_kind % JOINT_EXACT, code = kind % JOINT_CODES;
    return kind < JOINT_KIND_NO_DATA && code != JOINT_CODE_NOTHING && code != JOINT_CODE_ABSENT;
}

static void count_depth(joint_standing *s, uint16_t depth, uint32_t by)
{
    if (depth == KUNI_MIN_DP_MISSING || depth <= DEEP) return;
    s->deep += by;
    if (depth > DEEPER) s->deeper += by;
}

/* What the kind is told with at the row, for those who turn to it. */
static void look_up(joint_standing *s, uint16_t kind, const joint_row *row)
{
    if (!s->is_seen[kind]) s->seen[s->n_seen++] = kind;
    s->is_seen[kind] = true;
    s->valid[kind] = look_of(row, kind, &s->looks[kind]);
}

static uint16_t nobody(const joint_standing *s, const joint_cohort *cohort, uint32_t column)
{
    int exact = is_exact(s, column) ? JOINT_EXACT : 0;
    return (uint16_t)(JOINT_KIND_NO_DATA + cohort->who[column] + exact);
}

static void take_turn(joint_standing *s, uint32_t column, joint_state to, const joint_row *row,
                      const joint_cohort *cohort)
{
    uint16_t kind = to.kind == NOBODY ? nobody(s, cohort, column) : to.kind;
    uint16_t depth = tells_depth(kind) ? to.depth : KUNI_MIN_DP_MISSING;
    s->people[s->kind[column]]--;
    if (!s->people[kind]++) look_up(s, kind, row);
    s->kind[column] = kind;
    if (s->deep) count_depth(s, s->depth[column], UINT32_MAX);
    count_depth(s, depth, 1);
    s->depth[column] = depth;
    s->dp[column] = depth == KUNI_MIN_DP_MISSING ? MISSING : (uint8_t)depth;
    const joint_standing_look *look = &s->looks[kind];
    memcpy(s->gt + 2 * (size_t)column, look->gt, 2);
    s->gq[column] = look->gq;
    s->rnc[column] = look->rnc;
}

static void take_turns(joint_standing *s, const joint_pile *pile, const joint_row *row,
                       const joint_cohort *cohort)
{
    for (joint_pile_reader r = joint_pile_read(pile); r.more; joint_pile_next(&r)) {
        uint32_t number = joint_get_varint(&r.at);
        take_turn(s, r.column, s->states.states[number], row, cohort);
    }
}

/* Nobody is in a block before the window's first. */
static kuni_status complete(joint_standing *s, const joint_row *row, const joint_cohort *cohort,
                            kuni_error *err)
{
    kuni_status status = KUNI_OK;
    s->complete = true;
    s->next = s->turns.first;
    s->n_seen = s->deep = s->deeper = 0;
    memset(s->people, 0, sizeof(s->people));
    memset(s->is_seen, 0, sizeof(s->is_seen));
    memset(s->dp, MISSING, s->n_columns);
    for (uint32_t column = 0; column < s->n_columns && !status; column++) {
        uint16_t kind = nobody(s, cohort, column);
        s->kind[column] = kind;
        s->depth[column] = KUNI_MIN_DP_MISSING;
        if (!s->people[kind]++) look_up(s, kind, row);
        uint32_t until = s->last[column].until;
        if (until && until < s->turns.last) status = add_turn(s, until, column, in_no_block, err);
    }
    return status;
}

/* Whether what stands in the columns is not what the row says of their kinds: of calls, of qualities. */
static void compare_looks(joint_standing *s, const joint_row *row, bool *calls, bool *qualities)
{
    for (uint32_t i = 0; i < s->n_seen; i++) {
        uint16_t kind = s->seen[i];
        joint_standing_look look, *old = &s->looks[kind];
        if (!s->people[kind] || !look_of(row, kind, &look)) continue;
        if (!s->valid[kind] || memcmp(old->gt, look.gt, 2) != 0 || old->rnc != look.rnc)
            *calls = true;
        if (!s->valid[kind] || old->gq != look.gq) *qualities = true;
        *old = look;
        s->valid[kind] = true;
    }
}

static void rewrite_calls(joint_standing *s)
{
    uint16_t gt[JOINT_ALL_KINDS];
    for (int k = 0; k < JOINT_ALL_KINDS; k++) memcpy(&gt[k], s->looks[k].gt, 2);
    for (uint32_t column = 0; column < s->n_columns; column++) {
        memcpy(s->gt + 2 * (size_t)column, &gt[s->kind[column]], 2);
        s->rnc[column] = s->looks[s->kind[column]].rnc;
    }
}

static void rewrite_qualities(joint_standing *s)
{
    uint8_t gq[JOINT_ALL_KINDS];
    for (int k = 0; k < JOINT_ALL_KINDS; k++) gq[k] = s->looks[k].gq;
    for (uint32_t column = 0; column < s->n_columns; column++) s->gq[column] = gq[s->kind[column]];
}

kuni_status joint_standing_row_of(joint_standing *s, const joint_row *row,
                                  const joint_cohort *cohort, joint_standing_row *out,
                                  kuni_error *err)
{
    bool calls = !s->complete, qualities = calls;
    kuni_status status = s->complete ? KUNI_OK : complete(s, row, cohort, err);
    if (status) return status;
    compare_looks(s, row, &calls, &qualities);
    for (; s->next <= row->site; s->next++)
        take_turns(s, joint_piles_at(&s->turns, s->next), row, cohort);
    if (calls) rewrite_calls(s);
    if (qualities) rewrite_qualities(s);
    *out = (joint_standing_row){.gt = s->gt,
                                .gq = s->gq,
                                .dp = s->dp,
                                .rnc = s->rnc,
                                .kind = s->kind,
                                .depth = s->depth,
                                .deepest = s->deeper ? INT32_MAX
                                           : s->deep ? INT16_MAX
                                                     : 0,
                                .looks = s->looks};
    return KUNI_OK;
}
