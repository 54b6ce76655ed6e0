/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls_reader.h"
#include "clock.h"
#include "temporary.h"
#include "trial_model.h"

enum { SETTINGS_MAX = 300, WORDS_MAX = 2 * SETTINGS_MAX + 16, LOG_BYTES_MAX = 1 << 24 };

/* What a node's tasks took, of one size of the cohort. */
typedef struct amounts {
    double tasks, cpu_s, wall_s, bytes, rss_bytes;
} amounts;

typedef struct experiment {
    const kuni_trial_request *request;
    kuni_trial *result;
    const kuni_run *run;
    char *scratch, *manifest, *bed, *log, *dataset, *sparse;
    char *settings[3];
    uint32_t *people; /* chosen, in cohort order */
    size_t n_people;
    uint8_t *shards;   /* flags */
    double *weights;   /* by shard: bases that are none of N */
    double share;      /* of the weights that the trial sees, inverted */
    amounts *nodes[2]; /* by node: of the first run, of the second */
    double cpu_s[3];   /* of the processes: two runs, and one without anything to do */
    double sparse_bytes[2], dense_bytes[2];
    kuni_trial_sizes sizes;
} experiment;

static volatile sig_atomic_t stop_signal;
static volatile pid_t under_way;

static void on_signal(int number)
{
    stop_signal = number;
    if (under_way > 0) (void)kill(under_way, SIGTERM);
}

/* --- who and where --- */

/* BAM, CRAM and gVCF cost differently, and so do laboratories: each has at least one. */
static bool of_a_kind(const kuni_sample *a, const kuni_sample *b)
{
    const char *x = strrchr(a->reads, '.'), *y = strrchr(b->reads, '.');
    return strcmp(x ? x : "", y ? y : "") == 0 &&
           strcmp(a->site ? a->site : "", b->site ? b->site : "") == 0;
}

static bool can_be_read(const kuni_cohort *cohort, size_t i)
{
    const kuni_sample *s = &cohort->samples[i];
    return s->reads && cohort->people[i].state == KUNI_PERSON_IN &&
           (strstr(s->reads, "://") || access(s->reads, R_OK) == 0);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static kuni_status choose_people(experiment *t, kuni_error *err)
{
    enum { KINDS_MAX = 16 };
    const kuni_cohort *cohort = &t->run->cohort;
    size_t n = 0, wanted = (size_t)t->request->people;
    uint32_t *all = kuni_alloc(cohort->n_samples + 1, sizeof(*all), err);
    t->people = kuni_alloc(wanted + KINDS_MAX + 1, sizeof(*t->people), err);
    kuni_status status = all && t->people ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples && !status; i++)
        if (can_be_read(cohort, i)) all[n++] = (uint32_t)i;
    if (!status && !n)
        status = kuni_fail(err, KUNI_USAGE,
                           "there is nobody whose reads are there: nothing can be tried");
    if (wanted > n) wanted = n;
    for (size_t k = 0; k < wanted && !status; k++)
        t->people[t->n_people++] = all[(2 * k + 1) * n / (2 * wanted)];
    for (size_t i = 0; i < n && wanted < n && t->n_people < wanted + KINDS_MAX && !status; i++) {
        bool known = false;
        for (size_t k = 0; k < t->n_people && !known; k++)
            known = of_a_kind(&cohort->samples[all[i]], &cohort->samples[t->people[k]]);
        if (!known) t->people[t->n_people++] = all[i];
    }
    if (t->n_people > 1) qsort(t->people, t->n_people, sizeof(*t->people), by_number);
    t->result->all_people = n;
    free(all);
    return status;
}

static kuni_status weigh(experiment *t, size_t shard, kuni_error *err)
{
    const kuni_plan *plan = &t->run->plan;
    kuni_status status = KUNI_OK;
    for (uint32_t k = 0; k < plan->reads.shards[shard].n && !status; k++) {
        char *sequence = NULL;
        int64_t length = 0;
        kuni_span span = plan->reads.spans[plan->reads.shards[shard].first + k];
        status = kuni_genome_fetch(t->run->genome, span, &sequence, &length, err);
        for (int64_t i = 0; i < length && !status; i++)
            t->weights[shard] += sequence[i] != 'N' && sequence[i] != 'n';
        free(sequence);
    }
    return status;
}

