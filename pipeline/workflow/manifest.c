/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kuni/params.h"
#include "utf8.h"

enum { ID_BYTES_MAX = 200 };

/* What a column means. */
typedef enum meaning {
    IGNORED,
    PARTICIPANT,
    SAMPLE,
    SEX,
    READS,
    READS_OTHER, /* sarek: bam beside cram */
    INDEX,
    INDEX_OTHER,
    MD5,
    SITE,
    GROUP,
    NAME_IN_FILE,
    STATUS,     /* sarek: 1 is a tumour */
    FIRST_FACT, /* and the others, in the order of kuni_fact */
    N_MEANINGS = FIRST_FACT + KUNI_FACTS
} meaning;

typedef struct column_name {
    const char *name;
    meaning meaning;
} column_name;

static const column_name native_columns[] = {
    {"participant_id", PARTICIPANT},
    {"sample_id", SAMPLE},
    {"reads", READS},
    {"sex", SEX},
    {"index", INDEX},
    {"md5", MD5},
    {"site", SITE},
    {"group", GROUP},
    {"name_in_file", NAME_IN_FILE},
};

static const column_name sarek_columns[] = {
    {"patient", PARTICIPANT}, {"sample", SAMPLE},   {"sex", SEX},         {"status", STATUS},
    {"cram", READS},          {"crai", INDEX},      {"bam", READS_OTHER}, {"bai", INDEX_OTHER},
    {"lane", IGNORED},        {"fastq_1", IGNORED}, {"fastq_2", IGNORED},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct dialect {
    bool sarek;
    char separator;
    size_t n_columns;
    int at[N_MEANINGS]; /* column of a meaning, or -1 */
} dialect;

typedef struct row_reader {
    kuni_manifest *manifest;
    const kuni_network *network;
    kuni_arena *arena;
    kuni_faults *faults;
    const char *folder;
    kuni_error *err;
    int64_t line;
} row_reader;

/* --- words --- */

bool kuni_sex_parse(const char *word, kuni_sex *sex)
{
    static const struct {
        const char *word;
        kuni_sex sex;
    } words[] = {
        {"male", KUNI_SEX_MALE},       {"m", KUNI_SEX_MALE},        {"1", KUNI_SEX_MALE},
        {"xy", KUNI_SEX_MALE},         {"female", KUNI_SEX_FEMALE}, {"f", KUNI_SEX_FEMALE},
        {"2", KUNI_SEX_FEMALE},        {"xx", KUNI_SEX_FEMALE},     {"", KUNI_SEX_UNKNOWN},
        {"unknown", KUNI_SEX_UNKNOWN}, {"0", KUNI_SEX_UNKNOWN},     {".", KUNI_SEX_UNKNOWN},
        {"na", KUNI_SEX_UNKNOWN},      {"n/a", KUNI_SEX_UNKNOWN},   {"u", KUNI_SEX_UNKNOWN},
        {"other", KUNI_SEX_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(word, words[i].word) == 0) {
            *sex = words[i].sex;
            return true;
        }
    return false;
}

const char *kuni_id_fault(const char *id)
{
    if (strlen(id) > ID_BYTES_MAX) return "is longer than 200 bytes";
    if (!kuni_utf8_valid(id, strlen(id))) return "is no UTF-8";
    if (*id && strchr("-.^#=+@", *id))
        return "starts with a character that tools or spreadsheets take for something else";
    for (const char *c = id; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 127) return "holds a blank";
        if (strchr("/\\,;\"'`<>", *c))
            return "holds a character that breaks a VCF header or a path";
    }
    return NULL;
}

static void fault(const row_reader *c, const char *format, ...) KUNI_PRINTF(2, 3);

static void fault(const row_reader *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kuni_faults_add_list(c->faults, NULL, c->line, 0, format, args);
    va_end(args);
}

/* --- header --- */

static int meaning_of(const dialect *f, const char *name)
{
    const column_name *columns = f->sarek ? sarek_columns : native_columns;
    size_t n = f->sarek ? COUNT(sarek_columns) : COUNT(native_columns);
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name, columns[i].name) == 0) return columns[i].meaning;
    for (int fact = 0; fact < KUNI_FACTS && !f->sarek; fact++)
        if (strcasecmp(name, kuni_fact_name((kuni_fact)fact)) == 0) return FIRST_FACT + fact;
    if (!f->sarek && strncasecmp(name, "group", 5) == 0 && f->at[GROUP] < 0) return GROUP;
    return N_MEANINGS;
}

