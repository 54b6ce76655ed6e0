/* SPDX-License-Identifier: MIT */
#include "evidence_decode.h"

#include <stdlib.h>

void kuni_decoder_fini(kuni_decoder *decoder)
{
    kuni_codec_free(decoder->codec);
    kuni_stream_fini(&decoder->stored);
    kuni_stream_fini(&decoder->raw);
    free(decoder->alleles);
    free(decoder->sets);
    free(decoder->names);
    free(decoder->links);
    free(decoder->text);
    free(decoder->events);
    free(decoder->pl);
    free(decoder->ad);
    free(decoder->plans);
    free(decoder->blocks);
    free(decoder->unordered);
    free(decoder->places);
    free(decoder->starts);
    free(decoder->spans);
    free(decoder->lengths);
    *decoder = (kuni_decoder){0};
}

static bool any_bad(const kuni_cursor *cursors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cursors[i].bad) return true;
    return false;
}

/* Every stream must be used up: left-over bytes mean that it was not what it seemed. */
static kuni_status check_used_up(const kuni_cursor *cursors, size_t n, const char *group,
                                 kuni_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (cursors[i].bad)
            return kuni_fail(err, KUNI_DATA, "column %zu of the %s ends early", i, group);
        if (cursors[i].at != cursors[i].end)
            return kuni_fail(err, KUNI_DATA, "column %zu of the %s holds too much", i, group);
    }
    return KUNI_OK;
}

static kuni_status unpack(kuni_decoder *decoder, const uint8_t *bytes, size_t length,
                          kuni_cursor *cursors, size_t n, kuni_error *err)
{
    if (!decoder->codec) {
        decoder->codec = kuni_codec_new(err);
        if (!decoder->codec) return KUNI_MEMORY;
    }
    return kuni_unpack(decoder->codec, bytes, length, &decoder->raw, cursors, n, err);
}

/* --- census --- */

/* Text storage of known size, filled from the front. */
typedef struct text_store {
    char *at, *end;
} text_store;

static const char *store_text(text_store *store, kuni_cursor *in, uint64_t length, bool *bad)
{
    static const bool allowed[256] = {
        ['A'] = true, ['C'] = true, ['G'] = true, ['T'] = true, ['N'] = true, ['*'] = true};
    const uint8_t *bytes =
        length < (uint64_t)(store->end - store->at) ? kuni_get_bytes(in, length) : NULL;
    if (!bytes || length == 0) {
        *bad = true;
        return "";
    }
    char *text = store->at;
    memcpy(text, bytes, length);
    text[length] = '\0';
    store->at += length + 1;
    bool fine = true;
    for (uint64_t i = 0; i < length; i++) fine &= allowed[bytes[i]];
    if (!fine && !(length == 3 && memcmp(text, "<*>", 3) == 0)) *bad = true;
    return text;
}

static bool decode_dictionary(kuni_decoder *decoder, kuni_cursor *in, size_t n_alleles,
                              text_store *store)
{
    bool bad = false;
    uint64_t pos = 0;
    for (size_t i = 0; i < n_alleles; i++) {
        kuni_census *allele = &decoder->alleles[i];
        pos += kuni_get_varint(&in[CENSUS_POS]);
        if (pos > INT64_MAX / 2) return false;
        uint64_t ref = kuni_get_varint(&in[CENSUS_LENGTHS]);
        uint64_t alt = kuni_get_varint(&in[CENSUS_LENGTHS]);
        *allele = (kuni_census){.pos = (int64_t)pos};
        allele->ref = store_text(store, &in[CENSUS_BASES], ref, &bad);
        allele->alt = store_text(store, &in[CENSUS_BASES], alt, &bad);
        uint64_t n_samples = kuni_get_varint(&in[CENSUS_COUNTS]);
        uint64_t n_copies = kuni_get_varint(&in[CENSUS_COUNTS]);
        allele->sum_qual = kuni_get_varint(&in[CENSUS_QUALS]);
        uint64_t max_qual = kuni_get_varint(&in[CENSUS_QUALS]);
        if (bad || n_samples > UINT32_MAX || n_copies > UINT32_MAX || max_qual > UINT16_MAX ||
            n_copies < n_samples)
            return false;
        allele->n_samples = (uint32_t)n_samples;
        allele->n_copies = (uint32_t)n_copies;
        allele->max_qual = (uint16_t)max_qual;
    }
    return !any_bad(in, CENSUS_STREAMS);
}

