/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "kuni/genome.h"
#include "kuni/lines.h"

typedef struct ploidy_span {
    int64_t beg, end;
    int8_t male, female;
} ploidy_span;

typedef struct ploidy_contig {
    ploidy_span *spans; /* sorted, disjoint */
    size_t n_spans, capacity;
    bool haploid; /* mitochondrial */
} ploidy_contig;

struct kuni_ploidy {
    ploidy_contig *contigs;
    int32_t n_contigs;
};

/*
 * Outside the pseudo-autosomal regions males have one X; Y is theirs alone. Boundaries: the Genome
 * Reference Consortium's PAR definitions, 1-based inclusive in the names, 0-based half-open here.
 */
typedef struct builtin_span {
    const char *assembly, *contig;
    ploidy_span span;
} builtin_span;

#define TO_END INT64_MAX
static const builtin_span builtin_spans[] = {
    {"GRCh38", "X", {0, 10000, 1, 2}},          {"GRCh38", "X", {2781479, 155701382, 1, 2}},
    {"GRCh38", "X", {156030895, TO_END, 1, 2}}, {"GRCh38", "Y", {0, TO_END, 1, 0}},
    {"GRCh37", "X", {0, 60000, 1, 2}},          {"GRCh37", "X", {2699520, 154931043, 1, 2}},
    {"GRCh37", "X", {155260560, TO_END, 1, 2}}, {"GRCh37", "Y", {0, TO_END, 1, 0}},
};

bool kuni_is_mitochondrial(const char *name)
{
    if (strncmp(name, "chr", 3) == 0) name += 3;
    return strcmp(name, "M") == 0 || strcmp(name, "MT") == 0;
}

static kuni_status add_span(ploidy_contig *contig, ploidy_span span, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&contig->spans, &contig->capacity, contig->n_spans + 1,
                                   sizeof(*contig->spans), err);
    if (status) return status;
    contig->spans[contig->n_spans++] = span;
    return KUNI_OK;
}

static kuni_status add_builtin(kuni_ploidy *ploidy, const char *assembly, const kuni_genome *genome,
                               kuni_error *err)
{
    for (size_t i = 0; i < sizeof(builtin_spans) / sizeof(builtin_spans[0]); i++) {
        if (strcmp(builtin_spans[i].assembly, assembly) != 0) continue;
        char prefixed[8];
        (void)snprintf(prefixed, sizeof(prefixed), "chr%s", builtin_spans[i].contig);
        int32_t tid = kuni_genome_find(genome, builtin_spans[i].contig);
        if (tid < 0) tid = kuni_genome_find(genome, prefixed);
        if (tid < 0) continue;
        kuni_status status = add_span(&ploidy->contigs[tid], builtin_spans[i].span, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const ploidy_span *left = a, *right = b;
    return (left->beg > right->beg) - (left->beg < right->beg);
}

static kuni_status read_bed_line(kuni_ploidy *ploidy, const kuni_lines *lines, char *line,
                                 const kuni_genome *genome, kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    int64_t beg = 0, end, male, female;
    if (kuni_line_split(line, ' ', fields) != 5 || !kuni_text_int(fields[1], 0, INT64_MAX, &beg) ||
        !kuni_text_int(fields[2], beg + 1, INT64_MAX, &end) ||
        !kuni_text_int(fields[3], 0, 2, &male) || !kuni_text_int(fields[4], 0, 2, &female))
        return kuni_fail(err, KUNI_DATA,
                         "%s:%lld: expected contig, beg, end, copies in males, copies in females "
                         "(0-based half-open, copies 0 to 2)",
                         lines->path, (long long)lines->number);
    int32_t tid = kuni_genome_find(genome, fields[0]);
    if (tid < 0) return KUNI_OK; /* a table for the whole assembly serves a part of it */
    return add_span(&ploidy->contigs[tid], (ploidy_span){beg, end, (int8_t)male, (int8_t)female},
                    err);
}

static kuni_status read_bed(kuni_ploidy *ploidy, const char *path, const kuni_genome *genome,
                            kuni_error *err)
{
    kuni_lines lines;
    if (kuni_lines_open(&lines, path, NULL))
        return kuni_fail_errno(
            err, "ploidy: neither GRCh38, GRCh37, diploid nor a readable file: %s", path);
    kuni_status status = KUNI_OK;
    char *line;
    while (!(status = kuni_lines_next(&lines, &line, err)) && line) {
        if (line[0] == '#' || !line[strspn(line, " \t")]) continue;
        if ((status = read_bed_line(ploidy, &lines, line, genome, err))) break;
    }
    kuni_lines_close(&lines);
    for (int32_t tid = 0; !status && tid < ploidy->n_contigs; tid++) {
        ploidy_contig *contig = &ploidy->contigs[tid];
        if (contig->n_spans > 1)
            qsort(contig->spans, contig->n_spans, sizeof(*contig->spans), compare_spans);
        for (size_t i = 1; !status && i < contig->n_spans; i++)
            if (contig->spans[i].beg < contig->spans[i - 1].end)
                status = kuni_fail(err, KUNI_DATA, "%s: lines overlap at %s:%lld", path,
                                   kuni_genome_contig(genome, tid)->name,
                                   (long long)contig->spans[i].beg);
    }
    return status;
}

kuni_status kuni_ploidy_open(kuni_ploidy **out, const char *name, const kuni_genome *genome,
                             kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    kuni_ploidy *ploidy = kuni_alloc(1, sizeof(*ploidy), err);
    if (!ploidy) return status;
    ploidy->n_contigs = kuni_genome_contig_count(genome);
    ploidy->contigs = kuni_alloc((size_t)ploidy->n_contigs, sizeof(*ploidy->contigs), err);
    if (!ploidy->contigs) goto fail;
    for (int32_t tid = 0; tid < ploidy->n_contigs; tid++)
        ploidy->contigs[tid].haploid = kuni_is_mitochondrial(kuni_genome_contig(genome, tid)->name);
    if (strcmp(name, "diploid") == 0)
        status = KUNI_OK;
    else if (strcmp(name, "GRCh38") == 0 || strcmp(name, "GRCh37") == 0)
        status = add_builtin(ploidy, name, genome, err);
    else
        status = read_bed(ploidy, name, genome, err);
    if (status) goto fail;
    *out = ploidy;
    return KUNI_OK;
fail:
    kuni_ploidy_close(ploidy);
    return status;
}

void kuni_ploidy_close(kuni_ploidy *ploidy)
{
    if (!ploidy) return;
    for (int32_t tid = 0; ploidy->contigs && tid < ploidy->n_contigs; tid++)
        free(ploidy->contigs[tid].spans);
    free(ploidy->contigs);
    free(ploidy);
}

int kuni_ploidy_at(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, kuni_sex sex,
                   int64_t *until)
{
    int64_t end = INT64_MAX;
    int copies = 2;
    const ploidy_contig *contig =
        tid >= 0 && tid < ploidy->n_contigs ? &ploidy->contigs[tid] : NULL;
    if (contig && contig->haploid) copies = 1;
    for (size_t i = 0; contig && i < contig->n_spans; i++) {
        const ploidy_span *span = &contig->spans[i];
        if (pos < span->beg) {
            end = span->beg;
            break;
        }
        if (pos >= span->end) continue;
        end = span->end;
        copies = sex == KUNI_SEX_MALE        ? span->male
                 : sex == KUNI_SEX_FEMALE    ? span->female
                 : span->male > span->female ? span->male
                                             : span->female;
        break;
    }
    if (until) *until = end;
    return copies;
}
