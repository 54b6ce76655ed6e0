/* SPDX-License-Identifier: MIT */
#include "export_sparse.h"

#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/tbx.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export_published.h"
#include "kuni/evidence.h"
#include "sparse_lines.h"
#include "sparse_text.h"

struct kuni_sparse_copying {
    const kuni_exporter *x;
    const char *path; /* of the published file */
    char *out;
    BGZF *from, *to;
    tbx_t *index;
    kuni_buffer head;        /* lines of the header, with their ends, up to that of the columns */
    kstring_t columns, line; /* that; the record under way */
    kuni_sparse_blocks *blocks; /* made where a span begins within a chunk */
    kuni_buffer told;           /* a record that is written otherwise than it stands there */
    int fd;                     /* of the published file, for its blocks as they are */
    kuni_buffer raw;            /* such ones */
    uint64_t begin, end;        /* virtual places in the file of the record under way */
    int64_t chunk;              /* of the last record: where blocks end */
};

static kuni_status damaged(const kuni_sparse_copying *c, kuni_error *err)
{
    return kuni_fail(err, KUNI_IO,
                     "%s is cut off or damaged: `kuni verify --deep` tells, `kuni repair` mends",
                     c->path);
}

/* A line; *found false at the end of the file. */
static kuni_status read_line(const kuni_sparse_copying *c, kstring_t *line, bool *found,
                             kuni_error *err)
{
    bool ended = false;
    int got = 0;
    ks_clear(line);
    while (!ended && got == 0) got = sparse_read_some(c->from, line, &ended);
    *found = got == 0;
    return got < -1 || c->from->errcode || (got < 0 && line->l) ? damaged(c, err) : KUNI_OK;
}

/* --- the header --- */

/* The columns are those of the people who are wanted, one by one. */
static kuni_status check_columns(const kuni_sparse_copying *c, kuni_error *err)
{
    enum { BEFORE = 9 };
    const kuni_cohort *cohort = &c->x->run->cohort;
    const char *at = c->columns.s;
    for (int i = 0; i < BEFORE && at; i++) {
        at = strchr(at, '\t');
        if (at && i + 1 < BEFORE) at++;
    }
    bool same = at != NULL;
    for (size_t i = 0; i < cohort->n_samples && same; i++) {
        if (c->x->columns[i] < 0) continue;
        const char *id = cohort->samples[i].id;
        size_t n = strlen(id);
        same = *at == '\t' && strncmp(at + 1, id, n) == 0 && (at[n + 1] == '\t' || !at[n + 1]);
        if (same) at += n + 1;
    }
    return same && !*at ? KUNI_OK
                        : kuni_fail(err, KUNI_IO,
                                    "%s has other columns than the register tells: `kuni verify "
                                    "--deep` tells more",
                                    c->path);
}

static kuni_status read_header(kuni_sparse_copying *c, kuni_error *err)
{
    bool found;
    for (;;) {
        kuni_status status = read_line(c, &c->columns, &found, err);
        if (status) return status;
        if (!found || c->columns.s[0] != '#') return damaged(c, err);
        if (c->columns.s[1] != '#') return check_columns(c, err);
        status = kuni_buffer_printf(&c->head, err, "%s\n", c->columns.s);
        if (status) return status;
    }
}

/*
 * The line of FILTER Dropped, which every merged file has, is of use where stages came after joint-genotype; only there has an
 * export from evidence one.
 */
static bool is_kept(const kuni_exporter *x, const char *line)
{
    static const char dropped[] = "##FILTER=<ID=Dropped,";
    return x->last_node != x->node || strncmp(line, dropped, sizeof(dropped) - 1) != 0 ||
           strstr(kuni_params_text(x->params, "filters"), "Dropped");
}

/* Lines of FORMAT, or the others. */
static kuni_status copy_lines(const kuni_sparse_copying *c, bool formats, const char *source,
                              kuni_buffer *text, kuni_error *err)
{
    static const char ours[] = "##source=", format[] = "##FORMAT=";
    kuni_status status = KUNI_OK;
    for (const char *line = c->head.data, *end; line && *line && !status; line = end) {
        end = strchr(line, '\n') + 1;
        if (formats != (strncmp(line, format, sizeof(format) - 1) == 0)) continue;
        if (strncmp(line, ours, sizeof(ours) - 1) == 0)
            status = kuni_buffer_printf(text, err, "%s%s\n", ours, source);
        else if (is_kept(c->x, line))
            status = kuni_buffer_append(text, line, (size_t)(end - line), err);
    }
    return status;
}

