/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <htslib/bgzf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"
#include "statistics.h"
#include "unify.h"

enum {
    INBREEDING_SAMPLES = 10, /* fewer diploid calls say nothing about inbreeding */
};

/* GATK's ceiling: a P that cannot be told from 0. */
static const double phred_most = 3000;

struct joint_render {
    htsFile *file;
    joint_header head;
    bcf_hdr_t *header; /* of it */
    bcf_hdr_t *passed; /* of the file, where records go through something; else NULL */
    bcf1_t *record;
    bcf1_t *copy; /* for VCF: htslib spells records that were read, or copied, not ones just made */
    bool text_mode;
    joint_render_kind kind;
    char *path;
    const joint_cohort *cohort;
    const joint_filters *filters;
    int *filter_ids;
    joint_options options;
    joint_format_ids ids;
    kuni_buffer text;
    kstring_t line; /* of a sparse record, up to INFO */
    int32_t *ints;
    float *floats;
    size_t ints_capacity, floats_capacity;
    int32_t tid;
    bool has_local; /* a record has local alleles */
};

static int id_of(const joint_render *r, const char *tag, bool wanted)
{
    return wanted && r->kind == JOINT_RENDER_DENSE ? bcf_hdr_id2int(r->header, BCF_DT_ID, tag) : -1;
}

static kuni_status look_up_ids(joint_render *r, kuni_error *err)
{
    const joint_options *o = &r->options;
    r->ids = (joint_format_ids){.gt = id_of(r, "GT", true),
                                .gq = id_of(r, "GQ", o->with_gq),
                                .dp = id_of(r, "DP", o->with_dp),
                                .ad = id_of(r, "AD", o->with_ad),
                                .pl = id_of(r, "PL", o->with_pl),
                                .laa = id_of(r, "LAA", o->with_ad || o->with_pl),
                                .lad = id_of(r, "LAD", o->with_ad),
                                .lpl = id_of(r, "LPL", o->with_pl),
                                .rnc = id_of(r, "RNC", o->with_rnc),
                                .ps = id_of(r, "PS", o->with_ps)};
    r->filter_ids = kuni_alloc(r->filters->n + 1, sizeof(int), err);
    if (!r->filter_ids) return KUNI_MEMORY;
    for (size_t i = 0; i < r->filters->n; i++)
        r->filter_ids[i] = bcf_hdr_id2int(r->header, BCF_DT_ID, r->filters->filters[i].name);
    return KUNI_OK;
}

kuni_status joint_render_open(joint_render **render, joint_render_kind kind, const char *path,
                              const char *mode, bool headed, const kuni_task *task,
                              const joint_cohort *cohort, const joint_options *options,
                              const joint_filters *filters, const joint_added *added,
                              kuni_error *err)
{
    joint_render *r = kuni_alloc(1, sizeof(*r), err);
    if (!r) return KUNI_MEMORY;
    r->kind = kind;
    r->cohort = cohort;
    r->filters = filters;
    r->options = *options;
    r->path = kuni_strdup(path, err);
    r->record = bcf_init();
    r->copy = bcf_init();
    r->text_mode = !strchr(mode, 'b');
    kuni_status status = KUNI_OK;
    if (!r->path || !r->record || !r->copy) status = kuni_fail_memory(err, 1, sizeof(*r));
    if (!status)
        status = joint_header_make(&r->head, kind, options, task, cohort, filters, added, err);
    r->header = r->head.header;
    if (!status) status = look_up_ids(r, err);
    if (!status) {
        r->file = hts_open(path, mode);
        if (!r->file) status = kuni_fail_errno(err, "cannot write %s", path);
    }
    if (!status && options->pass)
        status = options->pass->header(options->pass->context, r->header, &r->passed, err);
    if (!status && headed && bcf_hdr_write(r->file, r->passed ? r->passed : r->header) < 0)
        status = kuni_fail_errno(err, "cannot write %s", path);
    if (status) {
        joint_render_abandon(r);
        return status;
    }
    *render = r;
    return KUNI_OK;
}

