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
} input;

typedef struct seen_block {
    uint8_t gq, ploidy;
    uint16_t min_dp;
} seen_block;

typedef struct result {
    kuni_buffer events; /* a line each, by position, carried ones left out */
    seen_block *blocks; /* a position each */
    int64_t n;
    size_t n_events, n_haploid;
} result;

static char folder[] = "/tmp/kuni-call-XXXXXX";

static char *data_path(const char *name)
{
    const char *data = getenv("KUNI_DATA");
    kuni_error err = KUNI_ERROR_INIT;
    char *path = kuni_path_join(data ? data : "../shared/data", name, &err);
    if (!path || access(path, R_OK) != 0) {
        printf("%s is absent: skipped\n", path ? path : name);
        exit(77);
    }
    return path;
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
            out->n_haploid += e->ploidy == 1;
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

static void test_cuts(void **unused)
{
    (void)unused;
    input in = hg002();
    result whole = run(&in, 1);
    assert_true(whole.n_events > 200);
    static const int cuts[] = {7, 40, 173};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        result cut = run(&in, cuts[i]);
        assert_string_equal(cut.events.data, whole.events.data);
        for (int64_t p = 0; p < whole.n; p++)
            if (memcmp(&cut.blocks[p], &whole.blocks[p], sizeof(seen_block)) != 0)
                fail_msg("%d shards: the block at %lld differs", cuts[i], (long long)(in.beg + p));
        drop(&cut);
    }
    drop(&whole);
}

/* Plain truths of GIAB v4.2.1 in the slice. */
static void test_known_genotypes(void **unused)
{
    (void)unused;
    input in = hg002();
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

static void test_male_x(void **unused)
{
    (void)unused;
    char bed[64];
    snprintf(bed, sizeof(bed), "%s/ploidy.bed", folder);
    kuni_error err = KUNI_ERROR_INIT;
    const char line[] = "chrX\t2699520\t154931044\t1\t2\n";
    must(kuni_file_put(bed, line, strlen(line), &err), &err);
    input in = {.fasta = data_path("hg19_chrX_3samples/derived_chrX/hg19.chrX.masked.fa.gz"),
                .reads = data_path("hg19_chrX_3samples/NA12889_restricted.bam"),
                .contig = "chrX",
                .ploidy = bed,
                .sex = KUNI_SEX_MALE,
                .beg = 101030000,
                .end = 101090000};
    result male = run(&in, 1);
    assert_true(male.n_events >= 8);
    assert_int_equal(male.n_haploid, male.n_events);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts),
                                       cmocka_unit_test(test_known_genotypes),
                                       cmocka_unit_test(test_male_x)};
    return cmocka_run_group_tests(tests, NULL, leave);
}
