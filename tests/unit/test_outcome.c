/* SPDX-License-Identifier: MIT */
/*
 * What follows from the end of a piece of work: records, other tries, quarantine, failures, losses.
 */
#include "fixture.h"

#include <signal.h>

#include "clock.h"

#include "made_up.h"

static made_up *m;

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    made_up_files();
    m = malloc(sizeof(*m));
    return m ? 0 : -1;
}

static int leave(void **state)
{
    free(m);
    return fixture_leave(state);
}

/* All stages, in the reads phase. */
static void begin(size_t n_lanes)
{
    (void)remove("ds/journal");
    made_up_open(m);
    made_up_plan(m, 4);
    made_up_start(m, n_lanes);
    made_up_phase(m, KUNI_PHASE_READS);
}

static void end(void)
{
    made_up_stop(m);
    made_up_close(m);
}

/* The journal as text, checksums cut off; to be freed. */
static char *journal_text(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer raw = KUNI_BUFFER_INIT, text = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_journal_flush(m->journal, 0, &err), KUNI_OK);
    assert_int_equal(kuni_file_get("ds/journal", 1 << 20, &raw, &err), KUNI_OK);
    char *save = NULL;
    assert_int_equal(kuni_buffer_append(&text, "", 0, &err), KUNI_OK);
    for (char *line = raw.length ? strtok_r(raw.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        assert_int_equal(kuni_buffer_printf(&text, &err, "%s\n", line + 9), KUNI_OK);
    kuni_buffer_fini(&raw);
    return text.data;
}

static bool journal_says(const char *words)
{
    char *text = journal_text();
    bool found = strstr(text, words) != NULL;
    free(text);
    return found;
}

/* Ends the only order under way like that. */
static kuni_status conclude(const kuni_job_result *result, kuni_error *err)
{
    assert_int_equal(m->orders.n, 1);
    return kuni_outcome(&m->orders, m->orders.list[0].work.id, result, err);
}

static kuni_job_result failed(kuni_status status, int64_t sample, char *text)
{
    return (kuni_job_result){.status = status, .sample = sample, .text = text};
}

/* --- success --- */

static void test_record(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin(1);
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(m->lanes.list[0].outstanding, 1);
    assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    assert_int_equal(m->lanes.list[0].outstanding, 0);
    assert_int_equal(made_up_state(m, "call", 0, 0), KUNI_TASK_DONE);
    assert_int_equal(made_up_state(m, "tally.reads", 0, 0), KUNI_TASK_DONE);
    assert_true(journal_says("{\"t\":\"task\",\"n\":\"call\",\"k\":\""));
    assert_true(journal_says("\"s\":\"chr1-0-500\",\"b\":\"b0000\",\"o\":[["));
    assert_true(journal_says("\"of\":2,\"cpu\":1.5,\"wall\":2.0,\"rss\":1048576,"));
    assert_false(journal_says("skip"));
    end();
}

/* An optional output that was not written is null in the record, and no file of its name counts. */
static void test_optional_output(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_job_result result;
    begin(1);
    (void)made_up_play(m, KUNI_PHASE_READS);
    made_up_fix_columns(m);
    made_up_phase(m, KUNI_PHASE_JOINT);
    size_t list = made_up_node(m, "merge.list");
    const kuni_work *work;
    while ((work = made_up_next(m, 0)) && work->parts[0].node != list)
        assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    assert_non_null(work);
    made_up_result(m, work, &result);
    assert_int_equal(result.n_outputs, 2);
    result.outputs[1].present = false;
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    kuni_job_result_fini(&result);
    assert_true(journal_says("],null]"));
    assert_true(m->ledger.finals[list * KUNI_PLAN_OUTPUTS_MAX].bytes > 0);
    assert_int_equal(m->ledger.finals[list * KUNI_PLAN_OUTPUTS_MAX + 1].bytes, -1);
    end();
}

static void test_foreign_results(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin(1);
    const kuni_work *work = made_up_next(m, 0);
    kuni_job_result result = failed(KUNI_IO, -1, NULL);
    assert_int_equal(kuni_outcome(&m->orders, work->id + 1, &result, &err), KUNI_BUG);
    kuni_error_clear(&err);
    result.sample = MADE_UP_SAMPLES;
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_BUG);
    kuni_error_clear(&err);
    kuni_bad_sample bad = {.sample = MADE_UP_SAMPLES, .status = KUNI_DATA};
    result = (kuni_job_result){.sample = -1, .bad = &bad, .n_bad = 1};
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_BUG);
    kuni_error_clear(&err);
    kuni_job_output out = {.present = true, .digest = "no digest"};
    result = (kuni_job_result){.sample = -1, .outputs = &out, .n_outputs = 1};
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_BUG);
    end();
}

