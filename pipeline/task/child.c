/* SPDX-License-Identifier: MIT */
/*
 * The child's side of a job: sets itself apart from the rank, runs the stage code, publishes the
 * outputs.
 */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "injection.h"
#include "members.h"
#include "reads_pass.h"
#include "temporary.h"

/* A part with its outputs under temporary names. */
typedef struct child_part {
    kuni_task task;
    kuni_task_file *outputs;
    kuni_bundle bundle;
    kuni_task *members; /* what the stage sees: of each span and sample */
} child_part;

typedef struct child {
    const kuni_job *job;
    size_t n_spans;   /* 1: no bundle */
    size_t n_members; /* of each part: how often its step is run */
    child_part *parts;
    kuni_arena *arena;
    uint8_t *skip; /* a bundle's later passes: also who was found bad in an earlier one */
    kuni_job_result result;
    size_t bad_capacity;
} child;

/*
 * The only state outside the stack: heartbeats come through a function pointer without a context.
 */
static runner_page *shared;

static void beat(int64_t work_done)
{
    atomic_store_explicit(&shared->work, work_done, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->beats, 1, memory_order_relaxed);
}

/* --- setting apart --- */

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP) (void)signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The rank's sockets, pipes and event descriptors: a child that holds them could keep a connection
 * alive that the death of its rank should close. Regular files stay: the reference is reopened
 * properly.
 */
static void close_connections(int keep)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end || end == entry->d_name || fd <= STDERR_FILENO || fd == keep ||
            fd == dirfd(folder))
            continue;
        struct stat info;
        if (fstat((int)fd, &info) == 0 && !S_ISREG(info.st_mode)) (void)close((int)fd);
    }
    (void)closedir(folder);
}

static kuni_status redirect(int to, const char *prefix, const char *ending, kuni_error *err)
{
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&path, err, "%s%s", prefix, ending);
    if (status) return status;
    /* Readable too: the external stage quotes a command's last words from it. */
    int fd = open(path.data, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0666);
    if (fd < 0 || dup2(fd, to) < 0)
        status = kuni_fail_errno(err, "cannot open the log %s", path.data);
    if (fd >= 0) (void)close(fd);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status set_streams(const kuni_job *job, kuni_error *err)
{
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)close(null);
    }
    if (!job->log) return KUNI_OK;
    kuni_status status = redirect(STDOUT_FILENO, job->log, ".out", err);
    return status ? status : redirect(STDERR_FILENO, job->log, ".err", err);
}

#if defined(__SANITIZE_ADDRESS__)

static kuni_status limit_memory(const kuni_job *job, kuni_error *err)
{
    (void)job; /* the sanitizer's shadow memory counts as data */
    (void)err;
    return KUNI_OK;
}
#else
/* Private memory that the process holds already, in bytes. */
static uint64_t held_bytes(void)
{
    char line[256] = "";
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm) return 0;
    const char *field = fgets(line, sizeof(line), statm);
    (void)fclose(statm);
    /* size, resident, shared, text, library, data: in pages */
    for (int i = 0; i < 5 && field; i++) field = strchr(field + 1, ' ');
    return field ? strtoull(field, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static kuni_status limit_memory(const kuni_job *job, kuni_error *err)
{
    if (job->memory_bytes <= 0) return KUNI_OK;
    rlim_t bytes = (rlim_t)held_bytes() + (rlim_t)job->memory_bytes;
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)getrlimit(RLIMIT_DATA, &limit);
    if (limit.rlim_cur <= bytes) return KUNI_OK; /* the system's own limit is tighter */
    limit.rlim_cur = bytes;
    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        return kuni_fail_errno(err, "cannot limit memory to %lld bytes",
                               (long long)job->memory_bytes);
    return KUNI_OK;
}
#endif

/* Work is done; what remains must not fail for want of the last megabyte. */
static void lift_memory_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_DATA, &limit);
}

