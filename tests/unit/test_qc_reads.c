/* SPDX-License-Identifier: MIT */
/*
 * What alignment-qc counts, on a handful of reads whose every number was worked out by hand, in any
 * cut into shards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "cohort/profile.h"
#include "evidence_cohort.h"
#include "kuni/file.h"
#include "metrics/metrics.h"
#include "partials/folded.h"
#include "partials/pileup.h"
#include "partials/settings.h"

extern const kuni_stage kuni_stage_alignment_qc;

enum { CHR1_BP = 300, CHR2_BP = 100, N_FROM = 100, N_TO = 110, READ_BP = 20 };

typedef struct fixture {
    char folder[64];
    char chr1[CHR1_BP + 1], chr2[CHR2_BP + 1];
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    kuni_params *params;
    sam_hdr_t *header;
    bam1_t *records[64];
    size_t n_records;
} fixture;

static kuni_error err = KUNI_ERROR_INIT;

static void must(kuni_status status)
{
    if (status) fail_msg("%s", err.text);
}

static void draw_sequence(char *to, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = "ACGT"[seed >> 30];
    }
    to[n] = '\0';
}

/*
 * One SAM line. The bases are the reference's by the CIGAR, inserted and clipped ones are A; `edit`
 * changes base number `edit_at` (0: none). Qualities are 30, but 10 at read index `low` (-1:
 * nowhere).
 */
static void add(fixture *f, const char *name, int flag, int pos, int mapq, const char *cigar,
                int mate_pos, int insert, int low, int edit_at, char edit)
{
    char bases[READ_BP + 1], qualities[READ_BP + 1], line[512];
    int at = 0, ref = pos;
    for (const char *c = cigar; *c && *c != '*';) {
        int n = (int)strtol(c, (char **)&c, 10);
        char op = *c++;
        for (int i = 0; i < n; i++) {
            if (op == 'M') bases[at++] = f->chr1[ref + i];
            if (op == 'I' || op == 'S') bases[at++] = 'A';
        }
        if (op == 'M' || op == 'D') ref += n;
    }
    while (at < READ_BP) bases[at++] = 'C';
    bases[READ_BP] = qualities[READ_BP] = '\0';
    for (int i = 0; i < READ_BP; i++) {
        if (bases[i] == 'N') bases[i] = 'G';
        qualities[i] = (char)(33 + (i == low ? 10 : 30));
    }
    if (edit_at) bases[edit_at] = edit != '!' ? edit : bases[edit_at] == 'A' ? 'C' : 'A';
    (void)snprintf(line, sizeof(line), "%s\t%d\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%s\t%s", name, flag,
                   pos < 0 ? "*" : "chr1", pos + 1, mapq, cigar, mate_pos < 0 ? "*" : "=",
                   mate_pos + 1, insert, bases, qualities);
    kstring_t text = {strlen(line), sizeof(line), line};
    bam1_t *record = bam_init1();
    assert_true(sam_parse1(&text, f->header, record) >= 0);
    f->records[f->n_records++] = record;
}

