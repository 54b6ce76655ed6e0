/* SPDX-License-Identifier: MIT */
#include "sparse_file.h"

#include <stdlib.h>
#include <string.h>

#include "sparse_text.h"

enum { CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT };

static const char any_allele[] = ",<*>";
static const char dropped_line[] =
    "##FILTER=<ID=Dropped,Description=\"A later stage took the record out of the call set; blocks "
    "begin in it\">\n";

static kuni_status wrong(const sparse_file *sparse, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "merge: %s: %s", sparse->path, what);
}

/* A line of the file; an empty one at its end. */
static kuni_status read_line(sparse_file *sparse, kstring_t *line, kuni_error *err)
{
    bool ended = false;
    int got = 0;
    ks_clear(line);
    while (!ended && got == 0) got = sparse_read_some(sparse->file, line, &ended);
    if (got < -1 || sparse->file->errcode)
        return wrong(sparse, "damaged or truncated, or a line of more than 2 GB", err);
    return KUNI_OK;
}

/* The samples of the line of columns are the task's. */
static kuni_status check_samples(const sparse_file *sparse, const kuni_task *task, kuni_error *err)
{
    const char *at = sparse->columns.s;
    for (int i = 0; i < SPARSE_COLUMNS && at; i++) {
        at = strchr(at, '\t');
        if (at) at++;
    }
    for (size_t i = 0; i < task->n_samples; i++) {
        if (task->columns[i] < 0) continue;
        const char *id = task->samples[i].id;
        size_t n = strlen(id);
        if (!at || strncmp(at, id, n) != 0 || (at[n] && at[n] != '\t'))
            return kuni_fail(err, KUNI_DATA,
                             "merge: %s: its column %d should be sample %s: a stage before merge "
                             "must keep all samples in their order",
                             sparse->path, task->columns[i] + 1, id);
        at = at[n] ? at + n + 1 : NULL;
    }
    return at ? wrong(sparse, "it has more samples than the cohort", err) : KUNI_OK;
}

/* The header as htslib knows it, without samples. */
static kuni_status parse_head(sparse_file *sparse, kuni_error *err)
{
    static const char columns[] = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_append(&text, sparse->head.data, sparse->head.length, err);
    if (!status) status = kuni_buffer_append(&text, columns, sizeof(columns), err);
    sparse->header = bcf_hdr_init("r");
    if (!status && (!sparse->header || bcf_hdr_parse(sparse->header, text.data) != 0))
        status = wrong(sparse, "its header cannot be read", err);
    kuni_buffer_fini(&text);
    return status;
}

static bool is_own(const sparse_file *sparse, int type, const char *name)
{
    int id = bcf_hdr_id2int(sparse->header, BCF_DT_ID, name);
    return bcf_hdr_idinfo_exists(sparse->header, type, id);
}

/* INFO that is not joint-genotype's, and has no value an allele: <*> is one more. */
static kuni_status find_foreign(sparse_file *sparse, const calls_file *calls, kuni_error *err)
{
    int n = calls->header->n[BCF_DT_ID];
    sparse->foreign = kuni_alloc((size_t)n + 1, sizeof(*sparse->foreign), err);
    if (!sparse->foreign) return KUNI_MEMORY;
    for (int i = 0; i < n; i++) {
        const char *name = bcf_hdr_int2id(calls->header, BCF_DT_ID, i);
        if (!name || !bcf_hdr_idinfo_exists(calls->header, BCF_HL_INFO, i) ||
            is_own(sparse, BCF_HL_INFO, name))
            continue;
        int length = (int)bcf_hdr_id2length(calls->header, BCF_HL_INFO, i);
        sparse->foreign[i] = length == BCF_VL_FIXED || length == BCF_VL_VAR;
        sparse->any_foreign |= sparse->foreign[i];
    }
    return KUNI_OK;
}

