/* SPDX-License-Identifier: MIT */
/* A picture of a workflow: its stages and steps, what flows between them, and into how many tasks each is cut. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "complain.h"
#include "kuni/file.h"
#include "preview.h"

enum { FORM_DOT, FORM_MERMAID, FORM_SVG };

static const char *const forms[] = {"dot", "mermaid", "svg", NULL};

typedef struct request {
    kuni_run_options run; /* but for workflow and settings */
    kuni_texts settings;
    int form;
    const char *output;
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"format", 'f', "FORM", "dot", "dot, mermaid, or svg (by the program `dot` of graphviz)",
     KUNI_BIND_CHOICE(request, form, forms)},
    {"output", 'o', "FILE", NULL, "write there instead of to the terminal",
     KUNI_BIND_TEXT(request, output, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_END,
};

/* A text between quotes of DOT and of Mermaid alike. */
static kuni_status put_quoted(kuni_buffer *out, const char *text, bool mermaid, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (; *text && !status; text++)
        if (*text == '"')
            status = kuni_buffer_append(out, mermaid ? "#quot;" : "\\\"", mermaid ? 6 : 2, err);
        else if (*text == '\\' && !mermaid)
            status = kuni_buffer_append(out, "\\\\", 2, err);
        else
            status = kuni_buffer_append(out, text, 1, err);
    return status;
}

/* "641 shards x 98 batches". */
static kuni_status put_scatter(kuni_buffer *out, const kuni_node *node, const kuni_plan *plan,
                               kuni_error *err)
{
    size_t shards =
        kuni_plan_axis_of(plan, node)->n_places + (plan->unplaced && node->step->unplaced);
    const char *many = shards == 1 ? "" : "s", *several = plan->n_batches == 1 ? "" : "es";
    switch (node->scatter) {
    case KUNI_SCATTER_READS:
        return kuni_buffer_printf(out, err, "%zu shard%s x %zu batch%s", shards, many,
                                  plan->n_batches, several);
    case KUNI_SCATTER_SAMPLE:
        return kuni_buffer_printf(out, err, "each sample of %zu batch%s", plan->n_batches, several);
    case KUNI_SCATTER_SAMPLE_SHARD:
        return kuni_buffer_printf(out, err, "%zu shard%s x each sample of %zu batch%s", shards,
                                  many, plan->n_batches, several);
    case KUNI_SCATTER_BATCH:
        return kuni_buffer_printf(out, err, "%zu batch%s", plan->n_batches, several);
    case KUNI_SCATTER_REGION:
        return kuni_buffer_printf(out, err, "%zu shard%s", shards, many);
    case KUNI_SCATTER_COHORT:
        return kuni_buffer_printf(out, err, "once");
    case KUNI_SCATTER_RANKS:
        return kuni_buffer_printf(out, err, "all ranks together");
    }
    return KUNI_OK;
}

static size_t count_published(const kuni_node *node)
{
    size_t n = 0;
    for (size_t o = 0; o < node->n_outputs; o++) n += node->step->outputs[o].publish != NULL;
    return n;
}

/* What stands in a node's box, lines apart by `line`. */
static kuni_status put_label(kuni_buffer *out, const kuni_node *node, const kuni_plan *plan,
                             const char *line, bool mermaid, kuni_error *err)
{
    bool command = strcmp(node->stage->stage->name, "external") == 0 && !node->stage->plugin;
    const char *what = command ? "command" : node->stage->stage->name;
    kuni_status status = put_quoted(out, node->id, mermaid, err);
    if (!status && node->step->name[0])
        status = kuni_buffer_printf(out, err, ".%s", node->step->name);
    if (!status) status = kuni_buffer_printf(out, err, "%s", line);
    if (!status) status = put_quoted(out, what, mermaid, err);
    if (!status) status = kuni_buffer_printf(out, err, "%s", line);
    if (!status) status = put_scatter(out, node, plan, err);
    size_t n = count_published(node);
    if (!status && n)
        status = kuni_buffer_printf(out, err, "%spublishes %zu file%s", line, n, n == 1 ? "" : "s");
    return status;
}

static bool takes_reads(const kuni_node *node)
{
    return kuni_node_of_reads(node);
}

/* Edges between the same nodes are one, with all kinds on it. */
static kuni_status put_edge(kuni_buffer *out, const kuni_plan *plan, size_t to, size_t k,
                            bool mermaid, kuni_error *err)
{
    const kuni_node *node = &plan->nodes[to];
    size_t from = node->inputs[k].node;
    for (size_t i = 0; i < k; i++)
        if (node->inputs[i].node == from) return KUNI_OK;
    kuni_status status = mermaid
                             ? kuni_buffer_printf(out, err, "  n%zu -->|\"", from)
                             : kuni_buffer_printf(out, err, "  n%zu -> n%zu [label=\"", from, to);
    for (size_t i = k; i < node->n_inputs && !status; i++)
        if (node->inputs[i].node == from) {
            if (i > k) status = kuni_buffer_printf(out, err, mermaid ? ", " : "\\n");
            const kuni_port *port = &plan->nodes[from].step->outputs[node->inputs[i].output];
            if (!status) status = put_quoted(out, port->kind, mermaid, err);
        }
    if (status) return status;
    return mermaid ? kuni_buffer_printf(out, err, "\"| n%zu\n", to)
                   : kuni_buffer_printf(out, err, "\"]\n");
}

static kuni_status put_node(kuni_buffer *out, const kuni_plan *plan, size_t i, bool mermaid,
                            kuni_error *err)
{
    const kuni_node *node = &plan->nodes[i];
    kuni_status status =
        kuni_buffer_printf(out, err, mermaid ? "  n%zu[\"" : "  n%zu [label=\"", i);
    if (!status) status = put_label(out, node, plan, mermaid ? "<br/>" : "\\n", mermaid, err);
    if (!status)
        status = kuni_buffer_printf(out, err, "%s%s\n", mermaid ? "\"]" : "\"",
                                    mermaid                 ? ""
                                    : count_published(node) ? ", style=\"rounded,bold\"]"
                                                            : "]");
    if (!status && takes_reads(node))
        status =
            kuni_buffer_printf(out, err, mermaid ? "  reads --> n%zu\n" : "  reads -> n%zu\n", i);
    return status;
}

static kuni_status write_graph(kuni_buffer *out, const kuni_preview *p, bool mermaid,
                               kuni_error *err)
{
    const kuni_plan *plan = &p->run.plan;
    size_t n = p->run.cohort.n_samples;
    kuni_status status = kuni_buffer_printf(
        out, err, "%s%zu sample%s%s",
        mermaid
            ? "flowchart TD\n  reads[/\""
            : "digraph workflow {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"]\n"
              "  edge [fontname=\"sans-serif\", fontsize=10]\n  reads [shape=folder, style=\"\", "
              "label=\"",
        n, n == 1 ? "" : "s", mermaid ? "\"/]\n" : "\"]\n");
    for (size_t i = 0; i < plan->n_nodes && !status; i++)
        if (plan->nodes[i].stage) status = put_node(out, plan, i, mermaid, err);
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t k = 0; k < plan->nodes[i].n_inputs && !status; k++)
            if (plan->nodes[plan->nodes[i].inputs[k].node].stage)
                status = put_edge(out, plan, i, k, mermaid, err);
    return status || mermaid ? status : kuni_buffer_printf(out, err, "}\n");
}

