/* SPDX-License-Identifier: MIT */
#include "published_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mark.h"
#include "names.h"
#include "publish.h"
#include "reference.h"
#include "settings.h"

static kuni_status read_people(kuni_published_run *c, kuni_buffer *faults, kuni_error *err)
{
    kuni_run *run = &c->run;
    const kuni_cohort_sources sources = {.dataset = run->folder,
                                         .batch_size = (size_t)run->workflow.batch_size};
    char *path = kuni_register_path(run->folder, err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    if (!status && access(path, F_OK) == 0) /* else of a version without */
        status = kuni_cohort_read(&run->cohort, &sources, faults, err);
    free(path);
    return status ? status : kuni_samples_init(&c->samples, &run->cohort, err);
}

/* Who is told of by id in dataset.json has no column. */
static kuni_status leave_out(kuni_published_run *c, const json_t *ids, kuni_error *err)
{
    kuni_names names = {.table = NULL};
    kuni_status status = KUNI_OK;
    size_t i;
    json_t *id;
    if (!json_array_size(ids)) return KUNI_OK;
    json_array_foreach((json_t *)ids, i, id)
    {
        if (!status && json_is_string(id))
            status = kuni_names_add(&names, json_string_value(id), (uint32_t)i, err);
    }
    for (size_t s = 0; s < c->run.cohort.n_samples && !status; s++)
        if (!c->samples.skip[s] && kuni_names_find(&names, c->run.cohort.samples[s].id) >= 0)
            status = kuni_samples_quarantine(&c->samples, s, KUNI_VERDICT_THIS_RUN, "current",
                                             "left out when this was published", err);
    kuni_names_fini(&names);
    return status;
}

static bool is_text(const json_t *object, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value && strcmp(value, text) == 0;
}

/* Whether it tells of the run's people, reference and regions. */
static kuni_status hold_against(kuni_published_run *c, kuni_error *err)
{
    const json_t *json = c->published.json;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash hash;
    kuni_status status = kuni_keys_reference(&c->run, &hash, err);
    if (status) return status;
    kuni_hash_print(&hash, hex);
    if (!is_text(json_object_get(json, "reference"), "blake2b", hex)) return KUNI_OK;
    status = kuni_publish_regions(&c->run, hex, err);
    if (status || !is_text(json, "regions", hex)) return status;
    status = leave_out(c, c->published.quarantined, err);
    if (!status) status = leave_out(c, c->published.gated, err);
    if (!status) status = kuni_samples_people_digest(&c->samples, &hash, err);
    if (status) return status;
    kuni_hash_print(&hash, hex);
    c->stands = is_text(json, "people", hex);
    return KUNI_OK;
}

/* Whether no batch has come since; who is in them is held against its digest. */
static bool covers_all(const kuni_published_run *c)
{
    const kuni_cohort *cohort = &c->run.cohort;
    if (!kuni_register_is_compacted(cohort->batches, cohort->n_batches))
        return cohort->n_batches == c->published.n_batches;
    return kuni_register_rows_published(cohort->batches, cohort->n_batches, cohort->people) ==
           cohort->n_samples;
}

kuni_status kuni_published_run_open(kuni_published_run *c, const kuni_run_options *options,
                                    kuni_buffer *faults, kuni_error *err)
{
    *c = (kuni_published_run){.run = {.options = options, .size = 1}};
    kuni_run *run = &c->run;
    kuni_known_files known = {.files = NULL};
    kuni_status status = kuni_workflow_read(&run->workflow, options->workflow, options->settings,
                                            options->n_settings, faults, err);
    if (status) return status;
    run->folder = run->workflow.dataset;
    status = kuni_mark_check(run->folder, err);
    if (!status) status = kuni_published_read(&c->published, run->folder, err);
    if (status || !c->published.json) return status;
    status = read_people(c, faults, err);
    if (status || !covers_all(c)) return status;
    status = kuni_run_make_plan(run, err);
    if (!status) status = kuni_reference_digests(run, false, NULL, err);
    if (!status) status = kuni_keys_init(&c->keys, run, &known, NULL, err);
    if (!status) status = kuni_settings_check(run, &known, NULL, true, false, false, err);
    if (!status) status = hold_against(c, err);
    kuni_known_files_fini(&known);
    return status;
}

/* As dataset.json tells of it; NULL: it does not. */
static const json_t *stage_of(const json_t *json, const char *id)
{
    static const char *const lists[] = {"stages", "carried_stages"};
    for (size_t k = 0; k < 2; k++) {
        size_t i;
        json_t *stage;
        json_array_foreach(json_object_get(json, lists[k]), i, stage)
        {
            if (is_text(stage, "id", id)) return stage;
        }
    }
    return NULL;
}

/* Flags of a node and of what it is made from. */
static void mark_sources(const kuni_plan *plan, size_t node, bool of[KUNI_PLAN_NODES_MAX])
{
    of[node] = true;
    for (size_t i = node + 1; i-- > 0;) /* producers stand before consumers */
        for (size_t k = 0; of[i] && k < plan->nodes[i].n_inputs; k++)
            of[plan->nodes[i].inputs[k].node] = true;
}

kuni_status kuni_published_run_made(const kuni_published_run *c, size_t node, bool *same,
                                    kuni_error *err)
{
    const kuni_plan *plan = &c->run.plan;
    bool of[KUNI_PLAN_NODES_MAX] = {false};
    mark_sources(plan, node, of);
    *same = true;
    for (size_t i = 1, first = 1; i < plan->n_nodes && *same; i++) {
        char hex[KUNI_DIGEST_HEX_BYTES];
        if (plan->nodes[i].stage != plan->nodes[first].stage) first = i;
        if (!of[i]) continue;
        kuni_status status = kuni_publish_stage(&c->keys, plan, first, hex, err);
        if (status) return status;
        *same = is_text(stage_of(c->published.json, plan->nodes[first].id), "blake2b", hex);
    }
    return KUNI_OK;
}

kuni_status kuni_published_run_file(const kuni_published_run *c, const char *name, char **path,
                                    kuni_error *err)
{
    struct stat st;
    const json_t *file = json_object_get(json_object_get(c->published.json, "files"), name);
    *path = NULL;
    if (!file) return KUNI_OK;
    char *below = kuni_path_join("current", name, err);
    char *link = below ? kuni_path_join(c->run.folder, below, err) : NULL;
    free(below);
    if (!link) return KUNI_MEMORY;
    *path = realpath(link, NULL); /* of this generation, also when there is another soon */
    kuni_status status = *path ? KUNI_OK : kuni_fail_errno(err, "cannot open %s", link);
    free(link);
    if (status) return status;
    if (stat(*path, &st) != 0) return kuni_fail_errno(err, "cannot open %s", *path);
    int64_t bytes = json_integer_value(json_object_get(file, "bytes"));
    if (st.st_size == bytes) return KUNI_OK;
    return kuni_fail(err, KUNI_IO,
                     "%s has %lld bytes and was published with %" PRId64
                     ": `kuni verify` tells more, `kuni repair` mends the current generation",
                     *path, (long long)st.st_size, bytes);
}

void kuni_published_run_close(kuni_published_run *c)
{
    kuni_published_fini(&c->published);
    kuni_samples_fini(&c->samples);
    kuni_run_fini(&c->run);
}
