/* SPDX-License-Identifier: MIT */
/* What a file's name says of its format. */
#ifndef KUNI_STAGES_EXTERNAL_ENDING_H
#define KUNI_STAGES_EXTERNAL_ENDING_H

#include <stdbool.h>
#include <string.h>

static inline bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), n = strlen(ending);
    return length >= n && strcmp(name + length - n, ending) == 0;
}

/* BCF or VCF, plain or compressed. */
static inline bool is_variant_file(const char *name)
{
    return has_ending(name, "bcf") || has_ending(name, "vcf") || has_ending(name, "vcf.gz");
}

#endif
