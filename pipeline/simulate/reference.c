/* SPDX-License-Identifier: MIT */
/*
 * A made reference that is as awkward as a real one: GC content that drifts, few CpG, tandem
 * repeats of all unit lengths, an interspersed repeat family, close paralogs, runs of N. Sex
 * contigs share a pseudoautosomal tenth, which is N on Y, as in the analysis sets of GRCh38.
 */
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "model.h"
#include "rng.h"

enum {
    ISOCHORE_BP = 1000, /* GC content is redrawn so often */
    FAMILY_BP = 300,    /* the interspersed repeat, of the length of an Alu */
    MT_DEFAULT_BP = 16569,
    LINE_BP = 60
};

typedef struct plan {
    char name[64];
    int64_t length;
    bool x, y, mt;
} plan;

static bool named(const char *name, const char *what)
{
    if (strncmp(name, "chr", 3) == 0) name += 3;
    return strcmp(name, what) == 0;
}

static int64_t par_length(int64_t length)
{
    return length / 10;
}

/* Reads "100k", "1.5Mb", "16569". -1: not a length. */
static int64_t read_length(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || value < 0.0) return -1;
    if (*end == 'k' || *end == 'K')
        value *= 1e3, end++;
    else if (*end == 'M' || *end == 'm')
        value *= 1e6, end++;
    else if (*end == 'G' || *end == 'g')
        value *= 1e9, end++;
    if (*end == 'b' || *end == 'B') end++;
    if (*end == 'p') end++;
    if (*end != '\0' || value > 2e9) return -1;
    return (int64_t)(value + 0.5);
}

static kuni_status read_plan(const kuni_simulate_options *options, plan **plans, size_t *n_plans,
                             kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t capacity = 0;
    char *text = kuni_strdup(options->contigs, err), *rest = NULL;
    if (!text) return KUNI_MEMORY;
    for (char *word = strtok_r(text, ",", &rest); word && !status;
         word = strtok_r(NULL, ",", &rest)) {
        status = kuni_grow((void **)plans, &capacity, *n_plans + 1, sizeof(**plans), err);
        if (status) break;
        plan *one = &(*plans)[(*n_plans)++];
        memset(one, 0, sizeof(*one));
        char *colon = strchr(word, ':');
        if (colon) *colon = '\0';
        if (*word == '\0' || strlen(word) >= sizeof(one->name) ||
            strpbrk(word, " \t<>*=/") != NULL) {
            status = kuni_fail(err, KUNI_USAGE,
                               "'%s' is no contig name: --contigs: "
                               "write NAME or NAME:LENGTH, separated by commas",
                               word);
            break;
        }
        for (size_t i = 0; i + 1 < *n_plans; i++)
            if (strcmp((*plans)[i].name, word) == 0 && !status)
                status = kuni_fail(err, KUNI_USAGE,
                                   "contig '%s' is named twice: --contigs: drop one", word);
        if (status) break;
        memcpy(one->name, word, strlen(word) + 1);
        one->x = named(word, "X");
        one->y = named(word, "Y");
        one->mt = kuni_is_mitochondrial(word);
        one->length = colon ? read_length(colon + 1) : one->mt ? MT_DEFAULT_BP : options->length_bp;
        if (one->length < 5000)
            status = kuni_fail(err, KUNI_USAGE,
                               "contig '%s' needs a length of 5 kb or more: --contigs: "
                               "write for example %s:100k",
                               word, word);
    }
    free(text);
    if (!status && *n_plans == 0)
        status =
            kuni_fail(err, KUNI_USAGE, "no contigs: --contigs: name one, for example chr20:1Mb");
    return status;
}

static const char BASES[] = "ACGT";

/* Sequence with a first-order chain that hits `gc` and shows CpG at a fifth of chance. */
static void fill_bases(char *seq, int64_t length, double gc_mean, sim_rng *rng)
{
    double drift = 0.0, gc = gc_mean;
    char last = 'A';
    for (int64_t i = 0; i < length; i++) {
        if (i % ISOCHORE_BP == 0) {
            drift = 0.85 * drift + 0.035 * sim_rng_normal(rng);
            gc = gc_mean + drift;
            gc = gc < 0.28 ? 0.28 : gc > 0.65 ? 0.65 : gc;
        }
        char base;
        do {
            double u = sim_rng_unit(rng);
            base = u < gc ? (u < gc / 2 ? 'C' : 'G') : (u < gc + (1 - gc) / 2 ? 'A' : 'T');
        } while (last == 'C' && base == 'G' && sim_rng_unit(rng) > 0.2);
        /* a repeated base is a little likelier than chance */
        if (sim_rng_unit(rng) < 0.06) base = last;
        seq[i] = last = base;
    }
}

