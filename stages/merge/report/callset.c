/* SPDX-License-Identifier: MIT */
/* The step "report": sums the shards' numbers, works out what follows from them, publishes. */
#include "callset.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

static kuni_status open_rows(callset *set, kuni_error *err)
{
    char *path = kuni_path_join(set->task->scratch, "common-sites", err);
    if (!path) return KUNI_MEMORY;
    set->common.rows = fopen(path, "w+b");
    kuni_status status =
        set->common.rows ? KUNI_OK : kuni_fail_errno(err, "cannot create %s", path);
    if (!status) (void)unlink(path); /* it lives as long as it is open */
    free(path);
    return status;
}

static kuni_status add_shards(callset *set, kuni_error *err)
{
    size_t n_counts, n_sites;
    const kuni_task *task = set->task;
    const kuni_task_file *counts = kuni_task_inputs(task, "call-counts", &n_counts);
    const kuni_task_file *sites = kuni_task_inputs(task, "common-sites", &n_sites);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n_counts && !status; i++) {
        status = callset_totals_add(&set->totals, counts[i].path, err);
        if (task->heartbeat) task->heartbeat((int64_t)i);
    }
    for (size_t i = 0; i < n_sites && !status; i++)
        status = common_sites_list_add(&set->common, sites[i].path, err);
    return status;
}

static kuni_status prepare(callset *set, kuni_error *err)
{
    const kuni_task *task = set->task;
    kuni_status status = callset_totals_init(&set->totals, task, err);
    if (status) return status;
    set->common.n_columns = set->totals.n_columns;
    set->common.stretch = common_sites_stretch(task);
    set->samples = kuni_alloc((size_t)set->totals.n_columns + 1, sizeof(*set->samples), err);
    if (!set->samples) return KUNI_MEMORY;
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0) set->samples[task->columns[i]] = &task->samples[i];
    return open_rows(set, err);
}

static kuni_status publish(const callset *set, kuni_error *err)
{
    const kuni_task *task = set->task;
    kuni_status status = callset_write_summary(set, kuni_task_output(task, "call-summary"), err);
    if (!status)
        status =
            callset_write_distributions(set, kuni_task_output(task, "call-distributions"), err);
    if (!status) status = callset_write_samples(set, kuni_task_output(task, "call-samples"), err);
    if (!status) status = callset_write_trios(set, kuni_task_output(task, "call-trios"), err);
    if (!status) status = callset_write_windows(set, kuni_task_output(task, "call-windows"), err);
    if (!status) status = callset_write_related(set, kuni_task_output(task, "call-related"), err);
    if (!status)
        status = callset_write_common_sites(set, kuni_task_output(task, "call-common-sites"), err);
    if (!status) status = callset_write_page(set, kuni_task_output(task, "call-report"), err);
    if (!status) status = callset_write_dictionary(kuni_task_output(task, "call-dictionary"), err);
    if (!status)
        status = callset_write_multiqc(set, kuni_task_output(task, "call-multiqc"),
                                       kuni_task_output(task, "call-multiqc-frequencies"), err);
    return status;
}

kuni_status callset_report_run(const kuni_task *task, kuni_error *err)
{
    callset set = {.task = task};
    kuni_status status = prepare(&set, err);
    if (!status) status = add_shards(&set, err);
    if (!status) status = callset_find_outliers(&set, err);
    if (!status) status = callset_find_components(&set, err);
    if (!status) status = callset_find_kin(&set, err);
    if (!status) status = publish(&set, err);
    if (set.common.rows) (void)fclose(set.common.rows); /* scratch */
    common_sites_list_fini(&set.common);
    callset_totals_fini(&set.totals);
    free(set.components);
    free(set.outliers);
    free(set.kin);
    free(set.samples);
    return status;
}
