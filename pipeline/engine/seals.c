/* SPDX-License-Identifier: MIT */
#include "seals.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folds.h"
#include "injection.h"
#include "reads_pass.h"

/* --- places of a node's files in a seal --- */

static const char everywhere[] = "all"; /* as the folder of what has no shard */

size_t kuni_seals_places(const kuni_node *node)
{
    return node->n_shards ? node->n_shards : 1;
}

int64_t kuni_seals_shard(const kuni_node *node, size_t place)
{
    return node->n_shards ? (int64_t)place : -1;
}

const char *kuni_seals_place_name(const kuni_plan *plan, const kuni_node *node, int64_t shard,
                                  char room[KUNI_PLAN_RUN_NAME_BYTES])
{
    const char *name = kuni_plan_shard_name(plan, node, shard, room);
    return name ? name : everywhere;
}

bool kuni_seals_place(const kuni_ledger *ledger, size_t node, const kuni_seal_line *line,
                      int64_t *shard)
{
    const kuni_node *n = &ledger->run->plan.nodes[node];
    if (!line->shard || line->output >= n->n_outputs) return false;
    *shard = n->n_shards ? kuni_ledger_shard(ledger, node, line->shard) : -1;
    return n->n_shards ? *shard >= 0 : strcmp(line->shard, everywhere) == 0;
}

kuni_status kuni_seals_check_strangers(const kuni_run *run, const kuni_names *steps,
                                       const uint8_t *batches, kuni_arena *arena, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    const kuni_cohort *cohort = &run->cohort;
    const char *top = kuni_run_path(run, arena, err, "sealed");
    DIR *dir = top ? opendir(top) : NULL;
    if (!top) return KUNI_MEMORY;
    for (struct dirent *entry; dir && !status && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || kuni_names_find(steps, entry->d_name) >= 0) continue;
        for (size_t b = 0; b < cohort->n_batches && !status; b++) {
            if (!batches[b]) continue;
            const char *path = kuni_run_path(run, arena, err, "sealed/%s/%s.tsv", entry->d_name,
                                             cohort->batches[b].id);
            if (!path) status = KUNI_MEMORY;
            if (path && access(path, F_OK) == 0)
                status = kuni_fail(err, KUNI_USAGE,
                                   "%s is of a step that this workflow lacks: name a workflow that "
                                   "has it, too; nothing was changed",
                                   path);
        }
    }
    if (dir) (void)closedir(dir);
    return status;
}

/* --- loading --- */

typedef struct loading {
    kuni_ledger *ledger;
    size_t node, batch;
    kuni_stored_output outputs[KUNI_PLAN_OUTPUTS_MAX]; /* of the shard under way */
    bool open;                                         /* there is one */
    int64_t shard;
    uint64_t key;
    bool changed; /* made with other settings of a step that may change: see need_reads */
    bool folded;  /* what tells of the files is another seal */
    bool stale;   /* a sum of other files than those that are sealed now: see folds.h */
} loading;

/* The outputs of a shard are together: all that were gathered make the task done. */
static kuni_status settle(loading *l, kuni_error *err)
{
    if (!l->open) return KUNI_OK;
    kuni_ledger *ledger = l->ledger;
    const kuni_plan *plan = &ledger->run->plan;
    size_t task = kuni_plan_task(plan, &plan->nodes[l->node], l->shard, (int64_t)l->batch);
    /* the short key is the leading 64 bits: see kuni_hash_short */
    const kuni_hash key = {.word = {0, 0, 0, l->key}};
    if (kuni_task_table_state(&ledger->table, l->node, task) != KUNI_TASK_PENDING) return KUNI_OK;
    if (kuni_node_folds(&plan->nodes[l->node])) {
        bool holds;
        kuni_status status = kuni_fold_holds(ledger, l->node, l->batch, l->key, &holds, err);
        l->stale = !holds;
        if (status || l->stale) return status;
    }
    kuni_ledger_reused(ledger, l->node, task);
    return kuni_ledger_done(ledger, l->node, task, &key, l->outputs, err);
}

/* All that was folded is done, and its files are no more. */
static kuni_status settle_folded(loading *l, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    l->open = true;
    l->key = 0;
    for (size_t o = 0; o < KUNI_PLAN_OUTPUTS_MAX; o++)
        l->outputs[o] = (kuni_stored_output){.bytes = -1};
    for (size_t s = 0; s < l->ledger->run->plan.nodes[l->node].n_shards && !status; s++) {
        l->shard = (int64_t)s;
        status = settle(l, err);
    }
    return status;
}

