/* SPDX-License-Identifier: MIT */
#include "given_alleles.h"

#include <htslib/synced_bcf_reader.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/allele.h"

enum { ALT_MOST = 300 };

void kuni_given_alleles_fini(kuni_given_alleles *given)
{
    free(given->list);
    kuni_arena_free(given->arena);
    *given = (kuni_given_alleles){.list = NULL};
}

size_t kuni_given_alleles_find(const kuni_given_alleles *given, int64_t pos)
{
    size_t low = 0, high = given->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (given->list[mid].pos < pos)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool plain(const char *allele)
{
    for (; *allele; allele++)
        if (kuni_base_code((char)(*allele & ~0x20)) > 3) return false;
    return true;
}

static kuni_status add(kuni_given_alleles *given, int64_t pos, const char *ref, const char *alt,
                       const kuni_call_reference *reference, kuni_error *err)
{
    size_t ref_length = strlen(ref), alt_length = strlen(alt);
    if (!plain(ref) || !plain(alt) || strcmp(ref, alt) == 0) return KUNI_OK;
    kuni_allele_trim trim = kuni_allele_minimal(ref, ref_length, alt, alt_length);
    if (trim.ref_length > KUNI_VARIANT_REF_MAX || trim.alt_length > ALT_MOST) return KUNI_OK;
    kuni_status status =
        kuni_grow((void **)&given->list, &given->capacity, given->n + 1, sizeof(*given->list), err);
    if (status) return status;
    char *text = kuni_arena_strndup(given->arena, alt + trim.skip, trim.alt_length, err);
    if (!text) return KUNI_MEMORY;
    for (char *c = text; *c; c++) *c = (char)(*c & ~0x20);
    pos += (int64_t)trim.skip;
    int32_t r = (int32_t)trim.ref_length, a = (int32_t)trim.alt_length;
    if (r != a && (r == 1 || a == 1) && pos >= reference->beg && pos < reference->end &&
        text[0] == kuni_reference_base(reference, pos)) {
        int32_t length = r > a ? r - 1 : a - 1;
        pos = kuni_indel_left_align(reference, pos + 1, length, a > r ? (uint8_t *)text + 1 : NULL,
                                    reference->beg + 1) -
              1;
        text[0] = kuni_reference_base(reference, pos);
    }
    given->list[given->n++] =
        (kuni_variant){.pos = pos, .ref_length = r, .alt_length = a, .alt = text, .given = true};
    return KUNI_OK;
}

static int by_allele(const void *a, const void *b)
{
    const kuni_variant *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->ref_length != y->ref_length) return x->ref_length < y->ref_length ? -1 : 1;
    return strcmp(x->alt, y->alt);
}

kuni_status kuni_given_alleles_load(kuni_given_alleles *given, const char *path, const char *contig,
                                    int64_t beg, int64_t end, const kuni_call_reference *reference,
                                    kuni_error *err)
{
    *given = (kuni_given_alleles){.list = NULL};
    kuni_status status = KUNI_OK;
    bcf_srs_t *files = bcf_sr_init();
    kuni_buffer region = KUNI_BUFFER_INIT;
    if (!files) return kuni_fail_memory(err, 1, sizeof(*files));
    if (!(given->arena = kuni_arena_new(err))) status = KUNI_MEMORY;
    if (!status)
        status = kuni_buffer_printf(&region, err, "%s:%lld-%lld", contig, (long long)beg + 1,
                                    (long long)end);
    if (status) goto done;
    bcf_sr_set_opt(files, BCF_SR_REQUIRE_IDX);
    if (bcf_sr_set_regions(files, region.data, 0) < 0 || !bcf_sr_add_reader(files, path)) {
        status = kuni_fail(err, KUNI_DATA,
                           "alleles: %s: %s: give a bgzipped VCF or a BCF with its index", path,
                           bcf_sr_strerror(files->errnum));
        goto done;
    }
    while (!status && bcf_sr_next_line(files)) {
        bcf1_t *line = bcf_sr_get_line(files, 0);
        if (bcf_unpack(line, BCF_UN_STR) < 0) continue;
        for (int a = 1; !status && a < line->n_allele; a++)
            status = add(given, line->pos, line->d.allele[0], line->d.allele[a], reference, err);
    }
    if (!status && files->errnum)
        status = kuni_fail(err, KUNI_DATA, "alleles: %s: %s: make the file anew", path,
                           bcf_sr_strerror(files->errnum));
    if (!status && given->n) {
        qsort(given->list, given->n, sizeof(*given->list), by_allele);
        size_t kept = 1;
        for (size_t i = 1; i < given->n; i++)
            if (by_allele(&given->list[i], &given->list[kept - 1]) != 0)
                given->list[kept++] = given->list[i];
        given->n = kept;
    }
done:
    bcf_sr_destroy(files);
    kuni_buffer_fini(&region);
    if (status) kuni_given_alleles_fini(given);
    return status;
}
