/* SPDX-License-Identifier: MIT */
#include "release_tables.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "columns.h"
#include "kuni/file.h"
#include "memory.h"
#include "transport.h"

bool kuni_release_counts(const kuni_request *q)
{
    return kuni_request_has_tables(q) || q->form == KUNI_FORM_SITES;
}

void kuni_release_table_files(const kuni_request *request,
                              const char *files[KUNI_RELEASE_TABLES_MAX])
{
    const kuni_request *q = request;
    bool named = kuni_form_has_genotypes((kuni_release_form)q->form);
    const struct {
        const char *name;
        bool there;
    } all[] = {{"freq.tsv.gz", true},
               {"freq.tsv.gz.csi", true},
               {"cases_controls.tsv.gz", q->cases && q->controls},
               {"cases_controls.tsv.gz.csi", q->cases && q->controls},
               {"gene_counts.tsv", q->features},
               {"feature_capability.tsv", q->features},
               {"samples.tsv", named},
               {"sample_summary.tsv", true},
               {"failures.tsv", true},
               {"dictionary.tsv", true},
               {"RELEASE_NOTES.md", true}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && kuni_request_has_tables(q); i++)
        if (all[i].there) files[n++] = all[i].name;
    files[n] = NULL;
}

/* --- of the exporter: a piece of the genome --- */

kuni_status kuni_release_part_of(kuni_buffer *part, const char *path, size_t number,
                                 kuni_error *err)
{
    return path ? kuni_buffer_printf(part, err, "%s.part%zu", path, number) : KUNI_OK;
}

