/* SPDX-License-Identifier: MIT */
/*
 * merge: calls of shards become one BCF and one sites VCF whose indices answer every query as a
 * linear scan does, with the same records however the genome is cut, and the same bytes where
 * shards end on the block grid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <htslib/bgzf.h>
#include <htslib/hts_log.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>

#include "assembly.h"
#include "kuni/stage.h"
#include "stage_table.h"

enum { SAMPLES = 5, SHARDS_MAX = 64, FILES_MAX = 8 * SHARDS_MAX };

static const struct {
    const char *name;
    int64_t length;
} contigs[] = {{"c1", 3000000}, {"c2", 900}, {"c3", 700000}, {"c4", 1000000}};
enum { CONTIGS = sizeof(contigs) / sizeof(contigs[0]) };

static char folder[64];
static kuni_genome *genome;
static kuni_sample samples[SAMPLES];
static int32_t columns[SAMPLES];
static kuni_params *params;
static bool foreign_lines; /* the calls' headers carry traces of a command */
static bool upgraded;      /* another version of kuni made all shards but the first */
/* Blocks of the calls are those of the national file: of no shard, of odd ones, of all; or say so falsely. */
static enum { REMADE, SEALED_ODD, SEALED, SEALED_FALSELY } blocks;

static const char *path_in(const char *name)
{
    static char path[8][256];
    static int next;
    char *made = path[next++ % 8];
    (void)snprintf(made, sizeof(path[0]), "%s/%s", folder, name);
    return made;
}

/* A number that looks random, of a record. */
static uint32_t mix(int32_t tid, int64_t pos, uint32_t salt)
{
    uint64_t x = (uint64_t)tid * 0x9E3779B97F4A7C15u + (uint64_t)pos * 0xBF58476D1CE4E5B9u + salt;
    x ^= x >> 31;
    x *= 0x94D049BB133111EBu;
    return (uint32_t)(x >> 32);
}

/* Dense here, sparse there, nothing at all on c2. */
static bool has_record(int32_t tid, int64_t pos)
{
    if (tid == 1 || (pos > 1200000 && pos < 2100000 && pos % 300000 != 7)) return false;
    return mix(tid, pos, 1) % (pos % 100000 < 3000 ? 7 : 900) == 0;
}

