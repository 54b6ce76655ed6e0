/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "schema.h"

static int run(const kuni_call *call)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    (void)call;
    kuni_status status = kuni_workflow_schema(&text, &err);
    if (!status && fwrite(text.data, 1, text.length, stdout) != text.length)
        status = kuni_fail_errno(&err, "cannot write to the standard output");
    kuni_buffer_fini(&text);
    return status ? kuni_command_fail(&err) : KUNI_OK;
}

const kuni_command kuni_cmd_schema = {
    .group = "Help",
    .name = "schema",
    .summary = "print a JSON Schema of the workflow file, for editors",
    .about =
        "Print a JSON Schema (draft-07) of the workflow file, made from the tables that workflows "
        "are\n"
        "read by. An editor with yaml-language-server completes and checks a file that names it:\n"
        "# yaml-language-server: $schema=workflow.schema.json",
    .usage = "kuni schema",
    .example = "kuni schema > workflow.schema.json",
    .run = run,
};
