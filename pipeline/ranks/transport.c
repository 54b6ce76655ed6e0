/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <inttypes.h>
#include <mpi.h>
#ifdef KUNI_ULFM
#include <mpi-ext.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "heart.h"
#include "injection.h"
#include "launcher.h"
#include "parcels.h"
#include "pulse.h"

enum {
    MESSAGE_TAG = 1,
    NAP_LEAST_US = 50,  /* first sleep while a collective is under way */
    NAP_MOST_US = 5000, /* longest: a waiting rank costs no core */
    LOOK_MS = 20,       /* how often to look for lost ranks */
    GIVE_UP_MS = 2000,  /* a revoked collective must end by then */
    ABORT_S = 5,        /* MPI_Abort hangs where the launcher does */
    HEART_MS = 500,     /* how often a busy rank looks around, at least */
    BEATS_A_LIMIT = 8,  /* and within the limit */
    GRACE_MS = 10000,   /* a busy rank goes on when one is silent; half of the limit at most */
    LAST_WORD_MS = 500, /* the launcher drops what it has not read when the job ends */
    VOICE_S = 3, /* the next rank speaks where the one before it has not ended the job by then */
    HOST_BYTES = 256
};

static struct {
    bool initialised, mpi;
    int rank, size;
    MPI_Comm messages; /* point-to-point, apart from the collectives */
    MPI_Comm collectives;
    int place, present; /* rank and size in `collectives`: less than above once ranks are lost */
    bool tolerant;      /* the launcher lets the others live when a rank is killed */
    bool revoked;       /* `collectives` is of no use any more */
    uint8_t *lost;      /* by rank; NULL: none can be lost */
    int n_lost;
    int64_t looked_ms;
    parcel_list outgoing; /* sends not yet complete */
    parcel_list own;      /* messages to this rank itself */
    bool receiving;       /* a receive is under way: into `incoming` from rank `sender` */
    MPI_Request receive;
    kuni_buffer incoming;
    int sender;
    bool watching, busy, serialized; /* busy: there is a heart; MPI lets threads take turns */
    int64_t hung_ms;                 /* when this rank learned that another is silent */
    int64_t began_ms;                /* to join the others */
    int end_status;                  /* see kuni_transport_end_with */
    char host[HOST_BYTES];
} here = {.size = 1, .present = 1};

enum { LOST_UNTOLD = 1, LOST_TOLD = 2 };

static void nap(long *us)
{
    nanosleep(&(struct timespec){.tv_nsec = *us * 1000}, NULL);
    *us = *us * 2 < NAP_MOST_US ? *us * 2 : NAP_MOST_US;
}

static kuni_status fail_mpi(int code, const char *what, kuni_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return kuni_fail(err, KUNI_IO, "MPI: %s on rank %d (%s): %s", what, here.rank, here.host, text);
}

/* --- lost ranks --- */

#ifdef KUNI_ULFM
static bool is_loss(int code)
{
    int class = MPI_SUCCESS;
    MPI_Error_class(code, &class);
    return class == MPIX_ERR_PROC_FAILED || class == MPIX_ERR_PROC_FAILED_PENDING ||
           class == MPIX_ERR_REVOKED;
}

static void mark_lost(int rank)
{
    if (here.lost[rank]) return;
    here.lost[rank] = LOST_UNTOLD;
    here.n_lost++;
    kuni_pulse_forget(rank);
}

/* Asks MPI who has failed; receives from anyone work again afterwards. Local. */
static void note_losses(void)
{
    MPI_Group failed, all;
    int n = 0, acknowledged;
    here.looked_ms = kuni_now_ms();
    if (MPIX_Comm_get_failed(here.messages, &failed) != MPI_SUCCESS) return;
    MPI_Group_size(failed, &n);
    if (n > 0) {
        MPI_Comm_group(here.messages, &all);
        for (int i = 0; i < n; i++) {
            int rank = MPI_UNDEFINED;
            MPI_Group_translate_ranks(failed, 1, &i, all, &rank);
            if (rank >= 0 && rank < here.size) mark_lost(rank);
        }
        MPI_Group_free(&all);
        MPIX_Comm_ack_failed(here.messages, n, &acknowledged);
    }
    MPI_Group_free(&failed);
}

/* True where an MPI error only says that a rank is gone: the losses are then noted. */
static bool excused(int code)
{
    if (!here.lost || !is_loss(code)) return false;
    note_losses();
    return true;
}

static void look_for_losses(void)
{
    if (here.lost && kuni_now_ms() - here.looked_ms >= LOOK_MS) note_losses();
}

