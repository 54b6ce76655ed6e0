/* SPDX-License-Identifier: MIT */
#include "folds.h"

#include <string.h>

#include "kuni/file.h"

kuni_status kuni_fold_shards(const kuni_plan *plan, size_t node, kuni_hash *hash, kuni_error *err)
{
    char room[KUNI_PLAN_RUN_NAME_BYTES];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "folded shards");
    for (size_t s = 0; s < plan->nodes[node].n_shards; s++)
        kuni_digest_add_text(digest,
                             kuni_plan_shard_name(plan, &plan->nodes[node], (int64_t)s, room));
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

kuni_status kuni_fold_is_ours(const kuni_plan *plan, size_t node, const kuni_seal_line *line,
                              bool *ours, kuni_error *err)
{
    kuni_hash shards, told;
    size_t by = plan->nodes[node].folded_by;
    *ours = by && strcmp(plan->nodes[by].folder, line->folded) == 0 &&
            kuni_hash_parse(&told, line->shards);
    if (!*ours) return KUNI_OK;
    kuni_status status = kuni_fold_shards(plan, node, &shards, err);
    *ours = !status && kuni_hash_equal(&shards, &told);
    return status;
}

kuni_status kuni_fold_holds(const kuni_ledger *ledger, size_t fold, size_t batch, uint64_t key,
                            bool *holds, kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    size_t at = plan->nodes[fold].inputs[0].node * plan->n_batches + batch;
    kuni_hash own;
    *holds = ledger->sealed[at] == KUNI_SEAL_FOLDED;
    if (ledger->sealed[at] != KUNI_SEAL_FILES) return KUNI_OK;
    kuni_status status = kuni_ledger_key(ledger, fold, batch, &own, err);
    *holds = !status && kuni_hash_short(&own) == key;
    return status;
}

/* --- writing --- */

/* Lines come in the order of the seal, its settings first. */
typedef struct rewriting {
    const kuni_plan *plan;
    size_t node;
    const char *path;
    kuni_seal_writer *writer;
} rewriting;

static kuni_status copy_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    rewriting *r = context;
    kuni_hash made, shards;
    if (line->made) {
        if (!kuni_hash_parse(&made, line->made))
            return kuni_fail(err, KUNI_IO, "%s: the seal of a batch is damaged", r->path);
        kuni_status status = kuni_fold_shards(r->plan, r->node, &shards, err);
        if (status) return status;
        const kuni_node *by = &r->plan->nodes[r->plan->nodes[r->node].folded_by];
        return kuni_seal_create_folded(&r->writer, r->path, &made, by->folder, &shards, err);
    }
    if (line->without && r->writer)
        return kuni_seal_without(r->writer, line->without, line->where, line->reason, err);
    return KUNI_OK;
}

kuni_status kuni_fold_seal(const kuni_plan *plan, size_t node, const char *path, kuni_error *err)
{
    rewriting r = {.plan = plan, .node = node, .path = path};
    bool found;
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status status = kuni_seal_read(path, copy_line, &r, &found, err);
    if (!status && !r.writer)
        status = kuni_fail(err, KUNI_IO, "%s: the seal of a batch is %s", path,
                           found ? "damaged" : "missing");
    kuni_status closed =
        r.writer ? kuni_seal_close(r.writer, !status, status ? &ignored : err) : KUNI_OK;
    return status ? status : closed;
}