static void make_reads(fixture *f)
{
    /* An overlapping pair. Bases below 20: position 25 of the first read, 22 of the second. */
    add(f, "pair", 99, 10, 60, "20M", 20, 30, 15, 0, 0);
    add(f, "pair", 147, 20, 60, "20M", 10, -30, 2, 0, 0);
    add(f, "duplicate", 1024, 50, 60, "20M", -1, 0, -1, 0, 0);
    add(f, "clipped", 0, 60, 60, "5S10M5S", -1, 0, -1, 0, 0);
    add(f, "clipped", 256, 60, 60, "20M", -1, 0, -1, 0, 0);
    add(f, "clipped", 2048, 70, 60, "20M", -1, 0, -1, 0, 0);
    add(f, "mapq0", 0, 80, 0, "20M", -1, 0, -1, 0, 0);
    add(f, "gap", 0, 95, 60, "20M", -1, 0, -1, 0, 0);
    add(f, "failed", 512, 130, 60, "20M", -1, 0, -1, 0, 0);
    add(f, "deletion", 16, 150, 60, "8M4D12M", -1, 0, -1, 3, '!');
    add(f, "insertion", 0, 180, 60, "8M2I10M", -1, 0, -1, 0, 0);
    add(f, "unknown", 0, 210, 60, "20M", -1, 0, -1, 4, 'N');
    add(f, "half", 73, 240, 60, "20M", 240, 0, -1, 0, 0); /* its mate is placed with it */
    add(f, "half", 133, 240, 0, "*", 240, 0, -1, 0, 0);
    add(f, "lost", 4, -1, 0, "*", -1, 0, -1, 0, 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    char path[128], text[1024];
    *state = f;
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/kuni-qc-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    draw_sequence(f->chr1, CHR1_BP, 7);
    draw_sequence(f->chr2, CHR2_BP, 8);
    memset(f->chr1 + N_FROM, 'N', N_TO - N_FROM);
    (void)snprintf(text, sizeof(text), ">chr1\n%s\n>chr2\n%s\n", f->chr1, f->chr2);
    (void)snprintf(path, sizeof(path), "%s/r.fa", f->folder);
    must(kuni_file_put(path, text, strlen(text), &err));
    must(kuni_genome_open(&f->genome, path, &err));
    must(kuni_ploidy_open(&f->ploidy, "diploid", f->genome, &err));
    f->params = kuni_params_new(kuni_stage_alignment_qc.params, &err);
    assert_non_null(f->params);
    static const char header[] = "@SQ\tSN:chr1\tLN:300\n@SQ\tSN:chr2\tLN:100\n";
    f->header = sam_hdr_parse(sizeof(header) - 1, header);
    assert_non_null(f->header);
    make_reads(f);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char command[128];
    for (size_t i = 0; i < f->n_records; i++) bam_destroy1(f->records[i]);
    sam_hdr_destroy(f->header);
    kuni_params_free(f->params);
    kuni_ploidy_close(f->ploidy);
    kuni_genome_close(f->genome);
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* Runs the reads step over all shards of a size and sums the partials. */
static void count(fixture *f, int64_t shard_bp, uint64_t *counts, uint64_t *reference,
                  kuni_qc_stack **stacks, size_t *n_stacks)
{
    static const kuni_sample sample = {.id = "s", .participant = "s"};
    static const kuni_batch batch = {.id = "b", .first = 0, .n_samples = 1};
    const kuni_step *step = &kuni_stage_alignment_qc.steps[0];
    size_t n_counts = kuni_qc_length(2), capacity = 0;
    memset(counts, 0, n_counts * sizeof(*counts));
    memset(reference, 0, n_counts * sizeof(*reference));
    kuni_span shards[512];
    size_t n_shards = 0;
    for (int32_t tid = 0; tid < 2; tid++) {
        int64_t length = tid == 0 ? CHR1_BP : CHR2_BP;
        for (int64_t beg = 0; beg < length; beg += shard_bp)
            shards[n_shards++] =
                (kuni_span){tid, beg, beg + shard_bp < length ? beg + shard_bp : length};
    }
    shards[n_shards++] = (kuni_span){-1, 0, 0};
    for (size_t i = 0; i < n_shards; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/partial", f->folder);
        kuni_task_file output = {.kind = "qc-partial", .path = path};
        kuni_task task = {.stage_id = "qc",
                          .genome = f->genome,
                          .ploidy = f->ploidy,
                          .params = f->params,
                          .samples = &sample,
                          .n_samples = 1,
                          .batches = &batch,
                          .n_batches = 1,
                          .shards = shards,
                          .n_shards = n_shards,
                          .shard = (int64_t)i,
                          .outputs = &output,
                          .n_outputs = 1};
        void *state = NULL;
        must(step->open(&task, &state, &err));
        must(step->begin_sample(state, 0, &err));
        for (size_t k = 0; k < f->n_records; k++) {
            const bam1_t *record = f->records[k];
            bool overlaps = record->core.tid == shards[i].tid &&
                            (record->core.tid < 0 || (record->core.pos < shards[i].end &&
                                                      bam_endpos(record) > shards[i].beg));
            if (overlaps) must(step->read(state, record, &err));
        }
        must(step->end_sample(state, &err));
        must(step->finish(state, &err));
        step->close(state);
        kuni_qc_panel *panel = NULL;
        must(kuni_qc_task_panel(&task, &panel, &err));
        kuni_qc_shape shape = kuni_qc_task_shape(&task, KUNI_QC_PARTIAL, 0, panel);
        kuni_qc_file file;
        must(kuni_qc_open(&file, path, &shape, &err));
        assert_true(kuni_qc_decode_add(&file.reference, reference, n_counts));
        assert_true(kuni_qc_decode_add(&file.records[0], counts, n_counts));
        if (file.records[0].at != file.records[0].end)
            must(kuni_qc_stacks_decode(&file.records[0], shape.n_sites, stacks, n_stacks, &capacity,
                                       &err));
        kuni_qc_close(&file);
        kuni_qc_panel_free(panel);
    }
}

static void counts_by_hand(void **state)
{
    fixture *f = *state;
    size_t n_counts = kuni_qc_length(2);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    uint64_t *reference = calloc(n_counts, sizeof(*reference));
    count(f, 1000, counts, reference, NULL, NULL);
    /* 15 records, one secondary and one supplementary; the failed one is no PF read. */
    assert_int_equal(counts[KUNI_QC_READS], 13);
    assert_int_equal(counts[KUNI_QC_READS_PF], 12);
    assert_int_equal(counts[KUNI_QC_READS_MAPPED], 11);
    assert_int_equal(counts[KUNI_QC_READS_PF_MAPPED], 10);
    assert_int_equal(counts[KUNI_QC_READS_PROPER], 2);
    assert_int_equal(counts[KUNI_QC_READS_PAIRED], 4);
    assert_int_equal(counts[KUNI_QC_READS_BOTH_MAPPED], 2);
    assert_int_equal(counts[KUNI_QC_READS_DUPLICATE], 1);
    assert_int_equal(counts[KUNI_QC_READS_MAPQ0], 1);
    assert_int_equal(counts[KUNI_QC_SECONDARY], 1);
    assert_int_equal(counts[KUNI_QC_SUPPLEMENTARY], 1);
    /* 12 PF reads of 20 bases, two of them with one base of quality 10. */
    assert_int_equal(counts[KUNI_QC_BASES], 260);
    assert_int_equal(counts[KUNI_QC_BASES_PF], 240);
    assert_int_equal(counts[KUNI_QC_BASES_PF_Q30], 238);
    assert_int_equal(counts[KUNI_QC_SOFT_CLIPPED], 10);
    assert_int_equal(counts[KUNI_QC_AT_INSERT_IN + 30], 2);
    /*
     * Aligned bases kept out, each by its first reason. The pair: 8 of the 10 overlapping positions
     * are good in both.
     */
    assert_int_equal(counts[KUNI_QC_EXCLUDED_DUPLICATE], 20);
    assert_int_equal(counts[KUNI_QC_EXCLUDED_MAPQ], 20);
    assert_int_equal(counts[KUNI_QC_EXCLUDED_BASEQ], 2);
    assert_int_equal(counts[KUNI_QC_EXCLUDED_OVERLAP], 8);
    /*
     * Depth 1 at: the pair's 30 positions, 10 clipped, 10 beside the gap, 20 + 18 + 20 + 20 of the
     * last four.
     */
    const uint64_t *depths = counts + KUNI_QC_AT_DEPTH;
    assert_int_equal(depths[0], 390 - 128);
    assert_int_equal(depths[1], 128);
    assert_int_equal(counts[KUNI_QC_AT_DEPTH_SUM], 128);
    assert_int_equal(counts[KUNI_QC_COUNTED_BASES], 138); /* the gap's 10 too */
    assert_int_equal(reference[KUNI_QC_AT_DEPTH], 390);
    assert_int_equal(reference[KUNI_QC_AT_CONTIGS + KUNI_QC_CONTIG_NONGAP], 290);
    assert_int_equal(counts[KUNI_QC_AT_CONTIGS + KUNI_QC_CONTIG_READS], 11);
    /*
     * One base changed; N in the read or the reference is no mismatch of the profile, but an edit:
     * 1 + 4 deleted + 2 inserted + 1 N + 10 against the gap. The changed base 3 of a reverse read
     * is in cycle 16.
     */
    assert_int_equal(counts[KUNI_QC_MISMATCHES], 1);
    assert_int_equal(counts[KUNI_QC_AT_MISMATCH + 16], 1);
    assert_int_equal(counts[KUNI_QC_EDITS], 18);
    assert_int_equal(counts[KUNI_QC_AT_DELETED + 4], 1);
    assert_int_equal(counts[KUNI_QC_AT_INSERTED + 2], 1);
    assert_int_equal(counts[KUNI_QC_BASES_N], 1);
    /* Soft clips of a forward read: cycles 0-4 and 15-19. */
    for (int cycle = 0; cycle < READ_BP; cycle++)
        assert_int_equal(counts[KUNI_QC_AT_CLIPPED + cycle], cycle < 5 || cycle >= 15);
    /*
     * Quality 10: cycle 15 of the forward first read; index 2 of the reverse last read is its cycle
     * 17.
     */
    assert_int_equal(counts[KUNI_QC_AT_QUALITY + 15 * KUNI_QC_QUALITIES + 10], 1);
    assert_int_equal(counts[KUNI_QC_AT_QUALITY + (KUNI_QC_CYCLES + 17) * KUNI_QC_QUALITIES + 10],
                     1);
    free(counts);
    free(reference);
}

static void metrics_by_hand(void **state)
{
    fixture *f = *state;
    size_t n_counts = kuni_qc_length(2);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    uint64_t *reference = calloc(n_counts, sizeof(*reference));
    count(f, 1000, counts, reference, NULL, NULL);
    kuni_qc_estimates none = {0};
    kuni_qc_summary summary = {
        .counts = counts, .reference = reference, .n_contigs = 2, .estimates = &none};
    static const struct {
        const char *name, *text;
    } expected[] = {{"yield_bp_q30", "238"},
                    {"mean_autosome_coverage", "0.33"}, /* 128 / 390 */
                    {"mad_autosome_coverage", "0.00"},
                    {"pct_autosomes_15x", "0.00"},
                    {"pct_autosomes_1x", "32.82"},
                    {"pct_reads_mapped", "83.33"},          /* 10 / 12 */
                    {"pct_reads_properly_paired", "16.67"}, /* 2 / 12 */
                    {"mean_insert_size", "30.00"},
                    {"insert_size_std_deviation", "0.00"},
                    {"pct_duplicates", "10.00"},
                    {"cross_contamination_rate", "NA"},
                    {"count_snvs", "NA"}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const kuni_qc_metric *metric = &kuni_qc_metrics[kuni_qc_metric_find(expected[i].name)];
        char text[64];
        (void)kuni_qc_metric_print(text, sizeof(text), metric, metric->value(&summary));
        assert_string_equal(text, expected[i].text);
    }
    free(counts);
    free(reference);
}

static void any_cut_gives_the_same(void **state)
{
    fixture *f = *state;
    size_t n_counts = kuni_qc_length(2);
    uint64_t *whole = calloc(n_counts, sizeof(*whole)), *cut = calloc(n_counts, sizeof(*cut));
    uint64_t *reference = calloc(n_counts, sizeof(*reference));
    uint64_t *cut_reference = calloc(n_counts, sizeof(*reference));
    count(f, 1000, whole, reference, NULL, NULL);
    static const int sizes[] = {2, 5, 13, 22, 31, 64, 150};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        int bp = sizes[k];
        count(f, bp, cut, cut_reference, NULL, NULL);
        for (size_t i = 0; i < n_counts; i++) {
            if (cut[i] != whole[i] || cut_reference[i] != reference[i])
                fail_msg("shards of %d bp: counter %zu is %llu, not %llu", bp, i,
                         (unsigned long long)cut[i], (unsigned long long)whole[i]);
        }
    }
    free(whole);
    free(cut);
    free(reference);
    free(cut_reference);
}

static void put_panel(fixture *f, const char *ending, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/p.%s", f->folder, ending);
    must(kuni_file_put(path, text, strlen(text), &err));
}

/*
 * Sites where the pair agrees (position 24; and 22, of which one base is too bad), and where it
 * does not (27).
 */
static void pileup_by_hand(void **state)
{
    fixture *f = *state;
    size_t n_counts = kuni_qc_length(2);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    uint64_t *reference = calloc(n_counts, sizeof(*reference));
    char bed[256], path[128];
    const char other = f->chr1[27] == 'A' ? 'C' : 'A';
    /* base 7 of the second read */
    bam_set_seqi(bam_get_seq(f->records[1]), 7, seq_nt16_table[(unsigned char)other]);
    (void)snprintf(
        bed, sizeof(bed),
        "chr1\t22\t23\t%c\t%c\nchr1\t24\t25\t%c\t%c\nchr1\t27\t28\t%c\t%c\nchrQ\t1\t2\tA\tC\n",
        f->chr1[22], f->chr1[22] == 'A' ? 'C' : 'A', f->chr1[24], f->chr1[24] == 'A' ? 'C' : 'A',
        f->chr1[27], other);
    put_panel(f, "bed", bed);
    put_panel(f, "mu", "a 1\nb 1\nc 0.5\nd 1\n");
    put_panel(f, "UD", "1 2\n1 2\n3 4\n1 2\n");
    (void)snprintf(path, sizeof(path), "%s/p.bed", f->folder);
    must(kuni_params_set(f->params, "contamination_panel", path, &err));
    for (int64_t bp = 5; bp < 1000; bp += 331) {
        kuni_qc_stack *stacks = NULL;
        size_t n_stacks = 0;
        count(f, bp, counts, reference, &stacks, &n_stacks);
        assert_int_equal(n_stacks, 2);
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(stacks[i].site, i);
            assert_int_equal(stacks[i].base, KUNI_QC_REF << 6 | 30);
            assert_int_equal(stacks[i].count, 1);
        }
        free(stacks);
    }
    free(counts);
    free(reference);
}

