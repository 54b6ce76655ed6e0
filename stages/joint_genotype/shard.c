/* SPDX-License-Identifier: MIT */
#include "shard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "pass.h"
#include "reference.h"

enum {
    OPEN_FILES = 256,  /* more evidence files than this give their descriptors back between reads */
    SITE_BYTES = 1200, /* of a site's counters */
    LEAST_WINDOW_BYTES = 128 << 10
};

/* --- setting up --- */

/* Whether all chunks of the shard are chunks of evidence of this span: it is wider, or just that. */
static bool holds(kuni_span evidence, kuni_span shard)
{
    return evidence.tid == shard.tid &&
           (evidence.beg == shard.beg ||
            (evidence.beg < shard.beg && shard.beg % KUNI_EVIDENCE_CHUNK_BP == 0)) &&
           (evidence.end == shard.end ||
            (evidence.end > shard.end && shard.end % KUNI_EVIDENCE_CHUNK_BP == 0));
}

static kuni_status open_source(joint_shard *j, const kuni_task_file *file, joint_source *s,
                               kuni_error *err)
{
    const kuni_task *task = j->task;
    kuni_status status =
        kuni_evidence_open_part(&s->reader, file->path, file->offset, file->bytes, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(s->reader);
    if (file->batch < 0 || (size_t)file->batch >= task->n_batches)
        return kuni_fail(err, KUNI_BUG, "evidence %s: batch %lld of %zu", file->path,
                         (long long)file->batch, task->n_batches);
    const kuni_batch *batch = &task->batches[file->batch];
    if (header->n_samples != batch->n_samples)
        return kuni_fail(err, KUNI_DATA, "evidence %s: %u samples where batch %s has %zu",
                         file->path, header->n_samples, batch->id, batch->n_samples);
    for (uint32_t i = 0; i < header->n_samples; i++)
        if (strcmp(header->samples[i], task->samples[batch->first + i].id) != 0)
            return kuni_fail(err, KUNI_DATA, "evidence %s: sample %s stands where batch %s has %s",
                             file->path, header->samples[i], batch->id,
                             task->samples[batch->first + i].id);
    if (!holds(header->shard, j->shard))
        return kuni_fail(err, KUNI_DATA, "evidence %s: of another shard: %s:%lld-%lld", file->path,
                         header->contig, (long long)header->shard.beg + 1,
                         (long long)header->shard.end);
    s->first_chunk = (size_t)(j->shard.beg / KUNI_EVIDENCE_CHUNK_BP -
                              header->shard.beg / KUNI_EVIDENCE_CHUNK_BP);
    kuni_evidence_keep(s->reader, s->first_chunk,
                       (size_t)((j->shard.end - 1) / KUNI_EVIDENCE_CHUNK_BP -
                                j->shard.beg / KUNI_EVIDENCE_CHUNK_BP + 1));
    s->columns = task->columns + batch->first;
    s->n_samples = header->n_samples;
    s->complete = true;
    for (uint32_t i = 0; i < s->n_samples; i++)
        if (s->columns[i] < 0) s->complete = false;
    return KUNI_OK;
}

static kuni_status open_sources(joint_shard *j, kuni_error *err)
{
    size_t count;
    const kuni_task_file *files = kuni_task_inputs(j->task, "evidence", &count);
    j->sources = kuni_alloc(count + 1, sizeof(*j->sources), err);
    if (!j->sources) return KUNI_MEMORY;
    for (size_t i = 0; i < count; i++) {
        kuni_status status = open_source(j, &files[i], &j->sources[j->n_sources++], err);
        if (status) return status;
        if (i) kuni_evidence_share(j->sources[i].reader, j->sources[0].reader);
        if (count > OPEN_FILES) kuni_evidence_rest(j->sources[i].reader);
    }
    return KUNI_OK;
}

/* So much more was done. */
static void tell_work(joint_shard *j, int64_t n)
{
    j->work += n;
    if (j->task->heartbeat) j->task->heartbeat(j->work);
}

static kuni_status read_chunk(joint_shard *j, joint_source *s, int what, kuni_evidence_chunk *chunk,
                              kuni_error *err)
{
    kuni_status status = kuni_evidence_read(s->reader, s->first_chunk + j->chunk, what, chunk, err);
    if (j->n_sources > OPEN_FILES) kuni_evidence_rest(s->reader);
    if (!status) tell_work(j, (int64_t)(chunk->n_events + chunk->n_blocks));
    return status;
}

/* --- sites --- */

static void recount_event(joint_shard *j, const kuni_evidence_chunk *chunk, const kuni_event *event)
{
    for (int k = 0; k < event->ploidy; k++) {
        if (event->gt[k] <= 0) continue;
        int32_t link = chunk->sets[event->set].census[event->gt[k]];
        if (link < 0) continue;
        kuni_census *allele = &j->recount[link];
        allele->n_copies++;
        if (k == 1 && event->gt[0] == event->gt[1]) continue;
        allele->n_samples++;
        if (event->qual > allele->max_qual) allele->max_qual = event->qual;
    }
}

/* The dictionary as it would be without the samples that are left out, and with the copies that
 * everybody has. */
static kuni_status recount(joint_shard *j, const joint_source *s, const kuni_evidence_chunk *chunk,
                           kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&j->recount, &j->recount_capacity, chunk->n_alleles + 1,
                                   sizeof(*j->recount), err);
    if (status) return status;
    for (size_t i = 0; i < chunk->n_alleles; i++)
        j->recount[i] = (kuni_census){.pos = chunk->alleles[i].pos,
                                      .ref = chunk->alleles[i].ref,
                                      .alt = chunk->alleles[i].alt};
    for (size_t i = 0; i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        int32_t column = s->columns[event->sample];
        if (column < 0 || event->flags & KUNI_EVENT_FILTERED) continue;
        int64_t until;
        uint16_t pl[KUNI_EVENT_ALLELES_MAX];
        kuni_event copied;
        joint_ploidy ploidy =
            joint_copies_at(&j->copies, event->pos, j->cohort.who[column], event->ploidy,
                            event->flags & KUNI_EVENT_EITHER, &until);
        if (ploidy.refused || !ploidy.copies) continue;
        kuni_event_of_copies(event, ploidy.copies, pl, &copied);
        recount_event(j, chunk, &copied);
    }
    return joint_unify_add(j->unify, j->recount, chunk->n_alleles, err);
}

