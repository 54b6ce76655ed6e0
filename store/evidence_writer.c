/* SPDX-License-Identifier: MIT */
/*
 * Events and blocks are spooled per sample as they come, in a compact private coding. At the end
 * the chunks are built one after another: each takes its part from the front of every sample's
 * spool, so the bytes of the file do not depend on the order in which samples were added, and
 * memory holds one chunk besides the spools.
 */
#include <stdlib.h>

#include "evidence_encode.h"
#include "kuni/evidence.h"
#include "kuni/file.h"
#include "spool.h"

enum {
    SPOOL_MEMORY_BYTES = 96 << 20, /* beyond it the spools go to a temporary file */
    RECORD_VIEW_BYTES = 1 << 12    /* asked of a spool at a time; records tell their own length */
};

/* An event that reaches into a later chunk: kept as spooled until it is passed. */
typedef struct reaching_event {
    int64_t end;
    uint8_t *record;
    size_t length;
} reaching_event;

typedef struct sample_state {
    int64_t last_pos;    /* of the event added last */
    kuni_block pending;  /* the block added last, which may still grow; beg == end: none */
    int64_t spooled_end; /* of the block spooled last */
    reaching_event *reaching;
    size_t n_reaching, reaching_capacity;
} sample_state;

struct kuni_evidence_writer {
    kuni_file *file;
    char *path;
    kuni_span shard;
    uint32_t n_samples;
    sample_state *samples;
    kuni_spool *events, *blocks;
    kuni_stream record; /* scratch */
    /* of the chunk under construction */
    kuni_encoder *encoder;
    kuni_arena *arena;
    kuni_event *chunk_events;
    kuni_block *chunk_blocks;
    size_t n_events, events_capacity, n_blocks, blocks_capacity;
    kuni_stream out;
};

static int64_t chunk_floor(int64_t pos)
{
    return pos / KUNI_EVIDENCE_CHUNK_BP * KUNI_EVIDENCE_CHUNK_BP;
}

static kuni_status write_header(kuni_evidence_writer *writer, const kuni_evidence_header *header,
                                kuni_error *err)
{
    kuni_stream payload = {0}, whole = {0};
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = KUNI_MEMORY;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return status;
    for (uint32_t i = 0; i < header->n_samples; i++)
        kuni_digest_add_text(digest, header->samples[i]);
    kuni_digest_finish(digest, hex);
    kuni_put_fixed(&payload, (uint32_t)header->shard.tid, 4);
    kuni_put_fixed(&payload, (uint64_t)header->shard.beg, 8);
    kuni_put_fixed(&payload, (uint64_t)header->shard.end, 8);
    kuni_put_fixed(&payload, KUNI_EVIDENCE_CHUNK_BP, 4);
    kuni_put_text(&payload, header->contig);
    kuni_put_text(&payload, header->reference_md5 ? header->reference_md5 : "");
    kuni_put_text(&payload, header->producer ? header->producer : "");
    kuni_put_text(&payload, header->params ? header->params : "");
    kuni_put_text(&payload, hex);
    kuni_put_varint(&payload, header->n_samples);
    for (uint32_t i = 0; i < header->n_samples; i++) kuni_put_text(&payload, header->samples[i]);
    kuni_put_bytes(&whole, KUNI_EVIDENCE_MAGIC, KUNI_EVIDENCE_MAGIC_BYTES);
    kuni_put_fixed(&whole, KUNI_EVIDENCE_FORMAT, 4);
    kuni_put_fixed(&whole, payload.length, 8);
    kuni_put_bytes(&whole, payload.data, payload.length);
    kuni_put_fixed(&whole, kuni_crc32(whole.data, whole.length), 4);
    if (payload.failed || whole.failed)
        status = kuni_fail_memory(err, payload.length, 2);
    else
        status = kuni_file_write(writer->file, whole.data, whole.length, err);
    kuni_stream_fini(&payload);
    kuni_stream_fini(&whole);
    return status;
}

