/* SPDX-License-Identifier: MIT */
/* kuni simulate: a cohort with known truth. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "evidence.h"
#include "kuni/reads.h"
#include "options.h"
#include "simulate.h"

enum {
    KEY_REFERENCE = KUNI_OPTION_LONG,
    KEY_REGION,
    KEY_PLOIDY,
    KEY_CONTIGS,
    KEY_LENGTH,
    KEY_PARALOGS,
    KEY_TRIOS,
    KEY_HETEROZYGOSITY,
    KEY_INDEL_RATIO,
    KEY_STR_SHARE,
    KEY_CLUSTERS,
    KEY_RECOMBINATION,
    KEY_HARD,
    KEY_FORMAT,
    KEY_NO_READS,
    KEY_DEPTH_SPREAD,
    KEY_READ_LENGTH,
    KEY_INSERT_MEAN,
    KEY_INSERT_SD,
    KEY_DUPLICATES,
    KEY_CHIMERAS,
    KEY_UNMAPPED,
    KEY_GC_BIAS,
    KEY_INDEL_ERROR,
    KEY_MT_FACTOR,
    KEY_PROFILE,
    KEY_CONTAMINATION,
    KEY_CONTAMINATED,
    KEY_SEED,
    KEY_FORCE,
    KEY_QUIET,
    KEY_EVIDENCE,
    KEY_BATCH,
    KEY_BLOCK,
    KEY_MISSING,
    KEY_NOISE
};

static const kuni_option table[] = {
    {.name = NULL, .help = "Output"},
    {"out", 'o', "FOLDER", NULL, "where everything goes; must be new or empty"},
    {"force", KEY_FORCE, NULL, NULL, "write into a folder that holds files"},
    {"format", KEY_FORMAT, "cram|bam", "cram", "of the reads"},
    {"no-reads", KEY_NO_READS, NULL, NULL, "reference and truth only"},
    {"seed", KEY_SEED, "N", "1", "same seed and options, same bytes"},
    {"threads", 't', "N", "all cores", "does not change the bytes"},
    {"quiet", KEY_QUIET, NULL, NULL, "no progress lines"},
    {.name = NULL, .help = "Reference"},
    {"contigs", KEY_CONTIGS, "LIST", "chr20",
     "contigs to make: NAME[:LENGTH],...; X, Y and M are known"},
    {"length", KEY_LENGTH, "BP", "100k", "of contigs without a LENGTH"},
    {"paralogs", KEY_PARALOGS, "N", "0",
     "pairs of 10-15 kb, 0.5 and 1.5 % apart in turn, on the first contig"},
    {"reference", KEY_REFERENCE, "FASTA", NULL, "simulate on this genome instead"},
    {"region", KEY_REGION, "LIST", "all of it", "parts of that genome: CONTIG[:BEG-END],..."},
    {"ploidy", KEY_PLOIDY, "NAME", "diploid",
     "of that genome: GRCh38, GRCh37, diploid or a BED file"},
    {.name = NULL, .help = "Cohort"},
    {"samples", 'n', "N", "3", "how many"},
    {"trios", KEY_TRIOS, "N", "0", "the first 3 N samples are father, mother, child"},
    {"heterozygosity", KEY_HETEROZYGOSITY, "X", "0.001", "SNPs a bp between two haplotypes"},
    {"indel-ratio", KEY_INDEL_RATIO, "X", "0.125", "indels a SNP"},
    {"str-share", KEY_STR_SHARE, "X", "0.5", "share of the indels that lie in tandem repeats"},
    {"clusters", KEY_CLUSTERS, "X", "0", "chance that a variant gets a neighbour within 12 bp"},
    {"recombination", KEY_RECOMBINATION, "X", "1e-8", "a bp and generation"},
    {.name = NULL, .help = "Reads"},
    {"depth", 'd', "X|X:Y", "30", "mean depth, or drawn between two bounds for each sample"},
    {"depth-spread", KEY_DEPTH_SPREAD, "X", "0.08", "standard deviation of its logarithm, on top"},
    {"read-length", KEY_READ_LENGTH, "BP", "150", "36 to 300"},
    {"insert-mean", KEY_INSERT_MEAN, "BP", "420", "length of fragments"},
    {"insert-sd", KEY_INSERT_SD, "BP", "90", "its standard deviation"},
    {"pcr-duplicates", KEY_DUPLICATES, "X", "0.05",
     "share of fragments that are read twice, and flagged"},
    {"chimeras", KEY_CHIMERAS, "X", "0.003", "share of pairs that do not belong together"},
    {"unmapped", KEY_UNMAPPED, "X", "0.003", "pairs without a place, a placed pair"},
    {"error-profile", KEY_PROFILE, "NAME", "novaseq",
     "base qualities: novaseq (4 values), hiseq (8), perfect"},
    {"indel-error", KEY_INDEL_ERROR, "X", "1",
     "slippage in tandem repeats: 0 none, 1 PCR-free, 10 PCR+"},
    {"gc-bias", KEY_GC_BIAS, "X", "0.3", "loss of depth away from 42 % GC: 0 none, 1 strong"},
    {"mt-depth", KEY_MT_FACTOR, "X", "10", "depth of the mitochondrial contig, times the rest"},
    {"contaminated", KEY_CONTAMINATED, "N", "0", "the last N samples hold reads of the next one"},
    {"contamination", KEY_CONTAMINATION, "X", "0.03", "share of such reads"},
    {.name = NULL, .help = "Evidence without reads, for tests of scale"},
    {"evidence", KEY_EVIDENCE, NULL, NULL,
     "write evidence files and true allele counts of one contig, nothing else"},
    {"batch", KEY_BATCH, "N", "256", "samples of an evidence file"},
    {"block-length", KEY_BLOCK, "BP", "300", "mean length of a reference block"},
    {"missing", KEY_MISSING, "X", "0.01", "share of the genome without data"},
    {"noise", KEY_NOISE, "X", "1e-5", "false events of low confidence a base"},
    {.name = NULL, .help = "Presets"},
    {"hard", KEY_HARD, NULL, NULL, "depth 12:38, 2 pairs of paralogs, clusters, STRs, PCR+ errors"},
    {.name = NULL, .help = NULL},
};

static const kuni_usage usage = {
    .about =
        "makes a cohort with known truth: reference, reads, manifest, workflow, true genotypes",
    .usage = "kuni simulate [OPTIONS] --out FOLDER",
    .options = table,
    .example = "  kuni simulate --samples 20 --contigs chr20,chrX,chrY,chrM --length 100k --depth "
               "30 --out cohort\n"
               "  kuni run cohort/workflow.yaml",
};

typedef struct request {
    kuni_simulate_options simulate;
    kuni_simulate_evidence_options evidence;
    bool evidence_only;
    kuni_options options;
} request;

static bool take_int(request *r, const char *name, const char *value, int64_t least, int64_t most,
                     uint32_t *out)
{
    int64_t number;
    if (!kuni_option_int(&r->options, name, value, least, most, &number)) return false;
    *out = (uint32_t)number;
    return true;
}

static bool take_float(request *r, const char *name, const char *value, double least, double most,
                       double *out)
{
    return kuni_option_float(&r->options, name, value, least, most, out);
}

/* Complains that the value of an option is none of what it may be. */
static bool refuse(request *r, const char *name, const char *value, const char *expected)
{
    r->options.status = kuni_command_complain(KUNI_USAGE, "'%s' is no value of --%s: expected %s",
                                              value, name, expected);
    return false;
}

