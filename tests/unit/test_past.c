/* SPDX-License-Identifier: MIT */
/*
 * What was done before is not done again, and what no longer holds is: a second run over a made-up
 * dataset in which one thing has changed. Each test tells how many works are left to do of the 3
 * preflight, 12 reads and 8 joint ones.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "made_up.h"

static made_up *m;

enum { PREFLIGHT_WORKS = 3, READS_WORKS = 12, LATE_WORKS = 8 };
enum { ALL_WORKS = PREFLIGHT_WORKS + READS_WORKS + LATE_WORKS };

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    m = malloc(sizeof(*m));
    return m ? 0 : -1;
}

static int leave(void **state)
{
    free(m);
    return fixture_leave(state);
}

static void begin(void)
{
    assert_int_equal(system("rm -rf ds *.g.vcf r.fa*"), 0);
    made_up_files();
    made_up_open(m);
    made_up_plan(m, 4);
    made_up_start(m, 2);
}

static void end(void)
{
    made_up_stop(m);
    made_up_close(m);
}

/* Another run over the same dataset: up to the point at which work begins. */
static void again(void)
{
    made_up_stop(m);
    made_up_start(m, 2);
}

/* The path of an output of a task that is done; to be freed. */
static char *output_of(const char *folder, size_t output, int64_t shard, int64_t batch)
{
    size_t node = made_up_node(m, folder);
    size_t task = kuni_plan_task(&m->run.plan, &m->run.plan.nodes[node], shard, batch);
    kuni_arena_clear(m->ledger.arena);
    const char *path = kuni_run_output(&m->run, m->ledger.arena, node, output, shard, batch,
                                       m->ledger.table.nodes[node].key[task], NULL);
    assert_non_null(path);
    return strdup(path);
}

static void touch(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_nothing_left(void **state)
{
    (void)state;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    again();
    assert_int_equal(made_up_play_all(m), 0);
    for (size_t i = 0; i < m->run.plan.n_nodes; i++) {
        const kuni_task_table_node *node = &m->ledger.table.nodes[i];
        assert_int_equal(node->reused, m->run.plan.nodes[i].n_tasks - node->absent);
        assert_int_equal(m->past.history[i].tasks, node->reused);
    }
    /* two parts of one decode have its time between them */
    const kuni_node_history *call = &m->past.history[made_up_node(m, "call")];
    assert_true(call->cpu_s > 9 * 0.74 && call->cpu_s < 9 * 0.76);
    assert_int_equal(call->max_rss_bytes, 1 << 20);
    end();
}

/* Half a run, then the rest: no work twice. */
static void test_goes_on(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(made_up_play(m, 0), PREFLIGHT_WORKS);
    made_up_phase(m, KUNI_PHASE_READS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(made_up_end_well(m, made_up_next(m, i % 2)->id, &err), KUNI_OK);
    assert_non_null(made_up_next(m, 0)); /* under way when it was killed */
    again();
    assert_int_equal(made_up_play_all(m), READS_WORKS - 5 + LATE_WORKS);
    end();
}

/*
 * An output that is gone or of another size is made again; what comes of it is the same and ends
 * there.
 */
static void test_output_lost(void **state)
{
    (void)state;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    char *evidence = output_of("call", 0, 1, 2), *calls = output_of("joint", 0, 0, -1);
    struct stat st;
    assert_int_equal(remove(evidence), 0);
    assert_int_equal(stat(calls, &st), 0);
    fixture_write(calls, "longer than it was by far");
    const struct timespec times[2] = {st.st_atim, st.st_mtim}; /* the time alone tells nothing */
    assert_int_equal(utimensat(AT_FDCWD, calls, times, 0), 0);
    again();
    assert_int_equal(made_up_play_all(m), 2);
    free(evidence);
    free(calls);
    end();
}

/* The time of an output may differ, when a dataset was copied: then its content tells. */
static void test_output_touched(void **state)
{
    (void)state;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    char *evidence = output_of("call", 0, 1, 2), *whole = output_of("merge.write", 0, -1, -1);
    touch(evidence);
    touch(whole);
    again();
    assert_int_equal(made_up_play_all(m), 0);
    /* same size, other bytes, other time */
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_file_get(evidence, 1 << 20, &text, &err), KUNI_OK);
    text.data[0] ^= 1;
    fixture_put(evidence, text.data, text.length);
    touch(evidence);
    again();
    assert_int_equal(made_up_play_all(m), 1);
    kuni_buffer_fini(&text);
    free(evidence);
    free(whole);
    end();
}

/*
 * A sample's file has changed: its batch is read again, in all shards; the preflight looks at it
 * again; what is joined from the same bytes is not joined again.
 */
static void test_sample_changed(void **state)
{
    (void)state;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    made_up_word(3, "another");
    again();
    assert_int_equal(made_up_play_all(m), 1 + 4);
    end();
}

/* A parameter of a late step costs that step only. */
static void test_parameter_changed(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    assert_int_equal(kuni_params_set(m->stages[3].params, "style", "ornate", &err), KUNI_OK);
    again();
    assert_int_equal(made_up_play_all(m), 1); /* merge.list; it gives the same list */
    end();
}

/*
 * A sample found bad is left out of later runs, and tasks made without it hold; once its file
 * changes it is back, and its batch is read again.
 */
static void test_quarantine_lasts(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "damaged";
    begin();
    m->run.workflow.retries = 0;
    assert_int_equal(made_up_play(m, 0), PREFLIGHT_WORKS);
    made_up_phase(m, KUNI_PHASE_READS);
    const kuni_work *work = made_up_next(m, 0);
    kuni_job_result result = {.status = KUNI_DATA, .sample = 1, .text = text};
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_OK);
    assert_int_equal(made_up_play_on(m), READS_WORKS);
    made_up_fix_columns(m);
    assert_int_equal(made_up_play(m, KUNI_PHASE_JOINT), LATE_WORKS);
    assert_int_equal(m->run.n_columns, 6);
    again();
    assert_int_equal(m->ledger.samples.n_quarantined, 1);
    assert_string_equal(m->ledger.samples.list[0].reason, "damaged");
    assert_string_equal(m->ledger.samples.list[0].where, "call chr1-0-500");
    assert_int_equal(made_up_play_all(m), 0);
    made_up_word(1, "mended");
    again();
    assert_int_equal(m->ledger.samples.n_quarantined, 0);
    assert_int_equal(made_up_play(m, 0), 1);
    assert_int_equal(kuni_past_read_tasks(&m->past, "ds/journal", NULL, NULL, &err), KUNI_OK);
    assert_int_equal(made_up_play(m, KUNI_PHASE_READS), 4);
    end();
}

