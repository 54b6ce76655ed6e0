/* SPDX-License-Identifier: MIT */
#include "pgen.h"

#include <stdlib.h>
#include <string.h>

#include "pgen_difflist.h"

/* Categories of the main track. */
enum { REF_REF, REF_ALT, ALT_ALT, MISSING, CATEGORIES };

/* Types of records: the main track in the low three bits, and what follows it. */
enum {
    TYPE_PACKED = 0,
    TYPE_ONE_BIT = 1,
    TYPE_LIST = 4, /* plus the category of those that are not listed */
    TYPE_MULTIALLELIC = 8,
    TYPE_PHASED = 16
};

enum {
    NO_PATCHES = 15,
    /* Readers have room for lists of so many samples: one in eight, and one in nine without values. */
    LIST_PART = 8,
    BARE_LIST_PART = 9
};

/* Genotypes of a category that are not those it stands for. */
typedef struct patches {
    uint32_t *samples;    /* numbers */
    uint32_t *ranks;      /* numbers among the samples of the category */
    uint16_t *low, *high; /* alleles */
    size_t n;
} patches;

struct kuni_pgen {
    uint32_t n_samples;
    uint8_t *categories; /* by sample */
    size_t counts[CATEGORIES];
    patches one, two; /* of REF_ALT and ALT_ALT */
    uint8_t *phases;  /* of each heterozygote: 0 none, 2 as the alleles are ordered, 3 swapped */
    size_t n_hets, n_phased;
    uint32_t *samples; /* a list under way */
    uint8_t *values;
    uint16_t *bits;
    kuni_buffer main, other; /* main tracks under way */
};

static kuni_status init_patches(patches *p, size_t n, kuni_error *err)
{
    p->samples = kuni_alloc(n, sizeof(*p->samples), err);
    p->ranks = kuni_alloc(n, sizeof(*p->ranks), err);
    p->low = kuni_alloc(n, sizeof(*p->low), err);
    p->high = kuni_alloc(n, sizeof(*p->high), err);
    return p->samples && p->ranks && p->low && p->high ? KUNI_OK : KUNI_MEMORY;
}

static void fini_patches(patches *p)
{
    free(p->samples);
    free(p->ranks);
    free(p->low);
    free(p->high);
}

kuni_pgen *kuni_pgen_new(uint32_t n_samples, kuni_error *err)
{
    kuni_pgen *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return NULL;
    size_t n = n_samples;
    p->n_samples = n_samples;
    p->categories = kuni_alloc(n, 1, err);
    p->phases = kuni_alloc(n, 1, err);
    p->samples = kuni_alloc(n, sizeof(*p->samples), err);
    p->values = kuni_alloc(n, 1, err);
    p->bits = kuni_alloc(2 * n + 1, sizeof(*p->bits), err);
    if (p->categories && p->phases && p->samples && p->values && p->bits &&
        !init_patches(&p->one, n, err) && !init_patches(&p->two, n, err))
        return p;
    kuni_pgen_free(p);
    return NULL;
}

void kuni_pgen_free(kuni_pgen *p)
{
    if (!p) return;
    fini_patches(&p->one);
    fini_patches(&p->two);
    free(p->categories);
    free(p->phases);
    free(p->samples);
    free(p->values);
    free(p->bits);
    kuni_buffer_fini(&p->main);
    kuni_buffer_fini(&p->other);
    free(p);
}

/* --- what the genotypes are --- */

static int32_t value_at(const kuni_pgen_row *row, size_t i)
{
    if (row->value_bytes == 1) {
        int8_t v = ((const int8_t *)row->gt)[i];
        return v == INT8_MIN + 1 ? INT32_MIN + 1 : v == INT8_MIN ? 0 : v;
    }
    if (row->value_bytes == 2) {
        int16_t v;
        memcpy(&v, (const char *)row->gt + 2 * i, 2);
        return v == INT16_MIN + 1 ? INT32_MIN + 1 : v == INT16_MIN ? 0 : v;
    }
    int32_t v;
    memcpy(&v, (const char *)row->gt + 4 * i, 4);
    return v == INT32_MIN ? 0 : v;
}

static void add_patch(patches *p, uint32_t sample, size_t rank, int32_t low, int32_t high)
{
    p->samples[p->n] = sample;
    p->ranks[p->n] = (uint32_t)rank;
    p->low[p->n] = (uint16_t)low;
    p->high[p->n++] = (uint16_t)high;
}

/* Any genotype; false: it has an allele that the row does not. */
static bool take_call(kuni_pgen *p, const kuni_pgen_row *row, uint32_t sample)
{
    int32_t first = value_at(row, (size_t)sample * (size_t)row->width);
    int32_t second = row->width == 1 ? first : value_at(row, 2 * (size_t)sample + 1);
    bool phased = second & 1;
    if (second == INT32_MIN + 1) second = first;
    int32_t a = (first >> 1) - 1, b = (second >> 1) - 1;
    int32_t low = a < b ? a : b, high = a < b ? b : a;
    if (high >= (int32_t)row->n_alleles) return false;
    uint8_t category = low < 0 ? MISSING : high == 0 ? REF_REF : low == 0 ? REF_ALT : ALT_ALT;
    p->categories[sample] = category;
    size_t rank = p->counts[category]++;
    if (category == REF_ALT && high > 1) add_patch(&p->one, sample, rank, low, high);
    if (category == ALT_ALT && high > 1) add_patch(&p->two, sample, rank, low, high);
    if (low < 0 || low == high) return true;
    p->phases[p->n_hets++] = phased ? (a > b ? 3 : 2) : 0;
    p->n_phased += phased;
    return true;
}

