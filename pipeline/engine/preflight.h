/* SPDX-License-Identifier: MIT */
/*
 * The preflight: before anything is computed every sample's file is opened and checked.
 *
 * It is a stage like any other, with one BATCH step; the plan puts it first. Its output "faults"
 * has one line a fault: `number in the dataset, sample id, reason`, empty where all is well.
 */
#ifndef KUNI_ENGINE_PREFLIGHT_H
#define KUNI_ENGINE_PREFLIGHT_H

#include "kuni/stage.h"

extern const kuni_stage kuni_preflight_stage;

#endif
