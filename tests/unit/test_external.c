/* SPDX-License-Identifier: MIT */
/*
 * The external stage: placeholders, quoting, and every way in which a command can go wrong.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <htslib/bgzf.h>
#include <htslib/vcf.h>

#include "runner.h"
#include "stage_table.h"

/* Names that a careless quoting would run, split or expand. */
#define NASTY "a b'c\"d;touch INJECTED $(touch INJECTED) `touch INJECTED` *\\"

static char folder[64], input_path[256], output_path[256], log_prefix[128], reference[128];
static kuni_genome *genome;
static kuni_arena *arena;

typedef struct setting {
    const char *name, *value;
} setting;

static const char *path_in(const char *name)
{
    static char path[4][256];
    static int next;
    char *made = path[next++ % 4];
    (void)snprintf(made, sizeof(path[0]), "%s/%s", folder, name);
    return made;
}

static const kuni_step *shape_of(kuni_params *params, kuni_error *err)
{
    const kuni_step *steps;
    size_t count;
    if (kuni_stage_steps(kuni_stage_find("external"), params, arena, &steps, &count, err))
        return NULL;
    assert_int_equal(count, 1);
    return steps;
}

static kuni_params *params_of(const setting *settings, size_t count)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_params *params = kuni_params_new(kuni_stage_find("external")->params, &err);
    assert_non_null(params);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(kuni_params_set(params, settings[i].name, settings[i].value, &err), 0);
    return params;
}

static kuni_job_result run_settings(const setting *settings, size_t count)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_params *params = params_of(settings, count);
    const kuni_step *step = shape_of(params, &err);
    assert_non_null(step);
    const kuni_task_file inputs[] = {
        {.kind = "calls", .path = input_path, .shard = 0, .batch = -1}};
    const kuni_task_file outputs[] = {{.kind = step->outputs[0].kind, .path = output_path}};
    const kuni_span shard = {.tid = 0, .beg = 100, .end = 200};
    const kuni_sample samples[] = {{.id = "s one"}, {.id = NASTY}, {.id = "gone"}};
    const int32_t columns[] = {0, 1, -1};
    char scratch[256];
    (void)snprintf(scratch, sizeof(scratch), "%s/scratch " NASTY, folder);
    const kuni_task task = {.stage_id = "ext",
                            .genome = genome,
                            .params = params,
                            .samples = samples,
                            .n_samples = 3,
                            .columns = columns,
                            .shards = &shard,
                            .n_shards = 1,
                            .shard = step->scatter == KUNI_SCATTER_REGION ? 0 : -1,
                            .batch = -1,
                            .inputs = inputs,
                            .n_inputs = 1,
                            .outputs = outputs,
                            .n_outputs = 1,
                            .scratch = scratch};
    const kuni_job_part part = {.step = step, .task = &task};
    const kuni_job job = {.parts = &part, .n_parts = 1, .log = log_prefix, .time_limit_s = 5};
    kuni_runner *runner;
    assert_int_equal(kuni_runner_start(&runner, &job, &err), 0);
    kuni_job_result result;
    bool done = false;
    while (!done) {
        assert_int_equal(kuni_runner_poll(runner, &done, &result, &err), 0);
        (void)usleep(1000);
    }
    kuni_runner_free(runner);
    kuni_params_free(params);
    assert_true(access(path_in("INJECTED"), F_OK) != 0 && access("INJECTED", F_OK) != 0);
    assert_true(access(scratch, F_OK) != 0);
    if (result.status) assert_true(access(output_path, F_OK) != 0);
    return result;
}

static char *output_text(void)
{
    static kuni_buffer text;
    kuni_buffer_clear(&text);
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_file_get(output_path, 100000, &text, &err), 0);
    (void)unlink(output_path);
    return text.data;
}

/* Runs a command that shall succeed; gives what it wrote. */
static char *text_of(const char *command)
{
    const setting settings[] = {{"command", command}, {"extension", "txt"}};
    kuni_job_result result = run_settings(settings, 2);
    if (result.status) print_error("%s: %s\n", command, result.text);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    return output_text();
}

static void expect_failure(const setting *settings, size_t count, kuni_status status,
                           const char *words)
{
    kuni_job_result result = run_settings(settings, count);
    if (result.status != status || !strstr(result.text, words))
        print_error("%s: [%s], expected: %s\n", settings[0].value, result.text, words);
    assert_int_equal(result.status, status);
    assert_non_null(strstr(result.text, words));
    kuni_job_result_fini(&result);
}

