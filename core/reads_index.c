/* SPDX-License-Identifier: MIT */
#include "reads_index.h"

#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/buffer.h"

typedef struct crai_line {
    long long contig, beg, span, container, slice, bytes;
} crai_line;

static bool parse(const char *text, crai_line *line)
{
    long long *const fields[] = {&line->contig,    &line->beg,   &line->span,
                                 &line->container, &line->slice, &line->bytes};
    for (int i = 0; i < 6; i++) {
        char *end;
        *fields[i] = strtoll(text, &end, 10);
        if (end == text || (*end != '\t' && *end != '\0')) return false;
        text = end + (*end == '\t');
    }
    return true;
}

static bool same_slice(const crai_line *a, const crai_line *b)
{
    return a->container == b->container && a->slice == b->slice;
}

/* Adds what a slice has, if it is of one contig. */
static void add_slice(const crai_line *line, bool alone, int32_t n, double *bytes, double *spans)
{
    if (!alone || line->contig < 0 || line->contig >= n || line->span <= 0) return;
    bytes[line->contig] += (double)line->bytes;
    spans[line->contig] += (double)line->span;
}

kuni_status kuni_crai_depths(const char *path, double *depths, int32_t n, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kstring_t text = KS_INITIALIZE;
    crai_line line = {.contig = -1}, last = {.contig = -1};
    bool alone = false, any = false;
    int got = -1;
    double *spans = kuni_alloc((size_t)n + 1, sizeof(*spans), err);
    BGZF *file = spans ? bgzf_open(path, "r") : NULL;
    if (!spans) return KUNI_MEMORY;
    if (!file) status = kuni_fail_errno(err, "cannot open %s", path);
    for (int32_t i = 0; i < n; i++) depths[i] = 0;
    while (!status && (got = bgzf_getline(file, '\n', &text)) >= 0) {
        if (!parse(text.s, &line))
            status = kuni_fail(err, KUNI_DATA, "%s: no CRAM index: run samtools index", path);
        bool again = any && same_slice(&line, &last);
        if (any && !again) add_slice(&last, alone, n, depths, spans);
        alone = !again;
        any = true;
        last = line;
    }
    if (!status && got < -1)
        status = kuni_fail(err, KUNI_DATA, "%s: damaged: run samtools index", path);
    if (any) add_slice(&last, alone, n, depths, spans);
    for (int32_t i = 0; i < n; i++) depths[i] = spans[i] > 0 ? depths[i] / spans[i] : NAN;
    if (file && bgzf_close(file) < 0 && !status)
        status = kuni_fail(err, KUNI_IO, "cannot read %s", path);
    ks_free(&text);
    free(spans);
    return status;
}

/* --- does it name all? --- */

/* What stands before the blocks of a container: CRAM 3.0 and 2.1, section 7. */
typedef struct container {
    int64_t end;    /* offset of the next */
    int32_t contig; /* -1: reads without a place, and the end of the file */
    int64_t n_slices;
} container;

/* Numbers of CRAM: the leading ones of the first byte tell how many follow. */
static bool take_number(const uint8_t **at, const uint8_t *end, bool is_long, int64_t *value)
{
    if (*at >= end) return false;
    int first = **at, more = 0, most = is_long ? 8 : 4;
    while (more < most && first & 0x80 >> more) more++;
    if (end - *at < more + 1) return false;
    uint64_t bits = (uint64_t)first & (!is_long && more == most ? 0x0f : 0x7fu >> more);
    for (int i = 1; i <= more; i++) /* of the fifth byte of a short number only four bits count */
        bits = !is_long && i == 4 ? bits << 4 | ((*at)[i] & 0x0f) : bits << 8 | (*at)[i];
    *at += more + 1;
    *value = is_long ? (int64_t)bits : (int64_t)(int32_t)(uint32_t)bits;
    return true;
}

