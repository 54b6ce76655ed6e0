/* SPDX-License-Identifier: MIT */
#include "farewell.h"

#include <stdio.h>

#include "clock.h"
#include "injection.h"
#include "transport.h"
#include "work.h"

enum {
    NAP_MS = 5,
    LAST_WORD_MS = 500,
    FAREWELL_MS = 10000 /* rank 0 waits so long for its last words to be taken */
};

/* Rank 0. Tells that the run has ended, and whether MPI can still be left in order. */
static kuni_status tell_end(kuni_buffer *message, kuni_error *err)
{
    kuni_status status = kuni_message_start(message, KUNI_MESSAGE_END, err);
    if (!status) status = kuni_message_put_u64(message, kuni_transport_maimed(), err);
    for (int rank = 1; rank < kuni_transport_size() && !status; rank++)
        status = kuni_transport_send(rank, message->data, message->length, err);
    return status;
}

/* Rank 0 after a loss. Hears to the end who still talks, until all has been said. */
static kuni_status await_silence(kuni_buffer *message, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    int64_t until = kuni_now_ms() + FAREWELL_MS;
    while (!status && kuni_transport_pending() && kuni_now_ms() < until) {
        int rank;
        bool got;
        status = kuni_transport_poll(&rank, message, &got, err);
        if (!got) kuni_sleep_ms(NAP_MS);
    }
    return status;
}

/* Any other rank. */
static kuni_status hear_end(kuni_buffer *message, uint64_t *maimed, kuni_error *err)
{
    for (;;) {
        int rank;
        bool got;
        kuni_message_reader reader;
        kuni_status status = kuni_transport_poll(&rank, message, &got, err);
        if (status) return status;
        if (got && kuni_message_open(&reader, message) == KUNI_MESSAGE_END)
            return kuni_message_get_u64(&reader, maimed, err);
        if (!kuni_transport_alive(0))
            return kuni_fail(err, KUNI_AGAIN, "rank 0 was lost: run the same command to go on");
        if (!got) kuni_sleep_ms(NAP_MS);
    }
}

/* All have to agree, unless one cannot any more: rank 0 then has the last word. */
static kuni_status agree_on_end(kuni_status mine, kuni_error *err)
{
    kuni_error own = KUNI_ERROR_INIT;
    if (err) own = *err;
    kuni_status status = kuni_transport_hung() ? mine : kuni_transport_agree(mine, err);
    if (!kuni_transport_hung() || kuni_transport_rank() > 0) return status;
    if (err) *err = own;
    return mine;
}

kuni_status kuni_farewell(kuni_status mine, kuni_error *err)
{
    kuni_injection_crash_at("farewell");
    if (!kuni_transport_tolerant() || kuni_transport_hung()) return agree_on_end(mine, err);
    kuni_buffer message = KUNI_BUFFER_INIT;
    kuni_error trouble = KUNI_ERROR_INIT;
    uint64_t maimed = kuni_transport_maimed();
    kuni_status status = KUNI_OK;
    if (kuni_transport_rank() > 0 && kuni_transport_alive(0)) {
        status = hear_end(&message, &maimed, &trouble);
        /* Rank 0 tells the user and has the status: one other than 0 here would end it too soon. */
        if (!status && maimed) kuni_transport_leave(0);
    } else if (kuni_transport_rank() == 0) {
        status = tell_end(&message, &trouble);
        if (!status && maimed) status = await_silence(&message, &trouble);
    }
    kuni_buffer_fini(&message);
    if (maimed || status) {
        if (mine || !status) return mine;
        if (err) *err = trouble;
        return status;
    }
    status = kuni_transport_agree(mine, err);
    /* Lost on the very last step: the run has ended already, as rank 0 has recorded. */
    return !mine && kuni_transport_maimed() ? KUNI_OK : status;
}

void kuni_leave_hung(kuni_status status, const kuni_error *err)
{
    kuni_transport_leave_hung(status, status ? err->text
                                             : "a rank is silent, it hangs, or its node is lost: "
                                               "the run is done without it");
}

void kuni_leave(kuni_status status, const kuni_error *err)
{
    if (status && kuni_transport_speaks()) (void)fprintf(stderr, "kuni: %s\n", err->text);
    /*
     * The launcher ends the job when the first leaves with an error, and drops what it has not read
     * by then.
     */
    if (status) kuni_sleep_ms(kuni_transport_speaks() ? LAST_WORD_MS : 2 * LAST_WORD_MS);
    kuni_transport_leave(status);
}
