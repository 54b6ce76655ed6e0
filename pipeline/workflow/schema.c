/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sections.h"
#include "stage_table.h"

static const char external_name[] = "external";

/* All of these give NULL where memory ran out; jansson then passes it on to the end. */

static json_t *list_of_texts(const char *const *texts)
{
    json_t *list = json_array();
    for (; list && texts && *texts; texts++) json_array_append_new(list, json_string(*texts));
    return list;
}

/* Scalars are taken as written: 1 and true are texts where a text is expected. */
static json_t *scalar(void)
{
    static const char *const types[] = {"string", "number", "boolean", NULL};
    return json_pack("{so}", "type", list_of_texts(types));
}

static json_t *one_or_list(void)
{
    return json_pack("{s[o, {ss so}]}", "anyOf", scalar(), "type", "array", "items", scalar());
}

/* A number that may have a unit. */
static json_t *with_unit(const char *pattern, double least, double most)
{
    return json_pack("{s[{ss sf sf}, {ss ss}]}", "anyOf", "type", "integer", "minimum", least,
                     "maximum", most, "type", "string", "pattern", pattern);
}

static const char bp_pattern[] = "^[0-9]+(\\.[0-9]+)? *([bB][pP]?|[kKmMgG]([bB][pP]?)?)?$";
static const char bytes_pattern[] = "^[0-9]+(\\.[0-9]+)? *([bB]|[kKmMgGtT]([iI]?[bB])?)?$";
static const char seconds_pattern[] =
    "^[0-9]+(\\.[0-9]+)? *([sS]([eE][cC])?|[mM]([iI][nN])?|[hH]|[dD])?$";

static json_t *of_field(const kuni_field *field)
{
    json_t *o = NULL;
    double least = (double)field->least, most = (double)field->most;
    switch (field->type) {
    case KUNI_FIELD_TEXT:
    case KUNI_FIELD_PATH:
    case KUNI_FIELD_FILE:
        o = scalar();
        break;
    case KUNI_FIELD_INT:
        o = with_unit("^[0-9]+$", least, most);
        break;
    case KUNI_FIELD_BP:
        o = with_unit(bp_pattern, least, most);
        break;
    case KUNI_FIELD_BYTES:
        o = with_unit(bytes_pattern, least, most);
        break;
    case KUNI_FIELD_SECONDS:
        o = with_unit(seconds_pattern, least, most);
        break;
    case KUNI_FIELD_OTHER:
        o = json_object();
        break;
    }
    if (o && field->expected) json_object_set_new(o, "description", json_string(field->expected));
    return o;
}

/* A map of which the keys are those of a table. */
static json_t *of_table(const kuni_field *fields, size_t n)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; properties && i < n; i++) {
        json_object_set_new(properties, fields[i].key, of_field(&fields[i]));
        if (fields[i].required) json_array_append_new(required, json_string(fields[i].key));
    }
    return json_pack("{ss so so sb}", "type", "object", "properties", properties, "required",
                     required, "additionalProperties", 0);
}

static json_t *of_param(const kuni_param *p)
{
    json_t *o = NULL;
    bool unit = p->unit && p->type == KUNI_PARAM_INT;
    switch (p->type) {
    case KUNI_PARAM_BOOL:
        o = json_pack("{s[bbss]}", "enum", 1, 0, "true", "false");
        break;
    case KUNI_PARAM_INT:
        o = with_unit(unit && strcmp(p->unit, "bp") == 0      ? bp_pattern
                      : unit && strcmp(p->unit, "bytes") == 0 ? bytes_pattern
                      : unit && strcmp(p->unit, "s") == 0     ? seconds_pattern
                                                              : "^-?[0-9]+$",
                      p->least, p->most);
        break;
    case KUNI_PARAM_FLOAT:
        o = json_pack("{s[{ss sf sf}, {ss ss}]}", "anyOf", "type", "number", "minimum", p->least,
                      "maximum", p->most, "type", "string", "pattern",
                      "^-?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]+)?$");
        break;
    case KUNI_PARAM_CHOICE:
        o = json_pack("{so}", "enum", list_of_texts(p->choices));
        break;
    case KUNI_PARAM_TEXT:
    case KUNI_PARAM_PATH:
        o = scalar();
        break;
    case KUNI_PARAM_LIST:
        o = one_or_list();
        break;
    }
    if (p->type != KUNI_PARAM_TEXT && p->type != KUNI_PARAM_PATH && p->type != KUNI_PARAM_LIST)
        o = json_pack("{s[o{ssss}]}", "anyOf", o, "type", "string", "pattern", "\\{param\\.");
    if (o && p->help) json_object_set_new(o, "description", json_string(p->help));
    if (o && p->value) json_object_set_new(o, "default", json_string(p->value));
    return o;
}

