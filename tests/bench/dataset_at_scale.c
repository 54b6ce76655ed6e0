/* SPDX-License-Identifier: MIT */
/*
 * Grows a dataset by sealed batches that nobody called, to see how a run starts when there are many:
 *
 *   dataset_at_scale WORKFLOW BATCHES PEOPLE [MANIFEST]
 *
 * Register, seals and journal come from the writers that a run has. Each output of a reads step is a
 * sparse file of its own, with the size and time that its seal tells. The dataset must have one batch,
 * which a run sealed. MANIFEST: where a manifest of everybody is written.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preview.h"
#include "seals.h"

enum { BYTES = 12345678 }; /* of a file: about an evidence file of 256 genomes and 5 Mb */

static kuni_error err;

static void check(kuni_status status)
{
    if (!status) return;
    fprintf(stderr, "dataset_at_scale: %s\n", err.text);
    exit(status);
}

static char *text(kuni_arena *arena, const char *before, size_t number, const char *after)
{
    char room[256];
    int length = snprintf(room, sizeof(room), "%s%07zu%s", before, number, after);
    char *copy = kuni_arena_strndup(arena, room, (size_t)length, &err);
    if (!copy) check(KUNI_MEMORY);
    return copy;
}

static void add_people(kuni_run *run, size_t batches, size_t people, const char *manifest)
{
    kuni_cohort *cohort = &run->cohort;
    size_t had = cohort->n_samples, n = had + batches * people;
    kuni_arena *arena = cohort->arena;
    kuni_register all = {.n = n, .n_batches = cohort->n_batches + batches};
    all.samples = kuni_arena_alloc(arena, n, sizeof(kuni_sample), &err);
    all.people = kuni_arena_alloc(arena, n, sizeof(kuni_person), &err);
    all.batches = kuni_arena_alloc(arena, all.n_batches, sizeof(kuni_batch), &err);
    if (!all.samples || !all.people || !all.batches) check(KUNI_MEMORY);
    memcpy(all.samples, cohort->samples, had * sizeof(kuni_sample));
    memcpy(all.people, cohort->people, had * sizeof(kuni_person));
    memcpy(all.batches, cohort->batches, cohort->n_batches * sizeof(kuni_batch));
    for (size_t b = cohort->n_batches; b < all.n_batches; b++) {
        char name[32];
        kuni_register_batch_name(b, name);
        all.batches[b] = (kuni_batch){.id = kuni_arena_strndup(arena, name, strlen(name), &err),
                                      .first = had + (b - cohort->n_batches) * people,
                                      .n_samples = people};
    }
    for (size_t i = had; i < n; i++) {
        all.samples[i] = (kuni_sample){.id = text(arena, "X", i, ""),
                                       .participant = text(arena, "Q", i, ""),
                                       .sex = i % 2 ? KUNI_SEX_MALE : KUNI_SEX_FEMALE,
                                       .group = text(arena, "region", i % 47, ""),
                                       .site = text(arena, "site", i % 9, ""),
                                       .reads = text(arena, "/archive/2026/X", i, ".cram"),
                                       .index_in_cohort = (uint32_t)i};
        all.people[i] = (kuni_person){.since = 1,
                                      .bytes = 16000000000 + (int64_t)i,
                                      .content = {{i, i * 7919, i * 104729, i * 1299709}}};
    }
    char *path = kuni_register_path(run->folder, &err);
    check(path ? kuni_register_write(&all, path, &err) : KUNI_MEMORY);
    free(path);
    if (!manifest) return;
    FILE *file = fopen(manifest, "w");
    if (!file) check(kuni_fail_errno(&err, "cannot create %s", manifest));
    fprintf(file, "participant_id\tsample_id\treads\tsex\tgroup\tsite\n");
    for (size_t i = 0; i < n; i++)
        fprintf(file, "%s\t%s\t%s\t%s\t%s\t%s\n", all.samples[i].participant, all.samples[i].id,
                all.samples[i].reads, all.samples[i].sex == KUNI_SEX_MALE ? "male" : "female",
                all.samples[i].group ? all.samples[i].group : "",
                all.samples[i].site ? all.samples[i].site : "");
    if (fclose(file) != 0) check(kuni_fail_errno(&err, "cannot write %s", manifest));
}

