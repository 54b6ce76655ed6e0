/* SPDX-License-Identifier: MIT */
#include "dataset.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep.h"

/* A file that kuni_file_put makes at the top of a dataset, under the name it has until it is whole:
 * "NAME.tmp.PID.SERIAL". */
static bool is_half_written(const char *name)
{
    static const char *const names[] = {"batches.tsv", "reference.tsv", "settings.json",
                                        "status.json", "kuni-dataset.json"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        long pid;
        unsigned long serial;
        int end = -1;
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) == 0 &&
            sscanf(name + length, ".tmp.%ld.%lu%n", &pid, &serial, &end) == 2 && end > 0 &&
            !name[length + (size_t)end])
            return true;
    }
    return false;
}

/* Files of a run that was killed while it wrote them. */
static kuni_status clear_leftovers(const char *folder, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    if (!dir) return kuni_fail_errno(err, "cannot read %s", folder);
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        uint64_t epoch;
        char rest;
        bool ours = is_half_written(entry->d_name) ||
                    sscanf(entry->d_name, ".current-%" SCNu64 "%c", &epoch, &rest) == 1;
        if (ours && unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            status = kuni_fail_errno(err, "cannot remove %s/%s", folder, entry->d_name);
    }
    closedir(dir);
    return status;
}

/* Scratch folders of tasks, "EPOCH-RANK-WORK-NODE"; other things in tmp/ are not ours. */
static kuni_status clear_scratch(const char *folder, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    if (!dir) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot read %s", folder);
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        uint64_t epoch, work;
        unsigned rank, node;
        char rest;
        if (sscanf(entry->d_name, "%" SCNu64 "-%u-%" SCNu64 "-%u%c", &epoch, &rank, &work, &node,
                   &rest) != 4)
            continue;
        char *path = kuni_path_join(folder, entry->d_name, err);
        status = path ? kuni_remove_tree(path, err) : KUNI_MEMORY;
        free(path);
    }
    closedir(dir);
    return status;
}

/* A folder of the dataset that is a link leads out of it: nothing may be written or removed there. */
static kuni_status refuse_link(const char *path, kuni_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "%s is a symbolic link: a dataset's folders must lie in it: move the folder "
                     "back, or the whole dataset to where there is room",
                     path);
}

kuni_status kuni_dataset_prepare(const char *folder, kuni_error *err)
{
    kuni_status left = clear_leftovers(folder, err);
    if (left) return left;
    static const char *const parts[] = {"data", "logs", "tmp", "generations"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char *path = kuni_path_join(folder, parts[i], err);
        if (!path) return KUNI_MEMORY;
        kuni_status status = refuse_link(path, err);
        if (!status && strcmp(parts[i], "tmp") == 0) status = clear_scratch(path, err);
        if (!status) status = kuni_make_folders(path, err);
        free(path);
        if (status) return status;
    }
    return KUNI_OK;
}

/* --- reference --- */

enum { REFERENCE_BYTES_MAX = 64 << 20 };

