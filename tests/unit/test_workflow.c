/* SPDX-License-Identifier: MIT */
/* The workflow reader: what it takes, and the exact words for what it does not. */
#include "fixture.h"

#include "units.h"
#include "workflow.h"

static const char head[] = "version: 1\nreference: ref.fa\ncohort: cohort.tsv\ndataset: out\n";

static int enter(void **state)
{
    if (fixture_enter(state)) return -1;
    fixture_write("ref.fa", ">a\nA\n");
    fixture_write("cohort.tsv", "");
    fixture_write("dbsnp.vcf", "");
    fixture_write("gaps.bed", "");
    fixture_write("not-elf.so", "no ELF");
    return symlink(KUNI_TEST_PLUGIN, "p.so");
}

static void write_workflow(const char *body)
{
    char text[8192];
    int n = snprintf(text, sizeof(text), "%s%s", head, body);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    fixture_write("w.yaml", text);
}

static void expect_faults_set(const char *const *settings, size_t n, const char *expected)
{
    kuni_workflow workflow;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_workflow_read(&workflow, "w.yaml", settings, n, &faults, &err);
    fixture_expect(&faults, expected);
    assert_int_equal(status, KUNI_USAGE);
    assert_null(workflow.arena);
    kuni_buffer_fini(&faults);
}

/* The faults of a whole file. */
static void expect_file(const char *text, const char *expected)
{
    fixture_write("w.yaml", text);
    expect_faults_set(NULL, 0, expected);
}

/* The faults of a good head and this body; its first line is line 5. */
static void expect_body(const char *body, const char *expected)
{
    write_workflow(body);
    expect_faults_set(NULL, 0, expected);
}

static const char two_stages[] =
    "stages:\n- {id: one, plugin: p.so}\n- {id: two, plugin: p.so, needs: one}\n";

static void read_good(kuni_workflow *workflow, const char *body, const char *const *settings,
                      size_t n)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    write_workflow(body);
    kuni_status status = kuni_workflow_read(workflow, "w.yaml", settings, n, &faults, &err);
    fixture_expect(&faults, "");
    assert_int_equal(status, KUNI_OK);
    kuni_buffer_fini(&faults);
}

static void expect_path(const char *path, const char *expected)
{
    char *masked = fixture_mask(path);
    assert_string_equal(masked, expected);
    free(masked);
}

/* --- what is taken --- */

static void test_defaults(void **state)
{
    (void)state;
    kuni_workflow w;
    read_good(&w, two_stages, NULL, 0);
    expect_path(w.path, "DIR/w.yaml");
    assert_string_equal(w.name, "w");
    expect_path(w.reference, "DIR/ref.fa");
    expect_path(w.cohort, "DIR/cohort.tsv");
    expect_path(w.dataset, "DIR/out");
    assert_null(w.pedigree);
    assert_int_equal(w.n_contigs, 0);
    assert_int_equal(w.shard_bp, 5000000);
    assert_string_equal(w.ploidy, "GRCh38");
    assert_int_equal(w.batch_size, 256);
    assert_true(w.quarantine);
    assert_int_equal(w.retries, 2);
    assert_int_equal(w.time_limit_s, 3600);
    assert_int_equal(w.memory_bytes, INT64_C(2) << 30);
    assert_int_equal(w.n_stages, 2);
    assert_string_equal(w.stages[0].stage->name, "fixture");
    assert_int_equal(w.stages[0].scatter, KUNI_SCATTER_REGION);
    assert_int_equal(w.stages[1].n_needs, 1);
    assert_int_equal(w.stages[1].needs[0], 0);
    kuni_workflow_fini(&w);
}

