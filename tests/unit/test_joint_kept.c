/* SPDX-License-Identifier: MIT */
/*
 * What the first walk keeps for the second: told again as it was, site by site, never more than it may take up, and by
 * whole files.
 */
#include "fixture.h"

#include "kept.h"

enum { BEG = 65536, SITES = 300 };

static const joint_sites sites = {.beg = BEG, .end = 2 * BEG, .n_sites = SITES};
static const uint32_t ad[] = {11, 12, 13, 14};
static const uint16_t pl[] = {90, 0, 120, 300, 310, 500, 600, 610, 620, 630};
static char told[1 << 16];

static kuni_event event_of(uint8_t n_alleles)
{
    return (kuni_event){.n_alleles = n_alleles,
                        .ploidy = 2,
                        .gt = {0, 1},
                        .gq = 77,
                        .mq = 60,
                        .qual = 501,
                        .dp = 23,
                        .flags = KUNI_EVENT_PHASED,
                        .phase_set = -1,
                        .pl = pl,
                        .ad = ad,
                        .sb = {5, 6, 7, 8},
                        .rank = {128, 0, 130}};
}

/* As joint_local_build makes it of an event with n - 1 alleles of the site and <*>. */
static joint_local local_of(const kuni_event *event)
{
    joint_local local = {.copies = event->ploidy, .n = event->n_alleles, .event = event};
    for (uint32_t a = 0; a < local.n; a++) {
        local.number[a] = a + 1 < local.n ? (uint16_t)a : JOINT_OTHER;
        local.local_of[a] = (uint8_t)a;
    }
    for (uint32_t g = 0; g < joint_genotype_count(local.n, local.copies); g++)
        local.pl[g] = event->pl ? event->pl[g] : 60;
    local.hard = !event->pl;
    return local;
}

static size_t print_local(char *to, uint32_t column, uint32_t site, const joint_local *local)
{
    const kuni_event *e = local->event;
    int n = sprintf(to,
                    "%u@%u copies %d hard %d reason %d gt %d,%d of %d gq %d mq %d qual %d dp %u "
                    "flags %d ps %lld sb %u,%u,%u,%u rank %d,%d,%d",
                    column, site, local->copies, local->hard, local->reason, e->gt[0], e->gt[1],
                    e->ploidy, e->gq, e->mq, e->qual, e->dp, e->flags, (long long)e->phase_set,
                    e->sb[0], e->sb[1], e->sb[2], e->sb[3], e->rank[0], e->rank[1], e->rank[2]);
    for (uint32_t a = 0; a < local->n; a++) n += sprintf(to + n, " %u", local->number[a]);
    for (uint32_t g = 0; g < joint_genotype_count(local->n, local->copies); g++)
        n += sprintf(to + n, " %d", local->pl[g]);
    for (uint32_t a = 0; a < e->n_alleles; a++)
        n += sprintf(to + n, " %u:%u", local->local_of[a], e->ad ? e->ad[a] : 0);
    for (uint32_t g = 0; e->pl && g < joint_genotype_count(e->n_alleles, e->ploidy); g++)
        n += sprintf(to + n, " %u", e->pl[g]);
    to[n++] = '\n';
    to[n] = '\0';
    return (size_t)n;
}

static kuni_status tell_event(void *context, uint32_t column, uint32_t site,
                              const joint_local *local, kuni_error *err)
{
    (void)context, (void)err;
    (void)print_local(told + strlen(told), column, site, local);
    return KUNI_OK;
}

static kuni_status tell_refused(void *context, uint32_t column, uint32_t site, joint_ploidy ploidy,
                                uint32_t dp, kuni_error *err)
{
    (void)context, (void)err;
    sprintf(told + strlen(told), "%u@%u refused %d copies %d dp %u\n", column, site, ploidy.refused,
            ploidy.copies, dp);
    return KUNI_OK;
}

static kuni_status tell_piece(void *context, const joint_piece *p, kuni_error *err)
{
    (void)context, (void)err;
    const kuni_block *b = p->block;
    sprintf(told + strlen(told), "%u %u-%u %lld-%lld copies %d refused %d joined %d", p->column,
            p->first, p->last, (long long)p->beg, (long long)p->end, p->ploidy.copies,
            p->ploidy.refused, p->joined);
    if (b)
        sprintf(told + strlen(told), " kind %d of %d either %d gq %d,%d dp %d", b->kind, b->ploidy,
                b->either, b->gq, b->gq_one, b->min_dp);
    strcat(told, "\n");
    return KUNI_OK;
}

static const joint_kept_visitor visitor = {
    .piece = tell_piece, .event = tell_event, .refused = tell_refused};

static joint_kept *begin(size_t n_sources, int64_t most)
{
    kuni_error err = KUNI_ERROR_INIT;
    joint_kept *kept = joint_kept_new(&err);
    assert_non_null(kept);
    assert_int_equal(joint_kept_begin(kept, &sites, n_sources, most, &err), KUNI_OK);
    return kept;
}

static void tell(joint_kept *kept, size_t source, uint32_t first, uint32_t last, bool all)
{
    kuni_error err = KUNI_ERROR_INIT;
    joint_kept_visitor v = visitor;
    v.all = all;
    told[0] = '\0';
    assert_int_equal(joint_kept_tell(kept, source, first, last, &v, &err), KUNI_OK);
}

