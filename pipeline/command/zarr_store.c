/* SPDX-License-Identifier: MIT */
#include "zarr_store.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/json.h"

/* Values that are not there: none, and none as others have more. */
enum { MISSING = -1, FILL = -2 };
static const uint32_t missing_float = 0x7F800001, fill_float = 0x7F800002;

/* How values of a field become values of an array. */
typedef enum making {
    AS_INT,
    AS_FLOAT,
    AS_TEXT,
    AS_LETTER,
    AS_FLAG,
    AS_FILTERS,
    AS_ABSENCE, /* that the field is missing */
    AS_ALLELES,
    AS_PHASE,
    AS_MASK
} making;

typedef struct spec {
    kuni_zarr_array array;
    size_t field;
    making how;
    bool by_sample;
    uint32_t width; /* values a record, or a sample of it */
} spec;

struct kuni_zarr_store {
    const char *folder;
    const kuni_zarr_fields *fields;
    kuni_columns_reader *reader;
    kuni_arena *arena;
    spec *specs;
    size_t n, capacity;
    uint64_t rows, samples; /* and of a chunk: */
    uint64_t chunk_rows, chunk_samples;
    const char **filters; /* names, PASS first */
    int *filter_ids;
    size_t n_filters;
    kuni_buffer chunk, scratch;
};

/* --- which arrays there are --- */

static kuni_zarr_type int_type(int32_t least, int32_t greatest)
{
    if (least > greatest || (least >= INT8_MIN && greatest <= INT8_MAX)) return KUNI_ZARR_I1;
    return least >= INT16_MIN && greatest <= INT16_MAX ? KUNI_ZARR_I2 : KUNI_ZARR_I4;
}

static const char *spell(kuni_zarr_store *s, const char *a, const char *b, const char *c,
                         kuni_error *err)
{
    char text[1024];
    int n = snprintf(text, sizeof(text), "%s%s%s", a, b, c);
    return kuni_arena_strndup(s->arena, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1,
                              err);
}

static kuni_status add(kuni_zarr_store *s, const spec *what, const char *dimension, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&s->specs, &s->capacity, s->n + 1, sizeof(*s->specs), err);
    if (status) return status;
    spec *made = &s->specs[s->n++];
    *made = *what;
    kuni_zarr_array *a = &made->array;
    a->shape[0] = s->rows;
    a->dimensions[a->n_dimensions++] = "variants";
    if (made->by_sample) {
        a->shape[a->n_dimensions] = s->samples;
        a->dimensions[a->n_dimensions++] = "samples";
    }
    if (!dimension) {
        made->width = 1;
        return KUNI_OK;
    }
    a->shape[a->n_dimensions] = made->width;
    a->chunks[a->n_dimensions] = made->width ? made->width : 1;
    a->dimensions[a->n_dimensions++] = dimension;
    return KUNI_OK;
}

static kuni_status add_fixed(kuni_zarr_store *s, const char *name, size_t field, making how,
                             kuni_zarr_type type, const char *description, kuni_error *err)
{
    const char *dimension = how == AS_ALLELES ? "alleles" : how == AS_FILTERS ? "filters" : NULL;
    spec what = {.array = {.name = name,
                           .type = type,
                           .description = description,
                           .bits = type == KUNI_ZARR_BOOL},
                 .field = field,
                 .how = how,
                 .width = how == AS_ALLELES ? kuni_zarr_fields_alleles(s->fields)
                                            : (uint32_t)s->n_filters};
    return add(s, &what, dimension, err);
}

