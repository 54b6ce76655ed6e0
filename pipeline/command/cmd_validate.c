/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cohort.h"
#include "command.h"
#include "options.h"
#include "workflow.h"

enum { KEY_FILES = KUNI_OPTION_LONG };

static const kuni_option option_table[] = {
    KUNI_OPTION_SET,
    {"files", KEY_FILES, NULL, NULL, "also look whether every sample's reads and index are there"},
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about = "Check a workflow and its manifest, and print all their faults at once.\n"
             "Nothing is computed, written or downloaded.",
    .usage = "kuni validate [OPTIONS] WORKFLOW.yaml",
    .options = option_table,
    .example = "kuni validate workflows/national.yaml --set regions.shard=1Mb --files",
    .least_operands = 1,
    .most_operands = 1,
};

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

/*
 * Faults of both files in one go: the manifest is read as soon as the workflow names one that is
 * there. The status is that of the first file with a fault.
 */
static kuni_status check(const char *path, const kuni_settings *settings, bool files,
                         kuni_buffer *faults, kuni_error *err)
{
    kuni_workflow workflow;
    kuni_cohort cohort;
    kuni_error later = KUNI_ERROR_INIT;
    kuni_status status =
        kuni_workflow_read_partly(&workflow, path, settings->texts, settings->n, faults, err);
    bool manifest = (status == KUNI_OK || status == KUNI_USAGE) && workflow.cohort &&
                    access(workflow.cohort, R_OK) == 0;
    if (manifest) {
        const char *ped =
            workflow.pedigree && access(workflow.pedigree, R_OK) == 0 ? workflow.pedigree : NULL;
        size_t before = faults->length;
        char *batches =
            workflow.dataset ? kuni_path_join(workflow.dataset, "batches.tsv", &later) : NULL;
        kuni_status second = kuni_cohort_read(&cohort, workflow.cohort, ped, batches,
                                              (size_t)workflow.batch_size, faults, &later);
        free(batches);
        if (second && faults->length == before)
            second = kuni_buffer_printf(faults, err, "%s\n", later.text) ? KUNI_MEMORY : second;
        if (!second) {
            if (files) second = kuni_cohort_check_files(&cohort, workflow.cohort, faults, &later);
            kuni_command_print_notes(cohort.notes);
            if (!status && !second) print_summary(&workflow, &cohort);
            kuni_cohort_fini(&cohort);
        }
        if (!status && second) status = kuni_fail(err, second, "%s", later.text);
    }
    kuni_workflow_fini(&workflow);
    return status;
}

int kuni_cmd_validate(int argc, char **argv)
{
    kuni_options options;
    kuni_settings settings = {.n = 0};
    const char *value;
    bool files = false;
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        switch (key) {
        case 's':
            if (!kuni_settings_add(&options, &settings, value)) return options.status;
            break;
        case KEY_FILES:
            files = true;
            break;
        default:
            return options.status;
        }
    }
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = check(options.operands[0], &settings, files, &faults, &err);
    bool told = faults.length > 0;
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    if (status && !told) return kuni_command_fail(&err);
    return status;
}
