/* SPDX-License-Identifier: MIT */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLAIN_ALLELES = 3, /* REF, an ALT of the site, "other" */
    PLAIN_GENOTYPES = 6,
    SEGMENT_BYTES = 64 << 10
};

enum { ENTRY_PLAIN, ENTRY_REFUSED, ENTRY_ANY };

/* What all entries begin with. */
typedef struct entry_head {
    uint32_t column;
    uint16_t site;
    uint8_t type, reason;
} entry_head;

/* Of two copies and likelihoods, from an event that lists REF, an ALT of the site and <*> or not. */
typedef struct plain_entry {
    entry_head head;
    uint32_t dp;
    int32_t phase_set; /* from the chunk's begin; NO_PHASE: none */
    uint16_t number;   /* of the ALT */
    uint16_t pl[PLAIN_GENOTYPES], ad[PLAIN_ALLELES], sb[4], qual;
    uint8_t flags, gq, mq, rank[KUNI_RANKS];
    uint8_t n_alleles; /* of the event; reads are not known: and NO_READS */
    uint8_t gt;        /* both + 1, four bits each */
} plain_entry;

_Static_assert(sizeof(plain_entry) == JOINT_KEPT_EVENT_BYTES, "as the header says");

enum { NO_READS = 0x80 };
#define NO_PHASE INT32_MIN

typedef struct refused_entry {
    entry_head head;
    uint32_t dp;
    int32_t copies;
} refused_entry;

/* As it is; behind it event->pl, event->ad and the local alleles' numbers and likelihoods. */
typedef struct any_entry {
    entry_head head;
    uint32_t bytes, n_pl; /* n_pl: of the event */
    uint32_t n;
    uint8_t copies, hard;
    kuni_event event;
    uint8_t local_of[KUNI_EVENT_ALLELES_MAX];
} any_entry;

typedef struct piece_entry {
    uint32_t column;
    uint16_t beg, more; /* from the chunk's begin; bases but the first */
    uint16_t first, n_sites;
    uint16_t min_dp;
    uint8_t gq, gq_one;
    uint8_t block, ploidy; /* bits: see pack_piece */
} piece_entry;

_Static_assert(sizeof(piece_entry) == JOINT_KEPT_PIECE_BYTES, "as the header says");

typedef struct segment {
    size_t used;
    _Alignas(8) char bytes[SEGMENT_BYTES - 8];
} segment;

/* A place in a log. */
typedef struct mark {
    size_t segment, at;
} mark;

/* Entries one after the other, none across two segments. */
typedef struct entry_log {
    segment **segments;
    size_t capacity, n; /* n: allocated */
    mark end;
} entry_log;

typedef struct kept_source {
    mark events, events_end, pieces, pieces_end;
    size_t n_events;
    bool whole;
} kept_source;

struct joint_kept {
    const joint_sites *sites;
    size_t most_segments;
    entry_log events, pieces;
    kept_source *sources;
    size_t n_sources, sources_capacity;
    kept_source *open;        /* NULL: none, or there was no room for it */
    const entry_head **order; /* a file's entries by site */
    uint32_t *starts;
    size_t order_capacity, starts_capacity;
    joint_local local; /* as told */
    kuni_event event;
    uint16_t pl[PLAIN_GENOTYPES];
    uint32_t ad[PLAIN_ALLELES];
};

joint_kept *joint_kept_new(kuni_error *err)
{
    return kuni_alloc(1, sizeof(joint_kept), err);
}

static void free_segments(entry_log *log, size_t keep)
{
    while (log->n > keep) free(log->segments[--log->n]);
}

void joint_kept_free(joint_kept *kept)
{
    if (!kept) return;
    free_segments(&kept->events, 0);
    free_segments(&kept->pieces, 0);
    free(kept->events.segments);
    free(kept->pieces.segments);
    free(kept->sources);
    free(kept->order);
    free(kept->starts);
    free(kept);
}

kuni_status joint_kept_begin(joint_kept *kept, const joint_sites *sites, size_t n_sources,
                             int64_t most_bytes, kuni_error *err)
{
    kept->sites = sites;
    kept->most_segments = most_bytes > 0 ? (size_t)most_bytes / sizeof(segment) : 0;
    kept->events.end = kept->pieces.end = (mark){0, 0};
    kept->open = NULL;
    kept->n_sources = n_sources;
    free_segments(&kept->pieces, kept->most_segments);
    free_segments(&kept->events, kept->most_segments - kept->pieces.n);
    kuni_status status = kuni_grow((void **)&kept->sources, &kept->sources_capacity, n_sources + 1,
                                   sizeof(*kept->sources), err);
    if (!status) memset(kept->sources, 0, n_sources * sizeof(*kept->sources));
    return status;
}

