/* SPDX-License-Identifier: MIT */
#include "assembly.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "injection.h"
#include "temporary.h"
#include "transport.h"

enum {
    LIST_BYTES_MAX = 1 << 30,
    HEX_BYTES = KUNI_DIGEST_HEX_BYTES - 1,
    FLUSH_SLICES = 16 /* written between two flushes */
};

typedef struct piece {
    const char *path;
    uint64_t offset, bytes; /* place in the target */
    uint64_t from;          /* where it begins in the file, of which it is a part */
    bool part;
} piece;

/* A target with its pieces; offsets are the sums of the lengths before. */
typedef struct target_plan {
    piece *pieces;
    size_t n_pieces, capacity;
    uint64_t bytes;
} target_plan;

typedef struct assembly {
    const char *list_path;
    kuni_assembly_target *targets;
    target_plan *plans;
    size_t n_targets;
    kuni_arena *arena;
    char *block;  /* a slice of the target under way */
    int piece_fd; /* the piece read last, and its number; -1: none */
    size_t open_piece;
} assembly;

/* The slices of a file that this rank writes: an even share, whatever the pieces. */
typedef struct slice_range {
    uint64_t first, end;
} slice_range;

static uint64_t slice_count(uint64_t bytes)
{
    return (bytes + KUNI_ASSEMBLY_SLICE_BYTES - 1) / KUNI_ASSEMBLY_SLICE_BYTES;
}

static slice_range share_of(uint64_t bytes, int rank)
{
    uint64_t count = slice_count(bytes), size = (uint64_t)kuni_transport_present();
    return (slice_range){.first = count * (uint64_t)rank / size,
                         .end = count * ((uint64_t)rank + 1) / size};
}

/* --- the list --- */

static bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return end != text && !*end && !errno && *value <= INT64_MAX && text[0] != '-';
}

static kuni_status add_piece(assembly *job, char *line, size_t number, const char *folder,
                             kuni_error *err)
{
    char *path = strchr(line, '\t');
    char *length = path ? strchr(path + 1, '\t') : NULL;
    char *from = length ? strchr(length + 1, '\t') : NULL;
    uint64_t bytes = 0, offset = 0;
    if (length) *path++ = *length++ = '\0';
    if (from) *from++ = '\0';
    if (!length || !parse_number(length, &bytes) || (from && !parse_number(from, &offset)))
        return kuni_fail(err, KUNI_BUG,
                         "%s: line %zu: expected `kind<tab>path<tab>bytes`, and an offset where "
                         "the piece is a part of the file",
                         job->list_path, number);
    size_t index = 0;
    while (index < job->n_targets && strcmp(job->targets[index].kind, line) != 0) index++;
    if (index == job->n_targets)
        return kuni_fail(err, KUNI_BUG, "%s: line %zu: '%s' is no output of the step",
                         job->list_path, number, line);
    target_plan *plan = &job->plans[index];
    kuni_status status = kuni_grow((void **)&plan->pieces, &plan->capacity, plan->n_pieces + 1,
                                   sizeof(*plan->pieces), err);
    if (status) return status;
    char *joined = kuni_path_join(folder, path, err);
    if (!joined) return KUNI_MEMORY;
    char *kept = kuni_arena_strndup(job->arena, joined, strlen(joined), err);
    free(joined);
    if (!kept) return KUNI_MEMORY;
    plan->pieces[plan->n_pieces++] = (piece){
        .path = kept, .offset = plan->bytes, .bytes = bytes, .from = offset, .part = from != NULL};
    plan->bytes += bytes;
    return KUNI_OK;
}

