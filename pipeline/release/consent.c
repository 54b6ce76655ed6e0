/* SPDX-License-Identifier: MIT */
#include "consent.h"

#include <string.h>

/* What a code may carry in parentheses. */
typedef enum argument { NONE, TERMS, COUNTRIES, IDS, DAY, MAYBE_DAY, MAYBE_WORDS } argument;

/* Codes of duo.csv (github.com/EBISPOT/DUO), in the order of kuni_duo. */
static const struct {
    const char *name, *id;
    argument argument;
} codes[KUNI_DUOS] = {
    {"NRES", "DUO:0000004", NONE},      {"GRU", "DUO:0000042", NONE},
    {"HMB", "DUO:0000006", NONE},       {"DS", "DUO:0000007", TERMS},
    {"POA", "DUO:0000011", NONE},       {"NPU", "DUO:0000045", NONE},
    {"NCU", "DUO:0000046", NONE},       {"NPUNCU", "DUO:0000018", NONE},
    {"NMDS", "DUO:0000015", NONE},      {"NPOA", "DUO:0000044", NONE},
    {"GSO", "DUO:0000016", NONE},       {"GS", "DUO:0000022", COUNTRIES},
    {"IS", "DUO:0000028", IDS},         {"PS", "DUO:0000027", IDS},
    {"US", "DUO:0000026", IDS},         {"TS", "DUO:0000025", DAY},
    {"RS", "DUO:0000012", MAYBE_WORDS}, {"IRB", "DUO:0000021", NONE},
    {"COL", "DUO:0000020", NONE},       {"PUB", "DUO:0000019", NONE},
    {"MOR", "DUO:0000024", MAYBE_DAY},  {"RTN", "DUO:0000029", NONE},
    {"CC", "DUO:0000043", NONE},
};

