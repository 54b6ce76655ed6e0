/* SPDX-License-Identifier: MIT */
#include "kuni/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plain_text.h"

/* Macros where an analyser reads this. */
#undef kuni_fail
#undef kuni_fail_sample
#undef kuni_fail_errno
#undef kuni_fail_memory

static kuni_status set_error(kuni_error *err, kuni_status status, int64_t sample,
                             const char *format, va_list args) KUNI_PRINTF(4, 0);

static kuni_status set_error(kuni_error *err, kuni_status status, int64_t sample,
                             const char *format, va_list args)
{
    if (!err || err->status != KUNI_OK) return status;
    err->status = status;
    err->sample = sample;
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    kuni_make_plain(err->text);
    return status;
}

kuni_status kuni_fail(kuni_error *err, kuni_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_error(err, status, -1, format, args);
    va_end(args);
    return status;
}

kuni_status kuni_fail_sample(kuni_error *err, kuni_status status, int64_t sample,
                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_error(err, status, sample, format, args);
    va_end(args);
    return status;
}

kuni_status kuni_fail_errno(kuni_error *err, const char *format, ...)
{
    int code = errno;
    if (!err || err->status != KUNI_OK) return KUNI_IO;
    va_list args;
    va_start(args, format);
    set_error(err, KUNI_IO, -1, format, args);
    va_end(args);
    size_t length = strlen(err->text);
    char reason[256];
    /* GNU strerror_r may return a static string instead of filling the buffer. */
    const char *text = strerror_r(code, reason, sizeof(reason));
    (void)snprintf(err->text + length, sizeof(err->text) - length, ": %s", text);
    kuni_make_plain(err->text + length);
    return KUNI_IO;
}

kuni_status kuni_fail_memory(kuni_error *err, size_t count, size_t size)
{
    return kuni_fail(err, KUNI_MEMORY,
                     "out of memory: %zu elements of %zu bytes were refused: "
                     "use smaller shards or batches, or fewer ranks a node",
                     count, size);
}

void kuni_error_clear(kuni_error *err)
{
    err->status = KUNI_OK;
    err->sample = -1;
    err->text[0] = '\0';
}

const char *kuni_status_name(kuni_status status)
{
    switch (status) {
    case KUNI_OK:
        return "ok";
    case KUNI_USAGE:
        return "usage";
    case KUNI_DATA:
        return "data";
    case KUNI_BUG:
        return "bug";
    case KUNI_MEMORY:
        return "memory";
    case KUNI_IO:
        return "I/O";
    case KUNI_AGAIN:
        return "again";
    }
    return "unknown";
}
