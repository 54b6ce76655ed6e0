/* SPDX-License-Identifier: MIT */
/* The MD5 of the reference's contigs, computed once a dataset. */
#ifndef KUNI_ENGINE_REFERENCE_H
#define KUNI_ENGINE_REFERENCE_H

#include "run.h"

/*
 * Gives the genome the MD5 of every contig: from DATASET/reference.tsv where that was made from
 * this very file (path, size, time), else computed, and with `write` (rank 0) kept there. A list
 * whose last line has another digest is damaged: KUNI_IO, or where `damaged` is given that is told
 * there and the MD5 are computed (and not kept). Lists of versions before that line are believed.
 */
KUNI_MUST_CHECK kuni_status kuni_reference_digests(kuni_run *run, bool write, bool *damaged,
                                                   kuni_error *err);
/* Writes the list anew from the reference itself. */
KUNI_MUST_CHECK kuni_status kuni_reference_write(kuni_run *run, kuni_error *err);

#endif
