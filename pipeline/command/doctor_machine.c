/* SPDX-License-Identifier: MIT */
#include "doctor_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "amount.h"
#include "axis.h"
#include "mark.h"

/*
 * Space: the goal of 50 MiB of evidence for a 30x genome of 3.1 Gb, and as much again for calls and
 * temporary copies; but no more than twice the reads, of which there may be few. What little a dataset
 * of nobody takes (journal, logs, scratch of tasks) comes on top.
 */
static const double genome_bp = 3.1e9;
static const double evidence_bytes = 50.0 * (1 << 20);
static const double share_of_copies = 2;
static const double share_of_reads = 2;
static const double least_bytes = 16.0 * (1 << 20);
static const double rank_bytes = 200.0 * (1 << 20); /* of a rank beside its task */

enum { DESCRIPTORS_LEAST = 256, DESCRIPTORS_GOOD = 1024 };

static const double gib = 1 << 30;

/* --- dataset --- */

/* The nearest folder on the way up that exists; to be freed. */
static char *existing_parent(const char *path)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *parent = kuni_strdup(path, &err);
    struct stat status;
    while (parent && stat(parent, &status) != 0) {
        char *slash = strrchr(parent, '/');
        if (!slash) break;
        if (slash == parent) slash++;
        *slash = '\0';
    }
    return parent;
}

/* Writes, locks and removes a file as a run would; an error says what was refused. */
static kuni_status try_writing(const char *folder, kuni_error *err)
{
    char name[64];
    snprintf(name, sizeof(name), ".kuni-doctor-%ld", (long)getpid());
    char *path = kuni_path_join(folder, name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = kuni_file_put(path, "", 0, err);
    if (!status) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
            status =
                kuni_fail_errno(err,
                                "%s: the file system keeps no locks, so two runs on one dataset "
                                "could not be told apart: mount it with locks",
                                folder);
        if (fd >= 0) (void)close(fd);
        if (unlink(path) != 0 && !status) status = kuni_fail_errno(err, "%s", path);
    }
    free(path);
    return status;
}

/* Process that holds DATASET/lock, 0 for none, -1 where it is on another machine. */
static long lock_holder(const char *dataset)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *path = kuni_path_join(dataset, "lock", &err);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0) return 0;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    long holder = 0;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        holder = lock.l_pid > 0 ? (long)lock.l_pid : -1;
    (void)close(fd);
    return holder;
}

/* Of the samples that are not in the dataset yet; -1 where a file cannot be looked at. */
static double new_reads_bytes(const kuni_cohort *cohort)
{
    double bytes = 0;
    for (size_t i = cohort->n_samples - cohort->n_new; i < cohort->n_samples; i++) {
        struct stat status;
        if (!cohort->samples[i].reads || stat(cohort->samples[i].reads, &status) != 0) return -1;
        bytes += (double)status.st_size;
    }
    return bytes;
}

static double space_needed(const kuni_doctor *doctor)
{
    if (!doctor->cohort) return least_bytes;
    double need = (double)doctor->cohort->n_new * evidence_bytes * share_of_copies *
                  ((double)doctor->length_bp / genome_bp);
    double reads = new_reads_bytes(doctor->cohort) * share_of_reads;
    return least_bytes + (reads >= 0 && reads < need ? reads : need);
}

/* What comes after the evidence makes so many files a shard: of joint-genotype's and of merge's. */
enum { FILES_OF_JOINT = 8 };

static size_t joint_shards(const kuni_doctor *doctor)
{
    const kuni_workflow *w = doctor->workflow;
    int64_t bp =
        w->joint_bp ? w->joint_bp : kuni_axis_joint_bp(w->shard_bp, doctor->cohort->n_samples);
    size_t n = (size_t)(doctor->length_bp / (bp > 0 ? bp : 1));
    return n > doctor->n_shards ? n : doctor->n_shards;
}

static void check_space(kuni_doctor *doctor, const char *folder)
{
    struct statvfs disk;
    char there[32], needed[32];
    if (statvfs(folder, &disk) != 0) {
        kuni_doctor_row(doctor, KUNI_WARN, "disk", "%s: %s", folder, strerror(errno));
        return;
    }
    double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    double need = space_needed(doctor);
    kuni_doctor_row(doctor, free_bytes < need ? KUNI_FAIL : KUNI_PASS, "disk",
                    "%s free; a run needs about %s%s", kuni_amount_of_bytes(free_bytes, there),
                    kuni_amount_of_bytes(need, needed),
                    free_bytes < need ? ": make room or choose another dataset folder (`kuni plan "
                                        "--trial` measures what it takes)"
                                      : "");
    if (!doctor->cohort || !disk.f_files) return;
    double files = (double)doctor->cohort->n_batches * (double)doctor->n_shards *
                       (double)doctor->workflow->n_stages +
                   (double)joint_shards(doctor) * FILES_OF_JOINT;
    if ((double)disk.f_favail < files)
        kuni_doctor_row(
            doctor, KUNI_WARN, "disk",
            "%.0f files can be made, a run makes about %.0f: larger `batch` or regions.shard "
            "make fewer",
            (double)disk.f_favail, files);
}

