/* SPDX-License-Identifier: MIT */
/*
 * The evidence store: what goes in comes out, in order, from any chunk alone, whatever the order of
 * adding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "evidence_cohort.h"
#include "kuni/allele.h"
#include "kuni/file.h"
#include "kuni/sample.h"

static char folder[] = "/tmp/kuni-test-evidence-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void assert_ok(kuni_status status, const kuni_error *err)
{
    if (status != KUNI_OK) fail_msg("%s", err->text);
}

static void assert_same_event(const kuni_event *got, const kuni_event *put, int64_t chunk_beg)
{
    uint8_t flags = put->flags;
    if (put->pos < chunk_beg) flags |= KUNI_EVENT_CARRIED;
    assert_int_equal(got->pos, put->pos);
    assert_int_equal(got->sample, put->sample);
    assert_int_equal(got->flags, flags);
    assert_int_equal(got->ploidy, put->ploidy);
    assert_int_equal(got->n_alleles, put->n_alleles);
    assert_int_equal(got->gt[0], put->gt[0]);
    assert_int_equal(got->gt[1], put->gt[1]);
    assert_int_equal(got->gq, put->gq);
    assert_int_equal(got->mq, put->mq);
    assert_int_equal(got->qual, put->qual);
    assert_int_equal(got->dp, put->dp);
    assert_int_equal(got->phase_set, put->phase_set);
    assert_memory_equal(got->sb, put->sb, sizeof(got->sb));
    assert_memory_equal(got->rank, put->rank, sizeof(got->rank));
    for (int i = 0; i < put->n_alleles; i++) assert_string_equal(got->alleles[i], put->alleles[i]);
    assert_int_equal(!got->pl, !put->pl);
    assert_int_equal(!got->ad, !put->ad);
    size_t n_pl =
        put->ploidy == 1 ? put->n_alleles : (size_t)put->n_alleles * (put->n_alleles + 1u) / 2;
    if (put->pl) assert_memory_equal(got->pl, put->pl, n_pl * sizeof(*put->pl));
    if (put->ad) assert_memory_equal(got->ad, put->ad, put->n_alleles * sizeof(*put->ad));
}

static int by_place(const void *a, const void *b)
{
    const kuni_event *x = *(const kuni_event *const *)a, *y = *(const kuni_event *const *)b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->sample != y->sample) return x->sample < y->sample ? -1 : 1;
    return x < y ? -1 : x > y; /* order of adding: they lie in one array */
}

/* What a chunk must hold, worked out from the cohort. */
static void check_events(const test_cohort *cohort, const kuni_evidence_chunk *chunk)
{
    const kuni_event **wanted = calloc(cohort->n_events + 1, sizeof(*wanted));
    size_t n = 0;
    for (size_t i = 0; i < cohort->n_events; i++) {
        const kuni_event *event = &cohort->events[i].event;
        if (event->pos < chunk->end && event->pos + (int64_t)strlen(event->alleles[0]) > chunk->beg)
            wanted[n++] = event;
    }
    qsort(wanted, n, sizeof(*wanted), by_place);
    assert_int_equal(chunk->n_events, n);
    for (size_t i = 0; i < n; i++) assert_same_event(&chunk->events[i], wanted[i], chunk->beg);
    free(wanted);
}

