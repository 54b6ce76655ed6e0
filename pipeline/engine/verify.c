/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assembly.h"
#include "clock.h"
#include "compacting.h"
#include "erasure.h"
#include "folder.h"
#include "history.h"
#include "lock.h"
#include "mark.h"
#include "preview.h"
#include "published.h"
#include "reference.h"
#include "settings.h"
#include "stub.h"
#include "temporary.h"
#include "transport.h"
#include "unseal.h"

/* A file that is not as it was written. */
typedef struct wound {
    char *path;
    kuni_stored_output stored;
    bool sealed; /* of a sealed batch: `node` and `batch` tell which */
    size_t node, batch;
} wound;

typedef struct verification {
    const kuni_verify_request *request;
    kuni_verify_result *result;
    kuni_preview preview;
    kuni_journal *journal; /* of a repair */
    wound *wounds;
    size_t n_wounds, capacity;
    bool settings_damaged;
    size_t number;          /* of the next file, of all that any rank looks at */
    size_t share, n_shares; /* this rank looks at every n-th */
    kuni_buffer told;       /* of several ranks: "NUMBER TEXT" lines, told in order at the end */
    atomic_size_t looked;   /* files of sealed batches */
    _Atomic int64_t looked_bytes, told_ms;
    size_t total;
    int64_t total_bytes;
} verification;

enum { PROGRESS_MS = 5000 };

static void tell(const verification *v, const char *text)
{
    if (v->request->tell) v->request->tell(v->request->context, text);
}

/* Of the file with this number. */
static kuni_status say(verification *v, size_t number, kuni_error *err, const char *format, ...)
    KUNI_PRINTF(4, 5);

static kuni_status say(verification *v, size_t number, kuni_error *err, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (v->n_shares > 1) return kuni_buffer_printf(&v->told, err, "%020zu %s\n", number, text);
    tell(v, text);
    return KUNI_OK;
}

/* Files of sealed batches are nearly all of it. Ranks have equal shares: this one speaks for all. */
static void looked(void *context, int64_t bytes)
{
    verification *v = context;
    size_t done = (atomic_fetch_add(&v->looked, 1) + 1) * v->n_shares;
    int64_t done_bytes = (atomic_fetch_add(&v->looked_bytes, bytes) + bytes) * (int64_t)v->n_shares;
    int64_t now = kuni_now_ms(), before = atomic_load(&v->told_ms);
    bool last = done >= v->total;
    if (v->share || !v->total) return;
    if (!last &&
        (now - before < PROGRESS_MS || !atomic_compare_exchange_strong(&v->told_ms, &before, now)))
        return;
    char text[256];
    (void)snprintf(
        text, sizeof(text), "%zu of %zu files of sealed batches, %" PRId64 " of %" PRId64 " MiB%s",
        last ? v->total : done, v->total, (last ? v->total_bytes : done_bytes) / (1 << 20),
        v->total_bytes / (1 << 20), v->request->deep ? "" : ", by size and time");
    tell(v, text);
}

static kuni_status add_wound(verification *v, wound one, const char *path, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&v->wounds, &v->capacity, v->n_wounds + 1, sizeof(wound), err);
    if (status) return status;
    if (!(one.path = kuni_strdup(path, err))) return KUNI_MEMORY;
    v->wounds[v->n_wounds++] = one;
    v->result->damaged++;
    return KUNI_OK;
}

/* --- sealed batches --- */

static kuni_status take_damage(void *context, const kuni_seal_damage *damage, kuni_error *err)
{
    verification *v = context;
    const kuni_run *run = &v->preview.run;
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *shard =
        kuni_plan_shard_name(&run->plan, &run->plan.nodes[damage->node], damage->shard, room);
    kuni_status status = say(v, damage->number, err, "%s: %s (batch %s, shard %s)", damage->path,
                             access(damage->path, F_OK) == 0 ? "altered or damaged" : "missing",
                             run->cohort.batches[damage->batch].id, shard ? shard : "all");
    if (status) return status;
    return add_wound(v,
                     (wound){.stored = *damage->stored,
                             .sealed = true,
                             .node = damage->node,
                             .batch = damage->batch},
                     damage->path, err);
}

/* --- what is made from evidence --- */

