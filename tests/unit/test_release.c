/* SPDX-License-Identifier: MIT */
/* Requests, and the exact words for what is wrong with them; phenotypes and expressions; pseudonyms. */
#include "fixture.h"

#include <sys/stat.h>

#include "kuni/file.h"
#include "pseudonym.h"
#include "request.h"

static void use_ontology(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(getenv("KUNI_SOURCE"), "tests/unit/small.obo", &err);
    assert_non_null(path);
    assert_int_equal(kuni_file_get(path, 1 << 20, &text, &err), KUNI_OK);
    fixture_write("small.obo", text.data);
    fixture_write("w.yaml", "version: 1\n");
    fixture_write("p.tsv", "participant_id\tterm\tdate\n");
    kuni_buffer_fini(&text);
    free(path);
}

#define RECIPIENT "recipient: {id: acme, organisation: for-profit, countries: [JP, KR]}\n"
#define CONSENT   "consent: {forms: [v1, v2], ontologies: small.obo}\n"

static void test_good_request(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_request q;
    use_ontology();
    fixture_write("r.yaml", "version: 1\nworkflow: w.yaml\n" RECIPIENT CONSENT
                            "purpose: [disease, methods]\ndisease: MONDO:0000999\nuse: commercial\n"
                            "agrees: [IRB, RTN]\nform: sparse\ncolumns: [GT, DP]\nthreshold: 10\n"
                            "people: {groups: north, phenotypes: p.tsv, cases: 'MONDO:0005148 and "
                            "not HP:0003074', controls: not MONDO:0005015}\n"
                            "pseudonyms: {key: acme.key, linkage: acme.tsv}\n");
    kuni_status status = kuni_request_read(&q, "r.yaml", &faults, &err);
    fixture_expect(&faults, "");
    assert_int_equal(status, KUNI_OK);
    assert_string_equal(q.name, "r");
    assert_true(q.for_profit && q.commercial && !q.genetic && !q.all_sites);
    assert_int_equal(q.purposes, KUNI_PURPOSE_DISEASE | KUNI_PURPOSE_METHODS);
    assert_int_equal(q.agrees, 1u << KUNI_DUO_IRB | 1u << KUNI_DUO_RTN);
    assert_string_equal(kuni_ontology_id(q.ontology, q.disease_term), "MONDO:0005148");
    assert_int_equal(q.form, KUNI_FORM_SPARSE);
    assert_int_equal(q.threshold, 10);
    assert_int_equal(q.countries.n, 2);
    assert_string_equal(q.groups.texts[0], "north");
    char *masked = fixture_mask(q.key);
    assert_string_equal(masked, "DIR/acme.key");
    free(masked);
    kuni_use use = kuni_request_use(&q, "2026-11-28");
    assert_string_equal(use.today, "2026-11-28");
    assert_ptr_equal(use.above, q.above);
    kuni_request_fini(&q);
}

static void expect_faults(const char *text, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_request q;
    fixture_write("r.yaml", text);
    assert_int_equal(kuni_request_read(&q, "r.yaml", &faults, &err), KUNI_USAGE);
    fixture_expect(&faults, expected);
    kuni_request_fini(&q);
    kuni_buffer_fini(&faults);
}

