/* SPDX-License-Identifier: MIT */
#include "rewriter.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"

enum { NOT_KEPT = -1 };

struct kuni_rewriter {
    const kuni_rewriting *what;
    bcf1_t *made, *copy;
    /* of the record under way */
    int n_old, n_new;     /* alleles, REF included */
    int *now;             /* old allele -> new one, or NOT_KEPT */
    int *was;             /* new allele -> old one */
    const char **alleles; /* new ones */
    size_t alleles_capacity, now_capacity, was_capacity;
    char *spelled; /* of the new alleles */
    size_t spelled_capacity;
    int32_t *ints, *counts[4]; /* read; AC, nhet, nhomalt, nhemi */
    int ints_room, counts_room[4];
    float *floats;
    int floats_room;
    char *chars;
    int chars_room;
    int32_t *out; /* to be written */
    size_t out_capacity;
    char *out_chars;
    size_t out_chars_capacity;
    int32_t *local; /* LAA as read */
    int local_room, local_width;
    kuni_error *err;
};

enum { AC, NHET, NHOMALT, NHEMI };

static const char *const count_tags[] = {"AC", "nhet", "nhomalt", "nhemi"};
static const char *const sites_infos[] = {"AC", "AN", "AF", NULL};
static const char *const calls_infos[] = {"AC", "AN", "AF", "NS", "nhet", "nhomalt", "nhemi", NULL};
static const char *const cohort_infos[] = {"EAF", "EAN", NULL};
static const char *const formats[] = {"GT", "LAA", "LEN", "GQ",  "DP", "AD",
                                      "PL", "LAD", "LPL", "RNC", "PS", NULL};

kuni_status kuni_rewriter_new(kuni_rewriter **made, const kuni_rewriting *what, kuni_error *err)
{
    kuni_rewriter *w = kuni_alloc(1, sizeof(*w), err);
    if (!w) return KUNI_MEMORY;
    w->what = what;
    w->made = bcf_init();
    w->copy = bcf_init();
    if (!w->made || !w->copy) {
        kuni_rewriter_free(w);
        return kuni_fail_memory(err, 1, sizeof(bcf1_t));
    }
    *made = w;
    return KUNI_OK;
}

void kuni_rewriter_free(kuni_rewriter *rewriter)
{
    kuni_rewriter *w = rewriter;
    if (!w) return;
    if (w->made) bcf_destroy(w->made);
    if (w->copy) bcf_destroy(w->copy);
    for (int i = 0; i < 4; i++) free(w->counts[i]);
    free(w->now);
    free(w->was);
    free((void *)w->alleles);
    free(w->spelled);
    free(w->ints);
    free(w->floats);
    free(w->chars);
    free(w->out);
    free(w->out_chars);
    free(w->local);
    free(w);
}

/* --- header --- */

static bool is_among(const char *const *list, const char *text)
{
    for (; text && *list; list++)
        if (strcmp(*list, text) == 0) return true;
    return false;
}

/* LAD goes with AD, and LAA where nothing is told by its alleles. */
static bool format_stays(const kuni_rewriter *w, bool with_lpl, const char *tag)
{
    const char *const *dropped = w->what->dropped;
    if (!is_among(formats, tag)) return false;
    if (!dropped) return true;
    if (strcmp(tag, "LAD") == 0) return !is_among(dropped, "AD");
    if (strcmp(tag, "LAA") == 0) return with_lpl || !is_among(dropped, "AD");
    return !is_among(dropped, tag);
}

static bool stays(const kuni_rewriter *w, const bcf_hrec_t *line)
{
    int id = bcf_hrec_find_key((bcf_hrec_t *)line, "ID");
    const char *name = id >= 0 ? line->vals[id] : NULL;
    if (line->type == BCF_HL_CTG || line->type == BCF_HL_FLT) return true;
    if (line->type == BCF_HL_GEN) return strcmp(line->key, "source") == 0;
    if (line->type == BCF_HL_STR) return strcmp(line->key, "ALT") == 0;
    const char *const *dropped = w->what->dropped;
    if (line->type == BCF_HL_FMT)
        return name && w->what->n && format_stays(w, !dropped || !is_among(dropped, "LPL"), name);
    if (line->type != BCF_HL_INFO) return false;
    return is_among(w->what->n ? calls_infos : sites_infos, name) ||
           (w->what->cohort_frequencies && is_among(cohort_infos, name));
}

