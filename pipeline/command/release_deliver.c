/* SPDX-License-Identifier: MIT */
#include "release_deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kuni/json.h"
#include "kuni/version.h"
#include "memory.h"
#include "pseudonym.h"

/* A file of the release, as it is handed over. */
typedef struct described {
    char *name;
    int64_t bytes;
    char digest[KUNI_DIGEST_HEX_BYTES];
} described;

typedef struct delivery {
    const kuni_release_plan *plan;
    const char *folder;
    described *files;
    size_t n, capacity;
    char request[KUNI_DIGEST_HEX_BYTES], dataset[KUNI_DIGEST_HEX_BYTES];
    kuni_memory memory;
    kuni_release_list before;
    kuni_member *members;
    char id[KUNI_RELEASE_ID_BYTES];
    kuni_chain chain;
    kuni_error *err;
} delivery;

bool kuni_release_has_names(const kuni_request *request)
{
    return request->form != KUNI_FORM_TABLES;
}

/* --- files --- */

static kuni_status digest_of(const delivery *d, const char *folder, const char *name,
                             char hex[KUNI_DIGEST_HEX_BYTES], int64_t *bytes)
{
    struct stat info;
    char *path = kuni_path_join(folder, name, d->err);
    kuni_status status = path ? kuni_digest_file(path, hex, d->err) : KUNI_MEMORY;
    if (!status && stat(path, &info) != 0)
        status = kuni_fail_errno(d->err, "cannot look at %s", path);
    if (!status && bytes) *bytes = (int64_t)info.st_size;
    free(path);
    return status;
}

static kuni_status describe(delivery *d, const char *name)
{
    kuni_status status =
        kuni_grow((void **)&d->files, &d->capacity, d->n + 1, sizeof(*d->files), d->err);
    if (status) return status;
    described *file = &d->files[d->n++];
    *file = (described){.name = kuni_strdup(name, d->err)};
    return file->name ? digest_of(d, d->folder, file->name, file->digest, &file->bytes)
                      : KUNI_MEMORY;
}

/* --- release.json --- */

static void put_request(const delivery *d, kuni_json *json)
{
    const kuni_request *q = &d->plan->request;
    kuni_json_int(json, "format", 1);
    kuni_json_text(json, "kuni", KUNI_VERSION);
    kuni_json_text(json, "release", q->name);
    kuni_json_text(json, "recipient", q->recipient);
    kuni_json_text(json, "organisation", kuni_organisation_name(q->for_profit));
    kuni_json_text(json, "use", kuni_use_name(q->commercial));
    kuni_json_array(json, "purpose", KUNI_JSON_INLINE);
    for (int bit = 0; bit < KUNI_PURPOSES; bit++)
        if (q->purposes & 1u << bit) kuni_json_text(json, NULL, kuni_purpose_names[bit]);
    kuni_json_end(json);
    if (q->disease) kuni_json_text(json, "disease", q->disease);
    kuni_json_text(json, "request", d->request);
    kuni_json_text(json, "form", kuni_form_name((kuni_release_form)q->form));
    kuni_json_bool(json, "all_sites", q->all_sites);
    kuni_json_bool(json, "cohort_frequencies", q->cohort_frequencies);
    kuni_json_int(json, "threshold", q->threshold);
    kuni_json_int(json, "people", (int64_t)d->plan->selection.n);
}

static void put_chain(const kuni_chain *chain, kuni_json *json)
{
    kuni_json_object(json, "chain", KUNI_JSON_LINES);
    kuni_json_text(json, "series", chain->series);
    kuni_json_int(json, "number", chain->number);
    kuni_json_text(json, "previous", chain->previous);
    kuni_json_text(json, "dataset", chain->before);
    kuni_json_end(json);
}

static void put_all(const delivery *d, const kuni_chain *chain, kuni_json *json)
{
    kuni_json_object(json, NULL, KUNI_JSON_LINES);
    put_request(d, json);
    kuni_json_object(json, "dataset", KUNI_JSON_INLINE);
    kuni_json_int(json, "generation", d->plan->selection.generation);
    kuni_json_text(json, "blake2b", d->dataset);
    kuni_json_end(json);
    if (chain) put_chain(chain, json);
    kuni_json_object(json, "files", KUNI_JSON_LINES);
    for (size_t i = 0; i < d->n; i++) {
        kuni_json_object(json, d->files[i].name, KUNI_JSON_INLINE);
        kuni_json_int(json, "bytes", d->files[i].bytes);
        kuni_json_text(json, "blake2b", d->files[i].digest);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    kuni_json_end(json);
}

/*
 * No day, host, path or name of the dataset: the same request of the same dataset has the same bytes. Gives
 * its digest.
 */
static kuni_status write_description(const delivery *d, const kuni_chain *chain,
                                     char digest[KUNI_DIGEST_HEX_BYTES])
{
    kuni_file *file = NULL;
    kuni_json json;
    char *path = kuni_path_join(d->folder, "release.json", d->err);
    kuni_status status = path ? kuni_file_create(&file, path, d->err) : KUNI_MEMORY;
    free(path);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, d->err);
    put_all(d, chain, &json);
    status = kuni_json_finish(&json);
    if (!status) status = kuni_file_write(file, "\n", 1, d->err);
    if (status)
        kuni_file_discard(file);
    else
        status = kuni_file_commit(file, d->err);
    return status ? status : digest_of(d, d->folder, "release.json", digest, NULL);
}

