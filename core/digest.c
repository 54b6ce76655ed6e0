/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

enum { DIGEST_BYTES = 32 };

struct kuni_digest {
    crypto_generichash_state *state; /* needs 64-byte alignment */
};

kuni_digest *kuni_digest_new(kuni_error *err)
{
    kuni_digest *digest = kuni_alloc(1, sizeof(*digest), err);
    if (!digest) return NULL;
    void *state = NULL;
    if (sodium_init() < 0 || posix_memalign(&state, 64, crypto_generichash_statebytes()) != 0) {
        (void)kuni_fail_memory(err, 1, crypto_generichash_statebytes());
        free(digest);
        return NULL;
    }
    digest->state = state;
    (void)crypto_generichash_init(digest->state, NULL, 0, DIGEST_BYTES);
    return digest;
}

void kuni_digest_add(kuni_digest *digest, const void *bytes, size_t length)
{
    (void)crypto_generichash_update(digest->state, bytes, length);
}

void kuni_digest_add_int(kuni_digest *digest, int64_t value)
{
    unsigned char bytes[8]; /* little-endian whatever the host */
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)value >> (8 * i));
    kuni_digest_add(digest, bytes, sizeof(bytes));
}

void kuni_digest_add_text(kuni_digest *digest, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    kuni_digest_add_int(digest, (int64_t)length);
    if (length > 0) kuni_digest_add(digest, text, length);
}

void kuni_digest_finish(kuni_digest *digest, char hex[KUNI_DIGEST_HEX_BYTES])
{
    unsigned char bytes[DIGEST_BYTES];
    (void)crypto_generichash_final(digest->state, bytes, sizeof(bytes));
    (void)sodium_bin2hex(hex, KUNI_DIGEST_HEX_BYTES, bytes, sizeof(bytes));
    kuni_digest_free(digest);
}

void kuni_digest_free(kuni_digest *digest)
{
    if (!digest) return;
    free(digest->state);
    free(digest);
}

kuni_status kuni_digest_file(const char *path, char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    enum { CHUNK_BYTES = 1 << 20 };
    kuni_status status = KUNI_OK;
    kuni_digest *digest = kuni_digest_new(err);
    unsigned char *chunk = malloc(CHUNK_BYTES); /* of a small file most of it is never touched */
    int fd = -1;
    if (!digest || !chunk) {
        status = chunk ? KUNI_MEMORY : kuni_fail_memory(err, CHUNK_BYTES, 1);
        goto done;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        status = kuni_fail_errno(err, "cannot open %s", path);
        goto done;
    }
    for (;;) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = kuni_fail_errno(err, "cannot read %s", path);
        if (got <= 0) break;
        kuni_digest_add(digest, chunk, (size_t)got);
    }
done:
    if (fd >= 0) (void)close(fd);
    free(chunk);
    if (status)
        kuni_digest_free(digest);
    else
        kuni_digest_finish(digest, hex);
    return status;
}
