/* SPDX-License-Identifier: MIT */
#include "ontology.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"
#include "names.h"

enum { REPLACED_HOPS_MAX = 16 };

typedef struct term {
    const char *id, *name;
    uint32_t *parents;
    size_t n_parents, capacity;
    int64_t replaced_by; /* a term; -1: none, -2: several */
    bool defined;        /* it has a stanza of its own */
    bool obsolete;
    uint8_t mark; /* of the search for circles */
} term;

struct kuni_ontology {
    term *terms;
    size_t n, capacity;
    kuni_names by_id;  /* -> terms[] */
    kuni_names former; /* alt_id -> terms[] */
    uint32_t *order;   /* all terms, each behind those that it is a kind of */
    size_t n_ordered;
    kuni_arena *arena;
};

kuni_ontology *kuni_ontology_new(kuni_error *err)
{
    kuni_ontology *o = kuni_alloc(1, sizeof(*o), err);
    if (!o) return NULL;
    o->arena = kuni_arena_new(err);
    if (o->arena) return o;
    free(o);
    return NULL;
}

void kuni_ontology_free(kuni_ontology *o)
{
    if (!o) return;
    for (size_t i = 0; i < o->n; i++) free(o->terms[i].parents);
    free(o->terms);
    free(o->order);
    kuni_names_fini(&o->by_id);
    kuni_names_fini(&o->former);
    kuni_arena_free(o->arena);
    free(o);
}

/* --- reading --- */

/* The number of a term, which is made where it was not spoken of before. */
static kuni_status term_of(kuni_ontology *o, const char *id, size_t *number, kuni_error *err)
{
    int64_t found = kuni_names_find(&o->by_id, id);
    *number = found >= 0 ? (size_t)found : o->n;
    if (found >= 0) return KUNI_OK;
    if (o->n >= UINT32_MAX / 4) return kuni_fail_memory(err, o->n, sizeof(term));
    kuni_status status =
        kuni_grow((void **)&o->terms, &o->capacity, o->n + 1, sizeof(*o->terms), err);
    const char *kept = status ? NULL : kuni_arena_strndup(o->arena, id, strlen(id), err);
    if (!kept) return KUNI_MEMORY;
    o->terms[o->n] = (term){.id = kept, .name = "", .replaced_by = -1};
    return kuni_names_add(&o->by_id, kept, (uint32_t)o->n++, err);
}

/* "MONDO:0005015 {source="..."} ! diabetes mellitus": the first word, in place. */
static char *first_word(char *value)
{
    value += strspn(value, " \t");
    value[strcspn(value, " \t")] = '\0';
    return value;
}

static kuni_status add_parent(kuni_ontology *o, size_t child, const char *id, kuni_error *err)
{
    size_t parent;
    kuni_status status = term_of(o, id, &parent, err);
    if (status) return status;
    term *t = &o->terms[child];
    status =
        kuni_grow((void **)&t->parents, &t->capacity, t->n_parents + 1, sizeof(*t->parents), err);
    if (!status) t->parents[t->n_parents++] = (uint32_t)parent;
    return status;
}

/* A line of a [Term] after its id. */
static kuni_status take_tag(kuni_ontology *o, size_t at, const char *tag, char *value,
                            kuni_error *err)
{
    size_t other;
    if (strcmp(tag, "is_a") == 0) return add_parent(o, at, first_word(value), err);
    if (strcmp(tag, "name") == 0) {
        o->terms[at].name = kuni_arena_strndup(o->arena, value, strlen(value), err);
        return o->terms[at].name ? KUNI_OK : KUNI_MEMORY;
    }
    if (strcmp(tag, "is_obsolete") == 0) o->terms[at].obsolete = strncmp(value, "true", 4) == 0;
    if (strcmp(tag, "alt_id") == 0) {
        const char *id = first_word(value);
        const char *kept = kuni_arena_strndup(o->arena, id, strlen(id), err);
        return kept ? kuni_names_add(&o->former, kept, (uint32_t)at, err) : KUNI_MEMORY;
    }
    if (strcmp(tag, "replaced_by") != 0) return KUNI_OK;
    kuni_status status = term_of(o, first_word(value), &other, err);
    if (!status) o->terms[at].replaced_by = o->terms[at].replaced_by == -1 ? (int64_t)other : -2;
    return status;
}

typedef struct reading {
    kuni_ontology *o;
    const kuni_lines *lines;
    bool in_term, has_term;
    size_t at; /* the term under way, where has_term */
    size_t n;
} reading;

static kuni_status take_id(reading *r, char *value, kuni_error *err)
{
    const char *id = first_word(value);
    if (r->has_term || !*id || !strchr(id, ':'))
        return kuni_fail(err, KUNI_DATA, "%s:%lld: a term needs one id such as MONDO:0005148",
                         r->lines->path, (long long)r->lines->number);
    kuni_status status = term_of(r->o, id, &r->at, err);
    if (status) return status;
    if (r->o->terms[r->at].defined)
        return kuni_fail(err, KUNI_DATA,
                         "%s:%lld: %s is defined a second time: give each ontology once",
                         r->lines->path, (long long)r->lines->number, id);
    r->o->terms[r->at].defined = r->has_term = true;
    r->n++;
    return KUNI_OK;
}

