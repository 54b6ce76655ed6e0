/* SPDX-License-Identifier: MIT */
#include "coordinator.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dry_tasks.h"
#include "gate.h"
#include "history.h"
#include "injection.h"
#include "made_with.h"
#include "published.h"
#include "recall.h"
#include "same_files.h"
#include "seals.h"
#include "settings.h"
#include "transport.h"

enum {
    FLUSH_MS = 1000,
    FENCE_MS = 5000,
    RETRY_PAUSE_MS = 250 /* see kuni_orders.pause_ms */
};

/* --- life --- */

kuni_status kuni_coordinator_init(kuni_coordinator *c, kuni_run *run, kuni_lock *lock,
                                  kuni_journal *journal, kuni_progress *progress,
                                  const char *journal_path, kuni_error *err)
{
    *c = (kuni_coordinator){.run = run, .lock = lock, .journal = journal, .progress = progress};
    c->lanes.n = run->size > 1 ? (size_t)run->size - 1 : 1;
    c->lanes.list = kuni_alloc(c->lanes.n, sizeof(kuni_lane), err);
    c->orders = (kuni_orders){.ledger = &c->ledger,
                              .lanes = &c->lanes,
                              .journal = journal,
                              .progress = progress,
                              .pause_ms = RETRY_PAUSE_MS};
    kuni_status status = c->lanes.list ? KUNI_OK : KUNI_MEMORY;
    c->lanes.jobs = run->options->jobs;
    for (size_t i = 0; i < c->lanes.n && !status && run->hosts; i++)
        c->lanes.list[i].host = run->hosts[i + 1];
    if (!status) status = kuni_ledger_init(&c->ledger, run, err);
    if (!status) status = kuni_account_init(&c->account, run, err);
    c->orders.account = &c->account;
    if (!status) status = kuni_queue_init(&c->queue, &c->ledger, &c->past, &c->orders, err);
    if (!status) status = kuni_past_read(&c->past, &c->ledger, journal_path, err);
    if (!status) kuni_ledger_mark_absent(&c->ledger);
    if (!status) status = kuni_wanted_make(&c->wanted, run, err);
    c->queue.wanted = &c->wanted;
    c->past.forced = c->wanted.forced;
    return status;
}

void kuni_coordinator_fini(kuni_coordinator *c)
{
    kuni_executor_free(c->executor);
    kuni_orders_fini(&c->orders);
    kuni_queue_fini(&c->queue);
    kuni_past_fini(&c->past);
    kuni_account_fini(&c->account);
    kuni_ledger_fini(&c->ledger);
    free(c->lanes.list);
    kuni_buffer_fini(&c->message);
}

/* --- progress --- */

static const char *const phase_names[KUNI_PHASES] = {"preflight", "reads", "judge", "joint"};

static bool concerns(const kuni_coordinator *c, size_t node)
{
    return c->wanted.run[node] && c->run->plan.nodes[node].phase == c->queue.phase;
}

/* Seconds of a place for each weight of a node: by this run, else by earlier ones, else -1. */
static double pace(const kuni_coordinator *c, size_t node)
{
    double fresh = c->ledger.weight_done[node] - c->ledger.weight_reused[node];
    const kuni_node_history *past = &c->past.history[node];
    size_t tasks = c->run->plan.nodes[node].n_tasks - c->ledger.table.nodes[node].absent;
    if (fresh > 0) return kuni_account_step(&c->account, node).wall_s / fresh;
    if (!past->tasks || c->ledger.weight_all[node] <= 0) return -1;
    return past->wall_s / (double)past->tasks * (double)tasks / c->ledger.weight_all[node];
}

