/* SPDX-License-Identifier: MIT */
#include "chapter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"

static const char magic[] = "KUNITOLD\1"; /* its NUL is not written */

enum { MAGIC_BYTES = sizeof(magic) - 1, PUBLIC = 1, GENOTYPES = 2, NUMBERS = 8 };

/* --- numbers --- */

static kuni_status put(kuni_buffer *b, uint64_t value, kuni_error *err)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    return kuni_buffer_append(b, bytes, n, err);
}

static kuni_status put_word(kuni_buffer *b, uint64_t value, size_t n_bytes, kuni_error *err)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < n_bytes; i++) bytes[i] = (unsigned char)(value >> 8 * i);
    return kuni_buffer_append(b, bytes, n_bytes, err);
}

static uint64_t word_at(const unsigned char *at, size_t n_bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++) value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* What is left to be read; `bad` once it was not enough. */
typedef struct cursor {
    const unsigned char *at, *end;
    bool bad;
} cursor;

static uint64_t take(cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end) break;
        unsigned char byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    c->bad = true;
    return 0;
}

static const unsigned char *take_bytes(cursor *c, uint64_t n)
{
    const unsigned char *at = c->at;
    if (n > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    c->at += n;
    return at;
}

/* How many things of at least `bytes` each follow; so no count of a damaged file asks for the world. */
static size_t take_count(cursor *c, size_t bytes)
{
    uint64_t n = take(c);
    if (n > (uint64_t)(c->end - c->at) / bytes) c->bad = true;
    return c->bad ? 0 : (size_t)n;
}

/* --- reading --- */

static kuni_status read_classes(kuni_chapter *h, cursor *c, kuni_error *err)
{
    h->n_classes = take_count(c, 1);
    if (!(h->parent = kuni_alloc(h->n_classes + 1, sizeof(*h->parent), err))) return KUNI_MEMORY;
    for (size_t i = 0; i < h->n_classes; i++) h->parent[i] = (uint32_t)take(c);
    return KUNI_OK;
}

static kuni_status read_people(kuni_chapter *h, cursor *c, kuni_error *err)
{
    h->n_people = take_count(c, 9);
    h->people = kuni_alloc(h->n_people + 1, sizeof(*h->people), err);
    h->class_of = kuni_alloc(h->n_people + 1, sizeof(*h->class_of), err);
    if (!h->people || !h->class_of) return KUNI_MEMORY;
    for (size_t i = 0; i < h->n_people && !c->bad; i++) {
        const unsigned char *number = take_bytes(c, 8);
        h->people[i] = number ? word_at(number, 8) : 0;
        h->class_of[i] = (uint32_t)take(c);
        c->bad |= h->class_of[i] >= h->n_classes || (i && h->people[i] <= h->people[i - 1]);
    }
    h->n_known = take_count(c, 8);
    if (!(h->known = kuni_alloc(h->n_known + 1, sizeof(*h->known), err))) return KUNI_MEMORY;
    const unsigned char *numbers = take_bytes(c, (uint64_t)h->n_known * 8);
    for (size_t i = 0; i < h->n_known && numbers; i++) h->known[i] = word_at(numbers + 8 * i, 8);
    return KUNI_OK;
}

static kuni_status read_cells(kuni_chapter *h, cursor *c, kuni_error *err)
{
    h->n_cells = take_count(c, h->n_classes + 1 > 1 ? h->n_classes : 1);
    size_t n = h->n_cells * h->n_classes;
    const unsigned char *bytes = take_bytes(c, n);
    if (!(h->cells = kuni_alloc(n + 1, 1, err))) return KUNI_MEMORY;
    if (bytes && n) memcpy(h->cells, bytes, n);
    return KUNI_OK;
}

static bool record_is_whole(const kuni_chapter *h, size_t i)
{
    uint64_t beg = word_at(h->offsets + 8 * i, 8), end = word_at(h->offsets + 8 * i + 8, 8);
    if (beg > end || end > h->record_bytes || end - beg < h->n_cells) return false;
    cursor c = {.at = h->records + beg + h->n_cells, .end = h->records + end};
    for (size_t u = 0; u < h->n_classes && !c.bad; u++) {
        const unsigned char *bits = take_bytes(&c, 1);
        for (int b = 0; b < NUMBERS && bits; b++)
            if (*bits >> b & 1) (void)take(&c);
    }
    return !c.bad && c.at == c.end;
}

static void read_alleles(kuni_chapter *h, cursor *c)
{
    const unsigned char *n = take_bytes(c, 8);
    while (!c->bad && (size_t)(c->at - h->map) % 8) (void)take_bytes(c, 1);
    uint64_t count = n ? word_at(n, 8) : 0;
    if (c->bad || count > (uint64_t)(c->end - c->at) / 16) {
        c->bad = true;
        return;
    }
    h->n_alleles = (size_t)count;
    h->keys = take_bytes(c, count * 8);
    h->offsets = take_bytes(c, (count + 1) * 8);
    h->records = c->at;
    h->record_bytes = (size_t)(c->end - c->at);
    for (size_t i = 0; i < h->n_alleles && !c->bad; i++)
        c->bad = !record_is_whole(h, i) ||
                 (i && word_at(h->keys + 8 * i, 8) < word_at(h->keys + 8 * (i - 1), 8));
}

static kuni_status read_all(kuni_chapter *h, const char *path, kuni_error *err)
{
    cursor c = {.at = h->map, .end = h->map + h->map_bytes};
    const unsigned char *start = take_bytes(&c, MAGIC_BYTES);
    kuni_status status = KUNI_OK;
    c.bad |= !start || memcmp(start, magic, MAGIC_BYTES) != 0;
    size_t length = take_count(&c, 1);
    const unsigned char *text = take_bytes(&c, length);
    if (!(h->recipient = kuni_alloc(length + 1, 1, err))) return KUNI_MEMORY;
    if (text) memcpy(h->recipient, text, length);
    uint64_t flags = take(&c);
    h->everybody = flags & PUBLIC;
    h->genotypes = flags & GENOTYPES;
    h->threshold = (int64_t)take(&c);
    if (!c.bad) status = read_classes(h, &c, err);
    if (!c.bad && !status) status = read_people(h, &c, err);
    if (!c.bad && !status) status = read_cells(h, &c, err);
    if (!c.bad && !status) read_alleles(h, &c);
    if (!c.bad || status) return status;
    return kuni_fail(err, KUNI_IO,
                     "%s is damaged: what was released before is not known, so nothing can be "
                     "told: put it back from a backup",
                     path);
}

kuni_status kuni_chapter_open(kuni_chapter *h, const char *path, kuni_error *err)
{
    struct stat info;
    *h = (kuni_chapter){.recipient = NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kuni_fail_errno(err,
                               "cannot open %s, so what was released before is not known and "
                               "nothing can be told: put it back from a backup",
                               path);
    kuni_status status = KUNI_OK;
    if (fstat(fd, &info) != 0) status = kuni_fail_errno(err, "cannot look at %s", path);
    if (!status && info.st_size <= 0)
        status = kuni_fail(err, KUNI_IO, "%s is empty: put it back from a backup", path);
    if (!status) {
        h->map_bytes = (size_t)info.st_size;
        void *map = mmap(NULL, h->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            status = kuni_fail_errno(err, "cannot map %s", path);
        else
            h->map = map;
    }
    (void)close(fd);
    return status ? status : read_all(h, path, err);
}

void kuni_chapter_close(kuni_chapter *chapter)
{
    if (chapter->map) (void)munmap(chapter->map, chapter->map_bytes);
    free(chapter->recipient);
    free(chapter->parent);
    free(chapter->people);
    free(chapter->class_of);
    free(chapter->known);
    free(chapter->cells);
    *chapter = (kuni_chapter){.recipient = NULL};
}

const unsigned char *kuni_chapter_find(const kuni_chapter *chapter, uint64_t allele)
{
    size_t beg = 0, end = chapter->n_alleles;
    while (beg < end) {
        size_t middle = beg + (end - beg) / 2;
        if (word_at(chapter->keys + 8 * middle, 8) < allele)
            beg = middle + 1;
        else
            end = middle;
    }
    if (beg == chapter->n_alleles || word_at(chapter->keys + 8 * beg, 8) != allele) return NULL;
    return chapter->records + word_at(chapter->offsets + 8 * beg, 8);
}

void kuni_chapter_counts(const kuni_chapter *chapter, const unsigned char *record,
                         kuni_disclosure_counts *good, kuni_disclosure_counts *low)
{
    cursor c = {.at = record + chapter->n_cells, .end = chapter->records + chapter->record_bytes};
    for (size_t u = 0; u < chapter->n_classes; u++) {
        int64_t numbers[NUMBERS] = {0};
        unsigned bits = *take_bytes(&c, 1);
        for (int b = 0; b < NUMBERS; b++)
            if (bits >> b & 1) numbers[b] = (int64_t)take(&c);
        good[u] = (kuni_disclosure_counts){numbers[0], numbers[1], numbers[2], numbers[3]};
        low[u] = (kuni_disclosure_counts){numbers[4], numbers[5], numbers[6], numbers[7]};
    }
}

/* --- writing --- */

kuni_status kuni_chapter_note(uint64_t allele, const uint8_t *told, size_t n_cells,
                              const kuni_disclosure_counts *good, const kuni_disclosure_counts *low,
                              size_t n_classes, kuni_buffer *journal, kuni_error *err)
{
    kuni_status status = put_word(journal, allele, 8, err);
    size_t at = journal->length;
    if (!status) status = put_word(journal, 0, 4, err);
    if (!status) status = kuni_buffer_append(journal, told, n_cells, err);
    for (size_t u = 0; u < n_classes && !status; u++) {
        const kuni_disclosure_counts none = {0}, *more = low ? &low[u] : &none;
        const int64_t numbers[NUMBERS] = {good[u].het, good[u].hom, good[u].hemi, good[u].none,
                                          more->het,   more->hom,   more->hemi,   more->none};
        unsigned bits = 0;
        for (int b = 0; b < NUMBERS; b++) bits |= (unsigned)(numbers[b] != 0) << b;
        status = put_word(journal, bits, 1, err);
        for (int b = 0; b < NUMBERS && !status; b++)
            if (numbers[b]) status = put(journal, (uint64_t)numbers[b], err);
    }
    for (size_t i = 0; i < 4 && !status; i++)
        journal->data[at + i] = (char)((journal->length - at - 4) >> 8 * i & 0xff);
    return status;
}

typedef struct entry {
    uint64_t key;
    const unsigned char *record;
    size_t length;
} entry;

/* Ones with the same key in an order that does not hang on who noted them first. */
static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    int order = memcmp(x->record, y->record, x->length < y->length ? x->length : y->length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* The journal's entries, sorted; *n counts them. */
static entry *sort_journal(const kuni_buffer *journal, size_t *n, kuni_error *err)
{
    entry *entries = NULL;
    size_t capacity = 0, i = 0;
    const unsigned char *data = (const unsigned char *)journal->data;
    for (size_t at = 0; at + 12 <= journal->length; i++) {
        if (kuni_grow((void **)&entries, &capacity, i + 1, sizeof(*entries), err)) break;
        entries[i] = (entry){.key = word_at(data + at, 8),
                             .record = data + at + 12,
                             .length = (size_t)word_at(data + at + 8, 4)};
        at += 12 + entries[i].length;
    }
    if (!entries) entries = kuni_alloc(1, sizeof(*entries), err);
    if (i > 1) qsort(entries, i, sizeof(*entries), by_key);
    *n = i;
    return entries;
}

static kuni_status spell_head(const kuni_chapter *h, kuni_buffer *b, kuni_error *err)
{
    size_t length = strlen(h->recipient);
    kuni_status status = kuni_buffer_append(b, magic, MAGIC_BYTES, err);
    if (!status) status = put(b, length, err);
    if (!status) status = kuni_buffer_append(b, h->recipient, length, err);
    if (!status) status = put(b, (h->everybody ? PUBLIC : 0) | (h->genotypes ? GENOTYPES : 0), err);
    if (!status) status = put(b, (uint64_t)h->threshold, err);
    if (!status) status = put(b, h->n_classes, err);
    for (size_t i = 0; i < h->n_classes && !status; i++) status = put(b, h->parent[i], err);
    if (!status) status = put(b, h->n_people, err);
    for (size_t i = 0; i < h->n_people && !status; i++) {
        status = put_word(b, h->people[i], 8, err);
        if (!status) status = put(b, h->class_of[i], err);
    }
    if (!status) status = put(b, h->n_known, err);
    for (size_t i = 0; i < h->n_known && !status; i++) status = put_word(b, h->known[i], 8, err);
    if (!status) status = put(b, h->n_cells, err);
    if (!status) status = kuni_buffer_append(b, h->cells, h->n_cells * h->n_classes, err);
    return status;
}

static kuni_status spell_index(const entry *entries, size_t n, kuni_buffer *b, kuni_error *err)
{
    uint64_t offset = 0;
    kuni_status status = put_word(b, n, 8, err);
    while (!status && b->length % 8) status = put_word(b, 0, 1, err);
    for (size_t i = 0; i < n && !status; i++) status = put_word(b, entries[i].key, 8, err);
    for (size_t i = 0; i <= n && !status; i++) {
        status = put_word(b, offset, 8, err);
        offset += i < n ? entries[i].length : 0;
    }
    return status;
}

kuni_status kuni_chapter_write(const kuni_chapter *h, const kuni_buffer *journal, const char *path,
                               kuni_error *err)
{
    kuni_buffer head = KUNI_BUFFER_INIT;
    kuni_file *file = NULL;
    size_t n = 0;
    entry *entries = sort_journal(journal, &n, err);
    kuni_status status = entries ? spell_head(h, &head, err) : KUNI_MEMORY;
    if (!status) status = spell_index(entries, n, &head, err);
    mode_t before = umask(0077);
    if (!status) status = kuni_file_create(&file, path, err);
    (void)umask(before);
    if (!status) status = kuni_file_write(file, head.data, head.length, err);
    for (size_t i = 0; i < n && !status; i++)
        status = kuni_file_write(file, entries[i].record, entries[i].length, err);
    if (!status)
        status = kuni_file_commit(file, err);
    else
        kuni_file_discard(file);
    free(entries);
    kuni_buffer_fini(&head);
    return status;
}
