/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "kuni/buffer.h"
#include "reference.h"

enum { SHIFT_MOST = 10, REACH_MOST = 1000 };

/* reach[i] = 1 + the longest run from i on with seq[p] == seq[p + d], over shifts d = 1..10. */
static void measure_reach(const char *seq, int64_t n, uint16_t *reach)
{
    uint16_t run[SHIFT_MOST + 1] = {0};
    for (int64_t i = n - 1; i >= 0; i--) {
        uint16_t longest = 0;
        for (int d = 1; d <= SHIFT_MOST; d++) {
            bool same = i + d < n && seq[i] == seq[i + d];
            run[d] = same ? (uint16_t)(run[d] < REACH_MOST ? run[d] + 1 : REACH_MOST) : 0;
            /* runs that a read crosses by chance do not hide an indel of d bases */
            if (run[d] > longest) longest = run[d];
        }
        reach[i] = (uint16_t)(longest + 1);
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
