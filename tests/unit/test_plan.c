/* SPDX-License-Identifier: MIT */
/* Regions, shards, the graph of steps, the table of tasks and content keys. */
#include "fixture.h"

#include "hash.h"
#include "names.h"
#include "plan.h"
#include "regions.h"
#include "task_table.h"

/* --- a genome and stages to plan with --- */

static kuni_genome *genome;

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    FILE *fasta = fopen("r.fa", "w");
    if (!fasta) return -1;
    const struct {
        const char *name;
        int length;
    } contigs[] = {{"chr1", 1000}, {"chr2", 450}, {"HLA-A*01:01", 30}, {"chrM", 7}};
    for (size_t i = 0; i < 4; i++) {
        fprintf(fasta, ">%s\n", contigs[i].name);
        for (int k = 0; k < contigs[i].length; k++) fputc("ACGT"[k % 4], fasta);
        fputc('\n', fasta);
    }
    fclose(fasta);
    kuni_error err = KUNI_ERROR_INIT;
    return kuni_genome_open(&genome, "r.fa", &err) == KUNI_OK ? 0 : -1;
}

static int leave(void **state)
{
    kuni_genome_close(genome);
    return fixture_leave(state);
}

static const kuni_param no_params[] = {{.name = NULL}};

#define PORTS(...)                                                                                 \
    (const kuni_port[])                                                                            \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .kind = NULL                                                                           \
        }                                                                                          \
    }

static const kuni_step preflight_steps[] = {{.name = "", .scatter = KUNI_SCATTER_BATCH}};
static const kuni_batch some_batches[] = {{.id = "b0000", .n_samples = 4},
                                          {.id = "b0001", .first = 4, .n_samples = 4},
                                          {.id = "b0002", .first = 8, .n_samples = 2}};
static const kuni_stage preflight = {.name = "preflight", .steps = preflight_steps, .n_steps = 1};

static const kuni_step call_steps[] = {
    {.name = "", .scatter = KUNI_SCATTER_READS, .outputs = PORTS({.kind = "evidence"})}};
static const kuni_stage call = {
    .name = "call", .params = no_params, .steps = call_steps, .n_steps = 1};
static const kuni_stage other_call = {
    .name = "other", .params = no_params, .steps = call_steps, .n_steps = 1};

static const kuni_step qc_steps[] = {{.name = "reads",
                                      .scatter = KUNI_SCATTER_READS,
                                      .unplaced = true,
                                      .outputs = PORTS({.kind = "partial"})},
                                     {.name = "batch",
                                      .scatter = KUNI_SCATTER_BATCH,
                                      .inputs = PORTS({.kind = "partial"}),
                                      .outputs = PORTS({.kind = "qc"})}};
static const kuni_stage qc = {.name = "qc", .params = no_params, .steps = qc_steps, .n_steps = 2};

static const kuni_step joint_steps[] = {
    {.name = "",
     .scatter = KUNI_SCATTER_REGION,
     .inputs = PORTS({.kind = "evidence", .many = true}, {.kind = "qc", .optional = true}),
     .outputs = PORTS({.kind = "calls"})}};
static const kuni_stage joint = {
    .name = "joint", .params = no_params, .steps = joint_steps, .n_steps = 1};

/* As joint, but for itself: it takes parts of wider evidence. */
static const kuni_step wide_steps[] = {
    {.name = "",
     .scatter = KUNI_SCATTER_REGION,
     .inputs =
         PORTS({.kind = "evidence", .many = true, .wider = true}, {.kind = "qc", .optional = true}),
     .outputs = PORTS({.kind = "calls"})}};
static const kuni_stage wide = {
    .name = "wide", .params = no_params, .steps = wide_steps, .n_steps = 1};

static const kuni_step both_steps[] = {{.name = "",
                                        .scatter = KUNI_SCATTER_REGION,
                                        .inputs = PORTS({.kind = "calls"}, {.kind = "evidence"}),
                                        .outputs = PORTS({.kind = "calls"})}};
static const kuni_stage both = {
    .name = "both", .params = no_params, .steps = both_steps, .n_steps = 1};

static const kuni_step edit_steps[] = {{.name = "",
                                        .scatter = KUNI_SCATTER_REGION,
                                        .inputs = PORTS({.kind = "calls"}),
                                        .outputs = PORTS({.kind = "calls"})}};
static const kuni_stage edit = {
    .name = "edit", .params = no_params, .steps = edit_steps, .n_steps = 1};

static const kuni_step merge_steps[] = {
    {.name = "list",
     .scatter = KUNI_SCATTER_COHORT,
     .inputs = PORTS({.kind = "calls"}, {.kind = "qc", .optional = true}),
     .outputs = PORTS({.kind = "assembly"})},
    {.name = "write",
     .scatter = KUNI_SCATTER_RANKS,
     .inputs = PORTS({.kind = "assembly"}),
     .outputs = PORTS({.kind = "bcf", .publish = "all.bcf"})}};
