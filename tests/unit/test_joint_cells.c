/* SPDX-License-Identifier: MIT */
/*
 * Genotypes and stretches of a window as bytes: what comes back is what went in, whatever it is; and they take no
 * more memory than windows of sites are reckoned with, which holds a task to its limit.
 */
#include <stdlib.h>

#include "fixture.h"

#include "dense.h"
#include "sparse.h"

enum { COLUMNS = 20000, SITES = 40, BEG = 65536 };

static uint64_t seed = 20261130;

static uint32_t below(uint32_t n)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % n);
}

static const joint_options all = {.with_ad = true,
                                  .with_pl = true,
                                  .with_dp = true,
                                  .with_gq = true,
                                  .with_ps = true,
                                  .with_rnc = true,
                                  .gq_bands = {3, {1, 10, 20}},
                                  .dp_bands = {2, {1, 10}}};

/* An event as callers make them: REF, one ALT and <*>, with reads and likelihoods. */
typedef struct sample {
    kuni_event event;
    uint32_t ad[KUNI_EVENT_ALLELES_MAX];
    joint_local local;
    joint_call call;
} sample;

static void make_sample(sample *s, uint32_t n_alleles, int copies)
{
    *s = (sample){.call = {.copies = copies, .gq = (uint8_t)below(100)}};
    joint_local *l = &s->local;
    l->copies = copies;
    l->n = n_alleles;
    for (uint32_t i = 0; i < n_alleles; i++) {
        l->number[i] = (uint16_t)(i + 1 < n_alleles ? i * (n_alleles > 3 ? 7 : 1) : JOINT_OTHER);
        l->local_of[i] = (uint8_t)i;
        s->ad[i] = below(40);
    }
    for (uint32_t g = 0; g < joint_genotype_count(n_alleles, copies); g++)
        l->pl[g] = (int32_t)below(below(2) ? 90 : 1500);
    l->pl[0] = 0;
    s->event = (kuni_event){.ploidy = (uint8_t)copies,
                            .n_alleles = (uint8_t)n_alleles,
                            .dp = below(80),
                            .phase_set = -1,
                            .ad = s->ad};
    l->event = &s->event;
    s->call.allele[0] = 0;
    s->call.allele[1] = copies == 2 ? l->number[n_alleles - 2] : -1;
    s->ad[0]++;
}

static void assert_same(const joint_cell *c, const sample *s)
{
    const joint_local *l = &s->local;
    assert_int_equal(c->reason, s->call.reason);
    assert_int_equal(c->copies, l->copies);
    assert_int_equal(c->n, l->n);
    assert_memory_equal(c->number, l->number, l->n * sizeof(l->number[0]));
    assert_int_equal(c->dp, s->event.dp);
    assert_int_equal(c->phased, s->call.phased);
    assert_int_equal(c->pl == NULL, l->hard);
    for (uint32_t g = 0; c->pl && g < joint_genotype_count(l->n, l->copies); g++)
        assert_int_equal(c->pl[g], l->pl[g] > INT16_MAX ? INT16_MAX : l->pl[g]);
    for (uint32_t i = 0; c->ad && i + 1 < l->n; i++) assert_int_equal(c->ad[i], s->ad[i]);
    if (c->phased) assert_true(c->phase_set == s->event.phase_set);
    if (c->reason) return;
    assert_int_equal(c->gq, s->call.gq);
    assert_int_equal(c->no_gq, l->hard && !s->call.gq);
    assert_int_equal(c->allele[0], s->call.allele[0]);
    assert_int_equal(c->allele[1], s->call.allele[1]);
}

/* Everything that a cell can be: haploid, of many alleles, hard, phased, uncalled, without a depth. */
static void make_odd(sample *s, uint32_t i)
{
    make_sample(s, i % 50 == 0 ? JOINT_LOCAL_MAX - 8 : 2 + below(5), 1 + (int)below(2));
    s->local.hard = below(6) == 0;
    if (below(5) == 0) s->call.reason = (joint_reason)(1 + below(JOINT_REASONS - 1));
    if (below(9) == 0) s->event.dp = KUNI_DP_MISSING;
    if (below(9) == 0) s->event.dp = KUNI_DP_MISSING - 1;
    if (below(9) == 0) s->local.pl[s->local.n - 1] = KUNI_PL_MAX;
    if (below(9) == 0) s->call.gq = 0;
    s->call.phased = below(2);
    static const int64_t sets[] = {-1, 0, 7, BEG - 1, BEG, BEG + 70000, INT32_MAX - 1};
    s->event.phase_set = sets[below(7)];
}

