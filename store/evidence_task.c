/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "kuni/evidence.h"
#include "kuni/stage.h"

kuni_status kuni_evidence_create_for_task(kuni_evidence_writer **writer, const kuni_task *task,
                                          const char *stage, int version, kuni_error *err)
{
    const kuni_batch *batch = &task->batches[task->batch];
    kuni_span shard = task->shards[task->shard];
    kuni_buffer params = KUNI_BUFFER_INIT, producer = KUNI_BUFFER_INIT;
    char md5[33];
    kuni_status status = kuni_genome_md5(task->genome, shard.tid, md5, err);
    if (status) return status;
    const char **ids = kuni_alloc(batch->n_samples + 1, sizeof(*ids), err);
    if (!ids) return KUNI_MEMORY;
    for (size_t i = 0; i < batch->n_samples; i++) ids[i] = task->samples[batch->first + i].id;
    status = kuni_params_print(task->params, &params, err);
    if (!status) status = kuni_buffer_printf(&producer, err, "%s %d", stage, version);
    if (!status) {
        kuni_evidence_header header = {.shard = shard,
                                       .contig = kuni_genome_contig(task->genome, shard.tid)->name,
                                       .reference_md5 = md5,
                                       .producer = producer.data,
                                       .params = params.data ? params.data : "",
                                       .samples = ids,
                                       .n_samples = (uint32_t)batch->n_samples};
        status = kuni_evidence_create(writer, kuni_task_output(task, "evidence"), &header, err);
    }
    kuni_buffer_fini(&params);
    kuni_buffer_fini(&producer);
    free(ids);
    return status;
}
