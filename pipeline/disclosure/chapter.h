/* SPDX-License-Identifier: MIT */
/* A chapter of what was told, as a file: see past.h for its form. */
#ifndef KUNI_DISCLOSURE_CHAPTER_H
#define KUNI_DISCLOSURE_CHAPTER_H

#include "counts.h"
#include "kuni/buffer.h"

typedef struct kuni_chapter {
    char *recipient;
    bool everybody, genotypes;
    int64_t threshold;
    size_t n_classes, n_people, n_known, n_cells, n_alleles;
    uint32_t *parent;   /* by class: that in the chapter before, from 1; 0: none */
    uint64_t *people;   /* numbers, rising */
    uint32_t *class_of; /* by person */
    uint64_t *known;    /* numbers of whom genotypes were given */
    uint8_t *cells;     /* n_cells rows of n_classes bytes */
    /* in the file, mapped */
    const unsigned char *keys, *offsets, *records;
    unsigned char *map;
    size_t map_bytes, record_bytes;
} kuni_chapter;

/* To be given to kuni_chapter_close in any case. KUNI_IO: damaged, or not there. */
KUNI_MUST_CHECK kuni_status kuni_chapter_open(kuni_chapter *chapter, const char *path,
                                              kuni_error *err);
void kuni_chapter_close(kuni_chapter *chapter);
/* The record of an allele, or NULL. */
const unsigned char *kuni_chapter_find(const kuni_chapter *chapter, uint64_t allele);
/* Reads the counts of a record into arrays of n_classes. */
void kuni_chapter_counts(const kuni_chapter *chapter, const unsigned char *record,
                         kuni_disclosure_counts *good, kuni_disclosure_counts *low);

/*
 * Appends to a journal: key (8 bytes), length (4 bytes), record. `low` may be NULL.
 */
KUNI_MUST_CHECK kuni_status kuni_chapter_note(uint64_t allele, const uint8_t *told, size_t n_cells,
                                              const kuni_disclosure_counts *good,
                                              const kuni_disclosure_counts *low, size_t n_classes,
                                              kuni_buffer *journal, kuni_error *err);
/* Writes a chapter; its alleles are those of the journal. */
KUNI_MUST_CHECK kuni_status kuni_chapter_write(const kuni_chapter *chapter,
                                               const kuni_buffer *journal, const char *path,
                                               kuni_error *err);

#endif
