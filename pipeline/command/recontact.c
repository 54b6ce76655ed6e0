/* SPDX-License-Identifier: MIT */
#include "recontact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter.h"
#include "feature_list.h"
#include "memory.h"
#include "operand.h"
#include "published.h"
#include "temporary.h"
#include "transport.h"
#include "variant.h"

enum {
    /* A record that starts so far before a variant may still have it: longer alleles stand beside it. */
    RECORD_BP_MOST = 2000
};

/* Somebody in the call set. */
typedef struct person {
    const char *participant, *id, *custodian; /* borrowed from the cohort; the last may be NULL */
    bool member, agreed, carries;
} person;

/* Somebody has an allele. */
typedef struct finding {
    uint32_t person;
    char *text; /* the rest of the line */
} finding;

typedef struct looking {
    const kuni_recontact_request *request;
    kuni_recontact_result *result;
    kuni_memory memory;
    kuni_release_list releases;
    kuni_members members;
    kuni_genome *genome; /* the run's */
    kuni_variant *wanted;
    kuni_features features;
    kuni_span *spans; /* of the named features */
    size_t n_spans, spans_capacity;
    kuni_buffer regions;
    person *people; /* by column */
    size_t n;
    finding *findings;
    size_t n_findings, findings_capacity;
    kuni_variant allele;
    int32_t *genotypes, *gq, *dp;
    int genotypes_room, gq_room, dp_room;
    kuni_buffer *faults;
    kuni_error *err;
} looking;

/* --- the release --- */

static kuni_status find_release(looking *l, const char *dataset)
{
    struct stat info;
    char hex[KUNI_DIGEST_HEX_BYTES];
    const char *given = l->request->release;
    bool is_folder = stat(given, &info) == 0 && S_ISDIR(info.st_mode);
    char *path =
        is_folder ? kuni_path_join(given, "release.json", l->err) : kuni_strdup(given, l->err);
    kuni_status status = path ? kuni_digest_file(path, hex, l->err) : KUNI_MEMORY;
    free(path);
    if (!status) status = kuni_memory_open(&l->memory, dataset, false, l->err);
    if (!status) status = kuni_release_list_read(&l->releases, dataset, l->err);
    if (status) return status;
    for (size_t i = 0; i < l->releases.n; i++) {
        const kuni_release_entry *e = &l->releases.entries[i];
        if (strcmp(e->digest, hex) != 0) continue;
        l->result->released = e->generation;
        l->result->name = kuni_strdup(e->name, l->err);
        l->result->recipient = kuni_strdup(e->recipient, l->err);
        status = kuni_members_read(&l->members, &l->memory, e, l->err);
        l->result->members = l->members.n;
        return status;
    }
    return kuni_fail(l->err, KUNI_USAGE,
                     "%s is no release that the dataset has in its history, or it was changed",
                     given);
}

/* --- what is looked for --- */

static kuni_status add_region(looking *l, kuni_span span)
{
    int64_t beg = span.beg > RECORD_BP_MOST ? span.beg - RECORD_BP_MOST : 0;
    return kuni_buffer_printf(&l->regions, l->err, "%s%s:%lld-%lld", l->regions.length ? "," : "",
                              kuni_genome_contig(l->genome, span.tid)->name, (long long)beg + 1,
                              (long long)span.end);
}

static kuni_status want_variants(looking *l)
{
    const kuni_recontact_request *r = l->request;
    kuni_status status = KUNI_OK;
    l->wanted = kuni_alloc(r->n_variants + 1, sizeof(*l->wanted), l->err);
    if (!l->wanted) return KUNI_MEMORY;
    for (size_t i = 0; i < r->n_variants && !status; i++) {
        kuni_variant *v = &l->wanted[i];
        status = kuni_variant_parse(v, l->genome, r->variants[i], l->err);
        if (!status) status = add_region(l, (kuni_span){v->tid, v->pos, v->pos + 1});
    }
    return status;
}