void joint_kept_open(joint_kept *kept, size_t source)
{
    if (!kept->most_segments) return;
    kept->open = &kept->sources[source];
    *kept->open = (kept_source){.events = kept->events.end, .pieces = kept->pieces.end};
}

void joint_kept_close(joint_kept *kept)
{
    if (!kept->open) return;
    kept->open->events_end = kept->events.end;
    kept->open->pieces_end = kept->pieces.end;
    kept->open->whole = true;
    kept->open = NULL;
}

/* There is no room for the file. */
static void drop(joint_kept *kept)
{
    kept->events.end = kept->open->events;
    kept->pieces.end = kept->open->pieces;
    kept->open = NULL;
}

bool joint_kept_has(const joint_kept *kept, size_t source)
{
    return source < kept->n_sources && kept->sources[source].whole;
}

int64_t joint_kept_bytes(const joint_kept *kept)
{
    return (int64_t)((kept->events.n + kept->pieces.n) * sizeof(segment));
}

/* Whether the log has a segment `at`, now. */
static bool have_segment(joint_kept *kept, entry_log *log, size_t at)
{
    if (at < log->n) return true;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (kept->events.n + kept->pieces.n >= kept->most_segments ||
        kuni_grow((void **)&log->segments, &log->capacity, log->n + 1, sizeof(*log->segments),
                  &ignored))
        return false;
    segment *more = malloc(sizeof(*more));
    if (more) log->segments[log->n++] = more;
    return more;
}

/* Room for an entry of the file under way; NULL: it has been dropped. */
static void *push(joint_kept *kept, entry_log *log, size_t bytes)
{
    if (!kept->open) return NULL;
    mark *end = &log->end;
    if (end->at + bytes > sizeof(log->segments[0]->bytes)) {
        log->segments[end->segment]->used = end->at;
        *end = (mark){end->segment + 1, 0};
    }
    if (!have_segment(kept, log, end->segment)) {
        drop(kept);
        return NULL;
    }
    void *room = log->segments[end->segment]->bytes + end->at;
    end->at += bytes;
    return room;
}

/* --- keeping --- */

static bool is_plain(const joint_kept *kept, const joint_local *local)
{
    const kuni_event *e = local->event;
    if (local->n != PLAIN_ALLELES || local->copies != 2 || local->hard || !e->pl ||
        e->ploidy != 2 || e->n_alleles < 2 || e->n_alleles > PLAIN_ALLELES)
        return false;
    if (local->number[1] >= JOINT_FOREIGN || e->gt[0] < -1 || e->gt[1] < -1) return false;
    for (uint32_t a = 0; a < e->n_alleles; a++)
        if (local->local_of[a] != a || (e->ad && e->ad[a] > UINT16_MAX)) return false;
    /* the event's likelihoods are the local ones, but for what all differ by */
    int32_t shift = (int32_t)e->pl[0] - local->pl[0];
    uint32_t n_pl = joint_genotype_count(e->n_alleles, 2);
    for (uint32_t g = 0; g < PLAIN_GENOTYPES; g++)
        if (local->pl[g] > UINT16_MAX || (g < n_pl && e->pl[g] != local->pl[g] + shift))
            return false;
    for (int i = 0; i < 4; i++)
        if (e->sb[i] > UINT16_MAX) return false;
    int64_t phase = e->phase_set - kept->sites->beg;
    return e->phase_set < 0 || (phase > NO_PHASE && phase <= INT32_MAX);
}

