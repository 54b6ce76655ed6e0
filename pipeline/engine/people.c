/* SPDX-License-Identifier: MIT */
#include "people.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "history.h"
#include "kuni/lines.h"
#include "lock.h"
#include "mark.h"
#include "names.h"
#include "tombstones.h"

enum { UNKNOWN_TOLD = 100 }; /* of ids that nobody has */

typedef struct change {
    const kuni_people_request *request;
    kuni_run run; /* workflow and cohort only */
    kuni_tombstones stones;
    kuni_arena *arena;
    const char **ids;
    size_t n_ids, ids_capacity;
    uint8_t *chosen; /* flags: samples that are named, by themselves or by their participant */
    size_t n_chosen, n_participants;
} change;

/* --- who --- */

static kuni_status add_id(change *c, const char *id, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&c->ids, &c->ids_capacity, c->n_ids + 1, sizeof(char *), err);
    if (status) return status;
    c->ids[c->n_ids] = kuni_arena_strndup(c->arena, id, strlen(id), err);
    return c->ids[c->n_ids++] ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status read_ids(change *c, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->request->n_ids && !status; i++)
        status = add_id(c, c->request->ids[i], err);
    if (status || !c->request->list) return status;
    kuni_lines lines;
    status = kuni_lines_open(&lines, c->request->list, err);
    if (status) return status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        char *fields[KUNI_LINE_FIELDS_MAX];
        size_t n = kuni_line_split(line, '\t', fields);
        if (n == 1 && (!*fields[0] || *fields[0] == '#')) continue;
        if (n != 1)
            status = kuni_fail(err, KUNI_USAGE,
                               "%s:%lld: expected one id of a sample or participant a line",
                               lines.path, (long long)lines.number);
        if (!status) status = add_id(c, fields[0], err);
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}

/* Marks the samples of an id; false where nobody has it. */
static bool choose(change *c, const char *id)
{
    const kuni_cohort *cohort = &c->run.cohort;
    bool found = false;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        if (cohort->people[i].state == KUNI_PERSON_MOVED) continue;
        bool whole = strcmp(cohort->samples[i].participant, id) == 0;
        if (!whole && strcmp(cohort->samples[i].id, id) != 0) continue;
        c->n_participants += whole && !found;
        c->n_chosen += !c->chosen[i];
        c->chosen[i] = 1;
        found = true;
    }
    return found;
}

static kuni_status choose_all(change *c, kuni_buffer *faults, kuni_error *err)
{
    size_t unknown = 0;
    kuni_status status = KUNI_OK;
    c->chosen = kuni_alloc(c->run.cohort.n_samples + 1, 1, err);
    if (!c->chosen) return KUNI_MEMORY;
    for (size_t i = 0; i < c->n_ids && !status; i++) {
        if (choose(c, c->ids[i])) continue;
        if (unknown++ < UNKNOWN_TOLD)
            status = kuni_buffer_printf(faults, err,
                                        "%s: no sample or participant of the dataset\n", c->ids[i]);
    }
    if (!status && unknown)
        status = kuni_fail(err, KUNI_USAGE,
                           "%zu of %zu ids are not known to the dataset: nothing was changed",
                           unknown, c->n_ids);
    if (!status && !c->n_ids)
        status = kuni_fail(err, KUNI_USAGE, "no id is given: use --list FILE or name them");
    return status;
}

/* --- what --- */

static kuni_status change_stones(change *c, const char *date, kuni_error *err)
{
    const kuni_cohort *cohort = &c->run.cohort;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        if (!c->chosen[i]) continue;
        if (c->request->back) {
            (void)kuni_tombstones_remove(&c->stones, "sample", cohort->samples[i].id);
            (void)kuni_tombstones_remove(&c->stones, "participant", cohort->samples[i].participant);
        } else {
            status = kuni_tombstones_add(&c->stones, "sample", cohort->samples[i].id, "unlink",
                                         date, err);
        }
    }
    /* A participant who withdraws does so with samples to come, too. */
    for (size_t k = 0; k < c->n_ids && !status && !c->request->back; k++) {
        bool whole = false;
        for (size_t i = 0; i < cohort->n_samples && !whole; i++)
            whole = strcmp(cohort->samples[i].participant, c->ids[k]) == 0;
        if (whole)
            status = kuni_tombstones_add(&c->stones, "participant", c->ids[k], "unlink", date, err);
    }
    return status;
}