static void check_blocks(const test_cohort *cohort, const kuni_evidence_chunk *chunk)
{
    /* Adjoining equal blocks may come out as one: compare base by base. */
    size_t width = (size_t)(chunk->end - chunk->beg);
    kuni_block *bases = calloc(width, sizeof(*bases));
    for (uint32_t sample = 0; sample < cohort->n_samples; sample++) {
        memset(bases, 0, width * sizeof(*bases));
        for (size_t i = 0; i < cohort->n_blocks; i++) {
            const kuni_block *block = &cohort->blocks[i];
            if (block->sample != sample) continue;
            for (int64_t p = block->beg; p < block->end; p++)
                if (p >= chunk->beg && p < chunk->end) bases[p - chunk->beg] = *block;
        }
        for (size_t i = 0; i < chunk->n_blocks; i++) {
            const kuni_block *block = &chunk->blocks[i];
            if (block->sample != sample) continue;
            for (int64_t p = block->beg; p < block->end; p++) {
                kuni_block *base = &bases[p - chunk->beg];
                assert_int_equal(base->ploidy, block->ploidy);
                assert_int_equal(base->kind, block->kind);
                assert_int_equal(base->gq, block->gq);
                assert_int_equal(base->min_dp, block->min_dp);
                assert_int_equal(base->either, block->either);
                assert_int_equal(base->gq_one, block->gq_one);
                base->ploidy = 0;
            }
        }
        for (size_t i = 0; i < width; i++) assert_int_equal(bases[i].ploidy, 0);
    }
    free(bases);
}

static void check_by_place(const kuni_evidence_chunk *chunk)
{
    for (size_t i = 1; i < chunk->n_blocks; i++)
        assert_true(chunk->blocks[i - 1].beg < chunk->blocks[i].beg ||
                    (chunk->blocks[i - 1].beg == chunk->blocks[i].beg &&
                     chunk->blocks[i - 1].sample < chunk->blocks[i].sample));
}

/* The same blocks, sample by sample, each one's from left to right. */
static void check_by_sample(const test_cohort *cohort, const kuni_evidence_chunk *chunk)
{
    check_blocks(cohort, chunk);
    for (size_t i = 1; i < chunk->n_blocks; i++) {
        const kuni_block *before = &chunk->blocks[i - 1], *block = &chunk->blocks[i];
        assert_true(before->sample < block->sample ||
                    (before->sample == block->sample && before->end <= block->beg));
    }
}

static bool allele_of(const kuni_event *event, int index, const kuni_census *census)
{
    const char *alt = event->alleles[index], *ref = event->alleles[0];
    if (index == 0 || alt[0] == '*' || alt[0] == '<') return false;
    kuni_allele_trim trim = kuni_allele_minimal(ref, strlen(ref), alt, strlen(alt));
    return event->pos + (int64_t)trim.skip == census->pos &&
           strlen(census->ref) == trim.ref_length && strlen(census->alt) == trim.alt_length &&
           memcmp(ref + trim.skip, census->ref, trim.ref_length) == 0 &&
           memcmp(alt + trim.skip, census->alt, trim.alt_length) == 0;
}

static void check_census(const kuni_evidence_chunk *chunk)
{
    for (size_t a = 0; a < chunk->n_alleles; a++) {
        kuni_census want = chunk->alleles[a];
        const kuni_census *got = &chunk->alleles[a];
        want.n_samples = want.n_copies = want.max_qual = 0;
        want.sum_qual = 0;
        for (size_t i = 0; i < chunk->n_events; i++) {
            const kuni_event *event = &chunk->events[i];
            if ((event->flags & KUNI_EVENT_FILTERED) || got->pos < chunk->beg ||
                got->pos >= chunk->end)
                continue;
            uint32_t copies = 0;
            for (int k = 0; k < event->ploidy; k++)
                copies += event->gt[k] > 0 && allele_of(event, event->gt[k], got);
            if (!copies) continue;
            want.n_samples++;
            want.n_copies += copies;
            want.sum_qual += event->qual;
            if (event->qual > want.max_qual) want.max_qual = event->qual;
        }
        /*
         * Alleles that are one and the same minimal allele twice in one genotype count two samples:
         * tolerated.
         */
        assert_int_equal(got->n_copies, want.n_copies);
        assert_true(got->n_samples >= want.n_samples);
        assert_int_equal(got->max_qual, want.max_qual);
        if (a == 0) continue;
        const kuni_census *before = &chunk->alleles[a - 1];
        assert_true(before->pos < got->pos || strcmp(before->ref, got->ref) < 0 ||
                    strcmp(before->alt, got->alt) < 0);
    }
    for (size_t i = 0; i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        const kuni_allele_set *set = &chunk->sets[event->set];
        assert_int_equal(set->pos, event->pos);
        assert_ptr_equal(set->alleles, event->alleles);
        for (uint32_t k = 0; k < set->n_alleles; k++) {
            bool counted = k > 0 && event->alleles[k][0] != '*' && event->alleles[k][0] != '<';
            assert_int_equal(set->census[k] >= 0, counted);
            if (counted) assert_true(allele_of(event, (int)k, &chunk->alleles[set->census[k]]));
        }
    }
}