static kuni_status parse_list(assembly *job, kuni_buffer *list, kuni_error *err)
{
    if (!job->arena) job->arena = kuni_arena_new(err);
    job->plans = kuni_alloc(job->n_targets, sizeof(*job->plans), err);
    if (!job->arena || !job->plans) return KUNI_MEMORY;
    const char *slash = strrchr(job->list_path, '/');
    char *folder =
        slash ? strndup(job->list_path, (size_t)(slash - job->list_path + 1)) : strdup("");
    if (!folder) return kuni_fail_memory(err, strlen(job->list_path), 1);
    kuni_status status = KUNI_OK;
    size_t number = 0;
    for (char *line = list->data; line && *line && !status;) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        status = add_piece(job, line, ++number, folder, err);
        line = end ? end + 1 : NULL;
    }
    free(folder);
    for (size_t i = 0; i < job->n_targets && !status; i++)
        if (!job->plans[i].n_pieces && !job->targets[i].optional)
            status = kuni_fail(err, KUNI_BUG, "%s: no piece of '%s' is listed", job->list_path,
                               job->targets[i].kind);
    return status;
}

kuni_status kuni_assembly_pieces(const char *assembly_path, kuni_assembly_target *targets,
                                 size_t n_targets, kuni_arena *arena, kuni_assembly_piece **pieces,
                                 size_t *n_pieces, kuni_error *err)
{
    assembly job = {
        .list_path = assembly_path, .targets = targets, .n_targets = n_targets, .arena = arena};
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = kuni_file_get(assembly_path, LIST_BYTES_MAX, &list, err);
    if (!status) status = parse_list(&job, &list, err);
    kuni_buffer_fini(&list);
    size_t n = 0;
    for (size_t i = 0; i < n_targets && !status; i++) n += job.plans[i].n_pieces;
    *pieces = status ? NULL : kuni_arena_alloc(arena, n + 1, sizeof(**pieces), err);
    if (!status && !*pieces) status = KUNI_MEMORY;
    *n_pieces = 0;
    for (size_t i = 0; i < n_targets && !status; i++) {
        targets[i].bytes = job.plans[i].bytes;
        for (size_t k = 0; k < job.plans[i].n_pieces; k++) {
            const piece *p = &job.plans[i].pieces[k];
            (*pieces)[(*n_pieces)++] = (kuni_assembly_piece){
                .path = p->path, .target = i, .at = p->offset, .from = p->from, .bytes = p->bytes};
        }
    }
    for (size_t i = 0; i < n_targets && job.plans; i++) free(job.plans[i].pieces);
    free(job.plans);
    return status;
}

/* Rank 0 reads it; the others need not wait for the file to show up on their node. */
static kuni_status read_list(assembly *job, kuni_error *err)
{
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    if (kuni_transport_rank() == 0)
        status = kuni_file_get(job->list_path, LIST_BYTES_MAX, &list, err);
    status = kuni_transport_agree(status, err);
    if (!status) status = kuni_transport_bcast(&list, 0, err);
    if (!status) status = kuni_transport_agree(parse_list(job, &list, err), err);
    kuni_buffer_fini(&list);
    return status;
}

/* --- reading pieces --- */

static kuni_status open_piece(assembly *job, const target_plan *plan, size_t index, kuni_error *err)
{
    const piece *wanted = &plan->pieces[index];
    bool same_file = job->piece_fd >= 0 && job->open_piece != index &&
                     strcmp(plan->pieces[job->open_piece].path, wanted->path) == 0;
    if (job->piece_fd >= 0 && job->open_piece == index) return KUNI_OK;
    if (job->piece_fd >= 0 && !same_file) (void)close(job->piece_fd);
    job->open_piece = index;
    if (!same_file) job->piece_fd = open(wanted->path, O_RDONLY | O_CLOEXEC);
    if (job->piece_fd < 0) return kuni_fail_errno(err, "cannot open %s", wanted->path);
    struct stat info;
    if (fstat(job->piece_fd, &info) != 0)
        return kuni_fail_errno(err, "cannot look at %s", wanted->path);
    uint64_t size = (uint64_t)info.st_size;
    if (wanted->part ? wanted->from > size || wanted->bytes > size - wanted->from
                     : size != wanted->bytes)
        return kuni_fail(err, KUNI_DATA,
                         "%s has %lld bytes, %" PRIu64 " are expected: it was changed after it was "
                         "made: remove it and run the same command again",
                         wanted->path, (long long)info.st_size, wanted->bytes);
    return KUNI_OK;
}

