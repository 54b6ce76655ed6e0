/* SPDX-License-Identifier: MIT */
#include "release_make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter.h"
#include "kuni/file.h"
#include "pseudonym.h"
#include "release_deliver.h"
#include "release_tables.h"
#include "temporary.h"
#include "transport.h"

/* A release under way. */
typedef struct making {
    kuni_release_plan *plan;
    const char *out; /* where it will stand */
    char *folder;    /* where it is made: beside that */
    int64_t jobs;
    kuni_buffer samples, fields, regions; /* as the exporter takes them */
    const char **names;                   /* of columns */
    int32_t *from;                        /* column -> number of the exported one */
    kuni_buffer *faults;
    kuni_error *err;
} making;

/* Tables alone name nobody: they need no key, and have no linkage. */
static bool has_names(const making *m)
{
    return kuni_release_has_names(&m->plan->request);
}

/* --- what cannot be, or not yet --- */

static kuni_status refuse(const making *m)
{
    const kuni_request *q = &m->plan->request;
    const kuni_selection *s = &m->plan->selection;
    if (has_names(m) && (!q->key || !q->linkage))
        return kuni_fail(
            m->err, KUNI_USAGE,
            "%s: a release needs 'pseudonyms: {key: FILE, linkage: FILE}' (`kuni release "
            "--new-key FILE` makes a key)",
            q->path);
    if (!s->n && !s->out[KUNI_OUT_NOT_COUNTED])
        return kuni_fail(m->err, KUNI_DATA,
                         "nobody is eligible: `kuni release --dry-run %s` says why", q->path);
    size_t waiting = s->out[KUNI_OUT_NOT_COUNTED];
    if (s->n + waiting < (size_t)q->threshold) waiting = 0;
    if (q->form >= KUNI_FORM_SITES && s->n < (size_t)q->threshold)
        return kuni_fail(m->err, KUNI_DATA,
                         "fewer people %s than the threshold of %lld: their sites and counts would "
                         "tell of them%s",
                         waiting ? "can be counted after what was released before" : "are eligible",
                         (long long)q->threshold,
                         waiting ? " (`kuni release --dry-run` tells who is not counted)" : "");
    return KUNI_OK;
}

/* Rank 0. */
static kuni_status open_folder(const making *m)
{
    struct stat info;
    if (lstat(m->out, &info) == 0)
        return kuni_fail(m->err, KUNI_USAGE,
                         "--out %s stands there already: a release is never written over", m->out);
    /* Its folder stands, and the release does not: so it lies apart. */
    kuni_status status = kuni_release_can_deliver(m->plan, m->err);
    if (status) return status;
    if (mkdir(m->folder, 0750) == 0) return KUNI_OK;
    return errno == EEXIST
               ? kuni_fail(m->err, KUNI_USAGE,
                           "%s is being made, or was left by a run that was stopped: remove it",
                           m->folder)
               : kuni_fail_errno(m->err, "cannot make %s", m->folder);
}

/* --- calls --- */

static kuni_status join(kuni_buffer *text, const char *word, kuni_error *err)
{
    return kuni_buffer_printf(text, err, "%s%s", text->length ? "," : "", word);
}

static kuni_status spell(making *m)
{
    const kuni_release_plan *p = m->plan;
    const kuni_selection *s = &p->selection;
    kuni_status status = KUNI_OK;
    m->names = kuni_alloc(s->n + 1, sizeof(*m->names), m->err);
    m->from = kuni_alloc(s->n + 1, sizeof(*m->from), m->err);
    if (!m->names || !m->from) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n && !status; i++) {
        const kuni_released *who = &s->people[i]; /* in the order of the cohort, as exported */
        if (has_names(m)) {
            m->names[who->column] = who->pseudonym;
            m->from[who->column] = (int32_t)i;
        }
        status = join(&m->samples, who->id, m->err);
    }
    for (size_t i = 0; i < p->request.columns.n && !status; i++)
        status = join(&m->fields, p->request.columns.texts[i], m->err);
    bool everywhere = !p->request.regions.n && !p->request.bed;
    for (size_t i = 0; i < p->regions.n_spans && !everywhere && !status; i++) {
        kuni_span span = p->regions.spans[i];
        status =
            kuni_buffer_printf(&m->regions, m->err, "%s%s:%lld-%lld", m->regions.length ? "," : "",
                               kuni_genome_contig(p->genome, span.tid)->name,
                               (long long)span.beg + 1, (long long)span.end);
    }
    return status;
}

