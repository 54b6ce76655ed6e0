/* SPDX-License-Identifier: MIT */
/* Errors, buffers, arenas, atomic files, digests, parameters, reference and ploidy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kuni/file.h"
#include "kuni/genome.h"
#include "kuni/params.h"

static char folder[] = "/tmp/kuni_test_core.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void an_error_is_set_once(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_fail(&err, KUNI_DATA, "first %d", 1), KUNI_DATA);
    assert_int_equal(kuni_fail_sample(&err, KUNI_IO, 7, "second"), KUNI_IO);
    assert_int_equal(err.status, KUNI_DATA);
    assert_int_equal(err.sample, -1);
    assert_string_equal(err.text, "first 1");
    kuni_error_clear(&err);
    assert_int_equal(kuni_fail_sample(&err, KUNI_DATA, 7, "third"), KUNI_DATA);
    assert_int_equal(err.sample, 7);
    assert_int_equal(kuni_fail(NULL, KUNI_DATA, "nobody listens"), KUNI_DATA);
}

/* What a command or a file says goes to terminals and into JSON: a reason that is no UTF-8 was lost. */
static void an_error_is_plain_text(void **state)
{
    (void)state;
    static const struct {
        const char *said, *kept;
    } cases[] = {
        {"caf\351 \033[31mred\007", "caf?  [31mred "},
        {"\346\227\245\346\234\254 \303\251\tb\nc", "\346\227\245\346\234\254 \303\251\tb\nc"},
        {"\302\23331m cut \346\227", "??31m cut ??"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_error err = KUNI_ERROR_INIT;
        assert_int_equal(kuni_fail(&err, KUNI_DATA, "%s", cases[i].said), KUNI_DATA);
        assert_string_equal(err.text, cases[i].kept);
    }
    kuni_error err = KUNI_ERROR_INIT;
    char wide[KUNI_ERROR_TEXT_BYTES + 2]; /* the last letter is cut in two */
    for (size_t i = 0; i < KUNI_ERROR_TEXT_BYTES; i += 2) memcpy(wide + i, "\303\251", 3);
    assert_int_equal(kuni_fail(&err, KUNI_DATA, "%s", wide), KUNI_DATA);
    assert_string_equal(err.text + KUNI_ERROR_TEXT_BYTES - 4, "\303\251?");
}

static void memory_is_checked(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    assert_null(kuni_alloc(SIZE_MAX / 2, 4, &err));
    assert_int_equal(err.status, KUNI_MEMORY);
    kuni_error_clear(&err);
    kuni_arena *arena = kuni_arena_new(&err);
    assert_null(kuni_arena_alloc(arena, SIZE_MAX / 2, 4, &err));
    for (int round = 0; round < 3; round++) {
        char *last = NULL;
        for (size_t size = 1; size < 300000; size = size * 3 + 1) {
            char *memory = kuni_arena_alloc(arena, size, 1, &err);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
            memset(memory, 0xab, size);
            assert_ptr_not_equal(memory, last);
            last = memory;
        }
        kuni_arena_clear(arena);
    }
    kuni_arena_free(arena);
}

static void files_appear_whole_or_not_at_all(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", in_folder("file"));
    kuni_file *file;
    assert_int_equal(kuni_file_create(&file, path, &err), KUNI_OK);
    char block[100000];
    memset(block, 'x', sizeof(block));
    assert_int_equal(kuni_file_write(file, "head", 4, &err), KUNI_OK);
    assert_int_equal(kuni_file_write(file, block, sizeof(block), &err), KUNI_OK);
    assert_int_equal(kuni_file_printf(file, &err, "%d", 42), KUNI_OK);
    assert_int_equal(kuni_file_size(file), 100006);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(kuni_file_commit(file, &err), KUNI_OK);
    kuni_buffer content = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_file_get(path, 1 << 20, &content, &err), KUNI_OK);
    assert_int_equal(content.length, 100006);
    assert_memory_equal(content.data, "headxx", 6);
    assert_string_equal(content.data + 100004, "42");
    assert_int_equal(kuni_file_get(path, 1000, &content, &err), KUNI_IO); /* larger than expected */
    kuni_buffer_fini(&content);
}

