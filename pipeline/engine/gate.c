/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"

static const char verdicts_kind[] = "sample-qc";
static const char *const outcome_names[] = {"not_judged", "pass", "flag", "fail"};

enum { NOT_JUDGED, PASS, FLAG, FAIL, N_OUTCOMES };

/* What quality control says of each sample. */
typedef struct verdicts {
    uint8_t *outcome;
    double *coverage; /* -1: not known */
} verdicts;

/* --- the tables --- */

typedef struct columns {
    size_t n, sample, outcome, coverage; /* SIZE_MAX: not there */
} columns;

static columns find_columns(char *const *fields, size_t n)
{
    columns at = {.n = n, .sample = SIZE_MAX, .outcome = SIZE_MAX, .coverage = SIZE_MAX};
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i], "sample_id") == 0) at.sample = i;
        if (strcmp(fields[i], "outcome") == 0) at.outcome = i;
        if (strcmp(fields[i], "mean_autosome_coverage") == 0) at.coverage = i;
    }
    return at;
}

static kuni_status take_row(const kuni_ledger *ledger, const kuni_lines *lines, const columns *at,
                            char *const *fields, verdicts *all, kuni_error *err)
{
    int64_t sample = kuni_names_find(&ledger->sample_names, fields[at->sample]);
    int outcome = 0;
    double coverage = -1;
    while (outcome < N_OUTCOMES && strcmp(outcome_names[outcome], fields[at->outcome]) != 0)
        outcome++;
    if (outcome == N_OUTCOMES)
        return kuni_fail(err, KUNI_DATA,
                         "%s:%lld: outcome '%.40s' is unknown: expected pass, flag, fail or "
                         "not_judged",
                         lines->path, (long long)lines->number, fields[at->outcome]);
    if (sample < 0) return KUNI_OK;
    if (outcome > all->outcome[sample]) all->outcome[sample] = (uint8_t)outcome;
    if (at->coverage != SIZE_MAX && kuni_text_double(fields[at->coverage], &coverage) &&
        coverage > all->coverage[sample])
        all->coverage[sample] = coverage;
    return KUNI_OK;
}

static kuni_status read_table(const kuni_ledger *ledger, const char *path, verdicts *all,
                              kuni_error *err)
{
    kuni_lines lines;
    columns at = {.n = 0};
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        char *fields[KUNI_LINE_FIELDS_MAX];
        if (!*line || *line == '#') continue;
        size_t n = kuni_line_split(line, '\t', fields);
        if (n > KUNI_LINE_FIELDS_MAX) n = KUNI_LINE_FIELDS_MAX;
        if (at.n && n == at.n) {
            status = take_row(ledger, &lines, &at, fields, all, err);
        } else if (!at.n) {
            at = find_columns(fields, n);
            if (at.sample == SIZE_MAX || at.outcome == SIZE_MAX) at.n = 0;
        }
        if (!status && n != at.n)
            status = kuni_fail(err, KUNI_DATA,
                               "%s:%lld: no table of the gate: expected columns sample_id and "
                               "outcome, and a row of as many fields for each sample",
                               path, (long long)lines.number);
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}

typedef kuni_status table_visitor(const kuni_ledger *ledger, size_t node, size_t output,
                                  void *context, kuni_error *err);

static kuni_status visit_tables(const kuni_ledger *ledger, table_visitor *visit, void *context,
                                kuni_error *err)
{
    const kuni_plan *plan = &ledger->run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t o = 0; o < plan->nodes[i].n_outputs && !status; o++)
            if (plan->nodes[i].phase == KUNI_PHASE_JUDGE &&
                plan->nodes[i].scatter == KUNI_SCATTER_COHORT &&
                strcmp(plan->nodes[i].step->outputs[o].kind, verdicts_kind) == 0)
                status = visit(ledger, i, o, context, err);
    return status;
}

static kuni_status read_output(const kuni_ledger *ledger, size_t node, size_t output, void *context,
                               kuni_error *err)
{
    if (ledger->finals[node * KUNI_PLAN_OUTPUTS_MAX + output].bytes < 0) return KUNI_OK;
    kuni_arena_clear(ledger->arena);
    const char *path = kuni_run_output(ledger->run, ledger->arena, node, output, -1, -1,
                                       ledger->table.nodes[node].key[0], err);
    return path ? read_table(ledger, path, context, err) : KUNI_MEMORY;
}

static kuni_status check_made(const kuni_ledger *ledger, size_t node, size_t output, void *context,
                              kuni_error *err)
{
    (void)output;
    (void)err;
    if (!kuni_task_table_ended(&ledger->table, node)) *(bool *)context = false;
    return KUNI_OK;
}

