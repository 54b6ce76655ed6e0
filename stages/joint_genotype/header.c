/* SPDX-License-Identifier: MIT */
#include "header.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/version.h"

static const char *const info_lines[] = {
    "<ID=AC,Number=A,Type=Integer,Description=\"Copies of each ALT in called genotypes\">",
    "<ID=AN,Number=1,Type=Integer,Description=\"Copies in called genotypes\">",
    "<ID=AF,Number=A,Type=Float,Description=\"AC / AN\">",
    "<ID=EAF,Number=A,Type=Float,Description=\"Frequency of each ALT estimated from the "
    "likelihoods "
    "of all samples\">",
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
    "<ID=NOCALL,Number=6,Type=Integer,Description=\"Samples without a genotype by reason: no "
    "coverage, "
    "low confidence, contradictory evidence, filtered in the input, allele not listed here, no "
    "copy "
    "of the contig\">",
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

static const char *const format_lines[] = {
    "<ID=GT,Number=1,Type=String,Description=\"Genotype: the likeliest a posteriori\">",
    "<ID=GQ,Number=1,Type=Integer,Description=\"Phred probability that the genotype is another\">",
    "<ID=DP,Number=1,Type=Integer,Description=\"Depth; least depth of the block in a reference "
    "block\">",
    "<ID=RNC,Number=1,Type=String,Description=\"Reason of no call: D no coverage, L low "
    "confidence, C "
    "contradictory evidence, F filtered in the input, A allele not listed here, P no copy of the "
    "contig; . called\">",
    "<ID=AD,Number=R,Type=Integer,Description=\"Reads of each allele\">",
    "<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled likelihoods of the genotypes, without "
    "prior\">",
    "<ID=LAA,Number=.,Type=Integer,Description=\"Local ALTs: numbers of the ALTs that LAD and LPL "
    "are "
    "about\">",
    "<ID=LAD,Number=.,Type=Integer,Description=\"Reads of REF and each local ALT\">",
    "<ID=LPL,Number=.,Type=Integer,Description=\"PL over REF and the local ALTs\">",
    "<ID=PS,Number=1,Type=Integer,Description=\"Phase set: position of its first variant\">",
};

/* Of a sparse call set; lines that stand in format_lines too are spelled alike but for GQ. */
static const char *const sparse_lines[] = {
    "<ID=GT,Number=1,Type=String,Description=\"Genotype: the likeliest a posteriori; . within the "
    "LEN bases of an earlier record\">",
    "<ID=LAA,Number=.,Type=Integer,Description=\"Local ALTs: numbers of the ALTs that LAD and LPL "
    "are about; <*> where a block begins\">",
    "<ID=LEN,Number=1,Type=Integer,Description=\"Length of the block that begins here, in which "
    "GT, GQ, DP and RNC hold\">",
    "<ID=GQ,Number=1,Type=Integer,Description=\"Phred probability that the genotype is another; "
    "in a block at least so, without the prior of the site\">",
    "<ID=DP,Number=1,Type=Integer,Description=\"Depth; in a block at least so\">",
    "<ID=RNC,Number=1,Type=String,Description=\"Reason of no call: D no coverage, L low "
    "confidence, C contradictory evidence, F filtered in the input, A allele not listed here, P no "
    "copy of the contig; . called\">",
    "<ID=LAD,Number=LR,Type=Integer,Description=\"Reads of REF and each local ALT\">",
    "<ID=LPL,Number=LG,Type=Integer,Description=\"Phred-scaled likelihoods of the genotypes of REF "
    "and the local ALTs, without prior\">",
    "<ID=PS,Number=1,Type=Integer,Description=\"Phase set: position of its first variant\">",
};

static kuni_status append_line(joint_header *h, kuni_error *err)
{
    if (bcf_hdr_append(h->header, h->text.data) < 0)
        return kuni_fail(err, KUNI_BUG, "header line refused: %s", h->text.data);
    return KUNI_OK;
}

static kuni_status add_line(joint_header *h, const char *kind, const char *text, kuni_error *err)
{
    kuni_buffer_clear(&h->text);
    kuni_status status = kuni_buffer_printf(&h->text, err, "##%s=%s", kind, text);
    return status ? status : append_line(h, err);
}

/* A group's name as part of a tag. */
static void spell_tag(char tag[JOINT_TAG_BYTES], const char *prefix, const char *name)
{
    size_t n = 0;
    for (; *prefix && n + 1 < JOINT_TAG_BYTES; prefix++) tag[n++] = *prefix;
    for (; *name && n + 1 < JOINT_TAG_BYTES; name++)
        tag[n++] = isalnum((unsigned char)*name) ? *name : '_';
    tag[n] = '\0';
}

static kuni_status add_stratum(joint_header *h, const char *name, const char *means, uint32_t group,
                               int sex, kuni_error *err)
{
    joint_stratum *s = &h->strata[h->n_strata++];
    s->group = group;
    s->sex = sex;
    spell_tag(s->ac, "AC_", name);
    spell_tag(s->an, "AN_", name);
    spell_tag(s->af, "AF_", name);
    spell_tag(s->nhomalt, "nhomalt_", name);
    spell_tag(s->nhemi, "nhemi_", name);
    for (size_t i = 0; i + 1 < h->n_strata; i++)
        if (strcmp(h->strata[i].ac, s->ac) == 0)
            return kuni_fail(
                err, KUNI_USAGE,
                "group '%s': INFO/%s stands for another group or sex already: give one "
                "of them a name that differs in letters or digits",
                name, s->ac);
    static const char *const lines[] = {
        "<ID=%s,Number=A,Type=Integer,Description=\"AC in %s\">",
        "<ID=%s,Number=1,Type=Integer,Description=\"AN in %s\">",
        "<ID=%s,Number=A,Type=Float,Description=\"AF in %s\">",
        ("<ID=%s,Number=A,Type=Integer,Description=\"nhomalt in %s"
         "\">"),
        "<ID=%s,Number=A,Type=Integer,Description=\"nhemi in %s\">"};
    const char *const tags[] = {s->ac, s->an, s->af, s->nhomalt, s->nhemi};
    for (int i = 0; i < 5; i++) {
        char line[4 * JOINT_TAG_BYTES];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(line, sizeof(line), lines[i], tags[i], means);
#pragma GCC diagnostic pop
        kuni_status status = add_line(h, "INFO", line, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status add_strata(joint_header *h, kuni_error *err)
{
    const joint_cohort *cohort = h->cohort;
    h->strata = kuni_alloc((size_t)cohort->n_groups + 2, sizeof(*h->strata), err);
    if (!h->strata) return KUNI_MEMORY;
    kuni_status status = add_stratum(h, "XX", "females", 0, KUNI_SEX_FEMALE, err);
    if (!status) status = add_stratum(h, "XY", "males", 0, KUNI_SEX_MALE, err);
    for (uint32_t g = 1; g < cohort->n_groups && !status; g++) {
        char means[JOINT_TAG_BYTES];
        spell_tag(means, "group ", cohort->groups[g]);
        status = add_stratum(h, cohort->groups[g], means, g, 0, err);
    }
    return status;
}

static kuni_status add_filters(joint_header *h, kuni_error *err)
{
    for (size_t i = 0; i < h->filters->n; i++) {
        char line[1024], text[800];
        size_t n = 0;
        for (const char *c = h->filters->filters[i].text; *c && n + 1 < sizeof(text); c++)
            if (*c != '"' && *c != '\\') text[n++] = *c;
        text[n] = '\0';
        (void)snprintf(line, sizeof(line), "<ID=%s,Description=\"%s\">",
                       h->filters->filters[i].name, text);
        kuni_status status = add_line(h, "FILTER", line, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status add_contigs(joint_header *h, const kuni_task *task, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(task->genome) && !status; tid++) {
        kuni_buffer_clear(&h->text);
        status = kuni_genome_vcf_contig(task->genome, tid, &h->text, err);
        if (!status) status = append_line(h, err);
    }
    return status;
}

static kuni_status add_samples(joint_header *h, const kuni_task *task, kuni_error *err)
{
    for (size_t column = 0, i = 0; h->kind != JOINT_RENDER_SITES && i < task->n_samples; i++) {
        if (task->columns[i] < 0) continue;
        if (task->columns[i] != (int32_t)column)
            return kuni_fail(err, KUNI_BUG, "sample %s: columns are not in order",
                             task->samples[i].id);
        if (bcf_hdr_add_sample(h->header, task->samples[i].id) < 0)
            return kuni_fail(err, KUNI_DATA, "sample %s: the name stands twice in the cohort",
                             task->samples[i].id);
        column++;
    }
    return KUNI_OK;
}

static kuni_status add_formats(joint_header *h, kuni_error *err)
{
    bool sparse = h->kind == JOINT_RENDER_SPARSE;
    const char *const *lines = sparse ? sparse_lines : format_lines;
    size_t n = sparse ? sizeof(sparse_lines) / sizeof(sparse_lines[0])
                      : sizeof(format_lines) / sizeof(format_lines[0]);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && h->kind != JOINT_RENDER_SITES && !status; i++)
        status = add_line(h, "FORMAT", lines[i], err);
    return status;
}

static kuni_status fill(joint_header *h, const kuni_task *task, kuni_error *err)
{
    bool sparse = h->kind == JOINT_RENDER_SPARSE;
    if (sparse && bcf_hdr_set_version(h->header, "VCFv4.5") < 0) return kuni_fail_memory(err, 1, 1);
    kuni_status status = add_line(h, "source", "kuni " KUNI_VERSION, err);
    if (!status) status = add_contigs(h, task, err);
    if (!status && sparse)
        status = add_line(h, "ALT", "<ID=*,Description=\"Any other allele\">", err);
    for (size_t i = 0; i < sizeof(info_lines) / sizeof(info_lines[0]) && !status; i++)
        status = add_line(h, "INFO", info_lines[i], err);
    if (!status) status = add_strata(h, err);
    if (!status) status = add_filters(h, err);
    if (!status && h->added) status = joint_added_header(h->added, h->header, err);
    status = status ? status : add_formats(h, err);
    if (!status) status = add_samples(h, task, err);
    if (status) return status;
    if (bcf_hdr_sync(h->header) < 0) return kuni_fail_memory(err, 1, 1);
    return KUNI_OK;
}

kuni_status joint_header_make(joint_header *h, joint_render_kind kind, const kuni_task *task,
                              const joint_cohort *cohort, const joint_filters *filters,
                              const joint_added *added, kuni_error *err)
{
    *h = (joint_header){.kind = kind, .cohort = cohort, .filters = filters, .added = added};
    h->header = bcf_hdr_init("w");
    return h->header ? fill(h, task, err) : kuni_fail_memory(err, 1, 1);
}

bool joint_header_has_info(const char *tag)
{
    static const char *const strata[] = {"AC_", "AN_", "AF_", "nhomalt_"};
    size_t n = strlen(tag);
    for (size_t i = 0; i < sizeof(strata) / sizeof(strata[0]); i++)
        if (strncmp(tag, strata[i], strlen(strata[i])) == 0) return true;
    for (size_t i = 0; i < sizeof(info_lines) / sizeof(info_lines[0]); i++) {
        const char *name = info_lines[i] + strlen("<ID=");
        if (strncmp(name, tag, n) == 0 && name[n] == ',') return true;
    }
    return false;
}

void joint_header_fini(joint_header *h)
{
    if (h->header) bcf_hdr_destroy(h->header);
    kuni_buffer_fini(&h->text);
    free(h->strata);
}