/* Most genotypes are one of these, and each is a byte twice. */
static bool is_ref_ref(const int8_t *pair)
{
    return pair[0] == 2 && (pair[1] | 1) == 3;
}

static bool take_calls(kuni_pgen *p, const kuni_pgen_row *row)
{
    bool small = row->value_bytes == 1 && row->width == 2;
    const int8_t *pairs = row->gt;
    memset(p->counts, 0, sizeof(p->counts));
    p->one.n = p->two.n = p->n_hets = p->n_phased = 0;
    for (uint32_t i = 0; i < p->n_samples; i++) {
        if (small && is_ref_ref(pairs + 2 * (size_t)i)) {
            p->categories[i] = REF_REF;
            p->counts[REF_REF]++;
        } else if (!take_call(p, row, i))
            return false;
    }
    return true;
}

/* --- the main track --- */

/* Lists the samples of other categories than a and b. */
static kuni_status list_others(kuni_pgen *p, uint8_t a, uint8_t b, kuni_buffer *out,
                               kuni_error *err)
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_samples; i++) {
        uint8_t category = p->categories[i];
        if (category == a || category == b) continue;
        p->samples[n] = i;
        p->values[n++] = category;
    }
    return kuni_pgen_put_difflist(out, p->n_samples, p->samples, p->values, n, err);
}

static kuni_status put_one_bit(kuni_pgen *p, uint8_t a, uint8_t b, kuni_buffer *out,
                               kuni_error *err)
{
    size_t bytes = ((size_t)p->n_samples + 7) / 8;
    kuni_status status = kuni_buffer_reserve(out, bytes + 1, err);
    if (status) return status;
    uint8_t *at = (uint8_t *)out->data + out->length;
    *at++ = (uint8_t)(3 * a + b); /* 1 2 3, 5 6, 9: a < b */
    memset(at, 0, bytes);
    for (uint32_t i = 0; i < p->n_samples; i++)
        at[i / 8] |= (uint8_t)((p->categories[i] == b) << i % 8);
    out->length += bytes + 1;
    return list_others(p, a, b, out, err);
}

static kuni_status put_packed(const kuni_pgen *p, kuni_buffer *out, kuni_error *err)
{
    size_t bytes = ((size_t)p->n_samples + 3) / 4;
    kuni_status status = kuni_buffer_reserve(out, bytes, err);
    if (status) return status;
    uint8_t *at = (uint8_t *)out->data + out->length;
    memset(at, 0, bytes);
    for (uint32_t i = 0; i < p->n_samples; i++)
        at[i / 4] |= (uint8_t)(p->categories[i] << 2 * (i % 4));
    out->length += bytes;
    out->data[out->length] = '\0';
    return KUNI_OK;
}

/* The two categories that most samples are in, the lower first. */
static void find_common(const kuni_pgen *p, uint8_t *a, uint8_t *b)
{
    int first = 0;
    for (int c = 1; c < CATEGORIES; c++)
        if (p->counts[c] > p->counts[first]) first = c;
    int second = first ? 0 : 1;
    for (int c = 0; c < CATEGORIES; c++)
        if (c != first && p->counts[c] > p->counts[second]) second = c;
    *a = (uint8_t)(first < second ? first : second);
    *b = (uint8_t)(first < second ? second : first);
}

/* Makes the shortest main track, in p->main. */
static kuni_status make_main(kuni_pgen *p, uint8_t *type, kuni_error *err)
{
    uint8_t a, b;
    find_common(p, &a, &b);
    uint8_t base = p->counts[a] >= p->counts[b] ? a : b;
    size_t n = p->n_samples, shortest = (n + 3) / 4, others = n - p->counts[a] - p->counts[b];
    kuni_status status = KUNI_OK;
    *type = TYPE_PACKED;
    kuni_buffer_clear(&p->main);
    if (base != REF_ALT && n - p->counts[base] <= n / LIST_PART) {
        status = list_others(p, base, base, &p->main, err);
        if (status) return status;
        if (p->main.length <= shortest) {
            shortest = p->main.length;
            *type = (uint8_t)(TYPE_LIST + base);
        }
    }
    if (others <= n / LIST_PART && 2 + (n + 7) / 8 + others < shortest) {
        kuni_buffer_clear(&p->other);
        status = put_one_bit(p, a, b, &p->other, err);
        if (!status && p->other.length < shortest) {
            *type = TYPE_ONE_BIT;
            kuni_buffer_clear(&p->main);
            return kuni_buffer_append(&p->main, p->other.data, p->other.length, err);
        }
    }
    if (status || *type != TYPE_PACKED) return status;
    kuni_buffer_clear(&p->main);
    return put_packed(p, &p->main, err);
}