static const struct {
    const char *name, *text;
} reasons[KUNI_REASONS] = {
    [KUNI_REASON_NRES] = {"nres", "no restriction"},
    [KUNI_REASON_GRU] = {"gru", "general research use"},
    [KUNI_REASON_HMB] = {"hmb", "health, medical, biomedical research"},
    [KUNI_REASON_DS_SAME] = {"ds_same", "research on this very disease"},
    [KUNI_REASON_DS_ANCESTOR] = {"ds_ancestor", "the disease is a kind of one consented to"},
    [KUNI_REASON_POA] = {"poa", "research on population origins or ancestry"},
    [KUNI_REASON_CC] = {"cc", "clinical care"},
    [KUNI_REASON_CONSENT_MISSING] = {"consent_missing", "the register holds no consent"},
    [KUNI_REASON_CONSENT_UNKNOWN_CODE] = {"consent_unknown_code", "a code that is not known"},
    [KUNI_REASON_CONSENT_UNREADABLE] = {"consent_unreadable",
                                        "the text of the consent is no list of codes"},
    [KUNI_REASON_CONSENT_INCOMPLETE] = {"consent_incomplete", "a code lacks what it is limited to"},
    [KUNI_REASON_CONSENT_CONTRADICTS] = {"consent_contradicts",
                                         "several permissions, or samples of a participant differ"},
    [KUNI_REASON_CONSENT_NO_PERMISSION] = {"consent_no_permission",
                                           "none of NRES, GRU, HMB, DS, POA, CC"},
    [KUNI_REASON_FORM_MISSING] = {"form_missing", "the version of the consent form is not known"},
    [KUNI_REASON_FORM_UNKNOWN] = {"form_unknown", "a consent form that the request does not list"},
    [KUNI_REASON_FORM_DATE_MISSING] = {"form_date_missing", "no date of the consent"},
    [KUNI_REASON_FORM_DATE_LATER] = {"form_date_later", "the consent is of a later day than today"},
    [KUNI_REASON_REQUEST_INCOMPLETE] = {"request_incomplete",
                                        "the request tells no purpose, disease or day"},
    [KUNI_REASON_HMB_NOT_HEALTH] = {"hmb_not_health", "for research on health alone"},
    [KUNI_REASON_HMB_ANCESTRY] = {"hmb_ancestry", "not for research on ancestry"},
    [KUNI_REASON_DS_NARROWER] = {"ds_narrower", "only a kind of the disease is consented to"},
    [KUNI_REASON_DS_OTHER_DISEASE] = {"ds_other_disease", "other diseases are consented to"},
    [KUNI_REASON_DS_UNKNOWN_DISEASE] = {"ds_unknown_disease",
                                        "the ontology does not know a consented disease"},
    [KUNI_REASON_DS_NOT_DISEASE] = {"ds_not_disease", "for research on a disease alone"},
    [KUNI_REASON_POA_ONLY] = {"poa_only", "for research on ancestry alone"},
    [KUNI_REASON_NOT_CLINICAL] = {"not_clinical", "not for the care of patients"},
    [KUNI_REASON_NPU_FOR_PROFIT] = {"npu_for_profit", "not for organisations that work for profit"},
    [KUNI_REASON_NCU_COMMERCIAL] = {"ncu_commercial", "not for commercial use"},
    [KUNI_REASON_NPUNCU_FOR_PROFIT] = {"npuncu_for_profit",
                                       "not for organisations that work for profit"},
    [KUNI_REASON_NPUNCU_COMMERCIAL] = {"npuncu_commercial", "not for commercial use"},
    [KUNI_REASON_NMDS_METHODS] = {"nmds_methods", "not for the development of methods"},
    [KUNI_REASON_NPOA_ANCESTRY] = {"npoa_ancestry", "not for research on ancestry"},
    [KUNI_REASON_GSO_NOT_GENETIC] = {"gso_not_genetic", "for genetic studies alone"},
    [KUNI_REASON_GS_OTHER_COUNTRY] = {"gs_other_country", "not for one of the countries"},
    [KUNI_REASON_IS_OTHER_INSTITUTION] = {"is_other_institution", "for other institutions"},
    [KUNI_REASON_PS_OTHER_PROJECT] = {"ps_other_project", "for other projects"},
    [KUNI_REASON_US_OTHER_USER] = {"us_other_user", "not for one of the users"},
    [KUNI_REASON_TS_EXPIRED] = {"ts_expired", "its time is over"},
    [KUNI_REASON_TS_EXPIRES_BEFORE_DELIVERY] = {"ts_expires_before_delivery",
                                                "its time is over by the day of delivery"},
    [KUNI_REASON_EMBARGO] = {"embargo", "release_after has not passed"},
    [KUNI_REASON_HMB_METHODS] = {"hmb_methods", "methods alone: is it research on health?"},
    [KUNI_REASON_DS_METHODS] = {"ds_methods", "methods alone: are they for the disease?"},
    [KUNI_REASON_HMB_CONTROLS] = {"hmb_controls", "controls alone: is it research on health?"},
    [KUNI_REASON_RS_RESTRICTED] = {"rs_restricted", "restricted in words that people must read"},
    [KUNI_REASON_IRB_APPROVAL] = {"irb_approval", "needs an ethics approval: agrees: [IRB]"},
    [KUNI_REASON_COL_COLLABORATION] = {"col_collaboration", "needs collaboration: agrees: [COL]"},
    [KUNI_REASON_PUB_PUBLICATION] = {"pub_publication", "needs publication: agrees: [PUB]"},
    [KUNI_REASON_MOR_MORATORIUM] = {"mor_moratorium", "no publication for now: agrees: [MOR]"},
    [KUNI_REASON_RTN_RETURN] = {"rtn_return", "derived data are to be returned: agrees: [RTN]"},
};

const char *const kuni_purpose_names[KUNI_PURPOSES + 1] = {
    "disease", "health", "general", "ancestry", "methods", "control", "clinical"};

const char *kuni_reason_name(kuni_reason reason)
{
    return reasons[reason].name;
}

const char *kuni_reason_text(kuni_reason reason)
{
    return reasons[reason].text;
}

const char *kuni_match_name(kuni_match match)
{
    return match == KUNI_MATCH_ALLOW ? "allow" : match == KUNI_MATCH_DENY ? "deny" : "ask";
}

const char *kuni_duo_name(kuni_duo code)
{
    return codes[code].name;
}

static bool is_text(const char *text, size_t length, const char *other)
{
    return strlen(other) == length && memcmp(text, other, length) == 0;
}