static void test_placeholders(void **state)
{
    (void)state;
    assert_string_equal(text_of("printf '%s\\n' {region} {threads} > {output}"), "c1:101-200\n1\n");
    assert_string_equal(text_of("cat {input} > {output}"), "input\n");
    assert_string_equal(text_of("cat \"{input.calls}\" > \"{output}\""), "input\n");
    assert_string_equal(text_of("printf %s {input} > {output}"), input_path);
    assert_string_equal(text_of("printf %s {reference} > {output}"), reference);
    char line[512];
    (void)snprintf(line, sizeof(line), "%s\n", input_path);
    assert_string_equal(text_of("cat {input_list} > {output}"), line);
    assert_string_equal(text_of("cat {sample_list} > {output}"), "s one\n" NASTY "\n");
    assert_string_equal(text_of("printf '<%s>' {sample} > {output}"), "<s one><" NASTY ">");
    assert_string_equal(text_of("test \"$PWD\" = {scratch} && pwd > x && echo in > {output}"),
                        "in\n");
}

static void test_quoting(void **state)
{
    (void)state;
    char joined[600];
    (void)snprintf(joined, sizeof(joined), "[%s]", input_path);
    assert_string_equal(text_of("printf %s \"[{input}]\" > {output}"), joined);
    assert_string_equal(text_of("printf %s '[{input}]' > {output}"), joined);
    assert_string_equal(text_of("printf %s [{input}] > {output}"), joined);
    assert_string_equal(text_of("printf %s \\\"{threads}\\\" > {output}"), "\"1\"");
    assert_string_equal(text_of("printf %s \"$(printf %s \"[{input}]\")\" > {output}"), joined);
    /* Braces of the shell and of awk stay theirs. */
    assert_string_equal(text_of("x=5; echo a b | awk '{print $2 \"{{region}}\"}' > {output}; "
                                "echo ${x} {a,b} >> {output}"),
                        "b{region}\n5 {a,b}\n");
}

static void test_words(void **state)
{
    (void)state;
    const setting settings[] = {
        {"arguments",
         "/bin/sh\n-c\nprintf '%s|' \"$@\" > \"$0\"\n{output}\n{input}\n[{region}]\n; x"},
        {"extension", "txt"}};
    kuni_job_result result = run_settings(settings, 2);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    char expected[600];
    (void)snprintf(expected, sizeof(expected), "%s|[c1:101-200]|; x|", input_path);
    assert_string_equal(output_text(), expected);
}

static void test_failures(void **state)
{
    (void)state;
    expect_failure(
        (setting[]){{"command", "echo first >&2; echo the reason >&2; exit 3 # {output}"}}, 1,
        KUNI_BUG, "exit status 3: first|the reason");
    expect_failure((setting[]){{"command", "kill -SEGV $$ # {output}"}}, 1, KUNI_BUG, "signal 11");
    expect_failure((setting[]){{"command", "true # {output}"}}, 1, KUNI_BUG,
                   "did not write {output}");
    expect_failure((setting[]){{"command", ": > {output}"}}, 1, KUNI_BUG, "is empty");
    expect_failure((setting[]){{"command", "mkdir {output}"}}, 1, KUNI_BUG, "regular file");
    (void)rmdir(output_path);
    expect_failure((setting[]){{"command", "echo text > {output}"}}, 1, KUNI_BUG, "output");
    expect_failure((setting[]){{"arguments", "/no/such/program\n{output}"}}, 1, KUNI_IO,
                   "/no/such/program");
    expect_failure((setting[]){{"command", "nosuchcommand > {output}"}}, 1, KUNI_BUG,
                   "exit status 127");
}

static void test_time_limit(void **state)
{
    (void)state;
    const setting hang[] = {{"command", "sleep 100 & sleep 100 # {output}"}, {"time_limit", "1"}};
    expect_failure(hang, 2, KUNI_BUG, "time limit of 1 s");
    const setting stubborn[] = {{"command", "trap '' TERM; while :; do sleep 0.1; done # {output}"},
                                {"time_limit", "1"}};
    expect_failure(stubborn, 2, KUNI_BUG, "time limit of 1 s");
}

/* Without a limit of its own a command lives as long as it computes, and no longer. */
static void test_signs_of_life(void **state)
{
    (void)state;
    expect_failure((setting[]){{"command", "exec sleep 100 # {output}"}}, 1, KUNI_BUG, "hung");
}

static void write_variants(const char *path)
{
    htsFile *file = hts_open(path, "wb");
    bcf_hdr_t *header = bcf_hdr_init("w");
    assert_int_equal(bcf_hdr_append(header, "##contig=<ID=c1,length=100000>"), 0);
    assert_int_equal(bcf_hdr_sync(header), 0);
    assert_int_equal(bcf_hdr_write(file, header), 0);
    bcf1_t *record = bcf_init();
    for (int i = 0; i < 20000; i++) {
        bcf_clear(record);
        record->rid = 0;
        record->pos = i;
        assert_int_equal(bcf_update_alleles_str(header, record, i % 2 ? "A,C" : "G,T"), 0);
        assert_int_equal(bcf_write(file, header, record), 0);
    }
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
}

static void expect_variants(const char *command, const char *extension, const char *resource,
                            const char *words)
{
    char line[300];
    (void)snprintf(line, sizeof(line), "file=%s", resource);
    const setting settings[] = {
        {"command", command}, {"extension", extension}, {"resources", line}};
    if (words) {
        expect_failure(settings, 3, KUNI_BUG, words);
        return;
    }
    kuni_job_result result = run_settings(settings, 3);
    if (result.status) print_error("%s\n", result.text);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    (void)unlink(output_path);
}

