/* SPDX-License-Identifier: MIT */
/*
 * `kuni run`, `plan`, `withdraw`, `verify` and `repair` as the command line calls them, on five tiny
 * gVCFs: from the workflow file to what is published, and the look ahead and back that changes
 * nothing.
 */
#include "fixture.h"

#include <sys/stat.h>

#include "engine.h"
#include "erased.h"
#include "people.h"
#include "preview.h"
#include "verify.h"

#define VCF                                                                                        \
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n"                                       \
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"

enum { PEOPLE = 5 };

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void write_gvcf(int person, const char *rest)
{
    char name[32], text[1024];
    (void)snprintf(name, sizeof(name), "p%d.g.vcf", person);
    (void)snprintf(text, sizeof(text), VCF "P%d\n%s", person, rest);
    fixture_write(name, text);
}

static void write_people(int n)
{
    FILE *manifest = fopen("people.tsv", "w");
    assert_non_null(manifest);
    assert_true(fputs("participant_id\tsample_id\treads\n", manifest) >= 0);
    for (int i = 0; i < n; i++)
        assert_true(fprintf(manifest, "P%d\tP%d\tp%d.g.vcf\n", i, i, i) > 0);
    assert_int_equal(fclose(manifest), 0);
}

#define WORKFLOW                                                                                   \
    "version: 1\nname: tiny\nreference: r.fa\ncohort: people.tsv\ndataset: ds\n"                   \
    "regions: {shard: 500}\nbatch: 2\n"                                                            \
    "stages:\n  - {id: import, uses: import-gvcf}\n"                                               \
    "  - {id: joint, uses: joint-genotype, needs: import}\n"                                       \
    "  - {id: national, uses: merge, needs: [import, joint]}\n"

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    (void)unsetenv("OMPI_COMM_WORLD_SIZE");
    (void)unsetenv("PMIX_RANK");
    (void)unsetenv("PMI_RANK");
    FILE *fasta = fopen("r.fa", "w");
    if (!fasta) return -1;
    (void)fputs(">chr1\n", fasta);
    for (int i = 0; i < 1000; i++) (void)fputc("ACGT"[i % 4], fasta);
    (void)fputc('\n', fasta);
    (void)fclose(fasta);
    fixture_write("w.yaml", WORKFLOW);
    return 0;
}

static void fresh(void)
{
    shell("rm -rf ds *.g.vcf");
    for (int i = 0; i < PEOPLE; i++)
        write_gvcf(i, i % 2 ? "chr1\t1\t.\tA\tC,<*>\t60\t.\t.\tGT:AD:DP:GQ:PL\t"
                              "0/1:10,10,0:20:60:60,0,60,90,90,99\n"
                              "chr1\t2\t.\tC\t<*>\t.\t.\tEND=1000\tGT:DP:GQ\t0/0:30:60\n"
                            : "chr1\t1\t.\tA\t<*>\t.\t.\tEND=1000\tGT:DP:GQ\t0/0:30:60\n");
    write_people(PEOPLE);
}

static kuni_run_options options_of(const char *const *settings, size_t n)
{
    return (kuni_run_options){
        .workflow = "w.yaml", .settings = settings, .n_settings = n, .jobs = 2, .quiet = true};
}

static kuni_status run_with(const kuni_run_options *options, kuni_buffer *faults, kuni_error *err)
{
    bool leads = false;
    kuni_status status = kuni_engine_run(options, &leads, faults, err);
    assert_true(leads);
    return status;
}

static void expect_run(const char *const *settings, size_t n)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    const kuni_run_options options = options_of(settings, n);
    if (run_with(&options, &faults, &err)) fail_msg("%s %s", err.text, faults.data);
    kuni_buffer_fini(&faults);
}

static void expect_failure(const char *setting, kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    const kuni_run_options options = options_of(&setting, setting ? 1 : 0);
    kuni_status status = run_with(&options, &faults, &err);
    if (status != expected ||
        (!strstr(err.text, words) && !strstr(faults.data ? faults.data : "", words)))
        fail_msg("status %d: %s %s", status, err.text, faults.data ? faults.data : "");
    kuni_buffer_fini(&faults);
}

static bool says(const char *path, const char *words)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_file_get(path, 1 << 22, &text, &err)) fail_msg("%s", err.text);
    bool found = strstr(text.data ? text.data : "", words) != NULL;
    kuni_buffer_fini(&text);
    return found;
}

/* --- run --- */

