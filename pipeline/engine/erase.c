/* SPDX-License-Identifier: MIT */
#include "erase.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "journal.h"
#include "members.h"
#include "samples.h"
#include "seals.h"

/* --- who --- */

static kuni_status choose(kuni_erase *e, kuni_error *err)
{
    const kuni_cohort *cohort = &e->run->cohort;
    kuni_names names = {.table = NULL};
    kuni_status status = KUNI_OK;
    for (size_t b = 0; b < cohort->n_batches && !status; b++)
        status = kuni_names_add(&names, cohort->batches[b].id, (uint32_t)b, err);
    for (size_t i = 0; i < e->erasure->n_samples && !status; i++) {
        const kuni_erased_sample *one = &e->erasure->samples[i];
        int64_t b = kuni_names_find(&names, one->batch);
        if (b < 0 || one->place >= (int64_t)cohort->batches[b].n_samples) {
            status = kuni_fail(err, KUNI_IO,
                               "%s: the erasure under way tells of a batch %s that "
                               "the register lacks",
                               e->run->folder, one->batch);
            break;
        }
        e->gone[cohort->batches[b].first + (size_t)one->place] = 1;
        e->n_batches += !e->batches[b];
        e->batches[b] = 1;
    }
    kuni_names_fini(&names);
    return status;
}

kuni_status kuni_erase_init(kuni_erase *e, const kuni_run *run, const kuni_erasure *erasure,
                            kuni_error *err)
{
    const kuni_cohort *cohort = &run->cohort;
    const kuni_plan *plan = &run->plan;
    *e = (kuni_erase){.run = run, .erasure = erasure};
    e->gone = kuni_alloc(cohort->n_samples + 1, 1, err);
    e->batches = kuni_alloc(cohort->n_batches + 1, 1, err);
    e->after = kuni_alloc(cohort->n_samples + 1, sizeof(kuni_sample), err);
    e->arena = kuni_arena_new(err);
    if (!e->gone || !e->batches || !e->after || !e->arena) return KUNI_MEMORY;
    kuni_status status = choose(e, err);
    for (size_t i = 0; i < cohort->n_samples; i++) {
        e->after[i] = cohort->samples[i];
        if (e->gone[i])
            e->after[i] = (kuni_sample){.id = KUNI_SAMPLE_NOBODY,
                                        .participant = KUNI_SAMPLE_NOBODY,
                                        .index_in_cohort = (uint32_t)i};
    }
    for (size_t s = 0; s < plan->reads.n_shards && !status; s++)
        status = kuni_names_add(&e->shard_names, plan->reads.names[s], (uint32_t)s, err);
    for (size_t n = 0; n < plan->n_nodes && !status; n++)
        status = kuni_names_add(&e->node_names, plan->nodes[n].folder, (uint32_t)n, err);
    return status;
}

void kuni_erase_fini(kuni_erase *e)
{
    free(e->gone);
    free(e->batches);
    free(e->after);
    kuni_names_fini(&e->shard_names);
    kuni_names_fini(&e->node_names);
    kuni_arena_free(e->arena);
    *e = (kuni_erase){.run = NULL};
}

void kuni_erase_people(const kuni_erase *e, kuni_cohort *cohort)
{
    kuni_words words;
    kuni_error ignored = KUNI_ERROR_INIT;
    bool known = kuni_words_init(&words, &ignored) == KUNI_OK &&
                 kuni_erasure_words(e->erasure, &words, &ignored) == KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        kuni_sample *sample = &cohort->samples[i];
        if (e->gone[i]) {
            *sample = e->after[i];
            cohort->people[i] = (kuni_person){.state = KUNI_PERSON_ERASED, .bytes = -1};
            continue;
        }
        const char **const parents[] = {&sample->father, &sample->mother};
        for (size_t p = 0; p < 2 && known; p++)
            if (*parents[p] && kuni_names_find(&words.wanted, *parents[p]) >= 0) *parents[p] = NULL;
    }
    kuni_words_fini(&words);
}

/* --- a seal in memory --- */

typedef struct sealed_file {
    int64_t shard; /* -1: of a step that has none */
    size_t output;
    uint64_t key;
    kuni_stored_output stored;
} sealed_file;

typedef struct left_out {
    const char *sample, *where, *reason;
} left_out;

