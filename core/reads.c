/* SPDX-License-Identifier: MIT */
#include "kuni/reads.h"

#include <endian.h>
#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/cram.h>
#include <htslib/hfile.h>
#include <htslib/hts_log.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/buffer.h"
#include "kuni/file.h"
#include "reads_fit.h"
#include "reads_index.h"
#include "record.h"
#include "regular.h"

enum { TID_ABSENT = -2 }; /* a contig of the file that the reference lacks */

struct kuni_reads {
    char *path, *sample;
    char *index_path; /* as the manifest tells it, or where it was found; NULL: not known */
    samFile *file;
    sam_hdr_t *header;
    hts_idx_t *index;
    hts_itr_t *iterator;
    bam1_t *record;
    int32_t *to_genome; /* file tid -> genome tid or TID_ABSENT */
    int32_t n_file_contigs;
    int32_t *from_genome; /* genome tid -> file tid or -1 */
    int32_t n_genome_contigs;
    int64_t last_pos;
    kuni_genome *genome; /* borrowed */
    int64_t data_at;     /* BAM, CRAM: offset of the first record or container */
    int fields;
    bool is_empty; /* no record, and so no need of an index */
    kuni_record_bases bases;
};

void kuni_htslib_setup(void)
{
    /* Without this htslib asks a public server for references that a CRAM names by digest. */
    (void)setenv("REF_PATH", "/dev/null/kuni-fetches-no-references", 1);
    (void)unsetenv("REF_CACHE");
    hts_set_log_level(getenv("KUNI_HTSLIB_LOG") ? HTS_LOG_WARNING : HTS_LOG_OFF);
}

static kuni_status damaged(const kuni_reads *reads, kuni_error *err, const char *what)
{
    return kuni_fail(err, KUNI_DATA, "sample %s: %s: %s", reads->sample, reads->path, what);
}

/* As `damaged`, but where the file cannot be read at all just now: that says nothing of its bytes. */
static kuni_status damaged_or_away(const kuni_reads *reads, int code, kuni_error *err,
                                   const char *what)
{
    if (!kuni_file_is_out_of_reach(reads->path, &code)) return damaged(reads, err, what);
    errno = code;
    return kuni_fail_errno(err, "sample %s: cannot read %s", reads->sample, reads->path);
}

static kuni_status open_file(kuni_reads *reads, const char *fasta, int fields, kuni_error *err)
{
    kuni_status status = kuni_check_regular(reads->path, err);
    if (status) return status;
    errno = 0;
    reads->file = sam_open(reads->path, "r");
    if (!reads->file) {
        if (errno == ENOEXEC || errno == 0)
            return damaged_or_away(reads, 0, err,
                                   "not a BAM or CRAM file, or damaged in its first bytes");
        return kuni_fail_errno(err, "sample %s: cannot open %s", reads->sample, reads->path);
    }
    enum htsExactFormat format = hts_get_format(reads->file)->format;
    if (format != bam && format != cram && format != sam)
        return damaged(reads, err, "not a BAM or CRAM file");
    if (format == cram && (hts_set_fai_filename(reads->file, fasta) != 0 ||
                           hts_set_opt(reads->file, CRAM_OPT_REQUIRED_FIELDS, fields) != 0 ||
                           hts_set_opt(reads->file, CRAM_OPT_DECODE_MD, 0) != 0))
        return kuni_fail(err, KUNI_IO, "sample %s: cannot set up CRAM decoding of %s against %s",
                         reads->sample, reads->path, fasta);
    errno = 0;
    reads->header = sam_hdr_read(reads->file);
    if (!reads->header)
        return damaged_or_away(reads, errno, err,
                               "the header cannot be read: damaged or truncated");
    if (format == cram) reads->data_at = htell(cram_fd_get_fp(reads->file->fp.cram));
    if (format == bam) reads->data_at = bgzf_tell(reads->file->fp.bgzf);
    reads->fields = fields;
    errno = 0;
    if (hts_check_EOF(reads->file) == 0)
        return damaged_or_away(
            reads, errno, err,
            "truncated: the end-of-file marker is missing: copy or make the file again");
    return KUNI_OK;
}

/* --- the header --- */

/* A field "TG:value" of a header line, without its tag; NULL: none. */
static const char *field_of(const char *line, const char *end, const char *tag, size_t *length)
{
    while (line < end) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        const char *stop = tab ? tab : end;
        if (stop - line >= 3 && memcmp(line, tag, 3) == 0) {
            *length = (size_t)(stop - line - 3);
            return line + 3;
        }
        line = stop + 1;
    }
    return NULL;
}

