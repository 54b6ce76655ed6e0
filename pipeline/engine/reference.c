/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"

enum { REFERENCE_BYTES_MAX = 64 << 20 };

static kuni_status reference_stamp(const kuni_run *run, char *stamp, size_t bytes, kuni_error *err)
{
    struct stat st;
    const char *path = kuni_genome_path(run->genome);
    if (stat(path, &st) != 0) return kuni_fail_errno(err, "cannot open %s", path);
    snprintf(stamp, bytes, "#%s\t%" PRId64 "\t%" PRId64, path, (int64_t)st.st_size,
             (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    return KUNI_OK;
}

/* True where every contig's MD5 was found. */
static bool read_reference(kuni_run *run, char *text, const char *stamp)
{
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    if (!line || strcmp(line, stamp) != 0) return false;
    int32_t known = 0;
    while ((line = strtok_r(NULL, "\n", &save))) {
        char *tab = strrchr(line, '\t');
        if (!tab || strlen(tab + 1) != 32) return false;
        *tab = '\0';
        int32_t tid = kuni_genome_find(run->genome, line);
        if (tid < 0) return false;
        kuni_genome_set_md5(run->genome, tid, tab + 1);
        known++;
    }
    return known == kuni_genome_contig_count(run->genome);
}

/* "#end COUNT DIGEST": of the lines before it. */
static kuni_status last_line(const char *text, size_t length, char line[128], kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    int64_t n = 0;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = 0; i < length; i++) n += text[i] == '\n';
    kuni_digest_add(digest, text, length);
    kuni_digest_finish(digest, hex);
    snprintf(line, 128, "#end\t%" PRId64 "\t%s\n", n, hex);
    return KUNI_OK;
}

/* A list as versions wrote it that gave it no last line: "#PATH BYTES TIME", then "NAME MD5". */
static bool is_of_old_form(const char *text)
{
    size_t n = 0;
    for (const char *line = text, *end; *line; line = end + 1, n++) {
        if (!(end = strchr(line, '\n'))) return false;
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        if (n == 0 ? *line != '#' : !tab || end - tab != 33 || *line == '#') return false;
        if (n > 0 && strspn(tab + 1, "0123456789abcdef") != 32) return false;
    }
    return n > 1;
}

/* Takes the last line off the text of a whole list; *old that it had none. */
static kuni_status check_list(kuni_buffer *text, bool *whole, bool *old, kuni_error *err)
{
    char expected[128];
    char *end = text->data ? strstr(text->data, "\n#end\t") : NULL;
    *whole = text->data && strlen(text->data) == text->length;
    *old = !end;
    if (*whole && !end) {
        *whole = is_of_old_form(text->data);
        return KUNI_OK;
    }
    if (!*whole) return KUNI_OK;
    kuni_status status = last_line(text->data, (size_t)(++end - text->data), expected, err);
    *whole = !status && strcmp(end, expected) == 0;
    *end = '\0';
    return status;
}

static kuni_status write_reference(kuni_run *run, const char *path, const char *stamp, bool write,
                                   kuni_error *err)
{
    char end[128];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s\n", stamp);
    for (int32_t tid = 0; tid < kuni_genome_contig_count(run->genome) && !status; tid++) {
        char md5[33];
        status = kuni_genome_md5(run->genome, tid, md5, err);
        if (!status)
            status = kuni_buffer_printf(&text, err, "%s\t%s\n",
                                        kuni_genome_contig(run->genome, tid)->name, md5);
    }
    if (!status) status = last_line(text.data, text.length, end, err);
    if (!status) status = kuni_buffer_append(&text, end, strlen(end), err);
    if (!status && write) status = kuni_file_put(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_reference_digests(kuni_run *run, bool write, bool *damaged, kuni_error *err)
{
    char stamp[4400];
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(run->folder, "reference.tsv", err);
    kuni_status status = path ? reference_stamp(run, stamp, sizeof(stamp), err) : KUNI_MEMORY;
    bool known = false, whole = true, old = false;
    if (!status && access(path, F_OK) == 0) {
        status = kuni_file_get(path, REFERENCE_BYTES_MAX, &text, err);
        if (!status) status = check_list(&text, &whole, &old, err);
        known = !status && whole && read_reference(run, text.data, stamp);
    }
    if (!status && !whole && !damaged)
        status =
            kuni_fail(err, KUNI_IO,
                      "%s: damaged: the MD5 of the reference's contigs are not what was written: "
                      "nothing was changed: `kuni repair` makes the file again",
                      path);
    if (damaged) *damaged = !whole;
    if (!status && (!known || old)) status = write_reference(run, path, stamp, write && whole, err);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status kuni_reference_write(kuni_run *run, kuni_error *err)
{
    char stamp[4400];
    char *path = kuni_path_join(run->folder, "reference.tsv", err);
    kuni_status status = path ? reference_stamp(run, stamp, sizeof(stamp), err) : KUNI_MEMORY;
    if (!status) status = write_reference(run, path, stamp, true, err);
    free(path);
    return status;
}
