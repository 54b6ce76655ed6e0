/* SPDX-License-Identifier: MIT */
/* A job's result as bytes: for the pipe from the child and for the way from rank to rank. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "stub.h"

static const uint32_t result_magic = 0x6b726a31; /* "krj1" */

kuni_status kuni_check_input(const char *path, const kuni_hash *digest, kuni_error *err)
{
    static const kuni_hash none = {{0}};
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash found;
    bool back;
    kuni_status status = kuni_stub_give_back(path, &back, err);
    if (status || kuni_hash_equal(digest, &none)) return status;
    status = kuni_digest_file(path, hex, err);
    if (status) return status;
    if (kuni_hash_parse(&found, hex) && kuni_hash_equal(&found, digest)) return KUNI_OK;
    if (back) (void)unlink(path);
    return kuni_fail(err, KUNI_IO,
                     "%s was altered or damaged since an earlier run made it: `kuni repair` has it "
                     "made again",
                     path);
}

void kuni_job_result_fini(kuni_job_result *result)
{
    for (size_t i = 0; i < result->n_bad; i++) free(result->bad[i].reason);
    free(result->bad);
    free(result->outputs);
    free(result->text);
    *result = (kuni_job_result){.sample = -1};
}

static kuni_status put(kuni_buffer *out, const void *bytes, size_t length, kuni_error *err)
{
    return kuni_buffer_append(out, bytes, length, err);
}

static kuni_status put_int(kuni_buffer *out, int64_t value, kuni_error *err)
{
    return put(out, &value, sizeof(value), err);
}

static kuni_status put_text(kuni_buffer *out, const char *text, kuni_error *err)
{
    size_t length = text ? strlen(text) : 0;
    kuni_status status = put_int(out, (int64_t)length, err);
    return status || !length ? status : put(out, text, length, err);
}

kuni_status kuni_job_result_pack(const kuni_job_result *result, kuni_buffer *out, kuni_error *err)
{
    const int64_t numbers[] = {
        result->status,        result->sample,         (int64_t)result->part,
        result->signal,        result->crashed,        result->timed_out,
        result->work,          result->max_rss_bytes,  result->read_bytes,
        result->written_bytes, (int64_t)result->n_bad, (int64_t)result->n_outputs};
    kuni_status status = put(out, &result_magic, sizeof(result_magic), err);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !status; i++)
        status = put_int(out, numbers[i], err);
    if (!status) status = put(out, &result->cpu_s, sizeof(result->cpu_s), err);
    if (!status) status = put(out, &result->wall_s, sizeof(result->wall_s), err);
    if (!status) status = put(out, result->host, sizeof(result->host), err);
    if (!status) status = put_text(out, result->text, err);
    for (size_t i = 0; i < result->n_bad && !status; i++) {
        status = put_int(out, result->bad[i].sample, err);
        if (!status) status = put_int(out, result->bad[i].status, err);
        if (!status) status = put_text(out, result->bad[i].reason, err);
    }
    for (size_t i = 0; i < result->n_outputs && !status; i++) {
        const kuni_job_output *output = &result->outputs[i];
        const int64_t values[] = {(int64_t)output->part, (int64_t)output->output, output->present,
                                  (int64_t)output->bytes, output->mtime_ns};
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]) && !status; k++)
            status = put_int(out, values[k], err);
        if (!status) status = put(out, output->digest, sizeof(output->digest), err);
    }
    return status;
}

/* What is still to be read of a packed result. */
typedef struct cursor {
    const char *at;
    size_t left;
} cursor;

static bool take(cursor *from, void *to, size_t length)
{
    if (from->left < length) return false;
    if (length) memcpy(to, from->at, length);
    from->at += length;
    from->left -= length;
    return true;
}

static bool take_int(cursor *from, int64_t *value)
{
    return take(from, value, sizeof(*value));
}

/* A count of things that take at least `least` bytes each. */
static bool take_count(cursor *from, size_t least, size_t *count)
{
    int64_t value;
    if (!take_int(from, &value) || value < 0 || (uint64_t)value > from->left / least) return false;
    *count = (size_t)value;
    return true;
}

static bool take_text(cursor *from, char **text)
{
    size_t length;
    if (!take_count(from, 1, &length)) return false;
    *text = strndup(from->at, length);
    from->at += length;
    from->left -= length;
    return *text != NULL;
}

static bool take_bad_samples(cursor *from, kuni_job_result *result, size_t count)
{
    result->bad = calloc(count ? count : 1, sizeof(*result->bad));
    if (!result->bad) return false;
    for (size_t i = 0; i < count; i++) {
        int64_t status;
        if (!take_int(from, &result->bad[i].sample) || !take_int(from, &status) ||
            !take_text(from, &result->bad[i].reason))
            return false;
        result->bad[i].status = (kuni_status)status;
        result->n_bad = i + 1;
    }
    return true;
}

static bool take_outputs(cursor *from, kuni_job_result *result, size_t count)
{
    result->outputs = calloc(count ? count : 1, sizeof(*result->outputs));
    if (!result->outputs) return false;
    for (size_t i = 0; i < count; i++) {
        kuni_job_output *output = &result->outputs[i];
        int64_t part, index, present, bytes;
        if (!take_int(from, &part) || !take_int(from, &index) || !take_int(from, &present) ||
            !take_int(from, &bytes) || !take_int(from, &output->mtime_ns) ||
            !take(from, output->digest, sizeof(output->digest)))
            return false;
        output->part = (size_t)part;
        output->output = (size_t)index;
        output->present = present != 0;
        output->bytes = (uint64_t)bytes;
        output->digest[sizeof(output->digest) - 1] = '\0';
        result->n_outputs = i + 1;
    }
    return true;
}

static bool take_result(cursor *from, kuni_job_result *result)
{
    uint32_t magic;
    if (!take(from, &magic, sizeof(magic)) || magic != result_magic) return false;
    int64_t status, part, signal, crashed, timed_out;
    size_t n_bad, n_outputs;
    if (!take_int(from, &status) || !take_int(from, &result->sample) || !take_int(from, &part) ||
        !take_int(from, &signal) || !take_int(from, &crashed) || !take_int(from, &timed_out) ||
        !take_int(from, &result->work) || !take_int(from, &result->max_rss_bytes) ||
        !take_int(from, &result->read_bytes) || !take_int(from, &result->written_bytes) ||
        !take_count(from, 3 * sizeof(int64_t), &n_bad) ||
        !take_count(from, 5 * sizeof(int64_t) + KUNI_DIGEST_HEX_BYTES, &n_outputs) ||
        !take(from, &result->cpu_s, sizeof(result->cpu_s)) ||
        !take(from, &result->wall_s, sizeof(result->wall_s)) ||
        !take(from, result->host, sizeof(result->host)) || !take_text(from, &result->text))
        return false;
    result->host[sizeof(result->host) - 1] = '\0';
    result->status = (kuni_status)status;
    result->part = (size_t)part;
    result->signal = (int)signal;
    result->crashed = crashed != 0;
    result->timed_out = timed_out != 0;
    return take_bad_samples(from, result, n_bad) && take_outputs(from, result, n_outputs) &&
           from->left == 0;
}

kuni_status kuni_job_result_unpack(kuni_job_result *result, const void *bytes, size_t length,
                                   kuni_error *err)
{
    *result = (kuni_job_result){.sample = -1};
    cursor from = {.at = bytes, .left = length};
    if (take_result(&from, result)) return KUNI_OK;
    kuni_job_result_fini(result);
    return kuni_fail(err, KUNI_BUG, "a task's result of %zu bytes cannot be read", length);
}