/* What has its own name to come is flushed under that one, not twice. */
static void unfinished_files_are_flushed_once(void **state)
{
    (void)state;
    char path[256], named[256];
    (void)snprintf(path, sizeof(path), "%s", in_folder(".kuni-tmp-1-0-1-x"));
    (void)snprintf(named, sizeof(named), "%s", in_folder("x"));
    pid_t child = fork();
    if (child == 0) {
        kuni_error err = KUNI_ERROR_INIT;
        char number[32];
        bool flushes = false;
        for (int n = 1; n < 10; n++) { /* this process may have flushed before */
            (void)snprintf(number, sizeof(number), "fsync:%d", n);
            (void)setenv("KUNI_FAULT", number, 1);
            if (kuni_file_put(path, "x", 1, &err)) _exit(1);
        }
        for (int n = 1; n < 10 && !flushes; n++) {
            (void)snprintf(number, sizeof(number), "fsync:%d", n);
            (void)setenv("KUNI_FAULT", number, 1);
            if (kuni_file_put(path, "x", 1, &err)) _exit(1);
            flushes = kuni_file_publish(path, named, &err) == KUNI_IO;
        }
        _exit(flushes ? 0 : 2);
    }
    int status = 1;
    (void)waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* A link that lies where a file is to be written is not written through: a folder may be others', too. */
static void links_are_not_followed(void **state)
{
    (void)state;
    char path[256], own[320], other[256];
    kuni_error err = KUNI_ERROR_INIT;
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s", in_folder("linked"));
    (void)snprintf(other, sizeof(other), "%s", in_folder("other"));
    assert_int_equal(kuni_file_put(other, "theirs", 6, &err), KUNI_OK);
    assert_int_equal(symlink(other, path), 0);
    for (unsigned long n = 0; n < 200; n++) { /* the names under which this process may write it */
        (void)snprintf(own, sizeof(own), "%s.tmp.%ld.%lu", path, (long)getpid(), n);
        assert_int_equal(symlink(other, own), 0);
    }
    assert_int_equal(kuni_file_put(path, "mine", 4, &err), KUNI_OK);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    kuni_buffer content = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_file_get(other, 100, &content, &err), KUNI_OK);
    assert_string_equal(content.data, "theirs");
    kuni_buffer_fini(&content);
    for (unsigned long n = 0; n < 200; n++) {
        (void)snprintf(own, sizeof(own), "%s.tmp.%ld.%lu", path, (long)getpid(), n);
        (void)unlink(own);
    }
}

/*
 * Each fault leaves the former file as it was, no temporary file, and one error that names the
 * file.
 */
static void faults_leave_the_former_file(void **state)
{
    (void)state;
    static const char *const faults[] = {"write:1", "fsync:1", "rename:1"};
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", in_folder("kept"));
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_file_put(path, "old", 3, &err), KUNI_OK);
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork(); /* the faults are counted a process */
        if (child == 0) {
            (void)setenv("KUNI_FAULT", faults[i], 1);
            kuni_error fault = KUNI_ERROR_INIT;
            /* This process has written before: count from there. */
            kuni_status status = KUNI_OK;
            char number[32];
            for (int n = 1; n < 10 && !status; n++) {
                (void)snprintf(number, sizeof(number), "%.*s:%d", (int)strcspn(faults[i], ":"),
                               faults[i], n);
                (void)setenv("KUNI_FAULT", number, 1);
                status = kuni_file_put(path, "old", 3, &fault);
            }
            _exit(status == KUNI_IO && strstr(fault.text, "kept") ? 0 : 1);
        }
        int status = 1;
        (void)waitpid(child, &status, 0);
        assert_int_equal(status, 0);
        kuni_buffer content = KUNI_BUFFER_INIT;
        assert_int_equal(kuni_file_get(path, 100, &content, &err), KUNI_OK);
        assert_string_equal(content.data, "old");
        kuni_buffer_fini(&content);
    }
    char command[256];
    (void)snprintf(command, sizeof(command), "! ls %s | grep -q tmp", folder);
    assert_int_equal(system(command), 0);
}

static void digests_are_blake2b(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_digest *digest = kuni_digest_new(&err);
    kuni_digest_add(digest, "abc", 3);
    kuni_digest_finish(digest, hex);
    /* b2sum -l 256 of "abc" */
    assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_int_equal(kuni_file_put(in_folder("abc"), "abc", 3, &err), KUNI_OK);
    char of_file[KUNI_DIGEST_HEX_BYTES];
    assert_int_equal(kuni_digest_file(in_folder("abc"), of_file, &err), KUNI_OK);
    assert_string_equal(hex, of_file);
}

