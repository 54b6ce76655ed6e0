/* SPDX-License-Identifier: MIT */
#include "evidence_encode.h"

#include <stdlib.h>

#include "evidence_dictionary.h"

struct kuni_encoder {
    kuni_codec *codec;
    kuni_arena *arena; /* cleared for every chunk */
    kuni_stream streams[EVENTS_STREAMS];
};

_Static_assert((int)EVENTS_STREAMS >= (int)CENSUS_STREAMS &&
                   (int)EVENTS_STREAMS >= (int)BLOCKS_STREAMS,
               "the encoder's streams serve every group");

kuni_encoder *kuni_encoder_new(kuni_error *err)
{
    kuni_encoder *encoder = kuni_alloc(1, sizeof(*encoder), err);
    if (!encoder) return NULL;
    encoder->codec = kuni_codec_new(err);
    encoder->arena = kuni_arena_new(err);
    if (encoder->codec && encoder->arena) return encoder;
    kuni_encoder_free(encoder);
    return NULL;
}

void kuni_encoder_free(kuni_encoder *encoder)
{
    if (!encoder) return;
    kuni_codec_free(encoder->codec);
    kuni_arena_free(encoder->arena);
    for (size_t i = 0; i < EVENTS_STREAMS; i++) kuni_stream_fini(&encoder->streams[i]);
    free(encoder);
}

static void clear_streams(kuni_encoder *encoder)
{
    for (size_t i = 0; i < EVENTS_STREAMS; i++) encoder->streams[i].length = 0;
}

/* --- census --- */

static void put_set(kuni_stream *streams, const kuni_dictionary *dictionary, size_t index,
                    int64_t *last_pos, int64_t *last_link)
{
    const kuni_dictionary_set *set = &dictionary->sets[index];
    bool other = set->n_alleles > 0 && strcmp(set->alleles[set->n_alleles - 1], "<*>") == 0;
    uint32_t real = set->n_alleles - other;
    int kind = SET_GIVEN;
    if (real == 2 && set->links[1] >= 0) {
        const kuni_census *allele = &dictionary->alleles[set->links[1]];
        if (allele->pos == set->pos && strcmp(allele->ref, set->alleles[0]) == 0 &&
            strcmp(allele->alt, set->alleles[1]) == 0)
            kind = other ? SET_SIMPLE_OTHER : SET_SIMPLE;
    }
    kuni_put_varint(&streams[CENSUS_SET_POS], (uint64_t)(set->pos - *last_pos));
    *last_pos = set->pos;
    kuni_put_varint(&streams[CENSUS_SET_KIND], (uint64_t)set->n_alleles << 2 | (unsigned)kind);
    for (uint32_t i = 0; i < set->n_alleles; i++) {
        if (kind == SET_GIVEN) kuni_put_text(&streams[CENSUS_SET_TEXT], set->alleles[i]);
        if (i == 0 || (kind != SET_GIVEN && i > 1)) continue;
        /* 0: no link, else 1 + the folded distance from the last linked allele. */
        if (set->links[i] < 0) {
            kuni_put_byte(&streams[CENSUS_SET_LINKS], 0);
        } else {
            kuni_put_varint(&streams[CENSUS_SET_LINKS],
                            1 + kuni_zigzag(set->links[i] - *last_link));
            *last_link = set->links[i];
        }
    }
}

