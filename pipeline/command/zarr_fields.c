/* SPDX-License-Identifier: MIT */
#include "zarr_fields.h"

#include <stdlib.h>
#include <string.h>

enum { KNOWN_BYTES = 12 };

static const char *told_of(const bcf_hdr_t *header, int level, const char *tag, const char *key)
{
    bcf_hrec_t *record = bcf_hdr_get_hrec(header, level, "ID", tag, NULL);
    int i = record ? bcf_hrec_find_key(record, key) : -1;
    return i < 0 ? "" : record->vals[i];
}

static void add_field(kuni_zarr_fields *f, int level, const char *tag)
{
    kuni_zarr_field *field = &f->fields[f->n++];
    *field =
        (kuni_zarr_field){.tag = tag, .level = level, .least = INT32_MAX, .greatest = INT32_MIN};
    if (!tag) return;
    field->id = bcf_hdr_id2int(f->header, BCF_DT_ID, tag);
    field->type = (int)bcf_hdr_id2type(f->header, level, field->id);
    field->kind = (int)bcf_hdr_id2length(f->header, level, field->id);
    field->number = (int)bcf_hdr_id2number(f->header, level, field->id);
    field->description = told_of(f->header, level, tag, "Description");
    /* htslib takes a Character for a String. */
    field->is_letter =
        field->number == 1 && strcmp(told_of(f->header, level, tag, "Type"), "Character") == 0;
    field->is_genotype = level == BCF_HL_FMT && strcmp(tag, "GT") == 0;
    f->by_sample[f->n - 1] = level == BCF_HL_FMT;
}

static void add_fields(kuni_zarr_fields *f, int level)
{
    for (int i = 0; i < f->header->nhrec; i++) {
        const bcf_hrec_t *record = f->header->hrec[i];
        int id = record->type == level ? bcf_hrec_find_key((bcf_hrec_t *)record, "ID") : -1;
        if (id >= 0) add_field(f, level, record->vals[id]);
    }
}

kuni_status kuni_zarr_fields_init(kuni_zarr_fields *f, bcf_hdr_t *header, size_t slice,
                                  kuni_error *err)
{
    size_t most = KUNI_ZARR_FIXED + (size_t)header->nhrec;
    *f = (kuni_zarr_fields){.header = header};
    f->fields = kuni_alloc(most, sizeof(*f->fields), err);
    f->by_sample = kuni_alloc(most, sizeof(*f->by_sample), err);
    if (!f->fields || !f->by_sample) return KUNI_MEMORY;
    for (int i = 0; i < KUNI_ZARR_FIXED; i++) add_field(f, -1, NULL);
    add_fields(f, BCF_HL_INFO);
    add_fields(f, BCF_HL_FMT);
    size_t n_samples = (size_t)bcf_hdr_nsamples(header);
    f->shape = (kuni_columns_shape){.n_fields = f->n,
                                    .n_samples = n_samples,
                                    .slice = slice < n_samples ? slice : n_samples,
                                    .by_sample = f->by_sample};
    return KUNI_OK;
}

void kuni_zarr_fields_fini(kuni_zarr_fields *f)
{
    if (f->header) bcf_hdr_destroy(f->header);
    free(f->fields);
    free(f->by_sample);
    free(f->ints);
    kuni_buffer_fini(&f->text);
}

/* --- records --- */

static void know(kuni_zarr_field *field, int32_t value)
{
    if (value < field->least) field->least = value;
    if (value > field->greatest) field->greatest = value;
}

static size_t type_bytes(int type)
{
    return type == BCF_BT_INT8 || type == BCF_BT_CHAR ? 1 : type == BCF_BT_INT16 ? 2 : 4;
}