static void events_come_back(void **state)
{
    (void)state;
    joint_kept *kept = begin(1, 1 << 20);
    char expected[1 << 14] = "";
    kuni_event events[8];
    joint_local locals[8];
    for (int i = 0; i < 8; i++) events[i] = event_of(i == 1 ? 4 : i == 2 ? 2 : 3);
    events[3].phase_set = BEG + 17;
    events[4].ploidy = 1, events[4].gt[1] = -1;
    events[5].pl = NULL, events[5].ad = NULL;
    events[6].ad = NULL, events[6].dp = KUNI_DP_MISSING, events[6].gt[0] = -1;
    events[7].sb[2] = 1 << 20;
    for (int i = 0; i < 8; i++) locals[i] = local_of(&events[i]);
    locals[0].reason = JOINT_FILTERED;
    locals[2].n = 3; /* "other" is no allele of the event */
    locals[2].number[1] = 7;
    locals[2].number[2] = JOINT_OTHER;
    for (int g = 3; g < 6; g++) locals[2].pl[g] = 40 + g;
    joint_kept_open(kept, 0);
    for (uint32_t i = 0; i < 8; i++) joint_kept_event(kept, i, 299 - i / 2, &locals[i]);
    joint_kept_refused(kept, 8, 5, (joint_ploidy){.copies = 1, .refused = JOINT_SEX}, 70000);
    joint_kept_close(kept);
    assert_true(joint_kept_has(kept, 0));
    tell(kept, 0, 0, SITES, false);
    strcpy(expected, "8@5 refused 7 copies 1 dp 70000\n");
    for (uint32_t site = 296; site < SITES; site++)
        for (uint32_t i = 0; i < 8; i++)
            if (299 - i / 2 == site)
                (void)print_local(expected + strlen(expected), i, site, &locals[i]);
    assert_string_equal(told, expected);
    tell(kept, 0, 6, 296, false);
    assert_string_equal(told, "");
    joint_kept_free(kept);
}

static void pieces_come_back(void **state)
{
    (void)state;
    joint_kept *kept = begin(1, 1 << 20);
    const kuni_block block = {.kind = KUNI_BLOCK_LOW,
                              .ploidy = 2,
                              .either = true,
                              .gq = 99,
                              .gq_one = 45,
                              .min_dp = 65535};
    const joint_ploidy refused = {.copies = 2, .refused = JOINT_HAPLOID};
    const joint_piece pieces[] = {
        {.column = 70000,
         .first = 0,
         .last = 10,
         .beg = BEG,
         .end = 2 * BEG,
         .block = &block,
         .ploidy = refused},
        {.column = 70000, .first = 10, .last = 10, .beg = BEG + 5, .end = BEG + 6},
        {.column = 70000,
         .first = 10,
         .last = 300,
         .beg = BEG + 6,
         .end = BEG + 9,
         .block = &block,
         .joined = true}};
    joint_kept_open(kept, 0);
    for (int i = 0; i < 3; i++) joint_kept_piece(kept, &pieces[i]);
    joint_kept_close(kept);
    static const char first[] = "70000 0-10 65536-131072 copies 2 refused 8 joined 0 kind 5 of 2 "
                                "either 1 gq 99,45 dp 65535\n",
                      gap[] = "70000 10-10 65541-65542 copies 0 refused 0 joined 0\n",
                      last[] = "70000 10-300 65542-65545 copies 0 refused 0 joined %d kind 5 of 2 "
                               "either 1 gq 99,45 dp 65535\n";
    char expected[1000], joined[200], alone[200];
    sprintf(joined, last, 1);
    sprintf(alone, last, 0);
    sprintf(expected, "%s%s%s", first, gap, joined);
    tell(kept, 0, 0, SITES, true);
    assert_string_equal(told, expected);
    sprintf(expected, "%s%s", first, joined);
    tell(kept, 0, 9, SITES, false);
    assert_string_equal(told, expected);
    tell(kept, 0, 10, SITES, false); /* the first in a window goes on from nothing */
    assert_string_equal(told, alone);
    joint_kept_free(kept);
}

/* Files that do not fit are not there, others are whole, and memory is what was allowed. */
static void no_more_than_allowed(void **state)
{
    (void)state;
    enum { FILES = 40, EVENTS = 700, MOST = 200 << 10 };
    kuni_error err = KUNI_ERROR_INIT;
    joint_kept *kept = begin(FILES, MOST);
    kuni_event event = event_of(3);
    joint_local local = local_of(&event);
    const joint_piece piece = {.column = 1, .first = 0, .last = 1, .beg = BEG, .end = BEG + 1};
    for (int chunk = 0; chunk < 2; chunk++) {
        size_t whole = 0;
        for (size_t f = 0; f < FILES; f++) {
            joint_kept_open(kept, f);
            for (uint32_t i = 0; i < EVENTS; i++) joint_kept_event(kept, i, i % SITES, &local);
            joint_kept_piece(kept, &piece);
            joint_kept_close(kept);
            assert_true(joint_kept_bytes(kept) <= MOST);
            whole += joint_kept_has(kept, f);
            if (!joint_kept_has(kept, f)) continue;
            tell(kept, f, 299, 300, true);
            size_t lines = 0;
            for (const char *at = told; *at; at++) lines += *at == '\n';
            assert_int_equal(lines,
                             3); /* of 700 events two at the last of 300 sites, and the piece */
        }
        assert_in_range(whole, 1, MOST / (EVENTS * JOINT_KEPT_EVENT_BYTES));
        assert_int_equal(joint_kept_begin(kept, &sites, FILES, MOST, &err), KUNI_OK);
        assert_false(joint_kept_has(kept, 0));
    }
    assert_int_equal(joint_kept_begin(kept, &sites, 1, 0, &err), KUNI_OK);
    assert_int_equal(joint_kept_bytes(kept), 0);
    joint_kept_open(kept, 0);
    joint_kept_event(kept, 1, 1, &local);
    joint_kept_close(kept);
    assert_false(joint_kept_has(kept, 0));
    joint_kept_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(events_come_back),
                                       cmocka_unit_test(pieces_come_back),
                                       cmocka_unit_test(no_more_than_allowed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