kuni_duo kuni_duo_find(const char *text, size_t length)
{
    for (int i = 0; i < KUNI_DUOS; i++)
        if (is_text(text, length, codes[i].name) || is_text(text, length, codes[i].id))
            return (kuni_duo)i;
    return KUNI_DUOS;
}

bool kuni_is_date(const char *text)
{
    static const char shape[] = "dddd-dd-dd";
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != strlen(shape)) return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
    int year =
        (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
    int month = (text[5] - '0') * 10 + text[6] - '0', day = (text[8] - '0') * 10 + text[9] - '0';
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
           (month != 2 || day < 29 || leap);
}

/* --- the text of a consent --- */

enum { ARGUMENTS_MAX = 128, ARGUMENT_BYTES_MAX = 200 };

/* A stretch of the text. */
typedef struct slice {
    const char *text;
    size_t length;
    kuni_duo code; /* that it belongs to */
} slice;

typedef struct consent {
    unsigned codes; /* 1 << kuni_duo */
    slice arguments[ARGUMENTS_MAX];
    size_t n;
} consent;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_separator(char c)
{
    return c == ';' || c == ',' || is_blank(c);
}

static bool has(const consent *c, kuni_duo code)
{
    return c->codes & 1u << code;
}

/* Of what the code's arguments are: see `argument`. */
static bool is_fine(const slice *s, argument kind)
{
    char day[16];
    if (!s->length || s->length > ARGUMENT_BYTES_MAX) return false;
    if (kind == TERMS) { /* PREFIX:LOCAL */
        const char *colon = memchr(s->text, ':', s->length);
        return colon && colon > s->text && colon + 1 < s->text + s->length &&
               !memchr(s->text, ' ', s->length);
    }
    if (kind == COUNTRIES)
        return s->length == 2 && s->text[0] >= 'A' && s->text[0] <= 'Z' && s->text[1] >= 'A' &&
               s->text[1] <= 'Z';
    if (kind != DAY && kind != MAYBE_DAY) return true;
    if (s->length >= sizeof(day)) return false;
    memcpy(day, s->text, s->length);
    day[s->length] = '\0';
    return kuni_is_date(day);
}

/* From behind '(' up to ')', which `*at` then stands behind. */
static bool take_arguments(consent *c, kuni_duo code, const char **at)
{
    const char *text = *at, *end = text + strcspn(text, "()");
    if (*end != ')') return false;
    while (text <= end) {
        size_t length = strcspn(text, "|,)");
        slice s = {text, length, code};
        for (; s.length && is_blank(*s.text); s.length--) s.text++;
        while (s.length && is_blank(s.text[s.length - 1])) s.length--;
        if (c->n == ARGUMENTS_MAX || !is_fine(&s, codes[code].argument)) return false;
        c->arguments[c->n++] = s;
        text += length + 1;
    }
    *at = end + 1;
    return true;
}

/* False with the reason where it cannot be read. */
static bool parse(consent *c, const char *text, kuni_reason *wrong)
{
    *c = (consent){.codes = 0};
    for (;;) {
        while (is_separator(*text)) text++;
        if (!*text) break;
        size_t length = strcspn(text, ";, \t()");
        kuni_duo code = kuni_duo_find(text, length);
        *wrong = KUNI_REASON_CONSENT_UNKNOWN_CODE;
        if (code == KUNI_DUOS) return false;
        text += length;
        *wrong = KUNI_REASON_CONSENT_UNREADABLE;
        argument kind = codes[code].argument;
        bool given = *text == '(';
        text += given;
        if (given && (kind == NONE || !take_arguments(c, code, &text))) return false;
        if (*text && !is_separator(*text)) return false;
        *wrong = KUNI_REASON_CONSENT_INCOMPLETE;
        if (!given && kind != NONE && kind != MAYBE_DAY && kind != MAYBE_WORDS) return false;
        c->codes |= 1u << code;
    }
    unsigned permissions = c->codes & (1u << KUNI_DUO_NRES | 1u << KUNI_DUO_GRU |
                                       1u << KUNI_DUO_HMB | 1u << KUNI_DUO_DS | 1u << KUNI_DUO_POA);
    *wrong = c->codes ? KUNI_REASON_CONSENT_CONTRADICTS : KUNI_REASON_CONSENT_MISSING;
    if (!c->codes || permissions & (permissions - 1)) return false;
    *wrong = KUNI_REASON_CONSENT_NO_PERMISSION;
    return permissions || has(c, KUNI_DUO_CC);
}

