/* SPDX-License-Identifier: MIT */
#include "members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return path;
    return kuni_make_folders(path, err) ? NULL : path;
}

/* --- inputs --- */

/* How a member is called: after its span's contig, or its sample. */
static const char *name_of(const kuni_task *task, const kuni_span *span, const kuni_sample *sample)
{
    return sample ? sample->id : kuni_genome_contig(task->genome, span->tid)->name;
}

static const kuni_span *span_of(const kuni_task *task, int64_t shard)
{
    return shard >= 0 ? &task->shards[shard] : NULL;
}

/* `wanted` is NULL where a sample's file is of no shard. */
static kuni_status check_member(const kuni_task *task, const kuni_pack *pack, size_t member,
                                const kuni_span *wanted, const kuni_sample *sample, kuni_error *err)
{
    const kuni_pack_member *m = &pack->members[member];
    static const kuni_span nowhere = {.tid = -1};
    if (!wanted) wanted = &nowhere;
    const char *contig = name_of(task, wanted, sample);
    if (strcmp(m->contig, contig) == 0 && m->beg == wanted->beg && m->end == wanted->end)
        return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "%s: %s:%lld-%lld stands where %s:%lld-%lld belongs: restore the file or run "
                     "its stage again",
                     pack->path, m->contig, (long long)m->beg + 1, (long long)m->end, contig,
                     (long long)wanted->beg + 1, (long long)wanted->end);
}

/* "FOLDER/SAMPLE.KIND.EXTENSION": programs take what a file is of from its name. */
static const char *sample_path(const kuni_task *task, kuni_arena *arena, const char *folder,
                               const kuni_task_file *file, kuni_error *err)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *id = file->sample->id, *slash = strrchr(file->path, '/');
    const char *word = strstr(slash ? slash : file->path, pack_word);
    const char *rest = word ? word + sizeof(pack_word) - 1 : "";
    size_t kind = strlen(file->kind);
    if (strncmp(rest, file->kind, kind) == 0 && rest[kind] == '.') rest += kind + 1;
    char number[32] = "", shard[32] = "";
    if (strspn(id, safe) != strlen(id) || *id == '-' || *id == '.') {
        (void)snprintf(number, sizeof(number), "%zd", file->sample - task->samples);
        id = number;
    }
    if (file->shard >= 0) (void)snprintf(shard, sizeof(shard), ".%lld", (long long)file->shard);
    size_t room = strlen(folder) + strlen(id) + strlen(shard) + kind + strlen(rest) + 4;
    char *path = kuni_arena_alloc(arena, room, 1, err);
    if (path) (void)snprintf(path, room, "%s/%s%s.%s.%s", folder, id, shard, file->kind, rest);
    return path;
}

static kuni_status take_member(const kuni_bundle *bundle, const kuni_pack *pack, size_t member,
                               const char *folder, kuni_arena *arena, kuni_task_file *file,
                               kuni_error *err)
{
    const kuni_task *task = bundle->task;
    if (is_in_place(bundle->step, file->kind)) {
        file->offset = pack->members[member].offset;
        file->bytes = pack->members[member].bytes;
        return KUNI_OK;
    }
    if (file->sample) {
        file->path = sample_path(task, arena, folder, file, err);
        return file->path ? kuni_pack_extract(pack, member, file->path, err) : KUNI_MEMORY;
    }
    char prefix[32];
    (void)snprintf(prefix, sizeof(prefix), "%lld.", (long long)file->shard);
    file->path = member_path(arena, folder, prefix, file->path, err);
    return file->path ? kuni_pack_extract(pack, member, file->path, err) : KUNI_MEMORY;
}

static kuni_sample_run input_run(const kuni_bundle *bundle, size_t input)
{
    return bundle->input_runs ? bundle->input_runs[input] : (kuni_sample_run){.n = 0};
}

static kuni_other_cut input_cut(const kuni_bundle *bundle, size_t input)
{
    return bundle->input_cuts ? bundle->input_cuts[input] : (kuni_other_cut){.spans = NULL};
}

static bool is_packed(const kuni_bundle *bundle, size_t input)
{
    return (bundle->input_spans && bundle->input_spans[input] > 1) || input_run(bundle, input).n;
}

/* What is taken of a pack: of which spans and samples, all or those of the task itself. */
typedef struct choice {
    size_t first_span, end_span;
    kuni_sample_run run;    /* of the pack */
    const kuni_sample *own; /* NULL: all who have a column */
} choice;

static choice choose(const kuni_bundle *bundle, size_t input, size_t k, const kuni_task *member)
{
    size_t each = bundle->samples.n ? bundle->samples.n : 1;
    size_t span = k / each, spans = bundle->input_spans ? bundle->input_spans[input] : 1;
    const kuni_other_cut cut = input_cut(bundle, input);
    bool own = bundle->n_spans > 1 || cut.members;
    if (cut.members) span = cut.members[span];
    return (choice){.first_span = own ? span : 0,
                    .end_span = own ? span + 1 : spans,
                    .run = input_run(bundle, input),
                    .own = member->sample};
}

