/* SPDX-License-Identifier: MIT */
#include "units.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit bp_units[] = {
    {"", 1},          {"b", 1},          {"bp", 1},          {"k", 1000},
    {"kb", 1000},     {"kbp", 1000},     {"m", 1000000},     {"mb", 1000000},
    {"mbp", 1000000}, {"g", 1000000000}, {"gb", 1000000000}, {"gbp", 1000000000},
};

static const unit byte_units[] = {
    {"", 1},
    {"b", 1},
    {"k", INT64_C(1) << 10},
    {"kib", INT64_C(1) << 10},
    {"kb", INT64_C(1000)},
    {"m", INT64_C(1) << 20},
    {"mib", INT64_C(1) << 20},
    {"mb", INT64_C(1000000)},
    {"g", INT64_C(1) << 30},
    {"gib", INT64_C(1) << 30},
    {"gb", INT64_C(1000000000)},
    {"t", INT64_C(1) << 40},
    {"tib", INT64_C(1) << 40},
    {"tb", INT64_C(1000000000000)},
};

static const unit second_units[] = {
    {"", 1}, {"s", 1}, {"sec", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400},
};

/* number [blanks] unit, in integers throughout: the value must not depend on floating point. */
static bool parse(const char *text, const unit *units, size_t n_units, int64_t *value)
{
    int64_t mantissa = 0, divisor = 1;
    const char *c = text;
    bool digits = false, fraction = false;
    for (;; c++) {
        if (*c == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*c < '0' || *c > '9') break;
        if (mantissa > (INT64_MAX - 9) / 10 || divisor > INT64_MAX / 10) return false;
        mantissa = mantissa * 10 + (*c - '0');
        if (fraction) divisor *= 10;
        digits = true;
    }
    if (!digits || c[-1] == '.') return false;
    while (*c == ' ') c++;
    for (size_t i = 0; i < n_units; i++) {
        if (strcasecmp(c, units[i].name) != 0) continue;
        int64_t product;
        if (__builtin_mul_overflow(mantissa, units[i].factor, &product)) return false;
        if (product % divisor) return false;
        *value = product / divisor;
        return true;
    }
    return false;
}

bool kuni_parse_int(const char *text, int64_t *value)
{
    static const unit none = {"", 1};
    bool negative = *text == '-';
    if (strchr(text, '.') || strchr(text, ' ')) return false;
    if (!parse(text + negative, &none, 1, value)) return false;
    if (negative) *value = -*value;
    return true;
}

bool kuni_parse_bp(const char *text, int64_t *bp)
{
    return parse(text, bp_units, sizeof(bp_units) / sizeof(bp_units[0]), bp);
}

bool kuni_parse_bytes(const char *text, int64_t *bytes)
{
    return parse(text, byte_units, sizeof(byte_units) / sizeof(byte_units[0]), bytes);
}

bool kuni_parse_percent(const char *text, int64_t *hundredths)
{
    static const unit percent = {"%", 100};
    return parse(text, &percent, 1, hundredths);
}

bool kuni_parse_seconds(const char *text, int64_t *seconds)
{
    return parse(text, second_units, sizeof(second_units) / sizeof(second_units[0]), seconds);
}
