/* SPDX-License-Identifier: MIT */
/*
 * A YAML text as a tree of marked nodes.
 *
 * One document of plain data in UTF-8: scalars stay text as written, whatever they look like (`no`
 * is not false), so that the reader decides what is expected. Aliases share the node of their
 * anchor; what they stand for when written out is bounded, so an alias bomb is a fault like any
 * other. `<<: *anchor` merges. Tags, several documents and keys that are not text are faults.
 */
#ifndef KUNI_WORKFLOW_TREE_H
#define KUNI_WORKFLOW_TREE_H

#include "faults.h"

enum {
    KUNI_TREE_BYTES_MAX = 1 << 20,
    KUNI_TREE_DEPTH_MAX = 24,
    KUNI_TREE_NODES_MAX = 200000 /* with aliases written out */
};

typedef enum kuni_node_type { KUNI_NODE_TEXT, KUNI_NODE_LIST, KUNI_NODE_MAP } kuni_node_type;

typedef struct kuni_node kuni_node;
struct kuni_node {
    kuni_node_type type;
    bool plain;           /* TEXT without quotes */
    bool open;            /* still being built */
    const char *setting;  /* "--set key=value" where that brought the node; else NULL */
    int64_t line, column; /* from 1 */
    const char *text;     /* TEXT */
    kuni_node **keys;     /* MAP: TEXT nodes, distinct */
    kuni_node **values;   /* MAP and LIST */
    size_t n, capacity;
    size_t weight; /* nodes below and including this one, aliases written out */
};

/*
 * Parses `length` bytes. Faults go to `faults`; *root is NULL where the text is no tree or empty.
 * `setting` as in kuni_node. Nodes and strings live in `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_tree_parse(kuni_node **root, kuni_arena *arena, const char *text,
                                            size_t length, const char *setting, kuni_faults *faults,
                                            kuni_error *err);
/* The value of a key, or NULL. */
kuni_node *kuni_tree_get(const kuni_node *map, const char *key);
/*
 * Applies "key.path=value" to the tree: keys of maps, ids of `stages`; a first word that is not in
 * `top` may be a stage's id (then the rest names a parameter). Maps on the way are made where
 * missing and copied, so that what aliases share is not changed elsewhere.
 */
KUNI_MUST_CHECK kuni_status kuni_tree_set(kuni_node *root, kuni_arena *arena, const char *setting,
                                          const char *const *top, size_t n_top, kuni_faults *faults,
                                          kuni_error *err);
/* A fault at a node's place. */
void kuni_tree_fault(kuni_faults *faults, const kuni_node *at, const char *format, ...)
    KUNI_PRINTF(3, 4);
/* `key` without a value: empty, ~ or null without quotes. */
bool kuni_node_is_null(const kuni_node *node);
/* "text 'abc'", "a list", "a map", "nothing": for messages. `room` holds the answer. */
enum { KUNI_NODE_WORD_BYTES = 64 };
const char *kuni_node_describe(const kuni_node *node, char room[KUNI_NODE_WORD_BYTES]);

#endif
