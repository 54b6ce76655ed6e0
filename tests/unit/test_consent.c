/* SPDX-License-Identifier: MIT */
/* Consent: the truth table in consent.tsv, word by word; ontologies, good and broken ones. */
#include "fixture.h"

#include "consent.h"
#include "kuni/file.h"
#include "kuni/lines.h"

enum {
    CASE,
    CONSENT,
    FORM,
    FORM_DATE,
    RELEASE_AFTER,
    PURPOSES,
    DISEASE,
    COMMERCIAL,
    FOR_PROFIT,
    GENETIC,
    COUNTRIES,
    INSTITUTION,
    PROJECT,
    USERS,
    AGREES,
    DELIVERY,
    VERDICT,
    REASON,
    COLUMNS
};

static char *source_path(const char *name)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_non_null(getenv("KUNI_SOURCE"));
    char *path = kuni_path_join(getenv("KUNI_SOURCE"), name, &err);
    assert_non_null(path);
    return path;
}

static kuni_ontology *small_ontology(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ontology *o = kuni_ontology_new(&err);
    char *path = source_path("tests/unit/small.obo");
    assert_int_equal(kuni_ontology_read(o, path, &err), KUNI_OK);
    assert_int_equal(kuni_ontology_finish(o, &err), KUNI_OK);
    free(path);
    return o;
}

static const char *told(const char *text)
{
    return strcmp(text, ".") == 0 ? NULL : text;
}

/* Cuts a field of the table in place. */
static kuni_text_list list_of(char *text, const char *room[16])
{
    kuni_text_list list = {.texts = room};
    char *save = NULL;
    for (char *at = told(text) ? strtok_r(text, ",", &save) : NULL; at;
         at = strtok_r(NULL, ",", &save))
        room[list.n++] = at;
    return list;
}

static void set_words(kuni_use *use, char *fields[])
{
    const char *room[16];
    kuni_text_list words = list_of(fields[PURPOSES], room);
    for (size_t i = 0; i < words.n; i++) {
        int bit = 0;
        while (kuni_purpose_names[bit] && strcmp(kuni_purpose_names[bit], words.texts[i]) != 0)
            bit++;
        assert_true(bit < KUNI_PURPOSES);
        use->purposes |= 1u << bit;
    }
    words = list_of(fields[AGREES], room);
    for (size_t i = 0; i < words.n; i++)
        use->agrees |= 1u << kuni_duo_find(words.texts[i], strlen(words.texts[i]));
}

static void check_row(const kuni_ontology *o, char *fields[], bool seen[KUNI_REASONS])
{
    static const char *forms[] = {"v1", "v2"};
    const char *countries[16], *users[16];
    uint8_t above[64], below[64];
    kuni_use use = {.disease = told(fields[DISEASE]) ? kuni_ontology_find(o, fields[DISEASE]) : -1,
                    .commercial = strcmp(fields[COMMERCIAL], "yes") == 0,
                    .for_profit = strcmp(fields[FOR_PROFIT], "yes") == 0,
                    .genetic = strcmp(fields[GENETIC], "yes") == 0,
                    .countries = list_of(fields[COUNTRIES], countries),
                    .institution = told(fields[INSTITUTION]),
                    .project = told(fields[PROJECT]),
                    .users = list_of(fields[USERS], users),
                    .forms = {forms, 2},
                    .today = "2026-11-28",
                    .delivery = told(fields[DELIVERY]),
                    .ontology = o,
                    .above = above,
                    .below = below};
    set_words(&use, fields);
    assert_true(kuni_ontology_count(o) <= sizeof(above));
    if (use.disease >= 0) {
        kuni_ontology_ancestors(o, use.disease, above);
        kuni_ontology_descendants(o, use.disease, below);
    }
    const kuni_consent_facts facts = {told(fields[CONSENT]), told(fields[FORM]),
                                      told(fields[FORM_DATE]), told(fields[RELEASE_AFTER])};
    kuni_decision d = kuni_consent_match(&use, &facts);
    if (strcmp(kuni_match_name(d.match), fields[VERDICT]) != 0 ||
        strcmp(kuni_reason_name(d.reason), fields[REASON]) != 0)
        fail_msg("%s: '%s' gives %s %s, not %s %s", fields[CASE], fields[CONSENT],
                 kuni_match_name(d.match), kuni_reason_name(d.reason), fields[VERDICT],
                 fields[REASON]);
    seen[d.reason] = true;
}

static void test_table(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ontology *o = small_ontology();
    char *path = source_path("tests/unit/consent.tsv"), *line;
    bool seen[KUNI_REASONS] = {false};
    size_t n = 0;
    kuni_lines lines;
    assert_int_equal(kuni_lines_open(&lines, path, &err), KUNI_OK);
    while (kuni_lines_next(&lines, &line, &err) == KUNI_OK && line) {
        char *fields[KUNI_LINE_FIELDS_MAX];
        if (*line == '#') continue;
        assert_int_equal(kuni_line_split(line, '\t', fields), COLUMNS);
        check_row(o, fields, seen);
        n++;
    }
    assert_int_equal(err.status, KUNI_OK);
    assert_true(n >= 100);
    for (int i = 0; i < KUNI_REASONS; i++)
        if (!seen[i]) fail_msg("no case gives %s", kuni_reason_name((kuni_reason)i));
    kuni_lines_close(&lines);
    free(path);
    kuni_ontology_free(o);
}

