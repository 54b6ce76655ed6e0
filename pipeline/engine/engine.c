/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "cohort_map.h"
#include "compacting.h"
#include "compaction.h"
#include "content.h"
#include "coordinator.h"
#include "dry_tasks.h"
#include "farewell.h"
#include "folder.h"
#include "forget.h"
#include "history.h"
#include "injection.h"
#include "mark.h"
#include "prune.h"
#include "publish.h"
#include "recall.h"
#include "reference.h"
#include "settings.h"
#include "thin.h"
#include "transport.h"
#include "worker.h"

/* --- what every rank makes for itself --- */

static kuni_status read_workflow(kuni_run *run, kuni_buffer *faults, kuni_error *err)
{
    const kuni_run_options *o = run->options;
    kuni_status status =
        kuni_workflow_read(&run->workflow, o->workflow, o->settings, o->n_settings, faults, err);
    if (!status) run->folder = run->workflow.dataset;
    return status;
}

/* The reads of somebody who was quarantined are others now; or the user wants another try. */
static bool returns(void *context, const kuni_sample *now, const kuni_person *known,
                    const char *batch)
{
    const kuni_run *run = context;
    kuni_hash content;
    kuni_error ignored = KUNI_ERROR_INIT;
    (void)batch;
    if (!now->reads || kuni_content_of(now->reads, &content, &ignored)) return false;
    return run->options->retry_quarantined || !kuni_hash_equal(&content, &known->content);
}

/* Rank 0 reads the manifest, too, and writes the register that the others read. */
static kuni_status read_cohort(kuni_run *run, bool leads, kuni_buffer *faults, kuni_error *err)
{
    const kuni_cohort_sources sources = {.manifest = leads ? run->workflow.cohort : NULL,
                                         .network = &run->workflow.network,
                                         .pedigree = run->workflow.pedigree,
                                         .dataset = run->folder,
                                         .batch_size = (size_t)run->workflow.batch_size,
                                         .returns = leads ? returns : NULL,
                                         .context = run};
    kuni_status status = kuni_cohort_read(&run->cohort, &sources, faults, err);
    if (status || !leads) return status;
    return kuni_workflow_check_samples(
        &run->workflow, run->cohort.n_samples - run->cohort.n_withdrawn, faults, err);
}

static kuni_status make_plan(kuni_run *run, kuni_error *err)
{
    mode_t guarded = umask(run->umask); /* an index beside the reference is everybody's */
    kuni_status status = kuni_run_make_plan(run, err);
    (void)umask(guarded);
    return status;
}

enum { BEATS_A_LIMIT = 6 };

/* --- the cohort, once a machine --- */

static char *cohort_path(const kuni_run *run, kuni_error *err)
{
    return kuni_path_join(run->folder, "tmp/" KUNI_COHORT_MAP, err);
}

/* Rank 0 holds it as the others do; alone, in memory of its own. */
static kuni_status share_cohort(kuni_run *run, kuni_error *err)
{
    if (kuni_transport_size() == 1) return kuni_cohort_hold(&run->cohort, NULL, err);
    char *path = cohort_path(run, err);
    kuni_status status = path ? kuni_cohort_map_write(&run->cohort, path, err) : KUNI_MEMORY;
    if (!status) status = kuni_cohort_hold(&run->cohort, path, err);
    free(path);
    return status;
}

/* The file that rank 0 has written, or else the register. */
static kuni_status take_cohort(kuni_run *run, kuni_buffer *faults, kuni_error *err)
{
    bool mapped = false;
    char *path = cohort_path(run, err);
    kuni_status status = path ? kuni_cohort_map(&run->cohort, path, &mapped, err) : KUNI_MEMORY;
    free(path);
    return status || mapped ? status : read_cohort(run, false, faults, err);
}

/* Everybody has it: it goes, and stays where it is mapped. */
static void drop_cohort(const kuni_run *run)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = cohort_path(run, &ignored);
    if (path) (void)unlink(path);
    free(path);
}

/* --- rank 0: everything that must stand before the others look --- */

