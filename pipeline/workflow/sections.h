/* SPDX-License-Identifier: MIT */
/* The larger sections of a workflow file, each read in a file of its own. */
#ifndef KUNI_WORKFLOW_SECTIONS_H
#define KUNI_WORKFLOW_SECTIONS_H

#include "reader.h"

/*
 * Reads `regions.contigs` (NULL: absent) and holds it against the index of the reference, where
 * that is there.
 */
KUNI_MUST_CHECK kuni_status kuni_reader_contigs(kuni_reader *reader, const kuni_yaml_node *node);
/* Reads `stages:` into the workflow, sorted. */
KUNI_MUST_CHECK kuni_status kuni_reader_stages(kuni_reader *reader, const kuni_yaml_node *stages);

#endif