static kuni_status check_file(verification *v, const char *path, const kuni_stored_output *stored,
                              const char *what, kuni_error *err)
{
    struct stat st;
    size_t number = v->number++;
    if (number % v->n_shares != v->share) return KUNI_OK;
    bool there = stat(path, &st) == 0;
    v->result->files++;
    if (there && st.st_size == stored->bytes &&
        (!v->request->deep || kuni_assembly_matches(path, &stored->digest)))
        return KUNI_OK;
    kuni_status status =
        say(v, number, err, "%s: %s (%s)", path, there ? "altered or damaged" : "missing", what);
    if (status) return status;
    return add_wound(v, (wound){.stored = *stored}, path, err);
}

/* A file that is a part of another one now, if it is that. */
static kuni_status check_stub(verification *v, const char *path, const kuni_stored_output *stored,
                              kuni_error *err)
{
    char *stub = kuni_stub_path(path, err), hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash digest;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (!stub) return KUNI_MEMORY;
    size_t number = v->number;
    bool there = access(stub, F_OK) == 0;
    bool mine = there && v->number++ % v->n_shares == v->share;
    kuni_status status = KUNI_OK;
    if (mine) {
        v->result->files++;
        bool good = kuni_stub_stands(path, stored);
        if (good && v->request->deep)
            good = kuni_stub_digest(path, hex, &ignored) == KUNI_OK &&
                   kuni_hash_parse(&digest, hex) && kuni_hash_equal(&digest, &stored->digest);
        if (!good) status = say(v, number, err, "%s: does not give back its file", stub);
        if (!good && !status) status = add_wound(v, (wound){.stored = *stored}, stub, err);
    }
    free(stub);
    return status;
}

typedef kuni_status stored_visitor(verification *v, const char *path,
                                   const kuni_stored_output *stored, kuni_error *err);

/* Calls `visit` for each file between evidence and what is published that the journal tells of, be it there or not. */
static kuni_status visit_derived(verification *v, stored_visitor *visit, kuni_error *err)
{
    const kuni_past *past = &v->preview.past;
    kuni_run *run = &v->preview.run;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < past->n_stored && !status; i++) {
        const kuni_stored *stored = &past->stored[i];
        const kuni_node *node = &run->plan.nodes[stored->node];
        int64_t shard, batch;
        if (stored->node == KUNI_PLAN_PREFLIGHT) continue;
        kuni_plan_place(&run->plan, node, stored->task, &shard, &batch);
        /* What is sealed was looked at there. */
        if (kuni_ledger_has_seal(node) &&
            v->preview.ledger.sealed[stored->node * run->plan.n_batches + (size_t)batch])
            continue;
        for (size_t o = 0; o < node->n_outputs && !status; o++) {
            if (stored->outputs[o].bytes < 0) continue;
            kuni_arena_clear(v->preview.ledger.arena);
            const char *path = kuni_run_output(run, v->preview.ledger.arena, stored->node, o, shard,
                                               batch, kuni_hash_short(&stored->key), err);
            status = path ? visit(v, path, &stored->outputs[o], err) : KUNI_MEMORY;
        }
    }
    return status;
}

/* Records of former runs stay in the journal; their files do not. */
static kuni_status check_derived(verification *v, const char *path,
                                 const kuni_stored_output *stored, kuni_error *err)
{
    return access(path, F_OK) == 0 ? check_file(v, path, stored, "made from evidence", err)
                                   : check_stub(v, path, stored, err);
}

static kuni_status check_published(verification *v, kuni_error *err)
{
    kuni_published published;
    const char *folder = v->preview.run.folder;
    kuni_status status = kuni_published_read(&published, folder, err);
    const char *name;
    json_t *file;
    json_object_foreach(json_object_get(published.json, "files"), name, file)
    {
        const char *hex = json_string_value(json_object_get(file, "blake2b"));
        kuni_stored_output stored = {.bytes = json_integer_value(json_object_get(file, "bytes"))};
        kuni_arena_clear(v->preview.ledger.arena);
        const char *path =
            kuni_run_path(&v->preview.run, v->preview.ledger.arena, err, "current/%s", name);
        if (status || !path || !hex || !kuni_hash_parse(&stored.digest, hex)) continue;
        status = check_file(v, path, &stored, "published", err);
    }
    kuni_published_fini(&published);
    return status;
}

