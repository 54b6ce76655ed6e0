/* SPDX-License-Identifier: MIT */
#include "kuni/params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kuni_params {
    const kuni_param *table;
    size_t n_values;
    char **values; /* canonical text, NULL: absent */
};

static size_t table_length(const kuni_param *table)
{
    size_t n = 0;
    while (table && table[n].name) n++;
    return n;
}

kuni_params *kuni_params_new(const kuni_param *table, kuni_error *err)
{
    kuni_params *params = kuni_alloc(1, sizeof(*params), err);
    if (!params) return NULL;
    params->table = table;
    params->n_values = table_length(table);
    params->values = kuni_alloc(params->n_values, sizeof(*params->values), err);
    if (!params->values) goto fail;
    for (size_t i = 0; i < params->n_values; i++)
        if (table[i].value && kuni_params_set(params, table[i].name, table[i].value, err))
            goto fail;
    return params;
fail:
    kuni_params_free(params);
    return NULL;
}

void kuni_params_free(kuni_params *params)
{
    if (!params) return;
    for (size_t i = 0; params->values && i < params->n_values; i++) free(params->values[i]);
    free(params->values);
    free(params);
}

const kuni_param *kuni_params_table(const kuni_params *params)
{
    return params->table;
}

static kuni_status unknown_name(const kuni_params *params, const char *name, kuni_error *err)
{
    kuni_status status = KUNI_USAGE;
    const char **names = kuni_alloc(params->n_values, sizeof(*names), err);
    if (!names) return KUNI_MEMORY;
    for (size_t i = 0; i < params->n_values; i++) names[i] = params->table[i].name;
    const char *nearest = kuni_nearest(name, names, params->n_values);
    if (nearest)
        status =
            kuni_fail(err, KUNI_USAGE, "unknown parameter '%s'; did you mean '%s'?", name, nearest);
    else
        status = kuni_fail(err, KUNI_USAGE, "unknown parameter '%s'", name);
    free(names);
    return status;
}

static kuni_status parse_bool(const char *text, const char *name, kuni_buffer *out, kuni_error *err)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < 3; i++) {
        if (strcasecmp(text, yes[i]) == 0) return kuni_buffer_printf(out, err, "true");
        if (strcasecmp(text, no[i]) == 0) return kuni_buffer_printf(out, err, "false");
    }
    return kuni_fail(err, KUNI_USAGE, "%s: expected true or false, got '%s'", name, text);
}

static kuni_status parse_number(const char *text, const kuni_param *param, kuni_buffer *out,
                                kuni_error *err)
{
    char *end = NULL;
    errno = 0;
    if (param->type == KUNI_PARAM_INT) {
        long long value = strtoll(text, &end, 10);
        if (end != text && !*end && errno == 0 && (double)value >= param->least &&
            (double)value <= param->most)
            return kuni_buffer_printf(out, err, "%lld", value);
    } else {
        double value = strtod(text, &end);
        if (end != text && !*end && errno == 0 && isfinite(value) && value >= param->least &&
            value <= param->most)
            return kuni_buffer_printf(out, err, "%.17g", value);
    }
    return kuni_fail(err, KUNI_USAGE, "%s: expected %s from %.15g to %.15g%s%s, got '%s'",
                     param->name, param->type == KUNI_PARAM_INT ? "a whole number" : "a number",
                     param->least, param->most, param->unit ? " " : "",
                     param->unit ? param->unit : "", text);
}

static kuni_status parse_choice(const char *text, const kuni_param *param, kuni_buffer *out,
                                kuni_error *err)
{
    kuni_buffer list = KUNI_BUFFER_INIT;
    for (size_t i = 0; param->choices[i]; i++) {
        if (strcmp(text, param->choices[i]) == 0) {
            kuni_buffer_fini(&list);
            return kuni_buffer_printf(out, err, "%s", text);
        }
        kuni_status status =
            kuni_buffer_printf(&list, err, "%s%s", i ? ", " : "", param->choices[i]);
        if (status) return status;
    }
    kuni_status status = kuni_fail(err, KUNI_USAGE, "%s: expected one of %s, got '%s'", param->name,
                                   list.data ? list.data : "(none)", text);
    kuni_buffer_fini(&list);
    return status;
}

