/* SPDX-License-Identifier: MIT */
/*
 * Principal components of the genotypes at the common sites.
 *
 * Genotypes are standardised by their frequency, z = (g - 2 p) / sqrt(2 p (1 - p)), unknown ones 0
 * (Patterson, Price & Reich 2006). The leading components are found by a randomised range finder
 * with power iterations (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1), that goes through
 * the sites row by row, so that memory is one block of vectors a sample.
 *
 * The same bytes: the first vectors are signs hashed from the site's place, sites and columns
 * are summed in their order, and each component is turned so that its largest loading is
 * positive.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "callset.h"

enum {
    SPARE = 6, /* vectors more than components: oversampling */
    WIDTH = CALLSET_COMPONENTS + SPARE,
    POWERS = 6,
    SITES_LEAST = 50,
    SAMPLES_LEAST = 3,
    SWEEPS = 60
};

typedef struct vectors {
    double v[WIDTH];
} vectors;

typedef struct search {
    const callset *set;
    const unsigned char *rows;
    size_t n_sites;
    uint32_t n_columns;
    vectors *sites;   /* of each site */
    vectors *samples; /* of each column */
} search;

static void standards(const common_site *site, double z[4])
{
    double p = (double)site->copies / (double)site->all, scale = 1 / sqrt(2 * p * (1 - p));
    for (int g = 0; g < 3; g++) z[g] = (g - 2 * p) * scale;
    z[3] = 0;
}

static const unsigned char *row_of(const search *s, size_t site)
{
    return s->rows + site * common_sites_bytes(s->n_columns);
}

/* samples = Z sites */
static void to_samples(search *s)
{
    memset(s->samples, 0, s->n_columns * sizeof(*s->samples));
    for (size_t m = 0; m < s->n_sites; m++) {
        const unsigned char *row = row_of(s, m);
        double z[4];
        vectors add[4];
        standards(&s->set->common.sites[m], z);
        for (int g = 0; g < 4; g++)
            for (int k = 0; k < WIDTH; k++) add[g].v[k] = z[g] * s->sites[m].v[k];
        for (uint32_t c = 0; c < s->n_columns; c++) {
            const double *from = add[common_sites_genotype(row, c)].v;
            double *to = s->samples[c].v;
            for (int k = 0; k < WIDTH; k++) to[k] += from[k];
        }
        if (s->set->task->heartbeat) s->set->task->heartbeat((int64_t)m);
    }
}

/* sites = Z' samples */
static void to_sites(search *s)
{
    for (size_t m = 0; m < s->n_sites; m++) {
        const unsigned char *row = row_of(s, m);
        double z[4];
        vectors sums[4];
        memset(sums, 0, sizeof(sums));
        standards(&s->set->common.sites[m], z);
        for (uint32_t c = 0; c < s->n_columns; c++) {
            double *to = sums[common_sites_genotype(row, c)].v;
            const double *from = s->samples[c].v;
            for (int k = 0; k < WIDTH; k++) to[k] += from[k];
        }
        for (int k = 0; k < WIDTH; k++)
            s->sites[m].v[k] = z[0] * sums[0].v[k] + z[1] * sums[1].v[k] + z[2] * sums[2].v[k];
        if (s->set->task->heartbeat) s->set->task->heartbeat((int64_t)m);
    }
}

/*
 * Makes the columns' vectors orthonormal by Gram and Schmidt, twice each, which is enough (Kahan);
 * one that depends on those before becomes 0.
 */
static void orthonormalise(vectors *rows, size_t n)
{
    for (int k = 0; k < WIDTH; k++) {
        double before = 0, left = 0;
        for (size_t i = 0; i < n; i++) before += rows[i].v[k] * rows[i].v[k];
        for (int twice = 0; twice < 2; twice++)
            for (int j = 0; j < k; j++) {
                double dot = 0;
                for (size_t i = 0; i < n; i++) dot += rows[i].v[j] * rows[i].v[k];
                for (size_t i = 0; i < n; i++) rows[i].v[k] -= dot * rows[i].v[j];
            }
        for (size_t i = 0; i < n; i++) left += rows[i].v[k] * rows[i].v[k];
        double scale = left > before * 1e-20 && left > 0 ? 1 / sqrt(left) : 0;
        for (size_t i = 0; i < n; i++) rows[i].v[k] *= scale;
    }
}

/*
 * Eigenvalues of the symmetric `a`, which becomes diagonal, and eigenvectors as columns of `v`:
 * Jacobi's rotations, cyclic.
 */
