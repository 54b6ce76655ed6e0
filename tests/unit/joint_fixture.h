/* SPDX-License-Identifier: MIT */
/*
 * What tests of joint genotyping share: a cohort's events and blocks in memory, cut into evidence
 * files for any batches and shards, the stage run on each shard, and its records as VCF lines.
 */
#ifndef KUNI_TESTS_JOINT_FIXTURE_H
#define KUNI_TESTS_JOINT_FIXTURE_H

#include <htslib/kstring.h>
#include <htslib/vcf.h>

#include "fixture.h"
#include "kuni/evidence.h"
#include "kuni/stage.h"

extern const kuni_stage kuni_stage_joint_genotype;

enum {
    FIXTURE_EITHER = 3,
    FIXTURE_ALLELES = 12,
    FIXTURE_PL = FIXTURE_ALLELES * (FIXTURE_ALLELES + 1) / 2
};

typedef struct joint_event {
    uint32_t sample;
    int64_t pos;         /* 1-based */
    const char *alleles; /* "REF,ALT,..." */
    int gt[2];
    int ploidy; /* 0: 2 */
    int n_pl;
    uint16_t pl[FIXTURE_PL];
    int n_ad;
    uint32_t ad[FIXTURE_ALLELES];
    uint8_t flags;
    uint32_t sb[4];
    int64_t phase_set;        /* 1-based, 0: none */
    uint8_t rank[KUNI_RANKS]; /* 0: unknown */
    uint8_t mq;               /* 0: 60 */
} joint_event;

typedef struct joint_block {
    uint32_t sample;
    int64_t beg, end; /* 1-based, inclusive */
    int gq, dp, kind;
    int ploidy; /* 0: 2; FIXTURE_EITHER: gq is 100 times that with one copy, plus that with two */
} joint_block;

typedef struct joint_case {
    const char *contig;
    int64_t length_bp;
    const char *ploidy; /* NULL: diploid */
    uint32_t n_samples;
    const kuni_sex *sex;       /* NULL: unknown */
    const char *const *groups; /* NULL: none */
    const int32_t *columns;    /* NULL: all, in order */
    const joint_event *events;
    size_t n_events;
    const joint_block *blocks;
    size_t n_blocks;
    uint32_t batch;     /* samples a batch; 0: all in one */
    uint32_t shards;    /* 0: one */
    int64_t from, to;   /* span that shards cut, 1-based inclusive; 0: the contig */
    const char *set[8]; /* "name=value" of stage parameters */
    kstring_t *sparse;  /* if not NULL: the lines of the sparse call sets are added to it */
    int64_t memory_bytes;
    const char *const
        *karyotypes;   /* "XX coverage" of each sample, NULL: no line; or NULL: no file */
    kstring_t *copies; /* if not NULL: the table of step "copies" is added to it */
} joint_case;

static inline void fixture_ok(kuni_status status, const kuni_error *err)
{
    if (status) fail_msg("%s: %s", kuni_status_name(status), err->text);
}

static inline void fixture_add_event(kuni_evidence_writer *writer, const joint_event *e,
                                     uint32_t sample)
{
    kuni_error err = KUNI_ERROR_INIT;
    char text[4096], *names[FIXTURE_ALLELES];
    uint8_t n = 0;
    assert_true(strlen(e->alleles) < sizeof(text));
    strcpy(text, e->alleles);
    for (char *at = strtok(text, ","); at; at = strtok(NULL, ",")) names[n++] = at;
    kuni_event event = {.pos = e->pos - 1,
                        .sample = sample,
                        .flags = e->flags,
                        .ploidy = (uint8_t)(e->ploidy ? e->ploidy : 2),
                        .n_alleles = n,
                        .gt = {(int8_t)e->gt[0], (int8_t)e->gt[1]},
                        .mq = e->mq ? e->mq : 60,
                        .phase_set = e->phase_set - 1,
                        .alleles = (const char *const *)names,
                        .pl = e->n_pl ? e->pl : NULL,
                        .ad = e->n_ad ? e->ad : NULL};
    if (event.ploidy == 1) event.gt[1] = -1;
    if (strcmp(names[n - 1], "<*>") == 0) event.flags |= KUNI_EVENT_OTHER;
    for (int i = 0; i < e->n_ad; i++) event.dp += e->ad[i];
    memcpy(event.sb, e->sb, sizeof(event.sb));
    memcpy(event.rank, e->rank, sizeof(event.rank));
    event.gq = 99;
    for (int i = 0; i < e->n_pl; i++)
        if (e->pl[i] && e->pl[i] < event.gq) event.gq = (uint8_t)e->pl[i];
    event.qual = e->n_pl ? e->pl[0] : 0;
    fixture_ok(kuni_evidence_add_event(writer, &event, &err), &err);
}