kuni_status kuni_evidence_create(kuni_evidence_writer **out, const char *path,
                                 const kuni_evidence_header *header, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    if (header->shard.beg < 0 || header->shard.end <= header->shard.beg ||
        header->n_samples > KUNI_EVIDENCE_SAMPLES_MAX)
        return kuni_fail(err, KUNI_BUG, "evidence %s: %u samples or shard %lld-%lld are impossible",
                         path, header->n_samples, (long long)header->shard.beg,
                         (long long)header->shard.end);
    char *folder = NULL;
    kuni_evidence_writer *writer = kuni_alloc(1, sizeof(*writer), err);
    if (!writer) return status;
    writer->shard = header->shard;
    writer->n_samples = header->n_samples;
    writer->path = kuni_strdup(path, err);
    folder = kuni_strdup(path, err);
    if (!writer->path || !folder) goto fail;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    const char *place = slash ? folder : ".";
    writer->samples = kuni_alloc((size_t)header->n_samples + 1, sizeof(*writer->samples), err);
    writer->events = kuni_spool_new(header->n_samples, place, SPOOL_MEMORY_BYTES, err);
    writer->blocks = kuni_spool_new(header->n_samples, place, SPOOL_MEMORY_BYTES, err);
    writer->encoder = kuni_encoder_new(err);
    writer->arena = kuni_arena_new(err);
    if (!writer->samples || !writer->events || !writer->blocks || !writer->encoder ||
        !writer->arena)
        goto fail;
    for (uint32_t i = 0; i < header->n_samples; i++) {
        writer->samples[i].last_pos = -1;
        writer->samples[i].spooled_end = header->shard.beg;
    }
    status = kuni_file_create(&writer->file, path, err);
    if (!status) status = write_header(writer, header, err);
    if (status) goto fail;
    free(folder);
    *out = writer;
    return KUNI_OK;
fail:
    free(folder);
    kuni_evidence_abandon(writer);
    return status;
}

static void forget_reaching(sample_state *sample)
{
    for (size_t i = 0; i < sample->n_reaching; i++) free(sample->reaching[i].record);
    free(sample->reaching);
    sample->reaching = NULL;
    sample->n_reaching = sample->reaching_capacity = 0;
}

void kuni_evidence_abandon(kuni_evidence_writer *writer)
{
    if (!writer) return;
    kuni_file_discard(writer->file);
    for (uint32_t i = 0; writer->samples && i < writer->n_samples; i++)
        forget_reaching(&writer->samples[i]);
    free(writer->samples);
    kuni_spool_free(writer->events);
    kuni_spool_free(writer->blocks);
    kuni_stream_fini(&writer->record);
    kuni_stream_fini(&writer->out);
    kuni_encoder_free(writer->encoder);
    kuni_arena_free(writer->arena);
    free(writer->chunk_events);
    free(writer->chunk_blocks);
    free(writer->path);
    free(writer);
}

void kuni_evidence_drop_sample(kuni_evidence_writer *writer, uint32_t sample)
{
    kuni_spool_drop(writer->events, sample);
    kuni_spool_drop(writer->blocks, sample);
    writer->samples[sample].last_pos = -1;
    writer->samples[sample].spooled_end = writer->shard.beg;
    writer->samples[sample].pending = (kuni_block){0};
}

/* --- adding --- */

static bool is_sequence(const char *allele)
{
    size_t n = strspn(allele, "ACGTN");
    return n > 0 && allele[n] == '\0';
}

/* NULL, or what is wrong with an event that a stage adds. */
static const char *event_fault(const kuni_evidence_writer *writer, const kuni_event *event)
{
    if (event->sample >= writer->n_samples) return "unknown sample";
    if (event->ploidy < 1 || event->ploidy > 2) return "ploidy is neither 1 nor 2";
    if (event->n_alleles < 1 || event->n_alleles > KUNI_EVENT_ALLELES_MAX)
        return "impossible number of alleles";
    if (!is_sequence(event->alleles[0])) return "REF is not a sequence of ACGTN";
    for (uint32_t i = 1; i < event->n_alleles; i++) {
        bool other = i + 1 == event->n_alleles && (event->flags & KUNI_EVENT_OTHER);
        if (other ? strcmp(event->alleles[i], "<*>") != 0
                  : strcmp(event->alleles[i], "*") != 0 && !is_sequence(event->alleles[i]))
            return "an ALT is neither a sequence of ACGTN nor * nor a last <*>";
    }
    if (event->n_alleles == 1 && (event->flags & KUNI_EVENT_OTHER)) return "REF stands alone";
    for (int i = 0; i < 2; i++)
        if (event->gt[i] < -1 || event->gt[i] >= event->n_alleles) return "gt names no allele";
    if (event->ploidy == 1 && event->gt[1] != -1) return "a second gt in a haploid event";
    if (event->flags & KUNI_EVENT_EITHER && (event->ploidy != 2 || !event->pl))
        return "an event for one copy or two without the likelihoods of two";
    if (event->flags & KUNI_EVENT_ONE &&
        (!(event->flags & KUNI_EVENT_EITHER) || event->gt[0] != event->gt[1]))
        return "an event of one copy with two alleles";
    if (event->gq > 99) return "gq is above 99";
    for (int i = 0; i < KUNI_RANKS; i++)
        if (!kuni_rank_is_code(event->rank[i])) return "a rank sum is out of range";
    if (event->pos < 0 || event->pos >= writer->shard.end ||
        event->pos + (int64_t)strlen(event->alleles[0]) <= writer->shard.beg)
        return "the event lies outside the shard";
    if (event->pos < writer->samples[event->sample].last_pos)
        return "events of the sample are out of order";
    return NULL;
}

