/* SPDX-License-Identifier: MIT */
/*
 * call-variants on real reads, through the hooks the engine calls: the same events and blocks
 * wherever the region is cut, known genotypes where the truth is plain, haploid calls on a male X.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kuni/evidence.h"
#include "kuni/file.h"
#include "kuni/reads.h"
#include "kuni/stage.h"

extern const kuni_stage kuni_stage_call_variants;

typedef struct input {
    const char *fasta, *reads, *contig, *ploidy;
    kuni_sex sex;
    int64_t beg, end;
    const char *alleles;    /* to be genotyped, or NULL */
    bam1_t *const *records; /* instead of `reads` */
    size_t n_records;
} input;

typedef struct seen_block {
    uint8_t gq, ploidy;
    uint16_t min_dp;
} seen_block;

typedef struct result {
    kuni_buffer events; /* a line each, by position, carried ones left out */
    seen_block *blocks; /* a position each */
    int64_t n;
    size_t n_events, n_either;
} result;

static char folder[] = "/tmp/kuni-call-XXXXXX";

static const char *data_path(const char *name)
{
    static char paths[8][512];
    static int used;
    const char *data = getenv("KUNI_DATA");
    char *path = paths[used++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", data && *data ? data : "KUNI_DATA", name);
    return path;
}

/* False, and a word about it, where the test data are absent. */
static bool have(const input *in)
{
    if (access(in->fasta, R_OK) == 0 && access(in->reads, R_OK) == 0) return true;
    printf("left out: no %s or %s\n", in->fasta, in->reads);
    return false;
}

static void must(kuni_status status, const kuni_error *err)
{
    if (status) fail_msg("%s", err->text);
}

static void print_event(result *out, const kuni_event *e)
{
    kuni_error err = KUNI_ERROR_INIT;
    int n = e->n_alleles;
    must(kuni_buffer_printf(&out->events, &err, "%lld %d %d/%d gq%d q%d dp%u mq%d ps%lld f%d",
                            (long long)e->pos, e->ploidy, e->gt[0], e->gt[1], e->gq, e->qual, e->dp,
                            e->mq, (long long)e->phase_set, e->flags & ~KUNI_EVENT_CARRIED),
         &err);
    for (int a = 0; a < n; a++)
        must(kuni_buffer_printf(&out->events, &err, " %s:%u", e->alleles[a], e->ad[a]), &err);
    int n_genotypes = e->ploidy == 1 ? n : n * (n + 1) / 2;
    for (int g = 0; g < n_genotypes; g++)
        must(kuni_buffer_printf(&out->events, &err, " %u", e->pl[g]), &err);
    must(kuni_buffer_printf(&out->events, &err, "\n"), &err);
}

static void gather(const char *path, kuni_span shard, int64_t beg, result *out)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    must(kuni_evidence_open(&reader, path, &err), &err);
    for (size_t i = 0; i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        must(kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, &err), &err);
        for (size_t k = 0; k < chunk.n_events; k++) {
            const kuni_event *e = &chunk.events[k];
            if (e->flags & KUNI_EVENT_CARRIED) continue;
            assert_in_range(e->pos, shard.beg, shard.end - 1);
            print_event(out, e);
            out->n_events++;
            out->n_either += e->ploidy == 2 && (e->flags & KUNI_EVENT_EITHER);
        }
        for (size_t k = 0; k < chunk.n_blocks; k++) {
            const kuni_block *b = &chunk.blocks[k];
            assert_true(b->beg >= shard.beg && b->end <= shard.end);
            for (int64_t p = b->beg; p < b->end; p++) {
                assert_int_equal(out->blocks[p - beg].ploidy, 0);
                out->blocks[p - beg] =
                    (seen_block){.gq = b->gq, .ploidy = b->ploidy, .min_dp = b->min_dp};
            }
        }
    }
    kuni_evidence_close(reader);
}

static void feed(const kuni_step *step, void *state, const kuni_sample *sample, kuni_genome *genome,
                 kuni_span shard)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_reads *reads;
    must(kuni_reads_open(&reads, sample, genome, &shard, 1, step->fields, &err), &err);
    int64_t length = kuni_genome_contig(genome, shard.tid)->length_bp;
    kuni_span wide = {shard.tid, shard.beg - step->halo_bp, shard.end + step->halo_bp};
    if (wide.beg < 0) wide.beg = 0;
    if (wide.end > length) wide.end = length;
    must(kuni_reads_seek(reads, wide, &err), &err);
    for (;;) {
        bam1_t *record;
        must(kuni_reads_next(reads, &record, &err), &err);
        if (!record) break;
        must(step->read(state, record, &err), &err);
    }
    kuni_reads_close(reads);
}

