/* SPDX-License-Identifier: MIT */
#include "align.h"

#include <htslib/sam.h>
#include <stdio.h>
#include <string.h>

enum {
    MATCH = 1,
    MISMATCH = -4,
    GAP_OPEN = -6,
    GAP_EXTEND = -1,
    END_BONUS = 5,
    SEED_BP = 19,
    LEAST_SCORE = 30,
    DETOURS = 3 /* indels of one side that may be skipped */
};

typedef struct site {
    const char *bases, *ref;
    int64_t *places;
    int32_t length;
    int64_t ref_beg, ref_end;
} site;

/* A way from the seed outwards. */
typedef struct way {
    int32_t best, best_at; /* highest score on the way, and after which base */
    int32_t total;         /* score at the end of the read */
    int32_t leaves_at;     /* first base that goes straight on, or -1: true to the end */
} way;

static int32_t score_base(const site *s, int32_t i, int64_t place)
{
    if (place < s->ref_beg || place >= s->ref_end) return MISMATCH;
    char ref = s->ref[place - s->ref_beg];
    return ref == s->bases[i] && ref != 'N' ? MATCH : MISMATCH;
}

/* Goes straight on from base i whose neighbour towards the seed lies at `place`. */
static void go_straight(const site *s, int32_t i, int32_t step, int64_t place, way *w)
{
    w->leaves_at = i;
    for (; i >= 0 && i < s->length; i += step) {
        place += step;
        w->total += score_base(s, i, place);
        if (w->total > w->best) {
            w->best = w->total;
            w->best_at = i;
        }
    }
}

static void keep_better(way *best_local, way *best_total, const way *w)
{
    if (w->best > best_local->best) *best_local = *w;
    if (w->total > best_total->total) *best_total = *w;
}

/*
 * Fixes the side of the read beyond base `from` (within the seed); returns the last base that is
 * aligned.
 */
static int32_t extend(const site *s, int32_t from, int32_t step, int32_t *score)
{
    way truth = {.best = 0, .best_at = from, .total = 0, .leaves_at = -1};
    way detours[DETOURS];
    int32_t n_detours = 0;
    int64_t place = s->places[from];
    for (int32_t i = from + step; i >= 0 && i < s->length; i += step) {
        bool inserted = s->places[i] < 0;
        bool opens = inserted ? s->places[i - step] >= 0
                              : s->places[i - step] >= 0 && s->places[i] != place + step;
        if (opens && n_detours < DETOURS) {
            detours[n_detours] = truth;
            go_straight(s, i, step, place, &detours[n_detours++]);
        }
        if (inserted) {
            truth.total += opens ? GAP_OPEN + GAP_EXTEND : GAP_EXTEND;
            continue;
        }
        int64_t skipped = step * (s->places[i] - place) - 1;
        if (skipped > 0)
            truth.total += GAP_OPEN + GAP_EXTEND * (int32_t)(skipped < 100000 ? skipped : 100000);
        place = s->places[i];
        truth.total += score_base(s, i, place);
        if (truth.total > truth.best) {
            truth.best = truth.total;
            truth.best_at = i;
        }
    }
    way local = truth, total = truth;
    for (int32_t k = 0; k < n_detours; k++) keep_better(&local, &total, &detours[k]);
    bool to_end = total.total > local.best - END_BONUS;
    const way *chosen = to_end ? &total : &local;
    int32_t last = to_end ? (step > 0 ? s->length - 1 : 0) : chosen->best_at;
    if (chosen->leaves_at >= 0) {
        int32_t i = chosen->leaves_at;
        place = s->places[i - step];
        for (; i >= 0 && i < s->length; i += step) s->places[i] = place += step;
    }
    while (last != from && s->places[last] < 0) last -= step;
    *score += to_end ? chosen->total : chosen->best;
    return last;
}

/* An insertion beside a deletion is one change of length: lets the inserted bases fill the gap. */
static void settle_gaps(const site *s)
{
    for (int32_t i = 1; i < s->length; i++) {
        if (s->places[i] >= 0 || s->places[i - 1] < 0) continue;
        int32_t j = i;
        while (j < s->length && s->places[j] < 0) j++;
        if (j == s->length) return;
        int64_t gap = s->places[j] - s->places[i - 1] - 1;
        for (int32_t k = i; k < j && gap > 0; k++, gap--) s->places[k] = s->places[k - 1] + 1;
        i = j;
    }
}

