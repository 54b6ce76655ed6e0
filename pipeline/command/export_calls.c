/* SPDX-License-Identifier: MIT */
/*
 * The chunks (64 kb) of what is wanted are cut into as many runs as there are shares; each share
 * writes its run to a piece, and the pieces are joined. Compressed blocks end with the chunks, so
 * the bytes do not tell how many shares there were.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <htslib/vcf.h>

#include "assembly.h"
#include "built.h"
#include "calls_index.h"
#include "export_published.h"
#include "export_sparse.h"
#include "kuni/evidence.h"
#include "kuni/file.h"
#include "team.h"
#include "transport.h"

enum { TBI_BP_MOST = 1 << 29 };

/* What a share may begin or end with. */
typedef struct part {
    size_t place, wanted; /* numbers of the plan's span and of the wanted one */
    kuni_span span;
} part;

/* A file that pieces are joined to. */
typedef struct joined {
    const char *path;
    bool packed;
} joined;

typedef struct calls {
    kuni_exporter *x;
    const char *mode; /* as hts_open has it */
    joined files[8];  /* the calls, unless there are to be none, and what lies beside */
    size_t n_files;
    bool indexed; /* the file has its index already */
    part *parts;
    size_t n_parts, parts_capacity;
} calls;

static kuni_status add_parts(calls *c, size_t place, size_t wanted, kuni_error *err)
{
    kuni_span span = kuni_exporter_part(c->x, place, wanted);
    for (int64_t beg = span.beg, end; beg < span.end; beg = end) {
        end = (beg / KUNI_EVIDENCE_CHUNK_BP + 1) * KUNI_EVIDENCE_CHUNK_BP;
        if (end > span.end) end = span.end;
        kuni_status status = kuni_grow((void **)&c->parts, &c->parts_capacity, c->n_parts + 1,
                                       sizeof(*c->parts), err);
        if (status) return status;
        c->parts[c->n_parts++] =
            (part){.place = place, .wanted = wanted, .span = {span.tid, beg, end}};
    }
    return KUNI_OK;
}

static kuni_status find_parts(calls *c, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->x->n_spans && !status; i++) {
        size_t place, end;
        kuni_exporter_places(c->x, i, &place, &end);
        for (; place < end && !status; place++) status = add_parts(c, place, i, err);
    }
    if (!status && !c->n_parts)
        status = kuni_fail(err, KUNI_USAGE, "the regions lie outside of what the dataset covers");
    return status;
}

/* --- pieces --- */

static size_t pieces_of(const calls *c, size_t n_shares)
{
    return n_shares < c->n_parts ? n_shares : c->n_parts;
}

kuni_status kuni_export_piece_path(const char *whole, size_t piece, char path[4096],
                                   kuni_error *err)
{
    if (snprintf(path, 4096, "%s.part%zu", whole, piece) >= 4096)
        return kuni_fail(err, KUNI_USAGE, "--out: the path is too long");
    return KUNI_OK;
}

kuni_status kuni_export_pieces_create(char *const *paths, size_t piece, kuni_file **files, size_t n,
                                      kuni_error *err)
{
    char path[4096];
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        status = kuni_export_piece_path(paths[i], piece, path, err);
        if (!status) status = kuni_file_create(&files[i], path, err);
    }
    return status;
}

kuni_status kuni_export_pieces_commit(kuni_file **files, size_t n, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        status = kuni_file_commit(files[i], err);
        files[i] = NULL;
    }
    return status;
}

void kuni_export_pieces_discard(kuni_file **files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kuni_file_discard(files[i]);
        files[i] = NULL;
    }
}

/* Files of the header, which is joined to the pieces when it is known whether records have local alleles. */
typedef struct heads {
    char plain[4096], local[4096];
} heads;

static kuni_status head_paths(const char *whole, heads *to, kuni_error *err)
{
    if (snprintf(to->plain, sizeof(to->plain), "%s.part-head", whole) >= (int)sizeof(to->plain) ||
        snprintf(to->local, sizeof(to->local), "%s.part-head-local", whole) >=
            (int)sizeof(to->local))
        return kuni_fail(err, KUNI_USAGE, "--out: the path is too long");
    return KUNI_OK;
}

