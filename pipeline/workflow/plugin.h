/* SPDX-License-Identifier: MIT */
/*
 * Stages from shared objects. A plugin exports KUNI_PLUGIN_SYMBOL; it is checked as far as a table
 * can be checked before the engine trusts it. A loaded plugin stays loaded until the process ends:
 * stages point into it.
 */
#ifndef KUNI_WORKFLOW_PLUGIN_H
#define KUNI_WORKFLOW_PLUGIN_H

#include "kuni/stage.h"

KUNI_MUST_CHECK kuni_status kuni_plugin_load(const char *path, const kuni_stage **stage,
                                             kuni_error *err);

#endif
