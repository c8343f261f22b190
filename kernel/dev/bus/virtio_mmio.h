/* SPDX-License-Identifier: MIT */
/* Virtio devices behind memory-mapped registers (VIRTIO 1.2, section 4.2), as the device tree lists them. */
#ifndef DEV_BUS_VIRTIO_MMIO_H
#define DEV_BUS_VIRTIO_MMIO_H

#include "core/types.h"

/*
 * Looks at one transport's registers and drives the device there. An empty slot is silent; everything that is there
 * and cannot be driven costs one line of the log. irq_flags: as for irq_request(). Thread context, may sleep.
 */
void virtio_mmio_probe(paddr_t base, uint64_t size, uint32_t intid, uint32_t irq_flags);

#endif
