/* SPDX-License-Identifier: MIT */
/* The model of variant-quality: its parts, and the three steps on a call set with known truth. */
#include <htslib/vcf.h>
#include <math.h>
#include <stdlib.h>

#include "fixture.h"

#include "kuni/stage.h"
#include "measure.h"
#include "model.h"
#include "train.h"

extern const kuni_stage kuni_stage_variant_quality;

enum { CONTIG_BP = 200000, SITES = 1500, SPACING = 120 };

static uint64_t seed = 7;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) / (double)(1ull << 53);
}

static double normal(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += uniform();
    return sum;
}

static void must(kuni_status status, const kuni_error *err)
{
    if (status) fail_msg("%s: %s", kuni_status_name(status), err->text);
}

/* --- parts --- */

static void spread_of_noisy_numbers(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    quality_draw draw = {.most = 5000};
    /*
     * Numbers of true spread 0.5 around 2, measured with noise of variance 0.04 to 4; false ones
     * lie at 6.
     */
    for (int i = 0; i < 4000; i++) {
        quality_site site = {.hash = (uint64_t)i * 0x9E3779B97F4A7C15u,
                             .label = i % 4 ? QUALITY_TRUE : QUALITY_FALSE,
                             .fold = (uint8_t)(i % QUALITY_FOLDS),
                             .qual = 1000};
        for (int k = 0; k < QUALITY_FEATURES; k++) site.value[k] = NAN;
        double noise = 0.04 * pow(100, uniform());
        double true_value = (site.label == QUALITY_TRUE ? 2 : 6) + 0.5 * normal();
        site.value[QUALITY_MQ_RANK] = (float)(true_value + sqrt(noise) * normal());
        site.noise[QUALITY_MQ_RANK] = (float)noise;
        must(quality_draw_add(&draw, &site, &err), &err);
    }
    quality_draw_sort(&draw);
    quality_result result;
    must(quality_train(&draw, 0, 99, -10, &result, &err), &err);
    assert_null(result.reason);
    assert_true(fabs(result.model.centre[QUALITY_MQ_RANK] - 2) < 0.05);
    assert_true(fabs(result.model.spread[QUALITY_MQ_RANK] - 0.5) < 0.08);
    assert_true(result.area > 0.97);
    quality_site site = draw.piles[0][QUALITY_TRUE].sites[0];
    assert_true(result.model.threshold <= -10);
    site.value[QUALITY_MQ_RANK] = 2;
    double at_centre = quality_score(&result.model, &site);
    site.value[QUALITY_MQ_RANK] = 6;
    site.noise[QUALITY_MQ_RANK] = 0.04F;
    double far = quality_score(&result.model, &site);
    site.noise[QUALITY_MQ_RANK] = 8; /* so uncertain a number says less */
    assert_true(at_centre > 5 && far < -5 && quality_score(&result.model, &site) > far);
    quality_model read[QUALITY_TYPES], models[QUALITY_TYPES] = {result.model};
    must(quality_models_write(models, "model.tsv", &err), &err);
    must(quality_models_read(read, "model.tsv", &err), &err);
    assert_true(read[0].present && !read[1].present);
    assert_true(fabs(quality_score(&read[0], &site) - quality_score(&result.model, &site)) < 1e-3);
    must(quality_train(&draw, 1, 99, -10, &result, &err), &err);
    assert_non_null(result.reason);
    quality_draw_fini(&draw);
}

static void draws_do_not_depend_on_order(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    quality_draw forth = {.most = 50}, back = {.most = 50}, read = {.most = 50};
    for (int i = 0; i < 1000; i++) {
        quality_site site = {.hash = (uint64_t)i * 0x9E3779B97F4A7C15u}, other = {0};
        other.hash = (uint64_t)(999 - i) * 0x9E3779B97F4A7C15u;
        must(quality_draw_add(&forth, &site, &err), &err);
        must(quality_draw_add(&back, &other, &err), &err);
    }
    quality_draw_sort(&forth);
    quality_draw_sort(&back);
    must(quality_draw_write(&back, "draw.tsv", &err), &err);
    must(quality_draw_read(&read, "draw.tsv", &err), &err);
    quality_draw_sort(&read);
    assert_int_equal(forth.piles[0][0].n, 50);
    assert_int_equal(read.piles[0][0].n, 50);
    assert_int_equal(read.piles[0][0].seen, 1000);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(forth.piles[0][0].sites[i].hash, back.piles[0][0].sites[i].hash);
        assert_int_equal(forth.piles[0][0].sites[i].hash, read.piles[0][0].sites[i].hash);
    }
    quality_draw_fini(&forth);
    quality_draw_fini(&back);
    quality_draw_fini(&read);
}

