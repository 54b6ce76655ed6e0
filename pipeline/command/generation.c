/* SPDX-License-Identifier: MIT */
#include "generation.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history.h"
#include "kuni/lines.h"
#include "scan.h"

enum { DATASET_JSON_BYTES_MAX = 1 << 28 };

/* --- one generation --- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* "generations 6 and 7 are there". */
static void list_generations(const char *dataset, char *room, size_t bytes)
{
    enum { LISTED_MAX = 16 };
    int64_t numbers[LISTED_MAX];
    size_t n = 0, length = 0;
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(dataset, "generations", &ignored);
    DIR *dir = path ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) && n < LISTED_MAX;) {
        uint64_t number;
        if (kuni_scan(entry->d_name, "#", &number) && number <= INT64_MAX)
            numbers[n++] = (int64_t)number;
    }
    if (dir) closedir(dir);
    free(path);
    if (n > 1) qsort(numbers, n, sizeof(numbers[0]), by_number);
    (void)snprintf(room, bytes, "no");
    for (size_t i = 0; i < n && length < bytes; i++)
        length += (size_t)snprintf(room + length, bytes - length, "%s%" PRId64,
                                   i == 0       ? ""
                                   : i + 1 == n ? " and "
                                                : ", ",
                                   numbers[i]);
}

static kuni_status find_number(kuni_generation *g, const char *dataset, const char *text,
                               kuni_error *err)
{
    char name[64], there[256];
    int64_t number;
    if (!kuni_text_int(text, 1, INT64_MAX, &number))
        return kuni_fail(err, KUNI_USAGE,
                         "'%s': expected the number of a generation, 'current', or the folder of "
                         "a generation",
                         text);
    (void)snprintf(name, sizeof(name), "generations/%06" PRId64, number);
    char *path = kuni_path_join(dataset, name, err);
    if (!path) return KUNI_MEMORY;
    g->folder = realpath(path, NULL);
    free(path);
    if (g->folder) return KUNI_OK;
    list_generations(dataset, there, sizeof(there));
    return kuni_fail(err, KUNI_USAGE,
                     "%s has no generation %" PRId64 " (any more): there is %s. `keep` of the "
                     "workflow says how many stay; a copy can be named by its folder",
                     dataset, number, there);
}

/* Whether the folder is one of a dataset's generations, and of which. */
static kuni_status place_it(kuni_generation *g, kuni_error *err)
{
    uint64_t number;
    const char *name = strrchr(g->folder, '/');
    static const char above[] = "/generations";
    size_t length = name ? (size_t)(name - g->folder) : 0, n = sizeof(above) - 1;
    if (length <= n || strncmp(name - n, above, n) != 0 || !kuni_scan(name + 1, "#", &number) ||
        number > INT64_MAX)
        return KUNI_OK;
    g->dataset = kuni_strdup(g->folder, err);
    if (!g->dataset) return KUNI_MEMORY;
    g->dataset[length - n] = '\0';
    g->number = (int64_t)number;
    return KUNI_OK;
}

