/* SPDX-License-Identifier: MIT */
#include "affected.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "operand.h"
#include "register.h"
#include "words.h"

/* --- whom --- */

typedef struct people {
    const char **ids; /* as given */
    const char **participants;
    size_t n, capacity;
} people;

/* A sample of the register stands for its participant; whatever else is taken for a participant. */
static kuni_status read_people(people *p, const char *dataset, const char *path, kuni_arena *arena,
                               kuni_error *err)
{
    kuni_register known;
    kuni_names samples = {.table = NULL};
    kuni_status status = kuni_ids_read(path, arena, &p->ids, &p->n, &p->capacity, err);
    if (!status && !p->n) status = kuni_fail(err, KUNI_USAGE, "%s names nobody", path);
    char *place = status ? NULL : kuni_path_join(dataset, "register.tsv", err);
    if (!status) status = place ? kuni_register_read(&known, place, arena, err) : KUNI_MEMORY;
    free(place);
    if (!status) p->participants = kuni_alloc(p->n + 1, sizeof(*p->participants), err);
    if (!status && !p->participants) status = KUNI_MEMORY;
    for (size_t i = 0; !status && i < known.n; i++)
        status = kuni_names_add(&samples, known.samples[i].id, (uint32_t)i, err);
    for (size_t i = 0; !status && i < p->n; i++) {
        int64_t row = kuni_names_find(&samples, p->ids[i]);
        p->participants[i] = row >= 0 ? known.samples[row].participant : p->ids[i];
    }
    kuni_names_fini(&samples);
    return status;
}

/* --- in what --- */

static bool same(const kuni_release_entry *a, const kuni_release_entry *b)
{
    return a->id[0] && strcmp(a->id, b->id) == 0 && strcmp(a->recipient, b->recipient) == 0;
}

static kuni_status list_releases(kuni_affected *a, kuni_error *err)
{
    a->releases = kuni_alloc(a->list.n + 1, sizeof(*a->releases), err);
    if (!a->releases) return KUNI_MEMORY;
    for (size_t i = 0; i < a->list.n; i++) {
        const kuni_release_entry *e = &a->list.entries[i];
        kuni_affected_release *at = NULL;
        for (size_t j = 0; j < a->n && !at; j++)
            if (same(a->releases[j].entry, e)) at = &a->releases[j];
        if (!at) at = &a->releases[a->n++];
        at->entry = e;
        at->times++;
    }
    return KUNI_OK;
}

