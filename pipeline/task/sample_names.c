/* SPDX-License-Identifier: MIT */
#include "sample_names.h"

#include <stdlib.h>

#include "kuni/buffer.h"

static int compare_ids(const void *a, const void *b)
{
    const kuni_sample *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static kuni_status sort(kuni_sample_names *names, kuni_error *err)
{
    size_t n = names->n;
    if (names->by_id) return KUNI_OK;
    names->by_id = kuni_alloc(n + 1, sizeof(*names->by_id), err);
    if (!names->by_id) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) names->by_id[i] = &names->samples[i];
    if (n > 1) qsort(names->by_id, n, sizeof(*names->by_id), compare_ids);
    return KUNI_OK;
}

void kuni_sample_names_fini(kuni_sample_names *names)
{
    free(names->by_id);
    *names = (kuni_sample_names){.n = 0};
}

static bool is_id(const kuni_sample_names *names, const char *name)
{
    const kuni_sample wanted = {.id = name}, *key = &wanted;
    return names->n > 0 &&
           bsearch(&key, names->by_id, names->n, sizeof(*names->by_id), compare_ids) != NULL;
}

kuni_status kuni_sample_names_check(kuni_sample_names *names, const kuni_sample *sample,
                                    const char *name, bool *other, kuni_error *err)
{
    if (other) *other = false;
    if (sample->name_in_file) {
        if (name && strcmp(name, sample->name_in_file) == 0) return KUNI_OK;
        return kuni_fail(err, KUNI_DATA,
                         "%s: %s says that it is of '%s', and name_in_file of the manifest that it "
                         "is of '%s': correct the manifest or the file",
                         sample->id, sample->reads, name ? name : "nobody", sample->name_in_file);
    }
    const char *person = sample->participant ? sample->participant : sample->id;
    if (!name || strcmp(name, sample->id) == 0 || strcmp(name, person) == 0) return KUNI_OK;
    kuni_status status = sort(names, err);
    if (status) return status;
    if (is_id(names, name))
        return kuni_fail(
            err, KUNI_DATA,
            "%s: %s says that it is of '%s', another sample of the manifest: are the "
            "files swapped? If not, correct the file's header, or tell its name in the "
            "manifest's column name_in_file",
            sample->id, sample->reads, name);
    if (other) *other = true;
    return KUNI_OK;
}
