/* SPDX-License-Identifier: MIT */
/*
 * Whether what a participant has consented to covers what a recipient wants to do: GA4GH's Data Use
 * Ontology (DUO), three-valued, one reason each, and closed where anything is not understood.
 *
 * A consent is a text of codes, as the manifest has it: "GRU;NPUNCU", "DUO:0000007(MONDO:0005148);
 * GS(JP|KR)". Between codes stand ';', ',' or blanks; what a code is limited to stands in
 * parentheses, with '|' or ',' between. One code is the permission (NRES, GRU, HMB, DS, POA); the
 * others narrow it, tie it to a duty, or (CC) widen it. A code that is unknown, one that lacks what it
 * is limited to, and two permissions deny.
 *
 * "Ask" means that the rules leave it to people (an ethics approval that is not told, a restriction
 * in words): nothing of the participant is released until the request tells more.
 *
 * What this is not: legal advice, or a proof that the request tells the truth.
 */
#ifndef KUNI_RELEASE_CONSENT_H
#define KUNI_RELEASE_CONSENT_H

#include "ontology.h"

typedef enum kuni_duo {
    KUNI_DUO_NRES,   /* 0000004 no restriction */
    KUNI_DUO_GRU,    /* 0000042 general research use */
    KUNI_DUO_HMB,    /* 0000006 health, medical, biomedical research */
    KUNI_DUO_DS,     /* 0000007 research on the diseases named */
    KUNI_DUO_POA,    /* 0000011 population origins or ancestry research only */
    KUNI_DUO_NPU,    /* 0000045 not-for-profit organisations only */
    KUNI_DUO_NCU,    /* 0000046 non-commercial use only */
    KUNI_DUO_NPUNCU, /* 0000018 both */
    KUNI_DUO_NMDS,   /* 0000015 no methods development */
    KUNI_DUO_NPOA,   /* 0000044 no population origins or ancestry research */
    KUNI_DUO_GSO,    /* 0000016 genetic studies only */
    KUNI_DUO_GS,     /* 0000022 in the countries named (ISO 3166-1, two letters) */
    KUNI_DUO_IS,     /* 0000028 by the institutions named */
    KUNI_DUO_PS,     /* 0000027 for the projects named */
    KUNI_DUO_US,     /* 0000026 by the users named */
    KUNI_DUO_TS,     /* 0000025 until the day named, included */
    KUNI_DUO_RS,     /* 0000012 restricted in words */
    KUNI_DUO_IRB,    /* 0000021 needs the approval of an ethics board */
    KUNI_DUO_COL,    /* 0000020 in collaboration with the primary investigators */
    KUNI_DUO_PUB,    /* 0000019 results are to be published */
    KUNI_DUO_MOR,    /* 0000024 no publication until the day named */
    KUNI_DUO_RTN,    /* 0000029 derived data are to be returned */
    KUNI_DUO_CC,     /* 0000043 clinical care, too */
    KUNI_DUOS
} kuni_duo;

/* What the data are wanted for: bits. All that are set must be allowed. */
enum {
    KUNI_PURPOSE_DISEASE = 1,   /* research on one disease */
    KUNI_PURPOSE_HEALTH = 2,    /* health, medical, biomedical research */
    KUNI_PURPOSE_GENERAL = 4,   /* any research */
    KUNI_PURPOSE_ANCESTRY = 8,  /* population origins or ancestry */
    KUNI_PURPOSE_METHODS = 16,  /* methods, software */
    KUNI_PURPOSE_CONTROL = 32,  /* as controls */
    KUNI_PURPOSE_CLINICAL = 64, /* care of patients */
    KUNI_PURPOSES = 7
};

/* Texts that something is one of; borrowed. */
typedef struct kuni_text_list {
    const char **texts;
    size_t n;
} kuni_text_list;

/* What a request wants to do. Borrowed texts; NULL or empty: not told, which never helps. */
typedef struct kuni_use {
    unsigned purposes;
    int64_t disease;               /* a term of `ontology`; -1: none */
    bool commercial;               /* use */
    bool for_profit;               /* organisation */
    bool genetic;                  /* studies of genes and nothing else */
    kuni_text_list countries;      /* where the data go: all must be allowed */
    const char *institution;       /* id */
    const char *project;           /* id */
    kuni_text_list users;          /* ids: all must be allowed */
    unsigned agrees;               /* duties that are taken on: 1 << KUNI_DUO_IRB and the like */
    kuni_text_list forms;          /* versions of the consent form that the program knows */
    const char *today;             /* YYYY-MM-DD */
    const char *delivery;          /* likewise, of the day the data are handed over; NULL: today */
    const kuni_ontology *ontology; /* NULL: none was named */
    const uint8_t *above, *below;  /* of `disease`: see kuni_ontology_ancestors, _descendants */
} kuni_use;

