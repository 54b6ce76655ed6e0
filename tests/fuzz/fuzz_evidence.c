/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an evidence file: an error or some content, never a crash, a leak or an absurd
 * allocation.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kuni/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every value that the chunk promises, so that the sanitizers see each pointer used. */
static uint64_t touch(const kuni_evidence_chunk *chunk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < chunk->n_alleles; i++)
        sum += (uint64_t)chunk->alleles[i].ref[0] + (uint64_t)chunk->alleles[i].alt[0];
    for (size_t i = 0; i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        uint32_t n = event->n_alleles, n_pl = event->ploidy == 1 ? n : n * (n + 1) / 2;
        for (uint32_t k = 0; k < n; k++)
            sum += (uint64_t)event->alleles[k][0] + (event->ad ? event->ad[k] : 0) +
                   (uint64_t)chunk->sets[event->set].census[k];
        for (uint32_t k = 0; event->pl && k < n_pl; k++) sum += event->pl[k];
        if (event->gt[0] >= (int)n || event->gt[1] >= (int)n) abort();
    }
    for (size_t i = 0; i < chunk->n_blocks; i++) {
        if (chunk->blocks[i].beg < chunk->beg || chunk->blocks[i].end > chunk->end ||
            chunk->blocks[i].beg >= chunk->blocks[i].end)
            abort();
        sum += chunk->blocks[i].min_dp;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("evidence", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) return 0;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader = NULL;
    static volatile uint64_t sink;
    if (kuni_evidence_open(&reader, path, &err) != KUNI_OK) return 0;
    size_t n = kuni_evidence_chunk_count(reader);
    for (size_t i = 0; i < n && i < 64; i++) {
        kuni_evidence_chunk chunk;
        kuni_error_clear(&err);
        if (kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, &err) == KUNI_OK)
            sink = sink + touch(&chunk);
    }
    kuni_evidence_close(reader);
    return 0;
}