static void test_everything(void **state)
{
    (void)state;
    kuni_workflow w;
    read_good(&w,
              "name: all keys\n"
              "regions:\n"
              "  contigs: [chr1, 'chr2:1,000-2,000', 'HLA-A*01:01']\n"
              "  shard: 64 kb\n"
              "  include: gaps.bed\n"
              "  exclude: ./gaps.bed\n"
              "  ploidy: gaps.bed\n"
              "batch: 10\n"
              "pedigree: cohort.tsv\n"
              "on_error: {sample: abort, retries: 0, time_limit: 1.5h}\n"
              "resources: {memory: 512MiB, dbsnp: dbsnp.vcf}\n"
              "stages:\n"
              "- id: last\n"
              "  plugin: p.so\n"
              "  needs: [first, middle]\n"
              "- id: middle\n"
              "  plugin: p.so\n"
              "- id: first\n"
              "  plugin: p.so\n"
              "  with:\n"
              "    depth: 7\n"
              "    window: 2kb\n"
              "    deep: yes\n"
              "    label: no\n"
              "    bed: gaps.bed\n"
              "    words: [a, b c]\n",
              NULL, 0);
    assert_string_equal(w.name, "all keys");
    assert_int_equal(w.n_contigs, 3);
    assert_string_equal(w.contigs[1], "chr2:1000-2000");
    assert_string_equal(w.contigs[2], "HLA-A*01:01");
    assert_int_equal(w.shard_bp, 64000);
    expect_path(w.region_bed, "DIR/gaps.bed");
    assert_int_equal(w.batch_size, 10);
    assert_false(w.quarantine);
    assert_int_equal(w.retries, 0);
    assert_int_equal(w.time_limit_s, 5400);
    assert_int_equal(w.memory_bytes, INT64_C(512) << 20);
    assert_int_equal(w.n_resources, 1);
    assert_string_equal(w.resources[0].name, "dbsnp");
    expect_path(w.resources[0].value, "DIR/dbsnp.vcf");
    /* Needs come first; among free stages the file's order stands. */
    assert_string_equal(w.stages[0].id, "middle");
    assert_string_equal(w.stages[1].id, "first");
    assert_string_equal(w.stages[2].id, "last");
    assert_int_equal(w.stages[2].n_needs, 2);
    assert_int_equal(w.stages[2].needs[0], 0);
    const kuni_params *p = w.stages[1].params;
    assert_int_equal(kuni_params_int(p, "depth"), 7);
    assert_int_equal(kuni_params_int(p, "window"), 2000);
    assert_true(kuni_params_bool(p, "deep"));
    assert_string_equal(kuni_params_text(p, "label"), "no"); /* no Norway problem */
    expect_path(kuni_params_text(p, "bed"), "DIR/gaps.bed");
    assert_string_equal(kuni_params_text(p, "words"), "a\nb c");
    kuni_workflow_fini(&w);
}

static void test_anchors(void **state)
{
    (void)state;
    kuni_workflow w;
    const char *settings[] = {"two.depth=9"};
    read_good(&w,
              "stages:\n"
              "- {id: one, plugin: p.so, with: &common {depth: 3, window: 500}}\n"
              "- {id: two, plugin: p.so, with: *common}\n"
              "- {id: three, plugin: p.so, with: {<<: *common, window: 700}}\n",
              settings, 1);
    assert_int_equal(kuni_params_int(w.stages[0].params, "depth"),
                     3); /* not changed by the alias */
    assert_int_equal(kuni_params_int(w.stages[1].params, "depth"), 9);
    assert_int_equal(kuni_params_int(w.stages[2].params, "depth"), 3);
    assert_int_equal(kuni_params_int(w.stages[2].params, "window"), 700);
    kuni_workflow_fini(&w);
}

static void test_settings(void **state)
{
    (void)state;
    kuni_workflow w;
    const char *settings[] = {
        "name=other",
        "regions.shard=1Mb",
        "regions.contigs=[chr7, chr8]",
        "on_error.retries=5",
        "resources.x=dbsnp.vcf",
        "one.depth=1",
        "stages.two.with.depth=2",
        "two.with.label=\"a b\"",
        "stages.one.needs=two",
        "stages.two.needs=[]",
    };
    read_good(&w, two_stages, settings, sizeof(settings) / sizeof(settings[0]));
    assert_string_equal(w.name, "other");
    assert_int_equal(w.shard_bp, 1000000);
    assert_int_equal(w.n_contigs, 2);
    assert_string_equal(w.contigs[1], "chr8");
    assert_int_equal(w.retries, 5);
    assert_int_equal(w.n_resources, 1);
    assert_string_equal(w.stages[0].id, "two");
    assert_int_equal(kuni_params_int(w.stages[0].params, "depth"), 2);
    assert_string_equal(kuni_params_text(w.stages[0].params, "label"), "a b");
    assert_int_equal(kuni_params_int(w.stages[1].params, "depth"), 1);
    kuni_workflow_fini(&w);
}

