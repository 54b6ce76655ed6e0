/* SPDX-License-Identifier: MIT */
/*
 * A YAML text as a tree of marked nodes.
 *
 * One document of plain data in UTF-8: scalars stay text as written, whatever they look like (`no`
 * is not false), so that the reader decides what is expected. Aliases share the node of their
 * anchor; what they stand for when written out is bounded, so an alias bomb is a fault like any
 * other. `<<: *anchor` merges. Tags, several documents and keys that are not text are faults.
 */
#ifndef KUNI_WORKFLOW_YAML_TREE_H
#define KUNI_WORKFLOW_YAML_TREE_H

#include "faults.h"

enum {
    KUNI_YAML_BYTES_MAX = 1 << 20,
    KUNI_YAML_DEPTH_MAX = 24,
    KUNI_YAML_NODES_MAX = 200000 /* with aliases written out */
};

typedef enum kuni_yaml_type { KUNI_YAML_TEXT, KUNI_YAML_LIST, KUNI_YAML_MAP } kuni_yaml_type;

typedef struct kuni_yaml_node kuni_yaml_node;
struct kuni_yaml_node {
    kuni_yaml_type type;
    bool plain;              /* TEXT without quotes */
    bool open;               /* still being built */
    const char *setting;     /* "--set key=value" where that brought the node; else NULL */
    const char *file;        /* the included file that it stands in; NULL: the workflow */
    int64_t line, column;    /* from 1 */
    const char *text;        /* TEXT */
    kuni_yaml_node **keys;   /* MAP: TEXT nodes, distinct */
    kuni_yaml_node **values; /* MAP and LIST */
    size_t n, capacity;
    size_t weight; /* nodes below and including this one, aliases written out */
};

/*
 * Parses `length` bytes. Faults go to `faults`; *root is NULL where the text is no tree or empty.
 * `setting` as in kuni_yaml_node. Nodes and strings live in `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_yaml_parse(kuni_yaml_node **root, kuni_arena *arena,
                                            const char *text, size_t length, const char *setting,
                                            kuni_faults *faults, kuni_error *err);
/* The value of a key, or NULL. */
kuni_yaml_node *kuni_yaml_get(const kuni_yaml_node *map, const char *key);
/* Adds a child: with a key to a map, else to a list. */
KUNI_MUST_CHECK kuni_status kuni_yaml_add(kuni_arena *arena, kuni_yaml_node *parent,
                                          kuni_yaml_node *key, kuni_yaml_node *value,
                                          kuni_error *err);
/*
 * Applies "key.path=value" to the tree: keys of maps, ids of `stages`; a first word that is not in
 * `top` may be a stage's id (then the rest names a parameter), or a param. Maps on the way are made
 * where missing and copied, so that what aliases share is not changed elsewhere.
 */
KUNI_MUST_CHECK kuni_status kuni_yaml_set(kuni_yaml_node *root, kuni_arena *arena,
                                          const char *setting, const char *const *top, size_t n_top,
                                          kuni_faults *faults, kuni_error *err);
/* As that, where path and value stand in the tree. */
KUNI_MUST_CHECK kuni_status kuni_yaml_set_node(kuni_yaml_node *root, kuni_arena *arena,
                                               const kuni_yaml_node *path, kuni_yaml_node *value,
                                               const char *const *top, size_t n_top,
                                               kuni_faults *faults, kuni_error *err);
/* A fault at a node's place. */
void kuni_yaml_fault(kuni_faults *faults, const kuni_yaml_node *at, const char *format, ...)
    KUNI_PRINTF(3, 4);
/* `key` without a value: empty, ~ or null without quotes. */
bool kuni_yaml_is_null(const kuni_yaml_node *node);
/* "text 'abc'", "a list", "a map", "nothing": for messages. `room` holds the answer. */
enum { KUNI_YAML_WORD_BYTES = 64 };
const char *kuni_yaml_describe(const kuni_yaml_node *node, char room[KUNI_YAML_WORD_BYTES]);

#endif
