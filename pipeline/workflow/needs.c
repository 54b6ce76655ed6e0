/* SPDX-License-Identifier: MIT */
#include "needs.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/params.h"

void kuni_needs_check_ids(kuni_reader *reader, const entries *all)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t j = 0; all->list[i].stage.id && j < i; j++) {
            const entry *e = &all->list[i], *other = &all->list[j];
            if (!other->stage.id || strcmp(e->stage.id, other->stage.id) != 0) continue;
            kuni_yaml_fault(reader->faults, e->id_node,
                            "id: '%s' stands twice; the stage on line %lld has it already",
                            e->stage.id, (long long)other->id_node->line);
            break;
        }
}

static void add_need(kuni_reader *reader, const entries *all, entry *e, const kuni_yaml_node *node)
{
    const char *id = kuni_reader_text(reader, node, "needs", "the id of a stage, or a list of ids");
    if (!id) return;
    const char *ids[STAGES_MAX];
    size_t n_ids = 0, at = 0;
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i].stage.id && &all->list[i] != e) ids[n_ids++] = all->list[i].stage.id;
    while (at < all->n && (!all->list[at].stage.id || strcmp(all->list[at].stage.id, id) != 0))
        at++;
    if (at == all->n) {
        const char *near = kuni_nearest(id, ids, n_ids);
        kuni_yaml_fault(reader->faults, node, "needs: no stage has the id '%.100s'%s%s%s", id,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return;
    }
    if (&all->list[at] == e) {
        kuni_yaml_fault(reader->faults, node, "needs: stage '%s' needs itself", id);
        return;
    }
    for (size_t i = 0; i < e->n_needs; i++)
        if (e->needs[i] == at) {
            kuni_yaml_fault(reader->faults, node, "needs: '%s' stands twice", id);
            return;
        }
    e->needs[e->n_needs++] = at;
}

static void read_needs(kuni_reader *reader, const entries *all, entry *e)
{
    const kuni_yaml_node *needs = e->needs_node = kuni_yaml_get(e->node, "needs");
    if (!needs) return;
    if (needs->type != KUNI_YAML_LIST) {
        add_need(reader, all, e, needs);
        return;
    }
    for (size_t i = 0; i < needs->n; i++) add_need(reader, all, e, needs->values[i]);
}

/*
 * Walks from a stage that could not be sorted to the circle that holds it up, and reports that
 * once.
 */
static kuni_status report_circle(kuni_reader *reader, const entries *all, size_t from)
{
    size_t path[STAGES_MAX], n = 0, at = from, first = STAGES_MAX;
    while (!all->list[at].done) {
        all->list[at].done = true;
        path[n++] = at;
        const entry *e = &all->list[at];
        size_t next = STAGES_MAX;
        for (size_t i = 0; i < e->n_needs && next == STAGES_MAX; i++)
            if (all->list[e->needs[i]].place == SIZE_MAX) next = e->needs[i];
        at = next;
    }
    for (size_t i = 0; i < n; i++)
        if (path[i] == at) first = i;
    if (first == STAGES_MAX) return KUNI_OK; /* leads into a circle that was reported */
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = first; !status && i <= n; i++)
        status = kuni_buffer_printf(&text, reader->err, "%s%s", i > first ? " -> " : "",
                                    all->list[i < n ? path[i] : path[first]].stage.id);
    if (!status)
        kuni_yaml_fault(reader->faults, all->list[path[first]].needs_node,
                        "needs: stages wait for each other: %s; expected no circle", text.data);
    kuni_buffer_fini(&text);
    return status;
}

/* Places stages so that needs come first; among those that are free the first in the file. */
kuni_status kuni_needs_sort(kuni_reader *reader, const entries *all)
{
    size_t n_placed = 0;
    for (size_t i = 0; i < all->n; i++) all->list[i].place = SIZE_MAX;
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < all->n && !progress; i++) {
            entry *e = &all->list[i];
            bool free_now = e->place == SIZE_MAX;
            for (size_t k = 0; k < e->n_needs; k++)
                free_now = free_now && all->list[e->needs[k]].place != SIZE_MAX;
            if (!free_now) continue;
            e->place = n_placed++;
            e->done = progress = true;
        }
    }
    for (size_t i = 0; i < all->n; i++)
        if (!all->list[i].done && report_circle(reader, all, i)) return reader->err->status;
    return KUNI_OK;
}

kuni_status kuni_needs_take_over(kuni_reader *reader, const entries *all)
{
    kuni_workflow *w = reader->workflow;
    for (size_t i = 0; i < all->n; i++) {
        entry *e = &all->list[i];
        kuni_workflow_stage *stage = &w->stages[e->place];
        *stage = e->stage;
        e->stage.params = NULL; /* now the workflow's */
        size_t *needs =
            kuni_arena_alloc(reader->arena, e->n_needs + 1, sizeof(size_t), reader->err);
        if (!needs) return KUNI_MEMORY;
        for (size_t k = 0; k < e->n_needs;
             k++) { /* insertion sort: order in `needs` has no meaning */
            size_t place = all->list[e->needs[k]].place, at = k;
            for (; at > 0 && needs[at - 1] > place; at--) needs[at] = needs[at - 1];
            needs[at] = place;
        }
        stage->file = e->node->file;
        stage->line = e->node->line;
        stage->column = e->node->column;
        stage->needs = needs;
        stage->n_needs = e->n_needs;
    }
    return KUNI_OK;
}

void kuni_needs_read(kuni_reader *reader, const entries *all)
{
    for (size_t i = 0; i < all->n; i++) read_needs(reader, all, &all->list[i]);
}

/* Adds a need; one that is off stands for those that it has itself. */
static void hand_on(const entries *all, size_t need, bool *seen, entry *e)
{
    if (seen[need]) return;
    seen[need] = true;
    if (!all->list[need].off)
        e->needs[e->n_needs++] = need;
    else
        for (size_t i = 0; i < all->list[need].n_needs; i++)
            hand_on(all, all->list[need].needs[i], seen, e);
}

void kuni_needs_switch_off(entries *all)
{
    size_t place[STAGES_MAX], n = 0;
    bool any = false;
    for (size_t i = 0; i < all->n; i++) any = any || all->list[i].off;
    for (size_t i = 0; any && i < all->n; i++) {
        entry *e = &all->list[i];
        bool seen[STAGES_MAX] = {false};
        size_t old[STAGES_MAX], n_old = e->n_needs;
        if (e->off) continue;
        memcpy(old, e->needs, n_old * sizeof(*old));
        e->n_needs = 0;
        for (size_t k = 0; k < n_old; k++) hand_on(all, old[k], seen, e);
    }
    for (size_t i = 0; any && i < all->n; i++) place[i] = all->list[i].off ? SIZE_MAX : n++;
    for (size_t i = 0; any && i < all->n; i++) {
        entry *e = &all->list[i];
        for (size_t k = 0; k < e->n_needs && !e->off; k++) e->needs[k] = place[e->needs[k]];
        if (e->off)
            kuni_params_free(e->stage.params);
        else
            all->list[place[i]] = *e;
    }
    if (any) all->n = n;
}
