/* SPDX-License-Identifier: MIT */
/*
 * Packs, and bundles in a job: a stage sees one span after another with files of its own, what it
 * makes of them is one file, and who takes that file gets members.
 */
#include "fixture.h"

#include "kuni/file.h"
#include "kuni/stage.h"
#include "members.h"
#include "pack.h"
#include "runner.h"

enum { SPANS = 4 };

static kuni_genome *genome;
static const kuni_span spans[SPANS] = {
    {.tid = 0, .end = 40}, {.tid = 1, .end = 8}, {.tid = 2, .end = 8}, {.tid = 3, .end = 8}};

static void must(kuni_status status, const kuni_error *err)
{
    if (status) fail_msg("%s", err->text);
}

/* --- packs --- */

static void make_pack(const char *path)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pack_writer *writer;
    fixture_write("first", "one");
    fixture_write("empty", "");
    must(kuni_pack_create(&writer, path, &err), &err);
    must(kuni_pack_add(writer, "HLA-A*01:01", 0, 3503, "first", &err), &err);
    must(kuni_pack_add(writer, "chrUn_1", 0, 10, NULL, &err), &err);
    must(kuni_pack_add(writer, "chrUn_1", 20, 30, "empty", &err), &err);
    must(kuni_pack_finish(writer, &err), &err);
}

static size_t read_file(const char *path, char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, room, file);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void test_pack(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pack pack;
    kuni_pack_view view;
    char bytes[64];
    make_pack("pack");
    assert_true(kuni_is_pack("pack"));
    assert_false(kuni_is_pack("first"));
    assert_false(kuni_is_pack("nowhere"));
    must(kuni_pack_open(&pack, "pack", &err), &err);
    assert_int_equal(pack.n, 3);
    assert_string_equal(pack.members[0].contig, "HLA-A*01:01");
    assert_int_equal(pack.members[0].end, 3503);
    assert_int_equal(pack.members[0].bytes, 3);
    assert_false(pack.members[1].present);
    assert_true(pack.members[2].present);
    assert_int_equal(pack.members[2].beg, 20);
    assert_int_equal(pack.members[2].bytes, 0);
    must(kuni_pack_extract(&pack, 0, "out", &err), &err);
    assert_int_equal(read_file("out", bytes, sizeof(bytes)), 3);
    assert_memory_equal(bytes, "one", 3);
    must(kuni_pack_view_open(&view, &pack, 0, &err), &err);
    assert_int_equal(read_file(view.path, bytes, sizeof(bytes)), 3);
    assert_int_equal(read_file(view.path, bytes, sizeof(bytes)), 3); /* as often as one likes */
    kuni_pack_view_close(&view);
    kuni_pack_close(&pack);
}

static kuni_status open_bytes(const char *bytes, size_t n)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pack pack;
    fixture_put("damaged", bytes, n);
    kuni_status status = kuni_pack_open(&pack, "damaged", &err);
    if (status) assert_non_null(strstr(err.text, "damaged"));
    kuni_pack_close(&pack);
    return status;
}

/* A pack that was cut off, or of whose index a byte is another, is none. */
static void test_damaged_pack(void **state)
{
    (void)state;
    char bytes[512], other[512];
    make_pack("pack");
    size_t n = read_file("pack", bytes, sizeof(bytes));
    assert_int_equal(open_bytes(bytes, n), KUNI_OK);
    for (size_t length = 0; length < n; length++)
        assert_int_equal(open_bytes(bytes, length), KUNI_DATA);
    for (size_t at = 0; at < n; at++) {
        bool in_member = at >= 8 && at < 11; /* whose own format has checksums */
        memcpy(other, bytes, n);
        other[at] ^= 1;
        assert_int_equal(open_bytes(other, n), in_member ? KUNI_OK : KUNI_DATA);
    }
}

/* --- bundles in a job --- */

static kuni_status write_text(const char *path, const char *text, kuni_error *err)
{
    return kuni_file_put(path, text, strlen(text), err);
}

static bool fails, forgets;

/* A span's text, and for odd ones something more; nothing may be in the scratch folder. */
static kuni_status write_span(const kuni_task *task, kuni_error *err)
{
    char text[64];
    const kuni_span *span = &task->shards[task->shard];
    if (access(task->scratch, W_OK) != 0 || chdir(task->scratch) != 0 || access("here", F_OK) == 0)
        return kuni_fail(err, KUNI_BUG, "the scratch folder is not this span's");
    fixture_write("here", "");
    if (chdir(fixture_folder) != 0) return kuni_fail(err, KUNI_BUG, "chdir");
    if (fails && task->shard == 2) return kuni_fail(err, KUNI_DATA, "span 2 is bad");
    (void)snprintf(text, sizeof(text), "<%s>", kuni_genome_contig(task->genome, span->tid)->name);
    if (forgets && task->shard == 3) return KUNI_OK;
    kuni_status status = write_text(kuni_task_output(task, "text"), text, err);
    if (!status && task->shard % 2 == 1)
        status = write_text(kuni_task_output(task, "more"), "more", err);
    return status;
}