static kuni_status begin_piece(void *context, size_t number, kuni_error *err)
{
    kuni_release_tables *t = context;
    kuni_buffer freq = KUNI_BUFFER_INIT, cases = KUNI_BUFFER_INIT, sweep = KUNI_BUFFER_INIT,
                told = KUNI_BUFFER_INIT;
    kuni_status status = kuni_release_part_of(&freq, t->freq, number, err);
    if (!status) status = kuni_release_part_of(&cases, t->cases, number, err);
    if (!status) status = kuni_release_part_of(&sweep, t->sweep, number, err);
    if (!status) status = kuni_release_part_of(&told, t->told, number, err);
    const kuni_summary_paths paths = {
        .freq = freq.data, .cases = cases.data, .sweep = sweep.data, .told = told.data};
    if (!status) status = kuni_summary_begin(&t->piece, &t->counts, &paths, number == 0, err);
    kuni_buffer_fini(&freq);
    kuni_buffer_fini(&cases);
    kuni_buffer_fini(&sweep);
    kuni_buffer_fini(&told);
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

static bool pass_tells(const void *context, int alt)
{
    const kuni_release_tables *t = context;
    return kuni_summary_tells(t->piece, alt);
}

static void pass_covered(void *context, kuni_span span, int copies, int gq, uint32_t dp)
{
    kuni_release_tables *t = context;
    kuni_summary_covered(t->piece, span, copies, gq, dp);
}

/* --- the whole --- */

/* A cell's identity is that of its people. */
static void identify(const kuni_release_tables *t, kuni_disclosure_setup *setup,
                     kuni_disclosure_cell *cells, uint64_t *strata, uint32_t *people)
{
    const kuni_selection *s = &t->plan->selection;
    for (size_t i = 0; t->strata.of && i < s->n; i++)
        strata[t->strata.of[i]] += kuni_disclosure_text(setup->secret, s->people[i].participant);
    for (size_t i = 0; i < t->strata.n; i++) people[i] = t->strata.strata[i].people;
    for (size_t i = 0; i < t->strata.n_cells; i++) {
        const kuni_summary_cell *cell = &t->strata.cells[i];
        cells[i] = (kuni_disclosure_cell){.strata = cell->strata, .n = cell->n};
        for (uint32_t j = 0; j < cell->n; j++) cells[i].identity += strata[cell->strata[j]];
    }
}

static kuni_status open_disclosure(kuni_release_tables *t, kuni_error *err)
{
    size_t n = t->strata.n, n_cells = t->strata.n_cells;
    kuni_disclosure_cell *cells = kuni_alloc(n_cells + 1, sizeof(*cells), err);
    uint64_t *identities = kuni_alloc(n + 1, sizeof(*identities), err);
    uint32_t *people = kuni_alloc(n + 1, sizeof(*people), err);
    kuni_disclosure_setup setup = {.threshold = t->plan->request.threshold,
                                   .n_strata = n,
                                   .people = people,
                                   .n_cells = n_cells,
                                   .cells = cells,
                                   .by_chance = true};
    uint32_t *labels = kuni_alloc(n + 1, sizeof(*labels), err);
    kuni_status status = cells && identities && people && labels ? KUNI_OK : KUNI_MEMORY;
    memcpy(setup.secret, t->plan->past.secret, sizeof(setup.secret));
    if (kuni_release_is_weighed(&t->plan->request)) {
        for (size_t i = 0; i < n && labels; i++) labels[i] = t->strata.strata[i].label;
        setup.past = t->plan->past.told;
        setup.labels = t->plan->past.labels ? labels : NULL;
    }
    if (!status) {
        identify(t, &setup, cells, identities, people);
        status = kuni_disclosure_new(&t->discloses, &setup, err);
    }
    sodium_memzero(setup.secret, sizeof(setup.secret));
    free(labels);
    free(cells);
    free(identities);
    free(people);
    return status;
}

static kuni_status set_path(char **path, const kuni_release_tables *t, const char *name, bool there,
                            kuni_error *err)
{
    if (!there) return KUNI_OK;
    *path = kuni_path_join(t->folder, name, err);
    return *path ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status set_paths(kuni_release_tables *t, kuni_error *err)
{
    const kuni_request *q = &t->plan->request;
    bool any = kuni_request_has_tables(q);
    kuni_status status = set_path(&t->freq, t, kuni_table_freq.file, any, err);
    if (!status)
        status = set_path(&t->cases, t, kuni_table_cases.file, any && q->cases && q->controls, err);
    if (!status) status = set_path(&t->sweep, t, "features", any && q->features, err);
    if (!status) status = set_path(&t->told, t, "told", kuni_release_is_weighed(q), err);
    t->paths[0] = t->freq;
    t->paths[1] = t->cases;
    return status;
}

kuni_status kuni_release_tables_init(kuni_release_tables *t, const kuni_release_plan *plan,
                                     const char *folder, kuni_error *err)
{
    const kuni_request *q = &plan->request;
    *t = (kuni_release_tables){.plan = plan, .folder = folder};
    kuni_status status = set_paths(t, err);
    const uint32_t *labels = kuni_release_is_weighed(q) ? plan->past.labels : NULL;
    if (!status) status = kuni_release_strata(&t->strata, q, &plan->selection, labels, err);
    if (!status) status = open_disclosure(t, err);
    if (!status && t->sweep)
        status = kuni_features_read(&t->features, q->features, plan->genome, err);
    t->counts = (kuni_summary_plan){.strata = &t->strata,
                                    .discloses = t->discloses,
                                    .features = t->sweep ? &t->features : NULL,
                                    .all_sites = q->all_sites,
                                    .reference = plan->workflow.reference};
    t->aside = (kuni_export_aside){.context = t,
                                   .paths = t->paths,
                                   .begin = begin_piece,
                                   .end = end_piece,
                                   .abandon = abandon_piece};
    t->pass = (joint_pass){.context = t,
                           .only_varying = !q->all_sites,
                           .header = pass_header,
                           .record = pass_record,
                           .flush = pass_flush,
                           .covered = t->sweep ? pass_covered : NULL};
    return status;
}

void kuni_release_tables_ask(const kuni_release_tables *t, kuni_rewriting *rewriting)
{
    rewriting->tells = pass_tells;
    rewriting->context = t;
}

void kuni_release_tables_fini(kuni_release_tables *t)
{
    kuni_strata_fini(&t->strata);
    kuni_disclosure_free(t->discloses);
    kuni_features_fini(&t->features);
    kuni_buffer_fini(&t->heading);
    kuni_buffer_fini(&t->contigs);
    free(t->feature_people);
    free(t->freq);
    free(t->cases);
    free(t->sweep);
    free(t->told);
    free(t->feature_identities);
    kuni_buffer_fini(&t->journal);
}

/* Names, lengths and letters of all contigs: tables of another reference are not added up. */
static kuni_status digest_reference(kuni_genome *genome, char hex[KUNI_DIGEST_HEX_BYTES],
                                    kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    kuni_status status = digest ? KUNI_OK : KUNI_MEMORY;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome) && !status; tid++) {
        char md5[33];
        status = kuni_genome_md5(genome, tid, md5, err);
        if (status) break;
        kuni_digest_add_text(digest, kuni_genome_contig(genome, tid)->name);
        kuni_digest_add_text(digest, md5);
    }
    if (status)
        kuni_digest_free(digest);
    else
        kuni_digest_finish(digest, hex);
    return status;
}

static kuni_status expect_people(kuni_release_tables *t, const kuni_ploidy *ploidy, kuni_error *err)
{
    const kuni_selection *s = &t->plan->selection;
    uint32_t by_sex[3] = {0};
    t->feature_people = kuni_alloc(t->features.n + 1, sizeof(*t->feature_people), err);
    if (!t->feature_people) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++) by_sex[s->people[i].sex]++;
    for (size_t i = 0; i < t->features.n; i++)
        for (int sex = 0; sex < 3; sex++) {
            int64_t until;
            const kuni_feature *f = &t->features.features[i];
            if (kuni_ploidy_at(ploidy, f->tid, f->beg, (kuni_sex)sex, &until) > 0)
                t->feature_people[i] += by_sex[sex];
        }
    return KUNI_OK;
}

