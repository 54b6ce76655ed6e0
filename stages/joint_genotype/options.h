/* SPDX-License-Identifier: MIT */
/*
 * The parameters of joint-genotype, read.
 */
#ifndef KUNI_JOINT_OPTIONS_H
#define KUNI_JOINT_OPTIONS_H

#include "filters.h"
#include "joint.h"
#include "kuni/params.h"

/*
 * Reads and checks what the table of parameters cannot: lists of words, bands, expressions of filters.
 * KUNI_USAGE says which. memory_bytes is 1 GiB. The filters are to be freed also on failure.
 */
KUNI_MUST_CHECK kuni_status joint_options_read(joint_options *options, joint_filters *filters,
                                               const kuni_params *params, kuni_error *err);

/* The same, for kuni_stage.check. */
KUNI_MUST_CHECK kuni_status joint_options_check(const kuni_params *params, kuni_error *err);

/* Up to so many samples a call set is dense where the workflow does not say what it shall be. */
enum { JOINT_DENSE_MOST = 10000 };
/* For kuni_stage.check_samples: no form that was not asked for comes or goes as a dataset grows. */
KUNI_MUST_CHECK kuni_status joint_options_check_samples(const kuni_params *params, size_t n_samples,
                                                        kuni_error *err);

/* Whether a list of words, one a line, has the word. */
bool joint_options_have(const char *list, const char *word);

#endif
