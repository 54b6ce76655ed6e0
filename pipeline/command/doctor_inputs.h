/* SPDX-License-Identifier: MIT */
/*
 * The doctor's checks of what a run reads: reference and samples.
 */
#ifndef KUNI_COMMAND_DOCTOR_INPUTS_H
#define KUNI_COMMAND_DOCTOR_INPUTS_H

#include "doctor.h"

/* Opens the reference, sets genome, shards and length; regions and ploidy. */
void kuni_doctor_reference(kuni_doctor *doctor);
/* Opens every sample's file, as a run does before it computes. */
void kuni_doctor_samples(kuni_doctor *doctor);

#endif
