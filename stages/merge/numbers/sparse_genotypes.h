/* SPDX-License-Identifier: MIT */
/*
 * The genotypes of a sparse record: who is anything but twice REF. A sample
 * is told of where an event or a block begins; at the records after that, up to where it is told of
 * again, it is as its block says. So a record costs its changes and a look at each column.
 */
#ifndef KUNI_STAGES_MERGE_SPARSE_GENOTYPES_H
#define KUNI_STAGES_MERGE_SPARSE_GENOTYPES_H

#include "genotypes.h"

typedef struct callset_sparse callset_sparse;

KUNI_MUST_CHECK kuni_status callset_sparse_new(callset_sparse **sparse, uint32_t n_columns,
                                               kuni_error *err);
void callset_sparse_free(callset_sparse *sparse);

/*
 * The next record of the shard: its text from FORMAT on, NUL-ended. Text that is no such record is
 * KUNI_DATA.
 */
KUNI_MUST_CHECK kuni_status callset_sparse_read(callset_sparse *sparse, const char *text,
                                                callset_genotypes *genotypes, kuni_error *err);
/* DP and GQ of a column in the record that was read last; negative: it has none. */
void callset_sparse_fields(const callset_sparse *sparse, uint32_t column, int32_t *depth,
                           int32_t *quality);

#endif
