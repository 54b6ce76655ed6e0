/* SPDX-License-Identifier: MIT */
#include "register.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/lines.h"

/* Format 1 had no facts; it is read, and written anew as 2. In format 3 batches may have any numbers. */
static const char first_line_1[] = "#kuni register 1";
static const char first_line[] = "#kuni register 2", compacted_line[] = "#kuni register 3";
#define COLUMNS_1                                                                                  \
    "batch\tsample_id\tparticipant_id\tsex\tstate\tsince\tbytes\tcontent\tgroup\tsite\tfather\t"   \
    "mother\treads\tindex\tmd5\tshares\twhere\treason"
static const char columns_line_1[] = COLUMNS_1;
static const char columns_line[] =
    COLUMNS_1 "\tconsent\ticf_version\tconsent_date\trelease_after\tcustodian\trecontact\t"
              "timepoint\tprimary";

static const char *const fact_names[KUNI_FACTS] = {"consent",       "icf_version", "consent_date",
                                                   "release_after", "custodian",   "recontact",
                                                   "timepoint",     "primary"};

enum column {
    BATCH,
    SAMPLE,
    PARTICIPANT,
    SEX,
    STATE,
    SINCE,
    BYTES,
    CONTENT,
    GROUP,
    SITE,
    FATHER,
    MOTHER,
    READS,
    INDEX,
    MD5,
    SHARES,
    WHERE,
    REASON,
    FIRST_FACT,
    COLUMNS = FIRST_FACT + KUNI_FACTS
};

static const char *const state_names[] = {"in", "withdrawn", "quarantined", "moved", "erased"};
static const char *const sex_names[] = {"unknown", "male", "female"};

enum { N_STATES = 5, N_SEXES = 3 };

const char *kuni_person_state_name(kuni_person_state state)
{
    return state_names[state];
}

const char *kuni_fact_name(kuni_fact fact)
{
    return fact_names[fact];
}

const char *kuni_person_fact(const kuni_person *person, kuni_fact fact)
{
    return person->facts ? person->facts[fact] : NULL;
}

void kuni_register_batch_name(size_t number, char room[32])
{
    snprintf(room, 32, "b%04zu", number);
}

/* The number in a batch's name, or -1. */
static int64_t number_of(const char *name)
{
    char made[32];
    int64_t number;
    if (name[0] != 'b' || !kuni_text_int(name + 1, 0, INT32_MAX, &number)) return -1;
    kuni_register_batch_name((size_t)number, made);
    return strcmp(name, made) == 0 ? number : -1;
}

size_t kuni_register_next_batch(const kuni_batch *batches, size_t n)
{
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t number = number_of(batches[i].id);
        if (number >= (int64_t)next) next = (size_t)number + 1;
    }
    return next;
}

bool kuni_register_is_compacted(const kuni_batch *batches, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (number_of(batches[i].id) != (int64_t)i) return true;
    return false;
}

size_t kuni_register_rows_published(const kuni_batch *batches, size_t n, const kuni_person *people)
{
    while (n > 0) {
        const kuni_batch *last = &batches[n - 1];
        for (size_t i = last->first; i < last->first + last->n_samples; i++)
            if (people[i].since) return last->first + last->n_samples;
        n--;
    }
    return 0;
}

/* --- reading --- */

typedef struct reading {
    kuni_register *people;
    kuni_arena *arena;
    size_t capacity, batches_capacity; /* capacity: rows that its last line tells */
    size_t n_columns;                  /* of the format */
    kuni_names *ids;
    const char *last[COLUMNS]; /* the text that was kept last, by column: many are the same */
    bool compacted;
    kuni_names batch_names;
} reading;

static kuni_status damaged(const char *path, int64_t line, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_IO,
                     "%s:%" PRId64
                     ": the register of the dataset is damaged: %s: put the file back "
                     "from a backup; nothing was changed",
                     path, line, what);
}

static const char *keep(reading *r, size_t column, const char *text, kuni_error *err)
{
    const char *last = r->last[column];
    if (last && strcmp(last, text) == 0) return last;
    return r->last[column] = kuni_arena_strndup(r->arena, text, strlen(text), err);
}

static int word_of(const char *text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) return i;
    return -1;
}

