/* SPDX-License-Identifier: MIT */
#include "gvcf_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first `byte` from `at` on, or `end`. Fields are short: a call of memchr would take longer than what it saves. */
static inline const char *find_byte(const char *at, const char *end, char byte)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    for (uint64_t word; end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        word ^= ones * (uint8_t)byte;
        word = (word - ones) & ~word & highs; /* the lowest set bit is of the first zero byte */
        if (word) return at + __builtin_ctzll(word) / 8;
    }
#endif
    while (at < end && *at != byte) at++;
    return at;
}

static bool view_is(kuni_text_view view, const char *text)
{
    return view.length == strlen(text) && memcmp(view.at, text, view.length) == 0;
}

bool kuni_is_other_allele(kuni_text_view allele)
{
    return view_is(allele, "<NON_REF>") || view_is(allele, "<*>") || view_is(allele, "<X>");
}

int64_t kuni_view_any_number(kuni_text_view view)
{
    const int64_t most = 1000000000000; /* so that no sum of a few overflows */
    if (view.length == 0) return -1;
    int64_t value = 0;
    size_t i = 0, digits = view.length < 18 ? view.length : 18;
    for (unsigned digit; i < digits && (digit = (unsigned)view.at[i] - '0') <= 9; i++)
        value = value * 10 + digit;
    if (i == view.length) return value < most ? value : most;
    char text[64], *end;
    if (view.length >= sizeof(text)) return -1;
    memcpy(text, view.at, view.length);
    text[view.length] = '\0';
    double number = strtod(text, &end);
    if (end != text + view.length || !(number >= 0)) return -1;
    return number < (double)most ? llround(number) : most;
}

bool kuni_view_real(kuni_text_view view, double *value)
{
    char text[64], *end;
    if (view.length == 0 || view.length >= sizeof(text)) return false;
    memcpy(text, view.at, view.length);
    text[view.length] = '\0';
    *value = strtod(text, &end);
    return end == text + view.length && isfinite(*value);
}

int kuni_view_numbers(kuni_text_view view, uint32_t *values, int most)
{
    if (view.length == 0) return 0;
    const char *at = view.at, *end = view.at + view.length;
    int n = 0;
    while (at < end) {
        if (n == most) return -1;
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        int64_t number =
            kuni_view_number((kuni_text_view){.at = at, .length = (size_t)(stop - at)});
        if (number < 0) return -1;
        values[n++] = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
        if (comma && comma + 1 == end) return -1;
        at = comma ? comma + 1 : end;
    }
    return n;
}

static void learn_format(kuni_gvcf_parser *parser, kuni_text_view format)
{
    static const char *const names[FIELDS] = {
        [FIELD_GT] = "GT",         [FIELD_GQ] = "GQ",   [FIELD_DP] = "DP",
        [FIELD_MIN_DP] = "MIN_DP", [FIELD_PL] = "PL",   [FIELD_AD] = "AD",
        [FIELD_SB] = "SB",         [FIELD_GQX] = "GQX", [FIELD_RGQ] = "RGQ",
        [FIELD_MED_DP] = "MED_DP", [FIELD_DPI] = "DPI", [FIELD_GL] = "GL",
        [FIELD_ADF] = "ADF",       [FIELD_ADR] = "ADR", [FIELD_PS] = "PS",
        [FIELD_LEN] = "LEN",       [FIELD_MQ] = "MQ",   [FIELD_FT] = "FT",
        [FIELD_AF] = "AF"};
    enum { FIELDS_MAX = sizeof(parser->field_of) };
    if (format.length == parser->format_length && parser->n_fields > 0 &&
        memcmp(format.at, parser->format, format.length) == 0)
        return;
    parser->n_fields = 0;
    parser->format_length = 0;
    const char *at = format.at, *end = format.at + format.length;
    while (at <= end && parser->n_fields < FIELDS_MAX) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        kuni_text_view name = {.at = at, .length = (size_t)((colon ? colon : end) - at)};
        int8_t field = -1;
        for (int i = 0; i < FIELDS; i++)
            if (view_is(name, names[i])) field = (int8_t)i;
        parser->field_of[parser->n_fields++] = field;
        at = colon ? colon + 1 : end + 1;
    }
    if (format.length <= sizeof(parser->format)) {
        memcpy(parser->format, format.at, format.length);
        parser->format_length = format.length;
    }
}

