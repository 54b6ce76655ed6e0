/* SPDX-License-Identifier: MIT */
/*
 * What a dry run prints. Counts of people of 1 to k-1 are not told, nor another one that they would follow
 * from by subtraction; zeros are.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "meter.h"
#include "release_tables.h"

/* --- counts --- */

typedef struct row {
    const char *kind, *name, *text;
    size_t count;
    bool hidden;
} row;

/* Rows that add up to a total. */
typedef struct table {
    row *rows;
    size_t n, capacity;
    size_t total;
    bool total_hidden;
} table;

static kuni_status add_row(table *t, const char *kind, const char *name, const char *text,
                           size_t count, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&t->rows, &t->capacity, t->n + 1, sizeof(*t->rows), err);
    if (status) return status;
    t->rows[t->n++] = (row){.kind = kind, .name = name, .text = text, .count = count};
    t->total += count;
    return KUNI_OK;
}

/*
 * Hides counts below k, and then the smallest of the others until the hidden ones cannot be told
 * from their sum, which the total gives away; where there are none left, the total.
 */
static void hide(table *t, size_t k)
{
    size_t n = 0, sum = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->rows[i].hidden = t->rows[i].count > 0 && t->rows[i].count < k;
        n += t->rows[i].hidden;
        sum += t->rows[i].hidden ? t->rows[i].count : 0;
    }
    size_t small = n;
    t->total_hidden = t->total > 0 && t->total < k;
    while (n && !t->total_hidden &&
           (n == 1 || sum < k || (n == small && (sum == n || sum == n * (k - 1))))) {
        row *least = NULL;
        for (size_t i = 0; i < t->n; i++) {
            row *r = &t->rows[i];
            if (!r->hidden && r->count && (!least || r->count < least->count)) least = r;
        }
        if (!least) {
            t->total_hidden = true;
            break;
        }
        least->hidden = true;
        n++;
        sum += least->count;
    }
}

static const char *role_name(kuni_role role)
{
    return role == KUNI_ROLE_CASE ? "case" : role == KUNI_ROLE_CONTROL ? "control" : NULL;
}

static kuni_status count_group(table *t, const char *kind, const char *name, kuni_error *err)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].kind, kind) == 0 && strcmp(t->rows[i].name, name) == 0) {
            t->rows[i].count++;
            t->total++;
            return KUNI_OK;
        }
    return add_row(t, kind, name, "", 1, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const row *)a)->name, ((const row *)b)->name);
}

/* Of the selected: by group, and by role where there are roles. */
static kuni_status count_eligible(const kuni_release_plan *p, table *groups, table *roles,
                                  kuni_error *err)
{
    const kuni_selection *s = &p->selection;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < s->n && !status; i++) {
        const kuni_released *who = &s->people[i];
        status = count_group(groups, "group", who->group ? who->group : ".", err);
        if (!status && role_name(who->role))
            status = count_group(roles, "role", role_name(who->role), err);
    }
    if (groups->n) qsort(groups->rows, groups->n, sizeof(*groups->rows), by_name);
    if (roles->n) qsort(roles->rows, roles->n, sizeof(*roles->rows), by_name);
    hide(groups, (size_t)p->request.threshold);
    hide(roles, (size_t)p->request.threshold);
    return status;
}

static kuni_status count_left_out(const kuni_release_plan *p, table *t, kuni_error *err)
{
    const kuni_selection *s = &p->selection;
    kuni_status status = KUNI_OK;
    for (int i = 0; i < KUNI_OUTS && !status; i++)
        if (s->out[i])
            status = add_row(t, "not_asked", kuni_out_name((kuni_out)i), kuni_out_text((kuni_out)i),
                             s->out[i], err);
    for (int i = KUNI_REASON_CONSENT_MISSING; i < KUNI_REASONS && !status; i++)
        if (s->by_reason[i])
            status = add_row(t, i >= KUNI_REASON_HMB_METHODS ? "ask" : "deny",
                             kuni_reason_name((kuni_reason)i), kuni_reason_text((kuni_reason)i),
                             s->by_reason[i], err);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].name, kuni_out_name(KUNI_OUT_WITHDRAWN)) == 0 ||
            strcmp(t->rows[i].name, kuni_out_name(KUNI_OUT_NOT_COUNTED)) == 0 ||
            strcmp(t->rows[i].name, kuni_out_name(KUNI_OUT_NOT_IN_CALLS)) == 0)
            t->rows[i].kind = "out";
    hide(t, (size_t)p->request.threshold);
    return status;
}