static void cells_come_back(void **state)
{
    (void)state;
    enum { N = 400 };
    kuni_error err = KUNI_ERROR_INIT;
    sample *samples = calloc(N, sizeof(*samples));
    joint_cells *cells = joint_cells_new(&all, &err);
    for (int order = 0; order < 2; order++) {
        assert_int_equal(joint_cells_begin(cells, 3 * N, BEG, 5, 7, &err), KUNI_OK);
        for (uint32_t i = 0; i < N; i++) {
            make_odd(&samples[i], i);
            uint32_t column = order ? 3 * (i * 7 % N) : 3 * i; /* as they come, and otherwise */
            assert_int_equal(
                joint_cells_event(cells, 6, column, &samples[i].local, &samples[i].call, 1, &err),
                KUNI_OK);
            assert_int_equal(joint_cells_refused(cells, 5, column, JOINT_SEX, (int)i % 3, i, &err),
                             KUNI_OK);
        }
        const joint_cell *row;
        size_t n;
        assert_int_equal(joint_cells_row(cells, 6, &row, &n, &err), KUNI_OK);
        assert_int_equal(n, N);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(row[i].column, order ? 3 * (i * 7 % N) : 3 * i);
            assert_same(&row[i], &samples[i]);
        }
        assert_int_equal(joint_cells_row(cells, 5, &row, &n, &err), KUNI_OK);
        for (uint32_t i = 0; i < N; i++)
            assert_true(row[i].reason == JOINT_SEX && row[i].dp == i && row[i].copies == i % 3 &&
                        !row[i].n && !row[i].pl && !row[i].ad);
        joint_pile_entry *entries = NULL;
        size_t capacity = 0;
        joint_pile_reader reader;
        const joint_pile *pile = joint_piles_at(&cells->piles, 6);
        assert_int_equal(joint_pile_read_sorted(pile, joint_cell_skip, cells, &entries, &capacity,
                                                &reader, &err),
                         KUNI_OK);
        joint_cell_room room;
        for (uint32_t i = 0; i < N; i++) { /* 7 x 343 = 1 modulo 400 */
            joint_cell cell = {0};
            assert_true(reader.more);
            assert_int_equal(reader.column, 3 * i);
            joint_cell_read(cells, &reader.at, &room, &cell);
            assert_same(&cell, &samples[order ? i * 343 % N : i]);
            joint_pile_next(&reader);
        }
        assert_false(reader.more);
        free(entries);
    }
    joint_cells_free(cells);
    free(samples);
}

static int64_t bytes_of_cells(const joint_options *options, uint32_t apart)
{
    kuni_error err = KUNI_ERROR_INIT;
    joint_cells *cells = joint_cells_new(options, &err);
    assert_int_equal(joint_cells_begin(cells, COLUMNS, BEG, 0, SITES, &err), KUNI_OK);
    int64_t n = 0;
    for (uint32_t site = 0; site < SITES; site++)
        for (uint32_t column = below(apart); column < COLUMNS; column += 1 + below(2 * apart)) {
            sample s;
            make_sample(&s, 3, 2);
            assert_int_equal(joint_cells_event(cells, site, column, &s.local, &s.call, 2, &err),
                             KUNI_OK);
            n++;
        }
    int64_t bytes = joint_piles_bytes(&cells->piles);
    joint_cells_free(cells);
    return bytes / n;
}

/* Memory is a contract: see window_sites() of shard.c. */
static void cells_are_narrow(void **state)
{
    (void)state;
    static const joint_options calls = {.with_gq = true, .with_dp = true};
    joint_options reads = calls;
    reads.with_ad = true;
    static const uint32_t apart[] = {2, 40, 300};
    for (int i = 0; i < 3; i++) {
        assert_true(bytes_of_cells(&all, apart[i]) <= joint_cell_bytes(&all));
        assert_true(bytes_of_cells(&reads, apart[i]) <= joint_cell_bytes(&reads));
        assert_true(bytes_of_cells(&calls, apart[i]) <= joint_cell_bytes(&calls));
    }
    assert_true(joint_cell_bytes(&all) <= 160 / 4); /* of what a cell once was */
}

