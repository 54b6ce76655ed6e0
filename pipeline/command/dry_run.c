/* SPDX-License-Identifier: MIT */
#include "dry_run.h"

#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "forecast.h"
#include "made_with.h"
#include "operand.h"
#include "team.h"
#include "transport.h"

/* Names of flagged nodes: "call, joint.sites". */
static void print_nodes(const kuni_plan *plan, const uint8_t *flags)
{
    const char *before = "";
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (flags[i]) {
            printf("%s%s", before, plan->nodes[i].folder);
            before = ", ";
        }
}

static void print_inputs(const kuni_plan *plan, const kuni_node *node, uint32_t inputs)
{
    uint8_t flags[KUNI_PLAN_NODES_MAX] = {0};
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t bit = i < KUNI_MADE_OF_INPUTS ? i : KUNI_MADE_OF_INPUTS - 1;
        if (inputs & 1u << bit) flags[node->inputs[i].node] = 1;
    }
    print_nodes(plan, flags);
}

static kuni_status print_group(kuni_preview *p, size_t number, const kuni_forecast_group *g,
                               kuni_error *err)
{
    static const struct {
        uint32_t bit;
        const char *words;
    } rows[] = {
        {KUNI_RERUN_SETTINGS, "settings changed"},
        {KUNI_RERUN_SAMPLES, "who is in it changed, or what is declared of them"},
        {KUNI_RERUN_FILES, "its files are missing or altered"},
        {KUNI_RERUN_FORCED, "forced"},
        {KUNI_RERUN_UNKNOWN, "changed since an earlier version of kuni made it"},
    };
    const kuni_node *node = &p->run.plan.nodes[number];
    const char *before = "";
    printf("    %zu: ", g->n);
    if (g->why.bits & KUNI_RERUN_NEW) {
        printf(g->new_batch ? "new samples" : "not done yet");
        before = "; ";
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (g->why.bits & rows[i].bit) {
            bool faults = rows[i].bit == KUNI_RERUN_FILES && number == KUNI_PLAN_PREFLIGHT;
            printf("%s%s", before,
                   faults ? "files with faults are looked at again" : rows[i].words);
            before = "; ";
        }
    if (g->why.bits & KUNI_RERUN_INPUTS) {
        printf("%sinput changed: ", before);
        print_inputs(&p->run.plan, node, g->why.inputs);
    }
    putchar('\n');
    if (!(g->why.bits & KUNI_RERUN_SETTINGS)) return KUNI_OK;
    kuni_buffer lines = KUNI_BUFFER_INIT;
    kuni_status status = kuni_made_with_differs(&p->past, number, g->why.settings, &lines, err);
    char *save = NULL;
    for (char *line = lines.data ? strtok_r(lines.data, "\n", &save) : NULL; line && !status;
         line = strtok_r(NULL, "\n", &save))
        printf("        %s\n", line);
    kuni_buffer_fini(&lines);
    return status;
}

static kuni_status print_step(kuni_preview *p, const kuni_forecast *f, size_t i, kuni_error *err)
{
    const kuni_forecast_step *s = &f->steps[i];
    const char *name = p->run.plan.nodes[i].folder;
    kuni_status status = KUNI_OK;
    if (!s->wanted) {
        printf("%-24s %9zu %9s %9s %9s\n", name, s->tasks, "-", "-", "-");
        return KUNI_OK;
    }
    printf("%-24s %9zu %9zu %9zu %9zu\n", name, s->tasks, s->stands, s->runs, s->follows);
    for (size_t g = 0; g < s->n_groups && !status; g++)
        status = print_group(p, i, &s->groups[g], err);
    if (s->follows) {
        printf("    %zu: follow ", s->follows);
        print_nodes(&p->run.plan, s->after);
        putchar('\n');
    }
    return status;
}

static void print_end(const kuni_preview *p, const kuni_forecast *f)
{
    size_t runs = 0, follows = 0, stands = 0;
    for (size_t i = 0; i < f->n_steps; i++) {
        if (!f->steps[i].wanted) continue;
        runs += f->steps[i].runs;
        follows += f->steps[i].follows;
        stands += f->steps[i].stands;
    }
    printf("\n%zu tasks run, %zu follow, %zu stand\n", runs, follows, stands);
    if (follows) puts("what follows is not run where what it takes turns out the same as before");
    if (p->run.cohort.n_new)
        printf("%zu new samples: as if none of them came to be quarantined\n", p->run.cohort.n_new);
    if (p->run.plan.judged && runs) puts("whom the gate lets in: as when last published");
    if (f->wanted.partial) puts("nothing will be published: the next whole run takes what stands");
    puts("dry run: nothing was computed or written");
}

static kuni_status print_all(kuni_preview *p, kuni_error *err)
{
    kuni_forecast f;
    kuni_status status = kuni_forecast_make(&f, p, err);
    if (!status) {
        printf("%s: %s\ndataset   %s\n\n", p->run.workflow.name, p->run.workflow.path,
               p->run.folder);
        printf("%-24s %9s %9s %9s %9s\n", "step", "tasks", "stand", "run", "follow");
        for (size_t i = 0; i < f.n_steps && !status; i++) status = print_step(p, &f, i, err);
    }
    if (!status) print_end(p, &f);
    kuni_forecast_fini(&f);
    return status;
}

static kuni_status forecast(const kuni_run_options *options)
{
    kuni_run_options asked = *options;
    kuni_preview preview;
    kuni_error err = KUNI_ERROR_INIT;
    asked.forecast = true;
    kuni_status status = kuni_command_preview(&preview, &asked, &err);
    if (!status) {
        status = print_all(&preview, &err);
        if (status) (void)kuni_command_fail(&err);
    }
    kuni_preview_fini(&preview);
    return status;
}

int kuni_dry_run(const kuni_run_options *options)
{
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_team_join(&err)) return kuni_command_fail(&err);
    kuni_status status = kuni_transport_rank() == 0 ? forecast(options) : KUNI_OK;
    return kuni_team_leave(status, &err);
}
