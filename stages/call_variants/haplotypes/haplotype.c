/* SPDX-License-Identifier: MIT */
#include "haplotype.h"

#include <stdlib.h>
#include <string.h>

enum { MATCH = 200, MISMATCH = -150, GAP_OPEN = -260, GAP_EXTEND = -11 };
enum {
    FROM_DIAGONAL = 0,
    FROM_GAP_REF = 1,
    FROM_GAP_HAP = 2,
    GAP_REF_LONGER = 4,
    GAP_HAP_LONGER = 8
};
#define WORST (INT32_MIN / 2)

struct kuni_aligner {
    uint8_t *trace;
    size_t trace_capacity;
    int32_t *rows;
    size_t rows_capacity;
    kuni_edit *edits;
    size_t n_edits, edits_capacity;
};

kuni_aligner *kuni_aligner_new(kuni_error *err)
{
    return kuni_alloc(1, sizeof(kuni_aligner), err);
}

void kuni_aligner_free(kuni_aligner *aligner)
{
    if (!aligner) return;
    free(aligner->trace);
    free(aligner->rows);
    free(aligner->edits);
    free(aligner);
}

static kuni_status push_edit(kuni_aligner *aligner, kuni_edit edit, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&aligner->edits, &aligner->edits_capacity,
                                   aligner->n_edits + 1, sizeof(*aligner->edits), err);
    if (!status) aligner->edits[aligner->n_edits++] = edit;
    return status;
}

/*
 * Gotoh's algorithm over ref[0, n) x hap[0, m); trace[i * (m + 1) + j] holds where the best score
 * came from. Rows run over the reference. Where scores are equal the diagonal wins, so that walking
 * back from the end puts gaps to the left.
 */
static kuni_status fill_matrix(kuni_aligner *aligner, const uint8_t *ref, size_t n,
                               const uint8_t *hap, size_t m, kuni_error *err)
{
    size_t width = m + 1, cells;
    if (__builtin_mul_overflow(n + 1, width, &cells)) return kuni_fail_memory(err, n, m);
    kuni_status status =
        kuni_grow((void **)&aligner->trace, &aligner->trace_capacity, cells, 1, err);
    if (!status)
        status = kuni_grow((void **)&aligner->rows, &aligner->rows_capacity, 2 * width,
                           sizeof(*aligner->rows), err);
    if (status) return status;
    int32_t *best = aligner->rows,
            *deletion = best + width; /* of the row above, then of this one */
    uint8_t *trace = aligner->trace;
    best[0] = 0;
    deletion[0] = WORST;
    trace[0] = FROM_DIAGONAL;
    for (size_t j = 1; j <= m; j++) {
        best[j] = GAP_OPEN + (int32_t)(j - 1) * GAP_EXTEND;
        deletion[j] = WORST;
        trace[j] = (uint8_t)(FROM_GAP_REF | (j > 1 ? GAP_REF_LONGER : 0));
    }
    for (size_t i = 1; i <= n; i++) {
        uint8_t *row = trace + i * width;
        int32_t diagonal = best[0], insertion = WORST;
        best[0] = GAP_OPEN + (int32_t)(i - 1) * GAP_EXTEND;
        deletion[0] = best[0];
        row[0] = (uint8_t)(FROM_GAP_HAP | (i > 1 ? GAP_HAP_LONGER : 0));
        for (size_t j = 1; j <= m; j++) {
            uint8_t mark = 0;
            int32_t opened = best[j] + GAP_OPEN, longer = deletion[j] + GAP_EXTEND;
            if (longer > opened) mark |= GAP_HAP_LONGER;
            deletion[j] = longer > opened ? longer : opened;
            opened = best[j - 1] + GAP_OPEN;
            longer = insertion + GAP_EXTEND;
            if (longer > opened) mark |= GAP_REF_LONGER;
            insertion = longer > opened ? longer : opened;
            bool same = ref[i - 1] == hap[j - 1] && ref[i - 1] < 4;
            int32_t score = diagonal + (same ? MATCH : MISMATCH);
            if (insertion > score) {
                score = insertion;
                mark = (uint8_t)((mark & ~3) | FROM_GAP_REF);
            }
            if (deletion[j] > score) {
                score = deletion[j];
                mark = (uint8_t)((mark & ~3) | FROM_GAP_HAP);
            }
            row[j] = mark;
            diagonal = best[j];
            best[j] = score;
        }
    }
    return KUNI_OK;
}