/* The link of the next allele of a set, or KUNI_CENSUS_NONE. */
static bool get_link(kuni_cursor *in, size_t n_alleles, int64_t *last, int32_t *link)
{
    uint64_t code = kuni_get_varint(&in[CENSUS_SET_LINKS]);
    *link = KUNI_CENSUS_NONE;
    if (code == 0) return !in[CENSUS_SET_LINKS].bad;
    int64_t at;
    if (__builtin_add_overflow(*last, kuni_unzigzag(code - 1), &at) || at < 0 ||
        at >= (int64_t)n_alleles)
        return false;
    *last = at;
    *link = (int32_t)at;
    return true;
}

static bool decode_sets(kuni_decoder *decoder, kuni_cursor *in, size_t n_alleles, size_t n_sets,
                        size_t n_slots, text_store *store)
{
    bool bad = false;
    uint64_t pos = 0;
    int64_t last_link = 0;
    size_t slot = 0;
    for (size_t i = 0; i < n_sets; i++) {
        pos += kuni_get_varint(&in[CENSUS_SET_POS]);
        uint64_t code = kuni_get_varint(&in[CENSUS_SET_KIND]), n = code >> 2;
        int kind = (int)(code & 3);
        if (pos > INT64_MAX / 2 || n < 1 || n > KUNI_EVENT_ALLELES_MAX || n > n_slots - slot)
            return false;
        if ((kind == SET_SIMPLE && n != 2) || (kind == SET_SIMPLE_OTHER && n != 3) || kind == 3)
            return false;
        const char **names = &decoder->names[slot];
        int32_t *links = &decoder->links[slot];
        slot += n;
        for (size_t k = 0; k < n; k++) {
            links[k] = KUNI_CENSUS_NONE;
            if (kind == SET_GIVEN)
                names[k] = store_text(store, &in[CENSUS_SET_TEXT],
                                      kuni_get_varint(&in[CENSUS_SET_TEXT]), &bad);
            if (k == 0 || (kind != SET_GIVEN && k > 1)) continue;
            if (!get_link(in, n_alleles, &last_link, &links[k])) return false;
        }
        if (kind != SET_GIVEN) {
            if (links[1] < 0 || decoder->alleles[links[1]].pos != (int64_t)pos) return false;
            names[0] = decoder->alleles[links[1]].ref;
            names[1] = decoder->alleles[links[1]].alt;
            if (kind == SET_SIMPLE_OTHER) names[2] = "<*>";
        }
        if (bad) return false;
        decoder->sets[i] = (kuni_allele_set){
            .pos = (int64_t)pos, .n_alleles = (uint32_t)n, .alleles = names, .census = links};
    }
    return slot == n_slots;
}

kuni_status kuni_decode_census(kuni_decoder *decoder, const kuni_decode_frame *frame,
                               const uint8_t *bytes, kuni_evidence_chunk *chunk, kuni_error *err)
{
    kuni_cursor in[CENSUS_STREAMS];
    kuni_status status =
        unpack(decoder, bytes, frame->extent.census_bytes, in, CENSUS_STREAMS, err);
    if (status) return status;
    uint64_t n_alleles = kuni_get_varint(&in[CENSUS_HEAD]);
    uint64_t n_sets = kuni_get_varint(&in[CENSUS_HEAD]);
    uint64_t n_slots = kuni_get_varint(&in[CENSUS_HEAD]);
    uint64_t text_bytes = kuni_get_varint(&in[CENSUS_HEAD]);
    /* Every allele and every set took at least a byte; every text was once in the raw bytes. */
    size_t raw = decoder->raw.length;
    if (n_alleles != frame->extent.n_alleles || n_sets != frame->extent.n_sets || n_alleles > raw ||
        n_sets > raw || n_slots > 3 * n_sets + raw || text_bytes > 2 * (uint64_t)raw)
        return kuni_fail(err, KUNI_DATA, "the census contradicts the footer");
    status = kuni_grow((void **)&decoder->alleles, &decoder->alleles_capacity, n_alleles + 1,
                       sizeof(*decoder->alleles), err);
    if (!status)
        status = kuni_grow((void **)&decoder->sets, &decoder->sets_capacity, n_sets + 1,
                           sizeof(*decoder->sets), err);
    if (!status)
        status = kuni_grow((void **)&decoder->names, &decoder->names_capacity, n_slots + 1,
                           sizeof(*decoder->names), err);
    if (!status)
        status = kuni_grow((void **)&decoder->links, &decoder->links_capacity, n_slots + 1,
                           sizeof(*decoder->links), err);
    if (!status)
        status =
            kuni_grow((void **)&decoder->text, &decoder->text_capacity, text_bytes + 1, 1, err);
    if (status) return status;
    text_store store = {.at = decoder->text, .end = decoder->text + text_bytes + 1};
    if (!decode_dictionary(decoder, in, n_alleles, &store))
        return kuni_fail(err, KUNI_DATA, "the allele dictionary makes no sense");
    if (!decode_sets(decoder, in, n_alleles, n_sets, n_slots, &store))
        return kuni_fail(err, KUNI_DATA, "the allele sets make no sense");
    chunk->alleles = decoder->alleles;
    chunk->n_alleles = n_alleles;
    chunk->sets = decoder->sets;
    chunk->n_sets = n_sets;
    return check_used_up(in, CENSUS_STREAMS, "census", err);
}

