/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter.h"
#include "gvcf_writer.h"
#include "kuni/file.h"
#include "team.h"
#include "transport.h"

static kuni_status add_place(kuni_exporter *x, kuni_gvcf_writer *out, size_t sample, size_t place,
                             kuni_span span, kuni_error *err)
{
    kuni_task *task = NULL;
    kuni_status status = kuni_exporter_task(x, place, &task, err);
    size_t n_files = 0;
    const kuni_task_file *files = status ? NULL : kuni_task_inputs(task, "evidence", &n_files);
    for (size_t i = 0; i < n_files && !status; i++) {
        const kuni_batch *batch = &x->run->cohort.batches[files[i].batch];
        if (sample < batch->first || sample >= batch->first + batch->n_samples) continue;
        const kuni_evidence_file file = {
            .path = files[i].path, .offset = files[i].offset, .bytes = files[i].bytes};
        status = kuni_gvcf_add_part(out, &file, span.beg, span.end, err);
    }
    return status;
}

static kuni_status gvcf_path(const kuni_exporter *x, size_t sample, char path[4096],
                             kuni_error *err)
{
    const char *id = x->run->cohort.samples[sample].id;
    if (strchr(id, '/') || snprintf(path, 4096, "%s/%s.g.vcf.gz", x->request->out, id) >= 4096)
        return kuni_fail(err, KUNI_USAGE, "sample %s: no file name can be made of the id", id);
    return KUNI_OK;
}

static kuni_status export_gvcf(kuni_exporter *x, const joint_export_person *persons, size_t sample,
                               kuni_error *err)
{
    char path[4096];
    kuni_gvcf_writer *out;
    kuni_status status = gvcf_path(x, sample, path, err);
    const kuni_gvcf_person person = {.ploidy = x->run->ploidy,
                                     .karyotype = persons[sample].karyotype,
                                     .undecided = persons[sample].undecided,
                                     .diploid = x->request->diploid};
    if (!status)
        status = kuni_gvcf_create(&out, path, x->run->genome, x->run->cohort.samples[sample].id,
                                  person, err);
    if (status) return status;
    for (size_t i = 0; i < x->n_spans && !status; i++) {
        size_t place, end;
        kuni_exporter_places(x, i, &place, &end);
        for (; place < end && !status; place++) {
            kuni_span span = kuni_exporter_part(x, place, i);
            if (span.beg < span.end) status = add_place(x, out, sample, place, span, err);
            kuni_arena_clear(x->arena);
        }
    }
    if (status)
        kuni_gvcf_discard(out);
    else
        status = kuni_gvcf_finish(out, err);
    return status;
}

static kuni_status export_share(void *context, size_t share, size_t n_shares, kuni_error *err)
{
    kuni_exporter *x = context;
    kuni_task *task = NULL; /* of any shard: who has which copies is the same in all */
    joint_export_person *persons = kuni_alloc(x->run->cohort.n_samples, sizeof(*persons), err);
    kuni_status status = persons ? kuni_exporter_enter(x, err) : KUNI_MEMORY;
    if (!status) status = kuni_exporter_task(x, 0, &task, err);
    if (!status) status = joint_export_persons(task, persons, err);
    kuni_arena_clear(x->arena);
    for (size_t i = 0; i < x->run->cohort.n_samples && !status; i++)
        if (x->columns[i] >= 0 && (size_t)x->columns[i] % n_shares == share)
            status = export_gvcf(x, persons, i, err);
    free(persons);
    return status;
}

kuni_status kuni_export_gvcfs(kuni_exporter *x, kuni_error *err)
{
    bool leads = kuni_transport_rank() == 0;
    kuni_status status = leads ? kuni_make_folders(x->request->out, err) : KUNI_OK;
    status = kuni_transport_agree(status, err);
    if (!status) status = kuni_team_run(x->request->jobs, export_share, x, err);
    for (size_t i = 0; leads && i < x->run->cohort.n_samples && !status; i++) {
        char path[4096];
        if (x->columns[i] < 0) continue;
        status = gvcf_path(x, i, path, err);
        if (!status) printf("%s\n", path);
    }
    return status;
}
