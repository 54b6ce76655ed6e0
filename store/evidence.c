/* SPDX-License-Identifier: MIT */
#include "kuni/evidence.h"