kuni_status joint_render_head(const joint_render *r, const char *path, const char *mode, bool local,
                              kuni_error *err)
{
    static const char *const fields[] = {"LAA", "LAD", "LPL"};
    bcf_hdr_t *header = bcf_hdr_dup(r->passed ? r->passed : r->header);
    if (!header) return kuni_fail_memory(err, 1, 1);
    for (size_t i = 0; !local && i < sizeof(fields) / sizeof(fields[0]); i++)
        bcf_hdr_remove(header, BCF_HL_FMT, fields[i]);
    htsFile *file = hts_open(path, mode);
    bool good = file && bcf_hdr_sync(header) == 0 && bcf_hdr_write(file, header) == 0;
    if (file && hts_close(file) < 0) good = false;
    bcf_hdr_destroy(header);
    return good ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", path);
}

bool joint_render_has_local(const joint_render *r)
{
    return r->has_local || r->kind == JOINT_RENDER_SPARSE;
}

kuni_status joint_render_flush(joint_render *r, kuni_error *err)
{
    if (r->file->format.compression == bgzf && bgzf_flush(r->file->fp.bgzf) < 0)
        return kuni_fail_errno(err, "cannot write %s", r->path);
    const joint_pass *pass = r->options.pass;
    return pass && pass->flush ? pass->flush(pass->context, err) : KUNI_OK;
}

kuni_status joint_render_seal(joint_render *r, kuni_error *err)
{
    static const unsigned char marker[28] = {0x1f, 0x8b, 8,  4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C',
                                             2,    0,    27, 0, 3, 0, 0, 0, 0, 0,    0, 0, 0,   0};
    BGZF *blocks = r->file->fp.bgzf;
    if (bgzf_flush(blocks) < 0 || bgzf_raw_write(blocks, marker, sizeof(marker)) != sizeof(marker))
        return kuni_fail_errno(err, "cannot write %s", r->path);
    return KUNI_OK;
}

void joint_render_abandon(joint_render *r)
{
    if (!r) return;
    if (r->file) (void)hts_close(r->file);
    joint_header_fini(&r->head);
    if (r->passed) bcf_hdr_destroy(r->passed);
    if (r->record) bcf_destroy(r->record);
    if (r->copy) bcf_destroy(r->copy);
    kuni_buffer_fini(&r->text);
    ks_free(&r->line);
    free(r->filter_ids);
    free(r->ints);
    free(r->floats);
    free(r->path);
    free(r);
}

kuni_status joint_render_finish(joint_render *r, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    int closed = hts_close(r->file);
    r->file = NULL;
    if (closed < 0) status = kuni_fail_errno(err, "cannot write %s", r->path);
    joint_render_abandon(r);
    return status;
}

void joint_render_contig(joint_render *r, int32_t tid)
{
    r->tid = tid;
}

/* --- records --- */

/* One record under way. */
typedef struct draft {
    joint_render *r;
    const joint_record *what;
    const joint_site *site;
    const joint_site_tally *t;
    const joint_allele_tally *alleles;
    uint32_t n; /* ALTs written */
    uint32_t an;
    double values[JOINT_FILTER_NAMES];
    kuni_error *err;
} draft;

static kuni_status refused(draft *d, const char *tag)
{
    return kuni_fail(d->err, KUNI_BUG, "INFO/%s refused at position %lld", tag,
                     (long long)d->site->pos + 1);
}

static kuni_status put_ints(draft *d, const char *tag, const int32_t *values, uint32_t n)
{
    return bcf_update_info_int32(d->r->header, d->r->record, tag, values, (int)n) < 0
               ? refused(d, tag)
               : KUNI_OK;
}