static kuni_status find_sites(joint_shard *j, int64_t beg, int64_t end, kuni_error *err)
{
    joint_unify_begin(j->unify, beg, end);
    if (j->called) {
        kuni_status status = joint_called_take(j->called, j->unify, err);
        return status ? status : joint_unify_finish(j->unify, 0, &j->sites, err);
    }
    for (size_t i = 0; i < j->n_sources; i++) {
        joint_source *s = &j->sources[i];
        kuni_evidence_chunk chunk = {0};
        bool counted = s->complete && j->copies.diploid;
        kuni_status status = read_chunk(
            j, s, counted ? KUNI_READ_CENSUS : KUNI_READ_CENSUS | KUNI_READ_EVENTS, &chunk, err);
        if (!status)
            status = counted ? joint_unify_add(j->unify, chunk.alleles, chunk.n_alleles, err)
                             : recount(j, s, &chunk, err);
        if (status) return status;
    }
    return joint_unify_finish(j->unify, j->options.min_allele_quality, &j->sites, err);
}

/* Of the chunk, the part that has sites: all, but where a part of a call set is exported. */
static double share_with_sites(const joint_shard *j)
{
    int64_t beg = j->sites.beg, end = j->sites.end;
    if (beg < j->wanted.beg) beg = j->wanted.beg;
    if (end > j->wanted.end) end = j->wanted.end;
    return end > beg ? (double)(end - beg) / (double)(j->sites.end - j->sites.beg) : 1;
}

/* Events and blocks of the chunk, in all files. */
static void count_evidence(const joint_shard *j, int64_t *events, int64_t *blocks)
{
    *events = *blocks = 0;
    for (size_t i = 0; i < j->n_sources; i++) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(j->sources[i].reader, j->sources[i].first_chunk + j->chunk,
                                 &extent);
        *events += extent.n_events;
        *blocks += extent.n_blocks;
    }
}

/* What the columns of all sites of the chunk take, by what those of sites before took. */
static double columns_bytes(const joint_shard *j)
{
    static const double margin = 1.125; /* samples are not alike, nor are their stretches */
    if (!j->cells) return 0;
    int64_t events, blocks;
    count_evidence(j, &events, &blocks);
    double bytes = (double)(events * joint_cell_bytes(&j->options) +
                            blocks * JOINT_TURN_BYTES * (!!j->dense + !!j->sparse));
    return bytes * share_with_sites(j) * (j->taken > 0 ? j->taken * margin : 1);
}

