/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/params.h"
#include "manifest.h"
#include "reader.h"
#include "units.h"

enum { FIELDS_MAX = 24, LIST_MAX = 10000 };

typedef enum field_type {
    TEXT,  /* const char * */
    ID,    /* likewise, a word that ids may be */
    TERM,  /* likewise, PREFIX:LOCAL */
    DAY,   /* likewise, YYYY-MM-DD */
    FILE_, /* likewise, an absolute path that exists */
    PATH,  /* likewise, that need not */
    TEXTS, /* kuni_text_list */
    COUNTRIES,
    FILES,  /* kuni_text_list of absolute paths that exist */
    ANSWER, /* bool: yes or no; or, with choices, whether it is the second */
    CHOICE, /* int */
    BITS,   /* unsigned: a list of choices */
    NUMBER, /* int64_t */
    SECTION /* a map with fields of its own */
} field_type;

typedef struct field {
    const char *key, *expected;
    field_type type;
    size_t offset;
    const char *const *choices; /* ended by NULL */
    const unsigned *bits;       /* of BITS: what a choice sets; NULL: 1 << its place */
    const struct field *fields; /* of SECTION, ended by key NULL */
    int64_t least, most;
    bool required;
} field;

#define AT(FIELD) offsetof(kuni_request, FIELD)

static const char *const organisations[] = {"not-for-profit", "for-profit", NULL};
static const char *const uses[] = {"non-commercial", "commercial", NULL};
static const char *const forms[] = {"dense", "sparse", "sites", "tables", NULL};
static const char *const duties[] = {"IRB", "COL", "PUB", "MOR", "RTN", NULL};
static const unsigned duty_bits[] = {1u << KUNI_DUO_IRB, 1u << KUNI_DUO_COL, 1u << KUNI_DUO_PUB,
                                     1u << KUNI_DUO_MOR, 1u << KUNI_DUO_RTN};
static const char *const columns[] = {"GT", "GQ", "DP", "RNC", "AD", "PL", "PS", NULL};

const char *kuni_organisation_name(bool for_profit)
{
    return organisations[for_profit];
}

const char *kuni_use_name(bool commercial)
{
    return uses[commercial];
}

const char *kuni_form_name(kuni_release_form form)
{
    return forms[form];
}

bool kuni_request_has_tables(const kuni_request *request)
{
    return request->tables || request->form == KUNI_FORM_TABLES;
}

bool kuni_form_has_genotypes(kuni_release_form form)
{
    return form == KUNI_FORM_DENSE || form == KUNI_FORM_SPARSE;
}

bool kuni_form_name_has_genotypes(const char *name)
{
    for (int form = 0; forms[form]; form++)
        if (strcmp(forms[form], name) == 0) return kuni_form_has_genotypes((kuni_release_form)form);
    return false;
}

static const field recipient_fields[] = {{.key = "id",
                                          .expected = "an id, without blanks",
                                          .type = ID,
                                          .offset = AT(recipient),
                                          .required = true},
                                         {.key = "organisation",
                                          .expected = "for-profit or not-for-profit",
                                          .type = ANSWER,
                                          .offset = AT(for_profit),
                                          .choices = organisations,
                                          .required = true},
                                         {.key = "countries",
                                          .expected = "countries in two letters, as in [JP, KR]",
                                          .type = COUNTRIES,
                                          .offset = AT(countries),
                                          .required = true},
                                         {.key = "institution",
                                          .expected = "the id that IS(...) of consents names",
                                          .type = ID,
                                          .offset = AT(institution)},
                                         {.key = "users",
                                          .expected = "the ids that US(...) of consents names",
                                          .type = TEXTS,
                                          .offset = AT(users)},
                                         {.key = "public",
                                          .expected = "yes, where anybody may get it, or no",
                                          .type = ANSWER,
                                          .offset = AT(is_public)},
                                         {.key = NULL}};

