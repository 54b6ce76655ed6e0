/* SPDX-License-Identifier: MIT */
#include "kuni/genome.h"

#include <ctype.h>
#include <htslib/bgzf.h>
#include <htslib/faidx.h>
#include <htslib/hts.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contig_name.h"
#include "kuni/file.h"
#include "kuni/lines.h"
#include "refget.h"
#include "regular.h"

/* Where a contig's bases lie in the (uncompressed) FASTA: the columns of the .fai. */
typedef struct fasta_layout {
    int64_t offset;                 /* of the first base */
    int64_t line_bases, line_bytes; /* of every line but the last */
} fasta_layout;

struct kuni_genome {
    char *path;
    BGZF *file; /* reads plain FASTA too */
    kuni_contig *contigs;
    fasta_layout *layouts;
    char (*md5)[33]; /* "" until known */
    int32_t n_contigs;
    const char *assembly; /* NULL: none that is known, or not looked yet */
    bool looked;
    const kuni_contig **by_name; /* sorted */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const kuni_contig *const *)a)->name, (*(const kuni_contig *const *)b)->name);
}

/*
 * Makes the .fai (and .gzi) under names of this process's own first: another that starts at the same
 * time must not read half of one. Where it fails, make_index says why.
 */
static void make_missing_index(const char *path)
{
    enum { ROOM = 4096 };
    static const char *const endings[] = {"gzi", "fai"}; /* who has the .fai has the other, too */
    char made[2][ROOM], final[2][ROOM];
    for (int i = 0; i < 2; i++)
        if (snprintf(final[i], ROOM, "%s.%s", path, endings[i]) >= ROOM ||
            snprintf(made[i], ROOM, "%s.%ld.%s", path, (long)getpid(), endings[i]) >= ROOM)
            return;
    if (access(final[1], F_OK) == 0) return;
    bool fine = fai_build3(path, made[1], made[0]) == 0;
    for (int i = 0; i < 2; i++)
        if (!fine || rename(made[i], final[i]) != 0) (void)unlink(made[i]);
}

/*
 * The .fai is made, or read, by htslib, which also checks the FASTA; what it holds is read below.
 */
static kuni_status make_index(const char *path, kuni_error *err)
{
    make_missing_index(path);
    faidx_t *index = fai_load3(path, NULL, NULL, FAI_CREATE);
    if (index) {
        fai_destroy(index);
        return KUNI_OK;
    }
    if (access(path, R_OK) != 0) return kuni_fail_errno(err, "cannot read the reference %s", path);
    return kuni_fail(
        err, KUNI_DATA,
        "%s: no usable FASTA index and none could be made: the file must be FASTA, plain "
        "or compressed by bgzip, in a folder where %s.fai can be written "
        "(or run: samtools faidx %s)",
        path, path, path);
}

static kuni_status open_fasta(kuni_genome *genome, kuni_error *err)
{
    genome->file = bgzf_open(genome->path, "r");
    if (!genome->file) return kuni_fail_errno(err, "cannot open the reference %s", genome->path);
    if (bgzf_compression(genome->file) == 2 &&
        bgzf_index_load(genome->file, genome->path, ".gzi") != 0)
        return kuni_fail(err, KUNI_DATA, "%s.gzi cannot be read: run: samtools faidx %s",
                         genome->path, genome->path);
    return KUNI_OK;
}

