/* SPDX-License-Identifier: MIT */
/*
 * The `stages:` of a workflow: which stage, its parameters, its needs, and the order that respects
 * them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "declared.h"
#include "flow.h"
#include "needs.h"
#include "plugin.h"
#include "sections.h"
#include "stage_table.h"
#include "units.h"
#include "workflow.h"

enum { KEYS_MAX = 64, ID_BYTES_MAX = 64 };

static const char external_name[] = "external";
static const char command_name[] = "command";     /* `run:` with a text */
static const char arguments_name[] = "arguments"; /* `run:` with a list */
static const char resources_name[] = "resources";
static const char gives_name[] = "gives", publish_name[] = "publish";
static const char outputs_name[] = "outputs";     /* `gives:` with a map */
static const char published_name[] = "published"; /* `publish:` with a map */
static const char params_name[] = "params";
static const char check_name_key[] = "check";
static const char image_name[] = "image", digest_name[] = "image_digest";

static const kuni_field stage_keys[] = {
    {.key = "id", .type = KUNI_FIELD_TEXT, .expected = "a letter, then letters, digits, _ and -"},
    {.key = "uses", .type = KUNI_FIELD_OTHER, .expected = "a built-in stage"},
    {.key = "run", .type = KUNI_FIELD_OTHER, .expected = "a command, or a list of its words"},
    {.key = "plugin", .type = KUNI_FIELD_TEXT, .expected = "the path of a shared object"},
    {.key = "with", .type = KUNI_FIELD_OTHER, .expected = "a map of the stage's parameters"},
    {.key = "needs", .type = KUNI_FIELD_OTHER, .expected = "the id of a stage, or a list of ids"},
    {.key = "when", .type = KUNI_FIELD_TEXT, .expected = "a param: NAME, not NAME, NAME == VALUE"},
};

const kuni_field *kuni_stage_keys(size_t *n)
{
    *n = sizeof(stage_keys) / sizeof(stage_keys[0]);
    return stage_keys;
}

bool kuni_stage_is_own(const char *param)
{
    static const char *const own[] = {command_name,   arguments_name, resources_name, outputs_name,
                                      published_name, params_name,    digest_name};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(param, own[i]) == 0) return true;
    return false;
}

/* --- which stage --- */

static void read_id(kuni_reader *reader, entry *e)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    static const char expected[] = "a letter, then letters, digits, _ and -, at most 64 in all";
    e->id_node = kuni_yaml_get(e->node, "id");
    if (!e->id_node) {
        kuni_yaml_fault(reader->faults, e->node, "'id' is missing in a stage; expected %s",
                        expected);
        return;
    }
    const char *id = kuni_reader_text(reader, e->id_node, "id", expected);
    if (!id) return;
    if (!strchr(first, *id) || strspn(id, rest) != strlen(id) || strlen(id) > ID_BYTES_MAX)
        kuni_yaml_fault(reader->faults, e->id_node, "id: '%.100s' is no stage id; expected %s", id,
                        expected);
    e->stage.id = id;
}