/* NAN becomes missing. */
static kuni_status put_floats(draft *d, const char *tag, float *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (isnan(values[i])) bcf_float_set_missing(values[i]);
    return bcf_update_info_float(d->r->header, d->r->record, tag, values, (int)n) < 0
               ? refused(d, tag)
               : KUNI_OK;
}

/* A number that filters also see; NAN: left out. */
static kuni_status put_number(draft *d, const char *tag, joint_filter_name name, double value)
{
    d->values[name] = value;
    if (isnan(value)) return KUNI_OK;
    float f = (float)value;
    return put_floats(d, tag, &f, 1);
}

/* A value for each ALT, from the first of r->ints; <*> has none of any. */
static kuni_status put_allele_ints(draft *d, const char *tag)
{
    bool other = d->r->kind == JOINT_RENDER_SPARSE;
    if (other) d->r->ints[d->n] = 0;
    return put_ints(d, tag, d->r->ints, d->n + other);
}

/*
 * Likewise from r->floats; <*> has no value. A list is told whole or not at all: readers take one without
 * some of its values for damaged (Hail).
 */
static kuni_status put_allele_floats(draft *d, const char *tag)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (isnan(d->r->floats[i])) return KUNI_OK;
    bool other = d->r->kind == JOINT_RENDER_SPARSE;
    if (other) d->r->floats[d->n] = NAN;
    return put_floats(d, tag, d->r->floats, d->n + other);
}

static kuni_status put_int(draft *d, const char *tag, uint64_t value)
{
    int32_t v = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    return put_ints(d, tag, &v, 1);
}

static int32_t int_of(uint64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static kuni_status put_alleles(draft *d)
{
    joint_render *r = d->r;
    static const struct {
        const char *tag;
        size_t offset;
    } counts[] = {{"AC", offsetof(joint_allele_tally, copies)},
                  {"nhet", offsetof(joint_allele_tally, het)},
                  {"nhomalt", offsetof(joint_allele_tally, hom)},
                  {"nhemi", offsetof(joint_allele_tally, hemi)}};
    kuni_status status = KUNI_OK;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]) && !status; c++) {
        for (uint32_t i = 1; i <= d->n; i++) {
            uint32_t count;
            memcpy(&count, (const char *)&d->alleles[i] + counts[c].offset, sizeof(count));
            r->ints[i - 1] = int_of(count);
        }
        status = put_allele_ints(d, counts[c].tag);
    }
    for (uint32_t i = 1; i <= d->n; i++)
        r->floats[i - 1] = d->an ? (float)d->alleles[i].copies / (float)d->an : NAN;
    if (!status) status = put_allele_floats(d, "AF");
    for (uint32_t i = 1; i <= d->n; i++) r->floats[i - 1] = (float)d->what->alleles[i].share;
    if (!status) status = put_allele_floats(d, "EAF");
    for (uint32_t i = 1; i <= d->n; i++) r->floats[i - 1] = d->what->alleles[i].nobody_phred;
    if (!status) status = put_allele_floats(d, "EAQ");
    if (!status) status = put_int(d, "EAN", (uint64_t)d->what->copies);
    float star = (float)d->what->alleles[d->site->n_alts + 1].share;
    if (!status && star > 0) status = put_floats(d, "ESF", &star, 1);
    if (!status) status = put_int(d, "AN", d->an);
    if (!status) status = put_int(d, "NS", (uint64_t)d->t->called[0] + d->t->called[1]);
    return status;
}

static kuni_status put_balance(draft *d)
{
    uint64_t ref = 0, alt = 0;
    for (uint32_t i = 1; i <= d->n; i++) {
        const joint_allele_tally *a = &d->alleles[i];
        uint64_t reads = a->het_ref_reads + a->het_alt_reads;
        d->r->floats[i - 1] = reads ? (float)((double)a->het_alt_reads / (double)reads) : NAN;
        ref += a->het_ref_reads;
        alt += a->het_alt_reads;
    }
    d->values[JOINT_AB] = ref + alt ? (double)alt / (double)(ref + alt) : NAN;
    return ref + alt ? put_allele_floats(d, "AB") : KUNI_OK;
}