static kuni_status encode_census(kuni_encoder *encoder, const kuni_dictionary *dictionary,
                                 kuni_stream *out, kuni_error *err)
{
    kuni_stream *streams = encoder->streams;
    clear_streams(encoder);
    int64_t last_pos = 0, last_link = 0;
    uint64_t text_bytes = 0;
    for (size_t i = 0; i < dictionary->n_alleles; i++) {
        const kuni_census *allele = &dictionary->alleles[i];
        size_t ref = strlen(allele->ref), alt = strlen(allele->alt);
        kuni_put_varint(&streams[CENSUS_POS], (uint64_t)(allele->pos - last_pos));
        last_pos = allele->pos;
        kuni_put_varint(&streams[CENSUS_LENGTHS], ref);
        kuni_put_varint(&streams[CENSUS_LENGTHS], alt);
        kuni_put_bytes(&streams[CENSUS_BASES], allele->ref, ref);
        kuni_put_bytes(&streams[CENSUS_BASES], allele->alt, alt);
        kuni_put_varint(&streams[CENSUS_COUNTS], allele->n_samples);
        kuni_put_varint(&streams[CENSUS_COUNTS], allele->n_copies);
        kuni_put_varint(&streams[CENSUS_QUALS], allele->sum_qual);
        kuni_put_varint(&streams[CENSUS_QUALS], allele->max_qual);
        text_bytes += ref + alt + 2;
    }
    uint64_t n_slots = 0;
    last_pos = 0;
    for (size_t i = 0; i < dictionary->n_sets; i++) {
        const kuni_dictionary_set *set = &dictionary->sets[i];
        size_t before = streams[CENSUS_SET_TEXT].length;
        put_set(streams, dictionary, i, &last_pos, &last_link);
        if (streams[CENSUS_SET_TEXT].length > before)
            for (uint32_t k = 0; k < set->n_alleles; k++) text_bytes += strlen(set->alleles[k]) + 1;
        n_slots += set->n_alleles;
    }
    kuni_put_varint(&streams[CENSUS_HEAD], dictionary->n_alleles);
    kuni_put_varint(&streams[CENSUS_HEAD], dictionary->n_sets);
    kuni_put_varint(&streams[CENSUS_HEAD], n_slots);
    kuni_put_varint(&streams[CENSUS_HEAD], text_bytes);
    return kuni_pack(encoder->codec, streams, CENSUS_STREAMS, out, err);
}

/* --- events --- */

/* An event with what the encoder worked out about it. */
typedef struct shaped_event {
    const kuni_event *event;
    kuni_shape shape;
    uint8_t class_;
    bool other;
    uint32_t shape_index;
} shaped_event;

static uint64_t shape_key(const kuni_shape *shape)
{
    return (uint64_t)shape->flags << 32 | (uint64_t)shape->ploidy << 24 |
           (uint64_t)shape->bits << 16 | (uint64_t)(uint8_t)(shape->gt[0] + 1) << 8 |
           (uint8_t)(shape->gt[1] + 1);
}