static void medians_by_hand(void **state)
{
    (void)state;
    /* 1 1 2 2 4 6 9: median 2, deviations 1 1 0 0 2 4 7, their median 1 */
    const uint64_t odd[10] = {0, 2, 2, 0, 1, 0, 1, 0, 0, 1};
    /* 1 3: median 2, deviations 1 1 */
    const uint64_t even[4] = {0, 1, 0, 1};
    /* 1 2 2 3 5 8: median 2.5, deviations .5 .5 .5 1.5 2.5 5.5, their median 1 */
    const uint64_t half[9] = {0, 1, 2, 1, 0, 1, 0, 0, 1};
    assert_true(kuni_qc_histogram_median(odd, 10) == 2);
    assert_true(kuni_qc_histogram_mad(odd, 10) == 1);
    assert_true(kuni_qc_histogram_median(even, 4) == 2);
    assert_true(kuni_qc_histogram_mad(even, 4) == 1);
    assert_true(kuni_qc_histogram_median(half, 9) == 2.5);
    assert_true(kuni_qc_histogram_mad(half, 9) == 1);
}

static void put_plainly(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void damaged_files_are_told(void **state)
{
    fixture *f = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/file", f->folder);
    size_t n_counts = kuni_qc_length(2);
    uint64_t *reference = calloc(n_counts, sizeof(*reference));
    reference[3] = 1u << 20;
    kuni_qc_shape shape = {KUNI_QC_PARTIAL, 2, 0, 2};
    kuni_buffer records = KUNI_BUFFER_INIT, content = KUNI_BUFFER_INIT, bytes = KUNI_BUFFER_INIT;
    must(kuni_qc_encode(&content, reference, n_counts, &err));
    must(kuni_qc_add_record(&records, &content, &err));
    must(kuni_qc_add_record(&records, NULL, &err));
    must(kuni_qc_write(path, &shape, reference, &records, &err));
    kuni_qc_file file;
    must(kuni_qc_open(&file, path, &shape, &err));
    assert_true(file.records[0].at != file.records[0].end);
    assert_true(file.records[1].at == file.records[1].end);
    kuni_qc_close(&file);
    must(kuni_file_get(path, SIZE_MAX, &bytes, &err));
    for (size_t i = 0; i < bytes.length; i++) { /* every byte changed, every length cut */
        if (i >= 36 && i < 40) continue;        /* reserved */
        kuni_error why = KUNI_ERROR_INIT;
        bytes.data[i] ^= 0x41;
        put_plainly(path, bytes.data, bytes.length);
        bytes.data[i] ^= 0x41;
        assert_int_equal(kuni_qc_open(&file, path, &shape, &why), KUNI_DATA);
        put_plainly(path, bytes.data, i);
        assert_int_equal(kuni_qc_open(&file, path, &shape, &why), KUNI_DATA);
        assert_non_null(strstr(why.text, path));
    }
    kuni_buffer_fini(&records);
    kuni_buffer_fini(&content);
    kuni_buffer_fini(&bytes);
    free(reference);
}

/* What a body is stored as gives the body again; damage that no checksum told of does no harm. */
static void folded_bodies(void **state)
{
    (void)state;
    enum { PEOPLE = 5, COUNTS = 300 };
    uint64_t seed = 7, counts[COUNTS];
    for (int round = 0; round < 20; round++) {
        kuni_buffer body = KUNI_BUFFER_INIT, stored = KUNI_BUFFER_INIT, again = KUNI_BUFFER_INIT;
        for (int i = 0; i <= PEOPLE; i++) {
            kuni_buffer content = KUNI_BUFFER_INIT;
            for (int k = 0; k < COUNTS; k++)
                counts[k] = test_below(&seed, 3) ? 0 : UINT64_MAX >> test_below(&seed, 64);
            must(kuni_qc_encode(&content, counts, COUNTS, &err));
            if (i == 0) {
                must(kuni_buffer_append(&body, content.data, content.length, &err));
            } else {
                for (unsigned k = test_below(&seed, 50); k > 0; k--)
                    must(kuni_qc_put_varint(&content, test_below(&seed, 1000), &err));
                must(kuni_qc_add_record(&body, test_below(&seed, 4) ? &content : NULL, &err));
            }
            kuni_buffer_fini(&content);
        }
        const unsigned char *at = (const unsigned char *)body.data;
        must(kuni_qc_fold((kuni_qc_bytes){at, at + body.length, false}, PEOPLE, &stored, &err));
        unsigned char *kept = (unsigned char *)stored.data;
        const kuni_qc_bytes whole = {kept, kept + stored.length, false};
        must(kuni_qc_unfold(whole, PEOPLE, &again, &err));
        assert_int_equal(again.length, body.length);
        assert_memory_equal(again.data, body.data, body.length);
        for (int i = 0; i < 300; i++) {
            kuni_error why = KUNI_ERROR_INIT;
            size_t place = test_below(&seed, (uint32_t)(i < 100 ? 64 : stored.length));
            unsigned char flip = (unsigned char)(1 + test_below(&seed, 255));
            kept[place] ^= flip;
            kuni_buffer_clear(&again);
            kuni_status status = kuni_qc_unfold(whole, PEOPLE, &again, &why);
            kept[place] ^= flip;
            assert_true(status == KUNI_DATA || !status); /* checksums tell of the rest */
            kuni_buffer_clear(&again);
            status =
                kuni_qc_unfold((kuni_qc_bytes){kept, kept + place, false}, PEOPLE, &again, &why);
            assert_int_equal(status, KUNI_DATA);
        }
        kuni_buffer_fini(&body);
        kuni_buffer_fini(&stored);
        kuni_buffer_fini(&again);
    }
}

/* Files of the first version, whose body stands as it is. */
static void plain_files_are_read(void **state)
{
    fixture *f = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/plain", f->folder);
    size_t n_counts = kuni_qc_length(2);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    uint64_t *sum = calloc(n_counts, sizeof(*sum));
    counts[3] = 70000;
    kuni_buffer content = KUNI_BUFFER_INIT, body = KUNI_BUFFER_INIT;
    must(kuni_qc_encode(&content, counts, n_counts, &err));
    must(kuni_buffer_append(&body, content.data, content.length, &err));
    must(kuni_qc_add_record(&body, &content, &err));
    unsigned char header[40] = "kuniqc01";
    header[8] = KUNI_QC_PARTIAL;
    header[12] = 2;
    header[20] = 1;
    header[24] = (unsigned char)body.length;
    assert_true(body.length < 256);
    uint32_t sum32 =
        (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)body.data, (uInt)body.length);
    for (int i = 0; i < 4; i++) header[32 + i] = (unsigned char)(sum32 >> (8 * i));
    kuni_buffer whole = KUNI_BUFFER_INIT;
    must(kuni_buffer_append(&whole, header, sizeof(header), &err));
    must(kuni_buffer_append(&whole, body.data, body.length, &err));
    put_plainly(path, whole.data, whole.length);
    kuni_qc_file file;
    kuni_qc_shape shape = {KUNI_QC_PARTIAL, 2, 0, 1};
    must(kuni_qc_open(&file, path, &shape, &err));
    assert_true(kuni_qc_decode_add(&file.records[0], sum, n_counts));
    assert_int_equal(sum[3], 70000);
    kuni_qc_close(&file);
    kuni_buffer_fini(&whole);
    kuni_buffer_fini(&body);
    kuni_buffer_fini(&content);
    free(counts);
    free(sum);
}