static bcf_hdr_t *make_header(int64_t shard)
{
    bcf_hdr_t *header = bcf_hdr_init("w");
    char line[256];
    (void)bcf_hdr_append(header, upgraded && shard ? "##source=kuni 9.9" : "##source=kuni 0.1.0");
    for (int i = 0; i < CONTIGS; i++) {
        (void)snprintf(line, sizeof(line), "##contig=<ID=%s,length=%lld>", contigs[i].name,
                       (long long)contigs[i].length);
        (void)bcf_hdr_append(header, line);
    }
    (void)bcf_hdr_append(header, "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"count\">");
    (void)bcf_hdr_append(header, "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">");
    (void)bcf_hdr_append(header, "##FILTER=<ID=low,Description=\"low\">");
    if (foreign_lines) {
        (void)snprintf(line, sizeof(line), "##bcftools_viewCommand=view /tmp/%lld; Date=today",
                       (long long)shard);
        (void)bcf_hdr_append(header, line);
        (void)bcf_hdr_append(header, "##reference=file:///some/where.fa");
    }
    for (int i = 0; i < SAMPLES; i++) (void)bcf_hdr_add_sample(header, samples[i].id);
    assert_int_equal(bcf_hdr_sync(header), 0);
    return header;
}

static void fill_record(bcf_hdr_t *header, bcf1_t *record, int32_t tid, int64_t pos)
{
    static const char *const alleles[] = {"A,G", "C,A", "G,GT", "T,C,G", "A,<DEL>", "AT,GC"};
    uint32_t kind = mix(tid, pos, 2) % 8;
    bcf_clear(record);
    record->rid = tid;
    record->pos = pos;
    record->qual = (float)(mix(tid, pos, 3) % 1000);
    if (kind < 6) {
        (void)bcf_update_alleles_str(header, record, alleles[kind]);
    } else {
        /* A deletion, now and then across many windows. */
        int64_t length = 2 + mix(tid, pos, 4) % (kind == 7 ? 40000 : 30);
        if (pos + length > contigs[tid].length) length = contigs[tid].length - pos;
        char *text = malloc((size_t)length + 3);
        memset(text, 'A', (size_t)length);
        (void)strcpy(text + length, ",A");
        (void)bcf_update_alleles_str(header, record, text);
        free(text);
    }
    int32_t count[2] = {(int32_t)(mix(tid, pos, 5) % 9), 1};
    (void)bcf_update_info_int32(header, record, "AC", count, (int)record->n_allele - 1);
    if (mix(tid, pos, 6) % 5 == 0) {
        int low = bcf_hdr_id2int(header, BCF_DT_ID, "low");
        (void)bcf_update_filter(header, record, &low, 1);
    }
    int32_t genotypes[2 * SAMPLES];
    for (int i = 0; i < 2 * SAMPLES; i++)
        genotypes[i] = bcf_gt_unphased((int)(mix(tid, pos, 7 + (uint32_t)i) % record->n_allele));
    (void)bcf_update_genotypes(header, record, genotypes, 2 * SAMPLES);
}

/* As joint_render_seal does it. */
static void seal(htsFile *file)
{
    static const char marker[28] = "\037\213\b\4\0\0\0\0\0\377\6\0BC\2\0\33\0\3\0\0\0\0\0\0\0\0";
    assert_int_equal(bgzf_flush(file->fp.bgzf), 0);
    assert_int_equal(bgzf_raw_write(file->fp.bgzf, marker, sizeof(marker)), sizeof(marker));
}

static void write_calls(const char *path, int64_t number, kuni_span shard)
{
    bool sealed = blocks >= SEALED || (blocks == SEALED_ODD && number % 2);
    htsFile *file = hts_open(path, "wb");
    bcf_hdr_t *header = make_header(number);
    bcf1_t *record = bcf_init();
    int64_t last = shard.beg;
    assert_int_equal(bcf_hdr_write(file, header), 0);
    if (sealed) assert_int_equal(bgzf_flush(file->fp.bgzf), 0);
    for (int64_t pos = shard.beg; pos < shard.end; pos++) {
        if (!has_record(shard.tid, pos)) continue;
        fill_record(header, record, shard.tid, pos);
        if (sealed && blocks != SEALED_FALSELY && pos >> 16 != last >> 16)
            assert_int_equal(bgzf_flush(file->fp.bgzf), 0);
        last = pos;
        assert_int_equal(bcf_write(file, header, record), 0);
    }
    if (sealed) seal(file);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
}

/* All files that the steps of a merge have made so far. */
typedef struct pool {
    kuni_task_file files[FILES_MAX];
    size_t count;
    kuni_span shards[SHARDS_MAX];
    size_t n_shards;
    const char *name;
} pool;

static void add_file(pool *all, const char *kind, const char *extension, int64_t shard)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s-%s-%lld.%s", all->name, kind, (long long)shard,
                   extension);
    assert_true(all->count < FILES_MAX);
    all->files[all->count++] =
        (kuni_task_file){.kind = kind, .path = strdup(path_in(name)), .shard = shard, .batch = -1};
}

static const char *pool_path(const pool *all, const char *kind)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->files[i].kind, kind) == 0) return all->files[i].path;
    return NULL;
}

static int by_kind_and_shard(const void *a, const void *b)
{
    const kuni_task_file *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);
    return order ? order : (x->shard > y->shard) - (x->shard < y->shard);
}

/* Runs a step as the engine would. */
static kuni_status run_step(pool *all, const kuni_step *step, int64_t shard, kuni_error *err)
{
    kuni_task_file inputs[FILES_MAX];
    size_t n_inputs = 0, first = all->count;
    for (size_t i = 0; i < first; i++)
        for (const kuni_port *port = step->inputs; port->kind; port++)
            if (strcmp(port->kind, all->files[i].kind) == 0 &&
                (shard < 0 || all->files[i].shard == shard) &&
                !(port->optional && access(all->files[i].path, F_OK) != 0))
                inputs[n_inputs++] = all->files[i];
    qsort(inputs, n_inputs, sizeof(inputs[0]), by_kind_and_shard);
    for (const kuni_port *port = step->outputs; port->kind; port++)
        add_file(all, port->kind, port->extension, shard);
    const kuni_task task = {.stage_id = "national",
                            .genome = genome,
                            .params = params,
                            .samples = samples,
                            .n_samples = SAMPLES,
                            .columns = columns,
                            .shards = all->shards,
                            .n_shards = all->n_shards,
                            .shard = shard,
                            .batch = -1,
                            .inputs = inputs,
                            .n_inputs = n_inputs,
                            .outputs = all->files + first,
                            .n_outputs = all->count - first};
    kuni_status status = step->run(&task, err);
    size_t kept = first;
    for (size_t i = first; i < all->count; i++) { /* some need not be written */
        if (access(all->files[i].path, F_OK) == 0)
            all->files[kept++] = all->files[i];
        else
            free((char *)all->files[i].path);
    }
    all->count = kept;
    return status;
}

