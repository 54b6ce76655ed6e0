/* SPDX-License-Identifier: MIT */
#include "forget.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "history.h"
#include "journal.h"
#include "prune.h"
#include "scan.h"
#include "seal.h"
#include "temporary.h"

static kuni_status take_away(const char *path, kuni_error *err)
{
    if (unlink(path) == 0 || errno == ENOENT) return KUNI_OK;
    return kuni_fail_errno(err, "cannot remove %s", path);
}

/* Calls `visit` for each entry of a folder that is a real one: links are not followed. */
typedef kuni_status visitor(void *context, const char *folder, const char *name,
                            const struct stat *info, kuni_error *err);

static kuni_status each(const char *folder, visitor *visit, void *context, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP || errno == ENOTDIR
                   ? KUNI_OK
                   : kuni_fail_errno(err, "cannot read %s", folder);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return kuni_fail_errno(err, "cannot read %s", folder);
    }
    for (struct dirent *entry; !status && (entry = readdir(dir));) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        status = visit(context, folder, entry->d_name, &info, err);
    }
    (void)closedir(dir);
    return status;
}

/* --- files that `current` leads to by symbolic links --- */

typedef struct place {
    dev_t device;
    ino_t number;
} place;

typedef struct places {
    place *list;
    size_t n, capacity;
} places;

