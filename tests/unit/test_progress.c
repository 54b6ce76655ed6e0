/* SPDX-License-Identifier: MIT */
/* What a run says: status.json, plain lines in a log, a line that is rewritten on a terminal. */
#include "fixture.h"

#include <jansson.h>
#include <pty.h>
#include <sys/wait.h>

#include "progress.h"

static const kuni_progress_numbers numbers = {.phase = "reads",
                                              .tasks = 20,
                                              .done = 10,
                                              .reused = 4,
                                              .failed = 1,
                                              .running = 2,
                                              .samples = 7,
                                              .quarantined = 3,
                                              .weight_total = 20000000,
                                              .weight_done = 10000000,
                                              .weight_reused = 4000000,
                                              .eta_s = 40,
                                              .ranks = 3};

static json_t *status(void)
{
    json_t *object = json_load_file("status.json", 0, NULL);
    assert_non_null(object);
    return object;
}

static void expect_text(json_t *object, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static void expect_number(json_t *object, const char *name, int64_t expected)
{
    assert_int_equal(json_integer_value(json_object_get(object, name)), expected);
}

/* While rank 0 does something at one go, a thread says that it lives. */
static void test_stays(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_progress *p;
    assert_int_equal(kuni_progress_new(&p, ".", "national", 12, true, &err), KUNI_OK);
    kuni_progress_stay(p, "start");
    kuni_progress_stay(p, "again"); /* it does already */
    json_t *object = NULL;
    for (int i = 0; i < 500 && !object; i++) {
        (void)usleep(20000);
        object = json_load_file("status.json", 0, NULL);
    }
    assert_non_null(object);
    expect_text(object, "state", "running");
    expect_text(object, "phase", "start");
    json_decref(object);
    assert_int_equal(kuni_progress_end(p, "done", "", 0, &err), KUNI_OK);
    object = status();
    expect_text(object, "state", "done"); /* nobody writes behind it */
    json_decref(object);
    kuni_progress_free(p);
}

static void test_status(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_progress *p;
    assert_int_equal(kuni_progress_new(&p, ".", "national", 12, true, &err), KUNI_OK);
    kuni_progress_numbers early = numbers;
    early.eta_s = -1;
    kuni_progress_update(p, &early);
    json_t *object = status();
    expect_text(object, "state", "running");
    expect_text(object, "workflow", "national");
    expect_text(object, "phase", "reads");
    expect_number(object, "epoch", 12);
    expect_number(object, "done", 10);
    expect_number(object, "quarantined", 3);
    expect_number(object, "ranks", 3);
    assert_true(json_is_null(json_object_get(object, "eta_s"))); /* too early to tell */
    json_decref(object);
    (void)usleep(150000);
    kuni_progress_update(p, &numbers);
    assert_int_equal(kuni_progress_end(p, "failed", "1 task failed: x", 74, &err), KUNI_OK);
    object = status();
    expect_text(object, "state", "failed");
    expect_text(object, "message", "1 task failed: x");
    expect_number(object, "exit_status", 74);
    assert_true(json_number_value(json_object_get(object, "mb_per_s")) > 0);
    expect_number(object, "eta_s", 40);
    json_decref(object);
    kuni_progress_free(p);
    kuni_progress_free(NULL);
}

/* The folder is gone: the run's own writes will tell, progress is no reason to stop. */
static void test_no_folder(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_progress *p;
    assert_int_equal(kuni_progress_new(&p, "nowhere", "w", 1, true, &err), KUNI_OK);
    kuni_progress_update(p, &numbers);
    assert_int_equal(kuni_progress_end(p, "done", "", 0, &err), KUNI_IO);
    kuni_progress_free(p);
}

/* What a run of some updates prints to stderr, a file or a terminal; to be freed. */
static void speak(bool quiet)
{
    kuni_progress *p;
    kuni_progress_numbers n = numbers;
    if (kuni_progress_new(&p, ".", "w", 1, quiet, NULL)) _exit(1);
    n.failed = n.quarantined = 0;
    n.phase = "preflight";
    kuni_progress_update(p, &n);
    (void)usleep(600000);
    kuni_progress_update(p, &numbers);
    kuni_progress_say(p, "quarantined sample %s", "S1");
    if (kuni_progress_end(p, "done", "", 0, NULL)) _exit(1);
    kuni_progress_free(p);
    _exit(0);
}

static char *spoken(bool terminal, bool quiet)
{
    static char text[8192];
    int ends[2] = {-1, -1}, code;
    pid_t child;
    size_t n = 0;
    if (terminal) {
        child = forkpty(&ends[0], NULL, NULL, NULL);
        assert_true(child >= 0);
        if (child == 0) speak(quiet);
    } else {
        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0) {
            (void)dup2(ends[1], STDERR_FILENO);
            speak(quiet);
        }
        (void)close(ends[1]);
    }
    for (ssize_t got; (got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0;) n += (size_t)got;
    text[n] = '\0';
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    (void)close(ends[0]);
    return text;
}

static void test_log(void **state)
{
    (void)state;
    /* less than ten seconds: nothing but what was said */
    assert_string_equal(spoken(false, false), "kuni: quarantined sample S1\n");
    assert_string_equal(spoken(false, true), "kuni: quarantined sample S1\n");
}

static void test_terminal(void **state)
{
    (void)state;
    const char *text = spoken(true, false);
    const char *words[] = {"\rkuni: preflight 10/20 tasks, 7 samples, 10.0 of 20.0 Mb x samples",
                           "\rkuni: reads 10/20 tasks, 1 failed, 7 samples, 3 quarantined",
                           "\r\033[Kkuni: quarantined sample S1"};
    for (size_t i = 0; i < 3; i++)
        if (!strstr(text, words[i])) fail_msg("\"%s\" is not in \"%s\"", words[i], text);
    assert_string_equal(spoken(true, true), "kuni: quarantined sample S1\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stays),     cmocka_unit_test(test_status),
        cmocka_unit_test(test_no_folder), cmocka_unit_test(test_log),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
