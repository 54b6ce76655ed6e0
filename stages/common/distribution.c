/* SPDX-License-Identifier: MIT */
#include "distribution.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 48 };

static const double reach_iqr = 4;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double share)
{
    return sorted[(size_t)(share * (double)(n - 1) + 0.5)];
}

static void put_bins(kuni_json *json, const double *sorted, size_t n, int decimals)
{
    uint64_t bins[BINS] = {0};
    double q1 = quantile(sorted, n, 0.25), q3 = quantile(sorted, n, 0.75);
    double low = fmax(sorted[0], q1 - reach_iqr * (q3 - q1));
    double high = fmin(sorted[n - 1], q3 + reach_iqr * (q3 - q1));
    if (!(high > low)) {
        low = sorted[0];
        high = sorted[n - 1];
    }
    bool apart = high - low >= pow(10, -decimals);
    int n_bins = apart ? BINS : 1;
    for (size_t i = 0; i < n; i++) {
        double at = apart ? (sorted[i] - low) / (high - low) * n_bins : 0;
        bins[at < 0 ? 0 : at >= n_bins ? n_bins - 1 : (int)at]++;
    }
    kuni_json_fixed(json, "low", low, decimals);
    kuni_json_fixed(json, "high", apart ? high : low, decimals);
    kuni_json_array(json, "bins", KUNI_JSON_INLINE);
    for (int i = 0; i < n_bins; i++) kuni_json_uint(json, NULL, bins[i]);
    kuni_json_end(json);
}

void kuni_distribution_put_quantiles(kuni_json *json, const char *key, double *values, size_t n,
                                     const double *shares, size_t n_shares, int decimals)
{
    qsort(values, n, sizeof(*values), by_value);
    kuni_json_array(json, key, KUNI_JSON_INLINE);
    for (size_t i = 0; i < n_shares; i++)
        kuni_json_fixed(json, NULL, quantile(values, n, shares[i]), decimals);
    kuni_json_end(json);
}

void kuni_distribution_put(kuni_json *json, const char *key, double *values, size_t n,
                           const double *shares, size_t n_shares, int decimals)
{
    if (!n) {
        kuni_json_null(json, key);
        return;
    }
    kuni_json_object(json, key, KUNI_JSON_INLINE);
    kuni_json_uint(json, "n", n);
    kuni_distribution_put_quantiles(json, "q", values, n, shares, n_shares, decimals);
    put_bins(json, values, n, decimals);
    kuni_json_end(json);
}
