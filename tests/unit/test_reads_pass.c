/* SPDX-License-Identifier: MIT */
/*
 * The reads pass: every part gets the records of its own widened shard and no others, bad samples
 * are forgotten in all parts alike and told with their reason, and a crash is traced to the sample
 * that was under way.
 */
#include "fixture.h"

#include <htslib/hts_log.h>
#include <htslib/sam.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kuni/reads.h"
#include "reads_pass.h"
#include "runner.h"

enum {
    CONTIG_BP = 40000,
    READ_BP = 100,
    STEP_BP = 20,
    UNPLACED = 7,
    SHARD_BEG = 10000,
    SHARD_END = 20000,
    HALO_BP = 300
};

enum {
    GOOD,
    ABSENT,
    GOOD_CRAM,
    TRUNCATED,
    NO_INDEX,
    GVCF,
    LONGER,
    UNSORTED,
    DAMAGED,
    LAST,
    SAMPLES
};

static kuni_genome *genome;
static kuni_sample samples[SAMPLES];
static const kuni_batch batch = {.id = "b0000", .first = 0, .n_samples = SAMPLES};
static const kuni_span shards[] = {{.tid = 0, .beg = SHARD_BEG, .end = SHARD_END},
                                   {.tid = 0, .beg = CONTIG_BP - 1000, .end = CONTIG_BP},
                                   {.tid = -1, .beg = 0, .end = 0}};

/* --- parts that write down what they are told --- */

typedef struct recorder {
    kuni_buffer events; /* "B3 E B4 D ..." */
    int64_t reads[SAMPLES];
    int64_t sample;
    int64_t lowest, highest; /* ends and starts of reads, to check the window */
    const char *output;
    bool fail_begin, fail_end;
} recorder;

static recorder one, two, third;

static kuni_status note(recorder *to, const char *what, int64_t sample)
{
    return sample < 0 ? kuni_buffer_printf(&to->events, NULL, "%s ", what)
                      : kuni_buffer_printf(&to->events, NULL, "%s%d ", what, (int)sample);
}

static kuni_status open_into(recorder *to, const kuni_task *task, void **state)
{
    bool fail_begin = to->fail_begin, fail_end = to->fail_end;
    kuni_buffer_fini(&to->events);
    *to = (recorder){
        .lowest = INT64_MAX, .highest = -1, .fail_begin = fail_begin, .fail_end = fail_end};
    to->output = task->n_outputs ? task->outputs[0].path : NULL;
    *state = to;
    return KUNI_OK;
}

static kuni_status open_one(const kuni_task *task, void **state, kuni_error *err)
{
    (void)err;
    return open_into(&one, task, state);
}

static kuni_status open_two(const kuni_task *task, void **state, kuni_error *err)
{
    (void)err;
    return open_into(&two, task, state);
}

static kuni_status open_third(const kuni_task *task, void **state, kuni_error *err)
{
    (void)err;
    return open_into(&third, task, state);
}

static kuni_status begin_sample(void *state, size_t sample, kuni_error *err)
{
    recorder *to = state;
    to->sample = (int64_t)sample;
    if (to->fail_begin) return kuni_fail(err, KUNI_DATA, "begin refuses");
    return note(to, "B", to->sample);
}

static kuni_status take_read(void *state, const bam1_t *record, kuni_error *err)
{
    (void)err;
    recorder *to = state;
    to->reads[to->sample]++;
    if (record->core.tid < 0) return KUNI_OK;
    if (bam_endpos(record) < to->lowest) to->lowest = bam_endpos(record);
    if (record->core.pos > to->highest) to->highest = record->core.pos;
    return KUNI_OK;
}

static kuni_status end_sample(void *state, kuni_error *err)
{
    recorder *to = state;
    if (to->fail_end) return kuni_fail(err, KUNI_DATA, "end refuses");
    return note(to, "E", -1);
}

static void drop_sample(void *state)
{
    recorder *to = state;
    to->reads[to->sample] = -1;
    assert_int_equal(note(to, "D", -1), 0);
}

