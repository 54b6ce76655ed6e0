/* SPDX-License-Identifier: MIT */
/* What follows from the end of a piece of work. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "journal.h"
#include "outcome.h"
#include "scan.h"

void kuni_orders_fini(kuni_orders *o)
{
    for (size_t i = 0; i < o->n; i++) kuni_work_fini(&o->list[i].work);
    for (size_t i = 0; i < o->n_failures; i++) free(o->failures[i].text);
    free(o->list);
    free(o->troubles);
    free(o->failures);
    *o = (kuni_orders){.ledger = NULL};
}

void kuni_orders_phase(kuni_orders *o, int phase)
{
    o->phase = phase;
    o->n_troubles = 0;
}

kuni_status kuni_orders_add(kuni_orders *o, int lane, const kuni_work *work, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&o->list, &o->capacity, o->n + 1, sizeof(kuni_order), err);
    if (status) return status;
    o->list[o->n++] = (kuni_order){.work = *work, .lane = lane, .began_ms = kuni_now_ms()};
    o->lanes->list[lane].outstanding++;
    return KUNI_OK;
}

bool kuni_orders_retry_waits(const kuni_orders *o)
{
    for (size_t i = 0; i < o->n_troubles; i++)
        if (o->troubles[i].waiting) return true;
    return false;
}

static kuni_trouble *find_trouble(kuni_orders *o, const kuni_work *work, kuni_error *err)
{
    size_t node = work->parts[0].node;
    for (size_t i = 0; i < o->n_troubles; i++) {
        kuni_trouble *t = &o->troubles[i];
        if (t->shard == work->shard && t->batch == work->batch &&
            (t->node == node || kuni_plan_fused(&o->ledger->run->plan.nodes[t->node],
                                                &o->ledger->run->plan.nodes[node])))
            return t;
    }
    if (kuni_grow((void **)&o->troubles, &o->troubles_capacity, o->n_troubles + 1,
                  sizeof(kuni_trouble), err))
        return NULL;
    kuni_trouble *t = &o->troubles[o->n_troubles++];
    *t = (kuni_trouble){.node = node, .shard = work->shard, .batch = work->batch, .lane = -1};
    return t;
}

/* The unit's first node: a retry looks at all parts of the group from there on. */
static size_t unit_head(const kuni_orders *o, size_t node)
{
    for (size_t i = 0; i < node; i++)
        if (kuni_plan_fused(&o->ledger->run->plan.nodes[i], &o->ledger->run->plan.nodes[node]))
            return i;
    return node;
}

enum { PAUSE_MOST_MS = 60000, PAUSE_GROWTH = 4, ALIKE_MOST = 20 };

