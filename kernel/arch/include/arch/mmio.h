/* SPDX-License-Identifier: MIT */
/*
 * Device registers. Plain load and store instructions without write-back, which hypervisors can emulate, ordered
 * against memory that device and driver share: a read comes before later accesses to it, a write after earlier ones.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "core/types.h"

static inline uint8_t arch_mmio_read8(const volatile void *p);
static inline uint16_t arch_mmio_read16(const volatile void *p);
static inline uint32_t arch_mmio_read32(const volatile void *p);
static inline void arch_mmio_write8(volatile void *p, uint8_t value);
static inline void arch_mmio_write16(volatile void *p, uint16_t value);
static inline void arch_mmio_write32(volatile void *p, uint32_t value);

#include <aarch64/mmio_impl.h>

#endif