static kuni_status finish(void *state, kuni_error *err)
{
    recorder *to = state;
    if (note(to, "F", -1)) return KUNI_MEMORY;
    return to->output ? kuni_file_put(to->output, to->events.data, to->events.length, err)
                      : KUNI_OK;
}

static void close_part(void *state)
{
    if (state) (void)note(state, "C", -1);
}

#define RECORDER(open_function)                                                                    \
    .name = #open_function, .scatter = KUNI_SCATTER_READS, .open = (open_function),                \
    .begin_sample = begin_sample, .read = take_read, .end_sample = end_sample,                     \
    .drop_sample = drop_sample, .finish = finish, .close = close_part

static const kuni_step narrow = {RECORDER(open_one), .fields = SAM_SEQ};
static const kuni_step wide = {RECORDER(open_two), .fields = SAM_QUAL, .halo_bp = HALO_BP,
                               .unplaced = true};
static const kuni_step gvcf = {RECORDER(open_third), .feed = KUNI_FEED_GVCF};

/* --- input --- */

static void write_reads(const char *path, const char *mode, int64_t contig_bp, bool sorted,
                        bool index)
{
    char line[128];
    samFile *file = sam_open(path, mode);
    assert_non_null(file);
    if (strchr(mode, 'c')) assert_int_equal(hts_set_fai_filename(file, "ref.fa"), 0);
    sam_hdr_t *header = sam_hdr_init();
    assert_int_equal(sam_hdr_add_line(header, "HD", "VN", "1.6", "SO", "coordinate", NULL), 0);
    (void)snprintf(line, sizeof(line), "%lld", (long long)contig_bp);
    assert_int_equal(sam_hdr_add_line(header, "SQ", "SN", "c1", "LN", line, NULL), 0);
    assert_int_equal(sam_hdr_write(file, header), 0);
    bam1_t *record = bam_init1();
    char bases[READ_BP + 1], qualities[READ_BP];
    memset(bases, 'A', READ_BP);
    uint32_t cigar = bam_cigar_gen(READ_BP, BAM_CMATCH);
    for (int64_t pos = 0; pos + READ_BP <= CONTIG_BP; pos += STEP_BP) {
        int64_t at = !sorted && pos % 1000 == 0 && pos ? pos - 500 : pos;
        for (int i = 0; i < READ_BP; i++) qualities[i] = (char)((pos / STEP_BP + i) % 40);
        assert_true(bam_set1(record, 2, "r", 0, 0, at, 60, 1, &cigar, -1, -1, 0, READ_BP, bases,
                             qualities, 0) >= 0);
        assert_true(sam_write1(file, header, record) >= 0);
    }
    for (int i = 0; i < UNPLACED; i++) {
        assert_true(bam_set1(record, 2, "u", BAM_FUNMAP, -1, -1, 0, 0, NULL, -1, -1, 0, READ_BP,
                             bases, qualities, 0) >= 0);
        assert_true(sam_write1(file, header, record) >= 0);
    }
    bam_destroy1(record);
    sam_hdr_destroy(header);
    assert_int_equal(sam_close(file), 0);
    if (index) assert_int_equal(sam_index_build(path, 0), 0);
}

static void cut(const char *path, int64_t off)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size - off), 0);
}

