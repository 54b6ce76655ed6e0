/* SPDX-License-Identifier: MIT */
/* The stage: parameters, files, and the steps; reads, batches and the cohort have rooms of their own. */
#include "kuni/stage.h"
#include "batch/batch_step.h"
#include "batch/fold_step.h"
#include "cohort/cohort_step.h"
#include "cohort/profile.h"
#include "partials/panel.h"
#include "reads/reads_step.h"

static const char *const relatives[] = {"all", "declared", "none", NULL};

static const kuni_param params[] = {
    {.name = "min_base_quality",
     .type = KUNI_PARAM_INT,
     .value = "20",
     .least = 0,
     .most = 60,
     .unit = "phred",
     .help = "least base quality that counts towards coverage (GA4GH: 20)"},
    {.name = "min_mapping_quality",
     .type = KUNI_PARAM_INT,
     .value = "20",
     .least = 0,
     .most = 254,
     .unit = "phred",
     .help = "least mapping quality that counts towards coverage (GA4GH: 20)"},
    {.name = "autosomes",
     .type = KUNI_PARAM_LIST,
     .help = "contigs that count as autosomes [chr1..chr22, 1..22, or their accessions]"},
    {.name = "contamination_panel",
     .type = KUNI_PARAM_PATH,
     .help = "VerifyBamID2 SVD panel: its .bed file, with .mu and .UD beside it; also gives the "
             "fingerprint"},
    {.name = "panel_min_base_quality",
     .type = KUNI_PARAM_INT,
     .value = "13",
     .least = 0,
     .most = 60,
     .unit = "phred",
     .help = "least base quality in the pileup at panel sites (VerifyBamID2: 13)"},
    {.name = "panel_min_mapping_quality",
     .type = KUNI_PARAM_INT,
     .value = "2",
     .least = 0,
     .most = 254,
     .unit = "phred",
     .help = "least mapping quality in the pileup at panel sites (VerifyBamID2: 2)"},
    {.name = "contamination_pcs",
     .type = KUNI_PARAM_INT,
     .value = "4",
     .least = 1,
     .most = KUNI_QC_PCS_MAX,
     .help = "principal components fitted with the contamination (GA4GH: 4)",
     .step = "batch"},
    {.name = "contamination_min_sites",
     .type = KUNI_PARAM_INT,
     .value = "500",
     .least = 20,
     .most = 10000000,
     .unit = "sites",
     .help = "fewer panel sites with reads give no estimate",
     .step = "batch"},
    {.name = "profile",
     .type = KUNI_PARAM_TEXT,
     .value = "lenient",
     .help = "thresholds to judge by: gel, gnomad, lenient, none, or one of your own file",
     .step = "cohort"},
    {.name = "profiles",
     .type = KUNI_PARAM_PATH,
     .help = "file of threshold profiles [those of workflows/qc-profiles.yaml]",
     .step = "cohort"},
    {.name = "relatives",
     .type = KUNI_PARAM_CHOICE,
     .value = "all",
     .choices = relatives,
     .help = "pairs compared for kinship: all, declared ones only, none",
     .step = "cohort"},
    {.name = "kinship_least",
     .type = KUNI_PARAM_FLOAT,
     .value = "0.1767767",
     .least = 0.05,
     .most = 0.5,
     .help = "least kinship that is reported (2^-2.5: first degree)",
     .step = "cohort"},
    {.name = "kinship_min_sites",
     .type = KUNI_PARAM_INT,
     .value = "500",
     .least = 1,
     .most = 10000000,
     .unit = "sites",
     .help = "fewer sites called in both samples give no kinship",
     .step = "cohort"},
    {.name = "samtools_stats",
     .type = KUNI_PARAM_BOOL,
     .value = "true",
     .help = "publish an archive with a samtools-stats text of every sample",
     .step = "cohort"},
    {.name = NULL}};

static const kuni_port partial_port[] = {{.kind = "qc-partial", .extension = "qcp"},
                                         {.kind = NULL}};
static const kuni_port fold_inputs[] = {{.kind = "qc-partial"}, {.kind = NULL}};
static const kuni_port batch_inputs[] = {
    {.kind = "qc-partial"},
    {.kind = "evidence", .optional = true, .many = true, .in_place = true},
    {.kind = NULL}};