static const kuni_stage merge = {
    .name = "merge", .params = no_params, .steps = merge_steps, .n_steps = 2};

static kuni_workflow_stage use(const kuni_stage *stage, const char *id, const size_t *needs,
                               size_t n_needs)
{
    kuni_error err = KUNI_ERROR_INIT;
    return (kuni_workflow_stage){.id = id,
                                 .stage = stage,
                                 .params = kuni_params_new(no_params, &err),
                                 .needs = needs,
                                 .n_needs = n_needs};
}

static void drop(kuni_workflow *w)
{
    for (size_t i = 0; i < w->n_stages; i++) kuni_params_free(w->stages[i].params);
}

#define NEEDS(...) (const size_t[]){__VA_ARGS__}, sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)

/* --- regions --- */

static void expect_regions(const kuni_regions *r, const char *expected)
{
    char text[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < r->n_spans; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d:%d-%d", i ? " " : "",
                              (int)r->spans[i].tid, (int)r->spans[i].beg, (int)r->spans[i].end);
    assert_string_equal(text, expected);
}

static void test_regions(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_regions r = {.spans = NULL}, other = {.spans = NULL};
    assert_int_equal(kuni_regions_choose(&r, NULL, 0, genome, &err), KUNI_OK);
    expect_regions(&r, "0:0-1000 1:0-450 2:0-30 3:0-7");
    assert_true(r.whole);
    kuni_regions_fini(&r);
    const char *some[] = {"chr2:101-200", "chr1:901", "HLA-A*01:01", "chr2:150-1,00",
                          "chr2:51-100"};
    assert_int_equal(kuni_regions_choose(&r, some, 3, genome, &err), KUNI_OK);
    expect_regions(&r, "0:900-1000 1:100-200 2:0-30");
    assert_false(r.whole);
    kuni_regions_fini(&r);
    assert_int_equal(kuni_regions_choose(&r, some + 3, 1, genome, &err), KUNI_USAGE);
    kuni_regions_fini(&r);
    kuni_error_clear(&err);
    const char *touching[] = {"chr2:101-200", "chr2:51-100"};
    assert_int_equal(kuni_regions_choose(&r, touching, 2, genome, &err), KUNI_OK);
    expect_regions(&r, "1:50-200");
    fixture_write("holes.bed",
                  "track x\n#c\nchr2\t0\t60\nchr2\t100\t110\tname\nchr2\t190\t400\nchrZ\t1\t2\n");
    assert_int_equal(kuni_regions_read_bed(&other, "holes.bed", genome, true, &err), KUNI_OK);
    assert_int_equal(kuni_regions_subtract(&r, &other, &err), KUNI_OK);
    expect_regions(&r, "1:60-100 1:110-190");
    kuni_regions_fini(&other);
    fixture_write("in.bed", "chr1\t0\t5\nchr2\t90\t120\nchr2\t115\t130\n");
    assert_int_equal(kuni_regions_read_bed(&other, "in.bed", genome, false, &err), KUNI_OK);
    assert_int_equal(kuni_regions_intersect(&r, &other, &err), KUNI_OK);
    expect_regions(&r, "1:90-100 1:110-130");
    kuni_regions_fini(&other);
    kuni_regions_fini(&r);
}

static void expect_bed_fault(const char *text, const char *fault)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_regions r = {.spans = NULL};
    fixture_write("bad.bed", text);
    assert_int_equal(kuni_regions_read_bed(&r, "bad.bed", genome, false, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, fault));
    kuni_regions_fini(&r);
}

static void test_region_faults(void **state)
{
    (void)state;
    expect_bed_fault("chr1\t0\t5\nchr3\t0\t5\n", "bad.bed:2: contig \"chr3\"");
    expect_bed_fault("chr1 0 5\n", "bad.bed:1: not a BED line");
    expect_bed_fault("chr1\t5\t5\n", "bad.bed:1: not a BED line");
    expect_bed_fault("chr1\t-1\t5\n", "bad.bed:1: not a BED line");
    expect_bed_fault("chr2\t0\t451\n", "450 bp long");
    const char *const bad[] = {"chr9",        "chr1:0-5", "chr1:7-6",
                               "chr1:5-1001", "chr1:x",   "chr1:1-2x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        kuni_error err = KUNI_ERROR_INIT;
        kuni_regions r = {.spans = NULL};
        assert_int_equal(kuni_regions_choose(&r, &bad[i], 1, genome, &err), KUNI_USAGE);
        kuni_regions_fini(&r);
    }
}

/*
 * Whatever the shard length: no hole, no overlap, no shard too long, none across contigs, nearly
 * equal.
 */
