/* SPDX-License-Identifier: MIT */
/*
 * `params:` of a workflow: values with a name, a type and a default that --set may change, which its
 * stages use as {param.NAME}; and `when:` of a stage, which asks for one.
 */
#ifndef KUNI_WORKFLOW_DECLARED_H
#define KUNI_WORKFLOW_DECLARED_H

#include "reader.h"
#include "workflow.h"

/* The param of a name, of `length` bytes; a fault at `at` and NULL where there is none. */
const kuni_workflow_param *kuni_reader_param(kuni_reader *reader, const kuni_yaml_node *at,
                                             const char *name, size_t length);
/*
 * The next {param.NAME} in a text from *at on: its param, NULL after a fault or at the end, where *at
 * is NULL, too. *at then stands behind it, *begin and *length tell where it is. {{param.NAME}} stands
 * for itself.
 */
const kuni_workflow_param *kuni_reader_next_param(kuni_reader *reader, const kuni_yaml_node *node,
                                                  const char **at, const char **begin,
                                                  size_t *length);
/* The text with its params filled in, in the arena (the text itself where it has none). */
KUNI_MUST_CHECK kuni_status kuni_reader_fill(kuni_reader *reader, const kuni_yaml_node *at,
                                             const char *text, const char **filled);
/* Whether `when:` holds; true after a fault. */
bool kuni_reader_when(kuni_reader *reader, const kuni_yaml_node *when);

#endif
