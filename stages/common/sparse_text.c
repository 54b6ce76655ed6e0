/* SPDX-License-Identifier: MIT */
#include "sparse_text.h"

#include <string.h>

int sparse_read_some(BGZF *file, kstring_t *line, bool *ended)
{
    int next = bgzf_peek(file); /* the block is there */
    if (next < 0) return next;
    size_t n = (size_t)(file->block_length - file->block_offset);
    const char *from = (const char *)file->uncompressed_block + file->block_offset;
    const char *end = memchr(from, '\n', n);
    if (end) n = (size_t)(end - from) + 1;
    if (line->l + n > INT32_MAX || ks_resize(line, line->l + n + 1) < 0) return -2;
    if (bgzf_read(file, line->s + line->l, n) != (ssize_t)n) return -2;
    line->l += n - (end != NULL);
    line->s[line->l] = '\0';
    *ended = end != NULL;
    return 0;
}

const char *sparse_skip_dots(const char *at, const char *end, uint32_t *column)
{
    static const char dots[] = {'\t', '.', '\t', '.', '\t', '.', '\t', '.'};
    enum { WORDS = 8, WORD = sizeof(dots), FOUR = WORD / 2 };
    uint64_t same, words[WORDS];
    memcpy(&same, dots, WORD);
    while ((size_t)(end - at) > sizeof(words) && at[sizeof(words)] == '\t') {
        uint64_t other = 0;
        memcpy(words, at, sizeof(words));
        for (int i = 0; i < WORDS; i++) other |= words[i] ^ same;
        if (other) break;
        at += sizeof(words);
        *column += WORDS * FOUR;
    }
    while (end - at > WORD && at[WORD] == '\t' && memcmp(at, dots, WORD) == 0) {
        at += WORD;
        *column += FOUR;
    }
    while (at[0] == '\t' && at[1] == '.' && (at[2] == '\t' || !at[2])) {
        at += 2;
        ++*column;
    }
    return at;
}