static void feed_records(const kuni_step *step, void *state, const input *in, kuni_span shard)
{
    kuni_error err = KUNI_ERROR_INIT;
    for (size_t i = 0; i < in->n_records; i++) {
        const bam1_t *record = in->records[i];
        if (record->core.pos < shard.end + step->halo_bp &&
            bam_endpos(record) > shard.beg - step->halo_bp)
            must(step->read(state, record, &err), &err);
    }
}

/* Runs the stage over the region cut into n shards. */
static result run(const input *in, int n_shards)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    must(kuni_genome_open(&genome, in->fasta, &err), &err);
    must(kuni_ploidy_open(&ploidy, in->ploidy, genome, &err), &err);
    int32_t tid = kuni_genome_find(genome, in->contig);
    assert_true(tid >= 0);
    kuni_genome_set_md5(genome, tid, "0123456789abcdef0123456789abcdef");
    kuni_params *params = kuni_params_new(kuni_stage_call_variants.params, &err);
    assert_non_null(params);
    if (in->alleles) must(kuni_params_set(params, "alleles", in->alleles, &err), &err);
    kuni_sample sample = {.id = "S", .participant = "S", .sex = in->sex, .reads = in->reads};
    kuni_batch batch = {.id = "b0000", .first = 0, .n_samples = 1};
    const kuni_step *step = &kuni_stage_call_variants.steps[0];
    result out = {.n = in->end - in->beg};
    out.blocks = kuni_alloc((size_t)out.n, sizeof(*out.blocks), &err);
    assert_non_null(out.blocks);
    for (int i = 0; i < n_shards; i++) {
        kuni_span shard = {tid, in->beg + out.n * i / n_shards,
                           in->beg + out.n * (i + 1) / n_shards};
        char path[64];
        snprintf(path, sizeof(path), "%s/shard%d.ev", folder, i);
        kuni_task_file output = {.kind = "evidence", .path = path};
        kuni_task task = {.stage_id = "call",
                          .genome = genome,
                          .ploidy = ploidy,
                          .params = params,
                          .samples = &sample,
                          .n_samples = 1,
                          .batches = &batch,
                          .n_batches = 1,
                          .shards = &shard,
                          .n_shards = 1,
                          .outputs = &output,
                          .n_outputs = 1};
        void *state = NULL;
        must(step->open(&task, &state, &err), &err);
        must(step->begin_sample(state, 0, &err), &err);
        if (in->records)
            feed_records(step, state, in, shard);
        else
            feed(step, state, &sample, genome, shard);
        must(step->end_sample(state, &err), &err);
        must(step->finish(state, &err), &err);
        step->close(state);
        gather(path, shard, in->beg, &out);
        unlink(path);
    }
    kuni_params_free(params);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    return out;
}

static void drop(result *r)
{
    kuni_buffer_fini(&r->events);
    free(r->blocks);
}

static input hg002(void)
{
    return (input){.fasta = data_path("b37_chr20_ref/GRCh37.20.fa.gz"),
                   .reads = data_path("b37_HG002_30x_chr20/"
                                      "HG002_NIST_150bp_downsampled_30x.chr20.10_10p1mb.bam"),
                   .contig = "20",
                   .ploidy = "diploid",
                   .beg = 9999000,
                   .end = 10100500};
}

static void check_cuts(const input *in, const int *cuts, size_t n_cuts, size_t events_least)
{
    result whole = run(in, 1);
    assert_true(whole.n_events >= events_least);
    for (size_t i = 0; i < n_cuts; i++) {
        result cut = run(in, cuts[i]);
        assert_string_equal(cut.events.data, whole.events.data);
        for (int64_t p = 0; p < whole.n; p++)
            if (memcmp(&cut.blocks[p], &whole.blocks[p], sizeof(seen_block)) != 0)
                fail_msg("%d shards: the block at %lld differs", cuts[i], (long long)(in->beg + p));
        drop(&cut);
    }
    drop(&whole);
}

