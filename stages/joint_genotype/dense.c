/* SPDX-License-Identifier: MIT */
#include "dense.h"

#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "standing.h"

struct joint_dense {
    joint_cells *cells;  /* borrowed */
    const uint8_t *told; /* likewise, by column: whose blocks have AD and PL; NULL: nobody's */
    joint_standing *standing;
};

/* A row under way. */
typedef struct dense_row {
    const joint_dense *dense;
    const joint_row *row;
    const joint_cell *cells, *end;
    uint32_t n; /* columns */
    joint_standing_row standing;
    bcf1_t *record;
    kuni_error *err;
} dense_row;

joint_dense *joint_dense_new(joint_cells *cells, const uint8_t *told, bool exact, kuni_error *err)
{
    joint_dense *dense = kuni_alloc(1, sizeof(*dense), err);
    if (!dense) return NULL;
    dense->cells = cells;
    dense->told = told;
    dense->standing = joint_standing_new(cells, told, exact, err);
    if (dense->standing) return dense;
    free(dense);
    return NULL;
}

void joint_dense_free(joint_dense *dense)
{
    if (!dense) return;
    joint_standing_free(dense->standing);
    free(dense);
}

void joint_dense_end(joint_dense *dense)
{
    joint_standing_end(dense->standing);
}

int64_t joint_dense_bytes(const joint_dense *dense)
{
    return joint_standing_bytes(dense->standing);
}

kuni_status joint_dense_begin(joint_dense *dense, kuni_error *err)
{
    return joint_standing_begin(dense->standing, err);
}

kuni_status joint_dense_block(joint_dense *dense, const joint_piece *piece, kuni_error *err)
{
    return joint_standing_block(dense->standing, piece, err);
}

/* --- values --- */

static int type_for(int64_t most)
{
    return most <= INT8_MAX ? BCF_BT_INT8 : most <= INT16_MAX ? BCF_BT_INT16 : BCF_BT_INT32;
}

static size_t type_bytes(int type)
{
    return type == BCF_BT_INT8 ? 1 : type == BCF_BT_INT16 ? 2 : 4;
}

/* Opens a FORMAT field of `width` values a sample, and makes room for them; NULL: no memory. */
static uint8_t *open_field(dense_row *d, int id, size_t width, int type)
{
    kstring_t *to = &d->record->indiv;
    size_t bytes = d->n * width * type_bytes(type == BCF_BT_CHAR ? BCF_BT_INT8 : type);
    if (bcf_enc_int1(to, id) < 0 || bcf_enc_size(to, (int)width, type) < 0 ||
        ks_resize(to, to->l + bytes + 1) < 0) {
        (void)kuni_fail_memory(d->err, bytes, 1);
        return NULL;
    }
    d->record->n_fmt++;
    uint8_t *at = (uint8_t *)to->s + to->l;
    to->l += bytes;
    return at;
}

enum { MISSING = INT32_MIN, END = INT32_MIN + 1 };

/* Stores a value, MISSING or END at value number `index` of the row's data. */
static inline void store(uint8_t *data, int type, size_t index, int32_t value)
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

static void set_genotype(uint8_t *gt, int type, size_t width, size_t column, int copies,
                         const int32_t *alleles, bool phased)
{
    size_t at = column * width;
    store(gt, type, at, alleles ? (alleles[0] + 1) << 1 : 0);
    if (width == 1) return;
    store(gt, type, at + 1,
          copies != 2 ? END
          : alleles   ? (alleles[1] + 1) << 1 | (phased ? 1 : 0)
                      : 0);
}

/* Of samples without an event, where they are not written as they stand. */
static void spread_genotypes(const dense_row *d, uint8_t *gt, int type, size_t width)
{
    static const int32_t reference[2] = {0, 0};
    uint8_t looks[JOINT_ALL_KINDS][8];
    size_t unit = width * type_bytes(type);
    for (int k = 0; k < JOINT_ALL_KINDS; k++) {
        const joint_standing_look *look = &d->standing.looks[k];
        set_genotype(looks[k], type, width, 0, look->copies, look->called ? reference : NULL,
                     false);
    }
    for (uint32_t column = 0; column < d->n; column++)
        memcpy(gt + unit * column, looks[d->standing.kind[column]], unit);
}

