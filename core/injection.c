/* SPDX-License-Identifier: MIT */
#include "injection.h"

#include <stddef.h>

const kuni_injection *kuni_injected = NULL;