/* Evenly over the bases that are known, so that no shard of N is among them. */
static kuni_status choose_shards(experiment *t, kuni_error *err)
{
    const kuni_plan *plan = &t->run->plan;
    double all = 0, seen = 0, chosen = 0;
    t->shards = kuni_alloc(plan->reads.n_places + 1, 1, err);
    t->weights = kuni_alloc(plan->reads.n_places + 1, sizeof(*t->weights), err);
    kuni_status status = t->shards && t->weights ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < plan->reads.n_places && !status; i++) {
        status = weigh(t, i, err);
        all += t->weights[i];
    }
    if (status) return status;
    if (all <= 0) return kuni_fail(err, KUNI_USAGE, "the regions hold nothing but N");
    double step = all / (double)t->request->shards, next = step / 2;
    for (size_t i = 0; i < plan->reads.n_places; i++) {
        seen += t->weights[i];
        if (t->weights[i] <= 0 || seen < next) continue;
        t->shards[i] = 1;
        chosen += t->weights[i];
        t->result->shards++;
        while (next <= seen) next += step;
    }
    t->result->all_shards = plan->reads.n_places;
    t->share = all / chosen;
    return KUNI_OK;
}

/* --- the derived workflow --- */

/* The first n of those who were chosen, of every `stride`th. */
static kuni_status write_manifest(const experiment *t, size_t stride, kuni_error *err)
{
    static const char *const sexes[] = {"unknown", "male", "female"};
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, t->manifest, err);
    if (status) return status;
    status =
        kuni_file_printf(file, err, "participant_id\tsample_id\treads\tindex\tsex\tsite\tgroup\n");
    for (size_t k = 0; k < t->n_people && !status; k += stride) {
        const kuni_sample *s = &t->run->cohort.samples[t->people[k]];
        const char *sex = sexes[s->sex == KUNI_SEX_MALE ? 1 : s->sex == KUNI_SEX_FEMALE ? 2 : 0];
        status = kuni_file_printf(file, err, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s->participant, s->id,
                                  s->reads, s->index ? s->index : ".", sex, s->site ? s->site : ".",
                                  s->group ? s->group : ".");
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status write_bed(const experiment *t, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, t->bed, err);
    if (status) return status;
    for (size_t i = 0; i < t->run->plan.reads.n_spans && !status; i++) {
        kuni_span s = t->run->plan.reads.spans[i];
        if (s.tid >= 0 && t->shards[kuni_axis_shard_of(&t->run->plan.reads, i)])
            status =
                kuni_file_printf(file, err, "%s\t%" PRId64 "\t%" PRId64 "\n",
                                 kuni_genome_contig(t->run->genome, s.tid)->name, s.beg, s.end);
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status make_setting(char **setting, const char *key, const char *value, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s=%s", key, value);
    *setting = text.data;
    return status;
}

static kuni_status make_scratch(experiment *t, kuni_error *err)
{
    struct {
        char **path;
        const char *name;
    } const paths[] = {{&t->manifest, "people.tsv"},
                       {&t->bed, "shards.bed"},
                       {&t->log, "log"},
                       {&t->dataset, "dataset"},
                       {&t->sparse, "sparse.vcf.gz"}};
    char *folder = realpath(t->request->folder, NULL);
    if (!folder) return kuni_fail_errno(err, "cannot open %s", t->request->folder);
    size_t length = strlen(t->run->folder);
    kuni_status status =
        strncmp(folder, t->run->folder, length) == 0 && (folder[length] == '/' || !folder[length])
            ? kuni_fail(err, KUNI_USAGE, "%s is in the dataset: name another place with --trial-in",
                        folder)
            : KUNI_OK;
    char *scratch = status ? NULL : kuni_path_join(folder, "kuni-trial-XXXXXX", err);
    free(folder);
    if (!scratch) return status ? status : KUNI_MEMORY;
    if (!mkdtemp(scratch)) {
        status = kuni_fail_errno(err, "cannot make %s", scratch);
        free(scratch);
        return status;
    }
    t->scratch = scratch;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (!(*paths[i].path = kuni_path_join(scratch, paths[i].name, err))) return KUNI_MEMORY;
    status = make_setting(&t->settings[0], "dataset", t->dataset, err);
    if (!status) status = make_setting(&t->settings[1], "cohort", t->manifest, err);
    if (!status) status = make_setting(&t->settings[2], "regions.include", t->bed, err);
    return status ? status : write_bed(t, err);
}

/* --- processes --- */

/* kuni itself, with what was set for the whole and what the trial sets. */
static void be_kuni(const experiment *t, const char *const *verb, size_t n_verb)
{
    const char *words[WORDS_MAX] = {"kuni"};
    const kuni_run_options *o = t->run->options;
    size_t n = 1;
    for (size_t i = 0; i < n_verb; i++) words[n++] = verb[i];
    for (size_t i = 0; i < o->n_settings + 3 && n + 3 < WORDS_MAX; i++) {
        words[n++] = "--set";
        words[n++] = i < o->n_settings ? o->settings[i] : t->settings[i - o->n_settings];
    }
    words[n++] = t->run->workflow.path;
    int log = open(t->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nothing < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
        dup2(nothing, STDIN_FILENO) < 0)
        _exit(KUNI_IO);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)execv("/proc/self/exe", (char *const *)words);
    _exit(KUNI_IO);
}

/* The last line that a process said. */
static kuni_status fail_with_log(const experiment *t, const char *what, int status, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error ignored = KUNI_ERROR_INIT;
    const char *last = "it said nothing";
    if (!kuni_file_get(t->log, LOG_BYTES_MAX, &text, &ignored) && text.length) {
        while (text.length && text.data[text.length - 1] == '\n') text.data[--text.length] = '\0';
        const char *line = strrchr(text.data, '\n');
        last = line ? line + 1 : text.data;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : KUNI_BUG;
    kuni_status as = code == KUNI_USAGE || code == KUNI_DATA || code == KUNI_MEMORY ||
                             code == KUNI_IO || code == KUNI_AGAIN
                         ? (kuni_status)code
                         : KUNI_BUG;
    (void)kuni_fail(err, as, "the trial's %s ended with status %d: %s", what, code, last);
    kuni_buffer_fini(&text);
    return as;
}

static kuni_status call(experiment *t, const char *const *verb, size_t n_verb, double *cpu_s,
                        kuni_error *err)
{
    struct rusage used;
    int status = 0;
    pid_t got;
    if (stop_signal) return kuni_fail(err, KUNI_AGAIN, "stopped by a signal");
    pid_t child = fork();
    if (child < 0) return kuni_fail_errno(err, "cannot start a process");
    if (child == 0) be_kuni(t, verb, n_verb);
    under_way = child;
    if (stop_signal) (void)kill(child, SIGTERM);
    while ((got = wait4(child, &status, 0, &used)) < 0 && errno == EINTR) continue;
    under_way = 0;
    if (got < 0) return kuni_fail_errno(err, "cannot wait for a process");
    if (stop_signal) return kuni_fail(err, KUNI_AGAIN, "stopped by a signal");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail_with_log(t, verb[0], status, err);
    *cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return KUNI_OK;
}

/* --- what it took --- */

/* Records and bytes of the merged call set, 0 where the workflow makes none. */
static kuni_status look_at_calls(const experiment *t, double *n, double *bytes, kuni_error *err)
{
    struct stat st;
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_calls_reader reader = {.path = NULL};
    *n = 0;
    kuni_status status = kuni_buffer_printf(&path, err, "%s/current/national.bcf", t->dataset);
    if (!status && stat(path.data, &st) == 0) {
        *bytes = (double)st.st_size;
        status = kuni_calls_open(&reader, path.data, err);
        while (!status && !(status = kuni_calls_next(&reader, err)) && reader.tid != INT32_MAX)
            continue;
        *n = (double)reader.read_records;
        kuni_calls_close(&reader);
    }
    kuni_buffer_fini(&path);
    return status;
}

/* All that the journal of the scratch dataset tells, into `to`; less what `before` has. */
static kuni_status read_amounts(experiment *t, amounts *to, const amounts *before, kuni_error *err)
{
    const kuni_run_options *whole = t->run->options;
    const char *settings[SETTINGS_MAX + 3];
    size_t n = 0;
    for (; n < whole->n_settings && n < SETTINGS_MAX; n++) settings[n] = whole->settings[n];
    for (size_t i = 0; i < 3; i++) settings[n++] = t->settings[i];
    const kuni_run_options options = {
        .workflow = t->run->workflow.path, .settings = settings, .n_settings = n, .jobs = 1};
    kuni_preview preview;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_status status = kuni_preview_open(&preview, &options, &faults, err);
    for (size_t i = 0; i < t->run->plan.n_nodes && !status; i++) {
        const kuni_node_history *h = &preview.past.history[i];
        to[i] = (amounts){.tasks = (double)h->tasks,
                          .cpu_s = h->cpu_s,
                          .wall_s = h->wall_s,
                          .bytes = (double)h->bytes,
                          .rss_bytes = (double)h->max_rss_bytes};
        if (!before) continue;
        to[i].tasks -= before[i].tasks;
        to[i].cpu_s -= before[i].cpu_s;
        to[i].wall_s -= before[i].wall_s;
        to[i].bytes -= before[i].bytes;
    }
    kuni_preview_fini(&preview);
    kuni_buffer_fini(&faults);
    return status;
}

static bool has_joint_calls(const experiment *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->run->workflow.n_stages; i++)
        n += strcmp(t->run->workflow.stages[i].stage->name, "joint-genotype") == 0;
    return n == 1;
}

static kuni_status measure(experiment *t, int round, size_t stride, kuni_error *err)
{
    char jobs[32];
    struct stat st;
    double ignored;
    (void)snprintf(jobs, sizeof(jobs), "%" PRId64, t->request->jobs);
    const char *const run[] = {"run", "--quiet", "--jobs", jobs};
    const char *const export[] = {"export", "--format", "sparse", "--out", t->sparse};
    kuni_status status = write_manifest(t, stride, err);
    if (!status) status = call(t, run, 4, &t->cpu_s[round], err);
    if (!status) status = read_amounts(t, t->nodes[round], round ? t->nodes[0] : NULL, err);
    if (!status)
        status = look_at_calls(t, round ? &t->sizes.records2 : &t->sizes.records1,
                               &t->dense_bytes[round], err);
    if (status || !has_joint_calls(t)) return status;
    status = call(t, export, 5, &ignored, err);
    if (!status && stat(t->sparse, &st) == 0) t->sparse_bytes[round] = (double)st.st_size;
    return status;
}

static kuni_status run_all(experiment *t, kuni_error *err)
{
    size_t stride = t->n_people >= 6 ? 3 : t->n_people >= 2 ? 2 : 1;
    size_t fewer = (t->n_people + stride - 1) / stride;
    t->sizes.n1 = (double)fewer;
    t->sizes.n2 = (double)t->n_people;
    t->result->people[0] = fewer;
    t->result->people[1] = t->n_people;
    kuni_status status = KUNI_OK;
    for (int round = 0; round < 2; round++) {
        t->nodes[round] = kuni_alloc(t->run->plan.n_nodes + 1, sizeof(amounts), err);
        if (!t->nodes[round]) return KUNI_MEMORY;
    }
    if (stride > 1) status = measure(t, 0, stride, err);
    if (!status) status = measure(t, 1, 1, err);
    if (status) return status;
    const char *const again[] = {"run", "--quiet"};
    return call(t, again, 2, &t->cpu_s[2], err); /* what starting up takes */
}

/* --- the whole --- */

/* What batches take, by the people of the two that the trial made. */
static double of_batches(const experiment *t, const double y[2])
{
    int64_t size = t->run->workflow.batch_size, n = (int64_t)t->result->all_people;
    const int64_t tried[2] = {(int64_t)t->result->people[0],
                              (int64_t)(t->result->people[1] - t->result->people[0])};
    const double people[2] = {(double)tried[0], (double)tried[1]};
    int64_t batches[3];
    for (int i = 0; i < 3; i++) batches[i] = ((i < 2 ? tried[i] : n) + size - 1) / size;
    const double made[2] = {(double)batches[0], (double)batches[1]};
    return kuni_trial_fit_batches(people, made, y, (double)n, (double)batches[2]);
}

static double time_of(const experiment *t, size_t node, double y1, double y2)
{
    double n = (double)t->result->all_people;
    kuni_scatter scatter = t->run->plan.nodes[node].scatter;
    bool whole = scatter == KUNI_SCATTER_BATCH || scatter == KUNI_SCATTER_COHORT ||
                 scatter == KUNI_SCATTER_SAMPLE;
    double share = whole ? 1 : t->share;
    return share * (kuni_node_by_batch(&t->run->plan.nodes[node])
                        ? (y1 + y2) * n / t->sizes.n2
                        : kuni_trial_fit(&t->sizes, y1, y2, n));
}

/* Whether another step's files stand for those of this one in the end (kuni_step.folds). */
static bool is_folded(const kuni_plan *plan, size_t node)
{
    for (size_t i = node + 1; i < plan->n_nodes; i++)
        if (kuni_node_folds(&plan->nodes[i]) && plan->nodes[i].inputs[0].node == node) return true;
    return false;
}

static double bytes_of(const experiment *t, size_t node, double y1, double y2)
{
    double n = (double)t->result->all_people;
    if (is_folded(&t->run->plan, node)) return 0;
    kuni_scatter scatter = t->run->plan.nodes[node].scatter;
    const double both[2] = {y1, y2};
    if (scatter == KUNI_SCATTER_READS || scatter == KUNI_SCATTER_SAMPLE_SHARD)
        return of_batches(t, both) * t->share;
    if (scatter == KUNI_SCATTER_BATCH || scatter == KUNI_SCATTER_SAMPLE) return of_batches(t, both);
    if (scatter == KUNI_SCATTER_COHORT) return kuni_trial_fit(&t->sizes, y1, y2, n);
    return kuni_trial_fit_bytes(&t->sizes, y1, y2, n) * t->share;
}

/* Of a task, whose batch or whose cohort is the whole's. The second is the most of both. */
static double memory_of(const experiment *t, size_t node, double y1, double y2)
{
    double n = (double)t->result->all_people, size = (double)t->run->workflow.batch_size;
    kuni_trial_sizes sizes = t->sizes;
    bool by_batch = kuni_node_by_batch(&t->run->plan.nodes[node]);
    if (by_batch) {
        sizes.n2 = sizes.n2 - sizes.n1 < size ? sizes.n2 - sizes.n1 : size;
        n = n < size ? n : size;
    }
    if (by_batch) return kuni_trial_fit_memory(&sizes, y1, y2, n);
    double y = y1 > 0 && y2 > y1 && sizes.n2 > sizes.n1 ? kuni_trial_fit(&sizes, y1, y2, n) : y2;
    return y > y2 ? y : y2;
}

static bool node_gives(const kuni_node *node, const char *kind)
{
    for (size_t o = 0; o < node->n_outputs; o++)
        if (strcmp(node->step->outputs[o].kind, kind) == 0) return true;
    return false;
}

/* Bytes of a whole call set. */
static double of_calls(const experiment *t, const double bytes[2])
{
    if (bytes[1] <= 0) return 0;
    return kuni_trial_fit_bytes(&t->sizes, bytes[0], bytes[1], (double)t->result->all_people) *
           t->share;
}

/* The longest that a task has, and the time of those that nothing can run beside. */
static void sum_up(experiment *t, double serial_s, double parallel_s, double longest_s)
{
    kuni_trial *r = t->result;
    const kuni_trial_request *q = t->request;
    double lanes = (double)((q->ranks > 1 ? q->ranks - 1 : 1) * q->rank_jobs);
    double shared = parallel_s / lanes;
    r->whole_wall_s = serial_s + (shared > longest_s ? shared : longest_s);
    r->sparse_bytes = of_calls(t, t->sparse_bytes);
    r->dense_bytes = of_calls(t, t->dense_bytes);
}

static kuni_status extrapolate(experiment *t, kuni_error *err)
{
    kuni_trial *r = t->result;
    const kuni_plan *plan = &t->run->plan;
    double in_tasks = 0, tasks = 0, whole_tasks = 0, serial = 0, parallel = 0, longest = 0;
    r->steps = kuni_alloc(plan->n_nodes + 1, sizeof(*r->steps), err);
    if (!r->steps) return KUNI_MEMORY;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const kuni_preview_step *step = &t->request->preview->steps[i];
        const amounts *a = &t->nodes[0][i], *b = &t->nodes[1][i];
        double left = step->tasks ? (double)(step->tasks - step->done) / (double)step->tasks : 0;
        double bytes = bytes_of(t, i, a->bytes, b->bytes);
        double wall = time_of(t, i, a->wall_s, b->wall_s) * left;
        double rss = memory_of(t, i, a->rss_bytes, b->rss_bytes);
        r->steps[r->n_steps++] = (kuni_trial_step){
            .name = step->name, .cpu_s = time_of(t, i, a->cpu_s, b->cpu_s) * left, .bytes = bytes};
        r->whole_cpu_s += r->steps[i].cpu_s;
        r->disk_bytes += bytes;
        if (rss > r->task_rss_bytes) r->task_rss_bytes = rss;
        if (plan->nodes[i].scatter == KUNI_SCATTER_COHORT)
            serial += wall;
        else
            parallel += wall;
        if (step->tasks && wall / (double)step->tasks > longest && left > 0)
            longest = wall / ((double)step->tasks * left);
        if (node_gives(&plan->nodes[i], "evidence")) r->evidence_bytes += bytes;
        in_tasks += a->cpu_s + b->cpu_s;
        tasks += a->tasks + b->tasks;
        whole_tasks += (double)(step->tasks - step->done);
    }
    /* what the engine takes beside the tasks: once, and for each */
    double beside = t->cpu_s[0] + t->cpu_s[1] - in_tasks - (t->cpu_s[0] > 0 ? 2 : 1) * t->cpu_s[2];
    double engine = t->cpu_s[2] + (beside > 0 && tasks > 0 ? beside / tasks * whole_tasks : 0);
    r->whole_cpu_s += engine;
    r->cpu_s = t->cpu_s[0] + t->cpu_s[1] + t->cpu_s[2];
    sum_up(t, serial, parallel, longest);
    return KUNI_OK;
}