static kuni_status put_proportions(draft *d)
{
    const joint_site_tally *t = d->t;
    uint64_t diploid = t->called[1];
    if (!diploid) return KUNI_OK;
    double least = 1, hwe, excess;
    for (uint32_t i = 1; i <= d->n; i++) {
        const joint_allele_tally *a = &d->alleles[i];
        joint_hwe_exact(diploid - a->het - a->hom, a->het, a->hom, &hwe, &excess);
        d->r->floats[i - 1] = (float)hwe;
        if (hwe < least) least = hwe;
    }
    d->values[JOINT_HWE] = least;
    kuni_status status = put_allele_floats(d, "HWE");
    joint_hwe_exact(t->ref_ref, t->ref_alt, t->alt_alt, &hwe, &excess);
    if (!status)
        status = put_number(d, "ExcessHet", JOINT_EXCESS_HET, joint_phred(excess, phred_most));
    if (!status && diploid >= INBREEDING_SAMPLES)
        status = put_number(d, "InbreedingCoeff", JOINT_INBREEDING,
                            joint_inbreeding(t->ref_ref, t->ref_alt, t->alt_alt));
    return status;
}

static kuni_status put_reads(draft *d)
{
    const joint_site_tally *t = d->t;
    uint64_t strands = t->strands[0] + t->strands[1] + t->strands[2] + t->strands[3];
    kuni_status status = KUNI_OK;
    if (d->what->filters)
        status = put_number(d, "QD", JOINT_QD, d->what->given_qd);
    else if (t->carrier_depth)
        status = put_number(d, "QD", JOINT_QD, d->values[JOINT_QUAL] / (double)t->carrier_depth);
    for (int i = 0; i < 4; i++) d->r->ints[i] = int_of(t->strands[i]);
    if (!status && strands) status = put_ints(d, "SB", d->r->ints, 4);
    if (!status && strands) status = put_number(d, "FS", JOINT_FS, joint_fisher_strand(t->strands));
    if (!status && strands) status = put_number(d, "SOR", JOINT_SOR, joint_strand_odds(t->strands));
    if (!status && t->mq_depth)
        status = put_number(d, "MQ", JOINT_MQ, sqrt((double)t->mq_squares / (double)t->mq_depth));
    static const struct {
        const char *tag;
        joint_filter_name name;
    } ranks[KUNI_RANKS] = {
        [KUNI_RANK_MAPQ] = {"MQRankSum", JOINT_MQ_RANK_SUM},
        [KUNI_RANK_POSITION] = {"ReadPosRankSum", JOINT_READ_POS_RANK_SUM},
        [KUNI_RANK_BASEQ] = {"BaseQRankSum", JOINT_BASE_Q_RANK_SUM},
    };
    for (int i = 0; i < KUNI_RANKS && !status; i++)
        if (t->ranks[i])
            status = put_number(d, ranks[i].tag, ranks[i].name,
                                (double)t->rank_sums[i] / 2 / t->ranks[i]);
    return status;
}

/* Of n samples those that are not told of yet, at most `most`. */
static uint64_t rest_of(uint64_t n, uint64_t told, uint64_t most)
{
    uint64_t rest = n > told ? n - told : 0;
    return rest < most ? rest : most;
}

