/* SPDX-License-Identifier: MIT */
#include "contig_name.h"

#include <stddef.h>
#include <string.h>

const char *kuni_contig_name_fault(const char *name)
{
    if (!*name) return "is empty";
    if (*name == '*' || *name == '=') return "starts with * or =";
    for (const char *c = name; *c; c++) {
        if (*c <= ' ' || *c > '~') return "holds a character that is no printable ASCII";
        if (strchr("\\,\"'`()[]{}<>", *c)) return "holds one of \\ , \" ' ` ( ) [ ] { } < >";
    }
    return NULL;
}
