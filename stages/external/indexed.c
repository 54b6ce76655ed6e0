/* SPDX-License-Identifier: MIT */
#include "indexed.h"

#include <errno.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ending.h"

enum {
    CSI_SHIFT = 14,       /* bins of 16 kb, htslib's choice */
    TBI_LONGEST = 1 << 29 /* bp of a contig */
};

static kuni_status make_index(const kuni_task *task, const char *path, bool binary, kuni_error *err)
{
    int shift = binary ? CSI_SHIFT : 0;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(task->genome); tid++)
        if (kuni_genome_contig(task->genome, tid)->length_bp >= TBI_LONGEST) shift = CSI_SHIFT;
    int made = binary ? bcf_index_build(path, shift) : tbx_index_build(path, shift, &tbx_conf_vcf);
    if (made != 0)
        return kuni_fail(err, KUNI_IO,
                         "%s: no index can be made of it (`index: no` gives it without)", path);
    return KUNI_OK;
}

kuni_status indexed_input(const kuni_task *task, const char *kind, size_t number, const char *path,
                          kuni_arena *arena, const char **given, kuni_error *err)
{
    bool binary = has_ending(path, ".bcf");
    *given = path;
    if (!binary && !has_ending(path, ".vcf.gz")) return KUNI_OK;
    kuni_buffer link = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&link, err, "%s/input.%s.%zu.%s", task->scratch, kind,
                                            number, binary ? "bcf" : "vcf.gz");
    if (!status && symlink(path, link.data) != 0)
        status = kuni_fail_errno(err, "cannot link %s", link.data);
    if (!status) status = make_index(task, link.data, binary, err);
    if (!status && !(*given = kuni_arena_strndup(arena, link.data, link.length, err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&link);
    return status;
}