static bool has_name(char *const *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(fields[i], name) == 0) return true;
    return false;
}

static void check_required(const row_reader *c, char *const *fields, const dialect *f)
{
    const char *names[KUNI_LINE_FIELDS_MAX];
    for (size_t i = 0; i < f->n_columns; i++) names[i] = fields[i];
    const char *const required[] = {f->sarek ? "patient" : "participant_id",
                                    f->sarek ? "sample" : "sample_id", f->sarek ? NULL : "reads"};
    for (size_t i = 0; i < COUNT(required) && required[i]; i++) {
        if (has_name(fields, f->n_columns, required[i])) continue;
        const char *near = kuni_nearest(required[i], names, f->n_columns);
        fault(c, "the header has no column '%s'%s%s%s", required[i],
              near ? "; did you mean it by '" : "", near ? near : "", near ? "'?" : "");
    }
    if (f->sarek && f->at[READS] < 0 && f->at[READS_OTHER] < 0)
        fault(c, "the header has neither a column 'cram' nor 'bam'; expected aligned reads");
}

static kuni_status read_header(row_reader *c, char *line, dialect *f)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    *f = (dialect){.separator = strchr(line, '\t') ? '\t' : ','};
    for (size_t i = 0; i < N_MEANINGS; i++) f->at[i] = -1;
    if (*line == '#') line++;
    f->n_columns = kuni_line_split(line, f->separator, fields);
    if (f->n_columns < 2 || f->n_columns > KUNI_LINE_FIELDS_MAX) {
        fault(c,
              "the header has %zu column%s; expected tab-separated columns with names, at least "
              "participant_id, sample_id and reads",
              f->n_columns, f->n_columns == 1 ? "" : "s");
        f->n_columns = 0;
        return KUNI_OK;
    }
    f->sarek =
        has_name(fields, f->n_columns, "patient") && !has_name(fields, f->n_columns, "reads");
    for (size_t i = 0; i < f->n_columns; i++) {
        for (size_t j = 0; j < i; j++)
            if (*fields[i] && strcasecmp(fields[i], fields[j]) == 0)
                fault(c, "column '%.100s' stands twice in the header", fields[i]);
        if (!*fields[i]) {
            fault(c, "column %zu has no name", i + 1);
            continue;
        }
        int m = meaning_of(f, fields[i]);
        if (m == N_MEANINGS &&
            kuni_buffer_printf(&c->manifest->notes, c->err, "%s: column '%.100s' is not used\n",
                               c->faults->file, fields[i]))
            return c->err->status;
        if (m < N_MEANINGS && f->at[m] < 0) f->at[m] = (int)i;
    }
    for (int fact = 0; fact < KUNI_FACTS; fact++)
        c->manifest->has_fact[fact] = f->at[FIRST_FACT + fact] >= 0;
    check_required(c, fields, f);
    return KUNI_OK;
}

/* --- rows --- */

int64_t kuni_manifest_find(const kuni_manifest *manifest, const char *id)
{
    return kuni_names_find(&manifest->by_id, id);
}

/* A field by meaning; "" where the column is absent or the field holds only a dot. */
static const char *field_of(const dialect *f, char *const *fields, int m)
{
    if (f->at[m] < 0) return "";
    const char *text = fields[f->at[m]];
    return strcmp(text, ".") == 0 || strcasecmp(text, "NA") == 0 ? "" : text;
}

/* The text in the arena; NULL for "" and when memory ran out (c->err tells). */
static const char *keep(row_reader *c, const char *text)
{
    return *text ? kuni_arena_strndup(c->arena, text, strlen(text), c->err) : NULL;
}

