/* SPDX-License-Identifier: MIT */
/*
 * Contamination on simulated pileups: persons are drawn from a panel's frequencies, reads from
 * their genotypes. With the real 10,000-site panel where KUNI_DATA has it, else with one drawn
 * here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batch/contamination.h"

/* splitmix64: the same numbers everywhere. */
static uint64_t random_state;

static double uniform(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * 3.14159265358979323846 * uniform());
}

/*
 * Frequencies and loadings of the size that real panels have: several PCs apart, a quarter of the
 * allele count.
 */
static kuni_qc_panel *draw_panel(size_t n_sites, kuni_error *err)
{
    kuni_qc_panel *panel = kuni_alloc(1, sizeof(*panel), err);
    assert_non_null(panel);
    panel->sites = kuni_alloc(n_sites, sizeof(*panel->sites), err);
    assert_non_null(panel->sites);
    panel->n_sites = n_sites;
    panel->n_pcs = 4;
    for (size_t i = 0; i < n_sites; i++) {
        kuni_qc_site *site = &panel->sites[i];
        *site = (kuni_qc_site){.tid = 0, .pos = (int64_t)i * 1000, .ref = 'A', .alt = 'G'};
        site->mean = 0.1 + 1.8 * uniform();
        for (int k = 0; k < 4; k++) site->loading[k] = (8 - 2 * k) * normal();
    }
    return panel;
}

static int draw_genotype(const kuni_qc_site *site, const double *pcs, int n_pcs)
{
    double af = site->mean;
    for (int k = 0; k < n_pcs; k++) af += site->loading[k] * pcs[k];
    af /= 2;
    af = af < 0.001 ? 0.001 : af > 0.999 ? 0.999 : af;
    return (uniform() < af) + (uniform() < af);
}

typedef struct mixture {
    kuni_qc_stack *stacks;
    size_t n_stacks;
    unsigned char *truth; /* genotype of the sample at each site */
} mixture;

static mixture draw_mixture(const kuni_qc_panel *panel, const double *own, const double *other,
                            double rate, double depth)
{
    static const int qualities[4] = {12 + 2, 23, 30, 37}; /* binned, as of current instruments */
    mixture drawn = {0};
    size_t capacity = 0;
    kuni_error err = KUNI_ERROR_INIT;
    drawn.truth = calloc(panel->n_sites, 1);
    assert_non_null(drawn.truth);
    for (size_t i = 0; i < panel->n_sites; i++) {
        int g1 = draw_genotype(&panel->sites[i], own, panel->n_pcs);
        int g2 = draw_genotype(&panel->sites[i], other, panel->n_pcs);
        uint32_t counts[3 << 6] = {0};
        int n = (int)(depth + sqrt(depth) * normal() + 0.5);
        drawn.truth[i] = (unsigned char)g1;
        for (int r = 0; r < n; r++) {
            int quality = qualities[(int)(uniform() * 4)];
            bool alt = uniform() < (uniform() < rate ? g2 : g1) / 2.0;
            int allele = alt ? KUNI_QC_ALT : KUNI_QC_REF;
            if (uniform() < pow(10, -quality / 10.0)) {
                int wrong = (int)(uniform() * 3); /* one of the three other bases */
                allele = wrong == 0 ? (alt ? KUNI_QC_REF : KUNI_QC_ALT) : KUNI_QC_OTHER;
            }
            counts[allele << 6 | quality]++;
        }
        for (int base = 0; base < 3 << 6; base++) {
            if (!counts[base]) continue;
            assert_int_equal(kuni_grow((void **)&drawn.stacks, &capacity, drawn.n_stacks + 1,
                                       sizeof(*drawn.stacks), &err),
                             KUNI_OK);
            drawn.stacks[drawn.n_stacks++] =
                (kuni_qc_stack){.site = (uint32_t)i, .base = (uint8_t)base, .count = counts[base]};
        }
    }
    return drawn;
}

static void check_rates(const kuni_qc_panel *panel, const double *own, const double *other,
                        const char *what)
{
    static const double rates[] = {0, 0.01, 0.02, 0.05, 0.1};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_qc_fit_options options = {.n_pcs = 4, .min_sites = 1000};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        mixture drawn = draw_mixture(panel, own, other, rates[i], 30);
        kuni_qc_estimates estimates;
        unsigned char *genotypes = malloc(kuni_qc_genotype_bytes(panel->n_sites));
        assert_int_equal(kuni_qc_fit_sample(panel, drawn.stacks, drawn.n_stacks, &options,
                                            &estimates, genotypes, &err),
                         KUNI_OK);
        double rate = (double)estimates.rate / KUNI_QC_RATE_SCALE;
        size_t wrong = 0, called = 0;
        for (size_t k = 0; k < panel->n_sites; k++) {
            int genotype = kuni_qc_genotype(genotypes, k);
            if (genotype == KUNI_QC_GENOTYPE_MISSING) continue;
            called++;
            wrong += genotype != drawn.truth[k];
        }
        print_message("%s: true %.3f fitted %.5f [%.5f, %.5f] model %d, PC1 %.4f (true %.4f), "
                      "genotypes %zu called %zu wrong\n",
                      what, rates[i], rate, (double)estimates.rate_low / KUNI_QC_RATE_SCALE,
                      (double)estimates.rate_high / KUNI_QC_RATE_SCALE, (int)estimates.fit,
                      (double)estimates.pcs[0] / KUNI_QC_MICRO, own[0], called, wrong);
        assert_true(fabs(rate - rates[i]) < 0.005);
        assert_true(fabs((double)estimates.pcs[0] / KUNI_QC_MICRO - own[0]) < 0.01);
        assert_true(called > panel->n_sites * 9 / 10);
        assert_true(wrong * 500 < called);
        free(genotypes);
        free(drawn.stacks);
        free(drawn.truth);
    }
}