static void test_faults(void **state)
{
    (void)state;
    use_ontology();
    expect_faults("", "r.yaml:1:1: got nothing; expected a request: version, workflow, recipient, "
                      "purpose, use, consent, form\n");
    expect_faults(
        "version: 2\nworkflow: w.yaml\nrecipient: {id: a b, organisation: profit, country: [JP]}\n"
        "purpose: [health, cure]\nuse: non-commercial\nconsent: {forms: []}\nform: dense\n"
        "treshold: 5\n",
        "r.yaml:1:10: version: got '2'; expected 1, the only version of requests so far\n"
        "r.yaml:3:12: 'countries' is missing in recipient; expected countries in two letters, as "
        "in "
        "[JP, KR]\n"
        "r.yaml:3:17: id: got 'a b'; expected an id, without blanks\n"
        "r.yaml:3:36: organisation: got 'profit'; expected for-profit or not-for-profit\n"
        "r.yaml:3:44: unknown key 'country' in recipient; expected one of id, organisation, "
        "countries, institution, users, "
        "public; did you mean 'countries'?\n"
        "r.yaml:4:19: purpose: got 'cure'; expected one or more of disease, health, general, "
        "ancestry, methods, control, clinical\n"
        "r.yaml:6:18: forms: got a list; expected the versions of the consent form that are known, "
        "as in [v1, v2]\n"
        "r.yaml:8:1: unknown key 'treshold'; expected one of version, name, workflow, recipient, "
        "purpose, disease, use, genetic, project, agrees, delivery, consent, people, regions, "
        "form, "
        "columns, tables, all_sites, cohort_frequencies, threshold, pseudonyms, encryption, "
        "signature; did "
        "you mean "
        "'threshold'?\n");
    expect_faults(
        "version: 1\nworkflow: w.yaml\n" RECIPIENT
        "consent: {forms: v1}\npurpose: disease\nuse: commercial\nform: sites\n"
        "columns: [GT]\npeople: {cases: 'MONDO:0005148'}\nthreshold: 2\n",
        "r.yaml:5:10: purpose: disease without one; expected 'disease: MONDO:...' beside "
        "it\n"
        "r.yaml:8:10: columns: form sites has none; expected no 'columns:'\n"
        "r.yaml:9:17: terms need an ontology; expected 'ontologies: [mondo.obo]' in "
        "consent\n"
        "r.yaml:9:17: an expression needs a table; expected 'phenotypes: TABLE.tsv' beside "
        "it\n"
        "r.yaml:10:12: threshold: 2 hides nothing, for what is hidden is 1; expected 1 or "
        "at least 3\n");
}

/* What only the ontology can tell. */
static void test_faults_of_terms(void **state)
{
    (void)state;
    use_ontology();
    expect_faults(
        "version: 1\nworkflow: w.yaml\n" RECIPIENT CONSENT
        "purpose: disease\ndisease: MONDO:0000998\nuse: commercial\nform: sites\n"
        "people: {phenotypes: p.tsv, cases: 'MONDO:0005148 or', controls: 'not MONDO:7'}\n",
        "r.yaml:6:10: disease: 'MONDO:0000998' is obsolete and none has taken its place; "
        "expected a current term\n"
        "r.yaml:9:36: cases: at letter 17 of 'MONDO:0005148 or': expected a term such as "
        "MONDO:0005148 (or HP:0003074@TIMEPOINT), not, or (\n"
        "r.yaml:9:66: controls: at letter 5 of 'not MONDO:7': term 'MONDO:7' is in none of "
        "the ontologies that the request names\n");
    expect_faults("version: 1\nworkflow: w.yaml\n" RECIPIENT CONSENT
                  "purpose: health\ndisease: MONDO:0005148\nuse: commercial\nform: sites\n",
                  "r.yaml:6:10: disease: no purpose asks for it; expected disease among "
                  "'purpose:'\n");
}

/* --- phenotypes --- */

enum { PEOPLE = 5 };

typedef struct world {
    kuni_ontology *ontology;
    kuni_names names;
    kuni_phenotypes phenotypes;
} world;

static world make_world(const char *table, const char *expected)
{
    static const char *const ids[PEOPLE] = {"P0", "P1", "P2", "P3", "P4"};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_faults faults;
    kuni_buffer told = KUNI_BUFFER_INIT;
    world w = {.ontology = kuni_ontology_new(&err)};
    use_ontology();
    assert_int_equal(kuni_ontology_read(w.ontology, "small.obo", &err), KUNI_OK);
    assert_int_equal(kuni_ontology_finish(w.ontology, &err), KUNI_OK);
    for (uint32_t i = 0; i < PEOPLE; i++)
        assert_int_equal(kuni_names_add(&w.names, ids[i], i, &err), KUNI_OK);
    fixture_write("p.tsv", table);
    assert_int_equal(kuni_faults_init(&faults, "p.tsv", &err), KUNI_OK);
    assert_int_equal(
        kuni_phenotypes_read(&w.phenotypes, "p.tsv", w.ontology, &w.names, PEOPLE, &faults, &err),
        KUNI_OK);
    kuni_status status = kuni_faults_report(&faults, KUNI_DATA, &told, &err);
    fixture_expect(&told, expected);
    assert_int_equal(status, *expected ? KUNI_DATA : KUNI_OK);
    kuni_faults_fini(&faults);
    kuni_buffer_fini(&told);
    return w;
}

