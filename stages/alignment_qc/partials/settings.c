/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

bool kuni_qc_is_autosome(const kuni_params *params, const char *contig)
{
    const char *list = kuni_params_text(params, "autosomes");
    if (list && *list) {
        size_t length = strlen(contig);
        for (const char *name = list; *name; name += strcspn(name, "\n"), name += *name == '\n')
            if (strcspn(name, "\n") == length && strncmp(name, contig, length) == 0) return true;
        return false;
    }
    int chromosome = kuni_human_chromosome(contig);
    return chromosome > 0 && chromosome < KUNI_HUMAN_X;
}

kuni_qc_class kuni_qc_class_at(const kuni_task *task, int32_t tid, int64_t pos, int64_t *until)
{
    const kuni_contig *contig = kuni_genome_contig(task->genome, tid);
    *until = contig->length_bp;
    if (kuni_is_mitochondrial(contig->name)) return KUNI_QC_MITO;
    int64_t other = contig->length_bp;
    int male = kuni_ploidy_at(task->ploidy, tid, pos, KUNI_SEX_MALE, until);
    int female = kuni_ploidy_at(task->ploidy, tid, pos, KUNI_SEX_FEMALE, &other);
    if (other < *until) *until = other;
    if (*until > contig->length_bp) *until = contig->length_bp;
    if (male == 1 && female == 2) return KUNI_QC_X;
    if (male == 1 && female == 0) return KUNI_QC_Y;
    return kuni_qc_is_autosome(task->params, contig->name) ? KUNI_QC_AUTOSOME : KUNI_QC_ELSEWHERE;
}

kuni_status kuni_qc_task_panel(const kuni_task *task, kuni_qc_panel **panel, kuni_error *err)
{
    const char *bed = kuni_params_text(task->params, "contamination_panel");
    *panel = NULL;
    return bed && *bed ? kuni_qc_panel_read(panel, bed, task->genome, err) : KUNI_OK;
}

kuni_qc_shape kuni_qc_task_shape(const kuni_task *task, kuni_qc_kind kind, int64_t batch,
                                 const kuni_qc_panel *panel)
{
    return (kuni_qc_shape){.kind = kind,
                           .n_contigs = (uint32_t)kuni_genome_contig_count(task->genome),
                           .n_sites = panel ? (uint32_t)panel->n_sites : 0,
                           .n_samples = (uint32_t)task->batches[batch].n_samples};
}
