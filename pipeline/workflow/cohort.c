/* SPDX-License-Identifier: MIT */
#include "cohort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "manifest.h"
#include "old_batches.h"
#include "regular.h"
#include "tombstones.h"

char *kuni_register_path(const char *dataset, kuni_error *err)
{
    return kuni_path_join(dataset, "register.tsv", err);
}

kuni_register kuni_cohort_register(const kuni_cohort *cohort)
{
    return (kuni_register){.samples = cohort->samples,
                           .people = cohort->people,
                           .n = cohort->n_samples,
                           .batches = cohort->batches,
                           .n_batches = cohort->n_batches};
}

/* --- what the dataset knows --- */

typedef struct known {
    kuni_register people;
    kuni_names by_id; /* of those who are not moved */
    kuni_tombstones stones;
    bool legacy; /* of a version without a register: a list of batches, who is absent withdrew */
} known;

static void known_fini(known *k)
{
    kuni_names_fini(&k->by_id);
    kuni_tombstones_fini(&k->stones);
}

static kuni_status index_known(known *k, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < k->people.n && !status; i++)
        if (k->people.people[i].state != KUNI_PERSON_MOVED &&
            k->people.people[i].state != KUNI_PERSON_ERASED)
            status = kuni_names_add(&k->by_id, k->people.samples[i].id, (uint32_t)i, err);
    return status;
}

/* Whether somebody has withdrawn, as far as the register tells. */
static bool has_gone(const kuni_register *people)
{
    for (size_t i = 0; i < people->n; i++)
        if (people->people[i].state == KUNI_PERSON_WITHDRAWN) return true;
    return false;
}

/* `named`: rows of a manifest are to be found; else only parents who have withdrawn. */
static kuni_status read_known(known *k, const char *dataset, bool named, kuni_arena *arena,
                              kuni_error *err)
{
    if (!dataset) return KUNI_OK;
    char *path = kuni_register_path(dataset, err);
    char *old = path ? kuni_path_join(dataset, "batches.tsv", err) : NULL;
    kuni_status status = path && old ? kuni_tombstones_read(&k->stones, dataset, err) : KUNI_MEMORY;
    if (!status) {
        k->legacy = access(path, F_OK) != 0 && access(old, F_OK) == 0;
        status = k->legacy ? kuni_old_batches_read(&k->people, old, arena, err)
                           : kuni_register_read_named(&k->people, named ? &k->by_id : NULL, path,
                                                      arena, err);
    }
    free(path);
    free(old);
    if (k->legacy) k->people.twins = true; /* it was not looked for */
    bool later = k->legacy || (!named && (k->stones.n || has_gone(&k->people)));
    return status || !later ? status : index_known(k, err);
}

/* --- laying out --- */

/* Room for people that can be kept without the arena: see kuni_cohort_hold. */
static kuni_person *set_apart(kuni_cohort *cohort, size_t n, kuni_error *err)
{
    size_t bytes = n * sizeof(kuni_person);
    void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) {
        (void)kuni_fail_memory(err, n, sizeof(kuni_person));
        return NULL;
    }
    cohort->apart = room;
    cohort->apart_bytes = bytes;
    return room;
}

/* Takes the register's arrays, or copies them into such with room for `more`. */
static kuni_status start_with(kuni_cohort *cohort, const known *k, size_t more, size_t batch_size,
                              kuni_error *err)
{
    size_t n = k->people.n + more, n_batches = k->people.n_batches + more / batch_size + 1;
    cohort->n_samples = k->people.n;
    cohort->n_batches = k->people.n_batches;
    if (!more && k->people.n) {
        cohort->samples = k->people.samples;
        cohort->people = k->people.people;
        cohort->batches = k->people.batches;
        cohort->lines = kuni_arena_alloc(cohort->arena, n + 1, sizeof(uint32_t), err);
        return cohort->lines ? KUNI_OK : KUNI_MEMORY;
    }
    cohort->samples = kuni_arena_alloc(cohort->arena, n + 1, sizeof(kuni_sample), err);
    cohort->people = set_apart(cohort, n + 1, err);
    cohort->lines = kuni_arena_alloc(cohort->arena, n + 1, sizeof(uint32_t), err);
    cohort->batches = kuni_arena_alloc(cohort->arena, n_batches, sizeof(kuni_batch), err);
    if (!cohort->samples || !cohort->people || !cohort->lines || !cohort->batches)
        return KUNI_MEMORY;
    if (!k->people.n) return KUNI_OK;
    memcpy(cohort->samples, k->people.samples, k->people.n * sizeof(kuni_sample));
    memcpy(cohort->people, k->people.people, k->people.n * sizeof(kuni_person));
    memcpy(cohort->batches, k->people.batches, k->people.n_batches * sizeof(kuni_batch));
    return KUNI_OK;
}