static kuni_status reopen_references(const kuni_job *job, kuni_error *err)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        kuni_genome *genome = job->parts[i].task->genome;
        bool seen = !genome;
        for (size_t k = 0; k < i; k++) seen = seen || job->parts[k].task->genome == genome;
        kuni_status status = seen ? KUNI_OK : kuni_genome_reopen(genome, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* --- outputs --- */

static kuni_status make_folder_of(const char *path, kuni_error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return KUNI_OK;
    char *folder = strndup(path, (size_t)(slash - path));
    if (!folder) return kuni_fail_memory(err, strlen(path), 1);
    kuni_status status = kuni_make_folders(folder, err);
    free(folder);
    return status;
}

static kuni_status prepare_part(child *me, const kuni_job_part *from, child_part *part,
                                kuni_error *err)
{
    const kuni_job *job = me->job;
    part->task = *from->task;
    part->task.heartbeat = beat;
    part->bundle = (kuni_bundle){.step = from->step,
                                 .task = &part->task,
                                 .n_spans = me->n_spans,
                                 .samples = job->samples,
                                 .input_spans = from->input_spans,
                                 .input_cuts = from->input_cuts,
                                 .input_runs = from->input_runs};
    part->members = kuni_alloc(me->n_members, sizeof(*part->members), err);
    if (!part->members) return KUNI_MEMORY;
    if (from->task->scratch) {
        kuni_status status = kuni_make_folders(from->task->scratch, err);
        if (status) return status;
    }
    if (!from->task->n_outputs) return KUNI_OK;
    part->outputs = kuni_alloc(from->task->n_outputs, sizeof(*part->outputs), err);
    if (!part->outputs) return KUNI_MEMORY;
    part->task.outputs = part->outputs;
    for (size_t i = 0; i < from->task->n_outputs; i++) {
        part->outputs[i] = from->task->outputs[i];
        kuni_status status = make_folder_of(part->outputs[i].path, err);
        if (status) return status;
        part->outputs[i].path =
            kuni_temporary_name(from->task->outputs[i].path, job->epoch, job->rank, err);
        if (!part->outputs[i].path) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

/* What the stage sees of member number k. */
static kuni_status take_member(child *me, size_t part, size_t k, kuni_error *err)
{
    child_part *p = &me->parts[part];
    /* A bundle's members are called after the files that they end in. */
    if (kuni_is_bundle(&p->bundle)) p->task.outputs = me->job->parts[part].task->outputs;
    return kuni_member_task(&p->bundle, k, p->task.scratch, me->arena, &p->members[k], err);
}

static kuni_status take_all_members(child *me, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < me->job->n_parts; i++)
        for (size_t k = 0; k < me->n_spans && !status; k++) status = take_member(me, i, k, err);
    return status;
}

static kuni_status pack_outputs(child *me, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < me->job->n_parts; i++) {
        child_part *p = &me->parts[i];
        if (!kuni_is_bundle(&p->bundle)) continue;
        for (size_t o = 0; o < p->task.n_outputs && !status; o++) {
            atomic_store(&shared->part, (int64_t)i);
            kuni_injection_crash_at("pack");
            status = kuni_members_pack(&p->bundle, p->members, o, p->outputs[o].path, err);
            atomic_fetch_add(&shared->beats, 1);
        }
    }
    return status;
}

static bool is_optional(const kuni_step *step, const char *kind)
{
    for (const kuni_port *port = step->outputs; port && port->kind; port++)
        if (strcmp(port->kind, kind) == 0) return port->optional;
    return false;
}

/* Size, time and digest of an output under its temporary name. */
static kuni_status examine_output(child *me, size_t part, size_t index, kuni_job_output *found,
                                  kuni_error *err)
{
    const kuni_job_part *from = &me->job->parts[part];
    const kuni_task_file *file = &me->parts[part].outputs[index];
    found->part = part;
    found->output = index;
    struct stat info;
    if (stat(file->path, &info) != 0) {
        if (errno != ENOENT) return kuni_fail_errno(err, "cannot look at %s", file->path);
        if (is_optional(from->step, file->kind)) return KUNI_OK;
        return kuni_fail(err, KUNI_BUG,
                         "stage %s ended well but did not write its output '%s' (%s)",
                         from->task->stage_id, file->kind, from->task->outputs[index].path);
    }
    if (!S_ISREG(info.st_mode))
        return kuni_fail(err, KUNI_BUG, "stage %s: its output '%s' is not a regular file",
                         from->task->stage_id, file->kind);
    found->present = true;
    found->bytes = (uint64_t)info.st_size;
    found->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return kuni_digest_file(file->path, found->digest, err);
}

/* All outputs are looked at before the first is renamed. */
static kuni_status publish(child *me, kuni_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < me->job->n_parts; i++) count += me->job->parts[i].task->n_outputs;
    me->result.outputs = kuni_alloc(count, sizeof(*me->result.outputs), err);
    if (count && !me->result.outputs) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t part = 0; part < me->job->n_parts; part++)
        for (size_t i = 0; i < me->job->parts[part].task->n_outputs; i++, n++) {
            atomic_store(&shared->part, (int64_t)part);
            kuni_status status = examine_output(me, part, i, &me->result.outputs[n], err);
            if (status) return status;
            atomic_fetch_add(&shared->beats, 1);
        }
    for (size_t i = 0; i < n; i++) {
        const kuni_job_output *output = &me->result.outputs[i];
        if (!output->present) continue;
        kuni_status status =
            kuni_file_publish(me->parts[output->part].outputs[output->output].path,
                              me->job->parts[output->part].task->outputs[output->output].path, err);
        if (status) return status;
        atomic_fetch_add(&shared->beats, 1);
    }
    me->result.n_outputs = n;
    return KUNI_OK;
}

