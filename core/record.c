/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/reads.h"

enum { NOT_KNOWN = 255 }; /* of MAPQ, and of a quality */

/* --- CIGAR --- */

static bool has_empty_operation(const bam1_t *record)
{
    const uint32_t *cigar = bam_get_cigar(record);
    for (uint32_t i = 0; i < record->core.n_cigar; i++)
        if (bam_cigar_oplen(cigar[i]) == 0) return true;
    return false;
}

/* What follows the CIGAR moves down; its length in bytes is a multiple of 4 before and after. */
static void drop_empty_operations(bam1_t *record)
{
    uint32_t *cigar = bam_get_cigar(record), n = record->core.n_cigar, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = bam_cigar_oplen(cigar[i]), op = bam_cigar_op(cigar[i]);
        if (length == 0) continue;
        if (kept && bam_cigar_op(cigar[kept - 1]) == op)
            cigar[kept - 1] = bam_cigar_gen(bam_cigar_oplen(cigar[kept - 1]) + length, op);
        else
            cigar[kept++] = cigar[i];
    }
    const uint8_t *rest = (const uint8_t *)(cigar + n);
    size_t bytes = (size_t)(record->data + record->l_data - rest);
    memmove(cigar + kept, rest, bytes);
    record->l_data -= (int)((n - kept) * sizeof(uint32_t));
    record->core.n_cigar = kept;
}

/* --- SEQ --- */

/* A half byte of 0 is "=". An odd last base has one behind it that means nothing. */
static bool has_equals(const bam1_t *record)
{
    const uint8_t *packed = bam_get_seq(record);
    size_t n = (size_t)record->core.l_qseq, i = 0;
    for (; i + 8 <= n / 2; i += 8) {
        const uint64_t ones = UINT64_C(0x1111111111111111);
        uint64_t word;
        memcpy(&word, packed + i, sizeof(word));
        if ((word - ones) & ~word & (ones << 3)) break; /* maybe: looked at one by one */
    }
    for (size_t k = 2 * i; k < n; k++)
        if (bam_seqi(packed, k) == 0) return true;
    return false;
}

/* Of the whole record, and some more for those that follow. */
static kuni_status fetch(const bam1_t *record, kuni_genome *genome, kuni_record_bases *bases,
                         kuni_error *err)
{
    enum { AHEAD = 1 << 16 };
    kuni_span span = {record->core.tid, record->core.pos, bam_endpos(record)};
    int64_t length = kuni_genome_contig(genome, span.tid)->length_bp;
    if (bases->sequence && bases->span.tid == span.tid && bases->span.beg <= span.beg &&
        bases->span.end >= (span.end < length ? span.end : length))
        return KUNI_OK;
    span.end = span.end + AHEAD < length ? span.end + AHEAD : length;
    kuni_record_bases_fini(bases);
    if (span.beg >= span.end) return KUNI_OK; /* behind the contig's end: no base is known */
    bases->span = span;
    int64_t got;
    kuni_status status = kuni_genome_fetch(genome, span, &bases->sequence, &got, err);
    if (!status) bases->span.end = span.beg + got;
    return status;
}

static uint8_t base_at(const kuni_record_bases *bases, int64_t pos)
{
    enum { ANY = 15 };
    if (!bases->sequence || pos < bases->span.beg || pos >= bases->span.end) return ANY;
    uint8_t base = seq_nt16_table[(uint8_t)bases->sequence[pos - bases->span.beg]];
    return base ? base : ANY;
}

static void write_bases(bam1_t *record, const kuni_record_bases *bases)
{
    uint8_t *packed = bam_get_seq(record);
    const uint32_t *cigar = bam_get_cigar(record);
    const kuni_record_bases none = {.sequence = NULL};
    int64_t at = record->core.pos;
    size_t query = 0, n = (size_t)record->core.l_qseq;
    for (uint32_t i = 0; i < record->core.n_cigar; i++) {
        int type = bam_cigar_type(bam_cigar_op(cigar[i]));
        int64_t length = bam_cigar_oplen(cigar[i]);
        for (int64_t k = 0; type & 1 && k < length && query < n; k++, query++)
            if (bam_seqi(packed, query) == 0)
                bam_set_seqi(packed, query, base_at(type & 2 ? bases : &none, at + k));
        if (type & 2) at += length;
    }
    for (; query < n; query++)
        if (bam_seqi(packed, query) == 0) bam_set_seqi(packed, query, base_at(&none, 0));
}

/* --- MAPQ and QUAL --- */

/* Gives the bases without a quality one; returns their number. */
static uint64_t assume_qualities(bam1_t *record)
{
    uint8_t *qual = bam_get_qual(record), *end = qual + record->core.l_qseq;
    uint64_t n = 0;
    while (qual < end && (qual = memchr(qual, NOT_KNOWN, (size_t)(end - qual)))) {
        *qual++ = KUNI_READ_QUALITY_ASSUMED;
        n++;
    }
    return n;
}

static void assume_unknown(bam1_t *record, int fields)
{
    record->id = fields & SAM_QUAL ? assume_qualities(record) << 1 : 0;
    if (record->core.qual != NOT_KNOWN) return;
    record->core.qual = KUNI_READ_MAPQ_ASSUMED;
    record->id |= 1;
}

kuni_status kuni_record_make_plain(bam1_t *record, int fields, kuni_genome *genome,
                                   kuni_record_bases *bases, kuni_error *err)
{
    assume_unknown(record, fields);
    if (has_empty_operation(record)) drop_empty_operations(record);
    if (!has_equals(record)) return KUNI_OK;
    kuni_status status = record->core.tid >= 0 ? fetch(record, genome, bases, err) : KUNI_OK;
    if (!status) write_bases(record, bases);
    return status;
}

void kuni_record_bases_fini(kuni_record_bases *bases)
{
    free(bases->sequence);
    *bases = (kuni_record_bases){.sequence = NULL};
}
