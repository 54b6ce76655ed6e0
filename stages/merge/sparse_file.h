/* SPDX-License-Identifier: MIT */
/*
 * The sparse calls of a shard (joint-genotype's `also: [sparse]`; VCF 4.5 in BGZF), line by line
 * beside the calls proper. Their records are those of the calls, with <*> as last ALT.
 *
 * What later stages made of the calls goes into the national sparse file too: FILTER, ID, and INFO
 * that joint-genotype does not write, but for fields with a value an allele or genotype. A record
 * that they took out stays, with the filter Dropped: blocks begin in it.
 */
#ifndef KUNI_STAGES_MERGE_SPARSE_FILE_H
#define KUNI_STAGES_MERGE_SPARSE_FILE_H

#include <htslib/kstring.h>

#include "calls_file.h"

enum { SPARSE_COLUMNS = 9 }; /* CHROM to FORMAT */

typedef struct sparse_file {
    const char *path;
    BGZF *file;
    sealed_blocks seal;
    uint64_t from, to;             /* virtual offsets of the record and past it, both in the file */
    kuni_buffer head;              /* all lines of the header, but for that of the columns */
    bcf_hdr_t *header;             /* made of these: no samples */
    kstring_t columns;             /* the line of the columns */
    kstring_t line;                /* the record under way, without its end of line */
    size_t at[SPARSE_COLUMNS + 1]; /* where its columns begin; the last: that of the first sample */
    int64_t pos, end;              /* what it covers, its blocks included; 0-based, half-open */
    bool *foreign;                 /* by number in the calls' header: INFO that is taken over */
    bool any_foreign;
} sparse_file;

/* Opens and checks form, end marker and samples; `calls` is open. */
KUNI_MUST_CHECK kuni_status sparse_open(sparse_file *sparse, const kuni_task *task,
                                        const char *path, const calls_file *calls, kuni_error *err);
/* *found is false at the end of the file. */
KUNI_MUST_CHECK kuni_status sparse_next(sparse_file *sparse, bool *found, kuni_error *err);
/* Accepts a half-opened one. */
void sparse_close(sparse_file *sparse);

/* Whether the line is that of the calls' record, which is unpacked. */
bool sparse_matches(const sparse_file *sparse, const calls_file *calls);
/*
 * Appends the line, with its end, as the national file has it. `site` is the calls' record as text,
 * up to INFO; NULL: the calls lack it.
 */
KUNI_MUST_CHECK kuni_status sparse_print(const sparse_file *sparse, const calls_file *calls,
                                         const char *site, kuni_buffer *out, kuni_error *err);
/* Appends the header of the national file. */
KUNI_MUST_CHECK kuni_status sparse_header_text(const sparse_file *sparse, const calls_file *calls,
                                               kuni_buffer *text, kuni_error *err);

#endif