static kuni_status put_coverage(draft *d)
{
    const joint_site_tally *t = d->t;
    uint64_t with_data = 0, said = 0, called = (uint64_t)t->called[0] + t->called[1];
    for (int i = 0; i < JOINT_DEPTH_BINS; i++) {
        with_data += t->depth_bins[i];
        d->r->ints[i] = int_of(t->depth_bins[i]);
    }
    kuni_status status = put_ints(d, "DP_HIST", d->r->ints, JOINT_DEPTH_BINS);
    for (int i = 0; i < JOINT_QUALITY_BINS; i++) d->r->ints[i] = int_of(t->gq_bins[i]);
    if (!status) status = put_ints(d, "GQ_HIST", d->r->ints, JOINT_QUALITY_BINS);
    if (!status) status = put_int(d, "DP", t->depth);
    d->values[JOINT_DP] = (double)t->depth;
    if (!status && with_data)
        status = put_number(d, "DP_MEAN", JOINT_DP_MEAN, (double)t->depth / (double)with_data);
    if (!status && t->gq_known)
        status = put_number(d, "GQ_MEAN", JOINT_GQ_MEAN, (double)t->gq / (double)t->gq_known);
    if (!status && d->what->n_with)
        status = put_number(d, "CR", JOINT_CR, (double)called / d->what->n_with);
    for (int i = 1; i < JOINT_REASONS; i++) {
        d->r->ints[i - 1] = int_of(t->nocall[i]);
        said += t->nocall[i];
    }
    /* Who has neither event nor block, and who has no copy, left no trace to count. */
    uint64_t silent = d->r->cohort->n_columns - called - said;
    uint64_t absent = rest_of(d->what->n_without, t->nocall[JOINT_ABSENT], silent);
    uint64_t undecided = rest_of(d->what->n_undecided, t->nocall[JOINT_SEX], silent - absent);
    d->r->ints[JOINT_ABSENT - 1] += int_of(absent);
    d->r->ints[JOINT_SEX - 1] += int_of(undecided);
    d->r->ints[JOINT_NO_COVERAGE - 1] += int_of(silent - absent - undecided);
    int n = JOINT_REASONS - 1; /* the last two are rare */
    while (n >= JOINT_SEX && !d->r->ints[n - 1]) n--;
    if (!status) status = put_ints(d, "NOCALL", d->r->ints, n);
    return status;
}

static kuni_status put_strata(draft *d)
{
    joint_render *r = d->r;
    const joint_tally *tally = d->what->tally;
    size_t n_cells = r->cohort->n_cells;
    kuni_status status = KUNI_OK;
    for (size_t k = 0; k < r->head.n_strata && !status; k++) {
        const joint_stratum *s = &r->head.strata[k];
        uint64_t an = 0;
        /* apart from what is padded */
        int32_t *hom = r->ints + d->n + 1, *hemi = hom + d->n + 1;
        for (uint32_t i = 0; i < d->n; i++) r->ints[i] = hom[i] = hemi[i] = 0;
        for (size_t cell = 0; cell < n_cells; cell++) {
            if (s->group ? cell / JOINT_SEXES != s->group : (int)(cell % JOINT_SEXES) != s->sex)
                continue;
            an += tally->cell_called[d->what->site * n_cells + cell];
            for (uint32_t i = 1; i <= d->n; i++) {
                size_t slot = (d->site->slot + i) * n_cells + cell;
                r->ints[i - 1] += (int32_t)tally->cell_copies[slot];
                hom[i - 1] += (int32_t)tally->cell_hom[slot];
                hemi[i - 1] += (int32_t)tally->cell_hemi[slot];
            }
        }
        for (uint32_t i = 0; i < d->n; i++) r->floats[i] = an ? (float)r->ints[i] / (float)an : NAN;
        status = put_allele_ints(d, s->ac);
        if (!status) status = put_int(d, s->an, an);
        if (!status) status = put_allele_floats(d, s->af);
        memmove(r->ints, hom, d->n * sizeof(*hom));
        if (!status) status = put_allele_ints(d, s->nhomalt);
        memmove(r->ints, hemi, d->n * sizeof(*hemi));
        if (!status) status = put_allele_ints(d, s->nhemi);
    }
    return status;
}

