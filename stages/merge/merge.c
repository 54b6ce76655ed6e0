/* SPDX-License-Identifier: MIT */
/*
 * merge: joins the shards' calls into the national files.
 *
 * Every shard becomes pieces of whole BGZF blocks ("segment"); those of a call set that no stage has changed
 * since joint-genotype, and of its sparse form, are pieces as they stand. Headers, end marker, indices and the
 * list of pieces are made once ("head", "layout"); then all ranks write the files together
 * ("assemble"). Numbers of the call set are counted along with the segments, and published
 * by the last step ("report"). Nothing is ever gathered: blocks concatenate, and an index is shifted arithmetic.
 */
#include "kuni/stage.h"
#include "layout.h"
#include "report/callset.h"
#include "segment.h"

static const char *const relatives[] = {"all", "declared", "none", NULL};

static const kuni_param params[] = {
    {.name = "compression",
     .type = KUNI_PARAM_INT,
     .value = "6",
     .least = 1,
     .most = 9,
     .help = "level of BGZF of what is written anew: sites as VCF, and records of other "
             "stages than joint-genotype; 1 is fast, 9 is small"},
    {.name = "relatives",
     .type = KUNI_PARAM_CHOICE,
     .value = "all",
     .choices = relatives,
     .help = "pairs compared for kinship at common sites of the "
             "call set: all, declared ones only, none",
     .step = "report"},
    {.name = "kinship_least",
     .type = KUNI_PARAM_FLOAT,
     .value = "0.1767767",
     .least = 0.05,
     .most = 0.5,
     .help = "least kinship that is reported (2^-2.5: first "
             "degree)",
     .step = "report"},
    {.name = "kinship_min_sites",
     .type = KUNI_PARAM_INT,
     .value = "500",
     .least = 1,
     .most = COMMON_SITES_MOST,
     .unit = "sites",
     .help = "fewer sites called in both samples give no kinship",
     .step = "report"},
    {.name = NULL}};

static const kuni_port calls_in[] = {
    {.kind = "calls"}, {.kind = "sparse", .optional = true}, {.kind = NULL}};
static const kuni_port head_in[] = {{.kind = "calls", .in_place = true},
                                    {.kind = "sparse", .optional = true, .in_place = true},
                                    {.kind = "segment-info"},
                                    {.kind = NULL}};

static const kuni_port segment_out[] = {
    {.kind = "segment", .extension = "bcf.piece", .optional = true},
    {.kind = "segment-sites", .extension = "vcf.piece"},
    {.kind = "segment-sparse", .extension = "sparse.piece", .optional = true, .with = "sparse"},
    {.kind = "segment-info", .extension = "info"},
    {.kind = "call-counts", .extension = "counts"},
    {.kind = "common-sites", .extension = "sites"},
    {.kind = NULL}};

static const kuni_port head_out[] = {
    {.kind = "head", .extension = "bcf.piece"},
    {.kind = "head-sites", .extension = "vcf.piece"},
    {.kind = "head-sparse", .extension = "sparse.piece", .optional = true, .with = "sparse"},
    {.kind = "tail", .extension = "piece"},
    {.kind = NULL}};

static const kuni_port layout_in[] = {
    {.kind = "calls", .in_place = true},
    {.kind = "sparse", .optional = true, .in_place = true},
    {.kind = "segment", .in_place = true, .optional = true},
    {.kind = "segment-sites", .in_place = true},
    {.kind = "segment-sparse", .optional = true, .in_place = true},
    {.kind = "segment-info"},
    {.kind = "head"},
    {.kind = "head-sites"},
    {.kind = "head-sparse", .optional = true},
    {.kind = "tail"},
    {.kind = NULL}};