static void shape_event(const kuni_event *event, shaped_event *shaped)
{
    kuni_shape shape = {.flags = event->flags,
                        .ploidy = event->ploidy,
                        .bits = 0,
                        .gt = {event->gt[0], event->gt[1]}};
    shaped->other = (event->flags & KUNI_EVENT_OTHER) != 0;
    if (event->pl) shape.bits |= SHAPE_PL;
    if (event->ad) shape.bits |= SHAPE_AD;
    if (event->sb[0] | event->sb[1] | event->sb[2] | event->sb[3]) shape.bits |= SHAPE_SB;
    if (event->phase_set >= 0) shape.bits |= SHAPE_PHASE_SET;
    if (event->rank[0] | event->rank[1] | event->rank[2]) shape.bits |= SHAPE_RANKS;
    int class_ = kuni_shape_class(&shape), first, second, zero;
    kuni_linear_places(class_, &first, &second, &zero);
    if (event->pl && event->ad && event->ploidy == 2 && event->n_alleles - shaped->other == 2 &&
        event->pl[zero] == 0)
        shape.bits |= SHAPE_LINEAR;
    *shaped = (shaped_event){
        .event = event, .shape = shape, .class_ = (uint8_t)class_, .other = shaped->other};
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Collects the distinct shapes in key order; sets every event's shape_index. */
static kuni_status index_shapes(kuni_encoder *encoder, shaped_event *events, size_t n_events,
                                kuni_error *err)
{
    uint64_t *keys = NULL;
    size_t n_keys = 0, capacity = 0;
    for (size_t i = 0; i < n_events; i++) {
        uint64_t key = shape_key(&events[i].shape);
        size_t k = n_keys;
        while (k > 0 && keys[k - 1] != key) k--;
        if (k > 0) continue;
        kuni_status status = kuni_grow((void **)&keys, &capacity, n_keys + 1, sizeof(*keys), err);
        if (status) {
            free(keys);
            return status;
        }
        keys[n_keys++] = key;
    }
    if (n_keys > 0) qsort(keys, n_keys, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < n_events; i++) {
        uint64_t key = shape_key(&events[i].shape);
        const uint64_t *found = bsearch(&key, keys, n_keys, sizeof(*keys), compare_keys);
        events[i].shape_index = (uint32_t)(found - keys);
    }
    kuni_stream *head = &encoder->streams[EVENTS_HEAD];
    kuni_put_varint(head, n_keys);
    for (size_t i = 0; i < n_keys; i++) {
        kuni_put_byte(head, (uint8_t)(keys[i] >> 32));
        kuni_put_byte(head, (uint8_t)(keys[i] >> 24));
        kuni_put_byte(head, (uint8_t)(keys[i] >> 16));
        kuni_put_byte(head, (uint8_t)(keys[i] >> 8));
        kuni_put_byte(head, (uint8_t)keys[i]);
    }
    free(keys);
    return KUNI_OK;
}

__extension__ typedef __int128 int128;

/* Sums of a least-squares fit without intercept of t on (r, a). */
typedef struct linear_sums {
    int128 rr, ra, aa, rt, at;
} linear_sums;

static int32_t rounded_coefficient(int128 numerator, int128 denominator)
{
    if (denominator == 0) return 0;
    if (denominator < 0) {
        numerator = -numerator;
        denominator = -denominator;
    }
    numerator *= 1 << LINEAR_SHIFT;
    int128 half = denominator / 2;
    int128 q = numerator >= 0 ? (numerator + half) / denominator : (numerator - half) / denominator;
    if (q > LINEAR_COEFFICIENT_MAX) return LINEAR_COEFFICIENT_MAX;
    if (q < -LINEAR_COEFFICIENT_MAX) return -LINEAR_COEFFICIENT_MAX;
    return (int32_t)q;
}

/* The normal equations of two unknowns by Cramer's rule, in integers so that every machine agrees.
 */
static kuni_linear solve(const linear_sums *s)
{
    int128 determinant = s->rr * s->aa - s->ra * s->ra;
    if (determinant != 0)
        return (kuni_linear){.ref = rounded_coefficient(s->rt * s->aa - s->at * s->ra, determinant),
                             .alt =
                                 rounded_coefficient(s->at * s->rr - s->rt * s->ra, determinant)};
    if (s->rr >= s->aa) return (kuni_linear){.ref = rounded_coefficient(s->rt, s->rr), .alt = 0};
    return (kuni_linear){.ref = 0, .alt = rounded_coefficient(s->at, s->aa)};
}

static void fit_linear(kuni_encoder *encoder, const shaped_event *events, size_t n_events,
                       kuni_linear_table *table)
{
    /* Deeper events say nothing about the rest and could overflow the sums. */
    enum { DEPTH_MAX = 1000 };
    linear_sums sums[CLASSES][LINEAR_TARGETS] = {0};
    for (size_t i = 0; i < n_events; i++) {
        if (!(events[i].shape.bits & SHAPE_LINEAR)) continue;
        const kuni_event *event = events[i].event;
        int places[LINEAR_TARGETS], zero;
        kuni_linear_places(events[i].class_, &places[0], &places[1], &zero);
        int64_t r = event->ad[0], a = event->ad[1];
        if (r > DEPTH_MAX || a > DEPTH_MAX) continue;
        for (int k = 0; k < LINEAR_TARGETS; k++) {
            int64_t t = event->pl[places[k]];
            linear_sums *s = &sums[events[i].class_][k];
            s->rr += r * r;
            s->ra += r * a;
            s->aa += a * a;
            s->rt += r * t;
            s->at += a * t;
        }
    }
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < LINEAR_TARGETS; k++) {
            table->at[c][k] = solve(&sums[c][k]);
            kuni_put_zigzag(&encoder->streams[EVENTS_HEAD], table->at[c][k].ref);
            kuni_put_zigzag(&encoder->streams[EVENTS_HEAD], table->at[c][k].alt);
        }
}

static void put_likelihoods(kuni_stream *cols, const shaped_event *shaped,
                            const kuni_linear_table *table)
{
    const kuni_event *event = shaped->event;
    uint32_t n = kuni_pl_count(event->n_alleles, event->ploidy);
    if (!(shaped->shape.bits & SHAPE_LINEAR)) {
        for (uint32_t i = 0; i < n; i++) kuni_put_varint(&cols[COL_PL_MORE], event->pl[i]);
        return;
    }
    int places[LINEAR_TARGETS], zero;
    kuni_linear_places(shaped->class_, &places[0], &places[1], &zero);
    for (int k = 0; k < LINEAR_TARGETS; k++)
        kuni_put_zigzag(&cols[COL_PL_FIRST + k],
                        event->pl[places[k]] - kuni_linear_predict(table->at[shaped->class_][k],
                                                                   event->ad[0], event->ad[1]));
    for (int i = 3; i < (int)n; i++)
        kuni_put_zigzag(&cols[COL_PL_MORE],
                        event->pl[i] -
                            kuni_pl_other_predict(shaped->class_, event->pl, i, event->ad));
}

