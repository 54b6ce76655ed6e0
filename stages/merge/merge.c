/* SPDX-License-Identifier: MIT */
/*
 * merge: joins the shards' calls into the national files.
 *
 * Every shard becomes pieces of whole BGZF blocks ("segment"); headers, end marker, indices and the
 * list of pieces are made once ("head", "layout"); then all ranks write the files together
 * ("assemble"). Nothing is ever gathered: blocks concatenate, and an index is shifted arithmetic.
 */
#include "kuni/stage.h"
#include "layout.h"
#include "segment.h"

static const kuni_param params[] = {{.name = "compression",
                                     .type = KUNI_PARAM_INT,
                                     .value = "6",
                                     .least = 1,
                                     .most = 9,
                                     .help = "level of BGZF: 1 is fast, 9 is small"},
                                    {.name = NULL}};

static const kuni_port calls_in[] = {{.kind = "calls"}, {.kind = NULL}};

static const kuni_port segment_out[] = {{.kind = "segment", .extension = "bcf.piece"},
                                        {.kind = "segment-sites", .extension = "vcf.piece"},
                                        {.kind = "segment-info", .extension = "info"},
                                        {.kind = NULL}};

static const kuni_port head_out[] = {{.kind = "head", .extension = "bcf.piece"},
                                     {.kind = "head-sites", .extension = "vcf.piece"},
                                     {.kind = "tail", .extension = "piece"},
                                     {.kind = NULL}};

static const kuni_port layout_in[] = {
    {.kind = "calls"}, {.kind = "segment"},    {.kind = "segment-sites"}, {.kind = "segment-info"},
    {.kind = "head"},  {.kind = "head-sites"}, {.kind = "tail"},          {.kind = NULL}};

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
    {.kind = "merge-report", .extension = "json", .publish = "merge.json"},
    {.kind = NULL}};

static const kuni_port assemble_in[] = {
    {.kind = "assembly"}, {.kind = "segment"},    {.kind = "segment-sites"},
    {.kind = "head"},     {.kind = "head-sites"}, {.kind = "tail"},
    {.kind = NULL}};

static const kuni_port assemble_out[] = {
    {.kind = "national", .extension = "bcf", .publish = "national.bcf"},
    {.kind = "national-sites", .extension = "vcf.gz", .publish = "national.sites.vcf.gz"},
    {.kind = NULL}};

static const kuni_step steps[] = {{.name = "segment",
                                   .scatter = KUNI_SCATTER_REGION,
                                   .inputs = calls_in,
                                   .outputs = segment_out,
                                   .run = segment_run},
                                  {.name = "head",
                                   .scatter = KUNI_SCATTER_COHORT,
                                   .inputs = calls_in,
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
                                   .outputs = assemble_out}};

const kuni_stage kuni_stage_merge = {
    .name = "merge",
    .summary = "join the shards' calls into one indexed BCF and a sites VCF, written by all ranks",
    .version = 2,
    .params = params,
    .steps = steps,
    .n_steps = sizeof(steps) / sizeof(steps[0])};
