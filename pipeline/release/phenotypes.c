/* SPDX-License-Identifier: MIT */
#include "phenotypes.h"

#include <stdlib.h>
#include <string.h>

#include "consent.h"
#include "kuni/lines.h"
#include "table_lines.h"

/* --- the table --- */

enum column { PARTICIPANT, TERM, DATE, TIMEPOINT, COLUMNS };

static const char *const column_names[COLUMNS] = {"participant_id", "term", "date", "timepoint"};

typedef struct reading {
    kuni_phenotypes *all;
    const kuni_ontology *ontology;
    const kuni_names *participants;
    kuni_faults *faults;
    kuni_error *err;
    kuni_names days; /* so that a day or time point is kept once -> texts */
    const char **texts;
    size_t n_texts, capacity;
    size_t n_columns, at[COLUMNS]; /* SIZE_MAX: not there */
    bool broken;                   /* the header: no row can be read */
} reading;

static void read_header(reading *r, const kuni_lines *lines, char *line)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    if (*line == '#') line++;
    r->n_columns = kuni_line_split(line, '\t', fields);
    for (int c = 0; c < COLUMNS; c++) {
        r->at[c] = SIZE_MAX;
        for (size_t i = 0; i < r->n_columns && i < KUNI_LINE_FIELDS_MAX; i++)
            if (strcmp(fields[i], column_names[c]) == 0) r->at[c] = i;
        if (r->at[c] != SIZE_MAX || c == TIMEPOINT) continue;
        r->broken = true;
        kuni_faults_add(r->faults, NULL, lines->number, 0,
                        "the header has no column '%s'; expected tab-separated columns "
                        "participant_id, term, date, and timepoint where wanted",
                        column_names[c]);
    }
}

/* The text, kept once; NULL when memory ran out. */
static const char *keep(reading *r, const char *text)
{
    int64_t found = kuni_names_find(&r->days, text);
    if (found >= 0) return r->texts[found];
    const char *kept = kuni_arena_strndup(r->all->arena, text, strlen(text), r->err);
    if (!kept ||
        kuni_grow((void **)&r->texts, &r->capacity, r->n_texts + 1, sizeof(*r->texts), r->err))
        return NULL;
    r->texts[r->n_texts] = kept;
    return kuni_names_add(&r->days, kept, (uint32_t)r->n_texts++, r->err) ? NULL : kept;
}

static void complain_of_term(const reading *r, int64_t line, const char *term)
{
    kuni_faults_add(r->faults, NULL, line, 0, "term '%.60s' %s", term,
                    kuni_ontology_is_obsolete(r->ontology, term)
                        ? "is obsolete and none has taken its place; expected a current one"
                        : "is in none of the ontologies that the request names");
}

static kuni_status read_row(reading *r, const kuni_lines *lines, char *line)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    size_t n = kuni_line_split(line, '\t', fields);
    if (n != r->n_columns || n > KUNI_LINE_FIELDS_MAX) {
        kuni_faults_add(r->faults, NULL, lines->number, 0, "has %zu columns; the header has %zu", n,
                        r->n_columns);
        return KUNI_OK;
    }
    const char *date = fields[r->at[DATE]], *timepoint = NULL;
    int64_t who = kuni_names_find(r->participants, fields[r->at[PARTICIPANT]]);
    int64_t term = kuni_ontology_find(r->ontology, fields[r->at[TERM]]);
    if (term < 0) complain_of_term(r, lines->number, fields[r->at[TERM]]);
    if (!kuni_is_date(date))
        kuni_faults_add(r->faults, NULL, lines->number, 0,
                        "date '%.40s' is no date; expected YYYY-MM-DD", date);
    if (r->at[TIMEPOINT] != SIZE_MAX) timepoint = fields[r->at[TIMEPOINT]];
    if (timepoint && (!*timepoint || strcmp(timepoint, ".") == 0)) timepoint = NULL;
    r->all->n_foreign += who < 0;
    if (who < 0 || term < 0) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&r->all->rows, &r->all->capacity, r->all->n + 1,
                                   sizeof(*r->all->rows), r->err);
    if (status) return status;
    kuni_phenotype_row *row = &r->all->rows[r->all->n++];
    *row = (kuni_phenotype_row){.participant = (uint32_t)who, .term = (uint32_t)term};
    if (!(row->date = keep(r, date))) return KUNI_MEMORY;
    if (timepoint && !(row->timepoint = keep(r, timepoint))) return KUNI_MEMORY;
    return KUNI_OK;
}