kuni_status kuni_release_tables_use(kuni_release_tables *t, const kuni_exporter *x, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_buffer_clear(&t->heading);
    kuni_status status = digest_reference(x->run->genome, hex, err);
    if (!status)
        status = kuni_buffer_printf(
            &t->heading, err,
            "##kuni=tables-1\n##reference=%s\n##definitions=%d\n##threshold=%lld\n", hex,
            KUNI_TALLY_DEFINITIONS, (long long)t->plan->request.threshold);
    kuni_buffer_clear(&t->contigs);
    for (int32_t tid = 0; tid < kuni_genome_contig_count(x->run->genome) && !status; tid++)
        status = kuni_buffer_printf(&t->contigs, err, "%s%s", tid ? "," : "",
                                    kuni_genome_contig(x->run->genome, tid)->name);
    if (!status) status = expect_people(t, x->run->ploidy, err);
    if (!status) status = kuni_release_identify_features(t, err);
    t->counts.contigs = t->contigs.data;
    t->counts.heading = t->heading.data;
    return status;
}

/* --- the end --- */

size_t kuni_release_count_parts(const char *path)
{
    size_t n = 0;
    char part[4096];
    struct stat info;
    while (snprintf(part, sizeof(part), "%s.part%zu", path, n) < (int)sizeof(part) &&
           stat(part, &info) == 0)
        n++;
    return n;
}

static kuni_status write_genes(kuni_release_tables *t, const char *const *parts, size_t n,
                               kuni_error *err)
{
    kuni_sweeps sweeps = {.n = 0};
    kuni_telling telling = {.told = NULL};
    char *counts = kuni_path_join(t->folder, kuni_table_genes.file, err);
    char *capability = kuni_path_join(t->folder, kuni_table_capability.file, err);
    t->genes.features = &t->features;
    t->genes.strata = &t->strata;
    t->genes.genome = t->plan->genome;
    t->genes.people = t->feature_people;
    t->genes.heading = t->heading.data;
    t->genes.identities = t->feature_identities;
    t->genes.journal = &t->journal;
    kuni_status status = counts && capability ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_telling_init(&telling, t->discloses, &t->strata, err);
    if (!status)
        status = kuni_sweeps_open(&sweeps, parts, n, &t->features, t->strata.n_people, err);
    if (!status) status = kuni_genes_write(&t->genes, &sweeps, &telling, counts, capability, err);
    kuni_sweeps_close(&sweeps);
    kuni_telling_fini(&telling);
    free(counts);
    free(capability);
    return status;
}

static kuni_status finish_features(kuni_release_tables *t, kuni_error *err)
{
    size_t n = kuni_release_count_parts(t->sweep), made = 0;
    char **parts = kuni_alloc(n + 1, sizeof(*parts), err);
    kuni_status status = parts ? KUNI_OK : KUNI_MEMORY;
    for (; made < n && !status; made++) {
        kuni_buffer part = KUNI_BUFFER_INIT;
        status = kuni_release_part_of(&part, t->sweep, made, err);
        parts[made] = part.data;
    }
    if (!status) status = write_genes(t, (const char *const *)parts, n, err);
    for (size_t i = 0; i < made; i++) {
        if (parts[i]) (void)unlink(parts[i]);
        free(parts[i]);
    }
    free(parts);
    return status;
}

static kuni_status write_dictionary(const kuni_release_tables *t, kuni_error *err)
{
    const char *files[KUNI_RELEASE_TABLES_MAX];
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(t->folder, "dictionary.tsv", err);
    kuni_release_table_files(&t->plan->request, files);
    kuni_status status = path ? kuni_table_dictionary(files, &text, err) : KUNI_MEMORY;
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    free(path);
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status finish_tables(kuni_release_tables *t, kuni_error *err)
{
    kuni_status status = kuni_packed_index(t->freq, err);
    if (!status && t->cases) status = kuni_packed_index(t->cases, err);
    if (!status && t->sweep) status = finish_features(t, err);
    if (!status) status = kuni_release_write_samples(t->plan, t->folder, t->heading.data, err);
    if (!status) status = kuni_release_write_notes(t, err);
    return status ? status : write_dictionary(t, err);
}

kuni_status kuni_release_tables_finish(kuni_release_tables *t, kuni_error *err)
{
    kuni_status status = t->freq ? finish_tables(t, err) : KUNI_OK;
    if (!status && t->told) status = kuni_release_tell(t, err);
    return status;
}
