/* SPDX-License-Identifier: MIT */
#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aside.h"

enum { WORDS_FIXED = 48, ANSWER_S = 60, APPTAINER_FAILED = 255 };

static const char pid_name[] = ".kuni-container.pid";

typedef struct words {
    char **list;
    size_t n;
    kuni_arena *arena;
    kuni_error *err;
    kuni_status status; /* the first error; later words are not taken */
} words;

/* Appends the texts up to NULL as one word. */
static void put(words *w, const char *a, const char *b, const char *c)
{
    const char *const parts[] = {a, b, c};
    kuni_buffer text = KUNI_BUFFER_INIT;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !w->status && parts[i]; i++)
        w->status = kuni_buffer_append(&text, parts[i], strlen(parts[i]), w->err);
    if (!w->status) w->status = kuni_buffer_append(&text, "", 1, w->err);
    if (!w->status &&
        !(w->list[w->n] = kuni_arena_strndup(w->arena, text.data, text.length - 1, w->err)))
        w->status = KUNI_MEMORY;
    if (!w->status) w->n++;
    kuni_buffer_fini(&text);
}

static void put_word(words *w, const char *word)
{
    put(w, word, NULL, NULL);
}

/* The path at its own place. Each way of writing it has a letter that it cannot hold. */
static void put_mount(words *w, const char *path, bool read_only, bool colons_only)
{
    if (!strchr(path, ':') && (!colons_only || !strchr(path, ','))) {
        put_word(w, colons_only ? "--bind" : "--volume");
        put(w, path, ":", path);
        if (w->status) return;
        w->n--;
        put(w, w->list[w->n], read_only ? ":ro" : ":rw", NULL);
    } else if (!colons_only && !strchr(path, ',')) {
        put_word(w, "--mount");
        put(w, "type=bind,src=", path, ",dst=");
        if (w->status) return;
        w->n--;
        put(w, w->list[w->n], path, read_only ? ",ro=true" : ",ro=false");
    } else if (!w->status) {
        w->status = kuni_fail(w->err, KUNI_USAGE,
                              "%s cannot be mounted in a container: expected a path without %s",
                              path, colons_only ? "`:` and `,`" : "`:` or without `,`");
    }
}

/* Whether a file of cgroups lists the controller of memory. */
static bool lists_memory(const char *path)
{
    char line[256] = "";
    FILE *file = fopen(path, "re");
    if (!file) return false;
    bool listed = fgets(line, sizeof(line), file) && strstr(line, "memory");
    (void)fclose(file);
    return listed;
}

/*
 * Whether podman can hold a container to its memory here: as root, or in a session of the user's, whose
 * cgroup systemd hands the controller. Asked otherwise it refuses, or warns at every command.
 */
static bool has_memory_limits(void)
{
    char path[128];
    if (geteuid() == 0)
        return access("/sys/fs/cgroup/memory", F_OK) == 0 ||
               lists_memory("/sys/fs/cgroup/cgroup.controllers");
    if (!getenv("XDG_RUNTIME_DIR")) return false;
    (void)snprintf(path, sizeof(path),
                   "/sys/fs/cgroup/user.slice/user-%u.slice/user@%u.service/cgroup.controllers",
                   (unsigned)geteuid(), (unsigned)geteuid());
    return lists_memory(path);
}

static void put_user(words *w)
{
    char user[64];
    (void)snprintf(user, sizeof(user), "--user=%lld:%lld", (long long)geteuid(),
                   (long long)getegid());
    put_word(w, user);
    if (geteuid() == 0) return;
    put_word(w, "--userns=keep-id");
    put_word(w, "--group-add=keep-groups");
}

static void put_podman(words *w, container *made, const container_order *order, const char *folder)
{
    static const char *const fixed[] = {"--rm",
                                        "--pull=never",
                                        "--read-only",
                                        "--cap-drop=all",
                                        "--security-opt=no-new-privileges",
                                        "--security-opt=label=disable",
                                        "--http-proxy=false",
                                        "--env-host=false",
                                        "--image-volume=ignore",
                                        "--no-healthcheck",
                                        "--log-driver=none",
                                        "--hostname=kuni"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(made->name, sizeof(made->name), "kuni-%ld-%llx%08lx", (long)getpid(),
                   (unsigned long long)now.tv_sec, (unsigned long)now.tv_nsec);
    put_word(w, image_program(order->image));
    put_word(w, "run");
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) put_word(w, fixed[i]);
    put(w, "--name=", made->name, NULL);
    put_word(w, order->mounts->network ? "--network=host" : "--network=none");
    put_user(w);
    put(w, "--pidfile=", made->pid_file, NULL);
    put(w, "--workdir=", folder, NULL);
    put(w, "--env=HOME=", folder, NULL);
    char memory[48];
    (void)snprintf(memory, sizeof(memory), "--memory=%lldb", (long long)order->memory_bytes);
    if (order->memory_bytes > 0 && has_memory_limits()) put_word(w, memory);
}

