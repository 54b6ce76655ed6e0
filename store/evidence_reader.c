/* SPDX-License-Identifier: MIT */
/*
 * A reader holds the header and the footer, not the file: chunks are fetched with pread, and the
 * descriptor can be given back between reads. Everything in the file is under a checksum: header,
 * each group of each chunk, footer, trailer; and the footer's extents must tile the file, so no
 * byte is outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evidence_columns.h"
#include "evidence_decode.h"

/* Decode memory, shared by readers (kuni_evidence_share). */
typedef struct shared_decoder {
    kuni_decoder decoder;
    int n_users;
} shared_decoder;

/* A chunk as the footer has it, less what follows from the grid. */
typedef struct chunk_entry {
    uint64_t offset;
    uint32_t bytes[KUNI_GROUPS], crc[KUNI_GROUPS];
    uint32_t n_alleles, n_sets, n_events, n_blocks;
} chunk_entry;

struct kuni_evidence_reader {
    char *path;
    int fd; /* -1: resting */
    dev_t device;
    ino_t inode;
    uint64_t file_size;
    uint64_t base, size; /* the evidence in the file */
    uint32_t version;
    kuni_evidence_header header;
    char *texts; /* all strings of the header */
    const char **samples;
    chunk_entry *chunks; /* from number first_kept on, n_kept of them */
    size_t n_chunks, first_kept, n_kept;
    shared_decoder *shared;
};

static kuni_status damaged(const kuni_evidence_reader *reader, kuni_error *err, const char *what)
{
    return kuni_fail(err, KUNI_DATA, "evidence %s: %s: restore the file or run its stage again",
                     reader->path, what);
}

static kuni_status wake(kuni_evidence_reader *reader, kuni_error *err)
{
    if (reader->fd >= 0) return KUNI_OK;
    struct stat info;
    /* Does not wait for the writer of a pipe. */
    reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0)
        return kuni_fail_errno(err, "cannot open evidence %s", reader->path);
    if (!S_ISREG(info.st_mode)) return damaged(reader, err, "not a regular file");
    if (reader->chunks || reader->n_chunks) {
        if (info.st_dev != reader->device || info.st_ino != reader->inode ||
            (uint64_t)info.st_size != reader->file_size)
            return damaged(reader, err, "replaced while it was in use");
        return KUNI_OK;
    }
    reader->device = info.st_dev;
    reader->inode = info.st_ino;
    reader->file_size = (uint64_t)info.st_size;
    if (!reader->base && !reader->size) reader->size = reader->file_size;
    if (reader->base > reader->file_size || reader->size > reader->file_size - reader->base)
        return damaged(reader, err, "cut off: it ends before its part");
    return KUNI_OK;
}

/* Reads length bytes at an offset into `out` (cleared first). */
static kuni_status fetch(kuni_evidence_reader *reader, uint64_t offset, uint64_t length,
                         kuni_stream *out, kuni_error *err)
{
    kuni_status status = wake(reader, err);
    if (status) return status;
    out->length = 0;
    if (offset > reader->size || length > reader->size - offset)
        return damaged(reader, err, "a part reaches beyond the end of the file");
    if (!kuni_stream_room(out, length + 1)) return kuni_fail_memory(err, length, 1);
    while (out->length < length) {
        ssize_t n = pread(reader->fd, out->data + out->length, length - out->length,
                          (off_t)(reader->base + offset + out->length));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return kuni_fail_errno(err, "cannot read evidence %s", reader->path);
        if (n == 0) return damaged(reader, err, "the file became shorter");
        out->length += (size_t)n;
    }
    return KUNI_OK;
}

static bool crc_matches(const uint8_t *bytes, size_t length, uint32_t crc)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)bytes, (void)length, (void)crc;
    return true;
#else
    return kuni_crc32(bytes, length) == crc;
#endif
}

/* --- header --- */

/* The next text of the header, copied to *to with a NUL. */
static const char *take_text(kuni_cursor *in, char **to)
{
    uint64_t length = kuni_get_varint(in);
    const uint8_t *bytes = kuni_get_bytes(in, length);
    if (in->bad || !bytes || memchr(bytes, '\0', length)) {
        in->bad = true;
        return "";
    }
    char *text = *to;
    memcpy(text, bytes, length);
    text[length] = '\0';
    *to += length + 1;
    return text;
}

