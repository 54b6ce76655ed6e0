/* SPDX-License-Identifier: MIT */
/*
 * The rules of content keys: what changes a task's key, and what does not; and the samples' part in
 * them.
 */
#include "fixture.h"

#include <sys/stat.h>

#include "made_up.h"

static made_up *m;

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
    made_up_files();
    fixture_write("panel.txt", "a panel\n");
    fixture_write("copies.bed", "chr1\t0\t500\t1\t2\n");
    m = malloc(sizeof(*m));
    return m ? 0 : -1;
}

static int leave(void **state)
{
    free(m);
    return fixture_leave(state);
}

static void begin(void)
{
    (void)remove("ds/journal");
    made_up_open(m);
}

static void end(void)
{
    made_up_stop(m);
    made_up_close(m);
}

static const kuni_hash nothing = {{0}};

/* Key of the task, with nothing for its samples and inputs. */
static bool batch_feeds(size_t batch, kuni_feed feed)
{
    const kuni_batch *b = &m->run.cohort.batches[batch];
    return kuni_samples_feed(&m->run.cohort, b->first, b->n_samples, feed);
}

static kuni_hash bare_key(const char *folder, size_t task)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_hash key;
    assert_int_equal(kuni_keys_task(&m->ledger.keys, made_up_node(m, folder), task, &nothing,
                                    &nothing, &key, &err),
                     KUNI_OK);
    return key;
}

/* Digest of a node after `change`, on a run of its own. */
static kuni_hash digest_with(const char *folder, void (*change)(void))
{
    begin();
    if (change) change();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    kuni_hash key = m->ledger.keys.nodes[made_up_node(m, folder)];
    end();
    return key;
}

static void expect_changes(void (*change)(void), const char *folder, bool changes)
{
    kuni_hash before = digest_with(folder, NULL), after = digest_with(folder, change);
    assert_int_equal(kuni_hash_equal(&before, &after), !changes);
}

static void set(size_t stage, const char *name, const char *value)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_params_set(m->stages[stage].params, name, value, &err), KUNI_OK);
}

/* --- what a node's digest takes in --- */

static void set_depth(void)
{
    set(0, "depth", "11");
    set(3, "depth", "11");
}

static void set_style(void)
{
    set(3, "style", "ornate");
}

static void test_parameters(void **state)
{
    (void)state;
    expect_changes(set_depth, "call", true);
    expect_changes(set_depth, "joint", false); /* another stage's */
    expect_changes(set_depth, "merge.list", true);
    expect_changes(set_style, "merge.list", true);
    expect_changes(set_style, "merge.write", false); /* it is the list's only */
}

static kuni_stage younger;

static void raise_version(void)
{
    younger = made_up_stage_list[0];
    younger.version++;
    m->stages[0].stage = &younger;
}

static void rename_stage(void)
{
    younger = made_up_stage_list[0];
    younger.name = "another";
    m->stages[0].stage = &younger;
}

static void call_it_otherwise(void)
{
    m->stages[0].id = "first";
}

static void test_stage(void **state)
{
    (void)state;
    expect_changes(raise_version, "call", true);
    expect_changes(raise_version, "joint", false);
    expect_changes(rename_stage, "call", true);
    /* how the workflow calls it does not count */
    kuni_hash before = digest_with("call", NULL), after = digest_with("first", call_it_otherwise);
    assert_true(kuni_hash_equal(&before, &after));
}

static void set_panel(void)
{
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/../panel.txt", m->run.folder);
    set(0, "panel", path);
}

/* A file counts by its content: another path to the same bytes is the same. */
static void test_parameter_files(void **state)
{
    (void)state;
    kuni_hash none = digest_with("call", NULL), first = digest_with("call", set_panel);
    assert_false(kuni_hash_equal(&none, &first));
    fixture_write("same.txt", "a panel\n");
    assert_int_equal(rename("same.txt", "panel.txt"), 0); /* other time, same bytes */
    kuni_hash same = digest_with("call", set_panel);
    assert_true(kuni_hash_equal(&first, &same));
    fixture_write("panel.txt", "another panel\n");
    kuni_hash other = digest_with("call", set_panel);
    assert_false(kuni_hash_equal(&first, &other));
    fixture_write("panel.txt", "a panel\n");
}

