/* SPDX-License-Identifier: MIT */
/* The INFO fields of joint-genotype, but for those of strata, which follow from the cohort. */
#ifndef KUNI_JOINT_INFO_H
#define KUNI_JOINT_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* Header lines "<ID=...>", *count of them. */
const char *const *joint_info_lines(size_t *count);
/* Whether an INFO field of this name is joint-genotype's own, of a stratum or not. */
bool joint_info_is_own(const char *tag);

#endif