/* --- the steps --- */

static bool site_is_true(int i)
{
    return i % 5 != 0;
}

/*
 * A site's numbers: false ones have ALT reads of one strand and low base quality, and half of them
 * too many heterozygotes.
 */
static void fill_info(bcf_hdr_t *header, bcf1_t *r, int i)
{
    bool is_true = site_is_true(i);
    int hets = 12 + i % 20, homs = is_true ? hets * hets / 140 + 1 : 0, ac = hets + 2 * homs,
        zero = 0;
    int an = 200, ns = 100, depth = 30 * (hets + homs);
    double share = is_true ? 0.5 + 0.04 * normal() : 0.95;
    int alt = 15 * hets + 30 * homs, ref = 15 * hets;
    int sb[4] = {ref / 2, ref - ref / 2, (int)(alt * share), 0}, histogram[20] = {0};
    sb[3] = alt - sb[2];
    histogram[19] = ns;
    float af = (float)ac / (float)an, inbreeding = is_true ? 0.05F : -0.3F, rate = 1,
          balance = (float)(0.48 + 0.02 * normal());
    float excess = is_true || i % 10 ? 2 : 60, mean = (float)(30 + normal()), mq = 60, eaf = af;
    float rank = (float)((is_true ? 0 : -3) + 0.3 * normal());
    r->qual = (float)(16 * depth + 50 * normal());
    float qd = r->qual / (float)depth;
    bcf_update_info_int32(header, r, "nhet", &hets, 1);
    bcf_update_info_int32(header, r, "nhomalt", &homs, 1);
    bcf_update_info_int32(header, r, "nhemi", &zero, 1);
    bcf_update_info_int32(header, r, "AC", &ac, 1);
    bcf_update_info_int32(header, r, "AN", &an, 1);
    bcf_update_info_int32(header, r, "EAN", &an, 1);
    bcf_update_info_int32(header, r, "NS", &ns, 1);
    bcf_update_info_int32(header, r, "SB", sb, 4);
    bcf_update_info_int32(header, r, "GQ_HIST", histogram, 20);
    bcf_update_info_float(header, r, "AF", &af, 1);
    bcf_update_info_float(header, r, "EAF", &eaf, 1);
    bcf_update_info_float(header, r, "InbreedingCoeff", &inbreeding, 1);
    bcf_update_info_float(header, r, "CR", &rate, 1);
    bcf_update_info_float(header, r, "AB", &balance, 1);
    bcf_update_info_float(header, r, "ExcessHet", &excess, 1);
    bcf_update_info_float(header, r, "DP_MEAN", &mean, 1);
    bcf_update_info_float(header, r, "MQ", &mq, 1);
    bcf_update_info_float(header, r, "QD", &qd, 1);
    bcf_update_info_float(header, r, "BaseQRankSum", &rank, 1);
}

static bcf_hdr_t *make_header(void)
{
    static const char *const ints[] = {"nhet", "nhomalt", "nhemi", "AC",     "AN",
                                       "EAN",  "NS",      "SB",    "GQ_HIST"};
    static const char *const floats[] = {"AF", "EAF",         "InbreedingCoeff", "CR",
                                         "AB", "ExcessHet",   "DP_MEAN",         "MQ",
                                         "QD", "BaseQRankSum"};
    bcf_hdr_t *header = bcf_hdr_init("w");
    char line[256];
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        (void)snprintf(line, sizeof(line), "##INFO=<ID=%s,Number=.,Type=Integer,Description=\"x\">",
                       ints[i]);
        bcf_hdr_append(header, line);
    }
    for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
        (void)snprintf(line, sizeof(line), "##INFO=<ID=%s,Number=.,Type=Float,Description=\"x\">",
                       floats[i]);
        bcf_hdr_append(header, line);
    }
    bcf_hdr_append(header, "##FILTER=<ID=StrandBias,Description=\"x\">");
    bcf_hdr_append(header, "##FILTER=<ID=LowQual,Description=\"x\">");
    (void)snprintf(line, sizeof(line), "##contig=<ID=c1,length=%d>", CONTIG_BP);
    bcf_hdr_append(header, line);
    assert_int_equal(bcf_hdr_sync(header), 0);
    return header;
}

