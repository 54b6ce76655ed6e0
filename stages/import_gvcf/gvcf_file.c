/* SPDX-License-Identifier: MIT */
#include "gvcf_file.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kuni/file.h"
#include "kuni/sample.h"

enum {
    IS_BGZF = 2, /* what bgzf_compression says of it */
    BUFFER_BYTES = 1 << 18,
    LINE_BYTES_MAX = 1 << 28, /* a longer line is no VCF */
    LONG_BLOCK_BP = 1 << 20 /* FORMAT/LEN is unknown to the index: how far back a block may begin */
};

struct kuni_gvcf_file {
    char *path, *index_path;
    const char *contig;
    BGZF *bgzf;   /* VCF */
    htsFile *bcf; /* BCF */
    bcf_hdr_t *bcf_header;
    bcf1_t *bcf_record;
    tbx_t *tbx;     /* index of a VCF, loaded at the first seek */
    hts_idx_t *csi; /* index of a BCF */
    hts_itr_t *itr; /* of a BCF */
    kstring_t text; /* a BCF record as text */
    char *buffer;
    size_t capacity, filled, at;
    bool at_end, contig_absent, length_blocks, renamed, leaves_genotypes, own;
    bool short_blocks; /* of reference, at the file's beginning */
    size_t n_bands;    /* as the header tells */
    int column, n_samples;
    int bcf_sample; /* of the columns of a BCF, the one that is read */
    int64_t size_bytes;
};

static kuni_status bad(const kuni_gvcf_file *file, kuni_error *err, const char *what)
{
    int code = 0;
    if (kuni_file_is_out_of_reach(file->path, &code))
        return kuni_fail_sample(err, KUNI_IO, 0, "gVCF %s: cannot be read: %s", file->path,
                                strerror(code));
    return kuni_fail(err, KUNI_DATA, "gVCF %s: %s", file->path, what);
}

void kuni_gvcf_close(kuni_gvcf_file *file)
{
    if (!file) return;
    if (file->itr) hts_itr_destroy(file->itr);
    if (file->tbx) tbx_destroy(file->tbx);
    if (file->csi) hts_idx_destroy(file->csi);
    if (file->bcf_record) bcf_destroy(file->bcf_record);
    if (file->bcf_header) bcf_hdr_destroy(file->bcf_header);
    if (file->bcf) (void)hts_close(file->bcf);
    if (file->bgzf) (void)bgzf_close(file->bgzf);
    free(file->text.s);
    free(file->buffer);
    free(file->index_path);
    free(file->path);
    free(file);
}

int kuni_gvcf_column(const kuni_gvcf_file *file)
{
    return file->column;
}

int kuni_gvcf_sample_count(const kuni_gvcf_file *file)
{
    return file->n_samples;
}

bool kuni_gvcf_renamed(const kuni_gvcf_file *file)
{
    return file->renamed;
}

bool kuni_gvcf_leaves_genotypes(const kuni_gvcf_file *file)
{
    return file->n_samples > 1 || file->leaves_genotypes;
}

bool kuni_gvcf_is_banded_finer(const kuni_gvcf_file *file, size_t most)
{
    if (file->own) return false;
    return file->n_bands > 0 ? file->n_bands > most : file->short_blocks;
}

bool kuni_gvcf_is_own(const kuni_gvcf_file *file)
{
    return file->own;
}

/* --- lines --- */

/* Reads on behind what is left in the buffer, which moves to its front. */
static kuni_status refill(kuni_gvcf_file *file, kuni_error *err)
{
    size_t left = file->filled - file->at;
    if (left > 0 && file->at > 0) memmove(file->buffer, file->buffer + file->at, left);
    file->at = 0;
    file->filled = left;
    if (left + 1 >= file->capacity) {
        if (file->capacity >= LINE_BYTES_MAX) return bad(file, err, "a line exceeds 256 MiB");
        size_t capacity = file->capacity ? 2 * file->capacity : BUFFER_BYTES;
        char *grown = kuni_realloc(file->buffer, capacity, 1, err);
        if (!grown) return KUNI_MEMORY;
        file->buffer = grown;
        file->capacity = capacity;
    }
    errno = 0;
    ssize_t n = bgzf_read(file->bgzf, file->buffer + left, file->capacity - 1 - left);
    if (n < 0) {
        int code = errno;
        if (!kuni_file_is_out_of_reach(file->path, &code))
            return bad(file, err, "damaged or cut off: a compressed block cannot be read");
        return kuni_fail_sample(err, KUNI_IO, 0, "gVCF %s: cannot be read: %s", file->path,
                                strerror(code));
    }
    if (n == 0) file->at_end = true;
    file->filled += (size_t)n;
    return KUNI_OK;
}