kuni_status kuni_sparse_copying_head(const kuni_sparse_copying *c, const char *path,
                                     const char *source, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = copy_lines(c, false, source, &text, err); /* with what stages have added */
    if (!status) status = copy_lines(c, true, source, &text, err);
    if (!status) status = kuni_buffer_append(&text, c->columns.s, c->columns.l, err);
    if (!status) status = kuni_buffer_append(&text, "\n", 1, err);
    BGZF *file = status ? NULL : bgzf_open(path, "w5");
    bool good = file && bgzf_write(file, text.data, text.length) == (ssize_t)text.length;
    if (file && bgzf_close(file) < 0) good = false;
    kuni_buffer_fini(&text);
    return status || good ? status : kuni_fail_errno(err, "cannot write %s", path);
}

/* --- records --- */

static kuni_status start(kuni_sparse_copying *c, kuni_error *err)
{
    c->from = bgzf_open(c->path, "r");
    c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (!c->from || c->fd < 0) return kuni_fail_errno(err, "cannot open %s", c->path);
    kuni_status status = read_header(c, err);
    if (status) return status;
    c->index = tbx_index_load2(c->path, c->x->published->index);
    if (!c->index)
        return kuni_fail(err, KUNI_IO, "%s: cannot read the index: `kuni repair` mends",
                         c->x->published->index);
    c->to = bgzf_open(c->out, "w5");
    return c->to ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", c->out);
}

kuni_status kuni_sparse_copying_open(kuni_sparse_copying **made, const kuni_exporter *x,
                                     const char *path, kuni_error *err)
{
    kuni_sparse_copying *c = kuni_alloc(1, sizeof(*c), err);
    if (!c) return KUNI_MEMORY;
    c->fd = -1;
    c->x = x;
    c->path = x->published->path;
    c->out = kuni_strdup(path, err);
    kuni_status status = c->out ? start(c, err) : KUNI_MEMORY;
    if (status) {
        kuni_sparse_copying_abandon(c);
        return status;
    }
    *made = c;
    return KUNI_OK;
}

/* Lines that fit a block do not cross into the next. */
static kuni_status put_line(kuni_sparse_copying *c, const char *text, size_t length,
                            kuni_error *err)
{
    bool good = bgzf_flush_try(c->to, (ssize_t)length) == 0 &&
                bgzf_write(c->to, text, length) == (ssize_t)length;
    return good ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", c->out);
}

static kuni_status flush(kuni_sparse_copying *c, kuni_error *err)
{
    return bgzf_flush(c->to) < 0 ? kuni_fail_errno(err, "cannot write %s", c->out) : KUNI_OK;
}

/* Of many people a record has blocks of its own: they are taken as they are. */
static bool has_blocks(const kuni_sparse_copying *c)
{
    return ((c->begin | c->end) & UINT16_MAX) == 0 && c->end > c->begin;
}

static kuni_status put_blocks(kuni_sparse_copying *c, kuni_error *err)
{
    size_t n = (size_t)((c->end - c->begin) >> 16), done = 0;
    kuni_buffer_clear(&c->raw);
    kuni_status status = kuni_buffer_reserve(&c->raw, n, err);
    if (!status) status = flush(c, err);
    while (!status && done < n) {
        ssize_t got =
            pread(c->fd, c->raw.data + done, n - done, (off_t)(c->begin >> 16) + (off_t)done);
        if (got <= 0) return kuni_fail_errno(err, "cannot read %s", c->path);
        done += (size_t)got;
    }
    if (status || bgzf_raw_write(c->to, c->raw.data, n) == (ssize_t)n) return status;
    return kuni_fail_errno(err, "cannot write %s", c->out);
}

