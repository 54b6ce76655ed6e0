/* SPDX-License-Identifier: MIT */
#include "page.h"

#include <string.h>

/* Compiled in: the page with its markers, the parts, and the charts (or why there are none). */
extern const char kuni_page_template[];
extern const char kuni_page_parts[];
extern const char kuni_page_charts[];

static kuni_status put_text(kuni_file *file, const char *text, kuni_error *err)
{
    return kuni_file_write(file, text, strlen(text), err);
}

static kuni_status put_page(kuni_file *file, const char *title, const char *folder,
                            const char *program, kuni_page_data *data, void *context,
                            kuni_error *err)
{
    const struct {
        const char *marker, *text; /* NULL: the data */
    } pieces[] = {{"<!--KUNI-TITLE-->", title},
                  {"/*KUNI-DATA*/", NULL},
                  {"/*KUNI-FOLDER*/", folder},
                  {"/*KUNI-FOLDER*/", folder},
                  {"/*KUNI-CHARTS*/", kuni_page_charts},
                  {"/*KUNI-PARTS*/", kuni_page_parts},
                  {"/*KUNI-APP*/", program}};
    const char *at = kuni_page_template;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const char *marker = strstr(at, pieces[i].marker);
        if (!marker) return kuni_fail(err, KUNI_BUG, "report page lacks %s", pieces[i].marker);
        kuni_status status = kuni_file_write(file, at, (size_t)(marker - at), err);
        if (!status)
            status =
                pieces[i].text ? put_text(file, pieces[i].text, err) : data(context, file, err);
        if (status) return status;
        at = marker + strlen(pieces[i].marker);
    }
    return put_text(file, at, err);
}

kuni_status kuni_page_write(const char *path, const char *title, const char *folder,
                            const char *program, kuni_page_data *data, void *context,
                            kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = put_page(file, title, folder, program, data, context, err);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}
