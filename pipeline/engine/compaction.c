/* SPDX-License-Identifier: MIT */
#include "compaction.h"

#include <stdlib.h>
#include <string.h>

#include "trace.h"

typedef struct sorting {
    const kuni_ledger *ledger;
    uint8_t *sealed; /* by batch: in all reads steps */
    uint8_t *keep;   /* by record, without sums */
    size_t n, capacity;
    size_t at;                             /* in the second pass */
    uint32_t *latest[KUNI_PLAN_NODES_MAX]; /* by task, record + 1; NULL: none */
    uint32_t *signs;                       /* by batch, likewise */
    uint32_t steps[KUNI_PLAN_NODES_MAX];   /* by node, likewise */
    kuni_names paths;                      /* of parameter files */
    uint32_t *files;                       /* by file, likewise */
    size_t n_files, files_capacity;
    kuni_arena *arena;
    kuni_trace *trace; /* what tasks took whose lines go */
} sorting;

static const char *text_of(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

/* The record takes the place of the one that was there before. */
static void replace(sorting *s, uint32_t *place)
{
    if (*place) s->keep[*place - 1] = 0;
    *place = (uint32_t)s->n + 1;
    s->keep[s->n] = 1;
}

/* --- which records are needed --- */

static kuni_status sort_task(sorting *s, const json_t *record, kuni_error *err)
{
    const kuni_ledger *ledger = s->ledger;
    const char *folder = text_of(record, "n");
    size_t node, task;
    uint64_t key;
    if (!folder || kuni_names_find(&ledger->node_names, folder) < 0) {
        s->keep[s->n] = 1; /* another workflow's */
        return KUNI_OK;
    }
    if (!kuni_past_place(ledger, record, &node, &task) || !kuni_past_key(record, &key))
        return KUNI_OK;
    const kuni_plan *plan = &ledger->run->plan;
    int64_t shard, batch;
    kuni_plan_place(plan, &plan->nodes[node], task, &shard, &batch);
    if (kuni_ledger_has_seal(&plan->nodes[node]) &&
        ledger->sealed[node * plan->n_batches + (size_t)batch])
        return KUNI_OK;
    if (node == KUNI_PLAN_PREFLIGHT && s->sealed[batch]) return KUNI_OK;
    if (kuni_task_table_state(&ledger->table, node, task) != KUNI_TASK_DONE) {
        s->keep[s->n] = 1;
        return KUNI_OK;
    }
    if (key != ledger->table.nodes[node].key[task]) return KUNI_OK;
    if (!s->latest[node])
        s->latest[node] = kuni_alloc(plan->nodes[node].n_tasks, sizeof(uint32_t), err);
    if (!s->latest[node]) return KUNI_MEMORY;
    replace(s, &s->latest[node][task]);
    return KUNI_OK;
}

static void sort_bad(sorting *s, const json_t *record)
{
    const char *id = text_of(record, "id");
    int64_t sample = id ? kuni_names_find(&s->ledger->sample_names, id) : -1;
    if (sample < 0) return;
    const kuni_cohort *cohort = &s->ledger->run->cohort;
    size_t low = 0, high = cohort->n_batches;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (cohort->batches[middle].first <= (size_t)sample)
            low = middle;
        else
            high = middle;
    }
    s->keep[s->n] = !s->sealed[low];
}

static void sort_signs(sorting *s, const json_t *record)
{
    const char *name = text_of(record, "b");
    int64_t batch = name ? kuni_names_find(&s->ledger->batch_names, name) : -1;
    if (batch >= 0 && !s->sealed[batch]) replace(s, &s->signs[batch]);
}

