/* SPDX-License-Identifier: MIT */
#include "common_sites.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

static const char magic[8] = "KUNICS1";

/* 95 % called, 5 % of the rarer allele: in twentieths. */
enum { TWENTIETHS = 20 };

struct common_sites {
    kuni_file *file;
    uint32_t n_columns;
    int64_t stretch;
    const kuni_task *task;
    int32_t tid; /* whose name's hash is known */
    uint64_t name_hash;
    bool has_best;
    common_site best;
    unsigned char *genotypes; /* of the best */
};

int64_t common_sites_stretch(const kuni_task *task)
{
    int64_t bp = 0;
    for (size_t i = 0; i < task->n_shards; i++)
        if (task->shards[i].tid >= 0) bp += task->shards[i].end - task->shards[i].beg;
    return bp / COMMON_SITES_MOST + 1;
}

/* FNV-1a of the name, then the finaliser of splitmix64 over it and the position. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return hash;
}

static uint64_t hash_place(uint64_t name, int64_t pos)
{
    uint64_t x = name + (uint64_t)pos * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

kuni_status common_sites_create(common_sites **out, const kuni_task *task, uint32_t n_columns,
                                const char *path, kuni_error *err)
{
    common_sites *sites = kuni_alloc(1, sizeof(*sites), err);
    if (!sites) return KUNI_MEMORY;
    *sites = (common_sites){
        .n_columns = n_columns, .stretch = common_sites_stretch(task), .task = task, .tid = -1};
    sites->genotypes = kuni_alloc(common_sites_bytes(n_columns) + 1, 1, err);
    kuni_status status = sites->genotypes ? kuni_file_create(&sites->file, path, err) : KUNI_MEMORY;
    if (!status) status = kuni_file_write(sites->file, magic, sizeof(magic), err);
    if (status)
        common_sites_discard(sites);
    else
        *out = sites;
    return status;
}

static uint64_t hash_at(const common_sites *sites, int32_t tid, int64_t pos)
{
    uint64_t name = sites->tid == tid
                        ? sites->name_hash
                        : hash_name(kuni_genome_contig(sites->task->genome, tid)->name);
    return hash_place(name, pos);
}

bool common_sites_want(const common_sites *sites, int32_t tid, int64_t pos, uint64_t copies,
                       uint64_t all)
{
    uint64_t rarer = copies < all - copies ? copies : all - copies;
    if (all * TWENTIETHS < 2 * (uint64_t)sites->n_columns * (TWENTIETHS - 1) ||
        rarer * TWENTIETHS < all || !all)
        return false;
    return !sites->has_best || hash_at(sites, tid, pos) < sites->best.hash;
}

void common_sites_take(common_sites *sites, int32_t tid, int64_t pos, char ref, char alt,
                       uint64_t copies, uint64_t all, const callset_genotypes *genotypes)
{
    if (sites->tid != tid) {
        sites->name_hash = hash_name(kuni_genome_contig(sites->task->genome, tid)->name);
        sites->tid = tid;
    }
    sites->has_best = true;
    memset(&sites->best, 0, sizeof(sites->best)); /* its bytes are written */
    sites->best.hash = hash_at(sites, tid, pos);
    sites->best.pos = pos;
    sites->best.copies = copies;
    sites->best.all = all;
    sites->best.tid = tid;
    sites->best.ref = ref;
    sites->best.alt = alt;
    memset(sites->genotypes, 0, common_sites_bytes(sites->n_columns));
    for (size_t i = 0; i < genotypes->n; i++) {
        const callset_genotype *g = &genotypes->odd[i];
        int value = g->a < 0 || g->b < 0 ? 3 : (g->a > 0) + (g->b > 0);
        sites->genotypes[g->column / 4] |= (unsigned char)(value << (2 * (g->column % 4)));
    }
}

static kuni_status write_best(common_sites *sites, kuni_error *err)
{
    sites->has_best = false;
    kuni_status status = kuni_file_write(sites->file, &sites->best, sizeof(sites->best), err);
    return status ? status
                  : kuni_file_write(sites->file, sites->genotypes,
                                    common_sites_bytes(sites->n_columns), err);
}

kuni_status common_sites_pass(common_sites *sites, int32_t tid, int64_t pos, kuni_error *err)
{
    if (!sites->has_best ||
        (sites->best.tid == tid && sites->best.pos / sites->stretch == pos / sites->stretch))
        return KUNI_OK;
    return write_best(sites, err);
}

kuni_status common_sites_commit(common_sites *sites, kuni_error *err)
{
    kuni_status status = sites->has_best ? write_best(sites, err) : KUNI_OK;
    if (!status) {
        kuni_file *file = sites->file;
        sites->file = NULL;
        status = kuni_file_commit(file, err);
    }
    common_sites_discard(sites);
    return status;
}

void common_sites_discard(common_sites *sites)
{
    if (!sites) return;
    kuni_file_discard(sites->file);
    free(sites->genotypes);
    free(sites);
}

/* --- all shards' --- */

static kuni_status add_site(common_sites_list *list, const common_site *site,
                            const unsigned char *genotypes, kuni_error *err)
{
    size_t bytes = common_sites_bytes(list->n_columns);
    common_site *last = list->n ? &list->sites[list->n - 1] : NULL;
    if (last && last->tid == site->tid && last->pos / list->stretch == site->pos / list->stretch) {
        if (last->hash <= site->hash) return KUNI_OK;
        list->n--;
    }
    kuni_status status =
        kuni_grow((void **)&list->sites, &list->capacity, list->n + 1, sizeof(*list->sites), err);
    if (status) return status;
    if (fseeko(list->rows, (off_t)(list->n * bytes), SEEK_SET) != 0 ||
        fwrite(genotypes, 1, bytes, list->rows) != bytes)
        return kuni_fail_errno(err, "merge: cannot write the common sites");
    list->sites[list->n++] = *site;
    return KUNI_OK;
}

kuni_status common_sites_list_add(common_sites_list *list, const char *path, kuni_error *err)
{
    char start[sizeof(magic)];
    common_site site;
    size_t bytes = common_sites_bytes(list->n_columns), got = 0;
    kuni_status status = KUNI_OK;
    unsigned char *genotypes = kuni_alloc(bytes + 1, 1, err);
    FILE *file = genotypes ? fopen(path, "rb") : NULL;
    if (!file) {
        status = genotypes ? kuni_fail_errno(err, "cannot open %s", path) : KUNI_MEMORY;
        free(genotypes);
        return status;
    }
    bool whole = fread(start, 1, sizeof(start), file) == sizeof(start) &&
                 memcmp(start, magic, sizeof(magic)) == 0;
    while (whole && !status && (got = fread(&site, 1, sizeof(site), file)) == sizeof(site)) {
        whole = fread(genotypes, 1, bytes, file) == bytes;
        if (whole) status = add_site(list, &site, genotypes, err);
    }
    if (!status && (!whole || got || ferror(file)))
        status = kuni_fail(err, KUNI_DATA, "merge: %s: damaged: remove it and run again", path);
    (void)fclose(file); /* only read */
    free(genotypes);
    return status;
}

void common_sites_list_fini(common_sites_list *list)
{
    free(list->sites);
    list->sites = NULL;
    list->n = list->capacity = 0;
}
