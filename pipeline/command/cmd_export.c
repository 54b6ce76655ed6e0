/* SPDX-License-Identifier: MIT */
/* kuni export: some samples in some regions of a finished dataset, as BCF, VCF or gVCF. */
#include <string.h>

#include "command.h"
#include "complain.h"
#include "export_chosen.h"
#include "export_published.h"
#include "history.h"
#include "published.h"
#include "team.h"
#include "transport.h"

enum {
    BY_NAME = -1,    /* the format, as the output's name says */
    BY_WORKFLOW = -1 /* as the stage has it */
};

/* In the order of kuni_export_format. */
static const char *const formats[] = {"bcf",   "vcf.gz", "vcf",  "sparse",    "sites", "gvcf",
                                      "plink", "pgen",   "zarr", "sites-tsv", NULL};

/* Of joint-genotype's reference_likelihoods. */
static const char *const likelihoods[] = {"none", "trios", "all", NULL};

typedef struct request {
    kuni_export_request export;
    int likelihoods;     /* BY_WORKFLOW or one of these */
    kuni_texts settings; /* --set */
} request;

static const kuni_option options[] = {
    KUNI_OPTIONS_HEADING("What"),
    {"region", 'r', "LIST", "all", "CONTIG or CONTIG:BEG-END, 1-based and inclusive; repeatable",
     KUNI_BIND_TEXTS(request, export.regions, KUNI_COMPLETES_NOTHING)},
    {"samples", 'S', "LIST", "all", "sample ids, separated by commas",
     KUNI_BIND_TEXT(request, export.samples, KUNI_COMPLETES_NOTHING)},
    {"samples-file", 0, "FILE", NULL, "sample ids, one a line",
     KUNI_BIND_TEXT(request, export.samples_file, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_HEADING("How"),
    {"format", 'f', "NAME", "as PATH is named, else bcf",
     "bcf, vcf.gz, vcf; sparse: VCF 4.5 with blocks; sites: BCF without genotypes; gvcf: a file a "
     "sample; plink: BCF with GT alone; pgen: .pgen, .pvar and .psam of PLINK 2; zarr: "
     "VCF Zarr; sites-tsv: sites as a packed table, a line an allele",
     KUNI_BIND_CHOICE(request, export.format, formats)},
    {"fields", 'F', "LIST", "as in the workflow", "FORMAT fields, as in GT,GQ,DP",
     KUNI_BIND_TEXT(request, export.fields, KUNI_COMPLETES_NOTHING)},
    {"reference-likelihoods", 0, "WHOSE", "as in the workflow",
     "AD and PL of 0/0 from reference blocks: all, trios (members of declared ones) or none",
     KUNI_BIND_CHOICE(request, likelihoods, likelihoods)},
    {"exact", 0, NULL, NULL, "GQ and DP of reference blocks as they are, not by bands",
     KUNI_BIND_FLAG(request, export.exact)},
    {"diploid", 0, NULL, NULL,
     "gvcf: single copies as two of the same, for tools that know no others",
     KUNI_BIND_FLAG(request, export.diploid)},
    {"jobs", 'j', "N", "1", "processes at once, of every rank",
     KUNI_BIND_INT(request, export.jobs, 1, 1024)},
    {"out", 'o', "PATH", NULL,
     "the file; for gvcf and zarr the folder; for pgen what stands before .pgen",
     KUNI_BIND_TEXT(request, export.out, KUNI_COMPLETES_FILE)},
    {"stage", 0, "ID", "the only one", "which joint-genotype stage of the workflow",
     KUNI_BIND_TEXT(request, export.stage, KUNI_COMPLETES_NOTHING)},
    KUNI_OPTION_SET(request, settings),
    KUNI_OPTIONS_END,
};

/* What was wanted, without a name of anybody. */
static json_t *parameters(const kuni_exporter *x)
{
    const kuni_export_request *wanted = x->request;
    json_t *regions = json_array();
    json_t *o = json_pack("{sI ss sI sb ss* ss*}", "generation",
                          (json_int_t)kuni_published_generation(x->run->folder), "format",
                          formats[wanted->format], "samples", (json_int_t)x->n_columns, "all",
                          !wanted->samples && !wanted->samples_file, "fields", wanted->fields,
                          "stage", wanted->stage);
    for (size_t i = 0; i < wanted->regions.n; i++)
        json_array_append_new(regions, json_string(wanted->regions.texts[i]));
    if (wanted->regions.n) json_object_set(o, "regions", regions);
    json_decref(regions);
    return o;
}

/*
 * Who may only read the dataset may export from it, too: then it is told that nobody will read of it
 * in the history. Rank 0 only.
 */
static void record(const kuni_exporter *x)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (!kuni_history_add(x->run->folder, "exported", NULL, parameters(x), &err)) return;
    if (!kuni_buffer_printf(&text, &ignored, "the export is not recorded in the history: %s",
                            err.text))
        kuni_command_print_notes(text.data);
    kuni_buffer_fini(&text);
}

/* Collective. */
static kuni_status write_form(kuni_exporter *x, kuni_error *err)
{
    int format = x->request->format;
    kuni_status status = format == KUNI_EXPORT_GVCF        ? kuni_export_gvcfs(x, err)
                         : format == KUNI_EXPORT_PGEN      ? kuni_export_pgen(x, err)
                         : format == KUNI_EXPORT_ZARR      ? kuni_export_zarr(x, err)
                         : format == KUNI_EXPORT_SITES_TSV ? kuni_export_table(x, err)
                                                           : kuni_export_calls(x, err);
    if (!status && kuni_transport_rank() == 0) record(x);
    return status;
}

/* Collective. From the evidence, which the journal and the seals tell of. */
static kuni_status write_made(const kuni_export_request *wanted, const kuni_run_options *run,
                              kuni_buffer *faults, kuni_error *err)
{
    kuni_preview preview;
    kuni_exporter x;
    kuni_status status =
        kuni_transport_agree(kuni_preview_make(&preview, run, true, faults, err), err);
    if (!status) {
        status = kuni_transport_agree(kuni_exporter_init(&x, wanted, &preview, err), err);
        if (!status) status = write_form(&x, err);
        kuni_exporter_fini(&x);
    }
    kuni_preview_fini(&preview);
    return status;
}

/* Collective. Whether all ranks can. */
static kuni_status all_can(bool mine, bool *all, kuni_error *err)
{
    int64_t cannot = !mine;
    kuni_status status = kuni_transport_max(&cannot, err);
    *all = !status && !cannot;
    return status;
}

/* Collective. From a published file, or from the files of some people's batches; *done false where neither will do. */
static kuni_status write_found(kuni_exporter *x, kuni_published_run *current, bool *done,
                               kuni_error *err)
{
    kuni_published_calls calls = {.path = NULL};
    kuni_ledger ledger = {.run = NULL};
    kuni_status status = KUNI_OK;
    if (kuni_published_form(x->request))
        status = kuni_published_calls_find(&calls, x, current, err);
    status = kuni_transport_agree(status, err);
    if (!status) status = all_can(calls.path != NULL, done, err);
    if (!status && !*done) {
        bool found;
        status = kuni_transport_agree(kuni_export_chosen(x, current, &ledger, &found, err), err);
        if (!status) status = all_can(found, done, err);
    } else
        x->published = &calls;
    if (!status && *done) status = write_form(x, err);
    kuni_published_calls_fini(&calls);
    if (ledger.run) kuni_ledger_fini(&ledger);
    return status;
}

/* Collective. Of what is published, without the journal; *done tells. */
static kuni_status write_published(const kuni_export_request *wanted, const kuni_run_options *run,
                                   bool *done, kuni_buffer *faults, kuni_error *err)
{
    kuni_published_run current;
    kuni_exporter x;
    bool stands = false;
    *done = false;
    kuni_status status =
        kuni_transport_agree(kuni_published_run_open(&current, run, faults, err), err);
    if (!status) status = all_can(current.stands, &stands, err);
    if (!status && stands) {
        status = kuni_transport_agree(kuni_exporter_init_published(&x, wanted, &current, err), err);
        if (!status) status = write_found(&x, &current, done, err);
        kuni_exporter_fini(&x);
    }
    kuni_published_run_close(&current);
    return status;
}

static kuni_status write_all(const kuni_export_request *wanted, const kuni_run_options *run,
                             kuni_buffer *faults, kuni_error *err)
{
    bool done;
    kuni_status status = write_published(wanted, run, &done, faults, err);
    return status || done ? status : write_made(wanted, run, faults, err);
}

static void set_defaults(void *given)
{
    request *r = given;
    r->export.jobs = 1;
    r->export.format = BY_NAME;
    r->likelihoods = BY_WORKFLOW;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), length = strlen(end);
    return n > length && strcmp(text + n - length, end) == 0;
}

