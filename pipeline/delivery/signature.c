/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

_Static_assert(KUNI_SIGNER_SEED_BYTES == crypto_sign_SEEDBYTES, "a seed of Ed25519");
_Static_assert(KUNI_SIGNER_HEX_BYTES == 2 * crypto_sign_PUBLICKEYBYTES + 1, "a key of Ed25519");

enum { DESCRIPTION_BYTES_MAX = 1 << 24, SIGNATURE_HEX = 2 * crypto_sign_BYTES };

const char kuni_signature_name[] = "release.json.sig";

static const char method[] = "ed25519 ";

static kuni_status make_pair(const unsigned char *seed, unsigned char *public_half,
                             unsigned char *secret, kuni_error *err)
{
    if (sodium_init() < 0 || crypto_sign_seed_keypair(public_half, secret, seed) != 0)
        return kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    return KUNI_OK;
}

kuni_status kuni_signer_public(const unsigned char seed[KUNI_SIGNER_SEED_BYTES],
                               char hex[KUNI_SIGNER_HEX_BYTES], kuni_error *err)
{
    unsigned char public_half[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    kuni_status status = make_pair(seed, public_half, secret, err);
    if (!status) (void)sodium_bin2hex(hex, KUNI_SIGNER_HEX_BYTES, public_half, sizeof(public_half));
    sodium_memzero(secret, sizeof(secret));
    return status;
}

static bool is_hex(const char *text, size_t n)
{
    return strspn(text, "0123456789abcdef") >= n;
}

kuni_status kuni_signer_read(const char *text, char hex[KUNI_SIGNER_HEX_BYTES], kuni_error *err)
{
    kuni_buffer file = KUNI_BUFFER_INIT;
    size_t n = KUNI_SIGNER_HEX_BYTES - 1;
    kuni_status status = KUNI_OK;
    if (access(text, F_OK) == 0) status = kuni_file_get(text, 4096, &file, err);
    const char *digits = file.data ? file.data : text;
    size_t length = strcspn(digits, "\r\n");
    if (!status && (length != n || !is_hex(digits, n)))
        status = kuni_fail(err, KUNI_DATA,
                           "%s is no public key of a signer: expected 64 hexadecimal digits, or a "
                           "file of them (`kuni release --public-key FILE` prints them)",
                           text);
    if (!status) {
        memcpy(hex, digits, n);
        hex[n] = '\0';
    }
    kuni_buffer_fini(&file);
    return status;
}

static kuni_status read_description(const char *folder, kuni_buffer *text, kuni_error *err)
{
    char *path = kuni_path_join(folder, "release.json", err);
    kuni_status status = path ? kuni_file_get(path, DESCRIPTION_BYTES_MAX, text, err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_signature_write(const unsigned char seed[KUNI_SIGNER_SEED_BYTES],
                                 const char *folder, kuni_error *err)
{
    unsigned char public_half[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    char key[KUNI_SIGNER_HEX_BYTES], hex[SIGNATURE_HEX + 1];
    kuni_buffer text = KUNI_BUFFER_INIT, line = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(folder, kuni_signature_name, err);
    kuni_status status = path ? read_description(folder, &text, err) : KUNI_MEMORY;
    if (!status) status = make_pair(seed, public_half, secret, err);
    if (!status) {
        (void)crypto_sign_detached(signature, NULL, (const unsigned char *)text.data, text.length,
                                   secret);
        (void)sodium_bin2hex(key, sizeof(key), public_half, sizeof(public_half));
        (void)sodium_bin2hex(hex, sizeof(hex), signature, sizeof(signature));
        status = kuni_buffer_printf(&line, err, "%s%s %s\n", method, key, hex);
    }
    if (!status) status = kuni_file_put(path, line.data, line.length, err);
    sodium_memzero(secret, sizeof(secret));
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&line);
    free(path);
    return status;
}

/* Whether a line is a signature of the text; then `by` is whose. */
static bool holds(const kuni_buffer *line, const kuni_buffer *text, char by[KUNI_SIGNER_HEX_BYTES])
{
    const size_t n = strlen(method), m = KUNI_SIGNER_HEX_BYTES - 1;
    unsigned char key[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];
    const char *at = line->data;
    if (line->length != n + m + 1 + SIGNATURE_HEX + 1 || memcmp(at, method, n) != 0 ||
        at[n + m] != ' ' || at[line->length - 1] != '\n')
        return false;
    if (sodium_hex2bin(key, sizeof(key), at + n, m, NULL, NULL, NULL) != 0 ||
        sodium_hex2bin(signature, sizeof(signature), at + n + m + 1, SIGNATURE_HEX, NULL, NULL,
                       NULL) != 0 ||
        !is_hex(at + n, m))
        return false;
    if (crypto_sign_verify_detached(signature, (const unsigned char *)text->data, text->length,
                                    key) != 0)
        return false;
    memcpy(by, at + n, m);
    by[m] = '\0';
    return true;
}

kuni_status kuni_signature_check(const char *folder, const char *signer,
                                 char by[KUNI_SIGNER_HEX_BYTES], kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT, line = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(folder, kuni_signature_name, err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    bool missing = path && access(path, F_OK) != 0 && errno == ENOENT;
    *by = '\0';
    if (!status && sodium_init() < 0) status = kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    if (!status && missing && signer)
        status = kuni_fail(err, KUNI_IO, "%s is missing: the release is not signed", path);
    if (!status && !missing) status = read_description(folder, &text, err);
    if (!status && !missing) status = kuni_file_get(path, 4096, &line, err);
    if (!status && !missing && !holds(&line, &text, by))
        status = kuni_fail(err, KUNI_IO,
                           "%s is no signature of release.json: one of the two was changed", path);
    if (!status && !missing && signer && strcmp(by, signer) != 0)
        status =
            kuni_fail(err, KUNI_IO, "%s is the signature of %s, and not of --signer", path, by);
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&line);
    free(path);
    return status;
}