static kuni_status take_state(verification *v, const char *name, bool damaged, kuni_error *err)
{
    size_t number = v->number++;
    if (number % v->n_shares != v->share) return KUNI_OK;
    v->result->files++;
    if (!damaged) return KUNI_OK;
    v->result->damaged++;
    return say(v, number, err, "%s/%s: altered or damaged", v->preview.run.folder, name);
}

/* What a dataset tells of itself, beside register and seals, which nobody goes on without. */
static kuni_status check_state(verification *v, kuni_error *err)
{
    bool whole;
    kuni_status status = kuni_settings_look(v->preview.run.folder, &whole, err);
    if (status) return status;
    v->settings_damaged = !whole;
    status = take_state(v, "settings.json", v->settings_damaged, err);
    return status ? status : take_state(v, "reference.tsv", v->preview.reference_damaged, err);
}

/* --- repair --- */

static kuni_status copy(const char *from, const char *to, const kuni_stored_output *stored,
                        kuni_error *err)
{
    char block[1 << 16];
    kuni_file *file = NULL;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", from);
    kuni_status status = kuni_file_create(&file, to, err);
    ssize_t got = 0;
    while (!status && (got = read(fd, block, sizeof(block))) > 0)
        status = kuni_file_write(file, block, (size_t)got, err);
    if (!status && got < 0) status = kuni_fail_errno(err, "cannot read %s", from);
    (void)close(fd);
    if (status) {
        kuni_file_discard(file);
        return status;
    }
    status = kuni_file_commit(file, err);
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = stored->mtime_ns / 1000000000, .tv_nsec = stored->mtime_ns % 1000000000}};
    if (!status && stored->mtime_ns) (void)utimensat(AT_FDCWD, to, times, 0);
    return status;
}

/* The same file in an intact copy of the dataset, if it is there and whole. */
static kuni_status take_copy(const verification *v, const wound *w, bool *taken, kuni_error *err)
{
    *taken = false;
    const char *folder = v->preview.run.folder;
    size_t length = strlen(folder);
    if (!v->request->from || strncmp(w->path, folder, length) != 0) return KUNI_OK;
    char *from = kuni_path_join(v->request->from, w->path + length + 1, err);
    if (!from) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (kuni_assembly_matches(from, &w->stored.digest)) {
        status = copy(from, w->path, &w->stored, err);
        *taken = !status;
    }
    free(from);
    return status;
}

static bool reads_are_there(const kuni_cohort *cohort, size_t batch)
{
    const kuni_batch *b = &cohort->batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++)
        if (cohort->people[i].state == KUNI_PERSON_IN &&
            (!cohort->samples[i].reads || access(cohort->samples[i].reads, R_OK) != 0))
            return false;
    return true;
}

static kuni_status take_away(const char *path, kuni_error *err)
{
    if (unlink(path) == 0 || errno == ENOENT) return KUNI_OK;
    return kuni_fail_errno(err, "cannot remove %s", path);
}

static kuni_status mend(verification *v, const wound *w, kuni_error *err)
{
    kuni_verify_result *result = v->result;
    bool taken;
    kuni_status status = take_copy(v, w, &taken, err);
    if (status) return status;
    if (taken) {
        result->copied++;
        return KUNI_OK;
    }
    if (!w->sealed) {
        result->removed++;
        return take_away(w->path, err);
    }
    if (!kuni_unseal_needs_no_reads(&v->preview.ledger, w->node, w->batch) &&
        !reads_are_there(&v->preview.run.cohort, w->batch)) {
        result->beyond++;
        return say(v, 0, err, "%s: beyond repair: not all reads of batch %s are there%s", w->path,
                   v->preview.run.cohort.batches[w->batch].id,
                   v->request->from ? ", and the copy has it not or damaged" : "");
    }
    kuni_arena_clear(v->preview.ledger.arena);
    const char *seal = kuni_seal_path(&v->preview.ledger, w->node, w->batch, err);
    if (!seal) return KUNI_MEMORY;
    result->unsealed += access(seal, F_OK) == 0;
    status = kuni_unseal(&v->preview.ledger, w->node, w->batch, v->journal, err);
    return status ? status : take_away(w->path, err);
}

