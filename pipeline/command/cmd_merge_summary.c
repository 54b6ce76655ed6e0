/* SPDX-License-Identifier: MIT */
/* kuni merge-summary: the tables of several datasets added up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "columns.h"
#include "command.h"
#include "complain.h"
#include "kuni/file.h"
#include "merge.h"
#include "temporary.h"

typedef struct request {
    const char *out;
} request;

static const kuni_option options[] = {
    {"out", 'o', "FOLDER", NULL, "of the sums; it must not stand there yet",
     KUNI_BIND_TEXT(request, out, KUNI_COMPLETES_FOLDER)},
    KUNI_OPTIONS_END,
};

static const char notes[] =
    "# Tables of several datasets\n"
    "\n"
    "Sums of the tables of %zu releases. Who is in two of the datasets counts twice: nothing in a "
    "table could\n"
    "tell. Groups of one name are taken for one group.\n"
    "\n"
    "- A count that one dataset hides is hidden in the sum. So is one of an allele that a dataset "
    "with a\n"
    "  threshold has no row of: it may have hidden it.\n"
    "- `datasets` tells of how many datasets people are in AN: one that has no row at a place does "
    "not tell how\n"
    "  many were called there. Releases with `all_sites: yes` of the same sites leave nothing "
    "open.\n"
    "- FILTER of datasets that differ stand with | between.\n"
    "- feature_capability.tsv has the least that a dataset says. Counts by feature are of the "
    "datasets that\n"
    "  assessed the class, and `people` are theirs.\n"
    "- Cases and controls are not merged: a dataset tells of alleles that its own cases carry.\n";

static bool has_table(const char *folder, const kuni_table_kind *kind)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(folder, kind->file, &ignored);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

/* Whether all have tables by feature; KUNI_DATA where some have. */
static kuni_status look_for_features(const char *const *folders, size_t n, bool *all,
                                     kuni_error *err)
{
    size_t have = 0, first = n;
    for (size_t i = 0; i < n; i++) {
        if (has_table(folders[i], &kuni_table_genes))
            have++;
        else if (first == n)
            first = i;
    }
    *all = have == n;
    if (have && have < n)
        return kuni_fail(err, KUNI_DATA,
                         "%s has no %s, and others have: make it with the same 'regions: features'",
                         folders[first], kuni_table_genes.file);
    return KUNI_OK;
}

static kuni_status put(const char *folder, const char *name, const kuni_buffer *text,
                       kuni_error *err)
{
    char *path = kuni_path_join(folder, name, err);
    kuni_status status = path ? kuni_file_put(path, text->data, text->length, err) : KUNI_MEMORY;
    free(path);
    return status;
}

static kuni_status write_words(const char *folder, size_t n, bool features, kuni_error *err)
{
    const char *files[] = {kuni_table_freq.file, features ? kuni_table_genes.file : NULL,
                           kuni_table_capability.file, NULL};
    kuni_buffer dictionary = KUNI_BUFFER_INIT, text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_table_dictionary(files, &dictionary, err);
    if (!status) status = put(folder, "dictionary.tsv", &dictionary, err);
    if (!status) status = kuni_buffer_printf(&text, err, notes, n);
    if (!status) status = put(folder, "RELEASE_NOTES.md", &text, err);
    kuni_buffer_fini(&dictionary);
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status merge_into(const char *folder, const char *const *folders, size_t n,
                              kuni_error *err)
{
    bool features = false;
    kuni_status status = look_for_features(folders, n, &features, err);
    if (!status) status = kuni_merge_freq(folders, n, folder, err);
    if (!status && features) status = kuni_merge_genes(folders, n, folder, err);
    return status ? status : write_words(folder, n, features, err);
}

/* A folder twice would count its people twice. */
static kuni_status check_folders(const char *const *folders, size_t n, kuni_error *err)
{
    struct stat one, other;
    for (size_t i = 0; i < n; i++) {
        if (stat(folders[i], &one) != 0)
            return kuni_fail_errno(err, "cannot look at %s", folders[i]);
        for (size_t j = 0; j < i; j++)
            if (stat(folders[j], &other) == 0 && one.st_dev == other.st_dev &&
                one.st_ino == other.st_ino)
                return kuni_fail(err, KUNI_USAGE,
                                 "%s and %s are one folder: its people would count twice",
                                 folders[j], folders[i]);
    }
    return KUNI_OK;
}

static kuni_status merge(const request *r, const char *const *folders, size_t n, kuni_error *err)
{
    struct stat info;
    kuni_buffer part = KUNI_BUFFER_INIT;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (lstat(r->out, &info) == 0)
        return kuni_fail(err, KUNI_USAGE, "--out %s stands there already: it is never written over",
                         r->out);
    kuni_status status = check_folders(folders, n, err);
    if (!status) status = kuni_buffer_printf(&part, err, "%s.part", r->out);
    if (!status && mkdir(part.data, 0750) != 0)
        status = kuni_fail_errno(err, "cannot make %s", part.data);
    else if (!status) {
        status = merge_into(part.data, folders, n, err);
        if (!status && rename(part.data, r->out) != 0)
            status = kuni_fail_errno(err, "cannot rename %s to %s", part.data, r->out);
        if (status && kuni_remove_tree(part.data, &ignored))
            fprintf(stderr, "kuni: cannot remove %s: %s\n", part.data, ignored.text);
    }
    kuni_buffer_fini(&part);
    if (!status) printf("%s\n", r->out);
    return status;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    if (!r->out) return kuni_command_complain(KUNI_USAGE, "merge-summary: --out FOLDER is missing");
    kuni_status status = merge(r, (const char *const *)call->words, (size_t)call->n_words, &err);
    return status ? kuni_command_fail(&err) : KUNI_OK;
}

const kuni_command kuni_cmd_merge_summary = {
    .group = "Dataset",
    .name = "merge-summary",
    .summary = "add up the tables of releases of several datasets",
    .about =
        "Add up frequencies and counts by feature of releases of several datasets, as countries\n"
        "do that give each other no genotypes. They must be of one reference, one file of "
        "features\n"
        "and one definition of counts. What one hides stays hidden; who is in two datasets counts\n"
        "twice. See docs/release.md.",
    .usage = "kuni merge-summary --out FOLDER RELEASE RELEASE...",
    .example = "kuni merge-summary -o together north-tables south-tables",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 2,
    .most_words = -1,
    .words = KUNI_COMPLETES_FOLDER,
    .run = run,
};
