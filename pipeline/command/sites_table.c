/* SPDX-License-Identifier: MIT */
#include "sites_table.h"

#include <htslib/kstring.h>
#include <stdlib.h>
#include <string.h>

#include "record_text.h"

/* AC, and AC_ of whom. */
static bool is_count(const char *tag)
{
    static const char *const counts[] = {"AC", "AN", "AF", "nhomalt", "nhemi"};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        size_t n = strlen(counts[i]);
        if (strncmp(tag, counts[i], n) == 0 && (!tag[n] || tag[n] == '_')) return true;
    }
    return false;
}

kuni_status kuni_sites_table_init(kuni_sites_table *t, const bcf_hdr_t *header, kuni_error *err)
{
    *t = (kuni_sites_table){.ids = kuni_alloc((size_t)header->nhrec + 1, sizeof(int), err)};
    if (!t->ids) return KUNI_MEMORY;
    for (int i = 0; i < header->nhrec; i++) {
        bcf_hrec_t *record = header->hrec[i];
        int key = record->type == BCF_HL_INFO ? bcf_hrec_find_key(record, "ID") : -1;
        if (key >= 0 && is_count(record->vals[key]))
            t->ids[t->n++] = bcf_hdr_id2int(header, BCF_DT_ID, record->vals[key]);
    }
    return KUNI_OK;
}

void kuni_sites_table_fini(kuni_sites_table *t)
{
    free(t->ids);
}

kuni_status kuni_sites_table_head(const kuni_sites_table *t, const bcf_hdr_t *header,
                                  kuni_buffer *out, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(out, err, "#CHROM\tPOS\tREF\tALT\tID\tQUAL\tFILTER");
    for (size_t i = 0; i < t->n && !status; i++)
        status = kuni_buffer_printf(out, err, "\t%s", bcf_hdr_int2id(header, BCF_DT_ID, t->ids[i]));
    return status ? status : kuni_buffer_append(out, "\n", 1, err);
}

/* The letters that REF and ALT end with alike belong to other alleles of the record. */
static int common_end(const char *ref, const char *alt)
{
    size_t r = strlen(ref), a = strlen(alt), n = 0;
    while (n + 1 < r && n + 1 < a && ref[r - n - 1] == alt[a - n - 1]) n++;
    return (int)n;
}

static int put_value(const bcf_info_t *info, uint32_t alt, kstring_t *line)
{
    uint32_t i = info && info->len > 1 ? alt : 0; /* a value an ALT, or one for all */
    if (!info || i >= (uint32_t)info->len) return kputc('.', line);
    if (info->type == BCF_BT_FLOAT) {
        float value;
        memcpy(&value, info->vptr + 4 * i, 4);
        return bcf_float_is_missing(value) ? kputc('.', line) : kputd((double)value, line);
    }
    int32_t value;
    if (info->type == BCF_BT_INT8) {
        value = (int8_t)info->vptr[i];
        if (value == INT8_MIN) return kputc('.', line);
    } else if (info->type == BCF_BT_INT16) {
        int16_t v;
        memcpy(&v, info->vptr + 2 * i, 2);
        if (v == INT16_MIN) return kputc('.', line);
        value = v;
    } else {
        memcpy(&value, info->vptr + 4 * i, 4);
        if (value == INT32_MIN) return kputc('.', line);
    }
    return kputw(value, line);
}

static int put_allele(const kuni_sites_table *t, const bcf_hdr_t *header, bcf1_t *record,
                      uint32_t alt, kstring_t *line)
{
    const char *from = record->d.allele[0], *to = record->d.allele[alt];
    int cut = common_end(from, to);
    int bad = ksprintf(line, "%s\t%lld\t%.*s\t%.*s\t%s\t", bcf_seqname_safe(header, record),
                       (long long)record->pos + 1, (int)strlen(from) - cut, from,
                       (int)strlen(to) - cut, to, record->d.id);
    if (bad >= 0) bad = kuni_put_qual_and_filter(header, record, line);
    for (size_t i = 0; i < t->n && bad >= 0; i++) {
        bad = kputc('\t', line);
        if (bad >= 0) bad = put_value(bcf_get_info_id(record, t->ids[i]), alt - 1, line);
    }
    return bad < 0 ? bad : kputc('\n', line);
}

kuni_status kuni_sites_table_put(const kuni_sites_table *t, const bcf_hdr_t *header, bcf1_t *record,
                                 kuni_buffer *out, kuni_error *err)
{
    kstring_t line = KS_INITIALIZE;
    if (bcf_unpack(record, BCF_UN_SHR) < 0)
        return kuni_fail(err, KUNI_DATA, "a record of the call set cannot be read");
    int bad = 0;
    for (uint32_t i = 1; i < record->n_allele && bad >= 0; i++)
        if (strcmp(record->d.allele[i], "*") != 0) bad = put_allele(t, header, record, i, &line);
    kuni_status status = bad < 0   ? kuni_fail_memory(err, 1, 1)
                         : !line.l ? KUNI_OK
                                   : kuni_buffer_append(out, line.s, line.l, err);
    ks_free(&line);
    return status;
}
