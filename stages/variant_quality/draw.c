/* SPDX-License-Identifier: MIT */
#include "draw.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/lines.h"

static const char magic[] = "#kuni variant quality sites 2";

/* Lets the site at `at` sink until none below it has a greater hash. */
static void sink(quality_site *heap, size_t n, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n) return;
        if (child + 1 < n && heap[child + 1].hash > heap[child].hash) child++;
        if (heap[child].hash <= heap[at].hash) return;
        quality_site swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

kuni_status quality_draw_add(quality_draw *draw, const quality_site *site, kuni_error *err)
{
    struct quality_pile *pile = &draw->piles[site->type][site->label];
    pile->seen++;
    if (pile->n == draw->most) {
        if (!pile->n || site->hash >= pile->sites[0].hash) return KUNI_OK;
        pile->sites[0] = *site;
        sink(pile->sites, pile->n, 0);
        return KUNI_OK;
    }
    kuni_status status =
        kuni_grow((void **)&pile->sites, &pile->capacity, pile->n + 1, sizeof(*site), err);
    if (status) return status;
    size_t at = pile->n++;
    pile->sites[at] = *site;
    while (at > 0 && pile->sites[(at - 1) / 2].hash < pile->sites[at].hash) {
        quality_site swap = pile->sites[at];
        pile->sites[at] = pile->sites[(at - 1) / 2];
        pile->sites[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
    return KUNI_OK;
}

static int by_hash(const void *a, const void *b)
{
    const quality_site *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

void quality_draw_sort(quality_draw *draw)
{
    for (int t = 0; t < QUALITY_TYPES; t++)
        for (int l = 0; l < QUALITY_LABELS; l++)
            if (draw->piles[t][l].n)
                qsort(draw->piles[t][l].sites, draw->piles[t][l].n, sizeof(quality_site), by_hash);
}

void quality_draw_fini(quality_draw *draw)
{
    for (int t = 0; t < QUALITY_TYPES; t++)
        for (int l = 0; l < QUALITY_LABELS; l++) free(draw->piles[t][l].sites);
    *draw = (quality_draw){.most = 0};
}

static kuni_status write_site(const quality_site *site, kuni_file *file, kuni_error *err)
{
    kuni_status status =
        kuni_file_printf(file, err, "%016" PRIx64 "\t%d\t%d\t%d\t%d\t%.9g", site->hash, site->type,
                         site->label, site->change, site->fold, (double)site->qual);
    for (int k = 0; k < QUALITY_FEATURES && !status; k++)
        status = isnan(site->value[k])
                     ? kuni_file_printf(file, err, "\t.\t0")
                     : kuni_file_printf(file, err, "\t%.9g\t%.9g", (double)site->value[k],
                                        (double)site->noise[k]);
    return status ? status : kuni_file_printf(file, err, "\n");
}

kuni_status quality_draw_write(const quality_draw *draw, const char *path, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "%s\n", magic);
    for (int t = 0; t < QUALITY_TYPES && !status; t++)
        for (int l = 0; l < QUALITY_LABELS && !status; l++) {
            const struct quality_pile *pile = &draw->piles[t][l];
            status = kuni_file_printf(file, err, "#seen\t%d\t%d\t%" PRIu64 "\n", t, l, pile->seen);
            for (size_t i = 0; i < pile->n && !status; i++)
                status = write_site(&pile->sites[i], file, err);
        }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static bool next_number(char **at, double *value)
{
    char *end;
    *value = strtod(*at, &end);
    if (end == *at || (*end != '\t' && *end != '\n' && *end != '\0')) return false;
    *at = *end == '\t' ? end + 1 : end;
    return true;
}

static bool parse_site(char *line, quality_site *site)
{
    char *at;
    double head[4];
    site->hash = strtoull(line, &at, 16);
    if (*at++ != '\t') return false;
    for (int i = 0; i < 4; i++)
        if (!next_number(&at, &head[i]) || head[i] < 0 || head[i] > 100) return false;
    if (head[0] >= QUALITY_TYPES || head[1] >= QUALITY_LABELS || head[3] >= QUALITY_FOLDS)
        return false;
    site->type = (uint8_t)head[0];
    site->label = (uint8_t)head[1];
    site->change = (uint8_t)head[2];
    site->fold = (uint8_t)head[3];
    double qual;
    if (!next_number(&at, &qual) || !(qual >= 0)) return false;
    site->qual = (float)qual;
    for (int k = 0; k < QUALITY_FEATURES; k++) {
        double value = NAN, noise;
        if (at[0] == '.' && at[1] == '\t')
            at += 2;
        else if (!next_number(&at, &value) || !isfinite(value))
            return false;
        if (!next_number(&at, &noise) || !(noise >= 0)) return false;
        site->value[k] = (float)value;
        site->noise[k] = (float)noise;
    }
    return *at == '\n' || *at == '\0';
}

/* "#seen TYPE LABEL COUNT": of the sites that were drawn from. */
static bool parse_seen(char *line, quality_draw *draw)
{
    char *at = line;
    double values[3];
    for (int i = 0; i < 3; i++)
        if (!next_number(&at, &values[i]) || values[i] < 0) return false;
    if (values[0] >= QUALITY_TYPES || values[1] >= QUALITY_LABELS) return false;
    draw->piles[(int)values[0]][(int)values[1]].seen += (uint64_t)values[2];
    return true;
}

kuni_status quality_draw_read(quality_draw *draw, const char *path, kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        quality_site site;
        bool fine = true;
        if (lines.number == 1)
            fine = strcmp(line, magic) == 0;
        else if (strncmp(line, "#seen\t", 6) == 0)
            fine = parse_seen(line + 6, draw);
        else if ((fine = parse_site(line, &site))) {
            draw->piles[site.type][site.label].seen--; /* counted by its file */
            status = quality_draw_add(draw, &site, err);
        }
        if (!fine)
            status = kuni_fail(err, KUNI_DATA, "%s: line %lld is none of variant-quality's", path,
                               (long long)lines.number);
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}
