/* SPDX-License-Identifier: MIT */
#include "flow.h"

#include <stdio.h>
#include <string.h>

#include "stage_table.h"

typedef struct shape {
    const kuni_step *steps;
    size_t n_steps;
    bool unknown; /* the stage's faults hide what it takes and gives */
} shape;

static bool gives(const kuni_step *steps, size_t n_steps, const char *kind)
{
    for (size_t s = 0; s < n_steps; s++)
        for (const kuni_port *port = steps[s].outputs; port && port->kind; port++)
            if (strcmp(port->kind, kind) == 0) return true;
    return false;
}

/* A kind that another stage of the workflow gives and that reads like this one; NULL. */
static const char *nearest_kind(const entries *all, const shape *shapes, const entry *e,
                                const char *kind)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < all->n && !nearest; i++) {
        const shape *other = &shapes[all->list[i].place];
        if (&all->list[i] == e) continue;
        for (size_t k = 0; k < other->n_steps && !nearest; k++)
            for (const kuni_port *port = other->steps[k].outputs; port && port->kind; port++)
                if (kuni_nearest(kind, &port->kind, 1)) nearest = port->kind;
    }
    return nearest;
}

static bool comes_to(const entries *all, const shape *shapes, const bool *upstream, size_t place,
                     const char *kind);

/* Whether the stage at a place gives the kind where it stands: some outputs need an input of a kind. */
static bool gives_there(const entries *all, const shape *shapes, const bool *upstream, size_t place,
                        const char *kind)
{
    const shape *own = &shapes[place];
    if (own->unknown) return true;
    for (size_t s = 0; s < own->n_steps; s++)
        for (const kuni_port *port = own->steps[s].outputs; port && port->kind; port++)
            if (strcmp(port->kind, kind) == 0 &&
                (!port->with || comes_to(all, shapes, upstream, place, port->with)))
                return true;
    return false;
}

/* Whether a stage upstream gives the kind. */
static bool comes_to(const entries *all, const shape *shapes, const bool *upstream, size_t place,
                     const char *kind)
{
    for (size_t j = 0; j < all->n; j++)
        if (upstream[place * all->n + j] && gives_there(all, shapes, upstream, j, kind))
            return true;
    return false;
}

/* A stage that would give the kind with other parameters, or if it took another. */
static const entry *find_other_shape(const entries *all, const shape *shapes, const entry *e,
                                     const char *kind, const char **with)
{
    for (size_t i = 0; i < all->n; i++) {
        const entry *other = &all->list[i];
        const kuni_stage *stage = other->stage.stage;
        const shape *own = &shapes[other->place];
        *with = NULL;
        for (size_t s = 0; s < own->n_steps; s++)
            for (const kuni_port *port = own->steps[s].outputs; port && port->kind; port++)
                if (strcmp(port->kind, kind) == 0) *with = port->with;
        bool might = stage->shape && gives(stage->steps, stage->n_steps, kind) &&
                     !gives(own->steps, own->n_steps, kind);
        if (other != e && (*with || might)) return other;
    }
    return NULL;
}

static void report_no_producer(kuni_reader *reader, const entries *all, const shape *shapes,
                               const entry *e, const char *kind)
{
    const kuni_yaml_node *at = e->needs_node ? e->needs_node : e->id_node;
    const char *with;
    const entry *would = find_other_shape(all, shapes, e, kind, &with);
    if (would && with) {
        kuni_yaml_fault(reader->faults, at,
                        "stage '%s' takes '%s', which '%s' gives only where it takes '%s' itself; "
                        "expected a stage before that which gives '%s', or another kind",
                        e->stage.id, kind, would->stage.id, with, with);
        return;
    }
    if (would) {
        kuni_yaml_fault(reader->faults, at,
                        "stage '%s' takes '%s', which '%s' does not give with these parameters; "
                        "expected others (`kuni stages %s`), or another kind",
                        e->stage.id, kind, would->stage.id, would->stage.stage->name);
        return;
    }
    for (size_t i = 0; i < all->n; i++) {
        const entry *other = &all->list[i];
        if (other == e || !gives(shapes[other->place].steps, shapes[other->place].n_steps, kind))
            continue;
        kuni_yaml_fault(
            reader->faults, at,
            "stage '%s' takes '%s', which no stage upstream of it gives; expected '%s' among "
            "its needs",
            e->stage.id, kind, other->stage.id);
        return;
    }
    size_t n;
    const char *giver = NULL;
    const kuni_stage *const *stages = kuni_stage_list(&n);
    for (size_t i = 0; i < n && !giver; i++)
        if (gives(stages[i]->steps, stages[i]->n_steps, kind)) giver = stages[i]->name;
    const char *near = giver ? NULL : nearest_kind(all, shapes, e, kind);
    kuni_yaml_fault(reader->faults, at, "stage '%s' takes '%s', which no stage gives%s%s%s",
                    e->stage.id, kind,
                    giver  ? "; expected a stage before it that does, such as `uses: "
                    : near ? "; did you mean '"
                           : "; `kuni stages` tells the kinds that the built-in ones give",
                    giver  ? giver
                    : near ? near
                           : "",
                    giver  ? "`"
                    : near ? "'?"
                           : "");
}

