/* SPDX-License-Identifier: MIT */
/* `network` of a workflow file. */
#include <stdio.h>
#include <string.h>

#include "sections.h"
#include "workflow.h"

static const char expected[] = "addresses such as https://host/folder/ that URLs may begin with";

kuni_status kuni_reader_network(kuni_reader *reader, const kuni_yaml_node *node)
{
    char room[KUNI_YAML_WORD_BYTES];
    if (!node) return KUNI_OK;
    kuni_one_listed one;
    node = kuni_reader_listed(&one, node);
    if (node->type != KUNI_YAML_LIST) {
        kuni_yaml_fault(reader->faults, node, "network: got %s; expected %s",
                        kuni_yaml_describe(node, room), expected);
        return KUNI_OK;
    }
    const char **places =
        kuni_arena_alloc(reader->arena, node->n + 1, sizeof(*places), reader->err);
    if (!places) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        const char *place = kuni_reader_text(reader, node->values[i], "network", expected);
        if (!place) continue;
        if (!kuni_is_plain_url(place)) {
            kuni_yaml_fault(reader->faults, node->values[i], "network: got '%.100s'; expected %s",
                            place, expected);
            continue;
        }
        size_t length = strlen(place);
        char *kept = kuni_arena_alloc(reader->arena, length + 2, 1, reader->err);
        if (!kept) return KUNI_MEMORY;
        (void)snprintf(kept, length + 2, "%s%s", place, place[length - 1] == '/' ? "" : "/");
        places[n++] = kept;
    }
    reader->workflow->network = (kuni_network){.places = places, .n = n};
    return KUNI_OK;
}
