/* SPDX-License-Identifier: MIT */
#include "release_deliver.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"
#include "kuni/json.h"
#include "kuni/version.h"
#include "memory.h"
#include "meter.h"
#include "pseudonym.h"
#include "signature.h"

/* A file of the release, as it is handed over. */
typedef struct described {
    char *name;
    int64_t bytes;
    char digest[KUNI_DIGEST_HEX_BYTES];
} described;

/* Whom files and the linkage are sealed to. */
typedef struct keys {
    kuni_pseudonym_key secret;
    kuni_public_key *recipients, custodian;
    kuni_sealing files, linkage; /* n 0: not sealed */
    kuni_pseudonym_key signer;   /* the seed of a pair, where the request has one to sign with */
} keys;

typedef struct delivery {
    const kuni_release_plan *plan;
    const char *folder;
    keys keys;
    described *files;
    size_t n, capacity;
    char request[KUNI_DIGEST_HEX_BYTES], dataset[KUNI_DIGEST_HEX_BYTES];
    const kuni_memory *memory; /* of the plan, held */
    kuni_member *members;
    char id[KUNI_RELEASE_ID_BYTES], told[KUNI_DIGEST_HEX_BYTES];
    kuni_chain chain;
    kuni_meter meter; /* of a form with genotypes */
    kuni_error *err;
} delivery;

bool kuni_release_has_names(const kuni_request *request)
{
    return request->form != KUNI_FORM_TABLES;
}

static bool has_genotypes(const kuni_request *request)
{
    return kuni_form_has_genotypes((kuni_release_form)request->form);
}

/* --- keys --- */

static kuni_status read_keys(keys *k, const kuni_request *q, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    *k = (keys){.recipients = kuni_alloc(q->encryption.n + 1, sizeof(kuni_public_key), err)};
    if (!k->recipients) return KUNI_MEMORY;
    if ((q->encryption.n || q->custodian) && !q->key)
        return kuni_fail(err, KUNI_USAGE,
                         "%s: what is sealed needs 'pseudonyms: {key: FILE}', too: its keys are "
                         "made by it",
                         q->path);
    if (q->encryption.n > KUNI_READERS_MAX)
        return kuni_fail(err, KUNI_USAGE, "%s: 'encryption: recipients' may name %d keys, not %zu",
                         q->path, KUNI_READERS_MAX, q->encryption.n);
    for (size_t i = 0; i < q->encryption.n && !status; i++)
        status = kuni_public_key_read(&k->recipients[i], q->encryption.texts[i], err);
    if (!status && q->custodian) status = kuni_public_key_read(&k->custodian, q->custodian, err);
    if (!status && q->key) status = kuni_pseudonym_read_key(&k->secret, q->key, err);
    if (!status && q->signing) status = kuni_pseudonym_read_key(&k->signer, q->signing, err);
    k->files = (kuni_sealing){k->secret.bytes, q->recipient, k->recipients, q->encryption.n};
    k->linkage = (kuni_sealing){k->secret.bytes, q->recipient, &k->custodian, q->custodian ? 1 : 0};
    return status;
}

static void forget_keys(keys *k)
{
    free(k->recipients);
    sodium_memzero(k, sizeof(*k));
}

static kuni_status seal_linkage(const void *context, kuni_buffer *text, kuni_error *err)
{
    return kuni_container_seal_text(context, "linkage", text, err);
}

static kuni_status link_people(const kuni_release_plan *plan, const keys *k, bool write,
                               kuni_error *err)
{
    const kuni_linkage_seal seal = {seal_linkage, &k->linkage};
    const kuni_linkage_seal *how = k->linkage.n ? &seal : NULL;
    const char *path = plan->request.linkage;
    if (!kuni_release_has_names(&plan->request)) return KUNI_OK;
    return write ? kuni_pseudonyms_link(&plan->selection, path, how, err)
                 : kuni_pseudonyms_can_link(&plan->selection, path, how, err);
}