/* A partial without some of its people, made from the file, is what it would be had they not come. */
static void left_out_samples_leave_no_trace(void **state)
{
    fixture *f = *state;
    enum { PEOPLE = 4, CONTIGS = 2 };
    static const uint8_t gone[] = {0, 1, 0, 1};
    char whole[128], made[128], expected[128];
    (void)snprintf(whole, sizeof(whole), "%s/whole", f->folder);
    (void)snprintf(made, sizeof(made), "%s/made", f->folder);
    (void)snprintf(expected, sizeof(expected), "%s/expected", f->folder);
    size_t n_counts = kuni_qc_length(CONTIGS);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    kuni_qc_shape shape = {KUNI_QC_PARTIAL, CONTIGS, 7, PEOPLE};
    for (int without = 0; without < 2; without++) {
        kuni_buffer records = KUNI_BUFFER_INIT;
        for (uint64_t i = 0; i < PEOPLE; i++) {
            kuni_buffer content = KUNI_BUFFER_INIT;
            memset(counts, 0, n_counts * sizeof(*counts));
            counts[i] = counts[n_counts - 1] = 1000 * i + 1;
            must(kuni_qc_encode(&content, counts, n_counts, &err));
            /* the third had no data */
            bool none = i == 2 || (without && gone[i]);
            must(kuni_qc_add_record(&records, none ? NULL : &content, &err));
            kuni_buffer_fini(&content);
        }
        memset(counts, 0, n_counts * sizeof(*counts));
        counts[3] = 1u << 20;
        must(kuni_qc_write(without ? expected : whole, &shape, counts, &records, &err));
        kuni_buffer_fini(&records);
    }
    must(kuni_qc_leave_out(whole, made, gone, PEOPLE, &err));
    kuni_buffer a = KUNI_BUFFER_INIT, b = KUNI_BUFFER_INIT;
    must(kuni_file_get(made, SIZE_MAX, &a, &err));
    must(kuni_file_get(expected, SIZE_MAX, &b, &err));
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    kuni_error why = KUNI_ERROR_INIT;
    assert_int_equal(kuni_qc_leave_out(whole, made, gone, PEOPLE - 1, &why), KUNI_DATA);
    kuni_buffer_fini(&a);
    kuni_buffer_fini(&b);
    free(counts);
}

