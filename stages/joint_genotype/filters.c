/* SPDX-License-Identifier: MIT */
#include "filters.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/params.h"

enum { STACK_MAX = 64, DEPTH_MAX = 32 };

const char *const joint_filter_names[JOINT_FILTER_NAMES] = {
    "QUAL",
    "QD",
    "FS",
    "SOR",
    "MQ",
    "MQRankSum",
    "ReadPosRankSum",
    "BaseQRankSum",
    "ExcessHet",
    "InbreedingCoeff",
    "HWE",
    "AB",
    "CR",
    "DP_MEAN",
    "GQ_MEAN",
    "DP",
    "AN",
    "NS",
    "AC",
    "AF",
    "NALT",
    "NHET",
    "NHOMALT",
    "SNP",
    "INDEL",
};

const char *const joint_filter_help[JOINT_FILTER_NAMES] = {
    "phred that the site is variant",
    "QUAL by depth of carriers",
    "phred Fisher strand bias",
    "strand odds ratio",
    "mapping quality of carriers' reads",
    "ALT reads against REF reads, mean z of heterozygotes: mapping quality",
    "likewise: distance from the nearer end of the read",
    "likewise: base quality",
    "phred of an excess of heterozygotes",
    "inbreeding coefficient",
    "smallest exact Hardy-Weinberg P of the ALTs",
    "share of ALT reads in heterozygotes, all ALTs together",
    "call rate",
    "mean depth",
    "mean genotype quality",
    "depth of all samples",
    "called copies",
    "called samples",
    "copies of all ALTs but *",
    "their frequency",
    "number of ALTs but *",
    "heterozygous samples",
    "samples with twice the same ALT",
    "1 where all ALTs are as long as REF",
    "1 where an ALT is longer or shorter than REF",
};

typedef enum op_kind {
    OP_NUMBER,
    OP_NAME,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_NEG,
    OP_NOT,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_EQ,
    OP_NE,
    OP_AND,
    OP_OR
} op_kind;

typedef struct joint_filter_op {
    op_kind kind;
    double number;
    int name;
} joint_filter_op;

/* --- parsing: precedence climbing, into postfix order --- */

typedef struct parser {
    const char *text, *at;
    joint_filter *filter;
    kuni_error *err;
    int depth;
} parser;

static void skip_space(parser *p)
{
    while (*p->at == ' ' || *p->at == '\t') p->at++;
}

static kuni_status complain(parser *p, const char *expected)
{
    return kuni_fail(p->err, KUNI_USAGE, "filters: %s: at '%.20s' of '%s': expected %s",
                     p->filter->name, *p->at ? p->at : "(end)", p->text, expected);
}

static kuni_status emit(parser *p, joint_filter_op op)
{
    joint_filter *f = p->filter;
    if (f->n_ops >= STACK_MAX) return complain(p, "a shorter expression");
    kuni_status status =
        kuni_grow((void **)&f->ops, &f->ops_capacity, f->n_ops + 1, sizeof(op), p->err);
    if (!status) f->ops[f->n_ops++] = op;
    return status;
}

static kuni_status parse_binary(parser *p, int least);

static kuni_status parse_name(parser *p)
{
    const char *beg = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_') p->at++;
    char word[64];
    size_t length = (size_t)(p->at - beg);
    if (length >= sizeof(word)) length = sizeof(word) - 1;
    memcpy(word, beg, length);
    word[length] = '\0';
    for (int i = 0; i < JOINT_FILTER_NAMES; i++)
        if (strcmp(word, joint_filter_names[i]) == 0)
            return emit(p, (joint_filter_op){.kind = OP_NAME, .name = i});
    const char *nearest = kuni_nearest(word, joint_filter_names, JOINT_FILTER_NAMES);
    return kuni_fail(p->err, KUNI_USAGE,
                     "filters: %s: unknown name '%s'%s%s%s: see 'kuni stages joint-genotype'",
                     p->filter->name, word, nearest ? " (did you mean " : "",
                     nearest ? nearest : "", nearest ? "?)" : "");
}

static kuni_status parse_operand(parser *p)
{
    skip_space(p);
    kuni_status status;
    if (++p->depth > DEPTH_MAX) return complain(p, "fewer nested parentheses");
    if (*p->at == '(') {
        p->at++;
        status = parse_binary(p, 0);
        if (status) return status;
        skip_space(p);
        if (*p->at != ')') return complain(p, "')'");
        p->at++;
    } else if (*p->at == '!' || *p->at == '-') {
        op_kind kind = *p->at++ == '!' ? OP_NOT : OP_NEG;
        status = parse_operand(p);
        if (!status) status = emit(p, (joint_filter_op){.kind = kind});
    } else if (isdigit((unsigned char)*p->at) || *p->at == '.') {
        char *end;
        double number = strtod(p->at, &end);
        if (end == p->at) return complain(p, "a number");
        p->at = end;
        status = emit(p, (joint_filter_op){.kind = OP_NUMBER, .number = number});
    } else if (isalpha((unsigned char)*p->at))
        status = parse_name(p);
    else
        return complain(p, "a number, a name or '('");
    p->depth--;
    return status;
}