/*
 * Cuts the genome into shards of at most `shard_bp` and merges them; the calls are written first.
 */
static void make_calls(pool *all, const char *name, int64_t shard_bp)
{
    *all = (pool){.name = name};
    for (int32_t tid = 0; tid < CONTIGS; tid++)
        for (int64_t beg = 0; beg < contigs[tid].length; beg += shard_bp) {
            int64_t end =
                beg + shard_bp < contigs[tid].length ? beg + shard_bp : contigs[tid].length;
            assert_true(all->n_shards < SHARDS_MAX);
            all->shards[all->n_shards++] = (kuni_span){.tid = tid, .beg = beg, .end = end};
        }
    for (size_t i = 0; i < all->n_shards; i++) {
        add_file(all, "calls", "bcf", (int64_t)i);
        write_calls(all->files[all->count - 1].path, (int64_t)i, all->shards[i]);
    }
}

static kuni_status merge_calls(pool *all, kuni_error *err)
{
    const kuni_stage *merge = kuni_stage_find("merge");
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < all->n_shards && !status; i++)
        status = run_step(all, &merge->steps[0], (int64_t)i, err);
    if (!status) status = run_step(all, &merge->steps[1], -1, err);
    if (!status) status = run_step(all, &merge->steps[2], -1, err);
    if (status) return status;
    char bcf_path[256], sites[256], index[300];
    (void)snprintf(bcf_path, sizeof(bcf_path), "%s/%s.bcf", folder, all->name);
    (void)snprintf(sites, sizeof(sites), "%s/%s.sites.vcf.gz", folder, all->name);
    kuni_assembly_target targets[] = {{.kind = "national", .path = bcf_path},
                                      {.kind = "national-sites", .path = sites}};
    status = kuni_assembly_write(pool_path(all, "assembly"), targets, 2, 1, err);
    if (status) return status;
    (void)snprintf(index, sizeof(index), "%s.csi", bcf_path);
    assert_int_equal(rename(pool_path(all, "national-index"), index), 0);
    (void)snprintf(index, sizeof(index), "%s.tbi", sites);
    assert_int_equal(rename(pool_path(all, "national-sites-tbi"), index), 0);
    return KUNI_OK;
}

static void merge_all(const char *name, int64_t shard_bp)
{
    static pool all;
    kuni_error err = KUNI_ERROR_INIT;
    make_calls(&all, name, shard_bp);
    if (merge_calls(&all, &err)) print_error("%s\n", err.text);
    assert_string_equal(err.text, "");
    size_t pieces = 0;
    for (size_t i = 0; i < all.count; i++) {
        pieces += strcmp(all.files[i].kind, "segment") == 0;
        free((char *)all.files[i].path);
    }
    size_t remade = blocks == REMADE       ? all.n_shards
                    : blocks == SEALED_ODD ? (all.n_shards + 1) / 2
                                           : 0;
    assert_int_equal(pieces, remade);
}

/* Every record of a file as text. */
static kstring_t text_of(const char *path)
{
    kstring_t text = KS_INITIALIZE;
    htsFile *file = hts_open(path, "r");
    assert_non_null(file);
    bcf_hdr_t *header = bcf_hdr_read(file);
    bcf1_t *record = bcf_init();
    int result;
    while ((result = bcf_read(file, header, record)) == 0)
        assert_int_equal(vcf_format(header, record, &text), 0);
    assert_int_equal(result, -1);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
    return text;
}

