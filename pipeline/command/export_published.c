/* SPDX-License-Identifier: MIT */
#include "export_published.h"

#include <htslib/bgzf.h>
#include <htslib/tbx.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/evidence.h"

/* --- whether it can be done --- */

/* Whether the text is an element of a list with one of these between. */
static bool has(const char *list, const char *between, const char *text, size_t length)
{
    while (*list) {
        size_t n = strcspn(list, between);
        if (n == length && strncmp(list, text, n) == 0) return true;
        list += n + (list[n] != '\0');
    }
    return false;
}

bool kuni_published_form(const kuni_export_request *request)
{
    return !request->samples && !request->samples_file && !request->pass && !request->quality &&
           request->format != KUNI_EXPORT_GVCF;
}

/* Every field that is wanted is in the records. */
static bool fields_are_there(const kuni_exporter *x)
{
    const char *given = kuni_params_text(x->run->plan.nodes[x->node].params, "format");
    for (const char *at = kuni_params_text(x->params, "format"); *at;) {
        size_t n = strcspn(at, "\n");
        if (n && !has(given, "\n", at, n)) return false;
        at += n + (at[n] != '\0');
    }
    return true;
}

/* Records are to be what the workflow's stage made them: settings by their names, up to NULL. */
static bool settings_are_same(const kuni_exporter *x, const char *const *names)
{
    const kuni_params *given = x->run->plan.nodes[x->node].params;
    for (; *names; names++)
        if (strcmp(kuni_params_text(given, *names), kuni_params_text(x->params, *names)) != 0)
            return false;
    return true;
}

/*
 * Sparse records are lines, of which no field is taken out. With min_gq a block ends where its genotype is called no more: it
 * may reach further where the record of that is not among those that are wanted. Without RNC some cells do not tell whether they
 * are one.
 */
static bool sparse_is_same(const kuni_exporter *x)
{
    static const char *const names[] = {"format", "sparse_gq", "sparse_dp", NULL};
    const char *fields = kuni_params_text(x->params, "format");
    return settings_are_same(x, names) && has(fields, "\n", "RNC", 3) &&
           (!x->request->regions.n || !kuni_params_int(x->params, "min_gq"));
}

/* Whether the published file of the kind has records as they are wanted. `bare`: the call set has no columns. */
static bool records_are_same(const kuni_exporter *x, bool bare)
{
    static const char *const names[] = {"reference_likelihoods", "reference_cells", NULL};
    switch (x->kind) {
    case JOINT_EXPORT_SITES:
        return true;
    case JOINT_EXPORT_SPARSE:
        return sparse_is_same(x);
    case JOINT_EXPORT_DENSE:
        return !bare && fields_are_there(x) && settings_are_same(x, names);
    case JOINT_EXPORT_PLINK:
        return !bare; /* GT alone */
    }
    return false;
}

static bool all_are_wanted(const kuni_exporter *x, const kuni_published_run *current)
{
    for (size_t i = 0; i < x->run->cohort.n_samples; i++)
        if (!current->samples.skip[i] && x->columns[i] < 0) return false;
    return true;
}

/* The step that publishes files of a kind made of the chosen calls; 0: none. */
static size_t find_maker(const kuni_exporter *x, const char *kind)
{
    const kuni_plan *plan = &x->run->plan;
    const kuni_workflow_stage *merge = NULL;
    for (size_t i = x->last_node + 1; i < plan->n_nodes; i++) {
        const kuni_node *node = &plan->nodes[i];
        for (size_t k = 0; k < node->n_inputs; k++)
            if (node->inputs[k].node == x->last_node && node->inputs[k].output == x->last_calls &&
                strcmp(node->stage->stage->name, "merge") == 0)
                merge = node->stage;
        for (size_t o = 0; merge && node->stage == merge && o < node->n_outputs; o++)
            if (strcmp(node->step->outputs[o].kind, kind) == 0) return i;
    }
    return 0;
}