/* Each reason has a word of its own and stands in the page that people look it up in. */
static void test_reasons_are_documented(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer page = KUNI_BUFFER_INIT;
    char *path = source_path("docs/release.md");
    assert_int_equal(kuni_file_get(path, 1 << 24, &page, &err), KUNI_OK);
    for (int i = 0; i < KUNI_REASONS; i++) {
        char word[80];
        snprintf(word, sizeof(word), "`%s`", kuni_reason_name((kuni_reason)i));
        if (!strstr(page.data, word)) fail_msg("docs/release.md does not tell of %s", word);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(kuni_reason_name((kuni_reason)i),
                                    kuni_reason_name((kuni_reason)j));
        assert_true(*kuni_reason_text((kuni_reason)i));
    }
    kuni_buffer_fini(&page);
    free(path);
}

/* Without an ontology no disease is known, and a request for one is none. */
static void test_closed(void **state)
{
    (void)state;
    static const char *forms[] = {"v1"};
    const kuni_consent_facts facts = {"NRES", "v1", "2024-01-01", NULL};
    kuni_use use = {.purposes = KUNI_PURPOSE_DISEASE, .disease = 0, .today = "2026-11-28"};
    use.forms = (kuni_text_list){forms, 1};
    assert_int_equal(kuni_consent_match(&use, &facts).reason, KUNI_REASON_REQUEST_INCOMPLETE);
    use.purposes = KUNI_PURPOSE_HEALTH;
    assert_int_equal(kuni_consent_match(&use, &facts).match, KUNI_MATCH_ALLOW);
    use.forms.n = 0; /* no form is known */
    assert_int_equal(kuni_consent_match(&use, &facts).reason, KUNI_REASON_FORM_UNKNOWN);
    use.forms.n = 1;
    use.today = NULL;
    assert_int_equal(kuni_consent_match(&use, &facts).match, KUNI_MATCH_DENY);
    use.today = "2026-11-28";
    use.purposes = 1u << KUNI_PURPOSES; /* of a later version: not understood */
    assert_int_equal(kuni_consent_match(&use, &facts).match, KUNI_MATCH_DENY);
}

static void test_ontology(void **state)
{
    (void)state;
    kuni_ontology *o = small_ontology();
    int64_t lung = kuni_ontology_find(o, "MONDO:0008903");
    assert_true(lung >= 0);
    assert_string_equal(kuni_ontology_name(o, lung), "lung cancer");
    assert_int_equal(kuni_ontology_find(o, "MONDO:0000997"),
                     kuni_ontology_find(o, "MONDO:0005015"));
    assert_int_equal(kuni_ontology_find(o, "MONDO:0000998"), -1);
    assert_true(kuni_ontology_is_obsolete(o, "MONDO:0000998"));
    assert_int_equal(kuni_ontology_find(o, "part_of"), -1);
    uint8_t marked[64];
    kuni_ontology_descendants(o, lung, marked);
    size_t n = 0;
    for (size_t i = 0; i < kuni_ontology_count(o); i++) n += marked[i];
    assert_int_equal(n, 2); /* itself, and non-small cell */
    kuni_ontology_ancestors(o, lung, marked);
    for (size_t i = n = 0; i < kuni_ontology_count(o); i++) n += marked[i];
    assert_int_equal(n, 4);
    kuni_ontology_free(o);
}

static void expect_refused(const char *text, const char *why)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_ontology *o = kuni_ontology_new(&err);
    fixture_write("o.obo", text);
    kuni_status status = kuni_ontology_read(o, "o.obo", &err);
    if (!status) status = kuni_ontology_finish(o, &err);
    assert_int_equal(status, KUNI_DATA);
    if (!strstr(err.text, why)) fail_msg("'%s' does not say '%s'", err.text, why);
    kuni_ontology_free(o);
}

static void test_broken_ontologies(void **state)
{
    (void)state;
    expect_refused("[Term]\nid: A:1\nis_a: A:2\n[Term]\nid: A:2\nis_a: A:3\n[Term]\nid: A:3\nis_a: "
                   "A:1 ! back\n",
                   "circle: A:1 is_a A:2 is_a A:3 is_a A:1");
    expect_refused("[Term]\nid: A:1\nis_a: A:1\n", "circle: A:1 is_a A:1");
    expect_refused("[Term]\nid: A:1\n[Term]\nid: A:1\n", "o.obo:4: A:1 is defined a second time");
    expect_refused("[Term]\nname: x\nid: A:1\n", "o.obo:2: a term begins with 'name'");
    expect_refused("[Term]\nid: A:1\nid: A:2\n", "o.obo:3: a term needs one id");
    expect_refused("participant\tterm\n", "holds no [Term]");
}

/* As deep as long: neither the search for circles nor the questions may recurse. */
static void test_deep_ontology(void **state)
{
    (void)state;
    enum { DEEP = 60000 };
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    for (int i = 0; i < DEEP; i++)
        assert_int_equal(
            kuni_buffer_printf(&text, &err, "[Term]\nid: A:%d\nis_a: A:%d\n", i, i + 1), KUNI_OK);
    fixture_write("o.obo", text.data);
    kuni_ontology *o = kuni_ontology_new(&err);
    assert_int_equal(kuni_ontology_read(o, "o.obo", &err), KUNI_OK);
    assert_int_equal(kuni_ontology_finish(o, &err), KUNI_OK);
    uint8_t *marked = calloc(kuni_ontology_count(o), 1);
    assert_non_null(marked);
    kuni_ontology_ancestors(o, kuni_ontology_find(o, "A:0"), marked);
    for (size_t i = 0; i < kuni_ontology_count(o); i++) assert_int_equal(marked[i], 1);
    free(marked);
    kuni_buffer_fini(&text);
    kuni_ontology_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_reasons_are_documented),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_ontology),
        cmocka_unit_test(test_broken_ontologies),
        cmocka_unit_test(test_deep_ontology),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
