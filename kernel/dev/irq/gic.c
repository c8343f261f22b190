/* SPDX-License-Identifier: MIT */
/* What the GIC versions share. */
#define LOG_SOURCE "gic"
#include "dev/irq/gic.h"

#include "core/log.h"

void
gicd_reset_spis(volatile void *dist, uint32_t count)
{
	for (uint32_t i = GIC_FIRST_SPI; i < count; i += 32) {
		mmio_write32(dist, GICD_ICENABLER + i / 8, UINT32_MAX);
		mmio_write32(dist, GICD_ICPENDR + i / 8, UINT32_MAX);
		mmio_write32(dist, GICD_ICACTIVER + i / 8, UINT32_MAX);
	}
	for (uint32_t i = GIC_FIRST_SPI; i < count; i += 4)
		mmio_write32(dist, GICD_IPRIORITYR + i, GIC_PRIORITY * 0x01010101u);
	for (uint32_t i = GIC_FIRST_SPI; i < count; i += 16)
		mmio_write32(dist, GICD_ICFGR + i / 4, 0);
}

bool
gicd_answers(volatile void *dist, uint32_t enabled)
{
	uint32_t ctlr = mmio_read32(dist, GICD_CTLR);
	if (ctlr != UINT32_MAX && (ctlr & enabled) == enabled)
		return true;
	log_crit("the device tree's interrupt controller is not there: GICD_CTLR=%#x", ctlr);
	return false;
}

void
gic_set_trigger(volatile void *base, uint32_t intid, bool edge)
{
	uint32_t offset = GICD_ICFGR + intid / 16 * 4;
	uint32_t bit = 2u << (intid % 16 * 2);
	uint32_t old = mmio_read32(base, offset);
	mmio_write32(base, offset, edge ? old | bit : old & ~bit);
}

const struct irq_chip *
gic_init(const struct platform *platform)
{
	switch (platform->gic.version) {
	case 2:
		return gicv2_init(&platform->gic);
	case 3:
		return gicv3_init(&platform->gic);
	default:
		log_crit("no interrupt controller that swos knows (GICv2 or GICv3) in the device "
			 "tree");
		return NULL;
	}
}