static void test_cut(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_regions r = {.spans = NULL};
    assert_int_equal(kuni_regions_choose(&r, NULL, 0, genome, &err), KUNI_OK);
    for (int64_t length = 1; length <= 1100; length += length < 40 ? 1 : 53) {
        kuni_span *shards;
        size_t n, s = 0;
        assert_int_equal(kuni_regions_cut(&r, length, &shards, &n, &err), KUNI_OK);
        for (size_t i = 0; i < r.n_spans; i++) {
            int64_t at = r.spans[i].beg, least = INT64_MAX, most = 0;
            for (; s < n && shards[s].tid == r.spans[i].tid; s++) {
                int64_t bp = shards[s].end - shards[s].beg;
                assert_int_equal(shards[s].beg, at);
                at = shards[s].end;
                if (bp < least) least = bp;
                if (bp > most) most = bp;
            }
            assert_int_equal(at, r.spans[i].end);
            assert_true(most <= length && most - least <= 1);
        }
        assert_int_equal(s, n);
        free(shards);
    }
    kuni_regions_fini(&r);
}

/* Long shards end on the grid of chunks and blocks, and are not too long for that. */
static void test_cut_on_grid(void **state)
{
    (void)state;
    kuni_span span = {.tid = 0, .beg = 12345, .end = 248956422};
    const kuni_regions r = {.spans = &span, .n_spans = 1};
    static const int64_t lengths[] = {500000, 1000000, 1500000, 5000000, 100000000, 400000000};
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        kuni_span *shards;
        size_t n;
        int64_t at = span.beg;
        assert_int_equal(kuni_regions_cut(&r, lengths[k], &shards, &n, NULL), KUNI_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(shards[i].beg, at);
            at = shards[i].end;
            assert_true(at > shards[i].beg && at - shards[i].beg <= lengths[k]);
            assert_true(i + 1 == n || at % KUNI_SHARD_GRID_BP == 0);
        }
        assert_int_equal(at, span.end);
        free(shards);
    }
}

/* --- folding --- */

static void expect_edges(const kuni_plan *plan, const char *folder, const char *expected)
{
    char text[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        if (strcmp(plan->nodes[i].folder, folder) != 0) continue;
        for (size_t k = 0; k < plan->nodes[i].n_inputs; k++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", k ? " " : "",
                                  plan->nodes[plan->nodes[i].inputs[k].node].folder);
    }
    assert_string_equal(text, expected);
}

static kuni_status plan_fold(const kuni_step *steps, size_t n, kuni_plan *plan, kuni_error *err)
{
    const kuni_stage stage = {.name = "sums", .params = no_params, .steps = steps, .n_steps = n};
    kuni_workflow_stage stages[] = {use(&call, "a", NULL, 0), use(&stage, "sums", NEEDS(0))};
    kuni_workflow w = {.shard_bp = 100, .stages = stages, .n_stages = 2};
    kuni_status status = kuni_plan_make(plan, &w, genome, some_batches, 3, false, &preflight, err);
    drop(&w);
    return status;
}

/* A step that sums another one's files a batch stands for it: who takes the kind takes the sums. */
static void test_fold(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    const kuni_step reads = {
        .name = "reads", .scatter = KUNI_SCATTER_READS, .outputs = PORTS({.kind = "partial"})};
    const kuni_step fold = {.name = "fold",
                            .scatter = KUNI_SCATTER_BATCH,
                            .folds = true,
                            .inputs = PORTS({.kind = "partial"}),
                            .outputs = PORTS({.kind = "partial"})};
    const kuni_step batch = {.name = "batch",
                             .scatter = KUNI_SCATTER_BATCH,
                             .inputs = PORTS({.kind = "partial"}),
                             .outputs = PORTS({.kind = "qc"})};
    const kuni_step good[] = {reads, fold, batch};
    assert_int_equal(plan_fold(good, 3, &plan, &err), KUNI_OK);
    expect_edges(&plan, "sums.fold", "sums.reads");
    expect_edges(&plan, "sums.batch", "sums.fold");
    assert_int_equal(plan.nodes[2].folded_by, 3);
    assert_int_equal(plan.nodes[3].folded_by, 0);
    assert_int_equal(plan.nodes[2].phase, KUNI_PHASE_READS);
    assert_int_equal(plan.nodes[3].phase, KUNI_PHASE_READS);
    assert_true(plan.nodes[4].phase > KUNI_PHASE_READS);
    kuni_plan_fini(&plan);
    /* what is no fold: of another stage's files, not of all, not alone, not of a batch */
    kuni_step wrong[4] = {reads, fold, batch};
    wrong[1].inputs = PORTS({.kind = "evidence"});
    assert_int_equal(plan_fold(wrong, 2, &plan, &err), KUNI_BUG);
    wrong[1].inputs = PORTS({.kind = "partial"}, {.kind = "evidence"});
    assert_int_equal(plan_fold(wrong, 2, &plan, &err), KUNI_BUG);
    wrong[0].outputs = PORTS({.kind = "partial"}, {.kind = "other"});
    wrong[1] = fold;
    assert_int_equal(plan_fold(wrong, 2, &plan, &err), KUNI_BUG);
    wrong[0] = reads;
    wrong[1].scatter = KUNI_SCATTER_COHORT;
    assert_int_equal(plan_fold(wrong, 2, &plan, &err), KUNI_BUG);
    wrong[1] = batch;
    wrong[2] = fold;
    assert_int_equal(plan_fold(wrong, 3, &plan, &err), KUNI_BUG);
    wrong[1].outputs = PORTS({.kind = "partial"});
    assert_int_equal(plan_fold(wrong, 3, &plan, &err), KUNI_BUG);
}