static kuni_status lead_in(kuni_run *run, kuni_lock **lock, kuni_buffer *faults, kuni_error *err)
{
    kuni_status status = read_workflow(run, faults, err);
    bool fresh;
    if (!status) status = kuni_mark_check(run->folder, err);
    if (!status) status = kuni_make_folders(run->folder, err);
    if (!status) status = kuni_lock_take(lock, run->folder, run->options->lock_wait_ms, err);
    if (!status) status = kuni_lock_beat(*lock, kuni_transport_patience_ms() / BEATS_A_LIMIT, err);
    if (!status) status = kuni_mark_claim(run->folder, &fresh, err);
    if (!status) status = kuni_erasure_check(run->folder, err);
    if (!status) status = kuni_compacting_check(run->folder, err);
    if (status) return status;
    run->epoch = kuni_lock_epoch(*lock);
    status = read_cohort(run, true, faults, err);
    if (!status && run->cohort.n_samples == 0)
        status = kuni_fail(err, KUNI_USAGE, "the cohort %s has no samples", run->workflow.cohort);
    if (!status) status = make_plan(run, err);
    if (!status && run->options->recall) status = kuni_recall_check(run, err);
    if (!status) status = kuni_folder_prepare(run->folder, err);
    if (!status) status = kuni_reference_digests(run, true, NULL, err);
    if (!status) status = kuni_run_write_register(run, err);
    return status ? status : share_cohort(run, err);
}

/* --- the end --- */

/* Says the first line of a published file, less its '#'. */
static void tell_note(kuni_coordinator *c, const char *stage, const char *name)
{
    char path[4096], line[1024];
    (void)snprintf(path, sizeof(path), "%s/current/%s", c->run->folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return;
    if (fgets(line, sizeof(line), file) && line[0] == '#') {
        line[strcspn(line, "\n")] = '\0';
        kuni_progress_say(c->progress, "%s:%s: see %s", stage, line + 1, path);
    }
    (void)fclose(file);
}

static void tell_notes(kuni_coordinator *c)
{
    const kuni_plan *plan = &c->run->plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t o = 0; o < plan->nodes[i].n_outputs; o++) {
            const kuni_port *port = &plan->nodes[i].step->outputs[o];
            const kuni_stored_output *out = &c->ledger.finals[i * KUNI_PLAN_OUTPUTS_MAX + o];
            if (port->tell && port->publish && out->bytes >= 0)
                tell_note(c, plan->nodes[i].id, port->publish);
        }
}

static void summarise(kuni_coordinator *c, int64_t generation, bool changed, size_t removed,
                      int64_t began_ms)
{
    const kuni_run *run = c->run;
    kuni_progress *p = c->progress;
    size_t done = 0, reused = 0;
    for (size_t i = 0; i < run->plan.n_nodes; i++) {
        done += c->ledger.table.nodes[i].done;
        reused += c->ledger.table.nodes[i].reused;
    }
    kuni_progress_say(
        p, "done in %.1f s: %zu tasks, %zu of them from earlier runs; %" PRId64 " samples",
        (double)(kuni_now_ms() - began_ms) / 1000, done, reused, run->n_columns);
    if (removed) kuni_progress_say(p, "removed %zu outdated files", removed);
    size_t gated = c->ledger.samples.n_gated;
    size_t quarantined = c->ledger.samples.n_quarantined - gated;
    if (quarantined)
        kuni_progress_say(p, "%zu quarantined sample%s: see %s/current/failures.tsv", quarantined,
                          quarantined == 1 ? "" : "s", run->folder);
    if (gated)
        kuni_progress_say(p, "the gate keeps out %zu sample%s: see %s/current/failures.tsv", gated,
                          gated == 1 ? "" : "s", run->folder);
    tell_notes(c);
    for (size_t i = 0; changed && i < run->plan.n_nodes; i++)
        for (size_t o = 0; o < run->plan.nodes[i].n_outputs; o++) {
            const char *name = run->plan.nodes[i].step->outputs[o].publish;
            const kuni_stored_output *out = &c->ledger.finals[i * KUNI_PLAN_OUTPUTS_MAX + o];
            if (name && out->bytes >= 0 && kuni_node_is_one(&run->plan.nodes[i]))
                kuni_progress_say(p, "  %s/current/%s (%" PRId64 " bytes)", run->folder, name,
                                  out->bytes);
        }
    kuni_progress_say(p, "%s: %s/current is generation %" PRId64 "%s", run->workflow.name,
                      run->folder, generation, changed ? "" : ", unchanged");
}

