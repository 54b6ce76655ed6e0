/* SPDX-License-Identifier: MIT */
#include "journal_task.h"

#include <stdlib.h>
#include <string.h>

/* --- of a tree --- */

static const char *text_of(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

void kuni_journal_task_of(const json_t *record, kuni_journal_task *task)
{
    const json_t *list = json_object_get(record, "o");
    *task = (kuni_journal_task){
        .node = text_of(record, "n"),
        .shard = text_of(record, "s"),
        .batch = text_of(record, "b"),
        .key = text_of(record, "k"),
        .made = text_of(record, "m"),
        .n_outputs = json_array_size(list),
        .measured = json_object_get(record, "cpu") != NULL,
        .cpu_s = json_number_value(json_object_get(record, "cpu")),
        .wall_s = json_number_value(json_object_get(record, "wall")),
        .parts = json_integer_value(json_object_get(record, "of")),
        .rss_bytes = json_integer_value(json_object_get(record, "rss")),
        .skip = json_object_get(record, "skip"),
        .drop = json_object_get(record, "drop"),
        .without = json_object_get(record, "without"),
    };
    task->outputs_good = task->n_outputs <= KUNI_JOURNAL_OUTPUTS_MAX;
    for (size_t o = 0; o < task->n_outputs; o++) {
        const json_t *entry = json_array_get(list, o);
        kuni_stored_output out = {.bytes = -1};
        const char *hex = json_string_value(json_array_get(entry, 2));
        if (!json_is_null(entry)) {
            out.bytes = json_integer_value(json_array_get(entry, 0));
            out.mtime_ns = json_integer_value(json_array_get(entry, 1));
            task->bytes += out.bytes;
            if (!hex || !kuni_hash_parse(&out.digest, hex)) task->outputs_good = false;
        }
        if (o < KUNI_JOURNAL_OUTPUTS_MAX) task->outputs[o] = out;
    }
}

/* --- of a line --- */

/* A text is taken where it has nothing to be unescaped and is ASCII. */
typedef struct word {
    char *at; /* NULL: not there */
    size_t n;
} word;

typedef struct cursor {
    char *at;
    const char *end;
} cursor;

static bool take(cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, word *w)
{
    if (!take(c, '"')) return false;
    *w = (word){.at = c->at};
    while (c->at < c->end && *c->at >= ' ' && *c->at < 127 && *c->at != '"' && *c->at != '\\')
        c->at++;
    w->n = (size_t)(c->at - w->at);
    return take(c, '"');
}

/* A whole number of JSON that an int64 holds. */
static bool take_int(cursor *c, int64_t *value)
{
    bool minus = take(c, '-');
    const char *first = c->at;
    int64_t n = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *c->at - '0', &n))
            return false;
    if (c->at == first || (*first == '0' && c->at - first > 1)) return false;
    if (c->at < c->end && (*c->at == '.' || *c->at == 'e' || *c->at == 'E')) return false;
    *value = minus ? -n : n;
    return true;
}

/* As "0.25": digits, a point, digits. */
static bool take_real(cursor *c, double *value)
{
    enum { BYTES_MOST = 24 };
    const char *first = c->at;
    char text[BYTES_MOST + 1];
    int64_t whole;
    const char *point = memchr(first, '.', (size_t)(c->end - first));
    if (!point || point == first || point - first > BYTES_MOST) return false;
    cursor before = {.at = c->at, .end = point};
    if (!take_int(&before, &whole) || before.at != point) return false;
    c->at += point - first + 1;
    const char *digits = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
    if (c->at == digits || c->at - first > BYTES_MOST) return false;
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) return false;
    memcpy(text, first, (size_t)(c->at - first));
    text[c->at - first] = '\0';
    *value = strtod(text, NULL); /* in the C locale, as jansson does */
    return true;
}

