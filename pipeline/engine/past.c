/* SPDX-License-Identifier: MIT */
/* What the journal says has been done already. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assembly.h"
#include "journal.h"
#include "past.h"
#include "stub.h"

static const char *text_of(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

/* --- checking outputs on disk --- */

/* As kuni_stored_is_intact, or there is a stub in its place; files that all ranks wrote have a digest of slices. */
static bool output_is_intact(const char *path, const kuni_stored_output *output, bool sliced)
{
    struct stat st;
    if (!sliced)
        return kuni_stored_is_intact(path, output) ||
               (access(path, F_OK) != 0 && kuni_stub_stands(path, output));
    if (stat(path, &st) != 0 || st.st_size != output->bytes) return false;
    int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (mtime == output->mtime_ns) return true;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash digest;
    kuni_error ignored = KUNI_ERROR_INIT;
    return kuni_assembly_digest(path, hex, &ignored) == KUNI_OK && kuni_hash_parse(&digest, hex) &&
           kuni_hash_equal(&digest, &output->digest);
}

static kuni_status mark_done(kuni_ledger *ledger, size_t node, size_t task, const kuni_hash *key,
                             const kuni_stored_output *outputs, kuni_error *err)
{
    kuni_ledger_reused(ledger, node, task);
    return kuni_ledger_done(ledger, node, task, key, outputs, err);
}

/* --- where a record belongs --- */

bool kuni_past_find(const kuni_ledger *ledger, const char *folder, const char *shard,
                    const char *batch, size_t *node, size_t *task)
{
    const kuni_plan *plan = &ledger->run->plan;
    int64_t n = folder ? kuni_names_find(&ledger->node_names, folder) : -1;
    if (n < 0) return false;
    *node = (size_t)n;
    int64_t s = shard ? kuni_ledger_shard(ledger, *node, shard) : -1;
    int64_t b = batch ? kuni_names_find(&ledger->batch_names, batch) : -1;
    if ((shard && s < 0) || (batch && b < 0)) return false;
    bool wants_shard = plan->nodes[n].n_shards > 0;
    if (wants_shard != (s >= 0) || kuni_node_by_batch(&plan->nodes[n]) != (b >= 0)) return false;
    *task = kuni_plan_task(plan, &plan->nodes[n], s, b);
    return *task < plan->nodes[n].n_tasks;
}

bool kuni_past_place(const kuni_ledger *ledger, const json_t *record, size_t *node, size_t *task)
{
    return kuni_past_find(ledger, text_of(record, "n"), text_of(record, "s"), text_of(record, "b"),
                          node, task);
}

static bool parse_key(const char *hex, uint64_t *key)
{
    kuni_hash whole;
    if (!hex) return false;
    if (kuni_hash_parse(&whole, hex)) {
        *key = kuni_hash_short(&whole);
        return true;
    }
    return kuni_hash_parse_short(key, hex);
}

bool kuni_past_key(const json_t *record, uint64_t *key)
{
    return parse_key(text_of(record, "k"), key);
}

/* --- first pass --- */

static void remember(kuni_node_history *history, const kuni_journal_task *told)
{
    /* parts that shared a decode share its time */
    double share = told->parts > 1 ? 1.0 / (double)told->parts : 1;
    if (!told->measured) return; /* made from a seal, and counted before */
    history->tasks++;
    history->cpu_s += share * told->cpu_s;
    history->wall_s += share * told->wall_s;
    if (told->rss_bytes > history->max_rss_bytes) history->max_rss_bytes = told->rss_bytes;
    history->bytes += told->bytes;
}

/* What records told that a compaction has left out. */
static void remember_sum(kuni_past *past, json_t *record)
{
    const char *folder = text_of(record, "n");
    int64_t node = folder ? kuni_names_find(&past->ledger->node_names, folder) : -1;
    if (node < 0) return;
    kuni_node_history *history = &past->history[node];
    int64_t rss = json_integer_value(json_object_get(record, "rss"));
    history->tasks += json_integer_value(json_object_get(record, "tasks"));
    history->bytes += json_integer_value(json_object_get(record, "bytes"));
    history->cpu_s += json_number_value(json_object_get(record, "cpu"));
    history->wall_s += json_number_value(json_object_get(record, "wall"));
    if (rss > history->max_rss_bytes) history->max_rss_bytes = rss;
}

