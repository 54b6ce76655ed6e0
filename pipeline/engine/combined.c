/* SPDX-License-Identifier: MIT */
#include "combined.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folds.h"
#include "members.h"
#include "seals.h"

/* A file of one of the batches. */
typedef struct part {
    uint64_t key;
    kuni_stored_output stored;
    bool told;
} part;

typedef struct left_out {
    const char *sample, *where, *reason;
} left_out;

/* What the seals of a step tell. */
typedef struct step_files {
    const kuni_combined *c;
    size_t node, places, n_outputs;
    size_t batch; /* whose seal is read: from 0 */
    part *parts;  /* [(place * n_outputs + output) * n + batch] */
    bool folded;
    left_out *without;
    size_t n_without, capacity;
    kuni_arena *arena;
} step_files;

static part *part_at(const step_files *f, size_t place, size_t output, size_t batch)
{
    return &f->parts[(place * f->n_outputs + output) * f->c->n + batch];
}

static const char *keep(step_files *f, const char *text, kuni_error *err)
{
    return kuni_arena_strndup(f->arena, text, strlen(text), err);
}

static kuni_status take_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    step_files *f = context;
    int64_t shard;
    f->folded = f->folded || line->folded;
    if (line->made || line->folded) return KUNI_OK; /* loading has held them against the workflow */
    if (line->without) {
        kuni_status status =
            kuni_grow((void **)&f->without, &f->capacity, f->n_without + 1, sizeof(left_out), err);
        if (status) return status;
        left_out *out = &f->without[f->n_without++];
        *out = (left_out){keep(f, line->without, err), keep(f, line->where, err),
                          keep(f, line->reason, err)};
        return out->sample && out->where && out->reason ? KUNI_OK : KUNI_MEMORY;
    }
    if (!kuni_seals_place(f->c->ledger, f->node, line, &shard))
        return kuni_fail(err, KUNI_USAGE, "a seal of step %s tells of other shards or outputs",
                         f->c->ledger->run->plan.nodes[f->node].folder);
    *part_at(f, shard < 0 ? 0 : (size_t)shard, line->output, f->batch) =
        (part){.key = line->key, .stored = line->stored, .told = true};
    return KUNI_OK;
}

static void step_fini(step_files *f)
{
    free(f->parts);
    free(f->without);
    kuni_arena_free(f->arena);
}

/* Of each output all batches have a file, or none has. */
static kuni_status check_parts(const step_files *f, kuni_error *err)
{
    const kuni_node *node = &f->c->ledger->run->plan.nodes[f->node];
    for (size_t p = 0; p < f->places && !f->folded; p++)
        for (size_t o = 0; o < f->n_outputs; o++)
            for (size_t k = 1; k < f->c->n; k++) {
                const part *a = part_at(f, p, o, 0), *b = part_at(f, p, o, k);
                if (a->told != b->told || (a->stored.bytes < 0) != (b->stored.bytes < 0))
                    return kuni_fail(
                        err, KUNI_USAGE, "step %s: batch %s has files that batch %s has not",
                        node->folder, f->c->ledger->run->cohort.batches[f->c->first].id,
                        f->c->ledger->run->cohort.batches[f->c->first + k].id);
            }
    return KUNI_OK;
}

/* To be closed with step_fini also after a failure. */
static kuni_status step_read(step_files *f, const kuni_combined *c, size_t node, kuni_error *err)
{
    const kuni_node *n = &c->ledger->run->plan.nodes[node];
    *f = (step_files){.c = c,
                      .node = node,
                      .places = kuni_seals_places(n),
                      .n_outputs = n->n_outputs,
                      .arena = kuni_arena_new(err)};
    f->parts = kuni_alloc(f->places * f->n_outputs * c->n + 1, sizeof(part), err);
    if (!f->arena || !f->parts) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (f->batch = 0; f->batch < c->n && !status; f->batch++) {
        bool found = false;
        kuni_arena_clear(c->ledger->arena);
        char *path = kuni_strdup(kuni_seal_path(c->ledger, node, c->first + f->batch, err), err);
        status = path ? kuni_seal_read(path, take_line, f, &found, err) : KUNI_MEMORY;
        if (!status && !found) status = kuni_fail(err, KUNI_IO, "%s: missing", path);
        free(path);
    }
    return status ? status : check_parts(f, err);
}

static bool is_sealed(const kuni_combined *c, size_t node)
{
    const kuni_plan *plan = &c->ledger->run->plan;
    return c->ledger->sealed[node * plan->n_batches + c->first] != KUNI_SEAL_NONE;
}

kuni_status kuni_combined_weigh(const kuni_combined *c, kuni_combined_sum *sum, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->ledger->run->plan.n_nodes && !status; i++) {
        step_files f;
        if (!is_sealed(c, i)) continue;
        status = step_read(&f, c, i, err);
        for (size_t at = 0; at < f.places * f.n_outputs * c->n && !status; at++)
            if (f.parts[at].told && f.parts[at].stored.bytes > 0)
                sum->bytes += f.parts[at].stored.bytes;
        step_fini(&f);
    }
    return status;
}

