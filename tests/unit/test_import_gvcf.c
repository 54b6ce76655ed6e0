/* SPDX-License-Identifier: MIT */
/*
 * import-gvcf: what records of various callers become, which files are refused and why, and that
 * the cut into shards leaves no trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <htslib/bgzf.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evidence_check.h"
#include "evidence_cohort.h"
#include "kuni/buffer.h"
#include "kuni/file.h"
#include "kuni/stage.h"
#include "report.h"

extern const kuni_stage kuni_stage_import_gvcf;

static char folder[64];
static char fasta[96], gvcf[96], evidence[96], counts[96];
static kuni_genome *genome;
static kuni_ploidy *ploidy;

/* 1-based: 1-20 ACGT..., 21-30 A's, 31-40 CAG CAG CAG C, then ACGT... to 400. */
static char sequence[401];

static void put(const char *path, const char *text)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_file_put(path, text, strlen(text), &err)) fail_msg("%s", err.text);
}

static int setup(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char text[512];
    /* Thousands of small files are flushed: in memory where that is to be had. */
    snprintf(folder, sizeof(folder), "%s/kuni-test-import-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return 1;
    snprintf(fasta, sizeof(fasta), "%s/ref.fa", folder);
    snprintf(gvcf, sizeof(gvcf), "%s/s1.g.vcf", folder);
    snprintf(evidence, sizeof(evidence), "%s/out.ev", folder);
    snprintf(counts, sizeof(counts), "%s/out.tsv", folder);
    for (int i = 0; i < 400; i++) sequence[i] = "ACGT"[i % 4];
    memset(sequence + 20, 'A', 10);
    memcpy(sequence + 30, "CAGCAGCAGC", 10);
    snprintf(text, sizeof(text), ">c1\n%s\n", sequence);
    put(fasta, text);
    return kuni_genome_open(&genome, fasta, &err) ||
           kuni_ploidy_open(&ploidy, "diploid", genome, &err);
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ref.fa",          "ref.fa.fai", "s1.g.vcf",   "out.ev", "out.tsv", "s1.g.vcf.gz",
        "s1.g.vcf.gz.tbi", "big.fa",     "big.fa.fai", "cut.ev", "two.bcf", "two.bcf.csi"};
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

/* --- running the stage --- */

static const char *absent;  /* the parameter; NULL: its default */
static const char *max_bad; /* likewise */
static const char *bands;   /* likewise */
static bool shared;         /* the manifest names the file for other samples, too */

static kuni_status import_as(const char *path, const char *id, kuni_genome *of, kuni_span shard,
                             const char *out, kuni_error *err)
{
    const kuni_step *step = &kuni_stage_import_gvcf.steps[0];
    kuni_params *params = kuni_params_new(kuni_stage_import_gvcf.params, err);
    if (absent && kuni_params_set(params, "absent", absent, err)) return err->status;
    if (max_bad && kuni_params_set(params, "max_bad_records", max_bad, err)) return err->status;
    if (bands && kuni_params_set(params, "reference_bands", bands, err)) return err->status;
    kuni_sample sample = {.id = id, .participant = id, .reads = path, .shares_reads = shared};
    kuni_batch batch = {.id = "b0000", .first = 0, .n_samples = 1};
    kuni_task_file files[] = {{.kind = "evidence", .path = out},
                              {.kind = "import-counts", .path = counts}};
    kuni_task task = {.stage_id = "import",
                      .genome = of,
                      .ploidy = ploidy,
                      .params = params,
                      .samples = &sample,
                      .n_samples = 1,
                      .batches = &batch,
                      .n_batches = 1,
                      .shards = &shard,
                      .n_shards = 1,
                      .outputs = files,
                      .n_outputs = 2,
                      .scratch = folder};
    void *state;
    kuni_status status = step->open(&task, &state, err);
    if (status) {
        kuni_params_free(params);
        return status;
    }
    status = step->begin_sample(state, 0, err);
    if (status) step->drop_sample(state);
    kuni_error late = KUNI_ERROR_INIT;
    kuni_status finished = step->finish(state, &late);
    step->close(state);
    kuni_params_free(params);
    return status ? status : finished;
}

/* Events and blocks as lines of text. */
static void print_evidence(const char *path, kuni_buffer *out)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    kuni_status status = kuni_evidence_check(path, &err);
    if (!status) status = kuni_evidence_open(&reader, path, &err);
    if (status) fail_msg("%s", err.text);
    kuni_buffer_clear(out);
    for (size_t i = 0; i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        if (kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, &err)) fail_msg("%s", err.text);
        for (size_t k = 0; !status && k < chunk.n_events; k++) {
            const kuni_event *e = &chunk.events[k];
            status = kuni_buffer_printf(out, &err, "E%lld", (long long)e->pos + 1);
            for (int a = 0; !status && a < e->n_alleles; a++)
                status = kuni_buffer_printf(out, &err, "%s%s",
                                            a == 1 ? ">"
                                            : a    ? ","
                                                   : " ",
                                            e->alleles[a]);
            if (!status)
                status = kuni_buffer_printf(out, &err, " %d/%d q%u g%u d", e->gt[0], e->gt[1],
                                            e->qual, e->gq);
            if (!status && e->dp == KUNI_DP_MISSING)
                status = kuni_buffer_printf(out, &err, ". m%u", e->mq);
            else if (!status)
                status = kuni_buffer_printf(out, &err, "%u m%u", e->dp, e->mq);
            for (int a = 0; !status && e->ad && a < e->n_alleles; a++)
                status = kuni_buffer_printf(out, &err, "%s%u", a ? "," : " ad", e->ad[a]);
            int n = e->ploidy == 1 ? e->n_alleles : e->n_alleles * (e->n_alleles + 1) / 2;
            for (int a = 0; !status && e->pl && a < n; a++)
                status = kuni_buffer_printf(out, &err, "%s%u", a ? "," : " pl", e->pl[a]);
            if (!status && e->sb[0] + e->sb[1] + e->sb[2] + e->sb[3])
                status = kuni_buffer_printf(out, &err, " sb%u,%u,%u,%u", e->sb[0], e->sb[1],
                                            e->sb[2], e->sb[3]);
            for (int a = 0; !status && a < KUNI_RANKS && (e->rank[0] | e->rank[1] | e->rank[2]);
                 a++)
                status = kuni_buffer_printf(out, &err, "%s%d", a ? "," : " z",
                                            e->rank[a] ? e->rank[a] - KUNI_RANK_EQUAL : -99);
            if (!status && e->phase_set >= 0)
                status = kuni_buffer_printf(out, &err, " ps%lld", (long long)e->phase_set + 1);
            if (!status)
                status = kuni_buffer_printf(out, &err, "%s%s%s%s\n",
                                            e->flags & KUNI_EVENT_FILTERED ? " filtered" : "",
                                            e->flags & KUNI_EVENT_UNLISTED ? " unlisted" : "",
                                            e->flags & KUNI_EVENT_PHASED ? " phased" : "",
                                            e->flags & KUNI_EVENT_CARRIED ? " carried" : "");
        }
        for (size_t k = 0; !status && k < chunk.n_blocks; k++) {
            const kuni_block *b = &chunk.blocks[k];
            static const char *const kinds[] = {"",          " conflict", " filtered",
                                                " unlisted", " stated",   " low"};
            char depth[16] = ".";
            if (b->min_dp != KUNI_MIN_DP_MISSING)
                (void)snprintf(depth, sizeof(depth), "%u", b->min_dp);
            status =
                kuni_buffer_printf(out, &err, "B%lld-%lld g%u d%s x%u%s\n", (long long)b->beg + 1,
                                   (long long)b->end, b->gq, depth, b->ploidy, kinds[b->kind]);
        }
    }
    if (status) fail_msg("%s", err.text);
    kuni_evidence_close(reader);
}

