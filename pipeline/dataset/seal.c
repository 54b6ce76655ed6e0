/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/lines.h"

static const char first_line[] = "#kuni seal 1", folded_line[] = "#kuni seal 2";

bool kuni_stored_is_intact(const char *path, const kuni_stored_output *stored)
{
    struct stat st;
    if (stat(path, &st) != 0 || st.st_size != stored->bytes) return false;
    if ((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == stored->mtime_ns)
        return true;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash digest;
    kuni_error ignored = KUNI_ERROR_INIT;
    return kuni_digest_file(path, hex, &ignored) == KUNI_OK && kuni_hash_parse(&digest, hex) &&
           kuni_hash_equal(&digest, &stored->digest);
}

kuni_status kuni_stored_look(const char *path, kuni_stored_output *stored, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    struct stat st;
    kuni_status status = kuni_digest_file(path, hex, err);
    if (status) return status;
    if (stat(path, &st) != 0) return kuni_fail_errno(err, "cannot look at %s", path);
    stored->bytes = st.st_size;
    stored->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    (void)kuni_hash_parse(&stored->digest, hex);
    return KUNI_OK;
}

/* --- reading --- */

enum { SEAL_BYTES_MAX = 1 << 30 };

static kuni_status damaged(const char *path, int64_t line, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_IO,
                     "%s:%" PRId64
                     ": the seal of a batch is damaged: %s: put it back from a backup",
                     path, line, what);
}

static bool take_file(char *fields[], kuni_seal_line *line)
{
    int64_t output;
    if (!kuni_hash_parse_short(&line->key, fields[1]) ||
        !kuni_text_int(fields[2], 0, 64, &output) ||
        !kuni_text_int(fields[3], -1, INT64_MAX, &line->stored.bytes) ||
        !kuni_text_int(fields[4], INT64_MIN, INT64_MAX, &line->stored.mtime_ns) ||
        !kuni_hash_parse(&line->stored.digest, fields[5]))
        return false;
    line->shard = fields[0];
    line->output = (size_t)output;
    return true;
}

/* NULL or what is wrong. */
static const char *take_line(char *text, kuni_seal_line *line)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    *line = (kuni_seal_line){.made = NULL};
    size_t n = kuni_line_split(text, '\t', fields);
    if (n == 2 && strcmp(fields[0], "#made") == 0) {
        line->made = fields[1];
    } else if (n == 3 && strcmp(fields[0], "#folded") == 0) {
        line->folded = fields[1];
        line->shards = fields[2];
    } else if (n == 4 && strcmp(fields[0], "#without") == 0) {
        line->without = fields[1];
        line->where = fields[2];
        line->reason = fields[3];
    } else if (n != 6 || !take_file(fields, line)) {
        return "a line of another form";
    }
    return NULL;
}

/* Cuts the text into lines, the last of which is to tell the digest of the others; how many these are. */
static kuni_status check_whole(const char *path, kuni_buffer *text, int64_t *n_lines,
                               kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    int64_t n = 0;
    char *line = text->data, *past = line + text->length, *end;
    for (; line && line < past && (end = memchr(line, '\n', (size_t)(past - line)));
         line = end + 1, n++) {
        *end = '\0';
        if (strncmp(line, "#end\t", 5) == 0) break;
        kuni_digest_add_text(digest, line);
    }
    char hex[KUNI_DIGEST_HEX_BYTES], expected[128];
    kuni_digest_finish(digest, hex);
    *n_lines = n;
    if (!line || line >= past || strncmp(line, "#end\t", 5) != 0)
        return damaged(path, n + 1, "it is cut off", err);
    snprintf(expected, sizeof(expected), "#end\t%" PRId64 "\t%s", n, hex);
    if (strcmp(line, expected) != 0) return damaged(path, n + 1, "its digest is another", err);
    if (strcmp(text->data, first_line) != 0 && strcmp(text->data, folded_line) != 0)
        return damaged(path, 1, "it is not a seal of this format", err);
    return KUNI_OK;
}