static void put_apptainer(words *w, const container_order *order, const char *folder)
{
    static const char *const offline[] = {"--net", "--network", "none"};
    put_word(w, image_program(order->image));
    put_word(w, "exec");
    put_word(w, "--containall");
    put_word(w, "--no-home");
    for (size_t i = 0; i < 3 && !order->mounts->network; i++) put_word(w, offline[i]);
    put_word(w, "--pwd");
    put_word(w, folder);
}

/* Variables by name alone: their values stand in no list of processes. */
static void put_variables(words *w, words *client, const command_environment *inside,
                          const char *env, bool sif)
{
    for (char **entry = inside->list; *entry; entry++) {
        size_t length = strcspn(*entry, "=");
        put_word(client, *entry);
        if (!environment_passes_inside(*entry, env)) continue;
        const char *name = kuni_arena_strndup(w->arena, *entry, length, w->err);
        if (!name)
            w->status = KUNI_MEMORY;
        else if (sif)
            put(client, "APPTAINERENV_", *entry, NULL);
        else
            put(w, "--env=", name, NULL);
    }
}

static kuni_status make_words(words *w, size_t most, kuni_arena *arena, kuni_error *err)
{
    *w = (words){.arena = arena, .err = err};
    w->list = kuni_arena_alloc(arena, most, sizeof(*w->list), err);
    return w->list ? KUNI_OK : KUNI_MEMORY;
}

kuni_status container_make(container *made, const container_order *order, char *const *argv,
                           const char *folder, const command_environment *inside, const char *env,
                           kuni_arena *arena, kuni_error *err)
{
    size_t n_argv = 0, n_variables = 0;
    words w, client;
    *made = (container){.pid_file = NULL};
    while (argv[n_argv]) n_argv++;
    while (inside->list[n_variables]) n_variables++;
    kuni_status status =
        make_words(&w, WORDS_FIXED + n_variables + 2 * order->mounts->n + n_argv, arena, err);
    if (!status) status = make_words(&client, 2 * n_variables + 1, arena, err);
    if (status) return status;
    bool sif = order->image->sif;
    if (sif) {
        put_apptainer(&w, order, folder);
    } else {
        put(&w, folder, "/", pid_name);
        if (w.status) return w.status;
        made->pid_file = w.list[--w.n];
        put_podman(&w, made, order, folder);
    }
    put_variables(&w, &client, inside, env, sif);
    for (size_t i = 0; i < order->mounts->n; i++) put_mount(&w, order->mounts->paths[i], true, sif);
    put_mount(&w, folder, false, sif);
    if (!sif) put(&w, "--entrypoint=", argv[0], NULL);
    put_word(&w, order->image->name);
    for (size_t i = sif ? 0 : 1; i < n_argv; i++) put_word(&w, argv[i]);
    made->argv = w.list;
    made->environment = client.list;
    return w.status ? w.status : client.status;
}

pid_t container_session(const container *made)
{
    FILE *file = made->pid_file ? fopen(made->pid_file, "re") : NULL;
    char line[32] = "";
    if (!file) return 0;
    bool read = fgets(line, sizeof(line), file) != NULL;
    (void)fclose(file);
    long pid = read ? strtol(line, NULL, 10) : 0;
    pid_t session = pid > 0 ? getsid((pid_t)pid) : 0;
    return session > 0 ? session : 0;
}

bool container_began(const container *made, int exit_status)
{
    if (!made->pid_file) return exit_status != APPTAINER_FAILED;
    return access(made->pid_file, F_OK) == 0;
}

void container_remove(const char *name)
{
    const command_image image = {.sif = false};
    const char *const remove[] = {
        image_program(&image), "rm", "--force", "--ignore", "--time", "0", name, NULL};
    kuni_error ignored = KUNI_ERROR_INIT;
    int code;
    (void)!aside_run(remove, ANSWER_S, &code, NULL, &ignored);
}
