/* SPDX-License-Identifier: MIT */
/*
 * Fitting the models. See quality.h for their form.
 *
 * Held for true and for false are the labelled sites. Of the others, and of the labelled, the odd
 * ones count as false: those further out than all but 0.5 % of the true. How far out a site lies is
 * the sum over features of (|x| - 2)^2 where x is beyond 2 on a side that speaks against it. So
 * artefacts of kinds that no label tells of are learnt too.
 *
 * Both kinds have the same weight in sum; a ridge keeps weights that nothing asks for at 0. What is
 * reported is held out: each site is scored by a model of the four fifths that lie elsewhere in the
 * genome.
 */
#ifndef KUNI_QUALITY_TRAIN_H
#define KUNI_QUALITY_TRAIN_H

#include "draw.h"

typedef struct quality_tranche {
    double share;                             /* of the true sites that are to be kept */
    double threshold;                         /* VQ */
    double kept_true, kept_false, kept_other; /* shares */
    double ti_tv;                             /* of SNPs of unknown label that are kept; NAN */
    double ti_tv_lost;                        /* of the others */
} quality_tranche;

typedef struct quality_result {
    quality_model model;
    const char *reason; /* why there is no model, or NULL */
    uint64_t seen[QUALITY_LABELS];
    size_t n_true, n_false, n_odd; /* trained on; odd: false for being far out */
    double area;                   /* under the ROC curve of labelled sites, held out; NAN */
    quality_tranche tranches[QUALITY_TRANCHES];
} quality_result;

/*
 * `draw` was sorted. The threshold is the lower one of `most` and of what keeps the share `keep`,
 * in %, of the true sites.
 */
KUNI_MUST_CHECK kuni_status quality_train(const quality_draw *draw, int type, double keep,
                                          double most, quality_result *result, kuni_error *err);

#endif
