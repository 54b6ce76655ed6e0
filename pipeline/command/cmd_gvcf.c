/* SPDX-License-Identifier: MIT */
/* kuni gvcf: a sample's evidence as a gVCF. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "gvcf_writer.h"
#include "withdrawn.h"

typedef struct request {
    const char *reference; /* FASTA */
    const char *sample;    /* NULL: the only one */
    const char *sex;       /* male or female; NULL: not said */
    const char *ploidy;    /* name or BED file */
    const char *output;    /* "-": stdout */
    bool diploid;
} request;

static const kuni_option options[] = {
    {"reference", 'r', "FASTA", NULL, "the reference that the evidence was made with",
     KUNI_BIND_TEXT(request, reference, KUNI_COMPLETES_FASTA)},
    {"sample", 's', "ID", "the only one", "the sample to write",
     KUNI_BIND_TEXT(request, sample, KUNI_COMPLETES_NOTHING)},
    {"sex", 0, "SEX", NULL, "male or female: X and Y as they have them; else two copies of each",
     KUNI_BIND_TEXT(request, sex, KUNI_COMPLETES_NOTHING)},
    {"ploidy", 0, "NAME", "GRCh38",
     "with --sex: GRCh38, GRCh37, CHM13 or the BED file of the workflow",
     KUNI_BIND_TEXT(request, ploidy, KUNI_COMPLETES_FILE)},
    {"diploid", 0, NULL, NULL, "single copies as two of the same, for tools that know no others",
     KUNI_BIND_FLAG(request, diploid)},
    {"output", 'o', "FILE.g.vcf.gz", "-", "bgzipped and indexed; - is plain text to stdout",
     KUNI_BIND_TEXT(request, output, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_END,
};

typedef struct piece {
    kuni_evidence_file file;
    kuni_span shard;
} piece;

static int by_place(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (x->shard.tid != y->shard.tid) return x->shard.tid < y->shard.tid ? -1 : 1;
    return (x->shard.beg > y->shard.beg) - (x->shard.beg < y->shard.beg);
}

/* Where each file lies; *sample becomes the only sample unless one was named. */
static kuni_status locate(const kuni_genome *genome, const kuni_evidence_file *files, size_t n,
                          piece *pieces, const char *named, char **sample, kuni_error *err)
{
    for (size_t i = 0; i < n; i++) {
        kuni_evidence_reader *reader;
        kuni_status status =
            kuni_evidence_open_part(&reader, files[i].path, files[i].offset, files[i].bytes, err);
        if (status) return status;
        const kuni_evidence_header *header = kuni_evidence_get_header(reader);
        pieces[i] = (piece){.file = files[i], .shard = header->shard};
        pieces[i].shard.tid = kuni_genome_find(genome, header->contig);
        if (!*sample && !named && header->n_samples != 1)
            status = kuni_fail(err, KUNI_USAGE, "%s: has %u samples: name one with --sample",
                               files[i].path, header->n_samples);
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
                             pieces[i - 1].file.path, pieces[i].file.path);
    return KUNI_OK;
}

/* Every file is asked: they may be of several datasets. */
static kuni_status refuse_withdrawn(char *const *paths, size_t n, const char *sample,
                                    kuni_error *err)
{
    kuni_withdrawn known = {.folder = NULL};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        char *place = realpath(paths[i], NULL);
        size_t length = known.folder ? strlen(known.folder) : 0;
        bool same =
            place && length && strncmp(place, known.folder, length) == 0 && place[length] == '/';
        free(place);
        if (same) continue;
        kuni_withdrawn_close(&known);
        status = kuni_withdrawn_open(&known, paths[i], err);
        if (!status) status = kuni_withdrawn_refuse(&known, sample, err);
    }
    kuni_withdrawn_close(&known);
    return status;
}

static kuni_status open_person(const request *r, const kuni_genome *genome, kuni_ploidy **ploidy,
                               kuni_gvcf_person *person, kuni_error *err)
{
    *person = (kuni_gvcf_person){.ploidy = NULL, .diploid = r->diploid};
    if (!r->sex) return KUNI_OK;
    kuni_status status = kuni_ploidy_open(ploidy, r->ploidy, genome, err);
    person->ploidy = *ploidy;
    person->karyotype = (kuni_karyotype){
        .sex = strcmp(r->sex, "male") == 0 ? KUNI_SEX_MALE : KUNI_SEX_FEMALE, .x = -1, .y = -1};
    return status;
}

static kuni_status write_all(const request *r, char *const *paths, size_t n, kuni_error *err)
{
    kuni_genome *genome = NULL;
    kuni_ploidy *ploidy = NULL;
    kuni_gvcf_person person = {.ploidy = NULL};
    kuni_gvcf_writer *writer = NULL;
    char *sample = NULL;
    kuni_evidence_file *files = NULL;
    size_t n_files = 0, capacity = 0;
    piece *pieces = NULL;
    kuni_status status = kuni_genome_open(&genome, r->reference, err);
    for (size_t i = 0; i < n && !status; i++)
        status = kuni_evidence_files_add(&files, &n_files, &capacity, paths[i], err);
    if (!status && !(pieces = kuni_alloc(n_files + 1, sizeof(*pieces), err))) status = KUNI_MEMORY;
    if (!status) status = open_person(r, genome, &ploidy, &person, err);
    if (!status) status = locate(genome, files, n_files, pieces, r->sample, &sample, err);
    if (!status) status = refuse_withdrawn(paths, n, sample, err);
    if (!status) status = kuni_gvcf_create(&writer, r->output, genome, sample, person, err);
    for (size_t i = 0; !status && i < n_files; i++)
        status = kuni_gvcf_add(writer, &pieces[i].file, err);
    if (!status)
        status = kuni_gvcf_finish(writer, err);
    else
        kuni_gvcf_discard(writer);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    free(sample);
    free(pieces);
    free(files);
    return status;
}

static void set_defaults(void *given)
{
    request *r = given;
    r->output = "-";
    r->ploidy = "GRCh38";
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    if (!r->reference)
        return kuni_command_complain(KUNI_USAGE, "give the reference: --reference FASTA");
    if (r->sex && strcmp(r->sex, "male") != 0 && strcmp(r->sex, "female") != 0)
        return kuni_command_complain(KUNI_USAGE, "--sex %s: expected male or female", r->sex);
    kuni_error err = KUNI_ERROR_INIT;
    return write_all(r, call->words, (size_t)call->n_words, &err) ? kuni_command_fail(&err)
                                                                  : KUNI_OK;
}

const kuni_command kuni_cmd_gvcf = {
    .group = "Dataset",
    .name = "gvcf",
    .summary = "write a sample's evidence as a gVCF",
    .about =
        "Write a sample's evidence as a gVCF, for GATK GenotypeGVCFs, GLnexus and bcftools.\n"
        "Give the files of the sample's batch from all shards, in any order. What they hold of\n"
        "X and Y serves any sex: say which. 'kuni export -f gvcf' knows the workflow's.",
    .usage = "kuni gvcf -r REFERENCE.fa [OPTIONS] EVIDENCE.ev ...",
    .example =
        "kuni gvcf -r GRCh38.fa -s P000001 -o P000001.g.vcf.gz dataset/data/call/*/b0000.*.ev",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = -1,
    .words = KUNI_COMPLETES_EVIDENCE,
    .run = run,
};
