/* SPDX-License-Identifier: MIT */
/*
 * Commands in containers: what `image:` takes, and the command lines that podman and Apptainer are given. Neither has to
 * be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "external/container.h"
#include "stage_table.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static kuni_arena *arena;

static kuni_params *last; /* an image borrows its texts */

static kuni_status read_image(const char *text, command_image *image, kuni_error *err)
{
    kuni_params *params = kuni_params_new(kuni_stage_find("external")->params, err);
    assert_non_null(params);
    assert_int_equal(kuni_params_set(params, "image", text, err), 0);
    kuni_status status = image_read(image, params, arena, err);
    kuni_params_free(last);
    last = params;
    return status;
}

static void test_digest_alone(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"bcftools:1.16", "podman image inspect --format '{{.RepoDigests}}' bcftools:1.16"},
        {"bcftools@sha256:0123", "has no digest"},
        {"bcftools@md5:" DIGEST, "inspect --format '{{.RepoDigests}}' bcftools` prints"},
        {"bcftools@sha256:" DIGEST "0", "has no digest"},
        {"images.example.org:443/tools/bcftools:1.16@sha256:" DIGEST,
         "expected the digest alone: images.example.org:443/tools/bcftools@sha256:" DIGEST},
        {"--privileged@sha256:" DIGEST, "is no name of an image"},
        {"BCFtools@sha256:" DIGEST, "is no name of an image"},
        {"@sha256:" DIGEST, "is no name of an image"},
        {"/images/tools.sif", "sha256sum /images/tools.sif"},
    };
    (void)state;
    command_image image;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        kuni_error err = KUNI_ERROR_INIT;
        assert_int_equal(read_image(wrong[i].text, &image, &err), KUNI_USAGE);
        assert_int_equal(strncmp(err.text, "image: ", 7), 0);
        if (!strstr(err.text, wrong[i].words)) fail_msg("%s: %s", wrong[i].text, err.text);
    }
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(read_image("", &image, &err), 0);
    assert_null(image.name);
    assert_int_equal(read_image("localhost:5000/a/b@sha256:" DIGEST, &image, &err), 0);
    assert_string_equal(image.name, "localhost:5000/a/b@sha256:" DIGEST);
    assert_false(image.sif);
    assert_int_equal(read_image("/images/tools.sif@sha256:" DIGEST, &image, &err), 0);
    assert_string_equal(image.name, "/images/tools.sif");
    assert_string_equal(image.digest, DIGEST);
    assert_true(image.sif);
}

/* The words of a list with a blank between. */
static const char *joined(char **list)
{
    static char text[8192];
    text[0] = '\0';
    for (; *list; list++) {
        assert_true(strlen(text) + strlen(*list) + 2 < sizeof(text));
        strcat(strcat(text, text[0] ? " " : ""), *list);
    }
    return text;
}

static kuni_status make(container *made, const char *name, const mount_list *mounts,
                        kuni_error *err)
{
    static char words[][32] = {"/bin/sh", "-c", "true \"$KUNI_ARG_0\""};
    static char entries[][32] = {"PATH=/opt/bin", "HOME=/home/me", "LD_LIBRARY_PATH=/opt/lib",
                                 "TOKEN=x y",     "LC_ALL=C",      "KUNI_ARG_0=a, b"};
    char *const argv[] = {words[0], words[1], words[2], NULL};
    char *variables[] = {entries[0], entries[1], entries[2], entries[3],
                         entries[4], entries[5], NULL};
    const command_environment inside = {.list = variables};
    command_image image;
    assert_int_equal(read_image(name, &image, err), 0);
    const container_order order = {.image = &image, .mounts = mounts};
    return container_make(made, &order, argv, "/data/tmp/1", &inside, "TOKEN", arena, err);
}

static void test_podman(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const char *paths[] = {"/ref/a,b.fa", "/ref/a:b.fa"};
    mount_list mounts = {.paths = paths, .n = 2};
    container made;
    assert_int_equal(make(&made, "tools@sha256:" DIGEST, &mounts, &err), 0);
    const char *line = joined(made.argv);
    static const char *const wanted[] = {
        "podman run --rm --pull=never --read-only --cap-drop=all ",
        " --security-opt=no-new-privileges ",
        " --network=none ",
        " --workdir=/data/tmp/1 ",
        " --env=HOME=/data/tmp/1 ",
        " --env=TOKEN --env=LC_ALL --env=KUNI_ARG_0 ",
        " --volume /ref/a,b.fa:/ref/a,b.fa:ro --mount "
        "type=bind,src=/ref/a:b.fa,dst=/ref/a:b.fa,ro=true "
        "--volume /data/tmp/1:/data/tmp/1:rw --entrypoint=/bin/sh tools@sha256:" DIGEST
        " -c true \"$KUNI_ARG_0\""};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strstr(line, wanted[i])) fail_msg("no '%s' in %s", wanted[i], line);
    assert_null(strstr(line, "--env=PATH"));
    assert_null(strstr(line, "x y")); /* values are not for the list of processes */
    assert_non_null(strstr(line, made.name));
    char user[64];
    (void)snprintf(user, sizeof(user), " --user=%u:%u ", (unsigned)geteuid(), (unsigned)getegid());
    assert_non_null(strstr(line, user));
    assert_non_null(strstr(joined(made.environment), "PATH=/opt/bin")); /* of the client */
    mounts.network = true;
    assert_int_equal(make(&made, "tools@sha256:" DIGEST, &mounts, &err), 0);
    assert_null(strstr(joined(made.argv), "--network=none"));
    paths[0] = "/ref/a:b,c.fa";
    assert_int_equal(make(&made, "tools@sha256:" DIGEST, &mounts, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "/ref/a:b,c.fa cannot be mounted"));
}

