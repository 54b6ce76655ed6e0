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

/* --- likelihoods --- */

/*
 * Sums of a least-squares fit of t on the terms x: reads of REF, reads of ALT, reads of the rarer
 * strand, 1.
 */
typedef struct linear_sums {
    int64_t xx[LINEAR_TERMS][LINEAR_TERMS], xt[LINEAR_TERMS]; /* xx: the lower half */
} linear_sums;

/*
 * Gaussian elimination; a term that the others foretell is left out (its coefficient stays 0).
 * Plain IEEE operations on exact integers in a fixed order, so that every machine finds the same
 * numbers.
 */
static void solve(const linear_sums *s, double solution[LINEAR_TERMS])
{
    const double DEPENDENT = 1e-9; /* of its own square, what is left of a term */
    double m[LINEAR_TERMS][LINEAR_TERMS + 1];
    bool used[LINEAR_TERMS] = {false};
    for (int i = 0; i < LINEAR_TERMS; i++) {
        for (int k = 0; k < LINEAR_TERMS; k++)
            m[i][k] = (double)(k <= i ? s->xx[i][k] : s->xx[k][i]);
        m[i][LINEAR_TERMS] = (double)s->xt[i];
    }
    for (int i = 0; i < LINEAR_TERMS; i++) {
        used[i] = m[i][i] > DEPENDENT * (double)s->xx[i][i];
        if (!used[i]) continue;
        for (int k = 0; k < LINEAR_TERMS; k++) {
            if (k == i) continue;
            double factor = m[k][i] / m[i][i];
            for (int c = i; c <= LINEAR_TERMS; c++) m[k][c] -= factor * m[i][c];
        }
    }
    for (int i = 0; i < LINEAR_TERMS; i++) solution[i] = used[i] ? m[i][LINEAR_TERMS] / m[i][i] : 0;
}

static int32_t coefficient(double value)
{
    double scaled = value * (1 << LINEAR_SHIFT);
    if (scaled >= LINEAR_COEFFICIENT_MAX) return LINEAR_COEFFICIENT_MAX;
    if (scaled <= -LINEAR_COEFFICIENT_MAX) return -LINEAR_COEFFICIENT_MAX;
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

static void target_places(int class_, int places[LINEAR_TARGETS])
{
    int zero;
    kuni_linear_places(class_, &places[0], &places[1], &zero);
    places[2] = 3;
    places[3] = 4;
}

/*
 * Terms for the target at a place, and how many: heterozygotes and genotypes with <*> need but the
 * reads.
 */
static int linear_terms(const kuni_event *event, int place, int64_t x[LINEAR_TERMS])
{
    x[0] = event->ad[0];
    x[1] = event->ad[1];
    if (place != 0 && place != 2) return 2;
    x[2] = kuni_linear_rare(place, event->sb);
    x[3] = 1;
    return LINEAR_TERMS;
}

static void fit_linear(kuni_encoder *encoder, const shaped_event *events, size_t n_events,
                       kuni_linear_table *table)
{
    /* Deeper events say nothing about the rest and could overflow the sums. */
    enum { DEPTH_MAX = 1000 };
    linear_sums sums[CLASSES][LINEAR_TARGETS] = {0};
    kuni_stream *head = &encoder->streams[EVENTS_HEAD];
    for (size_t i = 0; i < n_events; i++) {
        if (!(events[i].shape.bits & SHAPE_LINEAR)) continue;
        const kuni_event *event = events[i].event;
        int places[LINEAR_TARGETS];
        target_places(events[i].class_, places);
        if (event->ad[0] > DEPTH_MAX || event->ad[1] > DEPTH_MAX || event->sb[0] > DEPTH_MAX ||
            event->sb[1] > DEPTH_MAX || event->sb[2] > DEPTH_MAX || event->sb[3] > DEPTH_MAX)
            continue;
        for (int k = 0; k < (events[i].other ? LINEAR_TARGETS : 2); k++) {
            linear_sums *s = &sums[events[i].class_][k];
            int64_t x[LINEAR_TERMS];
            int n_terms = linear_terms(event, places[k], x);
            for (int a = 0; a < n_terms; a++) {
                for (int b = 0; b <= a; b++) s->xx[a][b] += x[a] * x[b];
                s->xt[a] += x[a] * event->pl[places[k]];
            }
        }
    }
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < LINEAR_TARGETS; k++) {
            double solution[LINEAR_TERMS];
            solve(&sums[c][k], solution);
            kuni_linear *line = &table->at[c][k];
            *line = (kuni_linear){.ref = coefficient(solution[0]),
                                  .alt = coefficient(solution[1]),
                                  .rare = coefficient(solution[2]),
                                  .one = coefficient(solution[3])};
            kuni_put_zigzag(head, line->ref);
            kuni_put_zigzag(head, line->alt);
            kuni_put_zigzag(head, line->rare);
            kuni_put_zigzag(head, line->one);
        }
}