static kuni_status take_line(reading *r, char *line, kuni_error *err)
{
    if (*line == '[') {
        r->in_term = strncmp(line, "[Term]", 6) == 0;
        r->has_term = false;
        return KUNI_OK;
    }
    char *colon = r->in_term ? strchr(line, ':') : NULL;
    if (!colon) return KUNI_OK;
    *colon = '\0';
    char *value = colon + 1;
    value += strspn(value, " \t");
    if (strcmp(line, "id") == 0) return take_id(r, value, err);
    /* The format puts the id first; what stands before it would be lost. */
    if (!r->has_term)
        return kuni_fail(err, KUNI_DATA, "%s:%lld: a term begins with '%.40s', not with its id",
                         r->lines->path, (long long)r->lines->number, line);
    return take_tag(r->o, r->at, line, value, err);
}

kuni_status kuni_ontology_read(kuni_ontology *o, const char *path, kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    reading r = {.o = o, .lines = &lines};
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;)
        if ((status = take_line(&r, line, err))) break;
    if (!status && !r.n)
        status = kuni_fail(err, KUNI_DATA,
                           "%s: holds no [Term]: expected an ontology in OBO format", path);
    kuni_lines_close(&lines);
    return status;
}

/* --- circles --- */

enum { NEW, OPEN, DONE };

typedef struct step {
    uint32_t term;
    size_t next; /* parent to be looked at */
} step;

static kuni_status name_circle(const kuni_ontology *o, const step *path, size_t depth,
                               uint32_t again, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t from = depth;
    while (from > 0 && path[from - 1].term != again) from--;
    kuni_status status = KUNI_OK;
    for (size_t i = from ? from - 1 : 0; i < depth && !status; i++)
        status = kuni_buffer_printf(&text, err, "%s is_a ", o->terms[path[i].term].id);
    if (!status)
        status = kuni_fail(err, KUNI_DATA,
                           "the ontology has a circle: %.900s%s: nothing can be "
                           "told of what is a kind of what",
                           text.data, o->terms[again].id);
    kuni_buffer_fini(&text);
    return status;
}

/* Depth first with a path of its own, for a file may be as deep as it is long. */
static kuni_status look_for_circle(kuni_ontology *o, step *path, uint32_t root, kuni_error *err)
{
    size_t depth = 1;
    path[0] = (step){.term = root};
    o->terms[root].mark = OPEN;
    while (depth) {
        step *at = &path[depth - 1];
        const term *t = &o->terms[at->term];
        if (at->next == t->n_parents) {
            o->terms[at->term].mark = DONE;
            o->order[o->n_ordered++] = at->term;
            depth--;
            continue;
        }
        uint32_t parent = t->parents[at->next++];
        if (o->terms[parent].mark == OPEN) return name_circle(o, path, depth, parent, err);
        if (o->terms[parent].mark == DONE) continue;
        o->terms[parent].mark = OPEN;
        path[depth++] = (step){.term = parent};
    }
    return KUNI_OK;
}

kuni_status kuni_ontology_finish(kuni_ontology *o, kuni_error *err)
{
    step *path = kuni_alloc(o->n + 1, sizeof(*path), err);
    o->order = kuni_alloc(o->n + 1, sizeof(*o->order), err);
    kuni_status status = path && o->order ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < o->n && !status; i++)
        if (o->terms[i].mark == NEW) status = look_for_circle(o, path, (uint32_t)i, err);
    free(path);
    return status;
}

/* --- questions --- */

int64_t kuni_ontology_find(const kuni_ontology *o, const char *id)
{
    int64_t at = kuni_names_find(&o->by_id, id);
    if (at >= 0 && o->terms[at].defined && !o->terms[at].obsolete) return at;
    int64_t former = kuni_names_find(&o->former, id);
    if (former >= 0 && !o->terms[former].obsolete) return former;
    for (int hop = 0; at >= 0 && hop < REPLACED_HOPS_MAX; hop++) {
        const term *t = &o->terms[at];
        if (!t->obsolete) return t->defined ? at : -1;
        at = t->replaced_by;
    }
    return -1;
}

bool kuni_ontology_is_obsolete(const kuni_ontology *o, const char *id)
{
    int64_t at = kuni_names_find(&o->by_id, id);
    return at >= 0 && o->terms[at].obsolete;
}

const char *kuni_ontology_id(const kuni_ontology *o, int64_t at)
{
    return o->terms[at].id;
}

const char *kuni_ontology_name(const kuni_ontology *o, int64_t at)
{
    return o->terms[at].name;
}

size_t kuni_ontology_count(const kuni_ontology *o)
{
    return o->n;
}

/* Parents stand before their children in `order`. */
void kuni_ontology_ancestors(const kuni_ontology *o, int64_t at, uint8_t *marked)
{
    memset(marked, 0, o->n);
    marked[at] = 1;
    for (size_t k = o->n; k-- > 0;) {
        const term *t = &o->terms[o->order[k]];
        for (size_t i = 0; marked[o->order[k]] && i < t->n_parents; i++) marked[t->parents[i]] = 1;
    }
}

void kuni_ontology_descendants(const kuni_ontology *o, int64_t at, uint8_t *marked)
{
    memset(marked, 0, o->n);
    marked[at] = 1;
    for (size_t k = 0; k < o->n; k++) {
        const term *t = &o->terms[o->order[k]];
        for (size_t i = 0; i < t->n_parents; i++) marked[o->order[k]] |= marked[t->parents[i]];
    }
}
