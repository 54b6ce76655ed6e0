/* SPDX-License-Identifier: MIT */
#include "release_past.h"

#include <dirent.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/version.h"
#include "transport.h"

static const char waiting[] = "told.new", kept[] = "told";

bool kuni_release_is_weighed(const kuni_request *q)
{
    return !kuni_form_has_genotypes((kuni_release_form)q->form);
}

/* --- what is asked of what --- */

/* A file that is named and not there counts as none: who looks for it later says so. */
static kuni_status add_file(kuni_digest *digest, const char *path, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES] = "";
    bool there = path && access(path, R_OK) == 0;
    kuni_status status = there ? kuni_digest_file(path, hex, err) : KUNI_OK;
    kuni_digest_add_text(digest, hex);
    return status;
}

static kuni_status add_files(kuni_digest *digest, const kuni_text_list *list, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kuni_digest_add_int(digest, (int64_t)list->n);
    for (size_t i = 0; i < list->n && !status; i++) status = add_file(digest, list->texts[i], err);
    return status;
}

static kuni_status add_request(kuni_digest *digest, const kuni_request *q, const char *folder,
                               kuni_error *err)
{
    const char *const files[] = {q->path, q->workflow, q->list, q->phenotypes,
                                 q->bed,  q->features, q->key};
    char *described = kuni_path_join(folder, "current/dataset.json", err);
    kuni_status status = described ? add_file(digest, described, err) : KUNI_MEMORY;
    free(described);
    kuni_digest_add_text(digest, KUNI_VERSION);
    kuni_digest_add_text(digest, q->name);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !status; i++)
        status = add_file(digest, files[i], err);
    if (!status) status = add_files(digest, &q->ontologies, err);
    if (!status) status = add_files(digest, &q->encryption, err);
    return status;
}

/* Request, dataset, and who is eligible: with the same of all of these a release has the same bytes. */
static kuni_status digest_asked(kuni_release_past *p, kuni_error *err)
{
    const kuni_selection *s = p->selection;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_status status = add_request(digest, p->request, s->folder, err);
    kuni_digest_add_int(digest, s->generation);
    for (size_t i = 0; i < s->n; i++) {
        kuni_digest_add_text(digest, s->people[i].participant);
        kuni_digest_add_text(digest, s->people[i].group);
        kuni_digest_add_int(digest, s->people[i].sex);
        kuni_digest_add_int(digest, s->people[i].role);
    }
    if (status)
        kuni_digest_free(digest);
    else
        kuni_digest_finish(digest, p->asked);
    return status;
}

/* --- earlier releases --- */

/* The place of the first entry of the same release. */
static size_t first_of(const kuni_release_list *list, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (list->entries[i].id[0] && strcmp(list->entries[j].id, list->entries[i].id) == 0)
            return j;
    return i;
}

static bool concerns(const kuni_release_past *p, const kuni_release_entry *e)
{
    return p->request->is_public || e->is_public ||
           strcmp(e->recipient, p->request->recipient) == 0;
}

static kuni_status same_people(const kuni_release_past *p, const kuni_memory *memory,
                               const kuni_release_entry *entry, bool *same, kuni_error *err)
{
    const kuni_selection *s = p->selection;
    kuni_members members = {.n = 0};
    *same = false;
    if (!*entry->id) return KUNI_OK;
    kuni_status status = kuni_members_read(&members, memory, entry, err);
    *same = !status && members.n == s->n;
    for (size_t i = 0; i < s->n && *same; i++)
        *same = kuni_members_find(&members, memory, s->people[i].participant) >= 0;
    kuni_members_fini(&members);
    return status;
}

/*
 * A release of a version that kept no chapter: counts of some people less counts of others are counts of few, and
 * what it told is not known. Genotypes of the same people are: they leave nothing to be found out.
 */
static kuni_status take_unknown(const kuni_release_past *p, const kuni_memory *memory,
                                const kuni_release_entry *e, kuni_error *err)
{
    const kuni_request *q = p->request;
    bool same = false;
    if (!kuni_release_is_weighed(q) || q->threshold <= 1 || !concerns(p, e)) return KUNI_OK;
    kuni_status status = KUNI_OK;
    if (kuni_form_name_has_genotypes(e->form)) status = same_people(p, memory, e, &same, err);
    if (status || same) return status;
    return kuni_fail(
        err, KUNI_USAGE,
        "%s: of the release '%s' to %s of %s the dataset does not know what it told, for "
        "it was made by a version that did not keep it: counts of this one less those "
        "of it could be of fewer than %lld people. What can be made: a form with "
        "genotypes, of those who consent to that; 'threshold: 1', which hides nothing",
        q->path, e->name, e->recipient, e->at, (long long)q->threshold);
}

