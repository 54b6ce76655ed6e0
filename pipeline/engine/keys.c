/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- parameter files --- */

kuni_status kuni_known_files_add(kuni_known_files *known, const char *path, int64_t bytes,
                                 int64_t mtime_ns, const char *digest, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&known->files, &known->capacity, known->n + 1,
                                   sizeof(kuni_known_file), err);
    if (status) return status;
    kuni_known_file *file = &known->files[known->n];
    *file = (kuni_known_file){.path = kuni_strdup(path, err), .bytes = bytes, .mtime_ns = mtime_ns};
    if (!file->path) return KUNI_MEMORY;
    snprintf(file->digest, sizeof(file->digest), "%s", digest);
    known->n++;
    return KUNI_OK;
}

void kuni_known_files_fini(kuni_known_files *known)
{
    for (size_t i = 0; i < known->n; i++) free(known->files[i].path);
    free(known->files);
    *known = (kuni_known_files){.files = NULL};
}

kuni_status kuni_keys_file(const char *path, kuni_known_files *known, kuni_journal *journal,
                           char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0) return kuni_fail_errno(err, "cannot open %s", path);
    if (S_ISDIR(st.st_mode))
        return kuni_fail(err, KUNI_USAGE, "%s is a folder: expected a file", path);
    int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    for (size_t i = known->n; i-- > 0;) {
        const kuni_known_file *file = &known->files[i];
        if (file->bytes == st.st_size && file->mtime_ns == mtime && strcmp(file->path, path) == 0) {
            memcpy(hex, file->digest, KUNI_DIGEST_HEX_BYTES);
            return KUNI_OK;
        }
    }
    kuni_status status = kuni_digest_file(path, hex, err);
    if (!status) status = kuni_known_files_add(known, path, st.st_size, mtime, hex, err);
    if (!status && journal)
        status =
            kuni_journal_add(journal,
                             json_pack("{ss ss sI sI ss}", "t", "file", "p", path, "z",
                                       (json_int_t)st.st_size, "m", (json_int_t)mtime, "d", hex),
                             err);
    return status;
}

/* --- nodes --- */

/* The file among the workflow's params that a line of a command's `params` tells of, or NULL. */
static const kuni_workflow_param *file_of_line(const kuni_run *run, const kuni_node *node,
                                               const char *line, size_t length)
{
    static const char head[] = "params=";
    if (!node->stage || !node->stage->stage->shape) return NULL;
    if (length >= strlen(head) && strncmp(line, head, strlen(head)) == 0) {
        line += strlen(head);
        length -= strlen(head);
    }
    for (size_t i = 0; i < run->workflow.n_params; i++) {
        const kuni_workflow_param *p = &run->workflow.params[i];
        size_t name = strlen(p->name), value = strlen(p->value);
        if (strcmp(p->type, "file") == 0 && value && name + 1 + value == length &&
            strncmp(line, p->name, name) == 0 && line[name] == '=' &&
            strncmp(line + name + 1, p->value, value) == 0)
            return p;
    }
    return NULL;
}

kuni_status kuni_keys_params(const kuni_run *run, const kuni_node *node, kuni_known_files *known,
                             kuni_journal *journal, kuni_buffer *out, kuni_error *err)
{
    if (!node->params) return KUNI_OK;
    kuni_buffer plain = KUNI_BUFFER_INIT;
    kuni_status status = kuni_params_print_step(node->params, node->step->name, &plain, err);
    const kuni_param *table = kuni_params_table(node->params);
    for (char *line = plain.data, *end; !status && line && *line; line = end) {
        end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        const kuni_param *param = table;
        size_t length = strcspn(line, "=\n");
        while (param->name &&
               (strlen(param->name) != length || strncmp(param->name, line, length) != 0))
            param++;
        const char *path = param->name && param->type == KUNI_PARAM_PATH
                               ? kuni_params_text(node->params, param->name)
                               : NULL;
        const kuni_workflow_param *file = file_of_line(run, node, line, strcspn(line, "\n"));
        if (file) {
            char hex[KUNI_DIGEST_HEX_BYTES];
            status = kuni_keys_file(file->value, known, journal, hex, err);
            if (!status)
                status = kuni_buffer_printf(out, err, "param %s=file %s\n", file->name, hex);
        } else if (path && path[0]) {
            char hex[KUNI_DIGEST_HEX_BYTES];
            status = kuni_keys_file(path, known, journal, hex, err);
            if (!status) status = kuni_buffer_printf(out, err, "%s=file %s\n", param->name, hex);
        } else {
            status = kuni_buffer_append(out, line, (size_t)(end - line), err);
        }
    }
    kuni_buffer_fini(&plain);
    return status;
}

