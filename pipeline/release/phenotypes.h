/* SPDX-License-Identifier: MIT */
/*
 * What is known of the participants' diseases and signs, and who are cases and controls by it.
 *
 * A table: participant_id, term (MONDO, HPO), date (YYYY-MM-DD), and where wanted timepoint; columns
 * by name, one observation a row. Rows of people whom the dataset does not know are passed over. Counts are of
 * participants: two samples or ten rows of one count once. Nothing of it enters a key of calling.
 *
 * An expression says who is meant, by terms with all their kinds:
 *
 *     MONDO:0005148 and not (HP:0003074@baseline or MONDO:0008903)
 *
 * TERM@TIMEPOINT takes rows of that time point alone. `not` binds closest, then `and`, then `or`. Of
 * whom no row is known by the day nothing is known: no expression matches, `not` neither.
 */
#ifndef KUNI_RELEASE_PHENOTYPES_H
#define KUNI_RELEASE_PHENOTYPES_H

#include "faults.h"
#include "names.h"
#include "ontology.h"

typedef struct kuni_phenotype_row {
    uint32_t participant;         /* number */
    uint32_t term;                /* of the ontology */
    const char *date, *timepoint; /* timepoint NULL: none */
} kuni_phenotype_row;

typedef struct kuni_phenotypes {
    kuni_phenotype_row *rows;
    size_t n, capacity;
    size_t n_participants;
    size_t n_foreign; /* rows of people who are not in the dataset */
    kuni_arena *arena;
} kuni_phenotypes;

/*
 * Reads a table. `participants` gives their numbers, below n_participants. Terms that the ontology does not
 * know, and rows that cannot be read, become faults. To be closed also on failure.
 */
KUNI_MUST_CHECK kuni_status kuni_phenotypes_read(kuni_phenotypes *all, const char *path,
                                                 const kuni_ontology *ontology,
                                                 const kuni_names *participants,
                                                 size_t n_participants, kuni_faults *faults,
                                                 kuni_error *err);
void kuni_phenotypes_fini(kuni_phenotypes *all);

typedef struct kuni_expression kuni_expression;

/*
 * Reads an expression. KUNI_USAGE: *at is the place in the text (from 0) where it goes wrong, and the error
 * says what was expected.
 */
KUNI_MUST_CHECK kuni_status kuni_expression_make(kuni_expression **expression, const char *text,
                                                 const kuni_ontology *ontology, size_t *at,
                                                 kuni_error *err);
/* Accepts NULL. */
void kuni_expression_free(kuni_expression *expression);
/*
 * Sets matched[participant] to 1 or 0, of rows up to and with the day `as_of` (NULL: all).
 */
KUNI_MUST_CHECK kuni_status kuni_expression_match(const kuni_expression *expression,
                                                  const kuni_phenotypes *phenotypes,
                                                  const kuni_ontology *ontology, const char *as_of,
                                                  uint8_t *matched, kuni_error *err);

#endif
