/* SPDX-License-Identifier: MIT */
#include "local.h"

#include <string.h>

enum { UNSET = INT32_MAX };

/* -10 log10(1/2) per read, in hundredths. */
enum { HALF_CENTIPHRED = 301 };

/* Of the reads of a heterozygote, in percent: fewer are not one of two copies. */
enum { LEAST_SHARE = 20 };

static uint16_t number_at(const joint_cover *cover, uint32_t allele, int64_t pos, uint16_t star)
{
    const joint_target *target = &cover->set->targets[allele];
    switch (target->kind) {
    case JOINT_TARGET_REF:
        return 0;
    case JOINT_TARGET_STAR:
        return cover->set->pos == pos ? star : JOINT_OTHER;
    case JOINT_TARGET_ALT:
        if (target->beg == pos) return target->number;
        return target->beg < pos && pos < target->end ? star : 0;
    default:
        return JOINT_OTHER;
    }
}

static uint32_t find_number(const joint_local *local, uint16_t number)
{
    for (uint32_t i = 0; i < local->n; i++)
        if (local->number[i] == number) return i;
    return local->n - 1;
}

/* Keeps `number` sorted: REF 0 first, "other" (the largest) last. */
static void insert_number(joint_local *local, uint16_t number)
{
    uint32_t i = local->n;
    for (uint32_t k = 0; k < local->n; k++)
        if (local->number[k] == number) return;
    if (local->n == JOINT_LOCAL_MAX) return; /* then it counts as "other" */
    for (; i > 0 && local->number[i - 1] > number; i--) local->number[i] = local->number[i - 1];
    local->number[i] = number;
    local->n++;
}

static void normalise(joint_local *local)
{
    uint32_t n = joint_genotype_count(local->n, local->copies);
    int32_t least = UNSET;
    for (uint32_t i = 0; i < n; i++)
        if (local->pl[i] < least) least = local->pl[i];
    for (uint32_t i = 0; i < n; i++) local->pl[i] -= least;
}

/*
 * Likelihood of an event's genotype a/b (b alone with one copy), as it says or, for each copy that
 * differs, as its called genotype suggests.
 */
static int32_t event_pl(const kuni_event *event, uint32_t a, uint32_t b)
{
    if (event->pl) return event->pl[event->ploidy == 1 ? b : joint_genotype_index(a, b)];
    int x = event->gt[0], y = event->gt[1], cost = event->gq ? event->gq : JOINT_PL_HARD;
    if (event->ploidy == 1) return x == (int)b ? 0 : cost;
    int straight = (x != (int)a) + (y != (int)b), crossed = (x != (int)b) + (y != (int)a);
    return cost * (straight < crossed ? straight : crossed);
}

/* Fills what the event's genotypes say; genotypes nobody spells stay UNSET. */
static void spread_event(joint_local *local, const kuni_event *event)
{
    uint32_t n = joint_genotype_count(local->n, local->copies);
    for (uint32_t i = 0; i < n; i++) local->pl[i] = UNSET;
    int32_t best_het = UNSET, best_hom = UNSET;
    for (uint32_t b = 0; b < event->n_alleles; b++) {
        if (local->copies == 1) {
            int32_t pl = event_pl(event, b, b);
            int32_t *slot = &local->pl[local->local_of[b]];
            if (pl < *slot) *slot = pl;
            if (pl < best_hom) best_hom = pl;
            for (uint32_t a = 0; a < b && event->ploidy == 2; a++) {
                pl = event_pl(event, a, b);
                if (pl < best_het) best_het = pl;
            }
            continue;
        }
        for (uint32_t a = 0; a <= b; a++) {
            int32_t pl = event_pl(event, a, b);
            int32_t *slot =
                &local->pl[joint_genotype_index(local->local_of[a], local->local_of[b])];
            if (pl < *slot) *slot = pl;
        }
    }
    /* Heterozygous where there is one copy: the reads are not of one haplotype. */
    if (local->copies == 1 && best_het < UNSET &&
        best_hom >= best_het + JOINT_HAPLOID_CONFLICT_PHRED)
        local->reason = JOINT_CONFLICT;
}

/*
 * Gives genotypes with an allele that the event does not list, and that no <*> stands for, their
 * bound.
 */
