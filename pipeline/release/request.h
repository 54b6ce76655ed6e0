/* SPDX-License-Identifier: MIT */
/*
 * A request for a release, parsed and checked: who wants what of a dataset, for what. A file in YAML, as
 * strict as a workflow: unknown keys are faults, all faults of a file are told at once with line and
 * column, what was expected, and the nearest known key. docs/release.md lists the keys.
 *
 * Paths in the result are absolute. Ontologies are read, and the disease and the expressions are looked
 * up in them; the dataset is not opened.
 */
#ifndef KUNI_RELEASE_REQUEST_H
#define KUNI_RELEASE_REQUEST_H

#include "consent.h"
#include "phenotypes.h"

/* What genotypes are written as. */
typedef enum kuni_release_form {
    KUNI_FORM_DENSE,
    KUNI_FORM_SPARSE,
    KUNI_FORM_SITES,
    KUNI_FORM_TABLES /* no genotypes */
} kuni_release_form;

typedef struct kuni_request {
    const char *path; /* of the file, absolute */
    const char *name;
    const char *workflow; /* of the dataset */
    /* recipient: */
    const char *recipient, *institution; /* ids; institution may be NULL */
    bool for_profit, is_public;          /* public: whoever wants it gets it */
    kuni_text_list countries, users;
    /* use: */
    unsigned purposes;   /* KUNI_PURPOSE_... */
    const char *disease; /* id as written, or NULL */
    int64_t disease_term;
    bool commercial, genetic;
    const char *project;  /* id, or NULL */
    unsigned agrees;      /* 1 << KUNI_DUO_... */
    const char *delivery; /* YYYY-MM-DD, or NULL */
    /* consent: */
    kuni_text_list ontologies, forms; /* paths; versions */
    /* people: */
    kuni_text_list groups;        /* empty: all */
    const char *list;             /* path of participant ids, one a line, or NULL */
    const char *phenotypes;       /* path, or NULL */
    const char *cases, *controls; /* expressions, or NULL */
    const char *as_of;            /* YYYY-MM-DD, or NULL */
    /* where and what: */
    kuni_text_list regions;  /* CONTIG or CONTIG:BEG-END; empty, and no bed: all */
    const char *bed;         /* path, or NULL */
    const char *features;    /* path of a BED or GFF for tables by feature, or NULL */
    int form;                /* kuni_release_form */
    kuni_text_list columns;  /* FORMAT fields; empty: as in the workflow */
    bool tables;             /* beside genotypes or sites, too */
    bool all_sites;          /* also those at which nobody chosen varies */
    bool cohort_frequencies; /* granted: numbers of the whole cohort, too */
    int64_t threshold;       /* k: counts of 1..k-1 are not told */
    /* pseudonyms: */
    const char *key, *linkage; /* paths, or NULL */
    const char *custodian;     /* path of a public key that the linkage is sealed to, or NULL */
    kuni_text_list encryption; /* paths of recipients' public keys */
    const char *signing;       /* path of the key that release.json is signed with, or NULL */

    kuni_ontology *ontology;                       /* NULL: none was named */
    uint8_t *above, *below;                        /* of the disease, or NULL */
    kuni_expression *case_people, *control_people; /* or NULL */
    kuni_arena *arena;
} kuni_request;

/*
 * Reads and checks a request. Faults, one a line, are appended to `faults`; then the status is KUNI_USAGE.
 * KUNI_DATA: an ontology is broken. To be given to kuni_request_fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_request_read(kuni_request *request, const char *path,
                                              kuni_buffer *faults, kuni_error *err);
void kuni_request_fini(kuni_request *request);
/* The use that consents are matched with on a day; borrows from the request. */
kuni_use kuni_request_use(const kuni_request *request, const char *today);
/* Whether the release has tables. */
bool kuni_request_has_tables(const kuni_request *request);
/* "not-for-profit" or "for-profit"; "non-commercial" or "commercial"; "dense", ... */
const char *kuni_organisation_name(bool for_profit);
const char *kuni_use_name(bool commercial);
const char *kuni_form_name(kuni_release_form form);
/* Whether a form, or one of that name, gives genotypes. */
bool kuni_form_has_genotypes(kuni_release_form form);
bool kuni_form_name_has_genotypes(const char *name);

#endif
