/* SPDX-License-Identifier: MIT */
#include "published_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Who had no column when this was published has none. */
static kuni_status leave_out(kuni_ledger *ledger, const kuni_samples *then, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < ledger->run->cohort.n_samples && !status; i++)
        if (then->skip[i] && !ledger->samples.skip[i])
            status = kuni_samples_quarantine(&ledger->samples, i, KUNI_VERDICT_THIS_RUN, "current",
                                             "left out when this was published", err);
    return status;
}

kuni_status kuni_published_ledger(kuni_ledger *ledger, kuni_published_run *current,
                                  const kuni_seal_choice *choice, bool *found, kuni_error *err)
{
    const kuni_plan *plan = &current->run.plan;
    *found = false;
    kuni_status status = kuni_ledger_init(ledger, &current->run, err);
    if (status) return status;
    ledger->keys = current->keys;
    kuni_ledger_mark_absent(ledger);
    status = leave_out(ledger, &current->samples, err);
    if (!status) status = kuni_seals_load_some(ledger, choice, err);
    if (status) return status;
    *found = true;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t b = 0; choice->nodes[i] && b < plan->n_batches; b++)
            if (choice->batches[b] && !ledger->sealed[i * plan->n_batches + b]) *found = false;
    return KUNI_OK;
}

/* --- files of joint steps --- */

/* The key in a name as kuni_run_output makes it, of which the rest is given; a stub stands for its file. */
static bool parse_name(const char *name, const char *before, const char *after, uint64_t *key)
{
    static const char stub[] = ".stub";
    size_t n = strlen(before), length = strlen(name);
    char hex[17];
    if (length < n + 16 || strncmp(name, before, n) != 0) return false;
    memcpy(hex, name + n, 16);
    hex[16] = '\0';
    const char *rest = name + n + 16;
    size_t m = strlen(after);
    bool fits = strncmp(rest, after, m) == 0 && (!rest[m] || strcmp(rest + m, stub) == 0);
    return fits && kuni_hash_parse_short(key, hex);
}

typedef struct keys_found {
    uint64_t key;
    size_t n; /* different ones, 2: or more */
} keys_found;

/* Looks for an output's files; *there whether there is any. */
static kuni_status look(const kuni_ledger *ledger, size_t node, size_t output, int64_t shard,
                        keys_found *keys, bool *there, kuni_error *err)
{
    static const char nothing[] = "0000000000000000";
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_run_output(ledger->run, ledger->arena, node, output, shard, -1, 0, err);
    char *folder = path ? kuni_strdup(path, err) : NULL;
    char *slash = folder ? strrchr(folder, '/') : NULL;
    char *digits = slash ? strstr(slash, nothing) : NULL;
    *there = false;
    if (!digits) {
        free(folder);
        return path && slash ? kuni_fail(err, KUNI_BUG, "%s: no key", path) : KUNI_MEMORY;
    }
    *slash = *digits = '\0';
    const char *before = slash + 1, *after = digits + strlen(nothing);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        uint64_t key;
        if (!parse_name(entry->d_name, before, after, &key)) continue;
        *there = true;
        if (!keys->n || keys->key != key) keys->n++;
        keys->key = key;
    }
    if (dir) (void)closedir(dir);
    free(folder);
    return KUNI_OK;
}

kuni_status kuni_published_task(kuni_ledger *ledger, size_t node, int64_t shard, bool *found,
                                kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    kuni_task_output_digest outputs[KUNI_PLAN_OUTPUTS_MAX] = {{.present = false}};
    static const char unknown[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    keys_found keys = {.n = 0};
    kuni_status status = KUNI_OK;
    size_t task = kuni_plan_task(plan, n, shard, -1);
    *found = kuni_task_table_state(&ledger->table, node, task) == KUNI_TASK_DONE;
    if (*found) return KUNI_OK;
    for (size_t o = 0; o < n->n_outputs && !status; o++) {
        status = look(ledger, node, o, shard, &keys, &outputs[o].present, err);
        memcpy(outputs[o].digest, unknown, sizeof(unknown));
    }
    *found = !status && keys.n == 1;
    return *found ? kuni_task_table_done(&ledger->table, node, task, keys.key, outputs, err)
                  : status;
}