static void put_numbers(kuni_stream *cols, const shaped_event *shaped,
                        const kuni_linear_table *table)
{
    const kuni_event *event = shaped->event;
    int64_t ref = 0, alt = 0;
    if (event->ad) {
        ref = event->ad[0];
        kuni_put_varint(&cols[COL_AD_REF], event->ad[0]);
        for (uint32_t i = 1; i < event->n_alleles; i++) {
            kuni_put_varint(&cols[i == 1 ? COL_AD_ALT : COL_AD_MORE], event->ad[i]);
            alt += event->ad[i];
        }
    }
    kuni_put_zigzag(&cols[COL_DP], event->dp - ref - alt);
    if (shaped->shape.bits & SHAPE_SB) {
        kuni_put_zigzag(&cols[COL_SB_REF], event->sb[0] - ref / 2);
        kuni_put_zigzag(&cols[COL_SB_REST], event->sb[1] - (ref - event->sb[0]));
        kuni_put_zigzag(&cols[COL_SB_ALT], event->sb[2] - alt / 2);
        kuni_put_zigzag(&cols[COL_SB_REST], event->sb[3] - (alt - event->sb[2]));
    }
    int gq = 0;
    int64_t qual = 0;
    if (event->pl) {
        put_likelihoods(cols, shaped, table);
        gq = kuni_gq_from_pl(event->pl, kuni_pl_count(event->n_alleles, event->ploidy));
        qual = event->pl[0];
    }
    kuni_put_zigzag(&cols[COL_GQ], event->gq - gq);
    kuni_put_byte(&cols[COL_MQ], event->mq);
    kuni_put_zigzag(&cols[COL_QUAL], event->qual - qual);
    if (event->phase_set >= 0) kuni_put_zigzag(&cols[COL_PHASE_SET], event->pos - event->phase_set);
}

/* The samples of one position's events: distances, or a bitmap where that is smaller. */
static void put_samples(kuni_encoder *encoder, const shaped_event *events, size_t n,
                        uint32_t n_samples)
{
    kuni_stream *streams = encoder->streams;
    size_t bitmap_bytes = (n_samples + 7) / 8, gap_bytes = 0;
    bool distinct = true;
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t sample = events[i].event->sample, gap = sample - last;
        if (i > 0 && gap == 0) distinct = false;
        gap_bytes += gap < 0x80 ? 1 : gap < 0x4000 ? 2 : 3;
        last = sample;
    }
    bool dense = distinct && bitmap_bytes < gap_bytes;
    kuni_put_varint(&streams[EVENTS_COUNTS], (uint64_t)n << 1 | dense);
    if (dense) {
        kuni_stream *bits = &streams[EVENTS_BITS];
        if (!kuni_stream_room(bits, bitmap_bytes)) return;
        uint8_t *map = bits->data + bits->length;
        memset(map, 0, bitmap_bytes);
        for (size_t i = 0; i < n; i++) {
            uint32_t sample = events[i].event->sample;
            map[sample / 8] = (uint8_t)(map[sample / 8] | 1u << (sample % 8));
        }
        bits->length += bitmap_bytes;
        return;
    }
    last = 0;
    for (size_t i = 0; i < n; i++) {
        kuni_put_varint(&streams[EVENTS_GAPS], events[i].event->sample - last);
        last = events[i].event->sample;
    }
}

/* Orders events by (position, sample, order of adding): they come sample by sample, so counting
 * keeps the rest. */
static kuni_status order_events(kuni_encoder *encoder, const kuni_chunk_input *input,
                                const kuni_dictionary *dictionary, shaped_event **out,
                                kuni_error *err)
{
    size_t n_sets = dictionary->n_sets;
    shaped_event *events =
        kuni_arena_alloc(encoder->arena, input->n_events + 1, sizeof(*events), err);
    size_t *place = kuni_arena_alloc(encoder->arena, n_sets + 1, sizeof(*place), err);
    uint32_t *position = kuni_arena_alloc(encoder->arena, n_sets + 1, sizeof(*position), err);
    if (!events || !place || !position) return KUNI_MEMORY;
    for (size_t i = 1; i < n_sets; i++)
        position[i] = position[i - 1] + (dictionary->sets[i].pos != dictionary->sets[i - 1].pos);
    for (size_t i = 0; i < input->n_events; i++) place[position[input->events[i].set] + 1]++;
    for (size_t i = 1; i <= n_sets; i++) place[i] += place[i - 1];
    for (size_t i = 0; i < input->n_events; i++)
        shape_event(&input->events[i], &events[place[position[input->events[i].set]]++]);
    *out = events;
    return KUNI_OK;
}