/* Absolute path without "./" and doubled slashes, so that one file has one name; URLs stay. */
static const char *keep_path(row_reader *c, const char *text)
{
    if (!*text) return NULL;
    if (strstr(text, "://")) return keep(c, text);
    const char *folder = *text == '/' ? "" : c->folder;
    size_t length = strlen(folder), n = length;
    char *path = kuni_arena_alloc(c->arena, length + strlen(text) + 2, 1, c->err);
    if (!path) return NULL;
    memcpy(path, folder, length + 1);
    while (*text) {
        size_t word = strcspn(text, "/");
        if (word > 0 && !(word == 1 && *text == '.')) {
            path[n++] = '/';
            memcpy(path + n, text, word);
            n += word;
        }
        text += word + (text[word] == '/');
    }
    return path;
}

static void check_id(const row_reader *c, const char *what, const char *id)
{
    const char *wrong = *id ? kuni_id_fault(id) : NULL;
    if (!*id)
        fault(c, "%s is empty", what);
    else if (wrong)
        fault(c, "%s '%.100s' %s; expected letters, digits, _ - . : and the like", what, id, wrong);
}

/*
 * Text that goes as it is into tables that people open in spreadsheets: there = + - @ at its start
 * make a formula. A sign before a number, or alone, is none.
 */
static const char *check_text(const row_reader *c, const char *column, const char *text)
{
    const char *digits = text + (*text == '+' || *text == '-');
    size_t number = strspn(digits, "0123456789.");
    if (*text && strchr("=+-@", *text) && *digits && (digits == text || digits[number]))
        fault(c,
              "%s '%.40s' starts with %c, which spreadsheets take for a formula; expected another "
              "first character",
              column, text, *text);
    return text;
}

static void check_md5(const row_reader *c, const char *md5)
{
    if (*md5 && (strlen(md5) != 32 || strspn(md5, "0123456789abcdefABCDEF") != 32))
        fault(c, "md5 '%.100s' is none; expected 32 hexadecimal digits", md5);
}

static void check_date(const row_reader *c, const char *column, const char *date)
{
    static const char shape[] = "dddd-dd-dd";
    bool fine = strlen(date) == strlen(shape);
    for (size_t i = 0; fine && shape[i]; i++)
        fine = shape[i] == '-' ? date[i] == '-' : date[i] >= '0' && date[i] <= '9';
    int month = fine ? (date[5] - '0') * 10 + date[6] - '0' : 0;
    int day = fine ? (date[8] - '0') * 10 + date[9] - '0' : 0;
    if (*date && !(fine && month >= 1 && month <= 12 && day >= 1 && day <= 31))
        fault(c, "%s '%.40s' is no date; expected YYYY-MM-DD", column, date);
}

static const char *check_answer(const row_reader *c, const char *column, const char *text)
{
    if (strcasecmp(text, "yes") == 0) return "yes";
    if (strcasecmp(text, "no") == 0) return "no";
    fault(c, "%s '%.40s' is unknown; expected yes or no", column, text);
    return "no";
}

