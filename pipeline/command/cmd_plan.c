/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "amount.h"
#include "command.h"
#include "complain.h"
#include "forms.h"
#include "operand.h"
#include "preview.h"
#include "slurm_script.h"
#include "trial.h"

typedef struct request {
    kuni_run_options run; /* but for workflow and settings */
    kuni_texts settings;  /* --set */
    int64_t ranks;        /* to estimate the time for; 0: not told */
    bool shards;          /* print the shards instead */
    bool bed;             /* print them as BED instead */
    bool trial;           /* measure instead of asking the journal */
    const char *scratch;  /* where the trial's folder is made */
    int64_t people, trial_shards;
    bool slurm;    /* print a job script instead */
    int64_t hours; /* that a job may take */
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"ranks", 'n', "N", "1; of a job as many as fit", "estimate the time for so many ranks",
     KUNI_BIND_INT(request, ranks, 1, 1000000)},
    {"jobs", 'j', "N", "1", "tasks at once per rank", KUNI_BIND_INT(request, run.jobs, 1, 1024)},
    {"recall", 0, NULL, NULL, "plan a `kuni recall`: settings may contradict the dataset's",
     KUNI_BIND_FLAG(request, run.recall)},
    {"shards", 0, NULL, NULL, "print the shards of the reads, heaviest first, instead",
     KUNI_BIND_FLAG(request, shards)},
    {"bed", 0, NULL, NULL, "print them as BED: chrom start end locus shard path, instead",
     KUNI_BIND_FLAG(request, bed)},
    KUNI_OPTIONS_HEADING("Trial"),
    {"trial", 0, NULL, NULL,
     "run some people in some shards in a scratch folder, and tell what the whole will take",
     KUNI_BIND_FLAG(request, trial)},
    {"trial-in", 0, "FOLDER", "$TMPDIR, else /tmp", "where the scratch folder is made, and removed",
     KUNI_BIND_TEXT(request, scratch, KUNI_COMPLETES_FOLDER)},
    {"trial-people", 0, "N", "24",
     "people to try with, evenly over the manifest, each kind of file",
     KUNI_BIND_INT(request, people, 1, 4096)},
    {"trial-shards", 0, "N", "8", "shards to try with, evenly over the genome",
     KUNI_BIND_INT(request, trial_shards, 1, 100000)},
    KUNI_OPTIONS_HEADING("Job"),
    {"slurm-script", 0, NULL, NULL,
     "print a job script for sbatch instead: ranks, memory and time of what is left",
     KUNI_BIND_FLAG(request, slurm)},
    {"hours", 0, "H", "24", "longest time limit of the job, which comes back after that",
     KUNI_BIND_INT(request, hours, 1, 8760)},
    KUNI_OPTIONS_END,
};

static void print_bytes(const char *label, double bytes)
{
    char room[KUNI_AMOUNT_BYTES];
    printf("%s%s", label, kuni_amount_of_bytes(bytes, room));
}

static const char *scatter_word(kuni_scatter scatter)
{
    static const char *const words[] = {"shards x batches", "batches",   "shards",
                                        "cohort",           "all ranks", "runs of samples",
                                        "shards x batches"};
    return words[scatter];
}

static void print_steps(const kuni_preview *p)
{
    printf("\n%-24s %-17s %10s %10s %10s %12s %12s\n", "step", "scattered over", "tasks", "done",
           "left", "CPU s/task", "files");
    for (size_t i = 0; i < p->n_steps; i++) {
        const kuni_preview_step *s = &p->steps[i];
        char cpu[32] = "-";
        if (s->task_cpu_s >= 0) snprintf(cpu, sizeof(cpu), "%.2f", s->task_cpu_s);
        printf("%-24s %-17s %10zu %10zu %10zu %12s %12zu\n", s->name, scatter_word(s->scatter),
               s->tasks, s->done, s->tasks - s->done, cpu, s->files);
    }
}

static int64_t lanes_of(int64_t ranks, int64_t jobs)
{
    return (ranks > 1 ? ranks - 1 : 1) * jobs;
}

