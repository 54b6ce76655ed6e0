/* SPDX-License-Identifier: MIT */
/* What the operand of several commands stands for. */
#ifndef KUNI_COMMAND_OPERAND_H
#define KUNI_COMMAND_OPERAND_H

#include "kuni/buffer.h"
#include "kuni/file.h"
#include "preview.h"

/*
 * The dataset of an operand that may be the folder itself or a workflow that names it; to be freed.
 * Faults of the workflow are printed; *err tells of them, too.
 */
KUNI_MUST_CHECK kuni_status kuni_command_find_dataset(const char *operand, char **folder,
                                                      kuni_error *err);

/*
 * Looks at what a run would do (kuni_preview_make). What fails is told, the faults of the workflow or *err. To be ended by
 * kuni_preview_fini, also after a failure.
 */
KUNI_MUST_CHECK kuni_status kuni_command_preview(kuni_preview *preview,
                                                 const kuni_run_options *options, kuni_error *err);

/* FOLDER/NAME and the ending; what a name of a file had better not have is %XX. */
KUNI_MUST_CHECK kuni_status kuni_command_spell_path(const char *folder, const char *name,
                                                    const char *ending, kuni_buffer *path,
                                                    kuni_error *err);

#endif
