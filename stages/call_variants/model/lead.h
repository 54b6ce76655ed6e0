/* SPDX-License-Identifier: MIT */
/*
 * By how many copies evidence for one or two is told in the first place.
 *
 * Where a sample has one or two copies is decided when genotypes are made. Whoever then asks gets
 * either answer, but one of them may be the more careful one: with two in mind a single wrong base
 * at 15x is a doubt worth telling of, with one it is nothing. Males' X told for two takes twice the
 * bytes. So the reads have a say: where the index shows X at half the depth of the autosomes, what
 * only a second copy makes doubtful is not told apart, and the confidence with two copies is
 * understated there. Nothing depends on what is said of the person.
 */
#ifndef KUNI_CALL_LEAD_H
#define KUNI_CALL_LEAD_H

#include "kuni/stage.h"

/* 1 or 2 for places of the shard where the sexes differ; 2 where there are none, and where the index
 * does not tell. On Y, 1. */
KUNI_MUST_CHECK kuni_status kuni_lead_find(const kuni_task *task, const kuni_sample *sample,
                                           int *lead, kuni_error *err);

#endif
