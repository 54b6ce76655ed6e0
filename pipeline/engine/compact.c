/* SPDX-License-Identifier: MIT */
#include "compact.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "combined.h"
#include "compacting.h"
#include "erasure.h"
#include "folder.h"
#include "history.h"
#include "injection.h"
#include "lock.h"
#include "mark.h"
#include "past.h"
#include "reference.h"
#include "room.h"
#include "seals.h"

typedef struct group {
    size_t first, n, into; /* of the batches as they are; the batch of those that there will be */
} group;

typedef struct compacting {
    const kuni_compact_request *request;
    kuni_compact_result *result;
    kuni_run_options options;
    kuni_run run;   /* as the dataset stands */
    kuni_run after; /* the same with the new batches; owns nothing */
    kuni_ledger ledger;
    kuni_past past;
    kuni_names folders; /* of the plan's steps */
    group *groups;
    size_t n_groups, capacity;
    kuni_arena *arena;
    kuni_lock *lock;
} compacting;

/* --- the dataset --- */

static kuni_status open_dataset(compacting *c, kuni_buffer *faults, kuni_error *err)
{
    const kuni_compact_request *r = c->request;
    kuni_run *run = &c->run;
    bool fresh = false;
    kuni_status status =
        kuni_workflow_read(&run->workflow, r->workflow, r->settings, r->n_settings, faults, err);
    if (status) return status;
    run->folder = run->workflow.dataset;
    run->size = 1;
    if (access(run->folder, F_OK) != 0)
        return kuni_fail(err, KUNI_USAGE, "%s: no dataset yet", run->folder);
    status = kuni_mark_check(run->folder, err);
    (void)kuni_folder_guard();
    if (!status) status = kuni_lock_take(&c->lock, run->folder, r->lock_wait_ms, err);
    if (!status) status = kuni_mark_claim(run->folder, &fresh, err);
    if (!status) status = kuni_erasure_check(run->folder, err);
    char *path = status ? NULL : kuni_register_path(run->folder, err);
    if (!path) return status ? status : KUNI_MEMORY;
    if (access(path, F_OK) != 0)
        status = kuni_fail(err, KUNI_USAGE, "%s: missing: publish with `kuni run` first", path);
    free(path);
    const kuni_cohort_sources sources = {.network = &run->workflow.network,
                                         .pedigree = run->workflow.pedigree,
                                         .dataset = run->folder,
                                         .batch_size = (size_t)run->workflow.batch_size};
    return status ? status : kuni_cohort_read(&run->cohort, &sources, faults, err);
}

static kuni_status make_plan(compacting *c, kuni_error *err)
{
    kuni_run *run = &c->run;
    kuni_status status = kuni_run_make_plan(run, err);
    for (size_t i = 0; i < run->plan.n_nodes && !status; i++)
        status = kuni_names_add(&c->folders, run->plan.nodes[i].folder, (uint32_t)i, err);
    return status;
}

/* Every seal is held against the workflow's settings, and every sealed file is looked at. */
static kuni_status load(compacting *c, kuni_error *err)
{
    kuni_run *run = &c->run;
    char *journal = kuni_path_join(run->folder, "journal", err);
    kuni_status status = journal ? kuni_ledger_init(&c->ledger, run, err) : KUNI_MEMORY;
    if (!status) status = kuni_past_read(&c->past, &c->ledger, journal, err);
    if (!status) kuni_ledger_mark_absent(&c->ledger);
    if (!status) status = kuni_reference_digests(run, false, NULL, err);
    if (!status) status = kuni_keys_init(&c->ledger.keys, run, &c->past.known_files, NULL, err);
    if (!status) status = kuni_seals_load(&c->ledger, false, err);
    free(journal);
    return status;
}

/* --- which batches --- */

static kuni_seal_state state_of(const compacting *c, size_t node, size_t batch)
{
    return (kuni_seal_state)c->ledger.sealed[node * c->run.plan.n_batches + batch];
}

