/* SPDX-License-Identifier: MIT */
#include "release_tables.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "kuni/file.h"

static const char *const table_files[] = {"freq.tsv.gz", "freq.tsv.gz.csi", "dictionary.tsv", NULL};
static const char *const no_files[] = {NULL};

bool kuni_release_has_tables(const kuni_request *q)
{
    return q->tables || q->form == KUNI_FORM_TABLES;
}

const char *const *kuni_release_table_files(const kuni_request *q)
{
    return kuni_release_has_tables(q) ? table_files : no_files;
}

/* --- of the exporter: a piece of the genome --- */

static kuni_status begin_piece(void *context, size_t number, kuni_error *err)
{
    kuni_release_tables *t = context;
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&path, err, "%s.part%zu", t->freq, number);
    if (!status) status = kuni_summary_begin(&t->piece, &t->counts, path.data, number == 0, err);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status end_piece(void *context, kuni_error *err)
{
    kuni_release_tables *t = context;
    kuni_summary_piece *piece = t->piece;
    t->piece = NULL;
    return kuni_summary_end(piece, err);
}

static void abandon_piece(void *context)
{
    kuni_release_tables *t = context;
    kuni_summary_abandon(t->piece);
    t->piece = NULL;
}

/* --- of its records --- */

static kuni_status pass_header(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                               kuni_error *err)
{
    kuni_release_tables *t = context;
    if (t->rewriter) return kuni_rewriter_header(t->rewriter, made, written, err);
    *written = bcf_hdr_dup(made);
    return *written ? KUNI_OK : kuni_fail_memory(err, 1, 1);
}

static kuni_status pass_record(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                               bcf1_t **passed, kuni_error *err)
{
    kuni_release_tables *t = context;
    *passed = NULL;
    kuni_status status = kuni_summary_record(t->piece, made, record, err);
    if (status || !t->rewriter) return status;
    return kuni_rewriter_record(t->rewriter, made, written, record, passed, err);
}

static kuni_status pass_flush(void *context, kuni_error *err)
{
    kuni_release_tables *t = context;
    return kuni_summary_flush(t->piece, err);
}

/* --- the whole --- */

static kuni_status class_people(kuni_release_tables *t, kuni_error *err)
{
    const kuni_selection *s = &t->plan->selection;
    static const kuni_summary_role roles[] = {[KUNI_ROLE_NONE] = KUNI_SUMMARY_NO_ROLE,
                                              [KUNI_ROLE_CASE] = KUNI_SUMMARY_CASE,
                                              [KUNI_ROLE_CONTROL] = KUNI_SUMMARY_CONTROL};
    kuni_summary_person *people = kuni_alloc(s->n + 1, sizeof(*people), err);
    if (!people) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++)
        people[i] = (kuni_summary_person){
            .group = s->people[i].group, .sex = s->people[i].sex, .role = roles[s->people[i].role]};
    kuni_status status = kuni_strata_make(&t->strata, people, s->n, err);
    free(people);
    return status;
}

kuni_status kuni_release_tables_init(kuni_release_tables *t, const kuni_release_plan *plan,
                                     const char *folder, kuni_error *err)
{
    const kuni_request *q = &plan->request;
    *t = (kuni_release_tables){.plan = plan, .folder = folder};
    t->freq = kuni_path_join(folder, table_files[0], err);
    kuni_status status = t->freq ? class_people(t, err) : KUNI_MEMORY;
    if (!status)
        status = kuni_buffer_printf(&t->heading, err,
                                    "##kuni=tables-1\n##definitions=%d\n##threshold=%lld\n",
                                    KUNI_TALLY_DEFINITIONS, (long long)q->threshold);
    t->counts = (kuni_summary_plan){.strata = &t->strata,
                                    .threshold = q->threshold,
                                    .all_sites = q->all_sites,
                                    .reference = plan->workflow.reference,
                                    .heading = t->heading.data};
    t->paths[0] = t->freq;
    t->aside = (kuni_export_aside){.context = t,
                                   .paths = t->paths,
                                   .begin = begin_piece,
                                   .end = end_piece,
                                   .abandon = abandon_piece};
    t->pass = (joint_pass){.context = t,
                           .only_varying = !q->all_sites,
                           .header = pass_header,
                           .record = pass_record,
                           .flush = pass_flush};
    return status;
}

void kuni_release_tables_fini(kuni_release_tables *t)
{
    kuni_strata_fini(&t->strata);
    kuni_buffer_fini(&t->heading);
    free(t->freq);
}

static kuni_status write_dictionary(const kuni_release_tables *t, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(t->folder, "dictionary.tsv", err);
    kuni_status status = path ? kuni_table_dictionary(table_files, &text, err) : KUNI_MEMORY;
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    free(path);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status kuni_release_tables_finish(kuni_release_tables *t, kuni_error *err)
{
    kuni_status status = kuni_packed_index(t->freq, err);
    return status ? status : write_dictionary(t, err);
}
