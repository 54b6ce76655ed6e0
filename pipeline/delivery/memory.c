/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char first_line[] = "#kuni members 1\n", last_line[] = "#end\n";

enum { MEMBERS_BYTES_MAX = 1 << 30 };

/* --- the folder --- */

/* Whether something was kept already, so that a secret must be there. */
static bool holds_releases(const char *path)
{
    DIR *folder = opendir(path);
    bool found = false;
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));)
        found = strspn(entry->d_name, "0123456789abcdef") == KUNI_RELEASE_ID_BYTES - 1;
    if (folder) (void)closedir(folder);
    return found;
}

/* Readable by its owner alone, from its first byte on. */
static kuni_status put_private(const char *path, const void *bytes, size_t length, kuni_error *err)
{
    mode_t before = umask(0177);
    kuni_status status = kuni_file_put(path, bytes, length, err);
    (void)umask(before);
    return status;
}

static kuni_status make_secret(const char *path, kuni_error *err)
{
    unsigned char bytes[KUNI_MEMORY_SECRET_BYTES];
    char hex[2 * sizeof(bytes) + 2];
    randombytes_buf(bytes, sizeof(bytes));
    (void)sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
    hex[sizeof(hex) - 2] = '\n';
    kuni_status status = put_private(path, hex, sizeof(hex) - 1, err);
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(hex, sizeof(hex));
    return status;
}

static kuni_status read_secret(kuni_memory *memory, bool write, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    size_t length = 0;
    char *path = kuni_path_join(memory->folder, "secret", err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    bool missing = path && access(path, F_OK) != 0 && errno == ENOENT;
    if (missing && (!write || holds_releases(memory->folder)))
        status = kuni_fail(err, KUNI_IO,
                           "%s is lost: without it nobody can be found in former releases: put it "
                           "back from a backup",
                           path);
    else if (missing)
        status = make_secret(path, err);
    if (!status) status = kuni_file_get(path, 4096, &text, err);
    if (!status && (sodium_hex2bin(memory->secret, sizeof(memory->secret), text.data, text.length,
                                   "\n", &length, NULL) != 0 ||
                    length != sizeof(memory->secret)))
        status = kuni_fail(err, KUNI_IO, "%s is damaged: put it back from a backup", path);
    if (text.data) sodium_memzero(text.data, text.length);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

static kuni_status take_lock(kuni_memory *memory, kuni_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = kuni_path_join(memory->folder, "lock", err);
    if (!path) return KUNI_MEMORY;
    int got = -1;
    memory->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (memory->lock >= 0)
        while ((got = fcntl(memory->lock, F_SETLK, &whole)) != 0 && errno == EINTR) continue;
    bool taken = got != 0 && memory->lock >= 0 && (errno == EACCES || errno == EAGAIN);
    kuni_status status = got == 0 ? KUNI_OK
                         : taken
                             ? kuni_fail(err, KUNI_AGAIN,
                                         "another release of this dataset is being made, and each "
                                         "is weighed against those before it: try again when it is "
                                         "done (%s)",
                                         path)
                             : kuni_fail_errno(err, "cannot lock %s", path);
    free(path);
    return status;
}

kuni_status kuni_memory_open(kuni_memory *memory, const char *dataset, bool write, kuni_error *err)
{
    *memory = (kuni_memory){.folder = kuni_path_join(dataset, "releases", err), .lock = -1};
    if (!memory->folder) return KUNI_MEMORY;
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be used");
    if (write && mkdir(memory->folder, 0700) != 0 && errno != EEXIST)
        return kuni_fail_errno(err, "cannot make %s", memory->folder);
    if (!write && access(memory->folder, F_OK) != 0 && errno == ENOENT)
        return kuni_fail(err, KUNI_USAGE, "%s has released nothing, or keeps nothing of it",
                         dataset);
    kuni_status status = write ? take_lock(memory, err) : KUNI_OK;
    return status ? status : read_secret(memory, write, err);
}

void kuni_memory_close(kuni_memory *memory)
{
    free(memory->folder);
    if (memory->folder && memory->lock >= 0) (void)close(memory->lock); /* which frees it */
    sodium_memzero(memory->secret, sizeof(memory->secret));
    *memory = (kuni_memory){.folder = NULL, .lock = -1};
}

static void keyed(const kuni_memory *memory, const char *purpose, const char *text,
                  unsigned char digest[crypto_generichash_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, memory->secret, sizeof(memory->secret),
                                  crypto_generichash_BYTES);
    /* The purpose with its NUL, so that no text of one reads as one of the other. */
    (void)crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)text, strlen(text));
    (void)crypto_generichash_final(&state, digest, crypto_generichash_BYTES);
}

