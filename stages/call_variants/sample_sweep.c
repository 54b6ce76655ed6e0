/* SPDX-License-Identifier: MIT */
#include "sample_sweep.h"

#include <stdlib.h>
#include <string.h>

#include "reads/pileup.h"
#include "sites/blocks.h"
#include "sites/phase.h"

struct kuni_sample_sweep {
    kuni_call_options own_options;
    const kuni_call_options *options;
    const kuni_given_alleles *given;
    const kuni_call_reference *reference;
    kuni_span shard;
    const kuni_contig *contig;
    const kuni_ploidy *ploidy;
    kuni_evidence_writer *writer;

    uint32_t sample;
    int lead;
    bool mitochondrial;
    int64_t cell; /* the next one to call */
    int64_t first_cell;

    kuni_read_window window;
    kuni_pileup pileup;
    kuni_actives actives;
    kuni_site_column column;
    kuni_region_caller *caller;
    kuni_cell_confidence confidence;
    kuni_call_events events;
    kuni_arena *arena;    /* alleles of the cell's events */
    kuni_active *settled; /* regions that tier 2 did, which may reach into this cell */
    size_t n_settled, settled_capacity;
    kuni_span *reaching; /* REF of earlier events that reach into this cell */
    size_t n_reaching, reaching_capacity;
    kuni_call_counts counts;
};

kuni_status kuni_sample_sweep_new(kuni_sample_sweep **sweep, const kuni_call_options *options,
                                  const kuni_call_reference *reference,
                                  const kuni_given_alleles *given, kuni_span shard,
                                  const kuni_contig *contig, const kuni_ploidy *ploidy,
                                  kuni_evidence_writer *writer, kuni_error *err)
{
    kuni_sample_sweep *made = kuni_alloc(1, sizeof(*made), err);
    if (!made) return KUNI_MEMORY;
    made->own_options = *options;
    made->options = &made->own_options;
    made->given = given;
    made->reference = reference;
    made->shard = shard;
    made->contig = contig;
    made->ploidy = ploidy;
    made->writer = writer;
    made->mitochondrial = kuni_is_mitochondrial(contig->name);
    if (made->mitochondrial) made->own_options.mixture = options->mito_min_fraction;
    made->first_cell = shard.beg / KUNI_CELL_BP * KUNI_CELL_BP;
    kuni_status status = kuni_read_window_init(&made->window, err);
    if (!status) status = kuni_region_caller_new(&made->caller, err);
    if (!status && !(made->arena = kuni_arena_new(err))) status = KUNI_MEMORY;
    if (status) {
        kuni_sample_sweep_free(made);
        return status;
    }
    *sweep = made;
    return KUNI_OK;
}

void kuni_sample_sweep_free(kuni_sample_sweep *sweep)
{
    if (!sweep) return;
    kuni_read_window_fini(&sweep->window);
    kuni_active_fini(&sweep->actives);
    kuni_site_column_fini(&sweep->column);
    kuni_region_caller_free(sweep->caller);
    kuni_arena_free(sweep->arena);
    free(sweep->events.list);
    free(sweep->settled);
    free(sweep->reaching);
    free(sweep);
}

kuni_call_counts kuni_sample_sweep_get_counts(const kuni_sample_sweep *sweep)
{
    const kuni_region_counts *regions = kuni_region_get_counts(sweep->caller);
    kuni_call_counts counts = sweep->counts;
    counts.regions = regions->regions;
    counts.regions_left = regions->empty;
    counts.assembled = regions->assembled;
    counts.haplotypes = regions->haplotypes;
    counts.reads_scored = regions->reads;
    counts.cells = kuni_region_get_cells(sweep->caller);
    return counts;
}

void kuni_sample_sweep_begin(kuni_sample_sweep *sweep, uint32_t sample, int lead)
{
    sweep->sample = sample;
    sweep->lead = lead;
    sweep->confidence.lead = lead;
    sweep->cell = sweep->first_cell;
    kuni_read_window_clear(&sweep->window, sweep->mitochondrial ? sweep->options->mito_max_depth
                                                                : sweep->options->max_depth);
    kuni_pileup_start(&sweep->pileup, sweep->cell - KUNI_PILEUP_BACK_BP);
    sweep->n_settled = sweep->n_reaching = 0;
    sweep->events.n = 0;
}

