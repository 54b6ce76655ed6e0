/* SPDX-License-Identifier: MIT */
#include "yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "kuni/params.h"
#include "utf8.h"

typedef struct anchor {
    const char *name;
    kuni_yaml_node *node;
} anchor;

typedef struct builder {
    yaml_parser_t parser;
    kuni_arena *arena;
    kuni_faults *faults;
    const char *setting;
    const char *text; /* what is parsed */
    size_t length;
    anchor *anchors;
    size_t n_anchors, capacity;
    kuni_error *err;
} builder;

enum { ANCHORS_MAX = 1000, MERGED_KEYS_MAX = 1000 };

bool kuni_yaml_is_null(const kuni_yaml_node *node)
{
    return node->type == KUNI_YAML_TEXT && node->plain &&
           (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *kuni_yaml_describe(const kuni_yaml_node *node, char room[KUNI_YAML_WORD_BYTES])
{
    if (node->type == KUNI_YAML_LIST) return "a list";
    if (node->type == KUNI_YAML_MAP) return "a map";
    if (kuni_yaml_is_null(node)) return "nothing";
    size_t length = strlen(node->text), shown = length;
    if (shown > 40) {
        shown = 40;
        while (shown > 0 && ((unsigned char)node->text[shown] & 0xC0) == 0x80) shown--;
    }
    snprintf(room, KUNI_YAML_WORD_BYTES, "'%.*s%s'", (int)shown, node->text,
             shown < length ? "..." : "");
    return room;
}

void kuni_yaml_fault(kuni_faults *faults, const kuni_yaml_node *at, const char *format, ...)
{
    va_list args;
    const char *within = faults->within;
    if (at) faults->within = at->file;
    va_start(args, format);
    kuni_faults_add_list(faults, at ? at->setting : NULL, at ? at->line : 0, at ? at->column : 0,
                         format, args);
    va_end(args);
    faults->within = within;
}

kuni_yaml_node *kuni_yaml_get(const kuni_yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->type == KUNI_YAML_MAP && i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0) return map->values[i];
    return NULL;
}

/* --- the text before YAML sees it --- */

static bool text_is_clean(builder *b)
{
    const unsigned char *s = (const unsigned char *)b->text;
    if (b->length >= 2 && ((s[0] == 0xFE && s[1] == 0xFF) || (s[0] == 0xFF && s[1] == 0xFE))) {
        kuni_faults_add(b->faults, b->setting, 1, 1, "the text is UTF-16; expected UTF-8");
        return false;
    }
    int64_t line = 1, column = 1;
    for (size_t i = 0; i < b->length;) {
        size_t n = kuni_utf8_length(s + i, b->length - i);
        bool control = (s[i] < ' ' && s[i] != '\n' && s[i] != '\r' && s[i] != '\t') || s[i] == 127;
        if (n == 0 || control) {
            kuni_faults_add(b->faults, b->setting, line, column,
                            "byte 0x%02x is not text; expected a YAML file in UTF-8", s[i]);
            return false;
        }
        column = s[i] == '\n' ? 1 : column + 1;
        line += s[i] == '\n';
        i += n;
    }
    return true;
}

/* --- events to nodes --- */

static kuni_status fault_at(builder *b, yaml_mark_t mark, const char *text)
{
    kuni_faults_add(b->faults, b->setting, (int64_t)mark.line + 1, (int64_t)mark.column + 1, "%s",
                    text);
    return KUNI_USAGE;
}

/* libyaml's own complaint, in our words where a common mistake can be told. */
static kuni_status syntax_fault(builder *b)
{
    yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) return kuni_fail_memory(b->err, 1, b->length);
    if (p->error == YAML_READER_ERROR) {
        kuni_faults_add(b->faults, b->setting, 0, 0, "not YAML: %s at byte %zu",
                        p->problem ? p->problem : "unreadable", p->problem_offset);
        return KUNI_USAGE;
    }
    yaml_mark_t mark = p->problem_mark;
    if (mark.index < b->length && b->text[mark.index] == '\t')
        return fault_at(b, mark, "a tab cannot indent YAML; expected spaces");
    char text[512];
    snprintf(text, sizeof(text), "not YAML: %s%s%s", p->problem ? p->problem : "unreadable",
             p->context ? " " : "", p->context ? p->context : "");
    return fault_at(b, mark, text);
}