static kuni_status want_feature(looking *l, const char *name)
{
    bool found = false;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < l->features.n_spans && !status; i++) {
        const kuni_feature_span *at = &l->features.spans[i];
        const kuni_feature *feature = &l->features.features[at->feature];
        if (strcmp(feature->name, name) != 0 && strcmp(feature->id, name) != 0) continue;
        found = true;
        status = kuni_grow((void **)&l->spans, &l->spans_capacity, l->n_spans + 1,
                           sizeof(*l->spans), l->err);
        if (!status) l->spans[l->n_spans++] = at->span;
        if (!status) status = add_region(l, at->span);
    }
    return found
               ? status
               : kuni_fail(l->err, KUNI_USAGE, "%s has no feature %s", l->request->features, name);
}

static kuni_status want_features(looking *l)
{
    const kuni_recontact_request *r = l->request;
    if (!r->features) return KUNI_OK;
    kuni_status status = kuni_features_read(&l->features, r->features, l->genome, l->err);
    for (size_t i = 0; i < r->n_names && !status; i++) status = want_feature(l, r->names[i]);
    return status;
}

static bool is_within(const looking *l, const kuni_variant *allele)
{
    kuni_span changes = kuni_variant_changes(allele);
    for (size_t i = 0; i < l->n_spans; i++) {
        const kuni_span *s = &l->spans[i];
        bool inserts = changes.beg == changes.end;
        if (s->tid == changes.tid && changes.beg < s->end &&
            (inserts ? changes.beg > s->beg : changes.end > s->beg))
            return true;
    }
    return false;
}

static bool is_wanted(const looking *l, const kuni_variant *allele)
{
    for (size_t i = 0; i < l->request->n_variants; i++)
        if (kuni_variants_equal(&l->wanted[i], allele)) return true;
    return is_within(l, allele);
}

/* --- people --- */

/* Agreed: one sample of the participant says so, and none says no. */
static kuni_status note_answers(kuni_names *yes, kuni_names *no, const kuni_cohort *cohort,
                                kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        if (cohort->people[i].state == KUNI_PERSON_ERASED) continue;
        const char *answer = kuni_person_fact(&cohort->people[i], KUNI_FACT_RECONTACT);
        if (!answer) continue;
        status = kuni_names_add(strcmp(answer, "yes") == 0 ? yes : no,
                                cohort->samples[i].participant, 0, err);
    }
    return status;
}

static kuni_status know_people(looking *l, const kuni_exporter *x)
{
    const kuni_cohort *cohort = &x->run->cohort;
    kuni_names yes = {.table = NULL}, no = {.table = NULL}, gone = {.table = NULL};
    size_t here = 0;
    l->n = x->n_columns;
    l->people = kuni_alloc(l->n + 1, sizeof(*l->people), l->err);
    kuni_status status = l->people ? note_answers(&yes, &no, cohort, l->err) : KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        const kuni_sample *sample = &cohort->samples[i];
        const kuni_person *known = &cohort->people[i];
        if (known->state == KUNI_PERSON_ERASED) continue;
        bool member = kuni_members_find(&l->members, &l->memory, sample->participant) >= 0;
        if (member && known->state == KUNI_PERSON_WITHDRAWN &&
            kuni_names_find(&gone, sample->participant) < 0) {
            status = kuni_names_add(&gone, sample->participant, 0, l->err);
            l->result->withdrawn++;
        }
        if (x->columns[i] < 0) continue;
        here += member;
        l->people[x->columns[i]] =
            (person){.participant = sample->participant,
                     .id = sample->id,
                     .custodian = kuni_person_fact(known, KUNI_FACT_CUSTODIAN),
                     .member = member,
                     .agreed = kuni_names_find(&yes, sample->participant) >= 0 &&
                               kuni_names_find(&no, sample->participant) < 0};
    }
    size_t out = l->result->members - here;
    /* of whom one sample has withdrawn and another has not */
    if (l->result->withdrawn > out) l->result->withdrawn = out;
    l->result->gone = out - l->result->withdrawn;
    kuni_names_fini(&yes);
    kuni_names_fini(&no);
    kuni_names_fini(&gone);
    return status;
}

/* --- records --- */

/* Copies of the allele in a genotype; *called counts the copies of all. */
static int copies_of(const looking *l, size_t column, int per_sample, int allele, int *called)
{
    const int32_t *gt = l->genotypes + column * (size_t)per_sample;
    int copies = 0;
    for (int i = 0; i < per_sample && gt[i] != bcf_int32_vector_end; i++) {
        if (bcf_gt_is_missing(gt[i])) continue;
        ++*called;
        copies += bcf_gt_allele(gt[i]) == allele;
    }
    return copies;
}

