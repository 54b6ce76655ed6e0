/* SPDX-License-Identifier: MIT */
/*
 * Whole runs of the coordinator in a single process, over the made-up dataset, with its stages in
 * forked children: who is in the result, what ends a run, and what the next one does.
 */
#include "fixture.h"

#include <signal.h>
#include <sys/stat.h>

#include "compaction.h"
#include "coordinator.h"
#include "executor.h"
#include "made_up.h"
#include "publish.h"
#include "seals.h"
#include "unseal.h"

static made_up *m;
static kuni_coordinator *c;

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    m = malloc(sizeof(*m));
    c = malloc(sizeof(*c));
    return m && c ? 0 : -1;
}

static int leave(void **state)
{
    free(m);
    free(c);
    return fixture_leave(state);
}

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void fresh(void)
{
    shell("rm -rf ds *.g.vcf r.fa*");
    made_up_files();
}

/* What the run found; the coordinator's own is gone after it. */
static struct {
    size_t done, reused, quarantined, failures;
    int64_t columns, dropped, call_tasks, call_bytes;
    double call_cpu_s;
} seen;

/* The call step's seal of a batch is given up at the end of the run; -1: of none. */
static int given_up = -1;

/* A run with what `change` makes of it; published where it ended well. */
static kuni_status run(void (*change)(void), kuni_error *err)
{
    kuni_lock *lock = NULL;
    kuni_journal *journal = NULL;
    kuni_progress *progress = NULL;
    made_up_open(m);
    m->run.workflow.retries = 0;
    if (change) change();
    made_up_plan(m, 4);
    assert_int_equal(kuni_lock_take(&lock, "ds", 0, err), KUNI_OK);
    m->run.epoch = kuni_lock_epoch(lock);
    assert_int_equal(kuni_journal_open(&journal, "ds/journal", err), KUNI_OK);
    assert_int_equal(kuni_progress_new(&progress, "ds", "made up", m->run.epoch, true, err),
                     KUNI_OK);
    kuni_status status =
        kuni_coordinator_init(c, &m->run, lock, journal, progress, "ds/journal", err);
    if (!status) status = kuni_coordinator_run(c, err);
    if (!status) {
        int64_t generation;
        bool changed;
        assert_int_equal(kuni_publish(&c->ledger, &generation, &changed, err), KUNI_OK);
    }
    memset(&seen, 0, sizeof(seen));
    if (!status)
        assert_int_equal(
            kuni_compaction(&c->ledger, &c->past, journal, "ds/journal", &seen.dropped, err),
            KUNI_OK);
    if (given_up >= 0)
        assert_int_equal(
            kuni_unseal(&c->ledger, made_up_node(m, "call"), (size_t)given_up, journal, err),
            KUNI_OK);
    if (c->past.history) {
        const kuni_node_history *call = &c->past.history[made_up_node(m, "call")];
        seen.call_tasks = call->tasks;
        seen.call_bytes = call->bytes;
        seen.call_cpu_s = call->cpu_s;
    }
    for (size_t i = 0; c->ledger.table.nodes && i < m->run.plan.n_nodes; i++) {
        seen.done += c->ledger.table.nodes[i].done;
        seen.reused += c->ledger.table.nodes[i].reused;
    }
    seen.quarantined = c->ledger.samples.n_quarantined;
    seen.failures = c->orders.n_failures;
    seen.columns = m->run.n_columns;
    kuni_coordinator_fini(c);
    kuni_progress_free(progress);
    kuni_error ignored = KUNI_ERROR_INIT;
    assert_int_equal(kuni_journal_close(journal, &ignored), KUNI_OK);
    kuni_lock_release(lock);
    made_up_close(m);
    return status;
}

static void expect_run(void (*change)(void))
{
    kuni_error err = KUNI_ERROR_INIT;
    if (run(change, &err)) fail_msg("%s", err.text);
}