static const field consent_fields[] = {
    {.key = "forms",
     .expected = "the versions of the consent form that are known, as in [v1, v2]",
     .type = TEXTS,
     .offset = AT(forms),
     .required = true},
    {.key = "ontologies",
     .expected = "paths of OBO files",
     .type = FILES,
     .offset = AT(ontologies)},
    {.key = NULL}};

static const field people_fields[] = {
    {.key = "groups", .expected = "groups of the manifest", .type = TEXTS, .offset = AT(groups)},
    {.key = "list",
     .expected = "the path of a file of participant ids, one a line",
     .type = FILE_,
     .offset = AT(list)},
    {.key = "phenotypes",
     .expected = "the path of a table participant_id, term, date",
     .type = FILE_,
     .offset = AT(phenotypes)},
    {.key = "cases", .expected = "an expression of terms", .type = TEXT, .offset = AT(cases)},
    {.key = "controls", .expected = "an expression of terms", .type = TEXT, .offset = AT(controls)},
    {.key = "as_of", .expected = "a day as YYYY-MM-DD", .type = DAY, .offset = AT(as_of)},
    {.key = NULL}};

static const field region_fields[] = {
    {.key = "list",
     .expected = "regions such as [chr20, 'chr3:1000-2000']",
     .type = TEXTS,
     .offset = AT(regions)},
    {.key = "bed", .expected = "the path of a BED file", .type = FILE_, .offset = AT(bed)},
    {.key = "features",
     .expected = "the path of a BED or GFF file",
     .type = FILE_,
     .offset = AT(features)},
    {.key = NULL}};

static const field pseudonym_fields[] = {
    {.key = "key",
     .expected = "the path of a key file (kuni release --new-key makes one)",
     .type = PATH,
     .offset = AT(key),
     .required = true},
    {.key = "linkage",
     .expected = "the path of the file that will say who is who",
     .type = PATH,
     .offset = AT(linkage)},
    {.key = "custodian",
     .expected = "the path of a public key that the linkage is sealed to",
     .type = FILE_,
     .offset = AT(custodian)},
    {.key = NULL}};

static const field encryption_fields[] = {{.key = "recipients",
                                           .expected = "paths of public keys",
                                           .type = FILES,
                                           .offset = AT(encryption),
                                           .required = true},
                                          {.key = NULL}};

static const field signature_fields[] = {{.key = "key",
                                          .expected = "the path of the key to sign with",
                                          .type = PATH,
                                          .offset = AT(signing),
                                          .required = true},
                                         {.key = NULL}};

static const char version_expected[] = "1, the only version of requests so far";