/* --- what the dataset keeps --- */

static kuni_status list_members(delivery *d)
{
    const kuni_selection *s = &d->plan->selection;
    d->members = kuni_alloc(s->n + 1, sizeof(*d->members), d->err);
    if (!d->members) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++)
        d->members[i] = (kuni_member){s->people[i].participant, s->people[i].pseudonym};
    return KUNI_OK;
}

/* Which release this is: the same again has the same id, and the same place in the chain. */
static kuni_status identify(delivery *d)
{
    char content[KUNI_DIGEST_HEX_BYTES], members[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = write_description(d, NULL, content);
    if (!status) status = list_members(d);
    if (!status)
        status =
            kuni_memory_keep(&d->memory, NULL, d->members, d->plan->selection.n, members, d->err);
    kuni_digest *digest = status ? NULL : kuni_digest_new(d->err);
    if (!digest) return status ? status : KUNI_MEMORY;
    kuni_digest_add_text(digest, content);
    kuni_digest_add_text(digest, members);
    kuni_digest_finish(digest, content);
    memcpy(d->id, content, sizeof(d->id) - 1);
    d->id[sizeof(d->id) - 1] = '\0';
    kuni_memory_chain(&d->memory, &d->before, d->id, d->plan->request.recipient, &d->chain);
    return KUNI_OK;
}

/* What the dataset remembers names nobody but the recipient. */
static kuni_status record(const delivery *d, const char *digest, const char *members)
{
    const kuni_request *q = &d->plan->request;
    const kuni_selection *s = &d->plan->selection;
    json_t *entry = json_pack("{ss ss ss ss sI sI ss ss* ss ss ss sI ss ss}", "release", q->name,
                              "recipient", q->recipient, "use", kuni_use_name(q->commercial),
                              "form", kuni_form_name((kuni_release_form)q->form), "people",
                              (json_int_t)s->n, "generation", (json_int_t)s->generation, "blake2b",
                              digest, "delivery", q->delivery, "id", d->id, "members", members,
                              "series", d->chain.series, "number", (json_int_t)d->chain.number,
                              "previous", d->chain.previous, "dataset", d->chain.before);
    return entry ? kuni_history_add(s->folder, "released", NULL, entry, d->err)
                 : kuni_fail_memory(d->err, 1, 1);
}

static kuni_status note(delivery *d)
{
    char digest[KUNI_DIGEST_HEX_BYTES], members[KUNI_DIGEST_HEX_BYTES];
    const kuni_selection *s = &d->plan->selection;
    kuni_status status = kuni_memory_open(&d->memory, s->folder, true, d->err);
    if (!status) status = kuni_release_list_read(&d->before, s->folder, d->err);
    if (!status) status = identify(d);
    if (!status) status = write_description(d, &d->chain, digest);
    if (!status) status = kuni_selection_check(s, d->err);
    if (!status && kuni_release_has_names(&d->plan->request))
        status = kuni_pseudonyms_link(s, d->plan->request.linkage, d->err);
    /* A release that nobody knows of could not be called back: it is told before it is handed over. */
    if (!status) status = kuni_memory_keep(&d->memory, d->id, d->members, s->n, members, d->err);
    return status ? status : record(d, digest, members);
}

static void fini(delivery *d)
{
    for (size_t i = 0; i < d->n; i++) free(d->files[i].name);
    free(d->files);
    free(d->members);
    kuni_release_list_fini(&d->before);
    kuni_memory_close(&d->memory);
}

kuni_status kuni_release_deliver(const kuni_release_plan *plan, const char *folder,
                                 const char *const *const *files, const char *out, kuni_error *err)
{
    delivery d = {.plan = plan, .folder = folder, .memory.lock = -1, .err = err};
    kuni_status status = digest_of(&d, "/", plan->request.path, d.request, NULL);
    if (!status)
        status = digest_of(&d, plan->selection.folder, "current/dataset.json", d.dataset, NULL);
    for (; *files && !status; files++)
        for (const char *const *file = *files; *file && !status; file++)
            status = describe(&d, *file);
    if (!status) status = note(&d);
    fini(&d);
    if (!status && rename(folder, out) != 0)
        status = kuni_fail_errno(err, "cannot rename %s to %s", folder, out);
    return status;
}