/* One line of the .fai: name, length, offset, bases a line, bytes a line. */
static kuni_status add_contig(kuni_genome *genome, char *line, kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    int64_t length = 0, offset, line_bases = 0, line_bytes;
    if (kuni_line_split(line, '\t', fields) != 5 ||
        !kuni_text_int(fields[1], 0, INT64_MAX, &length) ||
        !kuni_text_int(fields[2], 0, INT64_MAX, &offset) ||
        !kuni_text_int(fields[3], length > 0, INT64_MAX, &line_bases) ||
        !kuni_text_int(fields[4], line_bases, INT64_MAX, &line_bytes))
        return kuni_fail(err, KUNI_DATA, "%s.fai: damaged at line %d: run: samtools faidx %s",
                         genome->path, genome->n_contigs + 1, genome->path);
    const char *wrong = kuni_contig_name_fault(fields[0]);
    if (wrong)
        return kuni_fail(
            err, KUNI_DATA,
            "%s: contig \"%.100s\" %s: SAM and VCF allow no such name; rename it in the "
            "reference and in the reads (samtools reheader)",
            genome->path, fields[0], wrong);
    char *name = kuni_strdup(fields[0], err);
    if (!name) return KUNI_MEMORY;
    int32_t tid = genome->n_contigs++;
    genome->contigs[tid] = (kuni_contig){.name = name, .length_bp = length};
    genome->layouts[tid] = (fasta_layout){offset, line_bases, line_bytes};
    genome->by_name[tid] = &genome->contigs[tid];
    return KUNI_OK;
}

static kuni_status read_index(kuni_genome *genome, kuni_error *err)
{
    enum { FAI_BYTES_MAX = 1 << 30 };
    kuni_buffer text = KUNI_BUFFER_INIT, path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&path, err, "%s.fai", genome->path);
    if (!status) status = kuni_file_get(path.data, FAI_BYTES_MAX, &text, err);
    kuni_buffer_fini(&path);
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++) count += text.data[i] == '\n';
    if (!status && count == 0)
        status = kuni_fail(err, KUNI_DATA, "%s: the reference holds no sequence", genome->path);
    if (!status) {
        genome->contigs = kuni_alloc(count, sizeof(*genome->contigs), err);
        genome->layouts = kuni_alloc(count, sizeof(*genome->layouts), err);
        genome->md5 = kuni_alloc(count, sizeof(*genome->md5), err);
        genome->by_name = kuni_alloc(count, sizeof(*genome->by_name), err);
        if (!genome->contigs || !genome->layouts || !genome->md5 || !genome->by_name)
            status = KUNI_MEMORY;
    }
    char *save = NULL;
    for (char *line = status ? NULL : strtok_r(text.data, "\n", &save); line && !status;
         line = strtok_r(NULL, "\n", &save))
        status = add_contig(genome, line, err);
    kuni_buffer_fini(&text);
    if (!status)
        qsort(genome->by_name, (size_t)genome->n_contigs, sizeof(*genome->by_name), compare_names);
    return status;
}

kuni_status kuni_genome_open(kuni_genome **out, const char *fasta_path, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    kuni_genome *genome = kuni_alloc(1, sizeof(*genome), err);
    if (!genome) return status;
    genome->path = kuni_strdup(fasta_path, err);
    if (!genome->path) goto fail;
    status = kuni_check_regular(fasta_path, err);
    if (!status) status = make_index(fasta_path, err);
    if (!status) status = read_index(genome, err);
    if (!status) status = open_fasta(genome, err);
    if (status) goto fail;
    *out = genome;
    return KUNI_OK;
fail:
    kuni_genome_close(genome);
    return status;
}

kuni_status kuni_genome_reopen(kuni_genome *genome, kuni_error *err)
{
    /*
     * The old handle shares its file offset with the parent process: never read through it again.
     */
    if (genome->file) (void)bgzf_close(genome->file);
    genome->file = NULL;
    return open_fasta(genome, err);
}

void kuni_genome_close(kuni_genome *genome)
{
    if (!genome) return;
    if (genome->file) (void)bgzf_close(genome->file);
    for (int32_t tid = 0; tid < genome->n_contigs; tid++) free((char *)genome->contigs[tid].name);
    free(genome->by_name);
    free(genome->contigs);
    free(genome->layouts);
    free(genome->md5);
    free(genome->path);
    free(genome);
}

const char *kuni_genome_path(const kuni_genome *genome)
{
    return genome->path;
}

