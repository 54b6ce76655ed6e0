/* SPDX-License-Identifier: MIT */
/*
 * PLINK 2's three files, from the same pieces of work as other exports. Each share writes records of the .pgen, what
 * its header says of them, and lines of the .pvar; the header can be made when all shares are done. The .pgen
 * appears last, and one that stands there is taken away before: three files that stand together belong together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "exporter.h"
#include "kuni/file.h"
#include "pgen.h"
#include "pgen_header.h"
#include "pvar.h"
#include "transport.h"

enum { PGEN, INDEX, PVAR, FILES };

typedef struct pgen_export {
    kuni_exporter *x;
    char *paths[FILES + 1];
    char *head, *psam;
    kuni_pvar pvar;
    /* of the piece under way */
    bool first;
    kuni_file *files[FILES];
    kuni_pgen *pgen;
    kuni_buffer record;
} pgen_export;

/* --- a piece --- */

static void abandon_piece(void *context)
{
    pgen_export *p = context;
    kuni_export_pieces_discard(p->files, FILES);
    kuni_pgen_free(p->pgen);
    p->pgen = NULL;
}

static kuni_status begin_piece(void *context, size_t piece, kuni_error *err)
{
    pgen_export *p = context;
    p->first = piece == 0;
    p->pgen = kuni_pgen_new((uint32_t)p->x->n_columns, err);
    kuni_status status = p->pgen ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_export_pieces_create(p->paths, piece, p->files, FILES, err);
    if (status) abandon_piece(p);
    return status;
}

static kuni_status end_piece(void *context, kuni_error *err)
{
    pgen_export *p = context;
    kuni_status status = kuni_export_pieces_commit(p->files, FILES, err);
    abandon_piece(p);
    return status;
}

