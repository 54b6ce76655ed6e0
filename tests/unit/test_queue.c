/* SPDX-License-Identifier: MIT */
/* What comes next: which work a lane gets, in which order, and which it must wait for. */
#include "fixture.h"

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

static void begin(size_t n_stages, size_t n_lanes)
{
    (void)remove("ds/journal");
    made_up_open(m);
    made_up_plan(m, n_stages);
    made_up_start(m, n_lanes);
}

static void end(void)
{
    made_up_stop(m);
    made_up_close(m);
}

/* "call+tally.reads shard/batch" of a work; "-" for none. */
static const char *told(const kuni_work *work)
{
    static char text[256];
    size_t n = 0;
    if (!work) return "-";
    for (size_t i = 0; i < work->n_parts; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? "+" : "",
                              m->run.plan.nodes[work->parts[i].node].folder);
    (void)snprintf(text + n, sizeof(text) - n, " %d/%d", work->shard, work->batch);
    return text;
}

static void expect_next(int lane, const char *expected)
{
    assert_string_equal(told(made_up_next(m, lane)), expected);
}

static void end_all(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    while (m->orders.n)
        assert_int_equal(made_up_end_well(m, m->orders.list[0].work.id, &err), KUNI_OK);
}

/* The first order under way fails on its lane, in part `part`. */
static void fail_first(kuni_status why, size_t part)
{
    kuni_error err = KUNI_ERROR_INIT;
    char text[] = "it went wrong";
    const kuni_job_result result = {.status = why, .text = text, .sample = -1, .part = part};
    assert_int_equal(kuni_outcome(&m->orders, m->orders.list[0].work.id, &result, &err), KUNI_OK);
}

static void test_batches_in_order(void **state)
{
    (void)state;
    begin(4, 2);
    assert_int_equal(kuni_queue_left(&m->queue), 3);
    expect_next(0, "preflight -1/0");
    expect_next(1, "preflight -1/1");
    assert_int_equal(kuni_queue_left(&m->queue), 1);
    expect_next(1, "preflight -1/2");
    expect_next(0, "-");
    assert_int_equal(kuni_queue_left(&m->queue), 0);
    assert_false(kuni_queue_ended(&m->queue)); /* not while something is under way */
    end_all();
    assert_true(kuni_queue_ended(&m->queue));
    end();
}

/* A lane keeps to its shard; another goes to the shard with the most work left for each lane. */
static void test_lanes_keep_to_their_shard(void **state)
{
    (void)state;
    begin(4, 3);
    made_up_phase(m, KUNI_PHASE_READS);
    expect_next(0, "call+tally.reads 0/0");
    expect_next(1, "call+tally.reads 1/0"); /* as long as 0, and nobody there */
    expect_next(0, "call+tally.reads 0/1");
    expect_next(2, "tally.reads 3/0"); /* reads without a place count as a shard of mean length */
    expect_next(1, "call+tally.reads 1/1");
    expect_next(0, "call+tally.reads 0/2");
    expect_next(0, "call+tally.reads 2/0"); /* 0 is done with; the last that nobody is on */
    expect_next(2, "tally.reads 3/1");
    expect_next(1, "call+tally.reads 1/2");
    expect_next(1, "call+tally.reads 2/1"); /* more left than on 3 */
    expect_next(0, "call+tally.reads 2/2");
    expect_next(1, "tally.reads 3/2");
    for (int lane = 0; lane < 3; lane++) expect_next(lane, "-");
    for (int64_t shard = 0; shard < 4; shard++)
        for (int64_t batch = 0; batch < 3; batch++) {
            assert_int_equal(made_up_state(m, "tally.reads", shard, batch), KUNI_TASK_RUNNING);
            assert_int_equal(made_up_state(m, "call", shard, batch),
                             shard < 3 ? KUNI_TASK_RUNNING : KUNI_TASK_ABSENT);
        }
    end_all();
    assert_true(kuni_queue_ended(&m->queue));
    end();
}

/* The shard of a lane that is no more is as free as any other: else lane 1 would go to shard 1. */
static void test_lane_leaves(void **state)
{
    (void)state;
    begin(1, 2);
    made_up_phase(m, KUNI_PHASE_READS);
    expect_next(0, "call 0/0");
    kuni_queue_leave(&m->queue, 0);
    kuni_queue_leave(&m->queue, 0); /* again: no harm */
    expect_next(1, "call 0/1");
    expect_next(1, "call 0/2");
    expect_next(1, "call 1/0");
    end();
}

