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

#endif
