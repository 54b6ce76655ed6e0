/* SPDX-License-Identifier: MIT */
#include "preflight.h"

#include <errno.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <htslib/vcf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/reads.h"
#include "reads_pass.h"
#include "regular.h"
#include "sample_names.h"
#include "variants_index.h"

/* A BAM, CRAM or BGZF file ends with a fixed block: a copy that was cut off lacks it. */
static kuni_status check_end(htsFile *file, const kuni_sample *sample, kuni_error *err)
{
    errno = 0;
    int whole = hts_check_EOF(file); /* 1 present, 0 absent, 2 not seekable, 3 format has none */
    int code = errno;
    if (whole <= 0 && kuni_file_is_out_of_reach(sample->reads, &code)) {
        errno = code;
        return kuni_fail_errno(err, "%s: cannot read %s", sample->id, sample->reads);
    }
    if (whole <= 0)
        return kuni_fail(err, KUNI_DATA,
                         "%s: %s is truncated: its end-of-file marker is missing: copy it again",
                         sample->id, sample->reads);
    return KUNI_OK;
}

/* The name that the read groups give (SM); left empty where none does. One file, one sample. */
static kuni_status find_name(kuni_reads *reads, const kuni_sample *sample, kstring_t *name,
                             kuni_error *err)
{
    sam_hdr_t *header = kuni_reads_header(reads);
    kstring_t sm = KS_INITIALIZE;
    kuni_status status = KUNI_OK;
    int n = sam_hdr_count_lines(header, "RG");
    for (int i = 0; i < n && !status; i++) {
        if (sam_hdr_find_tag_pos(header, "RG", i, "SM", &sm) != 0) continue;
        if (name->l == 0)
            status = kputs(ks_str(&sm), name) < 0 ? kuni_fail_memory(err, 1, sm.l) : KUNI_OK;
        else if (strcmp(ks_str(name), ks_str(&sm)) != 0)
            status =
                kuni_fail(err, KUNI_DATA,
                          "%s: %s holds reads of several samples (read groups of '%s' and "
                          "'%s'): split it into a file a sample, or give its read groups one SM",
                          sample->id, sample->reads, ks_str(name), ks_str(&sm));
    }
    ks_free(&sm);
    return status;
}

/* --- lengths --- */

enum { PLACES = 8, READS_A_PLACE = 250 }; /* looked at; of whole files all reads are of one kind */

typedef struct lengths {
    int64_t bases, bases_of_long, longest;
} lengths;

/* From a base of the regions, counted from their start, to the end of its contig. */
static kuni_span from_place(const kuni_task *task, size_t n_places, int64_t offset)
{
    for (size_t i = 0; i < n_places; i++) {
        kuni_span span = task->shards[i];
        int64_t bp = span.end - span.beg;
        if (offset < bp)
            return (kuni_span){span.tid, span.beg + offset,
                               kuni_genome_contig(task->genome, span.tid)->length_bp};
        offset -= bp;
    }
    return (kuni_span){.tid = -1};
}

static kuni_status measure_reads(kuni_reads *reads, kuni_span span, lengths *found, kuni_error *err)
{
    const uint16_t other = BAM_FUNMAP | BAM_FSECONDARY | BAM_FSUPPLEMENTARY;
    kuni_status status = kuni_reads_seek(reads, span, err);
    for (int n = 0; n < READS_A_PLACE && !status;) {
        bam1_t *record;
        status = kuni_reads_next(reads, &record, err);
        if (status || !record) break;
        if (record->core.flag & other) continue;
        int64_t bases = bam_cigar2qlen((int)record->core.n_cigar, bam_get_cigar(record));
        n++;
        found->bases += bases;
        if (bases > KUNI_READ_BASES_MOST) found->bases_of_long += bases;
        if (bases > found->longest) found->longest = bases;
    }
    return status;
}

/* The places follow from the regions and not from their shards. */
static kuni_status check_lengths(const kuni_task *task, size_t n_places, const kuni_sample *sample,
                                 kuni_reads *reads, kuni_error *err)
{
    lengths found = {0};
    int64_t total = 0;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n_places; i++) total += task->shards[i].end - task->shards[i].beg;
    for (int i = 0; i < PLACES && !status; i++) {
        kuni_span span = from_place(task, n_places, total / PLACES * i + total / PLACES / 2);
        if (span.tid >= 0) status = measure_reads(reads, span, &found, err);
    }
    if (status || found.bases_of_long * 2 <= found.bases) return status;
    return kuni_fail(err, KUNI_DATA,
                     "%s: %s holds long reads, of up to %" PRId64 " bases: kuni calls short ones, "
                     "of up to %d",
                     sample->id, sample->reads, found.longest, (int)KUNI_READ_BASES_MOST);
}

