/* SPDX-License-Identifier: MIT */
/* Public keys, containers opened by the specification's own words, what a dataset keeps of releases. */
#include "fixture.h"

#include <sodium.h>
#include <sys/stat.h>

#include "container.h"
#include "memory.h"
#include "received.h"
#include "variant.h"

#define BEGIN_PUBLIC "-----BEGIN CRYPT4GH PUBLIC KEY-----\n"
#define END_PUBLIC   "-----END CRYPT4GH PUBLIC KEY-----\n"

/* --- public keys --- */

static bool parses(const char *text)
{
    kuni_public_key key;
    return kuni_public_key_parse(&key, text, strlen(text));
}

static void test_public_keys(void **state)
{
    (void)state;
    static const char good[] = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
    char text[256];
    snprintf(text, sizeof(text), BEGIN_PUBLIC "%s\n" END_PUBLIC, good);
    assert_true(parses(text));
    snprintf(text, sizeof(text), "-----BEGIN CRYPT4GH PUBLIC KEY-----\r\n%s\r\n" END_PUBLIC, good);
    assert_true(parses(text));
    static const char *const bad[] = {
        "",
        BEGIN_PUBLIC,
        BEGIN_PUBLIC END_PUBLIC,
        BEGIN_PUBLIC "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK0==\n" END_PUBLIC, /* 31 bytes */
        BEGIN_PUBLIC "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08A\n" END_PUBLIC, /* 33 */
        BEGIN_PUBLIC "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n",
        BEGIN_PUBLIC "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n" END_PUBLIC "more",
        BEGIN_PUBLIC "3p7b!Xt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n" END_PUBLIC,
        "-----BEGIN PUBLIC KEY-----\n3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n"
        "-----END PUBLIC KEY-----\n",
        /* points of small order: what is sealed to them anybody can open */
        BEGIN_PUBLIC "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" END_PUBLIC,
        BEGIN_PUBLIC "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" END_PUBLIC,
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_false(parses(bad[i]));
    kuni_error err = KUNI_ERROR_INIT;
    kuni_public_key key;
    fixture_write("own.key", "-----BEGIN CRYPT4GH PRIVATE KEY-----\nYzRnaC12MQ==\n"
                             "-----END CRYPT4GH PRIVATE KEY-----\n");
    assert_int_equal(kuni_public_key_read(&key, "own.key", &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "is a secret key"));
    kuni_error_clear(&err);
    fixture_write("empty.key", "");
    assert_int_equal(kuni_public_key_read(&key, "empty.key", &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "is no public key"));
}

/* --- containers --- */

typedef struct reader {
    unsigned char secret[32];
    kuni_public_key key;
} reader;

static reader new_reader(unsigned char seed)
{
    reader r = {.secret = {0, seed, 2, 3}}; /* the lowest bits do not count */
    assert_int_equal(crypto_scalarmult_base(r.key.bytes, r.secret), 0);
    return r;
}

static uint32_t number(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/*
 * Opens a container as section 3.2 of the specification says, with what libsodium has for the reader's
 * side; returns whether one of the packets is the reader's, and all segments are authentic.
 */
static bool open_container(const kuni_buffer *in, const reader *r, kuni_buffer *out)
{
    kuni_error err = KUNI_ERROR_INIT;
    const unsigned char *at = (const unsigned char *)in->data, *end = at + in->length;
    unsigned char session[32], key[32], unused[32], plain[65536];
    unsigned long long n;
    bool mine = false;
    assert_true(in->length >= 16 && memcmp(at, "crypt4gh", 8) == 0 && number(at + 8) == 1);
    uint32_t packets = number(at + 12);
    at += 16;
    for (uint32_t i = 0; i < packets; i++) {
        uint32_t length = number(at);
        assert_true(length == 108 && at + length <= end && number(at + 4) == 0);
        assert_int_equal(
            crypto_kx_client_session_keys(key, unused, r->key.bytes, r->secret, at + 8), 0);
        if (crypto_aead_chacha20poly1305_ietf_decrypt(plain, &n, NULL, at + 52, length - 52, NULL,
                                                      0, at + 40, key) == 0) {
            assert_true(n == 40 && number(plain) == 0 && number(plain + 4) == 0);
            memcpy(session, plain + 8, 32);
            mine = true;
        }
        at += length;
    }
    while (mine && at < end) {
        size_t length = end - at < 65564 ? (size_t)(end - at) : 65564;
        if (length < 29 || crypto_aead_chacha20poly1305_ietf_decrypt(
                               plain, &n, NULL, at + 12, length - 12, NULL, 0, at, session) != 0)
            return false;
        assert_int_equal(kuni_buffer_append(out, plain, n, &err), KUNI_OK);
        at += length;
    }
    return mine;
}

static void fill(kuni_buffer *text, size_t length)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_buffer_reserve(text, length, &err), KUNI_OK);
    for (size_t i = 0; i < length; i++) text->data[i] = (char)(i * 31 + (i >> 9));
    text->length = length;
}

