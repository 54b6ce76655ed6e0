/* SPDX-License-Identifier: MIT */
#include "clips.h"

#include <string.h>

enum {
    SEARCH_BP = KUNI_VARIANT_REF_MAX - 1, /* how far the other end may lie */
    CONSENSUS_MOST = 40,
    CONSENSUS_LEAST = 14,
    READS_LEAST = 3,
    FORKS_MOST = 64
};

/* What the reads clipped at one place show beyond it, outwards. */
typedef struct fork {
    int64_t pos; /* first base that is not aligned (trailing), or the first that is (leading) */
    bool leading;
    uint32_t n_reads;
    uint32_t votes[CONSENSUS_MOST][4];
} fork;

static void vote(fork *f, const kuni_call_read *read, int32_t from, int32_t step, int32_t n)
{
    f->n_reads++;
    for (int32_t i = 0; i < n && i < CONSENSUS_MOST; i++) {
        unsigned base = kuni_base_code((char)read->seq[from + i * step]);
        if (base < 4) f->votes[i][base] += read->qual[from + i * step];
    }
}

static size_t add_clip(fork *forks, size_t n, const kuni_active *region, int64_t pos, bool leading,
                       const kuni_call_read *read, int32_t length)
{
    if (pos < region->beg || pos >= region->end || length < 4) return n;
    size_t k = 0;
    while (k < n && (forks[k].pos != pos || forks[k].leading != leading)) k++;
    if (k == n) {
        if (n == FORKS_MOST) return n;
        forks[n++] = (fork){.pos = pos, .leading = leading};
    }
    if (leading)
        vote(&forks[k], read, length - 1, -1, length);
    else
        vote(&forks[k], read, read->length - length, 1, length);
    return n;
}

/* The agreed bases, outwards; their number. */
static int consensus(const fork *f, char *bases)
{
    int n = 0;
    for (; n < CONSENSUS_MOST; n++) {
        uint32_t sum = 0, best = 0;
        for (uint32_t b = 0; b < 4; b++) {
            sum += f->votes[n][b];
            if (f->votes[n][b] > f->votes[n][best]) best = b;
        }
        if (sum < 30 || f->votes[n][best] * 10 < sum * 7) break;
        bases[n] = "ACGT"[best];
    }
    return n;
}

/* The one place within reach where the bases fit; INT64_MIN where none or several do. */
static int64_t locate(const fork *f, const char *bases, int n, const kuni_call_reference *reference)
{
    int64_t found = INT64_MIN;
    int least = n / 16 + 1;
    for (int64_t q = f->pos - SEARCH_BP; q <= f->pos + SEARCH_BP; q++) {
        int wrong = 0;
        for (int i = 0; i < n && wrong <= least; i++)
            wrong += kuni_reference_base(reference, f->leading ? q - 1 - i : q + i) != bases[i];
        if (wrong > least || q == f->pos) continue;
        if (wrong == least && found != INT64_MIN) return INT64_MIN;
        if (wrong < least || found == INT64_MIN) found = q;
        least = wrong;
    }
    return found;
}

kuni_status kuni_clips_find(const kuni_active *region, const kuni_read_window *window,
                            const kuni_call_reference *reference, kuni_variant *found,
                            size_t *n_found, int64_t *beg, int64_t *end, kuni_arena *arena,
                            kuni_error *err)
{
    *n_found = 0;
    fork *forks = kuni_arena_alloc(arena, FORKS_MOST, sizeof(*forks), err);
    if (!forks) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t r = kuni_read_window_find(window, region->beg); r < window->n_reads; r++) {
        const kuni_call_read *read = window->reads[r];
        if (read->pos >= region->end + 1) break;
        uint32_t first = read->cigar[0], last = read->cigar[read->n_cigar - 1];
        if (bam_cigar_op(first) == BAM_CSOFT_CLIP)
            n = add_clip(forks, n, region, read->pos, true, read, (int32_t)bam_cigar_oplen(first));
        if (read->n_cigar > 1 && bam_cigar_op(last) == BAM_CSOFT_CLIP)
            n = add_clip(forks, n, region, read->end, false, read, (int32_t)bam_cigar_oplen(last));
    }
    for (size_t k = 0; k < n && *n_found < KUNI_CLIP_VARIANTS_MAX; k++) {
        const fork *f = &forks[k];
        char bases[CONSENSUS_MOST];
        int length = f->n_reads >= READS_LEAST ? consensus(f, bases) : 0;
        if (length < CONSENSUS_LEAST) continue;
        int64_t q = locate(f, bases, length, reference);
        if (q == INT64_MIN) continue;
        int64_t a = q < f->pos ? q : f->pos, b = q < f->pos ? f->pos : q;
        kuni_status status = kuni_variants_spell(reference, a, b, f->leading == (q < f->pos),
                                                 SEARCH_BP, &found[*n_found], arena, err);
        if (status) return status;
        if (found[*n_found].pos < a) a = found[*n_found].pos;
        if (a < *beg) *beg = a;
        if (b > *end) *end = b;
        found[*n_found].n_reads = f->n_reads;
        ++*n_found;
    }
    return KUNI_OK;
}
