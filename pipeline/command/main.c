/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "help.h"
#include "kuni/reads.h"

static int unknown(const char *name)
{
    const char *near = kuni_commands_nearest(name);
    return kuni_command_complain(KUNI_USAGE, "unknown command '%s'%s%s%s; see `kuni --help`", name,
                                 near ? "; did you mean '" : "", near ? near : "",
                                 near ? "'?" : "");
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        kuni_help_print(kuni_commands);
        return KUNI_USAGE;
    }
    const char *word = argv[1];
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        kuni_help_print(kuni_commands);
        return KUNI_OK;
    }
    if (strcmp(word, "--version") == 0) word = "version";
    if (help) word = argv[2];
    const kuni_command *command = kuni_commands_find(word);
    if (!command) return unknown(word);
    if (help) {
        kuni_help_print_command(command);
        return KUNI_OK;
    }
    argv[1] = argv[1][0] == '-' ? argv[1] + 2 : argv[1];
    return kuni_commands_call(command, argc - 1, argv + 1);
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