/* "sealed" and "unsealed", the last of which counts. */
static void promise(kuni_past *past, json_t *record, bool sealed)
{
    const kuni_ledger *ledger = past->ledger;
    const char *folder = text_of(record, "n"), *batch = text_of(record, "b");
    int64_t n = folder ? kuni_names_find(&ledger->node_names, folder) : -1;
    int64_t b = batch ? kuni_names_find(&ledger->batch_names, batch) : -1;
    past->has_reads = true;
    past->foreign_records += n < 0;
    if (n >= 0 && b >= 0)
        ledger->promised[(size_t)n * ledger->run->plan.n_batches + (size_t)b] = sealed;
}

static kuni_status keep_task(void *context, const kuni_journal_task *told, int64_t offset,
                             kuni_error *err)
{
    kuni_past *past = context;
    size_t node, task;
    past->records++;
    past->has_reads = past->has_reads || (told->shard && told->batch);
    if (told->node && kuni_names_find(&past->ledger->node_names, told->node) < 0)
        past->foreign_records++;
    if (!told->key ||
        !kuni_past_find(past->ledger, told->node, told->shard, told->batch, &node, &task))
        return KUNI_OK;
    remember(&past->history[node], told);
    if (kuni_ledger_seals(&past->ledger->run->plan.nodes[node])) {
        past->reads_records++;
        return KUNI_OK;
    }
    kuni_stored stored = {
        .node = node, .task = task, .order = (size_t)offset, .of = kuni_made_of_parse(told->made)};
    size_t n = past->ledger->run->plan.nodes[node].n_outputs;
    if (!kuni_hash_parse(&stored.key, told->key) || !told->outputs_good || told->n_outputs != n)
        return KUNI_OK;
    kuni_status status = kuni_grow((void **)&past->stored, &past->stored_capacity,
                                   past->n_stored + 1, sizeof(kuni_stored), err);
    if (status) return status;
    stored.outputs = kuni_alloc(n + 1, sizeof(kuni_stored_output), err);
    if (!stored.outputs) return KUNI_MEMORY;
    memcpy(stored.outputs, told->outputs, n * sizeof(kuni_stored_output));
    past->stored[past->n_stored++] = stored;
    return KUNI_OK;
}

static void forget_bad(kuni_past *past)
{
    for (size_t i = 0; i < past->n_bad; i++) {
        free(past->bad[i].why);
        free(past->bad[i].where);
    }
    past->n_bad = 0;
}

static kuni_status keep_bad(kuni_past *past, json_t *record, kuni_error *err)
{
    const char *id = text_of(record, "id"), *why = text_of(record, "why"),
               *node = text_of(record, "n"), *shard = text_of(record, "s");
    int64_t sample = id ? kuni_names_find(&past->ledger->sample_names, id) : -1;
    if (sample < 0) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&past->bad, &past->bad_capacity, past->n_bad + 1,
                                   sizeof(kuni_stored_bad), err);
    if (status) return status;
    char where[1024];
    snprintf(where, sizeof(where), "%s%s%s", node ? node : "", shard ? " " : "",
             shard ? shard : "");
    kuni_stored_bad bad = {
        .sample = (uint32_t)sample,
        .signature = {.bytes = json_integer_value(json_object_get(record, "z")),
                      .mtime_ns = json_integer_value(json_object_get(record, "m"))},
        .why = kuni_strdup(why ? why : "", err),
        .where = kuni_strdup(where, err)};
    if (!bad.why || !bad.where) {
        free(bad.why);
        free(bad.where);
        return KUNI_MEMORY;
    }
    past->bad[past->n_bad++] = bad;
    return KUNI_OK;
}