static bool take_length(request *r, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (end != value && (*end == 'k' || *end == 'K'))
        number *= 1e3, end++;
    else if (end != value && *end == 'M')
        number *= 1e6, end++;
    if (strcmp(end, "b") == 0 || strcmp(end, "bp") == 0) end += strlen(end);
    if (end == value || *end || !(number >= 5000.0 && number <= 2e9))
        return refuse(r, "length", value, "5k to 2000M, for example 100k or 1Mb");
    r->simulate.length_bp = (int64_t)(number + 0.5);
    return true;
}

static bool take_depth(request *r, const char *value)
{
    char *end;
    kuni_simulate_options *o = &r->simulate;
    o->depth_least = o->depth_most = strtod(value, &end);
    if (end != value && *end == ':') {
        const char *second = end + 1;
        o->depth_most = strtod(second, &end);
        if (end == second)
            return refuse(r, "depth", value, "a depth as 30, or two bounds as 12:38");
    }
    if (end == value || *end || !(o->depth_least > 0.0) || !(o->depth_most >= o->depth_least) ||
        o->depth_most > 10000)
        return refuse(r, "depth", value, "a depth as 30, or two bounds as 12:38");
    return true;
}

static bool take_format(request *r, const char *value)
{
    r->simulate.bam = strcmp(value, "bam") == 0;
    return r->simulate.bam || strcmp(value, "cram") == 0 ||
           refuse(r, "format", value, "cram or bam");
}