static kuni_status next_text_line(kuni_gvcf_file *file, char **line, size_t *length,
                                  kuni_error *err)
{
    size_t searched = 0;
    for (;;) {
        char *start = file->buffer + file->at;
        size_t left = file->filled - file->at;
        char *newline = left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (newline) {
            *length = (size_t)(newline - start);
            file->at += *length + 1;
            if (*length > 0 && newline[-1] == '\r') --*length;
            start[*length] = '\0';
            *line = start;
            return KUNI_OK;
        }
        if (file->at_end) {
            *line = NULL;
            if (left == 0) return KUNI_OK;
            /*
             * BGZF has a mark at its end, which was looked for; a plain text may be cut anywhere.
             */
            if (bgzf_compression(file->bgzf) != IS_BGZF)
                return bad(file, err, "cut off: the last line does not end");
            start[left] = '\0';
            *line = start;
            *length = left;
            file->at = file->filled;
            return KUNI_OK;
        }
        searched = left;
        kuni_status status = refill(file, err);
        if (status) return status;
    }
}

static kuni_status next_bcf_line(kuni_gvcf_file *file, char **line, size_t *length, kuni_error *err)
{
    int code = file->itr ? bcf_itr_next(file->bcf, file->itr, file->bcf_record)
                         : bcf_read(file->bcf, file->bcf_header, file->bcf_record);
    *line = NULL;
    if (code == -1) return KUNI_OK;
    if (code < -1 || file->bcf_record->errcode ||
        (file->itr && file->n_samples > 1 &&
         bcf_subset_format(file->bcf_header, file->bcf_record) != 0))
        return bad(file, err, "a damaged BCF record");
    file->text.l = 0;
    if (vcf_format(file->bcf_header, file->bcf_record, &file->text) != 0)
        return bad(file, err, "a BCF record that cannot be printed");
    if (file->text.l > 0 && file->text.s[file->text.l - 1] == '\n')
        file->text.s[--file->text.l] = '\0';
    *line = file->text.s;
    *length = file->text.l;
    return KUNI_OK;
}

kuni_status kuni_gvcf_next(kuni_gvcf_file *file, char **line, size_t *length, kuni_error *err)
{
    if (file->contig_absent) {
        *line = NULL;
        return KUNI_OK;
    }
    return file->bcf ? next_bcf_line(file, line, length, err)
                     : next_text_line(file, line, length, err);
}

/* --- header --- */

/* What the header told of the contigs. */
typedef struct contig_census {
    size_t n_named, n_known;
} contig_census;

/* The value of KEY in "<ID=..,KEY=value,...>": its length, 0 where absent. */
static size_t attribute(const char *text, const char *key, const char **value)
{
    size_t key_length = strlen(key);
    for (const char *at = text; *at;) {
        if (strncmp(at, key, key_length) == 0 && at[key_length] == '=') {
            *value = at + key_length + 1;
            if (**value == '"') {
                ++*value;
                return strcspn(*value, "\"");
            }
            return strcspn(*value, ",>");
        }
        bool quoted = false;
        for (; *at && (quoted || (*at != ',' && *at != '>')); at++)
            if (*at == '"') quoted = !quoted;
        if (*at) at++;
    }
    return 0;
}

static kuni_status check_contig(kuni_gvcf_file *file, const kuni_gvcf_open_options *options,
                                const char *text, contig_census *census, kuni_error *err)
{
    const char *value;
    char name[256], md5[33];
    size_t n = attribute(text, "ID", &value);
    if (n == 0 || n >= sizeof(name)) return KUNI_OK;
    memcpy(name, value, n);
    name[n] = '\0';
    census->n_named++;
    int32_t tid = kuni_genome_find(options->genome, name);
    if (tid < 0) return KUNI_OK;
    census->n_known++;
    const kuni_contig *contig = kuni_genome_contig(options->genome, tid);
    int64_t length_bp = attribute(text, "length", &value) ? strtoll(value, NULL, 10) : 0;
    if (length_bp > 0 && length_bp != contig->length_bp)
        return kuni_fail(
            err, KUNI_DATA,
            "gVCF %s: contig %s is %lld bp there and %lld bp in the reference: it was made "
            "on another reference",
            file->path, name, (long long)length_bp, (long long)contig->length_bp);
    if (tid != options->tid || attribute(text, "md5", &value) != 32) return KUNI_OK;
    kuni_status status = kuni_genome_md5(options->genome, tid, md5, err);
    if (status) return status;
    if (strncasecmp(value, md5, 32) != 0)
        return kuni_fail(err, KUNI_DATA,
                         "gVCF %s: contig %s has another MD5 than in the reference: it was made on "
                         "another reference",
                         file->path, name);
    return KUNI_OK;
}

