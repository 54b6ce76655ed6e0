/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kuni/file.h"
#include "words.h"

static const struct {
    const char *name, *text;
} outs[KUNI_OUTS] = {
    [KUNI_OUT_WITHDRAWN] = {"withdrawn", "has withdrawn from the dataset"},
    [KUNI_OUT_NOT_IN_CALLS] = {"not_in_call_set", "new, quarantined or kept out by the gate"},
    [KUNI_OUT_OTHER_GROUP] = {"other_group", "not of a group that is asked for"},
    [KUNI_OUT_NOT_LISTED] = {"not_listed", "not in the list that is asked for"},
    [KUNI_OUT_NO_CASE] = {"neither_case_nor_control", "by the expressions of the request"},
    [KUNI_OUT_CASE_AND_CONTROL] = {"case_and_control", "by the expressions of the request"},
    [KUNI_OUT_NOT_COUNTED] = {"not_counted",
                              "eligible, but what earlier releases told less this would be of few"},
};

const char *kuni_out_name(kuni_out out)
{
    return outs[out].name;
}

const char *kuni_out_text(kuni_out out)
{
    return outs[out].text;
}

void kuni_today(char day[16])
{
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || !strftime(day, 16, "%Y-%m-%d", &parts))
        (void)snprintf(day, 16, "9999-12-31"); /* a clock that tells no day lets no consent hold */
}

/* What is gathered of a participant over all of their samples. */
typedef struct participant {
    const char *id;
    int64_t sample; /* the one in the call set; -1: none */
    bool withdrawn; /* the whole person, or each of the samples */
    bool anything;  /* a sample that has not withdrawn */
    bool listed;
    const char *release_after; /* the latest */
} participant;

typedef struct selecting {
    kuni_selection *s;
    const kuni_request *request;
    participant *all;
    size_t n;
    uint32_t *of_row;          /* participant of a row of the register; UINT32_MAX: none */
    kuni_names by_id;          /* -> all[] */
    kuni_names left_out;       /* sample ids that the generation is without */
    uint8_t *cases, *controls; /* or NULL */
    kuni_error *err;
} selecting;

/* --- who is in the call set --- */

static kuni_status index_left_out(selecting *g, const json_t *ids)
{
    kuni_status status = KUNI_OK;
    size_t i;
    json_t *id;
    json_array_foreach((json_t *)ids, i, id) if (!status && json_is_string(id)) status =
        kuni_names_add(&g->left_out, json_string_value(id), 0, g->err);
    return status;
}

/* Row -> number of its batch is below that of the published ones. */
static size_t published_rows(const kuni_selection *s)
{
    const kuni_register *all = &s->people_known;
    if (s->published.n_batches && kuni_register_is_compacted(all->batches, all->n_batches))
        return kuni_register_rows_published(all->batches, all->n_batches, all->people);
    size_t n = s->published.n_batches < all->n_batches ? s->published.n_batches : all->n_batches;
    return n ? all->batches[n - 1].first + all->batches[n - 1].n_samples : 0;
}

static kuni_status find_participant(selecting *g, const char *id, size_t *number)
{
    int64_t found = kuni_names_find(&g->by_id, id);
    *number = found >= 0 ? (size_t)found : g->n;
    if (found >= 0) return KUNI_OK;
    g->all[g->n] = (participant){.id = id, .sample = -1};
    return kuni_names_add(&g->by_id, id, (uint32_t)g->n++, g->err);
}