/* Walks back and pushes edits in reverse order; offsets are those of the whole window. */
static kuni_status walk_back(kuni_aligner *aligner, const uint8_t *ref, size_t n,
                             const uint8_t *hap, size_t m, uint32_t offset, kuni_error *err)
{
    size_t width = m + 1, i = n, j = m;
    while (i > 0 || j > 0) {
        uint8_t mark = aligner->trace[i * width + j];
        kuni_edit edit = {0};
        if ((mark & 3) == FROM_DIAGONAL) {
            i--;
            j--;
            if (ref[i] == hap[j]) continue;
            edit.ref_length = edit.hap_length = 1;
        } else if ((mark & 3) == FROM_GAP_REF) {
            bool longer;
            do {
                longer = aligner->trace[i * width + j] & GAP_REF_LONGER;
                j--;
                edit.hap_length++;
            } while (longer);
        } else {
            bool longer;
            do {
                longer = aligner->trace[i * width + j] & GAP_HAP_LONGER;
                i--;
                edit.ref_length++;
            } while (longer);
        }
        edit.ref = (uint32_t)i + offset;
        edit.hap = (uint32_t)j + offset;
        kuni_status status = push_edit(aligner, edit, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Shifts each indel left while that leaves the haplotype the same, up to the edit before it. */
static void shift_left(kuni_edit *edits, size_t n_edits, const uint8_t *reference,
                       const uint8_t *bases)
{
    for (size_t e = 0; e < n_edits; e++) {
        kuni_edit *edit = &edits[e];
        if (edit->ref_length > 0 && edit->hap_length > 0) continue;
        uint32_t floor = e > 0 ? edits[e - 1].ref + edits[e - 1].ref_length : 0;
        while (edit->ref > floor) {
            uint8_t before = reference[edit->ref - 1];
            uint8_t last = edit->ref_length > 0 ? reference[edit->ref + edit->ref_length - 1]
                                                : bases[edit->hap + edit->hap_length - 1];
            if (before != last || before > 3) break;
            edit->ref--;
            edit->hap--;
        }
    }
}

kuni_status kuni_haplotype_align(kuni_aligner *aligner, kuni_arena *arena, const uint8_t *reference,
                                 uint32_t reference_length, const uint8_t *bases, uint32_t length,
                                 const kuni_edit **edits, uint32_t *n_edits, kuni_error *err)
{
    /*
     * The common ends need no matrix. The end goes first: what is left of a lone indel is then
     * leftmost.
     */
    uint32_t shorter = reference_length < length ? reference_length : length;
    uint32_t tail = 0, head = 0;
    while (tail < shorter && reference[reference_length - 1 - tail] == bases[length - 1 - tail])
        tail++;
    while (head < shorter - tail && reference[head] == bases[head]) head++;
    size_t n = reference_length - tail - head, m = length - tail - head;
    kuni_status status = KUNI_OK;
    aligner->n_edits = 0;
    if (n == 0 || m == 0) {
        kuni_edit only = {head, (uint32_t)n, head, (uint32_t)m};
        if (n + m > 0) status = push_edit(aligner, only, err);
    } else {
        /* Some context lets a gap move out of the differing middle where that scores better. */
        uint32_t context = head < 32 ? head : 32, context_tail = tail < 32 ? tail : 32;
        uint32_t offset = head - context;
        n += context + context_tail;
        m += context + context_tail;
        status = fill_matrix(aligner, reference + offset, n, bases + offset, m, err);
        if (!status)
            status = walk_back(aligner, reference + offset, n, bases + offset, m, offset, err);
    }
    if (status) return status;
    kuni_edit *copy = kuni_arena_alloc(arena, aligner->n_edits + 1, sizeof(*copy), err);
    if (!copy) return KUNI_MEMORY;
    for (size_t e = 0; e < aligner->n_edits; e++)
        copy[e] = aligner->edits[aligner->n_edits - 1 - e];
    shift_left(copy, aligner->n_edits, reference, bases);
    *edits = copy;
    *n_edits = (uint32_t)aligner->n_edits;
    return KUNI_OK;
}