static void check_file(const test_cohort *cohort, const char *path)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    assert_ok(kuni_evidence_open(&reader, path, &err), &err);
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    assert_int_equal(header->n_samples, cohort->n_samples);
    assert_string_equal(header->contig, "chr1");
    assert_string_equal(header->params, "a=1\n");
    assert_int_equal(header->shard.beg, cohort->shard.beg);
    assert_int_equal(header->shard.end, cohort->shard.end);
    int64_t end = cohort->shard.beg;
    /* Backwards: every chunk must stand alone. */
    for (size_t i = kuni_evidence_chunk_count(reader); i-- > 0;) {
        kuni_evidence_chunk chunk;
        kuni_evidence_extent extent;
        kuni_evidence_rest(reader);
        assert_ok(kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, &err), &err);
        kuni_evidence_get_extent(reader, i, &extent);
        assert_int_equal(extent.beg, chunk.beg);
        assert_int_equal(extent.n_events, chunk.n_events);
        check_events(cohort, &chunk);
        check_blocks(cohort, &chunk);
        check_by_place(&chunk);
        check_census(&chunk);
        size_t n_blocks = chunk.n_blocks;
        assert_ok(kuni_evidence_read(reader, i, KUNI_READ_ALL | KUNI_READ_BY_SAMPLE, &chunk, &err),
                  &err);
        check_by_sample(cohort, &chunk);
        assert_int_equal(chunk.n_blocks, n_blocks);
        assert_ok(kuni_evidence_read(reader, i, KUNI_READ_BLOCKS, &chunk, &err), &err);
        assert_int_equal(chunk.n_blocks, n_blocks);
        assert_null(chunk.events);
        end += chunk.end - chunk.beg;
    }
    assert_int_equal(end, cohort->shard.end);
    /* A part of the chunks, and a part of that, as joint shards within take them. */
    size_t n = kuni_evidence_chunk_count(reader);
    for (size_t first = n > 1; n > first; first += n) {
        kuni_evidence_chunk chunk;
        kuni_evidence_extent whole, kept;
        kuni_evidence_get_extent(reader, n - 1, &whole);
        kuni_evidence_keep(reader, first, n - first);
        kuni_evidence_keep(reader, 0, n); /* there is no way back */
        kuni_evidence_keep(reader, n - 1, 1);
        kuni_evidence_get_extent(reader, n - 1, &kept);
        assert_int_equal(whole.beg, kept.beg);
        assert_int_equal(whole.offset, kept.offset);
        assert_int_equal(whole.blocks_bytes, kept.blocks_bytes);
        assert_ok(kuni_evidence_read(reader, n - 1, KUNI_READ_ALL, &chunk, &err), &err);
        assert_int_equal(chunk.n_events, whole.n_events);
        assert_int_equal(kuni_evidence_chunk_count(reader), n);
        if (n > 1)
            assert_int_equal(kuni_evidence_read(reader, 0, KUNI_READ_ALL, &chunk, &err), KUNI_BUG);
    }
    kuni_evidence_close(reader);
}