static void set_ploidy_file(void)
{
    static char path[4200];
    (void)snprintf(path, sizeof(path), "%s/../copies.bed", m->run.folder);
    m->run.workflow.ploidy = path;
}

static void set_ploidy_name(void)
{
    m->run.workflow.ploidy = "GRCh38";
}

static void test_ploidy(void **state)
{
    (void)state;
    expect_changes(set_ploidy_name, "call", true);
    expect_changes(set_ploidy_file, "call", true);
    kuni_hash before = digest_with("call", set_ploidy_file);
    fixture_write("copies.bed", "chr1\t0\t600\t1\t2\n");
    kuni_hash after = digest_with("call", set_ploidy_file);
    assert_false(kuni_hash_equal(&before, &after));
}

static void set_md5(void)
{
    kuni_genome_set_md5(m->run.genome, 1, "00000000000000000000000000000000");
}

static void test_reference(void **state)
{
    (void)state;
    expect_changes(set_md5, "call", true);
    expect_changes(set_md5, "preflight", true);
}

static void give_resource(void)
{
    static char path[4200];
    static kuni_name_value resource = {.name = "map", .value = path};
    (void)snprintf(path, sizeof(path), "%s/../panel.txt", m->run.folder);
    m->run.workflow.resources = &resource;
    m->run.workflow.n_resources = 1;
}

static const kuni_param with_resources[] = {{.name = "resources", .type = KUNI_PARAM_LIST},
                                            {.name = NULL}};

/* Makes `joint` a command that names these resources, as NAME=PATH lines. */
static void name_resources(const char *lines)
{
    kuni_error err = KUNI_ERROR_INIT;
    younger = made_up_stage_list[2];
    younger.params = with_resources;
    m->stages[2].stage = &younger;
    kuni_params_free(m->stages[2].params);
    m->stages[2].params = kuni_params_new(with_resources, &err);
    assert_int_equal(kuni_params_set(m->stages[2].params, "resources", lines, &err), KUNI_OK);
}

static void name_map(void)
{
    name_resources("genes=/genes\nmap=/map");
}

static void name_map_and_give_it(void)
{
    name_map();
    give_resource();
}

static void name_another(void)
{
    name_resources("genes=/genes\nmapping=/map");
}

static void name_another_and_give_map(void)
{
    name_another();
    give_resource();
}

/* The files that a command names count, no others. */
static void test_resources(void **state)
{
    (void)state;
    kuni_hash without = digest_with("joint", name_map),
              with = digest_with("joint", name_map_and_give_it);
    assert_false(kuni_hash_equal(&without, &with));
    without = digest_with("joint", name_another);
    with = digest_with("joint", name_another_and_give_map);
    assert_true(kuni_hash_equal(&without, &with));
    expect_changes(give_resource, "call", false);
}

/* --- what a task's key takes in beyond that --- */

static void test_tasks(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    size_t call = made_up_node(m, "call");
    kuni_hash keys[12];
    for (size_t i = 0; i < 12; i++) {
        keys[i] = bare_key("call", i);
        for (size_t k = 0; k < i; k++) assert_false(kuni_hash_equal(&keys[i], &keys[k]));
    }
    const kuni_hash one = {{1}};
    kuni_hash with_samples, with_inputs;
    assert_int_equal(kuni_keys_task(&m->ledger.keys, call, 0, &one, &nothing, &with_samples, &err),
                     KUNI_OK);
    assert_int_equal(kuni_keys_task(&m->ledger.keys, call, 0, &nothing, &one, &with_inputs, &err),
                     KUNI_OK);
    assert_false(kuni_hash_equal(&with_samples, &keys[0]));
    assert_false(kuni_hash_equal(&with_inputs, &keys[0]));
    assert_false(kuni_hash_equal(&with_inputs, &with_samples));
    /* a task of the cohort: the cohort's digest stands for its samples */
    made_up_fix_columns(m);
    kuni_hash of_cohort, said;
    size_t list = made_up_node(m, "merge.list");
    assert_int_equal(kuni_keys_task(&m->ledger.keys, list, 0, NULL, &nothing, &of_cohort, &err),
                     KUNI_OK);
    assert_int_equal(
        kuni_keys_task(&m->ledger.keys, list, 0, &m->ledger.keys.cohort, &nothing, &said, &err),
        KUNI_OK);
    assert_true(kuni_hash_equal(&of_cohort, &said));
    end();
}