/* Stands beside a piece whose records have local alleles. */
static kuni_status local_mark(const char *whole, size_t piece, char path[4096], kuni_error *err)
{
    if (snprintf(path, 4096, "%s.part%zu-local", whole, piece) >= 4096)
        return kuni_fail(err, KUNI_USAGE, "--out: the path is too long");
    return KUNI_OK;
}

static kuni_status mark_local(const calls *c, size_t piece, kuni_error *err)
{
    char path[4096];
    kuni_status status = local_mark(c->x->request->out, piece, path, err);
    return status ? status : kuni_file_put(path, "", 0, err);
}

/* The header that is the right one, without its end marker. */
static kuni_status choose_head(const calls *c, size_t n, char path[4096], kuni_error *err)
{
    heads head;
    bool local = false;
    kuni_status status = head_paths(c->x->request->out, &head, err);
    for (size_t i = 0; i < n && !local && !status; i++) {
        status = local_mark(c->x->request->out, i, path, err);
        local = !status && access(path, F_OK) == 0;
    }
    if (status) return status;
    memcpy(path, local ? head.local : head.plain, sizeof(head.plain));
    return KUNI_OK;
}

static kuni_status export_part(calls *c, joint_export *out, size_t place, kuni_span span,
                               kuni_error *err)
{
    kuni_task *task = NULL;
    joint_export_source source;
    kuni_status status = kuni_exporter_source(c->x, place, &source, err);
    if (!status) status = kuni_exporter_task(c->x, place, &task, err);
    return status ? status : joint_export_shard(out, task, &source, span, err);
}

/* Neighbouring parts of a span of the plan are written at once. */
static kuni_span next_span(const calls *c, size_t *at, size_t end, size_t *place)
{
    const part *first = &c->parts[*at];
    kuni_span span = first->span;
    *place = first->place;
    for (++*at;
         *at < end && c->parts[*at].place == first->place && c->parts[*at].wanted == first->wanted;
         ++*at)
        span.end = c->parts[*at].span.end;
    return span;
}

static kuni_status export_parts(calls *c, joint_export *out, size_t at, size_t end, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    while (at < end && !status) {
        size_t place;
        kuni_span span = next_span(c, &at, end, &place);
        status = export_part(c, out, place, span, err);
    }
    return status;
}

static kuni_status cut_end_markers(const calls *c, size_t piece, kuni_error *err)
{
    char path[4096];
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < c->n_files && !status; i++) {
        if (!c->files[i].packed) continue;
        status = kuni_export_piece_path(c->files[i].path, piece, path, err);
        if (!status) status = kuni_file_cut_end_marker(path, err);
    }
    return status;
}

/* Stands beside a piece that is the whole file. */
static kuni_status index_path(const char *whole, char path[4096], kuni_error *err)
{
    if (snprintf(path, 4096, "%s.part0.csi", whole) >= 4096)
        return kuni_fail(err, KUNI_USAGE, "--out: the path is too long");
    return KUNI_OK;
}

/* One piece of one process, which can see what it has written. */
static bool is_only(size_t n)
{
    return n == 1 && kuni_transport_size() == 1;
}

/* The only piece has header and index. */
static bool is_whole(const calls *c, size_t n)
{
    char path[4096];
    kuni_error ignored = KUNI_ERROR_INIT;
    return is_only(n) && !c->x->request->nothing &&
           !index_path(c->x->request->out, path, &ignored) && access(path, F_OK) == 0;
}

/* A file to be written, of parts `at` to `end`. */
typedef struct portion {
    const char *path, *source;
    const heads *head; /* NULL: it is not the first, or there is none */
    size_t at, end;
    bool only;  /* there is no other */
    bool local; /* records have local alleles */
    bool whole; /* it has its header, and an index beside it */
} portion;

