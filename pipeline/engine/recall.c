/* SPDX-License-Identifier: MIT */
#include "recall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "room.h"
#include "seals.h"

/* --- reads --- */

typedef struct missing {
    size_t n;
    const char *sample, *path; /* the first */
    int why;
} missing;

static void look_for(const kuni_sample *sample, const char *path, missing *m)
{
    if (!path || strstr(path, "://") || access(path, R_OK) == 0) return;
    if (!m->n++) *m = (missing){.n = 1, .sample = sample->id, .path = path, .why = errno};
}

static kuni_status check_reads(const kuni_run *run, size_t *samples, int64_t *bytes,
                               kuni_error *err)
{
    missing m = {.n = 0};
    for (size_t i = 0; i < run->cohort.n_samples; i++) {
        const kuni_sample *sample = &run->cohort.samples[i];
        struct stat st;
        if (!sample->reads || run->cohort.people[i].state != KUNI_PERSON_IN) continue;
        ++*samples;
        look_for(sample, sample->reads, &m);
        look_for(sample, sample->index, &m);
        if (stat(sample->reads, &st) == 0) *bytes += st.st_size;
    }
    if (!m.n) return KUNI_OK;
    return kuni_fail(err, KUNI_IO,
                     "recall: %zu files of the %zu samples are not there, the first is of sample "
                     "%s: %s: %s: bring the reads back, or name where they are in the manifest; "
                     "nothing was changed",
                     m.n, *samples, m.sample, m.path, strerror(m.why));
}

/* --- room --- */

kuni_status kuni_recall_check(const kuni_run *run, kuni_error *err)
{
    enum { TENTH = 10 };
    const kuni_run_options *o = run->options;
    size_t samples = 0;
    int64_t reads = 0;
    kuni_seals_sum sealed;
    kuni_status status = check_reads(run, &samples, &reads, err);
    if (!status) status = kuni_seals_total(run, &sealed, err);
    if (status) return status;
    int64_t room = kuni_room_on(run->folder), needed = sealed.bytes + sealed.bytes / TENTH;
    if (room >= 0 && room < needed)
        return kuni_fail(err, KUNI_IO,
                         "recall: the new files need about %.3f GB beside the old ones, and %s has "
                         "%.3f GB left: make room, nothing was changed",
                         (double)needed / 1e9, run->folder, (double)room / 1e9);
    char text[768];
    (void)snprintf(text, sizeof(text),
                   "recall of %s: %zu samples, %zu sealed batches: all of their evidence (%.3f GB) "
                   "is made again from %.3f GB of reads, with what the workflow says now. The old "
                   "evidence is removed when the new call set has been published",
                   run->folder, samples, sealed.batches, (double)sealed.bytes / 1e9,
                   (double)reads / 1e9);
    if (o->agree && !o->agree(o->context, text))
        return kuni_fail(err, KUNI_USAGE, "nothing was changed: say --yes to do it");
    return KUNI_OK;
}

/* --- on the way --- */

kuni_status kuni_recall_loses_nobody(const kuni_ledger *ledger, kuni_error *err)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    size_t n = 0;
    const kuni_quarantined *first = NULL;
    for (size_t i = 0; i < ledger->samples.n_quarantined; i++) {
        const kuni_quarantined *q = &ledger->samples.list[i];
        const kuni_person *person = &cohort->people[q->sample];
        if (person->state != KUNI_PERSON_IN || person->bytes < 0) continue;
        if (!n++) first = q;
    }
    if (!n) return KUNI_OK;
    return kuni_fail(
        err, KUNI_DATA,
        "recall: %zu samples that are in the dataset could not be called again, one is "
        "%s: %s: the dataset stays as it was. Mend the reads and give the same command "
        "again, or take who cannot be recalled out by `kuni withdraw`",
        n, cohort->samples[first->sample].id, first->reason);
}