static kuni_status gather_row(selecting *g, size_t row, bool published)
{
    const kuni_selection *s = g->s;
    const kuni_sample *sample = &s->people_known.samples[row];
    const kuni_person *person = &s->people_known.people[row];
    size_t number;
    g->of_row[row] = UINT32_MAX;
    if (person->state == KUNI_PERSON_ERASED || person->state == KUNI_PERSON_MOVED) return KUNI_OK;
    kuni_status status = find_participant(g, sample->participant, &number);
    if (status) return status;
    g->of_row[row] = (uint32_t)number;
    participant *p = &g->all[number];
    const char *day = kuni_person_fact(person, KUNI_FACT_RELEASE_AFTER);
    if (day && (!p->release_after || strcmp(day, p->release_after) > 0)) p->release_after = day;
    if (person->state == KUNI_PERSON_WITHDRAWN ||
        kuni_tombstones_cover(&s->stones, sample->id, sample->participant))
        return KUNI_OK;
    p->anything = true;
    bool in = published && person->state == KUNI_PERSON_IN &&
              kuni_names_find(&g->left_out, sample->id) < 0;
    if (in && p->sample >= 0)
        return kuni_fail(g->err, KUNI_USAGE,
                         "participant %s has two samples in the call set, and a release counts "
                         "people: run 'kuni run' again, whose gate chooses one (`primary` of the "
                         "manifest says which)",
                         sample->participant);
    if (in) p->sample = (int64_t)row;
    return KUNI_OK;
}

static kuni_status gather(selecting *g)
{
    kuni_selection *s = g->s;
    size_t n = s->people_known.n, n_published = published_rows(s);
    g->all = kuni_alloc(n + 1, sizeof(*g->all), g->err);
    g->of_row = kuni_alloc(n + 1, sizeof(*g->of_row), g->err);
    kuni_status status = g->all && g->of_row ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = index_left_out(g, s->published.quarantined);
    if (!status) status = index_left_out(g, s->published.gated);
    for (size_t row = 0; row < n && !status; row++) status = gather_row(g, row, row < n_published);
    for (size_t i = 0; i < g->n; i++) g->all[i].withdrawn = !g->all[i].anything;
    s->n_participants = g->n;
    return status;
}

/* --- who is asked for --- */

static kuni_status read_list(selecting *g, kuni_faults *faults)
{
    const char **ids = NULL;
    size_t n = 0, capacity = 0;
    if (!g->request->list) return KUNI_OK;
    kuni_status status = kuni_ids_read(g->request->list, g->s->arena, &ids, &n, &capacity, g->err);
    for (size_t i = 0; i < n && !status; i++) {
        int64_t at = kuni_names_find(&g->by_id, ids[i]);
        if (at >= 0)
            g->all[at].listed = true;
        else if (!kuni_tombstones_cover(&g->s->stones, NULL, ids[i]))
            kuni_faults_add(faults, NULL, 0, 0,
                            "'%.100s' is no participant of the dataset; expected participant ids, "
                            "one a line",
                            ids[i]);
    }
    free(ids);
    return status;
}

static kuni_status match_phenotypes(selecting *g, kuni_faults *faults)
{
    const kuni_request *q = g->request;
    kuni_selection *s = g->s;
    kuni_status status = KUNI_OK;
    if (!q->phenotypes || !q->ontology) return KUNI_OK;
    status = kuni_phenotypes_read(&s->phenotypes, q->phenotypes, q->ontology, &g->by_id, g->n,
                                  faults, g->err);
    s->n_foreign = s->phenotypes.n_foreign;
    if (status || !kuni_faults_none(faults)) return status;
    if (q->case_people && !(g->cases = kuni_alloc(g->n + 1, 1, g->err))) return KUNI_MEMORY;
    if (q->control_people && !(g->controls = kuni_alloc(g->n + 1, 1, g->err))) return KUNI_MEMORY;
    if (g->cases)
        status = kuni_expression_match(q->case_people, &s->phenotypes, q->ontology, q->as_of,
                                       g->cases, g->err);
    if (g->controls && !status)
        status = kuni_expression_match(q->control_people, &s->phenotypes, q->ontology, q->as_of,
                                       g->controls, g->err);
    return status;
}

typedef kuni_status table_reader(selecting *g, kuni_faults *faults);