/* Wakes all ranks that wait in a collective which can never end. */
static void break_off(void)
{
    if (here.revoked) return;
    here.revoked = true;
    MPIX_Comm_revoke(here.collectives);
}

kuni_status kuni_transport_regroup(kuni_error *err)
{
    MPI_Comm fresh;
    MPI_Group all, left;
    if (!here.lost) return KUNI_OK;
    int code = MPIX_Comm_shrink(here.collectives, &fresh);
    if (code != MPI_SUCCESS) return fail_mpi(code, "cannot go on without the lost ranks", err);
    MPI_Comm_set_errhandler(fresh, MPI_ERRORS_RETURN);
    /* The former one is not freed: that is collective, and some of its ranks are gone. */
    here.collectives = fresh;
    MPI_Comm_rank(fresh, &here.place);
    MPI_Comm_size(fresh, &here.present);
    MPI_Comm_group(here.messages, &all);
    MPI_Comm_group(fresh, &left);
    for (int rank = 0; rank < here.size; rank++) {
        int place = MPI_UNDEFINED;
        MPI_Group_translate_ranks(all, 1, &rank, left, &place);
        if (place == MPI_UNDEFINED) mark_lost(rank);
    }
    MPI_Group_free(&all);
    MPI_Group_free(&left);
    here.revoked = false;
    return KUNI_OK;
}
#else
static bool excused(int code)
{
    (void)code;
    return false;
}

static void look_for_losses(void)
{
}

static void break_off(void)
{
}

kuni_status kuni_transport_regroup(kuni_error *err)
{
    (void)err;
    return KUNI_OK;
}
#endif

bool kuni_transport_tolerant(void)
{
    return here.lost != NULL;
}

bool kuni_transport_alive(int rank)
{
    return !here.lost || !here.lost[rank];
}

bool kuni_transport_speaks(void)
{
    int first = 0;
    while (first < here.rank && !kuni_transport_alive(first)) first++;
    return first == here.rank;
}

bool kuni_transport_maimed(void)
{
    return here.n_lost > 0 || here.revoked;
}

bool kuni_transport_broken(void)
{
    return here.revoked || here.n_lost > here.size - here.present;
}

bool kuni_transport_lost(int *rank)
{
    for (int i = 0; here.n_lost > 0 && i < here.size; i++)
        if (here.lost[i] == LOST_UNTOLD) {
            here.lost[i] = LOST_TOLD;
            *rank = i;
            return true;
        }
    return false;
}

static kuni_status fail_loss(kuni_error *err)
{
    for (int i = 0; here.n_lost > 0 && i < here.size; i++)
        if (here.lost[i])
            return kuni_fail(err, KUNI_AGAIN,
                             "rank %d was lost while all ranks worked together: run the same "
                             "command to go on",
                             i);
    return kuni_fail(err, KUNI_AGAIN,
                     "a rank was lost while all ranks worked together: run the same command to "
                     "go on");
}

/* --- silent ranks --- */

int64_t kuni_transport_patience_ms(void)
{
    return kuni_pulse_patience_ms();
}

void kuni_transport_watch(int64_t limit_ms, kuni_signs_of_life *signs, void *context)
{
    if (!here.mpi) return;
    here.watching = true;
    kuni_pulse_watch(limit_ms, signs, context);
}

void kuni_transport_pulse(void)
{
    kuni_heart_lock();
    if (here.mpi) kuni_pulse_beat();
    kuni_heart_unlock();
}

bool kuni_transport_hung(void)
{
    if (!here.mpi) return false;
    kuni_heart_lock();
    bool hung = kuni_pulse_silent() >= 0;
    kuni_heart_unlock();
    return hung;
}

void kuni_transport_end_with(int status)
{
    here.end_status = status;
}

static kuni_status fail_silence(kuni_error *err)
{
    here.hung_ms = kuni_now_ms(); /* noticed: on its way to the end */
    return kuni_fail(err, KUNI_AGAIN,
                     "rank %d has been silent for %" PRId64
                     " s: it hangs, or its node is lost: run the same command %s",
                     kuni_pulse_silent(), kuni_transport_patience_ms() / 1000,
                     here.busy ? "again" : "to go on");
}

