/* SPDX-License-Identifier: MIT */
/*
 * The vDSO: code of the kernel's that every program has mapped, with the page of time data that it reads.
 */
#ifndef ARCH_VDSO_H
#define ARCH_VDSO_H

#include "core/types.h"

struct time_scale;
struct vm_space;

/* Boot, once pages can be allocated. */
void vdso_init(void);
/*
 * Maps it into a new program's space below mmap_base; sets space->vdso, the address of its ELF header
 * (AT_SYSINFO_EHDR). -ENOMEM.
 */
int vdso_map(struct vm_space *space) MUST_CHECK;
/* Where a handler without a restorer of its own returns to. */
uint64_t vdso_sigreturn_address(uint64_t vdso);
/* New time parameters: ticks to nanoseconds, and nanoseconds from boot to 1970. Any context; callers serialise. */
void vdso_update(const struct time_scale *scale, uint64_t realtime_offset);

#endif
