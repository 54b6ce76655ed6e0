/* SPDX-License-Identifier: MIT */
#include "deciding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "kuni/karyotype.h"

kuni_karyotype joint_karyotype_of_sex(kuni_sex sex)
{
    return (kuni_karyotype){.sex = sex, .x = -1, .y = -1};
}

/* --- what was found --- */

/* A file under way: its samples come in the order of the batch. */
typedef struct reading {
    joint_deciding *deciding;
    const kuni_task *task;
    const char *path;
    size_t next, end;
} reading;

static kuni_status take_line(void *context, const kuni_karyotype_line *line, kuni_error *err)
{
    reading *r = context;
    while (r->next < r->end && strcmp(r->task->samples[r->next].id, line->sample) != 0) r->next++;
    if (r->next == r->end)
        return kuni_fail(err, KUNI_DATA, "%s: sample %s is out of place", r->path, line->sample);
    joint_finding *finding = &r->deciding->findings[r->next++];
    *finding = (joint_finding){.karyotype = line->karyotype,
                               .known = line->karyotype.sex != KUNI_SEX_UNKNOWN,
                               .counted = strcmp(line->basis, "coverage") == 0};
    (void)snprintf(finding->name, sizeof(finding->name), "%s", line->name);
    return KUNI_OK;
}

kuni_status joint_deciding_init(joint_deciding *deciding, const kuni_task *task, kuni_error *err)
{
    const char *sex = kuni_params_text(task->params, "sex");
    const char *conflict = kuni_params_text(task->params, "conflict");
    *deciding = (joint_deciding){.declared = strcmp(sex, "inferred") != 0,
                                 .inferred = strcmp(sex, "declared") != 0,
                                 .trust_declared = strcmp(conflict, "declared") == 0,
                                 .trust_inferred = strcmp(conflict, "inferred") == 0};
    size_t n_files = 0;
    const kuni_task_file *files = kuni_task_inputs(task, "karyotypes", &n_files);
    if (!n_files) return KUNI_OK;
    deciding->findings = kuni_alloc(task->n_samples + 1, sizeof(*deciding->findings), err);
    kuni_status status = deciding->findings ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n_files && !status; i++) {
        reading r = {
            .deciding = deciding, .task = task, .path = files[i].path, .end = task->n_samples};
        if (files[i].batch >= 0) {
            r.next = task->batches[files[i].batch].first;
            r.end = r.next + task->batches[files[i].batch].n_samples;
        }
        status = kuni_karyotypes_read(files[i].path, take_line, &r, err);
    }
    return status;
}

void joint_deciding_fini(joint_deciding *deciding)
{
    free(deciding->findings);
    deciding->findings = NULL;
}

/* --- deciding --- */

static joint_decision by_sex(kuni_sex sex, joint_why why)
{
    return (joint_decision){
        .who = {.karyotype = joint_karyotype_of_sex(sex)}, .sex = sex, .why = why};
}

static bool unusual(kuni_karyotype k)
{
    return k.sex == KUNI_SEX_MALE ? k.x != 1 || k.y != 1 : k.x != 2 || k.y != 0;
}

/* An ordinary karyotype is as good as the sex. */
static joint_decision by_karyotype(kuni_karyotype karyotype, joint_why why)
{
    joint_decision decision = by_sex(karyotype.sex, why);
    if (unusual(karyotype)) decision.who.karyotype = karyotype;
    return decision;
}

joint_decision joint_decide(const joint_deciding *deciding, const kuni_task *task, size_t sample)
{
    static const joint_finding nothing = {.known = false};
    const joint_finding *found = deciding->findings ? &deciding->findings[sample] : &nothing;
    kuni_sex declared = task->samples[sample].sex;
    bool is_declared = declared != KUNI_SEX_UNKNOWN;
    if (!deciding->inferred || !found->known)
        return by_sex(declared, is_declared ? JOINT_WHY_DECLARED : JOINT_WHY_UNKNOWN);
    if (!is_declared) return by_karyotype(found->karyotype, JOINT_WHY_INFERRED);
    if (declared == found->karyotype.sex)
        return by_karyotype(found->karyotype,
                            unusual(found->karyotype) ? JOINT_WHY_UNUSUAL : JOINT_WHY_DECLARED);
    if (!deciding->declared) return by_karyotype(found->karyotype, JOINT_WHY_CONFLICT);
    if (!found->counted) /* heterozygosity alone is no witness against anybody */
        return by_sex(declared, JOINT_WHY_DECLARED);
    if (deciding->trust_declared) return by_sex(declared, JOINT_WHY_CONFLICT);
    if (deciding->trust_inferred) return by_karyotype(found->karyotype, JOINT_WHY_CONFLICT);
    joint_decision decision = by_karyotype(found->karyotype, JOINT_WHY_CONFLICT);
    decision.who.other = joint_karyotype_of_sex(declared);
    decision.who.undecided = true;
    decision.sex = KUNI_SEX_UNKNOWN;
    return decision;
}

/* --- telling --- */

static const char *sex_name(kuni_sex sex)
{
    return sex == KUNI_SEX_MALE ? "male" : sex == KUNI_SEX_FEMALE ? "female" : "unknown";
}

