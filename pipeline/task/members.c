/* SPDX-License-Identifier: MIT */
#include "members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack.h"
#include "temporary.h"

static const char pack_word[] = ".pack.";

static bool is_in_place(const kuni_step *step, const char *kind)
{
    for (const kuni_port *port = step->inputs; port && port->kind; port++)
        if (strcmp(port->kind, kind) == 0) return port->in_place;
    return false;
}

static bool is_optional(const kuni_step *step, const char *kind)
{
    for (const kuni_port *port = step->outputs; port && port->kind; port++)
        if (strcmp(port->kind, kind) == 0) return port->optional;
    return false;
}

/*
 * "FOLDER/PREFIX" and the name of the pack, without the word that says so: files that belong
 * together by name (an index and what it is of) still do.
 */
static const char *member_path(kuni_arena *arena, const char *folder, const char *prefix,
                               const char *pack, kuni_error *err)
{
    const char *slash = strrchr(pack, '/'), *name = slash ? slash + 1 : pack;
    const char *word = strstr(name, pack_word);
    int stem = word ? (int)(word - name) : (int)strlen(name);
    const char *rest = word ? word + sizeof(pack_word) - 2 : "";
    size_t room = strlen(folder) + strlen(prefix) + strlen(name) + 2;
    char *path = kuni_arena_alloc(arena, room, 1, err);
    if (path) (void)snprintf(path, room, "%s/%s%.*s%s", folder, prefix, stem, name, rest);
    return path;
}

static const char *make_folder(kuni_arena *arena, const char *folder, size_t k, const char *ending,
                               kuni_error *err)
{
    size_t room = strlen(folder) + strlen(ending) + 32;
    char *path = kuni_arena_alloc(arena, room, 1, err);
    if (!path) return NULL;
    (void)snprintf(path, room, "%s/%zu%s", folder, k, ending);
    return kuni_make_folders(path, err) ? NULL : path;
}

/* --- inputs --- */

static kuni_status check_member(const kuni_task *task, const kuni_pack *pack, size_t member,
                                int64_t span, kuni_error *err)
{
    const kuni_pack_member *m = &pack->members[member];
    const kuni_span *wanted = &task->shards[span];
    const char *contig = kuni_genome_contig(task->genome, wanted->tid)->name;
    if (strcmp(m->contig, contig) == 0 && m->beg == wanted->beg && m->end == wanted->end)
        return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "%s: %s:%lld-%lld stands where %s:%lld-%lld belongs: restore the file or run "
                     "its stage again",
                     pack->path, m->contig, (long long)m->beg + 1, (long long)m->end, contig,
                     (long long)wanted->beg + 1, (long long)wanted->end);
}

static kuni_status take_member(const kuni_bundle *bundle, const kuni_pack *pack, size_t member,
                               const char *folder, kuni_arena *arena, kuni_task_file *file,
                               kuni_error *err)
{
    file->shard += (int64_t)member;
    kuni_status status = check_member(bundle->task, pack, member, file->shard, err);
    if (status) return status;
    if (is_in_place(bundle->step, file->kind)) {
        file->offset = pack->members[member].offset;
        file->bytes = pack->members[member].bytes;
        return KUNI_OK;
    }
    char prefix[32];
    (void)snprintf(prefix, sizeof(prefix), "%lld.", (long long)file->shard);
    file->path = member_path(arena, folder, prefix, file->path, err);
    return file->path ? kuni_pack_extract(pack, member, file->path, err) : KUNI_MEMORY;
}

/* The members of one pack that the task of span k takes: that of its own span, or all. */
static kuni_status take_pack(const kuni_bundle *bundle, size_t input, size_t k, const char *folder,
                             kuni_arena *arena, kuni_task_file *files, size_t *n, kuni_error *err)
{
    const kuni_task_file *from = &bundle->task->inputs[input];
    bool own = bundle->n_spans > 1;
    kuni_pack pack;
    kuni_status status = kuni_pack_open(&pack, from->path, err);
    if (!status && pack.n != bundle->input_spans[input])
        status = kuni_fail(err, KUNI_DATA,
                           "%s has %zu members where %u belong: restore the file or run its stage "
                           "again",
                           from->path, pack.n, bundle->input_spans[input]);
    size_t first = own ? k : 0, end = own ? k + 1 : status ? 0 : pack.n;
    for (size_t m = first; m < end && !status; m++) {
        if (!pack.members[m].present) continue;
        files[*n] = *from;
        status = take_member(bundle, &pack, m, folder, arena, &files[(*n)++], err);
    }
    kuni_pack_close(&pack);
    return status;
}

static bool is_packed(const kuni_bundle *bundle, size_t input)
{
    return bundle->input_spans && bundle->input_spans[input] > 1;
}