/* Blocks of 300 bp, each unlike the one before: none goes on. */
static void turns_are_narrow(void **state)
{
    (void)state;
    enum { BLOCK = 300, BLOCKS = 200, APART = 30, N = BLOCK * BLOCKS / APART };
    kuni_error err = KUNI_ERROR_INIT;
    joint_site *places = calloc(N, sizeof(*places));
    for (uint32_t i = 0; i < N; i++) places[i].pos = BEG + APART * (int64_t)i;
    joint_sites sites = {.beg = BEG, .end = BEG + BLOCK * BLOCKS, .sites = places, .n_sites = N};
    joint_cells *cells = joint_cells_new(&all, &err);
    joint_sparse *sparse = joint_sparse_new(cells, &all, &err);
    joint_dense *dense = joint_dense_new(cells, NULL, false, &err);
    assert_int_equal(joint_cells_begin(cells, COLUMNS / 4, BEG, 0, N, &err), KUNI_OK);
    assert_int_equal(joint_sparse_chunk(sparse, &sites, &err), KUNI_OK);
    assert_int_equal(joint_sparse_begin(sparse, &err), KUNI_OK);
    assert_int_equal(joint_dense_begin(dense, &err), KUNI_OK);
    for (uint32_t column = 0; column < COLUMNS / 4; column++) {
        for (uint32_t i = 0; i < BLOCKS; i++) {
            kuni_block block = {.sample = column, .ploidy = 2, .gq = i % 2 ? 12 : 40};
            block.min_dp = (uint16_t)(5 + below(9));
            joint_piece piece = {.column = column,
                                 .first = i * (BLOCK / APART),
                                 .last = (i + 1) * (BLOCK / APART),
                                 .beg = BEG + i * (int64_t)BLOCK,
                                 .end = BEG + (i + 1) * (int64_t)BLOCK,
                                 .block = &block,
                                 .ploidy = {.copies = 2},
                                 .joined = true};
            assert_int_equal(joint_sparse_piece(sparse, &piece, 0, &err), KUNI_OK);
            assert_int_equal(joint_dense_block(dense, &piece, &err), KUNI_OK);
        }
        assert_int_equal(joint_sparse_flush(sparse, &err), KUNI_OK);
    }
    int64_t n = (int64_t)(COLUMNS / 4) * BLOCKS;
    assert_true(joint_sparse_bytes(sparse) <= JOINT_TURN_BYTES * n);
    assert_true(joint_dense_bytes(dense) <= JOINT_TURN_BYTES * n);
    assert_true(joint_sparse_bytes(sparse) > 3 * n); /* they are counted */
    joint_sparse_end(sparse);
    joint_dense_end(dense);
    assert_true(joint_sparse_bytes(sparse) == 0 && joint_dense_bytes(dense) == 0);
    joint_dense_free(dense);
    joint_sparse_free(sparse);
    joint_cells_free(cells);
    free(places);
}

/* --- rows that are passed over --- */

enum { PLACES = 6, PLACE_BP = 100, CHUNK_BP = 1000, PEOPLE = 3 };

typedef struct chunk {
    joint_site places[PLACES];
    joint_sites_rank ranks[CHUNK_BP / 64 + 1];
    joint_sites sites;
} chunk;

static void make_chunk(chunk *c)
{
    memset(c, 0, sizeof(*c));
    for (uint32_t i = 0; i < PLACES; i++) {
        c->places[i].pos = BEG + PLACE_BP * (int64_t)i;
        c->ranks[PLACE_BP * i / 64].sites |= (uint64_t)1 << (PLACE_BP * i % 64);
    }
    for (uint32_t i = 1; i <= CHUNK_BP / 64; i++)
        c->ranks[i].before = c->ranks[i - 1].before + joint_count_bits(c->ranks[i - 1].sites);
    c->sites = (joint_sites){.beg = BEG,
                             .end = BEG + CHUNK_BP,
                             .sites = c->places,
                             .n_sites = PLACES,
                             .ranks = c->ranks};
}

