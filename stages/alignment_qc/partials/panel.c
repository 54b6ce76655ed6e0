/* SPDX-License-Identifier: MIT */
#include "panel.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/lines.h"

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
    return text && kuni_text_double(text, value);
}

/* The panel's file of this ending; its path stays in `path`, which the lines borrow. */
static kuni_status open_sibling(const char *bed, const char *ending, kuni_buffer *path,
                                kuni_lines *lines, kuni_error *err)
{
    size_t stem = strlen(bed);
    if (stem < 4 || strcmp(bed + stem - 4, ".bed") != 0)
        return kuni_fail(err, KUNI_USAGE,
                         "contamination_panel: %s: expected the panel's .bed file, with .mu and "
                         ".UD files of the same name beside it",
                         bed);
    kuni_status status = kuni_buffer_printf(path, err, "%.*s%s", (int)(stem - 4), bed, ending);
    return status ? status : kuni_lines_open(lines, path->data, err);
}

/* The next line that is not empty; NULL at the end. */
static kuni_status next_row(kuni_lines *lines, char **line, kuni_error *err)
{
    kuni_status status;
    do {
        status = kuni_lines_next(lines, line, err);
    } while (!status && *line && !**line);
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
    /*
     * Some rows of the published panels have several ALTs ("A,G"): what their frequency counts is
     * not said, so they are left out.
     */
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

static kuni_status read_rows(kuni_qc_panel *panel, const char *bed, kuni_lines files[3],
                             const char *const endings[3], const kuni_genome *genome,
                             kuni_error *err)
{
    size_t capacity = 0;
    for (size_t row = 1;; row++) {
        char *line[3];
        kuni_status status = KUNI_OK;
        for (int i = 0; i < 3 && !status; i++) status = next_row(&files[i], &line[i], err);
        if (status) return status;
        if (!line[0] && !line[1] && !line[2])
            return row > 1 ? KUNI_OK
                           : kuni_fail(err, KUNI_DATA, "contamination panel: %s: empty file", bed);
        for (int i = 0; i < 3; i++)
            if (!line[i]) return malformed(bed, endings[i], row, err);
        status = kuni_grow((void **)&panel->sites, &capacity, panel->n_sites + 1,
                           sizeof(*panel->sites), err);
        if (!status) status = read_row(panel, bed, row, line[0], line[1], line[2], genome, err);
        if (status) return status;
    }
}

static const char *const endings[3] = {".bed", ".mu", ".UD"};

kuni_status kuni_qc_panel_probe(const char *bed, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int i = 0; i < 3 && !status; i++) {
        kuni_buffer path = KUNI_BUFFER_INIT;
        kuni_lines file = {.path = NULL};
        status = open_sibling(bed, endings[i], &path, &file, err);
        kuni_lines_close(&file);
        kuni_buffer_fini(&path);
    }
    return status;
}

kuni_status kuni_qc_panel_read(kuni_qc_panel **out, const char *bed, const kuni_genome *genome,
                               kuni_error *err)
{
    kuni_buffer paths[3] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT, KUNI_BUFFER_INIT};
    kuni_lines files[3] = {{.path = NULL}, {.path = NULL}, {.path = NULL}};
    kuni_qc_panel *panel = kuni_alloc(1, sizeof(*panel), err);
    kuni_status status = panel ? KUNI_OK : KUNI_MEMORY;
    for (int i = 0; i < 3 && !status; i++)
        status = open_sibling(bed, endings[i], &paths[i], &files[i], err);
    if (!status) status = read_rows(panel, bed, files, endings, genome, err);
    for (int i = 0; i < 3; i++) {
        kuni_lines_close(&files[i]);
        kuni_buffer_fini(&paths[i]);
    }
    if (status) {
        kuni_qc_panel_free(panel);
        return status;
    }
    if (panel->n_sites) qsort(panel->sites, panel->n_sites, sizeof(*panel->sites), by_place);
    *out = panel;
    return KUNI_OK;
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
