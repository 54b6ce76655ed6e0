/* SPDX-License-Identifier: MIT */
#include "dense.h"

#include <stdlib.h>
#include <string.h>

#include "reference.h"

/* What a column's sample is in, and the first site past it. */
typedef struct current {
    uint32_t until;
    uint16_t kind, depth;
} current;

/* How a kind is written in the row under way. */
typedef struct look {
    uint8_t gt[8]; /* two values; beyond 16,382 alleles they are int32 */
    uint8_t gq[2]; /* banded, exact */
    char rnc;
    bool depth_known;
} look;

struct joint_dense {
    joint_cells *cells;  /* borrowed */
    const uint8_t *told; /* likewise, by column: whose blocks have AD and PL; NULL: nobody's */
    bool exact;          /* nobody's blocks are banded */
    uint16_t *kinds;     /* of the row under way, by column: blocks that are told; or UNTOLD */
    size_t kinds_capacity;
    joint_spans spans;
    current *current; /* by column */
    size_t current_capacity;
    int32_t *depths; /* of the row under way */
    size_t depths_capacity;
    uint8_t *base; /* genotypes, qualities and reasons of the row under way */
    size_t base_capacity;
    uint8_t *data; /* another field of it */
    size_t data_capacity;
};

enum { UNTOLD = UINT16_MAX };

joint_dense *joint_dense_new(joint_cells *cells, const uint8_t *told, bool exact, kuni_error *err)
{
    joint_dense *dense = kuni_alloc(1, sizeof(*dense), err);
    if (!dense) return NULL;
    dense->cells = cells;
    dense->told = told;
    dense->exact = exact;
    return dense;
}

void joint_dense_free(joint_dense *dense)
{
    if (!dense) return;
    joint_spans_fini(&dense->spans);
    free(dense->current);
    free(dense->depths);
    free(dense->kinds);
    free(dense->base);
    free(dense->data);
    free(dense);
}

kuni_status joint_dense_begin(joint_dense *dense, kuni_error *err)
{
    size_t n = dense->cells->n_columns;
    kuni_status status =
        kuni_grow((void **)&dense->depths, &dense->depths_capacity, n + 1, sizeof(int32_t), err);
    if (!status)
        status = kuni_grow((void **)&dense->current, &dense->current_capacity, n + 1,
                           sizeof(current), err);
    if (!status && dense->told)
        status =
            kuni_grow((void **)&dense->kinds, &dense->kinds_capacity, n + 1, sizeof(uint16_t), err);
    if (status) return status;
    memset(dense->current, 0, n * sizeof(current));
    return joint_spans_begin(&dense->spans, dense->cells->n_columns, err);
}