static bool is_wanted(const kuni_task *task, const choice *of, const kuni_sample *sample)
{
    if (!sample) return true;
    if (of->own) return sample == of->own;
    return !task->columns || task->columns[sample - task->samples] >= 0;
}

/* Which of the task's shards a file of the pack's span number `span` is of. */
static int64_t shard_of(const kuni_bundle *bundle, size_t input, size_t span,
                        const kuni_task *member)
{
    const kuni_other_cut cut = input_cut(bundle, input);
    int64_t first = bundle->task->inputs[input].shard;
    if (first < 0) return -1;
    if (cut.members) return member->shard;
    return cut.spans ? cut.shards[span] : first + (int64_t)span;
}

/* The members of one pack that the task of member k takes: those of its own span and sample, or all. */
static kuni_status take_pack(const kuni_bundle *bundle, size_t input, const choice *of,
                             const kuni_task *member, const char *folder, kuni_arena *arena,
                             kuni_task_file *files, size_t *n, kuni_error *err)
{
    const kuni_task *task = bundle->task;
    const kuni_other_cut cut = input_cut(bundle, input);
    const kuni_task_file *from = &task->inputs[input];
    size_t each = of->run.n ? of->run.n : 1, spans = bundle->input_spans[input];
    kuni_pack pack;
    kuni_status status = kuni_pack_open(&pack, from->path, err);
    if (!status && pack.n != spans * each)
        status = kuni_fail(err, KUNI_DATA,
                           "%s has %zu members where %zu belong: restore the file or run its stage "
                           "again",
                           from->path, pack.n, spans * each);
    for (size_t m = of->first_span * each; m < of->end_span * each && !status; m++) {
        const kuni_sample *sample = of->run.n ? &task->samples[of->run.first + m % each] : NULL;
        if (!pack.members[m].present || !is_wanted(task, of, sample)) continue;
        kuni_task_file *file = &files[(*n)++];
        *file = *from;
        file->sample = sample;
        file->shard = shard_of(bundle, input, m / each, member);
        status = check_member(task, &pack, m,
                              cut.spans ? &cut.spans[m / each] : span_of(task, file->shard), sample,
                              err);
        if (!status) status = take_member(bundle, &pack, m, folder, arena, file, err);
        if (task->heartbeat && m % each == 0) task->heartbeat((int64_t)m);
    }
    kuni_pack_close(&pack);
    return status;
}

/* A task of several batches takes the samples' files in the order of the samples. */
static int by_port_and_sample(const void *a, const void *b)
{
    const kuni_task_file *x = a, *y = b;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static void sort_by_sample(kuni_task_file *files, size_t n)
{
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1;
             to < n && files[to].kind == files[from].kind && files[to].shard == files[from].shard;)
            to++;
        if (files[from].sample) qsort(&files[from], to - from, sizeof(*files), by_port_and_sample);
    }
}

static kuni_status take_inputs(const kuni_bundle *bundle, size_t k, const char *folder,
                               kuni_arena *arena, kuni_task *out, kuni_error *err)
{
    const kuni_task *task = bundle->task;
    size_t most = 0, n = 0;
    for (size_t i = 0; i < task->n_inputs; i++) {
        choice of = choose(bundle, i, k, out);
        most +=
            is_packed(bundle, i) ? (of.end_span - of.first_span) * (of.run.n ? of.run.n : 1) : 1;
    }
    kuni_task_file *files = kuni_arena_alloc(arena, most + 1, sizeof(*files), err);
    kuni_status status = files ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < task->n_inputs && !status; i++) {
        choice of = choose(bundle, i, k, out);
        if (is_packed(bundle, i))
            status = take_pack(bundle, i, &of, out, folder, arena, files, &n, err);
        else
            files[n++] = task->inputs[i];
        if (task->heartbeat) task->heartbeat((int64_t)i);
    }
    if (!status) sort_by_sample(files, n);
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
    bool own = kuni_is_bundle(bundle), any = own;
    size_t each = bundle->samples.n ? bundle->samples.n : 1;
    *out = *bundle->task;
    for (size_t i = 0; i < out->n_inputs; i++) any = any || is_packed(bundle, i);
    if (!any) return KUNI_OK;
    const char *files = make_folder(arena, folder, k, ".members", err);
    kuni_status status = files ? KUNI_OK : KUNI_IO;
    if (!status && own) {
        if (out->shard >= 0) out->shard += (int64_t)(k / each);
        if (bundle->samples.n)
            out->sample = &bundle->task->samples[bundle->samples.first + k % each];
        out->scratch = make_folder(arena, folder, k, "", err);
        status = out->scratch ? make_outputs(bundle, files, arena, out, err) : KUNI_IO;
    }
    return status ? status : take_inputs(bundle, k, files, arena, out, err);
}

/* --- packs --- */