kuni_status kuni_published_calls_find(kuni_published_calls *calls, const kuni_exporter *x,
                                      const kuni_published_run *current, kuni_error *err)
{
    /* Kind, name, names that the index may have. */
    static const char *const files[][4] = {
        {"national", "national.bcf", "national.bcf.csi", NULL},
        {"national-sites", "national.sites.vcf.gz", "national.sites.vcf.gz.tbi",
         "national.sites.vcf.gz.csi"},
        {"national-sparse", "national.sparse.vcf.gz", "national.sparse.vcf.gz.csi", NULL}};
    const kuni_params *given = x->run->plan.nodes[x->node].params;
    bool sites = x->kind == JOINT_EXPORT_SITES; /* of a call set without columns: its BCF */
    bool bare = strcmp(kuni_params_text(given, "output"), "sites") == 0;
    const char *const *names = files[x->kind == JOINT_EXPORT_SPARSE ? 2 : sites && !bare];
    *calls = (kuni_published_calls){.path = NULL};
    if (!current->stands || !records_are_same(x, bare) || !all_are_wanted(x, current) ||
        kuni_exporter_buried(x))
        return KUNI_OK;
    size_t maker = find_maker(x, names[0]);
    bool same = false;
    if (!maker) return KUNI_OK;
    kuni_status status = kuni_published_run_made(current, maker, &same, err);
    if (status || !same) return status;
    status = kuni_published_run_file(current, names[2], &calls->index, err);
    if (!status && !calls->index && names[3])
        status = kuni_published_run_file(current, names[3], &calls->index, err);
    if (status || !calls->index) return status;
    return kuni_published_run_file(current, names[1], &calls->path, err);
}

void kuni_published_calls_fini(kuni_published_calls *calls)
{
    free(calls->path);
    free(calls->index);
    *calls = (kuni_published_calls){.path = NULL};
}

/* --- the header --- */

enum { DROPPED_MOST = 64 };

struct kuni_copying {
    const kuni_exporter *x;
    const char *path; /* of the published file */
    htsFile *from, *to;
    char *out, *mode;
    char *index;        /* of the file that is written; NULL: none is made */
    hts_idx_t *numbers; /* index of BCF */
    tbx_t *names;       /* of VCF */
    kstring_t line;
    bcf_hdr_t *header, *passed; /* of both files; passed: of the one that is written, else NULL */
    bcf1_t *record;
    kuni_buffer formats;       /* of a record that has more than is wanted */
    int dropped[DROPPED_MOST]; /* numbers of FORMAT fields that are not wanted */
    size_t n_dropped;
    int local[3]; /* numbers of LAA, LAD, LPL; -1 */
    bool has_local;
    int64_t chunk; /* of the last record: where blocks end */
};

static kuni_status damaged(const kuni_copying *c, kuni_error *err)
{
    return kuni_fail(err, KUNI_IO,
                     "%s is cut off or damaged: `kuni verify --deep` tells, `kuni repair` mends",
                     c->path);
}

/* The header's text as it stands in the file. */
static kuni_status read_header(kuni_copying *c, kuni_buffer *text, kuni_error *err)
{
    enum { HEADER_BYTES_MAX = 1 << 30 };
    unsigned char head[9];
    BGZF *blocks = c->from->fp.bgzf;
    if (c->from->format.format == vcf) {
        bcf_hdr_t *header = bcf_hdr_read(c->from);
        kstring_t printed = KS_INITIALIZE;
        bool good = header && bcf_hdr_format(header, 0, &printed) == 0;
        kuni_status status =
            good ? kuni_buffer_append(text, printed.s, printed.l, err) : damaged(c, err);
        ks_free(&printed);
        if (header) bcf_hdr_destroy(header);
        return status;
    }
    if (bgzf_read(blocks, head, sizeof(head)) != (ssize_t)sizeof(head) ||
        memcmp(head, "BCF\2\2", 5) != 0)
        return damaged(c, err);
    size_t n = head[5] | (size_t)head[6] << 8 | (size_t)head[7] << 16 | (size_t)head[8] << 24;
    if (n > HEADER_BYTES_MAX) return damaged(c, err);
    kuni_status status = kuni_buffer_reserve(text, n + 1, err);
    if (status) return status;
    if (bgzf_read(blocks, text->data, n) != (ssize_t)n) return damaged(c, err);
    text->data[n] = '\0';
    text->length = strlen(text->data); /* it ends with zeros */
    return KUNI_OK;
}

