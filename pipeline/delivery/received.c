/* SPDX-License-Identifier: MIT */
#include "received.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char kuni_no_digest[KUNI_DIGEST_HEX_BYTES] =
    "0000000000000000000000000000000000000000000000000000000000000000";

static const char description[] = "release.json";

enum { DESCRIPTION_BYTES_MAX = 64 << 20 };

typedef struct checking {
    kuni_received *r;
    kuni_buffer *faults;
    size_t n_faults;
    kuni_error *err;
} checking;

/* What release.json calls a file may be anything: nothing of it steers a terminal. */
static kuni_status fault(checking *c, const char *name, const char *what)
{
    char shown[256];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof(shown); n++)
        shown[n] = (unsigned char)name[n] < ' ' || name[n] == 127 ? '?' : name[n];
    shown[n] = '\0';
    c->n_faults++;
    return kuni_buffer_printf(c->faults, c->err, "%s/%s: %s\n", c->r->folder, shown, what);
}

/* --- release.json --- */

static bool is_hex(const char *text, size_t n)
{
    return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

/* A name that leads nowhere else. */
static bool is_plain(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strcmp(name, description) != 0;
}

static bool take_chain(kuni_chain *chain, const json_t *root)
{
    const json_t *json = json_object_get(root, "chain");
    const char *series = json_string_value(json_object_get(json, "series"));
    const char *previous = json_string_value(json_object_get(json, "previous"));
    const char *before = json_string_value(json_object_get(json, "dataset"));
    chain->number = json_integer_value(json_object_get(json, "number"));
    if (chain->number < 1 || !is_hex(series, KUNI_SERIES_HEX_BYTES - 1) ||
        !is_hex(previous, KUNI_DIGEST_HEX_BYTES - 1) || !is_hex(before, KUNI_DIGEST_HEX_BYTES - 1))
        return false;
    memcpy(chain->series, series, sizeof(chain->series));
    memcpy(chain->previous, previous, sizeof(chain->previous));
    memcpy(chain->before, before, sizeof(chain->before));
    return (chain->number == 1) == (strcmp(previous, kuni_no_digest) == 0);
}

static kuni_status parse(checking *c, const kuni_buffer *text, json_t **root)
{
    *root = json_loadb(text->data ? text->data : "", text->length, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(*root, "release"));
    const char *recipient = json_string_value(json_object_get(*root, "recipient"));
    const json_t *files = json_object_get(*root, "files");
    if (!name || !recipient || !json_is_object(files) || !take_chain(&c->r->chain, *root))
        return fault(c, description, "describes no release of kuni, or is damaged");
    c->r->name = kuni_strdup(name, c->err);
    c->r->recipient = kuni_strdup(recipient, c->err);
    return c->r->name && c->r->recipient ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status read_description(checking *c, json_t **root)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(c->r->folder, description, c->err);
    kuni_status status =
        path ? kuni_file_get(path, DESCRIPTION_BYTES_MAX, &text, c->err) : KUNI_MEMORY;
    kuni_digest *digest = status ? NULL : kuni_digest_new(c->err);
    if (digest) {
        kuni_digest_add(digest, text.data, text.length);
        kuni_digest_finish(digest, c->r->digest);
        status = parse(c, &text, root);
    } else if (!status) {
        status = KUNI_MEMORY;
    }
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

/* --- files --- */

static kuni_status check_bytes(checking *c, const char *name, const char *path, int64_t bytes,
                               const char *digest)
{
    struct stat info;
    char hex[KUNI_DIGEST_HEX_BYTES];
    if (lstat(path, &info) != 0) return fault(c, name, "is missing");
    if (!S_ISREG(info.st_mode)) return fault(c, name, "is no plain file");
    if (info.st_size != bytes)
        return fault(c, name, info.st_size < bytes ? "is cut off" : "is longer than it was");
    kuni_status status = kuni_digest_file(path, hex, c->err);
    if (status) return status;
    return strcmp(hex, digest) == 0 ? KUNI_OK : fault(c, name, "was changed: other bytes");
}

static kuni_status check_file(checking *c, const char *name, const json_t *told)
{
    const json_t *size = json_object_get(told, "bytes");
    const char *digest = json_string_value(json_object_get(told, "blake2b"));
    if (!is_plain(name) || !json_is_integer(size) || json_integer_value(size) < 0 ||
        !is_hex(digest, KUNI_DIGEST_HEX_BYTES - 1))
        return fault(c, description, "tells of a file without its size and digest, or elsewhere");
    char *path = kuni_path_join(c->r->folder, name, c->err);
    kuni_status status =
        path ? check_bytes(c, name, path, json_integer_value(size), digest) : KUNI_MEMORY;
    free(path);
    c->r->files++;
    c->r->bytes += json_integer_value(size);
    return status;
}

static kuni_status check_others(checking *c, const json_t *files)
{
    DIR *folder = opendir(c->r->folder);
    if (!folder) return kuni_fail_errno(c->err, "cannot read %s", c->r->folder);
    kuni_status status = KUNI_OK;
    for (const struct dirent *entry; !status && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        bool known = !is_plain(name) || json_object_get(files, name) ||
                     strcmp(name, kuni_signature_name) == 0;
        if (!known) status = fault(c, name, "is not part of the release");
    }
    (void)closedir(folder);
    return status;
}

kuni_status kuni_received_check(kuni_received *r, const char *folder, const char *signer,
                                kuni_buffer *faults, kuni_error *err)
{
    *r = (kuni_received){.folder = folder};
    checking c = {.r = r, .faults = faults, .err = err};
    json_t *root = NULL, *told;
    const char *name;
    kuni_status status = read_description(&c, &root);
    json_t *files = json_object_get(root, "files");
    if (!status && !c.n_faults) {
        json_object_foreach(files, name, told)
        {
            if (!status) status = check_file(&c, name, told);
        }
        if (!status) status = check_others(&c, files);
        if (!status) status = kuni_signature_check(folder, signer, r->signed_by, err);
    }
    json_decref(root);
    if (!status && c.n_faults)
        status = kuni_fail(err, KUNI_IO, "%s is not what was released", folder);
    return status;
}

void kuni_received_fini(kuni_received *r)
{
    free(r->name);
    free(r->recipient);
    *r = (kuni_received){.folder = NULL};
}

/* --- series --- */

static int by_place(const void *a, const void *b)
{
    const kuni_received *x = a, *y = b;
    int order = strcmp(x->chain.series, y->chain.series);
    return order ? order
                 : (x->chain.number > y->chain.number) - (x->chain.number < y->chain.number);
}

/* `b` comes behind `a` and is of the same series. */
static kuni_status check_link(checking *c, const kuni_received *a, const kuni_received *b,
                              size_t *gaps)
{
    c->r->folder = b->folder;
    if (a->chain.number == b->chain.number)
        return strcmp(a->digest, b->digest) == 0
                   ? KUNI_OK
                   : fault(c, description, "another release has the same number of the series");
    if (a->chain.number + 1 < b->chain.number) {
        ++*gaps;
        return KUNI_OK;
    }
    return strcmp(a->digest, b->chain.previous) == 0
               ? KUNI_OK
               : fault(c, description, "does not follow the release before it in the series");
}

kuni_status kuni_received_check_series(kuni_received *all, size_t n, size_t *gaps,
                                       kuni_buffer *faults, kuni_error *err)
{
    kuni_received place = {.folder = NULL};
    checking c = {.r = &place, .faults = faults, .err = err};
    kuni_status status = KUNI_OK;
    *gaps = 0;
    if (n > 1) qsort(all, n, sizeof(*all), by_place);
    for (size_t i = 0; i < n && !status; i++) {
        bool goes_on = i && strcmp(all[i].chain.series, all[i - 1].chain.series) == 0;
        if (!goes_on && all[i].chain.number > 1)
            ++*gaps;
        else if (goes_on)
            status = check_link(&c, &all[i - 1], &all[i], gaps);
    }
    if (!status && c.n_faults) status = kuni_fail(err, KUNI_IO, "the releases are no series");
    return status;
}
