/* SPDX-License-Identifier: MIT */
/* The doctor's check of what stages need of a machine: programs that `run:` stages call, images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor_machine.h"
#include "shell_words.h"

enum { PROGRAMS_MAX = 32, NAME_BYTES = 256 };

typedef struct programs {
    char names[PROGRAMS_MAX][NAME_BYTES];
    size_t n;
} programs;

static bool on_path(const char *program)
{
    if (strchr(program, '/')) return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    char file[4096];
    while (path && *path) {
        size_t length = strcspn(path, ":");
        int n = snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);
        if (n > 0 && (size_t)n < sizeof(file) && access(file, X_OK) == 0) return true;
        path += length + (path[length] == ':');
    }
    return false;
}

/* Each program once. */
static void add_program(void *context, const char *program)
{
    programs *all = context;
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->names[i], program) == 0) return;
    if (all->n == PROGRAMS_MAX || strlen(program) >= NAME_BYTES) return;
    (void)snprintf(all->names[all->n++], NAME_BYTES, "%s", program);
}

/* Of a list of arguments the first. */
static void add_argument(programs *all, const char *arguments)
{
    char word[NAME_BYTES];
    size_t length = strcspn(arguments, "\n");
    if (!length || length >= sizeof(word) || memchr(arguments, '{', length)) return;
    (void)snprintf(word, sizeof(word), "%.*s", (int)length, arguments);
    add_program(all, word);
}

/* What the stage itself says of this machine. */
static void look_at_needs(kuni_doctor *doctor, const kuni_workflow_stage *stage)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (!stage->stage->ready || !stage->params) return;
    if (stage->stage->ready(stage->params, &err))
        kuni_doctor_row(doctor, KUNI_FAIL, "stage", "stage %s: %s", stage->id, err.text);
}

/* Programs of a command that runs on the machine itself. */
static void look_at_programs(kuni_doctor *doctor, const kuni_workflow_stage *stage)
{
    programs all = {.n = 0};
    const char *command = kuni_params_text(stage->params, "command"),
               *arguments = kuni_params_text(stage->params, "arguments"),
               *check = kuni_params_text(stage->params, "check");
    if (command && *command)
        (void)kuni_shell_programs(command, add_program, &all);
    else if (arguments)
        add_argument(&all, arguments);
    if (check && *check) (void)kuni_shell_programs(check, add_program, &all);
    for (size_t k = 0; k < all.n; k++) {
        bool known = on_path(all.names[k]);
        kuni_doctor_row(doctor, known ? KUNI_PASS : KUNI_FAIL, "program", "stage %s runs %s%s",
                        stage->id, all.names[k],
                        known ? "" : ", which is not on the PATH of this machine: install it");
    }
}

static bool has_cram(const kuni_cohort *cohort)
{
    for (size_t i = 0; cohort && i < cohort->n_samples; i++) {
        const char *reads = cohort->samples[i].reads;
        size_t length = reads ? strlen(reads) : 0;
        if (length > 5 && strcmp(reads + length - 5, ".cram") == 0) return true;
    }
    return false;
}

static bool names(const kuni_workflow_stage *stage, const char *placeholder)
{
    const char *const of[] = {"command", "arguments"};
    for (size_t i = 0; i < 2; i++) {
        const char *text = kuni_params_text(stage->params, of[i]);
        if (text && strstr(text, placeholder)) return true;
    }
    return false;
}

/* CRAM is decoded with the reference, which tools look for at places that are not there on a node. */
static void look_at_reference(kuni_doctor *doctor, const kuni_workflow_stage *stage)
{
    if (names(stage, "{reads}") && !names(stage, "{reference}") && has_cram(doctor->cohort))
        kuni_doctor_row(doctor, KUNI_WARN, "reference",
                        "stage %s takes {reads}, of which some are CRAM, and not {reference}: most "
                        "tools cannot decode CRAM without (samtools: --reference {reference})",
                        stage->id);
}

void kuni_doctor_programs(kuni_doctor *doctor)
{
    const kuni_workflow *w = doctor->workflow;
    for (size_t i = 0; i < w->n_stages; i++) {
        const kuni_workflow_stage *stage = &w->stages[i];
        size_t faults = doctor->counts[KUNI_FAIL];
        look_at_needs(doctor, stage);
        if (strcmp(stage->stage->name, "external") != 0 || stage->plugin) continue;
        look_at_reference(doctor, stage);
        const char *image = kuni_params_text(stage->params, "image");
        if (!image || !*image)
            look_at_programs(doctor, stage);
        else if (doctor->counts[KUNI_FAIL] == faults)
            kuni_doctor_row(doctor, KUNI_PASS, "image", "stage %s runs in %s", stage->id, image);
    }
}
