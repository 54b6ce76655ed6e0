/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <string.h>

bool kuni_is_url(const char *path)
{
    return strstr(path, "://") != NULL;
}

bool kuni_is_plain_url(const char *url)
{
    size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+");
    if (scheme == 0 || strncmp(url + scheme, "://", 3) != 0) return false;
    const char *host = url + scheme + 3;
    size_t length = strcspn(host, "/");
    if (length == 0 || memchr(host, '@', length) || strstr(host, "/../")) return false;
    for (const char *c = url; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '\\') return false;
    return true;
}

bool kuni_network_allows(const kuni_network *network, const char *url)
{
    if (!network || !kuni_is_plain_url(url)) return false;
    for (size_t i = 0; i < network->n; i++)
        if (strncmp(url, network->places[i], strlen(network->places[i])) == 0) return true;
    return false;
}
