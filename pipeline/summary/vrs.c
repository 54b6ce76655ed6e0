/* SPDX-License-Identifier: MIT */
#include "vrs.h"

#include <stdio.h>
#include <stdlib.h>

enum { WINDOW_BP = 1 << 16 };

void kuni_vrs_init(kuni_vrs *v, kuni_genome *genome)
{
    *v = (kuni_vrs){.genome = genome, .tid = -1};
}

void kuni_vrs_fini(kuni_vrs *v)
{
    free(v->bases);
    kuni_buffer_fini(&v->text);
    kuni_buffer_fini(&v->letters);
    *v = (kuni_vrs){.tid = -1};
}

kuni_status kuni_vrs_use(kuni_vrs *v, int32_t tid, kuni_error *err)
{
    if (v->tid == tid) return KUNI_OK;
    const kuni_contig *contig = kuni_genome_contig(v->genome, tid);
    if (!contig) return kuni_fail(err, KUNI_BUG, "contig number %d does not exist", tid);
    free(v->bases);
    v->bases = NULL;
    v->beg = v->end = 0;
    v->contig_end = contig->length_bp;
    v->tid = -1;
    kuni_status status = kuni_genome_refget(v->genome, tid, v->accession, err);
    if (!status) v->tid = tid;
    return status;
}

/* --- the reference --- */

/* NUL past either end of the contig. */
static kuni_status base_at(kuni_vrs *v, int64_t pos, char *base, kuni_error *err)
{
    *base = '\0';
    if (pos < 0 || pos >= v->contig_end) return KUNI_OK;
    if (pos < v->beg || pos >= v->end) {
        int64_t length = 0, beg = pos - pos % WINDOW_BP;
        kuni_span span = {.tid = v->tid, .beg = beg, .end = beg + WINDOW_BP};
        free(v->bases);
        v->bases = NULL;
        v->beg = v->end = 0;
        kuni_status status = kuni_genome_fetch(v->genome, span, &v->bases, &length, err);
        if (status) return status;
        v->beg = beg;
        v->end = beg + length;
    }
    *base = v->bases[pos - v->beg];
    return KUNI_OK;
}

static kuni_status append_bases(kuni_vrs *v, int64_t beg, int64_t end, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int64_t pos = beg; pos < end && !status; pos++) {
        char base;
        status = base_at(v, pos, &base, err);
        if (!status) status = kuni_buffer_append(&v->letters, &base, 1, err);
    }
    return status;
}

/* --- normalisation --- */

/* An allele under way: [beg, end) becomes n letters. */
typedef struct change {
    int64_t beg, end;
    const char *alt;
    int64_t n;
} change;

static kuni_status trim(kuni_vrs *v, change *c, kuni_error *err)
{
    char base;
    kuni_status status = KUNI_OK;
    while (c->beg < c->end && c->n && !status) {
        status = base_at(v, c->beg, &base, err);
        if (status || base != *c->alt) break;
        c->beg++;
        c->alt++;
        c->n--;
    }
    while (c->beg < c->end && c->n && !status) {
        status = base_at(v, c->end - 1, &base, err);
        if (status || base != c->alt[c->n - 1]) break;
        c->end--;
        c->n--;
    }
    return status;
}

/* The letter number i of what is inserted or deleted, whose copies follow each other in both directions. */
static kuni_status unit_at(kuni_vrs *v, const change *c, int64_t i, char *letter, kuni_error *err)
{
    int64_t unit = c->n ? c->n : c->end - c->beg, at = (i % unit + unit) % unit;
    if (!c->n) return base_at(v, c->beg + at, letter, err);
    *letter = c->alt[at];
    return KUNI_OK;
}

/* How far an insertion or deletion can be moved: by bases to the left, and to the right. */
static kuni_status roll(kuni_vrs *v, const change *c, int64_t *left, int64_t *right,
                        kuni_error *err)
{
    char base, letter;
    kuni_status status = KUNI_OK;
    for (*left = 0; !status; ++*left) {
        status = base_at(v, c->beg - 1 - *left, &base, err);
        if (!status) status = unit_at(v, c, -1 - *left, &letter, err);
        if (status || !base || base != letter) break;
    }
    for (*right = 0; !status; ++*right) {
        status = base_at(v, c->end + *right, &base, err);
        if (!status) status = unit_at(v, c, *right, &letter, err);
        if (status || !base || base != letter) break;
    }
    return status;
}

/* Whether letters from n_ref on go on as the `cycle` letters before them do, again and again. */
static bool repeats(const char *letters, int64_t n_ref, int64_t n, int64_t cycle)
{
    for (int64_t i = n_ref; i < n; i++)
        if (letters[i] != letters[i - cycle]) return false;
    return true;
}