static char other_base(char base, sim_rng *rng)
{
    char pick;
    do pick = BASES[sim_rng_below(rng, 4)];
    while (pick == base);
    return pick;
}

static char complement(char base)
{
    return base == 'A' ? 'T' : base == 'C' ? 'G' : base == 'G' ? 'C' : base == 'T' ? 'A' : 'N';
}

/*
 * About a tenth of the contig: copies of one family, 8 to 20 % apart, either strand, with a poly-A
 * tail.
 */
static void add_family(char *seq, int64_t length, const char *family, sim_rng *rng)
{
    int64_t n = length / 3500;
    for (int64_t k = 0; k < n; k++) {
        int32_t size = 120 + (int32_t)sim_rng_below(rng, FAMILY_BP - 120 + 1);
        int32_t tail = 8 + (int32_t)sim_rng_below(rng, 18);
        if (length < 4 * (size + tail)) return;
        int64_t at = sim_rng_below(rng, (uint32_t)(length - size - tail));
        double divergence = 0.08 + 0.12 * sim_rng_unit(rng);
        bool reverse = sim_rng_below(rng, 2);
        for (int32_t i = 0; i < size + tail; i++) {
            char base = i < size ? family[FAMILY_BP - size + i] : 'A';
            if (sim_rng_unit(rng) < (i < size ? divergence : 0.01)) base = other_base(base, rng);
            if (reverse)
                seq[at + size + tail - 1 - i] = complement(base);
            else
                seq[at + i] = base;
        }
    }
}

/* A tandem repeat every 600 bp or so: half of them homopolymers, some with a flaw. */
static void add_tandems(char *seq, int64_t length, sim_rng *rng)
{
    for (int64_t k = 0; k < length / 600; k++) {
        double u = sim_rng_unit(rng);
        uint32_t unit = u < 0.5 ? 1 : u < 0.75 ? 2 : u < 0.85 ? 3 : u < 0.95 ? 4 : u < 0.98 ? 5 : 6;
        uint32_t most = unit == 1 ? 24 : unit == 2 ? 24 : 16;
        uint32_t least = unit == 1 ? 7 : unit == 2 ? 5 : 4;
        /* long ones are rare: a homopolymer of 15 or more stands every 8 kb or so */
        uint32_t copies = least + (uint32_t)((most - least) * pow(sim_rng_unit(rng), 5.0));
        int64_t size = (int64_t)copies * unit;
        if (length < 4 * size) continue;
        int64_t at = sim_rng_below(rng, (uint32_t)(length - size));
        char motif[6];
        for (uint32_t i = 0; i < unit; i++)
            motif[i] =
                unit == 1 ? (sim_rng_unit(rng) < 0.9 ? 'A' : 'C') : BASES[sim_rng_below(rng, 4)];
        if (unit > 1 && motif[1] == motif[0]) motif[1] = other_base(motif[0], rng);
        bool reverse = sim_rng_below(rng, 2);
        for (int64_t i = 0; i < size; i++) {
            char base = motif[i % unit];
            seq[at + i] = reverse ? complement(base) : base;
        }
        if (sim_rng_unit(rng) < 0.2) {
            int64_t flaw = at + sim_rng_below(rng, (uint32_t)size);
            seq[flaw] = other_base(seq[flaw], rng);
        }
    }
}

static kuni_status add_paralogs(sim_world *world, char *seq, int64_t length, int32_t tid,
                                uint32_t n, sim_rng *rng, kuni_error *err)
{
    int64_t pitch = length / (2 * (int64_t)n + 1);
    for (uint32_t k = 0; k < n; k++) {
        int64_t size = 10000 + sim_rng_below(rng, 5001);
        if (pitch < size + 1000) size = pitch - 1000;
        if (size < 2000)
            return kuni_fail(err, KUNI_USAGE,
                             "no room for %u pairs of paralogs: contig of %lld bp: give fewer "
                             "--paralogs or a longer contig",
                             n, (long long)length);
        kuni_status status = kuni_grow((void **)&world->paralogs, &world->paralogs_capacity,
                                       world->n_paralogs + 1, sizeof(*world->paralogs), err);
        if (status) return status;
        sim_paralog *one = &world->paralogs[world->n_paralogs++];
        *one = (sim_paralog){.tid = tid,
                             .beg = {pitch / 2 + 2 * k * pitch, pitch / 2 + (2 * k + 1) * pitch},
                             .length = size};
        double divergence = k % 2 == 0 ? 0.005 : 0.015;
        for (int64_t i = 0; i < size; i++) {
            char base = seq[one->beg[0] + i];
            seq[one->beg[1] + i] = sim_rng_unit(rng) < divergence ? other_base(base, rng) : base;
        }
    }
    return KUNI_OK;
}

