/* SPDX-License-Identifier: MIT */
/* kuni evidence: look into evidence files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "evidence_check.h"
#include "evidence_columns.h"
#include "evidence_files.h"
#include "kuni/evidence.h"
#include "kuni/sample.h"
#include "withdrawn.h"

typedef struct request {
    const char *region; /* of dump: [CONTIG:]BEG-END; NULL: all */
    const char *sample; /* of dump: its id; NULL: all */
    const char *what;   /* of dump: kinds of lines, separated by commas; NULL: all */
    const char *copies; /* of dump: "1" or "2"; NULL: not said */
} request;

static const kuni_option options[] = {
    KUNI_OPTIONS_HEADING("Of dump"),
    {"region", 'r', "BEG-END", "all", "positions, 1-based and inclusive; CONTIG: may stand before",
     KUNI_BIND_TEXT(request, region, KUNI_COMPLETES_NOTHING)},
    {"sample", 's', "ID", "all", "events and blocks of one sample only",
     KUNI_BIND_TEXT(request, sample, KUNI_COMPLETES_NOTHING)},
    {"what", 0, "LIST", "census,events,blocks", "kinds of lines to print",
     KUNI_BIND_TEXT(request, what, KUNI_COMPLETES_NOTHING)},
    {"copies", 0, "1|2", NULL, "what holds for one copy or two (X and Y): as of so many",
     KUNI_BIND_TEXT(request, copies, KUNI_COMPLETES_NOTHING)},
    KUNI_OPTIONS_END,
};

/* --- stat --- */

/* What a genome of this size would take: GRCh38's primary contigs without their gaps, 2.94 Gb. */
static const double GENOME_BP = 2.94e9;

static double per_genome(uint64_t bytes, const kuni_evidence_header *header)
{
    double bases = (double)(header->shard.end - header->shard.beg);
    return header->n_samples ? (double)bytes / (double)header->n_samples / bases * GENOME_BP : 0.0;
}

static void print_share(const char *path, const char *name, uint64_t bytes,
                        const kuni_evidence_header *header)
{
    printf("%s\tbytes\t%s\t%" PRIu64 "\t%.1f\t%.2f\n", path, name, bytes,
           header->n_samples ? (double)bytes / header->n_samples : 0.0,
           per_genome(bytes, header) / (1 << 20));
}

static kuni_status print_stat(const request *r, const kuni_evidence_file *file, kuni_error *err)
{
    (void)r;
    const char *path = file->path;
    kuni_evidence_reader *reader;
    kuni_status status = kuni_evidence_open_part(&reader, path, file->offset, file->bytes, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    uint64_t census = 0, events = 0, blocks = 0, n_alleles = 0, n_events = 0, n_blocks = 0;
    size_t n_chunks = kuni_evidence_chunk_count(reader);
    for (size_t i = 0; i < n_chunks; i++) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, i, &extent);
        census += extent.census_bytes;
        events += extent.events_bytes;
        blocks += extent.blocks_bytes;
        n_alleles += extent.n_alleles;
        n_events += extent.n_events;
        n_blocks += extent.n_blocks;
    }
    uint64_t size = kuni_evidence_size(reader), rest = size - census - events - blocks;
    double kb = (double)(header->shard.end - header->shard.beg) / 1000.0 * header->n_samples;
    printf("%s\tshard\t%s:%" PRId64 "-%" PRId64 "\n", path, header->contig, header->shard.beg + 1,
           header->shard.end);
    printf("%s\tproducer\t%s\n", path, header->producer);
    printf("%s\treference_md5\t%s\n", path, header->reference_md5);
    printf("%s\tsamples\t%u\n%s\tchunks\t%zu\n", path, header->n_samples, path, n_chunks);
    printf("%s\talleles\t%" PRIu64 "\n", path, n_alleles);
    printf("%s\tevents\t%" PRIu64 "\t%.3f per sample and kb\t%.2f bytes each\n", path, n_events,
           kb > 0 ? (double)n_events / kb : 0.0,
           n_events ? (double)events / (double)n_events : 0.0);
    printf("%s\tblocks\t%" PRIu64 "\t%.3f per sample and kb\t%.2f bytes each\n", path, n_blocks,
           kb > 0 ? (double)n_blocks / kb : 0.0,
           n_blocks ? (double)blocks / (double)n_blocks : 0.0);
    printf("%s\tcolumn\tname\tbytes\tper_sample\tMiB_per_genome\n", path);
    print_share(path, "census", census, header);
    print_share(path, "events", events, header);
    print_share(path, "blocks", blocks, header);
    print_share(path, "header+footer", rest, header);
    print_share(path, "all", size, header);
    kuni_evidence_column columns[KUNI_EVIDENCE_COLUMNS];
    status = kuni_evidence_measure(reader, columns, err);
    for (size_t i = 0; !status && i < KUNI_EVIDENCE_COLUMNS; i++) {
        char name[64];
        if (columns[i].raw == 0) continue;
        snprintf(name, sizeof(name), "%s.%s", columns[i].group, columns[i].name);
        print_share(path, name, columns[i].stored, header);
    }
    kuni_evidence_close(reader);
    return status;
}