/* Looks through values as BCF has them. */
static void know_values(kuni_zarr_field *field, int type, const uint8_t *data, size_t n)
{
    int shift = field->is_genotype; /* alleles, one up, and a bit of phase */
    int32_t least = INT32_MAX, greatest = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        int32_t value;
        if (type == BCF_BT_INT8) {
            value = (int8_t)data[i];
            if (value <= INT8_MIN + 1) continue;
        } else if (type == BCF_BT_INT16) {
            int16_t v;
            memcpy(&v, data + 2 * i, 2);
            if (v <= INT16_MIN + 1) continue;
            value = v;
        } else {
            memcpy(&value, data + 4 * i, 4);
            if (value <= INT32_MIN + 1) continue;
        }
        if (shift) value = (value >> 1) - 1;
        if (value < least) least = value;
        if (value > greatest) greatest = value;
    }
    if (least > greatest) return;
    know(field, least);
    know(field, greatest);
}

static kuni_status put_fixed(kuni_zarr_fields *f, kuni_columns_writer *w, const bcf1_t *record,
                             kuni_error *err)
{
    const int32_t numbers[] = {record->rid, (int32_t)(record->pos + 1), (int32_t)record->rlen};
    kuni_status status = KUNI_OK;
    for (size_t i = KUNI_ZARR_CONTIG; i <= KUNI_ZARR_LENGTH && !status; i++) {
        know(&f->fields[i], numbers[i]);
        status = kuni_columns_put(w, i, BCF_BT_INT32, &numbers[i], 4, err);
    }
    if (!status && !bcf_float_is_missing(record->qual))
        status = kuni_columns_put(w, KUNI_ZARR_QUALITY, BCF_BT_FLOAT, &record->qual, 4, err);
    if (!status && strcmp(record->d.id, ".") != 0)
        status = kuni_columns_put(w, KUNI_ZARR_ID, BCF_BT_CHAR, record->d.id,
                                  (uint32_t)strlen(record->d.id), err);
    kuni_buffer_clear(&f->text);
    for (uint32_t i = 0; i < record->n_allele && !status; i++)
        status = kuni_buffer_printf(&f->text, err, "%s%s", i ? "," : "", record->d.allele[i]);
    if (!status)
        status = kuni_columns_put(w, KUNI_ZARR_ALLELES, BCF_BT_CHAR, f->text.data,
                                  (uint32_t)f->text.length, err);
    if (record->n_allele > f->fields[KUNI_ZARR_ALLELES].most)
        f->fields[KUNI_ZARR_ALLELES].most = record->n_allele;
    return status ? status
                  : kuni_columns_put(w, KUNI_ZARR_FILTERS, BCF_BT_INT32, record->d.flt,
                                     4 * (uint32_t)record->d.n_flt, err);
}

static bool is_missing(const kuni_zarr_field *field, const int32_t *value)
{
    float number;
    memcpy(&number, value, 4);
    return field->type == BCF_HT_INT ? *value == bcf_int32_missing : bcf_float_is_missing(number);
}

/* As int32 or float values, or a text. */
static kuni_status put_info(kuni_zarr_fields *f, size_t which, kuni_columns_writer *w,
                            bcf1_t *record, kuni_error *err)
{
    kuni_zarr_field *field = &f->fields[which];
    const bcf_info_t *info = bcf_get_info_id(record, field->id);
    if (!info) return KUNI_OK;
    if (field->type == BCF_HT_FLAG) return kuni_columns_put(w, which, BCF_BT_INT8, "\1", 1, err);
    if (info->type == BCF_BT_CHAR) {
        uint32_t n = 1;
        for (int i = 0; i < info->len; i++) n += info->vptr[i] == ',';
        if (n > field->most) field->most = n;
        return kuni_columns_put(w, which, BCF_BT_CHAR, info->vptr, (uint32_t)info->len, err);
    }
    int n = bcf_get_info_values(f->header, record, field->tag, (void **)&f->ints, &f->n_ints,
                                field->type);
    if (n < 0) return kuni_fail(err, KUNI_DATA, "INFO/%s of a record cannot be read", field->tag);
    if (n == 1 && is_missing(field, f->ints)) return KUNI_OK; /* as if it were not there */
    if ((uint32_t)n > field->most) field->most = (uint32_t)n;
    if (field->type == BCF_HT_INT)
        know_values(field, BCF_BT_INT32, (const uint8_t *)f->ints, (size_t)n);
    return kuni_columns_put(w, which, field->type == BCF_HT_INT ? BCF_BT_INT32 : BCF_BT_FLOAT,
                            f->ints, 4 * (uint32_t)n, err);
}