static void test_run(void **state)
{
    (void)state;
    struct stat first, second;
    fresh();
    expect_run(NULL, 0);
    assert_true(says("ds/status.json", "\"state\": \"done\""));
    assert_true(says("ds/current/dataset.json", "\"samples\": 5"));
    assert_true(says("ds/kuni-dataset.json", "\"format\": 1"));
    assert_true(says("ds/register.tsv", "b0002\tP4\tP4\tunknown\tin\t1\t"));
    assert_int_equal(stat("ds/current/national.bcf", &first), 0);
    expect_run(NULL, 0);
    assert_int_equal(stat("ds/current/national.bcf", &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_true(says("ds/lock", "epoch 2 "));
}

/* People are added as a batch of their own; who is no longer named stays. */
static void test_grows(void **state)
{
    (void)state;
    fresh();
    write_people(3);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"batches\": 2"));
    write_people(PEOPLE);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"batches\": 3"));
    assert_true(says("ds/current/dataset.json", "\"samples\": 5"));
    write_people(4);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 5"));
    assert_true(says("ds/current/dataset.json", "\"withdrawn\": 0"));
}

static void test_faults(void **state)
{
    (void)state;
    fresh();
    expect_failure("nonsense=1", KUNI_USAGE, "nonsense");
    expect_failure("reference=nowhere.fa", KUNI_USAGE, "nowhere.fa");
    fixture_write("people.tsv", "participant_id\tsample_id\treads\n");
    expect_failure(NULL, KUNI_DATA, "the manifest holds no sample");
    fixture_write("people.tsv", "participant_id\tsample_id\treads\nA\tA\n");
    expect_failure(NULL, KUNI_DATA, "people.tsv:2");
    write_people(PEOPLE);
    expect_failure("regions.contigs=[chr7]", KUNI_USAGE, "chr7");
    shell("rm -rf ds; mkdir ds; touch ds/thesis.tex");
    expect_failure(NULL, KUNI_USAGE, "ds is not a dataset that kuni made");
}

/* The dataset's settings hold until they are overridden by name. */
static void test_settings(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    const char *shard = "regions.shard=250";
    struct stat st;
    fresh();
    expect_run(NULL, 0);
    expect_failure(shard, KUNI_USAGE, "ds was made with other settings: regions:");
    assert_true(says("ds/status.json", "\"state\": \"failed\""));
    kuni_run_options options = options_of(&shard, 1);
    options.recall = true;
    options.keep_all = true;
    if (run_with(&options, &faults, &err)) fail_msg("%s", err.text);
    assert_int_equal(stat("ds/data/import.import/chr1-0-500", &st), 0);
    options.keep_all = false;
    if (run_with(&options, &faults, &err)) fail_msg("%s", err.text);
    assert_int_not_equal(stat("ds/data/import.import/chr1-0-500", &st), 0);
    assert_int_equal(stat("ds/data/import.import/chr1-0-250", &st), 0);
    kuni_buffer_fini(&faults);
}

/* A damaged file costs its sample, here half of the new ones, which has to be allowed. */
static void test_quarantine(void **state)
{
    (void)state;
    const char *allowed = "on_error.max_quarantined=1";
    fresh();
    write_gvcf(1, "chr1\t5\t.\tA\n");
    expect_run(&allowed, 1);
    assert_true(says("ds/current/failures.tsv", "P1\t"));
    assert_true(says("ds/current/dataset.json", "\"samples\": 4"));
    write_gvcf(2, "chr1\t5\t.\tA\n");
    fixture_write("w2.yaml", WORKFLOW);
    shell("rm -rf ds");
    expect_failure(allowed, KUNI_DATA, "2 of 5 new samples would be missing");
    assert_true(says("ds/status.json", "\"state\": \"failed\""));
}

/* --- plan --- */

static void look(kuni_preview *p, bool published)
{
    static kuni_run_options options;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    options = options_of(NULL, 0);
    if (kuni_preview_make(p, &options, published, &faults, &err)) fail_msg("%s", err.text);
    kuni_buffer_fini(&faults);
}

static const kuni_preview_step *step_of(const kuni_preview *p, const char *name)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (strcmp(p->steps[i].name, name) == 0) return &p->steps[i];
    fail_msg("no step %s but %s, ...", name, p->steps[1].name);
    return NULL;
}

static void test_preview(void **state)
{
    (void)state;
    kuni_preview p;
    struct stat st;
    fresh();
    look(&p, false);
    assert_int_not_equal(stat("ds", &st), 0); /* looking makes nothing */
    assert_int_equal(p.genome_bp, 1000);
    assert_int_equal(p.missing_files, 0);
    assert_true(p.reads_bytes > 0 && p.free_bytes > 0);
    assert_true(p.coordinator_bytes > p.rank_bytes && p.rank_bytes > 0);
    assert_int_equal(step_of(&p, "import.import")->tasks, 2 * 3);
    assert_int_equal(step_of(&p, "import.import")->done, 0);
    assert_true(step_of(&p, "import.import")->task_cpu_s < 0);
    kuni_preview_fini(&p);
    expect_run(NULL, 0);
    look(&p, false);
    for (size_t i = 0; i < p.n_steps; i++) assert_int_equal(p.steps[i].done, p.steps[i].tasks);
    assert_true(step_of(&p, "import.import")->task_bytes > 0);
    kuni_preview_fini(&p);
    /* the file of somebody in a sealed batch changes: nothing is to be done */
    write_gvcf(0, "chr1\t1\t.\tA\t<*>\t.\t.\tEND=1000\tGT:DP:GQ\t0/0:40:60\n");
    look(&p, false);
    for (size_t i = 0; i < p.n_steps; i++) assert_int_equal(p.steps[i].done, p.steps[i].tasks);
    kuni_preview_fini(&p);
}