/* Whether a line is of a FORMAT field that is not wanted; LAA, LAD and LPL go with AD and PL. */
static bool is_dropped(const kuni_exporter *x, const char *line)
{
    static const char start[] = "##FORMAT=<ID=";
    const char *wanted = kuni_params_text(x->params, "format");
    if (strncmp(line, start, sizeof(start) - 1) != 0) return false;
    line += sizeof(start) - 1;
    size_t n = strcspn(line, ",>\n");
    bool ad = has(wanted, "\n", "AD", 2), pl = has(wanted, "\n", "PL", 2);
    if (n == 2 && strncmp(line, "GT", 2) == 0) return false;
    if (n == 3 && strncmp(line, "LAA", 3) == 0) return !ad && !pl;
    if (n == 3 && strncmp(line, "LAD", 3) == 0) return !ad;
    if (n == 3 && strncmp(line, "LPL", 3) == 0) return !pl;
    return !has(wanted, "\n", line, n);
}

/*
 * The published header says by which kuni it was made; what is exported, by this one. Lines of fields that are not wanted
 * go; numbers in the dictionary stay, for they are told in the lines.
 */
static kuni_status edit_header(const kuni_copying *c, const char *text, const char *source,
                               kuni_buffer *edited, kuni_error *err)
{
    static const char ours[] = "##source=";
    static const char told[] = "##kuni_sites=\"records of a call set without its genotypes\"\n";
    bool tell = c->x->kind == JOINT_EXPORT_SITES && !strstr(text, told);
    kuni_status status = KUNI_OK;
    for (const char *line = text, *end; *line && !status; line = end) {
        end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        if (strncmp(line, ours, sizeof(ours) - 1) == 0)
            status = kuni_buffer_printf(edited, err, "%s%s\n%s", ours, source, tell ? told : "");
        else if (!is_dropped(c->x, line))
            status = kuni_buffer_append(edited, line, (size_t)(end - line), err);
    }
    return status;
}

static kuni_status parse_header(kuni_copying *c, kuni_buffer *text, kuni_error *err)
{
    c->header = bcf_hdr_init("r");
    if (!c->header) return kuni_fail_memory(err, 1, 1);
    return bcf_hdr_parse(c->header, text->data) < 0 ? damaged(c, err) : KUNI_OK;
}

/* The columns are those of the people who are wanted, one by one. */
static kuni_status check_columns(const kuni_copying *c, kuni_error *err)
{
    const kuni_cohort *cohort = &c->x->run->cohort;
    size_t n = 0, columns = (size_t)bcf_hdr_nsamples(c->header);
    if (c->x->kind == JOINT_EXPORT_SITES) return KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        if (c->x->columns[i] < 0) continue;
        if (n == columns || strcmp(c->header->samples[n], cohort->samples[i].id) != 0) break;
        n++;
    }
    return n == columns && n == c->x->n_columns
               ? KUNI_OK
               : kuni_fail(err, KUNI_IO,
                           "%s has other columns than the register tells: `kuni verify --deep` "
                           "tells more",
                           c->path);
}

