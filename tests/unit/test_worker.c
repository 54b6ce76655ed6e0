/* SPDX-License-Identifier: MIT */
/*
 * A worker that hears what it is told, in a single process: it is rank 0 as well, but has nothing to
 * tell itself. tests/mpi/mpi_team has workers that work for a coordinator.
 */
#include "fixture.h"

#include <sys/stat.h>

#include "made_up.h"
#include "transport.h"
#include "worker.h"

static made_up *m;

static int enter(void **state)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (fixture_enter(state) != 0) return -1;
    /* not as a rank of the launcher that may have started this test */
    (void)unsetenv("OMPI_COMM_WORLD_SIZE");
    (void)unsetenv("PMIX_RANK");
    (void)unsetenv("PMI_RANK");
    if (kuni_transport_init(&err)) return -1;
    made_up_files();
    m = malloc(sizeof(*m));
    return m ? 0 : -1;
}

static int leave(void **state)
{
    kuni_transport_fini();
    free(m);
    return fixture_leave(state);
}

static void begin(void)
{
    (void)remove("ds/journal");
    made_up_open(m);
    made_up_plan(m, 4);
    made_up_start(m, 1);
}

static void end(void)
{
    kuni_buffer message = KUNI_BUFFER_INIT;
    int rank;
    for (bool got = true; got;)
        assert_int_equal(kuni_transport_poll(&rank, &message, &got, NULL), KUNI_OK);
    kuni_buffer_fini(&message);
    made_up_stop(m);
    made_up_close(m);
}

static void tell(kuni_message_type type, const uint64_t *values, size_t n, const kuni_work *work)
{
    kuni_buffer message = KUNI_BUFFER_INIT;
    assert_int_equal(kuni_message_start(&message, type, NULL), KUNI_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(kuni_message_put_u64(&message, values[i], NULL), KUNI_OK);
    if (work) assert_int_equal(kuni_work_pack(work, &message, NULL), KUNI_OK);
    assert_int_equal(kuni_transport_send(0, message.data, message.length, NULL), KUNI_OK);
    kuni_buffer_fini(&message);
}

static void expect_end(kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    bool orphaned = true;
    kuni_status status = kuni_worker_run(&m->run, &orphaned, &err);
    if (status != expected || !strstr(err.text, words))
        fail_msg("status %d: \"%s\"", status, err.text);
    assert_false(orphaned);
}

static bool stands(size_t node, const kuni_work *work)
{
    struct stat st;
    if (!work) return false;
    kuni_arena_clear(m->ledger.arena);
    const char *path = kuni_run_output(&m->run, m->ledger.arena, node, 0, work->shard, work->batch,
                                       kuni_hash_short(&work->parts[0].key), NULL);
    return path && stat(path, &st) == 0;
}

static void test_columns(void **state)
{
    (void)state;
    begin();
    const uint64_t without[] = {1, 5};
    tell(KUNI_MESSAGE_COLUMNS, without, 2, NULL);
    tell(KUNI_MESSAGE_REGROUP, NULL, 0, NULL);
    tell(KUNI_MESSAGE_STOP, NULL, 0, NULL);
    expect_end(KUNI_OK, "");
    assert_true(m->run.columns_known);
    assert_int_equal(m->run.n_columns, 5);
    assert_int_equal(m->run.columns[1], -1);
    assert_int_equal(m->run.columns[6], 4);
    end();
}

static void test_foreign_messages(void **state)
{
    (void)state;
    const uint64_t foreign[] = {MADE_UP_SAMPLES};
    begin();
    tell(KUNI_MESSAGE_COLUMNS, foreign, 1, NULL);
    expect_end(KUNI_BUG, "rank 0 sent an unknown sample: do all ranks read the same manifest?");
    tell((kuni_message_type)'?', NULL, 0, NULL);
    expect_end(KUNI_BUG, "rank 0 sent a message of unknown type");
    tell(KUNI_MESSAGE_WORK, foreign, 1, NULL); /* no work that unpacks */
    expect_end(KUNI_BUG, "");
    tell(KUNI_MESSAGE_TOGETHER, foreign, 1, NULL);
    expect_end(KUNI_BUG, "");
    end();
}

static void test_together(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_true(made_up_play(m, 0) > 0 && made_up_play(m, KUNI_PHASE_READS) > 0);
    made_up_fix_columns(m);
    made_up_phase(m, KUNI_PHASE_JOINT);
    size_t write = made_up_node(m, "merge.write"), list = made_up_node(m, "merge.list");
    const kuni_work *work;
    while ((work = made_up_next(m, 0)) && work->parts[0].node != write)
        assert_int_equal(made_up_end_well(m, work->id, &err), KUNI_OK);
    assert_non_null(work);
    /* the list that was made up is none: give one */
    kuni_arena_clear(m->ledger.arena);
    const char *path = kuni_run_output(&m->run, m->ledger.arena, list, 0, -1, -1,
                                       m->ledger.table.nodes[list].key[0], &err);
    fixture_write("piece", "words\n");
    char text[4300];
    (void)snprintf(text, sizeof(text), "all\t%s/../piece\t6\n", m->run.folder);
    fixture_write(path, text);
    tell(KUNI_MESSAGE_TOGETHER, NULL, 0, work);
    tell(KUNI_MESSAGE_STOP, NULL, 0, NULL);
    expect_end(KUNI_OK, "");
    assert_true(stands(write, work));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_foreign_messages),
        cmocka_unit_test(test_together),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
