/* SPDX-License-Identifier: MIT */
#include "preview.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "mark.h"
#include "published.h"
#include "reference.h"
#include "room.h"
#include "seals.h"
#include "settings.h"
#include "wanted.h"

static kuni_status make_run(kuni_run *run, kuni_buffer *faults, kuni_error *err)
{
    const kuni_run_options *o = run->options;
    kuni_status status =
        kuni_workflow_read(&run->workflow, o->workflow, o->settings, o->n_settings, faults, err);
    if (status) return status;
    run->folder = run->workflow.dataset;
    run->size = 1;
    status = kuni_mark_check(run->folder, err);
    if (status) return status;
    const kuni_cohort_sources sources = {.manifest = run->workflow.cohort,
                                         .network = &run->workflow.network,
                                         .pedigree = run->workflow.pedigree,
                                         .dataset = run->folder,
                                         .batch_size = (size_t)run->workflow.batch_size};
    status = kuni_cohort_read(&run->cohort, &sources, faults, err);
    return status ? status : kuni_run_make_plan(run, err);
}

static kuni_status leave_out(kuni_preview *p, const json_t *ids, kuni_verdict verdict,
                             const char *reason, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
    {
        int64_t sample = json_is_string(id)
                             ? kuni_names_find(&p->ledger.sample_names, json_string_value(id))
                             : -1;
        if (sample < 0 || status) continue;
        status = kuni_samples_quarantine(&p->ledger.samples, (size_t)sample, verdict, "current",
                                         reason, err);
    }
    return status;
}

/* Before the joint steps: who is let in, as it was when `published`, or as the tables say. *known
 * false where these are not made yet; a forecast then goes by what was published. */
static kuni_status look_at_gate(kuni_preview *p, const kuni_published *published, bool *known,
                                kuni_error *err)
{
    size_t out = 0;
    *known = true;
    kuni_status status;
    bool forecast = p->run.options->forecast && !kuni_gate_is_ready(&p->ledger);
    if (published->json && (!p->run.options->forecast || forecast)) {
        status = leave_out(p, published->gated, KUNI_VERDICT_GATE,
                           "kept out when this was published", err);
    } else {
        *known = kuni_gate_is_ready(&p->ledger);
        status = *known ? kuni_gate_apply(&p->ledger, &out, err) : KUNI_OK;
    }
    return status || (!*known && !forecast)
               ? status
               : kuni_keys_set_cohort(&p->ledger.keys, &p->ledger.samples, err);
}

static bool reads_are_done(const kuni_preview *p)
{
    for (size_t i = 0; i < p->run.plan.n_nodes; i++)
        if (p->run.plan.nodes[i].phase == KUNI_PHASE_READS &&
            !kuni_node_folds(&p->run.plan.nodes[i]) && /* tells of nobody */
            !kuni_task_table_ended(&p->ledger.table, i))
            return false;
    return true;
}

/* Up to the first phase of which it cannot be known whom it will see. */
static kuni_status look_at_phases(kuni_preview *p, const char *journal_path,
                                  const kuni_published *published, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    bool known = true, forecast = p->run.options->forecast;
    for (int phase = 0; phase < KUNI_PHASES && !status && known; phase++) {
        if (phase == KUNI_PHASE_READS)
            status = kuni_past_read_tasks(&p->past, journal_path, NULL, NULL, err);
        if (phase == KUNI_PHASE_JUDGE) {
            known = forecast || reads_are_done(p);
            status = kuni_keys_set_cohort(&p->ledger.keys, &p->ledger.samples, err);
        }
        if (phase == KUNI_PHASE_JOINT) status = look_at_gate(p, published, &known, err);
        known = known || forecast;
        for (size_t i = 0; i < p->run.plan.n_nodes && !status && known; i++)
            if (p->run.plan.nodes[i].phase == phase && !kuni_ledger_seals(&p->run.plan.nodes[i]))
                status = kuni_past_look(&p->past, i, err);
    }
    return status;
}

/* Marks what the journal has with intact outputs, as far as keys can be known; with `as_published`
 * as things were then: no look at today's files. */
static kuni_status look_back(kuni_preview *p, const char *journal_path, bool as_published,
                             kuni_error *err)
{
    kuni_published published = {.json = NULL};
    kuni_status status = as_published || p->run.options->forecast
                             ? kuni_published_read(&published, p->run.folder, err)
                             : KUNI_OK;
    bool found = as_published && published.json;
    if (!status && as_published)
        status = leave_out(p, published.quarantined, KUNI_VERDICT_THIS_RUN,
                           "quarantined when this was published", err);
    if (!status) status = kuni_keys_init(&p->ledger.keys, &p->run, &p->past.known_files, NULL, err);
    if (!status) status = kuni_seals_load(&p->ledger, p->run.options->recall, err);
    if (!status && !found) status = kuni_ledger_survey(&p->ledger, err);
    if (!status && !found) status = kuni_past_apply_bad(&p->past, err);
    if (!status) status = look_at_phases(p, journal_path, &published, err);
    kuni_published_fini(&published);
    return status;
}