static kuni_status keep_signatures(kuni_past *past, json_t *record)
{
    const char *name = text_of(record, "b");
    int64_t b = name ? kuni_names_find(&past->ledger->batch_names, name) : -1;
    if (b < 0) return KUNI_OK;
    const kuni_batch *batch = &past->ledger->run->cohort.batches[b];
    json_t *list = json_object_get(record, "v");
    if (json_array_size(list) != batch->n_samples) return KUNI_OK;
    /* Before contents were told, the digest was of path and time, too: it holds while these do. */
    bool contents = json_is_true(json_object_get(record, "contents"));
    kuni_samples *samples = &past->ledger->samples;
    for (size_t i = 0; i < batch->n_samples; i++) {
        json_t *entry = json_array_get(list, i);
        size_t at = batch->first + i;
        samples->signatures[at] =
            (kuni_signature){.bytes = json_integer_value(json_array_get(entry, 0)),
                             .mtime_ns = json_integer_value(json_array_get(entry, 1))};
        const char *digest = json_string_value(json_array_get(entry, 2));
        const char *content = json_string_value(json_array_get(entry, 3));
        if (!digest || !kuni_hash_parse(&samples->digests[at], digest))
            samples->digests[at] = (kuni_hash){{0}};
        if (!content || !kuni_hash_parse(&samples->contents[at], content))
            samples->contents[at] = (kuni_hash){{0}};
        samples->old_digests[at] = !contents;
    }
    return KUNI_OK;
}

static kuni_status keep_file(kuni_past *past, json_t *record, kuni_error *err)
{
    const char *path = text_of(record, "p"), *digest = text_of(record, "d");
    kuni_hash check;
    if (!path || !digest || !kuni_hash_parse(&check, digest)) return KUNI_OK;
    return kuni_known_files_add(&past->known_files, path,
                                json_integer_value(json_object_get(record, "z")),
                                json_integer_value(json_object_get(record, "m")), digest, err);
}

static kuni_status keep_step(kuni_past *past, json_t *record, kuni_error *err)
{
    const char *folder = text_of(record, "n");
    uint64_t digest;
    int64_t node = folder ? kuni_names_find(&past->ledger->node_names, folder) : -1;
    const char *hex = text_of(record, "d");
    past->foreign_records += node < 0;
    if (node < 0 || !hex || !kuni_hash_parse_short(&digest, hex)) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&past->steps, &past->steps_capacity, past->n_steps + 1,
                                   sizeof(kuni_stored_step), err);
    if (status) return status;
    past->steps[past->n_steps++] = (kuni_stored_step){
        .node = (size_t)node, .record = json_incref(record), .settings = (uint32_t)(digest >> 32)};
    return KUNI_OK;
}

static kuni_status visit_first(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    kuni_past *past = context;
    const char *type = text_of(record, "t");
    (void)offset;
    past->records++;
    if (!type) return KUNI_OK;
    if (strcmp(type, "bad") == 0) return keep_bad(past, record, err);
    if (strcmp(type, "signs") == 0) return keep_signatures(past, record);
    if (strcmp(type, "file") == 0) return keep_file(past, record, err);
    if (strcmp(type, "forget") == 0) forget_bad(past);
    if (strcmp(type, "step") == 0) return keep_step(past, record, err);
    if (strcmp(type, "sum") == 0) remember_sum(past, record);
    if (strcmp(type, "sealed") == 0) promise(past, record, true);
    if (strcmp(type, "unsealed") == 0) promise(past, record, false);
    return KUNI_OK;
}

static int by_task_and_key(const void *a, const void *b)
{
    const kuni_stored *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    if (x->task != y->task) return x->task < y->task ? -1 : 1;
    int order = memcmp(&x->key, &y->key, sizeof(kuni_hash));
    if (order) return order;
    return x->order > y->order ? -1 : x->order < y->order; /* the youngest first */
}