static bool is_exact(const joint_dense *dense, uint32_t column)
{
    return dense->exact || (dense->told && dense->told[column]);
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

kuni_status joint_dense_block(joint_dense *dense, const joint_piece *piece, kuni_error *err)
{
    uint16_t depth = piece->block->min_dp;
    const joint_span span = {
        .first = piece->first,
        .last = piece->last,
        .kind = (uint16_t)joint_kind(piece),
        .depth = is_exact(dense, piece->column) ? depth : banded_depth(depth),
    };
    return joint_spans_add(&dense->spans, piece->column, span, err);
}

/* --- rows --- */

static kuni_status put(bcf1_t *record, const void *bytes, size_t n, kuni_error *err)
{
    if (kputsn(bytes, (int)n, &record->indiv) < 0) return kuni_fail_memory(err, n, 1);
    return KUNI_OK;
}

/* Opens a FORMAT field of `width` values a sample; the values follow, sample by sample. */
static kuni_status put_field(bcf1_t *record, int id, int width, int type, const void *data,
                             size_t bytes, kuni_error *err)
{
    if (bcf_enc_int1(&record->indiv, id) < 0 || bcf_enc_size(&record->indiv, width, type) < 0)
        return kuni_fail_memory(err, 16, 1);
    record->n_fmt++;
    return put(record, data, bytes, err);
}

static int type_for(int64_t most)
{
    return most <= INT8_MAX ? BCF_BT_INT8 : most <= INT16_MAX ? BCF_BT_INT16 : BCF_BT_INT32;
}

static size_t type_bytes(int type)
{
    return type == BCF_BT_INT8 ? 1 : type == BCF_BT_INT16 ? 2 : 4;
}

static kuni_status room(joint_dense *dense, size_t bytes, kuni_error *err)
{
    return kuni_grow((void **)&dense->data, &dense->data_capacity, bytes + 1, 1, err);
}

enum { MISSING = INT32_MIN, END = INT32_MIN + 1 };

/* Stores a value, MISSING or END at value number `index` of the row's data. */
static void store(uint8_t *data, int type, size_t index, int32_t value)
{
    if (type == BCF_BT_INT8) {
        data[index] = (uint8_t)(value == MISSING ? INT8_MIN : value == END ? INT8_MIN + 1 : value);
    } else if (type == BCF_BT_INT16) {
        int16_t v = (int16_t)(value == MISSING ? INT16_MIN : value == END ? INT16_MIN + 1 : value);
        memcpy(data + 2 * index, &v, 2);
    } else
        memcpy(data + 4 * index, &value, 4);
}

/* A row in which no sample has a value. */
static void blank(uint8_t *data, int type, size_t n, size_t width)
{
    for (size_t k = 0; k < width; k++) store(data, type, k, k ? END : MISSING);
    size_t unit = width * type_bytes(type), done = unit, all = unit * n;
    while (done < all) { /* doubles what is there */
        size_t more = done < all - done ? done : all - done;
        memcpy(data + done, data, more);
        done += more;
    }
}

/*
 * The genotypes, qualities, depths and reasons of samples in blocks or without data; cells come on
 * top.
 */
typedef struct base_row {
    uint8_t *gt; /* gt_width values a sample of type gt_type */
    int gt_type, gt_width;
    uint8_t *gq;
    char *rnc;
    int64_t deepest;
} base_row;

static void set_genotype(base_row *base, size_t column, int copies, int32_t a, int32_t b,
                         bool phased)
{
    size_t at = column * (size_t)base->gt_width;
    store(base->gt, base->gt_type, at, a < 0 ? 0 : (a + 1) << 1);
    if (base->gt_width == 1) return;
    store(base->gt, base->gt_type, at + 1,
          copies == 2 ? (b < 0 ? 0 : (b + 1) << 1 | (phased ? 1 : 0)) : END);
}

/* Goes on to what the column's sample is in at `site`: a block, or the gap before the next one. */
static void advance(joint_dense *dense, uint32_t column, uint32_t site, uint8_t who)
{
    current *now = &dense->current[column];
    const joint_span *s = joint_spans_advance(&dense->spans, column, site);
    if (!s || s->first > site)
        *now = (current){.until = s ? s->first : JOINT_NONE,
                         .kind = (uint16_t)(JOINT_KIND_NO_DATA + who)};
    else
        *now = (current){.until = s->last, .kind = s->kind, .depth = s->depth};
}

/* What each kind of sample without an event is written as at the site. */
static void fill_looks(const joint_row *row, const base_row *base, look *looks)
{
    for (int kind = 0; kind < JOINT_KIND_NO_DATA + (int)row->n_whos; kind++) {
        int code = kind % JOINT_CODES, copies = kind / JOINT_CODES;
        bool block = kind < JOINT_KIND_NO_DATA && code < JOINT_QUALITIES && copies > 0;
        if (block && !row->block_calls[copies - 1][code].copies)
            continue; /* nobody is in such a block here */
        joint_look what = joint_look_of(row, kind);
        look *l = &looks[kind];
        base_row one = *base;
        one.gt = l->gt;
        set_genotype(&one, 0, what.copies, what.reason ? -1 : 0, what.reason ? -1 : 0, false);
        bool sure = block && !what.reason && code != JOINT_CODE_STATED;
        uint8_t gq = sure ? row->block_calls[copies - 1][code].gq : (uint8_t)INT8_MIN;
        l->gq[0] = sure ? banded_gq(gq) : gq;
        l->gq[1] = gq;
        l->rnc = joint_reason_letters[what.reason];
        l->depth_known = what.depth_known;
    }
}

/* What AD and PL of a column's sample that has no event follow from. */
static uint16_t told_kind(const joint_dense *dense, uint32_t column, uint16_t kind)
{
    bool block =
        kind < JOINT_KIND_NO_DATA && kind / JOINT_CODES > 0 && kind % JOINT_CODES < JOINT_QUALITIES;
    return block && dense->told[column] ? kind : UNTOLD;
}

static void fill_base(joint_dense *dense, const joint_row *row, const joint_cohort *cohort,
                      base_row *base)
{
    look looks[JOINT_KINDS];
    fill_looks(row, base, looks);
    size_t unit = (size_t)base->gt_width * type_bytes(base->gt_type);
    int32_t deepest = 0;
    for (uint32_t column = 0; column < dense->cells->n_columns; column++) {
        const current *now = &dense->current[column];
        if (now->until <= row->site) advance(dense, column, row->site, cohort->who[column]);
        const look *l = &looks[now->kind];
        if (unit == 2)
            memcpy(base->gt + 2 * (size_t)column, l->gt, 2);
        else
            memcpy(base->gt + unit * column, l->gt, unit);
        base->gq[column] = l->gq[is_exact(dense, column)];
        base->rnc[column] = l->rnc;
        bool known = l->depth_known && now->depth != KUNI_MIN_DP_MISSING;
        int32_t depth = known ? now->depth : MISSING;
        dense->depths[column] = depth;
        if (depth > deepest) deepest = depth;
        if (dense->told) dense->kinds[column] = told_kind(dense, column, now->kind);
    }
    base->deepest = deepest;
}

static void fill_cells(joint_dense *dense, const joint_row *row, base_row *base)
{
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        set_genotype(base, c->column, c->copies, c->reason ? -1 : c->allele[0],
                     c->reason ? -1 : c->allele[1], c->phased);
        base->gq[c->column] = c->reason || c->no_gq ? (uint8_t)INT8_MIN : c->gq;
        base->rnc[c->column] = joint_reason_letters[c->reason];
        if (dense->told) dense->kinds[c->column] = UNTOLD;
        bool unknown = c->reason == JOINT_ABSENT || c->dp == KUNI_DP_MISSING;
        dense->depths[c->column] = unknown ? MISSING : (int32_t)c->dp;
        if (dense->depths[c->column] > base->deepest) base->deepest = dense->depths[c->column];
    }
}