/* --- the plan --- */

static void test_plan(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    kuni_workflow_stage stages[] = {
        use(&qc, "qc", NULL, 0),          use(&call, "a", NULL, 0),
        use(&other_call, "b", NULL, 0),   use(&joint, "joint", NEEDS(1, 2)),
        use(&edit, "annotate", NEEDS(3)), use(&merge, "all", NEEDS(4, 0))};
    kuni_workflow w = {.shard_bp = 100, .stages = stages, .n_stages = 6};
    assert_int_equal(kuni_plan_make(&plan, &w, genome, some_batches, 3, false, &preflight, &err),
                     KUNI_OK);
    assert_int_equal(plan.reads.n_places, 10 + 5 + 1 + 1);
    assert_int_equal(plan.reads.n_shards, plan.reads.n_places + 1);
    assert_string_equal(plan.reads.names[15], "HLA-A%2A01%3A01-0-30");
    assert_string_equal(plan.reads.names[17], "unplaced");
    expect_edges(&plan, "qc.batch", "qc.reads");
    expect_edges(&plan, "joint", "a b");
    expect_edges(&plan, "annotate", "joint");
    expect_edges(&plan, "all.list", "annotate qc.batch");
    expect_edges(&plan, "all.write", "all.list");
    for (size_t i = 0; i < plan.n_nodes; i++) {
        const kuni_node *node = &plan.nodes[i];
        for (size_t t = 0; t < node->n_tasks; t++) {
            int64_t shard, batch;
            kuni_plan_place(&plan, node, t, &shard, &batch);
            assert_int_equal(kuni_plan_task(&plan, node, shard, batch), t);
        }
    }
    assert_true(kuni_plan_fused(&plan.nodes[1], &plan.nodes[3]));
    kuni_plan_fini(&plan);
    /* parts of contigs: no reads without a place */
    const char *part[] = {"chr1:1-500"};
    w.contigs = part;
    w.n_contigs = 1;
    assert_int_equal(kuni_plan_make(&plan, &w, genome, some_batches, 3, false, &preflight, &err),
                     KUNI_OK);
    assert_int_equal(plan.reads.n_shards, 5);
    assert_false(plan.unplaced);
    kuni_plan_fini(&plan);
    drop(&w);
}

static void expect_plan_fault(kuni_workflow *w, const char *fault)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    w->shard_bp = 100;
    assert_int_equal(kuni_plan_make(&plan, w, genome, some_batches, 1, false, &preflight, &err),
                     KUNI_USAGE);
    if (!strstr(err.text, fault)) fail_msg("\"%s\" is not in \"%s\"", fault, err.text);
    drop(w);
}

static void test_plan_faults(void **state)
{
    (void)state;
    kuni_workflow_stage lacking[] = {use(&call, "call", NULL, 0), use(&joint, "joint", NULL, 0)};
    expect_plan_fault(&(kuni_workflow){.stages = lacking, .n_stages = 2},
                      "stage joint needs a file of kind \"evidence\"");
    kuni_workflow_stage two[] = {use(&call, "call", NULL, 0), use(&joint, "j1", NEEDS(0)),
                                 use(&joint, "j2", NEEDS(0)), use(&merge, "all", NEEDS(1, 2))};
    expect_plan_fault(&(kuni_workflow){.stages = two, .n_stages = 4},
                      "stage all takes one file of kind \"calls\" but both j1 and j2 give it");
    const char *nothing[] = {"chr1:1-10"};
    fixture_write("far.bed", "chr2\t1\t5\n");
    kuni_workflow_stage one[] = {use(&call, "call", NULL, 0)};
    expect_plan_fault(&(kuni_workflow){.stages = one,
                                       .n_stages = 1,
                                       .contigs = nothing,
                                       .n_contigs = 1,
                                       .region_bed = "far.bed"},
                      "nothing is left to process");
}

/* --- the table --- */

