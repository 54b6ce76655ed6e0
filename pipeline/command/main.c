/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "kuni/params.h"
#include "kuni/reads.h"
#include "kuni/version.h"

/* In the order of the help; a group's commands stand together. */
static const kuni_command commands[] = {
    {"Try", "simulate", "make a cohort with known truth: reference, reads, manifest, workflow",
     kuni_cmd_simulate},
    {"Before a run", "validate", "check a workflow and its manifest", kuni_cmd_validate},
    {"Before a run", "doctor", "check all that a run needs: files, indices, disk, machine",
     kuni_cmd_doctor},
    {"Before a run", "plan", "show shards, tasks, what is left, memory, disk and time",
     kuni_cmd_plan},
    {"Run", "run", "run a workflow, or go on with one", kuni_cmd_run},
    {"Run", "status", "tell how a run stands or how it ended", kuni_cmd_status},
    {"Dataset", "evidence", "look into evidence files: stat, dump, check", kuni_cmd_evidence},
    {"Dataset", "gvcf", "write a sample's evidence as a gVCF", kuni_cmd_gvcf},
    {"Dataset", "export", "write chosen samples and regions: BCF, VCF, sparse, sites, gVCF",
     kuni_cmd_export},
    {"Help", "stages", "list the stages, or the parameters of one", kuni_cmd_stages},
    {"Help", "version", "print the version of kuni and of the libraries it uses", kuni_cmd_version},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
    puts("About:   kuni " KUNI_VERSION
         ", from the reads of whole genomes to one joint-called national dataset\n"
         "Usage:   kuni COMMAND [OPTIONS] ...\n"
         "         mpirun -n RANKS kuni run WORKFLOW.yaml");
    const char *group = NULL;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!group || strcmp(group, commands[i].group) != 0) printf("\n%s:\n", commands[i].group);
        group = commands[i].group;
        printf("  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    puts("  help         print what a command does and its options: kuni help COMMAND\n"
         "\n"
         "Exit status:\n"
         "  0 done   64 usage   65 bad data   70 fault of kuni   71 memory   74 input or output\n"
         "  75 stopped on request: the same command goes on\n"
         "\n"
         "Example:\n"
         "  kuni simulate --out demo && kuni run demo/workflow.yaml");
}

static const kuni_command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[N_COMMANDS + 1];
    for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
    names[N_COMMANDS] = "help";
    const char *near = kuni_nearest(name, names, N_COMMANDS + 1);
    return kuni_command_complain(KUNI_USAGE, "unknown command '%s'%s%s%s; see `kuni --help`", name,
                                 near ? "; did you mean '" : "", near ? near : "",
                                 near ? "'?" : "");
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help();
        return KUNI_USAGE;
    }
    const char *word = argv[1];
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        print_help();
        return KUNI_OK;
    }
    if (strcmp(word, "--version") == 0) word = "version";
    if (help) word = argv[2];
    const kuni_command *command = find(word);
    if (!command) return unknown(word);
    if (help) {
        char name[64], option[] = "--help";
        snprintf(name, sizeof(name), "%s", command->name);
        char *words[] = {name, option, NULL};
        return command->run(2, words);
    }
    argv[1] = argv[1][0] == '-' ? argv[1] + 2 : argv[1];
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    kuni_htslib_setup();
    int status = dispatch(argc, argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == KUNI_OK)
        status = kuni_command_complain(KUNI_IO, "standard output: %s", strerror(errno));
    return status;
}
