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

static kuni_status count_in_order(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    size_t *n = context;
    (void)offset;
    (void)err;
    assert_int_equal(json_integer_value(json_object_get(record, "i")), (*n)++);
    return KUNI_OK;
}

/* Many lines do not wait in memory: they are written before it is their time, and are on the disk after it. */
static void test_many_at_once(void **state)
{
    (void)state;
    enum { LINES = 60000, WAITING_MOST = 2 << 20 };
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    struct stat before, st;
    int64_t damaged, whole;
    size_t n = 0;
    assert_int_equal(kuni_journal_open(&journal, "flood", &err), KUNI_OK);
    for (int i = 0; i < LINES; i++)
        assert_int_equal(
            kuni_journal_add(journal,
                             json_pack("{si ss}", "i", i, "text",
                                       "of a line that is as long as that of a task is"),
                             &err),
            KUNI_OK);
    assert_int_equal(stat("flood", &before), 0);
    assert_int_equal(kuni_journal_flush(journal, 0, &err), KUNI_OK);
    assert_int_equal(stat("flood", &st), 0);
    assert_true(st.st_size > WAITING_MOST);
    assert_true(st.st_size - before.st_size < WAITING_MOST);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    assert_int_equal(kuni_journal_scan("flood", count_in_order, &n, &damaged, &whole, &err),
                     KUNI_OK);
    assert_int_equal(damaged, 0);
    assert_int_equal(n, LINES);
}

/* --- compaction --- */

static kuni_status keep_even(void *context, json_t *record, bool *keep, kuni_error *err)
{
    int64_t i = json_integer_value(json_object_get(record, "i"));
    (void)err;
    *keep = i % 2 == 0;
    return i == *(const int64_t *)context ? KUNI_AGAIN : KUNI_OK;
}

/* What is kept stays in order; what is added after it goes into the new file. */
static void test_compact(void **state)
{
    (void)state;
    seen s;
    int64_t damaged, never = -1;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    kuni_journal_counts counts;
    write_journal("many", 0, 20);
    assert_int_equal(kuni_journal_open(&journal, "many", &err), KUNI_OK);
    json_t *also = json_pack("[{si}]", "i", 1000);
    assert_int_equal(kuni_journal_compact(journal, keep_even, &never, also, &counts, &err),
                     KUNI_OK);
    json_decref(also);
    assert_int_equal(counts.kept, 10);
    assert_int_equal(counts.dropped, 10);
    assert_int_equal(kuni_journal_add(journal, json_pack("{si}", "i", 2000), &err), KUNI_OK);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    scan("many", &s, &damaged);
    assert_int_equal(s.n, 12);
    for (int i = 0; i < 10; i++) assert_int_equal(s.numbers[i], 2 * i);
    assert_int_equal(s.numbers[10], 1000);
    assert_int_equal(s.numbers[11], 2000);
}

/* A compaction that fails, be it in the last moment, leaves the old journal, and nothing is lost. */
static void test_compact_fails(void **state)
{
    (void)state;
    seen s;
    int64_t damaged, never = -1, seventh = 7;
    kuni_journal *journal;
    kuni_journal_counts counts;
    write_journal("kept", 0, 20);
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_journal_open(&journal, "kept", &err), KUNI_OK);
    assert_int_equal(kuni_journal_compact(journal, keep_even, &seventh, NULL, &counts, &err),
                     KUNI_AGAIN);
    const char *const faults[] = {"write:1", "fsync:1", "rename:1"};
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork(); /* faults are counted by process */
        if (child == 0) {
            setenv("KUNI_FAULT", faults[i], 1);
            _exit(kuni_journal_compact(journal, keep_even, &never, NULL, &counts, &err));
        }
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == KUNI_IO);
        scan("kept", &s, &damaged);
        assert_int_equal(s.n, 20);
    }
    assert_int_equal(kuni_journal_add(journal, json_pack("{si}", "i", 20), &err), KUNI_OK);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    scan("kept", &s, &damaged);
    assert_int_equal(s.n, 21);
}

static void put_record(kuni_journal *journal, const char *text)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_journal_add(journal, json_loads(text, 0, NULL), &err), KUNI_OK);
}

static kuni_status collect_all(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    (void)offset;
    (void)err;
    return json_array_append(context, record) ? KUNI_MEMORY : KUNI_OK;
}

static json_t *read_all(const char *path)
{
    int64_t damaged, whole;
    kuni_error err = KUNI_ERROR_INIT;
    json_t *all = json_array();
    assert_int_equal(kuni_journal_scan(path, collect_all, all, &damaged, &whole, &err), KUNI_OK);
    return all;
}

