/* SPDX-License-Identifier: MIT */
/* Generations: what a finished run shows to the world. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assembly.h"
#include "built.h"
#include "dictionary.h"
#include "kuni/version.h"
#include "publish.h"
#include "published.h"
#include "scan.h"
#include "temporary.h"
#include "trend.h"

enum { DATASET_JSON_BYTES_MAX = 1 << 28 };

/* --- dataset.json --- */

/*
 * A parameter as JSON text, or a list of texts. Without folders: the same bytes wherever the files
 * lie.
 */
static json_t *param_value(const kuni_param *param, const char *value)
{
    if (param->type != KUNI_PARAM_LIST)
        return json_string(value[0] == '/' ? strrchr(value, '/') + 1 : value);
    json_t *list = json_array();
    while (*value) {
        size_t length = strcspn(value, "\n");
        json_array_append_new(list, json_stringn(value, length));
        value += length + (value[length] == '\n');
    }
    return list;
}

/* Whether the step of a node gives files of a kind. */
static bool gives(const kuni_node *node, const char *kind)
{
    for (size_t o = 0; o < node->n_outputs; o++)
        if (strcmp(node->step->outputs[o].kind, kind) == 0) return true;
    return false;
}

kuni_status kuni_publish_stage(const kuni_keys *keys, const kuni_plan *plan, size_t first,
                               char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = first; i < plan->n_nodes && plan->nodes[i].stage == plan->nodes[first].stage;
         i++)
        kuni_digest_add_hash(digest, &keys->nodes[i]);
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

/*
 * What follows from a stage whose first node is `first`, for those who compare generations. "shapes":
 * what of the call set it makes, if anything. "blake2b": of its version, parameters (files by content),
 * the reference and the ploidy: equal where nothing but people can make a difference.
 */
static kuni_status say_what_it_makes(const kuni_ledger *ledger, size_t first, json_t *stage,
                                     kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    const char *shapes = NULL;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = kuni_publish_stage(&ledger->keys, plan, first, hex, err);
    if (status) return status;
    for (size_t i = first; i < plan->n_nodes && plan->nodes[i].stage == plan->nodes[first].stage;
         i++) {
        if (gives(&plan->nodes[i], "evidence"))
            shapes = "evidence";
        else if (gives(&plan->nodes[i], "calls"))
            shapes = "records";
    }
    if (shapes) json_object_set_new(stage, "shapes", json_string(shapes));
    json_object_set_new(stage, "blake2b", json_string(hex));
    return KUNI_OK;
}

static json_t *stage_objects(const kuni_ledger *ledger, kuni_error *err)
{
    json_t *stages = json_array();
    const kuni_plan *plan = &ledger->run->plan;
    for (size_t i = 1; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        if (node->stage == plan->nodes[i - 1].stage) continue;
        json_t *params = json_object();
        const kuni_param *table = kuni_params_table(node->params);
        for (const kuni_param *param = table; param && param->name; param++) {
            const char *value = kuni_params_value(node->params, param->name);
            if (value) json_object_set_new(params, param->name, param_value(param, value));
        }
        json_t *stage = json_pack("{ss ss si so}", "id", node->id, "uses", node->stage->stage->name,
                                  "version", node->stage->stage->version, "with", params);
        json_array_append_new(stages, stage);
        if (say_what_it_makes(ledger, i, stage, err)) {
            json_decref(stages);
            return NULL;
        }
    }
    return stages;
}

kuni_status kuni_publish_regions(const kuni_run *run, char hex[KUNI_DIGEST_HEX_BYTES],
                                 kuni_error *err)
{
    const kuni_plan *plan = &run->plan;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = 0; i < plan->reads.n_spans && plan->reads.spans[i].tid >= 0; i++) {
        kuni_span span = plan->reads.spans[i];
        while (i + 1 < plan->reads.n_spans && plan->reads.spans[i + 1].tid == span.tid &&
               plan->reads.spans[i + 1].beg == span.end)
            span.end = plan->reads.spans[++i].end;
        kuni_digest_add_text(digest, kuni_genome_contig(run->genome, span.tid)->name);
        kuni_digest_add_int(digest, span.beg);
        kuni_digest_add_int(digest, span.end);
    }
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

