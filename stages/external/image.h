/* SPDX-License-Identifier: MIT */
/*
 * The image that a command runs in: what `image:` names. By digest only, as a tag may be another
 * image tomorrow, and nothing would be computed again.
 */
#ifndef KUNI_STAGES_EXTERNAL_IMAGE_H
#define KUNI_STAGES_EXTERNAL_IMAGE_H

#include "kuni/stage.h"

typedef struct command_image {
    /* What podman knows it by, `NAME@sha256:DIGEST`; of Apptainer the path of the file; NULL: none. */
    const char *name;
    const char *digest; /* 64 hexadecimal digits: of the file, of podman's image its manifest's */
    bool sif;
} command_image;

/* What runs it: "podman" or "apptainer". */
const char *image_program(const command_image *image);
/* From the parameters; what it points to lives in `arena`. KUNI_USAGE, with the cure, where it is no digest. */
KUNI_MUST_CHECK kuni_status image_read(command_image *image, const kuni_params *with,
                                       kuni_arena *arena, kuni_error *err);
/*
 * Whether this machine has the program that runs it, and the image. KUNI_USAGE where not; a .sif is
 * read once through.
 */
KUNI_MUST_CHECK kuni_status image_ready(const kuni_params *with, kuni_error *err);

#endif