kuni_status kuni_params_set(kuni_params *params, const char *name, const char *value,
                            kuni_error *err)
{
    size_t i = 0;
    while (i < params->n_values && strcmp(params->table[i].name, name) != 0) i++;
    if (i == params->n_values) return unknown_name(params, name, err);
    const kuni_param *param = &params->table[i];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_BUG;
    switch (param->type) {
    case KUNI_PARAM_BOOL:
        status = parse_bool(value, name, &text, err);
        break;
    case KUNI_PARAM_INT:
    case KUNI_PARAM_FLOAT:
        status = parse_number(value, param, &text, err);
        break;
    case KUNI_PARAM_CHOICE:
        status = parse_choice(value, param, &text, err);
        break;
    case KUNI_PARAM_TEXT:
    case KUNI_PARAM_PATH:
    case KUNI_PARAM_LIST:
        status = kuni_buffer_printf(&text, err, "%s", value);
        break;
    }
    if (status) {
        kuni_buffer_fini(&text);
        return status;
    }
    free(params->values[i]);
    params->values[i] = text.data;
    return KUNI_OK;
}

static const char *value_of(const kuni_params *params, const char *name, unsigned types)
{
    for (size_t i = 0; i < params->n_values; i++)
        if (strcmp(params->table[i].name, name) == 0 && (types >> params->table[i].type & 1))
            return params->values[i];
    /* A stage asks for what its own table lacks: a bug that no input can cause. */
    (void)fprintf(stderr, "kuni: bug: parameter '%s' is not in the stage's table\n", name);
    abort();
}

bool kuni_params_bool(const kuni_params *params, const char *name)
{
    const char *text = value_of(params, name, 1u << KUNI_PARAM_BOOL);
    return text && strcmp(text, "true") == 0;
}

int64_t kuni_params_int(const kuni_params *params, const char *name)
{
    const char *text = value_of(params, name, 1u << KUNI_PARAM_INT);
    return text ? strtoll(text, NULL, 10) : 0;
}

double kuni_params_float(const kuni_params *params, const char *name)
{
    const char *text = value_of(params, name, 1u << KUNI_PARAM_FLOAT);
    return text ? strtod(text, NULL) : 0;
}

const char *kuni_params_text(const kuni_params *params, const char *name)
{
    return value_of(params, name,
                    1u << KUNI_PARAM_TEXT | 1u << KUNI_PARAM_CHOICE | 1u << KUNI_PARAM_PATH |
                        1u << KUNI_PARAM_LIST);
}

kuni_status kuni_params_edges(const kuni_params *params, const char *name, uint16_t *edges,
                              size_t most, size_t *n, kuni_error *err)
{
    long last = 0;
    const char *list = value_of(params, name, 1u << KUNI_PARAM_LIST);
    *n = 0;
    for (char *end; list && *list; list = end + (*end == '\n')) {
        long edge = strtol(list, &end, 10);
        bool whole = end > list && (!*end || *end == '\n') && edge > last && edge <= UINT16_MAX;
        if (!whole || *n == most)
            return kuni_fail(err, KUNI_USAGE,
                             "%s: expected at most %zu rising whole numbers from 1 to %d", name,
                             most, UINT16_MAX);
        last = edge;
        edges[(*n)++] = (uint16_t)edge;
    }
    return KUNI_OK;
}

static kuni_status print_values(const kuni_params *params, const char *step, kuni_buffer *out,
                                kuni_error *err)
{
    for (size_t i = 0; i < params->n_values; i++) {
        const kuni_param *param = &params->table[i];
        if (!params->values[i]) continue;
        if (step && param->step && strcmp(param->step, step) != 0) continue;
        kuni_status status =
            kuni_buffer_printf(out, err, "%s=%s\n", param->name, params->values[i]);
        if (status) return status;
    }
    return KUNI_OK;
}

const char *kuni_params_value(const kuni_params *params, const char *name)
{
    return value_of(params, name, ~0u);
}

kuni_status kuni_params_print(const kuni_params *params, kuni_buffer *out, kuni_error *err)
{
    return print_values(params, NULL, out, err);
}

kuni_status kuni_params_print_step(const kuni_params *params, const char *step, kuni_buffer *out,
                                   kuni_error *err)
{
    return print_values(params, step, out, err);
}

/*
 * Levenshtein distance with transpositions of neighbours, of words up to 63 bytes; larger words are
 * never near.
 */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t la = strlen(a), lb = strlen(b);
    if (la > MOST || lb > MOST) return SIZE_MAX;
    size_t rows[3][MOST + 1];
    for (size_t j = 0; j <= lb; j++) rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *kuni_nearest(const char *word, const char *const *candidates, size_t n_candidates)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2; /* further away it is another word, not a slip */
    for (size_t i = 0; i < n_candidates; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