/* Adds one at the end, in the last of the new batches or in another. */
static kuni_status append(kuni_cohort *cohort, const kuni_sample *sample, size_t first_new,
                          size_t batch_size, kuni_error *err)
{
    kuni_batch *last =
        cohort->n_batches > first_new ? &cohort->batches[cohort->n_batches - 1] : NULL;
    if (!last || last->n_samples == batch_size) {
        char name[32];
        kuni_register_batch_name(kuni_register_next_batch(cohort->batches, cohort->n_batches),
                                 name);
        last = &cohort->batches[cohort->n_batches++];
        /* start_with has made room. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        *last = (kuni_batch){.id = kuni_arena_strndup(cohort->arena, name, strlen(name), err),
                             .first = cohort->n_samples};
        if (!last->id) return KUNI_MEMORY;
    }
    last->n_samples++;
    cohort->samples[cohort->n_samples] = *sample;
    cohort->people[cohort->n_samples++] = (kuni_person){.bytes = -1};
    return KUNI_OK;
}

static const char *batch_of(const kuni_cohort *cohort, size_t sample)
{
    size_t b = 0;
    while (sample >= cohort->batches[b].first + cohort->batches[b].n_samples) b++;
    return cohort->batches[b].id;
}

/* People who were left out of a sealed batch and whose reads are others now: they join a new one. */
static kuni_status move_returning(kuni_cohort *cohort, const kuni_cohort_sources *sources,
                                  size_t n_known, size_t first_new, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n_known && sources->returns && !status; i++) {
        kuni_person *person = &cohort->people[i];
        if (person->state != KUNI_PERSON_QUARANTINED ||
            !sources->returns(sources->context, &cohort->samples[i], person, batch_of(cohort, i)))
            continue;
        status = append(cohort, &cohort->samples[i], first_new, sources->batch_size, err);
        if (status) break;
        cohort->people[cohort->n_samples - 1].listed = person->listed;
        cohort->people[cohort->n_samples - 1].facts = person->facts;
        cohort->lines[cohort->n_samples - 1] = cohort->lines[i];
        *person = (kuni_person){.state = KUNI_PERSON_MOVED, .bytes = -1};
    }
    return status;
}

static void count(kuni_cohort *cohort, size_t n_known)
{
    cohort->n_new = cohort->n_samples - n_known;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        kuni_sample *sample = &cohort->samples[i];
        kuni_person *person = &cohort->people[i];
        sample->index_in_cohort = (uint32_t)i;
        cohort->n_withdrawn += person->state == KUNI_PERSON_WITHDRAWN;
        cohort->n_erased += person->state == KUNI_PERSON_ERASED;
        if (person->state == KUNI_PERSON_WITHDRAWN || person->state == KUNI_PERSON_MOVED ||
            person->state == KUNI_PERSON_ERASED) {
            /* kept, for whoever comes back without a row in the manifest */
            person->reads = sample->reads;
            person->index = sample->index;
            sample->reads = sample->index = NULL;
            cohort->n_without++;
        } else if (!person->listed) {
            cohort->n_absent++;
        }
    }
}

static kuni_status count_twins(kuni_cohort *cohort, kuni_error *err)
{
    kuni_names participants = {.table = NULL};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        const kuni_sample *sample = &cohort->samples[i];
        if (!sample->reads) continue;
        if (kuni_names_find(&participants, sample->participant) >= 0)
            cohort->n_twins++;
        else
            status = kuni_names_add(&participants, sample->participant, (uint32_t)i, err);
    }
    kuni_names_fini(&participants);
    return status;
}

