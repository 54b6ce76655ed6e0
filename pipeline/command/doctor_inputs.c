/* SPDX-License-Identifier: MIT */
#include "doctor_inputs.h"

#include <errno.h>
#include <htslib/hts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"
#include "preflight.h"
#include "regions.h"
#include "sample_names.h"

/* --- reference and regions --- */

/* A table that fits no known assembly is no fault (it may be a part of one), but worth a look. */
static void check_build(kuni_doctor *doctor)
{
    const char *said = doctor->workflow->ploidy, *is = kuni_genome_assembly(doctor->genome);
    int32_t tid = -1;
    for (int32_t i = kuni_genome_contig_count(doctor->genome); i-- > 0;)
        if (kuni_human_chromosome(kuni_genome_contig(doctor->genome, i)->name) == KUNI_HUMAN_X)
            tid = i;
    if (tid < 0 || said[0] == '/') return;
    const kuni_contig *x = kuni_genome_contig(doctor->genome, tid);
    if (is && strcmp(said, "diploid") == 0)
        kuni_doctor_row(
            doctor, KUNI_WARN, "ploidy",
            "regions.ploidy is diploid and the reference is %s: males get two copies of X", is);
    if (!is && strcmp(said, "diploid") != 0)
        kuni_doctor_row(
            doctor, KUNI_FAIL, "ploidy",
            "regions.ploidy is %s, and %s of the reference, with %lld bp, is not that of "
            "%s nor of any known assembly: give a BED file with its sex chromosomes",
            said, x->name, (long long)x->length_bp, said);
}

static void check_ploidy(kuni_doctor *doctor)
{
    kuni_ploidy *ploidy = NULL;
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_workflow_ploidy(&ploidy, doctor->workflow, doctor->genome, &err))
        kuni_doctor_row(doctor, KUNI_FAIL, "ploidy", "%s", err.text);
    else
        check_build(doctor);
    kuni_ploidy_close(ploidy);
}

static kuni_status choose(const kuni_doctor *doctor, kuni_regions *regions, kuni_error *err)
{
    const kuni_workflow *w = doctor->workflow;
    kuni_regions bed = {.n_spans = 0};
    kuni_status status =
        kuni_regions_choose(regions, w->contigs, w->n_contigs, doctor->genome, err);
    if (!status && w->region_bed) {
        status = kuni_regions_read_bed(&bed, w->region_bed, doctor->genome, false, err);
        if (!status) status = kuni_regions_intersect(regions, &bed, err);
    }
    kuni_regions_fini(&bed);
    bed = (kuni_regions){.n_spans = 0};
    if (!status && w->exclude_bed) {
        status = kuni_regions_read_bed(&bed, w->exclude_bed, doctor->genome, true, err);
        if (!status) status = kuni_regions_subtract(regions, &bed, err);
    }
    kuni_regions_fini(&bed);
    return status;
}

/* Of an assembly's alternates and decoys nearly all; few are ever asked for. */
static void tell_of_small_contigs(kuni_doctor *doctor)
{
    enum { MANY = 200, SMALL_SHARE = 20, FEW = 8 };
    size_t n = 0;
    for (size_t i = 0; i < doctor->n_spans; i++) {
        const kuni_span *s = &doctor->spans[i];
        int64_t bp = s->end - s->beg;
        n += bp == kuni_genome_contig(doctor->genome, s->tid)->length_bp &&
             bp <= doctor->workflow->shard_bp / SMALL_SHARE;
    }
    if (n < MANY) return;
    if (doctor->workflow->bundle >= FEW)
        kuni_doctor_row(doctor, KUNI_PASS, "regions",
                        "%zu of the pieces are small contigs: up to %lld next to each other share "
                        "tasks and files (regions.bundle), which makes %zu shards; where they are "
                        "not wanted, name in regions.contigs those that are",
                        n, (long long)doctor->workflow->bundle, doctor->n_shards);
    else
        kuni_doctor_row(doctor, KUNI_WARN, "regions",
                        "%zu of the %zu shards are small contigs, and with regions.bundle %lld "
                        "each has nearly as many files as a long one: raise it (64), or name in "
                        "regions.contigs those that are wanted",
                        n, doctor->n_shards, (long long)doctor->workflow->bundle);
}

/* How many shards come of the spans. */
static kuni_status count_shards(kuni_doctor *doctor, kuni_error *err)
{
    const kuni_workflow *w = doctor->workflow;
    kuni_plan_shard *shards = kuni_alloc(doctor->n_spans + 1, sizeof(*shards), err);
    if (!shards) return KUNI_MEMORY;
    doctor->n_shards =
        kuni_plan_bundle(doctor->spans, doctor->n_spans, w->shard_bp, w->bundle, shards);
    free(shards);
    return KUNI_OK;
}