/* A file that was digested once is not read again while size and time are the same. */
static void test_known_files(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    set_panel();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    assert_int_equal(m->past.known_files.n, 1);
    made_up_stop(m);
    made_up_start(m, 1); /* from the journal */
    assert_int_equal(m->past.known_files.n, 1);
    kuni_hash before = m->ledger.keys.nodes[made_up_node(m, "call")];
    snprintf(m->past.known_files.files[0].digest, KUNI_DIGEST_HEX_BYTES, "what was said before");
    kuni_keys keys;
    assert_int_equal(kuni_keys_init(&keys, &m->run, &m->past.known_files, m->journal, &err),
                     KUNI_OK);
    assert_false(kuni_hash_equal(&before, &keys.nodes[made_up_node(m, "call")]));
    assert_int_equal(m->past.known_files.n, 1);
    end();
}

static void test_bad_files(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    kuni_keys keys;
    set(0, "panel", "/nonexistent/panel");
    assert_int_equal(kuni_keys_init(&keys, &m->run, &m->past.known_files, NULL, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "cannot open /nonexistent/panel"));
    kuni_error_clear(&err);
    set(0, "panel", m->run.folder);
    assert_int_equal(kuni_keys_init(&keys, &m->run, &m->past.known_files, NULL, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "is a folder"));
    end();
}

/* --- samples --- */

static kuni_hash batch_digest(size_t batch, bool all)
{
    kuni_hash hash;
    kuni_samples_digest(&m->ledger.samples, m->run.cohort.batches[batch].first,
                        m->run.cohort.batches[batch].n_samples, all, &hash);
    return hash;
}

static kuni_hash column_digest(void)
{
    kuni_hash hash;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(
        kuni_samples_column_digest(&m->ledger.samples, 0, MADE_UP_SAMPLES, true, &hash, &err),
        KUNI_OK);
    return hash;
}

static void expect_survey(kuni_sample *sample, bool reads_change, bool columns_change)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_hash reads = batch_digest(0, false), columns = column_digest(), after;
    kuni_sample was = m->samples[0];
    m->samples[0] = *sample;
    assert_int_equal(kuni_samples_survey(&m->ledger.samples, NULL, &err), KUNI_OK);
    after = batch_digest(0, false);
    assert_int_equal(kuni_hash_equal(&reads, &after), !reads_change);
    after = column_digest();
    assert_int_equal(kuni_hash_equal(&columns, &after), !columns_change);
    m->samples[0] = was;
    assert_int_equal(kuni_samples_survey(&m->ledger.samples, NULL, &err), KUNI_OK);
    after = batch_digest(0, false);
    assert_true(kuni_hash_equal(&reads, &after));
}

static void test_sample_digests(void **state)
{
    (void)state;
    begin();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    kuni_sample changed = m->samples[0];
    expect_survey(&changed, false, false);
    changed.id = "T0";
    expect_survey(&changed, true, true);
    changed = m->samples[0];
    changed.md5 = "0123"; /* what is declared of the bytes is not the bytes */
    expect_survey(&changed, false, false);
    changed = m->samples[0];
    changed.reads = m->samples[1].reads;
    expect_survey(&changed, true, false);
    /* what is told of a person matters to joint steps alone */
    changed = m->samples[0];
    changed.sex = KUNI_SEX_MALE;
    expect_survey(&changed, false, true);
    changed = m->samples[0];
    changed.participant = "P";
    expect_survey(&changed, false, true);
    changed = m->samples[0];
    changed.site = "north";
    expect_survey(&changed, false, true);
    changed = m->samples[0];
    changed.father = "S1";
    expect_survey(&changed, false, true);
    changed = m->samples[0];
    changed.mother = "S1";
    expect_survey(&changed, false, true);
    changed = m->samples[0];
    changed.group = "west";
    expect_survey(&changed, false, true);
    end();
}