static int64_t pause_before(const kuni_orders *o, int64_t attempt)
{
    int64_t pause = o->pause_ms;
    while (--attempt > 0 && pause < PAUSE_MOST_MS) pause *= PAUSE_GROWTH;
    return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

static kuni_status try_again(kuni_orders *o, const kuni_order *order, bool counts, kuni_error *err)
{
    kuni_trouble *t = find_trouble(o, &order->work, err);
    if (!t) return KUNI_MEMORY;
    t->node = unit_head(o, t->node);
    t->attempts = counts ? t->attempts + 1 : 0;
    t->lane = order->lane;
    t->waiting = true;
    t->not_before_ms = counts ? kuni_now_ms() + pause_before(o, t->attempts) : 0;
    return KUNI_OK;
}

/* --- quarantine --- */

/* The reason without a leading "sample ID: " or "ID: ", which the caller says itself. */
static const char *without_id(const char *reason, const char *id)
{
    const char *rest = reason;
    if (strncmp(rest, "sample ", 7) == 0) rest += 7;
    size_t length = strlen(id);
    if (strncmp(rest, id, length) != 0 || strncmp(rest + length, ": ", 2) != 0) return reason;
    return rest + length + 2;
}

/* Columns are fixed by then, and files made with them: the next run starts without this sample. */
static kuni_status leave_joint_steps(const kuni_orders *o, const char *id, kuni_error *err)
{
    if (o->phase < KUNI_PHASE_JUDGE) return KUNI_OK;
    return kuni_fail(err, KUNI_AGAIN,
                     "sample %s was quarantined after the joint steps began: run the same command "
                     "to go on without it",
                     id);
}

/* Damaged data are the sample's own; all else may be of the machine, the network or the stage. */
static kuni_verdict verdict_of(kuni_status status)
{
    return status == KUNI_DATA ? KUNI_VERDICT_LASTS : KUNI_VERDICT_THIS_RUN;
}

static const char *shard_of(const kuni_orders *o, const kuni_work *work, size_t node,
                            char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    const kuni_plan *plan = &o->ledger->run->plan;
    return kuni_plan_shard_name(plan, &plan->nodes[node], work->shard, room);
}

static kuni_status quarantine(kuni_orders *o, const kuni_work *work, int64_t sample,
                              kuni_verdict verdict, const char *reason, kuni_error *err)
{
    const kuni_sample *s = &o->ledger->run->cohort.samples[sample];
    if (o->ledger->samples.skip[sample]) return KUNI_OK;
    reason = without_id(reason, s->id);
    if (!o->ledger->run->workflow.quarantine)
        return kuni_fail(err, KUNI_DATA, "sample %s: %s (on_error.sample is abort)", s->id, reason);
    char where[512], room[KUNI_PLAN_RUN_NAME_BYTES];
    size_t node = work->parts[0].node;
    kuni_run_task_name(o->ledger->run, node, work->shard, -1, where, sizeof(where));
    kuni_status status =
        kuni_samples_quarantine(&o->ledger->samples, (size_t)sample, verdict, where, reason, err);
    if (status) return status;
    reason = o->ledger->samples.list[o->ledger->samples.n_quarantined - 1].reason;
    if (verdict == KUNI_VERDICT_THIS_RUN) {
        kuni_progress_say(o->progress, "left out sample %s of this run: %s", s->id, reason);
        /* Not all of these have come to grief at once by themselves. */
        if (++o->left_out_in_row >= ALIKE_MOST)
            return kuni_fail(
                err, KUNI_IO,
                "%zu samples in a row could not be read or crashed the stage, the "
                "last is %s: %s: is the file system there? Nothing was published: mend "
                "what is wrong and run the same command again",
                o->left_out_in_row, s->id, reason);
        return leave_joint_steps(o, s->id, err);
    }
    json_t *record = json_pack("{ss ss sI sI ss ss}", "t", "bad", "id", s->id, "z",
                               (json_int_t)o->ledger->samples.signatures[sample].bytes, "m",
                               (json_int_t)o->ledger->samples.signatures[sample].mtime_ns, "why",
                               reason, "n", o->ledger->run->plan.nodes[node].folder);
    if (record && work->shard >= 0)
        json_object_set_new(record, "s", json_string(shard_of(o, work, node, room)));
    status = kuni_journal_add(o->journal, record, err);
    kuni_progress_say(o->progress, "quarantined sample %s: %s", s->id, reason);
    return status ? status : leave_joint_steps(o, s->id, err);
}

/* --- success --- */

static json_t *sample_list(const kuni_orders *o, const uint32_t *samples, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(o->ledger->run->cohort.samples[samples[i]].id));
    return list;
}

/* Why, of what, where and when: for people. */
static void set_trace(json_t *record, const kuni_order *order, int ranks,
                      const kuni_work_part *part, const kuni_job_result *result)
{
    char of[KUNI_MADE_OF_BYTES], why[KUNI_RERUN_BYTES];
    kuni_made_of_print(&part->of, of);
    kuni_rerun_print(&part->why, why);
    json_object_set_new(record, "m", json_string(of));
    json_object_set_new(record, "why", json_string(why));
    if (result->host[0]) json_object_set_new(record, "host", json_string(result->host));
    if (ranks > 1) json_object_set_new(record, "rank", json_integer(order->lane + 1));
    if (order->work.attempt)
        json_object_set_new(record, "try", json_integer((json_int_t)order->work.attempt + 1));
    json_object_set_new(record, "at", json_integer((json_int_t)time(NULL)));
}

static void set_place(json_t *record, const kuni_run *run, const kuni_work *work)
{
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *shard =
        kuni_plan_shard_name(&run->plan, &run->plan.nodes[work->parts[0].node], work->shard, room);
    if (shard) json_object_set_new(record, "s", json_string(shard));
    if (work->batch >= 0)
        json_object_set_new(record, "b", json_string(run->cohort.batches[work->batch].id));
}

