/* SPDX-License-Identifier: MIT */
#include "made_with.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

enum { HEX = 17, SHOWN_BYTES = 60 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void print_short(const kuni_hash *hash, char hex[HEX])
{
    (void)snprintf(hex, HEX, "%016" PRIx64, kuni_hash_short(hash));
}

static kuni_status set_value(json_t *with, const char *name, const char *value, kuni_error *err)
{
    return json_object_set_new(with, name, json_string(value)) ? kuni_fail_memory(err, 1, 1)
                                                               : KUNI_OK;
}

/* A file by its content. */
static kuni_status set_file(kuni_past *past, json_t *with, const char *name, const char *path,
                            kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES], value[KUNI_DIGEST_HEX_BYTES + 8];
    kuni_status status = kuni_keys_file(path, &past->known_files, NULL, hex, err);
    (void)snprintf(value, sizeof(value), "file %s", hex);
    return status ? status : set_value(with, name, value, err);
}

/* The params of the workflow that a command uses: lines NAME=VALUE. */
static kuni_status add_used(kuni_past *past, const char *lines, json_t *with, kuni_error *err)
{
    const kuni_workflow *w = &past->ledger->run->workflow;
    char *copy = kuni_strdup(lines, err), *save = NULL;
    kuni_status status = copy ? KUNI_OK : KUNI_MEMORY;
    for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && !status;
         line = strtok_r(NULL, "\n", &save)) {
        char name[128];
        size_t length = strcspn(line, "="), i = 0;
        if (!line[length]) continue;
        line[length] = '\0';
        while (i < w->n_params && strcmp(w->params[i].name, line) != 0) i++;
        bool file = i < w->n_params && strcmp(w->params[i].type, "file") == 0 && line[length + 1];
        (void)snprintf(name, sizeof(name), "param.%s", line);
        status = file ? set_file(past, with, name, line + length + 1, err)
                      : set_value(with, name, line + length + 1, err);
    }
    free(copy);
    return status;
}

/* Parameters as they stand in the key: files by content. */
static kuni_status add_params(kuni_past *past, const kuni_node *node, json_t *with, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    bool command = node->stage && node->stage->stage->shape;
    const kuni_param *table = node->params ? kuni_params_table(node->params) : NULL;
    for (const kuni_param *p = table; p && p->name && !status; p++) {
        const char *value = kuni_params_value(node->params, p->name);
        if (!value || (p->step && strcmp(p->step, node->step->name) != 0)) continue;
        if (command && strcmp(p->name, "params") == 0)
            status = add_used(past, value, with, err);
        else if (p->type == KUNI_PARAM_PATH && value[0])
            status = set_file(past, with, p->name, value, err);
        else
            status = set_value(with, p->name, value, err);
    }
    return status;
}

static kuni_status add_resources(kuni_past *past, const kuni_node *node, json_t *resources,
                                 kuni_error *err)
{
    const kuni_workflow *w = &past->ledger->run->workflow;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < w->n_resources && !status; i++) {
        if (!kuni_keys_takes_resource(node, w->resources[i].name)) continue;
        char hex[KUNI_DIGEST_HEX_BYTES];
        status = kuni_keys_file(w->resources[i].value, &past->known_files, NULL, hex, err);
        if (!status && json_object_set_new(resources, w->resources[i].name, json_string(hex)))
            status = kuni_fail_memory(err, 1, 1);
    }
    return status;
}

/* The record of a node as it is now; NULL after a failure. */
static json_t *describe(kuni_past *past, size_t number, kuni_error *err)
{
    const kuni_run *run = past->ledger->run;
    const kuni_node *node = &run->plan.nodes[number];
    char digest[HEX], reference[HEX];
    kuni_hash hash;
    json_t *with = json_object(), *resources = json_object(), *record = NULL;
    kuni_status status = kuni_keys_reference(run, &hash, err);
    if (!status) status = with && resources ? KUNI_OK : kuni_fail_memory(err, 1, 1);
    if (!status) status = add_params(past, node, with, err);
    if (!status) status = add_resources(past, node, resources, err);
    if (!status) {
        print_short(&hash, reference);
        print_short(&past->ledger->keys.nodes[number], digest);
        record = json_pack("{ss ss ss ss si ss ss sO sO}", "t", "step", "n", node->folder, "d",
                           digest, "stage", node->stage ? node->stage->stage->name : node->id, "v",
                           node->stage ? node->stage->stage->version : 1, "ref", reference,
                           "ploidy", run->workflow.ploidy ? run->workflow.ploidy : "", "with", with,
                           "res", resources);
        if (!record) (void)kuni_fail_memory(err, 1, 1);
    }
    json_decref(with);
    json_decref(resources);
    return record;
}

/* The last record of a node, of those settings where `then` is not NULL; or NULL. */
static const kuni_stored_step *last_of(const kuni_past *past, size_t node, const uint32_t *then)
{
    for (size_t i = past->n_steps; i-- > 0;)
        if (past->steps[i].node == node && (!then || past->steps[i].settings == *then))
            return &past->steps[i];
    return NULL;
}