static kuni_status refuse_settings(const loading *l, kuni_error *err)
{
    return kuni_fail(
        err, KUNI_USAGE,
        "%s: batch %s was sealed with other settings of step %s than the workflow's: "
        "keep the old ones, use another dataset, or call everybody again with `kuni recall` (also "
        "where a recall was interrupted: it goes on)",
        l->ledger->run->folder, l->ledger->run->cohort.batches[l->batch].id,
        l->ledger->run->plan.nodes[l->node].folder);
}

static kuni_status exclude(loading *l, const kuni_seal_line *line, kuni_error *err)
{
    kuni_cohort *cohort = &l->ledger->run->cohort;
    const kuni_batch *b = &cohort->batches[l->batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        kuni_person *person = &cohort->people[i];
        if (strcmp(cohort->samples[i].id, line->without) != 0 || person->state != KUNI_PERSON_IN)
            continue;
        /* The register was not written any more after the seal was: the seal tells. */
        person->state = KUNI_PERSON_QUARANTINED;
        person->where = kuni_arena_strndup(cohort->arena, line->where, strlen(line->where), err);
        person->reason = kuni_arena_strndup(cohort->arena, line->reason, strlen(line->reason), err);
        if (!person->where || !person->reason) return KUNI_MEMORY;
        return kuni_samples_quarantine(&l->ledger->samples, i, KUNI_VERDICT_LASTS, line->where,
                                       line->reason, err);
    }
    return KUNI_OK;
}

static kuni_status take(void *context, const kuni_seal_line *line, kuni_error *err)
{
    loading *l = context;
    const kuni_ledger *ledger = l->ledger;
    if (line->made) {
        kuni_hash made, wanted;
        kuni_ledger_made(ledger, l->node, l->batch, &wanted);
        bool same = kuni_hash_parse(&made, line->made) && kuni_hash_equal(&made, &wanted);
        l->changed = !same && kuni_scatter_by_sample(ledger->run->plan.nodes[l->node].scatter);
        return same || l->changed ? KUNI_OK : refuse_settings(l, err);
    }
    if (l->changed) return KUNI_OK;
    if (line->without) return exclude(l, line, err);
    if (line->folded) {
        kuni_status status = kuni_fold_is_ours(&ledger->run->plan, l->node, line, &l->folded, err);
        return status || l->folded ? status : refuse_settings(l, err);
    }
    int64_t shard;
    if (l->folded || !kuni_seals_place(ledger, l->node, line, &shard))
        return refuse_settings(l, err);
    if (!l->open || shard != l->shard) {
        kuni_status status = settle(l, err);
        if (status) return status;
        l->open = true;
        l->shard = shard;
        l->key = line->key;
        for (size_t o = 0; o < KUNI_PLAN_OUTPUTS_MAX; o++)
            l->outputs[o] = (kuni_stored_output){.bytes = -1};
    }
    l->outputs[line->output] = line->stored;
    return KUNI_OK;
}

const char *kuni_seal_path(const kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    const kuni_run *run = ledger->run;
    return kuni_run_path(run, ledger->arena, err, "sealed/%s/%s.tsv", run->plan.nodes[node].folder,
                         run->cohort.batches[batch].id);
}

/* Whether the seal of what a node folds says that all is with the node now. */
static bool is_relied_on(const kuni_ledger *ledger, size_t node, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    return kuni_node_folds(n) &&
           ledger->sealed[n->inputs[0].node * plan->n_batches + batch] == KUNI_SEAL_FOLDED;
}

static kuni_status load(kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    loading l = {.ledger = ledger, .node = node, .batch = batch};
    bool found;
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_seal_path(ledger, node, batch, err);
    if (!path) return KUNI_MEMORY;
    size_t at = node * ledger->run->plan.n_batches + batch;
    kuni_status status = kuni_seal_read(path, take, &l, &found, err);
    if (!status) status = l.folded ? settle_folded(&l, err) : settle(&l, err);
    bool awaited = ledger->promised[at] || is_relied_on(ledger, node, batch);
    if (!status && !found && awaited)
        status =
            kuni_fail(err, KUNI_IO,
                      "%s: missing: it tells what batch %s consists of: nothing was published: "
                      "put it back from a backup",
                      path, ledger->run->cohort.batches[batch].id);
    if (status || !found || l.stale) return status;
    ledger->sealed[at] = l.changed ? KUNI_SEAL_NONE : l.folded ? KUNI_SEAL_FOLDED : KUNI_SEAL_FILES;
    ledger->promised[at] = 1;
    return KUNI_OK;
}

