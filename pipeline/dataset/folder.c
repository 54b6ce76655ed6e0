/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"
#include "scan.h"
#include "temporary.h"

/*
 * A file that kuni_file_put makes at the top of a dataset, under the name it has until it is whole:
 * "NAME.tmp.PID.SERIAL".
 */
static bool is_half_written(const char *name)
{
    static const char *const names[] = {
        "batches.tsv",   "register.tsv",      "tombstones.tsv", "secret",   "reference.tsv",
        "settings.json", "status.json",       "erasing.tsv",    "outdated", "accounting.tsv",
        "history.jsonl", "kuni-dataset.json", "journal"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t pid_serial[2];
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) == 0 &&
            kuni_scan(name + length, ".tmp.#.#", pid_serial))
            return true;
    }
    return false;
}

/* Files of a run that was killed while it wrote them. */
static kuni_status clear_leftovers(const char *folder, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    if (!dir) return kuni_fail_errno(err, "cannot read %s", folder);
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        uint64_t epoch;
        bool ours =
            is_half_written(entry->d_name) || kuni_scan(entry->d_name, ".current-#", &epoch);
        if (ours && unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            status = kuni_fail_errno(err, "cannot remove %s/%s", folder, entry->d_name);
    }
    closedir(dir);
    return status;
}

/*
 * Scratch folders of tasks, "EPOCH-RANK-WORK-NODE", and the people that a killed start wrote down for its
 * ranks; other things in tmp/ are not ours.
 */
static kuni_status clear_scratch(const char *folder, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    DIR *dir = opendir(folder);
    if (!dir) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot read %s", folder);
    for (struct dirent *entry; (entry = readdir(dir)) && !status;) {
        uint64_t epoch_rank_work_node[4];
        if (!kuni_scan(entry->d_name, "#-#-#-#", epoch_rank_work_node) &&
            strcmp(entry->d_name, KUNI_COHORT_MAP) != 0)
            continue;
        char *path = kuni_path_join(folder, entry->d_name, err);
        status = path ? kuni_remove_tree(path, err) : KUNI_MEMORY;
        free(path);
    }
    closedir(dir);
    return status;
}

/*
 * A folder of the dataset that is a link leads out of it: nothing may be written or removed there.
 */
static kuni_status refuse_link(const char *path, kuni_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "%s is a symbolic link: a dataset's folders must lie in it: move the folder "
                     "back, or the whole dataset to where there is room",
                     path);
}

kuni_status kuni_folder_prepare(const char *folder, kuni_error *err)
{
    kuni_status left = clear_leftovers(folder, err);
    if (left) return left;
    static const char *const parts[] = {"data", "logs", "tmp", "generations"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char *path = kuni_path_join(folder, parts[i], err);
        if (!path) return KUNI_MEMORY;
        kuni_status status = refuse_link(path, err);
        if (!status && strcmp(parts[i], "tmp") == 0) status = clear_scratch(path, err);
        if (!status) status = kuni_make_folders(path, err);
        free(path);
        if (status) return status;
    }
    return KUNI_OK;
}

mode_t kuni_folder_guard(void)
{
    enum { NOT_FOR_OTHERS = 027 };
    mode_t before = umask(NOT_FOR_OTHERS);
    (void)umask(before | NOT_FOR_OTHERS);
    return before;
}