static bool take_outputs(cursor *c, kuni_journal_task *task)
{
    static const char null[] = "null";
    if (!take(c, '[')) return false;
    task->outputs_good = true;
    if (take(c, ']')) return true;
    do {
        kuni_stored_output out = {.bytes = -1};
        word hex;
        if (task->n_outputs == KUNI_JOURNAL_OUTPUTS_MAX) return false;
        if (c->end - c->at >= 4 && memcmp(c->at, null, 4) == 0) {
            c->at += 4;
        } else {
            if (!take(c, '[') || !take_int(c, &out.bytes) || !take(c, ',') ||
                !take_int(c, &out.mtime_ns) || !take(c, ',') || !take_word(c, &hex) ||
                !take(c, ']'))
                return false;
            char digits[KUNI_DIGEST_HEX_BYTES];
            if (hex.n != sizeof(digits) - 1) return false;
            memcpy(digits, hex.at, hex.n);
            digits[hex.n] = '\0';
            if (!kuni_hash_parse(&out.digest, digits)) return false;
            task->bytes += out.bytes;
        }
        task->outputs[task->n_outputs++] = out;
    } while (take(c, ','));
    return take(c, ']');
}

/* Names of values, and what they are. */
enum { NODE, SHARD, BATCH, KEY, MADE, TYPE, WHY, HOST, TEXTS };
enum { PARTS = TEXTS, RSS, READ, WRITTEN, WORK, RANK, TRY, AT, INTS_END };
enum { CPU = INTS_END, WALL, REALS_END, OUTPUTS = REALS_END, NAMES };

static int name_of(word w)
{
    static const char *const names[NAMES] = {
        [NODE] = "n",  [SHARD] = "s",    [BATCH] = "b",   [KEY] = "k",     [MADE] = "m",
        [TYPE] = "t",  [WHY] = "why",    [HOST] = "host", [PARTS] = "of",  [RSS] = "rss",
        [READ] = "rd", [WRITTEN] = "wr", [WORK] = "work", [RANK] = "rank", [TRY] = "try",
        [AT] = "at",   [CPU] = "cpu",    [WALL] = "wall", [OUTPUTS] = "o"};
    for (int i = 0; i < NAMES; i++)
        if (names[i][0] == w.at[0] && strlen(names[i]) == w.n && memcmp(names[i], w.at, w.n) == 0)
            return i;
    return -1;
}

static const char *ended(word w)
{
    if (w.at) w.at[w.n] = '\0';
    return w.at;
}

bool kuni_journal_task_parse(char *text, size_t length, kuni_journal_task *task)
{
    cursor c = {.at = text, .end = text + length};
    word texts[TEXTS] = {{.n = 0}};
    int64_t ints[INTS_END] = {0};
    double reals[REALS_END] = {0};
    uint32_t seen = 0;
    *task = (kuni_journal_task){.outputs_good = true};
    if (!take(&c, '{')) return false;
    do {
        word name;
        if (!take_word(&c, &name) || !name.n || !take(&c, ':')) return false;
        int i = name_of(name);
        if (i < 0 || seen & 1u << i) return false;
        seen |= 1u << i;
        bool good = i < TEXTS       ? take_word(&c, &texts[i])
                    : i < INTS_END  ? take_int(&c, &ints[i])
                    : i < REALS_END ? take_real(&c, &reals[i])
                                    : take_outputs(&c, task);
        if (!good) return false;
    } while (take(&c, ','));
    if (!take(&c, '}') || c.at != c.end || texts[TYPE].n != 4 ||
        memcmp(texts[TYPE].at, "task", 4) != 0)
        return false;
    task->node = ended(texts[NODE]);
    task->shard = ended(texts[SHARD]);
    task->batch = ended(texts[BATCH]);
    task->key = ended(texts[KEY]);
    task->made = ended(texts[MADE]);
    task->measured = seen & 1u << CPU;
    task->cpu_s = reals[CPU];
    task->wall_s = reals[WALL];
    task->parts = ints[PARTS];
    task->rss_bytes = ints[RSS];
    return true;
}