static kuni_status take_header(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                               kuni_error *err)
{
    pgen_export *p = context;
    *written = bcf_hdr_dup(made);
    if (!*written) return kuni_fail_memory(err, 1, 1);
    if (!p->first) return KUNI_OK;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_pvar_put_header(made, &text, err);
    if (!status) status = kuni_file_write(p->files[PVAR], text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status encode(pgen_export *p, bcf_hdr_t *header, bcf1_t *record, kuni_pgen_entry *entry,
                          kuni_error *err)
{
    const bcf_fmt_t *gt = bcf_get_fmt(header, record, "GT");
    if (!gt || gt->n < 1 || gt->n > 2)
        return kuni_fail(err, KUNI_BUG, "a record has no genotypes of one or two copies");
    const kuni_pgen_row row = {.gt = gt->p,
                               .value_bytes = gt->type == BCF_BT_INT8    ? 1
                                              : gt->type == BCF_BT_INT16 ? 2
                                                                         : 4,
                               .width = gt->n,
                               .n_alleles = record->n_allele};
    kuni_buffer_clear(&p->record);
    return kuni_pgen_encode(p->pgen, &row, &p->record, entry, err);
}

static kuni_status take_record(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                               bcf1_t **passed, kuni_error *err)
{
    pgen_export *p = context;
    kuni_pgen_entry entry = {0};
    (void)written;
    *passed = NULL;
    if (record->n_allele > KUNI_PGEN_ALTS_MOST + 1)
        return kuni_pgen_index_put(p->files[INDEX], &entry, err);
    if (bcf_unpack(record, BCF_UN_FLT | BCF_UN_FMT) < 0)
        return kuni_fail(err, KUNI_DATA, "a record of the call set cannot be read");
    kuni_status status = encode(p, made, record, &entry, err);
    const char *line = status ? NULL : kuni_pvar_line(&p->pvar, made, record);
    if (!status && !line) status = kuni_fail_memory(err, 1, 1);
    if (!status) status = kuni_file_write(p->files[PVAR], line, strlen(line), err);
    if (!status) status = kuni_file_write(p->files[PGEN], p->record.data, p->record.length, err);
    return status ? status : kuni_pgen_index_put(p->files[INDEX], &entry, err);
}

/* --- the files --- */

/* Rank 0. Writes what stands before the records. */
static kuni_status write_head(const pgen_export *p, size_t n_pieces, kuni_error *err)
{
    char **indexes = kuni_alloc(n_pieces + 1, sizeof(*indexes), err), path[4096];
    kuni_status status = indexes ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n_pieces && !status; i++) {
        status = kuni_export_piece_path(p->paths[INDEX], i, path, err);
        if (!status && !(indexes[i] = kuni_strdup(path, err))) status = KUNI_MEMORY;
    }
    uint64_t n = 0, n_left_out = 0;
    kuni_file *head = NULL;
    if (!status) status = kuni_file_create(&head, p->head, err);
    if (!status)
        status =
            kuni_pgen_header_write(head, indexes, (uint32_t)p->x->n_columns, &n, &n_left_out, err);
    if (!status && !n)
        status = kuni_fail(err, KUNI_USAGE,
                           "no record lies in the regions: PLINK 2 takes no file without variants");
    if (status)
        kuni_file_discard(head);
    else
        status = kuni_file_commit(head, err);
    for (size_t i = 0; indexes && i < n_pieces; i++) free(indexes[i]);
    free(indexes);
    kuni_buffer note = KUNI_BUFFER_INIT;
    if (!status && n_left_out)
        status = kuni_buffer_printf(&note, err,
                                    "%llu records with more than %d ALTs are left out: PLINK 2 "
                                    "takes none such",
                                    (unsigned long long)n_left_out, KUNI_PGEN_ALTS_MOST);
    if (!status && note.data) kuni_command_print_notes(note.data);
    kuni_buffer_fini(&note);
    return status;
}

static kuni_status prepare(const pgen_export *p, size_t n_pieces, kuni_error *err)
{
    kuni_status status = write_head(p, n_pieces, err);
    if (!status && unlink(p->paths[PGEN]) != 0 && errno != ENOENT)
        status = kuni_fail_errno(err, "cannot replace %s", p->paths[PGEN]);
    return status ? status : kuni_export_psam(p->x, p->psam, err);
}

static kuni_status join(void *context, size_t n_pieces, kuni_error *err)
{
    const pgen_export *p = context;
    bool leads = kuni_transport_rank() == 0;
    kuni_status status = kuni_transport_agree(leads ? prepare(p, n_pieces, err) : KUNI_OK, err);
    if (!status) status = kuni_export_join(p->paths[PVAR], NULL, n_pieces, err);
    if (!status) status = kuni_export_join(p->paths[PGEN], p->head, n_pieces, err);
    if (leads) (void)unlink(p->head);
    return status;
}

static kuni_status name_file(const pgen_export *p, const char *ending, char **path, kuni_error *err)
{
    const char *out = p->x->request->out;
    size_t n = strlen(out);
    if (n > 5 && strcmp(out + n - 5, ".pgen") == 0) n -= 5;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%.*s%s", (int)n, out, ending);
    *path = text.data;
    return status;
}

static kuni_status name_files(pgen_export *p, kuni_error *err)
{
    kuni_status status = name_file(p, ".pgen", &p->paths[PGEN], err);
    if (!status) status = name_file(p, ".pgen.index", &p->paths[INDEX], err);
    if (!status) status = name_file(p, ".pvar", &p->paths[PVAR], err);
    if (!status) status = name_file(p, ".pgen.head", &p->head, err);
    return status ? status : name_file(p, ".psam", &p->psam, err);
}

kuni_status kuni_export_pgen(kuni_exporter *x, kuni_error *err)
{
    pgen_export p = {.x = x};
    const kuni_export_request *wanted = x->request;
    const joint_pass pass = {.context = &p, .header = take_header, .record = take_record};
    kuni_status status = name_files(&p, err);
    const kuni_export_aside aside = {.context = &p,
                                     .paths = (const char *const *)p.paths,
                                     .plain = true,
                                     .begin = begin_piece,
                                     .end = end_piece,
                                     .abandon = abandon_piece,
                                     .join = join};
    kuni_pvar_init(&p.pvar, x->run->genome, x->run->ploidy);
    if (!status) status = kuni_export_instead(x, &pass, &aside, err);
    if (!status && kuni_transport_rank() == 0 && !wanted->quiet)
        printf("%s\n%s\n%s\n", p.paths[PGEN], p.paths[PVAR], p.psam);
    kuni_pvar_fini(&p.pvar);
    kuni_buffer_fini(&p.record);
    for (int i = 0; i < FILES; i++) free(p.paths[i]);
    free(p.head);
    free(p.psam);
    return status;
}