static void test_byte_order_mark_and_windows_lines(void **state)
{
    (void)state;
    kuni_workflow w;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    fixture_write("w.yaml", "\xEF\xBB\xBFversion: 1\r\nreference: ref.fa\r\ncohort: cohort.tsv\r\n"
                            "dataset: out\r\nstages:\r\n- {id: one, plugin: p.so}\r\n");
    assert_int_equal(kuni_workflow_read(&w, "w.yaml", NULL, 0, &faults, &err), KUNI_OK);
    expect_path(w.dataset, "DIR/out");
    kuni_workflow_fini(&w);
}

static void test_environment_is_not_expanded(void **state)
{
    (void)state;
    kuni_workflow w;
    const char *settings[] = {"dataset=$HOME/x"};
    read_good(&w, two_stages, settings, 1);
    expect_path(w.dataset, "DIR/$HOME/x");
    kuni_workflow_fini(&w);
}

/* --- what is not --- */

static void test_no_workflow(void **state)
{
    (void)state;
    static const char nothing[] =
        "w.yaml:1:1: the file holds nothing; expected a workflow: version, "
        "reference, cohort, dataset and stages\n";
    expect_file("", nothing);
    expect_file("# only words\n", nothing);
    expect_file("~\n", nothing);
    expect_file("- a\n",
                "w.yaml:1:1: got a list; expected a workflow: a map with version, reference, "
                "cohort, dataset and stages\n");
    expect_file("just text\n",
                "w.yaml:1:1: got 'just text'; expected a workflow: a map with version, "
                "reference, cohort, dataset and stages\n");
    expect_file("{}", "w.yaml:1:1: 'version' is missing; expected 1\n"
                      "w.yaml:1:1: 'reference' is missing; expected the path of a FASTA file\n"
                      "w.yaml:1:1: 'cohort' is missing; expected the path of a manifest\n"
                      "w.yaml:1:1: 'dataset' is missing; expected the path of a folder\n"
                      "w.yaml:1:1: 'stages' is missing; expected a list of stages\n");
}

static void test_not_yaml(void **state)
{
    (void)state;
    expect_file("version: 1\n\tname: x\n",
                "w.yaml:2:1: a tab cannot indent YAML; expected spaces\n");
    expect_file("a: [1, 2\nb: 3\n", "w.yaml:2:2: not YAML: did not find expected ',' or ']' while "
                                    "parsing a flow sequence\n");
    expect_file("a: 1\n---\nb: 2\n",
                "w.yaml:2:1: a second document starts here; expected one document a file\n");
    expect_file("a: !!binary x\n",
                "w.yaml:1:4: YAML tags ('!...') have no meaning here; remove it\n");
    expect_file("[a]: 1\n", "w.yaml:1:1: a key must be text\n");
    expect_file("a: *b\n", "w.yaml:1:4: alias '*b' has no anchor '&b' before it\n");
    expect_file("a: &b [*b]\n", "w.yaml:1:8: alias '*b' stands inside its own anchor\n");
}

static void test_not_text(void **state)
{
    (void)state;
    expect_file("name: caf\xE9\n",
                "w.yaml:1:10: byte 0xe9 is not text; expected a YAML file in UTF-8\n");
    expect_file("\x1F\x8B\x08",
                "w.yaml:1:1: byte 0x1f is not text; expected a YAML file in UTF-8\n");
    fixture_put("w.yaml", "a: 1\nb\0c: 2\n", 12);
    expect_faults_set(NULL, 0,
                      "w.yaml:2:2: byte 0x00 is not text; expected a YAML file in UTF-8\n");
    fixture_put("w.yaml", "\xFF\xFE\x61\x00", 4);
    expect_faults_set(NULL, 0, "w.yaml:1:1: the text is UTF-16; expected UTF-8\n");
}

static void test_bombs(void **state)
{
    (void)state;
    expect_file("a: &a [x,x,x,x,x,x,x,x,x]\n"
                "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                "w.yaml:6:4: more than 200000 values with aliases written out\n");
    char deep[256] = "a: ";
    memset(deep + 3, '[', 100);
    expect_file(deep, "w.yaml:1:28: nested too deeply\n");
}

static void test_large_file(void **state)
{
    (void)state;
    size_t length = (1 << 20) + 1;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, '#', length);
    fixture_put("w.yaml", text, length);
    free(text);
    kuni_workflow w;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_workflow_read(&w, "w.yaml", NULL, 0, &faults, &err), KUNI_USAGE);
    assert_string_equal(err.text,
                        "workflow w.yaml: has 1048577 bytes; expected a YAML file of at most "
                        "1048576");
}