/* Empties what the line before told. */
static void clear_told(kuni_text_view *views, uint32_t *told)
{
    for (; *told; *told &= *told - 1) views[__builtin_ctz(*told)] = (kuni_text_view){0};
}

static void parse_sample(const kuni_gvcf_parser *parser, kuni_text_view sample,
                         kuni_gvcf_record *record)
{
    _Static_assert(FIELDS <= 32 && INFOS <= 32, "a bit each");
    clear_told(record->fields, &record->told_fields);
    const char *at = sample.at, *end = sample.at + sample.length;
    for (int i = 0; i < parser->n_fields && at <= end; i++) {
        const char *stop = find_byte(at, end, ':');
        int field = parser->field_of[i];
        if (field >= 0 && !(stop - at == 1 && *at == '.')) {
            record->fields[field] = (kuni_text_view){.at = at, .length = (size_t)(stop - at)};
            record->told_fields |= 1u << field;
        }
        at = stop + 1;
    }
}

static void parse_info(kuni_text_view info, kuni_gvcf_record *record)
{
    static const struct {
        const char *name;
        uint8_t length;
        uint8_t info;
    } wanted[] = {{"END", 3, INFO_END},
                  {"DP", 2, INFO_DP},
                  {"MQ", 2, INFO_MQ},
                  {"RAW_MQandDP", 11, INFO_RAW_MQ_AND_DP},
                  {"RAW_MQ", 6, INFO_RAW_MQ},
                  {"DP4", 3, INFO_DP4},
                  {"MQRankSum", 9, INFO_RANK_SUMS + KUNI_RANK_MAPQ},
                  {"ReadPosRankSum", 14, INFO_RANK_SUMS + KUNI_RANK_POSITION},
                  {"BaseQRankSum", 12, INFO_RANK_SUMS + KUNI_RANK_BASEQ},
                  {"AS_RAW_MQRankSum", 16, INFO_RAW_RANK_SUMS + KUNI_RANK_MAPQ},
                  {"AS_RAW_ReadPosRankSum", 21, INFO_RAW_RANK_SUMS + KUNI_RANK_POSITION},
                  {"AS_RAW_BaseQRankSum", 19, INFO_RAW_RANK_SUMS + KUNI_RANK_BASEQ}};
    clear_told(record->infos, &record->told_infos);
    const char *at = info.at, *end = info.at + info.length;
    while (at < end) {
        const char *stop = find_byte(at, end, ';'), *equals = find_byte(at, stop, '=');
        for (size_t i = 0; equals < stop && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            if (wanted[i].length != equals - at ||
                memcmp(at, wanted[i].name, wanted[i].length) != 0)
                continue;
            record->infos[wanted[i].info] =
                (kuni_text_view){.at = equals + 1, .length = (size_t)(stop - equals - 1)};
            record->told_infos |= 1u << wanted[i].info;
            break;
        }
        at = stop + 1;
    }
}

static bool parse_alts(kuni_text_view alts, kuni_gvcf_record *record)
{
    record->n_alts = record->n_concrete = 0;
    record->has_symbolic = false;
    record->only_other = true;
    if (view_is(alts, ".")) return true;
    const char *at = alts.at, *end = alts.at + alts.length;
    while (at <= end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        kuni_text_view alt = {.at = at, .length = (size_t)((comma ? comma : end) - at)};
        if (alt.length == 0 || record->n_alts == KUNI_GVCF_ALLELES_MAX) return false;
        record->alts[record->n_alts++] = alt;
        if (!kuni_is_other_allele(alt)) {
            record->only_other = false;
            char c = alt.at[0];
            if (c == '<' || memchr(alt.at, '[', alt.length) || memchr(alt.at, ']', alt.length) ||
                c == '.' || alt.at[alt.length - 1] == '.')
                record->has_symbolic = !view_is(alt, "<*:DEL>") || record->has_symbolic;
            else if (c != '*')
                record->n_concrete++;
        }
        at = comma ? comma + 1 : end + 1;
    }
    return true;
}