/* The first likelihood of a genotype with <*>. */
static uint32_t first_other(const kuni_event *event, bool other)
{
    return kuni_pl_count((uint32_t)event->n_alleles - other, event->ploidy);
}

/* Which likelihoods lie on their ladder throughout. */
static int find_ladders(const shaped_event *events, size_t n_events)
{
    int ladders = LADDER_KNOWN | LADDER_OTHER;
    for (size_t i = 0; i < n_events && ladders; i++) {
        const kuni_event *event = events[i].event;
        if (!event->pl) continue;
        uint32_t n = kuni_pl_count(event->n_alleles, event->ploidy);
        uint32_t known = first_other(event, events[i].other);
        for (uint32_t k = 0; k < known; k++)
            if (kuni_pl_round(event->pl[k], KUNI_PL_BITS) != event->pl[k]) ladders &= ~LADDER_KNOWN;
        for (uint32_t k = known; k < n; k++)
            if (kuni_pl_round(event->pl[k], KUNI_PL_BITS_OTHER) != event->pl[k])
                ladders &= ~LADDER_OTHER;
    }
    return ladders;
}

/* A likelihood as the steps between it and what was foretold. */
static void put_steps(kuni_stream *stream, kuni_ladder ladder, uint32_t pl, int64_t foretold)
{
    kuni_put_zigzag(stream, (int64_t)kuni_ladder_down(ladder, pl) -
                                kuni_ladder_down(ladder, (uint32_t)foretold));
}

static void put_likelihoods(kuni_stream *cols, const shaped_event *shaped,
                            const kuni_linear_table *table, int ladders)
{
    const kuni_event *event = shaped->event;
    const kuni_ladder known = kuni_ladder_of(ladders, LADDER_KNOWN);
    const kuni_ladder other = kuni_ladder_of(ladders, LADDER_OTHER);
    uint32_t n = kuni_pl_count(event->n_alleles, event->ploidy);
    if (!(shaped->shape.bits & SHAPE_LINEAR)) {
        uint32_t first = first_other(event, shaped->other);
        for (uint32_t i = 0; i < n; i++)
            kuni_put_varint(&cols[COL_PL_MORE],
                            kuni_ladder_down(i < first ? known : other, event->pl[i]));
        return;
    }
    int places[LINEAR_TARGETS];
    target_places(shaped->class_, places);
    for (int k = 0; k < (n > 3 ? LINEAR_TARGETS : 2); k++) {
        static const int columns[LINEAR_TARGETS] = {COL_PL_FIRST, COL_PL_SECOND, COL_PL_OTHER_REF,
                                                    COL_PL_OTHER_ALT};
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is linear has AD. */
        int64_t guess = kuni_linear_predict(table->at[shaped->class_][k], event->ad[0],
                                            event->ad[1], kuni_linear_rare(places[k], event->sb));
        put_steps(&cols[columns[k]], k < 2 ? known : other, event->pl[places[k]], guess);
    }
    if (n > 3)
        put_steps(&cols[COL_PL_OTHER], other, event->pl[5],
                  kuni_pl_other_predict(shaped->class_, event->pl));
}

static void put_numbers(kuni_stream *cols, const shaped_event *shaped,
                        const kuni_linear_table *table, int ladders)
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
        put_likelihoods(cols, shaped, table, ladders);
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

/*
 * Orders events by (position, sample, order of adding): they come sample by sample, so counting
 * keeps the rest.
 */
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
    int ladders = find_ladders(events, input->n_events);
    kuni_put_byte(&streams[EVENTS_HEAD], (uint8_t)ladders);
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
            put_numbers(&streams[EVENTS_COMMON + events[k].class_ * COLS], &events[k], &table,
                        ladders);
            for (int r = 0; (events[k].shape.bits & SHAPE_RANKS) && r < KUNI_RANKS; r++)
                kuni_put_byte(&streams[EVENTS_RANKS + r], events[k].event->rank[r]);
        }
    }
    return kuni_pack(encoder->codec, streams, EVENTS_STREAMS, out, err);
}