static void test_top_level(void **state)
{
    (void)state;
    expect_file(
        "version: 2\nnam: x\nreference: no.fa\ncohort:\ndataset: [out]\ndataset: out\n"
        "pedigree: .\nbatch: many\nstages: {}\n",
        "w.yaml:1:10: version: got '2'; expected 1, the only version of workflow files so far\n"
        "w.yaml:2:1: unknown key 'nam'; expected one of version, name, reference, cohort, "
        "pedigree, dataset, regions, batch, keep, stages, gate, on_error, resources, params, "
        "profiles, profile, network; did you mean "
        "'name'?\n"
        "w.yaml:3:12: reference: cannot find DIR/no.fa: No such file or directory\n"
        "w.yaml:4:8: cohort: got nothing; expected the path of a manifest\n"
        "w.yaml:5:10: dataset: got a list; expected the path of a folder\n"
        "w.yaml:6:1: 'dataset' stands twice; it is set on line 5 already\n"
        "w.yaml:7:11: pedigree: DIR/. is a folder; expected a file\n"
        "w.yaml:8:8: batch: got 'many'; expected samples a batch, from 1 to 100000\n"
        "w.yaml:9:9: stages: got a map; expected a list of 1 to 256 stages\n");
}

static void test_sections(void **state)
{
    (void)state;
    expect_body(
        "regions: {contigs: [], shrad: 5Mb, shard: 1, ploidy: GRCh39}\n"
        "on_error: {sample: quarantin, retries: -1, time_limit: soon}\n"
        "resources: {memory: 4XB, 'a b': dbsnp.vcf}\n"
        "stages: [{id: one, plugin: p.so}]\n",
        "w.yaml:5:20: contigs: got an empty list; expected a list such as [chr1, chr2, "
        "'chr3:1000-2000']\n"
        "w.yaml:5:24: unknown key 'shrad' in regions; expected one of contigs, shard, joint_shard, "
        "bundle, "
        "include, "
        "exclude, ploidy; did you mean 'shard'?\n"
        "w.yaml:5:43: shard: got '1', out of range; expected a length such as 5Mb, from 100 to "
        "3000000000 bp\n"
        "w.yaml:5:54: ploidy: unknown name 'GRCh39'; expected GRCh38, GRCh37, CHM13, diploid or "
        "the path of a BED file; did you mean 'GRCh38'?\n"
        "w.yaml:6:20: sample: got 'quarantin'; expected quarantine or abort; did you mean "
        "'quarantine'?\n"
        "w.yaml:6:40: retries: got '-1', out of range; expected a number of retries, from 0 to "
        "100\n"
        "w.yaml:6:56: time_limit: got 'soon'; expected a time such as 30m, or 0 for none, from 0 "
        "to 2592000 seconds\n"
        "w.yaml:7:21: memory: got '4XB'; expected memory such as 2GiB, from 67108864 to "
        "17592186044416 bytes\n"
        "w.yaml:7:26: resources: 'a b' is no name; expected letters, digits, _ and -\n");
    expect_body(
        "regions: {contigs: [chr1, 'chr2:20-10', chr1, 'a b', 'chr1,chr2', '=c:5-6']}\nstages: "
        "[{id: one, plugin: p.so}]\non_error: x\n",
        "w.yaml:5:27: contigs: 'chr2:20-10' is no region; expected chr1 or chr1:1000-2000 (from "
        "1, end included)\n"
        "w.yaml:5:41: contigs: 'chr1' stands twice\n"
        "w.yaml:5:47: contigs: 'a b' is no region; expected chr1 or chr1:1000-2000 (from 1, end "
        "included)\n"
        "w.yaml:5:54: contigs: 'chr1,chr2' holds one of \\ , \" ' ` ( ) [ ] { } < >, which no "
        "contig of SAM does; expected a list such as [chr1, chr2, 'chr3:1000-2000']\n"
        "w.yaml:5:67: contigs: '=c' starts with * or =, which no contig of SAM does; expected a "
        "list such as [chr1, chr2, 'chr3:1000-2000']\n"
        "w.yaml:7:11: on_error: got 'x'; expected a map\n");
}

