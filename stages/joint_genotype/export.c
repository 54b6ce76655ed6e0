/* SPDX-License-Identifier: MIT */
#include "export.h"

#include <stdlib.h>

#include "deciding.h"
#include "shard.h"

struct joint_export {
    joint_export_kind kind;
    char *path, *mode;
    const char *source;   /* NULL: the file has no header */
    const char *heads[2]; /* files of the header without and with local alleles; NULL: none */
    const joint_pass *pass;
    joint_render *render;
    joint_shard *first; /* the render borrows its cohort and filters */
};

kuni_status joint_export_open(joint_export **made, joint_export_kind kind, const char *path,
                              const char *mode, const char *source, kuni_error *err)
{
    joint_export *e = kuni_alloc(1, sizeof(*e), err);
    if (!e) return KUNI_MEMORY;
    e->kind = kind;
    e->source = source;
    e->path = kuni_strdup(path, err);
    e->mode = kuni_strdup(mode, err);
    if (!e->path || !e->mode) {
        joint_export_abandon(e);
        return KUNI_MEMORY;
    }
    *made = e;
    return KUNI_OK;
}

void joint_export_heads(joint_export *e, const char *plain, const char *local)
{
    e->heads[0] = plain;
    e->heads[1] = local;
}

bool joint_export_has_local(const joint_export *e)
{
    return e->render && joint_render_has_local(e->render);
}

void joint_export_through(joint_export *e, const joint_pass *pass)
{
    e->pass = pass;
}

kuni_status joint_export_params(joint_export_kind kind, kuni_params *params, kuni_error *err)
{
    kuni_status status = kuni_params_set(
        params, "output",
        kind == JOINT_EXPORT_DENSE || kind == JOINT_EXPORT_PLINK ? "dense" : "sites", err);
    if (status) return status;
    return kuni_params_set(params, "also", kind == JOINT_EXPORT_SPARSE ? "sparse" : "", err);
}

kuni_status joint_export_persons(const kuni_task *task, joint_export_person *persons,
                                 kuni_error *err)
{
    joint_deciding deciding;
    kuni_status status = joint_deciding_init(&deciding, task, err);
    for (size_t i = 0; i < task->n_samples && !status; i++) {
        joint_decision decision = joint_decide(&deciding, task, i);
        persons[i] = (joint_export_person){.karyotype = decision.who.karyotype,
                                           .undecided = decision.who.undecided};
    }
    joint_deciding_fini(&deciding);
    return status;
}

static joint_render_kind render_kind(joint_export_kind kind)
{
    return kind == JOINT_EXPORT_SPARSE  ? JOINT_RENDER_SPARSE
           : kind == JOINT_EXPORT_SITES ? JOINT_RENDER_SITES
                                        : JOINT_RENDER_DENSE;
}

kuni_status joint_export_shard(joint_export *e, const kuni_task *task,
                               const joint_export_source *source, kuni_span span, kuni_error *err)
{
    joint_added *added = NULL;
    joint_shard *shard = NULL;
    joint_called *called = NULL;
    bool opening = !e->render;
    kuni_status status = joint_shard_open(&shard, task, err);
    if (!status) {
        shard->options.named = e->kind == JOINT_EXPORT_PLINK;
        shard->options.source = e->source;
        shard->options.pass = e->pass;
    }
    const char *contig = kuni_genome_contig(task->genome, span.tid)->name;
    if (!status && source->added)
        status = joint_added_open(&added, source->added, source->added_index, contig, span, err);
    if (!status && added && e->kind == JOINT_EXPORT_SPARSE) joint_added_tell_dropped(added);
    if (!status && opening)
        status = joint_render_open(&e->render, render_kind(e->kind), e->path, e->mode,
                                   e->source && !e->heads[0], task, &shard->cohort, &shard->options,
                                   &shard->filters, added, err);
    for (int local = 0; local < 2 && opening && e->heads[local] && !status; local++)
        status = joint_render_head(e->render, e->heads[local], e->mode, local, err);
    if (!status && opening) status = joint_render_flush(e->render, err);
    if (!status)
        status =
            joint_called_open(&called, source->calls, source->calls_at, contig, span, added, err);
    if (!status) status = joint_shard_run_called(shard, e->render, called, span, err);
    joint_called_close(called);
    joint_added_close(added);
    if (!e->first)
        e->first = shard;
    else
        joint_shard_close(shard);
    return status;
}

void joint_export_abandon(joint_export *e)
{
    if (!e) return;
    joint_render_abandon(e->render);
    joint_shard_close(e->first);
    free(e->path);
    free(e->mode);
    free(e);
}

kuni_status joint_export_finish(joint_export *e, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (e->render) status = joint_render_finish(e->render, err);
    e->render = NULL;
    joint_export_abandon(e);
    return status;
}