/* The longest unit, of those the inserted length is a multiple of, that the reference ends with and the allele
 * repeats; 0: none. */
static int64_t inserted_unit(const kuni_vrs *v, int64_t n_ref, int64_t seed)
{
    int64_t n = (int64_t)v->letters.length;
    for (int64_t parts = 1; parts <= seed; parts++)
        if (seed % parts == 0 && seed / parts <= n_ref &&
            repeats(v->letters.data, n_ref, n, seed / parts))
            return seed / parts;
    return 0;
}

kuni_status kuni_vrs_normalise(kuni_vrs *v, int64_t pos, int64_t ref_length, const char *alt,
                               size_t alt_length, kuni_vrs_state *state, kuni_error *err)
{
    change c = {.beg = pos, .end = pos + ref_length, .alt = alt, .n = (int64_t)alt_length};
    int64_t left = 0, right = 0;
    kuni_status status = trim(v, &c, err);
    kuni_buffer_clear(&v->letters);
    bool one_sided = (c.n == 0) != (c.end == c.beg);
    if (!status && one_sided) status = roll(v, &c, &left, &right, err);
    int64_t start = c.beg - left, end = c.end + right, n_ref = end - start;
    int64_t deleted = c.end - c.beg;
    if (!status && c.n == 0 && deleted) {
        *state = (kuni_vrs_state){
            .start = start, .end = end, .length = n_ref - deleted, .unit_length = deleted};
        return KUNI_OK;
    }
    if (!status && !deleted && !c.n) { /* the reference itself */
        *state = (kuni_vrs_state){
            .start = pos, .end = pos + ref_length, .length = ref_length, .unit_length = ref_length};
        return KUNI_OK;
    }
    if (!status) status = append_bases(v, start, c.beg, err);
    if (!status) status = kuni_buffer_append(&v->letters, c.alt, (size_t)c.n, err);
    if (!status) status = append_bases(v, c.end, end, err);
    if (status) return status;
    int64_t unit = one_sided && n_ref ? inserted_unit(v, n_ref, c.n) : 0;
    *state = (kuni_vrs_state){.start = start,
                              .end = end,
                              .sequence = unit ? NULL : v->letters.data,
                              .length = (int64_t)v->letters.length,
                              .unit_length = unit};
    return KUNI_OK;
}

/* --- identity --- */

/* Members in the order of their names, no blanks: RFC 8785. An object within is its digest. */
kuni_status kuni_vrs_digest(kuni_buffer *text, const char *accession, const kuni_vrs_state *state,
                            char id[KUNI_VRS_BYTES], kuni_error *err)
{
    char digest[KUNI_SHA512T24U_BYTES];
    kuni_buffer_clear(text);
    kuni_status status = kuni_buffer_printf(
        text, err,
        "{\"end\":%lld,\"sequenceReference\":{\"refgetAccession\":\"SQ.%s\",\"type\":"
        "\"SequenceReference\"},\"start\":%lld,\"type\":\"SequenceLocation\"}",
        (long long)state->end, accession, (long long)state->start);
    if (status) return status;
    kuni_sha512t24u(text->data, text->length, digest);
    kuni_buffer_clear(text);
    status = kuni_buffer_printf(text, err, "{\"location\":\"%s\",\"state\":{", digest);
    if (!status && state->sequence)
        status = kuni_buffer_printf(text, err,
                                    "\"sequence\":\"%.*s\",\"type\":\"LiteralSequenceExpression\"",
                                    (int)state->length, state->sequence);
    else if (!status)
        status = kuni_buffer_printf(
            text, err,
            "\"length\":%lld,\"repeatSubunitLength\":%lld,\"type\":\"ReferenceLengthExpression\"",
            (long long)state->length, (long long)state->unit_length);
    if (!status) status = kuni_buffer_printf(text, err, "},\"type\":\"Allele\"}");
    if (status) return status;
    kuni_sha512t24u(text->data, text->length, digest);
    (void)snprintf(id, KUNI_VRS_BYTES, "ga4gh:VA.%s", digest);
    return KUNI_OK;
}

kuni_status kuni_vrs_identify(kuni_vrs *v, int32_t tid, int64_t pos, int64_t ref_length,
                              const char *alt, size_t alt_length, char id[KUNI_VRS_BYTES],
                              kuni_error *err)
{
    kuni_vrs_state state;
    kuni_status status = kuni_vrs_use(v, tid, err);
    if (!status) status = kuni_vrs_normalise(v, pos, ref_length, alt, alt_length, &state, err);
    return status ? status : kuni_vrs_digest(&v->text, v->accession, &state, id, err);
}