static bool take_profile(request *r, const char *value)
{
    static const char *const names[] = {"novaseq", "hiseq", "perfect"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        r->simulate.profile = (kuni_simulate_profile)i;
        return true;
    }
    return refuse(r, "error-profile", value, "novaseq, hiseq or perfect");
}

static void make_hard(kuni_simulate_options *o)
{
    o->depth_least = 12.0;
    o->depth_most = 38.0;
    o->n_paralogs = 2;
    o->cluster_rate = 0.04;
    o->indel_ratio = 0.3;
    o->str_share = 0.6;
    o->indel_error = 2.0;
}

static bool take_cohort(request *r, int key, const char *value)
{
    kuni_simulate_options *o = &r->simulate;
    switch (key) {
    case 'n':
        return take_int(r, "samples", value, 1, 1000000, &o->n_samples);
    case KEY_TRIOS:
        return take_int(r, "trios", value, 0, 300000, &o->n_trios);
    case KEY_HETEROZYGOSITY:
        return take_float(r, "heterozygosity", value, 0.0, 0.05, &o->heterozygosity);
    case KEY_INDEL_RATIO:
        return take_float(r, "indel-ratio", value, 0.0, 2.0, &o->indel_ratio);
    case KEY_STR_SHARE:
        return take_float(r, "str-share", value, 0.0, 1.0, &o->str_share);
    case KEY_CLUSTERS:
        return take_float(r, "clusters", value, 0.0, 1.0, &o->cluster_rate);
    case KEY_RECOMBINATION:
        return take_float(r, "recombination", value, 0.0, 1e-5, &o->recombination);
    case KEY_PARALOGS:
        return take_int(r, "paralogs", value, 0, 1000, &o->n_paralogs);
    case KEY_LENGTH:
        return take_length(r, value);
    case KEY_CONTIGS:
        o->contigs = value;
        return true;
    case KEY_REFERENCE:
        o->reference = value;
        return true;
    case KEY_REGION:
        o->regions = value;
        return true;
    default:
        o->ploidy = value;
        return true;
    }
}