static kuni_status add_holding(kuni_affected *a, kuni_affected_release *r, const char *id,
                               const char *pseudonym, kuni_error *err)
{
    size_t ids = r->capacity, names = r->capacity;
    kuni_status status = kuni_grow((void **)&r->ids, &ids, r->n + 1, sizeof(*r->ids), err);
    if (!status)
        status = kuni_grow((void **)&r->pseudonyms, &names, r->n + 1, sizeof(*r->pseudonyms), err);
    if (status) return status;
    r->capacity = ids < names ? ids : names;
    r->ids[r->n] = id;
    r->pseudonyms[r->n] = kuni_arena_strndup(a->arena, pseudonym, strlen(pseudonym), err);
    return r->pseudonyms[r->n++] ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status look_into(kuni_affected *a, kuni_affected_release *r, const kuni_memory *memory,
                             const people *wanted, kuni_error *err)
{
    kuni_members members;
    r->known = r->entry->id[0] != '\0';
    if (!r->known) return KUNI_OK;
    kuni_status status = kuni_members_read(&members, memory, r->entry, err);
    for (size_t i = 0; i < wanted->n && !status; i++) {
        int64_t at = kuni_members_find(&members, memory, wanted->participants[i]);
        if (at >= 0) status = add_holding(a, r, wanted->ids[i], members.pseudonyms[at], err);
    }
    kuni_members_fini(&members);
    return status;
}

static void free_holdings(kuni_affected_release *r)
{
    free((void *)r->ids);
    free((void *)r->pseudonyms);
}

static kuni_status keep_affected(kuni_affected *a, const char *dataset, const char *ids_path,
                                 kuni_error *err)
{
    people wanted = {.n = 0};
    kuni_memory memory = {.lock = -1};
    size_t kept = 0;
    kuni_status status = read_people(&wanted, dataset, ids_path, a->arena, err);
    if (!status && a->n) status = kuni_memory_open(&memory, dataset, false, err);
    for (size_t i = 0; i < a->n; i++) {
        kuni_affected_release *r = &a->releases[i];
        if (!status) status = look_into(a, r, &memory, &wanted, err);
        if (r->known && !r->n)
            free_holdings(r);
        else
            a->releases[kept++] = *r;
    }
    a->n = kept;
    kuni_memory_close(&memory);
    free((void *)wanted.ids);
    free((void *)wanted.participants);
    return status;
}

kuni_status kuni_affected_find(kuni_affected *a, const char *dataset, const char *ids_path,
                               kuni_error *err)
{
    *a = (kuni_affected){.arena = kuni_arena_new(err)};
    kuni_status status = a->arena ? kuni_release_list_read(&a->list, dataset, err) : KUNI_MEMORY;
    if (!status) status = list_releases(a, err);
    return status || !ids_path ? status : keep_affected(a, dataset, ids_path, err);
}

void kuni_affected_fini(kuni_affected *a)
{
    for (size_t i = 0; i < a->n; i++) free_holdings(&a->releases[i]);
    for (size_t i = 0; i < a->n_paths; i++) free(a->paths[i]);
    free(a->paths);
    free(a->releases);
    kuni_release_list_fini(&a->list);
    kuni_arena_free(a->arena);
    *a = (kuni_affected){.n = 0};
}

/* --- what they are told --- */

static kuni_status spell_release(const kuni_affected_release *r, kuni_buffer *text, kuni_error *err)
{
    const kuni_release_entry *e = r->entry;
    bool named = false;
    kuni_status status = kuni_buffer_printf(
        text, err,
        "\nRelease '%s', number %lld of your series, of %.10s (release.json: BLAKE2b %s)\n",
        e->name, (long long)e->chain.number, e->at, e->digest);
    if (!r->known)
        return status ? status
                      : kuni_buffer_printf(text, err,
                                           "  We cannot tell whether they are in it: ask us for a "
                                           "new release.\n");
    for (size_t i = 0; i < r->n && !status; i++) {
        if (strcmp(r->pseudonyms[i], ".") == 0) continue;
        status =
            kuni_buffer_printf(text, err, "%s  %s\n", named ? "" : "  Delete:\n", r->pseudonyms[i]);
        named = true;
    }
    if (!status && !named)
        status = kuni_buffer_printf(text, err,
                                    "  It names nobody; its numbers count them. Do not use it for "
                                    "new work: ask us for a new one.\n");
    return status;
}

static kuni_status spell_notice(const kuni_affected *a, const char *recipient, kuni_buffer *text,
                                kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(
        text, err,
        "To %s\n\nPeople have withdrawn who are in data that we released to you. Delete what you "
        "have of the\npseudonyms below, copies and backups among it, and what was derived of "
        "single "
        "people; use none\nof it from now on, and confirm to us when it is done.\n",
        recipient);
    for (size_t i = 0; i < a->n && !status; i++)
        if (strcmp(a->releases[i].entry->recipient, recipient) == 0)
            status = spell_release(&a->releases[i], text, err);
    return status;
}

/* The recipient was told of before. */
static bool is_first(const kuni_affected *a, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(a->releases[i].entry->recipient, a->releases[at].entry->recipient) == 0)
            return false;
    return true;
}

static kuni_status write_notice(kuni_affected *a, const char *folder, const char *recipient,
                                kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT, path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_command_spell_path(folder, recipient, ".txt", &path, err);
    if (!status) status = spell_notice(a, recipient, &text, err);
    if (!status) status = kuni_file_put(path.data, text.data, text.length, err);
    if (!status)
        status =
            kuni_grow((void **)&a->paths, &a->paths_capacity, a->n_paths + 1, sizeof(char *), err);
    kuni_buffer_fini(&text);
    if (status)
        kuni_buffer_fini(&path);
    else
        a->paths[a->n_paths++] = path.data;
    return status;
}

kuni_status kuni_affected_write(kuni_affected *a, const char *folder, kuni_error *err)
{
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST
                   ? kuni_fail(err, KUNI_USAGE,
                               "--notices %s stands there already: name a new folder", folder)
                   : kuni_fail_errno(err, "cannot make %s", folder);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < a->n && !status; i++)
        if (is_first(a, i)) status = write_notice(a, folder, a->releases[i].entry->recipient, err);
    return status;
}
