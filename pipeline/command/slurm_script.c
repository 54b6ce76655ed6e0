/* SPDX-License-Identifier: MIT */
#include "slurm_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "built.h"

extern const char kuni_slurm_body[]; /* containers/slurm/kuni.sbatch */

enum {
    RANKS_UNKNOWN = 64,      /* where nothing is known of the time */
    RANKS_MOST = 10000,      /* that are asked for without being told */
    LEAST_MIN = 30,          /* beside what the work itself takes: start, assembly, publication */
    MARGIN_BYTES = 256 << 20 /* of a rank: libraries, buffers of MPI */
};

/* What ranks are busy, and how much longer than expected a run may take. */
static const double share_used = 0.75, slack = 1.5;

double kuni_slurm_cpu_left(const kuni_preview *p)
{
    double cpu_s = 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        const kuni_preview_step *s = &p->steps[i];
        if (s->tasks == s->done) continue;
        if (s->task_cpu_s < 0) return -1;
        cpu_s += s->task_cpu_s * (double)(s->tasks - s->done);
    }
    return cpu_s;
}

/* Tasks that can be done at once: those left of the widest step. */
static int64_t widest(const kuni_preview *p)
{
    size_t most = 1;
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].tasks - p->steps[i].done > most)
            most = p->steps[i].tasks - p->steps[i].done;
    return (int64_t)most;
}

int64_t kuni_slurm_ranks(const kuni_slurm_request *r)
{
    if (r->ranks > 0) return r->ranks;
    int64_t useful = (widest(r->preview) + r->jobs - 1) / r->jobs, wanted = RANKS_UNKNOWN;
    if (r->cpu_s >= 0)
        wanted = (int64_t)(r->cpu_s / 3600 / (share_used * (double)(r->hours * r->jobs))) + 1;
    if (wanted > useful) wanted = useful;
    if (wanted < 1) wanted = 1;
    return wanted < RANKS_MOST ? wanted + 1 : RANKS_MOST; /* rank 0 does no task */
}

/* Of a rank with its tasks; rank 0 has none but its tables. */
static int64_t rank_bytes(const kuni_slurm_request *r, int64_t ranks)
{
    const kuni_preview *p = r->preview;
    int64_t tasks = r->jobs * p->run.workflow.memory_bytes + p->rank_bytes;
    int64_t first = p->coordinator_bytes + p->rank_bytes + (ranks > 1 ? 0 : tasks);
    return (tasks > first ? tasks : first) + MARGIN_BYTES;
}

static int64_t largest_task(const kuni_preview *p)
{
    int64_t most = p->run.workflow.memory_bytes;
    for (size_t i = 0; i < p->run.plan.n_nodes; i++) {
        const kuni_step *step = p->run.plan.nodes[i].step;
        int64_t last = step->n_memory ? step->memory_bytes[step->n_memory - 1] : 0;
        if (last > most) most = last;
    }
    return most;
}

static double hours_of(const kuni_slurm_request *r, int64_t ranks)
{
    double lanes = (double)((ranks > 1 ? ranks - 1 : 1) * r->jobs);
    return r->cpu_s / lanes / 3600;
}

static void print_time(const kuni_slurm_request *r, int64_t ranks)
{
    int64_t minutes = r->hours * 60;
    if (r->cpu_s >= 0) {
        int64_t enough = (int64_t)(hours_of(r, ranks) * 60 * slack) + LEAST_MIN;
        if (enough < minutes) minutes = enough;
    }
    printf("#SBATCH --time=%" PRId64 "-%02d:%02d:00\n", minutes / 1440, (int)(minutes % 1440 / 60),
           (int)(minutes % 60));
}

static void print_head(const kuni_slurm_request *r, int64_t ranks)
{
    const kuni_run *run = &r->preview->run;
    printf("#!/bin/bash\n# Made by `kuni plan --slurm-script` of kuni %s; submit it with sbatch.\n",
           kuni_built_version);
    if (r->cpu_s >= 0)
        printf("# %.4g core-hours are left: about %.3g h with %" PRId64 " rank%s.\n",
               r->cpu_s / 3600, hours_of(r, ranks), ranks, ranks == 1 ? "" : "s");
    else
        puts("# How long it takes is not known: --trial measures it. The job goes on in the queue "
             "until all is done.");
    int64_t memory = run->workflow.memory_bytes, most = largest_task(r->preview);
    int64_t together = memory > 0 ? (most + memory * r->jobs - 1) / (memory * r->jobs) : 1;
    if (together > 1)
        printf("# A task may use %" PRId64 " MiB: let %" PRId64
               " ranks or more share a node (--ntasks-per-node).\n",
               most >> 20, together);
}

/* A word for the shell. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    putchar('\'');
}

static void print_arguments(const kuni_slurm_request *r)
{
    const kuni_run *run = &r->preview->run;
    printf("[ $# -gt 0 ] || set -- run --jobs %" PRId64, r->jobs);
    for (size_t i = 0; i < run->options->n_settings; i++) {
        fputs(" --set ", stdout);
        print_quoted(run->options->settings[i]);
    }
    putchar(' ');
    print_quoted(run->workflow.path);
    putchar('\n');
    /* Else mpirun gives each rank one core, whatever its tasks would use. */
    puts("export MPIRUN=${MPIRUN:-mpirun --bind-to none}\n");
}

/* Of the name of a workflow what job names may hold. */
static void print_name(const char *name)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    fputs("#SBATCH --job-name=kuni-", stdout);
    for (; *name; name++) putchar(strchr(fine, *name) ? *name : '-');
    putchar('\n');
}

void kuni_slurm_print(const kuni_slurm_request *r)
{
    static const char begin[] = "\nset -u\n";
    int64_t ranks = kuni_slurm_ranks(r), mib = (rank_bytes(r, ranks) >> 20) + 1;
    print_head(r, ranks);
    print_name(r->preview->run.workflow.name);
    printf("#SBATCH --ntasks=%" PRId64 "\n", ranks);
    if (r->jobs > 1) printf("#SBATCH --cpus-per-task=%" PRId64 "\n", r->jobs);
    printf("#SBATCH --mem-per-cpu=%" PRId64 "M\n", (mib + r->jobs - 1) / r->jobs);
    print_time(r, ranks);
    puts("#SBATCH --signal=B:USR1@300\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"
         "#SBATCH --output=kuni-%j.log");
    print_arguments(r);
    const char *body = strstr(kuni_slurm_body, begin);
    if (body) fputs(body + 1, stdout);
}
