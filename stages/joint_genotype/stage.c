/* SPDX-License-Identifier: MIT */
/*
 * joint-genotype: evidence of all batches -> sites, genotypes and site statistics of a shard. See
 * joint.h for the way.
 */
#include <stdio.h>
#include <string.h>

#include "deciding.h"
#include "kuni/variant_prior.h"
#include "options.h"
#include "shard.h"

static const char *const likelihoods_choices[] = {"none", "trios", "all", NULL};
static const char *const cells_choices[] = {"banded", "exact", NULL};
static const char *const outputs_choices[] = {"auto", "dense", "sites", NULL};

/* Looser than GATK's: docs/call-set.md has the counts. */
static const char default_filters[] =
    "AC0: AC == 0\n"
    "LowQual: QUAL < 10\n"
    "LowQD: QD < 0.2\n"
    "StrandBias: (SNP && (FS > 60 || (FS > 30 && SOR > 4))) || (INDEL && (FS > 200 || SOR > 10))\n"
    "LowMQ: SNP && MQ < 10\n"
    "ExcessHet: ExcessHet > 54.69\n"
    "AlleleBalance: NHET >= 3 && (AB < 0.2 || AB > 0.8)\n"
    "LowCallRate: CR < 0.9 && NS / CR >= 20";

static const char *const sex_choices[] = {"declared", "inferred", "declared-or-inferred", NULL};
static const char *const conflict_choices[] = {"no-call", "declared", "inferred", NULL};

static const kuni_param params[] = {
    {.name = "output",
     .type = KUNI_PARAM_CHOICE,
     .value = "auto",
     .choices = outputs_choices,
     .help = "dense: a genotype column per sample; sites: site table only; auto: dense, up to "
             "10,000 samples: more must be told"},
    {.name = "also",
     .type = KUNI_PARAM_LIST,
     .value = "",
     .help = "further files a shard: sites (BCF without genotypes), sparse (VCF 4.5: reference "
             "blocks by LEN)"},
    {.name = "format",
     .type = KUNI_PARAM_LIST,
     .value = "GT\nGQ\nDP\nAD\nPL\nRNC\nPS",
     .help = "FORMAT fields of call sets with genotypes (GT is always there)"},
    {.name = "reference_likelihoods",
     .type = KUNI_PARAM_CHOICE,
     .value = "none",
     .choices = likelihoods_choices,
     .help =
         "dense: AD and PL of samples in reference blocks, from the block's least depth and GQ: "
         "of nobody, of the members of declared trios, of all"},
    {.name = "reference_cells",
     .type = KUNI_PARAM_CHOICE,
     .value = "banded",
     .choices = cells_choices,
     .help = "dense: GQ and DP of samples in reference blocks: lower edges of bands (GQ 1, 10, 20; "
             "DP 1, 5, 10), or as they are"},
    {.name = "sparse_gq",
     .type = KUNI_PARAM_LIST,
     .value = "1\n10\n20",
     .unit = "phred",
     .help = "lower edges of the bands of GQ that blocks of sparse are joined by; []: GQ as it is"},
    {.name = "sparse_dp", .type = KUNI_PARAM_LIST, .value = "1\n10", .help = "likewise of DP"},
    {.name = "local_alleles_over",
     .type = KUNI_PARAM_INT,
     .value = "6",
     .least = 0,
     .most = 60000,
     .help = "records with more ALTs than this have local alleles: LAA, LAD, LPL for AD, PL"},
    {.name = "min_allele_quality",
     .type = KUNI_PARAM_INT,
     .value = "0",
     .least = 0,
     .most = 65535,
     .unit = "phred",
     .help = "drop an ALT whose best carrier has less QUAL; INFO/DROPPED counts them"},
    {.name = "min_gq",
     .type = KUNI_PARAM_INT,
     .value = "0",
     .least = 0,
     .most = 99,
     .unit = "phred",
     .help = "a genotype of less quality is no call (RNC L)"},
    {.name = "prior_cap",
     .type = KUNI_PARAM_INT,
     .value = "60",
     .least = 0,
     .most = 120,
     .unit = "phred",
     .help = "most that an allele's rarity may move a genotype; 0: not at all"},
    KUNI_HETEROZYGOSITY_PARAMS,
    {.name = "compression",
     .type = KUNI_PARAM_INT,
     .value = "5",
     .least = 1,
     .most = 9,
     .help = "level of BGZF; merge takes the blocks as they are where no stage lies between"},
    {.name = "sex",
     .type = KUNI_PARAM_CHOICE,
     .value = "declared-or-inferred",
     .choices = sex_choices,
     .help =
         "what decides on copies of X and Y: the manifest, the karyotype that alignment-qc found "
         "(with it in needs), or both"},
    {.name = "conflict",
     .type = KUNI_PARAM_CHOICE,
     .value = "no-call",
     .choices = conflict_choices,
     .help =
         "of declared-or-inferred, where they contradict each other: no call of X and Y (RNC S), "
         "or which one counts"},
    {.name = "filters",
     .type = KUNI_PARAM_LIST,
     .value = default_filters,
     .help = "site filters, NAME: EXPRESSION over INFO; records are flagged, never removed"},
    {0},
};

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    joint_shard *shard = NULL;
    joint_render *renders[3] = {NULL};
    char binary[8], text[8];
    size_t n = 0;
    kuni_status status = joint_shard_open(&shard, task, err);
    const joint_options *o = status ? NULL : &shard->options;
    int level = (int)kuni_params_int(task->params, "compression");
    (void)snprintf(binary, sizeof(binary), "wb%d", level);
    (void)snprintf(text, sizeof(text), "wz%d", level);
    const struct {
        bool wanted;
        joint_render_kind kind;
        const char *output, *mode;
        bool sealed;
    } files[] = {
        {true, o && o->dense ? JOINT_RENDER_DENSE : JOINT_RENDER_SITES, "calls", binary, true},
        {o && o->sites, JOINT_RENDER_SITES, "sites", "wb2", false},
        {o && o->sparse, JOINT_RENDER_SPARSE, "sparse", text, true}};
    bool sealed[3] = {false};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !status; i++) {
        if (!files[i].wanted) continue;
        status = joint_render_open(&renders[n], files[i].kind,
                                   kuni_task_output(task, files[i].output), files[i].mode, true,
                                   task, &shard->cohort, o, &shard->filters, NULL, err);
        sealed[n] = files[i].sealed;
        if (!status) n++;
        if (!status) status = joint_render_flush(renders[n - 1], err);
    }
    if (!status) status = joint_shard_run(shard, renders, n, err);
    for (size_t i = 0; i < n; i++) {
        if (!status && sealed[i]) status = joint_render_seal(renders[i], err);
        if (!status)
            status = joint_render_finish(renders[i], err);
        else
            joint_render_abandon(renders[i]);
    }
    joint_shard_close(shard);
    return status;
}

