/* SPDX-License-Identifier: MIT */
#include "pseudonym.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"

_Static_assert(KUNI_PSEUDONYM_KEY_BYTES == crypto_generichash_KEYBYTES, "a key of BLAKE2b");

enum { LINKAGE_BYTES_MAX = 1 << 30 };

/* --- keys --- */

kuni_status kuni_pseudonym_new_key(const char *path, kuni_error *err)
{
    kuni_pseudonym_key key;
    char hex[2 * KUNI_PSEUDONYM_KEY_BYTES + 2];
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST)
        return kuni_fail(
            err, KUNI_USAGE,
            "%s stands there already: a key is never replaced, for its pseudonyms would be "
            "lost; choose another name",
            path);
    if (file < 0) return kuni_fail_errno(err, "cannot make %s", path);
    randombytes_buf(key.bytes, sizeof(key.bytes));
    (void)sodium_bin2hex(hex, sizeof(hex), key.bytes, sizeof(key.bytes));
    hex[sizeof(hex) - 2] = '\n';
    size_t length = sizeof(hex) - 1;
    bool good =
        fchmod(file, 0600) == 0 && write(file, hex, length) == (ssize_t)length && fsync(file) == 0;
    kuni_status status = good ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", path);
    if (close(file) != 0 && !status) status = kuni_fail_errno(err, "cannot write %s", path);
    if (status) (void)unlink(path);
    sodium_memzero(&key, sizeof(key));
    sodium_memzero(hex, sizeof(hex));
    return status;
}

kuni_status kuni_pseudonym_read_key(kuni_pseudonym_key *key, const char *path, kuni_error *err)
{
    struct stat info;
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t length = 0;
    if (stat(path, &info) != 0)
        return kuni_fail_errno(err, "cannot read the key %s (`kuni release --new-key` makes one)",
                               path);
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return kuni_fail(err, KUNI_USAGE,
                         "the key %s can be read by others: chmod 600 it, and think of a new one",
                         path);
    kuni_status status = kuni_file_get(path, 4096, &text, err);
    if (status) return status;
    if (sodium_hex2bin(key->bytes, sizeof(key->bytes), text.data, text.length, "\r\n", &length,
                       NULL) != 0 ||
        length != sizeof(key->bytes))
        status = kuni_fail(err, KUNI_DATA, "%s is no key: expected 64 hexadecimal digits", path);
    sodium_memzero(text.data, text.length);
    kuni_buffer_fini(&text);
    return status;
}

/* --- names --- */

void kuni_pseudonym_make(const kuni_pseudonym_key *key, const char *recipient,
                         const char *participant, char name[KUNI_PSEUDONYM_CHARS + 1])
{
    /* Crockford's: no letter that reads as a digit; a letter first, for tools that take numbers. */
    static const char signs[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    static const char purpose[] = "kuni pseudonym 1";
    unsigned char whole[crypto_generichash_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), sizeof(whole));
    /* each with its NUL, so that they cannot run into each other */
    (void)crypto_generichash_update(&state, (const unsigned char *)purpose, sizeof(purpose));
    (void)crypto_generichash_update(&state, (const unsigned char *)recipient,
                                    strlen(recipient) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)participant,
                                    strlen(participant) + 1);
    (void)crypto_generichash_final(&state, whole, sizeof(whole));
    name[0] = 'K';
    for (int i = 1; i < KUNI_PSEUDONYM_CHARS; i++) name[i] = signs[whole[i] & 31];
    name[KUNI_PSEUDONYM_CHARS] = '\0';
    sodium_memzero(whole, sizeof(whole));
}

static int by_name(const void *a, const void *b)
{
    const kuni_released *const *x = a, *const *y = b;
    return strcmp((*x)->pseudonym, (*y)->pseudonym);
}

