/* SPDX-License-Identifier: MIT */
/*
 * What is known of the cohort: the phased truth and where it holds, and the papers that make the
 * folder a cohort that `kuni run` takes: manifest, pedigree, workflow.
 */
#include <htslib/hts.h>
#include <htslib/vcf.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/version.h"
#include "model.h"

typedef struct vcf_output {
    sim_world *world;
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    int32_t *genotypes;
    size_t *cursors; /* next allele of each haplotype */
    kuni_buffer alleles;
    int32_t *counts;
    size_t counts_capacity;
    const char *path;
} vcf_output;

static kuni_status write_header(vcf_output *v, kuni_error *err)
{
    sim_world *world = v->world;
    int failed = 0;
    bcf_hdr_t *h = v->header = bcf_hdr_init("w");
    if (!h) return kuni_fail_memory(err, 1, sizeof(*h));
    failed |= bcf_hdr_append(h, "##source=kuni simulate " KUNI_VERSION);
    failed |= bcf_hdr_append(
        h, "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"Copies of each ALT\">");
    failed |=
        bcf_hdr_append(h, "##INFO=<ID=AN,Number=1,Type=Integer,Description=\"Copies in all\">");
    failed |= bcf_hdr_append(
        h, "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"True genotype, phased by "
           "origin: mother|father\">");
    for (int32_t tid = 0; tid < kuni_genome_contig_count(world->genome) && !failed; tid++) {
        const kuni_contig *contig = kuni_genome_contig(world->genome, tid);
        failed |= bcf_hdr_printf(h, "##contig=<ID=%s,length=%lld>", contig->name,
                                 (long long)contig->length_bp);
    }
    for (uint32_t i = 0; i < world->options->n_samples && !failed; i++)
        failed |= bcf_hdr_add_sample(h, world->people[i].id);
    if (failed || bcf_hdr_sync(h) < 0) return kuni_fail_memory(err, 1, sizeof(*h));
    if (bcf_hdr_write(v->file, h) < 0)
        return kuni_fail_errno(err, "cannot write the truth: %s: check free space", v->path);
    return KUNI_OK;
}

/* REF and ALTs of alleles [first, last) of one position, over the longest REF. */
static kuni_status join_alleles(vcf_output *v, const sim_region *region, size_t first, size_t last,
                                const char *seq, kuni_error *err)
{
    const char *ref = seq + (region->alleles[first].pos - region->span.beg);
    int32_t longest = 0;
    for (size_t i = first; i < last; i++)
        if (region->alleles[i].ref_len > longest) longest = region->alleles[i].ref_len;
    kuni_buffer_clear(&v->alleles);
    kuni_status status = kuni_buffer_printf(&v->alleles, err, "%.*s", longest, ref);
    for (size_t i = first; i < last && !status; i++) {
        const sim_allele *a = &region->alleles[i];
        status = kuni_buffer_printf(&v->alleles, err, ",%s%.*s", a->alt, longest - a->ref_len,
                                    ref + a->ref_len);
    }
    return status;
}

/* Genotypes of the position's alleles [first, last); returns the copies in all. */
static int32_t fill_genotypes(vcf_output *v, const sim_region *region, size_t first, size_t last)
{
    int32_t total = 0;
    int64_t pos = region->alleles[first].pos;
    memset(v->counts, 0, (last - first) * sizeof(*v->counts));
    for (uint32_t s = 0; s < v->world->options->n_samples; s++) {
        int64_t until;
        int copies = sim_copies(v->world, s, region->span.tid, pos, &until);
        int32_t *gt = v->genotypes + 2 * s;
        gt[0] = bcf_gt_missing;
        gt[1] = bcf_int32_vector_end;
        for (int h = 0; h < copies; h++) {
            const sim_haplotype *one = &region->haplotypes[2 * s + (uint32_t)h];
            size_t *at = &v->cursors[2 * s + (uint32_t)h];
            int32_t allele = 0;
            while (*at < one->n && one->alleles[*at] < first) (*at)++;
            if (*at < one->n && one->alleles[*at] < last)
                allele = (int32_t)(one->alleles[*at] - first) + 1;
            gt[h] = copies == 2 ? bcf_gt_phased(allele) : bcf_gt_unphased(allele);
            if (allele) v->counts[allele - 1]++;
            total++;
        }
    }
    return total;
}