void kuni_memory_digest(const kuni_memory *memory, const char *participant,
                        char hex[KUNI_DIGEST_HEX_BYTES])
{
    unsigned char digest[crypto_generichash_BYTES];
    keyed(memory, "participant", participant, digest);
    (void)sodium_bin2hex(hex, KUNI_DIGEST_HEX_BYTES, digest, sizeof(digest));
}

/* --- the history --- */

static char *text_of(const json_t *entry, const char *name, kuni_error *err)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return kuni_strdup(text ? text : "", err);
}

/* What is no hexadecimal number of that length stays empty. */
static void take_hex(char *room, size_t bytes, const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    if (text && strlen(text) == bytes - 1 && strspn(text, "0123456789abcdef") == bytes - 1)
        memcpy(room, text, bytes);
}

static kuni_status take_entry(void *context, const json_t *json, kuni_error *err)
{
    kuni_release_list *list = context;
    const char *what = json_string_value(json_object_get(json, "what"));
    if (!what || strcmp(what, "released") != 0) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&list->entries, &list->capacity, list->n + 1,
                                   sizeof(*list->entries), err);
    if (status) return status;
    kuni_release_entry *e = &list->entries[list->n++];
    *e = (kuni_release_entry){.at = text_of(json, "at", err),
                              .name = text_of(json, "release", err),
                              .recipient = text_of(json, "recipient", err),
                              .use = text_of(json, "use", err),
                              .form = text_of(json, "form", err),
                              .chain.number = json_integer_value(json_object_get(json, "number")),
                              .people = json_integer_value(json_object_get(json, "people")),
                              .generation = json_integer_value(json_object_get(json, "generation")),
                              .is_public = json_is_true(json_object_get(json, "public"))};
    take_hex(e->id, sizeof(e->id), json, "id");
    take_hex(e->digest, sizeof(e->digest), json, "blake2b");
    take_hex(e->members, sizeof(e->members), json, "members");
    take_hex(e->request, sizeof(e->request), json, "request");
    take_hex(e->asked, sizeof(e->asked), json, "asked");
    take_hex(e->told, sizeof(e->told), json, "told");
    take_hex(e->chain.series, sizeof(e->chain.series), json, "series");
    take_hex(e->chain.previous, sizeof(e->chain.previous), json, "previous");
    take_hex(e->chain.before, sizeof(e->chain.before), json, "dataset");
    return e->at && e->name && e->recipient && e->use && e->form ? KUNI_OK : KUNI_MEMORY;
}

/* Of the first `n` entries: what no erasure changes. */
static kuni_status digest_entries(const kuni_release_list *list, size_t n,
                                  char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const kuni_release_entry *e = &list->entries[i];
        kuni_digest_add_text(digest, e->id);
        kuni_digest_add_text(digest, e->digest);
        kuni_digest_add_text(digest, e->told);
        kuni_digest_add_text(digest, e->chain.series);
        kuni_digest_add_int(digest, e->is_public);
    }
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

static kuni_status check_head(const kuni_release_list *list, const char *head, const char *dataset,
                              kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES], *digest;
    size_t n = (size_t)strtoull(head, &digest, 10);
    kuni_status status = n <= list->n ? digest_entries(list, n, hex, err) : KUNI_OK;
    if (status || (n <= list->n && *digest == ' ' && strcmp(digest + 1, hex) == 0)) return status;
    return kuni_fail(err, KUNI_IO,
                     "%s/history.jsonl does not tell of the %zu releases that %s/releases/head "
                     "stands for: it was cut, changed or is an older one: put both back from a "
                     "backup",
                     dataset, n, dataset);
}

