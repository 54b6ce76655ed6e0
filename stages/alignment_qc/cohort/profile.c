/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/params.h"
#include "metrics/metrics.h"

enum { PROFILE_BYTES_MOST = 1 << 24, NAMES_MOST = 64 };

static const char *const check_names[KUNI_QC_CHECKS] = {"sex_mismatch", "karyotype_ambiguous",
                                                        "karyotype_unusual", "identity"};

const char *kuni_qc_check_name(kuni_qc_check check)
{
    return check_names[check];
}

const char *kuni_qc_outcome_name(kuni_qc_outcome outcome)
{
    static const char *const names[] = {"not_judged", "pass", "flag", "fail"};
    return names[outcome];
}

/* What the parser is in the middle of. */
typedef struct parser {
    const char *path;
    size_t line;
    const char *wanted, *profile, *entry;
    bool found;
    const char *names[NAMES_MOST];
    size_t n_names;
    kuni_qc_profile *into;
    kuni_qc_rule rule;
    bool in_rule;
    kuni_error *err;
} parser;

static kuni_status wrong(parser *now, const char *what, const char *word)
{
    return kuni_fail(now->err, KUNI_USAGE, "QC profiles: %s:%zu: %s '%s'", now->path, now->line,
                     what, word);
}

/* Ends the rule under way: it must say something, and where that comes from. */
static kuni_status end_rule(parser *now)
{
    if (!now->in_rule) return KUNI_OK;
    now->in_rule = false;
    const kuni_qc_rule *rule = &now->rule;
    bool limits = !isnan(rule->fail_below) || !isnan(rule->fail_above) ||
                  !isnan(rule->flag_below) || !isnan(rule->flag_above);
    if (!rule->source)
        return wrong(now, "a source is missing in the entry before this line:", now->entry);
    if (rule->metric >= 0 ? !limits || rule->outcome != KUNI_QC_NOT_JUDGED
                          : limits || rule->outcome == KUNI_QC_NOT_JUDGED)
        return wrong(now, "a metric needs limits and a check an outcome: entry before this line:",
                     now->entry);
    if (strcmp(now->profile, now->wanted) != 0) return KUNI_OK;
    kuni_qc_profile *profile = now->into;
    kuni_status status = kuni_grow((void **)&profile->rules, &profile->capacity,
                                   profile->n_rules + 1, sizeof(*profile->rules), now->err);
    if (!status) profile->rules[profile->n_rules++] = *rule;
    return status;
}

static kuni_status start_profile(parser *now, const char *name)
{
    kuni_status status = end_rule(now);
    if (status) return status;
    now->profile = name;
    now->entry = NULL;
    for (size_t i = 0; i < now->n_names; i++)
        if (strcmp(now->names[i], name) == 0) return wrong(now, "the profile stands twice:", name);
    if (now->n_names == NAMES_MOST) return wrong(now, "too many profiles:", name);
    now->names[now->n_names++] = name;
    now->found |= strcmp(name, now->wanted) == 0;
    return KUNI_OK;
}

static kuni_status start_rule(parser *now, const char *name)
{
    kuni_status status = end_rule(now);
    if (status) return status;
    if (!now->profile) return wrong(now, "a metric before any profile:", name);
    now->entry = name;
    now->rule = (kuni_qc_rule){.metric = kuni_qc_metric_find(name),
                               .check = -1,
                               .fail_below = NAN,
                               .fail_above = NAN,
                               .flag_below = NAN,
                               .flag_above = NAN,
                               .advice = ""};
    for (int i = 0; i < KUNI_QC_CHECKS; i++)
        if (strcmp(check_names[i], name) == 0) now->rule.check = i;
    if (now->rule.metric < 0 && now->rule.check < 0) {
        const char *known[256];
        size_t n = 0;
        for (; n < kuni_qc_n_metrics && n < 250; n++) known[n] = kuni_qc_metrics[n].name;
        for (int i = 0; i < KUNI_QC_CHECKS; i++) known[n++] = check_names[i];
        const char *nearest = kuni_nearest(name, known, n);
        return kuni_fail(now->err, KUNI_USAGE,
                         "QC profiles: %s:%zu: unknown metric or check '%s'%s%s%s", now->path,
                         now->line, name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                         nearest ? "'?" : "");
    }
    now->in_rule = true;
    return KUNI_OK;
}

static kuni_status set_limit(parser *now, double *limit, const char *value)
{
    char *end = NULL;
    errno = 0;
    *limit = strtod(value, &end);
    if (end == value || *end || errno || !isfinite(*limit))
        return wrong(now, "expected a number, got", value);
    return KUNI_OK;
}

static kuni_status set_key(parser *now, const char *key, char *value)
{
    kuni_qc_rule *rule = &now->rule;
    if (!now->in_rule) return wrong(now, "a limit before any metric:", key);
    if (strcmp(key, "fail_below") == 0) return set_limit(now, &rule->fail_below, value);
    if (strcmp(key, "fail_above") == 0) return set_limit(now, &rule->fail_above, value);
    if (strcmp(key, "flag_below") == 0) return set_limit(now, &rule->flag_below, value);
    if (strcmp(key, "flag_above") == 0) return set_limit(now, &rule->flag_above, value);
    if (strcmp(key, "source") == 0) {
        rule->source = value;
    } else if (strcmp(key, "advice") == 0) {
        rule->advice = value;
    } else if (strcmp(key, "scope") == 0) {
        if (strcmp(value, "genome") != 0 && strcmp(value, "any") != 0)
            return wrong(now, "scope: expected genome or any, got", value);
        rule->whole_genome = strcmp(value, "genome") == 0;
    } else if (strcmp(key, "outcome") == 0) {
        rule->outcome = strcmp(value, "flag") == 0   ? KUNI_QC_FLAG
                        : strcmp(value, "fail") == 0 ? KUNI_QC_FAIL
                                                     : KUNI_QC_NOT_JUDGED;
        if (rule->outcome == KUNI_QC_NOT_JUDGED)
            return wrong(now, "outcome: expected flag or fail, got", value);
    } else {
        static const char *const keys[] = {"fail_below", "fail_above", "flag_below", "flag_above",
                                           "source",     "advice",     "scope",      "outcome"};
        const char *nearest = kuni_nearest(key, keys, sizeof(keys) / sizeof(keys[0]));
        return kuni_fail(now->err, KUNI_USAGE, "QC profiles: %s:%zu: unknown key '%s'%s%s%s",
                         now->path, now->line, key, nearest ? "; did you mean '" : "",
                         nearest ? nearest : "", nearest ? "'?" : "");
    }
    return KUNI_OK;
}