static void jacobi(double a[WIDTH][WIDTH], double v[WIDTH][WIDTH])
{
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) v[i][j] = i == j;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0, diagonal = 0;
        for (int i = 0; i < WIDTH; i++) {
            diagonal += a[i][i] * a[i][i];
            for (int j = 0; j < i; j++) off += a[i][j] * a[i][j];
        }
        if (off <= 1e-30 * diagonal) return;
        for (int p = 0; p < WIDTH; p++)
            for (int q = p + 1; q < WIDTH; q++) {
                if (a[p][q] == 0) continue;
                double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
                double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                double cosine = 1 / sqrt(t * t + 1), sine = t * cosine;
                for (int k = 0; k < WIDTH; k++) {
                    double x = a[k][p], y = a[k][q];
                    a[k][p] = cosine * x - sine * y;
                    a[k][q] = sine * x + cosine * y;
                }
                for (int k = 0; k < WIDTH; k++) {
                    double x = a[p][k], y = a[q][k];
                    a[p][k] = cosine * x - sine * y;
                    a[q][k] = sine * x + cosine * y;
                }
                for (int k = 0; k < WIDTH; k++) {
                    double x = v[k][p], y = v[k][q];
                    v[k][p] = cosine * x - sine * y;
                    v[k][q] = sine * x + cosine * y;
                }
            }
    }
}

static void start(search *s)
{
    for (size_t m = 0; m < s->n_sites; m++) {
        uint64_t bits = s->set->common.sites[m].hash * 0x9E3779B97F4A7C15u;
        bits ^= bits >> 29;
        for (int k = 0; k < WIDTH; k++) s->sites[m].v[k] = bits >> (k + 20) & 1 ? 1 : -1;
    }
}

/* What all sites vary: the trace of Z Z'. */
static double variance(const search *s)
{
    double sum = 0;
    for (size_t m = 0; m < s->n_sites; m++) {
        const unsigned char *row = row_of(s, m);
        uint64_t counts[4] = {0};
        double z[4];
        for (uint32_t c = 0; c < s->n_columns; c++) counts[common_sites_genotype(row, c)]++;
        standards(&s->set->common.sites[m], z);
        for (int g = 0; g < 3; g++) sum += (double)counts[g] * z[g] * z[g];
    }
    return sum;
}

/* The components from an orthonormal basis in `samples` and its image in `sites`. */
static void finish(search *s, callset *set)
{
    double gram[WIDTH][WIDTH] = {{0}}, turn[WIDTH][WIDTH];
    int order[WIDTH];
    for (size_t m = 0; m < s->n_sites; m++)
        for (int i = 0; i < WIDTH; i++)
            for (int j = 0; j < WIDTH; j++) gram[i][j] += s->sites[m].v[i] * s->sites[m].v[j];
    jacobi(gram, turn);
    for (int i = 0; i < WIDTH; i++) {
        int at = i;
        for (; at > 0 && gram[order[at - 1]][order[at - 1]] < gram[i][i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    double all = variance(s), scale = sqrt((double)s->n_columns);
    for (uint32_t k = 0; k < set->n_components; k++) {
        int from = order[k];
        double most = 0;
        for (size_t m = 0; m < s->n_sites; m++) {
            double loading = 0;
            for (int j = 0; j < WIDTH; j++) loading += s->sites[m].v[j] * turn[j][from];
            if (fabs(loading) > fabs(most)) most = loading;
        }
        set->shares[k] = all > 0 ? gram[from][from] / all : 0;
        for (uint32_t c = 0; c < s->n_columns; c++) {
            double value = 0;
            for (int j = 0; j < WIDTH; j++) value += s->samples[c].v[j] * turn[j][from];
            set->components[(size_t)c * set->n_components + k] =
                (most < 0 ? -value : value) * scale;
        }
    }
}

kuni_status callset_find_components(callset *set, kuni_error *err)
{
    search s = {.set = set, .n_sites = set->common.n, .n_columns = set->totals.n_columns};
    if (s.n_sites < SITES_LEAST || s.n_columns < SAMPLES_LEAST) return KUNI_OK;
    set->n_components = s.n_columns - 1 < CALLSET_COMPONENTS ? s.n_columns - 1 : CALLSET_COMPONENTS;
    size_t bytes = s.n_sites * common_sites_bytes(s.n_columns);
    if (fflush(set->common.rows) != 0)
        return kuni_fail_errno(err, "merge: cannot write the common sites");
    void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fileno(set->common.rows), 0);
    if (map == MAP_FAILED) return kuni_fail_errno(err, "merge: cannot map the common sites");
    s.rows = map;
    s.sites = kuni_alloc(s.n_sites, sizeof(*s.sites), err);
    s.samples = kuni_alloc(s.n_columns, sizeof(*s.samples), err);
    set->components =
        kuni_alloc((size_t)s.n_columns * set->n_components, sizeof(*set->components), err);
    kuni_status status = s.sites && s.samples && set->components ? KUNI_OK : KUNI_MEMORY;
    if (!status) {
        start(&s);
        for (int power = 0; power <= POWERS; power++) {
            to_samples(&s);
            orthonormalise(s.samples, s.n_columns);
            to_sites(&s);
            if (power < POWERS) orthonormalise(s.sites, s.n_sites);
        }
        finish(&s, set);
    }
    free(s.sites);
    free(s.samples);
    (void)munmap(map, bytes);
    return status;
}