static kuni_status add_all_fixed(kuni_zarr_store *s, kuni_error *err)
{
    const kuni_zarr_field *f = s->fields->fields;
    const kuni_zarr_field *position = &f[KUNI_ZARR_POSITION], *length = &f[KUNI_ZARR_LENGTH];
    kuni_status status = add_fixed(s, "variant_contig", KUNI_ZARR_CONTIG, AS_INT,
                                   int_type(0, s->fields->header->n[BCF_DT_CTG]),
                                   "Number of the contig in contig_id", err);
    if (!status)
        status = add_fixed(s, "variant_position", KUNI_ZARR_POSITION, AS_INT,
                           int_type(position->least, position->greatest), "Position, from 1", err);
    if (!status)
        status =
            add_fixed(s, "variant_length", KUNI_ZARR_LENGTH, AS_INT,
                      int_type(length->least, length->greatest), "Bases of the reference", err);
    if (!status)
        status =
            add_fixed(s, "variant_quality", KUNI_ZARR_QUALITY, AS_FLOAT, KUNI_ZARR_F4, "QUAL", err);
    if (!status)
        status = add_fixed(s, "variant_id", KUNI_ZARR_ID, AS_TEXT, KUNI_ZARR_TEXT, "ID", err);
    if (!status)
        status = add_fixed(s, "variant_id_mask", KUNI_ZARR_ID, AS_ABSENCE, KUNI_ZARR_BOOL,
                           "There is no ID", err);
    if (!status)
        status = add_fixed(s, "variant_allele", KUNI_ZARR_ALLELES, AS_ALLELES, KUNI_ZARR_TEXT,
                           "REF and each ALT", err);
    return status ? status
                  : add_fixed(s, "variant_filter", KUNI_ZARR_FILTERS, AS_FILTERS, KUNI_ZARR_BOOL,
                              "Filters that the variant has", err);
}

static kuni_status add_genotypes(kuni_zarr_store *s, size_t which, kuni_error *err)
{
    const kuni_zarr_field *field = &s->fields->fields[which];
    spec what = {.array = {.name = "call_genotype",
                           .type = int_type(field->least, field->greatest),
                           .description = field->description,
                           .bits = true},
                 .field = which,
                 .how = AS_INT,
                 .by_sample = true,
                 .width = kuni_zarr_fields_ploidy(s->fields)};
    kuni_status status = add(s, &what, "ploidy", err);
    what.array.type = KUNI_ZARR_BOOL;
    what.array.name = "call_genotype_mask";
    what.array.description = "";
    what.how = AS_MASK;
    if (!status) status = add(s, &what, "ploidy", err);
    what.array.name = "call_genotype_phased";
    what.how = AS_PHASE;
    return status ? status : add(s, &what, NULL, err);
}

static making making_of(const kuni_zarr_field *f)
{
    return f->type == BCF_HT_INT    ? AS_INT
           : f->type == BCF_HT_REAL ? AS_FLOAT
           : f->type == BCF_HT_FLAG ? AS_FLAG
           : f->is_letter           ? AS_LETTER
                                    : AS_TEXT;
}

static kuni_status add_field(kuni_zarr_store *s, size_t which, kuni_error *err)
{
    const kuni_zarr_field *f = &s->fields->fields[which];
    bool sample = f->level == BCF_HL_FMT;
    if (sample && !f->most) return KUNI_OK; /* no record has it: readers choke on such arrays */
    if (f->is_genotype) return add_genotypes(s, which, err);
    spec what = {.field = which,
                 .how = making_of(f),
                 .by_sample = sample,
                 .width = kuni_zarr_field_width(s->fields, f)};
    const char *dimension = f->kind == BCF_VL_A   ? "alt_alleles"
                            : f->kind == BCF_VL_R ? "alleles"
                            : f->kind == BCF_VL_G ? "genotypes"
                                                  : NULL;
    if (!dimension && (what.width > 1 || (sample && strcmp(f->tag, "LAA") == 0))) {
        dimension = spell(s, sample ? "FORMAT_" : "INFO_", f->tag, "_dim", err);
        if (!dimension) return KUNI_MEMORY;
    }
    what.array.name = spell(s, sample ? "call_" : "variant_", f->tag, "", err);
    if (!what.array.name) return KUNI_MEMORY;
    /* The header keeps the quotes of descriptions. */
    size_t n = strlen(f->description);
    bool quoted = n > 1 && f->description[0] == '"' && f->description[n - 1] == '"';
    what.array.description =
        kuni_arena_strndup(s->arena, f->description + quoted, n - 2 * quoted, err);
    if (!what.array.description) return KUNI_MEMORY;
    what.array.type = what.how == AS_INT      ? int_type(f->least, f->greatest)
                      : what.how == AS_FLOAT  ? KUNI_ZARR_F4
                      : what.how == AS_FLAG   ? KUNI_ZARR_BOOL
                      : what.how == AS_LETTER ? KUNI_ZARR_U1
                                              : KUNI_ZARR_TEXT;
    what.array.bits = what.how == AS_FLAG;
    return add(s, &what, dimension, err);
}

