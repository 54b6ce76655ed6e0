/* SPDX-License-Identifier: MIT */
/* A job script for Slurm that fits a plan: containers/slurm/kuni.sbatch with ranks, memory and time. */
#ifndef KUNI_COMMAND_SLURM_SCRIPT_H
#define KUNI_COMMAND_SLURM_SCRIPT_H

#include "preview.h"

typedef struct kuni_slurm_request {
    const kuni_preview *preview;
    int64_t ranks; /* 0: as many as the work is done with in `hours` */
    int64_t jobs;  /* tasks at once per rank */
    int64_t hours; /* that a job may take; it comes back after that */
    double cpu_s;  /* that is left; negative: not known */
} kuni_slurm_request;

/* CPU seconds that are left by the journal's measurements; negative where a step has never run. */
double kuni_slurm_cpu_left(const kuni_preview *preview);
/* Ranks that it asks for. */
int64_t kuni_slurm_ranks(const kuni_slurm_request *request);
/* Prints the script to stdout. */
void kuni_slurm_print(const kuni_slurm_request *request);

#endif
