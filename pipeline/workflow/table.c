/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* --- lines --- */

kuni_status kuni_lines_open(kuni_lines *lines, const char *path, kuni_error *err)
{
    *lines = (kuni_lines){.path = path};
    lines->file = fopen(path, "rbe");
    if (!lines->file) return kuni_fail_errno(err, "%s", path);
    lines->block = kuni_alloc(KUNI_TABLE_LINE_BYTES_MAX + 1, 1, err);
    if (!lines->block) {
        kuni_lines_close(lines);
        return KUNI_MEMORY;
    }
    return KUNI_OK;
}

void kuni_lines_close(kuni_lines *lines)
{
    if (lines->file) (void)fclose(lines->file);
    free(lines->block);
    *lines = (kuni_lines){.path = NULL};
}

/* Moves what is left to the front and reads on. */
static kuni_status fill(kuni_lines *lines, kuni_error *err)
{
    size_t left = lines->end - lines->beg;
    memmove(lines->block, lines->block + lines->beg, left);
    lines->beg = 0;
    lines->end = left;
    errno = 0;
    size_t got =
        fread(lines->block + left, 1, (size_t)KUNI_TABLE_LINE_BYTES_MAX - left, lines->file);
    if (got == 0 && ferror(lines->file)) return kuni_fail_errno(err, "%s", lines->path);
    lines->end += got;
    lines->at_end = got == 0;
    return KUNI_OK;
}

/* Takes the next line as it stands: *line NULL at the end of the file. */
static kuni_status take(kuni_lines *lines, char **line, size_t *length, kuni_faults *faults,
                        kuni_error *err)
{
    *line = NULL;
    char *newline;
    while (!(newline = memchr(lines->block + lines->beg, '\n', lines->end - lines->beg)) &&
           !lines->at_end) {
        if (lines->beg == 0 && lines->end == KUNI_TABLE_LINE_BYTES_MAX) {
            kuni_faults_add(faults, NULL, lines->number + 1, 0,
                            "line is longer than %d bytes; expected a table of text",
                            KUNI_TABLE_LINE_BYTES_MAX);
            lines->beg = lines->end;
            lines->at_end = true;
            return KUNI_OK;
        }
        kuni_status status = fill(lines, err);
        if (status) return status;
    }
    if (!newline && lines->beg == lines->end) return KUNI_OK;
    *line = lines->block + lines->beg;
    *length = newline ? (size_t)(newline - *line) : lines->end - lines->beg;
    lines->beg += *length + (newline ? 1 : 0);
    lines->number++;
    return KUNI_OK;
}

/* True for bytes that no table of text holds. */
static bool is_binary(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 127) return true;
    return false;
}

kuni_status kuni_lines_next(kuni_lines *lines, bool keep_comments, char **line, kuni_faults *faults,
                            kuni_error *err)
{
    for (;;) {
        size_t length = 0;
        kuni_status status = take(lines, line, &length, faults, err);
        if (status || !*line) return status;
        if (lines->number == 1 && length >= 3 && memcmp(*line, "\xEF\xBB\xBF", 3) == 0) {
            *line += 3;
            length -= 3;
        }
        if (length && (*line)[length - 1] == '\r') length--;
        if (is_binary(*line, length)) {
            kuni_faults_add(
                faults, NULL, lines->number, 0,
                "holds bytes that are no text; expected a plain table (not compressed, not "
                "a spreadsheet, UTF-8)");
            lines->beg = lines->end;
            lines->at_end = true;
            *line = NULL;
            return KUNI_OK;
        }
        if (!kuni_utf8_valid(*line,
                             length)) { /* Shift-JIS, Latin-1: a slip, and the other lines count */
            kuni_faults_add(faults, NULL, lines->number, 0,
                            "is not UTF-8; expected the table to be saved as UTF-8");
            continue;
        }
        (*line)[length] = '\0';
        if (strspn(*line, " \t,") == length) continue;
        if (**line == '#' && !keep_comments) continue;
        return KUNI_OK;
    }
}

static char *trim(char *field, char *end)
{
    while (field < end && *field == ' ') field++;
    while (end > field && end[-1] == ' ') end--;
    *end = '\0';
    return field;
}

/* A CSV field from `c`: unquoted in place; returns the separator after it or the end. */
static char *split_quoted(char *c, char separator, char **field)
{
    char *out = *field = ++c;
    for (; *c; c++) {
        if (*c == '"' && c[1] == '"')
            c++;
        else if (*c == '"')
            break;
        *out++ = *c;
    }
    if (*c) c++;
    while (*c && *c != separator) c++;
    *out = '\0';
    return c;
}

size_t kuni_line_split(char *line, char separator, char *fields[KUNI_TABLE_FIELDS_MAX])
{
    size_t n = 0;
    if (separator == ' ') {
        char *rest = NULL;
        for (char *word = strtok_r(line, " \t", &rest); word;
             word = strtok_r(NULL, " \t", &rest), n++)
            if (n < KUNI_TABLE_FIELDS_MAX) fields[n] = word;
        return n;
    }
    for (char *c = line;;) {
        char *field = c, *end;
        bool last;
        if (separator == ',' && *c == '"') {
            end = split_quoted(c, separator, &field);
            last = !*end;
        } else {
            end = c + strcspn(c, (char[]){separator, '\0'});
            last = !*end;
            field = trim(field, end);
        }
        if (n < KUNI_TABLE_FIELDS_MAX) fields[n] = field;
        n++;
        if (last) return n;
        c = end + 1;
    }
}

/* --- rows by text --- */

/* FNV-1a, folded to 32 bits: only a place in the table, nothing in any output depends on it. */
static uint32_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return (uint32_t)(hash ^ (hash >> 32));
}

int64_t kuni_lookup_find(const kuni_lookup *lookup, const char *text, kuni_lookup_text *text_of,
                         const void *context)
{
    if (!lookup->n) return KUNI_LOOKUP_NONE;
    uint32_t hash = hash_of(text);
    for (size_t at = hash & (lookup->capacity - 1);; at = (at + 1) & (lookup->capacity - 1)) {
        const kuni_lookup_slot *slot = &lookup->slots[at];
        if (!slot->row) return KUNI_LOOKUP_NONE;
        if (slot->hash == hash && strcmp(text_of(context, slot->row - 1), text) == 0)
            return slot->row - 1;
    }
}

static void place(kuni_lookup_slot *slots, size_t capacity, kuni_lookup_slot new_one)
{
    size_t at = new_one.hash & (capacity - 1);
    while (slots[at].row) at = (at + 1) & (capacity - 1);
    slots[at] = new_one;
}

kuni_status kuni_lookup_add(kuni_lookup *lookup, const char *text, uint32_t row, kuni_error *err)
{
    if (lookup->n * 2 >= lookup->capacity) { /* at most half full */
        size_t capacity = lookup->capacity ? lookup->capacity * 2 : 64;
        kuni_lookup_slot *slots = kuni_alloc(capacity, sizeof(*slots), err);
        if (!slots) return KUNI_MEMORY;
        for (size_t i = 0; i < lookup->capacity; i++)
            if (lookup->slots[i].row) place(slots, capacity, lookup->slots[i]);
        free(lookup->slots);
        lookup->slots = slots;
        lookup->capacity = capacity;
    }
    place(lookup->slots, lookup->capacity,
          (kuni_lookup_slot){.row = row + 1, .hash = hash_of(text)});
    lookup->n++;
    return KUNI_OK;
}

void kuni_lookup_fini(kuni_lookup *lookup)
{
    free(lookup->slots);
    *lookup = (kuni_lookup){.slots = NULL};
}