/* All sites, and those of each of three shards. */
static void write_calls(const kuni_span *shards, size_t n_shards, const char *const *paths)
{
    bcf_hdr_t *header = make_header();
    bcf1_t *record = bcf_init();
    htsFile *files[8];
    seed = 7;
    for (size_t s = 0; s < n_shards; s++) {
        files[s] = hts_open(paths[s], "wb");
        assert_int_equal(bcf_hdr_write(files[s], header), 0);
    }
    for (int i = 0; i < SITES; i++) {
        bcf_clear(record);
        record->rid = 0;
        record->pos = 100 + (int64_t)i * SPACING;
        bcf_update_alleles_str(header, record, i % 3 ? "A,G" : "A,C");
        fill_info(header, record, i);
        if (i % 15 == 0)
            bcf_add_filter(header, record, bcf_hdr_id2int(header, BCF_DT_ID, "LowQual"));
        if (i % 15 == 0 || i % 16 == 1)
            bcf_add_filter(header, record, bcf_hdr_id2int(header, BCF_DT_ID, "StrandBias"));
        if (!record->d.n_flt)
            bcf_add_filter(header, record, bcf_hdr_id2int(header, BCF_DT_ID, "PASS"));
        for (size_t s = 0; s < n_shards; s++)
            if (record->pos >= shards[s].beg && record->pos < shards[s].end)
                assert_int_equal(bcf_write(files[s], header, record), 0);
    }
    for (size_t s = 0; s < n_shards; s++) assert_int_equal(hts_close(files[s]), 0);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
}

static void run_step(kuni_task *task, int step, int64_t shard, kuni_task_file *inputs,
                     size_t n_inputs, kuni_task_file *outputs, size_t n_outputs)
{
    kuni_error err = KUNI_ERROR_INIT;
    task->shard = shard;
    task->inputs = inputs;
    task->n_inputs = n_inputs;
    task->outputs = outputs;
    task->n_outputs = n_outputs;
    must(kuni_stage_variant_quality.steps[step].run(task, &err), &err);
}

/* All three steps on a genome cut into n shards; the records as text. */
static char *run_stage(size_t n, const char *use)
{
    kuni_error err = KUNI_ERROR_INIT;
    static const char *const calls[] = {"calls0.bcf", "calls1.bcf", "calls2.bcf"};
    static const char *const sites[] = {"sites0.tsv", "sites1.tsv", "sites2.tsv"};
    static const char *const judged[] = {"judged0.bcf", "judged1.bcf", "judged2.bcf"};
    kuni_span shards[3] = {{0, 0, CONTIG_BP}};
    for (size_t s = 0; n == 3 && s < 3; s++)
        shards[s] = (kuni_span){0, (int64_t[]){0, 31337, 100001}[s],
                                (int64_t[]){31337, 100001, CONTIG_BP}[s]};
    write_calls(shards, n, calls);
    kuni_genome *genome;
    must(kuni_genome_open(&genome, "ref.fa", &err), &err);
    kuni_params *params = kuni_params_new(kuni_stage_variant_quality.params, &err);
    must(kuni_params_set(params, "use", use, &err), &err);
    kuni_task task = {.stage_id = "quality",
                      .genome = genome,
                      .params = params,
                      .shards = shards,
                      .n_shards = n,
                      .batch = -1};
    kuni_task_file drawn[3];
    for (size_t s = 0; s < n; s++) {
        kuni_task_file in = {.kind = "calls", .path = calls[s]},
                       out = {.kind = "quality-sites", .path = sites[s]};
        drawn[s] = out;
        run_step(&task, 0, (int64_t)s, &in, 1, &out, 1);
    }
    kuni_task_file trained[] = {{.kind = "quality-model", .path = "model.tsv"},
                                {.kind = "quality-report", .path = "report.tsv"}};
    run_step(&task, 1, -1, drawn, n, trained, 2);
    kstring_t text = KS_INITIALIZE;
    for (size_t s = 0; s < n; s++) {
        kuni_task_file in[] = {{.kind = "calls", .path = calls[s]}, trained[0]},
                       out = {.kind = "calls", .path = judged[s]};
        run_step(&task, 2, (int64_t)s, in, 2, &out, 1);
        htsFile *file = hts_open(judged[s], "r");
        bcf_hdr_t *header = bcf_hdr_read(file);
        bcf1_t *record = bcf_init();
        while (bcf_read(file, header, record) == 0)
            assert_int_equal(vcf_format(header, record, &text), 0);
        bcf_destroy(record);
        bcf_hdr_destroy(header);
        hts_close(file);
    }
    kuni_params_free(params);
    kuni_genome_close(genome);
    return text.s;
}

