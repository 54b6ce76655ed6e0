/* SPDX-License-Identifier: MIT */
/* What the rewriter leaves of records: alleles, numbers that are about alleles, columns. */
#include "fixture.h"

#include "rewriter.h"

static const char header_text[] =
    "##fileformat=VCFv4.2\n##source=kuni test\n##bcftools_viewCommand=view /home/x/secret.bcf\n"
    "##reference=/home/x/secret.fa\n"
    "##FILTER=<ID=ByBed,Description=\"awk -f /home/x/secret.awk\">\n"
    "##FILTER=<ID=LowCR,Description=\"NS / CR >= 20 and INFO/DP < "
    "3\">\n##FILTER=<ID=LowQual,Description=\"d\">\n"
    "##contig=<ID=c1,length=1000>\n"
    "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=AN,Number=1,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=AF,Number=A,Type=Float,Description=\"d\">\n"
    "##INFO=<ID=NS,Number=1,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=nhet,Number=A,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=nhomalt,Number=A,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=nhemi,Number=A,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=EAF,Number=A,Type=Float,Description=\"d\">\n"
    "##INFO=<ID=EAN,Number=1,Type=Integer,Description=\"d\">\n"
    "##INFO=<ID=QD,Number=1,Type=Float,Description=\"d\">\n"
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"d\">\n"
    "##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=LAA,Number=.,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=LAD,Number=.,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=LPL,Number=.,Type=Integer,Description=\"d\">\n"
    "##FORMAT=<ID=RNC,Number=1,Type=String,Description=\"d\">\n"
    "##FORMAT=<ID=XX,Number=1,Type=Integer,Description=\"not known to be harmless\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO";

static const char *const names[] = {"KA", "KB", "KC"};
static const int32_t from[] = {2, 0, 1}; /* the columns a, b, c come as c, a, b */

static bcf_hdr_t *parse_header(bool with_samples)
{
    char text[sizeof(header_text) + 64];
    snprintf(text, sizeof(text), "%s%s\n", header_text, with_samples ? "\tFORMAT\ta\tb\tc" : "");
    bcf_hdr_t *header = bcf_hdr_init("r");
    assert_non_null(header);
    assert_int_equal(bcf_hdr_parse(header, text), 0);
    return header;
}

/* Compares the line that comes of another one; NULL: none. */
static void expect(const kuni_rewriting *what, const char *line, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_rewriter *w;
    bcf_hdr_t *made = parse_header(what->n), *written = NULL;
    bcf1_t *record = bcf_init(), *passed = NULL;
    kstring_t in = KS_INITIALIZE, out = KS_INITIALIZE;
    kputs(line, &in);
    assert_int_equal(vcf_parse(&in, made, record), 0);
    assert_int_equal(kuni_rewriter_new(&w, what, &err), KUNI_OK);
    assert_int_equal(kuni_rewriter_header(w, made, &written, &err), KUNI_OK);
    kuni_status status = kuni_rewriter_record(w, made, written, record, &passed, &err);
    if (status) fail_msg("%s: %s", line, err.text);
    assert_int_equal(passed != NULL, expected != NULL);
    if (passed) {
        assert_int_equal(vcf_format(written, passed, &out), 0);
        out.s[out.l - 1] = '\0';
        assert_string_equal(out.s, expected);
    }
    bcf_destroy(record);
    bcf_hdr_destroy(made);
    bcf_hdr_destroy(written);
    kuni_rewriter_free(w);
    ks_free(&in);
    ks_free(&out);
}

#define COUNTS(AC, HET, HOM, HEMI)                                                                 \
    "AC=" AC ";AN=6;AF=0.5;NS=3;nhet=" HET ";nhomalt=" HOM ";nhemi=" HEMI ";EAF=0.25;EAN=100;QD=9"

static const kuni_rewriting calls = {.n = 3, .names = names, .from = from, .text = true};

