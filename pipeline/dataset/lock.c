/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kuni/file.h"
#include "scan.h"

struct kuni_lock {
    int fd;
    uint64_t epoch;
    char *path;
    bool beating, ending; /* a thread gives signs of life; it shall end */
    int64_t every_ms;
    pthread_t thread;
    pthread_mutex_t mutex; /* of `ending` */
    pthread_cond_t end;
};

enum { HOLDER_BYTES = 400, RETRY_MS = 100 };

/* The file's one line: "epoch N host H pid P". Epoch 0 where it is new or unreadable. */
static uint64_t read_holder(int fd, char holder[HOLDER_BYTES])
{
    ssize_t got = pread(fd, holder, HOLDER_BYTES - 1, 0);
    holder[got > 0 ? got : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    uint64_t epoch;
    return kuni_scan(holder, "epoch #*", &epoch) ? epoch : 0;
}

/*
 * What the last run's status.json says: epochs grow even where the lock's line was damaged or is gone, as
 * what runs left is told from what they still write by them. 0: nothing.
 */
static uint64_t told_epoch(const char *folder)
{
    enum { HEAD_BYTES = 8192 }; /* it stands near the beginning */
    static const char key[] = "\n \"epoch\": ";
    char text[HEAD_BYTES] = "";
    char *path = kuni_path_join(folder, "status.json", NULL);
    int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0) (void)close(fd);
    free(path);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strstr(text, key);
    uint64_t epoch;
    return at && kuni_scan(at + strlen(key), "#*", &epoch) ? epoch : 0;
}

static bool try_lock(int fd, bool *supported)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *supported = true;
    if (fcntl(fd, F_SETLK, &want) == 0) return true;
    *supported = errno == EACCES || errno == EAGAIN || errno == EINTR;
    return false;
}

/* Whether the file that is open still stands under its name: a lock on another one keeps nobody out. */
static bool still_stands(const kuni_lock *lock)
{
    struct stat open_file, named;
    return fstat(lock->fd, &open_file) == 0 && stat(lock->path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

static kuni_status write_holder(kuni_lock *lock, kuni_error *err)
{
    char host[256] = "unknown", line[HOLDER_BYTES];
    if (gethostname(host, sizeof(host) - 1) != 0) strcpy(host, "unknown");
    int length = snprintf(line, sizeof(line), "epoch %" PRIu64 " host %s pid %ld\n", lock->epoch,
                          host, (long)getpid());
    if (pwrite(lock->fd, line, (size_t)length, 0) != length || ftruncate(lock->fd, length) != 0 ||
        fsync(lock->fd) != 0)
        return kuni_fail_errno(err, "cannot write %s", lock->path);
    return KUNI_OK;
}

kuni_status kuni_lock_take(kuni_lock **out, const char *folder, int64_t wait_ms, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    char holder[HOLDER_BYTES];
    kuni_lock *lock = kuni_alloc(1, sizeof(*lock), err);
    if (!lock) return KUNI_MEMORY;
    lock->fd = -1;
    lock->path = kuni_path_join(folder, "lock", err);
    if (!lock->path) goto fail;
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (lock->fd < 0) {
        status = kuni_fail_errno(err, "cannot open %s: is the dataset folder writable", lock->path);
        goto fail;
    }
    bool supported;
    for (int64_t waited = 0; !try_lock(lock->fd, &supported); waited += RETRY_MS) {
        if (!supported) {
            status = kuni_fail_errno(err,
                                     "%s: this file system keeps no locks (on Lustre mount with -o "
                                     "flock): put the dataset where it does",
                                     lock->path);
            goto fail;
        }
        if (waited >= wait_ms) {
            read_holder(lock->fd, holder);
            status = kuni_fail(
                err, KUNI_AGAIN,
                "another run is writing the dataset %s (%s): wait for it to end or stop it", folder,
                holder[0] ? holder : "holder unknown");
            goto fail;
        }
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
    uint64_t held = read_holder(lock->fd, holder), told = told_epoch(folder);
    lock->epoch = (held > told ? held : told) + 1;
    status = still_stands(lock) ? write_holder(lock, err)
                                : kuni_fail(err, KUNI_AGAIN,
                                            "%s was removed or replaced while this run waited for "
                                            "it: run the same command again",
                                            lock->path);
    if (status) goto fail;
    *out = lock;
    return KUNI_OK;
fail:
    kuni_lock_release(lock);
    return status;
}

uint64_t kuni_lock_epoch(const kuni_lock *lock)
{
    return lock->epoch;
}

kuni_status kuni_lock_check(const kuni_lock *lock, kuni_error *err)
{
    char holder[HOLDER_BYTES];
    if (!still_stands(lock))
        return kuni_fail(
            err, KUNI_AGAIN,
            "%s was removed or replaced under this run, so that another may be writing "
            "the dataset: stopping: run the same command again, alone",
            lock->path);
    uint64_t epoch = read_holder(lock->fd, holder);
    if (epoch == lock->epoch) return KUNI_OK;
    return kuni_fail(err, KUNI_AGAIN, "a younger run has taken over the dataset (%s): stopping",
                     holder);
}

/* --- signs of life --- */

static void *beat(void *context)
{
    kuni_lock *lock = context;
    (void)pthread_mutex_lock(&lock->mutex);
    while (!lock->ending) {
        struct timespec until;
        (void)futimens(lock->fd, NULL);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += lock->every_ms / 1000;
        until.tv_nsec += lock->every_ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        (void)pthread_cond_timedwait(&lock->end, &lock->mutex, &until);
    }
    (void)pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

kuni_status kuni_lock_beat(kuni_lock *lock, int64_t every_ms, kuni_error *err)
{
    sigset_t all, before;
    lock->every_ms = every_ms;
    (void)pthread_mutex_init(&lock->mutex, NULL);
    (void)pthread_cond_init(&lock->end, NULL);
    /* Signals are the main thread's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&lock->thread, NULL, beat, lock);
    lock->beating = errno == 0;
    if (!lock->beating) (void)kuni_fail_errno(err, "cannot start a thread");
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return lock->beating ? KUNI_OK : KUNI_IO;
}

int64_t kuni_lock_beaten_ns(const char *folder)
{
    struct stat info;
    char *path = kuni_path_join(folder, "lock", NULL);
    /* Opened, not only looked at: a network file system then asks its server. */
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool told = fd >= 0 && fstat(fd, &info) == 0;
    if (fd >= 0) (void)close(fd);
    free(path);
    return told ? (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec : -1;
}

void kuni_lock_release(kuni_lock *lock)
{
    if (!lock) return;
    if (lock->beating) {
        (void)pthread_mutex_lock(&lock->mutex);
        lock->ending = true;
        (void)pthread_cond_signal(&lock->end);
        (void)pthread_mutex_unlock(&lock->mutex);
        (void)pthread_join(lock->thread, NULL);
    }
    if (lock->fd >= 0) (void)close(lock->fd);
    free(lock->path);
    free(lock);
}

bool kuni_lock_is_held(const char *folder)
{
    struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = kuni_path_join(folder, "lock", NULL);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool held = fd >= 0 && fcntl(fd, F_GETLK, &other) == 0 && other.l_type != F_UNLCK;
    if (fd >= 0) (void)close(fd);
    free(path);
    return held;
}