/* --- running --- */

static void pass_at(void *context, int64_t sample, size_t part)
{
    const child *me = context;
    part %= me->job->n_parts; /* of a bundle: the parts of one span after those of another */
    atomic_store_explicit(&shared->part, (int64_t)part, memory_order_relaxed);
    if (sample == atomic_load_explicit(&shared->sample, memory_order_relaxed)) return;
    const char *name = sample >= 0 ? me->parts[0].task.samples[sample].id : "";
    (void)snprintf(shared->sample_name, sizeof(shared->sample_name), "%s", name);
    atomic_store_explicit(&shared->sample, sample, memory_order_relaxed);
    kuni_injection_crash_at(sample >= 0 ? name : "finish");
}

static void pass_beat(void *context, int64_t records)
{
    (void)context;
    beat(records);
}

static kuni_status pass_bad(void *context, int64_t sample, const kuni_error *why, kuni_error *err)
{
    child *me = context;
    if (me->skip) me->skip[sample] = 1;
    kuni_status status = kuni_grow((void **)&me->result.bad, &me->bad_capacity,
                                   me->result.n_bad + 1, sizeof(*me->result.bad), err);
    if (status) return status;
    char *reason = kuni_strdup(why->text, err);
    if (!reason) return KUNI_MEMORY;
    me->result.bad[me->result.n_bad++] =
        (kuni_bad_sample){.sample = sample, .status = why->status, .reason = reason};
    return KUNI_OK;
}

/* One pass over the spans [from, to). */
static kuni_status run_pass(child *me, size_t from, size_t to, kuni_error *err)
{
    size_t n = 0;
    kuni_reads_pass_part *parts = kuni_alloc((to - from) * me->job->n_parts, sizeof(*parts), err);
    if (!parts) return KUNI_MEMORY;
    for (size_t k = from; k < to; k++)
        for (size_t i = 0; i < me->job->n_parts; i++)
            parts[n++] = (kuni_reads_pass_part){.step = me->job->parts[i].step,
                                                .task = &me->parts[i].members[k]};
    const kuni_reads_pass pass = {.parts = parts,
                                  .n_parts = n,
                                  .skip = me->skip ? me->skip : me->job->skip,
                                  .at = pass_at,
                                  .beat = pass_beat,
                                  .bad = pass_bad,
                                  .context = me};
    kuni_injection_crash_at("open");
    kuni_status status = kuni_reads_pass_run(&pass, err);
    free(parts);
    return status;
}