static kuni_status take_chapter(kuni_release_past *p, const kuni_memory *memory,
                                const kuni_release_entry *e, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES] = "";
    char *path = kuni_memory_path(memory, e->id, kept, err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    if (!status && access(path, F_OK) != 0)
        status =
            kuni_fail(err, KUNI_IO,
                      "%s is lost: what the release '%s' to %s of %s told is not known, so none "
                      "can be weighed against it: put it back from a backup",
                      path, e->name, e->recipient, e->at);
    if (!status) status = kuni_digest_file(path, hex, err);
    if (!status && strcmp(hex, e->told) != 0)
        status =
            kuni_fail(err, KUNI_IO,
                      "%s is not what the history tells of: what the release '%s' to %s of %s "
                      "told is not known, so none can be weighed against it: put it back from a "
                      "backup",
                      path, e->name, e->recipient, e->at);
    if (!status) status = kuni_disclosure_past_read(p->told, path, err);
    if (!status) p->n_chapters++;
    free(path);
    return status;
}

/* How many entries were there before: all, or those before the same release. */
static size_t find_again(kuni_release_past *p)
{
    const kuni_release_list *list = &p->releases;
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->entries[i].asked, p->asked) != 0) continue;
        size_t first = first_of(list, i);
        p->again = &list->entries[first];
        return first;
    }
    return list->n;
}

static void set_secret(kuni_release_past *p, const kuni_memory *memory)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    /* A part of the dataset's secret that nothing else is made with: ids of people have no blanks. */
    kuni_memory_digest(memory, "what tables hide", hex);
    hex[2 * KUNI_DISCLOSURE_SECRET_BYTES] = '\0'; /* the first half */
    (void)sodium_hex2bin(p->secret, KUNI_DISCLOSURE_SECRET_BYTES, hex, strlen(hex), NULL, NULL,
                         NULL);
}

/* The history tells of releases: what is kept of them has to be there. */
static kuni_status open_kept(const kuni_release_past *p, kuni_memory *memory, kuni_error *err)
{
    const char *dataset = p->selection->folder;
    char *folder = kuni_path_join(dataset, "releases", err);
    kuni_status status = folder ? KUNI_OK : KUNI_MEMORY;
    if (folder && access(folder, F_OK) != 0)
        status = kuni_fail(err, KUNI_IO,
                           "%s is lost: what was released before is not known, so none can be "
                           "weighed against it: put it back from a backup",
                           folder);
    if (!status) status = kuni_memory_open(memory, dataset, false, err);
    if (!status) status = kuni_memory_check(memory, &p->releases, err);
    free(folder);
    return status;
}

static kuni_status read_chapters(kuni_release_past *p, kuni_error *err)
{
    const kuni_release_list *list = &p->releases;
    kuni_memory memory = {.lock = -1};
    size_t n = find_again(p);
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= list->entries[i].id[0] != 0;
    kuni_status status = any ? open_kept(p, &memory, err) : KUNI_OK;
    if (any && !status) set_secret(p, &memory);
    for (size_t i = 0; i < n && !status; i++) {
        const kuni_release_entry *e = &list->entries[i];
        if (first_of(list, i) < i) continue;
        status = *e->told ? take_chapter(p, &memory, e, err) : take_unknown(p, &memory, e, err);
    }
    kuni_memory_close(&memory);
    return status;
}

/* --- people --- */

kuni_status kuni_release_strata(kuni_strata *strata, const kuni_request *q, const kuni_selection *s,
                                const uint32_t *labels, kuni_error *err)
{
    static const kuni_summary_role roles[] = {[KUNI_ROLE_NONE] = KUNI_SUMMARY_NO_ROLE,
                                              [KUNI_ROLE_CASE] = KUNI_SUMMARY_CASE,
                                              [KUNI_ROLE_CONTROL] = KUNI_SUMMARY_CONTROL};
    kuni_summary_person *people = kuni_alloc(s->n + 1, sizeof(*people), err);
    bool apart = kuni_request_has_tables(q);
    if (!people) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++) {
        const kuni_released *who = &s->people[i];
        people[i] = (kuni_summary_person){.group = apart ? who->group : NULL,
                                          .sex = apart ? who->sex : KUNI_SEX_UNKNOWN,
                                          .role = apart ? roles[who->role] : KUNI_SUMMARY_NO_ROLE,
                                          .label = labels ? labels[i] : 0};
    }
    kuni_status status = kuni_strata_make(strata, people, s->n, err);
    if (!apart && strata->n_cells > 1) strata->n_cells = strata->n_coarse = 1; /* the total */
    free(people);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What stands for each of the selected in chapters; owned by the caller. */
