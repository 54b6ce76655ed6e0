/* SPDX-License-Identifier: MIT */
#include "kuni/karyotype.h"

#include <string.h>

#include "kuni/file.h"

enum { FILE_BYTES_MAX = 1 << 30 };

/* A person with a Y is male whatever else there is. */
static const struct {
    const char *name;
    kuni_karyotype karyotype;
} known[] = {
    {"XX", {KUNI_SEX_FEMALE, 2, 0}}, {"XY", {KUNI_SEX_MALE, 1, 1}},
    {"X0", {KUNI_SEX_FEMALE, 1, 0}}, {"XXY", {KUNI_SEX_MALE, 2, 1}},
    {"XYY", {KUNI_SEX_MALE, 1, 2}},  {"XXX", {KUNI_SEX_FEMALE, 3, 0}},
};

static kuni_karyotype karyotype_of(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, name) == 0) return known[i].karyotype;
    return (kuni_karyotype){KUNI_SEX_UNKNOWN, -1, -1};
}

/* Cuts a line, which ends with NUL, at its tabs; false where it has not three fields. */
static bool split(char *text, kuni_karyotype_line *line)
{
    char *name = strchr(text, '\t'), *basis = name ? strchr(name + 1, '\t') : NULL;
    if (!basis || name == text || strchr(basis + 1, '\t')) return false;
    *name++ = *basis++ = '\0';
    *line = (kuni_karyotype_line){
        .sample = text, .name = name, .basis = basis, .karyotype = karyotype_of(name)};
    return true;
}

kuni_status kuni_karyotypes_read(const char *path,
                                 kuni_status (*visit)(void *context,
                                                      const kuni_karyotype_line *line,
                                                      kuni_error *err),
                                 void *context, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_file_get(path, FILE_BYTES_MAX, &text, err);
    size_t header = strlen(KUNI_KARYOTYPES_HEADER), number = 1;
    if (!status && (text.length < header || memchr(text.data, '\0', text.length) ||
                    text.data[text.length - 1] != '\n' ||
                    memcmp(text.data, KUNI_KARYOTYPES_HEADER, header) != 0))
        status = kuni_fail(err, KUNI_DATA,
                           "%s: no whole table of karyotypes: remove it and run again", path);
    char *at = status ? NULL : text.data + header;
    for (char *end; at && *at && !status; at = end + 1) {
        kuni_karyotype_line line;
        end = strchr(at, '\n');
        *end = '\0';
        number++;
        if (!split(at, &line))
            status = kuni_fail(err, KUNI_DATA, "%s:%zu: expected sample_id, karyotype, basis", path,
                               number);
        else
            status = visit(context, &line, err);
    }
    kuni_buffer_fini(&text);
    return status;
}