static kuni_status next_event(builder *b, yaml_event_t *event)
{
    if (!yaml_parser_parse(&b->parser, event)) return syntax_fault(b);
    return KUNI_OK;
}

static kuni_yaml_node *new_node(builder *b, kuni_yaml_type type, yaml_mark_t mark)
{
    kuni_yaml_node *node = kuni_arena_alloc(b->arena, 1, sizeof(*node), b->err);
    if (!node) return NULL;
    node->type = type;
    node->line = (int64_t)mark.line + 1;
    node->column = (int64_t)mark.column + 1;
    node->setting = b->setting;
    node->file = b->setting ? NULL : b->faults->within;
    node->weight = 1;
    node->text = "";
    return node;
}

/* Adds a key (NULL for lists) and value; arrays double within the arena. */
static kuni_status add_child(kuni_arena *arena, kuni_yaml_node *parent, kuni_yaml_node *key,
                             kuni_yaml_node *value, kuni_error *err)
{
    if (parent->n == parent->capacity) {
        size_t capacity = parent->capacity ? parent->capacity * 2 : 8;
        kuni_yaml_node **values = kuni_arena_alloc(arena, capacity, sizeof(kuni_yaml_node *), err);
        kuni_yaml_node **keys = kuni_arena_alloc(arena, capacity, sizeof(kuni_yaml_node *), err);
        if (!values || !keys) return KUNI_MEMORY;
        for (size_t i = 0; i < parent->n; i++) {
            values[i] = parent->values[i];
            keys[i] = parent->keys[i];
        }
        parent->values = values;
        parent->keys = keys;
        parent->capacity = capacity;
    }
    parent->keys[parent->n] = key;
    parent->values[parent->n] = value;
    parent->n++;
    return KUNI_OK;
}

static kuni_status remember(builder *b, const yaml_char_t *name, kuni_yaml_node *node,
                            yaml_mark_t mark)
{
    if (!name) return KUNI_OK;
    if (b->n_anchors >= ANCHORS_MAX)
        return fault_at(b, mark, "too many anchors; expected at most 1000");
    void *anchors = b->anchors;
    if (kuni_grow(&anchors, &b->capacity, b->n_anchors + 1, sizeof(anchor), b->err))
        return KUNI_MEMORY;
    b->anchors = anchors;
    const char *kept =
        kuni_arena_strndup(b->arena, (const char *)name, strlen((const char *)name), b->err);
    if (!kept) return KUNI_MEMORY;
    b->anchors[b->n_anchors++] = (anchor){.name = kept, .node = node};
    return KUNI_OK;
}

static kuni_status resolve(builder *b, const yaml_event_t *event, kuni_yaml_node **node)
{
    const char *name = (const char *)event->data.alias.anchor;
    char text[256];
    for (size_t i = b->n_anchors; i-- > 0;) {
        if (strcmp(b->anchors[i].name, name) != 0) continue;
        *node = b->anchors[i].node;
        if (!(*node)->open) return KUNI_OK;
        snprintf(text, sizeof(text), "alias '*%.100s' stands inside its own anchor", name);
        return fault_at(b, event->start_mark, text);
    }
    snprintf(text, sizeof(text), "alias '*%.100s' has no anchor '&%.100s' before it", name, name);
    return fault_at(b, event->start_mark, text);
}

static kuni_status weigh(builder *b, kuni_yaml_node *parent, const kuni_yaml_node *child)
{
    parent->weight += child->weight;
    if (parent->weight <= KUNI_YAML_NODES_MAX) return KUNI_OK;
    kuni_yaml_fault(b->faults, parent, "more than %d values with aliases written out",
                    KUNI_YAML_NODES_MAX);
    return KUNI_USAGE;
}

