/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 4, COPIES = 5 /* of a unit, from which on it is a repeat */ };

typedef struct reading {
    kuni_meter *meter;
    kuni_genome *genome;
    const char *path;
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    kstring_t line, site;
    int32_t *counts[5]; /* AN, AC, nhet, nhomalt, nhemi */
    int room[5];
    int32_t last_rid;
    int64_t last_snp;
    kuni_error *err;
} reading;

static const char *const tags[] = {"AN", "AC", "nhet", "nhomalt", "nhemi"};

/* Copies of the unit behind the anchor base; 0 where it is itself a repeat of one or two bases. */
static size_t copies_of(const char *unit, const char *bases, size_t n)
{
    size_t copies = 0;
    if (unit[0] == unit[2] && unit[1] == unit[3]) return 0;
    while (UNIT * (copies + 1) <= n && memcmp(bases + UNIT * copies, unit, UNIT) == 0) copies++;
    return copies;
}

/* Whether REF and ALT differ by whole units of a repeat that begins behind their first base. */
static kuni_status is_repeat(reading *r, const char *alt, bool *yes)
{
    const char *ref = r->record->d.allele[0];
    size_t n_ref = strlen(ref), n_alt = strlen(alt), n;
    size_t change = n_ref > n_alt ? n_ref - n_alt : n_alt - n_ref;
    const char *longer = n_ref > n_alt ? ref : alt;
    int32_t tid = kuni_genome_find(r->genome, bcf_hdr_id2name(r->header, r->record->rid));
    *yes = false;
    if (!change || change % UNIT || strlen(longer) < 1 + UNIT || tid < 0) return KUNI_OK;
    char *bases = NULL;
    int64_t got = 0;
    kuni_span span = {tid, r->record->pos + 1, r->record->pos + 1 + UNIT * COPIES};
    int64_t length = kuni_genome_contig(r->genome, tid)->length_bp;
    if (span.end > length) return KUNI_OK;
    kuni_status status = kuni_genome_fetch(r->genome, span, &bases, &got, r->err);
    n = status ? 0 : (size_t)got;
    *yes = !status && copies_of(longer + 1, bases, n) >= COPIES;
    free(bases);
    return status;
}

static kuni_status count(reading *r)
{
    bcf1_t *record = r->record;
    bool repeat = false;
    for (int i = 0; i < 5; i++) {
        int got = bcf_get_info_int32(r->header, record, tags[i], &r->counts[i], &r->room[i]);
        if (got != (i ? record->n_allele - 1 : 1))
            return kuni_fail(r->err, KUNI_BUG, "%s: a record without %s", r->path, tags[i]);
    }
    if (record->rid != r->last_rid) r->last_snp = -KUNI_METER_APART_BP;
    r->last_rid = record->rid;
    int64_t an = r->counts[0][0];
    for (int i = 1; i < record->n_allele && an > 0; i++) {
        const char *alt = record->d.allele[i];
        int64_t ac = r->counts[1][i - 1];
        if (alt[0] == '*' || alt[0] == '<' || !ac) continue;
        if (100 * ac < an)
            r->meter->rare +=
                (int64_t)r->counts[2][i - 1] + r->counts[3][i - 1] + r->counts[4][i - 1];
        bool snp = strlen(record->d.allele[0]) == 1 && strlen(alt) == 1;
        if (snp && 20 * ac >= an && 20 * ac <= 19 * an &&
            record->pos - r->last_snp >= KUNI_METER_APART_BP) {
            r->meter->snps++;
            r->last_snp = record->pos;
        }
        kuni_status status = repeat || snp ? KUNI_OK : is_repeat(r, alt, &repeat);
        if (status) return status;
    }
    r->meter->repeats += repeat;
    return KUNI_OK;
}

/* Without the columns of people, which are most of a line. */
static int next_line(reading *r)
{
    int got = hts_getline(r->file, '\n', &r->line);
    if (got < 0) return got;
    char *end = r->line.s;
    for (int column = 0; column < 8 && end; column++) end = strchr(end + (column > 0), '\t');
    r->site.l = 0;
    if (!end || kputsn(r->line.s, (size_t)(end - r->line.s), &r->site) < 0 ||
        vcf_parse(&r->site, r->header, r->record) < 0)
        return -2;
    return 0;
}

static kuni_status read_all(reading *r)
{
    bool text = hts_get_format(r->file)->format == vcf;
    r->header = bcf_hdr_read(r->file);
    if (!r->header) return kuni_fail(r->err, KUNI_IO, "cannot read %s", r->path);
    /* Lines are cut before FORMAT. */
    if (text && bcf_hdr_set_samples(r->header, NULL, 0) < 0)
        return kuni_fail(r->err, KUNI_IO, "cannot read %s", r->path);
    kuni_status status = KUNI_OK;
    int got = 0;
    while (!status && (got = text ? next_line(r) : bcf_read(r->file, r->header, r->record)) >= 0) {
        if (bcf_unpack(r->record, BCF_UN_INFO) < 0)
            return kuni_fail(r->err, KUNI_IO, "%s is damaged", r->path);
        status = count(r);
    }
    return !status && got < -1 ? kuni_fail(r->err, KUNI_IO, "%s is damaged", r->path) : status;
}

kuni_status kuni_meter_read(kuni_meter *meter, const char *path, kuni_genome *genome,
                            kuni_error *err)
{
    *meter = (kuni_meter){0};
    reading r = {.meter = meter,
                 .genome = genome,
                 .path = path,
                 .file = hts_open(path, "r"),
                 .record = bcf_init(),
                 .last_rid = -1,
                 .err = err};
    kuni_status status = !r.file     ? kuni_fail_errno(err, "cannot open %s", path)
                         : !r.record ? kuni_fail_memory(err, 1, sizeof(bcf1_t))
                                     : read_all(&r);
    for (int i = 0; i < 5; i++) free(r.counts[i]);
    ks_free(&r.line);
    ks_free(&r.site);
    if (r.record) bcf_destroy(r.record);
    if (r.header) bcf_hdr_destroy(r.header);
    if (r.file && hts_close(r.file) < 0 && !status)
        status = kuni_fail(err, KUNI_IO, "cannot read %s", path);
    return status;
}
