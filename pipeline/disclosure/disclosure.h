/* SPDX-License-Identifier: MIT */
/*
 * What may be told of an allele (or a gene) without telling of 1 to k-1 people.
 *
 * People fall into strata, the finest classes that tables tell apart; a cell is a union of strata (all; a
 * group; cases ...). Of a cell its number of carriers may be told, or het, hom and hemi, too. Who was called at
 * all (AN) is taken as known to everybody, and so is how this works.
 *
 * 1. By people, once a release: a cell is offered where neither it nor what remains beside it (in whatever
 *    was offered before, by this release and by earlier ones that the recipient has) is 1 to k-1 people. That
 *    does not look at a genotype: that it is not offered tells nothing. So nobody stands alone between two
 *    tables, whatever was told of them.
 * 2. By counts, for each allele: cells in their order, the total first; one is told where each atom (see
 *    atoms.h) that it makes has nobody or at least k who carry the allele (and of each of het, hom and hemi,
 *    where those are told), and of those who do not nobody or at least k, or all. "Nobody carries it" may be
 *    told, and of at least k people that all do.
 * 3. By chance: that a cell is hidden would tell that a count is small; three groups that are all hidden,
 *    of a total of three, have one each. So of rare alleles one in KUNI_DISCLOSURE_CHANCE of the cells that
 *    might be told within a told one is hidden, by a secret of the dataset. The first cell of an allele never is.
 *
 * Safe against whoever knows all tables and this text, and not the secret: with the rules 1 to 3 each
 * number that is not a union of atoms could be another one (exchange a carrier and one who is none
 * between two strata of an atom: all that is told stays, and all that is hidden may be by chance). Not
 * against guessing: what is hidden is rather small than not.
 */
#ifndef KUNI_DISCLOSURE_DISCLOSURE_H
#define KUNI_DISCLOSURE_DISCLOSURE_H

#include "counts.h"
#include "kuni/buffer.h"
#include "past.h"

enum { KUNI_DISCLOSURE_CHANCE = 16, KUNI_DISCLOSURE_SECRET_BYTES = 16 };

/* What is told of a cell: bits. */
enum {
    KUNI_DISCLOSE_CARRIERS = 1, /* how many carry it, by good genotypes */
    KUNI_DISCLOSE_CLASSES = 2,  /* het, hom, hemi and what follows (AC, AF), by good genotypes */
    KUNI_DISCLOSE_LOW = 4       /* all of that of the other genotypes, too */
};

typedef struct kuni_disclosure_cell {
    const uint16_t *strata; /* n, rising */
    size_t n;
    uint64_t
        identity; /* the same for the same people, in any release: see kuni_disclosure_person */
} kuni_disclosure_cell;

typedef struct kuni_disclosure_setup {
    int64_t threshold; /* k; 1: all is told; 2 is taken as 3, for what is hidden would be 1 */
    size_t n_strata;
    const uint32_t *people; /* of each stratum, at least 1 */
    size_t n_cells;
    const kuni_disclosure_cell *cells; /* in the order of looking; the first is the total */
    uint8_t secret[KUNI_DISCLOSURE_SECRET_BYTES]; /* of the dataset */
    bool by_chance;                               /* rule 3; no: for tests of the other two */
    kuni_disclosure_past *past;                   /* borrowed; its alone; NULL: none */
    const uint32_t *labels; /* by stratum, what `past` calls its people; NULL: they are new to it */
} kuni_disclosure_setup;

typedef struct kuni_disclosure kuni_disclosure;

/* Copies what it needs of `setup`. KUNI_USAGE: more strata than can be kept apart. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_new(kuni_disclosure **made,
                                                const kuni_disclosure_setup *setup,
                                                kuni_error *err);
/* Accepts NULL. */
void kuni_disclosure_free(kuni_disclosure *d);
/* Whether anything can ever be told of the cell: rule 1. */
bool kuni_disclosure_offers(const kuni_disclosure *d, size_t cell);
/*
 * Decides about an allele: sets told[cell] to bits of KUNI_DISCLOSE_. `good` and `low` have the counts of each
 * stratum, by genotypes that are good (adj) and by those that are called and not good; `low` NULL: there are
 * none, and nothing of them is told. Where told[0] is 0 all are. `allele` is of kuni_disclosure_allele, or
 * any number that stands for it in all releases. The same counts have the same answer; memory of its own is
 * used, so not from two threads at once.
 */
void kuni_disclosure_decide(kuni_disclosure *d, uint64_t allele, const kuni_disclosure_counts *good,
                            const kuni_disclosure_counts *low, uint8_t *told);

/*
 * Appends what is told of the allele that was decided last, where anything is, to a journal that
 * kuni_disclosure_write takes: `told` by cell, no more than was decided. Journals of several processes may be
 * joined in any order.
 */
KUNI_MUST_CHECK kuni_status kuni_disclosure_note(const kuni_disclosure *d, const uint8_t *told,
                                                 kuni_buffer *journal, kuni_error *err);
/*
 * Writes what this release tells as the next chapter. `numbers` and `n` as kuni_disclosure_past_people had
 * them, with the stratum of each or KUNI_DISCLOSURE_NOT_COUNTED; `genotypes`: the recipient gets those of all
 * the n, too. The last thing to be done with `d`.
 */
KUNI_MUST_CHECK kuni_status kuni_disclosure_write(kuni_disclosure *d, const uint64_t *numbers,
                                                  const uint32_t *strata, size_t n, bool genotypes,
                                                  const kuni_buffer *journal, const char *path,
                                                  kuni_error *err);

/* Stands for an allele, whatever letters REF and ALT share; `pos` from 0. */
uint64_t kuni_disclosure_allele(const char *contig, int64_t pos, const char *ref, const char *alt);
/* Stands for a text (a gene, a participant); a cell's identity is the sum of those of its people. */
uint64_t kuni_disclosure_text(const uint8_t secret[KUNI_DISCLOSURE_SECRET_BYTES], const char *text);

#endif