/* --- failure and other tries --- */

/* A failure that is no sample's is tried `retries` times more, then it stands. */
static void test_retries(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "stage call: no space left";
    const kuni_job_result result = failed(KUNI_IO, -1, text);
    begin(1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m->orders.n_failures, 0);
        assert_non_null(made_up_next(m, 0));
        assert_int_equal(conclude(&result, &err), KUNI_OK);
    }
    assert_int_equal(m->orders.n_failures, 1);
    assert_int_equal(m->orders.failures[0].status, KUNI_IO);
    /* the task's name says the stage already */
    assert_string_equal(m->orders.failures[0].text, "call chr1-0-500 b0000: no space left");
    assert_int_equal(made_up_state(m, "call", 0, 0), KUNI_TASK_FAILED);
    assert_false(journal_says("\"t\":\"task\""));
    end();
}

/* Another try waits, each time longer; what else there is to do is done meanwhile. */
static void test_pauses(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "stale file handle";
    const kuni_job_result result = failed(KUNI_IO, -1, text);
    begin(1);
    m->orders.pause_ms = 50;
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(work->batch, 0);
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    work = made_up_next(m, 0);
    assert_int_equal(work->batch, 1);
    assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    kuni_sleep_ms(60);
    work = made_up_next(m, 0);
    assert_int_equal(work->batch, 0);
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    int64_t left = m->orders.troubles[0].not_before_ms - kuni_now_ms();
    assert_in_range(left, 100, 200);
    end();
}

/* An outage that nobody saw as one: samples are left out of the run one after the other. */
static void test_many_left_out(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "stale file handle";
    const kuni_job_result result = failed(KUNI_IO, 0, text);
    begin(1);
    m->run.workflow.retries = 0;
    m->orders.left_out_in_row = 19;
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "20 samples in a row"));
    kuni_error_clear(&err);
    end();
    begin(1);
    m->orders.left_out_in_row = 19;
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    assert_int_equal(m->orders.left_out_in_row, 0);
    end();
}

/* A task that was killed by the run itself is not at fault, however often. */
static void test_killed_by_the_run(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_job_result result = failed(KUNI_AGAIN, -1, NULL);
    begin(1);
    for (int i = 0; i < 10; i++) {
        assert_non_null(made_up_next(m, 0));
        assert_int_equal(conclude(&result, &err), KUNI_OK);
    }
    assert_int_equal(m->orders.n_failures, 0);
    assert_true(kuni_orders_retry_waits(&m->orders));
    kuni_orders_phase(&m->orders, KUNI_PHASE_JOINT); /* troubles are of one phase */
    assert_false(kuni_orders_retry_waits(&m->orders));
    end();
}

/* Everything fails: the run stops before every task has said so; one that goes well counts anew. */
static void test_many_failures_in_a_row(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "disk full";
    const kuni_job_result result = failed(KUNI_IO, -1, text);
    begin(1);
    m->run.workflow.retries = 0;
    kuni_status status = KUNI_OK;
    for (int i = 0; i < 4; i++) {
        assert_non_null(made_up_next(m, 0));
        assert_int_equal(conclude(&result, &err), KUNI_OK);
    }
    assert_int_equal(m->orders.failures_in_row, 4);
    const kuni_work *well = made_up_next(m, 0);
    assert_int_equal(made_up_end_well(m, well->id, &err), KUNI_OK);
    assert_int_equal(m->orders.failures_in_row, 0);
    size_t more = 0;
    for (; !status && made_up_next(m, 0); more++) status = conclude(&result, &err);
    assert_int_equal(status, KUNI_IO);
    assert_int_equal(more, 8 + 2 * 1);
    assert_non_null(strstr(err.text, "10 tasks in a row have failed"));
    end();
}

/* --- quarantine --- */

static const kuni_quarantined *only_quarantined(void)
{
    assert_int_equal(m->ledger.samples.n_quarantined, 1);
    return &m->ledger.samples.list[0];
}

/*
 * A task that fails on a sample: tried again, then done without the sample, whose file is to blame.
 */
static void test_sample_to_blame(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "sample S1: s1.g.vcf is damaged";
    const kuni_job_result result = failed(KUNI_DATA, 1, text);
    begin(1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m->ledger.samples.n_quarantined, 0);
        assert_non_null(made_up_next(m, 0));
        assert_int_equal(conclude(&result, &err), KUNI_OK);
    }
    const kuni_quarantined *q = only_quarantined();
    assert_int_equal(q->sample, 1);
    assert_int_equal(q->verdict, KUNI_VERDICT_LASTS);
    assert_string_equal(q->reason, "s1.g.vcf is damaged");
    assert_string_equal(q->where, "call chr1-0-500");
    assert_true(journal_says("{\"t\":\"bad\",\"id\":\"S1\",\"z\":5,"));
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(work->n_skip, 1);
    assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    assert_true(journal_says("\"skip\":[\"S1\"]"));
    assert_int_equal(m->orders.n_failures, 0);
    end();
}

