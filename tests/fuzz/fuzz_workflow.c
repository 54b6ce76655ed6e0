/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a workflow file, their first line as a --set: a workflow or faults, never a crash, a
 * leak or a hang.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* realpath() of a memfd is no path, so the text goes to a real file, in memory. */
static const char *file_path(void)
{
    static char path[64];
    if (!*path) snprintf(path, sizeof(path), "/dev/shm/kuni-fuzz-%ld.yaml", (long)getpid());
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = fopen(file_path(), "wb");
    if (!file) return 0;
    fwrite(data, 1, size, file);
    fclose(file);

    char setting[256];
    size_t length = 0;
    while (length < size && length + 1 < sizeof(setting) && data[length] != '\n') length++;
    memcpy(setting, data, length);
    setting[length] = '\0';
    const char *settings[] = {setting, "stages.call.with.max_depth=9", "call.max_depth=[1]",
                              "regions.shard=1Mb"};
    for (size_t n = 0; n <= 4; n += 4) {
        kuni_workflow workflow;
        kuni_buffer faults = KUNI_BUFFER_INIT;
        kuni_error err = KUNI_ERROR_INIT;
        kuni_status status = kuni_workflow_read(&workflow, file_path(), settings, n, &faults, &err);
        if (status == KUNI_OK) {
            for (size_t i = 0; i < workflow.n_stages; i++)
                for (size_t k = 0; k < workflow.stages[i].n_needs; k++)
                    if (workflow.stages[i].needs[k] >= i) abort();
            kuni_workflow_fini(&workflow);
        } else if (status != KUNI_USAGE || !err.text[0]) {
            abort();
        }
        kuni_buffer_fini(&faults);
    }
    unlink(file_path());
    return 0;
}