static kuni_status spell_genotype(const looking *l, kuni_buffer *line, size_t column,
                                  int per_sample, int allele)
{
    const int32_t *gt = l->genotypes + column * (size_t)per_sample;
    kuni_status status = KUNI_OK;
    /* of the allele that was looked for: 1; any other one is nobody's business here */
    for (int i = 0; i < per_sample && gt[i] != bcf_int32_vector_end && !status; i++)
        status = kuni_buffer_printf(line, l->err, "%s%s", i ? "/" : "",
                                    bcf_gt_is_missing(gt[i])         ? "."
                                    : bcf_gt_allele(gt[i]) == allele ? "1"
                                                                     : "0");
    return status;
}

static kuni_status spell_number(const looking *l, kuni_buffer *line, const int32_t *values, int n,
                                size_t column)
{
    bool there = n == (int)l->n && values[column] != bcf_int32_missing;
    return there ? kuni_buffer_printf(line, l->err, "\t%d", values[column])
                 : kuni_buffer_printf(line, l->err, "\t.");
}

static kuni_status spell_filter(const looking *l, kuni_buffer *line, const bcf_hdr_t *header,
                                const bcf1_t *record)
{
    kuni_status status = kuni_buffer_printf(line, l->err, record->d.n_flt ? "\t" : "\t.");
    for (int i = 0; i < record->d.n_flt && !status; i++)
        status = kuni_buffer_printf(line, l->err, "%s%s", i ? ";" : "",
                                    bcf_hdr_int2id(header, BCF_DT_ID, record->d.flt[i]));
    return status;
}

static kuni_status add_finding(looking *l, const bcf_hdr_t *header, const bcf1_t *record,
                               size_t column, int per_sample, int allele, int n_gq, int n_dp)
{
    kuni_buffer line = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(
        &line, l->err, "%s-%lld-%s-%s\t", kuni_genome_contig(l->genome, l->allele.tid)->name,
        (long long)l->allele.pos + 1, l->allele.ref.data, l->allele.alt.data);
    if (!status) status = spell_genotype(l, &line, column, per_sample, allele);
    if (!status) status = spell_number(l, &line, l->gq, n_gq, column);
    if (!status) status = spell_number(l, &line, l->dp, n_dp, column);
    if (!status) status = spell_filter(l, &line, header, record);
    if (!status)
        status = kuni_grow((void **)&l->findings, &l->findings_capacity, l->n_findings + 1,
                           sizeof(*l->findings), l->err);
    if (status)
        kuni_buffer_fini(&line);
    else
        l->findings[l->n_findings++] = (finding){(uint32_t)column, line.data};
    return status;
}

/* Those of the release who have the allele; nobody where it is too frequent among them. */
static kuni_status take_allele(looking *l, bcf_hdr_t *header, bcf1_t *record, int allele)
{
    int n = bcf_get_genotypes(header, record, &l->genotypes, &l->genotypes_room);
    int n_gq = bcf_get_format_int32(header, record, "GQ", &l->gq, &l->gq_room);
    int n_dp = bcf_get_format_int32(header, record, "DP", &l->dp, &l->dp_room);
    int per_sample = n > 0 ? n / (int)l->n : 0, called = 0, copies = 0;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < l->n; i++)
        if (l->people[i].member) copies += copies_of(l, i, per_sample, allele, &called);
    if (!copies || copies > l->request->max_af * called) return KUNI_OK;
    l->result->alleles++;
    for (size_t i = 0; i < l->n && !status; i++) {
        int ignored = 0;
        if (!l->people[i].member || !copies_of(l, i, per_sample, allele, &ignored)) continue;
        l->people[i].carries = true;
        if (l->people[i].agreed && l->people[i].custodian)
            status = add_finding(l, header, record, i, per_sample, allele, n_gq, n_dp);
    }
    return status;
}

