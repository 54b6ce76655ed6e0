/* SPDX-License-Identifier: MIT */
/* What the operand of several commands stands for. */
#ifndef KUNI_COMMAND_OPERAND_H
#define KUNI_COMMAND_OPERAND_H

#include "kuni/file.h"

/*
 * The dataset of an operand that may be the folder itself or a workflow that names it; to be freed.
 * Faults of the workflow are printed; *err tells of them, too.
 */
KUNI_MUST_CHECK kuni_status kuni_command_find_dataset(const char *operand, char **folder,
                                                      kuni_error *err);

#endif