/* --- events --- */

/* A shape with all that follows from it, so that the loop over events decides nothing twice. */
typedef struct kuni_shape_plan {
    kuni_shape shape;
    int class_, first, second, zero;
    kuni_cursor *cols;
    kuni_linear lines[LINEAR_TARGETS];
    kuni_ladder known, other;
} shape_plan;

/* The events group while it is decoded. */
typedef struct events_input {
    kuni_cursor *in;
    const shape_plan *plans;
    size_t n_plans;
    uint16_t *pl, *pl_end;
    uint32_t *ad, *ad_end;
} events_input;

static bool shape_makes_sense(const kuni_shape *shape)
{
    bool linear = shape->bits & SHAPE_LINEAR;
    return shape->ploidy >= 1 && shape->ploidy <= 2 && shape->gt[0] >= -1 && shape->gt[1] >= -1 &&
           shape->gt[0] < KUNI_EVENT_ALLELES_MAX && shape->gt[1] < KUNI_EVENT_ALLELES_MAX &&
           (shape->ploidy == 2 || shape->gt[1] == -1) &&
           (!(shape->flags & KUNI_EVENT_EITHER) ||
            (shape->ploidy == 2 && (shape->bits & SHAPE_PL))) &&
           (!(shape->flags & KUNI_EVENT_ONE) ||
            ((shape->flags & KUNI_EVENT_EITHER) && shape->gt[0] == shape->gt[1])) &&
           (!linear ||
            (shape->ploidy == 2 && (shape->bits & SHAPE_PL) && (shape->bits & SHAPE_AD)));
}

static kuni_status decode_shapes(kuni_decoder *decoder, kuni_cursor *head, events_input *input,
                                 kuni_error *err)
{
    uint64_t n = kuni_get_varint(head);
    if (head->bad || n > (uint64_t)(head->end - head->at))
        return kuni_fail(err, KUNI_DATA, "the table of event shapes is cut off");
    kuni_status status = kuni_grow((void **)&decoder->plans, &decoder->plans_capacity, n + 1,
                                   sizeof(*decoder->plans), err);
    if (status) return status;
    for (uint64_t i = 0; i < n; i++) {
        shape_plan *plan = &decoder->plans[i];
        kuni_shape *shape = &plan->shape;
        shape->flags = kuni_get_byte(head);
        shape->ploidy = kuni_get_byte(head);
        shape->bits = kuni_get_byte(head);
        shape->gt[0] = (int8_t)(kuni_get_byte(head) - 1);
        shape->gt[1] = (int8_t)(kuni_get_byte(head) - 1);
        if (!shape_makes_sense(shape))
            return kuni_fail(err, KUNI_DATA, "event shape %llu makes no sense",
                             (unsigned long long)i);
        plan->class_ = kuni_shape_class(shape);
        plan->cols = &input->in[EVENTS_COMMON + plan->class_ * COLS];
        kuni_linear_places(plan->class_, &plan->first, &plan->second, &plan->zero);
    }
    int ladders = kuni_get_byte(head);
    if (ladders & ~(LADDER_KNOWN | LADDER_OTHER))
        return kuni_fail(err, KUNI_DATA, "the likelihoods are coded in an unknown way");
    kuni_linear table[CLASSES][LINEAR_TARGETS];
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < LINEAR_TARGETS; k++) {
            int32_t *terms[LINEAR_TERMS] = {&table[c][k].ref, &table[c][k].alt, &table[c][k].rare,
                                            &table[c][k].one};
            for (int t = 0; t < LINEAR_TERMS; t++) {
                int64_t value = kuni_get_zigzag(head);
                if (value < -LINEAR_COEFFICIENT_MAX || value > LINEAR_COEFFICIENT_MAX)
                    return kuni_fail(err, KUNI_DATA, "a likelihood coefficient makes no sense");
                *terms[t] = (int32_t)value;
            }
        }
    for (uint64_t i = 0; i < n; i++) {
        shape_plan *plan = &decoder->plans[i];
        memcpy(plan->lines, table[plan->class_], sizeof(plan->lines));
        plan->known = kuni_ladder_of(ladders, LADDER_KNOWN);
        plan->other = kuni_ladder_of(ladders, LADDER_OTHER);
    }
    input->plans = decoder->plans;
    input->n_plans = n;
    return KUNI_OK;
}