static void steps_tell_true_from_false(void **state)
{
    (void)state;
    char *bases = malloc(CONTIG_BP + 8);
    strcpy(bases, ">c1\n");
    for (int i = 0; i < CONTIG_BP; i++) bases[4 + i] = "ACGT"[(i * 7 + i / 3 + i / 11) & 3];
    strcpy(bases + 4 + CONTIG_BP, "\n");
    fixture_write("ref.fa", bases);
    free(bases);
    char *whole = run_stage(1, "filter"), *cut = run_stage(3, "filter");
    assert_string_equal(whole, cut);
    int wrong = 0, n = 0;
    for (char *line = whole, *end; *line; line = end + 1, n++) {
        end = strchr(line, '\n');
        *end = '\0';
        bool low = strstr(line, "LowVQ") != NULL;
        assert_non_null(strstr(line, ";VQ="));
        assert_null(strstr(line, "StrandBias"));                          /* replaced */
        assert_int_equal(strstr(line, "\tLowQual") != NULL, n % 15 == 0); /* stays */
        wrong += low == site_is_true(n);
    }
    assert_int_equal(n, SITES);
    print_message("%d of %d sites are judged wrongly\n", wrong, n);
    assert_true(wrong < SITES / 50);
    free(whole);
    free(cut);
    char *plain = run_stage(1, "annotate");
    assert_non_null(strstr(plain, "StrandBias"));
    assert_null(strstr(plain, "LowVQ"));
    free(plain);
}

/* --- labels --- */

static void put_genotypes(bcf_hdr_t *header, bcf1_t *record, const int copies[3], int gq)
{
    int32_t gt[6], quality[3] = {99, 99, gq};
    for (int i = 0; i < 3; i++) {
        gt[2 * i] = bcf_gt_unphased(copies[i] == 2);
        gt[2 * i + 1] = bcf_gt_unphased(copies[i] > 0);
    }
    assert_int_equal(bcf_update_genotypes(header, record, gt, 6), 0);
    assert_int_equal(bcf_update_format_int32(header, record, "GQ", quality, 3), 0);
}

/*
 * Father, mother, child: what is passed on is true, what comes from nowhere is not, and GQ must be
 * sure.
 */
