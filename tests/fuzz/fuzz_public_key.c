/* SPDX-License-Identifier: MIT */
/* Any bytes as a public key: one that something can be sealed to and opened by nobody else, or none. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char secret[KUNI_SEALING_SECRET_BYTES] = {1};
    kuni_public_key key;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer text = KUNI_BUFFER_INIT;
    if (sodium_init() < 0) abort();
    char *copy = malloc(size ? size : 1); /* so that a byte behind it is noticed */
    if (!copy) abort();
    memcpy(copy, data, size);
    if (kuni_public_key_parse(&key, copy, size)) {
        const kuni_sealing sealing = {secret, "r", &key, 1};
        if (kuni_buffer_append(&text, data, size, &err) ||
            kuni_container_seal_text(&sealing, "n", &text, &err) ||
            text.length != 16 + 108 + size + (size + 65535) / 65536 * 28)
            abort();
        kuni_buffer_fini(&text);
    }
    free(copy);
    return 0;
}