#define HEADER                                                                                     \
    "##fileformat=VCFv4.2\n##contig=<ID=c1,length=400>\n"                                          \
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"

static void put_records(const char *records)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_buffer_printf(&text, &err, "%s%s", HEADER, records)) fail_msg("%s", err.text);
    put(gvcf, text.data);
    kuni_buffer_fini(&text);
}

static const kuni_span everything = {.tid = 0, .beg = 0, .end = 400};

static void expect_from(kuni_span shard, const char *records, const char *wanted)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer got = KUNI_BUFFER_INIT;
    put_records(records);
    if (import_as(gvcf, "s1", genome, shard, evidence, &err)) fail_msg("%s", err.text);
    print_evidence(evidence, &got);
    assert_string_equal(got.data ? got.data : "", wanted);
    kuni_buffer_fini(&got);
}

static void expect(const char *records, const char *wanted)
{
    expect_from(everything, records, wanted);
}

static void expect_error(const char *records, const char *cause)
{
    kuni_error err = KUNI_ERROR_INIT;
    put_records(records);
    kuni_status status = import_as(gvcf, "s1", genome, everything, evidence, &err);
    if (status != KUNI_DATA || !strstr(err.text, cause) || !strstr(err.text, gvcf))
        fail_msg("wanted \"%s\", got %d: %s", cause, (int)status, err.text);
}

/* --- callers --- */

static void gatk_records(void **state)
{
    (void)state;
    expect("c1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=4\tGT:DP:GQ:MIN_DP:PL\t0/0:30:87:29:0,87,1000\n"
           "c1\t5\t.\tA\tG,<NON_REF>\t310.6\t.\tDP=31;RAW_MQandDP=108000,30\tGT:AD:DP:GQ:PL:SB\t"
           "0/1:16,14,0:30:99:339,0,400,387,442,829:8,8,7,7\n"
           "c1\t6\t.\tC\t<NON_REF>\t.\t.\tEND=10\tGT:DP:GQ:MIN_DP:PL\t0/0:0:0:0:0,0,0\n"
           "c1\t11\t.\tG\tT,<NON_REF>\t0\t.\tDP=9\tGT:AD:DP:GQ:PGT:PID:PL:PS\t"
           "0|1:8,1,0:9:2:0|1:11_G_T:2,0,200,26,203,229:11\n"
           "c1\t12\t.\tT\tTA,*,<NON_REF>\t500\t.\t.\tGT:AD:DP:GQ:PL\t"
           "1/2:0,10,12,0:22:99:900,400,380,450,0,420,910,430,460,920\n",
           "E5 A>G,<*> 0/1 q311 g99 d30 m60 ad16,14,0 pl339,0,400,387,442,829 sb8,8,7,7\n"
           "E11 G>T,<*> 0/1 q0 g2 d9 m0 ad8,1,0 pl2,0,200,26,203,229 ps11 phased\n"
           "E12 T>TA,*,<*> 1/2 q500 g99 d22 m0 ad0,10,12,0 "
           "pl900,400,380,450,0,420,910,430,460,920\n"
           "B1-4 g87 d29 x2\n");
}

/*
 * z in half units; of heterozygotes of REF and an ALT only; allele-specific lists where there is no
 * other.
 */
static void rank_sums(void **state)
{
    (void)state;
    static const char records[] =
        "c1\t5\t.\tA\tG,<NON_REF>\t26.6\t.\tBaseQRankSum=0.952;MQRankSum=-1.735;ReadPosRankSum=1."
        "135"
        "\tGT:AD:DP:GQ\t0/1:14,3,0:17:34\n"
        "c1\t6\t.\tC\tG,<NON_REF>\t26.6\t.\tMQRankSum=-1.735\tGT:AD:DP:GQ\t1/1:1,9,0:10:34\n"
        "c1\t8\t.\tT\tC,G,<NON_REF>\t61.6\t.\tAS_RAW_BaseQRankSum=|-1.0,1|-2.8,1,-1.2,3|NaN;"
        "AS_RAW_MQRankSum=|-1.2,1|NaN|NaN;AS_RAW_ReadPosRankSum=||\tGT:AD:DP:GQ\t0/2:4,2,3,0:9:53\n"
        "c1\t9\t.\tA\tG,<NON_REF>\t26.6\t.\tMQRankSum=.;ReadPosRankSum=nan;BaseQRankSum=-99"
        "\tGT:AD:DP:GQ\t0/1:14,3,0:17:34\n";
    expect(records, "E5 A>G,<*> 0/1 q27 g34 d17 m0 ad14,3,0 pl34,0,34,34,34,68 z-3,2,2\n"
                    "E6 C>G,<*> 1/1 q27 g34 d10 m0 ad1,9,0 pl68,34,0,68,34,68\n"
                    "E8 T>C,G,<*> 0/2 q62 g53 d9 m0 ad4,2,3,0 pl53,53,106,0,53,53,53,106,53,106 "
                    "z-99,-99,-3\n"
                    "E9 A>G,<*> 0/1 q27 g34 d17 m0 ad14,3,0 pl34,0,34,34,34,68 z-99,-99,-32\n");
}

static void strelka_records(void **state)
{
    (void)state;
    expect(
        "c1\t1\t.\tA\t.\t.\tPASS\tEND=8;BLOCKAVG_min30p3a\tGT:GQX:DP:DPF:MIN_DP\t0/0:60:25:1:21\n"
        "c1\t9\t.\tA\t.\t.\tLowGQX\t.\tGT:GQX:DP:DPF\t0/0:3:2:5\n"
        "c1\t10\t.\tC\tT\t120\tLowGQX;LowDepth\tMQ=44.6\tGT:GQ:GQX:DP:DPF:AD:ADF:ADR:SB:FT:PL\t"
        "0/1:40:5:20:0:9,11:4,6:5,5:-10.1:LowGQX:150,0,120\n"
        "c1\t11\t.\tG\tGA\t50\tPASS\t.\tGT:GQ:GQX:DPI:AD:PL\t0/1:45:9:17:8,6:90,0,140\n"
        "c1\t12\t.\tT\t.\t.\tPASS\t.\tGT:GQX:DP\t.:.:.\n",
        "E10 C>T 0/1 q120 g40 d20 m45 ad9,11 pl150,0,120 sb4,5,6,5 filtered\n"
        "E11 G>GA 0/1 q50 g45 d17 m0 ad8,6 pl90,0,140\n"
        "B1-8 g60 d21 x2\n"
        "B9-9 g3 d2 x2 filtered\n");
}

/* Strelka's haploid records within a deletion tell of the other copy, and contradict nothing. */
static void one_copy_beside_a_deletion(void **state)
{
    (void)state;
    expect("c1\t40\t.\tCACGT\tC\t92\tPASS\t.\tGT:GQ:DPI:AD:PL\t0/1:40:33:21,8:104,0,60\n"
           "c1\t41\t.\tA\t.\t.\tPASS\t.\tGT:GQX:DP\t0:92:21\n"
           "c1\t42\t.\tC\tT\t80\tPASS\t.\tGT:GQ:DP:AD:PL\t1:90:21:5,16:158,0\n"
           "c1\t43\t.\tG\tC,<*>\t80\tPASS\t.\tGT:DP:PL\t1:21:90,0,95\n"
           "c1\t44\t.\tT\t.\t.\tPASS\t.\tGT:GQX:DP\t0:92:21\n"
           "c1\t45\t.\tA\tT\t80\tPASS\t.\tGT:GQ:DP:PL\t1:90:21:158,0\n",
           "E40 CACGT>C 0/1 q92 g40 d33 m0 ad21,8 pl104,0,60\n"
           "E42 C>T,* 1/2 q80 g90 d21 m0 ad5,16,0 pl262,262,104,158,0,218\n"
           "E43 G>C,*,<*> 1/2 q80 g90 d21 m0 pl194,194,104,90,0,155,199,199,95,199\n"
           "E45 A>T 1/-1 q80 g90 d21 m0 pl158,0\n");
}

