/* SPDX-License-Identifier: MIT */
#include "pulse.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kuni/buffer.h"

enum {
    BEAT_TAG = 2,
    BEATS_A_LIMIT = 6,   /* so many may be lost in a row */
    BEAT_MOST_MS = 5000, /* at least so often, and a millisecond later for each rank more */
    LOOKS_A_LIMIT = 50,  /* how often to look for beats */
    LOOK_MOST_MS = 500,
    COUNTED_MOST_MS = 1000, /* of the time between two looks */
    PATIENCE_S = 180        /* with a silent rank */
};

typedef struct peer {
    int rank;
    bool gone, asked; /* asked: the other signs of life are known as they were */
    int64_t silent_ms;
    MPI_Request out; /* a beat on its way there */
    char byte[2];
} peer;

static struct {
    MPI_Comm comm;
    bool open, on;
    peer *peers; /* of rank 0 all others, of another rank 0 alone */
    int n_peers, ranks;
    /* Of each peer a beat on its way here: looked at in one call, whatever their number. */
    MPI_Request *in;
    MPI_Status *heard;
    int *which;
    int silent;
    int64_t limit_ms, looked_ms, beat_ms;
    kuni_signs_of_life *signs;
    void *context;
} pulse = {.silent = -1};

int64_t kuni_pulse_patience_ms(void)
{
    const char *text = getenv("KUNI_RANK_SILENCE_S");
    int64_t seconds = text ? strtoll(text, NULL, 10) : 0;
    return (seconds > 0 ? seconds : PATIENCE_S) * 1000;
}

static void receive(int i)
{
    peer *p = &pulse.peers[i];
    if (MPI_Irecv(&p->byte[0], 1, MPI_CHAR, p->rank, BEAT_TAG, pulse.comm, &pulse.in[i]) ==
        MPI_SUCCESS)
        return;
    p->gone = true;
    pulse.in[i] = MPI_REQUEST_NULL;
}

kuni_status kuni_pulse_open(MPI_Comm all, kuni_error *err)
{
    int rank, size;
    MPI_Comm_rank(all, &rank);
    MPI_Comm_size(all, &size);
    if (MPI_Comm_dup(all, &pulse.comm) != MPI_SUCCESS)
        return kuni_fail(err, KUNI_IO, "MPI: cannot make a communicator on rank %d", rank);
    MPI_Comm_set_errhandler(pulse.comm, MPI_ERRORS_RETURN);
    pulse.open = true;
    pulse.ranks = size;
    pulse.n_peers = size == 1 ? 0 : rank == 0 ? size - 1 : 1;
    size_t room = (size_t)pulse.n_peers + 1;
    pulse.peers = kuni_alloc(room, sizeof(*pulse.peers), err);
    pulse.in = kuni_alloc(room, sizeof(MPI_Request), err);
    pulse.heard = kuni_alloc(room, sizeof(*pulse.heard), err);
    pulse.which = kuni_alloc(room, sizeof(*pulse.which), err);
    if (!pulse.peers || !pulse.in || !pulse.heard || !pulse.which) return KUNI_MEMORY;
    for (int i = 0; i < pulse.n_peers; i++) {
        pulse.peers[i] = (peer){.rank = rank == 0 ? i + 1 : 0, .out = MPI_REQUEST_NULL};
        pulse.in[i] = MPI_REQUEST_NULL;
    }
    return KUNI_OK;
}

void kuni_pulse_watch(int64_t limit_ms, kuni_signs_of_life *signs, void *context)
{
    if (!pulse.open) return;
    pulse.limit_ms = limit_ms;
    pulse.signs = signs;
    pulse.context = context;
    pulse.looked_ms = pulse.beat_ms = kuni_now_ms();
    for (int i = 0; i < pulse.n_peers && !pulse.on; i++) receive(i);
    pulse.on = true;
}