static kuni_status run_passes(child *me, kuni_error *err)
{
    kuni_status status = take_all_members(me, err);
    if (status || !me->job->apart) return status ? status : run_pass(me, 0, me->n_spans, err);
    size_t n = me->parts[0].task.n_samples;
    me->skip = kuni_alloc(n + 1, 1, err);
    if (!me->skip) return KUNI_MEMORY;
    if (me->job->skip) memcpy(me->skip, me->job->skip, n);
    for (size_t k = 0; k < me->n_spans && !status; k++) status = run_pass(me, k, k + 1, err);
    return status;
}

/* Of a step that runs once a sample: the one of member k, or -1 where it is left out. */
static int64_t sample_of(const child *me, size_t k)
{
    const kuni_sample_run *run = &me->job->samples;
    const kuni_task *task = me->job->parts[0].task;
    size_t i = run->first + k % run->n;
    const kuni_sample *sample = &task->samples[i];
    bool out = (me->job->skip && me->job->skip[i]) || !sample->reads ||
               strcmp(sample->id, KUNI_SAMPLE_NOBODY) == 0;
    return !out && kuni_sample_feeds(sample, me->job->parts[0].step->feed) ? (int64_t)i : -1;
}

static kuni_status run_member(child *me, size_t k, kuni_error *err)
{
    child_part *part = &me->parts[0];
    kuni_task *member = &part->members[k];
    kuni_status status = take_member(me, 0, k, err);
    if (status) return status;
    kuni_injection_crash_at("run");
    if (member->sample) pass_at(me, member->sample - member->samples, 0);
    status = me->job->parts[0].step->run(member, err);
    me->result.sample = status && err->sample >= 0 ? err->sample : -1;
    if (!kuni_is_bundle(&part->bundle)) return status;
    kuni_member_drop_inputs(&part->bundle, member);
    if (status || !member->sample) return status;
    beat((int64_t)k + 1);
    return kuni_remove_tree(member->scratch, err);
}

static kuni_status run_members(child *me, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t k = 0; k < me->n_members && !status; k++) {
        if (me->job->samples.n && sample_of(me, k) < 0) {
            me->parts[0].members[k] = me->parts[0].task; /* without a sample */
            continue;
        }
        status = run_member(me, k, err);
        atomic_fetch_add(&shared->beats, 1);
    }
    return status;
}

/* Bytes that a step over the whole cohort does not read through for itself: files of this size are
 * joined by all ranks, which look at them then. */
enum { COHORT_INPUT_BYTES_MAX = 64 << 20 };

static kuni_status check_inputs(const kuni_job_part *part, kuni_error *err)
{
    bool cohort = part->step->scatter == KUNI_SCATTER_COHORT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; part->input_digests && i < part->task->n_inputs && !status; i++) {
        const char *path = part->task->inputs[i].path;
        struct stat info;
        if (cohort && stat(path, &info) == 0 && info.st_size > COHORT_INPUT_BYTES_MAX) continue;
        status = kuni_check_input(path, &part->input_digests[i], err);
        beat((int64_t)i);
    }
    return status;
}

/*
 * What is told of a person may be corrected once the reads are gone: nothing that is made of reads
 * may depend on it, so a step that reads them does not get to see it, and one that sums them up not
 * the sex. The samples are this process's own, by the fork.
 */
static void hide_facts(const kuni_job_part *part)
{
    const kuni_task *task = part->task;
    bool reads = part->step->scatter == KUNI_SCATTER_READS ||
                 kuni_scatter_by_sample(part->step->scatter) || part->step->folds;
    if ((!reads && part->step->scatter != KUNI_SCATTER_BATCH) || task->batch < 0) return;
    const kuni_batch *batch = &task->batches[task->batch];
    kuni_sample *samples;
    memcpy(&samples, &task->samples, sizeof(samples)); /* const only for the stages */
    for (size_t i = batch->first; i < batch->first + batch->n_samples; i++) {
        if (!part->step->sees_facts) samples[i].sex = KUNI_SEX_UNKNOWN;
        if (reads)
            samples[i].father = samples[i].mother = samples[i].group = samples[i].site = NULL;
    }
}