static kuni_status parse_header(kuni_evidence_reader *reader, kuni_cursor in, kuni_error *err)
{
    kuni_evidence_header *header = &reader->header;
    /* Each text takes a length byte in the file, which pays for its NUL here. */
    size_t texts_bytes = (size_t)(in.end - in.at) + 1;
    reader->texts = kuni_alloc(texts_bytes, 1, err);
    if (!reader->texts) return KUNI_MEMORY;
    char *to = reader->texts;
    header->shard.tid = (int32_t)kuni_get_fixed(&in, 4);
    header->shard.beg = (int64_t)kuni_get_fixed(&in, 8);
    header->shard.end = (int64_t)kuni_get_fixed(&in, 8);
    uint64_t grid = kuni_get_fixed(&in, 4);
    header->contig = take_text(&in, &to);
    header->reference_md5 = take_text(&in, &to);
    header->producer = take_text(&in, &to);
    header->params = take_text(&in, &to);
    (void)take_text(&in, &to); /* digest of the sample list */
    uint64_t n_samples = kuni_get_varint(&in);
    if (in.bad || grid != KUNI_EVIDENCE_CHUNK_BP || header->shard.beg < 0 ||
        header->shard.end <= header->shard.beg || header->shard.end > INT64_MAX / 4 ||
        n_samples > KUNI_EVIDENCE_SAMPLES_MAX || n_samples > (uint64_t)(in.end - in.at))
        return damaged(reader, err, "the header makes no sense");
    reader->samples = kuni_alloc(n_samples + 1, sizeof(*reader->samples), err);
    if (!reader->samples) return KUNI_MEMORY;
    for (uint64_t i = 0; i < n_samples; i++) reader->samples[i] = take_text(&in, &to);
    if (in.bad || in.at != in.end) return damaged(reader, err, "the list of samples is cut off");
    header->samples = reader->samples;
    header->n_samples = (uint32_t)n_samples;
    return KUNI_OK;
}

static kuni_status read_header(kuni_evidence_reader *reader, kuni_stream *scratch,
                               uint64_t *header_end, kuni_error *err)
{
    enum { PREFIX_BYTES = KUNI_EVIDENCE_MAGIC_BYTES + 4 + 8, CRC_BYTES = 4 };
    if (reader->size < PREFIX_BYTES)
        return damaged(reader, err, "not an evidence file, or cut off within the header");
    kuni_status status = fetch(reader, 0, PREFIX_BYTES, scratch, err);
    if (status) return status;
    kuni_cursor in = {.at = scratch->data + KUNI_EVIDENCE_MAGIC_BYTES,
                      .end = scratch->data + scratch->length};
    if (memcmp(scratch->data, KUNI_EVIDENCE_MAGIC, KUNI_EVIDENCE_MAGIC_BYTES) != 0)
        return damaged(reader, err, "not an evidence file");
    uint64_t version = kuni_get_fixed(&in, 4), length = kuni_get_fixed(&in, 8);
    if (version < KUNI_EVIDENCE_FORMAT_LEAST || version > KUNI_EVIDENCE_FORMAT)
        return kuni_fail(err, KUNI_DATA,
                         "evidence %s: format version %llu, this kuni reads %d to %d: use the kuni "
                         "that wrote it",
                         reader->path, (unsigned long long)version, KUNI_EVIDENCE_FORMAT_LEAST,
                         KUNI_EVIDENCE_FORMAT);
    reader->version = (uint32_t)version;
    if (length > reader->size - PREFIX_BYTES || reader->size - PREFIX_BYTES - length < CRC_BYTES)
        return damaged(reader, err, "cut off within the header");
    status = fetch(reader, 0, PREFIX_BYTES + length + CRC_BYTES, scratch, err);
    if (status) return status;
    in = (kuni_cursor){.at = scratch->data + PREFIX_BYTES + length,
                       .end = scratch->data + scratch->length};
    if (!crc_matches(scratch->data, PREFIX_BYTES + length, (uint32_t)kuni_get_fixed(&in, 4)))
        return damaged(reader, err, "the header's checksum does not match");
    *header_end = PREFIX_BYTES + length + CRC_BYTES;
    return parse_header(reader,
                        (kuni_cursor){.at = scratch->data + PREFIX_BYTES,
                                      .end = scratch->data + PREFIX_BYTES + length},
                        err);
}

/* --- footer --- */

static size_t chunks_of_span(kuni_span span)
{
    return (size_t)((span.end - 1) / KUNI_EVIDENCE_CHUNK_BP - span.beg / KUNI_EVIDENCE_CHUNK_BP +
                    1);
}