/* A record of a person in a shard: a few counts, and pileups at sites from `site` on. */
static void put_person(kuni_buffer *records, uint64_t *counts, size_t n_counts, uint64_t seed,
                       uint32_t site, bool pileups)
{
    kuni_buffer content = KUNI_BUFFER_INIT;
    memset(counts, 0, n_counts * sizeof(*counts));
    for (int i = 0; i < 40; i++)
        counts[test_below(&seed, (uint32_t)n_counts)] += test_below(&seed, 5000);
    must(kuni_qc_encode(&content, counts, n_counts, &err));
    if (pileups) {
        uint32_t n = test_below(&seed, 4);
        must(kuni_qc_put_varint(&content, n, &err));
        for (uint32_t i = 0; i < n; i++) {
            must(kuni_qc_put_varint(&content, i ? test_below(&seed, 2) : site, &err));
            must(kuni_qc_put_varint(&content, 60 + i, &err));
            must(kuni_qc_put_varint(&content, 1 + test_below(&seed, 300), &err));
        }
    }
    must(kuni_qc_add_record(records, &content, &err));
    kuni_buffer_fini(&content);
}

typedef struct sums {
    uint64_t *reference, *counts[4];
    kuni_qc_stack *stacks[4];
    size_t n_stacks[4], capacity[4], n_files[4];
} sums;