static void deepvariant_and_dragen_records(void **state)
{
    (void)state;
    expect("c1\t1\t.\tA\t<*>\t0\t.\tEND=4\tGT:GQ:MIN_DP:MED_DP:PL\t0/0:50:18:20:0,54,539\n"
           "c1\t5\t.\tA\t<*>\t0\t.\tEND=6\tGT:GQ:MIN_DP:PL\t./.:0:7:20,0,200\n"
           "c1\t7\t.\tG\tC,<*>\t0\tRefCall\t.\tGT:GQ:DP:AD:VAF:PL\t"
           "0/0:22:20:17,3,0:0.15,0:0,22,35,990,990,990\n"
           "c1\t8\t.\tT\tG,<*>\t0.1\tNoCall\t.\tGT:GQ:DP:AD:VAF:PL\t"
           "./.:5:20:15,5,0:0.25,0:3,0,30,990,990,990\n"
           "c1\t9\t.\tA\t<NON_REF>\t.\tPASS\tEND=12\tGT:AD:DP:GQ:MIN_DP:PL:SPL:ICNT\t"
           "0/0:30,0:30:81:28:0,81,1215:0,255,255:3,0\n"
           "c1\t13\t.\tA\tT,<NON_REF>\t49.2\tPASS\tMQ=250;R2_5P_bias=0\t"
           "GT:AD:AF:DP:F1R2:F2R1:GQ:PL:SPL:ICNT:GP:PRI:SB:MB\t"
           "1:0,12,0:1:12:0,6,0:0,6,0:85:120,0,200:255,0:1,0:1,2:0,3:0,0,6,6:0,0,6,6\n",
           "E7 G>C,<*> 0/0 q0 g22 d20 m0 ad17,3,0 pl0,22,35,990,990,990\n"
           "E8 T>G,<*> -1/-1 q0 g5 d20 m0 ad15,5,0 pl3,0,30,990,990,990 filtered\n"
           "E13 A>T,<*> 1/-1 q49 g85 d12 m250 ad0,12,0 pl120,0,200 sb0,0,6,6\n"
           "B1-4 g50 d18 x2\n"
           "B5-6 g0 d7 x2 low\n"
           "B9-12 g81 d28 x2\n");
}

static void bcftools_and_new_style_records(void **state)
{
    (void)state;
    expect("c1\t1\t.\tA\t<*>\t.\t.\tEND=4;MIN_DP=5\tGT:PL:DP\t0/0:0,15,120:6\n"
           "c1\t5\t.\tA\t<*>\t.\t.\t.\tGT:DP:GQ:LEN\t0/0:30:60:4\n"
           "c1\t9\t.\ta\tg,<*>\t12\t.\tDP=20;MQ=60;DP4=5,5,6,4\tGT:GL\t"
           "0/1:-12.3,-0.1,-20,-30,-31,-50\n"
           "c1\t10\t.\tC\tT\t30\t.\tDP=4\tGT:GQ\t0/1:30\n"
           "c1\t11\t.\tG\tA\t30\t.\tDP=4\tGT:GQ\t1/1:20\n"
           "c1\t12\t.\tT\tC\t30\t.\tDP=4\tGT:GQ\t./1:20\n"
           "c1\t13\t.\tA\tC\t30\t.\tDP=4\tGT:GQ:PL\t1:20:90,30,0\n"
           "c1\t14\t.\tC\tT,<*>\t30\t.\tDP=4\tGT:DP\t././.:0\n",
           "E9 A>G,<*> 0/1 q12 g99 d20 m60 pl122,0,199,299,309,499 sb5,5,6,4\n"
           "E10 C>T 0/1 q30 g30 d4 m0 pl30,0,30\n"
           "E11 G>A 1/1 q30 g20 d4 m0 pl40,20,0\n"
           "E12 T>C -1/-1 q30 g0 d4 m0\n"
           "E13 A>C 1/-1 q30 g20 d4 m0 pl90,0\n"
           "B1-4 g15 d6 x2\n"
           "B5-8 g60 d30 x2\n"
           "B14-14 g0 d0 x2\n");
}

/* CombineGVCFs leaves the genotypes to the likelihoods: without them its alleles would be lost. */
static void combined_gvcfs_are_called(void **state)
{
    (void)state;
    expect("c1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=4\tGT:DP:GQ:MIN_DP:PL\t./.:30:87:29:0,87,1000\n"
           "c1\t5\t.\tA\tG,<NON_REF>\t.\t.\t.\tGT:AD:DP:PL\t./.:9,8,0:17:300,0,90,400,401,402\n"
           "c1\t6\t.\tC\tT,<NON_REF>\t.\t.\t.\tGT:DP:GQ:PL\t./.:17:0:500,60,0,600,601,602\n"
           "c1\t7\t.\tG\tT,<NON_REF>\t.\t.\t.\tGT:DP:PL\t./.:9:0,0,90,100,101,102\n"
           "c1\t8\t.\tT\tC,<NON_REF>\t.\t.\t.\tGT:DP:PL\t./.:9:90,80,70,0,10,20\n"
           "c1\t9\t.\tA\t<NON_REF>\t.\t.\tEND=10\tGT:DP:GQ:MIN_DP:PL\t./.:0:0:0:0,0,0\n"
           "c1\t11\t.\tG\tA,C,<NON_REF>\t.\t.\t.\tGT:DP:PL\t.:12:200,90,0,300\n"
           "c1\t12\t.\tT\tC\t.\t.\t.\tGT:DP:PL\t./.:9:90,0,70\n",
           "E5 A>G,<*> 0/1 q270 g90 d17 m0 ad9,8,0 pl300,0,90,400,401,402\n"
           "E6 C>T,<*> 1/1 q470 g60 d17 m0 pl500,60,0,600,601,602\n"
           "E7 G>T,<*> -1/-1 q0 g0 d9 m0 pl0,0,90,100,101,102\n"
           "E8 T>C,<*> -1/-1 q60 g10 d9 m0 pl90,80,70,0,10,20\n"
           "E11 G>A,C,<*> 2/-1 q170 g90 d12 m0 pl200,90,0,300\n"
           "E12 T>C -1/-1 q60 g70 d9 m0 pl90,0,70 filtered\n"
           "B1-4 g87 d29 x2\n");
}

/* A file of variants only: what has no record is reference, where the user says so. */
static void absent_records_are_reference(void **state)
{
    (void)state;
    static const char *const records = "c1\t5\t.\tA\tG\t100\t.\tDP=900\tGT\t0|1\n"
                                       "c1\t9\t.\tACG\tA\t100\tlow\tDP=900\tGT:GQ:DP\t0/1:40:9\n"
                                       "c1\t13\t.\tA\tC\t100\t.\t.\tGT\t./.\n"
                                       "c1\t14\t.\tC\tG\t100\t.\t.\tGT\t0/0\n"
                                       "c1\t31\t.\tC\tCA\t50\t.\tDP=4\tGT:GQ\t0/1:30\n";
    static const char *const events = "E5 A>G 0/1 q100 g0 d900 m0 phased\n"
                                      "E9 ACG>A 0/1 q100 g40 d9 m0 pl40,0,40 filtered\n"
                                      "E31 C>CA 0/1 q50 g30 d4 m0 pl30,0,30\n";
    char wanted[512];
    snprintf(wanted, sizeof(wanted), "%sB13-13 g0 d0 x2\nB14-14 g60 d. x2 stated\n", events);
    expect(records, wanted);
    absent = "reference";
    snprintf(wanted, sizeof(wanted),
             "%sB1-4 g60 d. x2 stated\nB6-8 g60 d. x2 stated\nB12-12 g60 d. x2 stated\n"
             "B13-13 g0 d0 x2\nB14-30 g60 d. x2 stated\nB32-400 g60 d. x2 stated\n",
             events);
    expect(records, wanted);
    /* Nothing behind the last record, nor on a contig of which the file tells nothing. */
    expect_from((kuni_span){.tid = 0, .beg = 100, .end = 200}, records,
                "B101-200 g60 d. x2 stated\n");
    expect("", "");
    absent = NULL;
    /* What a deletion's record says does not hold where another record says no call. */
    expect("c1\t9\t.\tACGT\tA\t100\t.\t.\tGT\t0/0\nc1\t11\t.\tG\tT\t100\t.\t.\tGT\t./.\n",
           "B9-10 g60 d. x2 stated\nB11-11 g0 d0 x2\nB12-12 g60 d. x2 stated\n");
}

