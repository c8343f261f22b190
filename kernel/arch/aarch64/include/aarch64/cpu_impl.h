/* SPDX-License-Identifier: MIT */
/* AArch64: arch/cpu.h. The running thread is in TPIDR_EL1. */
#ifndef AARCH64_CPU_IMPL_H
#define AARCH64_CPU_IMPL_H

#define DAIF_IRQ_FIQ 0xc0

static inline struct thread *
arch_current(void)
{
	struct thread *t;
	__asm__("mrs %0, tpidr_el1" : "=r"(t)); /* not volatile: constant for a thread */
	return t;
}

static inline uint64_t
arch_irq_save(void)
{
	uint64_t flags;
	__asm__ volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(flags) : : "memory");
	return flags;
}

static inline void
arch_irq_restore(uint64_t flags)
{
	__asm__ volatile("msr daif, %0" : : "r"(flags) : "memory");
}

static inline void
arch_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #3" : : : "memory");
}

static inline void
arch_irq_disable(void)
{
	__asm__ volatile("msr daifset, #3" : : : "memory");
}

static inline bool
arch_irq_disabled(void)
{
	uint64_t flags;
	__asm__ volatile("mrs %0, daif" : "=r"(flags));
	return (flags & DAIF_IRQ_FIQ) != 0;
}

static inline void
arch_mb(void)
{
	__asm__ volatile("dmb ish" : : : "memory");
}

static inline void
arch_rmb(void)
{
	__asm__ volatile("dmb ishld" : : : "memory");
}

static inline void
arch_wmb(void)
{
	__asm__ volatile("dmb ishst" : : : "memory");
}

static inline void
arch_mb_device(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}

static inline void
arch_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

static inline void
arch_event_wait(void)
{
	__asm__ volatile("wfe" : : : "memory");
}

static inline void
arch_event_send(void)
{
	__asm__ volatile("dsb ishst\n\tsev" : : : "memory");
}

static inline void
arch_idle(void)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

#endif