static void test_network(void **state)
{
    (void)state;
    expect_body(
        "network: [https://a.org, 's3://b/c/', a.org, 'https://me@b/', 'http://x/../y/', {a: b}]\n"
        "stages: [{id: one, plugin: p.so}]\n",
        "w.yaml:5:39: network: got 'a.org'; expected addresses such as https://host/folder/ "
        "that URLs may begin with\n"
        "w.yaml:5:46: network: got 'https://me@b/'; expected addresses such as "
        "https://host/folder/ that URLs may begin with\n"
        "w.yaml:5:63: network: got 'http://x/../y/'; expected addresses such as "
        "https://host/folder/ that URLs may begin with\n"
        "w.yaml:5:81: network: got a map; expected addresses such as https://host/folder/ "
        "that URLs may begin with\n");
    kuni_workflow w;
    read_good(&w, "network: https://a.org\nstages: [{id: one, plugin: p.so}]\n", NULL, 0);
    assert_true(kuni_network_allows(&w.network, "https://a.org/x.cram"));
    assert_false(kuni_network_allows(&w.network, "https://a.org.b/x.cram"));
    kuni_workflow_fini(&w);
}

static void test_contigs_of_the_reference(void **state)
{
    (void)state;
    static const char body[] =
        "regions:\n"
        "  contigs: [chr1, chr2, 'chr1:1-1000', 'chr1:1-1001', 'HLA-A*01:01:02', "
        "'HLA-A*01:01:02:5-9', 'chr1:-5', 'chr1:5-']\n"
        "stages: [{id: one, plugin: p.so}]\n";
    fixture_write("ref.fa.fai", "chr1\t1000\t6\t60\t61\nchrX\t500\t6\t60\t61\n"
                                "HLA-A*01:01:02\t10\t6\t60\t61\n");
    expect_body(body,
                "w.yaml:6:19: contigs: the reference has no contig 'chr2'; did you mean 'chr1'?\n"
                "w.yaml:6:40: contigs: 'chr1:1-1001' ends behind the contig; expected at most "
                "1000\n"
                "w.yaml:6:95: contigs: 'chr1:-5' is no region; expected chr1 or chr1:1000-2000 "
                "(from 1, end included)\n"
                "w.yaml:6:106: contigs: 'chr1:5-' is no region; expected chr1 or chr1:1000-2000 "
                "(from 1, end included)\n");
    fixture_put("ref.fa.fai", "\x1f\x8b\0\n", 4); /* damaged: told where the reference is opened */
    kuni_workflow w;
    read_good(&w, "regions: {contigs: chr7}\nstages: [{id: one, plugin: p.so}]\n", NULL, 0);
    assert_int_equal(w.n_contigs, 1);
    kuni_workflow_fini(&w);
    assert_int_equal(remove("ref.fa.fai"), 0);
    char longest[1000];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "regions: {contigs: '", 20);
    strcpy(longest + 600, ":1-2'}\nstages: [{id: one, plugin: p.so}]\n");
    write_workflow(longest);
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_workflow_read(&w, "w.yaml", NULL, 0, &faults, &err), KUNI_USAGE);
    kuni_buffer_fini(&faults);
}

static void test_stage_kinds(void **state)
{
    (void)state;
    expect_body(
        "stages:\n"
        "- text\n"
        "- {uses: x}\n"
        "- {id: 1a}\n"
        "- {id: b, plugin: p.so, uses: x}\n"
        "- {id: c, plugin: missing.so}\n"
        "- {id: d, plugin: not-elf.so}\n"
        "- {id: e, plugin: p.so, wiht: {}}\n",
        "w.yaml:6:3: stages: got 'text'; expected a map with id and one of uses, run and "
        "plugin\n"
        "w.yaml:7:3: 'id' is missing in a stage; expected a letter, then letters, digits, _ and "
        "-, at most 64 in all\n"
        "w.yaml:7:10: uses: unknown stage 'x'; expected one that `kuni stages` lists\n"
        "w.yaml:8:3: none of uses, run and plugin in a stage; expected one\n"
        "w.yaml:8:8: id: '1a' is no stage id; expected a letter, then letters, digits, _ and -, "
        "at most 64 in all\n"
        "w.yaml:9:3: more than one of uses, run and plugin in a stage; expected one\n"
        "w.yaml:10:19: plugin DIR/missing.so: No such file or directory\n"
        "w.yaml:11:19: plugin DIR/not-elf.so: cannot be loaded: DIR/not-elf.so: file too short\n"
        "w.yaml:12:25: unknown key 'wiht' in a stage; expected one of id, uses, run, plugin, "
        "with, needs, when; did you mean 'with'?\n");
}