static json_t *file_objects(const kuni_ledger *ledger)
{
    json_t *files = json_object();
    const kuni_plan *plan = &ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_node_is_one(&plan->nodes[i])) continue;
        for (size_t o = 0; o < plan->nodes[i].n_outputs; o++) {
            const char *name = plan->nodes[i].step->outputs[o].publish;
            const kuni_stored_output *out = &ledger->finals[i * KUNI_PLAN_OUTPUTS_MAX + o];
            char hex[KUNI_DIGEST_HEX_BYTES];
            if (!name || out->bytes < 0) continue;
            kuni_hash_print(&out->digest, hex);
            json_object_set_new(
                files, name, json_pack("{sI ss}", "bytes", (json_int_t)out->bytes, "blake2b", hex));
        }
    }
    return files;
}

/* Who is quarantined, or whom the gate keeps out. */
static json_t *left_out(const kuni_ledger *ledger, bool gated)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ledger->samples.n_quarantined; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        if ((q->verdict == KUNI_VERDICT_GATE) == gated)
            json_array_append_new(list, json_string(ledger->run->cohort.samples[q->sample].id));
    }
    return list;
}

/* --- files of the current generation that this workflow does not make --- */

static bool is_made_here(const kuni_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t o = 0; o < plan->nodes[i].n_outputs; o++) {
            const char *made = plan->nodes[i].step->outputs[o].publish;
            if (made && kuni_node_is_one(&plan->nodes[i]) && strcmp(made, name) == 0) return true;
        }
    return false;
}

static kuni_status people_digest(const kuni_ledger *ledger, char hex[KUNI_DIGEST_HEX_BYTES],
                                 kuni_error *err)
{
    kuni_hash people;
    kuni_status status = kuni_samples_people_digest(&ledger->samples, &people, err);
    if (!status) kuni_hash_print(&people, hex);
    return status;
}

/* Files of the current generation that go on into the next one, and the stages that made them. */
typedef struct carried {
    json_t *files;  /* name to object as in dataset.json */
    json_t *stages; /* array, likewise */
} carried;

static void carried_fini(carried *c)
{
    json_decref(c->files);
    json_decref(c->stages);
}

static bool has_stage(const kuni_plan *plan, const char *id)
{
    for (size_t i = 1; i < plan->n_nodes; i++)
        if (strcmp(plan->nodes[i].id, id) == 0) return true;
    return false;
}

static void carry_stages(json_t *stages, const kuni_plan *plan, carried *c)
{
    size_t i;
    json_t *stage;
    json_array_foreach(stages, i, stage)
    {
        const char *id = json_string_value(json_object_get(stage, "id"));
        if (id && !has_stage(plan, id)) json_array_append(c->stages, stage);
    }
}

/*
 * A workflow of some stages must not take away what another one has published. Its files are carried
 * over while they are of the same people; once they are not, nothing is published.
 */
static kuni_status carry_over(const kuni_ledger *ledger, carried *c, kuni_error *err)
{
    const kuni_run *run = ledger->run;
    kuni_published now;
    char people[KUNI_DIGEST_HEX_BYTES];
    const char *name;
    json_t *file;
    *c = (carried){.files = json_object(), .stages = json_array()};
    kuni_status status = c->files && c->stages ? kuni_published_read(&now, run->folder, err)
                                               : kuni_fail_memory(err, 1, 1);
    if (status) return status;
    status = people_digest(ledger, people, err);
    const char *theirs = json_string_value(json_object_get(now.json, "people"));
    bool same = !status && theirs && strcmp(theirs, people) == 0;
    json_object_foreach(json_object_get(now.json, "files"), name, file)
    {
        if (status || run->options->drop_published || is_made_here(&run->plan, name)) continue;
        if (same)
            json_object_set(c->files, name, file);
        else
            status =
                kuni_fail(err, KUNI_USAGE,
                          "%s/current has %s, which this workflow does not make, and it is of "
                          "other people than there are now: run the workflow that makes it, or "
                          "say --drop-published to publish without; nothing was published",
                          run->folder, name);
    }
    if (json_object_size(c->files)) {
        carry_stages(json_object_get(now.json, "stages"), &run->plan, c);
        carry_stages(json_object_get(now.json, "carried_stages"), &run->plan, c);
    }
    kuni_published_fini(&now);
    return status;
}

