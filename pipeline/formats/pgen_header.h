/* SPDX-License-Identifier: MIT */
/*
 * What stands in front of the records of a .pgen: their types and lengths, by blocks of 65,536. It is made when all
 * records are known, from an index: five bytes a record, written beside the records as these are made.
 */
#ifndef KUNI_FORMATS_PGEN_HEADER_H
#define KUNI_FORMATS_PGEN_HEADER_H

#include "kuni/file.h"
#include "pgen.h"

/* Appends what an index holds of a record; of no bytes: of one that was left out of the file. */
KUNI_MUST_CHECK kuni_status kuni_pgen_index_put(kuni_file *index, const kuni_pgen_entry *entry,
                                                kuni_error *err);

/*
 * Writes the header of a file whose records the indexes at `paths` (ended by NULL) tell of, one after another.
 * Memory does not grow with the number of records. *n_records becomes that, and *n_left_out the number of those that
 * were left out.
 */
KUNI_MUST_CHECK kuni_status kuni_pgen_header_write(kuni_file *header, char *const *paths,
                                                   uint32_t n_samples, uint64_t *n_records,
                                                   uint64_t *n_left_out, kuni_error *err);

#endif