/* base + the next zigzag number, where that lies in 0..most; else *bad. */
static inline uint32_t get_near(kuni_cursor *in, int64_t base, int64_t most, bool *bad)
{
    int64_t value;
    if (__builtin_add_overflow(base, kuni_get_zigzag(in), &value) || value < 0 || value > most) {
        *bad = true;
        return 0;
    }
    return (uint32_t)value;
}

static inline uint32_t get_count(kuni_cursor *in, bool *bad)
{
    uint64_t value = kuni_get_varint(in);
    if (value > UINT32_MAX) *bad = true;
    return (uint32_t)value;
}

/* A likelihood from the steps between it and what was foretold. */
static inline uint16_t get_steps(kuni_cursor *in, kuni_ladder ladder, int64_t foretold, bool *bad)
{
    uint32_t down = kuni_ladder_down(ladder, (uint32_t)foretold);
    uint32_t step = get_near(in, down, ladder.last, bad);
    return (uint16_t)kuni_ladder_value(ladder, step);
}

/* Likelihoods that nothing foretells; returns the genotype quality that they suggest. */
static int decode_plain_likelihoods(const shape_plan *plan, uint32_t n_alleles, uint16_t *pl,
                                    uint32_t n, bool *bad)
{
    bool other = plan->shape.flags & KUNI_EVENT_OTHER;
    uint32_t first_other = kuni_pl_count(n_alleles - other, plan->shape.ploidy);
    for (uint32_t i = 0; i < n; i++) {
        kuni_ladder ladder = i < first_other ? plan->known : plan->other;
        uint64_t step = kuni_get_varint(&plan->cols[COL_PL_MORE]);
        if (step > ladder.last) {
            *bad = true;
            step = 0;
        }
        pl[i] = (uint16_t)kuni_ladder_value(ladder, (uint32_t)step);
    }
    return kuni_gq_from_pl(pl, n);
}

/* Linear likelihoods; returns the genotype quality that they suggest. */
static inline int decode_likelihoods(const shape_plan *plan, const kuni_event *event, uint16_t *pl,
                                     uint32_t n, bool *bad)
{
    kuni_cursor *cols = plan->cols;
    const uint32_t *ad = event->ad;
    int64_t guess =
        kuni_linear_predict(plan->lines[0], ad[0], ad[1], kuni_linear_rare(plan->first, event->sb));
    uint16_t first = get_steps(&cols[COL_PL_FIRST], plan->known, guess, bad);
    guess = kuni_linear_predict(plan->lines[1], ad[0], ad[1],
                                kuni_linear_rare(plan->second, event->sb));
    uint16_t second = get_steps(&cols[COL_PL_SECOND], plan->known, guess, bad);
    pl[plan->zero] = 0;
    pl[plan->first] = first;
    pl[plan->second] = second;
    int least = first < second ? first : second;
    if (n > 3) {
        guess = kuni_linear_predict(plan->lines[2], ad[0], ad[1], 0);
        pl[3] = get_steps(&cols[COL_PL_OTHER_REF], plan->other, guess, bad);
        guess = kuni_linear_predict(plan->lines[3], ad[0], ad[1], 0);
        pl[4] = get_steps(&cols[COL_PL_OTHER_ALT], plan->other, guess, bad);
        pl[5] = get_steps(&cols[COL_PL_OTHER], plan->other, kuni_pl_other_predict(plan->class_, pl),
                          bad);
        for (int i = 3; i < 6; i++)
            if (pl[i] < least) least = pl[i];
    }
    return least > 99 ? 99 : least;
}