static void test_records(void **state)
{
    (void)state;
    kstring_t expected = KS_INITIALIZE;
    bcf_hdr_t *header = make_header(0);
    bcf1_t *record = bcf_init();
    for (int32_t tid = 0; tid < CONTIGS; tid++)
        for (int64_t pos = 0; pos < contigs[tid].length; pos++)
            if (has_record(tid, pos)) {
                fill_record(header, record, tid, pos);
                assert_int_equal(vcf_format(header, record, &expected), 0);
            }
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    static const struct {
        const char *name;
        int64_t shard_bp;
    } cuts[] = {{"one", 1 << 30}, {"seven", 777777}, {"many", 123457}};
    for (size_t i = 0; i < 3; i++) {
        merge_all(cuts[i].name, cuts[i].shard_bp);
        char name[64];
        (void)snprintf(name, sizeof(name), "%s.bcf", cuts[i].name);
        kstring_t text = text_of(path_in(name));
        assert_int_equal(text.l, expected.l);
        assert_memory_equal(text.s, expected.s, expected.l);
        ks_free(&text);
    }
    ks_free(&expected);
}

static void test_same_bytes(void **state)
{
    (void)state;
    /* Shards that end on the block grid: the very same file. */
    merge_all("grid1", 1 << 17);
    merge_all("grid2", 1 << 20);
    static const char *const endings[] = {"bcf", "bcf.csi", "sites.vcf.gz", "sites.vcf.gz.tbi"};
    for (size_t i = 0; i < 4; i++) {
        char name[64], one[KUNI_DIGEST_HEX_BYTES], two[KUNI_DIGEST_HEX_BYTES];
        (void)snprintf(name, sizeof(name), "grid1.%s", endings[i]);
        assert_int_equal(kuni_digest_file(path_in(name), one, NULL), 0);
        (void)snprintf(name, sizeof(name), "grid2.%s", endings[i]);
        assert_int_equal(kuni_digest_file(path_in(name), two, NULL), 0);
        assert_string_equal(one, two);
    }
}

/* Blocks that joint-genotype made for the national file are taken as they are. */
static void test_sealed_blocks(void **state)
{
    (void)state;
    static const char *const endings[] = {"bcf", "bcf.csi", "sites.vcf.gz", "sites.vcf.gz.tbi"};
    blocks = SEALED;
    merge_all("sealed1", 1 << 17);
    merge_all("sealed2", 1 << 20);
    merge_all("sealed", 123457);
    blocks = SEALED_ODD;
    merge_all("mixed", 123457);
    blocks = REMADE;
    for (size_t i = 0; i < 4; i++) {
        char name[64], one[KUNI_DIGEST_HEX_BYTES], two[KUNI_DIGEST_HEX_BYTES];
        (void)snprintf(name, sizeof(name), "sealed1.%s", endings[i]);
        assert_int_equal(kuni_digest_file(path_in(name), one, NULL), 0);
        (void)snprintf(name, sizeof(name), "sealed2.%s", endings[i]);
        assert_int_equal(kuni_digest_file(path_in(name), two, NULL), 0);
        assert_string_equal(one, two);
    }
    static const char *const names[] = {"sealed", "mixed", "sealed1"};
    kstring_t expected = text_of(path_in("one.bcf"));
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s.bcf", names[i]);
        kstring_t text = text_of(path_in(name));
        assert_int_equal(text.l, expected.l);
        assert_memory_equal(text.s, expected.s, expected.l);
        ks_free(&text);
    }
    ks_free(&expected);
}

typedef struct place {
    int rid;
    int64_t beg, end;
} place;

static size_t read_places(const char *path, place **places)
{
    size_t count = 0, capacity = 0;
    htsFile *file = hts_open(path, "r");
    bcf_hdr_t *header = bcf_hdr_read(file);
    bcf1_t *record = bcf_init();
    while (bcf_read(file, header, record) == 0) {
        assert_int_equal(kuni_grow((void **)places, &capacity, count + 1, sizeof(**places), NULL),
                         0);
        (*places)[count++] =
            (place){.rid = record->rid, .beg = record->pos, .end = record->pos + record->rlen};
    }
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
    return count;
}