/* What the register holds of a participant; NULL: not known. */
typedef struct kuni_consent_facts {
    const char *consent, *form, *form_date, *release_after;
} kuni_consent_facts;

typedef enum kuni_match { KUNI_MATCH_ALLOW, KUNI_MATCH_DENY, KUNI_MATCH_ASK } kuni_match;

/* Why. Words and what they mean: kuni_reason_name, kuni_reason_text; docs/release.md lists them. */
typedef enum kuni_reason {
    /* allow */
    KUNI_REASON_NRES,
    KUNI_REASON_GRU,
    KUNI_REASON_HMB,
    KUNI_REASON_DS_SAME,
    KUNI_REASON_DS_ANCESTOR,
    KUNI_REASON_POA,
    KUNI_REASON_CC,
    /* deny: not understood */
    KUNI_REASON_CONSENT_MISSING,
    KUNI_REASON_CONSENT_UNKNOWN_CODE,
    KUNI_REASON_CONSENT_UNREADABLE,
    KUNI_REASON_CONSENT_INCOMPLETE,
    KUNI_REASON_CONSENT_CONTRADICTS,
    KUNI_REASON_CONSENT_NO_PERMISSION,
    KUNI_REASON_FORM_MISSING,
    KUNI_REASON_FORM_UNKNOWN,
    KUNI_REASON_FORM_DATE_MISSING,
    KUNI_REASON_FORM_DATE_LATER,
    KUNI_REASON_REQUEST_INCOMPLETE,
    /* deny: not permitted */
    KUNI_REASON_HMB_NOT_HEALTH,
    KUNI_REASON_HMB_ANCESTRY,
    KUNI_REASON_DS_NARROWER,
    KUNI_REASON_DS_OTHER_DISEASE,
    KUNI_REASON_DS_UNKNOWN_DISEASE,
    KUNI_REASON_DS_NOT_DISEASE,
    KUNI_REASON_POA_ONLY,
    KUNI_REASON_NOT_CLINICAL,
    KUNI_REASON_NPU_FOR_PROFIT,
    KUNI_REASON_NCU_COMMERCIAL,
    KUNI_REASON_NPUNCU_FOR_PROFIT,
    KUNI_REASON_NPUNCU_COMMERCIAL,
    KUNI_REASON_NMDS_METHODS,
    KUNI_REASON_NPOA_ANCESTRY,
    KUNI_REASON_GSO_NOT_GENETIC,
    KUNI_REASON_GS_OTHER_COUNTRY,
    KUNI_REASON_IS_OTHER_INSTITUTION,
    KUNI_REASON_PS_OTHER_PROJECT,
    KUNI_REASON_US_OTHER_USER,
    KUNI_REASON_TS_EXPIRED,
    KUNI_REASON_TS_EXPIRES_BEFORE_DELIVERY,
    KUNI_REASON_EMBARGO,
    /* ask */
    KUNI_REASON_HMB_METHODS,
    KUNI_REASON_DS_METHODS,
    KUNI_REASON_HMB_CONTROLS,
    KUNI_REASON_RS_RESTRICTED,
    KUNI_REASON_IRB_APPROVAL,
    KUNI_REASON_COL_COLLABORATION,
    KUNI_REASON_PUB_PUBLICATION,
    KUNI_REASON_MOR_MORATORIUM,
    KUNI_REASON_RTN_RETURN,
    KUNI_REASONS
} kuni_reason;

typedef struct kuni_decision {
    kuni_match match;
    kuni_reason reason;
} kuni_decision;

/*
 * Decides. Deny outranks ask, which outranks allow; of several reasons for it the first counts, in
 * the order: what cannot be read, the form, the permission, codes that narrow it, the day, duties;
 * `release_after` is looked at last. Never fails: what goes wrong denies.
 */
kuni_decision kuni_consent_match(const kuni_use *use, const kuni_consent_facts *facts);

/* "gs_other_country", and a line that says what it means. */
const char *kuni_reason_name(kuni_reason reason);
const char *kuni_reason_text(kuni_reason reason);
/* "allow", "deny", "ask" */
const char *kuni_match_name(kuni_match match);
/* "GS"; and back from that or "DUO:0000022": KUNI_DUOS where it is neither. */
const char *kuni_duo_name(kuni_duo code);
kuni_duo kuni_duo_find(const char *text, size_t length);
/* "disease", ...: of each bit of purposes, ended by NULL. */
extern const char *const kuni_purpose_names[KUNI_PURPOSES + 1];
/* Whether the text is a day of the calendar as YYYY-MM-DD; such days compare as texts do. */
bool kuni_is_date(const char *text);

#endif