static kuni_status read_description(kuni_generation *g, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(g->folder, "dataset.json", err);
    if (!path) return KUNI_MEMORY;
    kuni_status status =
        access(path, F_OK) != 0
            ? kuni_fail(err, KUNI_USAGE, "%s is no generation: there is no dataset.json in it",
                        g->folder)
            : kuni_file_get(path, DATASET_JSON_BYTES_MAX, &text, err);
    if (!status) {
        g->json = json_loadb(text.data, text.length, 0, NULL);
        if (!json_is_object(json_object_get(g->json, "files")))
            status = kuni_fail(err, KUNI_IO, "%s is damaged: put it back from a backup", path);
    }
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status kuni_generation_open(kuni_generation *g, const char *dataset, const char *text,
                                 kuni_error *err)
{
    *g = (kuni_generation){.number = 0};
    struct stat st;
    kuni_status status = KUNI_OK;
    if (dataset && strcmp(text, "current") == 0) {
        char *path = kuni_path_join(dataset, text, err);
        if (!path) return KUNI_MEMORY;
        g->folder = realpath(path, NULL);
        free(path);
        if (!g->folder)
            status = kuni_fail(err, KUNI_USAGE, "%s: nothing is published yet", dataset);
    } else if (strchr(text, '/') || !dataset || (stat(text, &st) == 0 && S_ISDIR(st.st_mode))) {
        g->folder = realpath(text, NULL);
        if (!g->folder) status = kuni_fail_errno(err, "cannot open %s", text);
    } else {
        status = find_number(g, dataset, text, err);
    }
    if (!status) status = read_description(g, err);
    if (!status) status = place_it(g, err);
    if (g->number) (void)snprintf(g->title, sizeof(g->title), "generation %" PRId64, g->number);
    return status;
}

void kuni_generation_close(kuni_generation *g)
{
    free(g->folder);
    free(g->dataset);
    json_decref(g->json);
    *g = (kuni_generation){.number = 0};
}

static json_t *file_of(const kuni_generation *g, const char *name)
{
    return json_object_get(json_object_get(g->json, "files"), name);
}

bool kuni_generation_has(const kuni_generation *g, const char *name)
{
    return file_of(g, name) != NULL;
}

kuni_status kuni_generation_file(const kuni_generation *g, const char *name, char **path,
                                 kuni_error *err)
{
    struct stat st;
    *path = kuni_path_join(g->folder, name, err);
    if (!*path) return KUNI_MEMORY;
    int64_t bytes = json_integer_value(json_object_get(file_of(g, name), "bytes"));
    if (stat(*path, &st) != 0) return kuni_fail_errno(err, "cannot open %s", *path);
    if (st.st_size != bytes)
        return kuni_fail(err, KUNI_IO,
                         "%s has %lld bytes and was published with %" PRId64
                         ": `kuni verify` tells more, `kuni repair` mends the current generation",
                         *path, (long long)st.st_size, bytes);
    return KUNI_OK;
}

/* --- settings --- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *shapes_of(const json_t *stage)
{
    return text_of(stage, "shapes");
}

/* A stage of a generation, be it of the workflow that published it or of one before. */
static json_t *stage_of(const json_t *json, const char *id)
{
    static const char *const lists[] = {"stages", "carried_stages"};
    for (size_t k = 0; k < 2; k++) {
        size_t i;
        json_t *stage;
        json_array_foreach(json_object_get(json, lists[k]), i,
                           stage) if (strcmp(text_of(stage, "id"), id) == 0) return stage;
    }
    return NULL;
}

static void note(kuni_changes *c, const char *stage, const char *what, json_t *from, json_t *to)
{
    json_array_append_new(c->settings, json_pack("{ss ss sO? sO?}", "stage", stage, "what", what,
                                                 "from", from, "to", to));
}

/* Whether a list of parameters holds the text of an element. */
static bool list_holds(const json_t *list, const char *text)
{
    size_t i;
    json_t *element;
    json_array_foreach((json_t *)list, i,
                       element) if (json_string_value(element) &&
                                    strcmp(json_string_value(element), text) == 0) return true;
    return false;
}

/* The names of those of `list` that `other` does not have so: "NAME: EXPRESSION". */
static kuni_status note_filters(kuni_changes *c, const json_t *list, const json_t *other,
                                kuni_error *err)
{
    size_t i;
    json_t *element;
    json_array_foreach((json_t *)list, i, element)
    {
        const char *text = json_string_value(element);
        if (!text || list_holds(other, text)) continue;
        size_t n = c->between.n_filters;
        kuni_status status =
            kuni_grow((void **)&c->filters, &c->filters_capacity, n + 1, sizeof(*c->filters), err);
        if (status) return status;
        c->filters[n] = kuni_arena_strndup(c->arena, text, strcspn(text, ":= \t"), err);
        if (!c->filters[n]) return KUNI_MEMORY;
        c->between.n_filters++;
        c->between.filters = c->filters;
    }
    return KUNI_OK;
}

/* True in *other where something but filters differs. */
static kuni_status compare_parameters(kuni_changes *c, const json_t *a, const json_t *b,
                                      bool *other, kuni_error *err)
{
    const char *id = text_of(a, "id"), *name;
    json_t *old = json_object_get(a, "with"), *now = json_object_get(b, "with"), *value;
    json_t *all = json_object();
    kuni_status status = all ? KUNI_OK : kuni_fail_memory(err, 1, 1);
    if (!status && (json_object_update(all, old) != 0 || json_object_update(all, now) != 0))
        status = kuni_fail_memory(err, 1, 1);
    json_object_foreach(all, name, value)
    {
        json_t *from = json_object_get(old, name), *to = json_object_get(now, name);
        if (status || (from && to && json_equal(from, to))) continue;
        note(c, id, name, from, to);
        if (strcmp(name, "filters") != 0 || strcmp(text_of(a, "uses"), "joint-genotype") != 0) {
            *other = true;
            continue;
        }
        status = note_filters(c, from, to, err);
        if (!status) status = note_filters(c, to, from, err);
    }
    json_decref(all);
    return status;
}

static kuni_status compare_stage(kuni_changes *c, const json_t *a, const json_t *b, kuni_error *err)
{
    const json_t *one = a ? a : b;
    const char *id = text_of(one, "id"), *shapes = shapes_of(one);
    bool other = false;
    kuni_status status = KUNI_OK;
    /* Of a version that did not say: it may be about the call set. */
    bool matters = shapes[0] || !json_object_get(one, "blake2b");
    if (!a || !b) {
        note(c, id, a ? "taken out" : "added", NULL, NULL);
        other = true;
    } else {
        json_t *from = json_object_get(a, "version"), *to = json_object_get(b, "version");
        if (!json_equal(from, to) || strcmp(text_of(a, "uses"), text_of(b, "uses")) != 0) {
            note(c, id, "version", from, to);
            other = true;
        }
        size_t filters = c->between.n_filters;
        status = compare_parameters(c, a, b, &other, err);
        from = json_object_get(a, "blake2b");
        to = json_object_get(b, "blake2b");
        if (!other && filters == c->between.n_filters && from && to && !json_equal(from, to)) {
            note(c, id, "parameter files or ploidy", NULL, NULL);
            other = true;
        }
    }
    if (!matters || !other) return status;
    if (strcmp(shapes, "evidence") == 0)
        c->between.recall = true;
    else
        c->between.settings = true;
    return status;
}

static kuni_status compare_stages(kuni_changes *c, const json_t *a, const json_t *b,
                                  kuni_error *err)
{
    static const char *const lists[] = {"stages", "carried_stages"};
    kuni_status status = KUNI_OK;
    for (size_t k = 0; k < 4 && !status; k++) {
        const json_t *json = k < 2 ? a : b;
        size_t i;
        json_t *stage;
        json_array_foreach(json_object_get(json, lists[k % 2]), i, stage)
        {
            const json_t *other = stage_of(k < 2 ? b : a, text_of(stage, "id"));
            if (!status && k < 2) status = compare_stage(c, stage, other, err);
            if (!status && k >= 2 && !other) status = compare_stage(c, NULL, stage, err);
        }
    }
    return status;
}

static bool same(const json_t *a, const json_t *b, const char *name)
{
    const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);
    return !x || !y || json_equal(x, y);
}

