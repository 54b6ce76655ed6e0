/* SPDX-License-Identifier: MIT */
/*
 * Site filters: named expressions over the numbers of INFO, from the stage's parameters.
 *
 * A line reads NAME: EXPRESSION, with numbers, the names of joint_filter_names, + - * /, the
 * comparisons < <= > >= == !=, && || ! and parentheses. A record that makes the expression true
 * gets NAME in FILTER. A name that has no value at a record makes every comparison with it false.
 */
#ifndef KUNI_JOINT_FILTERS_H
#define KUNI_JOINT_FILTERS_H

#include "kuni/buffer.h"

typedef enum joint_filter_name {
    JOINT_QUAL,
    JOINT_QD,
    JOINT_FS,
    JOINT_SOR,
    JOINT_MQ,
    JOINT_MQ_RANK_SUM,
    JOINT_READ_POS_RANK_SUM,
    JOINT_BASE_Q_RANK_SUM,
    JOINT_EXCESS_HET,
    JOINT_INBREEDING,
    JOINT_HWE,
    JOINT_AB,
    JOINT_CR,
    JOINT_DP_MEAN,
    JOINT_GQ_MEAN,
    JOINT_DP,
    JOINT_AN,
    JOINT_NS,
    JOINT_AC,
    JOINT_AF,
    JOINT_NALT,
    JOINT_NHET,
    JOINT_NHOMALT,
    JOINT_SNP,
    JOINT_INDEL,
    JOINT_FILTER_NAMES
} joint_filter_name;

/* As written in expressions, with what they mean. */
extern const char *const joint_filter_names[JOINT_FILTER_NAMES];
extern const char *const joint_filter_help[JOINT_FILTER_NAMES];

typedef struct joint_filter {
    char *name, *text;
    struct joint_filter_op *ops;
    size_t n_ops, ops_capacity;
} joint_filter;

typedef struct joint_filters {
    joint_filter *filters;
    size_t n, capacity;
} joint_filters;

/* Parses lines; KUNI_USAGE with the place and the nearest name. */
KUNI_MUST_CHECK kuni_status joint_filters_parse(joint_filters *filters, const char *lines,
                                                kuni_error *err);
void joint_filters_free(joint_filters *filters);
/* values[JOINT_FILTER_NAMES], NAN where there is none. */
bool joint_filter_holds(const joint_filter *filter, const double *values);

#endif