static void take_sums(sums *s, const char *path, const kuni_qc_shape *shape)
{
    kuni_qc_file file;
    size_t n_counts = kuni_qc_length((int32_t)shape->n_contigs);
    must(kuni_qc_open(&file, path, shape, &err));
    if (!s->reference) s->reference = calloc(n_counts, sizeof(uint64_t));
    assert_true(kuni_qc_decode_add(&file.reference, s->reference, n_counts));
    for (uint32_t i = 0; i < shape->n_samples; i++) {
        kuni_qc_bytes *record = &file.records[i];
        if (!s->counts[i]) s->counts[i] = calloc(n_counts, sizeof(uint64_t));
        if (record->at == record->end) continue;
        s->n_files[i]++;
        assert_true(kuni_qc_decode_add(record, s->counts[i], n_counts));
        if (record->at != record->end)
            must(kuni_qc_stacks_decode(record, shape->n_sites, &s->stacks[i], &s->n_stacks[i],
                                       &s->capacity[i], &err));
    }
    kuni_qc_close(&file);
}

static void free_sums(sums *s)
{
    free(s->reference);
    for (int i = 0; i < 4; i++) {
        free(s->counts[i]);
        free(s->stacks[i]);
    }
}

/* What follows from the sum of a batch's partials follows from all of them, however few people fit at once. */
static void folded_partials_say_the_same(void **state)
{
    fixture *f = *state;
    enum { PEOPLE = 4, FILES = 6, SITES = 60, DROPPED = 2 };
    const kuni_step *fold = &kuni_stage_alignment_qc.steps[1];
    static const kuni_sample samples[PEOPLE] = {{.id = "a"}, {.id = "b"}, {.id = "c"}, {.id = "d"}};
    static const kuni_batch batch = {.id = "b0000", .n_samples = PEOPLE};
    const kuni_qc_shape shape = {KUNI_QC_PARTIAL, 2, SITES, PEOPLE};
    size_t n_counts = kuni_qc_length(2);
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    char paths[FILES][128], made[128], one_by_one[128];
    kuni_task_file inputs[FILES];
    sums expected = {.reference = NULL}, got = {.reference = NULL};
    for (uint32_t k = 0; k < FILES; k++) {
        kuni_buffer records = KUNI_BUFFER_INIT;
        bool unplaced = k == FILES - 1;
        for (uint32_t i = 0; i < PEOPLE; i++) {
            if (i == DROPPED && k == 3)
                must(kuni_qc_add_record(&records, NULL, &err));
            else
                put_person(&records, counts, n_counts, 100 * k + i + 1, 10 * k, !unplaced);
        }
        (void)snprintf(paths[k], sizeof(paths[k]), "%s/partial%u", f->folder, k);
        must(kuni_qc_write(paths[k], &shape, counts, &records, &err));
        kuni_buffer_fini(&records);
        inputs[k] = (kuni_task_file){.kind = "qc-partial", .path = paths[k], .shard = k};
        take_sums(&expected, paths[k], &shape);
    }
    assert_true(fold->folds);
    assert_string_equal(fold->name, "fold");
    (void)snprintf(made, sizeof(made), "%s/made", f->folder);
    (void)snprintf(one_by_one, sizeof(one_by_one), "%s/slowly", f->folder);
    for (int64_t memory = 1; memory < INT64_C(2) << 30; memory <<= 30) {
        kuni_task_file output = {.kind = "qc-partial", .path = memory == 1 ? one_by_one : made};
        const kuni_task task = {.stage_id = "qc",
                                .genome = f->genome,
                                .params = f->params,
                                .samples = samples,
                                .n_samples = PEOPLE,
                                .batches = &batch,
                                .n_batches = 1,
                                .shard = -1,
                                .inputs = inputs,
                                .n_inputs = FILES,
                                .outputs = &output,
                                .n_outputs = 1,
                                .memory_bytes = memory};
        must(fold->run(&task, &err));
    }
    kuni_buffer a = KUNI_BUFFER_INIT, b = KUNI_BUFFER_INIT;
    must(kuni_file_get(made, SIZE_MAX, &a, &err));
    must(kuni_file_get(one_by_one, SIZE_MAX, &b, &err));
    assert_int_equal(a.length, b.length);
    assert_memory_equal(a.data, b.data, a.length);
    take_sums(&got, made, &shape);
    assert_memory_equal(got.reference, expected.reference, n_counts * sizeof(uint64_t));
    for (int i = 0; i < PEOPLE; i++) {
        /* Without data in some shard, no data: the batch step leaves such a sample out. */
        assert_int_equal(got.n_files[i], expected.n_files[i] == FILES);
        if (i == DROPPED) continue;
        assert_memory_equal(got.counts[i], expected.counts[i], n_counts * sizeof(uint64_t));
        assert_int_equal(got.n_stacks[i], expected.n_stacks[i]);
        assert_true(got.n_stacks[i] > 0);
        for (size_t k = 0; k < got.n_stacks[i]; k++) {
            assert_int_equal(got.stacks[i][k].site, expected.stacks[i][k].site);
            assert_int_equal(got.stacks[i][k].base, expected.stacks[i][k].base);
            assert_int_equal(got.stacks[i][k].count, expected.stacks[i][k].count);
        }
    }
    free_sums(&expected);
    free_sums(&got);
    kuni_buffer_fini(&a);
    kuni_buffer_fini(&b);
    free(counts);
}

