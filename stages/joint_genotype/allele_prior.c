/* SPDX-License-Identifier: MIT */
#include "allele_prior.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/variant_prior.h"

struct joint_allele_priors {
    kuni_genome *genome;
    double snp, indel;
    double *by_slot;
    size_t capacity;
    char *sequence; /* of the chunk and a little behind it; NULL: not read */
    int64_t beg, length;
};

joint_allele_priors *joint_allele_priors_new(kuni_genome *genome, double snp_heterozygosity,
                                             double indel_heterozygosity, kuni_error *err)
{
    joint_allele_priors *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return NULL;
    *p = (joint_allele_priors){
        .genome = genome, .snp = snp_heterozygosity, .indel = indel_heterozygosity};
    return p;
}

void joint_allele_priors_free(joint_allele_priors *p)
{
    if (!p) return;
    free(p->by_slot);
    free(p->sequence);
    free(p);
}

static kuni_status prior_of(joint_allele_priors *p, const joint_sites *sites, int32_t tid,
                            const joint_site *site, const joint_alt *alt, double *prior,
                            kuni_error *err)
{
    if (alt->ref_length == 1 && alt->alt_length == 1) {
        *prior = kuni_snp_prior(p->snp, alt->ref[0], alt->alt[0]);
        return KUNI_OK;
    }
    if (!p->sequence) {
        kuni_span span = {.tid = tid, .beg = sites->beg, .end = sites->end + KUNI_REPEAT_LOOK_BP};
        kuni_status status = kuni_genome_fetch(p->genome, span, &p->sequence, &p->length, err);
        if (status) return status;
        p->beg = sites->beg;
    }
    *prior = kuni_indel_prior(p->indel, p->sequence, p->length, site->pos + 1 - p->beg,
                              alt->ref_length, alt->alt, alt->alt_length);
    return KUNI_OK;
}

const double *joint_allele_priors_of(joint_allele_priors *p, const joint_sites *sites, int32_t tid,
                                     kuni_error *err)
{
    free(p->sequence);
    p->sequence = NULL;
    kuni_status status = kuni_grow((void **)&p->by_slot, &p->capacity, (size_t)sites->n_slots + 1,
                                   sizeof(*p->by_slot), err);
    if (status) return NULL;
    memset(p->by_slot, 0, ((size_t)sites->n_slots + 1) * sizeof(*p->by_slot));
    for (uint32_t i = 0; i < sites->n_sites && !status; i++) {
        const joint_site *site = &sites->sites[i];
        for (uint32_t k = 0; k < site->all_alts && !status; k++) {
            const joint_alt *alt = &sites->alts[site->first_alt + k];
            if (alt->number > 0)
                status = prior_of(p, sites, tid, site, alt,
                                  &p->by_slot[site->slot + (uint32_t)alt->number], err);
        }
    }
    return status ? NULL : p->by_slot;
}
