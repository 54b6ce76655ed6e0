/* SPDX-License-Identifier: MIT */
/*
 * What a run does before and after its work: reference and settings, generations, pruning, and the
 * paths of a dataset.
 */
#include "fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "made_up.h"
#include "prune.h"
#include "publish.h"
#include "reference.h"
#include "settings.h"
#include "temporary.h"

static made_up *m;

static int enter(void **state)
{
    if (fixture_enter(state) != 0) return -1;
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
    assert_int_equal(system("rm -rf ds *.g.vcf r.fa*"), 0);
    made_up_files();
    made_up_open(m);
    made_up_plan(m, 4);
}

static void begin_and_play(void)
{
    begin();
    made_up_start(m, 1);
    assert_true(made_up_play_all(m) > 0);
}

static void end(void)
{
    made_up_stop(m);
    made_up_close(m);
}

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool says(const char *path, const char *words)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_file_get(path, 1 << 20, &text, &err), KUNI_OK);
    bool found = strstr(text.data ? text.data : "", words) != NULL;
    kuni_buffer_fini(&text);
    return found;
}

/* --- generations --- */

static void expect_publish(bool expected_change, int64_t expected_generation)
{
    kuni_error err = KUNI_ERROR_INIT;
    int64_t generation = -1;
    bool changed = !expected_change;
    if (kuni_publish(&m->ledger, &generation, &changed, &err)) fail_msg("%s", err.text);
    assert_int_equal(changed, expected_change);
    assert_int_equal(generation, expected_generation);
}