/* Whether some step of the batch has a seal: its people are in the dataset. */
static bool is_known(const kuni_ledger *ledger, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (ledger->sealed[i * plan->n_batches + batch] ||
            ledger->promised[i * plan->n_batches + batch])
            return true;
    return false;
}

/*
 * What is made once a sample is no part of what the call set is made of: such a stage may come later,
 * and change. It is then run for everybody again, which takes all their reads; else the run does not
 * begin, rather than lose who has been called.
 */
static kuni_status need_reads(const kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    const kuni_run *run = ledger->run;
    const kuni_batch *b = &run->cohort.batches[batch];
    const char *first = NULL;
    size_t missing = 0;
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        const kuni_sample *sample = &run->cohort.samples[i];
        if (ledger->samples.skip[i] || strstr(sample->reads, "://") ||
            !kuni_sample_feeds(sample, run->plan.nodes[node].step->feed) ||
            access(sample->reads, R_OK) == 0)
            continue;
        if (!missing++) first = sample->id;
    }
    if (!missing) return KUNI_OK;
    return kuni_fail(
        err, KUNI_USAGE,
        "stage %s is new, or was changed, since batch %s was computed, and the files of "
        "%zu of its samples are not there, %s among them: bring them back, or undo the "
        "change",
        run->plan.nodes[node].id, b->id, missing, first);
}

static kuni_status check_unsealed(const kuni_ledger *ledger, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t b = 0; b < plan->n_batches && !status; b++)
            if (kuni_scatter_by_sample(plan->nodes[i].scatter) &&
                kuni_ledger_seals(&plan->nodes[i]) && !ledger->sealed[i * plan->n_batches + b] &&
                is_known(ledger, b))
                status = need_reads(ledger, i, b, err);
    return status;
}

/* --- looking at the files --- */

/* Files of several batches are looked at together, so that waits for them overlap. */
enum { GROUP_FILES = 16384, DEEP_GROUP_FILES = 1024 };

typedef struct sealed_file {
    size_t node, batch, output, number;
    int64_t shard; /* -1: none */
    const char *path;
    kuni_stored_output stored;
    bool bad;
} sealed_file;

/* How files are looked at, and what is done about damage. */
typedef struct looking {
    kuni_ledger *ledger;
    const kuni_seal_choice *some; /* NULL: all */
    kuni_seal_look how;           /* damaged NULL: the first one ends it */
    size_t n_files, n_known;      /* looked at in all groups; of all shares */
    sealed_file *files;
    size_t n, capacity;
    kuni_arena *arena; /* of the group's paths */
} looking;

static void look_at(void *context, size_t i)
{
    const looking *l = context;
    sealed_file *file = &l->files[i];
    kuni_stored_output stored = file->stored;
    if (l->how.deep) stored.mtime_ns = INT64_MIN; /* no time is believed */
    file->bad = !kuni_stored_is_intact(file->path, &stored);
    if (l->how.looked) l->how.looked(l->how.context, stored.bytes);
}

/* Of a batch: "12 people, reads of 3 of them are there". */
static void describe_people(const kuni_ledger *ledger, size_t batch, char text[128])
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    const kuni_batch *b = &cohort->batches[batch];
    size_t people = 0, there = 0;
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        if (ledger->samples.skip[i]) continue;
        people++;
        there += cohort->samples[i].reads && access(cohort->samples[i].reads, R_OK) == 0;
    }
    snprintf(text, 128, "%zu people, the reads of %zu of them are there", people, there);
}

static kuni_status refuse_file(const kuni_ledger *ledger, const char *path, size_t batch,
                               const char *shard, bool more, kuni_error *err)
{
    char people[128];
    describe_people(ledger, batch, people);
    return kuni_fail(err, KUNI_IO,
                     "%s: %s, a file of a sealed batch (batch %s, shard %s%s; %s): nothing was "
                     "published: put it back from a backup, or see `kuni repair`",
                     path, access(path, F_OK) == 0 ? "altered or damaged" : "missing",
                     ledger->run->cohort.batches[batch].id, shard, more ? " and others" : "",
                     people);
}