kuni_status kuni_keys_reference(const kuni_run *run, kuni_hash *hash, kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    int32_t n = kuni_genome_contig_count(run->genome);
    kuni_digest_add_text(digest, "reference");
    for (int32_t tid = 0; tid < n; tid++) {
        const kuni_contig *contig = kuni_genome_contig(run->genome, tid);
        char md5[33];
        kuni_status status = kuni_genome_md5(run->genome, tid, md5, err);
        if (status) {
            kuni_digest_free(digest);
            return status;
        }
        kuni_digest_add_text(digest, contig->name);
        kuni_digest_add_int(digest, contig->length_bp);
        kuni_digest_add_text(digest, md5);
    }
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

static kuni_status ploidy_text(const kuni_run *run, kuni_known_files *known, kuni_journal *journal,
                               char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    snprintf(hex, KUNI_DIGEST_HEX_BYTES, "%.60s", run->workflow.ploidy ? run->workflow.ploidy : "");
    if (!run->workflow.ploidy || run->workflow.ploidy[0] != '/') return KUNI_OK;
    return kuni_keys_file(run->workflow.ploidy, known, journal, hex, err);
}

bool kuni_keys_takes_resource(const kuni_node *node, const char *name)
{
    static const char param[] = "resources";
    const kuni_param *known = node->params ? kuni_params_table(node->params) : NULL;
    while (known && known->name && strcmp(known->name, param) != 0) known++;
    if (!known || !known->name) return false;
    size_t length = strlen(name);
    const char *line = kuni_params_text(node->params, param);
    for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, name, length) == 0 && line[length] == '=') return true;
    return false;
}

static kuni_status add_resources(const kuni_run *run, const kuni_node *node, kuni_digest *digest,
                                 kuni_known_files *known, kuni_journal *journal, kuni_error *err)
{
    for (size_t i = 0; i < run->workflow.n_resources; i++) {
        if (!kuni_keys_takes_resource(node, run->workflow.resources[i].name)) continue;
        char hex[KUNI_DIGEST_HEX_BYTES];
        kuni_status status =
            kuni_keys_file(run->workflow.resources[i].value, known, journal, hex, err);
        if (status) return status;
        kuni_digest_add_text(digest, run->workflow.resources[i].name);
        kuni_digest_add_text(digest, hex);
    }
    return KUNI_OK;
}

static kuni_status node_digest(const kuni_run *run, const kuni_node *node,
                               const kuni_hash *reference, const char *ploidy,
                               kuni_known_files *known, kuni_journal *journal, kuni_hash *hash,
                               kuni_error *err)
{
    kuni_buffer params = KUNI_BUFFER_INIT;
    kuni_digest *digest = kuni_digest_new(err);
    kuni_status status = digest ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_keys_params(run, node, known, journal, &params, err);
    if (!status) status = add_resources(run, node, digest, known, journal, err);
    if (status) {
        kuni_digest_free(digest);
    } else {
        kuni_digest_add_text(digest, node->stage ? node->stage->stage->name : node->id);
        kuni_digest_add_int(digest, node->stage ? node->stage->stage->version : 1);
        kuni_digest_add_text(digest, node->step->name);
        kuni_digest_add_int(digest, node->scatter);
        kuni_digest_add_text(digest, params.data);
        kuni_digest_add_hash(digest, reference);
        kuni_digest_add_text(digest, ploidy);
        kuni_digest_finish_hash(digest, hash);
    }
    kuni_buffer_fini(&params);
    return status;
}

kuni_status kuni_keys_init(kuni_keys *keys, const kuni_run *run, kuni_known_files *known,
                           kuni_journal *journal, kuni_error *err)
{
    kuni_hash reference;
    char ploidy[KUNI_DIGEST_HEX_BYTES];
    *keys = (kuni_keys){.run = run};
    kuni_status status = kuni_keys_reference(run, &reference, err);
    if (!status) status = ploidy_text(run, known, journal, ploidy, err);
    for (size_t i = 0; i < run->plan.n_nodes && !status; i++)
        status = node_digest(run, &run->plan.nodes[i], &reference, ploidy, known, journal,
                             &keys->nodes[i], err);
    return status;
}

kuni_status kuni_keys_set_cohort(kuni_keys *keys, const kuni_samples *samples, kuni_error *err)
{
    return kuni_samples_column_digest(samples, 0, keys->run->cohort.n_samples, true, &keys->cohort,
                                      err);
}

kuni_status kuni_keys_task(const kuni_keys *keys, size_t node_number, size_t task,
                           const kuni_hash *samples_digest, const kuni_hash *inputs, kuni_hash *key,
                           kuni_error *err)
{
    const kuni_plan *plan = &keys->run->plan;
    const kuni_node *node = &plan->nodes[node_number];
    int64_t shard, batch;
    kuni_plan_place(plan, node, task, &shard, &batch);
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "task");
    kuni_digest_add_hash(digest, &keys->nodes[node_number]);
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    const char *name = kuni_plan_shard_name(plan, node, shard, room);
    kuni_digest_add_text(digest, name ? name : "");
    kuni_digest_add_text(digest, batch >= 0 ? keys->run->cohort.batches[batch].id : "");
    kuni_digest_add_hash(digest, samples_digest ? samples_digest : &keys->cohort);
    kuni_digest_add_hash(digest, inputs);
    kuni_digest_finish_hash(digest, key);
    return KUNI_OK;
}
