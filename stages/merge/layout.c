/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "calls_file.h"
#include "kuni/json.h"
#include "piece.h"
#include "segment.h"
#include "sparse_file.h"

enum { INDEX_LEVEL = 6 };

/*
 * Columns of VCF as tabix counts them: preset 2, CHROM 1, POS 2, no end column, '#', no lines
 * skipped.
 */
static const int32_t tabix_vcf[6] = {2, 1, 2, 0, '#', 0};

/* --- step "head" --- */

/* Whether records of any shard have local alleles; a header tells of these only where some have. */
static kuni_status find_local(const kuni_task *task, bool *local, kuni_error *err)
{
    size_t count;
    const kuni_task_file *infos = kuni_task_inputs(task, "segment-info", &count);
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    *local = false;
    for (size_t i = 0; i < count && !*local && !status; i++) {
        segment_info info = {.local = 0};
        const char *indices;
        size_t length;
        status = segment_info_read(infos[i].path, &info, &bytes, &indices, &length, err);
        *local = info.local;
    }
    kuni_buffer_fini(&bytes);
    return status;
}

static kuni_status put_header(const calls_file *calls, const kuni_task *task, kuni_error *err)
{
    bool local = false;
    kuni_buffer text = KUNI_BUFFER_INIT, bytes = KUNI_BUFFER_INIT;
    int level = (int)kuni_params_int(task->params, "compression");
    kuni_status status = find_local(task, &local, err);
    if (!status)
        status = calls_header_text(
            calls, local ? CALLS_HEADER_NATIONAL : CALLS_HEADER_WITHOUT_LOCAL, &text, err);
    if (!status && text.length >= UINT32_MAX)
        status = kuni_fail(err, KUNI_DATA, "merge: a header of %zu bytes is too long", text.length);
    uint32_t length = (uint32_t)text.length + 1; /* the text's NUL counts */
    if (!status) status = kuni_buffer_append(&bytes, "BCF\2\2", 5, err);
    if (!status) status = kuni_buffer_append(&bytes, &length, sizeof(length), err);
    if (!status) status = kuni_buffer_append(&bytes, text.data, length, err);
    if (!status)
        status =
            piece_put(kuni_task_output(task, "head"), bytes.data, bytes.length, level, false, err);
    kuni_buffer_clear(&text);
    if (!status) status = calls_header_text(calls, CALLS_HEADER_SITES, &text, err);
    if (!status)
        status = piece_put(kuni_task_output(task, "head-sites"), text.data, text.length, level,
                           false, err);
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&bytes);
    return status;
}