/* Fails with the first of them, and tells whether its batch has more. */
static kuni_status refuse(const looking *l, kuni_error *err)
{
    const sealed_file *first = NULL;
    size_t n_bad = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->files[i].bad) continue;
        if (!first) first = &l->files[i];
        n_bad += l->files[i].batch == first->batch && l->files[i].node == first->node;
    }
    if (!first) return KUNI_OK;
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const kuni_plan *plan = &l->ledger->run->plan;
    return refuse_file(l->ledger, first->path, first->batch,
                       kuni_seals_place_name(plan, &plan->nodes[first->node], first->shard, room),
                       n_bad > 1, err);
}

static kuni_status report(const looking *l, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < l->n && !status; i++) {
        const sealed_file *file = &l->files[i];
        if (!file->bad) continue;
        const kuni_seal_damage one = {.node = file->node,
                                      .batch = file->batch,
                                      .shard = file->shard,
                                      .output = file->output,
                                      .number = file->number,
                                      .path = file->path,
                                      .stored = &file->stored};
        status = l->how.damaged(l->how.context, &one, err);
    }
    return status;
}

static kuni_status look_at_group(looking *l, kuni_error *err)
{
    kuni_parallel(l->n, look_at, l);
    kuni_status status = l->how.damaged ? report(l, err) : refuse(l, err);
    l->n_files += l->n;
    l->n = 0;
    kuni_arena_clear(l->arena);
    return status;
}

static kuni_status add_file(looking *l, sealed_file file, uint64_t key, kuni_error *err)
{
    file.number = l->n_known++;
    if (l->how.n_shares > 1 && file.number % l->how.n_shares != l->how.share) return KUNI_OK;
    kuni_status status =
        kuni_grow((void **)&l->files, &l->capacity, l->n + 1, sizeof(sealed_file), err);
    if (status) return status;
    file.path = kuni_run_output(l->ledger->run, l->arena, file.node, file.output, file.shard,
                                (int64_t)file.batch, key, err);
    if (!file.path) return KUNI_MEMORY;
    l->files[l->n++] = file;
    return l->n < (l->how.deep ? DEEP_GROUP_FILES : GROUP_FILES) ? KUNI_OK : look_at_group(l, err);
}

/* Of a batch whose people have all withdrawn no task is done; its files wait for who comes back. */
typedef struct idle_batch {
    looking *looking;
    size_t node, batch;
} idle_batch;

static kuni_status add_idle_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    const idle_batch *idle = context;
    int64_t shard;
    if (!kuni_seals_place(idle->looking->ledger, idle->node, line, &shard) ||
        line->stored.bytes < 0)
        return KUNI_OK;
    return add_file(idle->looking,
                    (sealed_file){.node = idle->node,
                                  .batch = idle->batch,
                                  .shard = shard,
                                  .output = line->output,
                                  .stored = line->stored},
                    line->key, err);
}

static kuni_status add_idle_batch(looking *l, size_t node, size_t batch, kuni_error *err)
{
    idle_batch idle = {.looking = l, .node = node, .batch = batch};
    bool found;
    const char *path = kuni_seal_path(l->ledger, node, batch, err);
    return path ? kuni_seal_read(path, add_idle_line, &idle, &found, err) : KUNI_MEMORY;
}

/* The files of a batch that was loaded: what is kept of them is not needed after that. */
static kuni_status add_batch(looking *l, size_t node, size_t batch, kuni_error *err)
{
    kuni_ledger *ledger = l->ledger;
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    kuni_stored_output **kept = &ledger->kept[node * plan->n_batches + batch];
    bool trusts = ledger->run->options->trusts_seals;
    kuni_status status = *kept || trusts ? KUNI_OK : add_idle_batch(l, node, batch, err);
    for (size_t s = 0; s < kuni_seals_places(n) && !status && *kept && !trusts; s++) {
        size_t task = kuni_plan_task(plan, n, kuni_seals_shard(n, s), (int64_t)batch);
        if (kuni_task_table_state(&ledger->table, node, task) != KUNI_TASK_DONE) continue;
        if (l->some && n->scatter == KUNI_SCATTER_READS && !l->some->shards[s]) continue;
        for (size_t o = 0; o < n->n_outputs && !status; o++) {
            const kuni_stored_output *stored = &(*kept)[s * n->n_outputs + o];
            if (stored->bytes < 0) continue;
            status = add_file(l,
                              (sealed_file){.node = node,
                                            .batch = batch,
                                            .shard = kuni_seals_shard(n, s),
                                            .output = o,
                                            .stored = *stored},
                              ledger->table.nodes[node].key[task], err);
        }
    }
    free(*kept); /* the seal has it */
    *kept = NULL;
    return status;
}