static kuni_status sort_file(sorting *s, const json_t *record, kuni_error *err)
{
    const char *path = text_of(record, "p");
    if (!path) return KUNI_OK;
    int64_t at = kuni_names_find(&s->paths, path);
    if (at < 0) {
        const char *kept = kuni_arena_strndup(s->arena, path, strlen(path), err);
        if (!kept) return KUNI_MEMORY;
        kuni_status status = kuni_grow((void **)&s->files, &s->files_capacity, s->n_files + 1,
                                       sizeof(uint32_t), err);
        if (!status) status = kuni_names_add(&s->paths, kept, (uint32_t)s->n_files, err);
        if (status) return status;
        at = (int64_t)s->n_files;
        s->files[s->n_files++] = 0;
    }
    replace(s, &s->files[at]);
    return KUNI_OK;
}

/* A failure is told until the task is done. */
static void sort_failed(sorting *s, const json_t *record)
{
    const char *folder = text_of(record, "n");
    size_t node, task;
    if (!folder || kuni_names_find(&s->ledger->node_names, folder) < 0)
        s->keep[s->n] = 1;
    else
        s->keep[s->n] = kuni_past_place(s->ledger, record, &node, &task) &&
                        kuni_task_table_state(&s->ledger->table, node, task) != KUNI_TASK_DONE;
}

static void sort_step(sorting *s, const json_t *record)
{
    const char *folder = text_of(record, "n");
    int64_t node = folder ? kuni_names_find(&s->ledger->node_names, folder) : -1;
    if (node >= 0)
        replace(s, &s->steps[node]);
    else
        s->keep[s->n] = 1; /* another workflow's */
}

/* --retry-quarantined: what was said of samples before it is void. */
static void forget(sorting *s, const uint8_t *is_bad)
{
    for (size_t i = 0; i < s->n; i++)
        if (is_bad[i]) s->keep[i] = 0;
}

typedef struct first_look {
    sorting *s;
    uint8_t *is_bad; /* by record */
    size_t capacity;
} first_look;

static kuni_status sort_record(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    first_look *l = context;
    sorting *s = l->s;
    const char *type = text_of(record, "t");
    (void)offset;
    if (type && strcmp(type, "sum") == 0) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&s->keep, &s->capacity, s->n + 1, 1, err);
    if (!status) status = kuni_grow((void **)&l->is_bad, &l->capacity, s->n + 1, 1, err);
    if (status) return status;
    s->keep[s->n] = l->is_bad[s->n] = 0;
    if (!type) return s->n++, KUNI_OK;
    if (strcmp(type, "task") == 0) {
        status = sort_task(s, record, err);
    } else if (strcmp(type, "bad") == 0) {
        l->is_bad[s->n] = 1;
        sort_bad(s, record);
    } else if (strcmp(type, "signs") == 0) {
        sort_signs(s, record);
    } else if (strcmp(type, "file") == 0) {
        status = sort_file(s, record, err);
    } else if (strcmp(type, "step") == 0) {
        sort_step(s, record);
    } else if (strcmp(type, "failed") == 0) {
        sort_failed(s, record);
    } else if (strcmp(type, "forget") == 0) {
        forget(s, l->is_bad);
    } else {
        /* Ours are written anew: see list_sealed. */
        const char *folder = text_of(record, "n");
        bool seals = strcmp(type, "sealed") == 0 || strcmp(type, "unsealed") == 0;
        s->keep[s->n] = !seals || !folder || kuni_names_find(&s->ledger->node_names, folder) < 0;
    }
    s->n++;
    return status;
}

static kuni_status keep_sorted(void *context, json_t *record, bool *keep, kuni_error *err)
{
    sorting *s = context;
    *keep = s->at < s->n && s->keep[s->at];
    s->at++;
    return *keep ? KUNI_OK : kuni_trace_add(s->trace, record, err);
}

/* --- what stands for the lines of sealed batches --- */

