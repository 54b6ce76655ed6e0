/* SPDX-License-Identifier: MIT */
/*
 * Stages: what the engine runs.
 *
 * A stage is a const struct: a name, a summary, a parameter table and one to four steps. A step
 * says how it is scattered, what kinds of file it takes and gives, and which functions do the work.
 * The engine knows no biology; a stage knows no rank, no YAML and no command line. Tasks run in
 * forked children: a stage may crash or leak without hurting the run, and must not keep state
 * between tasks.
 *
 * Small shards next to each other (decoys, intervals of a BED file) share a process and files: the
 * engine runs the step for one shard after another and puts their outputs together; READS steps of
 * kuni itself have several open at once. A task is always one shard.
 *
 * Files flow by kind ("evidence", "calls", ...). A step's input of a kind comes from the nearest
 * stage upstream of it (along `needs`, or an earlier step of its own stage) that gives the kind. A
 * REGION step sees the files of its own shard, or of the wider one that holds it, from all batches; a BATCH step those of its batch
 * from all shards; a COHORT step all files. A SAMPLE step runs once for a person's own file, many of
 * them one after another in a process; what it makes of them is kept in one file (a pack), and whoever
 * takes it gets a file for each person who has a column, with `sample` set.
 *
 * What is told of a person (sex, group, kin, site) gets corrected when the reads are long archived.
 * READS steps do not see it, SAMPLE steps where they say so (sees_facts), BATCH steps do not see the sex: what follows from these is made
 * later.
 *
 * Outputs must depend on nothing but the inputs, parameters, samples, shard and reference: no
 * clock, no host, no path, no random state. The same call set must come out for any cut into shards
 * and any number of ranks.
 */
#ifndef KUNI_STAGE_H
#define KUNI_STAGE_H

#include <htslib/sam.h>

#include "kuni/api.h"
#include "kuni/buffer.h"
#include "kuni/params.h"
#include "kuni/sample.h"

KUNI_API_BEGIN

typedef enum kuni_scatter {
    KUNI_SCATTER_READS,  /* a task a batch and shard; reads are decoded once for all of them */
    KUNI_SCATTER_BATCH,  /* a task a batch */
    KUNI_SCATTER_REGION, /* a task a shard */
    KUNI_SCATTER_COHORT, /* one task */
    KUNI_SCATTER_RANKS, /* all ranks together: files are concatenated as the "assembly" input says */
    KUNI_SCATTER_SAMPLE,      /* once a sample; a task is a run of samples of a batch */
    KUNI_SCATTER_SAMPLE_SHARD /* once a sample and shard; a task a batch and shard */
} kuni_scatter;

static inline bool kuni_scatter_by_sample(kuni_scatter scatter)
{
    return scatter == KUNI_SCATTER_SAMPLE || scatter == KUNI_SCATTER_SAMPLE_SHARD;
}

/* What a READS or SAMPLE step wants to be fed with. It is called only for samples that bring that. */
typedef enum kuni_feed {
    KUNI_FEED_READS, /* BAM or CRAM: begin_sample, read ..., end_sample */
    KUNI_FEED_GVCF,  /* gVCF: begin_sample opens sample->reads itself, `read` is not called */
    KUNI_FEED_ANY    /* SAMPLE: whatever it is */
} kuni_feed;

typedef struct kuni_port {
    const char *kind;      /* NULL ends the list */
    const char *extension; /* outputs: file name ending, "bcf", "tsv", ... */
    /* Outputs of COHORT and RANKS steps: name in the dataset's published tree, or NULL. */
    const char *publish;
    bool optional; /* inputs: no producer upstream is fine; outputs: need not be written */
    bool many;     /* inputs: several producers may give it (evidence of calls and of imports) */
    bool tell; /* published outputs: the first line, a comment, is what the run tells at its end */
    /*
     * Inputs: the step takes a part of a file where it lies, as kuni_task_file.offset and bytes say.
     * Else it gets files only; the engine copies parts out first.
     */
    bool in_place;
    bool of_samples; /* inputs: only what a step once a sample makes will do */
    /*
     * Inputs of REGION steps: the step looks for its shard in a file of a wider one that holds it. It may then
     * be cut finer than what it takes from, and what follows it by shard with it.
     */
    bool wider;
    /* Outputs: written only where something upstream gives the stage this kind; NULL: in any case. */
    const char *with;
} kuni_port;