static void print_bytes(char *text, size_t room, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++) bytes /= 1000;
    (void)snprintf(text, room, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

/* What the run took, and the steps that took most of it. */
static void tell_account(const kuni_coordinator *c)
{
    enum { NAMED = 3 };
    kuni_spent all = kuni_account_all(&c->account);
    char told[1024] = "", in[32], out[32];
    double last_s = INFINITY;
    if (!all.tasks && !all.failed) return;
    for (int k = 0; k < NAMED; k++) {
        size_t most = SIZE_MAX;
        double most_s = 0;
        for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
            double s = kuni_account_step(&c->account, i).cpu_s;
            if (s < last_s && s > most_s) {
                most = i;
                most_s = s;
            }
        }
        if (most == SIZE_MAX) break;
        size_t at = strlen(told);
        (void)snprintf(told + at, sizeof(told) - at, "%s%s %.0f %%", k ? ", " : "; of these ",
                       c->run->plan.nodes[most].folder, 100 * most_s / all.cpu_s);
        last_s = most_s;
    }
    print_bytes(in, sizeof(in), all.read_bytes);
    print_bytes(out, sizeof(out), all.written_bytes);
    enum { SHORT_S = 360 };
    bool seconds = all.cpu_s < SHORT_S;
    kuni_progress_say(c->progress, "took %.3g %s, read %s, wrote %s%s",
                      seconds ? all.cpu_s : all.cpu_s / 3600, seconds ? "CPU s" : "core-hours", in,
                      out, told);
}

/* --until, --only: what was done, and that nothing came of it yet. */
static void tell_part(kuni_coordinator *c, int64_t began_ms)
{
    const kuni_run_options *o = c->run->options;
    size_t done = 0, reused = 0;
    for (size_t i = 0; i < c->run->plan.n_nodes; i++) {
        if (!c->wanted.run[i]) continue;
        done += c->ledger.table.nodes[i].done;
        reused += c->ledger.table.nodes[i].reused;
    }
    kuni_progress_say(c->progress,
                      "done in %.1f s, %s %s: %zu tasks, %zu of them from earlier runs; nothing is "
                      "published, and the next whole run takes what stands",
                      (double)(kuni_now_ms() - began_ms) / 1000, o->only ? "only" : "until",
                      o->only ? o->only : o->until, done, reused);
}

/* Who has a column for the first time; how many. */
static size_t note_since(kuni_run *run, int64_t generation)
{
    size_t n = 0;
    for (size_t i = 0; i < run->cohort.n_samples; i++) {
        kuni_person *person = &run->cohort.people[i];
        if (run->columns[i] < 0 || person->since) continue;
        person->since = generation;
        n++;
    }
    return n;
}

static kuni_status note_publication(const kuni_run *run, int64_t generation, size_t added,
                                    kuni_error *err)
{
    char manifest[KUNI_DIGEST_HEX_BYTES];
    kuni_status status = kuni_digest_file(run->workflow.cohort, manifest, err);
    if (status) return status;
    return kuni_history_add(
        run->folder, "published", NULL,
        json_pack("{sI sI sI ss ss}", "generation", (json_int_t)generation, "samples",
                  (json_int_t)run->n_columns, "added", (json_int_t)added, "workflow",
                  run->workflow.name ? run->workflow.name : "", "manifest", manifest),
        err);
}

static kuni_status finish(kuni_coordinator *c, const char *journal_path, int64_t began_ms,
                          kuni_error *err)
{
    int64_t generation = 0, dropped = 0;
    bool changed = false;
    size_t removed = 0;
    kuni_progress_stay(c->progress, "publish");
    kuni_status status = kuni_lock_check(c->lock, err);
    kuni_injection_crash_at("publish");
    if (!status) status = kuni_publish(&c->ledger, &generation, &changed, err);
    kuni_injection_crash_at("published");
    size_t added = status ? 0 : note_since(c->run, generation);
    if (added) status = kuni_run_write_register(c->run, err);
    if (!status && changed) status = note_publication(c->run, generation, added, err);
    /* Nothing of people who were erased is kept, whatever `keep` and --keep-all say. */
    bool erased = false;
    if (!status) status = kuni_forget_outdated(c->run, generation, &erased, err);
    if (!status && (erased || !c->run->options->keep_all))
        status = kuni_prune(&c->ledger, &removed, err);
    if (!status && !c->run->options->keep_all) status = kuni_thin(&c->ledger, err);
    if (erased && !status)
        kuni_progress_say(c->progress, "older generations are gone: people were erased");
    if (!status && !c->run->options->keep_all)
        status = kuni_compaction(&c->ledger, &c->past, c->journal, journal_path, &dropped, err);
    if (!status) summarise(c, generation, changed, removed, began_ms);
    return status;
}