static void check_queries(const char *bcf_path, const char *sites_path)
{
    place *places = NULL;
    size_t count = read_places(bcf_path, &places);
    assert_true(count > 3000);
    htsFile *file = hts_open(bcf_path, "r");
    bcf_hdr_t *header = bcf_hdr_read(file);
    hts_idx_t *index = bcf_index_load(bcf_path);
    htsFile *sites = hts_open(sites_path, "r");
    tbx_t *tabix = tbx_index_load(sites_path);
    assert_non_null(index);
    assert_non_null(tabix);
    bcf1_t *record = bcf_init();
    kstring_t line = KS_INITIALIZE;
    for (uint32_t round = 0; round < 600; round++) {
        int rid = (int)(mix(1, round, 100) % CONTIGS);
        int64_t beg = mix(2, round, 100) % contigs[rid].length;
        int64_t end = beg + 1 + mix(3, round, 100) % (round % 3 ? 2000 : 400000);
        size_t expected = 0, found = 0, lines = 0;
        for (size_t i = 0; i < count; i++)
            expected += places[i].rid == rid && places[i].beg < end && places[i].end > beg;
        hts_itr_t *iterator = bcf_itr_queryi(index, rid, beg, end);
        assert_non_null(iterator);
        while (bcf_itr_next(file, iterator, record) >= 0) found++;
        hts_itr_destroy(iterator);
        assert_int_equal(found, expected);
        int tid = tbx_name2id(tabix, contigs[rid].name);
        if (tid < 0) {
            assert_int_equal(expected, 0);
            continue;
        }
        iterator = tbx_itr_queryi(tabix, tid, beg, end);
        while (tbx_itr_next(sites, tabix, iterator, &line) >= 0) lines++;
        hts_itr_destroy(iterator);
        assert_int_equal(lines, expected);
    }
    for (int rid = 0; rid < CONTIGS; rid++) {
        uint64_t mapped = 0, unmapped = 0, expected = 0;
        for (size_t i = 0; i < count; i++) expected += places[i].rid == rid;
        (void)hts_idx_get_stat(index, rid, &mapped, &unmapped);
        assert_int_equal(mapped, expected);
    }
    ks_free(&line);
    bcf_destroy(record);
    tbx_destroy(tabix);
    hts_idx_destroy(index);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(sites), 0);
    assert_int_equal(hts_close(file), 0);
    free(places);
}

static void test_queries(void **state)
{
    (void)state;
    check_queries(path_in("one.bcf"), path_in("one.sites.vcf.gz"));
    check_queries(path_in("many.bcf"), path_in("many.sites.vcf.gz"));
    check_queries(path_in("grid1.bcf"), path_in("grid1.sites.vcf.gz"));
    check_queries(path_in("sealed1.bcf"), path_in("sealed1.sites.vcf.gz"));
    check_queries(path_in("mixed.bcf"), path_in("mixed.sites.vcf.gz"));
}

static void test_foreign_header_lines(void **state)
{
    (void)state;
    foreign_lines = true;
    merge_all("foreign", 1 << 20);
    foreign_lines = false;
    char one[KUNI_DIGEST_HEX_BYTES], two[KUNI_DIGEST_HEX_BYTES];
    assert_int_equal(kuni_digest_file(path_in("foreign.bcf"), one, NULL), 0);
    assert_int_equal(kuni_digest_file(path_in("grid2.bcf"), two, NULL), 0);
    assert_string_equal(one, two);
}

/* A run that was gone on with by another kuni once ended with "the shards' headers differ". */
static void test_shards_of_two_versions(void **state)
{
    (void)state;
    upgraded = true;
    merge_all("upgraded", 1 << 20);
    upgraded = false;
    char one[KUNI_DIGEST_HEX_BYTES], two[KUNI_DIGEST_HEX_BYTES];
    assert_int_equal(kuni_digest_file(path_in("upgraded.bcf"), one, NULL), 0);
    assert_int_equal(kuni_digest_file(path_in("grid2.bcf"), two, NULL), 0);
    assert_string_equal(one, two);
}

static void expect_failure(pool *all, const char *words)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = merge_calls(all, &err);
    if (!strstr(err.text, words)) print_error("%s\n", err.text);
    assert_int_equal(status, KUNI_DATA);
    assert_non_null(strstr(err.text, words));
    for (size_t i = 0; i < all->count; i++) free((char *)all->files[i].path);
}

