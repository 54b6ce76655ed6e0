/* SPDX-License-Identifier: MIT */
#include "calls_index.h"

#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <unistd.h>

#include "kuni/buffer.h"
#include "kuni/file.h"

enum { CSI_MIN_SHIFT = 14 };

kuni_status kuni_calls_index(const char *path, kuni_calls_index_kind kind, int threads,
                             kuni_error *err)
{
    bool csi = kind == KUNI_CALLS_CSI;
    kuni_buffer index = KUNI_BUFFER_INIT, made = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&index, err, "%s.%s", path, csi ? "csi" : "tbi");
    if (!status) status = kuni_buffer_printf(&made, err, "%s.tmp", index.data);
    if (!status) {
        int built = csi ? bcf_index_build3(path, made.data, CSI_MIN_SHIFT, threads)
                        : tbx_index_build3(path, made.data, 0, threads, &tbx_conf_vcf);
        if (built < 0) status = kuni_fail(err, KUNI_IO, "cannot index %s", path);
        if (!status) status = kuni_file_publish(made.data, index.data, err);
        if (status) (void)unlink(made.data);
    }
    kuni_buffer_fini(&index);
    kuni_buffer_fini(&made);
    return status;
}