/* Fills `length` bytes of the target from `offset` on. */
static kuni_status read_pieces(assembly *job, const target_plan *plan, uint64_t offset,
                               size_t length, kuni_error *err)
{
    /* The last piece that starts at or before the offset and is not empty there. */
    size_t low = 0, high = plan->n_pieces;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (plan->pieces[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    size_t filled = 0;
    for (size_t i = low; filled < length && i < plan->n_pieces; i++) {
        const piece *from = &plan->pieces[i];
        uint64_t skip = offset + filled - from->offset;
        if (skip >= from->bytes) continue;
        kuni_status status = open_piece(job, plan, i, err);
        if (status) return status;
        size_t want = length - filled;
        if (from->bytes - skip < want) want = (size_t)(from->bytes - skip);
        while (want) {
            ssize_t got =
                pread(job->piece_fd, job->block + filled, want, (off_t)(from->from + skip));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return kuni_fail_errno(err, "cannot read %s", from->path);
            if (got == 0)
                return kuni_fail(err, KUNI_DATA, "%s ended early while it was read", from->path);
            filled += (size_t)got;
            skip += (uint64_t)got;
            want -= (size_t)got;
        }
    }
    if (filled < length) return kuni_fail(err, KUNI_BUG, "the pieces end before their target");
    return KUNI_OK;
}

/* --- writing --- */

/* Local. `length` bytes of the target at `offset`. */
static kuni_status write_at(int fd, const char *path, uint64_t offset, const char *bytes,
                            size_t length, kuni_error *err)
{
    while (length) {
        ssize_t written = pwrite(fd, bytes, length, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            return kuni_fail_errno(err,
                                   "cannot write %s on rank %d (%s): free space or check the "
                                   "quota",
                                   path, kuni_transport_rank(), kuni_transport_host());
        bytes += written;
        offset += (uint64_t)written;
        length -= (size_t)written;
    }
    return KUNI_OK;
}

/*
 * Local, rank 0. Makes the file in its full length, so that a full disk shows before the work.
 * Where a file system cannot reserve, its free space must at least do.
 */
static kuni_status reserve(const char *path, uint64_t bytes, kuni_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return kuni_fail_errno(err, "cannot create %s", path);
    kuni_status status = KUNI_OK;
    struct statvfs room;
    int failed;
    do failed = bytes ? fallocate(fd, 0, 0, (off_t)bytes) : 0;
    while (failed && errno == EINTR);
    if (failed && errno != EOPNOTSUPP && errno != ENOSYS)
        status = kuni_fail_errno(err, "cannot reserve %" PRIu64 " bytes for %s", bytes, path);
    else if (failed && fstatvfs(fd, &room) == 0 && room.f_bavail < bytes / room.f_frsize)
        status = kuni_fail(err, KUNI_IO,
                           "cannot write %s: it needs %" PRIu64 " bytes, %" PRIu64
                           " are free: free space or check the quota",
                           path, bytes, (uint64_t)room.f_bavail * room.f_frsize);
    else if (ftruncate(fd, (off_t)bytes) != 0)
        status = kuni_fail_errno(err, "cannot make %s %" PRIu64 " bytes long", path, bytes);
    if (close(fd) != 0 && !status) status = kuni_fail_errno(err, "cannot close %s", path);
    return status;
}

static kuni_status digest_block(const char *block, size_t length, char hex[KUNI_DIGEST_HEX_BYTES],
                                kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add(digest, block, length);
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

/*
 * Local. Writes this rank's slices; their hex digests go to `digests`. Flushes as it goes: the others
 * wait, and a rank that flushes a hundred gigabytes at once gives no sign of life meanwhile.
 */
static kuni_status write_slices(assembly *job, size_t index, int fd, const char *temporary,
                                slice_range mine, char *digests, kuni_error *err)
{
    const target_plan *plan = &job->plans[index];
    kuni_status status = KUNI_OK;
    kuni_injection_crash_at("assembly");
    for (uint64_t slice = mine.first; slice < mine.end && !status; slice++) {
        uint64_t offset = slice * KUNI_ASSEMBLY_SLICE_BYTES;
        size_t length = KUNI_ASSEMBLY_SLICE_BYTES;
        if (plan->bytes - offset < length) length = (size_t)(plan->bytes - offset);
        char hex[KUNI_DIGEST_HEX_BYTES];
        status = read_pieces(job, plan, offset, length, err);
        if (!status) status = write_at(fd, temporary, offset, job->block, length, err);
        if (!status) status = digest_block(job->block, length, hex, err);
        if (!status) memcpy(digests + (slice - mine.first) * HEX_BYTES, hex, HEX_BYTES);
        bool last = slice + 1 == mine.end, flush = last || (slice - mine.first) % FLUSH_SLICES == 0;
        if (!status && flush && fsync(fd) != 0)
            status = kuni_fail_errno(err, "cannot flush %s", temporary);
        kuni_transport_pulse();
    }
    return status;
}

/*
 * Local. By a descriptor of each rank's own and not by MPI-IO, whose opening and closing are
 * collectives that never end where a rank is lost or stopped.
 */
static kuni_status write_share(assembly *job, size_t index, const char *temporary, slice_range mine,
                               char *digests, kuni_error *err)
{
    int fd = open(temporary, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", temporary);
    kuni_status status = write_slices(job, index, fd, temporary, mine, digests, err);
    if (close(fd) != 0 && !status) status = kuni_fail_errno(err, "cannot close %s", temporary);
    if (job->piece_fd >= 0) (void)close(job->piece_fd);
    job->piece_fd = -1;
    return status;
}

/* The digest of a file from those of its slices. */
static kuni_status digest_slices(const char *digests, uint64_t count,
                                 char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    if (count != 1) return digest_block(digests, count * HEX_BYTES, hex, err);
    memcpy(hex, digests, HEX_BYTES);
    hex[HEX_BYTES] = '\0';
    return KUNI_OK;
}

/* Collective. Rank 0 gets all slices' digests; all get that of the file. */
static kuni_status gather_digest(kuni_assembly_target *target, uint64_t bytes, const char *mine,
                                 kuni_error *err)
{
    int size = kuni_transport_present(), rank = kuni_transport_place();
    uint64_t count = slice_count(bytes);
    kuni_status status = KUNI_OK;
    if (count > INT32_MAX / HEX_BYTES)
        return kuni_fail(err, KUNI_USAGE, "%s: %" PRIu64 " bytes are too many", target->path,
                         bytes);
    if (size == 1) return digest_slices(mine, count, target->digest, err);
    char *all = NULL;
    int *counts = kuni_alloc((size_t)size, sizeof(*counts), err);
    int *places = kuni_alloc((size_t)size, sizeof(*places), err);
    if (rank == 0) all = kuni_alloc(count + 1, HEX_BYTES, err);
    if (!counts || !places || (rank == 0 && !all)) status = KUNI_MEMORY;
    status = kuni_transport_agree(status, err);
    if (status || !counts || !places) goto done;
    for (int i = 0; i < size; i++) {
        slice_range share = share_of(bytes, i);
        counts[i] = (int)((share.end - share.first) * HEX_BYTES);
        places[i] = (int)(share.first * HEX_BYTES);
    }
    status = kuni_transport_gather(mine, counts[rank], all, counts, places, err);
    if (!status && all) status = digest_slices(all, count, target->digest, err);
    status = kuni_transport_agree(status, err);
done:
    free(counts);
    free(places);
    free(all);
    return status;
}

/* Collective. The name of rank 0, for all. */
static kuni_status name_temporary(const char *path, uint64_t epoch, kuni_buffer *name,
                                  kuni_error *err)
{
    char *temporary = kuni_temporary_name(path, epoch, 0, err);
    kuni_status status = temporary ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_buffer_append(name, temporary, strlen(temporary), err);
    free(temporary);
    status = kuni_transport_agree(status, err);
    return status ? status : kuni_transport_bcast(name, 0, err);
}

/* Collective. The target stands whole under its temporary name, or an error is agreed on. */
static kuni_status write_target(assembly *job, size_t index, const char *temporary, kuni_error *err)
{
    kuni_assembly_target *target = &job->targets[index];
    uint64_t bytes = job->plans[index].bytes;
    bool root = kuni_transport_rank() == 0;
    kuni_status status = root ? reserve(temporary, bytes, err) : KUNI_OK;
    status = kuni_transport_agree(status, err);
    if (status) return status;
    slice_range mine = share_of(bytes, kuni_transport_place());
    char *digests = kuni_alloc(mine.end - mine.first + 1, HEX_BYTES, err);
    status = kuni_transport_agree(digests ? KUNI_OK : KUNI_MEMORY, err);
    if (!status && !digests) status = KUNI_MEMORY; /* cannot be: agreed on above */
    if (!status)
        status = kuni_transport_agree(write_share(job, index, temporary, mine, digests, err), err);
    if (!status) status = gather_digest(target, bytes, digests, err);
    free(digests);
    return status;
}

/*
 * A concatenation is as old as its newest piece. The index of a target is made from the pieces,
 * before the target is written; htslib warns of an index that is older than its data.
 */
static kuni_status keep_age(const target_plan *plan, const char *temporary, kuni_error *err)
{
    struct stat info;
    struct timespec newest = {0};
    for (size_t i = 0; i < plan->n_pieces; i++) {
        if (stat(plan->pieces[i].path, &info) != 0)
            return kuni_fail_errno(err, "cannot look at %s", plan->pieces[i].path);
        if (info.st_mtim.tv_sec > newest.tv_sec ||
            (info.st_mtim.tv_sec == newest.tv_sec && info.st_mtim.tv_nsec > newest.tv_nsec))
            newest = info.st_mtim;
    }
    const struct timespec times[2] = {newest, newest};
    if (plan->n_pieces > 0 && utimensat(AT_FDCWD, temporary, times, 0) != 0)
        return kuni_fail_errno(err, "cannot set the time of %s", temporary);
    return KUNI_OK;
}

/* Collective. Renames one target and tells all what stands there. */
static kuni_status publish_target(assembly *job, size_t index, const char *temporary,
                                  kuni_error *err)
{
    kuni_assembly_target *target = &job->targets[index];
    kuni_status status = KUNI_OK;
    struct stat info;
    target->bytes = job->plans[index].bytes;
    if (kuni_transport_rank() == 0) {
        status = keep_age(&job->plans[index], temporary, err);
        if (!status) status = kuni_file_publish(temporary, target->path, err);
        if (!status && stat(target->path, &info) != 0)
            status = kuni_fail_errno(err, "cannot look at %s", target->path);
        if (!status && (uint64_t)info.st_size != target->bytes)
            status = kuni_fail(err, KUNI_IO, "%s has %lld bytes after it was written, not %" PRIu64,
                               target->path, (long long)info.st_size, target->bytes);
        if (!status)
            target->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    }
    status = kuni_transport_agree(status, err);
    kuni_buffer message = KUNI_BUFFER_INIT;
    if (!status) status = kuni_buffer_append(&message, target, sizeof(*target), err);
    status = kuni_transport_agree(status, err);
    if (!status) status = kuni_transport_bcast(&message, 0, err);
    if (!status) {
        kuni_assembly_target told;
        memcpy(&told, message.data, sizeof(told));
        target->mtime_ns = told.mtime_ns;
        memcpy(target->digest, told.digest, sizeof(target->digest));
    }
    kuni_buffer_fini(&message);
    return status;
}

static void assembly_fini(assembly *job)
{
    for (size_t i = 0; i < job->n_targets && job->plans; i++) free(job->plans[i].pieces);
    free(job->plans);
    free(job->block);
    kuni_arena_free(job->arena);
}

kuni_status kuni_assembly_write(const char *assembly_path, kuni_assembly_target *targets,
                                size_t n_targets, uint64_t epoch, kuni_error *err)
{
    assembly job = {
        .list_path = assembly_path, .targets = targets, .n_targets = n_targets, .piece_fd = -1};
    kuni_buffer *names = kuni_alloc(n_targets, sizeof(*names), err);
    job.block = kuni_alloc(KUNI_ASSEMBLY_SLICE_BYTES, 1, err);
    kuni_status status = kuni_transport_agree(names && job.block ? KUNI_OK : KUNI_MEMORY, err);
    if (!status && names) status = read_list(&job, err);
    for (size_t i = 0; i < n_targets && names && !status; i++)
        if ((targets[i].written = job.plans[i].n_pieces > 0))
            status = name_temporary(targets[i].path, epoch, &names[i], err);
    for (size_t i = 0; i < n_targets && names && !status; i++)
        if (targets[i].written) status = write_target(&job, i, names[i].data, err);
    for (size_t i = 0; i < n_targets && names && !status; i++)
        if (targets[i].written) status = publish_target(&job, i, names[i].data, err);
    for (size_t i = 0; i < n_targets && names; i++) {
        /* Those that were renamed are gone from here already. Where rank 0 is silent others clear up. */
        if (status && names[i].data && (kuni_transport_rank() == 0 || kuni_transport_hung()))
            (void)unlink(names[i].data);
        kuni_buffer_fini(&names[i]);
    }
    free(names);
    assembly_fini(&job);
    return status;
}

kuni_status kuni_assembly_digest(const char *path, char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", path);
    uint64_t bytes = (uint64_t)info.st_size, count = slice_count(bytes);
    assembly job = {.list_path = path, .piece_fd = -1};
    piece whole = {.path = path, .bytes = bytes};
    const target_plan plan = {.pieces = &whole, .n_pieces = 1, .bytes = bytes};
    char *digests = kuni_alloc(count + 1, HEX_BYTES, err);
    job.block = kuni_alloc(KUNI_ASSEMBLY_SLICE_BYTES, 1, err);
    kuni_status status = digests && job.block ? KUNI_OK : KUNI_MEMORY;
    for (uint64_t slice = 0; slice < count && !status; slice++) {
        uint64_t offset = slice * KUNI_ASSEMBLY_SLICE_BYTES;
        size_t length = KUNI_ASSEMBLY_SLICE_BYTES;
        if (bytes - offset < length) length = (size_t)(bytes - offset);
        char one[KUNI_DIGEST_HEX_BYTES];
        status = read_pieces(&job, &plan, offset, length, err);
        if (!status) status = digest_block(job.block, length, one, err);
        if (!status) memcpy(digests + slice * HEX_BYTES, one, HEX_BYTES);
    }
    if (!status) status = digest_slices(digests, count, hex, err);
    if (job.piece_fd >= 0) (void)close(job.piece_fd);
    free(digests);
    free(job.block);
    return status;
}

bool kuni_assembly_matches(const char *path, const kuni_hash *digest)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash found;
    kuni_error ignored = KUNI_ERROR_INIT;
    if (kuni_digest_file(path, hex, &ignored) == KUNI_OK && kuni_hash_parse(&found, hex) &&
        kuni_hash_equal(&found, digest))
        return true;
    return kuni_assembly_digest(path, hex, &ignored) == KUNI_OK && kuni_hash_parse(&found, hex) &&
           kuni_hash_equal(&found, digest);
}