static const char *const colours[] = {"red", "green", NULL};
static const kuni_param table[] = {
    {.name = "depth", .type = KUNI_PARAM_INT, .value = "30", .least = 1, .most = 1000, .unit = "x"},
    {.name = "rate", .type = KUNI_PARAM_FLOAT, .value = "0.001", .least = 0, .most = 1},
    {.name = "colour", .type = KUNI_PARAM_CHOICE, .value = "red", .choices = colours},
    {.name = "strict", .type = KUNI_PARAM_BOOL, .value = "false"},
    {.name = "note", .type = KUNI_PARAM_TEXT},
    {.name = NULL},
};

static void parameters_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *expected;
    } wrong[] = {
        {"dept", "3", "unknown parameter 'dept'; did you mean 'depth'?"},
        {"depth", "0", "depth: expected a whole number from 1 to 1000 x, got '0'"},
        {"depth", "3.5", "depth: expected a whole number from 1 to 1000 x, got '3.5'"},
        {"depth", "", "depth: expected a whole number from 1 to 1000 x, got ''"},
        {"rate", "nan", "rate: expected a number from 0 to 1, got 'nan'"},
        {"colour", "blue", "colour: expected one of red, green, got 'blue'"},
        {"strict", "perhaps", "strict: expected true or false, got 'perhaps'"},
    };
    kuni_error err = KUNI_ERROR_INIT;
    kuni_params *params = kuni_params_new(table, &err);
    assert_non_null(params);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(kuni_params_set(params, wrong[i].name, wrong[i].value, &err), KUNI_USAGE);
        assert_string_equal(err.text, wrong[i].expected);
        kuni_error_clear(&err);
    }
    assert_int_equal(kuni_params_set(params, "strict", "Yes", &err), KUNI_OK);
    assert_int_equal(kuni_params_set(params, "rate", "1e-2", &err), KUNI_OK);
    assert_true(kuni_params_bool(params, "strict"));
    assert_int_equal(kuni_params_int(params, "depth"), 30);
    assert_true(kuni_params_float(params, "rate") == 0.01);
    assert_null(kuni_params_text(params, "note"));
    kuni_buffer text = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_params_print(params, &text, &err), KUNI_OK);
    assert_string_equal(text.data, "depth=30\nrate=0.01\ncolour=red\nstrict=true\n");
    kuni_buffer_fini(&text);
    kuni_params_free(params);
}

static void the_reference_is_read(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    static const char fasta[] = ">chrX some words\nacgtn\nRYACG\nT\n>chrM\nAAAA\n";
    assert_int_equal(kuni_file_put(in_folder("r.fa"), fasta, sizeof(fasta) - 1, &err), KUNI_OK);
    kuni_genome *genome;
    assert_int_equal(kuni_genome_open(&genome, in_folder("r.fa"), &err), KUNI_OK);
    assert_int_equal(kuni_genome_contig_count(genome), 2);
    assert_int_equal(kuni_genome_find(genome, "chrM"), 1);
    assert_int_equal(kuni_genome_find(genome, "chr1"), -1);
    assert_int_equal(kuni_genome_contig(genome, 0)->length_bp, 11);
    assert_null(kuni_genome_contig(genome, 2));
    char *sequence;
    int64_t length;
    assert_int_equal(kuni_genome_fetch(genome, (kuni_span){0, 2, 1000}, &sequence, &length, &err),
                     KUNI_OK);
    assert_string_equal(sequence, "GTNNNACGT");
    assert_int_equal(length, 9);
    free(sequence);
    char md5[33]; /* printf ACGTNRYACGT | md5sum */
    assert_int_equal(kuni_genome_md5(genome, 0, md5, &err), KUNI_OK);
    assert_string_equal(md5, "4d355cbf9ec4e0ab96fbf3b08c2221e1");
    kuni_genome_close(genome);
    assert_int_equal(kuni_genome_open(&genome, in_folder("absent.fa"), &err), KUNI_IO);
    assert_non_null(strstr(err.text, "absent.fa"));
}

