/* SPDX-License-Identifier: MIT */
/*
 * The PairHMM for a group of reads, one a lane, written once and compiled for each vector width:
 * include with KERNEL (name of the column step), REAL (float or double), LANES, START (the constant
 * that stands for 1) and TARGET (a target attribute or nothing) defined. Defines KERNEL_group.
 *
 * State layout: for row i (0 to rows), LANES values of M, then of I, then of D. `fits` holds what
 * the read bases of row i (from 1) emit, a lane each, against the haplotype's base of the column.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(KERNEL, _vector)

typedef REAL VECTOR
    __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL) * LANES), may_alias));

/* Advances the state from column j-1 to column j, in place. */
TARGET static void KERNEL(REAL *restrict state_, const REAL *restrict fits_, size_t rows, REAL open,
                          REAL extend)
{
    VECTOR *restrict state = (VECTOR *)(void *)state_;
    const VECTOR *fits = (const VECTOR *)(const void *)fits_;
    const VECTOR zero = {0};
    const VECTOR to_gap = zero + open, stay = zero + extend;
    const VECTOR to_match = zero + (1 - (open + open)), leave = zero + (1 - extend);
    /* Row 0: nothing of the read used; D[0][j] keeps its constant, so the read may start anywhere.
     */
    VECTOR m_above_left = state[0], i_above_left = state[1], d_above_left = state[2];
    VECTOR m_above = zero, i_above = zero; /* M[0][j], I[0][j] */
    for (size_t i = 1; i <= rows; i++) {
        VECTOR *cell = state + 3 * i;
        VECTOR m_left = cell[0], i_left = cell[1], d_left = cell[2];
        VECTOR m = fits[i] * (m_above_left * to_match + (i_above_left + d_above_left) * leave);
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
 * Advances the state by two columns at once: the second follows one row behind the first, so that
 * the processor has two chains of sums to work on and the state is read and written once. The same
 * operations a cell as one column at a time. ends[i] becomes M + I of row i in the first column.
 */
TARGET static void JOIN(KERNEL, _two)(REAL *restrict state_, const REAL *restrict fits_,
                                      const REAL *restrict fits2_, REAL *restrict ends_,
                                      size_t rows, const REAL *open, const REAL *extend)
{
    VECTOR *restrict state = (VECTOR *)(void *)state_;
    VECTOR *restrict ends = (VECTOR *)(void *)ends_;
    const VECTOR *fits = (const VECTOR *)(const void *)fits_;
    const VECTOR *fits2 = (const VECTOR *)(const void *)fits2_;
    const VECTOR zero = {0};
    const VECTOR to_gap = zero + open[0], stay = zero + extend[0];
    const VECTOR to_match = zero + (1 - (open[0] + open[0])), leave = zero + (1 - extend[0]);
    const VECTOR to_gap2 = zero + open[1], stay2 = zero + extend[1];
    const VECTOR to_match2 = zero + (1 - (open[1] + open[1])), leave2 = zero + (1 - extend[1]);
    VECTOR m_above_left = state[0], i_above_left = state[1], d_above_left = state[2];
    VECTOR m_above = zero, i_above = zero;
    /* The first column is what lies left of the second; row 0 is the same in all. */
    VECTOR m_above_left2 = state[0], i_above_left2 = state[1], d_above_left2 = state[2];
    VECTOR m_above2 = zero, i_above2 = zero;
    VECTOR m_left2 = zero, i_left2 = zero, d_left2 = zero;
    for (size_t i = 1; i <= rows + 1; i++) {
        VECTOR *cell = state + 3 * i;
        if (i > 1) { /* the second column, row i - 1 */
            VECTOR m2 = fits2[i - 1] *
                        (m_above_left2 * to_match2 + (i_above_left2 + d_above_left2) * leave2);
            VECTOR insertion2 = m_above2 * to_gap2 + i_above2 * stay2;
            cell[-3] = m2;
            cell[-2] = insertion2;
            cell[-1] = m_left2 * to_gap2 + d_left2 * stay2;
            m_above_left2 = m_left2;
            i_above_left2 = i_left2;
            d_above_left2 = d_left2;
            m_above2 = m2;
            i_above2 = insertion2;
            if (i > rows) break;
        }
        VECTOR m_left = cell[0], i_left = cell[1], d_left = cell[2];
        m_left2 = fits[i] * (m_above_left * to_match + (i_above_left + d_above_left) * leave);
        i_left2 = m_above * to_gap + i_above * stay;
        d_left2 = m_left * to_gap + d_left * stay;
        ends[i] = m_left2 + i_left2;
        m_above_left = m_left;
        i_above_left = i_left;
        d_above_left = d_left;
        m_above = m_left2;
        i_above = i_left2;
    }
}

/* Emissions by haplotype base, row and lane; a lane without a read, or beyond its end, has any. */
static void JOIN(KERNEL, _fit)(const pairhmm_plan *plan, const kuni_pairhmm_read *const *reads,
                               size_t n_reads, size_t rows, REAL *fits)
{
    const size_t table = (rows + 1) * LANES;
    for (size_t lane = 0; lane < LANES; lane++) {
        const kuni_pairhmm_read *read = lane < n_reads ? reads[lane] : NULL;
        for (size_t i = 0; i <= rows; i++) {
            bool inside = read && i > 0 && i <= read->length;
            unsigned quality = inside ? read->quals[i - 1] : 1;
            REAL match = (REAL)(1 - plan->wrong[quality]), mismatch = (REAL)plan->third[quality];
            unsigned base = inside ? read->bases[i - 1] : KUNI_PAIRHMM_N;
            REAL *to = fits + i * LANES + lane;
            for (unsigned hap_base = 0; hap_base < KUNI_PAIRHMM_N; hap_base++, to += table)
                *to = base == hap_base || base >= KUNI_PAIRHMM_N ? match : mismatch;
            *to = match;
        }
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
    const size_t table = (rows + 1) * LANES;
    REAL *fits = memory, *ends = fits + (KUNI_PAIRHMM_N + 1) * table, *state = ends + table;
    const size_t state_size = (rows + 1) * ROW + LANES; /* and the sums */
    REAL *saved = state + state_size;
    JOIN(KERNEL, _fit)(plan, reads, n_reads, rows, fits);
    memset(saved, 0, state_size * sizeof(REAL)); /* column 0 */
    for (size_t lane = 0; lane < LANES; lane++) saved[2 * LANES + lane] = (REAL)START;
    size_t columns[PAIRHMM_DEPTH_MAX] = {0}, depth = 1;
    for (size_t rank = 0; rank < plan->n_haplotypes; rank++) {
        const sorted_haplotype *sorted = &plan->sorted[rank];
        const kuni_pairhmm_haplotype *hap = sorted->haplotype;
        size_t shared = rank > 0 ? sorted->shared : 0;
        while (depth > 1 && columns[depth - 1] > shared) depth--;
        /* The nearest saved column at or before the shared prefix. */
        size_t column = columns[depth - 1];
        memcpy(state, saved + (depth - 1) * state_size, state_size * sizeof(REAL));
        REAL *sums = state + (rows + 1) * ROW;
        while (column < hap->length) {
            if (branches_off(sorted, column) && column > columns[depth - 1] &&
                depth < PAIRHMM_DEPTH_MAX) {
                memcpy(saved + depth * state_size, state, state_size * sizeof(REAL));
                columns[depth++] = column;
            }
            bool two = column + 1 < hap->length && !branches_off(sorted, column + 1);
            const REAL *fit[2] = {NULL, NULL};
            REAL open[2], extend[2];
            for (size_t k = 0; k <= (size_t)two; k++, column++) {
                size_t base = hap->bases[column];
                fit[k] = fits + (base < KUNI_PAIRHMM_N ? base : KUNI_PAIRHMM_N) * table;
                open[k] = (REAL)plan->wrong[hap->gap_open[column]];
                extend[k] = (REAL)plan->wrong[hap->gap_extend[column]];
            }
            if (two)
                JOIN(KERNEL, _two)(state, fit[0], fit[1], ends, rows, open, extend);
            else
                KERNEL(state, fit[0], rows, open[0], extend[0]);
            for (size_t lane = 0; lane < n_reads; lane++) {
                const REAL *last = state + reads[lane]->length * ROW;
                if (two) sums[lane] += ends[reads[lane]->length * LANES + lane];
                sums[lane] += last[lane] + last[LANES + lane];
            }
        }
        for (size_t lane = 0; lane < n_reads; lane++)
            sums_out[lane * plan->n_haplotypes + sorted->index] = (double)sums[lane];
    }
}

#undef JOIN_
#undef JOIN
#undef VECTOR
#undef KERNEL
#undef REAL
#undef LANES
#undef START
#undef TARGET
