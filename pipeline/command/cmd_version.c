/* SPDX-License-Identifier: MIT */
#include <htslib/hts.h>
#include <stdio.h>

#include "built.h"
#include "command.h"
#include "injection.h"

static int run(const kuni_call *call)
{
    (void)call;
    printf("kuni %s\n", kuni_built_version);
    printf("htslib %s\n", hts_version());
    if (kuni_injected) printf("with faults on purpose: for tests alone\n");
    return KUNI_OK;
}

const kuni_command kuni_cmd_version = {
    .group = "Help",
    .name = "version",
    .summary = "print the version of kuni and of the libraries it uses",
    .about = "Print the version of kuni, with the commit it was built from where that is no "
             "release, and\n"
             "of the library that reads and writes its files.",
    .usage = "kuni version",
    .example = "kuni version",
    .run = run,
};