/* Whether the column's block has AD in the row under way; its least depth stands in `depths`. */
static bool tells_depth(const joint_dense *dense, uint32_t column)
{
    return dense->kinds[column] != UNTOLD && dense->depths[column] != MISSING;
}

/* AD of reference blocks: see reference.h. */
static void put_block_depths(joint_dense *dense, const joint_row *row, int type, uint32_t width)
{
    for (uint32_t column = 0; dense->told && column < dense->cells->n_columns; column++) {
        if (!tells_depth(dense, column)) continue;
        size_t at = (size_t)column * width;
        store(dense->data, type, at, dense->depths[column]);
        for (uint32_t i = 1; i < width; i++) store(dense->data, type, at + i, row->local ? END : 0);
    }
}

static kuni_status put_depths(joint_dense *dense, const joint_row *row, int id, bcf1_t *record,
                              kuni_error *err)
{
    int64_t most = 0;
    uint32_t width = row->local ? 1 : row->n_alleles;
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        if (!c->ad) continue;
        uint32_t n = joint_cell_alleles(c, row->n_alleles);
        if (row->local && n > width) width = n;
        for (uint32_t i = 0; i < n; i++)
            if (c->ad[i] > most) most = c->ad[i];
    }
    for (uint32_t column = 0; dense->told && column < dense->cells->n_columns; column++)
        if (tells_depth(dense, column) && dense->depths[column] > most)
            most = dense->depths[column];
    int type = type_for(most);
    size_t bytes = (size_t)dense->cells->n_columns * width * type_bytes(type);
    kuni_status status = room(dense, bytes, err);
    if (status) return status;
    blank(dense->data, type, dense->cells->n_columns, width);
    put_block_depths(dense, row, type, width);
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        if (!c->ad) continue;
        size_t at = (size_t)c->column * width;
        if (row->local) {
            uint32_t n = joint_cell_alleles(c, row->n_alleles);
            for (uint32_t i = 0; i < width; i++)
                store(dense->data, type, at + i, i < n ? (int32_t)c->ad[i] : END);
            continue;
        }
        for (uint32_t i = 0; i < width; i++) {
            uint32_t k = joint_cell_find(c, i);
            store(dense->data, type, at + i, k + 1 < c->n ? (int32_t)c->ad[k] : 0);
        }
    }
    return put_field(record, id, (int)width, type, dense->data, bytes, err);
}