static kuni_status take_texts(reading *r, char *fields[], kuni_sample *sample, kuni_person *person,
                              kuni_error *err)
{
    const struct {
        enum column column;
        const char **place;
    } texts[] = {{SAMPLE, &sample->id},     {PARTICIPANT, &sample->participant},
                 {GROUP, &sample->group},   {SITE, &sample->site},
                 {FATHER, &sample->father}, {MOTHER, &sample->mother},
                 {READS, &sample->reads},   {INDEX, &sample->index},
                 {MD5, &sample->md5},       {WHERE, &person->where},
                 {REASON, &person->reason}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = fields[texts[i].column];
        if (text[0] == '.' && !text[1]) continue;
        bool same = texts[i].column == PARTICIPANT && sample->id && strcmp(text, sample->id) == 0;
        *texts[i].place = same ? sample->id : keep(r, texts[i].column, text, err);
        if (!*texts[i].place) return KUNI_MEMORY;
        if (texts[i].column == PARTICIPANT && !same) r->people->twins = true;
    }
    return KUNI_OK;
}

static kuni_status take_facts(reading *r, char *fields[], kuni_person *person, kuni_error *err)
{
    for (size_t f = 0; f < KUNI_FACTS && FIRST_FACT + f < r->n_columns; f++) {
        const char *text = fields[FIRST_FACT + f];
        if (text[0] == '.' && !text[1]) continue;
        if (!person->facts)
            person->facts = kuni_arena_alloc(r->arena, KUNI_FACTS, sizeof(*person->facts), err);
        if (!person->facts || !(person->facts[f] = keep(r, FIRST_FACT + f, text, err)))
            return KUNI_MEMORY;
    }
    return KUNI_OK;
}

/* NULL or what is wrong with the line. */
static const char *take_numbers(char *fields[], kuni_sample *sample, kuni_person *person)
{
    int sex = word_of(fields[SEX], sex_names, N_SEXES);
    int state = word_of(fields[STATE], state_names, N_STATES);
    int64_t shares;
    if (sex < 0) return "unknown sex";
    if (state < 0) return "unknown state";
    if (!kuni_text_int(fields[SINCE], 0, INT64_MAX, &person->since)) return "no generation";
    if (!kuni_text_int(fields[BYTES], -1, INT64_MAX, &person->bytes)) return "no size";
    if (!kuni_text_int(fields[SHARES], 0, 1, &shares)) return "shares is 0 or 1";
    if (strcmp(fields[CONTENT], ".") != 0 && !kuni_hash_parse(&person->content, fields[CONTENT]))
        return "no digest of the reads";
    sample->sex = (kuni_sex)sex;
    person->state = (kuni_person_state)state;
    sample->shares_reads = shares != 0;
    return NULL;
}

static kuni_status add_batch(reading *r, const char *name, kuni_error *err)
{
    kuni_register *all = r->people;
    kuni_status status = kuni_grow((void **)&all->batches, &r->batches_capacity, all->n_batches + 1,
                                   sizeof(kuni_batch), err);
    if (status) return status;
    all->batches[all->n_batches] = (kuni_batch){.id = keep(r, BATCH, name, err), .first = all->n};
    if (!all->batches[all->n_batches++].id) return KUNI_MEMORY;
    return r->compacted ? kuni_names_add(&r->batch_names, all->batches[all->n_batches - 1].id,
                                         (uint32_t)all->n_batches, err)
                        : KUNI_OK;
}

/* Whether a new batch may have the name: the next number, or where batches were put together any that is not there yet. */
static bool may_open(const reading *r, const char *name)
{
    char next[32];
    if (r->compacted) return number_of(name) >= 0 && kuni_names_find(&r->batch_names, name) < 0;
    kuni_register_batch_name(r->people->n_batches, next);
    return strcmp(name, next) == 0;
}

