/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <string.h>

static const char *const info_lines[] = {
    "<ID=AC,Number=A,Type=Integer,Description=\"Copies of each ALT in called genotypes\">",
    "<ID=AN,Number=1,Type=Integer,Description=\"Copies in called genotypes\">",
    "<ID=AF,Number=A,Type=Float,Description=\"AC / AN\">",
    "<ID=EAF,Number=A,Type=Float,Description=\"Frequency of each ALT estimated from the "
    "likelihoods "
    "of all samples\">",
    "<ID=EAQ,Number=A,Type=Float,Description=\"Phred chance that no sample has the ALT\">",
    "<ID=EAN,Number=1,Type=Integer,Description=\"Copies of the samples that EAF is estimated "
    "from\">",
    "<ID=ESF,Number=1,Type=Float,Description=\"Estimated frequency of *, where there is any\">",
    "<ID=NS,Number=1,Type=Integer,Description=\"Samples with a called genotype\">",
    "<ID=nhet,Number=A,Type=Integer,Description=\"Samples with each ALT and another allele\">",
    "<ID=nhomalt,Number=A,Type=Integer,Description=\"Samples with two copies of each ALT\">",
    "<ID=nhemi,Number=A,Type=Integer,Description=\"Samples with one copy of the contig, each "
    "ALT\">",
    "<ID=CR,Number=1,Type=Float,Description=\"Share of samples that are called, of those that have "
    "the contig\">",
    "<ID=NOCALL,Number=.,Type=Integer,Description=\"Samples without a genotype by reason: no "
    "coverage, low confidence, contradictory evidence, filtered in the input, allele not listed "
    "here, no copy of the contig; and where there are any: contradictory sex, evidence for one "
    "copy "
    "only\">",
    "<ID=DP,Number=1,Type=Integer,Description=\"Depth of all samples\">",
    "<ID=DP_MEAN,Number=1,Type=Float,Description=\"Mean depth of samples with data\">",
    "<ID=DP_HIST,Number=21,Type=Integer,Description=\"Samples with depth 0-4, 5-9, ..., 95-99, 100 "
    "and "
    "more\">",
    "<ID=GQ_MEAN,Number=1,Type=Float,Description=\"Mean GQ of called genotypes\">",
    "<ID=GQ_HIST,Number=20,Type=Integer,Description=\"Called genotypes with GQ 0-4, 5-9, ..., "
    "95-99\">",
    "<ID=QD,Number=1,Type=Float,Description=\"QUAL / depth of carriers\">",
    "<ID=SB,Number=4,Type=Integer,Description=\"Carriers' reads: REF forward, REF reverse, ALT "
    "forward, ALT reverse\">",
    "<ID=FS,Number=1,Type=Float,Description=\"Strand bias of carriers' reads: phred of Fisher's "
    "exact "
    "P\">",
    "<ID=SOR,Number=1,Type=Float,Description=\"Strand bias of carriers' reads: symmetric odds "
    "ratio\">",
    "<ID=MQ,Number=1,Type=Float,Description=\"Root mean square mapping quality of carriers' "
    "reads\">",
    "<ID=MQRankSum,Number=1,Type=Float,Description=\"Mapping quality of ALT reads against REF "
    "reads: "
    "mean of heterozygotes' rank-sum z\">",
    "<ID=ReadPosRankSum,Number=1,Type=Float,Description=\"Distance from the nearer end of the "
    "read, "
    "ALT against REF: mean of heterozygotes' rank-sum z\">",
    "<ID=BaseQRankSum,Number=1,Type=Float,Description=\"Base quality of ALT reads against REF "
    "reads: "
    "mean of heterozygotes' rank-sum z\">",
    "<ID=AB,Number=A,Type=Float,Description=\"Share of ALT reads in heterozygotes of REF and each "
    "ALT\">",
    "<ID=HWE,Number=A,Type=Float,Description=\"Exact Hardy-Weinberg P of each ALT against all "
    "else, "
    "diploid samples\">",
    "<ID=ExcessHet,Number=1,Type=Float,Description=\"Phred of the exact P of so many or more "
    "heterozygotes, REF against all else, diploid samples\">",
    "<ID=InbreedingCoeff,Number=1,Type=Float,Description=\"1 - heterozygotes / expected, REF "
    "against "
    "all else, diploid samples\">",
    "<ID=DROPPED,Number=2,Type=Integer,Description=\"Alleles here that no carrier has with "
    "min_allele_quality, and their called copies\">",
};

enum { N_INFO_LINES = sizeof(info_lines) / sizeof(info_lines[0]) };

const char *const *joint_info_lines(size_t *count)
{
    *count = N_INFO_LINES;
    return info_lines;
}

bool joint_info_is_own(const char *tag)
{
    static const char *const strata[] = {"AC_", "AN_", "AF_", "nhomalt_"};
    size_t n = strlen(tag);
    for (size_t i = 0; i < sizeof(strata) / sizeof(strata[0]); i++)
        if (strncmp(tag, strata[i], strlen(strata[i])) == 0) return true;
    for (size_t i = 0; i < N_INFO_LINES; i++) {
        const char *name = info_lines[i] + strlen("<ID=");
        if (strncmp(name, tag, n) == 0 && name[n] == ',') return true;
    }
    return false;
}