static kuni_status load_all(looking *l, kuni_error *err)
{
    kuni_ledger *ledger = l->ledger;
    const kuni_plan *plan = &ledger->run->plan;
    l->arena = kuni_arena_new(err);
    kuni_status status = l->arena ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < plan->n_nodes && !status; i++) {
        if (!kuni_ledger_has_seal(&plan->nodes[i]) || (l->some && !l->some->nodes[i])) continue;
        for (size_t b = 0; b < plan->n_batches && !status; b++) {
            if (l->some && !l->some->batches[b]) continue;
            status = load(ledger, i, b, err);
            if (!status && ledger->sealed[i * plan->n_batches + b])
                status = add_batch(l, i, b, err);
        }
    }
    if (!status) status = look_at_group(l, err);
    free(l->files);
    kuni_arena_free(l->arena);
    return status;
}

kuni_status kuni_seals_load(kuni_ledger *ledger, bool override, kuni_error *err)
{
    looking l = {.ledger = ledger};
    if (override) return KUNI_OK;
    kuni_status status = load_all(&l, err);
    return status ? status : check_unsealed(ledger, err);
}

kuni_status kuni_seals_load_some(kuni_ledger *ledger, const kuni_seal_choice *choice,
                                 kuni_error *err)
{
    looking l = {.ledger = ledger, .some = choice};
    return load_all(&l, err);
}

kuni_status kuni_seals_verify(kuni_ledger *ledger, const kuni_seal_look *how, size_t *files,
                              size_t *all, kuni_error *err)
{
    looking l = {.ledger = ledger, .how = *how};
    kuni_status status = load_all(&l, err);
    *files = l.n_files;
    *all = l.n_known;
    return status;
}

static kuni_status add_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    kuni_seals_sum *sum = context;
    (void)err;
    if (!line->shard || line->stored.bytes < 0) return KUNI_OK;
    sum->files++;
    sum->bytes += line->stored.bytes;
    return KUNI_OK;
}

kuni_status kuni_seals_total(const kuni_run *run, kuni_seals_sum *sum, kuni_error *err)
{
    *sum = (kuni_seals_sum){.files = 0};
    kuni_arena *arena = kuni_arena_new(err);
    kuni_status status = arena ? KUNI_OK : KUNI_MEMORY;
    for (size_t b = 0; b < run->cohort.n_batches && !status; b++) {
        bool any = false;
        for (size_t i = 0; i < run->plan.n_nodes && !status; i++) {
            bool found = false;
            if (!kuni_ledger_has_seal(&run->plan.nodes[i])) continue;
            kuni_arena_clear(arena);
            const char *path = kuni_run_path(run, arena, err, "sealed/%s/%s.tsv",
                                             run->plan.nodes[i].folder, run->cohort.batches[b].id);
            status = path ? kuni_seal_read(path, add_line, sum, &found, err) : KUNI_MEMORY;
            any = any || found;
        }
        sum->batches += any;
    }
    kuni_arena_free(arena);
    return status;
}

/* --- after a failure --- */

typedef struct blaming {
    kuni_ledger *ledger;
    size_t node, batch;
    int64_t shard; /* -1: all */
} blaming;

static kuni_status blame_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    const blaming *b = context;
    kuni_ledger *ledger = b->ledger;
    int64_t shard;
    if (!kuni_seals_place(ledger, b->node, line, &shard) || (b->shard >= 0 && shard != b->shard) ||
        line->stored.bytes < 0)
        return KUNI_OK;
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_run_output(ledger->run, ledger->arena, b->node, line->output, shard,
                                       (int64_t)b->batch, line->key, err);
    if (!path) return KUNI_MEMORY;
    kuni_stored_output stored = line->stored;
    stored.mtime_ns = INT64_MIN; /* no time is believed */
    if (kuni_stored_is_intact(path, &stored)) return KUNI_OK;
    return refuse_file(ledger, path, b->batch, line->shard, false, err);
}