static uint64_t *number_people(const kuni_release_past *p, kuni_error *err)
{
    const kuni_selection *s = p->selection;
    uint64_t *numbers = kuni_alloc(s->n + 1, sizeof(*numbers), err);
    uint64_t *sorted = kuni_alloc(s->n + 1, sizeof(*sorted), err);
    bool same = false;
    for (size_t i = 0; numbers && sorted && i < s->n; i++)
        numbers[i] = sorted[i] = kuni_disclosure_text(p->secret, s->people[i].participant);
    if (numbers && sorted && s->n > 1) qsort(sorted, s->n, sizeof(*sorted), by_value);
    for (size_t i = 1; sorted && numbers && i < s->n; i++) same |= sorted[i] == sorted[i - 1];
    bool made = numbers && sorted;
    free(sorted);
    if (made && !same) return numbers;
    free(numbers);
    if (made) /* one chance in ten million for a million people */
        (void)kuni_fail(err, KUNI_DATA,
                        "two participants have the same number by the secret of the dataset: leave "
                        "one of them out");
    return NULL;
}

/* Takes out whom it may not count, with their numbers and labels. */
static kuni_status hold_back(kuni_release_past *p, kuni_selection *s, kuni_error *err)
{
    bool *waits = kuni_alloc(s->n + 1, sizeof(*waits), err);
    size_t n = 0;
    if (!waits) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++) {
        waits[i] = p->labels[i] == KUNI_DISCLOSURE_NOT_COUNTED;
        if (!waits[i]) p->labels[n++] = p->labels[i];
    }
    kuni_selection_hold_back(s, waits);
    free(waits);
    return KUNI_OK;
}

static kuni_status label_people(kuni_release_past *p, kuni_selection *s, kuni_error *err)
{
    kuni_strata strata = {.n = 0};
    uint64_t *numbers = number_people(p, err);
    kuni_status status = numbers ? KUNI_OK : KUNI_DATA;
    p->labels = kuni_alloc(s->n + 1, sizeof(*p->labels), err);
    if (!status && !p->labels) status = KUNI_MEMORY;
    if (!status) status = kuni_release_strata(&strata, p->request, s, NULL, err);
    if (!status)
        status = kuni_disclosure_past_people(p->told, numbers, strata.of, s->n, p->labels, err);
    if (!status) status = hold_back(p, s, err);
    kuni_strata_fini(&strata);
    free(numbers);
    return status;
}

kuni_status kuni_release_past_read(kuni_release_past *p, const kuni_request *q, kuni_selection *s,
                                   kuni_error *err)
{
    *p = (kuni_release_past){.request = q, .selection = s, .memory.lock = -1};
    const kuni_disclosure_audience audience = {
        .recipient = q->recipient, .everybody = q->is_public, .threshold = q->threshold};
    kuni_status status = kuni_release_list_read(&p->releases, s->folder, err);
    if (!status) status = digest_asked(p, err);
    if (!status) status = kuni_disclosure_past_new(&p->told, &audience, err);
    if (!status) status = read_chapters(p, err);
    if (!status && p->n_chapters && kuni_release_is_weighed(q)) status = label_people(p, s, err);
    return status;
}

/* What a release that was killed had not kept yet. */
static void forget_waiting(const kuni_memory *memory)
{
    DIR *folder = opendir(memory->folder);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        kuni_error ignored = KUNI_ERROR_INIT;
        if (strncmp(entry->d_name, waiting, strlen(waiting)) != 0) continue;
        char *path = kuni_memory_path(memory, NULL, entry->d_name, &ignored);
        if (path) (void)unlink(path);
        free(path);
    }
    if (folder) (void)closedir(folder);
}

void kuni_release_past_fini(kuni_release_past *p)
{
    kuni_disclosure_past_free(p->told);
    kuni_release_list_fini(&p->releases);
    if (p->memory.lock >= 0) forget_waiting(&p->memory); /* of a release that was not delivered */
    if (p->memory.folder) kuni_memory_close(&p->memory);
    free(p->labels);
    sodium_memzero(p->secret, sizeof(p->secret));
    *p = (kuni_release_past){.memory.lock = -1};
}

/* --- one release after the other --- */