enum { RECORD_PL = 1, RECORD_AD = 2, RECORD_SB = 4 };

/*
 * Spooled event: fixed 4-byte length of what follows; then varints and bytes in the order of this
 * function.
 */
static void put_event(kuni_stream *record, const kuni_event *event)
{
    record->length = 0;
    kuni_put_fixed(record, 0, 4);
    kuni_put_varint(record, (uint64_t)event->pos);
    kuni_put_byte(record, event->flags);
    kuni_put_byte(record, event->ploidy);
    kuni_put_byte(record, event->n_alleles);
    kuni_put_byte(record, (uint8_t)event->gt[0]);
    kuni_put_byte(record, (uint8_t)event->gt[1]);
    kuni_put_byte(record, event->gq);
    kuni_put_byte(record, event->mq);
    kuni_put_bytes(record, event->rank, KUNI_RANKS);
    kuni_put_varint(record, event->qual);
    kuni_put_varint(record, event->dp);
    kuni_put_zigzag(record, event->phase_set);
    for (uint32_t i = 0; i < event->n_alleles; i++) kuni_put_text(record, event->alleles[i]);
    bool strands = event->sb[0] | event->sb[1] | event->sb[2] | event->sb[3];
    kuni_put_byte(record, (uint8_t)((event->pl ? RECORD_PL : 0) | (event->ad ? RECORD_AD : 0) |
                                    (strands ? RECORD_SB : 0)));
    uint32_t n_pl = event->pl ? kuni_pl_count(event->n_alleles, event->ploidy) : 0;
    for (uint32_t i = 0; i < n_pl; i++) kuni_put_varint(record, event->pl[i]);
    for (uint32_t i = 0; event->ad && i < event->n_alleles; i++)
        kuni_put_varint(record, event->ad[i]);
    for (int i = 0; strands && i < 4; i++) kuni_put_varint(record, event->sb[i]);
    if (record->failed) return;
    uint32_t length = (uint32_t)(record->length - 4);
    memcpy(record->data, &length, 4);
}

kuni_status kuni_evidence_add_event(kuni_evidence_writer *writer, const kuni_event *event,
                                    kuni_error *err)
{
    const char *fault = event_fault(writer, event);
    if (fault)
        return kuni_fail(err, KUNI_BUG, "evidence %s: sample %u position %lld: %s", writer->path,
                         event->sample, (long long)event->pos + 1, fault);
    writer->samples[event->sample].last_pos = event->pos;
    put_event(&writer->record, event);
    if (writer->record.failed) return kuni_fail_memory(err, writer->record.length, 2);
    return kuni_spool_append(writer->events, event->sample, writer->record.data,
                             writer->record.length, err);
}

enum { BLOCK_RECORD_BYTES_MAX = 32 };

/* Spooled block: distance from the last one's end, length, kind and ploidy, gq, depth; gq_one. */
static kuni_status spool_pending(kuni_evidence_writer *writer, sample_state *sample,
                                 kuni_error *err)
{
    kuni_block *block = &sample->pending;
    if (block->beg == block->end) return KUNI_OK;
    kuni_stream *record = &writer->record;
    record->length = 0;
    kuni_put_varint(record, (uint64_t)(block->beg - sample->spooled_end));
    kuni_put_varint(record, (uint64_t)(block->end - block->beg));
    kuni_put_byte(record,
                  (uint8_t)(block->kind << 2 | (block->either ? BLOCK_EITHER : block->ploidy)));
    kuni_put_byte(record, block->gq);
    kuni_put_varint(record, block->min_dp);
    if (block->either) kuni_put_byte(record, block->gq_one);
    if (record->failed) return kuni_fail_memory(err, record->length, 2);
    sample->spooled_end = block->end;
    block->beg = block->end;
    return kuni_spool_append(writer->blocks, block->sample, record->data, record->length, err);
}