typedef struct sealed {
    const kuni_erase *erase;
    size_t node, batch;
    const char *path;
    bool found;
    kuni_hash made;
    bool folded;      /* see folds.h: the files are another step's */
    kuni_hash shards; /* as the seal tells of what was folded */
    left_out *without;
    sealed_file *files;
    size_t n_without, without_capacity, n_files, files_capacity;
    kuni_arena *arena;
} sealed;

static void sealed_fini(sealed *s)
{
    free(s->without);
    free(s->files);
    kuni_arena_free(s->arena);
}

static const char *copy(sealed *s, const char *text, kuni_error *err)
{
    return kuni_arena_strndup(s->arena, text, strlen(text), err);
}

static kuni_status refuse_workflow(const sealed *s, kuni_error *err)
{
    return kuni_fail(err, KUNI_USAGE,
                     "%s: the dataset has other shards, or step %s other outputs, than the "
                     "workflow says: name the workflow that it was made with",
                     s->path, s->erase->run->plan.nodes[s->node].folder);
}

static kuni_status take_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    sealed *s = context;
    const kuni_run *run = s->erase->run;
    if (line->made) return kuni_hash_parse(&s->made, line->made) ? KUNI_OK : KUNI_IO;
    if (line->folded) {
        size_t by = run->plan.nodes[s->node].folded_by;
        s->folded = by && strcmp(run->plan.nodes[by].folder, line->folded) == 0 &&
                    kuni_hash_parse(&s->shards, line->shards);
        return s->folded ? KUNI_OK : refuse_workflow(s, err);
    }
    if (line->without) {
        kuni_status status = kuni_grow((void **)&s->without, &s->without_capacity, s->n_without + 1,
                                       sizeof(left_out), err);
        if (status) return status;
        left_out *out = &s->without[s->n_without++];
        *out = (left_out){copy(s, line->without, err), copy(s, line->where, err),
                          copy(s, line->reason, err)};
        return out->sample && out->where && out->reason ? KUNI_OK : KUNI_MEMORY;
    }
    const kuni_node *node = &run->plan.nodes[s->node];
    bool placed = node->n_shards > 0;
    int64_t shard = node->scatter == KUNI_SCATTER_SAMPLE
                        ? kuni_plan_run_of_name(node, line->shard)
                        : kuni_names_find(&s->erase->shard_names, line->shard);
    if ((placed && shard < 0) || s->folded || line->output >= node->n_outputs)
        return refuse_workflow(s, err);
    kuni_status status =
        kuni_grow((void **)&s->files, &s->files_capacity, s->n_files + 1, sizeof(sealed_file), err);
    if (status) return status;
    s->files[s->n_files++] = (sealed_file){
        .shard = shard, .output = line->output, .key = line->key, .stored = line->stored};
    return KUNI_OK;
}

/* To be closed with sealed_fini also after a failure. */
static kuni_status sealed_read(sealed *s, const kuni_erase *e, size_t node, size_t batch,
                               kuni_error *err)
{
    *s = (sealed){.erase = e, .node = node, .batch = batch, .arena = kuni_arena_new(err)};
    if (!s->arena) return KUNI_MEMORY;
    s->path = kuni_run_path(e->run, s->arena, err, "sealed/%s/%s.tsv",
                            e->run->plan.nodes[node].folder, e->run->cohort.batches[batch].id);
    return s->path ? kuni_seal_read(s->path, take_line, s, &s->found, err) : KUNI_MEMORY;
}

static const char *name_of(const sealed *s, int64_t shard, char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    const kuni_plan *plan = &s->erase->run->plan;
    const char *name = kuni_plan_shard_name(plan, &plan->nodes[s->node], shard, room);
    return name ? name : "all";
}

/* The key of what this erasure makes of a shard. */
static kuni_status key_of(const sealed *s, int64_t shard, kuni_hash *key, kuni_error *err)
{
    const kuni_run *run = s->erase->run;
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "erase");
    kuni_digest_add_text(digest, s->erase->erasure->token);
    kuni_digest_add_text(digest, run->plan.nodes[s->node].folder);
    kuni_digest_add_text(digest, name_of(s, shard, room));
    kuni_digest_add_text(digest, run->cohort.batches[s->batch].id);
    kuni_digest_finish_hash(digest, key);
    return KUNI_OK;
}

/* Whether this erasure has made the files already. */
static kuni_status is_done(const sealed *s, bool *done, kuni_error *err)
{
    *done = s->n_files > 0;
    for (size_t i = 0; i < s->n_files && *done; i++) {
        kuni_hash key;
        kuni_status status = key_of(s, s->files[i].shard, &key, err);
        if (status) return status;
        *done = s->files[i].key == kuni_hash_short(&key);
    }
    return KUNI_OK;
}