static kuni_status make_piece(calls *c, portion *p, kuni_error *err)
{
    joint_export *out = NULL;
    kuni_status status = joint_export_open(&out, c->x->kind, p->path, c->mode, p->source, err);
    if (!status) joint_export_through(out, c->x->request->pass);
    if (!status && p->head) joint_export_heads(out, p->head->plain, p->head->local);
    if (!status) status = export_parts(c, out, p->at, p->end, err);
    if (!status) p->local = joint_export_has_local(out);
    if (!status) return joint_export_finish(out, err);
    joint_export_abandon(out);
    return status;
}

static kuni_status copy_piece(calls *c, portion *p, const char *source, kuni_error *err)
{
    kuni_copying *out = NULL;
    kuni_status status = kuni_copying_open(&out, c->x, p->path, c->mode, source, err);
    char index[4096];
    if (!status && p->head && p->only) {
        status = index_path(c->x->request->out, index, err);
        if (!status) (void)unlink(index); /* of one that was killed */
        if (!status) status = kuni_copying_whole(out, index, &p->whole, err);
    }
    if (!status && p->head && !p->whole)
        status = kuni_copying_heads(out, p->head->plain, p->head->local, err);
    for (size_t at = p->at; at < p->end && !status;) {
        size_t place;
        kuni_span span = next_span(c, &at, p->end, &place);
        status = kuni_copying_span(out, span, err);
    }
    if (!status) p->local = kuni_copying_has_local(out);
    if (!status) return kuni_copying_finish(out, err);
    kuni_copying_abandon(out);
    return status;
}

/* All sparse records have local alleles: there is one header, and nothing in the other file. */
static kuni_status copy_sparse_piece(calls *c, portion *p, const char *source, kuni_error *err)
{
    kuni_sparse_copying *out = NULL;
    kuni_status status = kuni_sparse_copying_open(&out, c->x, p->path, err);
    p->local = true;
    if (!status && p->head) status = kuni_sparse_copying_head(out, p->head->local, source, err);
    for (size_t at = p->at; at < p->end && !status;) {
        size_t place;
        kuni_span span = next_span(c, &at, p->end, &place);
        status = kuni_sparse_copying_span(out, span, err);
    }
    if (!status) return kuni_sparse_copying_finish(out, err);
    kuni_sparse_copying_abandon(out);
    return status;
}

static kuni_status cut_head(const char *path, kuni_error *err)
{
    return access(path, F_OK) == 0 ? kuni_file_cut_end_marker(path, err) : KUNI_OK;
}

static kuni_status write_portion(calls *c, portion *p, const char *source, kuni_error *err)
{
    return !c->x->published                    ? make_piece(c, p, err)
           : c->x->kind == JOINT_EXPORT_SPARSE ? copy_sparse_piece(c, p, source, err)
                                               : copy_piece(c, p, source, err);
}

static kuni_status write_piece(void *context, size_t share, size_t n_shares, kuni_error *err)
{
    calls *c = context;
    const kuni_export_aside *aside = c->x->request->aside;
    bool file = !c->x->request->nothing, beside = false;
    size_t n = pieces_of(c, n_shares);
    if (share >= n) return KUNI_OK;
    char path[4096] = "/dev/null";
    char source[128];
    heads head;
    snprintf(source, sizeof(source), "kuni %s", kuni_built_version);
    portion p = {.path = path,
                 .source = share == 0 ? source : NULL,
                 .head = share == 0 && file ? &head : NULL,
                 .at = c->n_parts * share / n,
                 .end = c->n_parts * (share + 1) / n,
                 .only = is_only(n)};
    kuni_status status = kuni_exporter_enter(c->x, err);
    if (!status && file) status = kuni_export_piece_path(c->x->request->out, share, path, err);
    if (!status) status = head_paths(c->x->request->out, &head, err);
    if (!status && aside) {
        status = aside->begin(aside->context, share, err);
        beside = !status;
    }
    if (!status) status = write_portion(c, &p, source, err);
    if (beside && status) aside->abandon(aside->context);
    if (beside && !status) status = aside->end(aside->context, err);
    if (!status && p.local && file) status = mark_local(c, share, err);
    if (!status && share == 0 && c->files[0].packed && file && !p.whole) {
        status = cut_head(head.plain, err);
        if (!status) status = cut_head(head.local, err);
    }
    if (!status && share + 1 < n) status = cut_end_markers(c, share, err);
    return status;
}