static void seal(const reader *readers, size_t n, const char *name, size_t length, kuni_buffer *out)
{
    static const unsigned char secret[KUNI_SEALING_SECRET_BYTES] =
        "a secret of the custodian's ...";
    kuni_error err = KUNI_ERROR_INIT;
    kuni_public_key keys[3];
    for (size_t i = 0; i < n; i++) keys[i] = readers[i].key;
    const kuni_sealing sealing = {secret, "acme", keys, n};
    fill(out, length);
    fixture_put("plain", out->data ? out->data : "", length);
    assert_int_equal(kuni_container_seal_text(&sealing, name, out, &err), KUNI_OK);
    /* a file in pieces is the same as a text at once */
    kuni_buffer file = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_container_seal_file(&sealing, name, "plain", "sealed", &err), KUNI_OK);
    assert_int_equal(kuni_file_get("sealed", 1 << 24, &file, &err), KUNI_OK);
    assert_int_equal(file.length, out->length);
    assert_memory_equal(file.data, out->data, out->length);
    kuni_buffer_fini(&file);
}

static void test_containers_open(void **state)
{
    (void)state;
    const reader readers[] = {new_reader(1), new_reader(2), new_reader(3)},
                 stranger = new_reader(4);
    static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        kuni_buffer sealed = KUNI_BUFFER_INIT, expected = KUNI_BUFFER_INIT, opened;
        seal(readers, 3, "calls.bcf", lengths[i], &sealed);
        fill(&expected, lengths[i]);
        assert_int_equal(sealed.length,
                         16 + 3 * 108 + lengths[i] + (lengths[i] + 65535) / 65536 * 28);
        for (size_t r = 0; r < 3; r++) {
            opened = (kuni_buffer)KUNI_BUFFER_INIT;
            assert_true(open_container(&sealed, &readers[r], &opened));
            assert_int_equal(opened.length, lengths[i]);
            assert_memory_equal(opened.data ? opened.data : "", expected.data, lengths[i]);
            kuni_buffer_fini(&opened);
        }
        opened = (kuni_buffer)KUNI_BUFFER_INIT;
        assert_false(open_container(&sealed, &stranger, &opened));
        if (lengths[i]) { /* a flipped bit is noticed */
            sealed.data[sealed.length - 1] ^= 1;
            assert_false(open_container(&sealed, &readers[0], &opened));
        }
        kuni_buffer_fini(&opened);
        kuni_buffer_fini(&sealed);
        kuni_buffer_fini(&expected);
    }
}

/* The session key never meets other content, and what is sealed again is the same. */
static void test_containers_repeat(void **state)
{
    (void)state;
    const reader readers[] = {new_reader(1), new_reader(2)};
    kuni_buffer a = KUNI_BUFFER_INIT, again = KUNI_BUFFER_INIT, other = KUNI_BUFFER_INIT,
                longer = KUNI_BUFFER_INIT;
    seal(readers, 2, "calls.bcf", 1000, &a);
    seal(readers, 2, "calls.bcf", 1000, &again);
    seal(readers, 2, "other.bcf", 1000, &other);
    seal(readers, 2, "calls.bcf", 1001, &longer);
    assert_memory_equal(a.data, again.data, a.length);
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_error err = KUNI_ERROR_INIT;
    fixture_put("known", a.data, a.length);
    assert_int_equal(kuni_digest_file("known", hex, &err), KUNI_OK);
    /* These bytes were opened by crypt4gh 1.8.6 (PyPI) with the secret keys of both readers, and not with another. */
    assert_string_equal(hex, "4c133ea6613146302b474e75bb6c693fc0fd6a66a80fdcf92478c9ed11d9cc0c");
    size_t head = 16 + 2 * 108;
    assert_memory_not_equal(a.data + head, other.data + head, 1028);
    assert_memory_not_equal(a.data + head + 12, longer.data + head + 12, 1000);
    assert_memory_not_equal(a.data + 24, other.data + 24, 32);   /* the writer's key */
    assert_memory_not_equal(a.data + 56, a.data + 56 + 108, 12); /* nonces of two readers */
    kuni_buffer_fini(&a);
    kuni_buffer_fini(&again);
    kuni_buffer_fini(&other);
    kuni_buffer_fini(&longer);
}

