/* SPDX-License-Identifier: MIT */
/*
 * Ranks are killed inside collectives: those that are left all learn it (no hang), regroup, and
 * work together again. Runs under `mpirun --with-ft ulfm` only, at 4 ranks or more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "transport.h"

enum { ROUNDS = 200, BYTES = 1 << 20, SKIPPED = 77 };

static kuni_status round_of_all(kuni_buffer *message, kuni_error *err)
{
    int present = kuni_transport_present(), place = kuni_transport_place();
    char mine = (char)('a' + place), all[16] = "";
    int lengths[16], places[16];
    for (int i = 0; i < present; i++) {
        lengths[i] = 1;
        places[i] = i;
    }
    kuni_status status = kuni_transport_bcast(message, 0, err);
    if (!status) status = kuni_transport_agree(KUNI_OK, err);
    if (!status)
        status = kuni_transport_gather(&mine, 1, place == 0 ? all : NULL, lengths, places, err);
    for (int i = 0; place == 0 && !status && i < present; i++) CHECK(all[i] == 'a' + i);
    return status ? status : kuni_transport_barrier(err);
}

/* `victim` dies after `delay_us` while all work together without end. */
static void lose(int victim, useconds_t delay_us, kuni_buffer *message)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    if (kuni_transport_rank() == victim && fork() == 0) {
        usleep(delay_us);
        kill(getppid(), SIGKILL);
        _exit(0);
    }
    while (!status) status = round_of_all(message, &err);
    CHECK(status == KUNI_AGAIN);
    CHECK(kuni_transport_maimed() && kuni_transport_broken());
    CHECK_OK(kuni_transport_regroup(&err));
    CHECK(!kuni_transport_alive(victim));
    CHECK(!kuni_transport_broken());
}

int main(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer message = KUNI_BUFFER_INIT;
    CHECK_OK(kuni_transport_init(&err));
    if (!kuni_transport_tolerant() || kuni_transport_size() < 4 || kuni_transport_size() > 16) {
        kuni_transport_fini();
        return SKIPPED;
    }
    char *bytes = kuni_alloc(BYTES, 1, &err);
    CHECK(bytes != NULL);
    if (bytes) CHECK_OK(kuni_buffer_append(&message, bytes, BYTES, &err));
    free(bytes);
    int size = kuni_transport_size(), rank;
    lose(2, 70000, &message);
    CHECK(kuni_transport_present() == size - 1);
    CHECK(kuni_transport_lost(&rank) && rank == 2 && !kuni_transport_lost(&rank));
    for (int i = 0; i < ROUNDS; i++) CHECK_OK(round_of_all(&message, &err));
    lose(1, 33000, &message);
    CHECK(kuni_transport_present() == size - 2);
    for (int i = 0; i < ROUNDS; i++) CHECK_OK(round_of_all(&message, &err));
    if (kuni_transport_rank() == 0) {
        (void)printf("lost: %d of %d ranks are left and well\n", kuni_transport_present(), size);
        (void)fflush(stdout);
        usleep(300000);
    } else {
        usleep(500000);
    }
    kuni_transport_leave(0);
}