static kuni_status take_record(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                               bcf1_t **passed, kuni_error *err)
{
    looking *l = context;
    (void)written;
    *passed = NULL;
    if (bcf_unpack(record, BCF_UN_ALL) < 0)
        return kuni_fail(err, KUNI_DATA, "a record of the call set cannot be read");
    int32_t tid = kuni_genome_find(l->genome, bcf_seqname(made, record));
    kuni_status status = KUNI_OK;
    for (int i = 1; i < (int)record->n_allele && !status; i++) {
        const char *alt = record->d.allele[i];
        if (strspn(alt, "ACGTN") != strlen(alt)) continue; /* '*', symbolic */
        status = kuni_variant_set(&l->allele, l->genome, tid, record->pos, record->d.allele[0], alt,
                                  err);
        if (!status && is_wanted(l, &l->allele)) status = take_allele(l, made, record, i);
    }
    return status;
}

static kuni_status take_header(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                               kuni_error *err)
{
    (void)context;
    *written = bcf_hdr_dup(made);
    return *written ? KUNI_OK : kuni_fail_memory(err, 1, 1);
}

static kuni_status look(looking *l, const kuni_preview *preview)
{
    const joint_pass pass = {.context = l, .header = take_header, .record = take_record};
    kuni_exporter x;
    kuni_export_request wanted = {.format = KUNI_EXPORT_BCF,
                                  .out = "/dev/null",
                                  .fields = "GT",
                                  .jobs = 1,
                                  .pass = &pass,
                                  .nothing = true,
                                  .quality = true,
                                  .quiet = true};
    wanted.regions.texts[wanted.regions.n++] = l->regions.data;
    kuni_status status = kuni_exporter_init(&x, &wanted, preview, l->err);
    if (!status) status = know_people(l, &x);
    if (!status) status = kuni_export_calls(&x, l->err);
    kuni_exporter_fini(&x);
    return status;
}

/* --- files --- */

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static const looking *sorted; /* qsort takes no context */

static int by_custodian(const void *a, const void *b)
{
    const finding *x = a, *y = b;
    const person *p = &sorted->people[x->person], *q = &sorted->people[y->person];
    int order = compare_texts(p->custodian, q->custodian);
    if (!order) order = strcmp(p->participant, q->participant);
    return order ? order : strcmp(x->text, y->text);
}

/* Those of one custodian, from `at` on; returns the first behind. */
static kuni_status write_site(looking *l, size_t at, size_t *end)
{
    kuni_buffer path = KUNI_BUFFER_INIT, text = KUNI_BUFFER_INIT;
    const char *custodian = l->people[l->findings[at].person].custodian;
    kuni_status status = kuni_buffer_printf(
        &text, l->err, "#participant_id\tsample_id\tvariant\tgenotype\tgq\tdp\tfilter\n");
    for (*end = at; *end < l->n_findings && !status; ++*end) {
        const person *p = &l->people[l->findings[*end].person];
        if (strcmp(p->custodian, custodian) != 0) break;
        status = kuni_buffer_printf(&text, l->err, "%s\t%s\t%s\n", p->participant, p->id,
                                    l->findings[*end].text);
    }
    if (!status)
        status = kuni_command_spell_path(l->request->out, custodian, ".tsv", &path, l->err);
    if (!status) status = kuni_file_put(path.data, text.data, text.length, l->err);
    kuni_buffer_fini(&path);
    kuni_buffer_fini(&text);
    l->result->files++;
    return status;
}

static kuni_status write_sites(looking *l)
{
    kuni_recontact_result *r = l->result;
    for (size_t i = 0; i < l->n; i++) {
        const person *p = &l->people[i];
        if (!p->carries) continue;
        r->carriers++;
        if (!p->agreed)
            r->not_agreed++;
        else if (!p->custodian)
            r->no_custodian++;
        else
            r->listed++;
    }
    sorted = l;
    if (l->n_findings > 1) qsort(l->findings, l->n_findings, sizeof(*l->findings), by_custodian);
    if (mkdir(l->request->out, 0700) != 0)
        return kuni_fail_errno(l->err, "cannot make %s", l->request->out);
    mode_t before = umask(0077); /* for their owner alone, from the first byte on */
    kuni_status status = KUNI_OK;
    for (size_t at = 0; at < l->n_findings && !status;) status = write_site(l, at, &at);
    (void)umask(before);
    return status;
}

