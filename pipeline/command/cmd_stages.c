/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "kuni/params.h"
#include "plugin.h"
#include "stage_table.h"

typedef struct request {
    bool markdown; /* print the reference of all stages */
} request;

static const kuni_option options[] = {
    {"markdown", 0, NULL, NULL, "print the reference of all stages as Markdown",
     KUNI_BIND_FLAG(request, markdown)},
    KUNI_OPTIONS_END,
};

static const char *type_name(kuni_param_type type)
{
    static const char *const names[] = {
        [KUNI_PARAM_BOOL] = "true/false", [KUNI_PARAM_INT] = "integer",
        [KUNI_PARAM_FLOAT] = "number",    [KUNI_PARAM_TEXT] = "text",
        [KUNI_PARAM_CHOICE] = "choice",   [KUNI_PARAM_PATH] = "path",
        [KUNI_PARAM_LIST] = "list",
    };
    return names[type];
}

static const char *scatter_name(kuni_scatter scatter)
{
    static const char *const names[] = {
        [KUNI_SCATTER_READS] = "batch and shard, fed with reads",
        [KUNI_SCATTER_BATCH] = "batch",
        [KUNI_SCATTER_REGION] = "shard",
        [KUNI_SCATTER_COHORT] = "cohort",
        [KUNI_SCATTER_RANKS] = "cohort, written by all ranks together",
        [KUNI_SCATTER_SAMPLE] = "run of samples of a batch, which it is run for one by one",
        [KUNI_SCATTER_SAMPLE_SHARD] = "batch and shard, run for one sample after another",
    };
    return names[scatter];
}

/* "0 to 60 phred", "a, b or c", "" where there is nothing to say. */
static void print_range(const kuni_param *param, char *room, size_t size)
{
    room[0] = '\0';
    if (param->type == KUNI_PARAM_INT || param->type == KUNI_PARAM_FLOAT) {
        snprintf(room, size, "%.10g to %.10g%s%s", param->least, param->most,
                 param->unit ? " " : "", param->unit ? param->unit : "");
        return;
    }
    size_t n = 0;
    for (size_t i = 0; param->type == KUNI_PARAM_CHOICE && param->choices[i] && n < size; i++) {
        int more = snprintf(room + n, size - n, "%s%s", i ? ", " : "", param->choices[i]);
        if (more < 0) return;
        n += (size_t)more;
    }
}

static void print_ports(const char *verb, const kuni_port *ports, const char *lead)
{
    if (!ports || !ports->kind) return;
    printf("%s%s", lead, verb);
    for (const kuni_port *port = ports; port->kind; port++)
        printf("%s %s%s%s", port == ports ? "" : ",", port->kind,
               port->optional ? " (optional)" : "", port->many ? " (from several stages)" : "");
    putchar('\n');
}

/* The default; a list's items in one line. BAR stands for "|". */
static void print_value(const kuni_param *param, const char *bar)
{
    if (!param->value) fputs("none", stdout);
    for (const char *at = param->value; at && *at; at++) {
        if (*at == '\n')
            fputs(", ", stdout);
        else if (*at == '|')
            fputs(bar, stdout);
        else
            putchar(*at);
    }
}

static void print_stage(const kuni_stage *stage)
{
    printf("%s, version %d: %s\n", stage->name, stage->version, stage->summary);
    for (const kuni_param *p = stage->params; p && p->name; p++) {
        char range[256];
        print_range(p, range, sizeof(range));
        if (p == stage->params) puts("\nParameters (`with:` in a workflow):");
        printf("  %s: %s%s%s", p->name, type_name(p->type), *range ? ", " : "", range);
        fputs(" [", stdout);
        print_value(p, "|");
        printf("]\n      %s\n", p->help);
    }
    if (stage->shape) {
        puts("\nTakes and gives: what its parameters say.");
        return;
    }
    for (size_t i = 0; i < stage->n_steps; i++) {
        const kuni_step *step = &stage->steps[i];
        printf("\nStep%s%s, one task a %s:\n", *step->name ? " " : "", step->name,
               scatter_name(step->scatter));
        print_ports("takes", step->inputs, "  ");
        print_ports("gives", step->outputs, "  ");
        for (const kuni_port *port = step->outputs; port && port->kind; port++)
            if (port->publish) printf("  publishes %s as %s\n", port->kind, port->publish);
    }
}

