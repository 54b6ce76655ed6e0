/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "options.h"

enum { KEY_MD5 = KUNI_OPTION_LONG, KEY_NO_SAMPLES };

static const kuni_option option_table[] = {
    {NULL, 0, NULL, NULL, "Input"},
    KUNI_OPTION_SET,
    {"no-samples", KEY_NO_SAMPLES, NULL, NULL, "do not open the samples' files"},
    {"md5", KEY_MD5, NULL, NULL, "read every file that has an MD5 in the manifest, and compare"},
    {NULL, 0, NULL, NULL, "Machine"},
    {"ranks", 'r', "N", "those of mpirun, or 1", "processes that shall run on this machine"},
    {"jobs", 'j', "N", "4", "processes that look at the samples' files"},
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about =
        "Check all that a run needs, in one pass: workflow, manifest, reference, every sample's\n"
        "file and index, the dataset's folder and disk, and this machine. Nothing is computed.\n"
        "Exit status 65 where anything is FAIL.",
    .usage = "kuni doctor [OPTIONS] WORKFLOW.yaml",
    .options = option_table,
    .example = "kuni doctor workflows/national.yaml --ranks 32",
    .least_operands = 1,
    .most_operands = 1,
};

void kuni_doctor_row(kuni_doctor *doctor, kuni_finding finding, const char *subject,
                     const char *format, ...)
{
    static const char *const names[] = {"PASS", "WARN", "FAIL"};
    va_list args;
    va_start(args, format);
    printf("%s  %-10s  ", names[finding], subject);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    doctor->counts[finding]++;
}

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

static void check_workflow(kuni_doctor *doctor, kuni_workflow *workflow, const char *path,
                           const kuni_settings *settings)
{
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_workflow_read_partly(workflow, path, settings->texts, settings->n, &faults, &err))
        print_faults(doctor, "workflow", &faults, &err);
    else
        kuni_doctor_row(doctor, KUNI_PASS, "workflow", "%s: %zu stage%s", workflow->name,
                        workflow->n_stages, workflow->n_stages == 1 ? "" : "s");
    kuni_buffer_fini(&faults);
}

/* The dataset's list of batches, if it has one; to be freed. */
static char *find_batches(const kuni_workflow *workflow)
{
    kuni_error err = KUNI_ERROR_INIT;
    return workflow->dataset ? kuni_path_join(workflow->dataset, "batches.tsv", &err) : NULL;
}

static bool check_manifest(kuni_doctor *doctor, kuni_cohort *cohort)
{
    const kuni_workflow *w = doctor->workflow;
    if (!w->cohort || access(w->cohort, R_OK) != 0) return false; /* a fault of the workflow */
    const char *ped = w->pedigree && access(w->pedigree, R_OK) == 0 ? w->pedigree : NULL;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    char *batches = find_batches(w);
    bool fine =
        !kuni_cohort_read(cohort, w->cohort, ped, batches, (size_t)w->batch_size, &faults, &err);
    free(batches);
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

static int examine(const char *path, const kuni_settings *settings, kuni_doctor *doctor,
                   bool samples)
{
    kuni_workflow workflow = {.path = NULL};
    kuni_cohort cohort = {.notes = ""};
    doctor->workflow = &workflow;
    check_workflow(doctor, &workflow, path, settings);
    if (check_manifest(doctor, &cohort)) doctor->cohort = &cohort;
    kuni_doctor_reference(doctor);
    kuni_doctor_dataset(doctor);
    kuni_doctor_machine(doctor);
    fflush(stdout);
    if (samples) kuni_doctor_samples(doctor);
    printf("%zu PASS, %zu WARN, %zu FAIL\n", doctor->counts[KUNI_PASS], doctor->counts[KUNI_WARN],
           doctor->counts[KUNI_FAIL]);
    free(doctor->shards);
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

int kuni_cmd_doctor(int argc, char **argv)
{
    kuni_options options;
    kuni_settings settings = {.n = 0};
    kuni_doctor doctor = {.ranks = from_mpirun("OMPI_COMM_WORLD_LOCAL_SIZE", 1), .jobs = 4};
    const char *value;
    bool samples = true;
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        switch (key) {
        case 's':
            if (!kuni_settings_add(&options, &settings, value)) return options.status;
            break;
        case 'r':
            if (!kuni_option_int(&options, "ranks", value, 1, 4096, &doctor.ranks))
                return options.status;
            break;
        case 'j':
            if (!kuni_option_int(&options, "jobs", value, 1, 256, &doctor.jobs))
                return options.status;
            break;
        case KEY_MD5:
            doctor.md5 = true;
            break;
        case KEY_NO_SAMPLES:
            samples = false;
            break;
        default:
            return options.status;
        }
    }
    if (from_mpirun("OMPI_COMM_WORLD_LOCAL_RANK", 0) > 0)
        return KUNI_OK; /* one speaks for a machine */
    return examine(options.operands[0], &settings, &doctor, samples);
}
