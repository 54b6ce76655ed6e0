/* SPDX-License-Identifier: MIT */
/*
 * A coordinator with its workers on the made-up dataset of the unit tests: the same result at 2, 3
 * and 5 ranks as in one process, bad samples and crashes cost themselves, and what a coordinator is
 * told that makes no sense ends the run on all ranks.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "coordinator.h"
#include "made_up.h"
#include "worker.h"

static kuni_error err = KUNI_ERROR_INIT;
static char folder[] = "/tmp/kuni_mpi_team_XXXXXX";
static made_up world;

static bool root(void)
{
    return kuni_transport_rank() == 0;
}

/* --- a run --- */

/* What rank 0 saw of it. */
static struct {
    size_t done, reused, quarantined;
} seen;

static kuni_status coordinate(kuni_error *fault)
{
    static kuni_coordinator c;
    kuni_lock *lock = NULL;
    kuni_journal *journal = NULL;
    kuni_progress *progress = NULL;
    CHECK_OK(kuni_lock_take(&lock, "ds", 0, &err));
    CHECK_OK(kuni_journal_open(&journal, "ds/journal", &err));
    CHECK_OK(kuni_progress_new(&progress, "ds", "made up", 1, true, &err));
    CHECK_OK(kuni_coordinator_init(&c, &world.run, lock, journal, progress, "ds/journal", &err));
    kuni_status status = kuni_coordinator_run(&c, fault);
    memset(&seen, 0, sizeof(seen));
    for (size_t i = 0; i < world.run.plan.n_nodes; i++) {
        seen.done += c.ledger.table.nodes[i].done;
        seen.reused += c.ledger.table.nodes[i].reused;
    }
    seen.quarantined = c.ledger.samples.n_quarantined;
    kuni_coordinator_fini(&c);
    kuni_progress_free(progress);
    CHECK_OK(kuni_journal_close(journal, &err));
    kuni_lock_release(lock);
    return status;
}

/* A run that ended early leaves messages behind: rank 0 hears each worker to its last word. */
static void hear_out(void)
{
    const char last_word = KUNI_MESSAGE_END;
    kuni_buffer message = KUNI_BUFFER_INIT;
    if (!root()) CHECK_OK(kuni_transport_send(0, &last_word, 1, &err));
    for (int left = root() ? kuni_transport_size() - 1 : 0; left > 0;) {
        int rank;
        bool got;
        CHECK_OK(kuni_transport_poll(&rank, &message, &got, &err));
        if (got && message.data[0] == last_word) left--;
        if (!got) (void)usleep(1000);
    }
    kuni_buffer_fini(&message);
    CHECK_OK(kuni_transport_barrier(&err));
}

/* Collective. `also`: a message that rank 1 sends first, or 0. */
static kuni_status run(int64_t jobs, char also, kuni_error *fault)
{
    bool orphaned;
    CHECK_OK(kuni_transport_barrier(&err));
    made_up_open(&world);
    world.options.jobs = jobs;
    world.run.workflow.retries = 0;
    world.run.rank = kuni_transport_rank();
    world.run.size = kuni_transport_size();
    made_up_plan(&world, 4);
    kuni_status status = KUNI_OK;
    if (root()) {
        status = coordinate(fault);
    } else {
        if (also && kuni_transport_rank() == 1) {
            const char message[9] = {also, 15};
            CHECK_OK(kuni_transport_send(0, message, sizeof(message), &err));
        }
        CHECK_OK(kuni_worker_run(&world.run, &orphaned, &err));
    }
    hear_out();
    made_up_close(&world);
    return status;
}

/* --- what came of it --- */

static void expect_result(const char *shard)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char command[128];
    if (!root()) return;
    CHECK(system("ls -t ds/data/merge.write/all/*.txt | head -n 1 | xargs cat >whole") == 0);
    CHECK_OK(kuni_file_get("whole", 1 << 20, &text, &err));
    size_t length = strlen(shard);
    CHECK(text.length == 3 * length);
    for (size_t i = 0; i < 3; i++) CHECK(memcmp(text.data + i * length, shard, length) == 0);
    kuni_buffer_fini(&text);
    (void)snprintf(command, sizeof(command), "find ds -name '.kuni-tmp-*' | grep -q .");
    CHECK(system(command) != 0);
}

enum { TASKS = 3 + 9 + 12 + 3 + 3 + 1 + 1 };

static void good_runs(void)
{
    for (int64_t jobs = 1; jobs <= 3; jobs += 2) {
        CHECK_OK(kuni_transport_barrier(&err));
        if (root()) CHECK(system("rm -rf ds/*") == 0);
        CHECK_OK(run(jobs, 0, &err));
        CHECK(!root() || (seen.done == TASKS && seen.reused == 0));
        expect_result("S0 word0\nS1 word1\nS2 word2\nS3 word3\nS4 word4\nS5 word5\nS6 word6\n");
    }
    CHECK_OK(run(1, 0, &err));
    CHECK(!root() || seen.reused == TASKS - MADE_UP_BATCHES); /* no preflight of sealed batches */
}

static void bad_samples(void)
{
    if (root()) {
        CHECK(system("rm -rf ds/*") == 0);
        made_up_word(1, "bad");
        made_up_word(3, "missing");
        made_up_word(5, "crash");
    }
    CHECK_OK(run(1, 0, &err));
    CHECK(!root() || seen.quarantined == 3);
    expect_result("S0 word0\nS2 word2\nS4 word4\nS6 word6\n");
}

/* The run ends for all; what was done counts for the next. */
static void interrupted(void)
{
    kuni_error fault = KUNI_ERROR_INIT;
    kuni_status status = run(1, KUNI_MESSAGE_SIGNAL, &fault);
    CHECK(!root() || (status == KUNI_AGAIN && strstr(fault.text, "signal 15 on rank 1")));
    kuni_error_clear(&fault);
    status = run(1, '?', &fault);
    CHECK(!root() || (status == KUNI_BUG && strstr(fault.text, "rank 1 sent a message")));
    kuni_error_clear(&fault);
    status = run(1, KUNI_MESSAGE_RESULT, &fault);
    CHECK(!root() || status == KUNI_BUG);
    kuni_error_clear(&fault);
    CHECK_OK(run(1, 0, &err));
}

int main(void)
{
    CHECK_OK(kuni_transport_init(&err));
    kuni_buffer name = KUNI_BUFFER_INIT;
    if (root()) CHECK(mkdtemp(folder));
    CHECK_OK(kuni_buffer_append(&name, folder, sizeof(folder), &err));
    CHECK_OK(kuni_transport_bcast(&name, 0, &err));
    memcpy(folder, name.data, sizeof(folder));
    kuni_buffer_fini(&name);
    CHECK(chdir(folder) == 0);
    if (root()) made_up_files();
    good_runs();
    bad_samples();
    interrupted();
    CHECK_OK(kuni_transport_barrier(&err));
    if (root()) {
        char command[128];
        (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
        CHECK(system(command) == 0);
    }
    kuni_transport_fini();
    return 0;
}
