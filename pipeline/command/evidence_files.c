/* SPDX-License-Identifier: MIT */
#include "evidence_files.h"

#include "pack.h"

static kuni_status append(kuni_evidence_file **files, size_t *n, size_t *capacity,
                          kuni_evidence_file file, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)files, capacity, *n + 1, sizeof(file), err);
    if (!status) (*files)[(*n)++] = file;
    return status;
}

kuni_status kuni_evidence_files_add(kuni_evidence_file **files, size_t *n, size_t *capacity,
                                    const char *path, kuni_error *err)
{
    kuni_evidence_file file = {.path = path, .first = true};
    if (!kuni_is_pack(path)) return append(files, n, capacity, file, err);
    kuni_pack pack;
    kuni_status status = kuni_pack_open(&pack, path, err);
    for (size_t i = 0; i < pack.n && !status; i++) {
        if (!pack.members[i].present) continue;
        file.offset = pack.members[i].offset;
        file.bytes = pack.members[i].bytes;
        status = append(files, n, capacity, file, err);
        file.first = false;
    }
    kuni_pack_close(&pack);
    return status;
}