/* Of a sample that was left out nothing is told, not even its name. */
static kuni_status add_to_pack(kuni_pack_writer *writer, const kuni_task *task, int64_t shard,
                               const kuni_sample *sample, bool by_sample, const char *path,
                               kuni_error *err)
{
    const kuni_span nowhere = {.tid = -1}, *span = shard >= 0 ? &task->shards[shard] : &nowhere;
    const char *name = by_sample && !path ? KUNI_SAMPLE_NOBODY : name_of(task, span, sample);
    return kuni_pack_add(writer, name, span->beg, span->end, path, err);
}

static kuni_status add_member(kuni_pack_writer *writer, const kuni_bundle *bundle,
                              const kuni_task *member, size_t output, kuni_error *err)
{
    const kuni_task_file *file = &member->outputs[output];
    bool by_sample = bundle->samples.n != 0;
    if (by_sample && !member->sample)
        return add_to_pack(writer, member, member->shard, NULL, true, NULL, err);
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
    kuni_status status = add_to_pack(writer, member, member->shard, member->sample, by_sample,
                                     there ? file->path : NULL, err);
    if (there) (void)unlink(file->path);
    return status;
}

static bool is_there(const kuni_bundle *bundle, const kuni_task *member, size_t output)
{
    return (!bundle->samples.n || member->sample) &&
           access(member->outputs[output].path, F_OK) == 0;
}

kuni_status kuni_members_pack(const kuni_bundle *bundle, const kuni_task *members, size_t output,
                              const char *path, kuni_error *err)
{
    size_t n = kuni_bundle_members(bundle);
    bool any = !is_optional(bundle->step, bundle->task->outputs[output].kind);
    for (size_t k = 0; k < n && !any; k++) any = is_there(bundle, &members[k], output);
    if (!any) return KUNI_OK;
    kuni_pack_writer *writer;
    kuni_status status = kuni_pack_create(&writer, path, err);
    if (status) return status;
    for (size_t k = 0; k < n && !status; k++)
        status = add_member(writer, bundle, &members[k], output, err);
    if (!status) return kuni_pack_finish(writer, err);
    kuni_pack_discard(writer);
    return status;
}

static kuni_status copy_member(kuni_pack_writer *writer, const kuni_bundle *bundle,
                               const kuni_pack *pack, size_t m, const uint8_t *gone,
                               kuni_error *err)
{
    const kuni_task *task = bundle->task;
    size_t each = bundle->samples.n, i = bundle->samples.first + m % each;
    int64_t shard = task->shard >= 0 ? task->shard + (int64_t)(m / each) : -1;
    if (!pack->members[m].present || gone[i])
        return add_to_pack(writer, task, shard, NULL, true, NULL, err);
    kuni_status status = check_member(task, pack, m, span_of(task, shard), &task->samples[i], err);
    kuni_pack_view view;
    if (!status) status = kuni_pack_view_open(&view, pack, m, err);
    if (status) return status;
    status = add_to_pack(writer, task, shard, &task->samples[i], true, view.path, err);
    kuni_pack_view_close(&view);
    return status;
}

kuni_status kuni_members_without(const kuni_bundle *bundle, const char *from, const uint8_t *gone,
                                 const char *to, kuni_error *err)
{
    kuni_pack pack;
    kuni_pack_writer *writer = NULL;
    kuni_status status = kuni_pack_open(&pack, from, err);
    if (!status && pack.n != kuni_bundle_members(bundle))
        status = kuni_fail(err, KUNI_DATA, "%s has %zu members where %zu belong: see `kuni repair`",
                           from, pack.n, kuni_bundle_members(bundle));
    if (!status) status = kuni_pack_create(&writer, to, err);
    for (size_t m = 0; m < pack.n && !status; m++)
        status = copy_member(writer, bundle, &pack, m, gone, err);
    if (!status)
        status = kuni_pack_finish(writer, err);
    else if (writer)
        kuni_pack_discard(writer);
    kuni_pack_close(&pack);
    return status;
}

kuni_status kuni_members_make(const kuni_bundle *bundle, kuni_member_maker *make, void *context,
                              const char *folder, kuni_arena *arena, kuni_error *err)
{
    size_t n = bundle->n_spans;
    kuni_task *members = kuni_alloc(n, sizeof(*members), err);
    kuni_status status = members ? KUNI_OK : KUNI_MEMORY;
    for (size_t k = 0; k < n && !status; k++) {
        status = kuni_member_task(bundle, k, folder, arena, &members[k], err);
        if (!status && members[k].n_inputs) status = make(context, &members[k], err);
        if (!status) kuni_member_drop_inputs(bundle, &members[k]);
    }
    for (size_t o = 0; o < bundle->task->n_outputs && !status; o++)
        status = kuni_members_pack(bundle, members, o, bundle->task->outputs[o].path, err);
    free(members);
    kuni_status removed = kuni_remove_tree(folder, status ? NULL : err);
    return status ? status : removed;
}