static void round_trip(void **state)
{
    (void)state;
    static const struct {
        uint32_t n_samples, spacing, odd_every;
        int64_t beg, end;
    } cases[] = {
        {1, 50, 0, 0, 3000},        {1, 50, 1, 0, 3000},       {3, 200, 3, 65000, 66500},
        {40, 900, 7, 1000, 200000}, {300, 3000, 0, 0, 65536},  {9, 40, 1, 131071, 131073},
        {0, 10, 0, 10, 20},         {5, 30000, 2, 0, 1000000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_cohort cohort;
        kuni_error err = KUNI_ERROR_INIT;
        const char *path = path_of("round");
        test_cohort_make(&cohort, (kuni_span){.tid = 0, .beg = cases[i].beg, .end = cases[i].end},
                         cases[i].n_samples, cases[i].spacing, cases[i].odd_every, i);
        assert_ok(test_cohort_write(&cohort, path, NULL, &err), &err);
        check_file(&cohort, path);
        test_cohort_fini(&cohort);
    }
}

static void assert_same_bytes(const char *a, const char *b)
{
    kuni_buffer x = KUNI_BUFFER_INIT, y = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    assert_ok(kuni_file_get(a, 1u << 30, &x, &err), &err);
    assert_ok(kuni_file_get(b, 1u << 30, &y, &err), &err);
    assert_int_equal(x.length, y.length);
    assert_memory_equal(x.data, y.data, x.length);
    kuni_buffer_fini(&x);
    kuni_buffer_fini(&y);
}

static void order_of_samples_does_not_matter(void **state)
{
    (void)state;
    static const uint32_t order[] = {3, 0, 4, 2, 1};
    test_cohort cohort;
    kuni_error err = KUNI_ERROR_INIT;
    const char *a = path_of("a"), *b = path_of("b");
    test_cohort_make(&cohort, (kuni_span){.tid = 0, .beg = 500, .end = 150000}, 5, 300, 4, 77);
    assert_ok(test_cohort_write(&cohort, a, NULL, &err), &err);
    assert_ok(test_cohort_write(&cohort, b, order, &err), &err);
    assert_same_bytes(a, b);
    test_cohort_fini(&cohort);
}

/*
 * Readers that share decode memory, in any order of closing; resting between reads; a file that is
 * replaced meanwhile.
 */
static void sharing_and_resting(void **state)
{
    (void)state;
    test_cohort cohort[2];
    kuni_evidence_reader *reader[2];
    kuni_evidence_chunk chunk;
    kuni_error err = KUNI_ERROR_INIT;
    const char *paths[] = {path_of("a"), path_of("b")};
    for (int i = 0; i < 2; i++) {
        test_cohort_make(&cohort[i], (kuni_span){.tid = 0, .beg = 0, .end = 70000}, 4, 400, 3,
                         (uint64_t)i);
        assert_ok(test_cohort_write(&cohort[i], paths[i], NULL, &err), &err);
        assert_ok(kuni_evidence_open(&reader[i], paths[i], &err), &err);
    }
    kuni_evidence_share(reader[1], reader[0]);
    for (size_t k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++) {
            kuni_evidence_rest(reader[i]);
            assert_ok(kuni_evidence_read(reader[i], k, KUNI_READ_ALL, &chunk, &err), &err);
            check_events(&cohort[i], &chunk);
            check_blocks(&cohort[i], &chunk);
        }
    kuni_evidence_close(reader[0]);
    assert_ok(kuni_evidence_read(reader[1], 0, KUNI_READ_EVENTS, &chunk, &err), &err);
    check_events(&cohort[1], &chunk);
    kuni_evidence_rest(reader[1]);
    assert_ok(test_cohort_write(&cohort[0], paths[1], NULL, &err), &err);
    assert_int_equal(kuni_evidence_read(reader[1], 0, KUNI_READ_EVENTS, &chunk, &err), KUNI_DATA);
    assert_non_null(strstr(err.text, "replaced"));
    kuni_evidence_close(reader[1]);
    for (int i = 0; i < 2; i++) test_cohort_fini(&cohort[i]);
}

/* A dropped sample leaves no trace, whenever it is dropped, and may be added again. */
static void dropped_samples_leave_no_trace(void **state)
{
    (void)state;
    static const char *const ids[] = {"S0", "S1", "S2"};
    test_cohort cohort;
    kuni_error err = KUNI_ERROR_INIT;
    const char *paths[] = {path_of("a"), path_of("b")};
    test_cohort_make(&cohort, (kuni_span){.tid = 0, .beg = 0, .end = 70000}, 3, 400, 3, 8);
    for (int with = 0; with < 2; with++) {
        kuni_evidence_writer *writer;
        kuni_evidence_header header = {
            .shard = cohort.shard, .contig = "chr1", .samples = ids, .n_samples = 3};
        assert_ok(kuni_evidence_create(&writer, paths[with], &header, &err), &err);
        for (size_t i = 0; i < cohort.n_events; i++)
            if (cohort.events[i].event.sample != 1 || with)
                assert_ok(kuni_evidence_add_event(writer, &cohort.events[i].event, &err), &err);
        for (size_t i = 0; i < cohort.n_blocks; i++) {
            if (cohort.blocks[i].sample != 1 || with)
                assert_ok(kuni_evidence_add_block(writer, &cohort.blocks[i], &err), &err);
            if (with && i == cohort.n_blocks / 2) {
                kuni_evidence_drop_sample(writer, 1);
                while (i + 1 < cohort.n_blocks && cohort.blocks[i + 1].sample == 1) i++;
            }
        }
        if (with) kuni_evidence_drop_sample(writer, 1);
        assert_ok(kuni_evidence_finish(writer, &err), &err);
    }
    assert_same_bytes(paths[0], paths[1]);
    test_cohort_fini(&cohort);
}

/* The cohort as evidence in which the flagged samples have brought nothing. */
static void write_without(const test_cohort *cohort, const char *path, const uint8_t *gone)
{
    static const char *const reference[] = {"ACGTACGTACGTACGTACGT", "A"};
    char names[8][16];
    const char *ids[8];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_writer *writer;
    kuni_evidence_header header = {.shard = cohort->shard,
                                   .contig = "chr1",
                                   .reference_md5 = "0123456789abcdef0123456789abcdef",
                                   .producer = "test 1",
                                   .params = "a=1\n",
                                   .samples = ids,
                                   .n_samples = cohort->n_samples};
    for (uint32_t i = 0; i < cohort->n_samples; i++) {
        snprintf(names[i], sizeof(names[i]), "S%u", i);
        ids[i] = gone[i] ? KUNI_SAMPLE_NOBODY : names[i];
    }
    assert_ok(kuni_evidence_create(&writer, path, &header, &err), &err);
    for (uint32_t i = 0; i < cohort->n_samples; i++) { /* reaches into the shard */
        const kuni_event deletion = {.pos = cohort->shard.beg - 3,
                                     .sample = i,
                                     .ploidy = 2,
                                     .n_alleles = 2,
                                     .gt = {0, 1},
                                     .qual = (uint16_t)(100 + i),
                                     .phase_set = -1,
                                     .alleles = reference};
        if (!gone[i]) assert_ok(kuni_evidence_add_event(writer, &deletion, &err), &err);
    }
    for (size_t i = 0; i < cohort->n_events; i++)
        if (!gone[cohort->events[i].event.sample])
            assert_ok(kuni_evidence_add_event(writer, &cohort->events[i].event, &err), &err);
    for (size_t i = 0; i < cohort->n_blocks; i++)
        if (!gone[cohort->blocks[i].sample])
            assert_ok(kuni_evidence_add_block(writer, &cohort->blocks[i], &err), &err);
    assert_ok(kuni_evidence_finish(writer, &err), &err);
}

/* Evidence without some of its people, made from the file, is what it would be had they not come. */
static void left_out_samples_leave_no_trace(void **state)
{
    (void)state;
    static const uint8_t nobody[5] = {0};
    static const uint8_t gone[][5] = {{0, 1, 0, 0, 0}, {1, 0, 0, 0, 1}, {1, 1, 1, 1, 1}, {0}};
    test_cohort cohort;
    kuni_error err = KUNI_ERROR_INIT;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const kuni_span shard = {.tid = 0, .beg = 64000, .end = 64000 + 70000 * (int64_t)seed};
        test_cohort_make(&cohort, shard, 5, seed == 4 ? 30 : 300, 3, seed);
        write_without(&cohort, path_of("round"), nobody);
        for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
            const char *made = path_of("a"), *expected = path_of("b");
            write_without(&cohort, expected, gone[i]);
            assert_ok(kuni_evidence_leave_out(path_of("round"), made, gone[i], 5, &err), &err);
            assert_same_bytes(made, expected);
        }
        assert_int_equal(kuni_evidence_leave_out(path_of("round"), path_of("a"), gone[0], 4, &err),
                         KUNI_DATA);
        test_cohort_fini(&cohort);
    }
}