static const kuni_port written[] = {{.kind = "text", .extension = "txt"},
                                    {.kind = "more", .extension = "txt.more", .optional = true},
                                    {.kind = "never", .extension = "x", .optional = true},
                                    {.kind = NULL}};
static const kuni_step writing = {
    .name = "", .scatter = KUNI_SCATTER_REGION, .outputs = written, .run = write_span};

/* Ends with the job's result, which is to be finished. */
static kuni_job_result run_job(const kuni_job *job)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_runner *runner;
    kuni_job_result result;
    bool done = false;
    must(kuni_runner_start(&runner, job, &err), &err);
    while (!done) {
        must(kuni_runner_poll(runner, &done, &result, &err), &err);
        (void)usleep(1000);
    }
    kuni_runner_free(runner);
    return result;
}

static kuni_task task_of(const kuni_task_file *outputs, size_t n_outputs)
{
    return (kuni_task){.stage_id = "test",
                       .genome = genome,
                       .shards = spans,
                       .n_shards = SPANS,
                       .shard = 1,
                       .batch = -1,
                       .outputs = outputs,
                       .n_outputs = n_outputs,
                       .scratch = "scratch"};
}

static kuni_job_result write_bundle(void)
{
    static const kuni_task_file outputs[] = {
        {.kind = "text", .path = "out/all.0123456789abcdef.pack.txt"},
        {.kind = "more", .path = "out/all.0123456789abcdef.pack.txt.more"},
        {.kind = "never", .path = "out/all.0123456789abcdef.pack.x"}};
    const kuni_task task = task_of(outputs, 3);
    const kuni_job_part part = {.step = &writing, .task = &task};
    const kuni_job job = {.parts = &part, .n_parts = 1, .n_spans = 3, .epoch = 7};
    if (system("rm -rf out") != 0) fail_msg("rm");
    return run_job(&job);
}

/* Nobody's files are left, whatever came of it. */
static void expect_no_rest(const char *entries)
{
    char text[128] = "";
    assert_int_equal(access("scratch", F_OK), -1);
    FILE *names = popen("ls -A out 2>/dev/null | tr '\\n' ' '", "r");
    assert_non_null(names);
    size_t n = fread(text, 1, sizeof(text) - 1, names);
    (void)pclose(names);
    text[n] = '\0';
    assert_string_equal(text, entries);
}

static void test_bundle_is_written(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pack pack;
    kuni_job_result result = write_bundle();
    if (result.status) fail_msg("%s", result.text);
    assert_int_equal(result.n_outputs, 3);
    assert_true(result.outputs[0].present && result.outputs[1].present);
    assert_false(result.outputs[2].present);
    kuni_job_result_fini(&result);
    expect_no_rest("all.0123456789abcdef.pack.txt all.0123456789abcdef.pack.txt.more ");
    must(kuni_pack_open(&pack, "out/all.0123456789abcdef.pack.txt.more", &err), &err);
    assert_int_equal(pack.n, 3);
    assert_true(pack.members[0].present && !pack.members[1].present && pack.members[2].present);
    assert_string_equal(pack.members[1].contig, "u2");
    kuni_pack_close(&pack);
}

static void test_bundle_that_fails(void **state)
{
    (void)state;
    fails = true;
    kuni_job_result result = write_bundle();
    fails = false;
    assert_int_equal(result.status, KUNI_DATA);
    assert_string_equal(result.text, "span 2 is bad");
    kuni_job_result_fini(&result);
    expect_no_rest("");
    forgets = true;
    result = write_bundle();
    forgets = false;
    assert_int_equal(result.status, KUNI_BUG);
    assert_non_null(strstr(result.text, "did not write its output 'text'"));
    kuni_job_result_fini(&result);
    expect_no_rest("");
}

/* --- who takes packs --- */