/* Who was left out of what is published stays out of that view of it. */
static void test_preview_of_quarantine(void **state)
{
    (void)state;
    kuni_preview p;
    const char *allowed = "on_error.max_quarantined=1";
    fresh();
    write_gvcf(1, "chr1\t5\t.\tA\n");
    expect_run(&allowed, 1);
    look(&p, true);
    assert_int_equal(p.ledger.samples.n_quarantined, 1);
    for (size_t i = 0; i < p.n_steps; i++) assert_int_equal(p.steps[i].done, p.steps[i].tasks);
    kuni_preview_fini(&p);
}

static void test_preview_faults(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_preview p;
    fresh();
    kuni_run_options options = options_of(NULL, 0);
    options.workflow = "nowhere.yaml";
    assert_int_not_equal(kuni_preview_make(&p, &options, false, &faults, &err), KUNI_OK);
    kuni_preview_fini(&p);
    kuni_error_clear(&err);
    shell("mkdir ds; touch ds/thesis.tex");
    options.workflow = "w.yaml";
    assert_int_equal(kuni_preview_make(&p, &options, false, &faults, &err), KUNI_USAGE);
    kuni_preview_fini(&p);
    kuni_buffer_fini(&faults);
}

/* --- people who go, and come back --- */

static bool refuse(void *context, const char *text)
{
    (void)text;
    ++*(int *)context;
    return false;
}

static void count_line(void *context, const char *text)
{
    (void)text;
    ++*(int *)context;
}

static kuni_status change_people(kuni_people_request request, size_t expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    size_t changed = 0;
    request.workflow = "w.yaml";
    kuni_status status = kuni_people_change(&request, &changed, &faults, &err);
    assert_int_equal(kuni_buffer_append(&faults, err.text, strlen(err.text) + 1, &err), KUNI_OK);
    if (words && !strstr(faults.data, words)) fail_msg("status %d: %s", status, faults.data);
    if (!status) assert_int_equal(changed, expected);
    kuni_buffer_fini(&faults);
    return status;
}

static void test_withdraw(void **state)
{
    (void)state;
    static const char *const one[] = {"P1"}, *const strangers[] = {"P2", "nobody"};
    int asked = 0;
    fresh();
    assert_int_equal(change_people((kuni_people_request){.ids = one, .n_ids = 1}, 0, "no dataset"),
                     KUNI_USAGE);
    expect_run(NULL, 0);
    assert_int_equal(change_people((kuni_people_request){.n_ids = 0}, 0, "no id is given"),
                     KUNI_USAGE);
    assert_int_equal(change_people((kuni_people_request){.ids = strangers, .n_ids = 2}, 0,
                                   "1 of 2 ids are not known"),
                     KUNI_USAGE);
    assert_int_equal(
        change_people(
            (kuni_people_request){.ids = one, .n_ids = 1, .agree = refuse, .context = &asked}, 0,
            "nothing was changed"),
        KUNI_USAGE);
    assert_int_equal(asked, 1);
    fixture_write("ids.txt", "# of May\nP1\n\nP4\n");
    assert_int_equal(change_people((kuni_people_request){.list = "ids.txt", .by = "me"}, 2, NULL),
                     KUNI_OK);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 3"));
    assert_true(says("ds/history.jsonl", "withdrawn"));
    assert_int_equal(
        change_people((kuni_people_request){.ids = one, .n_ids = 1, .back = true}, 1, NULL),
        KUNI_OK);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 4"));
}

static kuni_status look_for_erased(kuni_erased_result *result)
{
    int lines = 0;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    const kuni_erased_request request = {
        .workflow = "w.yaml", .list = "gone.txt", .tell = count_line, .context = &lines};
    kuni_status status = kuni_erased_verify(&request, result, &faults, &err);
    assert_true(lines >= (int)result->found);
    kuni_buffer_fini(&faults);
    return status;
}