static void test_variants(void **state)
{
    (void)state;
    const char *whole = path_in("whole " NASTY ".bcf");
    char copy[256];
    (void)strcpy(copy, whole);
    write_variants(copy);
    expect_variants("cp {resource.file} {output}", "bcf", copy, NULL);
    expect_variants("head -c 600 {resource.file} > {output}", "bcf", copy, "truncated");
    expect_variants("head -c -28 {resource.file} > {output}", "bcf", copy, "truncated");
    expect_variants("cp {resource.file} {output}", "vcf.gz", copy, "is not VCF");
    expect_variants("zcat {resource.file} > {output}", "bcf", copy, "not compressed");
    expect_variants("f=\"$(cat {resource.file} | wc -c)\"; cp {resource.file} {output}; "
                    "printf x | dd of={output} bs=1 seek=$((f / 2)) conv=notrunc 2> x",
                    "bcf", copy, "damaged");
    expect_variants("bcftools view {resource.file} > {output}", "vcf", copy, NULL);
    expect_variants("bcftools view {resource.file} | head -c -2 > {output}", "vcf", copy,
                    "truncated");
    expect_variants("echo hello | gzip > {output}", "txt.gz", copy, NULL);
    expect_variants("head -c 100000 /dev/zero | gzip | head -c 90 > {output}", "txt.gz", copy,
                    "truncated");
}

static void expect_refused(const setting *settings, size_t count, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_params *params = params_of(settings, count);
    assert_null(shape_of(params, &err));
    if (!strstr(err.text, words)) print_error("%s\n", err.text);
    assert_int_equal(err.status, KUNI_USAGE);
    assert_non_null(strstr(err.text, words));
    kuni_params_free(params);
}

static void test_shape(void **state)
{
    (void)state;
    expect_refused(NULL, 0, "expected a command");
    expect_refused((setting[]){{"command", "cat {inptu} > {output}"}}, 1, "did you mean {input}");
    expect_refused((setting[]){{"command", "cat {input}"}}, 1, "never names {output}");
    expect_refused((setting[]){{"command", "cat {resource.db} > {output}"}}, 1, "{resource.db}");
    expect_refused((setting[]){{"command", "echo {region} {output}"}, {"scatter", "cohort"}}, 2,
                   "{region}");
    expect_refused((setting[]){{"command", "x {output}"}, {"extension", ".bcf"}}, 2, "extension");
    expect_refused((setting[]){{"command", "x {output}"}, {"publish", "x.tsv"}}, 2, "publish");
    kuni_params *params = params_of((setting[]){{"command", "cat {input.b} > {output}"},
                                                {"takes", "a\nb"},
                                                {"gives", "table"},
                                                {"extension", "tsv"},
                                                {"publish", "table.tsv"},
                                                {"scatter", "cohort"}},
                                    6);
    const kuni_step *step = shape_of(params, NULL);
    kuni_params_free(params);
    assert_non_null(step);
    assert_int_equal(step->scatter, KUNI_SCATTER_COHORT);
    assert_string_equal(step->inputs[0].kind, "a");
    assert_string_equal(step->inputs[1].kind, "b");
    assert_null(step->inputs[2].kind);
    assert_string_equal(step->outputs[0].kind, "table");
    assert_string_equal(step->outputs[0].extension, "tsv");
    assert_string_equal(step->outputs[0].publish, "table.tsv");
    assert_null(step->outputs[1].kind);
}

static int set_up(void **state)
{
    (void)state;
    (void)strcpy(folder, "/tmp/kuni_test_external_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(input_path, sizeof(input_path), "%s/in " NASTY ".txt", folder);
    (void)snprintf(output_path, sizeof(output_path), "%s/out " NASTY, folder);
    (void)snprintf(log_prefix, sizeof(log_prefix), "%s/log", folder);
    (void)snprintf(reference, sizeof(reference), "%s/ref.fa", folder);
    arena = kuni_arena_new(NULL);
    if (!arena || kuni_file_put(input_path, "input\n", 6, NULL)) return -1;
    kuni_buffer fasta = KUNI_BUFFER_INIT;
    if (kuni_buffer_printf(&fasta, NULL, ">c1\n%0500d\n", 0)) return -1;
    for (size_t i = 4; i < fasta.length - 1; i++) fasta.data[i] = "ACGT"[i % 4];
    if (kuni_file_put(reference, fasta.data, fasta.length, NULL)) return -1;
    kuni_buffer_fini(&fasta);
    return kuni_genome_open(&genome, reference, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    kuni_genome_close(genome);
    kuni_arena_free(arena);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placeholders), cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_words),        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_time_limit),   cmocka_unit_test(test_signs_of_life),
        cmocka_unit_test(test_variants),     cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