/* --- consistency --- */

static void indels_are_left_aligned(void **state)
{
    (void)state;
    /*
     * 21-30 are A: a deletion of the last one stands at its left end; what it leaves is reference.
     */
    expect("c1\t28\t.\tAA\tA,<NON_REF>\t300\t.\t.\tGT:AD:DP:GQ:PL\t"
           "0/1:10,11,0:21:90:300,0,280,330,310,620\n",
           "E20 TA>T,<*> 0/1 q300 g90 d21 m0 ad10,11,0 pl300,0,280,330,310,620\n"
           "B28-29 g90 d21 x2\n");
    /* An insertion of CAG behind three of them, written with a long REF. */
    expect("c1\t37\t.\tCAGC\tCAGCAGC\t300\t.\t.\tGT:GQ:DP\t1/1:50:20\n",
           "E30 A>ACAG 1/1 q300 g50 d20 m0 pl100,50,0\n"
           "B37-40 g50 d20 x2\n");
    /* A SNP that shares the record does not hold the deletion where it is. */
    expect("c1\t28\t.\tAA\tA,AC\t300\t.\t.\tGT:GQ:DP\t1/2:50:20\n",
           "E20 TAAAAAAAAA>TAAAAAAAA,TAAAAAAAAC 1/2 q300 g50 d20 m0 pl100,50,50,50,0,50\n");
    /* Nor does another indel: CAG less at 37, a base more behind it. */
    expect("c1\t36\t.\tGCAGCA\tGCA,GCAGCAT\t300\t.\t.\tGT:GQ:DP\t1/2:50:20\n",
           "E30 ACAGCAGCAGCA>ACAGCAGCA,ACAGCAGCAGCAT 1/2 q300 g50 d20 m0 pl100,50,50,50,0,50\n");
}

static void contradictions_become_conflicts(void **state)
{
    (void)state;
    /* The same alleles twice: alike is one, unlike is a conflict. */
    expect("c1\t5\t.\tA\tG\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
           "c1\t5\t.\tA\tG\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
           "c1\t9\t.\tA\tG\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
           "c1\t9\t.\tA\tG\t60\t.\t.\tGT:GQ:DP\t1/1:50:21\n",
           "E5 A>G 0/1 q50 g50 d20 m0 pl50,0,50\n"
           "B9-9 g0 d21 x2 conflict\n");
    /* A heterozygous deletion leaves one copy for a SNP, a homozygous one none. */
    expect("c1\t5\t.\tACG\tA\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
           "c1\t6\t.\tC\tT\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n",
           "E5 ACG>A 0/1 q50 g50 d20 m0 pl50,0,50\n"
           "E6 C>T 0/1 q50 g50 d20 m0 pl50,0,50\n");
    expect("c1\t5\t.\tACG\tA\t50\t.\t.\tGT:GQ:DP\t1/1:50:20\n"
           "c1\t6\t.\tC\tT\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n",
           "B5-7 g0 d20 x2 conflict\n");
    /* Blocks that overlap: the lesser confidence holds; what an event covers is the event's. */
    expect("c1\t1\t.\tA\t<*>\t.\t.\tEND=9\tGT:GQ:MIN_DP\t0/0:50:20\n"
           "c1\t3\t.\tG\tT\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
           "c1\t6\t.\tC\t<*>\t.\tbad\tEND=7\tGT:GQ:MIN_DP\t0/0:70:30\n"
           "c1\t8\t.\tT\t<*>\t.\t.\tEND=12\tGT:GQ:MIN_DP\t0/0:30:25\n",
           "E3 G>T 0/1 q50 g50 d20 m0 pl50,0,50\n"
           "B1-2 g50 d20 x2\nB4-5 g50 d20 x2\nB6-7 g70 d30 x2 filtered\nB8-9 g30 d20 x2\n"
           "B10-12 g30 d25 x2\n");
}

/* A finished call set is taken at its word: a deletion here, both copies of the lost base there. */
static void bare_genotypes_are_no_conflict(void **state)
{
    (void)state;
    expect("c1\t10\t.\tCG\tC\t.\t.\t.\tGT\t0|1\nc1\t11\t.\tG\tT\t.\t.\t.\tGT\t1|1\n",
           "E10 CG>C 0/1 q0 g0 d. m0 phased\nE11 G>T 1/1 q0 g0 d. m0 phased\n");
    /* With likelihoods the SNP is of the copy that is left. */
    expect("c1\t10\t.\tCG\tC\t.\t.\t.\tGT:GQ\t0|1:40\nc1\t11\t.\tG\tT\t.\t.\t.\tGT:GQ\t1|1:40\n",
           "E10 CG>C 0/1 q10 g40 d. m0 pl40,0,40 phased\n"
           "E11 G>T,* 1/2 q50 g40 d. m0 pl120,80,40,80,0,120 phased\n");
    expect("c1\t10\t.\tCG\tC\t.\t.\t.\tGT:GQ\t1|0:40\nc1\t11\t.\tG\tT\t.\t.\t.\tGT:GQ\t1|1:40\n",
           "E10 CG>C 1/0 q10 g40 d. m0 pl40,0,40 phased\n"
           "E11 G>T,* 2/1 q50 g40 d. m0 pl120,80,40,80,0,120 phased\n");
}

/* A SNP and an indel of one haplotype are one allele; of two haplotypes, or of unknown ones, two. */
static void changes_of_one_haplotype(void **state)
{
    (void)state;
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:AD:DP:GQ:PL\t1/1:0,20:20:60:600,60,0\n"
           "c1\t10\t.\tCGT\tC\t90\t.\t.\tGT:AD:DP:GQ:PL\t0/1:8,12:20:50:300,0,200\n",
           "E10 CGT>AGT,A 1/2 q90 g50 d20 m0 ad0,8,12 pl900,360,300,60,0,200\n");
    expect("c1\t10\t.\tC\tT\t90\t.\t.\tGT:PS\t0|1:10\n"
           "c1\t10\t.\tC\tCAA\t90\t.\t.\tGT:PS\t0|1:10\n",
           "E10 C>TAA 0/1 q90 g0 d. m0 ps10 phased\n");
    expect("c1\t10\t.\tC\tT\t90\t.\t.\tGT:PS\t0|1:10\n"
           "c1\t10\t.\tC\tCAA\t90\t.\t.\tGT:PS\t0|1:11\n",
           "E10 C>CAA 0/1 q90 g0 d. m0 ps11 phased\nE10 C>T 0/1 q90 g0 d. m0 ps10 phased\n");
    /* The deletion alone would stand at the left end of the run of A. */
    expect("c1\t28\t.\tA\tC\t90\t.\t.\tGT\t1/1\nc1\t28\t.\tAA\tA\t90\t.\t.\tGT\t1/1\n",
           "E28 AA>C 1/1 q90 g0 d. m0\n");
    /* Two ALTs of one base are no haplotype's. */
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:GQ\t1/1:50\n"
           "c1\t10\t.\tC\tT\t90\t.\t.\tGT:GQ\t1/1:50\n",
           "B10-10 g0 d. x2 conflict\n");
}

