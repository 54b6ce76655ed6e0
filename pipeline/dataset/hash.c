/* SPDX-License-Identifier: MIT */
#include "hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kuni_hash_add(kuni_hash *sum, const kuni_hash *element)
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t with = sum->word[i] + carry;
        carry = with < carry;
        sum->word[i] = with + element->word[i];
        carry += sum->word[i] < with;
    }
}

void kuni_hash_subtract(kuni_hash *sum, const kuni_hash *element)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t without = sum->word[i] - borrow;
        borrow = without > sum->word[i];
        sum->word[i] = without - element->word[i];
        borrow += sum->word[i] > without;
    }
}

bool kuni_hash_equal(const kuni_hash *a, const kuni_hash *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
           a->word[3] == b->word[3];
}

static int hex_value(char c)
{
    /* one more than the value; 0: no digit */
    static const signed char values[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};
    return values[(unsigned char)c] - 1;
}

bool kuni_hash_parse(kuni_hash *hash, const char *hex)
{
    for (int i = 0; i < 4; i++) {
        uint64_t word = 0;
        for (int j = 0; j < 16; j++) {
            int value = hex_value(*hex++);
            if (value < 0) return false;
            word = word << 4 | (uint64_t)value;
        }
        hash->word[3 - i] = word;
    }
    return *hex == '\0';
}

void kuni_hash_print(const kuni_hash *hash, char hex[KUNI_DIGEST_HEX_BYTES])
{
    snprintf(hex, KUNI_DIGEST_HEX_BYTES, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
             hash->word[3], hash->word[2], hash->word[1], hash->word[0]);
}

bool kuni_hash_parse_short(uint64_t *key, const char *hex)
{
    if (strspn(hex, "0123456789abcdef") != 16 || hex[16]) return false;
    *key = strtoull(hex, NULL, 16);
    return true;
}

uint64_t kuni_hash_short(const kuni_hash *hash)
{
    return hash->word[3] ? hash->word[3] : 1;
}

void kuni_digest_add_hash(kuni_digest *digest, const kuni_hash *hash)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash_print(hash, hex);
    kuni_digest_add(digest, hex, KUNI_DIGEST_HEX_BYTES - 1);
}

void kuni_digest_finish_hash(kuni_digest *digest, kuni_hash *hash)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_digest_finish(digest, hex);
    if (!kuni_hash_parse(hash, hex)) *hash = (kuni_hash){{0}};
}