static json_t *of_text_or_map(const kuni_param *p)
{
    json_t *o = of_param(p);
    if (o) json_object_set_new(o, "type", json_pack("[ss]", "string", "object"));
    return o;
}

/* --- stages --- */

/* What `with:` of a stage may hold. */
static json_t *of_stage(const kuni_stage *stage)
{
    json_t *properties = json_object();
    for (const kuni_param *p = stage->params; properties && p && p->name; p++)
        json_object_set_new(properties, p->name, of_param(p));
    return json_pack("{ss so sb}", "type", "object", "properties", properties,
                     "additionalProperties", 0);
}

/* Where a stage is this built-in one, its parameters are these. */
static json_t *rule_of(const kuni_stage *stage)
{
    char reference[256];
    (void)snprintf(reference, sizeof(reference), "#/definitions/%s", stage->name);
    return json_pack("{s{s{s{ss}} s[s]} s{s{s{ss}}}}", "if", "properties", "uses", "const",
                     stage->name, "required", "uses", "then", "properties", "with", "$ref",
                     reference);
}

/* Only a command has its parameters beside it. */
static json_t *only_common_keys(const char *kind, const kuni_field *common, size_t n)
{
    json_t *names = json_array();
    for (size_t i = 0; names && i < n; i++)
        json_array_append_new(names, json_string(common[i].key));
    return json_pack("{s{s[s]} s{s{so}}}", "if", "required", kind, "then", "propertyNames", "enum",
                     names);
}

static json_t *uses_schema(const kuni_stage *const *stages, size_t n)
{
    json_t *names = json_array();
    for (size_t i = 0; names && i < n; i++)
        if (strcmp(stages[i]->name, external_name) != 0)
            json_array_append_new(names, json_string(stages[i]->name));
    return json_pack("{so}", "enum", names);
}

static json_t *stage_schema(void)
{
    size_t n, n_keys;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    const kuni_field *keys = kuni_stage_keys(&n_keys);
    const kuni_stage *external = kuni_stage_find(external_name);
    json_t *properties = json_object(), *rules = json_array();
    for (const kuni_param *p = external ? external->params : NULL; properties && p && p->name; p++)
        if (!kuni_stage_is_own(p->name))
            json_object_set_new(properties, p->name,
                                kuni_stage_takes_map(p->name) ? of_text_or_map(p) : of_param(p));
    for (size_t i = 0; properties && i < n_keys; i++)
        json_object_set_new(properties, keys[i].key, of_field(&keys[i]));
    json_object_update_missing_new(json_object_get(properties, "uses"), uses_schema(stages, n));
    json_object_update_missing_new(json_object_get(properties, "needs"), one_or_list());
    json_object_update_missing_new(json_object_get(properties, "run"), one_or_list());
    json_object_update_missing_new(json_object_get(properties, "with"),
                                   json_pack("{ss}", "type", "object"));
    for (size_t i = 0; i < n; i++)
        if (stages[i] != external) json_array_append_new(rules, rule_of(stages[i]));
    json_array_append_new(rules, only_common_keys("uses", keys, n_keys));
    json_array_append_new(rules, only_common_keys("plugin", keys, n_keys));
    if (external)
        json_array_append_new(rules,
                              json_pack("{s{s[s]} s{s{s{ss}}}}", "if", "required", "run", "then",
                                        "properties", "with", "$ref", "#/definitions/external"));
    return json_pack("{ss so s[s] s[{s[s]} {s[s]} {s[s]}] so sb}", "type", "object", "properties",
                     properties, "required", "id", "oneOf", "required", "uses", "required", "run",
                     "required", "plugin", "allOf", rules, "additionalProperties", 0);
}

