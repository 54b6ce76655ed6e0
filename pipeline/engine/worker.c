/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "executor.h"
#include "injection.h"
#include "transport.h"

typedef struct worker {
    kuni_run *run;
    kuni_executor *executor;
    kuni_work *queue; /* handed out in advance */
    size_t n_queue, queue_capacity;
    kuni_buffer message;
    pid_t parent;
    bool told_signal, stop;
} worker;

static kuni_status send_value(worker *w, kuni_message_type type, uint64_t value, kuni_error *err)
{
    kuni_status status = kuni_message_start(&w->message, type, err);
    if (!status) status = kuni_message_put_u64(&w->message, value, err);
    return status ? status : kuni_transport_send(0, w->message.data, w->message.length, err);
}

static kuni_status send_result(worker *w, uint64_t id, const kuni_job_result *result,
                               kuni_error *err)
{
    kuni_status status = kuni_message_start(&w->message, KUNI_MESSAGE_RESULT, err);
    if (!status) status = kuni_message_put_u64(&w->message, id, err);
    if (!status) status = kuni_job_result_pack(result, &w->message, err);
    return status ? status : kuni_transport_send(0, w->message.data, w->message.length, err);
}

/* --- what rank 0 says --- */

static kuni_status take_work(worker *w, kuni_message_reader *reader, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&w->queue, &w->queue_capacity, w->n_queue + 1, sizeof(kuni_work), err);
    if (status) return status;
    kuni_work work = {.id = 0};
    status = kuni_work_unpack(&work, reader, err);
    if (status)
        kuni_work_fini(&work);
    else
        w->queue[w->n_queue++] = work;
    return status;
}

static kuni_status take_columns(worker *w, kuni_message_reader *reader, kuni_error *err)
{
    size_t n = w->run->cohort.n_samples;
    uint8_t *skip = kuni_alloc(n + 1, 1, err);
    kuni_status status = skip ? KUNI_OK : KUNI_MEMORY;
    while (!status && reader->at < reader->end) {
        uint64_t sample;
        status = kuni_message_get_u64(reader, &sample, err);
        if (!status && sample >= n)
            status = kuni_fail(err, KUNI_BUG,
                               "rank 0 sent an unknown sample: do all ranks read the "
                               "same manifest?");
        if (!status) skip[sample] = 1;
    }
    if (!status) status = kuni_run_set_columns(w->run, skip, err);
    free(skip);
    return status;
}

/* Errors are agreed on by all ranks inside, and rank 0 deals with them. */
static kuni_status enter_assembly(worker *w, kuni_message_reader *reader, kuni_error *err)
{
    kuni_work work = {.id = 0};
    kuni_job_result result;
    kuni_error agreed = KUNI_ERROR_INIT;
    kuni_status status = kuni_work_unpack(&work, reader, err);
    if (!status) {
        kuni_status together = kuni_executor_together(w->run, &work, &result, &agreed);
        (void)together;
        kuni_job_result_fini(&result);
    }
    kuni_work_fini(&work);
    return status;
}

static kuni_status hear(worker *w, bool *busy, kuni_error *err)
{
    kuni_buffer message = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    while (!status && !w->stop) {
        int rank;
        bool got;
        kuni_message_reader reader;
        status = kuni_transport_poll(&rank, &message, &got, err);
        if (status || !got) break;
        *busy = true;
        int type = kuni_message_open(&reader, &message);
        if (type == KUNI_MESSAGE_WORK)
            status = take_work(w, &reader, err);
        else if (type == KUNI_MESSAGE_TOGETHER)
            status = enter_assembly(w, &reader, err);
        else if (type == KUNI_MESSAGE_COLUMNS)
            status = take_columns(w, &reader, err);
        else if (type == KUNI_MESSAGE_REGROUP)
            status = kuni_transport_regroup(err);
        else if (type == KUNI_MESSAGE_STOP)
            w->stop = true;
        else
            status = kuni_fail(err, KUNI_BUG, "rank %d sent a message of unknown type", rank);
    }
    kuni_buffer_fini(&message);
    return status;
}

/* --- own work --- */

static kuni_status work_on(worker *w, bool *busy, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (bool done = true; done && !status;) {
        uint64_t id;
        kuni_job_result result = {.status = KUNI_OK};
        status = kuni_executor_poll(w->executor, &done, &id, &result, err);
        if (status || !done) break;
        *busy = true;
        status = send_result(w, id, &result, err);
        kuni_job_result_fini(&result);
    }
    while (!status && w->n_queue && kuni_executor_idle(w->executor)) {
        kuni_work work = w->queue[0];
        memmove(w->queue, w->queue + 1, --w->n_queue * sizeof(kuni_work));
        kuni_error fault = KUNI_ERROR_INIT;
        kuni_injection_crash_at("work");
        kuni_status started = kuni_executor_start(w->executor, &work, &fault);
        if (started) { /* this rank is short of something: rank 0 tries another */
            kuni_job_result result = {.status = started, .text = fault.text, .sample = -1};
            status = send_result(w, work.id, &result, err);
        }
        kuni_work_fini(&work);
        *busy = true;
    }
    return status;
}

static kuni_status keep_house(worker *w, bool *orphaned, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (kuni_stop_asked() && !w->told_signal) {
        kuni_executor_free(w->executor);
        w->executor = NULL;
        w->told_signal = true;
        status = send_value(w, KUNI_MESSAGE_SIGNAL, (uint64_t)kuni_stop_asked(), err);
    }
    if (!status && !kuni_transport_alive(0))
        return kuni_fail(err, KUNI_AGAIN, "rank 0 was lost: run the same command to go on");
    *orphaned = getppid() != w->parent;
    if (!status && *orphaned)
        status =
            kuni_fail(err, KUNI_AGAIN, "rank %d: the launcher has vanished: leaving", w->run->rank);
    return status;
}

kuni_status kuni_worker_run(kuni_run *run, bool *orphaned, kuni_error *err)
{
    worker w = {.run = run, .parent = getppid()};
    int64_t nap_us = 0;
    *orphaned = false;
    kuni_status status = kuni_executor_new(&w.executor, run, (size_t)run->options->jobs, err);
    while (!status && !w.stop) {
        bool busy = false;
        status = hear(&w, &busy, err);
        if (!status && !w.stop && w.executor) status = work_on(&w, &busy, err);
        if (!status && !w.stop) status = keep_house(&w, orphaned, err);
        if (busy) nap_us = 0;
        if (!status && !busy && w.executor)
            kuni_executor_wait(w.executor, kuni_nap_us(&nap_us));
        else if (!status && !busy)
            kuni_sleep_us(kuni_nap_us(&nap_us));
    }
    kuni_executor_free(w.executor);
    for (size_t i = 0; i < w.n_queue; i++) kuni_work_fini(&w.queue[i]);
    free(w.queue);
    kuni_buffer_fini(&w.message);
    return status;
}
