/* SPDX-License-Identifier: MIT */
/*
 * The PairHMM for a group of reads, one a lane, written once and compiled for each vector width:
 * include with KERNEL (name of the column step), REAL (float or double), LANES, START (the constant
 * that stands for 1), SUFFIX (columns to be summed from the end) and TARGET (a target attribute or
 * nothing) defined. Defines KERNEL_group.
 *
 * State layout: for row i (0 to rows), LANES values of M, then of I, then of D. `fits` holds what
 * the read bases of row i (from 1) emit, a lane each, against the haplotype's base of the column.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(KERNEL, _vector)
#define WIDE        JOIN(KERNEL, _wide)

typedef REAL VECTOR
    __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL) * LANES), may_alias));

typedef double WIDE
    __attribute__((vector_size(sizeof(double) * LANES), aligned(sizeof(REAL) * LANES), may_alias));

/* Advances the state from column j-1 to column j, in place. */
TARGET static void KERNEL(REAL *restrict state_, const REAL *restrict fits_, size_t rows, REAL open,
                          REAL extend)
{
    VECTOR *restrict state = (VECTOR *)(void *)state_;
    const VECTOR *fits = (const VECTOR *)(const void *)fits_;
    const VECTOR zero = {0};
    const VECTOR to_gap = zero + open, stay = zero + extend;
    const VECTOR to_match = zero + (1 - (open + open)), leave = zero + (1 - extend);
    /*
     * Row 0: nothing of the read used; D[0][j] keeps its constant, so the read may start anywhere.
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
 * The suffix of all haplotypes, once, from its last column back to the one before it: `weights` of
 * row i become what one unit of M, I and D there adds to the sum in the suffix, and `starts` what
 * reads that begin in the suffix add for one unit of D[0]. Both times SUFFIX_START. `back` holds,
 * of the column in hand, what a unit that arrives at M, I or D adds from there on:
 *
 *     bI[i][j] = last + ext_j bI[i+1][j] + (1 - ext_j+1) e(i+1,j+1) bM[i+1][j+1]
 *     bM[i][j] = last + open_j bI[i+1][j] + (1 - 2 open_j+1) e(i+1,j+1) bM[i+1][j+1]
 *                + open_j+1 bD[i][j+1]
 *     bD[i][j] = (1 - ext_j+1) e(i+1,j+1) bM[i+1][j+1] + ext_j+1 bD[i][j+1]
 *
 * last is 1 in the read's last row, else 0; beyond the last column all is 0.
 */
TARGET static void JOIN(KERNEL, _suffix)(const pairhmm_plan *plan, const REAL *fits,
                                         const REAL *lasts_, REAL *back_, REAL *weights_,
                                         REAL *starts, size_t rows)
{
    const kuni_pairhmm_haplotype *hap = plan->sorted[0].haplotype;
    const size_t table = (rows + 1) * LANES, first = hap->length - plan->suffix;
    const VECTOR zero = {0};
    const VECTOR *lasts = (const VECTOR *)(const void *)lasts_;
    VECTOR *back = (VECTOR *)(void *)back_, *weights = (VECTOR *)(void *)weights_;
    VECTOR begun = zero;
    for (size_t i = 0; i < 3 * (rows + 1); i++) back[i] = zero;
    for (size_t column = hap->length; column-- > first;) {
        /* what lies to the right of this column; nothing for the last */
        bool right = column + 1 < hap->length;
        size_t next = right ? column + 1 : column;
        size_t base = hap->bases[next] < KUNI_PAIRHMM_N ? hap->bases[next] : KUNI_PAIRHMM_N;
        const VECTOR *fit = (const VECTOR *)(const void *)(fits + base * table);
        const REAL open = (REAL)plan->wrong[hap->gap_open[next]];
        const REAL extend = (REAL)plan->wrong[hap->gap_extend[next]];
        const VECTOR to_match = zero + (1 - (open + open)), leave = zero + (1 - extend);
        const VECTOR to_gap = zero + open, stay = zero + extend;
        const VECTOR here_gap = zero + (REAL)plan->wrong[hap->gap_open[column]];
        const VECTOR here_stay = zero + (REAL)plan->wrong[hap->gap_extend[column]];
        VECTOR arrived = zero, below = zero; /* e bM[i+1] of the column to the right; bI[i+1] */
        for (size_t i = rows; i > 0; i--) {
            VECTOR *cell = back + 3 * i;
            VECTOR m = cell[0], d = cell[2];
            cell[0] = lasts[i] + here_gap * below + arrived * to_match + d * to_gap;
            cell[2] = arrived * leave + d * stay;
            below = (lasts[i] + arrived * leave) + here_stay * below;
            arrived = fit[i] * m;
        }
        if (right) begun = begun + arrived * leave;
    }
    size_t base = hap->bases[first] < KUNI_PAIRHMM_N ? hap->bases[first] : KUNI_PAIRHMM_N;
    const VECTOR *fit = (const VECTOR *)(const void *)(fits + base * table);
    const REAL open = (REAL)plan->wrong[hap->gap_open[first]];
    const REAL extend = (REAL)plan->wrong[hap->gap_extend[first]];
    VECTOR arrived = zero;
    for (size_t i = rows; i > 0; i--) {
        VECTOR m = back[3 * i], d = back[3 * i + 2];
        weights[3 * i] = arrived * (1 - (open + open)) + d * open;
        weights[3 * i + 1] = arrived * (1 - extend);
        weights[3 * i + 2] = arrived * (1 - extend) + d * extend;
        arrived = fit[i] * m;
    }
    *(VECTOR *)(void *)starts = begun + arrived * (1 - extend);
}

/* What the suffix adds to each lane's sum, for the state of the column before it. */
TARGET static void JOIN(KERNEL, _join)(const REAL *state_, const REAL *weights_, const REAL *starts,
                                       size_t rows, double *sums)
{
    const VECTOR *state = (const VECTOR *)(const void *)state_;
    const VECTOR *weights = (const VECTOR *)(const void *)weights_;
    WIDE sum[3] = {{0},
                   {0},
                   __builtin_convertvector(state[2], WIDE) *
                       __builtin_convertvector(*(const VECTOR *)(const void *)starts, WIDE)};
    for (size_t i = 1; i <= rows; i++)
        for (size_t k = 0; k < 3; k++)
            sum[k] = sum[k] + __builtin_convertvector(state[3 * i + k], WIDE) *
                                  __builtin_convertvector(weights[3 * i + k], WIDE);
    WIDE all = sum[0] + sum[1] + sum[2];
    for (size_t lane = 0; lane < LANES; lane++) sums[lane] = all[lane] / SUFFIX_START;
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
    REAL *fits = memory, *ends = fits + (KUNI_PAIRHMM_N + 1) * table;
    REAL *lasts = ends + table, *back = lasts + table, *weights = back + 3 * table;
    REAL *starts = weights + 3 * table, *state = starts + LANES;
    const size_t state_size = (rows + 1) * ROW + LANES; /* and the sums */
    REAL *saved = state + state_size;
    JOIN(KERNEL, _fit)(plan, reads, n_reads, rows, fits);
    if (SUFFIX) {
        memset(lasts, 0, table * sizeof(REAL));
        for (size_t lane = 0; lane < n_reads; lane++)
            lasts[reads[lane]->length * LANES + lane] = (REAL)SUFFIX_START;
        JOIN(KERNEL, _suffix)(plan, fits, lasts, back, weights, starts, rows);
    }
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
        const size_t stop = SUFFIX ? sorted->own : hap->length;
        for (;;) {
            if (branches_off(sorted, column) && column > columns[depth - 1] &&
                depth < PAIRHMM_DEPTH_MAX) {
                memcpy(saved + depth * state_size, state, state_size * sizeof(REAL));
                columns[depth++] = column;
            }
            if (column >= stop) break;
            bool two = column + 1 < stop && !branches_off(sorted, column + 1);
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
        double more[LANES] = {0};
        if (SUFFIX) JOIN(KERNEL, _join)(state, weights, starts, rows, more);
        for (size_t lane = 0; lane < n_reads; lane++)
            sums_out[lane * plan->n_haplotypes + sorted->index] = (double)sums[lane] + more[lane];
    }
}

#undef JOIN_
#undef JOIN
#undef VECTOR
#undef WIDE
#undef SUFFIX
#undef KERNEL
#undef REAL
#undef LANES
#undef START
#undef TARGET