static void compare_rest(kuni_changes *c, const json_t *a, const json_t *b)
{
    if (!same(a, b, "regions_bp") || !same(a, b, "regions")) {
        note(c, "", "regions", json_object_get(a, "regions_bp"), json_object_get(b, "regions_bp"));
        c->between.recall = true;
    }
    c->between.facts = !same(a, b, "people");
    c->between.version = !json_equal(json_object_get(a, "kuni"), json_object_get(b, "kuni")) ||
                         strcmp(text_of(a, "build"), text_of(b, "build")) != 0;
    if (c->between.version)
        note(c, "", "kuni", json_object_get(a, json_object_get(a, "build") ? "build" : "kuni"),
             json_object_get(b, json_object_get(b, "build") ? "build" : "kuni"));
}

/* --- history --- */

typedef struct listener {
    kuni_changes *changes;
    int64_t first, second; /* numbers */
    bool inside, begun, ended;
} listener;

static void count_event(json_t *history, const char *what, const json_t *entry)
{
    json_t *sums = json_object_get(history, what);
    const char *name;
    json_t *value;
    if (!sums) {
        sums = json_object();
        json_object_set_new(history, what, sums);
    }
    json_object_set_new(sums, "times",
                        json_integer(json_integer_value(json_object_get(sums, "times")) + 1));
    json_object_foreach((json_t *)entry, name,
                        value) if (json_is_integer(value) && strcmp(name, "generation") != 0)
        json_object_set_new(sums, name,
                            json_integer(json_integer_value(json_object_get(sums, name)) +
                                         json_integer_value(value)));
}