static const char *path_of(const sealed *s, const sealed_file *file, uint64_t key, kuni_error *err)
{
    return kuni_run_output(s->erase->run, s->arena, s->node, file->output, file->shard,
                           (int64_t)s->batch, key, err);
}

/* Whether anybody is left in the batch. */
static bool has_people(const kuni_erase *e, size_t batch)
{
    const kuni_batch *b = &e->run->cohort.batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++)
        if (!e->gone[i] && e->run->cohort.people[i].state != KUNI_PERSON_ERASED) return true;
    return false;
}

/* Packs of samples need no stage to be made without some of them; of what was folded only the sum is left. */
static bool knows_how(const sealed *s)
{
    const kuni_plan *plan = &s->erase->run->plan;
    const kuni_node *node = &plan->nodes[s->node];
    if (s->folded) node = &plan->nodes[node->folded_by];
    return node->step->without || kuni_scatter_by_sample(node->scatter);
}

static bool reads_are_there(const kuni_erase *e, size_t batch)
{
    const kuni_cohort *cohort = &e->run->cohort;
    const kuni_batch *b = &cohort->batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        kuni_person_state state = cohort->people[i].state;
        if (e->gone[i] || state == KUNI_PERSON_ERASED || state == KUNI_PERSON_MOVED ||
            state == KUNI_PERSON_QUARANTINED)
            continue;
        /* Of those who withdrew without being erased only the files are left. */
        if (state == KUNI_PERSON_WITHDRAWN || !cohort->samples[i].reads ||
            access(cohort->samples[i].reads, R_OK) != 0)
            return false;
    }
    return true;
}

/* --- all that is needed --- */

static kuni_status check_files(kuni_erase *e, const sealed *s, kuni_error *err)
{
    for (size_t i = 0; i < s->n_files; i++) {
        kuni_stored_output stored = s->files[i].stored;
        if (stored.bytes < 0) continue;
        const char *path = path_of(s, &s->files[i], s->files[i].key, err);
        if (!path) return KUNI_MEMORY;
        stored.mtime_ns = INT64_MIN; /* no time is believed: every byte is read */
        if (!kuni_stored_is_intact(path, &stored))
            return kuni_fail(err, KUNI_IO,
                             "%s is missing, altered or damaged: nothing was changed: see `kuni "
                             "repair`",
                             path);
        e->n_files++;
        e->bytes += stored.bytes;
    }
    return KUNI_OK;
}

static kuni_status check_seal(kuni_erase *e, size_t node, size_t batch, kuni_error *err)
{
    sealed s;
    bool done = false;
    const kuni_node *n = &e->run->plan.nodes[node];
    kuni_status status = sealed_read(&s, e, node, batch, err);
    if (!status && s.found) status = is_done(&s, &done, err);
    if (!status && s.found && !done && has_people(e, batch)) {
        if (knows_how(&s)) {
            status = check_files(e, &s, err);
        } else if (reads_are_there(e, batch)) {
            e->n_unsealed++;
            if (!e->unsealable) e->unsealable = n->id;
        } else {
            status = kuni_fail(err, KUNI_USAGE,
                               "stage %s cannot make its files again without some of their people, "
                               "and not all reads of batch %s are there to make them anew: bring "
                               "back these reads, or build the stage with kuni_step.without; "
                               "nothing was changed",
                               n->id, e->run->cohort.batches[batch].id);
        }
    }
    sealed_fini(&s);
    return status;
}

static kuni_status check_room(const kuni_erase *e, kuni_error *err)
{
    struct statvfs fs;
    if (statvfs(e->run->folder, &fs) != 0)
        return kuni_fail_errno(err, "cannot look at the disk of %s", e->run->folder);
    double free_bytes = (double)fs.f_bavail * (double)fs.f_frsize;
    if (free_bytes >= (double)e->bytes) return KUNI_OK;
    return kuni_fail(err, KUNI_IO,
                     "%s: %.1f GB are needed for a while, and %.1f are free; nothing was changed",
                     e->run->folder, (double)e->bytes / 1e9, free_bytes / 1e9);
}