/* Names nobody: what was looked for is of no one person's more than a call set is. */
static kuni_status record(const looking *l, const char *dataset)
{
    const kuni_recontact_result *r = l->result;
    json_t *wanted = json_array();
    for (size_t i = 0; i < l->request->n_variants; i++)
        json_array_append_new(wanted, json_string(l->request->variants[i]));
    for (size_t i = 0; i < l->request->n_names; i++)
        json_array_append_new(wanted, json_string(l->request->names[i]));
    json_t *entry = json_pack("{ss ss so sI sI sI}", "release", r->name, "recipient", r->recipient,
                              "wanted", wanted, "listed", (json_int_t)r->listed, "files",
                              (json_int_t)r->files, "generation", (json_int_t)r->generation);
    return entry ? kuni_history_add(dataset, "recontacted", NULL, entry, l->err)
                 : kuni_fail_memory(l->err, 1, 1);
}

/* --- the whole --- */

/* What goes to clinics must not get to the recipient with the release. */
static kuni_status check_out(const looking *l)
{
    struct stat info;
    kuni_buffer beside = KUNI_BUFFER_INIT;
    const char *out = l->request->out, *slash = strrchr(out, '/');
    if (lstat(out, &info) == 0)
        return kuni_fail(l->err, KUNI_USAGE, "--out %s stands there already: name a new folder",
                         out);
    kuni_status status = kuni_buffer_printf(&beside, l->err, "%.*srelease.json",
                                            slash ? (int)(slash - out) + 1 : 0, out);
    if (!status && access(beside.data, F_OK) == 0)
        status = kuni_fail(l->err, KUNI_USAGE,
                           "--out %s lies in a release, whose recipient must not see it: name "
                           "another place",
                           out);
    kuni_buffer_fini(&beside);
    return status;
}

static kuni_status recontact(looking *l, const kuni_preview *preview)
{
    const char *dataset = preview->run.folder;
    l->genome = preview->run.genome;
    l->result->generation = kuni_published_generation(dataset);
    kuni_status status = find_release(l, dataset);
    if (!status) status = want_variants(l);
    if (!status) status = want_features(l);
    if (!status) status = look(l, preview);
    if (!status) status = write_sites(l);
    if (!status) status = record(l, dataset);
    kuni_error ignored = KUNI_ERROR_INIT;
    if (status && l->result->files && kuni_remove_tree(l->request->out, &ignored))
        status = l->err->status; /* told is what came first */
    return status;
}

static void fini(looking *l)
{
    for (size_t i = 0; i < l->request->n_variants && l->wanted; i++)
        kuni_variant_fini(&l->wanted[i]);
    for (size_t i = 0; i < l->n_findings; i++) free(l->findings[i].text);
    kuni_variant_fini(&l->allele);
    kuni_features_fini(&l->features);
    kuni_members_fini(&l->members);
    kuni_release_list_fini(&l->releases);
    kuni_memory_close(&l->memory);
    kuni_buffer_fini(&l->regions);
    free(l->wanted);
    free(l->spans);
    free(l->people);
    free(l->findings);
    free(l->genotypes);
    free(l->gq);
    free(l->dp);
}

kuni_status kuni_recontact(const kuni_recontact_request *request, kuni_recontact_result *result,
                           kuni_buffer *faults, kuni_error *err)
{
    *result = (kuni_recontact_result){.members = 0};
    looking l = {
        .request = request, .result = result, .memory.lock = -1, .faults = faults, .err = err};
    const kuni_run_options run = {.jobs = 1, .workflow = request->workflow};
    kuni_preview preview;
    kuni_status status = check_out(&l);
    if (status) return status;
    if (kuni_transport_size() > 1)
        return kuni_fail(err, KUNI_USAGE, "recontact is done by one process, without mpirun");
    status = kuni_preview_make(&preview, &run, true, faults, err);
    if (!status) status = recontact(&l, &preview);
    fini(&l);
    kuni_preview_fini(&preview);
    return status;
}

void kuni_recontact_fini(kuni_recontact_result *result)
{
    free(result->name);
    free(result->recipient);
    *result = (kuni_recontact_result){.members = 0};
}