static void fill_copies(kuni_sample_sweep *sweep)
{
    int64_t pos = sweep->cell, end = sweep->cell + KUNI_CELL_BP;
    while (pos < end) {
        int64_t until;
        int copies = kuni_ploidy_evidence(sweep->ploidy, sweep->shard.tid, pos, &until);
        if (until > end || until <= pos) until = end;
        memset(sweep->confidence.copies + (pos - sweep->cell), copies, (size_t)(until - pos));
        pos = until;
    }
}

static kuni_call_copies copies_of(const kuni_sample_sweep *sweep, int copies)
{
    if (copies != KUNI_COPIES_EITHER) return (kuni_call_copies){copies, copies};
    return (kuni_call_copies){.told = 2, .judged = sweep->lead};
}

/* Events from number `first` on hold for one copy or two. */
static void mark_either(kuni_sample_sweep *sweep, size_t first, int copies)
{
    int flags = sweep->lead == 1 ? KUNI_EVENT_EITHER | KUNI_EVENT_ONE : KUNI_EVENT_EITHER;
    for (size_t i = first; copies == KUNI_COPIES_EITHER && i < sweep->events.n; i++)
        sweep->events.list[i].flags |= (uint8_t)flags;
}

/* Regions that tier 2 has called keep tier 1 out. */
static kuni_status settle(kuni_sample_sweep *sweep, const kuni_active *region, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&sweep->settled, &sweep->settled_capacity,
                                   sweep->n_settled + 1, sizeof(*sweep->settled), err);
    if (status) return status;
    sweep->settled[sweep->n_settled++] = *region;
    return KUNI_OK;
}

static kuni_status call_regions(kuni_sample_sweep *sweep, kuni_error *err)
{
    int64_t beg = sweep->cell, end = sweep->cell + KUNI_CELL_BP;
    if (beg == sweep->first_cell) beg -= KUNI_LEAD_BP;
    kuni_status status = kuni_active_find(&sweep->actives, &sweep->pileup, sweep->reference, beg,
                                          end, sweep->given, sweep->options, err);
    for (size_t i = 0; !status && i < sweep->actives.n_regions; i++) {
        const kuni_active *region = &sweep->actives.regions[i];
        int64_t until;
        int copies = kuni_ploidy_evidence(sweep->ploidy, sweep->shard.tid, region->beg, &until);
        if (!copies) continue;
        bool done;
        size_t first = sweep->events.n;
        status = kuni_region_call(sweep->caller, region, &sweep->window, &sweep->pileup,
                                  sweep->reference, sweep->given, copies_of(sweep, copies),
                                  sweep->options, &sweep->events, &done, sweep->arena, err);
        if (!status) mark_either(sweep, first, copies);
        if (!status && done) status = settle(sweep, region, err);
    }
    return status;
}

/* Given single bases at `pos`, as a set over ACGT; *next walks along the list. */
static unsigned given_bases(const kuni_given_alleles *given, int64_t pos, size_t *next)
{
    unsigned bases = 0;
    while (*next < given->n && given->list[*next].pos < pos) ++*next;
    for (size_t g = *next; g < given->n && given->list[g].pos == pos; g++)
        if (kuni_variant_is_snp(&given->list[g]))
            bases |= 1u << kuni_base_code(given->list[g].alt[0]);
    return bases & 15;
}

static kuni_status call_site(kuni_sample_sweep *sweep, int64_t pos, int copies, unsigned given,
                             kuni_error *err)
{
    kuni_status status = kuni_site_gather(&sweep->column, &sweep->window, pos, sweep->options, err);
    if (status) return status;
    status = kuni_grow((void **)&sweep->events.list, &sweep->events.capacity, sweep->events.n + 1,
                       sizeof(*sweep->events.list), err);
    if (status) return status;
    sweep->counts.sites++;
    kuni_call_event *event = &sweep->events.list[sweep->events.n];
    if (!kuni_site_call(&sweep->column, sweep->reference, pos, copies_of(sweep, copies), given,
                        sweep->options, event))
        return KUNI_OK;
    if (given) event->flags |= KUNI_EVENT_FORCED;
    sweep->events.n++;
    mark_either(sweep, sweep->events.n - 1, copies);
    return KUNI_OK;
}

