/* SPDX-License-Identifier: MIT */
/* kuni simulate: a cohort with known truth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "complain.h"
#include "evidence.h"
#include "simulate.h"

typedef struct request {
    kuni_simulate_options simulate;          /* but for seed, bam, profile and progress */
    kuni_simulate_evidence_options evidence; /* its batch_size, block_bp, missing and noise */
    bool evidence_only;                      /* write evidence instead of reads */
    int64_t seed;
    int format;  /* of the reads: which of `formats` */
    int profile; /* kuni_simulate_profile */
    bool quiet;  /* no progress lines */
} request;

static const char *const formats[] = {"cram", "bam", NULL};
/* In the order of kuni_simulate_profile. */
static const char *const profiles[] = {"novaseq", "hiseq", "perfect", NULL};

static const char *read_length(void *given, const char *value)
{
    request *r = given;
    char *end;
    double number = strtod(value, &end);
    if (end != value && (*end == 'k' || *end == 'K'))
        number *= 1e3, end++;
    else if (end != value && *end == 'M')
        number *= 1e6, end++;
    if (strcmp(end, "b") == 0 || strcmp(end, "bp") == 0) end += strlen(end);
    if (end == value || *end || !(number >= 5000.0 && number <= 2e9))
        return "5k to 2000M, for example 100k or 1Mb";
    r->simulate.length_bp = (int64_t)(number + 0.5);
    return NULL;
}

static const char *read_depth(void *given, const char *value)
{
    static const char expected[] = "a depth as 30, or two bounds as 12:38";
    request *r = given;
    char *end;
    double least = strtod(value, &end), most = least;
    if (end == value) return expected;
    if (*end == ':') {
        const char *second = end + 1;
        most = strtod(second, &end);
        if (end == second) return expected;
    }
    if (*end || !(least > 0.0) || !(most >= least) || most > 10000) return expected;
    r->simulate.depth_least = least;
    r->simulate.depth_most = most;
    return NULL;
}

static const char *make_hard(void *given, const char *value)
{
    request *r = given;
    kuni_simulate_options *o = &r->simulate;
    (void)value;
    o->depth_least = 12.0;
    o->depth_most = 38.0;
    o->n_paralogs = 2;
    o->cluster_rate = 0.04;
    o->indel_ratio = 0.3;
    o->str_share = 0.6;
    o->indel_error = 2.0;
    return NULL;
}