static kuni_status write_region(vcf_output *v, const sim_region *region, const char *seq,
                                kuni_error *err)
{
    uint32_t n_samples = v->world->options->n_samples;
    memset(v->cursors, 0, 2 * (size_t)n_samples * sizeof(*v->cursors));
    for (size_t first = 0, last; first < region->n_alleles; first = last) {
        for (last = first + 1; last < region->n_alleles; last++)
            if (region->alleles[last].pos != region->alleles[first].pos) break;
        kuni_status status = kuni_grow((void **)&v->counts, &v->counts_capacity, last - first,
                                       sizeof(*v->counts), err);
        if (!status) status = join_alleles(v, region, first, last, seq, err);
        if (status) return status;
        bcf_clear(v->record);
        v->record->rid = region->span.tid;
        v->record->pos = region->alleles[first].pos;
        int32_t total = fill_genotypes(v, region, first, last);
        int failed = bcf_update_alleles_str(v->header, v->record, v->alleles.data) < 0;
        failed |=
            bcf_update_info_int32(v->header, v->record, "AC", v->counts, (int)(last - first)) < 0;
        failed |= bcf_update_info_int32(v->header, v->record, "AN", &total, 1) < 0;
        failed |=
            bcf_update_genotypes(v->header, v->record, v->genotypes, (int)(2 * n_samples)) < 0;
        if (failed) return kuni_fail_memory(err, 1, sizeof(bcf1_t));
        if (bcf_write(v->file, v->header, v->record) < 0)
            return kuni_fail_errno(err, "cannot write the truth: %s: check free space", v->path);
    }
    return KUNI_OK;
}

static kuni_status write_bed(kuni_file *bed, const char *contig, const sim_region *region,
                             const char *seq, kuni_error *err)
{
    int64_t length = region->span.end - region->span.beg;
    kuni_status status = KUNI_OK;
    for (int64_t i = 0; i < length && !status;) {
        int64_t j = i;
        while (j < length && (seq[j] == 'N') == (seq[i] == 'N')) j++;
        long long beg = region->span.beg + i, end = region->span.beg + j;
        if (seq[i] != 'N')
            status = kuni_file_printf(bed, err, "%s\t%lld\t%lld\n", contig, beg, end);
        i = j;
    }
    return status;
}

static kuni_status write_regions(vcf_output *v, kuni_file *bed, kuni_error *err)
{
    sim_world *world = v->world;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < world->n_regions && !status; i++) {
        const sim_region *region = &world->regions[i];
        char *seq = NULL;
        int64_t length;
        status = kuni_genome_fetch(world->genome, region->span, &seq, &length, err);
        if (!status) status = write_region(v, region, seq, err);
        if (!status)
            status = write_bed(bed, kuni_genome_contig(world->genome, region->span.tid)->name,
                               region, seq, err);
        free(seq);
    }
    return status;
}

static kuni_status index_vcf(const char *path, const char *index, bool long_contigs,
                             kuni_error *err)
{
    if (bcf_index_build3(path, index, long_contigs ? 14 : 0, 0) == 0) return KUNI_OK;
    return kuni_fail(err, KUNI_IO, "cannot index the truth: %s: check free space", path);
}

static bool has_long_contig(const kuni_genome *genome)
{
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome); tid++)
        if (kuni_genome_contig(genome, tid)->length_bp >= 1 << 29) return true;
    return false;
}

