/* SPDX-License-Identifier: MIT */
/*
 * A job: one or more tasks that one child runs, and what comes of it. The result travels as bytes,
 * from the child to its rank and from there to rank 0.
 */
#ifndef KUNI_TASK_JOB_H
#define KUNI_TASK_JOB_H

#include "hash.h"
#include "kuni/file.h"
#include "kuni/stage.h"
#include "members.h"

typedef struct kuni_job_part {
    const kuni_step *step;
    /*
     * outputs[].path are the final places; folders are made where missing. `heartbeat` is set by the
     * runner. `scratch`, where not NULL, is made before and removed after.
     */
    const kuni_task *task;
    /* of each input: what it must have before the stage sees it; zero, or NULL: not looked at */
    const kuni_hash *input_digests;
    const uint32_t *input_spans; /* see kuni_bundle */
    const kuni_other_cut *input_cuts;
    const kuni_sample_run *input_runs;
} kuni_job_part;

typedef struct kuni_job {
    const kuni_job_part *parts;
    size_t n_parts;
    size_t n_spans;          /* of the shard of all parts, see kuni_bundle; 0 or 1: no bundle */
    kuni_sample_run samples; /* of a step that runs once a sample, see kuni_bundle */
    /* READS of a bundle: pass by pass, so that a step has one span open at a time. */
    bool apart;
    /* Stdout and stderr go to LOG.out and LOG.err (removed where empty); NULL: stay. */
    const char *log;
    int64_t time_limit_s; /* killed when without a sign of life for so long; 0: never */
    int64_t memory_bytes; /* what the child may allocate beyond what the rank holds; 0: no limit */
    /* Of the run: part of temporary names, so that two runs never write the same file. */
    uint64_t epoch;
    int rank; /* likewise */
    /* READS, SAMPLE: n_samples flags over task->samples, nonzero: quarantined; NULL: none. */
    const uint8_t *skip;
} kuni_job;

typedef struct kuni_bad_sample {
    int64_t sample;     /* index into task->samples */
    kuni_status status; /* KUNI_DATA or KUNI_IO */
    char *reason;
} kuni_bad_sample;

typedef struct kuni_job_output {
    size_t part, output; /* index of the part, and into its task->outputs */
    bool present;        /* false: an optional output that was not written */
    uint64_t bytes;
    int64_t mtime_ns;
    char digest[KUNI_DIGEST_HEX_BYTES];
} kuni_job_output;

enum { KUNI_JOB_HOST_BYTES = 64 };

typedef struct kuni_job_result {
    kuni_status status; /* KUNI_OK: all outputs stand. KUNI_AGAIN: killed by kuni_runner_kill */
    char *text;         /* what went wrong; "" where nothing did */
    /* The one at fault (index into task->samples), or -1. After a crash: the one under way. */
    int64_t sample;
    size_t part;  /* that failed */
    int signal;   /* that ended the child, or 0 */
    bool crashed; /* ended without a result: signal, stray exit, time limit */
    bool timed_out;
    /* READS: samples dropped because of their input; the job goes on without them. */
    kuni_bad_sample *bad;
    size_t n_bad;
    kuni_job_output *outputs; /* on KUNI_OK: one for each output of each part, in order */
    size_t n_outputs;
    double cpu_s, wall_s;           /* the child and what it waited for */
    char host[KUNI_JOB_HOST_BYTES]; /* where it ran: said by the rank; "": not known */
    int64_t max_rss_bytes;
    /* through system calls, of files, pipes and sockets, commands' with it; 0: not known */
    int64_t read_bytes, written_bytes;
    int64_t work; /* last heartbeat's value; READS: records fed */
} kuni_job_result;

/* KUNI_IO where a file has not the digest that it had when it was made. One with a stub is given back. */
KUNI_MUST_CHECK kuni_status kuni_check_input(const char *path, const kuni_hash *digest,
                                             kuni_error *err);

void kuni_job_result_fini(kuni_job_result *result);
/*
 * As bytes, for the way from rank to rank. `unpack` checks all lengths: KUNI_BUG on foreign bytes.
 */
KUNI_MUST_CHECK kuni_status kuni_job_result_pack(const kuni_job_result *result, kuni_buffer *out,
                                                 kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_job_result_unpack(kuni_job_result *result, const void *bytes,
                                                   size_t length, kuni_error *err);

#endif