static int compare_keys(const void *a, const void *b)
{
    const kuni_yaml_node *x = *(kuni_yaml_node *const *)a, *y = *(kuni_yaml_node *const *)b;
    int order = strcmp(x->text, y->text);
    if (order) return order;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

/* Faults for keys that stand twice; the first one counts. */
static kuni_status check_duplicates(builder *b, kuni_yaml_node *map)
{
    if (map->n < 2) return KUNI_OK;
    kuni_yaml_node **sorted = kuni_alloc(map->n, sizeof(*sorted), b->err);
    if (!sorted) return KUNI_MEMORY;
    memcpy(sorted, map->keys, map->n * sizeof(*sorted));
    qsort(sorted, map->n, sizeof(*sorted), compare_keys);
    for (size_t i = 1; i < map->n; i++)
        if (strcmp(sorted[i]->text, sorted[i - 1]->text) == 0)
            kuni_yaml_fault(b->faults, sorted[i],
                            "'%.100s' stands twice; it is set on line %lld already",
                            sorted[i]->text, (long long)sorted[i - 1]->line);
    free(sorted);
    return KUNI_OK;
}

/* Adds what `source` has and `map` has not. */
static kuni_status merge_from(builder *b, kuni_yaml_node *map, const kuni_yaml_node *source)
{
    if (source->type != KUNI_YAML_MAP) {
        kuni_yaml_fault(b->faults, source,
                        "'<<' cannot merge this; expected a map or a list of maps");
        return KUNI_OK;
    }
    if (source->n + map->n > MERGED_KEYS_MAX) { /* looking keys up takes a walk each */
        kuni_yaml_fault(b->faults, map, "'<<' makes more than %d keys", MERGED_KEYS_MAX);
        return KUNI_OK;
    }
    for (size_t i = 0; i < source->n; i++) {
        if (kuni_yaml_get(map, source->keys[i]->text)) continue;
        if (add_child(b->arena, map, source->keys[i], source->values[i], b->err))
            return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status merge_keys(builder *b, kuni_yaml_node *map)
{
    size_t at = 0;
    while (at < map->n && !(map->keys[at]->plain && strcmp(map->keys[at]->text, "<<") == 0)) at++;
    if (at == map->n) return KUNI_OK;
    const kuni_yaml_node *from = map->values[at];
    map->n--;
    for (size_t i = at; i < map->n; i++) {
        map->keys[i] = map->keys[i + 1];
        map->values[i] = map->values[i + 1];
    }
    if (from->type != KUNI_YAML_LIST) return merge_from(b, map, from);
    for (size_t i = 0; i < from->n; i++)
        if (merge_from(b, map, from->values[i])) return KUNI_MEMORY;
    return KUNI_OK;
}

static kuni_status build(builder *b, yaml_event_t *event, int depth, kuni_yaml_node **node);

static kuni_status build_children(builder *b, kuni_yaml_node *parent, int depth)
{
    bool map = parent->type == KUNI_YAML_MAP;
    for (;;) {
        yaml_event_t event;
        kuni_status status = next_event(b, &event);
        if (status) return status;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            break;
        }
        kuni_yaml_node *key = NULL, *value = NULL;
        if (map) {
            if ((status = build(b, &event, depth, &key))) return status;
            if (key->type != KUNI_YAML_TEXT) {
                kuni_yaml_fault(b->faults, key, "a key must be text");
                return KUNI_USAGE;
            }
            if ((status = next_event(b, &event))) return status;
        }
        if ((status = build(b, &event, depth, &value))) return status;
        if ((status = weigh(b, parent, value))) return status;
        if (add_child(b->arena, parent, key, value, b->err)) return KUNI_MEMORY;
    }
    if (!map) return KUNI_OK;
    if (check_duplicates(b, parent)) return KUNI_MEMORY;
    return merge_keys(b, parent);
}

static kuni_status build_scalar(builder *b, const yaml_event_t *event, kuni_yaml_node **node)
{
    *node = new_node(b, KUNI_YAML_TEXT, event->start_mark);
    if (!*node) return KUNI_MEMORY;
    const char *value = (const char *)event->data.scalar.value;
    (*node)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    (*node)->text = kuni_arena_strndup(b->arena, value, event->data.scalar.length, b->err);
    if (!(*node)->text) return KUNI_MEMORY;
    if (strlen(value) != event->data.scalar.length)
        return fault_at(b, event->start_mark, "the text holds a NUL character");
    return remember(b, event->data.scalar.anchor, *node, event->start_mark);
}

/* Builds the node that `event` starts; deletes the event. */
static kuni_status build(builder *b, yaml_event_t *event, int depth, kuni_yaml_node **node)
{
    kuni_status status = KUNI_OK;
    const yaml_char_t *tag = NULL;
    *node = NULL;
    if (event->type == YAML_SCALAR_EVENT) tag = event->data.scalar.tag;
    if (event->type == YAML_SEQUENCE_START_EVENT) tag = event->data.sequence_start.tag;
    if (event->type == YAML_MAPPING_START_EVENT) tag = event->data.mapping_start.tag;
    if (depth > KUNI_YAML_DEPTH_MAX) {
        status = fault_at(b, event->start_mark, "nested too deeply");
    } else if (tag) {
        status =
            fault_at(b, event->start_mark, "YAML tags ('!...') have no meaning here; remove it");
    } else if (event->type == YAML_ALIAS_EVENT) {
        status = resolve(b, event, node);
    } else if (event->type == YAML_SCALAR_EVENT) {
        status = build_scalar(b, event, node);
    } else {
        bool map = event->type == YAML_MAPPING_START_EVENT;
        *node = new_node(b, map ? KUNI_YAML_MAP : KUNI_YAML_LIST, event->start_mark);
        if (!*node) status = KUNI_MEMORY;
        if (!status)
            status = remember(
                b, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                *node, event->start_mark);
        if (!status) {
            (*node)->open = true;
            status = build_children(b, *node, depth + 1);
            (*node)->open = false;
        }
    }
    yaml_event_delete(event);
    return status;
}

/* The one document of the stream, and that nothing follows it. */
static kuni_status build_document(builder *b, kuni_yaml_node **root)
{
    yaml_event_t event;
    kuni_status status;
    for (;;) {
        if ((status = next_event(b, &event))) return status;
        yaml_event_type_t type = event.type;
        yaml_mark_t mark = event.start_mark;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT) {
            yaml_event_delete(&event);
        } else if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return KUNI_OK;
        } else if (type == YAML_DOCUMENT_START_EVENT) {
            yaml_event_delete(&event);
            if (*root)
                return fault_at(b, mark,
                                "a second document starts here; expected one document a file");
        } else if ((status = build(b, &event, 0, root))) {
            return status;
        }
    }
}