/* --- deciding --- */

static const kuni_decision undecided = {KUNI_MATCH_ALLOW, KUNI_REASONS};

/* Of two the stricter one; of equals the first. */
static void take(kuni_decision *sum, kuni_match match, kuni_reason reason)
{
    static const int rank[] = {[KUNI_MATCH_ALLOW] = 0, [KUNI_MATCH_ASK] = 1, [KUNI_MATCH_DENY] = 2};
    if (sum->reason == KUNI_REASONS || rank[match] > rank[sum->match])
        *sum = (kuni_decision){match, reason};
}

static void deny(kuni_decision *sum, bool holds, kuni_reason reason)
{
    if (holds) take(sum, KUNI_MATCH_DENY, reason);
}

static void ask(kuni_decision *sum, bool holds, kuni_reason reason)
{
    if (holds) take(sum, KUNI_MATCH_ASK, reason);
}

static int64_t term_of(const kuni_ontology *ontology, const slice *s)
{
    char id[ARGUMENT_BYTES_MAX + 1];
    memcpy(id, s->text, s->length);
    id[s->length] = '\0';
    return kuni_ontology_find(ontology, id);
}

/* Research on the disease under a consent for diseases. */
static void match_disease(kuni_decision *sum, const kuni_use *use, const consent *c)
{
    bool above = false, below = false, unknown = false;
    for (size_t i = 0; i < c->n; i++) {
        if (c->arguments[i].code != KUNI_DUO_DS) continue;
        int64_t term = term_of(use->ontology, &c->arguments[i]);
        if (term == use->disease) {
            take(sum, KUNI_MATCH_ALLOW, KUNI_REASON_DS_SAME);
            return;
        }
        above |= term >= 0 && use->above[term];
        below |= term >= 0 && use->below[term];
        unknown |= term < 0;
    }
    if (above)
        take(sum, KUNI_MATCH_ALLOW, KUNI_REASON_DS_ANCESTOR);
    else
        take(sum, KUNI_MATCH_DENY,
             unknown ? KUNI_REASON_DS_UNKNOWN_DISEASE
             : below ? KUNI_REASON_DS_NARROWER
                     : KUNI_REASON_DS_OTHER_DISEASE);
}

static void match_ds(kuni_decision *sum, const kuni_use *use, const consent *c, unsigned purpose)
{
    bool disease = use->purposes & KUNI_PURPOSE_DISEASE;
    if (purpose == KUNI_PURPOSE_DISEASE || (purpose == KUNI_PURPOSE_CONTROL && disease))
        match_disease(sum, use, c);
    else if (purpose == KUNI_PURPOSE_METHODS && !disease)
        take(sum, KUNI_MATCH_ASK, KUNI_REASON_DS_METHODS);
    else if (purpose != KUNI_PURPOSE_METHODS) /* with the disease: that decides */
        take(sum, KUNI_MATCH_DENY, KUNI_REASON_DS_NOT_DISEASE);
}

static void match_hmb(kuni_decision *sum, const kuni_use *use, unsigned purpose)
{
    bool health = use->purposes & (KUNI_PURPOSE_DISEASE | KUNI_PURPOSE_HEALTH);
    if (purpose == KUNI_PURPOSE_ANCESTRY)
        take(sum, KUNI_MATCH_DENY, KUNI_REASON_HMB_ANCESTRY);
    else if (purpose == KUNI_PURPOSE_GENERAL)
        take(sum, KUNI_MATCH_DENY, KUNI_REASON_HMB_NOT_HEALTH);
    else if (purpose == KUNI_PURPOSE_METHODS && !health)
        take(sum, KUNI_MATCH_ASK, KUNI_REASON_HMB_METHODS);
    else if (purpose == KUNI_PURPOSE_CONTROL && !health)
        take(sum, KUNI_MATCH_ASK, KUNI_REASON_HMB_CONTROLS);
    else
        take(sum, KUNI_MATCH_ALLOW, KUNI_REASON_HMB);
}