/*
 * The value of `tag` ("SO:") in the first line of a type ("@HD"), or in the first whose `key` is
 * `name`. Looks at the text: htslib's own search first parses all lines, which of thousands of
 * contigs takes longer than to open the file.
 */
static bool header_value(sam_hdr_t *header, const char *type, const char *key, const char *name,
                         const char *tag, kstring_t *value)
{
    const char *line = sam_hdr_str(header), *end = line ? line + sam_hdr_length(header) : NULL;
    size_t length, wanted = name ? strlen(name) : 0;
    for (const char *next; line && line < end; line = next) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        next = stop + 1;
        if (stop - line < 4 || memcmp(line, type, 3) != 0) continue;
        const char *found = name ? field_of(line, stop, key, &length) : NULL;
        if (name && (!found || length != wanted || memcmp(found, name, wanted) != 0)) continue;
        found = field_of(line, stop, tag, &length);
        return found && kputsn(found, length, value) >= 0;
    }
    return false;
}

/* chr1 <-> 1, chrM <-> MT: only to say in the message that it is the naming that differs. */
static const char *alias_in_header(sam_hdr_t *header, const char *name, char *alias, size_t room)
{
    if (strncmp(name, "chr", 3) == 0)
        (void)snprintf(alias, room, "%s", strcmp(name, "chrM") == 0 ? "MT" : name + 3);
    else
        (void)snprintf(alias, room, "chr%s", strcmp(name, "MT") == 0 ? "M" : name);
    return sam_hdr_name2tid(header, alias) >= 0 ? alias : NULL;
}

static kuni_status check_contig(kuni_reads *reads, kuni_genome *genome, int32_t tid,
                                kuni_error *err)
{
    const kuni_contig *contig = kuni_genome_contig(genome, tid);
    int32_t file_tid = reads->from_genome[tid];
    if (file_tid < 0) {
        char alias[256];
        const char *other = alias_in_header(reads->header, contig->name, alias, sizeof(alias));
        return kuni_fail(err, KUNI_DATA,
                         "sample %s: %s: its header lacks contig %s of the reference%s%s: "
                         "use the reference that the reads were aligned to",
                         reads->sample, reads->path, contig->name, other ? "; it has " : "",
                         other ? other : "");
    }
    kstring_t m5 = KS_INITIALIZE;
    kuni_status status = KUNI_OK;
    if (header_value(reads->header, "@SQ", "SN:", contig->name, "M5:", &m5)) {
        char known[33];
        status = kuni_genome_md5(genome, tid, known, err);
        if (!status && strcasecmp(known, m5.s) != 0)
            status = kuni_fail(err, KUNI_DATA,
                               "sample %s: %s: contig %s has MD5 %s, the reference %s has %s: "
                               "use the reference that the reads were aligned to",
                               reads->sample, reads->path, contig->name, m5.s,
                               kuni_genome_path(genome), known);
    }
    ks_free(&m5);
    return status;
}