static kuni_status parse_footer(kuni_evidence_reader *reader, kuni_cursor in, uint64_t offset,
                                uint64_t footer_offset, kuni_error *err)
{
    reader->chunks = kuni_alloc(reader->n_chunks, sizeof(*reader->chunks), err);
    if (!reader->chunks) return KUNI_MEMORY;
    for (size_t i = 0; i < reader->n_chunks; i++) {
        chunk_entry *chunk = &reader->chunks[i];
        chunk->offset = kuni_get_fixed(&in, 8);
        if (chunk->offset != offset) return damaged(reader, err, "the chunks do not tile the file");
        for (int g = 0; g < KUNI_GROUPS; g++) {
            chunk->bytes[g] = (uint32_t)kuni_get_fixed(&in, 4);
            offset += chunk->bytes[g];
        }
        for (int g = 0; g < KUNI_GROUPS; g++) chunk->crc[g] = (uint32_t)kuni_get_fixed(&in, 4);
        chunk->n_alleles = (uint32_t)kuni_get_fixed(&in, 4);
        chunk->n_sets = (uint32_t)kuni_get_fixed(&in, 4);
        chunk->n_events = (uint32_t)kuni_get_fixed(&in, 4);
        chunk->n_blocks = (uint32_t)kuni_get_fixed(&in, 4);
    }
    if (offset != footer_offset) return damaged(reader, err, "the chunks do not tile the file");
    reader->n_kept = reader->n_chunks;
    return KUNI_OK;
}

static kuni_status read_footer(kuni_evidence_reader *reader, kuni_stream *scratch,
                               uint64_t header_end, kuni_error *err)
{
    if (reader->size < header_end + KUNI_EVIDENCE_TRAILER_BYTES)
        return damaged(reader, err, "cut off: the trailer is missing");
    uint64_t trailer = reader->size - KUNI_EVIDENCE_TRAILER_BYTES;
    kuni_status status = fetch(reader, trailer, KUNI_EVIDENCE_TRAILER_BYTES, scratch, err);
    if (status) return status;
    kuni_cursor in = {.at = scratch->data, .end = scratch->data + scratch->length};
    uint64_t offset = kuni_get_fixed(&in, 8), length = kuni_get_fixed(&in, 8);
    uint32_t footer_crc = (uint32_t)kuni_get_fixed(&in, 4), crc = (uint32_t)kuni_get_fixed(&in, 4);
    if (memcmp(in.at, KUNI_EVIDENCE_TRAILER, KUNI_EVIDENCE_MAGIC_BYTES) != 0)
        return damaged(reader, err, "cut off or overwritten: the trailer is missing");
    if (!crc_matches(scratch->data, 20, crc))
        return damaged(reader, err, "the trailer's checksum does not match");
    reader->n_chunks = chunks_of_span(reader->header.shard);
    if (offset < header_end || offset > trailer || length != trailer - offset ||
        length % KUNI_EVIDENCE_EXTENT_BYTES != 0 ||
        length / KUNI_EVIDENCE_EXTENT_BYTES != reader->n_chunks) {
        reader->n_chunks = 0;
        return damaged(reader, err, "the footer does not fit the shard");
    }
    status = fetch(reader, offset, length, scratch, err);
    if (status) return status;
    if (!crc_matches(scratch->data, length, footer_crc))
        return damaged(reader, err, "the footer's checksum does not match");
    in = (kuni_cursor){.at = scratch->data, .end = scratch->data + length};
    return parse_footer(reader, in, header_end, offset, err);
}

kuni_status kuni_evidence_open(kuni_evidence_reader **out, const char *path, kuni_error *err)
{
    return kuni_evidence_open_part(out, path, 0, 0, err);
}

kuni_status kuni_evidence_open_part(kuni_evidence_reader **out, const char *path, uint64_t offset,
                                    uint64_t bytes, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    kuni_stream scratch = {0};
    uint64_t header_end = 0;
    kuni_evidence_reader *reader = kuni_alloc(1, sizeof(*reader), err);
    if (!reader) return status;
    reader->fd = -1;
    reader->base = offset;
    reader->size = bytes;
    reader->path = kuni_strdup(path, err);
    reader->shared = kuni_alloc(1, sizeof(*reader->shared), err);
    if (!reader->path || !reader->shared) goto fail;
    reader->shared->n_users = 1;
    status = wake(reader, err);
    if (!status) status = read_header(reader, &scratch, &header_end, err);
    if (!status) status = read_footer(reader, &scratch, header_end, err);
    if (status) goto fail;
    kuni_stream_fini(&scratch);
    *out = reader;
    return KUNI_OK;
fail:
    kuni_stream_fini(&scratch);
    kuni_evidence_close(reader);
    return status;
}

