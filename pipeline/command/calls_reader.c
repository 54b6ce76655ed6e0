/* SPDX-License-Identifier: MIT */
#include "calls_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"

kuni_status kuni_calls_open(kuni_calls_reader *reader, const char *path, kuni_error *err)
{
    *reader = (kuni_calls_reader){.path = path, .tid = -1, .pos = -1};
    reader->file = hts_open(path, "r");
    if (!reader->file) return kuni_fail_errno(err, "cannot open %s", path);
    reader->header = bcf_hdr_read(reader->file);
    if (!reader->header)
        return kuni_fail(err, KUNI_DATA, "%s: no VCF or BCF with a header that can be read", path);
    reader->next = bcf_init();
    return reader->next ? KUNI_OK : kuni_fail_memory(err, 1, sizeof(bcf1_t));
}

void kuni_calls_close(kuni_calls_reader *reader)
{
    for (size_t i = 0; i < reader->records_made; i++) {
        bcf_destroy(reader->records[i].record);
        free(reader->records[i].genotypes);
        free(reader->records[i].info_counts);
    }
    free(reader->records);
    free(reader->sites);
    bcf_destroy(reader->next);
    if (reader->header) bcf_hdr_destroy(reader->header);
    if (reader->file) (void)hts_close(reader->file); /* was only read */
    *reader = (kuni_calls_reader){.path = NULL};
}

static bool has_format(const bcf_hdr_t *header, const char *name)
{
    return bcf_hdr_idinfo_exists(header, BCF_HL_FMT, bcf_hdr_id2int(header, BCF_DT_ID, name));
}

bool kuni_calls_are_dense(const kuni_calls_reader *reader)
{
    /* LEN is what blocks of the sparse form have: a sample is told of where one begins. */
    return bcf_hdr_nsamples(reader->header) > 0 && has_format(reader->header, "GT") &&
           !has_format(reader->header, "LEN");
}

/* --- a position --- */

static kuni_status fetch(kuni_calls_reader *r, kuni_error *err)
{
    int got = bcf_read(r->file, r->header, r->next);
    r->ended = got == -1;
    if (got < -1 || (got == 0 && r->next->errcode))
        return kuni_fail(err, KUNI_IO,
                         "%s is cut off or damaged behind %s:%" PRId64
                         ": `kuni verify --deep` tells, `kuni repair` mends",
                         r->path, r->tid >= 0 ? bcf_hdr_id2name(r->header, r->tid) : "the header",
                         r->pos + 1);
    if (got == 0) r->read_records++;
    return KUNI_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kuni_status print_filter(const kuni_calls_reader *r, kuni_calls_record *at, kuni_error *err)
{
    enum { FILTERS_MAX = 64 };
    const char *names[FILTERS_MAX];
    const bcf_dec_t *d = &at->record->d;
    size_t n = (size_t)d->n_flt, length = 0;
    (void)snprintf(at->filter, sizeof(at->filter), ".");
    for (size_t i = 0; i < n && i < FILTERS_MAX; i++)
        names[i] = bcf_hdr_int2id(r->header, BCF_DT_ID, d->flt[i]);
    if (n <= FILTERS_MAX && n > 1) qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 0; i < n && n <= FILTERS_MAX && length < sizeof(at->filter); i++)
        length += (size_t)snprintf(at->filter + length, sizeof(at->filter) - length, "%s%s",
                                   i ? ";" : "", names[i]);
    if (n > FILTERS_MAX || length >= sizeof(at->filter))
        return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 ": too many filters", r->path,
                         bcf_hdr_id2name(r->header, r->tid), r->pos + 1);
    return KUNI_OK;
}

static kuni_status decode(kuni_calls_reader *r, kuni_calls_record *at, kuni_error *err)
{
    at->per_sample = 0;
    at->an = -1;
    at->n_info_counts = 0;
    at->n_sites = 0;
    if (bcf_unpack(at->record, r->with_genotypes ? BCF_UN_ALL : BCF_UN_SHR) < 0)
        return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 ": no record that can be read", r->path,
                         bcf_hdr_id2name(r->header, r->tid), r->pos + 1);
    kuni_status status = print_filter(r, at, err);
    if (status) return status;
    if (r->with_genotypes) {
        int n = bcf_get_genotypes(r->header, at->record, &at->genotypes, &at->room);
        if (n <= 0)
            return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 ": a record without genotypes",
                             r->path, bcf_hdr_id2name(r->header, r->tid), r->pos + 1);
        at->per_sample = n / bcf_hdr_nsamples(r->header);
        return KUNI_OK;
    }
    int32_t *an = NULL;
    int an_room = 0;
    if (bcf_get_info_int32(r->header, at->record, "AN", &an, &an_room) == 1) at->an = an[0];
    free(an);
    int n = bcf_get_info_int32(r->header, at->record, "AC", &at->info_counts, &at->info_room);
    at->n_info_counts = n > 0 ? n : 0;
    return KUNI_OK;
}

