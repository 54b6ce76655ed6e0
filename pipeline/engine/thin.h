/* SPDX-License-Identifier: MIT */
/* Gives up files whose bytes stand in a published one. Rank 0 only. */
#ifndef KUNI_ENGINE_THIN_H
#define KUNI_ENGINE_THIN_H

#include "ledger.h"

/*
 * Leaves stubs (stub.h) of the pieces of what all ranks wrote and published: calls of shards and the
 * like. To be called once it is published. Small pieces stay, those that lie in packs, and those that are
 * several pieces.
 */
KUNI_MUST_CHECK kuni_status kuni_thin(const kuni_ledger *ledger, kuni_error *err);

#endif