/* What is opposite a deletion that contradicts another record is no more sure than that. */
static void a_star_goes_with_its_deletion(void **state)
{
    (void)state;
    expect("c1\t9\t.\tACGT\tA\t50\t.\t.\tGT:GQ:DP\t1/1:50:20\n"
           "c1\t10\t.\tC\tT,*\t50\t.\t.\tGT:GQ:DP\t1/2:50:20\n"
           "c1\t11\t.\tG\tT\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n",
           "B9-12 g0 d20 x2 conflict\n");
}

/* bcftools norm -m: parts of a genotype, and likelihoods of which the smallest is elsewhere. */
static void split_records(void **state)
{
    (void)state;
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:AD:DP:GQ:PL\t1/0:0,10:20:60:600,300,280\n"
           "c1\t10\t.\tC\tT\t90\t.\t.\tGT:AD:DP:GQ:PL\t0/1:0,9:20:60:600,290,310\n",
           "E10 C>A,T 1/2 q90 g60 d20 m0 ad0,10,9 pl600,300,280,290,0,310\n");
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:AD:DP:GQ:PL\t1/0:0,10:20:60:600,300,280\n"
           "c1\t10\t.\tC\t<NON_REF>\t90\t.\t.\tGT:AD:DP:GQ:PL\t0/1:0,10:20:60:600,300,280\n",
           "E10 C>A -1/-1 q90 g0 d20 m0 ad0,10 unlisted\n");
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:GQ:PL\t1|.:60:450,0,450\n"
           "c1\t10\t.\tC\tT\t90\t.\t.\tGT:GQ:PL\t.|1:60:400,0,400\n",
           "E10 C>A,T 1/2 q90 g60 d. m0 pl850,400,850,450,0,850 phased\n");
    expect("c1\t10\t.\tC\tA\t90\t.\t.\tGT:GQ:PL\t1|.:60:450,0,450\n",
           "E10 C>A -1/-1 q90 g0 d. m0\n");
}

/* What neither calls nor denies: blocks that are no reference. */
static void blocks_without_a_call(void **state)
{
    (void)state;
    expect("c1\t1\t.\tA\t<*>\t.\t.\tEND=2\tGT:GQ:MIN_DP:PL\t0/0:9:7:0,0,30\n"
           "c1\t3\t.\tG\t<*>\t.\t.\tEND=4\tGT:DP\t./.:7\n"
           "c1\t5\t.\tA\t<*>\t.\t.\tEND=6\tGT:GQ:DP\t0/1:50:7\n"
           "c1\t7\t.\tG\t<*>\t.\t.\tEND=8\tGT:GQ:DP\t0/.:50:7\n"
           "c1\t9\t.\tA\t<*>\t.\t.\tEND=10\tGT:GQ:DP:FT\t0/0:50:7:bad\n"
           "c1\t11\t.\tG\t<*>\t.\t.\tEND=12\tGT:GQ\t0/0:50\n",
           "B1-4 g0 d7 x2 low\nB5-6 g0 d7 x2 unlisted\nB7-8 g0 d7 x2 low\n"
           "B9-10 g50 d7 x2 filtered\nB11-12 g50 d. x2\n");
}

/* A bad record costs itself, and of a block the first base. */
static void bad_records_are_left_out(void **state)
{
    (void)state;
    expect("c1\t1\t.\tC\t<*>\t.\t.\tEND=4\tGT:GQ:DP\t0/0:50:7\n"
           "c1\t5\t.\tC\tG\t90\t.\t.\tGT:GQ\t0/1:50\n"
           "c1\t6\t.\tC\tG\t90\t.\t.\tGT:GQ\t0/1/1:50\n"
           "c1\t7\t.\tG\tT\t90\t.\t.\tGT:GQ\t0/1:50\n"
           "c1\t8\t.\tT\tA\t90\t.\t.\tGT:GQ\t0/1:50\n"
           "c1\t9\t.\tA\tC\t90\t.\t.\tGT:GQ\t0/1:50\n",
           "E7 G>T 0/1 q90 g50 d. m0 pl50,0,50\nE8 T>A 0/1 q90 g50 d. m0 pl50,0,50\n"
           "E9 A>C 0/1 q90 g50 d. m0 pl50,0,50\nB2-4 g50 d7 x2\n");
    expect_error("c1\t5\t.\tC\tG\t90\t.\t.\tGT:GQ\t0/1:50\n"
                 "c1\t6\t.\tG\tC\t90\t.\t.\tGT:GQ\t0/1:50\n"
                 "c1\t7\t.\tC\tG\t90\t.\t.\tGT:GQ\t0/1:50\n",
                 "(3 of 3 records cannot be used)");
}

static void shards_hold_what_reaches_in(void **state)
{
    (void)state;
    const char *records = "c1\t1\t.\tA\t<*>\t.\t.\tEND=8\tGT:GQ:MIN_DP\t0/0:50:20\n"
                          "c1\t9\t.\tACGT\tA\t50\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
                          "c1\t13\t.\tA\t<*>\t.\t.\tEND=40\tGT:GQ:MIN_DP\t0/0:40:20\n";
    expect_from((kuni_span){.tid = 0, .beg = 4, .end = 10}, records,
                "E9 ACGT>A 0/1 q50 g50 d20 m0 pl50,0,50\nB5-8 g50 d20 x2\n");
    expect_from((kuni_span){.tid = 0, .beg = 10, .end = 20}, records,
                "E9 ACGT>A 0/1 q50 g50 d20 m0 pl50,0,50 carried\nB13-20 g40 d20 x2\n");
    expect_from((kuni_span){.tid = 0, .beg = 20, .end = 30}, records, "B21-30 g40 d20 x2\n");
    expect_from((kuni_span){.tid = 0, .beg = 50, .end = 60}, records, "");
}