/* False where no whole one starts there. */
static bool read_container(int fd, int64_t at, int major, container *c)
{
    enum { ROOM = 1 << 14, CRC_BYTES = 4 };
    uint8_t bytes[ROOM];
    ssize_t got = pread(fd, bytes, sizeof(bytes), at);
    if (got < CRC_BYTES) return false;
    const uint8_t *next = bytes + 4, *end = bytes + got;
    int64_t length = (int64_t)bytes[0] | (int64_t)bytes[1] << 8 | (int64_t)bytes[2] << 16 |
                     (int64_t)bytes[3] << 24,
            contig, skipped, n_slices, landmark;
    bool fine = take_number(&next, end, false, &contig);
    for (int i = 0; i < 3; i++) fine = fine && take_number(&next, end, false, &skipped);
    fine = fine && take_number(&next, end, major >= 3, &skipped) && /* record counter */
           take_number(&next, end, true, &skipped) &&               /* bases */
           take_number(&next, end, false, &skipped) &&              /* blocks */
           take_number(&next, end, false, &n_slices);
    for (int64_t i = 0; fine && i < n_slices; i++) fine = take_number(&next, end, false, &landmark);
    if (!fine) return false;
    if (major >= 3) next += CRC_BYTES;
    *c = (container){
        .end = at + (next - bytes) + length, .contig = (int32_t)contig, .n_slices = n_slices};
    return true;
}

/* The CRAM as far as it has been followed. */
typedef struct walk {
    int fd, major;
    int64_t at; /* all before is named, or has no placed reads */
    /* the container that the last lines name */
    int64_t start, last_slice, last_end, n_slices;
} walk;

/* Over containers that are not named, to `to`; false where one has placed reads. */
static bool skip_unnamed(walk *w, int64_t to)
{
    container c;
    while (w->at < to) {
        if (!read_container(w->fd, w->at, w->major, &c) || c.contig != -1) return false;
        w->at = c.end;
    }
    return w->at == to;
}

/* Leaves the container of the last lines; the next one starts at `next`. */
static bool leave_container(walk *w, int64_t next)
{
    enum { HEADER_MOST = 128 }; /* of a container with one slice; no whole container is so small */
    container c;
    if (w->start < 0) return true;
    int64_t gap = next - (w->start + w->last_end);
    if (w->n_slices == 1 && gap > 0 && gap <= HEADER_MOST) {
        w->at = next;
        return true;
    }
    if (!read_container(w->fd, w->start, w->major, &c) || c.n_slices != w->n_slices) return false;
    w->at = c.end;
    return true;
}

static bool follow_line(walk *w, const crai_line *line)
{
    if (line->container == w->start) {
        if (line->slice != w->last_slice) w->n_slices++;
    } else {
        if (line->container < w->at || !leave_container(w, line->container) ||
            !skip_unnamed(w, line->container))
            return false;
        w->start = line->container;
        w->n_slices = 1;
    }
    w->last_slice = line->slice;
    w->last_end = line->slice + line->bytes;
    return true;
}

kuni_status kuni_crai_covers(const char *crai, const char *path, int64_t first, bool *covers,
                             kuni_error *err)
{
    enum { MAJOR_AT = 4 }; /* behind "CRAM" */
    kstring_t text = KS_INITIALIZE;
    walk w = {.fd = open(path, O_RDONLY | O_CLOEXEC), .at = first, .start = -1};
    BGZF *file = bgzf_open(crai, "r");
    uint8_t major = 0;
    struct stat st;
    int got = -1;
    kuni_status status = KUNI_OK;
    if (w.fd < 0 || fstat(w.fd, &st) != 0 || pread(w.fd, &major, 1, MAJOR_AT) != 1)
        status = kuni_fail_errno(err, "cannot read %s", path);
    if (!status && !file) status = kuni_fail_errno(err, "cannot open %s", crai);
    w.major = major;
    *covers = true;
    while (!status && *covers && (got = bgzf_getline(file, '\n', &text)) >= 0) {
        crai_line line;
        *covers = parse(text.s, &line) && follow_line(&w, &line);
    }
    if (!status && *covers)
        *covers = got == -1 && leave_container(&w, st.st_size) && skip_unnamed(&w, st.st_size);
    if (file) (void)bgzf_close(file);
    if (w.fd >= 0) (void)close(w.fd);
    ks_free(&text);
    return status;
}