static kuni_status look(kuni_preview *p, bool published, kuni_error *err)
{
    kuni_run *run = &p->run;
    char *journal = kuni_path_join(run->folder, "journal", err);
    if (!journal) return KUNI_MEMORY;
    kuni_status status = kuni_ledger_init(&p->ledger, run, err);
    if (!status) status = kuni_past_read(&p->past, &p->ledger, journal, err);
    if (!status) kuni_ledger_mark_absent(&p->ledger);
    if (!status && run->options->n_force) {
        kuni_wanted wanted;
        status = kuni_wanted_make(&wanted, run, err);
        memcpy(p->forced, wanted.forced, sizeof(p->forced));
        p->past.forced = p->forced;
    }
    if (!status &&
        access(journal, R_OK) == 0) { /* else nothing is done, and no key need be known */
        status = kuni_reference_digests(run, false, NULL, err);
        if (!status)
            status = kuni_settings_check(run, &p->past.known_files, NULL, p->past.has_reads,
                                         run->options->recall, false, err);
        if (!status) status = look_back(p, journal, published, err);
        p->knows_keys = true;
    } else if (!status) {
        status = kuni_samples_survey(&p->ledger.samples, NULL, err);
    }
    free(journal);
    return status;
}

static void add_steps(kuni_preview *p)
{
    const kuni_plan *plan = &p->run.plan;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        const kuni_task_table_node *state = &p->ledger.table.nodes[i];
        const kuni_node_history *past = &p->past.history[i];
        kuni_preview_step *step = &p->steps[p->n_steps++];
        *step = (kuni_preview_step){.name = node->folder,
                                    .scatter = node->scatter,
                                    .tasks = node->n_tasks - state->absent,
                                    .done = state->done,
                                    .task_cpu_s = -1,
                                    .task_bytes = -1,
                                    .max_rss_bytes = past->max_rss_bytes};
        step->files = node->folded_by ? 0 : step->tasks * node->n_outputs; /* that stay */
        if (past->tasks) {
            step->task_cpu_s = past->cpu_s / (double)past->tasks;
            step->task_bytes = (double)past->bytes / (double)past->tasks;
        }
    }
}

static void add_memory(kuni_preview *p)
{
    const kuni_run *run = &p->run;
    int64_t samples = (int64_t)run->cohort.n_samples, tasks = 0, sums = 0;
    for (size_t i = 0; i < run->plan.n_nodes; i++) {
        const kuni_node *node = &run->plan.nodes[i];
        tasks += (int64_t)node->n_tasks;
        sums += (int64_t)((node->n_shards + run->plan.n_batches) * (node->n_outputs * 32 + 4));
    }
    /* a sample in the manifest: the struct, about 300 bytes of text, its column */
    p->rank_bytes = samples * (int64_t)(sizeof(kuni_sample) + 300 + 4);
    p->coordinator_bytes = p->rank_bytes + tasks * 10 + sums +
                           samples * (int64_t)(sizeof(kuni_signature) + sizeof(kuni_hash) + 2 + 16);
}

kuni_status kuni_preview_open(kuni_preview *p, const kuni_run_options *options, kuni_buffer *faults,
                              kuni_error *err)
{
    *p = (kuni_preview){.run = {.options = options}};
    kuni_run *run = &p->run;
    kuni_status status = make_run(run, faults, err);
    char *journal = status ? NULL : kuni_path_join(run->folder, "journal", err);
    if (!status && !journal) status = KUNI_MEMORY;
    if (!status) status = kuni_ledger_init(&p->ledger, run, err);
    if (!status) status = kuni_past_read(&p->past, &p->ledger, journal, err);
    if (!status) kuni_ledger_mark_absent(&p->ledger);
    if (!status) status = kuni_reference_digests(run, false, &p->reference_damaged, err);
    if (!status) status = kuni_keys_init(&p->ledger.keys, run, &p->past.known_files, NULL, err);
    free(journal);
    return status;
}

kuni_status kuni_preview_make(kuni_preview *p, const kuni_run_options *options, bool published,
                              kuni_buffer *faults, kuni_error *err)
{
    *p = (kuni_preview){.run = {.options = options}};
    kuni_status status = make_run(&p->run, faults, err);
    if (!status) status = look(p, published, err);
    if (!status) {
        p->steps = kuni_alloc(p->run.plan.n_nodes, sizeof(kuni_preview_step), err);
        p->shard_order = kuni_alloc(p->run.plan.reads.n_shards, sizeof(uint32_t), err);
        if (!p->steps || !p->shard_order) status = KUNI_MEMORY;
    }
    if (!status) status = kuni_axis_heaviest_first(&p->run.plan.reads, p->shard_order, err);
    if (status) return status;
    add_steps(p);
    add_memory(p);
    for (size_t i = 0; i < p->run.plan.reads.n_places; i++)
        p->genome_bp += p->run.plan.reads.shards[i].bp;
    for (size_t i = 0; i < p->run.cohort.n_samples; i++) {
        if (p->ledger.samples.gone[i])
            p->missing_files += p->run.cohort.samples[i].reads != NULL;
        else if (p->ledger.samples.signatures[i].bytes > 0)
            p->reads_bytes += p->ledger.samples.signatures[i].bytes;
    }
    p->free_bytes = kuni_room_on(p->run.folder);
    return KUNI_OK;
}

void kuni_preview_fini(kuni_preview *p)
{
    kuni_past_fini(&p->past);
    kuni_ledger_fini(&p->ledger);
    kuni_run_fini(&p->run);
    free(p->steps);
    free(p->shard_order);
}