static inline void fixture_write_evidence(const joint_case *c, const kuni_sample *samples,
                                          const kuni_batch *batch, kuni_span shard,
                                          const char *path)
{
    kuni_error err = KUNI_ERROR_INIT;
    const char **ids = calloc(batch->n_samples, sizeof(*ids));
    for (size_t i = 0; i < batch->n_samples; i++) ids[i] = samples[batch->first + i].id;
    const kuni_evidence_header header = {.shard = shard,
                                         .contig = c->contig,
                                         .reference_md5 = "0123456789abcdef0123456789abcdef",
                                         .producer = "test 1",
                                         .params = "",
                                         .samples = ids,
                                         .n_samples = (uint32_t)batch->n_samples};
    kuni_evidence_writer *writer;
    fixture_ok(kuni_evidence_create(&writer, path, &header, &err), &err);
    for (size_t s = 0; s < batch->n_samples; s++) {
        size_t sample = batch->first + s;
        for (size_t i = 0; i < c->n_blocks; i++) {
            const joint_block *b = &c->blocks[i];
            kuni_block block = {.beg = b->beg - 1,
                                .end = b->end,
                                .sample = (uint32_t)s,
                                .kind = (uint8_t)b->kind,
                                .gq = (uint8_t)(b->gq % 100),
                                .min_dp = (uint16_t)b->dp,
                                .ploidy = b->ploidy == 1 ? 1 : 2,
                                .gq_one = (uint8_t)(b->gq / 100),
                                .either = b->ploidy == FIXTURE_EITHER};
            if (b->sample != sample || block.end <= shard.beg || block.beg >= shard.end) continue;
            if (block.beg < shard.beg) block.beg = shard.beg;
            if (block.end > shard.end) block.end = shard.end;
            fixture_ok(kuni_evidence_add_block(writer, &block, &err), &err);
        }
        for (size_t i = 0; i < c->n_events; i++) {
            const joint_event *e = &c->events[i];
            int64_t end = e->pos - 1 + (int64_t)strcspn(e->alleles, ",");
            if (e->sample != sample || end <= shard.beg || e->pos - 1 >= shard.end) continue;
            fixture_add_event(writer, e, (uint32_t)s);
        }
    }
    fixture_ok(kuni_evidence_finish(writer, &err), &err);
    free(ids);
}

/* Appends the file's records (and the header first, where asked) to `out`. */
static inline void fixture_read_calls(const char *path, kstring_t *out, bool with_header)
{
    htsFile *file = hts_open(path, "r");
    assert_non_null(file);
    bcf_hdr_t *header = bcf_hdr_read(file);
    assert_non_null(header);
    bcf1_t *record = bcf_init();
    if (with_header) assert_int_equal(bcf_hdr_format(header, 0, out), 0);
    while (bcf_read(file, header, record) == 0)
        assert_int_equal(vcf_format(header, record, out), 0);
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    assert_int_equal(hts_close(file), 0);
}

/* Appends the lines of a VCF file but its header. */
static inline void fixture_read_lines(const char *path, kstring_t *out)
{
    htsFile *file = hts_open(path, "r");
    assert_non_null(file);
    kstring_t line = {0, 0, NULL};
    while (hts_getline(file, '\n', &line) >= 0) {
        if (line.s[0] == '#') continue;
        kputsn(line.s, (int)line.l, out);
        kputc('\n', out);
    }
    free(line.s);
    assert_int_equal(hts_close(file), 0);
}

