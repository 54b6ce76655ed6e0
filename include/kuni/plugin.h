/* SPDX-License-Identifier: MIT */
/*
 * What a stage in a shared object (`plugin: ./libmine.so`) includes beside stage.h:
 *
 *   static const kuni_stage stage = {.name = "mine", ...};
 *   KUNI_PLUGIN(stage)
 *
 * The macro exports the stage, the number of the binary interface that the plugin was built for, and
 * how its compiler laid out the public structs. kuni loads no plugin of another number or layout:
 * fields of the structs may have moved since.
 */
#ifndef KUNI_PLUGIN_H
#define KUNI_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "kuni/layout.h"
#include "kuni/stage.h"

/*
 * The binary interface: layout of the public structs, values of the enums, prototypes of the public
 * functions. tests/abi/layout holds them against what is kept in tests/abi/interface.txt, so that a
 * change cannot be made without raising the number; `tests/abi/layout --update` raises it.
 */
#define KUNI_PLUGIN_ABI 21

/* Names of the functions that KUNI_PLUGIN defines. */
#define KUNI_PLUGIN_ABI_SYMBOL    "kuni_plugin_abi"
#define KUNI_PLUGIN_LAYOUT_SYMBOL "kuni_plugin_layout"
#define KUNI_PLUGIN_SYMBOL        "kuni_plugin_stage"

KUNI_API_BEGIN

typedef int kuni_plugin_abi_function(void);
typedef const int64_t *kuni_plugin_layout_function(size_t *count);
typedef const kuni_stage *kuni_plugin_function(void);

/*
 * What the compiler at hand makes of KUNI_LAYOUT: two numbers an entry, of a struct its size and 0, of
 * a field offset and size, of an enumerator value and 0. Static memory; *count: how many numbers.
 */
#define KUNI_LAYOUT_OF_STRUCT(type) (int64_t)sizeof(type), 0,
#define KUNI_LAYOUT_OF_FIELD(type, field)                                                          \
    (int64_t)offsetof(type, field), (int64_t)sizeof(((type *)0)->field),
#define KUNI_LAYOUT_OF_VALUE(name) (int64_t)(name), 0,
static inline const int64_t *kuni_layout_here(size_t *count)
{
    static const int64_t numbers[] = {
        KUNI_LAYOUT(KUNI_LAYOUT_OF_STRUCT, KUNI_LAYOUT_OF_FIELD, KUNI_LAYOUT_OF_VALUE)};
    *count = sizeof(numbers) / sizeof(numbers[0]);
    return numbers;
}

KUNI_API_END

#ifdef __cplusplus
#define KUNI_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define KUNI_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/* Once a plugin, outside of any function: `stage` is a kuni_stage that lives as long as the plugin. */
#define KUNI_PLUGIN(stage)                                                                         \
    KUNI_PLUGIN_EXPORT int kuni_plugin_abi(void);                                                  \
    KUNI_PLUGIN_EXPORT const int64_t *kuni_plugin_layout(size_t *count);                           \
    KUNI_PLUGIN_EXPORT const kuni_stage *kuni_plugin_stage(void);                                  \
    KUNI_PLUGIN_EXPORT int kuni_plugin_abi(void)                                                   \
    {                                                                                              \
        return KUNI_PLUGIN_ABI;                                                                    \
    }                                                                                              \
    KUNI_PLUGIN_EXPORT const int64_t *kuni_plugin_layout(size_t *count)                            \
    {                                                                                              \
        return kuni_layout_here(count);                                                            \
    }                                                                                              \
    KUNI_PLUGIN_EXPORT const kuni_stage *kuni_plugin_stage(void)                                   \
    {                                                                                              \
        return &(stage);                                                                           \
    }

#endif