/* Fills the numbers of an event whose position, sample and set are known. */
static inline bool decode_event(events_input *input, const kuni_allele_set *set, kuni_event *event)
{
    uint64_t index = kuni_get_varint(&input->in[EVENTS_SHAPES]);
    if (index >= input->n_plans) return false;
    const shape_plan *plan = &input->plans[index];
    const kuni_shape *shape = &plan->shape;
    const uint32_t n = set->n_alleles;
    if (shape->gt[0] >= (int)n || shape->gt[1] >= (int)n) return false;
    bool bad = false;
    kuni_cursor *cols = plan->cols;
    event->flags = shape->flags;
    event->ploidy = shape->ploidy;
    event->n_alleles = (uint8_t)n;
    event->gt[0] = shape->gt[0];
    event->gt[1] = shape->gt[1];
    event->alleles = set->alleles;
    event->ad = NULL;
    event->pl = NULL;
    int64_t ref = 0, alt = 0;
    if (shape->bits & SHAPE_AD) {
        if ((size_t)(input->ad_end - input->ad) < n) return false;
        uint32_t *ad = input->ad;
        input->ad += n;
        event->ad = ad;
        ref = ad[0] = get_count(&cols[COL_AD_REF], &bad);
        for (uint32_t i = 1; i < n; i++) {
            ad[i] = get_count(&cols[i == 1 ? COL_AD_ALT : COL_AD_MORE], &bad);
            alt += ad[i];
        }
    }
    event->dp = get_near(&cols[COL_DP], ref + alt, UINT32_MAX, &bad);
    if (shape->bits & SHAPE_SB) {
        event->sb[0] = get_near(&cols[COL_SB_REF], ref / 2, UINT32_MAX, &bad);
        event->sb[1] = get_near(&cols[COL_SB_REST], ref - event->sb[0], UINT32_MAX, &bad);
        event->sb[2] = get_near(&cols[COL_SB_ALT], alt / 2, UINT32_MAX, &bad);
        event->sb[3] = get_near(&cols[COL_SB_REST], alt - event->sb[2], UINT32_MAX, &bad);
    } else
        memset(event->sb, 0, sizeof(event->sb));
    int gq = 0;
    int64_t qual = 0;
    if (shape->bits & SHAPE_PL) {
        uint32_t n_pl = kuni_pl_count(n, shape->ploidy);
        bool linear = shape->bits & SHAPE_LINEAR;
        if ((size_t)(input->pl_end - input->pl) < n_pl) return false;
        if (linear && (!event->ad || (n_pl != 3 && n_pl != 6))) return false;
        uint16_t *pl = input->pl;
        input->pl += n_pl;
        event->pl = pl;
        gq = linear ? decode_likelihoods(plan, event, pl, n_pl, &bad)
                    : decode_plain_likelihoods(plan, n, pl, n_pl, &bad);
        qual = pl[0];
    }
    event->gq = (uint8_t)get_near(&cols[COL_GQ], gq, 99, &bad);
    event->mq = kuni_get_byte(&cols[COL_MQ]);
    event->qual = (uint16_t)get_near(&cols[COL_QUAL], qual, UINT16_MAX, &bad);
    memset(event->rank, KUNI_RANK_UNKNOWN, sizeof(event->rank));
    for (int r = 0; (shape->bits & SHAPE_RANKS) && r < KUNI_RANKS; r++) {
        event->rank[r] = kuni_get_byte(&input->in[EVENTS_RANKS + r]);
        if (!kuni_rank_is_code(event->rank[r])) bad = true;
    }
    event->phase_set = -1;
    if (shape->bits & SHAPE_PHASE_SET) {
        int64_t distance = kuni_get_zigzag(&cols[COL_PHASE_SET]);
        if (__builtin_sub_overflow(event->pos, distance, &event->phase_set) || event->phase_set < 0)
            bad = true;
    }
    return !bad;
}

/* The samples of the n events of a position, into their `sample`. */
static bool decode_samples(kuni_cursor *in, kuni_event *events, uint64_t n, bool dense,
                           uint32_t n_samples)
{
    if (!dense) {
        uint64_t sample = 0;
        for (uint64_t i = 0; i < n; i++) {
            sample += kuni_get_varint(&in[EVENTS_GAPS]);
            if (sample >= n_samples) return false;
            events[i].sample = (uint32_t)sample;
        }
        return true;
    }
    const uint8_t *bits = kuni_get_bytes(&in[EVENTS_BITS], (n_samples + 7) / 8);
    uint64_t found = 0;
    if (!bits) return false;
    for (uint32_t byte = 0; byte < (n_samples + 7) / 8; byte++)
        for (unsigned rest = bits[byte]; rest; rest &= rest - 1) {
            uint32_t sample = byte * 8 + (uint32_t)__builtin_ctz(rest);
            if (found == n || sample >= n_samples) return false;
            events[found++].sample = sample;
        }
    return found == n;
}