static kuni_status put_sparse_header(const calls_file *calls, const kuni_task *task,
                                     kuni_error *err)
{
    size_t count;
    const kuni_task_file *inputs = kuni_task_inputs(task, "sparse", &count);
    if (!count) return KUNI_OK;
    sparse_file sparse = {.path = NULL};
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = NULL;
    int level = (int)kuni_params_int(task->params, "compression");
    kuni_status status = kuni_task_take_input(task, &inputs[0], &path, err);
    if (!status) status = sparse_open(&sparse, task, path, calls, err);
    if (!status) status = sparse_header_text(&sparse, calls, &text, err);
    if (!status)
        status = piece_put(kuni_task_output(task, "head-sparse"), text.data, text.length, level,
                           false, err);
    sparse_close(&sparse);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status head_run(const kuni_task *task, kuni_error *err)
{
    size_t count;
    const kuni_task_file *inputs = kuni_task_inputs(task, "calls", &count);
    if (!count) return kuni_fail(err, KUNI_BUG, "merge: no shard has calls");
    calls_file calls = {.path = NULL};
    char *path = NULL;
    kuni_status status = kuni_task_take_input(task, &inputs[0], &path, err);
    if (!status) status = calls_open(&calls, task, path, err);
    if (!status) status = put_header(&calls, task, err);
    if (!status) status = put_sparse_header(&calls, task, err);
    calls_close(&calls);
    free(path);
    return status ? status : piece_put(kuni_task_output(task, "tail"), NULL, 0, 6, true, err);
}

/* --- step "layout" --- */

enum { BCF, SITES, SPARSE, PRODUCTS };

/* One of the files that are put together. */
typedef struct product {
    const char *target, *head, *body; /* kinds: of the file, its header piece and its pieces */
    bool wanted;
    uint64_t place;    /* bytes before the piece under way */
    contig_index at;   /* of the contig under way */
    kuni_buffer index; /* the contigs' entries so far */
    kuni_buffer names; /* of the contigs in it, NUL-ended; of the BCF: those of its header */
    uint32_t n_named;  /* of these */
    kuni_buffer list;  /* its lines of the assembly */
} product;

typedef struct contig_count {
    const char *name;
    uint64_t records;
} contig_count;

typedef struct layout {
    const kuni_task *task;
    calls_file calls; /* of the first shard: for its header */
    char *calls_path;
    char *folder; /* of the assembly list */
    product products[PRODUCTS];
    int depth;
    bool tbi;
    contig_count *contigs;  /* by rid of the header */
    int32_t n_contigs, rid; /* rid under way, -1 at first */
    segment_counts counts;
    char header_digest[KUNI_DIGEST_HEX_BYTES];
} layout;

/* `path` as seen from `folder`; as it is where only one of them is absolute. Caller frees. */
static char *relative_path(const char *folder, const char *path, kuni_error *err)
{
    size_t common = 0;
    if ((folder[0] == '/') != (path[0] == '/')) return kuni_strdup(path, err);
    for (size_t i = 0; folder[i] && folder[i] == path[i]; i++)
        if (folder[i] == '/') common = i + 1;
    size_t length = strlen(folder);
    if (strncmp(folder, path, length) == 0 && path[length] == '/') common = length + 1;
    kuni_buffer out = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_reserve(&out, strlen(path), err);
    /* A step up for every folder below the common part. */
    for (const char *at = folder + (common < length ? common : length); *at && !status;) {
        status = kuni_buffer_append(&out, "../", 3, err);
        const char *slash = strchr(at, '/');
        at = slash ? slash + 1 : at + strlen(at);
    }
    if (!status) status = kuni_buffer_append(&out, path + common, strlen(path + common), err);
    if (status) kuni_buffer_fini(&out);
    return out.data;
}

/* `bytes` of the file from `offset` on. */
static kuni_status list_part(layout *job, product *to, const char *path, uint64_t offset,
                             uint64_t bytes, kuni_error *err)
{
    char *relative = relative_path(job->folder, path, err);
    if (!relative) return KUNI_MEMORY;
    kuni_status status = kuni_buffer_printf(&to->list, err, "%s\t%s\t%llu", to->target, relative,
                                            (unsigned long long)bytes);
    free(relative);
    if (!status && offset)
        status = kuni_buffer_printf(&to->list, err, "\t%llu", (unsigned long long)offset);
    if (!status) status = kuni_buffer_append(&to->list, "\n", 1, err);
    to->place += bytes;
    return status;
}

static kuni_status list_piece(layout *job, product *to, const kuni_task_file *file, kuni_error *err)
{
    struct stat info;
    if (file->offset)
        return list_part(job, to, file->path, (uint64_t)file->offset, (uint64_t)file->bytes, err);
    if (stat(file->path, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", file->path);
    return list_part(job, to, file->path, 0, (uint64_t)info.st_size, err);
}

static kuni_status list_one(layout *job, product *to, const char *kind, kuni_error *err)
{
    size_t count;
    const kuni_task_file *file = kuni_task_inputs(job->task, kind, &count);
    if (count != 1)
        return kuni_fail(err, KUNI_BUG, "merge: %zu files of kind %s, not one", count, kind);
    return list_piece(job, to, file, err);
}

/* The contig under way goes into the index of text: its name, too. Contigs without records do not. */
static kuni_status end_named(layout *job, product *p, bool tbi, kuni_error *err)
{
    const char *name = job->contigs[job->rid].name;
    if (!p->wanted || !p->at.n_records) return KUNI_OK;
    kuni_status status = tbi ? contig_index_print_tbi(&p->at, &p->index, err)
                             : contig_index_print_csi(&p->at, &p->index, err);
    if (!status) status = kuni_buffer_append(&p->names, name, strlen(name) + 1, err);
    p->n_named++;
    contig_index_clear(&p->at);
    return status;
}

/* Ends the contig under way, and passes over those without records before contig `next`. */
static kuni_status end_contig(layout *job, int32_t next, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    product *bcf = &job->products[BCF];
    if (job->rid >= 0 && job->contigs) {
        job->contigs[job->rid].records = bcf->at.n_records;
        status = contig_index_print_csi(&bcf->at, &bcf->index, err);
        if (!status) status = end_named(job, &job->products[SITES], job->tbi, err);
        if (!status) status = end_named(job, &job->products[SPARSE], false, err);
        contig_index_clear(&bcf->at);
    }
    /* Cleared indices print as empty contigs. */
    for (int32_t i = job->rid + 1; i < next && !status; i++)
        status = contig_index_print_csi(&bcf->at, &bcf->index, err);
    job->rid = next;
    return status;
}

static void add_counts(layout *job, const segment_counts *more)
{
    segment_counts *sum = &job->counts;
    sum->records += more->records;
    sum->passed += more->passed;
    sum->snps += more->snps;
    sum->indels += more->indels;
    sum->others += more->others;
    sum->multiallelic += more->multiallelic;
    sum->transitions += more->transitions;
    sum->transversions += more->transversions;
}

/* Finds the first line in which two shards' headers differ, for the message. */
static kuni_status fail_header(const layout *job, const kuni_task_file *calls, kuni_error *err)
{
    calls_file other = {.path = NULL};
    char *path = NULL;
    kuni_buffer a = KUNI_BUFFER_INIT, b = KUNI_BUFFER_INIT;
    kuni_status status = kuni_task_take_input(job->task, calls, &path, err);
    if (!status) status = calls_open(&other, job->task, path, err);
    if (!status) status = calls_header_text(&job->calls, CALLS_HEADER_COMMON, &a, err);
    if (!status) status = calls_header_text(&other, CALLS_HEADER_COMMON, &b, err);
    if (!status) {
        size_t at = 0, line = 0;
        for (; a.data[at] && a.data[at] == b.data[at]; at++)
            if (a.data[at] == '\n') line = at + 1;
        status = kuni_fail(err, KUNI_DATA,
                           "merge: the shards' headers differ: %s has `%.*s`, %s has `%.*s`: a "
                           "stage before merge must give all shards the same header",
                           job->calls.path, (int)strcspn(a.data + line, "\n"), a.data + line,
                           calls->path, (int)strcspn(b.data + line, "\n"), b.data + line);
    }
    calls_close(&other);
    free(path);
    kuni_buffer_fini(&a);
    kuni_buffer_fini(&b);
    return status;
}

/* The files of the shards that pieces of a product may lie in. */
typedef struct shard_files {
    const kuni_task_file *made,
        *bodies;                   /* of joint-genotype, where there are such; of the segments */
    size_t n_made, n_bodies, next; /* body that was not taken yet */
} shard_files;

/* The blocks of shard number i, which is `shard`: at `offset` of the file made before, or the next body. */
static kuni_status list_blocks(layout *job, product *to, shard_files *files, size_t i,
                               int64_t shard, uint64_t offset, uint64_t bytes, kuni_error *err)
{
    const kuni_task_file *made = files->made ? &files->made[i] : NULL;
    if (made && offset)
        return list_part(job, to, made->path, (uint64_t)made->offset + offset, bytes, err);
    if (files->next == files->n_bodies || files->bodies[files->next].shard != shard)
        return kuni_fail(err, KUNI_BUG, "merge: the shards' files are not complete");
    return list_piece(job, to, &files->bodies[files->next++], err);
}

static kuni_status add_segment(layout *job, size_t number, const char *info_path,
                               const kuni_task_file *calls, segment_info *told, kuni_error *err)
{
    segment_info info = {.offset = 0};
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    const char *indices;
    size_t length;
    kuni_status status = segment_info_read(info_path, &info, &bytes, &indices, &length, err);
    if (status) goto done;
    if (number == 0) memcpy(job->header_digest, info.header_digest, sizeof(job->header_digest));
    if (memcmp(job->header_digest, info.header_digest, sizeof(job->header_digest)) != 0) {
        status = fail_header(job, calls, err);
        goto done;
    }
    if ((info.sparse != 0) != job->products[SPARSE].wanted) {
        status = kuni_fail(err, KUNI_BUG, "merge: some shards have sparse calls, others none");
        goto done;
    }
    if (info.rid < 0) goto done;
    if (info.rid >= job->n_contigs || info.rid < job->rid)
        status = kuni_fail(err, KUNI_DATA,
                           "merge: %s: the contigs of its header are not in the order of the "
                           "reference",
                           calls->path);
    if (!status && info.rid != job->rid) status = end_contig(job, info.rid, err);
    for (int i = 0; i < PRODUCTS && !status; i++) {
        product *p = &job->products[i];
        if (p->wanted) status = contig_index_merge(&p->at, &indices, &length, p->place, err);
    }
    if (!status) add_counts(job, &info.counts);
done:
    *told = info;
    kuni_buffer_fini(&bytes);
    return status;
}

static kuni_status find_files(const layout *job, shard_files files[PRODUCTS], size_t n_shards,
                              kuni_error *err)
{
    static const char *const made[PRODUCTS] = {[BCF] = "calls", [SPARSE] = "sparse"};
    for (int p = 0; p < PRODUCTS; p++) {
        shard_files *f = &files[p];
        if (!job->products[p].wanted) continue;
        f->bodies = kuni_task_inputs(job->task, job->products[p].body, &f->n_bodies);
        if (made[p]) f->made = kuni_task_inputs(job->task, made[p], &f->n_made);
        if (made[p] && f->n_made != n_shards)
            return kuni_fail(err, KUNI_BUG, "merge: the shards' files are not complete");
    }
    return KUNI_OK;
}

static kuni_status list_shard(layout *job, shard_files files[PRODUCTS], size_t i, int64_t shard,
                              const segment_info *info, kuni_error *err)
{
    const uint64_t offset[PRODUCTS] = {[BCF] = info->offset, [SPARSE] = info->sparse_offset};
    const uint64_t bytes[PRODUCTS] = {[BCF] = info->bytes, [SPARSE] = info->sparse_bytes};
    kuni_status status = KUNI_OK;
    for (int p = 0; p < PRODUCTS && !status; p++)
        if (job->products[p].wanted)
            status =
                list_blocks(job, &job->products[p], &files[p], i, shard, offset[p], bytes[p], err);
    return status;
}

static kuni_status add_segments(layout *job, kuni_error *err)
{
    size_t count;
    shard_files files[PRODUCTS] = {{.n_made = 0}};
    const kuni_task_file *infos = kuni_task_inputs(job->task, "segment-info", &count);
    kuni_status status = find_files(job, files, count, err);
    for (size_t i = 0; i < count && !status; i++) {
        segment_info info;
        int64_t shard = infos[i].shard;
        bool ordered = !i || shard > infos[i - 1].shard;
        for (int p = 0; p < PRODUCTS; p++)
            ordered = ordered && (!files[p].made || files[p].made[i].shard == shard);
        if (!ordered) return kuni_fail(err, KUNI_BUG, "merge: the shards' files are not in order");
        status = add_segment(job, i, infos[i].path, &files[BCF].made[i], &info, err);
        if (!status) status = list_shard(job, files, i, shard, &info, err);
        if (job->task->heartbeat) job->task->heartbeat((int64_t)i);
    }
    return status ? status : end_contig(job, job->n_contigs, err);
}

/* CSI of the BCF: SAM specification, CSIv1. Contigs are those of the header, no auxiliary data. */
static kuni_status write_bcf_index(const layout *job, kuni_error *err)
{
    const product *bcf = &job->products[BCF];
    const int32_t head[] = {CONTIG_INDEX_MIN_SHIFT, job->depth, 0, job->n_contigs};
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_append(&bytes, "CSI\1", 4, err);
    if (!status) status = kuni_buffer_append(&bytes, head, sizeof(head), err);
    if (!status) status = kuni_buffer_append(&bytes, bcf->index.data, bcf->index.length, err);
    if (!status) status = kuni_buffer_append(&bytes, &(uint64_t){0}, 8, err);
    if (!status)
        status = piece_put(kuni_task_output(job->task, "national-index"), bytes.data, bytes.length,
                           INDEX_LEVEL, true, err);
    kuni_buffer_fini(&bytes);
    return status;
}

/*
 * TBI where the contigs allow it, which more tools read; else CSI with tabix's columns as auxiliary
 * data.
 */
static kuni_status write_text_index(const layout *job, const product *p, bool tbi, const char *kind,
                                    kuni_error *err)
{
    kuni_buffer bytes = KUNI_BUFFER_INIT;
    int32_t names_bytes = (int32_t)p->names.length, n_named = (int32_t)p->n_named;
    const int32_t csi[] = {CONTIG_INDEX_MIN_SHIFT, job->depth,
                           (int32_t)sizeof(tabix_vcf) + (int32_t)sizeof(names_bytes) + names_bytes};
    kuni_status status = kuni_buffer_append(&bytes, tbi ? "TBI\1" : "CSI\1", 4, err);
    if (!status && tbi) status = kuni_buffer_append(&bytes, &n_named, sizeof(n_named), err);
    if (!status && !tbi) status = kuni_buffer_append(&bytes, csi, sizeof(csi), err);
    if (!status) status = kuni_buffer_append(&bytes, tabix_vcf, sizeof(tabix_vcf), err);
    if (!status) status = kuni_buffer_append(&bytes, &names_bytes, sizeof(names_bytes), err);
    if (!status) status = kuni_buffer_append(&bytes, p->names.data, p->names.length, err);
    if (!status && !tbi) status = kuni_buffer_append(&bytes, &n_named, sizeof(n_named), err);
    if (!status) status = kuni_buffer_append(&bytes, p->index.data, p->index.length, err);
    if (!status) status = kuni_buffer_append(&bytes, &(uint64_t){0}, 8, err);
    if (!status)
        status = piece_put(kuni_task_output(job->task, kind), bytes.data, bytes.length, INDEX_LEVEL,
                           true, err);
    kuni_buffer_fini(&bytes);
    return status;
}

static kuni_status write_indices(const layout *job, kuni_error *err)
{
    const product *sparse = &job->products[SPARSE];
    kuni_status status = write_bcf_index(job, err);
    if (!status)
        status = write_text_index(job, &job->products[SITES], job->tbi,
                                  job->tbi ? "national-sites-tbi" : "national-sites-csi", err);
    return status || !sparse->wanted
               ? status
               : write_text_index(job, sparse, false, "national-sparse-index", err);
}

static kuni_status write_list(const layout *job, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, kuni_task_output(job->task, "assembly"), err);
    if (status) return status;
    for (int i = 0; i < PRODUCTS && !status; i++)
        status =
            kuni_file_write(file, job->products[i].list.data, job->products[i].list.length, err);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static void put_report(const layout *job, kuni_json *json)
{
    const segment_counts *sum = &job->counts;
    kuni_json_object(json, NULL, KUNI_JSON_LINES);
    size_t n_samples = 0;
    for (size_t i = 0; i < job->task->n_samples; i++) n_samples += job->task->columns[i] >= 0;
    kuni_json_uint(json, "samples", n_samples);
    kuni_json_text(json, "genotypes",
                   !job->calls.sites              ? "national.bcf"
                   : job->products[SPARSE].wanted ? "national.sparse.vcf.gz"
                                                  : "none");
    kuni_json_uint(json, "records", sum->records);
    kuni_json_uint(json, "passed", sum->passed);
    kuni_json_uint(json, "snps", sum->snps);
    kuni_json_uint(json, "indels", sum->indels);
    kuni_json_uint(json, "others", sum->others);
    kuni_json_uint(json, "multiallelic", sum->multiallelic);
    kuni_json_uint(json, "transitions", sum->transitions);
    kuni_json_uint(json, "transversions", sum->transversions);
    kuni_json_object(json, "contigs", sum->records ? KUNI_JSON_LINES : KUNI_JSON_INLINE);
    for (int32_t i = 0; i < job->n_contigs; i++)
        if (job->contigs[i].records)
            kuni_json_uint(json, job->contigs[i].name, job->contigs[i].records);
    kuni_json_end(json);
    /* not finite, and so null, without transversions */
    kuni_json_fixed(json, "ts_tv", (double)sum->transitions / (double)sum->transversions, 4);
    kuni_json_end(json);
}

static kuni_status write_report(const layout *job, kuni_error *err)
{
    kuni_json json;
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, kuni_task_output(job->task, "merge-report"), err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, err);
    put_report(job, &json);
    status = kuni_json_finish(&json);
    if (!status) status = kuni_file_write(file, "\n", 1, err);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status begin(layout *job, kuni_error *err)
{
    size_t count;
    const kuni_task_file *inputs = kuni_task_inputs(job->task, "calls", &count);
    if (!count) return kuni_fail(err, KUNI_BUG, "merge: no shard has calls");
    kuni_status status = kuni_task_take_input(job->task, &inputs[0], &job->calls_path, err);
    if (!status) status = calls_open(&job->calls, job->task, job->calls_path, err);
    if (status) return status;
    const char *list = kuni_task_output(job->task, "assembly");
    const char *slash = strrchr(list, '/');
    job->folder = slash ? strndup(list, (size_t)(slash - list)) : strdup(".");
    if (!job->folder) return kuni_fail_memory(err, strlen(list), 1);
    job->n_contigs = job->calls.header->n[BCF_DT_CTG];
    job->contigs = kuni_alloc((size_t)job->n_contigs + 1, sizeof(*job->contigs), err);
    if (!job->contigs) return KUNI_MEMORY;
    for (int32_t i = 0; i < job->n_contigs; i++)
        job->contigs[i].name = bcf_hdr_id2name(job->calls.header, i);
    int64_t longest = calls_longest_contig(&job->calls);
    job->depth = contig_index_depth(longest);
    job->tbi = job->depth == CONTIG_INDEX_TBI_DEPTH && longest > 0;
    job->rid = -1;
    (void)kuni_task_inputs(job->task, "sparse", &count);
    job->products[SPARSE].wanted = count > 0;
    for (int i = 0; i < PRODUCTS && !status; i++) {
        product *p = &job->products[i];
        if (!p->wanted) continue;
        status = contig_index_init(&p->at, job->depth, err);
        if (!status) status = list_one(job, p, p->head, err);
    }
    return status;
}

static void layout_fini(layout *job)
{
    calls_close(&job->calls);
    for (int i = 0; i < PRODUCTS; i++) {
        product *p = &job->products[i];
        contig_index_fini(&p->at);
        kuni_buffer_fini(&p->index);
        kuni_buffer_fini(&p->names);
        kuni_buffer_fini(&p->list);
    }
    free(job->contigs);
    free(job->folder);
    free(job->calls_path);
}

kuni_status layout_run(const kuni_task *task, kuni_error *err)
{
    layout job = {
        .task = task,
        .products = {
            {.target = "national", .head = "head", .body = "segment", .wanted = true},
            {.target = "national-sites",
             .head = "head-sites",
             .body = "segment-sites",
             .wanted = true},
            {.target = "national-sparse", .head = "head-sparse", .body = "segment-sparse"}}};
    kuni_status status = begin(&job, err);
    if (!status) status = add_segments(&job, err);
    for (int i = 0; i < PRODUCTS && !status; i++)
        if (job.products[i].wanted) status = list_one(&job, &job.products[i], "tail", err);
    if (!status) status = write_indices(&job, err);
    if (!status) status = write_list(&job, err);
    if (!status) status = write_report(&job, err);
    layout_fini(&job);
    return status;
}
