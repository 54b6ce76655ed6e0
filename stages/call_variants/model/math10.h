/* SPDX-License-Identifier: MIT */
/*
 * Decimal logarithms and powers with the same bits on every machine: the C library's may use other
 * instructions on other processors. Plain IEEE double arithmetic, no contraction.
 */
#ifndef KUNI_CALL_MATH10_H
#define KUNI_CALL_MATH10_H

#include <stdint.h>

enum { KUNI_PHRED_TABLE = 256 };

typedef struct kuni_phred_table {
    double error[KUNI_PHRED_TABLE]; /* 10^(-q/10) */
} kuni_phred_table;

/* log10(x) for normal x > 0, error < 1e-15 relative to 1; -400 for 0 and below. */
double kuni_log10(double x);
/* 10^x for |x| <= 300; 0 below -300. */
double kuni_exp10(double x);
const kuni_phred_table *kuni_phred(void);

/* A product of many probabilities kept in range: value = mantissa * 10^logarithm. */
typedef struct kuni_product {
    double mantissa, logarithm;
} kuni_product;

#define KUNI_PRODUCT_ONE ((kuni_product){.mantissa = 1, .logarithm = 0})

static inline void kuni_product_times(kuni_product *product, double factor)
{
    product->mantissa *= factor;
    if (product->mantissa < 1e-200) {
        product->logarithm += kuni_log10(product->mantissa);
        product->mantissa = 1;
    }
}

static inline double kuni_product_log10(const kuni_product *product)
{
    return product->logarithm + kuni_log10(product->mantissa);
}

#endif
