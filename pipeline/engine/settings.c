/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "past.h"

static kuni_status set_fact(json_t *facts, const char *name, const char *value, kuni_error *err)
{
    return json_object_set_new(facts, name, json_string(value)) == 0 ? KUNI_OK
                                                                     : kuni_fail_memory(err, 1, 1);
}

static kuni_status node_facts(const kuni_run *run, const kuni_node *node, kuni_known_files *known,
                              kuni_journal *journal, json_t *facts, kuni_error *err)
{
    kuni_buffer params = KUNI_BUFFER_INIT;
    char name[512], value[256];
    snprintf(name, sizeof(name), "stage %s", node->id);
    snprintf(value, sizeof(value), "%s version %d", node->stage->stage->name,
             node->stage->stage->version);
    kuni_status status = set_fact(facts, name, value, err);
    if (!status) status = kuni_keys_params(run, node, known, journal, &params, err);
    const kuni_param *table = kuni_params_table(node->params);
    char *save = NULL;
    for (char *line = params.data ? strtok_r(params.data, "\n", &save) : NULL; line && !status;
         line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');
        const kuni_param *param = table;
        if (!equals) continue;
        *equals = '\0';
        while (param->name && strcmp(param->name, line) != 0) param++;
        if (!param->name) continue;
        snprintf(name, sizeof(name), "stage %s: %s", node->id, line);
        status = set_fact(facts, name, equals + 1, err);
    }
    kuni_buffer_fini(&params);
    return status;
}

enum { SHARDS_TEXT_BYTES = 256 };

static void print_shards(const kuni_run *run, size_t n, kuni_digest *names,
                         char value[SHARDS_TEXT_BYTES])
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    int64_t bp = 0;
    for (size_t i = 0; i < run->plan.reads.n_shards; i++) bp += run->plan.reads.shards[i].bp;
    kuni_digest_finish(names, hex);
    snprintf(value, SHARDS_TEXT_BYTES,
             "%zu shards, %" PRId64 " bp, at most %" PRId64 " bp each (%.12s)", n, bp,
             run->workflow.shard_bp, hex);
}

static kuni_status shard_fact(const kuni_run *run, json_t *facts, kuni_error *err)
{
    char value[SHARDS_TEXT_BYTES];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = 0; i < run->plan.reads.n_shards; i++)
        kuni_digest_add_text(digest, run->plan.reads.names[i]);
    print_shards(run, run->plan.reads.n_places, digest, value);
    return set_fact(facts, "regions", value, err);
}

/* What the fact would be if no shards were bundled. */
static kuni_status unbundled_fact(const kuni_run *run, char value[SHARDS_TEXT_BYTES],
                                  kuni_error *err)
{
    kuni_arena *arena = kuni_arena_new(err);
    kuni_digest *digest = arena ? kuni_digest_new(err) : NULL;
    kuni_status status = digest ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < run->plan.reads.n_spans && !status; i++) {
        const char *name = kuni_axis_span_name(&run->plan.reads, i, run->genome, arena, err);
        if (name)
            kuni_digest_add_text(digest, name);
        else
            status = KUNI_MEMORY;
    }
    if (!status)
        print_shards(run, run->plan.reads.n_spans - run->plan.unplaced, digest, value);
    else
        kuni_digest_free(digest);
    kuni_arena_free(arena);
    return status;
}

static kuni_status collect_facts(const kuni_run *run, kuni_known_files *known,
                                 kuni_journal *journal, json_t *facts, kuni_error *err)
{
    kuni_hash reference;
    char hex[KUNI_DIGEST_HEX_BYTES], value[512];
    kuni_status status = kuni_keys_reference(run, &reference, err);
    if (status) return status;
    kuni_hash_print(&reference, hex);
    const char *path = kuni_genome_path(run->genome), *base = strrchr(path, '/');
    snprintf(value, sizeof(value), "%s, %d contigs (%.12s)", base ? base + 1 : path,
             (int)kuni_genome_contig_count(run->genome), hex);
    status = set_fact(facts, "reference", value, err);
    const char *ploidy = run->workflow.ploidy ? run->workflow.ploidy : "";
    if (!status && ploidy[0] == '/') {
        status = kuni_digest_file(ploidy, hex, err);
        ploidy = hex;
    }
    if (!status) status = set_fact(facts, "ploidy", ploidy, err);
    if (!status) status = shard_fact(run, facts, err);
    for (size_t i = 1; i < run->plan.n_nodes && !status; i++)
        if (kuni_ledger_seals(&run->plan.nodes[i]) &&
            run->plan.nodes[i].scatter == KUNI_SCATTER_READS)
            status = node_facts(run, &run->plan.nodes[i], known, journal, facts, err);
    return status;
}

/* The reference's file name is told for people; only the digest in brackets counts. */
static bool same_fact(const char *name, const char *a, const char *b)
{
    if (strcmp(name, "reference") == 0 && strrchr(a, '(') && strrchr(b, '('))
        return strcmp(strrchr(a, '('), strrchr(b, '(')) == 0;
    return strcmp(a, b) == 0;
}

/* "NAME version N": the same stage in another version, which the program decides and no workflow. */
static bool is_same_stage(const char *before, const char *wanted)
{
    const char *version = strstr(wanted, " version ");
    size_t length = version ? (size_t)(version - wanted) + strlen(" version ") : 0;
    return version && strncmp(before, wanted, length) == 0;
}