static kuni_status list_piece(kuni_file *list, const char *piece, kuni_error *err)
{
    struct stat info;
    if (stat(piece, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", piece);
    const char *slash = strrchr(piece, '/'); /* the list lies beside */
    return kuni_file_printf(list, err, "export\t%s\t%lld\n", slash ? slash + 1 : piece,
                            (long long)info.st_size);
}

static kuni_status write_list(const char *whole, const char *first, size_t n, const char *path,
                              kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    if (first) status = list_piece(file, first, err);
    for (size_t i = 0; i < n && !status; i++) {
        char piece[4096];
        status = kuni_export_piece_path(whole, i, piece, err);
        if (!status) status = list_piece(file, piece, err);
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

kuni_status kuni_export_join(const char *whole, const char *first, size_t n, kuni_error *err)
{
    char path[4096];
    kuni_status status = kuni_export_piece_path(whole, 0, path, err);
    if (status) return status;
    if (n == 1 && !first)
        return kuni_transport_agree(
            kuni_transport_rank() == 0 ? kuni_file_publish(path, whole, err) : KUNI_OK, err);
    kuni_buffer list = KUNI_BUFFER_INIT;
    status = kuni_buffer_printf(&list, err, "%s.parts", whole);
    if (!status && kuni_transport_rank() == 0) status = write_list(whole, first, n, list.data, err);
    status = kuni_transport_agree(status, err);
    kuni_assembly_target target = {.kind = "export", .path = whole};
    if (!status) status = kuni_assembly_write(list.data, &target, 1, (uint64_t)getpid(), err);
    if (list.data && kuni_transport_rank() == 0) (void)unlink(list.data);
    kuni_buffer_fini(&list);
    return status;
}

/* Collective. */
static kuni_status join_files(const calls *c, size_t n, kuni_error *err)
{
    const kuni_export_aside *aside = c->x->request->aside;
    bool headed = !c->x->request->nothing && !c->indexed; /* the calls, which stand first */
    char head[4096];
    if (aside && aside->join) return aside->join(aside->context, n, err);
    kuni_status status = headed ? kuni_transport_agree(choose_head(c, n, head, err), err) : KUNI_OK;
    for (size_t i = 0; i < c->n_files && !status; i++)
        status = kuni_export_join(c->files[i].path, headed && !i ? head : NULL, n, err);
    return status;
}

static kuni_status place_index(const calls *c, kuni_error *err)
{
    char from[4096], to[4096];
    kuni_status status = index_path(c->x->request->out, from, err);
    if (!status && snprintf(to, sizeof(to), "%s.csi", c->x->request->out) >= (int)sizeof(to))
        status = kuni_fail(err, KUNI_USAGE, "--out: the path is too long");
    if (!status && rename(from, to) != 0) status = kuni_fail_errno(err, "cannot rename %s", from);
    return status;
}

/* Rank 0, or whoever is left where it is silent. */
static void remove_pieces(const calls *c, size_t n)
{
    bool removes = kuni_transport_rank() == 0 || kuni_transport_hung();
    for (size_t i = 0; i < n * c->n_files && removes; i++) {
        char path[4096];
        kuni_error ignored = KUNI_ERROR_INIT;
        if (!kuni_export_piece_path(c->files[i % c->n_files].path, i / c->n_files, path, &ignored))
            (void)unlink(path);
    }
    if (c->x->request->nothing || !removes) return;
    kuni_error ignored = KUNI_ERROR_INIT;
    heads head;
    char path[4096];
    if (!index_path(c->x->request->out, path, &ignored)) (void)unlink(path);
    if (head_paths(c->x->request->out, &head, &ignored)) return;
    (void)unlink(head.plain);
    (void)unlink(head.local);
    for (size_t i = 0; i < n; i++)
        if (!local_mark(c->x->request->out, i, path, &ignored)) (void)unlink(path);
}

/* --- beside the file --- */

kuni_status kuni_export_psam(const kuni_exporter *x, const char *path, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "#IID\tPAT\tMAT\tSEX\n");
    for (size_t i = 0; i < x->run->cohort.n_samples && !status; i++) {
        const kuni_sample *s = &x->run->cohort.samples[i];
        if (x->columns[i] < 0) continue;
        status = kuni_file_printf(file, err, "%s\t%s\t%s\t%s\n", s->id, s->father ? s->father : "0",
                                  s->mother ? s->mother : "0",
                                  s->sex == KUNI_SEX_MALE     ? "1"
                                  : s->sex == KUNI_SEX_FEMALE ? "2"
                                                              : "NA");
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status write_psam(const kuni_exporter *x, kuni_buffer *path, kuni_error *err)
{
    const char *out = x->request->out;
    size_t n = strlen(out);
    if (n > 4 && strcmp(out + n - 4, ".bcf") == 0) n -= 4;
    kuni_status status = kuni_buffer_printf(path, err, "%.*s.psam", (int)n, out);
    return status ? status : kuni_export_psam(x, path->data, err);
}

static bool tbi_allows(const kuni_genome *genome)
{
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome); tid++)
        if (kuni_genome_contig(genome, tid)->length_bp > TBI_BP_MOST) return false;
    return true;
}

static kuni_status finish(const calls *c, kuni_error *err)
{
    const kuni_export_request *request = c->x->request;
    kuni_buffer psam = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    if (c->mode[1] && !c->indexed)
        status = kuni_calls_index(request->out, KUNI_CALLS_CSI, (int)request->jobs, err);
    /* GATK and IGV look for this one. */
    if (!status && request->format == KUNI_EXPORT_VCF_GZ && tbi_allows(c->x->run->genome))
        status = kuni_calls_index(request->out, KUNI_CALLS_TBI_OF_VCF, (int)request->jobs, err);
    if (!status && request->format == KUNI_EXPORT_PLINK) status = write_psam(c->x, &psam, err);
    if (!status && !request->quiet) printf("%s\n", request->out);
    if (!status && !request->quiet && psam.data) printf("%s\n", psam.data);
    kuni_buffer_fini(&psam);
    return status;
}

static void list_files(calls *c)
{
    const kuni_export_request *request = c->x->request;
    const char *const *beside = request->aside ? request->aside->paths : NULL;
    if (!request->nothing)
        c->files[c->n_files++] = (joined){.path = request->out, .packed = c->mode[1]};
    for (; beside && *beside && c->n_files < sizeof(c->files) / sizeof(c->files[0]); beside++)
        c->files[c->n_files++] = (joined){.path = *beside, .packed = !request->aside->plain};
}

kuni_status kuni_export_calls(kuni_exporter *x, kuni_error *err)
{
    int format = x->request->format;
    bool text = format == KUNI_EXPORT_VCF_GZ || format == KUNI_EXPORT_SPARSE;
    bool plain = format == KUNI_EXPORT_VCF || x->request->nothing;
    calls c = {.x = x, .mode = plain ? "w" : text ? "wz5" : "wb5"};
    list_files(&c);
    kuni_status status = find_parts(&c, err);
    size_t n = pieces_of(&c, kuni_team_shares(x->request->jobs));
    if (!status) status = kuni_team_run(x->request->jobs, write_piece, &c, err);
    c.indexed = !status && x->published && is_whole(&c, n);
    if (!status) status = join_files(&c, n, err);
    if (!status && c.indexed) status = place_index(&c, err);
    remove_pieces(&c, n);
    free(c.parts);
    if (!status && kuni_transport_rank() == 0 && !x->request->nothing) status = finish(&c, err);
    return kuni_transport_agree(status, err);
}

kuni_status kuni_export_instead(kuni_exporter *x, const joint_pass *pass,
                                const kuni_export_aside *aside, kuni_error *err)
{
    const kuni_export_request *wanted = x->request;
    kuni_export_request inner = *wanted;
    inner.pass = pass;
    inner.aside = aside;
    inner.nothing = true;
    x->request = &inner;
    kuni_status status = kuni_export_calls(x, err);
    x->request = wanted;
    return status;
}