/* --- blocks --- */

/* One coding of depths into their stream. */
static void code_depths(const kuni_chunk_input *input, const bool *inherits, int coding,
                        kuni_stream *out)
{
    out->length = 0;
    int64_t last = 0;
    for (size_t i = 0; i < input->n_blocks; i++) {
        const kuni_block *block = &input->blocks[i];
        if (inherits[i]) continue;
        if (i == 0 || block->sample != input->blocks[i - 1].sample) last = 0;
        kuni_put_zigzag(out, block->min_dp - (coding == CODING_DELTA ? last : 0));
        last = block->min_dp;
    }
}

/* One coding of qualities into their streams, one for each context. */
static void code_qualities(const kuni_chunk_input *input, const bool *inherits, int coding,
                           kuni_stream *out)
{
    int64_t last = 0;
    for (int i = 0; i < QUALITY_CONTEXTS; i++) out[i].length = 0;
    for (size_t i = 0; i < input->n_blocks; i++) {
        const kuni_block *block = &input->blocks[i];
        if (inherits[i]) continue;
        if (i == 0 || block->sample != input->blocks[i - 1].sample) last = 0;
        int64_t guess = coding == CODING_DELTA   ? last
                        : coding == CODING_DEPTH ? kuni_gq_from_depth(block->min_dp)
                                                 : 0;
        kuni_put_zigzag(&out[kuni_quality_context(block->min_dp)], block->gq - guess);
        last = block->gq;
    }
}

/*
 * 2^12 x log2(n) by squaring: exact integer work, so that every machine chooses alike.
 */