static void pack_plain(const joint_kept *kept, const joint_local *local, plain_entry *p)
{
    const kuni_event *e = local->event;
    p->dp = e->dp;
    p->phase_set = e->phase_set < 0 ? NO_PHASE : (int32_t)(e->phase_set - kept->sites->beg);
    p->number = local->number[1];
    for (int g = 0; g < PLAIN_GENOTYPES; g++) p->pl[g] = (uint16_t)local->pl[g];
    for (uint32_t a = 0; a < PLAIN_ALLELES; a++)
        p->ad[a] = (uint16_t)(e->ad && a < e->n_alleles ? e->ad[a] : 0);
    for (int i = 0; i < 4; i++) p->sb[i] = (uint16_t)e->sb[i];
    p->qual = e->qual;
    p->flags = e->flags;
    p->gq = e->gq;
    p->mq = e->mq;
    memcpy(p->rank, e->rank, sizeof(p->rank));
    p->n_alleles = (uint8_t)(e->n_alleles | (e->ad ? 0 : NO_READS));
    p->gt = (uint8_t)((e->gt[0] + 1) | (e->gt[1] + 1) << 4);
}

static void keep_any(joint_kept *kept, entry_head head, const joint_local *local)
{
    const kuni_event *e = local->event;
    uint32_t n_pl = e->pl ? joint_genotype_count(e->n_alleles, e->ploidy) : 0;
    size_t ad = e->ad ? e->n_alleles * sizeof(*e->ad) : 0,
           pl = joint_genotype_count(local->n, local->copies) * sizeof(*local->pl),
           numbers = local->n * sizeof(*local->number), event_pl = n_pl * sizeof(*e->pl);
    size_t bytes = (sizeof(any_entry) + ad + pl + numbers + event_pl + 7) / 8 * 8;
    any_entry *entry = push(kept, &kept->events, bytes);
    if (!entry) return;
    *entry = (any_entry){.head = head,
                         .bytes = (uint32_t)bytes,
                         .n_pl = n_pl,
                         .n = local->n,
                         .copies = (uint8_t)local->copies,
                         .hard = local->hard,
                         .event = *e};
    memcpy(entry->local_of, local->local_of, sizeof(entry->local_of));
    char *at = (char *)(entry + 1);
    if (ad) memcpy(at, e->ad, ad);
    memcpy(at + ad, local->pl, pl);
    memcpy(at + ad + pl, local->number, numbers);
    if (n_pl) memcpy(at + ad + pl + numbers, e->pl, event_pl);
}

void joint_kept_event(joint_kept *kept, uint32_t column, uint32_t site, const joint_local *local)
{
    if (!kept->open) return;
    entry_head head = {.column = column,
                       .site = (uint16_t)site,
                       .type = ENTRY_PLAIN,
                       .reason = (uint8_t)local->reason};
    kept->open->n_events++;
    if (!is_plain(kept, local)) {
        head.type = ENTRY_ANY;
        keep_any(kept, head, local);
        return;
    }
    plain_entry *entry = push(kept, &kept->events, sizeof(*entry));
    if (!entry) return;
    entry->head = head;
    pack_plain(kept, local, entry);
}

void joint_kept_refused(joint_kept *kept, uint32_t column, uint32_t site, joint_ploidy ploidy,
                        uint32_t dp)
{
    if (!kept->open) return;
    kept->open->n_events++;
    refused_entry *entry = push(kept, &kept->events, sizeof(*entry));
    if (!entry) return;
    *entry = (refused_entry){.head = {.column = column,
                                      .site = (uint16_t)site,
                                      .type = ENTRY_REFUSED,
                                      .reason = (uint8_t)ploidy.refused},
                             .dp = dp,
                             .copies = ploidy.copies};
}

enum { /* piece_entry */
       BLOCK_NONE = 0xFF,
       BLOCK_PLOIDY = 4, /* bits above the kind */
       BLOCK_EITHER = 6,
       PIECE_REFUSED = 2, /* bits above the copies */
       PIECE_JOINED = 6
};

void joint_kept_piece(joint_kept *kept, const joint_piece *piece)
{
    if (!kept->open) return;
    if (piece->last - piece->first > UINT16_MAX || piece->first > UINT16_MAX) {
        drop(kept); /* a site at every base */
        return;
    }
    piece_entry *entry = push(kept, &kept->pieces, sizeof(*entry));
    if (!entry) return;
    *entry = (piece_entry){.column = piece->column,
                           .beg = (uint16_t)(piece->beg - kept->sites->beg),
                           .more = (uint16_t)(piece->end - piece->beg - 1),
                           .first = (uint16_t)piece->first,
                           .n_sites = (uint16_t)(piece->last - piece->first),
                           .block = BLOCK_NONE};
    const kuni_block *block = piece->block;
    entry->ploidy = (uint8_t)(piece->ploidy.copies | piece->ploidy.refused << PIECE_REFUSED |
                              piece->joined << PIECE_JOINED);
    if (!block) return;
    entry->min_dp = block->min_dp;
    entry->gq = block->gq;
    entry->gq_one = block->gq_one;
    entry->block =
        (uint8_t)(block->kind | block->ploidy << BLOCK_PLOIDY | block->either << BLOCK_EITHER);
}