kuni_status kuni_evidence_add_block(kuni_evidence_writer *writer, const kuni_block *block,
                                    kuni_error *err)
{
    const char *fault = NULL;
    if (block->sample >= writer->n_samples)
        fault = "unknown sample";
    else if (block->beg >= block->end || block->beg < writer->shard.beg ||
             block->end > writer->shard.end)
        fault = "the block is empty or reaches beyond the shard";
    else if (block->ploidy < 1 || block->ploidy > 2 || block->gq > 99 ||
             block->kind > KUNI_BLOCK_LOW ||
             (block->either && (block->ploidy != 2 || block->gq_one > 99)))
        fault = "ploidy, gq or kind is out of range";
    else if (block->beg < writer->samples[block->sample].spooled_end ||
             block->beg < writer->samples[block->sample].pending.end)
        fault = "blocks of the sample overlap or are out of order";
    if (fault)
        return kuni_fail(err, KUNI_BUG, "evidence %s: sample %u block %lld-%lld: %s", writer->path,
                         block->sample, (long long)block->beg + 1, (long long)block->end, fault);
    sample_state *sample = &writer->samples[block->sample];
    for (int64_t beg = block->beg, end; beg < block->end; beg = end) {
        kuni_block *pending = &sample->pending;
        end = chunk_floor(beg) + KUNI_EVIDENCE_CHUNK_BP;
        if (end > block->end) end = block->end;
        if (pending->end == beg && pending->beg < beg && chunk_floor(beg) != beg &&
            pending->kind == block->kind && pending->ploidy == block->ploidy &&
            pending->gq == block->gq && pending->min_dp == block->min_dp &&
            pending->either == block->either && pending->gq_one == block->gq_one) {
            pending->end = end;
            continue;
        }
        kuni_status status = spool_pending(writer, sample, err);
        if (status) return status;
        *pending = *block;
        pending->beg = beg;
        pending->end = end;
    }
    return KUNI_OK;
}

/* --- finishing: chunk by chunk --- */

/* Rebuilds a spooled event in the chunk's arena and adds it to the chunk. */
static kuni_status take_event(kuni_evidence_writer *writer, uint32_t sample, kuni_cursor in,
                              int64_t chunk_beg, int64_t *end, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&writer->chunk_events, &writer->events_capacity,
                                   writer->n_events + 1, sizeof(*writer->chunk_events), err);
    if (status) return status;
    kuni_event event = {.sample = sample, .pos = (int64_t)kuni_get_varint(&in)};
    event.flags = kuni_get_byte(&in) & (uint8_t)~KUNI_EVENT_CARRIED;
    if (event.pos < chunk_beg) event.flags |= KUNI_EVENT_CARRIED;
    event.ploidy = kuni_get_byte(&in);
    event.n_alleles = kuni_get_byte(&in);
    event.gt[0] = (int8_t)kuni_get_byte(&in);
    event.gt[1] = (int8_t)kuni_get_byte(&in);
    event.gq = kuni_get_byte(&in);
    event.mq = kuni_get_byte(&in);
    for (int i = 0; i < KUNI_RANKS; i++) event.rank[i] = kuni_get_byte(&in);
    event.qual = (uint16_t)kuni_get_varint(&in);
    event.dp = (uint32_t)kuni_get_varint(&in);
    event.phase_set = kuni_get_zigzag(&in);
    const char **alleles = kuni_arena_alloc(writer->arena, event.n_alleles, sizeof(*alleles), err);
    if (!alleles) return KUNI_MEMORY;
    for (uint32_t i = 0; i < event.n_alleles; i++) {
        size_t length = kuni_get_varint(&in);
        const uint8_t *text = kuni_get_bytes(&in, length);
        alleles[i] = text ? kuni_arena_strndup(writer->arena, (const char *)text, length, err) : "";
        if (!alleles[i]) return KUNI_MEMORY;
    }
    event.alleles = alleles;
    *end = event.pos + (int64_t)strlen(alleles[0]);
    uint8_t has = kuni_get_byte(&in);
    if (has & RECORD_PL) {
        uint32_t n = kuni_pl_count(event.n_alleles, event.ploidy);
        uint16_t *pl = kuni_arena_alloc(writer->arena, n, sizeof(*pl), err);
        if (!pl) return KUNI_MEMORY;
        for (uint32_t i = 0; i < n; i++) pl[i] = (uint16_t)kuni_get_varint(&in);
        event.pl = pl;
    }
    if (has & RECORD_AD) {
        uint32_t *ad = kuni_arena_alloc(writer->arena, event.n_alleles, sizeof(*ad), err);
        if (!ad) return KUNI_MEMORY;
        for (uint32_t i = 0; i < event.n_alleles; i++) ad[i] = (uint32_t)kuni_get_varint(&in);
        event.ad = ad;
    }
    for (int i = 0; (has & RECORD_SB) && i < 4; i++) event.sb[i] = (uint32_t)kuni_get_varint(&in);
    if (in.bad || in.at != in.end)
        return kuni_fail(err, KUNI_BUG, "evidence %s: a spooled event is damaged", writer->path);
    writer->chunk_events[writer->n_events++] = event;
    return KUNI_OK;
}

