/* SPDX-License-Identifier: MIT */
/* AArch64: arch/mmio.h. The barriers are of the outer shareable domain, where devices are. */
#ifndef AARCH64_MMIO_IMPL_H
#define AARCH64_MMIO_IMPL_H

#define MMIO_READ(name, type, insn)                             \
	static inline type name(const volatile void *p)         \
	{                                                       \
		uint32_t value;                                 \
		__asm__ volatile(insn " %w0, [%1]\n\tdmb oshld" \
			: "=r"(value)                           \
			: "r"(p)                                \
			: "memory");                            \
		return (type)value;                             \
	}
#define MMIO_WRITE(name, type, insn)                             \
	static inline void name(volatile void *p, type value)    \
	{                                                        \
		__asm__ volatile("dmb osh\n\t" insn " %w0, [%1]" \
			:                                        \
			: "r"((uint32_t)value), "r"(p)           \
			: "memory");                             \
	}

MMIO_READ(arch_mmio_read8, uint8_t, "ldrb")
MMIO_READ(arch_mmio_read16, uint16_t, "ldrh")
MMIO_READ(arch_mmio_read32, uint32_t, "ldr")
MMIO_WRITE(arch_mmio_write8, uint8_t, "strb")
MMIO_WRITE(arch_mmio_write16, uint16_t, "strh")
MMIO_WRITE(arch_mmio_write32, uint32_t, "str")

#undef MMIO_READ
#undef MMIO_WRITE

#endif
