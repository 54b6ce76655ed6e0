/* SPDX-License-Identifier: MIT */
#include "forms.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "amount.h"

/*
 * tests/bench/sparse-size and joint_run (docs/call-set.md): 100 kb, 20 kb of 100,000 samples, reference
 * blocks of 300 bases; of a million by tests/bench/national (docs/scale.md), which makes no dense records: those are what follows from the
 * two sizes before. Between two sizes of a cohort, and beyond the last, by a power of it.
 */
enum { SIZES = 5, SPARSE = 1, SITES = 2 };
static const double genome_bp = 3.1e9, mib = 1048576,
                    sizes[SIZES] = {100, 1000, 10000, 100000, 1000000};
static const double mib_a_genome[KUNI_FORMS][SIZES] = {
    {69.1, 51.8, 48.9, 98.1, 197}, {68.0, 48.8, 42.4, 43.5, 46.3}, {22.4, 4.6, 1.2, 0.7, 0.3}};
/*
 * CPU seconds of a sample and Mb. Not measured: those of 100 samples, which are those of 1,000, dense ones of a
 * million, and sites alone of a million, which are those of 100,000. What they were before a chunk was decoded once, by
 * pairs of runs of the two versions: 0.7 of it, of 100,000 sparse 0.6; of a million sparse by joint_run.
 */
static const double cpu_a_mb[KUNI_FORMS][SIZES] = {{0.0023, 0.0020, 0.0017, 0.0038, 0.0123},
                                                   {0.0026, 0.0021, 0.0018, 0.0022, 0.0050},
                                                   {0.0010, 0.0009, 0.0006, 0.0005, 0.0005}};

/* Genotypes in a process' memory, of a sample and base: an event takes 21 bytes, and a stretch of blocks 5. */
static const double bytes_a_base = 0.037, chunk_bp = 65536;

static double at_size(const double values[SIZES], double n)
{
    if (n <= sizes[0]) return values[0];
    int i = 0;
    while (i + 2 < SIZES && n > sizes[i + 1]) i++;
    double share = log(n / sizes[i]) / log(sizes[i + 1] / sizes[i]);
    return values[i] * pow(values[i + 1] / values[i], share);
}

void kuni_forms_estimate(double n_samples, double bp, kuni_form forms[KUNI_FORMS])
{
    static const kuni_form names[KUNI_FORMS] = {
        {.name = "dense", .setting = "output: dense"},
        {.name = "sparse", .setting = "output: sites, also: [sparse]"},
        {.name = "sites", .setting = "output: sites"}};
    for (int f = 0; f < KUNI_FORMS; f++) {
        forms[f] = names[f];
        forms[f].bytes = at_size(mib_a_genome[f], n_samples) * mib * n_samples * bp / genome_bp;
        forms[f].cpu_hours = at_size(cpu_a_mb[f], n_samples) * n_samples * bp / 1e6 / 3600;
    }
    /* Beside sparse records stand those without genotypes. */
    forms[SPARSE].bytes += forms[SITES].bytes;
}

double kuni_forms_windows(double n_samples, double memory_bytes)
{
    return floor(n_samples * chunk_bp * bytes_a_base / (memory_bytes / 2)) + 1;
}

double kuni_forms_memory(double n_samples)
{
    static const double gib = 1 << 30;
    return ceil(2 * n_samples * chunk_bp * bytes_a_base / gib) * gib;
}

static const char *made_of(const kuni_params *params)
{
    bool sites = strcmp(kuni_params_text(params, "output"), "sites") == 0;
    const char *also = kuni_params_text(params, "also");
    bool sparse = also && strstr(also, "sparse");
    return sites ? sparse ? "sparse" : "sites" : sparse ? "dense and sparse" : "dense";
}

/* The step that genotypes; the number of all where there is none. */
static size_t node_of(const kuni_plan *plan, const kuni_workflow_stage *stage)
{
    size_t i = 0;
    while (i < plan->n_nodes &&
           !(plan->nodes[i].stage == stage && plan->nodes[i].scatter == KUNI_SCATTER_REGION))
        i++;
    return i;
}

/* Where genotypes of a chunk do not fit into memory at once. */
static void print_windows(const kuni_preview *p, size_t node, double n_samples)
{
    if (node == p->run.plan.n_nodes) return;
    double memory = (double)kuni_run_memory(&p->run, node, 0);
    double windows = memory > 0 ? kuni_forms_windows(n_samples, memory) : 1;
    if (windows < 2) return;
    char now[KUNI_AMOUNT_BYTES], then[KUNI_AMOUNT_BYTES];
    printf("          genotypes of a chunk of 64 kb in %.0f parts, for each of which evidence is "
           "read again, in the %s of "
           "resources.memory: in one with %s\n",
           windows, kuni_amount_of_bytes(memory, now),
           kuni_amount_of_bytes(kuni_forms_memory(n_samples), then));
}

void kuni_forms_print(const kuni_preview *p, int64_t lanes)
{
    const kuni_workflow *w = &p->run.workflow;
    kuni_form forms[KUNI_FORMS];
    char size[KUNI_AMOUNT_BYTES], time[KUNI_AMOUNT_BYTES], each[KUNI_AMOUNT_BYTES];
    double n = (double)(p->run.cohort.n_samples - p->run.cohort.n_withdrawn);
    for (size_t i = 0; i < w->n_stages; i++) {
        const kuni_workflow_stage *stage = &w->stages[i];
        if (strcmp(stage->stage->name, "joint-genotype") != 0) continue;
        kuni_forms_estimate(n, (double)p->genome_bp, forms);
        printf(
            "\nforms     of a call set of %.0f samples, by measurements on simulated people; '%s' "
            "makes %s\n",
            n, stage->id, made_of(stage->params));
        size_t node = node_of(&p->run.plan, stage);
        double tasks = node < p->run.plan.n_nodes ? (double)p->run.plan.nodes[node].n_tasks : 0;
        printf("%-10s %-32s %12s %12s %12s\n", "form", "joint-genotype", "size", "CPU", "a task");
        for (int f = 0; f < KUNI_FORMS; f++)
            printf("%-10s %-32s %12s %12s %12s\n", forms[f].name, forms[f].setting,
                   kuni_amount_of_bytes(forms[f].bytes, size),
                   kuni_amount_of_time(3600 * forms[f].cpu_hours, time),
                   kuni_amount_of_time(tasks > 0 ? 3600 * forms[f].cpu_hours / tasks : 0, each));
        printf("          %.0f tasks, %" PRId64 " at once: %.1f one after another\n", tasks, lanes,
               tasks / (double)lanes);
        if (strcmp(made_of(stage->params), "sites") != 0) print_windows(p, node, n);
        kuni_error why = KUNI_ERROR_INIT;
        if (stage->stage->check_samples &&
            stage->stage->check_samples(stage->params, (size_t)n, &why) != KUNI_OK)
            printf("          a run ends with 64: %s\n", why.text);
    }
}