static void bound_other(joint_local *local, const kuni_event *event)
{
    uint32_t other = local->n - 1;
    int32_t worst = 0;
    uint32_t n = joint_genotype_count(local->n, local->copies);
    for (uint32_t i = 0; i < n; i++)
        if (local->pl[i] != UNSET && local->pl[i] > worst) worst = local->pl[i];
    uint32_t depths[JOINT_LOCAL_MAX];
    bool known = joint_local_depths(local, depths);
    if (local->copies == 1) {
        if (local->pl[other] == UNSET)
            local->pl[other] = worst ? worst : event->gq > 20 ? event->gq : 20;
        return;
    }
    for (uint32_t a = 0; a < other; a++) {
        int32_t *slot = &local->pl[joint_genotype_index(a, other)];
        if (*slot != UNSET) continue;
        int64_t cost = known ? ((int64_t)depths[a] * HALF_CENTIPHRED + 50) / 100
                             : (event->gq > 20 ? event->gq : 20);
        int64_t pl = local->pl[joint_genotype_index(a, a)] + cost;
        *slot = pl > KUNI_PL_MAX ? KUNI_PL_MAX : (int32_t)pl;
        if (*slot > worst) worst = *slot;
    }
    int32_t *slot = &local->pl[joint_genotype_index(other, other)];
    if (*slot == UNSET) *slot = worst;
}

/* One ALT of the site, and <*> or not: nearly all events are such, and what they say stands as they say it. */
static bool build_plain(joint_local *local, const kuni_event *event, const uint16_t *numbers)
{
    enum { ALLELES = 3, GENOTYPES = 6 };
    uint32_t n = event->n_alleles;
    if (n < 2 || n > ALLELES || !event->pl || event->ploidy != 2 || local->copies != 2)
        return false;
    if (numbers[0] || !numbers[1] || numbers[1] >= JOINT_FOREIGN ||
        (n == ALLELES && numbers[2] != JOINT_OTHER))
        return false;
    local->n = ALLELES;
    for (uint32_t a = 0; a < ALLELES; a++) {
        local->number[a] = a < 2 ? numbers[a] : JOINT_OTHER;
        local->local_of[a] = (uint8_t)a;
    }
    for (uint32_t g = 0; g < GENOTYPES; g++)
        local->pl[g] = n == ALLELES || g < GENOTYPES / 2 ? event->pl[g] : UNSET;
    if (n < ALLELES) bound_other(local, event);
    return true;
}

static void build_any(joint_local *local, const kuni_event *event, const uint16_t *numbers)
{
    const uint32_t n = event->n_alleles;
    local->n = 0;
    insert_number(local, 0);
    insert_number(local, JOINT_OTHER);
    for (uint32_t a = 0; a < n; a++) insert_number(local, numbers[a]);
    for (uint32_t a = 0; a < n; a++) local->local_of[a] = (uint8_t)find_number(local, numbers[a]);
    spread_event(local, event);
    bound_other(local, event);
}

