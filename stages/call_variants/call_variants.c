/* SPDX-License-Identifier: MIT */
/* The stage: parameters, files and hooks. The work is in sample_sweep.c. */
#include <stdlib.h>

#include "kuni/evidence.h"
#include "kuni/stage.h"
#include "kuni/variant_prior.h"
#include "model/lead.h"
#include "model/reference.h"
#include "regions/given_alleles.h"
#include "sample_sweep.h"

enum { STAGE_VERSION = 10 };

static const kuni_param params[] = {
    {.name = "min_mapping_quality",
     .type = KUNI_PARAM_INT,
     .value = "10",
     .least = 0,
     .most = 254,
     .unit = "phred",
     .help = "reads mapped with less are not used"},
    {.name = "min_base_quality",
     .type = KUNI_PARAM_INT,
     .value = "10",
     .least = 1,
     .most = 60,
     .unit = "phred",
     .help = "bases below are not counted"},
    {.name = "max_depth",
     .type = KUNI_PARAM_INT,
     .value = "1000",
     .least = 50,
     .most = 20000,
     .help = "reads are thinned, by a hash of their names, to about this depth"},
    {.name = "mito_max_depth",
     .type = KUNI_PARAM_INT,
     .value = "5000",
     .least = 50,
     .most = 20000,
     .help = "max_depth of mitochondrial contigs"},
    KUNI_HETEROZYGOSITY_PARAMS,
    {.name = "mito_min_fraction",
     .type = KUNI_PARAM_FLOAT,
     .value = "0.02",
     .least = 0.001,
     .most = 1,
     .help = "least fraction of mitochondrial copies for a call"},
    {.name = "pcr_free",
     .type = KUNI_PARAM_BOOL,
     .value = "false",
     .help = "the libraries were made without PCR: fewer length errors in repeats"},
    {.name = "alleles",
     .type = KUNI_PARAM_PATH,
     .help = "VCF or BCF with index: its alleles are genotyped in every sample"},
    {.name = NULL}};

typedef struct call_state {
    const kuni_task *task;
    kuni_call_options options;
    kuni_call_reference reference;
    kuni_given_alleles given;
    kuni_evidence_writer *writer;
    kuni_sample_sweep *sweep;
    uint32_t sample;
} call_state;

static kuni_call_options read_options(const kuni_params *values)
{
    return (kuni_call_options){
        .min_mapping_quality = (int)kuni_params_int(values, "min_mapping_quality"),
        .min_base_quality = (int)kuni_params_int(values, "min_base_quality"),
        .max_depth = (int)kuni_params_int(values, "max_depth"),
        .mito_max_depth = (int)kuni_params_int(values, "mito_max_depth"),
        .snp_heterozygosity = kuni_params_float(values, "snp_heterozygosity"),
        .indel_heterozygosity = kuni_params_float(values, "indel_heterozygosity"),
        .mito_min_fraction = kuni_params_float(values, "mito_min_fraction"),
        .pcr_free = kuni_params_bool(values, "pcr_free"),
        .emit_phred = 13};
}

static void call_close(void *state)
{
    call_state *s = state;
    if (!s) return;
    kuni_sample_sweep_free(s->sweep);
    if (s->writer) kuni_evidence_abandon(s->writer);
    kuni_call_reference_fini(&s->reference);
    kuni_given_alleles_fini(&s->given);
    free(s);
}

static kuni_status call_open(const kuni_task *task, void **state, kuni_error *err)
{
    call_state *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return KUNI_MEMORY;
    s->task = task;
    s->options = read_options(task->params);
    kuni_span shard = task->shards[task->shard];
    kuni_status status = kuni_call_reference_load(&s->reference, task->genome, shard, err);
    const char *alleles = kuni_params_text(task->params, "alleles");
    if (!status && alleles)
        status = kuni_given_alleles_load(&s->given, alleles,
                                         kuni_genome_contig(task->genome, shard.tid)->name,
                                         s->reference.beg, s->reference.end, &s->reference, err);
    if (!status)
        status =
            kuni_evidence_create_for_task(&s->writer, task, "call-variants", STAGE_VERSION, err);
    if (!status)
        status = kuni_sample_sweep_new(&s->sweep, &s->options, &s->reference, &s->given, shard,
                                       kuni_genome_contig(task->genome, shard.tid), task->ploidy,
                                       s->writer, err);
    if (status) {
        call_close(s);
        return status;
    }
    *state = s;
    return KUNI_OK;
}

kuni_call_counts kuni_call_variants_counts(void *state)
{
    return kuni_sample_sweep_get_counts(((call_state *)state)->sweep);
}

static kuni_status call_begin_sample(void *state, size_t sample, kuni_error *err)
{
    call_state *s = state;
    const kuni_task *task = s->task;
    int lead;
    s->sample = (uint32_t)sample;
    kuni_status status =
        kuni_lead_find(task, &task->samples[task->batches[task->batch].first + sample], &lead, err);
    if (!status) kuni_sample_sweep_begin(s->sweep, s->sample, lead);
    return status;
}

static kuni_status call_read(void *state, const bam1_t *record, kuni_error *err)
{
    call_state *s = state;
    return kuni_sample_sweep_read(s->sweep, record, err);
}

static kuni_status call_end_sample(void *state, kuni_error *err)
{
    call_state *s = state;
    return kuni_sample_sweep_end(s->sweep, err);
}

static void call_drop_sample(void *state)
{
    call_state *s = state;
    kuni_evidence_drop_sample(s->writer, s->sample);
}

static kuni_status call_finish(void *state, kuni_error *err)
{
    call_state *s = state;
    kuni_evidence_writer *writer = s->writer;
    s->writer = NULL;
    return kuni_evidence_finish(writer, err);
}

static const kuni_port outputs[] = {{.kind = "evidence", .extension = "ev"}, {.kind = NULL}};

static const kuni_step steps[] = {{.name = "",
                                   .scatter = KUNI_SCATTER_READS,
                                   .outputs = outputs,
                                   .feed = KUNI_FEED_READS,
                                   .fields = SAM_QNAME | SAM_FLAG | SAM_RNAME | SAM_POS | SAM_MAPQ |
                                             SAM_CIGAR | SAM_RNEXT | SAM_PNEXT | SAM_TLEN |
                                             SAM_SEQ | SAM_QUAL,
                                   .halo_bp = KUNI_CALL_HALO_BP,
                                   .open = call_open,
                                   .begin_sample = call_begin_sample,
                                   .read = call_read,
                                   .end_sample = call_end_sample,
                                   .drop_sample = call_drop_sample,
                                   .finish = call_finish,
                                   .close = call_close,
                                   .without = kuni_evidence_without,
                                   .combine = kuni_evidence_combine}};

const kuni_stage kuni_stage_call_variants = {
    .name = "call-variants",
    .summary = "variants and reference confidence of each sample, from its reads",
    .version = STAGE_VERSION,
    .params = params,
    .steps = steps,
    .n_steps = 1};
