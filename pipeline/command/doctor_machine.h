/* SPDX-License-Identifier: MIT */
/*
 * The doctor's checks of where a run works: the dataset's folder and this machine.
 */
#ifndef KUNI_COMMAND_DOCTOR_MACHINE_H
#define KUNI_COMMAND_DOCTOR_MACHINE_H

#include "doctor.h"

/* The dataset's folder: access, another run, space. */
void kuni_doctor_dataset(kuni_doctor *doctor);
/* Descriptors, memory, cores; programs that `run:` stages call. */
void kuni_doctor_machine(kuni_doctor *doctor);
/* Whether the programs that `run:` stages call are on the PATH. */
void kuni_doctor_programs(kuni_doctor *doctor);

#endif