/* --retry-quarantined writes a record that makes those before it void. */
static void test_forgotten(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            kuni_journal_add(m->journal,
                             json_pack("{ss ss sI sI ss ss}", "t", "bad", "id", i ? "S2" : "S1",
                                       "z", (json_int_t)m->ledger.samples.signatures[i + 1].bytes,
                                       "m",
                                       (json_int_t)m->ledger.samples.signatures[i + 1].mtime_ns,
                                       "why", "old", "n", "call"),
                             &err),
            KUNI_OK);
        if (i == 0)
            assert_int_equal(kuni_journal_add(m->journal, json_pack("{ss}", "t", "forget"), &err),
                             KUNI_OK);
    }
    again();
    assert_int_equal(m->past.n_bad, 1);
    assert_int_equal(m->ledger.samples.n_quarantined, 1);
    assert_int_equal(m->ledger.samples.list[0].sample, 2);
    assert_string_equal(m->ledger.samples.list[0].where, "call");
    end();
}

/* Reads that were moved to an archive: the signature last seen stands in for the file. */
static void test_archived(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    json_t *list = json_array();
    for (size_t i = 3; i < 5; i++) {
        char hex[KUNI_DIGEST_HEX_BYTES];
        kuni_hash_print(&m->ledger.samples.digests[i], hex);
        assert_int_equal(
            json_array_append_new(
                list, json_pack("[IIs]", (json_int_t)m->ledger.samples.signatures[i].bytes,
                                (json_int_t)m->ledger.samples.signatures[i].mtime_ns, hex)),
            0);
    }
    assert_int_equal(
        kuni_journal_add(m->journal, json_pack("{ss ss so}", "t", "signs", "b", "b0001", "v", list),
                         &err),
        KUNI_OK);
    assert_int_equal(remove("s3.g.vcf"), 0);
    assert_int_equal(remove("s4.g.vcf"), 0);
    assert_int_equal(remove("s5.g.vcf"), 0); /* of this one nothing is known */
    again();
    assert_true(m->ledger.samples.gone[3] && m->ledger.samples.gone[5]);
    assert_true(m->ledger.samples.signatures[3].bytes > 0);
    assert_int_equal(m->ledger.samples.signatures[5].bytes, -1);
    assert_int_equal(made_up_play(m, 0), 1); /* its batch is looked at again */
    assert_int_equal(kuni_past_read_tasks(&m->past, "ds/journal", NULL, NULL, &err), KUNI_OK);
    assert_int_equal(made_up_play(m, KUNI_PHASE_READS), 4);
    end();
}

