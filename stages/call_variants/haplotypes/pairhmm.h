/* SPDX-License-Identifier: MIT */
/*
 * PairHMM: how well each read fits each haplotype.
 *
 * Model (three states, affine gaps; the recurrences of HaplotypeCaller's forward algorithm), i over
 * read bases, j over haplotype bases:
 *
 *     M[i][j] = e(i,j) (M[i-1][j-1] (1 - 2 open_j) + (I[i-1][j-1] + D[i-1][j-1]) (1 - ext_j))
 *     I[i][j] = M[i-1][j] open_j + I[i-1][j] ext_j
 *     D[i][j] = M[i][j-1] open_j + D[i][j-1] ext_j
 *     D[0][*] = 1 / haplotype length,  L = sum over j of M[last][j] + I[last][j]
 *
 * e = 1 - q on a match (or where either base is N), q / 3 on a mismatch, q = 10^(-quality/10). Gap
 * penalties belong to the haplotype's bases, so that repeats can have their own.
 *
 * A column of the matrix depends on the haplotype's prefix only: haplotypes are visited in sorted
 * order and share the columns of their common prefixes. Lanes of a vector hold different reads;
 * every lane does the same operations in the same order whatever the vector's width, so AVX2,
 * AVX-512 and plain code give the same bits. Single precision first; a read whose sum comes near
 * the bottom of the range is done again in double precision.
 */
#ifndef KUNI_CALL_VARIANTS_PAIRHMM_H
#define KUNI_CALL_VARIANTS_PAIRHMM_H

#include "kuni/buffer.h"

enum { KUNI_PAIRHMM_N = 4 }; /* base codes: A C G T are 0 to 3, all else is 4 */

typedef struct kuni_pairhmm_read {
    const uint8_t *bases; /* codes */
    const uint8_t *quals; /* phred, 1 to 93 */
    uint32_t length;
} kuni_pairhmm_read;

typedef struct kuni_pairhmm_haplotype {
    const uint8_t *bases;      /* codes */
    const uint8_t *gap_open;   /* phred, one a base */
    const uint8_t *gap_extend; /* phred, one a base */
    uint32_t length;
} kuni_pairhmm_haplotype;

typedef enum kuni_pairhmm_path {
    KUNI_PAIRHMM_AUTO, /* what KUNI_PAIRHMM in the environment names, else the widest there is */
    KUNI_PAIRHMM_PLAIN,
    KUNI_PAIRHMM_AVX2,
    KUNI_PAIRHMM_AVX512
} kuni_pairhmm_path;

typedef struct kuni_pairhmm kuni_pairhmm;

/* KUNI_USAGE where the processor lacks the path or KUNI_PAIRHMM names none. */
KUNI_MUST_CHECK kuni_status kuni_pairhmm_new(kuni_pairhmm **hmm, kuni_pairhmm_path path,
                                             kuni_error *err);
void kuni_pairhmm_free(kuni_pairhmm *hmm);

/*
 * Fills likelihoods[read * n_haplotypes + haplotype] with log10 L. Reads and haplotypes of length 0
 * are KUNI_BUG. Memory: about 40 bytes a base of the longest read, a lane and a distinct haplotype
 * prefix.
 */
KUNI_MUST_CHECK kuni_status kuni_pairhmm_run(kuni_pairhmm *hmm, const kuni_pairhmm_read *reads,
                                             size_t n_reads,
                                             const kuni_pairhmm_haplotype *haplotypes,
                                             size_t n_haplotypes, double *likelihoods,
                                             kuni_error *err);

typedef struct kuni_pairhmm_counts {
    uint64_t cells;        /* matrix cells asked for: read length x haplotype length, summed */
    uint64_t cells_done;   /* after prefix sharing */
    uint64_t double_pairs; /* pairs done again in double precision */
} kuni_pairhmm_counts;

/* Since the object was made. */
kuni_pairhmm_counts kuni_pairhmm_get_counts(const kuni_pairhmm *hmm);
/* "avx512", "avx2" or "plain": the values of KUNI_PAIRHMM. */
const char *kuni_pairhmm_path_name(const kuni_pairhmm *hmm);

#endif