static void test_bad_calls(void **state)
{
    (void)state;
    static pool all;
    /* A record outside its shard. */
    make_calls(&all, "bad", 777777);
    write_calls(all.files[1].path, 1, (kuni_span){.tid = 0, .beg = 700000, .end = 800000});
    expect_failure(&all, "outside its shard");
    /* Another sample order. */
    make_calls(&all, "bad", 777777);
    kuni_sample swap = samples[1];
    samples[1] = samples[2];
    samples[2] = swap;
    write_calls(all.files[1].path, 1, all.shards[1]);
    swap = samples[1];
    samples[1] = samples[2];
    samples[2] = swap;
    expect_failure(&all, "column 2 should be sample s1, but is s2");
    /* A shard with another header. */
    make_calls(&all, "bad", 777777);
    char command[600];
    (void)snprintf(command, sizeof(command),
                   "printf '##INFO=<ID=X,Number=1,Type=Integer,Description=\"x\">\\n' > %s; "
                   "bcftools annotate -h %s -Ob -o %s.new %s && mv %s.new %s",
                   path_in("line"), path_in("line"), all.files[2].path, all.files[2].path,
                   all.files[2].path, all.files[2].path);
    if (system(command) == 0) expect_failure(&all, "headers differ");
    /* Blocks that say what they are not. */
    blocks = SEALED_FALSELY;
    make_calls(&all, "bad", 777777);
    blocks = REMADE;
    expect_failure(&all, "its blocks do not end where");
    /* Torn in the middle, and without its end. */
    make_calls(&all, "bad", 777777);
    assert_int_equal(truncate(all.files[0].path, 5000), 0);
    expect_failure(&all, "truncated");
}

/* The tools people use say nothing but what they are asked. */
static void test_bcftools(void **state)
{
    (void)state;
    if (system("command -v bcftools > /dev/null") != 0) {
        print_message("left out: no bcftools on PATH\n");
        skip();
    }
    static const char *const commands[] = {
        "bcftools view -r c1:100000-200000,c4:5-500000 many.bcf",
        "bcftools index -s many.bcf | grep -q '^c4\t1000000\t'",
        "bcftools index -s many.sites.vcf.gz | grep -q '^c3'",
        "bcftools view -r c3:100000-200000 many.sites.vcf.gz",
        "bcftools stats many.bcf",
        "test \"$(bcftools query -f '%CHROM %POS %REF %ALT\\n' many.bcf | md5sum)\" = "
        "\"$(bcftools query -f '%CHROM %POS %REF %ALT\\n' many.sites.vcf.gz | md5sum)\"",
        "test \"$(bcftools index -s many.bcf | awk '{n += $3} END {print n}')\" = \"$(bcftools "
        "view -H many.bcf | wc -l)\"",
        "tabix many.sites.vcf.gz c1:1-1000000"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char line[512];
        (void)snprintf(line, sizeof(line), "cd %s && { %s; } > out 2> err && ! grep . err", folder,
                       commands[i]);
        if (system(line) != 0) fail_msg("%s", commands[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    hts_set_log_level(HTS_LOG_OFF);
    (void)strcpy(folder, "/tmp/kuni_test_merge_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    kuni_file *fasta;
    if (kuni_file_create(&fasta, path_in("ref.fa"), NULL)) return -1;
    for (int i = 0; i < CONTIGS; i++) {
        char *bases = malloc((size_t)contigs[i].length);
        if (!bases || kuni_file_printf(fasta, NULL, ">%s\n", contigs[i].name)) return -1;
        memset(bases, 'A', (size_t)contigs[i].length);
        if (kuni_file_write(fasta, bases, (size_t)contigs[i].length, NULL)) return -1;
        if (kuni_file_write(fasta, "\n", 1, NULL)) return -1;
        free(bases);
    }
    static char ids[SAMPLES][16];
    for (int i = 0; i < SAMPLES; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "s%d", i);
        samples[i].id = ids[i];
        columns[i] = i;
    }
    params = kuni_params_new(kuni_stage_find("merge")->params, NULL);
    if (!params || kuni_file_commit(fasta, NULL)) return -1;
    return kuni_genome_open(&genome, path_in("ref.fa"), NULL);
}

static int tear_down(void **state)
{
    (void)state;
    kuni_genome_close(genome);
    kuni_params_free(params);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_sealed_blocks),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_foreign_header_lines),
        cmocka_unit_test(test_shards_of_two_versions),
        cmocka_unit_test(test_bcftools),
        cmocka_unit_test(test_bad_calls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