kuni_status kuni_yaml_parse(kuni_yaml_node **root, kuni_arena *arena, const char *text,
                            size_t length, const char *setting, kuni_faults *faults,
                            kuni_error *err)
{
    *root = NULL;
    builder b = {.arena = arena,
                 .faults = faults,
                 .setting = setting,
                 .text = text,
                 .length = length,
                 .err = err};
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        b.text += 3;
        b.length -= 3;
    }
    if (!text_is_clean(&b)) return KUNI_OK;
    if (!yaml_parser_initialize(&b.parser)) return kuni_fail_memory(err, 1, sizeof(b.parser));
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text, b.length);
    kuni_status status = build_document(&b, root);
    yaml_parser_delete(&b.parser);
    free(b.anchors);
    if (status) *root = NULL;
    return status == KUNI_USAGE ? KUNI_OK : status;
}

/* --- settings --- */

/*
 * The value of `key` in `map` as a node of its own that may be changed; NULL only when memory ran
 * out.
 */
static kuni_yaml_node *own_child(kuni_arena *arena, kuni_yaml_node *parent, size_t at,
                                 kuni_error *err)
{
    kuni_yaml_node *old = parent->values[at];
    kuni_yaml_node *copy = kuni_arena_alloc(arena, 1, sizeof(*copy), err);
    if (!copy) return NULL;
    *copy = *old;
    copy->n = copy->capacity = 0;
    for (size_t i = 0; i < old->n; i++)
        if (add_child(arena, copy, old->keys[i], old->values[i], err)) return NULL;
    parent->values[at] = copy;
    return copy;
}

static size_t find_key(const kuni_yaml_node *map, const char *key)
{
    size_t i = 0;
    while (i < map->n && strcmp(map->keys[i]->text, key) != 0) i++;
    return i;
}

kuni_status kuni_yaml_add(kuni_arena *arena, kuni_yaml_node *parent, kuni_yaml_node *key,
                          kuni_yaml_node *value, kuni_error *err)
{
    return add_child(arena, parent, key, value, err);
}

typedef struct setter {
    kuni_arena *arena;
    kuni_faults *faults;
    const kuni_yaml_node *at; /* where the setting stands: in the tree, or a "--set key=value" */
    kuni_error *err;
} setter;