static const kuni_port inputs[] = {
    {.kind = "evidence", .many = true, .in_place = true, .wider = true},
    {.kind = "karyotypes", .optional = true},
    {0}};
static const kuni_port outputs[] = {{.kind = "calls", .extension = "bcf"},
                                    {.kind = "sites", .extension = "sites.bcf", .optional = true},
                                    {.kind = "sparse", .extension = "vcf.gz", .optional = true},
                                    {0}};

static const kuni_port copies_inputs[] = {{.kind = "karyotypes", .optional = true}, {0}};
static const kuni_port copies_outputs[] = {{.kind = "copies",
                                            .extension = "tsv",
                                            .publish = JOINT_COPIES_TABLE,
                                            .optional = true,
                                            .tell = true},
                                           {0}};

static const kuni_step steps[] = {
    {.name = "", .scatter = KUNI_SCATTER_REGION, .inputs = inputs, .outputs = outputs, .run = run},
    {.name = "copies",
     .scatter = KUNI_SCATTER_COHORT,
     .inputs = copies_inputs,
     .outputs = copies_outputs,
     .run = joint_copies_run}};

enum { STEPS = sizeof(steps) / sizeof(steps[0]), OUTPUTS = sizeof(outputs) / sizeof(outputs[0]) };

/* Files that are not asked for are none of its outputs. */
static kuni_status shape(const kuni_params *p, kuni_arena *arena, const kuni_step **made,
                         size_t *n_made, kuni_error *err)
{
    const char *also = kuni_params_text(p, "also");
    kuni_step *own = kuni_arena_alloc(arena, STEPS, sizeof(*own), err);
    kuni_port *ports = kuni_arena_alloc(arena, OUTPUTS, sizeof(*ports), err);
    size_t n = 0;
    if (!own || !ports) return KUNI_MEMORY;
    memcpy(own, steps, sizeof(steps));
    for (size_t i = 0; outputs[i].kind; i++)
        if (!outputs[i].optional || joint_options_have(also, outputs[i].kind))
            ports[n++] = outputs[i];
    ports[n] = (kuni_port){0};
    own[0].outputs = ports;
    *made = own;
    *n_made = STEPS;
    return KUNI_OK;
}

const kuni_stage kuni_stage_joint_genotype = {
    .name = "joint-genotype",
    .summary = "genotypes all samples together at the sites found in any of them",
    .version = 12,
    .params = params,
    .steps = steps,
    .n_steps = STEPS,
    .shape = shape,
    .columns = joint_columns,
    .check = joint_options_check,
    .check_samples = joint_options_check_samples,
};
