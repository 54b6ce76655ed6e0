/* SPDX-License-Identifier: MIT */
#include "record_text.h"

int kuni_put_qual_and_filter(const bcf_hdr_t *header, const bcf1_t *record, kstring_t *line)
{
    int bad =
        bcf_float_is_missing(record->qual) ? kputc('.', line) : kputd((double)record->qual, line);
    for (int i = 0; i < record->d.n_flt && bad >= 0; i++)
        bad = ksprintf(line, "%c%s", i ? ';' : '\t',
                       bcf_hdr_int2id(header, BCF_DT_ID, record->d.flt[i]));
    if (bad >= 0 && !record->d.n_flt) bad = kputs("\t.", line);
    return bad;
}
