/* SPDX-License-Identifier: MIT */
#include "scan.h"

/* The number that *at begins with; *at goes past it. */
static bool take_number(const char **at, uint64_t *number)
{
    const char *start = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (*number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    return *at > start;
}

bool kuni_scan(const char *text, const char *pattern, uint64_t *numbers)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*' && !pattern[1]) return true;
        if (*pattern == '#') {
            if (!take_number(&text, numbers++)) return false;
        } else if (*text++ != *pattern)
            return false;
    }
    return !*text;
}