/* What of the orders under way is done by now, as far as their pace tells: seconds of a place. */
static double under_way_s(const kuni_coordinator *c, const double *paces)
{
    double sum = 0;
    int64_t now = kuni_now_ms(), jobs = c->run->options->jobs;
    for (size_t i = 0; i < c->orders.n; i++) {
        const kuni_order *order = &c->orders.list[i];
        const kuni_work *work = &order->work;
        double whole_s = 0, s = (double)(now - order->began_ms) / 1000;
        for (size_t k = 0; k < work->n_parts; k++) {
            size_t node = work->parts[k].node;
            size_t task =
                kuni_plan_task(&c->run->plan, &c->run->plan.nodes[node], work->shard, work->batch);
            if (paces[node] > 0)
                whole_s += paces[node] * kuni_ledger_weight(&c->ledger, node, task);
        }
        /* Of what was handed out in advance nothing is done yet; which that is, the rank knows. */
        int64_t outstanding = c->lanes.list[order->lane].outstanding;
        double share = outstanding > jobs ? (double)jobs / (double)outstanding : 1;
        sum += share * (s < whole_s ? s : whole_s);
    }
    return sum;
}

/*
 * Seconds to the end of the phase: what is left of each node at its pace, less what is under way, by
 * all places; where nothing of a node has ended yet, at the mean pace of the others.
 */
static int64_t estimate(const kuni_coordinator *c)
{
    double paces[KUNI_PLAN_NODES_MAX], known_s = 0, known = 0, unknown = 0, left = 0;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
        paces[i] = concerns(c, i) ? pace(c, i) : 0;
        double rest = c->ledger.weight_all[i] - c->ledger.weight_done[i];
        if (!concerns(c, i) || rest <= 0) continue;
        left += (double)(c->run->plan.nodes[i].n_tasks - c->ledger.table.nodes[i].absent -
                         c->ledger.table.nodes[i].done);
        if (paces[i] < 0) {
            unknown += rest;
        } else {
            known += rest;
            known_s += rest * paces[i];
        }
    }
    if (unknown > 0 && known <= 0) return -1;
    double places = (double)((int64_t)(c->lanes.n - c->lanes.n_lost) * c->run->options->jobs);
    if (places > left) places = left;
    if (places < 1) return left > 0 ? -1 : 0;
    double all_s = known_s + (unknown > 0 ? unknown * known_s / known : 0);
    double s = (all_s - under_way_s(c, paces)) / places;
    return s > 0 ? (int64_t)(s + 0.5) : 0;
}

enum { ESTIMATE_MS = 500 };

static void report(kuni_coordinator *c)
{
    const kuni_plan *plan = &c->run->plan;
    kuni_progress_numbers n = {.phase = phase_names[c->queue.phase],
                               .samples = c->run->cohort.n_samples,
                               .quarantined =
                                   c->ledger.samples.n_quarantined - c->ledger.samples.n_gated,
                               .running = c->orders.n,
                               .ranks = c->run->size - (int)c->lanes.n_lost,
                               .account = &c->account};
    double total = 0, done = 0, reused = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const kuni_task_table_node *state = &c->ledger.table.nodes[i];
        if (!c->wanted.run[i]) continue;
        n.tasks += plan->nodes[i].n_tasks - state->absent;
        n.done += state->done;
        n.failed += state->failed;
        n.reused += state->reused;
        if (plan->nodes[i].phase != c->queue.phase) continue;
        total += c->ledger.weight_all[i];
        done += c->ledger.weight_done[i];
        reused += c->ledger.weight_reused[i];
    }
    n.weight_total = (int64_t)total;
    n.weight_done = (int64_t)done;
    n.weight_reused = (int64_t)reused;
    int64_t now = kuni_now_ms();
    if (now - c->eta_ms >= ESTIMATE_MS) {
        c->eta_s = estimate(c);
        c->eta_ms = now;
    }
    n.eta_s = c->eta_s;
    kuni_progress_update(c->progress, &n);
}

/* --- messages --- */

static kuni_status tell(kuni_coordinator *c, kuni_message_type type, kuni_error *err)
{
    kuni_status status = kuni_message_start(&c->message, type, err);
    for (int rank = 1; rank < c->run->size && !status; rank++)
        status = kuni_transport_send(rank, c->message.data, c->message.length, err);
    return status;
}

