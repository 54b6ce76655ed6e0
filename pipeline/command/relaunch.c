/* SPDX-License-Identifier: MIT */
#include "relaunch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "complain.h"
#include "kuni/file.h"
#include "lock.h"

enum {
    LOOK_MS = 500,
    GRACE_S = 10, /* between TERM and KILL: mpirun ends its ranks after a second */
    STOP_S = 120, /* a run that was told to stop leaves its tasks and flushes */
    PAUSE_S = 2,  /* before another try, doubled each time that nothing came of one */
    PAUSE_MOST_S = 60
};

/* How the last run of the dataset stands. */
typedef struct word {
    int64_t epoch, done, exit_status;
    char state[16], message[512];
} word;

typedef struct attempt {
    const kuni_relaunch *r;
    pid_t pid;
    bool ended;
    int how;                     /* wait status, once ended */
    int64_t epoch;               /* of the run before */
    int64_t beaten_ns, alive_ms; /* the lock's time, and when it was last another */
    bool begun;                  /* it was another since the start */
    const char *why;             /* the launcher was ended by force */
} attempt;

static volatile sig_atomic_t told;

static void on_signal(int number)
{
    told = number;
}

static void say(const char *format, ...) KUNI_PRINTF(1, 2);

static void say(const char *format, ...)
{
    va_list args;
    (void)fputs("kuni: relaunch: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* --- what the dataset says --- */

static word ask(const char *dataset)
{
    word w = {.epoch = -1};
    char *path = kuni_path_join(dataset, "status.json", NULL);
    json_t *o = path ? json_load_file(path, 0, NULL) : NULL;
    const char *state = json_string_value(json_object_get(o, "state"));
    const char *message = json_string_value(json_object_get(o, "message"));
    if (o) {
        w.epoch = json_integer_value(json_object_get(o, "epoch"));
        w.done = json_integer_value(json_object_get(o, "done"));
        w.exit_status = json_integer_value(json_object_get(o, "exit_status"));
        (void)snprintf(w.state, sizeof(w.state), "%s", state ? state : "");
        (void)snprintf(w.message, sizeof(w.message), "%s", message ? message : "");
    }
    json_decref(o);
    free(path);
    return w;
}

static bool has_ended(const attempt *a, const word *w)
{
    return w->epoch > a->epoch && strcmp(w->state, "running") != 0;
}

/* --- the launcher --- */

static kuni_status start(attempt *a, kuni_error *err)
{
    (void)fflush(NULL);
    a->pid = fork();
    if (a->pid < 0) return kuni_fail_errno(err, "cannot start a process");
    if (a->pid > 0) return KUNI_OK;
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    (void)execvp(a->r->words[0], a->r->words);
    (void)fprintf(stderr, "kuni: cannot start %s: %s\n", a->r->words[0], strerror(errno));
    _exit(127);
}

static bool reap(attempt *a)
{
    if (!a->ended && waitpid(a->pid, &a->how, WNOHANG) == a->pid) a->ended = true;
    return a->ended;
}

static void await_end(attempt *a, int64_t seconds)
{
    for (int64_t until = kuni_now_ms() + seconds * 1000; !reap(a) && kuni_now_ms() < until;)
        kuni_sleep_ms(LOOK_MS / 5);
}

/* Ranks that outlived the launcher are this process's children then (see kuni_relaunch_run). */
static void kill_orphans(void)
{
    for (int round = 0, n = 1; n && round < 50; round++) {
        DIR *folder = opendir("/proc");
        const struct dirent *entry;
        n = 0;
        while (folder && (entry = readdir(folder)) != NULL) {
            char path[64], line[512];
            if (!isdigit((unsigned char)entry->d_name[0])) continue;
            (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            ssize_t length = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
            if (fd >= 0) (void)close(fd);
            line[length > 0 ? length : 0] = '\0';
            const char *rest = strrchr(line, ')'); /* then: blank, state, blank, parent */
            if (!rest || strlen(rest) < 5 || strtol(rest + 4, NULL, 10) != (long)getpid()) continue;
            (void)kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
            n++;
        }
        if (folder) (void)closedir(folder);
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
        if (n) kuni_sleep_ms(LOOK_MS / 10);
    }
}

static void end_by_force(attempt *a)
{
    if (!reap(a)) {
        (void)kill(-a->pid, SIGTERM);
        await_end(a, GRACE_S);
    }
    if (!reap(a)) {
        (void)kill(-a->pid, SIGKILL);
        await_end(a, GRACE_S);
    }
}

/* Why the launcher is to be ended though it has not ended by itself; NULL: it is not. */
static const char *why_end(attempt *a, int64_t *over_ms)
{
    int64_t now = kuni_now_ms(), limit_ms = a->r->patience_s * 1000;
    int64_t beaten_ns = kuni_lock_beaten_ns(a->r->dataset);
    if (beaten_ns != a->beaten_ns) {
        a->alive_ms = now;
        a->begun = true;
    }
    a->beaten_ns = beaten_ns;
    const word w = ask(a->r->dataset);
    if (!has_ended(a, &w)) {
        *over_ms = 0;
        /* Twice: the ranks notice by themselves, and end, if they still can; first they must start. */
        int64_t most_ms = (a->begun ? 2 : 4) * limit_ms;
        return now - a->alive_ms > most_ms ? "the run has given no sign of life" : NULL;
    }
    if (!*over_ms) *over_ms = now;
    return now - *over_ms > limit_ms ? "the run has ended and its launcher has not" : NULL;
}

static void watch(attempt *a)
{
    int64_t over_ms = 0;
    a->alive_ms = kuni_now_ms();
    a->beaten_ns = kuni_lock_beaten_ns(a->r->dataset);
    while (!reap(a) && !told && !(a->why = why_end(a, &over_ms))) kuni_sleep_ms(LOOK_MS);
    if (told && !a->ended) {
        say("signal %d: telling the launcher", (int)told);
        (void)kill(a->pid, told == SIGUSR1 ? SIGUSR1 : SIGTERM);
        await_end(a, STOP_S);
    }
    if (a->why) say("%s: ending it", a->why);
    end_by_force(a);
    kill_orphans();
}

/* --- what comes next --- */

/* Another try would only say the same. */
static bool is_final(int64_t status)
{
    return status == KUNI_USAGE || status == KUNI_DATA || status == KUNI_IO;
}

/* The exit status where the end has come, or -1. `reason` becomes what there is to say. */
static int outcome(const attempt *a, const word *w, char *reason, size_t room)
{
    int launcher = WIFEXITED(a->how) ? WEXITSTATUS(a->how) : 128 + WTERMSIG(a->how);
    bool fresh = w->epoch > a->epoch;
    if (fresh && strcmp(w->state, "done") == 0) return KUNI_OK;
    if (fresh && has_ended(a, w)) {
        (void)snprintf(reason, room, "%s", w->message);
        return is_final(w->exit_status) ? (int)w->exit_status : -1;
    }
    if (a->why)
        (void)snprintf(reason, room, "%s", a->why);
    else if (fresh)
        (void)snprintf(reason, room, "the run was killed (the launcher ended with %d)", launcher);
    else
        (void)snprintf(reason, room, "the launcher ended with %d before the run began", launcher);
    return !fresh && (is_final(launcher) || launcher == 127) ? launcher : -1;
}

static void take_signals(void)
{
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        (void)sigaction(numbers[i], &action, NULL);
}

static void pause_before(int64_t without)
{
    int64_t seconds = PAUSE_S;
    for (int64_t i = 1; i < without && seconds < PAUSE_MOST_S; i++) seconds *= 2;
    if (seconds > PAUSE_MOST_S) seconds = PAUSE_MOST_S;
    for (int64_t until = kuni_now_ms() + seconds * 1000; !told && kuni_now_ms() < until;)
        kuni_sleep_ms(LOOK_MS / 5);
}

int kuni_relaunch_run(const kuni_relaunch *r)
{
    char reason[640] = "";
    int64_t without = 0, most_done = ask(r->dataset).done;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    take_signals();
    for (int64_t number = 1;; number++) {
        kuni_error err = KUNI_ERROR_INIT;
        const word before = ask(r->dataset);
        attempt a = {.r = r, .epoch = before.epoch};
        if (start(&a, &err)) return kuni_command_fail(&err);
        watch(&a);
        const word after = ask(r->dataset);
        int status = outcome(&a, &after, reason, sizeof(reason));
        if (status == KUNI_OK) return KUNI_OK;
        if (status > 0)
            return kuni_command_complain((kuni_status)status, "relaunch: not tried again: %s",
                                         reason);
        if (told) return kuni_command_complain(KUNI_AGAIN, "relaunch: told to stop: %s", reason);
        bool progress = after.epoch > a.epoch && after.done > most_done;
        if (progress) most_done = after.done;
        without = progress ? 0 : without + 1;
        if (without > r->most)
            return kuni_command_complain(KUNI_AGAIN,
                                         "relaunch: given up after %" PRId64 " starts, %" PRId64
                                         " in a row without progress, the last: %s",
                                         number, without, reason);
        say("start %" PRId64 " ended: %s: starting again", number, reason);
        pause_before(without);
        if (told) return kuni_command_complain(KUNI_AGAIN, "relaunch: told to stop");
    }
}