/* upstream[i * n + j]: the stage at place i comes after that at place j. */
static bool *find_upstream(kuni_reader *reader)
{
    const kuni_workflow *w = reader->workflow;
    size_t n = w->n_stages;
    bool *upstream = kuni_arena_alloc(reader->arena, n * n, sizeof(bool), reader->err);
    for (size_t i = 0; upstream && i < n; i++)
        for (size_t k = 0; k < w->stages[i].n_needs; k++) {
            size_t need = w->stages[i].needs[k];
            upstream[i * n + need] = true;
            for (size_t j = 0; j < n; j++)
                if (upstream[need * n + j]) upstream[i * n + j] = true;
        }
    return upstream;
}

/* The node that a fault of a stage's parameters is about: "KEY: ..." names it. */
static const kuni_yaml_node *node_of_fault(const entry *e, const char *text)
{
    char key[KUNI_YAML_WORD_BYTES];
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(text, ":"), text);
    const kuni_yaml_node *node = kuni_yaml_get(e->node, key);
    if (!node) node = kuni_yaml_get(e->node, "run");
    return node ? node : e->node;
}

/* Asks each stage for its steps with these parameters. */
static kuni_status find_shapes(kuni_reader *reader, const entries *all, shape *shapes)
{
    for (size_t i = 0; i < all->n; i++) {
        const entry *e = &all->list[i];
        kuni_workflow_stage *stage = &reader->workflow->stages[e->place];
        shape *s = &shapes[e->place];
        if (stage->stage->shape && e->faulty) {
            s->unknown = true;
            continue;
        }
        kuni_error err = KUNI_ERROR_INIT;
        kuni_status status = kuni_stage_steps(stage->stage, stage->params, reader->arena, &s->steps,
                                              &s->n_steps, &err);
        if (status && status != KUNI_USAGE)
            return kuni_fail(reader->err, status, "stage %s: %s", stage->id, err.text);
        if (status) {
            kuni_yaml_fault(reader->faults, node_of_fault(e, err.text), "stage '%s': %s", stage->id,
                            err.text);
            *s = (shape){.unknown = true};
        } else if (s->n_steps) {
            stage->scatter = s->steps[0].scatter;
        }
    }
    return KUNI_OK;
}

/* --- published names --- */

/* What a run puts into a generation by itself. */
static const char *const reserved[] = {"dataset.json", "failures.tsv", "data_dictionary.tsv", NULL};

/* Whether two names cannot stand in one folder: they are one, or one is a folder of the other. */
static bool collide(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return (!a[n] && (!b[n] || b[n] == '/')) || (!b[n] && a[n] == '/');
}

/* The published output that comes after `*port` of a stage in order of steps; NULL at the end. */
static const char *next_published(const shape *s, size_t *step, size_t *port)
{
    for (; *step < s->n_steps; (*step)++, *port = 0)
        for (const kuni_port *outputs = s->steps[*step].outputs; outputs && outputs[*port].kind;
             (*port)++)
            if (outputs[*port].publish) return outputs[(*port)++].publish;
    return NULL;
}