/* What the generation is, without a clock: the same data give the same bytes. */
static char *describe(const kuni_ledger *ledger, const carried *c, kuni_error *err)
{
    const kuni_run *run = ledger->run;
    kuni_hash reference;
    char hex[KUNI_DIGEST_HEX_BYTES], people[KUNI_DIGEST_HEX_BYTES], regions[KUNI_DIGEST_HEX_BYTES];
    if (kuni_keys_reference(run, &reference, err) || people_digest(ledger, people, err) ||
        kuni_publish_regions(run, regions, err))
        return NULL;
    json_t *stages = stage_objects(ledger, err);
    if (!stages) return NULL;
    kuni_hash_print(&reference, hex);
    json_t *files = file_objects(ledger);
    json_object_update(files, c->files);
    int64_t bp = 0;
    for (size_t i = 0; i < run->plan.reads.n_places; i++) bp += run->plan.reads.shards[i].bp;
    json_t *o =
        json_pack("{si ss ss* ss s{si ss} sI ss sI ss sI sI so so so so}", "format", 1, "kuni",
                  KUNI_VERSION, "build", kuni_built_from[0] ? kuni_built_from : NULL, "workflow",
                  run->workflow.name ? run->workflow.name : "", "reference", "contigs",
                  (int)kuni_genome_contig_count(run->genome), "blake2b", hex, "regions_bp",
                  (json_int_t)bp, "regions", regions, "samples", (json_int_t)run->n_columns,
                  "people", people, "batches", (json_int_t)run->plan.n_batches, "withdrawn",
                  (json_int_t)run->cohort.n_withdrawn, "quarantined", left_out(ledger, false),
                  "gated", left_out(ledger, true), "stages", stages, "files", files);
    if (o && json_array_size(c->stages)) json_object_set(o, "carried_stages", c->stages);
    char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
    json_decref(o);
    if (!text) (void)kuni_fail_memory(err, 1, 1);
    return text;
}

/* --- the folder --- */

static int64_t newest(const char *folder)
{
    int64_t most = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        uint64_t number;
        if (kuni_scan(entry->d_name, "#", &number) && number <= INT64_MAX && (int64_t)number > most)
            most = (int64_t)number;
    }
    if (dir) closedir(dir);
    return most;
}

/* "../../" and so on: from a published name up to the dataset, which may be moved as a whole. */
static kuni_status link_softly(const char *folder, const char *data, const char *published,
                               const char *name, kuni_error *err)
{
    kuni_buffer target = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&target, err, "../../");
    for (const char *c = name; *c && !status; c++)
        if (*c == '/') status = kuni_buffer_printf(&target, err, "../");
    if (!status) status = kuni_buffer_printf(&target, err, "%s", data + strlen(folder) + 1);
    if (!status && symlink(target.data, published) != 0)
        status = kuni_fail_errno(err, "cannot link %s to %s", data, published);
    kuni_buffer_fini(&target);
    return status;
}

/* A second name for the data file; a symbolic link where the file system has no hard ones. */
static kuni_status place(const kuni_run *run, const char *data, const char *published,
                         const char *name, kuni_error *err)
{
    char *folder = kuni_strdup(published, err);
    if (!folder) return KUNI_MEMORY;
    *strrchr(folder, '/') = '\0';
    kuni_status status = kuni_make_folders(folder, err);
    free(folder);
    if (status) return status;
    return link(data, published) == 0 ? KUNI_OK
                                      : link_softly(run->folder, data, published, name, err);
}