static const double european[4] = {-0.0104, 0.0258, -0.0110, 0.0208};
static const double african[4] = {0.0360, 0.0005, -0.0010, 0.0010};

static void finds_the_rate_on_a_drawn_panel(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    random_state = 1;
    kuni_qc_panel *panel = draw_panel(10000, &err);
    check_rates(panel, european, european, "drawn panel, same ancestry");
    check_rates(panel, european, african, "drawn panel, other ancestry");
    kuni_qc_panel_free(panel);
}

static void finds_the_rate_on_the_real_panel(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const char *data = getenv("KUNI_DATA");
    char bed[4096];
    (void)snprintf(bed, sizeof(bed), "%s/contamination_panels/1000g.phase3.10k.b38.vcf.gz.dat.bed",
                   data && *data ? data : "KUNI_DATA");
    FILE *probe = fopen(bed, "r");
    if (!probe) {
        print_message("left out: no panel at %s\n", bed);
        skip();
    }
    (void)fclose(probe);
    /* A reference that has all contigs of the panel: names and lengths are all that matters. */
    char fasta[] = "/tmp/kuni-qc-XXXXXX", path[64];
    int fd = mkstemp(fasta);
    assert_true(fd >= 0);
    (void)snprintf(path, sizeof(path), "%s.fai", fasta);
    FILE *fai = fopen(path, "w");
    assert_non_null(fai);
    for (int i = 1; i <= 22; i++)
        (void)fprintf(fai, "chr%d\t250000000\t%lld\t60\t61\n", i, 6 + 300000000LL * i);
    (void)fclose(fai);
    kuni_genome *genome = NULL;
    kuni_qc_panel *panel = NULL;
    assert_int_equal(kuni_genome_open(&genome, fasta, &err), KUNI_OK);
    assert_int_equal(kuni_qc_panel_read(&panel, bed, genome, &err), KUNI_OK);
    assert_int_equal(panel->n_sites, 10000);
    assert_int_equal(panel->n_pcs, 4);
    random_state = 2;
    check_rates(panel, european, european, "1000G panel, same ancestry");
    check_rates(panel, european, african, "1000G panel, other ancestry");
    kuni_qc_panel_free(panel);
    kuni_genome_close(genome);
    (void)remove(fasta);
    (void)remove(path);
}

static void keeps_silent_on_few_sites(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    random_state = 3;
    kuni_qc_panel *panel = draw_panel(200, &err);
    mixture drawn = draw_mixture(panel, european, european, 0.1, 30);
    kuni_qc_fit_options options = {.n_pcs = 4, .min_sites = 500};
    kuni_qc_estimates estimates;
    assert_int_equal(
        kuni_qc_fit_sample(panel, drawn.stacks, drawn.n_stacks, &options, &estimates, NULL, &err),
        KUNI_OK);
    assert_int_equal(estimates.fit, KUNI_QC_FIT_TOO_FEW);
    assert_int_equal(kuni_qc_fit_sample(panel, NULL, 0, &options, &estimates, NULL, &err), KUNI_OK);
    assert_int_equal(estimates.fit, KUNI_QC_FIT_NONE);
    free(drawn.stacks);
    free(drawn.truth);
    kuni_qc_panel_free(panel);
}

static void put_text(const char *stem, const char *ending, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s%s", stem, ending);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The published b37 panel has rows with two ALTs ("A,G"), which once refused the whole panel. */
static void leaves_out_sites_with_two_alts(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    char stem[] = "/tmp/kuni-qc-panel-XXXXXX", path[128];
    assert_non_null(mkdtemp(stem));
    put_text(stem, "/r.fa", ">1\nACGTACGTAC\n");
    put_text(stem, "/p.bed", "1\t0\t1\tA\tC\n1\t1\t2\tC\tA,G\n1\t2\t3\tG\tT\n");
    put_text(stem, "/p.mu", "a\t0.5\nb\t1.8\nc\t0.7\n");
    put_text(stem, "/p.UD", "0.1 0.2\n0.1 0.2\n0.3 0.4\n");
    kuni_genome *genome = NULL;
    kuni_qc_panel *panel = NULL;
    (void)snprintf(path, sizeof(path), "%s/r.fa", stem);
    assert_int_equal(kuni_genome_open(&genome, path, &err), KUNI_OK);
    (void)snprintf(path, sizeof(path), "%s/p.bed", stem);
    assert_int_equal(kuni_qc_panel_read(&panel, path, genome, &err), KUNI_OK);
    assert_int_equal(panel->n_sites, 2);
    assert_int_equal(panel->n_elsewhere, 1);
    assert_int_equal(panel->sites[1].pos, 2);
    assert_true(panel->sites[1].loading[1] == 0.4);
    kuni_qc_panel_free(panel);
    kuni_genome_close(genome);
    (void)snprintf(path, sizeof(path), "rm -rf %s", stem);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_rate_on_a_drawn_panel),
        cmocka_unit_test(finds_the_rate_on_the_real_panel),
        cmocka_unit_test(keeps_silent_on_few_sites),
        cmocka_unit_test(leaves_out_sites_with_two_alts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
