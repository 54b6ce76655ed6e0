/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "doctor_inputs.h"
#include "doctor_machine.h"

typedef struct request {
    kuni_doctor doctor;  /* its ranks, jobs and md5 */
    kuni_texts settings; /* --set */
    bool no_samples;     /* do not open the samples' files */
} request;

static const kuni_option options[] = {
    KUNI_OPTIONS_HEADING("Input"),
    KUNI_OPTION_SET(request, settings),
    {"no-samples", 0, NULL, NULL, "do not open the samples' files",
     KUNI_BIND_FLAG(request, no_samples)},
    {"md5", 0, NULL, NULL, "read every file that has an MD5 in the manifest, and compare",
     KUNI_BIND_FLAG(request, doctor.md5)},
    KUNI_OPTIONS_HEADING("Machine"),
    {"ranks", 'r', "N", "those of mpirun, or 1", "processes that shall run on this machine",
     KUNI_BIND_INT(request, doctor.ranks, 1, 4096)},
    {"jobs", 'j', "N", "4", "processes that look at the samples' files",
     KUNI_BIND_INT(request, doctor.jobs, 1, 256)},
    KUNI_OPTIONS_END,
};

static void print_lines(kuni_doctor *doctor, kuni_finding finding, const char *subject,
                        const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        kuni_doctor_row(doctor, finding, subject, "%.*s", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

/* Rows of faults, or of the error where there are none. */
static void print_faults(kuni_doctor *doctor, const char *subject, const kuni_buffer *faults,
                         const kuni_error *err)
{
    if (faults->length)
        print_lines(doctor, KUNI_FAIL, subject, faults->data);
    else
        kuni_doctor_row(doctor, KUNI_FAIL, subject, "%s", err->text);
}

static bool check_workflow(kuni_doctor *doctor, kuni_workflow *workflow, const char *path,
                           const kuni_texts *settings)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    bool fine =
        !kuni_workflow_read_partly(workflow, path, settings->texts, settings->n, &faults, &err);
    if (!fine)
        print_faults(doctor, "workflow", &faults, &err);
    else
        kuni_doctor_row(doctor, KUNI_PASS, "workflow", "%s: %zu stage%s", workflow->name,
                        workflow->n_stages, workflow->n_stages == 1 ? "" : "s");
    kuni_buffer_fini(&faults);
    return fine;
}

static bool check_manifest(kuni_doctor *doctor, kuni_cohort *cohort)
{
    const kuni_workflow *w = doctor->workflow;
    if (!w->cohort || access(w->cohort, R_OK) != 0) return false; /* a fault of the workflow */
    const char *ped = w->pedigree && access(w->pedigree, R_OK) == 0 ? w->pedigree : NULL;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_cohort_sources sources = {.manifest = w->cohort,
                                         .network = &w->network,
                                         .pedigree = ped,
                                         .dataset = w->dataset,
                                         .batch_size = (size_t)w->batch_size};
    bool fine = !kuni_cohort_read(cohort, &sources, &faults, &err);
    if (fine) {
        kuni_doctor_row(doctor, KUNI_PASS, "manifest",
                        "%zu sample%s in %zu batch%s: %zu new, %zu withdrawn", cohort->n_samples,
                        cohort->n_samples == 1 ? "" : "s", cohort->n_batches,
                        cohort->n_batches == 1 ? "" : "es", cohort->n_new, cohort->n_withdrawn);
        print_lines(doctor, KUNI_WARN, "manifest", cohort->notes);
    } else {
        print_faults(doctor, "manifest", &faults, &err);
    }
    kuni_buffer_fini(&faults);
    return fine;
}

/* Whether the stages take so many people as they are set. */
static void check_people(kuni_doctor *doctor)
{
    const kuni_cohort *cohort = doctor->cohort;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_workflow_check_samples(doctor->workflow, cohort->n_samples - cohort->n_withdrawn,
                                    &faults, &err))
        print_faults(doctor, "workflow", &faults, &err);
    kuni_buffer_fini(&faults);
}

static int examine(request *r, const char *path)
{
    kuni_doctor *doctor = &r->doctor;
    kuni_workflow workflow = {.path = NULL};
    kuni_cohort cohort = {.notes = ""};
    doctor->workflow = &workflow;
    bool fine = check_workflow(doctor, &workflow, path, &r->settings);
    if (check_manifest(doctor, &cohort)) doctor->cohort = &cohort;
    if (fine && doctor->cohort) check_people(doctor);
    kuni_doctor_reference(doctor);
    kuni_doctor_dataset(doctor);
    kuni_doctor_machine(doctor);
    (void)fflush(stdout);
    if (!r->no_samples) kuni_doctor_samples(doctor);
    printf("%zu PASS, %zu WARN, %zu FAIL\n", doctor->counts[KUNI_PASS], doctor->counts[KUNI_WARN],
           doctor->counts[KUNI_FAIL]);
    free(doctor->spans);
    kuni_genome_close(doctor->genome);
    kuni_cohort_fini(&cohort);
    kuni_workflow_fini(&workflow);
    return doctor->counts[KUNI_FAIL] ? KUNI_DATA : KUNI_OK;
}

/* A number that mpirun leaves in the environment, or `fallback`. */
static int64_t from_mpirun(const char *name, int64_t fallback)
{
    const char *text = getenv(name);
    int64_t number = text ? strtoll(text, NULL, 10) : 0;
    return number > 0 ? number : fallback;
}

static void set_defaults(void *given)
{
    request *r = given;
    r->doctor.ranks = from_mpirun("OMPI_COMM_WORLD_LOCAL_SIZE", 1);
    r->doctor.jobs = 4;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    if (from_mpirun("OMPI_COMM_WORLD_LOCAL_RANK", 0) > 0)
        return KUNI_OK; /* one speaks for a machine */
    return examine(r, call->words[0]);
}

const kuni_command kuni_cmd_doctor = {
    .group = "Before a run",
    .name = "doctor",
    .summary = "check all that a run needs: files, indices, disk, machine",
    .about =
        "Check all that a run needs, in one pass: workflow, manifest, reference, every sample's\n"
        "file and index, the dataset's folder and disk, and this machine. Nothing is computed.\n"
        "Exit status 65 where anything is FAIL.",
    .usage = "kuni doctor [OPTIONS] WORKFLOW.yaml",
    .example = "kuni doctor workflows/national.yaml --ranks 32",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