/* Everybody stands in one block up to `turn`, and in another from there on. */
static void tell_pieces(joint_sparse *sparse, const chunk *c, const int64_t turn[PEOPLE])
{
    kuni_error err = KUNI_ERROR_INIT;
    for (uint32_t column = 0; column < PEOPLE; column++) {
        for (int part = 0; part < 2; part++) {
            kuni_block block = {.sample = column, .ploidy = 2, .gq = part ? 40 : 12, .min_dp = 20};
            int64_t beg = BEG + (part ? turn[column] : 0),
                    end = BEG + (part ? CHUNK_BP : turn[column]);
            joint_piece piece = {.column = column,
                                 .first = joint_site_index(&c->sites, beg),
                                 .last = joint_site_index(&c->sites, end),
                                 .beg = beg,
                                 .end = end,
                                 .block = &block,
                                 .ploidy = {.copies = 2}};
            if (beg < end) assert_int_equal(joint_sparse_piece(sparse, &piece, 0, &err), KUNI_OK);
        }
        assert_int_equal(joint_sparse_flush(sparse, &err), KUNI_OK);
    }
}

/* The text of the rows from `told` on, in windows of `step` sites; those before are passed over. `quality`: it decides on calls. */
static void tell_rows(joint_sparse *sparse, joint_cells *cells, const chunk *c, uint32_t step,
                      uint32_t told, bool quality, kuni_buffer *text)
{
    static const int64_t turn[PEOPLE] = {0, 250, 150};
    static joint_call calls[2][JOINT_QUALITIES];
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(joint_sparse_chunk(sparse, &c->sites, &err), KUNI_OK);
    for (uint32_t first = 0; first < PLACES; first += step) {
        uint32_t last = first + step < PLACES ? first + step : PLACES;
        assert_int_equal(joint_cells_begin(cells, PEOPLE, BEG, first, last, &err), KUNI_OK);
        assert_int_equal(joint_sparse_begin(sparse, &err), KUNI_OK);
        tell_pieces(sparse, c, turn);
        if (!first && quality) joint_sparse_uncalled(sparse, 2, 40, 4);
        for (uint32_t site = first; site < last; site++) {
            int64_t end;
            joint_row row = {.site = site, .n_alleles = 2, .block_calls = calls};
            memset(calls, 0, sizeof(calls));
            if (site == 4) calls[1][40].reason = JOINT_LOW;
            if (site < told)
                assert_int_equal(joint_sparse_pass_over(sparse, site, &err), KUNI_OK);
            else
                assert_int_equal(joint_sparse_row(sparse, &row, text, &end, &err), KUNI_OK);
        }
    }
}

/* Stretches that begin in a record that is left out are told of in the next, whichever window that is in. */
static void left_out_rows_lose_nobody(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    static const char
        called[] = "\tGT:LAA:LEN:GQ:DP\t0/0:2:700:20:10\t0/0:2:700:20:10\t0/0:2:700:20:10"
                   "\tGT:LAA:GQ:DP\t.\t.\t.\tGT:LAA:GQ:DP\t.\t.\t.",
        decided[] = "\tGT:LAA:LEN:GQ:DP\t0/0:2:100:40:10\t0/0:2:100:40:10\t0/0:2:100:40:10"
                    "\tGT:LAA:LEN:GQ:DP:RNC\t./.:2:100:.:10:L\t./.:2:100:.:10:L\t./.:2:100:.:10:L"
                    "\tGT:LAA:LEN:GQ:DP\t0/0:2:500:40:10\t0/0:2:500:40:10\t0/0:2:500:40:10";
    chunk c;
    make_chunk(&c);
    for (int quality = 0; quality < 2; quality++)
        for (uint32_t step = 1; step <= PLACES; step++) {
            joint_options options = all;
            kuni_buffer text = KUNI_BUFFER_INIT;
            options.min_gq = quality ? 20 : 0;
            joint_cells *cells = joint_cells_new(&options, &err);
            joint_sparse *sparse = joint_sparse_new(cells, &options, &err);
            tell_rows(sparse, cells, &c, step, 3, quality, &text);
            assert_int_equal(kuni_buffer_append(&text, "", 1, &err), KUNI_OK);
            assert_string_equal(text.data, quality ? decided : called);
            kuni_buffer_fini(&text);
            joint_sparse_free(sparse);
            joint_cells_free(cells);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_come_back),
        cmocka_unit_test(cells_are_narrow),
        cmocka_unit_test(turns_are_narrow),
        cmocka_unit_test(left_out_rows_lose_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