kuni_status kuni_erase_check(kuni_erase *e, kuni_error *err)
{
    kuni_status status =
        kuni_seals_check_strangers(e->run, &e->node_names, e->batches, e->arena, err);
    for (size_t n = 0; n < e->run->plan.n_nodes && !status; n++)
        for (size_t b = 0; b < e->run->cohort.n_batches && !status; b++)
            if (e->batches[b]) status = check_seal(e, n, b, err);
    return status ? status : check_room(e, err);
}

/* --- making anew --- */

/* Of one span of a bundle. */
typedef struct leaving_out {
    const kuni_step *step;
    const uint8_t *gone;
} leaving_out;

static kuni_status leave_out(void *context, const kuni_task *member, kuni_error *err)
{
    const leaving_out *what = context;
    return what->step->without(member, what->gone, err);
}

static kuni_status remake_bundle(sealed *s, const kuni_bundle *bundle, const uint8_t *gone,
                                 kuni_error *err)
{
    leaving_out what = {bundle->step, gone};
    const char *folder =
        kuni_run_path(s->erase->run, s->arena, err, "tmp/erase-%ld", (long)getpid());
    return folder ? kuni_members_make(bundle, leave_out, &what, folder, s->arena, err)
                  : KUNI_MEMORY;
}

/* Packs of a step that runs once a sample. */
static kuni_status remake_samples(const sealed *s, const kuni_bundle *bundle, int64_t shard,
                                  kuni_error *err)
{
    const kuni_run *run = s->erase->run;
    const kuni_task *task = bundle->task;
    kuni_bundle of = *bundle;
    kuni_plan_run(&run->plan.nodes[s->node], &run->cohort.batches[s->batch], shard,
                  &of.samples.first, &of.samples.n);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < task->n_inputs && !status; i++)
        status = kuni_members_without(&of, task->inputs[i].path, s->erase->gone,
                                      task->outputs[i].path, err);
    return status;
}

/* The files [from, to) of the seal are those of one shard. */
static kuni_status remake_shard(sealed *s, size_t from, size_t to, kuni_error *err)
{
    const kuni_erase *e = s->erase;
    const kuni_run *run = e->run;
    const kuni_node *node = &run->plan.nodes[s->node];
    kuni_task_file inputs[KUNI_PLAN_OUTPUTS_MAX], outputs[KUNI_PLAN_OUTPUTS_MAX];
    uint32_t spans[KUNI_PLAN_OUTPUTS_MAX];
    size_t n = 0;
    kuni_hash key;
    static const kuni_plan_shard nowhere = {.n = 1};
    bool placed = node->n_shards && node->scatter != KUNI_SCATTER_SAMPLE;
    int64_t shard_number = s->files[from].shard;
    const kuni_plan_shard *shard = placed ? &run->plan.reads.shards[shard_number] : &nowhere;
    int64_t first_span = placed ? (int64_t)shard->first : -1;
    kuni_status status = key_of(s, s->files[from].shard, &key, err);
    for (size_t i = from; i < to && !status; i++) {
        if (s->files[i].stored.bytes < 0) continue;
        kuni_task_file file = {.kind = node->step->outputs[s->files[i].output].kind,
                               .shard = first_span,
                               .batch = (int64_t)s->batch};
        inputs[n] = outputs[n] = file;
        spans[n] = shard->n;
        inputs[n].path = path_of(s, &s->files[i], s->files[i].key, err);
        outputs[n].path = path_of(s, &s->files[i], kuni_hash_short(&key), err);
        if (!inputs[n].path || !outputs[n].path) status = KUNI_MEMORY;
        n++;
    }
    const kuni_task task = {.stage_id = node->id,
                            .genome = run->genome,
                            .ploidy = run->ploidy,
                            .params = node->params,
                            .samples = e->after,
                            .n_samples = run->cohort.n_samples,
                            .batches = run->cohort.batches,
                            .n_batches = run->cohort.n_batches,
                            .shards = run->plan.reads.spans,
                            .n_shards = run->plan.reads.n_spans,
                            .shard = first_span,
                            .batch = (int64_t)s->batch,
                            .inputs = inputs,
                            .n_inputs = n,
                            .outputs = outputs,
                            .n_outputs = n,
                            .memory_bytes = run->workflow.memory_bytes};
    const uint8_t *gone = e->gone + run->cohort.batches[s->batch].first;
    const kuni_bundle bundle = {
        .step = node->step, .task = &task, .n_spans = shard->n, .input_spans = spans};
    if (!status && n)
        status = kuni_scatter_by_sample(node->scatter)
                     ? remake_samples(s, &bundle, shard_number, err)
                 : shard->n > 1 ? remake_bundle(s, &bundle, gone, err)
                                : node->step->without(&task, gone, err);
    n = 0;
    for (size_t i = from; i < to && !status; i++) {
        s->files[i].key = kuni_hash_short(&key);
        if (s->files[i].stored.bytes >= 0)
            status = kuni_stored_look(outputs[n++].path, &s->files[i].stored, err);
    }
    return status;
}

