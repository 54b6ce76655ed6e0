/* SPDX-License-Identifier: MIT */
/* Kin by the common sites of the call set itself: no panel is needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callset.h"

enum {
    BLOCK =
        4096, /* samples whose genotypes are turned from rows of sites to rows of samples at once */
    /*
     * Relatives share long stretches: on less of the genome than this, siblings may look like
     * duplicates or like strangers, and strangers like siblings.
     */
    WIDE_BP = 100000000
};

/* Sites of a sample as bytes of four, for `n` samples from `first` on. */
static kuni_status turn(callset *set, uint32_t first, uint32_t n, unsigned char *row,
                        unsigned char *turned, kuni_error *err)
{
    size_t row_bytes = common_sites_bytes(set->totals.n_columns);
    size_t sample_bytes = (set->common.n + 3) / 4, beg = first / 4, end = (first + n + 3) / 4;
    memset(turned, 0, n * sample_bytes);
    for (size_t m = 0; m < set->common.n; m++) {
        if (fseeko(set->common.rows, (off_t)(m * row_bytes + beg), SEEK_SET) != 0 ||
            fread(row, 1, end - beg, set->common.rows) != end - beg)
            return kuni_fail_errno(err, "merge: cannot read the common sites");
        for (uint32_t i = 0; i < n; i++)
            turned[i * sample_bytes + m / 4] |=
                (unsigned char)(common_sites_genotype(row, i) << (2 * (m % 4)));
    }
    return KUNI_OK;
}

static kuni_status add_prints(callset *set, kuni_fingerprints *prints, kuni_error *err)
{
    size_t sample_bytes = (set->common.n + 3) / 4;
    uint32_t n_columns = set->totals.n_columns;
    kuni_status status = KUNI_OK;
    unsigned char *row = kuni_alloc(BLOCK, 1, err);
    unsigned char *turned = kuni_alloc(BLOCK, sample_bytes, err);
    if (!row || !turned) status = KUNI_MEMORY;
    for (uint32_t first = 0; first < n_columns && !status; first += BLOCK) {
        uint32_t n = n_columns - first < BLOCK ? n_columns - first : BLOCK;
        status = turn(set, first, n, row, turned, err);
        for (uint32_t i = 0; i < n && !status; i++)
            status = kuni_fingerprints_add(prints, turned + i * sample_bytes, err);
        if (set->task->heartbeat) set->task->heartbeat(first);
    }
    free(row);
    free(turned);
    return status ? status : kuni_fingerprints_seal(prints, err);
}

static void note(callset *set)
{
    const char *mode = kuni_params_text(set->task->params, "relatives");
    int64_t bp = callset_bp(set->task),
            least = kuni_params_int(set->task->params, "kinship_min_sites");
    char *text = set->kin_note;
    size_t room = sizeof(set->kin_note);
    if (!callset_sees_genotypes(&set->totals))
        (void)snprintf(text, room,
                       "not compared: the call set has no genotypes (output: sites of "
                       "joint-genotype); also: [sparse] has them");
    else if (strcmp(mode, "none") == 0)
        (void)snprintf(text, room, "not compared: relatives is none");
    else if (!set->compared)
        (void)snprintf(text, room,
                       "not compared: the call set has %zu common sites, fewer than "
                       "kinship_min_sites (%lld)",
                       set->common.n, (long long)least);
    else
        (void)snprintf(text, room, "%s compared at %zu common sites of %.1f Mb%s",
                       strcmp(mode, "all") == 0 ? "all pairs" : "declared pairs", set->common.n,
                       (double)bp / 1e6,
                       bp < WIDE_BP ? "; on so little of a genome only duplicates, parents and "
                                      "children can be told"
                                    : "");
}

kuni_status callset_find_kin(callset *set, kuni_error *err)
{
    const kuni_params *params = set->task->params;
    const char *mode = kuni_params_text(params, "relatives");
    const kuni_kin_options options = {.all = strcmp(mode, "all") == 0,
                                      .least = kuni_params_float(params, "kinship_least"),
                                      .min_sites =
                                          (uint32_t)kuni_params_int(params, "kinship_min_sites"),
                                      .narrow = callset_bp(set->task) < WIDE_BP};
    set->compared = callset_sees_genotypes(&set->totals) && strcmp(mode, "none") != 0 &&
                    set->common.n >= options.min_sites;
    note(set);
    if (!set->compared) return KUNI_OK;
    kuni_fingerprints *prints = NULL;
    kuni_status status = kuni_fingerprints_new(&prints, set->common.n, set->task->scratch, err);
    if (!status) status = add_prints(set, prints, err);
    if (!status)
        status = kuni_kin_find(set->samples, set->totals.n_columns, prints, &options,
                               set->task->heartbeat, &set->kin, &set->n_kin, err);
    kuni_fingerprints_free(prints);
    for (size_t i = 0; i < set->n_kin && !status; i++) {
        set->n_conflicts += strcmp(set->kin[i].verdict, "conflict") == 0;
        set->n_undeclared += strcmp(set->kin[i].verdict, "undeclared") == 0;
    }
    return status;
}
