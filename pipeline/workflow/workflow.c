/* SPDX-License-Identifier: MIT */
#include "workflow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "human_genome.h"
#include "sections.h"
#include "units.h"

enum { NAME_BYTES_MAX = 200, RESOURCES_MAX = 1000 };

#define AT(field)    offsetof(kuni_workflow, field)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const kuni_field top_fields[] = {
    {.key = "version", .type = KUNI_FIELD_OTHER, .expected = "1", .required = true},
    {.key = "name", .type = KUNI_FIELD_TEXT, .offset = AT(name), .expected = "a name"},
    {.key = "reference",
     .type = KUNI_FIELD_FILE,
     .offset = AT(reference),
     .expected = "the path of a FASTA file",
     .required = true},
    {.key = "cohort",
     .type = KUNI_FIELD_FILE,
     .offset = AT(cohort),
     .expected = "the path of a manifest",
     .required = true},
    {.key = "pedigree",
     .type = KUNI_FIELD_FILE,
     .offset = AT(pedigree),
     .expected = "the path of a PED file"},
    {.key = "dataset",
     .type = KUNI_FIELD_PATH,
     .offset = AT(dataset),
     .expected = "the path of a folder",
     .required = true},
    {.key = "regions", .type = KUNI_FIELD_OTHER, .expected = "a map"},
    {.key = "batch",
     .type = KUNI_FIELD_INT,
     .offset = AT(batch_size),
     .expected = "samples a batch",
     .least = 1,
     .most = 100000},
    {.key = "keep",
     .type = KUNI_FIELD_INT,
     .offset = AT(keep),
     .expected = "generations to keep",
     .least = 1,
     .most = 100000},
    {.key = "stages", .type = KUNI_FIELD_OTHER, .expected = "a list of stages", .required = true},
    {.key = "gate", .type = KUNI_FIELD_OTHER, .expected = "a map"},
    {.key = "on_error", .type = KUNI_FIELD_OTHER, .expected = "a map"},
    {.key = "resources", .type = KUNI_FIELD_OTHER, .expected = "a map"},
    {.key = "params", .type = KUNI_FIELD_OTHER, .expected = "a map of names with values"},
    {.key = "profiles", .type = KUNI_FIELD_OTHER, .expected = "a map of names with settings"},
    {.key = "profile",
     .type = KUNI_FIELD_TEXT,
     .offset = AT(profile),
     .expected = "the name of one of the profiles"},
    {.key = "network", .type = KUNI_FIELD_OTHER, .expected = "a list of addresses"},
};

static const char ploidy_expected[] = "GRCh38, GRCh37, CHM13, diploid or the path of a BED file";

static const kuni_field region_fields[] = {
    {.key = "contigs", .type = KUNI_FIELD_OTHER, .expected = "a list of contigs"},
    {.key = "shard",
     .type = KUNI_FIELD_BP,
     .offset = AT(shard_bp),
     .expected = "a length such as 5Mb",
     .least = 100,
     .most = INT64_C(3000000000)},
    {.key = "joint_shard",
     .type = KUNI_FIELD_BP,
     .offset = AT(joint_bp),
     .expected = "a length such as 1Mb",
     .least = 64000,
     .most = INT64_C(3000000000)},
    {.key = "bundle",
     .type = KUNI_FIELD_INT,
     .offset = AT(bundle),
     .expected = "small shards that share files",
     .least = 1,
     .most = 1000},
    {.key = "include",
     .type = KUNI_FIELD_FILE,
     .offset = AT(region_bed),
     .expected = "the path of a BED file"},
    {.key = "exclude",
     .type = KUNI_FIELD_FILE,
     .offset = AT(exclude_bed),
     .expected = "the path of a BED file"},
    {.key = "ploidy", .type = KUNI_FIELD_OTHER, .expected = ploidy_expected},
};

static const char sample_expected[] = "quarantine or abort";

static const char quarantined_expected[] = "a share of the new samples such as 5%, or their number";