static void test_parameters(void **state)
{
    (void)state;
    expect_body(
        "stages:\n"
        "- id: one\n"
        "  plugin: p.so\n"
        "  with: {depth: 300, depht: 3, mode: fats, bed: nope.bed, window: [1], words: {a: 1}}\n"
        "- {id: two, plugin: p.so, with: [depth]}\n"
        "- {id: three, plugin: p.so, with: {depth: , rate: 1.5, deep: maybe, window: 5Xb}}\n",
        "w.yaml:8:17: depth: expected a whole number from 0 to 100 reads, got '300'\n"
        "w.yaml:8:22: unknown parameter 'depht'; expected one that `kuni stages fixture` lists; "
        "did you mean 'depth'?\n"
        "w.yaml:8:38: mode: expected one of fast, exact, got 'fats'\n"
        "w.yaml:8:49: bed: cannot find DIR/nope.bed: No such file or directory\n"
        "w.yaml:8:67: window: got a list; expected a whole number\n"
        "w.yaml:8:79: words: got a map; expected a list\n"
        "w.yaml:9:33: with: got a list; expected a map of parameters\n"
        "w.yaml:10:43: depth: got nothing; expected a whole number\n"
        "w.yaml:10:51: rate: expected a number from 0 to 1, got '1.5'\n"
        "w.yaml:10:62: deep: expected true or false, got 'maybe'\n"
        "w.yaml:10:77: window: expected a whole number from 100 to 1000000 bp, got '5Xb'\n");
}

static void test_needs(void **state)
{
    (void)state;
    expect_body(
        "stages:\n"
        "- {id: one, plugin: p.so, needs: three}\n"
        "- {id: two, plugin: p.so, needs: [one, onee, two]}\n"
        "- {id: three, plugin: p.so, needs: [two, two]}\n"
        "- {id: one, plugin: p.so}\n"
        "- {id: free, plugin: p.so, needs: {a: b}}\n",
        "w.yaml:6:34: needs: stages wait for each other: one -> three -> two -> one; expected no "
        "circle\n"
        "w.yaml:7:40: needs: no stage has the id 'onee'; did you mean 'one'?\n"
        "w.yaml:7:46: needs: stage 'two' needs itself\n"
        "w.yaml:8:42: needs: 'two' stands twice\n"
        "w.yaml:9:8: id: 'one' stands twice; the stage on line 6 has it already\n"
        "w.yaml:10:35: needs: got a map; expected the id of a stage, or a list of ids\n");
}

static void test_commands(void **state)
{
    (void)state;
    kuni_workflow w;
    read_good(&w,
              "resources: {dbsnp: dbsnp.vcf, other: gaps.bed}\n"
              "stages:\n"
              "- {id: one, plugin: p.so}\n"
              "- id: two\n"
              "  run: tool {resource.dbsnp} {{resource.none}} {input} {output}\n"
              "  takes: things\n"
              "  gives: other\n"
              "  scatter: cohort\n"
              "  time_limit: 2h\n"
              "  needs: one\n"
              "- id: three\n"
              "  run: [cp, '{input}', '{output}']\n"
              "  takes: [other, things]\n"
              "  needs: [one, two]\n",
              NULL, 0);
    const kuni_params *p = w.stages[1].params;
    assert_string_equal(w.stages[1].stage->name, "external");
    assert_int_equal(w.stages[1].scatter, KUNI_SCATTER_COHORT);
    assert_int_equal(w.stages[2].scatter, KUNI_SCATTER_REGION);
    assert_string_equal(kuni_params_text(p, "command"),
                        "tool {resource.dbsnp} {{resource.none}} {input} {output}");
    assert_int_equal(kuni_params_int(p, "time_limit"), 7200);
    expect_path(kuni_params_text(p, "resources") + strlen("dbsnp="), "DIR/dbsnp.vcf");
    assert_string_equal(kuni_params_text(w.stages[2].params, "arguments"), "cp\n{input}\n{output}");
    assert_string_equal(kuni_params_text(w.stages[2].params, "takes"), "other\nthings");
    kuni_workflow_fini(&w);
}

