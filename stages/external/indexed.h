/* SPDX-License-Identifier: MIT */
/* Variant files with their index beside them, as tools that seek want them. */
#ifndef KUNI_STAGES_EXTERNAL_INDEXED_H
#define KUNI_STAGES_EXTERNAL_INDEXED_H

#include "kuni/stage.h"

/*
 * The path by which a command gets an input, from `arena`: a link in the task's scratch folder with the
 * index beside it (.csi for BCF; .tbi for VCF where its contigs allow, else .csi) where the name says
 * that it is a compressed variant file, else the path itself. The index is made here, by one pass over
 * the file. `number` tells inputs of a kind apart.
 */
KUNI_MUST_CHECK kuni_status indexed_input(const kuni_task *task, const char *kind, size_t number,
                                          const char *path, kuni_arena *arena, const char **given,
                                          kuni_error *err);

#endif
