/* SPDX-License-Identifier: MIT */
#include "thin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assembly.h"
#include "injection.h"
#include "prune.h"
#include "stub.h"

enum { LEAST_BYTES = 4096 }; /* smaller files cost what their stubs would */

typedef struct thinning {
    const kuni_ledger *ledger;
    size_t node;
    kuni_arena *arena;
    kuni_assembly_target targets[KUNI_PLAN_OUTPUTS_MAX];
} thinning;

static int by_path(const void *a, const void *b)
{
    const kuni_assembly_piece *x = a, *y = b;
    return strcmp(x->path, y->path);
}

/* Data of ours, in a file of its own, of which nearly all is the piece, and nobody else has it. */
static bool can_go(const kuni_assembly_piece *piece)
{
    char batch[256];
    unsigned long long key;
    struct stat info;
    const char *slash = strrchr(piece->path, '/');
    const char *name = slash ? slash + 1 : piece->path;
    if (!kuni_output_name_parse(name, batch, &key) || strstr(name, ".pack.")) return false;
    if (lstat(piece->path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1)
        return false;
    uint64_t size = (uint64_t)info.st_size;
    return size >= LEAST_BYTES && piece->bytes <= size && size - piece->bytes <= size / 2;
}

/* The target as seen from a folder data/STEP/SHARD. */
static kuni_status leave_stub(const thinning *t, const kuni_assembly_piece *piece, kuni_error *err)
{
    const kuni_run *run = t->ledger->run;
    const kuni_assembly_target *target = &t->targets[piece->target];
    const char *publish = run->plan.nodes[t->node].step->outputs[piece->target].publish;
    kuni_buffer data = KUNI_BUFFER_INIT, published = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_buffer_printf(&data, err, "../../../%s", target->path + strlen(run->folder) + 1);
    if (!status) status = kuni_buffer_printf(&published, err, "../../../current/%s", publish);
    const kuni_stub_place place = {.data = data.data,
                                   .published = published.data,
                                   .from = piece->from,
                                   .at = piece->at,
                                   .bytes = piece->bytes,
                                   .whole = target->bytes};
    if (!status) status = kuni_stub_leave(piece->path, &place, err);
    kuni_buffer_fini(&data);
    kuni_buffer_fini(&published);
    return status;
}

static kuni_status thin_list(thinning *t, const char *list, kuni_error *err)
{
    const kuni_node *node = &t->ledger->run->plan.nodes[t->node];
    kuni_assembly_piece *pieces;
    size_t n;
    kuni_status status =
        kuni_assembly_pieces(list, t->targets, node->n_outputs, t->arena, &pieces, &n, err);
    if (!status && n > 1) qsort(pieces, n, sizeof(*pieces), by_path);
    for (size_t i = 0, next; i < n && !status; i = next) {
        struct stat info;
        const kuni_assembly_target *target = &t->targets[pieces[i].target];
        for (next = i + 1; next < n && strcmp(pieces[next].path, pieces[i].path) == 0;) next++;
        if (next - i > 1 || !node->step->outputs[pieces[i].target].publish || !can_go(&pieces[i]))
            continue;
        if (stat(target->path, &info) != 0 || (uint64_t)info.st_size != target->bytes)
            return kuni_fail(err, KUNI_BUG, "%s is not what its list says", target->path);
        kuni_injection_crash_at("thin");
        status = leave_stub(t, &pieces[i], err);
    }
    return status;
}

static kuni_status thin_node(thinning *t, kuni_error *err)
{
    const kuni_ledger *ledger = t->ledger;
    const kuni_plan *plan = &ledger->run->plan;
    kuni_work work = {0};
    kuni_status status = kuni_work_add_part(&work, t->node, &(kuni_hash){0}, err);
    if (!status) status = kuni_task_table_files(&ledger->table, t->node, 0, &work, err);
    for (size_t o = 0; o < plan->nodes[t->node].n_outputs && !status; o++) {
        t->targets[o] = (kuni_assembly_target){
            .kind = plan->nodes[t->node].step->outputs[o].kind,
            .path = kuni_run_output(ledger->run, t->arena, t->node, o, -1, -1,
                                    ledger->table.nodes[t->node].key[0], err),
            .optional = true};
        if (!t->targets[o].path) status = KUNI_MEMORY;
    }
    for (size_t i = 0; i < work.n_files && !status; i++) {
        const kuni_work_file *file = &work.files[i];
        if (strcmp(plan->nodes[file->node].step->outputs[file->output].kind, "assembly") != 0)
            continue;
        const char *list = kuni_run_output(ledger->run, t->arena, file->node, file->output,
                                           file->shard, file->batch, file->key, err);
        status = list ? thin_list(t, list, err) : KUNI_MEMORY;
    }
    kuni_work_fini(&work);
    return status;
}

kuni_status kuni_thin(const kuni_ledger *ledger, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < ledger->run->plan.n_nodes && !status; i++) {
        if (ledger->run->plan.nodes[i].scatter != KUNI_SCATTER_RANKS ||
            kuni_task_table_state(&ledger->table, i, 0) != KUNI_TASK_DONE)
            continue;
        thinning t = {.ledger = ledger, .node = i, .arena = kuni_arena_new(err)};
        status = t.arena ? thin_node(&t, err) : KUNI_MEMORY;
        kuni_arena_free(t.arena);
    }
    return status;
}