static size_t genotype_width(const dense_row *d)
{
    for (uint32_t who = 0; who < d->row->n_whos; who++)
        if (d->row->expected[who].copies == 2) return 2;
    for (const joint_cell *c = d->cells; c < d->end; c++)
        if (c->copies == 2) return 2;
    return 1;
}

static kuni_status put_genotypes(dense_row *d, int id)
{
    int type = type_for((int64_t)d->row->n_alleles * 2 + 1);
    size_t width = genotype_width(d);
    uint8_t *gt = open_field(d, id, width, type);
    if (!gt) return KUNI_MEMORY;
    if (type == BCF_BT_INT8 && width == 2)
        memcpy(gt, d->standing.gt, 2 * (size_t)d->n);
    else
        spread_genotypes(d, gt, type, width);
    for (const joint_cell *c = d->cells; c < d->end; c++)
        set_genotype(gt, type, width, c->column, c->copies, c->reason ? NULL : c->allele,
                     c->phased);
    return KUNI_OK;
}

static kuni_status put_qualities(dense_row *d, int id)
{
    uint8_t *gq = open_field(d, id, 1, BCF_BT_INT8);
    if (!gq) return KUNI_MEMORY;
    memcpy(gq, d->standing.gq, d->n);
    for (const joint_cell *c = d->cells; c < d->end; c++)
        gq[c->column] = c->reason || c->no_gq ? (uint8_t)INT8_MIN : c->gq;
    return KUNI_OK;
}

static kuni_status put_reasons(dense_row *d, int id)
{
    uint8_t *rnc = open_field(d, id, 1, BCF_BT_CHAR);
    if (!rnc) return KUNI_MEMORY;
    memcpy(rnc, d->standing.rnc, d->n);
    for (const joint_cell *c = d->cells; c < d->end; c++)
        rnc[c->column] = (uint8_t)joint_reason_letters[c->reason];
    return KUNI_OK;
}

static int32_t depth_of(const joint_cell *c)
{
    return c->reason == JOINT_ABSENT || c->dp == KUNI_DP_MISSING ? MISSING : (int32_t)c->dp;
}

static kuni_status put_depth(dense_row *d, int id)
{
    int64_t deepest = d->standing.deepest;
    for (const joint_cell *c = d->cells; c < d->end; c++)
        if (depth_of(c) > deepest) deepest = depth_of(c);
    int type = type_for(deepest);
    uint8_t *dp = open_field(d, id, 1, type);
    if (!dp) return KUNI_MEMORY;
    if (type == BCF_BT_INT8) memcpy(dp, d->standing.dp, d->n);
    for (uint32_t column = 0; type != BCF_BT_INT8 && column < d->n; column++) {
        uint16_t depth = d->standing.depth[column];
        store(dp, type, column, depth == KUNI_MIN_DP_MISSING ? MISSING : depth);
    }
    for (const joint_cell *c = d->cells; c < d->end; c++) store(dp, type, c->column, depth_of(c));
    return KUNI_OK;
}

/* --- reads and likelihoods; of reference blocks: see reference.h --- */

/* Whether AD and PL of the column's block are told here. Who is told of exactly stands in none where events are. */
static bool is_told(const dense_row *d, uint32_t column)
{
    int kind = d->standing.kind[column] % JOINT_EXACT;
    return kind < JOINT_KIND_NO_DATA && kind / JOINT_CODES > 0 &&
           kind % JOINT_CODES < JOINT_QUALITIES && d->dense->told[column];
}

static bool tells_depth(const dense_row *d, uint32_t column)
{
    return is_told(d, column) && d->standing.depth[column] != KUNI_MIN_DP_MISSING;
}

static uint32_t columns_told(const dense_row *d)
{
    return d->dense->told ? d->n : 0;
}

static void put_block_depths(const dense_row *d, uint8_t *ad, int type, uint32_t width)
{
    for (uint32_t column = 0; column < columns_told(d); column++) {
        if (!tells_depth(d, column)) continue;
        size_t at = (size_t)column * width;
        store(ad, type, at, d->standing.depth[column]);
        for (uint32_t i = 1; i < width; i++) store(ad, type, at + i, d->row->local ? END : 0);
    }
}