static void damage(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    assert_int_equal(fseek(file, info.st_size * 3 / 8, SEEK_SET), 0);
    for (int i = 0; i < 200; i++) assert_true(fputc(i * 7, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    if (fixture_enter(state)) return -1;
    kuni_htslib_setup();
    char *bases = malloc(CONTIG_BP + 1);
    memset(bases, 'A', CONTIG_BP);
    bases[CONTIG_BP] = '\0';
    FILE *fasta = fopen("ref.fa", "w");
    assert_true(fprintf(fasta, ">c1\n%s\n", bases) > 0);
    assert_int_equal(fclose(fasta), 0);
    free(bases);
    static const char *const paths[SAMPLES] = {
        [GOOD] = "good.bam",       [ABSENT] = "absent.bam",     [GOOD_CRAM] = "good.cram",
        [TRUNCATED] = "short.bam", [NO_INDEX] = "noindex.bam",  [GVCF] = "x.g.vcf.gz",
        [LONGER] = "longer.bam",   [UNSORTED] = "unsorted.bam", [DAMAGED] = "damaged.bam",
        [LAST] = "last.bam"};
    static char ids[SAMPLES][8];
    for (int i = 0; i < SAMPLES; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "s%d", i);
        samples[i] = (kuni_sample){.id = ids[i], .reads = paths[i]};
    }
    write_reads("good.bam", "wb", CONTIG_BP, true, true);
    write_reads("good.cram", "wc", CONTIG_BP, true, true);
    write_reads("short.bam", "wb", CONTIG_BP, true, true);
    cut("short.bam", 100);
    write_reads("noindex.bam", "wb", CONTIG_BP, true, false);
    write_reads("longer.bam", "wb", CONTIG_BP + 1, true, true);
    /* An index made while the file was in order. */
    write_reads("unsorted.bam", "wb", CONTIG_BP, true, true);
    write_reads("unsorted.bam", "wb", CONTIG_BP, false, false);
    write_reads("damaged.bam", "wb", CONTIG_BP, true, true);
    damage("damaged.bam");
    write_reads("last.bam", "wb", CONTIG_BP, true, true);
    return kuni_genome_open(&genome, "ref.fa", NULL);
}

static int tear_down(void **state)
{
    kuni_genome_close(genome);
    kuni_buffer_fini(&one.events);
    kuni_buffer_fini(&two.events);
    kuni_buffer_fini(&third.events);
    return fixture_leave(state);
}

/* --- the pass --- */

typedef struct bad_list {
    char reasons[SAMPLES][KUNI_ERROR_TEXT_BYTES];
    size_t count;
} bad_list;

static kuni_status take_bad(void *context, int64_t sample, const kuni_error *why, kuni_error *err)
{
    (void)err;
    bad_list *list = context;
    assert_int_equal(why->sample, sample);
    (void)strcpy(list->reasons[sample], why->text);
    list->count++;
    return KUNI_OK;
}

static bad_list run_pass(int64_t shard, const uint8_t *skip, kuni_status expected)
{
    static const kuni_step *const steps[] = {&narrow, &wide, &gvcf};
    bad_list list = {.count = 0};
    const kuni_task task = {.stage_id = "t",
                            .genome = genome,
                            .samples = samples,
                            .n_samples = SAMPLES,
                            .batches = &batch,
                            .n_batches = 1,
                            .shards = shards,
                            .n_shards = 3,
                            .shard = shard,
                            .batch = 0};
    kuni_reads_pass_part parts[3];
    for (size_t i = 0; i < 3; i++) parts[i] = (kuni_reads_pass_part){steps[i], &task};
    const kuni_reads_pass pass = {
        .parts = parts, .n_parts = 3, .skip = skip, .bad = take_bad, .context = &list};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_reads_pass_run(&pass, &err);
    if (status != expected) print_error("%s\n", err.text);
    assert_int_equal(status, expected);
    return list;
}

/* Reads that overlap a window, counted from how the files were made. */
static int64_t expected_reads(int64_t beg, int64_t end)
{
    int64_t count = 0;
    for (int64_t pos = 0; pos + READ_BP <= CONTIG_BP; pos += STEP_BP)
        count += pos < end && pos + READ_BP > beg;
    return count;
}

static void check_window(const recorder *part, int64_t beg, int64_t end)
{
    static const int good[] = {GOOD, GOOD_CRAM, LAST};
    for (size_t i = 0; i < 3; i++) assert_int_equal(part->reads[good[i]], expected_reads(beg, end));
    assert_true(part->lowest > beg && part->highest < end);
}

static void test_windows(void **state)
{
    (void)state;
    (void)run_pass(0, NULL, KUNI_OK);
    check_window(&one, SHARD_BEG, SHARD_END);
    check_window(&two, SHARD_BEG - HALO_BP, SHARD_END + HALO_BP);
    /* At the end of the contig. */
    (void)run_pass(1, NULL, KUNI_OK);
    check_window(&one, CONTIG_BP - 1000, CONTIG_BP);
    check_window(&two, CONTIG_BP - 1000 - HALO_BP, CONTIG_BP);
    (void)run_pass(2, NULL, KUNI_OK);
    assert_int_equal(one.reads[GOOD], 0);
    assert_int_equal(two.reads[GOOD], UNPLACED);
    assert_int_equal(two.reads[GOOD_CRAM], UNPLACED);
    assert_int_equal(two.reads[LAST], UNPLACED);
}

static void test_bad_samples(void **state)
{
    (void)state;
    bad_list bad = run_pass(0, NULL, KUNI_OK);
    assert_int_equal(bad.count, 6);
    assert_non_null(strstr(bad.reasons[ABSENT], "cannot open absent.bam"));
    assert_non_null(strstr(bad.reasons[TRUNCATED], "truncated"));
    assert_non_null(strstr(bad.reasons[NO_INDEX], "index"));
    assert_non_null(strstr(bad.reasons[LONGER], "40001"));
    assert_non_null(strstr(bad.reasons[UNSORTED], "order"));
    assert_non_null(strstr(bad.reasons[DAMAGED], "damaged"));
    /* What is found before the first read never begins; what is found later is dropped. */
    assert_string_equal(one.events.data, "B0 E B2 E B7 D B8 D B9 E F C ");
    assert_string_equal(two.events.data, one.events.data);
    assert_string_equal(third.events.data, "B5 E F C ");
}

static void test_skip(void **state)
{
    (void)state;
    uint8_t skip[SAMPLES] = {[ABSENT] = 1, [GOOD_CRAM] = 1, [TRUNCATED] = 1, [GVCF] = 1,
                             [LONGER] = 1, [UNSORTED] = 1,  [NO_INDEX] = 1,  [DAMAGED] = 1};
    bad_list bad = run_pass(0, skip, KUNI_OK);
    assert_int_equal(bad.count, 0);
    assert_string_equal(one.events.data, "B0 E B9 E F C ");
    assert_string_equal(third.events.data, "F C ");
}

/*
 * Damaged data met by one part is forgotten in all, also where a part had already ended the sample.
 */
static void test_parts_agree(void **state)
{
    (void)state;
    uint8_t skip[SAMPLES];
    memset(skip, 1, sizeof(skip));
    skip[GOOD] = skip[GVCF] = 0;
    two.fail_end = true;
    bad_list bad = run_pass(0, skip, KUNI_OK);
    two.fail_end = false;
    assert_int_equal(bad.count, 1);
    assert_string_equal(one.events.data, "B0 E D F C ");
    assert_string_equal(two.events.data, "B0 D F C ");
    two.fail_begin = third.fail_begin = true;
    bad = run_pass(0, skip, KUNI_OK);
    two.fail_begin = third.fail_begin = false;
    assert_int_equal(bad.count, 2);
    assert_string_equal(one.events.data, "B0 D F C ");
    assert_string_equal(two.events.data, "D F C ");
    assert_string_equal(third.events.data, "D F C ");
}

static void test_feeds(void **state)
{
    (void)state;
    static const char *const as_gvcf[] = {"a.vcf",     "b.vcf.gz", "c.g.vcf.gz",
                                          "d.gvcf.gz", "e.bcf",    "f.vcf.bgz"};
    static const char *const as_reads[] = {"a.bam", "b.cram", "c.sam.gz", "vcf.gz.bam"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(kuni_sample_feed(&(kuni_sample){.reads = as_gvcf[i]}), KUNI_FEED_GVCF);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(kuni_sample_feed(&(kuni_sample){.reads = as_reads[i]}), KUNI_FEED_READS);
}

/* --- in a job --- */

static kuni_job_result run_job(const char *crash, const uint8_t *skip, int64_t time_limit_s)
{
    static const kuni_port port[] = {{.kind = "notes", .extension = "txt"}, {.kind = NULL}};
    kuni_step first = narrow, second = wide;
    first.outputs = second.outputs = port;
    const kuni_task_file outputs[2] = {{.kind = "notes", .path = "a/one.txt"},
                                       {.kind = "notes", .path = "b/two.txt"}};
    kuni_task tasks[2] = {{.stage_id = "first",
                           .genome = genome,
                           .samples = samples,
                           .n_samples = SAMPLES,
                           .batches = &batch,
                           .n_batches = 1,
                           .shards = shards,
                           .n_shards = 3,
                           .outputs = &outputs[0],
                           .n_outputs = 1}};
    tasks[1] = tasks[0];
    tasks[1].stage_id = "second";
    tasks[1].outputs = &outputs[1];
    const kuni_job_part parts[2] = {{.step = &first, .task = &tasks[0]},
                                    {.step = &second, .task = &tasks[1]}};
    const kuni_job job = {.parts = parts,
                          .n_parts = 2,
                          .memory_bytes = (int64_t)256 << 20,
                          .time_limit_s = time_limit_s,
                          .skip = skip};
    (void)unlink("a/one.txt");
    (void)unlink("b/two.txt");
    if (crash) (void)setenv("KUNI_CRASH", crash, 1);
    kuni_runner *runner;
    kuni_error err = KUNI_ERROR_INIT;
    assert_int_equal(kuni_runner_start(&runner, &job, &err), 0);
    (void)unsetenv("KUNI_CRASH");
    kuni_job_result result;
    for (bool done = false; !done; (void)usleep(1000))
        assert_int_equal(kuni_runner_poll(runner, &done, &result, &err), 0);
    kuni_runner_free(runner);
    assert_int_equal(access("a/one.txt", F_OK) == 0, result.status == KUNI_OK);
    assert_int_equal(access("b/two.txt", F_OK) == 0, result.status == KUNI_OK);
    return result;
}

static void test_job(void **state)
{
    (void)state;
    kuni_job_result result = run_job(NULL, NULL, 0);
    assert_int_equal(result.status, KUNI_OK);
    assert_int_equal(result.n_bad, 6);
    assert_int_equal(result.bad[0].sample, ABSENT);
    assert_int_equal(result.bad[0].status, KUNI_IO);
    assert_int_equal(result.bad[1].sample, TRUNCATED);
    assert_int_equal(result.bad[1].status, KUNI_DATA);
    assert_non_null(strstr(result.bad[1].reason, "short.bam"));
    assert_int_equal(result.n_outputs, 2);
    assert_int_equal(result.outputs[1].part, 1);
    assert_true(result.work > 3 * expected_reads(SHARD_BEG, SHARD_END));
    kuni_job_result_fini(&result);
}

static void test_crash_is_traced(void **state)
{
    (void)state;
    static const char *const crashes[] = {"segv@s9", "kill@s9", "exit@s9", "memory@s9", "hang@s9"};
#if defined(__SANITIZE_ADDRESS__)
    enum { CASES = 3 };
#else
    enum { CASES = 5 };
#endif
    for (size_t i = 0; i < CASES; i++) {
        kuni_job_result result = run_job(crashes[i], NULL, 1);
        assert_int_equal(result.status, KUNI_BUG);
        assert_true(result.crashed);
        assert_int_equal(result.sample, LAST);
        assert_non_null(strstr(result.text, "on sample s9"));
        kuni_job_result_fini(&result);
    }
    uint8_t skip[SAMPLES] = {[LAST] = 1};
    kuni_job_result result = run_job("segv@s9", skip, 0);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
    result = run_job("segv@finish", NULL, 0);
    assert_true(result.crashed);
    assert_int_equal(result.sample, -1);
    kuni_job_result_fini(&result);
    /* Once only: the next try goes well. */
    result = run_job("segv@s9#once", NULL, 0);
    assert_true(result.crashed);
    kuni_job_result_fini(&result);
    result = run_job("segv@s9#once", NULL, 0);
    assert_int_equal(result.status, KUNI_OK);
    kuni_job_result_fini(&result);
}

int main(void)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_bad_samples),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_parts_agree),
        cmocka_unit_test(test_feeds),
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_crash_is_traced),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