static kuni_status place_carried(const kuni_run *run, json_t *files, const char *folder,
                                 kuni_arena *arena, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    const char *name;
    json_t *file;
    json_object_foreach(files, name, file)
    {
        char *published = status ? NULL : kuni_path_join(folder, name, err);
        const char *path = published ? kuni_run_path(run, arena, err, "current/%s", name) : NULL;
        char *data = path ? realpath(path, NULL) : NULL;
        if (!status && path && !data) status = kuni_fail_errno(err, "cannot find %s", path);
        if (!status) status = data ? place(run, data, published, name, err) : KUNI_MEMORY;
        free(data);
        free(published);
    }
    return status;
}

static kuni_status place_files(const kuni_ledger *ledger, const char *folder, kuni_arena *arena,
                               kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_node_is_one(&plan->nodes[i])) continue;
        for (size_t o = 0; o < plan->nodes[i].n_outputs && !status; o++) {
            const char *name = plan->nodes[i].step->outputs[o].publish;
            if (!name || ledger->finals[i * KUNI_PLAN_OUTPUTS_MAX + o].bytes < 0) continue;
            const char *data = kuni_run_output(ledger->run, arena, i, o, -1, -1,
                                               ledger->table.nodes[i].key[0], err);
            char *published = kuni_path_join(folder, name, err);
            status =
                data && published ? place(ledger->run, data, published, name, err) : KUNI_MEMORY;
            free(published);
        }
    }
    return status;
}

/* A file that was there before this run, and goes into another generation: rot must not go along. */
static kuni_status check_old_file(const kuni_run *run, const char *path, const kuni_hash *digest,
                                  kuni_error *err)
{
    if (kuni_assembly_matches(path, digest)) return KUNI_OK;
    return kuni_fail(err, KUNI_IO,
                     "%s: altered or damaged: nothing was published: see `kuni repair --deep %s`",
                     path, run->workflow.path);
}

static kuni_status check_old_files(const kuni_ledger *ledger, const carried *c, kuni_arena *arena,
                                   kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_node_is_one(&plan->nodes[i]) || !ledger->table.nodes[i].reused) continue;
        for (size_t o = 0; o < plan->nodes[i].n_outputs && !status; o++) {
            const kuni_stored_output *out = &ledger->finals[i * KUNI_PLAN_OUTPUTS_MAX + o];
            if (!plan->nodes[i].step->outputs[o].publish || out->bytes < 0) continue;
            const char *path = kuni_run_output(ledger->run, arena, i, o, -1, -1,
                                               ledger->table.nodes[i].key[0], err);
            status = path ? check_old_file(ledger->run, path, &out->digest, err) : KUNI_MEMORY;
        }
    }
    const char *name;
    json_t *file;
    json_object_foreach(c->files, name, file)
    {
        kuni_hash digest;
        const char *hex = json_string_value(json_object_get(file, "blake2b"));
        if (status || !hex || !kuni_hash_parse(&digest, hex)) continue;
        const char *path = kuni_run_path(ledger->run, arena, err, "current/%s", name);
        if (path && access(path, F_OK) != 0)
            status = kuni_fail(err, KUNI_IO,
                               "%s: missing, and this workflow does not make it: nothing was "
                               "published: put it, or dataset.json beside it, back from a backup, "
                               "or say --drop-published to publish without",
                               path);
        else
            status = path ? check_old_file(ledger->run, path, &digest, err) : KUNI_MEMORY;
    }
    return status;
}

static kuni_status print_failures(const kuni_ledger *ledger, kuni_buffer *text, kuni_error *err)
{
    kuni_status status =
        kuni_columns_put_head(kuni_dictionary_of_runs, KUNI_FAILURES_TABLE, text, err);
    for (size_t i = 0; i < ledger->samples.n_quarantined && !status; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        const kuni_sample *s = &ledger->run->cohort.samples[q->sample];
        status = kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s\n", s->id, s->site ? s->site : ".",
                                    q->where, q->reason);
    }
    return status;
}