/* A stage of the operator's may have spelled its command in a description. */
static bool tells_a_path(const char *text)
{
    for (const char *slash = strchr(text, '/'); slash; slash = strchr(slash + 1, '/')) {
        char before = slash > text ? slash[-1] : ' ', behind = slash[1];
        if (strchr(" =\"'(,:", before) && behind && !strchr(" )=", behind)) return true;
    }
    return false;
}

/* A copy of the line; a description with a path in it becomes the id. */
static bcf_hrec_t *copy_line(bcf_hrec_t *line)
{
    bcf_hrec_t *copy = bcf_hrec_dup(line);
    int text = copy ? bcf_hrec_find_key(copy, "Description") : -1;
    int id = copy ? bcf_hrec_find_key(copy, "ID") : -1;
    if (text < 0 || id < 0 || !tells_a_path(copy->vals[text])) return copy;
    const char *name = copy->vals[id];
    if (bcf_hrec_set_val(copy, text, name, strlen(name), 1) == 0) return copy;
    bcf_hrec_destroy(copy);
    return NULL;
}

kuni_status kuni_rewriter_header(void *rewriter, const bcf_hdr_t *made, bcf_hdr_t **written,
                                 kuni_error *err)
{
    const kuni_rewriter *w = rewriter;
    bcf_hdr_t *header = bcf_hdr_init("w");
    *written = header;
    bool bad = !header || bcf_hdr_set_version(header, bcf_hdr_get_version(made)) < 0;
    for (int i = 0; !bad && i < made->nhrec; i++) {
        if (!stays(w, made->hrec[i])) continue;
        bcf_hrec_t *line = copy_line(made->hrec[i]);
        bad = !line || bcf_hdr_add_hrec(header, line) < 0;
    }
    for (size_t i = 0; !bad && i < w->what->n; i++)
        bad = bcf_hdr_add_sample(header, w->what->names[i]) < 0;
    if (!bad) bad = bcf_hdr_sync(header) < 0;
    return bad ? kuni_fail(err, KUNI_BUG, "the header of a release was refused") : KUNI_OK;
}

/* --- alleles --- */

static kuni_status wrong(const kuni_rewriter *w, const bcf1_t *record, const char *what)
{
    return kuni_fail(w->err, KUNI_BUG, "a record of a release: %s at position %lld", what,
                     (long long)record->pos + 1);
}

static bool is_letters(const char *allele)
{
    return *allele != '*' && *allele != '<';
}

/* People who carry an ALT (from 1). */
static int64_t carriers(const kuni_rewriter *w, int alt)
{
    return (int64_t)w->counts[NHET][alt - 1] + w->counts[NHOMALT][alt - 1] +
           w->counts[NHEMI][alt - 1];
}

static bool alt_stays(const kuni_rewriter *w, const char *allele, int alt)
{
    if (*allele == '<') return true; /* the rest, of sparse ones */
    if (w->what->n) return w->what->all_sites || carriers(w, alt);
    return carriers(w, alt) && (!w->what->tells || w->what->tells(w->what->context, alt));
}

static kuni_status read_counts(kuni_rewriter *w, bcf_hdr_t *header, bcf1_t *record)
{
    for (int i = 0; i < 4; i++)
        if (bcf_get_info_int32(header, record, count_tags[i], &w->counts[i], &w->counts_room[i]) !=
            record->n_allele - 1)
            return wrong(w, record, count_tags[i]);
    return KUNI_OK;
}

/* Sets which alleles stay; *any: one of letters does, beside REF. */
static kuni_status choose_alleles(kuni_rewriter *w, const bcf1_t *record, bool *any)
{
    size_t n = record->n_allele;
    kuni_status status = kuni_grow((void **)&w->now, &w->now_capacity, n, sizeof(int), w->err);
    if (!status) status = kuni_grow((void **)&w->was, &w->was_capacity, n, sizeof(int), w->err);
    if (!status)
        status = kuni_grow((void **)&w->alleles, &w->alleles_capacity, n, sizeof(char *), w->err);
    if (status) return status;
    w->n_old = (int)n;
    w->n_new = 0;
    *any = false;
    for (int i = 0; i < w->n_old; i++) {
        const char *allele = record->d.allele[i];
        w->now[i] = NOT_KEPT;
        if (i && !alt_stays(w, allele, i)) continue;
        *any |= i && is_letters(allele);
        w->now[i] = w->n_new;
        w->was[w->n_new] = i;
        w->alleles[w->n_new++] = allele;
    }
    return KUNI_OK;
}