/* --- making --- */

/* Every byte is read: no time is believed. */
static kuni_status check_part(const step_files *f, size_t place, size_t output, size_t batch,
                              const char *path, kuni_error *err)
{
    kuni_stored_output stored = part_at(f, place, output, batch)->stored;
    stored.mtime_ns = INT64_MIN;
    if (kuni_stored_is_intact(path, &stored)) return KUNI_OK;
    return kuni_fail(err, KUNI_IO,
                     "%s is missing, altered or damaged: nothing was changed: see `kuni repair`",
                     path);
}

static const char *name_of(const step_files *f, size_t place, char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    const kuni_plan *plan = &f->c->ledger->run->plan;
    const kuni_node *node = &plan->nodes[f->node];
    return kuni_seals_place_name(plan, node, kuni_seals_shard(node, place), room);
}

/* What the files of a place are made of, and nothing else, makes their key. */
static kuni_status key_of(const step_files *f, size_t place, uint64_t *key, kuni_error *err)
{
    char room[KUNI_PLAN_RUN_NAME_BYTES], hex[KUNI_DIGEST_HEX_BYTES];
    const kuni_combined *c = f->c;
    kuni_hash hash;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "combined");
    kuni_digest_add_text(digest, c->ledger->run->plan.nodes[f->node].folder);
    kuni_digest_add_text(digest, name_of(f, place, room));
    kuni_digest_add_text(digest, c->after->cohort.batches[c->into].id);
    for (size_t o = 0; o < f->n_outputs; o++)
        for (size_t k = 0; k < c->n; k++) {
            const part *p = part_at(f, place, o, k);
            kuni_hash_print(&p->stored.digest, hex);
            kuni_digest_add_int(digest, p->stored.bytes);
            kuni_digest_add_text(digest, hex);
        }
    kuni_digest_finish_hash(digest, &hash);
    *key = kuni_hash_short(&hash);
    return KUNI_OK;
}

/* Of one span of a bundle. */
static kuni_status combine_member(void *context, const kuni_task *member, kuni_error *err)
{
    return ((const kuni_step *)context)->combine(member, err);
}

static kuni_status combine_bundle(const kuni_combined *c, const kuni_bundle *bundle,
                                  kuni_arena *arena, kuni_error *err)
{
    const char *folder =
        kuni_run_path(c->ledger->run, arena, err, "tmp/compact-%ld", (long)getpid());
    return folder
               ? kuni_members_make(bundle, combine_member, (void *)bundle->step, folder, arena, err)
               : KUNI_MEMORY;
}

/* The files of one place, and what becomes of them. */
typedef struct place_files {
    kuni_task_file *inputs, outputs[KUNI_PLAN_OUTPUTS_MAX];
    uint32_t *spans;
    size_t n_inputs, n_outputs;
    kuni_arena *arena;
} place_files;

static kuni_status add_output(const step_files *f, size_t place, size_t o, uint64_t key,
                              uint32_t spans, place_files *files, kuni_error *err)
{
    const kuni_combined *c = f->c;
    const kuni_run *run = c->ledger->run;
    const kuni_node *node = &run->plan.nodes[f->node];
    int64_t shard = kuni_seals_shard(node, place);
    kuni_task_file file = {.kind = node->step->outputs[o].kind,
                           .shard = shard < 0 ? -1 : (int64_t)run->plan.reads.shards[shard].first};
    for (size_t k = 0; k < c->n; k++) {
        const part *p = part_at(f, place, o, k);
        file.batch = (int64_t)(c->first + k);
        file.path = kuni_run_output(run, files->arena, f->node, o, shard, file.batch, p->key, err);
        if (!file.path) return KUNI_MEMORY;
        kuni_status status = check_part(f, place, o, k, file.path, err);
        if (status) return status;
        files->spans[files->n_inputs] = spans;
        files->inputs[files->n_inputs++] = file;
    }
    file.batch = (int64_t)c->into;
    file.path = kuni_run_output(c->after, files->arena, f->node, o, shard, file.batch, key, err);
    files->outputs[files->n_outputs++] = file;
    return file.path ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status run_combine(const step_files *f, size_t place, const place_files *files,
                               uint32_t spans, kuni_error *err)
{
    const kuni_combined *c = f->c;
    const kuni_run *run = c->ledger->run;
    const kuni_node *node = &run->plan.nodes[f->node];
    int64_t shard = kuni_seals_shard(node, place);
    const kuni_task task = {.stage_id = node->id,
                            .genome = run->genome,
                            .ploidy = run->ploidy,
                            .params = node->params,
                            .samples = run->cohort.samples,
                            .n_samples = run->cohort.n_samples,
                            .batches = c->after->cohort.batches,
                            .n_batches = c->after->cohort.n_batches,
                            .shards = run->plan.reads.spans,
                            .n_shards = run->plan.reads.n_spans,
                            .shard = shard < 0 ? -1 : (int64_t)run->plan.reads.shards[shard].first,
                            .batch = (int64_t)c->into,
                            .inputs = files->inputs,
                            .n_inputs = files->n_inputs,
                            .outputs = files->outputs,
                            .n_outputs = files->n_outputs,
                            .memory_bytes = run->workflow.memory_bytes};
    const kuni_bundle bundle = {
        .step = node->step, .task = &task, .n_spans = spans, .input_spans = files->spans};
    return spans > 1 ? combine_bundle(c, &bundle, files->arena, err)
                     : node->step->combine(&task, err);
}

static kuni_status make_folders(const place_files *files, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t o = 0; o < files->n_outputs && !status; o++) {
        char *folder = kuni_strdup(files->outputs[o].path, err);
        if (!folder) return KUNI_MEMORY;
        *strrchr(folder, '/') = '\0';
        status = kuni_make_folders(folder, err);
        free(folder);
    }
    return status;
}

