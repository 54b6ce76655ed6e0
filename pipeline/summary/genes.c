/* SPDX-License-Identifier: MIT */
#include "genes.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"

/* Shares of bases and people that are well covered. */
static const double assessed_from = 0.9, partly_from = 0.1;

static const char not_assessed[] = "not_assessed";

static const char *const capability_names[] = {"not", "partly", "assessed"};

/* Classes, and why those that kuni does not call are not seen. */
static const struct class
{
    const char *name, *why; /* why NULL: called, and seen where reads are placed */
} classes[] = {
    {"snv", NULL},
    {"small_indel", NULL},
    {"large_indel_sv",
     "insertions longer than reads, inversions and large deletions are not called"},
    {"copy_number", "depth is not turned into copies: neither gained and lost exons nor genes"},
    {"fusion", "breakpoints between genes are not called"},
    {"repeat_expansion", "repeats longer than reads are not measured"},
    {"mitochondrial_heteroplasmy", "one genotype a person is called, no share of molecules"},
    {"paralog", NULL},
};

enum { CLASSES = sizeof(classes) / sizeof(classes[0]), PARALOG = CLASSES - 1 };

kuni_capability kuni_genes_capability(double share)
{
    return share >= assessed_from ? KUNI_CAN_ASSESS
           : share >= partly_from ? KUNI_CAN_PARTLY
                                  : KUNI_CAN_NOT;
}

typedef struct writing {
    const kuni_genes *genes;
    kuni_telling *telling;
    kuni_buffer counts, capability; /* of the feature under way */
    kuni_file *counts_file, *capability_file;
    kuni_feature_counts *by_stratum;
    uint8_t *hits;
    kuni_error *err;
} writing;

/* --- counts --- */

static void count(writing *w)
{
    const kuni_strata *strata = w->genes->strata;
    memset(w->by_stratum, 0, strata->n * sizeof(*w->by_stratum));
    for (size_t i = 0; i < strata->n_people; i++) {
        kuni_feature_counts *c = &w->by_stratum[strata->of[i]];
        uint8_t hits = w->hits[i];
        if (hits & KUNI_HITS_HOM)
            c->hom++;
        else if (hits & KUNI_HITS_HEMI)
            c->hemi++;
        else if ((hits & KUNI_HITS_HETS) >= 2)
            c->two_hits++;
        else if (hits & KUNI_HITS_HETS)
            c->het++;
    }
}

static kuni_status put_place(kuni_buffer *text, const writing *w, const kuni_feature *f)
{
    return kuni_buffer_printf(text, w->err, "%s\t%s\t%s\t%lld\t%lld", f->name, f->id,
                              kuni_genome_contig(w->genes->genome, f->tid)->name,
                              (long long)f->beg + 1, (long long)f->end);
}

static kuni_status put_number(writing *w, int64_t number, bool told)
{
    return told ? kuni_buffer_printf(&w->counts, w->err, "\t%lld", (long long)number)
                : kuni_buffer_printf(&w->counts, w->err, "\thidden");
}

static kuni_status put_cell(writing *w, const kuni_feature *f, size_t i)
{
    const kuni_strata *strata = w->genes->strata;
    const kuni_summary_cell *cell = &strata->cells[i];
    kuni_feature_counts sum = {0};
    for (uint32_t s = 0; s < cell->n; s++) {
        const kuni_feature_counts *c = &w->by_stratum[cell->strata[s]];
        sum.het += c->het;
        sum.hom += c->hom;
        sum.hemi += c->hemi;
        sum.two_hits += c->two_hits;
    }
    bool carriers = w->telling->told[i] & KUNI_DISCLOSE_CARRIERS;
    bool all = w->telling->told[i] & KUNI_DISCLOSE_CLASSES;
    kuni_status status = put_place(&w->counts, w, f);
    if (!status)
        status = kuni_buffer_printf(
            &w->counts, w->err, "\tsnv_small_indel\t%s\t%s\t%s\t%u",
            kuni_strata_group(strata, cell->group), kuni_strata_sex(cell->sex),
            cell->role == KUNI_SUMMARY_ANY ? "all" : kuni_strata_role(cell->role), cell->people);
    if (!status) status = put_number(w, sum.het + sum.hom + sum.hemi + sum.two_hits, carriers);
    if (!status) status = put_number(w, sum.het, all);
    if (!status) status = put_number(w, sum.hom, all);
    if (!status) status = put_number(w, sum.hemi, all);
    if (!status) status = put_number(w, sum.two_hits, all);
    return status ? status : kuni_buffer_append(&w->counts, "\n", 1, w->err);
}

