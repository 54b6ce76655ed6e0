/* SPDX-License-Identifier: MIT */
#include "pvar.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "record_text.h"

enum { AUTOSOMES = 22 };

/* PLINK's name of a contig, without "chr"; others keep theirs. */
static const char *plink_name(const char *contig)
{
    static const struct {
        const char *name, *plink;
    } special[] = {{"X", "X"},  {"23", "X"},  {"Y", "Y"},  {"24", "Y"},
                   {"M", "MT"}, {"MT", "MT"}, {"26", "MT"}};
    const char *bare = strncasecmp(contig, "chr", 3) == 0 ? contig + 3 : contig;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (strcasecmp(bare, special[i].name) == 0) return special[i].plink;
    bool number = isdigit((unsigned char)bare[0]) && bare[0] != '0' &&
                  (!bare[1] || (isdigit((unsigned char)bare[1]) && !bare[2]));
    int n = !number ? 0 : bare[1] ? 10 * (bare[0] - '0') + bare[1] - '0' : bare[0] - '0';
    return n >= 1 && n <= AUTOSOMES ? bare : contig;
}

void kuni_pvar_init(kuni_pvar *p, const kuni_genome *genome, const kuni_ploidy *ploidy)
{
    *p = (kuni_pvar){.genome = genome, .x_tid = -1};
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome); tid++)
        if (strcmp(plink_name(kuni_genome_contig(genome, tid)->name), "X") == 0) p->x_tid = tid;
    if (p->x_tid < 0) return;
    int64_t length = kuni_genome_contig(genome, p->x_tid)->length_bp, until;
    p->single = (kuni_span){p->x_tid, length, 0};
    for (int64_t pos = 0; pos < length; pos = until) {
        bool single = kuni_ploidy_at(ploidy, p->x_tid, pos, KUNI_SEX_MALE, &until) == 1;
        if (until > length) until = length;
        if (single && pos < p->single.beg) p->single.beg = pos;
        if (single) p->single.end = until;
    }
}

void kuni_pvar_fini(kuni_pvar *p)
{
    ks_free(&p->line);
}

kuni_status kuni_pvar_put_header(const bcf_hdr_t *header, kuni_buffer *out, kuni_error *err)
{
    kstring_t text = KS_INITIALIZE;
    if (bcf_hdr_format(header, 0, &text) < 0) {
        ks_free(&text);
        return kuni_fail_memory(err, 1, 1);
    }
    kuni_status status = KUNI_OK;
    for (char *line = text.s, *end; line && *line && !status; line = end) {
        end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        if (strncmp(line, "##contig=", 9) == 0 || strncmp(line, "##FILTER=", 9) == 0 ||
            strncmp(line, "##reference=", 12) == 0)
            status = kuni_buffer_append(out, line, (size_t)(end - line), err);
    }
    ks_free(&text);
    return status ? status
                  : kuni_buffer_printf(out, err, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\n");
}

static const char *contig_of(const kuni_pvar *p, const bcf1_t *record)
{
    if (record->rid == p->x_tid && p->single.beg < p->single.end) {
        if (record->pos < p->single.beg) return "PAR1";
        if (record->pos >= p->single.end) return "PAR2";
    }
    return plink_name(kuni_genome_contig(p->genome, record->rid)->name);
}

const char *kuni_pvar_line(kuni_pvar *p, const bcf_hdr_t *header, const bcf1_t *record)
{
    kstring_t *line = &p->line;
    ks_clear(line);
    int bad = ksprintf(line, "%s\t%lld\t%s\t%s\t", contig_of(p, record), (long long)record->pos + 1,
                       record->d.id, record->d.allele[0]);
    for (uint32_t i = 1; i < record->n_allele && bad >= 0; i++)
        bad = ksprintf(line, "%s%s", i > 1 ? "," : "", record->d.allele[i]);
    if (bad >= 0) bad = kputc('\t', line);
    if (bad >= 0) bad = kuni_put_qual_and_filter(header, record, line);
    if (bad >= 0) bad = kputc('\n', line);
    return bad < 0 ? NULL : line->s;
}
