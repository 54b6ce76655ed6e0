/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human_genome.h"
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

static kuni_status add_span(ploidy_contig *contig, ploidy_span span, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&contig->spans, &contig->capacity, contig->n_spans + 1,
                                   sizeof(*contig->spans), err);
    if (status) return status;
    contig->spans[contig->n_spans++] = span;
    return KUNI_OK;
}

/* A table of X and Y must not be laid over those of another assembly: it would be wrong in silence. */
static kuni_status check_assembly(const kuni_human_genome *table, const kuni_genome *genome,
                                  kuni_error *err)
{
    int32_t tid;
    const kuni_human_genome *other = kuni_human_genome_of(genome, &tid);
    if (!other || other == table) return KUNI_OK;
    const kuni_contig *contig = kuni_genome_contig(genome, tid);
    return kuni_fail(err, KUNI_USAGE,
                     "regions.ploidy is %s but the reference is %s (%s has %lld bp): write "
                     "'regions: {ploidy: %s}'",
                     table->name, other->name, contig->name, (long long)contig->length_bp,
                     other->name);
}

static kuni_status add_assembly(kuni_ploidy *ploidy, const kuni_human_genome *table,
                                const kuni_genome *genome, kuni_error *err)
{
    bool any = false;
    kuni_status status = check_assembly(table, genome, err);
    for (int32_t tid = 0; !status && tid < ploidy->n_contigs; tid++) {
        int chromosome = kuni_human_genome_chromosome(genome, tid);
        any = any || chromosome;
        if (chromosome == KUNI_HUMAN_Y)
            status = add_span(&ploidy->contigs[tid], (ploidy_span){0, INT64_MAX, 1, 0}, err);
        for (int i = 0; chromosome == KUNI_HUMAN_X && !status && i < KUNI_HUMAN_GENOME_SPANS_MAX;
             i++)
            if (table->one_x[i].end)
                status =
                    add_span(&ploidy->contigs[tid],
                             (ploidy_span){table->one_x[i].beg, table->one_x[i].end, 1, 2}, err);
    }
    if (status || any) return status;
    return kuni_fail(err, KUNI_USAGE,
                     "regions.ploidy is %s but no contig of the reference has the name of a human "
                     "chromosome (its first is %s): write 'regions: {ploidy: diploid}', or give a "
                     "BED file with its sex chromosomes",
                     table->name, ploidy->n_contigs ? kuni_genome_contig(genome, 0)->name : "none");
}

static int compare_spans(const void *a, const void *b)
{
    const ploidy_span *left = a, *right = b;
    return (left->beg > right->beg) - (left->beg < right->beg);
}

static kuni_status read_bed_line(kuni_ploidy *ploidy, const kuni_lines *lines, char *line,
                                 const kuni_genome *genome, size_t *n_used, kuni_error *err)
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
    ++*n_used;
    return add_span(&ploidy->contigs[tid], (ploidy_span){beg, end, (int8_t)male, (int8_t)female},
                    err);
}

static kuni_status read_bed(kuni_ploidy *ploidy, const char *path, const kuni_genome *genome,
                            kuni_error *err)
{
    kuni_lines lines;
    if (kuni_lines_open(&lines, path, NULL))
        return kuni_fail_errno(
            err, "ploidy: neither GRCh38, GRCh37, CHM13, diploid nor a readable file: %s", path);
    kuni_status status = KUNI_OK;
    char *line;
    size_t n_lines = 0, n_used = 0;
    while (!(status = kuni_lines_next(&lines, &line, err)) && line) {
        if (line[0] == '#' || !line[strspn(line, " \t")]) continue;
        n_lines++;
        if ((status = read_bed_line(ploidy, &lines, line, genome, &n_used, err))) break;
    }
    kuni_lines_close(&lines);
    if (!status && n_lines && !n_used)
        status = kuni_fail(err, KUNI_USAGE,
                           "%s: none of its lines names a contig of the reference, whose first is "
                           "%s: give the table that was made for this reference",
                           path, ploidy->n_contigs ? kuni_genome_contig(genome, 0)->name : "none");
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
    const kuni_human_genome *table = kuni_human_genome_find(name);
    if (strcmp(name, "diploid") == 0)
        status = KUNI_OK;
    else if (table)
        status = add_assembly(ploidy, table, genome, err);
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

/* Copies in males and in females at a position. */
static void both_sexes(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, int *male, int *female,
                       int64_t *until)
{
    /* both change at the same places: where lines begin and end */
    *male = kuni_ploidy_at(ploidy, tid, pos, KUNI_SEX_MALE, until);
    *female = kuni_ploidy_at(ploidy, tid, pos, KUNI_SEX_FEMALE, until);
}

int kuni_ploidy_of(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, kuni_karyotype karyotype,
                   int64_t *until)
{
    int male, female, copies = -1;
    both_sexes(ploidy, tid, pos, &male, &female, until);
    if (male == 1 && female == 2) copies = karyotype.x;
    if (male == 1 && female == 0) copies = karyotype.y;
    if (copies >= 0) return copies < 2 ? copies : 2;
    return karyotype.sex == KUNI_SEX_MALE     ? male
           : karyotype.sex == KUNI_SEX_FEMALE ? female
           : male > female                    ? male
                                              : female;
}

int kuni_ploidy_evidence(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, int64_t *until)
{
    int male, female;
    both_sexes(ploidy, tid, pos, &male, &female, until);
    return male == female ? male : KUNI_COPIES_EITHER;
}