/* A contig chr1,chr2 was found out by the last steps, after all reads had been worked on. */
static void names_that_sam_forbids_are_refused(void **state)
{
    (void)state;
    static const char *const fine[] = {"chr1", "HLA-A*01:01", "a=b", "#1|x~", "NC_000023.11"};
    static const char *const wrong[] = {"chr1,chr2", "*1", "=x", "a(b)", "x\\y", "\303\251", "<A>"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]) + sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t n_fine = sizeof(fine) / sizeof(fine[0]);
        char text[128];
        kuni_error err = KUNI_ERROR_INIT;
        kuni_genome *genome = NULL;
        int length = snprintf(text, sizeof(text), ">%s\nACGTACGT\n",
                              i < n_fine ? fine[i] : wrong[i - n_fine]);
        (void)unlink(in_folder("odd.fa.fai"));
        assert_int_equal(kuni_file_put(in_folder("odd.fa"), text, (size_t)length, &err), KUNI_OK);
        kuni_status status = kuni_genome_open(&genome, in_folder("odd.fa"), &err);
        assert_int_equal(status, i < n_fine ? KUNI_OK : KUNI_DATA);
        if (status) assert_non_null(strstr(err.text, "SAM and VCF allow no such name"));
        kuni_genome_close(genome);
    }
}

static void ploidy_follows_sex_and_boundaries(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    /* Only the index matters here: contigs of true length, no sequence read. */
    static const char index[] = "chr1\t248956422\t6\t60\t61\nchrX\t156040895\t6\t60\t61\n"
                                "chrY\t57227415\t6\t60\t61\nchrM\t16569\t6\t60\t61\n";
    assert_int_equal(kuni_file_put(in_folder("h.fa"), ">chr1\nA\n", 8, &err), KUNI_OK);
    assert_int_equal(kuni_file_put(in_folder("h.fa.fai"), index, sizeof(index) - 1, &err), KUNI_OK);
    kuni_genome *genome;
    assert_int_equal(kuni_genome_open(&genome, in_folder("h.fa"), &err), KUNI_OK);
    kuni_ploidy *ploidy;
    assert_int_equal(kuni_ploidy_open(&ploidy, "GRCh38", genome, &err), KUNI_OK);
    static const struct {
        int tid;
        int64_t pos; /* 0-based */
        int male, female;
    } cases[] = {
        {0, 1000, 2, 2},      {1, 10000, 2, 2},     {1, 2781478, 2, 2},
        {1, 2781479, 1, 2},   {1, 155701381, 1, 2}, {1, 155701382, 2, 2},
        {1, 156030894, 2, 2}, {2, 5000000, 1, 0},   {3, 100, 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t until;
        assert_int_equal(kuni_ploidy_at(ploidy, cases[i].tid, cases[i].pos, KUNI_SEX_MALE, &until),
                         cases[i].male);
        assert_true(until > cases[i].pos);
        assert_int_equal(
            kuni_ploidy_at(ploidy, cases[i].tid, cases[i].pos, KUNI_SEX_FEMALE, &until),
            cases[i].female);
    }
    assert_int_equal(kuni_ploidy_at(ploidy, 1, 5000000, KUNI_SEX_UNKNOWN, NULL), 2);
    assert_int_equal(kuni_ploidy_at(ploidy, 2, 5000000, KUNI_SEX_UNKNOWN, NULL), 1);
    kuni_ploidy_close(ploidy);
    static const char bed[] = "# mine\nchrX\t0\t100\t1\t2\nchr9\t0\t5\t1\t1\n";
    assert_int_equal(kuni_file_put(in_folder("p.bed"), bed, sizeof(bed) - 1, &err), KUNI_OK);
    assert_int_equal(kuni_ploidy_open(&ploidy, in_folder("p.bed"), genome, &err), KUNI_OK);
    assert_int_equal(kuni_ploidy_at(ploidy, 1, 99, KUNI_SEX_MALE, NULL), 1);
    assert_int_equal(kuni_ploidy_at(ploidy, 1, 100, KUNI_SEX_MALE, NULL), 2);
    kuni_ploidy_close(ploidy);
    assert_int_equal(kuni_file_put(in_folder("q.bed"), "chrX\t5\t2\t1\t1\n", 13, &err), KUNI_OK);
    assert_int_equal(kuni_ploidy_open(&ploidy, in_folder("q.bed"), genome, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "q.bed:1: expected contig, beg, end"));
    kuni_genome_close(genome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_set_once),
        cmocka_unit_test(an_error_is_plain_text),
        cmocka_unit_test(memory_is_checked),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(faults_leave_the_former_file),
        cmocka_unit_test(unfinished_files_are_flushed_once),
        cmocka_unit_test(digests_are_blake2b),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(the_reference_is_read),
        cmocka_unit_test(names_that_sam_forbids_are_refused),
        cmocka_unit_test(ploidy_follows_sex_and_boundaries),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
