/* SPDX-License-Identifier: MIT */
/*
 * The fields of a call set as arrays of VCF Zarr (github.com/sgkit-dev/vcf-zarr-spec): which there are, by the header; how
 * many values they have and how big these are, by the records; and the arrays that follow from both, with the
 * dimensions and types that vcf2zarr chooses.
 */
#ifndef KUNI_COMMAND_ZARR_FIELDS_H
#define KUNI_COMMAND_ZARR_FIELDS_H

#include <htslib/vcf.h>

#include "spool_columns.h"
#include "zarr.h"

/* Fields that every record has; INFO and FORMAT follow in the header's order. */
enum {
    KUNI_ZARR_CONTIG,
    KUNI_ZARR_POSITION,
    KUNI_ZARR_LENGTH,
    KUNI_ZARR_QUALITY,
    KUNI_ZARR_ID,
    KUNI_ZARR_ALLELES,
    KUNI_ZARR_FILTERS,
    KUNI_ZARR_FIXED
};

typedef struct kuni_zarr_field {
    const char *tag;            /* of the header; NULL: a fixed field */
    int level;                  /* BCF_HL_INFO, BCF_HL_FMT; -1 */
    int id, type, kind, number; /* as the header has them; kind: BCF_VL_* */
    const char *description;
    bool is_genotype, is_letter;
    /* of all records */
    uint32_t most;           /* values a record, or a sample of it */
    int32_t least, greatest; /* least > greatest: none */
} kuni_zarr_field;

typedef struct kuni_zarr_fields {
    bcf_hdr_t *header;
    kuni_zarr_field *fields;
    size_t n;
    bool *by_sample;
    kuni_columns_shape shape;
    int32_t *ints; /* of a row under way */
    int n_ints;
    kuni_buffer text;
} kuni_zarr_fields;

/* Takes `header`, also on failure. `slice`: samples to a chunk, at most. */
KUNI_MUST_CHECK kuni_status kuni_zarr_fields_init(kuni_zarr_fields *f, bcf_hdr_t *header,
                                                  size_t slice, kuni_error *err);
void kuni_zarr_fields_fini(kuni_zarr_fields *f);

/* Adds a record, in the terms of the header. */
KUNI_MUST_CHECK kuni_status kuni_zarr_fields_put(kuni_zarr_fields *f, kuni_columns_writer *writer,
                                                 bcf1_t *record, kuni_error *err);

/* What is known of the records, to a file and from it; what was known before is kept. */
KUNI_MUST_CHECK kuni_status kuni_zarr_fields_save(const kuni_zarr_fields *f, kuni_file *file,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_zarr_fields_load(kuni_zarr_fields *f, const char *path,
                                                  kuni_error *err);

/* Values an array has for each record, or sample: of alleles where the field has one for each. */
uint32_t kuni_zarr_field_width(const kuni_zarr_fields *f, const kuni_zarr_field *field);
uint32_t kuni_zarr_fields_alleles(const kuni_zarr_fields *f);
uint32_t kuni_zarr_fields_ploidy(const kuni_zarr_fields *f);

#endif
