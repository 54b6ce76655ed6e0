/* SPDX-License-Identifier: MIT */
#include "complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int kuni_command_fail(const kuni_error *err)
{
    (void)fflush(stdout); /* so that both streams read in order on a terminal */
    fprintf(stderr, "kuni: %s\n", err->text[0] ? err->text : kuni_status_name(err->status));
    return err->status;
}

int kuni_command_complain(kuni_status status, const char *format, ...)
{
    char text[KUNI_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)fflush(stdout);
    fprintf(stderr, "kuni: %s\n", text);
    return status;
}

static void print_lines(const char *lead, const char *lines)
{
    (void)fflush(stdout);
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        fprintf(stderr, "%s%.*s\n", lead, (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void kuni_command_print_faults(const kuni_buffer *faults)
{
    if (faults->length) print_lines("kuni: ", faults->data);
}

void kuni_command_print_notes(const char *notes)
{
    print_lines("kuni: note: ", notes);
}

bool kuni_command_agree(bool yes, const char *text)
{
    char answer[8] = "";
    fprintf(stderr, "kuni: %s\n", text);
    if (yes) return true;
    if (!isatty(STDIN_FILENO)) return false;
    fputs("Go on? [y/N] ", stderr);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
