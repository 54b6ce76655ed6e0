/* SPDX-License-Identifier: MIT */
#include "diff_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- for people --- */

static const char *cause_text(kuni_diff_cause cause)
{
    static const char *const texts[] = {
        "new samples",
        "reinstated",
        "withdrawal",
        "quarantine",
        "gate",
        "filter expression",
        "copies of X and Y",
        "recall",
        "other settings",
        "other people's presence",
        "facts of the people",
        "repair",
        "another kuni",
        "several of these",
        "unknown",
    };
    return texts[cause];
}

/* 1234567 as "1,234,567". */
static const char *grouped(int64_t value, char room[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, value), out = 0;
    for (int i = 0; i < n; i++) {
        if (i > (digits[0] == '-') && (n - i) % 3 == 0) room[out++] = ',';
        room[out++] = digits[i];
    }
    room[out] = '\0';
    return room;
}

static void print_generation(const char *label, const kuni_generation *g, int64_t samples)
{
    char room[32];
    const char *kuni = json_string_value(json_object_get(g->json, "kuni"));
    printf("%-10s%s: %s samples, kuni %s, %s\n", label, g->title,
           grouped(samples > 0 ? samples : json_integer_value(json_object_get(g->json, "samples")),
                   room),
           kuni ? kuni : "?", g->folder);
}

static void print_those(const char *what, const int64_t counts[KUNI_DIFF_CAUSES], int64_t total)
{
    char room[32];
    const char *separator = ": ";
    printf("; %s %s", grouped(total, room), what);
    for (int c = 0; c < KUNI_DIFF_CAUSES; c++) {
        if (!counts[c]) continue;
        printf("%s%s %s", separator, cause_text((kuni_diff_cause)c), grouped(counts[c], room));
        separator = ", ";
    }
}

static void print_people(const kuni_diff_result *r)
{
    char room[32];
    if (!r->samples_known) {
        puts("people    not known: the files have no samples");
        return;
    }
    printf("people    %s in both", grouped(r->common, room));
    print_those("came", r->came, r->samples[1] - r->common);
    print_those("went", r->went, r->samples[0] - r->common);
    puts("");
}

static void print_value(const json_t *value)
{
    const char *separator = "";
    size_t i;
    json_t *element;
    if (json_is_string(value))
        printf("%s", json_string_value(value));
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    json_array_foreach((json_t *)value, i, element)
    {
        printf("%s%s", separator, json_string_value(element) ? json_string_value(element) : "?");
        separator = "; ";
    }
    if (json_is_array(value) && !json_array_size(value)) printf("nothing");
}

static void print_settings(const kuni_changes *changes)
{
    size_t i;
    json_t *change;
    const char *label = "settings";
    json_array_foreach(changes->settings, i, change)
    {
        const char *stage = json_string_value(json_object_get(change, "stage"));
        printf("%-10s%s%s%s", label, stage, stage[0] ? ": " : "",
               json_string_value(json_object_get(change, "what")));
        json_t *from = json_object_get(change, "from"), *to = json_object_get(change, "to");
        if (json_is_null(from) && json_is_null(to)) {
            printf("%s", strcmp(json_string_value(json_object_get(change, "what")),
                                "parameter files or ploidy") == 0
                             ? ": others"
                             : "");
        } else {
            printf(": ");
            print_value(from);
            printf(" -> ");
            print_value(to);
        }
        puts("");
        label = "";
    }
    if (!i) puts("settings  the same");
}

static void print_history(const kuni_changes *changes)
{
    const char *what, *name, *separator = "";
    json_t *sums, *value;
    if (!changes->history_known) {
        puts("history   not known");
        return;
    }
    printf("history   %s", json_object_size(changes->history) ? "" : "nothing");
    json_object_foreach(changes->history, what, sums)
    {
        printf("%s%s", separator, what);
        int64_t times = json_integer_value(json_object_get(sums, "times"));
        if (times > 1) printf(" %" PRId64 " times", times);
        const char *open = " (";
        json_object_foreach(sums, name, value)
        {
            /* of the last publication alone it is the state, not an event */
            if (strcmp(name, "times") == 0 ||
                (strcmp(what, "published") == 0 && strcmp(name, "samples") == 0))
                continue;
            printf("%s%s %lld", open, name, (long long)json_integer_value(value));
            open = ", ";
        }
        printf("%s", open[0] == ',' ? ")" : "");
        separator = "; ";
    }
    puts("");
}

static void print_number(int64_t value, int width)
{
    char room[32];
    printf(" %*s", width, grouped(value, room));
}

static void print_table(const kuni_diff_result *r, const kuni_diff_kind *kinds,
                        const char *const *heads, size_t n)
{
    printf("\n%-26s", "by cause");
    for (size_t k = 0; k < n; k++) printf(" %14s", heads[k]);
    puts("");
    for (int c = 0; c < KUNI_DIFF_CAUSES; c++) {
        int64_t any = 0;
        for (size_t k = 0; k < n; k++) any += r->causes[kinds[k]][c];
        if (!any) continue;
        printf("  %-24s", cause_text((kuni_diff_cause)c));
        for (size_t k = 0; k < n; k++) print_number(r->causes[kinds[k]][c], 14);
        puts("");
    }
    printf("  %-24s", "all");
    for (size_t k = 0; k < n; k++) print_number(r->total[kinds[k]], 14);
    puts("");
}