/* What is left of memory beside a chunk's counters. */
static int64_t budget_bytes(const joint_shard *j)
{
    return j->options.memory_bytes / 2 - (int64_t)j->sites.n_sites * SITE_BYTES;
}

/* What columns are reckoned to take: of a cell, where they were counted, and of a site besides. */
typedef struct reckoning {
    double a_cell, a_site;
} reckoning;

static reckoning reckon(const joint_shard *j)
{
    reckoning r = {0, columns_bytes(j)};
    double cells = 0, all = r.a_site;
    for (uint32_t site = 0; site < j->sites.n_sites; site++) cells += j->cells_at[site];
    if (cells > 0) {
        int64_t events, blocks;
        count_evidence(j, &events, &blocks);
        int64_t a_cell = joint_cell_bytes(&j->options);
        double turns = (double)(blocks * JOINT_TURN_BYTES * (!!j->dense + !!j->sparse));
        r.a_site *= turns / (turns + (double)(events * a_cell));
        r.a_cell = (all - r.a_site) / (double)events;
    }
    r.a_site /= j->sites.n_sites;
    return r;
}

static double bytes_at(const joint_shard *j, const reckoning *r, uint32_t first, uint32_t last)
{
    double bytes = 0;
    for (uint32_t site = first; site < last; site++)
        bytes += r->a_site + r->a_cell * j->cells_at[site];
    return bytes;
}

/*
 * Sites of the window that begins at `first`, such that its columns fit into memory beside what is kept of the
 * evidence. Windows are no larger than they need be for their number.
 */
static uint32_t window_sites(const joint_shard *j, uint32_t first)
{
    uint32_t n = j->sites.n_sites, last = first;
    if (!j->cells || first == n) return n - first;
    int64_t budget = budget_bytes(j) - joint_kept_bytes(j->kept);
    if (budget < LEAST_WINDOW_BYTES) budget = LEAST_WINDOW_BYTES;
    reckoning r = reckon(j);
    double all = bytes_at(j, &r, first, n), windows = floor(all / (double)budget) + 1, bytes = 0;
    if (windows < 2) return n - first;
    for (; last < n && (bytes < all / windows || last == first); last++)
        bytes += bytes_at(j, &r, last, last + 1);
    return last - first;
}

/* What the window that was filled took says how large the next may be. */
static void look_at_window(joint_shard *j, uint32_t first, uint32_t last)
{
    if (!j->cells) return;
    int64_t taken = joint_piles_bytes(&j->cells->piles);
    if (j->dense) taken += joint_dense_bytes(j->dense);
    if (j->sparse) taken += joint_sparse_bytes(j->sparse);
    j->taken = 0;
    reckoning r = reckon(j);
    double reckoned = bytes_at(j, &r, first, last);
    if (reckoned > 0) j->taken = (double)taken / reckoned;
}

/*
 * Of memory, the part in which the first walk's findings may be kept. Where columns need several windows it must hold all
 * of them: else more windows, each of which reads what was not kept, would cost more than it spares.
 */
static int64_t kept_bytes(const joint_shard *j)
{
    int64_t budget = budget_bytes(j), columns = (int64_t)columns_bytes(j), events, blocks;
    int64_t left = budget - columns - columns / 8; /* columns may take more than is reckoned */
    if (left > 0) return left;
    count_evidence(j, &events, &blocks);
    int64_t all =
        events * JOINT_KEPT_EVENT_BYTES + blocks * JOINT_KEPT_PIECE_BYTES * (1 + !!j->sparse);
    return all < budget / 2 ? budget / 2 : 0;
}

/* --- first pass: frequencies --- */

static void build_local(joint_shard *j, uint32_t site, const joint_cover *covers, size_t n_covers,
                        int copies)
{
    const joint_site *s = &j->sites.sites[site];
    joint_local_build(&j->local, j->scratch, s->pos, (uint16_t)(s->n_alts + 1), covers, n_covers,
                      copies);
}

static kuni_status count_block(void *context, const joint_piece *piece, kuni_error *err)
{
    joint_shard *j = context;
    return joint_coverage_add(j->coverage, j->cohort.cell[piece->column],
                              joint_coverage_code(piece->block, piece->ploidy),
                              piece->ploidy.copies, piece->block->min_dp, piece->first, piece->last,
                              err);
}