static void finish(kuni_task_table *table, size_t node, size_t task, const char *content)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_task_output_digest out[KUNI_PLAN_OUTPUTS_MAX];
    for (size_t o = 0; o < KUNI_PLAN_OUTPUTS_MAX; o++) {
        out[o].present = true;
        snprintf(out[o].digest, sizeof(out[o].digest), "%s%zu", content, task);
    }
    assert_int_equal(kuni_task_table_done(table, node, task, 7 + task, out, &err), KUNI_OK);
}

/*
 * A joint task is ready when all batches of its shard are; its inputs' digest does not depend on
 * their order.
 */
static void test_table(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    kuni_task_table tables[2];
    const kuni_batch batches[] = {{.id = "b0"}, {.id = "b1"}, {.id = "b2"}};
    kuni_workflow_stage stages[] = {use(&call, "call", NULL, 0), use(&joint, "joint", NEEDS(0))};
    kuni_workflow w = {.shard_bp = 200, .stages = stages, .n_stages = 2};
    assert_int_equal(kuni_plan_make(&plan, &w, genome, some_batches, 3, false, &preflight, &err),
                     KUNI_OK);
    size_t n = plan.nodes[1].n_tasks;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(kuni_task_table_init(&tables[k], &plan, batches, &err), KUNI_OK);
        assert_false(kuni_task_table_ready(&tables[k], 2, 0));
        for (size_t i = 0; i < n; i++) finish(&tables[k], 1, k ? n - 1 - i : i, "same");
        assert_true(kuni_task_table_ended(&tables[k], 1));
    }
    for (size_t shard = 0; shard < plan.reads.n_places; shard++) {
        kuni_hash a, b;
        kuni_work work = {.id = 0};
        assert_true(kuni_task_table_ready(&tables[0], 2, shard));
        assert_int_equal(kuni_task_table_inputs(&tables[0], 2, shard, &a, &err), KUNI_OK);
        assert_int_equal(kuni_task_table_inputs(&tables[1], 2, shard, &b, &err), KUNI_OK);
        assert_true(kuni_hash_equal(&a, &b));
        assert_int_equal(kuni_work_add_part(&work, 2, &a, &err), KUNI_OK);
        assert_int_equal(kuni_task_table_files(&tables[0], 2, shard, &work, &err), KUNI_OK);
        assert_int_equal(work.n_files, 3);
        for (int32_t i = 0; i < 3; i++) {
            assert_int_equal(work.files[i].shard, (int32_t)shard);
            assert_int_equal(work.files[i].batch, i);
            assert_int_equal(work.files[i].key, 7 + shard * 3 + (size_t)i);
        }
        /* there and back as bytes, and no shorter */
        kuni_buffer message = KUNI_BUFFER_INIT;
        assert_int_equal(kuni_message_start(&message, KUNI_MESSAGE_WORK, &err), KUNI_OK);
        assert_int_equal(kuni_work_pack(&work, &message, &err), KUNI_OK);
        size_t whole = message.length;
        for (message.length = 1; message.length <= whole; message.length++) {
            kuni_message_reader reader;
            kuni_work copy = {.id = 0};
            kuni_error fault = KUNI_ERROR_INIT;
            assert_int_equal(kuni_message_open(&reader, &message), KUNI_MESSAGE_WORK);
            kuni_status status = kuni_work_unpack(&copy, &reader, &fault);
            assert_int_equal(status, message.length == whole ? KUNI_OK : KUNI_BUG);
            if (!status) assert_int_equal(copy.files[2].key, work.files[2].key);
            kuni_work_fini(&copy);
        }
        kuni_buffer_fini(&message);
        kuni_work_fini(&work);
    }
    kuni_task_table_fini(&tables[0]);
    kuni_task_table_fini(&tables[1]);
    kuni_plan_fini(&plan);
    drop(&w);
}

/* A failed task blocks those that need it, and only those. */
static void test_blocked(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    kuni_task_table table;
    const kuni_batch batches[] = {{.id = "b0"}, {.id = "b1"}};
    kuni_workflow_stage stages[] = {use(&call, "call", NULL, 0), use(&joint, "joint", NEEDS(0)),
                                    use(&merge, "all", NEEDS(1))};
    kuni_workflow w = {.shard_bp = 200, .stages = stages, .n_stages = 3};
    assert_int_equal(kuni_plan_make(&plan, &w, genome, some_batches, 2, false, &preflight, &err),
                     KUNI_OK);
    assert_int_equal(kuni_task_table_init(&table, &plan, batches, &err), KUNI_OK);
    for (size_t i = 0; i < plan.nodes[1].n_tasks; i++) {
        if (i == 5)
            kuni_task_table_set(&table, 1, i, KUNI_TASK_FAILED);
        else if (i % 2)
            kuni_task_table_set(&table, 1, i, KUNI_TASK_ABSENT);
        else
            finish(&table, 1, i, "x");
    }
    for (size_t shard = 0; shard < plan.reads.n_places; shard++) {
        assert_int_equal(kuni_task_table_ready(&table, 2, shard), shard != 2);
        assert_int_equal(kuni_task_table_blocked(&table, 2, shard), shard == 2);
    }
    assert_false(kuni_task_table_ready(&table, 3, 0));
    kuni_task_table_fini(&table);
    kuni_plan_fini(&plan);
    drop(&w);
}