static void end_world(world *w)
{
    kuni_phenotypes_fini(&w->phenotypes);
    kuni_names_fini(&w->names);
    kuni_ontology_free(w->ontology);
}

/* `expected`: a digit a person. */
static void expect_people(const world *w, const char *text, const char *as_of, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_expression *e;
    size_t at;
    uint8_t matched[PEOPLE];
    char found[PEOPLE + 1] = "";
    kuni_status status = kuni_expression_make(&e, text, w->ontology, &at, &err);
    if (status) fail_msg("%s: at %zu: %s", text, at, err.text);
    assert_int_equal(kuni_expression_match(e, &w->phenotypes, w->ontology, as_of, matched, &err),
                     KUNI_OK);
    for (int i = 0; i < PEOPLE; i++) found[i] = matched[i] ? '1' : '0';
    if (strcmp(found, expected) != 0) fail_msg("%s: %s, not %s", text, found, expected);
    kuni_expression_free(e);
}

static const char table[] = "participant_id\tterm\tdate\ttimepoint\n"
                            "P0\tMONDO:0005148\t2020-01-01\tbaseline\n"
                            "P0\tMONDO:0005148\t2021-01-01\tyear1\n"
                            "P1\tMONDO:0005147\t2020-06-01\t.\n"
                            "P1\tHP:0003074\t2020-06-01\tbaseline\n"
                            "P2\tMONDO:0005233\t2022-01-01\tbaseline\n"
                            "P3\tMONDO:0000997\t2020-01-01\t\n"
                            "P9\tMONDO:0005148\t2020-01-01\t.\n";

static void test_expressions(void **state)
{
    (void)state;
    world w = make_world(table, "");
    assert_int_equal(w.phenotypes.n_foreign, 1);
    expect_people(&w, "MONDO:0005148", NULL, "10000");
    expect_people(&w, "MONDO:0005015", NULL, "11010");     /* with its kinds, and a former id */
    expect_people(&w, "MONDO:0000999", NULL, "10000");     /* obsolete, replaced */
    expect_people(&w, "MONDO:0004992", NULL, "00100");     /* two levels up */
    expect_people(&w, "not MONDO:0005015", NULL, "00100"); /* of P4 nothing is known */
    expect_people(&w, "not not MONDO:0005015", NULL, "11010");
    expect_people(&w, "MONDO:0005015 and HP:0003074", NULL, "01000");
    expect_people(&w, "MONDO:0005015 and not HP:0003074", NULL, "10010");
    expect_people(&w, "MONDO:0008903 or MONDO:0005147 and HP:0003074", NULL, "01100");
    expect_people(&w, "(MONDO:0008903 or MONDO:0005147) and HP:0003074", NULL, "01000");
    expect_people(&w, "not (MONDO:0008903 or MONDO:0005147)", NULL, "10010");
    expect_people(&w, "HP:0000118@baseline", NULL, "01000");
    expect_people(&w, "MONDO:0005015@baseline", NULL, "10000");
    expect_people(&w, "MONDO:0005015@year1", NULL, "10000");
    expect_people(&w, "MONDO:0005015@never", NULL, "00000");
    expect_people(&w, "MONDO:0000001", "2020-01-01", "10010"); /* the day itself counts */
    expect_people(&w, "not MONDO:0008903", "2021-12-31", "11010");
    expect_people(&w, "not MONDO:0005148", "2019-01-01", "00000");
    end_world(&w);
}

static void expect_wrong(const world *w, const char *text, size_t place, const char *why)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_expression *e;
    size_t at;
    assert_int_equal(kuni_expression_make(&e, text, w->ontology, &at, &err), KUNI_USAGE);
    assert_null(e);
    if (at != place || !strstr(err.text, why)) fail_msg("%s: at %zu: %s", text, at, err.text);
}