static inline void fixture_genome(const joint_case *c, kuni_genome **genome, kuni_ploidy **ploidy)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *sequence = malloc((size_t)c->length_bp + 64);
    int n = sprintf(sequence, ">%s\n", c->contig);
    memset(sequence + n, 'A', (size_t)c->length_bp);
    strcpy(sequence + n + c->length_bp, "\n");
    (void)remove("ref.fa.fai");
    fixture_write("ref.fa", sequence);
    free(sequence);
    fixture_ok(kuni_genome_open(genome, "ref.fa", &err), &err);
    fixture_ok(kuni_ploidy_open(ploidy, c->ploidy ? c->ploidy : "diploid", *genome, &err), &err);
}

/* Karyotypes as a stage upstream would give them: a file a batch. */
static inline kuni_task_file fixture_write_karyotypes(const joint_case *c,
                                                      const kuni_sample *samples,
                                                      const kuni_batch *batch, size_t index,
                                                      char path[32])
{
    sprintf(path, "b%zu.karyotypes.tsv", index);
    kstring_t text = {0, 0, NULL};
    kputs("sample_id\tkaryotype\tbasis\n", &text);
    for (size_t i = batch->first; i < batch->first + batch->n_samples; i++) {
        char name[16], basis[16];
        if (!c->karyotypes[i]) continue;
        assert_int_equal(sscanf(c->karyotypes[i], "%15s %15s", name, basis), 2);
        ksprintf(&text, "%s\t%s\t%s\n", samples[i].id, name, basis);
    }
    fixture_write(path, text.s);
    free(text.s);
    return (kuni_task_file){
        .kind = "karyotypes", .path = path, .shard = -1, .batch = (int64_t)index};
}

static inline kuni_params *fixture_joint_params(const joint_case *c)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_params *params = kuni_params_new(kuni_stage_joint_genotype.params, &err);
    assert_non_null(params);
    for (int i = 0; i < 8 && c->set[i]; i++) {
        char name[64];
        size_t n = strcspn(c->set[i], "=");
        memcpy(name, c->set[i], n);
        name[n] = '\0';
        fixture_ok(kuni_params_set(params, name, c->set[i] + n + 1, &err), &err);
    }
    if (c->sparse) fixture_ok(kuni_params_set(params, "also", "sparse", &err), &err);
    return params;
}

static inline void fixture_name_samples(const joint_case *c, kuni_sample *samples,
                                        char (*names)[16], int32_t *columns)
{
    for (uint32_t i = 0; i < c->n_samples; i++) {
        sprintf(names[i], "S%u", i);
        samples[i] = (kuni_sample){.id = names[i],
                                   .participant = names[i],
                                   .sex = c->sex ? c->sex[i] : KUNI_SEX_UNKNOWN,
                                   .group = c->groups ? c->groups[i] : NULL,
                                   .index_in_cohort = i};
        columns[i] = c->columns ? c->columns[i] : (int32_t)i;
    }
}

static inline void fixture_cut_shards(const joint_case *c, kuni_span *shards, uint32_t n_shards)
{
    int64_t from = c->from ? c->from - 1 : 0, to = c->to ? c->to : c->length_bp;
    for (uint32_t i = 0; i < n_shards; i++)
        shards[i] = (kuni_span){.tid = 0,
                                .beg = from + (to - from) * i / n_shards,
                                .end = from + (to - from) * (i + 1) / n_shards};
}