/* --- telling --- */

static void unpack_plain(joint_kept *kept, const plain_entry *p)
{
    joint_local *local = &kept->local;
    local->copies = 2;
    local->n = PLAIN_ALLELES;
    local->hard = false;
    local->number[0] = 0;
    local->number[1] = p->number;
    local->number[2] = JOINT_OTHER;
    for (int g = 0; g < PLAIN_GENOTYPES; g++) {
        local->pl[g] = p->pl[g];
        kept->pl[g] = p->pl[g];
    }
    for (int a = 0; a < PLAIN_ALLELES; a++) {
        local->local_of[a] = (uint8_t)a;
        kept->ad[a] = p->ad[a];
    }
    kept->event =
        (kuni_event){.flags = p->flags,
                     .ploidy = 2,
                     .n_alleles = p->n_alleles & (NO_READS - 1),
                     .gt = {(int8_t)((p->gt & 15) - 1), (int8_t)((p->gt >> 4) - 1)},
                     .gq = p->gq,
                     .mq = p->mq,
                     .qual = p->qual,
                     .dp = p->dp,
                     .phase_set = p->phase_set == NO_PHASE ? -1 : p->phase_set + kept->sites->beg,
                     .pl = kept->pl,
                     .ad = p->n_alleles & NO_READS ? NULL : kept->ad,
                     .sb = {p->sb[0], p->sb[1], p->sb[2], p->sb[3]}};
    memcpy(kept->event.rank, p->rank, sizeof(p->rank));
}

static void unpack_any(joint_kept *kept, const any_entry *entry)
{
    joint_local *local = &kept->local;
    kept->event = entry->event;
    const char *at = (const char *)(entry + 1);
    if (entry->event.ad) {
        kept->event.ad = (const uint32_t *)at;
        at += entry->event.n_alleles * sizeof(*entry->event.ad);
    }
    local->copies = entry->copies;
    local->n = entry->n;
    local->hard = entry->hard;
    size_t pl = joint_genotype_count(local->n, local->copies) * sizeof(*local->pl);
    memcpy(local->pl, at, pl);
    memcpy(local->number, at + pl, local->n * sizeof(*local->number));
    if (entry->event.pl)
        kept->event.pl = (const uint16_t *)(at + pl + local->n * sizeof(*local->number));
    memcpy(local->local_of, entry->local_of, sizeof(local->local_of));
}

static kuni_status tell_event(joint_kept *kept, const entry_head *head,
                              const joint_kept_visitor *visitor, kuni_error *err)
{
    if (head->type == ENTRY_REFUSED) {
        const refused_entry *entry = (const refused_entry *)head;
        joint_ploidy ploidy = {.copies = entry->copies, .refused = (joint_reason)head->reason};
        return visitor->refused(visitor->context, head->column, head->site, ploidy, entry->dp, err);
    }
    if (head->type == ENTRY_PLAIN)
        unpack_plain(kept, (const plain_entry *)head);
    else
        unpack_any(kept, (const any_entry *)head);
    kept->local.reason = (joint_reason)head->reason;
    kept->local.event = &kept->event;
    return visitor->event(visitor->context, head->column, head->site, &kept->local, err);
}

static size_t entry_bytes(const entry_head *head)
{
    return head->type == ENTRY_PLAIN     ? sizeof(plain_entry)
           : head->type == ENTRY_REFUSED ? sizeof(refused_entry)
                                         : ((const any_entry *)head)->bytes;
}

/* The next entry from *at on, or NULL at `end`. */
static const void *entry_at(const entry_log *log, mark *at, mark end)
{
    while (at->segment < end.segment && at->at == log->segments[at->segment]->used)
        *at = (mark){at->segment + 1, 0};
    if (at->segment == end.segment && at->at == end.at) return NULL;
    return log->segments[at->segment]->bytes + at->at;
}

static int by_column(const void *left, const void *right)
{
    const entry_head *const *a = left, *const *b = right;
    return ((*a)->column > (*b)->column) - ((*a)->column < (*b)->column);
}