typedef struct kuni_task_file {
    const char *kind, *path, *publish;
    /* -1 where the producer has none. Of a file of a wider shard: a shard of the task's within it */
    int64_t shard, batch;
    /* Inputs of a port with in_place: these bytes of the file at `path`. All of it where both are 0. */
    uint64_t offset, bytes;
    const kuni_sample *sample; /* whose file it is, where a step once a sample made it; else NULL */
} kuni_task_file;

/* Contiguous samples that were ingested together; immutable once in a dataset. */
typedef struct kuni_batch {
    const char *id;          /* "b0000", ... */
    size_t first, n_samples; /* range in task->samples */
} kuni_batch;

typedef struct kuni_task {
    const char *stage_id; /* as in the workflow */
    kuni_genome *genome;
    const kuni_ploidy *ploidy;
    const kuni_params *params;
    const kuni_sample *samples; /* the whole dataset, in column order, quarantined ones too */
    size_t n_samples;
    /*
     * Column of each sample in the call set, -1: quarantined or withdrawn. NULL in READS tasks: not
     * known yet.
     */
    const int32_t *columns;
    const kuni_batch *batches;
    size_t n_batches;
    /* In genome order; a last one with tid -1 stands for reads without a place. */
    const kuni_span *shards;
    size_t n_shards;
    int64_t shard, batch;         /* this task's, or -1 */
    const kuni_sample *sample;    /* SAMPLE: the one that it is run for; else NULL */
    const kuni_task_file *inputs; /* by kind in port order, then shard, then batch */
    size_t n_inputs;
    /* One an output port: where to write; the engine checks and renames. */
    const kuni_task_file *outputs;
    size_t n_outputs;
    const char *scratch;  /* a private folder that is removed afterwards */
    int64_t memory_bytes; /* what the task may use */
    /* Call now and then in long loops, with the total so far; may be NULL. */
    void (*heartbeat)(int64_t work_done);
} kuni_task;

/* The path of the output of a kind; a kind the step did not declare is a bug and aborts. */
const char *kuni_task_output(const kuni_task *task, const char *kind);
/*
 * The inputs of a kind: pointer to the first, their number in *count (0 where optional and absent).
 */
const kuni_task_file *kuni_task_inputs(const kuni_task *task, const char *kind, size_t *count);

/*
 * A path at which the input can be opened as a file: its own, or that of a copy in the scratch folder
 * where the input is a part of a file (in_place). The caller frees *path; the copy goes with the
 * task.
 */
KUNI_MUST_CHECK kuni_status kuni_task_take_input(const kuni_task *task, const kuni_task_file *input,
                                                 char **path, kuni_error *err);

typedef struct kuni_step {
    const char *name; /* unique in the stage; "" for the only one */
    kuni_scatter scatter;
    const kuni_port *inputs, *outputs; /* ended by kind NULL; NULL: none */

    /*
     * All but READS and RANKS. On an error nothing that was written counts. A SAMPLE step is run for
     * one sample after another, those in quarantine left out.
     */
    kuni_status (*run)(const kuni_task *task, kuni_error *err);
    int64_t samples_per_task; /* SAMPLE: of a batch, at most; 0: all */
    int64_t threads;          /* that a task keeps busy; 0: one */
    /* Bytes that a task may use, try by try, the last for all that follow; NULL: as the run says. */
    const int64_t *memory_bytes;
    size_t n_memory;
    /* SAMPLE: the sample's sex is shown; where it or the participant is corrected, it is run again. */
    bool sees_facts;
    /*
     * BATCH. Sums what a READS step of its own stage gives of a batch, so that a file a batch is kept and
     * none a shard: once the batch is sealed, the outputs are sealed in the stead of what they were
     * made of, which is removed. Takes all that the READS step gives and nothing else; nobody else
     * may take that (name the outputs by the same kinds, and who needs them gets these). It is run
     * before the joint steps: no columns, nothing that is told of people. `without` as below, of its own outputs.
     */
    bool folds;

    /*
     * READS. `sample` counts within the batch. Records overlap the shard widened by halo_bp on both
     * sides (clipped to the contig), whatever other stages ask for; they come in coordinate order,
     * flags unfiltered. For the shard with tid -1 they have no place. drop_sample forgets the
     * sample under way: its input is bad.
     */
    kuni_feed feed;
    int fields; /* OR of htslib's SAM_* fields that `read` looks at */
    int64_t halo_bp;
    bool unplaced; /* also wants the shard of reads without a place */
    kuni_status (*open)(const kuni_task *task, void **state, kuni_error *err);
    kuni_status (*begin_sample)(void *state, size_t sample, kuni_error *err);
    kuni_status (*read)(void *state, const bam1_t *record, kuni_error *err);
    kuni_status (*end_sample)(void *state, kuni_error *err);
    void (*drop_sample)(void *state);
    kuni_status (*finish)(void *state, kuni_error *err); /* writes the outputs */
    void (*close)(void *state);                          /* frees; accepts NULL */
    /*
     * READS, or `folds`. Makes a task's outputs again where people are erased and the reads may be archived: as
     * they are, but as if the samples flagged in `gone` (by number within the batch) had brought
     * nothing. task->inputs are the outputs as they are, one of each kind that was written;
     * task->samples tell KUNI_SAMPLE_NOBODY for those who go, and all numbers stay. NULL: erasing
     * is refused while the reads of the batch's others are not there to make the outputs anew.
     */
    kuni_status (*without)(const kuni_task *task, const uint8_t *gone, kuni_error *err);
    /*
     * Likewise: makes the outputs of one batch of those of several that follow one another, as if their people had come together.
     * task->inputs are theirs, of each kind one a batch, in order; people keep their order, and their
     * number in task->samples. NULL: batches that have files of this step stay as they are.
     */
    kuni_status (*combine)(const kuni_task *task, kuni_error *err);
} kuni_step;