static kuni_status encode_events(kuni_encoder *encoder, const kuni_chunk_input *input,
                                 const kuni_dictionary *dictionary, kuni_stream *out,
                                 kuni_error *err)
{
    kuni_stream *streams = encoder->streams;
    shaped_event *events;
    kuni_linear_table table;
    clear_streams(encoder);
    kuni_status status = order_events(encoder, input, dictionary, &events, err);
    if (status) return status;
    uint64_t n_pl = 0, n_ad = 0;
    for (size_t i = 0; i < input->n_events; i++) {
        const kuni_event *event = events[i].event;
        if (event->pl) n_pl += kuni_pl_count(event->n_alleles, event->ploidy);
        if (event->ad) n_ad += event->n_alleles;
    }
    kuni_put_varint(&streams[EVENTS_HEAD], input->n_events);
    kuni_put_varint(&streams[EVENTS_HEAD], n_pl);
    kuni_put_varint(&streams[EVENTS_HEAD], n_ad);
    status = index_shapes(encoder, events, input->n_events, err);
    if (status) return status;
    fit_linear(encoder, events, input->n_events, &table);
    size_t set = 0;
    for (size_t i = 0, n; i < input->n_events; i += n) {
        int64_t pos = events[i].event->pos;
        size_t sets_here = 0;
        while (dictionary->sets[set].pos != pos) set++;
        while (set + sets_here < dictionary->n_sets && dictionary->sets[set + sets_here].pos == pos)
            sets_here++;
        for (n = 1; i + n < input->n_events && events[i + n].event->pos == pos;) n++;
        put_samples(encoder, events + i, n, input->n_samples);
        for (size_t k = i; k < i + n; k++) {
            if (sets_here > 1) kuni_put_varint(&streams[EVENTS_SETS], events[k].event->set - set);
            kuni_put_varint(&streams[EVENTS_SHAPES], events[k].shape_index);
            put_numbers(&streams[EVENTS_COMMON + events[k].class_ * COLS], &events[k], &table);
            for (int r = 0; (events[k].shape.bits & SHAPE_RANKS) && r < KUNI_RANKS; r++)
                kuni_put_byte(&streams[EVENTS_RANKS + r], events[k].event->rank[r]);
        }
    }
    return kuni_pack(encoder->codec, streams, EVENTS_STREAMS, out, err);
}

/* --- blocks --- */

/* One coding of depths or qualities into `out`. */
static void code_block_numbers(const kuni_chunk_input *input, bool depths, int coding,
                               kuni_stream *out)
{
    out->length = 0;
    int64_t last = 0;
    for (size_t i = 0; i < input->n_blocks; i++) {
        const kuni_block *block = &input->blocks[i];
        int64_t value = depths ? block->min_dp : block->gq;
        if (i == 0 || block->sample != input->blocks[i - 1].sample) last = 0;
        if (coding == CODING_PLAIN)
            kuni_put_zigzag(out, value);
        else if (coding == CODING_DELTA)
            kuni_put_zigzag(out, value - last);
        else
            kuni_put_zigzag(out, value - kuni_gq_from_depth(block->min_dp));
        last = value;
    }
}

/*
 * 2^20 x log2(n) by squaring: exact integer work, so that every machine chooses alike.
 */
static uint64_t log2_fixed(uint64_t n)
{
    enum { BITS = 20 };
    int whole = 63 - __builtin_clzll(n);
    uint64_t mantissa = n << (63 - whole) >> 32,
             log = (uint64_t)whole << BITS; /* in [2^31, 2^32) */
    for (int i = 1; i <= BITS; i++) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32) {
            mantissa >>= 1;
            log |= 1u << (BITS - i);
        }
    }
    return log;
}

/* What the bytes would take in an ideal code of their own frequencies, in 2^-20 bits. */
static uint64_t entropy_of(const kuni_stream *stream)
{
    uint64_t counts[256] = {0}, bits = 0;
    for (size_t i = 0; i < stream->length; i++) counts[stream->data[i]]++;
    for (int i = 0; i < 256; i++)
        if (counts[i] > 0) bits += counts[i] * (log2_fixed(stream->length) - log2_fixed(counts[i]));
    return bits;
}