kuni_status kuni_release_list_read(kuni_release_list *list, const char *dataset, kuni_error *err)
{
    size_t entries;
    kuni_buffer head = KUNI_BUFFER_INIT;
    *list = (kuni_release_list){.n = 0};
    char *path = kuni_path_join(dataset, "releases/head", err);
    /* Before the history, to which another release may add meanwhile. */
    bool there = path && access(path, F_OK) == 0;
    kuni_status status = !path   ? KUNI_MEMORY
                         : there ? kuni_file_get(path, 4096, &head, err)
                                 : KUNI_OK;
    if (!status) status = kuni_history_read(dataset, take_entry, list, &entries, err);
    if (!status && there) status = check_head(list, head.data ? head.data : "", dataset, err);
    kuni_buffer_fini(&head);
    free(path);
    return status;
}

kuni_status kuni_memory_put_head(const kuni_memory *memory, const char *dataset, kuni_error *err)
{
    kuni_release_list list;
    kuni_buffer head = KUNI_BUFFER_INIT;
    char hex[KUNI_DIGEST_HEX_BYTES];
    char *path = kuni_memory_path(memory, NULL, "head", err);
    kuni_status status = kuni_release_list_read(&list, dataset, err);
    if (!status) status = path ? digest_entries(&list, list.n, hex, err) : KUNI_MEMORY;
    if (!status) status = kuni_buffer_printf(&head, err, "%zu %s", list.n, hex);
    if (!status) status = put_private(path, head.data, head.length, err);
    kuni_release_list_fini(&list);
    kuni_buffer_fini(&head);
    free(path);
    return status;
}

void kuni_release_list_fini(kuni_release_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->entries[i].at);
        free(list->entries[i].name);
        free(list->entries[i].recipient);
        free(list->entries[i].use);
        free(list->entries[i].form);
    }
    free(list->entries);
    *list = (kuni_release_list){.n = 0};
}

static void spell_series(const kuni_memory *memory, const char *recipient,
                         char series[KUNI_SERIES_HEX_BYTES])
{
    unsigned char digest[crypto_generichash_BYTES];
    keyed(memory, "series", recipient, digest);
    (void)sodium_bin2hex(series, KUNI_SERIES_HEX_BYTES, digest, (KUNI_SERIES_HEX_BYTES - 1) / 2);
}

kuni_status kuni_memory_check(const kuni_memory *memory, const kuni_release_list *list,
                              kuni_error *err)
{
    char series[KUNI_SERIES_HEX_BYTES];
    for (size_t i = 0; i < list->n; i++) {
        const kuni_release_entry *e = &list->entries[i];
        spell_series(memory, e->recipient, series);
        if (!e->chain.series[0] || strcmp(e->chain.series, series) == 0) continue;
        if (strcmp(e->recipient, kuni_history_erased) == 0) continue;
        return kuni_fail(err, KUNI_IO,
                         "%s/secret is not the one that the release '%s' to %s of %s was noted "
                         "with, so nobody of it can be found: put it back from a backup",
                         memory->folder, e->name, e->recipient, e->at);
    }
    return KUNI_OK;
}

void kuni_memory_chain(const kuni_memory *memory, const kuni_release_list *list, const char *id,
                       const char *recipient, kuni_chain *chain)
{
    *chain = (kuni_chain){.number = 1};
    memcpy(chain->previous, kuni_no_digest, sizeof(chain->previous));
    memcpy(chain->before, kuni_no_digest, sizeof(chain->before));
    for (size_t i = 0; i < list->n; i++) {
        const kuni_release_entry *e = &list->entries[i];
        bool same = strcmp(e->recipient, recipient) == 0;
        if (same && e->chain.number > 0 && strcmp(e->id, id) == 0) {
            *chain = e->chain;
            return;
        }
        if (e->digest[0]) memcpy(chain->before, e->digest, sizeof(chain->before));
        if (!same || e->chain.number < chain->number)
            continue; /* made again, or before the chain */
        memcpy(chain->previous, e->digest, sizeof(chain->previous));
        chain->number = e->chain.number + 1;
    }
    spell_series(memory, recipient, chain->series);
}

/* --- members --- */

typedef struct line {
    char digest[KUNI_DIGEST_HEX_BYTES];
    const char *pseudonym;
} line;

static int by_digest(const void *a, const void *b)
{
    return strcmp(((const line *)a)->digest, ((const line *)b)->digest);
}

