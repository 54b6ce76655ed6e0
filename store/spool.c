/* SPDX-License-Identifier: MIT */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A run of a string's bytes in the temporary file. */
typedef struct segment {
    uint64_t offset, length;
} segment;

typedef struct spooled {
    segment *segments; /* spilled, oldest first */
    size_t n_segments, segments_capacity, next_segment;
    kuni_stream tail; /* not spilled: follows the segments */
    kuni_stream view; /* reading: bytes fetched from segments and not yet consumed */
    size_t view_at, tail_at;
} spooled;

struct kuni_spool {
    spooled *strings;
    size_t n_strings, in_memory, memory_bytes;
    char *folder;
    int fd; /* the temporary file, or -1 */
    uint64_t file_bytes;
};

enum { VIEW_BYTES = 1 << 12 };

kuni_spool *kuni_spool_new(size_t n_strings, const char *folder, size_t memory_bytes,
                           kuni_error *err)
{
    kuni_spool *spool = kuni_alloc(1, sizeof(*spool), err);
    if (!spool) return NULL;
    *spool = (kuni_spool){.n_strings = n_strings, .memory_bytes = memory_bytes, .fd = -1};
    spool->strings = kuni_alloc(n_strings + 1, sizeof(*spool->strings), err);
    spool->folder = kuni_strdup(folder, err);
    if (spool->strings && spool->folder) return spool;
    kuni_spool_free(spool);
    return NULL;
}

void kuni_spool_free(kuni_spool *spool)
{
    if (!spool) return;
    for (size_t i = 0; spool->strings && i < spool->n_strings; i++) {
        free(spool->strings[i].segments);
        kuni_stream_fini(&spool->strings[i].tail);
        kuni_stream_fini(&spool->strings[i].view);
    }
    if (spool->fd >= 0) (void)close(spool->fd);
    free(spool->strings);
    free(spool->folder);
    free(spool);
}

static kuni_status open_file(kuni_spool *spool, kuni_error *err)
{
    kuni_buffer name = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&name, err, "%s/.kuni-spool-XXXXXX", spool->folder);
    if (status) return status;
    spool->fd = mkostemp(name.data, O_CLOEXEC);
    if (spool->fd < 0)
        status = kuni_fail_errno(err, "cannot create a temporary file in %s", spool->folder);
    else if (unlink(name.data) != 0)
        status = kuni_fail_errno(err, "cannot unlink %s", name.data);
    kuni_buffer_fini(&name);
    return status;
}

static kuni_status write_tail(kuni_spool *spool, spooled *string, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&string->segments, &string->segments_capacity,
                                   string->n_segments + 1, sizeof(segment), err);
    if (status) return status;
    for (size_t done = 0; done < string->tail.length;) {
        ssize_t n = pwrite(spool->fd, string->tail.data + done, string->tail.length - done,
                           (off_t)(spool->file_bytes + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return kuni_fail_errno(err, "cannot write a temporary file in %s: free space",
                                   spool->folder);
        done += (size_t)n;
    }
    string->segments[string->n_segments++] =
        (segment){.offset = spool->file_bytes, .length = string->tail.length};
    spool->file_bytes += string->tail.length;
    kuni_stream_fini(&string->tail);
    return KUNI_OK;
}

static kuni_status spill(kuni_spool *spool, kuni_error *err)
{
    kuni_status status = spool->fd < 0 ? open_file(spool, err) : KUNI_OK;
    for (size_t i = 0; !status && i < spool->n_strings; i++)
        if (spool->strings[i].tail.length > 0) status = write_tail(spool, &spool->strings[i], err);
    spool->in_memory = 0;
    return status;
}

kuni_status kuni_spool_append(kuni_spool *spool, size_t string, const void *bytes, size_t length,
                              kuni_error *err)
{
    kuni_stream *tail = &spool->strings[string].tail;
    size_t before = tail->capacity;
    kuni_put_bytes(tail, bytes, length);
    if (tail->failed) return kuni_fail_memory(err, length, 1);
    spool->in_memory += tail->capacity - before;
    return spool->in_memory > spool->memory_bytes ? spill(spool, err) : KUNI_OK;
}

void kuni_spool_drop(kuni_spool *spool, size_t string)
{
    spooled *dropped = &spool->strings[string];
    spool->in_memory -= dropped->tail.capacity;
    free(dropped->segments);
    kuni_stream_fini(&dropped->tail);
    kuni_stream_fini(&dropped->view);
    *dropped = (spooled){0};
}

/* Appends the next part of the spilled segments to the view. */
static kuni_status fetch(kuni_spool *spool, spooled *string, size_t want, kuni_error *err)
{
    segment *from = &string->segments[string->next_segment];
    size_t length = want > VIEW_BYTES ? want : VIEW_BYTES;
    if (length > from->length) length = (size_t)from->length;
    if (!kuni_stream_room(&string->view, length)) return kuni_fail_memory(err, length, 1);
    ssize_t n;
    do n = pread(spool->fd, string->view.data + string->view.length, length, (off_t)from->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return kuni_fail_errno(err, "cannot read back a temporary file in %s", spool->folder);
    string->view.length += (size_t)n;
    from->offset += (uint64_t)n;
    from->length -= (uint64_t)n;
    if (from->length == 0) string->next_segment++;
    return KUNI_OK;
}

kuni_status kuni_spool_peek(kuni_spool *spool, size_t index, size_t want, kuni_cursor *view,
                            kuni_error *err)
{
    spooled *string = &spool->strings[index];
    if (string->n_segments == 0) { /* all in memory */
        *view = (kuni_cursor){.at = string->tail.data + string->tail_at,
                              .end = string->tail.data + string->tail.length};
        return KUNI_OK;
    }
    if (string->view.length - string->view_at < want) {
        string->view.length -= string->view_at;
        if (string->view.length > 0)
            memmove(string->view.data, string->view.data + string->view_at, string->view.length);
        string->view_at = 0;
    }
    while (string->view.length - string->view_at < want &&
           string->next_segment < string->n_segments) {
        kuni_status status = fetch(spool, string, want, err);
        if (status) return status;
    }
    if (string->view.length - string->view_at < want && string->tail.length > 0) {
        kuni_put_bytes(&string->view, string->tail.data, string->tail.length);
        if (string->view.failed) return kuni_fail_memory(err, string->tail.length, 1);
        kuni_stream_fini(&string->tail);
    }
    *view = (kuni_cursor){.at = string->view.data + string->view_at,
                          .end = string->view.data + string->view.length};
    return KUNI_OK;
}

void kuni_spool_consume(kuni_spool *spool, size_t string, size_t length)
{
    spooled *consumed = &spool->strings[string];
    *(consumed->n_segments == 0 ? &consumed->tail_at : &consumed->view_at) += length;
}