static void find_built_in(kuni_reader *reader, entry *e, const kuni_yaml_node *uses)
{
    const char *name = kuni_reader_text(reader, uses, "uses", "the name of a stage");
    if (!name || (e->stage.stage = kuni_stage_find(name))) return;
    size_t n;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    const char *names[KEYS_MAX];
    for (size_t i = 0; i < n && i < KEYS_MAX; i++) names[i] = stages[i]->name;
    const char *near = kuni_nearest(name, names, n < KEYS_MAX ? n : KEYS_MAX);
    kuni_yaml_fault(reader->faults, uses,
                    "uses: unknown stage '%.100s'; expected one that `kuni stages` lists%s%s%s",
                    name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static kuni_status find_plugin(kuni_reader *reader, entry *e, const kuni_yaml_node *plugin)
{
    const char *text = kuni_reader_text(reader, plugin, "plugin",
                                        "the path of a shared object, such as ./mine.so");
    if (!text) return KUNI_OK;
    if (!(e->stage.plugin = kuni_reader_path(reader, plugin, text))) return KUNI_MEMORY;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_plugin_load(e->stage.plugin, &e->stage.stage, &err))
        kuni_yaml_fault(reader->faults, plugin, "%s", err.text);
    return KUNI_OK;
}

/* Exactly one of uses, run and plugin. */
static kuni_status find_stage(kuni_reader *reader, entry *e)
{
    const kuni_yaml_node *uses = kuni_yaml_get(e->node, "uses"),
                         *run = kuni_yaml_get(e->node, "run"),
                         *plugin = kuni_yaml_get(e->node, "plugin");
    int n = !!uses + !!run + !!plugin;
    if (n != 1) {
        kuni_yaml_fault(reader->faults, e->node,
                        "%s of uses, run and plugin in a stage; expected one",
                        n ? "more than one" : "none");
        return KUNI_OK;
    }
    if (plugin) return find_plugin(reader, e, plugin);
    if (uses)
        find_built_in(reader, e, uses);
    else if (!(e->stage.stage = kuni_stage_find(external_name)))
        kuni_yaml_fault(reader->faults, run, "run: this kuni was built without the stage '%s'",
                        external_name);
    return KUNI_OK;
}

static bool is_external(const kuni_workflow_stage *stage)
{
    return stage->stage && !stage->plugin && strcmp(stage->stage->name, external_name) == 0;
}

static const kuni_param *find_param(const kuni_stage *stage, const char *name)
{
    for (const kuni_param *param = stage->params; param && param->name; param++)
        if (strcmp(param->name, name) == 0) return param;
    return NULL;
}

/* --- parameters --- */

/* "64kb" for a parameter in bp becomes "64000"; other texts stay. */
static const char *plain_number(const kuni_param *param, const char *text, char room[32])
{
    int64_t number = 0;
    if ((param->type != KUNI_PARAM_INT && param->type != KUNI_PARAM_LIST) || !param->unit)
        return text;
    bool fine = strcmp(param->unit, "bp") == 0      ? kuni_parse_bp(text, &number)
                : strcmp(param->unit, "bytes") == 0 ? kuni_parse_bytes(text, &number)
                : strcmp(param->unit, "s") == 0     ? kuni_parse_seconds(text, &number)
                                                    : false;
    if (!fine) return text;
    snprintf(room, 32, "%lld", (long long)number);
    return room;
}

/* Texts of a LIST joined by '\n', of a map as KEY=TEXT; false after a fault. */
static bool join_list(kuni_reader *reader, const kuni_yaml_node *list, const kuni_param *param,
                      const char *key, kuni_buffer *out)
{
    char room[32];
    bool map = list->type == KUNI_YAML_MAP;
    for (size_t i = 0; i < list->n; i++) {
        const char *text = kuni_reader_text(reader, list->values[i], key,
                                            map ? "a map of texts" : "a list of texts");
        if (!text) return false;
        if (strchr(text, '\n')) {
            kuni_yaml_fault(reader->faults, list->values[i], "%s: expected texts of one line", key);
            return false;
        }
        if (kuni_buffer_printf(out, reader->err, "%s%s%s%s", i ? "\n" : "",
                               map ? list->keys[i]->text : "", map ? "=" : "",
                               plain_number(param, text, room)))
            return false;
    }
    return true;
}

/*
 * "tools.sif@sha256:..." holds a path, relative to the workflow. The digest alone is what results depend
 * on. Whether there is a digest, the stage says.
 */
static kuni_status take_image(kuni_reader *reader, entry *e, const kuni_yaml_node *at,
                              const char **text)
{
    static const char mark[] = "@sha256:", ending[] = ".sif";
    const char *digest = strstr(*text, mark);
    if (!digest) return KUNI_OK;
    kuni_status status =
        kuni_params_set(e->stage.params, digest_name, digest + strlen(mark), reader->err);
    size_t length = (size_t)(digest - *text);
    if (status || length < strlen(ending) ||
        strncmp(digest - strlen(ending), ending, strlen(ending)) != 0)
        return status;
    const char *path = kuni_arena_strndup(reader->arena, *text, length, reader->err);
    if (path) path = kuni_reader_file(reader, at, image_name, path);
    if (!path) return KUNI_MEMORY;
    kuni_buffer whole = KUNI_BUFFER_INIT;
    status = kuni_buffer_printf(&whole, reader->err, "%s%s", path, digest);
    if (!status &&
        !(*text = kuni_arena_strndup(reader->arena, whole.data, whole.length, reader->err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&whole);
    return status;
}

static kuni_status set_text(kuni_reader *reader, entry *e, const kuni_yaml_node *at,
                            const kuni_param *param, const char *text)
{
    char room[32];
    /* Commands see their values by other means: see read_used_params. */
    bool command = is_external(&e->stage) &&
                   (kuni_stage_is_own(param->name) || strcmp(param->name, check_name_key) == 0);
    if (!command && kuni_reader_fill(reader, at, text, &text)) return reader->err->status;
    if (param->type == KUNI_PARAM_PATH) {
        text = kuni_reader_file(reader, at, param->name, text);
        if (!text) return KUNI_MEMORY;
    }
    if (is_external(&e->stage) && strcmp(param->name, image_name) == 0 &&
        take_image(reader, e, at, &text))
        return reader->err->status;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status =
        kuni_params_set(e->stage.params, param->name, plain_number(param, text, room), &err);
    if (status == KUNI_MEMORY) return kuni_fail(reader->err, status, "%s", err.text);
    if (status) kuni_yaml_fault(reader->faults, at, "%s", err.text);
    return KUNI_OK;
}

/* `key` is what the parameter is called in the file. */
static kuni_status set_param(kuni_reader *reader, entry *e, const kuni_param *param,
                             const char *key, const kuni_yaml_node *value)
{
    static const char *const expected[] = {
        [KUNI_PARAM_BOOL] = "true or false", [KUNI_PARAM_INT] = "a whole number",
        [KUNI_PARAM_FLOAT] = "a number",     [KUNI_PARAM_TEXT] = "a text",
        [KUNI_PARAM_CHOICE] = "a word",      [KUNI_PARAM_PATH] = "the path of a file",
        [KUNI_PARAM_LIST] = "a list",
    };
    bool pairs = value->type == KUNI_YAML_MAP && kuni_stage_is_own(param->name);
    if (param->type == KUNI_PARAM_LIST && (value->type == KUNI_YAML_LIST || pairs)) {
        kuni_buffer joined = KUNI_BUFFER_INIT;
        kuni_status status = KUNI_OK;
        if (join_list(reader, value, param, key, &joined))
            status = set_text(reader, e, value, param, joined.data ? joined.data : "");
        else
            status = reader->err->status;
        kuni_buffer_fini(&joined);
        return status;
    }
    if (param->type == KUNI_PARAM_TEXT && value->type == KUNI_YAML_TEXT && !value->plain)
        return set_text(reader, e, value, param, value->text); /* "" is a text */
    const char *text = kuni_reader_text(reader, value, key, expected[param->type]);
    return text ? set_text(reader, e, value, param, text) : KUNI_OK;
}

static void unknown_param(kuni_reader *reader, const entry *e, const kuni_yaml_node *key)
{
    const char *names[KEYS_MAX * 2];
    size_t n = 0;
    for (const kuni_param *p = e->stage.stage->params; p && p->name && n < KEYS_MAX * 2; p++)
        names[n++] = p->name;
    const char *near = kuni_nearest(key->text, names, n);
    kuni_yaml_fault(reader->faults, key,
                    "unknown parameter '%.100s'; expected one that `kuni stages %s` lists%s%s%s",
                    key->text, e->stage.stage->name, near ? "; did you mean '" : "",
                    near ? near : "", near ? "'?" : "");
}

static size_t count_faults(const kuni_reader *reader)
{
    return reader->faults->n + reader->faults->hidden;
}

static kuni_status read_with(kuni_reader *reader, entry *e)
{
    char room[KUNI_YAML_WORD_BYTES];
    const kuni_yaml_node *with = kuni_yaml_get(e->node, "with");
    size_t before = count_faults(reader);
    if (!with) return KUNI_OK;
    if (with->type != KUNI_YAML_MAP) {
        kuni_yaml_fault(reader->faults, with, "with: got %s; expected a map of parameters",
                        kuni_yaml_describe(with, room));
        return KUNI_OK;
    }
    for (size_t i = 0; i < with->n; i++) {
        const kuni_yaml_node *key = with->keys[i];
        const kuni_param *param = find_param(e->stage.stage, key->text);
        if (!param)
            unknown_param(reader, e, key);
        else if (is_external(&e->stage) && kuni_yaml_get(e->node, key->text))
            kuni_yaml_fault(reader->faults, key, "'%s' stands beside `with` too; expected it once",
                            key->text);
        else if (set_param(reader, e, param, key->text, with->values[i]))
            return reader->err->status;
    }
    kuni_error err = KUNI_ERROR_INIT;
    if (count_faults(reader) > before || !e->stage.stage->check) return KUNI_OK;
    kuni_status status = e->stage.stage->check(e->stage.params, &err);
    if (status == KUNI_MEMORY) return kuni_fail(reader->err, status, "%s", err.text);
    if (!status) return KUNI_OK;
    const kuni_yaml_node *at = with;
    for (size_t i = 0; i < with->n; i++) { /* the text begins with the parameter's name */
        size_t n = strlen(with->keys[i]->text);
        if (strncmp(err.text, with->keys[i]->text, n) == 0 && err.text[n] == ':')
            at = with->values[i];
    }
    kuni_yaml_fault(reader->faults, at, "%s", err.text);
    return KUNI_OK;
}

/*
 * Marks the resources that a text uses as {resource.NAME}; those that are not declared are faults.
 */
static void find_resources(kuni_reader *reader, const kuni_yaml_node *text, bool *used)
{
    static const char open[] = "{resource.";
    const kuni_workflow *w = reader->workflow;
    const char *names[KEYS_MAX];
    size_t n_names = 0;
    for (size_t i = 0; i < w->n_resources && n_names < KEYS_MAX; i++)
        names[n_names++] = w->resources[i].name;
    for (const char *c = text->text; (c = strstr(c, open)); c++) {
        if (c > text->text && c[-1] == '{') continue; /* {{...}} stands for itself */
        const char *name = c + strlen(open);
        size_t length = strcspn(name, "}"), i = 0;
        while (i < w->n_resources && (strlen(w->resources[i].name) != length ||
                                      memcmp(w->resources[i].name, name, length) != 0))
            i++;
        used[i] = true;
        if (i < w->n_resources) continue;
        char word[KUNI_YAML_WORD_BYTES];
        snprintf(word, sizeof(word), "%.*s", length > 60 ? 60 : (int)length, name);
        const char *near = kuni_nearest(word, names, n_names);
        kuni_yaml_fault(
            reader->faults, text,
            "run: {resource.%s} is not declared; expected '%s: PATH' under resources%s%s%s", word,
            word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
}

/* The resources that a command uses are handed on as "NAME=path" lines. */
static kuni_status read_resources_used(kuni_reader *reader, entry *e, const kuni_yaml_node *run)
{
    const kuni_yaml_node *check = kuni_yaml_get(e->node, "check");
    const kuni_workflow *w = reader->workflow;
    bool *used = kuni_arena_alloc(reader->arena, w->n_resources + 1, sizeof(*used), reader->err);
    if (!used) return KUNI_MEMORY;
    if (run->type == KUNI_YAML_TEXT) find_resources(reader, run, used);
    for (size_t i = 0; run->type == KUNI_YAML_LIST && i < run->n; i++)
        find_resources(reader, run->values[i], used);
    if (check && check->type == KUNI_YAML_TEXT) find_resources(reader, check, used);
    kuni_buffer lines = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < w->n_resources; i++)
        if (used[i])
            status = kuni_buffer_printf(&lines, reader->err, "%s%s=%s", lines.length ? "\n" : "",
                                        w->resources[i].name, w->resources[i].value);
    if (!status && lines.length)
        status = kuni_params_set(e->stage.params, resources_name, lines.data, reader->err);
    kuni_buffer_fini(&lines);
    return status;
}

/* Adds "NAME=value" of the params that a text uses, once each. */
static kuni_status add_used_params(kuni_reader *reader, const kuni_yaml_node *text, bool *used,
                                   kuni_buffer *lines)
{
    const char *at = text->type == KUNI_YAML_TEXT ? text->text : NULL, *begin;
    size_t length;
    kuni_status status = KUNI_OK;
    while (at && !status) {
        const kuni_workflow_param *param =
            kuni_reader_next_param(reader, text, &at, &begin, &length);
        if (!param || used[param - reader->workflow->params]) continue;
        used[param - reader->workflow->params] = true;
        status = kuni_buffer_printf(lines, reader->err, "%s%s=%s", lines->length ? "\n" : "",
                                    param->name, param->value);
    }
    return status;
}

/* The params that a command and its check use are handed on likewise. */
static kuni_status read_used_params(kuni_reader *reader, entry *e, const kuni_yaml_node *run)
{
    const kuni_yaml_node *check = kuni_yaml_get(e->node, check_name_key);
    bool *used =
        kuni_arena_alloc(reader->arena, reader->workflow->n_params + 1, sizeof(*used), reader->err);
    kuni_buffer lines = KUNI_BUFFER_INIT;
    kuni_status status = used ? add_used_params(reader, run, used, &lines) : KUNI_MEMORY;
    for (size_t i = 0; run->type == KUNI_YAML_LIST && i < run->n && !status; i++)
        status = add_used_params(reader, run->values[i], used, &lines);
    if (check && !status) status = add_used_params(reader, check, used, &lines);
    if (!status && lines.length)
        status = kuni_params_set(e->stage.params, params_name, lines.data, reader->err);
    kuni_buffer_fini(&lines);
    return status;
}

bool kuni_stage_takes_map(const char *param)
{
    return strcmp(param, gives_name) == 0 || strcmp(param, publish_name) == 0;
}

/* What a key of a command sets: with a map, a parameter that takes several. */
static const kuni_param *param_of_key(const entry *e, const char *key, const kuni_yaml_node *value)
{
    bool map = value->type == KUNI_YAML_MAP;
    if (map && kuni_stage_takes_map(key))
        key = strcmp(key, gives_name) == 0 ? outputs_name : published_name;
    return find_param(e->stage.stage, key);
}

/* Keys of the stage's own map; `run:` stages may write their parameters there. */
static kuni_status read_keys(kuni_reader *reader, entry *e)
{
    const char *known[KEYS_MAX];
    size_t n_fixed = 0;
    for (; n_fixed < sizeof(stage_keys) / sizeof(stage_keys[0]); n_fixed++)
        known[n_fixed] = stage_keys[n_fixed].key;
    size_t n_known = n_fixed;
    bool external = is_external(&e->stage);
    for (const kuni_param *p = external ? e->stage.stage->params : NULL; p && p->name; p++)
        if (n_known < KEYS_MAX && !kuni_stage_is_own(p->name)) known[n_known++] = p->name;
    for (size_t i = 0; i < e->node->n; i++) {
        const kuni_yaml_node *key = e->node->keys[i];
        size_t k = 0;
        while (k < n_known && strcmp(known[k], key->text) != 0) k++;
        kuni_status status = KUNI_OK;
        if (k == n_known)
            status = kuni_reader_unknown_key(reader, key, "a stage", known, n_known);
        else if (k >= n_fixed)
            status = set_param(reader, e, param_of_key(e, key->text, e->node->values[i]), key->text,
                               e->node->values[i]);
        if (status) return status;
    }
    const kuni_yaml_node *run = kuni_yaml_get(e->node, "run");
    if (!run || !external) return KUNI_OK;
    const char *param = run->type == KUNI_YAML_LIST ? arguments_name : command_name;
    if (set_param(reader, e, find_param(e->stage.stage, param), "run", run))
        return reader->err->status;
    if (read_resources_used(reader, e, run)) return reader->err->status;
    return read_used_params(reader, e, run);
}

static kuni_status read_entry(kuni_reader *reader, entry *e)
{
    read_id(reader, e);
    if (find_stage(reader, e)) return reader->err->status;
    if (e->stage.stage) {
        e->stage.params = kuni_params_new(e->stage.stage->params, reader->err);
        if (!e->stage.params) return reader->err->status;
    }
    if (read_keys(reader, e)) return reader->err->status;
    const kuni_yaml_node *when = kuni_yaml_get(e->node, "when");
    e->off = when && !kuni_reader_when(reader, when);
    return e->stage.stage ? read_with(reader, e) : KUNI_OK;
}

/* --- the list --- */

static kuni_status read_entries(kuni_reader *reader, const kuni_yaml_node *stages, entries *all)
{
    char room[KUNI_YAML_WORD_BYTES];
    for (size_t i = 0; i < stages->n; i++) {
        const kuni_yaml_node *node = stages->values[i];
        if (node->type != KUNI_YAML_MAP) {
            kuni_yaml_fault(
                reader->faults, node,
                "stages: got %s; expected a map with id and one of uses, run and plugin",
                kuni_yaml_describe(node, room));
            continue;
        }
        entry *e = &all->list[all->n++];
        e->node = node;
        size_t before = count_faults(reader);
        if (read_entry(reader, e)) return reader->err->status;
        e->faulty = count_faults(reader) > before;
    }
    size_t before = count_faults(reader);
    kuni_needs_check_ids(reader, all);
    kuni_needs_read(reader, all);
    bool whole = all->n == stages->n;
    kuni_needs_switch_off(all);
    if (!all->n) {
        kuni_yaml_fault(reader->faults, stages,
                        "stages: `when` leaves none; expected one at least");
        return KUNI_OK;
    }
    if (kuni_needs_sort(reader, all)) return reader->err->status;
    /*
     * With all stages known and in order the flow of files can be checked whatever else is wrong.
     */
    bool sound = count_faults(reader) == before && whole;
    for (size_t i = 0; i < all->n; i++)
        sound = sound && all->list[i].stage.stage && all->list[i].stage.id;
    if (!sound) return KUNI_OK;
    kuni_workflow *w = reader->workflow;
    w->stages = kuni_arena_alloc(reader->arena, all->n, sizeof(*w->stages), reader->err);
    if (!w->stages) return KUNI_MEMORY;
    w->n_stages = all->n;
    if (kuni_needs_take_over(reader, all)) return reader->err->status;
    return kuni_flow_check(reader, all);
}

kuni_status kuni_reader_stages(kuni_reader *reader, const kuni_yaml_node *stages)
{
    char room[KUNI_YAML_WORD_BYTES];
    if (stages->type != KUNI_YAML_LIST || stages->n == 0 || stages->n > STAGES_MAX) {
        kuni_yaml_fault(reader->faults, stages, "stages: got %s; expected a list of 1 to %d stages",
                        stages->type != KUNI_YAML_LIST ? kuni_yaml_describe(stages, room)
                        : stages->n                    ? "too many"
                                                       : "an empty list",
                        STAGES_MAX);
        return KUNI_OK;
    }
    entries all = {.n = 0};
    all.list = kuni_alloc(stages->n, sizeof(entry), reader->err);
    if (!all.list) return KUNI_MEMORY;
    kuni_status status = read_entries(reader, stages, &all);
    for (size_t i = 0; i < all.n; i++) kuni_params_free(all.list[i].stage.params);
    free(all.list);
    return status;
}