/* No byte is left of those who are forgotten, and all of the others; estimates keep their sums. */
static void test_forget_people(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    kuni_buffer text = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_journal_open(&journal, "people", &err), KUNI_OK);
    put_record(journal, "{\"t\":\"signs\",\"b\":\"b0000\",\"v\":[[5,6,\"aa\",\"a1\"],"
                        "[7,8,\"bb\",\"b1\"]]}");
    put_record(journal, "{\"t\":\"signs\",\"b\":\"b0001\",\"v\":[[1,2,\"cc\",\"c1\"]]}");
    put_record(journal, "{\"t\":\"bad\",\"id\":\"MALLORY\",\"why\":\"x\"}");
    put_record(journal, "{\"t\":\"bad\",\"id\":\"MALLORY2\",\"why\":\"x\"}");
    put_record(journal, "{\"t\":\"task\",\"n\":\"call\",\"s\":\"1\",\"b\":\"b0000\",\"of\":2,"
                        "\"o\":[[100,1,\"d\"],null],\"cpu\":3.0,\"wall\":4.0,\"rss\":9}");
    put_record(journal, "{\"t\":\"task\",\"n\":\"call\",\"s\":\"1\",\"b\":\"b0001\","
                        "\"o\":[[50,1,\"d\"]],\"cpu\":5,\"wall\":6,\"rss\":8}");
    put_record(journal, "{\"t\":\"task\",\"n\":\"call\",\"s\":\"2\",\"b\":\"b0001\","
                        "\"skip\":[\"A\",\"MALLORY\"],\"o\":[[1,1,\"d\"]],\"cpu\":1,\"rss\":20}");
    put_record(journal, "{\"t\":\"task\",\"n\":\"joint\",\"s\":\"1\",\"o\":[[2,1,\"d\"]]}");
    put_record(journal, "{\"t\":\"sum\",\"n\":\"call\",\"tasks\":10,\"bytes\":1000,\"cpu\":0.5,"
                        "\"wall\":0.25,\"rss\":12}");
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    const kuni_journal_person who[] = {{.sample = "MALLORY", .batch = "b0000", .place = 1}};
    assert_int_equal(kuni_journal_forget_people("people", who, 1, &err), KUNI_OK);
    assert_int_equal(kuni_file_get("people", 1 << 20, &text, &err), KUNI_OK);
    assert_null(strstr(text.data, "\"MALLORY\""));
    assert_null(strstr(text.data, "b1"));
    assert_non_null(strstr(text.data, "\"MALLORY2\""));
    json_t *all = read_all("people"), *sum = json_array_get(all, 5);
    assert_int_equal(json_array_size(all), 6);
    json_t *expected = json_loads(
        "{\"t\":\"sum\",\"n\":\"call\",\"tasks\":12,\"bytes\":1101,\"cpu\":3.0,\"wall\":2.25,"
        "\"rss\":20}",
        0, NULL);
    assert_true(json_equal(sum, expected));
    json_t *signs = json_loads("[[5,6,\"aa\",\"a1\"],[-1,0,\"\",\"\"]]", 0, NULL);
    assert_true(json_equal(json_object_get(json_array_get(all, 0), "v"), signs));
    json_decref(all);
    json_decref(expected);
    json_decref(signs);
    kuni_buffer_fini(&text);
    /* a dataset whose journal was lost */
    assert_int_equal(kuni_journal_forget_people("absent", who, 1, &err), KUNI_OK);
    assert_int_equal(access("absent", F_OK), -1);
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

/* --- the strict reader of tasks --- */

static const char *const task_lines[] = {
    "{\"t\":\"task\",\"n\":\"call\",\"k\":"
    "\"3f3cc1df0df2d1868e07fc88d69c3c296ba9334e841f568692308ddda4764236\",\"s\":"
    "\"chr1-999000-1000000\",\"b\":\"b0096\",\"o\":[[12,1795994204968600251,"
    "\"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8\"],null],\"cpu\":0.25,"
    "\"wall\":12.003,\"rss\":"
    "52428800,\"rd\":7,\"wr\":9,\"work\":3,\"m\":\"c1e1a0af.6a4f8ea7\",\"why\":\"new\",\"host\":"
    "\"vm\",\"rank\":3,"
    "\"try\":2,\"at\":1795994204}",
    "{\"t\":\"task\",\"n\":\"joint.sites\",\"k\":\"3f3cc1df0df2d186\",\"s\":\"chr1-0-9\",\"o\":[],"
    "\"of\":4,\"cpu\":1.0}",
    "{\"n\":\"a\",\"t\":\"task\",\"o\":[null,null],\"rss\":-0,\"cpu\":-1.5}",
};

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static void assert_same_task(const kuni_journal_task *a, const kuni_journal_task *b)
{
    assert_true(same_text(a->node, b->node) && same_text(a->shard, b->shard));
    assert_true(same_text(a->batch, b->batch) && same_text(a->key, b->key));
    assert_true(same_text(a->made, b->made));
    assert_int_equal(a->n_outputs, b->n_outputs);
    assert_int_equal(a->outputs_good, b->outputs_good);
    for (size_t o = 0; o < a->n_outputs && a->outputs_good; o++) {
        assert_int_equal(a->outputs[o].bytes, b->outputs[o].bytes);
        assert_int_equal(a->outputs[o].mtime_ns, b->outputs[o].mtime_ns);
        assert_true(kuni_hash_equal(&a->outputs[o].digest, &b->outputs[o].digest));
    }
    assert_int_equal(a->measured, b->measured);
    assert_true(a->cpu_s == b->cpu_s && a->wall_s == b->wall_s);
    assert_int_equal(a->parts, b->parts);
    assert_int_equal(a->rss_bytes, b->rss_bytes);
    assert_int_equal(a->bytes, b->bytes);
    assert_true(!b->skip && !b->drop && !b->without);
}

