/* SPDX-License-Identifier: MIT */
/*
 * The gate: who of the people in the dataset is in what is published.
 *
 * Withdrawn and quarantined samples are out before (see samples.h). Of the rest the workflow's
 * `gate:` says which outcomes of quality control are let in; and of a participant's samples one
 * counts: that marked `primary`, else the better one by outcome, then by coverage, then the first.
 * Evidence and QC of who is out stay in the dataset. Rank 0 only, between the phases JUDGE and JOINT.
 */
#ifndef KUNI_ENGINE_GATE_H
#define KUNI_ENGINE_GATE_H

#include "ledger.h"

/*
 * Reads the tables of kind "sample-qc" that the plan's steps have made (columns sample_id, outcome,
 * and mean_autosome_coverage where it is there; the worst outcome of several tables holds) and adds
 * who is out to the samples' list, with the reason. No effect on a plan that is not judged; *out
 * counts. KUNI_DATA: a table that is none, or nobody is left.
 */
KUNI_MUST_CHECK kuni_status kuni_gate_apply(kuni_ledger *ledger, size_t *out, kuni_error *err);
/* Whether all tables that kuni_gate_apply reads have been made. */
bool kuni_gate_is_ready(const kuni_ledger *ledger);

#endif