static void test_command_faults(void **state)
{
    (void)state;
    expect_body(
        "stages:\n"
        "- id: one\n"
        "  run: tool {resource.dbsmp} {output}\n"
        "  scatter: cohrt\n"
        "  timelimit: 1h\n"
        "- {id: two, run: 'tool {inptu} {output}', takes: things}\n"
        "- {id: three, run: 'tool {output}', takes: things, with: {takes: x}}\n"
        "- {id: four, run: [tool, '{output}', {a: b}]}\n"
        "- {id: five, run: }\n"
        "resources: {dbsnp: dbsnp.vcf}\n",
        "w.yaml:7:8: run: {resource.dbsmp} is not declared; expected 'dbsmp: PATH' under "
        "resources; did you mean 'dbsnp'?\n"
        "w.yaml:8:12: scatter: expected one of region, batch, cohort, sample, sample x shard, got "
        "'cohrt'\n"
        "w.yaml:9:3: unknown key 'timelimit' in a stage; expected one of id, uses, run, plugin, "
        "with, needs, when, scatter, samples_per_task, takes, gather, gives, extension, "
        "may_be_empty, may_drop, on_failure, check, index, publish, time_limit, memory, threads, "
        "env, image; did "
        "you "
        "mean 'time_limit'?\n"
        "w.yaml:10:18: stage 'two': run: {inptu} is no placeholder here; did you mean {input}: "
        "write {{inptu}} for the text itself\n"
        "w.yaml:11:59: 'takes' stands beside `with` too; expected it once\n"
        "w.yaml:12:38: run: got a map; expected a list of texts\n"
        "w.yaml:13:19: run: got nothing; expected a text\n");
}

#define DIGEST "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_images(void **state)
{
    (void)state;
    kuni_workflow w;
    fixture_write("tools.sif", "");
    read_good(&w,
              "stages:\n"
              "- {id: one, plugin: p.so}\n"
              "- {id: two, run: 'tool {output}', takes: things, needs: one,\n"
              "   image: tools.sif" DIGEST "}\n"
              "- {id: three, run: 'tool {output}', takes: things, needs: one,\n"
              "   image: images.example.org/tools/mosdepth" DIGEST "}\n",
              NULL, 0);
    const char *image = kuni_params_text(w.stages[1].params, "image");
    assert_int_equal(*image, '/');
    assert_non_null(strstr(image, "/tools.sif" DIGEST));
    assert_string_equal(kuni_params_text(w.stages[1].params, "image_digest"),
                        DIGEST + strlen("@sha256:"));
    assert_string_equal(kuni_params_text(w.stages[2].params, "image"),
                        "images.example.org/tools/mosdepth" DIGEST);
    kuni_workflow_fini(&w);
    expect_body("stages:\n"
                "- {id: one, plugin: p.so}\n"
                "- id: two\n"
                "  run: tool {output}\n"
                "  takes: things\n"
                "  needs: one\n"
                "  image: images.example.org/tools/mosdepth:0.3.8\n",
                "w.yaml:11:10: stage 'two': image: 'images.example.org/tools/mosdepth:0.3.8' has "
                "no digest, "
                "and what a tag names may change; expected NAME@sha256:DIGEST, as `podman image "
                "inspect --format '{{.RepoDigests}}' images.example.org/tools/mosdepth:0.3.8` "
                "prints it once "
                "the image is on this machine, or FILE.sif@sha256:DIGEST of Apptainer\n");
}

static void test_flow(void **state)
{
    (void)state;
    expect_body(
        "regions: {shrad: 1}\n"
        "stages:\n"
        "- {id: one, plugin: p.so}\n"
        "- {id: two, run: 'tool {input} {output}', takes: things, gives: more}\n"
        "- {id: three, run: 'tool {output}', takes: nothing-gives-this, needs: [two]}\n",
        "w.yaml:5:11: unknown key 'shrad' in regions; expected one of contigs, shard, joint_shard, "
        "bundle, "
        "include, "
        "exclude, ploidy; did you mean 'shard'?\n"
        "w.yaml:8:8: stage 'two' takes 'things', which no stage upstream of it gives; expected "
        "'one' among its needs\n"
        "w.yaml:9:71: stage 'three' takes 'nothing-gives-this', which no stage gives; `kuni "
        "stages` tells the kinds that the built-in ones give\n");
}