/* A row of a class that is not seen. */
static kuni_status put_unseen(writing *w, const kuni_feature *f, const char *class)
{
    kuni_status status = put_place(&w->counts, w, f);
    if (!status)
        status = kuni_buffer_printf(&w->counts, w->err, "\t%s\tall\tall\tall\t%u", class,
                                    w->genes->strata->cells[0].people);
    for (int i = 0; i < 5 && !status; i++)
        status = kuni_buffer_printf(&w->counts, w->err, "\t%s", not_assessed);
    return status ? status : kuni_buffer_append(&w->counts, "\n", 1, w->err);
}

static kuni_status put_counts(writing *w, uint32_t number, kuni_sweeps *sweeps,
                              kuni_capability capability)
{
    const kuni_feature *f = &w->genes->features->features[number];
    kuni_status status = KUNI_OK;
    if (capability == KUNI_CAN_NOT) {
        status = put_unseen(w, f, "snv_small_indel");
    } else {
        status = kuni_sweeps_take(sweeps, number, w->hits, w->err);
        if (status) return status;
        count(w);
        status = kuni_telling_feature(w->telling, w->genes->identities[number], w->by_stratum,
                                      w->genes->journal, w->err);
        for (size_t i = 0; i < w->genes->strata->n_cells && !status; i++)
            status = put_cell(w, f, i);
    }
    for (int i = 0; i < PARALOG && !status; i++)
        if (classes[i].why) status = put_unseen(w, f, classes[i].name);
    return status;
}

/* --- capability --- */

static kuni_status put_capability(writing *w, uint32_t number, double share,
                                  kuni_capability capability)
{
    const kuni_feature *f = &w->genes->features->features[number];
    static const char *const by_share[] = {"fewer than a tenth of bases have good genotypes",
                                           "a part of the bases has good genotypes",
                                           "bases have good genotypes"};
    static const char *const apart[] = {"copies elsewhere are not told apart",
                                        "copies elsewhere are told apart in a part",
                                        "copies elsewhere are told apart"};
    kuni_status status = KUNI_OK;
    for (int i = 0; i < CLASSES && !status; i++) {
        kuni_capability it = classes[i].why ? KUNI_CAN_NOT : capability;
        status = put_place(&w->capability, w, f);
        if (!status)
            status = kuni_buffer_printf(&w->capability, w->err, "\t%s\t%s\t%.3f\t%s\n",
                                        classes[i].name, capability_names[it], share,
                                        classes[i].why ? classes[i].why
                                        : i == PARALOG ? apart[it]
                                                       : by_share[it]);
    }
    return status;
}

static kuni_status write_out(kuni_file *file, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = kuni_file_write(file, text->data, text->length, err);
    kuni_buffer_clear(text);
    return status;
}

static kuni_status put_features(writing *w, kuni_sweeps *sweeps)
{
    const kuni_genes *g = w->genes;
    kuni_status status = kuni_buffer_printf(&w->counts, w->err, "%s##features=%s\n", g->heading,
                                            g->features->digest);
    if (!status) status = kuni_table_head(&kuni_table_genes, &w->counts, w->err);
    if (!status)
        status = kuni_buffer_printf(&w->capability, w->err, "%s##features=%s\n", g->heading,
                                    g->features->digest);
    if (!status) status = kuni_table_head(&kuni_table_capability, &w->capability, w->err);
    for (uint32_t i = 0; i < g->features->n && !status; i++) {
        double all = (double)g->features->features[i].bp * (double)g->people[i];
        double share = all > 0 ? (double)sweeps->covered[i] / all : 0;
        kuni_capability capability = kuni_genes_capability(share);
        status = put_counts(w, i, sweeps, capability);
        if (!status) status = put_capability(w, i, share, capability);
        if (!status) status = write_out(w->counts_file, &w->counts, w->err);
        if (!status) status = write_out(w->capability_file, &w->capability, w->err);
    }
    return status;
}

kuni_status kuni_genes_write(const kuni_genes *genes, kuni_sweeps *sweeps, kuni_telling *telling,
                             const char *counts_path, const char *capability_path, kuni_error *err)
{
    writing w = {.genes = genes,
                 .telling = telling,
                 .by_stratum = kuni_alloc(genes->strata->n + 1, sizeof(*w.by_stratum), err),
                 .hits = kuni_alloc(genes->strata->n_people + 1, 1, err),
                 .err = err};
    kuni_status status = w.by_stratum && w.hits ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_file_create(&w.counts_file, counts_path, err);
    if (!status) status = kuni_file_create(&w.capability_file, capability_path, err);
    if (!status) status = put_features(&w, sweeps);
    if (!status) {
        status = kuni_file_commit(w.counts_file, err);
        w.counts_file = NULL;
    }
    if (!status) {
        status = kuni_file_commit(w.capability_file, err);
        w.capability_file = NULL;
    }
    kuni_file_discard(w.counts_file);
    kuni_file_discard(w.capability_file);
    kuni_buffer_fini(&w.counts);
    kuni_buffer_fini(&w.capability);
    free(w.by_stratum);
    free(w.hits);
    return status;
}