kuni_status kuni_phenotypes_read(kuni_phenotypes *all, const char *path,
                                 const kuni_ontology *ontology, const kuni_names *participants,
                                 size_t n_participants, kuni_faults *faults, kuni_error *err)
{
    *all = (kuni_phenotypes){.n_participants = n_participants, .arena = kuni_arena_new(err)};
    reading r = {.all = all,
                 .ontology = ontology,
                 .participants = participants,
                 .faults = faults,
                 .err = err};
    kuni_lines lines;
    kuni_status status = all->arena ? kuni_lines_open(&lines, path, err) : KUNI_MEMORY;
    if (status) return status;
    char *line;
    bool headed = false;
    while (!(status = kuni_table_next(&lines, !headed, &line, faults, err)) && line) {
        if (headed) {
            status = read_row(&r, &lines, line);
        } else {
            read_header(&r, &lines, line);
            headed = true;
        }
        if (status || r.broken) break;
    }
    if (!status && !headed) kuni_faults_add(faults, NULL, 1, 0, "the table is empty");
    kuni_lines_close(&lines);
    kuni_names_fini(&r.days);
    free(r.texts);
    return status;
}

void kuni_phenotypes_fini(kuni_phenotypes *all)
{
    free(all->rows);
    kuni_arena_free(all->arena);
    *all = (kuni_phenotypes){.rows = NULL};
}

/* --- expressions --- */

enum { NODES_MAX = 256, DEPTH_MAX = 32, TERM_BYTES_MAX = 64, TIMEPOINT_BYTES_MAX = 64 };

typedef enum operation { IS, NOT, AND, OR } operation;

/* In the order of evaluation: an operation comes behind what it is of. */
typedef struct node {
    operation operation;
    uint32_t term;
    char timepoint[TIMEPOINT_BYTES_MAX]; /* "": any */
    size_t left, right;                  /* nodes */
} node;

struct kuni_expression {
    node nodes[NODES_MAX];
    size_t n;
};

typedef struct parser {
    kuni_expression *e;
    const kuni_ontology *ontology;
    const char *text, *at;
    int depth;
    kuni_error *err;
} parser;

static void skip_blanks(parser *p)
{
    p->at += strspn(p->at, " \t\n");
}

static size_t word_length(const parser *p)
{
    return strcspn(p->at, " \t\n()");
}

