/* SPDX-License-Identifier: MIT */
/*
 * What a call set of each form takes, for `kuni plan`, before anything of it is computed: by
 * measurements on simulated evidence, so to about a third. `kuni plan --trial` measures the cohort itself.
 */
#ifndef KUNI_COMMAND_FORMS_H
#define KUNI_COMMAND_FORMS_H

#include "preview.h"

typedef struct kuni_form {
    const char *name;        /* "dense", ... */
    const char *setting;     /* of joint-genotype */
    double bytes, cpu_hours; /* of the national files with genotypes or INFO; of joint-genotype */
} kuni_form;

enum { KUNI_FORMS = 3 };

/* For so many samples and base pairs. */
void kuni_forms_estimate(double n_samples, double bp, kuni_form forms[KUNI_FORMS]);
/* Into how many parts the sites of a chunk go, so that genotypes fit into so much memory; and what holds them in one. */
double kuni_forms_windows(double n_samples, double memory_bytes);
double kuni_forms_memory(double n_samples);
/*
 * Prints them, where the workflow has joint-genotype, and what it makes of them; and how long a task takes, of which
 * so many can run at once.
 */
void kuni_forms_print(const kuni_preview *preview, int64_t lanes);

#endif