static kuni_status count_events(void *context, uint32_t column, uint32_t site,
                                const joint_cover *covers, size_t n_covers, joint_ploidy ploidy,
                                kuni_error *err)
{
    joint_shard *j = context;
    j->cells_at[site]++;
    if (ploidy.refused || ploidy.copies == 0) {
        joint_kept_refused(j->kept, column, site, ploidy, covers[0].event->dp);
        return KUNI_OK;
    }
    build_local(j, site, covers, n_covers, ploidy.copies);
    joint_kept_event(j->kept, column, site, &j->local);
    return j->local.reason ? KUNI_OK : joint_frequency_add(j->frequency, site, &j->local, err);
}

static kuni_status count_piece(void *context, const joint_piece *piece, kuni_error *err)
{
    joint_shard *j = context;
    if (j->cells) joint_kept_piece(j->kept, piece);
    return piece->block && piece->first < piece->last ? count_block(context, piece, err) : KUNI_OK;
}

static kuni_status walk_source(joint_shard *j, size_t source, int what, uint32_t first,
                               uint32_t last, const joint_visitor *visitor, kuni_error *err)
{
    joint_source *s = &j->sources[source];
    kuni_evidence_chunk chunk = {0};
    kuni_status status = read_chunk(j, s, what | KUNI_READ_BY_SAMPLE, &chunk, err);
    return status ? status
                  : joint_walk_chunk(j->walk, &j->sites, first, last, &j->copies, &chunk,
                                     s->columns, s->n_samples, visitor, err);
}

static kuni_status walk_sources(joint_shard *j, int what, uint32_t first, uint32_t last,
                                const joint_visitor *visitor, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < j->n_sources && !status; i++)
        status = walk_source(j, i, what, first, last, visitor, err);
    return status;
}

/* Counts what all have, and keeps what there is room for. */
static kuni_status walk_and_keep(joint_shard *j, kuni_error *err)
{
    int64_t most = kept_bytes(j);
    const joint_visitor visitor = {.context = j,
                                   .all = j->sparse && most > 0,
                                   .any_order = true,
                                   .piece = count_piece,
                                   .events = count_events};
    kuni_status status = joint_kept_begin(j->kept, &j->sites, j->n_sources, most, err);
    for (size_t i = 0; i < j->n_sources && !status; i++) {
        joint_kept_open(j->kept, i);
        status = walk_source(j, i, KUNI_READ_ALL, 0, j->sites.n_sites, &visitor, err);
        if (!status) joint_kept_close(j->kept);
    }
    return status;
}

static void set_prior(joint_shard *j, uint32_t site, joint_prior *prior)
{
    const joint_site *s = &j->sites.sites[site];
    *prior = (joint_prior){.alleles = joint_frequency_get(j->frequency, s),
                           .classes = joint_frequency_classes(j->frequency),
                           .next = j->next + s->slot,
                           .n = s->n_alts + 2,
                           .copies = joint_frequency_copies(j->frequency, site),
                           .cap = j->options.prior_cap,
                           .min_gq = j->options.min_gq};
}

/* Where only coverage is counted. */
static kuni_status pass_events(void *context, uint32_t column, uint32_t site,
                               const joint_cover *covers, size_t n_covers, joint_ploidy ploidy,
                               kuni_error *err)
{
    (void)context, (void)column, (void)site, (void)covers, (void)n_covers, (void)ploidy, (void)err;
    return KUNI_OK;
}

static kuni_status begin_frequencies(joint_shard *j, kuni_error *err)
{
    const double *priors = joint_allele_priors_of(j->priors, &j->sites, j->shard.tid, err);
    if (!priors) return err->status;
    kuni_status status = joint_frequency_begin(j->frequency, &j->sites, priors, err);
    if (!status)
        status = joint_coverage_begin(j->coverage, j->sites.n_sites, j->cohort.n_cells, err);
    if (!status)
        status = kuni_grow((void **)&j->next, &j->next_capacity, (size_t)j->sites.n_slots + 1,
                           sizeof(*j->next), err);
    if (!status)
        status = kuni_grow((void **)&j->cells_at, &j->cells_at_capacity,
                           (size_t)j->sites.n_sites + 1, sizeof(*j->cells_at), err);
    if (!status) memset(j->cells_at, 0, j->sites.n_sites * sizeof(*j->cells_at));
    return status;
}

