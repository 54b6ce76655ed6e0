/* SPDX-License-Identifier: MIT */
/*
 * VCF Zarr, in two rounds: each share of the work writes the columns of its records, and what it has seen of their
 * sizes; when all are done the number of records, dimensions and types are known, and the shares write chunks. The store
 * is made under another name, and renamed when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "built.h"
#include "exporter.h"
#include "kuni/file.h"
#include "team.h"
#include "transport.h"
#include "zarr_store.h"

enum { GROUPS, ROWS, KNOWN, HEADER, FILES };

typedef struct zarr_export {
    kuni_exporter *x;
    char *paths[FILES + 1];
    char *making; /* the store's other name */
    size_t n_pieces;
    /* of the piece under way */
    kuni_file *files[FILES];
    kuni_zarr_fields fields;
    kuni_columns_writer *writer;
} zarr_export;

/* --- columns --- */

static void abandon_piece(void *context)
{
    zarr_export *z = context;
    kuni_export_pieces_discard(z->files, FILES);
    kuni_columns_writer_free(z->writer);
    z->writer = NULL;
    kuni_zarr_fields_fini(&z->fields);
    z->fields = (kuni_zarr_fields){.header = NULL};
}

static kuni_status begin_piece(void *context, size_t piece, kuni_error *err)
{
    zarr_export *z = context;
    kuni_status status = kuni_export_pieces_create(z->paths, piece, z->files, FILES, err);
    if (status) abandon_piece(z);
    return status;
}

static kuni_status end_piece(void *context, kuni_error *err)
{
    zarr_export *z = context;
    kuni_status status = z->writer ? kuni_columns_finish(z->writer, err) : KUNI_OK;
    if (!status) status = kuni_zarr_fields_save(&z->fields, z->files[KNOWN], err);
    if (!status) status = kuni_export_pieces_commit(z->files, FILES, err);
    abandon_piece(z);
    return status;
}