kuni_status kuni_seal_read(const char *path, kuni_seal_visitor *visit, void *context, bool *found,
                           kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    int64_t n = 0;
    *found = access(path, F_OK) == 0 || errno != ENOENT;
    if (!*found) return KUNI_OK;
    kuni_status status = kuni_file_get(path, SEAL_BYTES_MAX, &text, err);
    /* Nothing is believed of a seal before all of it has been seen to be whole. */
    if (!status) status = check_whole(path, &text, &n, err);
    char *line = status ? NULL : text.data + strlen(text.data) + 1;
    for (int64_t i = 1; i < n && !status; i++) {
        kuni_seal_line told;
        char *next = line + strlen(line) + 1; /* before it is cut up */
        const char *wrong = take_line(line, &told);
        if (wrong)
            status = damaged(path, i + 1, wrong, err);
        else if (visit)
            status = visit(context, &told, err);
        line = next;
    }
    kuni_buffer_fini(&text);
    return status;
}

/* --- writing --- */

struct kuni_seal_writer {
    kuni_file *file;
    kuni_digest *digest;
    kuni_buffer line;
    int64_t lines;
};

static kuni_status put(kuni_seal_writer *w, kuni_error *err)
{
    kuni_digest_add_text(w->digest, w->line.data);
    w->lines++;
    kuni_status status = kuni_file_printf(w->file, err, "%s\n", w->line.data);
    kuni_buffer_clear(&w->line);
    return status;
}

static kuni_status begin(kuni_seal_writer **out, const char *path, const char *first,
                         const kuni_hash *made, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_seal_writer *w = kuni_alloc(1, sizeof(*w), err);
    if (!w) return KUNI_MEMORY;
    w->digest = kuni_digest_new(err);
    kuni_status status = w->digest ? kuni_file_create(&w->file, path, err) : KUNI_MEMORY;
    kuni_hash_print(made, hex);
    if (!status) status = kuni_buffer_printf(&w->line, err, "%s", first);
    if (!status) status = put(w, err);
    if (!status) status = kuni_buffer_printf(&w->line, err, "#made\t%s", hex);
    if (!status) status = put(w, err);
    if (!status) {
        *out = w;
        return KUNI_OK;
    }
    kuni_error ignored = KUNI_ERROR_INIT;
    (void)!kuni_seal_close(w, false, &ignored);
    return status;
}

kuni_status kuni_seal_create(kuni_seal_writer **writer, const char *path, const kuni_hash *made,
                             kuni_error *err)
{
    return begin(writer, path, first_line, made, err);
}

kuni_status kuni_seal_create_folded(kuni_seal_writer **writer, const char *path,
                                    const kuni_hash *made, const char *step,
                                    const kuni_hash *shards, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_seal_writer *w = NULL;
    kuni_status status = begin(&w, path, folded_line, made, err);
    if (status) return status;
    kuni_hash_print(shards, hex);
    status = kuni_buffer_printf(&w->line, err, "#folded\t%s\t%s", step, hex);
    if (!status) status = put(w, err);
    if (status)
        (void)!kuni_seal_close(w, false, &ignored);
    else
        *writer = w;
    return status;
}

kuni_status kuni_seal_without(kuni_seal_writer *w, const char *sample, const char *where,
                              const char *reason, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(&w->line, err, "#without\t%s\t%s\t%s", sample,
                                            *where ? where : "?", *reason ? reason : "?");
    return status ? status : put(w, err);
}

kuni_status kuni_seal_add(kuni_seal_writer *w, const char *shard, uint64_t key, size_t output,
                          const kuni_stored_output *stored, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash_print(&stored->digest, hex);
    kuni_status status =
        kuni_buffer_printf(&w->line, err, "%s\t%016" PRIx64 "\t%zu\t%" PRId64 "\t%" PRId64 "\t%s",
                           shard, key, output, stored->bytes, stored->mtime_ns, hex);
    return status ? status : put(w, err);
}

kuni_status kuni_seal_close(kuni_seal_writer *w, bool keep, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = KUNI_OK;
    if (w->digest) kuni_digest_finish(w->digest, hex);
    if (keep) status = kuni_file_printf(w->file, err, "#end\t%" PRId64 "\t%s\n", w->lines, hex);
    if (keep && !status)
        status = kuni_file_commit(w->file, err);
    else
        kuni_file_discard(w->file);
    kuni_buffer_fini(&w->line);
    free(w);
    return status;
}
