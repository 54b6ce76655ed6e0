/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the workflow reader share: the tree under reading and helpers that give a fault
 * at a node's place.
 */
#ifndef KUNI_WORKFLOW_READER_H
#define KUNI_WORKFLOW_READER_H

#include "kuni/file.h"
#include "yaml_tree.h"

struct kuni_workflow;

typedef struct kuni_reader {
    struct kuni_workflow *workflow; /* under construction */
    kuni_arena *arena;              /* of the workflow */
    kuni_faults *faults;
    const char *folder; /* of the file: what relative paths are relative to */
    kuni_error *err;    /* not for faults: memory, I/O */
} kuni_reader;

typedef enum kuni_field_type {
    KUNI_FIELD_TEXT,    /* const char * */
    KUNI_FIELD_PATH,    /* const char *, absolute */
    KUNI_FIELD_FILE,    /* const char *, absolute; must exist */
    KUNI_FIELD_INT,     /* int64_t */
    KUNI_FIELD_BP,      /* int64_t */
    KUNI_FIELD_BYTES,   /* int64_t */
    KUNI_FIELD_SECONDS, /* int64_t */
    KUNI_FIELD_OTHER    /* known key that the caller reads itself */
} kuni_field_type;

/* A key of a map and where its value goes. */
typedef struct kuni_field {
    const char *key, *expected;
    size_t offset; /* in kuni_workflow */
    int64_t least, most;
    kuni_field_type type;
    bool required;
} kuni_field;

/* The text of a YAML file; `what` it is ("workflow") stands in messages. */
KUNI_MUST_CHECK kuni_status kuni_reader_get(const char *what, const char *path, kuni_buffer *text,
                                            kuni_error *err);
/* Sets reader->folder, and *absolute to the file's path, both in the arena. */
KUNI_MUST_CHECK kuni_status kuni_reader_place(kuni_reader *reader, const char *what,
                                              const char *path, const char **absolute);
/* The file's name without its ending, in the arena. */
KUNI_MUST_CHECK kuni_status kuni_reader_stem(kuni_reader *reader, const char *absolute,
                                             const char **name);
/*
 * Reads the fields of `map` into the workflow: unknown keys, missing ones and wrong values become
 * faults. `section` names the map in messages ("" for the file). Only a failure that is no fault is
 * returned.
 */
KUNI_MUST_CHECK kuni_status kuni_reader_fields(kuni_reader *reader, const kuni_yaml_node *map,
                                               const char *section, const kuni_field *fields,
                                               size_t n_fields);
/* A fault for an unknown key, with the nearest of the known ones. */
KUNI_MUST_CHECK kuni_status kuni_reader_unknown_key(kuni_reader *reader, const kuni_yaml_node *key,
                                                    const char *section, const char *const *known,
                                                    size_t n_known);
/* A list of one text, which a key takes for the text alone. */
typedef struct kuni_one_listed {
    kuni_yaml_node text, list, *values[1];
} kuni_one_listed;

/* `node`, or where it is a text, `one`'s list of it: it lives as long as both. */
const kuni_yaml_node *kuni_reader_listed(kuni_one_listed *one, const kuni_yaml_node *node);
/* The text of a value, or NULL after a fault. */
const char *kuni_reader_text(kuni_reader *reader, const kuni_yaml_node *value, const char *key,
                             const char *expected);
/*
 * Absolute path of a value that may be relative to the file that `at` stands in, in the arena; NULL when memory ran
 * out.
 */
const char *kuni_reader_path(kuni_reader *reader, const kuni_yaml_node *at, const char *text);
/* As that; a fault at `at` (and the path all the same) where no such file can be read. */
const char *kuni_reader_file(kuni_reader *reader, const kuni_yaml_node *at, const char *key,
                             const char *text);
/* Reads one value into its field. */
KUNI_MUST_CHECK kuni_status kuni_reader_field(kuni_reader *reader, const kuni_yaml_node *value,
                                              const kuni_field *field);

#endif
