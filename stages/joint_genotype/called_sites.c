/* SPDX-License-Identifier: MIT */
#include "called_sites.h"

#include <htslib/bgzf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct joint_called {
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    char *path;
    int32_t rid; /* of the file's records; -1: they are all of one contig */
    kuni_span span;
    joint_added *added;  /* borrowed */
    bool pending, ended; /* a record was read that lies further on; the file has ended */
    joint_called_site *sites;
    size_t n_sites, capacity;
    kuni_arena *arena; /* of the sites */
    kuni_census *alleles;
    size_t alleles_capacity;
    int32_t *ints;
    float *floats;
    int n_ints, n_floats;
};

/* Goes to where the records of a contig of the file begin. */
static kuni_status go_to(joint_called *g, uint64_t at, const char *contig, kuni_error *err)
{
    g->rid = bcf_hdr_name2id(g->header, contig);
    if (g->rid < 0 || at > INT64_MAX >> 16 ||
        bgzf_seek(g->file->fp.bgzf, (int64_t)(at << 16), SEEK_SET) < 0)
        return kuni_fail(err, KUNI_DATA, "%s: no records of %s: run the workflow again", g->path,
                         contig);
    return KUNI_OK;
}

kuni_status joint_called_open(joint_called **called, const char *calls, uint64_t at,
                              const char *contig, kuni_span span, joint_added *added,
                              kuni_error *err)
{
    joint_called *g = kuni_alloc(1, sizeof(*g), err);
    if (!g) return KUNI_MEMORY;
    g->span = span;
    g->added = added;
    g->path = kuni_strdup(calls, err);
    g->arena = kuni_arena_new(err);
    g->record = bcf_init();
    kuni_status status = g->path && g->arena && g->record ? KUNI_OK : KUNI_MEMORY;
    if (!status) {
        g->file = hts_open(calls, "r");
        if (!g->file) status = kuni_fail_errno(err, "cannot read %s", calls);
    }
    if (!status) {
        g->header = bcf_hdr_read(g->file);
        if (!g->header)
            status = kuni_fail(err, KUNI_DATA, "%s: no BCF header: run the workflow again", calls);
    }
    g->rid = -1;
    if (!status && at) status = go_to(g, at, contig, err);
    if (status) {
        joint_called_close(g);
        return status;
    }
    *called = g;
    return KUNI_OK;
}

void joint_called_close(joint_called *called)
{
    if (!called) return;
    if (called->file) (void)hts_close(called->file);
    if (called->header) bcf_hdr_destroy(called->header);
    if (called->record) bcf_destroy(called->record);
    kuni_arena_free(called->arena);
    free(called->path);
    free(called->sites);
    free(called->alleles);
    free(called->ints);
    free(called->floats);
    free(called);
}

static kuni_status lacks(const joint_called *g, const char *tag, kuni_error *err)
{
    return kuni_fail(
        err, KUNI_DATA,
        "%s: no INFO/%s at position %lld: made by another kuni? run the workflow again", g->path,
        tag, (long long)g->record->pos + 1);
}

