/* SPDX-License-Identifier: MIT */
/*
 * Jobs in forked children: whatever a stage does (crash, hang, leak, exit, gobble memory, forget an
 * output), the rank lives, the fault is told and attributed, and nothing half-made stands at an
 * output's place.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner.h"

static char folder[64];
static volatile pid_t *orphan; /* a page shared with the jobs: a process that one of them left */
static const char *behaviour;  /* what the stage below does; inherited by the fork */

static void put(const kuni_task *task, const char *kind, const char *text)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_file_put(kuni_task_output(task, kind), text, strlen(text), &err), 0);
}

static void be_killed(int number)
{
    (void)raise(number);
}

static void hang(void)
{
    for (;;) (void)pause();
}

static kuni_status stage_run(const kuni_task *task, kuni_error *err)
{
    put(task, "main", "whole\n");
    if (strcmp(behaviour, "optional") == 0) put(task, "extra", "more\n");
    if (strcmp(behaviour, "absent") == 0) (void)unlink(kuni_task_output(task, "main"));
    if (strcmp(behaviour, "segv") == 0) be_killed(SIGSEGV);
    if (strcmp(behaviour, "kill") == 0) be_killed(SIGKILL);
    if (strcmp(behaviour, "abort") == 0) abort();
    if (strcmp(behaviour, "exit") == 0) exit(5);
    if (strcmp(behaviour, "hang") == 0) hang();
    if (strcmp(behaviour, "data") == 0)
        return kuni_fail_sample(err, KUNI_DATA, 3, "sample s3: x.bam: damaged");
    if (strcmp(behaviour, "mute") == 0) return KUNI_IO;
    if (strcmp(behaviour, "memory") == 0) {
        for (;;) {
            void *block = kuni_alloc(1, 1 << 20, err);
            if (!block) return KUNI_MEMORY;
            memset(block, 1, 1 << 20);
        }
    }
    if (strcmp(behaviour, "log") == 0) {
        (void)puts("to stdout");
        (void)fputs("to stderr\n", stderr);
    }
    if (strcmp(behaviour, "orphan") == 0) {
        /* A grandchild in a process group of its own that would outlive the job. */
        pid_t pid = fork();
        if (pid == 0) {
            (void)setpgid(0, 0);
            (void)sleep(600);
            _exit(0);
        }
        *orphan = pid;
        hang();
    }
    if (strcmp(behaviour, "alive") == 0) {
        for (int64_t i = 1; i <= 30; i++) {
            (void)usleep(100000);
            task->heartbeat(i);
        }
    }
    return KUNI_OK;
}

static const kuni_port ports[] = {{.kind = "main", .extension = "txt"},
                                  {.kind = "extra", .extension = "txt", .optional = true},
                                  {.kind = NULL}};
static const kuni_step step = {
    .name = "step", .scatter = KUNI_SCATTER_REGION, .outputs = ports, .run = stage_run};

static kuni_job_result run_with(const char *what, int64_t time_limit_s, int64_t memory_bytes,
                                void (*meanwhile)(kuni_runner *))
{
    char main_path[128], extra_path[128], log[128], scratch[128];
    (void)snprintf(main_path, sizeof(main_path), "%s/out/main.txt", folder);
    (void)snprintf(extra_path, sizeof(extra_path), "%s/out/extra.txt", folder);
    (void)snprintf(log, sizeof(log), "%s/log", folder);
    (void)snprintf(scratch, sizeof(scratch), "%s/scratch", folder);
    (void)unlink(main_path);
    (void)unlink(extra_path);
    behaviour = what;
    const kuni_task_file outputs[] = {{.kind = "main", .path = main_path},
                                      {.kind = "extra", .path = extra_path}};
    const kuni_task task = {.stage_id = "test",
                            .outputs = outputs,
                            .n_outputs = 2,
                            .scratch = scratch,
                            .shard = 0,
                            .batch = -1};
    const kuni_job_part part = {.step = &step, .task = &task};
    const kuni_job job = {.parts = &part,
                          .n_parts = 1,
                          .log = log,
                          .time_limit_s = time_limit_s,
                          .memory_bytes = memory_bytes,
                          .epoch = 7,
                          .rank = 0};
    kuni_runner *runner;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_runner_start(&runner, &job, &err), 0);
    kuni_job_result result;
    bool done = false;
    while (!done) {
        assert_int_equal(kuni_runner_poll(runner, &done, &result, &err), 0);
        if (meanwhile) meanwhile(runner);
        (void)usleep(1000);
    }
    kuni_runner_free(runner);
    return result;
}