static bool is_ignored_filter(const char *ignored, kuni_text_view filter)
{
    for (const char *at = ignored; at && *at;) {
        size_t n = strcspn(at, "\n");
        if (n == filter.length && memcmp(at, filter.at, n) == 0) return true;
        at += n + (at[n] == '\n');
    }
    return false;
}

static bool fails_filter(const kuni_gvcf_parser *parser, kuni_text_view filter)
{
    if (view_is(filter, ".") || view_is(filter, "PASS")) return false;
    const char *at = filter.at, *end = filter.at + filter.length;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        if (!stop) stop = end;
        if (!is_ignored_filter(parser->ignored_filters,
                               (kuni_text_view){.at = at, .length = (size_t)(stop - at)}))
            return true;
        at = stop + 1;
    }
    return false;
}

/* The next tab-separated field; false at the end of the line. */
static bool next_field(const char **at, const char *end, kuni_text_view *field)
{
    if (*at > end) return false;
    const char *stop = find_byte(*at, end, '\t');
    *field = (kuni_text_view){.at = *at, .length = (size_t)(stop - *at)};
    *at = stop + 1;
    return true;
}

/* End by END, LEN or REF; 0 on nonsense. */
static int64_t end_of(const kuni_gvcf_record *record)
{
    int64_t by_ref = record->pos + (int64_t)record->ref.length;
    if (!record->only_other) return by_ref;
    if (record->infos[INFO_END].length > 0) {
        int64_t end = kuni_view_number(record->infos[INFO_END]);
        return end > record->pos ? end : 0;
    }
    if (record->fields[FIELD_LEN].length > 0) {
        int64_t length = kuni_view_number(record->fields[FIELD_LEN]);
        return length > 0 && length < INT32_MAX ? record->pos + length : 0;
    }
    return by_ref;
}

/* --- blocks like the last one --- */

static bool takes_sample(const kuni_gvcf_parser *parser, const char *at, const char *end,
                         kuni_text_view *sample)
{
    for (int column = 9; column <= parser->column; column++)
        if (!next_field(&at, end, sample)) return false;
    return true;
}

/*
 * Most lines of a gVCF are blocks of reference that differ in place, end and numbers of the sample alone: one comparison
 * takes ALT, QUAL, FILTER and INFO up to the number of END, another FORMAT. False: to be taken apart.
 */
static bool repeats_block(kuni_gvcf_parser *parser, const char *at, const char *end,
                          kuni_gvcf_record *record, kuni_text_view *sample)
{
    size_t n = parser->block_length, format = parser->format_length;
    if (n == 0 || format == 0 || (size_t)(end - at) <= n || memcmp(at, parser->block, n) != 0)
        return false;
    const char *number = at + n, *stop = find_byte(number, end, '\t');
    if (find_byte(number, stop, ';') != stop || (size_t)(end - stop) < format + 2 ||
        memcmp(stop + 1, parser->format, format) != 0 || stop[1 + format] != '\t' ||
        !takes_sample(parser, stop + format + 2, end, sample))
        return false;
    clear_told(record->infos, &record->told_infos);
    record->infos[INFO_END] = (kuni_text_view){.at = number, .length = (size_t)(stop - number)};
    record->told_infos = 1u << INFO_END;
    record->n_alts = parser->block_n_alts;
    record->alts[0] = (kuni_text_view){.at = at, .length = parser->block_alt_length};
    record->n_concrete = 0;
    record->has_symbolic = false;
    record->only_other = true;
    record->filtered = parser->block_filtered;
    record->no_call = parser->block_no_call;
    record->qual = parser->block_qual;
    return true;
}