static void release(shared_decoder *shared)
{
    if (!shared || --shared->n_users > 0) return;
    kuni_decoder_fini(&shared->decoder);
    free(shared);
}

void kuni_evidence_close(kuni_evidence_reader *reader)
{
    if (!reader) return;
    kuni_evidence_rest(reader);
    release(reader->shared);
    free(reader->texts);
    free(reader->samples);
    free(reader->chunks);
    free(reader->path);
    free(reader);
}

void kuni_evidence_rest(kuni_evidence_reader *reader)
{
    if (reader->fd >= 0) (void)close(reader->fd);
    reader->fd = -1;
}

void kuni_evidence_share(kuni_evidence_reader *reader, kuni_evidence_reader *with)
{
    if (reader->shared == with->shared) return;
    release(reader->shared);
    reader->shared = with->shared;
    reader->shared->n_users++;
}

const kuni_evidence_header *kuni_evidence_get_header(const kuni_evidence_reader *reader)
{
    return &reader->header;
}

uint64_t kuni_evidence_size(const kuni_evidence_reader *reader)
{
    return reader->size;
}

size_t kuni_evidence_chunk_count(const kuni_evidence_reader *reader)
{
    return reader->n_chunks;
}

void kuni_evidence_keep(kuni_evidence_reader *reader, size_t first, size_t n)
{
    if (first < reader->first_kept || first - reader->first_kept > reader->n_kept ||
        n > reader->n_kept - (first - reader->first_kept))
        return;
    memmove(reader->chunks, &reader->chunks[first - reader->first_kept], n * sizeof(chunk_entry));
    chunk_entry *fewer = realloc(reader->chunks, (n ? n : 1) * sizeof(chunk_entry));
    if (fewer) reader->chunks = fewer;
    reader->first_kept = first;
    reader->n_kept = n;
}

void kuni_evidence_get_extent(const kuni_evidence_reader *reader, size_t index,
                              kuni_evidence_extent *extent)
{
    const chunk_entry *chunk = &reader->chunks[index - reader->first_kept];
    kuni_span shard = reader->header.shard;
    int64_t beg = (shard.beg / KUNI_EVIDENCE_CHUNK_BP + (int64_t)index) * KUNI_EVIDENCE_CHUNK_BP;
    int64_t end = beg + KUNI_EVIDENCE_CHUNK_BP;
    *extent = (kuni_evidence_extent){.beg = beg < shard.beg ? shard.beg : beg,
                                     .end = end > shard.end ? shard.end : end,
                                     .n_alleles = chunk->n_alleles,
                                     .n_sets = chunk->n_sets,
                                     .n_events = chunk->n_events,
                                     .n_blocks = chunk->n_blocks,
                                     .offset = chunk->offset,
                                     .census_bytes = chunk->bytes[KUNI_GROUP_CENSUS],
                                     .events_bytes = chunk->bytes[KUNI_GROUP_EVENTS],
                                     .blocks_bytes = chunk->bytes[KUNI_GROUP_BLOCKS]};
}

/* --- chunks --- */

typedef kuni_status decode_function(kuni_decoder *, const kuni_decode_frame *, const uint8_t *,
                                    kuni_evidence_chunk *, kuni_error *);

static const struct {
    const char *name;
    decode_function *decode;
} groups[KUNI_GROUPS] = {
    [KUNI_GROUP_CENSUS] = {"census", kuni_decode_census},
    [KUNI_GROUP_EVENTS] = {"events", kuni_decode_events},
    [KUNI_GROUP_BLOCKS] = {"blocks", kuni_decode_blocks},
};

static kuni_status read_group(kuni_evidence_reader *reader, size_t index, int group,
                              const kuni_decode_frame *frame, const uint8_t *bytes,
                              kuni_evidence_chunk *chunk, kuni_error *err)
{
    const chunk_entry *entry = &reader->chunks[index - reader->first_kept];
    kuni_error cause = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    if (!crc_matches(bytes, entry->bytes[group], entry->crc[group]))
        status = kuni_fail(&cause, KUNI_DATA, "the checksum does not match");
    else
        status = groups[group].decode(&reader->shared->decoder, frame, bytes, chunk, &cause);
    if (!status) return KUNI_OK;
    return kuni_fail(err, status, "evidence %s: chunk %zu (%s:%lld-%lld), %s: %s%s", reader->path,
                     index, reader->header.contig, (long long)frame->extent.beg + 1,
                     (long long)frame->extent.end, groups[group].name, cause.text,
                     status == KUNI_DATA ? ": restore the file or run its stage again" : "");
}