/* Copies of a block that has PL; 0: it has none. */
static int block_copies(uint16_t kind)
{
    return kind == UNTOLD || kind % JOINT_CODES == JOINT_CODE_STATED ? 0 : kind / JOINT_CODES;
}

/* PL of reference blocks: see reference.h. */
static void put_block_likelihoods(joint_dense *dense, const joint_row *row, uint32_t width)
{
    uint32_t n = row->local ? 1 : row->n_alleles;
    for (uint32_t column = 0; dense->told && column < dense->cells->n_columns; column++) {
        uint16_t kind = dense->kinds[column];
        int copies = block_copies(kind), q = kind % JOINT_CODES;
        if (!copies) continue;
        size_t at = (size_t)column * width, done = 0;
        for (uint32_t j = 0; j < n; j++)
            for (uint32_t i = copies == 1 ? j : 0; i <= j; i++)
                store(dense->data, BCF_BT_INT16, at + done++,
                      joint_reference_pl(q, (copies == 2 && i > 0) + (j > 0)));
        while (done < width) store(dense->data, BCF_BT_INT16, at + done++, END);
    }
}

static bool has_diploid_block(const joint_dense *dense)
{
    for (uint32_t column = 0; dense->told && column < dense->cells->n_columns; column++)
        if (block_copies(dense->kinds[column]) == 2) return true;
    return false;
}

static kuni_status put_likelihoods(joint_dense *dense, const joint_row *row, int id, bcf1_t *record,
                                   kuni_error *err)
{
    bool diploid = has_diploid_block(dense);
    uint32_t most = 1;
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        if (!c->pl) continue;
        if (c->copies == 2) diploid = true;
        uint32_t n = joint_genotype_count(joint_cell_alleles(c, row->n_alleles), c->copies);
        if (n > most) most = n;
    }
    uint32_t width = row->local ? most : joint_genotype_count(row->n_alleles, diploid ? 2 : 1);
    size_t bytes = (size_t)dense->cells->n_columns * width * 2;
    kuni_status status = room(dense, bytes, err);
    if (status) return status;
    blank(dense->data, BCF_BT_INT16, dense->cells->n_columns, width);
    put_block_likelihoods(dense, row, width);
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        if (!c->pl) continue;
        size_t at = (size_t)c->column * width, done = 0;
        uint32_t n = row->local ? joint_cell_alleles(c, row->n_alleles) : row->n_alleles;
        int least = joint_cell_least(c, row->n_alleles, row->local);
        for (uint32_t j = 0; j < n; j++) {
            uint32_t lj = row->local ? j : joint_cell_find(c, j);
            for (uint32_t i = c->copies == 1 ? j : 0; i <= j; i++) {
                uint32_t li = row->local ? i : joint_cell_find(c, i);
                uint32_t g = c->copies == 1 ? lj : joint_genotype_index(li, lj);
                store(dense->data, BCF_BT_INT16, at + done++, c->pl[g] - least);
            }
        }
        while (done < width) store(dense->data, BCF_BT_INT16, at + done++, END);
    }
    return put_field(record, id, (int)width, BCF_BT_INT16, dense->data, bytes, err);
}

static kuni_status put_local_alleles(joint_dense *dense, const joint_row *row, int id,
                                     bcf1_t *record, kuni_error *err)
{
    uint32_t width = 1;
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        uint32_t n = c->n ? joint_cell_alleles(c, row->n_alleles) : 0;
        if (n > width + 1) width = n - 1;
    }
    int type = type_for(row->n_alleles);
    size_t bytes = (size_t)dense->cells->n_columns * width * type_bytes(type);
    kuni_status status = room(dense, bytes, err);
    if (status) return status;
    blank(dense->data, type, dense->cells->n_columns, width);
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next) {
        uint32_t n = c->n ? joint_cell_alleles(c, row->n_alleles) : 0;
        size_t at = (size_t)c->column * width;
        for (uint32_t i = 1; i < n; i++) store(dense->data, type, at + i - 1, c->number[i]);
        for (uint32_t i = n > 1 ? n : 2; i <= width; i++) store(dense->data, type, at + i - 1, END);
    }
    return put_field(record, id, (int)width, type, dense->data, bytes, err);
}

