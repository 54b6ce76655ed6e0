/* SPDX-License-Identifier: MIT */
#include "pairhmm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    PAIRHMM_DEPTH_MAX = 24, /* saved columns at a time; deeper sharing is computed again */
    PAIRHMM_QUALS = 256
};

typedef struct sorted_haplotype {
    const kuni_pairhmm_haplotype *haplotype;
    size_t index;   /* in the caller's order */
    size_t own;     /* columns before the suffix that all haplotypes share */
    size_t shared;  /* of these, in common with the one before in sorted order */
    uint64_t *keep; /* bit a column: a later haplotype branches off there */
} sorted_haplotype;

typedef struct pairhmm_plan {
    sorted_haplotype *sorted;
    size_t n_haplotypes;
    size_t suffix; /* columns that all haplotypes end with, at least one before them; 0: not used */
    double wrong[PAIRHMM_QUALS]; /* 10^(-q/10) */
    double third[PAIRHMM_QUALS]; /* a third of it */
} pairhmm_plan;

static bool branches_off(const sorted_haplotype *haplotype, size_t column)
{
    return haplotype->keep[column / 64] >> (column % 64) & 1;
}

/*
 * Single precision: the sum starts from 2^110, so that 2^16 columns cannot overflow; a sum under
 * 2^-60 may have lost terms that count and goes to double precision, which starts from 2^900 and
 * ends at about 10^-570.
 */
#define FLOAT_START  0x1p110
#define FLOAT_LEAST  0x1p-60
#define DOUBLE_START 0x1p900
#define LOG10_LEAST  (-560.0)
/*
 * Of sums from the end backwards: less than it takes for their smallest to vanish before sums of
 * FLOAT_LEAST do.
 */
#define SUFFIX_START 0x1p100
enum { SUFFIX_WORTH = 8 };

#define KERNEL plain_float
#define SUFFIX plan->suffix
#define REAL   float
#define LANES  8
#define START  FLOAT_START
#define TARGET
#include "pairhmm_kernel.h"

#define KERNEL plain_double
#define SUFFIX 0 /* its range would not do */
#define REAL   double
#define LANES  4
#define START  DOUBLE_START
#define TARGET
#include "pairhmm_kernel.h"

#if defined(__x86_64__)
#define KERNEL avx2_float
#define SUFFIX plan->suffix
#define REAL   float
#define LANES  8
#define START  FLOAT_START
#define TARGET __attribute__((target("avx2")))
#include "pairhmm_kernel.h"

#define KERNEL avx2_double
#define SUFFIX 0 /* its range would not do */
#define REAL   double
#define LANES  4
#define START  DOUBLE_START
#define TARGET __attribute__((target("avx2")))
#include "pairhmm_kernel.h"

#define KERNEL avx512_float
#define SUFFIX plan->suffix
#define REAL   float
#define LANES  16
#define START  FLOAT_START
#define TARGET __attribute__((target("avx512f,avx512dq")))
#include "pairhmm_kernel.h"

#define KERNEL avx512_double
#define SUFFIX 0 /* its range would not do */
#define REAL   double
#define LANES  8
#define START  DOUBLE_START
#define TARGET __attribute__((target("avx512f,avx512dq")))
#include "pairhmm_kernel.h"
#endif

typedef void group_function(const pairhmm_plan *plan, const kuni_pairhmm_read *const *reads,
                            size_t n_reads, void *memory, double *sums);

typedef struct pairhmm_path {
    const char *name;
    group_function *single, *twice;
    size_t lanes; /* of single; double precision has half as many */
} pairhmm_path;

static const pairhmm_path paths[] = {
    [KUNI_PAIRHMM_PLAIN] = {"plain", plain_float_group, plain_double_group, 8},
#if defined(__x86_64__)
    [KUNI_PAIRHMM_AVX2] = {"avx2", avx2_float_group, avx2_double_group, 8},
    [KUNI_PAIRHMM_AVX512] = {"avx512", avx512_float_group, avx512_double_group, 16},
#endif
};

struct kuni_pairhmm {
    const pairhmm_path *path;
    kuni_pairhmm_counts counts;
    pairhmm_plan plan;
    void *memory; /* 64-byte aligned */
    size_t memory_bytes;
    double *sums;
    size_t sums_capacity;
    const kuni_pairhmm_read **by_length;
    size_t reads_capacity;
    uint64_t *keep_bits;
    size_t sorted_capacity, keep_capacity;
};