kuni_status kuni_release_put_left_out(const kuni_release_plan *p, kuni_buffer *text,
                                      kuni_error *err)
{
    table out = {.rows = NULL};
    kuni_status status = count_left_out(p, &out, err);
    for (size_t i = 0; i < out.n && !status; i++) {
        const row *r = &out.rows[i];
        char count[32] = "hidden";
        if (!r->hidden) (void)snprintf(count, sizeof(count), "%zu", r->count);
        status =
            kuni_buffer_printf(text, err, "participants\t%s\t%s\t%s\n", r->name, count, r->text);
    }
    free(out.rows);
    return status;
}

/* --- for people --- */

/* All that is hidden looks alike: which were small and which went with them is not told. */
static void print_count(size_t count, bool hidden)
{
    char text[32] = "hidden";
    if (!hidden) (void)snprintf(text, sizeof(text), "%zu", count);
    printf("%8s", text);
}

static void print_table(const table *t, bool with_kind, const char *total)
{
    for (size_t i = 0; i < t->n; i++) {
        const row *r = &t->rows[i];
        printf("  %-9s %-27s", with_kind ? r->kind : "", r->name);
        print_count(r->count, r->hidden);
        printf("%s%s\n", *r->text ? "  " : "", r->text);
    }
    if (!total) return;
    printf("  %-9s %-27s", "", total);
    print_count(t->total, t->total_hidden);
    puts("");
}

static void print_list(const char *before, const kuni_text_list *list)
{
    printf("%s", before);
    for (size_t i = 0; i < list->n; i++) printf("%s%s", i ? ", " : "", list->texts[i]);
}

static void print_head(const kuni_release_plan *p)
{
    const kuni_request *q = &p->request;
    printf("request   %s, for %s (%s; ", q->name, q->recipient,
           kuni_organisation_name(q->for_profit));
    print_list("", &q->countries);
    printf(")\npurpose   ");
    for (int bit = 0, n = 0; bit < KUNI_PURPOSES; bit++)
        if (q->purposes & 1u << bit) printf("%s%s", n++ ? ", " : "", kuni_purpose_names[bit]);
    if (q->disease) printf(" %s %s", q->disease, kuni_ontology_name(q->ontology, q->disease_term));
    printf("; %s use\n", kuni_use_name(q->commercial));
    printf("dataset   %s, generation %" PRId64 "\n", p->selection.folder, p->selection.generation);
    printf("day       %s%s%s\n", p->selection.today, q->delivery ? "; delivery " : "",
           q->delivery ? q->delivery : "");
    if (q->threshold > 1)
        printf("counts    from %" PRId64
               " on; smaller ones, and others that would give them away, are "
               "hidden\n",
               q->threshold);
}

static void print_size(double bytes)
{
    char room[KUNI_AMOUNT_BYTES];
    printf("%s", kuni_amount_of_bytes(bytes, room));
}

/* Of the names of files that are sealed to their readers. */
static const char *ending(const kuni_request *q)
{
    return q->encryption.n ? ".c4gh" : "";
}

