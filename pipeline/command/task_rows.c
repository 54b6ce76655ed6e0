/* SPDX-License-Identifier: MIT */
#include "task_rows.h"

#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "trace.h"

enum { KEY_BYTES = 1024 };

static const char *text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    return text ? text : "";
}

static int64_t number_of(const json_t *record, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(record, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* One copy of each text. */
static const char *intern(kuni_task_rows *rows, const char *text, kuni_error *err)
{
    int64_t at = kuni_names_find(&rows->words, text);
    if (at >= 0) return rows->texts[at];
    const char *copy = kuni_arena_strndup(rows->arena, text, strlen(text), err);
    if (!copy ||
        kuni_grow((void **)&rows->texts, &rows->texts_capacity, rows->n_texts + 1, sizeof(char *),
                  err) ||
        kuni_names_add(&rows->words, copy, (uint32_t)rows->n_texts, err))
        return NULL;
    return rows->texts[rows->n_texts++] = copy;
}

/* The row of a task, which is made where it is new; NULL: no memory. */
static kuni_task_row *row_of(kuni_task_rows *rows, const char *step, const char *shard,
                             const char *batch, kuni_error *err)
{
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof(key), "%s\t%s\t%s", step, shard, batch);
    int64_t at = kuni_names_find(&rows->index, key);
    if (at >= 0) return &rows->list[at];
    const char *kept = kuni_arena_strndup(rows->arena, key, strlen(key), err);
    kuni_task_row row = {.step = intern(rows, step, err),
                         .shard = intern(rows, shard, err),
                         .batch = intern(rows, batch, err),
                         .state = "pending",
                         .why = "",
                         .host = "",
                         .message = "",
                         .cpu_s = -1,
                         .wall_s = -1,
                         .rss_bytes = -1,
                         .rank = -1,
                         .attempts = -1,
                         .ended_unix_s = -1};
    if (!kept || !row.step || !row.shard || !row.batch ||
        kuni_grow((void **)&rows->list, &rows->capacity, rows->n + 1, sizeof(row), err) ||
        kuni_names_add(&rows->index, kept, (uint32_t)rows->n, err))
        return NULL;
    rows->list[rows->n] = row;
    return &rows->list[rows->n++];
}

static kuni_status take(kuni_task_rows *rows, json_t *record, bool failed, kuni_error *err)
{
    kuni_task_row *row =
        row_of(rows, text_of(record, "n"), text_of(record, "s"), text_of(record, "b"), err);
    if (!row) return KUNI_MEMORY;
    int64_t at = number_of(record, "at", -1);
    if (at < row->ended_unix_s) return KUNI_OK; /* the trace tells of an older one */
    row->state = failed ? "failed" : "done";
    row->why = intern(rows, text_of(record, "why"), err);
    row->host = intern(rows, text_of(record, "host"), err);
    row->message = failed ? intern(rows, text_of(record, "what"), err) : "";
    if (!row->why || !row->host || !row->message) return KUNI_MEMORY;
    int64_t parts = number_of(record, "of", 1);
    double share = parts > 1 ? 1.0 / (double)parts : 1;
    bool told = json_object_get(record, "cpu") != NULL;
    row->cpu_s = told ? share * json_number_value(json_object_get(record, "cpu")) : -1;
    row->wall_s = told ? share * json_number_value(json_object_get(record, "wall")) : -1;
    row->rss_bytes = number_of(record, "rss", -1);
    row->rank = number_of(record, "rank", at >= 0 ? 0 : -1);
    row->attempts = number_of(record, "try", at >= 0 ? 1 : -1);
    row->ended_unix_s = at;
    return KUNI_OK;
}

static kuni_status visit_trace(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    (void)offset;
    return take(context, record, false, err);
}

static kuni_status visit_journal(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    const char *type = text_of(record, "t");
    (void)offset;
    bool failed = strcmp(type, "failed") == 0;
    return failed || strcmp(type, "task") == 0 ? take(context, record, failed, err) : KUNI_OK;
}

/* --- the tasks of a plan --- */

static kuni_status why_pending(kuni_task_rows *rows, const kuni_preview *p, size_t node,
                               size_t task, kuni_task_row *row, kuni_error *err)
{
    char why[KUNI_RERUN_BYTES];
    kuni_hash key;
    kuni_made_of of;
    kuni_rerun rerun = {.bits = KUNI_RERUN_NEW};
    kuni_status status = KUNI_OK;
    if (p->knows_keys && kuni_task_table_ready(&p->ledger.table, node, task)) {
        status = kuni_ledger_key(&p->ledger, node, task, &key, err);
        if (!status) status = kuni_ledger_made_of(&p->ledger, node, task, &of, err);
        if (!status) rerun = kuni_past_reason(&p->past, node, task, &key, &of);
    } else if (p->knows_keys && kuni_past_last(&p->past, node, task)) {
        rerun.bits = KUNI_RERUN_INPUTS;
    }
    kuni_rerun_print(&rerun, why);
    row->why = status ? "" : intern(rows, why, err);
    return status || row->why ? status : KUNI_MEMORY;
}

static kuni_status take_plan(kuni_task_rows *rows, const kuni_preview *p, kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    kuni_status status = KUNI_OK;
    kuni_task_rows own = {.arena = rows->arena};
    for (size_t i = 0; i < plan->n_nodes && !status; i++)
        for (size_t task = 0; task < plan->nodes[i].n_tasks && !status; task++) {
            int64_t s, b;
            kuni_task_state state = kuni_task_table_state(&p->ledger.table, i, task);
            kuni_plan_place(plan, &plan->nodes[i], task, &s, &b);
            if (state == KUNI_TASK_ABSENT) continue;
            char room[KUNI_PLAN_RUN_NAME_BYTES];
            const char *shard = kuni_plan_shard_name(plan, &plan->nodes[i], s, room);
            kuni_task_row *row = row_of(rows, plan->nodes[i].folder, shard ? shard : "",
                                        b >= 0 ? p->run.cohort.batches[b].id : "", err);
            if (!row) status = KUNI_MEMORY;
            if (!status && state != KUNI_TASK_DONE) {
                if (strcmp(row->state, "failed") != 0) { /* what it took before was another thing */
                    row->state = "pending";
                    row->cpu_s = row->wall_s = -1;
                    row->rss_bytes = row->rank = row->attempts = row->ended_unix_s = -1;
                    row->host = "";
                }
                status = why_pending(rows, p, i, task, row, err);
            } else if (!status) {
                row->state = "done";
                row->message = "";
            }
            if (!status)
                status = kuni_grow((void **)&own.list, &own.capacity, own.n + 1,
                                   sizeof(kuni_task_row), err);
            if (!status) own.list[own.n++] = *row;
        }
    free(rows->list);
    rows->list = own.list;
    rows->n = own.n;
    return status;
}

kuni_status kuni_task_rows_read(kuni_task_rows *rows, const char *dataset,
                                const kuni_preview *preview, kuni_error *err)
{
    int64_t damaged, whole;
    *rows = (kuni_task_rows){.arena = kuni_arena_new(err)};
    if (!rows->arena) return KUNI_MEMORY;
    char *journal = kuni_path_join(dataset, "journal", err);
    kuni_status status = journal ? kuni_trace_read(dataset, visit_trace, rows, err) : KUNI_MEMORY;
    if (!status) status = kuni_journal_scan(journal, visit_journal, rows, &damaged, &whole, err);
    if (!status && preview) status = take_plan(rows, preview, err);
    free(journal);
    return status;
}

void kuni_task_rows_fini(kuni_task_rows *rows)
{
    kuni_names_fini(&rows->index);
    kuni_names_fini(&rows->words);
    kuni_arena_free(rows->arena);
    free(rows->texts);
    free(rows->list);
    *rows = (kuni_task_rows){.list = NULL};
}
