/* SPDX-License-Identifier: MIT */
/*
 * The assembly writes the same bytes at 1, 2, 3 and 5 ranks, and a fault on any rank is everyone's:
 * same error, no file.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assembly.h"
#include "check.h"

/* Odd lengths, empty pieces, one larger than several slices. */
static const size_t lengths[] = {1, 0, 12345,           0,     40 << 20, 77, 16 << 20,
                                 3, 0, (16 << 20) - 84, 999999};
enum { PIECES = sizeof(lengths) / sizeof(lengths[0]) };

static kuni_error err = KUNI_ERROR_INIT;
static char folder[] = "/tmp/kuni_mpi_assembly_XXXXXX";

static bool root(void)
{
    return kuni_transport_rank() == 0;
}

static unsigned char byte_at(int piece, size_t i)
{
    return (unsigned char)(i * 2654435761U >> 13 ^ (size_t)piece * 101);
}

static void path_of(char path[128], const char *name)
{
    (void)snprintf(path, 128, "%s/%s", folder, name);
}

static void put_list(const char *name, const char *text)
{
    char path[128];
    path_of(path, name);
    CHECK_OK(kuni_file_put(path, text, strlen(text), &err));
}

/* Pieces in a folder beside the list's, an expected file, and the list with relative paths. */
static void make_input(void)
{
    char path[128];
    kuni_file *expected, *list;
    path_of(path, "pieces");
    CHECK_OK(kuni_make_folders(path, &err));
    path_of(path, "lists");
    CHECK_OK(kuni_make_folders(path, &err));
    path_of(path, "expected");
    CHECK_OK(kuni_file_create(&expected, path, &err));
    path_of(path, "lists/good");
    CHECK_OK(kuni_file_create(&list, path, &err));
    for (int i = 0; i < PIECES; i++) {
        unsigned char *bytes = malloc(lengths[i] + 1);
        CHECK(bytes);
        for (size_t k = 0; k < lengths[i]; k++) bytes[k] = byte_at(i, k);
        char name[64];
        (void)snprintf(name, sizeof(name), "pieces/%d", i);
        path_of(path, name);
        CHECK_OK(kuni_file_put(path, bytes, lengths[i], &err));
        CHECK_OK(kuni_file_write(expected, bytes, lengths[i], &err));
        CHECK_OK(kuni_file_printf(list, &err, "big\t../%s\t%zu\n", name, lengths[i]));
        if (i < 3) CHECK_OK(kuni_file_printf(list, &err, "small\t../%s\t%zu\n", name, lengths[i]));
        if (i == 1) CHECK_OK(kuni_file_printf(list, &err, "empty\t../%s\t0\n", name));
        free(bytes);
    }
    CHECK_OK(kuni_file_commit(expected, &err));
    CHECK_OK(kuni_file_commit(list, &err));
    put_list("lists/short", "small\t../pieces/0\t1\nsmall\t../pieces/2\t12344\n");
    put_list("lists/absent", "small\t../pieces/0\t1\nsmall\t../pieces/none\t5\n");
    put_list("lists/foreign", "small\t../pieces/0\t1\nwhat\t../pieces/0\t1\n");
    put_list("lists/torn", "small\t../pieces/0");
}

static void test_good(void)
{
    char list[128], big[128], small[128], empty[128], expected[128];
    path_of(list, "lists/good");
    path_of(big, "big");
    path_of(small, "small");
    path_of(empty, "empty");
    path_of(expected, "expected");
    kuni_assembly_target targets[] = {{.kind = "small", .path = small},
                                      {.kind = "big", .path = big},
                                      {.kind = "empty", .path = empty}};
    CHECK_OK(kuni_assembly_write(list, targets, 3, 5, &err));
    char hex[KUNI_DIGEST_HEX_BYTES], whole[KUNI_DIGEST_HEX_BYTES];
    CHECK_OK(kuni_digest_file(expected, whole, &err));
    CHECK_OK(kuni_digest_file(big, hex, &err));
    CHECK(strcmp(hex, whole) == 0);
    CHECK_OK(kuni_assembly_digest(big, hex, &err));
    CHECK(strcmp(hex, targets[1].digest) == 0);
    CHECK_OK(kuni_digest_file(small, hex, &err));
    CHECK(strcmp(hex, targets[0].digest) == 0);
    CHECK_OK(kuni_digest_file(empty, hex, &err));
    CHECK(strcmp(hex, targets[2].digest) == 0);
    CHECK(targets[0].bytes == 12346 && targets[2].bytes == 0);
    struct stat info;
    CHECK(stat(big, &info) == 0 && (uint64_t)info.st_size == targets[1].bytes);
    CHECK((int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec == targets[1].mtime_ns);
    if (root()) (void)printf("assembly: %d ranks: %s\n", kuni_transport_size(), targets[1].digest);
    CHECK_OK(kuni_transport_barrier(&err));
}

static void test_fault(const char *name, kuni_status expected, const char *words)
{
    char list[128], target_path[128], temporary[160];
    path_of(list, name);
    path_of(target_path, "faulty");
    kuni_assembly_target target = {.kind = "small", .path = target_path};
    kuni_error fault = KUNI_ERROR_INIT;
    kuni_status status = kuni_assembly_write(list, &target, 1, 5, &fault);
    if (status != expected || !strstr(fault.text, words))
        (void)fprintf(stderr, "%s: %d %s\n", name, status, fault.text);
    CHECK(status == expected);
    CHECK(strstr(fault.text, words));
    CHECK(access(target_path, F_OK) != 0);
    CHECK_OK(kuni_transport_barrier(&err));
    if (!root()) return;
    (void)snprintf(temporary, sizeof(temporary), "ls -A %s | grep -q kuni-tmp", folder);
    CHECK(system(temporary) != 0);
}

static void test_full_disk(void)
{
    char list[128], big[128], small[128], empty[128];
    path_of(list, "lists/good");
    path_of(big, "full");
    path_of(small, "small2");
    path_of(empty, "empty2");
    kuni_assembly_target targets[] = {{.kind = "small", .path = small},
                                      {.kind = "big", .path = big},
                                      {.kind = "empty", .path = empty}};
    struct rlimit old;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, old.rlim_max}) == 0);
    kuni_error fault = KUNI_ERROR_INIT;
    CHECK(kuni_assembly_write(list, targets, 3, 5, &fault) == KUNI_IO);
    CHECK(strstr(fault.text, "reserve"));
    CHECK(access(big, F_OK) != 0 && access(small, F_OK) != 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
}

int main(void)
{
    CHECK_OK(kuni_transport_init(&err));
    kuni_buffer name = KUNI_BUFFER_INIT;
    if (root()) CHECK(mkdtemp(folder));
    CHECK_OK(kuni_buffer_append(&name, folder, sizeof(folder), &err));
    CHECK_OK(kuni_transport_bcast(&name, 0, &err));
    memcpy(folder, name.data, sizeof(folder));
    kuni_buffer_fini(&name);
    if (root()) make_input();
    CHECK_OK(kuni_transport_barrier(&err));

    test_good();
    test_fault("lists/short", KUNI_DATA, "12345 bytes, 12344");
    test_fault("lists/absent", KUNI_IO, "pieces/none");
    test_fault("lists/foreign", KUNI_BUG, "'what'");
    test_fault("lists/torn", KUNI_BUG, "line 1");
    test_fault("lists/none", KUNI_IO, "lists/none");
    test_full_disk();

    CHECK_OK(kuni_transport_barrier(&err));
    if (root()) {
        char command[128];
        (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
        CHECK(system(command) == 0);
    }
    kuni_transport_fini();
    return 0;
}
