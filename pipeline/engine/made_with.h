/* SPDX-License-Identifier: MIT */
/*
 * With which settings the tasks of a step were made: "step" records of the journal, for saying what
 * has changed since. Like made_of.h it decides nothing.
 */
#ifndef KUNI_ENGINE_MADE_WITH_H
#define KUNI_ENGINE_MADE_WITH_H

#include "past.h"

/* Adds a record for each node whose settings are not those of its last one. Rank 0 only. */
KUNI_MUST_CHECK kuni_status kuni_made_with_note(kuni_past *past, kuni_journal *journal,
                                                kuni_error *err);
/*
 * Appends what differs between the settings of a node that are `then` (see kuni_rerun) and those of
 * now, a line each: "command: 'cat {input}', now 'tac {input}'". Nothing where the journal does not
 * tell.
 */
KUNI_MUST_CHECK kuni_status kuni_made_with_differs(kuni_past *past, size_t node, uint32_t then,
                                                   kuni_buffer *lines, kuni_error *err);

#endif
