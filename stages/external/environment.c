/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/*
 * What every command has: where programs, their libraries and references are, and whose files.
 * KUNI_ARG_ are the command's own words.
 */
static const char *const always[] = {"PATH",     "HOME",      "USER",
                                     "LOGNAME",  "TZ",        "LD_LIBRARY_PATH",
                                     "REF_PATH", "REF_CACHE", "BCFTOOLS_PLUGINS",
                                     NULL};
static const char words[] = "KUNI_ARG_";

/* Where podman and Apptainer find their storage and the user's session. */
static const char *const clients[] = {"XDG_RUNTIME_DIR",
                                      "XDG_CONFIG_HOME",
                                      "XDG_DATA_HOME",
                                      "DBUS_SESSION_BUS_ADDRESS",
                                      "CONTAINERS_CONF",
                                      "CONTAINERS_STORAGE_CONF",
                                      "CONTAINERS_REGISTRIES_CONF",
                                      "APPTAINER_CONFIGDIR",
                                      "APPTAINER_CACHEDIR",
                                      NULL};
static const char *const everywhere[] = {"USER", "LOGNAME", "TZ", NULL};

/* Set below: sorting and numbers must not depend on the user. */
static const char *const own[] = {"OMP_NUM_THREADS", "LC_ALL", "TMPDIR", NULL};

static char c_locale[] = "LC_ALL=C";

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : NULL;
}

static bool is_name(const char *entry, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(entry, name, length) == 0;
}

static bool is_one_of(const char *entry, size_t length, const char *const *names)
{
    for (; *names; names++)
        if (is_name(entry, length, *names)) return true;
    return false;
}

static bool is_listed(const char *entry, size_t length, const char *lines)
{
    for (const char *line = lines && *lines ? lines : NULL; line; line = next_line(line))
        if (strcspn(line, "\n") == length && strncmp(entry, line, length) == 0) return true;
    return false;
}

static bool passes(const char *entry, const char *names)
{
    size_t length = strcspn(entry, "=");
    if (is_one_of(entry, length, own)) return false;
    return strncmp(entry, words, sizeof(words) - 1) == 0 || is_one_of(entry, length, always) ||
           is_listed(entry, length, names);
}

bool environment_passes_inside(const char *entry, const char *names)
{
    size_t length = strcspn(entry, "=");
    return strncmp(entry, words, sizeof(words) - 1) == 0 || is_one_of(entry, length, own) ||
           is_one_of(entry, length, everywhere) || is_listed(entry, length, names);
}

kuni_status environment_check(const char *names, kuni_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    for (const char *line = names && *names ? names : NULL; line; line = next_line(line)) {
        size_t length = strcspn(line, "\n");
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, "=\n"), line);
        bool sound =
            length && length < sizeof(name) && strchr(letters, *line) &&
            strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") >=
                length;
        if (!sound)
            return kuni_fail(err, KUNI_USAGE,
                             "env: '%s' is no name of a variable; expected names without values: a "
                             "value, above all a secret, does not stand in a workflow",
                             name);
        if (is_one_of(line, length, own))
            return kuni_fail(err, KUNI_USAGE, "env: %s is set by kuni for every command", name);
    }
    return KUNI_OK;
}

kuni_status environment_make(command_environment *e, const char *names, const char *folder,
                             int64_t threads, bool client, const char *label, kuni_error *err)
{
    size_t n = 0, count = 0;
    *e = (command_environment){.folder = KUNI_BUFFER_INIT};
    for (const char *line = names && *names ? names : NULL; line; line = next_line(line)) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, "\n"), line);
        if (!getenv(name))
            return kuni_fail(err, KUNI_USAGE,
                             "%s: env: %s is not set where kuni runs: set it, or leave it out",
                             label, name);
    }
    while (environ[count]) count++;
    e->list = kuni_alloc(count + 4, sizeof(*e->list), err);
    if (!e->list) return KUNI_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (passes(environ[i], names) ||
            (client && is_one_of(environ[i], strcspn(environ[i], "="), clients)))
            e->list[n++] = environ[i];
    (void)snprintf(e->threads, sizeof(e->threads), "OMP_NUM_THREADS=%lld", (long long)threads);
    e->list[n++] = e->threads;
    e->list[n++] = c_locale;
    if (!folder) return KUNI_OK;
    kuni_status status = kuni_buffer_printf(&e->folder, err, "TMPDIR=%s", folder);
    e->list[n] = e->folder.data;
    return status;
}

void environment_fini(command_environment *e)
{
    free(e->list);
    kuni_buffer_fini(&e->folder);
}