static kuni_status check_still(const kuni_release_past *p, kuni_error *err)
{
    kuni_release_list now = {.n = 0};
    kuni_status status = kuni_release_list_read(&now, p->selection->folder, err);
    if (!status && now.n != p->releases.n)
        status =
            kuni_fail(err, KUNI_AGAIN,
                      "another release of this dataset was made meanwhile, and each is weighed "
                      "against those before it: run the same command again");
    kuni_release_list_fini(&now);
    return status;
}

kuni_status kuni_release_past_hold(kuni_release_past *p, kuni_error *err)
{
    kuni_memory memory = {.lock = -1};
    kuni_status status = KUNI_OK;
    if (kuni_transport_rank() == 0)
        status = kuni_memory_open(&memory, p->selection->folder, true, err);
    if (!status && memory.folder) {
        p->memory = memory; /* from here on it is this release's */
        forget_waiting(&p->memory);
    } else {
        kuni_memory_close(&memory);
    }
    status = kuni_transport_agree(status, err);
    if (status) return status;
    status = kuni_memory_open(&memory, p->selection->folder, false, err);
    if (!status) set_secret(p, &memory);
    kuni_memory_close(&memory);
    if (!status) status = check_still(p, err);
    return kuni_transport_agree(status, err);
}

/* --- the chapter of this one --- */

/* Genotypes leave nothing to be weighed; what the recipient has from then on does. */
static kuni_status open_empty(const kuni_release_past *p, kuni_disclosure **made, kuni_error *err)
{
    const uint32_t nobody[1] = {0};
    const kuni_disclosure_setup setup = {
        .threshold = p->request->threshold, .people = nobody, .past = p->told};
    return kuni_disclosure_new(made, &setup, err);
}

kuni_status kuni_release_past_write(const kuni_release_past *p, kuni_disclosure *discloses,
                                    const kuni_strata *strata, const kuni_buffer *journal,
                                    kuni_error *err)
{
    const kuni_selection *s = p->selection;
    const kuni_buffer nothing = KUNI_BUFFER_INIT;
    kuni_disclosure *own = NULL;
    char *path = kuni_memory_path(&p->memory, NULL, waiting, err);
    uint64_t *numbers = number_people(p, err);
    uint32_t *of = kuni_alloc(s->n + 1, sizeof(*of), err);
    kuni_status status = !path || !of ? KUNI_MEMORY : numbers ? KUNI_OK : KUNI_DATA;
    if (!status && !discloses) status = open_empty(p, &own, err);
    for (size_t i = 0; i < s->n && !status; i++)
        of[i] = strata ? strata->of[i] : (uint32_t)KUNI_DISCLOSURE_NOT_COUNTED;
    if (!status)
        status = kuni_disclosure_write(discloses ? discloses : own, numbers, of, s->n,
                                       !kuni_release_is_weighed(p->request),
                                       journal ? journal : &nothing, path, err);
    kuni_disclosure_free(own);
    free(path);
    free(numbers);
    free(of);
    return status;
}

/* The same bytes, asked for in another way, and weighed against themselves; NULL: nobody has them yet. */
static const kuni_release_entry *find_same(const kuni_release_past *p, const char *id)
{
    for (size_t i = 0; i < p->releases.n && !p->again; i++)
        if (strcmp(p->releases.entries[i].id, id) == 0) return &p->releases.entries[i];
    return NULL;
}

kuni_status kuni_release_past_check(const kuni_release_past *p, const char *id,
                                    char told[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    const kuni_release_entry *same = find_same(p, id);
    char *path = kuni_memory_path(&p->memory, NULL, waiting, err);
    kuni_status status = path ? kuni_digest_file(path, told, err) : KUNI_MEMORY;
    free(path);
    if (same) memcpy(told, same->told, sizeof(same->told)); /* that chapter has all of it */
    if (status || !p->again) return status;
    if (strcmp(p->again->id, id) == 0 && strcmp(p->again->told, told) == 0) return KUNI_OK;
    return kuni_fail(
        err, KUNI_DATA,
        "%s: the same request of the same dataset gave another release on %s ('%s'), and "
        "this one was weighed as if it were the same: give it another 'name:', then it "
        "is weighed against that, too",
        p->request->path, p->again->at, p->again->name);
}

kuni_status kuni_release_past_keep(const kuni_release_past *p, const char *id, kuni_error *err)
{
    if (find_same(p, id)) return KUNI_OK;
    char *from = kuni_memory_path(&p->memory, NULL, waiting, err);
    char *to = kuni_memory_path(&p->memory, id, kept, err);
    kuni_status status = from && to ? kuni_file_publish(from, to, err) : KUNI_MEMORY;
    free(from);
    free(to);
    return status;
}