static kuni_status read_numbers(joint_called *g, joint_called_site *site, kuni_error *err)
{
    bcf1_t *record = g->record;
    site->quality = record->qual;
    if (bcf_get_info_int32(g->header, record, "EAN", &g->ints, &g->n_ints) != 1)
        return lacks(g, "EAN", err);
    site->copies = g->ints[0];
    site->qd = bcf_get_info_float(g->header, record, "QD", &g->floats, &g->n_floats) == 1
                   ? (double)g->floats[0]
                   : (double)NAN;
    int n = bcf_get_info_float(g->header, record, "EAF", &g->floats, &g->n_floats);
    if (n < (int)site->n_alts) return lacks(g, "EAF", err);
    site->frequency = kuni_arena_alloc(g->arena, 2 * (size_t)site->n_alts + 1, sizeof(float), err);
    if (!site->frequency) return KUNI_MEMORY;
    site->nobody = site->frequency + site->n_alts + 1;
    memcpy(site->frequency, g->floats, site->n_alts * sizeof(float));
    n = bcf_get_info_float(g->header, record, "EAQ", &g->floats, &g->n_floats);
    if (n < (int)site->n_alts) return lacks(g, "EAQ", err);
    memcpy(site->nobody, g->floats, site->n_alts * sizeof(float));
    if (bcf_get_info_float(g->header, record, "ESF", &g->floats, &g->n_floats) == 1)
        site->frequency[site->n_alts] = g->floats[0];
    site->n_filters = (uint32_t)record->d.n_flt;
    site->filters = kuni_arena_alloc(g->arena, site->n_filters + 1u, sizeof(char *), err);
    if (!site->filters) return KUNI_MEMORY;
    for (uint32_t i = 0; i < site->n_filters; i++)
        site->filters[i] = bcf_hdr_int2id(g->header, BCF_DT_ID, record->d.flt[i]);
    if (!g->added) return KUNI_OK;
    kuni_status status = joint_added_find(g->added, record, g->arena, &site->added, err);
    if (status || !site->added.filters) return status;
    site->filters = site->added.filters;
    site->n_filters = site->added.n_filters;
    return KUNI_OK;
}

static kuni_status take_record(joint_called *g, joint_unify *unify, kuni_error *err)
{
    bcf1_t *record = g->record;
    if (bcf_unpack(record, BCF_UN_STR | BCF_UN_FLT | BCF_UN_INFO) < 0)
        return kuni_fail(err, KUNI_DATA, "%s: damaged record: run the workflow again", g->path);
    kuni_status status =
        kuni_grow((void **)&g->sites, &g->capacity, g->n_sites + 1, sizeof(*g->sites), err);
    if (!status)
        status = kuni_grow((void **)&g->alleles, &g->alleles_capacity, (size_t)record->n_allele + 1,
                           sizeof(*g->alleles), err);
    if (status) return status;
    joint_called_site *site = &g->sites[g->n_sites++];
    *site = (joint_called_site){.pos = record->pos};
    const char *ref = record->d.allele[0];
    size_t ref_length = strlen(ref);
    for (uint32_t i = 1; i < record->n_allele; i++) {
        const char *alt = record->d.allele[i];
        if (alt[0] == '*') continue;
        size_t alt_length = strlen(alt), shared = 0; /* what was added to reach the longest REF */
        while (shared + 1 < ref_length && shared + 1 < alt_length &&
               ref[ref_length - 1 - shared] == alt[alt_length - 1 - shared])
            shared++;
        g->alleles[site->n_alts] =
            (kuni_census){.pos = record->pos,
                          .ref = kuni_arena_strndup(g->arena, ref, ref_length - shared, err),
                          .alt = kuni_arena_strndup(g->arena, alt, alt_length - shared, err),
                          .n_samples = 1,
                          .n_copies = 1};
        if (!g->alleles[site->n_alts].ref || !g->alleles[site->n_alts].alt) return KUNI_MEMORY;
        site->n_alts++;
    }
    status = joint_unify_add(unify, g->alleles, site->n_alts, err);
    return status ? status : read_numbers(g, site, err);
}

kuni_status joint_called_take(joint_called *g, joint_unify *unify, kuni_error *err)
{
    int64_t beg, end;
    joint_unify_span(unify, &beg, &end);
    g->n_sites = 0;
    kuni_arena_clear(g->arena);
    while (!g->ended) {
        if (!g->pending) {
            int got = bcf_read(g->file, g->header, g->record);
            if (got < -1)
                return kuni_fail(err, KUNI_DATA, "%s: damaged: run the workflow again", g->path);
            if (got == -1) {
                g->ended = true;
                break;
            }
        }
        if (g->rid >= 0 && g->record->rid != g->rid) {
            g->ended = true;
            break;
        }
        g->pending = g->record->pos >= end;
        if (g->pending) break;
        if (g->record->pos < beg || g->record->pos < g->span.beg || g->record->pos >= g->span.end)
            continue;
        kuni_status status = take_record(g, unify, err);
        if (status) return status;
    }
    return KUNI_OK;
}

const joint_called_site *joint_called_get(const joint_called *called, uint32_t site)
{
    return &called->sites[site];
}
