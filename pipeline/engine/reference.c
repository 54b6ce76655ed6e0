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

static kuni_status write_reference(kuni_run *run, const char *path, const char *stamp, bool write,
                                   kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s\n", stamp);
    for (int32_t tid = 0; tid < kuni_genome_contig_count(run->genome) && !status; tid++) {
        char md5[33];
        status = kuni_genome_md5(run->genome, tid, md5, err);
        if (!status)
            status = kuni_buffer_printf(&text, err, "%s\t%s\n",
                                        kuni_genome_contig(run->genome, tid)->name, md5);
    }
    if (!status && write) status = kuni_file_put(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_reference_digests(kuni_run *run, bool write, kuni_error *err)
{
    char stamp[4400];
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(run->folder, "reference.tsv", err);
    kuni_status status = path ? reference_stamp(run, stamp, sizeof(stamp), err) : KUNI_MEMORY;
    bool known = false;
    if (!status && access(path, R_OK) == 0) {
        status = kuni_file_get(path, REFERENCE_BYTES_MAX, &text, err);
        known = !status && text.data && read_reference(run, text.data, stamp);
    }
    if (!status && !known) status = write_reference(run, path, stamp, write, err);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}