static const kuni_field error_fields[] = {
    {.key = "sample", .type = KUNI_FIELD_OTHER, .expected = sample_expected},
    {.key = "max_quarantined", .type = KUNI_FIELD_OTHER, .expected = quarantined_expected},
    {.key = "retries",
     .type = KUNI_FIELD_INT,
     .offset = AT(retries),
     .expected = "a number of retries",
     .least = 0,
     .most = 100},
    {.key = "time_limit",
     .type = KUNI_FIELD_SECONDS,
     .offset = AT(time_limit_s),
     .expected = "a time such as 30m, or 0 for none",
     .least = 0,
     .most = 30 * 86400},
};

static const char gate_expected[] = "any, flag or pass";

static const kuni_field gate_fields[] = {
    {.key = "qc", .type = KUNI_FIELD_OTHER, .expected = gate_expected},
};

static const kuni_field memory_field = {.key = "memory",
                                        .type = KUNI_FIELD_BYTES,
                                        .offset = AT(memory_bytes),
                                        .expected = "memory such as 2GiB",
                                        .least = INT64_C(64) << 20,
                                        .most = INT64_C(16) << 40};

const kuni_field *kuni_workflow_fields(const char *section, size_t *n)
{
    static const struct {
        const char *section;
        const kuni_field *fields;
        size_t n;
    } tables[] = {{"", top_fields, COUNT(top_fields)},
                  {"regions", region_fields, COUNT(region_fields)},
                  {"on_error", error_fields, COUNT(error_fields)},
                  {"gate", gate_fields, COUNT(gate_fields)},
                  {"resources", &memory_field, 1}};
    size_t i = 0;
    while (i + 1 < COUNT(tables) && strcmp(tables[i].section, section) != 0) i++;
    *n = tables[i].n;
    return tables[i].fields;
}

/* --- helpers --- */

/* The map under a key; NULL where absent or, after a fault, where it is something else. */
static const kuni_yaml_node *section_of(kuni_reader *reader, const kuni_yaml_node *root,
                                        const char *key)
{
    char room[KUNI_YAML_WORD_BYTES];
    const kuni_yaml_node *node = kuni_yaml_get(root, key);
    if (!node || node->type == KUNI_YAML_MAP) return node;
    kuni_yaml_fault(reader->faults, node, "%s: got %s; expected a map", key,
                    kuni_yaml_describe(node, room));
    return NULL;
}

/* --- sections --- */

static void check_version(kuni_reader *reader, const kuni_yaml_node *root)
{
    char room[KUNI_YAML_WORD_BYTES];
    const kuni_yaml_node *version = kuni_yaml_get(root, "version");
    if (version && (version->type != KUNI_YAML_TEXT || strcmp(version->text, "1") != 0))
        kuni_yaml_fault(reader->faults, version,
                        "version: got %s; expected 1, the only version of workflow files so far",
                        kuni_yaml_describe(version, room));
}

static void check_name(kuni_reader *reader, const kuni_yaml_node *root)
{
    const char *name = reader->workflow->name;
    if (!name) return;
    bool fine = strlen(name) <= NAME_BYTES_MAX;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) fine = false;
    if (!fine)
        kuni_yaml_fault(reader->faults, kuni_yaml_get(root, "name"),
                        "name: expected one line of at most %d bytes", NAME_BYTES_MAX);
}

