/* SPDX-License-Identifier: MIT */
/*
 * What every public header opens and closes its declarations with: C linkage for C++, and names that
 * the program exports to plugins. What is declared elsewhere is not exported, so that a plugin may
 * have functions of the same name.
 */
#ifndef KUNI_API_H
#define KUNI_API_H

#ifdef __cplusplus
#define KUNI_API_BEGIN                                                                             \
    _Pragma("GCC visibility push(default)") extern "C"                                             \
    {
#define KUNI_API_END                                                                               \
    }                                                                                              \
    _Pragma("GCC visibility pop")
#else
#define KUNI_API_BEGIN _Pragma("GCC visibility push(default)")
#define KUNI_API_END   _Pragma("GCC visibility pop")
#endif

#endif