static void test_cuts(void **unused)
{
    (void)unused;
    input in = hg002();
    if (!have(&in)) skip();
    static const int cuts[] = {7, 40, 173};
    check_cuts(&in, cuts, sizeof(cuts) / sizeof(cuts[0]), 200);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* A record with a CIGAR of any operations that fits its sequence, or now and then does not. */
static bam1_t *odd_record(const char *reference, int64_t pos, int64_t length, uint64_t *seed)
{
    uint32_t cigar[12], n_cigar = 0;
    char seq[400], qual[400];
    size_t n = 0;
    int64_t at = pos;
    static const int lengths[] = {36, 76, 150, 250, 300};
    size_t want = (size_t)lengths[next_random(seed) % 5];
    if (next_random(seed) % 8 == 0) cigar[n_cigar++] = bam_cigar_gen(5, BAM_CHARD_CLIP);
    while (n < want && n_cigar < 10) {
        uint64_t kind = next_random(seed) % 24;
        uint32_t run = (uint32_t)(next_random(seed) % 60 + 1);
        int op = n == 0 && kind < 3 ? BAM_CSOFT_CLIP
                 : kind == 3        ? BAM_CINS
                 : kind == 4        ? BAM_CDEL
                 : kind == 5        ? BAM_CREF_SKIP
                 : kind == 6        ? BAM_CEQUAL
                 : kind == 7        ? BAM_CPAD
                                    : BAM_CMATCH;
        if (bam_cigar_type(op) & 1 && run > want - n) run = (uint32_t)(want - n);
        cigar[n_cigar++] = bam_cigar_gen(run, op);
        for (uint32_t i = 0; bam_cigar_type(op) & 1 && i < run; i++, n++) {
            int64_t from = at + (bam_cigar_type(op) & 2 ? i : 0);
            seq[n] = from < length ? reference[from] : 'A';
            if (next_random(seed) % 50 == 0) seq[n] = "ACGTN"[next_random(seed) % 5];
            qual[n] = (char)(next_random(seed) % 42);
        }
        if (bam_cigar_type(op) & 2) at += run;
    }
    if (n == 0) seq[n++] = 'A';
    if (n_cigar == 1 && bam_cigar_op(cigar[0]) == BAM_CHARD_CLIP)
        cigar[n_cigar++] = bam_cigar_gen(1, BAM_CMATCH);
    if (next_random(seed) % 16 == 0) memset(qual, -1, sizeof(qual));
    uint16_t flag = (uint16_t)(next_random(seed) % 4 ? BAM_FPAIRED | BAM_FREAD1 : 0);
    if (next_random(seed) % 2) flag |= BAM_FREVERSE;
    if (next_random(seed) % 2 && flag) flag ^= BAM_FREAD1 | BAM_FREAD2;
    if (next_random(seed) % 64 == 0) flag |= BAM_FSUPPLEMENTARY;
    char name[16];
    int name_length = snprintf(name, sizeof(name), "r%d",
                               (int)(pos / 90 * 16 + (int64_t)(next_random(seed) % 16)));
    bam1_t *record = bam_init1();
    assert_non_null(record);
    assert_true(bam_set1(record, (size_t)name_length, name, flag, 0, pos,
                         (uint8_t)(next_random(seed) % 61), n_cigar, cigar, 0, pos + 50,
                         (hts_pos_t)(next_random(seed) % 500) - 250, n, seq, qual, 0) >= 0);
    if (next_random(seed) % 40 == 0) bam_get_cigar(record)[0] += 1 << BAM_CIGAR_SHIFT; /* no fit */
    return record;
}

/* Records of every shape over a small genome with runs of N and repeats, in places very deep. */
static void test_odd_records(void **unused)
{
    (void)unused;
    enum { LENGTH = 30000, MOST = 12000 };
    static char reference[LENGTH + 1], text[LENGTH + 16];
    static bam1_t *records[MOST];
    uint64_t seed = 20;
    for (int i = 0; i < LENGTH; i++) reference[i] = "ACGT"[next_random(&seed) % 4];
    memset(reference + 5000, 'N', 700);
    memset(reference + 12000, 'T', 40);
    for (int i = 0; i < 60; i++) reference[20000 + i] = "CA"[i % 2];
    snprintf(text, sizeof(text), ">odd\n%s\n", reference);
    char fasta[64], index[80];
    snprintf(fasta, sizeof(fasta), "%s/odd.fa", folder);
    snprintf(index, sizeof(index), "%s.fai", fasta);
    kuni_error err = KUNI_ERROR_INIT;
    must(kuni_file_put(fasta, text, strlen(text), &err), &err);
    size_t n = 0;
    for (int64_t pos = 0; pos < LENGTH - 10 && n < MOST; pos++) {
        uint64_t copies = next_random(&seed) % 5 == 0;
        if (pos >= 16000 && pos < 16040) copies = 150;
        for (; copies > 0 && n < MOST; copies--)
            records[n++] = odd_record(reference, pos, LENGTH, &seed);
    }
    input in = {.fasta = fasta,
                .reads = fasta,
                .contig = "odd",
                .ploidy = "diploid",
                .beg = 0,
                .end = LENGTH,
                .records = records,
                .n_records = n};
    static const int cuts[] = {2, 11, 60};
    check_cuts(&in, cuts, sizeof(cuts) / sizeof(cuts[0]), 10);
    for (size_t i = 0; i < n; i++) bam_destroy1(records[i]);
    unlink(fasta);
    unlink(index);
}

/* Every allele of a list is genotyped, seen or not, wherever the region is cut. */
static void test_given_alleles(void **unused)
{
    (void)unused;
    input in = hg002();
    in.alleles = data_path("b37_HG001_truth_chr20/HG001_v3.3.2_phased.chr20_5M-end.vcf.gz");
    if (!have(&in)) skip();
    if (access(in.alleles, R_OK) != 0) {
        printf("left out: no %s\n", in.alleles);
        skip();
    }
    result whole = run(&in, 1);
    char forced[16];
    snprintf(forced, sizeof(forced), " f%d ", KUNI_EVENT_OTHER | KUNI_EVENT_FORCED);
    size_t n = 0;
    for (const char *at = whole.events.data; (at = strstr(at, forced)); at++) n++;
    assert_true(n >
                150); /* HG001 has 186 substitutions and 36 indels here, HG002 not all of them */
    assert_non_null(strstr(whole.events.data, "\n10002098 2 0/0"));
    drop(&whole);
    static const int cuts[] = {13};
    check_cuts(&in, cuts, 1, 200);
}

/* Plain truths of GIAB v4.2.1 in the slice. */
static void test_known_genotypes(void **unused)
{
    (void)unused;
    input in = hg002();
    if (!have(&in)) skip();
    result whole = run(&in, 1);
    static const char *const expected[] = {"\n10000116 2 0/1",  /* C>T */
                                           "\n10000438 2 1/1",  /* T>G */
                                           "\n10001435 2 1/1",  /* A>AAGGCT */
                                           "\n10012361 2 1/2",  /* G>A,T */
                                           "\n10027233 2 1/1"}; /* A>ATTAG */
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        if (!strstr(whole.events.data, expected[i])) fail_msg("no event%s", expected[i]);
    drop(&whole);
}

/* X outside the pseudo-autosomal regions holds for one copy and two, whatever is said of the
 * person. */
static void test_x_of_anybody(void **unused)
{
    (void)unused;
    char bed[64];
    snprintf(bed, sizeof(bed), "%s/ploidy.bed", folder);
    input in = {.fasta = data_path("hg19_chrX_3samples/derived_chrX/hg19.chrX.masked.fa.gz"),
                .reads = data_path("hg19_chrX_3samples/NA12889_restricted.bam"),
                .contig = "chrX",
                .ploidy = bed,
                .sex = KUNI_SEX_MALE,
                .beg = 101030000,
                .end = 101090000};
    if (!have(&in)) skip();
    kuni_error err = KUNI_ERROR_INIT;
    const char line[] = "chrX\t2699520\t154931044\t1\t2\n";
    must(kuni_file_put(bed, line, strlen(line), &err), &err);
    result male = run(&in, 1);
    assert_true(male.n_events >= 8);
    assert_int_equal(male.n_either, male.n_events);
    for (int sex = KUNI_SEX_UNKNOWN; sex <= KUNI_SEX_FEMALE; sex++) {
        in.sex = (kuni_sex)sex;
        result other = run(&in, 1);
        assert_string_equal(other.events.data, male.events.data);
        assert_memory_equal(other.blocks, male.blocks,
                            (size_t)(in.end - in.beg) * sizeof(*male.blocks));
        drop(&other);
    }
    drop(&male);
    unlink(bed);
}

static int leave(void **unused)
{
    (void)unused;
    return rmdir(folder);
}

int main(void)
{
    kuni_htslib_setup();
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts), cmocka_unit_test(test_odd_records),
        cmocka_unit_test(test_given_alleles), cmocka_unit_test(test_known_genotypes),
        cmocka_unit_test(test_x_of_anybody)};
    return cmocka_run_group_tests(tests, NULL, leave);
}
