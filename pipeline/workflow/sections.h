/* SPDX-License-Identifier: MIT */
/* The larger sections of a workflow file, each read in a file of its own. */
#ifndef KUNI_WORKFLOW_SECTIONS_H
#define KUNI_WORKFLOW_SECTIONS_H

#include "reader.h"

/* The keys of a section of the file: "" (the file itself), "regions", "on_error", "gate", "resources". */
const kuni_field *kuni_workflow_fields(const char *section, size_t *n);
/* The keys that any stage may have; a command's parameters stand beside them. */
const kuni_field *kuni_stage_keys(size_t *n);
/* Whether a parameter of a command is set by other means than its own key. */
bool kuni_stage_is_own(const char *param);
/* A key of a command that may be a map of texts: gives, publish. */
bool kuni_stage_takes_map(const char *param);
/*
 * Reads `regions.contigs` (NULL: absent) and holds it against the index of the reference, where
 * that is there.
 */
KUNI_MUST_CHECK kuni_status kuni_reader_contigs(kuni_reader *reader, const kuni_yaml_node *node);
/* Puts the stages of included files in their places; `path` of the workflow, absolute. */
KUNI_MUST_CHECK kuni_status kuni_reader_include(kuni_reader *reader, kuni_yaml_node *root,
                                                const char *path);
/* Reads `params:` (NULL: absent) into the workflow. */
KUNI_MUST_CHECK kuni_status kuni_reader_params(kuni_reader *reader, const kuni_yaml_node *map);
/* The keys that a param may have. */
const kuni_field *kuni_param_keys(size_t *n);
/* Reads `network` (NULL: absent). */
KUNI_MUST_CHECK kuni_status kuni_reader_network(kuni_reader *reader, const kuni_yaml_node *node);
/* Reads `stages:` into the workflow, sorted. */
KUNI_MUST_CHECK kuni_status kuni_reader_stages(kuni_reader *reader, const kuni_yaml_node *stages);

#endif