static void check_regions(kuni_doctor *doctor)
{
    kuni_regions regions = {.n_spans = 0};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = choose(doctor, &regions, &err);
    if (!status)
        status = kuni_regions_cut(&regions, doctor->workflow->shard_bp, &doctor->spans,
                                  &doctor->n_spans, &err);
    kuni_regions_fini(&regions);
    if (!status) status = count_shards(doctor, &err);
    for (size_t i = 0; i < doctor->n_spans; i++)
        doctor->length_bp += doctor->spans[i].end - doctor->spans[i].beg;
    if (status)
        kuni_doctor_row(doctor, KUNI_FAIL, "regions", "%s", err.text);
    else if (!doctor->n_spans)
        kuni_doctor_row(doctor, KUNI_FAIL, "regions",
                        "nothing is left to process: look at regions.include and regions.exclude");
    else
        kuni_doctor_row(doctor, KUNI_PASS, "regions", "%.3f Mb in %zu shard%s",
                        (double)doctor->length_bp / 1e6, doctor->n_shards,
                        doctor->n_shards == 1 ? "" : "s");
    tell_of_small_contigs(doctor);
}

void kuni_doctor_reference(kuni_doctor *doctor)
{
    const char *path = doctor->workflow->reference;
    if (!path || access(path, R_OK) != 0) return; /* a fault of the workflow */
    kuni_error err = KUNI_ERROR_INIT;
    if (kuni_genome_open(&doctor->genome, path, &err)) {
        doctor->genome = NULL;
        kuni_doctor_row(doctor, KUNI_FAIL, "reference", "%s", err.text);
        return;
    }
    kuni_doctor_row(doctor, KUNI_PASS, "reference", "%s: %d contig%s", path,
                    kuni_genome_contig_count(doctor->genome),
                    kuni_genome_contig_count(doctor->genome) == 1 ? "" : "s");
    check_regions(doctor);
    check_ploidy(doctor);
}

/* --- samples --- */

/* Computed once here, before the children that look at samples are forked. */
static bool find_md5s(kuni_doctor *doctor)
{
    kuni_error err = KUNI_ERROR_INIT;
    char hex[33];
    for (size_t i = 0; i < doctor->n_spans; i++)
        if (kuni_genome_md5(doctor->genome, doctor->spans[i].tid, hex, &err)) {
            kuni_doctor_row(doctor, KUNI_FAIL, "reference", "%s", err.text);
            return false;
        }
    return true;
}

static kuni_status check_md5(const kuni_sample *sample, kuni_error *err)
{
    enum { BLOCK_BYTES = 1 << 20 };
    char *block = kuni_alloc(BLOCK_BYTES, 1, err), hex[33];
    FILE *file = fopen(sample->reads, "rbe");
    hts_md5_context *md5 = hts_md5_init();
    kuni_status status = KUNI_OK;
    if (!block || !md5) {
        status = kuni_fail_memory(err, 1, BLOCK_BYTES);
    } else if (!file) {
        status = kuni_fail_errno(err, "%s: cannot open %s", sample->id, sample->reads);
    } else {
        unsigned char digest[16];
        size_t got;
        do {
            got = fread(block, 1, BLOCK_BYTES, file);
            hts_md5_update(md5, block, (unsigned long)got);
        } while (got == BLOCK_BYTES);
        hts_md5_final(digest, md5);
        hts_md5_hex(hex, digest);
        if (ferror(file))
            status = kuni_fail_errno(err, "%s: cannot read %s", sample->id, sample->reads);
        else if (strcasecmp(hex, sample->md5) != 0)
            status = kuni_fail(err, KUNI_DATA,
                               "%s: %s has MD5 %s, the manifest says %s: copy the file again",
                               sample->id, sample->reads, hex, sample->md5);
    }
    if (md5) hts_md5_destroy(md5);
    if (file) (void)fclose(file);
    free(block);
    return status;
}

/*
 * The index is older than what it indexes: usual after a file was replaced and its index was not.
 */
static bool index_is_stale(const kuni_sample *sample)
{
    static const char *const endings[] = {".crai", ".bai", ".csi", ".tbi"};
    struct stat reads, index;
    if (stat(sample->reads, &reads) != 0) return false;
    char path[4096];
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", sample->index ? sample->index : sample->reads,
                 sample->index ? "" : endings[i]);
        if (stat(path, &index) == 0) return index.st_mtime < reads.st_mtime;
    }
    return false;
}

/*
 * A child: samples `first`, first + jobs, ...; a line a finding, "F number text" or "W number
 * text"; "N number name" where the file gives the sample another name; and before each sample
 * "L number", so that a crash can be laid to its sample.
 */
