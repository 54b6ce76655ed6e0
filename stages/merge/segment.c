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

enum {
    INFO_BYTES_MAX = 1 << 30,
    BEAT_EVERY_RECORDS = 64,
    /*
     * A block ends at each multiple of this: blocks then do not depend on the shards, where their
     * edges are multiples too.
     */
    BLOCK_GRID_SHIFT = 16
};

static const char info_magic[8] = "KUNISG2";

typedef struct segment {
    const kuni_task *task;
    kuni_span shard;
    calls_file calls;
    piece_writer *records; /* NULL: the blocks of the calls are taken as they are */
    piece_writer *sites;
    contig_index records_index, sites_index;
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
        *from = calls->from - (calls->begin << 16);
        *to = calls->to - (calls->begin << 16);
        if (!new_block || (*from & UINT16_MAX) == 0) return KUNI_OK;
        return kuni_fail(err, KUNI_DATA,
                         "merge: %s: its blocks do not end where its end markers say that they do: "
                         "a stage before merge must not write it so",
                         calls->path);
    }
    kuni_status status = pack_record(job, err);
    if (!status && new_block) status = piece_flush(job->records, err);
    if (status) return status;
    return piece_write(job->records, job->packed.data, job->packed.length, from, to, err);
}

static kuni_status write_record(segment *job, kuni_error *err)
{
    bcf1_t *record = job->calls.record;
    if (!job->info.local) job->info.local = has_local_alleles(&job->calls);
    int64_t end = record->pos + (record->rlen > 0 ? record->rlen : 1);
    uint64_t from, to;
    bool new_block = record->pos >> BLOCK_GRID_SHIFT != job->last_pos >> BLOCK_GRID_SHIFT;
    kuni_status status = place_record(job, new_block, &from, &to, err);
    if (!status && new_block) status = piece_flush(job->sites, err);
    if (!status) status = contig_index_add(&job->records_index, record->pos, end, from, to, err);
    if (status) return status;
    status = callset_counter_add(job->counter, record, err);
    if (status) return status;
    /* The same record without its samples, as text. */
    record->n_sample = 0;
    record->n_fmt = 0;
    ks_clear(&job->line);
    if (vcf_format(job->calls.header, record, &job->line) != 0)
        return kuni_fail(err, KUNI_DATA, "merge: %s: the record at position %lld cannot be printed",
                         job->calls.path, (long long)record->pos + 1);
    status = piece_write(job->sites, job->line.s, job->line.l, &from, &to, err);
    return status ? status : contig_index_add(&job->sites_index, record->pos, end, from, to, err);
}

static kuni_status write_info(const segment *job, kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_append(&bytes, info_magic, sizeof(info_magic), err);
    if (!status) status = kuni_buffer_append(&bytes, &job->info, sizeof(job->info), err);
    if (!status) status = contig_index_pack(&job->records_index, &bytes, err);
    if (!status) status = contig_index_pack(&job->sites_index, &bytes, err);
    if (!status)
        status = kuni_file_put(kuni_task_output(job->task, "segment-info"), bytes.data,
                               bytes.length, err);
    kuni_buffer_fini(&bytes);
    return status;
}

static kuni_status begin(segment *job, kuni_error *err)
{
    const kuni_task *task = job->task;
    size_t count;
    const kuni_task_file *input = kuni_task_inputs(task, "calls", &count);
    if (count != 1)
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
    if (!status && job->calls.sealed) {
        job->info.offset = job->calls.begin;
        job->info.bytes = job->calls.end - job->calls.begin;
    } else if (!status)
        status = piece_create(&job->records, kuni_task_output(task, "segment"), level, err);
    if (!status)
        status = piece_create(&job->sites, kuni_task_output(task, "segment-sites"), level, err);
    if (!status)
        status = callset_counter_new(&job->counter, task, job->calls.header,
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
    job.last_pos = job.shard.beg;
    kuni_status status = begin(&job, err);
    if (!status) status = copy_records(&job, err);
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
