/* SPDX-License-Identifier: MIT */
/*
 * The people of a release, as tables tell them apart: strata (group x sex x case or control, and by what
 * earlier releases told of them: the finest classes), and cells, the unions of strata that rows are about.
 * Participants, never samples: a release has one column a participant.
 */
#ifndef KUNI_SUMMARY_STRATA_H
#define KUNI_SUMMARY_STRATA_H

#include "kuni/genome.h"

enum { KUNI_SUMMARY_ANY = -1 }; /* of a cell: all groups, sexes, or roles */

/* As a request has them. */
typedef enum kuni_summary_role {
    KUNI_SUMMARY_NO_ROLE,
    KUNI_SUMMARY_CASE,
    KUNI_SUMMARY_CONTROL,
    KUNI_SUMMARY_ROLES
} kuni_summary_role;

typedef struct kuni_summary_person {
    const char *group; /* NULL: none, told as "." */
    kuni_sex sex;
    kuni_summary_role role;
    uint32_t label; /* strata do not mix labels, and cells do: see kuni_disclosure_past_people */
} kuni_summary_person;

typedef struct kuni_stratum {
    int group, sex, role; /* group: index of kuni_strata.groups */
    uint32_t label, people;
} kuni_stratum;

/* A union of strata. A member that is KUNI_SUMMARY_ANY does not choose. */
typedef struct kuni_summary_cell {
    int group, sex, role;
    uint32_t people, n;
    uint16_t *strata; /* n, rising */
} kuni_summary_cell;

typedef struct kuni_strata {
    size_t n_people;
    uint16_t *of;        /* by column: its stratum */
    const char **groups; /* sorted; borrowed */
    size_t n_groups;
    kuni_stratum *strata; /* those that have somebody, by group, sex, role, label */
    size_t n;
    /* all; by group; by sex; cases and controls; group and sex; each by its order */
    kuni_summary_cell *cells;
    size_t n_cells;
    size_t n_coarse; /* of them before group and sex */
    kuni_arena *arena;
} kuni_strata;

/* people[i] is who stands in column i. KUNI_DATA: more than 65,535 strata. To be given to _fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_strata_make(kuni_strata *strata, const kuni_summary_person *people,
                                             size_t n, kuni_error *err);
void kuni_strata_fini(kuni_strata *strata);

/* As tables spell them: "all", a name, "." for none; "female", "male", "unknown"; "case", "control". */
const char *kuni_strata_group(const kuni_strata *strata, int group);
const char *kuni_strata_sex(int sex);
const char *kuni_strata_role(int role);
/* The cell of cases, or of controls; NULL: there are none. */
const kuni_summary_cell *kuni_strata_role_cell(const kuni_strata *strata, kuni_summary_role role);

#endif
