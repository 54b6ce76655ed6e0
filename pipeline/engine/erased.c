/* SPDX-License-Identifier: MIT */
#include "erased.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cohort.h"
#include "kuni/evidence.h"
#include "mark.h"
#include "pack.h"
#include "tombstones.h"
#include "words.h"
#include "workflow.h"

enum {
    BLOCK_BYTES = 1 << 20,
    KEPT_BYTES = 2 * KUNI_WORD_BYTES_MAX, /* of a block, before the next: ids lie across both */
    CHANCE_BYTES = 6,                     /* shorter ids stand among compressed bytes by chance */
    AROUND_BYTES = 16, /* so many bytes of text on one side make a short one no chance */
    TOLD_PER_FILE = 3,
    GUNZIP_ANY = 15 + 32 /* zlib: the greatest window, gzip or zlib by its header */
};

static const char evidence_magic[] = "KUNIEVID"; /* docs/evidence-format.md */

typedef struct search {
    const kuni_erased_request *request;
    kuni_erased_result *result;
    kuni_words words;
    size_t told;      /* of the file under way */
    const char *pack; /* that it is a member of, and the path of its copy; or NULL */
    const char *copy;
    char *block, *inflated;
} search;

/* What is scanned piece by piece: the bytes of a file, or what they are of. */
typedef struct window {
    const char *path, *what; /* "", or " (decompressed)" */
    char *bytes;             /* KEPT_BYTES, then a block */
    size_t kept;
    uint64_t offset; /* of bytes[0] */
    uint64_t seen;   /* up to where was looked; never before the last KUNI_WORD_BYTES_MAX kept */
} window;

static void found(search *s, const char *format, ...) KUNI_PRINTF(2, 3);

static void found(search *s, const char *format, ...)
{
    char text[4096 + 512];
    va_list args;
    s->result->found++;
    if (s->told++ >= TOLD_PER_FILE) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t copy = s->copy ? strlen(s->copy) : 0;
    if (copy && strncmp(text, s->copy, copy) == 0) {
        char rest[512];
        (void)snprintf(rest, sizeof(rest), "%.500s", text + copy);
        (void)snprintf(text, sizeof(text), "%.4000s: of its members one%s", s->pack, rest);
    }
    if (s->request->tell) s->request->tell(s->request->context, text);
}

/* --- bytes --- */

static bool is_text(const char *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 127) return false;
    }
    return to > from;
}

/* Of a short id: whether it stands in text. */
static bool is_meant(const char *bytes, size_t length, size_t at, size_t n)
{
    if (n >= CHANCE_BYTES) return true;
    size_t from = at > AROUND_BYTES ? at - AROUND_BYTES : 0, end = at + n;
    size_t to = length - end > AROUND_BYTES ? end + AROUND_BYTES : length;
    return is_text(bytes, from, at) || is_text(bytes, end, to);
}

/* `got` bytes have come after the kept ones. An id that may go on behind them waits for more. */
static void scan(search *s, window *w, size_t got, bool last)
{
    size_t n = w->kept + got;
    size_t until = last || n < KUNI_WORD_BYTES_MAX ? n : n - KUNI_WORD_BYTES_MAX;
    size_t from = (size_t)(w->seen - w->offset);
    if (!last && n < KUNI_WORD_BYTES_MAX) until = from;
    const char *id;
    for (size_t at = from; (id = kuni_words_find(&s->words, w->bytes, n, 0, &at)) && at < until;
         at++)
        if (is_meant(w->bytes, n, at, strlen(id)))
            found(s, "%s: byte %llu%s: %s", w->path, (unsigned long long)w->offset + at, w->what,
                  id);
    if (until > from) w->seen = w->offset + until;
    size_t kept = n < KEPT_BYTES ? n : KEPT_BYTES;
    memmove(w->bytes, w->bytes + n - kept, kept);
    w->offset += n - kept;
    w->kept = kept;
}

/* Compressed bytes, member by member; what cannot be inflated ends it: the raw bytes were scanned. */
static kuni_status scan_inflated(search *s, const char *path, kuni_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) return kuni_fail_errno(err, "cannot open %s", path);
    window w = {.path = path, .what = " (decompressed)", .bytes = s->inflated};
    z_stream z = {.next_in = NULL};
    int state = inflateInit2(&z, GUNZIP_ANY);
    bool more = false; /* of what was read may wait in zlib */
    while (state == Z_OK) {
        if (z.avail_in == 0 && !more) {
            if (feof(file) || ferror(file)) break;
            z.next_in = (Bytef *)s->block;
            z.avail_in = (uInt)fread(s->block, 1, BLOCK_BYTES, file);
            if (z.avail_in == 0) break;
        }
        z.next_out = (Bytef *)w.bytes + w.kept;
        z.avail_out = BLOCK_BYTES;
        state = inflate(&z, Z_NO_FLUSH);
        if (state == Z_BUF_ERROR && more) state = Z_OK; /* there was none */
        more = z.avail_out == 0;
        scan(s, &w, BLOCK_BYTES - z.avail_out, false);
        if (state == Z_STREAM_END) state = inflateReset(&z);
    }
    scan(s, &w, 0, true);
    (void)inflateEnd(&z);
    kuni_status status = ferror(file) ? kuni_fail_errno(err, "cannot read %s", path) : KUNI_OK;
    (void)fclose(file);
    return status;
}