/* The other ranks hear nothing else while a large journal is read. */
static kuni_status pulse(void *context, kuni_error *err)
{
    (void)context;
    (void)err;
    kuni_transport_pulse();
    return KUNI_OK;
}

static kuni_status hear_result(kuni_coordinator *c, kuni_message_reader *reader, kuni_error *err)
{
    uint64_t id;
    kuni_job_result result = {.status = KUNI_OK};
    kuni_status status = kuni_message_get_u64(reader, &id, err);
    if (!status)
        status =
            kuni_job_result_unpack(&result, reader->at, (size_t)(reader->end - reader->at), err);
    if (!status) status = kuni_outcome(&c->orders, id, &result, err);
    kuni_job_result_fini(&result);
    return status;
}

static kuni_status hear(kuni_coordinator *c, bool *busy, kuni_error *err)
{
    bool got = true;
    kuni_buffer message = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    while (!status && c->run->size > 1) {
        int rank;
        uint64_t value = 0;
        kuni_message_reader reader;
        status = kuni_transport_poll(&rank, &message, &got, err);
        if (status || !got) break;
        *busy = true;
        int type = kuni_message_open(&reader, &message);
        if (type == KUNI_MESSAGE_RESULT) {
            status = hear_result(c, &reader, err);
        } else if (type == KUNI_MESSAGE_SIGNAL) {
            status = kuni_message_get_u64(&reader, &value, err);
            if (!status)
                status = kuni_fail(err, KUNI_AGAIN,
                                   "stopped by signal %d on rank %d: run the same command to go on",
                                   (int)value, rank);
        } else {
            status = kuni_fail(err, KUNI_BUG, "rank %d sent a message of unknown type", rank);
        }
    }
    kuni_buffer_fini(&message);
    return status;
}

static kuni_status run_own(kuni_coordinator *c, bool *busy, kuni_error *err)
{
    if (!c->executor) return KUNI_OK;
    for (;;) {
        bool done;
        uint64_t id;
        kuni_job_result result = {.status = KUNI_OK};
        kuni_status status = kuni_executor_poll(c->executor, &done, &id, &result, err);
        if (status || !done) return status;
        *busy = true;
        status = kuni_outcome(&c->orders, id, &result, err);
        kuni_job_result_fini(&result);
        if (status) return status;
    }
}

/* --- lost ranks --- */

static kuni_status take_losses(kuni_coordinator *c, bool *busy, kuni_error *err)
{
    int rank;
    while (kuni_transport_lost(&rank)) {
        int lane = rank - 1;
        kuni_lane *l = &c->lanes.list[lane];
        *busy = true;
        l->lost = true;
        c->lanes.n_lost++;
        kuni_queue_leave(&c->queue, lane);
        kuni_progress_say(c->progress,
                          "rank %d was lost: its %" PRId64 " tasks go to the %zu others", rank,
                          l->outstanding, c->lanes.n - c->lanes.n_lost);
        kuni_status status = kuni_outcome_lost(&c->orders, lane, err);
        if (status) return status;
    }
    if (c->run->size > 1 && c->lanes.n_lost == c->lanes.n)
        return kuni_fail(err, KUNI_AGAIN,
                         "all ranks but 0 were lost: run the same command to go on");
    return KUNI_OK;
}

static kuni_status regroup(kuni_coordinator *c, kuni_error *err)
{
    if (!kuni_transport_broken()) return KUNI_OK;
    kuni_status status = tell(c, KUNI_MESSAGE_REGROUP, err);
    return status ? status : kuni_transport_regroup(err);
}

/* --- handing out --- */