/* Names in a folder below the test's, without . and .. */
static int count_entries(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    DIR *opened = opendir(path);
    assert_non_null(opened);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(opened)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(opened);
    return count;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *opened = opendir("/proc/self/fd");
    while (readdir(opened)) count++;
    (void)closedir(opened);
    return count;
}

static void test_success(void **state)
{
    (void)state;
    kuni_job_result result = run_with("well", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_OK);
    assert_string_equal(result.text, "");
    assert_int_equal(result.n_outputs, 2);
    assert_true(result.outputs[0].present);
    assert_false(result.outputs[1].present);
    assert_int_equal(result.outputs[0].bytes, 6);
    char hex[KUNI_DIGEST_HEX_BYTES], path[128];
    (void)snprintf(path, sizeof(path), "%s/out/main.txt", folder);
    assert_int_equal(kuni_digest_file(path, hex, NULL), 0);
    assert_string_equal(result.outputs[0].digest, hex);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(result.outputs[0].mtime_ns,
                     (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
    assert_int_equal(count_entries("out"), 1);
    assert_true(result.max_rss_bytes > 0 && result.wall_s > 0);
    kuni_job_result_fini(&result);
    /* Empty logs and the scratch folder are gone. */
    assert_int_equal(count_entries("."), 1);

    result = run_with("optional", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_OK);
    assert_true(result.outputs[1].present);
    kuni_job_result_fini(&result);
}

static void test_missing_output(void **state)
{
    (void)state;
    kuni_job_result result = run_with("absent", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_BUG);
    assert_non_null(strstr(result.text, "'main'"));
    assert_int_equal(result.n_outputs, 0);
    kuni_job_result_fini(&result);
}

static void test_errors(void **state)
{
    (void)state;
    kuni_job_result result = run_with("data", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_DATA);
    assert_int_equal(result.sample, 3);
    assert_string_equal(result.text, "sample s3: x.bam: damaged");
    assert_false(result.crashed);
    assert_int_equal(count_entries("out"), 0);
    kuni_job_result_fini(&result);
    result = run_with("mute", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_IO);
    assert_true(strlen(result.text) > 0);
    kuni_job_result_fini(&result);
}

static void test_crashes(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int signal;
    } cases[] = {{"segv", SIGSEGV}, {"kill", SIGKILL}, {"abort", SIGABRT}, {"exit", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_job_result result = run_with(cases[i].how, 0, 0, NULL);
        assert_int_equal(result.status, KUNI_BUG);
        assert_true(result.crashed);
        assert_int_equal(result.sample, -1);
#if !defined(__SANITIZE_ADDRESS__) /* it turns signals into exits */
        assert_int_equal(result.signal, cases[i].signal);
#endif
        assert_non_null(strstr(result.text, "stage test/step"));
        assert_int_equal(count_entries("out"), 0);
        kuni_job_result_fini(&result);
    }
}

static void test_time_limit(void **state)
{
    (void)state;
    kuni_job_result result = run_with("hang", 1, 0, NULL);
    assert_int_equal(result.status, KUNI_BUG);
    assert_true(result.timed_out);
    assert_non_null(strstr(result.text, "hung"));
    assert_true(result.wall_s >= 1.0);
    kuni_job_result_fini(&result);
    /* Slow, but alive: three seconds of work under a limit of one. */
    result = run_with("alive", 1, 0, NULL);
    assert_int_equal(result.status, KUNI_OK);
    assert_int_equal(result.work, 30);
    kuni_job_result_fini(&result);
}

static void test_memory_limit(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip();
#endif
    kuni_job_result result = run_with("memory", 0, 64 << 20, NULL);
    assert_int_equal(result.status, KUNI_MEMORY);
    assert_true(result.max_rss_bytes < (int64_t)1 << 28);
    kuni_job_result_fini(&result);
}

static void test_log(void **state)
{
    (void)state;
    kuni_job_result result = run_with("log", 0, 0, NULL);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    kuni_buffer text = KUNI_BUFFER_INIT;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/log.out", folder);
    assert_int_equal(kuni_file_get(path, 1000, &text, NULL), 0);
    assert_string_equal(text.data, "to stdout\n");
    (void)unlink(path);
    kuni_buffer_clear(&text);
    (void)snprintf(path, sizeof(path), "%s/log.err", folder);
    assert_int_equal(kuni_file_get(path, 1000, &text, NULL), 0);
    assert_string_equal(text.data, "to stderr\n");
    (void)unlink(path);
    kuni_buffer_fini(&text);
}

static void kill_when_busy(kuni_runner *runner)
{
    static int rounds;
    if (++rounds % 50 == 0) kuni_runner_kill(runner);
}

/* Not before there is an orphan to leave: on a busy machine that takes a while. */
static void kill_when_orphaned(kuni_runner *runner)
{
    if (*orphan > 0) kuni_runner_kill(runner);
}

static void test_kill(void **state)
{
    (void)state;
    kuni_job_result result = run_with("hang", 0, 0, kill_when_busy);
    assert_int_equal(result.status, KUNI_AGAIN);
    assert_false(result.crashed);
    kuni_job_result_fini(&result);
    result = run_with("orphan", 0, 0, kill_when_orphaned);
    assert_int_equal(result.status, KUNI_AGAIN);
    kuni_job_result_fini(&result);
    assert_true(*orphan > 0);
    for (int i = 0; i < 100 && kill(*orphan, 0) == 0; i++) {
        (void)waitpid(*orphan, NULL, WNOHANG);
        (void)usleep(20000);
    }
    assert_int_equal(kill(*orphan, 0), -1);
}

static void test_free_running(void **state)
{
    (void)state;
    behaviour = "hang";
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/out/main.txt", folder);
    const kuni_task_file output = {.kind = "main", .path = path};
    const kuni_task task = {.stage_id = "test", .outputs = &output, .n_outputs = 1};
    const kuni_job_part part = {.step = &step, .task = &task};
    const kuni_job job = {.parts = &part, .n_parts = 1};
    kuni_runner *runner;
    assert_int_equal(kuni_runner_start(&runner, &job, NULL), 0);
    (void)usleep(50000);
    kuni_runner_free(runner);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(count_entries("out"), 0);
    kuni_runner_free(NULL);
}

static void test_many(void **state)
{
    (void)state;
    static const char *const kinds[] = {"well", "segv", "well", "kill", "data", "well", "exit"};
    int before = count_descriptors();
    for (int i = 0; i < 210; i++) {
        kuni_job_result result = run_with(kinds[i % 7], 0, 0, NULL);
        assert_int_equal(result.status == KUNI_OK, kinds[i % 7][0] == 'w');
        kuni_job_result_fini(&result);
    }
    assert_int_equal(count_descriptors(), before);
}

static void test_pack(void **state)
{
    (void)state;
    kuni_bad_sample bad[] = {{.sample = 4, .status = KUNI_IO, .reason = (char *)"gone"},
                             {.sample = 9, .status = KUNI_DATA, .reason = (char *)""}};
    kuni_job_output outputs[] = {{.part = 1, .output = 2, .present = true, .bytes = 1ULL << 40}};
    const kuni_job_result result = {.status = KUNI_DATA,
                                    .text = (char *)"why",
                                    .sample = 4,
                                    .signal = 9,
                                    .bad = bad,
                                    .n_bad = 2,
                                    .outputs = outputs,
                                    .n_outputs = 1,
                                    .cpu_s = 1.5};
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_job_result_pack(&result, &bytes, NULL), 0);
    kuni_job_result copy;
    assert_int_equal(kuni_job_result_unpack(&copy, bytes.data, bytes.length, NULL), 0);
    assert_string_equal(copy.text, "why");
    assert_int_equal(copy.bad[0].sample, 4);
    assert_string_equal(copy.bad[0].reason, "gone");
    assert_int_equal(copy.outputs[0].bytes, 1ULL << 40);
    assert_true(copy.cpu_s == 1.5);
    kuni_job_result_fini(&copy);
    for (size_t length = 0; length < bytes.length; length++) {
        kuni_error err = KUNI_ERROR_INIT;
        assert_int_equal(kuni_job_result_unpack(&copy, bytes.data, length, &err), KUNI_BUG);
    }
    kuni_buffer_fini(&bytes);
}

static int set_up(void **state)
{
    (void)state;
    (void)strcpy(folder, "/tmp/kuni_test_runner_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    orphan = mmap(NULL, sizeof(*orphan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (orphan == MAP_FAILED) return -1;
    /* The killed grandchild comes to us to be waited for: init may not do it in a container. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return -1;
    /* Induced crashes leave no core files. */
    return setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),      cmocka_unit_test(test_missing_output),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_time_limit),   cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_log),          cmocka_unit_test(test_kill),
        cmocka_unit_test(test_free_running), cmocka_unit_test(test_many),
        cmocka_unit_test(test_pack),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
