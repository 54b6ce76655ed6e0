/* SPDX-License-Identifier: MIT */
/* Loads the reference around a shard and measures its repeats. */
#ifndef KUNI_CALL_REFERENCE_H
#define KUNI_CALL_REFERENCE_H

#include "call.h"

/* Loads `span` widened by more than the halo. */
KUNI_MUST_CHECK kuni_status kuni_call_reference_load(kuni_call_reference *reference,
                                                     kuni_genome *genome, kuni_span span,
                                                     kuni_error *err);
void kuni_call_reference_fini(kuni_call_reference *reference);

#endif