kuni_status kuni_past_read(kuni_past *past, kuni_ledger *ledger, const char *journal_path,
                           kuni_error *err)
{
    *past = (kuni_past){.ledger = ledger};
    past->history = kuni_alloc(ledger->run->plan.n_nodes, sizeof(kuni_node_history), err);
    past->why = kuni_alloc(ledger->run->plan.n_nodes, sizeof(uint8_t *), err);
    past->why_settings = kuni_alloc(ledger->run->plan.n_nodes, sizeof(uint32_t), err);
    if (!past->history || !past->why || !past->why_settings) return KUNI_MEMORY;
    int64_t whole;
    const kuni_journal_reader reader = {.task = keep_task, .record = visit_first, .context = past};
    kuni_status status =
        kuni_journal_read(journal_path, &reader, &past->damaged_lines, &whole, err);
    if (status) return status;
    if (past->n_stored) qsort(past->stored, past->n_stored, sizeof(kuni_stored), by_task_and_key);
    return KUNI_OK;
}

/* The first of a task's records, or n_stored. */
static size_t first_of_task(const kuni_past *past, size_t node, size_t task)
{
    size_t low = 0, high = past->n_stored;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const kuni_stored *at = &past->stored[middle];
        if (at->node < node || (at->node == node && at->task < task))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kuni_past_add_digests(const kuni_past *past, kuni_work *work)
{
    const kuni_plan *plan = &past->ledger->run->plan;
    for (size_t i = 0; i < work->n_files; i++) {
        kuni_work_file *file = &work->files[i];
        const kuni_node *node = &plan->nodes[file->node];
        /* Files that all ranks wrote have a digest of slices; nothing takes them in again. */
        if (kuni_ledger_seals(node) || node->scatter == KUNI_SCATTER_RANKS) continue;
        size_t task = kuni_plan_task(plan, node, file->shard, file->batch);
        for (size_t k = first_of_task(past, file->node, task); k < past->n_stored; k++) {
            const kuni_stored *stored = &past->stored[k];
            if (stored->node != file->node || stored->task != task) break;
            /* What this run made anew need not be what the same key gave then. */
            if (!stored->reused || kuni_hash_short(&stored->key) != file->key) continue;
            if (stored->outputs[file->output].bytes >= 0)
                file->digest = stored->outputs[file->output].digest;
            break;
        }
    }
}

kuni_status kuni_past_reuse(kuni_past *past, size_t node, size_t task, const kuni_hash *key,
                            bool *reused, kuni_error *err)
{
    *reused = false;
    if (past->forced && past->forced[node]) return KUNI_OK;
    size_t low = 0, high = past->n_stored;
    kuni_stored wanted = {.node = node, .task = task, .key = *key, .order = SIZE_MAX};
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_task_and_key(&past->stored[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const kuni_node *n = &past->ledger->run->plan.nodes[node];
    int64_t shard, batch;
    kuni_plan_place(&past->ledger->run->plan, n, task, &shard, &batch);
    for (; low < past->n_stored; low++) {
        kuni_stored *stored = &past->stored[low];
        if (stored->node != node || stored->task != task || !kuni_hash_equal(&stored->key, key))
            break;
        /*
         * Faults may have been mended by other means than changing the file, an index put beside
         * it.
         */
        bool intact = node != KUNI_PLAN_PREFLIGHT || stored->outputs[0].bytes == 0;
        for (size_t o = 0; o < n->n_outputs && intact; o++) {
            if (stored->outputs[o].bytes < 0) continue;
            kuni_arena_clear(past->ledger->arena);
            const char *path = kuni_run_output(past->ledger->run, past->ledger->arena, node, o,
                                               shard, batch, kuni_hash_short(key), err);
            if (!path) return KUNI_MEMORY;
            intact = output_is_intact(path, &stored->outputs[o], n->scatter == KUNI_SCATTER_RANKS);
        }
        if (!intact) continue;
        *reused = stored->reused = true;
        return mark_done(past->ledger, node, task, key, stored->outputs, err);
    }
    return KUNI_OK;
}

const kuni_made_of *kuni_past_last(const kuni_past *past, size_t node, size_t task)
{
    const kuni_stored *last = NULL;
    for (size_t i = first_of_task(past, node, task); i < past->n_stored; i++) {
        const kuni_stored *stored = &past->stored[i];
        if (stored->node != node || stored->task != task) break;
        if (!last || stored->order > last->order) last = stored;
    }
    return last ? &last->of : NULL;
}

kuni_rerun kuni_past_reason(const kuni_past *past, size_t node, size_t task, const kuni_hash *key,
                            const kuni_made_of *now)
{
    if (past->forced && past->forced[node]) return (kuni_rerun){.bits = KUNI_RERUN_FORCED};
    if (kuni_ledger_seals(&past->ledger->run->plan.nodes[node])) {
        uint32_t bits = past->why[node] ? past->why[node][task] : 0;
        return (kuni_rerun){.bits = bits ? bits : KUNI_RERUN_NEW,
                            .settings = past->why_settings[node]};
    }
    for (size_t i = first_of_task(past, node, task); i < past->n_stored; i++) {
        const kuni_stored *stored = &past->stored[i];
        if (stored->node != node || stored->task != task) break;
        if (kuni_hash_equal(&stored->key, key)) return (kuni_rerun){.bits = KUNI_RERUN_FILES};
    }
    const kuni_made_of *then = kuni_past_last(past, node, task);
    return then ? kuni_made_of_compare(then, now) : (kuni_rerun){.bits = KUNI_RERUN_NEW};
}

kuni_status kuni_past_look(kuni_past *past, size_t node, kuni_error *err)
{
    kuni_ledger *ledger = past->ledger;
    kuni_status status = KUNI_OK;
    for (size_t task = 0; task < ledger->run->plan.nodes[node].n_tasks && !status; task++) {
        kuni_hash key;
        bool reused;
        if (kuni_task_table_state(&ledger->table, node, task) != KUNI_TASK_PENDING ||
            !kuni_task_table_ready(&ledger->table, node, task))
            continue;
        status = kuni_ledger_key(ledger, node, task, &key, err);
        if (!status) status = kuni_past_reuse(past, node, task, &key, &reused, err);
    }
    return status;
}

kuni_status kuni_past_apply_bad(const kuni_past *past, kuni_error *err)
{
    kuni_samples *samples = &past->ledger->samples;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < past->n_bad && !status; i++) {
        const kuni_stored_bad *bad = &past->bad[i];
        const kuni_signature *now = &samples->signatures[bad->sample];
        if (now->bytes != bad->signature.bytes || now->mtime_ns != bad->signature.mtime_ns)
            continue;
        /* What is in sealed files was good; of a recall that found otherwise nothing came. */
        const kuni_person *person = &past->ledger->run->cohort.people[bad->sample];
        if (person->bytes >= 0 && person->state == KUNI_PERSON_IN) continue;
        status = kuni_samples_quarantine(samples, bad->sample, KUNI_VERDICT_LASTS, bad->where,
                                         bad->why, err);
    }
    return status;
}

void kuni_past_fini(kuni_past *past)
{
    for (size_t i = 0; i < past->n_stored; i++) free(past->stored[i].outputs);
    forget_bad(past);
    for (size_t i = 0; i < past->n_steps; i++) json_decref(past->steps[i].record);
    for (size_t i = 0; past->why && i < past->ledger->run->plan.n_nodes; i++) free(past->why[i]);
    free(past->why);
    free(past->why_settings);
    free(past->steps);
    free(past->stored);
    free(past->bad);
    free(past->history);
    kuni_known_files_fini(&past->known_files);
    *past = (kuni_past){.ledger = NULL};
}

/* --- second pass: reads tasks, checked in groups, so that waits for files overlap --- */

enum { GROUP = 1024 };

typedef struct candidate {
    size_t node, task;
    kuni_hash key;
    kuni_stored_output outputs[KUNI_PLAN_OUTPUTS_MAX];
    const char *paths[KUNI_PLAN_OUTPUTS_MAX]; /* NULL: not written */
    bool intact;
} candidate;

typedef struct second_pass {
    kuni_past *past;
    kuni_past_pause *pause;
    void *pause_context;
    candidate *group;
    size_t n;
    kuni_arena *arena;
} second_pass;

static void check_candidate(void *context, size_t i)
{
    second_pass *pass = context;
    candidate *it = &pass->group[i];
    it->intact = true;
    for (size_t o = 0; o < KUNI_PLAN_OUTPUTS_MAX && it->intact; o++)
        if (it->paths[o]) it->intact = output_is_intact(it->paths[o], &it->outputs[o], false);
}

/* Why a task of a sealing step does not hold, as far as is known: the last record tells. */
static kuni_status note_why(kuni_past *past, size_t node, size_t task, const kuni_rerun *why,
                            kuni_error *err)
{
    if (!past->why[node])
        past->why[node] = kuni_alloc(past->ledger->run->plan.nodes[node].n_tasks, 1, err);
    if (!past->why[node]) return KUNI_MEMORY;
    past->why[node][task] = (uint8_t)why->bits;
    if (why->bits & KUNI_RERUN_SETTINGS) past->why_settings[node] = why->settings;
    return KUNI_OK;
}

static kuni_status settle_group(second_pass *pass, kuni_error *err)
{
    kuni_past *past = pass->past;
    kuni_parallel(pass->n, check_candidate, pass);
    for (size_t i = 0; i < pass->n; i++) {
        const candidate *it = &pass->group[i];
        /* a task may stand in the journal twice */
        if (kuni_task_table_state(&past->ledger->table, it->node, it->task) != KUNI_TASK_PENDING)
            continue;
        const kuni_rerun gone = {.bits = KUNI_RERUN_FILES};
        kuni_status status =
            it->intact ? mark_done(past->ledger, it->node, it->task, &it->key, it->outputs, err)
                       : note_why(past, it->node, it->task, &gone, err);
        if (status) return status;
    }
    pass->n = 0;
    kuni_arena_clear(pass->arena);
    return pass->pause ? pass->pause(pass->pause_context, err) : KUNI_OK;
}

typedef struct span {
    size_t first, n; /* samples */
} span;

/*
 * Takes the listed samples, which are the batch's, off the digest of some of them; false where one
 * of these is not quarantined any more.
 */
static bool take_out(const kuni_ledger *ledger, size_t node, const json_t *list, span of,
                     kuni_hash *digest)
{
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)list, i, entry)
    {
        const char *id = json_string_value(entry);
        int64_t sample = id ? kuni_names_find(&ledger->sample_names, id) : -1;
        if (sample < 0) return false;
        if ((size_t)sample < of.first || (size_t)sample >= of.first + of.n) continue;
        if (!ledger->samples.skip[sample]) return false;
        kuni_hash one;
        kuni_ledger_sample_digest(ledger, node, (size_t)sample, &one);
        if (digest) kuni_hash_subtract(digest, &one);
    }
    return true;
}

