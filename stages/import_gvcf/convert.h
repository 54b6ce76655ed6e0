/* SPDX-License-Identifier: MIT */
/*
 * What a gVCF record says, as events and reference blocks.
 *
 * - homozygous reference without reads: nothing, no data
 * - reference block: block; GQ from GQ, GQX, RGQ, PL, GL or the depth; depth from MIN_DP, DP,
 *   MED_DP, AD
 * - block that fails a filter: block of kind filtered
 * - block with genotype ./.: block with GQ 0, reads but no confidence
 * - record with an ALT: event, also where the genotype is 0/0 or ./.
 * - record that fails a filter: event with the filtered flag
 *
 * A genotype 0/0 without any number is reference of a stated confidence, see below. ./. at a site
 * without depth leaves a block of neither confidence nor depth: no data, whatever spans it.
 *
 * A genotype ./. of a gVCF with likelihoods (GATK's CombineGVCFs) is the likeliest one, where one
 * alone is: then the record is taken as if it had said so.
 *
 * Where QUAL is missing, or of several samples, it is PL of 0/0 less 30, the prior of a
 * heterozygote.
 *
 * Likelihoods come from PL, else GL, else from genotype and GQ: 0 for the called genotype, GQ for
 * each copy that differs.
 */
#ifndef KUNI_IMPORT_CONVERT_H
#define KUNI_IMPORT_CONVERT_H

#include "conversion.h"

/*
 * The confidence of a reference that is stated without numbers: of a genotype 0/0 alone, and, where
 * the parameter `absent` says so, of what has no record. Far above the 30 phred by which the cohort
 * may move a genotype. Nobody is told of it: such blocks are KUNI_BLOCK_STATED, without a depth.
 */
enum { KUNI_IMPORT_STATED_GQ = 60 };

/*
 * KUNI_DATA with the bare cause where the record cannot be true, and is lost (of a block the first
 * base): the caller names file and place. The record's begin may move.
 */
KUNI_MUST_CHECK kuni_status kuni_convert_record(kuni_convert *convert, kuni_gvcf_record *record,
                                                kuni_error *err);

/* A kuni_normaliser; its context is a kuni_convert. */
KUNI_MUST_CHECK kuni_status kuni_convert_normalise(void *context, kuni_event *event,
                                                   kuni_error *err);

#endif