static kuni_status find_frequencies(joint_shard *j, kuni_error *err)
{
    kuni_status status = begin_frequencies(j, err);
    if (!status) status = walk_and_keep(j, err);
    if (!status) status = joint_coverage_finish(j->coverage, err);
    if (status) return status;
    joint_frequency_finish(j->frequency);
    size_t n_rows;
    const joint_coverage_row *rows = joint_coverage_rows(j->coverage, &n_rows);
    for (uint32_t site = 0; site < j->sites.n_sites && !status; site++) {
        joint_prior prior;
        uint32_t blocks[2][JOINT_CONFIDENCES] = {{0}};
        for (size_t i = 0; i < n_rows; i++)
            if (rows[i].code < JOINT_QUALITIES && rows[i].copies)
                blocks[rows[i].copies - 1][joint_coverage_confidence(rows[i].code)] +=
                    (uint32_t)rows[i].count[site];
        status = joint_frequency_solve(j->frequency, site, blocks, err);
        if (status) break;
        set_prior(j, site, &prior);
        joint_prior_set(&prior);
    }
    return status;
}

/*
 * Frequencies are given. Coverage is counted along with the genotypes where these are made in one
 * window, else here.
 */
static kuni_status take_frequencies(joint_shard *j, kuni_error *err)
{
    kuni_status status = begin_frequencies(j, err);
    if (status) return status;
    joint_frequency_finish(j->frequency);
    for (uint32_t site = 0; site < j->sites.n_sites; site++) {
        joint_prior prior;
        const joint_called_site *g = joint_called_get(j->called, site);
        joint_frequency_set(j->frequency, site, g->frequency, g->nobody, g->copies,
                            (int64_t)(1000.0 * (double)g->quality));
        set_prior(j, site, &prior);
        joint_prior_set(&prior);
    }
    j->counts_late = window_sites(j, 0) >= j->sites.n_sites;
    if (j->counts_late) return KUNI_OK;
    const joint_visitor visitor = {.context = j, .piece = count_block, .events = pass_events};
    status = walk_sources(j, KUNI_READ_ALL, 0, j->sites.n_sites, &visitor, err);
    return status ? status : joint_coverage_finish(j->coverage, err);
}

/* --- second pass: genotypes --- */

/* Whether somebody wants to know of blocks, and in a chunk's first window: they come again in the next. */
static bool tells_covered(const joint_shard *j, uint32_t first_site)
{
    return j->called && j->options.pass && j->options.pass->covered && !first_site;
}

static void tell_covered(const joint_shard *j, const joint_piece *piece)
{
    const joint_pass *pass = j->options.pass;
    int code = joint_coverage_code(piece->block, piece->ploidy);
    uint32_t dp = piece->block->min_dp;
    kuni_span span = {j->shard.tid, piece->beg, piece->end};
    if (span.beg < j->wanted.beg) span.beg = j->wanted.beg;
    if (span.end > j->wanted.end) span.end = j->wanted.end;
    if (code >= JOINT_QUALITIES || span.beg >= span.end) return;
    pass->covered(pass->context, span, piece->ploidy.copies, code,
                  dp == KUNI_MIN_DP_MISSING ? 0 : dp);
}

/* Where nothing varies. */
static kuni_status only_cover(void *context, const joint_piece *piece, kuni_error *err)
{
    (void)err;
    if (piece->block) tell_covered(context, piece);
    return KUNI_OK;
}

static kuni_status keep_piece(void *context, const joint_piece *piece, kuni_error *err)
{
    joint_shard *j = context;
    kuni_status status = KUNI_OK;
    if (j->covers && piece->block) tell_covered(j, piece);
    if (j->counts_late && piece->block) status = count_block(context, piece, err);
    if (j->sparse && !status)
        status = joint_sparse_piece(j->sparse, piece, j->cohort.who[piece->column], err);
    if (!j->cells) return status;
    bool wanted = piece->block && piece->first < piece->last &&
                  piece->first < j->cells->piles.last && piece->last > j->cells->piles.first;
    if (j->dense && wanted && !status) status = joint_dense_block(j->dense, piece, err);
    return status;
}

