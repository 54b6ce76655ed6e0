/* SPDX-License-Identifier: MIT */
/*
 * Identifiers of alleles against the vectors of GA4GH: validation/ of the specification (ga4gh/vrs 2.0) and the tests
 * of its reference implementation (ga4gh/vrs-python: tests/extras/test_allele_translator.py). Locations and
 * states there are on GRCh38; here they are given as they are, and normalisation has sequences of its own.
 */
#include "fixture.h"

#include "vrs.h"

static void test_digest(void **state)
{
    (void)state;
    char digest[KUNI_SHA512T24U_BYTES];
    kuni_sha512t24u("", 0, digest);
    assert_string_equal(digest, "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXc");
    kuni_sha512t24u("ACGT", 4, digest);
    assert_string_equal(digest, "aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2");
}

typedef struct vector {
    const char *accession;
    kuni_vrs_state state;
    const char *id;
} vector;

static const char chr7[] = "F-LrLMe1SRpfUZHkQmvkVKFEGaoDeHul";
static const char chr13[] = "_0wi-qoDrvram155UmcSC-zA5ZK4fpLT";
static const char chr19[] = "IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl";

static void test_identifiers(void **state)
{
    (void)state;
    static const vector vectors[] = {
        {chr7, {55181319, 55181320, "T", 1, 0}, "Hy2XU_-rp4IMh6I_1NXNecBo8Qx8n0oE"},
        {chr7, {55181219, 55181220, NULL, 0, 1}, "klRMVChjvV73ZxS9Ajq1Rb8WU-p_HbLu"},
        {chr7, {55181230, 55181230, "GGCT", 4, 0}, "CLOvnFRJXGNRB9aTuNbvsLqc7syRYb55"},
        {chr13, {32331082, 32331094, NULL, 14, 2}, "swY2caCgv1kP6YqKyPlcEzJqTvou15vC"},
        {chr13, {32316466, 32316467, NULL, 2, 1}, "96ak7XdY3DNbp71aHEXw-NHSfeHGW-KT"},
        {chr13, {32331042, 32331094, NULL, 104, 52}, "j7qUzb1uvmdxLAbtdCPiay4kIRQmyZNv"},
        {chr19, {289464, 289466, NULL, 6, 2}, "YFUR4oR_84b-rRFf0UzOjfI4eE5FTKAP"},
    };
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char id[KUNI_VRS_BYTES];
        assert_int_equal(kuni_vrs_digest(&text, vectors[i].accession, &vectors[i].state, id, &err),
                         KUNI_OK);
        assert_int_equal(strncmp(id, "ga4gh:VA.", 9), 0);
        assert_string_equal(id + 9, vectors[i].id);
    }
    kuni_buffer_fini(&text);
}

/* `ref` letters from `at`, counted from 0, become `alt`. */
typedef struct normal {
    int64_t at, ref;
    const char *alt;
    int64_t start, end;
    const char *sequence;
    int64_t length, unit;
    const char *id;
} normal;

static void expect(kuni_vrs *v, const normal *n)
{
    kuni_vrs_state s;
    kuni_error err = KUNI_ERROR_INIT;
    char id[KUNI_VRS_BYTES];
    size_t n_alt = strlen(n->alt);
    assert_int_equal(kuni_vrs_identify(v, 0, n->at, n->ref, n->alt, n_alt, id, &err), KUNI_OK);
    assert_int_equal(kuni_vrs_normalise(v, n->at, n->ref, n->alt, n_alt, &s, &err), KUNI_OK);
    assert_int_equal(s.start, n->start);
    assert_int_equal(s.end, n->end);
    assert_int_equal(s.length, n->length);
    assert_int_equal(s.unit_length, n->unit);
    assert_int_equal(s.sequence != NULL, n->sequence != NULL);
    if (n->sequence) assert_memory_equal(s.sequence, n->sequence, (size_t)n->length);
    assert_string_equal(id + 9, n->id);
}