static const kuni_port layout_out[] = {
    {.kind = "assembly", .extension = "tsv"},
    {.kind = "national-index", .extension = "csi", .publish = "national.bcf.csi"},
    {.kind = "national-sites-tbi",
     .extension = "tbi",
     .publish = "national.sites.vcf.gz.tbi",
     .optional = true},
    {.kind = "national-sites-csi",
     .extension = "csi",
     .publish = "national.sites.vcf.gz.csi",
     .optional = true},
    {.kind = "national-sparse-index",
     .extension = "csi",
     .publish = "national.sparse.vcf.gz.csi",
     .optional = true,
     .with = "sparse"},
    {.kind = "merge-report", .extension = "json", .publish = "merge.json"},
    {.kind = NULL}};

static const kuni_port assemble_in[] = {{.kind = "assembly"},
                                        {.kind = "calls", .in_place = true},
                                        {.kind = "sparse", .optional = true, .in_place = true},
                                        {.kind = "segment", .optional = true},
                                        {.kind = "segment-sites"},
                                        {.kind = "segment-sparse", .optional = true},
                                        {.kind = "head"},
                                        {.kind = "head-sites"},
                                        {.kind = "head-sparse", .optional = true},
                                        {.kind = "tail"},
                                        {.kind = NULL}};

static const kuni_port assemble_out[] = {
    {.kind = "national", .extension = "bcf", .publish = "national.bcf"},
    {.kind = "national-sites", .extension = "vcf.gz", .publish = "national.sites.vcf.gz"},
    {.kind = "national-sparse",
     .extension = "vcf.gz",
     .publish = "national.sparse.vcf.gz",
     .optional = true,
     .with = "sparse"},
    {.kind = NULL}};

static const kuni_port report_in[] = {
    {.kind = "call-counts"}, {.kind = "common-sites"}, {.kind = NULL}};

static const kuni_port report_out[] = {
    {.kind = "call-summary", .extension = "tsv", .publish = "call-set/summary.tsv"},
    {.kind = "call-distributions", .extension = "tsv", .publish = "call-set/distributions.tsv"},
    {.kind = "call-samples", .extension = "tsv", .publish = "call-set/samples.tsv"},
    {.kind = "call-trios", .extension = "tsv", .publish = "call-set/trios.tsv"},
    {.kind = "call-windows", .extension = "tsv", .publish = "call-set/windows.tsv"},
    {.kind = "call-related", .extension = "tsv", .publish = "call-set/related.tsv", .tell = true},
    {.kind = "call-common-sites", .extension = "tsv", .publish = "call-set/common_sites.tsv"},
    {.kind = "call-report", .extension = "html", .publish = "call-set.html"},
    {.kind = "call-dictionary", .extension = "tsv", .publish = "call-set/data_dictionary.tsv"},
    {.kind = "call-multiqc",
     .extension = "tsv",
     .publish = "call-set/multiqc/kuni_call_set_mqc.tsv"},
    {.kind = "call-multiqc-frequencies",
     .extension = "json",
     .publish = "call-set/multiqc/kuni_allele_frequencies_mqc.json"},
    {.kind = NULL}};

static const kuni_step steps[] = {{.name = "segment",
                                   .scatter = KUNI_SCATTER_REGION,
                                   .inputs = calls_in,
                                   .outputs = segment_out,
                                   .run = segment_run},
                                  {.name = "head",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = head_in,
                                   .outputs = head_out,
                                   .run = head_run},
                                  {.name = "layout",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = layout_in,
                                   .outputs = layout_out,
                                   .run = layout_run},
                                  {.name = "assemble",
                                   .scatter = KUNI_SCATTER_RANKS,
                                   .inputs = assemble_in,
                                   .outputs = assemble_out},
                                  {.name = "report",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = report_in,
                                   .outputs = report_out,
                                   .run = callset_report_run}};

const kuni_stage kuni_stage_merge = {
    .name = "merge",
    .summary = "join the shards' calls into one indexed BCF and a sites VCF, written by all ranks",
    .version = 8,
    .params = params,
    .steps = steps,
    .n_steps = sizeof(steps) / sizeof(steps[0])};