static kuni_status take_row(reading *r, const kuni_lines *lines, char *line, kuni_error *err)
{
    kuni_register *all = r->people;
    char *fields[KUNI_LINE_FIELDS_MAX];
    kuni_sample sample = {.index_in_cohort = (uint32_t)all->n};
    kuni_person person = {.bytes = -1};
    if (kuni_line_split(line, '\t', fields) != r->n_columns)
        return damaged(lines->path, lines->number, "a row has not all columns", err);
    const char *wrong = take_numbers(fields, &sample, &person);
    bool goes_on =
        all->n_batches && strcmp(fields[BATCH], all->batches[all->n_batches - 1].id) == 0;
    bool opens = !goes_on && may_open(r, fields[BATCH]);
    if (!wrong && !goes_on && !opens) wrong = "batch out of order";
    if (wrong) return damaged(lines->path, lines->number, wrong, err);
    kuni_status status = take_texts(r, fields, &sample, &person, err);
    if (!status) status = take_facts(r, fields, &person, err);
    if (status) return status;
    bool nobody = person.state == KUNI_PERSON_ERASED;
    if (nobody && (sample.id || sample.participant || sample.reads))
        return damaged(lines->path, lines->number, "the place of an erased person tells of one",
                       err);
    if (nobody) sample.id = sample.participant = KUNI_SAMPLE_NOBODY;
    if (!sample.id || !sample.participant)
        return damaged(lines->path, lines->number, "a row without an id", err);
    if (r->ids && person.state != KUNI_PERSON_MOVED && !nobody) {
        status = kuni_names_add(r->ids, sample.id, (uint32_t)all->n, err);
        if (!status && kuni_names_find(r->ids, sample.id) != (int64_t)all->n)
            return damaged(lines->path, lines->number, "a sample stands twice", err);
    }
    if (!status && opens) status = add_batch(r, fields[BATCH], err);
    if (status) return status;
    if (all->n == r->capacity)
        return damaged(lines->path, lines->number, "more rows than its last line tells", err);
    all->batches[all->n_batches - 1].n_samples++;
    all->samples[all->n] = sample;
    all->people[all->n++] = person;
    return KUNI_OK;
}

/* "#end COUNT DIGEST" */
static kuni_status check_end(const reading *r, const kuni_lines *lines, char *line,
                             kuni_digest *digest, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES], expected[128];
    kuni_digest_finish(digest, hex);
    snprintf(expected, sizeof(expected), "#end\t%zu\t%s", r->people->n, hex);
    return strcmp(line, expected) == 0
               ? KUNI_OK
               : damaged(lines->path, lines->number, "its digest is another", err);
}

static kuni_status read_lines(reading *r, kuni_lines *lines, kuni_digest **digest, kuni_error *err)
{
    char *line;
    for (;;) {
        kuni_status status = kuni_lines_next(lines, &line, err);
        if (status) return status;
        if (!line) return damaged(lines->path, lines->number, "it is cut off", err);
        if (strncmp(line, "#end\t", 5) == 0) {
            kuni_digest *whole = *digest;
            *digest = NULL;
            if ((status = check_end(r, lines, line, whole, err))) return status;
            if ((status = kuni_lines_next(lines, &line, err))) return status;
            return line ? damaged(lines->path, lines->number, "lines after its end", err) : KUNI_OK;
        }
        kuni_digest_add_text(*digest, line);
        if (lines->number == 1) r->compacted = strcmp(line, compacted_line) == 0;
        if (lines->number == 1 && !(r->n_columns = r->compacted                      ? COLUMNS
                                                   : strcmp(line, first_line) == 0   ? COLUMNS
                                                   : strcmp(line, first_line_1) == 0 ? FIRST_FACT
                                                                                     : 0))
            return damaged(lines->path, 1, "it is not a register of this format", err);
        if (lines->number == 2 &&
            strcmp(line, r->n_columns == COLUMNS ? columns_line : columns_line_1) != 0)
            return damaged(lines->path, 2, "it has other columns", err);
        if (lines->number > 2 && (status = take_row(r, lines, line, err))) return status;
    }
}

/* How many rows the last line tells, in a file that can have so many; 0: it does not tell. */
static size_t told_rows(const char *path)
{
    enum { ROW_BYTES_LEAST = COLUMNS, TAIL_BYTES = 128 };
    char tail[TAIL_BYTES + 1] = "";
    struct stat st;
    int64_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    if (fstat(fd, &st) == 0) {
        off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
        ssize_t got = pread(fd, tail, TAIL_BYTES, from);
        const char *end = got > 0 ? strstr(tail, "#end\t") : NULL;
        char *tab = end ? strchr(end + 5, '\t') : NULL;
        if (tab) *tab = '\0';
        if (!tab || !kuni_text_int(end + 5, 0, st.st_size / ROW_BYTES_LEAST + 1, &n)) n = 0;
    }
    (void)close(fd);
    return (size_t)n;
}

