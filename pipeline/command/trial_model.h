/* SPDX-License-Identifier: MIT */
/*
 * From what a trial took, at two sizes of the cohort, to what all of it will take.
 *
 * Work on reads is scaled by people and bases; what a batch takes once, by batches. Work on all people
 * together is fitted to the two sizes, n1 < n2, by what an amount y may be made of:
 *
 *   y = C + A n          time that grows less than the people: what is done once, and for each of them
 *   y = D S(n) + A n     bytes, likewise: S(n) records, and what each person has in them
 *   y = A n + B n S(n)   what grows more: a value of every sample in every record
 *
 * Records grow as S(n) = a H(n) + b n: H(n) = 1 + 1/2 + ... + 1/(2n-1) is what a population of constant
 * size has (Watterson 1975), b n what a growing one has more, and false ones. No factor is below 0.
 *
 * In a small cohort B cannot be seen, and in a large one it is most of a dense call set: what is said
 * of it holds for some twenty times the people of the trial.
 */
#ifndef KUNI_COMMAND_TRIAL_MODEL_H
#define KUNI_COMMAND_TRIAL_MODEL_H

#include <stdint.h>

/* Of the people that a trial had: n1 < n2, or n1 == n2, and then y1 is not looked at. */
typedef struct kuni_trial_sizes {
    double n1, n2;
    double records1, records2; /* 0: not known */
} kuni_trial_sizes;

/* Records of n people. */
double kuni_trial_records(const kuni_trial_sizes *sizes, double n);
/* Time or memory at n people, from those at n1 and n2. */
double kuni_trial_fit(const kuni_trial_sizes *sizes, double y1, double y2, double n);
/*
 * Memory of a task on a batch of n people. The same task takes up to 3 MiB more or less from run to run,
 * and y2 is the most of more tasks than y1: a difference as small as that is no growth, which the few
 * people between two batches of a trial would make many times larger.
 */
double kuni_trial_fit_memory(const kuni_trial_sizes *sizes, double y1, double y2, double n);
/* Likewise, of bytes of records. */
double kuni_trial_fit_bytes(const kuni_trial_sizes *sizes, double y1, double y2, double n);
/* What is made of batches: of people[0] in batches[0], people[1] in batches[1]; of n in n_batches. */
double kuni_trial_fit_batches(const double people[2], const double batches[2], const double y[2],
                              double n, double n_batches);

#endif