static kuni_status write_failures(const kuni_ledger *ledger, const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = print_failures(ledger, &text, err);
    char *path = kuni_path_join(folder, KUNI_FAILURES_TABLE, err);
    if (!status) status = path ? kuni_file_put(path, text.data, text.length, err) : KUNI_MEMORY;
    free(path);
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status sync_folder(const char *path, kuni_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
    kuni_status status = fsync(fd) == 0 ? KUNI_OK : kuni_fail_errno(err, "cannot flush %s", path);
    (void)close(fd);
    return status;
}

static kuni_status swap(const kuni_run *run, int64_t number, kuni_arena *arena, kuni_error *err)
{
    char target[64];
    snprintf(target, sizeof(target), "generations/%06" PRId64, number);
    const char *fresh = kuni_run_path(run, arena, err, ".current-%" PRIu64, run->epoch);
    const char *current = kuni_run_path(run, arena, err, "current");
    if (!fresh || !current) return KUNI_MEMORY;
    if (unlink(fresh) != 0 && errno != ENOENT)
        return kuni_fail_errno(err, "cannot remove %s", fresh);
    if (symlink(target, fresh) != 0) return kuni_fail_errno(err, "cannot make %s", fresh);
    if (rename(fresh, current) != 0) {
        kuni_status status =
            errno == EISDIR
                ? kuni_fail(err, KUNI_IO,
                            "%s is a folder, not the link that runs swap: move it away", current)
                : kuni_fail_errno(err, "cannot swap %s", current);
        (void)unlink(fresh);
        return status;
    }
    return sync_folder(run->folder, err);
}

/* A generation's name, as it is made: the number with at least six digits, and nothing else. */
static bool parse_generation(const char *name, int64_t *number)
{
    char made[32];
    uint64_t digits;
    if (!kuni_scan(name, "#", &digits) || digits > INT64_MAX) return false;
    *number = (int64_t)digits;
    (void)snprintf(made, sizeof(made), "%06" PRId64, *number);
    return strcmp(name, made) == 0;
}

/* Those beyond the number that is kept, and what a crashed publication left. */
static kuni_status prune(const char *folder, int64_t number, int64_t keep, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && !status;) {
        int64_t other;
        uint64_t epoch;
        bool outdated = parse_generation(entry->d_name, &other)
                            ? other <= number - keep
                            : kuni_scan(entry->d_name, ".new-#", &epoch);
        if (!outdated) continue;
        char *path = kuni_path_join(folder, entry->d_name, err);
        status = path ? kuni_remove_tree(path, err) : KUNI_MEMORY;
        free(path);
    }
    if (dir) closedir(dir);
    return status;
}

static bool holds(const char *path, const char *text, size_t length)
{
    kuni_buffer old = KUNI_BUFFER_INIT;
    kuni_error ignored = KUNI_ERROR_INIT;
    bool same = path && access(path, R_OK) == 0 &&
                kuni_file_get(path, DATASET_JSON_BYTES_MAX, &old, &ignored) == KUNI_OK &&
                old.length == length && memcmp(old.data, text, length) == 0;
    kuni_buffer_fini(&old);
    return same;
}

/*
 * A file that this run has made anew, with the bytes that it had before: the one in `current` may be the
 * damaged one that it was made anew for. What was not made anew is the same file, or was looked at.
 */
static bool is_sound(const kuni_ledger *ledger, kuni_arena *arena, size_t node, size_t output,
                     const char *path, const struct stat *st)
{
    struct stat made;
    const char *data = kuni_run_output(ledger->run, arena, node, output, -1, -1,
                                       ledger->table.nodes[node].key[0], NULL);
    if (!data) return false;
    if (ledger->table.nodes[node].reused ||
        (stat(data, &made) == 0 && made.st_dev == st->st_dev && made.st_ino == st->st_ino))
        return true;
    return kuni_assembly_matches(path,
                                 &ledger->finals[node * KUNI_PLAN_OUTPUTS_MAX + output].digest);
}