static void print_work(const kuni_release_plan *p)
{
    const char *const *files = kuni_release_files((kuni_release_form)p->request.form);
    const char *tables[KUNI_RELEASE_TABLES_MAX];
    kuni_release_table_files(&p->request, tables);
    printf("would write  ");
    for (; *files; files++) printf("%s%s, ", *files, ending(&p->request));
    for (size_t i = 0; tables[i]; i++) printf("%s%s, ", tables[i], ending(&p->request));
    printf("release.json; %" PRId64 " of %" PRId64 " bp\n", p->bp, p->genome_bp);
    if (kuni_form_has_genotypes((kuni_release_form)p->request.form))
        printf("identifies   up to %" PRId64
               " SNPs that are about independent (one each %d kb; a law "
               "may count from %d on); release.json will count them\n",
               (p->bp + KUNI_METER_APART_BP - 1) / KUNI_METER_APART_BP, KUNI_METER_APART_BP / 1000,
               KUNI_METER_SNPS);
    printf("takes about  ");
    print_size(p->bytes);
    if (p->free_bytes >= 0) {
        printf(" (free: ");
        print_size((double)p->free_bytes);
        printf(")");
    }
    printf(", %.0f s\n", p->seconds < 1 ? 1 : p->seconds);
    if (!p->request.key)
        puts("note: no pseudonyms: a release needs 'pseudonyms: {key: FILE}' (kuni release "
             "--new-key "
             "FILE makes one)");
    if (p->selection.n_foreign)
        printf("note: %zu rows of the phenotype table are of people who are not in the dataset\n",
               p->selection.n_foreign);
}

kuni_status kuni_release_print(const kuni_release_plan *p, kuni_error *err)
{
    table groups = {.rows = NULL}, roles = {.rows = NULL}, out = {.rows = NULL};
    kuni_status status = count_eligible(p, &groups, &roles, err);
    if (!status) status = count_left_out(p, &out, err);
    if (!status) {
        print_head(p);
        puts("\neligible participants, by group");
        print_table(&groups, false, "all");
        if (roles.n) {
            puts("eligible participants, by role");
            print_table(&roles, false, NULL);
        }
        puts("\nleft out");
        print_table(&out, true, "all");
        puts("");
        print_work(p);
    }
    free(groups.rows);
    free(roles.rows);
    free(out.rows);
    return status;
}

/* --- as JSON --- */

static json_t *count_of(size_t count, bool hidden)
{
    return hidden ? json_null() : json_integer((json_int_t)count);
}

static json_t *rows_of(const table *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(list, json_pack("{ss ss so}", "kind", t->rows[i].kind, "name",
                                              t->rows[i].name, "count",
                                              count_of(t->rows[i].count, t->rows[i].hidden)));
    return list;
}

static json_t *files_of(const kuni_request *q)
{
    json_t *list = json_array();
    for (const char *const *file = kuni_release_files((kuni_release_form)q->form); *file; file++)
        json_array_append_new(list, json_sprintf("%s%s", *file, ending(q)));
    const char *tables[KUNI_RELEASE_TABLES_MAX];
    kuni_release_table_files(q, tables);
    for (size_t i = 0; tables[i]; i++)
        json_array_append_new(list, json_sprintf("%s%s", tables[i], ending(q)));
    json_array_append_new(list, json_string("release.json"));
    return list;
}

kuni_status kuni_release_print_json(const kuni_release_plan *p, kuni_error *err)
{
    table groups = {.rows = NULL}, roles = {.rows = NULL}, out = {.rows = NULL};
    const kuni_request *q = &p->request;
    kuni_status status = count_eligible(p, &groups, &roles, err);
    if (!status) status = count_left_out(p, &out, err);
    if (!status) {
        json_t *o = json_pack(
            "{ss ss ss* sI ss sI so so so s{so so} so sI sI sI sI}", "request", q->name,
            "recipient", q->recipient, "disease", q->disease, "generation",
            (json_int_t)p->selection.generation, "day", p->selection.today, "threshold",
            (json_int_t)q->threshold, "eligible", count_of(groups.total, groups.total_hidden),
            "groups", rows_of(&groups), "roles", rows_of(&roles), "left_out", "count",
            count_of(out.total, out.total_hidden), "reasons", rows_of(&out), "files", files_of(q),
            "bp", (json_int_t)p->bp, "bytes", (json_int_t)p->bytes, "seconds",
            (json_int_t)(p->seconds + 1), "free_bytes", (json_int_t)p->free_bytes);
        char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
        if (text)
            puts(text);
        else
            status = kuni_fail_memory(err, 1, 1);
        free(text);
        json_decref(o);
    }
    free(groups.rows);
    free(roles.rows);
    free(out.rows);
    return status;
}
