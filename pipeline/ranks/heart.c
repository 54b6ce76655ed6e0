/* SPDX-License-Identifier: MIT */
#include "heart.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "kuni/buffer.h"

static struct {
    pthread_once_t once;
    pthread_mutex_t lock; /* recursive */
    pthread_mutex_t stop_lock;
    pthread_cond_t stopped;
    pthread_t thread;
    bool goes, stop;
    int64_t every_ms;
    kuni_heart_beat *beat;
} heart = {.once = PTHREAD_ONCE_INIT,
           .stop_lock = PTHREAD_MUTEX_INITIALIZER,
           .stopped = PTHREAD_COND_INITIALIZER};

static void make_lock(void)
{
    pthread_mutexattr_t kind;
    (void)pthread_mutexattr_init(&kind);
    (void)pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&heart.lock, &kind);
    (void)pthread_mutexattr_destroy(&kind);
}

void kuni_heart_lock(void)
{
    (void)pthread_once(&heart.once, make_lock);
    (void)pthread_mutex_lock(&heart.lock);
}

void kuni_heart_unlock(void)
{
    (void)pthread_mutex_unlock(&heart.lock);
}

/* Whether the heart is to stop, after so long at most. */
static bool waits(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += heart.every_ms / 1000;
    until.tv_nsec += heart.every_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&heart.stop_lock);
    if (!heart.stop) (void)pthread_cond_timedwait(&heart.stopped, &heart.stop_lock, &until);
    bool stop = heart.stop;
    (void)pthread_mutex_unlock(&heart.stop_lock);
    return stop;
}

static void *beats(void *unused)
{
    while (!waits()) {
        kuni_heart_lock();
        kuni_heart_end *end = heart.beat();
        kuni_heart_unlock();
        if (end) end();
    }
    return unused;
}

kuni_status kuni_heart_start(int64_t every_ms, kuni_heart_beat *beat, kuni_error *err)
{
    static bool at_fork;
    sigset_t all, before;
    heart.every_ms = every_ms;
    heart.beat = beat;
    heart.stop = false;
    kuni_heart_lock(); /* it is there from here on */
    /* A child is another owner, who cannot give back what its parent took. */
    if (!at_fork) at_fork = !pthread_atfork(kuni_heart_lock, kuni_heart_unlock, make_lock);
    kuni_heart_unlock();
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int code = pthread_create(&heart.thread, NULL, beats, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    heart.goes = code == 0 && at_fork;
    return heart.goes ? KUNI_OK : kuni_fail(err, KUNI_MEMORY, "cannot start a thread");
}

void kuni_heart_stop(void)
{
    if (!heart.goes) return;
    (void)pthread_mutex_lock(&heart.stop_lock);
    heart.stop = true;
    (void)pthread_cond_signal(&heart.stopped);
    (void)pthread_mutex_unlock(&heart.stop_lock);
    (void)pthread_join(heart.thread, NULL);
    heart.goes = false;
}
