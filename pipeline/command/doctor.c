/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>

void kuni_doctor_row(kuni_doctor *doctor, kuni_finding finding, const char *subject,
                     const char *format, ...)
{
    static const char *const names[] = {"PASS", "WARN", "FAIL"};
    va_list args;
    va_start(args, format);
    printf("%s  %-10s  ", names[finding], subject);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    doctor->counts[finding]++;
}
