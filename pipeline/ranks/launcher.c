/* SPDX-License-Identifier: MIT */
#include "launcher.h"

#include <stdlib.h>

int kuni_launcher_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = getenv(names[i]);
        if (text) return (int)strtol(text, NULL, 10);
    }
    return 0;
}

void kuni_launcher_set_environment(void)
{
    static const char *const settings[][2] = {
        /* Children are forked on purpose; they never touch MPI. */
        {"OMPI_MCA_mpi_warn_on_fork", "0"},
        /* More ranks than cores (tests, a coordinator beside workers): waiting ranks give way. */
        {"OMPI_MCA_mpi_yield_when_idle", "1"},
        /* Containers forbid process_vm_readv; small messages do not need it. */
        {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
        {"OMPI_MCA_btl_base_warn_component_unused", "0"},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        setenv(settings[i][0], settings[i][1], 0);
}

kuni_status kuni_launcher_check(bool *launched, kuni_error *err)
{
    *launched = getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    if (!*launched && tasks && strtol(tasks, NULL, 10) > 1)
        return kuni_fail(err, KUNI_USAGE,
                         "srun started %s separate processes that cannot find each other: use "
                         "`mpirun kuni ...` or `srun --mpi=pmix kuni ...`",
                         tasks);
    return KUNI_OK;
}
