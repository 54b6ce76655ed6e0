/* SPDX-License-Identifier: MIT */
/*
 * PED: family, individual, father, mother, sex (1 male, 2 female, else unknown), then phenotypes,
 * which are not used. Individuals are sample ids; one that is none may be a participant id. A PED
 * may hold more people than the manifest: those, and parents that are not in the cohort, are passed
 * over.
 */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

typedef struct individual {
    const char *id, *father, *mother;
    kuni_sex sex;
    uint32_t line;
} individual;

typedef struct pedigree {
    individual *list;
    size_t n, capacity;
    kuni_names by_id;
    kuni_arena *arena; /* of the texts while reading */
} pedigree;

static int64_t find(const pedigree *ped, const char *id)
{
    return ped->list ? kuni_names_find(&ped->by_id, id) : -1;
}

static kuni_status read_line(pedigree *ped, char *line, uint32_t number, kuni_faults *faults,
                             kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    size_t n = kuni_line_split(line, ' ', fields);
    if (n < 5) {
        kuni_faults_add(faults, NULL, number, 0,
                        "has %zu column%s; expected family, individual, father, mother, sex and "
                        "phenotype",
                        n, n == 1 ? "" : "s");
        return KUNI_OK;
    }
    individual one = {.line = number};
    if (strcmp(fields[4], "-9") != 0 && strcmp(fields[4], "3") != 0 &&
        !kuni_sex_parse(fields[4], &one.sex))
        kuni_faults_add(faults, NULL, number, 0,
                        "sex '%.40s' is unknown; expected 1 (male), 2 (female) or 0", fields[4]);
    int64_t other = find(ped, fields[1]);
    if (other >= 0) {
        kuni_faults_add(faults, NULL, number, 0,
                        "individual '%.100s' stands twice; line %u has it already", fields[1],
                        ped->list[other].line);
        return KUNI_OK;
    }
    const char **const places[] = {&one.id, &one.father, &one.mother};
    for (size_t i = 0; i < 3; i++) {
        const char *text = fields[i + 1];
        if (i > 0 && strcmp(text, "0") == 0) continue;
        if (!(*places[i] = kuni_arena_strndup(ped->arena, text, strlen(text), err)))
            return KUNI_MEMORY;
    }
    if ((one.father && strcmp(one.father, one.id) == 0) ||
        (one.mother && strcmp(one.mother, one.id) == 0))
        kuni_faults_add(faults, NULL, number, 0, "individual '%.100s' is its own parent", one.id);
    void *list = ped->list;
    if (kuni_grow(&list, &ped->capacity, ped->n + 1, sizeof(individual), err)) return KUNI_MEMORY;
    ped->list = list;
    ped->list[ped->n] = one;
    return kuni_names_add(&ped->by_id, one.id, (uint32_t)ped->n++, err);
}

static void check_parent(const pedigree *ped, const individual *child, const char *parent,
                         kuni_sex sex, const char *role, kuni_faults *faults)
{
    int64_t row = parent ? find(ped, parent) : -1;
    if (row >= 0 && ped->list[row].sex != KUNI_SEX_UNKNOWN && ped->list[row].sex != sex)
        kuni_faults_add(faults, NULL, child->line, 0, "%s '%.100s' has the other sex on line %u",
                        role, parent, ped->list[row].line);
}

/* The id of the sample a PED individual stands for, or NULL: not in the cohort. */
static const char *sample_of(const kuni_manifest *manifest, const char *id)
{
    if (!id) return NULL;
    int64_t row = kuni_manifest_find(manifest, id);
    if (row < 0) row = kuni_names_find(&manifest->by_participant, id);
    return row < 0 ? NULL : manifest->rows[row].id;
}

static void apply(kuni_manifest *manifest, const pedigree *ped, kuni_faults *faults)
{
    for (size_t i = 0; i < manifest->n; i++) {
        kuni_sample *row = &manifest->rows[i];
        if (!row->id) continue;
        int64_t at = find(ped, row->id);
        if (at < 0 && row->participant) at = find(ped, row->participant);
        if (at < 0) continue;
        const individual *one = &ped->list[at];
        if (one->sex && row->sex && one->sex != row->sex)
            kuni_faults_add(faults, NULL, one->line, 0,
                            "individual '%.100s' has another sex than in the manifest, line %u",
                            one->id, manifest->lines[i]);
        if (one->sex) row->sex = one->sex;
        row->father = sample_of(manifest, one->father);
        row->mother = sample_of(manifest, one->mother);
    }
}

kuni_status kuni_pedigree_read(kuni_manifest *manifest, const char *path, kuni_faults *faults,
                               kuni_error *err)
{
    pedigree ped = {.n = 0};
    kuni_lines lines = {.path = NULL};
    kuni_status status = KUNI_MEMORY;
    if (!(ped.arena = kuni_arena_new(err))) goto fail;
    if ((status = kuni_lines_open(&lines, path, err))) goto fail;
    for (char *line;;) {
        if ((status = kuni_table_next(&lines, false, &line, faults, err))) goto fail;
        if (!line) break;
        if ((status = read_line(&ped, line, (uint32_t)lines.number, faults, err))) goto fail;
    }
    for (size_t i = 0; i < ped.n; i++) {
        const individual *child = &ped.list[i];
        check_parent(&ped, child, child->father, KUNI_SEX_MALE, "father", faults);
        check_parent(&ped, child, child->mother, KUNI_SEX_FEMALE, "mother", faults);
    }
    apply(manifest, &ped, faults);
fail:
    kuni_lines_close(&lines);
    free(ped.list);
    kuni_names_fini(&ped.by_id);
    kuni_arena_free(ped.arena);
    return status;
}