int32_t kuni_genome_contig_count(const kuni_genome *genome)
{
    return genome->n_contigs;
}

const kuni_contig *kuni_genome_contig(const kuni_genome *genome, int32_t tid)
{
    return tid >= 0 && tid < genome->n_contigs ? &genome->contigs[tid] : NULL;
}

int32_t kuni_genome_find(const kuni_genome *genome, const char *name)
{
    const kuni_contig key = {.name = name}, *wanted = &key;
    const kuni_contig **found = bsearch(&wanted, genome->by_name, (size_t)genome->n_contigs,
                                        sizeof(*genome->by_name), compare_names);
    return found ? (int32_t)(*found - genome->contigs) : -1;
}

static kuni_status fetch_raw(kuni_genome *genome, kuni_span span, char **sequence,
                             int64_t *length_bp, kuni_error *err)
{
    const kuni_contig *contig = kuni_genome_contig(genome, span.tid);
    if (!contig) return kuni_fail(err, KUNI_BUG, "contig number %d does not exist", span.tid);
    int64_t beg = span.beg < 0 ? 0 : span.beg;
    int64_t end = span.end > contig->length_bp ? contig->length_bp : span.end;
    if (beg >= end) {
        *length_bp = 0;
        *sequence = kuni_alloc(1, 1, err);
        return *sequence ? KUNI_OK : KUNI_MEMORY;
    }
    const fasta_layout *layout = &genome->layouts[span.tid];
    int64_t from = beg % layout->line_bases;
    char *bases = kuni_alloc((size_t)(end - beg) + 1, 1, err);
    if (!bases) return KUNI_MEMORY;
    /* Line by line, straight into place: bases, then the line's end, which is skipped. */
    bool sound = bgzf_useek(genome->file,
                            layout->offset + beg / layout->line_bases * layout->line_bytes + from,
                            SEEK_SET) == 0;
    for (int64_t at = beg; sound && at < end; from = 0) {
        char ending[16];
        int64_t count = layout->line_bases - from, gap = layout->line_bytes - layout->line_bases;
        if (count > end - at) count = end - at;
        sound = bgzf_read(genome->file, bases + (at - beg), (size_t)count) == count;
        at += count;
        for (int64_t skip = 0; sound && at < end && skip < gap;) {
            size_t part =
                gap - skip < (int64_t)sizeof(ending) ? (size_t)(gap - skip) : sizeof(ending);
            sound = bgzf_read(genome->file, ending, part) == (ssize_t)part;
            skip += (int64_t)part;
        }
    }
    if (!sound || memchr(bases, '\n', (size_t)(end - beg)) ||
        memchr(bases, '>', (size_t)(end - beg))) {
        free(bases);
        return kuni_fail(err, KUNI_DATA,
                         "%s: cannot read %s:%lld-%lld: the file is damaged or does not fit its "
                         "index; run: samtools faidx %s",
                         genome->path, contig->name, (long long)beg + 1, (long long)end,
                         genome->path);
    }
    *sequence = bases;
    *length_bp = end - beg;
    return KUNI_OK;
}

kuni_status kuni_genome_fetch(kuni_genome *genome, kuni_span span, char **sequence,
                              int64_t *length_bp, kuni_error *err)
{
    kuni_status status = fetch_raw(genome, span, sequence, length_bp, err);
    if (status) return status;
    char table[256];
    memset(table, 'N', sizeof(table));
    for (const char *base = "ACGT"; *base; base++)
        table[(unsigned char)*base] = table[tolower((unsigned char)*base)] = *base;
    for (char *base = *sequence, *end = base + *length_bp; base < end; base++)
        *base = table[(unsigned char)*base];
    return KUNI_OK;
}