static kuni_status scan_bytes(search *s, const char *path, char magic[8], kuni_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) return kuni_fail_errno(err, "cannot open %s", path);
    window w = {.path = path, .what = "", .bytes = s->block};
    memset(magic, 0, 8);
    while (!feof(file) && !ferror(file)) {
        size_t got = fread(w.bytes + w.kept, 1, BLOCK_BYTES, file);
        if (w.offset == 0 && w.kept == 0) memcpy(magic, w.bytes, got < 8 ? got : 8);
        scan(s, &w, got, false);
    }
    scan(s, &w, 0, true);
    kuni_status status = ferror(file) ? kuni_fail_errno(err, "cannot read %s", path) : KUNI_OK;
    (void)fclose(file);
    return status;
}

/* --- evidence --- */

static kuni_status scan_chunks(search *s, kuni_evidence_reader *reader, const char *path,
                               kuni_error *err)
{
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    kuni_status status = KUNI_OK;
    for (size_t k = 0; k < kuni_evidence_chunk_count(reader) && !status; k++) {
        kuni_evidence_chunk chunk;
        size_t n = 0;
        status = kuni_evidence_read(reader, k, KUNI_READ_EVENTS | KUNI_READ_BLOCKS, &chunk, err);
        if (status) break;
        for (size_t i = 0; i < chunk.n_events; i++)
            n += strcmp(header->samples[chunk.events[i].sample], KUNI_SAMPLE_NOBODY) == 0;
        for (size_t i = 0; i < chunk.n_blocks; i++)
            n += strcmp(header->samples[chunk.blocks[i].sample], KUNI_SAMPLE_NOBODY) == 0;
        if (n)
            found(s, "%s: %s:%lld-%lld: %zu events and blocks of somebody who was erased", path,
                  header->contig, (long long)chunk.beg + 1, (long long)chunk.end, n);
    }
    return status;
}