static kuni_status read_facts(row_reader *c, const dialect *f, char *const *fields,
                              const char ***facts)
{
    *facts = NULL;
    for (int k = 0; k < KUNI_FACTS; k++) {
        const char *text = field_of(f, fields, FIRST_FACT + k);
        const char *column = kuni_fact_name((kuni_fact)k);
        if (!*text) continue;
        if (k == KUNI_FACT_FORM_DATE || k == KUNI_FACT_RELEASE_AFTER) check_date(c, column, text);
        if (k == KUNI_FACT_RECONTACT || k == KUNI_FACT_PRIMARY)
            text = check_answer(c, column, text);
        check_text(c, column, text);
        if (!*facts) *facts = kuni_arena_alloc(c->arena, KUNI_FACTS, sizeof(**facts), c->err);
        if (!*facts || !((*facts)[k] = keep(c, text))) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static void read_sex(const row_reader *c, const char *word, kuni_sample *row)
{
    if (!kuni_sex_parse(word, &row->sex))
        fault(c,
              "sex '%.40s' is unknown; expected male, female or unknown (also M F, 1 2 0, XY XX)",
              word);
}

/* Whether a path can only be a folder: it ends in /, or in a component . or .. */
static bool is_folder_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    return *path && !strstr(path, "://") &&
           (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0);
}

static void check_path(const row_reader *c, const char *column, const char *path)
{
    if (is_folder_path(path))
        fault(c, "%s '%.200s' names a folder; expected a file", column, path);
    else if (strstr(path, "##idx##")) /* htslib would open what follows */
        fault(c, "%s '%.200s' holds ##idx##; expected the index in the column 'index'", column,
              path);
    else if (kuni_is_url(path) && !kuni_network_allows(c->network, path))
        fault(c,
              "%s '%.200s' is a URL that the workflow does not allow; expected one that begins as "
              "`network:` of the workflow says",
              column, path);
}

/* Reads and index: native columns, or sarek's cram/crai before bam/bai. */
static kuni_status read_files(row_reader *c, const dialect *f, char *const *fields,
                              kuni_sample *row)
{
    const char *reads = field_of(f, fields, READS), *index = field_of(f, fields, INDEX);
    if (f->sarek && !*reads) {
        reads = field_of(f, fields, READS_OTHER);
        index = field_of(f, fields, INDEX_OTHER);
    }
    if (!*reads)
        fault(c, f->sarek ? "neither cram nor bam is given; expected aligned reads"
                          : "reads is empty");
    check_path(c, "reads", reads);
    check_path(c, "index", index);
    row->reads = keep_path(c, reads);
    row->index = keep_path(c, index);
    return c->err->status;
}

/* What no two rows may share, and what the rows of a participant must share. */
static kuni_status check_others(row_reader *c, const kuni_sample *row, uint32_t at)
{
    kuni_manifest *m = c->manifest;
    int64_t other = row->id ? kuni_manifest_find(m, row->id) : -1;
    if (other >= 0)
        fault(c, "sample '%.100s' stands twice; line %u has it already", row->id, m->lines[other]);
    else if (row->id && kuni_names_add(&m->by_id, row->id, at, c->err))
        return KUNI_MEMORY;
    other = row->reads ? kuni_names_find(&m->by_reads, row->reads) : -1;
    if (other >= 0 && kuni_is_variants_path(row->reads))
        m->rows[at].shares_reads = m->rows[other].shares_reads = true;
    else if (other >= 0)
        fault(c, "reads '%.200s' stand twice; line %u has them already", row->reads,
              m->lines[other]);
    else if (row->reads && kuni_names_add(&m->by_reads, row->reads, at, c->err))
        return KUNI_MEMORY;
    if (!row->participant) return KUNI_OK;
    other = kuni_names_find(&m->by_participant, row->participant);
    if (other < 0) return kuni_names_add(&m->by_participant, row->participant, at, c->err);
    kuni_sample *first = &m->rows[other];
    if (row->sex && first->sex && row->sex != first->sex)
        fault(c, "participant '%.100s' has another sex than on line %u", row->participant,
              m->lines[other]);
    return KUNI_OK;
}

static kuni_status grow(row_reader *c)
{
    kuni_manifest *m = c->manifest;
    void *rows = m->rows, *lines = m->lines;
    if (m->n >= INT32_MAX)
        return kuni_fail(c->err, KUNI_DATA, "%s: too many rows", c->faults->file);
    if (kuni_grow(&rows, &m->capacity, m->n + 1, sizeof(*m->rows), c->err)) return KUNI_MEMORY;
    m->rows = rows;
    if (kuni_grow(&lines, &m->lines_capacity, m->n + 1, sizeof(*m->lines), c->err))
        return KUNI_MEMORY;
    m->lines = lines;
    return kuni_grow((void **)&m->facts, &m->facts_capacity, m->n + 1, sizeof(*m->facts), c->err);
}

static kuni_status read_row(row_reader *c, const dialect *f, char *line)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    size_t n = kuni_line_split(line, f->separator, fields);
    /* Spreadsheets append empty columns. */
    while (n > f->n_columns && n <= KUNI_LINE_FIELDS_MAX && !*fields[n - 1]) n--;
    if (n != f->n_columns) {
        fault(c, "has %zu column%s; the header has %zu", n, n == 1 ? "" : "s", f->n_columns);
        return KUNI_OK;
    }
    if (grow(c)) return c->err->status;
    kuni_sample row = {.sex = KUNI_SEX_UNKNOWN};
    const char *id = field_of(f, fields, SAMPLE), *participant = field_of(f, fields, PARTICIPANT);
    check_id(c, f->sarek ? "sample" : "sample_id", id);
    check_id(c, f->sarek ? "patient" : "participant_id", participant);
    row.id = keep(c, id);
    row.participant = row.id && strcmp(id, participant) == 0 ? row.id : keep(c, participant);
    read_sex(c, field_of(f, fields, SEX), &row);
    if (read_files(c, f, fields, &row)) return c->err->status;
    check_md5(c, field_of(f, fields, MD5));
    if (strcmp(field_of(f, fields, STATUS), "1") == 0)
        fault(c, "status 1 is a tumour sample; expected germline samples only");
    row.md5 = keep(c, field_of(f, fields, MD5));
    row.site = keep(c, check_text(c, "site", field_of(f, fields, SITE)));
    row.group = keep(c, check_text(c, "group", field_of(f, fields, GROUP)));
    row.name_in_file = keep(c, field_of(f, fields, NAME_IN_FILE));
    if (c->err->status || read_facts(c, f, fields, &c->manifest->facts[c->manifest->n]))
        return c->err->status;
    uint32_t at = (uint32_t)c->manifest->n;
    c->manifest->rows[at] = row;
    c->manifest->lines[at] = (uint32_t)c->line;
    if (check_others(c, &row, at)) return c->err->status;
    c->manifest->n++;
    return KUNI_OK;
}