static bool has_tasks(const compacting *c, size_t node, size_t batch)
{
    const kuni_plan *plan = &c->run.plan;
    for (size_t task = batch; task < plan->nodes[node].n_tasks; task += plan->n_batches)
        if (kuni_task_table_state(&c->ledger.table, node, task) != KUNI_TASK_ABSENT) return true;
    return false;
}

/* Why the step's files of a batch cannot be put together with others; NULL: they can. */
static const char *hindrance(const compacting *c, size_t node, size_t batch)
{
    const kuni_node *n = &c->run.plan.nodes[node];
    kuni_seal_state state = state_of(c, node, batch);
    if (state == KUNI_SEAL_NONE && has_tasks(c, node, batch))
        return "is not done yet: `kuni run` first";
    if (state != KUNI_SEAL_FILES) return NULL;
    if (n->folded_by) return "has files that the next `kuni run` sums up";
    return n->step->combine ? NULL : "cannot put its files together";
}

/* Whether all that is made of the batch's reads is sealed, by steps that can put their files together. */
static bool is_ready(const compacting *c, size_t batch)
{
    const kuni_plan *plan = &c->run.plan;
    kuni_compact_result *result = c->result;
    bool any = false;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_ledger_has_seal(&plan->nodes[i])) continue;
        const char *why = hindrance(c, i, batch);
        if (why && !result->hindered++)
            (void)snprintf(result->hindrance, sizeof(result->hindrance), "%s: step %s %s",
                           c->run.cohort.batches[batch].id, plan->nodes[i].folder, why);
        if (why) return false;
        any = any || state_of(c, i, batch) != KUNI_SEAL_NONE;
    }
    return any;
}

static bool go_together(const compacting *c, size_t a, size_t b)
{
    for (size_t i = 0; i < c->run.plan.n_nodes; i++)
        if (state_of(c, i, a) != state_of(c, i, b)) return false;
    return true;
}

static kuni_status add_group(compacting *c, size_t first, size_t n, kuni_error *err)
{
    if (n < 2) return KUNI_OK;
    kuni_status status =
        kuni_grow((void **)&c->groups, &c->capacity, c->n_groups + 1, sizeof(group), err);
    if (!status) c->groups[c->n_groups++] = (group){.first = first, .n = n};
    return status;
}

/* Runs of small batches that follow one another, each as long as the people fit into one batch. */
static kuni_status choose(compacting *c, kuni_error *err)
{
    const kuni_cohort *cohort = &c->run.cohort;
    size_t most = (size_t)c->run.workflow.batch_size, n = 0, people = 0, first = 0;
    size_t below = c->request->below ? (size_t)c->request->below : most / 2;
    kuni_status status = KUNI_OK;
    for (size_t b = 0; b < cohort->n_batches && !status; b++) {
        size_t size = cohort->batches[b].n_samples;
        bool small = size < below && is_ready(c, b);
        if (n && (!small || people + size > most || !go_together(c, first, b))) {
            status = add_group(c, first, n, err);
            n = people = 0;
        }
        if (!small) continue;
        if (!n) first = b;
        n++;
        people += size;
    }
    return status ? status : add_group(c, first, n, err);
}

/* Steps of other workflows that share the dataset have seals by the old names. */
static kuni_status check_strangers(const compacting *c, kuni_error *err)
{
    uint8_t *old = kuni_arena_alloc(c->arena, c->run.cohort.n_batches + 1, 1, err);
    if (!old) return KUNI_MEMORY;
    memset(old, 0, c->run.cohort.n_batches);
    for (size_t g = 0; g < c->n_groups; g++) memset(old + c->groups[g].first, 1, c->groups[g].n);
    return kuni_seals_check_strangers(&c->run, &c->folders, old, c->arena, err);
}

