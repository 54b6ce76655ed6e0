/* SPDX-License-Identifier: MIT */
/* What a run has taken, as `kuni status` tells it from status.json and accounting.tsv. */
#ifndef KUNI_COMMAND_ACCOUNTING_H
#define KUNI_COMMAND_ACCOUNTING_H

#include <jansson.h>

#include "kuni/status.h"

/* Core-hours and bytes of all steps, in a line; nothing where they are not told. */
void kuni_accounting_print(const json_t *status);
/* Adds "accounting" to a status: an object for each step and batch of the last run that has ended. */
KUNI_MUST_CHECK kuni_status kuni_accounting_add(json_t *status, const char *folder,
                                                kuni_error *err);
/* The status as a file in Prometheus's text format, replaced in one step. */
KUNI_MUST_CHECK kuni_status kuni_accounting_prometheus(const json_t *status, const char *path,
                                                       kuni_error *err);

#endif