static kuni_status compare_facts(const kuni_run *run, json_t *old, json_t *now, kuni_error *err)
{
    const char *folder = run->folder;
    char unbundled[SHARDS_TEXT_BYTES];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = unbundled_fact(run, unbundled, err);
    const char *name;
    json_t *value;
    size_t n = 0;
    bool other_version = false;
    json_object_foreach(now, name, value)
    {
        const char *before = json_string_value(json_object_get(old, name));
        const char *wanted = json_string_value(value);
        if (!before || same_fact(name, before, wanted) || status) continue;
        bool versions = is_same_stage(before, wanted);
        status =
            kuni_buffer_printf(&text, err, "%s%s: the dataset has %s, %s %s", n++ ? "; " : "", name,
                               before, versions ? "this kuni has" : "the workflow says", wanted);
        if (!status && strcmp(name, "regions") == 0 && strcmp(before, unbundled) == 0)
            status = kuni_buffer_printf(&text, err,
                                        " (the dataset's small shards have files of their own: set "
                                        "regions.bundle to 1)");
        other_version = other_version || versions;
    }
    if (!status && n)
        status = kuni_fail(
            err, KUNI_USAGE,
            "%s was made with other settings: %s: %s, use another dataset, or call everybody again "
            "with `kuni recall`",
            folder, text.data,
            other_version ? "go on with the kuni that made it" : "keep the old ones");
    kuni_buffer_fini(&text);
    return status;
}

/* --- the file --- */

/* The fact that is none: a digest of the others, by which rot is told from a change. */
static const char digest_name[] = "digest";

static kuni_status digest_facts(json_t *facts, char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    const char *name;
    json_t *value;
    kuni_hash sum = {{0}};
    json_object_foreach(facts, name, value)
    {
        kuni_hash one;
        kuni_digest *digest = kuni_digest_new(err);
        if (!digest) return KUNI_MEMORY;
        if (strcmp(name, digest_name) == 0) {
            kuni_digest_free(digest);
            continue;
        }
        kuni_digest_add_text(digest, name);
        kuni_digest_add_text(digest, json_string_value(value));
        kuni_digest_finish_hash(digest, &one);
        kuni_hash_add(&sum, &one); /* in whatever order they come */
    }
    kuni_hash_print(&sum, hex);
    return KUNI_OK;
}

/* Without a digest: every name is one that a version without digests wrote. */
static bool is_of_old_form(json_t *facts)
{
    const char *name;
    json_t *value;
    json_object_foreach(facts, name, value)
    {
        if (!json_is_string(value) ||
            (strcmp(name, "reference") != 0 && strcmp(name, "ploidy") != 0 &&
             strcmp(name, "regions") != 0 && strncmp(name, "stage ", 6) != 0))
            return false;
    }
    return json_object_size(facts) > 0;
}

/* *facts is NULL where there is no file, or it is damaged; *old that it has no digest. */
static kuni_status read_facts(const char *path, json_t **facts, bool *whole, bool *old,
                              kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    *facts = NULL;
    *old = false;
    *whole = access(path, F_OK) != 0;
    if (*whole) return KUNI_OK;
    json_t *read = json_load_file(path, 0, NULL);
    json_t *told = json_object_get(read, digest_name);
    *old = !told;
    kuni_status status = KUNI_OK;
    if (told) {
        status = digest_facts(read, hex, err);
        *whole = !status && json_is_string(told) && strcmp(json_string_value(told), hex) == 0;
        if (*whole) (void)json_object_del(read, digest_name);
    } else {
        *whole = is_of_old_form(read);
    }
    if (*whole)
        *facts = read;
    else
        json_decref(read);
    return status;
}

static kuni_status write_facts(const char *path, json_t *facts, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = digest_facts(facts, hex, err);
    if (!status) status = set_fact(facts, digest_name, hex, err);
    if (status) return status;
    char *text = json_dumps(facts, JSON_INDENT(1) | JSON_SORT_KEYS);
    status = text ? kuni_file_put(path, text, strlen(text), err) : kuni_fail_memory(err, 1, 1);
    free(text);
    return status;
}

kuni_status kuni_settings_look(const char *folder, bool *whole, kuni_error *err)
{
    json_t *facts = NULL;
    bool old;
    char *path = kuni_path_join(folder, "settings.json", err);
    kuni_status status = path ? read_facts(path, &facts, whole, &old, err) : KUNI_MEMORY;
    json_decref(facts);
    free(path);
    return status;
}

kuni_status kuni_settings_write(const kuni_run *run, kuni_known_files *known, kuni_error *err)
{
    json_t *facts = json_object();
    char *path = kuni_path_join(run->folder, "settings.json", err);
    kuni_status status = facts && path ? collect_facts(run, known, NULL, facts, err) : KUNI_MEMORY;
    if (!status) status = write_facts(path, facts, err);
    json_decref(facts);
    free(path);
    return status;
}

kuni_status kuni_settings_check(const kuni_run *run, kuni_known_files *known, kuni_journal *journal,
                                bool has_data, bool override, bool write, kuni_error *err)
{
    char *path = kuni_path_join(run->folder, "settings.json", err);
    json_t *old = NULL, *now = json_object();
    bool whole = true, of_old_form = false;
    kuni_status status =
        path && now ? read_facts(path, &old, &whole, &of_old_form, err) : KUNI_MEMORY;
    if (!status && !whole && !override)
        status = kuni_fail(err, KUNI_IO,
                           "%s: damaged: what the data were made with is not what was written: "
                           "nothing was changed: `kuni repair` makes the file again",
                           path);
    if (!status) status = collect_facts(run, known, journal, now, err);
    if (!status && old && has_data && !override) status = compare_facts(run, old, now, err);
    if (!status && write) {
        if (old && has_data && !override) json_object_update_missing(now, old);
        if (!old || of_old_form || !json_equal(old, now)) status = write_facts(path, now, err);
    }
    json_decref(old);
    json_decref(now);
    free(path);
    return status;
}
