/* SPDX-License-Identifier: MIT */
#include "strata.h"

#include <stdlib.h>
#include <string.h>

enum { SEXES = 3, STRATA_MAX = UINT16_MAX };

static const char no_group[] = ".";

static const char *group_of(const kuni_summary_person *person)
{
    return person->group && *person->group ? person->group : no_group;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kuni_status list_groups(kuni_strata *s, const kuni_summary_person *people, kuni_error *err)
{
    size_t n = 0;
    s->groups = kuni_alloc(s->n_people + 1, sizeof(*s->groups), err);
    if (!s->groups) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n_people; i++) s->groups[i] = group_of(&people[i]);
    if (s->n_people) qsort((void *)s->groups, s->n_people, sizeof(*s->groups), compare_texts);
    for (size_t i = 0; i < s->n_people; i++)
        if (!n || strcmp(s->groups[n - 1], s->groups[i]) != 0) s->groups[n++] = s->groups[i];
    s->n_groups = n;
    return KUNI_OK;
}

static size_t find_group(const kuni_strata *s, const char *name)
{
    const char **found =
        bsearch(&name, (const void *)s->groups, s->n_groups, sizeof(*s->groups), compare_texts);
    return (size_t)(found - s->groups);
}

/* Where somebody stands among all classes that there may be. */
static size_t class_of(const kuni_strata *s, const kuni_summary_person *person, size_t n_labels)
{
    size_t group = find_group(s, group_of(person));
    return ((group * SEXES + (size_t)person->sex) * KUNI_SUMMARY_ROLES + (size_t)person->role) *
               n_labels +
           person->label;
}

static kuni_stratum stratum_of(size_t class, size_t n_labels, uint32_t people)
{
    size_t kind = class / n_labels;
    return (kuni_stratum){.group = (int)(kind / KUNI_SUMMARY_ROLES / SEXES),
                          .sex = (int)(kind / KUNI_SUMMARY_ROLES % SEXES),
                          .role = (int)(kind % KUNI_SUMMARY_ROLES),
                          .label = (uint32_t)(class % n_labels),
                          .people = people};
}

/* Numbers the strata that have somebody. */
static kuni_status number(kuni_strata *s, const kuni_summary_person *people, kuni_error *err)
{
    size_t n_labels = 1;
    for (size_t i = 0; i < s->n_people; i++)
        if (people[i].label >= n_labels) n_labels = (size_t)people[i].label + 1;
    size_t most = s->n_groups * SEXES * KUNI_SUMMARY_ROLES * n_labels;
    uint32_t *count = kuni_arena_alloc(s->arena, most + 1, sizeof(*count), err);
    uint16_t *numbers = kuni_arena_alloc(s->arena, most + 1, sizeof(*numbers), err);
    s->of = kuni_alloc(s->n_people + 1, sizeof(*s->of), err);
    if (!count || !numbers || !s->of) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n_people; i++) count[class_of(s, &people[i], n_labels)]++;
    for (size_t class = 0; class < most; class ++) s->n += count[class] != 0;
    if (s->n > STRATA_MAX)
        return kuni_fail(err, KUNI_DATA,
                         "%zu classes of people (by group, sex, case or control, and earlier "
                         "releases): tables tell apart %d at most: ask for fewer groups",
                         s->n, STRATA_MAX);
    s->strata = kuni_arena_alloc(s->arena, s->n + 1, sizeof(*s->strata), err);
    if (!s->strata) return KUNI_MEMORY;
    uint16_t next = 0;
    for (size_t class = 0; class < most; class ++) {
        if (!count[class]) continue;
        numbers[class] = next;
        s->strata[next++] = stratum_of(class, n_labels, count[class]);
    }
    for (size_t i = 0; i < s->n_people; i++) s->of[i] = numbers[class_of(s, &people[i], n_labels)];
    return KUNI_OK;
}

static bool matches(int wanted, int is)
{
    return wanted == KUNI_SUMMARY_ANY || wanted == is;
}