static void set_amounts(json_t *record, const kuni_job_result *result)
{
    json_object_set_new(record, "cpu", json_real((double)(int64_t)(result->cpu_s * 1000) / 1000));
    json_object_set_new(record, "wall", json_real((double)(int64_t)(result->wall_s * 1000) / 1000));
    json_object_set_new(record, "rss", json_integer(result->max_rss_bytes));
    if (result->read_bytes) json_object_set_new(record, "rd", json_integer(result->read_bytes));
    if (result->written_bytes)
        json_object_set_new(record, "wr", json_integer(result->written_bytes));
}

static json_t *task_record(const kuni_orders *o, const kuni_order *order, size_t part,
                           const kuni_job_result *result)
{
    const kuni_work *work = &order->work;
    const kuni_node *node = &o->ledger->run->plan.nodes[work->parts[part].node];
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash_print(&work->parts[part].key, hex);
    json_t *record = json_pack("{ss ss ss}", "t", "task", "n", node->folder, "k", hex);
    json_t *outputs = json_array();
    if (!record || !outputs) {
        json_decref(record);
        json_decref(outputs);
        return NULL;
    }
    set_place(record, o->ledger->run, work);
    for (size_t i = 0; i < result->n_outputs; i++) {
        const kuni_job_output *out = &result->outputs[i];
        if (out->part != part) continue;
        json_array_append_new(outputs, out->present
                                           ? json_pack("[IIs]", (json_int_t)out->bytes,
                                                       (json_int_t)out->mtime_ns, out->digest)
                                           : json_null());
    }
    json_object_set_new(record, "o", outputs);
    if (kuni_node_of_reads(node) && work->n_skip)
        json_object_set_new(record, "skip", sample_list(o, work->skip, work->n_skip));
    json_t *drop = json_array();
    for (size_t i = 0; i < result->n_bad; i++)
        json_array_append_new(
            drop, json_string(o->ledger->run->cohort.samples[result->bad[i].sample].id));
    if (json_array_size(drop))
        json_object_set_new(record, "drop", drop);
    else
        json_decref(drop);
    if (work->n_parts > 1)
        json_object_set_new(record, "of", json_integer((json_int_t)work->n_parts));
    set_amounts(record, result);
    json_object_set_new(record, "work", json_integer(result->work));
    set_trace(record, order, o->ledger->run->size, &work->parts[part], result);
    return record;
}

static kuni_status record_part(kuni_orders *o, const kuni_order *order, size_t part,
                               const kuni_job_result *result, kuni_error *err)
{
    const kuni_work *work = &order->work;
    size_t node = work->parts[part].node;
    const kuni_node *n = &o->ledger->run->plan.nodes[node];
    kuni_stored_output outputs[KUNI_PLAN_OUTPUTS_MAX];
    for (size_t i = 0; i < n->n_outputs; i++) outputs[i] = (kuni_stored_output){.bytes = -1};
    for (size_t i = 0; i < result->n_outputs; i++) {
        const kuni_job_output *out = &result->outputs[i];
        if (out->part != part || out->output >= n->n_outputs || !out->present) continue;
        kuni_stored_output *stored = &outputs[out->output];
        stored->bytes = (int64_t)out->bytes;
        stored->mtime_ns = out->mtime_ns;
        if (!kuni_hash_parse(&stored->digest, out->digest))
            return kuni_fail(err, KUNI_BUG, "a rank sent a result without a digest");
    }
    kuni_status status = kuni_journal_add(o->journal, task_record(o, order, part, result), err);
    size_t task = kuni_plan_task(&o->ledger->run->plan, n, work->shard, work->batch);
    return status ? status
                  : kuni_ledger_done(o->ledger, node, task, &work->parts[part].key, outputs, err);
}

static kuni_status succeed(kuni_orders *o, const kuni_order *order, const kuni_job_result *result,
                           kuni_error *err)
{
    const kuni_work *work = &order->work;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < result->n_bad && !status; i++)
        status = quarantine(o, work, result->bad[i].sample, verdict_of(result->bad[i].status),
                            result->bad[i].reason, err);
    for (size_t i = 0; i < work->n_parts && !status; i++)
        status = record_part(o, order, i, result, err);
    o->failures_in_row = 0;
    if (!result->n_bad) o->left_out_in_row = 0;
    return status;
}

/* --- failure --- */

/*
 * Ended by SIGKILL from outside: the machine ran out of memory, which is no sample's fault and no
 * bug of the stage. The run's own time limit kills by SIGKILL too, and says so.
 */
static bool was_killed(const kuni_job_result *result)
{
    return result->crashed && result->signal == SIGKILL && !result->timed_out;
}

