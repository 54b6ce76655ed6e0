/* SPDX-License-Identifier: MIT */
#include "shifts.h"

enum {
    SHIFT_LEAST = 11, /* shorter periods: kuni_reference_reach */
    SHIFT_MOST = 256,
    LIKE_BP = 20,    /* bases compared beside the place */
    UNLIKE_MOST = 3, /* of these */
    REACH_BP = KUNI_REGION_BP / 2 - 20,
    DROP_MOST = 12, /* the resemblance ends where it falls by so much, a match 1, a mismatch -3 */
    MISMATCH = 3
};

/* Bases of [from, from + n) that differ from those `shift` further on; stops beyond UNLIKE_MOST. */
static int unlike(const char *seq, int64_t from, int n, int64_t shift)
{
    int differ = 0;
    for (int i = 0; i < n && differ <= UNLIKE_MOST; i++)
        differ += seq[from + i] != seq[from + i + shift];
    return differ;
}

/* How far the resemblance goes on from `at` in steps of `step`; the last place that matches. */
static int64_t extend(const char *seq, int64_t at, int64_t step, int64_t least, int64_t most,
                      int64_t shift)
{
    int64_t best_at = at;
    int score = 0, best = 0;
    for (int64_t p = at + step; p >= least && p < most && best - score < DROP_MOST; p += step) {
        score += seq[p] == seq[p + shift] ? 1 : -MISMATCH;
        if (score <= best) continue;
        best = score;
        best_at = p;
    }
    return best_at;
}

bool kuni_shift_explains(const kuni_call_reference *reference, int64_t pos, unsigned alt,
                         int64_t *beg, int64_t *end)
{
    const char *seq = reference->seq, base = "ACGT"[alt];
    int64_t at = pos - reference->beg, n = reference->end - reference->beg;
    const int64_t around = SHIFT_MOST + REACH_BP + 1;
    if (at < around || at + around >= n) return false;
    int64_t from = at, to = at;
    for (int64_t shift = -SHIFT_MOST; shift <= SHIFT_MOST; shift++) {
        if (shift == 1 - SHIFT_LEAST) shift = SHIFT_LEAST;
        if (seq[at + shift] != base) continue;
        if (unlike(seq, at + 1, LIKE_BP, shift) > UNLIKE_MOST &&
            unlike(seq, at - LIKE_BP, LIKE_BP, shift) > UNLIKE_MOST)
            continue;
        int64_t least = at - REACH_BP, most = at + REACH_BP;
        int64_t left = extend(seq, at, -1, least, most, shift);
        int64_t right = extend(seq, at, 1, least, most, shift) + 1;
        if (shift < 0) left += shift;
        if (shift > 0) right += shift;
        if (left < from) from = left;
        if (right > to) to = right;
    }
    if (from == to) return false;
    if (from < at - REACH_BP) from = at - REACH_BP;
    if (to > at + REACH_BP) to = at + REACH_BP;
    *beg = from + reference->beg;
    *end = to + reference->beg;
    return true;
}
