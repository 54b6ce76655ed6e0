/* SPDX-License-Identifier: MIT */
/* Tables that people write: any bytes as a ploidy table and as a BED file of regions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/genome.h"
#include "regions.h"

static char folder[] = "/tmp/kuni-fuzz-tables-XXXXXX";
static kuni_genome *genome;

static void put(const char *name, const void *bytes, size_t length, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) abort();
}

static void set_up(void)
{
    char path[256];
    kuni_error err = KUNI_ERROR_INIT;
    if (!mkdtemp(folder)) abort();
    put("r.fa.fai", "chrX\t8\t6\t8\t9\n", 13, path);
    put("r.fa", ">chrX\nACGTACGT\n", 15, path);
    if (kuni_genome_open(&genome, path, &err)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256];
    if (!genome) set_up();
    put("table", data, size, path);
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ploidy *ploidy;
    if (kuni_ploidy_open(&ploidy, path, genome, &err) == KUNI_OK) {
        int copies = kuni_ploidy_at(ploidy, 0, 3, KUNI_SEX_MALE, NULL);
        if (copies < 0 || copies > 2) abort();
        kuni_ploidy_close(ploidy);
    } else if (!err.text[0]) {
        abort();
    }
    kuni_error_clear(&err);
    kuni_regions regions = {.spans = NULL};
    if (kuni_regions_read_bed(&regions, path, genome, true, &err) && !err.text[0]) abort();
    kuni_regions_fini(&regions);
    return 0;
}