/* A crash or a file out of reach is no verdict: the sample is left out, but nothing is written. */
static void test_no_verdict(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "crashed";
    begin(1);
    m->run.workflow.retries = 0;
    kuni_job_result result = failed(KUNI_BUG, 0, text);
    result.crashed = true;
    result.signal = SIGSEGV;
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    assert_int_equal(only_quarantined()->verdict, KUNI_VERDICT_THIS_RUN);
    result = failed(KUNI_IO, 1, text);
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    assert_int_equal(m->ledger.samples.list[1].verdict, KUNI_VERDICT_THIS_RUN);
    assert_false(journal_says("\"t\":\"bad\""));
    end();
}

/*
 * Killed from outside, for want of memory: no sample's fault, though one was under way; killed for
 * its silence: the sample's.
 */
static void test_killed_from_outside(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "killed";
    begin(1);
    m->run.workflow.retries = 0;
    kuni_job_result result = failed(KUNI_BUG, 0, text);
    result.crashed = true;
    result.signal = SIGKILL;
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    assert_int_equal(m->ledger.samples.n_quarantined, 0);
    assert_int_equal(m->orders.n_failures, 1);
    assert_int_equal(m->orders.failures[0].status, KUNI_MEMORY);
    result.timed_out = true;
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_OK);
    assert_int_equal(only_quarantined()->sample, 0);
    end();
}

/*
 * Samples that a reads task dropped by itself: damaged ones at once, out-of-reach ones after
 * another look.
 */
static void test_dropped_samples(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_job_result result;
    begin(1);
    for (int i = 0; i < 3; i++) {
        const kuni_work *work = made_up_next(m, 0);
        assert_int_equal(work->shard, 0);
        assert_int_equal(work->batch, 0);
        assert_int_equal(m->ledger.samples.n_quarantined, 0);
        made_up_result(m, work, &result);
        result.bad = kuni_alloc(2, sizeof(kuni_bad_sample), &err);
        assert_non_null(result.bad);
        result.bad[0] = (kuni_bad_sample){.sample = 0, .status = KUNI_DATA, .reason = strdup("d")};
        result.bad[1] = (kuni_bad_sample){.sample = 2, .status = KUNI_IO, .reason = strdup("i")};
        result.n_bad = 2;
        assert_int_equal(conclude(&result, &err), KUNI_OK);
        kuni_job_result_fini(&result);
    }
    assert_int_equal(m->ledger.samples.n_quarantined, 2);
    assert_int_equal(m->ledger.samples.list[0].verdict, KUNI_VERDICT_LASTS);
    assert_int_equal(m->ledger.samples.list[1].verdict, KUNI_VERDICT_THIS_RUN);
    assert_int_equal(made_up_state(m, "call", 0, 0), KUNI_TASK_DONE);
    assert_true(journal_says("\"drop\":[\"S0\",\"S2\"]"));
    end();
}

/* Two tasks fail on the same sample at once: the second is done again, not counted against it. */
static void test_found_bad_meanwhile(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "damaged";
    const kuni_job_result result = failed(KUNI_DATA, 0, text);
    begin(2);
    m->run.workflow.retries = 0;
    uint64_t first = made_up_next(m, 0)->id, second = made_up_next(m, 1)->id;
    assert_int_equal(kuni_outcome(&m->orders, first, &result, &err), KUNI_OK);
    assert_int_equal(kuni_outcome(&m->orders, second, &result, &err), KUNI_OK);
    assert_int_equal(m->ledger.samples.n_quarantined, 1);
    assert_int_equal(m->orders.n_failures, 0);
    assert_int_equal(m->orders.n_troubles, 2);
    /* one that knew of it and fails all the same has failed */
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(work->n_skip, 1);
    assert_int_equal(kuni_outcome(&m->orders, work->id, &result, &err), KUNI_OK);
    assert_int_equal(m->orders.n_failures, 1);
    end();
}

static void test_abort_on_sample(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "S0: damaged";
    const kuni_job_result result = failed(KUNI_DATA, 0, text);
    begin(1);
    m->run.workflow.quarantine = false;
    m->run.workflow.retries = 0;
    assert_non_null(made_up_next(m, 0));
    assert_int_equal(conclude(&result, &err), KUNI_DATA);
    assert_string_equal(err.text, "sample S0: damaged (on_error.sample is abort)");
    end();
}