/* Letters at the end that REF and all that stay share, and that others made them have. */
static size_t shared_end(const kuni_rewriter *w)
{
    const char *ref = w->alleles[0];
    size_t n = strlen(ref), shared = n - 1;
    bool any = false;
    for (int i = 1; i < w->n_new; i++) {
        const char *alt = w->alleles[i];
        size_t length = strlen(alt), same = 0;
        if (!is_letters(alt)) continue;
        while (same < shared && same + 1 < length && ref[n - 1 - same] == alt[length - 1 - same])
            same++;
        shared = same;
        any = true;
    }
    return any ? shared : 0;
}

static kuni_status put_alleles(kuni_rewriter *w, bcf_hdr_t *header, bcf1_t *record)
{
    size_t cut = shared_end(w), room = 0, at = 0;
    for (int i = 0; i < w->n_new; i++) room += strlen(w->alleles[i]) + 1;
    kuni_status status = kuni_grow((void **)&w->spelled, &w->spelled_capacity, room, 1, w->err);
    for (int i = 0; i < w->n_new && !status; i++) {
        size_t length = strlen(w->alleles[i]) - (is_letters(w->alleles[i]) ? cut : 0);
        memcpy(w->spelled + at, w->alleles[i], length);
        w->spelled[at + length] = '\0';
        w->alleles[i] = w->spelled + at;
        at += length + 1;
    }
    if (!status && bcf_update_alleles(header, w->made, w->alleles, w->n_new) < 0)
        return wrong(w, record, "alleles");
    return status;
}

/* --- INFO --- */

static kuni_status put_count(kuni_rewriter *w, bcf_hdr_t *written, const bcf1_t *record, int tag)
{
    for (int i = 1; i < w->n_new; i++) w->out[i - 1] = w->counts[tag][w->was[i] - 1];
    return bcf_update_info_int32(written, w->made, count_tags[tag], w->out, w->n_new - 1) < 0
               ? wrong(w, record, count_tags[tag])
               : KUNI_OK;
}

static kuni_status put_one(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                           const char *tag)
{
    if (bcf_get_info_int32(made, record, tag, &w->ints, &w->ints_room) != 1 ||
        bcf_update_info_int32(written, w->made, tag, w->ints, 1) < 0)
        return wrong(w, record, tag);
    return KUNI_OK;
}

static kuni_status put_shares(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                              const char *tag)
{
    if (bcf_get_info_float(made, record, tag, &w->floats, &w->floats_room) != w->n_old - 1)
        return wrong(w, record, tag);
    for (int i = 1; i < w->n_new; i++) w->floats[i - 1] = w->floats[w->was[i] - 1];
    return bcf_update_info_float(written, w->made, tag, w->floats, w->n_new - 1) < 0
               ? wrong(w, record, tag)
               : KUNI_OK;
}

static kuni_status put_info(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record)
{
    kuni_status status =
        kuni_grow((void **)&w->out, &w->out_capacity, (size_t)w->n_old, sizeof(*w->out), w->err);
    if (!status) status = put_count(w, written, record, AC);
    if (!status) status = put_one(w, made, written, record, "AN");
    if (!status) status = put_shares(w, made, written, record, "AF");
    if (!status && w->what->cohort_frequencies) {
        status = put_shares(w, made, written, record, "EAF");
        if (!status) status = put_one(w, made, written, record, "EAN");
        w->made->qual = record->qual;
    }
    if (status || !w->what->n) return status;
    status = put_one(w, made, written, record, "NS");
    for (int i = NHET; i <= NHEMI && !status; i++) status = put_count(w, written, record, i);
    return status;
}

