/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

kuni_status kuni_remove_tree(const char *path, kuni_error *err)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT) return KUNI_OK;
    return kuni_fail_errno(err, "cannot remove %s", path);
}

typedef struct sweeping {
    kuni_coordinator *c;
    size_t node;
    int64_t shard; /* -1: the folder "all" */
    const char *folder;
    size_t *removed;
} sweeping;

/* True where NAME, "BATCH.KEY16.EXTENSION", is an output of a task that is done under that key. */
static bool is_referred_to(const sweeping *s, const char *name)
{
    const kuni_plan *plan = &s->c->run->plan;
    const kuni_node *node = &plan->nodes[s->node];
    char batch[256];
    unsigned long long key;
    const char *dot = strchr(name, '.');
    /* Batch names hold no dots; what does not look like ours is not touched. */
    if (!dot || (size_t)(dot - name) >= sizeof(batch) || sscanf(dot + 1, "%16llx.", &key) != 1)
        return true;
    memcpy(batch, name, (size_t)(dot - name));
    batch[dot - name] = '\0';
    int64_t b = strcmp(batch, "all") == 0 ? -1 : kuni_names_find(&s->c->batch_names, batch);
    bool wants_batch = node->scatter == KUNI_SCATTER_READS || node->scatter == KUNI_SCATTER_BATCH;
    if (wants_batch != (b >= 0)) return false;
    size_t task = kuni_plan_task(plan, node, s->shard, b);
    return task < node->n_tasks &&
           kuni_table_state(&s->c->table, s->node, task) == KUNI_TASK_DONE &&
           s->c->table.nodes[s->node].key[task] == key;
}

/* "PREFIX-EPOCH-RANK-PID-NAME" of an epoch before this run's. */
static bool is_old_temporary(const sweeping *s, const char *name)
{
    uint64_t epoch;
    size_t prefix = strlen(KUNI_TEMPORARY_PREFIX);
    return strncmp(name, KUNI_TEMPORARY_PREFIX, prefix) == 0 &&
           sscanf(name + prefix, "%" SCNu64, &epoch) == 1 && epoch < s->c->run->epoch;
}

static kuni_status sweep_folder(const sweeping *s, kuni_error *err)
{
    DIR *dir = opendir(s->folder);
    if (!dir) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot read %s", s->folder);
    kuni_status status = KUNI_OK;
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        const char *name = entry->d_name;
        bool temporary = is_old_temporary(s, name);
        if (!temporary && (name[0] == '.' || is_referred_to(s, name))) continue;
        if (unlinkat(dirfd(dir), name, 0) != 0 && errno != ENOENT && errno != EISDIR)
            status = kuni_fail_errno(err, "cannot remove %s/%s", s->folder, name);
        else
            *s->removed += !temporary;
    }
    closedir(dir);
    return status;
}

static kuni_status sweep_node(kuni_coordinator *c, size_t node, size_t *removed, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kuni_arena *arena = kuni_arena_new(err);
    const char *top =
        arena ? kuni_run_path(c->run, arena, err, "data/%s", c->run->plan.nodes[node].folder)
              : NULL;
    DIR *dir = top ? opendir(top) : NULL;
    if (!top) status = KUNI_MEMORY;
    bool by_shard = c->run->plan.nodes[node].scatter == KUNI_SCATTER_READS ||
                    c->run->plan.nodes[node].scatter == KUNI_SCATTER_REGION;
    for (struct dirent *entry; dir && (entry = readdir(dir)) && !status;) {
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        char *folder = kuni_path_join(top, name, err);
        if (!folder) status = KUNI_MEMORY;
        sweeping s = {.c = c,
                      .node = node,
                      .shard = by_shard ? kuni_names_find(&c->shard_names, name) : -1,
                      .folder = folder,
                      .removed = removed};
        if (!status && by_shard == (s.shard >= 0) && (by_shard || strcmp(name, "all") == 0)) {
            status = sweep_folder(&s, err);
        } else if (!status) { /* a shard that is no more */
            status = kuni_remove_tree(folder, err);
            ++*removed;
        }
        free(folder);
    }
    if (dir) closedir(dir);
    kuni_arena_free(arena);
    return status;
}

kuni_status kuni_sweep(kuni_coordinator *c, size_t *removed, kuni_error *err)
{
    *removed = 0;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
        kuni_status status = sweep_node(c, i, removed, err);
        if (status) return status;
    }
    return KUNI_OK;
}
