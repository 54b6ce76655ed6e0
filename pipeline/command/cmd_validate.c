/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cohort.h"
#include "command.h"
#include "complain.h"
#include "kuni/genome.h"
#include "plan.h"
#include "preflight.h"
#include "regions.h"
#include "regular.h"
#include "workflow.h"

typedef struct request {
    kuni_texts settings; /* --set */
    bool files;          /* look whether reads and indices are there */
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"files", 0, NULL, NULL, "also look whether every sample's reads and index are there",
     KUNI_BIND_FLAG(request, files)},
    KUNI_OPTIONS_END,
};

/* "param mode = fast (text; fast, slow): help" */
static void print_params(const kuni_workflow *w)
{
    if (w->profile) printf("profile %s\n", w->profile);
    for (size_t i = 0; i < w->n_params; i++) {
        const kuni_workflow_param *p = &w->params[i];
        printf("param %s = %s (%s", p->name, p->value, p->type);
        for (size_t k = 0; p->allowed[k]; k++) printf("%s%s", k ? ", " : "; ", p->allowed[k]);
        printf(")%s%s\n", p->help ? ": " : "", p->help ? p->help : "");
    }
}

static void print_summary(const kuni_workflow *workflow, const kuni_cohort *cohort)
{
    printf("OK: %s: %zu stage%s: ", workflow->name, workflow->n_stages,
           workflow->n_stages == 1 ? "" : "s");
    for (size_t i = 0; i < workflow->n_stages; i++)
        printf("%s%s", i ? ", " : "", workflow->stages[i].id);
    printf("\nOK: %zu sample%s in %zu batch%s of at most %lld\n", cohort->n_samples,
           cohort->n_samples == 1 ? "" : "s", cohort->n_batches, cohort->n_batches == 1 ? "" : "es",
           (long long)workflow->batch_size);
    if (cohort->n_new < cohort->n_samples)
        printf("OK: the dataset knows %zu of them; %zu new, %zu withdrawn\n",
               cohort->n_samples - cohort->n_new, cohort->n_new, cohort->n_withdrawn);
}

/* A reason why a file does not fit the reference is a fault of the workflow. */
static kuni_status add_fault(const kuni_workflow *workflow, kuni_status status,
                             const kuni_error *why, kuni_buffer *faults, kuni_error *err)
{
    if (!status) return KUNI_OK;
    if (kuni_buffer_printf(faults, err, "%s: %s\n", workflow->path, why->text)) return KUNI_MEMORY;
    return kuni_fail(err, status, "%s", why->text);
}

static kuni_status check_bed(const kuni_workflow *workflow, const char *bed, bool ignore_foreign,
                             const kuni_genome *genome, kuni_buffer *faults, kuni_error *err)
{
    if (!bed) return KUNI_OK;
    kuni_error why = KUNI_ERROR_INIT;
    kuni_regions regions = {.spans = NULL};
    kuni_status status = kuni_regions_read_bed(&regions, bed, genome, ignore_foreign, &why);
    kuni_regions_fini(&regions);
    return add_fault(workflow, status, &why, faults, err);
}

/*
 * Whether the table of copies and the lists of regions fit the reference, where that has its index
 * (which validate does not make).
 */
static kuni_status check_places(const kuni_workflow *workflow, kuni_buffer *faults, kuni_error *err)
{
    kuni_genome *genome = NULL;
    kuni_ploidy *ploidy = NULL;
    kuni_buffer index = KUNI_BUFFER_INIT;
    kuni_error why = KUNI_ERROR_INIT;
    if (!workflow->reference) return KUNI_OK;
    kuni_status status = kuni_buffer_printf(&index, err, "%s.fai", workflow->reference);
    bool there = !status && access(workflow->reference, R_OK) == 0 && access(index.data, R_OK) == 0;
    kuni_buffer_fini(&index);
    if (!there) return status;
    status = kuni_genome_open(&genome, workflow->reference, &why);
    bool opened = !status;
    if (opened && workflow->ploidy) status = kuni_workflow_ploidy(&ploidy, workflow, genome, &why);
    status = add_fault(workflow, status, &why, faults, err);
    kuni_status second = KUNI_OK, third = KUNI_OK;
    if (opened) {
        second = check_bed(workflow, workflow->region_bed, false, genome, faults, err);
        third = check_bed(workflow, workflow->exclude_bed, true, genome, faults, err);
    }
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    return status ? status : second ? second : third;
}

