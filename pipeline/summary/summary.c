/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "columns.h"
#include "sweep.h"
#include "telling.h"

struct kuni_summary_piece {
    const kuni_summary_plan *plan;
    kuni_tally tally;
    kuni_telling telling;
    kuni_packed *freq, *cases;
    kuni_sweep *sweep;
    kuni_genome *genome;
    kuni_vrs vrs;
    kuni_buffer text, cases_text, filter, journal;
    kuni_file *told;
    uint8_t *tells; /* by ALT of the record, from 1 */
    size_t tells_capacity;
};

static kuni_status open_table(kuni_summary_piece *p, kuni_packed **table, const char *path,
                              const kuni_table_kind *kind, bool first, kuni_error *err)
{
    if (!path) return KUNI_OK;
    kuni_status status = kuni_packed_open(table, path, err);
    if (status || !first) return status;
    status =
        kuni_buffer_printf(&p->text, err, "%s##contigs=%s\n", p->plan->heading, p->plan->contigs);
    if (!status) status = kuni_table_head(kind, &p->text, err);
    if (!status) status = kuni_packed_write(*table, &p->text, err);
    return status ? status : kuni_packed_flush(*table, err);
}

kuni_status kuni_summary_begin(kuni_summary_piece **made, const kuni_summary_plan *plan,
                               const kuni_summary_paths *paths, bool first, kuni_error *err)
{
    kuni_summary_piece *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return KUNI_MEMORY;
    p->plan = plan;
    kuni_tally_init(&p->tally, plan->strata);
    kuni_status status = kuni_telling_init(&p->telling, plan->discloses, plan->strata, err);
    if (!status) status = open_table(p, &p->freq, paths->freq, &kuni_table_freq, first, err);
    if (!status) status = open_table(p, &p->cases, paths->cases, &kuni_table_cases, first, err);
    if (!status && paths->sweep)
        status = kuni_sweep_begin(&p->sweep, plan->features, plan->strata, paths->sweep, err);
    if (!status && paths->told) status = kuni_file_create(&p->told, paths->told, err);
    if (!status) status = kuni_genome_open(&p->genome, plan->reference, err);
    kuni_vrs_init(&p->vrs, p->genome);
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
    kuni_packed_abandon(p->cases);
    kuni_sweep_abandon(p->sweep);
    kuni_vrs_fini(&p->vrs);
    kuni_genome_close(p->genome);
    kuni_tally_fini(&p->tally);
    kuni_telling_fini(&p->telling);
    kuni_buffer_fini(&p->text);
    kuni_buffer_fini(&p->cases_text);
    kuni_buffer_fini(&p->filter);
    kuni_buffer_fini(&p->journal);
    kuni_file_discard(p->told);
    free(p->tells);
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

static bool passes(const kuni_summary_piece *p)
{
    return strcmp(p->filter.data, "PASS") == 0 || strcmp(p->filter.data, ".") == 0;
}

static kuni_status put_allele(kuni_summary_piece *p, const bcf_hdr_t *header, const bcf1_t *record,
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
    int32_t tid = kuni_genome_find(p->genome, allele.contig);
    uint64_t number = kuni_disclosure_allele(allele.contig, allele.pos, ref, letters);
    kuni_freq_trim(&allele);
    kuni_status status = KUNI_OK;
    if (p->sweep && passes(p))
        status = kuni_sweep_allele(p->sweep, tid, record->pos, &allele, &p->tally, alt, err);
    kuni_buffer_clear(&p->journal);
    if (!status)
        status = kuni_telling_allele(&p->telling, number, &p->tally, alt, &p->journal, err);
    if (!status && p->told)
        status = kuni_file_write(p->told, p->journal.data, p->journal.length, err);
    if (!status) p->tells[alt] = p->telling.told[0] & KUNI_DISCLOSE_LOW;
    if (status || !p->telling.told[0] || !p->freq) return status;
    status = kuni_vrs_identify(&p->vrs, tid, allele.pos, (int64_t)allele.ref_length, allele.alt,
                               allele.alt_length, allele.id, err);
    if (!status) status = kuni_freq_rows(&allele, &p->tally, alt, p->telling.told, &p->text, err);
    if (!status && p->cases)
        status = kuni_cases_row(&allele, &p->tally, alt, p->telling.told, &p->cases_text, err);
    return status;
}

kuni_status kuni_summary_record(kuni_summary_piece *p, const bcf_hdr_t *header, bcf1_t *record,
                                kuni_error *err)
{
    if (bcf_unpack(record, BCF_UN_ALL) < 0)
        return kuni_fail(err, KUNI_BUG, "a record at position %lld is damaged",
                         (long long)record->pos + 1);
    kuni_status status = kuni_tally_record(&p->tally, header, record, err);
    if (!status) status = spell_filter(p, header, record, err);
    if (!status)
        status = kuni_grow((void **)&p->tells, &p->tells_capacity, record->n_allele + 1u, 1, err);
    if (!status) memset(p->tells, 0, record->n_allele + 1u);
    for (int alt = 1; alt < record->n_allele && !status; alt++) {
        char first = record->d.allele[alt][0];
        if (first == '*' || first == '<') continue;
        if (p->plan->all_sites || has_carriers(&p->tally, alt))
            status = put_allele(p, header, record, alt, err);
    }
    if (!status && p->freq) status = kuni_packed_write(p->freq, &p->text, err);
    if (!status && p->cases) status = kuni_packed_write(p->cases, &p->cases_text, err);
    return status;
}

bool kuni_summary_tells(const kuni_summary_piece *p, int alt)
{
    return p->tells[alt];
}

void kuni_summary_covered(kuni_summary_piece *p, kuni_span span, int copies, int gq, uint32_t dp)
{
    if (p->sweep && kuni_tally_is_covered(copies, gq, dp)) kuni_sweep_covered(p->sweep, span);
}

kuni_status kuni_summary_flush(kuni_summary_piece *p, kuni_error *err)
{
    kuni_status status = p->freq ? kuni_packed_flush(p->freq, err) : KUNI_OK;
    if (!status && p->cases) status = kuni_packed_flush(p->cases, err);
    if (!status && p->sweep) status = kuni_sweep_flush(p->sweep, err);
    return status;
}

kuni_status kuni_summary_end(kuni_summary_piece *p, kuni_error *err)
{
    kuni_packed *freq = p->freq, *cases = p->cases;
    kuni_sweep *sweep = p->sweep;
    kuni_file *told = p->told;
    p->freq = p->cases = NULL;
    p->sweep = NULL;
    p->told = NULL;
    kuni_status status = freq ? kuni_packed_close(freq, err) : KUNI_OK;
    if (cases && !status)
        status = kuni_packed_close(cases, err);
    else
        kuni_packed_abandon(cases);
    if (sweep && !status)
        status = kuni_sweep_end(sweep, err);
    else
        kuni_sweep_abandon(sweep);
    if (told && !status)
        status = kuni_file_commit(told, err);
    else
        kuni_file_discard(told);
    kuni_summary_abandon(p);
    return status;
}