/* A table with faults of its own, which are told with its name. */
static kuni_status read_table(selecting *g, const char *path, table_reader *read,
                              kuni_buffer *faults)
{
    kuni_faults found;
    kuni_status status = path ? kuni_faults_init(&found, path, g->err) : KUNI_OK;
    if (status || !path) return status;
    status = read(g, &found);
    if (!status) status = kuni_faults_report(&found, KUNI_DATA, faults, g->err);
    kuni_faults_fini(&found);
    return status;
}

static bool is_listed(const kuni_text_list *list, const char *text)
{
    for (size_t i = 0; i < list->n && text; i++)
        if (strcmp(list->texts[i], text) == 0) return true;
    return false;
}

/* KUNI_OUTS: asked for. */
static kuni_out why_out(const selecting *g, size_t number)
{
    const participant *p = &g->all[number];
    if (p->withdrawn) return KUNI_OUT_WITHDRAWN;
    if (p->sample < 0) return KUNI_OUT_NOT_IN_CALLS;
    const kuni_text_list *groups = &g->request->groups;
    if (groups->n && !is_listed(groups, g->s->people_known.samples[p->sample].group))
        return KUNI_OUT_OTHER_GROUP;
    if (g->request->list && !p->listed) return KUNI_OUT_NOT_LISTED;
    bool is_case = g->cases && g->cases[number], is_control = g->controls && g->controls[number];
    if (is_case && is_control) return KUNI_OUT_CASE_AND_CONTROL;
    return (g->cases || g->controls) && !is_case && !is_control ? KUNI_OUT_NO_CASE : KUNI_OUTS;
}

/* --- consent --- */

/* Whether another sample of the participant tells of another consent. */
static uint8_t *find_contradictions(const selecting *g)
{
    const kuni_register *all = &g->s->people_known;
    uint8_t *differs = kuni_alloc(g->n + 1, 1, g->err);
    for (size_t row = 0; differs && row < all->n; row++) {
        if (g->of_row[row] == UINT32_MAX) continue;
        const participant *p = &g->all[g->of_row[row]];
        if (p->sample < 0 || (size_t)p->sample == row) continue;
        const char *here = kuni_person_fact(&all->people[row], KUNI_FACT_CONSENT);
        const char *there = kuni_person_fact(&all->people[p->sample], KUNI_FACT_CONSENT);
        if (here && (!there || strcmp(here, there) != 0)) differs[g->of_row[row]] = 1;
    }
    return differs;
}

static kuni_decision decide(const selecting *g, const kuni_use *use, size_t number, bool differs)
{
    const participant *p = &g->all[number];
    const kuni_person *person = &g->s->people_known.people[p->sample];
    const kuni_consent_facts facts = {
        kuni_person_fact(person, KUNI_FACT_CONSENT), kuni_person_fact(person, KUNI_FACT_FORM),
        kuni_person_fact(person, KUNI_FACT_FORM_DATE), p->release_after};
    if (differs) return (kuni_decision){KUNI_MATCH_DENY, KUNI_REASON_CONSENT_CONTRADICTS};
    return kuni_consent_match(use, &facts);
}

static void add_person(selecting *g, size_t number, kuni_reason reason)
{
    kuni_selection *s = g->s;
    size_t row = (size_t)g->all[number].sample;
    const kuni_sample *sample = &s->people_known.samples[row];
    const kuni_person *person = &s->people_known.people[row];
    const char *recontact = kuni_person_fact(person, KUNI_FACT_RECONTACT);
    s->people[s->n++] =
        (kuni_released){.sample = (uint32_t)row,
                        .id = sample->id,
                        .participant = sample->participant,
                        .group = sample->group,
                        .custodian = kuni_person_fact(person, KUNI_FACT_CUSTODIAN),
                        .sex = sample->sex,
                        .role = g->cases && g->cases[number]         ? KUNI_ROLE_CASE
                                : g->controls && g->controls[number] ? KUNI_ROLE_CONTROL
                                                                     : KUNI_ROLE_NONE,
                        .recontact = recontact && strcmp(recontact, "yes") == 0,
                        .reason = reason,
                        .column = -1};
}