/* Replaces the text by what `dot` makes of it. */
static kuni_status draw(kuni_buffer *text, kuni_error *err)
{
    FILE *drawn = tmpfile(), *given = tmpfile();
    kuni_status status = KUNI_OK;
    if (!drawn || !given || fwrite(text->data, 1, text->length, given) != text->length ||
        fflush(given) != 0 || lseek(fileno(given), 0, SEEK_SET) != 0)
        status = kuni_fail_errno(err, "cannot write a temporary file");
    pid_t child = status ? -1 : fork();
    if (child == 0) {
        if (dup2(fileno(given), STDIN_FILENO) >= 0 && dup2(fileno(drawn), STDOUT_FILENO) >= 0)
            (void)execlp("dot", "dot", "-Tsvg", (char *)NULL);
        _exit(127);
    }
    int how = 0;
    if (!status && (child < 0 || waitpid(child, &how, 0) != child))
        status = kuni_fail_errno(err, "cannot start dot");
    if (!status && how != 0)
        status = kuni_fail(err, KUNI_USAGE,
                           "`dot` of graphviz is not there or failed: install graphviz, or draw "
                           "what --format dot or mermaid give elsewhere");
    text->length = 0;
    char part[4096];
    if (!status && fseek(drawn, 0, SEEK_SET) != 0)
        status = kuni_fail_errno(err, "cannot read a temporary file");
    while (!status && !feof(drawn)) {
        size_t got = fread(part, 1, sizeof(part), drawn);
        if (ferror(drawn))
            status = kuni_fail_errno(err, "cannot read a temporary file");
        else
            status = kuni_buffer_append(text, part, got, err);
    }
    if (drawn) (void)fclose(drawn);
    if (given) (void)fclose(given);
    return status;
}

static kuni_status show(const kuni_preview *p, const request *r, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = write_graph(&text, p, r->form == FORM_MERMAID, err);
    if (!status && r->form == FORM_SVG) status = draw(&text, err);
    if (!status && r->output)
        status = kuni_file_put(r->output, text.data, text.length, err);
    else if (!status && fwrite(text.data, 1, text.length, stdout) != text.length)
        status = kuni_fail_errno(err, "cannot write to the standard output");
    kuni_buffer_fini(&text);
    return status;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    r->run.workflow = call->words[0];
    r->run.settings = r->settings.texts;
    r->run.n_settings = r->settings.n;
    r->run.jobs = 1;
    kuni_preview preview;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_preview_open(&preview, &r->run, &faults, &err);
    bool told = faults.length > 0;
    kuni_command_print_faults(&faults);
    kuni_buffer_fini(&faults);
    if (status) return told ? (int)status : kuni_command_fail(&err);
    status = show(&preview, r, &err);
    kuni_preview_fini(&preview);
    return status ? kuni_command_fail(&err) : 0;
}

const kuni_command kuni_cmd_graph = {
    .group = "Before a run",
    .name = "graph",
    .summary = "draw a workflow: stages, what flows between them, how each is cut",
    .about =
        "Draw a workflow: each step of its stages in a box, with what it runs and into how many "
        "tasks it\n"
        "is cut, and arrows with the kinds of file that flow. What is published is drawn bold.",
    .usage = "kuni graph [OPTIONS] WORKFLOW.yaml",
    .example = "kuni graph workflows/national.yaml --format svg --output national.svg",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