static void change_states(change *c, size_t *changed)
{
    for (size_t i = 0; i < c->run.cohort.n_samples; i++) {
        kuni_person *person = &c->run.cohort.people[i];
        bool out = person->state == KUNI_PERSON_WITHDRAWN;
        if (!c->chosen[i] || out != c->request->back) continue;
        if (c->request->back)
            person->state = person->reason ? KUNI_PERSON_QUARANTINED : KUNI_PERSON_IN;
        else
            person->state = KUNI_PERSON_WITHDRAWN;
        ++*changed;
    }
}

/*
 * Going: the tombstones first, then the register, so that a crash between the two leaves nobody in.
 * Coming back: the other way round.
 */
static kuni_status apply(change *c, size_t *changed, kuni_error *err)
{
    char date[16] = "";
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts)) (void)strftime(date, sizeof(date), "%Y-%m-%d", &parts);
    kuni_status status = change_stones(c, date, err);
    change_states(c, changed);
    if (!status && !c->request->back) status = kuni_tombstones_write(&c->stones, err);
    if (!status) status = kuni_run_write_register(&c->run, err);
    if (!status && c->request->back) status = kuni_tombstones_write(&c->stones, err);
    json_t *entry = json_pack("{sI sI}", "samples", (json_int_t)*changed, "participants",
                              (json_int_t)c->n_participants);
    if (c->request->reason) json_object_set_new(entry, "reason", json_string(c->request->reason));
    if (status) {
        json_decref(entry);
        return status;
    }
    return kuni_history_add(c->run.folder, c->request->back ? "reinstated" : "withdrawn",
                            c->request->by, entry, err);
}

static kuni_status ask(const change *c, kuni_error *err)
{
    char text[512];
    snprintf(text, sizeof(text),
             c->request->back
                 ? "%zu samples of %s come back: the next run publishes with them"
                 : "%zu samples of %s are taken out for good: every manifest is outranked, and the "
                   "next run publishes without them. What was found in them stays in the dataset",
             c->n_chosen, c->run.folder);
    if (c->request->agree && !c->request->agree(c->request->context, text))
        return kuni_fail(err, KUNI_USAGE, "nothing was changed: say --yes to do it");
    return KUNI_OK;
}

static kuni_status open_dataset(change *c, kuni_lock **lock, kuni_buffer *faults, kuni_error *err)
{
    const kuni_people_request *r = c->request;
    bool fresh = false;
    kuni_status status =
        kuni_workflow_read(&c->run.workflow, r->workflow, r->settings, r->n_settings, faults, err);
    if (status) return status;
    c->run.folder = c->run.workflow.dataset;
    if (access(c->run.folder, F_OK) != 0)
        return kuni_fail(err, KUNI_USAGE, "%s: no dataset yet", c->run.folder);
    status = kuni_mark_check(c->run.folder, err);
    if (!status) status = kuni_lock_take(lock, c->run.folder, r->lock_wait_ms, err);
    if (!status) status = kuni_mark_claim(c->run.folder, &fresh, err);
    char *path = status ? NULL : kuni_register_path(c->run.folder, err);
    if (!path) return status ? status : KUNI_MEMORY;
    /* Only a dataset from before the register needs the manifest to know who is who. */
    const kuni_cohort_sources sources = {
        .manifest = access(path, F_OK) == 0 ? NULL : c->run.workflow.cohort,
        .pedigree = c->run.workflow.pedigree,
        .dataset = c->run.folder,
        .batch_size = (size_t)c->run.workflow.batch_size};
    free(path);
    status = kuni_cohort_read(&c->run.cohort, &sources, faults, err);
    return status ? status : kuni_tombstones_read(&c->stones, c->run.folder, err);
}

kuni_status kuni_people_change(const kuni_people_request *request, size_t *changed,
                               kuni_buffer *faults, kuni_error *err)
{
    change c = {.request = request};
    kuni_lock *lock = NULL;
    *changed = 0;
    c.arena = kuni_arena_new(err);
    kuni_status status = c.arena ? read_ids(&c, err) : KUNI_MEMORY;
    if (!status) status = open_dataset(&c, &lock, faults, err);
    if (!status) status = choose_all(&c, faults, err);
    if (!status) status = ask(&c, err);
    if (!status) status = apply(&c, changed, err);
    kuni_tombstones_fini(&c.stones);
    kuni_run_fini(&c.run);
    kuni_lock_release(lock);
    free(c.ids);
    free(c.chosen);
    kuni_arena_free(c.arena);
    return status;
}