/* What a column of a published table means. */
typedef struct kuni_column {
    const char *table;                    /* as published, "qc/table.tsv"; NULL ends the list */
    const char *name, *unit, *definition; /* unit "": it has none */
} kuni_column;

/* Appends the line that heads a table: the names of its columns, with tabs between. */
KUNI_MUST_CHECK kuni_status kuni_columns_put_head(const kuni_column *columns, const char *table,
                                                  kuni_buffer *text, kuni_error *err);

typedef struct kuni_stage {
    const char *name;    /* as in `uses:` */
    const char *summary; /* one line */
    int version;         /* part of the content key: raise when the same input gives other bytes */
    const kuni_param *params;
    const kuni_step *steps;
    size_t n_steps;
    /*
     * For a stage whose ports or scatter follow from its parameters (external); NULL: `steps` as
     * they stand. Gives the steps for these parameters, allocated in `arena`; KUNI_USAGE where the
     * parameters contradict each other. Everyone who needs the steps asks kuni_stage_steps.
     */
    kuni_status (*shape)(const kuni_params *params, kuni_arena *arena, const kuni_step **steps,
                         size_t *n_steps, kuni_error *err);
    /*
     * Columns of its published tables, a table's in order, which a run puts into data_dictionary.tsv. NULL: it publishes
     * none, or a dictionary of its own beside them.
     */
    const kuni_column *columns;
    /*
     * What the table of parameters cannot say: texts with a grammar, files to be read. Called when a workflow is read, before
     * anything is computed, with parameters that fit the table. KUNI_USAGE names the parameter and what was
     * expected. NULL: the table says all.
     */
    kuni_status (*check)(const kuni_params *params, kuni_error *err);
    /*
     * Whether a machine has what the stage needs with these parameters, as programs and images: asked
     * once before a run computes anything, and by `kuni doctor`. KUNI_USAGE with the cure. NULL: nothing.
     */
    kuni_status (*ready)(const kuni_params *params, kuni_error *err);
    /*
     * As `check`, of what holds for so many samples, those who have withdrawn left out: called by validate
     * and before a run. NULL: any number is fine.
     */
    kuni_status (*check_samples)(const kuni_params *params, size_t n_samples, kuni_error *err);
} kuni_stage;

/* The steps of a stage with these parameters; they live as long as the stage and the arena. */
static inline KUNI_MUST_CHECK kuni_status kuni_stage_steps(const kuni_stage *stage,
                                                           const kuni_params *params,
                                                           kuni_arena *arena,
                                                           const kuni_step **steps, size_t *n_steps,
                                                           kuni_error *err)
{
    if (stage->shape) return stage->shape(params, arena, steps, n_steps, err);
    *steps = stage->steps;
    *n_steps = stage->n_steps;
    return KUNI_OK;
}

/*
 * An "assembly" file tells the engine what all ranks shall concatenate: tab-separated lines
 * `target kind, piece path, bytes`, and the offset of the bytes in the file where the piece is a part of
 * one, pieces of a target in order. The RANKS step's outputs are the
 * targets. Piece paths are relative to the assembly file's own folder, so that a dataset may be
 * moved.
 */

KUNI_API_END

#endif