void kuni_doctor_dataset(kuni_doctor *doctor)
{
    const char *dataset = doctor->workflow->dataset;
    if (!dataset) return; /* a fault of the workflow */
    char *folder = existing_parent(dataset);
    kuni_error err = KUNI_ERROR_INIT;
    struct stat status;
    if (!folder) return;
    bool there = stat(dataset, &status) == 0;
    if (there && !S_ISDIR(status.st_mode))
        kuni_doctor_row(doctor, KUNI_FAIL, "dataset", "%s is a file: name a folder", dataset);
    else if (kuni_mark_check(dataset, &err) || try_writing(folder, &err))
        kuni_doctor_row(doctor, KUNI_FAIL, "dataset", "%s", err.text);
    else
        kuni_doctor_row(doctor, KUNI_PASS, "dataset", "%s %s", dataset,
                        there ? "can be written" : "can be made");
    long holder = there ? lock_holder(dataset) : 0;
    if (holder > 0)
        kuni_doctor_row(doctor, KUNI_WARN, "dataset",
                        "a run is under way: process %ld of this machine", holder);
    if (holder < 0)
        kuni_doctor_row(doctor, KUNI_WARN, "dataset", "a run is under way on another machine");
    check_space(doctor, folder);
    free(folder);
}

/* --- machine --- */

static void check_descriptors(kuni_doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    kuni_finding finding = limit.rlim_cur < DESCRIPTORS_LEAST  ? KUNI_FAIL
                           : limit.rlim_cur < DESCRIPTORS_GOOD ? KUNI_WARN
                                                               : KUNI_PASS;
    kuni_doctor_row(doctor, finding, "files", "%llu may be open at once in a process%s",
                    (unsigned long long)limit.rlim_cur,
                    finding == KUNI_PASS ? "" : ": raise it with ulimit -n 4096");
}

/* A number in a file, as in /sys/fs/cgroup/memory.max; -1 where there is none. */
static double number_in(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    char line[256];
    double number = -1;
    while (number < 0 && fgets(line, sizeof(line), file)) {
        size_t length = strlen(key);
        if (strncmp(line, key, length) != 0) continue;
        char *end;
        double value = strtod(line + length, &end);
        if (end != line + length) number = value;
    }
    (void)fclose(file);
    return number;
}

static void check_memory(kuni_doctor *doctor)
{
    double available = number_in("/proc/meminfo", "MemAvailable:") * 1024;
    double limit = number_in("/sys/fs/cgroup/memory.max", "");
    if (limit > 0 && (available < 0 || limit < available)) available = limit;
    double need = (double)doctor->ranks * ((double)doctor->workflow->memory_bytes + rank_bytes);
    if (available < 0) return;
    kuni_doctor_row(
        doctor, need > available ? KUNI_WARN : KUNI_PASS, "memory",
        "%.1f GiB to be had; %lld rank%s with resources.memory of %.1f GiB may use %.1f GiB%s",
        available / gib, (long long)doctor->ranks, doctor->ranks == 1 ? "" : "s",
        (double)doctor->workflow->memory_bytes / gib, need / gib,
        need > available ? ": fewer ranks, or less memory a task" : "");
}

static void check_cores(kuni_doctor *doctor)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return;
    int64_t cores = CPU_COUNT(&set);
    int64_t machine = sysconf(_SC_NPROCESSORS_ONLN);
    /* Under mpirun a process is bound to its own core: the machine's number counts. */
    if (getenv("OMPI_COMM_WORLD_LOCAL_SIZE") && machine > cores) cores = machine;
    kuni_doctor_row(
        doctor, doctor->ranks > cores ? KUNI_WARN : KUNI_PASS, "cores", "%lld, for %lld rank%s%s",
        (long long)cores, (long long)doctor->ranks, doctor->ranks == 1 ? "" : "s",
        doctor->ranks > cores ? ": more ranks than cores only slow each other down" : "");
}

void kuni_doctor_machine(kuni_doctor *doctor)
{
    check_descriptors(doctor);
    check_memory(doctor);
    check_cores(doctor);
    kuni_doctor_programs(doctor);
}
