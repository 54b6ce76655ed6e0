/* SPDX-License-Identifier: MIT */
#include "estimates.h"

/* The struct is nothing but int64_t: coded as an array, so that a field is added in one place. */
enum { N_VALUES = sizeof(kuni_qc_estimates) / sizeof(int64_t) };

kuni_status kuni_qc_estimates_encode(const kuni_qc_estimates *estimates, kuni_buffer *out,
                                     kuni_error *err)
{
    const int64_t *values = &estimates->fit;
    kuni_status status = kuni_qc_put_varint(out, N_VALUES, err);
    for (size_t i = 0; i < N_VALUES && !status; i++)
        status = kuni_qc_put_signed(out, values[i], err);
    return status;
}

bool kuni_qc_estimates_decode(kuni_qc_bytes *bytes, kuni_qc_estimates *estimates)
{
    int64_t *values = &estimates->fit;
    if (kuni_qc_get_varint(bytes) != N_VALUES) return false;
    for (size_t i = 0; i < N_VALUES; i++) values[i] = kuni_qc_get_signed(bytes);
    return !bytes->bad && estimates->n_pcs >= 0 && estimates->n_pcs <= KUNI_QC_PCS_MAX;
}