/* Who has withdrawn is nobody's father or mother in what is made from here on. */
static void forget_parents(kuni_cohort *cohort, const known *k)
{
    for (size_t i = 0; i < cohort->n_samples && (cohort->n_withdrawn || k->stones.n); i++) {
        const char **const parents[] = {&cohort->samples[i].father, &cohort->samples[i].mother};
        for (size_t p = 0; p < 2; p++) {
            int64_t at = *parents[p] ? kuni_names_find(&k->by_id, *parents[p]) : -1;
            bool out = at >= 0
                           ? cohort->people[at].state == KUNI_PERSON_WITHDRAWN
                           : *parents[p] && kuni_tombstones_cover(&k->stones, *parents[p], NULL);
            if (out) *parents[p] = NULL;
        }
    }
}

/* What the manifest has a column for is as the row says; of the rest what was known holds. */
static kuni_status take_facts(kuni_cohort *cohort, size_t at, const kuni_manifest *manifest,
                              size_t row, kuni_error *err)
{
    const char **before = cohort->people[at].facts, **told = manifest->facts[row];
    if (!before) {
        cohort->people[at].facts = told;
        return KUNI_OK;
    }
    const char **both = kuni_arena_alloc(cohort->arena, KUNI_FACTS, sizeof(*both), err);
    if (!both) return KUNI_MEMORY;
    for (int f = 0; f < KUNI_FACTS; f++)
        both[f] = !manifest->has_fact[f] ? before[f] : told ? told[f] : NULL;
    cohort->people[at].facts = both;
    return KUNI_OK;
}

/* How many may be added: who is not known yet, and who may come back. */
static size_t count_more(const known *k, const kuni_manifest *manifest, bool returns)
{
    size_t more = 0;
    for (size_t i = 0; i < manifest->n; i++)
        more += kuni_names_find(&k->by_id, manifest->rows[i].id) < 0;
    for (size_t i = 0; i < k->people.n && returns; i++)
        more += k->people.people[i].state == KUNI_PERSON_QUARANTINED;
    return more;
}

static kuni_status lay_out(kuni_cohort *cohort, const known *k, const kuni_manifest *manifest,
                           const kuni_cohort_sources *sources, kuni_error *err)
{
    size_t n_known = k->people.n, first_new = k->people.n_batches;
    size_t more = count_more(k, manifest, sources->returns != NULL);
    kuni_status status = start_with(cohort, k, more, sources->batch_size, err);
    for (size_t i = 0; i < manifest->n && !status; i++) {
        const kuni_sample *row = &manifest->rows[i];
        int64_t old = kuni_names_find(&k->by_id, row->id);
        bool withdrawn = old >= 0 && cohort->people[old].state == KUNI_PERSON_WITHDRAWN;
        if (withdrawn || kuni_tombstones_cover(&k->stones, row->id, row->participant)) {
            if (!cohort->n_returning++) cohort->returning = row->id;
            if (old < 0) continue;
            cohort->people[old].state = KUNI_PERSON_WITHDRAWN;
            continue;
        }
        size_t at = old >= 0 ? (size_t)old : cohort->n_samples;
        if (old < 0) status = append(cohort, row, first_new, sources->batch_size, err);
        if (status) break;
        const kuni_sample known_as = cohort->samples[at];
        cohort->samples[at] = *row;
        if (old >= 0 && !sources->pedigree) {
            cohort->samples[at].father = known_as.father;
            cohort->samples[at].mother = known_as.mother;
        }
        status = take_facts(cohort, at, manifest, i, err);
        cohort->people[at].listed = true;
        cohort->lines[at] = manifest->lines[i];
    }
    if (!status) status = move_returning(cohort, sources, n_known, first_new, err);
    if (!status) count(cohort, n_known);
    /* Ids are unique: where each is that of its participant, nobody has two. */
    if (!status && (k->people.twins || manifest->n)) status = count_twins(cohort, err);
    if (!status) forget_parents(cohort, k);
    if (!status && k->legacy && cohort->n_absent)
        status = kuni_fail(
            err, KUNI_USAGE,
            "%s was made by a version of kuni that kept no register of people: it knows %zu "
            "samples "
            "that the manifest lacks. Give a manifest with everybody who is to stay once, and name "
            "those who withdrew with `kuni withdraw`",
            sources->dataset, cohort->n_absent);
    return status;
}

