/* SPDX-License-Identifier: MIT */
/*
 * Terms of diseases and phenotypes, and which is a kind of which: is_a of OBO files (MONDO, HPO) that
 * the operator names. Nothing is fetched.
 *
 * What is read of a [Term]: id, name, is_a, alt_id, is_obsolete, replaced_by. A former id (alt_id, or
 * an obsolete term with one replaced_by) stands for the term that took its place, as the OBO format
 * allows to be done without asking; an obsolete term with none or several stands for nothing.
 *
 *     kuni_ontology *o = kuni_ontology_new(&err);
 *     status = kuni_ontology_read(o, "mondo.obo", &err);
 *     if (!status) status = kuni_ontology_finish(o, &err);
 *     int64_t diabetes = kuni_ontology_find(o, "MONDO:0005015");
 *     if (diabetes >= 0) kuni_ontology_descendants(o, diabetes, marked);
 *     kuni_ontology_free(o);
 */
#ifndef KUNI_RELEASE_ONTOLOGY_H
#define KUNI_RELEASE_ONTOLOGY_H

#include "kuni/buffer.h"

typedef struct kuni_ontology kuni_ontology;

KUNI_MUST_CHECK kuni_ontology *kuni_ontology_new(kuni_error *err);
/* Accepts NULL. */
void kuni_ontology_free(kuni_ontology *ontology);
/* Adds the terms of a file, plain or gzipped. KUNI_DATA: no OBO file, or an id that is defined twice. */
KUNI_MUST_CHECK kuni_status kuni_ontology_read(kuni_ontology *ontology, const char *path,
                                               kuni_error *err);
/* To be called once all files are read, before the questions below. KUNI_DATA: terms that are kinds of
 * each other in a circle, which are named. */
KUNI_MUST_CHECK kuni_status kuni_ontology_finish(kuni_ontology *ontology, kuni_error *err);

/* The term that an id stands for, or -1: unknown, or obsolete without one replacement. */
int64_t kuni_ontology_find(const kuni_ontology *ontology, const char *id);
/* Whether the id is that of an obsolete term; for messages. */
bool kuni_ontology_is_obsolete(const kuni_ontology *ontology, const char *id);
/* "MONDO:0005148", and what people call it or "". */
const char *kuni_ontology_id(const kuni_ontology *ontology, int64_t at);
const char *kuni_ontology_name(const kuni_ontology *ontology, int64_t at);
/* Marks (1, else 0) the term `at` and all that it is a kind of; `marked` has kuni_ontology_count places. */
void kuni_ontology_ancestors(const kuni_ontology *ontology, int64_t at, uint8_t *marked);
/* Likewise the term and all that are kinds of it. */
void kuni_ontology_descendants(const kuni_ontology *ontology, int64_t at, uint8_t *marked);
/* Terms, numbered from 0; among them those that are only spoken of and have no name. */
size_t kuni_ontology_count(const kuni_ontology *ontology);

#endif