/* Columns are fixed in the last phase: the run ends, and the next begins without the sample. */
static void test_late_quarantine(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "too late";
    begin(1);
    (void)made_up_play(m, KUNI_PHASE_READS);
    made_up_fix_columns(m);
    made_up_phase(m, KUNI_PHASE_JOINT);
    const kuni_work *work = made_up_next(m, 0);
    assert_int_equal(work->parts[0].node, made_up_node(m, "tally.batch"));
    kuni_bad_sample bad = {.sample = 1, .status = KUNI_DATA, .reason = text};
    const kuni_job_result result = {.sample = -1, .bad = &bad, .n_bad = 1};
    assert_int_equal(conclude(&result, &err), KUNI_AGAIN);
    assert_true(journal_says("\"t\":\"bad\",\"id\":\"S1\""));
    end();
}

/* --- lost ranks --- */

/* What a lost rank had in advance was not its end; what it ran three times, was. */
static void test_losses(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin(1);
    for (int i = 0; i < 4; i++) {
        /* which of the two was in advance the first time comes first from then on */
        assert_int_equal(made_up_next(m, 0)->batch, i == 0 ? 0 : 1);
        assert_int_equal(made_up_next(m, 0)->batch, i == 0 ? 1 : 0);
        assert_int_equal(m->lanes.list[0].outstanding, 2);
        assert_int_equal(m->orders.n_failures, 0);
        assert_int_equal(kuni_outcome_lost(&m->orders, 0, &err), KUNI_OK);
        assert_int_equal(m->lanes.list[0].outstanding, 0);
        assert_int_equal(m->orders.n, 0);
    }
    /* the one that ran when it happened, three times: both of its parts */
    assert_int_equal(m->orders.n_failures, 2);
    assert_non_null(strstr(m->orders.failures[0].text, "every rank that ran it was killed"));
    assert_int_equal(made_up_state(m, "call", 0, 0), KUNI_TASK_RUNNING);
    assert_int_equal(made_up_state(m, "call", 0, 1), KUNI_TASK_FAILED);
    assert_int_equal(made_up_state(m, "tally.reads", 0, 1), KUNI_TASK_FAILED);
    end();
}

/* --- the preflight's report --- */

static void write_report(size_t batch, const char *text)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_arena_clear(m->ledger.arena);
    const char *path = kuni_run_output(&m->run, m->ledger.arena, KUNI_PLAN_PREFLIGHT, 0, -1,
                                       (int64_t)batch, m->ledger.table.nodes[0].key[batch], &err);
    assert_non_null(path);
    assert_int_equal(kuni_file_put(path, text, strlen(text), &err), KUNI_OK);
}

static void test_preflight(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    size_t n;
    begin(1);
    assert_int_equal(made_up_play(m, 0), 3);
    write_report(0, "1\t65\tS1: s1.g.vcf is cut off\n2\t74\tcannot read it\n");
    write_report(2, "5\t65\tS5: no index\n");
    m->ledger.samples.gone[5] = 1; /* known from before: old batches need no reads */
    assert_int_equal(kuni_outcome_preflight(&m->ledger, &faults, &n, &err), KUNI_OK);
    assert_int_equal(n, 2);
    assert_string_equal(faults.data, "quarantined sample S1: s1.g.vcf is cut off\n"
                                     "left out sample S2 of this run: cannot read it\n");
    assert_int_equal(m->ledger.samples.n_quarantined, 2);
    assert_string_equal(m->ledger.samples.list[0].where, "preflight");
    static const char *const foreign[] = {"no number\n", "3\t65\tof another batch\n", "1\t65\n"};
    for (size_t i = 0; i < 3; i++) {
        write_report(0, foreign[i]);
        assert_int_equal(kuni_outcome_preflight(&m->ledger, &faults, &n, &err), KUNI_BUG);
        kuni_error_clear(&err);
    }
    kuni_buffer_fini(&faults);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_optional_output),
        cmocka_unit_test(test_foreign_results),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_many_left_out),
        cmocka_unit_test(test_killed_by_the_run),
        cmocka_unit_test(test_many_failures_in_a_row),
        cmocka_unit_test(test_sample_to_blame),
        cmocka_unit_test(test_no_verdict),
        cmocka_unit_test(test_killed_from_outside),
        cmocka_unit_test(test_dropped_samples),
        cmocka_unit_test(test_found_bad_meanwhile),
        cmocka_unit_test(test_abort_on_sample),
        cmocka_unit_test(test_late_quarantine),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_preflight),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
