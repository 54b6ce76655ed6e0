/* SPDX-License-Identifier: MIT */
#include "added.h"

#include <htslib/tbx.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"

static const char *const dropped = "Dropped";
static const char dropped_line[] =
    "##FILTER=<ID=Dropped,Description=\"A later stage took the record out of the "
    "call set; blocks begin in it\">"; /* as merge has it */

struct joint_added {
    htsFile *file;
    tbx_t *index;
    hts_itr_t *places;
    bcf_hdr_t *header;
    bcf1_t *record;
    kstring_t line;
    char *path;
    kuni_span span;
    bool ended, pending; /* `record` is one that was not asked for yet */
    bool tells_dropped;
    void *values;
    int n_values;
    joint_added_info *infos; /* of the site under way */
    size_t infos_capacity;
};

static kuni_status damaged(const joint_added *a, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "%s: damaged: run the workflow again", a->path);
}

static kuni_status start(joint_added *a, const char *index, const char *contig, kuni_error *err)
{
    a->file = hts_open(a->path, "r");
    if (!a->file) return kuni_fail_errno(err, "cannot read %s", a->path);
    a->header = bcf_hdr_read(a->file);
    if (!a->header) return damaged(a, err);
    if (!index) return KUNI_OK;
    a->index = tbx_index_load2(a->path, index);
    if (!a->index) return kuni_fail(err, KUNI_DATA, "%s: cannot read the index %s", a->path, index);
    int tid = tbx_name2id(a->index, contig); /* a contig without records is not known to it */
    a->ended = tid < 0;
    if (!a->ended) a->places = tbx_itr_queryi(a->index, tid, a->span.beg, a->span.end);
    return a->ended || a->places ? KUNI_OK : damaged(a, err);
}

kuni_status joint_added_open(joint_added **added, const char *path, const char *index,
                             const char *contig, kuni_span span, kuni_error *err)
{
    joint_added *a = kuni_alloc(1, sizeof(*a), err);
    if (!a) return KUNI_MEMORY;
    a->span = span;
    a->path = kuni_strdup(path, err);
    a->record = bcf_init();
    kuni_status status = a->path && a->record ? start(a, index, contig, err) : KUNI_MEMORY;
    if (status) {
        joint_added_close(a);
        return status;
    }
    *added = a;
    return KUNI_OK;
}

void joint_added_close(joint_added *a)
{
    if (!a) return;
    if (a->places) tbx_itr_destroy(a->places);
    if (a->index) tbx_destroy(a->index);
    if (a->record) bcf_destroy(a->record);
    if (a->header) bcf_hdr_destroy(a->header);
    if (a->file) (void)hts_close(a->file);
    ks_free(&a->line);
    free(a->path);
    free(a->values);
    free(a->infos);
    free(a);
}

void joint_added_tell_dropped(joint_added *a)
{
    a->tells_dropped = true;
}

/* An INFO field that goes along. */
static bool goes_along(const bcf_hdr_t *header, const char *tag)
{
    int id = bcf_hdr_id2int(header, BCF_DT_ID, tag);
    if (id < 0 || !bcf_hdr_idinfo_exists(header, BCF_HL_INFO, id) || joint_info_is_own(tag))
        return false;
    int length = bcf_hdr_id2length(header, BCF_HL_INFO, id);
    return length == BCF_VL_FIXED || length == BCF_VL_VAR;
}

kuni_status joint_added_header(const joint_added *a, bcf_hdr_t *to, kuni_error *err)
{
    for (int i = 0; i < a->header->nhrec; i++) {
        const bcf_hrec_t *line = a->header->hrec[i];
        if (line->type != BCF_HL_FLT && line->type != BCF_HL_INFO) continue;
        int id = bcf_hrec_find_key((bcf_hrec_t *)line, "ID");
        if (id < 0) continue;
        const char *tag = line->vals[id];
        if (bcf_hdr_get_hrec(to, line->type, "ID", tag, NULL)) continue;
        if (line->type == BCF_HL_INFO && !goes_along(a->header, tag)) continue;
        bcf_hrec_t *copy = bcf_hrec_dup((bcf_hrec_t *)line);
        int at = copy ? bcf_hrec_find_key(copy, "IDX") : -1;
        if (at >= 0) { /* the other header's numbers mean nothing here */
            free(copy->keys[at]);
            free(copy->vals[at]);
            copy->nkeys--;
            memmove(copy->keys + at, copy->keys + at + 1,
                    (size_t)(copy->nkeys - at) * sizeof(*copy->keys));
            memmove(copy->vals + at, copy->vals + at + 1,
                    (size_t)(copy->nkeys - at) * sizeof(*copy->vals));
        }
        if (!copy || bcf_hdr_add_hrec(to, copy) < 0) return kuni_fail_memory(err, 1, 1);
    }
    if (!a->tells_dropped || bcf_hdr_get_hrec(to, BCF_HL_FLT, "ID", dropped, NULL)) return KUNI_OK;
    return bcf_hdr_append(to, dropped_line) < 0 ? kuni_fail_memory(err, 1, 1) : KUNI_OK;
}

