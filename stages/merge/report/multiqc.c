/* SPDX-License-Identifier: MIT */
/* Custom content for MultiQC: a row a sample, and the spectrum of allele frequencies. */
#include <math.h>

#include "callset.h"
#include "kuni/json.h"

enum { SAMPLES_MOST = 5000 }; /* MultiQC draws no more */

static kuni_status finish(kuni_file *file, kuni_status status, kuni_error *err)
{
    if (status == KUNI_OK) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status write_table(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(
        file, err,
        "# id: kuni_call_set\n# section_name: kuni call set\n"
        "# description: genotypes of each sample in the joint call set\n# plot_type: table\n"
        "# pconfig:\n#     id: kuni_call_set_table\n#     namespace: kuni\nSample");
    for (size_t m = 0; m < callset_n_measures && !status; m++)
        if (callset_measures[m].watched)
            status = kuni_file_printf(file, err, "\t%s", callset_measures[m].name);
    if (!status) status = kuni_file_printf(file, err, "\n");
    for (uint32_t c = 0; c < set->totals.n_columns && c < SAMPLES_MOST && !status; c++) {
        status = kuni_file_printf(file, err, "%s", set->samples[c]->id);
        for (size_t m = 0; m < callset_n_measures && !status; m++) {
            const callset_measure *measure = &callset_measures[m];
            double value = measure->value(&set->totals, c);
            if (!measure->watched) continue;
            status = isfinite(value)
                         ? kuni_file_printf(file, err, "\t%.*f", measure->decimals, value)
                         : kuni_file_printf(file, err, "\t");
        }
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    return finish(file, status, err);
}

static void put_spectrum(const callset *set, kuni_json *json)
{
    static const char *const names[] = {"SNPs", "indels", "others"};
    static const int kinds[][2] = {{CALLSET_TRANSITION, CALLSET_TRANSVERSION},
                                   {CALLSET_INSERTION, CALLSET_DELETION},
                                   {CALLSET_OTHER, -1}};
    const uint64_t *spectra = set->totals.sums + CALLSET_AT_FREQUENCIES +
                              CALLSET_PASSED * CALLSET_KINDS * CALLSET_FREQUENCIES;
    kuni_json_object(json, "data", KUNI_JSON_LINES);
    for (int bin = 1; bin < CALLSET_FREQUENCIES; bin++) {
        char text[32];
        callset_frequency_text(bin, text);
        kuni_json_object(json, text, KUNI_JSON_INLINE);
        for (int i = 0; i < 3; i++) {
            uint64_t count = 0;
            for (int k = 0; k < 2; k++)
                if (kinds[i][k] >= 0) count += spectra[kinds[i][k] * CALLSET_FREQUENCIES + bin];
            kuni_json_uint(json, names[i], count);
        }
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static kuni_status write_frequencies(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_json json;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_INDENTED, err);
    kuni_json_object(&json, NULL, KUNI_JSON_LINES);
    kuni_json_text(&json, "id", "kuni_allele_frequencies");
    kuni_json_text(&json, "section_name", "kuni allele frequencies");
    kuni_json_text(&json, "description",
                   "ALTs of records that passed, by copies and by share of the copies called");
    kuni_json_text(&json, "plot_type", "bargraph");
    kuni_json_object(&json, "pconfig", KUNI_JSON_LINES);
    kuni_json_text(&json, "id", "kuni_allele_frequencies_plot");
    kuni_json_text(&json, "title", "kuni: allele frequencies");
    kuni_json_text(&json, "ylab", "ALTs");
    kuni_json_bool(&json, "sort_samples", false);
    kuni_json_end(&json);
    put_spectrum(set, &json);
    kuni_json_end(&json);
    status = kuni_json_finish(&json);
    if (!status) status = kuni_file_write(file, "\n", 1, err);
    return finish(file, status, err);
}

kuni_status callset_write_multiqc(const callset *set, const char *table, const char *frequencies,
                                  kuni_error *err)
{
    kuni_status status = write_table(set, table, err);
    return status ? status : write_frequencies(set, frequencies, err);
}