static void families_label_rare_sites(void **state)
{
    (void)state;
    static const struct {
        int copies[3], gq;
        quality_label label;
    } cases[] = {
        {{1, 0, 1}, 99, QUALITY_TRUE},    {{0, 1, 1}, 20, QUALITY_TRUE},
        {{0, 0, 1}, 99, QUALITY_FALSE},   {{1, 0, 2}, 99, QUALITY_UNKNOWN}, /* 3 copies, 1 family */
        {{1, 0, 1}, 19, QUALITY_UNKNOWN}, {{1, 0, 0}, 99, QUALITY_UNKNOWN},
        {{0, 0, 1}, 10, QUALITY_UNKNOWN}, {{2, 0, 0}, 99, QUALITY_FALSE},
    };
    enum { N = sizeof(cases) / sizeof(cases[0]) };
    kuni_error err = KUNI_ERROR_INIT;
    bcf_hdr_t *header = make_header();
    bcf_hdr_append(header, "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">");
    bcf_hdr_append(header, "##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"x\">");
    for (int i = 0; i < 3; i++)
        bcf_hdr_add_sample(header, (const char *[]){"dad", "mum", "kid"}[i]);
    assert_int_equal(bcf_hdr_sync(header), 0);
    htsFile *file = hts_open("trio.bcf", "wb");
    assert_int_equal(bcf_hdr_write(file, header), 0);
    bcf1_t *record = bcf_init();
    for (int i = 0; i < N; i++) {
        bcf_clear(record);
        record->rid = 0;
        record->pos = 1000 + i;
        bcf_update_alleles_str(header, record, "A,G");
        int ac = cases[i].copies[0] + cases[i].copies[1] + cases[i].copies[2], zero = 0, an = 6,
            ns = 3;
        int het = (cases[i].copies[0] == 1) + (cases[i].copies[1] == 1) + (cases[i].copies[2] == 1);
        int hom = (ac - het) / 2;
        bcf_update_info_int32(header, record, "AC", &ac, 1);
        bcf_update_info_int32(header, record, "AN", &an, 1);
        bcf_update_info_int32(header, record, "NS", &ns, 1);
        bcf_update_info_int32(header, record, "nhet", &het, 1);
        bcf_update_info_int32(header, record, "nhomalt", &hom, 1);
        bcf_update_info_int32(header, record, "nhemi", &zero, 1);
        put_genotypes(header, record, cases[i].copies, cases[i].gq);
        assert_int_equal(bcf_write(file, header, record), 0);
    }
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
    kuni_sample samples[] = {
        {.id = "dad"}, {.id = "mum"}, {.id = "kid", .father = "dad", .mother = "mum"}};
    const int32_t columns[] = {0, 1, 2};
    kuni_span shard = {0, 0, CONTIG_BP};
    kuni_task_file in = {.kind = "calls", .path = "trio.bcf"};
    kuni_task task = {.samples = samples,
                      .n_samples = 3,
                      .columns = columns,
                      .shards = &shard,
                      .n_shards = 1,
                      .inputs = &in,
                      .n_inputs = 1};
    must(kuni_genome_open(&task.genome, "ref.fa", &err), &err);
    quality_calls calls;
    must(quality_calls_open(&calls, &task, &err), &err);
    assert_int_equal(calls.n_trios, 1);
    for (int i = 0; i < N; i++) {
        bool found;
        quality_site site;
        must(quality_calls_next(&calls, &found, &err), &err);
        assert_true(found && quality_measure(&calls, &site));
        if (quality_judge(&calls) != cases[i].label)
            fail_msg("case %d is labelled %d", i, quality_judge(&calls));
    }
    quality_calls_close(&calls);
    kuni_genome_close(task.genome);
}

/* With known sites these are true, whatever spelling they have, and no others. */
static void known_sites_are_true(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_span shard = {0, 0, CONTIG_BP};
    const char *path = "known.bcf";
    write_calls(&shard, 1, &path);
    /*
     * sites 1 and 2 (A to G), 3 (A to C); the second with a base more; another ALT than that of 4
     */
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "##fileformat=VCFv4.2\n##contig=<ID=c1,length=%d>\n#"
                   "CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
                   "c1\t221\t.\tA\tG\t.\t.\t.\nc1\t341\t.\tAT\tGT\t.\t.\t.\nc1\t461\t.\ta\tC,T\t."
                   "\t.\t.\nc1\t581\t.\tA\tT\t.\t.\t.\n",
                   CONTIG_BP);
    fixture_write("known.vcf", text);
    kuni_params *params = kuni_params_new(kuni_stage_variant_quality.params, &err);
    must(kuni_params_set(params, "truth", "known.vcf", &err), &err);
    kuni_task task = {.params = params, .shards = &shard, .n_shards = 1, .batch = -1};
    must(kuni_genome_open(&task.genome, "ref.fa", &err), &err);
    kuni_task_file in = {.kind = "calls", .path = path},
                   out = {.kind = "quality-sites", .path = "known.tsv"};
    run_step(&task, 0, 0, &in, 1, &out, 1);
    quality_draw draw = {.most = 10000};
    must(quality_draw_read(&draw, "known.tsv", &err), &err);
    assert_int_equal(draw.piles[0][QUALITY_TRUE].n, 3);
    assert_true(draw.piles[0][QUALITY_FALSE].n > 100);
    quality_draw_fini(&draw);
    kuni_params_free(params);
    kuni_genome_close(task.genome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_of_noisy_numbers), cmocka_unit_test(draws_do_not_depend_on_order),
        cmocka_unit_test(steps_tell_true_from_false), cmocka_unit_test(families_label_rare_sites),
        cmocka_unit_test(known_sites_are_true)};
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