/* --- dump --- */

typedef struct dump_filter {
    int64_t beg, end;
    int64_t sample; /* -1: all */
    uint8_t *out;   /* flags by sample: withdrawn from the dataset that the file lies in */
    size_t n_out;
    int what;
    int copies; /* of what holds for one or two; 0: not said */
} dump_filter;

static void print_list(const char *lead, const uint32_t *values, uint32_t n)
{
    fputs(lead, stdout);
    for (uint32_t i = 0; i < n; i++) printf("%s%u", i ? "," : "", values[i]);
}

static void print_event(const kuni_evidence_header *header, const kuni_event *event)
{
    static const struct {
        uint8_t flag;
        const char *name;
    } flags[] = {{KUNI_EVENT_CARRIED, "carried"}, {KUNI_EVENT_FILTERED, "filtered"},
                 {KUNI_EVENT_FORCED, "forced"},   {KUNI_EVENT_EITHER, "either"},
                 {KUNI_EVENT_ONE, "one"},         {KUNI_EVENT_UNLISTED, "unlisted"}};
    printf("event\t%s\t%" PRId64 "\t%s\t%s\t", header->contig, event->pos + 1,
           header->samples[event->sample], event->alleles[0]);
    for (int i = 1; i < event->n_alleles; i++) printf("%s%s", i > 1 ? "," : "", event->alleles[i]);
    fputs(event->n_alleles > 1 ? "\t" : ".\t", stdout);
    for (int i = 0; i < event->ploidy; i++) {
        if (i) putchar(event->flags & KUNI_EVENT_PHASED ? '|' : '/');
        if (event->gt[i] < 0)
            putchar('.');
        else
            printf("%d", event->gt[i]);
    }
    printf("\t%u\t%u", event->qual, event->gq);
    if (event->dp == KUNI_DP_MISSING)
        fputs("\t.", stdout);
    else
        printf("\t%u", event->dp);
    printf("\t%u", event->mq);
    if (event->ad)
        print_list("\t", event->ad, event->n_alleles);
    else
        fputs("\t.", stdout);
    putchar('\t');
    uint32_t n = event->n_alleles, n_pl = event->ploidy == 1 ? n : n * (n + 1) / 2;
    for (uint32_t i = 0; event->pl && i < n_pl; i++) {
        if (i) putchar(',');
        if (event->pl[i] == KUNI_PL_MISSING)
            putchar('.');
        else
            printf("%u", event->pl[i]);
    }
    if (!event->pl) putchar('.');
    print_list("\t", event->sb, 4);
    printf("\t%" PRId64, event->phase_set < 0 ? -1 : event->phase_set + 1);
    for (int i = 0; i < KUNI_RANKS; i++)
        if (event->rank[i] == KUNI_RANK_UNKNOWN)
            fputs(i ? ",." : "\t.", stdout);
        else
            printf("%c%.1f", i ? ',' : '\t', (event->rank[i] - KUNI_RANK_EQUAL) / 2.0);
    putchar('\t');
    bool any = false;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (event->flags & flags[i].flag) {
            printf("%s%s", any ? "," : "", flags[i].name);
            any = true;
        }
    puts(any ? "" : ".");
}

static void print_block(const kuni_evidence_header *header, const kuni_block *block, int copies)
{
    static const char *const kinds[] = {
        [KUNI_BLOCK_REFERENCE] = "reference", [KUNI_BLOCK_CONFLICT] = "conflict",
        [KUNI_BLOCK_FILTERED] = "filtered",   [KUNI_BLOCK_UNLISTED] = "unlisted",
        [KUNI_BLOCK_STATED] = "stated",       [KUNI_BLOCK_LOW] = "low",
    };
    printf("block\t%s\t%" PRId64 "\t%" PRId64 "\t%s\t%s\t", header->contig, block->beg + 1,
           block->end, header->samples[block->sample], kinds[block->kind]);
    if (!block->either || copies)
        printf("%d\t%u", block->either ? copies : block->ploidy, kuni_block_gq(block, copies));
    else
        printf("1|2\t%u|%u", block->gq_one, block->gq);
    if (block->min_dp == KUNI_MIN_DP_MISSING)
        puts("\t.");
    else
        printf("\t%u\n", block->min_dp);
}