/* How many files there would be with reads' shards of so many bases. */
static double files_with(const kuni_preview *p, double shard_bp)
{
    const kuni_plan *plan = &p->run.plan;
    const kuni_workflow *w = &p->run.workflow;
    double joint_bp = w->joint_bp
                          ? (double)w->joint_bp
                          : (double)kuni_axis_joint_bp((int64_t)shard_bp, p->run.cohort.n_samples);
    double files = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const kuni_node *node = &plan->nodes[i];
        double now = (double)(node->joint ? plan->joint_bp : w->shard_bp), then = shard_bp;
        if (node->scatter == KUNI_SCATTER_REGION && joint_bp < then) then = joint_bp;
        files += (double)p->steps[i].files * (kuni_node_by_shard(node) ? now / then : 1);
    }
    return files;
}

/* More files than a parallel file system likes: most are those of a reads' shard and a batch. */
static void advise_width(const kuni_preview *p, size_t files)
{
    enum { FILES_MOST = 500000 };
    static const double wider_bp[] = {5e6, 10e6, 25e6, 50e6, 100e6};
    size_t k = 0, n = sizeof(wider_bp) / sizeof(wider_bp[0]);
    if (files <= FILES_MOST) return;
    while (k + 1 < n && (wider_bp[k] <= (double)p->run.workflow.shard_bp ||
                         files_with(p, wider_bp[k]) > FILES_MOST))
        k++;
    double left = files_with(p, wider_bp[k]);
    if (wider_bp[k] <= (double)p->run.workflow.shard_bp || left > (double)files * .8) return;
    printf("          more than %d: regions.shard: %.0fMb makes about %.0f of them, where the "
           "dataset's "
           "first run is yet to come\n",
           FILES_MOST, wider_bp[k] / 1e6, left);
}

/* From the journal's own measurements; steps that never ran are told apart. */
static void print_estimates(const kuni_preview *p, int64_t ranks, int64_t jobs)
{
    double cpu_s = 0, bytes = 0, longest = 0;
    size_t unknown = 0, files = 0, left = 0;
    int64_t rss = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const kuni_preview_step *s = &p->steps[i];
        files += s->files;
        left += s->tasks - s->done;
        if (s->max_rss_bytes > rss) rss = s->max_rss_bytes;
        if (s->tasks == s->done) continue;
        if (s->task_cpu_s < 0) {
            unknown++;
            continue;
        }
        cpu_s += s->task_cpu_s * (double)(s->tasks - s->done);
        bytes += s->task_bytes * (double)(s->tasks - s->done);
        if (s->task_cpu_s > longest) longest = s->task_cpu_s;
    }
    printf("\nfiles     %zu in the dataset\n", files);
    advise_width(p, files);
    print_bytes("memory    rank 0 ", (double)p->coordinator_bytes);
    print_bytes(", any rank ", (double)p->rank_bytes);
    print_bytes(", and a task up to ", (double)p->run.workflow.memory_bytes);
    if (rss) print_bytes(" (largest so far ", (double)rss);
    puts(rss ? ")" : "");
    print_bytes("disk      free ", (double)p->free_bytes);
    if (left && unknown == 0) print_bytes(", the rest needs about ", bytes);
    putchar('\n');
    int64_t lanes = lanes_of(ranks, jobs);
    if (left == 0)
        puts("time      nothing is left to do");
    else if (unknown)
        printf("time      not known: %zu steps have never run in this dataset; --trial measures "
               "them in a scratch folder\n",
               unknown);
    else
        printf("time      %.2f core-hours; about %.2f h with %" PRId64 " rank%s x %" PRId64
               " job%s\n",
               cpu_s / 3600,
               (cpu_s / (double)lanes > longest ? cpu_s / (double)lanes : longest) / 3600, ranks,
               ranks == 1 ? "" : "s", jobs, jobs == 1 ? "" : "s");
}

/* How many pieces of contigs share how many shards. */
static void print_bundles(const kuni_plan *plan)
{
    size_t n = 0, spans = 0;
    for (size_t i = 0; i < plan->reads.n_places; i++) {
        n += plan->reads.shards[i].n > 1;
        if (plan->reads.shards[i].n > 1) spans += plan->reads.shards[i].n;
    }
    if (n)
        printf("          %zu of them hold %zu small contigs or intervals (regions.bundle)\n", n,
               spans);
}