/* The batches that there will be: everybody keeps their place. */
static kuni_status make_after(compacting *c, kuni_error *err)
{
    const kuni_cohort *cohort = &c->run.cohort;
    size_t next = kuni_register_next_batch(cohort->batches, cohort->n_batches), n = 0, g = 0;
    kuni_batch *batches = kuni_arena_alloc(c->arena, cohort->n_batches + 1, sizeof(*batches), err);
    if (!batches) return KUNI_MEMORY;
    for (size_t b = 0; b < cohort->n_batches;) {
        if (g == c->n_groups || c->groups[g].first != b) {
            batches[n++] = cohort->batches[b++];
            continue;
        }
        char name[32];
        kuni_register_batch_name(next++, name);
        kuni_batch *all = &batches[n];
        *all = (kuni_batch){.id = kuni_arena_strndup(c->arena, name, strlen(name), err),
                            .first = cohort->batches[b].first};
        if (!all->id) return KUNI_MEMORY;
        for (size_t k = 0; k < c->groups[g].n; k++)
            all->n_samples += cohort->batches[b++].n_samples;
        c->groups[g++].into = n++;
    }
    c->after = c->run;
    c->after.cohort.batches = batches;
    c->after.cohort.n_batches = n;
    return KUNI_OK;
}

/* --- before it is done --- */

static kuni_combined combined_of(compacting *c, const group *g)
{
    return (kuni_combined){
        .ledger = &c->ledger, .after = &c->after, .first = g->first, .n = g->n, .into = g->into};
}

static kuni_status look_at_group(compacting *c, const group *g, kuni_error *err)
{
    kuni_combined_sum sum = {.files = 0};
    const kuni_combined what = combined_of(c, g);
    const kuni_batch *into = &c->after.cohort.batches[g->into];
    const kuni_batch *old = &c->run.cohort.batches[g->first];
    kuni_status status = kuni_combined_weigh(&what, &sum, err);
    if (status) return status;
    char text[256];
    (void)snprintf(text, sizeof(text), "%s: %zu people of %zu batches, %s to %s: %.3f MB", into->id,
                   into->n_samples, g->n, old->id, old[g->n - 1].id, (double)sum.bytes / 1e6);
    if (c->request->tell) c->request->tell(c->request->context, text);
    c->result->batches += g->n;
    c->result->into++;
    c->result->people += into->n_samples;
    c->result->bytes += sum.bytes;
    return KUNI_OK;
}

static kuni_status check_room(const compacting *c, kuni_error *err)
{
    int64_t room = kuni_room_on(c->run.folder), needed = c->result->bytes + c->result->bytes / 10;
    if (room < 0 || room >= needed) return KUNI_OK;
    return kuni_fail(
        err, KUNI_IO,
        "the new files need up to %.3f GB beside the old ones, and %s has %.3f GB left: "
        "make room, nothing was changed",
        (double)needed / 1e9, c->run.folder, (double)room / 1e9);
}

static kuni_status ask(const compacting *c, kuni_error *err)
{
    char text[512];
    (void)snprintf(
        text, sizeof(text),
        "%zu batches of %s become %zu (%zu people, %.3f GB of sealed files are made anew "
        "from themselves). Nobody's column or genotype changes; the next run computes "
        "what is made of all samples again, and removes the old files",
        c->result->batches, c->run.folder, c->result->into, c->result->people,
        (double)c->result->bytes / 1e9);
    if (c->request->agree && !c->request->agree(c->request->context, text))
        return kuni_fail(err, KUNI_USAGE, "nothing was changed: say --yes to do it");
    return KUNI_OK;
}

/* --- notes of what was begun --- */

