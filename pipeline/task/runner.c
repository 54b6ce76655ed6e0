/* SPDX-License-Identifier: MIT */
/* The rank's side of a job: forks, watches, collects. The child's side is runner_child.c. */
#include "runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "temporary.h"

struct kuni_runner {
    pid_t pid;
    int fd;       /* the child's result comes here; -1 once at its end */
    bool reaped;  /* the child has been waited for */
    bool killed;  /* by kuni_runner_kill */
    bool expired; /* killed for want of a heartbeat */
    int wait_status;
    struct rusage usage;
    runner_page *page;
    kuni_buffer received;
    double started_s, alive_s; /* monotonic clock: start, last sign of life */
    int64_t beats;             /* seen at alive_s */
    int64_t time_limit_s, memory_bytes;
    uint64_t epoch;
    int rank;
    char *log;
    size_t n_parts;
    char **names;   /* "stage call" of each part */
    char **folders; /* of all outputs, without immediate repeats */
    size_t n_folders;
    char **scratch; /* to remove afterwards */
    size_t n_scratch;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count && texts; i++) free(texts[i]);
    free(texts);
}

static void release(kuni_runner *runner)
{
    if (runner->fd >= 0) (void)close(runner->fd);
    if (runner->page) (void)munmap(runner->page, sizeof(*runner->page));
    kuni_buffer_fini(&runner->received);
    free_texts(runner->names, runner->n_parts);
    free_texts(runner->folders, runner->n_folders);
    free_texts(runner->scratch, runner->n_scratch);
    free(runner->log);
    free(runner);
}

static kuni_status remember_outputs(kuni_runner *runner, const kuni_task *task, size_t *capacity,
                                    kuni_error *err)
{
    for (size_t i = 0; i < task->n_outputs; i++) {
        const char *path = task->outputs[i].path;
        const char *slash = strrchr(path, '/');
        char *folder = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup("./");
        if (!folder) return kuni_fail_memory(err, strlen(path), 1);
        if (runner->n_folders && strcmp(runner->folders[runner->n_folders - 1], folder) == 0) {
            free(folder);
            continue;
        }
        kuni_status status = kuni_grow((void **)&runner->folders, capacity, runner->n_folders + 1,
                                       sizeof(*runner->folders), err);
        if (status) {
            free(folder);
            return status;
        }
        runner->folders[runner->n_folders++] = folder;
    }
    return KUNI_OK;
}

