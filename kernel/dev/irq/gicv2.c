/* SPDX-License-Identifier: MIT */
/*
 * GICv2 (Arm IHI 0048B): a distributor and a CPU interface, both memory mapped; at most 8 CPUs.
 * All registers that more than one CPU writes are written under core/irq.c's table lock.
 */
#define LOG_SOURCE "gic"
#include "core/cpu.h"
#include "core/log.h"
#include "dev/irq/gic.h"
#include "mm/kmap.h"

#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_BPR  0x08
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10

static volatile void *dist, *cpu_interface; /* [I] */
static uint8_t cpu_target[CPUS_MAX];        /* [own CPU] its bit in target registers */
static uint32_t active_sgi_source[8]; /* [own CPU] source bits of the SGI being handled, for EOI */

static void
init_cpu(void)
{
	uint32_t id = this_cpu()->id;
	mmio_write32(dist, GICD_ICENABLER, 0xffff0000u);
	mmio_write32(dist, GICD_ISENABLER, 0x0000ffffu);
	for (uint32_t i = 0; i < GIC_FIRST_SPI; i += 4)
		mmio_write32(dist, GICD_IPRIORITYR + i, GIC_PRIORITY * 0x01010101u);
	/* The first eight target registers are read-only: they show the reading CPU's own bit. */
	for (uint32_t i = 0; i < GIC_FIRST_SPI && cpu_target[id] == 0; i += 4) {
		uint32_t own = mmio_read32(dist, GICD_ITARGETSR + i);
		cpu_target[id] = (uint8_t)(own | own >> 8 | own >> 16 | own >> 24);
	}
	if (cpu_target[id] == 0)
		cpu_target[id] = 1; /* a uniprocessor GIC reads as zero */
	mmio_write32(cpu_interface, GICC_PMR, 0xff);
	mmio_write32(cpu_interface, GICC_BPR, 0);
	mmio_write32(cpu_interface, GICC_CTLR, 1);
}

static void
enable(uint32_t intid, bool edge)
{
	if (intid >= GIC_FIRST_SPI) {
		uint32_t offset = GICD_ITARGETSR + (intid & ~3u), shift = intid % 4 * 8;
		uint32_t targets = mmio_read32(dist, offset) & ~(0xffu << shift);
		mmio_write32(dist, offset, targets | (uint32_t)cpu_target[0] << shift);
		gic_set_trigger(dist, intid, edge);
	}
	mmio_write32(dist, GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

static void
disable(uint32_t intid)
{
	mmio_write32(dist, GICD_ICENABLER + intid / 32 * 4, 1u << intid % 32);
}

static uint32_t
acknowledge(void)
{
	uint32_t iar = mmio_read32(cpu_interface, GICC_IAR);
	uint32_t intid = iar & 0x3ff;
	if (intid >= GIC_SPURIOUS)
		return IRQ_NONE;
	if (intid < 16)
		active_sgi_source[this_cpu()->id & 7] = iar & 0x1c00;
	return intid;
}

static void
end(uint32_t intid)
{
	uint32_t source = intid < 16 ? active_sgi_source[this_cpu()->id & 7] : 0;
	mmio_write32(cpu_interface, GICC_EOIR, intid | source);
}

static void
send_sgi(uint32_t cpu, uint32_t sgi)
{
	arch_mb_device();
	mmio_write32(dist, GICD_SGIR, (uint32_t)cpu_target[cpu] << 16 | sgi);
}

static struct irq_chip gicv2 = {
	.name = "GICv2",
	.init_cpu = init_cpu,
	.enable = enable,
	.disable = disable,
	.acknowledge = acknowledge,
	.end = end,
	.send_sgi = send_sgi,
};

const struct irq_chip *
gicv2_init(const struct platform_gic *gic)
{
	dist = kmap_device(gic->distributor.base, gic->distributor.size);
	cpu_interface = kmap_device(gic->cpu_interface.base, gic->cpu_interface.size);
	if (dist == NULL || cpu_interface == NULL) {
		log_crit("the GICv2 cannot be mapped");
		return NULL;
	}
	mmio_write32(dist, GICD_CTLR, 0);
	gicv2.count = gicd_count(dist);
	gicd_reset_spis(dist, gicv2.count);
	mmio_write32(dist, GICD_CTLR, 1);
	return gicd_answers(dist, 1) ? &gicv2 : NULL;
}