static kuni_status note_link(void *context, const char *folder, const char *name,
                             const struct stat *info, kuni_error *err)
{
    places *all = context;
    struct stat target;
    char *path = kuni_path_join(folder, name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (S_ISDIR(info->st_mode)) {
        status = each(path, note_link, all, err);
    } else if (S_ISLNK(info->st_mode) && stat(path, &target) == 0) {
        status = kuni_grow((void **)&all->list, &all->capacity, all->n + 1, sizeof(place), err);
        if (!status) all->list[all->n++] = (place){target.st_dev, target.st_ino};
    }
    free(path);
    return status;
}

/* `current` itself is a link, to a folder of ours. */
static kuni_status note_current(const kuni_run *run, places *all, kuni_error *err)
{
    char *path = kuni_path_join(run->folder, "current", err);
    char *folder = path ? realpath(path, NULL) : NULL;
    kuni_status status = !path ? KUNI_MEMORY : folder ? each(folder, note_link, all, err) : KUNI_OK;
    free(folder);
    free(path);
    return status;
}

/* --- data/ --- */

typedef struct sweep {
    const kuni_erase *erase; /* NULL: only what was made of everybody */
    const kuni_run *run;     /* with erase NULL: steps of it are left to kuni_prune */
    places kept;
    kuni_names batches; /* that hold somebody */
    kuni_names known;   /* all: files of others are of batches that were put together since */
    kuni_names sealed;  /* "SHARD/BATCH.KEY16" of the step under way */
    kuni_arena *arena;
    const char *step, *shard; /* folders under way */
    const char *batch;        /* whose seal is read */
} sweep;

static kuni_status note_sealed(void *context, const kuni_seal_line *line, kuni_error *err)
{
    sweep *s = context;
    char name[1024];
    if (!line->shard) return KUNI_OK;
    (void)snprintf(name, sizeof(name), "%s/%s.%016" PRIx64, line->shard, s->batch, line->key);
    const char *kept = kuni_arena_strndup(s->arena, name, strlen(name), err);
    return kept ? kuni_names_add(&s->sealed, kept, 0, err) : KUNI_MEMORY;
}

static kuni_status read_seals(sweep *s, kuni_error *err)
{
    kuni_names_fini(&s->sealed);
    const kuni_cohort *cohort = &s->run->cohort;
    kuni_status status = KUNI_OK;
    for (size_t b = 0; s->erase && b < cohort->n_batches && !status; b++) {
        if (!s->erase->batches[b]) continue;
        bool found;
        const char *path = kuni_run_path(s->run, s->arena, err, "sealed/%s/%s.tsv", s->step,
                                         cohort->batches[b].id);
        s->batch = cohort->batches[b].id;
        status = path ? kuni_seal_read(path, note_sealed, s, &found, err) : KUNI_MEMORY;
    }
    return status;
}

static bool is_temporary(const char *name)
{
    uint64_t pid_serial[2];
    const char *tail = strstr(name, ".tmp.");
    return strncmp(name, KUNI_TEMPORARY_PREFIX, strlen(KUNI_TEMPORARY_PREFIX)) == 0 ||
           (tail && kuni_scan(tail, ".tmp.#.#", pid_serial));
}

static bool goes(const sweep *s, const char *name, const struct stat *info)
{
    char batch[256], full[1024];
    unsigned long long key;
    if (is_temporary(name)) return s->erase != NULL;
    if (!kuni_output_name_parse(name, batch, &key)) return false;
    if (strcmp(batch, "all") == 0) {
        for (size_t i = 0; i < s->kept.n; i++)
            if (s->kept.list[i].device == info->st_dev && s->kept.list[i].number == info->st_ino)
                return false;
        return true;
    }
    if (s->erase && kuni_names_find(&s->known, batch) < 0) return true;
    if (kuni_names_find(&s->batches, batch) < 0) return false;
    (void)snprintf(full, sizeof(full), "%s/%s.%016llx", s->shard, batch, key);
    return kuni_names_find(&s->sealed, full) < 0;
}

static kuni_status sweep_file(void *context, const char *folder, const char *name,
                              const struct stat *info, kuni_error *err)
{
    if (!S_ISREG(info->st_mode) || !goes(context, name, info)) return KUNI_OK;
    char *path = kuni_path_join(folder, name, err);
    kuni_status status = path ? take_away(path, err) : KUNI_MEMORY;
    free(path);
    return status;
}

static kuni_status sweep_shard(void *context, const char *folder, const char *name,
                               const struct stat *info, kuni_error *err)
{
    sweep *s = context;
    if (!S_ISDIR(info->st_mode)) return KUNI_OK;
    char *path = kuni_path_join(folder, name, err);
    s->shard = name;
    kuni_status status = path ? each(path, sweep_file, s, err) : KUNI_MEMORY;
    free(path);
    return status;
}

static bool is_ours(const kuni_run *run, const char *step)
{
    for (size_t i = 0; i < run->plan.n_nodes; i++)
        if (strcmp(run->plan.nodes[i].folder, step) == 0) return true;
    return false;
}

static kuni_status sweep_step(void *context, const char *folder, const char *name,
                              const struct stat *info, kuni_error *err)
{
    sweep *s = context;
    if (!S_ISDIR(info->st_mode) || (!s->erase && is_ours(s->run, name))) return KUNI_OK;
    kuni_arena_clear(s->arena);
    s->step = name;
    char *path = kuni_path_join(folder, name, err);
    kuni_status status = path ? read_seals(s, err) : KUNI_MEMORY;
    if (!status) status = each(path, sweep_shard, s, err);
    free(path);
    return status;
}

static kuni_status sweep_data(const kuni_run *run, const kuni_erase *erase, kuni_error *err)
{
    sweep s = {.erase = erase, .run = run, .arena = kuni_arena_new(err)};
    kuni_status status = s.arena ? note_current(run, &s.kept, err) : KUNI_MEMORY;
    for (size_t b = 0; erase && b < run->cohort.n_batches && !status; b++)
        if (erase->batches[b])
            status = kuni_names_add(&s.batches, run->cohort.batches[b].id, (uint32_t)b, err);
    for (size_t b = 0; erase && b < run->cohort.n_batches && !status; b++)
        status = kuni_names_add(&s.known, run->cohort.batches[b].id, (uint32_t)b, err);
    char *path = kuni_path_join(run->folder, "data", err);
    if (!status) status = path ? each(path, sweep_step, &s, err) : KUNI_MEMORY;
    free(path);
    free(s.kept.list);
    kuni_names_fini(&s.batches);
    kuni_names_fini(&s.known);
    kuni_names_fini(&s.sealed);
    kuni_arena_free(s.arena);
    return status;
}

/* --- what is written about people --- */

typedef struct reader {
    const kuni_erase *erase;
    kuni_words words;
} reader;

/* "SHARD.BATCH.out|.err" of a batch that holds somebody. */
static bool is_of_batch(const kuni_erase *e, const char *name)
{
    const kuni_cohort *cohort = &e->run->cohort;
    for (size_t b = 0; b < cohort->n_batches; b++) {
        const char *at = e->batches[b] ? strstr(name, cohort->batches[b].id) : NULL;
        if (at && at > name && at[-1] == '.' && at[strlen(cohort->batches[b].id)] == '.')
            return true;
    }
    return false;
}

static kuni_status read_log(void *context, const char *folder, const char *name,
                            const struct stat *info, kuni_error *err)
{
    const reader *r = context;
    bool named = false;
    char *path = kuni_path_join(folder, name, err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    if (!status && S_ISDIR(info->st_mode)) {
        status = each(path, read_log, context, err);
    } else if (!status && S_ISREG(info->st_mode)) {
        named = is_of_batch(r->erase, name) || kuni_words_in(&r->words, name);
        if (!named) status = kuni_words_in_file(&r->words, path, &named, err);
        if (!status && named) status = take_away(path, err);
    }
    free(path);
    return status;
}

static bool names_somebody(void *context, const char *text)
{
    return kuni_words_in(&((const reader *)context)->words, text);
}

static kuni_status forget_journal(const kuni_erase *e, const char *path, kuni_error *err)
{
    size_t n = e->erasure->n_samples;
    kuni_journal_person *people = kuni_alloc(n + 1, sizeof(*people), err);
    if (!people) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++)
        people[i] = (kuni_journal_person){.sample = e->erasure->samples[i].id,
                                          .batch = e->erasure->samples[i].batch,
                                          .place = (size_t)e->erasure->samples[i].place};
    kuni_status status = kuni_journal_forget_people(path, people, n, err);
    free(people);
    return status;
}

/* People who stay: their longer ids are not those that are looked for. */
static kuni_status add_others(reader *r, kuni_error *err)
{
    const kuni_cohort *cohort = &r->erase->run->cohort;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        if (r->erase->gone[i]) continue;
        status = kuni_words_add_other(&r->words, cohort->samples[i].id, err);
        if (!status) status = kuni_words_add_other(&r->words, cohort->samples[i].participant, err);
    }
    return status;
}

