/* SPDX-License-Identifier: MIT */
#include "published.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kuni/file.h"
#include "scan.h"

enum { BYTES_MAX = 1 << 28 };

kuni_status kuni_published_read(kuni_published *published, const char *folder, kuni_error *err)
{
    *published = (kuni_published){.json = NULL};
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(folder, "current/dataset.json", err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        status = kuni_file_get(path, BYTES_MAX, &text, err);
        if (!status) published->json = json_loadb(text.data, text.length, 0, NULL);
        json_t *batches = json_object_get(published->json, "batches");
        if (!status && (!json_is_integer(batches) || json_integer_value(batches) < 0))
            status = kuni_fail(err, KUNI_IO,
                               "%s is damaged: put it back from a backup, or remove the link "
                               "'current' beside it and run again to publish anew",
                               path);
        published->n_batches = status ? 0 : (size_t)json_integer_value(batches);
        published->quarantined = json_object_get(published->json, "quarantined");
        published->gated = json_object_get(published->json, "gated");
    }
    kuni_buffer_fini(&text);
    free(path);
    if (status) kuni_published_fini(published);
    return status;
}

int64_t kuni_published_generation(const char *folder)
{
    char path[4096], target[64];
    uint64_t number;
    ssize_t length = -1;
    if (snprintf(path, sizeof(path), "%s/current", folder) < (int)sizeof(path))
        length = readlink(path, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    return kuni_scan(target, "generations/#", &number) && number <= INT64_MAX ? (int64_t)number : 0;
}

void kuni_published_fini(kuni_published *published)
{
    json_decref(published->json);
    *published = (kuni_published){.json = NULL};
}
