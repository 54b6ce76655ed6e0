/* SPDX-License-Identifier: MIT */
#include "joint.h"

void joint_copies_init(joint_copies *copies, const joint_cohort *cohort, const kuni_ploidy *ploidy,
                       kuni_span chunk)
{
    *copies = (joint_copies){.ploidy = ploidy, .cohort = cohort, .tid = chunk.tid, .diploid = true};
    for (uint32_t who = 0; who < cohort->n_whos; who++) {
        int64_t until;
        if (joint_copies_expected(copies, chunk.beg, who, &until).copies != 2 || until < chunk.end)
            copies->diploid = false;
    }
}

joint_ploidy joint_copies_expected(const joint_copies *copies, int64_t pos, uint32_t who,
                                   int64_t *until)
{
    const joint_who *w = &copies->cohort->whos[who];
    int one = kuni_ploidy_of(copies->ploidy, copies->tid, pos, w->karyotype, until);
    if (!w->undecided) return (joint_ploidy){.copies = one};
    int other = kuni_ploidy_of(copies->ploidy, copies->tid, pos, w->other, until);
    return (joint_ploidy){.copies = one > other ? one : other,
                          .refused = one == other ? JOINT_CALLED : JOINT_SEX};
}

int joint_copies_least(const joint_copies *copies, int64_t pos, uint32_t who)
{
    int64_t until;
    const joint_who *w = &copies->cohort->whos[who];
    int one = kuni_ploidy_of(copies->ploidy, copies->tid, pos, w->karyotype, &until);
    int other = one;
    if (w->undecided) other = kuni_ploidy_of(copies->ploidy, copies->tid, pos, w->other, &until);
    return one < other ? one : other;
}

/*
 * Evidence for one copy or two is taken for as many as there are. Evidence for two serves one, too;
 * evidence for one does not serve two, which is no matter of course: a caller may have known of a
 * karyotype that nobody else does. Where the sex is not known the evidence has the word.
 */
joint_ploidy joint_copies_of_sample(const joint_copies *copies, int64_t pos, uint32_t who,
                                    int ploidy, bool either, int64_t *until)
{
    joint_ploidy p = joint_copies_expected(copies, pos, who, until);
    if (p.refused || either) return p;
    if (who == KUNI_SEX_UNKNOWN) return (joint_ploidy){.copies = ploidy};
    if (ploidy >= p.copies) return p;
    int64_t ignored;
    bool by_sex =
        kuni_ploidy_evidence(copies->ploidy, copies->tid, pos, &ignored) == KUNI_COPIES_EITHER;
    return by_sex ? (joint_ploidy){.copies = p.copies, .refused = JOINT_HAPLOID}
                  : (joint_ploidy){.copies = ploidy};
}