static bool take_word(parser *p, const char *word)
{
    skip_blanks(p);
    size_t n = strlen(word);
    if (word_length(p) != n || strncmp(p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static kuni_status add_node(parser *p, node made, size_t *number)
{
    if (p->e->n == NODES_MAX)
        return kuni_fail(p->err, KUNI_USAGE, "more than %d terms and words", NODES_MAX);
    *number = p->e->n;
    p->e->nodes[p->e->n++] = made;
    return KUNI_OK;
}

static kuni_status parse_or(parser *p, size_t *number);

static kuni_status parse_term(parser *p, size_t *number)
{
    char id[TERM_BYTES_MAX];
    node made = {.operation = IS};
    skip_blanks(p);
    size_t length = word_length(p), n = 0;
    while (n < length && p->at[n] != '@') n++;
    if (!length || n >= sizeof(id) || length - n > sizeof(made.timepoint) ||
        !memchr(p->at, ':', n) || (n < length && length - n == 1))
        return kuni_fail(
            p->err, KUNI_USAGE,
            "expected a term such as MONDO:0005148 (or HP:0003074@TIMEPOINT), not, or (");
    memcpy(id, p->at, n);
    id[n] = '\0';
    if (n < length) memcpy(made.timepoint, p->at + n + 1, length - n - 1);
    int64_t term = kuni_ontology_find(p->ontology, id);
    if (term < 0)
        return kuni_fail(p->err, KUNI_USAGE, "term '%s' is %s", id,
                         kuni_ontology_is_obsolete(p->ontology, id)
                             ? "obsolete, and none has taken its place"
                             : "in none of the ontologies that the request names");
    made.term = (uint32_t)term;
    p->at += length;
    return add_node(p, made, number);
}

/* not, parentheses or a term */
static kuni_status parse_single(parser *p, size_t *number)
{
    kuni_status status;
    if (p->depth >= DEPTH_MAX)
        return kuni_fail(p->err, KUNI_USAGE, "more than %d levels of not and parentheses",
                         DEPTH_MAX);
    skip_blanks(p);
    if (*p->at == '(') {
        p->at++;
        p->depth++;
        if ((status = parse_or(p, number))) return status;
        p->depth--;
        skip_blanks(p);
        if (*p->at != ')') return kuni_fail(p->err, KUNI_USAGE, "expected and, or, or )");
        p->at++;
        return KUNI_OK;
    }
    if (!take_word(p, "not")) return parse_term(p, number);
    node made = {.operation = NOT};
    p->depth++;
    status = parse_single(p, &made.left);
    p->depth--;
    return status ? status : add_node(p, made, number);
}

static kuni_status parse_and(parser *p, size_t *number)
{
    kuni_status status = parse_single(p, number);
    while (!status && take_word(p, "and")) {
        node made = {.operation = AND, .left = *number};
        status = parse_single(p, &made.right);
        if (!status) status = add_node(p, made, number);
    }
    return status;
}

static kuni_status parse_or(parser *p, size_t *number)
{
    kuni_status status = parse_and(p, number);
    while (!status && take_word(p, "or")) {
        node made = {.operation = OR, .left = *number};
        status = parse_and(p, &made.right);
        if (!status) status = add_node(p, made, number);
    }
    return status;
}

kuni_status kuni_expression_make(kuni_expression **made, const char *text,
                                 const kuni_ontology *ontology, size_t *at, kuni_error *err)
{
    size_t root;
    *made = NULL;
    kuni_expression *e = kuni_alloc(1, sizeof(*e), err);
    if (!e) return KUNI_MEMORY;
    parser p = {.e = e, .ontology = ontology, .text = text, .at = text, .err = err};
    kuni_status status = parse_or(&p, &root);
    if (!status) {
        skip_blanks(&p);
        if (*p.at) status = kuni_fail(err, KUNI_USAGE, "expected and, or, or the end");
    }
    *at = (size_t)(p.at - text);
    if (status)
        free(e);
    else
        *made = e;
    return status;
}

void kuni_expression_free(kuni_expression *e)
{
    free(e);
}

static bool counts(const kuni_phenotype_row *row, const char *as_of)
{
    return !as_of || strcmp(row->date, as_of) <= 0;
}

static void match_term(const node *what, const kuni_phenotypes *all, const kuni_ontology *ontology,
                       const char *as_of, uint8_t *kinds, uint8_t *matched)
{
    kuni_ontology_descendants(ontology, what->term, kinds);
    for (size_t i = 0; i < all->n; i++) {
        const kuni_phenotype_row *row = &all->rows[i];
        if (!kinds[row->term] || !counts(row, as_of)) continue;
        if (*what->timepoint && (!row->timepoint || strcmp(row->timepoint, what->timepoint) != 0))
            continue;
        matched[row->participant] = 1;
    }
}

kuni_status kuni_expression_match(const kuni_expression *e, const kuni_phenotypes *all,
                                  const kuni_ontology *ontology, const char *as_of,
                                  uint8_t *matched, kuni_error *err)
{
    size_t n = all->n_participants;
    uint8_t *values = kuni_alloc(e->n * n + 1, 1, err);
    uint8_t *kinds = kuni_alloc(kuni_ontology_count(ontology) + 1, 1, err);
    kuni_status status = values && kinds ? KUNI_OK : KUNI_MEMORY;
    for (size_t k = 0; k < e->n && !status; k++) {
        const node *what = &e->nodes[k];
        uint8_t *value = values + k * n;
        const uint8_t *left = values + what->left * n, *right = values + what->right * n;
        if (what->operation == IS) match_term(what, all, ontology, as_of, kinds, value);
        for (size_t i = 0; i < n && what->operation != IS; i++)
            value[i] = what->operation == NOT   ? !left[i]
                       : what->operation == AND ? left[i] & right[i]
                                                : left[i] | right[i];
    }
    memset(matched, 0, n);
    for (size_t i = 0; i < all->n && !status; i++) /* whoever is known */
        if (counts(&all->rows[i], as_of)) {
            uint32_t who = all->rows[i].participant;
            matched[who] = values[(e->n - 1) * n + who];
        }
    free(values);
    free(kinds);
    return status;
}
