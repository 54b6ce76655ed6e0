/* SPDX-License-Identifier: MIT */
#include "completion.h"

const char *const *kuni_completion_endings(kuni_completes completes)
{
    static const char *const none[] = {NULL};
    static const char *const workflows[] = {"yaml", "yml", NULL};
    static const char *const evidence[] = {"ev", NULL};
    static const char *const fasta[] = {"fa", "fasta", "fna", "fa.gz", "fasta.gz", "fna.gz", NULL};
    static const char *const plugins[] = {"so", NULL};
    switch (completes) {
    case KUNI_COMPLETES_WORKFLOW:
    case KUNI_COMPLETES_DATASET:
        return workflows;
    case KUNI_COMPLETES_EVIDENCE:
        return evidence;
    case KUNI_COMPLETES_FASTA:
        return fasta;
    case KUNI_COMPLETES_STAGE:
        return plugins;
    case KUNI_COMPLETES_NOTHING:
    case KUNI_COMPLETES_FILE:
    case KUNI_COMPLETES_FOLDER:
    case KUNI_COMPLETES_ID:
    case KUNI_COMPLETES_PARAM:
    case KUNI_COMPLETES_PROFILE:
        break;
    }
    return none;
}

bool kuni_completion_takes_stages(kuni_completes completes)
{
    return completes == KUNI_COMPLETES_STAGE;
}

bool kuni_completion_takes_folders(kuni_completes completes)
{
    return completes == KUNI_COMPLETES_FOLDER || completes == KUNI_COMPLETES_DATASET;
}

const char *kuni_completion_asks(kuni_completes completes)
{
    return completes == KUNI_COMPLETES_ID        ? "ids"
           : completes == KUNI_COMPLETES_PARAM   ? "params"
           : completes == KUNI_COMPLETES_PROFILE ? "profiles"
                                                 : NULL;
}