static void bad_files_say_why(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    max_bad = "0";
    expect_error("c1\t5\t.\tC\tG\t50\t.\t.\tGT\t0/1\n",
                 "c1:5: REF has C where the reference has A");
    expect_error("c1\t5\t.\tC\t<*>\t50\t.\t.\tGT\t0/0\n", "another reference");
    expect_error("c1\t9\t.\tA\tG\t5\t.\t.\tGT\t0/1\nc1\t5\t.\tA\tG\t5\t.\t.\tGT\t0/1\n",
                 "not sorted");
    expect_error("c1\t5\t.\tA\tG\t50\t.\t.\tGT\t0/0/1\n", "genotype '0/0/1'");
    expect_error("c1\t5\t.\tA\tG\t50\t.\t.\tGT\t0/2\n", "genotype '0/2'");
    expect_error("c1\t5\t.\tA\tG\t50\t.\t.\tGT:PL\t././.:1,0,9,9\n", "genotype '././.'");
    expect_error("c1\t5\t.\tA\tG\t50\t.\t.\n", "fewer than 10 columns");
    expect_error("c1\tx\t.\tA\tG\t50\t.\t.\tGT\t0/1\n", "POS is no position");
    expect_error("c1\t5\t.\tA\t<*>\t.\t.\tEND=3\tGT\t0/0\n", "c1:5: END or LEN");
    expect_error("c1\t5\t.\tA\t<*>\t.\t.\tEND=401\tGT:GQ\t0/0:9\n", "beyond the contig");
    max_bad = NULL;
    expect_error("c1\t5\t.\tA\tG\t50\t.\t.\tGT\t0/1", "last line does not end");
    put(gvcf, "##fileformat=VCFv4.2\n##contig=<ID=c1,length=399>\n");
    assert_int_equal(import_as(gvcf, "s1", genome, everything, evidence, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "399 bp there and 400 bp"));
    kuni_error_clear(&err);
    put(gvcf, "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=400>\n"
              "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n");
    assert_int_equal(import_as(gvcf, "s1", genome, everything, evidence, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "none of its contigs"));
    kuni_error_clear(&err);
    put(gvcf,
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n");
    assert_int_equal(import_as(gvcf, "s1", genome, everything, evidence, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "none of its 2 samples is s1"));
    kuni_error_clear(&err);
    put(gvcf, "@HD\tVN:1.6\n");
    assert_int_equal(import_as(gvcf, "s1", genome, everything, evidence, &err), KUNI_DATA);
    kuni_error_clear(&err);
    assert_int_equal(import_as("/nowhere.g.vcf", "s1", genome, everything, evidence, &err),
                     KUNI_IO);
    assert_true(err.sample >= 0);
}

static void a_column_of_several(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer got = KUNI_BUFFER_INIT;
    put(gvcf, "##fileformat=VCFv4.2\n"
              "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\ts1\n"
              "c1\t5\t.\tA\tG,T,<*>\t50\t.\t.\tGT:AD:GQ:DP:PL\t"
              "0/1:5,5,0,0:50:10:50,0,50,60,61,62,63,64,65,66\t"
              "0/2:6,0,7,0:40:13:40,45,90,0,46,47,48,49,50,51\n"
              "c1\t9\t.\tA\tG\t50\t.\t.\tGT:AD:GQ:DP\t0/1:5,5:50:10\t0/0:12,0:36:12\n"
              "c1\t10\t.\tC\tG,T,<NON_REF>\t.\t.\t.\tGT:DP:PL\t"
              "./.:10:50,0,50,60,61,62,63,64,65,66\t./.:9:40,45,90,0,46,47,48,49,50,51\n");
    if (import_as(gvcf, "s1", genome, everything, evidence, &err)) fail_msg("%s", err.text);
    print_evidence(evidence, &got);
    assert_string_equal(got.data, "E5 A>T,<*> 0/1 q10 g40 d13 m0 ad6,7,0 pl40,0,47,48,50,51\n"
                                  "E10 C>T,<*> 0/1 q10 g40 d9 m0 pl40,0,47,48,50,51\n"
                                  "B9-9 g36 d12 x2\n");
    kuni_buffer_fini(&got);
}

static void to_bcf(const char *bcf)
{
    htsFile *in = hts_open(gvcf, "r"), *out = hts_open(bcf, "wb");
    assert_true(in && out);
    bcf_hdr_t *header = bcf_hdr_read(in);
    bcf1_t *record = bcf_init();
    assert_int_equal(bcf_hdr_write(out, header), 0);
    while (bcf_read(in, header, record) == 0) assert_int_equal(bcf_write(out, header, record), 0);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(in), 0);
    assert_int_equal(hts_close(out), 0);
}

/* A BCF tells what its text tells: one of its columns, with an index and, being small, without. */
static void bcf_files(void **state)
{
    (void)state;
    char bcf[96], index[112];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT, got = KUNI_BUFFER_INIT;
    snprintf(bcf, sizeof(bcf), "%s/two.bcf", folder);
    snprintf(index, sizeof(index), "%s.csi", bcf);
    put(gvcf, "##fileformat=VCFv4.2\n##contig=<ID=c1,length=400>\n"
              "##INFO=<ID=END,Number=1,Type=Integer,Description=\"end\">\n"
              "##FILTER=<ID=low,Description=\"low\">\n"
              "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">\n"
              "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"depth\">\n"
              "##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"quality\">\n"
              "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"likelihoods\">\n"
              "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts0\ts1\ts2\n"
              "c1\t1\t.\tA\t<*>\t.\t.\tEND=4\tGT:DP:GQ\t0/0:1:1\t0/0:30:60\t0/0:2:2\n"
              "c1\t5\t.\tA\tG,<*>\t50.4\tlow\t.\tGT:DP:GQ:PL\t0/0:1:1:.\t"
              "0|1:9:40:50,0,60,70,71,72\t0/0:2:2:.\n"
              "c1\t9\t.\tA\t<*>\t.\t.\tEND=12\tGT:DP:GQ\t0/0:1:1\t./.:7:0\t0/0:2:2\n");
    if (import_as(gvcf, "s1", genome, everything, evidence, &err)) fail_msg("%s", err.text);
    print_evidence(evidence, &text);
    assert_string_equal(text.data,
                        "E5 A>G,<*> 0/1 q20 g40 d9 m0 pl50,0,60,70,71,72 filtered phased\n"
                        "B1-4 g60 d30 x2\nB9-12 g0 d7 x2 low\n");
    to_bcf(bcf);
    (void)unlink(index);
    for (int round = 0; round < 2; round++) {
        if (import_as(bcf, "s1", genome, everything, evidence, &err)) fail_msg("%s", err.text);
        print_evidence(evidence, &got);
        assert_string_equal(got.data, text.data);
        kuni_span behind = {.tid = 0, .beg = 6, .end = 400};
        if (import_as(bcf, "s1", genome, behind, evidence, &err)) fail_msg("%s", err.text);
        print_evidence(evidence, &got);
        assert_string_equal(got.data, "B9-12 g0 d7 x2 low\n");
        if (!round) assert_int_equal(bcf_index_build(bcf, 14), 0);
    }
    assert_int_equal(import_as(bcf, "s9", genome, everything, evidence, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "none of its 3 samples is s9"));
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&got);
}

/* A file that stands in the manifest for several samples is never taken for one of another name. */
static void a_shared_file_goes_by_name(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    put_records("c1\t5\t.\tA\tG\t50\t.\t.\tGT\t0/1\n");
    if (import_as(gvcf, "other", genome, everything, evidence, &err)) fail_msg("%s", err.text);
    shared = true;
    kuni_status status = import_as(gvcf, "other", genome, everything, evidence, &err);
    shared = false;
    assert_int_equal(status, KUNI_DATA);
    assert_non_null(strstr(err.text, "none of its 1 samples is other"));
}

/*
 * A structural variant is no short one: its place has no genotype; what lies within it is as it is
 * told.
 */
static void symbolic_alleles(void **state)
{
    (void)state;
    expect("c1\t5\t.\tA\t<DEL>\t50\t.\tEND=60;SVTYPE=DEL\tGT:DP:GQ\t0/1:20:50\n"
           "c1\t9\t.\tA\tG\t50\t.\t.\tGT:DP:GQ:PL\t1:10:40:90,0\n"
           "c1\t10\t.\tC\t<CN0>,<CN2>\t.\t.\tEND=90\tGT:DP:GQ\t0/0:20:50\n"
           "c1\t12\t.\tT\tC,<INS>\t50\t.\t.\tGT:DP:GQ:PL\t0/1:20:50:50,0,60,80,81,82\n"
           "c1\t15\t.\tG\tG[c1:80[\t50\t.\t.\tGT:DP:GQ\t0/1:20:50\n",
           "E9 A>G 1/-1 q50 g40 d10 m0 pl90,0\n"
           "E12 T>C 0/1 q50 g50 d20 m0 pl50,0,60\n"
           "B10-10 g50 d20 x2\n");
}

/* --- bands --- */

static const char sixty_bands[] = "##GVCFBlock0-1=minGQ=0(inclusive),maxGQ=1(exclusive)\n"
                                  "##GVCFBlock1-2=minGQ=1(inclusive),maxGQ=2(exclusive)\n"
                                  "##GVCFBlock2-3=minGQ=2(inclusive),maxGQ=3(exclusive)\n"
                                  "##GVCFBlock3-4=minGQ=3(inclusive),maxGQ=4(exclusive)\n"
                                  "##GVCFBlock4-5=minGQ=4(inclusive),maxGQ=5(exclusive)\n"
                                  "##GVCFBlock5-6=minGQ=5(inclusive),maxGQ=6(exclusive)\n"
                                  "##GVCFBlock6-100=minGQ=6(inclusive),maxGQ=100(exclusive)\n";

