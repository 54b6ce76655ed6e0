/* SPDX-License-Identifier: MIT */
#include "packed.h"

#include <htslib/bgzf.h>
#include <htslib/tbx.h>
#include <stdlib.h>

enum { INDEX_MIN_SHIFT = 14 };

struct kuni_packed {
    BGZF *file;
    char *path;
};

kuni_status kuni_packed_open(kuni_packed **made, const char *path, kuni_error *err)
{
    kuni_packed *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return KUNI_MEMORY;
    p->path = kuni_strdup(path, err);
    p->file = p->path ? bgzf_open(path, "w") : NULL;
    if (!p->file) {
        kuni_status status = p->path ? kuni_fail_errno(err, "cannot write %s", path) : KUNI_MEMORY;
        kuni_packed_abandon(p);
        return status;
    }
    *made = p;
    return KUNI_OK;
}

void kuni_packed_abandon(kuni_packed *p)
{
    if (!p) return;
    if (p->file) (void)bgzf_close(p->file);
    free(p->path);
    free(p);
}

kuni_status kuni_packed_write(kuni_packed *p, kuni_buffer *text, kuni_error *err)
{
    ssize_t length = (ssize_t)text->length;
    bool fine = !length || bgzf_write(p->file, text->data, text->length) == length;
    kuni_buffer_clear(text);
    return fine ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", p->path);
}

kuni_status kuni_packed_flush(kuni_packed *p, kuni_error *err)
{
    return bgzf_flush(p->file) < 0 ? kuni_fail_errno(err, "cannot write %s", p->path) : KUNI_OK;
}

kuni_status kuni_packed_close(kuni_packed *p, kuni_error *err)
{
    int closed = bgzf_close(p->file);
    p->file = NULL;
    kuni_status status = closed < 0 ? kuni_fail_errno(err, "cannot write %s", p->path) : KUNI_OK;
    kuni_packed_abandon(p);
    return status;
}

kuni_status kuni_packed_index(const char *path, kuni_error *err)
{
    const tbx_conf_t columns = {.preset = TBX_GENERIC, .sc = 1, .bc = 2, .ec = 0, .meta_char = '#'};
    return tbx_index_build3(path, NULL, INDEX_MIN_SHIFT, 1, &columns) < 0
               ? kuni_fail(err, KUNI_IO, "cannot index %s", path)
               : KUNI_OK;
}

kuni_status kuni_packed_int(kuni_buffer *text, int64_t value, kuni_error *err)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) *--at = '-';
    return kuni_buffer_append(text, at, (size_t)(digits + sizeof(digits) - at), err);
}