/* --- numbers and names --- */

static void test_hash(void **state)
{
    (void)state;
    const char *hexes[] = {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                           "0000000000000001000000000000000000000000000000000000000000000001",
                           "8000000000000000ffffffffffffffffffffffffffffffff7fffffffffffffff"};
    kuni_hash sum = {{0}}, one;
    char hex[KUNI_DIGEST_HEX_BYTES];
    for (size_t i = 0; i < 3; i++) {
        assert_true(kuni_hash_parse(&one, hexes[i]));
        kuni_hash_print(&one, hex);
        assert_string_equal(hex, hexes[i]);
        kuni_hash_add(&sum, &one);
    }
    kuni_hash_print(&sum, hex);
    /* by hand: -1 + 2^192 + 1 + the third, modulo 2^256 */
    assert_string_equal(hex, "8000000000000001ffffffffffffffffffffffffffffffff7fffffffffffffff");
    for (size_t i = 0; i < 3; i++) {
        assert_true(kuni_hash_parse(&one, hexes[i]));
        kuni_hash_subtract(&sum, &one);
    }
    assert_true(kuni_hash_equal(&sum, &(kuni_hash){{0}}));
    assert_false(kuni_hash_parse(&one, "12"));
    assert_false(kuni_hash_parse(&one, "zz"));
}

static const char *name_at(const void *context, size_t i)
{
    return ((const char(*)[8])context)[i];
}

static void test_names(void **state)
{
    (void)state;
    enum { N = 5000 };
    static char text[N][8];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_names names;
    for (int i = 0; i < N; i++) snprintf(text[i], sizeof(text[i]), "S%d", i);
    assert_int_equal(kuni_names_index(&names, N, name_at, text, &err), KUNI_OK);
    for (int i = 0; i < N; i++) assert_int_equal(kuni_names_find(&names, text[i]), i);
    assert_int_equal(kuni_names_find(&names, "S5000"), -1);
    assert_int_equal(kuni_names_find(&names, ""), -1);
    kuni_names_fini(&names);
}

/* The shards of a plan of the genome's contigs, as "first+number ..." of their spans. */
static void expect_bundles(const char *const *contigs, size_t n_contigs, int64_t bundle,
                           const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    kuni_workflow_stage stages[] = {use(&call, "a", NULL, 0)};
    kuni_workflow w = {.shard_bp = 80,
                       .bundle = bundle,
                       .contigs = contigs,
                       .n_contigs = n_contigs,
                       .stages = stages,
                       .n_stages = 1};
    assert_int_equal(kuni_plan_make(&plan, &w, genome, some_batches, 2, false, &preflight, &err),
                     KUNI_OK);
    char text[256] = "";
    size_t n = 0, next = 0;
    for (size_t i = 0; i < plan.reads.n_places; i++) {
        assert_int_equal(plan.reads.shards[i].first, next);
        int64_t bp = 0;
        for (size_t k = 0; k < plan.reads.shards[i].n; k++, next++) {
            bp += plan.reads.spans[next].end - plan.reads.spans[next].beg;
            assert_int_equal(kuni_axis_shard_of(&plan.reads, next), i);
        }
        assert_int_equal(plan.reads.shards[i].bp, bp);
        assert_int_equal(kuni_axis_weight(&plan.reads, (int64_t)i), bp);
        assert_true(strchr(plan.reads.names[i], '+') ? plan.reads.shards[i].n > 1
                                                     : plan.reads.shards[i].n == 1);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u+%u", i ? " " : "",
                              plan.reads.shards[i].first, plan.reads.shards[i].n);
    }
    assert_int_equal(next + plan.unplaced, plan.reads.n_spans);
    assert_string_equal(text, expected);
    kuni_plan_fini(&plan);
    drop(&w);
}

/* Small pieces next to each other, up to a shard's length, a number, and a sixteenth of all. */
static void test_bundles(void **state)
{
    (void)state;
    /* 320 bp of four whole shards, small ones of 5 bp, and one of 11 that is not small */
    const char *contigs[] = {"chr1:1-320", "chr2:1-5",   "chr2:11-15", "chr2:21-25", "chr2:31-35",
                             "chr2:41-45", "chr2:51-61", "chr2:71-75", "chr2:81-85", "chr2:91-95"};
    expect_bundles(contigs, 10, 64, "0+1 1+1 2+1 3+1 4+4 8+1 9+1 10+3");
    expect_bundles(contigs, 10, 2, "0+1 1+1 2+1 3+1 4+2 6+2 8+1 9+1 10+2 12+1");
    expect_bundles(contigs, 10, 1, "0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 8+1 9+1 10+1 11+1 12+1");
    /* of a small genome nothing is bundled: there must be something to share out */
    expect_bundles(contigs + 1, 5, 64, "0+1 1+1 2+1 3+1 4+1");
}

