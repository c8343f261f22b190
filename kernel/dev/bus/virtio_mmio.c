/* SPDX-License-Identifier: MIT */
/* The memory-mapped transport, version 2: registers, interrupts. */
#define LOG_SOURCE "virtio"
#include "dev/bus/virtio_mmio.h"

#include <string.h>

#include "arch/mmio.h"
#include "base/fmt.h"
#include "core/irq.h"
#include "core/log.h"
#include "dev/bus/virtio.h"
#include "mm/kmap.h"
#include "mm/slab.h"

/* VIRTIO 1.2, table 4.1. */
#define REG_MAGIC             0x000
#define REG_VERSION           0x004
#define REG_DEVICE_ID         0x008
#define REG_FEATURES          0x010
#define REG_FEATURES_SEL      0x014
#define REG_DRIVER_FEATURES   0x020
#define REG_DRIVER_SEL        0x024
#define REG_QUEUE_SEL         0x030
#define REG_QUEUE_MAX         0x034
#define REG_QUEUE_SIZE        0x038
#define REG_QUEUE_READY       0x044
#define REG_QUEUE_NOTIFY      0x050
#define REG_INTERRUPT_STATUS  0x060
#define REG_INTERRUPT_ACK     0x064
#define REG_STATUS            0x070
#define REG_QUEUE_DESC        0x080 /* three 64-bit addresses, low word first */
#define REG_QUEUE_AVAIL       0x090
#define REG_QUEUE_USED        0x0a0
#define REG_CONFIG_GENERATION 0x0fc
#define REG_CONFIG            0x100

#define MAGIC           0x74726976 /* "virt" */
#define VERSION_LEGACY  1
#define VERSION_CURRENT 2

struct virtio_mmio {
	struct virtio_device dev;
	volatile char *regs; /* [I] */
	size_t size;         /* [I] of regs */
	uint32_t intid;      /* [I] */
};

static struct virtio_mmio *
mmio_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_mmio, dev);
}

static uint32_t
read_reg(const struct virtio_mmio *m, uint32_t reg)
{
	return arch_mmio_read32(m->regs + reg);
}

static void
write_reg(const struct virtio_mmio *m, uint32_t reg, uint32_t value)
{
	arch_mmio_write32(m->regs + reg, value);
}

static uint64_t
get_features(struct virtio_device *dev)
{
	const struct virtio_mmio *m = mmio_of(dev);
	write_reg(m, REG_FEATURES_SEL, 1);
	uint64_t high = read_reg(m, REG_FEATURES);
	write_reg(m, REG_FEATURES_SEL, 0);
	return high << 32 | read_reg(m, REG_FEATURES);
}

static void
set_features(struct virtio_device *dev, uint64_t features)
{
	const struct virtio_mmio *m = mmio_of(dev);
	write_reg(m, REG_DRIVER_SEL, 1);
	write_reg(m, REG_DRIVER_FEATURES, (uint32_t)(features >> 32));
	write_reg(m, REG_DRIVER_SEL, 0);
	write_reg(m, REG_DRIVER_FEATURES, (uint32_t)features);
}

static uint8_t
get_status(struct virtio_device *dev)
{
	return (uint8_t)read_reg(mmio_of(dev), REG_STATUS);
}

static void
set_status(struct virtio_device *dev, uint8_t status)
{
	write_reg(mmio_of(dev), REG_STATUS, status);
}

static uint16_t
queue_max(struct virtio_device *dev, uint16_t index)
{
	const struct virtio_mmio *m = mmio_of(dev);
	write_reg(m, REG_QUEUE_SEL, index);
	return (uint16_t)min(read_reg(m, REG_QUEUE_MAX), (uint32_t)VIRTQUEUE_SIZE_MAX);
}

static void
write_address(const struct virtio_mmio *m, uint32_t reg, paddr_t pa)
{
	write_reg(m, reg, (uint32_t)pa);
	write_reg(m, reg + 4, (uint32_t)(pa >> 32));
}

static int
queue_enable(struct virtio_device *dev, uint16_t index, uint16_t size, paddr_t desc, paddr_t avail,
	paddr_t used)
{
	const struct virtio_mmio *m = mmio_of(dev);
	write_reg(m, REG_QUEUE_SEL, index);
	if (read_reg(m, REG_QUEUE_READY) != 0)
		return -EBUSY;
	write_reg(m, REG_QUEUE_SIZE, size);
	write_address(m, REG_QUEUE_DESC, desc);
	write_address(m, REG_QUEUE_AVAIL, avail);
	write_address(m, REG_QUEUE_USED, used);
	write_reg(m, REG_QUEUE_READY, 1);
	return read_reg(m, REG_QUEUE_READY) == 1 ? 0 : -EIO;
}