/* The next record into a->record; none: a->ended. */
static kuni_status next(joint_added *a, kuni_error *err)
{
    int got;
    if (a->places) {
        got = tbx_itr_next(a->file, a->index, a->places, &a->line);
        if (got >= 0 && vcf_parse(&a->line, a->header, a->record) < 0) return damaged(a, err);
    } else
        got = bcf_read(a->file, a->header, a->record);
    if (got < -1) return damaged(a, err);
    a->ended = got < 0 || (a->record->rid >= 0 && a->record->pos >= a->span.end);
    a->pending = !a->ended;
    return KUNI_OK;
}

static bool same_alleles(const bcf1_t *left, const bcf1_t *right)
{
    if (left->n_allele != right->n_allele) return false;
    for (uint32_t i = 0; i < left->n_allele; i++)
        if (strcmp(left->d.allele[i], right->d.allele[i]) != 0) return false;
    return true;
}

/* Appends an INFO field to a->infos; the values go to the arena. */
static kuni_status take_info(joint_added *a, const bcf_info_t *info, kuni_arena *arena, uint32_t *n,
                             kuni_error *err)
{
    const char *tag = bcf_hdr_int2id(a->header, BCF_DT_ID, info->key);
    if (!goes_along(a->header, tag)) return KUNI_OK;
    int type = bcf_hdr_id2type(a->header, BCF_HL_INFO, info->key);
    int got = bcf_get_info_values(a->header, a->record, tag, &a->values, &a->n_values, type);
    if (got < 0 || (got == 0 && type != BCF_HT_FLAG)) return KUNI_OK;
    size_t bytes = type == BCF_HT_FLAG ? 0 : (size_t)got * (type == BCF_HT_STR ? 1 : 4);
    kuni_status status =
        kuni_grow((void **)&a->infos, &a->infos_capacity, *n + (size_t)1, sizeof(*a->infos), err);
    char *values = status ? NULL : kuni_arena_alloc(arena, bytes + 1, 1, err);
    if (!values) return KUNI_MEMORY;
    if (bytes) memcpy(values, a->values, bytes);
    values[bytes] = '\0';
    char *name = kuni_arena_strndup(arena, tag, strlen(tag), err);
    if (!name) return KUNI_MEMORY;
    a->infos[(*n)++] = (joint_added_info){
        .tag = name, .values = values, .n = type == BCF_HT_FLAG ? 1 : got, .type = type};
    return KUNI_OK;
}

static kuni_status take(joint_added *a, kuni_arena *arena, joint_added_site *site, kuni_error *err)
{
    bcf1_t *r = a->record;
    if (strcmp(r->d.id, ".") != 0) {
        site->id = kuni_arena_strndup(arena, r->d.id, strlen(r->d.id), err);
        if (!site->id) return KUNI_MEMORY;
    }
    site->n_filters = (uint32_t)r->d.n_flt;
    site->filters = kuni_arena_alloc(arena, site->n_filters + 1u, sizeof(char *), err);
    if (!site->filters) return KUNI_MEMORY;
    for (uint32_t i = 0; i < site->n_filters; i++)
        site->filters[i] = bcf_hdr_int2id(a->header, BCF_DT_ID, r->d.flt[i]);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_info; i++) {
        kuni_status status = take_info(a, &r->d.info[i], arena, &n, err);
        if (status) return status;
    }
    joint_added_info *infos = kuni_arena_alloc(arena, n + 1u, sizeof(*infos), err);
    if (!infos) return KUNI_MEMORY;
    if (n) memcpy(infos, a->infos, n * sizeof(*infos));
    site->infos = infos;
    site->n_infos = n;
    return KUNI_OK;
}

kuni_status joint_added_find(joint_added *a, const bcf1_t *record, kuni_arena *arena,
                             joint_added_site *site, kuni_error *err)
{
    *site = (joint_added_site){.gone = true};
    if (a->tells_dropped) {
        site->filters = kuni_arena_alloc(arena, 1, sizeof(char *), err);
        if (!site->filters) return KUNI_MEMORY;
        site->filters[0] = dropped;
        site->n_filters = 1;
    }
    while (!a->ended) {
        if (!a->pending) {
            kuni_status status = next(a, err);
            if (status) return status;
            if (a->ended) break;
        }
        if (a->record->pos > record->pos) return KUNI_OK;
        a->pending = false;
        if (a->record->pos < record->pos) continue;
        site->gone = false;
        if (bcf_unpack(a->record, BCF_UN_STR | BCF_UN_FLT | BCF_UN_INFO) < 0)
            return damaged(a, err);
        if (same_alleles(a->record, record)) return take(a, arena, site, err);
    }
    return KUNI_OK;
}
