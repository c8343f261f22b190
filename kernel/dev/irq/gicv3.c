/* SPDX-License-Identifier: MIT */
/*
 * GICv3 (Arm IHI 0069): a distributor, a redistributor per CPU, the CPU interface in system registers. Group 1
 * interrupts, affinity routing.
 * All registers that more than one CPU writes are written under core/irq.c's table lock.
 */
#define LOG_SOURCE "gic"
#include "core/cpu.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/timer.h"
#include "dev/irq/gic.h"
#include "mm/kmap.h"
#include "mm/slab.h"

#include <aarch64/sysregs.h>

#define GICD_CTLR_GRP1 (1u << 1)
#define GICD_CTLR_ARE  (1u << 4)
#define GICD_CTLR_RWP  (1u << 31)

#define GICR_TYPER_LO              0x08
#define GICR_TYPER_HI              0x0c
#define GICR_WAKER                 0x14
#define GICR_SGI_FRAME             0x10000
#define GICR_FRAME                 0x20000 /* two 64 KiB frames; four with VLPIs (GICv4) */
#define GICR_TYPER_VLPIS           (1u << 1)
#define GICR_TYPER_LAST            (1u << 4)
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)

struct redistributor_region {
	volatile char *base;
	uint64_t size;
};

static volatile void *dist;                    /* [I] */
static struct redistributor_region *regions;   /* [I] */
static uint32_t region_count;                  /* [I] */
static uint64_t region_stride;                 /* [I] 0: by TYPER */
static volatile char *redistributor[CPUS_MAX]; /* [own CPU] */

/* Waits while register & bits is not zero, at most a second: hardware that never answers is a dead machine. */
static void
wait_clear(const volatile void *base, uint32_t offset, uint32_t bits)
{
	nsec_t deadline = time_now() + NSEC_PER_SEC;
	bool late =
		false; /* looked at before the register: a host may let this CPU wait between the two */
	while (mmio_read32(base, offset) & bits) {
		if (late)
			panic("GICv3: register %#x keeps bits %#x", offset, bits);
		late = time_now() > deadline;
	}
}

/* The redistributor whose affinity is this CPU's. */
static volatile char *
find_redistributor(uint64_t hwid)
{
	uint32_t affinity = (uint32_t)((hwid >> 8 & 0xff000000) | (hwid & 0xffffff));
	for (uint32_t i = 0; i < region_count; i++) {
		volatile char *r = regions[i].base;
		while (r + GICR_FRAME <= regions[i].base + regions[i].size) {
			uint32_t type = mmio_read32(r, GICR_TYPER_LO);
			if (mmio_read32(r, GICR_TYPER_HI) == affinity)
				return r;
			if (type & GICR_TYPER_LAST)
				break;
			r += region_stride != 0           ? region_stride
				: type & GICR_TYPER_VLPIS ? 2 * GICR_FRAME
							  : GICR_FRAME;
		}
	}
	return NULL;
}

static void
init_cpu(void)
{
	struct cpu *cpu = this_cpu();
	volatile char *r = find_redistributor(cpu->hwid);
	if (r == NULL)
		panic("GICv3: no redistributor for CPU %u (affinity %#llx)", cpu->id,
			(unsigned long long)cpu->hwid);
	redistributor[cpu->id] = r;
	mmio_write32(r, GICR_WAKER, mmio_read32(r, GICR_WAKER) & ~GICR_WAKER_PROCESSOR_SLEEP);
	wait_clear(r, GICR_WAKER, GICR_WAKER_CHILDREN_ASLEEP);

	volatile char *sgi = r + GICR_SGI_FRAME;
	mmio_write32(sgi, GICD_IGROUPR, UINT32_MAX);
	mmio_write32(sgi, GICD_ICENABLER, 0xffff0000u);
	mmio_write32(sgi, GICD_ISENABLER, 0x0000ffffu);
	for (uint32_t i = 0; i < GIC_FIRST_SPI; i += 4)
		mmio_write32(sgi, GICD_IPRIORITYR + i, GIC_PRIORITY * 0x01010101u);

	sysreg_write(S3_0_C12_C12_5, sysreg_read(S3_0_C12_C12_5) | 1); /* ICC_SRE_EL1.SRE */
	__asm__ volatile("isb");
	sysreg_write(S3_0_C4_C6_0, 0xff); /* ICC_PMR_EL1: everything */
	sysreg_write(S3_0_C12_C12_3, 0);  /* ICC_BPR1_EL1 */
	sysreg_write(S3_0_C12_C12_4, 0);  /* ICC_CTLR_EL1: EOI drops priority and deactivates */
	sysreg_write(S3_0_C12_C12_7, 1);  /* ICC_IGRPEN1_EL1 */
	__asm__ volatile("isb");
}

