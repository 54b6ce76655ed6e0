/* SPDX-License-Identifier: MIT */
#include "piece.h"

#include <htslib/bgzf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

struct piece_writer {
    char *path;
    BGZF *file;
};

static kuni_status failed(const piece_writer *piece, kuni_error *err)
{
    return kuni_fail_errno(err, "cannot write %s: free space or check the quota", piece->path);
}

kuni_status piece_create(piece_writer **out, const char *path, int level, kuni_error *err)
{
    char mode[8];
    (void)snprintf(mode, sizeof(mode), "w%d", level);
    piece_writer *piece = kuni_alloc(1, sizeof(*piece), err);
    if (!piece) return KUNI_MEMORY;
    kuni_status status = KUNI_MEMORY;
    piece->path = kuni_strdup(path, err);
    if (piece->path) {
        piece->file = bgzf_open(path, mode);
        status = piece->file ? KUNI_OK : kuni_fail_errno(err, "cannot create %s", path);
    }
    if (status) {
        free(piece->path);
        free(piece);
        return status;
    }
    *out = piece;
    return KUNI_OK;
}

kuni_status piece_write(piece_writer *piece, const void *bytes, size_t length, uint64_t *from,
                        uint64_t *to, kuni_error *err)
{
    if (bgzf_flush_try(piece->file, (ssize_t)length) != 0) return failed(piece, err);
    if (from) *from = (uint64_t)bgzf_tell(piece->file);
    if (bgzf_write(piece->file, bytes, length) != (ssize_t)length) return failed(piece, err);
    if (to) *to = (uint64_t)bgzf_tell(piece->file);
    return KUNI_OK;
}

kuni_status piece_flush(piece_writer *piece, kuni_error *err)
{
    return bgzf_flush(piece->file) == 0 ? KUNI_OK : failed(piece, err);
}

kuni_status piece_close(piece_writer *piece, bool end_marker, kuni_error *err)
{
    kuni_status status = bgzf_close(piece->file) == 0 ? KUNI_OK : failed(piece, err);
    if (!status && !end_marker) status = kuni_file_cut_end_marker(piece->path, err);
    free(piece->path);
    free(piece);
    return status;
}

void piece_discard(piece_writer *piece)
{
    if (!piece) return;
    (void)bgzf_close(piece->file);
    (void)unlink(piece->path);
    free(piece->path);
    free(piece);
}

kuni_status piece_put(const char *path, const void *bytes, size_t length, int level,
                      bool end_marker, kuni_error *err)
{
    piece_writer *piece;
    kuni_status status = piece_create(&piece, path, level, err);
    if (status) return status;
    if (length) status = piece_write(piece, bytes, length, NULL, NULL, err);
    if (status) {
        piece_discard(piece);
        return status;
    }
    return piece_close(piece, end_marker, err);
}