/* Whether the file is one of those that are damaged, under whichever name. */
static bool is_wounded(const verification *v, const char *path)
{
    struct stat info, other;
    if (stat(path, &info) != 0) return false;
    for (size_t i = 0; i < v->n_wounds; i++)
        if (stat(v->wounds[i].path, &other) == 0 && other.st_dev == info.st_dev &&
            other.st_ino == info.st_ino)
            return true;
    return false;
}

/*
 * What was merged into a file that is damaged need not be made again but for what is damaged in it: gives back a stub's
 * file, if it is whole.
 */
static kuni_status save_part(verification *v, const char *path, const kuni_stored_output *stored,
                             kuni_error *err)
{
    char *other = NULL;
    uint64_t at;
    bool found, back = false;
    if (access(path, F_OK) == 0) return KUNI_OK;
    /* A stub that cannot be read is one of the wounds. */
    kuni_error damaged = KUNI_ERROR_INIT;
    if (kuni_stub_look(path, &other, &at, &found, &damaged) != KUNI_OK) return KUNI_OK;
    kuni_status status = KUNI_OK;
    if (found && is_wounded(v, other)) status = kuni_stub_give_back(path, &back, err);
    if (back && !kuni_assembly_matches(path, &stored->digest)) status = take_away(path, err);
    free(other);
    return status;
}

/* Every seal was found to be made with the settings of this workflow. */
static kuni_status mend_state(verification *v, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    v->result->rewritten = (size_t)v->settings_damaged + (size_t)v->preview.reference_damaged;
    if (v->settings_damaged)
        status = kuni_settings_write(&v->preview.run, &v->preview.past.known_files, err);
    if (!status && v->preview.reference_damaged)
        status = kuni_reference_write(&v->preview.run, err);
    return status;
}

static kuni_status repair(verification *v, kuni_error *err)
{
    char text[512];
    snprintf(text, sizeof(text),
             "%zu damaged files: those that the copy has are copied, others of sealed batches are "
             "given up where the reads are there, so that the next run makes them again%s",
             v->result->damaged,
             v->settings_damaged ? "; settings.json becomes what this workflow says, which the "
                                   "seals agree with"
             : v->preview.reference_damaged ? "; reference.tsv is made from the reference"
                                            : "");
    if (!v->result->damaged) return KUNI_OK;
    if (v->request->agree && !v->request->agree(v->request->context, text))
        return kuni_fail(err, KUNI_USAGE, "nothing was changed: say --yes to do it");
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(v->preview.run.folder, "journal", err);
    kuni_status status = path ? kuni_journal_open(&v->journal, path, err) : KUNI_MEMORY;
    free(path);
    if (!status) status = mend_state(v, err);
    if (!status) status = visit_derived(v, save_part, err);
    for (size_t i = 0; i < v->n_wounds && !status; i++) status = mend(v, &v->wounds[i], err);
    kuni_status closed = kuni_journal_close(v->journal, status ? &ignored : err);
    if (!status) status = closed;
    const kuni_verify_result *r = v->result;
    if (status) return status;
    status = kuni_history_add(v->preview.run.folder, "repaired", NULL,
                              json_pack("{sI sI sI sI sI}", "copied", (json_int_t)r->copied,
                                        "unsealed", (json_int_t)r->unsealed, "removed",
                                        (json_int_t)r->removed, "beyond", (json_int_t)r->beyond,
                                        "rewritten", (json_int_t)r->rewritten),
                              err);
    if (!status && r->beyond)
        status = kuni_fail(err, KUNI_IO,
                           "%zu files are beyond repair here: bring back the reads of their "
                           "people, or give a backup with --from",
                           r->beyond);
    return status;
}

/* --- all of it --- */

static kuni_status look(verification *v, kuni_buffer *faults, kuni_error *err)
{
    size_t entries = 0;
    kuni_status status = kuni_preview_open(&v->preview, &v->request->run, faults, err);
    const kuni_seal_look how = {.deep = v->request->deep,
                                .share = v->share,
                                .n_shares = v->n_shares,
                                .damaged = take_damage,
                                .looked = looked,
                                .context = v};
    kuni_seals_sum sum = {.files = 0};
    if (!status && v->share == 0 && !v->request->repair)
        status = kuni_seals_total(&v->preview.run, &sum, err);
    v->total = sum.files;
    v->total_bytes = sum.bytes;
    if (!status)
        status = kuni_seals_verify(&v->preview.ledger, &how, &v->result->files, &v->number, err);
    if (!status) status = check_state(v, err);
    if (!status) status = visit_derived(v, check_derived, err);
    if (!status) status = check_published(v, err);
    return status ? status : kuni_history_read(v->preview.run.folder, NULL, NULL, &entries, err);
}