static void
notify(struct virtio_device *dev, uint16_t index)
{
	write_reg(mmio_of(dev), REG_QUEUE_NOTIFY, index);
}

/* Fields are read in their own width, 64-bit ones as two words (section 4.2.2.2). */
static void
config_read(struct virtio_device *dev, uint32_t offset, void *out, size_t n)
{
	const volatile char *p = mmio_of(dev)->regs + REG_CONFIG + offset;
	uint8_t *to = out;
	if ((n == 4 || n == 8) && offset % 4 == 0) {
		for (size_t i = 0; i < n; i += 4) {
			uint32_t word = arch_mmio_read32(p + i);
			memcpy(to + i, &word, sizeof(word));
		}
	} else if (n == 2 && offset % 2 == 0) {
		uint16_t half = arch_mmio_read16(p);
		memcpy(to, &half, sizeof(half));
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = arch_mmio_read8(p + i);
	}
}

static uint32_t
config_generation(struct virtio_device *dev)
{
	return read_reg(mmio_of(dev), REG_CONFIG_GENERATION);
}

static const struct virtio_transport transport = {
	.get_features = get_features,
	.set_features = set_features,
	.get_status = get_status,
	.set_status = set_status,
	.queue_max = queue_max,
	.queue_enable = queue_enable,
	.notify = notify,
	.config_read = config_read,
	.config_generation = config_generation,
};

static void
interrupt(void *arg)
{
	struct virtio_mmio *m = arg;
	uint32_t what = read_reg(m, REG_INTERRUPT_STATUS);
	write_reg(m, REG_INTERRUPT_ACK, what);
	virtio_interrupt(&m->dev, what);
	/* A device that was given up may hold its line for ever. */
	if (unlikely(atomic_load_explicit(&m->dev.failed, memory_order_relaxed)))
		irq_chip()->disable(m->intid);
}

/* Whether there is a device to drive; says what else is there. */
static bool
identify(struct virtio_mmio *m)
{
	static _Atomic bool legacy_said;
	if (read_reg(m, REG_MAGIC) != MAGIC) {
		log_warn("%s: no virtio registers there", m->dev.name);
		return false;
	}
	uint32_t version = read_reg(m, REG_VERSION);
	m->dev.id = read_reg(m, REG_DEVICE_ID);
	if (m->dev.id == 0 || version == VERSION_CURRENT)
		return m->dev.id != 0;
	if (version != VERSION_LEGACY)
		log_warn("%s: unknown version %u", m->dev.name, version);
	else if (!atomic_exchange_explicit(&legacy_said, true, memory_order_relaxed))
		log_warn("%s: legacy virtio devices are not driven: start QEMU with "
			 "-global virtio-mmio.force-legacy=false",
			m->dev.name);
	return false;
}

static int
attach(struct virtio_mmio *m, uint32_t irq_flags)
{
	int err = irq_request(m->intid, interrupt, m, irq_flags, m->dev.name);
	if (err != 0) {
		log_warn("%s: no interrupt: intid=%u err=%d", m->dev.name, m->intid, err);
		return err;
	}
	err = virtio_attach(&m->dev);
	if (err == -ENODEV)
		log_info("%s: no driver for devices of type %u", m->dev.name, m->dev.id);
	if (err != 0)
		irq_release(m->intid);
	return err;
}

void
virtio_mmio_probe(paddr_t base, uint64_t size, uint32_t intid, uint32_t irq_flags)
{
	if (size < REG_CONFIG || size > UINT32_MAX) {
		log_warn("virtio-mmio@%llx: %llu bytes of registers make no device",
			(unsigned long long)base, (unsigned long long)size);
		return;
	}
	struct virtio_mmio *m = kzalloc(sizeof(*m));
	if (m == NULL)
		goto no_memory;
	m->size = size;
	m->intid = intid;
	m->dev.transport = &transport;
	m->dev.config_size = (uint32_t)(size - REG_CONFIG);
	base_snprintf(
		m->dev.name, sizeof(m->dev.name), "virtio-mmio@%llx", (unsigned long long)base);
	m->regs = kmap_device(base, size);
	if (m->regs == NULL)
		goto no_memory;
	if (identify(m) && attach(m, irq_flags) == 0)
		return;
	kmap_unmap((void *)m->regs, m->size);
	kfree(m);
	return;
no_memory:
	kfree(m);
	log_warn("virtio-mmio@%llx: no memory for it, or it cannot be mapped",
		(unsigned long long)base);
}