/* Where manifest and register differ, in one line each. */
static void tell_people(const kuni_run *run, kuni_progress *progress)
{
    const kuni_cohort *cohort = &run->cohort;
    if (cohort->n_absent)
        kuni_progress_say(progress,
                          "%zu people of the dataset are not in the manifest: nothing changes for "
                          "them (kuni withdraw takes people out)",
                          cohort->n_absent);
    if (cohort->n_returning)
        kuni_progress_say(
            progress,
            "%zu rows of the manifest name people who withdrew, the first is %s: left "
            "out (kuni reinstate takes them back)",
            cohort->n_returning, cohort->returning);
}

static const char *state_word(kuni_status status)
{
    return status == KUNI_OK ? "done" : status == KUNI_AGAIN ? "stopped" : "failed";
}

/* A run that ended before its work began must not leave the word of the one before it. */
static void tell_early_end(const kuni_run *run, kuni_status status, const kuni_error *err)
{
    kuni_progress *progress = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (kuni_progress_new(&progress, run->folder, run->workflow.name, run->epoch, true, &ignored))
        return;
    kuni_status told = kuni_progress_end(progress, state_word(status), err->text, status, &ignored);
    (void)told; /* the exit status tells it, too */
    kuni_progress_free(progress);
}

static kuni_status coordinate(kuni_run *run, kuni_lock *lock, int64_t began_ms, kuni_error *err)
{
    kuni_coordinator c = {.run = run};
    kuni_journal *journal = NULL;
    kuni_progress *progress = NULL;
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(run->folder, "journal", err);
    kuni_status status = path ? kuni_journal_open(&journal, path, err) : KUNI_MEMORY;
    if (!status)
        status = kuni_progress_new(&progress, run->folder, run->workflow.name, run->epoch,
                                   run->options->quiet, err);
    if (!status) tell_people(run, progress);
    if (!status) kuni_progress_stay(progress, "start");
    if (!status) status = kuni_coordinator_init(&c, run, lock, journal, progress, path, err);
    if (!status)
        status = kuni_settings_check(run, &c.past.known_files, journal, c.past.has_reads,
                                     run->options->recall, !run->options->recall, err);
    status = kuni_transport_agree(status, err); /* the others wait here: see follow */
    if (!status) {
        status = kuni_coordinator_run(&c, err);
        if (!status && c.wanted.partial)
            tell_part(&c, began_ms);
        else if (!status)
            status = finish(&c, path, began_ms, err);
        kuni_status written = kuni_account_write(&c.account, &ignored);
        (void)written; /* the disk may be full: what was published stands all the same */
        tell_account(&c);
    }
    if (progress) {
        kuni_status told = kuni_progress_end(progress, state_word(status), err->text, status,
                                             status ? &ignored : err);
        if (!status) status = told;
    }
    kuni_status closed = kuni_journal_close(journal, status ? &ignored : err);
    if (!status) status = closed;
    kuni_coordinator_fini(&c);
    kuni_progress_free(progress);
    free(path);
    return status;
}

/* --- any other rank --- */

static kuni_status follow(kuni_run *run, kuni_error *err)
{
    bool orphaned = false;
    kuni_status status = kuni_transport_agree(KUNI_OK, err);
    if (status) return status;
    status = kuni_worker_run(run, &orphaned, err);
    if (kuni_transport_hung()) return status;
    if (status && !kuni_transport_alive(0)) return status; /* the others find out by themselves */
    if (status) { /* the others do not know yet and may be anywhere: end all */
        if (!orphaned) fprintf(stderr, "kuni: rank %d: %s\n", run->rank, err->text);
        if (orphaned) _exit(status);
        kuni_transport_abort(status);
    }
    return KUNI_OK;
}

/* --- all ranks --- */

/* Rank 0 may be busy for long with what is its own, and others wait: its lock tells that it lives. */
typedef struct signs {
    const kuni_run *run;
    int64_t beaten_ns; /* as seen last */
} signs;

static bool signs_of_life(void *context, int rank)
{
    signs *s = context;
    if (rank != 0 || !s->run->folder) return false;
    int64_t before = s->beaten_ns;
    s->beaten_ns = kuni_lock_beaten_ns(s->run->folder);
    return s->beaten_ns >= 0 && s->beaten_ns != before;
}

static kuni_status read_all(kuni_run *run, kuni_buffer *faults, kuni_error *err)
{
    kuni_status status = take_cohort(run, faults, err);
    if (!status) status = make_plan(run, err);
    return status ? status : kuni_reference_digests(run, false, NULL, err);
}