static void examine_samples(const kuni_doctor *doctor, size_t first, FILE *out)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_task task = {.genome = doctor->genome,
                      .shards = doctor->spans,
                      .n_shards = doctor->n_spans,
                      .shard = -1,
                      .batch = -1};
    if (kuni_genome_reopen(doctor->genome, &err)) {
        fprintf(out, "F\t%zu\t%s\n", first, err.text);
        return;
    }
    for (size_t i = first; i < doctor->cohort->n_samples; i += (size_t)doctor->jobs) {
        const kuni_sample *sample = &doctor->cohort->samples[i];
        /* Those of sealed batches may be archived. */
        if (!sample->reads || doctor->cohort->people[i].bytes >= 0) continue;
        fprintf(out, "L\t%zu\n", i);
        (void)fflush(out); /* a crash must not take the line with it */
        kuni_error_clear(&err);
        char *name = NULL;
        kuni_status status = kuni_preflight_in_time(&task, sample, &name, &err);
        if (!status && doctor->md5 && sample->md5) status = check_md5(sample, &err);
        if (status)
            fprintf(out, "F\t%zu\t%s\n", i, err.text);
        else if (index_is_stale(sample))
            fprintf(out, "W\t%zu\t%s: the index of %s is older than the file: make it again\n", i,
                    sample->id, sample->reads);
        if (!status) fprintf(out, "N\t%zu\t%s\n", i, name ? name : "");
        free(name);
    }
}

enum { OTHER_NAME = KUNI_FAIL + 1 }; /* a finding of which the text is the name in the file */

typedef struct finding {
    size_t sample;
    int what;
    char *text;
} finding;

typedef struct findings {
    finding *list;
    size_t n, capacity;
} findings;

static int compare_findings(const void *a, const void *b)
{
    const finding *x = a, *y = b;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static kuni_status add_finding(findings *all, size_t sample, int what, const char *text,
                               kuni_error *err)
{
    void *list = all->list;
    if (kuni_grow(&list, &all->capacity, all->n + 1, sizeof(finding), err)) return KUNI_MEMORY;
    all->list = list;
    char *kept = kuni_strdup(text, err);
    if (!kept) return KUNI_MEMORY;
    all->list[all->n++] = (finding){.sample = sample, .what = what, .text = kept};
    return KUNI_OK;
}

/*
 * Takes over what a child wrote; *last becomes the sample it looked at last, SIZE_MAX where none.
 */
static kuni_status collect(findings *all, FILE *from, size_t *last, kuni_error *err)
{
    char *line = NULL;
    size_t size = 0;
    kuni_status status = KUNI_OK;
    if (fseek(from, 0, SEEK_SET) != 0) status = kuni_fail_errno(err, "cannot read what was found");
    while (!status && getline(&line, &size, from) > 0) {
        char *rest = line + 1;
        size_t sample = strtoull(rest, &rest, 10);
        rest[strcspn(rest, "\n")] = '\0';
        if (*line == 'L')
            *last = sample;
        else if (*rest == '\t')
            status = add_finding(all, sample,
                                 *line == 'F'   ? KUNI_FAIL
                                 : *line == 'N' ? OTHER_NAME
                                                : KUNI_WARN,
                                 rest + 1, err);
    }
    free(line);
    return status;
}

typedef struct job {
    pid_t pid;
    FILE *file;
    size_t first;
} job;

static kuni_status start(const kuni_doctor *doctor, job *one, kuni_error *err)
{
    if (!(one->file = tmpfile())) return kuni_fail_errno(err, "temporary file");
    one->pid = fork();
    if (one->pid == 0) {
        examine_samples(doctor, one->first, one->file);
        _exit(fflush(one->file) == 0 ? 0 : 1);
    }
    return one->pid > 0 ? KUNI_OK : kuni_fail_errno(err, "fork");
}

/*
 * Waits for a child; where it crashed, that is laid to the sample it looked at, and another goes on
 * after that.
 */
static kuni_status finish(const kuni_doctor *doctor, job *one, findings *all, kuni_error *err)
{
    for (;;) {
        int wait_status = 0;
        while (waitpid(one->pid, &wait_status, 0) < 0 && errno == EINTR) continue;
        one->pid = 0;
        size_t last = SIZE_MAX;
        kuni_status status = collect(all, one->file, &last, err);
        if (status || wait_status == 0) return status;
        if (last == SIZE_MAX) return kuni_fail(err, KUNI_BUG, "looking at samples' files crashed");
        char text[512];
        snprintf(text, sizeof(text), "%s: looking at %.300s crashed: report it",
                 doctor->cohort->samples[last].id, doctor->cohort->samples[last].reads);
        if (add_finding(all, last, KUNI_FAIL, text, err)) return KUNI_MEMORY;
        one->first = last + (size_t)doctor->jobs;
        (void)fclose(one->file);
        one->file = NULL;
        if (one->first >= doctor->cohort->n_samples) return KUNI_OK;
        if ((status = start(doctor, one, err))) return status;
    }
}

/* Forks `jobs` children over the samples and gathers what they found, by sample. */
static kuni_status examine_all(const kuni_doctor *doctor, findings *all, kuni_error *err)
{
    size_t n_jobs = (size_t)doctor->jobs;
    job *jobs = kuni_alloc(n_jobs, sizeof(*jobs), err);
    if (!jobs) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    (void)fflush(stdout);
    for (size_t i = 0; i < n_jobs && !status; i++) {
        jobs[i].first = i;
        status = start(doctor, &jobs[i], err);
    }
    for (size_t i = 0; i < n_jobs; i++) {
        kuni_error after = KUNI_ERROR_INIT;
        kuni_status ended = jobs[i].pid > 0 ? finish(doctor, &jobs[i], all, &after) : KUNI_OK;
        if (ended && !status) status = kuni_fail(err, ended, "%s", after.text);
        if (jobs[i].file) (void)fclose(jobs[i].file);
    }
    free(jobs);
    if (all->n) qsort(all->list, all->n, sizeof(finding), compare_findings);
    return status;
}

/*
 * Names that files give their samples: that of another sample of the manifest is a swap until
 * shown otherwise; the rest are counted in one row. Returns how many swaps there are.
 */
static size_t compare_names(kuni_doctor *doctor, const findings *all)
{
    const kuni_cohort *cohort = doctor->cohort;
    kuni_sample_names names = {.samples = cohort->samples, .n = cohort->n_samples};
    size_t n_swapped = 0, n_other = 0, example = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].what != OTHER_NAME) continue;
        kuni_error fault = KUNI_ERROR_INIT;
        bool other;
        const char *name = *all->list[i].text ? all->list[i].text : NULL;
        if (kuni_sample_names_check(&names, &cohort->samples[all->list[i].sample], name, &other,
                                    &fault)) {
            n_swapped++;
            kuni_doctor_row(doctor, KUNI_FAIL, "sample", "%s", fault.text);
        } else if (other && n_other++ == 0) {
            example = i;
        }
    }
    if (n_other)
        kuni_doctor_row(doctor, KUNI_WARN, "names",
                        "%zu file%s name%s another sample than the manifest, as %s: '%s': the call "
                        "set takes the manifest's",
                        n_other, n_other == 1 ? "" : "s", n_other == 1 ? "s" : "",
                        cohort->samples[all->list[example].sample].id, all->list[example].text);
    kuni_sample_names_fini(&names);
    return n_swapped;
}