static kuni_status note_begin(const compacting *c, kuni_compacting *what, kuni_error *err)
{
    *what = (kuni_compacting){
        .groups = kuni_arena_alloc(c->arena, c->n_groups + 1, sizeof(*what->groups), err)};
    if (!what->groups) return KUNI_MEMORY;
    for (; what->n < c->n_groups; what->n++) {
        const group *g = &c->groups[what->n];
        const char **old = kuni_arena_alloc(c->arena, g->n, sizeof(*old), err);
        if (!old) return KUNI_MEMORY;
        for (size_t k = 0; k < g->n; k++) old[k] = c->run.cohort.batches[g->first + k].id;
        what->groups[what->n] = (kuni_compacting_group){
            .name = c->after.cohort.batches[g->into].id, .old = old, .n_old = g->n};
    }
    return kuni_compacting_write(what, c->run.folder, err);
}

static kuni_status remove_seals(const compacting *c, const char *batch, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->run.plan.n_nodes && !status; i++) {
        const char *path = kuni_run_path(&c->run, c->arena, err, "sealed/%s/%s.tsv",
                                         c->run.plan.nodes[i].folder, batch);
        if (!path) status = KUNI_MEMORY;
        if (path && unlink(path) != 0 && errno != ENOENT)
            status = kuni_fail_errno(err, "cannot remove %s", path);
    }
    return status;
}

static bool is_old(const kuni_compacting *what, const char *batch)
{
    for (size_t g = 0; g < what->n; g++)
        for (size_t k = 0; k < what->groups[g].n_old; k++)
            if (strcmp(what->groups[g].old[k], batch) == 0) return true;
    return false;
}

/* Nothing of batches that are no more; and nobody who is erased later has to look for them. */
static kuni_status keep_others(void *context, json_t *record, bool *keep, kuni_error *err)
{
    const char *batch = json_string_value(json_object_get(record, "b"));
    (void)err;
    *keep = !batch || !is_old(context, batch);
    return KUNI_OK;
}

static kuni_status list_seals(const compacting *c, const kuni_compacting *what, json_t *list,
                              kuni_error *err)
{
    for (size_t g = 0; g < what->n; g++)
        for (size_t i = 0; i < c->run.plan.n_nodes; i++) {
            const char *folder = c->run.plan.nodes[i].folder;
            const char *seal = kuni_run_path(&c->run, c->arena, err, "sealed/%s/%s.tsv", folder,
                                             what->groups[g].name);
            if (!seal) return KUNI_MEMORY;
            if (access(seal, F_OK) == 0 &&
                json_array_append_new(list, json_pack("{ss ss ss}", "t", "sealed", "n", folder, "b",
                                                      what->groups[g].name)))
                return kuni_fail_memory(err, 1, 1);
        }
    return KUNI_OK;
}

/* The journal promises the seals that there are now. */
static kuni_status note_seals(const compacting *c, kuni_compacting *what, kuni_error *err)
{
    kuni_journal *journal = NULL;
    kuni_journal_counts counts;
    kuni_error ignored = KUNI_ERROR_INIT;
    json_t *list = json_array();
    const char *path = kuni_run_path(&c->run, c->arena, err, "journal");
    kuni_status status = !list  ? kuni_fail_memory(err, 1, 1)
                         : path ? kuni_journal_open(&journal, path, err)
                                : KUNI_MEMORY;
    if (!status) status = list_seals(c, what, list, err);
    if (!status) status = kuni_journal_compact(journal, keep_others, what, list, &counts, err);
    kuni_status closed = kuni_journal_close(journal, status ? &ignored : err);
    json_decref(list);
    return status ? status : closed;
}

/* The register names the new batches: what is left of the old ones goes. */
static kuni_status finish(const compacting *c, kuni_compacting *what, kuni_error *err)
{
    size_t old = 0;
    kuni_status status = note_seals(c, what, err);
    for (size_t g = 0; g < what->n && !status; g++)
        for (size_t k = 0; k < what->groups[g].n_old && !status; k++, old++)
            status = remove_seals(c, what->groups[g].old[k], err);
    kuni_injection_crash_at("compact.seals");
    if (!status)
        status = kuni_history_add(
            c->run.folder, "compacted", c->request->by,
            json_pack("{sI sI}", "batches", (json_int_t)old, "into", (json_int_t)what->n), err);
    return status ? status : kuni_compacting_remove(c->run.folder, err);
}