/* Room for all rows. */
static kuni_status begin(reading *r, const char *path, kuni_error *err)
{
    r->capacity = told_rows(path);
    r->people->samples = kuni_arena_alloc(r->arena, r->capacity + 1, sizeof(kuni_sample), err);
    r->people->people = kuni_arena_alloc(r->arena, r->capacity + 1, sizeof(kuni_person), err);
    return r->people->samples && r->people->people ? KUNI_OK : KUNI_MEMORY;
}

/* Batches go from the heap into the arena, which keeps them. */
static kuni_status settle(reading *r, kuni_error *err)
{
    kuni_register *all = r->people;
    kuni_batch *kept = kuni_arena_alloc(r->arena, all->n_batches + 1, sizeof(kuni_batch), err);
    if (kept && all->n_batches) memcpy(kept, all->batches, all->n_batches * sizeof(kuni_batch));
    free(all->batches);
    all->batches = kept;
    if (!kept) *all = (kuni_register){.n = 0};
    return kept ? KUNI_OK : KUNI_MEMORY;
}

kuni_status kuni_register_read(kuni_register *people, const char *path, kuni_arena *arena,
                               kuni_error *err)
{
    kuni_names ids = {.table = NULL};
    kuni_status status = kuni_register_read_named(people, &ids, path, arena, err);
    kuni_names_fini(&ids);
    return status;
}

kuni_status kuni_register_read_named(kuni_register *people, kuni_names *by_id, const char *path,
                                     kuni_arena *arena, kuni_error *err)
{
    *people = (kuni_register){.n = 0};
    if (by_id) *by_id = (kuni_names){.table = NULL};
    if (access(path, F_OK) != 0 && errno == ENOENT) return KUNI_OK;
    reading r = {.people = people, .arena = arena, .ids = by_id};
    kuni_lines lines;
    kuni_digest *digest = kuni_digest_new(err);
    kuni_status status = digest ? begin(&r, path, err) : KUNI_MEMORY;
    if (!status) status = kuni_lines_open(&lines, path, err);
    if (!status) {
        status = read_lines(&r, &lines, &digest, err);
        if (status == KUNI_DATA) status = KUNI_IO; /* our own file: damage, not a slip */
        kuni_lines_close(&lines);
    }
    if (digest) kuni_digest_free(digest);
    kuni_names_fini(&r.batch_names);
    if (!status) return settle(&r, err);
    free(people->batches);
    *people = (kuni_register){.n = 0};
    return status;
}

/* --- writing --- */

/* Where the lines go: to a new file, or beside those of the one that stands, to see whether it differs. */
typedef struct sink {
    kuni_file *file; /* NULL: compares */
    FILE *old;
    bool differs;
    kuni_digest *digest;
    kuni_buffer line, room; /* room: of the same size, for what the old file has */
} sink;

static kuni_status put_raw(sink *s, const char *line, size_t length, kuni_error *err)
{
    if (s->file) return kuni_file_write(s->file, line, length, err);
    kuni_buffer_clear(&s->room);
    kuni_status status = kuni_buffer_append(&s->room, line, length, err);
    if (status) return status;
    s->differs = s->differs || fread(s->room.data, 1, length, s->old) != length ||
                 memcmp(s->room.data, line, length) != 0;
    return KUNI_OK;
}

/* The line that is in the buffer. */
static kuni_status put_line(sink *s, kuni_error *err)
{
    kuni_digest_add_text(s->digest, s->line.data);
    kuni_status status = kuni_buffer_append(&s->line, "\n", 1, err);
    if (!status) status = put_raw(s, s->line.data, s->line.length, err);
    kuni_buffer_clear(&s->line);
    return status;
}

static const char *or_dot(const char *text)
{
    return text && *text ? text : ".";
}