/* What is joined waits for all that it joins; heavier shards go first. */
static void test_waits_for_inputs(void **state)
{
    (void)state;
    begin(4, 1);
    assert_int_equal(made_up_play(m, 0), 3);
    assert_int_equal(made_up_play(m, KUNI_PHASE_READS), 12);
    made_up_fix_columns(m);
    made_up_phase(m, KUNI_PHASE_JOINT);
    assert_int_equal(kuni_queue_left(&m->queue), 3 + 3 + 1 + 1);
    expect_next(0, "tally.batch -1/0");
    expect_next(0, "tally.batch -1/1");
    expect_next(0, "tally.batch -1/2");
    expect_next(0, "-"); /* joint takes "qc" of all batches */
    end_all();
    expect_next(0, "joint 0/-1");
    assert_int_equal(m->orders.list[0].work.n_files, 3 + 3);
    expect_next(0, "joint 1/-1");
    expect_next(0, "joint 2/-1");
    expect_next(0, "-");
    end_all();
    expect_next(0, "merge.list -1/-1");
    expect_next(0, "-");
    end_all();
    expect_next(0, "merge.write -1/-1");
    end_all();
    assert_true(kuni_queue_ended(&m->queue));
    end();
}

/* A batch without anyone to read is not to be done, and nobody waits for it. */
static void test_withdrawn_batch(void **state)
{
    (void)state;
    (void)remove("ds/journal");
    made_up_open(m);
    m->samples[3].reads = m->samples[4].reads = NULL;
    m->run.cohort.n_without = 2;
    made_up_plan(m, 4);
    made_up_start(m, 2);
    assert_int_equal(made_up_state(m, "call", 0, 1), KUNI_TASK_ABSENT);
    assert_int_equal(made_up_state(m, "tally.reads", 3, 1), KUNI_TASK_ABSENT);
    assert_int_equal(made_up_play_all(m), 3 + 8 + 8);
    assert_int_equal(m->run.n_columns, 5);
    end();
}

/* A work names those of its batch who are quarantined. */
static void test_skip(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin(4, 1);
    assert_int_equal(kuni_samples_quarantine(&m->ledger.samples, 4, KUNI_VERDICT_LASTS, "here",
                                             "a reason", &err),
                     KUNI_OK);
    made_up_phase(m, KUNI_PHASE_READS);
    assert_int_equal(made_up_next(m, 0)->n_skip, 0);
    const kuni_work *second = made_up_next(m, 0);
    assert_string_equal(told(second), "call+tally.reads 0/1");
    assert_int_equal(second->n_skip, 1);
    assert_int_equal(second->skip[0], 4);
    end();
}

/* What failed comes first, and on another lane while there is other work under way. */
static void test_retry(void **state)
{
    (void)state;
    begin(4, 2);
    made_up_phase(m, KUNI_PHASE_READS);
    expect_next(0, "call+tally.reads 0/0");
    fail_first(KUNI_IO, 0);
    assert_true(kuni_orders_retry_waits(&m->orders));
    expect_next(0, "call+tally.reads 0/0"); /* alone: nobody else would come soon */
    assert_int_equal(m->orders.list[0].work.attempt, 1);
    assert_false(kuni_orders_retry_waits(&m->orders));
    expect_next(1, "call+tally.reads 1/0");
    fail_first(KUNI_IO, 0);
    expect_next(0, "call+tally.reads 0/1"); /* not the same lane again */
    expect_next(1, "call+tally.reads 0/0");
    assert_int_equal(m->orders.list[m->orders.n - 1].work.attempt, 2);
    end_all();
    end();
}

/* A part of a shared decode that failed for good does not keep the other from being done. */
static void test_other_part_goes_on(void **state)
{
    (void)state;
    begin(4, 1);
    made_up_phase(m, KUNI_PHASE_READS);
    for (int i = 0; i < 3; i++) {
        expect_next(0, "call+tally.reads 0/0");
        fail_first(KUNI_BUG, 1);
    }
    expect_next(0, "call 0/0");
    end_all();
    assert_int_equal(made_up_state(m, "call", 0, 0), KUNI_TASK_DONE);
    assert_int_equal(made_up_state(m, "tally.reads", 0, 0), KUNI_TASK_FAILED);
    end();
}

/* What needs a task that failed is never handed out, and the phase does not end as if it were. */
static void test_failure_blocks(void **state)
{
    (void)state;
    begin(3, 1);
    assert_int_equal(made_up_play(m, 0), 3);
    assert_int_equal(made_up_play(m, KUNI_PHASE_READS), 12);
    made_up_fix_columns(m);
    kuni_task_table_set(&m->ledger.table, made_up_node(m, "tally.batch"), 1, KUNI_TASK_FAILED);
    made_up_phase(m, KUNI_PHASE_JOINT);
    expect_next(0, "tally.batch -1/0");
    expect_next(0, "tally.batch -1/2");
    end_all();
    expect_next(0, "-");
    assert_false(kuni_queue_ended(&m->queue));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_in_order),
        cmocka_unit_test(test_lanes_keep_to_their_shard),
        cmocka_unit_test(test_lane_leaves),
        cmocka_unit_test(test_waits_for_inputs),
        cmocka_unit_test(test_withdrawn_batch),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_other_part_goes_on),
        cmocka_unit_test(test_failure_blocks),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