static const struct operator
{
    char text[3];
    int precedence;
    op_kind kind;
}
operators[] = {
    {"||", 1, OP_OR}, {"&&", 2, OP_AND}, {"<=", 3, OP_LE}, {">=", 3, OP_GE},
    {"==", 3, OP_EQ}, {"!=", 3, OP_NE},  {"<", 3, OP_LT},  {">", 3, OP_GT},
    {"+", 4, OP_ADD}, {"-", 4, OP_SUB},  {"*", 5, OP_MUL}, {"/", 5, OP_DIV},
};

static kuni_status parse_binary(parser *p, int least)
{
    kuni_status status = parse_operand(p);
    while (!status) {
        skip_space(p);
        const struct operator* found = NULL;
        for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]) && !found; i++)
            if (strncmp(p->at, operators[i].text, strlen(operators[i].text)) == 0)
                found = &operators[i];
        if (!found || found->precedence < least) return KUNI_OK;
        p->at += strlen(found->text);
        status = parse_binary(p, found->precedence + 1);
        if (!status) status = emit(p, (joint_filter_op){.kind = found->kind});
    }
    return status;
}

/* NAME: EXPRESSION (or NAME=EXPRESSION). */
static kuni_status parse_line(joint_filters *filters, const char *beg, size_t length,
                              kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&filters->filters, &filters->capacity, filters->n + 1,
                                   sizeof(joint_filter), err);
    if (status) return status;
    joint_filter *f = &filters->filters[filters->n++];
    *f = (joint_filter){0};
    size_t name = 0;
    while (name < length && (isalnum((unsigned char)beg[name]) || beg[name] == '_')) name++;
    size_t skip = name;
    while (skip < length && beg[skip] == ' ') skip++;
    if (!name || skip == length || (beg[skip] != ':' && beg[skip] != '='))
        return kuni_fail(err, KUNI_USAGE, "filters: '%.*s': expected NAME: EXPRESSION", (int)length,
                         beg);
    f->name = kuni_alloc(name + 1, 1, err);
    f->text = kuni_alloc(length - skip, 1, err);
    if (!f->name || !f->text) return KUNI_MEMORY;
    memcpy(f->name, beg, name);
    skip++;
    while (skip < length && beg[skip] == ' ') skip++;
    memcpy(f->text, beg + skip, length - skip);
    if (strcmp(f->name, "PASS") == 0)
        return kuni_fail(err, KUNI_USAGE, "a filter cannot be called PASS: give it another name");
    for (size_t i = 0; i + 1 < filters->n; i++)
        if (strcmp(filters->filters[i].name, f->name) == 0)
            return kuni_fail(err, KUNI_USAGE, "filters: %s is given twice: join the two with ||",
                             f->name);
    parser p = {.text = f->text, .at = f->text, .filter = f, .err = err};
    status = parse_binary(&p, 0);
    if (status) return status;
    skip_space(&p);
    return *p.at ? complain(&p, "an operator or the end") : KUNI_OK;
}

kuni_status joint_filters_parse(joint_filters *filters, const char *lines, kuni_error *err)
{
    *filters = (joint_filters){0};
    for (const char *at = lines; at && *at;) {
        size_t length = strcspn(at, "\n"), beg = strspn(at, " \t");
        if (beg < length) {
            kuni_status status = parse_line(filters, at + beg, length - beg, err);
            if (status) return status;
        }
        at += length + (at[length] == '\n');
    }
    return KUNI_OK;
}

void joint_filters_free(joint_filters *filters)
{
    for (size_t i = 0; i < filters->n; i++) {
        free(filters->filters[i].name);
        free(filters->filters[i].text);
        free(filters->filters[i].ops);
    }
    free(filters->filters);
    *filters = (joint_filters){0};
}

static double apply(op_kind kind, double a, double b)
{
    switch (kind) {
    case OP_ADD:
        return a + b;
    case OP_SUB:
        return a - b;
    case OP_MUL:
        return a * b;
    case OP_DIV:
        return b == 0 ? NAN : a / b;
    case OP_LT:
        return a < b;
    case OP_LE:
        return a <= b;
    case OP_GT:
        return a > b;
    case OP_GE:
        return a >= b;
    case OP_EQ:
        return a == b;
    case OP_NE:
        return !isnan(a) && !isnan(b) && a != b;
    case OP_AND:
        return a != 0 && !isnan(a) && b != 0 && !isnan(b);
    case OP_OR:
        return (a != 0 && !isnan(a)) || (b != 0 && !isnan(b));
    case OP_NUMBER:
    case OP_NAME:
    case OP_NEG:
    case OP_NOT:
    default:
        return NAN;
    }
}

bool joint_filter_holds(const joint_filter *filter, const double *values)
{
    double stack[STACK_MAX + 1] = {0};
    size_t n = 0;
    for (size_t i = 0; i < filter->n_ops && n < STACK_MAX; i++) {
        const joint_filter_op *op = &filter->ops[i];
        if (op->kind == OP_NUMBER)
            stack[n++] = op->number;
        else if (op->kind == OP_NAME)
            stack[n++] = values[op->name];
        else if (n == 0)
            return false; /* the parser makes no such list */
        else if (op->kind == OP_NEG)
            stack[n - 1] = -stack[n - 1];
        else if (op->kind == OP_NOT)
            stack[n - 1] = stack[n - 1] == 0 || isnan(stack[n - 1]);
        else if (--n > 0) {
            stack[n - 1] = apply(op->kind, stack[n - 1], stack[n]);
        }
    }
    return n == 1 && stack[0] != 0 && !isnan(stack[0]);
}