static kuni_status check_links(const kuni_workflow *workflow, kuni_buffer *faults, kuni_error *err)
{
    kuni_error why = KUNI_ERROR_INIT;
    kuni_status status = kuni_plan_check(workflow, &kuni_preflight_stage, &why);
    return add_fault(workflow, status, &why, faults, err);
}

/* Of a workflow that is right: those that another profile would bring, of the first that does. */
static kuni_status check_profiles(const kuni_workflow *workflow, const char *path, const request *r,
                                  kuni_buffer *faults, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < workflow->n_profiles && !status; i++) {
        const char *settings[KUNI_TEXTS_MAX + 1];
        char chosen[256];
        kuni_workflow other;
        memcpy(settings, r->settings.texts, r->settings.n * sizeof(*settings));
        (void)snprintf(chosen, sizeof(chosen), "profile=%s", workflow->profiles[i]);
        settings[r->settings.n] = chosen;
        status = kuni_workflow_read_partly(&other, path, settings, r->settings.n + 1, faults, err);
        if (!status) status = check_links(&other, faults, err);
        kuni_workflow_fini(&other);
    }
    return status;
}

/*
 * Faults of both files in one go: the manifest is read as soon as the workflow names one that is
 * there. The status is that of the first file with a fault.
 */
static kuni_status check(const char *path, const request *r, kuni_buffer *faults, kuni_error *err)
{
    kuni_workflow workflow;
    kuni_cohort cohort;
    kuni_error later = KUNI_ERROR_INIT;
    kuni_status status =
        kuni_workflow_read_partly(&workflow, path, r->settings.texts, r->settings.n, faults, err);
    if (!status) status = check_links(&workflow, faults, err);
    if (!status) status = check_profiles(&workflow, path, r, faults, err);
    if (!status) status = check_places(&workflow, faults, err);
    bool manifest = (status == KUNI_OK || status == KUNI_USAGE) && workflow.cohort &&
                    access(workflow.cohort, R_OK) == 0 && !kuni_odd_file(workflow.cohort);
    if (manifest) {
        const char *ped = workflow.pedigree && access(workflow.pedigree, R_OK) == 0 &&
                                  !kuni_odd_file(workflow.pedigree)
                              ? workflow.pedigree
                              : NULL;
        size_t before = faults->length;
        const kuni_cohort_sources sources = {.manifest = workflow.cohort,
                                             .network = &workflow.network,
                                             .pedigree = ped,
                                             .dataset = workflow.dataset,
                                             .batch_size = (size_t)workflow.batch_size};
        kuni_status second = kuni_cohort_read(&cohort, &sources, faults, &later);
        if (second && faults->length == before)
            second = kuni_buffer_printf(faults, err, "%s\n", later.text) ? KUNI_MEMORY : second;
        if (!second && !status)
            second = kuni_workflow_check_samples(&workflow, cohort.n_samples - cohort.n_withdrawn,
                                                 faults, &later);
        if (!second) {
            if (r->files)
                second = kuni_cohort_check_files(&cohort, workflow.cohort, faults, &later);
            kuni_command_print_notes(cohort.notes);
            if (!status && !second) print_summary(&workflow, &cohort);
            if (!status && !second) print_params(&workflow);
            kuni_cohort_fini(&cohort);
        }
        if (!status && second) status = kuni_fail(err, second, "%s", later.text);
    }
    kuni_workflow_fini(&workflow);
    return status;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = check(call->words[0], r, &faults, &err);
    bool told = faults.length > 0;
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    if (status && !told) return kuni_command_fail(&err);
    return status;
}

const kuni_command kuni_cmd_validate = {
    .group = "Before a run",
    .name = "validate",
    .summary = "check a workflow and its manifest",
    .about = "Check a workflow and its manifest, and print all their faults at once.\n"
             "Nothing is computed, written or downloaded.",
    .usage = "kuni validate [OPTIONS] WORKFLOW.yaml",
    .example = "kuni validate workflows/national.yaml --set regions.shard=1Mb --files",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