static void expect_failure(void (*change)(void), kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = run(change, &err);
    assert_int_equal(status, expected);
    if (!strstr(err.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

/* What is published: the words of a shard's samples, three shards alike. */
static void expect_result(const char *shard)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT, wanted = KUNI_BUFFER_INIT;
    for (int i = 0; i < 3; i++)
        assert_int_equal(kuni_buffer_append(&wanted, shard, strlen(shard), &err), KUNI_OK);
    assert_int_equal(kuni_file_get("ds/current/all.txt", 1 << 20, &text, &err), KUNI_OK);
    assert_string_equal(text.data, wanted.data);
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&wanted);
}

enum { TASKS = 3 + 9 + 12 + 3 + 3 + 1 + 1 }; /* of all nodes, without those that are absent */

static const char all_of_them[] =
    "S0 word0\nS1 word1\nS2 word2\nS3 word3\nS4 word4\nS5 word5\nS6 word6\n";

static void several_jobs(void)
{
    m->options.jobs = 3;
}

static void test_run(void **state)
{
    (void)state;
    fresh();
    expect_run(several_jobs);
    assert_int_equal(seen.done, TASKS);
    assert_int_equal(seen.reused, 0);
    assert_int_equal(seen.columns, 7);
    expect_result(all_of_them);
    struct stat st;
    assert_int_equal(stat("ds/logs/reads", &st), 0);
    /* All batches are sealed: no preflight looks at their files, and what becomes of these is no matter. */
    expect_run(NULL);
    assert_int_equal(seen.done, TASKS - MADE_UP_BATCHES);
    assert_int_equal(seen.reused, TASKS - MADE_UP_BATCHES);
    made_up_word(6, "other");
    shell("rm s2.g.vcf");
    expect_run(NULL);
    assert_int_equal(seen.reused, TASKS - MADE_UP_BATCHES);
    expect_result(all_of_them);
}

/*
 * A file that turns out to be damaged, one that the preflight refuses, one that ends the process:
 * each costs its sample.
 */
static void test_bad_samples(void **state)
{
    (void)state;
    fresh();
    made_up_word(1, "bad");
    made_up_word(3, "missing");
    made_up_word(5, "crash");
    expect_run(NULL);
    assert_int_equal(seen.quarantined, 3);
    assert_int_equal(seen.columns, 4);
    expect_result("S0 word0\nS2 word2\nS4 word4\nS6 word6\n");
    /* verdicts last; a crash is none, and is tried again */
    made_up_word(5, "word5");
    expect_run(NULL);
    assert_int_equal(seen.quarantined, 2);
    expect_result("S0 word0\nS2 word2\nS4 word4\nS5 word5\nS6 word6\n");
}

/* A batch is sealed without who was bad; other bytes under the name change nothing in it. */
static void test_sealed_without(void **state)
{
    (void)state;
    fresh();
    made_up_word(1, "bad");
    expect_run(NULL);
    assert_int_equal(seen.columns, 6);
    assert_int_equal(m->people[1].state, KUNI_PERSON_QUARANTINED);
    made_up_word(1, "fit");
    expect_run(NULL);
    assert_int_equal(seen.columns, 6);
    assert_int_equal(seen.reused, seen.done);
    expect_result("S0 word0\nS2 word2\nS3 word3\nS4 word4\nS5 word5\nS6 word6\n");
}

/* A file of a sealed batch is missing, or altered with its size kept: nothing is published. */
static void test_damaged_seal(void **state)
{
    (void)state;
    fresh();
    expect_run(NULL);
    shell("cp -rp ds kept");
    shell("f=$(ls ds/data/*/*/b0001.*.ev | head -n 1); mv $f gone");
    expect_failure(NULL, KUNI_IO, "missing, a file of a sealed batch (batch b0001");
    shell("f=$(ls kept/data/*/*/b0001.*.ev | head -n 1); f=ds/${f#kept/}; mv gone $f; printf x | "
          "dd of=$f conv=notrunc "
          "status=none");
    expect_failure(NULL, KUNI_IO, "altered or damaged, a file of a sealed batch (batch b0001");
    shell("rm -r ds; mv kept ds; sed -i 's/b/c/' ds/sealed/*/b0002.tsv");
    expect_failure(NULL, KUNI_IO, "the seal of a batch is damaged");
}

static size_t lines_with(const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t n = 0;
    assert_int_equal(kuni_file_get("ds/journal", 1 << 20, &text, &err), KUNI_OK);
    for (const char *at = text.data; (at = strstr(at, words)); at += strlen(words)) n++;
    kuni_buffer_fini(&text);
    return n;
}

/*
 * Once batches are sealed the journal has no line of their tasks, files and people, but that they are
 * sealed; what estimates need is the same as before.
 */
static void test_compacted(void **state)
{
    (void)state;
    fresh();
    made_up_word(1, "bad");
    expect_run(NULL);
    assert_true(seen.dropped >= 9 + 12 + 3);
    assert_int_equal(lines_with("\"n\":\"call\",\"k\""), 0);
    assert_int_equal(lines_with("\"b\":\"b0001\""), 3); /* two seals, and the step after */
    assert_int_equal(lines_with("\"t\":\"sealed\""), 2 * MADE_UP_BATCHES);
    assert_int_equal(lines_with("\"t\":\"signs\"") + lines_with("\"t\":\"bad\""), 0);
    assert_int_equal(lines_with("\"S1\""), 0);
    expect_run(NULL);
    assert_int_equal(seen.reused, seen.done);
    assert_int_equal(seen.dropped, 0);
    assert_int_equal(seen.call_tasks, 9);
    assert_true(seen.call_bytes > 100 && seen.call_cpu_s > 0);
    int64_t bytes = seen.call_bytes;
    /* Tasks that hold no more give way to those that do. */
    for (int i = 0; i < 8; i++) {
        made_up_word(1, i % 2 ? "fit" : "well");
        expect_run(several_jobs);
    }
    assert_int_equal(seen.call_tasks, 9);
    assert_int_equal(seen.call_bytes, bytes);
    expect_result("S0 word0\nS2 word2\nS3 word3\nS4 word4\nS5 word5\nS6 word6\n");
    /* A seal that is lost is noticed, though nothing else tells of the batch. */
    shell("rm ds/sealed/call/b0001.tsv");
    expect_failure(NULL, KUNI_IO, "sealed/call/b0001.tsv: missing");
}

/* A seal that is given up costs the files that are missing, and no task more. */
static void test_given_up(void **state)
{
    (void)state;
    fresh();
    made_up_word(1, "bad");
    expect_run(NULL);
    size_t all = seen.done;
    for (given_up = 0; given_up < 2; given_up++) {
        expect_run(NULL);
        assert_int_equal(seen.reused, all - MADE_UP_BATCHES);
        char command[128];
        snprintf(command, sizeof(command), "rm $(ls ds/data/call/*/b000%d.*.ev | head -n 1)",
                 given_up);
        shell(command);
        int left = given_up;
        given_up = -1;
        expect_run(NULL);
        given_up = left;
        /* the batch's preflight, for its reads are looked at again, and the file */
        assert_int_equal(seen.done - seen.reused, 2);
        expect_result("S0 word0\nS2 word2\nS3 word3\nS4 word4\nS5 word5\nS6 word6\n");
    }
    given_up = -1;
    expect_run(NULL);
    assert_int_equal(seen.reused, all - MADE_UP_BATCHES);
}

static void abort_on_sample(void)
{
    m->run.workflow.quarantine = false;
}

static void test_abort_on_sample(void **state)
{
    (void)state;
    fresh();
    made_up_word(3, "missing");
    expect_failure(abort_on_sample, KUNI_DATA, "1 samples cannot be used (see above)");
    made_up_word(3, "bad");
    expect_failure(abort_on_sample, KUNI_DATA, "sample S3: s3.g.vcf is damaged");
}

static void test_nobody_left(void **state)
{
    (void)state;
    fresh();
    for (size_t i = 0; i < MADE_UP_SAMPLES; i++) made_up_word(i, "missing");
    expect_failure(NULL, KUNI_DATA, "no sample is left: all 7 are quarantined");
}

static void nobody(void)
{
    for (size_t i = 0; i < MADE_UP_SAMPLES; i++) m->samples[i].reads = NULL;
    m->run.cohort.n_without = MADE_UP_SAMPLES;
}

static void test_nobody_at_all(void **state)
{
    (void)state;
    fresh();
    expect_failure(nobody, KUNI_USAGE, "the cohort m.tsv has no samples");
}

static void one_may_be_missing(void)
{
    m->run.workflow.max_quarantined = 1;
    m->run.workflow.max_quarantined_share = false;
}

static void five_percent(void)
{
    m->run.workflow.max_quarantined = 500;
}

static void none_may_be_missing(void)
{
    m->run.workflow.max_quarantined = 0;
}

/* A run that would miss too many of its new samples publishes nothing, and finds out early. */
static void test_too_many_missing(void **state)
{
    (void)state;
    struct stat st;
    fresh();
    made_up_word(1, "afar");
    made_up_word(3, "afar");
    expect_failure(one_may_be_missing, KUNI_DATA, "2 of 7 new samples would be missing");
    expect_failure(five_percent, KUNI_DATA, "one is S1: is afar");
    assert_int_not_equal(stat("ds/current", &st), 0);
    made_up_word(3, "word3");
    expect_failure(none_may_be_missing, KUNI_DATA, "1 of 7 new samples");
    expect_run(five_percent); /* one of a small cohort always may */
    /* of what is published already no one is new */
    made_up_word(1, "word1");
    expect_run(one_may_be_missing);
    assert_int_equal(seen.columns, 7);
    /* and what becomes of the reads of sealed batches is no matter */
    made_up_word(1, "bad");
    made_up_word(3, "bad");
    expect_run(one_may_be_missing);
    assert_int_equal(seen.columns, 7);
}

static void recall_all(void)
{
    m->options.recall = true;
}

/* A step after the columns were fixed finds a sample bad: the run ends, the same command goes on. */
static void test_late(void **state)
{
    (void)state;
    fresh();
    made_up_word(2, "late");
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = run(NULL, &err);
    /* a batch step's errors are the task's: it fails, and with it what needs it */
    assert_int_equal(status, KUNI_DATA);
    assert_int_equal(seen.failures, 1);
    assert_non_null(strstr(err.text, "1 task failed: tally.batch b0000: S2: late"));
    /* its batch is sealed by then: other reads are looked at by a recall only */
    made_up_word(2, "word2");
    expect_failure(NULL, KUNI_DATA, "S2: late");
    expect_run(recall_all);
    expect_result(all_of_them);
}

static void two_late(void)
{
    m->options.jobs = 2;
}

static void test_several_failures(void **state)
{
    (void)state;
    fresh();
    made_up_word(2, "late");
    made_up_word(4, "later"); /* no two files are the same */
    expect_failure(two_late, KUNI_DATA, "2 tasks failed, the first: tally.batch b000");
}

/* Another run has taken over where locks are not kept. */
static void fence(void)
{
    shell("echo 'epoch 99 host elsewhere pid 1' >ds/lock");
}

static kuni_status run_fenced(kuni_error *err)
{
    kuni_lock *lock = NULL;
    kuni_journal *journal = NULL;
    kuni_progress *progress = NULL;
    made_up_open(m);
    made_up_plan(m, 4);
    assert_int_equal(kuni_lock_take(&lock, "ds", 0, err), KUNI_OK);
    fence();
    assert_int_equal(kuni_journal_open(&journal, "ds/journal", err), KUNI_OK);
    assert_int_equal(kuni_progress_new(&progress, "ds", "w", 1, true, err), KUNI_OK);
    assert_int_equal(kuni_coordinator_init(c, &m->run, lock, journal, progress, "ds/journal", err),
                     KUNI_OK);
    kuni_status status = kuni_coordinator_run(c, err);
    kuni_coordinator_fini(c);
    kuni_progress_free(progress);
    assert_int_equal(kuni_journal_close(journal, NULL), KUNI_OK);
    kuni_lock_release(lock);
    made_up_close(m);
    return status;
}

static void test_fence(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    fresh();
    assert_int_equal(run_fenced(&err), KUNI_AGAIN);
}

/* --- the executor --- */

static void test_executor(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_executor *e;
    kuni_job_result result;
    bool done = false;
    uint64_t id;
    fresh();
    made_up_open(m);
    made_up_plan(m, 4);
    made_up_start(m, 1);
    assert_int_equal(kuni_executor_new(&e, &m->run, 2, &err), KUNI_OK);
    assert_int_equal(kuni_executor_idle(e), 2);
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(kuni_executor_start(e, work, &err), KUNI_OK);
    assert_int_equal(kuni_executor_busy(e), 1);
    while (!done) assert_int_equal(kuni_executor_poll(e, &done, &id, &result, &err), KUNI_OK);
    assert_int_equal(id, work->id);
    assert_int_equal(result.status, KUNI_OK);
    assert_int_equal(result.n_outputs, 1);
    kuni_job_result_fini(&result);
    assert_int_equal(kuni_executor_idle(e), 2);
    assert_int_equal(kuni_executor_poll(e, &done, &id, &result, &err), KUNI_OK);
    assert_false(done);
    /* ended with work under way: that is killed */
    assert_int_equal(kuni_executor_start(e, work, &err), KUNI_OK);
    kuni_executor_free(e);
    kuni_executor_free(NULL);
    made_up_stop(m);
    made_up_close(m);
}

/* A work comes from another process: no number of it is taken on trust. */
static void test_unsound_work(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_executor *e;
    kuni_job_result result;
    fresh();
    made_up_open(m);
    made_up_plan(m, 4);
    assert_int_equal(kuni_executor_new(&e, &m->run, 1, &err), KUNI_OK);
    kuni_work_part part = {.node = 1}, foreign_part = {.node = 99};
    kuni_work_file files[] = {{.node = 99},
                              {.node = 1, .output = 1},
                              {.node = 1, .shard = 9},
                              {.node = 1, .shard = -2},
                              {.node = 1, .batch = 9},
                              {.node = 1, .batch = -2}};
    uint32_t nobody_known = MADE_UP_SAMPLES;
    kuni_work sound = {.parts = &part, .n_parts = 1};
    kuni_work works[13];
    for (size_t i = 0; i < 13; i++) works[i] = sound;
    works[0].n_parts = 0;
    works[1].shard = 9;
    works[2].shard = -2;
    works[3].batch = 9;
    works[4].batch = -2;
    works[5].parts = &foreign_part;
    for (size_t i = 0; i < 6; i++) {
        works[6 + i].files = &files[i];
        works[6 + i].n_files = 1;
    }
    works[12].skip = &nobody_known;
    works[12].n_skip = 1;
    for (size_t i = 0; i < 13; i++) {
        kuni_error_clear(&err);
        assert_int_equal(kuni_executor_start(e, &works[i], &err), KUNI_BUG);
        kuni_error_clear(&err);
        assert_int_equal(kuni_executor_together(&m->run, &works[i], &result, &err), KUNI_BUG);
        kuni_job_result_fini(&result);
    }
    kuni_executor_free(e);
    made_up_close(m);
}

/* --- at the end: signals stay asked for --- */

static void test_stopped(void **state)
{
    (void)state;
    fresh();
    kuni_stop_watch();
    assert_int_equal(raise(SIGTERM), 0);
    expect_failure(NULL, KUNI_AGAIN, "stopped by signal 15: run the same command to go on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_bad_samples),
        cmocka_unit_test(test_sealed_without),
        cmocka_unit_test(test_damaged_seal),
        cmocka_unit_test(test_compacted),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_abort_on_sample),
        cmocka_unit_test(test_nobody_left),
        cmocka_unit_test(test_nobody_at_all),
        cmocka_unit_test(test_too_many_missing),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_several_failures),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_executor),
        cmocka_unit_test(test_unsound_work),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
