/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "reference.h"

enum { SHIFT_MOST = 10, REACH_MOST = 1000, LANES = 8 };

typedef int8_t letters __attribute__((vector_size(LANES)));
typedef int16_t runs __attribute__((vector_size(2 * LANES)));

static inline runs larger(runs a, runs b)
{
    runs more = a > b;
    return (a & more) | (b & ~more);
}

static inline int16_t largest(runs a)
{
    a = larger(a, __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3));
    a = larger(a, __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5));
    a = larger(a, __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6));
    return a[0];
}

/* The runs one base on to the left: those that go on grow, the others end. */
static inline runs grow(runs run, letters after, int8_t base)
{
    const runs most = (runs){0} + REACH_MOST;
    run = run + 1;
    return (run - ((run > most) & 1)) & __builtin_convertvector(after == base, runs);
}

/*
 * reach[i] = 1 + the longest run from i on with seq[p] == seq[p + d], over shifts d = 1..10: a lane
 * a shift.
 */
static void measure_reach(const char *seq, int64_t n, uint16_t *reach)
{
    runs near = {0}, far = {0};
    for (int64_t i = n - 1; i >= 0; i--) {
        letters first = {0}, second = {0}; /* beyond the end: no base */
        int64_t left = n - 1 - i;
        if (left >= SHIFT_MOST) {
            memcpy(&first, seq + i + 1, LANES);
            memcpy(&second, seq + i + 1 + LANES, SHIFT_MOST - LANES);
        } else {
            for (int64_t k = 0; k < left && k < LANES; k++) first[k] = (int8_t)seq[i + 1 + k];
            for (int64_t k = LANES; k < left; k++) second[k - LANES] = (int8_t)seq[i + 1 + k];
        }
        near = grow(near, first, (int8_t)seq[i]);
        far = grow(far, second, (int8_t)seq[i]);
        reach[i] = (uint16_t)(largest(larger(near, far)) + 1);
    }
}

kuni_status kuni_call_reference_load(kuni_call_reference *reference, kuni_genome *genome,
                                     kuni_span span, kuni_error *err)
{
    *reference = (kuni_call_reference){.seq = NULL};
    int64_t beg = span.beg - KUNI_CALL_HALO_BP - KUNI_SPAN_BP, n = 0;
    if (beg < 0) beg = 0;
    kuni_span wide = {.tid = span.tid, .beg = beg, .end = span.end + 2 * KUNI_CALL_HALO_BP};
    kuni_status status = kuni_genome_fetch(genome, wide, &reference->seq, &n, err);
    if (status) return status;
    reference->beg = beg;
    reference->end = beg + n;
    reference->reach = kuni_alloc((size_t)n + 1, sizeof(*reference->reach), err);
    if (!reference->reach) {
        kuni_call_reference_fini(reference);
        return KUNI_MEMORY;
    }
    measure_reach(reference->seq, n, reference->reach);
    return KUNI_OK;
}

void kuni_call_reference_fini(kuni_call_reference *reference)
{
    free(reference->seq);
    free(reference->reach);
    *reference = (kuni_call_reference){.seq = NULL};
}