/* --- the whole --- */

static json_t *resources_schema(void)
{
    size_t n;
    const kuni_field *memory = kuni_workflow_fields("resources", &n);
    json_t *schema = of_table(memory, n);
    json_object_set_new(schema, "additionalProperties", scalar());
    return schema;
}

/* A value alone, or a map that tells more of it. */
static json_t *params_schema(void)
{
    static const char *const types[] = {"text", "int", "float", "bool", "file", NULL};
    size_t n;
    const kuni_field *keys = kuni_param_keys(&n);
    json_t *map = of_table(keys, n), *properties = json_object_get(map, "properties");
    json_object_set_new(properties, "type", json_pack("{so}", "enum", list_of_texts(types)));
    json_object_set_new(properties, "default", scalar());
    json_object_set_new(properties, "help", scalar());
    json_object_set_new(properties, "allowed",
                        json_pack("{ss si so}", "type", "array", "minItems", 1, "items", scalar()));
    json_object_set_new(properties, "least", json_pack("{ss}", "type", "number"));
    json_object_set_new(properties, "most", json_pack("{ss}", "type", "number"));
    return json_pack("{ss s{s[oo]}}", "type", "object", "additionalProperties", "anyOf", scalar(),
                     map);
}

static void set_sections(json_t *properties)
{
    static const char *const names[] = {"regions", "on_error", "gate"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n;
        const kuni_field *fields = kuni_workflow_fields(names[i], &n);
        json_object_set_new(properties, names[i], of_table(fields, n));
    }
    json_t *regions = json_object_get(json_object_get(properties, "regions"), "properties");
    json_object_set_new(regions, "contigs", one_or_list());
    json_object_set_new(properties, "version", json_pack("{s[is]}", "enum", 1, "1"));
    json_object_set_new(properties, "resources", resources_schema());
    json_object_set_new(properties, "params", params_schema());
    json_object_set_new(
        properties, "profiles",
        json_pack("{ss s{ss}}", "type", "object", "additionalProperties", "type", "object"));
    json_object_set_new(properties, "network", one_or_list());
    json_object_set_new(properties, "stages",
                        json_pack("{ss si s{s{s[s]} s{ss} s{ss}}}", "type", "array", "minItems", 1,
                                  "items", "if", "required", "include", "then", "$ref",
                                  "#/definitions/include", "else", "$ref", "#/definitions/stage"));
}

static json_t *make(void)
{
    size_t n, n_stages;
    const kuni_field *top = kuni_workflow_fields("", &n);
    const kuni_stage *const *stages = kuni_stage_list(&n_stages);
    json_t *schema = json_pack("{ss ss}", "$schema", "http://json-schema.org/draft-07/schema#",
                               "title", "kuni workflow");
    json_t *whole = of_table(top, n), *definitions = json_object();
    json_object_set_new(definitions, "stage", stage_schema());
    json_object_set_new(definitions, "include",
                        json_pack("{ss s{so} sb}", "type", "object", "properties", "include",
                                  scalar(), "additionalProperties", 0));
    for (size_t i = 0; i < n_stages; i++)
        json_object_set_new(definitions, stages[i]->name, of_stage(stages[i]));
    set_sections(json_object_get(whole, "properties"));
    bool made = schema && json_object_update(schema, whole) == 0 &&
                json_object_set_new(schema, "definitions", definitions) == 0;
    json_decref(whole);
    if (made) return schema;
    json_decref(schema);
    return NULL;
}

kuni_status kuni_workflow_schema(kuni_buffer *out, kuni_error *err)
{
    json_t *schema = make();
    char *text = schema ? json_dumps(schema, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(schema);
    kuni_status status =
        text ? kuni_buffer_printf(out, err, "%s\n", text) : kuni_fail_memory(err, 1, 1);
    free(text);
    return status;
}
