/* SPDX-License-Identifier: MIT */
/*
 * Every rank sends numbered messages of nothing to 4 MiB to every rank, itself included, while it
 * runs jobs in forked children of which half crash. All messages must arrive, in order and intact,
 * and no crash may reach a rank. Then the collectives. Then all of it again beside a heart, with a rank
 * that is busy for long. Run at 1, 2, 3 and 5 ranks.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "runner.h"

enum { MESSAGES = 24, JOBS = 20, LENGTH_MAX = 4 << 20, RANKS_MAX = 16 };

static kuni_error err = KUNI_ERROR_INIT;
static int job_number;

/* Length of message `number` between two ranks: mostly small, some large. */
static size_t length_of(int from, int to, int number)
{
    unsigned mixed = (unsigned)(from * 7919 + to * 104729 + number * 1299709) * 2654435761U;
    size_t top = number % 5 == 0 ? LENGTH_MAX : 2000;
    return 8 + mixed % top;
}

static unsigned char byte_at(int from, int number, size_t i)
{
    return (unsigned char)((size_t)from * 31 + (size_t)number * 17 + i * 13 + (i >> 9));
}

static void send_number(int to, int number)
{
    static unsigned char bytes[8 + LENGTH_MAX];
    int from = kuni_transport_rank();
    size_t length = number == 1 ? 8 : length_of(from, to, number);
    for (size_t i = 8; i < length; i++) bytes[i] = byte_at(from, number, i);
    memcpy(bytes, &(int64_t){number}, 8);
    CHECK_OK(kuni_transport_send(to, bytes, length, &err));
}

static void check_message(int from, int expected, const kuni_buffer *message)
{
    int64_t number;
    CHECK(message->length >= 8);
    memcpy(&number, message->data, 8);
    CHECK(number == expected);
    size_t length = number == 1 ? 8 : length_of(from, kuni_transport_rank(), (int)number);
    CHECK(message->length == length);
    for (size_t i = 8; i < length; i++)
        CHECK((unsigned char)message->data[i] == byte_at(from, (int)number, i));
}

static kuni_status job_run(const kuni_task *task, kuni_error *error)
{
    (void)task;
    (void)error;
    /* Touch plenty of memory: copy-on-write must not hurt messages under way. */
    unsigned char *block = malloc(8 << 20);
    if (block) memset(block, 5, 8 << 20);
    (void)usleep(3000);
    switch (job_number % 6) {
    case 1:
        (void)raise(SIGKILL);
        break;
    case 3:
        (void)raise(SIGSEGV);
        break;
    case 5:
        exit(9); /* with exit handlers: they must not end MPI for the rank */
    default:
        break;
    }
    free(block);
    return KUNI_OK;
}

static void stress(void)
{
    static const kuni_step step = {.name = "", .scatter = KUNI_SCATTER_COHORT, .run = job_run};
    const kuni_task task = {.stage_id = "stress", .shard = -1, .batch = -1};
    const kuni_job_part part = {.step = &step, .task = &task};
    const kuni_job job = {.parts = &part, .n_parts = 1};
    int size = kuni_transport_size(), received[RANKS_MAX] = {0}, total = 0, sent = 0;
    CHECK(size <= RANKS_MAX);
    kuni_runner *runner = NULL;
    kuni_buffer message = KUNI_BUFFER_INIT;
    while (total < MESSAGES * size || job_number < JOBS || runner || sent < MESSAGES) {
        if (!runner && job_number < JOBS) CHECK_OK(kuni_runner_start(&runner, &job, &err));
        if (sent < MESSAGES) {
            for (int to = 0; to < size; to++) send_number(to, sent);
            sent++;
        }
        int from;
        bool got, done = false;
        CHECK_OK(kuni_transport_poll(&from, &message, &got, &err));
        if (got) {
            check_message(from, received[from]++, &message);
            total++;
        }
        if (runner) {
            kuni_job_result result;
            CHECK_OK(kuni_runner_poll(runner, &done, &result, &err));
            if (done) {
                CHECK((result.status == KUNI_OK) == (job_number % 2 == 0));
                kuni_job_result_fini(&result);
                kuni_runner_free(runner);
                runner = NULL;
                job_number++;
            }
        }
        if (!got && !done) (void)usleep(500);
    }
    kuni_buffer_fini(&message);
}

static void collectives(void)
{
    int rank = kuni_transport_rank(), size = kuni_transport_size();
    int64_t value = rank * 10;
    CHECK_OK(kuni_transport_max(&value, &err));
    CHECK(value == (size - 1) * 10);

    CHECK_OK(kuni_transport_agree(KUNI_OK, &err));
    kuni_error mine = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    if (rank == size - 1 || rank == size / 2)
        status = kuni_fail_sample(&mine, KUNI_DATA, rank, "trouble on %d", rank);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "trouble on %d", size / 2);
    CHECK(kuni_transport_agree(status, &mine) == KUNI_DATA);
    CHECK(strcmp(mine.text, expected) == 0);
    CHECK(mine.sample == size / 2 && mine.status == KUNI_DATA);

    int root = size - 1;
    kuni_buffer message = KUNI_BUFFER_INIT;
    for (size_t length = 0; length < 3000000; length = length * 7 + 1) {
        kuni_buffer_clear(&message);
        if (rank == root)
            for (size_t i = 0; i < length; i++)
                CHECK_OK(kuni_buffer_append(&message, &(char){(char)(i * 3)}, 1, &err));
        CHECK_OK(kuni_transport_bcast(&message, root, &err));
        CHECK(message.length == length);
        for (size_t i = 0; i < length; i++) CHECK(message.data[i] == (char)(i * 3));
    }
    kuni_buffer_fini(&message);
    CHECK_OK(kuni_transport_barrier(&err));
}

/* With a heart one that is busy for longer than the limit is not silent; all else is as it was. */
static void busy(void)
{
    enum { LIMIT_MS = 4000, BUSY_S = 5 };
    CHECK_OK(kuni_transport_watch_busy(LIMIT_MS, &err));
    if (kuni_transport_rank() == 0) (void)sleep(BUSY_S);
    CHECK_OK(kuni_transport_barrier(&err));
    if (kuni_transport_rank() == kuni_transport_size() - 1) (void)sleep(BUSY_S);
    CHECK_OK(kuni_transport_barrier(&err));
    CHECK(!kuni_transport_hung());
}

int main(void)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    CHECK_OK(kuni_transport_init(&err));
    stress();
    collectives();
    busy();
    job_number = 0;
    stress();
    collectives();
    /* Messages that nobody takes any more must not keep anyone. */
    static char late[1 << 20];
    for (int to = 0; to < kuni_transport_size(); to++)
        CHECK_OK(kuni_transport_send(to, late, sizeof(late), &err));
    if (kuni_transport_rank() == 0)
        (void)printf("transport: %d ranks: well\n", kuni_transport_size());
    kuni_transport_fini();
    return 0;
}
