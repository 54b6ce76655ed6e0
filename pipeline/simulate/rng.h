/* SPDX-License-Identifier: MIT */
/*
 * Random numbers of the simulator: xoshiro256** (Blackman and Vigna, 2018), started by splitmix64.
 *
 * Each piece of work opens its own stream from the seed and what the piece is (purpose, sample,
 * contig, block), so a draw never depends on which thread did what before. No state is shared.
 */
#ifndef KUNI_SIMULATE_RNG_H
#define KUNI_SIMULATE_RNG_H

#include <math.h>
#include <stdint.h>

typedef struct sim_rng {
    uint64_t state[4];
} sim_rng;

/* What a stream is for: part of its key. */
enum {
    SIM_RNG_REFERENCE = 1,
    SIM_RNG_TREE,
    SIM_RNG_VARIANTS,
    SIM_RNG_SAMPLES,
    SIM_RNG_MEIOSIS,
    SIM_RNG_READS,
    SIM_RNG_UNMAPPED
};

/* splitmix64's output function: a bijective mix of 64 bits. */
static inline uint64_t sim_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline void sim_rng_open(sim_rng *rng, uint64_t seed, uint64_t purpose, uint64_t a,
                                uint64_t b, uint64_t c)
{
    uint64_t x = sim_mix(seed);
    x = sim_mix(x ^ purpose);
    x = sim_mix(x ^ a);
    x = sim_mix(x ^ b);
    x = sim_mix(x ^ c);
    for (int i = 0; i < 4; i++) {
        x += 0x9e3779b97f4a7c15u;
        rng->state[i] = sim_mix(x);
    }
}

static inline uint64_t sim_rng_next(sim_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, 1), 53 bits. */
static inline double sim_rng_unit(sim_rng *rng)
{
    return (double)(sim_rng_next(rng) >> 11) * 0x1p-53;
}

/* Uniform in 0 .. n-1; the bias of the multiply-shift is below n / 2^32. */
static inline uint32_t sim_rng_below(sim_rng *rng, uint32_t n)
{
    return (uint32_t)(((sim_rng_next(rng) >> 32) * (uint64_t)n) >> 32);
}

static inline double sim_rng_exponential(sim_rng *rng)
{
    return -log(1.0 - sim_rng_unit(rng));
}

/* Box-Muller; one of the pair is thrown away to keep the stream simple. */
static inline double sim_rng_normal(sim_rng *rng)
{
    double radius = sqrt(2.0 * sim_rng_exponential(rng));
    return radius * cos(6.283185307179586 * sim_rng_unit(rng));
}

/* Poisson by counting exponential gaps in pieces, so that exp() never underflows. */
static inline uint64_t sim_rng_poisson(sim_rng *rng, double mean)
{
    uint64_t count = 0;
    while (mean > 0.0) {
        double piece = mean < 32.0 ? mean : 32.0;
        double limit = exp(-piece), product = sim_rng_unit(rng);
        while (product > limit) {
            count++;
            product *= sim_rng_unit(rng);
        }
        mean -= piece;
    }
    return count;
}

#endif