/* Takes quotes off and cuts a comment off; NULL where the value is beyond this subset of YAML. */
static char *plain_value(char *value)
{
    if (*value == '"' || *value == '\'') {
        char *end = strchr(value + 1, *value);
        if (!end || end[1 + strspn(end + 1, " ")] || memchr(value, '\\', (size_t)(end - value)))
            return NULL;
        *end = '\0';
        return value + 1;
    }
    char *comment = strstr(value, " #");
    if (comment) *comment = '\0';
    if (strchr("[]{}&*!|>%@`?,", *value) && *value) return NULL;
    if (strstr(value, ": ")) return NULL;
    size_t length = strlen(value);
    while (length && value[length - 1] == ' ') value[--length] = '\0';
    return value;
}

static kuni_status parse_line(parser *now, char *line)
{
    size_t indent = strspn(line, " ");
    char *key = line + indent;
    if (!*key || *key == '#' || strcmp(line, "---") == 0) return KUNI_OK;
    char *colon = strchr(key, ':');
    if (!colon || strchr(line, '\t') || (colon[1] && colon[1] != ' '))
        return wrong(now, "expected 'key: value' indented by spaces, got", key);
    *colon = '\0';
    char *value = plain_value(colon + 1 + strspn(colon + 1, " "));
    if (!value) return wrong(now, "expected one plain value on the line of", key);
    if (*value == '#') *value = '\0';
    bool opens = indent == 0 || indent == 2;
    if (indent != 0 && indent != 2 && indent != 4)
        return wrong(now, "expected an indent of 0 (profile), 2 (metric) or 4 (limit) before", key);
    if (opens == (*value != '\0'))
        return wrong(
            now, opens ? "expected nothing after the colon of" : "a value is missing after", key);
    if (indent == 0) return start_profile(now, key);
    if (indent == 2) return start_rule(now, key);
    return set_key(now, key, value);
}

static kuni_status parse(parser *now, char *text)
{
    kuni_status status = KUNI_OK;
    for (char *line = text; line && *line && !status;) {
        char *next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        now->line++;
        status = parse_line(now, line);
        line = next;
    }
    now->line++;
    return status ? status : end_rule(now);
}

kuni_status kuni_qc_profile_read(kuni_qc_profile **out, const char *path, const char *name,
                                 kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_qc_profile *profile = kuni_alloc(1, sizeof(*profile), err);
    if (!profile) return KUNI_MEMORY;
    kuni_status status = path ? kuni_file_get(path, PROFILE_BYTES_MOST, &text, err)
                              : kuni_buffer_printf(&text, err, "%s", kuni_qc_builtin_profiles);
    if (status) goto fail;
    profile->text = text.data;
    profile->name = name;
    parser now = {.path = path ? path : "built in", .wanted = name, .into = profile, .err = err};
    if (profile->text) status = parse(&now, profile->text);
    if (!status && !now.found && strcmp(name, "none") != 0) {
        kuni_buffer list = KUNI_BUFFER_INIT;
        for (size_t i = 0; i < now.n_names && !status; i++)
            status = kuni_buffer_printf(&list, err, "%s, ", now.names[i]);
        if (!status)
            status = kuni_fail(err, KUNI_USAGE, "QC profiles: %s: no profile '%s': it has %snone",
                               now.path, name, list.data ? list.data : "");
        kuni_buffer_fini(&list);
    }
    if (status) goto fail;
    *out = profile;
    return KUNI_OK;
fail:
    kuni_qc_profile_free(profile);
    return status;
}

void kuni_qc_profile_free(kuni_qc_profile *profile)
{
    if (!profile) return;
    free(profile->text);
    free(profile->rules);
    free(profile);
}

kuni_qc_outcome kuni_qc_judge(const kuni_qc_rule *rule, double value, bool whole_genome,
                              char limit[32])
{
    (void)snprintf(limit, 32, "NA");
    if (!isfinite(value) || (rule->whole_genome && !whole_genome)) return KUNI_QC_NOT_JUDGED;
    struct {
        double at;
        bool hit;
        char sign;
        kuni_qc_outcome outcome;
    } tests[] = {{rule->fail_below, value < rule->fail_below, '<', KUNI_QC_FAIL},
                 {rule->fail_above, value > rule->fail_above, '>', KUNI_QC_FAIL},
                 {rule->flag_below, value < rule->flag_below, '<', KUNI_QC_FLAG},
                 {rule->flag_above, value > rule->flag_above, '>', KUNI_QC_FLAG}};
    for (size_t i = 0; i < 4; i++) {
        if (isnan(tests[i].at) || !tests[i].hit) continue;
        (void)snprintf(limit, 32, "%c %.12g", tests[i].sign, tests[i].at);
        return tests[i].outcome;
    }
    return KUNI_QC_PASS;
}