static kuni_yaml_node *setting_node(const setter *s, kuni_yaml_type type, const char *text)
{
    kuni_yaml_node *node = kuni_arena_alloc(s->arena, 1, sizeof(*node), s->err);
    if (!node) return NULL;
    *node = *s->at;
    node->type = type;
    node->text = text;
    node->plain = false;
    node->keys = node->values = NULL;
    node->n = node->capacity = 0;
    node->weight = 1;
    return node;
}

static const char *stage_id(const kuni_yaml_node *stage)
{
    const kuni_yaml_node *id = kuni_yaml_get(stage, "id");
    return id && id->type == KUNI_YAML_TEXT ? id->text : NULL;
}

/* Index of the stage of that id in the list; n where there is none. */
static size_t find_stage(const kuni_yaml_node *stages, const char *id)
{
    size_t i = 0;
    for (; stages && stages->type == KUNI_YAML_LIST && i < stages->n; i++) {
        const char *other = stage_id(stages->values[i]);
        if (other && strcmp(other, id) == 0) break;
    }
    return i;
}

static bool has_stage(const kuni_yaml_node *root, const char *id)
{
    const kuni_yaml_node *stages = kuni_yaml_get(root, "stages");
    return stages && stages->type == KUNI_YAML_LIST && find_stage(stages, id) < stages->n;
}

/* Sets words[0..n) below `node`, which is ours to change. */
static kuni_status set_below(const setter *s, kuni_yaml_node *node, char **words, size_t n,
                             kuni_yaml_node *value)
{
    for (size_t w = 0; w < n; w++) {
        size_t at;
        if (node->type == KUNI_YAML_LIST) {
            at = find_stage(node, words[w]);
            if (at == node->n) {
                kuni_yaml_fault(s->faults, s->at, "no stage has the id '%.100s'", words[w]);
                return KUNI_OK;
            }
        } else if (node->type == KUNI_YAML_MAP) {
            at = find_key(node, words[w]);
            if (at == node->n) {
                kuni_yaml_node *key = setting_node(s, KUNI_YAML_TEXT, words[w]);
                kuni_yaml_node *map = setting_node(s, KUNI_YAML_MAP, "");
                if (!key || !map || add_child(s->arena, node, key, map, s->err)) return KUNI_MEMORY;
            }
        } else {
            kuni_yaml_fault(s->faults, s->at, "'%.100s' is not a map and has no key '%.100s'",
                            w ? words[w - 1] : "the file", words[w]);
            return KUNI_OK;
        }
        if (w + 1 == n)
            node->values[at] = value;
        else if (!(node = own_child(s->arena, node, at, s->err)))
            return KUNI_MEMORY;
    }
    return KUNI_OK;
}

enum { SETTING_WORDS_MAX = 8 };

/* Splits "a.b.c" in place; 0 where a word is empty or there are too many. */
static size_t split_words(char *path, char *words[SETTING_WORDS_MAX])
{
    size_t n = 0;
    for (char *word = path; word;) {
        char *dot = strchr(word, '.');
        if (dot) *dot = '\0';
        if (!*word || n == SETTING_WORDS_MAX) return 0;
        words[n++] = word;
        word = dot ? dot + 1 : NULL;
    }
    return n;
}

static kuni_status setting_value(const setter *s, const char *text, kuni_yaml_node **value)
{
    if (*text == '[' || *text == '{' || *text == '"' || *text == '\'')
        return kuni_yaml_parse(value, s->arena, text, strlen(text), s->at->setting, s->faults,
                               s->err);
    const char *kept = kuni_arena_strndup(s->arena, text, strlen(text), s->err);
    if (!kept || !(*value = setting_node(s, KUNI_YAML_TEXT, kept))) return KUNI_MEMORY;
    (*value)->plain = true;
    return KUNI_OK;
}

static bool is_in(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0) return true;
    return false;
}

/*
 * "ID.PARAMETER" is short for "stages.ID.with.PARAMETER", and "NAME" for a param's default. Returns
 * how many words there are then.
 */