static kuni_status call_sites(kuni_sample_sweep *sweep, kuni_error *err)
{
    const kuni_pileup *pileup = &sweep->pileup;
    size_t next = 0, next_given = kuni_given_alleles_find(sweep->given, sweep->cell);
    int64_t end = sweep->cell + KUNI_CELL_BP;
    if (end > sweep->contig->length_bp) end = sweep->contig->length_bp;
    for (int64_t pos = sweep->cell; pos < end; pos++) {
        int64_t i = pos - pileup->beg;
        if (!sweep->given->n && kuni_pileup_agrees(pileup, i)) {
            pos += KUNI_PILEUP_STEP - 1;
            continue;
        }
        unsigned given = sweep->given->n ? given_bases(sweep->given, pos, &next_given) : 0;
        if (!given && !(pileup->differ[0][i] | pileup->differ[1][i] | pileup->differ[2][i] |
                        pileup->differ[3][i]))
            continue;
        while (next < sweep->n_settled && sweep->settled[next].end <= pos) next++;
        if (next < sweep->n_settled && sweep->settled[next].beg <= pos) continue;
        int copies = sweep->confidence.copies[pos - sweep->cell];
        char ref = kuni_reference_base(sweep->reference, pos);
        if (!copies || !(given || kuni_site_is_candidate(pileup, i, ref, copies_of(sweep, copies),
                                                         sweep->options)))
            continue;
        kuni_status status = call_site(sweep, pos, copies, given, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static int by_position(const void *a, const void *b)
{
    const kuni_call_event *x = a, *y = b;
    return x->pos < y->pos ? -1 : x->pos > y->pos;
}

static kuni_status write_events(kuni_sample_sweep *sweep, kuni_error *err)
{
    for (size_t i = 0; i < sweep->events.n; i++) {
        const kuni_call_event *e = &sweep->events.list[i];
        if (e->end <= sweep->shard.beg || e->pos >= sweep->shard.end) continue;
        kuni_event event = {.pos = e->pos,
                            .sample = sweep->sample,
                            .flags = (uint8_t)(e->flags | KUNI_EVENT_OTHER),
                            .ploidy = (uint8_t)e->ploidy,
                            .n_alleles = (uint8_t)e->n_alleles,
                            .gt = {e->gt[0], e->gt[1]},
                            .gq = e->gq,
                            .mq = e->mq,
                            .qual = e->qual,
                            .dp = e->dp,
                            .phase_set = e->phase_set,
                            .alleles = e->alleles,
                            .pl = e->pl,
                            .ad = e->ad};
        memcpy(event.sb, e->sb, sizeof(event.sb));
        if (e->ploidy == 2 && e->gt[0] >= 0 && e->gt[1] >= 0 && (e->gt[0] == 0) != (e->gt[1] == 0))
            memcpy(event.rank, e->rank, sizeof(event.rank));
        kuni_status status = kuni_evidence_add_event(sweep->writer, &event, err);
        if (status) return status;
        sweep->counts.events++;
    }
    return KUNI_OK;
}

/* Takes what events cover out of the cell's blocks. */
static void cover(kuni_sample_sweep *sweep, int64_t beg, int64_t end)
{
    int64_t cell_end = sweep->cell + KUNI_CELL_BP;
    if (beg < sweep->cell) beg = sweep->cell;
    if (end > cell_end) end = cell_end;
    for (int64_t p = beg; p < end; p++) sweep->confidence.skip[p - sweep->cell] = 1;
}

/* Keeps what reaches into the next cell. */
static kuni_status carry_over(kuni_sample_sweep *sweep, kuni_error *err)
{
    int64_t next = sweep->cell + KUNI_CELL_BP;
    size_t kept = 0;
    for (size_t i = 0; i < sweep->n_reaching; i++)
        if (sweep->reaching[i].end > next) sweep->reaching[kept++] = sweep->reaching[i];
    sweep->n_reaching = kept;
    for (size_t i = 0; i < sweep->events.n; i++) {
        const kuni_call_event *e = &sweep->events.list[i];
        if (e->end <= next) continue;
        kuni_status status = kuni_grow((void **)&sweep->reaching, &sweep->reaching_capacity,
                                       sweep->n_reaching + 1, sizeof(*sweep->reaching), err);
        if (status) return status;
        sweep->reaching[sweep->n_reaching++] =
            (kuni_span){.tid = sweep->shard.tid, .beg = e->pos, .end = e->end};
    }
    kept = 0;
    for (size_t i = 0; i < sweep->n_settled; i++)
        if (sweep->settled[i].end > next) sweep->settled[kept++] = sweep->settled[i];
    sweep->n_settled = kept;
    return KUNI_OK;
}

static kuni_status call_cell(kuni_sample_sweep *sweep, kuni_error *err)
{
    kuni_read_window *window = &sweep->window;
    int64_t reads_end = sweep->cell + KUNI_CELL_BP + KUNI_MARGIN_BP;
    kuni_pileup_slide(&sweep->pileup, sweep->cell - KUNI_PILEUP_BACK_BP);
    for (; window->n_piled < window->n_reads && window->reads[window->n_piled]->pos < reads_end;
         window->n_piled++) {
        kuni_call_read *read = window->reads[window->n_piled];
        kuni_call_read_trim(read);
        kuni_pileup_add(&sweep->pileup, read, sweep->reference, sweep->options);
    }
    kuni_arena_clear(sweep->arena);
    sweep->events.n = 0;
    sweep->counts.positions += KUNI_CELL_BP;
    fill_copies(sweep);
    kuni_status status = call_regions(sweep, err);
    if (!status) status = call_sites(sweep, err);
    if (status) return status;
    if (sweep->events.n)
        qsort(sweep->events.list, sweep->events.n, sizeof(*sweep->events.list), by_position);
    if (sweep->options->mixture <= 0)
        kuni_phase_events(sweep->events.list, sweep->events.n, &sweep->window, sweep->options);
    kuni_confidence_measure(&sweep->confidence, &sweep->pileup, sweep->reference, sweep->cell);
    for (size_t i = 0; i < sweep->n_reaching; i++)
        cover(sweep, sweep->reaching[i].beg, sweep->reaching[i].end);
    for (size_t i = 0; i < sweep->events.n; i++)
        cover(sweep, sweep->events.list[i].pos, sweep->events.list[i].end);
    status = write_events(sweep, err);
    if (!status)
        status = kuni_blocks_write(&sweep->confidence, sweep->cell, sweep->shard,
                                   sweep->contig->length_bp, sweep->sample, sweep->writer, err);
    if (!status) status = carry_over(sweep, err);
    if (status) return status;
    sweep->cell += KUNI_CELL_BP;
    kuni_read_window_retire(window, sweep->cell - KUNI_MARGIN_BP);
    return KUNI_OK;
}

kuni_status kuni_sample_sweep_read(kuni_sample_sweep *sweep, const bam1_t *record, kuni_error *err)
{
    const int64_t reach = KUNI_CELL_BP + KUNI_MARGIN_BP + KUNI_SPAN_BP;
    while (sweep->cell < sweep->shard.end && record->core.pos >= sweep->cell + reach) {
        kuni_status status = call_cell(sweep, err);
        if (status) return status;
    }
    if (sweep->cell >= sweep->shard.end) return KUNI_OK;
    return kuni_read_window_add(&sweep->window, record, sweep->options, err);
}

kuni_status kuni_sample_sweep_end(kuni_sample_sweep *sweep, kuni_error *err)
{
    while (sweep->cell < sweep->shard.end) {
        kuni_status status = call_cell(sweep, err);
        if (status) return status;
    }
    return KUNI_OK;
}
