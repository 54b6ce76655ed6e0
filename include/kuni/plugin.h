/* SPDX-License-Identifier: MIT */
/*
 * What a stage in a shared object (`plugin: ./libmine.so`) includes beside stage.h:
 *
 *   static const kuni_stage stage = {.name = "mine", ...};
 *   KUNI_PLUGIN(stage)
 *
 * The macro exports the stage and the number of the binary interface that the plugin was built for.
 * kuni loads no plugin of another number: fields of the public structs may have moved since.
 */
#ifndef KUNI_PLUGIN_H
#define KUNI_PLUGIN_H

#include "kuni/stage.h"

/*
 * The binary interface: layout of the public structs, values of the enums, prototypes of the public
 * functions. tests/abi/layout holds them against what is kept in tests/abi/interface.txt, so that a
 * change cannot be made without raising the number.
 */
#define KUNI_PLUGIN_ABI 2

/* Names of the two functions that KUNI_PLUGIN defines. */
#define KUNI_PLUGIN_ABI_SYMBOL "kuni_plugin_abi"
#define KUNI_PLUGIN_SYMBOL     "kuni_plugin_stage"

KUNI_API_BEGIN

typedef int kuni_plugin_abi_function(void);
typedef const kuni_stage *kuni_plugin_function(void);

KUNI_API_END

#ifdef __cplusplus
#define KUNI_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define KUNI_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/* Once a plugin, outside of any function: `stage` is a kuni_stage that lives as long as the plugin. */
#define KUNI_PLUGIN(stage)                                                                         \
    KUNI_PLUGIN_EXPORT int kuni_plugin_abi(void);                                                  \
    KUNI_PLUGIN_EXPORT const kuni_stage *kuni_plugin_stage(void);                                  \
    KUNI_PLUGIN_EXPORT int kuni_plugin_abi(void)                                                   \
    {                                                                                              \
        return KUNI_PLUGIN_ABI;                                                                    \
    }                                                                                              \
    KUNI_PLUGIN_EXPORT const kuni_stage *kuni_plugin_stage(void)                                   \
    {                                                                                              \
        return &(stage);                                                                           \
    }

#endif
