/* SPDX-License-Identifier: MIT */
/*
 * `regions.contigs` of a workflow: names and spans, held against the reference's index where that
 * is there.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contig_name.h"
#include "sections.h"
#include "table_lines.h"
#include "units.h"
#include "workflow.h"

enum { CONTIG_BYTES_MAX = 400 };

/* --- the reference's index (.fai): name, length, ... --- */

typedef struct fai {
    const char **names;
    int64_t *lengths_bp;
    size_t n, names_capacity, lengths_capacity;
    kuni_names by_name;
} fai;

static void fai_fini(fai *index)
{
    free(index->names);
    free(index->lengths_bp);
    kuni_names_fini(&index->by_name);
}

static kuni_status fai_add(fai *index, char *line, kuni_arena *arena, kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    int64_t length_bp;
    if (kuni_line_split(line, '\t', fields) < 2 || !kuni_parse_int(fields[1], &length_bp) ||
        kuni_names_find(&index->by_name, fields[0]) >= 0)
        return KUNI_OK; /* a damaged index is found where the reference is opened */
    void *names = index->names, *lengths = index->lengths_bp;
    if (kuni_grow(&names, &index->names_capacity, index->n + 1, sizeof(char *), err))
        return KUNI_MEMORY;
    index->names = names;
    if (kuni_grow(&lengths, &index->lengths_capacity, index->n + 1, sizeof(int64_t), err))
        return KUNI_MEMORY;
    index->lengths_bp = lengths;
    index->lengths_bp[index->n] = length_bp;
    if (!(index->names[index->n] = kuni_arena_strndup(arena, fields[0], strlen(fields[0]), err)))
        return KUNI_MEMORY;
    const char *name = index->names[index->n];
    return kuni_names_add(&index->by_name, name, (uint32_t)index->n++, err);
}

/* Empty where there is no index yet, or none that can be read. */
static kuni_status fai_read(fai *index, const kuni_reader *reader)
{
    const char *reference = reader->workflow->reference;
    if (!reference) return KUNI_OK;
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_faults passed_over = {.err = KUNI_ERROR_INIT};
    kuni_lines lines = {.path = NULL};
    kuni_status status = kuni_buffer_printf(&path, reader->err, "%s.fai", reference);
    if (status || access(path.data, R_OK) != 0) goto done;
    if ((status = kuni_faults_init(&passed_over, path.data, reader->err))) goto done;
    if ((status = kuni_lines_open(&lines, path.data, reader->err))) goto done;
    for (char *line; !(status = kuni_table_next(&lines, true, &line, &passed_over, reader->err));) {
        if (!line) break;
        if ((status = fai_add(index, line, reader->arena, reader->err))) break;
    }
done:
    kuni_lines_close(&lines);
    kuni_faults_fini(&passed_over);
    kuni_buffer_fini(&path);
    return status;
}

/* --- entries --- */

/*
 * "chr1" or "chr1:1000-2000". Names may hold colons (HLA-A*01:01), so only digits-digits after the
 * last one are taken for a span; commas in the digits are dropped. False where the text is no such
 * thing.
 */
static bool parse_entry(const char *text, char clean[CONTIG_BYTES_MAX + 1], size_t *name_length,
                        int64_t *end)
{
    *end = 0;
    *name_length = strlen(text);
    if (*name_length > CONTIG_BYTES_MAX || strpbrk(text, " \t\r\n")) return false;
    memcpy(clean, text, *name_length + 1);
    const char *colon = strrchr(text, ':');
    if (!colon || !strchr(colon, '-') || strspn(colon + 1, "0123456789,-") != strlen(colon + 1))
        return true;
    *name_length = (size_t)(colon - text);
    char *out = clean + *name_length, *digits = out + 1;
    for (const char *c = colon; *c; c++)
        if (*c != ',') *out++ = *c;
    *out = '\0';
    char *dash = strchr(digits, '-');
    int64_t beg;
    *dash = '\0';
    bool fine = kuni_parse_int(digits, &beg) && kuni_parse_int(dash + 1, end) && beg >= 1 &&
                beg <= *end && *end <= INT_MAX;
    *dash = '-';
    return fine;
}

