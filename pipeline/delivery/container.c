/* SPDX-License-Identifier: MIT */
#include "container.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_BYTES = crypto_aead_chacha20poly1305_IETF_KEYBYTES,
    NONCE_BYTES = crypto_aead_chacha20poly1305_IETF_NPUBBYTES,
    CODE_BYTES = crypto_aead_chacha20poly1305_IETF_ABYTES,
    /* packet type, encryption of the data (both 0), session key */
    PARAMETERS_BYTES = 4 + 4 + SESSION_BYTES,
    /* length, encryption of the packet (0), writer's key, nonce, parameters, code */
    PACKET_BYTES = 4 + 4 + KUNI_PUBLIC_KEY_BYTES + NONCE_BYTES + PARAMETERS_BYTES + CODE_BYTES,
    KEY_TEXT_BYTES_MAX = 1 << 20
};

_Static_assert(KUNI_SEALING_SECRET_BYTES == crypto_generichash_KEYBYTES, "a key of BLAKE2b");
_Static_assert(KUNI_PUBLIC_KEY_BYTES == crypto_kx_PUBLICKEYBYTES, "X25519");
_Static_assert(SESSION_BYTES == crypto_kx_SESSIONKEYBYTES, "a key of ChaCha20");

/* --- public keys --- */

/* X25519 with a point of small order gives the same secret to everybody. */
static bool is_weak(const kuni_public_key *key)
{
    unsigned char any[crypto_scalarmult_SCALARBYTES] = {8}, shared[crypto_scalarmult_BYTES];
    return crypto_scalarmult(shared, any, key->bytes) != 0;
}

bool kuni_public_key_parse(kuni_public_key *key, const char *text, size_t length)
{
    static const char begin[] = "-----BEGIN CRYPT4GH PUBLIC KEY-----";
    static const char end[] = "-----END CRYPT4GH PUBLIC KEY-----";
    size_t n = 0;
    const char *after = NULL, *stop = text + length;
    if (length < strlen(begin) || memcmp(text, begin, strlen(begin)) != 0) return false;
    text += strlen(begin);
    if (sodium_base642bin(key->bytes, sizeof(key->bytes), text, (size_t)(stop - text), "\r\n", &n,
                          &after, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n != sizeof(key->bytes) || (size_t)(stop - after) < strlen(end) ||
        memcmp(after, end, strlen(end)) != 0)
        return false;
    for (after += strlen(end); after < stop; after++)
        if (!strchr("\r\n", *after) || !*after) return false;
    return !is_weak(key);
}

kuni_status kuni_public_key_read(kuni_public_key *key, const char *path, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    kuni_status status = kuni_file_get(path, KEY_TEXT_BYTES_MAX, &text, err);
    if (!status && !(text.data && kuni_public_key_parse(key, text.data, text.length)))
        status = kuni_fail(
            err, KUNI_DATA,
            "%s: %s; expected a file that crypt4gh-keygen made (-----BEGIN CRYPT4GH PUBLIC "
            "KEY-----)",
            path,
            text.data && strstr(text.data, " PRIVATE KEY")
                ? "is a secret key: whoever it belongs to keeps it, and gives the public one"
                : "is no public key");
    if (text.data) sodium_memzero(text.data, text.length);
    kuni_buffer_fini(&text);
    return status;
}

/* --- keys of a container --- */

/* What a container is made by. */
typedef struct sealed {
    unsigned char session[SESSION_BYTES];
    unsigned char writer[crypto_kx_SECRETKEYBYTES], writer_public[crypto_kx_PUBLICKEYBYTES];
    uint64_t segment; /* number of the next */
    unsigned char out[NONCE_BYTES + KUNI_SEGMENT_BYTES + CODE_BYTES];
} sealed;

static void add_text(crypto_generichash_state *state, const char *text)
{
    (void)crypto_generichash_update(state, (const unsigned char *)text, strlen(text) + 1);
}

/* Each with its NUL, so that they cannot run into each other; `reader` may be NULL. */
static void derive(const kuni_sealing *s, const char *purpose, const char *name,
                   const char *content, const kuni_public_key *reader, unsigned char *out,
                   size_t bytes)
{
    unsigned char whole[crypto_generichash_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, s->secret, KUNI_SEALING_SECRET_BYTES, sizeof(whole));
    add_text(&state, "kuni crypt4gh 1");
    add_text(&state, purpose);
    add_text(&state, s->context);
    add_text(&state, name);
    add_text(&state, content);
    if (reader) (void)crypto_generichash_update(&state, reader->bytes, sizeof(reader->bytes));
    (void)crypto_generichash_final(&state, whole, sizeof(whole));
    memcpy(out, whole, bytes);
    sodium_memzero(whole, sizeof(whole));
}

static void put_number(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* The session key for one reader, as a packet. */
static kuni_status put_packet(const kuni_sealing *s, const sealed *c, const char *name,
                              const char *content, const kuni_public_key *reader, kuni_buffer *out,
                              kuni_error *err)
{
    unsigned char packet[PACKET_BYTES] = {0}, parameters[PARAMETERS_BYTES] = {0};
    unsigned char receives[crypto_kx_SESSIONKEYBYTES], sends[crypto_kx_SESSIONKEYBYTES];
    unsigned char *nonce = packet + 8 + KUNI_PUBLIC_KEY_BYTES;
    if (crypto_kx_server_session_keys(receives, sends, c->writer_public, c->writer,
                                      reader->bytes) != 0)
        return kuni_fail(err, KUNI_DATA, "nothing can be sealed to one of the public keys");
    put_number(packet, PACKET_BYTES, 4);
    memcpy(packet + 8, c->writer_public, sizeof(c->writer_public));
    derive(s, "nonce", name, content, reader, nonce, NONCE_BYTES);
    memcpy(parameters + 8, c->session, sizeof(c->session));
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        nonce + NONCE_BYTES, NULL, parameters, sizeof(parameters), NULL, 0, NULL, nonce, sends);
    sodium_memzero(parameters, sizeof(parameters));
    sodium_memzero(receives, sizeof(receives));
    sodium_memzero(sends, sizeof(sends));
    return kuni_buffer_append(out, packet, sizeof(packet), err);
}

/* Everything before the segments; `content`: digest of what will be in them. */
static kuni_status begin(const kuni_sealing *s, sealed *c, const char *name, const char *content,
                         kuni_buffer *out, kuni_error *err)
{
    unsigned char head[16] = "crypt4gh";
    c->segment = 0;
    derive(s, "session", name, content, NULL, c->session, sizeof(c->session));
    derive(s, "writer", name, content, NULL, c->writer, sizeof(c->writer));
    (void)crypto_scalarmult_base(c->writer_public, c->writer);
    put_number(head + 8, 1, 4);
    put_number(head + 12, s->n, 4);
    kuni_status status = kuni_buffer_append(out, head, sizeof(head), err);
    for (size_t i = 0; i < s->n && !status; i++)
        status = put_packet(s, c, name, content, &s->readers[i], out, err);
    return status;
}

/* Sets c->out to the next segment; returns its bytes. */
static size_t next_segment(sealed *c, const void *bytes, size_t length)
{
    memset(c->out, 0, NONCE_BYTES);
    put_number(c->out, c->segment++, 8);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(c->out + NONCE_BYTES, NULL, bytes, length, NULL,
                                                    0, NULL, c->out, c->session);
    return NONCE_BYTES + length + CODE_BYTES;
}

static kuni_status new_sealed(sealed **made, kuni_error *err)
{
    *made = NULL;
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    *made = kuni_alloc(1, sizeof(sealed), err);
    return *made ? KUNI_OK : KUNI_MEMORY;
}

static void free_sealed(sealed *c)
{
    if (c) sodium_memzero(c, sizeof(*c));
    free(c);
}

/* --- sealing --- */

kuni_status kuni_container_seal_text(const kuni_sealing *s, const char *name, kuni_buffer *text,
                                     kuni_error *err)
{
    char content[KUNI_DIGEST_HEX_BYTES];
    kuni_buffer out = KUNI_BUFFER_INIT;
    sealed *c;
    kuni_status status = new_sealed(&c, err);
    if (status) return status;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) status = KUNI_MEMORY;
    if (!status) {
        kuni_digest_add(digest, text->data, text->length);
        kuni_digest_finish(digest, content);
        status = begin(s, c, name, content, &out, err);
    }
    for (size_t at = 0; !status && at < text->length; at += KUNI_SEGMENT_BYTES) {
        size_t left = text->length - at;
        size_t n =
            next_segment(c, text->data + at, left < KUNI_SEGMENT_BYTES ? left : KUNI_SEGMENT_BYTES);
        status = kuni_buffer_append(&out, c->out, n, err);
    }
    free_sealed(c);
    if (status) {
        kuni_buffer_fini(&out);
        return status;
    }
    if (text->data) sodium_memzero(text->data, text->length);
    kuni_buffer_fini(text);
    *text = out;
    return KUNI_OK;
}