static void match_purpose(kuni_decision *sum, const kuni_use *use, const consent *c,
                          unsigned purpose)
{
    if (purpose == KUNI_PURPOSE_CLINICAL) {
        if (has(c, KUNI_DUO_CC) || has(c, KUNI_DUO_NRES))
            take(sum, KUNI_MATCH_ALLOW, has(c, KUNI_DUO_CC) ? KUNI_REASON_CC : KUNI_REASON_NRES);
        else
            take(sum, KUNI_MATCH_DENY, KUNI_REASON_NOT_CLINICAL);
    } else if (has(c, KUNI_DUO_NRES)) {
        take(sum, KUNI_MATCH_ALLOW, KUNI_REASON_NRES);
    } else if (has(c, KUNI_DUO_GRU)) {
        take(sum, KUNI_MATCH_ALLOW, KUNI_REASON_GRU);
    } else if (has(c, KUNI_DUO_HMB)) {
        match_hmb(sum, use, purpose);
    } else if (has(c, KUNI_DUO_DS)) {
        match_ds(sum, use, c, purpose);
    } else if (has(c, KUNI_DUO_POA)) {
        bool ancestry = purpose == KUNI_PURPOSE_ANCESTRY;
        take(sum, ancestry ? KUNI_MATCH_ALLOW : KUNI_MATCH_DENY,
             ancestry ? KUNI_REASON_POA : KUNI_REASON_POA_ONLY);
    } else { /* CC alone: no research */
        take(sum, KUNI_MATCH_DENY, KUNI_REASON_CONSENT_NO_PERMISSION);
    }
}

static bool is_among(const consent *c, kuni_duo code, const char *text)
{
    for (size_t i = 0; i < c->n && text; i++)
        if (c->arguments[i].code == code &&
            is_text(c->arguments[i].text, c->arguments[i].length, text))
            return true;
    return false;
}

/* Whether all of a list that is not empty are among what the code names. */
static bool are_among(const consent *c, kuni_duo code, const kuni_text_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (!is_among(c, code, list->texts[i])) return false;
    return list->n > 0;
}

/* Codes that narrow a permission. */
static void match_limits(kuni_decision *sum, const kuni_use *use, const consent *c)
{
    unsigned p = use->purposes;
    deny(sum, has(c, KUNI_DUO_NPU) && use->for_profit, KUNI_REASON_NPU_FOR_PROFIT);
    deny(sum, has(c, KUNI_DUO_NCU) && use->commercial, KUNI_REASON_NCU_COMMERCIAL);
    deny(sum, has(c, KUNI_DUO_NPUNCU) && use->for_profit, KUNI_REASON_NPUNCU_FOR_PROFIT);
    deny(sum, has(c, KUNI_DUO_NPUNCU) && use->commercial, KUNI_REASON_NPUNCU_COMMERCIAL);
    deny(sum, has(c, KUNI_DUO_NMDS) && p & KUNI_PURPOSE_METHODS, KUNI_REASON_NMDS_METHODS);
    deny(sum, has(c, KUNI_DUO_NPOA) && p & KUNI_PURPOSE_ANCESTRY, KUNI_REASON_NPOA_ANCESTRY);
    deny(sum, has(c, KUNI_DUO_GSO) && !use->genetic, KUNI_REASON_GSO_NOT_GENETIC);
    deny(sum, has(c, KUNI_DUO_GS) && !are_among(c, KUNI_DUO_GS, &use->countries),
         KUNI_REASON_GS_OTHER_COUNTRY);
    deny(sum, has(c, KUNI_DUO_IS) && !is_among(c, KUNI_DUO_IS, use->institution),
         KUNI_REASON_IS_OTHER_INSTITUTION);
    deny(sum, has(c, KUNI_DUO_PS) && !is_among(c, KUNI_DUO_PS, use->project),
         KUNI_REASON_PS_OTHER_PROJECT);
    deny(sum, has(c, KUNI_DUO_US) && !are_among(c, KUNI_DUO_US, &use->users),
         KUNI_REASON_US_OTHER_USER);
}