static void build_one(joint_local *local, int64_t pos, uint16_t star, const joint_cover *cover,
                      int copies)
{
    const kuni_event *event = cover->event;
    const uint32_t n = event->n_alleles;
    local->copies = copies;
    local->reason = JOINT_CALLED;
    local->hard = !event->pl;
    local->event = event;
    uint16_t numbers[KUNI_EVENT_ALLELES_MAX];
    for (uint32_t a = 0; a < n; a++) numbers[a] = number_at(cover, a, pos, star);
    for (int k = 0; k < event->ploidy; k++) /* called with what the site dropped */
        if (event->gt[k] > 0 && numbers[event->gt[k]] == JOINT_FOREIGN)
            local->reason = JOINT_UNLISTED;
    if (event->flags & KUNI_EVENT_UNLISTED) local->reason = JOINT_UNLISTED;
    if (event->flags & KUNI_EVENT_FILTERED) local->reason = JOINT_FILTERED;
    if (!event->pl && (event->gt[0] < 0 || (event->ploidy == 2 && event->gt[1] < 0)) &&
        !local->reason)
        local->reason = event->dp ? JOINT_LOW : JOINT_NO_COVERAGE;
    if (!build_plain(local, event, numbers)) build_any(local, event, numbers);
    normalise(local);
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/*
 * Whether `right` counts the reads of a deleted copy as REF: then its heterozygote of REF and the
 * allele is the one copy that is left, of which the allele has all reads, and they are not few.
 * Callers of haplotypes do (they list <*>). Else they may be a pileup's, in which the deleted copy
 * has none, and both alleles are of the one copy: then REF and the allele together have the reads
 * that the deletion left over, and not each its own. Without any reads the genotype is believed.
 */
static bool counts_deleted_as_ref(const joint_local *left, uint32_t left_star,
                                  const joint_local *right, uint32_t allele)
{
    uint32_t of_left[JOINT_LOCAL_MAX], of_right[JOINT_LOCAL_MAX] = {0}, deleted = 0, left_over = 0;
    if (!joint_local_depths(right, of_right)) return true;
    uint32_t ref = of_right[0], alt = of_right[allele];
    bool haplotypes = right->event->flags & KUNI_EVENT_OTHER;
    if (100 * (uint64_t)alt < LEAST_SHARE * ((uint64_t)ref + alt)) return false;
    if (haplotypes || !joint_local_depths(left, of_left)) return true;
    for (uint32_t i = 0; i < left->n; i++) *(i == left_star ? &deleted : &left_over) += of_left[i];
    return distance(ref, deleted) + distance(alt, left_over) <= distance(ref + alt, left_over);
}

/*
 * `left` reaches over the site from the left, `right` starts here. False where what is left of the
 * deletion is neither allele alone: the reads are not of one copy.
 */
static bool join_spanning(joint_local *out, const joint_local *left, const joint_local *right,
                          uint16_t star)
{
    uint32_t left_star = find_number(left, star), best = 0, best_a = 0, best_b = 0;
    bool mixed = false;
    out->n = 0;
    for (uint32_t i = 0; i < right->n; i++) insert_number(out, right->number[i]);
    insert_number(out, star);
    uint32_t deleted = find_number(out, star);
    for (uint32_t b = 0; b < out->n; b++) {
        uint32_t right_b = find_number(right, out->number[b]);
        if (out->copies == 1) {
            out->pl[b] = b == deleted ? left->pl[left_star] : left->pl[0] + right->pl[right_b];
            continue;
        }
        for (uint32_t a = 0; a <= b; a++) {
            uint32_t right_a = find_number(right, out->number[a]), g = joint_genotype_index(a, b);
            int32_t pl;
            if (a == deleted && b == deleted)
                pl = left->pl[joint_genotype_index(left_star, left_star)];
            else if (a == deleted || b == deleted) {
                uint32_t seen = a == deleted ? right_b : right_a;
                int32_t alone = right->pl[joint_genotype_index(seen, seen)],
                        with_ref = right->pl[joint_genotype_index(0, seen)];
                bool het = with_ref < alone;
                bool sound = het && counts_deleted_as_ref(left, left_star, right, seen);
                mixed = mixed || (het && !sound);
                pl = left->pl[joint_genotype_index(0, left_star)] + (sound ? with_ref : alone);
            } else
                pl = left->pl[0] + right->pl[joint_genotype_index(right_a, right_b)];
            out->pl[g] = pl;
            if (pl >= out->pl[best]) continue;
            best = g;
            best_a = a;
            best_b = b;
        }
    }
    bool one_left = (best_a == deleted) != (best_b == deleted);
    return !mixed || !one_left || out->pl[best] < JOINT_HAPLOID_CONFLICT_PHRED;
}

static bool lists(const joint_local *local, uint16_t number)
{
    for (uint32_t i = 0; i < local->n; i++)
        if (local->number[i] == number) return true;
    return false;
}

/* A sample that has lost both copies of the place, and a later record that says nothing of it. */
static bool is_lost(const joint_local *left, uint16_t star, const joint_local *next)
{
    uint32_t lost = find_number(left, star);
    const kuni_event *event = next->event;
    return left->pl[left->copies == 1 ? lost : joint_genotype_index(lost, lost)] == 0 &&
           event->gt[0] == 0 && (event->ploidy == 1 || event->gt[1] == 0);
}

/*
 * Whether a caller of haplotypes (it lists <*>) has weighed the deletion on the left against what
 * is here: it called the deletion no copy, and lists no `*` here. The likelihoods of the deletion
 * alone, without the prior that decided, would bring it back.
 */
static bool has_refused(const joint_local *left, uint16_t star, const joint_local *right)
{
    const kuni_event *event = left->event;
    return (right->event->flags & KUNI_EVENT_OTHER) && !lists(right, star) && event->gt[0] == 0 &&
           (event->ploidy == 1 || event->gt[1] == 0);
}

/*
 * How `local` sees an allele that another event of the sample brought: as REF, unless it knows it
 * and it is its to tell.
 */
static uint32_t seen_as(const joint_local *local, uint16_t number, bool own)
{
    for (uint32_t i = 0; i < local->n && own; i++)
        if (local->number[i] == number) return i;
    return 0;
}

/* What is neither's own by name, the first event tells of. */
static bool second_tells(const joint_local *first, uint16_t number)
{
    return number < JOINT_FOREIGN || !lists(first, number);
}

static void join_same_place(joint_local *out, const joint_local *first, const joint_local *second)
{
    out->n = 0;
    for (uint32_t i = 0; i < first->n; i++) insert_number(out, first->number[i]);
    for (uint32_t i = 0; i < second->n; i++) insert_number(out, second->number[i]);
    for (uint32_t b = 0; b < out->n; b++) {
        uint32_t b1 = seen_as(first, out->number[b], true),
                 b2 = seen_as(second, out->number[b], second_tells(first, out->number[b]));
        if (out->copies == 1) {
            out->pl[b] = first->pl[b1] + second->pl[b2];
            continue;
        }
        for (uint32_t a = 0; a <= b; a++) {
            uint32_t a1 = seen_as(first, out->number[a], true),
                     a2 = seen_as(second, out->number[a], second_tells(first, out->number[a]));
            out->pl[joint_genotype_index(a, b)] =
                first->pl[joint_genotype_index(a1, b1)] + second->pl[joint_genotype_index(a2, b2)];
        }
    }
}

/* Copies what matters; `pl` is mostly unused space. */
static void copy_local(joint_local *to, const joint_local *from)
{
    uint32_t n = joint_genotype_count(from->n, from->copies);
    to->copies = from->copies;
    to->n = from->n;
    to->hard = from->hard;
    to->reason = from->reason;
    to->event = from->event;
    memcpy(to->number, from->number, from->n * sizeof(from->number[0]));
    memcpy(to->pl, from->pl, n * sizeof(from->pl[0]));
    memcpy(to->local_of, from->local_of, sizeof(from->local_of));
}

static void join(joint_local *local, joint_local scratch[2], int64_t pos, uint16_t star,
                 const joint_cover *cover)
{
    joint_local *next = &scratch[0], *out = &scratch[1];
    build_one(next, pos, star, cover, local->copies);
    bool here = cover->set->pos == pos;
    if (local->n == 2 && !lists(local, star)) { /* the account so far says nothing of this place */
        copy_local(local, next);
        return;
    }
    if (!here && next->n == 2 && !lists(next, star)) return;
    if (next->reason == JOINT_FILTERED) return;
    if (local->reason == JOINT_FILTERED) {
        copy_local(local, next);
        return;
    }
    out->copies = local->copies;
    out->hard = local->hard || next->hard;
    out->reason = local->reason ? local->reason : next->reason;
    out->event = next->event;
    memcpy(out->local_of, next->local_of, sizeof(out->local_of));
    bool from_left = lists(local, star) && local->event->pos < pos;
    if (from_left && here && next->hard && !lists(next, star) && is_lost(local, star, next)) return;
    if (from_left && here && (lists(next, star) || next->hard || has_refused(local, star, next)))
        copy_local(out, next); /* the later event knows of the deletion itself */
    else if (from_left && here) {
        if (!join_spanning(out, local, next, star) && !out->reason) out->reason = JOINT_CONFLICT;
    } else
        join_same_place(out, local, next);
    int32_t least = UNSET;
    uint32_t n = joint_genotype_count(out->n, out->copies);
    for (uint32_t i = 0; i < n; i++)
        if (out->pl[i] < least) least = out->pl[i];
    if (least >= JOINT_CONFLICT_PHRED && !out->reason) out->reason = JOINT_CONFLICT;
    for (uint32_t a = 0; a < next->event->n_alleles; a++)
        out->local_of[a] = (uint8_t)find_number(out, next->number[next->local_of[a]]);
    normalise(out);
    copy_local(local, out);
}

void joint_local_build(joint_local *local, joint_local scratch[2], int64_t pos, uint16_t star,
                       const joint_cover *covers, size_t n_covers, int copies)
{
    build_one(local, pos, star, &covers[0], copies);
    for (size_t i = 1; i < n_covers; i++) join(local, scratch, pos, star, &covers[i]);
}

bool joint_local_depths(const joint_local *local, uint32_t *depths)
{
    const kuni_event *event = local->event;
    if (!event->ad) return false;
    memset(depths, 0, local->n * sizeof(*depths));
    for (uint32_t a = 0; a < event->n_alleles; a++) depths[local->local_of[a]] += event->ad[a];
    return true;
}