static kuni_status scan_evidence(search *s, const char *path, kuni_error *err)
{
    kuni_evidence_reader *reader;
    bool nobody = false;
    kuni_status status = kuni_evidence_open(&reader, path, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    for (uint32_t i = 0; i < header->n_samples; i++) {
        nobody = nobody || strcmp(header->samples[i], KUNI_SAMPLE_NOBODY) == 0;
        if (kuni_names_find(&s->words.wanted, header->samples[i]) >= 0)
            found(s, "%s: sample %u of the header: %s", path, i + 1, header->samples[i]);
    }
    if (nobody) status = scan_chunks(s, reader, path, err);
    kuni_evidence_close(reader);
    return status;
}

/* --- the folder --- */

static kuni_status look_at_bytes(search *s, const char *path, kuni_error *err)
{
    char magic[8];
    kuni_status status = scan_bytes(s, path, magic, err);
    if (!status && memcmp(magic, "\x1f\x8b", 2) == 0) status = scan_inflated(s, path, err);
    if (!status && memcmp(magic, evidence_magic, sizeof(magic)) == 0)
        status = scan_evidence(s, path, err);
    return status;
}

/* The members of a pack, each as the file that it would have been. */
static kuni_status look_into_pack(search *s, const char *path, kuni_error *err)
{
    kuni_pack pack;
    kuni_status status = kuni_pack_open(&pack, path, err);
    for (size_t i = 0; i < pack.n && !status; i++) {
        kuni_pack_view view;
        if (!pack.members[i].present) continue;
        status = kuni_pack_view_open(&view, &pack, i, err);
        if (status) break;
        s->pack = path;
        s->copy = view.path;
        status = look_at_bytes(s, view.path, err);
        s->pack = s->copy = NULL;
        kuni_pack_view_close(&view);
    }
    kuni_pack_close(&pack);
    return status;
}

static kuni_status look_into(search *s, const char *path, kuni_error *err)
{
    s->result->files++;
    kuni_status status = look_at_bytes(s, path, err);
    return status || !kuni_is_pack(path) ? status : look_into_pack(s, path, err);
}

static kuni_status walk(search *s, const char *folder, kuni_error *err);

static kuni_status look_at(search *s, const char *path, const char *name, kuni_error *err)
{
    struct stat info;
    char target[4096];
    s->told = 0;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot look at %s", path);
    if (kuni_words_in(&s->words, name)) found(s, "%s: its name", path);
    if (S_ISLNK(info.st_mode)) {
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        if (kuni_words_in(&s->words, target)) found(s, "%s: where it leads: %s", path, target);
        return KUNI_OK;
    }
    if (S_ISDIR(info.st_mode)) return walk(s, path, err);
    return S_ISREG(info.st_mode) ? look_into(s, path, err) : KUNI_OK;
}

static kuni_status walk(search *s, const char *folder, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    if (!dir) return kuni_fail_errno(err, "cannot read %s", folder);
    for (struct dirent *entry; !status && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *path = kuni_path_join(folder, entry->d_name, err);
        status = path ? look_at(s, path, entry->d_name, err) : KUNI_MEMORY;
        free(path);
    }
    (void)closedir(dir);
    return status;
}

/* --- who --- */

/* Longer ids of people who are in it are not those that are looked for. */
static kuni_status add_others(search *s, const char *folder, kuni_arena *arena, kuni_error *err)
{
    kuni_register people;
    char *path = kuni_register_path(folder, err);
    kuni_status status = path ? kuni_register_read(&people, path, arena, err) : KUNI_MEMORY;
    for (size_t i = 0; !status && i < people.n; i++) {
        const char *const ids[] = {people.samples[i].id, people.samples[i].participant};
        for (size_t k = 0; k < 2 && !status; k++)
            if (kuni_names_find(&s->words.wanted, ids[k]) < 0)
                status = kuni_words_add_other(&s->words, ids[k], err);
    }
    free(path);
    return status;
}

static kuni_status check_stones(search *s, const char *folder, kuni_error *err)
{
    kuni_tombstones stones;
    kuni_status status = kuni_tombstones_read(&stones, folder, err);
    for (size_t i = 0; !status && i < s->words.n; i++) {
        char room[16], text[512];
        const char *id = s->words.ids[i];
        const char *mode = kuni_tombstones_mode(&stones, "sample", id, room);
        if (!mode) mode = kuni_tombstones_mode(&stones, "participant", id, room);
        if (mode && strcmp(mode, "erase") == 0) continue;
        s->result->never++;
        (void)snprintf(text, sizeof(text), "%s: no tombstone says that it was erased%s", id,
                       mode ? ": it was unlinked" : "");
        if (s->request->tell) s->request->tell(s->request->context, text);
    }
    if (!status) kuni_tombstones_fini(&stones);
    return status;
}

static kuni_status search_folder(search *s, const char *folder, kuni_arena *arena, kuni_error *err)
{
    const char **ids = NULL;
    size_t n = 0, capacity = 0;
    s->block = kuni_alloc(KEPT_BYTES + BLOCK_BYTES, 1, err);
    s->inflated = kuni_alloc(KEPT_BYTES + BLOCK_BYTES, 1, err);
    kuni_status status = s->block && s->inflated ? kuni_words_init(&s->words, err) : KUNI_MEMORY;
    if (!status) status = kuni_ids_read(s->request->list, arena, &ids, &n, &capacity, err);
    for (size_t i = 0; i < n && !status; i++) status = kuni_words_add(&s->words, ids[i], err);
    s->result->ids = s->words.n;
    if (!status && !n) status = kuni_fail(err, KUNI_USAGE, "%s names nobody", s->request->list);
    if (!status) status = add_others(s, folder, arena, err);
    if (!status) status = check_stones(s, folder, err);
    if (!status) status = walk(s, folder, err);
    free(ids);
    free(s->block);
    free(s->inflated);
    kuni_words_fini(&s->words);
    return status;
}

kuni_status kuni_erased_verify(const kuni_erased_request *request, kuni_erased_result *result,
                               kuni_buffer *faults, kuni_error *err)
{
    search s = {.request = request, .result = result};
    kuni_workflow workflow;
    *result = (kuni_erased_result){.files = 0};
    kuni_status status = kuni_workflow_read(&workflow, request->workflow, request->settings,
                                            request->n_settings, faults, err);
    if (status) return status;
    kuni_arena *arena = kuni_arena_new(err);
    status = arena ? kuni_mark_check(workflow.dataset, err) : KUNI_MEMORY;
    if (!status && access(workflow.dataset, F_OK) != 0)
        status = kuni_fail(err, KUNI_USAGE, "%s: no dataset yet", workflow.dataset);
    if (!status) status = search_folder(&s, workflow.dataset, arena, err);
    if (!status && result->found)
        status = kuni_fail(err, KUNI_IO, "%s: %zu places still tell of people who are to be erased",
                           workflow.dataset, result->found);
    kuni_arena_free(arena);
    kuni_workflow_fini(&workflow);
    return status;
}