static kuni_status put_filters(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written,
                               const bcf1_t *record)
{
    for (int i = 0; i < record->d.n_flt; i++) {
        const char *name = bcf_hdr_int2id(made, BCF_DT_ID, record->d.flt[i]);
        int id = bcf_hdr_id2int(written, BCF_DT_ID, name);
        if (id < 0 || bcf_add_filter(written, w->made, id) < 0) return wrong(w, record, "FILTER");
    }
    return KUNI_OK;
}

/* --- FORMAT --- */

static bool ended(int32_t value)
{
    return value == bcf_int32_vector_end;
}

static size_t genotypes(size_t alleles)
{
    return alleles * (alleles + 1) / 2;
}

static size_t genotype_at(size_t a, size_t b)
{
    return a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b;
}

/* What a sample's numbers become. `in` has `width` places. */
typedef struct sample {
    const int32_t *in;
    size_t n;       /* numbers, up to the end marker */
    const int *was; /* alleles that stay, of those that the numbers are about */
    size_t n_was, n_about;
} sample;

/* Numbers of out. */
static size_t map_by_allele(const sample *s, int32_t *out)
{
    if (s->n < s->n_about) { /* of no allele but the missing one */
        out[0] = bcf_int32_missing;
        return 1;
    }
    for (size_t i = 0; i < s->n_was; i++) out[i] = s->in[s->was[i]];
    return s->n_was;
}

static size_t map_by_genotype(const sample *s, int32_t *out)
{
    size_t n = 0;
    if (s->n == genotypes(s->n_about) && s->n_about > 0) {
        for (size_t b = 0; b < s->n_was; b++)
            for (size_t a = 0; a <= b; a++)
                out[n++] = s->in[genotype_at((size_t)s->was[a], (size_t)s->was[b])];
        return n;
    }
    return map_by_allele(s, out); /* one copy: a number an allele */
}

typedef size_t mapper(const sample *s, int32_t *out);

/* Writes `width` numbers a sample from w->out, whose rows are `stride` apart. */
static kuni_status put_ints(kuni_rewriter *w, bcf_hdr_t *written, const bcf1_t *record,
                            const char *tag, size_t stride, size_t width)
{
    for (size_t c = 1; c < w->what->n && width < stride; c++)
        memmove(w->out + c * width, w->out + c * stride, width * sizeof(*w->out));
    int n = (int)(w->what->n * width);
    int bad = strcmp(tag, "GT") == 0 ? bcf_update_genotypes(written, w->made, w->out, n)
                                     : bcf_update_format_int32(written, w->made, tag, w->out, n);
    return bad < 0 ? wrong(w, record, tag) : KUNI_OK;
}

static kuni_status room_for(kuni_rewriter *w, size_t width)
{
    return kuni_grow((void **)&w->out, &w->out_capacity, w->what->n * width + 1, sizeof(*w->out),
                     w->err);
}

static size_t length_of(const int32_t *in, size_t width)
{
    size_t n = 0;
    while (n < width && !ended(in[n])) n++;
    return n;
}

/* The local ALTs of an old column that stay; returns how many, REF included. */
static size_t local_alleles(const kuni_rewriter *w, size_t old, int *was, size_t *n_about)
{
    size_t width = (size_t)w->local_width, n = 1;
    const int32_t *in = w->local + old * width;
    was[0] = 0;
    *n_about = 1;
    for (size_t i = 0; i < width && !ended(in[i]) && in[i] != bcf_int32_missing; i++) {
        ++*n_about;
        if (w->now[in[i]] != NOT_KEPT) was[n++] = (int)i + 1;
    }
    return n;
}