static uint64_t log2_fixed(uint64_t n)
{
    enum { BITS = 12 };
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

/* What the bytes would take in an ideal code of their own frequencies, in 2^-12 bits. */
static uint64_t entropy_of(const kuni_stream *stream)
{
    uint32_t counts[256] = {0};
    if (stream->length == 0) return 0;
    for (size_t i = 0; i < stream->length; i++) counts[stream->data[i]]++;
    uint64_t bits = 0, whole = log2_fixed(stream->length);
    for (int i = 0; i < 256; i++)
        if (counts[i] > 0) bits += counts[i] * (whole - log2_fixed(counts[i]));
    return bits;
}

/* Leaves the coding of least entropy in its streams, and its number in the head. */
static kuni_status choose_coding(kuni_encoder *encoder, const kuni_chunk_input *input,
                                 const bool *inherits, bool depths, kuni_error *err)
{
    int last = depths ? CODING_DELTA : CODING_DEPTH, best = CODING_PLAIN;
    int n_streams = depths ? 1 : QUALITY_CONTEXTS;
    kuni_stream *streams = &encoder->streams[depths ? BLOCKS_DEPTHS : BLOCKS_QUALITIES];
    uint64_t least = UINT64_MAX;
    for (int round = CODING_PLAIN; round <= last + 1; round++) {
        int coding = round <= last ? round : best;
        if (depths)
            code_depths(input, inherits, coding, streams);
        else
            code_qualities(input, inherits, coding, streams);
        uint64_t bits = 0;
        for (int i = 0; i < n_streams; i++) {
            if (streams[i].failed) return kuni_fail_memory(err, input->n_blocks, 2);
            bits += entropy_of(&streams[i]);
        }
        if (bits < least) {
            least = bits;
            best = coding;
        }
        if (round == last && best == last) break;
    }
    kuni_put_byte(&encoder->streams[BLOCKS_HEAD], (uint8_t)best);
    return KUNI_OK;
}

/* The spans of the chunk's events, which come sample by sample. */
static kuni_event_span *make_spans(kuni_encoder *encoder, const kuni_chunk_input *input,
                                   kuni_error *err)
{
    kuni_event_span *spans =
        kuni_arena_alloc(encoder->arena, input->n_events + 1, sizeof(*spans), err);
    for (size_t i = 0; spans && i < input->n_events; i++) {
        const kuni_event *event = &input->events[i];
        spans[i] =
            kuni_event_span_of(event->pos, strlen(event->alleles[0]), input->beg, input->end);
    }
    return spans;
}

/* Whether the second of three blocks is a hole in what the first and the third are. */
static bool is_hole(const kuni_block *blocks, size_t n)
{
    if (n < 3) return false;
    const kuni_block *a = blocks, *hole = blocks + 1, *b = blocks + 2;
    return a->end == hole->beg && hole->end == b->beg && a->sample == b->sample &&
           a->sample == hole->sample && a->kind == hole->kind && a->kind == b->kind &&
           a->ploidy == hole->ploidy && a->ploidy == b->ploidy && a->either == hole->either &&
           a->either == b->either && a->min_dp == hole->min_dp && a->min_dp == b->min_dp &&
           a->gq == b->gq;
}

/* The chunk's blocks while their places are written. */
typedef struct block_places {
    kuni_stream *streams;
    int64_t chunk_beg;
    uint32_t width, end; /* of the chunk; of the block before */
    kuni_event_walk walk;
} block_places;

/* What lies between the quality with one copy and the highest: mostly nothing. */
static void put_one(kuni_stream *streams, const kuni_block *block)
{
    if (block->either) kuni_put_byte(&streams[BLOCKS_ONES], (uint8_t)(99 - block->gq_one));
}

static void put_length(kuni_stream *streams, uint32_t length)
{
    kuni_put_byte(&streams[BLOCKS_LENGTHS_LOW], (uint8_t)(length - 1));
    kuni_put_byte(&streams[BLOCKS_LENGTHS_HIGH], (uint8_t)((length - 1) >> 8));
}

/* The next of n blocks, and the hole after it; returns how many were written. */
static size_t put_block(block_places *p, const kuni_block *block, size_t n, bool *inherits)
{
    kuni_stream *streams = p->streams;
    uint32_t from = (uint32_t)(block->beg - p->chunk_beg),
             to = (uint32_t)(block->end - p->chunk_beg);
    if (!*inherits)
        kuni_put_zigzag(&streams[BLOCKS_GAPS],
                        (int64_t)from - kuni_event_walk_begin(&p->walk, p->end));
    int stop = STOP_ANYWHERE;
    if (to == kuni_event_walk_end(&p->walk, from, p->width))
        stop = STOP_EVENT;
    else if (is_hole(block, n))
        stop = STOP_HOLE;
    else if (block->end % KUNI_BLOCK_LINE_BP == 0)
        stop = STOP_LINE;
    if (stop == STOP_LINE)
        kuni_put_varint(&streams[BLOCKS_LINES], (uint64_t)(block->end / KUNI_BLOCK_LINE_BP -
                                                           block->beg / KUNI_BLOCK_LINE_BP));
    else if (stop != STOP_EVENT)
        put_length(streams, to - from);
    int ploidy = block->either ? BLOCK_EITHER : block->ploidy;
    kuni_put_byte(&streams[BLOCKS_KINDS], (uint8_t)(block->kind << 4 | stop << 2 | ploidy));
    put_one(streams, block);
    p->end = to;
    if (stop != STOP_HOLE) return 1;
    kuni_put_byte(&streams[BLOCKS_HOLES], block[1].gq);
    put_one(streams, &block[1]);
    kuni_put_varint(&streams[BLOCKS_HOLE_LENGTHS], (uint64_t)(block[1].end - block[1].beg - 1));
    p->end = (uint32_t)(block[1].end - p->chunk_beg);
    inherits[1] = inherits[2] = true;
    return 2;
}

static kuni_status encode_blocks(kuni_encoder *encoder, const kuni_chunk_input *input,
                                 kuni_stream *out, kuni_error *err)
{
    kuni_stream *streams = encoder->streams;
    clear_streams(encoder);
    kuni_event_span *spans = make_spans(encoder, input, err);
    if (!spans) return KUNI_MEMORY;
    size_t i = 0, event = 0;
    bool *inherits = kuni_arena_alloc(encoder->arena, input->n_blocks + 1, sizeof(*inherits), err);
    if (!inherits) return KUNI_MEMORY;
    for (uint32_t sample = 0; sample < input->n_samples; sample++) {
        size_t first = i, first_event = event;
        while (event < input->n_events && input->events[event].sample == sample) event++;
        while (i < input->n_blocks && input->blocks[i].sample == sample) i++;
        block_places places = {.streams = streams,
                               .chunk_beg = input->beg,
                               .width = (uint32_t)(input->end - input->beg),
                               .walk = {.spans = spans + first_event, .n = event - first_event}};
        for (size_t k = first; k < i;)
            k += put_block(&places, &input->blocks[k], i - k, &inherits[k]);
        kuni_put_varint(&streams[BLOCKS_COUNTS], i - first);
    }
    kuni_put_varint(&streams[BLOCKS_HEAD], input->n_blocks);
    kuni_status status = choose_coding(encoder, input, inherits, true, err);
    if (!status) status = choose_coding(encoder, input, inherits, false, err);
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
