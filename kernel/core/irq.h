/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: numbered as the interrupt controller numbers them (GIC INTIDs). Handlers run with interrupts masked on
 * the CPU that took the interrupt and may not sleep.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include "core/types.h"

typedef void irq_handler_fn(void *arg);

/* What an interrupt controller provides. */
struct irq_chip {
	const char *name;
	uint32_t count;         /* INTIDs 0 .. count - 1 exist */
	void (*init_cpu)(void); /* on each CPU, boot CPU included, before its first interrupt */
	void (*enable)(uint32_t intid, bool edge);
	void (*disable)(uint32_t intid);
	uint32_t (*acknowledge)(void); /* the highest pending interrupt, now active, or IRQ_NONE */
	void (*end)(uint32_t intid);
	void (*send_sgi)(uint32_t cpu, uint32_t sgi); /* cpu: index in cpus[] */
};
#define IRQ_NONE UINT32_MAX
#define IRQ_EDGE 1u

/* SGIs that the kernel uses. */
#define SGI_IPI 0

void irq_init(const struct irq_chip *chip);
const struct irq_chip *irq_chip(void);

/*
 * Calls fn(arg) for intid from now on; a private interrupt (below 32) is enabled on the calling CPU only: others call
 * irq_enable_private(). flags: IRQ_EDGE. 0, -EINVAL (no such interrupt), -EBUSY, -ENOMEM. name must stay.
 */
int irq_request(
	uint32_t intid, irq_handler_fn *fn, void *arg, uint32_t flags, const char *name) MUST_CHECK;
void irq_enable_private(uint32_t intid);
/* Stops delivery and waits until no CPU runs the handler any more. May sleep. */
void irq_release(uint32_t intid);

/* Takes and handles all pending interrupts; from the interrupt vectors. */
void irq_handle(void);

/* For /proc/interrupts. */
typedef void irq_visit_fn(void *ctx, uint32_t intid, const char *name, uint64_t count);
void irq_for_each(irq_visit_fn *fn, void *ctx);

#endif
