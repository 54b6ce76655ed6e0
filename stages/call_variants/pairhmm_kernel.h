/* SPDX-License-Identifier: MIT */
/*
 * The PairHMM for a group of reads, one a lane, written once and compiled for each vector width:
 * include with KERNEL (name of the column step), REAL (float or double), INTEGER (of the same
 * width), LANES, START (the constant that stands for 1) and TARGET (a target attribute or nothing)
 * defined. Defines KERNEL and KERNEL_group.
 *
 * State layout: for row i (0 to rows), LANES values of M, then of I, then of D. `match` and
 * `mismatch` hold the emissions of row i (from 1) a lane; `bases` the read base codes a lane as
 * integers of REAL's width.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(KERNEL, _vector)
#define MASK        JOIN(KERNEL, _mask)

typedef REAL VECTOR
    __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL) * LANES), may_alias));
typedef INTEGER MASK
    __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL) * LANES), may_alias));

/* Advances the state from column j-1 to column j, in place. */
TARGET static void KERNEL(REAL *restrict state_, const REAL *restrict match_,
                          const REAL *restrict mismatch_, const INTEGER *restrict bases_,
                          size_t rows, INTEGER base, REAL open, REAL extend)
{
    VECTOR *restrict state = (VECTOR *)(void *)state_;
    const VECTOR *match = (const VECTOR *)(const void *)match_;
    const VECTOR *mismatch = (const VECTOR *)(const void *)mismatch_;
    const MASK *bases = (const MASK *)(const void *)bases_;
    const VECTOR zero = {0};
    const VECTOR to_gap = zero + open, stay = zero + extend;
    const VECTOR to_match = zero + (1 - (open + open)), leave = zero + (1 - extend);
    const MASK any = (MASK)zero + (INTEGER)KUNI_PAIRHMM_N, wanted = (MASK)zero + base;
    /* Row 0: nothing of the read used; D[0][j] keeps its constant, so the read may start anywhere.
     */
    VECTOR m_above_left = state[0], i_above_left = state[1], d_above_left = state[2];
    VECTOR m_above = zero, i_above = zero; /* M[0][j], I[0][j] */
    const MASK hits_all = wanted == any;   /* the haplotype's base is N */
    for (size_t i = 1; i <= rows; i++) {
        VECTOR *cell = state + 3 * i;
        VECTOR m_left = cell[0], i_left = cell[1], d_left = cell[2];
        MASK hit = (bases[i] == wanted) | (bases[i] == any) | hits_all;
        VECTOR emission = (VECTOR)(((MASK)match[i] & hit) | ((MASK)mismatch[i] & ~hit));
        VECTOR m = emission * (m_above_left * to_match + (i_above_left + d_above_left) * leave);
        VECTOR insertion = m_above * to_gap + i_above * stay;
        VECTOR deletion = m_left * to_gap + d_left * stay;
        cell[0] = m;
        cell[1] = insertion;
        cell[2] = deletion;
        m_above_left = m_left;
        i_above_left = i_left;
        d_above_left = d_left;
        m_above = m;
        i_above = insertion;
    }
}

/*
 * All haplotypes against up to LANES reads. likelihoods[lane * n_haplotypes + haplotype] becomes
 * the sum L times START times the haplotype's length. `plan` says the order of haplotypes and what
 * they share.
 */
static void JOIN(KERNEL, _group)(const pairhmm_plan *plan, const kuni_pairhmm_read *const *reads,
                                 size_t n_reads, void *memory, double *sums_out)
{
    enum { ROW = 3 * LANES };
    size_t rows = 0;
    for (size_t lane = 0; lane < n_reads; lane++)
        if (reads[lane]->length > rows) rows = reads[lane]->length;
    REAL *match = memory, *mismatch = match + (rows + 1) * LANES;
    INTEGER *bases = (INTEGER *)(void *)(mismatch + (rows + 1) * LANES);
    REAL *state = (REAL *)(void *)(bases + (rows + 1) * LANES);
    const size_t state_size = (rows + 1) * ROW + LANES; /* and the sums */
    REAL *saved = state + state_size;
    for (size_t lane = 0; lane < LANES; lane++) {
        const kuni_pairhmm_read *read = lane < n_reads ? reads[lane] : NULL;
        for (size_t i = 0; i <= rows; i++) {
            bool inside = read && i > 0 && i <= read->length;
            double wrong = inside ? plan->wrong[read->quals[i - 1]] : 0.5;
            match[i * LANES + lane] = (REAL)(1 - wrong);
            mismatch[i * LANES + lane] = (REAL)(wrong / 3);
            bases[i * LANES + lane] = inside ? read->bases[i - 1] : 0;
        }
    }
    memset(saved, 0, state_size * sizeof(REAL)); /* column 0 */
    for (size_t lane = 0; lane < LANES; lane++) saved[2 * LANES + lane] = (REAL)START;
    size_t columns[PAIRHMM_DEPTH_MAX] = {0}, depth = 1;
    for (size_t rank = 0; rank < plan->n_haplotypes; rank++) {
        const kuni_pairhmm_haplotype *hap = plan->sorted[rank].haplotype;
        size_t shared = rank > 0 ? plan->sorted[rank].shared : 0;
        while (depth > 1 && columns[depth - 1] > shared) depth--;
        /* The nearest saved column at or before the shared prefix. */
        size_t column = columns[depth - 1];
        memcpy(state, saved + (depth - 1) * state_size, state_size * sizeof(REAL));
        REAL *sums = state + (rows + 1) * ROW;
        for (; column < hap->length; column++) {
            if (plan->sorted[rank].keep[column / 64] >> (column % 64) & 1 &&
                column > columns[depth - 1] && depth < PAIRHMM_DEPTH_MAX) {
                memcpy(saved + depth * state_size, state, state_size * sizeof(REAL));
                columns[depth++] = column;
            }
            KERNEL(state, match, mismatch, bases, rows, (INTEGER)hap->bases[column],
                   (REAL)plan->wrong[hap->gap_open[column]],
                   (REAL)plan->wrong[hap->gap_extend[column]]);
            for (size_t lane = 0; lane < n_reads; lane++) {
                const REAL *last = state + reads[lane]->length * ROW;
                sums[lane] += last[lane] + last[LANES + lane];
            }
        }
        for (size_t lane = 0; lane < n_reads; lane++)
            sums_out[lane * plan->n_haplotypes + plan->sorted[rank].index] = (double)sums[lane];
    }
}

#undef JOIN_
#undef JOIN
#undef VECTOR
#undef MASK
#undef KERNEL
#undef REAL
#undef INTEGER
#undef LANES
#undef START
#undef TARGET