static void test_first_generation(void **state)
{
    (void)state;
    begin_and_play();
    expect_publish(true, 1);
    char target[64] = "";
    assert_true(readlink("ds/current", target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "generations/000001");
    assert_true(says("ds/current/all.txt", "merge.write all"));
    assert_true(says("ds/current/qc/report.txt", "merge.list report"));
    assert_true(says("ds/current/failures.tsv", "sample_id\tsite\twhere\treason\n"));
    assert_true(says("ds/current/dataset.json", "\"samples\": 7"));
    assert_true(says("ds/current/dataset.json", "\"batches\": 3"));
    assert_true(says("ds/current/dataset.json", "\"qc/report.txt\": {"));
    assert_true(says("ds/current/dataset.json", "\"uses\": \"tally\""));
    /* a published file is the data file under a second name */
    struct stat st;
    assert_int_equal(stat("ds/current/all.txt", &st), 0);
    assert_int_equal(st.st_nlink, 2);
    expect_publish(false, 1);
    end();
}

/* Of what is published only the last two stay, and what is not complete is made anew. */
static void test_generations(void **state)
{
    (void)state;
    begin_and_play();
    expect_publish(true, 1);
    assert_int_equal(remove("ds/current/all.txt"), 0);
    expect_publish(true, 2);
    fixture_write("ds/current/failures.tsv", "someone wrote here\n");
    expect_publish(true, 3);
    assert_false(exists("ds/generations/000001"));
    assert_true(exists("ds/generations/000002"));
    m->run.workflow.name = "renamed";
    shell("mkdir -p ds/generations/.new-5/qc ds/generations/.new-x ds/generations/notes "
          "ds/generations/1");
    expect_publish(true, 4);
    assert_false(exists("ds/generations/000002"));
    assert_false(exists("ds/generations/.new-5")); /* of a run that was killed */
    /* names that no run gives */
    assert_true(exists("ds/generations/.new-x") && exists("ds/generations/notes"));
    assert_true(exists("ds/generations/1"));
    expect_publish(false, 4);
    end();
}

static void test_quarantined_and_parameters(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(kuni_params_set(m->stages[3].params, "names", "a\nb", &err), KUNI_OK);
    fixture_write("panel.txt", "a panel\n");
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/../panel.txt", m->run.folder);
    assert_int_equal(kuni_params_set(m->stages[0].params, "panel", path, &err), KUNI_OK);
    m->samples[5].site = "north";
    made_up_start(m, 1);
    assert_int_equal(kuni_samples_quarantine(&m->ledger.samples, 5, KUNI_VERDICT_LASTS,
                                             "call chr1-0-500", "cut off", &err),
                     KUNI_OK);
    assert_true(made_up_play_all(m) > 0);
    expect_publish(true, 1);
    assert_true(says("ds/current/failures.tsv", "S5\tnorth\tcall chr1-0-500\tcut off\n"));
    assert_true(says("ds/current/dataset.json", "\"quarantined\": [\n  \"S5\"\n ]"));
    assert_true(says("ds/current/dataset.json", "\"panel\": \"panel.txt\"")); /* no folder */
    assert_true(says("ds/current/dataset.json", "\"a\",\n     \"b\""));
    end();
}

/* The text of a member of a stage, or "". */
static void stage_text(const char *id, const char *member, char room[128])
{
    json_t *o = json_load_file("ds/current/dataset.json", 0, NULL);
    size_t i;
    json_t *stage;
    room[0] = '\0';
    json_array_foreach(json_object_get(o, "stages"), i, stage)
    {
        const char *text = json_string_value(json_object_get(stage, member));
        if (strcmp(json_string_value(json_object_get(stage, "id")), id) == 0 && text)
            snprintf(room, 128, "%s", text);
    }
    json_decref(o);
}

/* What a stage makes of the call set, and a digest that a parameter file of the same name changes. */
static void test_stages_are_told_apart(void **state)
{
    (void)state;
    char before[128], after[128], other[128], text[128], path[4200];
    for (int round = 0; round < 2; round++) {
        kuni_error err = KUNI_ERROR_INIT;
        begin();
        fixture_write("panel.txt", round ? "another panel\n" : "a panel\n");
        (void)snprintf(path, sizeof(path), "%s/../panel.txt", m->run.folder);
        assert_int_equal(kuni_params_set(m->stages[0].params, "panel", path, &err), KUNI_OK);
        made_up_start(m, 1);
        assert_true(made_up_play_all(m) > 0);
        expect_publish(true, 1);
        stage_text("call", "shapes", text);
        assert_string_equal(text, "evidence");
        stage_text("joint", "shapes", text);
        assert_string_equal(text, "records");
        stage_text("merge", "shapes", text);
        assert_string_equal(text, "");
        stage_text(m->stages[0].id, "blake2b", round ? after : before);
        stage_text("merge", "blake2b", round ? text : other);
        end();
    }
    assert_int_equal(strlen(before), 64);
    assert_string_not_equal(before, after);
    assert_string_equal(other, text);
}

static void test_current_is_a_folder(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    int64_t generation;
    bool changed;
    begin_and_play();
    shell("mkdir ds/current");
    assert_int_equal(kuni_publish(&m->ledger, &generation, &changed, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "move it away"));
    shell("rmdir ds/current");
    kuni_error_clear(&err);
    expect_publish(true, 2);
    end();
}

/* A name in dataset.json that rotted is of a file that nobody has or makes: what to do is told. */
static void test_a_name_that_rotted(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    int64_t generation;
    bool changed;
    begin_and_play();
    expect_publish(true, 1);
    shell("sed -i 's/\"all.txt\"/\"al#.txt\"/' ds/current/dataset.json");
    assert_int_equal(kuni_publish(&m->ledger, &generation, &changed, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "al#.txt: missing"));
    assert_non_null(strstr(err.text, "--drop-published"));
    end();
}

static void test_no_folder_for_generations(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    int64_t generation;
    bool changed;
    begin_and_play();
    fixture_write("ds/generations", "a file");
    assert_int_equal(kuni_publish(&m->ledger, &generation, &changed, &err), KUNI_IO);
    end();
}

/* --- pruning --- */

static void test_prune(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    size_t removed;
    begin_and_play();
    assert_int_equal(kuni_prune(&m->ledger, &removed, &err), KUNI_OK);
    assert_int_equal(removed, 0);
    static const char *const outdated[] = {
        "ds/data/call/chr1-0-500/b0000.0123456789abcdef.ev",     /* another key */
        "ds/data/call/chr1-0-500/b0007.0123456789abcdef.ev",     /* another batch */
        "ds/data/joint/chr1-0-500/b0000.0123456789abcdef.calls", /* an axis that it has not */
        "ds/data/call/chr1-0-900/b0000.0123456789abcdef.ev",     /* another cut into shards */
        "ds/data/merge.list/some/all.0123456789abcdef.txt",      /* likewise */
    };
    static const char *const others[] = {
        "ds/data/call/chr1-0-500/notes",
        "ds/data/call/chr1-0-500/.hidden.0123456789abcdef.ev",
        "ds/data/call/chr1-0-500/x0000.0123456789abcdef.ev",
        "ds/data/call/chr1-0-500/b0000.0123456789ABCDEF.ev",
        "ds/data/call/chr1-0-500/b0000.0123456789abcdef",
        "ds/data/call/chr1-0-500/b0000.0123.ev",
        "ds/data/call/chr1-0-500/.kuni-tmp-8-0-1-b0000", /* of a younger run */
        "ds/data/other/chr1-0-500/b0000.0123456789abcdef.ev",
        "ds/data/call/readme.b0000.0123456789abcdef.ev",
    };
    shell("mkdir -p ds/data/call/chr1-0-900 ds/data/merge.list/some ds/data/other/chr1-0-500 "
          "elsewhere && touch elsewhere/b0000.0123456789abcdef.ev && "
          "ln -s ../../../elsewhere ds/data/call/chr9-0-5 && mkdir -p ds/sealed/call && "
          "touch ds/sealed/call/b0000.tsv.tmp.29002.8 ds/sealed/call/notes.tmp.29002.8");
    char *prefix = kuni_temporary_name("x", 6, 0, &err); /* of an older run */
    assert_non_null(prefix);
    char old[256];
    (void)snprintf(old, sizeof(old), "ds/data/call/chr1-0-500/%s", prefix);
    free(prefix);
    fixture_write(old, "half");
    for (size_t i = 0; i < sizeof(outdated) / sizeof(outdated[0]); i++)
        fixture_write(outdated[i], "outdated");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) fixture_write(others[i], "x");
    assert_int_equal(kuni_prune(&m->ledger, &removed, &err), KUNI_OK);
    assert_int_equal(removed, sizeof(outdated) / sizeof(outdated[0]));
    for (size_t i = 0; i < sizeof(outdated) / sizeof(outdated[0]); i++)
        if (exists(outdated[i])) fail_msg("%s still stands", outdated[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!exists(others[i])) fail_msg("%s is gone", others[i]);
    assert_false(exists(old));
    assert_false(exists("ds/data/call/chr1-0-900"));
    assert_false(exists("ds/sealed/call/b0000.tsv.tmp.29002.8")); /* of one that was killed */
    assert_true(exists("ds/sealed/call/notes.tmp.29002.8"));
    assert_true(exists("elsewhere/b0000.0123456789abcdef.ev")); /* behind a link */
    /* nothing that counts was touched */
    made_up_stop(m);
    made_up_start(m, 1);
    assert_int_equal(made_up_play_all(m), 0);
    end();
}

/* --- settings --- */

static kuni_status check_settings(bool has_data, bool override, kuni_error *err)
{
    kuni_known_files known = {.files = NULL};
    kuni_status status = kuni_settings_check(&m->run, &known, NULL, has_data, override, true, err);
    kuni_known_files_fini(&known);
    return status;
}

static void test_settings(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    assert_true(says("ds/settings.json", "\"ploidy\": \"diploid\""));
    assert_true(says("ds/settings.json", "\"stage call: depth\": \"10\""));
    assert_true(says("ds/settings.json", "\"regions\": \"3 shards, 1400 bp, at most 500 bp each"));
    assert_false(says("ds/settings.json", "joint")); /* late steps may change at will */
    assert_int_equal(check_settings(true, false, &err), KUNI_OK);
    /* every contradiction is named, with both values */
    assert_int_equal(kuni_params_set(m->stages[0].params, "depth", "20", &err), KUNI_OK);
    m->run.workflow.ploidy = "GRCh38";
    assert_int_equal(check_settings(true, false, &err), KUNI_USAGE);
    assert_non_null(
        strstr(err.text, "stage call: depth: the dataset has 10, the workflow says 20"));
    assert_non_null(strstr(err.text, "ploidy: the dataset has diploid, the workflow says GRCh38"));
    kuni_error_clear(&err);
    /* without data, or told so, the new ones hold */
    assert_int_equal(check_settings(true, true, &err), KUNI_OK);
    assert_true(says("ds/settings.json", "\"stage call: depth\": \"20\""));
    assert_int_equal(kuni_params_set(m->stages[0].params, "depth", "30", &err), KUNI_OK);
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    assert_true(says("ds/settings.json", "\"stage call: depth\": \"30\""));
    made_up_close(m);
}

/* What another workflow of the same dataset set stays on the list. */
static void test_settings_of_two_workflows(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    kuni_plan_fini(&m->run.plan);
    made_up_plan(m, 1);
    /* without reads that have no place the shards are others: that is told, and nothing else */
    assert_int_equal(check_settings(true, false, &err), KUNI_USAGE);
    assert_null(strstr(err.text, "tally"));
    kuni_error_clear(&err);
    kuni_plan_fini(&m->run.plan);
    m->stages[0].id = "call2";
    made_up_plan(m, 2);
    assert_int_equal(check_settings(true, false, &err), KUNI_OK);
    assert_true(says("ds/settings.json", "\"stage call: depth\""));
    assert_true(says("ds/settings.json", "\"stage call2: depth\""));
    assert_true(says("ds/settings.json", "\"stage tally: depth\""));
    made_up_close(m);
}

/* The reference's file may be renamed; its content may not change. */
static void test_reference_setting(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    made_up_close(m);
    shell("cp r.fa renamed.fa && mv r.fa r.bak");
    made_up_open_reference(m, "renamed.fa");
    made_up_plan(m, 4);
    assert_int_equal(check_settings(true, false, &err), KUNI_OK);
    kuni_genome_set_md5(m->run.genome, 0, "00000000000000000000000000000000");
    assert_int_equal(check_settings(true, false, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "reference: the dataset has renamed.fa, 2 contigs ("));
    made_up_close(m);
    shell("mv r.bak r.fa; rm renamed.fa*");
}

static void test_ploidy_file_setting(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char path[4200];
    begin();
    (void)snprintf(path, sizeof(path), "%s/../copies.bed", m->run.folder);
    m->run.workflow.ploidy = path;
    assert_int_equal(check_settings(false, false, &err), KUNI_IO); /* not there */
    kuni_error_clear(&err);
    fixture_write("copies.bed", "chr1\t0\t500\t1\t2\n");
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    assert_int_equal(check_settings(true, false, &err), KUNI_OK);
    fixture_write("copies.bed", "chr1\t0\t600\t1\t2\n");
    assert_int_equal(check_settings(true, false, &err), KUNI_USAGE);
    made_up_close(m);
}

/* --- the reference's digests --- */

/* Every flipped bit of the two files is told from a change, and names the file; nothing is written. */
static void test_state_rots(void **state)
{
    (void)state;
    static const char *const paths[] = {"ds/settings.json", "ds/reference.tsv"};
    for (int f = 0; f < 2; f++) {
        kuni_error err = KUNI_ERROR_INIT;
        kuni_buffer text = KUNI_BUFFER_INIT, after = KUNI_BUFFER_INIT;
        begin();
        assert_int_equal(kuni_reference_digests(&m->run, true, NULL, &err), KUNI_OK);
        assert_int_equal(check_settings(false, false, &err), KUNI_OK);
        assert_int_equal(kuni_file_get(paths[f], 1 << 20, &text, &err), KUNI_OK);
        size_t told = 0, harmless = 0;
        for (size_t i = 0; i < text.length; i++) {
            bool whole, damaged;
            text.data[i] ^= 4;
            fixture_put(paths[f], text.data, text.length);
            text.data[i] ^= 4;
            kuni_error_clear(&err);
            kuni_status status = f ? kuni_reference_digests(&m->run, true, NULL, &err)
                                   : check_settings(true, false, &err);
            if (status == KUNI_OK) { /* a blank of JSON for another */
                harmless++;
                continue;
            }
            told++;
            assert_int_equal(status, KUNI_IO);
            assert_non_null(strstr(err.text, paths[f] + 3));
            kuni_error_clear(&err);
            assert_int_equal(kuni_reference_digests(&m->run, true, &damaged, &err), KUNI_OK);
            assert_int_equal(damaged, f == 1);
            assert_int_equal(kuni_settings_look(m->run.folder, &whole, &err), KUNI_OK);
            assert_int_equal(whole, f == 1);
            kuni_buffer_clear(&after);
            assert_int_equal(kuni_file_get(paths[f], 1 << 20, &after, &err), KUNI_OK);
            assert_int_equal(after.data[i] ^ 4, text.data[i]);
        }
        assert_true(told > 100 && harmless < 20);
        kuni_known_files known = {.files = NULL};
        assert_int_equal(f ? kuni_reference_write(&m->run, &err)
                           : kuni_settings_write(&m->run, &known, &err),
                         KUNI_OK);
        kuni_known_files_fini(&known);
        kuni_buffer_clear(&after);
        assert_int_equal(kuni_file_get(paths[f], 1 << 20, &after, &err), KUNI_OK);
        assert_string_equal(after.data, text.data);
        kuni_buffer_fini(&text);
        kuni_buffer_fini(&after);
        made_up_close(m);
    }
}

/* A dataset that another version of a stage made is refused with both versions and the ways out. */
static void test_other_version(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    assert_int_equal(check_settings(false, false, &err), KUNI_OK);
    shell(
        "sed -i 's/call version [0-9]*/call version 99/; /\"digest\"/d; s/,$/,/' ds/settings.json");
    assert_int_equal(check_settings(true, false, &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "call version 99, this kuni has call version"));
    assert_non_null(strstr(err.text, "go on with the kuni that made it"));
    assert_non_null(strstr(err.text, "kuni recall"));
    made_up_close(m);
}

static void test_reference_digests(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char first[33], again[33];
    begin();
    assert_int_equal(kuni_reference_digests(&m->run, false, NULL, &err), KUNI_OK);
    assert_false(exists("ds/reference.tsv"));
    assert_int_equal(kuni_reference_digests(&m->run, true, NULL, &err), KUNI_OK);
    assert_int_equal(kuni_genome_md5(m->run.genome, 0, first, &err), KUNI_OK);
    assert_true(says("ds/reference.tsv", first));
    made_up_close(m);
    /* taken from the file while that speaks of this reference; of a version without the last line here */
    shell("sed -i '/^#end/d' ds/reference.tsv");
    shell("sed -i 's/^chr1\\t.*/chr1\\t11111111111111111111111111111111/' ds/reference.tsv");
    made_up_open(m);
    assert_int_equal(kuni_reference_digests(&m->run, true, NULL, &err), KUNI_OK);
    assert_int_equal(kuni_genome_md5(m->run.genome, 0, again, &err), KUNI_OK);
    assert_string_equal(again, "11111111111111111111111111111111");
    made_up_close(m);
    /* and not once it has changed */
    static const char *const changes[] = {"touch -d '1 hour ago' r.fa",
                                          "sed -i '/^#end/d; s/^chr2/chr7/' ds/reference.tsv",
                                          "sed -i '/^#end/d; /^chr2/d' ds/reference.tsv"};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        shell(changes[i]);
        made_up_open(m);
        assert_int_equal(kuni_reference_digests(&m->run, true, NULL, &err), KUNI_OK);
        assert_int_equal(kuni_genome_md5(m->run.genome, 0, again, &err), KUNI_OK);
        assert_string_equal(again, first);
        made_up_plan(m, 4);
        made_up_close(m);
    }
}

