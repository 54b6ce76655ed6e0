/* SPDX-License-Identifier: MIT */
/*
 * A JSON Schema (draft-07) of the workflow file, for editors: made from the tables that the reader
 * reads by and from those of the stages. What it cannot tell (which files there are, which stage gives
 * what another takes) `kuni validate` does.
 */
#ifndef KUNI_WORKFLOW_SCHEMA_H
#define KUNI_WORKFLOW_SCHEMA_H

#include "kuni/buffer.h"

KUNI_MUST_CHECK kuni_status kuni_workflow_schema(kuni_buffer *text, kuni_error *err);

#endif