/* The days that TS (may be used until) or MOR (not published until) name: past on `day`? */
static bool is_past(const consent *c, kuni_duo code, const char *day)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->arguments[i].code == code && strncmp(c->arguments[i].text, day, 10) < 0) return true;
    return false;
}

static void match_duties(kuni_decision *sum, const kuni_use *use, const consent *c)
{
    static const struct {
        kuni_duo code;
        kuni_reason reason;
    } duties[] = {{KUNI_DUO_IRB, KUNI_REASON_IRB_APPROVAL},
                  {KUNI_DUO_COL, KUNI_REASON_COL_COLLABORATION},
                  {KUNI_DUO_PUB, KUNI_REASON_PUB_PUBLICATION},
                  {KUNI_DUO_MOR, KUNI_REASON_MOR_MORATORIUM},
                  {KUNI_DUO_RTN, KUNI_REASON_RTN_RETURN}};
    ask(sum, has(c, KUNI_DUO_RS), KUNI_REASON_RS_RESTRICTED);
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        kuni_duo code = duties[i].code;
        bool over = code == KUNI_DUO_MOR && is_past(c, code, use->today);
        ask(sum, has(c, code) && !over && !(use->agrees & 1u << code), duties[i].reason);
    }
}

static bool is_complete(const kuni_use *use)
{
    if (!use->purposes || use->purposes >> KUNI_PURPOSES || !use->today) return false;
    if (!kuni_is_date(use->today) || (use->delivery && !kuni_is_date(use->delivery))) return false;
    bool disease = use->purposes & KUNI_PURPOSE_DISEASE;
    return !disease || (use->disease >= 0 && use->ontology && use->above && use->below);
}

static void match_form(kuni_decision *sum, const kuni_use *use, const kuni_consent_facts *facts)
{
    bool known = false;
    for (size_t i = 0; facts->form && i < use->forms.n; i++)
        known |= strcmp(facts->form, use->forms.texts[i]) == 0;
    deny(sum, !facts->form, KUNI_REASON_FORM_MISSING);
    deny(sum, facts->form && !known, KUNI_REASON_FORM_UNKNOWN);
    deny(sum, !facts->form_date || !kuni_is_date(facts->form_date), KUNI_REASON_FORM_DATE_MISSING);
    deny(sum, facts->form_date && strcmp(facts->form_date, use->today) > 0,
         KUNI_REASON_FORM_DATE_LATER);
}

kuni_decision kuni_consent_match(const kuni_use *use, const kuni_consent_facts *facts)
{
    kuni_decision sum = undecided;
    consent c;
    kuni_reason wrong;
    if (!is_complete(use)) return (kuni_decision){KUNI_MATCH_DENY, KUNI_REASON_REQUEST_INCOMPLETE};
    if (!facts->consent) return (kuni_decision){KUNI_MATCH_DENY, KUNI_REASON_CONSENT_MISSING};
    if (!parse(&c, facts->consent, &wrong)) return (kuni_decision){KUNI_MATCH_DENY, wrong};
    match_form(&sum, use, facts);
    for (int bit = 0; bit < KUNI_PURPOSES; bit++)
        if (use->purposes & 1u << bit) match_purpose(&sum, use, &c, 1u << bit);
    match_limits(&sum, use, &c);
    deny(&sum, is_past(&c, KUNI_DUO_TS, use->today), KUNI_REASON_TS_EXPIRED);
    deny(&sum, use->delivery && is_past(&c, KUNI_DUO_TS, use->delivery),
         KUNI_REASON_TS_EXPIRES_BEFORE_DELIVERY);
    match_duties(&sum, use, &c);
    deny(&sum,
         facts->release_after &&
             (!kuni_is_date(facts->release_after) || strcmp(use->today, facts->release_after) <= 0),
         KUNI_REASON_EMBARGO);
    /* Nothing has allowed it: then it is not allowed. */
    if (sum.reason == KUNI_REASONS)
        return (kuni_decision){KUNI_MATCH_DENY, KUNI_REASON_REQUEST_INCOMPLETE};
    return sum;
}