static kuni_status list_filters(kuni_zarr_store *s, kuni_error *err)
{
    const bcf_hdr_t *header = s->fields->header;
    size_t most = (size_t)header->nhrec + 1;
    s->filters = kuni_arena_alloc(s->arena, most, sizeof(*s->filters), err);
    s->filter_ids = kuni_arena_alloc(s->arena, most, sizeof(*s->filter_ids), err);
    if (!s->filters || !s->filter_ids) return KUNI_MEMORY;
    for (int passing = 1; passing >= 0; passing--)
        for (int i = 0; i < header->nhrec; i++) {
            bcf_hrec_t *record = header->hrec[i];
            int id = record->type == BCF_HL_FLT ? bcf_hrec_find_key(record, "ID") : -1;
            if (id < 0 || (strcmp(record->vals[id], "PASS") == 0) != passing) continue;
            s->filters[s->n_filters] = record->vals[id];
            s->filter_ids[s->n_filters++] = bcf_hdr_id2int(header, BCF_DT_ID, record->vals[id]);
        }
    return KUNI_OK;
}

static size_t value_bytes(const spec *a)
{
    size_t bytes = kuni_zarr_value_bytes(a->array.type);
    return bytes ? bytes : 8; /* of text: about */
}

/* So many samples that a chunk of the widest array is not too big; chunks do not reach over slices. */
static uint64_t choose_samples(const kuni_zarr_store *s, size_t widest)
{
    static const uint64_t parts[] = {1,  2,  4,  5,  8,   10,  16,  20,
                                     25, 40, 50, 80, 100, 200, 500, 1000};
    uint64_t slice = s->fields->shape.slice, n = slice;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        n = (slice + parts[i] - 1) / parts[i];
        if (n * s->chunk_rows * widest <= KUNI_ZARR_CHUNK_BYTES) break;
    }
    return n ? n : 1;
}

/* Chunks end with the rows, the samples, or what is too much. */
static void choose_chunks(kuni_zarr_store *s)
{
    size_t widest = 1;
    for (size_t i = 0; i < s->n; i++)
        if (s->specs[i].by_sample && s->specs[i].width * value_bytes(&s->specs[i]) > widest)
            widest = s->specs[i].width * value_bytes(&s->specs[i]);
    s->chunk_rows = s->rows < KUNI_ZARR_VARIANTS ? s->rows : KUNI_ZARR_VARIANTS;
    if (!s->chunk_rows) s->chunk_rows = 1;
    s->chunk_samples = choose_samples(s, widest);
    for (size_t i = 0; i < s->n; i++) {
        s->specs[i].array.chunks[0] = s->chunk_rows;
        if (s->specs[i].by_sample) s->specs[i].array.chunks[1] = s->chunk_samples;
    }
}

kuni_status kuni_zarr_store_open(kuni_zarr_store **made, const char *folder,
                                 const kuni_zarr_fields *fields, kuni_columns_reader *reader,
                                 kuni_error *err)
{
    kuni_zarr_store *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return KUNI_MEMORY;
    *s = (kuni_zarr_store){.folder = folder,
                           .fields = fields,
                           .reader = reader,
                           .arena = kuni_arena_new(err),
                           .rows = kuni_columns_rows(reader),
                           .samples = fields->shape.n_samples};
    kuni_status status = s->arena ? list_filters(s, err) : KUNI_MEMORY;
    if (!status) status = add_all_fixed(s, err);
    for (size_t i = KUNI_ZARR_FIXED; i < fields->n && !status; i++) status = add_field(s, i, err);
    choose_chunks(s);
    if (status)
        kuni_zarr_store_close(s);
    else
        *made = s;
    return status;
}

void kuni_zarr_store_close(kuni_zarr_store *s)
{
    if (!s) return;
    if (s->arena) kuni_arena_free(s->arena);
    free(s->specs);
    kuni_buffer_fini(&s->chunk);
    kuni_buffer_fini(&s->scratch);
    free(s);
}

uint64_t kuni_zarr_store_chunks(const kuni_zarr_store *s)
{
    return (s->rows + s->chunk_rows - 1) / s->chunk_rows;
}

/* A field of a row, for the samples of a chunk. */
static kuni_status get_row(kuni_zarr_store *s, const spec *a, const uint64_t *place, uint64_t row,
                           kuni_columns_value *value, kuni_error *err)
{
    if (!a->by_sample) return kuni_columns_get(s->reader, a->field, 0, row, value, err);
    uint64_t first = place[1] * s->chunk_samples, slice = s->fields->shape.slice;
    kuni_status status = kuni_columns_get(s->reader, a->field, first / slice, row, value, err);
    if (!status) value->data += first % slice * value->bytes;
    return status;
}