static const field top_fields[] = {
    {.key = "version",
     .expected = version_expected,
     .type = NUMBER,
     .offset = SIZE_MAX,
     .least = 1,
     .most = 1,
     .required = true},
    {.key = "name", .expected = "a name without blanks", .type = ID, .offset = AT(name)},
    {.key = "workflow",
     .expected = "the path of the workflow file of the dataset",
     .type = FILE_,
     .offset = AT(workflow),
     .required = true},
    {.key = "recipient",
     .expected = "a map: id, organisation, countries",
     .type = SECTION,
     .fields = recipient_fields,
     .required = true},
    {.key = "purpose",
     .expected = "one or more of disease, health, general, ancestry, methods, control, clinical",
     .type = BITS,
     .offset = AT(purposes),
     .choices = kuni_purpose_names,
     .required = true},
    {.key = "disease",
     .expected = "a term such as MONDO:0005148",
     .type = TERM,
     .offset = AT(disease)},
    {.key = "use",
     .expected = "commercial or non-commercial",
     .type = ANSWER,
     .offset = AT(commercial),
     .choices = uses,
     .required = true},
    {.key = "genetic",
     .expected = "yes where genes are studied and nothing else, or no",
     .type = ANSWER,
     .offset = AT(genetic)},
    {.key = "project",
     .expected = "the id that PS(...) of consents names",
     .type = ID,
     .offset = AT(project)},
    {.key = "agrees",
     .expected = "duties that are taken on, of IRB, COL, PUB, MOR, RTN",
     .type = BITS,
     .offset = AT(agrees),
     .choices = duties,
     .bits = duty_bits},
    {.key = "delivery",
     .expected = "the day the data are handed over, as YYYY-MM-DD",
     .type = DAY,
     .offset = AT(delivery)},
    {.key = "consent",
     .expected = "a map: forms, ontologies",
     .type = SECTION,
     .fields = consent_fields,
     .required = true},
    {.key = "people",
     .expected = "a map: groups, list, phenotypes, cases, controls, as_of",
     .type = SECTION,
     .fields = people_fields},
    {.key = "regions",
     .expected = "a map: list, bed, features",
     .type = SECTION,
     .fields = region_fields},
    {.key = "form",
     .expected = "dense, sparse, sites or tables",
     .type = CHOICE,
     .offset = AT(form),
     .choices = forms,
     .required = true},
    {.key = "columns",
     .expected = "FORMAT fields, of GT, GQ, DP, RNC, AD, PL, PS",
     .type = TEXTS,
     .offset = AT(columns),
     .choices = columns},
    {.key = "tables", .expected = "yes or no", .type = ANSWER, .offset = AT(tables)},
    {.key = "all_sites", .expected = "yes or no", .type = ANSWER, .offset = AT(all_sites)},
    {.key = "cohort_frequencies",
     .expected = "yes or no",
     .type = ANSWER,
     .offset = AT(cohort_frequencies)},
    {.key = "threshold",
     .expected = "the least count of people that is told",
     .type = NUMBER,
     .offset = AT(threshold),
     .least = 1,
     .most = 1000000},
    {.key = "pseudonyms",
     .expected = "a map: key, linkage, custodian",
     .type = SECTION,
     .fields = pseudonym_fields},
    {.key = "encryption",
     .expected = "a map: recipients",
     .type = SECTION,
     .fields = encryption_fields},
    {.key = "signature", .expected = "a map: key", .type = SECTION, .fields = signature_fields},
    {.key = NULL}};

typedef struct reading {
    kuni_reader reader; /* its workflow is none: this is a file of another kind */
    kuni_request *request;
    const kuni_yaml_node *disease, *cases, *controls; /* where they stand */
} reading;

static void *place_of(const reading *r, const field *f)
{
    return (char *)r->request + f->offset;
}

/* --- values --- */

static void refuse(reading *r, const kuni_yaml_node *value, const field *f)
{
    char room[KUNI_YAML_WORD_BYTES];
    kuni_yaml_fault(r->reader.faults, value, "%s: got %s; expected %s", f->key,
                    kuni_yaml_describe(value, room), f->expected);
}

