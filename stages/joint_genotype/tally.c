/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

kuni_status joint_tally_begin(joint_tally *tally, const joint_sites *sites,
                              const joint_cohort *cohort, kuni_error *err)
{
    tally->sites = sites;
    tally->cohort = cohort;
    size_t n_sites = sites->n_sites, n_slots = sites->n_slots, n_cells = cohort->n_cells;
    kuni_status status = kuni_grow((void **)&tally->site, &tally->site_capacity, n_sites + 1,
                                   sizeof(*tally->site), err);
    if (!status)
        status = kuni_grow((void **)&tally->allele, &tally->allele_capacity, n_slots + 1,
                           sizeof(*tally->allele), err);
    if (!status)
        status = kuni_grow((void **)&tally->cell_called, &tally->called_capacity,
                           n_sites * n_cells + 1, sizeof(uint32_t), err);
    if (!status)
        status = kuni_grow((void **)&tally->cell_copies, &tally->copies_capacity,
                           n_slots * n_cells + 1, sizeof(uint32_t), err);
    if (!status)
        status = kuni_grow((void **)&tally->cell_hom, &tally->hom_capacity, n_slots * n_cells + 1,
                           sizeof(uint32_t), err);
    if (!status)
        status = kuni_grow((void **)&tally->cell_hemi, &tally->hemi_capacity, n_slots * n_cells + 1,
                           sizeof(uint32_t), err);
    if (status) return status;
    memset(tally->site, 0, n_sites * sizeof(*tally->site));
    memset(tally->allele, 0, n_slots * sizeof(*tally->allele));
    memset(tally->cell_called, 0, n_sites * n_cells * sizeof(uint32_t));
    memset(tally->cell_copies, 0, n_slots * n_cells * sizeof(uint32_t));
    memset(tally->cell_hom, 0, n_slots * n_cells * sizeof(uint32_t));
    memset(tally->cell_hemi, 0, n_slots * n_cells * sizeof(uint32_t));
    return KUNI_OK;
}

void joint_tally_fini(joint_tally *tally)
{
    free(tally->site);
    free(tally->allele);
    free(tally->cell_called);
    free(tally->cell_copies);
    free(tally->cell_hom);
    free(tally->cell_hemi);
    *tally = (joint_tally){0};
}

static void add_quality(joint_site_tally *t, uint8_t gq, uint64_t count)
{
    uint32_t bin = gq / JOINT_QUALITY_BIN;
    t->gq += gq * count;
    t->gq_known += count;
    t->gq_bins[bin < JOINT_QUALITY_BINS ? bin : JOINT_QUALITY_BINS - 1] += count;
}

static void add_alleles(joint_tally *tally, uint32_t site, uint32_t column, const joint_call *call)
{
    uint32_t cell = tally->cohort->cell[column], n_cells = tally->cohort->n_cells;
    size_t slot = tally->sites->sites[site].slot;
    bool same = call->copies == 1 || call->allele[0] == call->allele[1];
    for (int i = 0; i < call->copies; i++) {
        size_t s = slot + (size_t)call->allele[i];
        joint_allele_tally *a = &tally->allele[s];
        a->copies++;
        tally->cell_copies[s * n_cells + cell]++;
        if (!same) a->het++;
    }
    if (!same) return;
    size_t s = slot + (size_t)call->allele[0];
    if (call->copies == 1) {
        tally->cell_hemi[s * n_cells + cell]++;
        tally->allele[s].hemi++;
    } else {
        tally->cell_hom[s * n_cells + cell]++;
        tally->allele[s].hom++;
    }
}

/* Reads of a heterozygote of REF and one ALT. */
static void add_balance(joint_tally *tally, uint32_t site, const joint_local *local,
                        const joint_call *call)
{
    int32_t alt = call->allele[0] ? call->allele[0] : call->allele[1];
    if (call->allele[0] && call->allele[1]) return;
    uint32_t depths[JOINT_LOCAL_MAX];
    if (!joint_local_depths(local, depths)) return;
    joint_allele_tally *a = &tally->allele[tally->sites->sites[site].slot + (uint32_t)alt];
    for (uint32_t i = 1; i < local->n; i++) {
        if (local->number[i] != alt) continue;
        a->het_ref_reads += depths[0];
        a->het_alt_reads += depths[i];
    }
}

/* Reads that show one of the site's alleles; DP where the event does not tell. */
static uint64_t informative_reads(const joint_local *local)
{
    uint32_t depths[JOINT_LOCAL_MAX];
    uint64_t sum = 0;
    if (joint_local_depths(local, depths))
        for (uint32_t i = 0; i < joint_local_known(local); i++) sum += depths[i];
    return sum || local->event->dp == KUNI_DP_MISSING ? sum : local->event->dp;
}

static void add_depth(joint_site_tally *t, uint32_t dp)
{
    if (dp == KUNI_DP_MISSING) return;
    t->depth += dp;
    t->depth_bins[joint_depth_bin(dp)]++;
}