static void test_broken_expressions(void **state)
{
    (void)state;
    world w = make_world(table, "");
    char deep[4000];
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    expect_wrong(&w, "", 0, "expected a term");
    expect_wrong(&w, "diabetes", 0, "expected a term");
    expect_wrong(&w, "MONDO:0005148 MONDO:0005147", 14, "expected and, or, or the end");
    expect_wrong(&w, "(MONDO:0005148", 14, "expected and, or, or )");
    expect_wrong(&w, "MONDO:0005148)", 13, "expected and, or, or the end");
    expect_wrong(&w, "MONDO:0005148 and", 17, "expected a term");
    expect_wrong(&w, "MONDO:0005148@", 0, "expected a term");
    expect_wrong(&w, "MONDO:0000998", 0, "obsolete");
    expect_wrong(&w, "MONDO:1234567", 0, "in none of the ontologies");
    expect_wrong(&w, deep, 32, "more than 32 levels");
    end_world(&w);
}

static void test_broken_tables(void **state)
{
    (void)state;
    world w = make_world("participant_id\tterm\tdate\nP0\tMONDO:1\t2020-02-30\nP1\tHP:0003074\nP1\t"
                         "MONDO:0000998\t2020-01-01\n",
                         "p.tsv:2: term 'MONDO:1' is in none of the ontologies that the request "
                         "names\n"
                         "p.tsv:2: date '2020-02-30' is no date; expected YYYY-MM-DD\n"
                         "p.tsv:3: has 2 columns; the header has 3\n"
                         "p.tsv:4: term 'MONDO:0000998' is obsolete and none has taken its place; "
                         "expected a current one\n");
    end_world(&w);
    w = make_world("participant\tterm\tdate\nP0\tMONDO:1\t2020-02-30\n",
                   "p.tsv:1: the header has no column 'participant_id'; expected tab-separated "
                   "columns participant_id, term, date, and timepoint where wanted\n");
    end_world(&w);
    w = make_world("", "p.tsv:1: the table is empty\n");
    end_world(&w);
}

/* --- pseudonyms --- */