/* --- Markdown: docs/stages.md is this output --- */

/* Text of a table cell. */
static void print_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|') putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
}

static void print_markdown_param(const kuni_param *param)
{
    char range[256];
    print_range(param, range, sizeof(range));
    printf("| `%s` | %s | ", param->name, type_name(param->type));
    if (param->value) putchar('`');
    print_value(param, "\\|");
    if (param->value) putchar('`');
    printf(" | %s | ", range);
    print_cell(param->help);
    puts(" |");
}

static void print_markdown_ports(const char *verb, const kuni_port *ports)
{
    if (!ports || !ports->kind) return;
    printf("; %s", verb);
    for (const kuni_port *port = ports; port->kind; port++) {
        printf("%s `%s`", port == ports ? "" : ",", port->kind);
        if (port->optional) fputs(" (optional)", stdout);
        if (port->publish) printf(" (published as `%s`)", port->publish);
    }
}

static void print_markdown_stage(const kuni_stage *stage)
{
    printf("\n## %s\n\n", stage->name);
    print_cell(stage->summary);
    puts(".");
    if (stage->params && stage->params->name) {
        puts("\n| parameter | type | default | range | what it is |\n|---|---|---|---|---|");
        for (const kuni_param *p = stage->params; p->name; p++) print_markdown_param(p);
    }
    putchar('\n');
    if (stage->shape) puts("What it takes and gives follows from its parameters.");
    for (size_t i = 0; !stage->shape && i < stage->n_steps; i++) {
        const kuni_step *step = &stage->steps[i];
        if (*step->name)
            printf("- step `%s`: ", step->name);
        else
            fputs("- ", stdout);
        printf("one task a %s", scatter_name(step->scatter));
        print_markdown_ports("takes", step->inputs);
        print_markdown_ports("gives", step->outputs);
        putchar('\n');
    }
}

static void print_markdown(void)
{
    size_t n;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    puts("# Stages\n\nThe built-in stages and their parameters. Made by `kuni stages --markdown`; "
         "do not edit.");
    for (size_t i = 0; i < n; i++) print_markdown_stage(stages[i]);
}

/* --- the command --- */

static void print_list(void)
{
    size_t n;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    for (size_t i = 0; i < n; i++) printf("%-18s %s\n", stages[i]->name, stages[i]->summary);
}

static int unknown(const char *name)
{
    size_t n;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    const char *names[64];
    if (n > 64) n = 64;
    for (size_t i = 0; i < n; i++) names[i] = stages[i]->name;
    const char *near = kuni_nearest(name, names, n);
    return kuni_command_complain(KUNI_USAGE, "stages: unknown stage '%s'%s%s%s; see `kuni stages`",
                                 name, near ? " (did you mean '" : "", near ? near : "",
                                 near ? "'?)" : "");
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    if (r->markdown) {
        print_markdown();
        return KUNI_OK;
    }
    if (!call->n_words) {
        print_list();
        return KUNI_OK;
    }
    const char *name = call->words[0];
    const kuni_stage *stage = NULL;
    if (strchr(name, '/')) {
        kuni_error err = KUNI_ERROR_INIT;
        if (kuni_plugin_load(name, &stage, &err)) return kuni_command_fail(&err);
    } else if (!(stage = kuni_stage_find(name))) {
        return unknown(name);
    }
    print_stage(stage);
    return KUNI_OK;
}

const kuni_command kuni_cmd_stages = {
    .group = "Help",
    .name = "stages",
    .summary = "list the stages, or the parameters of one",
    .about =
        "List the built-in stages, or describe one: its parameters, and what it takes and gives.\n"
        "STAGE is a name, or the path of a plugin (a shared object; with a slash in it).",
    .usage = "kuni stages [OPTIONS] [STAGE]",
    .example = "kuni stages call-variants",
    .options = options,
    .options_bytes = sizeof(request),
    .most_words = 1,
    .words = KUNI_COMPLETES_STAGE,
    .run = run,
};
