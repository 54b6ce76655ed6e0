/* SPDX-License-Identifier: MIT */
#include "output_check.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "ending.h"

enum { BEAT_EVERY_RECORDS = 4096 };

static kuni_status broken(const char *label, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_BUG, "%s: its command ended well, but the output %s", label, what);
}

static kuni_status check_format(htsFile *file, const char *extension, const char *label,
                                kuni_error *err)
{
    const htsFormat *format = hts_get_format(file);
    bool binary = has_ending(extension, "bcf");
    if (format->format != (binary ? bcf : vcf))
        return broken(label, binary ? "is not BCF: use -Ob" : "is not VCF", err);
    if (has_ending(extension, ".gz") && format->compression != bgzf)
        return broken(label, "is not compressed by bgzip: use -Oz", err);
    /* Without compression there is neither end marker nor checksum to tell a whole file by. */
    if (binary && format->compression != bgzf)
        return broken(label, "is not compressed: use -Ob", err);
    if (format->compression == bgzf && hts_check_EOF(file) != 1)
        return broken(label, "is truncated: its end marker is missing", err);
    return KUNI_OK;
}

int record_counts_read(record_counts *counts, htsFile *file, const bcf_hdr_t *header,
                       bcf1_t *record, void (*heartbeat)(int64_t))
{
    int result;
    while ((result = bcf_read(file, header, record)) >= 0 && !record->errcode) {
        if (!counts->records++ || record->rid != counts->rid || record->pos != counts->pos)
            counts->places++;
        counts->rid = record->rid;
        counts->pos = record->pos;
        if (heartbeat && counts->records % BEAT_EVERY_RECORDS == 0) heartbeat(counts->records);
    }
    return result;
}

static kuni_status check_variants(const char *path, const char *extension, const char *label,
                                  void (*heartbeat)(int64_t), record_counts *counts,
                                  kuni_error *err)
{
    kuni_status status;
    bcf_hdr_t *header = NULL;
    bcf1_t *record = NULL;
    htsFile *file = hts_open(path, "r");
    if (!file) return broken(label, "cannot be opened as a variant file", err);
    status = check_format(file, extension, label, err);
    if (status) goto done;
    header = bcf_hdr_read(file);
    record = bcf_init();
    if (!header || !record) {
        status = broken(label, "has no readable header", err);
        goto done;
    }
    counts->records = 0;
    int result = record_counts_read(counts, file, header, record, heartbeat);
    /*
     * htslib takes a damaged block in the middle of a record for the end: its error stays behind.
     */
    bool damaged = file->is_bgzf && file->format.format == bcf && file->fp.bgzf->errcode;
    if (result != -1 || damaged)
        status = broken(label, "has a damaged record or is truncated", err);
done:
    if (record) bcf_destroy(record);
    if (header) bcf_hdr_destroy(header);
    if (hts_close(file) != 0 && !status) status = broken(label, "cannot be read", err);
    return status;
}

/* A text file is whole when its last line is. */
static kuni_status check_last_line(const char *path, const char *label, kuni_error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return kuni_fail_errno(err, "%s: cannot open %s", label, path);
    int last = fseek(file, -1, SEEK_END) == 0 ? fgetc(file) : EOF;
    (void)fclose(file);
    return last == '\n' ? KUNI_OK : broken(label, "is truncated: its last line is not whole", err);
}

static kuni_status check_gzip(const char *path, const char *label, kuni_error *err)
{
    gzFile file = gzopen(path, "rb");
    if (!file) return kuni_fail_errno(err, "%s: cannot open %s", label, path);
    enum { ROOM = 1 << 16 };
    char *bytes = malloc(ROOM);
    kuni_status status = bytes ? KUNI_OK : kuni_fail_memory(err, ROOM, 1);
    int got = 0;
    while (!status && (got = gzread(file, bytes, ROOM)) > 0) continue;
    bool direct = gzdirect(file) != 0;
    int closed = gzclose_r(file);
    free(bytes);
    if (!status && (got < 0 || closed != Z_OK || direct))
        status = broken(label, direct ? "is not compressed" : "is a truncated or damaged gzip file",
                        err);
    return status;
}

kuni_status output_check(const char *path, const char *extension, bool may_be_empty,
                         const char *label, void (*heartbeat)(int64_t), record_counts *counts,
                         kuni_error *err)
{
    struct stat info;
    *counts = (record_counts){.records = -1};
    if (stat(path, &info) != 0) {
        if (errno != ENOENT) return kuni_fail_errno(err, "%s: cannot look at %s", label, path);
        return kuni_fail(err, KUNI_BUG,
                         "%s: its command ended well, but did not write {output}: is {output} in "
                         "the command?",
                         label);
    }
    if (!S_ISREG(info.st_mode)) return broken(label, "is not a regular file", err);
    if (info.st_size == 0)
        return may_be_empty
                   ? KUNI_OK
                   : broken(label, "is empty: say may_be_empty: true where that is fine", err);
    if (strcmp(extension, "vcf") == 0) {
        kuni_status status = check_last_line(path, label, err);
        if (status) return status;
    }
    if (is_variant_file(extension))
        return check_variants(path, extension, label, heartbeat, counts, err);
    if (has_ending(extension, "gz")) return check_gzip(path, label, err);
    return KUNI_OK;
}