/* --- chunks of numbers --- */

/* A value of a row as BCF has it; INT32_MIN: missing, and one more: the end. */
static int32_t load(int type, const uint8_t *data, size_t i)
{
    if (type == BCF_BT_INT8) {
        int8_t v = (int8_t)data[i];
        return v <= INT8_MIN + 1 ? v - INT8_MIN + INT32_MIN : v;
    }
    if (type == BCF_BT_INT16) {
        int16_t v;
        memcpy(&v, data + 2 * i, 2);
        return v <= INT16_MIN + 1 ? v - INT16_MIN + INT32_MIN : v;
    }
    int32_t v;
    memcpy(&v, data + 4 * i, 4);
    return v;
}

static size_t stored_bytes(int type)
{
    return type == BCF_BT_INT8 || type == BCF_BT_CHAR ? 1 : type == BCF_BT_INT16 ? 2 : 4;
}

static void store(uint8_t *at, kuni_zarr_type type, int32_t value)
{
    int16_t small = (int16_t)value;
    if (type == KUNI_ZARR_I2)
        memcpy(at, &small, 2);
    else if (type == KUNI_ZARR_I4)
        memcpy(at, &value, 4);
    else
        *at = (uint8_t)value;
}

/* A row under way: n samples, or one that stands for the record. */
typedef struct row {
    const spec *a;
    const kuni_columns_value *value;
    size_t n, bytes; /* of a value of the array */
    uint32_t given;  /* values a sample in the record */
    bool genotype;
} row;

static int32_t made_of(const row *r, int32_t value)
{
    if (value == INT32_MIN + 1) return FILL;
    if (value == INT32_MIN) return MISSING;
    return r->genotype ? (value >> 1) - 1 : value;
}

static void fill_ints(const row *r, uint8_t *out)
{
    for (size_t i = 0; i < r->n; i++)
        for (uint32_t k = 0; k < r->a->width; k++, out += r->bytes) {
            int32_t value = FILL;
            if (!r->value->type)
                value = MISSING;
            else if (k < r->given)
                value = made_of(r, load(r->value->type, r->value->data, i * r->given + k));
            if (r->a->how == AS_MASK) value = value < 0;
            store(out, r->a->array.type, value);
        }
}

/* Single copies count as phased, as in VCF 4.4. */
static void fill_phases(const row *r, uint8_t *out)
{
    for (size_t i = 0; i < r->n && r->value->type; i++)
        out[i] = r->given < 2 || load(r->value->type, r->value->data, (i + 1) * r->given - 1) & 1;
}

static void fill_floats(const row *r, uint8_t *out)
{
    for (size_t i = 0; i < r->n; i++)
        for (uint32_t k = 0; k < r->a->width; k++, out += 4) {
            uint32_t value = fill_float;
            if (!r->value->type)
                value = missing_float;
            else if (k < r->given)
                memcpy(&value, r->value->data + 4 * (i * r->given + k), 4);
            memcpy(out, &value, 4);
        }
}

static void fill_letters(const row *r, uint8_t *out)
{
    for (size_t i = 0; i < r->n; i++, out += r->bytes) {
        uint8_t letter = r->value->type ? r->value->data[i * r->value->bytes] : 0;
        out[0] = letter && letter != bcf_str_missing ? letter : '.'; /* the other bytes are 0 */
    }
}

static void fill_filters(const kuni_zarr_store *s, const row *r, uint8_t *out)
{
    for (uint32_t i = 0; i < r->given; i++)
        for (size_t k = 0; k < s->n_filters; k++)
            if (load(BCF_BT_INT32, r->value->data, i) == s->filter_ids[k]) out[k] = 1;
}

static void fill_row(const kuni_zarr_store *s, const row *r, uint8_t *out)
{
    switch (r->a->how) {
    case AS_INT:
    case AS_MASK:
        fill_ints(r, out);
        return;
    case AS_FLOAT:
        fill_floats(r, out);
        return;
    case AS_LETTER:
        fill_letters(r, out);
        return;
    case AS_PHASE:
        fill_phases(r, out);
        return;
    case AS_FILTERS:
        fill_filters(s, r, out);
        return;
    case AS_FLAG:
        *out = r->value->type != 0;
        return;
    case AS_ABSENCE:
        *out = r->value->type == 0;
        return;
    case AS_TEXT:
    case AS_ALLELES:
        return; /* not of numbers */
    }
}

