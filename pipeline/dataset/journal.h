/* SPDX-License-Identifier: MIT */
/*
 * The journal of a dataset: an append-only log of what has been finished. Rank 0 alone writes it.
 *
 * One line a record: eight hex digits of the CRC-32 of the rest, a space, one compact JSON object,
 * a newline. Lines reach the disk in groups, at the latest about a second after they were added and
 * before the run ends: what a crash loses is redone, since tasks are idempotent. A torn last line
 * is cut off when the journal is opened for writing; a damaged line elsewhere is skipped and
 * counted: its task is redone.
 *
 * Records ("t" tells the type):
 *   a task that is done
 *     {"t":"task","n":folder,"s":shard?,"b":batch?,"k":key,"o":[[bytes,mtime_ns,digest]|null,...],
 *      "skip":[id,...]?,"drop":[id,...]?,"of":parts?,"cpu":s,"wall":s,"rss":bytes,"rd":bytes?,
 *      "wr":bytes?,"work":n,
 *      "m":what it was made of (made_of.h),"why":reasons,"host":name,"rank":n?,"try":n?,"at":unix s}
 *   one that failed after all tries, for people
 *     {"t":"failed","n":folder,"s":shard?,"b":batch?,"what":text,"cpu","wall","rss","m","why","host",
 *      "rank"?,"try"?,"at"}
 *   one that was made from a seal which was given up: "k" has 16 digits, "without":[id,...] were in
 *   quarantine when the batch was sealed, and nothing is told for estimates
 *   a quarantined sample
 *     {"t":"bad","id":sample,"z":bytes,"m":mtime_ns,"why":text,"n":folder,"s":shard}
 *   a batch's samples when last seen
 *     {"t":"signs","b":batch,"v":[[bytes,mtime_ns,digest],...]}
 *   a parameter file's digest
 *     {"t":"file","p":path,"z":bytes,"m":mtime_ns,"d":digest}
 *   --retry-quarantined: bad records before it are void
 *     {"t":"forget"}
 *   with which settings a step runs from here on; "d" is the digest that keys hold
 *     {"t":"step","n":folder,"d":16 digits,"stage":name,"v":version,"with":{name:value},
 *      "ref":16 digits,"ploidy":text,"res":{name:digest}}
 *   that a batch is sealed in a step, or is not any more: the last counts
 *     {"t":"sealed"|"unsealed","n":folder,"b":batch}
 *   what the task records of a node told that a compaction left out, for estimates
 *     {"t":"sum","n":folder,"tasks":n,"bytes":n,"cpu":s,"wall":s,"rss":bytes}
 */
#ifndef KUNI_DATASET_JOURNAL_H
#define KUNI_DATASET_JOURNAL_H

#include <jansson.h>

#include "journal_task.h"
#include "kuni/file.h"

typedef struct kuni_journal kuni_journal;

/* Called for each whole record; the record is borrowed. */
typedef kuni_status kuni_journal_visitor(void *context, json_t *record, int64_t offset,
                                         kuni_error *err);

/*
 * Reads a journal (none: no records). *damaged counts unreadable lines before the last,
 * *whole_bytes the length up to the end of the last whole line. Memory does not grow with the
 * journal.
 */
KUNI_MUST_CHECK kuni_status kuni_journal_scan(const char *path, kuni_journal_visitor *visit,
                                              void *context, int64_t *damaged, int64_t *whole_bytes,
                                              kuni_error *err);
/* Who is told of what: either may be NULL. Tasks are read without a tree of values. */
typedef struct kuni_journal_reader {
    kuni_status (*task)(void *context, const kuni_journal_task *task, int64_t offset,
                        kuni_error *err);
    kuni_journal_visitor *record; /* of all others */
    void *context;
} kuni_journal_reader;

/* As kuni_journal_scan. */
KUNI_MUST_CHECK kuni_status kuni_journal_read(const char *path, const kuni_journal_reader *reader,
                                              int64_t *damaged, int64_t *whole_bytes,
                                              kuni_error *err);
/* Opens for appending, cuts off a torn last line. */
KUNI_MUST_CHECK kuni_status kuni_journal_open(kuni_journal **journal, const char *path,
                                              kuni_error *err);
/* Takes the reference of `record`, also on failure. */
KUNI_MUST_CHECK kuni_status kuni_journal_add(kuni_journal *journal, json_t *record,
                                             kuni_error *err);
/* Records that were added since it was opened. */
int64_t kuni_journal_added(const kuni_journal *journal);
/* Writes and syncs what was added, if that is older than max_age_ms (0: in any case). */
KUNI_MUST_CHECK kuni_status kuni_journal_flush(kuni_journal *journal, int64_t max_age_ms,
                                               kuni_error *err);
/* Flushes, closes, frees also on failure. Accepts NULL. */
KUNI_MUST_CHECK kuni_status kuni_journal_close(kuni_journal *journal, kuni_error *err);

/* --- compaction --- */

/* Called for each whole record in order: sets *keep (true before). It may change a record that it keeps. */
typedef kuni_status kuni_journal_filter(void *context, json_t *record, bool *keep, kuni_error *err);

typedef struct kuni_journal_counts {
    int64_t kept, dropped; /* records */
} kuni_journal_counts;

/*
 * Writes the journal anew with the records that `filter` keeps, in their order; damaged lines go. What
 * dropped task records told for estimates is summed into one record a node. `also` (an array, borrowed;
 * NULL: none) follows them. The new journal takes the place of the old in one step: after a crash
 * either of them stands. The caller holds the dataset's lock.
 */
KUNI_MUST_CHECK kuni_status kuni_journal_compact(kuni_journal *journal, kuni_journal_filter *filter,
                                                 void *context, json_t *also,
                                                 kuni_journal_counts *counts, kuni_error *err);

/* A person that no line may tell of any more. */
typedef struct kuni_journal_person {
    const char *sample; /* id */
    const char *batch;
    size_t place; /* among the samples of the batch, from 0 */
} kuni_journal_person;

/*
 * Writes the journal at `path` anew without anything about these people: verdicts on them, tasks that
 * name them or were made of a batch that holds them (keys digest ids), and what was seen of their
 * files. Other people of these batches keep theirs. None: KUNI_OK. The caller holds the lock, and
 * nobody has the journal open.
 */
KUNI_MUST_CHECK kuni_status kuni_journal_forget_people(const char *path,
                                                       const kuni_journal_person *people, size_t n,
                                                       kuni_error *err);

#endif
