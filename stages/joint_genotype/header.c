/* SPDX-License-Identifier: MIT */
#include "header.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "added.h"
#include "info.h"
#include "kuni/version.h"

#define REASONS                                                                                    \
    "D no coverage, L low confidence, C contradictory evidence, F filtered in the input, A "       \
    "allele "                                                                                      \
    "not listed here, P no copy of the contig, S declared and inferred sex contradict each "       \
    "other, "                                                                                      \
    "H evidence for one copy where there are two; . called"

/* Of a sparse call set. */
static const char end_line[] =
    "<ID=END,Number=1,Type=Integer,Description=\"Last base of the blocks that begin here, where "
    "that "
    "is beyond REF: what follows from LEN, for indices and for tools older than VCF 4.5\">";

/* For whoever looks into the header because a tool counts more missing genotypes than there are. */
static const char sparse_warning[] =
    "\"a sample without values here is within the LEN bases of a block that an earlier record "
    "began, and not missing; tools that do not know LEN of VCF 4.5 take it for missing: give them "
    "the dense form\"";

/* Tells a call set without genotypes from one whose genotypes got lost. */
static const char sites_mark[] = "\"records of a call set without its genotypes\"";

/* A FORMAT field, and whether records may have it. */
typedef struct format_line {
    const char *text;
    bool wanted;
} format_line;

enum { FORMAT_LINES = 10 };

#define GENOTYPE "<ID=GT,Number=1,Type=String,Description=\"Genotype: the likeliest a posteriori"
#define QUALITY                                                                                    \
    "<ID=GQ,Number=1,Type=Integer,Description=\"Phred probability that the genotype is another"
#define DEPTH  "<ID=DP,Number=1,Type=Integer,Description=\"Depth; "
#define REASON "<ID=RNC,Number=1,Type=Character,Description=\"Reason of no call: " REASONS "\">"
#define PHASE_SET                                                                                  \
    "<ID=PS,Number=1,Type=Integer,Description=\"Phase set: position of its first variant\">"

/*
 * Local alleles stand last: whoever joins files and finds no record that has them leaves these lines out,
 * and all other numbers in the dictionary stay.
 */
static void list_dense(const joint_options *o, format_line lines[FORMAT_LINES])
{
    bool exact = o->exact_cells;
    const format_line all[FORMAT_LINES] = {
        {GENOTYPE "\">", true},
        {exact ? QUALITY "\">"
               : QUALITY
             "; in a reference block at least so: 0, 1, 10 or 20, where it has no PL\">",
         o->with_gq},
        {exact ? DEPTH "least depth of the block in a reference block\">"
               : DEPTH "in a reference block at least so: 0, 1, 5 or 10, where it has no AD\">",
         o->with_dp},
        {REASON, o->with_rnc},
        {"<ID=AD,Number=R,Type=Integer,Description=\"Reads of each allele\">", o->with_ad},
        {"<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled likelihoods of the genotypes, "
         "without prior\">",
         o->with_pl},
        {PHASE_SET, o->with_ps},
        {"<ID=LAA,Number=.,Type=Integer,Description=\"Local ALTs: numbers of the ALTs that LAD and "
         "LPL are about\">",
         o->with_ad || o->with_pl},
        {"<ID=LAD,Number=.,Type=Integer,Description=\"Reads of REF and each local ALT\">",
         o->with_ad},
        {"<ID=LPL,Number=.,Type=Integer,Description=\"PL over REF and the local ALTs\">",
         o->with_pl},
    };
    memcpy(lines, all, sizeof(all));
}

