/* SPDX-License-Identifier: MIT */
/*
 * How the name of a file begins that is not finished when it is whole: who made the name looks at
 * the file, and gives it its own by kuni_file_publish, which flushes it to disk. Before that nobody
 * need.
 */
#ifndef KUNI_CORE_UNFINISHED_H
#define KUNI_CORE_UNFINISHED_H

#define KUNI_TEMPORARY_PREFIX ".kuni-tmp-"

#endif