/* The key that a record tells, which may be the short one, is the task's with this digest of samples. */
static kuni_status is_key(const kuni_past *past, size_t node, size_t task, const kuni_hash *digest,
                          const char *told, kuni_hash *key, bool *same, kuni_error *err)
{
    kuni_hash inputs, said;
    uint64_t brief;
    kuni_status status = kuni_task_table_inputs(&past->ledger->table, node, task, &inputs, err);
    if (!status)
        status = kuni_keys_task(&past->ledger->keys, node, task, digest, &inputs, key, err);
    *same = kuni_hash_parse(&said, told)
                ? kuni_hash_equal(key, &said)
                : kuni_hash_parse_short(&brief, told) && brief == kuni_hash_short(key);
    return status;
}

/* A record of the task under another key. */
static kuni_status note_other(kuni_past *past, const kuni_journal_task *told, size_t node,
                              size_t task, const kuni_hash *digest, kuni_error *err)
{
    kuni_made_of then = kuni_made_of_parse(told->made);
    const kuni_made_of now = {
        .settings = (uint32_t)(kuni_hash_short(&past->ledger->keys.nodes[node]) >> 32),
        .samples = digest ? (uint32_t)(kuni_hash_short(digest) >> 32) : ~then.samples};
    kuni_rerun why = kuni_made_of_compare(&then, &now);
    if (!why.bits) why.bits = KUNI_RERUN_UNKNOWN;
    return note_why(past, node, task, &why, err);
}