static kuni_status open_vcf(vcf_output *v, kuni_error *err)
{
    size_t n = v->world->options->n_samples;
    v->record = bcf_init();
    v->genotypes = kuni_alloc(2 * n, sizeof(*v->genotypes), err);
    v->cursors = kuni_alloc(2 * n, sizeof(*v->cursors), err);
    if (!v->record || !v->genotypes || !v->cursors)
        return kuni_fail_memory(err, 2 * n, sizeof(*v->cursors));
    v->file = hts_open(v->path, "wz");
    if (!v->file)
        return kuni_fail_errno(err, "cannot create the truth: %s: check the folder", v->path);
    return write_header(v, err);
}

kuni_status sim_truth_write(sim_world *world, kuni_error *err)
{
    const char *out = world->options->out;
    bool csi = has_long_contig(world->genome);
    vcf_output v = {.world = world};
    kuni_file *bed = NULL;
    char *bed_path = kuni_path_join(out, "truth.bed", err);
    char *path = kuni_path_join(out, "truth.vcf.gz", err),
         *temporary = kuni_path_join(out, ".truth.vcf.gz", err);
    char *index = kuni_path_join(out, csi ? "truth.vcf.gz.csi" : "truth.vcf.gz.tbi", err);
    kuni_status status = bed_path && path && temporary && index ? KUNI_OK : KUNI_MEMORY;
    if (status) goto fail;
    v.path = temporary;
    status = kuni_file_create(&bed, bed_path, err);
    if (!status) status = open_vcf(&v, err);
    if (!status) status = write_regions(&v, bed, err);
    if (status) goto fail;
    int failed = hts_close(v.file) < 0;
    v.file = NULL;
    if (failed)
        status = kuni_fail_errno(err, "cannot finish the truth: %s: check free space", temporary);
    if (!status) status = kuni_file_commit(bed, err), bed = NULL;
    if (!status) status = kuni_file_publish(temporary, path, err);
    if (!status) status = index_vcf(path, index, csi, err);
fail:
    kuni_file_discard(bed);
    if (v.file && hts_close(v.file) < 0) { /* the error stands already */
    }
    if (status && temporary) remove(temporary);
    if (v.header) bcf_hdr_destroy(v.header);
    if (v.record) bcf_destroy(v.record);
    free(v.genotypes);
    free(v.cursors);
    free(v.counts);
    kuni_buffer_fini(&v.alleles);
    free(bed_path);
    free(path);
    free(temporary);
    free(index);
    return status;
}

/* --- papers --- */

static const char *sex_name(kuni_sex sex)
{
    return sex == KUNI_SEX_MALE ? "male" : sex == KUNI_SEX_FEMALE ? "female" : "unknown";
}