/* A column has one entry a site; nearly all sites' came by column. */
static void order_site(joint_kept *kept, uint32_t first, uint32_t last)
{
    for (uint32_t i = first + 1; i < last; i++)
        if (kept->order[i - 1]->column > kept->order[i]->column) {
            qsort(kept->order + first, last - first, sizeof(*kept->order), by_column);
            return;
        }
}

/* The file's entries by site. */
static kuni_status order_entries(joint_kept *kept, const kept_source *source, kuni_error *err)
{
    size_t n_sites = kept->sites->n_sites;
    kuni_status status = kuni_grow((void **)&kept->order, &kept->order_capacity,
                                   source->n_events + 1, sizeof(*kept->order), err);
    if (!status)
        status = kuni_grow((void **)&kept->starts, &kept->starts_capacity, n_sites + 2,
                           sizeof(*kept->starts), err);
    if (status) return status;
    /* filling moves starts[site + 1] from the site's begin to its end */
    uint32_t *starts = kept->starts;
    memset(starts, 0, (n_sites + 2) * sizeof(*starts));
    const entry_head *head;
    for (mark at = source->events; (head = entry_at(&kept->events, &at, source->events_end));
         at.at += entry_bytes(head))
        starts[head->site + 2]++;
    for (size_t i = 2; i < n_sites + 2; i++) starts[i] += starts[i - 1];
    for (mark at = source->events; (head = entry_at(&kept->events, &at, source->events_end));
         at.at += entry_bytes(head))
        kept->order[starts[head->site + 1]++] = head;
    return KUNI_OK;
}

static kuni_status tell_events(joint_kept *kept, const kept_source *source, uint32_t first,
                               uint32_t last, const joint_kept_visitor *visitor, kuni_error *err)
{
    enum { AHEAD = 8 };
    kuni_status status = order_entries(kept, source, err);
    if (status) return status;
    uint32_t end = kept->starts[last];
    for (uint32_t site = first; site < last && !status; site++) {
        order_site(kept, kept->starts[site], kept->starts[site + 1]);
        for (uint32_t i = kept->starts[site]; i < kept->starts[site + 1] && !status; i++) {
            if (i + AHEAD < end) __builtin_prefetch(kept->order[i + AHEAD]);
            status = tell_event(kept, kept->order[i], visitor, err);
        }
    }
    return status;
}

static kuni_status tell_pieces(joint_kept *kept, const kept_source *source, uint32_t first,
                               uint32_t last, const joint_kept_visitor *visitor, kuni_error *err)
{
    const piece_entry *p;
    uint32_t before = UINT32_MAX; /* whose piece with a wanted site was the last */
    kuni_status status = KUNI_OK;
    for (mark at = source->pieces;
         !status && (p = entry_at(&kept->pieces, &at, source->pieces_end)); at.at += sizeof(*p)) {
        uint32_t until = (uint32_t)p->first + p->n_sites;
        bool wanted = p->block != BLOCK_NONE && p->n_sites && p->first < last && until > first;
        if (!wanted && !visitor->all) continue;
        kuni_block block = {.beg = kept->sites->beg + p->beg,
                            .end = kept->sites->beg + p->beg + p->more + 1,
                            .kind = p->block & 15,
                            .ploidy = p->block >> BLOCK_PLOIDY & 3,
                            .either = p->block >> BLOCK_EITHER & 1,
                            .gq = p->gq,
                            .gq_one = p->gq_one,
                            .min_dp = p->min_dp};
        joint_piece piece = {
            .column = p->column,
            .first = p->first,
            .last = until,
            .beg = block.beg,
            .end = block.end,
            .block = p->block == BLOCK_NONE ? NULL : &block,
            .ploidy = {.copies = p->ploidy & 3, .refused = p->ploidy >> PIECE_REFUSED & 15},
            .joined = wanted && before == p->column && p->ploidy >> PIECE_JOINED};
        if (wanted) before = p->column;
        status = visitor->piece(visitor->context, &piece, err);
    }
    return status;
}

kuni_status joint_kept_tell(joint_kept *kept, size_t source, uint32_t first, uint32_t last,
                            const joint_kept_visitor *visitor, kuni_error *err)
{
    const kept_source *s = &kept->sources[source];
    kuni_status status = tell_events(kept, s, first, last, visitor, err);
    return status || !visitor->piece ? status : tell_pieces(kept, s, first, last, visitor, err);
}