/* What is needed of the job after the child has ended. */
static kuni_status remember(kuni_runner *runner, const kuni_job *job, kuni_error *err)
{
    size_t capacity = 0;
    runner->names = kuni_alloc(job->n_parts, sizeof(*runner->names), err);
    runner->scratch = kuni_alloc(job->n_parts, sizeof(*runner->scratch), err);
    if (!runner->names || !runner->scratch) return KUNI_MEMORY;
    if (job->log && !(runner->log = kuni_strdup(job->log, err))) return KUNI_MEMORY;
    for (size_t i = 0; i < job->n_parts; i++) {
        const kuni_job_part *part = &job->parts[i];
        kuni_buffer name = KUNI_BUFFER_INIT;
        bool named = part->step->name && part->step->name[0];
        kuni_status status = kuni_buffer_printf(&name, err, "stage %s%s%s", part->task->stage_id,
                                                named ? "/" : "", named ? part->step->name : "");
        if (status) return status;
        runner->names[i] = name.data;
        runner->n_parts = i + 1;
        if (part->task->scratch) {
            char *scratch = kuni_strdup(part->task->scratch, err);
            if (!scratch) return KUNI_MEMORY;
            runner->scratch[runner->n_scratch++] = scratch;
        }
        status = remember_outputs(runner, part->task, &capacity, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status check_job(const kuni_job *job, kuni_error *err)
{
    bool sound = job->n_parts > 0;
    for (size_t i = 0; i < job->n_parts; i++) {
        const kuni_step *step = job->parts[i].step;
        if (step->scatter == KUNI_SCATTER_READS)
            sound = sound && step->open && step->finish &&
                    job->parts[i].task->shard == job->parts[0].task->shard &&
                    job->parts[i].task->batch == job->parts[0].task->batch;
        else
            sound = sound && job->n_parts == 1 && step->run;
    }
    return sound ? KUNI_OK
                 : kuni_fail(err, KUNI_BUG,
                             "a job must be one step, or READS steps of one batch "
                             "and shard");
}

kuni_status kuni_runner_start(kuni_runner **out, const kuni_job *job, kuni_error *err)
{
    int ends[2] = {-1, -1};
    kuni_status status = check_job(job, err);
    if (status) return status;
    kuni_runner *runner = kuni_alloc(1, sizeof(*runner), err);
    if (!runner) return KUNI_MEMORY;
    runner->fd = -1;
    runner->time_limit_s = job->time_limit_s;
    runner->memory_bytes = job->memory_bytes;
    runner->epoch = job->epoch;
    runner->rank = job->rank;
    status = remember(runner, job, err);
    if (status) goto fail;
    void *page = mmap(NULL, sizeof(*runner->page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        status = kuni_fail_errno(err, "cannot map a page for %s", runner->names[0]);
        goto fail;
    }
    runner->page = page;
    atomic_store(&runner->page->sample, -1);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        status = kuni_fail_errno(err, "cannot make a pipe for %s", runner->names[0]);
        goto fail;
    }
    runner->fd = ends[0];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        status = kuni_fail_errno(err, "cannot set up the pipe of %s", runner->names[0]);
        goto fail;
    }
    (void)fflush(NULL);
    runner->started_s = runner->alive_s = now_s();
    long parent = (long)getpid();
    runner->pid = fork();
    if (runner->pid == 0) {
        (void)close(ends[0]);
        runner_child_main(job, runner->page, ends[1], parent);
    }
    if (runner->pid < 0) {
        status = kuni_fail_errno(err, "cannot start a process for %s", runner->names[0]);
        goto fail;
    }
    (void)close(ends[1]);
    *out = runner;
    return KUNI_OK;
fail:
    if (ends[1] >= 0) (void)close(ends[1]);
    release(runner);
    return status;
}

int kuni_runner_fd(const kuni_runner *runner)
{
    return runner->fd;
}

int64_t kuni_runner_work(const kuni_runner *runner)
{
    return atomic_load_explicit(&runner->page->work, memory_order_relaxed);
}

/* --- ending it --- */

/* The session of a process by /proc/PID/stat, or -1. */
static long session_of(const char *pid)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t length = read(fd, line, sizeof(line) - 1);
    (void)close(fd);
    if (length <= 0) return -1;
    line[length] = '\0';
    /* The name in parentheses may hold anything: fields count from the last ')'. */
    const char *rest = strrchr(line, ')');
    /* state, parent, group, session */
    for (int field = 0; field < 4 && rest; field++) rest = strchr(rest + 1, ' ');
    return rest ? strtol(rest, NULL, 10) : -1;
}

/*
 * A command of the external stage has a process group of its own, but stays in the child's session.
 */
static void kill_session(pid_t leader)
{
    DIR *folder = opendir("/proc");
    if (!folder) return;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end || pid <= 0 || session_of(entry->d_name) != (long)leader) continue;
        (void)kill((pid_t)pid, SIGKILL);
    }
    (void)closedir(folder);
}

static void kill_child(kuni_runner *runner)
{
    if (runner->reaped) return;
    (void)kill(runner->pid, SIGKILL);
    (void)kill(-runner->pid, SIGKILL);
}

void kuni_runner_kill(kuni_runner *runner)
{
    runner->killed = true;
    kill_child(runner);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    (void)remove(path);
    return 0;
}

/* After a failure: what the child left under its temporary names. */
static void remove_temporaries(const kuni_runner *runner)
{
    char prefix[128];
    (void)snprintf(prefix, sizeof(prefix), KUNI_TEMPORARY_PREFIX "%llu-%d-%ld-",
                   (unsigned long long)runner->epoch, runner->rank, (long)runner->pid);
    for (size_t i = 0; i < runner->n_folders; i++) {
        DIR *folder = opendir(runner->folders[i]);
        if (!folder) continue;
        struct dirent *entry;
        while ((entry = readdir(folder)) != NULL)
            if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
                (void)unlinkat(dirfd(folder), entry->d_name, 0);
        (void)closedir(folder);
    }
}

static void remove_empty_log(const kuni_runner *runner, const char *ending)
{
    kuni_buffer path = KUNI_BUFFER_INIT;
    struct stat info;
    if (!kuni_buffer_printf(&path, NULL, "%s%s", runner->log, ending) &&
        stat(path.data, &info) == 0 && info.st_size == 0)
        (void)unlink(path.data);
    kuni_buffer_fini(&path);
}

