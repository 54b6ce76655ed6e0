/* SPDX-License-Identifier: MIT */
#include "reads_index.h"

#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <math.h>
#include <stdlib.h>

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
