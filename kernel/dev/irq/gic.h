/* SPDX-License-Identifier: MIT */
/* Arm's generic interrupt controllers. Which one, and where, comes from the platform's tables, never from probing. */
#ifndef DEV_IRQ_GIC_H
#define DEV_IRQ_GIC_H

#include "core/irq.h"
#include "fdt/platform.h"

/* The chip for what the platform has; NULL with the reason logged. May sleep. */
const struct irq_chip *gic_init(const struct platform *platform);
const struct irq_chip *gicv2_init(const struct platform_gic *gic);
const struct irq_chip *gicv3_init(const struct platform_gic *gic);

/* Registers that versions 2 and 3 share, from the distributor's base. IHI 0048B, IHI 0069. */
#define GICD_CTLR       0x0000
#define GICD_TYPER      0x0004
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_ICPENDR    0x0280
#define GICD_ICACTIVER  0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ITARGETSR  0x0800
#define GICD_ICFGR      0x0c00
#define GICD_SGIR       0x0f00
#define GICD_IROUTER    0x6000

#define GIC_PRIORITY  0xa0 /* all alike: the kernel does not nest interrupts */
#define GIC_FIRST_SPI 32
#define GIC_SPURIOUS  1020 /* 1020..1023 */

static inline uint32_t
mmio_read32(const volatile void *base, uint32_t offset)
{
	return *(const volatile uint32_t *)((const volatile char *)base + offset);
}

static inline void
mmio_write32(volatile void *base, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)((volatile char *)base + offset) = value;
}

/* The number of INTIDs that a distributor implements. */
static inline uint32_t
gicd_count(const volatile void *dist)
{
	return min(((mmio_read32(dist, GICD_TYPER) & 31) + 1) * 32, (uint32_t)GIC_SPURIOUS);
}

/* Disabled, inactive, not pending, of our priority, level-triggered: the shared interrupts [32, count). */
void gicd_reset_spis(volatile void *dist, uint32_t count);
/* Whether the distributor keeps what was written to GICD_CTLR: what the device tree names may be nothing. Says if not. */
bool gicd_answers(volatile void *dist, uint32_t enabled);
/* Edge or level; registers at base + GICD_ICFGR. */
void gic_set_trigger(volatile void *base, uint32_t intid, bool edge);

#endif