static void put_banded(const char *bands_told, const char *records)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    if (kuni_buffer_printf(
            &text, &err,
            "##fileformat=VCFv4.2\n##contig=<ID=c1,length=400>\n%s#CHROM\tPOS\tID\tREF\t"
            "ALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n%s",
            bands_told, records))
        fail_msg("%s", err.text);
    put(gvcf, text.data);
    kuni_buffer_fini(&text);
}

static void expect_banded(const char *bands_told, const char *records, const char *wanted)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    put_banded(bands_told, records);
    kuni_span all = {.tid = 0, .beg = 0, .end = 400};
    if (import_as(gvcf, "s1", genome, all, evidence, &err)) fail_msg("%s", err.text);
    print_evidence(evidence, &text);
    assert_string_equal(text.data ? text.data : "", wanted);
    kuni_buffer_fini(&text);
}

/* Blocks of one band are joined where the file has more bands than are wanted: to the least, rounded down. */
static void bands_of_reference(void **state)
{
    (void)state;
    const char *records = "c1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=40\tGT:GQ:MIN_DP\t0/0:53:24\n"
                          "c1\t41\t.\tA\t<NON_REF>\t.\t.\tEND=80\tGT:GQ:MIN_DP\t0/0:48:21\n"
                          "c1\t81\t.\tA\t<NON_REF>\t.\t.\tEND=100\tGT:GQ:MIN_DP\t0/0:31:20\n"
                          "c1\t101\t.\tA\tC,<NON_REF>\t90\t.\t.\tGT:GQ:DP\t0/1:50:20\n"
                          "c1\t102\t.\tC\t<NON_REF>\t.\t.\tEND=140\tGT:GQ:MIN_DP\t0/0:39:20\n"
                          "c1\t141\t.\tA\t<NON_REF>\t.\t.\tEND=180\tGT:GQ:MIN_DP\t0/0:33:9\n"
                          "c1\t181\t.\tA\t<NON_REF>\t.\t.\tEND=190\tGT:GQ:MIN_DP\t0/0:19:9\n"
                          "c1\t191\t.\tG\t<NON_REF>\t.\t.\tEND=220\tGT:GQ:MIN_DP\t0/0:12:9\n"
                          "c1\t221\t.\tA\t<NON_REF>\t.\t.\tEND=250\tGT:GQ:MIN_DP\t0/0:35:7\n"
                          "c1\t251\t.\tG\t<NON_REF>\t.\t.\tEND=300\tGT:GQ:MIN_DP\t0/0:36:60\n";
    const char *event = "E101 A>C,<*> 0/1 q90 g50 d20 m0 pl50,0,50,50,50,100\n";
    const char *exact = "B1-40 g53 d24 x2\nB41-80 g48 d21 x2\nB81-100 g31 d20 x2\n"
                        "B102-140 g39 d20 x2\nB141-180 g33 d9 x2\nB181-190 g19 d9 x2\n"
                        "B191-220 g12 d9 x2\nB221-250 g35 d7 x2\nB251-300 g36 d60 x2\n";
    char wanted[600];
    snprintf(wanted, sizeof(wanted), "%s%s", event,
             "B1-80 g45 d20 x2\nB81-100 g30 d20 x2\nB102-140 g35 d20 x2\nB141-180 g30 d9 x2\n"
             "B181-220 g12 d9 x2\nB221-250 g35 d7 x2\nB251-300 g35 d60 x2\n");
    expect_banded(sixty_bands, records, wanted);
    snprintf(wanted, sizeof(wanted), "%s%s", event, exact);
    expect_banded("", records, wanted);
    expect_banded("##GVCFBlock0-20=x\n##GVCFBlock20-100=x\n", records, wanted);
    bands = "";
    expect_banded(sixty_bands, records, wanted);
    bands = NULL;
    kuni_buffer own = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_buffer_printf(&own, &err, "##source=kuni 1\n%s", sixty_bands))
        fail_msg("%s", err.text);
    expect_banded(own.data, records, wanted);
    kuni_buffer_fini(&own);
    /* of what is no reference nothing is joined */
    expect_banded(sixty_bands,
                  "c1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=40\tGT:GQ:MIN_DP\t0/0:0:24\n"
                  "c1\t41\t.\tA\t<NON_REF>\t.\t.\tEND=80\tGT:GQ:MIN_DP\t0/0:0:21\n",
                  "B1-40 g0 d24 x2 low\nB41-80 g0 d21 x2 low\n");
}

/* --- cuts --- */

enum { BIG_BP = 6000 };

/* A sequence of many repeats, so that indels have far to go. */
static void make_big(char *bases, uint64_t *seed)
{
    for (int i = 0; i < BIG_BP;) {
        int unit = 1 + (int)test_below(seed, 4), n = 1 + (int)test_below(seed, 12);
        char motif[5];
        test_bases(seed, motif, (uint32_t)unit);
        for (int k = 0; k < unit * n && i < BIG_BP; k++) bases[i++] = motif[k % unit];
    }
    bases[BIG_BP] = '\0';
}

/* Blocks of GATK's bands, one a GQ, or of many that are short; of any depth, or of like ones. */
static void random_records(const char *bases, uint64_t *seed, bool gatk, kuni_buffer *text)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status =
        kuni_buffer_printf(text, &err,
                           "##fileformat=VCFv4.2\n##contig=<ID=c2,length=%d>\n%s"
                           "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n",
                           BIG_BP, gatk ? sixty_bands : "");
    for (int pos = 0; !status && pos < BIG_BP - 200;) {
        unsigned dice = test_below(seed, 10), gq = test_below(seed, 99), dp = test_below(seed, 40);
        if (gatk) dp = 18 + dp % 12;
        if (gatk && gq > 50) gq = 40 + gq % 8;
        if (dice < 5) {
            int end = pos + 1 + (int)test_below(seed, 40);
            status = kuni_buffer_printf(
                text, &err, "c2\t%d\t.\t%c\t<*>\t.\t%s\tEND=%d\tGT:GQ:MIN_DP\t0/0:%u:%u\n", pos + 1,
                bases[pos], test_below(seed, 9) ? "." : "low", end, gq, dp);
            pos = test_below(seed, 4) ? end : pos + 1 + (int)test_below(seed, 9);
            continue;
        }
        int ref =
            test_below(seed, 3) ? 1 : 1 + (int)test_below(seed, test_below(seed, 9) ? 12 : 180);
        char alt[32] = "";
        if (ref == 1 && test_below(seed, 2)) {
            alt[0] = bases[pos] == 'A' ? 'C' : 'A';
        } else {
            alt[0] = bases[pos];
            if (ref == 1) {
                int unit = 1 + (int)test_below(seed, 4);
                for (int k = 0; k < 2 * unit; k++) alt[1 + k] = bases[pos + 1 + k % unit];
            }
        }
        status = kuni_buffer_printf(text, &err,
                                    "c2\t%d\t.\t%.*s\t%s\t%u\t%s\t.\tGT:GQ:DP\t%s:%u:%u\n", pos + 1,
                                    ref, bases + pos, alt, gq, test_below(seed, 9) ? "." : "low",
                                    test_below(seed, 3) ? "0/1" : "1/1", gq, dp + 1);
        pos += test_below(seed, 3) ? ref : 1;
    }
    if (status) fail_msg("%s", err.text);
}

/*
 * What a file says of each base: a digest of the block over it and of the events that begin at it.
 */