/* --- what is kept --- */

static void note(const char *recipient, const char *id, const char *digest, const kuni_chain *chain,
                 const char *members)
{
    kuni_error err = KUNI_ERROR_INIT;
    json_t *entry =
        json_pack("{ss ss ss sI ss ss ss ss sI sI}", "release", "r", "recipient", recipient, "id",
                  id, "number", (json_int_t)chain->number, "series", chain->series, "previous",
                  chain->previous, "dataset", chain->before, "blake2b", digest, "people",
                  (json_int_t)2, "generation", (json_int_t)1);
    json_object_set_new(entry, "members", json_string(members));
    assert_int_equal(kuni_history_add(".", "released", "somebody", entry, &err), KUNI_OK);
}

static void test_memory(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_memory memory;
    kuni_release_list list;
    kuni_chain chain;
    char digest[KUNI_DIGEST_HEX_BYTES], members[KUNI_DIGEST_HEX_BYTES];
    assert_int_equal(kuni_memory_open(&memory, ".", false, &err), KUNI_USAGE);
    kuni_memory_close(&memory);
    kuni_error_clear(&err);
    assert_int_equal(kuni_memory_open(&memory, ".", true, &err), KUNI_OK);
    const kuni_member people[] = {{"P1", "K1"}, {"P2", NULL}};
    static const char *const steps[][2] = {{"acme", "00000000000000aa"},
                                           {"ward", "00000000000000bb"},
                                           {"acme", "00000000000000cc"},
                                           {"acme", "00000000000000aa"}};
    static const int64_t numbers[] = {1, 1, 2, 1};
    memset(digest, '1', sizeof(digest) - 1);
    digest[sizeof(digest) - 1] = '\0';
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kuni_release_list_read(&list, ".", &err), KUNI_OK);
        kuni_memory_chain(&memory, &list, steps[i][1], steps[i][0], &chain);
        assert_int_equal(chain.number, numbers[i]);
        digest[0] = (char)('a' + i);
        assert_int_equal(kuni_memory_keep(&memory, steps[i][1], people, 2, members, &err), KUNI_OK);
        assert_int_equal(chain.previous[0], i == 2 ? 'a' : '0');
        assert_int_equal(chain.before[0], i == 1 ? 'a' : i == 2 ? 'b' : '0');
        note(steps[i][0], steps[i][1], digest, &chain, members);
        kuni_release_list_fini(&list);
    }
    kuni_members found;
    assert_int_equal(kuni_release_list_read(&list, ".", &err), KUNI_OK);
    assert_int_equal(kuni_members_read(&found, &memory, &list.entries[1], &err), KUNI_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.pseudonyms[kuni_members_find(&found, &memory, "P1")], "K1");
    assert_string_equal(found.pseudonyms[kuni_members_find(&found, &memory, "P2")], ".");
    assert_int_equal(kuni_members_find(&found, &memory, "P3"), -1);
    kuni_members_fini(&found);
    fixture_write("releases/00000000000000bb/members.tsv", "#kuni members 1\n#end\n");
    assert_int_equal(kuni_members_read(&found, &memory, &list.entries[1], &err), KUNI_IO);
    assert_non_null(strstr(err.text, "is not what the history tells of"));
    kuni_members_fini(&found);
    kuni_release_list_fini(&list);
    kuni_memory_close(&memory);
    /* a lost secret is not made anew: nobody could be found any more */
    kuni_error_clear(&err);
    assert_int_equal(unlink("releases/secret"), 0);
    assert_int_equal(kuni_memory_open(&memory, ".", true, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "is lost"));
    kuni_memory_close(&memory);
}

/* --- variants --- */

static void expect_variant(kuni_genome *genome, const char *text, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_variant v = {.tid = -1};
    char room[KUNI_ERROR_TEXT_BYTES + 1];
    kuni_status status = kuni_variant_parse(&v, genome, text, &err);
    if (status)
        snprintf(room, sizeof(room), "%s", err.text);
    else
        snprintf(room, sizeof(room), "%s-%lld-%s-%s", kuni_genome_contig(genome, v.tid)->name,
                 (long long)v.pos + 1, v.ref.data, v.alt.data);
    assert_string_equal(room, expected);
    kuni_variant_fini(&v);
}