static void check_name(kuni_reader *reader, const entry *e, const char *name)
{
    const kuni_yaml_node *own = kuni_yaml_get(e->node, "publish");
    const kuni_yaml_node *at = own ? own : e->node;
    for (size_t i = 0; reserved[i]; i++)
        if (collide(name, reserved[i]))
            kuni_yaml_fault(reader->faults, at,
                            "stage '%s' publishes '%s', which is the dataset's own; expected "
                            "another name",
                            e->stage.id, name);
}

/* Reports the first name of a stage that an earlier one, or itself, has already. */
static void check_names(kuni_reader *reader, const entries *all, const shape *shapes, size_t i)
{
    const entry *e = &all->list[i];
    const kuni_yaml_node *own = kuni_yaml_get(e->node, "publish");
    const char *name;
    for (size_t step = 0, port = 0; (name = next_published(&shapes[e->place], &step, &port));) {
        check_name(reader, e, name);
        for (size_t j = 0; j < i; j++) {
            const char *other;
            const entry *first = &all->list[j];
            for (size_t s = 0, p = 0; (other = next_published(&shapes[first->place], &s, &p));) {
                if (!collide(name, other)) continue;
                kuni_yaml_fault(reader->faults, own ? own : e->node,
                                "stage '%s' publishes '%s', stage '%s' on line %lld '%s'; "
                                "expected names that can stand in one folder%s",
                                e->stage.id, name, first->stage.id, (long long)first->node->line,
                                other, own ? "" : ": one of the two stages has to go");
                return;
            }
        }
    }
}

/* Files of a kind that cannot be put together by samples, where no stage upstream makes it once a sample. */
static void check_of_samples(kuni_reader *reader, const entries *all, const shape *shapes,
                             const bool *upstream, const entry *e, const char *kind)
{
    const kuni_yaml_node *own = kuni_yaml_get(e->node, "gather");
    const entry *giver = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const entry *other = &all->list[i];
        const shape *s = &shapes[other->place];
        if (!upstream[e->place * all->n + other->place]) continue;
        if (s->unknown) return;
        for (size_t k = 0; k < s->n_steps; k++) {
            if (!gives(&s->steps[k], 1, kind)) continue;
            if (kuni_scatter_by_sample(s->steps[k].scatter)) return;
            giver = other;
        }
    }
    if (giver)
        kuni_yaml_fault(reader->faults, own ? own : e->node,
                        "stage '%s': gather: stage '%s' does not make '%s' once a sample; expected "
                        "a kind of a stage with scatter: sample, or no gather",
                        e->stage.id, giver->stage.id, kind);
}

/* Whether an earlier step, or port, asks for the same: nobody needs to be told twice. */
static bool asked_before(const shape *own, size_t step, const kuni_port *port)
{
    for (size_t s = 0; s <= step; s++)
        for (const kuni_port *p = own->steps[s].inputs; p && p->kind && p != port; p++)
            if (!p->optional && strcmp(p->kind, port->kind) == 0) return true;
    return false;
}

static void check_inputs(kuni_reader *reader, const entries *all, const shape *shapes,
                         const bool *upstream, const entry *e)
{
    const shape *own = &shapes[e->place];
    for (size_t s = 0; s < own->n_steps; s++)
        for (const kuni_port *port = own->steps[s].inputs; port && port->kind; port++) {
            bool found = port->optional || gives(own->steps, s, port->kind);
            if (!found) found = comes_to(all, shapes, upstream, e->place, port->kind);
            if (!found && !asked_before(own, s, port))
                report_no_producer(reader, all, shapes, e, port->kind);
            if (found && port->of_samples)
                check_of_samples(reader, all, shapes, upstream, e, port->kind);
        }
}

kuni_status kuni_flow_check(kuni_reader *reader, const entries *all)
{
    size_t n = all->n;
    shape *shapes = kuni_arena_alloc(reader->arena, n, sizeof(*shapes), reader->err);
    const bool *upstream = find_upstream(reader);
    if (!shapes || !upstream) return KUNI_MEMORY;
    if (find_shapes(reader, all, shapes)) return reader->err->status;
    for (size_t i = 0; i < n; i++) check_names(reader, all, shapes, i);
    for (size_t i = 0; i < n; i++) check_inputs(reader, all, shapes, upstream, &all->list[i]);
    return KUNI_OK;
}