static kuni_status keep_reaching(sample_state *sample, kuni_cursor record, int64_t end,
                                 kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&sample->reaching, &sample->reaching_capacity,
                                   sample->n_reaching + 1, sizeof(*sample->reaching), err);
    if (status) return status;
    size_t length = (size_t)(record.end - record.at);
    uint8_t *copy = kuni_alloc(length, 1, err);
    if (!copy) return KUNI_MEMORY;
    memcpy(copy, record.at, length);
    sample->reaching[sample->n_reaching++] =
        (reaching_event){.end = end, .record = copy, .length = length};
    return KUNI_OK;
}

static kuni_status take_events(kuni_evidence_writer *writer, uint32_t index, int64_t chunk_beg,
                               int64_t chunk_end, kuni_error *err)
{
    sample_state *sample = &writer->samples[index];
    kuni_status status = KUNI_OK;
    int64_t end;
    size_t kept = 0;
    for (size_t i = 0; i < sample->n_reaching; i++) {
        reaching_event *reaching = &sample->reaching[i];
        if (reaching->end <= chunk_beg) {
            free(reaching->record);
            continue;
        }
        kuni_cursor record = {.at = reaching->record, .end = reaching->record + reaching->length};
        sample->reaching[kept++] = *reaching;
        if (!status) status = take_event(writer, index, record, chunk_beg, &end, err);
    }
    sample->n_reaching = kept;
    while (!status) {
        kuni_cursor view;
        status = kuni_spool_peek(writer->events, index, RECORD_VIEW_BYTES, &view, err);
        if (status || view.at == view.end) break;
        size_t length = kuni_get_fixed(&view, 4);
        if ((size_t)(view.end - view.at) < length) {
            status = kuni_spool_peek(writer->events, index, length + 4, &view, err);
            if (status) break;
            (void)kuni_get_fixed(&view, 4);
        }
        kuni_cursor record = {.at = view.at, .end = view.at + length}, peek = record;
        if ((int64_t)kuni_get_varint(&peek) >= chunk_end) break;
        status = take_event(writer, index, record, chunk_beg, &end, err);
        if (!status && end > chunk_end && end > chunk_beg)
            status = keep_reaching(sample, record, end, err);
        kuni_spool_consume(writer->events, index, length + 4);
    }
    return status;
}

static kuni_status take_blocks(kuni_evidence_writer *writer, uint32_t index, int64_t chunk_end,
                               kuni_error *err)
{
    sample_state *sample = &writer->samples[index];
    for (;;) {
        kuni_cursor view;
        kuni_status status =
            kuni_spool_peek(writer->blocks, index, BLOCK_RECORD_BYTES_MAX, &view, err);
        if (status || view.at == view.end) return status;
        const uint8_t *start = view.at;
        int64_t beg = sample->spooled_end + (int64_t)kuni_get_varint(&view);
        if (beg >= chunk_end) return KUNI_OK;
        status = kuni_grow((void **)&writer->chunk_blocks, &writer->blocks_capacity,
                           writer->n_blocks + 1, sizeof(*writer->chunk_blocks), err);
        if (status) return status;
        kuni_block *block = &writer->chunk_blocks[writer->n_blocks++];
        *block = (kuni_block){.beg = beg, .sample = index};
        block->end = beg + (int64_t)kuni_get_varint(&view);
        uint8_t kind = kuni_get_byte(&view);
        block->kind = kind >> 2;
        block->either = (kind & 3) == BLOCK_EITHER;
        block->ploidy = block->either ? 2 : kind & 3;
        block->gq = kuni_get_byte(&view);
        block->min_dp = (uint16_t)kuni_get_varint(&view);
        if (block->either) block->gq_one = kuni_get_byte(&view);
        if (view.bad)
            return kuni_fail(err, KUNI_BUG, "evidence %s: a spooled block is damaged",
                             writer->path);
        sample->spooled_end = block->end;
        kuni_spool_consume(writer->blocks, index, (size_t)(view.at - start));
    }
}

