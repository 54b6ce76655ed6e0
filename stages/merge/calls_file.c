/* SPDX-License-Identifier: MIT */
#include "calls_file.h"

#include <fcntl.h>
#include <htslib/kstring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kuni_status wrong(const calls_file *calls, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "merge: %s: %s", calls->path, what);
}

static kuni_status check_samples(const calls_file *calls, const kuni_task *task, kuni_error *err)
{
    size_t count = 0, given = (size_t)bcf_hdr_nsamples(calls->header);
    if (calls->sites && !given) return KUNI_OK;
    for (size_t i = 0; i < task->n_samples; i++) {
        int32_t column = task->columns ? task->columns[i] : (int32_t)i;
        if (column < 0) continue;
        count++;
        if ((size_t)column >= given ||
            strcmp(calls->header->samples[column], task->samples[i].id) != 0)
            return kuni_fail(err, KUNI_DATA,
                             "merge: %s: its column %d should be sample %s, but is %s: a stage "
                             "before merge must keep all samples in their order",
                             calls->path, column + 1, task->samples[i].id,
                             (size_t)column < given ? calls->header->samples[column] : "missing");
    }
    if (given != count)
        return kuni_fail(err, KUNI_DATA,
                         "merge: %s: it has %zu samples, the cohort %zu: a stage before merge must "
                         "keep all samples",
                         calls->path, given, count);
    return KUNI_OK;
}

kuni_status sealed_blocks_find(sealed_blocks *seal, const char *path, BGZF *file, kuni_error *err)
{
    enum { MARKER = 28 };
    char tail[2 * MARKER];
    struct stat info;
    uint64_t begin = (uint64_t)bgzf_tell(file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool looked = fd >= 0 && fstat(fd, &info) == 0;
    off_t place = looked ? info.st_size - (off_t)sizeof(tail) : 0;
    if (looked && place > 0) looked = pread(fd, tail, sizeof(tail), place) == sizeof(tail);
    if (fd >= 0) (void)close(fd);
    if (!looked) return kuni_fail_errno(err, "merge: cannot read %s", path);
    *seal = (sealed_blocks){.are = place > 0 && memcmp(tail, tail + MARKER, MARKER) == 0 &&
                                   (begin & UINT16_MAX) == 0,
                            .begin = begin >> 16,
                            .end = (uint64_t)place};
    return KUNI_OK;
}

kuni_status sealed_blocks_place(const sealed_blocks *seal, const char *path, bool new_block,
                                uint64_t *from, uint64_t *to, kuni_error *err)
{
    *from -= seal->begin << 16;
    *to -= seal->begin << 16;
    if (!new_block || (*from & UINT16_MAX) == 0) return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "merge: %s: its blocks do not end where its end markers say that they do: a "
                     "stage before merge must not write it so",
                     path);
}

kuni_status calls_open(calls_file *calls, const kuni_task *task, const char *path, kuni_error *err)
{
    *calls = (calls_file){.path = path};
    calls->file = hts_open(path, "r");
    if (!calls->file) return kuni_fail_errno(err, "merge: cannot open %s", path);
    const htsFormat *format = hts_get_format(calls->file);
    if (format->format != bcf || format->compression != bgzf)
        return wrong(calls, "not a compressed BCF file: the stage before must write -Ob", err);
    if (hts_check_EOF(calls->file) != 1)
        return wrong(calls, "truncated: its end marker is missing", err);
    calls->header = bcf_hdr_read(calls->file);
    calls->record = bcf_init();
    if (!calls->header || !calls->record) return wrong(calls, "its header cannot be read", err);
    calls->sites = bcf_hdr_get_hrec(calls->header, BCF_HL_GEN, "kuni_sites", NULL, NULL) != NULL;
    kuni_status status = check_samples(calls, task, err);
    return status ? status : sealed_blocks_find(&calls->seal, path, calls->file->fp.bgzf, err);
}

kuni_status calls_next(calls_file *calls, bool *found, kuni_error *err)
{
    /* htslib tells a torn record and a damaged block in its middle as the end of the file. */
    BGZF *blocks = calls->file->fp.bgzf;
    off_t before = bgzf_utell(blocks);
    calls->from = (uint64_t)bgzf_tell(blocks);
    int result = bcf_read(calls->file, calls->header, calls->record);
    calls->to = (uint64_t)bgzf_tell(blocks);
    *found = result == 0;
    if (result < -1 || calls->record->errcode || blocks->errcode ||
        (result == -1 && bgzf_utell(blocks) != before))
        return wrong(calls, "damaged or truncated", err);
    return KUNI_OK;
}

void calls_close(calls_file *calls)
{
    if (calls->record) bcf_destroy(calls->record);
    if (calls->header) bcf_hdr_destroy(calls->header);
    if (calls->file) (void)hts_close(calls->file);
    *calls = (calls_file){.path = NULL};
}

int64_t calls_longest_contig(const calls_file *calls)
{
    int64_t longest = 0;
    for (int i = 0; i < calls->header->n[BCF_DT_CTG]; i++) {
        const bcf_idpair_t *contig = &calls->header->id[BCF_DT_CTG][i];
        if (contig->val && (int64_t)contig->val->info[0] > longest)
            longest = (int64_t)contig->val->info[0];
    }
    return longest;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

const char *const calls_local_fields[] = {"LAA", "LAD", "LPL", NULL};

static bool is_local_field(const char *line)
{
    const char *id = line + strlen("##FORMAT=<ID=");
    for (size_t i = 0; calls_local_fields[i]; i++) {
        size_t n = strlen(calls_local_fields[i]);
        if (strlen(line) > strlen("##FORMAT=<ID=") + n && id[n] == ',' &&
            strncmp(id, calls_local_fields[i], n) == 0)
            return true;
    }
    return false;
}

/* "##key=..." lines that describe the data, and those of kuni itself. */
bool calls_keeps_line(const char *line, calls_header kind)
{
    static const char *const kept[] = {
        "##fileformat=", "##FILTER=",   "##INFO=",    "##contig=", "##ALT=",       "##META=",
        "##SAMPLE=",     "##PEDIGREE=", "##phasing=", "##kuni",    "##source=kuni"};
    if (starts_with(line, "##FORMAT="))
        return kind != CALLS_HEADER_SITES &&
               !(kind == CALLS_HEADER_WITHOUT_LOCAL && is_local_field(line));
    if (kind == CALLS_HEADER_COMMON && starts_with(line, "##source=")) return false;
    /* That of kuni is a name; a path, of a command in between, says where somebody had it. */
    if (starts_with(line, "##reference="))
        return kind != CALLS_HEADER_COMMON && line[strcspn(line, "/\n")] != '/';
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (starts_with(line, kept[i])) return true;
    return !starts_with(line, "##");
}

kuni_status calls_header_text(const calls_file *calls, calls_header kind, kuni_buffer *text,
                              kuni_error *err)
{
    bool sites = kind == CALLS_HEADER_SITES;
    kstring_t whole = KS_INITIALIZE;
    if (bcf_hdr_format(calls->header, !sites, &whole) != 0) {
        ks_free(&whole);
        return kuni_fail_memory(err, 1, whole.l);
    }
    kuni_status status = KUNI_OK;
    for (char *line = whole.s; line && *line && !status;) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        bool columns = starts_with(line, "#CHROM");
        if (columns && sites) line = (char *)"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";
        if (calls_keeps_line(line, kind)) status = kuni_buffer_printf(text, err, "%s\n", line);
        line = end ? end + 1 : NULL;
    }
    ks_free(&whole);
    return status;
}