/* Lines that stand in list_dense too are spelled alike but for GT, GQ and DP. */
static void list_sparse(const joint_options *o, format_line lines[FORMAT_LINES])
{
    const format_line all[FORMAT_LINES] = {
        {GENOTYPE "; . within the LEN bases of an earlier record\">", true},
        {"<ID=LAA,Number=.,Type=Integer,Description=\"Local ALTs: numbers of the ALTs that LAD and "
         "LPL are about; <*> where a block begins\">",
         true},
        {"<ID=LEN,Number=1,Type=Integer,Description=\"Length of the block that begins here, in "
         "which GT, GQ, DP and RNC hold\">",
         true},
        {"<ID=GQ,Number=1,Type=Integer,Description=\"Phred probability that the genotype is "
         "another; in a block at least so, without the prior of the site\">",
         o->with_gq},
        {"<ID=DP,Number=1,Type=Integer,Description=\"Depth; in a block at least so\">", o->with_dp},
        {REASON, o->with_rnc},
        {"<ID=LAD,Number=LR,Type=Integer,Description=\"Reads of REF and each local ALT\">",
         o->with_ad},
        {"<ID=LPL,Number=LG,Type=Integer,Description=\"Phred-scaled likelihoods of the genotypes "
         "of "
         "REF and the local ALTs, without prior\">",
         o->with_pl},
        {PHASE_SET, o->with_ps},
    };
    memcpy(lines, all, sizeof(all));
}

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

static kuni_status add_formats(joint_header *h, const joint_options *options, kuni_error *err)
{
    format_line lines[FORMAT_LINES];
    if (h->kind == JOINT_RENDER_SITES) return KUNI_OK;
    if (h->kind == JOINT_RENDER_SPARSE)
        list_sparse(options, lines);
    else
        list_dense(options, lines);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < FORMAT_LINES && !status; i++)
        if (lines[i].wanted) status = add_line(h, "FORMAT", lines[i].text, err);
    return status;
}

/* The name alone: where the file lies is nothing to be told, and no byte depends on it. */
static kuni_status add_reference(joint_header *h, const kuni_task *task, kuni_error *err)
{
    const char *path = kuni_genome_path(task->genome), *slash = strrchr(path, '/');
    return add_line(h, "reference", slash ? slash + 1 : path, err);
}

static kuni_status fill(joint_header *h, const joint_options *options, const kuni_task *task,
                        kuni_error *err)
{
    bool sparse = h->kind == JOINT_RENDER_SPARSE;
    /* INFO/SB is what it is from 4.3 on. */
    if (bcf_hdr_set_version(h->header, sparse ? "VCFv4.5" : "VCFv4.3") < 0)
        return kuni_fail_memory(err, 1, 1);
    const char *source = options->source;
    /* A task's file names the version and no build: tasks of several builds are merged into one. */
    kuni_status status = add_line(h, "source", source ? source : "kuni " KUNI_VERSION, err);
    if (!status && sparse) status = add_line(h, "kuni_sparse", sparse_warning, err);
    if (!status && h->kind == JOINT_RENDER_SITES)
        status = add_line(h, "kuni_sites", sites_mark, err);
    if (!status) status = add_reference(h, task, err);
    if (!status) status = add_contigs(h, task, err);
    if (!status && sparse) status = add_line(h, "INFO", end_line, err);
    if (!status && sparse)
        status = add_line(h, "ALT", "<ID=*,Description=\"Any other allele\">", err);
    size_t n_infos;
    const char *const *info_lines = joint_info_lines(&n_infos);
    for (size_t i = 0; i < n_infos && !status; i++)
        status = add_line(h, "INFO", info_lines[i], err);
    if (!status) status = add_strata(h, err);
    if (!status) status = add_filters(h, err);
    if (!status && h->added) status = joint_added_header(h->added, h->header, err);
    status = status ? status : add_formats(h, options, err);
    if (!status) status = add_samples(h, task, err);
    if (status) return status;
    if (bcf_hdr_sync(h->header) < 0) return kuni_fail_memory(err, 1, 1);
    return KUNI_OK;
}

kuni_status joint_header_make(joint_header *h, joint_render_kind kind, const joint_options *options,
                              const kuni_task *task, const joint_cohort *cohort,
                              const joint_filters *filters, const joint_added *added,
                              kuni_error *err)
{
    *h = (joint_header){.kind = kind, .cohort = cohort, .filters = filters, .added = added};
    h->header = bcf_hdr_init("w");
    return h->header ? fill(h, options, task, err) : kuni_fail_memory(err, 1, 1);
}

void joint_header_fini(joint_header *h)
{
    if (h->header) bcf_hdr_destroy(h->header);
    kuni_buffer_fini(&h->text);
    free(h->strata);
}
