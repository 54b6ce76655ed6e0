/* SPDX-License-Identifier: MIT */
#include "operand.h"

#include <sys/stat.h>

#include "complain.h"
#include "workflow.h"

kuni_status kuni_command_find_dataset(const char *operand, char **folder, kuni_error *err)
{
    struct stat st;
    if (stat(operand, &st) != 0) return kuni_fail_errno(err, "cannot open %s", operand);
    if (S_ISDIR(st.st_mode)) {
        *folder = kuni_strdup(operand, err);
        return *folder ? KUNI_OK : KUNI_MEMORY;
    }
    kuni_workflow workflow;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_status status = kuni_workflow_read(&workflow, operand, NULL, 0, &faults, err);
    if (!status) {
        *folder = kuni_strdup(workflow.dataset, err);
        if (!*folder) status = KUNI_MEMORY;
        kuni_workflow_fini(&workflow);
    }
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    return status;
}

kuni_status kuni_command_preview(kuni_preview *preview, const kuni_run_options *options,
                                 kuni_error *err)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_status status = kuni_preview_make(preview, options, false, &faults, err);
    bool told = faults.length > 0;
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    if (status && !told) (void)kuni_command_fail(err);
    return status;
}

kuni_status kuni_command_spell_path(const char *folder, const char *name, const char *ending,
                                    kuni_buffer *path, kuni_error *err)
{
    kuni_buffer_clear(path);
    kuni_status status = kuni_buffer_printf(path, err, "%s/", folder);
    for (size_t i = 0; name[i] && !status; i++) {
        unsigned char c = (unsigned char)name[i];
        bool plain = c > ' ' && c != '/' && c != '%' && c != 127 && (c != '.' || i);
        status = plain ? kuni_buffer_append(path, &name[i], 1, err)
                       : kuni_buffer_printf(path, err, "%%%02X", c);
    }
    return status ? status : kuni_buffer_printf(path, err, "%s", ending);
}