static void
enable(uint32_t intid, bool edge)
{
	if (intid < GIC_FIRST_SPI) {
		mmio_write32(redistributor[this_cpu()->id] + GICR_SGI_FRAME, GICD_ISENABLER,
			1u << intid);
		return;
	}
	uint64_t target = cpus[0]->hwid & 0xff00ffffffULL;
	mmio_write32(dist, GICD_IROUTER + 8 * intid, (uint32_t)target);
	mmio_write32(dist, GICD_IROUTER + 8 * intid + 4, (uint32_t)(target >> 32));
	gic_set_trigger(dist, intid, edge);
	mmio_write32(dist, GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

static void
disable(uint32_t intid)
{
	if (intid < GIC_FIRST_SPI) {
		mmio_write32(redistributor[this_cpu()->id] + GICR_SGI_FRAME, GICD_ICENABLER,
			1u << intid);
		return;
	}
	mmio_write32(dist, GICD_ICENABLER + intid / 32 * 4, 1u << intid % 32);
	wait_clear(dist, GICD_CTLR, GICD_CTLR_RWP);
}

static uint32_t
acknowledge(void)
{
	uint32_t intid = (uint32_t)sysreg_read(S3_0_C12_C12_0) & 0xffffff; /* ICC_IAR1_EL1 */
	__asm__ volatile("dsb sy" : : : "memory");
	return intid >= GIC_SPURIOUS && intid < 1024 ? IRQ_NONE : intid;
}

static void
end(uint32_t intid)
{
	sysreg_write(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

static void
send_sgi(uint32_t cpu, uint32_t sgi)
{
	uint64_t id = cpus[cpu]->hwid;
	uint64_t aff0 = id & 0xff, range = aff0 / 16;
	uint64_t value = (uint64_t)sgi << 24 | (id >> 8 & 0xff) << 16 | (id >> 16 & 0xff) << 32 |
		(id >> 32 & 0xff) << 48 | range << 44 | 1ULL << (aff0 % 16);
	arch_mb_device();
	sysreg_write(S3_0_C12_C11_5, value); /* ICC_SGI1R_EL1 */
	__asm__ volatile("isb");
}

static struct irq_chip gicv3 = {
	.name = "GICv3",
	.init_cpu = init_cpu,
	.enable = enable,
	.disable = disable,
	.acknowledge = acknowledge,
	.end = end,
	.send_sgi = send_sgi,
};

static bool
map_regions(const struct platform_gic *gic)
{
	regions = kcalloc(gic->redistributor_count, sizeof(*regions));
	if (regions == NULL)
		return false;
	for (uint32_t i = 0; i < gic->redistributor_count; i++) {
		regions[i].size = gic->redistributors[i].size;
		regions[i].base = kmap_device(gic->redistributors[i].base, regions[i].size);
		if (regions[i].base == NULL)
			return false;
	}
	region_count = gic->redistributor_count;
	region_stride = gic->redistributor_stride;
	return true;
}

const struct irq_chip *
gicv3_init(const struct platform_gic *gic)
{
	dist = kmap_device(gic->distributor.base, gic->distributor.size);
	if (dist == NULL || !map_regions(gic)) {
		log_crit("the GICv3 cannot be mapped");
		return NULL;
	}
	mmio_write32(dist, GICD_CTLR, 0);
	wait_clear(dist, GICD_CTLR, GICD_CTLR_RWP);
	gicv3.count = gicd_count(dist);
	gicd_reset_spis(dist, gicv3.count);
	for (uint32_t i = GIC_FIRST_SPI; i < gicv3.count; i += 32)
		mmio_write32(dist, GICD_IGROUPR + i / 8, UINT32_MAX);
	mmio_write32(dist, GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP1);
	wait_clear(dist, GICD_CTLR, GICD_CTLR_RWP);
	return gicd_answers(dist, GICD_CTLR_ARE | GICD_CTLR_GRP1) ? &gicv3 : NULL;
}