/* --- chunks of texts --- */

/* The parts of a text between commas, and what is missing behind them. */
static kuni_status add_parts(kuni_zarr_store *s, const spec *a, const kuni_columns_value *value,
                             kuni_error *err)
{
    const char *at = (const char *)value->data, *end = at + value->bytes;
    kuni_status status = KUNI_OK;
    for (uint32_t k = 0; k < a->width && !status; k++) {
        if (!value->type) {
            status = kuni_zarr_text_add(&s->chunk, ".", 1, err);
            continue;
        }
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const char *stop = comma ? comma : end;
        status = kuni_zarr_text_add(&s->chunk, at, at < end ? (size_t)(stop - at) : 0, err);
        at = comma ? comma + 1 : end;
    }
    return status;
}

static kuni_status add_texts(kuni_zarr_store *s, const kuni_columns_value *value, size_t n,
                             kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        const char *text = (const char *)value->data + i * value->bytes;
        size_t length = value->type ? strnlen(text, value->bytes) : 0;
        bool none = !length || text[0] == bcf_str_missing;
        status = kuni_zarr_text_add(&s->chunk, none ? "." : text, none ? 1 : length, err);
    }
    return status;
}

static kuni_status write_texts(kuni_zarr_store *s, const spec *a, const uint64_t *place,
                               size_t n_samples, kuni_error *err)
{
    uint64_t first = place[0] * s->chunk_rows, each = a->by_sample ? s->chunk_samples : 1;
    kuni_columns_value value;
    kuni_status status = kuni_zarr_text_start(&s->chunk, s->chunk_rows * each * a->width, err);
    for (uint64_t i = 0; i < s->chunk_rows && !status; i++) {
        size_t there = first + i < s->rows ? n_samples : 0;
        if (there) status = get_row(s, a, place, first + i, &value, err);
        if (there && !status)
            status = a->by_sample ? add_texts(s, &value, there, err) : add_parts(s, a, &value, err);
        for (uint64_t k = there; k < each && !status; k++) /* beyond the end */
            for (uint32_t part = 0; part < a->width && !status; part++)
                status = kuni_zarr_text_add(&s->chunk, "", 0, err);
    }
    return status ? status
                  : kuni_zarr_write(s->folder, &a->array, place, s->chunk.data, s->chunk.length,
                                    &s->scratch, err);
}

static kuni_status write_numbers(kuni_zarr_store *s, const spec *a, const uint64_t *place,
                                 size_t n_samples, kuni_error *err)
{
    size_t bytes = kuni_zarr_value_bytes(a->array.type), each = a->by_sample ? s->chunk_samples : 1;
    size_t step = each * a->width * bytes, all = step * s->chunk_rows;
    uint64_t first = place[0] * s->chunk_rows;
    kuni_columns_value value;
    kuni_buffer_clear(&s->chunk);
    kuni_status status = kuni_buffer_reserve(&s->chunk, all, err);
    if (status) return status;
    memset(s->chunk.data, 0, all);
    for (uint64_t i = 0; i < s->chunk_rows && first + i < s->rows && !status; i++) {
        status = get_row(s, a, place, first + i, &value, err);
        if (status) break;
        row r = {.a = a,
                 .value = &value,
                 .n = n_samples,
                 .bytes = bytes,
                 .given = value.bytes / (uint32_t)stored_bytes(value.type),
                 .genotype = s->fields->fields[a->field].is_genotype};
        fill_row(s, &r, (uint8_t *)s->chunk.data + i * step);
    }
    return status
               ? status
               : kuni_zarr_write(s->folder, &a->array, place, s->chunk.data, all, &s->scratch, err);
}

kuni_status kuni_zarr_store_write(kuni_zarr_store *s, uint64_t chunk, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < s->n && !status; i++) {
        const spec *a = &s->specs[i];
        uint64_t slices = a->by_sample ? (s->samples + s->chunk_samples - 1) / s->chunk_samples : 1;
        for (uint64_t slice = 0; slice < slices && a->width && !status; slice++) {
            uint64_t place[KUNI_ZARR_DIMENSIONS] = {chunk, a->by_sample ? slice : 0, 0};
            uint64_t left = a->by_sample ? s->samples - slice * s->chunk_samples : 1;
            size_t n = (size_t)(left < s->chunk_samples || !a->by_sample ? left : s->chunk_samples);
            status = a->array.type == KUNI_ZARR_TEXT ? write_texts(s, a, place, n, err)
                                                     : write_numbers(s, a, place, n, err);
        }
    }
    return status;
}