/* --- paths --- */

static void test_paths(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char name[512];
    begin();
    kuni_arena *arena = kuni_arena_new(&err);
    size_t skip = strlen(m->run.folder);
    const char *path = kuni_run_output(&m->run, arena, made_up_node(m, "call"), 0, 1, 2, 255, &err);
    assert_string_equal(path + skip, "/data/call/chr1-500-1000/b0002.00000000000000ff.ev");
    path = kuni_run_output(&m->run, arena, made_up_node(m, "merge.write"), 0, -1, -1, 1, &err);
    assert_string_equal(path + skip, "/data/merge.write/all/all.0000000000000001.txt");
    path = kuni_run_output(&m->run, arena, made_up_node(m, "tally.batch"), 0, -1, 1, 1, &err);
    assert_string_equal(path + skip, "/data/tally.batch/all/b0001.0000000000000001.qc");
    char longest[2000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(kuni_run_path(&m->run, arena, &err, "%s", longest));
    assert_int_equal(err.status, KUNI_USAGE);
    assert_string_equal(kuni_run_task_name(&m->run, 1, 0, 1, name, sizeof(name)),
                        "call chr1-0-500 b0001");
    kuni_arena_free(arena);
    made_up_close(m);
}

/* Two outputs of a step with one ending: each says its kind. */
static void test_twin_outputs(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    begin();
    static const kuni_port ports[] = {{.kind = "left", .extension = "txt"},
                                      {.kind = "right", .extension = "txt"},
                                      {.kind = "txt2"},
                                      {.kind = NULL}};
    const kuni_step step = {.name = "", .scatter = KUNI_SCATTER_COHORT, .outputs = ports};
    kuni_node node = {.id = "x", .folder = "x", .step = &step, .n_outputs = 3};
    kuni_plan plan = m->run.plan;
    m->run.plan.nodes = &node;
    kuni_arena *arena = kuni_arena_new(&err);
    static const char *const expected[] = {"left.txt", "right.txt", "txt2"};
    for (size_t o = 0; o < 3; o++) {
        const char *path = kuni_run_output(&m->run, arena, 0, o, -1, -1, 1, &err);
        assert_string_equal(strstr(path, "0001.") + 5, expected[o]);
    }
    kuni_arena_free(arena);
    m->run.plan = plan;
    made_up_close(m);
}

static void test_columns(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const uint8_t without[MADE_UP_SAMPLES] = {0, 1, 0, 0, 1, 0, 0};
    static const int32_t expected[MADE_UP_SAMPLES] = {0, -1, 1, 2, -1, 3, 4};
    begin();
    assert_int_equal(kuni_run_set_columns(&m->run, without, &err), KUNI_OK);
    assert_memory_equal(m->run.columns, expected, sizeof(expected));
    assert_int_equal(m->run.n_columns, 5);
    made_up_close(m);
}

static void test_stop_request(void **state)
{
    (void)state;
    assert_int_equal(kuni_stop_asked(), 0);
    kuni_stop_watch();
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(kuni_stop_asked(), SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_generation),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_quarantined_and_parameters),
        cmocka_unit_test(test_stages_are_told_apart),
        cmocka_unit_test(test_current_is_a_folder),
        cmocka_unit_test(test_a_name_that_rotted),
        cmocka_unit_test(test_no_folder_for_generations),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_of_two_workflows),
        cmocka_unit_test(test_reference_setting),
        cmocka_unit_test(test_ploidy_file_setting),
        cmocka_unit_test(test_state_rots),
        cmocka_unit_test(test_other_version),
        cmocka_unit_test(test_reference_digests),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_twin_outputs),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_stop_request),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
