/* SPDX-License-Identifier: MIT */
/* Sites as a table: the records of -f sites, a line an allele, packed in the blocks of the sites file. */
#include <stdio.h>

#include "exporter.h"
#include "packed.h"
#include "sites_table.h"
#include "transport.h"

typedef struct table_export {
    const char *paths[2];
    /* of the piece under way */
    bool first;
    kuni_packed *file;
    kuni_sites_table table;
    kuni_buffer text;
} table_export;

static void abandon_piece(void *context)
{
    table_export *e = context;
    kuni_packed_abandon(e->file);
    e->file = NULL;
    kuni_sites_table_fini(&e->table);
    e->table = (kuni_sites_table){.ids = NULL};
}

static kuni_status begin_piece(void *context, size_t piece, kuni_error *err)
{
    table_export *e = context;
    char path[4096];
    e->first = piece == 0;
    kuni_status status = kuni_export_piece_path(e->paths[0], piece, path, err);
    return status ? status : kuni_packed_open(&e->file, path, err);
}

static kuni_status end_piece(void *context, kuni_error *err)
{
    table_export *e = context;
    kuni_status status = kuni_packed_close(e->file, err);
    e->file = NULL;
    kuni_sites_table_fini(&e->table);
    e->table = (kuni_sites_table){.ids = NULL};
    return status;
}

static kuni_status take_header(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                               kuni_error *err)
{
    table_export *e = context;
    *written = bcf_hdr_dup(made);
    if (!*written) return kuni_fail_memory(err, 1, 1);
    kuni_status status = kuni_sites_table_init(&e->table, made, err);
    kuni_buffer_clear(&e->text);
    if (!status && e->first) status = kuni_sites_table_head(&e->table, made, &e->text, err);
    return status ? status : kuni_packed_write(e->file, &e->text, err);
}

static kuni_status take_record(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                               bcf1_t **passed, kuni_error *err)
{
    table_export *e = context;
    (void)written;
    *passed = NULL;
    kuni_buffer_clear(&e->text);
    kuni_status status = kuni_sites_table_put(&e->table, made, record, &e->text, err);
    return status ? status : kuni_packed_write(e->file, &e->text, err);
}

static kuni_status flush(void *context, kuni_error *err)
{
    table_export *e = context;
    return kuni_packed_flush(e->file, err);
}

kuni_status kuni_export_table(kuni_exporter *x, kuni_error *err)
{
    const kuni_export_request *wanted = x->request;
    table_export e = {.paths = {wanted->out}};
    const joint_pass pass = {
        .context = &e, .header = take_header, .record = take_record, .flush = flush};
    const kuni_export_aside aside = {.context = &e,
                                     .paths = e.paths,
                                     .begin = begin_piece,
                                     .end = end_piece,
                                     .abandon = abandon_piece};
    kuni_status status = kuni_export_instead(x, &pass, &aside, err);
    if (!status && kuni_transport_rank() == 0) status = kuni_packed_index(wanted->out, err);
    if (!status && kuni_transport_rank() == 0 && !wanted->quiet) printf("%s\n", wanted->out);
    kuni_buffer_fini(&e.text);
    return kuni_transport_agree(status, err);
}
