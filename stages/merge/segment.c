/* SPDX-License-Identifier: MIT */
/*
 * Step "segment": turns a shard's calls into pieces that need only be concatenated, and indexes
 * them.
 */
#include "segment.h"

#include <htslib/kstring.h>
#include <stdlib.h>
#include <string.h>

#include "calls_file.h"
#include "numbers/counter.h"
#include "piece.h"
#include "sparse_file.h"

enum {
    INFO_BYTES_MAX = 1 << 30,
    BEAT_EVERY_RECORDS = 64,
    /*
     * A block ends at each multiple of this: blocks then do not depend on the shards, where their
     * edges are multiples too.
     */
    BLOCK_GRID_SHIFT = 16
};

static const char info_magic[8] = "KUNISG4";

typedef struct segment {
    const kuni_task *task;
    kuni_span shard;
    calls_file calls;
    sparse_file sparse; /* of which a line is under way: sparse_pending */
    bool has_sparse, sparse_pending;
    piece_writer *records;                /* NULL: the blocks of the calls are taken as they are */
    piece_writer *sites, *sparse_records; /* likewise sparse_records */
    contig_index records_index, sites_index, sparse_index;
    int64_t last_sparse_pos;
    callset_counter *counter;
    segment_info info;
    kuni_buffer packed; /* the record under way */
    kstring_t line;
    int64_t last_pos, n_records;
} segment;

static kuni_status check_place(segment *job, kuni_error *err)
{
    const bcf1_t *record = job->calls.record;
    const char *contig = bcf_hdr_id2name(job->calls.header, record->rid);
    if (!contig || kuni_genome_find(job->task->genome, contig) != job->shard.tid ||
        record->pos < job->shard.beg || record->pos >= job->shard.end)
        return kuni_fail(err, KUNI_DATA,
                         "merge: %s: the record at %s:%lld lies outside its shard %s:%lld-%lld",
                         job->calls.path, contig ? contig : "?", (long long)record->pos + 1,
                         kuni_genome_contig(job->task->genome, job->shard.tid)->name,
                         (long long)job->shard.beg + 1, (long long)job->shard.end);
    if (record->pos < job->last_pos)
        return kuni_fail(err, KUNI_DATA, "merge: %s: the record at %s:%lld is out of order",
                         job->calls.path, contig, (long long)record->pos + 1);
    if (job->info.rid >= 0 && record->rid != job->info.rid)
        return kuni_fail(err, KUNI_DATA, "merge: %s: its header names contig %s twice",
                         job->calls.path, contig);
    return KUNI_OK;
}

/* What merge.json tells is of the numbers of the call set. */
static void take_counts(segment *job)
{
    const uint64_t *sums = callset_counter_totals(job->counter)->sums;
    const uint64_t *all = sums + CALLSET_AT_RECORDS, *alleles = sums + CALLSET_AT_ALLELES;
    job->info.counts = (segment_counts){
        .records = all[CALLSET_RECORDS],
        .passed = sums[CALLSET_AT_RECORDS + CALLSET_RECORD_COUNTS + CALLSET_RECORDS],
        .snps = all[CALLSET_SNPS],
        .indels = all[CALLSET_INDELS],
        .others = all[CALLSET_OTHERS],
        .multiallelic = all[CALLSET_MULTIALLELIC],
        .transitions = alleles[CALLSET_TRANSITION],
        .transversions = alleles[CALLSET_TRANSVERSION]};
}

/* The record's bytes as in the file: BCF2.2, section 6.3 of the VCF specification. */
static kuni_status pack_record(segment *job, kuni_error *err)
{
    const bcf1_t *record = job->calls.record;
    uint32_t head[8] = {(uint32_t)record->shared.l + 24,
                        (uint32_t)record->indiv.l,
                        (uint32_t)record->rid,
                        (uint32_t)record->pos,
                        (uint32_t)record->rlen,
                        0,
                        (uint32_t)record->n_allele << 16 | (uint32_t)record->n_info,
                        (uint32_t)record->n_fmt << 24 | (uint32_t)record->n_sample};
    memcpy(&head[5], &record->qual, sizeof(head[5]));
    kuni_buffer_clear(&job->packed);
    kuni_status status = kuni_buffer_append(&job->packed, head, sizeof(head), err);
    if (!status && record->shared.l)
        status = kuni_buffer_append(&job->packed, record->shared.s, record->shared.l, err);
    if (!status && record->indiv.l)
        status = kuni_buffer_append(&job->packed, record->indiv.s, record->indiv.l, err);
    return status;
}