/* Numbers that filters see and INFO spells otherwise. */
static void set_filter_values(draft *d)
{
    const joint_sites *sites = d->what->tally->sites;
    uint64_t copies = 0;
    bool snp = true;
    for (uint32_t i = 1; i <= d->site->n_alts; i++) copies += d->alleles[i].copies;
    for (uint32_t i = 0; i < d->site->all_alts; i++) {
        const joint_alt *alt = &sites->alts[d->site->first_alt + i];
        if (alt->number > 0 && alt->ref_length != alt->alt_length) snp = false;
    }
    d->values[JOINT_AC] = (double)copies;
    d->values[JOINT_AN] = d->an;
    d->values[JOINT_AF] = d->an ? (double)copies / d->an : NAN;
    d->values[JOINT_NALT] = d->site->n_alts;
    d->values[JOINT_NS] = (double)d->t->called[0] + d->t->called[1];
    d->values[JOINT_NHET] = d->t->het;
    d->values[JOINT_NHOMALT] = d->t->hom_alt;
    d->values[JOINT_SNP] = snp;
    d->values[JOINT_INDEL] = !snp;
}

static kuni_status put_filters(draft *d)
{
    joint_render *r = d->r;
    int pass = bcf_hdr_id2int(r->header, BCF_DT_ID, "PASS"), bad = 0;
    bool any = false;
    for (uint32_t i = 0; d->what->filters && i < d->what->n_filters; i++) {
        int id = bcf_hdr_id2int(r->header, BCF_DT_ID, d->what->filters[i]);
        if (id < 0 || bcf_add_filter(r->header, r->record, id) < 0) bad = 1;
    }
    if (d->what->filters) return bad ? kuni_fail_memory(d->err, 1, 1) : KUNI_OK;
    for (size_t i = 0; i < r->filters->n; i++) {
        if (!joint_filter_holds(&r->filters->filters[i], d->values)) continue;
        any = true;
        if (bcf_add_filter(r->header, r->record, r->filter_ids[i]) < 0) bad = 1;
    }
    if (!any && bcf_add_filter(r->header, r->record, pass) < 0) bad = 1;
    return bad ? kuni_fail_memory(d->err, 1, 1) : KUNI_OK;
}

static kuni_status put_info(draft *d)
{
    kuni_status status = put_alleles(d);
    if (!status) status = put_coverage(d);
    if (!status) status = put_reads(d);
    if (!status) status = put_balance(d);
    if (!status) status = put_proportions(d);
    if (!status) status = put_strata(d);
    if (!status && d->site->dropped_alts) {
        int32_t dropped[2] = {int_of(d->site->dropped_alts), int_of(d->site->dropped_copies)};
        status = put_ints(d, "DROPPED", dropped, 2);
    }
    return status;
}

/* r->copy as it is after what records go through; NULL: not to be written. */
static kuni_status pass_record(joint_render *r, bcf1_t **passed, kuni_error *err)
{
    const joint_pass *pass = r->options.pass;
    *passed = NULL;
    return pass->record(pass->context, r->header, r->passed, r->copy, passed, err);
}

/* `local`: the record has local alleles. */
static kuni_status write_passed(joint_render *r, bool local, kuni_error *err)
{
    bcf1_t *passed;
    kuni_status status = pass_record(r, &passed, err);
    if (!status && passed && local) r->has_local = true;
    if (!status && passed && bcf_write(r->file, r->passed, passed) < 0)
        status = kuni_fail_errno(err, "cannot write %s", r->path);
    return status;
}

static kuni_status write_record(joint_render *r, joint_dense *dense, const joint_row *row,
                                kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (r->kind == JOINT_RENDER_DENSE)
        status = joint_dense_row(dense, row, r->cohort, &r->ids, r->record, err);
    if (!status && (r->text_mode || r->passed) && !bcf_copy(r->copy, r->record))
        status = kuni_fail_memory(err, 1, 1);
    bool local = row->local && r->kind == JOINT_RENDER_DENSE;
    if (!status && r->passed) return write_passed(r, local, err);
    if (local) r->has_local = true;
    if (!status && bcf_write(r->file, r->header, r->text_mode ? r->copy : r->record) < 0)
        status = kuni_fail_errno(err, "cannot write %s", r->path);
    return status;
}

