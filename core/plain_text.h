/* SPDX-License-Identifier: MIT */
/* Text of strangers (a command's last words, a name in a file) as a terminal and JSON can take it. */
#ifndef KUNI_CORE_PLAIN_TEXT_H
#define KUNI_CORE_PLAIN_TEXT_H

/*
 * In place, at the same length: control characters but newline and tab become blanks (those of C1,
 * which terminals obey too, two ?), bytes that are no UTF-8 become ?.
 */
void kuni_make_plain(char *text);

#endif