static kuni_status put_row(const kuni_register *all, size_t i, const char *batch, sink *out,
                           kuni_error *err)
{
    static const kuni_hash unknown = {{0}};
    const kuni_sample *s = &all->samples[i];
    const kuni_person *p = &all->people[i];
    char hex[KUNI_DIGEST_HEX_BYTES] = ".";
    if (!kuni_hash_equal(&p->content, &unknown)) kuni_hash_print(&p->content, hex);
    char since[32], bytes[32];
    (void)snprintf(since, sizeof(since), "%" PRId64, p->since);
    (void)snprintf(bytes, sizeof(bytes), "%" PRId64, p->bytes);
    const char *const fields[FIRST_FACT] = {[BATCH] = batch,
                                            [SAMPLE] = s->id,
                                            [PARTICIPANT] = s->participant,
                                            [SEX] = sex_names[s->sex],
                                            [STATE] = state_names[p->state],
                                            [SINCE] = since,
                                            [BYTES] = bytes,
                                            [CONTENT] = hex,
                                            [GROUP] = s->group,
                                            [SITE] = s->site,
                                            [FATHER] = s->father,
                                            [MOTHER] = s->mother,
                                            [READS] = s->reads ? s->reads : p->reads,
                                            [INDEX] = s->index ? s->index : p->index,
                                            [MD5] = s->md5,
                                            [SHARES] = s->shares_reads ? "1" : "0",
                                            [WHERE] = p->where,
                                            [REASON] = p->reason};
    kuni_buffer *line = &out->line;
    kuni_status status = KUNI_OK;
    for (int c = 0; c < COLUMNS && !status; c++) {
        const char *text =
            or_dot(c < FIRST_FACT ? fields[c] : kuni_person_fact(p, (kuni_fact)(c - FIRST_FACT)));
        if (c) status = kuni_buffer_append(line, "\t", 1, err);
        if (!status) status = kuni_buffer_append(line, text, strlen(text), err);
    }
    if (status) return status;
    size_t tabs = 0;
    for (size_t k = 0; k < line->length; k++) tabs += line->data[k] == '\t';
    if (tabs != COLUMNS - 1 || strchr(line->data, '\n'))
        return kuni_fail(err, KUNI_DATA,
                         "sample %s: a field of its row in the manifest holds a tab or a newline: "
                         "write it without",
                         s->id);
    return put_line(out, err);
}

static kuni_status put_all(const kuni_register *all, sink *s, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    s->digest = kuni_digest_new(err);
    if (!s->digest) return KUNI_MEMORY;
    kuni_status status = kuni_buffer_printf(
        &s->line, err, "%s",
        kuni_register_is_compacted(all->batches, all->n_batches) ? compacted_line : first_line);
    if (!status) status = put_line(s, err);
    if (!status) status = kuni_buffer_printf(&s->line, err, "%s", columns_line);
    if (!status) status = put_line(s, err);
    for (size_t b = 0; b < all->n_batches; b++) {
        const kuni_batch *batch = &all->batches[b];
        for (size_t i = batch->first; i < batch->first + batch->n_samples && !status && !s->differs;
             i++)
            status = put_row(all, i, batch->id, s, err);
    }
    kuni_digest_finish(s->digest, hex);
    if (!status && !s->differs)
        status = kuni_buffer_printf(&s->line, err, "#end\t%zu\t%s\n", all->n, hex);
    if (!status && !s->differs) status = put_raw(s, s->line.data, s->line.length, err);
    kuni_buffer_fini(&s->line);
    kuni_buffer_fini(&s->room);
    return status;
}

/* Whether the file at `path` has these very bytes. */
static kuni_status stands(const kuni_register *all, const char *path, bool *same, kuni_error *err)
{
    sink s = {.old = fopen(path, "re")};
    *same = false;
    if (!s.old) return KUNI_OK;
    kuni_status status = put_all(all, &s, err);
    *same = !status && !s.differs && fgetc(s.old) == EOF;
    (void)fclose(s.old);
    return status;
}

kuni_status kuni_register_write(const kuni_register *all, const char *path, kuni_error *err)
{
    sink s = {.file = NULL};
    bool same;
    kuni_status status = stands(all, path, &same, err);
    if (status || same) return status;
    status = kuni_file_create(&s.file, path, err);
    if (status) return status;
    status = put_all(all, &s, err);
    if (!status) return kuni_file_commit(s.file, err);
    kuni_file_discard(s.file);
    return status;
}