/*
 * A line, in two parts: the second, of genotypes, has a million samples' and is not copied. Lines that fit a
 * block do not cross into the next.
 */
static kuni_status write_text(joint_render *r, const kstring_t *line, const kuni_buffer *rest,
                              kuni_error *err)
{
    BGZF *file = r->file->fp.bgzf;
    size_t more = rest ? rest->length : 0;
    bool blocks = r->file->format.compression == bgzf;
    bool good = (!blocks || bgzf_flush_try(file, (ssize_t)(line->l + more)) == 0) &&
                bgzf_write(file, line->s, line->l) == (ssize_t)line->l &&
                (!more || bgzf_write(file, rest->data, more) == (ssize_t)more);
    return good ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", r->path);
}

/* Missing fields at the end of a column are left out, as in joint_sparse_row; htslib spells them. */
static void drop_missing(kstring_t *line)
{
    size_t n = 0;
    for (size_t i = 0; i < line->l; i++) {
        char c = line->s[i];
        while ((c == '\t' || c == '\n') && n > 1 && line->s[n - 1] == '.' && line->s[n - 2] == ':')
            n -= 2;
        line->s[n++] = c;
    }
    line->l = n;
}

/*
 * A record reaches as far as the blocks that begin in it. htslib knows that by itself from 1.22 on, when it
 * reads a record; whoever indexes by text, and htslib before it, goes by END.
 */
static bool put_end(joint_render *r, int64_t end)
{
    if (end <= r->record->pos + r->record->rlen) return true;
    return bcf_update_info_int32(r->header, r->record, "END", &(int32_t){(int32_t)end}, 1) == 0;
}

/* The line in r->line goes through a record. */
static kuni_status write_sparse_passed(joint_render *r, kuni_error *err)
{
    bcf1_t *passed;
    if (vcf_parse(&r->line, r->header, r->copy) < 0)
        return kuni_fail(err, KUNI_BUG, "a sparse record was refused");
    kuni_status status = pass_record(r, &passed, err);
    if (status || !passed) return status;
    ks_clear(&r->line);
    if (vcf_format(r->passed, passed, &r->line) < 0) return kuni_fail_memory(err, 1, 1);
    drop_missing(&r->line);
    return write_text(r, &r->line, NULL, err);
}

static kuni_status write_sparse(joint_render *r, joint_sparse *sparse, const joint_row *row,
                                kuni_error *err)
{
    int64_t end;
    kuni_buffer_clear(&r->text);
    kuni_status status = joint_sparse_row(sparse, row, &r->text, &end, err);
    if (status) return status;
    if (!put_end(r, end))
        return kuni_fail(err, KUNI_BUG, "INFO/END refused at position %lld",
                         (long long)r->record->pos + 1);
    ks_clear(&r->line);
    if (!bcf_copy(r->copy, r->record) || vcf_format(r->header, r->copy, &r->line) < 0)
        return kuni_fail_memory(err, 1, 1);
    if (r->line.l && r->line.s[r->line.l - 1] == '\n') r->line.l--;
    if (!r->passed) {
        status = kuni_buffer_append(&r->text, "\n", 1, err);
        return status ? status : write_text(r, &r->line, &r->text, err);
    }
    if (kputsn(r->text.data, r->text.length, &r->line) < 0)
        return kuni_fail_memory(err, r->text.length, 1);
    return write_sparse_passed(r, err); /* parsed without its end of line */
}

