/* SPDX-License-Identifier: MIT */
/* kuni export: some samples in some regions of a finished dataset, as BCF, VCF or gVCF. */
#include <string.h>

#include "command.h"
#include "exporter.h"
#include "transport.h"

enum { KEY_SAMPLES_FILE = KUNI_OPTION_LONG, KEY_STAGE, KEY_EXACT };

static const kuni_option option_table[] = {
    {NULL, 0, NULL, NULL, "What"},
    {"region", 'r', "LIST", "all", "CONTIG or CONTIG:BEG-END, 1-based and inclusive; repeatable"},
    {"samples", 'S', "LIST", "all", "sample ids, separated by commas"},
    {"samples-file", KEY_SAMPLES_FILE, "FILE", NULL, "sample ids, one a line"},
    {NULL, 0, NULL, NULL, "How"},
    {"format", 'f', "NAME", "bcf",
     "bcf, vcf.gz, vcf; sparse: VCF 4.5 with blocks; sites: BCF without genotypes; gvcf: a file a "
     "sample; plink: BCF with GT alone"},
    {"fields", 'F', "LIST", "as in the workflow", "FORMAT fields, as in GT,GQ,DP"},
    {"exact", KEY_EXACT, NULL, NULL, "sparse: GQ and DP of blocks as they are, not by bands"},
    {"jobs", 'j', "N", "1", "processes at once, of every rank"},
    {"out", 'o', "PATH", NULL, "the file; for gvcf the folder"},
    {"stage", KEY_STAGE, "ID", "the only one", "which joint-genotype stage of the workflow"},
    KUNI_OPTION_SET,
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about =
        "Write chosen samples and regions of a dataset, without calling again and from the chosen\n"
        "samples' evidence alone. Genotypes are those of the national call set; counts are those "
        "of\n"
        "the chosen samples. Under mpirun all ranks share the work; the bytes are the same.",
    .usage = "kuni export [OPTIONS] --out PATH WORKFLOW.yaml\n"
             "mpirun -n RANKS kuni export [OPTIONS] --out PATH WORKFLOW.yaml",
    .options = option_table,
    .example =
        "kuni export -r chr20:1000-90000 -S S000001,S000002 -o two.bcf workflows/quickstart.yaml",
    .least_operands = 1,
    .most_operands = 1,
};

/* Collective. */
static kuni_status export(const kuni_export_request *request, const kuni_run_options *options,
                          kuni_buffer *faults, kuni_error *err)
{
    kuni_preview preview;
    kuni_exporter x;
    kuni_status status =
        kuni_transport_agree(kuni_preview_make(&preview, options, true, faults, err), err);
    if (!status) {
        status = kuni_transport_agree(kuni_exporter_init(&x, request, &preview, err), err);
        if (!status)
            status = strcmp(request->format, "gvcf") == 0 ? kuni_export_gvcfs(&x, err)
                                                          : kuni_export_calls(&x, err);
        kuni_exporter_fini(&x);
    }
    kuni_preview_fini(&preview);
    return status;
}

int kuni_cmd_export(int argc, char **argv)
{
    static const char *const formats[] = {"bcf",   "vcf.gz", "vcf",  "sparse",
                                          "sites", "gvcf",   "plink"};
    kuni_options options;
    kuni_settings settings = {.n = 0};
    const char *value;
    kuni_export_request request = {.jobs = 1};
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        switch (key) {
        case 's':
            if (!kuni_settings_add(&options, &settings, value)) return options.status;
            break;
        case 'r':
            if (request.n_regions == KUNI_SETTINGS_MAX)
                return kuni_command_complain(KUNI_USAGE, "--region: at most %d; use commas",
                                             KUNI_SETTINGS_MAX);
            request.regions[request.n_regions++] = value;
            break;
        case 'S':
            request.samples = value;
            break;
        case KEY_SAMPLES_FILE:
            request.samples_file = value;
            break;
        case 'f':
            request.format = value;
            break;
        case 'F':
            request.fields = value;
            break;
        case 'o':
            request.out = value;
            break;
        case KEY_EXACT:
            request.exact = true;
            break;
        case 'j':
            if (!kuni_option_int(&options, "jobs", value, 1, 1024, &request.jobs))
                return options.status;
            break;
        case KEY_STAGE:
            request.stage = value;
            break;
        default:
            return options.status;
        }
    }
    if (!request.out) return kuni_command_complain(KUNI_USAGE, "export: --out PATH is missing");
    if (!request.format) { /* as the name says */
        size_t n = strlen(request.out);
        request.format = n > 7 && strcmp(request.out + n - 7, ".vcf.gz") == 0 ? "vcf.gz"
                         : n > 4 && strcmp(request.out + n - 4, ".vcf") == 0  ? "vcf"
                                                                              : "bcf";
    }
    bool known = false;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i], request.format) == 0) known = true;
    if (!known)
        return kuni_command_complain(
            KUNI_USAGE, "--format %s: expected bcf, vcf.gz, vcf, sparse, sites, gvcf or plink",
            request.format);
    kuni_run_options run = {.jobs = 1,
                            .workflow = options.operands[0],
                            .settings = settings.texts,
                            .n_settings = settings.n};
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_transport_init(&err);
    if (!status) {
        status = export(&request, &run, &faults, &err);
        if (kuni_transport_rank() == 0 && faults.length)
            kuni_command_print_faults(&faults);
        else if (kuni_transport_rank() == 0 && status)
            (void)kuni_command_fail(&err);
        kuni_transport_fini();
    } else
        (void)kuni_command_fail(&err);
    kuni_buffer_fini(&faults);
    return status;
}
