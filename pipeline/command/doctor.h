/* SPDX-License-Identifier: MIT */
/*
 * What the checks of `kuni doctor` share. Each adds rows to the table, PASS, WARN or FAIL, and goes
 * on: what can be found in one pass is found in one pass. A row says what was looked at, what was
 * found and, where that is bad, what to do. The checks are in doctor_inputs.h and
 * doctor_machine.h; cmd_doctor.c calls them in turn.
 */
#ifndef KUNI_COMMAND_DOCTOR_H
#define KUNI_COMMAND_DOCTOR_H

#include "cohort.h"
#include "workflow.h"

typedef enum kuni_finding { KUNI_PASS, KUNI_WARN, KUNI_FAIL } kuni_finding;

typedef struct kuni_doctor {
    const kuni_workflow *workflow;
    const kuni_cohort *cohort; /* NULL: the manifest has faults */
    kuni_genome *genome;       /* NULL: the reference cannot be opened */
    kuni_span *spans;          /* that stages know as shards */
    size_t n_spans;
    size_t n_shards;   /* that have tasks and files: bundles of small spans count once */
    int64_t length_bp; /* of all */
    int64_t ranks;     /* processes on this machine */
    int64_t jobs;      /* processes that look at samples */
    bool md5;          /* compare declared MD5s of reads files */
    size_t counts[3];  /* rows by finding */
} kuni_doctor;

/* Prints a row. */
void kuni_doctor_row(kuni_doctor *doctor, kuni_finding finding, const char *subject,
                     const char *format, ...) KUNI_PRINTF(4, 5);

#endif