static kuni_status put_added(draft *d)
{
    const joint_added_site *added = d->what->added;
    bcf_hdr_t *header = d->r->header;
    if (!added) return KUNI_OK;
    if (added->id && !d->r->options.named && bcf_update_id(header, d->r->record, added->id) < 0)
        return kuni_fail_memory(d->err, 1, 1);
    for (uint32_t i = 0; i < added->n_infos; i++) {
        const joint_added_info *info = &added->infos[i];
        if (bcf_update_info(header, d->r->record, info->tag, info->values, info->n, info->type) < 0)
            return refused(d, info->tag);
    }
    return KUNI_OK;
}

/* One record stands at a position, so that names it. */
static bool name_record(joint_render *r)
{
    char name[512];
    (void)snprintf(name, sizeof(name), "%s:%lld", bcf_hdr_id2name(r->header, r->tid),
                   (long long)r->record->pos + 1);
    return bcf_update_id(r->header, r->record, name) == 0;
}

/* ALTs that somebody has, but for "*". */
static uint32_t alts_with_copies(const draft *d)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i <= d->site->n_alts; i++) n += d->alleles[i].copies > 0;
    return n;
}

kuni_status joint_render_record(joint_render *r, const joint_record *what, kuni_error *err)
{
    const joint_sites *sites = what->tally->sites;
    const joint_site *site = &sites->sites[what->site];
    draft d = {.r = r,
               .what = what,
               .site = site,
               .t = &what->tally->site[what->site],
               .alleles = what->tally->allele + site->slot,
               .err = err};
    bool star = d.alleles[site->n_alts + 1].copies > 0;
    d.n = site->n_alts + (star ? 1 : 0);
    for (uint32_t i = 0; i < site->n_alts + 2; i++) d.an += d.alleles[i].copies;
    for (int i = 0; i < JOINT_FILTER_NAMES; i++) d.values[i] = NAN;
    uint32_t varying = alts_with_copies(&d);
    if (!varying && r->options.pass && r->options.pass->only_varying)
        return what->sparse ? joint_sparse_pass_over(what->sparse, what->site, err) : KUNI_OK;
    kuni_status status =
        kuni_grow((void **)&r->ints, &r->ints_capacity, 3 * (size_t)d.n + 32, sizeof(int32_t), err);
    if (!status)
        status = kuni_grow((void **)&r->floats, &r->floats_capacity, (size_t)d.n + 32,
                           sizeof(float), err);
    if (!status) status = joint_sites_spell(sites, site, star, &r->text, err);
    if (!status && r->kind == JOINT_RENDER_SPARSE)
        status = kuni_buffer_append(&r->text, ",<*>", 4, err);
    if (status) return status;
    bcf_clear(r->record);
    r->record->rid = r->tid;
    r->record->pos = site->pos;
    if (bcf_update_alleles_str(r->header, r->record, r->text.data) < 0)
        return kuni_fail(err, KUNI_BUG, "alleles refused at position %lld",
                         (long long)site->pos + 1);
    if (r->options.named && !name_record(r)) return kuni_fail_memory(err, 1, 1);
    double qual = (double)what->quality / 1000;
    r->record->qual = what->filters ? what->given_quality : (float)qual;
    qual = (double)r->record->qual; /* what can be had from the record gives the same QD */
    d.values[JOINT_QUAL] = qual;
    set_filter_values(&d);
    status = put_info(&d);
    if (!status) status = put_added(&d);
    if (!status) status = put_filters(&d);
    joint_row row = {.site = what->site,
                     .n_alleles = 1 + d.n,
                     .local = (r->options.pass ? varying : site->n_alts) > r->options.local_over,
                     .phased = d.t->phased,
                     .expected = what->expected,
                     .n_whos = r->cohort->n_whos,
                     .block_calls = what->block_calls};
    if (status) return status;
    return r->kind == JOINT_RENDER_SPARSE ? write_sparse(r, what->sparse, &row, err)
                                          : write_record(r, what->dense, &row, err);
}
