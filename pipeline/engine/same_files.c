/* SPDX-License-Identifier: MIT */
#include "same_files.h"

#include <stdlib.h>
#include <string.h>

#include "preflight.h"
#include "reads_pass.h"

typedef struct owner {
    uint64_t content; /* beginning of its digest */
    uint32_t sample;
} owner;

/* Of who has withdrawn only what was sealed counts: an id that came by mistake goes that way, too. */
static const kuni_hash *content_of(const kuni_ledger *ledger, size_t sample)
{
    static const kuni_hash unknown;
    const kuni_person *person = &ledger->run->cohort.people[sample];
    const kuni_hash *now = &ledger->samples.contents[sample];
    bool last_seen = person->state == KUNI_PERSON_WITHDRAWN || kuni_hash_equal(now, &unknown);
    return last_seen ? &person->content : now;
}

static int compare_owners(const void *a, const void *b)
{
    const owner *x = a, *y = b;
    if (x->content != y->content) return x->content < y->content ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

/* Whether the sample came first: it is sealed, or was in and has withdrawn. */
static bool is_settled(const kuni_ledger *ledger, size_t sample)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    size_t b = 0;
    while (sample >= cohort->batches[b].first + cohort->batches[b].n_samples) b++;
    return cohort->people[sample].state == KUNI_PERSON_WITHDRAWN ||
           kuni_ledger_batch_is_sealed(ledger, b);
}

static kuni_status leave_out(kuni_ledger *ledger, size_t sample, size_t other, kuni_buffer *faults,
                             size_t *n_faults, kuni_error *err)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    const char *id = cohort->samples[sample].id;
    kuni_buffer why = KUNI_BUFFER_INIT;
    bool withdrawn = cohort->people[other].state == KUNI_PERSON_WITHDRAWN;
    kuni_status status = kuni_buffer_printf(
        &why, err, "%s is the same file as that of sample %s%s", cohort->samples[sample].reads,
        cohort->samples[other].id,
        withdrawn ? ", who has withdrawn: `kuni reinstate` is the way back, and no other id"
                  : ": one person under two ids? Give each row its own file, or take out the one "
                    "that is wrong and `kuni withdraw` its id");
    if (!status)
        status = kuni_buffer_printf(
            faults, err, "%ssample %s%s: %s\n", ledger->run->workflow.quarantine ? "left out " : "",
            id, ledger->run->workflow.quarantine ? " of this run" : "", why.data);
    if (!status)
        status = kuni_samples_quarantine(&ledger->samples, sample, KUNI_VERDICT_THIS_RUN,
                                         "preflight", why.data, err);
    if (!status) ++*n_faults;
    kuni_buffer_fini(&why);
    return status;
}

/* Owners of one content, in order. */
static kuni_status judge(kuni_ledger *ledger, const owner *owners, size_t n, kuni_buffer *faults,
                         size_t *n_faults, kuni_error *err)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    size_t first = owners[0].sample;
    for (size_t i = 0; i < n; i++)
        if (is_settled(ledger, owners[i].sample)) {
            first = owners[i].sample;
            break;
        }
    for (size_t i = 0; i < n; i++) {
        size_t sample = owners[i].sample, other = sample == first ? owners[1].sample : first;
        if (ledger->samples.skip[sample] || is_settled(ledger, sample)) continue;
        if (strcmp(cohort->samples[sample].id, cohort->samples[other].id) == 0) continue;
        if (kuni_sample_feed(&cohort->samples[sample]) == KUNI_FEED_GVCF &&
            !kuni_preflight_is_of_one(&cohort->samples[sample]))
            continue;
        kuni_status status = leave_out(ledger, sample, other, faults, n_faults, err);
        if (status) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_same_files_leave_out(kuni_ledger *ledger, kuni_buffer *faults, size_t *n_faults,
                                      kuni_error *err)
{
    static const kuni_hash unknown;
    const kuni_cohort *cohort = &ledger->run->cohort;
    owner *owners = kuni_alloc(cohort->n_samples + 1, sizeof(*owners), err);
    size_t n = 0;
    if (!owners) return KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        kuni_person_state state = cohort->people[i].state;
        const kuni_hash *content = content_of(ledger, i);
        if (state == KUNI_PERSON_MOVED || state == KUNI_PERSON_ERASED ||
            kuni_hash_equal(content, &unknown))
            continue;
        owners[n].sample = (uint32_t)i;
        memcpy(&owners[n++].content, content, sizeof(owners->content));
    }
    if (n > 1) qsort(owners, n, sizeof(*owners), compare_owners);
    kuni_status status = KUNI_OK;
    for (size_t i = 0, next; i < n && !status; i = next) {
        for (next = i + 1; next < n && owners[next].content == owners[i].content; next++) continue;
        if (next - i > 1) status = judge(ledger, &owners[i], next - i, faults, n_faults, err);
    }
    free(owners);
    return status;
}
