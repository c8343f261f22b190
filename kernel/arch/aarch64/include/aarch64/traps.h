/* SPDX-License-Identifier: MIT */
/* The exception vectors' C side. */
#ifndef AARCH64_TRAPS_H
#define AARCH64_TRAPS_H

#include <aarch64/thread_impl.h>

#endif