static void test_erase(void **state)
{
    (void)state;
    static const char *const one[] = {"P3"};
    int told = 0;
    kuni_erased_result result;
    fresh();
    expect_run(NULL, 0);
    fixture_write("gone.txt", "P3\n");
    assert_int_equal(look_for_erased(&result), KUNI_IO);
    assert_int_equal(result.never, 1);
    shell("rm p3.g.vcf"); /* the reads are archived */
    assert_int_equal(change_people((kuni_people_request){.list = "gone.txt",
                                                         .erase = true,
                                                         .tell = count_line,
                                                         .context = &told},
                                   1, NULL),
                     KUNI_OK);
    assert_true(told >= 1);
    assert_int_equal(look_for_erased(&result), KUNI_IO); /* published still */
    assert_true(result.found > 0);
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 4"));
    assert_int_equal(look_for_erased(&result), KUNI_OK);
    assert_int_equal(result.ids, 1);
    assert_int_equal(result.found, 0);
    assert_true(result.files > 10);
    assert_int_equal(change_people((kuni_people_request){.ids = one, .n_ids = 1, .back = true}, 0,
                                   "nothing is left"),
                     KUNI_USAGE);
    assert_int_equal(
        change_people((kuni_people_request){.ids = one, .n_ids = 1, .back = true, .anew = true}, 0,
                      NULL),
        KUNI_OK);
    write_gvcf(3, "chr1\t1\t.\tA\t<*>\t.\t.\tEND=1000\tGT:DP:GQ\t0/0:30:60\n");
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 5"));
}

/* A participant's second sample is kept out; where only those who pass are let in, somebody must judge. */
static void test_gate(void **state)
{
    (void)state;
    fresh();
    fixture_write(
        "people.tsv",
        "participant_id\tsample_id\treads\tprimary\nA\tP0\tp0.g.vcf\t.\nB\tP1\tp1.g.vcf\t.\n"
        "A\tP2\tp2.g.vcf\tyes\n");
    expect_run(NULL, 0);
    assert_true(says("ds/current/dataset.json", "\"samples\": 2"));
    assert_true(says("ds/current/failures.tsv", "P0\t.\tgate\tof this participant P2 counts"));
    const char *flag = "gate.qc=flag", *pass = "gate.qc=pass";
    expect_run(&flag, 1); /* nobody was judged, so nobody failed */
    expect_failure(pass, KUNI_DATA, "the gate lets nobody in");
}

/* --- damage --- */

static kuni_status verify(bool repair, const char *from, kuni_verify_result *result)
{
    int lines = 0;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    const kuni_verify_request request = {.run = options_of(NULL, 0),
                                         .deep = true,
                                         .repair = repair,
                                         .from = from,
                                         .tell = count_line,
                                         .context = &lines};
    kuni_status status = kuni_verify(&request, result, &faults, &err);
    assert_true(lines >= (int)result->damaged);
    kuni_buffer_fini(&faults);
    return status;
}

/* One byte, far from the start, with size and time kept. */
static void rot(const char *files)
{
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "f=$(ls %s | head -n 1) && touch -r $f stamp && printf '\\125' | "
                   "dd of=$f bs=1 seek=70 conv=notrunc 2>/dev/null && touch -r stamp $f",
                   files);
    shell(command);
}

static void test_verify_and_repair(void **state)
{
    (void)state;
    kuni_verify_result result;
    fresh();
    expect_run(NULL, 0);
    assert_int_equal(verify(false, NULL, &result), KUNI_OK);
    assert_true(result.files > 6);
    shell("rm -rf backup && cp -a ds backup");
    /* from a copy */
    rot("ds/data/import.import/*/b0001.*.ev");
    assert_int_equal(verify(false, NULL, &result), KUNI_IO);
    assert_int_equal(result.damaged, 1);
    assert_int_equal(verify(true, "backup", &result), KUNI_OK);
    assert_int_equal(result.copied, 1);
    assert_int_equal(verify(false, NULL, &result), KUNI_OK);
    /* from the reads */
    rot("ds/data/import.import/*/b0001.*.ev");
    assert_int_equal(verify(true, NULL, &result), KUNI_OK);
    assert_true(result.unsealed > 0);
    expect_run(NULL, 0);
    assert_int_equal(verify(false, NULL, &result), KUNI_OK);
    /* published, and what tells of the dataset */
    rot("ds/current/national.bcf");
    rot("ds/settings.json");
    assert_int_equal(verify(false, NULL, &result), KUNI_IO);
    assert_int_equal(verify(true, NULL, &result), KUNI_OK);
    expect_run(NULL, 0);
    assert_int_equal(verify(false, NULL, &result), KUNI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_preview),
        cmocka_unit_test(test_preview_of_quarantine),
        cmocka_unit_test(test_preview_faults),
        cmocka_unit_test(test_withdraw),
        cmocka_unit_test(test_erase),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_verify_and_repair),
    };
    return cmocka_run_group_tests(tests, enter, fixture_leave);
}