/* Numbers of fields that were in the dictionary and are not in the header any more. */
static kuni_status find_fields(kuni_copying *c, const char *text, kuni_error *err)
{
    static const char *const local[3] = {"LAA", "LAD", "LPL"};
    for (int i = 0; i < 3; i++) {
        int id = bcf_hdr_id2int(c->header, BCF_DT_ID, local[i]);
        c->local[i] = bcf_hdr_idinfo_exists(c->header, BCF_HL_FMT, id) ? id : -1;
    }
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *number = is_dropped(c->x, line) ? strstr(line, ",IDX=") : NULL;
        if (!number || number > line + strcspn(line, "\n")) continue;
        long id = strtol(number + 5, NULL, 10);
        if (id < 0 || id > INT32_MAX || c->n_dropped == DROPPED_MOST) return damaged(c, err);
        c->dropped[c->n_dropped++] = (int)id;
    }
    return KUNI_OK;
}

kuni_status kuni_copying_heads(const kuni_copying *c, const char *plain, const char *local,
                               kuni_error *err)
{
    static const char *const fields[] = {"LAA", "LAD", "LPL"};
    const char *const paths[] = {plain, local};
    bcf_hdr_t *without = bcf_hdr_dup(c->passed ? c->passed : c->header);
    if (!without) return kuni_fail_memory(err, 1, 1);
    for (size_t i = 0; i < 3; i++) bcf_hdr_remove(without, BCF_HL_FMT, fields[i]);
    bool good = bcf_hdr_sync(without) == 0;
    for (size_t i = 0; i < 2 && good; i++) {
        htsFile *file = hts_open(paths[i], c->mode);
        good = file && bcf_hdr_write(file, i == 0      ? without
                                           : c->passed ? c->passed
                                                       : c->header) == 0;
        if (file && hts_close(file) < 0) good = false;
    }
    bcf_hdr_destroy(without);
    return good ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", plain);
}

kuni_status kuni_copying_whole(kuni_copying *c, const char *index, bool *done, kuni_error *err)
{
    enum { MIN_SHIFT = 14 };
    *done = false;
    if (c->passed || strchr(c->mode, 'b') == NULL || c->local[0] >= 0 || c->local[1] >= 0 ||
        c->local[2] >= 0)
        return KUNI_OK;
    c->index = kuni_strdup(index, err); /* htslib keeps the pointer */
    if (!c->index) return KUNI_MEMORY;
    if (bcf_hdr_write(c->to, c->header) < 0 || bgzf_flush(c->to->fp.bgzf) < 0 ||
        bcf_idx_init(c->to, c->header, MIN_SHIFT, c->index) < 0)
        return kuni_fail_errno(err, "cannot write %s", c->out);
    *done = true;
    return KUNI_OK;
}

/* --- records --- */

static kuni_status start(kuni_copying *c, const char *source, kuni_error *err)
{
    const kuni_published_calls *calls = c->x->published;
    kuni_buffer text = KUNI_BUFFER_INIT, edited = KUNI_BUFFER_INIT;
    c->from = hts_open(c->path, "r");
    if (!c->from) return kuni_fail_errno(err, "cannot open %s", c->path);
    bool is_bcf = c->from->format.format == bcf;
    kuni_status status = read_header(c, &text, err);
    if (!status) status = edit_header(c, text.data, source, &edited, err);
    if (!status) status = parse_header(c, &edited, err);
    if (!status && is_bcf) status = find_fields(c, text.data, err);
    if (!status) status = check_columns(c, err);
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&edited);
    if (status) return status;
    if (is_bcf)
        c->numbers = bcf_index_load2(c->path, calls->index);
    else
        c->names = tbx_index_load2(c->path, calls->index);
    if (!c->numbers && !c->names)
        return kuni_fail(err, KUNI_IO, "%s: cannot read the index: `kuni repair` mends",
                         calls->index);
    const joint_pass *pass = c->x->request->pass;
    if (pass) status = pass->header(pass->context, c->header, &c->passed, err);
    if (status) return status;
    c->to = hts_open(c->out, c->mode);
    return c->to ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", c->out);
}