static void print_chunk(const kuni_evidence_header *header, const kuni_evidence_chunk *chunk,
                        const dump_filter *filter)
{
    /* A census is of all: with people left out it would tell what only they have. */
    bool census = (filter->what & KUNI_READ_CENSUS) && !filter->n_out;
    for (size_t i = 0; census && i < chunk->n_alleles; i++) {
        const kuni_census *allele = &chunk->alleles[i];
        if (allele->pos < filter->beg || allele->pos >= filter->end) continue;
        printf("census\t%s\t%" PRId64 "\t%s\t%s\t%u\t%u\t%" PRIu64 "\t%u\n", header->contig,
               allele->pos + 1, allele->ref, allele->alt, allele->n_samples, allele->n_copies,
               allele->sum_qual, allele->max_qual);
    }
    for (size_t i = 0; (filter->what & KUNI_READ_EVENTS) && i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        if (event->pos + (int64_t)strlen(event->alleles[0]) <= filter->beg ||
            event->pos >= filter->end || filter->out[event->sample] ||
            (filter->sample >= 0 && event->sample != (uint32_t)filter->sample))
            continue;
        kuni_event told = *event;
        uint16_t pl[KUNI_EVENT_ALLELES_MAX];
        if (filter->copies) kuni_event_of_copies(event, filter->copies, pl, &told);
        print_event(header, &told);
    }
    for (size_t i = 0; (filter->what & KUNI_READ_BLOCKS) && i < chunk->n_blocks; i++) {
        const kuni_block *block = &chunk->blocks[i];
        if (block->end <= filter->beg || block->beg >= filter->end || filter->out[block->sample] ||
            (filter->sample >= 0 && block->sample != (uint32_t)filter->sample))
            continue;
        print_block(header, block, filter->copies);
    }
}

static kuni_status parse_what(const char *text, int *what, kuni_error *err)
{
    static const char *const names[] = {"census", "events", "blocks"};
    *what = 0;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        int found = 0;
        for (int i = 0; i < 3; i++)
            if (strlen(names[i]) == length && strncmp(at, names[i], length) == 0) found = 1 << i;
        if (!found)
            return kuni_fail(err, KUNI_USAGE, "'%s' is no value of --what: expected %s", text,
                             "census, events or blocks, or several with commas between");
        *what |= found;
        at += length;
        if (*at == ',') at++;
    }
    return KUNI_OK;
}

static bool parse_number(const char **text, int64_t *number)
{
    *number = 0;
    const char *start = *text;
    for (; (**text >= '0' && **text <= '9') || **text == ','; (*text)++) {
        if (**text == ',') continue;
        if (*number > INT64_MAX / 100) return false;
        *number = *number * 10 + (**text - '0');
    }
    return *text > start;
}

static kuni_status make_filter(const request *r, const kuni_evidence_header *header,
                               dump_filter *filter, kuni_error *err)
{
    *filter = (dump_filter){.beg = 0, .end = INT64_MAX, .sample = -1, .what = KUNI_READ_ALL};
    if (r->what) {
        kuni_status status = parse_what(r->what, &filter->what, err);
        if (status) return status;
    }
    if (r->copies) filter->copies = r->copies[0] - '0';
    if (r->region) {
        const char *at = strrchr(r->region, ':');
        if (at && (strlen(header->contig) != (size_t)(at - r->region) ||
                   strncmp(r->region, header->contig, (size_t)(at - r->region)) != 0)) {
            filter->end = 0; /* another contig: nothing here */
            return KUNI_OK;
        }
        at = at ? at + 1 : r->region;
        bool fine = parse_number(&at, &filter->beg) && filter->beg > 0;
        filter->end = filter->beg;
        if (fine && *at == '-') {
            at++;
            fine = parse_number(&at, &filter->end);
        }
        filter->beg--;
        if (!fine || *at || filter->end <= filter->beg)
            return kuni_fail(err, KUNI_USAGE, "'%s' is no region: expected CONTIG:BEG-END",
                             r->region);
    }
    for (uint32_t i = 0; r->sample && i < header->n_samples; i++)
        if (strcmp(header->samples[i], r->sample) == 0) filter->sample = i;
    if (r->sample && filter->sample < 0)
        return kuni_fail(err, KUNI_USAGE, "there is no sample '%s'%s%s", r->sample,
                         header->n_samples ? "; the first one is " : "",
                         header->n_samples ? header->samples[0] : "");
    return KUNI_OK;
}

