/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "freq.h"
#include "vrs.h"

struct kuni_summary_piece {
    const kuni_summary_plan *plan;
    kuni_tally tally;
    uint8_t *told; /* by cell */
    kuni_packed *freq;
    kuni_genome *genome;
    kuni_vrs vrs;
    kuni_buffer text, filter;
};

static kuni_status put_head(kuni_summary_piece *p, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(&p->text, err, "%s", p->plan->heading);
    if (!status) status = kuni_table_head(&kuni_table_freq, &p->text, err);
    if (!status) status = kuni_packed_write(p->freq, &p->text, err);
    return status ? status : kuni_packed_flush(p->freq, err);
}

kuni_status kuni_summary_begin(kuni_summary_piece **made, const kuni_summary_plan *plan,
                               const char *freq, bool first, kuni_error *err)
{
    kuni_summary_piece *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return KUNI_MEMORY;
    p->plan = plan;
    kuni_tally_init(&p->tally, plan->strata);
    p->told = kuni_alloc(plan->strata->n_cells + 1, sizeof(*p->told), err);
    kuni_status status = p->told ? kuni_packed_open(&p->freq, freq, err) : KUNI_MEMORY;
    if (!status) status = kuni_genome_open(&p->genome, plan->reference, err);
    kuni_vrs_init(&p->vrs, p->genome);
    if (!status && first) status = put_head(p, err);
    if (status)
        kuni_summary_abandon(p);
    else
        *made = p;
    return status;
}

void kuni_summary_abandon(kuni_summary_piece *p)
{
    if (!p) return;
    kuni_packed_abandon(p->freq);
    kuni_vrs_fini(&p->vrs);
    kuni_genome_close(p->genome);
    kuni_tally_fini(&p->tally);
    kuni_buffer_fini(&p->text);
    kuni_buffer_fini(&p->filter);
    free(p->told);
    free(p);
}

/* FILTER as VCF spells it. */
static kuni_status spell_filter(kuni_summary_piece *p, const bcf_hdr_t *header,
                                const bcf1_t *record, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    kuni_buffer_clear(&p->filter);
    for (int i = 0; i < record->d.n_flt && !status; i++)
        status = kuni_buffer_printf(&p->filter, err, "%s%s", i ? ";" : "",
                                    bcf_hdr_int2id(header, BCF_DT_ID, record->d.flt[i]));
    if (!status && !p->filter.length) status = kuni_buffer_append(&p->filter, ".", 1, err);
    return status;
}

static bool has_carriers(const kuni_tally *t, int alt)
{
    for (size_t s = 0; s < t->strata->n; s++)
        for (int q = 0; q < KUNI_TALLY_QUALITIES; q++)
            if (kuni_counts_carriers(kuni_tally_of(t, alt, s, q))) return true;
    return false;
}

static kuni_status put_rows(kuni_summary_piece *p, const bcf_hdr_t *header, const bcf1_t *record,
                            int alt, kuni_error *err)
{
    const char *ref = record->d.allele[0], *letters = record->d.allele[alt];
    kuni_freq_allele allele = {.contig = bcf_hdr_id2name(header, record->rid),
                               .pos = record->pos,
                               .ref = ref,
                               .ref_length = strlen(ref),
                               .alt = letters,
                               .alt_length = strlen(letters),
                               .filter = p->filter.data};
    kuni_freq_trim(&allele);
    kuni_telling_decide(&p->tally, alt, p->plan->threshold, p->told);
    if (!p->told[0]) return KUNI_OK;
    kuni_status status = kuni_vrs_identify(&p->vrs, kuni_genome_find(p->genome, allele.contig),
                                           allele.pos, (int64_t)allele.ref_length, allele.alt,
                                           allele.alt_length, allele.id, err);
    if (status) return status;
    return kuni_freq_rows(&allele, &p->tally, alt, p->told, &p->text, err);
}

kuni_status kuni_summary_record(kuni_summary_piece *p, const bcf_hdr_t *header, bcf1_t *record,
                                kuni_error *err)
{
    if (bcf_unpack(record, BCF_UN_ALL) < 0)
        return kuni_fail(err, KUNI_BUG, "a record at position %lld is damaged",
                         (long long)record->pos + 1);
    kuni_status status = kuni_tally_record(&p->tally, header, record, err);
    if (!status) status = spell_filter(p, header, record, err);
    for (int alt = 1; alt < record->n_allele && !status; alt++) {
        char first = record->d.allele[alt][0];
        if (first == '*' || first == '<') continue;
        if (p->plan->all_sites || has_carriers(&p->tally, alt))
            status = put_rows(p, header, record, alt, err);
    }
    return status ? status : kuni_packed_write(p->freq, &p->text, err);
}

kuni_status kuni_summary_flush(kuni_summary_piece *p, kuni_error *err)
{
    return kuni_packed_flush(p->freq, err);
}

kuni_status kuni_summary_end(kuni_summary_piece *p, kuni_error *err)
{
    kuni_status status = kuni_packed_close(p->freq, err);
    p->freq = NULL;
    kuni_summary_abandon(p);
    return status;
}
