/* SPDX-License-Identifier: MIT */
/* `network` of a workflow: the addresses that a run may reach, and no others. */
#ifndef KUNI_WORKFLOW_NETWORK_H
#define KUNI_WORKFLOW_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

typedef struct kuni_network {
    const char *const *places; /* scheme://host/..., each ended by a slash */
    size_t n;
} kuni_network;

bool kuni_is_url(const char *path);
/* letters://host..., without a name and password, blanks, or a way up. */
bool kuni_is_plain_url(const char *url);
/*
 * Whether a URL lies below one of the places: same scheme, host and port, and a path that begins
 * alike. NULL: nothing is allowed.
 */
bool kuni_network_allows(const kuni_network *network, const char *url);

#endif
