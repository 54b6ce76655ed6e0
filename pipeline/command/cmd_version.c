/* SPDX-License-Identifier: MIT */
#include <htslib/hts.h>
#include <stdio.h>

#include "command.h"
#include "kuni/version.h"

static int run(const kuni_call *call)
{
    (void)call;
    puts("kuni " KUNI_VERSION);
    printf("htslib %s\n", hts_version());
    return KUNI_OK;
}

const kuni_command kuni_cmd_version = {
    .group = "Help",
    .name = "version",
    .summary = "print the version of kuni and of the libraries it uses",
    .about = "Print the version of kuni and of the library that reads and writes its files.",
    .usage = "kuni version",
    .example = "kuni version",
    .run = run,
};