static kuni_status send_work(kuni_coordinator *c, int lane, const kuni_work *work,
                             kuni_message_type type, kuni_error *err)
{
    kuni_status status = kuni_message_start(&c->message, type, err);
    if (!status) status = kuni_work_pack(work, &c->message, err);
    if (!status) status = kuni_transport_send(lane + 1, c->message.data, c->message.length, err);
    return status;
}

/* All ranks into the assembly; nothing else runs meanwhile. */
static kuni_status together(kuni_coordinator *c, kuni_work *work, kuni_error *err)
{
    kuni_job_result result = {.status = KUNI_OK};
    kuni_error fault = KUNI_ERROR_INIT;
    kuni_status status = regroup(c, err);
    for (int lane = 0; c->run->size > 1 && lane < (int)c->lanes.n && !status; lane++)
        status = send_work(c, lane, work, KUNI_MESSAGE_TOGETHER, err);
    if (!status) status = kuni_journal_flush(c->journal, 0, err);
    if (!status) status = kuni_orders_add(&c->orders, 0, work, err);
    if (status) {
        kuni_work_fini(work);
        return status;
    }
    uint64_t id = work->id;
    kuni_progress_stay(c->progress, NULL);
    result.status = kuni_executor_together(c->run, work, &result, &fault);
    kuni_progress_go_on(c->progress);
    if (result.status) result.text = kuni_strdup(fault.text, err);
    status = kuni_transport_hung() ? kuni_fail(err, KUNI_AGAIN, "%s", fault.text)
                                   : kuni_outcome(&c->orders, id, &result, err);
    kuni_job_result_fini(&result);
    return status;
}

static kuni_status hand_out(kuni_coordinator *c, int lane, bool *found, kuni_error *err)
{
    kuni_work work;
    kuni_status status = kuni_queue_next(&c->queue, lane, &work, found, err);
    if (status || !*found) return status;
    if (c->run->plan.nodes[work.parts[0].node].scatter == KUNI_SCATTER_RANKS) {
        if (c->orders.n == 0) return together(c, &work, err);
        /* Not yet: others are still at work. Back on the heap. */
        kuni_task_table_set(&c->ledger.table, work.parts[0].node, 0, KUNI_TASK_PENDING);
        kuni_work_fini(&work);
        *found = false;
        return KUNI_OK;
    }
    status = c->run->size > 1 ? send_work(c, lane, &work, KUNI_MESSAGE_WORK, err)
                              : kuni_executor_start(c->executor, &work, err);
    if (!status) status = kuni_orders_add(&c->orders, lane, &work, err);
    if (status) kuni_work_fini(&work);
    return status;
}

/*
 * So many pieces in advance that a lane need not wait for this rank: one, and more of those that take
 * less than it does to hear of an end and to answer.
 */
static int64_t in_advance(const kuni_lanes *lanes)
{
    enum { AHEAD_MS = 50, AHEAD_MOST = 16 };
    double ms = lanes->task_s * 1000;
    if (lanes->task_s <= 0 || ms >= AHEAD_MS) return 1;
    return ms * AHEAD_MOST <= AHEAD_MS ? AHEAD_MOST : (int64_t)(AHEAD_MS / ms);
}

/*
 * Every lane gets as much as it can run at once; while there is plenty, also some in advance.
 */
static kuni_status dispatch(kuni_coordinator *c, bool *busy, kuni_error *err)
{
    int64_t jobs = c->run->options->jobs;
    int64_t ahead = c->run->size > 1 ? in_advance(&c->lanes) : 0;
    bool plenty = kuni_queue_left(&c->queue) > 2 * c->lanes.n * (size_t)(jobs + ahead - 1);
    int64_t most = plenty ? jobs + ahead : jobs;
    bool any = true;
    for (int64_t level = 1; level <= most && any; level++) {
        for (int lane = 0; lane < (int)c->lanes.n; lane++) {
            if (c->lanes.list[lane].lost || c->lanes.list[lane].outstanding >= level) continue;
            kuni_status status = hand_out(c, lane, &any, err);
            if (status) return status;
            if (!any) break;
            *busy = true;
        }
    }
    return KUNI_OK;
}

