/* SPDX-License-Identifier: MIT */
/*
 * Any text as the records of a gVCF: an error or evidence that the writer takes, never a crash. The
 * reference is 2 kb of repeats, so that normalisation has work; the shard lies within it, so that
 * records reach in and out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert.h"
#include "kuni/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTIG_BP = 2000 };

static kuni_genome *make_genome(void)
{
    char folder[] = "/tmp/kuni-fuzz-XXXXXX", path[64], text[CONTIG_BP + 16];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome = NULL;
    size_t n = (size_t)snprintf(text, sizeof(text), ">c\n");
    for (int i = 0; i < CONTIG_BP; i++) text[n++] = "ACAAAATTGCAG"[i % 12];
    text[n++] = '\n';
    if (!mkdtemp(folder)) abort();
    snprintf(path, sizeof(path), "%s/ref.fa", folder);
    if (kuni_file_put(path, text, n, &err) || kuni_genome_open(&genome, path, &err)) abort();
    return genome;
}

/* What begins at or before a line break of the input is a line; tabs may be written as blanks. */
static void convert_lines(kuni_convert *convert, kuni_gvcf_parser *parser, kuni_gvcf_record *record,
                          char *text)
{
    int64_t last = -1;
    for (char *line; (line = strsep(&text, "\n"));) {
        kuni_error err = KUNI_ERROR_INIT;
        const char *fault;
        for (char *c = line; *c; c++)
            if (*c == ' ') *c = '\t';
        if (kuni_gvcf_parse(parser, line, strlen(line), record, &fault) != KUNI_GVCF_RECORD)
            continue;
        if (record->pos < last) continue;
        last = record->pos;
        if (kuni_convert_record(convert, record, &err) != KUNI_OK && err.text[0] == '\0') abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static kuni_genome *genome;
    static kuni_ploidy *ploidy;
    static kuni_gvcf_record record;
    static const char *const ids[] = {"s"};
    const kuni_span shard = {.tid = 0, .beg = 100, .end = 1500};
    kuni_error err = KUNI_ERROR_INIT;
    if (!genome) {
        genome = make_genome();
        if (kuni_ploidy_open(&ploidy, "diploid", genome, &err)) abort();
    }
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    kuni_reference_window window;
    kuni_import_counts counts = {0};
    kuni_collect *collect = kuni_collect_new(shard, &err);
    kuni_evidence_writer *writer = NULL;
    kuni_evidence_header header = {.shard = shard, .contig = "c", .samples = ids, .n_samples = 1};
    if (!collect || kuni_reference_window_init(&window, genome, shard, &err) ||
        kuni_evidence_create(&writer, "/dev/shm/kuni-fuzz-import.ev", &header, &err))
        abort();
    kuni_gvcf_parser parser = {
        .contig = "c", .contig_length = 1, .column = 9, .ignored_filters = "RefCall\nNoCall\n"};
    kuni_convert convert = {.collect = collect,
                            .window = &window,
                            .counts = &counts,
                            .shard = shard,
                            .ploidy = ploidy,
                            .max_shift = 50,
                            .several_samples = size % 2,
                            .combined = size % 4 < 2,
                            .own = size % 8 < 4,
                            .mito_min_fraction = 0.02};
    kuni_collect_set_normaliser(collect, kuni_convert_normalise, &convert);
    static const kuni_reband bands = {.edges = {20}, .n = 1};
    if (size % 3 == 0) kuni_collect_set_bands(collect, &bands, shard.end);
    convert_lines(&convert, &parser, &record, text);
    if (kuni_collect_write(collect, 0, writer, &counts, &err)) {
        fprintf(stderr, "%s\n",
                err.text); /* the writer refuses what the import made of it: a bug */
        abort();
    }
    kuni_evidence_abandon(writer);
    kuni_collect_free(collect);
    kuni_reference_window_fini(&window);
    free(text);
    return 0;
}
