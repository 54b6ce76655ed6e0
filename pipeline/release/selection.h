/* SPDX-License-Identifier: MIT */
/*
 * Who of a dataset a request gets: the people of the published call set, less those who have withdrawn,
 * those it does not ask for, and those whose consent does not cover it. A participant counts once,
 * with the sample that counts in the call set.
 *
 * The call set is the current generation: what `kuni run` published after its gate. Whoever has a
 * tombstone is out, whatever was published before.
 */
#ifndef KUNI_RELEASE_SELECTION_H
#define KUNI_RELEASE_SELECTION_H

#include "published.h"
#include "register.h"
#include "request.h"
#include "tombstones.h"

/* Why somebody is out, apart from consent: see kuni_out_name. In the order of looking. */
typedef enum kuni_out {
    KUNI_OUT_WITHDRAWN,        /* a tombstone */
    KUNI_OUT_NOT_IN_CALLS,     /* no sample in what is published: new, quarantined, or the gate */
    KUNI_OUT_OTHER_GROUP,      /* not of `people.groups` */
    KUNI_OUT_NOT_LISTED,       /* not in `people.list` */
    KUNI_OUT_NO_CASE,          /* neither case nor control */
    KUNI_OUT_CASE_AND_CONTROL, /* both */
    KUNI_OUT_NOT_COUNTED,      /* for the sake of earlier releases: see kuni_selection_hold_back */
    KUNI_OUTS
} kuni_out;

typedef enum kuni_role {
    KUNI_ROLE_NONE, /* the request tells neither cases nor controls */
    KUNI_ROLE_CASE,
    KUNI_ROLE_CONTROL
} kuni_role;

/* Somebody who is released. Texts are borrowed from the register. */
typedef struct kuni_released {
    uint32_t sample; /* row of the register, and of the cohort */
    const char *id, *participant;
    const char *group, *custodian; /* or NULL */
    kuni_sex sex;
    kuni_role role;
    bool recontact;        /* has agreed to be asked again */
    kuni_reason reason;    /* of the permission */
    const char *pseudonym; /* set by kuni_pseudonyms_give; NULL before */
    int32_t column;        /* likewise: place in the release, from 0; -1 before */
} kuni_released;

typedef struct kuni_selection {
    kuni_released *people; /* in the order of the register */
    size_t n;
    size_t n_participants; /* of the dataset, withdrawn ones too */
    size_t out[KUNI_OUTS];
    size_t by_reason[KUNI_REASONS]; /* of those who are asked for: allowed, denied, or ask */
    size_t n_foreign;               /* rows of the phenotype table of people who are not here */
    char today[16];                 /* that consents were matched on */
    char *folder;                   /* of the dataset */
    int64_t generation;             /* 0: not known */
    kuni_published published;
    kuni_register people_known;
    kuni_tombstones stones;
    kuni_phenotypes phenotypes;
    kuni_arena *arena;
} kuni_selection;

/*
 * Selects from the dataset at `folder` (borrowed); consents are matched on the day `today`. KUNI_DATA with
 * `faults` where the phenotype table or the list is wrong; KUNI_USAGE: nothing is published. To be given to
 * kuni_selection_fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_selection_make(kuni_selection *selection,
                                                const kuni_request *request, const char *folder,
                                                const char *today, kuni_buffer *faults,
                                                kuni_error *err);
void kuni_selection_fini(kuni_selection *selection);
/* Takes out whom waits[] (by place in `people`) names: counts with them, less earlier ones, would be of few. */
void kuni_selection_hold_back(kuni_selection *selection, const bool *waits);
/*
 * Reads the tombstones of the dataset anew: KUNI_AGAIN where one of the selected has withdrawn since. To be
 * asked before anything is handed over.
 */
KUNI_MUST_CHECK kuni_status kuni_selection_check(const kuni_selection *selection, kuni_error *err);

/* "withdrawn", ...; and a line that says what it means. */
const char *kuni_out_name(kuni_out out);
const char *kuni_out_text(kuni_out out);
/* The day in UTC as YYYY-MM-DD. */
void kuni_today(char day[16]);

#endif