static kuni_status note_failure(kuni_orders *o, const kuni_order *order, size_t part,
                                const char *what, const kuni_job_result *result, kuni_error *err)
{
    char text[KUNI_ERROR_TEXT_BYTES];
    const kuni_run *run = o->ledger->run;
    const kuni_work_part *p = &order->work.parts[part];
    (void)snprintf(text, sizeof(text), "%s", what);
    json_t *told = json_string(text);
    if (!told) { /* what a command printed need not be UTF-8 */
        for (char *c = text; *c; c++)
            if ((unsigned char)*c >= 0x80) *c = '?';
        told = json_string(text);
    }
    json_t *record =
        json_pack("{ss ss so}", "t", "failed", "n", run->plan.nodes[p->node].folder, "what", told);
    if (!record) return kuni_fail_memory(err, 1, 1);
    set_place(record, run, &order->work);
    set_amounts(record, result);
    set_trace(record, order, run->size, p, result);
    return kuni_journal_add(o->journal, record, err);
}

static kuni_status fail_part(kuni_orders *o, const kuni_order *order, size_t part,
                             const kuni_job_result *result, kuni_error *err)
{
    const kuni_work *work = &order->work;
    size_t node = work->parts[part].node;
    const kuni_node *n = &o->ledger->run->plan.nodes[node];
    char name[512], text[KUNI_ERROR_TEXT_BYTES];
    kuni_run_task_name(o->ledger->run, node, work->shard, work->batch, name, sizeof(name));
    const char *what = result->text ? result->text : "failed";
    size_t id_length = strlen(n->id); /* a stage that names itself: the task's name does already */
    if (strncmp(what, "stage ", 6) == 0 && strncmp(what + 6, n->id, id_length) == 0 &&
        strncmp(what + 6 + id_length, ": ", 2) == 0)
        what += 6 + id_length + 2;
    snprintf(text, sizeof(text), "%s: %s", name, what);
    kuni_progress_say(o->progress, "failed: %s", text);
    kuni_task_table_set(&o->ledger->table, node,
                        kuni_plan_task(&o->ledger->run->plan, n, work->shard, work->batch),
                        KUNI_TASK_FAILED);
    kuni_status noted = note_failure(o, order, part, what, result, err);
    if (noted) return noted;
    if (n->phase == KUNI_PHASE_PREFLIGHT)
        return KUNI_OK; /* the reads pass will find out what the preflight could not */
    kuni_status status = kuni_grow((void **)&o->failures, &o->failures_capacity, o->n_failures + 1,
                                   sizeof(kuni_failure), err);
    char *copy = status ? NULL : kuni_strdup(text, err);
    if (!copy) return KUNI_MEMORY;
    o->failures[o->n_failures++] = (kuni_failure){.node = node,
                                                  .shard = work->shard,
                                                  .batch = work->batch,
                                                  .status = was_killed(result) ? KUNI_MEMORY
                                                            : result->crashed  ? KUNI_BUG
                                                                               : result->status,
                                                  .text = copy};
    /* A full disk or a lost file system fails everything: stop before every task has said so. */
    if (++o->failures_in_row >= 8 + 2 * o->lanes->n)
        return kuni_fail(err, o->failures[o->n_failures - 1].status,
                         "%zu tasks in a row have failed, the last: %s: stopping",
                         o->failures_in_row, text);
    return KUNI_OK;
}

static bool was_skipped(const kuni_work *work, int64_t sample)
{
    for (size_t i = 0; i < work->n_skip; i++)
        if (work->skip[i] == sample) return true;
    return false;
}

/* Every amount of memory that a step names is tried. */
static int64_t retries_of(const kuni_orders *o, const kuni_work *work)
{
    const kuni_run *run = o->ledger->run;
    int64_t more = (int64_t)run->plan.nodes[work->parts[0].node].step->n_memory - 1;
    return more > run->workflow.retries ? more : run->workflow.retries;
}