/* All events of a group; false on nonsense. */
static bool decode_positions(kuni_decoder *decoder, events_input *input, uint64_t n_events,
                             const kuni_decode_frame *frame, const kuni_evidence_chunk *chunk)
{
    kuni_cursor *in = input->in;
    size_t set = 0;
    uint64_t done = 0;
    for (; set < chunk->n_sets;) {
        int64_t pos = chunk->sets[set].pos;
        size_t sets_here = 1;
        while (set + sets_here < chunk->n_sets && chunk->sets[set + sets_here].pos == pos)
            sets_here++;
        uint64_t count = kuni_get_varint(&in[EVENTS_COUNTS]), n = count >> 1;
        kuni_event *events = decoder->events + done;
        if (n == 0 || n > n_events - done) return false;
        if (!decode_samples(in, events, n, count & 1, frame->n_samples)) return false;
        for (uint64_t i = 0; i < n; i++) {
            uint64_t which = sets_here > 1 ? kuni_get_varint(&in[EVENTS_SETS]) : 0;
            if (which >= sets_here) return false;
            events[i].pos = pos;
            events[i].set = (uint32_t)(set + which);
            if (!decode_event(input, &chunk->sets[set + which], &events[i])) return false;
        }
        done += n;
        set += sets_here;
    }
    return done == n_events;
}

kuni_status kuni_decode_events(kuni_decoder *decoder, const kuni_decode_frame *frame,
                               const uint8_t *bytes, kuni_evidence_chunk *chunk, kuni_error *err)
{
    kuni_cursor in[EVENTS_STREAMS];
    kuni_status status =
        unpack(decoder, bytes, frame->extent.events_bytes, in, EVENTS_STREAMS, err);
    if (status) return status;
    uint64_t n_events = kuni_get_varint(&in[EVENTS_HEAD]);
    uint64_t n_pl = kuni_get_varint(&in[EVENTS_HEAD]);
    uint64_t n_ad = kuni_get_varint(&in[EVENTS_HEAD]);
    /*
     * Every event takes a byte for its shape, every number one of its own but the PLs that must be
     * 0.
     */
    size_t raw = decoder->raw.length;
    if (n_events != frame->extent.n_events || n_events > raw ||
        n_events > KUNI_EVIDENCE_EVENTS_MAX || n_pl > raw || n_ad > raw)
        return kuni_fail(err, KUNI_DATA, "the events contradict the footer");
    events_input input = {.in = in};
    status = decode_shapes(decoder, &in[EVENTS_HEAD], &input, err);
    if (!status)
        status = kuni_grow((void **)&decoder->events, &decoder->events_capacity, n_events + 1,
                           sizeof(*decoder->events), err);
    if (!status)
        status = kuni_grow((void **)&decoder->pl, &decoder->pl_capacity, n_pl + 1,
                           sizeof(*decoder->pl), err);
    if (!status)
        status = kuni_grow((void **)&decoder->ad, &decoder->ad_capacity, n_ad + 1,
                           sizeof(*decoder->ad), err);
    if (status) return status;
    input.pl = decoder->pl;
    input.pl_end = decoder->pl + n_pl;
    input.ad = decoder->ad;
    input.ad_end = decoder->ad + n_ad;
    if (!decode_positions(decoder, &input, n_events, frame, chunk) || input.pl != input.pl_end ||
        input.ad != input.ad_end)
        return kuni_fail(err, KUNI_DATA, "the events make no sense");
    chunk->events = decoder->events;
    chunk->n_events = n_events;
    return check_used_up(in, EVENTS_STREAMS, "events", err);
}

/* --- blocks --- */

/* The blocks group while it is decoded. */
typedef struct blocks_input {
    kuni_cursor *in;
    int depth_coding, quality_coding;
    uint32_t width; /* of the chunk */
} blocks_input;

/*
 * The spans of the chunk's events, sample by sample: *starts (of n_samples + 1) tells where each
 * sample's begin.
 */
