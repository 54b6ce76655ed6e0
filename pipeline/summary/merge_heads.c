/* SPDX-License-Identifier: MIT */
#include "merge_heads.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

kuni_status kuni_merge_heads_add(kuni_merge_heads *h, const kuni_table_reader *r, kuni_error *err)
{
    const kuni_table_reader *first = h->n ? h->first : r;
    const char *what = !same(first->reference, r->reference)       ? "references"
                       : !same(first->definitions, r->definitions) ? "definitions of counts"
                       : !same(first->features, r->features)       ? "files of features"
                       : !same(first->contigs, r->contigs)         ? "orders of contigs"
                                                                   : NULL;
    if (what)
        return kuni_fail(err, KUNI_DATA,
                         "%s and %s are of different %s: they cannot be added up; make one of them "
                         "again as the other was made",
                         first->path, r->path, what);
    h->first = first;
    h->n++;
    if (r->threshold > h->threshold) h->threshold = r->threshold;
    return KUNI_OK;
}

kuni_status kuni_merge_heads_put(const kuni_merge_heads *h, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(
        text, err, "##kuni=tables-1\n##reference=%s\n##definitions=%s\n##threshold=%lld\n",
        h->first->reference, h->first->definitions, (long long)h->threshold);
    if (!status && h->first->features)
        status = kuni_buffer_printf(text, err, "##features=%s\n", h->first->features);
    return status ? status : kuni_buffer_printf(text, err, "##merged=%zu\n", h->n);
}
