/* SPDX-License-Identifier: MIT */
#include "prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan.h"
#include "temporary.h"

/* A folder of a shard that the plan does not have any more: of other regions, before a recall. */
enum { SHARD_GONE = -2, KEY_DIGITS = 16 };

typedef struct pruning {
    const kuni_ledger *ledger;
    size_t node;
    int64_t shard; /* -1: the folder "all"; SHARD_GONE */
    const char *folder;
    size_t *removed;
} pruning;

bool kuni_output_name_parse(const char *name, char batch[256], unsigned long long *key)
{
    const char *dot = strchr(name, '.');
    if (!dot || dot == name || dot - name >= 256) return false;
    if (strspn(dot + 1, "0123456789abcdef") != KEY_DIGITS || dot[1 + KEY_DIGITS] != '.' ||
        !dot[2 + KEY_DIGITS])
        return false;
    memcpy(batch, name, (size_t)(dot - name));
    batch[dot - name] = '\0';
    *key = strtoull(dot + 1, NULL, 16);
    return strcmp(batch, "all") == 0 ||
           (batch[0] == 'b' && batch[1] && strspn(batch + 1, "0123456789") == strlen(batch + 1));
}

/* True where NAME is an output of a task that is done under its key, or not one of ours at all. */
static bool is_referred_to(const pruning *s, const char *name)
{
    const kuni_plan *plan = &s->ledger->run->plan;
    const kuni_node *node = &plan->nodes[s->node];
    char batch[256];
    unsigned long long key;
    if (!kuni_output_name_parse(name, batch, &key)) return true;
    if (strstr(name, ".tmp.")) return false; /* of a process that ended while it gave a file back */
    if (s->shard == SHARD_GONE) return false;
    int64_t b = strcmp(batch, "all") == 0 ? -1 : kuni_names_find(&s->ledger->batch_names, batch);
    if (kuni_node_by_batch(node) != (b >= 0)) return false;
    size_t task = kuni_plan_task(plan, node, s->shard, b);
    if (task >= node->n_tasks) return false;
    /* Not done, or not to be done any more: it may be the only copy of what was found in people. */
    return kuni_task_table_state(&s->ledger->table, s->node, task) != KUNI_TASK_DONE ||
           s->ledger->table.nodes[s->node].key[task] == key;
}

/* "PREFIX-EPOCH-RANK-PID-NAME" of an epoch before this run's. */
static bool is_old_temporary(const pruning *s, const char *name)
{
    uint64_t epoch;
    return kuni_scan(name, KUNI_TEMPORARY_PREFIX "#-*", &epoch) && epoch < s->ledger->run->epoch;
}

static kuni_status prune_folder(const pruning *s, kuni_error *err)
{
    bool folded = s->ledger->run->plan.nodes[s->node].folded_by;
    DIR *dir = opendir(s->folder);
    if (!dir) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot read %s", s->folder);
    kuni_status status = KUNI_OK;
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        const char *name = entry->d_name;
        bool temporary = is_old_temporary(s, name);
        if (!temporary && (name[0] == '.' || is_referred_to(s, name))) continue;
        if (unlinkat(dirfd(dir), name, 0) == 0)
            *s->removed += !temporary && !folded;
        else if (errno != ENOENT && errno != EISDIR)
            status = kuni_fail_errno(err, "cannot remove %s/%s", s->folder, name);
    }
    closedir(dir);
    return status;
}

static kuni_status prune_node(const kuni_ledger *ledger, size_t node, size_t *removed,
                              kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kuni_arena *arena = kuni_arena_new(err);
    const char *top = arena ? kuni_run_path(ledger->run, arena, err, "data/%s",
                                            ledger->run->plan.nodes[node].folder)
                            : NULL;
    int fd = top ? open(top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!top) status = KUNI_MEMORY;
    if (fd >= 0 && !dir) (void)close(fd);
    bool by_shard = ledger->run->plan.nodes[node].n_shards > 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) && !status;) {
        const char *name = entry->d_name;
        struct stat info;
        /* Links are not followed: they lead out of the dataset. */
        if (name[0] == '.' || fstatat(dirfd(dir), name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(info.st_mode))
            continue;
        char *folder = kuni_path_join(top, name, err);
        if (!folder) status = KUNI_MEMORY;
        int64_t shard = by_shard ? kuni_ledger_shard(ledger, node, name) : -1;
        bool gone = by_shard ? shard < 0 : strcmp(name, "all") != 0;
        pruning s = {.ledger = ledger,
                     .node = node,
                     .shard = gone ? SHARD_GONE : shard,
                     .folder = folder,
                     .removed = removed};
        if (!status) status = prune_folder(&s, err);
        /* Stays where it holds what is not ours, or files that are not folded yet. */
        bool folded = by_shard && ledger->run->plan.nodes[node].folded_by;
        if (!status && (gone || folded)) (void)rmdir(folder);
        free(folder);
    }
    if (dir) closedir(dir);
    kuni_arena_free(arena);
    return status;
}

/* What is left of seals whose writer was killed or stopped at it. Whoever prunes writes none. */
static kuni_status prune_seals(const kuni_ledger *ledger, size_t node, kuni_error *err)
{
    kuni_arena *arena = kuni_arena_new(err);
    const char *folder = arena ? kuni_run_path(ledger->run, arena, err, "sealed/%s",
                                               ledger->run->plan.nodes[node].folder)
                               : NULL;
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    kuni_status status = folder ? KUNI_OK : KUNI_MEMORY;
    if (fd >= 0 && !dir) (void)close(fd);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && !status;) {
        uint64_t batch_pid_serial[3];
        if (!kuni_scan(entry->d_name, "b#.tsv.tmp.#.#", batch_pid_serial)) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT && errno != EISDIR)
            status = kuni_fail_errno(err, "cannot remove %s/%s", folder, entry->d_name);
    }
    if (dir) closedir(dir);
    kuni_arena_free(arena);
    return status;
}

kuni_status kuni_prune(const kuni_ledger *ledger, size_t *removed, kuni_error *err)
{
    *removed = 0;
    for (size_t i = 0; i < ledger->run->plan.n_nodes; i++) {
        kuni_status status = prune_node(ledger, i, removed, err);
        if (!status) status = prune_seals(ledger, i, err);
        if (status) return status;
    }
    return KUNI_OK;
}
