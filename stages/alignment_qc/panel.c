/* SPDX-License-Identifier: MIT */
#include "panel.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

enum { PANEL_BYTES_MOST = 1 << 30 };

/* The file's next line, cut off at its newline; NULL at the end. */
static char *next_line(char **cursor)
{
    if (!*cursor) return NULL;
    while (**cursor == '\n' || **cursor == '\r') (*cursor)++;
    if (!**cursor) return NULL;
    char *line = *cursor;
    *cursor += strcspn(*cursor, "\n");
    if (**cursor) *(*cursor)++ = '\0';
    line[strcspn(line, "\r")] = '\0';
    return line;
}

static char *next_field(char **cursor)
{
    *cursor += strspn(*cursor, " \t");
    if (!**cursor) return NULL;
    char *field = *cursor;
    *cursor += strcspn(*cursor, " \t");
    if (**cursor) *(*cursor)++ = '\0';
    return field;
}

static bool parse_number(const char *text, double *value)
{
    if (!text) return false;
    char *end = NULL;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

static kuni_status sibling(const char *bed, const char *ending, kuni_buffer *text, kuni_error *err)
{
    size_t stem = strlen(bed);
    if (stem < 4 || strcmp(bed + stem - 4, ".bed") != 0)
        return kuni_fail(err, KUNI_USAGE,
                         "contamination_panel: %s: expected the panel's .bed file, with .mu and "
                         ".UD files of the same name beside it",
                         bed);
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&path, err, "%.*s%s", (int)(stem - 4), bed, ending);
    if (!status) status = kuni_file_get(path.data, PANEL_BYTES_MOST, text, err);
    if (!status && !text->length)
        status = kuni_fail(err, KUNI_DATA, "contamination panel: %s: empty file", path.data);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status malformed(const char *bed, const char *ending, size_t line, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA,
                     "contamination panel of %s: line %zu of the %s file is not as expected: rows "
                     "of .bed (contig beg end ref alt), .mu (name mean) and .UD (loadings) "
                     "must correspond",
                     bed, line, ending);
}

static kuni_status read_row(kuni_qc_panel *panel, const char *bed, size_t row, char *bed_line,
                            char *mu_line, char *ud_line, const kuni_genome *genome,
                            kuni_error *err)
{
    kuni_qc_site site = {.tid = -1};
    const char *contig = next_field(&bed_line), *beg = next_field(&bed_line);
    double from = -1, to = -1;
    const char *end = next_field(&bed_line);
    const char *ref = next_field(&bed_line), *alt = next_field(&bed_line);
    /* Some rows of the published panels have several ALTs ("A,G"): what their frequency counts is
       not said, so they are left out. */
    bool biallelic = alt && strlen(alt) == 1;
    if (!parse_number(beg, &from) || !parse_number(end, &to) || from < 0 || to <= from || !ref ||
        !alt || strlen(ref) != 1 || strspn(alt, "ACGT,") != strlen(alt) || !strchr("ACGT", *ref) ||
        !strchr("ACGT", *alt) || *ref == *alt || (!biallelic && !strchr(alt, ',')))
        return malformed(bed, ".bed", row, err);
    site.pos = (int64_t)to - 1;
    site.ref = *ref;
    site.alt = *alt;
    (void)next_field(&mu_line);
    if (!parse_number(next_field(&mu_line), &site.mean) || site.mean < 0 || site.mean > 2)
        return malformed(bed, ".mu", row, err);
    int n = 0;
    for (const char *field = next_field(&ud_line); field && n < KUNI_QC_PCS_MAX;
         field = next_field(&ud_line), n++)
        if (!parse_number(field, &site.loading[n])) return malformed(bed, ".UD", row, err);
    if (n == 0 || (panel->n_pcs && n != panel->n_pcs)) return malformed(bed, ".UD", row, err);
    panel->n_pcs = n;
    site.tid = kuni_genome_find(genome, contig);
    if (!biallelic || site.tid < 0 || site.pos >= kuni_genome_contig(genome, site.tid)->length_bp)
        panel->n_elsewhere++;
    else
        panel->sites[panel->n_sites++] = site;
    return KUNI_OK;
}

static int by_place(const void *a, const void *b)
{
    const kuni_qc_site *x = a, *y = b;
    if (x->tid != y->tid) return x->tid < y->tid ? -1 : 1;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    return x->alt - y->alt;
}

kuni_status kuni_qc_panel_read(kuni_qc_panel **out, const char *bed, const kuni_genome *genome,
                               kuni_error *err)
{
    kuni_buffer text[3] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT, KUNI_BUFFER_INIT};
    static const char *const endings[3] = {".bed", ".mu", ".UD"};
    kuni_qc_panel *panel = kuni_alloc(1, sizeof(*panel), err);
    if (!panel) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (int i = 0; i < 3; i++) {
        status = sibling(bed, endings[i], &text[i], err);
        if (status) goto fail;
    }
    size_t capacity = 1;
    for (const char *c = text[0].data; c && *c; c++) capacity += *c == '\n';
    panel->sites = kuni_alloc(capacity, sizeof(*panel->sites), err);
    status = KUNI_MEMORY;
    if (!panel->sites) goto fail;
    char *cursor[3] = {text[0].data, text[1].data, text[2].data};
    for (size_t row = 1;; row++) {
        char *line[3];
        for (int i = 0; i < 3; i++) line[i] = next_line(&cursor[i]);
        if (!line[0] && !line[1] && !line[2]) break;
        for (int i = 0; i < 3; i++)
            if (!line[i]) {
                status = malformed(bed, endings[i], row, err);
                goto fail;
            }
        status = read_row(panel, bed, row, line[0], line[1], line[2], genome, err);
        if (status) goto fail;
    }
    qsort(panel->sites, panel->n_sites, sizeof(*panel->sites), by_place);
    for (int i = 0; i < 3; i++) kuni_buffer_fini(&text[i]);
    *out = panel;
    return KUNI_OK;
fail:
    for (int i = 0; i < 3; i++) kuni_buffer_fini(&text[i]);
    kuni_qc_panel_free(panel);
    return status;
}

void kuni_qc_panel_free(kuni_qc_panel *panel)
{
    if (!panel) return;
    free(panel->sites);
    free(panel);
}

size_t kuni_qc_panel_find(const kuni_qc_panel *panel, int32_t tid, int64_t pos)
{
    size_t low = 0, high = panel->n_sites;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const kuni_qc_site *site = &panel->sites[middle];
        if (site->tid < tid || (site->tid == tid && site->pos < pos))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