static kuni_status put_format(kuni_zarr_fields *f, size_t which, kuni_columns_writer *w,
                              bcf1_t *record, kuni_error *err)
{
    kuni_zarr_field *field = &f->fields[which];
    const bcf_fmt_t *format = bcf_get_fmt_id(record, field->id);
    if (!format || !format->p) return KUNI_OK;
    uint32_t n = (uint32_t)format->n;
    if (format->type == BCF_BT_CHAR) {
        if (field->most < 1) field->most = 1;
    } else if (n > field->most)
        field->most = n;
    if (field->type == BCF_HT_INT || field->is_genotype)
        know_values(field, format->type, format->p, (size_t)n * f->shape.n_samples);
    return kuni_columns_put(w, which, (uint8_t)format->type, format->p,
                            n * (uint32_t)type_bytes(format->type), err);
}

kuni_status kuni_zarr_fields_put(kuni_zarr_fields *f, kuni_columns_writer *w, bcf1_t *record,
                                 kuni_error *err)
{
    if (bcf_unpack(record, BCF_UN_ALL) < 0)
        return kuni_fail(err, KUNI_DATA, "a record of the call set cannot be read");
    kuni_status status = put_fixed(f, w, record, err);
    for (size_t i = KUNI_ZARR_FIXED; i < f->n && !status; i++)
        status = f->fields[i].level == BCF_HL_INFO ? put_info(f, i, w, record, err)
                                                   : put_format(f, i, w, record, err);
    return status ? status : kuni_columns_end_row(w, err);
}

/* --- what is known --- */

kuni_status kuni_zarr_fields_save(const kuni_zarr_fields *f, kuni_file *file, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < f->n && !status; i++) {
        const kuni_zarr_field *field = &f->fields[i];
        const int32_t known[3] = {(int32_t)field->most, field->least, field->greatest};
        status = kuni_file_write(file, known, KNOWN_BYTES, err);
    }
    return status;
}

kuni_status kuni_zarr_fields_load(kuni_zarr_fields *f, const char *path, kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = kuni_file_get(path, (size_t)1 << 24, &bytes, err);
    if (!status && bytes.length != KNOWN_BYTES * f->n)
        status = kuni_fail(err, KUNI_BUG, "%s: of other fields", path);
    for (size_t i = 0; i < f->n && !status; i++) {
        int32_t known[3];
        kuni_zarr_field *field = &f->fields[i];
        memcpy(known, bytes.data + KNOWN_BYTES * i, KNOWN_BYTES);
        if ((uint32_t)known[0] > field->most) field->most = (uint32_t)known[0];
        if (known[1] > known[2]) continue;
        know(field, known[1]);
        know(field, known[2]);
    }
    kuni_buffer_fini(&bytes);
    return status;
}

uint32_t kuni_zarr_fields_alleles(const kuni_zarr_fields *f)
{
    uint32_t n = f->fields[KUNI_ZARR_ALLELES].most;
    return n < 2 ? 2 : n;
}

uint32_t kuni_zarr_fields_ploidy(const kuni_zarr_fields *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->fields[i].is_genotype) return f->fields[i].most > 1 ? f->fields[i].most : 1;
    return 1;
}

uint32_t kuni_zarr_field_width(const kuni_zarr_fields *f, const kuni_zarr_field *field)
{
    uint32_t alleles = kuni_zarr_fields_alleles(f), number = (uint32_t)field->number;
    if (field->is_genotype) return kuni_zarr_fields_ploidy(f);
    if (field->kind == BCF_VL_A) return alleles - 1;
    if (field->kind == BCF_VL_R) return alleles;
    if (field->kind == BCF_VL_G)
        return kuni_zarr_fields_ploidy(f) == 2 ? alleles * (alleles + 1) / 2 : alleles;
    return field->kind == BCF_VL_FIXED && number > field->most ? number : field->most;
}