/* True where all that is published stands in `current` with its size. */
static bool is_complete(const kuni_ledger *ledger, kuni_arena *arena)
{
    const kuni_plan *plan = &ledger->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (!kuni_node_is_one(&plan->nodes[i])) continue;
        for (size_t o = 0; o < plan->nodes[i].n_outputs; o++) {
            struct stat st;
            const char *name = plan->nodes[i].step->outputs[o].publish;
            int64_t bytes = ledger->finals[i * KUNI_PLAN_OUTPUTS_MAX + o].bytes;
            if (!name || bytes < 0) continue;
            const char *path = kuni_run_path(ledger->run, arena, NULL, "current/%s", name);
            if (!path || stat(path, &st) != 0 || st.st_size != bytes ||
                !is_sound(ledger, arena, i, o, path, &st))
                return false;
        }
    }
    return true;
}

static bool is_unchanged(const kuni_ledger *ledger, kuni_arena *arena, const char *text)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_buffer failures = KUNI_BUFFER_INIT;
    const char *description = kuni_run_path(ledger->run, arena, &ignored, "current/dataset.json");
    const char *list = kuni_run_path(ledger->run, arena, &ignored, "current/failures.tsv");
    bool same = print_failures(ledger, &failures, &ignored) == KUNI_OK &&
                holds(description, text, strlen(text)) &&
                holds(list, failures.data, failures.length) && is_complete(ledger, arena);
    kuni_buffer_fini(&failures);
    return same;
}

kuni_status kuni_publish(const kuni_ledger *ledger, int64_t *generation, bool *changed,
                         kuni_error *err)
{
    const kuni_run *run = ledger->run;
    kuni_status status = KUNI_MEMORY;
    carried over = {.files = NULL};
    char *text = NULL;
    kuni_arena *arena = kuni_arena_new(err);
    if (!arena) goto done;
    status = carry_over(ledger, &over, err);
    if (status) goto done;
    status = KUNI_MEMORY;
    text = describe(ledger, &over, err);
    if (!text) goto done;
    *generation = kuni_published_generation(run->folder);
    *changed = *generation == 0 || !is_unchanged(ledger, arena, text);
    if (!*changed) {
        status = KUNI_OK;
        goto done;
    }
    status = check_old_files(ledger, &over, arena, err);
    if (status) goto done;
    status = KUNI_MEMORY;
    const char *folder = kuni_run_path(run, arena, err, "generations");
    const char *fresh = kuni_run_path(run, arena, err, "generations/.new-%" PRIu64, run->epoch);
    if (!folder || !fresh) goto done;
    *generation = newest(folder) + 1;
    const char *final = kuni_run_path(run, arena, err, "generations/%06" PRId64, *generation);
    const char *description =
        kuni_run_path(run, arena, err, "generations/.new-%" PRIu64 "/dataset.json", run->epoch);
    if (!final || !description) goto done;
    status = kuni_remove_tree(fresh, err);
    if (!status) status = kuni_make_folders(fresh, err);
    if (!status) status = place_files(ledger, fresh, arena, err);
    if (!status) status = place_carried(run, over.files, fresh, arena, err);
    if (!status) status = write_failures(ledger, fresh, err);
    if (!status) status = kuni_dictionary_write(&run->plan, fresh, err);
    if (!status) status = kuni_file_put(description, text, strlen(text), err);
    if (!status) status = sync_folder(fresh, err);
    if (!status && rename(fresh, final) != 0)
        status = kuni_fail_errno(err, "cannot rename %s", fresh);
    if (!status) status = sync_folder(folder, err);
    if (!status) status = swap(run, *generation, arena, err);
    if (!status) status = kuni_trend_add(run, *generation, err);
    if (!status) status = prune(folder, *generation, run->workflow.keep, err);
done:
    carried_fini(&over);
    free(text);
    kuni_arena_free(arena);
    return status;
}
