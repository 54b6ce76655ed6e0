/* SPDX-License-Identifier: MIT */
#include <htslib/hts.h>
#include <stdio.h>

#include "command.h"
#include "kuni/version.h"
#include "options.h"

static const kuni_usage usage = {
    .about = "Print the version of kuni and of the library that reads and writes its files.",
    .usage = "kuni version",
    .example = "kuni version",
};

int kuni_cmd_version(int argc, char **argv)
{
    kuni_options options;
    const char *value;
    kuni_options_start(&options, &usage, argc, argv);
    if (kuni_options_next(&options, &value) != KUNI_OPTIONS_END) return options.status;
    puts("kuni " KUNI_VERSION);
    printf("htslib %s\n", hts_version());
    return KUNI_OK;
}
