/* SPDX-License-Identifier: MIT */
/*
 * The calls of a shard (BCF), opened and checked; and the header of the national files made from
 * theirs. Calls have a column for each sample, or none at all and a header that says so
 * (joint-genotype's `output: sites`).
 *
 * The header is passed through, but for lines that commands leave about themselves: paths, dates
 * and command lines have no place in a file that must be the same wherever it is made.
 */
#ifndef KUNI_STAGES_MERGE_CALLS_FILE_H
#define KUNI_STAGES_MERGE_CALLS_FILE_H

#include <htslib/bgzf.h>
#include <htslib/vcf.h>

#include "kuni/stage.h"

/*
 * joint-genotype ends the blocks of its files where those of the national files shall end, and says so by two
 * end markers: they are taken as they are. Whoever changes records writes one marker.
 */
typedef struct sealed_blocks {
    bool are;            /* the blocks are those of the national file */
    uint64_t begin, end; /* of the records' blocks in the file */
} sealed_blocks;

/* `file` is `path`, read up to its first record. */
KUNI_MUST_CHECK kuni_status sealed_blocks_find(sealed_blocks *seal, const char *path, BGZF *file,
                                               kuni_error *err);
/*
 * Virtual offsets of a record and past it in the file become those among the blocks. A record that shall begin a
 * block (`new_block`) and does not is KUNI_DATA.
 */
KUNI_MUST_CHECK kuni_status sealed_blocks_place(const sealed_blocks *seal, const char *path,
                                                bool new_block, uint64_t *from, uint64_t *to,
                                                kuni_error *err);

typedef struct calls_file {
    const char *path;
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    sealed_blocks seal;
    uint64_t from, to; /* virtual offsets of the record and past it, both in the file */
    bool sites;        /* no genotypes */
} calls_file;

/* Opens and checks format, end marker and the samples against the task's columns. */
KUNI_MUST_CHECK kuni_status calls_open(calls_file *calls, const kuni_task *task, const char *path,
                                       kuni_error *err);
/* *found is false at the end of the file. A damaged or truncated file is KUNI_DATA. */
KUNI_MUST_CHECK kuni_status calls_next(calls_file *calls, bool *found, kuni_error *err);
/* Accepts a half-opened one. */
void calls_close(calls_file *calls);

/* FORMAT of records with local alleles; ended by NULL. */
extern const char *const calls_local_fields[];

typedef enum calls_header {
    CALLS_HEADER_NATIONAL,      /* of the national BCF, IDX numbers included */
    CALLS_HEADER_WITHOUT_LOCAL, /* likewise, where no record has local alleles */
    CALLS_HEADER_SITES,         /* of the sites VCF: no samples, no FORMAT */
    CALLS_HEADER_COMMON /* what all shards have alike: national, but for the version of kuni */
} calls_header;

/* Appends the header's text. */
KUNI_MUST_CHECK kuni_status calls_header_text(const calls_file *calls, calls_header kind,
                                              kuni_buffer *text, kuni_error *err);
/* Whether a line of a header, up to its end, goes into that of a national file. */
bool calls_keeps_line(const char *line, calls_header kind);
/* Length of the longest contig of the header; 0: none is known. */
int64_t calls_longest_contig(const calls_file *calls);

#endif