static int by_row(const void *a, const void *b)
{
    const kuni_released *x = a, *y = b;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static kuni_status choose(selecting *g)
{
    kuni_selection *s = g->s;
    kuni_use use = kuni_request_use(g->request, s->today);
    uint8_t *differs = find_contradictions(g);
    s->people = kuni_arena_alloc(s->arena, g->n + 1, sizeof(*s->people), g->err);
    kuni_status status = differs && s->people ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < g->n && !status; i++) {
        kuni_out out = why_out(g, i);
        if (out != KUNI_OUTS) {
            s->out[out]++;
            continue;
        }
        kuni_decision decision = decide(g, &use, i, differs[i]);
        s->by_reason[decision.reason]++;
        if (decision.match == KUNI_MATCH_ALLOW) add_person(g, i, decision.reason);
    }
    if (s->people && s->n > 1) qsort(s->people, s->n, sizeof(*s->people), by_row);
    free(differs);
    return status;
}

/* --- the dataset --- */

static kuni_status open_dataset(kuni_selection *s, kuni_error *err)
{
    char *path = kuni_path_join(s->folder, "register.tsv", err);
    kuni_status status =
        path ? kuni_register_read(&s->people_known, path, s->arena, err) : KUNI_MEMORY;
    free(path);
    if (!status) status = kuni_tombstones_read(&s->stones, s->folder, err);
    if (!status) status = kuni_published_read(&s->published, s->folder, err);
    s->generation = kuni_published_generation(s->folder);
    if (!status && !s->published.json)
        status = kuni_fail(err, KUNI_USAGE,
                           "%s has published nothing yet: run 'kuni run' on its workflow first",
                           s->folder);
    return status;
}

kuni_status kuni_selection_make(kuni_selection *s, const kuni_request *request, const char *folder,
                                const char *today, kuni_buffer *faults, kuni_error *err)
{
    *s = (kuni_selection){.arena = kuni_arena_new(err), .folder = kuni_strdup(folder, err)};
    (void)snprintf(s->today, sizeof(s->today), "%s", today);
    selecting g = {.s = s, .request = request, .err = err};
    kuni_status status = s->arena && s->folder ? open_dataset(s, err) : KUNI_MEMORY;
    if (!status) status = gather(&g);
    if (!status) status = read_table(&g, request->list, read_list, faults);
    if (!status) status = read_table(&g, request->phenotypes, match_phenotypes, faults);
    if (!status) status = choose(&g);
    kuni_names_fini(&g.by_id);
    kuni_names_fini(&g.left_out);
    free(g.all);
    free(g.of_row);
    free(g.cases);
    free(g.controls);
    return status;
}

void kuni_selection_hold_back(kuni_selection *s, const bool *waits)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!waits[i]) {
            s->people[n++] = s->people[i];
            continue;
        }
        s->out[KUNI_OUT_NOT_COUNTED]++;
        s->by_reason[s->people[i].reason]--;
    }
    s->n = n;
}

void kuni_selection_fini(kuni_selection *s)
{
    kuni_phenotypes_fini(&s->phenotypes);
    kuni_tombstones_fini(&s->stones);
    kuni_published_fini(&s->published);
    free(s->folder);
    kuni_arena_free(s->arena);
    *s = (kuni_selection){.people = NULL};
}

kuni_status kuni_selection_check(const kuni_selection *s, kuni_error *err)
{
    kuni_tombstones now = {.folder = NULL};
    size_t gone = 0;
    kuni_status status = kuni_tombstones_read(&now, s->folder, err);
    for (size_t i = 0; i < s->n && !status; i++)
        gone += kuni_tombstones_cover(&now, s->people[i].id, s->people[i].participant);
    if (gone)
        status = kuni_fail(err, KUNI_AGAIN,
                           "%zu of the selected have withdrawn while the release was made: nothing "
                           "is handed over; run the same command again",
                           gone);
    kuni_tombstones_fini(&now);
    return status;
}