/* Runs the stage over all shards; the records of all, in order, as text to be freed. */
static inline char *fixture_joint(const joint_case *c, bool with_header)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    fixture_genome(c, &genome, &ploidy);
    kuni_sample *samples = calloc(c->n_samples, sizeof(*samples));
    char(*names)[16] = calloc(c->n_samples, sizeof(*names));
    int32_t *columns = calloc(c->n_samples, sizeof(*columns));
    uint32_t per_batch = c->batch ? c->batch : c->n_samples, n_shards = c->shards ? c->shards : 1;
    size_t n_batches = (c->n_samples + per_batch - 1) / per_batch;
    kuni_batch *batches = calloc(n_batches, sizeof(*batches));
    kuni_span *shards = calloc(n_shards, sizeof(*shards));
    kuni_task_file *files = calloc(2 * n_batches, sizeof(*files));
    char(*paths)[32] = calloc(2 * n_batches, sizeof(*paths));
    fixture_name_samples(c, samples, names, columns);
    for (size_t b = 0; b < n_batches; b++) {
        batches[b] = (kuni_batch){.id = "b", .first = b * per_batch, .n_samples = per_batch};
        if (batches[b].first + per_batch > c->n_samples)
            batches[b].n_samples = c->n_samples - batches[b].first;
    }
    fixture_cut_shards(c, shards, n_shards);
    kuni_params *params = fixture_joint_params(c);
    kstring_t text = {0, 0, NULL};
    for (size_t b = 0; b < n_batches && c->karyotypes; b++)
        files[n_batches + b] =
            fixture_write_karyotypes(c, samples, &batches[b], b, paths[n_batches + b]);
    for (uint32_t s = 0; s < n_shards; s++) {
        for (size_t b = 0; b < n_batches; b++) {
            sprintf(paths[b], "b%zu.kev", b);
            fixture_write_evidence(c, samples, &batches[b], shards[s], paths[b]);
            files[b] = (kuni_task_file){
                .kind = "evidence", .path = paths[b], .shard = s, .batch = (int64_t)b};
        }
        const kuni_task_file outputs[] = {{.kind = "calls", .path = "calls.bcf"},
                                          {.kind = "sparse", .path = "sparse.vcf.gz"},
                                          {.kind = "copies", .path = "copies.tsv"}};
        const kuni_task task = {.stage_id = "joint",
                                .genome = genome,
                                .ploidy = ploidy,
                                .params = params,
                                .samples = samples,
                                .n_samples = c->n_samples,
                                .columns = columns,
                                .batches = batches,
                                .n_batches = n_batches,
                                .shards = shards,
                                .n_shards = n_shards,
                                .shard = s,
                                .batch = -1,
                                .inputs = files,
                                .n_inputs = c->karyotypes ? 2 * n_batches : n_batches,
                                .outputs = outputs,
                                .n_outputs = 3,
                                .scratch = ".",
                                .memory_bytes = c->memory_bytes};
        fixture_ok(kuni_stage_joint_genotype.steps[0].run(&task, &err), &err);
        fixture_read_calls("calls.bcf", &text, with_header && s == 0);
        if (c->sparse) fixture_read_lines("sparse.vcf.gz", c->sparse);
        if (c->copies && s == 0) {
            (void)remove("copies.tsv");
            fixture_ok(kuni_stage_joint_genotype.steps[1].run(&task, &err), &err);
            FILE *file = fopen("copies.tsv", "r");
            for (int letter; file && (letter = fgetc(file)) != EOF;) kputc(letter, c->copies);
            if (file) (void)fclose(file);
        }
    }
    kuni_params_free(params);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    free(samples);
    free(names);
    free(columns);
    free(batches);
    free(shards);
    free(files);
    free(paths);
    if (!text.s) text.s = calloc(1, 1);
    return text.s;
}

/*
 * The part of a record (line number `line`) that a test is about: CHROM..ALT, or a FORMAT field of
 * all samples.
 */
static inline const char *fixture_line(const char *text, int line)
{
    while (line-- > 0 && text) {
        text = strchr(text, '\n');
        if (text) text++;
    }
    return text;
}

/* "POS REF ALT gt gt gt ..." of a record; to be freed. */
static inline char *fixture_genotypes(const char *text, int line)
{
    text = fixture_line(text, line);
    assert_true(text && *text);
    kstring_t out = {0, 0, NULL};
    for (int column = 0; *text && *text != '\n'; column++) {
        size_t n = strcspn(text, "\t\n");
        if (column == 1 || column == 3 || column == 4 || column >= 9) {
            if (out.l) kputc(' ', &out);
            kputsn(text, (int)(column >= 9 ? strcspn(text, ":\t\n") : n), &out);
        }
        text += n + (text[n] == '\t');
    }
    return out.s;
}

#define expect_genotypes(text, line, expected)                                                     \
    do {                                                                                           \
        char *found_ = fixture_genotypes(text, line);                                              \
        assert_string_equal(found_, expected);                                                     \
        free(found_);                                                                              \
    } while (0)

#endif
