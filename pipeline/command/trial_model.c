/* SPDX-License-Identifier: MIT */
#include "trial_model.h"

#include <stdbool.h>

static const double euler = 0.57721566490153286;

/* ln x for x >= 1, by the series of artanh: libm is not needed for one function. */
static double natural_log(double x)
{
    double powers = 0;
    while (x > 1.5) {
        x /= 2;
        powers++;
    }
    double z = (x - 1) / (x + 1), term = z, sum = 0;
    for (int i = 1; i < 60; i += 2) {
        sum += term / i;
        term *= z * z;
    }
    return 2 * sum + powers * 0.69314718055994531;
}

/* 1 + 1/2 + ... + 1/(2n-1) of 2n copies. */
static double harmonic(double n)
{
    enum { BY_TERMS = 1000 };
    double copies = 2 * n, sum = 0;
    if (copies > BY_TERMS) return natural_log(copies) + euler - 0.5 / copies;
    for (int i = 1; i < (int)copies; i++) sum += 1.0 / i;
    return sum;
}

/*
 * x, y >= 0 with x u1 + y v1 = t1 and x u2 + y v2 = t2; where there are none, the one that gives the
 * second alone.
 */
static void solve(const double u[2], const double v[2], const double t[2], double *x, double *y)
{
    double d = u[0] * v[1] - u[1] * v[0];
    *x = d != 0 ? (t[0] * v[1] - t[1] * v[0]) / d : -1;
    *y = d != 0 ? (u[0] * t[1] - u[1] * t[0]) / d : -1;
    bool first = *x >= 0, second = *y >= 0;
    if (first && second) return;
    /* what would have been negative is left out */
    if (first || d == 0) {
        *x = u[1] > 0 ? t[1] / u[1] : 0;
        *y = 0;
    } else {
        *x = 0;
        *y = v[1] > 0 ? t[1] / v[1] : 0;
    }
}

double kuni_trial_records(const kuni_trial_sizes *s, double n)
{
    double h2 = harmonic(s->n2), a, b;
    if (s->records2 <= 0) return harmonic(n);
    if (s->n1 >= s->n2 || s->records1 <= 0) return s->records2 * harmonic(n) / h2;
    const double u[2] = {harmonic(s->n1), h2}, v[2] = {s->n1, s->n2},
                 t[2] = {s->records1, s->records2};
    solve(u, v, t, &a, &b);
    return a * harmonic(n) + b * n;
}

/* `once`: what is there but for the people, at n1 and n2. */
static void fit(const kuni_trial_sizes *s, const double once[2], double y1, double y2, double n,
                double once_n, double *y)
{
    double a, b;
    const double t[2] = {y1, y2}, people[2] = {s->n1, s->n2};
    if (s->n1 >= s->n2 || y1 <= 0) {
        *y = y2 * n / s->n2;
        return;
    }
    if (y1 / s->n1 >= y2 / s->n2) {
        solve(once, people, t, &a, &b);
        *y = a * once_n + b * n;
        return;
    }
    const double dense[2] = {s->n1 * kuni_trial_records(s, s->n1),
                             s->n2 * kuni_trial_records(s, s->n2)};
    solve(people, dense, t, &a, &b);
    *y = a * n + b * n * kuni_trial_records(s, n);
}

double kuni_trial_fit(const kuni_trial_sizes *s, double y1, double y2, double n)
{
    static const double once[2] = {1, 1};
    double y;
    fit(s, once, y1, y2, n, 1, &y);
    return y;
}

double kuni_trial_fit_bytes(const kuni_trial_sizes *s, double y1, double y2, double n)
{
    const double records[2] = {kuni_trial_records(s, s->n1), kuni_trial_records(s, s->n2)};
    double y;
    fit(s, records, y1, y2, n, kuni_trial_records(s, n), &y);
    return y;
}

double kuni_trial_fit_memory(const kuni_trial_sizes *s, double y1, double y2, double n)
{
    static const double noise = 4 * 1024 * 1024;
    return y1 > 0 && y2 - y1 > noise && s->n2 > s->n1 ? kuni_trial_fit(s, y1, y2, n) : y2;
}

double kuni_trial_fit_batches(const double people[2], const double batches[2], const double y[2],
                              double n, double n_batches)
{
    double a, b;
    double all = people[0] + people[1];
    if (batches[0] * people[1] == batches[1] * people[0] || y[0] <= 0)
        return (y[0] + y[1]) * n / all;
    solve(batches, people, y, &a, &b);
    return a * n_batches + b * n;
}
