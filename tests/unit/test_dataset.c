/* SPDX-License-Identifier: MIT */
/* The dataset's folder: whose it is, what is cleared away and what never, and what is published. */
#include "fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "erasure.h"
#include "folder.h"
#include "history.h"
#include "journal.h"
#include "lock.h"
#include "made_of.h"
#include "mark.h"
#include "published.h"
#include "scan.h"
#include "stub.h"
#include "temporary.h"
#include "tombstones.h"
#include "words.h"

static void shell(const char *command)
{
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* --- the mark --- */

static void expect_mark(const char *make, kuni_status expected, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    shell("rm -rf d");
    shell(make);
    kuni_status status = kuni_mark_check("d", &err);
    if (status != expected) fail_msg("after `%s`: status %d: %s", make, status, err.text);
    if (words && !strstr(err.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void test_whose_folder(void **state)
{
    (void)state;
    expect_mark("true", KUNI_OK, NULL);
    expect_mark("mkdir d", KUNI_OK, NULL);
    expect_mark("mkdir d; echo '{\"format\": 1, \"id\": \"x\"}' >d/kuni-dataset.json; touch d/foo",
                KUNI_OK, NULL);
    expect_mark("mkdir d; touch d/thesis.tex", KUNI_USAGE, "it holds 'thesis.tex'");
    expect_mark("mkdir d; touch d/lock d/thesis.tex", KUNI_USAGE, "it holds 'thesis.tex'");
    expect_mark("echo a file >d", KUNI_IO, "cannot read the dataset folder d");
    /* what a run that was killed in its first moments leaves */
    expect_mark("mkdir d; touch d/lock d/kuni-dataset.json.tmp.7.1", KUNI_OK, NULL);
    expect_mark("mkdir d; echo 'epoch 1 host h pid 7' >d/lock", KUNI_OK, NULL);
    expect_mark("mkdir d; echo 'of a door' >d/lock", KUNI_USAGE, "it holds 'lock'");
    expect_mark("mkdir -p d/lock", KUNI_USAGE, "it holds 'lock'");
    /* of a version before the mark: told by its journal */
    expect_mark("mkdir d; touch d/batches.tsv d/journal", KUNI_USAGE, "not a dataset");
    expect_mark("mkdir d; touch d/register.tsv d/journal", KUNI_USAGE,
                "put that back from a backup"); /* the mark alone was lost */
    expect_mark("mkdir d; touch d/batches.tsv; echo nonsense >d/journal", KUNI_USAGE,
                "not a dataset");
}

static void test_formats(void **state)
{
    (void)state;
    expect_mark("mkdir d; echo '{\"format\": 2, \"kuni\": \"9.9\"}' >d/kuni-dataset.json",
                KUNI_USAGE, "d is a dataset of format 2 (made by kuni 9.9)");
    expect_mark("mkdir d; echo '{\"format\": 3}' >d/kuni-dataset.json", KUNI_USAGE, "kuni ?");
    expect_mark("mkdir d; echo '{\"format\": 0}' >d/kuni-dataset.json", KUNI_IO, "is damaged");
    expect_mark("mkdir d; echo nonsense >d/kuni-dataset.json", KUNI_IO, "is damaged");
}

static void test_claim(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer first = KUNI_BUFFER_INIT, second = KUNI_BUFFER_INIT;
    bool fresh = false;
    shell("rm -rf d e; mkdir d e; touch d/lock e/notes");
    assert_int_equal(kuni_mark_claim("d", &fresh, &err), KUNI_OK);
    assert_true(fresh);
    assert_int_equal(kuni_file_get("d/kuni-dataset.json", 4096, &first, &err), KUNI_OK);
    assert_non_null(strstr(first.data, "{\"format\": 1, \"id\": \""));
    assert_int_equal(kuni_mark_claim("d", &fresh, &err), KUNI_OK);
    assert_false(fresh);
    assert_int_equal(kuni_file_get("d/kuni-dataset.json", 4096, &second, &err), KUNI_OK);
    assert_string_equal(first.data, second.data); /* an identity is for life */
    assert_int_equal(kuni_mark_claim("e", &fresh, &err), KUNI_USAGE);
    assert_false(exists("e/kuni-dataset.json"));
    kuni_buffer_fini(&first);
    kuni_buffer_fini(&second);
}

/* A dataset from before the mark has batches and a journal with a whole record; it is given one. */
static void test_claim_unmarked(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_journal *journal;
    bool fresh = true;
    shell("rm -rf d; mkdir -p d/data; touch d/batches.tsv");
    assert_int_equal(kuni_journal_open(&journal, "d/journal", &err), KUNI_OK);
    assert_int_equal(kuni_journal_add(journal, json_pack("{ss}", "t", "forget"), &err), KUNI_OK);
    assert_int_equal(kuni_journal_close(journal, &err), KUNI_OK);
    assert_int_equal(kuni_mark_check("d", &err), KUNI_OK);
    assert_int_equal(kuni_mark_claim("d", &fresh, &err), KUNI_OK);
    assert_false(fresh);
    assert_true(exists("d/kuni-dataset.json"));
    shell("rm d/batches.tsv d/kuni-dataset.json");
    assert_int_equal(kuni_mark_check("d", &err), KUNI_USAGE);
}

/* --- the folder --- */

static void test_prepare(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    static const char *const ours[] = {"d/batches.tsv.tmp.12.3", "d/settings.json.tmp.1.1",
                                       "d/.current-12",          "d/tmp/3-0-17-2",
                                       "d/tmp/3-1-18-2",         "d/tmp/cohort.map"};
    static const char *const others[] = {"d/batches.tsv.tmp.12", "d/batches.tsv.tmp.12.3.old",
                                         "d/notes.tmp.12.3",     "d/.current-12a",
                                         "d/tmp/3-0-17-2-mine",  "d/tmp/readme"};
    shell("rm -rf d; mkdir -p d/tmp/3-0-17-2/deep; touch d/tmp/3-0-17-2/deep/file d/tmp/3-1-18-2 "
          "d/tmp/cohort.map; "
          "ln -s nowhere d/.current-12");
    for (size_t i = 0; i < 2; i++) fixture_write(ours[i], "half");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) fixture_write(others[i], "x");
    assert_int_equal(kuni_folder_prepare("d", &err), KUNI_OK);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (exists(ours[i])) fail_msg("%s still stands", ours[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!exists(others[i])) fail_msg("%s is gone", others[i]);
    assert_true(exists("d/data") && exists("d/logs") && exists("d/generations"));
}

static void test_prepare_faults(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_folder_prepare("nowhere", &err), KUNI_IO);
    kuni_error_clear(&err);
    shell("rm -rf d elsewhere; mkdir d elsewhere; touch elsewhere/3-0-17-2; ln -s ../elsewhere "
          "d/tmp");
    assert_int_equal(kuni_folder_prepare("d", &err), KUNI_USAGE);
    assert_non_null(strstr(err.text, "d/tmp is a symbolic link"));
    assert_true(exists("elsewhere/3-0-17-2"));
    kuni_error_clear(&err);
    shell("rm d/tmp; touch d/tmp");
    assert_int_equal(kuni_folder_prepare("d", &err), KUNI_IO);
}

/* --- temporary names --- */

static void test_temporary_name(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char expected[128];
    char *name = kuni_temporary_name("a/b/c.txt", 12, 3, &err);
    (void)snprintf(expected, sizeof(expected), "a/b/.kuni-tmp-12-3-%ld-c.txt", (long)getpid());
    assert_string_equal(name, expected);
    free(name);
    name = kuni_temporary_name("c.txt", 1, 0, &err);
    assert_int_equal(strncmp(name, ".kuni-tmp-1-0-", 14), 0);
    free(name);
}

static void test_remove_tree(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    shell("rm -rf t kept; mkdir -p t/a/b kept; touch t/a/b/c kept/file; ln -s ../kept t/link");
    assert_int_equal(kuni_remove_tree("t", &err), KUNI_OK);
    assert_false(exists("t"));
    assert_true(exists("kept/file"));
    assert_int_equal(kuni_remove_tree("t", &err), KUNI_OK); /* nothing there is fine */
}

/* --- what is published --- */

static void test_published(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_published published;
    shell("rm -rf d; mkdir -p d/generations/000001");
    assert_int_equal(kuni_published_read(&published, "d", &err), KUNI_OK);
    assert_null(published.json);
    assert_int_equal(published.n_batches, 0);
    shell("ln -s generations/000001 d/current");
    fixture_write("d/current/dataset.json", "{\"batches\": 5, \"quarantined\": [\"S1\", \"S2\"]}");
    assert_int_equal(kuni_published_read(&published, "d", &err), KUNI_OK);
    assert_int_equal(published.n_batches, 5);
    assert_int_equal(json_array_size(published.quarantined), 2);
    kuni_published_fini(&published);
    static const char *const damaged[] = {"", "{", "{}", "{\"batches\": -1}",
                                          "{\"batches\": \"5\"}"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        fixture_write("d/current/dataset.json", damaged[i]);
        assert_int_equal(kuni_published_read(&published, "d", &err), KUNI_IO);
        assert_non_null(strstr(err.text, "d/current/dataset.json"));
        assert_null(published.json);
        kuni_error_clear(&err);
    }
}

/* --- the lock --- */

static void test_lock_faults(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lock *lock;
    assert_int_equal(kuni_lock_take(&lock, "nowhere", 0, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "nowhere/lock"));
    kuni_error_clear(&err);
    shell("rm -rf d; mkdir d; echo nonsense >d/lock");
    assert_int_equal(kuni_lock_take(&lock, "d", 0, &err), KUNI_OK);
    assert_int_equal(kuni_lock_epoch(lock), 1);
    kuni_lock_release(lock);
    kuni_lock_release(NULL);
    assert_int_equal(kuni_lock_take(&lock, "d", 0, &err), KUNI_OK);
    assert_int_equal(kuni_lock_epoch(lock), 2); /* each run has its own */
    kuni_lock_release(lock);
    /* The line was torn: the epoch began anew, and what a killed run left was taken for this one's. */
    shell("printf '{\n \"state\": \"done\",\n \"epoch\": 41,\n \"x\": 1}\n' >d/status.json; : "
          ">d/lock");
    assert_int_equal(kuni_lock_take(&lock, "d", 0, &err), KUNI_OK);
    assert_int_equal(kuni_lock_epoch(lock), 42);
    kuni_lock_release(lock);
}

/* A lock file that is removed, or replaced by another run's, is noticed by who holds the old one. */
static void test_lock_replaced(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lock *lock, *other;
    shell("rm -rf d; mkdir d");
    assert_int_equal(kuni_lock_take(&lock, "d", 0, &err), KUNI_OK);
    assert_int_equal(kuni_lock_check(lock, &err), KUNI_OK);
    shell("rm d/lock");
    assert_int_equal(kuni_lock_check(lock, &err), KUNI_AGAIN);
    assert_non_null(strstr(err.text, "d/lock was removed or replaced"));
    kuni_error_clear(&err);
    assert_int_equal(kuni_lock_take(&other, "d", 0, &err), KUNI_OK);
    assert_int_equal(kuni_lock_check(lock, &err), KUNI_AGAIN); /* with the same epoch in it */
    kuni_error_clear(&err);
    assert_int_equal(kuni_lock_check(other, &err), KUNI_OK);
    kuni_lock_release(lock);
    assert_int_equal(kuni_lock_check(other, &err), KUNI_OK);
    kuni_lock_release(other);
}

/* What is made from then on is for owner and group at most, whatever the umask. */
static void test_guard(void **state)
{
    (void)state;
    static const mode_t umasks[] = {0, 022, 077};
    static const mode_t files[] = {0640, 0640, 0600}, folders[] = {0750, 0750, 0700};
    mode_t before = umask(0);
    for (size_t i = 0; i < 3; i++) {
        kuni_error err = KUNI_ERROR_INIT;
        struct stat st;
        shell("rm -rf d; mkdir d");
        (void)umask(umasks[i]);
        assert_int_equal(kuni_folder_guard(), umasks[i]);
        assert_int_equal(kuni_folder_prepare("d", &err), KUNI_OK);
        assert_int_equal(kuni_file_put("d/file", "x", 1, &err), KUNI_OK);
        assert_int_equal(stat("d/file", &st), 0);
        assert_int_equal(st.st_mode & 07777, files[i]);
        assert_int_equal(stat("d/data", &st), 0);
        assert_int_equal(st.st_mode & 07777, folders[i]);
    }
    (void)umask(before);
}

/* A run that waits gets the lock as soon as the other ends. */
static void test_lock_waits(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_lock *lock;
    int ready[2];
    char byte;
    shell("rm -rf d; mkdir d");
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (kuni_lock_take(&lock, "d", 0, &err) != KUNI_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        (void)usleep(300000);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kuni_lock_take(&lock, "d", 60000, &err), KUNI_OK);
    assert_int_equal(kuni_lock_epoch(lock), 2);
    kuni_lock_release(lock);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/*
 * sscanf took " 7-3-9-2", "+7-3-9-2" and a number beyond 64 bits for names of kuni's, and so a
 * folder of somebody else's in tmp/ was removed.
 */
static void test_scan(void **state)
{
    (void)state;
    uint64_t n[4] = {0};
    assert_true(kuni_scan("7-3-18446744073709551615-0", "#-#-#-#", n));
    assert_true(n[0] == 7 && n[1] == 3 && n[2] == UINT64_MAX && n[3] == 0);
    const char *const strangers[] = {
        "",         "7-3-9",    "7-3-9-",   "7-3-9-2x",  " 7-3-9-2",  "+7-3-9-2",
        "-7-3-9-2", "7--3-9-2", "7- 3-9-2", "7-3-9-2-1", "7-3-9-0x2", "18446744073709551616-3-9-2"};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        assert_false(kuni_scan(strangers[i], "#-#-#-#", n));
    assert_true(kuni_scan("epoch 12 host a", "epoch #*", n) && n[0] == 12);
    assert_true(kuni_scan("epoch 0000000000000000000000013", "epoch #*", n) && n[0] == 13);
    assert_false(kuni_scan("epoch ", "epoch #*", n));
    assert_true(kuni_scan("a*b", "a*b", n));
    assert_false(kuni_scan("a", "a*b", n));
}

/* --- the history --- */

/* An export and a run may tell of themselves at once: no entry is lost, and the chain holds. */
static void test_history_of_many(void **state)
{
    (void)state;
    enum { PROCESSES = 6, EACH = 20 };
    kuni_error err = KUNI_ERROR_INIT;
    size_t entries = 0;
    shell("rm -rf h; mkdir h");
    for (int p = 0; p < PROCESSES; p++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid) continue;
        for (int i = 0; i < EACH; i++)
            if (kuni_history_add("h", "exported", NULL, json_pack("{si si}", "p", p, "i", i), &err))
                _exit(1);
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(kuni_history_read("h", NULL, NULL, &entries, &err), KUNI_OK);
    assert_int_equal(entries, PROCESSES * EACH);
    /* a torn line goes, a changed one is noticed */
    shell("printf '{\"what\":' >>h/history.jsonl");
    assert_int_equal(kuni_history_add("h", "exported", "x", json_object(), &err), KUNI_OK);
    assert_int_equal(kuni_history_read("h", NULL, NULL, &entries, &err), KUNI_OK);
    assert_int_equal(entries, PROCESSES * EACH + 1);
    shell("sed -i '7s/exported/Exported/' h/history.jsonl");
    assert_int_equal(kuni_history_add("h", "exported", "x", json_object(), &err), KUNI_IO);
    assert_non_null(strstr(err.text, "history.jsonl:8"));
}

/* --- people who are erased --- */

static void expect_words(const kuni_words *words, const char *text, const char *expected)
{
    char got[256] = "";
    size_t at = 0, used = 0;
    for (const char *id; (id = kuni_words_find(words, text, strlen(text), 0, &at)); at++)
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s@%zu ", id, at);
    if (strcmp(got, expected) != 0) fail_msg("in '%s': '%s' instead of '%s'", text, got, expected);
}

/* Ids are found as whole words, and not within longer ids of people who stay. */
static void test_words(void **state)
{
    (void)state;
    kuni_words words;
    kuni_error err = KUNI_ERROR_INIT;
    bool found = false;
    assert_int_equal(kuni_words_init(&words, &err), KUNI_OK);
    static const char *const wanted[] = {"P1", "S.1-a", "7",
                                         ("\xc3\xa4"
                                          "b")};
    static const char *const others[] = {"P1-2", "x.P1", "P10", "P1:P1"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kuni_words_add(&words, wanted[i], &err), KUNI_OK);
        assert_int_equal(kuni_words_add_other(&words, others[i], &err), KUNI_OK);
    }
    expect_words(&words, "P1", "P1@0 ");
    expect_words(&words, "aP1 P1a P10 _P1 P1_", "");
    expect_words(&words, "/reads/P1.cram", "P1@7 ");
    expect_words(&words, "P1-2 P1-3", "P1@5 ");
    expect_words(&words, "P1-2.cram x.P1.bam y.P1", "P1@21 ");
    expect_words(&words, "P1:P1", "");
    expect_words(&words, "S.1-a,S.1-ab;S.1-a-b", "S.1-a@0 S.1-a@13 ");
    expect_words(&words, "7 77 a7", "7@0 ");
    expect_words(&words,
                 "(\xc3\xa4"
                 "b)",
                 "\xc3\xa4"
                 "b@1 ");
    expect_words(&words, "", "");
    fixture_put("named", "nothing\nhere but P1\n", 20);
    assert_int_equal(kuni_words_in_file(&words, "named", &found, &err), KUNI_OK);
    assert_true(found);
    assert_int_equal(kuni_words_in_file(&words, "absent", &found, &err), KUNI_OK);
    assert_false(found);
    kuni_words_fini(&words);
}

/* An erasure is read back as it was written, for its owner alone; damage is told. */
static void test_erasure(void **state)
{
    (void)state;
    kuni_erasure e, again;
    kuni_error err = KUNI_ERROR_INIT;
    struct stat st;
    int64_t outdated = -1;
    shell("rm -rf d; mkdir d");
    assert_false(kuni_erasure_stands("d"));
    assert_int_equal(kuni_erasure_check("d", &err), KUNI_OK);
    assert_int_equal(kuni_erasure_init(&e, &err), KUNI_OK);
    assert_int_equal(kuni_erasure_add_sample(&e, "S1", "b0003", 17, &err), KUNI_OK);
    assert_int_equal(kuni_erasure_add_participant(&e, "P1", &err), KUNI_OK);
    assert_int_equal(kuni_erasure_add_word(&e, "W", &err), KUNI_OK);
    assert_int_equal(kuni_erasure_say(&e, &e.reason, "a letter", &err), KUNI_OK);
    assert_int_equal(kuni_erasure_write(&e, "d", &err), KUNI_OK);
    assert_int_equal(stat("d/erasing.tsv", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(kuni_erasure_check("d", &err), KUNI_USAGE);
    assert_int_equal(kuni_erasure_read(&again, "d", &err), KUNI_OK);
    assert_string_equal(again.token, e.token);
    assert_string_equal(again.samples[0].id, "S1");
    assert_string_equal(again.samples[0].batch, "b0003");
    assert_int_equal(again.samples[0].place, 17);
    assert_string_equal(again.participants[0], "P1");
    assert_string_equal(again.words[0], "W");
    assert_string_equal(again.reason, "a letter");
    assert_null(again.by);
    kuni_erasure_fini(&again);
    kuni_erasure_fini(&e);
    static const char *const damages[] = {"sed -i '$d'", "sed -i 's/sample/simple/'",
                                          "sed -i 's/17/x/'", "sed -i 1d"};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        char command[128];
        (void)snprintf(command, sizeof(command), "cp d/erasing.tsv erasing.kept; %s d/erasing.tsv",
                       damages[i]);
        shell(command);
        kuni_error why = KUNI_ERROR_INIT;
        assert_int_equal(kuni_erasure_read(&again, "d", &why), KUNI_IO);
        assert_non_null(strstr(why.text, "erasing.tsv"));
        kuni_erasure_fini(&again);
        shell("mv erasing.kept d/erasing.tsv");
    }
    assert_int_equal(kuni_erasure_remove("d", &err), KUNI_OK);
    assert_false(kuni_erasure_stands("d"));
    assert_int_equal(kuni_outdated_read("d", &outdated, &err), KUNI_OK);
    assert_int_equal(outdated, 0);
    assert_int_equal(kuni_outdated_write("d", 41, &err), KUNI_OK);
    assert_int_equal(kuni_outdated_read("d", &outdated, &err), KUNI_OK);
    assert_int_equal(outdated, 41);
    assert_int_equal(kuni_outdated_write("d", 0, &err), KUNI_OK);
    assert_false(exists("d/outdated"));
}

/* Who was unlinked can be erased, and nobody who was erased is merely unlinked again. */
static void test_tombstone_modes(void **state)
{
    (void)state;
    kuni_tombstones stones;
    kuni_error err = KUNI_ERROR_INIT;
    char room[16];
    shell("rm -rf d; mkdir d");
    assert_int_equal(kuni_tombstones_read(&stones, "d", &err), KUNI_OK);
    assert_null(kuni_tombstones_mode(&stones, "sample", "S1", room));
    static const char *const modes[] = {"unlink", "erase", "unlink"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(kuni_tombstones_add(&stones, "sample", "S1", modes[i], "2026-05-01", &err),
                         KUNI_OK);
        assert_int_equal(stones.n, 1);
        assert_string_equal(kuni_tombstones_mode(&stones, "sample", "S1", room),
                            i ? "erase" : "unlink");
    }
    assert_int_equal(kuni_tombstones_write(&stones, &err), KUNI_OK);
    kuni_tombstones_fini(&stones);
    assert_int_equal(kuni_tombstones_read(&stones, "d", &err), KUNI_OK);
    assert_string_equal(kuni_tombstones_mode(&stones, "sample", "S1", room), "erase");
    assert_null(kuni_tombstones_mode(&stones, "participant", "S1", room));
    kuni_tombstones_fini(&stones);
}

static bool names_anna(void *context, const char *text)
{
    (void)context;
    return strstr(text, "Anna") != NULL;
}

/* A reason that names somebody is taken out, the chain holds, and what names nobody stays. */
static void test_history_forgets(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    size_t changed = 9, entries = 0;
    kuni_buffer text = KUNI_BUFFER_INIT;
    shell("rm -rf d; mkdir d");
    static const char *const reasons[] = {"May", "letter of Anna", "June"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            kuni_history_add("d", "withdrawn", "me", json_pack("{ss}", "reason", reasons[i]), &err),
            KUNI_OK);
    assert_int_equal(kuni_history_forget("d", names_anna, NULL, &changed, &err), KUNI_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(kuni_history_read("d", NULL, NULL, &entries, &err), KUNI_OK);
    assert_int_equal(entries, 3);
    assert_int_equal(kuni_file_get("d/history.jsonl", 1 << 20, &text, &err), KUNI_OK);
    assert_null(strstr(text.data, "Anna"));
    assert_non_null(strstr(text.data, "(erased)"));
    assert_non_null(strstr(text.data, "June"));
    assert_int_equal(kuni_history_forget("d", names_anna, NULL, &changed, &err), KUNI_OK);
    assert_int_equal(changed, 0);
    kuni_buffer_fini(&text);
}

/* --- of what a task was made --- */

static void test_made_of(void **state)
{
    (void)state;
    char text[KUNI_MADE_OF_BYTES], why[KUNI_RERUN_BYTES];
    kuni_made_of now = {.known = true, .settings = 0xABCDEF01, .samples = 2};
    for (uint64_t i = 0; i < KUNI_MADE_OF_INPUTS + 3; i++)
        kuni_made_of_add(&now, &(kuni_hash){{0, 0, 0, (i + 1) << 32}});
    assert_int_equal(now.n_inputs, KUNI_MADE_OF_INPUTS);
    kuni_made_of_print(&now, text);
    assert_memory_equal(text, "abcdef01.00000002.00000001.00000002.", 36);
    kuni_made_of then = kuni_made_of_parse(text);
    assert_memory_equal(&then, &now, sizeof(now));
    assert_int_equal(kuni_made_of_compare(&then, &now).bits, 0);
    then.settings++;
    then.inputs[3]++;
    kuni_rerun rerun = kuni_made_of_compare(&then, &now);
    assert_int_equal(rerun.inputs, 1 << 3);
    kuni_rerun_print(&rerun, why);
    assert_string_equal(why, "settings,inputs");
    then.n_inputs--; /* other inputs altogether: all of them */
    assert_int_equal(kuni_made_of_compare(&then, &now).inputs, (1 << KUNI_MADE_OF_INPUTS) - 1);
    /* none of these is one: the line is of another version, or damaged */
    static const char *const foreign[] = {NULL,
                                          "",
                                          "abcdef01",
                                          "abcdef01.",
                                          "abcdef01.0000000",
                                          "abcdef01.00000002.",
                                          "abcdef01.00000002.0000000g",
                                          "ABCDEF01.00000002",
                                          "abcdef01.00000002 "};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        then = kuni_made_of_parse(foreign[i]);
        assert_false(then.known);
        assert_int_equal(kuni_made_of_compare(&then, &now).bits, KUNI_RERUN_UNKNOWN);
    }
    text[KUNI_MADE_OF_BYTES - 1] = '\0';
    char longer[KUNI_MADE_OF_BYTES + 16];
    (void)snprintf(longer, sizeof(longer), "%s.00000001", text);
    assert_false(kuni_made_of_parse(longer).known);
}

/* A file of which a stub is left counts as there, and comes back with its bytes and its time. */
static void test_stub(void **state)
{
    (void)state;
    static const char whole[] = "HEADblocks of a shardTAIL";
    const kuni_stub_place place = {.data = "../../merged",
                                   .published = "../../current",
                                   .from = 4,
                                   .at = 6,
                                   .bytes = 17,
                                   .whole = 28};
    kuni_error err = KUNI_ERROR_INIT;
    char hex[KUNI_DIGEST_HEX_BYTES], again[KUNI_DIGEST_HEX_BYTES], *other = NULL;
    struct stat st;
    uint64_t at = 0;
    bool back, found;
    shell("rm -rf d && mkdir -p d/joint/chr1");
    fixture_put("d/joint/chr1/calls", whole, strlen(whole));
    fixture_put("d/merged", "heads,blocks of a shardother", 28);
    assert_int_equal(stat("d/joint/chr1/calls", &st), 0);
    const int64_t time = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    assert_int_equal(kuni_digest_file("d/joint/chr1/calls", hex, &err), 0);
    kuni_stored_output stored = {.bytes = 25, .mtime_ns = time},
                       other_size = {.bytes = 24, .mtime_ns = time};
    assert_true(kuni_hash_parse(&stored.digest, hex));
    assert_int_equal(kuni_stub_leave("d/joint/chr1/calls", &place, &err), 0);
    assert_false(exists("d/joint/chr1/calls"));
    assert_true(kuni_stub_stands("d/joint/chr1/calls", &stored));
    assert_false(kuni_stub_stands("d/joint/chr1/calls", &other_size));
    shell(
        "cp d/joint/chr1/calls.stub x && mv x d/joint/chr1/calls.stub"); /* of another time, by its digest */
    assert_true(kuni_stub_stands("d/joint/chr1/calls", &stored));
    stored.digest.word[0] ^= 1;
    assert_false(kuni_stub_stands("d/joint/chr1/calls", &stored));
    stored.digest.word[0] ^= 1;
    assert_int_equal(kuni_stub_digest("d/joint/chr1/calls", again, &err), 0);
    assert_string_equal(again, hex);
    shell(
        "touch -d @1000000000 d/joint/chr1/calls.stub && mv d/merged d/current"); /* the published name alone is left */
    assert_int_equal(kuni_stub_look("d/joint/chr1/calls", &other, &at, &found, &err), 0);
    assert_true(found && at == 6);
    assert_string_equal(other, "d/joint/chr1/../../current");
    free(other);
    assert_int_equal(kuni_stub_give_back("d/joint/chr1/calls", &back, &err), 0);
    assert_true(back);
    assert_int_equal(kuni_digest_file("d/joint/chr1/calls", again, &err), 0);
    assert_string_equal(again, hex);
    assert_int_equal(stat("d/joint/chr1/calls", &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(kuni_stub_give_back("d/joint/chr1/calls", &back, &err), 0);
    assert_false(back);
    /* A file of another size is another file; a damaged stub is told of; without one nothing is done. */
    shell("rm d/joint/chr1/calls && echo >>d/current");
    assert_false(kuni_stub_stands("d/joint/chr1/calls", &stored));
    assert_int_equal(kuni_stub_give_back("d/joint/chr1/calls", &back, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "is not there as it was"));
    err = (kuni_error)KUNI_ERROR_INIT;
    shell("echo >>d/joint/chr1/calls.stub");
    assert_int_equal(kuni_stub_give_back("d/joint/chr1/calls", &back, &err), KUNI_IO);
    assert_non_null(strstr(err.text, "calls.stub is damaged"));
    err = (kuni_error)KUNI_ERROR_INIT;
    shell("rm d/joint/chr1/calls.stub");
    assert_int_equal(kuni_stub_give_back("d/joint/chr1/calls", &back, &err), 0);
    assert_false(back || kuni_stub_stands("d/joint/chr1/calls", &stored));
    /* More than the file has is no part of it: it stays. */
    fixture_put("d/joint/chr1/calls", whole, 20);
    assert_int_equal(kuni_stub_leave("d/joint/chr1/calls", &place, &err), KUNI_BUG);
    assert_true(exists("d/joint/chr1/calls"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_of),
        cmocka_unit_test(test_whose_folder),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_claim_unmarked),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_prepare_faults),
        cmocka_unit_test(test_temporary_name),
        cmocka_unit_test(test_remove_tree),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_lock_faults),
        cmocka_unit_test(test_lock_waits),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_history_of_many),
        cmocka_unit_test(test_lock_replaced),
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_stub),
        cmocka_unit_test(test_erasure),
        cmocka_unit_test(test_tombstone_modes),
        cmocka_unit_test(test_history_forgets),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
