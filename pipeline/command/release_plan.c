/* SPDX-License-Identifier: MIT */
#include "release_plan.h"

#include <jansson.h>
#include <string.h>

#include "container.h"
#include "room.h"

const char *const *kuni_release_files(kuni_release_form form)
{
    static const char *const dense[] = {"calls.bcf", "calls.bcf.csi", NULL};
    static const char *const sparse[] = {"calls.sparse.vcf.gz", "calls.sparse.vcf.gz.csi", NULL};
    static const char *const sites[] = {"sites.bcf", "sites.bcf.csi", NULL};
    static const char *const none[] = {NULL};
    return form == KUNI_FORM_DENSE    ? dense
           : form == KUNI_FORM_SPARSE ? sparse
           : form == KUNI_FORM_SITES  ? sites
                                      : none;
}

static int64_t length_of(const kuni_regions *regions)
{
    int64_t bp = 0;
    for (size_t i = 0; i < regions->n_spans; i++)
        bp += regions->spans[i].end - regions->spans[i].beg;
    return bp;
}

static kuni_status choose_regions(kuni_release_plan *p, kuni_error *err)
{
    const kuni_request *q = &p->request;
    kuni_status status = KUNI_OK;
    if (q->regions.n || !q->bed)
        status = kuni_regions_choose(&p->regions, q->regions.texts, q->regions.n, p->genome, err);
    if (!status && q->bed)
        status = kuni_regions_read_bed(&p->regions, q->bed, p->genome, false, err);
    p->genome_bp = json_integer_value(json_object_get(p->selection.published.json, "regions_bp"));
    p->bp = length_of(&p->regions);
    if (p->bp > p->genome_bp) p->bp = p->genome_bp;
    return status;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n >= m && strcmp(name + n - m, ending) == 0;
}

/* Of published files with sites alone, or with genotypes. */
static double published_bytes(const json_t *json, bool sites)
{
    double bytes = 0;
    const char *name;
    json_t *file;
    json_object_foreach(json_object_get(json, "files"), name, file)
    {
        bool is_sites = strstr(name, ".sites.") != NULL;
        bool is_calls = ends_with(name, ".bcf") || ends_with(name, ".vcf.gz");
        if (is_calls && is_sites == sites)
            bytes += (double)json_integer_value(json_object_get(file, "bytes"));
    }
    return bytes;
}

/*
 * In proportion to people and bases. What a record has beside genotypes does not shrink with the people:
 * where sites are published apart, their size stands for it. An upper bound as a rule: sites that
 * none of the people varies at are left out.
 */
static void estimate(kuni_release_plan *p, int64_t jobs)
{
    enum { BYTES_A_SECOND = 3000000 }; /* of one process: see tests/bench/release-speed */
    const json_t *json = p->selection.published.json;
    double people = (double)json_integer_value(json_object_get(json, "samples"));
    double part = p->genome_bp ? (double)p->bp / (double)p->genome_bp : 0;
    double sites = published_bytes(json, true), calls = published_bytes(json, false);
    double chosen = people > 0 ? (double)p->selection.n / people : 0;
    double genotypes = calls > sites ? calls - sites : calls;
    bool only_sites = p->request.form == KUNI_FORM_SITES;
    if (p->request.form == KUNI_FORM_TABLES) return;
    p->bytes = part * (sites + (only_sites ? 0 : genotypes * chosen));
    p->seconds = part * (sites + genotypes * chosen) / BYTES_A_SECOND / (double)jobs;
}

/* What cannot be sealed to is told before anything is counted. */
static kuni_status check_public_keys(const kuni_request *q, kuni_error *err)
{
    kuni_public_key ignored;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < q->encryption.n && !status; i++)
        status = kuni_public_key_read(&ignored, q->encryption.texts[i], err);
    if (!status && q->custodian) status = kuni_public_key_read(&ignored, q->custodian, err);
    return status;
}

kuni_status kuni_release_plan_make(kuni_release_plan *p, const char *request, const char *out,
                                   int64_t jobs, kuni_buffer *faults, kuni_error *err)
{
    char day[16];
    *p = (kuni_release_plan){.free_bytes = -1, .past.memory.lock = -1};
    kuni_status status = kuni_request_read(&p->request, request, faults, err);
    if (!status) status = check_public_keys(&p->request, err);
    if (!status)
        status = kuni_workflow_read(&p->workflow, p->request.workflow, NULL, 0, faults, err);
    kuni_today(day);
    if (!status)
        status =
            kuni_selection_make(&p->selection, &p->request, p->workflow.dataset, day, faults, err);
    if (!status) status = kuni_release_past_read(&p->past, &p->request, &p->selection, err);
    if (!status) status = kuni_genome_open(&p->genome, p->workflow.reference, err);
    if (!status) status = choose_regions(p, err);
    if (status) return status;
    estimate(p, jobs);
    p->free_bytes = kuni_room_on(out ? out : ".");
    return KUNI_OK;
}

void kuni_release_plan_fini(kuni_release_plan *p)
{
    kuni_regions_fini(&p->regions);
    if (p->genome) kuni_genome_close(p->genome);
    kuni_release_past_fini(&p->past);
    kuni_selection_fini(&p->selection);
    kuni_workflow_fini(&p->workflow);
    kuni_request_fini(&p->request);
}