/* The exporter chose by the same gate as it always does: nobody more, and nobody less. */
static kuni_status check_people(const making *m, const kuni_exporter *x)
{
    const kuni_selection *s = &m->plan->selection;
    bool same = x->n_columns == s->n;
    for (size_t i = 0; i < s->n && same; i++) {
        size_t row = s->people[i].sample;
        same = row < x->run->cohort.n_samples && x->columns[row] == (int32_t)i &&
               strcmp(x->run->cohort.samples[row].id, s->people[i].id) == 0;
    }
    return same
               ? KUNI_OK
               : kuni_fail(m->err, KUNI_AGAIN,
                           "the people of the dataset have changed while the release was made: run "
                           "the same command again");
}

/* Collective. Fields that are there for the tables alone do not get into the calls. */
static kuni_status export_through(making *m, const kuni_export_request *wanted,
                                  kuni_rewriting *rewriting, kuni_release_tables *tables)
{
    const kuni_run_options run = {.jobs = 1, .workflow = m->plan->request.workflow};
    kuni_preview preview;
    kuni_exporter x;
    kuni_status status =
        kuni_transport_agree(kuni_preview_make(&preview, &run, true, m->faults, m->err), m->err);
    if (!status) {
        status = kuni_exporter_init(&x, wanted, &preview, m->err);
        if (!status) status = check_people(m, &x);
        if (!status && tables) status = kuni_release_tables_use(tables, &x, m->err);
        rewriting->dropped = x.added;
        status = kuni_transport_agree(status, m->err);
        if (!status) status = kuni_export_calls(&x, m->err);
        rewriting->dropped = NULL;
        kuni_exporter_fini(&x);
    }
    kuni_preview_fini(&preview);
    return status;
}

/* What of the exporter's work is the same for calls and tables. */
static kuni_export_request common(making *m)
{
    kuni_export_request wanted = {.format = KUNI_EXPORT_BCF,
                                  .fields = m->fields.data,
                                  .samples = m->samples.data,
                                  .jobs = m->jobs,
                                  .quiet = true};
    if (m->regions.length) wanted.regions.texts[wanted.regions.n++] = m->regions.data;
    return wanted;
}

/* Collective. Calls, with the tables where `tables` is given. */
static kuni_status write_calls(making *m, kuni_release_tables *tables)
{
    const kuni_request *q = &m->plan->request;
    bool sites = q->form == KUNI_FORM_SITES, sparse = q->form == KUNI_FORM_SPARSE;
    kuni_rewriting rewriting = {.n = sites ? 0 : m->plan->selection.n,
                                .names = m->names,
                                .from = m->from,
                                .all_sites = q->all_sites,
                                .cohort_frequencies = q->cohort_frequencies,
                                .text = sparse};
    kuni_rewriter *rewriter = NULL;
    char *path =
        kuni_path_join(m->folder, kuni_release_files((kuni_release_form)q->form)[0], m->err);
    kuni_status status = path ? kuni_rewriter_new(&rewriter, &rewriting, m->err) : KUNI_MEMORY;
    const joint_pass pass = {.context = rewriter,
                             .only_varying = !q->all_sites,
                             .header = kuni_rewriter_header,
                             .record = kuni_rewriter_record};
    kuni_export_request wanted = common(m);
    wanted.out = path;
    wanted.pass = &pass;
    if (sparse) wanted.format = KUNI_EXPORT_SPARSE;
    if (sites && q->threshold > 1) kuni_release_tables_ask(tables, &rewriting);
    if (tables) {
        tables->rewriter = rewriter;
        wanted.pass = &tables->pass;
        wanted.aside = &tables->aside;
        wanted.quality = true;
    }
    status = kuni_transport_agree(status, m->err);
    if (!status) status = export_through(m, &wanted, &rewriting, tables);
    if (tables) tables->rewriter = NULL;
    kuni_rewriter_free(rewriter);
    free(path);
    return status;
}