static kuni_status find_column(kuni_gvcf_file *file, const char *line,
                               const kuni_gvcf_open_options *options, kuni_error *err)
{
    const char *id = options->sample_id;
    int field = 0, found = -1;
    size_t id_length = strlen(id);
    for (const char *at = line;; field++) {
        size_t n = strcspn(at, "\t");
        if (field >= 9 && n == id_length && strncmp(at, id, n) == 0 && found < 0) found = field;
        if (!at[n]) break;
        at += n + 1;
    }
    file->n_samples = field - 8;
    if (file->n_samples < 1) return bad(file, err, "it has no sample");
    if (found < 0 && (file->n_samples > 1 || options->by_name))
        return kuni_fail(err, KUNI_DATA, "gVCF %s: none of its %d samples is %s", file->path,
                         file->n_samples, id);
    file->renamed = found < 0;
    file->column = found < 0 ? 9 : found;
    return KUNI_OK;
}

static kuni_status take_header_line(kuni_gvcf_file *file, const kuni_gvcf_open_options *options,
                                    const char *line, contig_census *census, bool *done,
                                    kuni_error *err)
{
    *done = false;
    if (strncmp(line, "##contig=<", 10) == 0)
        return check_contig(file, options, line + 10, census, err);
    if (strncmp(line, "##source=kuni ", 14) == 0) file->own = true;
    if (strncmp(line, "##GVCFBlock", 11) == 0) file->n_bands++;
    if (strncmp(line, "##FORMAT=<ID=LEN,", 17) == 0) file->length_blocks = true;
    if (strncmp(line, "#CHROM\t", 7) != 0) return KUNI_OK;
    *done = true;
    return find_column(file, line, options, err);
}

static kuni_status read_header(kuni_gvcf_file *file, const kuni_gvcf_open_options *options,
                               kuni_error *err)
{
    contig_census census = {0};
    bool done = false, first = true;
    kuni_status status = KUNI_OK;
    while (!status && !done) {
        char *line;
        size_t length;
        status = next_text_line(file, &line, &length, err);
        if (status) return status;
        if (!line || line[0] != '#' || (first && strncmp(line, "##fileformat=VCF", 16) != 0))
            return bad(file, err, "not a VCF: its header is missing");
        first = false;
        status = take_header_line(file, options, line, &census, &done, err);
    }
    if (!status && census.n_named > 0 && census.n_known == 0)
        return bad(file, err,
                   "none of its contigs is in the reference: it was made on another one");
    return status;
}

/* Of several columns only the sample's is unpacked and printed. */
static kuni_status choose_bcf_column(kuni_gvcf_file *file, bcf_hdr_t *header, kuni_error *err)
{
    if (file->n_samples < 2) return KUNI_OK;
    if (file->column > 9) file->bcf_sample = file->column - 9;
    file->column = 9;
    return bcf_hdr_set_samples(header, header->samples[file->bcf_sample], 0) == 0
               ? KUNI_OK
               : bad(file, err, "its columns cannot be chosen from");
}