static kuni_status fail(kuni_orders *o, const kuni_order *order, const kuni_job_result *result,
                        kuni_error *err)
{
    const kuni_work *work = &order->work;
    const kuni_plan *plan = &o->ledger->run->plan;
    kuni_trouble *t = find_trouble(o, work, err);
    if (!t) return KUNI_MEMORY;
    if (result->status == KUNI_AGAIN)
        return try_again(o, order, false, err); /* killed, no fault of its own */
    /* Quarantined since this was handed out, because of another task: do it without. */
    if (result->sample >= 0 && o->ledger->samples.skip[result->sample] &&
        !was_skipped(work, result->sample))
        return try_again(o, order, false, err);
    if (t->attempts < retries_of(o, work)) return try_again(o, order, true, err);
    bool reads = plan->nodes[work->parts[0].node].scatter == KUNI_SCATTER_READS;
    if (reads && result->sample >= 0 && !o->ledger->samples.skip[result->sample] &&
        !was_killed(result)) {
        const char *reason = result->text ? result->text : "the stage crashed on it";
        kuni_verdict verdict = result->crashed ? KUNI_VERDICT_THIS_RUN : verdict_of(result->status);
        kuni_status status = quarantine(o, work, result->sample, verdict, reason, err);
        return status ? status : try_again(o, order, false, err);
    }
    size_t at_fault = result->part < work->n_parts ? result->part : 0;
    kuni_status status = fail_part(o, order, at_fault, result, err);
    /* The other parts of a shared decode are not to blame. */
    if (!status && work->n_parts > 1) status = try_again(o, order, false, err);
    return status;
}

static bool worth_another_try(const kuni_orders *o, const kuni_trouble *t,
                              const kuni_job_result *result)
{
    if (t->attempts >= o->ledger->run->workflow.retries) return false;
    for (size_t i = 0; i < result->n_bad; i++)
        if (result->bad[i].status == KUNI_IO) return true; /* the file system may come back */
    return false;
}

static bool result_is_sound(const kuni_orders *o, const kuni_job_result *result)
{
    int64_t n = (int64_t)o->ledger->run->cohort.n_samples;
    if (result->sample >= n) return false;
    for (size_t i = 0; i < result->n_bad; i++)
        if (result->bad[i].sample < 0 || result->bad[i].sample >= n) return false;
    return true;
}

/* A mean in which what ended last counts most. */
static void note_time(kuni_lanes *lanes, double wall_s)
{
    enum { REMEMBERED = 16 };
    lanes->task_s =
        lanes->task_s > 0 ? lanes->task_s + (wall_s - lanes->task_s) / REMEMBERED : wall_s;
}

kuni_status kuni_outcome(kuni_orders *o, uint64_t id, const kuni_job_result *result,
                         kuni_error *err)
{
    size_t i = 0;
    while (i < o->n && o->list[i].work.id != id) i++;
    if (i == o->n || !result_is_sound(o, result))
        return kuni_fail(err, KUNI_BUG, "a rank sent a result that nobody asked for");
    kuni_order order = o->list[i];
    o->list[i] = o->list[--o->n];
    o->lanes->list[order.lane].outstanding--;
    kuni_status status;
    if (o->account) kuni_account_add(o->account, &order.work, result);
    if (result->status == KUNI_OK) {
        note_time(o->lanes, result->wall_s);
        kuni_trouble *t = result->n_bad ? find_trouble(o, &order.work, err) : NULL;
        if (result->n_bad && !t)
            status = KUNI_MEMORY;
        else if (t && worth_another_try(o, t, result))
            status = try_again(o, &order, true, err);
        else
            status = succeed(o, &order, result, err);
    } else {
        status = fail(o, &order, result, err);
    }
    kuni_work_fini(&order.work);
    return status;
}

/* --- lost ranks --- */

/*
 * A task that takes its rank down with it, by the memory it needs for instance, must not take all.
 */
enum { LOSSES_MOST = 3 };

/* Whether the rank was at work on it, or had it in advance. */
static bool was_running(const kuni_orders *o, const kuni_order *order)
{
    int64_t older = 0;
    for (size_t i = 0; i < o->n; i++)
        if (o->list[i].lane == order->lane && o->list[i].work.id < order->work.id) older++;
    return older < o->ledger->run->options->jobs;
}

static kuni_status lose(kuni_orders *o, const kuni_order *order, bool running, kuni_error *err)
{
    kuni_trouble *t = find_trouble(o, &order->work, err);
    if (!t) return KUNI_MEMORY;
    int64_t attempts = t->attempts;
    if (running && ++t->losses >= LOSSES_MOST) {
        char text[] = "every rank that ran it was killed: out of memory?";
        const kuni_job_result result = {
            .status = KUNI_BUG, .crashed = true, .text = text, .sample = -1};
        kuni_status status = KUNI_OK;
        for (size_t i = 0; i < order->work.n_parts && !status; i++)
            status = fail_part(o, order, i, &result, err);
        return status;
    }
    kuni_status status = try_again(o, order, false, err);
    if (!status) t->attempts = attempts;
    return status;
}