static void add_op(sim_alignment *out, uint32_t op, uint32_t length)
{
    if (length == 0) return;
    if (out->n_cigar > 0 && bam_cigar_op(out->cigar[out->n_cigar - 1]) == op)
        out->cigar[out->n_cigar - 1] += length << BAM_CIGAR_SHIFT;
    else
        out->cigar[out->n_cigar++] = bam_cigar_gen(length, op);
}

static void write_cigar(const site *s, int32_t first, int32_t last, sim_alignment *out)
{
    int64_t place = s->places[first] - 1;
    out->beg = s->places[first];
    add_op(out, BAM_CSOFT_CLIP, (uint32_t)first);
    for (int32_t i = first; i <= last; i++) {
        if (s->places[i] < 0) {
            add_op(out, BAM_CINS, 1);
            out->edits++;
            continue;
        }
        int64_t skipped = s->places[i] - place - 1;
        if (skipped > 0) {
            add_op(out, BAM_CDEL, (uint32_t)skipped);
            out->edits += (int32_t)skipped;
        }
        place = s->places[i];
        if (score_base(s, i, place) != MATCH) out->edits++;
        add_op(out, BAM_CMATCH, 1);
    }
    add_op(out, BAM_CSOFT_CLIP, (uint32_t)(s->length - 1 - last));
    out->end = place + 1;
    out->clipped = (uint32_t)(s->length - 1 - last + first);
}

void sim_align(const char *bases, int64_t *places, int32_t length, const char *ref, int64_t ref_beg,
               int64_t ref_end, sim_alignment *out)
{
    site s = {.bases = bases,
              .ref = ref,
              .places = places,
              .length = length,
              .ref_beg = ref_beg,
              .ref_end = ref_end};
    out->mapped = false;
    out->n_cigar = out->clipped = 0;
    out->score = out->edits = 0;
    settle_gaps(&s);

    /* the longest exact stretch */
    int32_t seed = 0, seed_length = 0, run = 0;
    for (int32_t i = 0; i < length; i++) {
        bool exact = places[i] >= 0 && score_base(&s, i, places[i]) == MATCH;
        run = !exact ? 0 : i > 0 && places[i] == places[i - 1] + 1 ? run + 1 : 1;
        if (run > seed_length) {
            seed_length = run;
            seed = i - run + 1;
        }
    }
    if (seed_length < SEED_BP) return;
    int32_t score = seed_length;
    int32_t last = extend(&s, seed + seed_length - 1, 1, &score);
    int32_t first = extend(&s, seed, -1, &score);
    if (score < LEAST_SCORE || places[first] < ref_beg || places[last] >= ref_end) return;
    out->mapped = true;
    out->score = score;
    write_cigar(&s, first, last, out);
}

size_t sim_align_md(const sim_alignment *alignment, const char *bases, const char *ref,
                    int64_t ref_beg, char *text)
{
    size_t n = 0;
    uint32_t matched = 0;
    const char *base = bases, *at = ref + (alignment->beg - ref_beg);
    for (uint32_t k = 0; k < alignment->n_cigar; k++) {
        uint32_t op = bam_cigar_op(alignment->cigar[k]),
                 length = bam_cigar_oplen(alignment->cigar[k]);
        if (op == BAM_CMATCH) {
            for (uint32_t i = 0; i < length; i++, base++, at++) {
                if (*base == *at && *at != 'N') {
                    matched++;
                } else {
                    n += (size_t)sprintf(text + n, "%u%c", matched, *at);
                    matched = 0;
                }
            }
        } else if (op == BAM_CDEL) {
            n += (size_t)sprintf(text + n, "%u^", matched);
            memcpy(text + n, at, length);
            n += length;
            at += length;
            matched = 0;
        } else {
            base += length;
        }
    }
    n += (size_t)sprintf(text + n, "%u", matched);
    return n;
}
