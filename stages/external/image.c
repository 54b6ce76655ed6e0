/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aside.h"
#include "ending.h"

enum { DIGEST_DIGITS = 64, ANSWER_S = 60, BLOCK_BYTES = 1 << 20 };

static const char mark[] = "@sha256:";

const char *image_program(const command_image *image)
{
    return image->sif ? "apptainer" : "podman";
}

static bool is_digest(const char *text)
{
    return strlen(text) == DIGEST_DIGITS && strspn(text, "0123456789abcdef") == DIGEST_DIGITS;
}

/* A registry's host may have a port; a tag stands behind the last slash. */
static bool has_tag(const char *name)
{
    const char *slash = strrchr(name, '/');
    return strchr(slash ? slash : name, ':') != NULL;
}

static kuni_status no_digest(const char *text, const char *name, kuni_error *err)
{
    if (has_ending(name, ".sif"))
        return kuni_fail(
            err, KUNI_USAGE,
            "image: '%.200s' has no digest; expected FILE.sif@sha256:DIGEST, with what "
            "`sha256sum %.200s` prints",
            text, name);
    return kuni_fail(err, KUNI_USAGE,
                     "image: '%.200s' has no digest, and what a tag names may change; expected "
                     "NAME@sha256:DIGEST, as `podman image inspect --format '{{.RepoDigests}}' "
                     "%.200s` prints it once the image is on this machine, or "
                     "FILE.sif@sha256:DIGEST of Apptainer",
                     text, name);
}

kuni_status image_read(command_image *image, const kuni_params *with, kuni_arena *arena,
                       kuni_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/:";
    const char *text = kuni_params_text(with, "image");
    *image = (command_image){.name = NULL};
    if (!text || !*text) return KUNI_OK;
    const char *at = strstr(text, mark);
    size_t length = at ? (size_t)(at - text) : strcspn(text, "@");
    const char *name = kuni_arena_strndup(arena, text, length, err);
    if (!name) return KUNI_MEMORY;
    if (!at || !is_digest(at + strlen(mark))) return no_digest(text, name, err);
    image->digest = at + strlen(mark);
    image->sif = has_ending(name, ".sif");
    if (!image->sif && has_tag(name))
        return kuni_fail(err, KUNI_USAGE,
                         "image: '%.200s' has a tag and a digest; expected the digest alone: "
                         "%.*s%.100s",
                         text, (int)(strrchr(name, ':') - name), name, at);
    if (!image->sif && (!*name || strchr("._-/:", *name) || name[strspn(name, letters)]))
        return kuni_fail(err, KUNI_USAGE,
                         "image: '%.200s' is no name of an image; expected small letters, digits "
                         "and ._-/ before %s",
                         text, mark);
    image->name = image->sif ? name : kuni_arena_strndup(arena, text, strlen(text), err);
    return image->name ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status digest_of_file(const char *path, char hex[DIGEST_DIGITS + 1], kuni_error *err)
{
    crypto_hash_sha256_state state;
    unsigned char sum[crypto_hash_sha256_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "image: cannot open %s", path);
    unsigned char *block = malloc(BLOCK_BYTES);
    kuni_status status = block ? KUNI_OK : kuni_fail_memory(err, BLOCK_BYTES, 1);
    ssize_t got = 0;
    (void)crypto_hash_sha256_init(&state);
    while (!status && (got = read(fd, block, BLOCK_BYTES)) != 0) {
        if (got > 0)
            (void)crypto_hash_sha256_update(&state, block, (unsigned long long)got);
        else if (errno != EINTR)
            status = kuni_fail_errno(err, "image: cannot read %s", path);
    }
    (void)crypto_hash_sha256_final(&state, sum);
    if (!status) (void)sodium_bin2hex(hex, DIGEST_DIGITS + 1, sum, sizeof(sum));
    free(block);
    (void)close(fd);
    return status;
}

static kuni_status sif_ready(const command_image *image, kuni_error *err)
{
    char hex[DIGEST_DIGITS + 1];
    const char *const version[] = {image_program(image), "--version", NULL};
    int code;
    kuni_status status = aside_run(version, ANSWER_S, &code, NULL, err);
    if (!status) status = digest_of_file(image->name, hex, err);
    if (status || strcmp(hex, image->digest) == 0) return status;
    return kuni_fail(err, KUNI_USAGE,
                     "image: %s is another file than the workflow says: its SHA-256 is %s, not %s: "
                     "bring the right one, or write this digest",
                     image->name, hex, image->digest);
}

static kuni_status podman_ready(const command_image *image, kuni_error *err)
{
    const char *const exists[] = {image_program(image), "image", "exists", image->name, NULL};
    int code = 0;
    kuni_status status = aside_run(exists, ANSWER_S, &code, NULL, err);
    if (status || code == 0) return status;
    if (code == 1)
        return kuni_fail(err, KUNI_USAGE,
                         "image: podman has no %s on this machine: bring it by `podman pull` or "
                         "`podman load`, on each machine that runs tasks",
                         image->name);
    return kuni_fail(err, KUNI_IO,
                     "image: `podman image exists %s` ended with status %d: see what it says",
                     image->name, code);
}

kuni_status image_ready(const kuni_params *with, kuni_error *err)
{
    command_image image;
    kuni_arena *arena = kuni_arena_new(err);
    if (!arena) return KUNI_MEMORY;
    kuni_status status = image_read(&image, with, arena, err);
    if (!status && image.name)
        status = image.sif ? sif_ready(&image, err) : podman_ready(&image, err);
    kuni_arena_free(arena);
    return status;
}
