/* SPDX-License-Identifier: MIT */
/* Seeds for fuzz_evidence: small evidence files of various shapes. Usage: make_evidence_corpus
 * FOLDER */
#include "evidence_cohort.h"

int main(int argc, char **argv)
{
    if (argc != 2) return KUNI_USAGE;
    for (uint32_t i = 0; i < 12; i++) {
        char path[4096];
        test_cohort cohort;
        kuni_error err = KUNI_ERROR_INIT;
        snprintf(path, sizeof(path), "%s/seed%u", argv[1], i);
        kuni_span shard = {.tid = 0, .beg = 65536 - 100 * (i % 3), .end = 65536 + 60 + 300 * i};
        test_cohort_make(&cohort, shard, i % 5, 30 + 40 * (i % 4), i % 4, i);
        kuni_status status = test_cohort_write(&cohort, path, NULL, &err);
        test_cohort_fini(&cohort);
        if (status) {
            fprintf(stderr, "%s\n", err.text);
            return status;
        }
    }
    return KUNI_OK;
}