/* Sites out of order, which no cut into shards gives, come back as they were. */
static void stacks_in_any_order(void **state)
{
    (void)state;
    kuni_buffer late = KUNI_BUFFER_INIT, early = KUNI_BUFFER_INIT, out = KUNI_BUFFER_INIT;
    static const uint64_t one[] = {1, 7, 65, 3}, two[] = {2, 0, 1, 4, 5, 66, 9};
    for (size_t i = 0; i < 4; i++) must(kuni_qc_put_varint(&late, one[i], &err));
    for (size_t i = 0; i < 7; i++) must(kuni_qc_put_varint(&early, two[i], &err));
    kuni_qc_coded_stacks all = {.n = 0};
    kuni_buffer *const parts[] = {&late, &early};
    for (size_t i = 0; i < 2; i++) {
        const unsigned char *at = (const unsigned char *)parts[i]->data;
        kuni_qc_bytes bytes = {.at = at, .end = at + parts[i]->length};
        must(kuni_qc_stacks_append(&bytes, 10, &all, &err));
    }
    must(kuni_qc_coded_stacks_put(&all, &out, &err));
    kuni_qc_stack *stacks = NULL;
    size_t n = 0, capacity = 0;
    const unsigned char *at = (const unsigned char *)out.data;
    kuni_qc_bytes bytes = {.at = at, .end = at + out.length};
    must(kuni_qc_stacks_decode(&bytes, 10, &stacks, &n, &capacity, &err));
    assert_int_equal(n, 3);
    assert_int_equal(stacks[0].site, 7);
    assert_int_equal(stacks[1].site, 0);
    assert_int_equal(stacks[2].site, 5);
    assert_int_equal(stacks[2].count, 9);
    at = (const unsigned char *)early.data;
    bytes = (kuni_qc_bytes){.at = at, .end = at + early.length};
    kuni_error why = KUNI_ERROR_INIT;
    assert_int_equal(kuni_qc_stacks_append(&bytes, 4, &all, &why), KUNI_DATA);
    free(stacks);
    kuni_buffer_fini(&all.bytes);
    kuni_buffer_fini(&late);
    kuni_buffer_fini(&early);
    kuni_buffer_fini(&out);
}