static kuni_status put_phase(joint_dense *dense, const joint_row *row, int id, bcf1_t *record,
                             kuni_error *err)
{
    size_t bytes = (size_t)dense->cells->n_columns * 4;
    kuni_status status = room(dense, bytes, err);
    if (status) return status;
    blank(dense->data, BCF_BT_INT32, dense->cells->n_columns, 1);
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next)
        if (c->phased && c->phase_set >= 0 && c->phase_set < INT32_MAX)
            store(dense->data, BCF_BT_INT32, c->column, (int32_t)c->phase_set + 1);
    return put_field(record, id, 1, BCF_BT_INT32, dense->data, bytes, err);
}

static kuni_status put_depth(joint_dense *dense, int64_t deepest, int id, bcf1_t *record,
                             kuni_error *err)
{
    int type = type_for(deepest);
    size_t bytes = dense->cells->n_columns * type_bytes(type);
    kuni_status status = room(dense, bytes, err);
    if (status) return status;
    for (uint32_t i = 0; type == BCF_BT_INT8 && i < dense->cells->n_columns; i++)
        dense->data[i] = (uint8_t)(dense->depths[i] == MISSING ? INT8_MIN : dense->depths[i]);
    for (uint32_t i = 0; type != BCF_BT_INT8 && i < dense->cells->n_columns; i++)
        store(dense->data, type, i, dense->depths[i]);
    return put_field(record, id, 1, type, dense->data, bytes, err);
}

static int row_width(const joint_dense *dense, const joint_row *row)
{
    for (uint32_t who = 0; who < row->n_whos; who++)
        if (row->expected[who].copies == 2) return 2;
    for (const joint_cell *c = joint_cells_at(dense->cells, row->site); c; c = c->next)
        if (c->copies == 2) return 2;
    return 1;
}

kuni_status joint_dense_row(joint_dense *dense, const joint_row *row, const joint_cohort *cohort,
                            const joint_format_ids *ids, bcf1_t *record, kuni_error *err)
{
    size_t n = dense->cells->n_columns;
    record->n_sample = (uint32_t)n & 0xFFFFFF;
    record->n_fmt = 0;
    record->indiv.l = 0;
    base_row base = {.gt_type = type_for((int64_t)row->n_alleles * 2 + 1),
                     .gt_width = row_width(dense, row)};
    size_t gt_bytes = n * (size_t)base.gt_width * type_bytes(base.gt_type);
    kuni_status status =
        kuni_grow((void **)&dense->base, &dense->base_capacity, gt_bytes + 2 * n + 1, 1, err);
    if (status) return status;
    base.gt = dense->base;
    base.gq = base.gt + gt_bytes;
    base.rnc = (char *)base.gq + n;
    fill_base(dense, row, cohort, &base);
    fill_cells(dense, row, &base);
    if (ids->gt >= 0)
        status = put_field(record, ids->gt, base.gt_width, base.gt_type, base.gt, gt_bytes, err);
    if (row->local && ids->laa >= 0 && !status)
        status = put_local_alleles(dense, row, ids->laa, record, err);
    if (ids->gq >= 0 && !status)
        status = put_field(record, ids->gq, 1, BCF_BT_INT8, base.gq, n, err);
    if (ids->dp >= 0 && !status) status = put_depth(dense, base.deepest, ids->dp, record, err);
    int ad = row->local ? ids->lad : ids->ad, pl = row->local ? ids->lpl : ids->pl;
    if (ad >= 0 && !status) status = put_depths(dense, row, ad, record, err);
    if (pl >= 0 && !status) status = put_likelihoods(dense, row, pl, record, err);
    if (ids->rnc >= 0 && !status)
        status = put_field(record, ids->rnc, 1, BCF_BT_CHAR, base.rnc, n, err);
    if (ids->ps >= 0 && row->phased && !status)
        status = put_phase(dense, row, ids->ps, record, err);
    return status;
}