/* --- all of it --- */

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

static void experiment_fini(experiment *t)
{
    char *const texts[] = {t->scratch, t->manifest,    t->bed,         t->log,        t->dataset,
                           t->sparse,  t->settings[0], t->settings[1], t->settings[2]};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) free(texts[i]);
    for (int i = 0; i < 2; i++) free(t->nodes[i]);
    free(t->people);
    free(t->shards);
    free(t->weights);
}

kuni_status kuni_trial_run(kuni_trial *result, const kuni_trial_request *request, kuni_error *err)
{
    experiment t = {.request = request, .result = result, .run = &request->preview->run};
    struct sigaction old[STOP_SIGNALS], stop = {.sa_handler = on_signal};
    int64_t began_ms = kuni_now_ms();
    kuni_error other = KUNI_ERROR_INIT;
    *result = (kuni_trial){.cpu_s = 0};
    stop_signal = 0;
    kuni_status status = choose_people(&t, err);
    if (!status) status = choose_shards(&t, err);
    for (int i = 0; i < STOP_SIGNALS; i++) (void)sigaction(stop_signals[i], &stop, &old[i]);
    if (!status) status = make_scratch(&t, err);
    if (!status) status = run_all(&t, err);
    if (!status) status = extrapolate(&t, err);
    if (t.scratch) {
        kuni_status removed = kuni_remove_tree(t.scratch, status ? &other : err);
        if (!status) status = removed;
    }
    for (int i = 0; i < STOP_SIGNALS; i++) (void)sigaction(stop_signals[i], &old[i], NULL);
    result->wall_s = (double)(kuni_now_ms() - began_ms) / 1000;
    experiment_fini(&t);
    return status;
}

void kuni_trial_fini(kuni_trial *trial)
{
    free(trial->steps);
    *trial = (kuni_trial){.steps = NULL};
}
