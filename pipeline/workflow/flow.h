/* SPDX-License-Identifier: MIT */
/* How files flow between the stages of a workflow, by kind; and the names under which they are published. */
#ifndef KUNI_WORKFLOW_FLOW_H
#define KUNI_WORKFLOW_FLOW_H

#include "needs.h"

/*
 * Every input that must be there has a producer: an earlier step of the stage, or a stage upstream;
 * what is published has a place of its own. Asks each stage for its steps.
 */
KUNI_MUST_CHECK kuni_status kuni_flow_check(kuni_reader *reader, const entries *all);

#endif