static bool has_local_alleles(const calls_file *calls)
{
    for (size_t i = 0; calls_local_fields[i]; i++)
        if (bcf_get_fmt(calls->header, calls->record, calls_local_fields[i])) return true;
    return false;
}

/* Where the record is in its piece. */
static kuni_status place_record(segment *job, bool new_block, uint64_t *from, uint64_t *to,
                                kuni_error *err)
{
    const calls_file *calls = &job->calls;
    if (!job->records) {
        *from = calls->from;
        *to = calls->to;
        return sealed_blocks_place(&calls->seal, calls->path, new_block, from, to, err);
    }
    kuni_status status = pack_record(job, err);
    if (!status && new_block) status = piece_flush(job->records, err);
    if (status) return status;
    return piece_write(job->records, job->packed.data, job->packed.length, from, to, err);
}

/* --- sparse records --- */

static kuni_status refuse_sparse(const segment *job, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA,
                     "merge: %s: the record at position %lld %s: a stage between joint-genotype "
                     "and merge may add FILTER, ID and INFO or drop records, but not change "
                     "alleles, where `also` of joint-genotype has sparse",
                     job->calls.path, (long long)job->calls.record->pos + 1, what);
}

/* Where the sparse line under way is in its piece; `site` as sparse_print takes it. */
static kuni_status place_sparse(segment *job, const char *site, uint64_t *from, uint64_t *to,
                                kuni_error *err)
{
    const sparse_file *sparse = &job->sparse;
    bool new_block = sparse->pos >> BLOCK_GRID_SHIFT != job->last_sparse_pos >> BLOCK_GRID_SHIFT;
    if (!job->sparse_records) {
        *from = sparse->from;
        *to = sparse->to;
        return sealed_blocks_place(&sparse->seal, sparse->path, new_block, from, to, err);
    }
    kuni_buffer_clear(&job->packed);
    kuni_status status = sparse_print(sparse, &job->calls, site, &job->packed, err);
    if (!status && new_block) status = piece_flush(job->sparse_records, err);
    if (status) return status;
    return piece_write(job->sparse_records, job->packed.data, job->packed.length, from, to, err);
}

static kuni_status write_sparse(segment *job, const char *site, kuni_error *err)
{
    const sparse_file *sparse = &job->sparse;
    uint64_t from, to;
    kuni_status status = place_sparse(job, site, &from, &to, err);
    if (!status)
        status = contig_index_add(&job->sparse_index, sparse->pos, sparse->end, from, to, err);
    job->last_sparse_pos = sparse->pos;
    job->sparse_pending = false;
    return status;
}

static kuni_status next_sparse(segment *job, kuni_error *err)
{
    bool found;
    kuni_status status = sparse_next(&job->sparse, &found, err);
    job->sparse_pending = found;
    if (!status && found &&
        (job->sparse.pos < job->last_sparse_pos || job->sparse.pos >= job->shard.end))
        return kuni_fail(err, KUNI_DATA,
                         "merge: %s: the record at position %lld is out of order or outside its "
                         "shard",
                         job->sparse.path, (long long)job->sparse.pos + 1);
    if (!status && found && job->info.rid < 0)
        job->info.rid = bcf_hdr_name2id(
            job->calls.header, kuni_genome_contig(job->task->genome, job->shard.tid)->name);
    return status;
}

static const char *sparse_text(const segment *job)
{
    return job->sparse.line.s + job->sparse.at[SPARSE_COLUMNS - 1];
}

/* Sparse records that the calls have no more. */
static kuni_status drop_sparse(segment *job, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (!job->sparse_records)
        return kuni_fail(
            err, KUNI_DATA,
            "merge: %s: its end markers say that no stage has changed it, and it lacks "
            "the record at position %lld",
            job->calls.path, (long long)job->sparse.pos + 1);
    if (callset_counter_wants_sparse(job->counter))
        status = callset_counter_pass(job->counter, sparse_text(job), err);
    return status ? status : write_sparse(job, NULL, err);
}

