/* SPDX-License-Identifier: MIT */
/*
 * What a task was made of, in short: 32 bits each of the settings of its step, its samples and each
 * of its inputs. It stands in the journal beside the key, so that it can be said why a task is run
 * again. It decides nothing: whether a task holds is told by its key alone.
 */
#ifndef KUNI_DATASET_MADE_OF_H
#define KUNI_DATASET_MADE_OF_H

#include <jansson.h>

#include "hash.h"

enum { KUNI_MADE_OF_INPUTS = 12 }; /* what there is beyond these is summed into the last */

typedef struct kuni_made_of {
    bool known;
    uint8_t n_inputs; /* at most KUNI_MADE_OF_INPUTS */
    uint32_t settings, samples, inputs[KUNI_MADE_OF_INPUTS];
} kuni_made_of;

typedef enum kuni_rerun_bit {
    KUNI_RERUN_NEW = 1 << 0,      /* it was never run */
    KUNI_RERUN_SETTINGS = 1 << 1, /* stage, version, parameters, reference, ploidy, resources */
    KUNI_RERUN_SAMPLES = 1 << 2,  /* who is in it, or what is declared of them */
    KUNI_RERUN_INPUTS = 1 << 3,   /* see kuni_rerun.inputs */
    KUNI_RERUN_FILES = 1 << 4,    /* its outputs are gone or altered */
    KUNI_RERUN_FORCED = 1 << 5,
    KUNI_RERUN_UNKNOWN = 1 << 6 /* the journal's line is of a version that did not tell */
} kuni_rerun_bit;

/* Why a task is run. */
typedef struct kuni_rerun {
    uint32_t bits;     /* kuni_rerun_bit; 0: it is not run */
    uint32_t inputs;   /* flags by number of the input: which differ */
    uint32_t settings; /* of what it was made of before, for kuni_rerun_bit SETTINGS */
} kuni_rerun;

/* Adds an input. */
void kuni_made_of_add(kuni_made_of *of, const kuni_hash *input);
kuni_rerun kuni_made_of_compare(const kuni_made_of *then, const kuni_made_of *now);
/* "settings.samples.input.input" of 8 hex digits each, and back; `text` NULL or not that: not known. */
enum { KUNI_MADE_OF_BYTES = 9 * (KUNI_MADE_OF_INPUTS + 2) + 1 };
void kuni_made_of_print(const kuni_made_of *of, char text[KUNI_MADE_OF_BYTES]);
kuni_made_of kuni_made_of_parse(const char *text);
/* "settings,inputs": the words of the journal. */
enum { KUNI_RERUN_BYTES = 64 };
void kuni_rerun_print(const kuni_rerun *reason, char text[KUNI_RERUN_BYTES]);

#endif
