/* SPDX-License-Identifier: MIT */
/*
 * What the records of an export go through on their way to the file: `kuni release` takes from them what
 * the recipient is not to see, and renames the columns. The counts in a record are those of the exported
 * samples.
 */
#ifndef KUNI_JOINT_PASS_H
#define KUNI_JOINT_PASS_H

#include <htslib/vcf.h>

#include "kuni/genome.h"

typedef struct joint_pass {
    void *context;
    bool only_varying; /* records whose ALTs no exported sample has are left out beforehand */
    /* Makes the header of the file from that of the call set; the caller owns *written. */
    kuni_status (*header)(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                          kuni_error *err);
    /*
     * Makes the record of the file, in the terms of `written`; NULL: none. It is borrowed until the next
     * call. `record` may be changed.
     */
    kuni_status (*record)(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                          bcf1_t **passed, kuni_error *err);
    /* A compressed block ends here, as those of the file do; NULL: nobody wants to know. */
    kuni_status (*flush)(void *context, kuni_error *err);
    /*
     * A reference block of an exported sample that is called, whether records lie in it or not: its copies
     * (1 or 2), quality without the prior of a site, and least depth (0: not known). By sample and
     * position within a stretch between two flushes. NULL: nobody wants to know.
     */
    void (*covered)(void *context, kuni_span span, int copies, int gq, uint32_t dp);
} joint_pass;

#endif