kuni_status kuni_forget_files(const kuni_erase *e, kuni_error *err)
{
    const kuni_run *run = e->run;
    reader r = {.erase = e};
    size_t changed;
    bool named = false;
    const char *logs = kuni_run_path(run, e->arena, err, "logs");
    const char *journal = kuni_run_path(run, e->arena, err, "journal");
    const char *last = kuni_run_path(run, e->arena, err, "status.json");
    kuni_status status = logs && journal && last ? kuni_words_init(&r.words, err) : KUNI_MEMORY;
    if (!status) status = kuni_erasure_words(e->erasure, &r.words, err);
    if (!status) status = add_others(&r, err);
    if (!status) status = sweep_data(run, e, err);
    if (!status) status = forget_journal(e, journal, err);
    if (!status) status = each(logs, read_log, &r, err);
    if (!status) status = kuni_words_in_file(&r.words, last, &named, err);
    if (!status && named) status = take_away(last, err);
    if (!status) status = kuni_history_forget(run->folder, names_somebody, &r, &changed, err);
    if (!status) status = kuni_folder_prepare(run->folder, err);
    kuni_words_fini(&r.words);
    return status;
}

/* --- generations --- */

/* "000007", as kuni names them, or 0. */
static int64_t generation_number(const char *name)
{
    char made[32];
    uint64_t number;
    if (!kuni_scan(name, "#", &number) || number > INT64_MAX) return 0;
    (void)snprintf(made, sizeof(made), "%06" PRIu64, number);
    return strcmp(name, made) == 0 ? (int64_t)number : 0;
}

static int64_t current_generation(const kuni_run *run)
{
    char target[256];
    char *path = kuni_path_join(run->folder, "current", NULL);
    ssize_t length = path ? readlink(path, target, sizeof(target) - 1) : -1;
    free(path);
    if (length <= 0) return 0;
    target[length] = '\0';
    static const char lead[] = "generations/";
    return strncmp(target, lead, strlen(lead)) == 0 ? generation_number(target + strlen(lead)) : 0;
}

typedef struct removal {
    int64_t last, current; /* generations up to `last` go, but not `current` */
    bool unfinished;       /* and what a crashed publication left */
} removal;

static kuni_status remove_generation(void *context, const char *folder, const char *name,
                                     const struct stat *info, kuni_error *err)
{
    const removal *r = context;
    uint64_t epoch;
    int64_t number = generation_number(name);
    bool outdated = number ? number <= r->last && number != r->current
                           : r->unfinished && kuni_scan(name, ".new-#", &epoch);
    if (!outdated || !S_ISDIR(info->st_mode)) return KUNI_OK;
    char *path = kuni_path_join(folder, name, err);
    kuni_status status = path ? kuni_remove_tree(path, err) : KUNI_MEMORY;
    free(path);
    return status;
}

static kuni_status remove_generations(const kuni_run *run, const removal *how, kuni_error *err)
{
    removal r = *how;
    char *path = kuni_path_join(run->folder, "generations", err);
    kuni_status status = path ? each(path, remove_generation, &r, err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_forget_generations(const kuni_run *run, bool nobody_left, kuni_error *err)
{
    int64_t current = current_generation(run);
    kuni_status status = KUNI_OK;
    if (nobody_left) {
        char *path = kuni_path_join(run->folder, "current", err);
        status = path ? take_away(path, err) : KUNI_MEMORY;
        free(path);
        current = 0;
    }
    if (!status) status = kuni_outdated_write(run->folder, current, err);
    const removal all = {.last = INT64_MAX, .current = current, .unfinished = true};
    return status ? status : remove_generations(run, &all, err);
}

kuni_status kuni_forget_outdated(const kuni_run *run, int64_t current, bool *done, kuni_error *err)
{
    int64_t last;
    kuni_status status = kuni_outdated_read(run->folder, &last, err);
    *done = !status && last > 0 && current > last;
    if (!*done) return status;
    const removal those = {.last = last, .current = current, .unfinished = false};
    status = remove_generations(run, &those, err);
    if (!status) status = sweep_data(run, NULL, err);
    return status ? status : kuni_outdated_write(run->folder, 0, err);
}