static void test_keys(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pseudonym_key key, again;
    struct stat info;
    assert_int_equal(kuni_pseudonym_new_key("a.key", &err), KUNI_OK);
    assert_int_equal(stat("a.key", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(kuni_pseudonym_read_key(&key, "a.key", &err), KUNI_OK);
    assert_int_equal(kuni_pseudonym_new_key("a.key", &err), KUNI_USAGE);
    kuni_error_clear(&err);
    assert_int_equal(kuni_pseudonym_read_key(&again, "a.key", &err), KUNI_OK);
    assert_memory_equal(key.bytes, again.bytes, sizeof(key.bytes));
    assert_int_equal(chmod("a.key", 0640), 0);
    assert_int_equal(kuni_pseudonym_read_key(&again, "a.key", &err), KUNI_USAGE);
    kuni_error_clear(&err);
    fixture_write("bad.key", "0123456789abcdef\n");
    assert_int_equal(chmod("bad.key", 0600), 0);
    assert_int_equal(kuni_pseudonym_read_key(&again, "bad.key", &err), KUNI_DATA);
    kuni_error_clear(&err);
    assert_int_equal(kuni_pseudonym_read_key(&again, "none.key", &err), KUNI_IO);
}

enum { MANY = 2000 };

static kuni_selection many_people(void)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_selection s = {.n = MANY, .arena = kuni_arena_new(&err)};
    s.people = kuni_arena_alloc(s.arena, MANY, sizeof(*s.people), &err);
    assert_non_null(s.people);
    for (size_t i = 0; i < MANY; i++) {
        char id[32];
        int n = snprintf(id, sizeof(id), "P%06zu", i);
        const char *kept = kuni_arena_strndup(s.arena, id, (size_t)n, &err);
        s.people[i] = (kuni_released){.sample = (uint32_t)i, .id = kept, .participant = kept};
    }
    return s;
}

static void test_pseudonyms(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_pseudonym_key key = {{1, 2, 3}}, other_key = {{1, 2, 4}};
    kuni_selection s = many_people();
    char name[KUNI_PSEUDONYM_CHARS + 1], other[KUNI_PSEUDONYM_CHARS + 1];
    assert_int_equal(kuni_pseudonyms_give(&s, &key, "acme", &err), KUNI_OK);
    bool taken[MANY] = {false};
    size_t in_place = 0;
    for (size_t i = 0; i < MANY; i++) {
        const kuni_released *who = &s.people[i];
        assert_int_equal(strlen(who->pseudonym), KUNI_PSEUDONYM_CHARS);
        assert_int_equal(strspn(who->pseudonym, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
                         KUNI_PSEUDONYM_CHARS);
        assert_true(who->column >= 0 && who->column < MANY && !taken[who->column]);
        taken[who->column] = true;
        in_place += (size_t)who->column == i;
        kuni_pseudonym_make(&key, "acme", who->participant, name);
        assert_string_equal(name, who->pseudonym);
        kuni_pseudonym_make(&key, "other", who->participant, other);
        assert_string_not_equal(name, other);
        kuni_pseudonym_make(&other_key, "acme", who->participant, other);
        assert_string_not_equal(name, other);
    }
    assert_true(in_place < 20); /* the order of the register is not to be seen */
    /* What runs into each other is not the same: "ab" + "c", "a" + "bc". */
    kuni_pseudonym_make(&key, "ab", "c", name);
    kuni_pseudonym_make(&key, "a", "bc", other);
    assert_string_not_equal(name, other);
    /* Two people of one id would have one name. */
    s.people[7].participant = s.people[1999].participant;
    assert_int_equal(kuni_pseudonyms_give(&s, &key, "acme", &err), KUNI_DATA);
    kuni_arena_free(s.arena);
}

static void test_linkage(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const kuni_pseudonym_key key = {{9}};
    kuni_buffer text = KUNI_BUFFER_INIT;
    struct stat info;
    kuni_selection s = many_people();
    s.n = 2;
    assert_int_equal(kuni_pseudonyms_give(&s, &key, "acme", &err), KUNI_OK);
    assert_int_equal(kuni_pseudonyms_can_link(&s, "link.tsv", NULL, &err), KUNI_OK);
    assert_int_equal(access("link.tsv", F_OK), -1);
    assert_int_equal(kuni_pseudonyms_link(&s, "link.tsv", NULL, &err), KUNI_OK);
    assert_int_equal(kuni_pseudonyms_link(&s, "link.tsv", NULL, &err),
                     KUNI_OK); /* the same again */
    assert_int_equal(stat("link.tsv", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(kuni_file_get("link.tsv", 4096, &text, &err), KUNI_OK);
    const kuni_released *first = &s.people[s.people[0].column ? 1 : 0];
    char row[128];
    snprintf(row, sizeof(row), "#pseudonym\tparticipant_id\tsample_id\tcustodian\n%s\t%s\t%s\t.\n",
             first->pseudonym, first->participant, first->id);
    assert_memory_equal(text.data, row, strlen(row));
    s.n = 1;
    assert_int_equal(kuni_pseudonyms_link(&s, "link.tsv", NULL, &err), KUNI_USAGE);
    kuni_error_clear(&err);
    assert_int_equal(kuni_pseudonyms_can_link(&s, "none/link.tsv", NULL, &err), KUNI_IO);
    kuni_buffer_fini(&text);
    kuni_arena_free(s.arena);
}

/* Who withdraws while a release is made is noticed before it is handed over. */
static void test_withdrawn_meanwhile(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_tombstones stones;
    kuni_selection s = many_people();
    assert_int_equal(mkdir("dataset", 0755), 0);
    char folder[] = "dataset";
    s.folder = folder;
    assert_int_equal(kuni_selection_check(&s, &err), KUNI_OK);
    assert_int_equal(kuni_tombstones_read(&stones, "dataset", &err), KUNI_OK);
    assert_int_equal(
        kuni_tombstones_add(&stones, "participant", "nobody here", "erase", "2026-11-28", &err),
        KUNI_OK);
    assert_int_equal(kuni_tombstones_write(&stones, &err), KUNI_OK);
    assert_int_equal(kuni_selection_check(&s, &err), KUNI_OK);
    assert_int_equal(kuni_tombstones_add(&stones, "participant", s.people[7].participant, "unlink",
                                         "2026-11-28", &err),
                     KUNI_OK);
    assert_int_equal(kuni_tombstones_write(&stones, &err), KUNI_OK);
    assert_int_equal(kuni_selection_check(&s, &err), KUNI_AGAIN);
    assert_non_null(strstr(err.text, "1 of the selected have withdrawn"));
    kuni_tombstones_fini(&stones);
    kuni_arena_free(s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_request),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_faults_of_terms),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_broken_expressions),
        cmocka_unit_test(test_broken_tables),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_pseudonyms),
        cmocka_unit_test(test_linkage),
        cmocka_unit_test(test_withdrawn_meanwhile),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
