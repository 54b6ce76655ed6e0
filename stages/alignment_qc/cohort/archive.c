/* SPDX-License-Identifier: MIT */
#include "archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { TAR_BLOCK = 512, TAR_NAME_MOST = 100, OUT_BYTES = 1 << 16 };

struct kuni_qc_archive {
    kuni_file *file;
    z_stream stream;
    bool started;
    unsigned char out[OUT_BYTES];
};

kuni_status kuni_qc_archive_create(kuni_qc_archive **out, const char *path, kuni_error *err)
{
    kuni_qc_archive *archive = kuni_alloc(1, sizeof(*archive), err);
    if (!archive) return KUNI_MEMORY;
    kuni_status status = kuni_file_create(&archive->file, path, err);
    /* 15 + 16: the largest window, gzip framing (whose header zlib fills with zeros). */
    if (!status &&
        deflateInit2(&archive->stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        status = kuni_fail_memory(err, 1, sizeof(archive->stream));
    if (status) {
        kuni_qc_archive_discard(archive);
        return status;
    }
    archive->started = true;
    *out = archive;
    return KUNI_OK;
}

static kuni_status put(kuni_qc_archive *archive, const void *bytes, size_t length, int flush,
                       kuni_error *err)
{
    z_stream *stream = &archive->stream;
    const unsigned char *at = bytes;
    int result = Z_OK;
    do {
        uInt piece = length > 1u << 30 ? 1u << 30 : (uInt)length;
        stream->next_in = (unsigned char *)at;
        stream->avail_in = piece;
        at = at ? at + piece : at;
        length -= piece;
        do {
            stream->next_out = archive->out;
            stream->avail_out = OUT_BYTES;
            result = deflate(stream, length ? Z_NO_FLUSH : flush);
            kuni_status status =
                kuni_file_write(archive->file, archive->out, OUT_BYTES - stream->avail_out, err);
            if (status) return status;
        } while (stream->avail_out == 0);
    } while (length);
    if (flush == Z_FINISH && result != Z_STREAM_END)
        return kuni_fail(err, KUNI_BUG, "archive: deflate did not end");
    return KUNI_OK;
}

kuni_status kuni_qc_archive_add(kuni_qc_archive *archive, const char *name, const void *bytes,
                                size_t length, kuni_error *err)
{
    static const char zeros[TAR_BLOCK];
    char header[TAR_BLOCK] = {0};
    if (strlen(name) >= TAR_NAME_MOST)
        return kuni_fail(err, KUNI_DATA, "archive: name too long for a tar file: %s", name);
    (void)snprintf(header, TAR_NAME_MOST, "%s", name);
    memcpy(header + 100, "0000644\0000000000\0000000000",
           24); /* mode, uid, gid, each with its NUL */
    (void)snprintf(header + 124, 12, "%011llo", (unsigned long long)length);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8); /* the checksum counts itself as spaces */
    header[156] = '0';
    memcpy(header + 257, "ustar", 6);
    header[263] = header[264] = '0'; /* its version */
    unsigned sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++) sum += (unsigned char)header[i];
    (void)snprintf(header + 148, 8, "%06o", sum & 0777777u);
    kuni_status status = put(archive, header, sizeof(header), Z_NO_FLUSH, err);
    if (!status && length) status = put(archive, bytes, length, Z_NO_FLUSH, err);
    size_t fill = (TAR_BLOCK - length % TAR_BLOCK) % TAR_BLOCK;
    if (!status && fill) status = put(archive, zeros, fill, Z_NO_FLUSH, err);
    return status;
}

kuni_status kuni_qc_archive_commit(kuni_qc_archive *archive, kuni_error *err)
{
    static const char end[2 * TAR_BLOCK];
    kuni_status status = put(archive, end, sizeof(end), Z_FINISH, err);
    if (!status) {
        kuni_file *file = archive->file;
        archive->file = NULL;
        status = kuni_file_commit(file, err);
    }
    kuni_qc_archive_discard(archive);
    return status;
}

void kuni_qc_archive_discard(kuni_qc_archive *archive)
{
    if (!archive) return;
    if (archive->started) (void)deflateEnd(&archive->stream);
    kuni_file_discard(archive->file);
    free(archive);
}
