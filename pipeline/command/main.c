/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "kuni/version.h"

static const kuni_command commands[] = {
    {"version", "print the version", kuni_cmd_version},
};

int kuni_cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("kuni " KUNI_VERSION);
    return KUNI_OK;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    fputs("usage: kuni COMMAND ...\n", stderr);
    return KUNI_USAGE;
}