int kuni_calls_site_order(const kuni_calls_site *a, const kuni_calls_site *b)
{
    int least = a->ref_bp < b->ref_bp ? a->ref_bp : b->ref_bp;
    int order = memcmp(a->ref, b->ref, (size_t)least);
    if (!order) order = (a->ref_bp > b->ref_bp) - (a->ref_bp < b->ref_bp);
    if (order) return order;
    least = a->alt_bp < b->alt_bp ? a->alt_bp : b->alt_bp;
    order = memcmp(a->alt, b->alt, (size_t)least);
    return order ? order : (a->alt_bp > b->alt_bp) - (a->alt_bp < b->alt_bp);
}

static int by_site(const void *a, const void *b)
{
    return kuni_calls_site_order(a, b);
}

static kuni_status add_sites(kuni_calls_reader *r, size_t number, kuni_error *err)
{
    kuni_calls_record *at = &r->records[number];
    char **alleles = at->record->d.allele;
    kuni_status status = kuni_grow((void **)&r->sites, &r->sites_capacity,
                                   r->n_sites + at->record->n_allele, sizeof(*r->sites), err);
    for (int a = 1; a < (int)at->record->n_allele && !status; a++) {
        if (strpbrk(alleles[a], "*<[].")) continue;
        kuni_calls_site site = {.ref = alleles[0],
                                .alt = alleles[a],
                                .ref_bp = (int)strlen(alleles[0]),
                                .alt_bp = (int)strlen(alleles[a]),
                                .record = number,
                                .allele = a,
                                .ac = -1};
        while (site.ref_bp > 1 && site.alt_bp > 1 &&
               site.ref[site.ref_bp - 1] == site.alt[site.alt_bp - 1]) {
            site.ref_bp--;
            site.alt_bp--;
        }
        if (a <= at->n_info_counts && at->info_counts[a - 1] >= 0) site.ac = at->info_counts[a - 1];
        r->sites[r->n_sites++] = site;
        at->n_sites++;
    }
    return status;
}

static kuni_status take_record(kuni_calls_reader *r, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&r->records, &r->records_capacity, r->n_records + 1,
                                   sizeof(*r->records), err);
    if (status) return status;
    if (r->n_records == r->records_made) {
        r->records[r->n_records] = (kuni_calls_record){.record = bcf_init()};
        if (!r->records[r->n_records].record) return kuni_fail_memory(err, 1, sizeof(bcf1_t));
        r->records_made++;
    }
    kuni_calls_record *at = &r->records[r->n_records++];
    bcf1_t *other = at->record;
    at->record = r->next;
    r->next = other;
    return decode(r, at, err);
}

kuni_status kuni_calls_next(kuni_calls_reader *r, kuni_error *err)
{
    int32_t tid = r->tid;
    int64_t pos = r->pos;
    kuni_status status = tid < 0 ? fetch(r, err) : KUNI_OK;
    r->n_records = r->n_sites = 0;
    if (status) return status;
    if (r->ended) {
        r->tid = INT32_MAX;
        return KUNI_OK;
    }
    r->tid = r->next->rid;
    r->pos = r->next->pos;
    if (r->tid < tid || (r->tid == tid && r->pos <= pos))
        return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 " stands behind a later position",
                         r->path, bcf_hdr_id2name(r->header, r->tid), r->pos + 1);
    while (!status && !r->ended && r->next->rid == r->tid && r->next->pos == r->pos) {
        status = take_record(r, err);
        if (!status) status = fetch(r, err);
    }
    for (size_t i = 0; i < r->n_records && !status; i++) status = add_sites(r, i, err);
    if (status) return status;
    if (r->n_sites > 1) qsort(r->sites, r->n_sites, sizeof(*r->sites), by_site);
    for (size_t i = 1; i < r->n_sites; i++)
        if (kuni_calls_site_order(&r->sites[i - 1], &r->sites[i]) == 0)
            return kuni_fail(err, KUNI_DATA, "%s: %s:%" PRId64 ": %.*s>%.*s stands there twice",
                             r->path, bcf_hdr_id2name(r->header, r->tid), r->pos + 1,
                             r->sites[i].ref_bp, r->sites[i].ref, r->sites[i].alt_bp,
                             r->sites[i].alt);
    return KUNI_OK;
}

kuni_genotype kuni_calls_genotype(const kuni_calls_record *record, int32_t column)
{
    kuni_genotype g = {.alleles = record->genotypes + (size_t)column * (size_t)record->per_sample};
    while (g.copies < record->per_sample && g.alleles[g.copies] != bcf_int32_vector_end) {
        if (bcf_gt_is_missing(g.alleles[g.copies])) return (kuni_genotype){g.alleles, 0};
        g.copies++;
    }
    return g;
}