static void send_beats(int64_t now)
{
    int64_t every = pulse.limit_ms / BEATS_A_LIMIT;
    int64_t most = BEAT_MOST_MS + pulse.ranks;
    if (every > most) every = most;
    if (now - pulse.beat_ms < every) return;
    pulse.beat_ms = now;
    for (int i = 0; i < pulse.n_peers; i++) {
        peer *p = &pulse.peers[i];
        int sent = 1;
        if (p->gone) continue;
        /* One that takes none is sent no more until it does. */
        if (p->out != MPI_REQUEST_NULL && MPI_Test(&p->out, &sent, MPI_STATUS_IGNORE))
            p->gone = true;
        if (p->gone || !sent) continue;
        if (MPI_Isend(&p->byte[1], 1, MPI_CHAR, p->rank, BEAT_TAG, pulse.comm, &p->out))
            p->gone = true;
    }
}

static void hear_beats(void)
{
    for (int n = 1; n > 0 && n != MPI_UNDEFINED;) {
        int code = MPI_Testsome(pulse.n_peers, pulse.in, &n, pulse.which, pulse.heard);
        if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) return;
        for (int k = 0; k < n && n != MPI_UNDEFINED; k++) {
            peer *p = &pulse.peers[pulse.which[k]];
            if (code == MPI_ERR_IN_STATUS && pulse.heard[k].MPI_ERROR != MPI_SUCCESS) {
                p->gone = true;
                continue;
            }
            p->silent_ms = 0;
            p->asked = false;
            receive(pulse.which[k]);
        }
    }
}

/* Half of the limit after its last beat a peer's other signs of life are looked at, and at its end. */
static void judge(peer *p)
{
    if (p->gone || p->silent_ms * 2 < pulse.limit_ms) return;
    if (!p->asked) {
        p->asked = true;
        if (pulse.signs) (void)pulse.signs(pulse.context, p->rank);
    } else if (p->silent_ms >= pulse.limit_ms) {
        if (pulse.signs && pulse.signs(pulse.context, p->rank))
            p->silent_ms = pulse.limit_ms / 2;
        else if (pulse.silent < 0)
            pulse.silent = p->rank;
    }
}

void kuni_pulse_beat(void)
{
    int64_t now = kuni_now_ms(), since = now - pulse.looked_ms;
    int64_t every = pulse.limit_ms / LOOKS_A_LIMIT;
    if (!pulse.on || since < (every < LOOK_MOST_MS ? every : LOOK_MOST_MS)) return;
    pulse.looked_ms = now;
    if (since > COUNTED_MOST_MS) since = COUNTED_MOST_MS;
    send_beats(now);
    for (int i = 0; i < pulse.n_peers; i++) pulse.peers[i].silent_ms += since;
    hear_beats();
    for (int i = 0; i < pulse.n_peers; i++) judge(&pulse.peers[i]);
}

int kuni_pulse_silent(void)
{
    return pulse.silent;
}

void kuni_pulse_forget(int rank)
{
    for (int i = 0; i < pulse.n_peers; i++)
        if (pulse.peers[i].rank == rank) pulse.peers[i].gone = true;
}

void kuni_pulse_close(void)
{
    for (int i = 0; i < pulse.n_peers && pulse.on; i++)
        if (pulse.in[i] != MPI_REQUEST_NULL) (void)MPI_Cancel(&pulse.in[i]);
    for (int i = 0; i < pulse.n_peers && pulse.on; i++)
        if (pulse.in[i] != MPI_REQUEST_NULL) (void)MPI_Request_free(&pulse.in[i]);
    bool under_way = false; /* a beat that nobody took: its byte must stay */
    for (int i = 0; i < pulse.n_peers && pulse.on; i++) {
        int sent = 1;
        if (pulse.peers[i].out != MPI_REQUEST_NULL)
            (void)MPI_Test(&pulse.peers[i].out, &sent, MPI_STATUS_IGNORE);
        under_way = under_way || !sent;
    }
    if (pulse.open) MPI_Comm_free(&pulse.comm);
    if (!under_way) free(pulse.peers);
    free(pulse.in);
    free(pulse.heard);
    free(pulse.which);
    memset(&pulse, 0, sizeof(pulse));
    pulse.silent = -1;
}