/* Adds the union of what matches; nothing where nobody does. */
static kuni_status add_cell(kuni_strata *s, int group, int sex, int role, kuni_error *err)
{
    kuni_summary_cell *cell = &s->cells[s->n_cells];
    *cell = (kuni_summary_cell){.group = group, .sex = sex, .role = role};
    cell->strata = kuni_arena_alloc(s->arena, s->n + 1, sizeof(*cell->strata), err);
    if (!cell->strata) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++) {
        const kuni_stratum *stratum = &s->strata[i];
        if (!matches(group, stratum->group) || !matches(sex, stratum->sex) ||
            !matches(role, stratum->role))
            continue;
        cell->strata[cell->n++] = (uint16_t)i;
        cell->people += stratum->people;
    }
    if (cell->n || group == KUNI_SUMMARY_ANY) s->n_cells++;
    return KUNI_OK;
}

static bool has_sex(const kuni_strata *s, int sex)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->strata[i].sex == sex) return true;
    return false;
}

static bool has_role(const kuni_strata *s, int role)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->strata[i].role == role) return true;
    return false;
}

static kuni_status make_cells(kuni_strata *s, kuni_error *err)
{
    enum { ANY = KUNI_SUMMARY_ANY };
    static const int sexes[SEXES] = {KUNI_SEX_FEMALE, KUNI_SEX_MALE, KUNI_SEX_UNKNOWN};
    size_t most = (1 + s->n_groups) * (1 + SEXES) + KUNI_SUMMARY_ROLES;
    s->cells = kuni_arena_alloc(s->arena, most + 1, sizeof(*s->cells), err);
    if (!s->cells) return KUNI_MEMORY;
    kuni_status status = add_cell(s, ANY, ANY, ANY, err);
    for (size_t g = 0; g < s->n_groups && !status; g++) status = add_cell(s, (int)g, ANY, ANY, err);
    for (int i = 0; i < SEXES && !status; i++)
        if (has_sex(s, sexes[i])) status = add_cell(s, ANY, sexes[i], ANY, err);
    for (int role = KUNI_SUMMARY_CASE; role < KUNI_SUMMARY_ROLES && !status; role++)
        if (has_role(s, role)) status = add_cell(s, ANY, ANY, role, err);
    s->n_coarse = s->n_cells;
    for (size_t g = 0; g < s->n_groups && !status; g++)
        for (int i = 0; i < SEXES && !status; i++) status = add_cell(s, (int)g, sexes[i], ANY, err);
    return status;
}

kuni_status kuni_strata_make(kuni_strata *s, const kuni_summary_person *people, size_t n,
                             kuni_error *err)
{
    *s = (kuni_strata){.n_people = n, .arena = kuni_arena_new(err)};
    kuni_status status = s->arena ? list_groups(s, people, err) : KUNI_MEMORY;
    if (!status) status = number(s, people, err);
    return status ? status : make_cells(s, err);
}

void kuni_strata_fini(kuni_strata *s)
{
    free((void *)s->groups);
    free(s->of);
    kuni_arena_free(s->arena);
    *s = (kuni_strata){0};
}

const char *kuni_strata_group(const kuni_strata *s, int group)
{
    return group == KUNI_SUMMARY_ANY ? "all" : s->groups[group];
}

const char *kuni_strata_sex(int sex)
{
    return sex == KUNI_SUMMARY_ANY  ? "all"
           : sex == KUNI_SEX_FEMALE ? "female"
           : sex == KUNI_SEX_MALE   ? "male"
                                    : "unknown";
}

const char *kuni_strata_role(int role)
{
    return role == KUNI_SUMMARY_CASE ? "case" : role == KUNI_SUMMARY_CONTROL ? "control" : ".";
}

const kuni_summary_cell *kuni_strata_role_cell(const kuni_strata *s, kuni_summary_role role)
{
    for (size_t i = 0; i < s->n_coarse; i++)
        if (s->cells[i].role == (int)role) return &s->cells[i];
    return NULL;
}
