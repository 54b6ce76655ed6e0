/* SPDX-License-Identifier: MIT */
#include "quality.h"

#include <string.h>

typedef struct profile {
    uint32_t n_levels;
    uint8_t level[SIM_QUALITY_LEVELS];
    double weight[SIM_QUALITY_LEVELS]; /* of a fall, by level */
    double fall, stay;
    bool errors;
} profile;

static const profile profiles[] = {
    [KUNI_SIMULATE_NOVASEQ] = {.n_levels = 4,
                               .level = {37, 23, 12, 2},
                               .weight = {0, 0.58, 0.39, 0.03},
                               .fall = 0.014,
                               .stay = 0.35,
                               .errors = true},
    [KUNI_SIMULATE_HISEQ] = {.n_levels = 8,
                             .level = {41, 38, 34, 30, 25, 18, 11, 2},
                             .weight = {0, 0.35, 0.25, 0.15, 0.10, 0.08, 0.05, 0.02},
                             .fall = 0.03,
                             .stay = 0.55,
                             .errors = true},
    [KUNI_SIMULATE_PERFECT] = {.n_levels = 1, .level = {40}},
};

void sim_quality_init(sim_quality *quality, kuni_simulate_profile which, uint32_t read_length)
{
    const profile *p = &profiles[which];
    memset(quality, 0, sizeof(*quality));
    quality->n_levels = p->n_levels;
    quality->stay = p->stay;
    double sum = 0.0;
    for (uint32_t i = 0; i < p->n_levels; i++) {
        quality->level[i] = p->level[i];
        quality->below[i] = sum += p->weight[i];
        quality->wrong[i] =
            p->errors ? (uint32_t)(pow(10.0, -p->level[i] / 10.0) * 4294967296.0) : 0;
    }
    for (uint32_t c = 0; c < read_length; c++) {
        double late = (double)c / 150.0;
        quality->fall[c] = p->fall * (0.5 + 2.5 * late * late);
    }
}

void sim_quality_draw(const sim_quality *quality, sim_rng *rng, const char *bases, int32_t length,
                      bool reverse, bool second, char *seen, char *qualities)
{
    double badness = exp(0.5 * sim_rng_normal(rng)) * (second ? 1.6 : 1.0);
    uint32_t level = 0;
    for (int32_t c = 0; c < length; c++) {
        int32_t i = reverse ? length - 1 - c : c;
        uint64_t draw = sim_rng_next(rng);
        double u = (double)(draw >> 32) * 0x1p-32;
        if (level > 0) {
            if (u >= quality->stay) level = 0;
        } else if (quality->n_levels > 1 && u < quality->fall[c] * badness) {
            double where = sim_rng_unit(rng);
            level = 1;
            while (level + 1 < quality->n_levels && where >= quality->below[level]) level++;
        }
        qualities[i] = (char)quality->level[level];
        seen[i] = bases[i];
        if ((uint32_t)draw < quality->wrong[level]) {
            const char *others = bases[i] == 'A'   ? "CGT"
                                 : bases[i] == 'C' ? "AGT"
                                 : bases[i] == 'G' ? "ACT"
                                                   : "ACG";
            seen[i] = others[sim_rng_below(rng, 3)];
        }
    }
}
