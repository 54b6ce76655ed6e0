/* SPDX-License-Identifier: MIT */
/*
 * Damaged evidence: every bit of a small file flipped, the file cut at every length, and damage
 * that bears right checksums. Damage must give an error that names the file; crafted damage must
 * never crash (run under the asan preset).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "evidence_cohort.h"
#include "evidence_format.h"
#include "kuni/file.h"

static char folder[] = "/tmp/kuni-test-damage-XXXXXX";
static char path[64];

static void setup_file(kuni_buffer *bytes, uint32_t n_samples, uint64_t seed)
{
    test_cohort cohort;
    kuni_error err = KUNI_ERROR_INIT;
    test_cohort_make(&cohort, (kuni_span){.tid = 0, .beg = 65000, .end = 66500}, n_samples, 250, 3,
                     seed);
    if (test_cohort_write(&cohort, path, NULL, &err) || kuni_file_get(path, 1u << 24, bytes, &err))
        fail_msg("%s", err.text);
    test_cohort_fini(&cohort);
}

static void put_file(const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(close(fd), 0);
}

/* Opens and reads all; the first error. */
static kuni_status read_all(kuni_error *err)
{
    kuni_evidence_reader *reader = NULL;
    kuni_status status = kuni_evidence_open(&reader, path, err);
    if (status) return status;
    for (size_t i = 0; !status && i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, err);
    }
    kuni_evidence_close(reader);
    return status;
}

static void assert_damage_is_told(size_t at)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = read_all(&err);
    if (status != KUNI_DATA || !strstr(err.text, path))
        fail_msg("damage at byte %zu: status %d, \"%s\"", at, (int)status, err.text);
}

static void every_bit_flipped(void **state)
{
    (void)state;
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    setup_file(&bytes, 3, 5);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t i = 0; i < bytes.length; i++)
        for (int bit = 0; bit < 8; bit++) {
            char flipped = (char)(bytes.data[i] ^ (1 << bit));
            assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
            assert_damage_is_told(i);
            assert_int_equal(pwrite(fd, &bytes.data[i], 1, (off_t)i), 1);
        }
    assert_int_equal(close(fd), 0);
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(read_all(&err), KUNI_OK);
    kuni_buffer_fini(&bytes);
}

static void cut_at_every_length(void **state)
{
    (void)state;
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    setup_file(&bytes, 3, 6);
    for (size_t length = bytes.length; length-- > 0;) {
        assert_int_equal(truncate(path, (off_t)length), 0);
        assert_damage_is_told(length);
    }
    /* Bytes after the end are no evidence either. */
    put_file(bytes.data, bytes.length);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
    assert_damage_is_told(bytes.length);
    kuni_buffer_fini(&bytes);
}

static uint64_t fixed_at(const char *bytes, size_t at, int n)
{
    kuni_cursor in = {.at = (const uint8_t *)bytes + at, .end = (const uint8_t *)bytes + at + n};
    return kuni_get_fixed(&in, n);
}

static void set_crc(char *bytes, size_t at, uint32_t crc)
{
    memcpy(bytes + at, &crc, 4);
}

/*
 * Makes all checksums of a damaged file right again, so that only the decoders stand between it and
 * us.
 */
static void mend_checksums(char *bytes, size_t length, size_t footer, size_t n_chunks)
{
    size_t trailer = length - KUNI_EVIDENCE_TRAILER_BYTES;
    size_t header = 20 + (size_t)fixed_at(bytes, 12, 8);
    if (header + 4 <= footer) set_crc(bytes, header, kuni_crc32(bytes, header));
    for (size_t i = 0; i < n_chunks; i++) {
        size_t entry = footer + i * KUNI_EVIDENCE_EXTENT_BYTES;
        size_t at = (size_t)fixed_at(bytes, entry, 8);
        for (size_t g = 0; g < KUNI_GROUPS; g++) {
            size_t size = (size_t)fixed_at(bytes, entry + 8 + 4 * g, 4);
            if (at > footer || size > footer - at) break;
            set_crc(bytes, entry + 20 + 4 * g, kuni_crc32(bytes + at, size));
            at += size;
        }
    }
    set_crc(bytes, trailer + 16, kuni_crc32(bytes + footer, trailer - footer));
    set_crc(bytes, trailer + 20, kuni_crc32(bytes + trailer, 20));
}

static void crafted_damage_never_crashes(void **state)
{
    (void)state;
    size_t refused = 0, taken = 0;
    uint64_t seed = 9;
    for (uint32_t round = 0; round < 3; round++) {
        kuni_buffer bytes = KUNI_BUFFER_INIT;
        setup_file(&bytes, 1 + 3 * round, 20 + round);
        size_t trailer = bytes.length - KUNI_EVIDENCE_TRAILER_BYTES;
        size_t footer = (size_t)fixed_at(bytes.data, trailer, 8);
        char *copy = malloc(bytes.length);
        int fd = open(path, O_WRONLY);
        assert_true(fd >= 0);
        assert_non_null(copy);
        for (size_t i = 0; i < trailer; i++)
            for (int k = 0; k < 3; k++) {
                memcpy(copy, bytes.data, bytes.length);
                unsigned damage = k == 0   ? (unsigned)copy[i] ^ 1u << (i % 8)
                                  : k == 1 ? 0xffu
                                           : test_below(&seed, 256);
                copy[i] = (char)(uint8_t)damage;
                mend_checksums(copy, bytes.length, footer,
                               (trailer - footer) / KUNI_EVIDENCE_EXTENT_BYTES);
                assert_int_equal(pwrite(fd, copy, bytes.length, 0), bytes.length);
                kuni_error err = KUNI_ERROR_INIT;
                kuni_status status = read_all(&err);
                assert_true(status == KUNI_OK || status == KUNI_DATA);
                if (status)
                    refused++;
                else
                    taken++;
            }
        assert_int_equal(close(fd), 0);
        free(copy);
        kuni_buffer_fini(&bytes);
    }
    print_message("crafted damage: %zu refused, %zu read as other values\n", refused, taken);
    assert_true(refused > taken / 4);
}

static void other_files_are_told_apart(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    put_file("", 0);
    assert_damage_is_told(0);
    static const char vcf[] = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n";
    put_file(vcf, sizeof(vcf) - 1);
    assert_int_equal(read_all(&err), KUNI_DATA);
    assert_non_null(strstr(err.text, "not an evidence file"));
    kuni_error_clear(&err);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_all(&err), KUNI_IO);
    kuni_error_clear(&err);
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    setup_file(&bytes, 1, 1);
    bytes.data[KUNI_EVIDENCE_MAGIC_BYTES] = KUNI_EVIDENCE_FORMAT + 1;
    put_file(bytes.data, bytes.length);
    assert_int_equal(read_all(&err), KUNI_DATA);
    assert_non_null(strstr(err.text, "format version 5"));
    kuni_buffer_fini(&bytes);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof(path), "%s/evidence", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(crafted_damage_never_crashes),
        cmocka_unit_test(other_files_are_told_apart),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(folder);
    return failed;
}