static const kuni_port batch_port[] = {{.kind = "qc-batch", .extension = "qcb"}, {.kind = NULL}};
static const kuni_port batch_outputs[] = {{.kind = "qc-batch", .extension = "qcb"},
                                          {.kind = "karyotypes", .extension = "karyotypes.tsv"},
                                          {.kind = NULL}};
static const kuni_port cohort_outputs[] = {
    {.kind = "sample-qc", .extension = "tsv", .publish = "qc/sample_qc.tsv"},
    {.kind = "wgs-qc-metrics", .extension = "json", .publish = "qc/wgs_qc_metrics.json"},
    {.kind = "qc-failures", .extension = "tsv", .publish = "qc/failures.tsv"},
    {.kind = "related", .extension = "tsv", .publish = "qc/related.tsv"},
    {.kind = "contig-coverage", .extension = "tsv", .publish = "qc/contig_coverage.tsv"},
    {.kind = "qc-dictionary", .extension = "tsv", .publish = "qc/data_dictionary.tsv"},
    {.kind = "qc-multiqc", .extension = "tsv", .publish = "qc/multiqc/kuni_alignment_qc_mqc.tsv"},
    {.kind = "qc-multiqc-coverage",
     .extension = "json",
     .publish = "qc/multiqc/kuni_coverage_mqc.json"},
    {.kind = "samtools-stats",
     .extension = "tar.gz",
     .publish = "qc/samtools_stats.tar.gz",
     .optional = true},
    {.kind = "qc-summary", .extension = "tsv", .publish = "qc/summary.tsv"},
    {.kind = "qc-report", .extension = "html", .publish = "qc/report.html"},
    {.kind = NULL}};

static const kuni_step steps[] = {{.name = "reads",
                                   .scatter = KUNI_SCATTER_READS,
                                   .outputs = partial_port,
                                   .feed = KUNI_FEED_READS,
                                   .fields = SAM_QNAME | SAM_FLAG | SAM_RNAME | SAM_POS | SAM_MAPQ |
                                             SAM_CIGAR | SAM_RNEXT | SAM_PNEXT | SAM_TLEN |
                                             SAM_SEQ | SAM_QUAL,
                                   .unplaced = true,
                                   .open = kuni_qc_reads_open,
                                   .begin_sample = kuni_qc_reads_begin,
                                   .read = kuni_qc_reads_add,
                                   .end_sample = kuni_qc_reads_end,
                                   .drop_sample = kuni_qc_reads_drop,
                                   .finish = kuni_qc_reads_finish,
                                   .close = kuni_qc_reads_close,
                                   .without = kuni_qc_reads_without},
                                  {.name = "fold",
                                   .scatter = KUNI_SCATTER_BATCH,
                                   .inputs = fold_inputs,
                                   .outputs = partial_port,
                                   .run = kuni_qc_fold_run,
                                   .folds = true,
                                   .without = kuni_qc_reads_without,
                                   .combine = kuni_qc_fold_combine},
                                  {.name = "batch",
                                   .scatter = KUNI_SCATTER_BATCH,
                                   .inputs = batch_inputs,
                                   .outputs = batch_outputs,
                                   .run = kuni_qc_batch_run},
                                  {.name = "cohort",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = batch_port,
                                   .outputs = cohort_outputs,
                                   .run = kuni_qc_cohort_run}};

static kuni_status check(const kuni_params *given, kuni_error *err)
{
    const char *profiles = kuni_params_text(given, "profiles");
    const char *panel = kuni_params_text(given, "contamination_panel");
    kuni_qc_profile *profile = NULL;
    kuni_status status = kuni_qc_profile_read(&profile, profiles && *profiles ? profiles : NULL,
                                              kuni_params_text(given, "profile"), err);
    kuni_qc_profile_free(profile);
    return !status && panel && *panel ? kuni_qc_panel_probe(panel, err) : status;
}

const kuni_stage kuni_stage_alignment_qc = {
    .name = "alignment-qc",
    .summary = "GA4GH WGS QC metrics, contamination, sex and identity of every sample",
    .version = 5,
    .params = params,
    .steps = steps,
    .n_steps = sizeof(steps) / sizeof(steps[0]),
    .check = check};
