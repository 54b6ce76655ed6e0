/* SPDX-License-Identifier: MIT */
#include "kuni/lines.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regular.h"
#include "utf8.h"

kuni_status kuni_lines_open(kuni_lines *lines, const char *path, kuni_error *err)
{
    *lines = (kuni_lines){.path = path};
    kuni_status status = kuni_check_no_wait(path, err);
    if (status) return status;
    errno = 0;
    lines->file = bgzf_open(path, "r");
    if (!lines->file) return kuni_fail_errno(err, "cannot open %s", path);
    lines->text = kuni_alloc(1, sizeof(kstring_t), err);
    if (lines->text) return KUNI_OK;
    kuni_lines_close(lines);
    return KUNI_MEMORY;
}

void kuni_lines_close(kuni_lines *lines)
{
    if (lines->file) (void)bgzf_close(lines->file);
    if (lines->text) ks_free((kstring_t *)lines->text);
    free(lines->text);
    lines->file = lines->text = NULL;
}

/*
 * What of the line lies in the block at hand, but for the newline or the block's last byte: bgzf_getc takes these, and
 * goes on to the next block.
 */
static bool take_whole(BGZF *file, kstring_t *text)
{
    const char *from = (const char *)file->uncompressed_block + file->block_offset;
    if (file->block_offset + 1 >= file->block_length || text->l >= KUNI_LINE_BYTES_MAX) return true;
    size_t n = (size_t)(file->block_length - file->block_offset) - 1;
    if (n > KUNI_LINE_BYTES_MAX - text->l) n = KUNI_LINE_BYTES_MAX - text->l;
    const char *newline = memchr(from, '\n', n);
    if (newline) n = (size_t)(newline - from);
    if (kputsn_(from, n, text) < 0) return false;
    file->block_offset += (int)n;
    file->uncompressed_address += (off_t)n;
    return true;
}

/*
 * Up to the newline or the end of the file; -1 at the end, -2 after an error, -3 where it is too
 * long.
 */
static int take(BGZF *file, kstring_t *text)
{
    text->l = 0;
    for (;;) {
        if (!take_whole(file, text)) return -2;
        int c = bgzf_getc(file);
        if (c == '\n') return 0;
        if (c == -1) return text->l ? 0 : -1;
        if (c < 0) return -2;
        if (text->l == KUNI_LINE_BYTES_MAX) return -3;
        if (kputc_(c, text) < 0) return -2;
    }
}

/* Nothing but printable ASCII and tabs: told of eight bytes at once. */
static bool is_plain(const char *line, size_t length)
{
    const uint64_t ones = 0x0101010101010101, tops = ones << 7, rest = tops - ones;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t w, tab, del, low;
        memcpy(&w, line + i, 8);
        tab = w ^ ones * '\t';
        tab = (tab & rest) + rest; /* top bits: of bytes that are no tab */
        del = w ^ ones * 127;
        del = (del & rest) + rest;
        low = (w & rest) + ones * (128 - ' '); /* of bytes from ' ' on */
        if ((w | ~del | (~low & tab)) & tops) return false;
    }
    for (; i < length; i++)
        if ((line[i] < ' ' && line[i] != '\t') || line[i] == 127) return false;
    return true;
}

static bool is_binary(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 127) return true;
    return false;
}

kuni_status kuni_lines_look(kuni_lines *lines, char **line, kuni_line_fault *fault, kuni_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    kstring_t *text = lines->text;
    *line = NULL;
    *fault = KUNI_LINE_FINE;
    errno = 0;
    int got = take(lines->file, text);
    if (got == -1) return KUNI_OK;
    if (got == -2 && errno) return kuni_fail_errno(err, "cannot read %s", lines->path);
    if (got == -2)
        return kuni_fail(err, KUNI_DATA, "cannot read %s: truncated or damaged", lines->path);
    lines->number++;
    if (ks_resize(text, text->l + 1) < 0) return kuni_fail_memory(err, text->l + 1, 1);
    if (text->l && text->s[text->l - 1] == '\r') text->l--;
    text->s[text->l] = '\0';
    *line = text->s;
    size_t length = text->l;
    if (lines->number == 1 && strncmp(*line, mark, 3) == 0) {
        *line += 3;
        length -= 3;
    }
    if (got == -3)
        *fault = KUNI_LINE_LONG;
    else if (is_plain(*line, length))
        return KUNI_OK;
    else if (is_binary(*line, length))
        *fault = KUNI_LINE_BINARY;
    else if (!kuni_utf8_valid(*line, length))
        *fault = KUNI_LINE_NOT_UTF8;
    return KUNI_OK;
}

const char *kuni_line_fault_text(kuni_line_fault fault)
{
    switch (fault) {
    case KUNI_LINE_LONG:
        return "is longer than 1 MiB; expected a table of text";
    case KUNI_LINE_BINARY:
        return "holds bytes that are no text; expected a plain table (not compressed, not a "
               "spreadsheet, UTF-8)";
    case KUNI_LINE_NOT_UTF8:
        return "is not UTF-8; expected the table to be saved as UTF-8";
    case KUNI_LINE_FINE:
        break;
    }
    return "";
}

kuni_status kuni_lines_next(kuni_lines *lines, char **line, kuni_error *err)
{
    kuni_line_fault fault;
    kuni_status status = kuni_lines_look(lines, line, &fault, err);
    if (status || !fault) return status;
    return kuni_fail(err, KUNI_DATA, "%s:%lld: %s", lines->path, (long long)lines->number,
                     kuni_line_fault_text(fault));
}

/* --- fields --- */

static char *trim(char *field, char *end)
{
    while (field < end && *field == ' ') field++;
    while (end > field && end[-1] == ' ') end--;
    *end = '\0';
    return field;
}

/* A CSV field from `c`: unquoted in place; returns the separator after it or the end. */
static char *split_quoted(char *c, char separator, char **field)
{
    char *out = *field = ++c;
    for (; *c; c++) {
        if (*c == '"' && c[1] == '"')
            c++;
        else if (*c == '"')
            break;
        *out++ = *c;
    }
    if (*c) c++;
    while (*c && *c != separator) c++;
    *out = '\0';
    return c;
}

size_t kuni_line_split(char *line, char separator, char *fields[KUNI_LINE_FIELDS_MAX])
{
    size_t n = 0;
    if (separator == ' ') {
        char *rest = NULL;
        for (char *word = strtok_r(line, " \t", &rest); word;
             word = strtok_r(NULL, " \t", &rest), n++)
            if (n < KUNI_LINE_FIELDS_MAX) fields[n] = word;
        return n;
    }
    for (char *c = line;;) {
        char *field = c, *end;
        bool last;
        if (separator == ',' && *c == '"') {
            end = split_quoted(c, separator, &field);
            last = !*end;
        } else {
            end = strchr(c, separator);
            if (!end) end = c + strlen(c);
            last = !*end;
            field = trim(field, end);
        }
        if (n < KUNI_LINE_FIELDS_MAX) fields[n] = field;
        n++;
        if (last) return n;
        c = end + 1;
    }
}

/* --- numbers --- */

bool kuni_text_int(const char *text, int64_t least, int64_t most, int64_t *value)
{
    const char *digits = text + (*text == '-');
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || digits[n]) return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno == ERANGE || number < least || number > most) return false;
    *value = number;
    return true;
}

bool kuni_text_double(const char *text, double *value)
{
    /* strtod takes more than numbers are written with: hexadecimal, "nan", "infinity", blanks. */
    if (!*text || text[strspn(text, "0123456789+-.eE")]) return false;
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}