kuni_status kuni_copying_open(kuni_copying **made, const kuni_exporter *x, const char *path,
                              const char *mode, const char *source, kuni_error *err)
{
    kuni_copying *c = kuni_alloc(1, sizeof(*c), err);
    if (!c) return KUNI_MEMORY;
    c->x = x;
    c->path = x->published->path;
    c->record = bcf_init();
    c->out = kuni_strdup(path, err);
    c->mode = kuni_strdup(mode, err);
    kuni_status status = c->record && c->out && c->mode ? start(c, source, err) : KUNI_MEMORY;
    if (status) {
        kuni_copying_abandon(c);
        return status;
    }
    *made = c;
    return KUNI_OK;
}

static kuni_status flush(kuni_copying *c, kuni_error *err)
{
    const joint_pass *pass = c->x->request->pass;
    if (c->to->format.compression == bgzf && bgzf_flush(c->to->fp.bgzf) < 0)
        return kuni_fail_errno(err, "cannot write %s", c->out);
    return pass && pass->flush ? pass->flush(pass->context, err) : KUNI_OK;
}

/* A FORMAT field of a record as it stands there: *bytes from its number to the last value. */
static bool measure_field(const kuni_copying *c, const uint8_t *at, size_t left, int *id,
                          size_t *bytes)
{
    static const size_t value_bytes[16] = {[BCF_BT_INT8] = 1,
                                           [BCF_BT_INT16] = 2,
                                           [BCF_BT_INT32] = 4,
                                           [BCF_BT_FLOAT] = 4,
                                           [BCF_BT_CHAR] = 1};
    enum { HEAD_MOST = 11 }; /* of number, type and length */
    uint8_t head[HEAD_MOST + 8] = {0}, *values = head;
    int type;
    memcpy(head, at, left < HEAD_MOST ? left : HEAD_MOST);
    int64_t number = bcf_dec_typed_int1(head, &values);
    int32_t width = bcf_dec_size(values, &values, &type);
    size_t start = (size_t)(values - head);
    if (number < 0 || number > INT32_MAX || width < 0 || type < 0 || type > 15 ||
        (width && !value_bytes[type]))
        return false;
    *id = (int)number;
    *bytes = start + (size_t)width * value_bytes[type] * (size_t)bcf_hdr_nsamples(c->header);
    return *bytes <= left;
}

static bool is_among(int id, const int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id) return true;
    return false;
}

/* Notes local alleles, and takes out what is not wanted, without a look at values. */
static kuni_status choose_formats(kuni_copying *c, kuni_error *err)
{
    bcf1_t *r = c->record;
    size_t at = 0, n = r->n_fmt, kept = 0;
    kuni_status status = KUNI_OK;
    if (!c->n_dropped && c->local[0] < 0 && c->local[1] < 0 && c->local[2] < 0) return KUNI_OK;
    kuni_buffer_clear(&c->formats);
    for (size_t i = 0; i < n && !status; i++) {
        int id;
        size_t bytes;
        const uint8_t *field = (const uint8_t *)r->indiv.s + at;
        if (!measure_field(c, field, r->indiv.l - at, &id, &bytes)) return damaged(c, err);
        at += bytes;
        c->has_local = c->has_local || is_among(id, c->local, 3);
        if (is_among(id, c->dropped, c->n_dropped)) continue;
        kept++;
        if (c->n_dropped) status = kuni_buffer_append(&c->formats, field, bytes, err);
    }
    if (status || kept == n) return status;
    memcpy(r->indiv.s, c->formats.data, c->formats.length);
    r->indiv.l = c->formats.length;
    r->n_fmt = (uint32_t)kept & 0xff;
    return KUNI_OK;
}

/* One record stands at a position, so that names it, as joint_export_shard does. */
static kuni_status name_record(const kuni_copying *c, kuni_error *err)
{
    char name[512];
    bcf1_t *record = c->record;
    (void)snprintf(name, sizeof(name), "%s:%" PRId64, bcf_hdr_id2name(c->header, record->rid),
                   (int64_t)record->pos + 1);
    return bcf_unpack(record, BCF_UN_STR) < 0 || bcf_update_id(c->header, record, name) != 0
               ? damaged(c, err)
               : KUNI_OK;
}