void joint_tally_add(joint_tally *tally, uint32_t site, uint32_t column, const joint_local *local,
                     const joint_call *call)
{
    joint_site_tally *t = &tally->site[site];
    const kuni_event *event = local->event;
    if (event->dp || call->reason != JOINT_NO_COVERAGE) add_depth(t, event->dp);
    if (call->reason) {
        t->nocall[call->reason]++;
        return;
    }
    t->called[call->copies - 1]++;
    tally->cell_called[(size_t)site * tally->cohort->n_cells + tally->cohort->cell[column]] +=
        (uint32_t)call->copies;
    if (!local->hard || call->gq) add_quality(t, call->gq, 1);
    if (call->phased) t->phased = true;
    add_alleles(tally, site, column, call);
    int32_t star = (int32_t)tally->sites->sites[site].n_alts + 1;
    bool carrier = false, other_than_ref = false;
    for (int i = 0; i < call->copies; i++) {
        other_than_ref |= call->allele[i] > 0;
        carrier |= call->allele[i] > 0 && call->allele[i] != star;
    }
    if (call->copies == 2) {
        int alts = (call->allele[0] > 0) + (call->allele[1] > 0);
        if (alts == 0)
            t->ref_ref++;
        else if (alts == 1)
            t->ref_alt++;
        else
            t->alt_alt++;
        if (call->allele[0] != call->allele[1])
            t->het++;
        else if (other_than_ref)
            t->hom_alt++;
        if (call->allele[0] != call->allele[1]) add_balance(tally, site, local, call);
    } else if (other_than_ref)
        t->hemi++;
    if (!carrier) return;
    for (int i = 0; i < 4; i++) t->strands[i] += event->sb[i];
    t->carrier_depth += informative_reads(local);
    if (event->mq && event->dp != KUNI_DP_MISSING) {
        t->mq_squares += (uint64_t)event->mq * event->mq * event->dp;
        t->mq_depth += event->dp;
    }
    if (call->copies != 2 || (call->allele[0] != 0) == (call->allele[1] != 0)) return;
    for (int i = 0; i < KUNI_RANKS; i++) {
        if (event->rank[i] == KUNI_RANK_UNKNOWN) continue;
        t->rank_sums[i] += event->rank[i] - KUNI_RANK_EQUAL;
        t->ranks[i]++;
    }
}

void joint_tally_refused(joint_tally *tally, uint32_t site, joint_reason reason, uint32_t dp)
{
    joint_site_tally *t = &tally->site[site];
    t->nocall[reason]++;
    if (reason != JOINT_ABSENT) add_depth(t, dp);
}

void joint_tally_coverage(joint_tally *tally, uint32_t site, const joint_coverage *coverage,
                          joint_call block_calls[2][JOINT_QUALITIES])
{
    static const joint_reason reasons[] = {
        [JOINT_CODE_NOTHING - JOINT_QUALITIES] = JOINT_NO_COVERAGE,
        [JOINT_CODE_LOW - JOINT_QUALITIES] = JOINT_LOW,
        [JOINT_CODE_CONFLICT - JOINT_QUALITIES] = JOINT_CONFLICT,
        [JOINT_CODE_FILTERED - JOINT_QUALITIES] = JOINT_FILTERED,
        [JOINT_CODE_UNLISTED - JOINT_QUALITIES] = JOINT_UNLISTED,
        [JOINT_CODE_ABSENT - JOINT_QUALITIES] = JOINT_ABSENT,
        [JOINT_CODE_SEX - JOINT_QUALITIES] = JOINT_SEX,
        [JOINT_CODE_HAPLOID - JOINT_QUALITIES] = JOINT_HAPLOID,
    };
    joint_site_tally *t = &tally->site[site];
    size_t n_rows, slot = tally->sites->sites[site].slot, n_cells = tally->cohort->n_cells;
    const joint_coverage_row *rows = joint_coverage_rows(coverage, &n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        const joint_coverage_row *row = &rows[i];
        uint32_t count = (uint32_t)row->count[site];
        if (!count) continue;
        if (row->code >= JOINT_QUALITIES) {
            t->nocall[reasons[row->code - JOINT_QUALITIES]] += count;
            continue;
        }
        const joint_call *call = &block_calls[row->copies - 1][row->code];
        if (call->reason) {
            t->nocall[call->reason] += count;
            continue;
        }
        uint32_t copies = count * row->copies;
        t->called[row->copies - 1] += count;
        if (row->copies == 2) t->ref_ref += count;
        tally->cell_called[site * n_cells + row->cell] += copies;
        tally->allele[slot].copies += copies;
        tally->cell_copies[slot * n_cells + row->cell] += copies;
        if (row->copies == 2) {
            tally->allele[slot].hom += count;
            tally->cell_hom[slot * n_cells + row->cell] += count;
        } else {
            tally->allele[slot].hemi += count;
            tally->cell_hemi[slot * n_cells + row->cell] += count;
        }
        if (row->code != JOINT_CODE_STATED) add_quality(t, call->gq, count);
    }
    joint_coverage_depths(coverage, site, t->depth_bins, &t->depth);
}