/* Gives a contig's letters in upper case to `take`, stretch by stretch. */
static kuni_status read_letters(kuni_genome *genome, int32_t tid,
                                void (*take)(void *context, const char *letters, size_t n),
                                void *context, kuni_error *err)
{
    enum { CHUNK_BP = 1 << 22 };
    const kuni_contig *contig = kuni_genome_contig(genome, tid);
    if (!contig) return kuni_fail(err, KUNI_BUG, "contig number %d does not exist", tid);
    for (int64_t beg = 0; beg < contig->length_bp; beg += CHUNK_BP) {
        char *bases;
        int64_t length;
        kuni_span span = {.tid = tid, .beg = beg, .end = beg + CHUNK_BP};
        kuni_status status = fetch_raw(genome, span, &bases, &length, err);
        if (status) return status;
        for (int64_t i = 0; i < length; i++) bases[i] = (char)toupper((unsigned char)bases[i]);
        take(context, bases, (size_t)length);
        free(bases);
    }
    return KUNI_OK;
}

static void add_to_md5(void *context, const char *letters, size_t n)
{
    hts_md5_update(context, letters, (unsigned long)n);
}

kuni_status kuni_genome_md5(kuni_genome *genome, int32_t tid, char hex[33], kuni_error *err)
{
    if (!kuni_genome_contig(genome, tid))
        return kuni_fail(err, KUNI_BUG, "contig number %d does not exist", tid);
    if (genome->md5[tid][0] == '\0') {
        unsigned char digest[16];
        hts_md5_context *md5 = hts_md5_init();
        if (!md5) return kuni_fail_memory(err, 1, 128);
        kuni_status status = read_letters(genome, tid, add_to_md5, md5, err);
        if (!status) hts_md5_final(digest, md5);
        hts_md5_destroy(md5);
        if (status) return status;
        hts_md5_hex(genome->md5[tid], digest);
    }
    memcpy(hex, genome->md5[tid], 33);
    return KUNI_OK;
}

static void encode(const unsigned char hash[crypto_hash_sha512_BYTES],
                   char digest[KUNI_SHA512T24U_BYTES])
{
    enum { KEPT = 24 };
    (void)sodium_bin2base64(digest, KUNI_SHA512T24U_BYTES, hash, KEPT,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void kuni_sha512t24u(const void *bytes, size_t length, char digest[KUNI_SHA512T24U_BYTES])
{
    unsigned char hash[crypto_hash_sha512_BYTES];
    (void)crypto_hash_sha512(hash, bytes, length);
    encode(hash, digest);
}

static void add_to_sha512(void *context, const char *letters, size_t n)
{
    (void)crypto_hash_sha512_update(context, (const unsigned char *)letters, n);
}

kuni_status kuni_genome_refget(kuni_genome *genome, int32_t tid, char digest[KUNI_SHA512T24U_BYTES],
                               kuni_error *err)
{
    unsigned char hash[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    kuni_status status = read_letters(genome, tid, add_to_sha512, &state, err);
    if (status) return status;
    (void)crypto_hash_sha512_final(&state, hash);
    encode(hash, digest);
    return KUNI_OK;
}

kuni_status kuni_genome_vcf_contig(kuni_genome *genome, int32_t tid, kuni_buffer *text,
                                   kuni_error *err)
{
    char md5[33];
    kuni_status status = kuni_genome_md5(genome, tid, md5, err);
    if (status) return status;
    const kuni_contig *contig = kuni_genome_contig(genome, tid);
    if (!genome->looked) genome->assembly = kuni_genome_assembly(genome);
    genome->looked = true;
    return kuni_buffer_printf(text, err, "##contig=<ID=%s,length=%lld,%s%s%smd5=%s>", contig->name,
                              (long long)contig->length_bp, genome->assembly ? "assembly=" : "",
                              genome->assembly ? genome->assembly : "", genome->assembly ? "," : "",
                              md5);
}

void kuni_genome_set_md5(kuni_genome *genome, int32_t tid, const char *hex)
{
    if (tid < 0 || tid >= genome->n_contigs || strlen(hex) != 32) return;
    memcpy(genome->md5[tid], hex, 33);
}