/* Whatever the strict reader takes is JSON of a task, and tells the same as the tree of it; else the text is as it was. */
static bool try_line(const char *line, size_t length)
{
    char text[1024];
    kuni_journal_task strict, tree;
    assert_true(length < sizeof(text));
    memcpy(text, line, length);
    bool taken = kuni_journal_task_parse(text, length, &strict);
    if (!taken) {
        assert_memory_equal(text, line, length);
        return false;
    }
    json_t *record = json_loadb(line, length, 0, NULL);
    assert_non_null(record);
    assert_string_equal(json_string_value(json_object_get(record, "t")), "task");
    kuni_journal_task_of(record, &tree);
    assert_same_task(&strict, &tree);
    json_decref(record);
    return true;
}

static void test_strict_reader(void **state)
{
    (void)state;
    static const char bytes[] = "\"\\{}[],:.-+eE0123456789abfnulltskormw \x7f\n\xc3";
    uint64_t seed = 88172645463325252u;
    size_t taken = 0, tries = 0;
    for (size_t i = 0; i < sizeof(task_lines) / sizeof(task_lines[0]); i++) {
        size_t n = strlen(task_lines[i]);
        assert_true(try_line(task_lines[i], n));
        for (int round = 0; round < 100000; round++, tries++) {
            char line[1024];
            size_t length = n;
            memcpy(line, task_lines[i], n);
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17; /* Marsaglia's xorshift */
            int changes = 1 + (int)(seed >> 60) % 3;
            for (uint64_t r = seed; changes-- > 0;
                 r = r * 6364136223846793005u + 1442695040888963407u) {
                size_t at = (size_t)(r >> 33) % length;
                char c = bytes[(r >> 20) % (sizeof(bytes) - 1)];
                size_t piece = 1 + (r >> 8) % 12, left = length - at;
                if (piece > left) piece = left;
                switch (r >> 62) {
                case 0: /* another byte */
                    line[at] = c;
                    break;
                case 1: /* one more */
                    memmove(line + at + 1, line + at, left);
                    line[at] = c;
                    length++;
                    break;
                case 2: /* a few less */
                    memmove(line + at, line + at + piece, left - piece);
                    length -= piece;
                    break;
                default: /* a few twice */
                    memmove(line + at + piece, line + at, left);
                    length += piece;
                }
            }
            taken += try_line(line, length);
        }
    }
    assert_true(taken > tries / 20 && taken < tries);
}

/* Lines of any form come to the same visitor as the same tasks; others go where records go. */
static kuni_status count_task(void *context, const kuni_journal_task *task, int64_t offset,
                              kuni_error *err)
{
    int64_t *counts = context;
    (void)offset;
    (void)err;
    assert_string_equal(task->node, "call");
    assert_int_equal(task->bytes, 5);
    counts[task->skip ? 1 : 0]++;
    return KUNI_OK;
}

static kuni_status count_record(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    int64_t *counts = context;
    (void)offset;
    (void)err;
    assert_string_equal(json_string_value(json_object_get(record, "t")), "forget");
    counts[2]++;
    return KUNI_OK;
}

static void test_reader(void **state)
{
    (void)state;
    static const char digest[] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    int64_t counts[3] = {0}, damaged, whole;
    assert_int_equal(kuni_journal_open(&journal, "tasks", &err), KUNI_OK);
    for (int i = 0; i < 12; i++) {
        json_t *record =
            i % 3 == 2 ? json_pack("{ss}", "t", "forget")
                       : json_pack("{ss ss s[[iis]]}", "t", "task", "n", "call", "o", 5, 7, digest);
        if (i % 3 == 1) json_object_set_new(record, "skip", json_pack("[s]", "S1"));
        assert_int_equal(kuni_journal_add(journal, record, &err), KUNI_OK);
    }
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    const kuni_journal_reader reader = {
        .task = count_task, .record = count_record, .context = counts};
    assert_int_equal(kuni_journal_read("tasks", &reader, &damaged, &whole, &err), KUNI_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(counts[i], 4);
    assert_int_equal(damaged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_foreign_bytes),
        cmocka_unit_test(test_strict_reader),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_compact_fails),
        cmocka_unit_test(test_forget_people),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