static bool names_one(const kuni_erase *e, const char *id)
{
    for (size_t i = 0; i < e->erasure->n_samples; i++)
        if (strcmp(e->erasure->samples[i].id, id) == 0) return true;
    return false;
}

/* See kuni_ledger_made. */
static kuni_hash made_without(const sealed *s)
{
    const kuni_run *run = s->erase->run;
    const kuni_batch *b = &run->cohort.batches[s->batch];
    kuni_hash made = s->made;
    if (!run->plan.nodes[s->node].step->sees_facts) return made;
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        kuni_hash facts;
        if (!s->erase->gone[i] || run->cohort.people[i].state == KUNI_PERSON_ERASED) continue;
        kuni_samples_facts(&run->cohort.samples[i], &facts);
        kuni_hash_subtract(&made, &facts);
    }
    return made;
}

static const char *folded_by(const sealed *s)
{
    const kuni_plan *plan = &s->erase->run->plan;
    return plan->nodes[plan->nodes[s->node].folded_by].folder;
}

static kuni_status write_seal(const sealed *s, kuni_error *err)
{
    kuni_seal_writer *writer = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    kuni_hash made = made_without(s);
    kuni_status status =
        s->folded ? kuni_seal_create_folded(&writer, s->path, &made, folded_by(s), &s->shards, err)
                  : kuni_seal_create(&writer, s->path, &made, err);
    if (status) return status;
    for (size_t i = 0; i < s->n_without && !status; i++)
        if (!names_one(s->erase, s->without[i].sample))
            status = kuni_seal_without(writer, s->without[i].sample, s->without[i].where,
                                       s->without[i].reason, err);
    for (size_t i = 0; i < s->n_files && !status; i++)
        status = kuni_seal_add(writer, name_of(s, s->files[i].shard, room), s->files[i].key,
                               s->files[i].output, &s->files[i].stored, err);
    kuni_status closed = kuni_seal_close(writer, !status, status ? &ignored : err);
    return status ? status : closed;
}

/* The journal first: a seal that is gone without a word is damage. */
static kuni_status give_up(const sealed *s, kuni_error *err)
{
    const kuni_run *run = s->erase->run;
    kuni_journal *journal = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    const char *path = kuni_run_path(run, s->arena, err, "journal");
    kuni_status status = path ? kuni_journal_open(&journal, path, err) : KUNI_MEMORY;
    if (!status)
        status = kuni_journal_add(journal,
                                  json_pack("{ss ss ss}", "t", "unsealed", "n",
                                            run->plan.nodes[s->node].folder, "b",
                                            run->cohort.batches[s->batch].id),
                                  err);
    kuni_status closed = kuni_journal_close(journal, status ? &ignored : err);
    if (!status) status = closed;
    if (!status && unlink(s->path) != 0) status = kuni_fail_errno(err, "cannot remove %s", s->path);
    return status;
}

static kuni_status remake(const kuni_erase *e, size_t node, size_t batch, kuni_error *err)
{
    sealed s;
    bool done = false;
    kuni_status status = sealed_read(&s, e, node, batch, err);
    if (!status && s.found) status = is_done(&s, &done, err);
    if (status || !s.found || done) {
        sealed_fini(&s);
        return status;
    }
    if (!has_people(e, batch) || !knows_how(&s)) {
        status = give_up(&s, err);
    } else {
        for (size_t from = 0, to; from < s.n_files && !status; from = to) {
            for (to = from + 1; to < s.n_files && s.files[to].shard == s.files[from].shard;) to++;
            status = remake_shard(&s, from, to, err);
        }
        if (!status) status = write_seal(&s, err);
    }
    sealed_fini(&s);
    return status;
}

kuni_status kuni_erase_seals(kuni_erase *e, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t b = 0; b < e->run->cohort.n_batches; b++)
        for (size_t n = 0; e->batches[b] && n < e->run->plan.n_nodes && !status; n++)
            status = remake(e, n, b, err);
    return status;
}