static kuni_status take_header(void *context, const bcf_hdr_t *made, bcf_hdr_t **written,
                               kuni_error *err)
{
    zarr_export *z = context;
    kstring_t text = KS_INITIALIZE;
    bcf_hdr_t *own = bcf_hdr_dup(made);
    *written = bcf_hdr_dup(made);
    if (!*written || !own || bcf_hdr_format(made, 1, &text) < 0) {
        if (own) bcf_hdr_destroy(own);
        ks_free(&text);
        return kuni_fail_memory(err, 1, 1);
    }
    kuni_status status = kuni_zarr_fields_init(&z->fields, own, KUNI_ZARR_SAMPLES, err);
    if (!status) status = kuni_file_write(z->files[HEADER], text.s, text.l, err);
    ks_free(&text);
    if (status) return status;
    z->writer = kuni_columns_writer_new(&z->fields.shape, z->files[GROUPS], z->files[ROWS], err);
    return z->writer ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status take_record(void *context, bcf_hdr_t *made, bcf_hdr_t *written, bcf1_t *record,
                               bcf1_t **passed, kuni_error *err)
{
    zarr_export *z = context;
    (void)made;
    (void)written;
    *passed = NULL;
    return kuni_zarr_fields_put(&z->fields, z->writer, record, err);
}

/* --- chunks --- */

/* The columns of all pieces, and the store that they become. */
typedef struct whole {
    kuni_zarr_fields fields;
    char **groups, **rows;
    size_t n;
    kuni_columns_reader *reader;
    kuni_zarr_store *store;
} whole;

static void close_whole(whole *w)
{
    kuni_zarr_store_close(w->store);
    kuni_columns_close(w->reader);
    kuni_zarr_fields_fini(&w->fields);
    for (size_t i = 0; i < w->n; i++) {
        free(w->groups[i]);
        free(w->rows[i]);
    }
    free(w->groups);
    free(w->rows);
}

static kuni_status read_fields(const zarr_export *z, whole *w, kuni_error *err)
{
    char path[4096];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_export_piece_path(z->paths[HEADER], 0, path, err);
    if (!status) status = kuni_file_get(path, (size_t)1 << 30, &text, err);
    bcf_hdr_t *header = status ? NULL : bcf_hdr_init("r");
    if (!status && (!header || bcf_hdr_parse(header, text.data) < 0 || bcf_hdr_sync(header) < 0))
        status = kuni_fail(err, KUNI_BUG, "%s: a header that cannot be read", path);
    kuni_buffer_fini(&text);
    if (status) {
        if (header) bcf_hdr_destroy(header);
        return status;
    }
    status = kuni_zarr_fields_init(&w->fields, header, KUNI_ZARR_SAMPLES, err);
    for (size_t i = 0; i < z->n_pieces && !status; i++) {
        status = kuni_export_piece_path(z->paths[KNOWN], i, path, err);
        if (!status) status = kuni_zarr_fields_load(&w->fields, path, err);
    }
    return status;
}

static kuni_status open_whole(const zarr_export *z, whole *w, kuni_error *err)
{
    char path[4096];
    *w = (whole){.groups = kuni_alloc(z->n_pieces + 1, sizeof(char *), err),
                 .rows = kuni_alloc(z->n_pieces + 1, sizeof(char *), err)};
    kuni_status status = w->groups && w->rows ? read_fields(z, w, err) : KUNI_MEMORY;
    for (; w->n < z->n_pieces && !status; w->n++) {
        status = kuni_export_piece_path(z->paths[GROUPS], w->n, path, err);
        w->groups[w->n] = status ? NULL : kuni_strdup(path, err);
        if (!status) status = kuni_export_piece_path(z->paths[ROWS], w->n, path, err);
        w->rows[w->n] = status ? NULL : kuni_strdup(path, err);
        if (!status && (!w->groups[w->n] || !w->rows[w->n])) status = KUNI_MEMORY;
    }
    if (!status)
        status = kuni_columns_open(&w->reader, &w->fields.shape, w->groups, w->rows, w->n, err);
    if (!status) status = kuni_zarr_store_open(&w->store, z->making, &w->fields, w->reader, err);
    return status;
}

static kuni_status write_chunks(void *context, size_t share, size_t n_shares, kuni_error *err)
{
    const zarr_export *z = context;
    whole w;
    kuni_status status = open_whole(z, &w, err);
    for (uint64_t i = share; !status && i < kuni_zarr_store_chunks(w.store); i += n_shares)
        status = kuni_zarr_store_write(w.store, i, err);
    close_whole(&w);
    return status;
}

static kuni_status describe(const zarr_export *z, kuni_error *err)
{
    whole w;
    char source[128];
    snprintf(source, sizeof(source), "kuni %s", kuni_built_version);
    kuni_status status = open_whole(z, &w, err);
    if (!status) status = kuni_zarr_store_describe(w.store, source, err);
    if (!status) status = kuni_zarr_store_index(w.store, err);
    close_whole(&w);
    return status;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_store(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What this rank wrote is on the disk before the name says so. */
static kuni_status flush_store(const char *path, kuni_error *err)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kuni_status status =
        folder < 0 || syncfs(folder) != 0 ? kuni_fail_errno(err, "cannot flush %s", path) : KUNI_OK;
    if (folder >= 0) (void)close(folder);
    return status;
}

static kuni_status join(void *context, size_t n_pieces, kuni_error *err)
{
    zarr_export *z = context;
    bool leads = kuni_transport_rank() == 0;
    z->n_pieces = n_pieces;
    if (leads) remove_store(z->making);
    kuni_status status = leads ? kuni_make_folders(z->making, err) : KUNI_OK;
    if (!status && leads) status = describe(z, err);
    status = kuni_transport_agree(status, err);
    if (!status) status = kuni_team_run(z->x->request->jobs, write_chunks, z, err);
    if (!status) status = kuni_transport_agree(flush_store(z->making, err), err);
    if (!status && leads) status = kuni_file_publish(z->making, z->x->request->out, err);
    if (status && leads) remove_store(z->making);
    return kuni_transport_agree(status, err);
}

static kuni_status name_files(zarr_export *z, kuni_error *err)
{
    static const char *const endings[] = {"groups", "rows", "known", "header", "making"};
    const char *out = z->x->request->out;
    struct stat info;
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/') n--;
    if (lstat(out, &info) == 0)
        return kuni_fail(err, KUNI_USAGE, "%s is there already: a store takes the place of nothing",
                         out);
    kuni_status status = KUNI_OK;
    for (int i = 0; i <= FILES && !status; i++) {
        kuni_buffer text = KUNI_BUFFER_INIT;
        status = kuni_buffer_printf(&text, err, "%.*s.%s", (int)n, out, endings[i]);
        if (i < FILES)
            z->paths[i] = text.data;
        else
            z->making = text.data;
    }
    return status;
}

kuni_status kuni_export_zarr(kuni_exporter *x, kuni_error *err)
{
    zarr_export z = {.x = x};
    const kuni_export_request *wanted = x->request;
    const joint_pass pass = {.context = &z, .header = take_header, .record = take_record};
    kuni_status status = kuni_transport_agree(name_files(&z, err), err);
    const kuni_export_aside aside = {.context = &z,
                                     .paths = (const char *const *)z.paths,
                                     .plain = true,
                                     .begin = begin_piece,
                                     .end = end_piece,
                                     .abandon = abandon_piece,
                                     .join = join};
    if (!status) status = kuni_export_instead(x, &pass, &aside, err);
    if (!status && kuni_transport_rank() == 0 && !wanted->quiet) printf("%s\n", wanted->out);
    for (int i = 0; i < FILES; i++) free(z.paths[i]);
    free(z.making);
    return status;
}