void kuni_transport_leave_hung(int status, const char *text)
{
    kuni_heart_lock(); /* whoever comes first tells and ends */
    /* Others are here because they miss rank 0. */
    if (here.rank <= 1 && text) (void)fprintf(stderr, "kuni: %s\n", text);
    (void)fflush(stderr);
    kuni_sleep_ms(here.rank <= 1 ? LAST_WORD_MS : 4 * LAST_WORD_MS);
    if (here.rank == 0) kuni_transport_abort(status);
    kuni_transport_leave(status);
}

/* The main thread has not come to where it would have noticed: it computes, or reads and writes. */
static void end_busy(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    (void)fail_silence(&err);
    if (here.end_status) kuni_transport_leave_hung(here.end_status, err.text);
}

static kuni_heart_end *beat_busy(void)
{
    int64_t now = kuni_now_ms(), grace = kuni_transport_patience_ms() / 2;
    kuni_pulse_beat();
    if (kuni_pulse_silent() < 0) return NULL;
    if (!here.hung_ms) here.hung_ms = now;
    return now - here.hung_ms > (grace < GRACE_MS ? grace : GRACE_MS) ? end_busy : NULL;
}

kuni_status kuni_transport_watch_busy(int64_t limit_ms, kuni_error *err)
{
    int64_t every = limit_ms / BEATS_A_LIMIT;
    if (!here.mpi || here.size == 1) return KUNI_OK;
    if (!here.serialized)
        return kuni_fail(
            err, KUNI_USAGE,
            "this MPI library does not let threads take turns (MPI_THREAD_SERIALIZED): "
            "run the command without mpirun");
    here.busy = true;
    kuni_transport_watch(limit_ms, NULL, NULL);
    return kuni_heart_start(every < HEART_MS ? every : HEART_MS, beat_busy, err);
}