kuni_status kuni_seals_blame(kuni_ledger *ledger, int64_t shard, int64_t batch, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t b = 0; b < plan->n_batches && !status; b++) {
            blaming one = {.ledger = ledger, .node = i, .batch = b, .shard = shard};
            bool found;
            if (!ledger->sealed[i * plan->n_batches + b] || (batch >= 0 && (size_t)batch != b))
                continue;
            kuni_arena_clear(ledger->arena);
            char *path = kuni_strdup(kuni_seal_path(ledger, i, b, err), err);
            status = path ? kuni_seal_read(path, blame_line, &one, &found, err) : KUNI_MEMORY;
            free(path);
        }
    return status;
}

/* --- making --- */

/* All tasks done or not to be done, and nobody only for this run without. */
static bool is_complete(const kuni_ledger *ledger, size_t node, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_batch *b = &ledger->run->cohort.batches[batch];
    bool any = false;
    const kuni_node *n = &plan->nodes[node];
    for (size_t s = 0; s < kuni_seals_places(n); s++) {
        size_t task = kuni_plan_task(plan, n, kuni_seals_shard(n, s), (int64_t)batch);
        kuni_task_state state = kuni_task_table_state(&ledger->table, node, task);
        if (state != KUNI_TASK_DONE && state != KUNI_TASK_ABSENT) return false;
        any = any || state == KUNI_TASK_DONE;
    }
    for (size_t i = 0; i < ledger->samples.n_quarantined; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        if (q->sample >= b->first && q->sample < b->first + b->n_samples &&
            q->verdict == KUNI_VERDICT_THIS_RUN)
            return false;
    }
    return any;
}

static kuni_status write_without(const kuni_ledger *ledger, size_t batch, kuni_seal_writer *writer,
                                 kuni_error *err)
{
    const kuni_batch *b = &ledger->run->cohort.batches[batch];
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < ledger->samples.n_quarantined && !status; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        if (q->sample < b->first || q->sample >= b->first + b->n_samples) continue;
        status = kuni_seal_without(writer, ledger->run->cohort.samples[q->sample].id, q->where,
                                   q->reason, err);
    }
    return status;
}

static kuni_status write_seal(kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    const kuni_stored_output *kept = ledger->kept[node * plan->n_batches + batch];
    kuni_seal_writer *writer = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_arena_clear(ledger->arena);
    const char *folder = kuni_run_path(ledger->run, ledger->arena, err, "sealed/%s", n->folder);
    const char *path = kuni_seal_path(ledger, node, batch, err);
    kuni_status status = folder && path ? kuni_make_folders(folder, err) : KUNI_MEMORY;
    kuni_hash made;
    kuni_ledger_made(ledger, node, batch, &made);
    if (!status) status = kuni_seal_create(&writer, path, &made, err);
    if (status) return status;
    status = write_without(ledger, batch, writer, err);
    for (size_t s = 0; s < kuni_seals_places(n) && !status && kept; s++) {
        char room[KUNI_PLAN_RUN_NAME_BYTES];
        size_t task = kuni_plan_task(plan, n, kuni_seals_shard(n, s), (int64_t)batch);
        if (kuni_task_table_state(&ledger->table, node, task) != KUNI_TASK_DONE) continue;
        for (size_t o = 0; o < n->n_outputs && !status; o++)
            status = kuni_seal_add(
                writer, kuni_seals_place_name(plan, n, kuni_seals_shard(n, s), room),
                ledger->table.nodes[node].key[task], o, &kept[s * n->n_outputs + o], err);
    }
    kuni_status closed = kuni_seal_close(writer, !status, status ? &ignored : err);
    return status ? status : closed;
}