/* A preflight that found faults is done again: they may have been mended beside the file. */
static void test_preflight_with_faults(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_job_result result;
    begin();
    const kuni_work *work = made_up_next(m, 0);
    made_up_result(m, work, &result);
    char *report = NULL;
    {
        kuni_arena_clear(m->ledger.arena);
        report = strdup(kuni_run_output(&m->run, m->ledger.arena, 0, 0, -1, 0,
                                        kuni_hash_short(&work->parts[0].key), NULL));
    }
    fixture_write(report, "0\t65\tS0: no index\n");
    struct stat st;
    assert_int_equal(stat(report, &st), 0);
    result.outputs[0].bytes = (uint64_t)st.st_size;
    result.outputs[0].mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    assert_int_equal(kuni_digest_file(report, result.outputs[0].digest, &err), KUNI_OK);
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_OK);
    kuni_job_result_fini(&result);
    again();
    assert_int_equal(made_up_play(m, 0), 3);
    free(report);
    end();
}

/* Records of what this workflow does not have, and such as no version wrote, are passed over. */
static void test_foreign_records(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    static const char key[] = "0000000000000001000000000000000000000000000000000000000000000001";
    begin();
    json_t *const records[] = {
        json_pack("{si}", "t", 1),
        json_pack("{ss}", "t", "unheard of"),
        json_pack("{ss ss}", "t", "task", "n", "call"),
        json_pack("{ss ss ss}", "t", "task", "n", "dropped", "k", key),
        json_pack("{ss ss ss}", "t", "task", "n", "call", "k", key),
        json_pack("{ss ss ss ss}", "t", "task", "n", "joint", "k", key, "s", "chr9-0-5"),
        json_pack("{ss ss ss ss}", "t", "task", "n", "joint", "k", key, "b", "b0000"),
        json_pack("{ss ss ss ss}", "t", "task", "n", "joint", "k", "short", "s", "chr1-0-500"),
        json_pack("{ss ss ss ss s[]}", "t", "task", "n", "joint", "k", key, "s", "chr1-0-500", "o"),
        json_pack("{ss ss ss ss s[[iis]]}", "t", "task", "n", "joint", "k", key, "s", "chr1-0-500",
                  "o", 1, 2, "no digest"),
        json_pack("{ss ss}", "t", "bad", "id", "S99"),
        json_pack("{ss}", "t", "bad"),
        json_pack("{ss ss}", "t", "signs", "b", "b0009"),
        json_pack("{ss ss s[]}", "t", "signs", "b", "b0000", "v"),
        json_pack("{ss ss}", "t", "file", "p", "/nowhere"),
    };
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        assert_int_equal(kuni_journal_add(m->journal, records[i], &err), KUNI_OK);
    again();
    assert_int_equal(m->past.n_stored, 0);
    assert_int_equal(m->past.n_bad, 0);
    assert_int_equal(m->past.known_files.n, 0);
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    end();
}

static void test_damaged_line(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    begin();
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    made_up_stop(m);
    assert_int_equal(kuni_file_get("ds/journal", 1 << 20, &text, &err), KUNI_OK);
    char *joint = strstr(text.data, "\"n\":\"joint\"");
    assert_non_null(joint);
    joint[6] = 'J';
    fixture_put("ds/journal", text.data, text.length);
    kuni_buffer_fini(&text);
    made_up_start(m, 2);
    assert_int_equal(m->past.damaged_lines, 1);
    assert_int_equal(made_up_play_all(m), 1);
    end();
}

/* A large journal is read in groups, and between them the others are told that one lives. */
static kuni_status count_pauses(void *context, kuni_error *err)
{
    (void)err;
    ++*(int *)context;
    return KUNI_OK;
}

static kuni_status stop_at_pause(void *context, kuni_error *err)
{
    (void)context;
    return kuni_fail(err, KUNI_AGAIN, "stop");
}

static void test_pauses(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    int pauses = 0;
    begin();
    assert_int_equal(kuni_past_read_tasks(&m->past, "ds/journal", count_pauses, &pauses, &err),
                     KUNI_OK);
    assert_int_equal(pauses, 0); /* nothing there to read */
    assert_int_equal(made_up_play_all(m), ALL_WORKS);
    again();
    assert_int_equal(kuni_past_read_tasks(&m->past, "ds/journal", count_pauses, &pauses, &err),
                     KUNI_OK);
    assert_int_equal(pauses, 1);
    again();
    assert_int_equal(kuni_past_read_tasks(&m->past, "ds/journal", stop_at_pause, NULL, &err),
                     KUNI_AGAIN);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_left),     cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_output_lost),      cmocka_unit_test(test_output_touched),
        cmocka_unit_test(test_sample_changed),   cmocka_unit_test(test_parameter_changed),
        cmocka_unit_test(test_quarantine_lasts), cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_archived),         cmocka_unit_test(test_preflight_with_faults),
        cmocka_unit_test(test_foreign_records),  cmocka_unit_test(test_damaged_line),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
