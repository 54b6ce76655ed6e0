/* SPDX-License-Identifier: MIT */
/*
 * Partitions of people by what was told of them, and whether one thing more may be told.
 *
 * Units are the smallest sets of people that are looked at; cells are unions of them. Those that are in the
 * same told cells are an atom. Whatever set has a count that follows from told ones by adding and subtracting
 * is a union of atoms. So where each atom has a count of nobody or of at least k people, no sum and no
 * difference is 1 to k-1. See disclosure.h for what that does not cover, and how it is.
 */
#ifndef KUNI_DISCLOSURE_ATOMS_H
#define KUNI_DISCLOSURE_ATOMS_H

#include "counts.h"
#include "kuni/buffer.h"

/* Who looks: to each of the audiences (bits) other units are known, person by person. */
typedef struct kuni_atoms_people {
    size_t n_units, n_audiences; /* audience 0 knows nobody */
    const uint64_t *known;       /* by unit: bit a: audience a knows them; NULL: nobody does */
    const uint64_t *partly; /* likewise: it knows some of them, and who is not known; NULL: none */
    int64_t threshold;
} kuni_atoms_people;

/* What is told of units. */
typedef enum kuni_atoms_what {
    KUNI_ATOMS_CARRIERS, /* het + hom + hemi */
    KUNI_ATOMS_CLASSES   /* each of them */
} kuni_atoms_what;

typedef struct kuni_atoms {
    const kuni_atoms_people *people;  /* borrowed */
    uint16_t *of;                     /* by unit; 0: nothing is told of it */
    size_t n;                         /* numbers in use, 0 among them */
    kuni_disclosure_counts *in, *out; /* by atom: of the cell that is looked at, and beside it */
    uint8_t *has_in, *has_out;
    uint16_t *number; /* by atom: its new number */
} kuni_atoms;

/* What adding a cell would do. */
typedef struct kuni_atoms_step {
    bool allowed; /* both parts of each atom that it splits are well; and whatever else is in it */
    bool splits;  /* of what is told already it tells parts apart */
    int64_t
        least_side; /* of the atoms that it splits: the least number of carriers, or of those without */
} kuni_atoms_step;

/* Units may be as many as 65,000. To be given to kuni_atoms_fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_atoms_init(kuni_atoms *atoms, const kuni_atoms_people *people,
                                            kuni_error *err);
void kuni_atoms_fini(kuni_atoms *atoms);
/* Nothing is told. */
void kuni_atoms_clear(kuni_atoms *atoms);
/* Looks at a cell (a byte a unit), by the counts of units; changes nothing. */
kuni_atoms_step kuni_atoms_look(kuni_atoms *atoms, const uint8_t *cell,
                                const kuni_disclosure_counts *counts, kuni_atoms_what what);
/* The cell is told. */
void kuni_atoms_add(kuni_atoms *atoms, const uint8_t *cell);

#endif
