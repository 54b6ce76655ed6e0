/* SPDX-License-Identifier: MIT */
#include "plain_text.h"

#include <string.h>

#include "utf8.h"

void kuni_make_plain(char *text)
{
    unsigned char *s = (unsigned char *)text;
    for (size_t left = strlen(text); left > 0;) {
        size_t n = kuni_utf8_length(s, left);
        if (n == 0)
            *s = '?', n = 1;
        else if (n == 1 && (*s < ' ' || *s == 127) && *s != '\n' && *s != '\t')
            *s = ' ';
        else if (n == 2 && s[0] == 0xC2 && s[1] < 0xA0)
            s[0] = s[1] = '?';
        s += n;
        left -= n;
    }
}
