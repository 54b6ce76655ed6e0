/* SPDX-License-Identifier: MIT */
/*
 * Stage parameters: the table a stage declares, and the values a task carries.
 *
 * The table is the single source: YAML validation, `kuni stages NAME` and the workflow reference
 * come from it.
 */
#ifndef KUNI_PARAMS_H
#define KUNI_PARAMS_H

#include "kuni/api.h"
#include "kuni/buffer.h"

KUNI_API_BEGIN

typedef enum kuni_param_type {
    KUNI_PARAM_BOOL,
    KUNI_PARAM_INT,
    KUNI_PARAM_FLOAT,
    KUNI_PARAM_TEXT,   /* any text */
    KUNI_PARAM_CHOICE, /* one of `choices` */
    KUNI_PARAM_PATH,   /* an existing file; given relative to the workflow, seen as absolute */
    KUNI_PARAM_LIST    /* texts, joined by '\n' when the stage sees them */
} kuni_param_type;

typedef struct kuni_param {
    const char *name; /* NULL ends the table */
    kuni_param_type type;
    const char *value;          /* default as in YAML; NULL: none, the parameter may be absent */
    double least, most;         /* range of INT and FLOAT, inclusive */
    const char *const *choices; /* NULL-terminated, for CHOICE */
    const char *unit;           /* "bp", "phred", ... or NULL */
    const char *help;           /* one line */
    /* The only step (kuni_step.name) whose outputs depend on it; NULL: all steps. "-": none. */
    const char *step;
} kuni_param;

typedef struct kuni_params kuni_params;

/* All parameters of `table` at their defaults. The table must outlive the values. */
KUNI_MUST_CHECK kuni_params *kuni_params_new(const kuni_param *table, kuni_error *err);
void kuni_params_free(kuni_params *params);
/* Checks and sets one; KUNI_USAGE with what was expected and the nearest name. */
KUNI_MUST_CHECK kuni_status kuni_params_set(kuni_params *params, const char *name,
                                            const char *value, kuni_error *err);
const kuni_param *kuni_params_table(const kuni_params *params);

/* Values; asking for a name or type that is not in the table is a bug and aborts. */
bool kuni_params_bool(const kuni_params *params, const char *name);
int64_t kuni_params_int(const kuni_params *params, const char *name);
double kuni_params_float(const kuni_params *params, const char *name);
/* TEXT, CHOICE, PATH or LIST; NULL where absent. */
const char *kuni_params_text(const kuni_params *params, const char *name);

/*
 * A LIST of at most `most` rising whole numbers from 1 to 65535: lower edges of bands, above the first, which begins at 0.
 * KUNI_USAGE where it is something else. None where absent.
 */
KUNI_MUST_CHECK kuni_status kuni_params_edges(const kuni_params *params, const char *name,
                                              uint16_t *edges, size_t most, size_t *n,
                                              kuni_error *err);

/* The canonical text of a parameter of any type, NULL where absent. */
const char *kuni_params_value(const kuni_params *params, const char *name);

/* "name=value\n" of every parameter in table order: what content keys and the dataset remember. */
KUNI_MUST_CHECK kuni_status kuni_params_print(const kuni_params *params, kuni_buffer *out,
                                              kuni_error *err);

/*
 * The same, of the parameters that the outputs of one step depend on: what that step's content key
 * takes in. A late step's parameter can then change without the earlier steps' work being done
 * again.
 */
KUNI_MUST_CHECK kuni_status kuni_params_print_step(const kuni_params *params, const char *step,
                                                   kuni_buffer *out, kuni_error *err);

/*
 * The candidate nearest to `word` by edit distance where it is near enough to be meant, else NULL.
 */
const char *kuni_nearest(const char *word, const char *const *candidates, size_t n_candidates);

KUNI_API_END

#endif