/* Collective. What a dry run is to read is made by rank 0. */
static kuni_status prepare_dry(const kuni_run *run, kuni_error *err)
{
    const kuni_dry_tasks *dry = run->options->dry;
    if (!dry) return KUNI_OK;
    kuni_status status = run->rank == 0 ? dry->prepare(dry->context, err) : KUNI_OK;
    return kuni_transport_agree(status, err);
}

enum { HOST_BYTES = 64 };

/* Collective. Which ranks share a machine. */
static kuni_status find_hosts(kuni_run *run, kuni_error *err)
{
    if (run->size == 1) return KUNI_OK;
    size_t n = run->rank == 0 ? (size_t)run->size : 1;
    char mine[HOST_BYTES] = "";
    char *all = kuni_alloc(n, HOST_BYTES, err);
    int *lengths = kuni_alloc(n, sizeof(int), err), *places = kuni_alloc(n, sizeof(int), err);
    run->hosts = kuni_alloc(n, sizeof(*run->hosts), err);
    bool fine = all && lengths && places && run->hosts;
    (void)snprintf(mine, sizeof(mine), "%s", kuni_transport_host());
    for (size_t i = 0; fine && i < n; i++) {
        lengths[i] = HOST_BYTES;
        places[i] = (int)(i * HOST_BYTES);
    }
    kuni_status status = kuni_transport_agree(fine ? KUNI_OK : KUNI_MEMORY, err);
    if (!status) status = kuni_transport_gather(mine, HOST_BYTES, all, lengths, places, err);
    for (size_t i = 0; i < n && !status && run->rank == 0; i++) {
        run->hosts[i] = i;
        for (size_t k = i; k-- > 0 && run->hosts[i] == i;)
            if (memcmp(all + i * HOST_BYTES, all + k * HOST_BYTES, HOST_BYTES) == 0)
                run->hosts[i] = run->hosts[k];
    }
    free(all);
    free(lengths);
    free(places);
    return status;
}

kuni_status kuni_engine_run(const kuni_run_options *options, bool *leads, kuni_buffer *faults,
                            kuni_error *err)
{
    kuni_run run = {.options = options};
    kuni_lock *lock = NULL;
    kuni_buffer epoch = KUNI_BUFFER_INIT;
    kuni_error early = KUNI_ERROR_INIT;
    signs seen = {.run = &run, .beaten_ns = -1};
    int64_t began_ms = kuni_now_ms();
    *leads = true;
    kuni_stop_watch();
    run.umask = kuni_folder_guard();
    kuni_status status = kuni_transport_init(err);
    if (status) return status;
    run.rank = kuni_transport_rank();
    *leads = run.rank == 0;
    run.size = kuni_transport_size();
    kuni_transport_watch(kuni_transport_patience_ms(), signs_of_life, &seen);
    kuni_transport_end_with(KUNI_AGAIN);
    kuni_injection_crash_at("lead-in");
    status = prepare_dry(&run, err);
    /* Rank 0 tells of the workflow's faults; the others need to know the folder. */
    kuni_status known = run.rank > 0 && !status ? read_workflow(&run, faults, &early) : KUNI_OK;
    if (run.rank == 0 && !status) status = lead_in(&run, &lock, faults, err);
    status = kuni_transport_agree(status, err);
    if (!status && known) status = kuni_fail(err, known, "%s", early.text);
    if (!status && run.rank > 0) status = read_all(&run, faults, err);
    status = kuni_transport_agree(status, err);
    if (run.rank == 0 && run.size > 1 && run.epoch) drop_cohort(&run);
    if (status && lock && run.epoch && !options->recall) tell_early_end(&run, status, err);
    if (!status) {
        status = kuni_buffer_append(&epoch, &run.epoch, sizeof(run.epoch), err);
        if (!status) status = kuni_transport_bcast(&epoch, 0, err);
        if (!status && epoch.length == sizeof(run.epoch))
            memcpy(&run.epoch, epoch.data, sizeof(run.epoch));
        if (!status) status = find_hosts(&run, err);
        status = kuni_transport_agree(status, err);
        if (!status)
            status = run.rank == 0 ? coordinate(&run, lock, began_ms, err) : follow(&run, err);
        status = kuni_farewell(status, err);
    }
    kuni_buffer_fini(&epoch);
    if (kuni_transport_hung()) kuni_leave_hung(status, err); /* with the lock: it ends with this */
    kuni_transport_end_with(status);
    kuni_run_fini(&run);
    kuni_lock_release(lock);
    if (kuni_transport_maimed()) kuni_leave(status, err);
    kuni_transport_fini();
    return status;
}