static void clean_up(const kuni_runner *runner, bool failed)
{
    if (failed) {
        kill_session(runner->pid);
        remove_temporaries(runner);
    }
    for (size_t i = 0; i < runner->n_scratch; i++)
        (void)nftw(runner->scratch[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (runner->log) {
        remove_empty_log(runner, ".out");
        remove_empty_log(runner, ".err");
    }
}

void kuni_runner_free(kuni_runner *runner)
{
    if (!runner) return;
    if (!runner->reaped) {
        kill_child(runner);
        while (waitpid(runner->pid, NULL, 0) < 0 && errno == EINTR) continue;
        clean_up(runner, true);
    }
    release(runner);
}

/* --- watching --- */

/* Takes what the pipe holds; the child must never wait for us with a long list of bad samples. */
static kuni_status receive(kuni_runner *runner, kuni_error *err)
{
    enum { ROOM = 1 << 14 };
    while (runner->fd >= 0) {
        kuni_status status = kuni_buffer_reserve(&runner->received, ROOM, err);
        if (status) return status;
        ssize_t got = read(runner->fd, runner->received.data + runner->received.length, ROOM);
        if (got > 0) {
            runner->received.length += (size_t)got;
            continue;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        (void)close(runner->fd);
        runner->fd = -1;
    }
    return KUNI_OK;
}

static void watch_heartbeat(kuni_runner *runner)
{
    int64_t beats = atomic_load_explicit(&runner->page->beats, memory_order_relaxed);
    double now = now_s();
    if (beats != runner->beats) {
        runner->beats = beats;
        runner->alive_s = now;
    } else if (runner->time_limit_s > 0 && now - runner->alive_s > (double)runner->time_limit_s) {
        runner->expired = true;
        kill_child(runner);
    }
}

static int64_t max_rss_bytes(const kuni_runner *runner)
{
    return (int64_t)runner->usage.ru_maxrss * 1024;
}

/* A child that ended without a result: tells how, and on which sample. */
static kuni_status describe_death(kuni_runner *runner, kuni_job_result *result, kuni_error *err)
{
    *result = (kuni_job_result){.status = KUNI_BUG, .sample = atomic_load(&runner->page->sample)};
    int64_t part = atomic_load(&runner->page->part);
    result->part = part >= 0 && (size_t)part < runner->n_parts ? (size_t)part : 0;
    runner->page->sample_name[RUNNER_NAME_BYTES - 1] = '\0';
    const char *name = runner->names[result->part];
    const char *sample = result->sample >= 0 ? runner->page->sample_name : "";
    const char *on = sample[0] ? " on sample " : "";
    if (WIFSIGNALED(runner->wait_status)) result->signal = WTERMSIG(runner->wait_status);
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status;
    if (runner->killed) {
        result->status = KUNI_AGAIN;
        result->sample = -1;
        status = kuni_buffer_printf(&text, err, "%s: stopped on request", name);
    } else if (runner->expired) {
        result->timed_out = result->crashed = true;
        status = kuni_buffer_printf(&text, err, "%s hung%s%s: no sign of life for %lld s: killed",
                                    name, on, sample, (long long)runner->time_limit_s);
    } else if (result->signal) {
        result->crashed = true;
        const char *hint = "";
        if (result->signal == SIGKILL)
            hint = ": if nobody killed it, the machine ran out of memory: lower resources.memory "
                   "or start fewer ranks on a machine";
        else if (runner->memory_bytes > 0 && max_rss_bytes(runner) >= runner->memory_bytes / 10 * 9)
            hint = ": it held as much memory as resources.memory allows: raise that";
        status = kuni_buffer_printf(&text, err, "%s crashed%s%s: signal %d (%s)%s", name, on,
                                    sample, result->signal, strsignal(result->signal), hint);
    } else {
        result->crashed = true;
        status = kuni_buffer_printf(&text, err, "%s left%s%s with exit status %d and no result",
                                    name, on, sample, WEXITSTATUS(runner->wait_status));
    }
    result->text = text.data;
    return status;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

kuni_status kuni_runner_poll(kuni_runner *runner, bool *done, kuni_job_result *result,
                             kuni_error *err)
{
    *done = false;
    if (!runner->reaped) {
        kuni_status status = receive(runner, err);
        if (status) return status;
        pid_t ended = wait4(runner->pid, &runner->wait_status, WNOHANG, &runner->usage);
        if (ended < 0 && errno == EINTR) return KUNI_OK;
        if (ended < 0) return kuni_fail_errno(err, "cannot wait for %s", runner->names[0]);
        if (ended == 0) {
            watch_heartbeat(runner);
            return KUNI_OK;
        }
        runner->reaped = true;
    }
    kuni_status status = receive(runner, err);
    if (status) return status;
    /* A whole result counts even if a kill came right after it: the outputs stand. */
    if (kuni_job_result_unpack(result, runner->received.data, runner->received.length, NULL))
        status = describe_death(runner, result, err);
    clean_up(runner, result->status != KUNI_OK);
    result->cpu_s = seconds(runner->usage.ru_utime) + seconds(runner->usage.ru_stime);
    result->wall_s = now_s() - runner->started_s;
    result->max_rss_bytes = max_rss_bytes(runner);
    result->work = kuni_runner_work(runner);
    if (status) {
        kuni_job_result_fini(result);
        return status;
    }
    *done = true;
    return KUNI_OK;
}
