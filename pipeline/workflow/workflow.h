/* SPDX-License-Identifier: MIT */
/*
 * The workflow file, parsed and checked: what a run shall do. YAML stands in this folder only.
 *
 * All faults of a file are reported in one go as "file:line:column: what, expected, nearest key".
 * Paths in the result are absolute. Nothing here opens reads or the dataset.
 */
#ifndef KUNI_WORKFLOW_WORKFLOW_H
#define KUNI_WORKFLOW_WORKFLOW_H

#include "kuni/buffer.h"
#include "kuni/genome.h"
#include "kuni/stage.h"
#include "network.h"

typedef struct kuni_workflow_stage {
    const char *id;
    const kuni_stage *stage; /* built in, from a plugin, or the external stage for `run:` */
    const char *plugin;      /* path of the shared object, or NULL */
    kuni_params *params;     /* complete: defaults and what the file and --set say */
    kuni_scatter scatter;    /* external: as written; else that of the stage's first step */
    const size_t *needs;     /* indices of earlier stages in the sorted order */
    size_t n_needs;
    const char *file;     /* that it stands in; NULL: the workflow */
    int64_t line, column; /* from 1 */
} kuni_workflow_stage;

typedef struct kuni_name_value {
    const char *name, *value;
} kuni_name_value;

/* A param of `params:` with the value that the file or --set gives it. */
typedef struct kuni_workflow_param {
    const char *name, *type; /* "text", "int", "float", "bool", "file" */
    const char *value;       /* a file: its absolute path */
    const char *help;        /* or NULL */
    const char **allowed;    /* ended by NULL; none: any of the type */
} kuni_workflow_param;

/* gate.qc: which outcomes of quality control are let into what is published. */
typedef enum kuni_gate {
    KUNI_GATE_ANY = 0, /* quality control is told, and decides nothing */
    KUNI_GATE_FLAG,    /* all but those that fail */
    KUNI_GATE_PASS     /* only those that pass */
} kuni_gate;

typedef struct kuni_workflow {
    const char *path; /* of the file, absolute */
    const char *name;
    const char *reference, *cohort, *pedigree, *dataset; /* absolute paths; pedigree may be NULL */
    const char *const
        *contigs; /* as written: "chr1", "chr2:1000-2000" (1-based inclusive); n_contigs 0: all */
    size_t n_contigs;
    const char *region_bed;  /* regions.include, or NULL */
    const char *exclude_bed; /* regions.exclude, or NULL */
    int64_t shard_bp;
    int64_t joint_bp; /* regions.joint_shard; 0: not said */
    int64_t
        bundle; /* regions.bundle: small shards that share tasks and files, at most; 1: none do */
    const char *ploidy; /* name or absolute path; open it by kuni_workflow_ploidy */
    bool ploidy_given;  /* it stands in the file: the default serves any reference */
    int64_t batch_size;
    int64_t keep;    /* generations, the current one with them */
    bool quarantine; /* on_error.sample: quarantine, else abort */
    /* on_error.max_quarantined: of a run's new samples; beyond it nothing is published */
    int64_t max_quarantined;    /* a number of samples, or hundredths of a percent */
    bool max_quarantined_share; /* the latter */
    kuni_gate gate_qc;
    int64_t retries; /* on_error.retries: of a task that failed or crashed */
    /* on_error.time_limit: a task without a sign of life for so long is killed; 0: never. */
    int64_t time_limit_s;
    int64_t memory_bytes;             /* resources.memory: per task */
    const kuni_name_value *resources; /* {resource.NAME} in `run:`; absolute paths */
    size_t n_resources;
    const kuni_workflow_param *params;
    size_t n_params;
    const char *profile;   /* that was chosen, or NULL */
    const char **profiles; /* names of all */
    size_t n_profiles;
    kuni_network network;
    kuni_workflow_stage *stages; /* in an order that respects `needs` */
    size_t n_stages;
    kuni_arena *arena; /* owns all strings and arrays */
} kuni_workflow;

/*
 * Reads and checks a workflow. `settings` are "key.path=value" overrides, applied before the check.
 * Faults, one a line and sorted by line, are appended to `faults`; then the status is KUNI_USAGE.
 */
KUNI_MUST_CHECK kuni_status kuni_workflow_read(kuni_workflow *workflow, const char *path,
                                               const char *const *settings, size_t n_settings,
                                               kuni_buffer *faults, kuni_error *err);
/*
 * As kuni_workflow_read, but on failure `workflow` holds what could be read (NULL or a default for
 * the rest), so that more can be checked in the same go. To be given to kuni_workflow_fini in any
 * case.
 */
KUNI_MUST_CHECK kuni_status kuni_workflow_read_partly(kuni_workflow *workflow, const char *path,
                                                      const char *const *settings,
                                                      size_t n_settings, kuni_buffer *faults,
                                                      kuni_error *err);
/* Accepts a zeroed workflow. */
void kuni_workflow_fini(kuni_workflow *workflow);

/*
 * Whether the stages' parameters hold for so many samples; faults are appended as kuni_workflow_read has
 * them.
 */
KUNI_MUST_CHECK kuni_status kuni_workflow_check_samples(const kuni_workflow *workflow,
                                                        size_t n_samples, kuni_buffer *faults,
                                                        kuni_error *err);

/*
 * Opens the table of copies. One that is named must fit the reference; where none is, a reference
 * without a human chromosome is diploid throughout.
 */
KUNI_MUST_CHECK kuni_status kuni_workflow_ploidy(kuni_ploidy **ploidy,
                                                 const kuni_workflow *workflow,
                                                 const kuni_genome *genome, kuni_error *err);

#endif