static size_t write_out(const kuni_yaml_node *root, char *words[], size_t n, const char *const *top,
                        size_t n_top)
{
    static char stages_word[] = "stages", with_word[] = "with", params_word[] = "params",
                default_word[] = "default";
    const kuni_yaml_node *params = kuni_yaml_get(root, params_word);
    bool known = is_in(words[0], top, n_top);
    if (n == 1 && !known && kuni_yaml_get(params, words[0])) {
        words[1] = words[0];
        words[0] = params_word;
        n = 2;
    } else if (!known && has_stage(root, words[0])) {
        bool parameter = n == 2;
        size_t by = parameter ? 2 : 1;
        if (n + by > SETTING_WORDS_MAX) n = SETTING_WORDS_MAX - by;
        memmove(words + 1 + by, words + 1, (n - 1) * sizeof(*words));
        words[1] = words[0];
        words[0] = stages_word;
        if (parameter) words[2] = with_word;
        return n + by;
    }
    const kuni_yaml_node *param =
        n == 2 && strcmp(words[0], params_word) == 0 ? kuni_yaml_get(params, words[1]) : NULL;
    if (param && param->type == KUNI_YAML_MAP) words[n++] = default_word;
    return n;
}

/* A single word that is neither a key of the file nor a param. */
static bool is_unknown(const setter *s, const kuni_yaml_node *root, const char *word,
                       const char *const *top, size_t n_top)
{
    enum { CANDIDATES_MAX = 250 };
    const kuni_yaml_node *params = kuni_yaml_get(root, "params");
    const char *names[CANDIDATES_MAX];
    size_t n = 0;
    if (!params || params->type != KUNI_YAML_MAP || is_in(word, top, n_top) ||
        kuni_yaml_get(params, word))
        return false;
    for (size_t i = 0; i < params->n && n < CANDIDATES_MAX; i++) names[n++] = params->keys[i]->text;
    for (size_t i = 0; i < n_top && n < CANDIDATES_MAX; i++) names[n++] = top[i];
    const char *near = kuni_nearest(word, names, n);
    kuni_yaml_fault(s->faults, s->at, "the workflow has no param and no key '%.100s'%s%s%s", word,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return true;
}

static kuni_status set_path(const setter *s, kuni_yaml_node *root, char *path,
                            kuni_yaml_node *value, const char *const *top, size_t n_top)
{
    char *words[SETTING_WORDS_MAX + 3];
    size_t n = split_words(path, words);
    if (!n) {
        kuni_yaml_fault(s->faults, s->at,
                        "expected key=value, with dots between the words of the key, as in "
                        "regions.shard=1Mb or stages.call.with.NAME=VALUE");
        return KUNI_OK;
    }
    if (n == 1 && is_unknown(s, root, words[0], top, n_top)) return KUNI_OK;
    n = write_out(root, words, n, top, n_top);
    return set_below(s, root, words, n, value);
}

kuni_status kuni_yaml_set_node(kuni_yaml_node *root, kuni_arena *arena, const kuni_yaml_node *path,
                               kuni_yaml_node *value, const char *const *top, size_t n_top,
                               kuni_faults *faults, kuni_error *err)
{
    const setter s = {.arena = arena, .faults = faults, .at = path, .err = err};
    char *words = kuni_arena_strndup(arena, path->text, strlen(path->text), err);
    return words ? set_path(&s, root, words, value, top, n_top) : KUNI_MEMORY;
}

kuni_status kuni_yaml_set(kuni_yaml_node *root, kuni_arena *arena, const char *setting,
                          const char *const *top, size_t n_top, kuni_faults *faults,
                          kuni_error *err)
{
    kuni_buffer label = KUNI_BUFFER_INIT;
    kuni_yaml_node at = {.type = KUNI_YAML_TEXT}, *value = NULL;
    if (kuni_buffer_printf(&label, err, "--set %.400s", setting)) {
        kuni_buffer_fini(&label);
        return err->status;
    }
    at.setting = kuni_arena_strndup(arena, label.data, label.length, err);
    kuni_buffer_fini(&label);
    const setter s = {.arena = arena, .faults = faults, .at = &at, .err = err};
    const char *equals = strchr(setting, '=');
    char *path = at.setting ? kuni_arena_strndup(arena, equals ? setting : "",
                                                 equals ? (size_t)(equals - setting) : 0, err)
                            : NULL;
    if (!path) return KUNI_MEMORY;
    if (equals) {
        kuni_status status = setting_value(&s, equals + 1, &value);
        if (status || !value) return status;
    }
    return set_path(&s, root, path, value, top, n_top);
}