static const kuni_option options[] = {
    KUNI_OPTIONS_HEADING("Output"),
    {"out", 'o', "FOLDER", NULL, "where everything goes; must be new or empty",
     KUNI_BIND_TEXT(request, simulate.out, KUNI_COMPLETES_FOLDER)},
    {"force", 0, NULL, NULL, "write into a folder that holds files",
     KUNI_BIND_FLAG(request, simulate.force)},
    {"format", 0, "cram|bam", "cram", "of the reads", KUNI_BIND_CHOICE(request, format, formats)},
    {"no-reads", 0, NULL, NULL, "reference and truth only",
     KUNI_BIND_FLAG(request, simulate.no_reads)},
    {"seed", 0, "N", "1", "same seed and options, same bytes",
     KUNI_BIND_INT(request, seed, 0, (double)INT64_MAX)},
    {"threads", 't', "N", "all cores", "does not change the bytes",
     KUNI_BIND_COUNT(request, simulate.n_threads, 1, 1024)},
    {"quiet", 0, NULL, NULL, "no progress lines", KUNI_BIND_FLAG(request, quiet)},
    KUNI_OPTIONS_HEADING("Reference"),
    {"contigs", 0, "LIST", "chr20", "contigs to make: NAME[:LENGTH],...; X, Y and M are known",
     KUNI_BIND_TEXT(request, simulate.contigs, KUNI_COMPLETES_NOTHING)},
    {"length", 0, "BP", "100k", "of contigs without a LENGTH", KUNI_BIND_READ(read_length)},
    {"paralogs", 0, "N", "0", "pairs of 10-15 kb, 0.5 and 1.5 % apart in turn, on the first contig",
     KUNI_BIND_COUNT(request, simulate.n_paralogs, 0, 1000)},
    {"reference", 0, "FASTA", NULL, "simulate on this genome instead",
     KUNI_BIND_TEXT(request, simulate.reference, KUNI_COMPLETES_FASTA)},
    {"region", 0, "LIST", "all of it", "parts of that genome: CONTIG[:BEG-END],...",
     KUNI_BIND_TEXT(request, simulate.regions, KUNI_COMPLETES_NOTHING)},
    {"ploidy", 0, "NAME", "diploid", "of that genome: GRCh38, GRCh37, diploid or a BED file",
     KUNI_BIND_TEXT(request, simulate.ploidy, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_HEADING("Cohort"),
    {"samples", 'n', "N", "3", "how many",
     KUNI_BIND_COUNT(request, simulate.n_samples, 1, 1000000)},
    {"trios", 0, "N", "0", "the first 3 N samples are father, mother, child",
     KUNI_BIND_COUNT(request, simulate.n_trios, 0, 300000)},
    {"heterozygosity", 0, "X", "0.001", "SNPs a bp between two haplotypes",
     KUNI_BIND_FLOAT(request, simulate.heterozygosity, 0, 0.05)},
    {"indel-ratio", 0, "X", "0.125", "indels a SNP",
     KUNI_BIND_FLOAT(request, simulate.indel_ratio, 0, 2)},
    {"str-share", 0, "X", "0.5", "share of the indels that lie in tandem repeats",
     KUNI_BIND_FLOAT(request, simulate.str_share, 0, 1)},
    {"natural-repeats", 0, NULL, NULL,
     "repeats differ in length as often as in benchmark genomes, whatever --str-share says",
     KUNI_BIND_FLAG(request, simulate.natural_repeats)},
    {"clusters", 0, "X", "0", "chance that a variant gets a neighbour within 12 bp",
     KUNI_BIND_FLOAT(request, simulate.cluster_rate, 0, 1)},
    {"recombination", 0, "X", "1e-8", "a bp and generation",
     KUNI_BIND_FLOAT(request, simulate.recombination, 0, 1e-5)},
    KUNI_OPTIONS_HEADING("Reads"),
    {"depth", 'd', "X|X:Y", "30", "mean depth, or drawn between two bounds for each sample",
     KUNI_BIND_READ(read_depth)},
    {"depth-spread", 0, "X", "0.08", "standard deviation of its logarithm, on top",
     KUNI_BIND_FLOAT(request, simulate.depth_spread, 0, 2)},
    {"read-length", 0, "BP", "150", "36 to 300",
     KUNI_BIND_COUNT(request, simulate.read_length, 36, 300)},
    {"insert-mean", 0, "BP", "420", "length of fragments",
     KUNI_BIND_FLOAT(request, simulate.insert_mean, 36, 5000)},
    {"insert-sd", 0, "BP", "90", "its standard deviation",
     KUNI_BIND_FLOAT(request, simulate.insert_sd, 0, 1000)},
    {"pcr-duplicates", 0, "X", "0.05", "share of fragments that are read twice, and flagged",
     KUNI_BIND_FLOAT(request, simulate.duplicates, 0, 1)},
    {"chimeras", 0, "X", "0.003", "share of pairs that do not belong together",
     KUNI_BIND_FLOAT(request, simulate.chimeras, 0, 1)},
    {"unmapped", 0, "X", "0.003", "pairs without a place, a placed pair",
     KUNI_BIND_FLOAT(request, simulate.unmapped, 0, 1)},
    {"error-profile", 0, "NAME", "novaseq",
     "base qualities: novaseq (4 values), hiseq (8), perfect",
     KUNI_BIND_CHOICE(request, profile, profiles)},
    {"indel-error", 0, "X", "1", "slippage in tandem repeats: 0 none, 1 PCR-free, 10 PCR+",
     KUNI_BIND_FLOAT(request, simulate.indel_error, 0, 100)},
    {"gc-bias", 0, "X", "0.3", "loss of depth away from 42 % GC: 0 none, 1 strong",
     KUNI_BIND_FLOAT(request, simulate.gc_bias, 0, 1)},
    {"mt-depth", 0, "X", "10", "depth of the mitochondrial contig, times the rest",
     KUNI_BIND_FLOAT(request, simulate.mt_factor, 0, 1000)},
    {"contaminated", 0, "N", "0", "the last N samples hold reads of the next one",
     KUNI_BIND_COUNT(request, simulate.n_contaminated, 0, 1000000)},
    {"contamination", 0, "X", "0.03", "share of such reads",
     KUNI_BIND_FLOAT(request, simulate.contamination, 0, 0.5)},
    KUNI_OPTIONS_HEADING("Evidence without reads, for tests of scale"),
    {"evidence", 0, NULL, NULL,
     "write evidence files and true allele counts of one contig, nothing else",
     KUNI_BIND_FLAG(request, evidence_only)},
    {"batch", 0, "N", "256", "samples of an evidence file",
     KUNI_BIND_COUNT(request, evidence.batch_size, 1, 65536)},
    {"block-length", 0, "BP", "300", "mean length of a reference block",
     KUNI_BIND_FLOAT(request, evidence.block_bp, 1, 1e6)},
    {"missing", 0, "X", "0.01", "share of the genome without data",
     KUNI_BIND_FLOAT(request, evidence.missing, 0, 0.9)},
    {"noise", 0, "X", "1e-5", "false events of low confidence a base",
     KUNI_BIND_FLOAT(request, evidence.noise, 0, 0.01)},
    KUNI_OPTIONS_HEADING("Presets"),
    {"hard", 0, NULL, NULL, "depth 12:38, 2 pairs of paralogs, clusters, STRs, PCR+ errors",
     KUNI_BIND_READ(make_hard)},
    KUNI_OPTIONS_END,
};

static int simulate_evidence(request *r)
{
    const kuni_simulate_options *o = &r->simulate;
    kuni_simulate_evidence_options *e = &r->evidence;
    kuni_error err = KUNI_ERROR_INIT;
    char contig[64] = "chr20";
    size_t length = o->contigs ? strcspn(o->contigs, ":,") : 0;
    if (o->reference || (o->contigs && (o->contigs[length] || length >= sizeof(contig))))
        return kuni_command_complain(
            KUNI_USAGE, "--evidence makes its own reference of one contig: give --contigs NAME, "
                        "--length");
    if (length > 0) {
        memcpy(contig, o->contigs, length);
        contig[length] = '\0';
    }
    e->contig = contig;
    e->out = o->out;
    e->force = o->force;
    e->length_bp = o->length_bp;
    e->n_samples = o->n_samples;
    e->depth = (o->depth_least + o->depth_most) / 2;
    e->heterozygosity = o->heterozygosity;
    e->indel_ratio = o->indel_ratio;
    e->seed = o->seed;
    e->n_threads = o->n_threads;
    e->progress = o->progress;
    kuni_status status = kuni_simulate_evidence(e, &err);
    e->contig = NULL;
    if (status) return kuni_command_fail(&err);
    printf("%s\n", o->out);
    return KUNI_OK;
}

static void set_defaults(void *given)
{
    request *r = given;
    kuni_simulate_defaults(&r->simulate);
    kuni_simulate_evidence_defaults(&r->evidence);
    r->seed = (int64_t)r->simulate.seed;
    r->profile = (int)r->simulate.profile;
    r->format = r->simulate.bam ? 1 : 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    r->simulate.n_threads = cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
    r->simulate.contamination = 0.03;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    r->simulate.seed = (uint64_t)r->seed;
    r->simulate.bam = r->format == 1;
    r->simulate.profile = (kuni_simulate_profile)r->profile;
    r->simulate.progress = r->quiet ? NULL : stderr;
    if (r->evidence_only) return simulate_evidence(r);
    if (kuni_simulate(&r->simulate, &err)) return kuni_command_fail(&err);
    printf("%s\n", r->simulate.out);
    return KUNI_OK;
}

const kuni_command kuni_cmd_simulate = {
    .group = "Try",
    .name = "simulate",
    .summary = "make a cohort with known truth: reference, reads, manifest, workflow",
    .about =
        "Make a cohort with known truth: reference, reads, manifest, workflow, true genotypes.",
    .usage = "kuni simulate [OPTIONS] --out FOLDER",
    .example = "kuni simulate --samples 20 --contigs chr20,chrX,chrY,chrM --length 100k --depth "
               "30 --out cohort\n"
               "kuni run cohort/workflow.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .run = run,
};