/* --- what does not have variants --- */

static kuni_status write_list(kuni_zarr_store *s, const char *name, const char *dimension,
                              const char *const *texts, size_t n, size_t to_a_chunk,
                              kuni_error *err)
{
    if (!to_a_chunk) to_a_chunk = 1;
    kuni_zarr_array a = {.name = name,
                         .type = KUNI_ZARR_TEXT,
                         .fill = KUNI_ZARR_FILL_EMPTY,
                         .n_dimensions = 1,
                         .shape = {n},
                         .chunks = {to_a_chunk},
                         .dimensions = {dimension}};
    kuni_status status = kuni_zarr_create(s->folder, &a, err);
    for (size_t first = 0; first < n && !status; first += to_a_chunk) {
        uint64_t place = first / to_a_chunk;
        status = kuni_zarr_text_start(&s->chunk, to_a_chunk, err);
        for (size_t i = first; i < first + to_a_chunk && !status; i++) {
            const char *text = i < n ? texts[i] : "";
            status = kuni_zarr_text_add(&s->chunk, text, strlen(text), err);
        }
        if (!status)
            status = kuni_zarr_write(s->folder, &a, &place, s->chunk.data, s->chunk.length,
                                     &s->scratch, err);
    }
    return status;
}

static kuni_status write_filters(kuni_zarr_store *s, kuni_error *err)
{
    const char **texts = kuni_arena_alloc(s->arena, s->n_filters + 1, sizeof(*texts), err);
    if (!texts) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n_filters; i++) {
        bcf_hrec_t *record =
            bcf_hdr_get_hrec(s->fields->header, BCF_HL_FLT, "ID", s->filters[i], NULL);
        int key = record ? bcf_hrec_find_key(record, "Description") : -1;
        const char *text = key < 0 ? "" : record->vals[key];
        size_t n = strlen(text);
        bool quoted = n > 1 && text[0] == '"' && text[n - 1] == '"';
        texts[i] = kuni_arena_strndup(s->arena, text + quoted, n - 2 * quoted, err);
        if (!texts[i]) return KUNI_MEMORY;
    }
    kuni_status status =
        write_list(s, "filter_id", "filters", s->filters, s->n_filters, s->n_filters, err);
    return status ? status
                  : write_list(s, "filter_description", "filters", texts, s->n_filters,
                               s->n_filters, err);
}

static kuni_status write_contigs(kuni_zarr_store *s, kuni_error *err)
{
    const bcf_hdr_t *header = s->fields->header;
    size_t n = (size_t)header->n[BCF_DT_CTG];
    const char **names = kuni_arena_alloc(s->arena, n + 1, sizeof(*names), err);
    int64_t *lengths = kuni_arena_alloc(s->arena, n + 1, sizeof(*lengths), err);
    if (!names || !lengths) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) {
        names[i] = bcf_hdr_id2name(header, (int)i);
        lengths[i] = (int64_t)header->id[BCF_DT_CTG][i].val->info[0];
    }
    kuni_status status = write_list(s, "contig_id", "contigs", names, n, n, err);
    kuni_zarr_array a = {.name = "contig_length",
                         .type = KUNI_ZARR_I8,
                         .fill = KUNI_ZARR_FILL_ZERO,
                         .n_dimensions = 1,
                         .shape = {n},
                         .chunks = {n ? n : 1},
                         .dimensions = {"contigs"}};
    uint64_t place = 0;
    if (!status) status = kuni_zarr_create(s->folder, &a, err);
    return status ? status
                  : kuni_zarr_write(s->folder, &a, &place, lengths, 8 * n, &s->scratch, err);
}