/* --- the loop --- */

static kuni_status keep_house(kuni_coordinator *c, int64_t *fence_ms, kuni_error *err)
{
    int64_t now = kuni_now_ms();
    kuni_status status = kuni_journal_flush(c->journal, FLUSH_MS, err);
    if (!status && now - *fence_ms >= FENCE_MS) {
        *fence_ms = now;
        status = kuni_lock_check(c->lock, err);
    }
    report(c);
    return status;
}

/*
 * Until all tasks of the phase have ended, or the rest can never start because what it needs has
 * failed.
 */
static kuni_status run_phase(kuni_coordinator *c, int phase, kuni_error *err)
{
    int64_t nap_us = 0, fence_ms = 0;
    kuni_status status = KUNI_OK;
    kuni_progress_go_on(c->progress); /* processes are forked from here on */
    kuni_samples_keep_from_tasks(&c->ledger.samples);
    kuni_queue_phase(&c->queue, phase);
    for (size_t i = 0; i < c->run->plan.n_nodes; i++)
        if (concerns(c, i)) kuni_ledger_weigh(&c->ledger, i);
    c->eta_s = -1;
    kuni_orders_phase(&c->orders, phase);
    kuni_injection_crash_at(phase_names[phase]);
    for (size_t i = 0; i < c->run->plan.n_nodes && c->wanted.only && !status; i++)
        if (c->run->plan.nodes[i].phase == phase && c->wanted.look[i] && !c->wanted.run[i] &&
            !kuni_ledger_seals(&c->run->plan.nodes[i]))
            status = kuni_past_look(&c->past, i, err);
    if (!status) status = kuni_wanted_stands(&c->wanted, &c->ledger, phase, err);
    while (!status && !kuni_queue_ended(&c->queue)) {
        bool busy = false;
        if (kuni_stop_asked())
            return kuni_fail(err, KUNI_AGAIN, "stopped by signal %d: run the same command to go on",
                             kuni_stop_asked());
        status = hear(c, &busy, err);
        if (!status) status = take_losses(c, &busy, err);
        if (!status) status = run_own(c, &busy, err);
        if (!status) status = dispatch(c, &busy, err);
        if (!status) status = keep_house(c, &fence_ms, err);
        if (!status && !busy && c->orders.n == 0 && !kuni_orders_retry_waits(&c->orders)) break;
        if (busy) nap_us = 0;
        if (!status && !busy && c->executor)
            kuni_executor_wait(c->executor, kuni_nap_us(&nap_us));
        else if (!status && !busy)
            kuni_sleep_us(kuni_nap_us(&nap_us));
    }
    return status;
}

/* --- phases --- */

