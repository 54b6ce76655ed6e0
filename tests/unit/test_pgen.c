/* SPDX-License-Identifier: MIT */
/*
 * Records of a .pgen, read again by a reader that was written from the specification: every kind of main track,
 * patches of any number of alleles, phase, missing and half calls, single copies; at numbers of samples around those
 * where bytes and groups of 64 are full. And the header, over more than one block of 65,536.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "pgen.h"
#include "pgen_difflist.h"
#include "pgen_header.h"

enum { SAMPLES_MOST = 5000, NONE = -1 };

typedef struct call {
    int a, b; /* alleles; NONE: missing; of one copy both are the same */
    int phased;
} call;

/* --- the reader --- */

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static uint32_t get_number(cursor *c, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint32_t)*c->at++ << (8 * i);
    assert_true(c->at <= c->end);
    return value;
}

static uint32_t get_varint(cursor *c)
{
    uint32_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = (uint8_t)get_number(c, 1);
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
}

/* A list; `values` may be NULL where it has none. */
static size_t get_list(cursor *c, uint32_t n_samples, uint32_t *samples, uint8_t *values)
{
    size_t n = get_varint(c), groups = (n + 63) / 64;
    int bytes = n_samples <= 256 ? 1 : n_samples <= 65536 ? 2 : 3;
    uint8_t lengths[SAMPLES_MOST / 64 + 1];
    for (size_t g = 0; g < groups; g++) samples[64 * g] = get_number(c, bytes);
    for (size_t g = 0; g + 1 < groups; g++) lengths[g] = (uint8_t)get_number(c, 1);
    for (size_t i = 0; values && i < n; i++) values[i] = c->at[i / 4] >> 2 * (i % 4) & 3;
    if (values) c->at += (n + 3) / 4;
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *first = c->at;
        for (size_t i = 64 * g + 1; i < n && i < 64 * g + 64; i++)
            samples[i] = samples[i - 1] + get_varint(c);
        if (g + 1 < groups) assert_int_equal(c->at - first, lengths[g] + 63);
    }
    for (size_t i = 0; i < n; i++) assert_true(samples[i] < n_samples);
    return n;
}

static unsigned get_bits(const uint8_t *at, size_t i, int bits)
{
    unsigned value = 0;
    for (int k = 0; k < bits; k++) {
        size_t bit = i * (size_t)bits + (size_t)k;
        value |= (unsigned)(at[bit / 8] >> bit % 8 & 1) << k;
    }
    return value;
}

static void get_main(cursor *c, uint8_t type, uint32_t n, uint8_t *categories)
{
    static uint32_t samples[SAMPLES_MOST];
    static uint8_t values[SAMPLES_MOST];
    static const uint8_t pairs[10][2] = {
        [1] = {0, 1}, [2] = {0, 2}, [3] = {0, 3}, [5] = {1, 2}, [6] = {1, 3}, [9] = {2, 3}};
    size_t listed = 0;
    if (type == 0) {
        for (uint32_t i = 0; i < n; i++) categories[i] = (uint8_t)get_bits(c->at, i, 2);
        c->at += (n + 3) / 4;
        return;
    }
    if (type == 1) {
        const uint8_t *pair = pairs[get_number(c, 1)];
        for (uint32_t i = 0; i < n; i++) categories[i] = pair[get_bits(c->at, i, 1)];
        c->at += (n + 7) / 8;
    } else {
        assert_true(type == 4 || type == 6 || type == 7);
        memset(categories, type - 4, n);
    }
    listed = get_list(c, n, samples, values);
    assert_true(listed <= n / 8); /* readers have no more room */
    for (size_t i = 0; i < listed; i++) categories[samples[i]] = values[i];
}

/* The samples of a category that are patched, by its own numbers. */
static size_t get_patched(cursor *c, int format, uint32_t n, const uint8_t *categories,
                          uint8_t category, uint32_t *patched)
{
    size_t k = 0, rank = 0;
    if (format == 15) return 0;
    if (format == 1) {
        k = get_list(c, n, patched, NULL);
        assert_true(k <= n / 9);
        for (size_t i = 0; i < k; i++) assert_int_equal(categories[patched[i]], category);
        return k;
    }
    assert_int_equal(format, 0);
    for (uint32_t i = 0; i < n; i++)
        if (categories[i] == category && get_bits(c->at, rank++, 1)) patched[k++] = i;
    c->at += (rank + 7) / 8;
    return k;
}