static bool take_reads(request *r, int key, const char *value)
{
    kuni_simulate_options *o = &r->simulate;
    switch (key) {
    case 'd':
        return take_depth(r, value);
    case KEY_DEPTH_SPREAD:
        return take_float(r, "depth-spread", value, 0.0, 2.0, &o->depth_spread);
    case KEY_READ_LENGTH:
        return take_int(r, "read-length", value, 36, 300, &o->read_length);
    case KEY_INSERT_MEAN:
        return take_float(r, "insert-mean", value, 36.0, 5000.0, &o->insert_mean);
    case KEY_INSERT_SD:
        return take_float(r, "insert-sd", value, 0.0, 1000.0, &o->insert_sd);
    case KEY_DUPLICATES:
        return take_float(r, "pcr-duplicates", value, 0.0, 1.0, &o->duplicates);
    case KEY_CHIMERAS:
        return take_float(r, "chimeras", value, 0.0, 1.0, &o->chimeras);
    case KEY_UNMAPPED:
        return take_float(r, "unmapped", value, 0.0, 1.0, &o->unmapped);
    case KEY_GC_BIAS:
        return take_float(r, "gc-bias", value, 0.0, 1.0, &o->gc_bias);
    case KEY_INDEL_ERROR:
        return take_float(r, "indel-error", value, 0.0, 100.0, &o->indel_error);
    case KEY_MT_FACTOR:
        return take_float(r, "mt-depth", value, 0.0, 1000.0, &o->mt_factor);
    case KEY_CONTAMINATED:
        return take_int(r, "contaminated", value, 0, 1000000, &o->n_contaminated);
    case KEY_CONTAMINATION:
        return take_float(r, "contamination", value, 0.0, 0.5, &o->contamination);
    case KEY_FORMAT:
        return take_format(r, value);
    default:
        return take_profile(r, value);
    }
}

static bool take(request *r, int key, const char *value)
{
    kuni_simulate_options *o = &r->simulate;
    int64_t seed;
    switch (key) {
    case 'o':
        o->out = value;
        return true;
    case 't':
        return take_int(r, "threads", value, 1, 1024, &o->n_threads);
    case KEY_SEED:
        if (!kuni_option_int(&r->options, "seed", value, 0, INT64_MAX, &seed)) return false;
        o->seed = (uint64_t)seed;
        return true;
    case KEY_FORCE:
        o->force = true;
        return true;
    case KEY_QUIET:
        o->progress = NULL;
        return true;
    case KEY_NO_READS:
        o->no_reads = true;
        return true;
    case KEY_HARD:
        make_hard(o);
        return true;
    case KEY_EVIDENCE:
        r->evidence_only = true;
        return true;
    case KEY_BATCH:
        return take_int(r, "batch", value, 1, 65536, &r->evidence.batch_size);
    case KEY_BLOCK:
        return take_float(r, "block-length", value, 1.0, 1e6, &r->evidence.block_bp);
    case KEY_MISSING:
        return take_float(r, "missing", value, 0.0, 0.9, &r->evidence.missing);
    case KEY_NOISE:
        return take_float(r, "noise", value, 0.0, 0.01, &r->evidence.noise);
    case 'n':
    case KEY_TRIOS:
    case KEY_HETEROZYGOSITY:
    case KEY_INDEL_RATIO:
    case KEY_STR_SHARE:
    case KEY_CLUSTERS:
    case KEY_RECOMBINATION:
    case KEY_PARALOGS:
    case KEY_LENGTH:
    case KEY_CONTIGS:
    case KEY_REFERENCE:
    case KEY_REGION:
    case KEY_PLOIDY:
        return take_cohort(r, key, value);
    default:
        return take_reads(r, key, value);
    }
}

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

int kuni_cmd_simulate(int argc, char **argv)
{
    request r;
    const char *value;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_simulate_defaults(&r.simulate);
    kuni_simulate_evidence_defaults(&r.evidence);
    r.evidence_only = false;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    r.simulate.n_threads = cores < 1 ? 1 : cores > 64 ? 64 : (uint32_t)cores;
    r.simulate.contamination = 0.03;
    r.simulate.progress = stderr;
    kuni_options_start(&r.options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&r.options, &value)) != KUNI_OPTIONS_END;)
        if (key == KUNI_OPTIONS_STOP || !take(&r, key, value)) return r.options.status;
    kuni_htslib_setup();
    if (r.evidence_only) return simulate_evidence(&r);
    if (kuni_simulate(&r.simulate, &err)) return kuni_command_fail(&err);
    printf("%s\n", r.simulate.out);
    return KUNI_OK;
}