/* The path of batch 0's file, with another batch's name in it. */
static void path_of(const char *first, size_t batch, char room[4096])
{
    const char *base = strstr(first, "/b0000.");
    if (!base) check(kuni_fail(&err, KUNI_BUG, "%s is no file of b0000", first));
    (void)snprintf(room, 4096, "%.*s/b%04zu.%s", (int)(base - first), first, batch, base + 7);
}

static void seal(kuni_preview *p, size_t node, size_t batch)
{
    const kuni_plan *plan = &p->run.plan;
    const kuni_node *n = &plan->nodes[node];
    kuni_seal_writer *writer;
    char path[4096], name[4096];
    kuni_arena_clear(p->ledger.arena);
    (void)snprintf(path, sizeof(path), "%s/sealed/%s/b%04zu.tsv", p->run.folder, n->folder, batch);
    check(kuni_seal_create(&writer, path, &p->ledger.keys.nodes[node], &err));
    for (size_t s = 0; s < plan->reads.n_shards; s++) {
        size_t first = kuni_plan_task(plan, n, (int64_t)s, 0);
        if (kuni_task_table_state(&p->ledger.table, node, first) != KUNI_TASK_DONE) continue;
        uint64_t key = batch * 1000003 + s + 1;
        for (size_t o = 0; o < n->n_outputs; o++) {
            kuni_arena_clear(p->ledger.arena);
            const char *model =
                kuni_run_output(&p->run, p->ledger.arena, node, o, (int64_t)s, 0, key, &err);
            if (!model) check(KUNI_MEMORY);
            path_of(model, batch, name);
            int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0640);
            struct stat st;
            if (fd < 0 || ftruncate(fd, BYTES) != 0 || fstat(fd, &st) != 0 || close(fd) != 0)
                check(kuni_fail_errno(&err, "cannot create %s", name));
            const kuni_stored_output stored = {.bytes = BYTES,
                                               .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
                                                           st.st_mtim.tv_nsec,
                                               .digest = {{batch, s, o, key}}};
            check(kuni_seal_add(writer, plan->reads.names[s], key, o, &stored, &err));
        }
    }
    check(kuni_seal_close(writer, true, &err));
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return fprintf(stderr, "dataset_at_scale WORKFLOW BATCHES PEOPLE [MANIFEST]\n"), 64;
    const kuni_run_options options = {.workflow = argv[1], .jobs = 1};
    size_t batches = strtoull(argv[2], NULL, 10), people = strtoull(argv[3], NULL, 10);
    kuni_buffer faults = KUNI_BUFFER_INIT;
    static kuni_preview p;
    kuni_journal *journal;
    check(kuni_preview_open(&p, &options, &faults, &err));
    check(kuni_seals_load(&p.ledger, false, &err));
    size_t had = p.run.cohort.n_batches;
    add_people(&p.run, batches, people, argc > 4 ? argv[4] : NULL);
    char *path = kuni_path_join(p.run.folder, "journal", &err);
    check(path ? kuni_journal_open(&journal, path, &err) : KUNI_MEMORY);
    for (size_t i = 0; i < p.run.plan.n_nodes; i++) {
        const kuni_node *node = &p.run.plan.nodes[i];
        if (!kuni_ledger_seals(node)) continue;
        for (size_t b = had; b < had + batches; b++) {
            char name[32];
            kuni_register_batch_name(b, name);
            seal(&p, i, b);
            check(kuni_journal_add(
                journal, json_pack("{ss ss ss}", "t", "sealed", "n", node->folder, "b", name),
                &err));
        }
    }
    check(kuni_journal_close(journal, &err));
    free(path);
    kuni_preview_fini(&p);
    kuni_buffer_fini(&faults);
    return 0;
}