kuni_status kuni_outcome_lost(kuni_orders *o, int lane, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    /* From the youngest on, so that what was running can still be told from what was not. */
    while (!status) {
        size_t youngest = o->n;
        for (size_t i = 0; i < o->n; i++)
            if (o->list[i].lane == lane &&
                (youngest == o->n || o->list[i].work.id > o->list[youngest].work.id))
                youngest = i;
        if (youngest == o->n) break;
        kuni_order order = o->list[youngest];
        bool running = was_running(o, &order);
        o->list[youngest] = o->list[--o->n];
        o->lanes->list[lane].outstanding--;
        status = lose(o, &order, running, err);
        kuni_work_fini(&order.work);
    }
    return status;
}

/* --- preflight --- */

/* Samples next to each other whose files could not be opened or read. */
typedef struct stretch {
    size_t last, n;
} stretch;

static kuni_status note_unread(stretch *s, size_t sample, const char *id, const char *why,
                               kuni_error *err)
{
    s->n = s->n && sample == s->last + 1 ? s->n + 1 : 1;
    s->last = sample;
    if (s->n < ALIKE_MOST) return KUNI_OK;
    return kuni_fail(
        err, KUNI_IO,
        "the files of %zu samples in a row cannot be read, the last is %s: %s: is the "
        "file system there? Nothing was published: mend what is wrong and run the same "
        "command again",
        s->n, id, why);
}

static kuni_status read_faults(kuni_ledger *ledger, size_t batch, kuni_buffer *faults,
                               size_t *n_faults, stretch *unread, kuni_error *err)
{
    const kuni_batch *b = &ledger->run->cohort.batches[batch];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_arena_clear(ledger->arena);
    const char *path =
        kuni_run_output(ledger->run, ledger->arena, KUNI_PLAN_PREFLIGHT, 0, -1, (int64_t)batch,
                        ledger->table.nodes[KUNI_PLAN_PREFLIGHT].key[batch], err);
    kuni_status status = path ? kuni_file_get(path, (size_t)64 << 20, &text, err) : KUNI_MEMORY;
    char *save = NULL;
    for (char *line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line && !status;
         line = strtok_r(NULL, "\n", &save)) {
        uint64_t sample_fault[2] = {0};
        bool sound = kuni_scan(line, "#\t#\t*", sample_fault);
        size_t sample = sample_fault[0];
        char *reason = sound ? strchr(strchr(line, '\t') + 1, '\t') : NULL;
        if (!reason || sample < b->first || sample >= b->first + b->n_samples) {
            status = kuni_fail(err, KUNI_BUG, "%s: not a preflight report", path);
            break;
        }
        if (ledger->samples.gone[sample] && ledger->samples.signatures[sample].bytes >= 0) continue;
        ++*n_faults;
        const char *id = ledger->run->cohort.samples[sample].id;
        const char *why = without_id(reason + 1, id);
        kuni_verdict verdict = verdict_of((kuni_status)sample_fault[1]);
        bool lasts = verdict == KUNI_VERDICT_LASTS, quarantine = ledger->run->workflow.quarantine;
        status = kuni_buffer_printf(faults, err, "%ssample %s%s: %s\n",
                                    !quarantine ? ""
                                    : lasts     ? "quarantined "
                                                : "left out ",
                                    id, quarantine && !lasts ? " of this run" : "", why);
        if (!status)
            status =
                kuni_samples_quarantine(&ledger->samples, sample, verdict, "preflight", why, err);
        if (!status && !lasts) status = note_unread(unread, sample, id, why, err);
    }
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_outcome_preflight(kuni_ledger *ledger, kuni_buffer *faults, size_t *n_faults,
                                   kuni_error *err)
{
    stretch unread = {.n = 0};
    *n_faults = 0;
    for (size_t b = 0; b < ledger->run->plan.n_batches; b++) {
        if (kuni_task_table_state(&ledger->table, KUNI_PLAN_PREFLIGHT, b) != KUNI_TASK_DONE)
            continue;
        kuni_status status = read_faults(ledger, b, faults, n_faults, &unread, err);
        if (status) return status;
    }
    return KUNI_OK;
}