/* Is the contig there, and long enough? */
static void check_reference(const kuni_reader *reader, const kuni_yaml_node *at, const fai *index,
                            const char *entry, size_t name_length, int64_t end)
{
    if (!index->n || kuni_names_find(&index->by_name, entry) >= 0) return;
    char name[CONTIG_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "%.*s", (int)name_length, entry);
    int64_t row = kuni_names_find(&index->by_name, name);
    if (row < 0) {
        const char *near = kuni_nearest(name, index->names, index->n);
        kuni_yaml_fault(reader->faults, at, "contigs: the reference has no contig '%.100s'%s%s%s",
                        name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    } else if (end > index->lengths_bp[row]) {
        kuni_yaml_fault(reader->faults, at,
                        "contigs: '%.100s' ends behind the contig; expected at most %lld", entry,
                        (long long)index->lengths_bp[row]);
    }
}

static int compare_texts(const void *a, const void *b)
{
    const kuni_yaml_node *x = *(const kuni_yaml_node *const *)a,
                         *y = *(const kuni_yaml_node *const *)b;
    int order = strcmp(x->text, y->text);
    if (order) return order;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static kuni_status check_distinct(kuni_reader *reader, const kuni_yaml_node *list)
{
    const kuni_yaml_node **sorted = kuni_alloc(list->n, sizeof(*sorted), reader->err);
    if (!sorted) return KUNI_MEMORY;
    for (size_t i = 0; i < list->n; i++) sorted[i] = list->values[i];
    qsort(sorted, list->n, sizeof(*sorted), compare_texts);
    for (size_t i = 1; i < list->n; i++)
        if (*sorted[i]->text && strcmp(sorted[i]->text, sorted[i - 1]->text) == 0)
            kuni_yaml_fault(reader->faults, sorted[i], "contigs: '%.100s' stands twice",
                            sorted[i]->text);
    free(sorted);
    return KUNI_OK;
}

static const char expected[] = "a list such as [chr1, chr2, 'chr3:1000-2000']";

static kuni_status read_list(kuni_reader *reader, const kuni_yaml_node *list, const fai *index)
{
    const char **contigs = kuni_arena_alloc(reader->arena, list->n, sizeof(char *), reader->err);
    if (!contigs) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const kuni_yaml_node *node = list->values[i];
        const char *text = kuni_reader_text(reader, node, "contigs", expected);
        if (!text) continue;
        char clean[CONTIG_BYTES_MAX + 1];
        size_t name_length;
        int64_t end;
        if (!parse_entry(text, clean, &name_length, &end)) {
            kuni_yaml_fault(
                reader->faults, node,
                "contigs: '%.100s' is no region; expected chr1 or chr1:1000-2000 (from 1, "
                "end included)",
                text);
            continue;
        }
        char name[CONTIG_BYTES_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", (int)name_length, clean);
        const char *wrong = kuni_contig_name_fault(name);
        if (wrong) {
            kuni_yaml_fault(reader->faults, node,
                            "contigs: '%.100s' %s, which no contig of SAM does; expected %s", name,
                            wrong, expected);
            continue;
        }
        check_reference(reader, node, index, clean, name_length, end);
        contigs[n] = kuni_arena_strndup(reader->arena, clean, strlen(clean), reader->err);
        if (!contigs[n++]) return KUNI_MEMORY;
    }
    reader->workflow->contigs = contigs;
    reader->workflow->n_contigs = n;
    return check_distinct(reader, list);
}

kuni_status kuni_reader_contigs(kuni_reader *reader, const kuni_yaml_node *node)
{
    char room[KUNI_YAML_WORD_BYTES];
    if (!node) return KUNI_OK;
    kuni_one_listed one;
    node = kuni_reader_listed(&one, node);
    if (node->type != KUNI_YAML_LIST || node->n == 0) {
        kuni_yaml_fault(reader->faults, node, "contigs: got %s; expected %s",
                        node->type == KUNI_YAML_LIST ? "an empty list"
                                                     : kuni_yaml_describe(node, room),
                        expected);
        return KUNI_OK;
    }
    fai index = {.n = 0};
    kuni_status status = fai_read(&index, reader);
    if (!status) status = read_list(reader, node, &index);
    fai_fini(&index);
    return status;
}
