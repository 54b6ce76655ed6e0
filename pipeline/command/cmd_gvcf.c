/* SPDX-License-Identifier: MIT */
/* kuni gvcf: a sample's evidence as a gVCF. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "gvcf_writer.h"
#include "options.h"

static const kuni_option table[] = {
    {"reference", 'r', "FASTA", NULL, "the reference that the evidence was made with"},
    {"sample", 's', "ID", "the only one", "the sample to write"},
    {"output", 'o', "FILE.g.vcf.gz", "-", "bgzipped and indexed; - is plain text to stdout"},
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about = "Write a sample's evidence as a gVCF, for GATK GenotypeGVCFs, GLnexus and bcftools.\n"
             "Give the files of the sample's batch from all shards, in any order.",
    .usage = "kuni gvcf -r REFERENCE.fa [OPTIONS] EVIDENCE.ev ...",
    .options = table,
    .example =
        "  kuni gvcf -r GRCh38.fa -s P000001 -o P000001.g.vcf.gz dataset/data/call/*/b0000.*.ev",
    .least_operands = 1,
    .most_operands = -1,
};

typedef struct piece {
    const char *path;
    kuni_span shard;
} piece;

static int by_place(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (x->shard.tid != y->shard.tid) return x->shard.tid < y->shard.tid ? -1 : 1;
    return (x->shard.beg > y->shard.beg) - (x->shard.beg < y->shard.beg);
}

/* Where each file lies; *sample becomes the only sample unless one was named. */
static kuni_status locate(const kuni_genome *genome, char *const *paths, size_t n, piece *pieces,
                          const char *named, char **sample, kuni_error *err)
{
    for (size_t i = 0; i < n; i++) {
        kuni_evidence_reader *reader;
        kuni_status status = kuni_evidence_open(&reader, paths[i], err);
        if (status) return status;
        const kuni_evidence_header *header = kuni_evidence_get_header(reader);
        pieces[i] = (piece){.path = paths[i], .shard = header->shard};
        pieces[i].shard.tid = kuni_genome_find(genome, header->contig);
        if (!*sample && !named && header->n_samples != 1)
            status = kuni_fail(err, KUNI_USAGE, "%s: has %u samples: name one with --sample",
                               paths[i], header->n_samples);
        else if (!*sample && !(*sample = kuni_strdup(named ? named : header->samples[0], err)))
            status = KUNI_MEMORY;
        kuni_evidence_close(reader);
        if (status) return status;
    }
    qsort(pieces, n, sizeof(*pieces), by_place);
    for (size_t i = 1; i < n; i++)
        if (pieces[i].shard.tid == pieces[i - 1].shard.tid &&
            pieces[i].shard.beg < pieces[i - 1].shard.end)
            return kuni_fail(err, KUNI_USAGE, "%s and %s overlap: give each shard once",
                             pieces[i - 1].path, pieces[i].path);
    return KUNI_OK;
}

static kuni_status write_all(const char *reference, const char *named, const char *output,
                             char *const *paths, size_t n, kuni_error *err)
{
    kuni_genome *genome = NULL;
    kuni_gvcf_writer *writer = NULL;
    char *sample = NULL;
    piece *pieces = kuni_alloc(n, sizeof(*pieces), err);
    kuni_status status = pieces ? kuni_genome_open(&genome, reference, err) : KUNI_MEMORY;
    if (!status) status = locate(genome, paths, n, pieces, named, &sample, err);
    if (!status) status = kuni_gvcf_create(&writer, output, genome, sample, err);
    for (size_t i = 0; !status && i < n; i++) status = kuni_gvcf_add(writer, pieces[i].path, err);
    if (!status)
        status = kuni_gvcf_finish(writer, err);
    else
        kuni_gvcf_discard(writer);
    kuni_genome_close(genome);
    free(sample);
    free(pieces);
    return status;
}

int kuni_cmd_gvcf(int argc, char **argv)
{
    kuni_options options;
    const char *value, *reference = NULL, *sample = NULL, *output = "-";
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        if (key == KUNI_OPTIONS_STOP) return options.status;
        *(key == 'r' ? &reference : key == 's' ? &sample : &output) = value;
    }
    if (!reference)
        return kuni_command_complain(KUNI_USAGE, "give the reference: --reference FASTA");
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status =
        write_all(reference, sample, output, options.operands, (size_t)options.n_operands, &err);
    return status ? kuni_command_fail(&err) : KUNI_OK;
}