static kuni_status put(const sim_world *world, const char *name, kuni_buffer *text, kuni_error *err)
{
    char *path = kuni_path_join(world->options->out, name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = kuni_file_put(path, text->data, text->length, err);
    kuni_buffer_clear(text);
    free(path);
    return status;
}

static kuni_status write_manifest(const sim_world *world, kuni_buffer *text, kuni_error *err)
{
    const char *kind = world->options->bam ? "bam" : "cram",
               *index = world->options->bam ? "csi" : "crai";
    kuni_status status =
        kuni_buffer_printf(text, err, "participant_id\tsample_id\tsex\treads\tindex\tsite\n");
    for (uint32_t i = 0; i < world->options->n_samples && !status; i++) {
        const sim_person *one = &world->people[i];
        status = kuni_buffer_printf(text, err, "P%s\t%s\t%s\treads/%s.%s\treads/%s.%s.%s\tlab%u\n",
                                    one->id + 1, one->id, sex_name(one->sex), one->id, kind,
                                    one->id, kind, index, i % 3 + 1);
    }
    return status ? status : put(world, "manifest.tsv", text, err);
}

static kuni_status write_pedigree(const sim_world *world, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (uint32_t i = 0; i < world->options->n_samples && !status; i++) {
        const sim_person *one = &world->people[i];
        bool trio = i < 3 * world->options->n_trios;
        status = kuni_buffer_printf(
            text, err, "F%06u\t%s\t%s\t%s\t%d\t0\n", trio ? i / 3 + 1 : i + 1, one->id,
            one->father < 0 ? "0" : world->people[one->father].id,
            one->mother < 0 ? "0" : world->people[one->mother].id, (int)one->sex);
    }
    return status ? status : put(world, "pedigree.ped", text, err);
}

static kuni_status write_samples(const sim_world *world, kuni_buffer *text, kuni_error *err)
{
    kuni_status status =
        kuni_buffer_printf(text, err, "sample_id\tsex\tdepth\tcontamination\tcontaminant\n");
    for (uint32_t i = 0; i < world->options->n_samples && !status; i++) {
        const sim_person *one = &world->people[i];
        bool foreign = one->contamination > 0.0;
        status = kuni_buffer_printf(text, err, "%s\t%s\t%.2f\t%.4f\t%s\n", one->id,
                                    sex_name(one->sex), one->depth, one->contamination,
                                    foreign ? world->people[(i + 1) % world->options->n_samples].id
                                            : "");
    }
    return status ? status : put(world, "truth.samples.tsv", text, err);
}

/* About 16 shards, in steps of 10 kb, 5 Mb at most. */
static int64_t shard_length(const sim_world *world)
{
    int64_t sum = 0;
    for (size_t i = 0; i < world->n_regions; i++)
        sum += world->regions[i].span.end - world->regions[i].span.beg;
    int64_t shard = (sum / 16 / 10000 + 1) * 10000;
    return shard > 5000000 ? 5000000 : shard;
}

static kuni_status write_workflow(const sim_world *world, kuni_buffer *text, kuni_error *err)
{
    const kuni_simulate_options *o = world->options;
    const char *reference = o->reference ? world->reference : "reference.fa";
    const char *ploidy = o->reference ? o->ploidy : "ploidy.bed";
    kuni_status status =
        kuni_buffer_printf(text, err,
                           "# kuni run workflow.yaml, or mpirun -n 4 kuni run workflow.yaml\n"
                           "version: 1\nname: simulated\nreference: %s\ncohort: manifest.tsv\n"
                           "pedigree: pedigree.ped\ndataset: dataset\nregions:\n  contigs: [",
                           reference);
    for (size_t i = 0; i < world->n_regions && !status; i++) {
        kuni_span span = world->regions[i].span;
        const kuni_contig *contig = kuni_genome_contig(world->genome, span.tid);
        bool whole = span.beg == 0 && span.end == contig->length_bp;
        status = kuni_buffer_printf(text, err, "%s\"%s", i ? ", " : "", contig->name);
        if (!status && !whole)
            status = kuni_buffer_printf(text, err, ":%lld-%lld", (long long)span.beg + 1,
                                        (long long)span.end);
        if (!status) status = kuni_buffer_append(text, "\"", 1, err);
    }
    if (!status)
        status = kuni_buffer_printf(text, err,
                                    "]\n  shard: %lldkb\n  ploidy: %s\nstages:\n"
                                    "  - id: call\n    uses: call-variants\n"
                                    "  - id: qc\n    uses: alignment-qc\n    needs: [call]\n"
                                    "  - id: joint\n    uses: joint-genotype\n    needs: [call]\n"
                                    "  - id: national\n    uses: merge\n    needs: [qc, joint]\n",
                                    (long long)shard_length(world) / 1000, ploidy);
    return status ? status : put(world, "workflow.yaml", text, err);
}

kuni_status sim_papers_write(sim_world *world, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = write_samples(world, &text, err);
    if (!status) status = write_pedigree(world, &text, err);
    if (!status && !world->options->no_reads) status = write_manifest(world, &text, err);
    if (!status && !world->options->no_reads) status = write_workflow(world, &text, err);
    kuni_buffer_fini(&text);
    return status;
}
