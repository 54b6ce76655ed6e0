/* SPDX-License-Identifier: MIT */
#include "variant.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"

void kuni_variant_fini(kuni_variant *v)
{
    kuni_buffer_fini(&v->ref);
    kuni_buffer_fini(&v->alt);
}

static char last(const kuni_buffer *text)
{
    return text->length ? text->data[text->length - 1] : '\0';
}

static kuni_status prepend(kuni_buffer *text, const char *letters, size_t n, kuni_error *err)
{
    kuni_status status = kuni_buffer_reserve(text, n, err);
    if (status) return status;
    memmove(text->data + n, text->data, text->length + 1);
    memcpy(text->data, letters, n);
    text->length += n;
    return KUNI_OK;
}

/* Puts up to so many bases of the reference before the variant; none is left: the begin of the contig. */
static kuni_status reach_left(kuni_variant *v, kuni_genome *genome, int64_t most, kuni_error *err)
{
    char *letters = NULL;
    int64_t n = 0, beg = v->pos > most ? v->pos - most : 0;
    if (beg == v->pos) return KUNI_OK;
    kuni_status status =
        kuni_genome_fetch(genome, (kuni_span){v->tid, beg, v->pos}, &letters, &n, err);
    if (!status) status = prepend(&v->ref, letters, (size_t)n, err);
    if (!status) status = prepend(&v->alt, letters, (size_t)n, err);
    if (!status) v->pos = beg;
    free(letters);
    return status;
}

static void cut_ends(kuni_variant *v)
{
    while (v->ref.length && v->alt.length && last(&v->ref) == last(&v->alt)) {
        v->ref.data[--v->ref.length] = '\0';
        v->alt.data[--v->alt.length] = '\0';
    }
}

static void cut_begin(kuni_variant *v)
{
    size_t n = 0, least = v->ref.length < v->alt.length ? v->ref.length : v->alt.length;
    while (n + 1 < least && v->ref.data[n] == v->alt.data[n]) n++;
    memmove(v->ref.data, v->ref.data + n, v->ref.length - n + 1);
    memmove(v->alt.data, v->alt.data + n, v->alt.length - n + 1);
    v->ref.length -= n;
    v->alt.length -= n;
    v->pos += (int64_t)n;
}

/* At the begin of a contig an indel has the base behind it for an anchor. */
static kuni_status anchor_behind(kuni_variant *v, kuni_genome *genome, kuni_error *err)
{
    char *letter = NULL;
    int64_t n = 0, at = v->pos + (int64_t)v->ref.length;
    kuni_status status =
        kuni_genome_fetch(genome, (kuni_span){v->tid, at, at + 1}, &letter, &n, err);
    if (!status) status = kuni_buffer_append(&v->ref, letter, (size_t)n, err);
    if (!status) status = kuni_buffer_append(&v->alt, letter, (size_t)n, err);
    free(letter);
    return status;
}

static kuni_status normalise(kuni_variant *v, kuni_genome *genome, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    cut_ends(v);
    for (int64_t reach = 16; !status && !(v->ref.length && v->alt.length) && v->pos; reach *= 2) {
        status = reach_left(v, genome, reach < 4096 ? reach : 4096, err);
        cut_ends(v);
    }
    if (!status && !(v->ref.length && v->alt.length)) status = anchor_behind(v, genome, err);
    if (!status) cut_begin(v);
    return status;
}

kuni_status kuni_variant_set(kuni_variant *v, kuni_genome *genome, int32_t tid, int64_t pos,
                             const char *ref, const char *alt, kuni_error *err)
{
    if (strcmp(ref, alt) == 0) return kuni_fail(err, KUNI_USAGE, "REF and ALT are the same");
    v->tid = tid;
    v->pos = pos;
    kuni_buffer_clear(&v->ref);
    kuni_buffer_clear(&v->alt);
    kuni_status status = kuni_buffer_printf(&v->ref, err, "%s", ref);
    if (!status) status = kuni_buffer_printf(&v->alt, err, "%s", alt);
    return status ? status : normalise(v, genome, err);
}

static kuni_status check_reference(kuni_genome *genome, kuni_span span, const char *text,
                                   const char *ref, kuni_error *err)
{
    char *letters = NULL;
    int64_t n = 0;
    kuni_status status = kuni_genome_fetch(genome, span, &letters, &n, err);
    if (!status && (n != span.end - span.beg || strcmp(letters, ref) != 0))
        status = kuni_fail(err, KUNI_USAGE,
                           "variant %.200s: the reference has %.50s there, not %.50s: is it of "
                           "another assembly?",
                           text, n ? letters : "nothing", ref);
    free(letters);
    return status;
}

static bool is_bases(char *text)
{
    for (char *at = text; *at; at++) *at = (char)toupper((unsigned char)*at);
    return *text && strspn(text, "ACGTN") == strlen(text);
}

/* From the right, for contigs have '-' in their names. */
kuni_status kuni_variant_parse(kuni_variant *v, kuni_genome *genome, const char *text,
                               kuni_error *err)
{
    char *copy = kuni_strdup(text, err), *parts[3] = {NULL, NULL, NULL};
    int64_t pos = 0;
    if (!copy) return KUNI_MEMORY;
    int missing = 3;
    for (char *at; missing && (at = strrchr(copy, '-')); *at = '\0') parts[--missing] = at + 1;
    bool fine = !missing && kuni_text_int(parts[0], 1, INT64_MAX / 2, &pos) && is_bases(parts[1]) &&
                is_bases(parts[2]);
    int32_t tid = fine ? kuni_genome_find(genome, copy) : -1;
    kuni_status status = KUNI_OK;
    if (!fine)
        status =
            kuni_fail(err, KUNI_USAGE,
                      "variant %.200s: expected CHR-POS-REF-ALT, as in chr1-55051215-G-GA", text);
    else if (tid < 0)
        status = kuni_fail(err, KUNI_USAGE, "variant %.200s: the reference has no contig %.100s",
                           text, copy);
    const int64_t end = pos - 1 + (fine ? (int64_t)strlen(parts[1]) : 0);
    if (!status)
        status = check_reference(genome, (kuni_span){tid, pos - 1, end}, text, parts[1], err);
    if (!status) status = kuni_variant_set(v, genome, tid, pos - 1, parts[1], parts[2], err);
    free(copy);
    return status;
}

bool kuni_variants_equal(const kuni_variant *a, const kuni_variant *b)
{
    return a->tid == b->tid && a->pos == b->pos && a->ref.length == b->ref.length &&
           a->alt.length == b->alt.length && memcmp(a->ref.data, b->ref.data, a->ref.length) == 0 &&
           memcmp(a->alt.data, b->alt.data, a->alt.length) == 0;
}

kuni_span kuni_variant_changes(const kuni_variant *v)
{
    size_t shared = v->ref.data[0] == v->alt.data[0];
    return (kuni_span){v->tid, v->pos + (int64_t)shared, v->pos + (int64_t)v->ref.length};
}