static void remember_block(kuni_gvcf_parser *parser, const kuni_gvcf_record *record,
                           kuni_text_view alts, kuni_text_view info)
{
    size_t length = (size_t)(info.at + strlen("END=") - alts.at);
    parser->block_length = 0;
    if (!record->only_other || record->n_alts > 1 || record->infos[INFO_END].length == 0 ||
        record->infos[INFO_END].at != info.at + strlen("END=") || length > sizeof(parser->block))
        return;
    memcpy(parser->block, alts.at, length);
    parser->block_length = length;
    parser->block_alt_length = alts.length;
    parser->block_n_alts = record->n_alts;
    parser->block_qual = record->qual;
    parser->block_filtered = record->filtered;
    parser->block_no_call = record->no_call;
}

/* ALT to FORMAT of a line that is not as the last block was. False: *fault says why. */
static bool take_apart(kuni_gvcf_parser *parser, const char *at, const char *end,
                       kuni_gvcf_record *record, kuni_text_view *sample, const char **fault)
{
    kuni_text_view alts, qual, filter, info, format;
    if (!next_field(&at, end, &alts) || !next_field(&at, end, &qual) ||
        !next_field(&at, end, &filter) || !next_field(&at, end, &info) ||
        !next_field(&at, end, &format) || !takes_sample(parser, at, end, sample))
        return false;
    *fault = "REF or ALT is empty, or there are more than 1024 ALTs";
    if (!parse_alts(alts, record)) return false;
    parse_info(info, record);
    learn_format(parser, format);
    record->filtered = fails_filter(parser, filter);
    record->no_call = view_is(filter, "NoCall");
    record->qual = -1;
    if (!view_is(qual, ".")) {
        int64_t number = kuni_view_number(qual);
        *fault = "QUAL is no number";
        if (number < 0 && !(qual.length > 0 && qual.at[0] == '-')) return false;
        record->qual = number < 0 ? 0 : number > UINT16_MAX ? UINT16_MAX : (int32_t)number;
    }
    remember_block(parser, record, alts, info);
    return true;
}

kuni_gvcf_line kuni_gvcf_parse(kuni_gvcf_parser *parser, char *line, size_t length,
                               kuni_gvcf_record *record, const char **fault)
{
    const char *at = line, *end = line + length;
    kuni_text_view contig, pos, id, sample = {0};
    static const char few[] = "fewer than 10 columns";
    *fault = few;
    record->pos = -1;
    if (!next_field(&at, end, &contig)) return KUNI_GVCF_MALFORMED;
    if (contig.length != parser->contig_length ||
        memcmp(contig.at, parser->contig, contig.length) != 0)
        return KUNI_GVCF_OTHER_CONTIG;
    if (!next_field(&at, end, &pos) || !next_field(&at, end, &id) ||
        !next_field(&at, end, &record->ref))
        return KUNI_GVCF_MALFORMED;
    int64_t place = kuni_view_number(pos) - 1;
    if (!repeats_block(parser, at, end, record, &sample) &&
        !take_apart(parser, at, end, record, &sample, fault)) {
        if (*fault != few && place >= 0 && place <= INT32_MAX) record->pos = place;
        return KUNI_GVCF_MALFORMED;
    }
    *fault = "POS is no position";
    if (place < 0 || place > INT32_MAX) return KUNI_GVCF_MALFORMED;
    record->pos = place;
    *fault = "REF or ALT is empty, or there are more than 1024 ALTs";
    if (record->ref.length == 0) return KUNI_GVCF_MALFORMED;
    parse_sample(parser, sample, record);
    if (record->fields[FIELD_FT].length > 0 && fails_filter(parser, record->fields[FIELD_FT]))
        record->filtered = true;
    record->end = end_of(record);
    *fault = "END or LEN makes no sense";
    return record->end > 0 ? KUNI_GVCF_RECORD : KUNI_GVCF_MALFORMED;
}
