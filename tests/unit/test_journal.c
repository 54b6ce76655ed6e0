/* SPDX-License-Identifier: MIT */
/*
 * The journal and the lock: what survives a torn write, and that two runs cannot have one dataset.
 */
#include "fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"
#include "lock.h"

typedef struct seen {
    int64_t numbers[64];
    size_t n;
} seen;

static kuni_status collect(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    seen *s = context;
    (void)offset;
    (void)err;
    assert_true(s->n < 64);
    s->numbers[s->n++] = json_integer_value(json_object_get(record, "i"));
    return KUNI_OK;
}

static void scan(const char *path, seen *s, int64_t *damaged)
{
    kuni_error err = KUNI_ERROR_INIT;
    int64_t whole;
    *s = (seen){.n = 0};
    assert_int_equal(kuni_journal_scan(path, collect, s, damaged, &whole, &err), KUNI_OK);
}

static void write_journal(const char *path, int from, int to)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    assert_int_equal(kuni_journal_open(&journal, path, &err), KUNI_OK);
    for (int i = from; i < to; i++)
        assert_int_equal(
            kuni_journal_add(journal, json_pack("{si ss}", "i", i, "text", "line\nbreak"), &err),
            KUNI_OK);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
}

static void test_absent(void **state)
{
    (void)state;
    seen s;
    int64_t damaged;
    scan("absent", &s, &damaged);
    assert_int_equal(s.n, 0);
    assert_int_equal(damaged, 0);
}

/* A journal cut anywhere keeps all lines that are whole, and takes new ones after them. */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    seen s;
    int64_t damaged;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    write_journal("whole", 0, 5);
    assert_int_equal(kuni_file_get("whole", 1 << 20, &text, &err), KUNI_OK);
    for (size_t cut = 0; cut <= text.length; cut++) {
        size_t lines = 0;
        for (size_t i = 0; i < cut; i++) lines += text.data[i] == '\n';
        fixture_put("cut", text.data, cut);
        scan("cut", &s, &damaged);
        assert_int_equal(s.n, lines);
        assert_int_equal(damaged, 0);
        write_journal("cut", 100, 102);
        scan("cut", &s, &damaged);
        assert_int_equal(s.n, lines + 2);
        assert_int_equal(damaged, 0);
        for (size_t i = 0; i < lines; i++) assert_int_equal(s.numbers[i], (int64_t)i);
        assert_int_equal(s.numbers[lines], 100);
    }
    kuni_buffer_fini(&text);
}

/* A changed byte costs its line only, and is counted unless that line is the last. */
static void test_every_byte_changed(void **state)
{
    (void)state;
    seen s;
    int64_t damaged;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    write_journal("four", 0, 4);
    assert_int_equal(kuni_file_get("four", 1 << 20, &text, &err), KUNI_OK);
    size_t line = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool newline = text.data[i] == '\n';
        text.data[i] ^= 1;
        fixture_put("changed", text.data, text.length);
        text.data[i] ^= 1;
        scan("changed", &s, &damaged);
        if (newline) { /* two lines run into one, both are lost */
            assert_int_equal(s.n, line == 3 ? 3 : 2);
            line++;
        } else {
            assert_int_equal(s.n, 3);
            assert_int_equal(damaged, line < 3 ? 1 : 0);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(s.numbers[k], (int64_t)(k < line ? k : k + 1));
        }
    }
    kuni_buffer_fini(&text);
}

static void test_foreign_bytes(void **state)
{
    (void)state;
    seen s;
    int64_t damaged;
    fixture_put("foreign", "\0\1\2\n\n12345678 {}\n", 18);
    scan("foreign", &s, &damaged);
    assert_int_equal(s.n, 0);
    write_journal("foreign", 7, 8);
    scan("foreign", &s, &damaged);
    assert_int_equal(s.n, 1);
}

static void test_age(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    struct stat st;
    assert_int_equal(kuni_journal_open(&journal, "age", &err), KUNI_OK);
    assert_int_equal(kuni_journal_add(journal, json_pack("{si}", "i", 1), &err), KUNI_OK);
    assert_int_equal(kuni_journal_flush(journal, 60000, &err), KUNI_OK);
    assert_int_equal(stat("age", &st), 0);
    assert_int_equal(st.st_size, 0); /* too young */
    assert_int_equal(kuni_journal_flush(journal, 0, &err), KUNI_OK);
    assert_int_equal(stat("age", &st), 0);
    assert_true(st.st_size > 0);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
}

/* --- the lock --- */

static void test_lock(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lock *lock = NULL, *second = NULL;
    int ready[2];
    char byte;
    assert_false(kuni_lock_is_held("."));
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (kuni_lock_take(&lock, ".", 0, &err) != KUNI_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(kuni_lock_is_held("."));
    assert_int_equal(kuni_lock_take(&second, ".", 0, &err), KUNI_AGAIN);
    char who[64];
    snprintf(who, sizeof(who), "pid %ld", (long)child);
    assert_non_null(strstr(err.text, who));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    kuni_error_clear(&err);
    assert_int_equal(kuni_lock_take(&second, ".", 1000, &err), KUNI_OK);
    assert_int_equal(kuni_lock_epoch(second), 2);
    assert_int_equal(kuni_lock_check(second, &err), KUNI_OK);
    /* A forked child neither holds nor drops it. */
    child = fork();
    if (child == 0) {
        bool held = kuni_lock_is_held(".");
        kuni_lock_release(second);
        _exit(held ? 0 : 1);
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    child = fork();
    if (child == 0) _exit(kuni_lock_take(&lock, ".", 0, &err) == KUNI_AGAIN ? 0 : 1);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    /* Where locks are not kept, the epoch tells of the younger run. */
    fixture_write("lock", "epoch 3 host elsewhere pid 1\n");
    assert_int_equal(kuni_lock_check(second, &err), KUNI_AGAIN);
    kuni_lock_release(second);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_foreign_bytes),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
