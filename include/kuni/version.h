/* SPDX-License-Identifier: MIT */
/* The one place that holds the version. */
#ifndef KUNI_VERSION_H
#define KUNI_VERSION_H

#define KUNI_VERSION "0.1.0"

#endif