static kuni_status reference_stamp(const kuni_run *run, char *stamp, size_t bytes, kuni_error *err)
{
    struct stat st;
    const char *path = kuni_genome_path(run->genome);
    if (stat(path, &st) != 0) return kuni_fail_errno(err, "cannot open %s", path);
    snprintf(stamp, bytes, "#%s\t%" PRId64 "\t%" PRId64, path, (int64_t)st.st_size,
             (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    return KUNI_OK;
}

/* True where every contig's MD5 was found. */
static bool read_reference(kuni_run *run, char *text, const char *stamp)
{
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    if (!line || strcmp(line, stamp) != 0) return false;
    int32_t known = 0;
    while ((line = strtok_r(NULL, "\n", &save))) {
        char *tab = strrchr(line, '\t');
        if (!tab || strlen(tab + 1) != 32) return false;
        *tab = '\0';
        int32_t tid = kuni_genome_find(run->genome, line);
        if (tid < 0) return false;
        kuni_genome_set_md5(run->genome, tid, tab + 1);
        known++;
    }
    return known == kuni_genome_contig_count(run->genome);
}

static kuni_status write_reference(kuni_run *run, const char *path, const char *stamp, bool write,
                                   kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s\n", stamp);
    for (int32_t tid = 0; tid < kuni_genome_contig_count(run->genome) && !status; tid++) {
        char md5[33];
        status = kuni_genome_md5(run->genome, tid, md5, err);
        if (!status)
            status = kuni_buffer_printf(&text, err, "%s\t%s\n",
                                        kuni_genome_contig(run->genome, tid)->name, md5);
    }
    if (!status && write) status = kuni_file_put(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_dataset_reference(kuni_run *run, bool write, kuni_error *err)
{
    char stamp[4400];
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(run->folder, "reference.tsv", err);
    kuni_status status = path ? reference_stamp(run, stamp, sizeof(stamp), err) : KUNI_MEMORY;
    bool known = false;
    if (!status && access(path, R_OK) == 0) {
        status = kuni_file_get(path, REFERENCE_BYTES_MAX, &text, err);
        known = !status && text.data && read_reference(run, text.data, stamp);
    }
    if (!status && !known) status = write_reference(run, path, stamp, write, err);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

/* --- settings --- */

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
    char *save = NULL, *last = NULL;
    (void)last;
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

static kuni_status shard_fact(const kuni_run *run, json_t *facts, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES], value[256];
    int64_t bp = 0;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = 0; i < run->plan.n_shards; i++) {
        kuni_digest_add_text(digest, run->plan.shard_names[i]);
        bp += run->plan.shards[i].end - run->plan.shards[i].beg;
    }
    kuni_digest_finish(digest, hex);
    snprintf(value, sizeof(value),
             "%zu shards, %" PRId64 " bp, at most %" PRId64 " bp each (%.12s)", run->plan.n_places,
             bp, run->workflow.shard_bp, hex);
    return set_fact(facts, "regions", value, err);
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
        if (kuni_resume_streams(&run->plan.nodes[i]))
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

static kuni_status compare_facts(json_t *old, json_t *now, const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    const char *name;
    json_t *value;
    size_t n = 0;
    json_object_foreach(now, name, value)
    {
        const char *before = json_string_value(json_object_get(old, name));
        const char *wanted = json_string_value(value);
        if (!before || same_fact(name, before, wanted) || status) continue;
        status = kuni_buffer_printf(&text, err, "%s%s: the dataset has %s, the workflow says %s",
                                    n++ ? "; " : "", name, before, wanted);
    }
    if (!status && n)
        status = kuni_fail(
            err, KUNI_USAGE,
            "%s was made with other settings: %s: keep the old ones, use another dataset, "
            "or redo everything with --recall",
            folder, text.data);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_dataset_settings(const kuni_run *run, kuni_known_files *known,
                                  kuni_journal *journal, bool has_data, bool override, bool write,
                                  kuni_error *err)
{
    kuni_status status = KUNI_OK;
    char *path = kuni_path_join(run->folder, "settings.json", err);
    json_t *old = NULL, *now = json_object();
    char *text = NULL;
    if (!path || !now) {
        status = KUNI_MEMORY;
        goto done;
    }
    if (access(path, R_OK) == 0) old = json_load_file(path, 0, NULL);
    status = collect_facts(run, known, journal, now, err);
    if (!status && old && has_data && !override) status = compare_facts(old, now, run->folder, err);
    if (status || !write) goto done;
    if (old && has_data && !override) json_object_update_missing(now, old);
    if (old && json_equal(old, now)) goto done;
    text = json_dumps(now, JSON_INDENT(1) | JSON_SORT_KEYS);
    status = text ? kuni_file_put(path, text, strlen(text), err) : kuni_fail_memory(err, 1, 1);
done:
    json_decref(old);
    json_decref(now);
    free(text);
    free(path);
    return status;
}