static void put_lines(kuni_json *json, const bcf_hdr_t *header)
{
    kuni_json_array(json, "vcf_meta_information", KUNI_JSON_LINES);
    for (int i = 0; i < header->nhrec; i++) {
        const bcf_hrec_t *record = header->hrec[i];
        if (record->type != BCF_HL_GEN || !record->value) continue;
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, NULL, record->key);
        kuni_json_text(json, NULL, record->value);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static kuni_status write_root(kuni_zarr_store *s, const char *source, bool is_group,
                              kuni_error *err)
{
    char *path = kuni_path_join(s->folder, is_group ? ".zgroup" : ".zattrs", err);
    kuni_file *file;
    kuni_json json;
    kuni_status status = path ? kuni_file_create(&file, path, err) : KUNI_MEMORY;
    free(path);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, err);
    kuni_json_object(&json, NULL, KUNI_JSON_LINES);
    if (is_group)
        kuni_json_int(&json, "zarr_format", 2);
    else {
        kuni_json_text(&json, "vcf_zarr_version", "0.4");
        kuni_json_text(&json, "source", source);
        put_lines(&json, s->fields->header);
    }
    kuni_json_end(&json);
    status = kuni_json_finish(&json);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

kuni_status kuni_zarr_store_describe(kuni_zarr_store *s, const char *source, kuni_error *err)
{
    kuni_status status = write_root(s, source, true, err);
    if (!status) status = write_root(s, source, false, err);
    if (!status)
        status =
            write_list(s, "sample_id", "samples", (const char *const *)s->fields->header->samples,
                       (size_t)s->samples, (size_t)s->chunk_samples, err);
    if (!status) status = write_filters(s, err);
    if (!status) status = write_contigs(s, err);
    for (size_t i = 0; i < s->n && !status; i++)
        status = kuni_zarr_create(s->folder, &s->specs[i].array, err);
    return status;
}

/* --- the index of regions --- */

enum { INDEX_COLUMNS = 6 };

/* Stretches of one contig in one chunk. */
typedef struct regions {
    int32_t (*rows)[INDEX_COLUMNS];
    size_t n, capacity;
} regions;

static kuni_status get_number(kuni_zarr_store *s, size_t field, uint64_t at, int32_t *number,
                              kuni_error *err)
{
    kuni_columns_value value;
    kuni_status status = kuni_columns_get(s->reader, field, 0, at, &value, err);
    if (!status) memcpy(number, value.data, 4);
    return status;
}

static kuni_status find_regions(kuni_zarr_store *s, regions *found, kuni_error *err)
{
    /* One field after another within a chunk, as they lie. */
    int32_t *numbers = kuni_alloc(3 * s->chunk_rows, sizeof(*numbers), err);
    kuni_status status = numbers ? KUNI_OK : KUNI_MEMORY;
    for (uint64_t first = 0; first < s->rows && !status; first += s->chunk_rows) {
        uint64_t n = s->rows - first < s->chunk_rows ? s->rows - first : s->chunk_rows;
        for (uint64_t i = 0; i < 3 * n && !status; i++)
            status = get_number(s, KUNI_ZARR_CONTIG + i / n, first + i % n, &numbers[i], err);
        for (uint64_t i = 0; i < n && !status; i++) {
            int32_t contig = numbers[i], pos = numbers[n + i], end = pos + numbers[2 * n + i] - 1;
            int32_t chunk = (int32_t)(first / s->chunk_rows);
            int32_t *last = found->n ? found->rows[found->n - 1] : NULL;
            if (last && last[0] == chunk && last[1] == contig) {
                last[3] = pos;
                if (end > last[4]) last[4] = end;
                last[5]++;
                continue;
            }
            status = kuni_grow((void **)&found->rows, &found->capacity, found->n + 1,
                               sizeof(*found->rows), err);
            const int32_t made[INDEX_COLUMNS] = {chunk, contig, pos, pos, end, 1};
            if (!status) memcpy(found->rows[found->n++], made, sizeof(made));
        }
    }
    free(numbers);
    return status;
}

kuni_status kuni_zarr_store_index(kuni_zarr_store *s, kuni_error *err)
{
    regions found = {.rows = NULL};
    kuni_status status = find_regions(s, &found, err);
    kuni_zarr_array a = {.name = "region_index",
                         .type = KUNI_ZARR_I4,
                         .n_dimensions = 2,
                         .shape = {found.n, INDEX_COLUMNS},
                         .chunks = {found.n ? found.n : 1, INDEX_COLUMNS},
                         .dimensions = {"region_index_values", "region_index_fields"}};
    const uint64_t place[2] = {0};
    if (!status) status = kuni_zarr_create(s->folder, &a, err);
    if (!status && found.n)
        status = kuni_zarr_write(s->folder, &a, place, found.rows, found.n * sizeof(*found.rows),
                                 &s->scratch, err);
    free(found.rows);
    return status;
}
