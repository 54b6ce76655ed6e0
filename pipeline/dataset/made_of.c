/* SPDX-License-Identifier: MIT */
#include "made_of.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void kuni_made_of_add(kuni_made_of *of, const kuni_hash *input)
{
    uint32_t brief = (uint32_t)(kuni_hash_short(input) >> 32);
    if (of->n_inputs < KUNI_MADE_OF_INPUTS)
        of->inputs[of->n_inputs++] = brief;
    else
        of->inputs[KUNI_MADE_OF_INPUTS - 1] += brief;
}

kuni_rerun kuni_made_of_compare(const kuni_made_of *then, const kuni_made_of *now)
{
    kuni_rerun reason = {.bits = then->known ? 0 : KUNI_RERUN_UNKNOWN, .settings = then->settings};
    if (!then->known) return reason;
    if (then->settings != now->settings) reason.bits |= KUNI_RERUN_SETTINGS;
    if (then->samples != now->samples) reason.bits |= KUNI_RERUN_SAMPLES;
    for (size_t i = 0; i < now->n_inputs; i++)
        if (then->n_inputs != now->n_inputs || then->inputs[i] != now->inputs[i])
            reason.inputs |= 1u << i;
    if (reason.inputs) reason.bits |= KUNI_RERUN_INPUTS;
    return reason;
}

void kuni_made_of_print(const kuni_made_of *of, char text[KUNI_MADE_OF_BYTES])
{
    int n =
        snprintf(text, KUNI_MADE_OF_BYTES, "%08" PRIx32 ".%08" PRIx32, of->settings, of->samples);
    for (size_t i = 0; i < of->n_inputs && n > 0; i++)
        n += snprintf(text + n, (size_t)(KUNI_MADE_OF_BYTES - n), ".%08" PRIx32, of->inputs[i]);
}

static bool take_number(const char **at, uint32_t *number)
{
    *number = 0;
    for (int i = 0; i < 8; i++, ++*at) {
        const char *digits = "0123456789abcdef";
        const char *digit = **at ? strchr(digits, **at) : NULL;
        if (!digit) return false;
        *number = *number << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

kuni_made_of kuni_made_of_parse(const char *text)
{
    kuni_made_of of = {.known = false};
    bool fine = text && take_number(&text, &of.settings) && *text == '.';
    if (fine) text++;
    fine = fine && take_number(&text, &of.samples);
    while (fine && *text == '.' && of.n_inputs < KUNI_MADE_OF_INPUTS) {
        text++;
        fine = take_number(&text, &of.inputs[of.n_inputs++]);
    }
    of.known = fine && !*text;
    return of;
}

void kuni_rerun_print(const kuni_rerun *reason, char text[KUNI_RERUN_BYTES])
{
    static const char *const words[] = {"new",   "settings", "samples", "inputs",
                                        "files", "forced",   "unknown"};
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!(reason->bits & 1u << i)) continue;
        int more = snprintf(text + n, KUNI_RERUN_BYTES - n, "%s%s", n ? "," : "", words[i]);
        if (more > 0) n += (size_t)more;
    }
}
