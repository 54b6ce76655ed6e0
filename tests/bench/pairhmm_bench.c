/* SPDX-License-Identifier: MIT */
/*
 * PairHMM cells a second on each path the processor has: pairhmm_bench [READS] [READ_LENGTH]
 * [HAPLOTYPES] [LENGTH]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "haplotypes/pairhmm.h"

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 42;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

typedef struct problem {
    size_t n_reads, read_length, n_haps, hap_length;
    uint8_t *haps, *bases, *quals, *gaps;
    kuni_pairhmm_read *reads;
    kuni_pairhmm_haplotype *haplotypes;
    double *found;
} problem;

static bool make_problem(problem *p)
{
    p->haps = malloc(p->n_haps * p->hap_length);
    p->bases = malloc(p->n_reads * p->read_length);
    p->quals = malloc(p->read_length);
    p->gaps = malloc(2 * p->hap_length);
    p->reads = calloc(p->n_reads, sizeof(*p->reads));
    p->haplotypes = calloc(p->n_haps, sizeof(*p->haplotypes));
    p->found = calloc(p->n_reads * p->n_haps, sizeof(*p->found));
    if (!p->haps || !p->bases || !p->quals || !p->gaps || !p->reads || !p->haplotypes || !p->found)
        return false;
    for (size_t j = 0; j < p->hap_length; j++) {
        uint8_t base = (uint8_t)draw(4);
        for (size_t h = 0; h < p->n_haps; h++) p->haps[h * p->hap_length + j] = base;
        p->gaps[j] = 45;
        p->gaps[p->hap_length + j] = 10;
    }
    for (size_t h = 0; h < p->n_haps;
         h++) { /* variants in the middle third, as in an active region */
        uint8_t *bases = p->haps + h * p->hap_length;
        for (size_t bit = 0; bit < 4; bit++)
            if (h >> bit & 1) bases[p->hap_length / 3 + bit * p->hap_length / 12] ^= 1;
        p->haplotypes[h] = (kuni_pairhmm_haplotype){bases, p->gaps, p->gaps + p->hap_length,
                                                    (uint32_t)p->hap_length};
    }
    for (size_t i = 0; i < p->read_length; i++) p->quals[i] = (uint8_t)(20 + draw(20));
    for (size_t r = 0; r < p->n_reads; r++) {
        const uint8_t *from = p->haps + draw((uint32_t)p->n_haps) * p->hap_length +
                              draw((uint32_t)(p->hap_length - p->read_length + 1));
        uint8_t *bases = p->bases + r * p->read_length;
        for (size_t i = 0; i < p->read_length; i++) bases[i] = from[i] ^ (draw(300) == 0);
        p->reads[r] = (kuni_pairhmm_read){bases, p->quals, (uint32_t)p->read_length};
    }
    return true;
}

static void free_problem(problem *p)
{
    free(p->haps);
    free(p->bases);
    free(p->quals);
    free(p->gaps);
    free(p->reads);
    free(p->haplotypes);
    free(p->found);
}

int main(int argc, char **argv)
{
    size_t sizes[4] = {64, 150, 8, 350};
    for (int i = 1; i < argc && i < 5; i++) sizes[i - 1] = strtoul(argv[i], NULL, 10);
    problem p = {
        .n_reads = sizes[0], .read_length = sizes[1], .n_haps = sizes[2], .hap_length = sizes[3]};
    if (!p.n_reads || !p.n_haps || p.read_length < 1 || p.hap_length < p.read_length) {
        fputs("usage: pairhmm_bench [READS] [READ_LENGTH] [HAPLOTYPES] [LENGTH >= READ_LENGTH]\n",
              stderr);
        return KUNI_USAGE;
    }
    if (!make_problem(&p)) {
        free_problem(&p);
        return KUNI_MEMORY;
    }
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    printf("%-8s %14s %14s %10s\n", "path", "cells/s asked", "cells/s done", "double");
    for (int path = KUNI_PAIRHMM_PLAIN; !status && path <= KUNI_PAIRHMM_AVX512; path++) {
        kuni_pairhmm *hmm;
        if (kuni_pairhmm_new(&hmm, (kuni_pairhmm_path)path, &err)) {
            kuni_error_clear(&err);
            continue;
        }
        double start = now_s(), spent = 0;
        while (!status && spent < 1) {
            status =
                kuni_pairhmm_run(hmm, p.reads, p.n_reads, p.haplotypes, p.n_haps, p.found, &err);
            spent = now_s() - start;
        }
        kuni_pairhmm_counts counts = kuni_pairhmm_get_counts(hmm);
        printf("%-8s %14.3e %14.3e %10llu\n", kuni_pairhmm_path_name(hmm),
               (double)counts.cells / spent, (double)counts.cells_done / spent,
               (unsigned long long)counts.double_pairs);
        kuni_pairhmm_free(hmm);
    }
    if (status) fprintf(stderr, "%s\n", err.text);
    free_problem(&p);
    return (int)status;
}