/* The place of a word among the choices, or -1 after a fault. */
static int choice_of(reading *r, const kuni_yaml_node *value, const field *f,
                     const char *const *choices)
{
    const char *text = kuni_reader_text(&r->reader, value, f->key, f->expected);
    int n = 0;
    if (!text) return -1;
    for (; choices[n]; n++)
        if (strcmp(choices[n], text) == 0) return n;
    const char *near = kuni_nearest(text, choices, (size_t)n);
    kuni_yaml_fault(r->reader.faults, value, "%s: got '%.100s'; expected %s%s%s%s", f->key, text,
                    f->expected, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
    return -1;
}

static void read_answer(reading *r, const kuni_yaml_node *value, const field *f)
{
    static const char *const answers[] = {"no", "yes", "false", "true", NULL};
    int choice = choice_of(r, value, f, f->choices ? f->choices : answers);
    if (choice >= 0) *(bool *)place_of(r, f) = choice & 1;
}

static bool is_term(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon && colon > text && colon[1] && !strpbrk(text, " \t()|,;");
}

static bool is_country(const char *text)
{
    return strlen(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' &&
           text[1] <= 'Z';
}

static kuni_status read_text(reading *r, const kuni_yaml_node *value, const field *f)
{
    const char *text = kuni_reader_text(&r->reader, value, f->key, f->expected);
    if (!text) return KUNI_OK;
    if ((f->type == ID && kuni_id_fault(text)) || (f->type == TERM && !is_term(text)) ||
        (f->type == DAY && !kuni_is_date(text)))
        refuse(r, value, f);
    if (f->type == FILE_) text = kuni_reader_file(&r->reader, value, f->key, text);
    if (f->type == PATH) text = kuni_reader_path(&r->reader, NULL, text);
    *(const char **)place_of(r, f) = text;
    return text ? KUNI_OK : KUNI_MEMORY;
}

/* One value stands for a list of it. */
static const kuni_yaml_node *item_of(const kuni_yaml_node *value, size_t i)
{
    return value->type == KUNI_YAML_LIST ? value->values[i] : value;
}

static size_t items_in(reading *r, const kuni_yaml_node *value, const field *f)
{
    size_t n = value->type == KUNI_YAML_LIST ? value->n : value->type == KUNI_YAML_TEXT;
    if (!n || n > LIST_MAX) refuse(r, value, f);
    return n > LIST_MAX ? 0 : n;
}

static kuni_status read_texts(reading *r, const kuni_yaml_node *value, const field *f)
{
    kuni_text_list *list = place_of(r, f);
    size_t n = items_in(r, value, f);
    list->texts = kuni_arena_alloc(r->reader.arena, n + 1, sizeof(*list->texts), r->reader.err);
    if (!list->texts) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const kuni_yaml_node *item = item_of(value, i);
        const char *text = kuni_reader_text(&r->reader, item, f->key, f->expected);
        if (!text || (f->choices && choice_of(r, item, f, f->choices) < 0)) continue;
        if (f->type == COUNTRIES && !is_country(text)) refuse(r, item, f);
        if (f->type == FILES && !(text = kuni_reader_file(&r->reader, item, f->key, text)))
            return KUNI_MEMORY;
        list->texts[list->n++] = text;
    }
    return KUNI_OK;
}

static void read_bits(reading *r, const kuni_yaml_node *value, const field *f)
{
    size_t n = items_in(r, value, f);
    for (size_t i = 0; i < n; i++) {
        int choice = choice_of(r, item_of(value, i), f, f->choices);
        if (choice >= 0) *(unsigned *)place_of(r, f) |= f->bits ? f->bits[choice] : 1u << choice;
    }
}

static void read_number(reading *r, const kuni_yaml_node *value, const field *f)
{
    int64_t number;
    const char *text = kuni_reader_text(&r->reader, value, f->key, f->expected);
    if (!text) return;
    if (!kuni_parse_int(text, &number) || number < f->least || number > f->most)
        refuse(r, value, f);
    else if (f->offset != SIZE_MAX)
        *(int64_t *)place_of(r, f) = number;
}

static kuni_status read_fields(reading *r, const kuni_yaml_node *map, const char *section,
                               const field *fields);

static kuni_status read_value(reading *r, const kuni_yaml_node *value, const field *f)
{
    int choice;
    switch (f->type) {
    case TEXT:
    case ID:
    case TERM:
    case DAY:
    case FILE_:
    case PATH:
        return read_text(r, value, f);
    case TEXTS:
    case COUNTRIES:
    case FILES:
        return read_texts(r, value, f);
    case ANSWER:
        read_answer(r, value, f);
        return KUNI_OK;
    case CHOICE:
        if ((choice = choice_of(r, value, f, f->choices)) >= 0) *(int *)place_of(r, f) = choice;
        return KUNI_OK;
    case BITS:
        read_bits(r, value, f);
        return KUNI_OK;
    case NUMBER:
        read_number(r, value, f);
        return KUNI_OK;
    case SECTION:
        if (value->type == KUNI_YAML_MAP) return read_fields(r, value, f->key, f->fields);
        refuse(r, value, f);
        return KUNI_OK;
    }
    return KUNI_OK;
}

/* The order of the table, so that faults of a list do not depend on the file; they are sorted anyway. */
static kuni_status read_fields(reading *r, const kuni_yaml_node *map, const char *section,
                               const field *fields)
{
    const char *known[FIELDS_MAX];
    size_t n_known = 0;
    for (const field *f = fields; f->key; f++) known[n_known++] = f->key;
    for (size_t k = 0; k < map->n; k++) {
        const field *f = fields;
        while (f->key && strcmp(map->keys[k]->text, f->key) != 0) f++;
        kuni_status status =
            f->key ? read_value(r, map->values[k], f)
                   : kuni_reader_unknown_key(&r->reader, map->keys[k], section, known, n_known);
        if (status) return status;
    }
    for (const field *f = fields; f->key; f++)
        if (f->required && !kuni_yaml_get(map, f->key))
            kuni_yaml_fault(r->reader.faults, map, "'%s' is missing%s%s; expected %s", f->key,
                            *section ? " in " : "", section, f->expected);
    return KUNI_OK;
}

/* --- what values ask of each other --- */

static void check_together(reading *r, const kuni_yaml_node *root)
{
    const kuni_request *q = r->request;
    kuni_faults *faults = r->reader.faults;
    const kuni_yaml_node *people = kuni_yaml_get(root, "people");
    r->disease = kuni_yaml_get(root, "disease");
    r->cases = people ? kuni_yaml_get(people, "cases") : NULL;
    r->controls = people ? kuni_yaml_get(people, "controls") : NULL;
    bool wants = q->purposes & KUNI_PURPOSE_DISEASE;
    if (wants && !r->disease)
        kuni_yaml_fault(faults, kuni_yaml_get(root, "purpose"),
                        "purpose: disease without one; expected 'disease: MONDO:...' beside it");
    if (!wants && q->purposes && r->disease)
        kuni_yaml_fault(faults, r->disease,
                        "disease: no purpose asks for it; expected disease among 'purpose:'");
    const kuni_yaml_node *of_terms = r->disease ? r->disease : r->cases ? r->cases : r->controls;
    if (of_terms && !q->ontologies.n)
        kuni_yaml_fault(faults, of_terms,
                        "terms need an ontology; expected 'ontologies: [mondo.obo]' in consent");
    if ((r->cases || r->controls) && !q->phenotypes)
        kuni_yaml_fault(faults, r->cases ? r->cases : r->controls,
                        "an expression needs a table; expected 'phenotypes: TABLE.tsv' beside it");
    if (q->threshold == 2)
        kuni_yaml_fault(
            faults, kuni_yaml_get(root, "threshold"),
            "threshold: 2 hides nothing, for what is hidden is 1; expected 1 or at least 3");
    if (q->form == KUNI_FORM_SITES && q->columns.n)
        kuni_yaml_fault(faults, kuni_yaml_get(root, "columns"),
                        "columns: form sites has none; expected no 'columns:'");
}

static kuni_status compile(reading *r, const kuni_yaml_node *node, const char *text,
                           kuni_expression **made)
{
    kuni_error wrong = KUNI_ERROR_INIT;
    size_t at = 0;
    if (!text || !node) return KUNI_OK;
    kuni_status status = kuni_expression_make(made, text, r->request->ontology, &at, &wrong);
    if (status == KUNI_USAGE)
        kuni_yaml_fault(r->reader.faults, node, "%s: at letter %zu of '%.200s': %s",
                        node == r->cases ? "cases" : "controls", at + 1, text, wrong.text);
    return status == KUNI_USAGE || !status ? KUNI_OK
                                           : kuni_fail(r->reader.err, status, "%s", wrong.text);
}

static kuni_status look_up(reading *r)
{
    kuni_request *q = r->request;
    kuni_error *err = r->reader.err;
    kuni_status status = KUNI_OK;
    if (!q->ontologies.n) return KUNI_OK;
    if (!(q->ontology = kuni_ontology_new(err))) return KUNI_MEMORY;
    for (size_t i = 0; i < q->ontologies.n && !status; i++)
        status = kuni_ontology_read(q->ontology, q->ontologies.texts[i], err);
    if (!status) status = kuni_ontology_finish(q->ontology, err);
    if (!status) status = compile(r, r->cases, q->cases, &q->case_people);
    if (!status) status = compile(r, r->controls, q->controls, &q->control_people);
    if (status || !q->disease || !r->disease) return status;
    q->disease_term = kuni_ontology_find(q->ontology, q->disease);
    if (q->disease_term < 0) {
        kuni_yaml_fault(r->reader.faults, r->disease, "disease: '%.60s' is %s", q->disease,
                        kuni_ontology_is_obsolete(q->ontology, q->disease)
                            ? "obsolete and none has taken its place; expected a current term"
                            : "in none of the ontologies; expected a term of theirs");
        return KUNI_OK;
    }
    size_t n = kuni_ontology_count(q->ontology);
    q->above = kuni_arena_alloc(q->arena, n, 1, err);
    q->below = kuni_arena_alloc(q->arena, n, 1, err);
    if (!q->above || !q->below) return KUNI_MEMORY;
    kuni_ontology_ancestors(q->ontology, q->disease_term, q->above);
    kuni_ontology_descendants(q->ontology, q->disease_term, q->below);
    return KUNI_OK;
}

/* --- the file --- */

/* Path, folder and, where the file tells none, name. */
static kuni_status place(reading *r, const char *path)
{
    kuni_request *q = r->request;
    kuni_status status = kuni_reader_place(&r->reader, "request", path, &q->path);
    return status ? status : kuni_reader_stem(&r->reader, q->path, &q->name);
}

static kuni_status read_root(reading *r, const kuni_buffer *text)
{
    kuni_yaml_node *root = NULL;
    kuni_faults *faults = r->reader.faults;
    char room[KUNI_YAML_WORD_BYTES];
    kuni_status status = kuni_yaml_parse(&root, r->reader.arena, text->data ? text->data : "",
                                         text->length, NULL, faults, r->reader.err);
    if (status) return status;
    if (!root || root->type != KUNI_YAML_MAP) {
        if (kuni_faults_none(faults))
            kuni_faults_add(faults, NULL, 1, 1,
                            "got %s; expected a request: version, workflow, recipient, purpose, "
                            "use, consent, form",
                            root ? kuni_yaml_describe(root, room) : "nothing");
        return KUNI_OK;
    }
    status = read_fields(r, root, "", top_fields);
    if (!status) check_together(r, root);
    return status || !kuni_faults_none(faults) ? status : look_up(r);
}

kuni_status kuni_request_read(kuni_request *request, const char *path, kuni_buffer *faults,
                              kuni_error *err)
{
    enum { DEFAULT_THRESHOLD = 5 };
    *request = (kuni_request){.disease_term = -1, .threshold = DEFAULT_THRESHOLD, .tables = true};
    kuni_faults found;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_faults_init(&found, path, err);
    if (status) return status;
    request->arena = kuni_arena_new(err);
    reading r = {.reader = {.arena = request->arena, .faults = &found, .err = err},
                 .request = request};
    status = request->arena ? kuni_reader_get("request", path, &text, err) : KUNI_MEMORY;
    if (!status) status = place(&r, path);
    if (!status) status = read_root(&r, &text);
    if (!status) status = kuni_faults_report(&found, KUNI_USAGE, faults, err);
    kuni_buffer_fini(&text);
    kuni_faults_fini(&found);
    return status;
}

void kuni_request_fini(kuni_request *request)
{
    kuni_ontology_free(request->ontology);
    kuni_expression_free(request->case_people);
    kuni_expression_free(request->control_people);
    kuni_arena_free(request->arena);
    *request = (kuni_request){.path = NULL};
}

kuni_use kuni_request_use(const kuni_request *request, const char *today)
{
    return (kuni_use){.purposes = request->purposes,
                      .disease = request->disease_term,
                      .commercial = request->commercial,
                      .for_profit = request->for_profit,
                      .genetic = request->genetic,
                      .countries = request->countries,
                      .institution = request->institution,
                      .project = request->project,
                      .users = request->users,
                      .agrees = request->agrees,
                      .forms = request->forms,
                      .today = today,
                      .delivery = request->delivery,
                      .ontology = request->ontology,
                      .above = request->above,
                      .below = request->below};
}