/* `first`: blocks of earlier records of the chunk are told of. */
static kuni_status write_record(kuni_sparse_copying *c, int64_t pos, bool first, kuni_error *err)
{
    int64_t chunk = pos / KUNI_EVIDENCE_CHUNK_BP;
    kuni_status status = chunk == c->chunk ? KUNI_OK : flush(c, err);
    c->chunk = chunk;
    kuni_buffer_clear(&c->told);
    if (status) return status;
    if (first)
        status = kuni_sparse_blocks_tell(c->blocks, c->line.s, &c->told, err);
    else if (!kuni_sparse_line_ends_well(c->line.s))
        status = kuni_sparse_line_put_end_last(c->line.s, &c->told, err);
    else if (has_blocks(c))
        return put_blocks(c, err);
    else {
        if (kputc('\n', &c->line) < 0) return kuni_fail_memory(err, c->line.l, 1);
        return put_line(c, c->line.s, c->line.l, err);
    }
    return status ? status : put_line(c, c->told.data, c->told.length, err);
}

/* Goes to a place before the first record that starts at `beg` or later; *found false: there is none before `end`. */
static kuni_status go_to(kuni_sparse_copying *c, const char *contig, int64_t beg, int64_t end,
                         bool *found, kuni_error *err)
{
    int tid = tbx_name2id(c->index, contig);
    *found = false;
    if (tid < 0) return KUNI_OK; /* a contig without records */
    hts_itr_t *places = tbx_itr_queryi(c->index, tid, beg, end);
    if (!places) return damaged(c, err);
    *found = places->n_off > 0;
    bool good = !*found || bgzf_seek(c->from, (int64_t)places->off[0].u, SEEK_SET) == 0;
    hts_itr_destroy(places);
    return good ? KUNI_OK : damaged(c, err);
}

static bool is_of(const char *line, const char *contig)
{
    size_t n = strlen(contig);
    return strncmp(line, contig, n) == 0 && line[n] == '\t';
}

/* From where on blocks may reach into the span. */
static int64_t look_back(kuni_span span)
{
    return span.beg / KUNI_EVIDENCE_CHUNK_BP * KUNI_EVIDENCE_CHUNK_BP;
}

static kuni_status begin_blocks(kuni_sparse_copying *c, kuni_error *err)
{
    if (!c->blocks) return kuni_sparse_blocks_new(&c->blocks, (uint32_t)c->x->n_columns, err);
    kuni_sparse_blocks_clear(c->blocks);
    return KUNI_OK;
}

kuni_status kuni_sparse_copying_span(kuni_sparse_copying *c, kuni_span span, kuni_error *err)
{
    const char *contig = kuni_genome_contig(c->x->run->genome, span.tid)->name;
    int64_t beg = look_back(span);
    bool found, first = beg < span.beg; /* to be told of who is in a block */
    kuni_status status = first ? begin_blocks(c, err) : KUNI_OK;
    if (!status) status = go_to(c, contig, beg, span.end, &found, err);
    c->chunk = span.beg / KUNI_EVIDENCE_CHUNK_BP;
    while (!status && found) {
        c->begin = (uint64_t)bgzf_tell(c->from);
        status = read_line(c, &c->line, &found, err);
        c->end = (uint64_t)bgzf_tell(c->from);
        if (status || !found || !is_of(c->line.s, contig)) break;
        int64_t pos = kuni_sparse_line_pos(c->line.s);
        if (pos < 0) status = damaged(c, err);
        if (pos >= span.end) break;
        if (status || pos < beg) continue;
        if (pos < span.beg)
            status = kuni_sparse_blocks_pass(c->blocks, c->line.s, err);
        else {
            status = write_record(c, pos, first, err);
            first = false;
        }
    }
    return status ? status : flush(c, err);
}

void kuni_sparse_copying_abandon(kuni_sparse_copying *c)
{
    if (!c) return;
    if (c->to) (void)bgzf_close(c->to);
    if (c->from) (void)bgzf_close(c->from);
    if (c->index) tbx_destroy(c->index);
    kuni_sparse_blocks_free(c->blocks);
    kuni_buffer_fini(&c->head);
    kuni_buffer_fini(&c->told);
    kuni_buffer_fini(&c->raw);
    if (c->fd >= 0) (void)close(c->fd);
    ks_free(&c->columns);
    ks_free(&c->line);
    free(c->out);
    free(c);
}

kuni_status kuni_sparse_copying_finish(kuni_sparse_copying *c, kuni_error *err)
{
    int closed = bgzf_close(c->to);
    c->to = NULL;
    kuni_status status = closed < 0 ? kuni_fail_errno(err, "cannot write %s", c->out) : KUNI_OK;
    kuni_sparse_copying_abandon(c);
    return status;
}