static void get_patches(cursor *c, uint32_t n, int n_alts, const uint8_t *categories, call *calls)
{
    static uint32_t patched[SAMPLES_MOST];
    int formats = (int)get_number(c, 1);
    size_t k = get_patched(c, formats & 15, n, categories, 1, patched);
    int bits = n_alts == 2    ? 0
               : n_alts == 3  ? 1
               : n_alts < 6   ? 2
               : n_alts < 18  ? 4
               : n_alts < 258 ? 8
                              : 16;
    for (size_t i = 0; i < k; i++) calls[patched[i]].b = 2 + (int)get_bits(c->at, i, bits);
    c->at += (k * (size_t)bits + 7) / 8;
    k = get_patched(c, formats >> 4, n, categories, 2, patched);
    bits = n_alts == 2 ? 1 : n_alts < 5 ? 2 : n_alts < 17 ? 4 : n_alts < 257 ? 8 : 16;
    for (size_t i = 0; i < k; i++) {
        call *what = &calls[patched[i]];
        if (n_alts == 2) {
            *what = (call){get_bits(c->at, i, 1) ? 2 : 1, 2, 0};
            continue;
        }
        *what = (call){1 + (int)get_bits(c->at, 2 * i, bits),
                       1 + (int)get_bits(c->at, 2 * i + 1, bits), 0};
    }
    c->at += (k * (size_t)bits * (n_alts == 2 ? 1 : 2) + 7) / 8;
}

static void get_phases(cursor *c, uint32_t n, call *calls)
{
    size_t hets = 0, phased = 0, het = 0, at = 1;
    for (uint32_t i = 0; i < n; i++) hets += calls[i].a != calls[i].b;
    const uint8_t *present = c->at;
    bool some = present[0] & 1;
    for (size_t i = 0; i < hets; i++) phased += some ? get_bits(present, 1 + i, 1) : 1;
    const uint8_t *order = some ? present + (1 + hets + 7) / 8 : present;
    if (some) at = 0;
    c->at = order + (at + phased + 7) / 8;
    for (uint32_t i = 0; i < n; i++) {
        call *what = &calls[i];
        if (what->a == what->b) continue;
        what->phased = some ? (int)get_bits(present, 1 + het, 1) : 1;
        het++;
        if (what->phased && get_bits(order, at++, 1)) *what = (call){what->b, what->a, 1};
    }
}

static void read_record(const kuni_buffer *record, uint8_t type, uint32_t n, int n_alts,
                        call *calls)
{
    static uint8_t categories[SAMPLES_MOST];
    cursor c = {(const uint8_t *)record->data, (const uint8_t *)record->data + record->length};
    get_main(&c, type & 7, n, categories);
    static const call of[4] = {{0, 0, 0}, {0, 1, 0}, {1, 1, 0}, {NONE, NONE, 0}};
    for (uint32_t i = 0; i < n; i++) calls[i] = of[categories[i]];
    if (type & 8) get_patches(&c, n, n_alts, categories, calls);
    if (type & 16) get_phases(&c, n, calls);
    assert_int_equal(type >> 5, 0);
    assert_ptr_equal(c.at, c.end);
}

/* --- what is written --- */

/* As BCF has the calls, in values of so many bytes. */
static void spell(const call *calls, uint32_t n, int bytes, int width, void *gt)
{
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < width; k++) {
            int allele = k ? calls[i].b : calls[i].a;
            int32_t value = allele == NONE ? 0 : (allele + 1) << 1 | (k && calls[i].phased);
            memcpy((char *)gt + ((size_t)i * (size_t)width + (size_t)k) * (size_t)bytes, &value,
                   (size_t)bytes);
        }
}

static uint8_t goes_through(const call *calls, uint32_t n, int n_alts, int width)
{
    static call found[SAMPLES_MOST];
    static int32_t gt[2 * SAMPLES_MOST];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer record = KUNI_BUFFER_INIT;
    kuni_pgen *pgen = kuni_pgen_new(n, &err);
    uint8_t type = 0;
    for (int bytes = n_alts < 62 ? 1 : 2; bytes <= 4; bytes *= 2) {
        kuni_pgen_row row = {
            .gt = gt, .value_bytes = bytes, .width = width, .n_alleles = (uint32_t)n_alts + 1};
        kuni_pgen_entry entry;
        kuni_buffer_clear(&record);
        spell(calls, n, bytes, width, gt);
        assert_int_equal(kuni_pgen_encode(pgen, &row, &record, &entry, &err), KUNI_OK);
        assert_int_equal(entry.bytes, record.length);
        read_record(&record, entry.type, n, n_alts, found);
        for (uint32_t i = 0; i < n; i++) {
            call c = calls[i];
            if (c.a == NONE || c.b == NONE) c = (call){NONE, NONE, 0};
            if (c.a > c.b && !c.phased) c = (call){c.b, c.a, 0};
            assert_int_equal(found[i].a, c.a);
            assert_int_equal(found[i].b, c.b);
            assert_int_equal(found[i].phased, c.a == c.b ? 0 : c.phased);
        }
        type = entry.type;
    }
    kuni_pgen_free(pgen);
    kuni_buffer_fini(&record);
    return type;
}