/* Numbers that are about alleles: of the record, or with `local` of the sample. */
static kuni_status put_mapped(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                              const char *tag, mapper *map, bool local)
{
    int got = bcf_get_format_int32(made, record, tag, &w->ints, &w->ints_room);
    if (got <= 0) return wrong(w, record, tag);
    size_t stride = (size_t)got / w->what->n, width = 1;
    int *was = NULL;
    kuni_status status = room_for(w, stride);
    if (!status && local && !(was = kuni_alloc((size_t)w->local_width + 1, sizeof(int), w->err)))
        status = KUNI_MEMORY;
    for (size_t c = 0; c < w->what->n && !status; c++) {
        size_t old = (size_t)w->what->from[c];
        int32_t *out = w->out + c * stride;
        sample s = {.in = w->ints + old * stride,
                    .was = w->was,
                    .n_was = (size_t)w->n_new,
                    .n_about = (size_t)w->n_old};
        s.n = length_of(s.in, stride);
        if (local) {
            s.n_was = local_alleles(w, old, was, &s.n_about);
            s.was = was;
        }
        bool missing = !s.n || s.in[0] == bcf_int32_missing;
        size_t n = missing ? 1 : map(&s, out);
        if (missing) out[0] = bcf_int32_missing;
        for (size_t i = n; i < stride; i++) out[i] = bcf_int32_vector_end;
        if (n > width) width = n;
    }
    free(was);
    return status ? status : put_ints(w, written, record, tag, stride, width);
}

/* LAA: numbers of alleles themselves. */
static kuni_status put_local(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record)
{
    int got = bcf_get_format_int32(made, record, "LAA", &w->local, &w->local_room);
    if (got <= 0) return wrong(w, record, "LAA");
    size_t stride = (size_t)got / w->what->n, width = 1;
    w->local_width = (int)stride;
    kuni_status status = room_for(w, stride);
    for (size_t c = 0; c < w->what->n && !status; c++) {
        const int32_t *in = w->local + (size_t)w->what->from[c] * stride;
        int32_t *out = w->out + c * stride;
        size_t n = 0;
        for (size_t i = 0; i < stride && !ended(in[i]) && in[i] != bcf_int32_missing; i++) {
            if (in[i] < 1 || in[i] >= w->n_old) return wrong(w, record, "LAA");
            if (w->now[in[i]] != NOT_KEPT) out[n++] = w->now[in[i]];
        }
        if (!n) out[n++] = bcf_int32_missing;
        if (n > width) width = n;
        for (; n < stride; n++) out[n] = bcf_int32_vector_end;
    }
    return status ? status : put_ints(w, written, record, "LAA", stride, width);
}

static kuni_status put_genotypes(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written,
                                 bcf1_t *record)
{
    int got = bcf_get_genotypes(made, record, &w->ints, &w->ints_room);
    if (got <= 0) return wrong(w, record, "GT");
    size_t stride = (size_t)got / w->what->n;
    kuni_status status = room_for(w, stride);
    for (size_t c = 0; c < w->what->n && !status; c++)
        for (size_t i = 0; i < stride; i++) {
            int32_t value = w->ints[(size_t)w->what->from[c] * stride + i];
            if (!ended(value) && !bcf_gt_is_missing(value)) {
                int allele = bcf_gt_allele(value);
                if (allele >= w->n_old || w->now[allele] == NOT_KEPT)
                    return wrong(w, record, "a genotype has an allele that nobody carries");
                value = (int32_t)((uint32_t)(w->now[allele] + 1) << 1) | (value & 1);
            }
            w->out[c * stride + i] = value;
        }
    return status ? status : put_ints(w, written, record, "GT", stride, stride);
}

/* Fields that know of no allele. */
static kuni_status put_plain(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                             const char *tag)
{
    int got = bcf_get_format_int32(made, record, tag, &w->ints, &w->ints_room);
    if (got <= 0) return wrong(w, record, tag);
    size_t stride = (size_t)got / w->what->n;
    kuni_status status = room_for(w, stride);
    for (size_t c = 0; c < w->what->n && !status; c++)
        memcpy(w->out + c * stride, w->ints + (size_t)w->what->from[c] * stride,
               stride * sizeof(*w->out));
    return status ? status : put_ints(w, written, record, tag, stride, stride);
}

static kuni_status put_text(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                            const char *tag)
{
    int got = bcf_get_format_char(made, record, tag, &w->chars, &w->chars_room);
    if (got <= 0) return wrong(w, record, tag);
    size_t stride = (size_t)got / w->what->n;
    kuni_status status = kuni_grow((void **)&w->out_chars, &w->out_chars_capacity,
                                   w->what->n * stride + 1, 1, w->err);
    for (size_t c = 0; c < w->what->n && !status; c++)
        memcpy(w->out_chars + c * stride, w->chars + (size_t)w->what->from[c] * stride, stride);
    if (!status &&
        bcf_update_format_char(written, w->made, tag, w->out_chars, (int)(w->what->n * stride)) < 0)
        return wrong(w, record, tag);
    return status;
}