static kuni_status record_signatures(kuni_coordinator *c, const kuni_signature *before,
                                     kuni_error *err)
{
    const kuni_samples *samples = &c->ledger.samples;
    for (size_t b = 0; b < c->run->plan.n_batches; b++) {
        const kuni_batch *batch = &c->run->cohort.batches[b];
        const kuni_signature *now = &samples->signatures[batch->first];
        if (memcmp(now, before + batch->first, batch->n_samples * sizeof(*now)) == 0) continue;
        json_t *list = json_array();
        for (size_t i = batch->first; i < batch->first + batch->n_samples; i++) {
            char digest[KUNI_DIGEST_HEX_BYTES], content[KUNI_DIGEST_HEX_BYTES];
            kuni_hash_print(&samples->digests[i], digest);
            kuni_hash_print(&samples->contents[i], content);
            json_array_append_new(
                list, json_pack("[IIss]", (json_int_t)samples->signatures[i].bytes,
                                (json_int_t)samples->signatures[i].mtime_ns, digest, content));
        }
        kuni_status status = kuni_journal_add(
            c->journal,
            json_pack("{ss ss sb so}", "t", "signs", "b", batch->id, "contents", 1, "v", list),
            err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status survey(kuni_coordinator *c, kuni_error *err)
{
    size_t n = c->run->cohort.n_samples;
    kuni_signature *before = kuni_alloc(n + 1, sizeof(kuni_signature), err);
    if (!before) return KUNI_MEMORY;
    memcpy(before, c->ledger.samples.signatures, n * sizeof(kuni_signature));
    kuni_status status = kuni_ledger_survey(&c->ledger, err);
    if (!status) status = record_signatures(c, before, err);
    free(before);
    if (status) return status;
    if (c->past.n_bad && c->run->options->retry_quarantined)
        return kuni_journal_add(c->journal, json_pack("{ss}", "t", "forget"), err);
    return kuni_past_apply_bad(&c->past, err);
}

/* What is complete becomes primary data, and the register tells of whom. */
static kuni_status seal(kuni_coordinator *c, kuni_error *err)
{
    size_t made = 0, noted = 0;
    kuni_progress_stay(c->progress, "seal");
    kuni_injection_crash_at("seal");
    kuni_status status = kuni_journal_flush(c->journal, 0, err);
    kuni_seals_note_withdrawn(&c->ledger, &noted);
    if (!status && noted) status = kuni_run_write_register(c->run, err);
    /* Of a recall the new settings hold from here on, together with the new seals. */
    if (!status && c->run->options->recall)
        status = kuni_settings_check(c->run, &c->past.known_files, c->journal, c->past.has_reads,
                                     true, true, err);
    if (!status && c->run->options->recall && c->past.has_reads)
        status = kuni_history_add(c->run->folder, "recalled", NULL, json_object(), err);
    if (!status) status = kuni_lock_check(c->lock, err);
    if (!status) status = kuni_seals_make(&c->ledger, &made, err);
    return status || !made ? status : kuni_run_write_register(c->run, err);
}

static kuni_status check_preflight(kuni_coordinator *c, kuni_error *err)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    size_t n = 0;
    kuni_status status = kuni_outcome_preflight(&c->ledger, &faults, &n, err);
    if (!status) status = kuni_same_files_leave_out(&c->ledger, &faults, &n, err);
    if (!status && n) {
        char *save = NULL;
        for (char *line = strtok_r(faults.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
            kuni_progress_say(c->progress, "%s", line);
        if (!c->run->workflow.quarantine)
            status =
                kuni_fail(err, KUNI_DATA,
                          "%zu samples cannot be used (see above); on_error.sample is abort", n);
    }
    kuni_buffer_fini(&faults);
    return status;
}

static kuni_status check_cohort(kuni_coordinator *c, kuni_error *err)
{
    size_t left = c->run->cohort.n_samples - c->run->cohort.n_without;
    if (c->ledger.samples.n_quarantined < left) return KUNI_OK;
    if (c->ledger.samples.n_quarantined == 0)
        return kuni_fail(err, KUNI_USAGE, "the cohort %s has no samples", c->run->workflow.cohort);
    return kuni_fail(err, KUNI_DATA,
                     "no sample is left: all %zu are quarantined, the first because: %s",
                     c->ledger.samples.n_quarantined, c->ledger.samples.list[0].reason);
}

/*
 * Of the samples that no generation was made with yet, so many may be missing: a share, but always
 * one, so that a cohort of ten can do without a broken file; and never all of them.
 */
static size_t losses_allowed(const kuni_workflow *workflow, size_t n_new)
{
    enum { WHOLE = 10000 };
    size_t allowed = (size_t)workflow->max_quarantined;
    if (!workflow->max_quarantined_share) return allowed;
    if (allowed == WHOLE) return n_new;
    allowed = n_new * allowed / WHOLE;
    if (allowed == 0 && workflow->max_quarantined > 0) allowed = 1;
    return allowed < n_new ? allowed : n_new - 1;
}

/*
 * A file system that was away must not end in a call set without the people whose files lay there.
 */
static kuni_status check_new_samples(const kuni_coordinator *c, kuni_error *err)
{
    const kuni_cohort *cohort = &c->run->cohort;
    kuni_published published;
    kuni_status status =
        c->run->options->recall ? kuni_recall_loses_nobody(&c->ledger, err) : KUNI_OK;
    if (status) return status;
    status = kuni_published_read(&published, c->run->folder, err);
    size_t first = 0, n_new = 0, lost = 0;
    if (!status && published.n_batches)
        first = published.n_batches < cohort->n_batches ? cohort->batches[published.n_batches].first
                                                        : cohort->n_samples;
    /* Put together since: fewer batches hold the same people. */
    if (first && kuni_register_is_compacted(cohort->batches, cohort->n_batches))
        first = kuni_register_rows_published(cohort->batches, cohort->n_batches, cohort->people);
    for (size_t i = first; i < cohort->n_samples && !status; i++) {
        n_new += cohort->samples[i].reads != NULL;
        lost += cohort->samples[i].reads && c->ledger.samples.skip[i];
    }
    kuni_published_fini(&published);
    if (status || !lost || lost <= losses_allowed(&c->run->workflow, n_new)) return status;
    size_t example = 0;
    while (c->ledger.samples.list[example].sample < first) example++;
    const kuni_quarantined *q = &c->ledger.samples.list[example];
    return kuni_fail(err, KUNI_DATA,
                     "%zu of %zu new samples would be missing, more than on_error.max_quarantined "
                     "allows, so nothing is published; one is %s: %s: mend what is wrong and run "
                     "the same command again, or go on without them with --set "
                     "on_error.max_quarantined=%zu",
                     lost, n_new, cohort->samples[q->sample].id, q->reason, lost);
}

/*
 * Who is in the call set is final, neither withdrawn nor quarantined: every rank makes its columns
 * from that.
 */
static kuni_status fix_columns(kuni_coordinator *c, kuni_error *err)
{
    kuni_samples_sort(&c->ledger.samples);
    kuni_status status = kuni_message_start(&c->message, KUNI_MESSAGE_COLUMNS, err);
    for (size_t i = 0; i < c->run->cohort.n_samples && !status; i++)
        if (c->ledger.samples.skip[i]) status = kuni_message_put_u64(&c->message, i, err);
    for (int rank = 1; rank < c->run->size && !status; rank++)
        status = kuni_transport_send(rank, c->message.data, c->message.length, err);
    if (!status) status = kuni_run_set_columns(c->run, c->ledger.samples.skip, err);
    return status ? status : kuni_keys_set_cohort(&c->ledger.keys, &c->ledger.samples, err);
}

/* Who is let in is known once all have been judged: the columns are made anew without the others. */
static kuni_status apply_gate(kuni_coordinator *c, kuni_error *err)
{
    size_t out = 0;
    kuni_status status = kuni_gate_apply(&c->ledger, &out, err);
    return status || !out ? status : fix_columns(c, err);
}

/* What stages need of the machine, before anything is computed. */
static kuni_status check_stages(kuni_coordinator *c, kuni_error *err)
{
    const kuni_workflow_stage *asked = NULL;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
        const kuni_workflow_stage *stage = c->run->plan.nodes[i].stage;
        if (!c->wanted.run[i] || !stage || stage == asked || !stage->stage->ready) continue;
        asked = stage;
        kuni_error why = KUNI_ERROR_INIT;
        kuni_status status = stage->stage->ready(stage->params, &why);
        if (status) return kuni_fail(err, status, "stage %s: %s", stage->id, why.text);
    }
    return KUNI_OK;
}

/* Tasks of the reads phase that are done. */
static size_t reads_done(const kuni_coordinator *c)
{
    size_t done = 0;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++)
        if (c->run->plan.nodes[i].phase == KUNI_PHASE_READS) done += c->ledger.table.nodes[i].done;
    return done;
}

static kuni_status run_phases(kuni_coordinator *c, const char *journal_path, kuni_error *err)
{
    int last = c->wanted.last_phase;
    kuni_status status =
        kuni_keys_init(&c->ledger.keys, c->run, &c->past.known_files, c->journal, err);
    if (!status) status = check_stages(c, err);
    if (!status) status = kuni_made_with_note(&c->past, c->journal, err);
    if (!status) status = kuni_seals_load(&c->ledger, c->run->options->recall, err);
    if (!status) status = survey(c, err);
    if (!status && c->past.damaged_lines)
        kuni_progress_say(c->progress,
                          "the journal has %" PRId64 " damaged lines: their tasks are done again",
                          c->past.damaged_lines);
    if (!status && c->run->size == 1)
        status = kuni_executor_new(&c->executor, c->run, (size_t)c->run->options->jobs, err);
    if (!status) status = check_cohort(c, err);
    if (!status) status = run_phase(c, KUNI_PHASE_PREFLIGHT, err);
    if (!status) status = check_preflight(c, err);
    if (!status) status = check_cohort(c, err);
    if (!status) status = check_new_samples(c, err);
    if (status || last < KUNI_PHASE_READS) return status;
    kuni_progress_stay(c->progress, NULL);
    status = kuni_past_read_tasks(&c->past, journal_path, pulse, c, err);
    kuni_dry_begin(c->run, reads_done(c));
    if (!status) status = run_phase(c, KUNI_PHASE_READS, err);
    kuni_dry_end(c->run, reads_done(c));
    if (!status) status = check_cohort(c, err);
    if (!status) status = check_new_samples(c, err);
    if (!status) status = seal(c, err);
    if (status || last < KUNI_PHASE_JUDGE) return status;
    status = fix_columns(c, err);
    if (!status) status = run_phase(c, KUNI_PHASE_JUDGE, err);
    /* A table that was not made: the failure is told at the end. */
    if (status || c->orders.n_failures || last < KUNI_PHASE_JOINT) return status;
    status = apply_gate(c, err);
    if (!status) status = run_phase(c, KUNI_PHASE_JOINT, err);
    return status;
}

/* What a joint step cannot read is damage, if it was sealed, and no fault of anybody's data. */
static kuni_status tell_failures(kuni_coordinator *c, kuni_error *err)
{
    const kuni_failure *first = &c->orders.failures[0];
    bool of_files = !kuni_node_of_reads(&c->run->plan.nodes[first->node]);
    kuni_error damage = KUNI_ERROR_INIT;
    if (first->status == KUNI_DATA && of_files &&
        kuni_seals_blame(&c->ledger, first->shard, first->batch, &damage))
        return kuni_fail(err, damage.status, "%s", damage.text);
    if (c->orders.n_failures == 1)
        return kuni_fail(err, first->status, "1 task failed: %s", first->text);
    return kuni_fail(err, first->status, "%zu tasks failed, the first: %s", c->orders.n_failures,
                     first->text);
}

kuni_status kuni_coordinator_run(kuni_coordinator *c, kuni_error *err)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_arena *arena = kuni_arena_new(err);
    const char *journal_path = arena ? kuni_run_path(c->run, arena, err, "journal") : NULL;
    kuni_status status = journal_path ? run_phases(c, journal_path, err) : KUNI_MEMORY;
    kuni_executor_free(c->executor);
    c->executor = NULL;
    /* Even after an error: what is done is done, and the others must not be left waiting. */
    kuni_status flushed = kuni_journal_flush(c->journal, 0, status ? &ignored : err);
    kuni_status told = tell(c, KUNI_MESSAGE_STOP, status || flushed ? &ignored : err);
    kuni_arena_free(arena);
    if (!status) status = flushed ? flushed : told;
    if (c->orders.n_failures && (!status || status == KUNI_DATA)) status = tell_failures(c, err);
    return status;
}
