/* SPDX-License-Identifier: MIT */
#include "mixture.h"

#include "math10.h"

kuni_mixture kuni_mixture_fit(const double *others, const double *allele, size_t n)
{
    enum { ROUNDS = 60 };
    kuni_mixture best = {.fraction = 0, .lod = 0};
    if (!n) return best;
    double f = 0.5;
    for (int round = 0; round < ROUNDS; round++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            double a = f * allele[i], o = (1 - f) * others[i];
            sum += a + o > 0 ? a / (a + o) : 0;
        }
        f = sum / (double)n;
    }
    kuni_product with = KUNI_PRODUCT_ONE, without = KUNI_PRODUCT_ONE;
    for (size_t i = 0; i < n; i++) {
        kuni_product_times(&with, (1 - f) * others[i] + f * allele[i]);
        kuni_product_times(&without, others[i]);
    }
    best.fraction = f;
    best.lod = kuni_product_log10(&with) - kuni_product_log10(&without);
    if (best.lod < 0) best.lod = 0;
    return best;
}