static void test_bad_settings(void **state)
{
    (void)state;
    static const char *const settings[] = {"regions.shard=5Xb", "nonsense", "stages.thre.with.x=1",
                                           "two.depht=3",       "a..b=1",   "dataset="};
    write_workflow(two_stages);
    expect_faults_set(
        settings, sizeof(settings) / sizeof(settings[0]),
        "--set nonsense: expected key=value, with dots between the words of the key, as in "
        "regions.shard=1Mb or stages.call.with.NAME=VALUE\n"
        "--set stages.thre.with.x=1: no stage has the id 'thre'\n"
        "--set a..b=1: expected key=value, with dots between the words of the key, as in "
        "regions.shard=1Mb or stages.call.with.NAME=VALUE\n"
        "--set dataset=: dataset: got nothing; expected the path of a folder\n"
        "--set regions.shard=5Xb: shard: got '5Xb'; expected a length such as 5Mb, from 100 to "
        "3000000000 bp\n"
        "--set two.depht=3: unknown parameter 'depht'; expected one that `kuni stages fixture` "
        "lists; "
        "did you mean 'depth'?\n");
}

static void test_many_faults_are_counted(void **state)
{
    (void)state;
    kuni_buffer text = KUNI_BUFFER_INIT, faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kuni_buffer_printf(&text, &err, "key%d: 1\n", i), KUNI_OK);
    fixture_put("w.yaml", text.data, text.length);
    kuni_workflow w;
    assert_int_equal(kuni_workflow_read(&w, "w.yaml", NULL, 0, &faults, &err), KUNI_USAGE);
    assert_string_equal(err.text, "w.yaml: 1005 faults");
    assert_non_null(strstr(faults.data, "w.yaml: and 505 more faults\n"));
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&faults);
}

static void test_missing_file(void **state)
{
    (void)state;
    kuni_workflow w;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_workflow_read(&w, "none.yaml", NULL, 0, &faults, &err), KUNI_IO);
    assert_string_equal(err.text, "workflow none.yaml: No such file or directory");
}

static void test_units(void **state)
{
    (void)state;
    int64_t n;
    assert_true(kuni_parse_bp("5Mb", &n) && n == 5000000);
    assert_true(kuni_parse_bp("64 kb", &n) && n == 64000);
    assert_true(kuni_parse_bp("1.5kb", &n) && n == 1500);
    assert_true(kuni_parse_bp("123", &n) && n == 123);
    assert_false(kuni_parse_bp("1.0005kb", &n)); /* half a base */
    assert_false(kuni_parse_bp("", &n));
    assert_false(kuni_parse_bp("Mb", &n));
    assert_false(kuni_parse_bp(".", &n));
    assert_false(kuni_parse_bp("5.", &n));
    assert_false(kuni_parse_bp("-5", &n));
    assert_false(kuni_parse_bp("5Mb5", &n));
    assert_false(kuni_parse_bp("9223372036854775808", &n));
    assert_false(kuni_parse_bp("99999999999999999Gb", &n));
    assert_true(kuni_parse_bytes("2GiB", &n) && n == INT64_C(2147483648));
    assert_true(kuni_parse_bytes("2G", &n) && n == INT64_C(2147483648));
    assert_true(kuni_parse_bytes("2GB", &n) && n == INT64_C(2000000000));
    assert_true(kuni_parse_seconds("2h", &n) && n == 7200);
    assert_true(kuni_parse_seconds("0", &n) && n == 0);
    assert_true(kuni_parse_int("-3", &n) && n == -3);
    assert_false(kuni_parse_int("3.0", &n));
    assert_false(kuni_parse_int("3 ", &n));
    assert_false(kuni_parse_int("0x10", &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_byte_order_mark_and_windows_lines),
        cmocka_unit_test(test_environment_is_not_expanded),
        cmocka_unit_test(test_no_workflow),
        cmocka_unit_test(test_not_yaml),
        cmocka_unit_test(test_not_text),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_large_file),
        cmocka_unit_test(test_top_level),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_contigs_of_the_reference),
        cmocka_unit_test(test_stage_kinds),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_command_faults),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_many_faults_are_counted),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, enter, fixture_leave);
}
