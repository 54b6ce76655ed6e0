/* SPDX-License-Identifier: MIT */
/* Is it UTF-8? (RFC 3629: shortest form, no surrogates, up to U+10FFFF.) */
#ifndef KUNI_CORE_UTF8_H
#define KUNI_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Length of the well-formed character at `s`, of which `left` bytes may be read; 0 where there is
 * none.
 */
static inline size_t kuni_utf8_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return n;
}

static inline bool kuni_utf8_valid(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        size_t n = kuni_utf8_length(s + i, length - i);
        if (n == 0) return false;
        i += n;
    }
    return true;
}

#endif