static void expect_profile_fault(fixture *f, const char *text, const char *expected)
{
    char path[128];
    kuni_error why = KUNI_ERROR_INIT;
    kuni_qc_profile *profile = NULL;
    (void)snprintf(path, sizeof(path), "%s/profiles.yaml", f->folder);
    must(kuni_file_put(path, text, strlen(text), &err));
    assert_int_equal(kuni_qc_profile_read(&profile, path, "mine", &why), KUNI_USAGE);
    if (!strstr(why.text, expected)) fail_msg("'%s' does not say '%s'", why.text, expected);
}

static void profiles_are_data(void **state)
{
    fixture *f = *state;
    char limit[32];
    static const char *const built_in[] = {"gel", "gnomad", "lenient", "none"};
    for (size_t i = 0; i < 4; i++) {
        kuni_qc_profile *profile = NULL;
        must(kuni_qc_profile_read(&profile, NULL, built_in[i], &err));
        assert_true((profile->n_rules > 0) == (i < 3));
        kuni_qc_profile_free(profile);
    }
    kuni_qc_rule rule = {
        .fail_below = 95, .fail_above = 0.0 / 0.0, .flag_below = 97, .flag_above = 0.0 / 0.0};
    assert_int_equal(kuni_qc_judge(&rule, 94.99, true, limit), KUNI_QC_FAIL);
    assert_string_equal(limit, "< 95");
    assert_int_equal(kuni_qc_judge(&rule, 95, true, limit), KUNI_QC_FLAG);
    assert_int_equal(kuni_qc_judge(&rule, 97, true, limit), KUNI_QC_PASS);
    assert_int_equal(kuni_qc_judge(&rule, 0.0 / 0.0, true, limit), KUNI_QC_NOT_JUDGED);
    rule.whole_genome = true;
    assert_int_equal(kuni_qc_judge(&rule, 1, false, limit), KUNI_QC_NOT_JUDGED);
    expect_profile_fault(
        f, "mine:\n  pct_autosome_15x:\n    fail_below: 95\n    source: me\n",
        ":2: unknown metric or check 'pct_autosome_15x'; did you mean 'pct_autosomes_15x'?");
    expect_profile_fault(f, "mine:\n  pct_duplicates:\n    fail_over: 95\n    source: me\n",
                         ":3: unknown key");
    expect_profile_fault(f, "mine:\n  pct_duplicates:\n    fail_above: much\n    source: me\n",
                         ":3: expected a number");
    expect_profile_fault(f, "mine:\n  pct_duplicates:\n    fail_above: 3\n", "a source is missing");
    expect_profile_fault(f, "mine:\n  pct_duplicates: {fail_above: 3}\n", ":2:");
    expect_profile_fault(f, "yours:\n  sex_mismatch:\n    outcome: fail\n    source: me\n",
                         "no profile 'mine': it has yours, none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_cut_gives_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pileup_by_hand, set_up, tear_down),
        cmocka_unit_test(medians_by_hand),
        cmocka_unit_test(folded_bodies),
        cmocka_unit_test_setup_teardown(plain_files_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_out_samples_leave_no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folded_partials_say_the_same, set_up, tear_down),
        cmocka_unit_test(stacks_in_any_order),
        cmocka_unit_test_setup_teardown(profiles_are_data, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