/*
 * What breaks the contract of adding is refused as a bug of the stage, before anything is written.
 */
static void broken_promises_are_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"S0"};
    static const char *const snp[] = {"A", "C"}, *const lower[] = {"a", "C"};
    kuni_evidence_writer *writer;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_header header = {.shard = {.tid = 0, .beg = 100, .end = 200},
                                   .contig = "chr1",
                                   .samples = ids,
                                   .n_samples = 1};
    kuni_event good = {
        .pos = 150, .ploidy = 2, .n_alleles = 2, .gt = {0, 1}, .alleles = snp, .phase_set = -1};
    kuni_event bad[7];
    for (size_t i = 0; i < 7; i++) bad[i] = good;
    bad[0].pos = 99;
    bad[1].pos = 200;
    bad[2].sample = 1;
    bad[3].gt[1] = 2;
    bad[4].gq = 100;
    bad[5].alleles = lower;
    bad[6].pos = 149;
    assert_ok(kuni_evidence_create(&writer, path_of("a"), &header, &err), &err);
    assert_ok(kuni_evidence_add_event(writer, &good, &err), &err);
    for (size_t i = 0; i < 7; i++) {
        kuni_error_clear(&err);
        assert_int_equal(kuni_evidence_add_event(writer, &bad[i], &err), KUNI_BUG);
    }
    kuni_block block = {.beg = 110, .end = 120, .ploidy = 2};
    kuni_error_clear(&err);
    assert_ok(kuni_evidence_add_block(writer, &block, &err), &err);
    block = (kuni_block){.beg = 119, .end = 130, .ploidy = 2};
    assert_int_equal(kuni_evidence_add_block(writer, &block, &err), KUNI_BUG);
    kuni_evidence_abandon(writer);
}

