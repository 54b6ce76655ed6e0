/* SPDX-License-Identifier: MIT */
/*
 * How fast evidence is read and written: CPU seconds of decoding all chunks, and of writing them
 * again.
 *
 *   evidence_run SECONDS OUT.ev EVIDENCE.ev ...
 *
 * Prints one line: events, blocks, bytes; million events a second decoded with blocks and without;
 * million blocks a second decoded; million events and blocks a second written (OUT.ev, removed
 * again).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kuni/evidence.h"

static void check(kuni_status status, const kuni_error *err)
{
    if (!status) return;
    fprintf(stderr, "evidence_run: %s\n", err->text);
    exit((int)status);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Reads all files over and over for about so long; CPU seconds a round. */
static double read_all(char **paths, int n, int what, double seconds, uint64_t *events,
                       uint64_t *blocks, uint64_t *bytes)
{
    kuni_error err = KUNI_ERROR_INIT;
    double start = cpu_seconds(), now;
    int rounds = 0;
    do {
        *events = *blocks = *bytes = 0;
        for (int i = 0; i < n; i++) {
            kuni_evidence_reader *reader;
            check(kuni_evidence_open(&reader, paths[i], &err), &err);
            for (size_t k = 0; k < kuni_evidence_chunk_count(reader); k++) {
                kuni_evidence_chunk chunk;
                check(kuni_evidence_read(reader, k, what, &chunk, &err), &err);
                *events += chunk.n_events;
                *blocks += chunk.n_blocks;
            }
            *bytes += kuni_evidence_size(reader);
            kuni_evidence_close(reader);
        }
        rounds++;
        now = cpu_seconds();
    } while (now - start < seconds);
    return (now - start) / rounds;
}

/* CPU seconds of writing a file anew. */
static double write_again(const char *path, const char *out)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    kuni_evidence_writer *writer;
    check(kuni_evidence_open(&reader, path, &err), &err);
    check(kuni_evidence_create(&writer, out, kuni_evidence_get_header(reader), &err), &err);
    double writing = 0;
    for (size_t k = 0; k < kuni_evidence_chunk_count(reader); k++) {
        kuni_evidence_chunk chunk;
        check(kuni_evidence_read(reader, k, KUNI_READ_ALL, &chunk, &err), &err);
        double start = cpu_seconds();
        for (size_t i = 0; i < chunk.n_events; i++)
            if (k == 0 || !(chunk.events[i].flags & KUNI_EVENT_CARRIED))
                check(kuni_evidence_add_event(writer, &chunk.events[i], &err), &err);
        for (size_t i = 0; i < chunk.n_blocks; i++)
            check(kuni_evidence_add_block(writer, &chunk.blocks[i], &err), &err);
        writing += cpu_seconds() - start;
    }
    double start = cpu_seconds();
    check(kuni_evidence_finish(writer, &err), &err);
    writing += cpu_seconds() - start;
    kuni_evidence_close(reader);
    unlink(out);
    return writing;
}

int main(int argc, char **argv)
{
    if (argc < 4) return KUNI_USAGE;
    double seconds = strtod(argv[1], NULL), writing = 0;
    char **paths = argv + 3;
    int n = argc - 3;
    uint64_t events, blocks, bytes, none;
    double some = read_all(paths, n, KUNI_READ_EVENTS, seconds, &events, &none, &bytes);
    double all = read_all(paths, n, KUNI_READ_ALL, seconds, &events, &blocks, &bytes);
    for (int i = 0; i < n; i++) writing += write_again(paths[i], argv[2]);
    printf(
        "events %llu blocks %llu bytes %llu; decoding: %.1f M events/s, with blocks %.1f; %.1f M "
        "blocks/s; writing: %.2f M events and blocks/s\n",
        (unsigned long long)events, (unsigned long long)blocks, (unsigned long long)bytes,
        (double)events / some / 1e6, (double)events / all / 1e6,
        (double)blocks / (all - some) / 1e6, (double)(events + blocks) / writing / 1e6);
    return KUNI_OK;
}