static kuni_status take_inputs(const kuni_bundle *bundle, size_t k, const char *folder,
                               kuni_arena *arena, kuni_task *out, kuni_error *err)
{
    const kuni_task *task = bundle->task;
    size_t most = 0, n = 0;
    for (size_t i = 0; i < task->n_inputs; i++)
        most += bundle->n_spans <= 1 && is_packed(bundle, i) ? bundle->input_spans[i] : 1;
    kuni_task_file *files = kuni_arena_alloc(arena, most + 1, sizeof(*files), err);
    kuni_status status = files ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < task->n_inputs && !status; i++) {
        if (is_packed(bundle, i))
            status = take_pack(bundle, i, k, folder, arena, files, &n, err);
        else
            files[n++] = task->inputs[i];
        if (task->heartbeat) task->heartbeat((int64_t)i);
    }
    out->inputs = files;
    out->n_inputs = n;
    return status;
}

void kuni_member_drop_inputs(const kuni_bundle *bundle, const kuni_task *member)
{
    for (size_t i = 0; i < member->n_inputs; i++) {
        bool copied = true;
        for (size_t k = 0; k < bundle->task->n_inputs && copied; k++)
            copied = strcmp(member->inputs[i].path, bundle->task->inputs[k].path) != 0;
        if (copied) (void)unlink(member->inputs[i].path);
    }
}

/* --- a member --- */

static kuni_status make_outputs(const kuni_bundle *bundle, const char *folder, kuni_arena *arena,
                                kuni_task *out, kuni_error *err)
{
    const kuni_task *task = bundle->task;
    kuni_task_file *files = kuni_arena_alloc(arena, task->n_outputs + 1, sizeof(*files), err);
    if (!files) return KUNI_MEMORY;
    for (size_t o = 0; o < task->n_outputs; o++) {
        files[o] = task->outputs[o];
        files[o].shard = out->shard;
        files[o].path =
            member_path(arena, folder, KUNI_TEMPORARY_PREFIX, task->outputs[o].path, err);
        if (!files[o].path) return KUNI_MEMORY;
    }
    out->outputs = files;
    return KUNI_OK;
}

kuni_status kuni_member_task(const kuni_bundle *bundle, size_t k, const char *folder,
                             kuni_arena *arena, kuni_task *out, kuni_error *err)
{
    bool any = bundle->n_spans > 1;
    *out = *bundle->task;
    for (size_t i = 0; i < out->n_inputs; i++) any = any || is_packed(bundle, i);
    if (!any) return KUNI_OK;
    const char *files = make_folder(arena, folder, k, ".members", err);
    kuni_status status = files ? KUNI_OK : KUNI_IO;
    if (!status && bundle->n_spans > 1) {
        out->shard = bundle->task->shard + (int64_t)k;
        out->scratch = make_folder(arena, folder, k, "", err);
        status = out->scratch ? make_outputs(bundle, files, arena, out, err) : KUNI_IO;
    }
    return status ? status : take_inputs(bundle, k, files, arena, out, err);
}

/* --- packs --- */

static kuni_status add_member(kuni_pack_writer *writer, const kuni_bundle *bundle,
                              const kuni_task *member, size_t output, kuni_error *err)
{
    const kuni_span *span = &member->shards[member->shard];
    const char *contig = kuni_genome_contig(member->genome, span->tid)->name;
    const kuni_task_file *file = &member->outputs[output];
    struct stat info;
    bool there = lstat(file->path, &info) == 0;
    if (!there && errno != ENOENT) return kuni_fail_errno(err, "cannot look at %s", file->path);
    if (!there && !is_optional(bundle->step, file->kind))
        return kuni_fail(err, KUNI_BUG,
                         "stage %s ended well but did not write its output '%s' (%s)",
                         member->stage_id, file->kind, file->path);
    if (there && !S_ISREG(info.st_mode))
        return kuni_fail(err, KUNI_BUG, "stage %s: its output '%s' is not a regular file",
                         member->stage_id, file->kind);
    kuni_status status =
        kuni_pack_add(writer, contig, span->beg, span->end, there ? file->path : NULL, err);
    if (there) (void)unlink(file->path);
    return status;
}

kuni_status kuni_members_pack(const kuni_bundle *bundle, const kuni_task *members, size_t output,
                              const char *path, kuni_error *err)
{
    bool any = !is_optional(bundle->step, bundle->task->outputs[output].kind);
    for (size_t k = 0; k < bundle->n_spans && !any; k++)
        any = access(members[k].outputs[output].path, F_OK) == 0;
    if (!any) return KUNI_OK;
    kuni_pack_writer *writer;
    kuni_status status = kuni_pack_create(&writer, path, err);
    if (status) return status;
    for (size_t k = 0; k < bundle->n_spans && !status; k++)
        status = add_member(writer, bundle, &members[k], output, err);
    if (!status) return kuni_pack_finish(writer, err);
    kuni_pack_discard(writer);
    return status;
}