static void test_variants(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    /*                               1234567890123456789012 */
    fixture_write("r.fa", ">chr1\nGGCACACACACAGTTTTTTACG\n>A-1*01\nTTTTACGTACGT\n");
    assert_int_equal(kuni_genome_open(&genome, "r.fa", &err), KUNI_OK);
    expect_variant(genome, "chr1-19-T-G", "chr1-19-T-G");
    expect_variant(genome, "chr1-1-ggca-ggta", "chr1-3-C-T");
    /* the deletion of one CA of five, wherever it is written */
    expect_variant(genome, "chr1-2-GCA-G", "chr1-2-GCA-G");
    expect_variant(genome, "chr1-10-ACA-A", "chr1-2-GCA-G");
    expect_variant(genome, "chr1-9-CACAG-CAG", "chr1-2-GCA-G");
    expect_variant(genome, "chr1-12-A-ACA", "chr1-2-G-GCA");
    expect_variant(genome, "chr1-18-TT-T", "chr1-13-GT-G");
    /* at the begin of a contig, whose name has the sign between the parts */
    expect_variant(genome, "A-1*01-4-TA-A", "A-1*01-1-TT-T");
    expect_variant(genome, "A-1*01-1-TTTTA-A", "A-1*01-1-TTTTA-A");
    expect_variant(genome, "A-1*01-1-T-TT", "A-1*01-1-T-TT");
    /* none */
    expect_variant(genome, "chr1-19-A-G",
                   "variant chr1-19-A-G: the reference has T there, not A: is it of another "
                   "assembly?");
    expect_variant(genome, "chr1-22-GA-G",
                   "variant chr1-22-GA-G: the reference has G there, not GA: is it of another "
                   "assembly?");
    expect_variant(genome, "chr2-1-A-G", "variant chr2-1-A-G: the reference has no contig chr2");
    static const char *const bad[] = {
        "",           "chr1",       "chr1-1-G",  "chr1-0-G-A",
        "chr1-x-G-A", "chr1-1-G-*", "chr1-1-G-", "chr1-99999999999999999999-G-A"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char room[200];
        snprintf(room, sizeof(room),
                 "variant %s: expected CHR-POS-REF-ALT, as in chr1-55051215-G-GA", bad[i]);
        expect_variant(genome, bad[i], room);
    }
    expect_variant(genome, "chr1-1-G-G", "REF and ALT are the same");
    kuni_genome_close(genome);
}

/* --- signatures --- */

/* The second vector of RFC 8032, 7.1: a message of one letter. */
static void test_signatures(void **state)
{
    (void)state;
    static const char public_half[] =
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    static const char signature[] =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    kuni_error err = KUNI_ERROR_INIT;
    unsigned char seed[KUNI_SIGNER_SEED_BYTES];
    char hex[KUNI_SIGNER_HEX_BYTES], expected[256];
    kuni_buffer line = KUNI_BUFFER_INIT;
    assert_int_equal(
        sodium_hex2bin(seed, sizeof(seed),
                       "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 64, NULL,
                       NULL, NULL),
        0);
    assert_int_equal(kuni_signer_public(seed, hex, &err), KUNI_OK);
    assert_string_equal(hex, public_half);
    fixture_write("release.json", "r");
    assert_int_equal(kuni_signature_check(".", NULL, hex, &err), KUNI_OK);
    assert_string_equal(hex, ""); /* not signed */
    assert_int_equal(kuni_signature_check(".", public_half, hex, &err), KUNI_IO);
    assert_int_equal(kuni_signature_write(seed, ".", &err), KUNI_OK);
    assert_int_equal(kuni_file_get("release.json.sig", 4096, &line, &err), KUNI_OK);
    snprintf(expected, sizeof(expected), "ed25519 %s %s\n", public_half, signature);
    assert_string_equal(line.data, expected);
    assert_int_equal(kuni_signature_check(".", NULL, hex, &err), KUNI_OK);
    assert_int_equal(kuni_signature_check(".", public_half, hex, &err), KUNI_OK);
    assert_string_equal(hex, public_half);
    fixture_write("signer", expected + strlen("ed25519 "));
    assert_int_equal(kuni_signer_read("signer", hex, &err), KUNI_DATA); /* more than a key */
    assert_int_equal(kuni_signer_read(public_half, hex, &err), KUNI_OK);
    expected[8] = '4'; /* another key */
    assert_int_equal(kuni_signature_check(".", expected + 8, hex, &err), KUNI_IO);
    fixture_write("release.json", "s");
    assert_int_equal(kuni_signature_check(".", NULL, hex, &err), KUNI_IO);
    kuni_buffer_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_keys),       cmocka_unit_test(test_containers_open),
        cmocka_unit_test(test_containers_repeat), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_variants),          cmocka_unit_test(test_signatures),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