/* Leaves the coding of least entropy in streams[target]. */
static kuni_status choose_coding(kuni_encoder *encoder, const kuni_chunk_input *input, bool depths,
                                 kuni_error *err)
{
    int last = depths ? CODING_DELTA : CODING_DEPTH, best = CODING_PLAIN;
    kuni_stream *target = &encoder->streams[depths ? BLOCKS_DEPTHS : BLOCKS_QUALITIES];
    uint64_t least = UINT64_MAX;
    for (int coding = CODING_PLAIN; coding <= last; coding++) {
        code_block_numbers(input, depths, coding, target);
        if (target->failed) return kuni_fail_memory(err, input->n_blocks, 2);
        uint64_t bits = entropy_of(target);
        if (bits < least) {
            least = bits;
            best = coding;
        }
    }
    if (best != last) code_block_numbers(input, depths, best, target);
    kuni_put_byte(&encoder->streams[BLOCKS_HEAD], (uint8_t)best);
    return KUNI_OK;
}

static kuni_status encode_blocks(kuni_encoder *encoder, const kuni_chunk_input *input,
                                 kuni_stream *out, kuni_error *err)
{
    kuni_stream *streams = encoder->streams;
    clear_streams(encoder);
    size_t i = 0;
    for (uint32_t sample = 0; sample < input->n_samples; sample++) {
        size_t first = i;
        int64_t end = input->beg;
        for (; i < input->n_blocks && input->blocks[i].sample == sample; i++) {
            const kuni_block *block = &input->blocks[i];
            uint64_t length = (uint64_t)(block->end - block->beg - 1);
            kuni_put_varint(&streams[BLOCKS_GAPS], (uint64_t)(block->beg - end));
            kuni_put_byte(&streams[BLOCKS_LENGTHS_LOW], (uint8_t)length);
            kuni_put_byte(&streams[BLOCKS_LENGTHS_HIGH], (uint8_t)(length >> 8));
            kuni_put_byte(&streams[BLOCKS_KINDS], (uint8_t)(block->kind << 2 | block->ploidy));
            end = block->end;
        }
        kuni_put_varint(&streams[BLOCKS_COUNTS], i - first);
    }
    kuni_put_varint(&streams[BLOCKS_HEAD], input->n_blocks);
    kuni_status status = choose_coding(encoder, input, true, err);
    if (!status) status = choose_coding(encoder, input, false, err);
    if (status) return status;
    return kuni_pack(encoder->codec, streams, BLOCKS_STREAMS, out, err);
}

kuni_status kuni_encode_chunk(kuni_encoder *encoder, const kuni_chunk_input *input,
                              kuni_stream *out, kuni_evidence_extent *extent,
                              uint32_t crc[KUNI_GROUPS], kuni_error *err)
{
    kuni_dictionary dictionary;
    kuni_arena_clear(encoder->arena);
    kuni_status status = kuni_dictionary_build(&dictionary, encoder->arena, input, err);
    if (status) return status;
    size_t start[KUNI_GROUPS + 1];
    start[KUNI_GROUP_CENSUS] = out->length;
    status = encode_census(encoder, &dictionary, out, err);
    if (status) return status;
    start[KUNI_GROUP_EVENTS] = out->length;
    status = encode_events(encoder, input, &dictionary, out, err);
    if (status) return status;
    start[KUNI_GROUP_BLOCKS] = out->length;
    status = encode_blocks(encoder, input, out, err);
    if (status) return status;
    start[KUNI_GROUPS] = out->length;
    for (int i = 0; i < KUNI_GROUPS; i++) {
        if (start[i + 1] - start[i] > UINT32_MAX)
            return kuni_fail(err, KUNI_USAGE,
                             "a chunk of evidence exceeds 4 GiB: use smaller batches");
        crc[i] = kuni_crc32(out->data + start[i], start[i + 1] - start[i]);
    }
    *extent = (kuni_evidence_extent){.beg = input->beg,
                                     .end = input->end,
                                     .n_alleles = (uint32_t)dictionary.n_alleles,
                                     .n_sets = (uint32_t)dictionary.n_sets,
                                     .n_events = (uint32_t)input->n_events,
                                     .n_blocks = (uint32_t)input->n_blocks,
                                     .census_bytes = (uint32_t)(start[1] - start[0]),
                                     .events_bytes = (uint32_t)(start[2] - start[1]),
                                     .blocks_bytes = (uint32_t)(start[3] - start[2])};
    return KUNI_OK;
}