static void give_up_start(int number)
{
    static const char text[] = "kuni: not all ranks started within KUNI_RANK_SILENCE_S: one hangs, "
                               "or its node is lost: run "
                               "the same command to go on\n";
    int rank = here.rank;
    (void)number;
    /* One that was stopped itself comes late: another has spoken. */
    if (kuni_now_ms() > here.began_ms + kuni_transport_patience_ms() + (VOICE_S - 1) * 1000)
        _exit(KUNI_AGAIN);
    /* The launcher ends all once the first has left: most of the others never come to speak. */
    (void)signal(SIGTERM, SIG_DFL);
    if (rank > 0) (void)sleep((unsigned)(rank == 1 ? VOICE_S : 2 * VOICE_S));
    if (rank <= 1) (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(KUNI_AGAIN);
}

static void give_up_end(int number)
{
    (void)number;
    _exit(here.end_status);
}

/* What blocks in MPI, which nothing else gets out of: after so long `end` is called. 0: no more. */
static void limit_block(int64_t seconds, void (*end)(int))
{
    struct sigaction action = {.sa_handler = seconds > 0 ? end : SIG_DFL};
    sigemptyset(&action.sa_mask);
    (void)alarm(0);
    (void)sigaction(SIGALRM, &action, NULL);
    if (seconds > 0) (void)alarm((unsigned)seconds);
}

void kuni_transport_leave(int status)
{
    (void)fflush(NULL);
    _exit(status);
}

/* --- life --- */

/* Collective: into MPI, and the communicators. */
static kuni_status join_ranks(kuni_error *err)
{
    int provided;
    here.rank = kuni_launcher_rank();
    here.began_ms = kuni_now_ms();
    limit_block(kuni_transport_patience_ms() / 1000, give_up_start);
    kuni_injection_crash_at("start");
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    if (code != MPI_SUCCESS) return fail_mpi(code, "cannot start", err);
    here.mpi = here.initialised = true;
    here.serialized = provided >= MPI_THREAD_SERIALIZED;
    kuni_injection_crash_at("joined");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &here.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &here.size);
    code = MPI_Comm_dup(MPI_COMM_WORLD, &here.messages);
    if (code == MPI_SUCCESS) code = MPI_Comm_dup(MPI_COMM_WORLD, &here.collectives);
    if (code != MPI_SUCCESS) return fail_mpi(code, "cannot make a communicator", err);
    MPI_Comm_set_errhandler(here.messages, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(here.collectives, MPI_ERRORS_RETURN);
    kuni_status status = kuni_pulse_open(MPI_COMM_WORLD, err);
    limit_block(0, NULL);
    return status;
}

kuni_status kuni_transport_init(kuni_error *err)
{
    struct utsname system;
    if (uname(&system) == 0) strncpy(here.host, system.nodename, sizeof(here.host) - 1);
    bool launched;
    kuni_status status = kuni_launcher_check(&launched, err);
    if (status || !launched) {
        here.initialised = !status;
        return status;
    }
    kuni_launcher_set_environment();
    status = join_ranks(err);
    if (status) return status;
    here.place = here.rank;
    here.present = here.size;
#ifdef KUNI_ULFM
    const char *enabled = getenv("OMPI_MCA_mpi_ft_enable");
    if (enabled && (strcmp(enabled, "1") == 0 || strcmp(enabled, "true") == 0)) {
        here.lost = kuni_alloc((size_t)here.size, 1, err);
        if (!here.lost) return KUNI_MEMORY;
    }
#endif
    return KUNI_OK;
}

void kuni_transport_abort(int status)
{
    here.end_status = status;
    limit_block(ABORT_S, give_up_end);
    kuni_heart_lock();
    if (here.mpi) MPI_Abort(MPI_COMM_WORLD, status);
    _exit(status);
}

int kuni_transport_rank(void)
{
    return here.rank;
}

int kuni_transport_size(void)
{
    return here.size;
}

int kuni_transport_place(void)
{
    return here.place;
}

int kuni_transport_present(void)
{
    return here.present;
}

const char *kuni_transport_host(void)
{
    return here.host;
}

size_t kuni_transport_pending(void)
{
    return here.outgoing.count;
}

/* Frees the sends that are complete; MPI moves the others on meanwhile. */
static kuni_status advance_sends(kuni_error *err)
{
    parcel **at = &here.outgoing.first;
    while (*at) {
        int complete = 0;
        int code = MPI_Test(&(*at)->request, &complete, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS && !excused(code)) return fail_mpi(code, "cannot send", err);
        if (complete || code != MPI_SUCCESS) {
            parcel *gone = *at;
            *at = gone->next;
            here.outgoing.count--;
            free(gone);
        } else {
            at = &(*at)->next;
        }
    }
    here.outgoing.last = at;
    return KUNI_OK;
}

static kuni_status send_parcel(int rank, parcel *sent, kuni_error *err)
{
    kuni_status status = advance_sends(err);
    if (status) {
        free(sent);
        return status;
    }
    int code = MPI_Isend(sent->bytes, (int)sent->length, MPI_BYTE, rank, MESSAGE_TAG, here.messages,
                         &sent->request);
    if (code != MPI_SUCCESS) {
        free(sent);
        return excused(code) ? KUNI_OK : fail_mpi(code, "cannot send", err);
    }
    list_add(&here.outgoing, sent);
    return KUNI_OK;
}

kuni_status kuni_transport_send(int rank, const void *bytes, size_t length, kuni_error *err)
{
    if (rank < 0 || rank >= here.size || length > KUNI_MESSAGE_BYTES_MAX)
        return kuni_fail(err, KUNI_BUG, "send: %zu bytes to rank %d of %d", length, rank,
                         here.size);
    if (!kuni_transport_alive(rank)) return KUNI_OK;
    parcel *sent = kuni_alloc(1, sizeof(*sent) + length, err);
    if (!sent) return KUNI_MEMORY;
    sent->length = length;
    if (length) memcpy(sent->bytes, bytes, length);
    if (rank == here.rank) {
        list_add(&here.own, sent);
        return KUNI_OK;
    }
    kuni_heart_lock();
    kuni_status status = send_parcel(rank, sent, err);
    kuni_heart_unlock();
    return status;
}

/*
 * Starts to receive the next message, if there is one. Large messages take several rounds to
 * arrive; they are received underneath, one at a time, so that the order of each sender is kept.
 */
static kuni_status start_receive(kuni_error *err)
{
    int flag = 0;
    MPI_Message handle;
    MPI_Status envelope;
    int code = MPI_Improbe(MPI_ANY_SOURCE, MESSAGE_TAG, here.messages, &flag, &handle, &envelope);
    if (code != MPI_SUCCESS)
        return excused(code) ? KUNI_OK : fail_mpi(code, "cannot look for messages", err);
    if (!flag) return KUNI_OK;
    int length = 0;
    MPI_Get_count(&envelope, MPI_BYTE, &length);
    kuni_buffer_clear(&here.incoming);
    kuni_status status = kuni_buffer_reserve(&here.incoming, (size_t)length, err);
    if (status) return status;
    code = MPI_Imrecv(here.incoming.data, length, MPI_BYTE, &handle, &here.receive);
    if (code != MPI_SUCCESS) return excused(code) ? KUNI_OK : fail_mpi(code, "cannot receive", err);
    here.incoming.length = (size_t)length;
    here.sender = envelope.MPI_SOURCE;
    here.receiving = true;
    return KUNI_OK;
}

static kuni_status receive(int *rank, kuni_buffer *message, bool *got, kuni_error *err)
{
    look_for_losses();
    kuni_pulse_beat();
    if (kuni_transport_hung()) return fail_silence(err);
    kuni_status status = advance_sends(err);
    if (!status && !here.receiving) status = start_receive(err);
    if (status || !here.receiving) return status;
    int complete = 0;
    int code = MPI_Test(&here.receive, &complete, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS && !excused(code)) return fail_mpi(code, "cannot receive", err);
    if (!complete && code == MPI_SUCCESS) return KUNI_OK;
    here.receiving = false;
    /* What a lost rank said last comes too late: others do its work. */
    if (code != MPI_SUCCESS || !kuni_transport_alive(here.sender)) return KUNI_OK;
    kuni_buffer swap = *message;
    *message = here.incoming;
    here.incoming = swap;
    message->data[message->length] = '\0';
    *rank = here.sender;
    *got = true;
    return KUNI_OK;
}

kuni_status kuni_transport_poll(int *rank, kuni_buffer *message, bool *got, kuni_error *err)
{
    *got = false;
    if (here.own.count) {
        kuni_buffer_clear(message);
        kuni_status status =
            kuni_buffer_append(message, here.own.first->bytes, here.own.first->length, err);
        if (status) return status;
        free(list_take(&here.own));
        *rank = here.rank;
        *got = true;
        return KUNI_OK;
    }
    if (!here.mpi) return KUNI_OK;
    kuni_heart_lock();
    kuni_status status = receive(rank, message, got, err);
    kuni_heart_unlock();
    return status;
}

static kuni_status fail_collective(int code, const char *what, kuni_error *err)
{
    if (!excused(code)) return fail_mpi(code, what, err);
    break_off();
    return fail_loss(err);
}

/* A collective that has been started (`code`), with the lock held, which is given back. */
typedef struct collective {
    MPI_Request request;
    const char *what;
    int code, complete;
    int64_t broken_ms; /* since when some of the ranks are lost */
} collective;

static kuni_status look_at(collective *c, kuni_error *err)
{
    if (c->code == MPI_SUCCESS) c->code = MPI_Test(&c->request, &c->complete, MPI_STATUS_IGNORE);
    if (c->code != MPI_SUCCESS) return fail_collective(c->code, c->what, err);
    if (c->complete) return KUNI_OK;
    kuni_status status = advance_sends(err);
    if (status) return status;
    look_for_losses();
    kuni_pulse_beat();
    if (kuni_transport_hung()) return fail_silence(err);
    if (!kuni_transport_broken()) return KUNI_OK;
    break_off();
    if (!c->broken_ms) c->broken_ms = kuni_now_ms();
    return kuni_now_ms() - c->broken_ms > GIVE_UP_MS ? fail_loss(err) : KUNI_OK;
}

/* Before one is started. */
static void begin(void)
{
    kuni_injection_crash_at("together");
    kuni_heart_lock();
}

/* Waits for a collective without spinning. */
static kuni_status wait_for(collective *c, kuni_error *err)
{
    long us = NAP_LEAST_US;
    for (;;) {
        kuni_status status = look_at(c, err);
        kuni_heart_unlock();
        if (status || c->complete) return status;
        nap(&us);
        kuni_heart_lock();
    }
}

static kuni_status broadcast(void *bytes, size_t length, int root, kuni_error *err)
{
    collective c = {.what = "broadcast failed"};
    begin();
    c.code = MPI_Ibcast(bytes, (int)length, MPI_BYTE, root, here.collectives, &c.request);
    return wait_for(&c, err);
}

static kuni_status reduce(const int64_t *mine, int64_t *all, MPI_Op operation, kuni_error *err)
{
    collective c = {.what = "reduction failed"};
    begin();
    c.code = MPI_Iallreduce(mine, all, 1, MPI_INT64_T, operation, here.collectives, &c.request);
    return wait_for(&c, err);
}

kuni_status kuni_transport_agree(kuni_status mine, kuni_error *err)
{
    if (!here.mpi) return mine;
    int64_t me = mine ? here.place : here.present, lowest = here.present;
    kuni_error trouble = KUNI_ERROR_INIT;
    kuni_status status = reduce(&me, &lowest, MPI_MIN, &trouble);
    if (!status && lowest == here.present) return KUNI_OK;
    kuni_error agreed = KUNI_ERROR_INIT;
    if (!status && lowest == here.place) {
        if (err) agreed = *err;
        agreed.status = mine;
    }
    if (!status) status = broadcast(&agreed, sizeof(agreed), (int)lowest, &trouble);
    if (status) agreed = trouble;
    if (err) *err = agreed;
    return agreed.status;
}

kuni_status kuni_transport_max(int64_t *value, kuni_error *err)
{
    if (!here.mpi) return KUNI_OK;
    int64_t mine = *value;
    return reduce(&mine, value, MPI_MAX, err);
}

kuni_status kuni_transport_bcast(kuni_buffer *message, int root, kuni_error *err)
{
    if (!here.mpi) return KUNI_OK;
    int64_t length = (int64_t)message->length;
    kuni_status status = broadcast(&length, sizeof(length), root, err);
    if (status) return status;
    if (here.rank != root) {
        kuni_buffer_clear(message);
        status = kuni_buffer_reserve(message, (size_t)length, err);
    }
    if (!status && length > KUNI_MESSAGE_BYTES_MAX)
        status = kuni_fail(err, KUNI_BUG, "broadcast: %lld bytes", (long long)length);
    status = kuni_transport_agree(status, err);
    if (status) return status;
    status = length ? broadcast(message->data, (size_t)length, root, err) : KUNI_OK;
    if (!status && here.rank != root) {
        message->length = (size_t)length;
        message->data[length] = '\0';
    }
    return status;
}

kuni_status kuni_transport_gather(const char *mine, int length, char *all, const int *lengths,
                                  const int *places, kuni_error *err)
{
    collective c = {.what = "gathering failed"};
    if (!here.mpi) {
        if (length) memcpy(all + places[0], mine, (size_t)length);
        return KUNI_OK;
    }
    begin();
    c.code = MPI_Igatherv(mine, length, MPI_CHAR, all, lengths, places, MPI_CHAR, 0,
                          here.collectives, &c.request);
    return wait_for(&c, err);
}

kuni_status kuni_transport_barrier(kuni_error *err)
{
    if (!here.mpi) return KUNI_OK;
    collective c = {.what = "barrier failed"};
    begin();
    c.code = MPI_Ibarrier(here.collectives, &c.request);
    return wait_for(&c, err);
}

/*
 * Until all ranks' sends are complete every rank must go on receiving: a large send only completes
 * once its receiver takes it.
 */
static void drain(void)
{
    kuni_buffer message = KUNI_BUFFER_INIT;
    long us = NAP_LEAST_US;
    bool in_barrier = false;
    int complete = 0;
    MPI_Request request;
    while (!complete && !kuni_transport_maimed()) {
        int rank;
        bool got = false;
        if (kuni_transport_poll(&rank, &message, &got, NULL)) break;
        int code = MPI_SUCCESS;
        kuni_heart_lock();
        if (!in_barrier && !here.outgoing.count && !here.receiving) {
            code = MPI_Ibarrier(here.collectives, &request);
            in_barrier = true;
        }
        if (code == MPI_SUCCESS && in_barrier)
            code = MPI_Test(&request, &complete, MPI_STATUS_IGNORE);
        kuni_heart_unlock();
        if (code != MPI_SUCCESS) break;
        if (!got && !complete) nap(&us);
    }
    /* All have sent and all sends are complete: what is left to receive is already here. */
    while (!kuni_transport_maimed() &&
           !kuni_transport_poll(&(int){0}, &message, &(bool){false}, NULL) && here.receiving)
        nap(&us);
    kuni_buffer_fini(&message);
}

void kuni_transport_fini(void)
{
    if (here.mpi) {
        int64_t limit_s = here.watching ? kuni_transport_patience_ms() / 1000 : 0;
        /* Others may still be busy with what is their own where a heart tells that they live. */
        if (!here.busy) limit_block(limit_s, give_up_end);
        kuni_injection_crash_at("finalize");
        drain();
        kuni_heart_stop();
        if (here.busy) limit_block(limit_s, give_up_end);
        if (kuni_transport_hung()) kuni_transport_abort(here.end_status);
        kuni_pulse_close();
        MPI_Comm_free(&here.messages);
        MPI_Comm_free(&here.collectives);
        MPI_Finalize();
        limit_block(0, NULL);
    }
    while (here.own.count) free(list_take(&here.own));
    kuni_buffer_fini(&here.incoming);
    here.mpi = here.initialised = here.watching = here.busy = false;
    here.rank = 0;
    here.size = here.present = 1;
    free(here.lost);
    here.lost = NULL;
}