/* Comes to the sparse record of the calls' one. */
static kuni_status find_sparse(segment *job, kuni_error *err)
{
    if (!job->has_sparse) return KUNI_OK;
    if (bcf_unpack(job->calls.record, BCF_UN_STR) != 0)
        return refuse_sparse(job, "is damaged", err);
    for (;;) {
        kuni_status status = job->sparse_pending ? KUNI_OK : next_sparse(job, err);
        if (status) return status;
        if (!job->sparse_pending || job->sparse.pos > job->calls.record->pos)
            return refuse_sparse(job, "is none of the sparse form", err);
        if (sparse_matches(&job->sparse, &job->calls)) return KUNI_OK;
        status = drop_sparse(job, err);
        if (status) return status;
    }
}

/* Sparse records behind the last of the calls. */
static kuni_status end_sparse(segment *job, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    while (job->has_sparse && !status) {
        if (!job->sparse_pending) status = next_sparse(job, err);
        if (status || !job->sparse_pending) break;
        status = drop_sparse(job, err);
    }
    return status;
}

/* --- records --- */

static kuni_status write_record(segment *job, kuni_error *err)
{
    bcf1_t *record = job->calls.record;
    if (!job->info.local) job->info.local = has_local_alleles(&job->calls);
    int64_t end = record->pos + (record->rlen > 0 ? record->rlen : 1);
    uint64_t from, to;
    bool new_block = record->pos >> BLOCK_GRID_SHIFT != job->last_pos >> BLOCK_GRID_SHIFT;
    kuni_status status = find_sparse(job, err);
    if (!status) status = place_record(job, new_block, &from, &to, err);
    if (!status && new_block) status = piece_flush(job->sites, err);
    if (!status) status = contig_index_add(&job->records_index, record->pos, end, from, to, err);
    if (status) return status;
    status =
        callset_counter_add(job->counter, record, job->has_sparse ? sparse_text(job) : NULL, err);
    if (status) return status;
    /* The same record without its samples, as text. */
    record->n_sample = 0;
    record->n_fmt = 0;
    ks_clear(&job->line);
    if (vcf_format(job->calls.header, record, &job->line) != 0)
        return kuni_fail(err, KUNI_DATA, "merge: %s: the record at position %lld cannot be printed",
                         job->calls.path, (long long)record->pos + 1);
    status = piece_write(job->sites, job->line.s, job->line.l, &from, &to, err);
    if (!status) status = contig_index_add(&job->sites_index, record->pos, end, from, to, err);
    return status || !job->has_sparse ? status : write_sparse(job, job->line.s, err);
}

static kuni_status write_info(const segment *job, kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_append(&bytes, info_magic, sizeof(info_magic), err);
    if (!status) status = kuni_buffer_append(&bytes, &job->info, sizeof(job->info), err);
    if (!status) status = contig_index_pack(&job->records_index, &bytes, err);
    if (!status) status = contig_index_pack(&job->sites_index, &bytes, err);
    if (!status && job->has_sparse) status = contig_index_pack(&job->sparse_index, &bytes, err);
    if (!status)
        status = kuni_file_put(kuni_task_output(job->task, "segment-info"), bytes.data,
                               bytes.length, err);
    kuni_buffer_fini(&bytes);
    return status;
}

/* Lines are as they stand in the file where the calls are. */
static kuni_status begin_sparse(segment *job, const char *path, int depth, int level,
                                kuni_error *err)
{
    job->has_sparse = true;
    job->info.sparse = 1;
    kuni_status status = sparse_open(&job->sparse, job->task, path, &job->calls, err);
    if (!status) status = contig_index_init(&job->sparse_index, depth, err);
    if (status) return status;
    const sealed_blocks *seal = &job->sparse.seal;
    if (!seal->are || !job->calls.seal.are)
        return piece_create(&job->sparse_records, kuni_task_output(job->task, "segment-sparse"),
                            level, err);
    job->info.sparse_offset = seal->begin;
    job->info.sparse_bytes = seal->end - seal->begin;
    return KUNI_OK;
}

