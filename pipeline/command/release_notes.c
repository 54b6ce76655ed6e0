/* SPDX-License-Identifier: MIT */
/* What of a release are words: how it was made and counted, and what is not in it. */
#include "release_tables.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "kuni/file.h"

static int64_t bases_of(const kuni_regions *regions)
{
    int64_t bp = 0;
    for (size_t i = 0; i < regions->n_spans; i++)
        bp += regions->spans[i].end - regions->spans[i].beg;
    return bp;
}

static kuni_status put_failures(const kuni_release_tables *t, kuni_buffer *text, kuni_error *err)
{
    const kuni_release_plan *p = t->plan;
    int64_t asked = bases_of(&p->regions);
    kuni_status status = kuni_buffer_printf(text, err, "%s", t->heading.data);
    if (!status) status = kuni_table_head(&kuni_table_failures, text, err);
    if (!status) status = kuni_release_put_left_out(p, text, err);
    if (!status && asked > p->bp)
        status = kuni_buffer_printf(text, err,
                                    "regions\tnot_in_dataset\t%lld\tbases that were asked for, at "
                                    "least, and that the dataset does not cover\n",
                                    (long long)(asked - p->bp));
    if (!status && p->request.features && t->features.n_foreign)
        status = kuni_buffer_printf(text, err,
                                    "features\tother_contig\t%zu\tlines of the file of features on "
                                    "contigs that the reference has not\n",
                                    t->features.n_foreign);
    return status;
}

static const char notes_text[] =
    "\n"
    "Counts are of participants, one sample each. They are made of the records of the calls: of "
    "all called\n"
    "genotypes (raw) and of good ones (adj: GQ >= 20; DP >= 10, or 5 where there is one copy; in a "
    "heterozygote a\n"
    "fifth of DP for each allele that is not the reference). A genotype that lacks GQ, DP or AD is "
    "not adj.\n"
    "FILTER is told and removes nothing, but in counts by feature, which are of records that "
    "pass.\n"
    "dictionary.tsv tells of each column of each table; failures.tsv of what is not here.\n"
    "\n"
    "## What these data do not say\n"
    "\n"
    "- An allele that is not in a table may be carried by nobody, or by few: the two are not told "
    "apart where\n"
    "  there is a threshold.\n"
    "- Short variants alone are called: a fusion, an exon lost or gained, a long repeat, a copy of "
    "SMN1 is\n"
    "  not_assessed, which is not 0.\n"
    "- Two hits in a gene are two alleles of a person; whether on one copy or on both is not "
    "known.\n"
    "- Genomes name their owners to whoever holds another copy of them: pseudonyms and thresholds "
    "lower the\n"
    "  chance to be found, and are no anonymity. Whether a use is lawful is not for a program to "
    "say.\n";

/* What was released before, and whom that keeps out. */
static kuni_status put_not_counted(const kuni_release_tables *t, kuni_buffer *text, kuni_error *err)
{
    const kuni_request *q = &t->plan->request;
    size_t n = t->plan->selection.out[KUNI_OUT_NOT_COUNTED];
    if (!kuni_release_is_weighed(q) || q->threshold <= 1) return KUNI_OK;
    if (!n) return kuni_buffer_printf(text, err, "Everybody who is eligible is counted.\n");
    kuni_status status = n < (size_t)q->threshold ? kuni_buffer_printf(text, err, "Fewer than %lld",
                                                                       (long long)q->threshold)
                                                  : kuni_buffer_printf(text, err, "%zu", n);
    if (status) return status;
    return kuni_buffer_printf(
        text, err,
        " of those who are eligible are not counted: what was released before "
        "less this would tell of\nfewer than %lld people.\n",
        (long long)q->threshold);
}

static kuni_status put_notes(const kuni_release_tables *t, kuni_buffer *text, kuni_error *err)
{
    const kuni_request *q = &t->plan->request;
    kuni_status status = kuni_buffer_printf(
        text, err,
        "# %s\n\nFor %s, %s use; form %s; generation %lld of the dataset; made by kuni.\n\n",
        q->name, q->recipient, kuni_use_name(q->commercial),
        kuni_form_name((kuni_release_form)q->form), (long long)t->plan->selection.generation);
    if (!status && q->threshold > 1)
        status = kuni_buffer_printf(text, err,
                                    "Counts of 1 to %lld participants are not told, nor what they "
                                    "would follow from: \"hidden\", or "
                                    "no row.\n",
                                    (long long)q->threshold - 1);
    else if (!status)
        status =
            kuni_buffer_printf(text, err, "All counts are told, of single participants too.\n");
    if (!status) status = put_not_counted(t, text, err);
    return status ? status : kuni_buffer_append(text, notes_text, strlen(notes_text), err);
}

static kuni_status put_file(const kuni_release_tables *t, const char *name, const kuni_buffer *text,
                            kuni_error *err)
{
    char *path = kuni_path_join(t->folder, name, err);
    kuni_status status = path ? kuni_file_put(path, text->data, text->length, err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_release_write_notes(const kuni_release_tables *t, kuni_error *err)
{
    kuni_buffer failures = KUNI_BUFFER_INIT, notes = KUNI_BUFFER_INIT;
    kuni_status status = put_failures(t, &failures, err);
    if (!status) status = put_notes(t, &notes, err);
    if (!status) status = put_file(t, kuni_table_failures.file, &failures, err);
    if (!status) status = put_file(t, "RELEASE_NOTES.md", &notes, err);
    kuni_buffer_fini(&failures);
    kuni_buffer_fini(&notes);
    return status;
}
