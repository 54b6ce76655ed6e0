/* SPDX-License-Identifier: MIT */
/*
 * The register of a dataset: its people, in column order, with their batches. DATASET/register.tsv.
 *
 * A manifest adds people and tells what is known of them; it never takes anyone away. What a person
 * is to the dataset stands here: in it, withdrawn, or quarantined for what the bytes of the reads
 * are. Tab-separated, "." where nothing is known; the first line tells the format, the last one the
 * number of people and the BLAKE2b of all lines before, so that damage is noticed.
 *
 *   batch sample_id participant_id sex state since bytes content group site father mother reads
 *   index md5 shares where reason consent icf_version consent_date release_after custodian recontact
 *   timepoint primary
 */
#ifndef KUNI_DATASET_REGISTER_H
#define KUNI_DATASET_REGISTER_H

#include "hash.h"
#include "kuni/sample.h"
#include "kuni/stage.h"
#include "names.h"

typedef enum kuni_person_state {
    KUNI_PERSON_IN = 0,
    KUNI_PERSON_WITHDRAWN,   /* by `kuni withdraw`: outranks every manifest */
    KUNI_PERSON_QUARANTINED, /* the bytes of the reads are bad: `reason`; out until they change */
    KUNI_PERSON_MOVED, /* was quarantined when the batch was sealed, and is in a later batch */
    KUNI_PERSON_ERASED /* a place where somebody was of whom nothing is left: KUNI_SAMPLE_NOBODY */
} kuni_person_state;

/* What else a manifest tells of a sample, as text; of no use to stages. Manifest and register name
 * the columns alike: see kuni_fact_name. */
typedef enum kuni_fact {
    KUNI_FACT_CONSENT,
    KUNI_FACT_FORM,
    KUNI_FACT_FORM_DATE,
    KUNI_FACT_RELEASE_AFTER,
    KUNI_FACT_CUSTODIAN,
    KUNI_FACT_RECONTACT, /* "yes" or "no" */
    KUNI_FACT_TIMEPOINT,
    KUNI_FACT_PRIMARY, /* likewise: of a participant's samples, the one that counts */
    KUNI_FACTS
} kuni_fact;

typedef struct kuni_person {
    kuni_person_state state;
    int64_t since;              /* first generation with a column for the sample; 0: none yet */
    int64_t bytes;              /* of the reads as they were when last seen; -1: never */
    kuni_hash content;          /* likewise: see kuni_content_of; zero where not known */
    const char *where, *reason; /* of the quarantine, else NULL */
    const char *reads, *index; /* of who is out: where they lay; a sample that is in tells itself */
    const char **facts;        /* KUNI_FACTS texts, NULL where not known; or NULL: none is */
    bool listed;               /* stands in the manifest that was read; not stored */
} kuni_person;

typedef struct kuni_register {
    kuni_sample *samples; /* index_in_cohort is the place in the list */
    kuni_person *people;  /* one a sample */
    size_t n;
    kuni_batch *batches; /* contiguous, in order */
    size_t n_batches;
    bool twins; /* of kuni_register_read: false where everybody is called as their only sample */
} kuni_register;

/*
 * Reads a register; absent: empty. Arrays and strings live in `arena`. KUNI_IO where it is damaged.
 */
KUNI_MUST_CHECK kuni_status kuni_register_read(kuni_register *people, const char *path,
                                               kuni_arena *arena, kuni_error *err);
/*
 * Likewise; `by_id`, the rows by the ids of those who are neither moved nor erased, is the caller's then, also after a
 * failure. NULL: nobody wants it, and that no id stands twice is left to who wrote the register and to its digest.
 */
KUNI_MUST_CHECK kuni_status kuni_register_read_named(kuni_register *people, kuni_names *by_id,
                                                     const char *path, kuni_arena *arena,
                                                     kuni_error *err);
/* Writes it atomically; a file that has these bytes already is left alone. */
KUNI_MUST_CHECK kuni_status kuni_register_write(const kuni_register *people, const char *path,
                                                kuni_error *err);
/*
 * Batches are numbered as they come: b0000, b0001, ...; those that were made of several by `kuni compact`
 * stand where these stood, under numbers of their own.
 */
void kuni_register_batch_name(size_t number, char room[32]);
/* The number of the next batch: beyond all. */
size_t kuni_register_next_batch(const kuni_batch *batches, size_t n);
/* Whether batches were put together: their numbers are not their places any more. */
bool kuni_register_is_compacted(const kuni_batch *batches, size_t n);
/* Of a compacted register: the rows of batches up to the last that holds somebody who had a column. */
size_t kuni_register_rows_published(const kuni_batch *batches, size_t n, const kuni_person *people);
/* "consent", ...: the column's name. */
const char *kuni_fact_name(kuni_fact fact);
/* The fact's text, or NULL. */
const char *kuni_person_fact(const kuni_person *person, kuni_fact fact);
/* "in", "withdrawn", ...: as stored. */
const char *kuni_person_state_name(kuni_person_state state);

#endif