static bool processor_has(kuni_pairhmm_path path)
{
    if (path == KUNI_PAIRHMM_PLAIN) return true;
#if defined(__x86_64__)
    if (path == KUNI_PAIRHMM_AVX2) return __builtin_cpu_supports("avx2");
    if (path == KUNI_PAIRHMM_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
    return false;
}

/* What KUNI_PAIRHMM asks for, which changes the time taken and nothing else; else the widest. */
static kuni_status choose_path(kuni_pairhmm_path *path, kuni_error *err)
{
    const char *wanted = getenv("KUNI_PAIRHMM");
    for (size_t i = KUNI_PAIRHMM_PLAIN; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (wanted && strcmp(wanted, paths[i].name) != 0) continue;
        if (processor_has((kuni_pairhmm_path)i) || wanted) *path = (kuni_pairhmm_path)i;
    }
    if (*path == KUNI_PAIRHMM_AUTO)
        return kuni_fail(err, KUNI_USAGE,
                         "KUNI_PAIRHMM is \"%s\": unset it or say plain, avx2 or avx512", wanted);
    return KUNI_OK;
}

kuni_status kuni_pairhmm_new(kuni_pairhmm **out, kuni_pairhmm_path path, kuni_error *err)
{
    kuni_status status = path == KUNI_PAIRHMM_AUTO ? choose_path(&path, err) : KUNI_OK;
    if (status) return status;
    if (!processor_has(path))
        return kuni_fail(err, KUNI_USAGE, "this processor has no %s, which KUNI_PAIRHMM asks for",
                         paths[path].name);
    kuni_pairhmm *hmm = kuni_alloc(1, sizeof(*hmm), err);
    if (!hmm) return KUNI_MEMORY;
    hmm->path = &paths[path];
    for (int q = 0; q < PAIRHMM_QUALS; q++) {
        hmm->plan.wrong[q] = pow(10.0, -q / 10.0);
        hmm->plan.third[q] = hmm->plan.wrong[q] / 3;
    }
    *out = hmm;
    return KUNI_OK;
}

void kuni_pairhmm_free(kuni_pairhmm *hmm)
{
    if (!hmm) return;
    free(hmm->memory);
    free(hmm->sums);
    free(hmm->by_length);
    free(hmm->plan.sorted);
    free(hmm->keep_bits);
    free(hmm);
}

kuni_pairhmm_counts kuni_pairhmm_get_counts(const kuni_pairhmm *hmm)
{
    return hmm->counts;
}

const char *kuni_pairhmm_path_name(const kuni_pairhmm *hmm)
{
    return hmm->path->name;
}

/* --- order of haplotypes --- */

static size_t common_columns(const kuni_pairhmm_haplotype *a, const kuni_pairhmm_haplotype *b)
{
    size_t n = a->length < b->length ? a->length : b->length, i = 0;
    while (i < n && a->bases[i] == b->bases[i] && a->gap_open[i] == b->gap_open[i] &&
           a->gap_extend[i] == b->gap_extend[i])
        i++;
    return i;
}

/* Columns that all haplotypes end with. */
static size_t common_suffix(const kuni_pairhmm_haplotype *haplotypes, size_t n)
{
    size_t common = haplotypes[0].length - 1;
    for (size_t h = 1; h < n; h++) {
        const kuni_pairhmm_haplotype *a = &haplotypes[0], *b = &haplotypes[h];
        if (b->length <= common) common = b->length - 1;
        size_t i = 0;
        while (i < common && a->bases[a->length - 1 - i] == b->bases[b->length - 1 - i] &&
               a->gap_open[a->length - 1 - i] == b->gap_open[b->length - 1 - i] &&
               a->gap_extend[a->length - 1 - i] == b->gap_extend[b->length - 1 - i])
            i++;
        common = i;
    }
    return n > 1 && common >= SUFFIX_WORTH ? common : 0;
}

static int compare_haplotypes(const void *left, const void *right)
{
    const sorted_haplotype *a = left, *b = right;
    size_t i = common_columns(a->haplotype, b->haplotype);
    bool a_ends = i == a->haplotype->length, b_ends = i == b->haplotype->length;
    if (a_ends || b_ends) {
        if (a_ends != b_ends) return a_ends ? -1 : 1;
        return (a->index > b->index) - (a->index < b->index);
    }
    int order = (int)a->haplotype->bases[i] - (int)b->haplotype->bases[i];
    if (order == 0) order = (int)a->haplotype->gap_open[i] - (int)b->haplotype->gap_open[i];
    if (order == 0) order = (int)a->haplotype->gap_extend[i] - (int)b->haplotype->gap_extend[i];
    return order;
}

static kuni_status make_plan(kuni_pairhmm *hmm, const kuni_pairhmm_haplotype *haplotypes,
                             size_t n_haplotypes, kuni_error *err)
{
    pairhmm_plan *plan = &hmm->plan;
    plan->n_haplotypes = n_haplotypes;
    plan->suffix = common_suffix(haplotypes, n_haplotypes);
    size_t longest = 0;
    for (size_t h = 0; h < n_haplotypes; h++)
        if (haplotypes[h].length > longest) longest = haplotypes[h].length;
    size_t words = longest / 64 + 1;
    kuni_status status = kuni_grow((void **)&plan->sorted, &hmm->sorted_capacity, n_haplotypes,
                                   sizeof(*plan->sorted), err);
    if (!status)
        status = kuni_grow((void **)&hmm->keep_bits, &hmm->keep_capacity, n_haplotypes * words,
                           sizeof(*hmm->keep_bits), err);
    if (status) return status;
    memset(hmm->keep_bits, 0, n_haplotypes * words * sizeof(*hmm->keep_bits));
    for (size_t h = 0; h < n_haplotypes; h++)
        plan->sorted[h] = (sorted_haplotype){
            .haplotype = &haplotypes[h], .index = h, .own = haplotypes[h].length - plan->suffix};
    qsort(plan->sorted, n_haplotypes, sizeof(*plan->sorted), compare_haplotypes);
    for (size_t rank = 0; rank < n_haplotypes; rank++) {
        plan->sorted[rank].keep = hmm->keep_bits + rank * words;
        if (rank == 0) continue;
        const sorted_haplotype *before = &plan->sorted[rank - 1];
        sorted_haplotype *here = &plan->sorted[rank];
        here->shared = common_columns(before->haplotype, here->haplotype);
        if (here->shared > before->own) here->shared = before->own;
        if (here->shared > here->own) here->shared = here->own;
    }
    for (size_t rank = 0; rank < n_haplotypes; rank++) {
        size_t least = SIZE_MAX; /* what this one shares with each later one: a falling minimum */
        for (size_t later = rank + 1; later < n_haplotypes && least > 0; later++) {
            if (plan->sorted[later].shared < least) {
                least = plan->sorted[later].shared;
                plan->sorted[rank].keep[least / 64] |= 1ull << (least % 64);
            }
        }
    }
    return KUNI_OK;
}

static int compare_lengths(const void *left, const void *right)
{
    const kuni_pairhmm_read *a = *(const kuni_pairhmm_read *const *)left;
    const kuni_pairhmm_read *b = *(const kuni_pairhmm_read *const *)right;
    if (a->length != b->length) return a->length < b->length ? 1 : -1;
    return (a > b) - (a < b); /* one array: the caller's order */
}

static kuni_status reserve(kuni_pairhmm *hmm, size_t n_reads, size_t n_haplotypes,
                           size_t longest_read, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&hmm->by_length, &hmm->reads_capacity, n_reads,
                                   sizeof(*hmm->by_length), err);
    if (!status)
        status = kuni_grow((void **)&hmm->sums, &hmm->sums_capacity,
                           hmm->path->lanes * n_haplotypes, sizeof(*hmm->sums), err);
    if (status) return status;
    /*
     * Emissions, ends, the suffix, state and saved columns: lanes x width is the same for float and
     * double.
     */
    size_t row_bytes = hmm->path->lanes * sizeof(float);
    size_t bytes = (longest_read + 2) * row_bytes * (14 + 4 * (PAIRHMM_DEPTH_MAX + 1));
    if (bytes <= hmm->memory_bytes) return KUNI_OK;
    free(hmm->memory);
    hmm->memory = NULL;
    hmm->memory_bytes = 0;
    bytes = (bytes + 63) / 64 * 64;
    hmm->memory = aligned_alloc(64, bytes);
    if (!hmm->memory) return kuni_fail_memory(err, bytes, 1);
    hmm->memory_bytes = bytes;
    return KUNI_OK;
}