static kuni_status map_contigs(kuni_reads *reads, kuni_genome *genome, const kuni_span *spans,
                               size_t n_spans, kuni_error *err)
{
    reads->n_file_contigs = sam_hdr_nref(reads->header);
    reads->n_genome_contigs = kuni_genome_contig_count(genome);
    reads->to_genome = kuni_alloc((size_t)reads->n_file_contigs, sizeof(*reads->to_genome), err);
    reads->from_genome =
        kuni_alloc((size_t)reads->n_genome_contigs, sizeof(*reads->from_genome), err);
    if (!reads->to_genome || !reads->from_genome) return KUNI_MEMORY;
    for (int32_t tid = 0; tid < reads->n_genome_contigs; tid++) reads->from_genome[tid] = -1;
    for (int32_t i = 0; i < reads->n_file_contigs; i++) {
        const char *name = sam_hdr_tid2name(reads->header, i);
        int32_t tid = kuni_genome_find(genome, name);
        reads->to_genome[i] = tid < 0 ? TID_ABSENT : tid;
        if (tid < 0) continue;
        reads->from_genome[tid] = i;
        int64_t in_file = sam_hdr_tid2len(reads->header, i);
        int64_t in_reference = kuni_genome_contig(genome, tid)->length_bp;
        if (in_file != in_reference)
            return kuni_fail(err, KUNI_DATA,
                             "sample %s: %s: contig %s is %lld bp long there and %lld bp in the "
                             "reference %s: use the reference that the reads were aligned to",
                             reads->sample, reads->path, name, (long long)in_file,
                             (long long)in_reference, kuni_genome_path(genome));
    }
    int32_t last = -1;
    for (size_t i = 0; i < n_spans; i++) {
        if (spans[i].tid < 0 || spans[i].tid == last) continue;
        last = spans[i].tid;
        kuni_status status = check_contig(reads, genome, last, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Other words of SO say nothing: with an index the order is held against each record. */
static kuni_status check_order(kuni_reads *reads, kuni_error *err)
{
    kstring_t order = KS_INITIALIZE;
    kuni_status status = KUNI_OK;
    if (header_value(reads->header, "@HD", NULL, NULL, "SO:", &order) &&
        strcmp(order.s, "queryname") == 0)
        status = kuni_fail(err, KUNI_DATA,
                           "sample %s: %s: not sorted by coordinate (header says SO:%s): "
                           "run samtools sort and samtools index",
                           reads->sample, reads->path, order.s);
    ks_free(&order);
    return status;
}

/* --- the index --- */

/* Where htslib finds it: beside the file, with its ending added or in the place of the file's. */
static kuni_status find_index(kuni_reads *reads, const char *given, kuni_error *err)
{
    static const char *const of_bam[] = {".csi", ".bai", NULL}, *const of_cram[] = {".crai", NULL};
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    bool is_cram = hts_get_format(reads->file)->format == cram, found = given != NULL;
    const char *dot = strrchr(reads->path, '.'), *slash = strrchr(reads->path, '/');
    int bare = dot && (!slash || dot > slash) ? (int)(dot - reads->path) : -1;
    if (given) status = kuni_buffer_printf(&path, err, "%s", given);
    for (const char *const *end = is_cram ? of_cram : of_bam; *end && !found && !status; end++)
        for (int in_place = 0; in_place <= (bare >= 0) && !found && !status; in_place++) {
            kuni_buffer_clear(&path);
            status =
                kuni_buffer_printf(&path, err, "%.*s%s", in_place ? bare : (int)strlen(reads->path),
                                   reads->path, *end);
            found = !status && access(path.data, R_OK) == 0;
        }
    if (found && !status)
        reads->index_path = path.data;
    else
        kuni_buffer_fini(&path);
    return status;
}

/* A file that holds reads may have been made anew since. Not known of what lies elsewhere. */
static bool index_is_older(const kuni_reads *reads)
{
    struct stat file, index;
    if (!reads->index_path || stat(reads->path, &file) != 0 || stat(reads->index_path, &index) != 0)
        return false;
    if (index.st_mtim.tv_sec != file.st_mtim.tv_sec)
        return index.st_mtim.tv_sec < file.st_mtim.tv_sec;
    return index.st_mtim.tv_nsec < file.st_mtim.tv_nsec;
}

static kuni_status does_not_cover(const kuni_reads *reads, kuni_error *err)
{
    return kuni_fail(
        err, KUNI_DATA, "sample %s: %s does not cover %s: it is %s: run: samtools index %s",
        reads->sample, reads->index_path ? reads->index_path : "its index", reads->path,
        index_is_older(reads) ? "older than the file" : "of another file, or cut off", reads->path);
}

/* Behind the header nothing but the end of the file. Asked only where an index is of no use. */
static bool holds_nothing(const kuni_reads *reads)
{
    samFile *file = sam_open(reads->path, "r");
    sam_hdr_t *header = NULL;
    bam1_t *record = bam_init1();
    bool nothing = false;
    if (file && record && hts_set_opt(file, CRAM_OPT_REQUIRED_FIELDS, SAM_FLAG) == 0 &&
        (header = sam_hdr_read(file)))
        nothing = sam_read1(file, header, record) == -1 && hts_check_EOF(file) == 1;
    if (record) bam_destroy1(record);
    if (header) sam_hdr_destroy(header);
    if (file) (void)sam_close(file);
    return nothing;
}

static kuni_status load_index(kuni_reads *reads, const char *path, kuni_error *err)
{
    kuni_status status = find_index(reads, path, err);
    if (status) return status;
    errno = 0;
    reads->index = sam_index_load3(reads->file, reads->path, path, HTS_IDX_SILENT_FAIL);
    if (reads->index) return KUNI_OK;
    int code = errno;
    if (kuni_file_is_out_of_reach(reads->path, &code)) {
        errno = code;
        return kuni_fail_errno(err, "sample %s: cannot read the index of %s", reads->sample,
                               reads->path);
    }
    reads->is_empty = holds_nothing(reads);
    if (reads->is_empty) return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "sample %s: no usable index for %s%s%s: run: samtools index %s", reads->sample,
                     reads->path, path ? " at " : "", path ? path : "", reads->path);
}

kuni_status kuni_reads_open(kuni_reads **out, const kuni_sample *sample, kuni_genome *genome,
                            const kuni_span *spans, size_t n_spans, int fields, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    kuni_reads *reads = kuni_alloc(1, sizeof(*reads), err);
    if (!reads) return status;
    reads->path = kuni_strdup(sample->reads, err);
    reads->sample = kuni_strdup(sample->id, err);
    reads->genome = genome;
    reads->record = bam_init1();
    if (!reads->path || !reads->sample || !reads->record) goto fail;
    status =
        open_file(reads, kuni_genome_path(genome), fields | SAM_FLAG | SAM_RNAME | SAM_POS, err);
    if (status) goto fail;
    status = check_order(reads, err);
    if (status) goto fail;
    status = map_contigs(reads, genome, spans, n_spans, err);
    if (status) goto fail;
    status = load_index(reads, sample->index, err);
    if (status) goto fail;
    *out = reads;
    return KUNI_OK;
fail:
    kuni_reads_close(reads);
    return status;
}

kuni_status kuni_reads_seek(kuni_reads *reads, kuni_span span, kuni_error *err)
{
    if (reads->iterator) hts_itr_destroy(reads->iterator);
    int32_t tid = HTS_IDX_NOCOOR;
    if (span.tid >= 0) {
        tid = span.tid < reads->n_genome_contigs ? reads->from_genome[span.tid] : -1;
        if (tid < 0)
            return damaged(reads, err, "its header lacks a contig of the regions to process");
    }
    int64_t beg = span.beg < 0 ? 0 : span.beg;
    reads->iterator = NULL;
    reads->last_pos = -1;
    if (reads->is_empty) return KUNI_OK;
    reads->iterator = span.tid >= 0 ? sam_itr_queryi(reads->index, tid, beg, span.end)
                                    : sam_itr_queryi(reads->index, tid, 0, 0);
    if (reads->iterator) return KUNI_OK;
    reads->is_empty = holds_nothing(reads);
    return reads->is_empty ? KUNI_OK : does_not_cover(reads, err);
}

/* What htslib cannot read behind an offset that the index gave. */
static kuni_status cannot_decode(kuni_reads *reads, int code, kuni_error *err)
{
    reads->is_empty = holds_nothing(reads);
    if (reads->is_empty) return KUNI_OK;
    return damaged_or_away(
        reads, code, err,
        index_is_older(reads) ? "a record cannot be decoded: the index is older than the file: run "
                                "samtools index; or else the file is damaged, truncated, or "
                                "compressed against another reference"
                              : "a record cannot be decoded: the file is damaged or truncated, or "
                                "it was compressed against another reference");
}

kuni_status kuni_reads_next(kuni_reads *reads, bam1_t **record, kuni_error *err)
{
    bam1_t *next = reads->record;
    *record = NULL;
    if (reads->is_empty) return KUNI_OK;
    errno = 0;
    int result = sam_itr_next(reads->file, reads->iterator, next);
    if (result < -1) return cannot_decode(reads, errno, err);
    if (result == -1) return KUNI_OK;
    if (next->core.tid >= 0) {
        if (next->core.pos < reads->last_pos)
            return damaged(
                reads, err,
                index_is_older(reads)
                    ? "records are not in coordinate order, and the index is older than the file: "
                      "run samtools sort, if need be, and samtools index"
                    : "records are not in coordinate order: run samtools sort and samtools index");
        reads->last_pos = next->core.pos;
        next->core.tid =
            next->core.tid < reads->n_file_contigs ? reads->to_genome[next->core.tid] : TID_ABSENT;
    }
    if (next->core.mtid >= 0)
        next->core.mtid = next->core.mtid < reads->n_file_contigs
                              ? reads->to_genome[next->core.mtid]
                              : TID_ABSENT;
    kuni_status status =
        kuni_record_make_plain(next, reads->fields, reads->genome, &reads->bases, err);
    if (!status) *record = next;
    return status;
}

sam_hdr_t *kuni_reads_header(kuni_reads *reads)
{
    return reads->header;
}

static kuni_status fit_of_bam(const kuni_reads *reads, kuni_index_fit *fit, kuni_error *err)
{
    struct stat st;
    if (stat(reads->path, &st) != 0)
        return kuni_fail_errno(err, "sample %s: cannot read %s", reads->sample, reads->path);
    return kuni_index_fits(reads->file, reads->header, reads->index, reads->data_at, st.st_size,
                           fit, err);
}

static kuni_status fit_of_cram(const kuni_reads *reads, kuni_index_fit *fit, kuni_error *err)
{
    bool covers;
    if (!reads->index_path || access(reads->index_path, R_OK) != 0) return KUNI_OK;
    kuni_status status =
        kuni_crai_covers(reads->index_path, reads->path, reads->data_at, &covers, err);
    if (!status && !covers) *fit = KUNI_INDEX_IS_ANOTHERS;
    return status;
}

kuni_status kuni_reads_check_index(const kuni_reads *reads, kuni_error *err)
{
    enum htsExactFormat format = hts_get_format(reads->file)->format;
    kuni_index_fit fit = KUNI_INDEX_FITS;
    kuni_status status = KUNI_OK;
    if (reads->is_empty || strstr(reads->path, "://")) return KUNI_OK;
    if (format == bam) status = fit_of_bam(reads, &fit, err);
    if (format == cram) status = fit_of_cram(reads, &fit, err);
    if (status || fit == KUNI_INDEX_FITS || holds_nothing(reads)) return status;
    if (fit == KUNI_INDEX_LEADS_BEYOND && !index_is_older(reads))
        return damaged(reads, err,
                       "its index leads beyond its end: the file was cut off, or the index is of "
                       "another file: run samtools quickcheck and samtools index");
    return does_not_cover(reads, err);
}

kuni_status kuni_reads_index_depths(const kuni_reads *reads, const kuni_genome *genome,
                                    double *depths, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    double *of_file = kuni_alloc((size_t)reads->n_file_contigs + 1, sizeof(*of_file), err);
    if (!of_file) return KUNI_MEMORY;
    for (int32_t i = 0; i < reads->n_file_contigs; i++) of_file[i] = NAN;
    if (hts_get_format(reads->file)->format == cram) {
        if (reads->index_path)
            status = kuni_crai_depths(reads->index_path, of_file, reads->n_file_contigs, err);
    }
    for (int32_t i = 0; i < reads->n_file_contigs && !status; i++) {
        uint64_t mapped = 0, unmapped = 0;
        int64_t length = sam_hdr_tid2len(reads->header, i);
        if (reads->index && hts_get_format(reads->file)->format != cram && length > 0 &&
            hts_idx_get_stat(reads->index, i, &mapped, &unmapped) == 0)
            of_file[i] = (double)mapped / (double)length;
    }
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome) && !status; tid++)
        depths[tid] = reads->from_genome[tid] >= 0 ? of_file[reads->from_genome[tid]] : NAN;
    free(of_file);
    return status;
}

