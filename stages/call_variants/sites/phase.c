/* SPDX-License-Identifier: MIT */
#include "phase.h"

#include <stdlib.h>

#include "model/math10.h"

enum { FRAGMENTS_LEAST = 2, AGREE_PER_CENT = 85 };

static const double PHASE_LOG10 = 2, SAY_LOG10 = 4.5; /* of a set; most of one fragment */

/* A heterozygote of single bases without a phase. */
static bool may_phase(const kuni_call_event *event)
{
    if (event->ploidy != 2 || event->phase_set >= 0 || event->gt[0] < 0 || event->gt[1] < 0 ||
        event->gt[0] == event->gt[1])
        return false;
    for (int a = 0; a + 1 < event->n_alleles; a++)
        if (event->alleles[a][0] == '*' || event->alleles[a][1] != 0) return false;
    return true;
}

/* Which of the event's two copies the read shows, or -1; *error becomes the chance it is wrong. */
static int copy_shown(const kuni_call_event *event, const kuni_call_read *read,
                      const kuni_call_options *options, double *error)
{
    bool deleted;
    if (!read || read->pos > event->pos || read->end <= event->pos) return -1;
    int32_t offset = kuni_call_read_offset(read, event->pos, &deleted);
    if (offset < 0 || read->qual[offset] < options->min_base_quality) return -1;
    const kuni_phred_table *phred = kuni_phred();
    *error = phred->error[read->qual[offset]] + phred->error[read->mapq];
    for (int copy = 0; copy < 2; copy++)
        if ((char)read->seq[offset] == event->alleles[event->gt[copy]][0]) return copy;
    return -1;
}

/* log10 of cis against trans for two events, and the fragments for each. */
static double link(const kuni_call_event *a, const kuni_call_event *b,
                   const kuni_read_window *window, const kuni_call_options *options,
                   uint32_t counts[2])
{
    double sum = 0;
    counts[0] = counts[1] = 0;
    for (size_t r = kuni_read_window_find(window, a->pos); r < window->n_reads; r++) {
        const kuni_call_read *read = window->reads[r];
        if (read->pos > a->pos) break;
        double here = 0, there = 0;
        int first = copy_shown(a, read, options, &here);
        if (first < 0) continue;
        int second = copy_shown(b, read, options, &there);
        if (second < 0) second = copy_shown(b, read->mate, options, &there);
        if (second < 0) continue;
        double error = here + there < 0.5 ? here + there : 0.5;
        double say = kuni_log10((1 - error) / error);
        if (say > SAY_LOG10) say = SAY_LOG10;
        counts[first != second]++;
        sum += first == second ? say : -say;
    }
    return sum;
}

void kuni_phase_events(kuni_call_event *events, size_t n, const kuni_read_window *window,
                       const kuni_call_options *options)
{
    kuni_call_event *before = NULL;
    for (size_t i = 0; i < n; i++) {
        kuni_call_event *event = &events[i];
        if (!may_phase(event)) continue;
        kuni_call_event *first = before;
        before = event;
        if (!first || event->pos - first->pos > KUNI_PHASE_BP) continue;
        uint32_t counts[2];
        double sum = link(first, event, window, options, counts);
        bool trans = sum < 0;
        uint32_t all = counts[0] + counts[1];
        if ((trans ? -sum : sum) < PHASE_LOG10 || all < FRAGMENTS_LEAST ||
            counts[trans] * 100 < all * AGREE_PER_CENT)
            continue;
        if (trans) {
            int8_t swap = event->gt[0];
            event->gt[0] = event->gt[1];
            event->gt[1] = swap;
        }
        if (first->phase_set < 0) first->phase_set = first->pos;
        event->phase_set = first->phase_set;
        first->flags |= KUNI_EVENT_PHASED;
        event->flags |= KUNI_EVENT_PHASED;
    }
}