static kuni_status make_place(const step_files *f, size_t place, kuni_seal_writer *writer,
                              kuni_combined_sum *sum, kuni_error *err)
{
    const kuni_combined *c = f->c;
    const kuni_plan *plan = &c->ledger->run->plan;
    int64_t shard = kuni_seals_shard(&plan->nodes[f->node], place);
    uint32_t spans = shard < 0 ? 1 : plan->reads.shards[shard].n;
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    uint64_t key;
    if (!part_at(f, place, 0, 0)->told) return KUNI_OK;
    place_files files = {.arena = kuni_arena_new(err)};
    files.inputs = kuni_alloc(f->n_outputs * c->n, sizeof(*files.inputs), err);
    files.spans = kuni_alloc(f->n_outputs * c->n, sizeof(*files.spans), err);
    kuni_status status = files.arena && files.inputs && files.spans ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = key_of(f, place, &key, err);
    for (size_t o = 0; o < f->n_outputs && !status; o++)
        if (part_at(f, place, o, 0)->stored.bytes >= 0)
            status = add_output(f, place, o, key, spans, &files, err);
    if (!status && files.n_outputs) status = make_folders(&files, err);
    if (!status && files.n_outputs) status = run_combine(f, place, &files, spans, err);
    for (size_t o = 0, at = 0; o < f->n_outputs && !status; o++) {
        kuni_stored_output stored = {.bytes = -1};
        if (part_at(f, place, o, 0)->stored.bytes >= 0) {
            status = kuni_stored_look(files.outputs[at++].path, &stored, err);
            sum->files++;
            sum->bytes_after += stored.bytes;
        }
        if (!status) status = kuni_seal_add(writer, name_of(f, place, room), key, o, &stored, err);
    }
    free(files.inputs);
    free(files.spans);
    kuni_arena_free(files.arena);
    return status;
}

/* The seal of a step that is folded tells of nothing but that. */
static kuni_status begin_seal(const step_files *f, kuni_seal_writer **writer, kuni_error *err)
{
    const kuni_combined *c = f->c;
    const kuni_plan *plan = &c->ledger->run->plan;
    const kuni_node *node = &plan->nodes[f->node];
    kuni_hash made, shards;
    kuni_ledger_made(c->ledger, f->node, c->first, &made);
    const char *path = kuni_run_path(c->after, f->arena, err, "sealed/%s/%s.tsv", node->folder,
                                     c->after->cohort.batches[c->into].id);
    if (!path) return KUNI_MEMORY;
    if (!f->folded) return kuni_seal_create(writer, path, &made, err);
    kuni_status status = kuni_fold_shards(plan, f->node, &shards, err);
    return status ? status
                  : kuni_seal_create_folded(writer, path, &made,
                                            plan->nodes[node->folded_by].folder, &shards, err);
}

static kuni_status make_step(const kuni_combined *c, size_t node, kuni_combined_sum *sum,
                             kuni_error *err)
{
    step_files f;
    kuni_seal_writer *writer = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status status = step_read(&f, c, node, err);
    if (!status) status = begin_seal(&f, &writer, err);
    for (size_t i = 0; i < f.n_without && !status; i++)
        status = kuni_seal_without(writer, f.without[i].sample, f.without[i].where,
                                   f.without[i].reason, err);
    for (size_t p = 0; p < f.places && !status && !f.folded; p++)
        status = make_place(&f, p, writer, sum, err);
    kuni_status closed =
        writer ? kuni_seal_close(writer, !status, status ? &ignored : err) : KUNI_OK;
    step_fini(&f);
    return status ? status : closed;
}

kuni_status kuni_combined_make(const kuni_combined *c, kuni_combined_sum *sum, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->ledger->run->plan.n_nodes && !status; i++)
        if (is_sealed(c, i)) status = make_step(c, i, sum, err);
    return status;
}