/* --- what follows it --- */

/* Which samples of a category are patched: a bit for each of it, or a list where that is shorter. */
static kuni_status put_patched(kuni_pgen *p, const patches *patched, size_t of, bool *listed,
                               kuni_buffer *out, kuni_error *err)
{
    size_t start = out->length, n = patched->n;
    *listed = false;
    if (n <= p->n_samples / BARE_LIST_PART) {
        kuni_status status =
            kuni_pgen_put_difflist(out, p->n_samples, patched->samples, NULL, n, err);
        *listed = !status && out->length - start < (of + 7) / 8;
        if (status || *listed) return status;
        out->length = start;
    }
    memset(p->bits, 0, of * sizeof(*p->bits));
    for (size_t i = 0; i < n; i++) p->bits[patched->ranks[i]] = 1;
    return kuni_pgen_put_packed(out, p->bits, of, 1, err);
}

/* REF and another ALT than the first: which. */
static kuni_status put_ones(kuni_pgen *p, uint32_t n_alts, kuni_buffer *out, kuni_error *err)
{
    int bits = n_alts == 2     ? 0
               : n_alts == 3   ? 1
               : n_alts <= 5   ? 2
               : n_alts <= 17  ? 4
               : n_alts <= 257 ? 8
                               : 16;
    for (size_t i = 0; i < p->one.n; i++) p->bits[i] = (uint16_t)(p->one.high[i] - 2);
    return bits ? kuni_pgen_put_packed(out, p->bits, p->one.n, bits, err) : KUNI_OK;
}

/* Two ALTs, not both the first: which. */
static kuni_status put_twos(kuni_pgen *p, uint32_t n_alts, kuni_buffer *out, kuni_error *err)
{
    size_t n = p->two.n;
    if (n_alts == 2) {
        for (size_t i = 0; i < n; i++) p->bits[i] = p->two.low[i] == 2;
        return kuni_pgen_put_packed(out, p->bits, n, 1, err);
    }
    for (size_t i = 0; i < n; i++) {
        p->bits[2 * i] = (uint16_t)(p->two.low[i] - 1);
        p->bits[2 * i + 1] = (uint16_t)(p->two.high[i] - 1);
    }
    int bits = n_alts <= 4 ? 2 : n_alts <= 16 ? 4 : n_alts <= 256 ? 8 : 16;
    return kuni_pgen_put_packed(out, p->bits, 2 * n, bits, err);
}

static kuni_status put_patches(kuni_pgen *p, uint32_t n_alts, kuni_buffer *out, kuni_error *err)
{
    size_t head = out->length;
    int ones = NO_PATCHES, twos = NO_PATCHES;
    bool listed;
    kuni_status status = kuni_buffer_append(out, "", 1, err);
    if (!status && p->one.n) {
        status = put_patched(p, &p->one, p->counts[REF_ALT], &listed, out, err);
        ones = listed;
        if (!status) status = put_ones(p, n_alts, out, err);
    }
    if (!status && p->two.n) {
        status = put_patched(p, &p->two, p->counts[ALT_ALT], &listed, out, err);
        twos = listed;
        if (!status) status = put_twos(p, n_alts, out, err);
    }
    if (!status) out->data[head] = (char)(ones | twos << 4);
    return status;
}

/* One array of bits: whether some are not phased and which; then the order of those that are. */
static kuni_status put_phases(kuni_pgen *p, kuni_buffer *out, kuni_error *err)
{
    bool some = p->n_phased < p->n_hets;
    size_t n = 0;
    p->bits[n++] = some;
    for (size_t i = 0; i < p->n_hets && some; i++) p->bits[n++] = p->phases[i] >> 1;
    kuni_status status = KUNI_OK;
    if (some) {
        status = kuni_pgen_put_packed(out, p->bits, n, 1, err);
        n = 0;
    }
    for (size_t i = 0; i < p->n_hets; i++)
        if (p->phases[i]) p->bits[n++] = p->phases[i] & 1;
    return status ? status : kuni_pgen_put_packed(out, p->bits, n, 1, err);
}

kuni_status kuni_pgen_encode(kuni_pgen *p, const kuni_pgen_row *row, kuni_buffer *out,
                             kuni_pgen_entry *entry, kuni_error *err)
{
    size_t start = out->length;
    if (!take_calls(p, row)) return kuni_fail(err, KUNI_BUG, "a genotype has an unknown allele");
    kuni_status status = make_main(p, &entry->type, err);
    if (!status) status = kuni_buffer_append(out, p->main.data, p->main.length, err);
    if (!status && p->one.n + p->two.n) {
        entry->type |= TYPE_MULTIALLELIC;
        status = put_patches(p, row->n_alleles - 1, out, err);
    }
    if (!status && p->n_phased) {
        entry->type |= TYPE_PHASED;
        status = put_phases(p, out, err);
    }
    if (!status && out->length - start > UINT32_MAX)
        status = kuni_fail(err, KUNI_DATA, "a record of 4 GiB: PLINK 2 knows none such");
    entry->bytes = (uint32_t)(out->length - start);
    return status;
}