static kuni_status read_ploidy(kuni_reader *reader, const kuni_yaml_node *node)
{
    static const char *const names[] = {"GRCh38", "GRCh37", "CHM13", "diploid"};
    if (!node) return KUNI_OK;
    const char *text = kuni_reader_text(reader, node, "ploidy", ploidy_expected);
    if (!text) return KUNI_OK;
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) {
            reader->workflow->ploidy = names[i];
            reader->workflow->ploidy_given = true;
            return KUNI_OK;
        }
    const char *near = kuni_nearest(text, names, COUNT(names));
    if (near || !strpbrk(text, "/.")) {
        kuni_yaml_fault(reader->faults, node, "ploidy: unknown name '%.100s'; expected %s%s%s%s",
                        text, ploidy_expected, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
        return KUNI_OK;
    }
    reader->workflow->ploidy = kuni_reader_file(reader, node, "ploidy", text);
    reader->workflow->ploidy_given = true;
    return reader->workflow->ploidy ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status read_regions(kuni_reader *reader, const kuni_yaml_node *root)
{
    const kuni_yaml_node *map = section_of(reader, root, "regions");
    if (!map) return KUNI_OK;
    if (kuni_reader_fields(reader, map, "regions", region_fields, COUNT(region_fields)) ||
        kuni_reader_contigs(reader, kuni_yaml_get(map, "contigs")) ||
        read_ploidy(reader, kuni_yaml_get(map, "ploidy")))
        return reader->err->status;
    return KUNI_OK;
}

static void read_max_quarantined(kuni_reader *reader, const kuni_yaml_node *node)
{
    enum { WHOLE = 10000 };
    kuni_workflow *w = reader->workflow;
    const char *text =
        node ? kuni_reader_text(reader, node, "max_quarantined", quarantined_expected) : NULL;
    int64_t value;
    if (!text) return;
    bool share = strchr(text, '%') != NULL;
    bool fine = share ? kuni_parse_percent(text, &value) && value <= WHOLE
                      : kuni_parse_int(text, &value) && value >= 0;
    if (!fine) {
        kuni_yaml_fault(reader->faults, node, "max_quarantined: got '%.100s'; expected %s", text,
                        quarantined_expected);
        return;
    }
    w->max_quarantined = value;
    w->max_quarantined_share = share;
}

static kuni_status read_on_error(kuni_reader *reader, const kuni_yaml_node *root)
{
    const kuni_yaml_node *map = section_of(reader, root, "on_error");
    if (!map) return KUNI_OK;
    kuni_status status =
        kuni_reader_fields(reader, map, "on_error", error_fields, COUNT(error_fields));
    const kuni_yaml_node *sample = kuni_yaml_get(map, "sample");
    if (!status) read_max_quarantined(reader, kuni_yaml_get(map, "max_quarantined"));
    if (status || !sample) return status;
    static const char *const words[] = {"quarantine", "abort"};
    const char *text = kuni_reader_text(reader, sample, "sample", sample_expected);
    if (!text) return KUNI_OK;
    reader->workflow->quarantine = strcmp(text, words[0]) == 0;
    if (!reader->workflow->quarantine && strcmp(text, words[1]) != 0) {
        const char *near = kuni_nearest(text, words, 2);
        kuni_yaml_fault(reader->faults, sample, "sample: got '%.100s'; expected %s%s%s%s", text,
                        sample_expected, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    }
    return KUNI_OK;
}

static kuni_status read_gate(kuni_reader *reader, const kuni_yaml_node *root)
{
    static const char *const words[] = {
        [KUNI_GATE_ANY] = "any", [KUNI_GATE_FLAG] = "flag", [KUNI_GATE_PASS] = "pass"};
    const kuni_yaml_node *map = section_of(reader, root, "gate");
    if (!map) return KUNI_OK;
    kuni_status status = kuni_reader_fields(reader, map, "gate", gate_fields, COUNT(gate_fields));
    const kuni_yaml_node *qc = kuni_yaml_get(map, "qc");
    const char *text = qc && !status ? kuni_reader_text(reader, qc, "qc", gate_expected) : NULL;
    if (!text) return status;
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(text, words[i]) == 0) {
            reader->workflow->gate_qc = (kuni_gate)i;
            return KUNI_OK;
        }
    const char *near = kuni_nearest(text, words, COUNT(words));
    kuni_yaml_fault(reader->faults, qc, "qc: got '%.100s'; expected %s%s%s%s", text, gate_expected,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return KUNI_OK;
}

/* memory, and any number of NAME: path. */
static kuni_status read_resources(kuni_reader *reader, const kuni_yaml_node *root)
{
    const kuni_yaml_node *map = section_of(reader, root, "resources");
    if (!map || !map->n) return KUNI_OK;
    if (map->n > RESOURCES_MAX) {
        kuni_yaml_fault(reader->faults, map, "resources: got %zu; expected at most %d", map->n,
                        RESOURCES_MAX);
        return KUNI_OK;
    }
    kuni_workflow *w = reader->workflow;
    kuni_name_value *list = kuni_arena_alloc(reader->arena, map->n, sizeof(*list), reader->err);
    if (!list) return KUNI_MEMORY;
    w->resources = list;
    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        if (strcmp(key, memory_field.key) == 0) {
            if (kuni_reader_field(reader, map->values[i], &memory_field))
                return reader->err->status;
            continue;
        }
        if (!*key ||
            strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
                strlen(key))
            kuni_yaml_fault(reader->faults, map->keys[i],
                            "resources: '%.100s' is no name; expected letters, digits, _ and -",
                            key);
        const char *text = kuni_reader_text(reader, map->values[i], key, "the path of a file");
        if (!text) continue;
        const char *path = kuni_reader_file(reader, map->values[i], key, text);
        if (!path) return KUNI_MEMORY;
        list[w->n_resources++] = (kuni_name_value){.name = key, .value = path};
    }
    return KUNI_OK;
}

/* --- the whole --- */

static kuni_status read_root(kuni_reader *reader, const kuni_yaml_node *root)
{
    if (kuni_reader_fields(reader, root, "", top_fields, COUNT(top_fields)))
        return reader->err->status;
    check_version(reader, root);
    check_name(reader, root);
    if (read_regions(reader, root) || read_gate(reader, root) || read_on_error(reader, root) ||
        read_resources(reader, root) || kuni_reader_params(reader, kuni_yaml_get(root, "params")) ||
        kuni_reader_network(reader, kuni_yaml_get(root, "network")))
        return reader->err->status;
    const kuni_yaml_node *stages = kuni_yaml_get(root, "stages");
    return stages ? kuni_reader_stages(reader, stages) : KUNI_OK;
}

static const char profile_setting[] = "profile=";

/* The settings of the profile that is chosen, before those of --set. */
static kuni_status apply_profile(kuni_reader *reader, kuni_yaml_node *root, const char *const *top,
                                 size_t n_top)
{
    kuni_workflow *w = reader->workflow;
    const kuni_yaml_node *chosen = kuni_yaml_get(root, "profile");
    const kuni_yaml_node *profiles = section_of(reader, root, "profiles");
    const char *name = chosen ? kuni_reader_text(reader, chosen, "profile", "a name") : NULL;
    w->profiles = kuni_arena_alloc(reader->arena, profiles ? profiles->n + 1 : 1, sizeof(char *),
                                   reader->err);
    if (!w->profiles) return KUNI_MEMORY;
    for (size_t i = 0; profiles && i < profiles->n; i++) {
        if (profiles->values[i]->type != KUNI_YAML_MAP)
            kuni_yaml_fault(reader->faults, profiles->values[i],
                            "profiles: expected a map of settings, such as 'regions.shard: 1Mb'");
        w->profiles[w->n_profiles++] = profiles->keys[i]->text;
    }
    const kuni_yaml_node *profile = name ? kuni_yaml_get(profiles, name) : NULL;
    if (name && !profile) {
        const char *near = kuni_nearest(name, w->profiles, w->n_profiles);
        kuni_yaml_fault(reader->faults, chosen,
                        "profile: there is no '%.100s' among the workflow's profiles%s%s%s", name,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    kuni_status status = KUNI_OK;
    for (size_t i = 0; profile && profile->type == KUNI_YAML_MAP && i < profile->n && !status; i++)
        status = kuni_yaml_set_node(root, reader->arena, profile->keys[i], profile->values[i], top,
                                    n_top, reader->faults, reader->err);
    return status;
}

static kuni_status parse(kuni_reader *reader, const kuni_buffer *text, const char *const *settings,
                         size_t n_settings, kuni_yaml_node **root)
{
    char room[KUNI_YAML_WORD_BYTES];
    if (kuni_yaml_parse(root, reader->arena, text->data ? text->data : "", text->length, NULL,
                        reader->faults, reader->err))
        return reader->err->status;
    bool broken = !kuni_faults_none(reader->faults);
    if (!*root || kuni_yaml_is_null(*root)) {
        if (!broken)
            kuni_faults_add(
                reader->faults, NULL, 1, 1,
                "the file holds nothing; expected a workflow: version, reference, cohort, "
                "dataset and stages");
        *root = NULL;
        return KUNI_OK;
    }
    if ((*root)->type != KUNI_YAML_MAP) {
        kuni_yaml_fault(
            reader->faults, *root,
            "got %s; expected a workflow: a map with version, reference, cohort, dataset "
            "and stages",
            kuni_yaml_describe(*root, room));
        *root = NULL;
        return KUNI_OK;
    }
    const char *top[COUNT(top_fields)];
    for (size_t i = 0; i < COUNT(top_fields); i++) top[i] = top_fields[i].key;
    kuni_status status = kuni_reader_include(reader, *root, reader->workflow->path);
    for (int pass = 0; pass < 2 && !status; pass++) { /* the profile first */
        for (size_t i = 0; i < n_settings && !status; i++)
            if ((strncmp(settings[i], profile_setting, strlen(profile_setting)) != 0) == pass)
                status = kuni_yaml_set(*root, reader->arena, settings[i], top, COUNT(top),
                                       reader->faults, reader->err);
        if (!status && pass == 0) status = apply_profile(reader, *root, top, COUNT(top));
    }
    return status;
}

kuni_status kuni_workflow_read_partly(kuni_workflow *workflow, const char *path,
                                      const char *const *settings, size_t n_settings,
                                      kuni_buffer *faults, kuni_error *err)
{
    *workflow = (kuni_workflow){.shard_bp = 5000000,
                                .bundle = 64,
                                .ploidy = "GRCh38",
                                .batch_size = 256,
                                .quarantine = true,
                                .keep = 2,
                                .max_quarantined = 500, /* 5 % */
                                .max_quarantined_share = true,
                                .retries = 2,
                                .time_limit_s = 3600,
                                .memory_bytes = INT64_C(2) << 30};
    kuni_faults found;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_faults_init(&found, path, err);
    if (status) return status;
    kuni_reader reader = {.workflow = workflow, .faults = &found, .err = err};
    kuni_yaml_node *root = NULL;
    if (!(workflow->arena = reader.arena = kuni_arena_new(err))) {
        status = KUNI_MEMORY;
        goto fail;
    }
    if ((status = kuni_reader_get("workflow", path, &text, err)) ||
        (status = kuni_reader_place(&reader, "workflow", path, &workflow->path)) ||
        (status = parse(&reader, &text, settings, n_settings, &root)) ||
        (root && (status = read_root(&reader, root))))
        goto fail;
    if (!workflow->name && (status = kuni_reader_stem(&reader, workflow->path, &workflow->name)))
        goto fail;
    status = kuni_faults_report(&found, KUNI_USAGE, faults, err);
fail:
    kuni_buffer_fini(&text);
    kuni_faults_fini(&found);
    return status;
}

kuni_status kuni_workflow_read(kuni_workflow *workflow, const char *path,
                               const char *const *settings, size_t n_settings, kuni_buffer *faults,
                               kuni_error *err)
{
    kuni_status status =
        kuni_workflow_read_partly(workflow, path, settings, n_settings, faults, err);
    if (status) kuni_workflow_fini(workflow);
    return status;
}

void kuni_workflow_fini(kuni_workflow *workflow)
{
    for (size_t i = 0; workflow->stages && i < workflow->n_stages; i++)
        kuni_params_free(workflow->stages[i].params);
    kuni_arena_free(workflow->arena);
    *workflow = (kuni_workflow){.path = NULL};
}

kuni_status kuni_workflow_check_samples(const kuni_workflow *workflow, size_t n_samples,
                                        kuni_buffer *faults, kuni_error *err)
{
    kuni_faults found;
    kuni_status status = kuni_faults_init(&found, workflow->path, err);
    for (size_t i = 0; i < workflow->n_stages && !status; i++) {
        const kuni_workflow_stage *stage = &workflow->stages[i];
        kuni_error why = KUNI_ERROR_INIT;
        if (!stage->stage->check_samples) continue;
        status = stage->stage->check_samples(stage->params, n_samples, &why);
        if (status == KUNI_USAGE) {
            found.within = stage->file;
            kuni_faults_add(&found, NULL, stage->line, stage->column, "stage '%s': %s", stage->id,
                            why.text);
            status = KUNI_OK;
        } else if (status) {
            *err = why;
        }
    }
    if (!status) status = kuni_faults_report(&found, KUNI_USAGE, faults, err);
    kuni_faults_fini(&found);
    return status;
}

kuni_status kuni_workflow_ploidy(kuni_ploidy **ploidy, const kuni_workflow *workflow,
                                 const kuni_genome *genome, kuni_error *err)
{
    bool human = workflow->ploidy_given;
    for (int32_t tid = 0; !human && tid < kuni_genome_contig_count(genome); tid++)
        human = kuni_human_genome_chromosome(genome, tid) != 0;
    return kuni_ploidy_open(ploidy, human ? workflow->ploidy : "diploid", genome, err);
}