/* --- what several ranks found --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in the order of their files, whoever looked at them. */
static kuni_status tell_lines(const verification *v, char *text, kuni_error *err)
{
    char **lines = NULL, *save = NULL;
    size_t n = 0, capacity = 0;
    kuni_status status = KUNI_OK;
    for (char *line = strtok_r(text, "\n", &save); line && !status;
         line = strtok_r(NULL, "\n", &save)) {
        status = kuni_grow((void **)&lines, &capacity, n + 1, sizeof(*lines), err);
        if (!status) lines[n++] = line;
    }
    if (n) qsort(lines, n, sizeof(*lines), by_text);
    for (size_t i = 0; i < n && !status; i++) tell(v, strchr(lines[i], ' ') + 1);
    free(lines);
    return status;
}

/* Collective. All get the sums of all; rank 0 tells what everybody found. */
static kuni_status put_together(verification *v, kuni_error *err)
{
    kuni_buffer all = KUNI_BUFFER_INIT, message = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    size_t sums[2] = {0, 0}, told[2];
    for (size_t i = 0; i < v->n_shares && !status; i++) {
        kuni_buffer_clear(&message);
        told[0] = v->result->files;
        told[1] = v->result->damaged;
        if (i == v->share) {
            status = kuni_buffer_append(&message, told, sizeof(told), err);
            if (!status && v->told.length)
                status = kuni_buffer_append(&message, v->told.data, v->told.length, err);
        }
        status = kuni_transport_agree(status, err);
        if (!status) status = kuni_transport_bcast(&message, (int)i, err);
        if (status) break;
        memcpy(told, message.data, sizeof(told));
        sums[0] += told[0];
        sums[1] += told[1];
        if (v->share == 0)
            status = kuni_buffer_append(&all, message.data + sizeof(told),
                                        message.length - sizeof(told), err);
        status = kuni_transport_agree(status, err);
    }
    if (!status && v->share == 0 && all.length) status = tell_lines(v, all.data, err);
    v->result->files = sums[0];
    v->result->damaged = sums[1];
    kuni_buffer_fini(&all);
    kuni_buffer_fini(&message);
    return kuni_transport_agree(status, err);
}

kuni_status kuni_verify(const kuni_verify_request *request, kuni_verify_result *result,
                        kuni_buffer *faults, kuni_error *err)
{
    verification v = {
        .request = request, .result = result, .n_shares = 1, .told_ms = kuni_now_ms()};
    kuni_lock *lock = NULL;
    *result = (kuni_verify_result){.files = 0};
    if (request->together) {
        v.share = (size_t)kuni_transport_rank();
        v.n_shares = (size_t)kuni_transport_size();
    }
    kuni_status status = look(&v, faults, err);
    if (v.n_shares > 1) status = kuni_transport_agree(status, err);
    if (!status && v.n_shares > 1) status = put_together(&v, err);
    if (!status && request->repair) (void)kuni_folder_guard();
    if (!status && request->repair)
        status = kuni_lock_take(&lock, v.preview.run.folder, request->lock_wait_ms, err);
    if (!status && request->repair) status = kuni_erasure_check(v.preview.run.folder, err);
    if (!status && request->repair) status = kuni_compacting_check(v.preview.run.folder, err);
    if (!status && request->repair) status = repair(&v, err);
    if (!status && !request->repair && result->damaged)
        status = kuni_fail(err, KUNI_IO,
                           "%zu of %zu files are missing, altered or damaged: see `kuni repair`",
                           result->damaged, result->files);
    for (size_t i = 0; i < v.n_wounds; i++) free(v.wounds[i].path);
    free(v.wounds);
    kuni_buffer_fini(&v.told);
    kuni_preview_fini(&v.preview);
    kuni_lock_release(lock);
    return status;
}
