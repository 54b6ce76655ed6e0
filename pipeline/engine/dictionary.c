/* SPDX-License-Identifier: MIT */
#include "dictionary.h"

#include <stdlib.h>
#include <unistd.h>

#include "kuni/file.h"

static const char name[] = "data_dictionary.tsv", heading[] = "table\tcolumn\tunit\tdefinition\n";

const kuni_column kuni_dictionary_of_runs[] = {
    {KUNI_FAILURES_TABLE, "sample_id", "", "name of a sample in quarantine"},
    {KUNI_FAILURES_TABLE, "site", "", "of the manifest: laboratory or hospital; .: none"},
    {KUNI_FAILURES_TABLE, "where", "", "what found it unfit: a check before the work, or a stage"},
    {KUNI_FAILURES_TABLE, "reason", "", "why, and what may be done about it"},
    {0}};

static bool is_there(const char *folder, const char *table, kuni_error *err)
{
    char *path = kuni_path_join(folder, table, err);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static kuni_status put_columns(const kuni_column *columns, const char *folder, kuni_buffer *text,
                               kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const kuni_column *c = columns; c && c->table && !status; c++)
        if (is_there(folder, c->table, err))
            status = kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s\n", c->table, c->name,
                                        *c->unit ? c->unit : "NA", c->definition);
    return status;
}

/* Whether an earlier node is of the same stage: its columns are told once. */
static bool is_told(const kuni_plan *plan, size_t node)
{
    for (size_t i = 0; i < node; i++)
        if (plan->nodes[i].stage && plan->nodes[i].stage->stage == plan->nodes[node].stage->stage)
            return true;
    return false;
}

kuni_status kuni_dictionary_write(const kuni_plan *plan, const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s", heading);
    if (!status) status = put_columns(kuni_dictionary_of_runs, folder, &text, err);
    for (size_t i = 0; i < plan->n_nodes && !status; i++)
        if (plan->nodes[i].stage && !is_told(plan, i))
            status = put_columns(plan->nodes[i].stage->stage->columns, folder, &text, err);
    char *path = status ? NULL : kuni_path_join(folder, name, err);
    if (!status) status = path ? kuni_file_put(path, text.data, text.length, err) : KUNI_MEMORY;
    free(path);
    kuni_buffer_fini(&text);
    return status;
}