static kuni_status sort_spans(kuni_decoder *decoder, const kuni_decode_frame *frame,
                              const kuni_evidence_chunk *chunk, kuni_error *err)
{
    size_t n = chunk->n_events;
    kuni_status status = kuni_grow((void **)&decoder->starts, &decoder->starts_capacity,
                                   (size_t)frame->n_samples + 2, sizeof(*decoder->starts), err);
    if (!status)
        status = kuni_grow((void **)&decoder->spans, &decoder->spans_capacity, n + 1,
                           sizeof(*decoder->spans), err);
    if (!status)
        status = kuni_grow((void **)&decoder->lengths, &decoder->lengths_capacity,
                           chunk->n_sets + 1, sizeof(*decoder->lengths), err);
    if (status) return status;
    uint32_t *lengths = decoder->lengths;
    for (size_t i = 0; i < chunk->n_sets; i++)
        lengths[i] = (uint32_t)strlen(chunk->sets[i].alleles[0]);
    /*
     * The events of sample s are counted in starts[s + 2]; filling moves starts[s + 1] to its end.
     */
    size_t *starts = decoder->starts;
    memset(starts, 0, ((size_t)frame->n_samples + 2) * sizeof(*starts));
    for (size_t i = 0; i < n; i++) starts[chunk->events[i].sample + 2]++;
    for (size_t i = 2; i < (size_t)frame->n_samples + 2; i++) starts[i] += starts[i - 1];
    for (size_t i = 0; i < n; i++) {
        const kuni_event *event = &chunk->events[i];
        if (event->pos >= frame->extent.end ||
            event->pos + lengths[event->set] <= frame->extent.beg)
            return kuni_fail(err, KUNI_DATA, "an event lies outside the chunk");
        decoder->spans[starts[event->sample + 1]++] = kuni_event_span_of(
            event->pos, lengths[event->set], frame->extent.beg, frame->extent.end);
    }
    return KUNI_OK;
}

/* The end of a block from `beg` on, 0 on nonsense. */
static uint32_t decode_end(const blocks_input *input, const kuni_decode_frame *frame, int stop,
                           uint32_t beg, uint32_t expected)
{
    kuni_cursor *in = input->in;
    if (stop == STOP_EVENT) return expected;
    if (stop == STOP_LINE) {
        uint64_t lines = kuni_get_varint(&in[BLOCKS_LINES]);
        if (lines > KUNI_EVIDENCE_CHUNK_BP) return 0;
        int64_t line = (frame->extent.beg + beg) / KUNI_BLOCK_LINE_BP + (int64_t)lines;
        return (uint32_t)(line * KUNI_BLOCK_LINE_BP - frame->extent.beg);
    }
    uint32_t length = kuni_get_byte(&in[BLOCKS_LENGTHS_LOW]);
    return beg + 1 + (length | (uint32_t)kuni_get_byte(&in[BLOCKS_LENGTHS_HIGH]) << 8);
}

/* The quality with one copy. */
static uint8_t get_one(kuni_cursor *in, bool *bad)
{
    uint8_t less = kuni_get_byte(&in[BLOCKS_ONES]);
    if (less > 99) *bad = true;
    return (uint8_t)(less > 99 ? 0 : 99 - less);
}

static bool decode_sample_blocks(const blocks_input *input, const kuni_decode_frame *frame,
                                 uint32_t sample, kuni_event_walk walk, kuni_block *blocks,
                                 uint64_t n)
{
    kuni_cursor *in = input->in;
    int64_t depth = 0, quality = 0;
    uint32_t end = 0;
    bool bad = false, inherits = false; /* after a hole: depth and quality are those before it */
    for (uint64_t i = 0; i < n; i++) {
        kuni_block *block = &blocks[i];
        uint32_t beg = end;
        if (!inherits)
            beg = get_near(&in[BLOCKS_GAPS], kuni_event_walk_begin(&walk, end), input->width, &bad);
        uint8_t kind = kuni_get_byte(&in[BLOCKS_KINDS]);
        int stop = kind >> 2 & 3;
        uint32_t least = end, expected = kuni_event_walk_end(&walk, beg, input->width);
        end = decode_end(input, frame, stop, beg, expected);
        bool either = (kind & 3) == BLOCK_EITHER;
        if (beg < least || end <= beg || end > input->width || kind >> 4 > KUNI_BLOCK_LOW ||
            (kind & 3) < 1 || (either && frame->version < 4))
            return false;
        if (!inherits) {
            depth = get_near(&in[BLOCKS_DEPTHS], input->depth_coding == CODING_DELTA ? depth : 0,
                             UINT16_MAX, &bad);
            int64_t guess = input->quality_coding == CODING_DELTA ? quality
                            : input->quality_coding == CODING_DEPTH
                                ? kuni_gq_from_depth((uint32_t)depth)
                                : 0;
            quality = get_near(&in[BLOCKS_QUALITIES + kuni_quality_context((uint32_t)depth)], guess,
                               99, &bad);
        }
        *block = (kuni_block){.beg = frame->extent.beg + beg,
                              .end = frame->extent.beg + end,
                              .sample = sample,
                              .kind = kind >> 4,
                              .ploidy = either ? 2 : kind & 3,
                              .gq = (uint8_t)quality,
                              .min_dp = (uint16_t)depth,
                              .gq_one = either ? get_one(in, &bad) : 0,
                              .either = either};
        inherits = stop == STOP_HOLE;
        if (!inherits) continue;
        if (n - i < 3) return false;
        uint64_t length = kuni_get_varint(&in[BLOCKS_HOLE_LENGTHS]) + 1;
        blocks[i + 1] = *block;
        blocks[i + 1].gq = kuni_get_byte(&in[BLOCKS_HOLES]);
        if (either) blocks[i + 1].gq_one = get_one(in, &bad);
        if (length > input->width - end || length == 0 || blocks[i + 1].gq > 99) return false;
        blocks[i + 1].beg = block->end;
        end += (uint32_t)length;
        blocks[i + 1].end = frame->extent.beg + end;
        i++;
    }
    return !bad;
}