/* Copies of X and of Y as they are called. */
static void print_copies(kuni_karyotype k, char x[8], char y[8])
{
    int usual_x = k.sex == KUNI_SEX_MALE ? 1 : 2, usual_y = k.sex == KUNI_SEX_FEMALE ? 0 : 1;
    int n_x = k.x < 0 ? usual_x : k.x, n_y = k.y < 0 ? usual_y : k.y;
    (void)snprintf(x, 8, "%d", n_x < 2 ? n_x : 2);
    (void)snprintf(y, 8, "%d", n_y < 2 ? n_y : 2);
}

static kuni_status put_line(kuni_buffer *text, const kuni_task *task,
                            const joint_deciding *deciding, size_t i, const joint_decision *d,
                            kuni_error *err)
{
    static const char *const why[] = {[JOINT_WHY_UNUSUAL] = "unusual karyotype",
                                      [JOINT_WHY_INFERRED] = "no sex declared",
                                      [JOINT_WHY_UNKNOWN] = "nothing known",
                                      [JOINT_WHY_CONFLICT] = "contradiction"};
    char x[8], y[8], other_x[8], other_y[8];
    print_copies(d->who.karyotype, x, y);
    print_copies(d->who.other, other_x, other_y);
    bool no_x = d->who.undecided && strcmp(x, other_x) != 0,
         no_y = d->who.undecided && strcmp(y, other_y) != 0;
    const char *name = deciding->findings && deciding->findings[i].name[0]
                           ? deciding->findings[i].name
                           : "unknown";
    return kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s\t%s\t%s\n", task->samples[i].id,
                              sex_name(task->samples[i].sex), name, no_x ? "no call" : x,
                              no_y ? "no call" : y, why[d->why]);
}

const kuni_column joint_columns[] = {
    {JOINT_COPIES_TABLE, "sample_id", "",
     "name of a sample whose copies are not what its declared sex tells"},
    {JOINT_COPIES_TABLE, "sex_declared", "", "of manifest or pedigree: male, female, unknown"},
    {JOINT_COPIES_TABLE, "karyotype", "",
     "sex chromosomes that the reads show; unknown: they do not tell"},
    {JOINT_COPIES_TABLE, "copies_x", "copies",
     "of X outside of the pseudoautosomal regions that it is called with; no call: undecided"},
    {JOINT_COPIES_TABLE, "copies_y", "copies", "of Y, likewise"},
    {JOINT_COPIES_TABLE, "why", "",
     "unusual karyotype, no sex declared, nothing known, contradiction (of the declared sex and "
     "the reads)"},
    {0}};

/* The first line: what the run tells its operator. */
static kuni_status put_summary(kuni_buffer *text, const size_t counts[], kuni_error *err)
{
    static const struct {
        joint_why why;
        const char *text;
    } parts[] = {
        {JOINT_WHY_INFERRED, "without a declared sex called by what the reads show"},
        {JOINT_WHY_UNKNOWN,
         "of unknown sex, with two copies of X and one of Y for want of better knowledge"},
        {JOINT_WHY_UNUSUAL, "with an unusual karyotype, called by its copies"},
        {JOINT_WHY_CONFLICT, "whose declared sex and reads contradict each other on X and Y"}};
    kuni_status status = kuni_buffer_printf(text, err, "# copies of X and Y:");
    bool any = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !status; i++) {
        if (!counts[parts[i].why]) continue;
        status = kuni_buffer_printf(text, err, "%s %zu sample%s %s", any ? ";" : "",
                                    counts[parts[i].why], counts[parts[i].why] == 1 ? "" : "s",
                                    parts[i].text);
        any = true;
    }
    if (!status) status = kuni_buffer_printf(text, err, "\n");
    return status ? status : kuni_columns_put_head(joint_columns, JOINT_COPIES_TABLE, text, err);
}

/* Whether the shards have places where the sexes differ. */
static bool sexes_matter(const kuni_task *task)
{
    for (size_t i = 0; i < task->n_shards; i++) {
        kuni_span shard = task->shards[i];
        for (int64_t pos = shard.beg, until; shard.tid >= 0 && pos < shard.end; pos = until)
            if (kuni_ploidy_evidence(task->ploidy, shard.tid, pos, &until) == KUNI_COPIES_EITHER)
                return true;
    }
    return false;
}

kuni_status joint_copies_run(const kuni_task *task, kuni_error *err)
{
    if (!sexes_matter(task)) return KUNI_OK;
    joint_deciding deciding;
    kuni_buffer lines = KUNI_BUFFER_INIT, text = KUNI_BUFFER_INIT;
    size_t counts[JOINT_WHY_CONFLICT + 1] = {0};
    kuni_status status = joint_deciding_init(&deciding, task, err);
    for (size_t i = 0; i < task->n_samples && !status; i++) {
        if (task->columns[i] < 0) continue;
        joint_decision decision = joint_decide(&deciding, task, i);
        counts[decision.why]++;
        if (decision.why != JOINT_WHY_DECLARED)
            status = put_line(&lines, task, &deciding, i, &decision, err);
    }
    if (!status && lines.length) {
        status = put_summary(&text, counts, err);
        if (!status) status = kuni_buffer_append(&text, lines.data, lines.length, err);
        if (!status)
            status = kuni_file_put(kuni_task_output(task, "copies"), text.data, text.length, err);
    }
    joint_deciding_fini(&deciding);
    kuni_buffer_fini(&lines);
    kuni_buffer_fini(&text);
    return status;
}