kuni_status kuni_release_can_deliver(const kuni_release_plan *plan, kuni_error *err)
{
    keys k;
    kuni_status status = read_keys(&k, &plan->request, err);
    if (!status) status = link_people(plan, &k, false, err);
    forget_keys(&k);
    return status;
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

/* A container takes the place of the file; `name` is the file's, and gets an ending. */
static kuni_status seal(delivery *d, kuni_buffer *name)
{
    char *from = kuni_path_join(d->folder, name->data, d->err), *to = NULL;
    kuni_status status = from ? kuni_buffer_printf(name, d->err, ".c4gh") : KUNI_MEMORY;
    if (!status) to = kuni_path_join(d->folder, name->data, d->err);
    if (!status)
        status = to ? kuni_container_seal_file(&d->keys.files, name->data, from, to, d->err)
                    : KUNI_MEMORY;
    if (!status && unlink(from) != 0) status = kuni_fail_errno(d->err, "cannot remove %s", from);
    free(from);
    free(to);
    return status;
}

static kuni_status describe(delivery *d, const char *given)
{
    kuni_buffer name = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_grow((void **)&d->files, &d->capacity, d->n + 1, sizeof(*d->files), d->err);
    if (!status) status = kuni_buffer_printf(&name, d->err, "%s", given);
    if (!status && d->keys.files.n) status = seal(d, &name);
    if (status) {
        kuni_buffer_fini(&name);
        return status;
    }
    described *file = &d->files[d->n++];
    *file = (described){.name = name.data};
    return digest_of(d, d->folder, file->name, file->digest, &file->bytes);
}

/* --- release.json --- */

static void put_request(const delivery *d, kuni_json *json)
{
    const kuni_request *q = &d->plan->request;
    kuni_json_int(json, "format", 1);
    kuni_json_text(json, "kuni", KUNI_VERSION);
    kuni_json_text(json, "release", q->name);
    kuni_json_text(json, "recipient", q->recipient);
    if (q->is_public) kuni_json_bool(json, "public", true);
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

static void put_meter(const kuni_meter *meter, kuni_json *json)
{
    kuni_json_object(json, "identification", KUNI_JSON_INLINE);
    kuni_json_int(json, "independent_snps", meter->snps);
    kuni_json_int(json, "rare_genotypes", meter->rare);
    kuni_json_int(json, "four_base_repeats", meter->repeats);
    kuni_json_end(json);
}

static void put_all(const delivery *d, const kuni_chain *chain, kuni_json *json)
{
    kuni_json_object(json, NULL, KUNI_JSON_LINES);
    put_request(d, json);
    if (has_genotypes(&d->plan->request)) put_meter(&d->meter, json);
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
    /* Sites have no columns: the recipient knows no name. */
    bool told = d->plan->request.form != KUNI_FORM_SITES;
    for (size_t i = 0; i < s->n; i++)
        d->members[i] =
            (kuni_member){s->people[i].participant, told ? s->people[i].pseudonym : NULL};
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
            kuni_memory_keep(d->memory, NULL, d->members, d->plan->selection.n, members, d->err);
    kuni_digest *digest = status ? NULL : kuni_digest_new(d->err);
    if (!digest) return status ? status : KUNI_MEMORY;
    kuni_digest_add_text(digest, content);
    kuni_digest_add_text(digest, members);
    kuni_digest_finish(digest, content);
    memcpy(d->id, content, sizeof(d->id) - 1);
    d->id[sizeof(d->id) - 1] = '\0';
    kuni_memory_chain(d->memory, &d->plan->past.releases, d->id, d->plan->request.recipient,
                      &d->chain);
    return KUNI_OK;
}

/* What the dataset remembers names nobody but the recipient. */
static kuni_status record(const delivery *d, const char *digest, const char *members)
{
    const kuni_request *q = &d->plan->request;
    const kuni_selection *s = &d->plan->selection;
    json_t *entry = json_pack(
        "{ss ss ss ss sI sI ss ss ss* ss ss ss sI ss ss ss ss}", "release", q->name, "recipient",
        q->recipient, "use", kuni_use_name(q->commercial), "form",
        kuni_form_name((kuni_release_form)q->form), "people", (json_int_t)s->n, "generation",
        (json_int_t)s->generation, "request", d->request, "blake2b", digest, "delivery",
        q->delivery, "id", d->id, "members", members, "series", d->chain.series, "number",
        (json_int_t)d->chain.number, "previous", d->chain.previous, "dataset", d->chain.before,
        "asked", d->plan->past.asked, "told", d->told);
    if (entry && q->is_public && json_object_set_new(entry, "public", json_true()) != 0) {
        json_decref(entry);
        entry = NULL;
    }
    kuni_status status = entry ? kuni_history_add(s->folder, "released", NULL, entry, d->err)
                               : kuni_fail_memory(d->err, 1, 1);
    return status ? status : kuni_memory_put_head(d->memory, s->folder, d->err);
}

static kuni_status note(delivery *d)
{
    char digest[KUNI_DIGEST_HEX_BYTES], members[KUNI_DIGEST_HEX_BYTES];
    const kuni_selection *s = &d->plan->selection;
    kuni_status status = identify(d);
    if (!status) status = kuni_release_past_check(&d->plan->past, d->id, d->told, d->err);
    if (!status) status = write_description(d, &d->chain, digest);
    if (!status && d->plan->request.signing)
        status = kuni_signature_write(d->keys.signer.bytes, d->folder, d->err);
    if (!status) status = kuni_selection_check(s, d->err);
    if (!status) status = link_people(d->plan, &d->keys, true, d->err);
    /* A release that nobody knows of could not be called back: it is told before it is handed over. */
    if (!status) status = kuni_memory_keep(d->memory, d->id, d->members, s->n, members, d->err);
    if (!status) status = kuni_release_past_keep(&d->plan->past, d->id, d->err);
    return status ? status : record(d, digest, members);
}

static void fini(delivery *d)
{
    for (size_t i = 0; i < d->n; i++) free(d->files[i].name);
    free(d->files);
    free(d->members);
    forget_keys(&d->keys);
}

static kuni_status measure(delivery *d)
{
    const kuni_request *q = &d->plan->request;
    if (!has_genotypes(q)) return KUNI_OK;
    char *path =
        kuni_path_join(d->folder, kuni_release_files((kuni_release_form)q->form)[0], d->err);
    kuni_status status =
        path ? kuni_meter_read(&d->meter, path, d->plan->genome, d->err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_release_deliver(const kuni_release_plan *plan, const char *folder,
                                 const char *const *const *files, const char *out, kuni_error *err)
{
    delivery d = {.plan = plan, .folder = folder, .memory = &plan->past.memory, .err = err};
    kuni_status status = read_keys(&d.keys, &plan->request, err);
    if (!status) status = digest_of(&d, "/", plan->request.path, d.request, NULL);
    if (!status)
        status = digest_of(&d, plan->selection.folder, "current/dataset.json", d.dataset, NULL);
    if (!status) status = measure(&d);
    for (; *files && !status; files++)
        for (const char *const *file = *files; *file && !status; file++)
            status = describe(&d, *file);
    if (!status) status = note(&d);
    fini(&d);
    if (!status && rename(folder, out) != 0)
        status = kuni_fail_errno(err, "cannot rename %s to %s", folder, out);
    return status;
}