kuni_status kuni_made_with_note(kuni_past *past, kuni_journal *journal, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < past->ledger->run->plan.n_nodes && !status; i++) {
        const kuni_stored_step *last = last_of(past, i, NULL);
        char digest[HEX];
        print_short(&past->ledger->keys.nodes[i], digest);
        if (last && strcmp(text_of(last->record, "d"), digest) == 0) continue;
        json_t *record = describe(past, i, err);
        status = record ? kuni_journal_add(journal, record, err) : err->status;
    }
    return status;
}

/* --- what differs --- */

/* A value in one line, not too long. */
static void shorten(const char *text, char shown[SHOWN_BYTES + 4])
{
    bool longer = strlen(text) > SHOWN_BYTES;
    (void)snprintf(shown, SHOWN_BYTES + 4, "%.*s%s", SHOWN_BYTES, text, longer ? "..." : "");
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

/* Up to the first byte that differs, less a few: so that what differs is seen. */
static size_t common(const char *a, const char *b)
{
    enum { BEFORE = 20 };
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    if (strlen(a) <= SHOWN_BYTES && strlen(b) <= SHOWN_BYTES) return 0;
    n = n > BEFORE ? n - BEFORE : 0;
    while (n && ((unsigned char)a[n] & 0xc0) == 0x80) n--; /* a whole character of UTF-8 */
    return n;
}

static kuni_status tell(const char *name, const json_t *then, const json_t *now, kuni_buffer *lines,
                        kuni_error *err)
{
    const char *a = json_string_value(then), *b = json_string_value(now);
    char was[SHOWN_BYTES + 4], is[SHOWN_BYTES + 4];
    if (a && b && strcmp(a, b) == 0) return KUNI_OK;
    if (a && b && strncmp(a, "file ", 5) == 0 && strncmp(b, "file ", 5) == 0)
        return kuni_buffer_printf(lines, err, "%s: a file of other content\n", name);
    size_t from = a && b ? common(a, b) : 0;
    shorten(a ? a + from : "", was);
    shorten(b ? b + from : "", is);
    const char *cut = from ? "..." : "";
    if (!a) return kuni_buffer_printf(lines, err, "%s: now '%s'\n", name, is);
    if (!b) return kuni_buffer_printf(lines, err, "%s: was '%s', is no more\n", name, was);
    return kuni_buffer_printf(lines, err, "%s: was '%s%s', now '%s%s'\n", name, cut, was, cut, is);
}

static kuni_status tell_map(const char *before, json_t *then, json_t *now, bool files,
                            kuni_buffer *lines, kuni_error *err)
{
    const char *key;
    const json_t *value;
    char name[256];
    kuni_status status = KUNI_OK;
    json_object_foreach(then, key, value)
    {
        (void)snprintf(name, sizeof(name), "%s%s", before, key);
        const json_t *other = json_object_get(now, key);
        if (status || json_equal(value, other)) continue;
        status = files ? kuni_buffer_printf(lines, err, "%s: %s\n", name,
                                            other ? "a file of other content" : "is no more")
                       : tell(name, value, other, lines, err);
    }
    json_object_foreach(now, key, value)
    {
        (void)snprintf(name, sizeof(name), "%s%s", before, key);
        if (status || json_object_get(then, key)) continue;
        status = files ? kuni_buffer_printf(lines, err, "%s: new\n", name)
                       : tell(name, NULL, value, lines, err);
    }
    return status;
}

kuni_status kuni_made_with_differs(kuni_past *past, size_t node, uint32_t settings,
                                   kuni_buffer *lines, kuni_error *err)
{
    const kuni_stored_step *step = last_of(past, node, &settings);
    if (!step) return KUNI_OK;
    json_t *then = step->record;
    json_t *now = describe(past, node, err);
    if (!now) return err->status;
    int64_t before = json_integer_value(json_object_get(then, "v")),
            after = json_integer_value(json_object_get(now, "v"));
    kuni_status status =
        tell("stage", json_object_get(then, "stage"), json_object_get(now, "stage"), lines, err);
    if (!status && before != after)
        status = kuni_buffer_printf(lines, err, "version: was %" PRId64 ", now %" PRId64 "\n",
                                    before, after);
    if (!status)
        status = tell_map("", json_object_get(then, "with"), json_object_get(now, "with"), false,
                          lines, err);
    if (!status)
        status = tell_map("resources.", json_object_get(then, "res"), json_object_get(now, "res"),
                          true, lines, err);
    if (!status && strcmp(text_of(then, "ref"), text_of(now, "ref")) != 0)
        status = kuni_buffer_printf(lines, err, "reference: another one\n");
    if (!status)
        status = tell("regions.ploidy", json_object_get(then, "ploidy"),
                      json_object_get(now, "ploidy"), lines, err);
    json_decref(now);
    return status;
}