static kuni_status check_reads(const kuni_task *task, const kuni_sample *sample, kstring_t *name,
                               kuni_error *err)
{
    size_t n_places = task->n_shards;
    if (n_places && task->shards[n_places - 1].tid < 0) n_places--;
    kuni_reads *reads = NULL;
    kuni_status status = kuni_reads_open(&reads, sample, task->genome, task->shards, n_places,
                                         SAM_QNAME | SAM_FLAG | SAM_CIGAR, err);
    if (!status) status = find_name(reads, sample, name, err);
    if (!status) status = kuni_reads_check_index(reads, err);
    if (!status) status = check_lengths(task, n_places, sample, reads, err);
    kuni_reads_close(reads);
    if (status) return status;
    htsFile *file = hts_open(sample->reads, "r");
    if (!file) return kuni_fail_errno(err, "%s: cannot open %s", sample->id, sample->reads);
    status = check_end(file, sample, err);
    if (hts_close(file) != 0 && !status)
        status = kuni_fail(err, KUNI_IO, "%s: cannot read %s", sample->id, sample->reads);
    return status;
}

static kuni_status check_contigs(const kuni_task *task, const kuni_sample *sample,
                                 const bcf_hdr_t *header, kuni_error *err)
{
    int known = 0, named = 0;
    int64_t known_bp = 0, named_bp = 0, ours_bp = 0, all_bp = 0;
    for (int i = 0; i < header->n[BCF_DT_CTG]; i++) {
        const char *name = header->id[BCF_DT_CTG][i].key;
        if (!name) continue; /* IDX tags may leave numbers without a contig */
        named++;
        uint64_t said = header->id[BCF_DT_CTG][i].val ? header->id[BCF_DT_CTG][i].val->info[0] : 0;
        named_bp += (int64_t)said;
        int32_t tid = kuni_genome_find(task->genome, name);
        if (tid < 0) continue;
        known++;
        known_bp += (int64_t)said;
        int64_t length = kuni_genome_contig(task->genome, tid)->length_bp;
        if (said && (int64_t)said != length)
            return kuni_fail(err, KUNI_DATA,
                             "%s: %s was made for another reference: contig %s has %" PRIu64
                             " bp there, %" PRId64 " in %s",
                             sample->id, sample->reads, name, said, length,
                             kuni_genome_path(task->genome));
    }
    if (known == 0 && named > 0) /* a header need not name them */
        return kuni_fail(err, KUNI_DATA, "%s: %s shares no contig with the reference %s",
                         sample->id, sample->reads, kuni_genome_path(task->genome));
    for (size_t i = 0; i < task->n_shards; i++) {
        kuni_span shard = task->shards[i];
        if (shard.tid < 0) continue;
        all_bp += shard.end - shard.beg;
        if (bcf_hdr_name2id(header, kuni_genome_contig(task->genome, shard.tid)->name) >= 0)
            ours_bp += shard.end - shard.beg;
    }
    /* A decoy of the same name is no common reference. */
    if (named > 0 && (ours_bp == 0 || (2 * ours_bp < all_bp && 2 * known_bp < named_bp)))
        return kuni_fail(err, KUNI_DATA,
                         "%s: %s names %d contigs that the reference %s has, and %d that it has "
                         "not; of what this run processes it names %d %%: rename its contigs with "
                         "`bcftools annotate --rename-chrs`",
                         sample->id, sample->reads, known, kuni_genome_path(task->genome),
                         named - known, all_bp > 0 ? (int)(100 * ours_bp / all_bp) : 0);
    return KUNI_OK;
}

/* A VCF of several samples, or named for several: the sample must be one of its columns. */
static kuni_status check_column(const kuni_sample *sample, const bcf_hdr_t *header, kuni_error *err)
{
    int n = bcf_hdr_nsamples(header);
    const char *name = sample->name_in_file ? sample->name_in_file : sample->id;
    if (n < 1) return kuni_fail(err, KUNI_DATA, "%s: %s has no sample", sample->id, sample->reads);
    if ((n > 1 || sample->shares_reads) && bcf_hdr_id2int(header, BCF_DT_SAMPLE, name) < 0)
        return kuni_fail(err, KUNI_DATA, "%s: none of the %d samples of %s has the name %s",
                         sample->id, n, sample->reads, name);
    return KUNI_OK;
}