static uint32_t state_of_chance = 1;

static uint32_t chance(uint32_t below)
{
    state_of_chance = state_of_chance * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)state_of_chance * below >> 32);
}

static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 255, 256, 257, 1000, 4099};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Of 1000 samples `rare` have another genotype than `common`. */
static void any_genotypes(void **state)
{
    (void)state;
    static call calls[SAMPLES_MOST];
    static const int alts[] = {1, 2, 3, 4, 5, 6, 16, 17, 18, 61, 254, 256, 257, 258, 300};
    bool seen[32] = {false};
    for (size_t s = 0; s < SIZES; s++)
        for (size_t k = 0; k < sizeof(alts) / sizeof(alts[0]); k++)
            for (uint32_t trial = 0; trial < 24; trial++) {
                uint32_t n = sizes[s], rare = trial % 4 == 0   ? 3
                                              : trial % 4 == 1 ? 60
                                              : trial % 4 == 2 ? 500
                                                               : 1000;
                uint32_t phased = trial / 4 % 3; /* none, some, all */
                call common = trial % 5 == 0   ? (call){1, 1, 0}
                              : trial % 5 == 1 ? (call){NONE, NONE, 0}
                                               : (call){0, 0, 0};
                uint32_t few = trial % 2 ? (uint32_t)alts[k] + 1 : 2;
                for (uint32_t i = 0; i < n; i++) {
                    calls[i] = common;
                    if (chance(1000) >= rare) continue;
                    calls[i] = (call){(int)chance(few + 1) - 1, (int)chance(few + 1) - 1, 0};
                    calls[i].phased = phased == 2 || (phased == 1 && chance(2));
                }
                seen[goes_through(calls, n, alts[k], 2)] = true;
            }
    static const uint8_t expected[] = {0, 1, 4, 6, 7, 8, 9, 12, 14, 15, 16, 17, 20, 24, 25, 28};
    for (size_t i = 0; i < sizeof(expected); i++)
        if (!seen[expected[i]]) fail_msg("no record of type %d was tried", expected[i]);
}

static void single_copies(void **state)
{
    (void)state;
    static call calls[SAMPLES_MOST];
    for (size_t s = 0; s < SIZES; s++)
        for (uint32_t trial = 0; trial < 8; trial++) {
            for (uint32_t i = 0; i < sizes[s]; i++) {
                calls[i].a = (int)chance(trial < 4 ? 3 : 5) - 1;
                calls[i].b = calls[i].a;
                calls[i].phased = 0;
            }
            (void)goes_through(calls, sizes[s], 3, 1);
        }
    /* Beside two copies the second value is the end. */
    static const int8_t gt[] = {4, INT8_MIN + 1, 2,           INT8_MIN + 1, 0, INT8_MIN + 1, 2,
                                5, INT8_MIN,     INT8_MIN + 1};
    const kuni_pgen_row row = {.gt = gt, .value_bytes = 1, .width = 2, .n_alleles = 2};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer record = KUNI_BUFFER_INIT;
    kuni_pgen_entry entry;
    kuni_pgen *pgen = kuni_pgen_new(5, &err);
    call found[5];
    assert_int_equal(kuni_pgen_encode(pgen, &row, &record, &entry, &err), KUNI_OK);
    read_record(&record, entry.type, 5, 1, found);
    static const call expected[] = {
        {1, 1, 0}, {0, 0, 0}, {NONE, NONE, 0}, {0, 1, 1}, {NONE, NONE, 0}};
    assert_memory_equal(found, expected, sizeof(expected));
    kuni_buffer_clear(&record);
    const kuni_pgen_row wrong = {.gt = gt, .value_bytes = 1, .width = 2, .n_alleles = 1};
    assert_int_equal(kuni_pgen_encode(pgen, &wrong, &record, &entry, &err), KUNI_BUG);
    kuni_pgen_free(pgen);
    kuni_buffer_fini(&record);
}

/* The specification's own example: 79 samples of 488,377, 5,000 apart. */
static void list_of_the_specification(void **state)
{
    (void)state;
    uint32_t samples[79];
    uint8_t values[79];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer out = KUNI_BUFFER_INIT;
    for (uint32_t i = 0; i < 79; i++) {
        samples[i] = 5000 * (i + 1);
        values[i] = i % 4;
    }
    assert_int_equal(kuni_pgen_put_difflist(&out, 488377, samples, values, 79, &err), KUNI_OK);
    static const uint8_t head[] = {0x4f, 0x88, 0x13, 0x00, 0x88, 0xf5, 0x04, 0x3f, 0xe4};
    assert_memory_equal(out.data, head, sizeof(head));
    assert_int_equal(out.length, 1 + 6 + 1 + 20 + 154);
    for (size_t i = 28; i < out.length; i += 2) assert_memory_equal(out.data + i, "\x88\x27", 2);
    kuni_buffer_fini(&out);
}