/* All that comes in, in order: span, name and content of copies; span and content of parts. */
static kuni_status write_inputs(const kuni_task *task, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < task->n_inputs && !status; i++) {
        const kuni_task_file *file = &task->inputs[i];
        char bytes[64] = "", *path = NULL;
        const char *slash = strrchr(file->path, '/');
        status = kuni_task_take_input(task, file, &path, err);
        if (status) break;
        bytes[read_file(path, bytes, sizeof(bytes) - 1)] = '\0';
        status = kuni_buffer_printf(&text, err, "%lld %s %s\n", (long long)file->shard,
                                    file->offset ? "part" : slash + 1, bytes);
        free(path);
    }
    if (!status) status = kuni_file_put(task->outputs[0].path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

/* `own` is the task's shards where these are of another cut than the packs, from number `first` on. */
static void expect_inputs_of(kuni_scatter scatter, const kuni_span *own, int64_t first,
                             size_t n_spans, const kuni_other_cut *cuts, const char *output,
                             const char *expected)
{
    static const kuni_port in[] = {{.kind = "text"}, {.kind = "more", .in_place = true}, {0}};
    static const kuni_port out[] = {{.kind = "list", .extension = "tsv"}, {0}};
    static const kuni_task_file inputs[] = {
        {.kind = "text", .path = "out/all.0123456789abcdef.pack.txt", .shard = 1, .batch = -1},
        {.kind = "more",
         .path = "out/all.0123456789abcdef.pack.txt.more",
         .shard = 1,
         .batch = -1}};
    const uint32_t input_spans[] = {3, 3};
    const kuni_step step = {
        .name = "", .scatter = scatter, .inputs = in, .outputs = out, .run = write_inputs};
    const kuni_task_file list = {.kind = "list", .path = output};
    kuni_task task = task_of(&list, 1);
    task.shard = first;
    if (own) task.shards = own;
    task.inputs = inputs;
    task.n_inputs = 2;
    const kuni_job_part part = {
        .step = &step, .task = &task, .input_spans = input_spans, .input_cuts = cuts};
    const kuni_job job = {.parts = &part, .n_parts = 1, .n_spans = n_spans, .epoch = 7};
    kuni_job_result result = run_job(&job);
    if (result.status) fail_msg("%s", result.text);
    kuni_job_result_fini(&result);
    char bytes[1024] = "";
    (void)read_file(output, bytes, sizeof(bytes) - 1);
    if (n_spans > 1) bytes[strcspn(bytes + 8, "k") + 8] = '\0'; /* before the contig of the index */
    if (!strstr(bytes, expected)) fail_msg("%s", bytes);
    assert_int_equal(access("scratch", F_OK), -1);
}

static void expect_inputs(kuni_scatter scatter, size_t n_spans, const char *output,
                          const char *expected)
{
    expect_inputs_of(scatter, NULL, n_spans == 1 ? -1 : 1, n_spans, NULL, output, expected);
}

/* Packs of another cut: a part of a span takes the member of the whole, who takes all knows where each begins. */
static void test_members_of_another_cut(void **state)
{
    (void)state;
    static const kuni_span own[] = {{.tid = 1, .end = 4},
                                    {.tid = 1, .beg = 4, .end = 8},
                                    {.tid = 2, .end = 8},
                                    {.tid = 3, .end = 3},
                                    {.tid = 3, .beg = 3, .end = 8}};
    static const uint32_t members[] = {0, 1};
    static const int64_t shards[] = {0, 2, 3};
    kuni_job_result result = write_bundle();
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    const kuni_other_cut parts = {.spans = &spans[1], .members = members, .shards = shards},
                         all = {.spans = &spans[1], .shards = shards};
    const kuni_other_cut by_shard[] = {parts, parts}, of_all[] = {all, all};
    expect_inputs_of(KUNI_SCATTER_REGION, own, 1, 1, by_shard, "list/one.tsv",
                     "1 1.all.0123456789abcdef.txt <u1>\n1 part more\n");
    expect_inputs_of(KUNI_SCATTER_REGION, own, 1, 2, by_shard, "list/two.pack.tsv",
                     "KUNIPACK1 1.all.0123456789abcdef.txt <u1>\n1 part more\n"
                     "2 2.all.0123456789abcdef.txt <u2>\nu1\t4\t8\t8\t");
    expect_inputs_of(KUNI_SCATTER_COHORT, own, -1, 1, of_all, "list/whole.tsv",
                     "0 0.all.0123456789abcdef.txt <u1>\n2 2.all.0123456789abcdef.txt <u2>\n"
                     "3 3.all.0123456789abcdef.txt <u3>\n0 part more\n3 part more\n");
}

static void test_members_are_taken(void **state)
{
    (void)state;
    kuni_job_result result = write_bundle();
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    expect_inputs(KUNI_SCATTER_COHORT, 1, "list/all.tsv",
                  "1 1.all.0123456789abcdef.txt <u1>\n2 2.all.0123456789abcdef.txt <u2>\n"
                  "3 3.all.0123456789abcdef.txt <u3>\n1 part more\n3 part more\n");
    expect_inputs(KUNI_SCATTER_REGION, 3, "list/all.pack.tsv",
                  "KUNIPACK1 1.all.0123456789abcdef.txt <u1>\n1 part more\n"
                  "2 2.all.0123456789abcdef.txt <u2>\n3 3.all.0123456789abcdef.txt <u3>\n"
                  "3 part more\nu1\t0\t8\t8\t");
}

/* --- READS --- */

static int n_open, most_open;

static kuni_status open_span(const kuni_task *task, void **state, kuni_error *err)
{
    if (++n_open > most_open) most_open = n_open;
    *state = kuni_alloc(1, sizeof(char[256]), err);
    if (!*state) return KUNI_MEMORY;
    memcpy(*state, &task, sizeof(task));
    return KUNI_OK;
}

/* Behind the task: the samples that the span has seen. */
static kuni_status begin_sample(void *state, size_t sample, kuni_error *err)
{
    const kuni_task *task;
    memcpy(&task, state, sizeof(task));
    char *seen = (char *)state + sizeof(task);
    if (sample == 1 && task->shard == 2) return kuni_fail(err, KUNI_DATA, "bad");
    seen[strlen(seen)] = (char)('a' + (int)sample);
    return KUNI_OK;
}

static kuni_status finish_span(void *state, kuni_error *err)
{
    const kuni_task *task;
    char text[64];
    memcpy(&task, state, sizeof(task));
    (void)snprintf(text, sizeof(text), "[%s, %d open]", (char *)state + sizeof(task), most_open);
    return write_text(task->outputs[0].path, text, err);
}

static void close_span(void *state)
{
    if (state) n_open--;
    free(state);
}

static void expect_passes(bool apart, const char *const expected[3])
{
    kuni_error err = KUNI_ERROR_INIT;
    static const kuni_port notes[] = {{.kind = "notes", .extension = "txt"}, {.kind = NULL}};
    const kuni_step step = {.name = "",
                            .scatter = KUNI_SCATTER_READS,
                            .outputs = notes,
                            .feed = KUNI_FEED_GVCF,
                            .open = open_span,
                            .begin_sample = begin_sample,
                            .finish = finish_span,
                            .close = close_span};
    const kuni_task_file output = {.kind = "notes", .path = "out/b0000.pack.txt"};
    kuni_sample samples[] = {{.id = "A", .reads = "a.vcf.gz"},
                             {.id = "B", .reads = "b.vcf.gz"},
                             {.id = "C", .reads = "c.vcf.gz"}};
    const kuni_batch batch = {.id = "b0000", .n_samples = 3};
    kuni_task task = task_of(&output, 1);
    task.samples = samples;
    task.n_samples = 3;
    task.batches = &batch;
    task.n_batches = 1;
    task.batch = 0;
    const kuni_job_part part = {.step = &step, .task = &task};
    const kuni_job job = {.parts = &part, .n_parts = 1, .n_spans = 3, .apart = apart, .epoch = 7};
    kuni_job_result result = run_job(&job);
    if (result.status) fail_msg("%s", result.text);
    assert_int_equal(result.n_bad, 1);
    assert_int_equal(result.bad[0].sample, 1);
    kuni_job_result_fini(&result);
    kuni_pack pack;
    must(kuni_pack_open(&pack, output.path, &err), &err);
    for (size_t k = 0; k < 3; k++) {
        char bytes[64] = "";
        must(kuni_pack_extract(&pack, k, "member", &err), &err);
        (void)read_file("member", bytes, sizeof(bytes) - 1);
        assert_string_equal(bytes, expected[k]);
    }
    kuni_pack_close(&pack);
}

/*
 * Of kuni's own steps all spans are open at once, and a sample's reads are opened once; those of
 * plugins have a pass for each. A sample that one span cannot take is told once, and no later span
 * sees it.
 */
static void test_passes(void **state)
{
    (void)state;
    const char *const together[] = {"[abc, 3 open]", "[ac, 3 open]", "[ac, 3 open]"};
    const char *const apart[] = {"[abc, 1 open]", "[ac, 1 open]", "[ac, 1 open]"};
    expect_passes(false, together);
    expect_passes(true, apart);
}

static int enter(void **state)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (fixture_enter(state)) return -1;
    fixture_write("r.fa", ">big\nACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\n>u1\nACGTACGT\n"
                          ">u2\nACGTACGT\n>u3\nACGTACGT\n");
    return kuni_genome_open(&genome, "r.fa", &err);
}

static int leave(void **state)
{
    kuni_genome_close(genome);
    return fixture_leave(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_damaged_pack),
        cmocka_unit_test(test_bundle_is_written),
        cmocka_unit_test(test_bundle_that_fails),
        cmocka_unit_test(test_members_are_taken),
        cmocka_unit_test(test_members_of_another_cut),
        cmocka_unit_test(test_passes),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