/* Before the register knows of them the new seals are nothing. */
static kuni_status undo(const compacting *c, const kuni_compacting *what, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t g = 0; g < what->n && !status; g++)
        status = remove_seals(c, what->groups[g].name, err);
    return status ? status : kuni_compacting_remove(c->run.folder, err);
}

static bool knows_batch(const kuni_cohort *cohort, const char *name)
{
    for (size_t b = 0; b < cohort->n_batches; b++)
        if (strcmp(cohort->batches[b].id, name) == 0) return true;
    return false;
}

/* What an earlier call has begun: is finished where the register knows of it, and else undone. */
static kuni_status go_on(const compacting *c, kuni_error *err)
{
    kuni_compacting what;
    bool found;
    kuni_status status = kuni_compacting_read(&what, c->run.folder, c->arena, &found, err);
    if (status || !found || !what.n) return status;
    if (knows_batch(&c->run.cohort, what.groups[0].name)) return finish(c, &what, err);
    return undo(c, &what, err);
}

/* --- doing it --- */

static kuni_status make_all(compacting *c, kuni_combined_sum *sum, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t g = 0; g < c->n_groups && !status; g++) {
        const kuni_combined one = combined_of(c, &c->groups[g]);
        status = kuni_combined_make(&one, sum, err);
        kuni_injection_crash_at("compact.group");
    }
    return status ? status : kuni_lock_check(c->lock, err);
}

static kuni_status execute(compacting *c, kuni_error *err)
{
    kuni_combined_sum sum = {.files = 0};
    kuni_compacting what;
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status status = note_begin(c, &what, err);
    if (status) return status;
    status = make_all(c, &sum, err);
    if (status) {
        kuni_status undone = undo(c, &what, &ignored);
        (void)undone; /* else the next call does it */
        return status;
    }
    kuni_injection_crash_at("compact.register");
    status = kuni_run_write_register(&c->after, err);
    kuni_injection_crash_at("compact.registered");
    if (!status) status = finish(c, &what, err);
    c->result->files = sum.files;
    c->result->bytes_after = sum.bytes_after;
    return status;
}

static kuni_status do_all(compacting *c, kuni_buffer *faults, kuni_error *err)
{
    kuni_status status = open_dataset(c, faults, err);
    if (!status) status = make_plan(c, err);
    if (!status && c->request->dry_run)
        status = kuni_compacting_check(c->run.folder, err);
    else if (!status)
        status = go_on(c, err);
    if (!status) status = load(c, err);
    if (!status) status = choose(c, err);
    if (!status) status = check_strangers(c, err);
    if (!status) status = make_after(c, err);
    for (size_t g = 0; g < c->n_groups && !status; g++)
        status = look_at_group(c, &c->groups[g], err);
    if (status || !c->n_groups || c->request->dry_run) return status;
    status = check_room(c, err);
    if (!status) status = ask(c, err);
    return status ? status : execute(c, err);
}

kuni_status kuni_compact(const kuni_compact_request *request, kuni_compact_result *result,
                         kuni_buffer *faults, kuni_error *err)
{
    compacting c = {.request = request,
                    .result = result,
                    .options = {.workflow = request->workflow,
                                .settings = request->settings,
                                .n_settings = request->n_settings,
                                .jobs = 1}};
    *result = (kuni_compact_result){.batches = 0};
    c.run.options = &c.options;
    c.arena = kuni_arena_new(err);
    kuni_status status = c.arena ? do_all(&c, faults, err) : KUNI_MEMORY;
    kuni_past_fini(&c.past);
    if (c.ledger.run) kuni_ledger_fini(&c.ledger);
    kuni_names_fini(&c.folders);
    kuni_run_fini(&c.run);
    free(c.groups);
    kuni_arena_free(c.arena);
    kuni_lock_release(c.lock);
    return status;
}