/*
 * Eight bytes at a time, each piece mixed as by splitmix64, so that every bit of the name reaches
 * every bit of the hash. Little-endian pieces: the same everywhere.
 */
uint64_t kuni_read_name_hash(const bam1_t *record)
{
    const char *name = bam_get_qname(record);
    size_t left = record->core.l_qname - record->core.l_extranul;
    uint64_t hash = left;
    while (left) {
        uint64_t piece = 0;
        size_t n = left < sizeof(piece) ? left : sizeof(piece);
        memcpy(&piece, name, n);
        hash = (hash ^ le64toh(piece)) * 0xbf58476d1ce4e5b9u;
        hash = (hash ^ hash >> 29) * 0x94d049bb133111ebu;
        hash ^= hash >> 32;
        name += n;
        left -= n;
    }
    return hash;
}

void kuni_reads_close(kuni_reads *reads)
{
    if (!reads) return;
    if (reads->iterator) hts_itr_destroy(reads->iterator);
    if (reads->index) hts_idx_destroy(reads->index);
    if (reads->header) sam_hdr_destroy(reads->header);
    if (reads->file) (void)sam_close(reads->file);
    if (reads->record) bam_destroy1(reads->record);
    kuni_record_bases_fini(&reads->bases);
    free(reads->to_genome);
    free(reads->from_genome);
    free(reads->path);
    free(reads->index_path);
    free(reads->sample);
    free(reads);
}