static kuni_status call_local(void *context, uint32_t column, uint32_t site,
                              const joint_local *local, kuni_error *err)
{
    joint_shard *j = context;
    joint_prior prior;
    joint_call call;
    set_prior(j, site, &prior);
    joint_genotype_call(&prior, local, &call);
    joint_tally_add(&j->tally, site, column, local, &call);
    if (!local->reason && !j->called)
        j->tally.site[site].quality += joint_genotype_variance(&prior, local);
    int32_t star = (int32_t)j->sites.sites[site].n_alts + 1;
    return j->cells ? joint_cells_event(j->cells, site, column, local, &call, star, err) : KUNI_OK;
}

static kuni_status call_refused(void *context, uint32_t column, uint32_t site, joint_ploidy ploidy,
                                uint32_t dp, kuni_error *err)
{
    joint_shard *j = context;
    joint_reason reason = ploidy.refused ? ploidy.refused : JOINT_ABSENT;
    joint_tally_refused(&j->tally, site, reason, dp);
    return j->cells ? joint_cells_refused(j->cells, site, column, reason, ploidy.copies, dp, err)
                    : KUNI_OK;
}

static kuni_status call_events(void *context, uint32_t column, uint32_t site,
                               const joint_cover *covers, size_t n_covers, joint_ploidy ploidy,
                               kuni_error *err)
{
    joint_shard *j = context;
    if (ploidy.refused || ploidy.copies == 0)
        return call_refused(context, column, site, ploidy, covers[0].event->dp, err);
    build_local(j, site, covers, n_covers, ploidy.copies);
    return call_local(context, column, site, &j->local, err);
}

/* Genotypes of sites [first, last), of what was kept or else of the evidence. */
static kuni_status call_sources(joint_shard *j, int what, uint32_t first, uint32_t last,
                                const joint_visitor *visitor, kuni_error *err)
{
    const joint_kept_visitor again = {.context = j,
                                      .all = visitor->all,
                                      .piece = visitor->piece,
                                      .event = call_local,
                                      .refused = call_refused};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < j->n_sources && !status; i++) {
        status = joint_kept_has(j->kept, i) ? joint_kept_tell(j->kept, i, first, last, &again, err)
                                            : walk_source(j, i, what, first, last, visitor, err);
        if (joint_kept_has(j->kept, i)) tell_work(j, 1);
        if (!status && j->sparse) status = joint_sparse_flush(j->sparse, err);
    }
    return status;
}

/* The genotypes of reference blocks at a site, of those kinds that somebody has there. */
static void call_blocks(joint_shard *j, uint32_t site, joint_call calls[2][JOINT_QUALITIES])
{
    joint_prior prior;
    set_prior(j, site, &prior);
    for (int copies = 1; copies <= 2; copies++)
        for (int q = 0; q < JOINT_QUALITIES; q++) calls[copies - 1][q].copies = 0;
    size_t n_rows;
    const joint_coverage_row *rows = joint_coverage_rows(j->coverage, &n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        if (!rows[i].count[site] || rows[i].code >= JOINT_QUALITIES || !rows[i].copies) continue;
        joint_call *call = &calls[rows[i].copies - 1][rows[i].code];
        int confidence = joint_coverage_confidence(rows[i].code);
        if (!call->copies) joint_genotype_block(&prior, confidence, rows[i].copies, call);
    }
}

/* A sparse call set looks ahead to where min_gq ends or begins a no call. */
static void tell_uncalled(joint_shard *j)
{
    for (uint32_t site = 0; site < j->sites.n_sites; site++) {
        joint_call calls[2][JOINT_QUALITIES];
        call_blocks(j, site, calls);
        for (int copies = 1; copies <= 2; copies++)
            for (int q = 0; q < JOINT_QUALITIES; q++)
                if (calls[copies - 1][q].copies && calls[copies - 1][q].reason)
                    joint_sparse_uncalled(j->sparse, copies, q, site);
    }
}

/* Who has copies of the place, and who has none. */
static void expect_copies(const joint_shard *j, int64_t pos, joint_record *record)
{
    for (uint32_t who = 0; who < j->cohort.n_whos; who++) {
        int64_t until;
        uint32_t n = j->cohort.who_columns[who];
        joint_ploidy p = joint_copies_expected(&j->copies, pos, who, &until);
        record->expected[who] = p;
        if (p.refused) record->n_undecided += n;
        /* whichever answer is the right one */
        if (p.refused ? joint_copies_least(&j->copies, pos, who) > 0 : p.copies > 0)
            record->n_with += n;
        else if (!p.refused)
            record->n_without += n;
    }
}

