/* SPDX-License-Identifier: MIT */
/* What the operand of several commands stands for. */
#ifndef KUNI_COMMAND_OPERAND_H
#define KUNI_COMMAND_OPERAND_H

#include "kuni/buffer.h"
#include "kuni/file.h"

/*
 * The dataset of an operand that may be the folder itself or a workflow that names it; to be freed.
 * Faults of the workflow are printed; *err tells of them, too.
 */
KUNI_MUST_CHECK kuni_status kuni_command_find_dataset(const char *operand, char **folder,
                                                      kuni_error *err);

/* FOLDER/NAME and the ending; what a name of a file had better not have is %XX. */
KUNI_MUST_CHECK kuni_status kuni_command_spell_path(const char *folder, const char *name,
                                                    const char *ending, kuni_buffer *path,
                                                    kuni_error *err);

#endif
