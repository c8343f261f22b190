/* SPDX-License-Identifier: MIT */
/* The kernel's own symbols, for backtraces: a table that the build makes from the linked kernel. */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include "core/types.h"

/*
 * The function that contains pc and pc's offset in it; NULL: unknown. Any context. The name, cut at 63 bytes, stays valid
 * for a few further calls: it is for printing at once.
 */
const char *symbol_find(uint64_t pc, uint64_t *offset);

#endif