static kuni_status put_depths(dense_row *d, int id)
{
    const joint_row *row = d->row;
    int64_t most = 0;
    uint32_t width = row->local ? 1 : row->n_alleles;
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        if (!c->ad) continue;
        uint32_t n = joint_cell_alleles(c, row->n_alleles);
        if (row->local && n > width) width = n;
        for (uint32_t i = 0; i < n; i++)
            if (c->ad[i] > most) most = c->ad[i];
    }
    for (uint32_t column = 0; column < columns_told(d); column++)
        if (tells_depth(d, column) && d->standing.depth[column] > most)
            most = d->standing.depth[column];
    int type = type_for(most);
    uint8_t *ad = open_field(d, id, width, type);
    if (!ad) return KUNI_MEMORY;
    blank(ad, type, d->n, width);
    put_block_depths(d, ad, type, width);
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        if (!c->ad) continue;
        size_t at = (size_t)c->column * width;
        uint32_t n = joint_cell_alleles(c, row->n_alleles);
        bool straight = row->local || n == width;
        for (uint32_t i = 0; i < width && straight; i++)
            store(ad, type, at + i, i < n ? (int32_t)c->ad[i] : END);
        for (uint32_t i = 0; i < width && !straight; i++) {
            uint32_t k = joint_cell_find(c, i);
            store(ad, type, at + i, k + 1 < c->n ? (int32_t)c->ad[k] : 0);
        }
    }
    return KUNI_OK;
}

/* Copies of a block that has PL; 0: it has none. */
static int block_copies(const dense_row *d, uint32_t column)
{
    int kind = d->standing.kind[column] % JOINT_EXACT;
    return !is_told(d, column) || kind % JOINT_CODES == JOINT_CODE_STATED ? 0 : kind / JOINT_CODES;
}

static void put_block_likelihoods(const dense_row *d, uint8_t *pl, uint32_t width)
{
    uint32_t n = d->row->local ? 1 : d->row->n_alleles;
    for (uint32_t column = 0; column < columns_told(d); column++) {
        int copies = block_copies(d, column),
            q = d->standing.kind[column] % JOINT_EXACT % JOINT_CODES;
        if (!copies) continue;
        size_t at = (size_t)column * width, done = 0;
        for (uint32_t j = 0; j < n; j++)
            for (uint32_t i = copies == 1 ? j : 0; i <= j; i++)
                store(pl, BCF_BT_INT16, at + done++,
                      joint_reference_pl(q, (copies == 2 && i > 0) + (j > 0)));
        while (done < width) store(pl, BCF_BT_INT16, at + done++, END);
    }
}

static bool has_diploid_block(const dense_row *d)
{
    for (uint32_t column = 0; column < columns_told(d); column++)
        if (block_copies(d, column) == 2) return true;
    return false;
}

/* Likelihoods of all the record's alleles, which the cell numbers as the record does. */
static size_t put_straight(const joint_cell *c, uint32_t n_alleles, uint8_t *pl)
{
    uint32_t n = joint_genotype_count(n_alleles, c->copies);
    uint16_t least = INT16_MAX;
    for (uint32_t g = 0; g < n; g++)
        if (c->pl[g] < least) least = c->pl[g];
    for (uint32_t g = 0; g < n; g++) store(pl, BCF_BT_INT16, g, c->pl[g] - least);
    return n;
}

static size_t put_sorted(const joint_cell *c, const joint_row *row, uint8_t *pl)
{
    size_t done = 0;
    uint32_t n = row->local ? joint_cell_alleles(c, row->n_alleles) : row->n_alleles;
    int least = joint_cell_least(c, row->n_alleles, row->local);
    for (uint32_t j = 0; j < n; j++) {
        uint32_t lj = row->local ? j : joint_cell_find(c, j);
        for (uint32_t i = c->copies == 1 ? j : 0; i <= j; i++) {
            uint32_t li = row->local ? i : joint_cell_find(c, i);
            uint32_t g = c->copies == 1 ? lj : joint_genotype_index(li, lj);
            store(pl, BCF_BT_INT16, done++, c->pl[g] - least);
        }
    }
    return done;
}