static void test_apptainer(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const char *paths[] = {"/ref/a.fa"};
    mount_list mounts = {.paths = paths, .n = 1};
    container made;
    assert_int_equal(make(&made, "/images/tools.sif@sha256:" DIGEST, &mounts, &err), 0);
    assert_string_equal(
        joined(made.argv),
        "apptainer exec --containall --no-home --net --network none --pwd /data/tmp/1 "
        "--bind /ref/a.fa:/ref/a.fa:ro --bind /data/tmp/1:/data/tmp/1:rw /images/tools.sif "
        "/bin/sh -c true \"$KUNI_ARG_0\"");
    const char *client = joined(made.environment);
    assert_non_null(strstr(client, "APPTAINERENV_TOKEN=x y"));
    assert_non_null(strstr(client, "APPTAINERENV_KUNI_ARG_0=a, b"));
    assert_null(strstr(client, "APPTAINERENV_PATH"));
    assert_string_equal(made.name, "");
    assert_true(container_began(&made, 1));
    assert_false(container_began(&made, 255));
    mounts.network = true;
    assert_int_equal(make(&made, "/images/tools.sif@sha256:" DIGEST, &mounts, &err), 0);
    assert_null(strstr(joined(made.argv), "--net"));
    paths[0] = "/ref/a,b.fa";
    assert_int_equal(make(&made, "/images/tools.sif@sha256:" DIGEST, &mounts, &err), KUNI_USAGE);
}

static kuni_status ready(const char *image, kuni_error *err)
{
    kuni_params *params = kuni_params_new(kuni_stage_find("external")->params, err);
    assert_non_null(params);
    assert_int_equal(kuni_params_set(params, "image", image, err), 0);
    kuni_status status = kuni_stage_find("external")->ready(params, err);
    kuni_params_free(params);
    return status;
}

static void write_text(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Programs that answer as podman and Apptainer do. */
static void test_ready(void **state)
{
    (void)state;
    char folder[] = "/tmp/kuni-test-container-XXXXXX", sif[256];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("PATH", folder, 1), 0);
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(ready("", &err), 0);
    assert_int_equal(ready("tools@sha256:" DIGEST, &err), KUNI_USAGE);
    assert_string_equal(err.text, "podman is not on the PATH of this machine: install it");

    err = (kuni_error)KUNI_ERROR_INIT;
    write_text(folder, "podman", "#!/bin/sh\n[ \"$*\" = 'image exists tools@sha256:" DIGEST "' ]\n",
               0755);
    assert_int_equal(ready("tools@sha256:" DIGEST, &err), 0);
    assert_int_equal(ready("other@sha256:" DIGEST, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "podman has no other@sha256:" DIGEST " on this machine"));
    err = (kuni_error)KUNI_ERROR_INIT;
    write_text(folder, "podman", "#!/bin/sh\nexit 125\n", 0755);
    assert_int_equal(ready("tools@sha256:" DIGEST, &err), KUNI_IO);

    /* SHA-256 of "abc": FIPS 180-2, B.1 */
    err = (kuni_error)KUNI_ERROR_INIT;
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    write_text(folder, "apptainer", "#!/bin/sh\n", 0755);
    write_text(folder, "tools.sif", "abc", 0644);
    (void)snprintf(sif, sizeof(sif), "%s/tools.sif@sha256:%s", folder, abc);
    assert_int_equal(ready(sif, &err), 0);
    (void)snprintf(sif, sizeof(sif), "%s/tools.sif@sha256:%s", folder, DIGEST);
    assert_int_equal(ready(sif, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, abc));
    static const char *const names[] = {"podman", "apptainer", "tools.sif"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(sif, sizeof(sif), "%s/%s", folder, names[i]);
        assert_int_equal(unlink(sif), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static int make_arena(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    arena = kuni_arena_new(&err);
    return arena ? 0 : -1;
}

static int free_arena(void **state)
{
    (void)state;
    kuni_params_free(last);
    kuni_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_alone),
        cmocka_unit_test(test_podman),
        cmocka_unit_test(test_apptainer),
        cmocka_unit_test(test_ready),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