static void print_plan(const kuni_preview *p, int64_t ranks, int64_t jobs, bool trial)
{
    const kuni_run *run = &p->run;
    printf("%s: %s\n", run->workflow.name, run->workflow.path);
    printf("dataset   %s\n", run->folder);
    printf("samples   %zu in %zu batch%s of at most %" PRId64, run->cohort.n_samples,
           run->cohort.n_batches, run->cohort.n_batches == 1 ? "" : "es", run->workflow.batch_size);
    printf(", %zu new, %zu withdrawn, %zu quarantined", run->cohort.n_new, run->cohort.n_withdrawn,
           p->ledger.samples.n_quarantined - p->ledger.samples.n_gated);
    if (p->ledger.samples.n_gated) printf(", %zu kept out by the gate", p->ledger.samples.n_gated);
    print_bytes(", ", (double)p->reads_bytes);
    if (p->missing_files) printf(", %zu FILES MISSING", p->missing_files);
    printf("\nregions   %.3f Mb in %zu shards of at most %.3f Mb%s\n", (double)p->genome_bp / 1e6,
           run->plan.reads.n_places, (double)run->workflow.shard_bp / 1e6,
           run->plan.unplaced ? ", and the reads without a place" : "");
    print_bundles(&run->plan);
    if (run->plan.joint.n_shards)
        printf("joint     %zu shards of about %.3f Mb, for what takes all samples\n",
               run->plan.joint.n_shards, (double)run->plan.joint_bp / 1e6);
    if (run->plan.joint_coarse)
        printf("joint     cut as the reads are, as stage %s takes shards of both\n",
               run->plan.joint_coarse);
    print_steps(p);
    if (!trial) print_estimates(p, ranks, jobs);
    kuni_forms_print(p, lanes_of(ranks, jobs));
}

static void print_bed(const kuni_preview *p)
{
    const kuni_plan *plan = &p->run.plan;
    puts("#chrom\tstart\tend\tlocus\tshard\tpath");
    for (size_t span = 0; span < plan->reads.n_spans && plan->reads.spans[span].tid >= 0; span++) {
        kuni_span s = plan->reads.spans[span];
        size_t i = kuni_axis_shard_of(&plan->reads, span);
        const char *name = kuni_genome_contig(p->run.genome, s.tid)->name;
        printf("%s\t%" PRId64 "\t%" PRId64 "\t%s:%" PRId64 "-%" PRId64 "\t%zu\tdata/*/%s\n", name,
               s.beg, s.end, name, s.beg + 1, s.end, i, plan->reads.names[i]);
    }
}

static void print_shards(const kuni_preview *p)
{
    const kuni_plan *plan = &p->run.plan;
    printf("%-8s %-32s %14s %10s\n", "shard", "locus", "bp", "share");
    for (size_t k = 0; k < plan->reads.n_shards; k++) {
        uint32_t i = p->shard_order[k];
        kuni_span s = plan->reads.spans[plan->reads.shards[i].first];
        char locus[256] = "reads without a place";
        int64_t bp = plan->reads.shards[i].bp;
        if (s.tid >= 0)
            snprintf(locus, sizeof(locus), "%s:%" PRId64 "-%" PRId64,
                     kuni_genome_contig(p->run.genome, s.tid)->name, s.beg + 1, s.end);
        if (plan->reads.shards[i].n > 1) {
            size_t length = strlen(locus);
            snprintf(locus + length, sizeof(locus) - length, " and %u more",
                     plan->reads.shards[i].n - 1);
        }
        printf("%-8u %-32s %14" PRId64 " %9.2f%%\n", i, locus, bp,
               100 * (double)bp / (double)p->genome_bp);
    }
}

static int64_t ranks_of(const request *r)
{
    return r->ranks > 0 ? r->ranks : 1;
}

/* --- trial --- */

static void print_amount(const char *label, double bytes)
{
    print_bytes(label, bytes);
    printf(" (%.0f bytes)\n", bytes);
}