/* In the order of the digests, which tells nothing. */
static kuni_status spell(const kuni_memory *memory, const kuni_member *members, size_t n,
                         kuni_buffer *text, kuni_error *err)
{
    line *lines = kuni_alloc(n + 1, sizeof(*lines), err);
    kuni_status status =
        lines ? kuni_buffer_append(text, first_line, strlen(first_line), err) : KUNI_MEMORY;
    for (size_t i = 0; i < n && lines; i++) {
        kuni_memory_digest(memory, members[i].participant, lines[i].digest);
        lines[i].pseudonym = members[i].pseudonym ? members[i].pseudonym : ".";
    }
    if (lines && n > 1) qsort(lines, n, sizeof(*lines), by_digest);
    for (size_t i = 0; i < n && !status; i++)
        status = kuni_buffer_printf(text, err, "%s\t%s\n", lines[i].digest, lines[i].pseudonym);
    free(lines);
    return status ? status : kuni_buffer_append(text, last_line, strlen(last_line), err);
}

char *kuni_memory_path(const kuni_memory *memory, const char *id, const char *name, kuni_error *err)
{
    if (!id) return kuni_path_join(memory->folder, name, err);
    char *folder = kuni_path_join(memory->folder, id, err);
    char *path = folder ? kuni_path_join(folder, name, err) : NULL;
    free(folder);
    return path;
}

static kuni_status digest_text(const kuni_buffer *text, char hex[KUNI_DIGEST_HEX_BYTES],
                               kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add(digest, text->data ? text->data : "", text->length);
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

kuni_status kuni_memory_keep(const kuni_memory *memory, const char *id, const kuni_member *members,
                             size_t n, char digest[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *folder = id ? kuni_memory_path(memory, id, ".", err) : NULL;
    char *path = id ? kuni_memory_path(memory, id, "members.tsv", err) : NULL;
    kuni_status status =
        !id || (folder && path) ? spell(memory, members, n, &text, err) : KUNI_MEMORY;
    if (!status) status = digest_text(&text, digest, err);
    if (!status && id) {
        folder[strlen(folder) - 2] = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            status = kuni_fail_errno(err, "cannot make %s", folder);
    }
    if (!status && id) status = put_private(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    free(folder);
    free(path);
    return status;
}

static kuni_status parse(kuni_members *m, const char *path, kuni_error *err)
{
    char *at = m->text.data + strlen(first_line), *end;
    size_t length = m->text.length;
    if (length < sizeof(first_line) - 1 + sizeof(last_line) - 1 ||
        strncmp(m->text.data, first_line, strlen(first_line)) != 0 ||
        strcmp(m->text.data + length - strlen(last_line), last_line) != 0)
        return kuni_fail(err, KUNI_IO, "%s is no list of members", path);
    kuni_status status = KUNI_OK;
    for (; !status && *at != '#' && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        char *tab = strchr(at, '\t');
        if (!tab) return kuni_fail(err, KUNI_IO, "%s is no list of members", path);
        *tab = '\0';
        status = kuni_grow((void **)&m->pseudonyms, &m->capacity, m->n + 1, sizeof(char *), err);
        if (!status) status = kuni_names_add(&m->by_digest, at, (uint32_t)m->n, err);
        if (!status) m->pseudonyms[m->n++] = tab + 1;
    }
    return status;
}

kuni_status kuni_members_read(kuni_members *m, const kuni_memory *memory,
                              const kuni_release_entry *entry, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    *m = (kuni_members){.n = 0};
    if (!entry->id[0])
        return kuni_fail(err, KUNI_DATA, "of release %s to %s no members were kept", entry->name,
                         entry->recipient);
    char *path = kuni_memory_path(memory, entry->id, "members.tsv", err);
    kuni_status status = path ? kuni_file_get(path, MEMBERS_BYTES_MAX, &m->text, err) : KUNI_MEMORY;
    if (!status) status = digest_text(&m->text, hex, err);
    if (!status && strcmp(hex, entry->members) != 0)
        status = kuni_fail(err, KUNI_IO,
                           "%s is not what the history tells of: put it back from a backup", path);
    if (!status) status = parse(m, path, err);
    free(path);
    return status;
}

void kuni_members_fini(kuni_members *m)
{
    kuni_names_fini(&m->by_digest);
    free((void *)m->pseudonyms);
    kuni_buffer_fini(&m->text);
    *m = (kuni_members){.n = 0};
}

int64_t kuni_members_find(const kuni_members *m, const kuni_memory *memory, const char *participant)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_memory_digest(memory, participant, hex);
    return kuni_names_find(&m->by_digest, hex);
}