static double to_log10(double sum, double start, size_t haplotype_length)
{
    if (!(sum > 0)) return LOG10_LEAST;
    double value = log10(sum) - log10(start) - log10((double)haplotype_length);
    return value < LOG10_LEAST ? LOG10_LEAST : value;
}

/* Half the lanes do for the last reads, if they fit: the same bits for less work. */
static const pairhmm_path *path_for(const kuni_pairhmm *hmm, size_t n_reads, size_t lanes)
{
#if defined(__x86_64__)
    if (hmm->path == &paths[KUNI_PAIRHMM_AVX512] && n_reads <= lanes / 2)
        return &paths[KUNI_PAIRHMM_AVX2];
#endif
    (void)n_reads;
    (void)lanes;
    return hmm->path;
}

/* One group of reads: single precision, then the reads that need it again in double precision. */
static void run_group(kuni_pairhmm *hmm, const kuni_pairhmm_read *const *reads, size_t n_reads,
                      const kuni_pairhmm_read *all_reads, double *likelihoods)
{
    const pairhmm_plan *plan = &hmm->plan;
    size_t n_haplotypes = plan->n_haplotypes;
    const kuni_pairhmm_read *again[16];
    size_t n_again = 0;
    size_t lanes = hmm->path->lanes, half = lanes / 2;
    path_for(hmm, n_reads, lanes)->single(plan, reads, n_reads, hmm->memory, hmm->sums);
    for (size_t lane = 0; lane < n_reads; lane++) {
        double *row = likelihoods + (size_t)(reads[lane] - all_reads) * n_haplotypes;
        bool low = false;
        for (size_t rank = 0; rank < n_haplotypes; rank++) {
            size_t h = plan->sorted[rank].index;
            double sum = hmm->sums[lane * n_haplotypes + h];
            if (sum < FLOAT_LEAST) low = true;
            row[h] = to_log10(sum, FLOAT_START, plan->sorted[rank].haplotype->length);
        }
        if (low) again[n_again++] = reads[lane];
    }
    for (size_t first = 0; first < n_again; first += half) {
        size_t count = n_again - first < half ? n_again - first : half;
        path_for(hmm, count, half)->twice(plan, again + first, count, hmm->memory, hmm->sums);
        for (size_t lane = 0; lane < count; lane++) {
            double *row = likelihoods + (size_t)(again[first + lane] - all_reads) * n_haplotypes;
            for (size_t rank = 0; rank < n_haplotypes; rank++) {
                size_t h = plan->sorted[rank].index;
                row[h] = to_log10(hmm->sums[lane * n_haplotypes + h], DOUBLE_START,
                                  plan->sorted[rank].haplotype->length);
            }
        }
    }
    hmm->counts.double_pairs += n_again * n_haplotypes;
}