void kuni_doctor_samples(kuni_doctor *doctor)
{
    if (!doctor->cohort || !doctor->genome || !doctor->n_spans) {
        kuni_doctor_row(
            doctor, KUNI_WARN, "samples",
            "not looked at: that needs a manifest, a reference and regions without faults");
        return;
    }
    if (!find_md5s(doctor)) return;
    findings all = {.n = 0};
    kuni_error err = KUNI_ERROR_INIT;
    if ((size_t)doctor->jobs > doctor->cohort->n_samples)
        doctor->jobs = (int64_t)doctor->cohort->n_samples;
    if (examine_all(doctor, &all, &err))
        kuni_doctor_row(doctor, KUNI_FAIL, "samples", "%s", err.text);
    size_t n_bad = 0;
    for (size_t i = 0; i < all.n; i++) {
        const char *text = all.list[i].text;
        if (all.list[i].what == OTHER_NAME) continue;
        kuni_doctor_row(doctor, (kuni_finding)all.list[i].what, "sample", "%s",
                        text + (strncmp(text, "sample ", 7) == 0 ? 7 : 0));
        if (all.list[i].what == KUNI_FAIL) n_bad++;
    }
    n_bad += compare_names(doctor, &all);
    for (size_t i = 0; i < all.n; i++) free(all.list[i].text);
    free(all.list);
    size_t n = 0, n_md5 = 0;
    for (size_t i = 0; i < doctor->cohort->n_samples; i++) {
        const kuni_sample *sample = &doctor->cohort->samples[i];
        bool looked_at = sample->reads && doctor->cohort->people[i].bytes < 0;
        n += looked_at;
        n_md5 += looked_at && sample->md5;
    }
    char md5[64] = "";
    if (doctor->md5 && n_md5)
        snprintf(md5, sizeof(md5), ", %zu with the MD5 declared", n_md5);
    else if (doctor->md5)
        snprintf(md5, sizeof(md5), "; the manifest declares no MD5");
    if (!n_bad && !err.status)
        kuni_doctor_row(doctor, KUNI_PASS, "samples",
                        "%zu file%s: present, whole, indexed, sorted, of this reference%s", n,
                        n == 1 ? "" : "s", md5);
}