/* What ga4gh.vrs 2.3.3, the reference implementation, makes of alleles of this sequence. */
static void test_normalisation(void **state)
{
    (void)state;
    static const normal alleles[] = {
        {3, 1, "G", 3, 4, "G", 1, 0, "0d4a1UavUuaZZBGTPDMQAY3XQaPYBZYc"}, /* T>G */
        {2, 3, "ATG", 4, 5, "G", 1, 0,
         "rF5V2bn7ZTlae2EqaU6Kt70I9xx991XL"},                              /* what is shared goes */
        {2, 3, "GC", 2, 4, "G", 1, 0, "x1KMo_cDItD9dXm31FaJa6NqEjVa6Pt6"}, /* and no more */
        {3, 1, "", 3, 4, NULL, 0, 1, "__hWLMcHg9BrflsjiG1dmwRG8rEIZjat"},  /* the one T */
        {11, 2, "C", 11, 15, NULL, 3, 1, "f0puDvNv4HwDvVP7Mgn2zXyz6pA-GWuk"},  /* one of four C */
        {12, 2, "", 11, 15, NULL, 2, 2, "T8BbBWaD20f-FINj2ncD6m6sfgkrzW0U"},   /* two of them */
        {12, 1, "CC", 11, 15, NULL, 5, 1, "JrHTSR2fkcHv9HDGhVTK3u6Zq74df1kV"}, /* a fifth */
        {8, 1, "GTG", 6, 10, NULL, 6, 2, "ajlSvm4AGZ5zEH3ZGfp0IFiKW3tLtfKi"}, /* TG again in GTGT */
        {3, 1, "TAA", 4, 4, "AA", 2, 0,
         "QOfz9j3TWJEHC7UwBt6PS5AUuiXMu-__"}, /* not there before: a literal */
        {4, 1, "CC", 4, 5, NULL, 2, 1, "W_52joeusSIjWapmtDhCMBvJTtOMz22G"},       /* CC of one C */
        {17, 1, "TCAG", 18, 29, NULL, 14, 3, "x-dKdBUfPTifDjC2ImW3tlscIaRwW4BT"}, /* another CAG */
        {17, 4, "T", 18, 29, NULL, 8, 3, "2BjoaYIeN8qRqdFurjM48k4LvHyOxaDd"},     /* one less */
        {18, 1, "CAGCAGC", 18, 29, NULL, 17, 6,
         "AJ4NQyj5HFQgeR6zT-K60usr5CNi_IQi"}, /* two more: the unit is the six */
        {17, 1, "TCA", 18, 20, NULL, 4, 2, "26jKJWcHIpM_cT_WKpRJ02ljhgfabkDE"}, /* part of a unit */
        {29, 1, "TG", 30, 32, NULL, 3, 1,
         "h5JXgQCv6-7GxxSrGwnllxdzb9hcbOIk"}, /* a G more at the end */
    };
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_vrs v;
    fixture_write("vrs.fa", ">c\nGGATCAGTGTACCCC\nTTTCAGCAGCAGCAT\nggn\n");
    assert_int_equal(kuni_genome_open(&genome, "vrs.fa", &err), KUNI_OK);
    kuni_vrs_init(&v, genome);
    for (size_t i = 0; i < sizeof(alleles) / sizeof(alleles[0]); i++) expect(&v, &alleles[i]);
    kuni_vrs_fini(&v);
    kuni_genome_close(genome);
}

static void test_sequences(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    char digest[KUNI_SHA512T24U_BYTES], same[KUNI_SHA512T24U_BYTES];
    fixture_write("sq.fa", ">c\nAC\nGT\n>a\nacgt\n>m\nACGM\n");
    assert_int_equal(kuni_genome_open(&genome, "sq.fa", &err), KUNI_OK);
    assert_int_equal(kuni_genome_refget(genome, 0, digest, &err), KUNI_OK);
    assert_string_equal(digest, "aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2");
    assert_int_equal(kuni_genome_refget(genome, 1, same, &err), KUNI_OK);
    assert_string_equal(digest, same);
    kuni_sha512t24u("ACGM", 4, same); /* letters of more than one base stay */
    assert_int_equal(kuni_genome_refget(genome, 2, digest, &err), KUNI_OK);
    assert_string_equal(digest, same);
    kuni_genome_close(genome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest), cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_normalisation), cmocka_unit_test(test_sequences)};
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