/* Completes a site's counters by its reference blocks and writes its record. */
static kuni_status write_site(joint_shard *j, uint32_t site, kuni_error *err)
{
    joint_call calls[2][JOINT_QUALITIES];
    /* A later stage took it out of the call set. Blocks of sparse ones begin in it all the same. */
    if (j->called && !j->sparse && joint_called_get(j->called, site)->added.gone) return KUNI_OK;
    call_blocks(j, site, calls);
    joint_tally_coverage(&j->tally, site, j->coverage, calls);
    const joint_site *s = &j->sites.sites[site];
    joint_record record = {.site = site,
                           .tally = &j->tally,
                           .alleles = joint_frequency_get(j->frequency, s),
                           .copies = joint_frequency_copies(j->frequency, site),
                           .quality = joint_frequency_quality(j->frequency, site) +
                                      j->tally.site[site].quality,
                           .block_calls = calls,
                           .dense = j->dense,
                           .sparse = j->sparse};
    if (j->called) {
        const joint_called_site *g = joint_called_get(j->called, site);
        record.filters = g->filters;
        record.added = &g->added;
        record.n_filters = g->n_filters;
        record.quality = -1;
        record.given_quality = g->quality;
        record.given_qd = g->qd;
    }
    expect_copies(j, s->pos, &record);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < j->n_renders && !status; i++)
        status = joint_render_record(j->renders[i], &record, err);
    return status;
}

static kuni_status begin_window(joint_shard *j, uint32_t first, uint32_t last, kuni_error *err)
{
    if (!j->cells) return KUNI_OK;
    kuni_status status =
        joint_cells_begin(j->cells, j->cohort.n_columns, j->sites.beg, first, last, err);
    if (!status && j->dense) status = joint_dense_begin(j->dense, err);
    if (!status && j->sparse) status = joint_sparse_begin(j->sparse, err);
    return status;
}

static void end_windows(joint_shard *j)
{
    if (j->cells) joint_cells_end(j->cells);
    if (j->dense) joint_dense_end(j->dense);
    if (j->sparse) joint_sparse_end(j->sparse);
}

static kuni_status call_and_write(joint_shard *j, kuni_error *err)
{
    bool blocks = j->cells || j->counts_late || tells_covered(j, 0);
    joint_visitor visitor = {.context = j,
                             .any_order = !j->cells,
                             .piece = blocks ? keep_piece : NULL,
                             .events = call_events};
    int what = KUNI_READ_CENSUS | KUNI_READ_EVENTS | (blocks ? KUNI_READ_BLOCKS : 0);
    kuni_status status = joint_tally_begin(&j->tally, &j->sites, &j->cohort, err);
    if (!status && j->sparse) status = joint_sparse_chunk(j->sparse, &j->sites, err);
    for (uint32_t first = 0, last; first < j->sites.n_sites && !status; first = last) {
        last = first + window_sites(j, first);
        j->covers = tells_covered(j, first);
        visitor.all = j->sparse || j->covers;
        status = begin_window(j, first, last, err);
        if (!status) status = call_sources(j, what, first, last, &visitor, err);
        look_at_window(j, first, last);
        if (!status && j->counts_late) status = joint_coverage_finish(j->coverage, err);
        if (!status && j->sparse && j->options.min_gq > 0 && !first) tell_uncalled(j);
        for (uint32_t site = first; site < last && !status; site++)
            status = write_site(j, site, err);
    }
    end_windows(j);
    return status;
}

/* --- the shard --- */

static kuni_status run_chunk(joint_shard *j, int64_t beg, int64_t end, kuni_error *err)
{
    const kuni_span chunk = {.tid = j->shard.tid, .beg = beg, .end = end};
    joint_copies_init(&j->copies, &j->cohort, j->task->ploidy, chunk);
    const joint_visitor visitor = {
        .context = j, .all = true, .piece = only_cover, .events = pass_events};
    kuni_status status = find_sites(j, beg, end, err);
    if (!status && !j->sites.n_sites && tells_covered(j, 0))
        return walk_sources(j, KUNI_READ_ALL, 0, 0, &visitor, err);
    if (status || !j->sites.n_sites) return status;
    status = j->called ? take_frequencies(j, err) : find_frequencies(j, err);
    if (!status) status = call_and_write(j, err);
    return status;
}