/* What the register is to tell of the people of a batch that is sealed now. */
static kuni_status note_people(kuni_ledger *ledger, size_t batch, kuni_error *err)
{
    kuni_cohort *cohort = &ledger->run->cohort;
    const kuni_batch *b = &cohort->batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++) {
        if (cohort->people[i].state == KUNI_PERSON_WITHDRAWN) continue;
        cohort->people[i].bytes = ledger->samples.signatures[i].bytes;
        cohort->people[i].content = ledger->samples.contents[i];
    }
    for (size_t i = 0; i < ledger->samples.n_quarantined; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        if (q->sample < b->first || q->sample >= b->first + b->n_samples) continue;
        kuni_person *person = &cohort->people[q->sample];
        person->state = KUNI_PERSON_QUARANTINED;
        person->where = kuni_arena_strndup(cohort->arena, q->where, strlen(q->where), err);
        person->reason = kuni_arena_strndup(cohort->arena, q->reason, strlen(q->reason), err);
        if (!person->where || !person->reason) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

/* Whether a step of the batch would be sealed now. */
static bool is_to_be_sealed(const kuni_ledger *ledger, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (kuni_ledger_seals(&plan->nodes[i]) && !ledger->sealed[i * plan->n_batches + batch] &&
            is_complete(ledger, i, batch))
            return true;
    return false;
}

void kuni_seals_note_withdrawn(kuni_ledger *ledger, size_t *noted)
{
    static const kuni_hash unknown = {{0}};
    kuni_cohort *cohort = &ledger->run->cohort;
    *noted = 0;
    for (size_t b = 0; b < cohort->n_batches; b++) {
        if (!is_to_be_sealed(ledger, b)) continue;
        const kuni_batch *batch = &cohort->batches[b];
        for (size_t i = batch->first; i < batch->first + batch->n_samples; i++) {
            kuni_person *person = &cohort->people[i];
            if (person->state != KUNI_PERSON_WITHDRAWN || person->reason) continue;
            person->where = "withdrawn";
            person->reason = "had withdrawn when the files of the batch were made: the reads are "
                             "needed again";
            person->content = unknown; /* whatever the reads are, they are others */
            ++*noted;
        }
    }
}

static kuni_status seal_step(kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    size_t at = node * ledger->run->plan.n_batches + batch;
    kuni_status status = write_seal(ledger, node, batch, err);
    if (status) return status;
    ledger->sealed[at] = KUNI_SEAL_FILES;
    free(ledger->kept[at]);
    ledger->kept[at] = NULL;
    return KUNI_OK;
}

/* The sum is sealed before the seal of what it was made of says that it stands for that: see folds.h. */
static kuni_status fold(kuni_ledger *ledger, size_t node, size_t batch, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    size_t reads = plan->nodes[node].inputs[0].node, at = reads * plan->n_batches + batch;
    if (ledger->sealed[at] != KUNI_SEAL_FILES || !is_complete(ledger, node, batch)) return KUNI_OK;
    kuni_status status = KUNI_OK;
    kuni_injection_crash_at("fold.sum");
    if (!ledger->sealed[node * plan->n_batches + batch])
        status = seal_step(ledger, node, batch, err);
    if (status) return status;
    kuni_injection_crash_at("fold.seal");
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_seal_path(ledger, reads, batch, err);
    status = path ? kuni_fold_seal(plan, reads, path, err) : KUNI_MEMORY;
    if (!status) ledger->sealed[at] = KUNI_SEAL_FOLDED;
    kuni_injection_crash_at("fold.end");
    return status;
}

/* Until `kuni_prune` nothing is removed; it goes by the keys of tasks, which these have no more. */
static void forget_keys(kuni_ledger *ledger, size_t node, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    for (size_t s = 0; s < n->n_shards; s++)
        ledger->table.nodes[node].key[kuni_plan_task(plan, n, (int64_t)s, (int64_t)batch)] = 0;
}

static kuni_status fold_all(kuni_ledger *ledger, size_t batch, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes && !status; i++) {
        if (!kuni_node_folds(&plan->nodes[i])) continue;
        status = fold(ledger, i, batch, err);
        size_t reads = plan->nodes[i].inputs[0].node;
        if (ledger->sealed[reads * plan->n_batches + batch] == KUNI_SEAL_FOLDED)
            forget_keys(ledger, reads, batch);
    }
    return status;
}

kuni_status kuni_seals_make(kuni_ledger *ledger, size_t *made, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    *made = 0;
    for (size_t b = 0; b < plan->n_batches && !status; b++) {
        bool any = false;
        for (size_t i = 0; i < plan->n_nodes && !status; i++) {
            size_t at = i * plan->n_batches + b;
            if (!kuni_ledger_seals(&plan->nodes[i]) || ledger->sealed[at] ||
                !is_complete(ledger, i, b))
                continue;
            status = seal_step(ledger, i, b, err);
            any = any || !status;
        }
        *made += any;
        if (any && !status) status = note_people(ledger, b, err);
        if (!status) status = fold_all(ledger, b, err);
    }
    return status;
}