static kuni_status write_chunk(kuni_evidence_writer *writer, int64_t beg, int64_t end,
                               kuni_stream *footer, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kuni_arena_clear(writer->arena);
    writer->n_events = writer->n_blocks = 0;
    for (uint32_t i = 0; !status && i < writer->n_samples; i++) {
        status = take_events(writer, i, beg, end, err);
        if (!status) status = take_blocks(writer, i, end, err);
    }
    if (status) return status;
    kuni_chunk_input input = {.beg = beg,
                              .end = end,
                              .n_samples = writer->n_samples,
                              .events = writer->chunk_events,
                              .n_events = writer->n_events,
                              .blocks = writer->chunk_blocks,
                              .n_blocks = writer->n_blocks};
    kuni_evidence_extent extent;
    uint32_t crc[KUNI_GROUPS];
    if (writer->n_events > KUNI_EVIDENCE_EVENTS_MAX)
        return kuni_fail(err, KUNI_USAGE,
                         "evidence %s: %zu events in one chunk: use smaller batches", writer->path,
                         writer->n_events);
    writer->out.length = 0;
    status = kuni_encode_chunk(writer->encoder, &input, &writer->out, &extent, crc, err);
    if (status) return status;
    kuni_put_fixed(footer, kuni_file_size(writer->file), 8);
    kuni_put_fixed(footer, extent.census_bytes, 4);
    kuni_put_fixed(footer, extent.events_bytes, 4);
    kuni_put_fixed(footer, extent.blocks_bytes, 4);
    for (int i = 0; i < KUNI_GROUPS; i++) kuni_put_fixed(footer, crc[i], 4);
    kuni_put_fixed(footer, extent.n_alleles, 4);
    kuni_put_fixed(footer, extent.n_sets, 4);
    kuni_put_fixed(footer, extent.n_events, 4);
    kuni_put_fixed(footer, extent.n_blocks, 4);
    return kuni_file_write(writer->file, writer->out.data, writer->out.length, err);
}

kuni_status kuni_evidence_finish(kuni_evidence_writer *writer, kuni_error *err)
{
    kuni_stream footer = {0};
    kuni_status status = KUNI_OK;
    for (uint32_t i = 0; !status && i < writer->n_samples; i++) {
        status = spool_pending(writer, &writer->samples[i], err);
        writer->samples[i].spooled_end =
            writer->shard.beg; /* from here on: of the block taken last */
    }
    for (int64_t beg = writer->shard.beg, end; !status && beg < writer->shard.end; beg = end) {
        end = chunk_floor(beg) + KUNI_EVIDENCE_CHUNK_BP;
        if (end > writer->shard.end) end = writer->shard.end;
        status = write_chunk(writer, beg, end, &footer, err);
    }
    if (!status) {
        uint64_t offset = kuni_file_size(writer->file), length = footer.length;
        uint32_t crc = kuni_crc32(footer.data, footer.length);
        kuni_put_fixed(&footer, offset, 8);
        kuni_put_fixed(&footer, length, 8);
        kuni_put_fixed(&footer, crc, 4);
        if (footer.failed)
            status = kuni_fail_memory(err, footer.length, 2);
        else
            kuni_put_fixed(&footer, kuni_crc32(footer.data + length, 20), 4);
        kuni_put_bytes(&footer, KUNI_EVIDENCE_TRAILER, KUNI_EVIDENCE_MAGIC_BYTES);
        if (!status && footer.failed) status = kuni_fail_memory(err, footer.length, 2);
    }
    if (!status) status = kuni_file_write(writer->file, footer.data, footer.length, err);
    if (!status) {
        kuni_file *file = writer->file;
        writer->file = NULL;
        status = kuni_file_commit(file, err);
    }
    kuni_stream_fini(&footer);
    kuni_evidence_abandon(writer);
    return status;
}