static void add_gaps(char *seq, int64_t length)
{
    int64_t end = length / 100 < 10000 ? length / 100 : 10000;
    int64_t gap = length / 200 < 50000 ? length / 200 : 50000;
    memset(seq, 'N', (size_t)end);
    memset(seq + length - end, 'N', (size_t)end);
    memset(seq + length * 5 / 8, 'N', (size_t)gap);
}

static kuni_status write_fasta(kuni_file *file, const plan *one, const char *seq, kuni_error *err)
{
    kuni_status status = kuni_file_printf(file, err, ">%s\n", one->name);
    for (int64_t i = 0; i < one->length && !status; i += LINE_BP) {
        int64_t n = one->length - i < LINE_BP ? one->length - i : LINE_BP;
        char line[LINE_BP + 1];
        memcpy(line, seq + i, (size_t)n);
        line[n] = '\n';
        status = kuni_file_write(file, line, (size_t)n + 1, err);
    }
    return status;
}

static kuni_status make_contig(sim_world *world, const plan *one, int32_t tid, const char *family,
                               bool paralogs, char *seq, kuni_error *err)
{
    sim_rng rng;
    sim_rng_open(&rng, world->options->seed, SIM_RNG_REFERENCE, (uint64_t)tid, 1, 0);
    fill_bases(seq, one->length, one->mt ? 0.44 : 0.41, &rng);
    if (one->mt) return KUNI_OK;
    add_family(seq, one->length, family, &rng);
    add_tandems(seq, one->length, &rng);
    if (paralogs) {
        kuni_status status =
            add_paralogs(world, seq, one->length, tid, world->options->n_paralogs, &rng, err);
        if (status) return status;
    }
    add_gaps(seq, one->length);
    if (one->y) memset(seq, 'N', (size_t)par_length(one->length));
    return KUNI_OK;
}

static kuni_status write_ploidy(const sim_world *world, const plan *plans, size_t n_plans,
                                kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "#contig\tbeg\tend\tmales\tfemales\n");
    for (size_t i = 0; i < n_plans && !status; i++) {
        const plan *one = &plans[i];
        if (!one->x && !one->y) continue;
        status = kuni_buffer_printf(&text, err, "%s\t%lld\t%lld\t1\t%d\n", one->name,
                                    one->x ? (long long)par_length(one->length) : 0LL,
                                    (long long)one->length, one->x ? 2 : 0);
    }
    char *path = status ? NULL : kuni_path_join(world->options->out, "ploidy.bed", err);
    if (!status && !path) status = KUNI_MEMORY;
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    free(path);
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status write_repeats(const sim_world *world, const plan *plans, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "#contig\tbeg\tend\tname\n");
    for (size_t i = 0; i < world->n_paralogs * 2 && !status; i++) {
        const sim_paralog *one = &world->paralogs[i / 2];
        long long beg = one->beg[i % 2], end = beg + one->length;
        status = kuni_buffer_printf(&text, err, "%s\t%lld\t%lld\tparalog%zu\n",
                                    plans[one->tid].name, beg, end, i / 2 + 1);
    }
    char *path = status ? NULL : kuni_path_join(world->options->out, "repeats.bed", err);
    if (!status && !path) status = KUNI_MEMORY;
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    free(path);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status sim_reference_write(sim_world *world, kuni_error *err)
{
    plan *plans = NULL;
    size_t n_plans = 0;
    kuni_file *file = NULL;
    char *seq = NULL, family[FAMILY_BP];
    sim_rng rng;
    kuni_status status = read_plan(world->options, &plans, &n_plans, err);
    if (status) goto fail;
    sim_rng_open(&rng, world->options->seed, SIM_RNG_REFERENCE, 0, 0, 0);
    fill_bases(family, FAMILY_BP, 0.55, &rng);
    status = kuni_file_create(&file, world->reference, err);
    if (status) goto fail;
    for (size_t i = 0; i < n_plans; i++) {
        seq = kuni_alloc((size_t)plans[i].length, 1, err);
        if (!seq) {
            status = KUNI_MEMORY;
            goto fail;
        }
        bool paralogs = i == 0 && world->options->n_paralogs > 0;
        status = make_contig(world, &plans[i], (int32_t)i, family, paralogs, seq, err);
        if (!status) status = write_fasta(file, &plans[i], seq, err);
        if (status) goto fail;
        free(seq);
        seq = NULL;
    }
    status = kuni_file_commit(file, err);
    file = NULL;
    if (!status) status = write_ploidy(world, plans, n_plans, err);
    if (!status) status = write_repeats(world, plans, err);
fail:
    kuni_file_discard(file);
    free(seq);
    free(plans);
    return status;
}
