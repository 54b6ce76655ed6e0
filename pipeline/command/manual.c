/* SPDX-License-Identifier: MIT */
#include "manual.h"

#include <stdio.h>
#include <string.h>

#include "help.h"
#include "kuni/version.h"
#include "roff.h"

/* Of the text below; man pages carry the day they were last changed by hand. */
static const char page_date[] = "2026-11-28";

typedef struct entry {
    const char *name, *text;
} entry;

static const entry environment[] = {
    {"KUNI_HTSLIB_LOG",
     "If set, the warnings of the library that reads and writes files are shown."},
    {"KUNI_PAIRHMM",
     "`plain`, `avx2` or `avx512`: the instructions that call-variants scores haplotypes with, "
     "instead of the widest the processor has. The results are the same bytes."},
    {"KUNI_RANK_SILENCE_S", "After how many seconds without a sign of life of a rank a run ends "
                            "with status 75, wherever it "
                            "stands, and `kuni status` calls it hung; likewise other commands "
                            "under mpirun. [180]"},
    {"KUNI_URL_PATIENCE_S",
     "After how many seconds without an answer a file behind a URL is given up at preflight and by "
     "kuni doctor. [60]"},
    {"SLURM_STEP_NUM_TASKS, PMIX_RANK, PMI_RANK, OMPI_COMM_WORLD_SIZE",
     "Set by what starts the ranks; `kuni run` looks whether all of them found each other."},
    {NULL, NULL},
};

static const entry files[] = {
    {"WORKFLOW.yaml", "What shall be done: see docs/workflow.md. Paths in it count from its "
                      "folder."},
    {"cohort.tsv", "The manifest: participant, sample and reads of each row: see "
                   "docs/manifest.md."},
    {"DATASET/current/", "What is published: the call set, its sites, tables of quality, and "
                         "dataset.json, which says what they were made from."},
    {"DATASET/status.json", "How the last run stands; `kuni status` reads it."},
    {"DATASET/logs/", "What stages and external commands printed."},
    {"DATASET/data/*/*/*.ev", "Evidence: what calling found for a batch of samples in a shard."},
    {NULL, NULL},
};

static const char examples[] = "kuni simulate \\-\\-out demo && kuni run demo/workflow.yaml\n"
                               "kuni validate workflows/quickstart.yaml\n"
                               "kuni doctor workflows/national.yaml\n"
                               "mpirun \\-n 64 kuni run workflows/national.yaml\n"
                               "kuni plan \\-\\-trial \\-\\-ranks 64 workflows/national.yaml\n";

/* --- the table's part --- */

/* "  stat   what it does" of an `about`, as a list; false where the line is none of those. */
static bool print_listed(const char *line, size_t length)
{
    char text[512];
    if (length < 4 || strncmp(line, "  ", 2) != 0 || length >= sizeof(text)) return false;
    memcpy(text, line, length);
    text[length] = '\0';
    char *gap = strstr(text + 2, "  ");
    if (!gap) return false;
    *gap = '\0';
    puts(".TP");
    kuni_roff_macro("B", text + 2);
    kuni_roff_text(gap + 2 + strspn(gap + 2, " "));
    return true;
}

static void print_about(const char *about)
{
    char text[2048] = "";
    size_t n = 0;
    puts(".PP");
    for (const char *line = about; *line;) {
        size_t length = strcspn(line, "\n");
        bool listed = length > 2 && line[0] == ' ' && line[1] == ' ';
        if (listed && n) {
            kuni_roff_text(text);
            n = 0;
        }
        if (!listed || !print_listed(line, length))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", n ? " " : "", (int)length,
                                  line);
        if (n >= sizeof(text)) n = sizeof(text) - 1;
        line += length + (line[length] == '\n');
    }
    if (n) kuni_roff_text(text);
}

static bool tells_choices(const kuni_option *option)
{
    for (size_t i = 0; option->binding.choices[i]; i++)
        if (!strstr(option->help, option->binding.choices[i])) return false;
    return true;
}

/* "1 to 1024", "cram or bam": what a value may be; "" where the help tells it. */
static void describe_range(const kuni_option *option, char *room, size_t size)
{
    const kuni_binding *b = &option->binding;
    bool number =
        b->type == KUNI_OPTION_INT || b->type == KUNI_OPTION_COUNT || b->type == KUNI_OPTION_FLOAT;
    size_t n = 0;
    room[0] = '\0';
    if (number && b->most < 1e15) snprintf(room, size, "%.10g to %.10g", b->least, b->most);
    if (strstr(option->help, room)) room[0] = '\0';
    if (b->type == KUNI_OPTION_CHOICE && tells_choices(option)) return;
    for (size_t i = 0; b->type == KUNI_OPTION_CHOICE && b->choices[i] && n < size; i++) {
        const char *gap = i == 0 ? "" : b->choices[i + 1] ? ", " : " or ";
        int more = snprintf(room + n, size - n, "%s%s", gap, b->choices[i]);
        if (more > 0) n += (size_t)more;
    }
}

