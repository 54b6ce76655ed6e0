/* SPDX-License-Identifier: MIT */
#include "people.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compacting.h"
#include "erase.h"
#include "folder.h"
#include "forget.h"
#include "history.h"
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
    uint8_t *whole;  /* flags: ids of participants */
    uint8_t *chosen; /* flags: samples that are named, by themselves or by their participant */
    size_t n_chosen, n_participants;
    size_t n_erased; /* ids of people who were erased, to be reinstated */
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
    return kuni_ids_read(c->request->list, c->arena, &c->ids, &c->n_ids, &c->ids_capacity, err);
}

/* Marks the samples of an id; false where nobody has it. */
static bool choose(change *c, size_t number)
{
    const kuni_cohort *cohort = &c->run.cohort;
    const char *id = c->ids[number];
    bool found = false;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        kuni_person_state state = cohort->people[i].state;
        if (state == KUNI_PERSON_ERASED || (state == KUNI_PERSON_MOVED && !c->request->erase))
            continue;
        bool whole = strcmp(cohort->samples[i].participant, id) == 0;
        if (!whole && strcmp(cohort->samples[i].id, id) != 0) continue;
        c->n_participants += whole && !c->whole[number];
        c->whole[number] |= whole;
        c->n_chosen += !c->chosen[i];
        c->chosen[i] = 1;
        found = true;
    }
    return found;
}

/* How an id has withdrawn that no row has any more: "unlink", "erase", or NULL. */
static const char *stone_of(const change *c, const char *id, char room[16])
{
    const char *mode = kuni_tombstones_mode(&c->stones, "sample", id, room);
    return mode ? mode : kuni_tombstones_mode(&c->stones, "participant", id, room);
}

/* Nothing is left to be done for the id but at its tombstone. */
static bool is_settled(change *c, const char *id)
{
    char room[16];
    const char *mode = stone_of(c, id, room);
    if (mode && strcmp(mode, "erase") == 0 && c->request->back) c->n_erased++;
    return mode != NULL;
}