static json_t *list_sealed(const kuni_ledger *ledger, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    json_t *list = json_array();
    bool whole = list != NULL;
    for (size_t i = 0; i < plan->n_nodes && whole; i++) {
        if (!kuni_ledger_has_seal(&plan->nodes[i])) continue;
        for (size_t b = 0; b < plan->n_batches && whole; b++) {
            size_t at = i * plan->n_batches + b;
            if (!ledger->sealed[at] && !ledger->promised[at]) continue;
            whole = json_array_append_new(list, json_pack("{ss ss ss}", "t", "sealed", "n",
                                                          plan->nodes[i].folder, "b",
                                                          ledger->run->cohort.batches[b].id)) == 0;
        }
    }
    if (whole) return list;
    (void)kuni_fail_memory(err, 1, 1);
    json_decref(list);
    return NULL;
}

/* --- when --- */

/* Lines that the journal would have: what other workflows wrote counts as needed. */
static int64_t lines_needed(const kuni_ledger *ledger, const kuni_past *past)
{
    const kuni_plan *plan = &ledger->run->plan;
    int64_t n = past->foreign_records + (int64_t)(past->known_files.n + 2 * plan->n_nodes);
    for (size_t b = 0; b < plan->n_batches; b++)
        n +=
            kuni_ledger_batch_is_sealed(ledger, b)
                ? -(kuni_task_table_state(&ledger->table, KUNI_PLAN_PREFLIGHT, b) == KUNI_TASK_DONE)
                : 1;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        n += (int64_t)ledger->table.nodes[i].done;
        for (size_t b = 0; b < plan->n_batches && kuni_ledger_has_seal(node); b++) {
            if (!ledger->sealed[i * plan->n_batches + b]) continue;
            n++;
            for (size_t task = b; task < node->n_tasks; task += plan->n_batches)
                n -= kuni_task_table_state(&ledger->table, i, task) == KUNI_TASK_DONE;
        }
    }
    return n;
}

static kuni_status start(sorting *s, kuni_error *err)
{
    size_t n_batches = s->ledger->run->plan.n_batches;
    s->sealed = kuni_alloc(n_batches + 1, 1, err);
    s->signs = kuni_alloc(n_batches + 1, sizeof(uint32_t), err);
    s->arena = kuni_arena_new(err);
    if (!s->sealed || !s->signs || !s->arena) return KUNI_MEMORY;
    for (size_t b = 0; b < n_batches; b++) s->sealed[b] = kuni_ledger_batch_is_sealed(s->ledger, b);
    return KUNI_OK;
}

static void finish(sorting *s)
{
    for (size_t i = 0; i < KUNI_PLAN_NODES_MAX; i++) free(s->latest[i]);
    kuni_names_fini(&s->paths);
    kuni_arena_free(s->arena);
    free(s->files);
    free(s->signs);
    free(s->sealed);
    free(s->keep);
}

kuni_status kuni_compaction(const kuni_ledger *ledger, const kuni_past *past, kuni_journal *journal,
                            const char *journal_path, int64_t *dropped, kuni_error *err)
{
    int64_t held = past->records + kuni_journal_added(journal), damaged, whole;
    *dropped = 0;
    if (4 * held <= 5 * lines_needed(ledger, past)) return KUNI_OK;
    sorting s = {.ledger = ledger};
    first_look l = {.s = &s};
    kuni_journal_counts counts = {.kept = 0};
    json_t *sealed = NULL;
    kuni_status status = start(&s, err);
    if (!status) status = kuni_journal_flush(journal, 0, err);
    if (!status) status = kuni_journal_scan(journal_path, sort_record, &l, &damaged, &whole, err);
    if (!status && !(sealed = list_sealed(ledger, err))) status = KUNI_MEMORY;
    if (!status) status = kuni_trace_open(&s.trace, ledger->run->folder, err);
    if (!status) status = kuni_journal_compact(journal, keep_sorted, &s, sealed, &counts, err);
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status closed = kuni_trace_close(s.trace, status ? &ignored : err);
    if (!status) status = closed;
    *dropped = counts.dropped;
    json_decref(sealed);
    free(l.is_bad);
    finish(&s);
    return status;
}