static kuni_status read_manifest(kuni_manifest *rows, const kuni_cohort_sources *sources,
                                 kuni_arena *arena, kuni_buffer *faults, kuni_error *err)
{
    kuni_faults in_manifest = {.err = KUNI_ERROR_INIT}, in_ped = {.err = KUNI_ERROR_INIT};
    kuni_error fault = KUNI_ERROR_INIT;
    const char *ped = sources->pedigree;
    if (!sources->manifest) return KUNI_OK;
    kuni_status status = kuni_faults_init(&in_manifest, sources->manifest, err);
    if (!status) status = kuni_faults_init(&in_ped, ped ? ped : "", err);
    if (!status)
        status =
            kuni_manifest_read(rows, sources->manifest, sources->network, arena, &in_manifest, err);
    if (!status && ped) status = kuni_pedigree_read(rows, ped, &in_ped, err);
    if (!status) {
        kuni_status first = kuni_faults_report(&in_manifest, KUNI_DATA, faults, &fault);
        kuni_status second = kuni_faults_report(&in_ped, KUNI_DATA, faults, &fault);
        if (first || second) status = kuni_fail(err, fault.status, "%s", fault.text);
    }
    kuni_faults_fini(&in_manifest);
    kuni_faults_fini(&in_ped);
    kuni_manifest_forget_names(rows);
    return status;
}

kuni_status kuni_cohort_read(kuni_cohort *cohort, const kuni_cohort_sources *sources,
                             kuni_buffer *faults, kuni_error *err)
{
    *cohort = (kuni_cohort){.notes = ""};
    kuni_manifest rows = {.n = 0};
    known k = {.people = {.n = 0}};
    if (sources->batch_size == 0)
        return kuni_fail(err, KUNI_USAGE, "batch: expected at least one sample");
    cohort->arena = kuni_arena_new(err);
    kuni_status status = cohort->arena ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = read_manifest(&rows, sources, cohort->arena, faults, err);
    if (!status)
        status = read_known(&k, sources->dataset, sources->manifest != NULL, cohort->arena, err);
    if (!status) status = lay_out(cohort, &k, &rows, sources, err);
    if (!status && rows.notes.length) {
        cohort->notes = kuni_arena_strndup(cohort->arena, rows.notes.data, rows.notes.length, err);
        if (!cohort->notes) status = KUNI_MEMORY;
    }
    known_fini(&k);
    kuni_manifest_fini(&rows);
    if (status) kuni_cohort_fini(cohort);
    return status;
}

kuni_status kuni_cohort_check_files(const kuni_cohort *cohort, const char *manifest,
                                    kuni_buffer *faults, kuni_error *err)
{
    kuni_faults found;
    kuni_status status = kuni_faults_init(&found, manifest, err);
    if (status) return status;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        const kuni_sample *sample = &cohort->samples[i];
        /* Of a sealed batch: the reads may be archived. */
        if (cohort->people[i].bytes >= 0) continue;
        const char *const files[] = {sample->reads, sample->index};
        for (size_t f = 0; f < 2; f++)
            if (files[f] && kuni_odd_file(files[f]))
                kuni_faults_add(&found, NULL, cohort->lines[i], 0,
                                "sample '%s': %s %s is %s; expected a file", sample->id,
                                f ? "index" : "reads", files[f], kuni_odd_file(files[f]));
            else if (files[f] && !strstr(files[f], "://") && access(files[f], R_OK) != 0)
                kuni_faults_add(&found, NULL, cohort->lines[i], 0, "sample '%s': %s %s: %s",
                                sample->id, f ? "index" : "reads", files[f], strerror(errno));
    }
    status = kuni_faults_report(&found, KUNI_DATA, faults, err);
    kuni_faults_fini(&found);
    return status;
}

void kuni_cohort_fini(kuni_cohort *cohort)
{
    kuni_arena_free(cohort->arena);
    if (cohort->map) (void)munmap(cohort->map, cohort->map_bytes);
    if (cohort->apart) (void)munmap(cohort->apart, cohort->apart_bytes);
    *cohort = (kuni_cohort){.notes = ""};
}