static kuni_status choose_all(change *c, kuni_buffer *faults, kuni_error *err)
{
    size_t unknown = 0;
    kuni_status status = KUNI_OK;
    c->chosen = kuni_alloc(c->run.cohort.n_samples + 1, 1, err);
    c->whole = kuni_alloc(c->n_ids + 1, 1, err);
    if (!c->chosen || !c->whole) return KUNI_MEMORY;
    for (size_t i = 0; i < c->n_ids && !status; i++) {
        if (choose(c, i) || is_settled(c, c->ids[i])) continue;
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
    if (!status && c->n_erased && !c->request->anew)
        status = kuni_fail(err, KUNI_USAGE,
                           "%zu of %zu ids were erased: nothing is left to take back. With --anew "
                           "their tombstones go, and a manifest with their reads adds them as new "
                           "people; nothing was changed",
                           c->n_erased, c->n_ids);
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
    for (size_t k = 0; k < c->n_ids && c->request->back; k++) { /* of whom there is no row */
        (void)kuni_tombstones_remove(&c->stones, "sample", c->ids[k]);
        (void)kuni_tombstones_remove(&c->stones, "participant", c->ids[k]);
    }
    /* A participant who withdraws does so with samples to come, too. */
    for (size_t k = 0; k < c->n_ids && !status && !c->request->back; k++) {
        if (c->whole[k])
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

static void say_date(char date[16])
{
    time_t now = time(NULL);
    struct tm parts;
    date[0] = '\0';
    if (gmtime_r(&now, &parts)) (void)strftime(date, 16, "%Y-%m-%d", &parts);
}

/*
 * Going: the tombstones first, then the register, so that a crash between the two leaves nobody in.
 * Coming back: the other way round.
 */
static kuni_status apply(change *c, size_t *changed, kuni_error *err)
{
    char date[16];
    say_date(date);
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
    (void)kuni_folder_guard();
    if (!status) status = kuni_lock_take(lock, c->run.folder, r->lock_wait_ms, err);
    if (!status) status = kuni_mark_claim(c->run.folder, &fresh, err);
    if (!status && !r->erase) status = kuni_erasure_check(c->run.folder, err);
    if (!status) status = kuni_compacting_check(c->run.folder, err);
    char *path = status ? NULL : kuni_register_path(c->run.folder, err);
    if (!path) return status ? status : KUNI_MEMORY;
    /* Only a dataset from before the register needs the manifest to know who is who. */
    const kuni_cohort_sources sources = {
        .manifest = access(path, F_OK) == 0 ? NULL : c->run.workflow.cohort,
        .network = &c->run.workflow.network,
        .pedigree = c->run.workflow.pedigree,
        .dataset = c->run.folder,
        .batch_size = (size_t)c->run.workflow.batch_size};
    free(path);
    status = kuni_cohort_read(&c->run.cohort, &sources, faults, err);
    return status ? status : kuni_tombstones_read(&c->stones, c->run.folder, err);
}

/* --- erasing --- */

/* Participants of samples that stay. */
static kuni_status index_others(const change *c, kuni_names *others, kuni_error *err)
{
    const kuni_cohort *cohort = &c->run.cohort;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++)
        if (!c->chosen[i] && cohort->people[i].state != KUNI_PERSON_ERASED)
            status = kuni_names_add(others, cohort->samples[i].participant, 0, err);
    return status;
}

static kuni_status plan_samples(const change *c, const kuni_names *others, kuni_erasure *e,
                                kuni_error *err)
{
    const kuni_cohort *cohort = &c->run.cohort;
    kuni_status status = KUNI_OK;
    for (size_t b = 0; b < cohort->n_batches; b++) {
        const kuni_batch *batch = &cohort->batches[b];
        for (size_t k = 0; k < batch->n_samples && !status; k++) {
            const kuni_sample *sample = &cohort->samples[batch->first + k];
            if (!c->chosen[batch->first + k]) continue;
            status = kuni_erasure_add_sample(e, sample->id, batch->id, (int64_t)k, err);
            if (!status && kuni_names_find(others, sample->participant) < 0)
                status = kuni_erasure_add_word(e, sample->participant, err);
        }
    }
    return status;
}

/* What is to be done, so that it can be gone on with after a crash. */
static kuni_status plan_erasure(const change *c, kuni_erasure *e, kuni_error *err)
{
    kuni_names others = {.table = NULL};
    kuni_status status = kuni_erasure_say(e, &e->by, c->request->by, err);
    if (!status) status = kuni_erasure_say(e, &e->reason, c->request->reason, err);
    if (!status) status = index_others(c, &others, err);
    if (!status) status = plan_samples(c, &others, e, err);
    kuni_names_fini(&others);
    for (size_t k = 0; k < c->n_ids && !status; k++) {
        char room[16];
        bool whole =
            c->whole[k] || kuni_tombstones_mode(&c->stones, "participant", c->ids[k], room);
        status = whole ? kuni_erasure_add_participant(e, c->ids[k], err)
                       : kuni_erasure_add_word(e, c->ids[k], err);
    }
    return status;
}

static kuni_status check_texts(const kuni_people_request *r, const kuni_erasure *e, kuni_error *err)
{
    kuni_words words;
    const char *const texts[] = {r->by, r->reason};
    kuni_status status = kuni_words_init(&words, err);
    if (!status) status = kuni_erasure_words(e, &words, err);
    for (size_t i = 0; i < 2 && !status; i++) {
        if (!texts[i]) continue;
        if (kuni_words_in(&words, texts[i]))
            status = kuni_fail(err, KUNI_USAGE,
                               "--by and --reason stay in the history: name nobody who is erased "
                               "in them; nothing was changed");
        else if (strpbrk(texts[i], "\t\r\n"))
            status = kuni_fail(err, KUNI_USAGE, "--by and --reason: one line without tabs");
    }
    kuni_words_fini(&words);
    return status;
}

static bool is_empty(const kuni_cohort *cohort)
{
    for (size_t i = 0; i < cohort->n_samples; i++)
        if (cohort->people[i].state != KUNI_PERSON_ERASED) return false;
    return true;
}

typedef struct noted {
    const char *token;
    bool found;
} noted;

static kuni_status look_for_token(void *context, const json_t *entry, kuni_error *err)
{
    noted *n = context;
    const char *token = json_string_value(json_object_get(entry, "token"));
    (void)err;
    n->found = n->found || (token && strcmp(token, n->token) == 0);
    return KUNI_OK;
}

static kuni_status note_erasure(const kuni_erase *e, kuni_error *err)
{
    const kuni_erasure *what = e->erasure;
    noted before = {.token = what->token};
    size_t entries;
    kuni_status status = kuni_history_read(e->run->folder, look_for_token, &before, &entries, err);
    if (status || before.found) return status; /* before a crash */
    json_t *entry = json_pack("{sI sI sI ss}", "samples", (json_int_t)what->n_samples,
                              "participants", (json_int_t)what->n_participants, "batches",
                              (json_int_t)e->n_batches, "token", what->token);
    if (what->reason) json_object_set_new(entry, "reason", json_string(what->reason));
    return kuni_history_add(e->run->folder, "erased", what->by, entry, err);
}

/* Each id once. */
static kuni_status tell_ids(const change *c, const kuni_erasure *what, kuni_error *err)
{
    kuni_words words;
    kuni_status status = kuni_words_init(&words, err);
    if (!status) status = kuni_erasure_words(what, &words, err);
    for (size_t i = 0; i < words.n && !status && c->request->tell; i++)
        c->request->tell(c->request->context, words.ids[i]);
    kuni_words_fini(&words);
    return status;
}

/* Every step may be done again: after a crash all of them are. The marker goes last. */
static kuni_status execute(change *c, kuni_erase *e, kuni_error *err)
{
    const kuni_erasure *what = e->erasure;
    char date[16];
    kuni_status status = KUNI_OK;
    say_date(date);
    for (size_t i = 0; i < what->n_samples && !status; i++)
        status = kuni_tombstones_add(&c->stones, "sample", what->samples[i].id, "erase", date, err);
    for (size_t i = 0; i < what->n_participants && !status; i++)
        status = kuni_tombstones_add(&c->stones, "participant", what->participants[i], "erase",
                                     date, err);
    for (size_t i = 0; i < what->n_words && !status; i++) { /* of whom there was no row any more */
        char room[16];
        if (kuni_tombstones_mode(&c->stones, "sample", what->words[i], room))
            status = kuni_tombstones_add(&c->stones, "sample", what->words[i], "erase", date, err);
    }
    if (!status) status = kuni_tombstones_write(&c->stones, err);
    if (!status) status = kuni_erase_seals(e, err);
    if (!status) kuni_erase_people(e, &c->run.cohort);
    if (!status) status = kuni_run_write_register(&c->run, err);
    if (!status) status = kuni_forget_generations(&c->run, is_empty(&c->run.cohort), err);
    if (!status) status = kuni_forget_files(e, err);
    if (!status) status = note_erasure(e, err);
    if (!status) status = kuni_erasure_remove(c->run.folder, err);
    return status ? status : tell_ids(c, what, err);
}

static kuni_status ask_to_erase(const change *c, const kuni_erase *e, bool again, kuni_error *err)
{
    char text[1024], given_up[256] = "";
    if (e->n_unsealed)
        (void)snprintf(given_up, sizeof(given_up),
                       "; the next run makes %zu batches of stage %s and the like anew from the "
                       "reads",
                       e->n_unsealed, e->unsealable);
    (void)snprintf(text, sizeof(text),
                   "%s%zu samples of %s are erased for good, from %zu batches (%zu files, %.1f GB "
                   "are made again without them), logs and older generations%s. Nothing can bring "
                   "them back. `current` shows them until the next `kuni run` has published; "
                   "backups and exports are yours to deal with",
                   again ? "an erasure that was begun goes on: " : "", e->erasure->n_samples,
                   c->run.folder, e->n_batches, e->n_files, (double)e->bytes / 1e9, given_up);
    if (c->request->agree && !c->request->agree(c->request->context, text))
        return kuni_fail(err, KUNI_USAGE, "nothing was changed: say --yes to do it");
    return KUNI_OK;
}

static bool is_erased_already(const change *c)
{
    for (size_t k = 0; k < c->n_ids; k++) {
        char room[16];
        const char *mode = stone_of(c, c->ids[k], room);
        if (!mode || strcmp(mode, "erase") != 0) return false;
    }
    return true;
}

/* With `again` what an earlier call has begun, else what is chosen. */
static kuni_status erase(change *c, bool again, size_t *changed, kuni_error *err)
{
    kuni_erasure what;
    kuni_erase e = {.run = NULL};
    if (!again && !c->n_chosen && is_erased_already(c)) return KUNI_OK;
    kuni_status status =
        again ? kuni_erasure_read(&what, c->run.folder, err) : kuni_erasure_init(&what, err);
    if (!status && !again) status = plan_erasure(c, &what, err);
    if (!status && !again) status = check_texts(c->request, &what, err);
    if (!status) status = kuni_run_make_plan(&c->run, err);
    if (!status) status = kuni_erase_init(&e, &c->run, &what, err);
    if (!status) status = kuni_erase_check(&e, err);
    if (!status) status = ask_to_erase(c, &e, again, err);
    if (!status && !again) status = kuni_erasure_write(&what, c->run.folder, err);
    if (!status) status = execute(c, &e, err);
    if (!status) *changed += what.n_samples;
    kuni_erase_fini(&e);
    kuni_erasure_fini(&what);
    return status;
}

/* --- all of it --- */

static void change_fini(change *c)
{
    kuni_tombstones_fini(&c->stones);
    kuni_run_fini(&c->run);
    free(c->ids);
    free(c->chosen);
    free(c->whole);
    kuni_arena_free(c->arena);
}

static kuni_status finish_erasure(const kuni_people_request *request, bool *found, size_t *changed,
                                  kuni_buffer *faults, kuni_error *err)
{
    change c = {.request = request};
    kuni_lock *lock = NULL;
    kuni_status status = open_dataset(&c, &lock, faults, err);
    *found = !status && kuni_erasure_stands(c.run.folder);
    if (*found) status = erase(&c, true, changed, err);
    change_fini(&c);
    kuni_lock_release(lock);
    return status;
}

kuni_status kuni_people_change(const kuni_people_request *request, size_t *changed,
                               kuni_buffer *faults, kuni_error *err)
{
    change c = {.request = request};
    kuni_lock *lock = NULL;
    bool finished = false;
    *changed = 0;
    c.arena = kuni_arena_new(err);
    kuni_status status = c.arena ? read_ids(&c, err) : KUNI_MEMORY;
    if (!status && request->erase)
        status = finish_erasure(request, &finished, changed, faults, err);
    if (!status && finished && !c.n_ids) {
        change_fini(&c);
        return KUNI_OK;
    }
    if (!status) status = open_dataset(&c, &lock, faults, err);
    if (!status) status = choose_all(&c, faults, err);
    if (!status && request->erase) {
        status = erase(&c, false, changed, err);
    } else if (!status) {
        status = ask(&c, err);
        if (!status) status = apply(&c, changed, err);
    }
    change_fini(&c);
    kuni_lock_release(lock);
    return status;
}
