/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a manifest, a PED file and a list of batches, parted by lines "---": a cohort or
 * faults, never a crash, a leak or a hang. What comes out is held against its promises.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cohort.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char separator[] = "\n---\n";

static void put(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file) exit(1);
    fwrite(data, 1, size, file);
    fclose(file);
}

static void check(const kuni_cohort *cohort)
{
    size_t next = 0;
    for (size_t b = 0; b < cohort->n_batches; b++) {
        if (cohort->batches[b].first != next || cohort->batches[b].n_samples == 0) abort();
        next += cohort->batches[b].n_samples;
    }
    if (next != cohort->n_samples) abort();
    for (size_t i = 0; i < cohort->n_samples; i++) {
        const kuni_sample *sample = &cohort->samples[i];
        if (!sample->id || !sample->participant || sample->index_in_cohort != i) abort();
        if (strpbrk(sample->id, "\t\n\r /,")) abort();
        if (sample->reads && *sample->reads != '/' && !strstr(sample->reads, "://")) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char folder[] = "/dev/shm/kuni-fuzz-XXXXXX";
    static char paths[3][64];
    if (!*paths[0]) {
        if (!mkdtemp(folder)) exit(1);
        for (int i = 0; i < 3; i++) {
            if (i == 2)
                snprintf(paths[i], sizeof(paths[i]), "%s/register.tsv", folder);
            else
                snprintf(paths[i], sizeof(paths[i]), "%s/%d.tsv", folder, i);
        }
    }
    for (int i = 0; i < 3; i++) {
        const uint8_t *cut = size ? memmem(data, size, separator, strlen(separator)) : NULL;
        size_t length = cut && i < 2 ? (size_t)(cut - data) + 1 : size;
        put(paths[i], data, length);
        size_t taken = cut && i < 2 ? length + strlen(separator) - 1 : length;
        data += taken;
        size -= taken;
    }
    kuni_cohort cohort;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_cohort_sources sources = {
        .manifest = paths[0], .pedigree = paths[1], .dataset = folder, .batch_size = 2};
    kuni_status status = kuni_cohort_read(&cohort, &sources, &faults, &err);
    if (status == KUNI_OK) {
        check(&cohort);
        kuni_cohort_fini(&cohort);
    } else if ((status != KUNI_DATA && status != KUNI_IO) || !err.text[0]) {
        abort();
    }
    kuni_buffer_fini(&faults);
    return 0;
}