static void add_signature(const char *path, uint64_t *signature, int64_t beg, int64_t end)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    kuni_status status = kuni_evidence_check(path, &err);
    if (!status) status = kuni_evidence_open(&reader, path, &err);
    for (size_t i = 0; !status && i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, &err);
        for (size_t k = 0; !status && k < chunk.n_blocks; k++) {
            const kuni_block *b = &chunk.blocks[k];
            for (int64_t p = b->beg; p < b->end; p++)
                signature[p] = signature[p] * 31 + 1000000u * b->kind + 1000u * b->gq + b->min_dp;
        }
        for (size_t k = 0; !status && k < chunk.n_events; k++) {
            const kuni_event *e = &chunk.events[k];
            uint64_t sum =
                7 + (uint64_t)e->gt[0] * 3 + (uint64_t)e->gt[1] * 5 + e->gq + 1000u * e->dp;
            for (int a = 0; a < e->n_alleles; a++)
                for (const char *c = e->alleles[a]; *c; c++) sum = sum * 131 + (uint64_t)*c;
            /* Carried or not, an event counts at each base of its that the shard holds. */
            int64_t stop = e->pos + (int64_t)strlen(e->alleles[0]);
            for (int64_t p = e->pos; p < stop; p++)
                if (p >= beg && p < end) signature[p] += sum * 977;
        }
    }
    if (status) fail_msg("%s", err.text);
    kuni_evidence_close(reader);
}

static void cuts_leave_no_trace(void **state)
{
    (void)state;
    static const int64_t shards[] = {BIG_BP, 3, 50, 777, 2500};
    static char bases[BIG_BP + 1];
    static uint64_t whole[BIG_BP], cut[BIG_BP];
    char big[96], gz[96], out[96], fai[112];
    snprintf(big, sizeof(big), "%s/big.fa", folder);
    snprintf(gz, sizeof(gz), "%s/s1.g.vcf.gz", folder);
    snprintf(out, sizeof(out), "%s/cut.ev", folder);
    for (uint64_t round = 1; round <= 3; round++) {
        uint64_t seed = round;
        absent = round % 2 ? "reference" : NULL;
        bands = round == 2 ? "" : NULL;
        kuni_error err = KUNI_ERROR_INIT;
        kuni_buffer text = KUNI_BUFFER_INIT;
        kuni_genome *of;
        make_big(bases, &seed);
        if (kuni_buffer_printf(&text, &err, ">c2\n%s\n", bases)) fail_msg("%s", err.text);
        put(big, text.data);
        kuni_buffer_clear(&text);
        snprintf(fai, sizeof(fai), "%s.fai", big);
        (void)unlink(fai);
        if (kuni_genome_open(&of, big, &err)) fail_msg("%s", err.text);
        random_records(bases, &seed, round == 3, &text);
        put(gvcf, text.data);
        BGZF *bgzf = bgzf_open(gz, "w");
        assert_int_equal(bgzf_write(bgzf, text.data, text.length), text.length);
        assert_int_equal(bgzf_close(bgzf), 0);
        assert_int_equal(tbx_index_build(gz, 0, &tbx_conf_vcf), 0);
        memset(whole, 0, sizeof(whole));
        for (size_t s = 0; s < sizeof(shards) / sizeof(shards[0]); s++) {
            if (shards[s] == 3 && round > 1) continue;
            memset(cut, 0, sizeof(cut));
            for (int64_t beg = 0; beg < BIG_BP; beg += shards[s]) {
                int64_t end = beg + shards[s] < BIG_BP ? beg + shards[s] : BIG_BP;
                kuni_span shard = {.tid = 0, .beg = beg, .end = end};
                /* The whole from plain text, the pieces through the index. */
                if (import_as(s == 0 ? gvcf : gz, "s1", of, shard, out, &err))
                    fail_msg("%s", err.text);
                add_signature(out, s == 0 ? whole : cut, beg, end);
            }
            for (int i = 0; s > 0 && i < BIG_BP; i++)
                if (whole[i] != cut[i])
                    fail_msg("round %d, shards of %d: base %d differs", (int)round, (int)shards[s],
                             i + 1);
        }
        kuni_genome_close(of);
        kuni_buffer_fini(&text);
    }
    absent = bands = NULL;
}

static void a_cut_off_file_is_refused(void **state)
{
    (void)state;
    char gz[96];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    snprintf(gz, sizeof(gz), "%s/s1.g.vcf.gz", folder);
    BGZF *bgzf = bgzf_open(gz, "w");
    assert_int_equal(bgzf_write(bgzf, HEADER, strlen(HEADER)), strlen(HEADER));
    assert_int_equal(bgzf_close(bgzf), 0);
    if (kuni_file_get(gz, 1 << 20, &bytes, &err)) fail_msg("%s", err.text);
    assert_int_equal(truncate(gz, (off_t)bytes.length - 28), 0);
    assert_int_equal(import_as(gz, "s1", genome, everything, evidence, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "cut off"));
    kuni_buffer_fini(&bytes);
}

/* The counts of those who go leave with them; all others keep their line. */
static void left_out_samples_have_no_counts(void **state)
{
    (void)state;
    static const char whole[] = "3\t0\t1\n4\t1\t2\n6\t0\t3\n", left[] = "3\t0\t1\n6\t0\t3\n";
    static const uint8_t gone[] = {0, 1, 0, 0};
    kuni_error err = KUNI_ERROR_INIT;
    char from[128];
    kuni_buffer made = KUNI_BUFFER_INIT;
    const kuni_batch batches[] = {{.id = "b0000", .n_samples = 3},
                                  {.id = "b0001", .first = 3, .n_samples = 4}};
    snprintf(from, sizeof(from), "%s/cut.ev", folder);
    const kuni_task_file input = {.kind = "import-counts", .path = from};
    const kuni_task_file output = {.kind = "import-counts", .path = counts};
    const kuni_task task = {.batches = batches,
                            .n_batches = 2,
                            .batch = 1,
                            .inputs = &input,
                            .n_inputs = 1,
                            .outputs = &output,
                            .n_outputs = 1};
    assert_int_equal(kuni_file_put(from, whole, strlen(whole), &err), KUNI_OK);
    assert_int_equal(kuni_import_counts_without(&task, gone, &err), KUNI_OK);
    assert_int_equal(kuni_file_get(counts, 1 << 20, &made, &err), KUNI_OK);
    assert_string_equal(made.data, left);
    kuni_buffer_fini(&made);
    assert_int_equal(kuni_file_put(from, "2\t0\t1\n", 6, &err), KUNI_OK);
    assert_int_equal(kuni_import_counts_without(&task, gone, &err), KUNI_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_sums),
        cmocka_unit_test(gatk_records),
        cmocka_unit_test(strelka_records),
        cmocka_unit_test(one_copy_beside_a_deletion),
        cmocka_unit_test(deepvariant_and_dragen_records),
        cmocka_unit_test(bcftools_and_new_style_records),
        cmocka_unit_test(combined_gvcfs_are_called),
        cmocka_unit_test(absent_records_are_reference),
        cmocka_unit_test(indels_are_left_aligned),
        cmocka_unit_test(contradictions_become_conflicts),
        cmocka_unit_test(bare_genotypes_are_no_conflict),
        cmocka_unit_test(changes_of_one_haplotype),
        cmocka_unit_test(split_records),
        cmocka_unit_test(a_star_goes_with_its_deletion),
        cmocka_unit_test(blocks_without_a_call),
        cmocka_unit_test(bad_records_are_left_out),
        cmocka_unit_test(shards_hold_what_reaches_in),
        cmocka_unit_test(bad_files_say_why),
        cmocka_unit_test(a_column_of_several),
        cmocka_unit_test(bcf_files),
        cmocka_unit_test(a_shared_file_goes_by_name),
        cmocka_unit_test(symbolic_alleles),
        cmocka_unit_test(bands_of_reference),
        cmocka_unit_test(cuts_leave_no_trace),
        cmocka_unit_test(a_cut_off_file_is_refused),
        cmocka_unit_test(left_out_samples_have_no_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