static kuni_status check_variants(const kuni_task *task, const kuni_sample *sample, kstring_t *name,
                                  kuni_error *err)
{
    kuni_status status = KUNI_OK;
    htsFile *file = hts_open(sample->reads, "r");
    if (!file) return kuni_fail_errno(err, "%s: cannot open %s", sample->id, sample->reads);
    errno = 0;
    bcf_hdr_t *header = bcf_hdr_read(file);
    int code = errno;
    if (!header && kuni_file_is_out_of_reach(sample->reads, &code)) {
        errno = code;
        status = kuni_fail_errno(err, "%s: cannot read %s", sample->id, sample->reads);
    } else if (!header) {
        status =
            kuni_fail(err, KUNI_DATA, "%s: %s has no VCF header, or one that bcftools refuses, too",
                      sample->id, sample->reads);
    }
    if (!status) status = check_contigs(task, sample, header, err);
    if (!status) status = check_column(sample, header, err);
    const char *own = status                          ? NULL
                      : bcf_hdr_nsamples(header) == 1 ? header->samples[0]
                                                      : sample->name_in_file;
    if (own && kputs(own, name) < 0) status = kuni_fail_memory(err, 1, strlen(own));
    if (!status) status = check_end(file, sample, err);
    if (header) bcf_hdr_destroy(header);
    if (hts_close(file) != 0 && !status)
        status = kuni_fail(err, KUNI_IO, "%s: cannot read %s", sample->id, sample->reads);
    return status ? status : kuni_variants_index_check(task, sample, err);
}

kuni_status kuni_preflight_check(const kuni_task *task, const kuni_sample *sample, char **name,
                                 kuni_error *err)
{
    if (name) *name = NULL;
    if (!sample->reads) return KUNI_OK; /* withdrawn */
    if (!strstr(sample->reads, "://") && access(sample->reads, R_OK) != 0)
        return kuni_fail_errno(err, "%s: cannot read %s", sample->id, sample->reads);
    const char *const files[] = {sample->reads, sample->index};
    for (size_t i = 0; i < 2; i++)
        if (files[i] && kuni_odd_file(files[i]))
            return kuni_fail(err, KUNI_IO, "%s: %s is %s: expected a file", sample->id, files[i],
                             kuni_odd_file(files[i]));
    kstring_t found = KS_INITIALIZE;
    kuni_status status = kuni_sample_feed(sample) == KUNI_FEED_GVCF
                             ? check_variants(task, sample, &found, err)
                             : check_reads(task, sample, &found, err);
    if (name && !status && found.l)
        *name = ks_release(&found);
    else
        ks_free(&found);
    return status;
}

bool kuni_preflight_is_of_one(const kuni_sample *sample)
{
    htsFile *file = hts_open(sample->reads, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    bool one = !header || bcf_hdr_nsamples(header) == 1;
    if (header) bcf_hdr_destroy(header);
    if (file) (void)hts_close(file);
    return one;
}

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    const kuni_batch *batch = &task->batches[task->batch];
    kuni_file *out = NULL;
    kuni_sample_names names = {.samples = task->samples, .n = task->n_samples};
    kuni_status status = kuni_genome_reopen(task->genome, err);
    if (!status) status = kuni_file_create(&out, kuni_task_output(task, "faults"), err);
    for (size_t i = batch->first; i < batch->first + batch->n_samples && !status; i++) {
        kuni_error fault = KUNI_ERROR_INIT;
        char *name = NULL;
        kuni_status bad = kuni_preflight_in_time(task, &task->samples[i], &name, &fault);
        if (!bad && task->samples[i].reads)
            bad = kuni_sample_names_check(&names, &task->samples[i], name, NULL, &fault);
        free(name);
        if (bad == KUNI_MEMORY || bad == KUNI_BUG)
            status = kuni_fail(err, bad, "%s", fault.text);
        else if (bad)
            status = kuni_file_printf(out, err, "%zu\t%d\t%s\n", i, (int)bad, fault.text);
        if (task->heartbeat) task->heartbeat((int64_t)(i - batch->first + 1));
    }
    kuni_sample_names_fini(&names);
    if (!status) return kuni_file_commit(out, err);
    kuni_file_discard(out);
    return status;
}

static const kuni_port outputs[] = {{.kind = "faults", .extension = "tsv"}, {.kind = NULL}};
static const kuni_step steps[] = {
    {.name = "", .scatter = KUNI_SCATTER_BATCH, .outputs = outputs, .run = run}};

const kuni_stage kuni_preflight_stage = {.name = "preflight",
                                         .summary = "opens and checks every sample's file",
                                         .version = 5,
                                         .steps = steps,
                                         .n_steps = 1};