/* Collective. */
static kuni_status write_tables(making *m, kuni_release_tables *tables)
{
    kuni_rewriting unused = {.n = 0};
    kuni_export_request wanted = common(m);
    wanted.out = tables->freq;
    wanted.fields = "GT";
    wanted.pass = &tables->pass;
    wanted.aside = &tables->aside;
    wanted.nothing = wanted.quality = true;
    return export_through(m, &wanted, &unused, tables);
}

/* Collective. A sparse record does not tell of everybody: its tables are made by a pass of their own. */
static kuni_status write_data(making *m)
{
    int form = m->plan->request.form;
    if (!kuni_release_counts(&m->plan->request)) return write_calls(m, NULL);
    bool apart = form == KUNI_FORM_SPARSE || form == KUNI_FORM_TABLES;
    kuni_release_tables tables;
    kuni_status status =
        kuni_transport_agree(kuni_release_tables_init(&tables, m->plan, m->folder, m->err), m->err);
    if (!status && form != KUNI_FORM_TABLES) status = write_calls(m, apart ? NULL : &tables);
    if (!status && apart) status = write_tables(m, &tables);
    if (!status && kuni_transport_rank() == 0) status = kuni_release_tables_finish(&tables, m->err);
    kuni_release_tables_fini(&tables);
    return kuni_transport_agree(status, m->err);
}

/* --- the end --- */

/* Rank 0. */
static kuni_status finish(const making *m)
{
    const kuni_request *q = &m->plan->request;
    const char *tables[KUNI_RELEASE_TABLES_MAX];
    const char *const *const files[] = {kuni_release_files((kuni_release_form)q->form), tables,
                                        NULL};
    kuni_release_table_files(q, tables);
    kuni_status status = KUNI_OK;
    if (!kuni_release_is_weighed(q))
        status = kuni_release_past_write(&m->plan->past, NULL, NULL, NULL, m->err);
    if (!status) status = kuni_release_deliver(m->plan, m->folder, files, m->out, m->err);
    if (!status) printf("%s\n", m->out);
    return status;
}

static kuni_status name_people(making *m)
{
    const kuni_request *q = &m->plan->request;
    kuni_pseudonym_key key;
    if (!has_names(m)) return spell(m);
    kuni_status status = kuni_pseudonym_read_key(&key, q->key, m->err);
    if (!status) status = kuni_pseudonyms_give(&m->plan->selection, &key, q->recipient, m->err);
    return status ? status : spell(m);
}

kuni_status kuni_release_make(kuni_release_plan *plan, const char *out, int64_t jobs,
                              kuni_buffer *faults, kuni_error *err)
{
    kuni_buffer folder = KUNI_BUFFER_INIT;
    making m = {.plan = plan, .out = out, .jobs = jobs, .faults = faults, .err = err};
    bool leads = kuni_transport_rank() == 0, made = false;
    kuni_status status = kuni_buffer_printf(&folder, err, "%s.part", out);
    m.folder = folder.data;
    if (!status) status = refuse(&m);
    if (!status) status = name_people(&m);
    if (!status && leads) {
        status = open_folder(&m);
        made = !status;
    }
    status = kuni_transport_agree(status, err);
    if (!status) status = kuni_release_past_hold(&plan->past, err);
    if (!status) status = write_data(&m);
    if (!status && leads) status = finish(&m);
    status = kuni_transport_agree(status, err);
    kuni_error ignored = KUNI_ERROR_INIT;
    if (status && made && kuni_remove_tree(m.folder, &ignored))
        fprintf(stderr, "kuni: cannot remove %s: %s\n", m.folder, ignored.text);
    kuni_buffer_fini(&m.samples);
    kuni_buffer_fini(&m.fields);
    kuni_buffer_fini(&m.regions);
    kuni_buffer_fini(&folder);
    free((void *)m.names);
    free(m.from);
    return status;
}