static kuni_status listen(void *context, const json_t *entry, kuni_error *err)
{
    listener *l = context;
    (void)err;
    const char *what = text_of(entry, "what");
    bool published = strcmp(what, "published") == 0;
    int64_t number = json_integer_value(json_object_get(entry, "generation"));
    if (l->inside && strcmp(what, "exported") != 0) count_event(l->changes->history, what, entry);
    if (published && number == l->first) l->inside = l->begun = true;
    if (published && number == l->second) {
        l->inside = false;
        l->ended = true;
    }
    return KUNI_OK;
}

/* Samples that entries of a kind tell of. */
static int64_t told(const kuni_changes *c, const char *what, const char *of)
{
    return json_integer_value(json_object_get(json_object_get(c->history, what), of));
}

static kuni_status read_history(kuni_changes *c, const kuni_generation *first,
                                const kuni_generation *second, kuni_error *err)
{
    listener l = {.changes = c, .first = first->number, .second = second->number};
    size_t entries;
    if (!first->dataset || !second->dataset || strcmp(first->dataset, second->dataset) != 0)
        return KUNI_OK;
    if (first->number > second->number)
        return kuni_fail(err, KUNI_USAGE,
                         "generation %" PRId64 " is younger than %" PRId64 ": name the older first",
                         first->number, second->number);
    kuni_status status = kuni_history_read(second->dataset, listen, &l, &entries, err);
    c->history_known = l.begun && l.ended;
    if (!c->history_known) json_object_clear(c->history);
    c->between.repair = told(c, "repaired", "times") > 0;
    if (told(c, "recalled", "times") > 0) c->between.recall = true;
    return status;
}

/* --- people --- */

static kuni_status index_list(kuni_names *names, const json_t *list, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t i;
    json_t *id;
    json_array_foreach((json_t *)list, i, id) if (json_is_string(id) && !status) status =
        kuni_names_add(names, json_string_value(id), 0, err);
    return status;
}

static bool any_not_in(const json_t *list, const kuni_names *other)
{
    size_t i;
    json_t *id;
    json_array_foreach((json_t *)list, i,
                       id) if (json_is_string(id) &&
                               kuni_names_find(other, json_string_value(id)) < 0) return true;
    return false;
}

/* Only the register knows who was in before: read where somebody came back. */
static kuni_status read_register(kuni_changes *c, const char *dataset, kuni_error *err)
{
    char *path = kuni_path_join(dataset, "register.tsv", err);
    kuni_status status = path ? kuni_register_read(&c->people, path, c->arena, err) : KUNI_MEMORY;
    for (size_t i = 0; i < c->people.n && !status; i++)
        if (c->people.people[i].state != KUNI_PERSON_MOVED)
            status = kuni_names_add(&c->by_id, c->people.samples[i].id, (uint32_t)i, err);
    free(path);
    return status;
}