kuni_status sparse_open(sparse_file *sparse, const kuni_task *task, const char *path,
                        const calls_file *calls, kuni_error *err)
{
    *sparse = (sparse_file){.path = path};
    sparse->file = bgzf_open(path, "r");
    if (!sparse->file) return kuni_fail_errno(err, "merge: cannot open %s", path);
    if (bgzf_compression(sparse->file) != bgzf) return wrong(sparse, "not a VCF file in BGZF", err);
    if (bgzf_check_EOF(sparse->file) != 1)
        return wrong(sparse, "truncated: its end marker is missing", err);
    for (;;) {
        kuni_status status = read_line(sparse, &sparse->columns, err);
        if (status) return status;
        if (!sparse->columns.l) return wrong(sparse, "it has no line #CHROM", err);
        if (strncmp(sparse->columns.s, "##", 2) != 0) break;
        status = kuni_buffer_printf(&sparse->head, err, "%s\n", sparse->columns.s);
        if (status) return status;
    }
    if (strncmp(sparse->columns.s, "#CHROM\t", 7) != 0)
        return wrong(sparse, "it has no line #CHROM", err);
    kuni_status status = check_samples(sparse, task, err);
    if (!status) status = sealed_blocks_find(&sparse->seal, path, sparse->file, err);
    if (!status) status = parse_head(sparse, err);
    return status ? status : find_foreign(sparse, calls, err);
}

void sparse_close(sparse_file *sparse)
{
    if (sparse->file) (void)bgzf_close(sparse->file);
    if (sparse->header) bcf_hdr_destroy(sparse->header);
    kuni_buffer_fini(&sparse->head);
    ks_free(&sparse->columns);
    ks_free(&sparse->line);
    free(sparse->foreign);
    *sparse = (sparse_file){.path = NULL};
}

/* --- records --- */

static const char *column(const sparse_file *sparse, int number)
{
    return sparse->line.s + sparse->at[number];
}

/* Without the tab that ends it. */
static size_t column_length(const sparse_file *sparse, int number)
{
    return sparse->at[number + 1] - sparse->at[number] - 1;
}

/* INFO/END, where blocks that begin here end; else that of REF. */
static int64_t end_of(const sparse_file *sparse)
{
    int64_t end = sparse->pos + (int64_t)column_length(sparse, REF);
    const char *at = column(sparse, INFO), *stop = at + column_length(sparse, INFO);
    while (at < stop) {
        if (strncmp(at, "END=", 4) == 0) {
            int64_t told = strtoll(at + 4, NULL, 10);
            return told > end ? told : end;
        }
        const char *next = memchr(at, ';', (size_t)(stop - at));
        at = next ? next + 1 : stop;
    }
    return end;
}

kuni_status sparse_next(sparse_file *sparse, bool *found, kuni_error *err)
{
    sparse->from = (uint64_t)bgzf_tell(sparse->file);
    kuni_status status = read_line(sparse, &sparse->line, err);
    sparse->to = (uint64_t)bgzf_tell(sparse->file);
    *found = !status && sparse->line.l;
    if (!*found) return status;
    const char *at = sparse->line.s;
    for (int i = 0; i < SPARSE_COLUMNS; i++) {
        sparse->at[i] = (size_t)(at - sparse->line.s);
        const char *tab = strchr(at, '\t');
        if (!tab && i < FORMAT) return wrong(sparse, "a record lacks columns", err);
        at = tab ? tab + 1 : sparse->line.s + sparse->line.l + 1;
    }
    sparse->at[SPARSE_COLUMNS] = (size_t)(at - sparse->line.s);
    sparse->pos = strtoll(column(sparse, POS), NULL, 10) - 1;
    sparse->end = end_of(sparse);
    return KUNI_OK;
}

bool sparse_matches(const sparse_file *sparse, const calls_file *calls)
{
    const bcf1_t *record = calls->record;
    size_t n = strlen(record->d.allele[0]);
    if (record->pos != sparse->pos || n != column_length(sparse, REF) ||
        memcmp(record->d.allele[0], column(sparse, REF), n) != 0)
        return false;
    const char *at = column(sparse, ALT), *stop = at + column_length(sparse, ALT);
    for (int i = 1; i < (int)record->n_allele; i++) {
        n = strlen(record->d.allele[i]);
        if ((size_t)(stop - at) < n || memcmp(record->d.allele[i], at, n) != 0) return false;
        at += n;
        if (at == stop || i + 1 == (int)record->n_allele) continue;
        if (*at != ',') return false;
        at++;
    }
    const char *rest = record->n_allele > 1 ? any_allele : any_allele + 1;
    return (size_t)(stop - at) == strlen(rest) && memcmp(at, rest, strlen(rest)) == 0;
}