/* The folder of a file, absolute. */
static kuni_status find_folder(row_reader *c, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real) return kuni_fail_errno(c->err, "manifest %s", path);
    char *slash = strrchr(real, '/');
    *slash = '\0';
    c->folder = kuni_arena_strndup(c->arena, real, strlen(real), c->err);
    free(real);
    return c->folder ? KUNI_OK : KUNI_MEMORY;
}

kuni_status kuni_manifest_read(kuni_manifest *manifest, const char *path,
                               const kuni_network *network, kuni_arena *arena, kuni_faults *faults,
                               kuni_error *err)
{
    *manifest = (kuni_manifest){.n = 0};
    row_reader c = {
        .manifest = manifest, .network = network, .arena = arena, .faults = faults, .err = err};
    kuni_status status = find_folder(&c, path);
    if (status) return status;
    kuni_lines lines;
    if ((status = kuni_lines_open(&lines, path, err))) return status;
    char *line = NULL;
    dialect f = {.n_columns = 0};
    if ((status = kuni_table_next(&lines, true, &line, faults, err))) goto fail;
    c.line = lines.number;
    if (line && (status = read_header(&c, line, &f))) goto fail;
    bool table = line && kuni_faults_none(faults); /* rows mean nothing under a broken header */
    bool any = false;
    while (table) {
        if ((status = kuni_table_next(&lines, false, &line, faults, err))) goto fail;
        if (!line) break;
        c.line = lines.number;
        any = true;
        if ((status = read_row(&c, &f, line))) goto fail;
    }
    if (!any && kuni_faults_none(faults))
        kuni_faults_add(faults, NULL, 0, 0,
                        "the manifest holds no sample; expected a header and a row for each");
fail:
    kuni_lines_close(&lines);
    return status;
}

void kuni_manifest_forget_names(kuni_manifest *manifest)
{
    kuni_names_fini(&manifest->by_id);
    kuni_names_fini(&manifest->by_reads);
    kuni_names_fini(&manifest->by_participant);
}

void kuni_manifest_fini(kuni_manifest *manifest)
{
    free(manifest->rows);
    free(manifest->lines);
    free(manifest->facts);
    kuni_manifest_forget_names(manifest);
    kuni_buffer_fini(&manifest->notes);
    *manifest = (kuni_manifest){.n = 0};
}