/* Marks who is left out; named by --sample they are refused. */
static kuni_status leave_out(const request *r, const kuni_evidence_file *file,
                             const kuni_evidence_header *header, dump_filter *filter,
                             kuni_error *err)
{
    const char *path = file->path;
    kuni_withdrawn known;
    filter->out = kuni_alloc((size_t)header->n_samples + 1, 1, err);
    if (!filter->out) return KUNI_MEMORY;
    kuni_status status = kuni_withdrawn_open(&known, path, err);
    if (!status && r->sample) status = kuni_withdrawn_refuse(&known, r->sample, err);
    for (uint32_t i = 0; i < header->n_samples && !status; i++) {
        if (strcmp(header->samples[i], KUNI_SAMPLE_NOBODY) == 0) continue; /* brought nothing */
        filter->out[i] = kuni_withdrawn_has(&known, header->samples[i]);
        filter->n_out += filter->out[i];
    }
    if (filter->n_out && file->first)
        fprintf(stderr,
                "kuni: note: %s: %zu samples have withdrawn from %s: they are left out, and the "
                "census, which counts them\n",
                path, filter->n_out, known.folder);
    kuni_withdrawn_close(&known);
    return status;
}

static kuni_status print_dump(const request *r, const kuni_evidence_file *file, kuni_error *err)
{
    kuni_evidence_reader *reader;
    dump_filter filter = {.out = NULL};
    kuni_status status =
        kuni_evidence_open_part(&reader, file->path, file->offset, file->bytes, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    status = make_filter(r, header, &filter, err);
    if (!status) status = leave_out(r, file, header, &filter, err);
    if (!status && file->first) {
        if (filter.what & KUNI_READ_CENSUS)
            puts("#census\tcontig\tpos\tref\talt\tsamples\tcopies\tsum_qual\tmax_qual");
        if (filter.what & KUNI_READ_EVENTS)
            puts(
                "#event\tcontig\tpos\tsample\tref\talt\tgt\tqual\tgq\tdp\tmq\tad\tpl\tsb\tphase_set"
                "\trank_sums\tflags");
        if (filter.what & KUNI_READ_BLOCKS)
            puts("#block\tcontig\tbeg\tend\tsample\tkind\tploidy\tgq\tmin_dp");
    }
    for (size_t i = 0; !status && i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, i, &extent);
        if (extent.end <= filter.beg || extent.beg >= filter.end) continue;
        status = kuni_evidence_read(reader, i, filter.what, &chunk, err);
        if (!status) print_chunk(header, &chunk, &filter);
    }
    free(filter.out);
    kuni_evidence_close(reader);
    return status;
}

static kuni_status check_file(const request *r, const kuni_evidence_file *file, kuni_error *err)
{
    (void)r;
    return kuni_evidence_check_part(file->path, file->offset, file->bytes, err);
}

typedef kuni_status verb(const request *r, const kuni_evidence_file *file, kuni_error *err);

/* A file, or one after another of the members of a pack. */
static kuni_status look_into(verb *act, const request *r, const char *path, kuni_error *err)
{
    kuni_evidence_file *files = NULL;
    size_t n = 0, capacity = 0;
    kuni_status status = kuni_evidence_files_add(&files, &n, &capacity, path, err);
    for (size_t i = 0; i < n && !status; i++) status = act(r, &files[i], err);
    if (!status && act == check_file) printf("%s\tok\n", path);
    free(files);
    return status;
}

static int run(const kuni_call *call)
{
    static verb *const verbs[] = {print_stat, print_dump, check_file};
    const request *r = call->options;
    if (verbs[call->verb] != print_dump && (r->region || r->sample || r->what || r->copies))
        return kuni_command_complain(KUNI_USAGE,
                                     "--region, --sample, --what and --copies belong to dump");
    if (r->copies && strcmp(r->copies, "1") != 0 && strcmp(r->copies, "2") != 0)
        return kuni_command_complain(KUNI_USAGE, "--copies %s: expected 1 or 2", r->copies);
    int worst = KUNI_OK;
    for (int i = 0; i < call->n_words; i++) {
        kuni_error err = KUNI_ERROR_INIT;
        if (look_into(verbs[call->verb], r, call->words[i], &err) == KUNI_OK) continue;
        int status = kuni_command_fail(&err);
        if (worst == KUNI_OK) worst = status;
    }
    return worst;
}

static const char *const verb_names[] = {"stat", "dump", "check", NULL};

const kuni_command kuni_cmd_evidence = {
    .group = "Dataset",
    .name = "evidence",
    .summary = "look into evidence files: stat, dump, check",
    .about =
        "Look into evidence files: what calling found for a batch of samples in a shard\n"
        "  stat   sizes of the columns, numbers of events and blocks, bytes a sample and genome\n"
        "  dump   census, events and reference blocks as tab-separated text\n"
        "  check  decode everything and compare it with itself; exit status 65 on damage",
    .usage = "kuni evidence stat|dump|check [OPTIONS] FILE ...",
    .example = "kuni evidence stat dataset/data/call/*/*.ev\n"
               "kuni evidence dump --region 10000-10100 --what events batch.ev",
    .options = options,
    .options_bytes = sizeof(request),
    .verbs = verb_names,
    .least_words = 1,
    .most_words = -1,
    .words = KUNI_COMPLETES_EVIDENCE,
    .run = run,
};
