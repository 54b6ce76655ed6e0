/* SPDX-License-Identifier: MIT */
#include "kuni/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kuni_status kuni_buffer_reserve(kuni_buffer *buffer, size_t extra, kuni_error *err)
{
    if (extra >= SIZE_MAX / 2 - buffer->length) return kuni_fail_memory(err, extra, 1);
    size_t need = buffer->length + extra + 1;
    if (need <= buffer->capacity) return KUNI_OK;
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < need) capacity += capacity / 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) return kuni_fail_memory(err, capacity, 1);
    if (!buffer->data) data[0] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return KUNI_OK;
}

kuni_status kuni_buffer_append(kuni_buffer *buffer, const void *bytes, size_t length,
                               kuni_error *err)
{
    kuni_status status = kuni_buffer_reserve(buffer, length, err);
    if (status) return status;
    if (length > 0) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return KUNI_OK;
}

kuni_status kuni_buffer_printf(kuni_buffer *buffer, kuni_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) return kuni_fail(err, KUNI_BUG, "format cannot be printed: %s", format);
    kuni_status status = kuni_buffer_reserve(buffer, (size_t)length, err);
    if (status) return status;
    va_start(args, format);
    (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
    return KUNI_OK;
}

void kuni_buffer_clear(kuni_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data) buffer->data[0] = '\0';
}

void kuni_buffer_fini(kuni_buffer *buffer)
{
    free(buffer->data);
    *buffer = (kuni_buffer)KUNI_BUFFER_INIT;
}

void *kuni_alloc(size_t count, size_t size, kuni_error *err)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) (void)kuni_fail_memory(err, count, size);
    return memory;
}

void *kuni_realloc(void *old, size_t count, size_t size, kuni_error *err)
{
    void *memory = reallocarray(old, count ? count : 1, size ? size : 1);
    if (!memory) (void)kuni_fail_memory(err, count, size);
    return memory;
}

char *kuni_strdup(const char *text, kuni_error *err)
{
    char *copy = strdup(text);
    if (!copy) (void)kuni_fail_memory(err, strlen(text) + 1, 1);
    return copy;
}

kuni_status kuni_grow(void **array, size_t *capacity, size_t need, size_t size, kuni_error *err)
{
    if (need <= *capacity) return KUNI_OK;
    size_t wanted = *capacity < 16 ? 16 : *capacity;
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) return kuni_fail_memory(err, need, size);
        wanted += wanted / 2;
    }
    void *memory = kuni_realloc(*array, wanted, size, err);
    if (!memory) return KUNI_MEMORY;
    *array = memory;
    *capacity = wanted;
    return KUNI_OK;
}

/* --- arena: a list of blocks; clearing keeps the largest one --- */

typedef struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
} arena_block;

struct kuni_arena {
    arena_block *blocks; /* the first one is being filled */
};

enum { ARENA_BLOCK_BYTES = 1 << 16 };

kuni_arena *kuni_arena_new(kuni_error *err)
{
    return kuni_alloc(1, sizeof(kuni_arena), err);
}

void *kuni_arena_alloc(kuni_arena *arena, size_t count, size_t size, kuni_error *err)
{
    size_t bytes, align = _Alignof(max_align_t);
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 4) {
        (void)kuni_fail_memory(err, count, size);
        return NULL;
    }
    bytes = (bytes + align - 1) / align * align;
    if (bytes == 0) bytes = align;
    arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        size_t last = block ? block->size : 0;
        size_t room = last < ARENA_BLOCK_BYTES ? ARENA_BLOCK_BYTES
                      : last < (64u << 20)     ? last * 2
                                               : last;
        if (room < bytes) room = bytes;
        block = malloc(sizeof(*block) + room);
        if (!block) {
            (void)kuni_fail_memory(err, count, size);
            return NULL;
        }
        *block = (arena_block){.next = arena->blocks, .size = room, .used = 0};
        arena->blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    memset(memory, 0, bytes);
    return memory;
}

char *kuni_arena_strndup(kuni_arena *arena, const char *text, size_t length, kuni_error *err)
{
    char *copy = kuni_arena_alloc(arena, length + 1, 1, err);
    if (copy && length > 0) memcpy(copy, text, length);
    return copy;
}

static void free_blocks(arena_block *block)
{
    while (block) {
        arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void kuni_arena_clear(kuni_arena *arena)
{
    if (!arena->blocks) return;
    free_blocks(arena->blocks->next); /* the newest is the largest */
    arena->blocks->next = NULL;
    arena->blocks->used = 0;
}

void kuni_arena_free(kuni_arena *arena)
{
    if (!arena) return;
    free_blocks(arena->blocks);
    free(arena);
}
