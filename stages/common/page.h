/* SPDX-License-Identifier: MIT */
/*
 * A page that shows data, in one file that needs no network: one look, one set of parts (tables,
 * sections, plots) and of charts for all reports. What a report shows is its data, as JSON, and its
 * program, which draws them with the parts (parts.js).
 */
#ifndef KUNI_STAGES_COMMON_PAGE_H
#define KUNI_STAGES_COMMON_PAGE_H

#include "kuni/file.h"

/* Writes one JSON value, as kuni/json.h does it, with "<" escaped. */
typedef kuni_status kuni_page_data(void *context, kuni_file *file, kuni_error *err);

/*
 * `folder`: from the page up to beside what is published, "../" or "../../", where the page looks for trend.js.
 */
KUNI_MUST_CHECK kuni_status kuni_page_write(const char *path, const char *title, const char *folder,
                                            const char *program, kuni_page_data *data,
                                            void *context, kuni_error *err);

#endif
