/* SPDX-License-Identifier: MIT */
/*
 * An order of work and the messages between the ranks.
 *
 * A work is one task, or several READS tasks of the same batch and shard that share a decode. It
 * carries numbers of the plan and short keys, from which a rank makes the paths itself. A message
 * is one byte of type and a body; all ranks run the same program on the same kind of machine, and a
 * body that does not unpack is a bug.
 */
#ifndef KUNI_PLAN_WORK_H
#define KUNI_PLAN_WORK_H

#include "hash.h"
#include "made_of.h"

typedef enum kuni_message_type {
    /* rank 0 to another */
    KUNI_MESSAGE_WORK = 'w',     /* kuni_work: run it */
    KUNI_MESSAGE_TOGETHER = 't', /* kuni_work of a RANKS step: all ranks enter the assembly now */
    KUNI_MESSAGE_COLUMNS = 'c',  /* who has no column: withdrawn or quarantined */
    KUNI_MESSAGE_STOP = 's',     /* kill what runs and leave */
    KUNI_MESSAGE_REGROUP = 'l',  /* a rank was lost: all that live regroup now */
    KUNI_MESSAGE_END = 'e',      /* the run has ended; 1: do not leave MPI in order */
    /* to rank 0 */
    KUNI_MESSAGE_RESULT = 'r', /* id of the work, packed kuni_job_result */
    KUNI_MESSAGE_SIGNAL = 'g'  /* the rank was asked to stop: its signal number */
} kuni_message_type;

typedef struct kuni_work_file {
    uint16_t port, node, output;
    int32_t shard, batch;
    uint64_t key;
    kuni_hash digest; /* what an earlier run wrote: looked at before it is used; zero: not */
} kuni_work_file;

typedef struct kuni_work_part {
    uint16_t node;
    kuni_hash key; /* as it was when the work was handed out */
    uint32_t first_file, n_files;
    /* For the journal; does not travel. */
    kuni_made_of of;
    kuni_rerun why;
} kuni_work_part;

typedef struct kuni_work {
    uint64_t id;
    int32_t shard, batch; /* -1: none */
    uint32_t attempt;
    kuni_work_part *parts;
    size_t n_parts, parts_capacity;
    kuni_work_file *files; /* inputs of all parts */
    size_t n_files, files_capacity;
    uint32_t *skip; /* READS, BATCH: quarantined samples of the batch */
    size_t n_skip, skip_capacity;
} kuni_work;

void kuni_work_fini(kuni_work *work);
KUNI_MUST_CHECK kuni_status kuni_work_add_part(kuni_work *work, size_t node, const kuni_hash *key,
                                               kuni_error *err);
/* Adds an input file to the last part. */
KUNI_MUST_CHECK kuni_status kuni_work_add_file(kuni_work *work, kuni_work_file file,
                                               kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_work_add_skip(kuni_work *work, uint32_t sample, kuni_error *err);

/* Messages are built by appending a type byte, then the body. */
KUNI_MUST_CHECK kuni_status kuni_message_start(kuni_buffer *message, kuni_message_type type,
                                               kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_message_put_u64(kuni_buffer *message, uint64_t value,
                                                 kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_work_pack(const kuni_work *work, kuni_buffer *message,
                                           kuni_error *err);

typedef struct kuni_message_reader {
    const char *at, *end;
} kuni_message_reader;

/* The type of a message, or 0 for an empty one; the reader stands at the body. */
int kuni_message_open(kuni_message_reader *reader, const kuni_buffer *message);
KUNI_MUST_CHECK kuni_status kuni_message_get_u64(kuni_message_reader *reader, uint64_t *value,
                                                 kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_work_unpack(kuni_work *work, kuni_message_reader *reader,
                                             kuni_error *err);

#endif