/* What the name of a file says that it is; BY_NAME: nothing. */
static int named_format(const char *out)
{
    return ends_with(out, ".vcf.gz") || ends_with(out, ".vcf.bgz") ? KUNI_EXPORT_VCF_GZ
           : ends_with(out, ".vcf")                                ? KUNI_EXPORT_VCF
           : ends_with(out, ".bcf")                                ? KUNI_EXPORT_BCF
                                                                   : BY_NAME;
}

static bool names_sparse(const char *out)
{
    const char *slash = strrchr(out, '/');
    return strstr(slash ? slash + 1 : out, "sparse") != NULL;
}

/* Whoever opens the file goes by its name. */
static const char *misnamed(const kuni_export_request *wanted)
{
    int named = named_format(wanted->out);
    bool plain = wanted->format == KUNI_EXPORT_BCF || wanted->format == KUNI_EXPORT_VCF_GZ ||
                 wanted->format == KUNI_EXPORT_VCF;
    if (strcmp(wanted->out, "-") == 0)
        return "it is written in pieces that are joined and indexed, and not to a pipe: name a "
               "file";
    if (wanted->format == KUNI_EXPORT_GVCF && named != BY_NAME)
        return "-f gvcf writes a file a sample: name a folder";
    if (wanted->format == KUNI_EXPORT_SITES_TSV && named != BY_NAME)
        return "-f sites-tsv writes a packed table: name it .tsv.gz";
    if (wanted->format == KUNI_EXPORT_ZARR && named != BY_NAME)
        return "-f zarr writes a folder: name it otherwise";
    if (wanted->format == KUNI_EXPORT_PGEN && named != BY_NAME)
        return "-f pgen writes .pgen, .pvar and .psam: name what stands before";
    if (wanted->format == KUNI_EXPORT_SPARSE && named != BY_NAME && !names_sparse(wanted->out))
        return "most tools take '.' of a sparse call set for missing, so its name has to warn: "
               "name it *.sparse.vcf.gz";
    if (plain && named != BY_NAME && named != wanted->format)
        return "the name says another format than --format: change one of them";
    return NULL;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    if (!r->export.out) return kuni_command_complain(KUNI_USAGE, "export: --out PATH is missing");
    if (r->export.format == BY_NAME) r->export.format = named_format(r->export.out);
    if (r->export.format == BY_NAME) r->export.format = KUNI_EXPORT_BCF;
    const char *why = misnamed(&r->export);
    if (why) return kuni_command_complain(KUNI_USAGE, "export: --out %s: %s", r->export.out, why);
    if (r->export.diploid && r->export.format != KUNI_EXPORT_GVCF)
        return kuni_command_complain(KUNI_USAGE, "export: --diploid is of -f gvcf alone");
    bool dense = r->export.format <= KUNI_EXPORT_VCF;
    if (r->likelihoods != BY_WORKFLOW && !dense)
        return kuni_command_complain(KUNI_USAGE,
                                     "export: --reference-likelihoods is of -f bcf, vcf.gz and "
                                     "vcf: the other forms have no AD and PL of 0/0 to fill in");
    if (r->likelihoods != BY_WORKFLOW) r->export.likelihoods = likelihoods[r->likelihoods];
    kuni_run_options as_run = {.jobs = 1,
                               .workflow = call->words[0],
                               .settings = r->settings.texts,
                               .n_settings = r->settings.n};
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_team_join(&err);
    if (status) return kuni_command_fail(&err);
    status = write_all(&r->export, &as_run, &faults, &err);
    bool leads = kuni_transport_rank() == 0;
    if (leads && faults.length)
        kuni_command_print_faults(&faults);
    else if (leads && status)
        (void)kuni_command_fail(&err);
    kuni_buffer_fini(&faults);
    return kuni_team_leave(status, &err);
}

const kuni_command kuni_cmd_export = {
    .group = "Dataset",
    .name = "export",
    .summary = "write chosen samples and regions: BCF, VCF, sparse, sites, gVCF",
    .about =
        "Write chosen samples and regions of a dataset, without calling again and from the chosen\n"
        "samples' evidence alone. Genotypes are those of the national call set; counts are those "
        "of\n"
        "the chosen samples. Under mpirun all ranks share the work; the bytes are the same. The\n"
        "history notes it: by whom, what, how many samples.",
    .usage = "kuni export [OPTIONS] --out PATH WORKFLOW.yaml\n"
             "mpirun -n RANKS kuni export [OPTIONS] --out PATH WORKFLOW.yaml",
    .example =
        "kuni export -r chr20:1000-90000 -S S000001,S000002 -o two.bcf workflows/quickstart.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
