/* SPDX-License-Identifier: MIT */
/*
 * The command line that runs a command in an image, by podman or Apptainer: with the files of its
 * task alone, which it cannot write but for the scratch folder; without network, capabilities and
 * the environment of kuni; as the user who runs kuni.
 */
#ifndef KUNI_STAGES_EXTERNAL_CONTAINER_H
#define KUNI_STAGES_EXTERNAL_CONTAINER_H

#include "environment.h"
#include "image.h"
#include "mounts.h"

enum { CONTAINER_NAME_BYTES = 64 };

typedef struct container_order {
    const command_image *image;
    const mount_list *mounts;
    int64_t memory_bytes; /* of the container, where cgroups allow; 0: no limit */
} container_order;

typedef struct container {
    char name[CONTAINER_NAME_BYTES]; /* of podman's container; "": nothing outlives the client */
    const char *pid_file;            /* holds the process of it that began, once it did; or NULL */
    char **argv;                     /* NULL-ended, as `environment` */
    char **environment;              /* of the client */
} container;

/*
 * `argv`, NULL-ended, is the command, `folder` its working directory, the only one that it may
 * write; of `inside` those variables pass that mean something in another system, and those of
 * `env`, names one a line. What is made lives in `arena`. KUNI_USAGE where a path cannot be mounted.
 */
KUNI_MUST_CHECK kuni_status container_make(container *made, const container_order *order,
                                           char *const *argv, const char *folder,
                                           const command_environment *inside, const char *env,
                                           kuni_arena *arena, kuni_error *err);
/* Whether the command began; if not, the client's exit status is about itself. */
bool container_began(const container *made, int exit_status);
/* The session of the command's processes; 0: not known. */
pid_t container_session(const container *made);
/* Ends a container whose client is gone, and removes it. One that is not there is no error. */
void container_remove(const char *name);

#endif