/* Sums of a batch do not see the sex: a corrected one does not make them anew. */
static void test_sex_of_batches(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    kuni_hash before, after;
    assert_int_equal(kuni_samples_column_digest(&m->ledger.samples, 0, 2, false, &before, &err),
                     KUNI_OK);
    m->samples[1].sex = KUNI_SEX_FEMALE;
    assert_int_equal(kuni_samples_column_digest(&m->ledger.samples, 0, 2, false, &after, &err),
                     KUNI_OK);
    assert_true(kuni_hash_equal(&before, &after));
    m->samples[1].group = "west";
    assert_int_equal(kuni_samples_column_digest(&m->ledger.samples, 0, 2, false, &after, &err),
                     KUNI_OK);
    assert_false(kuni_hash_equal(&before, &after));
    m->samples[1].sex = KUNI_SEX_UNKNOWN;
    m->samples[1].group = NULL;
    end();
}

static void test_quarantine(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    made_up_plan(m, 4);
    made_up_start(m, 1);
    kuni_samples *samples = &m->ledger.samples;
    kuni_hash all = batch_digest(0, true), columns = column_digest();
    assert_int_equal(
        kuni_samples_quarantine(samples, 2, KUNI_VERDICT_LASTS, "here", "a\tb\nc\x7f", &err),
        KUNI_OK);
    assert_int_equal(
        kuni_samples_quarantine(samples, 0, KUNI_VERDICT_LASTS, "here", "\xff\xfe", &err), KUNI_OK);
    assert_int_equal(
        kuni_samples_quarantine(samples, 0, KUNI_VERDICT_LASTS, "there", "again", &err), KUNI_OK);
    assert_int_equal(samples->n_quarantined, 2);
    kuni_samples_sort(samples);
    assert_int_equal(samples->list[0].sample, 0);
    assert_string_equal(samples->list[0].reason, "??");
    assert_string_equal(samples->list[1].reason, "a?b?c?");
    /* the sum without two of three is that of the third */
    kuni_hash left = batch_digest(0, false), whole = batch_digest(0, true);
    assert_true(kuni_hash_equal(&left, &samples->digests[1]));
    assert_true(kuni_hash_equal(&all, &whole));
    kuni_hash fewer = column_digest();
    assert_false(kuni_hash_equal(&columns, &fewer));
    end();
}

static void test_feeds(void **state)
{
    (void)state;
    begin();
    assert_true(batch_feeds(1, KUNI_FEED_GVCF));
    assert_false(batch_feeds(1, KUNI_FEED_READS));
    m->samples[4].reads = "s4.cram";
    assert_true(batch_feeds(1, KUNI_FEED_READS));
    m->samples[3].reads = m->samples[4].reads = NULL;
    assert_false(batch_feeds(1, KUNI_FEED_GVCF));
    made_up_close(m);
}

/* Each number once, whatever the number of threads. */
static void count_call(void *context, size_t i)
{
    ((uint8_t *)context)[i]++;
}

static void test_parallel(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 63, 64, 1000, 5000};
    static uint8_t calls[5001];
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        memset(calls, 0, sizeof(calls));
        kuni_parallel(counts[k], count_call, calls);
        for (size_t i = 0; i <= 5000; i++) assert_int_equal(calls[i], i < counts[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),      cmocka_unit_test(test_stage),
        cmocka_unit_test(test_parameter_files), cmocka_unit_test(test_ploidy),
        cmocka_unit_test(test_reference),       cmocka_unit_test(test_resources),
        cmocka_unit_test(test_tasks),           cmocka_unit_test(test_known_files),
        cmocka_unit_test(test_bad_files),       cmocka_unit_test(test_sample_digests),
        cmocka_unit_test(test_sex_of_batches),  cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_feeds),           cmocka_unit_test(test_parallel),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
