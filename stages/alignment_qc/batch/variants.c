/* SPDX-License-Identifier: MIT */
#include "variants.h"

#include <string.h>

#include "partials/settings.h"

enum { INDEL_BP_LESS_THAN = 50 };

static bool is_transition(char a, char b)
{
    return (a == 'A' && b == 'G') || (a == 'G' && b == 'A') || (a == 'C' && b == 'T') ||
           (a == 'T' && b == 'C');
}

/* The only base at which two alleles of equal length differ, or -1. */
static int64_t single_difference(const char *ref, const char *alt, size_t length)
{
    int64_t at = -1;
    for (size_t i = 0; i < length; i++) {
        if (ref[i] == alt[i]) continue;
        if (at >= 0) return -1;
        at = (int64_t)i;
    }
    return at;
}

void kuni_qc_count_event(const kuni_event *event, uint64_t *counts)
{
    if (event->flags & (KUNI_EVENT_CARRIED | KUNI_EVENT_FILTERED)) return;
    const char *ref = event->alleles[0];
    size_t ref_bp = strlen(ref);
    bool snv = false, insertion = false, deletion = false;
    int n_alts = 0;
    int64_t differs = -1;
    const char *substitute = NULL;
    for (int copy = 0; copy < event->ploidy && copy < 2; copy++) {
        int8_t allele = event->gt[copy];
        if (allele < 0) return; /* not fully called */
        if (allele == 0 || (copy == 1 && allele == event->gt[0])) continue;
        const char *alt = event->alleles[allele];
        if (alt[0] == '*' || alt[0] == '<') continue;
        size_t alt_bp = strlen(alt);
        n_alts++;
        if (alt_bp == ref_bp) {
            differs = single_difference(ref, alt, ref_bp);
            substitute = alt;
            snv |= differs >= 0;
        } else if (alt_bp > ref_bp) {
            insertion |= alt_bp - ref_bp < INDEL_BP_LESS_THAN;
        } else {
            deletion |= ref_bp - alt_bp < INDEL_BP_LESS_THAN;
        }
    }
    bool diploid = event->ploidy == 2, het = diploid && event->gt[0] != event->gt[1];
    if (snv) {
        counts[KUNI_QC_SNVS]++;
        counts[het ? KUNI_QC_SNVS_HET : KUNI_QC_SNVS_HOM]++;
        if (n_alts == 1)
            counts[is_transition(ref[differs], substitute[differs]) ? KUNI_QC_TRANSITIONS
                                                                    : KUNI_QC_TRANSVERSIONS]++;
    }
    counts[KUNI_QC_INSERTIONS] += insertion;
    counts[KUNI_QC_DELETIONS] += deletion;
    if (insertion || deletion) counts[het ? KUNI_QC_INDELS_HET : KUNI_QC_INDELS_HOM]++;
}

kuni_status kuni_qc_count_variants(const kuni_task_file *file, const kuni_params *params,
                                   uint64_t *const *counts, size_t n_samples, kuni_error *err)
{
    kuni_evidence_reader *reader = NULL;
    kuni_status status =
        kuni_evidence_open_part(&reader, file->path, file->offset, file->bytes, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    if (header->n_samples != n_samples) {
        status = kuni_fail(err, KUNI_DATA, "evidence: %s: has %u samples, the batch has %zu",
                           file->path, header->n_samples, n_samples);
        goto done;
    }
    if (!kuni_qc_is_autosome(params, header->contig)) goto done;
    for (size_t i = 0; i < n_samples; i++)
        if (counts[i]) counts[i][KUNI_QC_VARIANTS_SEEN]++;
    size_t n_chunks = kuni_evidence_chunk_count(reader);
    for (size_t i = 0; i < n_chunks && !status; i++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, i, KUNI_READ_EVENTS, &chunk, err);
        for (size_t k = 0; !status && k < chunk.n_events; k++) {
            const kuni_event *event = &chunk.events[k];
            if (event->sample < n_samples && counts[event->sample])
                kuni_qc_count_event(event, counts[event->sample]);
        }
    }
done:
    kuni_evidence_close(reader);
    return status;
}