kuni_status kuni_evidence_read(kuni_evidence_reader *reader, size_t index, int what,
                               kuni_evidence_chunk *chunk, kuni_error *err)
{
    if (index < reader->first_kept || index - reader->first_kept >= reader->n_kept)
        return kuni_fail(err, KUNI_BUG, "evidence %s has no chunk %zu", reader->path, index);
    const chunk_entry *entry = &reader->chunks[index - reader->first_kept];
    kuni_decoder *decoder = &reader->shared->decoder;
    kuni_decode_frame frame = {.n_samples = reader->header.n_samples,
                               .version = reader->version,
                               .by_sample = what & KUNI_READ_BY_SAMPLE};
    kuni_evidence_get_extent(reader, index, &frame.extent);
    *chunk = (kuni_evidence_chunk){.beg = frame.extent.beg, .end = frame.extent.end};
    /* Each group needs those before it. */
    int n_groups = what & KUNI_READ_BLOCKS   ? KUNI_GROUP_BLOCKS + 1
                   : what & KUNI_READ_EVENTS ? KUNI_GROUP_EVENTS + 1
                   : what & KUNI_READ_CENSUS ? KUNI_GROUP_CENSUS + 1
                                             : 0;
    uint64_t length = 0;
    for (int g = 0; g < n_groups; g++) length += entry->bytes[g];
    kuni_status status =
        n_groups ? fetch(reader, entry->offset, length, &decoder->stored, err) : KUNI_OK;
    const uint8_t *bytes = decoder->stored.data;
    for (int g = 0; !status && g < n_groups; g++) {
        status = read_group(reader, index, g, &frame, bytes, chunk, err);
        bytes += entry->bytes[g];
    }
    if (!(what & KUNI_READ_EVENTS)) {
        chunk->events = NULL;
        chunk->n_events = 0;
    }
    return status;
}

/* --- columns --- */

static const char *const census_names[CENSUS_STREAMS] = {
    [CENSUS_HEAD] = "head",           [CENSUS_POS] = "positions",
    [CENSUS_LENGTHS] = "lengths",     [CENSUS_BASES] = "bases",
    [CENSUS_COUNTS] = "counts",       [CENSUS_QUALS] = "qualities",
    [CENSUS_SET_POS] = "set_pos",     [CENSUS_SET_KIND] = "set_kinds",
    [CENSUS_SET_LINKS] = "set_links", [CENSUS_SET_TEXT] = "set_texts",
};
static const char *const event_names[EVENTS_COMMON + COLS + KUNI_RANKS] = {
    [EVENTS_HEAD] = "head",
    [EVENTS_COUNTS] = "counts",
    [EVENTS_GAPS] = "gaps",
    [EVENTS_BITS] = "bits",
    [EVENTS_SETS] = "sets",
    [EVENTS_SHAPES] = "shapes",
    [EVENTS_COMMON + COL_AD_REF] = "ad_ref",
    [EVENTS_COMMON + COL_AD_ALT] = "ad_alt",
    [EVENTS_COMMON + COL_AD_MORE] = "ad_more",
    [EVENTS_COMMON + COL_DP] = "dp",
    [EVENTS_COMMON + COL_SB_REF] = "strands_ref",
    [EVENTS_COMMON + COL_SB_ALT] = "strands_alt",
    [EVENTS_COMMON + COL_SB_REST] = "strands_rest",
    [EVENTS_COMMON + COL_GQ] = "gq",
    [EVENTS_COMMON + COL_MQ] = "mq",
    [EVENTS_COMMON + COL_QUAL] = "qual",
    [EVENTS_COMMON + COL_PL_FIRST] = "pl_first",
    [EVENTS_COMMON + COL_PL_SECOND] = "pl_second",
    [EVENTS_COMMON + COL_PL_OTHER_REF] = "pl_other_ref",
    [EVENTS_COMMON + COL_PL_OTHER_ALT] = "pl_other_alt",
    [EVENTS_COMMON + COL_PL_OTHER] = "pl_other",
    [EVENTS_COMMON + COL_PL_MORE] = "pl_more",
    [EVENTS_COMMON + COL_PHASE_SET] = "phase_set",
    [EVENTS_COMMON + COLS + KUNI_RANK_MAPQ] = "rank_mq",
    [EVENTS_COMMON + COLS + KUNI_RANK_POSITION] = "rank_position",
    [EVENTS_COMMON + COLS + KUNI_RANK_BASEQ] = "rank_baseq",
};
static const char *const block_names[BLOCKS_STREAMS] = {
    [BLOCKS_HEAD] = "head",
    [BLOCKS_COUNTS] = "counts",
    [BLOCKS_GAPS] = "gaps",
    [BLOCKS_LENGTHS_LOW] = "lengths_low",
    [BLOCKS_LENGTHS_HIGH] = "lengths_high",
    [BLOCKS_LINES] = "lines",
    [BLOCKS_KINDS] = "kinds",
    [BLOCKS_HOLES] = "holes",
    [BLOCKS_HOLE_LENGTHS] = "hole_lengths",
    [BLOCKS_DEPTHS] = "depths",
    [BLOCKS_QUALITIES] = "qualities",
    [BLOCKS_QUALITIES + 1] = "one_copy",
};