/* The keys hang on the content: a file that changes while it is sealed must not be sealed. */
static kuni_status copy(sealed *c, FILE *in, kuni_file *out, const char *from, const char *content,
                        kuni_error *err)
{
    char again[KUNI_DIGEST_HEX_BYTES] = "";
    unsigned char *bytes = kuni_alloc(1, KUNI_SEGMENT_BYTES, err);
    kuni_digest *digest = bytes ? kuni_digest_new(err) : NULL;
    kuni_status status = digest ? KUNI_OK : KUNI_MEMORY;
    for (bool more = true; more && !status;) {
        size_t n = fread(bytes, 1, KUNI_SEGMENT_BYTES, in);
        more = n == KUNI_SEGMENT_BYTES;
        if (!more && ferror(in)) status = kuni_fail_errno(err, "cannot read %s", from);
        if (!status && n) {
            kuni_digest_add(digest, bytes, n);
            status = kuni_file_write(out, c->out, next_segment(c, bytes, n), err);
        }
    }
    if (digest) kuni_digest_finish(digest, again);
    if (!status && strcmp(again, content) != 0)
        status = kuni_fail(err, KUNI_IO, "%s changed while it was sealed", from);
    if (bytes) sodium_memzero(bytes, KUNI_SEGMENT_BYTES);
    free(bytes);
    return status;
}

kuni_status kuni_container_seal_file(const kuni_sealing *s, const char *name, const char *from,
                                     const char *to, kuni_error *err)
{
    char content[KUNI_DIGEST_HEX_BYTES];
    kuni_buffer head = KUNI_BUFFER_INIT;
    kuni_file *out = NULL;
    FILE *in = NULL;
    sealed *c;
    kuni_status status = new_sealed(&c, err);
    if (status) return status;
    status = kuni_digest_file(from, content, err);
    if (!status) status = begin(s, c, name, content, &head, err);
    if (!status) status = kuni_file_create(&out, to, err);
    if (!status && !(in = fopen(from, "rbe")))
        status = kuni_fail_errno(err, "cannot open %s", from);
    if (!status) status = kuni_file_write(out, head.data, head.length, err);
    if (!status) status = copy(c, in, out, from, content, err);
    if (in) (void)fclose(in); /* was only read */
    kuni_buffer_fini(&head);
    free_sealed(c);
    if (!status) return kuni_file_commit(out, err);
    kuni_file_discard(out);
    return status;
}
