/* SPDX-License-Identifier: MIT */
/* What a kernel has of <sys/types.h>: the type that third-party sources expect from it. */
#pragma once

#include <stddef.h>

typedef ptrdiff_t ssize_t;