/* The name of a bundle tells its spans apart: keys and settings hang on it. */
static void test_bundle_names(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const char *contigs[] = {"chr1:1-320", "chr2:1-5", "chr2:11-15", "chr2:21-25"};
    char names[2][512];
    for (size_t i = 0; i < 2; i++) {
        kuni_plan plan;
        kuni_workflow_stage stages[] = {use(&call, "a", NULL, 0)};
        kuni_workflow w = {.shard_bp = 80,
                           .bundle = 64,
                           .contigs = contigs,
                           .n_contigs = 4,
                           .stages = stages,
                           .n_stages = 1};
        assert_int_equal(
            kuni_plan_make(&plan, &w, genome, some_batches, 2, false, &preflight, &err), KUNI_OK);
        assert_int_equal(plan.reads.n_shards, 5);
        snprintf(names[i], sizeof(names[i]), "%s", plan.reads.names[4]);
        assert_memory_equal(names[i], "chr2-0-5+3-", 11);
        assert_int_equal(strlen(names[i]), 11 + 16);
        kuni_plan_fini(&plan);
        drop(&w);
        contigs[3] = "chr2:21-26";
    }
    assert_string_not_equal(names[0], names[1]);
}

/* --- the joint axis --- */

/* Parts tile the reads' shards in order, end on the grid within, and share a shard within a bundle alone. */
static void expect_joint(const kuni_plan_axis *reads, int64_t joint_bp)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan_axis axis = {.spans = NULL};
    kuni_arena *arena = kuni_arena_new(&err);
    assert_int_equal(kuni_axis_make_joint(&axis, reads, joint_bp, genome, arena, &err), KUNI_OK);
    int64_t longest = joint_bp < KUNI_SHARD_GRID_BP ? KUNI_SHARD_GRID_BP : joint_bp;
    size_t span = 0, part = 0;
    for (; span < reads->n_spans && reads->spans[span].tid >= 0; span++) {
        kuni_span whole = reads->spans[span];
        for (int64_t at = whole.beg; at < whole.end; at = axis.spans[part++].end) {
            assert_true(part < axis.n_spans && axis.within[part] == span);
            assert_true(axis.spans[part].tid == whole.tid && axis.spans[part].beg == at);
            assert_true(axis.spans[part].end > at && axis.spans[part].end <= whole.end);
            assert_true(axis.spans[part].end == whole.end ||
                        axis.spans[part].end % KUNI_SHARD_GRID_BP == 0);
            assert_true(axis.spans[part].end - at <= longest + KUNI_SHARD_GRID_BP);
        }
    }
    assert_int_equal(part, axis.n_spans);
    part = 0;
    for (size_t i = 0; i < axis.n_shards; i++) {
        const kuni_plan_shard *shard = &axis.shards[i];
        size_t within = kuni_axis_shard_of(reads, axis.within[part]);
        assert_true(shard->first == part && shard->n > 0);
        assert_true(shard->n == 1 || (reads->shards[within].n > 1 && shard->bp <= longest));
        int64_t bp = 0;
        for (size_t k = 0; k < shard->n; k++, part++) {
            bp += axis.spans[part].end - axis.spans[part].beg;
            assert_int_equal(kuni_axis_shard_of(reads, axis.within[part]), within);
            assert_int_equal(kuni_axis_shard_of(&axis, part), i);
        }
        assert_int_equal(shard->bp, bp);
        assert_true(i == 0 || strcmp(axis.names[i - 1], axis.names[i]) != 0);
    }
    assert_int_equal(part, axis.n_spans);
    assert_int_equal(axis.n_places, axis.n_shards);
    kuni_axis_fini(&axis);
    kuni_arena_free(arena);
}

static void test_joint_axis(void **state)
{
    (void)state;
    enum { SPANS = 60 };
    uint32_t x = 1;
    for (int round = 0; round < 200; round++) {
        kuni_span spans[SPANS];
        kuni_plan_shard shards[SPANS];
        kuni_plan_axis reads = {.spans = spans, .shards = shards};
        int64_t at = 0;
        for (int32_t tid = 0; reads.n_spans < SPANS - 1;) {
            x = x * 1103515245 + 12345;
            int64_t gap = x >> 16 & 3 ? 0 : x >> 9 & 0x3ffff;
            int64_t length = 1 + (x >> 8) % (x >> 20 & 1 ? 3000000 : 90000);
            if (tid < 3 && (x >> 24) % 20 == 0) {
                tid++;
                at = 0;
            }
            spans[reads.n_spans++] = (kuni_span){tid, at + gap, at + gap + length};
            at += gap + length;
        }
        spans[reads.n_spans++] = (kuni_span){.tid = -1};
        reads.n_shards = kuni_plan_bundle(spans, reads.n_spans, 2000000, 8, shards);
        reads.n_places = reads.n_shards - 1;
        const int64_t cuts[] = {1000, 64000, 65536, 100000, 312500, 1250000, 5000000};
        for (size_t k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) expect_joint(&reads, cuts[k]);
    }
}

