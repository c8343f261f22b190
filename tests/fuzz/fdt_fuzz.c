/* SPDX-License-Identifier: MIT */
/* Device trees: everything that the kernel asks of one. */
#include <stdlib.h>
#include <string.h>
#include "base/reader.h"
#include "fdt/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void
use(struct platform_range r)
{
	if (r.size && r.base + (r.size - 1) < r.base)
		abort();
	sink += r.base;
}

static int
use_memory(void *context, const struct platform_range *r)
{
	use(*r);
	return 0;
}

static int
use_reserved(void *context, const struct platform_reserved *r)
{
	use(r->range);
	return 0;
}

static int
use_cpu(void *context, const struct platform_cpu *cpu)
{
	sink += cpu->mpidr;
	return 0;
}

static int
use_virtio(void *context, const struct platform_virtio *device)
{
	use(device->registers);
	sink += device->irq.intid;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct platform p;
	if (size >= FDT_HEADER_SIZE)
		sink += (uint64_t)fdt_peek_size(data);
	if (platform_from_fdt(data, size, &p))
		return 0;
	use(p.initrd);
	for (size_t i = 0; i < p.rng_seed.len; i++)
		sink += ((const uint8_t *)p.rng_seed.data)[i];
	sink += strlen(p.bootargs) + (p.model ? strlen(p.model) : 0);
	platform_each_memory(&p, use_memory, NULL);
	platform_each_reserved(&p, use_reserved, NULL);
	platform_each_cpu(&p, use_cpu, NULL);
	platform_each_virtio(&p, use_virtio, NULL);
	sink += (uint64_t)fdt_find_compatible(&p.fdt, -1, "arm,gic-v3");
	return 0;
}