static void guess_people(kuni_changes *c, const json_t *a, const json_t *b)
{
    int64_t more = json_integer_value(json_object_get(b, "samples")) -
                   json_integer_value(json_object_get(a, "samples"));
    int64_t withdrawn = json_integer_value(json_object_get(b, "withdrawn")) -
                        json_integer_value(json_object_get(a, "withdrawn"));
    kuni_diff_between *between = &c->between;
    if (withdrawn > 0 || told(c, "withdrawn", "samples"))
        between->went |= 1u << KUNI_CAUSE_WITHDRAWAL;
    if (withdrawn < 0 || told(c, "reinstated", "samples"))
        between->came |= 1u << KUNI_CAUSE_REINSTATEMENT;
    if (told(c, "published", "added") || (!c->history_known && more + withdrawn > 0))
        between->came |= 1u << KUNI_CAUSE_NEW;
    if (any_not_in(json_object_get(a, "quarantined"), &c->quarantined[1]))
        between->came |= 1u << KUNI_CAUSE_QUARANTINE;
    if (any_not_in(json_object_get(b, "quarantined"), &c->quarantined[0]))
        between->went |= 1u << KUNI_CAUSE_QUARANTINE;
    if (any_not_in(json_object_get(a, "gated"), &c->gated[1]))
        between->came |= 1u << KUNI_CAUSE_GATE;
    if (any_not_in(json_object_get(b, "gated"), &c->gated[0]))
        between->went |= 1u << KUNI_CAUSE_GATE;
}

kuni_diff_cause kuni_changes_person(void *changes, const char *sample, bool second)
{
    const kuni_changes *c = changes;
    int other = second ? 0 : 1;
    if (kuni_names_find(&c->quarantined[other], sample) >= 0) return KUNI_CAUSE_QUARANTINE;
    if (kuni_names_find(&c->gated[other], sample) >= 0) return KUNI_CAUSE_GATE;
    if (!second) return KUNI_CAUSE_WITHDRAWAL;
    int64_t at = kuni_names_find(&c->by_id, sample);
    int64_t since = at >= 0 ? c->people.people[at].since : 0;
    return since > 0 && since <= c->first_number ? KUNI_CAUSE_REINSTATEMENT : KUNI_CAUSE_NEW;
}

kuni_status kuni_changes_find(kuni_changes *c, const kuni_generation *first,
                              const kuni_generation *second, kuni_error *err)
{
    const json_t *a = first->json, *b = second->json;
    *c = (kuni_changes){.first_number = first->number,
                        .settings = json_array(),
                        .history = json_object(),
                        .arena = kuni_arena_new(err)};
    if (!c->settings || !c->history || !c->arena) return kuni_fail_memory(err, 1, 1);
    if (!same(json_object_get(a, "reference"), json_object_get(b, "reference"), "blake2b"))
        return kuni_fail(err, KUNI_USAGE,
                         "%s and %s are of two references: sites cannot be compared", first->folder,
                         second->folder);
    kuni_status status = compare_stages(c, a, b, err);
    compare_rest(c, a, b);
    if (!status) status = read_history(c, first, second, err);
    for (int k = 0; k < 2 && !status; k++) {
        status = index_list(&c->quarantined[k], json_object_get(k ? b : a, "quarantined"), err);
        if (!status) status = index_list(&c->gated[k], json_object_get(k ? b : a, "gated"), err);
    }
    if (!status && told(c, "reinstated", "samples"))
        status = read_register(c, second->dataset, err);
    if (!status) guess_people(c, a, b);
    return status;
}

void kuni_changes_fini(kuni_changes *c)
{
    json_decref(c->settings);
    json_decref(c->history);
    for (int k = 0; k < 2; k++) {
        kuni_names_fini(&c->quarantined[k]);
        kuni_names_fini(&c->gated[k]);
    }
    kuni_names_fini(&c->by_id);
    free(c->filters);
    kuni_arena_free(c->arena);
    *c = (kuni_changes){.settings = NULL};
}
