/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <htslib/khash.h>
#include <string.h>

/* khash narrows its own counts; the analyzer does not know that its flags come with its buckets. */
/* NOLINTBEGIN(clang-analyzer-*) */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
KHASH_MAP_INIT_STR(names, uint32_t)
#pragma GCC diagnostic pop
/* NOLINTEND(clang-analyzer-*) */

kuni_status kuni_names_add(kuni_names *names, const char *text, uint32_t number, kuni_error *err)
{
    khash_t(names) *table = names->table;
    if (!table) table = names->table = kh_init(names);
    if (!table) return kuni_fail_memory(err, 1, sizeof(*table));
    int added;
    khint_t at = kh_put(names, table, text, &added);
    if (added < 0) return kuni_fail_memory(err, (size_t)kh_size(table) * 2, sizeof(text));
    if (added) kh_value(table, at) = number;
    return KUNI_OK;
}

kuni_status kuni_names_index(kuni_names *names, size_t count,
                             const char *(*text)(const void *context, size_t number),
                             const void *context, kuni_error *err)
{
    *names = (kuni_names){.table = NULL};
    if (count > UINT32_MAX / 4) return kuni_fail_memory(err, count, sizeof(uint32_t));
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = kuni_names_add(names, text(context, i), (uint32_t)i, err);
    return status;
}

int64_t kuni_names_find(const kuni_names *names, const char *text)
{
    const khash_t(names) *table = names->table;
    if (!table) return -1;
    khint_t at = kh_get(names, table, text);
    return at == kh_end(table) ? -1 : (int64_t)kh_value(table, at);
}

void kuni_names_fini(kuni_names *names)
{
    if (names->table) kh_destroy(names, (khash_t(names) *)names->table);
    *names = (kuni_names){.table = NULL};
}