static kuni_status prepare(child *me, kuni_error *err)
{
    const kuni_job *job = me->job;
    kuni_status status = set_streams(job, err);
    if (!status) status = reopen_references(job, err);
    if (status) return status;
    me->n_spans = job->n_spans > 1 ? job->n_spans : 1;
    me->n_members = me->n_spans * (job->samples.n ? job->samples.n : 1);
    me->parts = kuni_alloc(job->n_parts, sizeof(*me->parts), err);
    me->arena = kuni_arena_new(err);
    if (!me->parts || !me->arena) return KUNI_MEMORY;
    for (size_t i = 0; i < job->n_parts && !status; i++)
        status = prepare_part(me, &job->parts[i], &me->parts[i], err);
    for (size_t i = 0; i < job->n_parts && !status; i++) status = check_inputs(&job->parts[i], err);
    for (size_t i = 0; i < job->n_parts && !status; i++) hide_facts(&job->parts[i]);
    return status ? status : limit_memory(job, err);
}

static kuni_status run(child *me, kuni_error *err)
{
    kuni_status status = prepare(me, err);
    if (status) return status;
    const kuni_step *step = me->job->parts[0].step;
    if (step->scatter == KUNI_SCATTER_READS)
        status = run_passes(me, err);
    else
        status = run_members(me, err);
    if (status && err->status == KUNI_OK)
        status = kuni_fail(err, status, "stage %s failed without saying why",
                           me->job->parts[0].task->stage_id);
    if (status) return status;
    atomic_store(&shared->sample, -1);
    shared->sample_name[0] = '\0';
    lift_memory_limit();
    status = pack_outputs(me, err);
    if (status) return status;
    if (fflush(NULL) != 0)
        return kuni_fail_errno(err, "stage %s: cannot write its log", me->parts[0].task.stage_id);
    return publish(me, err);
}

static bool send_result(int fd, const kuni_job_result *result)
{
    kuni_buffer packed = KUNI_BUFFER_INIT;
    if (kuni_job_result_pack(result, &packed, NULL)) return false;
    size_t sent = 0;
    while (sent < packed.length) {
        ssize_t wrote = write(fd, packed.data + sent, packed.length - sent);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        sent += (size_t)wrote;
    }
    return true;
}

/* What this process has read and written so far, and what it waited for. */
static void count_bytes(kuni_job_result *result)
{
    char line[128];
    FILE *io = fopen("/proc/self/io", "re");
    if (!io) return; /* a kernel without accounting */
    while (fgets(line, sizeof(line), io)) {
        if (strncmp(line, "rchar: ", 7) == 0) result->read_bytes = strtoll(line + 7, NULL, 10);
        if (strncmp(line, "wchar: ", 7) == 0) result->written_bytes = strtoll(line + 7, NULL, 10);
    }
    (void)fclose(io);
}

void runner_child_main(const kuni_job *job, runner_page *page, int result_fd, long parent_pid)
{
    shared = page;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_pid) _exit(1); /* the rank died before the line above */
    (void)setsid();                        /* so that all it starts can be found and killed */
    reset_signals();
    close_connections(result_fd);

    child me = {.job = job, .result = {.sample = -1}};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = run(&me, &err);
    count_bytes(&me.result);
    me.result.status = status;
    me.result.text = err.text;
    me.result.part = (size_t)atomic_load(&shared->part);
    if (status) {
        if (job->parts[0].step->scatter == KUNI_SCATTER_READS) me.result.sample = err.sample;
        me.result.n_outputs = 0;
        (void)fflush(NULL);
    }
    _exit(send_result(result_fd, &me.result) ? 0 : 1);
}