static void print_trial(const kuni_trial *t, const kuni_preview *p, const request *r)
{
    char size[KUNI_AMOUNT_BYTES], time[KUNI_AMOUNT_BYTES];
    printf("\ntrial     %zu and %zu of %zu people, %zu of %zu shards: %.1f CPU s, %.1f s\n",
           t->people[0], t->people[1], t->all_people, t->shards, t->all_shards, t->cpu_s,
           t->wall_s);
    puts("          what is left of the whole takes about:");
    printf("%-24s %12s %14s\n", "step", "CPU", "kept");
    for (size_t i = 0; i < t->n_steps; i++)
        printf("%-24s %12s %14s\n", t->steps[i].name, kuni_amount_of_time(t->steps[i].cpu_s, time),
               kuni_amount_of_bytes(t->steps[i].bytes, size));
    printf("time      %.4g core-hours (%.1f CPU s); about %s with %" PRId64 " rank%s x %" PRId64
           " job%s\n",
           t->whole_cpu_s / 3600, t->whole_cpu_s, kuni_amount_of_time(t->whole_wall_s, time),
           ranks_of(r), ranks_of(r) == 1 ? "" : "s", r->run.jobs, r->run.jobs == 1 ? "" : "s");
    print_amount("memory    a task up to ", t->task_rss_bytes);
    if (t->task_rss_bytes > (double)p->run.workflow.memory_bytes)
        puts("          which is more than resources.memory: raise it");
    if (t->evidence_bytes > 0) print_amount("disk      evidence ", t->evidence_bytes);
    if (t->dense_bytes > 0) print_amount("disk      national.bcf ", t->dense_bytes);
    if (t->sparse_bytes > 0) print_amount("disk      sparse call set ", t->sparse_bytes);
    print_amount("disk      all that the dataset keeps ", t->disk_bytes);
    if (t->all_people > 20 * t->people[1])
        puts("          a dense call set of so many more people than were tried may need more: try "
             "with more (--trial-people)");
    if (p->free_bytes >= 0 && t->disk_bytes > (double)p->free_bytes)
        print_amount("          which is more than is free: ", (double)p->free_bytes);
}

static void print_script(const kuni_preview *preview, const request *r, double cpu_s)
{
    const kuni_slurm_request wanted = {.preview = preview,
                                       .ranks = r->ranks,
                                       .jobs = r->run.jobs,
                                       .hours = r->hours,
                                       .cpu_s = cpu_s};
    kuni_slurm_print(&wanted);
}

static kuni_status try_it(const kuni_preview *preview, const request *r, kuni_error *err)
{
    kuni_trial trial;
    const char *tmp = getenv("TMPDIR");
    const kuni_trial_request wanted = {.preview = preview,
                                       .folder = r->scratch      ? r->scratch
                                                 : tmp && tmp[0] ? tmp
                                                                 : "/tmp",
                                       .people = r->people,
                                       .shards = r->trial_shards,
                                       .jobs = r->run.jobs,
                                       .ranks = ranks_of(r),
                                       .rank_jobs = r->run.jobs};
    kuni_status status = kuni_trial_run(&trial, &wanted, err);
    if (!status && r->slurm)
        print_script(preview, r, trial.whole_cpu_s);
    else if (!status)
        print_trial(&trial, preview, r);
    kuni_trial_fini(&trial);
    return status;
}

static void set_defaults(void *given)
{
    request *r = given;
    r->people = 24;
    r->trial_shards = 8;
    r->run.jobs = 1;
    r->hours = 24;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    r->run.workflow = call->words[0];
    r->run.settings = r->settings.texts;
    r->run.n_settings = r->settings.n;
    r->run.trusts_seals = true; /* a run looks at the files, and `kuni verify` */
    kuni_preview preview;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_command_preview(&preview, &r->run, &err);
    if (!status && r->bed)
        print_bed(&preview);
    else if (!status && r->shards)
        print_shards(&preview);
    else if (!status && r->slurm && !r->trial)
        print_script(&preview, r, kuni_slurm_cpu_left(&preview));
    else if (!status && !r->slurm)
        print_plan(&preview, ranks_of(r), r->run.jobs, r->trial);
    if (!status && r->trial) {
        (void)fflush(stdout);
        status = try_it(&preview, r, &err);
        if (status) (void)kuni_command_fail(&err);
    }
    kuni_preview_fini(&preview);
    return status;
}

const kuni_command kuni_cmd_plan = {
    .group = "Before a run",
    .name = "plan",
    .summary = "show shards, tasks, what is left, memory, disk and time",
    .about =
        "Show what a run of the workflow would do: shards, tasks, what is done already, memory,\n"
        "disk, files and time. Nothing is computed or written, but with --trial: that runs some\n"
        "people in some shards in a scratch folder, which it removes. --slurm-script prints a job\n"
        "that fits, alone or after a trial.",
    .usage = "kuni plan [OPTIONS] WORKFLOW.yaml",
    .example = "kuni plan --ranks 64 workflows/quickstart.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