/* What one copy makes of likelihoods of two: those of the homozygotes, weighed with the prior that
 * QUAL tells of. */
static void one_copy_of_two(void **state)
{
    (void)state;
    static const char *const alleles[] = {"A", "G", "T", "<*>"};
    static const struct {
        uint8_t n, flags;
        int8_t gt[2];
        uint16_t qual, pl[10];
        int8_t one_gt;
        uint8_t one_gq;
        uint16_t one_qual, one_pl[4];
    } cases[] = {
        /* REF in 26 reads of 30: REF, whatever the heterozygote */
        {2, 0, {0, 1}, 110, {140, 0, 910}, 0, 99, 0, {0, 770}},
        /* the ALT alone; a prior of 30 less 3 for both copies makes 600 into 567 */
        {2, 0, {1, 1}, 567, {600, 45, 0}, 1, 99, 570, {600, 0}},
        /* the ALT fits better by 10, and is the rarer by 30 */
        {2, 0, {0, 1}, 270, {300, 0, 290}, 0, 20, 0, {10, 0}},
        /* the ALT fits better by 40: 10 are left */
        {2, 0, {0, 1}, 300, {330, 0, 290}, 1, 10, 10, {40, 0}},
        /* no prior told: that of a base in a thousand */
        {2, 0, {0, 0}, 0, {0, 12, 200}, 0, 99, 0, {0, 200}},
        /* two ALTs: the better one; <*> is never called, and its likelihood stays */
        {4,
         KUNI_EVENT_OTHER,
         {1, 2},
         470,
         {500, 200, 250, 180, 0, 230, 480, 240, 210, 400},
         2,
         20,
         240,
         {270, 20, 0, 170}},
        /* nobody knows: no call */
        {2, KUNI_EVENT_FORCED, {-1, -1}, 0, {0, 0, 0}, -1, 0, 0, {0, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kuni_event one,
            event = {.flags = (uint8_t)(cases[i].flags | KUNI_EVENT_EITHER | KUNI_EVENT_PHASED),
                     .ploidy = 2,
                     .n_alleles = cases[i].n,
                     .gt = {cases[i].gt[0], cases[i].gt[1]},
                     .gq = 50,
                     .qual = cases[i].qual,
                     .rank = {130, 130, 130},
                     .phase_set = 7,
                     .alleles = alleles,
                     .pl = cases[i].pl};
        uint16_t pl[4];
        kuni_event_of_copies(&event, 1, pl, &one);
        assert_int_equal(one.ploidy, 1);
        assert_int_equal(one.flags, cases[i].flags);
        assert_int_equal(one.gt[0], cases[i].one_gt);
        assert_int_equal(one.gt[1], -1);
        assert_int_equal(one.gq, cases[i].one_gq);
        assert_int_equal(one.qual, cases[i].one_qual);
        assert_int_equal(one.phase_set, -1);
        assert_int_equal(one.rank[0], KUNI_RANK_UNKNOWN);
        assert_memory_equal(one.pl, cases[i].one_pl, cases[i].n * sizeof(uint16_t));
        event.flags = cases[i].flags; /* told for two copies only */
        kuni_event_of_copies(&event, 1, pl, &one);
        assert_memory_equal(&one, &event, sizeof(one));
    }
}

/* What is told for one copy stays as it is told there, and is called anew for two: REF and ALT are
 * as good as each other, and both together better by far. */
static void told_for_one_copy(void **state)
{
    (void)state;
    static const char *const alleles[] = {"A", "G"};
    static const uint16_t het[] = {500, 0, 500};
    const kuni_event told = {.flags = KUNI_EVENT_EITHER | KUNI_EVENT_ONE,
                             .ploidy = 2,
                             .n_alleles = 2,
                             .gt = {0, 0},
                             .gq = 30,
                             .qual = 0,
                             .alleles = alleles,
                             .pl = het};
    uint16_t pl[2];
    kuni_event as;
    kuni_event_of_copies(&told, 1, pl, &as);
    assert_int_equal(as.ploidy, 1);
    assert_int_equal(as.gt[0], 0);
    assert_int_equal(as.gt[1], -1);
    assert_int_equal(as.gq, 30);
    assert_int_equal(as.flags, 0);
    assert_int_equal(as.pl[0], 0);
    assert_int_equal(as.pl[1], 0);
    kuni_event_of_copies(&told, 2, pl, &as);
    assert_int_equal(as.ploidy, 2);
    assert_int_equal(as.gt[0], 0);
    assert_int_equal(as.gt[1], 1);
    assert_int_equal(as.gq, 99);
    assert_int_equal(as.qual, 470); /* a prior of 30 */
    assert_ptr_equal(as.pl, het);
    const kuni_block block = {.ploidy = 2, .gq = 40, .gq_one = 99, .either = true},
                     plain = {.ploidy = 2, .gq = 40};
    assert_int_equal(kuni_block_gq(&block, 1), 99);
    assert_int_equal(kuni_block_gq(&block, 2), 40);
    assert_int_equal(kuni_block_gq(&plain, 1), 40);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(order_of_samples_does_not_matter),
        cmocka_unit_test(sharing_and_resting),
        cmocka_unit_test(dropped_samples_leave_no_trace),
        cmocka_unit_test(left_out_samples_leave_no_trace),
        cmocka_unit_test(broken_promises_are_refused),
        cmocka_unit_test(one_copy_of_two),
        cmocka_unit_test(told_for_one_copy),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const left[] = {"round", "a", "b"};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) (void)unlink(path_of(left[i]));
    (void)rmdir(folder);
    return failed;
}