/*
 * Blocks come sample by sample and may be wanted by (begin, sample): a counting sort over the chunk's
 * positions.
 */
static kuni_status order_blocks(kuni_decoder *decoder, const kuni_decode_frame *frame, size_t n,
                                kuni_error *err)
{
    size_t width = (size_t)(frame->extent.end - frame->extent.beg);
    kuni_status status = kuni_grow((void **)&decoder->places, &decoder->places_capacity, width + 1,
                                   sizeof(*decoder->places), err);
    if (!status)
        status = kuni_grow((void **)&decoder->blocks, &decoder->blocks_capacity, n + 1,
                           sizeof(*decoder->blocks), err);
    if (status) return status;
    uint32_t *places = decoder->places;
    memset(places, 0, (width + 1) * sizeof(*places));
    for (size_t i = 0; i < n; i++) places[decoder->unordered[i].beg - frame->extent.beg + 1]++;
    for (size_t i = 1; i <= width; i++) places[i] += places[i - 1];
    for (size_t i = 0; i < n; i++)
        decoder->blocks[places[decoder->unordered[i].beg - frame->extent.beg]++] =
            decoder->unordered[i];
    return KUNI_OK;
}

kuni_status kuni_decode_blocks(kuni_decoder *decoder, const kuni_decode_frame *frame,
                               const uint8_t *bytes, kuni_evidence_chunk *chunk, kuni_error *err)
{
    kuni_cursor in[BLOCKS_STREAMS];
    const size_t n_streams = kuni_blocks_streams(frame->version);
    kuni_status status = unpack(decoder, bytes, frame->extent.blocks_bytes, in, n_streams, err);
    if (status) return status;
    uint64_t n_blocks = kuni_get_varint(&in[BLOCKS_HEAD]);
    blocks_input input = {.in = in};
    input.width = (uint32_t)(frame->extent.end - frame->extent.beg);
    input.depth_coding = kuni_get_byte(&in[BLOCKS_HEAD]);
    input.quality_coding = kuni_get_byte(&in[BLOCKS_HEAD]);
    if (n_blocks != frame->extent.n_blocks || n_blocks > decoder->raw.length ||
        input.depth_coding > CODING_DELTA || input.quality_coding > CODING_DEPTH)
        return kuni_fail(err, KUNI_DATA, "the blocks contradict the footer");
    status = kuni_grow((void **)&decoder->unordered, &decoder->unordered_capacity, n_blocks + 1,
                       sizeof(*decoder->unordered), err);
    if (!status) status = sort_spans(decoder, frame, chunk, err);
    if (status) return status;
    uint64_t done = 0;
    for (uint32_t sample = 0; sample < frame->n_samples; sample++) {
        uint64_t n = kuni_get_varint(&in[BLOCKS_COUNTS]);
        size_t first = decoder->starts[sample], last = decoder->starts[sample + 1];
        kuni_event_walk walk = {.spans = decoder->spans + first, .n = last - first};
        if (n > n_blocks - done ||
            !decode_sample_blocks(&input, frame, sample, walk, decoder->unordered + done, n))
            return kuni_fail(err, KUNI_DATA, "the blocks of sample %u make no sense", sample);
        done += n;
    }
    if (done != n_blocks) return kuni_fail(err, KUNI_DATA, "blocks are missing");
    status = check_used_up(in, n_streams, "blocks", err);
    if (!status && !frame->by_sample) status = order_blocks(decoder, frame, n_blocks, err);
    if (status) return status;
    chunk->blocks = frame->by_sample ? decoder->unordered : decoder->blocks;
    chunk->n_blocks = n_blocks;
    return KUNI_OK;
}