/* Everybody by column, or sorted for the first time; to be freed. */
static kuni_released **in_order(const kuni_selection *s, kuni_error *err)
{
    kuni_released **order = kuni_alloc(s->n + 1, sizeof(*order), err);
    for (size_t i = 0; order && i < s->n; i++) order[i] = &s->people[i];
    if (order && s->n > 1) qsort(order, s->n, sizeof(kuni_released *), by_name);
    return order;
}

kuni_status kuni_pseudonyms_give(kuni_selection *s, const kuni_pseudonym_key *key,
                                 const char *recipient, kuni_error *err)
{
    char name[KUNI_PSEUDONYM_CHARS + 1];
    for (size_t i = 0; i < s->n; i++) {
        kuni_pseudonym_make(key, recipient, s->people[i].participant, name);
        s->people[i].pseudonym =
            kuni_arena_strndup(s->arena, name, (size_t)KUNI_PSEUDONYM_CHARS, err);
        if (!s->people[i].pseudonym) return KUNI_MEMORY;
    }
    kuni_released **order = in_order(s, err);
    kuni_status status = order ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < s->n && !status; i++) {
        if (i && strcmp(order[i]->pseudonym, order[i - 1]->pseudonym) == 0)
            status = kuni_fail(err, KUNI_DATA,
                               "two people would have the pseudonym %s: make another key",
                               order[i]->pseudonym);
        order[i]->column = (int32_t)i;
    }
    free((void *)order);
    return status;
}

static kuni_status spell_linkage(const kuni_selection *s, kuni_buffer *text, kuni_error *err)
{
    kuni_released **order = in_order(s, err);
    kuni_status status = order ? kuni_buffer_printf(text, err,
                                                    "#pseudonym\tparticipant_id\t"
                                                    "sample_id\tcustodian\n")
                               : KUNI_MEMORY;
    for (size_t i = 0; i < s->n && !status; i++)
        status = kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s\n", order[i]->pseudonym,
                                    order[i]->participant, order[i]->id,
                                    order[i]->custodian ? order[i]->custodian : ".");
    free((void *)order);
    return status;
}

/* Whether the linkage may stand at `path`: nothing else does. */
static kuni_status check_place(const kuni_buffer *text, const char *path, kuni_error *err)
{
    kuni_buffer there = KUNI_BUFFER_INIT;
    const char *slash = strrchr(path, '/');
    size_t n = slash && slash > path ? (size_t)(slash - path) : 1;
    char *folder = kuni_strdup(slash ? path : ".", err);
    if (!folder) return KUNI_MEMORY;
    folder[slash ? n : 1] = '\0';
    kuni_status status = access(folder, W_OK) == 0
                             ? KUNI_OK
                             : kuni_fail_errno(err, "the linkage cannot lie in %s", folder);
    free(folder);
    if (status || access(path, F_OK) != 0) return status;
    status = kuni_file_get(path, LINKAGE_BYTES_MAX, &there, err);
    if (!status &&
        (there.length != text->length || memcmp(there.data, text->data, text->length) != 0))
        status =
            kuni_fail(err, KUNI_USAGE,
                      "another linkage stands in %s: keep it apart, and name a new file", path);
    kuni_buffer_fini(&there);
    return status;
}

static kuni_status link_people(const kuni_selection *s, const char *path,
                               const kuni_linkage_seal *seal, bool write, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = spell_linkage(s, &text, err);
    if (!status && seal) status = seal->seal(seal->context, &text, err);
    if (!status) status = check_place(&text, path, err);
    if (!status && write) { /* readable by its owner alone, from its first byte on */
        mode_t before = umask(0177);
        status = kuni_file_put(path, text.data, text.length, err);
        (void)umask(before);
    }
    if (text.data) sodium_memzero(text.data, text.length);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_pseudonyms_link(const kuni_selection *s, const char *path,
                                 const kuni_linkage_seal *seal, kuni_error *err)
{
    return link_people(s, path, seal, true, err);
}

kuni_status kuni_pseudonyms_can_link(const kuni_selection *s, const char *path,
                                     const kuni_linkage_seal *seal, kuni_error *err)
{
    return link_people(s, path, seal, false, err);
}