static void print_sum(const char *what, int64_t first, int64_t gained, int64_t lost, int64_t second)
{
    char room[4][32];
    printf("\n%s  %s + %s gained - %s lost = %s\n", what, grouped(first, room[0]),
           grouped(gained, room[1]), grouped(lost, room[2]), grouped(second, room[3]));
}

void kuni_diff_print(const kuni_diff_report *report)
{
    static const kuni_diff_kind sites[] = {KUNI_SITES_GAINED, KUNI_SITES_LOST, KUNI_SITES_COUNTS,
                                           KUNI_SITES_FILTER};
    static const kuni_diff_kind genotypes[] = {KUNI_GENOTYPES_GAINED, KUNI_GENOTYPES_LOST,
                                               KUNI_GENOTYPES_CHANGED};
    static const char *const site_heads[] = {"gained", "lost", "AC, AN", "FILTER"};
    static const char *const genotype_heads[] = {"gained", "lost", "changed"};
    const kuni_diff_result *r = report->result;
    char room[2][32];
    print_generation("from", report->first, r->samples[0]);
    print_generation("to", report->second, r->samples[1]);
    printf("file      %s\n", report->file);
    print_people(r);
    print_settings(report->changes);
    print_history(report->changes);
    print_sum("SITES     ", r->sites[0], r->total[KUNI_SITES_GAINED], r->total[KUNI_SITES_LOST],
              r->sites[1]);
    print_table(r, sites, site_heads, 4);
    if (!r->dense) {
        puts("\nGENOTYPES   not compared: the files do not have one of every sample at every site");
        return;
    }
    print_sum("GENOTYPES ", r->genotypes[0], r->total[KUNI_GENOTYPES_GAINED],
              r->total[KUNI_GENOTYPES_LOST], r->genotypes[1]);
    printf("            of the samples in both; %s of those who went, %s of those who came\n",
           grouped(r->alone[0], room[0]), grouped(r->alone[1], room[1]));
    print_table(r, genotypes, genotype_heads, 3);
}

/* --- JSON --- */

static json_t *causes_object(const int64_t counts[KUNI_DIFF_CAUSES])
{
    json_t *o = json_object();
    for (int c = 0; c < KUNI_DIFF_CAUSES; c++)
        if (counts[c])
            json_object_set_new(o, kuni_diff_cause_name((kuni_diff_cause)c),
                                json_integer(counts[c]));
    return o;
}

static json_t *kind_object(const kuni_diff_result *r, kuni_diff_kind kind)
{
    return json_pack("{sI so}", "all", (json_int_t)r->total[kind], "causes",
                     causes_object(r->causes[kind]));
}

static json_t *generation_object(const kuni_generation *g)
{
    json_t *o =
        json_pack("{ss sO? sO?}", "folder", g->folder, "kuni", json_object_get(g->json, "kuni"),
                  "samples", json_object_get(g->json, "samples"));
    if (g->number) json_object_set_new(o, "generation", json_integer(g->number));
    return o;
}

static json_t *sites_object(const kuni_diff_result *r)
{
    return json_pack("{sI sI sI so so so so}", "from", (json_int_t)r->sites[0], "to",
                     (json_int_t)r->sites[1], "both", (json_int_t)r->sites_both, "gained",
                     kind_object(r, KUNI_SITES_GAINED), "lost", kind_object(r, KUNI_SITES_LOST),
                     "counts", kind_object(r, KUNI_SITES_COUNTS), "filter",
                     kind_object(r, KUNI_SITES_FILTER));
}

static json_t *genotypes_object(const kuni_diff_result *r)
{
    if (!r->dense) return json_null();
    return json_pack("{sI sI sI sI sI so so so}", "from", (json_int_t)r->genotypes[0], "to",
                     (json_int_t)r->genotypes[1], "both", (json_int_t)r->genotypes_both,
                     "of_those_who_went", (json_int_t)r->alone[0], "of_those_who_came",
                     (json_int_t)r->alone[1], "gained", kind_object(r, KUNI_GENOTYPES_GAINED),
                     "lost", kind_object(r, KUNI_GENOTYPES_LOST), "changed",
                     kind_object(r, KUNI_GENOTYPES_CHANGED));
}

static json_t *people_object(const kuni_diff_result *r)
{
    if (!r->samples_known) return json_null();
    return json_pack("{sI so so}", "both", (json_int_t)r->common, "came", causes_object(r->came),
                     "went", causes_object(r->went));
}

kuni_status kuni_diff_print_json(const kuni_diff_report *report, kuni_error *err)
{
    const kuni_diff_result *r = report->result;
    const kuni_changes *changes = report->changes;
    json_t *o = json_pack(
        "{si so so ss so sO sO? so so}", "format", 1, "from", generation_object(report->first),
        "to", generation_object(report->second), "file", report->file, "people", people_object(r),
        "settings", changes->settings, "history", changes->history_known ? changes->history : NULL,
        "sites", sites_object(r), "genotypes", genotypes_object(r));
    char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
    if (text) puts(text);
    json_decref(o);
    kuni_status status = text ? KUNI_OK : kuni_fail_memory(err, 1, 1);
    free(text);
    return status;
}
