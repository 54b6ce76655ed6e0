/* SPDX-License-Identifier: MIT */
/*
 * Growable byte buffers, an arena, and checked allocation.
 *
 * A kuni_buffer is a byte string that grows; it is always NUL-terminated one past its length, so
 * that text can be read from it. An arena hands out memory that is freed all at once: one per task.
 */
#ifndef KUNI_BUFFER_H
#define KUNI_BUFFER_H

#include "kuni/api.h"
#include "kuni/status.h"

KUNI_API_BEGIN

typedef struct kuni_buffer {
    char *data; /* NUL-terminated once anything was added; NULL when never used */
    size_t length, capacity;
} kuni_buffer;

#define KUNI_BUFFER_INIT {NULL, 0, 0}

/* Makes room for `extra` more bytes (and the NUL). */
KUNI_MUST_CHECK kuni_status kuni_buffer_reserve(kuni_buffer *buffer, size_t extra, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_buffer_append(kuni_buffer *buffer, const void *bytes,
                                               size_t length, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_buffer_printf(kuni_buffer *buffer, kuni_error *err,
                                               const char *format, ...) KUNI_PRINTF(3, 4);
/* Length 0, memory kept. */
void kuni_buffer_clear(kuni_buffer *buffer);
/* Frees the memory; the buffer may be used again. Accepts a zeroed buffer. */
void kuni_buffer_fini(kuni_buffer *buffer);

/*
 * calloc/realloc with checked size arithmetic. The caller owns the memory and frees it with free().
 */
KUNI_MUST_CHECK void *kuni_alloc(size_t count, size_t size, kuni_error *err);
KUNI_MUST_CHECK void *kuni_realloc(void *old, size_t count, size_t size, kuni_error *err);
KUNI_MUST_CHECK char *kuni_strdup(const char *text, kuni_error *err);

/* Grows *array (capacity *capacity elements of `size` bytes) to hold at least `need` elements. */
KUNI_MUST_CHECK kuni_status kuni_grow(void **array, size_t *capacity, size_t need, size_t size,
                                      kuni_error *err);

typedef struct kuni_arena kuni_arena;

KUNI_MUST_CHECK kuni_arena *kuni_arena_new(kuni_error *err);
/* Zeroed memory, aligned for any type; valid until the arena is cleared or freed. */
KUNI_MUST_CHECK void *kuni_arena_alloc(kuni_arena *arena, size_t count, size_t size,
                                       kuni_error *err);
KUNI_MUST_CHECK char *kuni_arena_strndup(kuni_arena *arena, const char *text, size_t length,
                                         kuni_error *err);
/* Forgets all allocations, keeps the memory for the next round. */
void kuni_arena_clear(kuni_arena *arena);
void kuni_arena_free(kuni_arena *arena);

KUNI_API_END

#endif
