/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kuni_status kuni_faults_init(kuni_faults *faults, const char *file, kuni_error *err)
{
    *faults = (kuni_faults){.file = file, .err = KUNI_ERROR_INIT};
    faults->arena = kuni_arena_new(err);
    return faults->arena ? KUNI_OK : KUNI_MEMORY;
}

void kuni_faults_fini(kuni_faults *faults)
{
    free(faults->items);
    kuni_arena_free(faults->arena);
    *faults = (kuni_faults){.err = KUNI_ERROR_INIT};
}

void kuni_faults_add_list(kuni_faults *faults, const char *origin, int64_t line, int64_t column,
                          const char *format, va_list args)
{
    if (faults->n >= KUNI_FAULTS_MAX) {
        faults->hidden++;
        return;
    }
    char text[KUNI_ERROR_TEXT_BYTES];
    vsnprintf(text, sizeof(text), format, args);
    for (char *c = text; *c; c++) /* a fault is one line, whatever the file holds */
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    void *items = faults->items;
    if (kuni_grow(&items, &faults->capacity, faults->n + 1, sizeof(kuni_fault), &faults->err))
        return;
    faults->items = items;
    const char *kept = kuni_arena_strndup(faults->arena, text, strlen(text), &faults->err);
    if (!kept) return;
    faults->items[faults->n] = (kuni_fault){.file = origin ? NULL : faults->within,
                                            .origin = origin,
                                            .line = line,
                                            .column = column,
                                            .order = faults->n,
                                            .text = kept};
    faults->n++;
}

void kuni_faults_add(kuni_faults *faults, const char *origin, int64_t line, int64_t column,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kuni_faults_add_list(faults, origin, line, column, format, args);
    va_end(args);
}

bool kuni_faults_none(const kuni_faults *faults)
{
    return faults->n == 0 && faults->err.status == KUNI_OK;
}

static int compare(const void *a, const void *b)
{
    const kuni_fault *x = a, *y = b;
    if (!x->origin != !y->origin) return x->origin ? -1 : 1;
    if (!x->file != !y->file) return x->file ? 1 : -1;
    int files = x->file ? strcmp(x->file, y->file) : 0;
    if (files) return files;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static kuni_status print(const kuni_faults *faults, const kuni_fault *fault, kuni_buffer *out,
                         kuni_error *err)
{
    if (fault->origin) return kuni_buffer_printf(out, err, "%s: %s\n", fault->origin, fault->text);
    const char *file = fault->file ? fault->file : faults->file;
    if (!fault->line) return kuni_buffer_printf(out, err, "%s: %s\n", file, fault->text);
    if (!fault->column)
        return kuni_buffer_printf(out, err, "%s:%lld: %s\n", file, (long long)fault->line,
                                  fault->text);
    return kuni_buffer_printf(out, err, "%s:%lld:%lld: %s\n", file, (long long)fault->line,
                              (long long)fault->column, fault->text);
}

kuni_status kuni_faults_report(kuni_faults *faults, kuni_status status, kuni_buffer *out,
                               kuni_error *err)
{
    if (faults->err.status) return kuni_fail(err, faults->err.status, "%s", faults->err.text);
    if (!faults->n) return KUNI_OK;
    qsort(faults->items, faults->n, sizeof(kuni_fault), compare);
    for (size_t i = 0; i < faults->n; i++)
        if (print(faults, &faults->items[i], out, err)) return err->status;
    if (faults->hidden &&
        kuni_buffer_printf(out, err, "%s: and %zu more faults\n", faults->file, faults->hidden))
        return err->status;
    size_t total = faults->n + faults->hidden;
    return kuni_fail(err, status, "%s: %zu fault%s", faults->file, total, total == 1 ? "" : "s");
}