/* --- the header --- */

static uint64_t number_at(const kuni_buffer *b, size_t at, int bytes)
{
    uint64_t value = 0;
    assert_true(at + (size_t)bytes <= b->length);
    for (int i = 0; i < bytes; i++) value |= (uint64_t)(uint8_t)b->data[at + (size_t)i] << 8 * i;
    return value;
}

static kuni_pgen_entry made_entry(size_t i, uint32_t longest, bool wide)
{
    return (kuni_pgen_entry){.type = (uint8_t)(i * 7 % (wide ? 32 : 16)),
                             .bytes = i == 3 ? longest : (uint32_t)(1 + i * 31 % 200)};
}

/* n records in two indexes; every 1000th is left out. */
static void header_holds(const char *folder, size_t n, uint32_t longest, bool wide, int width)
{
    char paths[3][64];
    char *list[3] = {paths[0], paths[1], NULL};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_file *file = NULL;
    for (size_t i = 0; i < 3; i++) (void)snprintf(paths[i], sizeof(paths[i]), "%s/%zu", folder, i);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || i == n / 3) {
            if (file) assert_int_equal(kuni_file_commit(file, &err), KUNI_OK);
            assert_int_equal(kuni_file_create(&file, paths[i > 0], &err), KUNI_OK);
        }
        kuni_pgen_entry entry = made_entry(i, longest, wide), out = {0};
        assert_int_equal(kuni_pgen_index_put(file, &entry, &err), KUNI_OK);
        if (i % 1000 == 0) assert_int_equal(kuni_pgen_index_put(file, &out, &err), KUNI_OK);
    }
    assert_int_equal(kuni_file_commit(file, &err), KUNI_OK);
    uint64_t found, left_out;
    assert_int_equal(kuni_file_create(&file, paths[2], &err), KUNI_OK);
    assert_int_equal(kuni_pgen_header_write(file, list, 77, &found, &left_out, &err), KUNI_OK);
    assert_int_equal(kuni_file_commit(file, &err), KUNI_OK);
    assert_int_equal(found, n);
    assert_int_equal(left_out, (n + 999) / 1000);
    kuni_buffer b = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_file_get(paths[2], 1 << 24, &b, &err), KUNI_OK);
    assert_memory_equal(b.data, "\x6c\x1b\x10", 3);
    assert_int_equal(number_at(&b, 3, 4), n);
    assert_int_equal(number_at(&b, 7, 4), 77);
    assert_int_equal(number_at(&b, 11, 1), 0x40 + (wide ? 4 : 0) + width - 1);
    size_t blocks = (n + 65535) / 65536, at = 12 + 8 * blocks;
    uint64_t record = b.length;
    for (size_t i = 0; i < n; i++) {
        size_t in_block = i % 65536, size = n - (i - in_block) < 65536 ? n - (i - in_block) : 65536;
        size_t types = wide ? size : (size + 1) / 2;
        kuni_pgen_entry e = made_entry(i, longest, wide);
        if (in_block == 0) assert_int_equal(number_at(&b, 12 + 8 * (i / 65536), 8), record);
        uint64_t type = wide ? number_at(&b, at + in_block, 1)
                             : number_at(&b, at + in_block / 2, 1) >> 4 * (i % 2) & 15;
        assert_int_equal(type, e.type);
        assert_int_equal(number_at(&b, at + types + in_block * (size_t)width, width), e.bytes);
        record += e.bytes;
        if (in_block + 1 == size) at += types + size * (size_t)width;
    }
    assert_int_equal(at, b.length);
    kuni_buffer_fini(&b);
    for (size_t i = 0; i < 3; i++) (void)unlink(paths[i]);
}

static void headers(void **state)
{
    (void)state;
    char folder[] = "/tmp/kuni-pgen-XXXXXX";
    assert_non_null(mkdtemp(folder));
    static const size_t numbers[] = {4, 5, 65535, 65536, 65537, 131073};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        header_holds(folder, numbers[i], 255, false, 1);
        header_holds(folder, numbers[i], 256, true, 2);
    }
    header_holds(folder, 100, 1 << 16, false, 3);
    header_holds(folder, 100, 1 << 24, true, 4);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_of_the_specification),
        cmocka_unit_test(any_genotypes),
        cmocka_unit_test(single_copies),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