/* What --help says, the range where the help does not tell it, and the default. */
static void print_meaning(const kuni_option *option)
{
    char range[256], text[1024];
    bool list = option->binding.type == KUNI_OPTION_TEXTS && !option->binding.prefix &&
                !strstr(option->help, "repeatable");
    describe_range(option, range, sizeof(range));
    bool more = range[0];
    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", option->help, more ? "; " : "",
             more ? range : "", list ? "; repeatable" : "", option->fallback ? " [" : "",
             option->fallback ? option->fallback : "", option->fallback ? "]" : "");
    kuni_roff_text(text);
}

static void print_option(const kuni_option *option)
{
    puts(".TP");
    if (option->letter) printf("\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stdout);
    kuni_roff_literal(option->name);
    fputs("\\fR", stdout);
    if (option->value) {
        fputs(" \\fI", stdout);
        kuni_roff_literal(option->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    print_meaning(option);
}

static void print_command(const kuni_command *command)
{
    char name[64];
    snprintf(name, sizeof(name), "kuni %s", command->name);
    kuni_roff_macro("SS", name);
    puts(".nf");
    kuni_roff_lines(command->usage);
    puts(".fi");
    print_about(command->about);
    for (const kuni_option *o = command->options; !kuni_option_is_end(o); o++) {
        if (o->name) {
            print_option(o);
        } else {
            char heading[128];
            puts(".PP");
            snprintf(heading, sizeof(heading), "%s:", o->help);
            kuni_roff_text(heading);
        }
    }
    if (!command->example) return;
    puts(".PP\n.nf\n.RS 4");
    kuni_roff_lines(command->example);
    puts(".RE\n.fi");
}

static void print_commands(const kuni_command *const *commands)
{
    puts(".SH COMMANDS");
    for (const kuni_command *const *c = commands; *c; c++) {
        if (!(*c)->group) continue;
        printf(".TP\n.B %s\n", (*c)->name);
        kuni_roff_text((*c)->summary);
    }
    puts(".TP\n.B help\nprint what a command does and its options\n"
         ".PP");
    kuni_roff_text(
        "Every command knows `--help`, of which `kuni help COMMAND` is another spelling, "
        "and `-h` where its list gives the letter no other sense. Options may stand "
        "before and after operands, and long ones may be cut short as long as they stay "
        "clear; what follows `--` is no option. Defaults are shown in brackets.");
    puts(".SH OPTIONS OF THE COMMANDS");
    for (const kuni_command *const *c = commands; *c; c++)
        if ((*c)->group) print_command(*c);
}

static void print_entries(const char *title, const char *font, const entry *entries)
{
    if (title) kuni_roff_macro("SH", title);
    for (const entry *e = entries; e->name; e++) {
        puts(".TP");
        kuni_roff_macro(font, e->name);
        kuni_roff_text(e->text);
    }
}

static void print_exit_statuses(void)
{
    puts(".SH EXIT STATUS");
    for (const kuni_exit_status *s = kuni_exit_statuses; s->brief; s++) {
        printf(".TP\n.B %d\n", s->status);
        kuni_roff_text(s->detail);
    }
}

void kuni_manual_print(const kuni_command *const *commands)
{
    printf(".\\\" SPDX-License-Identifier: MIT\n"
           ".\\\" Made by `kuni manual` from the tables of commands and options; do not edit.\n"
           ".TH KUNI 1 \"%s\" \"kuni %s\" \"User Commands\"\n",
           page_date, KUNI_VERSION);
    puts(".SH NAME\n"
         "kuni \\- from the reads of whole genomes to one joint\\-called national dataset\n"
         ".SH SYNOPSIS\n"
         ".B kuni\n.I COMMAND\n.RI [ OPTIONS ]\n\\&...\n.br\n"
         ".B mpirun \\-n\n.I RANKS\n.B kuni run\n.I WORKFLOW.yaml\n"
         ".SH DESCRIPTION\n.B kuni");
    kuni_roff_text("takes the aligned reads (BAM, CRAM) or gVCFs of a cohort through quality "
                   "control, variant calling, joint genotyping and merging to one indexed BCF with "
                   "its tables, as a workflow file in YAML says. The same inputs give the same "
                   "bytes at any number of ranks, in any cut into shards, and after any "
                   "interruption.");
    puts(".PP");
    kuni_roff_text("What is asked for goes to standard output; faults, notes and progress go to "
                   "standard error, faults led by `kuni:`.");
    print_commands(commands);
    print_exit_statuses();
    puts(".SH ENVIRONMENT");
    kuni_roff_text("Workflow files do not see the environment. kuni never fetches a reference over "
                   "the network: `REF_PATH` and `REF_CACHE` are not used.");
    print_entries(NULL, "B", environment);
    print_entries("FILES", "I", files);
    printf(".SH EXAMPLES\n.nf\n%s.fi\n", examples);
    puts(".SH SEE ALSO\n.BR bcftools (1),\n.BR samtools (1),\n.BR mpirun (1)\n.PP");
    kuni_roff_text("workflow.md, manifest.md, stages.md and operations.md in the documentation "
                   "that is installed with kuni.");
}
