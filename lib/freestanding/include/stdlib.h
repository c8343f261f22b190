/* SPDX-License-Identifier: MIT */
/* What a kernel has of <stdlib.h>: third-party sources include it for abort(), which lib/freestanding/sodium.c has. */
#pragma once

#include <stddef.h>

_Noreturn void abort(void);
