/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <string.h>

bool joint_options_have(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, "\n");
        if (length == n && memcmp(at, word, n) == 0) return true;
        at += length + (at[length] == '\n');
    }
    return false;
}

static kuni_status check_words(const char *param, const char *list, const char *const *known,
                               const char *expected, kuni_error *err)
{
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, "\n");
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            if (strlen(known[i]) == length && memcmp(known[i], at, length) == 0) found = true;
        if (!found)
            return kuni_fail(err, KUNI_USAGE, "%s: unknown '%.*s': expected %s", param, (int)length,
                             at, expected);
        at += length + (at[length] == '\n');
    }
    return KUNI_OK;
}

static kuni_status read_bands(joint_bands *bands, const char *param, const kuni_params *params,
                              kuni_error *err)
{
    return kuni_params_edges(params, param, bands->edges, JOINT_BANDS_MAX, &bands->n, err);
}

kuni_status joint_options_read(joint_options *options, joint_filters *filters, const kuni_params *p,
                               kuni_error *err)
{
    const char *format = kuni_params_text(p, "format");
    const char *also = kuni_params_text(p, "also");
    static const char *const fields[] = {"GT", "GQ", "DP", "AD", "PL", "RNC", "PS", NULL},
                             *const forms[] = {"sites", "sparse", NULL};
    kuni_status status =
        check_words("format", format, fields, "GT, GQ, DP, RNC, AD, PL or PS", err);
    if (!status) status = check_words("also", also, forms, "sites or sparse", err);
    if (status) return status;
    *options = (joint_options){
        .dense = strcmp(kuni_params_text(p, "output"), "sites") != 0,
        .sites = joint_options_have(also, "sites"),
        .sparse = joint_options_have(also, "sparse"),
        .exact_cells = strcmp(kuni_params_text(p, "reference_cells"), "exact") == 0,
        .with_gq = joint_options_have(format, "GQ"),
        .with_dp = joint_options_have(format, "DP"),
        .with_rnc = joint_options_have(format, "RNC"),
        .with_ad = joint_options_have(format, "AD"),
        .with_pl = joint_options_have(format, "PL"),
        .with_ps = joint_options_have(format, "PS"),
        .local_over = (uint32_t)kuni_params_int(p, "local_alleles_over"),
        .min_allele_quality = (int)kuni_params_int(p, "min_allele_quality"),
        .min_gq = (int)kuni_params_int(p, "min_gq"),
        .prior_cap = (int)kuni_params_int(p, "prior_cap"),
        .snp_heterozygosity = kuni_params_float(p, "snp_heterozygosity"),
        .indel_heterozygosity = kuni_params_float(p, "indel_heterozygosity"),
        .memory_bytes = (int64_t)1 << 30,
    };
    status = read_bands(&options->gq_bands, "sparse_gq", p, err);
    if (!status) status = read_bands(&options->dp_bands, "sparse_dp", p, err);
    if (status) return status;
    return joint_filters_parse(filters, kuni_params_text(p, "filters"), err);
}

kuni_status joint_options_check(const kuni_params *params, kuni_error *err)
{
    joint_options options;
    joint_filters filters = {0};
    kuni_status status = joint_options_read(&options, &filters, params, err);
    joint_filters_free(&filters);
    return status;
}

kuni_status joint_options_check_samples(const kuni_params *params, size_t n_samples,
                                        kuni_error *err)
{
    if (n_samples <= JOINT_DENSE_MOST || strcmp(kuni_params_text(params, "output"), "auto") != 0)
        return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "output: %zu samples are more than the %d up to which a call set is dense by "
                     "itself: expected `output: sites` with `also: [sparse]` (INFO, and genotypes "
                     "as events and blocks), or `output: dense` (a value for every sample and "
                     "record); `kuni plan` tells what each takes",
                     n_samples, JOINT_DENSE_MOST);
}
