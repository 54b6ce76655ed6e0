/* SPDX-License-Identifier: MIT */
/*
 * Who has how many copies of X and Y: by the declared sex, by the karyotype that somebody upstream
 * found in the reads, or by both, as the parameters `sex` and `conflict` say.
 */
#ifndef KUNI_JOINT_DECIDING_H
#define KUNI_JOINT_DECIDING_H

#include "joint.h"

typedef enum joint_why {
    JOINT_WHY_DECLARED, /* nothing more to say */
    JOINT_WHY_UNUSUAL, /* the karyotype has other copies than the declared sex, which it agrees with
                         */
    JOINT_WHY_INFERRED, /* no sex is declared, or it does not count */
    JOINT_WHY_UNKNOWN,  /* neither declared nor inferred */
    JOINT_WHY_CONFLICT  /* they contradict each other */
} joint_why;

typedef struct joint_decision {
    joint_who who;
    kuni_sex sex; /* for counts by sex; unknown where undecided */
    joint_why why;
} joint_decision;

/* A sample's karyotype as it was found. */
typedef struct joint_finding {
    kuni_karyotype karyotype;
    char name[11];
    bool known, counted; /* of any kind; by coverage */
} joint_finding;

typedef struct joint_deciding {
    joint_finding *findings;             /* by sample; NULL: nobody looked */
    bool declared, inferred;             /* what counts */
    bool trust_declared, trust_inferred; /* in a conflict; neither: no call */
} joint_deciding;

/* Reads the parameters and the task's inputs of kind "karyotypes". To be ended also on failure. */
KUNI_MUST_CHECK kuni_status joint_deciding_init(joint_deciding *deciding, const kuni_task *task,
                                                kuni_error *err);
void joint_deciding_fini(joint_deciding *deciding);
joint_decision joint_decide(const joint_deciding *deciding, const kuni_task *task, size_t sample);

kuni_karyotype joint_karyotype_of_sex(kuni_sex sex);

#define JOINT_COPIES_TABLE "copies.tsv"

/* Of the table. */
extern const kuni_column joint_columns[];

/* The step "copies": a table of the samples whose copies do not follow from a declared sex alone;
 * no file where there are none. */
KUNI_MUST_CHECK kuni_status joint_copies_run(const kuni_task *task, kuni_error *err);

#endif