static kuni_status write_record(kuni_copying *c, kuni_error *err)
{
    const joint_pass *pass = c->x->request->pass;
    bcf1_t *record = c->record;
    int64_t chunk = record->pos / KUNI_EVIDENCE_CHUNK_BP;
    kuni_status status = chunk == c->chunk ? KUNI_OK : flush(c, err);
    c->chunk = chunk;
    if (!status && c->x->kind != JOINT_EXPORT_SITES) status = choose_formats(c, err);
    if (!status && c->x->kind == JOINT_EXPORT_PLINK) status = name_record(c, err);
    if (!status && pass)
        status = pass->record(pass->context, c->header, c->passed, c->record, &record, err);
    if (status || !record) return status;
    return bcf_write(c->to, c->passed ? c->passed : c->header, record) < 0
               ? kuni_fail_errno(err, "cannot write %s", c->out)
               : KUNI_OK;
}

/* 0, -1 at the end; below: damaged. */
static int next(kuni_copying *c, hts_itr_t *places)
{
    if (c->numbers) {
        int got = bcf_itr_next(c->from, places, c->record);
        return got < -1 ? got : got < 0 ? -1 : 0;
    }
    int got = tbx_itr_next(c->from, c->names, places, &c->line);
    if (got < 0) return got;
    return vcf_parse(&c->line, c->header, c->record) < 0 ? -2 : 0;
}

kuni_status kuni_copying_span(kuni_copying *c, kuni_span span, kuni_error *err)
{
    const char *contig = kuni_genome_contig(c->x->run->genome, span.tid)->name;
    int tid = c->numbers ? bcf_hdr_name2id(c->header, contig) : tbx_name2id(c->names, contig);
    hts_itr_t *places = NULL;
    kuni_status status = KUNI_OK;
    int got = -1;
    if (c->numbers && tid < 0) return damaged(c, err);
    if (tid >= 0) {
        places = c->numbers ? bcf_itr_queryi(c->numbers, tid, span.beg, span.end)
                            : tbx_itr_queryi(c->names, tid, span.beg, span.end);
        if (!places) return damaged(c, err);
        got = 0;
    }
    c->chunk = span.beg / KUNI_EVIDENCE_CHUNK_BP;
    while (!status && got == 0 && (got = next(c, places)) == 0) {
        if (c->record->pos >= span.end) break;
        if (c->record->pos >= span.beg) status = write_record(c, err);
    }
    if (places) hts_itr_destroy(places);
    if (!status && got < -1) status = damaged(c, err);
    return status ? status : flush(c, err);
}

bool kuni_copying_has_local(const kuni_copying *c)
{
    return c->has_local;
}

void kuni_copying_abandon(kuni_copying *c)
{
    if (!c) return;
    if (c->to) (void)hts_close(c->to);
    if (c->from) (void)hts_close(c->from);
    if (c->numbers) hts_idx_destroy(c->numbers);
    if (c->names) tbx_destroy(c->names);
    if (c->header) bcf_hdr_destroy(c->header);
    if (c->passed) bcf_hdr_destroy(c->passed);
    if (c->record) bcf_destroy(c->record);
    ks_free(&c->line);
    kuni_buffer_fini(&c->formats);
    free(c->out);
    free(c->mode);
    free(c->index);
    free(c);
}

kuni_status kuni_copying_finish(kuni_copying *c, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    if (c->index && bcf_idx_save(c->to) < 0)
        status = kuni_fail(err, KUNI_IO, "cannot write %s", c->index);
    int closed = hts_close(c->to);
    c->to = NULL;
    if (!status && closed < 0) status = kuni_fail_errno(err, "cannot write %s", c->out);
    kuni_copying_abandon(c);
    return status;
}