static kuni_status read_bcf_header(kuni_gvcf_file *file, const kuni_gvcf_open_options *options,
                                   kuni_error *err)
{
    contig_census census = {0};
    kstring_t text = {0};
    bool done = false;
    kuni_status status = KUNI_OK;
    file->bcf_header = bcf_hdr_read(file->bcf);
    file->bcf_record = bcf_init();
    if (!file->bcf_header || !file->bcf_record || bcf_hdr_format(file->bcf_header, 0, &text) != 0) {
        free(text.s);
        return bad(file, err, "not a BCF: its header cannot be read");
    }
    char *rest = text.s;
    for (char *line; !status && !done && (line = strsep(&rest, "\n"));)
        status = take_header_line(file, options, line, &census, &done, err);
    if (!status && done) status = choose_bcf_column(file, file->bcf_header, err);
    if (!status && !done) status = bad(file, err, "its header has no line of columns");
    if (!status && census.n_named > 0 && census.n_known == 0)
        status =
            bad(file, err, "none of its contigs is in the reference: it was made on another one");
    free(text.s);
    return status;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

/* True where the line calls a copy of the sample. */
static bool calls_genotype(const char *line, int column)
{
    const char *at = line;
    bool has_gt = false;
    for (int field = 0; field <= column; field++) {
        if (field == 8) has_gt = strncmp(at, "GT", 2) == 0 && (at[2] == ':' || at[2] == '\t');
        if (field == column) break;
        at += strcspn(at, "\t");
        if (!*at++) return false;
    }
    for (; has_gt && *at && *at != ':' && *at != '\t'; at++)
        if (*at >= '0' && *at <= '9') return true;
    return false;
}

/* The bases that a line's INFO/END covers; 0: it has none. */
static int64_t block_length(const char *line)
{
    const char *info = line, *pos = strchr(line, '\t');
    for (int field = 0; field < 7 && info; field++) {
        info = strchr(info, '\t');
        if (info) info++;
    }
    for (const char *at = info; at && *at && *at != '\t'; at++) {
        if (strncmp(at, "END=", 4) == 0 && (at[-1] == '\t' || at[-1] == ';'))
            return strtoll(at + 4, NULL, 10) - strtoll(pos, NULL, 10) + 1;
        at += strcspn(at, ";\t");
        if (*at != ';') break;
    }
    return 0;
}

/* Looks at the first records; a seek follows before any other is read. */
static kuni_status look_at_records(kuni_gvcf_file *file, kuni_error *err)
{
    enum { LOOK_AT = 2000, FEW = 200, SHORT_BP = 32 };
    int64_t blocks = 0, bases = 0;
    bool counts = file->n_bands == 0 && !file->own; /* else nobody asks */
    file->leaves_genotypes = true;
    for (int i = 0; i < LOOK_AT && (counts || file->leaves_genotypes); i++) {
        char *line;
        size_t length;
        kuni_status status = kuni_gvcf_next(file, &line, &length, err);
        if (status) return status;
        if (!line) break;
        if (file->leaves_genotypes) file->leaves_genotypes = !calls_genotype(line, file->column);
        int64_t bp = counts ? block_length(line) : 0;
        blocks += bp > 0;
        bases += bp > 0 ? bp : 0;
    }
    file->short_blocks = blocks >= FEW && bases < SHORT_BP * blocks;
    return KUNI_OK;
}

kuni_status kuni_gvcf_open(kuni_gvcf_file **out, const kuni_gvcf_open_options *options,
                           kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    struct stat info;
    kuni_gvcf_file *file = kuni_alloc(1, sizeof(*file), err);
    if (!file) return status;
    file->path = kuni_strdup(options->path, err);
    file->contig = kuni_genome_contig(options->genome, options->tid)->name;
    if (!file->path) goto fail;
    if (options->index) {
        file->index_path = kuni_strdup(options->index, err);
        if (!file->index_path) goto fail;
    }
    bool is_bcf = ends_with(file->path, ".bcf");
    if (is_bcf)
        file->bcf = hts_open(file->path, "r");
    else
        file->bgzf = bgzf_open(file->path, "r");
    if ((!file->bcf && !file->bgzf) || stat(file->path, &info) != 0) {
        int code = errno;
        status = kuni_fail_sample(err, KUNI_IO, 0, "gVCF %s: cannot be opened: %s", file->path,
                                  strerror(code));
        goto fail;
    }
    file->size_bytes = info.st_size;
    BGZF *bgzf = is_bcf ? hts_get_bgzfp(file->bcf) : file->bgzf;
    if (bgzf_compression(bgzf) == IS_BGZF && bgzf_check_EOF(bgzf) == 0) {
        status = bad(file, err, "cut off: the mark at the end of a BGZF file is missing");
        goto fail;
    }
    status = is_bcf ? read_bcf_header(file, options, err) : read_header(file, options, err);
    if (!status && file->n_samples == 1) status = look_at_records(file, err);
    if (status) goto fail;
    *out = file;
    return KUNI_OK;
fail:
    kuni_gvcf_close(file);
    return status;
}

/* --- seeking --- */

static kuni_status seek_by_tabix(kuni_gvcf_file *file, int64_t beg, int64_t end, kuni_error *err)
{
    int tid = tbx_name2id(file->tbx, file->contig);
    file->contig_absent = tid < 0;
    if (tid < 0) return KUNI_OK;
    hts_itr_t *itr = tbx_itr_queryi(file->tbx, tid, beg, end);
    if (!itr) return bad(file, err, "its index cannot be used: make it again");
    /*
     * The first chunk starts at or before the first line that reaches into the window; from there
     * on lines are in order.
     */
    file->contig_absent = itr->n_off == 0;
    uint64_t offset = itr->n_off > 0 ? itr->off[0].u : 0;
    hts_itr_destroy(itr);
    if (file->contig_absent) return KUNI_OK;
    if (bgzf_seek(file->bgzf, (int64_t)offset, SEEK_SET) != 0)
        return bad(file, err, "its index points beyond the file: make it again");
    file->at = file->filled = 0;
    file->at_end = false;
    return KUNI_OK;
}

static kuni_status rewind_text(kuni_gvcf_file *file, kuni_error *err)
{
    /* Reopened, for a gzip file that is not BGZF cannot be sought in. */
    BGZF *again = bgzf_open(file->path, "r");
    if (!again) return kuni_fail_sample(err, KUNI_IO, 0, "gVCF %s: cannot be opened", file->path);
    (void)bgzf_close(file->bgzf);
    file->bgzf = again;
    file->at = file->filled = 0;
    file->at_end = false;
    return KUNI_OK;
}

static kuni_status rewind_bcf(kuni_gvcf_file *file, kuni_error *err)
{
    if (file->size_bytes > KUNI_UNINDEXED_BYTES_MAX)
        return bad(file, err, "its index is missing: make it by `bcftools index`");
    htsFile *again = hts_open(file->path, "r");
    bcf_hdr_t *header = again ? bcf_hdr_read(again) : NULL;
    if (!header) {
        if (again) (void)hts_close(again);
        return kuni_fail_sample(err, KUNI_IO, 0, "gVCF %s: cannot be opened", file->path);
    }
    bcf_hdr_destroy(file->bcf_header);
    (void)hts_close(file->bcf);
    file->bcf = again;
    file->bcf_header = header;
    return choose_bcf_column(file, header, err);
}

static kuni_status seek_bcf(kuni_gvcf_file *file, int64_t beg, int64_t end, kuni_error *err)
{
    if (!file->csi) file->csi = bcf_index_load3(file->path, file->index_path, HTS_IDX_SILENT_FAIL);
    if (!file->csi) return rewind_bcf(file, err);
    int tid = bcf_hdr_name2id(file->bcf_header, file->contig);
    file->contig_absent = tid < 0;
    if (tid < 0) return KUNI_OK;
    if (file->itr) hts_itr_destroy(file->itr);
    file->itr = bcf_itr_queryi(file->csi, tid, beg, end);
    return file->itr ? KUNI_OK : bad(file, err, "its index cannot be used: make it again");
}

kuni_status kuni_gvcf_seek(kuni_gvcf_file *file, int64_t beg, int64_t end, kuni_error *err)
{
    if (file->length_blocks) beg = beg > LONG_BLOCK_BP ? beg - LONG_BLOCK_BP : 0;
    if (file->bcf) return seek_bcf(file, beg, end, err);
    if (!file->tbx && bgzf_compression(file->bgzf) == IS_BGZF)
        file->tbx = tbx_index_load3(file->path, file->index_path, HTS_IDX_SILENT_FAIL);
    if (file->tbx) return seek_by_tabix(file, beg, end, err);
    if (file->size_bytes > KUNI_UNINDEXED_BYTES_MAX)
        return bad(file, err,
                   "its index is missing: make it by `tabix -p vcf` (of a file by `bgzip`)");
    return rewind_text(file, err);
}

bool kuni_gvcf_indexed_contig(const kuni_gvcf_file *file)
{
    /* A tabix index names no contig that has no records. */
    if (file->tbx) return tbx_name2id(file->tbx, file->contig) >= 0;
    if (!file->csi) return false;
    int tid = bcf_hdr_name2id(file->bcf_header, file->contig);
    hts_itr_t *itr = tid < 0 ? NULL : bcf_itr_queryi(file->csi, tid, 0, HTS_POS_MAX);
    bool any = itr && itr->n_off > 0;
    if (itr) hts_itr_destroy(itr);
    return any;
}