static void test_columns(void **state)
{
    (void)state;
    expect(&calls,
           "c1\t10\trs1\tA\tG\t77\tLowQual\t" COUNTS("1", "1", "0", "0") "\tGT:DP:AD:PL:RNC:XX\t"
                                                                         "0/1:7:3,4:50,0,60:.:1\t"
                                                                         "0/0:8:.:.:.:2\t"
                                                                         "./.:.:.:.:D:3",
           "c1\t10\trs1\tA\tG\t.\tLowQual\tAC=1;AN=6;AF=0.5;NS=3;nhet=1;nhomalt=0;nhemi=0\t"
           "GT:DP:AD:PL:RNC\t./.:.:.:.:D\t0/1:7:3,4:50,0,60:.\t0/0:8:.:.:.");
    kuni_rewriting granted = calls;
    granted.cohort_frequencies = true;
    expect(&granted, "c1\t10\t.\tA\tG\t77\tPASS\t" COUNTS("1", "1", "0", "0") "\tGT\t0|1\t0/0\t0",
           "c1\t10\t.\tA\tG\t77\tPASS\tAC=1;AN=6;AF=0.5;EAF=0.25;EAN=100;NS=3;nhet=1;nhomalt=0;"
           "nhemi=0\tGT\t0\t0|1\t0/0");
}

/* An ALT that nobody has goes, with its numbers and with the letters that REF had for it alone. */
static void test_alleles(void **state)
{
    (void)state;
    static const char infos[] =
        "AC=0,2,0;AN=6;AF=0,0.3,0;NS=3;nhet=0,2,0;nhomalt=0,0,0;nhemi=0,0,0";
    char line[1024];
    snprintf(line, sizeof(line),
             "c1\t10\t.\tACCG\tA,TCCG,*\t9\tPASS\t%s\tGT:AD:PL\t0/2:5,1,6,0:1,2,3,4,5,6,7,8,9,10\t"
             "2/0:1,2,3,4:10,9,8,7,6,5,4,3,2,1\t0:.:7,8,9,6",
             infos);
    expect(&calls, line,
           "c1\t10\t.\tA\tT\t.\tPASS\tAC=2;AN=6;AF=0.3;NS=3;nhet=2;nhomalt=0;nhemi=0\tGT:AD:PL\t"
           "0:.:7,9\t0/1:5,6:1,4,6\t1/0:1,3:10,7,5");
    kuni_rewriting all = calls;
    all.all_sites = true;
    expect(
        &all, line,
        "c1\t10\t.\tACCG\tA,TCCG,*\t.\tPASS\tAC=0,2,0;AN=6;AF=0,0.3,0;NS=3;nhet=0,2,0;nhomalt=0,"
        "0,0;nhemi=0,0,0\tGT:AD:PL\t0:.:7,8,9,6\t0/2:5,1,6,0:1,2,3,4,5,6,7,8,9,10\t2/0:1,2,3,4:10,"
        "9,8,7,6,5,4,3,2,1");
    /* A deletion that stays keeps its letters; "*" stays where somebody has it. */
    expect(
        &calls,
        "c1\t10\t.\tACC\tA,TCC,*\t9\tPASS\tAC=1,0,1;AN=6;AF=0.1,0,0.1;NS=3;nhet=1,0,1;nhomalt=0,0,"
        "0;nhemi=0,0,0\tGT\t0/1\t3/0\t0/0",
        "c1\t10\t.\tACC\tA,*\t.\tPASS\tAC=1,1;AN=6;AF=0.1,0.1;NS=3;nhet=1,1;nhomalt=0,0;nhemi=0,0"
        "\tGT\t0/0\t0/1\t2/0");
    /* Only "*", or nothing, remains: no record. */
    expect(
        &calls,
        "c1\t10\t.\tA\tG,*\t9\tPASS\tAC=0,1;AN=6;AF=0,0.1;NS=3;nhet=0,1;nhomalt=0,0;nhemi=0,0\tGT\t"
        "0/2\t0/0\t0/0",
        NULL);
    expect(&calls, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("0", "0", "0", "0") "\tGT\t0/0\t0/0\t./.",
           NULL);
}