static kuni_status put_likelihoods(dense_row *d, int id)
{
    const joint_row *row = d->row;
    bool diploid = has_diploid_block(d);
    uint32_t most = 1;
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        if (!c->pl) continue;
        if (c->copies == 2) diploid = true;
        uint32_t n = joint_genotype_count(joint_cell_alleles(c, row->n_alleles), c->copies);
        if (n > most) most = n;
    }
    uint32_t width = row->local ? most : joint_genotype_count(row->n_alleles, diploid ? 2 : 1);
    uint8_t *pl = open_field(d, id, width, BCF_BT_INT16);
    if (!pl) return KUNI_MEMORY;
    blank(pl, BCF_BT_INT16, d->n, width);
    put_block_likelihoods(d, pl, width);
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        if (!c->pl) continue;
        uint8_t *at = pl + (size_t)c->column * width * 2;
        bool straight = !row->local && joint_cell_alleles(c, row->n_alleles) == row->n_alleles;
        size_t done = straight ? put_straight(c, row->n_alleles, at) : put_sorted(c, row, at);
        while (done < width) store(at, BCF_BT_INT16, done++, END);
    }
    return KUNI_OK;
}

static kuni_status put_local_alleles(dense_row *d, int id)
{
    const joint_row *row = d->row;
    uint32_t width = 1;
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        uint32_t n = joint_cell_alleles(c, row->n_alleles);
        if (n > width + 1) width = n - 1;
    }
    int type = type_for(row->n_alleles);
    uint8_t *laa = open_field(d, id, width, type);
    if (!laa) return KUNI_MEMORY;
    blank(laa, type, d->n, width);
    for (const joint_cell *c = d->cells; c < d->end; c++) {
        uint32_t n = joint_cell_alleles(c, row->n_alleles);
        size_t at = (size_t)c->column * width;
        for (uint32_t i = 1; i < n; i++) store(laa, type, at + i - 1, c->number[i]);
        for (uint32_t i = n > 1 ? n : 2; i <= width; i++) store(laa, type, at + i - 1, END);
    }
    return KUNI_OK;
}

static kuni_status put_phase(dense_row *d, int id)
{
    uint8_t *ps = open_field(d, id, 1, BCF_BT_INT32);
    if (!ps) return KUNI_MEMORY;
    blank(ps, BCF_BT_INT32, d->n, 1);
    for (const joint_cell *c = d->cells; c < d->end; c++)
        if (c->phased && c->phase_set >= 0 && c->phase_set < INT32_MAX)
            store(ps, BCF_BT_INT32, c->column, (int32_t)c->phase_set + 1);
    return KUNI_OK;
}

kuni_status joint_dense_row(joint_dense *dense, const joint_row *row, const joint_cohort *cohort,
                            const joint_format_ids *ids, bcf1_t *record, kuni_error *err)
{
    dense_row d = {
        .dense = dense, .row = row, .n = dense->cells->n_columns, .record = record, .err = err};
    record->n_sample = d.n & 0xFFFFFF;
    record->n_fmt = 0;
    record->indiv.l = 0;
    size_t n_cells;
    kuni_status status = joint_cells_row(dense->cells, row->site, &d.cells, &n_cells, err);
    if (!status) status = joint_standing_row_of(dense->standing, row, cohort, &d.standing, err);
    if (!status) d.end = d.cells + n_cells;
    if (ids->gt >= 0 && !status) status = put_genotypes(&d, ids->gt);
    if (row->local && ids->laa >= 0 && !status) status = put_local_alleles(&d, ids->laa);
    if (ids->gq >= 0 && !status) status = put_qualities(&d, ids->gq);
    if (ids->dp >= 0 && !status) status = put_depth(&d, ids->dp);
    int ad = row->local ? ids->lad : ids->ad, pl = row->local ? ids->lpl : ids->pl;
    if (ad >= 0 && !status) status = put_depths(&d, ad);
    if (pl >= 0 && !status) status = put_likelihoods(&d, pl);
    if (ids->rnc >= 0 && !status) status = put_reasons(&d, ids->rnc);
    if (ids->ps >= 0 && row->phased && !status) status = put_phase(&d, ids->ps);
    return status;
}
