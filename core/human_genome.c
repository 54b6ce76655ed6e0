/* SPDX-License-Identifier: MIT */
#include "human_genome.h"

#include <stdlib.h>
#include <string.h>

/*
 * Boundaries: the Genome Reference Consortium's for GRCh37 and GRCh38 (1-based, inclusive: PAR1 of
 * X 60001-2699520 and 10001-2781479, PAR2 154931044-155260560 and 155701383-156030895), the T2T
 * consortium's chm13v2.0_PAR.bed for CHM13 (v2.0, with the Y of HG002).
 */
static const kuni_human_genome assemblies[] = {
    {"GRCh38", 156040895, 57227415, {{0, 10000}, {2781479, 155701382}, {156030895, INT64_MAX}}},
    {"GRCh37", 155270560, 59373566, {{0, 60000}, {2699520, 154931043}, {155260560, INT64_MAX}}},
    {"CHM13", 154259566, 62460029, {{2394410, 153925834}}},
};
enum { N_ASSEMBLIES = sizeof(assemblies) / sizeof(assemblies[0]) };

const kuni_human_genome *kuni_human_genome_find(const char *name)
{
    for (size_t i = 0; i < N_ASSEMBLIES; i++)
        if (strcmp(assemblies[i].name, name) == 0) return &assemblies[i];
    return NULL;
}

int kuni_human_genome_chromosome(const kuni_genome *genome, int32_t tid)
{
    static const char *const letters[] = {"X", "chrX", "Y", "chrY", "Z", "chrZ"};
    const char *name = kuni_genome_contig(genome, tid)->name;
    int chromosome = kuni_human_chromosome(name);
    bool number = strspn(name, "chr0123456789") == strlen(name);
    if (!number || (chromosome != KUNI_HUMAN_X && chromosome != KUNI_HUMAN_Y)) return chromosome;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (kuni_genome_find(genome, letters[i]) >= 0) return 0;
    return chromosome;
}

const kuni_human_genome *kuni_human_genome_of(const kuni_genome *genome, int32_t *tid)
{
    for (*tid = 0; *tid < kuni_genome_contig_count(genome); ++*tid) {
        const kuni_contig *contig = kuni_genome_contig(genome, *tid);
        int chromosome = kuni_human_genome_chromosome(genome, *tid);
        for (size_t i = 0; i < N_ASSEMBLIES; i++)
            if ((chromosome == KUNI_HUMAN_X && contig->length_bp == assemblies[i].x_bp) ||
                (chromosome == KUNI_HUMAN_Y && contig->length_bp == assemblies[i].y_bp))
                return &assemblies[i];
    }
    return NULL;
}

const char *kuni_genome_assembly(const kuni_genome *genome)
{
    int32_t tid;
    const kuni_human_genome *found = kuni_human_genome_of(genome, &tid);
    return found ? found->name : NULL;
}

/* --- names --- */

/* Digits up to the end or a version (".11"); -1 where anything else stands there. */
static long serial_number(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9') return -1;
    long number = strtol(text, &end, 10);
    return *end == '\0' || (*end == '.' && end[1] && !end[1 + strspn(end + 1, "0123456789")])
               ? number
               : -1;
}

/* Sequences of a databank whose numbers rise or fall with the chromosome. */
static const struct {
    const char *prefix;
    long first, last; /* serial numbers */
    int chromosome;   /* of the first */
    int step;
} series[] = {
    {"NC_", 1, 24, 1, 1},         /* RefSeq: GRCh37 (.10 and others), GRCh38 (.11 ...) */
    {"NC_", 60925, 60948, 1, 1},  /* CHM13 v2.0 */
    {"CM", 663, 686, 1, 1},       /* GenBank: GRCh37 (.1), GRCh38 (.2) */
    {"CP", 68255, 68277, 23, -1}, /* CHM13 */
    {"CP", 86569, 86569, 24, 1},  /* the Y of HG002 */
    {"NC_", 12920, 12920, 25, 1}, /* the mitochondrion (rCRS) */
    {"NC_", 1807, 1807, 25, 1},   /* that of hg19 */
    {"CP", 68254, 68254, 25, 1},  /* that of CHM13 */
    {"J", 1415, 1415, 25, 1},     /* rCRS */
};

static int by_accession(const char *name)
{
    for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        size_t n = strlen(series[i].prefix);
        if (strncmp(name, series[i].prefix, n) != 0) continue;
        long number = serial_number(name + n);
        if (number >= series[i].first && number <= series[i].last)
            return series[i].chromosome + series[i].step * (int)(number - series[i].first);
    }
    return 0;
}

int kuni_human_chromosome(const char *name)
{
    const char *bare = strncmp(name, "chr", 3) == 0 ? name + 3 : name;
    if (strcmp(bare, "X") == 0) return KUNI_HUMAN_X;
    if (strcmp(bare, "Y") == 0) return KUNI_HUMAN_Y;
    if (strcmp(bare, "M") == 0 || strcmp(bare, "MT") == 0) return KUNI_HUMAN_M;
    size_t digits = strspn(bare, "0123456789");
    if (digits == 0 || bare[digits] || digits > 2 || bare[0] == '0') return by_accession(name);
    int number = bare[0] - '0';
    if (digits == 2) number = number * 10 + bare[1] - '0';
    return number <= KUNI_HUMAN_Y ? number : 0;
}

bool kuni_is_mitochondrial(const char *name)
{
    return kuni_human_chromosome(name) == KUNI_HUMAN_M;
}