static kuni_status put_format(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                              const char *tag)
{
    if (strcmp(tag, "GT") == 0) return put_genotypes(w, made, written, record);
    if (strcmp(tag, "RNC") == 0) return put_text(w, made, written, record, tag);
    if (strcmp(tag, "LAA") == 0) return put_local(w, made, written, record);
    bool local = *tag == 'L' && strcmp(tag, "LEN") != 0;
    if (strcmp(tag, "AD") == 0 || strcmp(tag, "LAD") == 0)
        return put_mapped(w, made, written, record, tag, map_by_allele, local);
    if (strcmp(tag, "PL") == 0 || strcmp(tag, "LPL") == 0)
        return put_mapped(w, made, written, record, tag, map_by_genotype, local);
    return put_plain(w, made, written, record, tag);
}

/* A field of which the columns alone change places: its bytes, as they are. */
static kuni_status put_bytes(kuni_rewriter *w, const bcf_hdr_t *written, const bcf1_t *record,
                             const bcf_fmt_t *field, const char *tag)
{
    kstring_t *out = &w->made->indiv;
    size_t size = (size_t)field->size, n = w->what->n;
    int id = bcf_hdr_id2int(written, BCF_DT_ID, tag);
    if (id < 0 || bcf_enc_int1(out, id) < 0 || bcf_enc_size(out, field->n, field->type) < 0 ||
        ks_resize(out, out->l + n * size + 1) < 0)
        return wrong(w, record, tag);
    char *at = out->s + out->l;
    for (size_t c = 0; c < n; c++)
        memcpy(at + c * size, field->p + (size_t)w->what->from[c] * size, size);
    out->l += n * size;
    w->made->n_fmt++;
    return KUNI_OK;
}

/* In the order of the record: LAA stands before what is about it. */
static kuni_status put_formats(kuni_rewriter *w, bcf_hdr_t *made, bcf_hdr_t *written,
                               bcf1_t *record)
{
    kuni_status status = KUNI_OK;
    bool with_lpl = bcf_get_fmt(made, record, "LPL") != NULL;
    w->made->n_sample = (uint32_t)w->what->n & 0xFFFFFF;
    for (unsigned i = 0; i < record->n_fmt && !status; i++) {
        const char *tag = bcf_hdr_int2id(made, BCF_DT_ID, record->d.fmt[i].id);
        if (!format_stays(w, with_lpl, tag)) continue;
        status = w->n_new == w->n_old ? put_bytes(w, written, record, &record->d.fmt[i], tag)
                                      : put_format(w, made, written, record, tag);
    }
    return status;
}

kuni_status kuni_rewriter_record(void *rewriter, bcf_hdr_t *made, bcf_hdr_t *written,
                                 bcf1_t *record, bcf1_t **passed, kuni_error *err)
{
    kuni_rewriter *w = rewriter;
    bool any;
    w->err = err;
    *passed = NULL;
    if (bcf_unpack(record, BCF_UN_ALL) < 0) return wrong(w, record, "damage");
    kuni_status status = read_counts(w, made, record);
    if (!status) status = choose_alleles(w, record, &any);
    if (status || !any) return status;
    bcf_clear(w->made);
    w->made->rid = bcf_hdr_name2id(written, bcf_hdr_id2name(made, record->rid));
    w->made->pos = record->pos;
    bcf_float_set_missing(w->made->qual);
    status = put_alleles(w, written, record);
    if (!status && bcf_update_id(written, w->made, record->d.id) < 0)
        status = wrong(w, record, "ID");
    if (!status) status = put_filters(w, made, written, record);
    if (!status) status = put_info(w, made, written, record);
    if (!status && w->what->n) status = put_formats(w, made, written, record);
    if (status) return status;
    *passed = w->made;
    if (!w->what->text) return KUNI_OK;
    /* htslib spells records that were read or copied, not ones just made */
    if (!bcf_copy(w->copy, w->made)) return kuni_fail_memory(err, 1, sizeof(bcf1_t));
    *passed = w->copy;
    return KUNI_OK;
}
