/* SPDX-License-Identifier: MIT */
#include "kuni/genome.h"

#include <ctype.h>
#include <htslib/faidx.h>
#include <htslib/hts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/buffer.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const kuni_contig *const *)a)->name, (*(const kuni_contig *const *)b)->name);
}

struct kuni_genome {
    char *path;
    faidx_t *index;
    kuni_contig *contigs; /* names are owned by `index` of the opening process: copied instead */
    char (*md5)[33];      /* "" until known */
    int32_t n_contigs;
    const kuni_contig **by_name; /* sorted */
};

static kuni_status load_index(kuni_genome *genome, kuni_error *err)
{
    genome->index = fai_load3(genome->path, NULL, NULL, FAI_CREATE);
    if (genome->index) return KUNI_OK;
    if (access(genome->path, R_OK) != 0)
        return kuni_fail_errno(err, "cannot read the reference %s", genome->path);
    return kuni_fail(
        err, KUNI_DATA,
        "%s: no usable FASTA index and none could be made: the file must be FASTA, plain "
        "or compressed by bgzip, in a folder where %s.fai can be written "
        "(or run: samtools faidx %s)",
        genome->path, genome->path, genome->path);
}

kuni_status kuni_genome_open(kuni_genome **out, const char *fasta_path, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    kuni_genome *genome = kuni_alloc(1, sizeof(*genome), err);
    if (!genome) return status;
    genome->path = kuni_strdup(fasta_path, err);
    if (!genome->path) goto fail;
    status = load_index(genome, err);
    if (status) goto fail;
    status = KUNI_MEMORY;
    int32_t count = faidx_nseq(genome->index);
    if (count <= 0) {
        status = kuni_fail(err, KUNI_DATA, "%s: the reference holds no sequence", fasta_path);
        goto fail;
    }
    genome->contigs = kuni_alloc((size_t)count, sizeof(*genome->contigs), err);
    genome->md5 = kuni_alloc((size_t)count, sizeof(*genome->md5), err);
    genome->by_name = kuni_alloc((size_t)count, sizeof(*genome->by_name), err);
    if (!genome->contigs || !genome->md5 || !genome->by_name) goto fail;
    for (int32_t tid = 0; tid < count; tid++) {
        char *name = kuni_strdup(faidx_iseq(genome->index, tid), err);
        if (!name) goto fail;
        genome->contigs[tid].name = name;
        genome->n_contigs = tid + 1;
        genome->contigs[tid].length_bp = faidx_seq_len(genome->index, name);
        genome->by_name[tid] = &genome->contigs[tid];
    }
    qsort(genome->by_name, (size_t)count, sizeof(*genome->by_name), compare_names);
    *out = genome;
    return KUNI_OK;
fail:
    kuni_genome_close(genome);
    return status;
}

kuni_status kuni_genome_reopen(kuni_genome *genome, kuni_error *err)
{
    /* The old handle shares its file offset with the parent process: never read through it again.
     */
    fai_destroy(genome->index);
    genome->index = NULL;
    return load_index(genome, err);
}

void kuni_genome_close(kuni_genome *genome)
{
    if (!genome) return;
    if (genome->index) fai_destroy(genome->index);
    for (int32_t tid = 0; tid < genome->n_contigs; tid++) free((char *)genome->contigs[tid].name);
    free(genome->by_name);
    free(genome->contigs);
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
    hts_pos_t length = 0;
    char *bases = faidx_fetch_seq64(genome->index, contig->name, beg, end - 1, &length);
    if (!bases || length != end - beg) {
        free(bases);
        return kuni_fail(
            err, KUNI_DATA,
            "%s: cannot read %s:%lld-%lld: the file is damaged or does not fit its index; "
            "run: samtools faidx %s",
            genome->path, contig->name, (long long)beg + 1, (long long)end, genome->path);
    }
    *sequence = bases;
    *length_bp = length;
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

kuni_status kuni_genome_md5(kuni_genome *genome, int32_t tid, char hex[33], kuni_error *err)
{
    enum { CHUNK_BP = 1 << 22 };
    const kuni_contig *contig = kuni_genome_contig(genome, tid);
    if (!contig) return kuni_fail(err, KUNI_BUG, "contig number %d does not exist", tid);
    if (genome->md5[tid][0] == '\0') {
        hts_md5_context *md5 = hts_md5_init();
        if (!md5) return kuni_fail_memory(err, 1, 128);
        for (int64_t beg = 0; beg < contig->length_bp; beg += CHUNK_BP) {
            char *bases;
            int64_t length;
            kuni_span span = {.tid = tid, .beg = beg, .end = beg + CHUNK_BP};
            kuni_status status = fetch_raw(genome, span, &bases, &length, err);
            if (status) {
                hts_md5_destroy(md5);
                return status;
            }
            for (int64_t i = 0; i < length; i++) bases[i] = (char)toupper((unsigned char)bases[i]);
            hts_md5_update(md5, bases, (unsigned long)length);
            free(bases);
        }
        unsigned char digest[16];
        hts_md5_final(digest, md5);
        hts_md5_destroy(md5);
        hts_md5_hex(genome->md5[tid], digest);
    }
    memcpy(hex, genome->md5[tid], 33);
    return KUNI_OK;
}

void kuni_genome_set_md5(kuni_genome *genome, int32_t tid, const char *hex)
{
    if (tid < 0 || tid >= genome->n_contigs || strlen(hex) != 32) return;
    memcpy(genome->md5[tid], hex, 33);
}