static kuni_status check_shapes(const kuni_pairhmm_read *reads, size_t n_reads,
                                const kuni_pairhmm_haplotype *haplotypes, size_t n_haplotypes,
                                kuni_error *err)
{
    for (size_t r = 0; r < n_reads; r++)
        if (reads[r].length == 0) return kuni_fail(err, KUNI_BUG, "PairHMM: a read of length 0");
    for (size_t h = 0; h < n_haplotypes; h++)
        if (haplotypes[h].length == 0)
            return kuni_fail(err, KUNI_BUG, "PairHMM: a haplotype of length 0");
    return KUNI_OK;
}

kuni_status kuni_pairhmm_run(kuni_pairhmm *hmm, const kuni_pairhmm_read *reads, size_t n_reads,
                             const kuni_pairhmm_haplotype *haplotypes, size_t n_haplotypes,
                             double *likelihoods, kuni_error *err)
{
    if (n_reads == 0 || n_haplotypes == 0) return KUNI_OK;
    kuni_status status = check_shapes(reads, n_reads, haplotypes, n_haplotypes, err);
    if (!status) status = make_plan(hmm, haplotypes, n_haplotypes, err);
    size_t longest = 0;
    uint64_t bases = 0, columns = 0, columns_done = 0;
    for (size_t r = 0; r < n_reads; r++) {
        if (reads[r].length > longest) longest = reads[r].length;
        bases += reads[r].length;
    }
    if (!status) status = reserve(hmm, n_reads, n_haplotypes, longest, err);
    if (status) return status;
    for (size_t rank = 0; rank < n_haplotypes; rank++) {
        columns += hmm->plan.sorted[rank].haplotype->length;
        columns_done += hmm->plan.sorted[rank].own - hmm->plan.sorted[rank].shared;
    }
    columns_done += hmm->plan.suffix;
    hmm->counts.cells += bases * columns;
    hmm->counts.cells_done += bases * columns_done;
    for (size_t r = 0; r < n_reads; r++) hmm->by_length[r] = &reads[r];
    qsort(hmm->by_length, n_reads, sizeof(*hmm->by_length), compare_lengths);
#if defined(__x86_64__)
    /*
     * Cells that cannot count sink into denormals, which are slow: flush them to zero, on every
     * path alike.
     */
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x8040u);
#endif
    size_t lanes = hmm->path->lanes;
    for (size_t first = 0; first < n_reads; first += lanes) {
        size_t count = n_reads - first < lanes ? n_reads - first : lanes;
        run_group(hmm, hmm->by_length + first, count, reads, likelihoods);
    }
#if defined(__x86_64__)
    _mm_setcsr(control);
#endif
    return KUNI_OK;
}
