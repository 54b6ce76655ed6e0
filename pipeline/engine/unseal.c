/* SPDX-License-Identifier: MIT */
#include "unseal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct giving_up {
    const kuni_ledger *ledger;
    size_t node, batch;
    kuni_journal *journal;
    json_t *without, *outputs; /* outputs: of the shard under way */
    char shard[512], key[32];
    bool folded;
} giving_up;

static kuni_status put_task(giving_up *g, kuni_error *err)
{
    if (!json_array_size(g->outputs)) return KUNI_OK;
    const kuni_run *run = g->ledger->run;
    /* A sum is made again of what it was made of, by a key of its own. */
    if (!run->plan.nodes[g->node].n_shards) return KUNI_OK;
    json_t *record = json_pack(
        "{ss ss ss ss ss sO sO}", "t", "task", "n", run->plan.nodes[g->node].folder, "s", g->shard,
        "b", run->cohort.batches[g->batch].id, "k", g->key, "without", g->without, "o", g->outputs);
    json_decref(g->outputs);
    g->outputs = json_array();
    return g->outputs ? kuni_journal_add(g->journal, record, err) : kuni_fail_memory(err, 1, 1);
}

static kuni_status give_line(void *context, const kuni_seal_line *line, kuni_error *err)
{
    giving_up *g = context;
    char hex[KUNI_DIGEST_HEX_BYTES];
    g->folded = g->folded || line->folded;
    if (line->made || line->folded) return KUNI_OK;
    if (line->without)
        return json_array_append_new(g->without, json_string(line->without))
                   ? kuni_fail_memory(err, 1, 1)
                   : KUNI_OK;
    if (strcmp(line->shard, g->shard) != 0) {
        kuni_status status = put_task(g, err);
        if (status) return status;
        (void)snprintf(g->shard, sizeof(g->shard), "%s", line->shard);
        (void)snprintf(g->key, sizeof(g->key), "%016" PRIx64, line->key);
    }
    kuni_hash_print(&line->stored.digest, hex);
    json_t *output = line->stored.bytes < 0 ? json_null()
                                            : json_pack("[IIs]", (json_int_t)line->stored.bytes,
                                                        (json_int_t)line->stored.mtime_ns, hex);
    return json_array_append_new(g->outputs, output) ? kuni_fail_memory(err, 1, 1) : KUNI_OK;
}

static kuni_status give_up(kuni_ledger *ledger, size_t node, size_t batch, kuni_journal *journal,
                           bool *folded, kuni_error *err)
{
    giving_up g = {.ledger = ledger, .node = node, .batch = batch, .journal = journal};
    bool found = false;
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_seal_path(ledger, node, batch, err);
    g.without = json_array();
    g.outputs = json_array();
    kuni_status status = path && g.without && g.outputs ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_seal_read(path, give_line, &g, &found, err);
    if (!status) status = put_task(&g, err);
    if (!status && found)
        status = kuni_journal_add(journal,
                                  json_pack("{ss ss ss}", "t", "unsealed", "n",
                                            ledger->run->plan.nodes[node].folder, "b",
                                            ledger->run->cohort.batches[batch].id),
                                  err);
    /* Before the seal goes: without either nobody would know what the batch consists of. */
    if (!status) status = kuni_journal_flush(journal, 0, err);
    if (!status && found && unlink(path) != 0)
        status = kuni_fail_errno(err, "cannot remove %s", path);
    json_decref(g.without);
    json_decref(g.outputs);
    *folded = g.folded;
    return status;
}

bool kuni_unseal_needs_no_reads(const kuni_ledger *ledger, size_t node, size_t batch)
{
    const kuni_plan *plan = &ledger->run->plan;
    const kuni_node *n = &plan->nodes[node];
    return kuni_node_folds(n) &&
           ledger->sealed[n->inputs[0].node * plan->n_batches + batch] == KUNI_SEAL_FILES;
}

/*
 * What was folded is made again from its reads, so its seal goes first: a sum without it is made anew,
 * and a #folded seal without its sum would be damage.
 */
kuni_status kuni_unseal(kuni_ledger *ledger, size_t node, size_t batch, kuni_journal *journal,
                        kuni_error *err)
{
    const kuni_node *n = &ledger->run->plan.nodes[node];
    bool folded = false, ignored;
    if (kuni_node_folds(n)) {
        kuni_status status = kuni_unseal_needs_no_reads(ledger, node, batch)
                                 ? KUNI_OK
                                 : give_up(ledger, n->inputs[0].node, batch, journal, &folded, err);
        return status ? status : give_up(ledger, node, batch, journal, &ignored, err);
    }
    kuni_status status = give_up(ledger, node, batch, journal, &folded, err);
    return status || !folded ? status
                             : give_up(ledger, n->folded_by, batch, journal, &ignored, err);
}
