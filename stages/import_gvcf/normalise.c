/* SPDX-License-Identifier: MIT */
#include "normalise.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/allele.h"

kuni_status kuni_reference_window_init(kuni_reference_window *window, kuni_genome *genome,
                                       kuni_span span, kuni_error *err)
{
    int64_t length;
    *window = (kuni_reference_window){.genome = genome, .loaded = span};
    window->contig_bp = kuni_genome_contig(genome, span.tid)->length_bp;
    window->spare_span = (kuni_span){.tid = span.tid};
    if (window->loaded.beg < 0) window->loaded.beg = 0;
    if (window->loaded.end > window->contig_bp) window->loaded.end = window->contig_bp;
    return kuni_genome_fetch(genome, window->loaded, &window->sequence, &length, err);
}

void kuni_reference_window_fini(kuni_reference_window *window)
{
    free(window->sequence);
    free(window->spare);
    window->sequence = window->spare = NULL;
}

kuni_status kuni_reference_window_get(kuni_reference_window *window, int64_t beg, int64_t end,
                                      const char **bases, kuni_error *err)
{
    enum { MORE_BP = 4096 };
    if (beg >= window->loaded.beg && end <= window->loaded.end) {
        *bases = window->sequence + (beg - window->loaded.beg);
        return KUNI_OK;
    }
    if (!window->spare || beg < window->spare_span.beg || end > window->spare_span.end) {
        free(window->spare);
        window->spare = NULL;
        window->spare_span.beg = beg > MORE_BP ? beg - MORE_BP : 0;
        window->spare_span.end =
            window->contig_bp - end > MORE_BP ? end + MORE_BP : window->contig_bp;
        int64_t length;
        kuni_status status =
            kuni_genome_fetch(window->genome, window->spare_span, &window->spare, &length, err);
        if (status) return status;
    }
    *bases = window->spare + (beg - window->spare_span.beg);
    return KUNI_OK;
}

static bool same_last(const kuni_allele_text *alleles, size_t n)
{
    char last = alleles[0].text[alleles[0].length - 1];
    for (size_t i = 1; i < n; i++)
        if (alleles[i].text[alleles[i].length - 1] != last) return false;
    return true;
}

static bool same_first(const kuni_allele_text *alleles, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (alleles[i].text[0] != alleles[0].text[0]) return false;
    return true;
}

static size_t shortest(const kuni_allele_text *alleles, size_t n)
{
    size_t length = alleles[0].length;
    for (size_t i = 1; i < n; i++)
        if (alleles[i].length < length) length = alleles[i].length;
    return length;
}

kuni_status kuni_normalise(kuni_allele_text *alleles, size_t n, int64_t *pos, int64_t max_shift,
                           kuni_reference_window *window, kuni_error *err)
{
    if (n < 2) return KUNI_OK;
    const char *before = NULL; /* bases that lie just left of the first position */
    int64_t start = *pos, shifted = 0;
    while (same_last(alleles, n)) {
        if (shortest(alleles, n) == 1) {
            if (shifted == max_shift || *pos == 0) break;
            if (!before) {
                int64_t room = start < max_shift ? start : max_shift;
                kuni_status status =
                    kuni_reference_window_get(window, start - room, start, &before, err);
                if (status) return status;
                before += room;
            }
            shifted++;
            --*pos;
            for (size_t i = 0; i < n; i++) {
                /* kuni_reference_window_get has set it. NOLINTNEXTLINE(clang-analyzer-*) */
                *--alleles[i].text = before[-shifted];
                alleles[i].length++;
            }
        }
        for (size_t i = 0; i < n; i++) alleles[i].length--;
    }
    while (shortest(alleles, n) > 1 && same_first(alleles, n)) {
        for (size_t i = 0; i < n; i++) {
            alleles[i].text++;
            alleles[i].length--;
        }
        ++*pos;
    }
    return KUNI_OK;
}

/*
 * How far left of `pos` the insertion or deletion that `alt` is reaches when left-aligned by itself;
 * `before` is what lies left of pos, `most` bases of it.
 */
static int64_t reach_left(const kuni_allele_text *ref, const kuni_allele_text *alt,
                          const char *before, int64_t most)
{
    kuni_allele_trim trim = kuni_allele_minimal(ref->text, ref->length, alt->text, alt->length);
    bool insertion = trim.ref_length == 1;
    const char *changed =
        (insertion ? alt->text : ref->text) + trim.skip + 1; /* behind the anchor */
    size_t length = (insertion ? trim.alt_length : trim.ref_length) - 1;
    if (trim.ref_length == trim.alt_length || (trim.ref_length > 1 && trim.alt_length > 1) ||
        ref->text[trim.skip] != alt->text[trim.skip])
        return 0;
    int64_t anchor = (int64_t)trim.skip, steps = 0; /* from pos */
    for (; anchor > -most; anchor--, steps++) {
        char base = anchor >= 0 ? ref->text[anchor] : before[anchor];
        /* The changed bases turn round: their last one is the first, and so on. */
        int64_t turned = steps < (int64_t)length ? (int64_t)length - 1 - steps : -1;
        char last = turned >= 0                     ? changed[turned]
                    : anchor + (int64_t)length >= 0 ? ref->text[anchor + (int64_t)length]
                                                    : before[anchor + (int64_t)length];
        if (base != last) break;
    }
    return anchor < 0 ? -anchor : 0;
}

kuni_status kuni_normalise_apart(kuni_allele_text *alleles, size_t n, int64_t *pos,
                                 int64_t max_shift, kuni_reference_window *window, kuni_error *err)
{
    int64_t room = *pos < max_shift ? *pos : max_shift, reach = 0;
    const char *before;
    if (n < 3 || room <= 0) return KUNI_OK;
    kuni_status status = kuni_reference_window_get(window, *pos - room, *pos, &before, err);
    if (status) return status;
    before += room;
    for (size_t a = 1; a < n; a++) {
        int64_t own = reach_left(&alleles[0], &alleles[a], before, room);
        if (own > reach) reach = own;
    }
    if (!reach) return KUNI_OK;
    for (size_t a = 0; a < n; a++) {
        alleles[a].text -= reach;
        alleles[a].length += (size_t)reach;
        memcpy(alleles[a].text, before - reach, (size_t)reach);
    }
    *pos -= reach;
    return KUNI_OK;
}