bool kuni_gate_is_ready(const kuni_ledger *ledger)
{
    bool ready = true;
    kuni_error ignored = KUNI_ERROR_INIT;
    return visit_tables(ledger, check_made, &ready, &ignored) == KUNI_OK && ready;
}

/* --- who is out --- */

static kuni_status put_out(kuni_ledger *ledger, size_t sample, const char *reason, size_t *out,
                           kuni_error *err)
{
    ++*out;
    return kuni_samples_quarantine(&ledger->samples, sample, KUNI_VERDICT_GATE, "gate", reason,
                                   err);
}

static kuni_status judge(kuni_ledger *ledger, const verdicts *all, size_t *out, kuni_error *err)
{
    const kuni_gate gate = ledger->run->workflow.gate_qc;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < ledger->run->cohort.n_samples && gate != KUNI_GATE_ANY && !status; i++) {
        uint8_t outcome = all->outcome[i];
        bool in = outcome == PASS || (gate == KUNI_GATE_FLAG && outcome != FAIL);
        char reason[128];
        if (in || ledger->samples.skip[i]) continue;
        (void)snprintf(reason, sizeof(reason), "quality control says %s, gate.qc is %s",
                       outcome_names[outcome], gate == KUNI_GATE_PASS ? "pass" : "flag");
        status = put_out(ledger, i, reason, out, err);
    }
    return status;
}

static bool is_primary(const kuni_person *person)
{
    const char *text = kuni_person_fact(person, KUNI_FACT_PRIMARY);
    return text && strcmp(text, "yes") == 0;
}

/* Whether `a` rather than `b`, which comes before it, is the sample that counts. */
static bool is_better(const kuni_ledger *ledger, const verdicts *all, size_t a, size_t b)
{
    static const int rank[N_OUTCOMES] = {[PASS] = 0, [NOT_JUDGED] = 1, [FLAG] = 2, [FAIL] = 3};
    const kuni_person *people = ledger->run->cohort.people;
    if (is_primary(&people[a]) != is_primary(&people[b])) return is_primary(&people[a]);
    if (all->outcome[a] != all->outcome[b]) return rank[all->outcome[a]] < rank[all->outcome[b]];
    return all->coverage[a] > all->coverage[b];
}

static kuni_status put_out_twin(kuni_ledger *ledger, size_t loser, size_t winner, size_t *out,
                                kuni_error *err)
{
    char reason[512];
    (void)snprintf(reason, sizeof(reason), "of this participant %s counts",
                   ledger->run->cohort.samples[winner].id);
    return put_out(ledger, loser, reason, out, err);
}

/* Two rounds, so that the reasons name who is in at the end. */
static kuni_status choose_twins(kuni_ledger *ledger, const verdicts *all, size_t *out,
                                kuni_error *err)
{
    const kuni_cohort *cohort = &ledger->run->cohort;
    kuni_names chosen = {.table = NULL}; /* participant -> place in `winners` */
    uint32_t *winners = kuni_alloc(cohort->n_samples + 1, sizeof(uint32_t), err);
    uint32_t n = 0;
    kuni_status status = winners ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        if (ledger->samples.skip[i]) continue;
        int64_t at = kuni_names_find(&chosen, cohort->samples[i].participant);
        if (at < 0) {
            status = kuni_names_add(&chosen, cohort->samples[i].participant, n, err);
            winners[n++] = (uint32_t)i;
        } else if (is_better(ledger, all, i, winners[at])) {
            winners[at] = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        if (ledger->samples.skip[i]) continue;
        int64_t at = kuni_names_find(&chosen, cohort->samples[i].participant);
        if (winners[at] != i) status = put_out_twin(ledger, i, winners[at], out, err);
    }
    kuni_names_fini(&chosen);
    free(winners);
    return status;
}

kuni_status kuni_gate_apply(kuni_ledger *ledger, size_t *out, kuni_error *err)
{
    size_t n = ledger->run->cohort.n_samples;
    *out = 0;
    if (!ledger->run->plan.judged) return KUNI_OK;
    verdicts all = {.outcome = kuni_alloc(n + 1, 1, err),
                    .coverage = kuni_alloc(n + 1, sizeof(double), err)};
    kuni_status status = all.outcome && all.coverage ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n && !status; i++) all.coverage[i] = -1;
    if (!status) status = visit_tables(ledger, read_output, &all, err);
    if (!status) status = judge(ledger, &all, out, err);
    if (!status) status = choose_twins(ledger, &all, out, err);
    free(all.outcome);
    free(all.coverage);
    size_t in = 0;
    for (size_t i = 0; i < n; i++) in += !ledger->samples.skip[i];
    if (!status && !in && *out)
        status =
            kuni_fail(err, KUNI_DATA,
                      "the gate lets nobody in: quality control fails all %zu samples, or none "
                      "was judged: see the published qc, or say gate.qc: any",
                      *out);
    return status;
}