static kuni_status begin(segment *job, kuni_error *err)
{
    const kuni_task *task = job->task;
    size_t count, n_sparse;
    const kuni_task_file *input = kuni_task_inputs(task, "calls", &count);
    const kuni_task_file *sparse = kuni_task_inputs(task, "sparse", &n_sparse);
    if (count != 1 || n_sparse > 1)
        return kuni_fail(err, KUNI_BUG, "merge: a shard has %zu files of calls, not one", count);
    kuni_status status = calls_open(&job->calls, task, input->path, err);
    if (status) return status;
    kuni_buffer text = KUNI_BUFFER_INIT;
    status = calls_header_text(&job->calls, CALLS_HEADER_COMMON, &text, err);
    kuni_digest *digest = status ? NULL : kuni_digest_new(err);
    if (!status && !digest) status = KUNI_MEMORY;
    if (!status) {
        kuni_digest_add(digest, text.data, text.length);
        kuni_digest_finish(digest, job->info.header_digest);
    }
    kuni_buffer_fini(&text);
    if (status) return status;
    int depth = contig_index_depth(calls_longest_contig(&job->calls));
    int level = (int)kuni_params_int(task->params, "compression");
    status = contig_index_init(&job->records_index, depth, err);
    if (!status) status = contig_index_init(&job->sites_index, depth, err);
    if (!status && job->calls.seal.are) {
        job->info.offset = job->calls.seal.begin;
        job->info.bytes = job->calls.seal.end - job->calls.seal.begin;
    } else if (!status)
        status = piece_create(&job->records, kuni_task_output(task, "segment"), level, err);
    if (!status)
        status = piece_create(&job->sites, kuni_task_output(task, "segment-sites"), level, err);
    if (!status && n_sparse) status = begin_sparse(job, sparse->path, depth, level, err);
    if (!status)
        status = callset_counter_new(&job->counter, task, job->calls.header, job->has_sparse,
                                     kuni_task_output(task, "common-sites"), err);
    return status;
}

static kuni_status copy_records(segment *job, kuni_error *err)
{
    bool found;
    kuni_status status;
    while (!(status = calls_next(&job->calls, &found, err)) && found) {
        status = check_place(job, err);
        if (!status) status = write_record(job, err);
        if (status) return status;
        job->last_pos = job->calls.record->pos;
        job->info.rid = job->calls.record->rid;
        if (job->task->heartbeat && ++job->n_records % BEAT_EVERY_RECORDS == 0)
            job->task->heartbeat(job->n_records);
    }
    return status;
}

static void segment_fini(segment *job)
{
    piece_discard(job->records);
    piece_discard(job->sites);
    piece_discard(job->sparse_records);
    sparse_close(&job->sparse);
    contig_index_fini(&job->sparse_index);
    callset_counter_free(job->counter);
    calls_close(&job->calls);
    contig_index_fini(&job->records_index);
    contig_index_fini(&job->sites_index);
    kuni_buffer_fini(&job->packed);
    ks_free(&job->line);
}

kuni_status segment_run(const kuni_task *task, kuni_error *err)
{
    segment job = {.task = task, .shard = task->shards[task->shard]};
    memset(&job.info, 0, sizeof(job.info)); /* its bytes are written, those between fields too */
    job.info.rid = -1;
    job.last_pos = job.last_sparse_pos = job.shard.beg;
    kuni_status status = begin(&job, err);
    if (!status) status = copy_records(&job, err);
    if (!status) status = end_sparse(&job, err);
    if (!status && job.sparse_records) {
        status = piece_close(job.sparse_records, false, err);
        job.sparse_records = NULL;
    }
    if (!status && job.records) {
        status = piece_close(job.records, false, err);
        job.records = NULL;
    }
    if (!status) {
        status = piece_close(job.sites, false, err);
        job.sites = NULL;
    }
    if (!status) {
        take_counts(&job);
        status = write_info(&job, err);
    }
    if (!status)
        status = callset_counter_finish(job.counter, kuni_task_output(task, "call-counts"), err);
    segment_fini(&job);
    return status;
}

kuni_status segment_info_read(const char *path, segment_info *info, kuni_buffer *bytes,
                              const char **indices, size_t *length, kuni_error *err)
{
    kuni_buffer_clear(bytes);
    kuni_status status = kuni_file_get(path, INFO_BYTES_MAX, bytes, err);
    if (status) return status;
    size_t head = sizeof(info_magic) + sizeof(*info);
    if (bytes->length < head || memcmp(bytes->data, info_magic, sizeof(info_magic)) != 0)
        return kuni_fail(err, KUNI_BUG, "merge: %s is no segment-info file", path);
    memcpy(info, bytes->data + sizeof(info_magic), sizeof(*info));
    *indices = bytes->data + head;
    *length = bytes->length - head;
    return KUNI_OK;
}