void joint_shard_close(joint_shard *j)
{
    if (!j) return;
    for (size_t i = 0; i < j->n_sources; i++) kuni_evidence_close(j->sources[i].reader);
    free(j->sources);
    joint_unify_free(j->unify);
    joint_walk_free(j->walk);
    joint_kept_free(j->kept);
    joint_frequency_free(j->frequency);
    joint_coverage_free(j->coverage);
    joint_tally_fini(&j->tally);
    joint_dense_free(j->dense);
    free(j->told);
    joint_sparse_free(j->sparse);
    joint_cells_free(j->cells);
    joint_filters_free(&j->filters);
    joint_cohort_fini(&j->cohort);
    free(j->next);
    free(j->cells_at);
    joint_allele_priors_free(j->priors);
    free(j->recount);
    free(j);
}

static kuni_status set_up(joint_shard *j, kuni_error *err)
{
    kuni_status status = joint_options_read(&j->options, &j->filters, j->task->params, err);
    if (j->task->memory_bytes > 0) j->options.memory_bytes = j->task->memory_bytes;
    if (!status) status = joint_cohort_init(&j->cohort, j->task, err);
    if (!status) status = open_sources(j, err);
    if (status) return status;
    joint_genotype_setup();
    j->unify = joint_unify_new(err);
    j->walk = joint_walk_new(err);
    j->kept = joint_kept_new(err);
    j->frequency = joint_frequency_new(err);
    j->coverage = joint_coverage_new(err);
    j->priors = joint_allele_priors_new(j->task->genome, j->options.snp_heterozygosity,
                                        j->options.indel_heterozygosity, err);
    if (!j->unify || !j->walk || !j->kept || !j->frequency || !j->coverage || !j->priors)
        return KUNI_MEMORY;
    if (!j->options.dense && !j->options.sparse) return KUNI_OK;
    j->cells = joint_cells_new(&j->options, err);
    if (j->cells && j->options.dense) {
        status = joint_reference_told(j->task, &j->told, err);
        if (status) return status;
        j->dense = joint_dense_new(j->cells, j->told, j->options.exact_cells, err);
    }
    if (j->cells && j->options.sparse) j->sparse = joint_sparse_new(j->cells, &j->options, err);
    bool whole = j->cells && !j->options.dense == !j->dense && !j->options.sparse == !j->sparse;
    return whole ? KUNI_OK : KUNI_MEMORY;
}

kuni_status joint_shard_open(joint_shard **shard, const kuni_task *task, kuni_error *err)
{
    joint_shard *j = kuni_alloc(1, sizeof(*j), err);
    if (!j) return KUNI_MEMORY;
    *shard = j;
    j->task = task;
    j->shard = task->shards[task->shard];
    return set_up(j, err);
}

static kuni_status run_chunks(joint_shard *j, joint_render *const *renders, size_t n_renders,
                              joint_called *called, kuni_span span, kuni_error *err)
{
    j->renders = renders;
    j->n_renders = n_renders;
    j->called = called;
    j->wanted = span;
    for (size_t i = 0; i < n_renders; i++) joint_render_contig(renders[i], j->shard.tid);
    kuni_status status = KUNI_OK;
    int64_t beg = j->shard.beg;
    for (j->chunk = 0; beg < j->shard.end && beg < span.end && !status; j->chunk++) {
        int64_t end = (beg / KUNI_EVIDENCE_CHUNK_BP + 1) * KUNI_EVIDENCE_CHUNK_BP;
        if (end > j->shard.end) end = j->shard.end;
        if (end > span.beg) status = run_chunk(j, beg, end, err);
        for (size_t i = 0; i < n_renders && !status; i++)
            status = joint_render_flush(renders[i], err);
        beg = end;
    }
    return status;
}

kuni_status joint_shard_run(joint_shard *j, joint_render *const *renders, size_t n_renders,
                            kuni_error *err)
{
    return run_chunks(j, renders, n_renders, NULL, j->shard, err);
}

kuni_status joint_shard_run_called(joint_shard *j, joint_render *render, joint_called *called,
                                   kuni_span span, kuni_error *err)
{
    return run_chunks(j, &render, 1, called, span, err);
}