/* The calls' INFO that is taken over, each led by ';'. */
static kuni_status print_foreign(const sparse_file *sparse, const calls_file *calls,
                                 const char *info, kuni_buffer *out, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    while (*info && *info != '\n' && *info != '\t' && !status) {
        char name[256];
        size_t length = strcspn(info, ";\n\t"), n = strcspn(info, "=;\n\t");
        if (n < sizeof(name)) {
            memcpy(name, info, n);
            name[n] = '\0';
            int id = bcf_hdr_id2int(calls->header, BCF_DT_ID, name);
            if (id >= 0 && sparse->foreign[id]) {
                status = kuni_buffer_append(out, ";", 1, err);
                if (!status) status = kuni_buffer_append(out, info, length, err);
            }
        }
        info += length;
        if (*info == ';') info++;
    }
    return status;
}

kuni_status sparse_print(const sparse_file *sparse, const calls_file *calls, const char *site,
                         kuni_buffer *out, kuni_error *err)
{
    /* Where the columns of the site begin. */
    const char *theirs[INFO + 1] = {NULL};
    for (int i = 0; site && i <= INFO; i++) {
        theirs[i] = site;
        if (i < INFO) site = strchr(site, '\t');
        if (!site) return wrong(sparse, "a record cannot be printed", err);
        site++;
    }
    kuni_status status = KUNI_OK;
    for (int i = CHROM; i <= INFO && !status; i++) {
        const char *text = column(sparse, i);
        size_t length = column_length(sparse, i);
        if (theirs[i] && (i == ID || i == FILTER)) {
            text = theirs[i];
            length = strcspn(text, "\t");
        } else if (!theirs[i] && i == FILTER) {
            text = "Dropped";
            length = strlen(text);
        }
        if (i) status = kuni_buffer_append(out, "\t", 1, err);
        if (!status) status = kuni_buffer_append(out, text, length, err);
    }
    if (!status && sparse->any_foreign && theirs[INFO])
        status = print_foreign(sparse, calls, theirs[INFO], out, err);
    if (!status) status = kuni_buffer_append(out, "\t", 1, err);
    if (!status)
        status = kuni_buffer_append(out, column(sparse, FORMAT),
                                    sparse->line.l - sparse->at[FORMAT], err);
    return status ? status : kuni_buffer_append(out, "\n", 1, err);
}

/* --- the header --- */

/* FILTER and INFO lines that the sparse header lacks. */
static kuni_status print_added(const sparse_file *sparse, const calls_file *calls,
                               kuni_buffer *text, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int i = 0; i < calls->header->nhrec && !status; i++) {
        bcf_hrec_t *line = calls->header->hrec[i];
        int key = line->type == BCF_HL_FLT || line->type == BCF_HL_INFO
                      ? bcf_hrec_find_key(line, "ID")
                      : -1;
        if (key < 0 || is_own(sparse, line->type, line->vals[key])) continue;
        int id = bcf_hdr_id2int(calls->header, BCF_DT_ID, line->vals[key]);
        if (line->type == BCF_HL_INFO && (id < 0 || !sparse->foreign[id])) continue;
        kstring_t spelt = KS_INITIALIZE;
        if (bcf_hrec_format(line, &spelt) != 0)
            status = kuni_fail_memory(err, 1, 1);
        else
            status = kuni_buffer_append(text, spelt.s, spelt.l, err);
        ks_free(&spelt);
    }
    return status;
}

kuni_status sparse_header_text(const sparse_file *sparse, const calls_file *calls,
                               kuni_buffer *text, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const char *line = sparse->head.data; line && *line && !status;) {
        size_t length = strcspn(line, "\n") + 1;
        if (calls_keeps_line(line, CALLS_HEADER_NATIONAL))
            status = kuni_buffer_append(text, line, length, err);
        line += length;
    }
    if (!status) status = print_added(sparse, calls, text, err);
    if (!status && !is_own(sparse, BCF_HL_FLT, "Dropped"))
        status = kuni_buffer_append(text, dropped_line, strlen(dropped_line), err);
    return status ? status : kuni_buffer_printf(text, err, "%s\n", sparse->columns.s);
}