/*
 * A reads task made without some samples of its batch ("skip": quarantined before it, "drop":
 * during it) still holds while all of these are quarantined, though others have joined them since:
 * joint steps look at columns. Of those whose record was made from a seal only "without" is told, of
 * all tasks of the batch: each may have been skipped or dropped.
 */
static kuni_status visit_second(void *context, const kuni_journal_task *told, int64_t offset,
                                kuni_error *err)
{
    (void)offset;
    second_pass *pass = context;
    kuni_past *past = pass->past;
    size_t node, task;
    uint64_t brief;
    kuni_hash key, digest, all;
    if (!parse_key(told->key, &brief) ||
        !kuni_past_find(past->ledger, told->node, told->shard, told->batch, &node, &task))
        return KUNI_OK;
    const kuni_node *n = &past->ledger->run->plan.nodes[node];
    if (!kuni_ledger_seals(n) ||
        kuni_task_table_state(&past->ledger->table, node, task) != KUNI_TASK_PENDING)
        return KUNI_OK;
    int64_t shard, batch;
    kuni_plan_place(&past->ledger->run->plan, n, task, &shard, &batch);
    kuni_ledger_samples_digest(past->ledger, node, task, true, &all);
    digest = all;
    span of = {.first = 0};
    kuni_plan_run(n, &past->ledger->run->cohort.batches[batch], shard, &of.first, &of.n);
    if (!take_out(past->ledger, node, told->skip, of, &digest) ||
        !take_out(past->ledger, node, told->without, of, &digest) ||
        !take_out(past->ledger, node, told->drop, of, NULL))
        return note_other(past, told, node, task, NULL, err);
    bool same;
    kuni_status status = is_key(past, node, task, &digest, told->key, &key, &same, err);
    if (!status && !same && told->without)
        status = is_key(past, node, task, &all, told->key, &key, &same, err);
    if (status) return status;
    if (!same) return note_other(past, told, node, task, &digest, err);
    candidate *it = &pass->group[pass->n];
    *it = (candidate){.node = node, .task = task, .key = key};
    if (!told->outputs_good || told->n_outputs != n->n_outputs) return KUNI_OK;
    memcpy(it->outputs, told->outputs, n->n_outputs * sizeof(it->outputs[0]));
    for (size_t o = 0; o < n->n_outputs; o++) {
        if (it->outputs[o].bytes < 0) continue;
        it->paths[o] = kuni_run_output(past->ledger->run, pass->arena, node, o, shard, batch,
                                       kuni_hash_short(&key), err);
        if (!it->paths[o]) return KUNI_MEMORY;
    }
    return ++pass->n == GROUP ? settle_group(pass, err) : KUNI_OK;
}

kuni_status kuni_past_read_tasks(kuni_past *past, const char *journal_path, kuni_past_pause *pause,
                                 void *context, kuni_error *err)
{
    int64_t damaged, whole;
    if (past->reads_records == 0) return KUNI_OK;
    second_pass pass = {.past = past,
                        .pause = pause,
                        .pause_context = context,
                        .group = kuni_alloc(GROUP, sizeof(candidate), err)};
    pass.arena = kuni_arena_new(err);
    kuni_status status = pass.group && pass.arena ? KUNI_OK : KUNI_MEMORY;
    const kuni_journal_reader reader = {.task = visit_second, .context = &pass};
    if (!status) status = kuni_journal_read(journal_path, &reader, &damaged, &whole, err);
    if (!status) status = settle_group(&pass, err);
    free(pass.group);
    kuni_arena_free(pass.arena);
    return status;
}
