/* SPDX-License-Identifier: MIT */
/*
 * One file under two ids is one person twice: whoever brings a file that another sample of the
 * dataset has brought is left out of the run, and the other too where neither is sealed, since
 * nothing tells which of them it is of. Also where the other has withdrawn: a new id brings nobody
 * back. Files are the same where their contents are (kuni_content_of); a VCF of several columns may
 * serve many.
 */
#ifndef KUNI_ENGINE_SAME_FILES_H
#define KUNI_ENGINE_SAME_FILES_H

#include "kuni/buffer.h"
#include "ledger.h"

/* After preflight. Adds a line a sample to `faults`; *n_faults is raised by as many. */
KUNI_MUST_CHECK kuni_status kuni_same_files_leave_out(kuni_ledger *ledger, kuni_buffer *faults,
                                                      size_t *n_faults, kuni_error *err);

#endif
