/* SPDX-License-Identifier: MIT */
/* The page of time data in front of the vDSO's code, which the kernel writes and programs read. */
#ifndef AARCH64_VDSO_DATA_H
#define AARCH64_VDSO_DATA_H

#include <stdint.h>

struct vdso_data {
	uint32_t seq; /* odd while the rest is being changed */
	uint32_t pad;
	uint64_t base_ticks;      /* the counter at monotonic time 0 */
	uint64_t mult;            /* nanoseconds = ticks * mult >> 32 */
	uint64_t realtime_offset; /* nanoseconds since 1970 at monotonic time 0 */
};

#endif