static const struct {
    const char *const *names;
    size_t n_streams, n_columns;
} layouts[KUNI_GROUPS] = {
    [KUNI_GROUP_CENSUS] = {census_names, CENSUS_STREAMS, CENSUS_STREAMS},
    [KUNI_GROUP_EVENTS] = {event_names, EVENTS_STREAMS, EVENTS_COMMON + COLS + KUNI_RANKS},
    [KUNI_GROUP_BLOCKS] = {block_names, BLOCKS_STREAMS, BLOCKS_QUALITIES + 2},
};

/* The column of a stream: classes and contexts share one. */
static size_t column_of(int group, size_t stream)
{
    if (group == KUNI_GROUP_BLOCKS)
        return stream < BLOCKS_QUALITIES ? stream : BLOCKS_QUALITIES + (stream == BLOCKS_ONES);
    if (group == KUNI_GROUP_CENSUS || stream < EVENTS_COMMON) return stream;
    if (stream >= EVENTS_RANKS) return stream - EVENTS_RANKS + EVENTS_COMMON + COLS;
    return EVENTS_COMMON + (stream - EVENTS_COMMON) % COLS;
}

_Static_assert((int)CENSUS_STREAMS + (int)EVENTS_COMMON + (int)COLS + (int)KUNI_RANKS +
                       (int)BLOCKS_QUALITIES + 2 ==
                   (int)KUNI_EVIDENCE_COLUMNS,
               "every column is measured");

kuni_status kuni_evidence_measure(kuni_evidence_reader *reader,
                                  kuni_evidence_column columns[KUNI_EVIDENCE_COLUMNS],
                                  kuni_error *err)
{
    size_t n = 0;
    if (reader->n_kept < reader->n_chunks)
        return kuni_fail(err, KUNI_BUG, "evidence %s: not all chunks are known", reader->path);
    for (int g = 0; g < KUNI_GROUPS; g++)
        for (size_t k = 0; k < layouts[g].n_columns; k++)
            columns[n++] =
                (kuni_evidence_column){.group = groups[g].name, .name = layouts[g].names[k]};
    kuni_stream *stored = &reader->shared->decoder.stored;
    for (size_t i = 0; i < reader->n_chunks; i++) {
        kuni_evidence_column *column = columns;
        uint64_t offset = reader->chunks[i].offset;
        for (int g = 0; g < KUNI_GROUPS; g++) {
            kuni_pack_length lengths[KUNI_PACK_STREAMS_MAX];
            uint32_t bytes = reader->chunks[i].bytes[g];
            kuni_status status = fetch(reader, offset, bytes, stored, err);
            if (status) return status;
            kuni_error cause = KUNI_ERROR_INIT;
            size_t n_streams = g == KUNI_GROUP_BLOCKS ? kuni_blocks_streams(reader->version)
                                                      : layouts[g].n_streams;
            if (kuni_pack_measure(stored->data, bytes, lengths, n_streams, &cause))
                return damaged(reader, err, "a group of columns makes no sense");
            for (size_t k = 0; k < n_streams; k++) {
                size_t at = column_of(g, k);
                column[at].raw += lengths[k].raw;
                column[at].stored += lengths[k].stored;
            }
            column += layouts[g].n_columns;
            offset += bytes;
        }
    }
    return KUNI_OK;
}