/* As short as half an hour asks, and no more of them than there were without another axis. */
static void test_joint_length(void **state)
{
    (void)state;
    const struct {
        int64_t shard_bp;
        size_t n_samples;
        int64_t joint_bp;
    } known[] = {{5000000, 100, 5000000},     {25000000, 100, 5000000},
                 {1000000, 10000, 1000000},   {5000000, 25000, 5000000},
                 {5000000, 50000, 2500000},   {25000000, 100000, 1250000},
                 {25000000, 1000000, 330000}, {5000000, 100000000, 330000},
                 {1000000, 1000000, 330000},  {100, 1000000, 100}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(kuni_axis_joint_bp(known[i].shard_bp, known[i].n_samples),
                         known[i].joint_bp);
}

/* Whose shards are those of the joint axis, by node. */
static void expect_on_joint_axis(kuni_workflow *w, const char *expected, const char *coarse)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_plan plan;
    if (!w->shard_bp) w->shard_bp = 200000;
    kuni_status status = kuni_plan_make(&plan, w, genome, some_batches, 3, false, &preflight, &err);
    if (status) {
        assert_int_equal(status, KUNI_USAGE);
        if (!strstr(err.text, expected)) fail_msg("\"%s\" is not in \"%s\"", expected, err.text);
        return;
    }
    char text[64] = "";
    for (size_t i = 1; i < plan.n_nodes; i++) {
        const kuni_node *node = &plan.nodes[i];
        text[i - 1] = node->joint ? 'j' : kuni_node_by_shard(node) ? 'r' : '.';
        if (kuni_node_by_shard(node) && node->scatter == KUNI_SCATTER_REGION)
            assert_int_equal(node->n_tasks, kuni_plan_axis_of(&plan, node)->n_places);
        for (size_t k = 0; k < node->n_inputs; k++) {
            const kuni_node *from = &plan.nodes[node->inputs[k].node];
            int64_t shard = kuni_plan_shard_from(&plan, node, 1, from);
            if (node->joint && !from->joint && kuni_node_by_shard(from))
                assert_int_equal(plan.reads.shards[shard].first,
                                 plan.joint.within[plan.joint.shards[1].first]);
            else
                assert_int_equal(shard, 1);
        }
    }
    assert_string_equal(text, expected);
    if (coarse)
        assert_string_equal(plan.joint_coarse, coarse);
    else
        assert_null(plan.joint_coarse);
    kuni_plan_fini(&plan);
}

static void test_who_is_on_the_joint_axis(void **state)
{
    (void)state;
    kuni_workflow_stage stages[] = {
        use(&qc, "qc", NULL, 0), use(&call, "a", NULL, 0), use(&wide, "joint", NEEDS(1, 0)),
        use(&edit, "annotate", NEEDS(2)), use(&merge, "all", NEEDS(3, 0))};
    kuni_workflow w = {.stages = stages, .n_stages = 5, .joint_bp = 65536};
    expect_on_joint_axis(&w, "r.rjj..", NULL);
    /* short reads' shards and few people: one axis */
    w.joint_bp = 0;
    expect_on_joint_axis(&w, "r.rrr..", NULL);
    w.joint_bp = 200000;
    expect_on_joint_axis(&w, "r.rrr..", NULL);
    /* who does not say that parts of evidence will do has its shards, and so have those behind it */
    kuni_params_free(stages[2].params);
    stages[2] = use(&joint, "joint", NEEDS(1, 0));
    w.joint_bp = 65536;
    expect_on_joint_axis(&w, "r.rrr..", NULL);
    drop(&w);
    kuni_workflow_stage two[] = {use(&call, "a", NULL, 0), use(&wide, "joint", NEEDS(0)),
                                 use(&both, "both", NEEDS(1, 0)), use(&merge, "all", NEEDS(2))};
    kuni_workflow v = {.stages = two, .n_stages = 4, .joint_bp = 65536};
    expect_on_joint_axis(&v, "regions.joint_shard: stage both takes both", NULL);
    v.joint_bp = 0;
    v.shard_bp = 25000000; /* nobody asked for another cut: that of the reads, and it is told */
    expect_on_joint_axis(&v, "rrr..", "both");
    drop(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joint_axis),
        cmocka_unit_test(test_joint_length),
        cmocka_unit_test(test_who_is_on_the_joint_axis),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_region_faults),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_on_grid),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_plan_faults),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_bundle_names),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