/* Local alleles: numbers of ALTs are given anew, and numbers about those that went go. */
static void test_local_alleles(void **state)
{
    (void)state;
    expect(
        &calls,
        "c1\t10\t.\tA\tC,G,T\t9\tPASS\tAC=0,1,1;AN=6;AF=0,0.1,0.1;NS=3;nhet=0,1,1;nhomalt=0,0,0;"
        "nhemi=0,0,0\tGT:LAA:LAD:LPL\t0/2:1,2:5,1,6:1,2,3,4,5,6\t3/0:3:4,4:9,0,9\t0/0:1:8,1:0,9,"
        "99",
        "c1\t10\t.\tA\tG,T\t.\tPASS\tAC=1,1;AN=6;AF=0.1,0.1;NS=3;nhet=1,1;nhomalt=0,0;nhemi=0,0\t"
        "GT:LAA:LAD:LPL\t0/0:.:8:0\t0/1:1:5,6:1,4,6\t2/0:2:4,4:9,0,9");
}

/* Bits of ALTs that may be told. */
static bool tells(const void *context, int alt)
{
    const unsigned *bits = context;
    return *bits >> alt & 1;
}

/* Sites: what may not be told goes, as what nobody has; and no field but the counts. */
static void test_sites(void **state)
{
    (void)state;
    static const unsigned none = 0, first = 2, second = 4, both = 6;
    const kuni_rewriting all = {.n = 0}, nothing = {.tells = tells, .context = &none};
    const kuni_rewriting one = {.tells = tells, .context = &first};
    const kuni_rewriting two = {.tells = tells, .context = &second};
    const kuni_rewriting any = {.tells = tells, .context = &both};
    static const char *const kept = "c1\t10\t.\tA\tG\t.\tPASS\tAC=4;AN=6;AF=0.5";
    expect(&nothing, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("4", "3", "0", "0"), NULL);
    expect(&two, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("4", "3", "0", "0"), NULL);
    expect(&one, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("4", "3", "0", "0"), kept);
    expect(&all, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("4", "0", "2", "1"), kept);
    expect(&any, "c1\t10\t.\tA\tG\t9\tPASS\t" COUNTS("0", "0", "0", "0"), NULL);
    expect(
        &two,
        "c1\t10\t.\tACC\tA,TCC\t9\tPASS\tAC=2,5;AN=16;AF=0.1,0.2;NS=8;nhet=2,5;nhomalt=0,0;nhemi=0,"
        "0;EAF=0.1,0.1;EAN=9",
        "c1\t10\t.\tA\tT\t.\tPASS\tAC=5;AN=16;AF=0.2");
}

static void test_header(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_rewriter *w;
    bcf_hdr_t *made = parse_header(true), *written = NULL;
    kstring_t text = KS_INITIALIZE;
    assert_int_equal(kuni_rewriter_new(&w, &calls, &err), KUNI_OK);
    assert_int_equal(kuni_rewriter_header(w, made, &written, &err), KUNI_OK);
    assert_int_equal(bcf_hdr_format(written, 0, &text), 0);
    assert_null(strstr(text.s, "secret"));
    assert_null(strstr(text.s, "Command"));
    assert_null(strstr(text.s, "ID=QD"));
    assert_null(strstr(text.s, "ID=XX"));
    assert_null(strstr(text.s, "ID=EAF"));
    assert_non_null(strstr(text.s, "##source=kuni test\n"));
    assert_non_null(strstr(text.s, "##FILTER=<ID=ByBed,Description=\"ByBed\""));
    assert_non_null(strstr(text.s, "Description=\"NS / CR >= 20 and INFO/DP < 3\""));
    assert_non_null(strstr(text.s, "##contig=<ID=c1,length=1000"));
    assert_non_null(strstr(text.s, "\tFORMAT\tKA\tKB\tKC\n"));
    ks_free(&text);
    bcf_hdr_destroy(made);
    bcf_hdr_destroy(written);
    kuni_rewriter_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),       cmocka_unit_test(test_alleles),
        cmocka_unit_test(test_local_alleles), cmocka_unit_test(test_sites),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
