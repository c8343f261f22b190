/* SPDX-License-Identifier: MIT */
/* Fills struct platform from a device tree. platform.h has the contract; sources are the bindings in Linux's
 * Documentation/devicetree and the Devicetree Specification 0.4, section 3. */
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "fdt/platform.h"

/* Physical addresses have 52 bits at most; what a tree puts beyond is not there. */
#define PHYSICAL_LIMIT (UINT64_C(1) << 52)

enum {
	PSCI_CPU_SUSPEND = 0xc4000001u,
	PSCI_AFFINITY_INFO = 0xc4000004u,
	PSCI_CPU_OFF = 0x84000002u,
	PSCI_CPU_ON = 0xc4000003u,
	PSCI_SYSTEM_OFF = 0x84000008u,
	PSCI_SYSTEM_RESET = 0x84000009u,
};

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

static bool
in_reach(const struct platform_range *r)
{
	return r->size && r->base < PHYSICAL_LIMIT && r->size <= PHYSICAL_LIMIT - r->base;
}

/* The index-th range of the node; {0, 0} if it has none that can be. */
static bool
get_range(const struct fdt_walk *walk, uint32_t index, struct platform_range *out)
{
	struct platform_range r;
	*out = (struct platform_range){0};
	if (fdt_reg(walk, index, &r.base, &r.size) || !in_reach(&r))
		return false;
	*out = r;
	return true;
}

/* Whether `reg` may go on after that result: errors of one pair leave the others, errors of the cells do not. */
static bool
more_ranges(int result)
{
	return result != -ENOENT && result != -EOPNOTSUPP;
}

static struct platform_irq
get_irq(struct fdt_walk *walk, uint32_t index)
{
	struct fdt_irq irq;
	if (fdt_irq(walk, index, &irq))
		return (struct platform_irq){0};
	return (struct platform_irq){.intid = irq.intid, .trigger = irq.trigger};
}

static void
read_uefi(const struct fdt *tree, int chosen, struct platform_uefi *out)
{
	struct platform_uefi u = {.present = true};
	if (fdt_get_number(tree, chosen, "linux,uefi-system-table", &u.system_table) &&
		fdt_get_number(tree, chosen, "linux,uefi-mmap-start", &u.memory_map) &&
		fdt_get_u32(tree, chosen, "linux,uefi-mmap-size", &u.memory_map_size) &&
		fdt_get_u32(tree, chosen, "linux,uefi-mmap-desc-size", &u.descriptor_size) &&
		fdt_get_u32(tree, chosen, "linux,uefi-mmap-desc-ver", &u.descriptor_version))
		*out = u;
}

static void
read_initrd(const struct fdt *tree, int chosen, struct platform_range *out)
{
	uint64_t start, end;
	if (!fdt_get_number(tree, chosen, "linux,initrd-start", &start) ||
		!fdt_get_number(tree, chosen, "linux,initrd-end", &end) || end <= start)
		return;
	struct platform_range r = {.base = start, .size = end - start};
	if (in_reach(&r))
		*out = r;
}

static void
read_chosen(struct platform *p)
{
	const struct fdt *tree = &p->fdt;
	struct fdt_property seed;
	int chosen = fdt_find_path(tree, "/chosen");
	if (chosen < 0)
		return;
	const char *bootargs = fdt_get_string(tree, chosen, "bootargs");
	if (bootargs)
		p->bootargs = bootargs;
	read_initrd(tree, chosen, &p->initrd);
	if (fdt_get(tree, chosen, "rng-seed", &seed) && seed.len)
		p->rng_seed = (struct platform_bytes){.data = seed.data, .len = seed.len};
	fdt_get_number(tree, chosen, "kaslr-seed", &p->kaslr_seed);
	read_uefi(tree, chosen, &p->uefi);
}

static void
read_redistributors(const struct fdt_walk *walk, struct platform_gic *gic)
{
	uint32_t regions = 1;
	fdt_get_u32(walk->tree, fdt_walk_node(walk), "#redistributor-regions", &regions);
	fdt_get_number(walk->tree, fdt_walk_node(walk), "redistributor-stride",
		&gic->redistributor_stride);
	for (uint32_t i = 0; i < min(regions, (uint32_t)PLATFORM_MAX_REDISTRIBUTORS); i++)
		if (get_range(walk, 1 + i, &gic->redistributors[gic->redistributor_count]))
			gic->redistributor_count++;
}

/* A GIC without what it takes to drive it is none. */
static void
read_gic(const struct fdt_walk *walk, int version, struct platform_gic *gic)
{
	bool whole = get_range(walk, 0, &gic->distributor);
	if (version == 2) {
		whole &= get_range(walk, 1, &gic->cpu_interface);
	} else {
		read_redistributors(walk, gic);
		whole &= gic->redistributor_count > 0;
	}
	if (whole)
		gic->version = (uint32_t)version;
	else
		*gic = (struct platform_gic){0};
}

static void
read_timer(struct fdt_walk *walk, struct platform_timer *timer)
{
	static const char *const names[] = {"sec-phys", "phys", "virt", "hyp-phys", "hyp-virt"};
	struct platform_irq *const irqs[] = {&timer->secure_physical, &timer->physical,
		&timer->virtual, &timer->hyp_physical, &timer->hyp_virtual};
	int node = fdt_walk_node(walk);
	bool named = fdt_has(walk->tree, node, "interrupt-names");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int index = named ? fdt_string_index(walk->tree, node, "interrupt-names", names[i])
				  : (int)i;
		if (index >= 0)
			*irqs[i] = get_irq(walk, (uint32_t)index);
	}
	fdt_get_u32(walk->tree, node, "clock-frequency", &timer->frequency);
}

/* The frequency of the first clock, where it is a fixed one. */
static uint64_t
clock_frequency(const struct fdt *tree, int node)
{
	struct fdt_property clocks;
	uint64_t frequency = 0;
	if (fdt_get_number(tree, node, "clock-frequency", &frequency))
		return frequency;
	if (!fdt_get(tree, node, "clocks", &clocks) || clocks.len < 4)
		return 0;
	int clock = fdt_find_phandle(tree, load_be32(clocks.data));
	if (clock < 0 || !fdt_is_compatible(tree, clock, "fixed-clock"))
		return 0;
	fdt_get_number(tree, clock, "clock-frequency", &frequency);
	return frequency;
}

static enum platform_uart_kind
uart_kind(const struct fdt *tree, int node)
{
	if (fdt_is_compatible(tree, node, "arm,pl011"))
		return PLATFORM_UART_PL011;
	if (fdt_is_compatible(tree, node, "arm,sbsa-uart"))
		return PLATFORM_UART_SBSA;
	return PLATFORM_UART_NONE;
}

static void
read_uart(struct fdt_walk *walk, enum platform_uart_kind kind, struct platform_uart *uart)
{
	struct platform_range registers;
	if (!get_range(walk, 0, &registers))
		return;
	uart->kind = kind;
	uart->registers = registers;
	uart->irq = get_irq(walk, 0);
	uart->clock = clock_frequency(walk->tree, fdt_walk_node(walk));
}

/* "115200n8" after the colon of stdout-path. */
static uint32_t
read_baud(const char *options)
{
	uint32_t baud = 0;
	for (; *options >= '0' && *options <= '9'; options++)
		if (mul_overflow(baud, 10u, &baud) ||
			add_overflow(baud, (uint32_t)(*options - '0'), &baud))
			return 0;
	return baud;
}

/* The node that firmware writes its messages to; negative if there is none. */
static int
console_node(const struct fdt *tree, uint32_t *baud)
{
	int chosen = fdt_find_path(tree, "/chosen");
	const char *path = chosen < 0 ? NULL : fdt_get_string(tree, chosen, "stdout-path");
	if (!path)
		return -ENOENT;
	const char *options = strchr(path, ':');
	*baud = options ? read_baud(options + 1) : 0;
	return fdt_find_path(tree, path);
}

static void
read_psci(const struct fdt_walk *walk, struct platform_psci *out)
{
	const struct fdt *tree = walk->tree;
	int node = fdt_walk_node(walk);
	struct platform_psci psci = {.version = 2,
		.cpu_on = PSCI_CPU_ON,
		.cpu_off = PSCI_CPU_OFF,
		.cpu_suspend = PSCI_CPU_SUSPEND,
		.affinity_info = PSCI_AFFINITY_INFO,
		.system_off = PSCI_SYSTEM_OFF,
		.system_reset = PSCI_SYSTEM_RESET};
	if (fdt_string_index(tree, node, "method", "hvc") == 0)
		psci.conduit = PLATFORM_CONDUIT_HVC;
	else if (fdt_string_index(tree, node, "method", "smc") == 0)
		psci.conduit = PLATFORM_CONDUIT_SMC;
	else
		return;
	if (!fdt_is_compatible(tree, node, "arm,psci-0.2") &&
		!fdt_is_compatible(tree, node, "arm,psci-1.0")) {
		psci = (struct platform_psci){.conduit = psci.conduit, .version = 1};
		fdt_get_u32(tree, node, "cpu_on", &psci.cpu_on);
		fdt_get_u32(tree, node, "cpu_off", &psci.cpu_off);
		fdt_get_u32(tree, node, "cpu_suspend", &psci.cpu_suspend);
	}
	*out = psci;
}

static bool
is_psci(const struct fdt *tree, int node)
{
	return fdt_is_compatible(tree, node, "arm,psci-1.0") ||
		fdt_is_compatible(tree, node, "arm,psci-0.2") ||
		fdt_is_compatible(tree, node, "arm,psci");
}

static bool
is_timer(const struct fdt *tree, int node)
{
	return fdt_is_compatible(tree, node, "arm,armv8-timer") ||
		fdt_is_compatible(tree, node, "arm,armv7-timer");
}

/* Looks at one node; of devices that there should be one of, the first that is whole counts. */
static void
read_node(struct platform *p, struct fdt_walk *walk, int console)
{
	const struct fdt *tree = walk->tree;
	int node = fdt_walk_node(walk), version;
	enum platform_uart_kind uart;
	if (!fdt_has(tree, node, "compatible"))
		return;
	if (!p->gic.version && (version = fdt_gic_version(tree, node)) != 0) {
		read_gic(walk, version, &p->gic);
	} else if (!p->gic.its.size && fdt_is_compatible(tree, node, "arm,gic-v3-its")) {
		get_range(walk, 0, &p->gic.its);
	} else if (!p->gic.v2m.size && fdt_is_compatible(tree, node, "arm,gic-v2m-frame")) {
		get_range(walk, 0, &p->gic.v2m);
	} else if (!p->timer.virtual.intid && is_timer(tree, node)) {
		read_timer(walk, &p->timer);
	} else if (!p->psci.conduit && is_psci(tree, node)) {
		read_psci(walk, &p->psci);
	} else if (!p->rtc.registers.size && fdt_is_compatible(tree, node, "arm,pl031")) {
		if (get_range(walk, 0, &p->rtc.registers))
			p->rtc.irq = get_irq(walk, 0);
	} else if ((p->uart.kind == PLATFORM_UART_NONE || node == console) &&
		(uart = uart_kind(tree, node)) != PLATFORM_UART_NONE) {
		read_uart(walk, uart, &p->uart);
	}
}

static int
fdt_each_memory(const struct platform *p, platform_memory_fn fn, void *context)
{
	struct fdt_walk walk;
	struct platform_range r;
	int result = 0;
	fdt_walk_begin(&walk, &p->fdt);
	while (!result && fdt_walk_next_enabled(&walk)) {
		if (walk.depth != 1 ||
			fdt_string_index(&p->fdt, fdt_walk_node(&walk), "device_type", "memory") !=
				0)
			continue;
		for (uint32_t i = 0; !result && more_ranges(fdt_reg(&walk, i, &r.base, &r.size));
			i++)
			if (in_reach(&r))
				result = fn(context, &r);
	}
	return result;
}

static int
reserved_nodes(const struct platform *p, platform_reserved_fn fn, void *context)
{
	struct fdt_walk walk;
	int result = 0, above = fdt_find_path(&p->fdt, "/reserved-memory");
	if (above < 0 || fdt_walk_to(&walk, &p->fdt, above))
		return 0;
	while (!result && fdt_walk_next_enabled(&walk) && walk.depth > 1) {
		struct platform_reserved r = {0};
		if (fdt_has(&p->fdt, fdt_walk_node(&walk), "no-map"))
			r.flags |= PLATFORM_NO_MAP;
		for (uint32_t i = 0;
			!result && more_ranges(fdt_reg(&walk, i, &r.range.base, &r.range.size));
			i++)
			if (in_reach(&r.range))
				result = fn(context, &r);
	}
	return result;
}

static int
fdt_each_reserved(const struct platform *p, platform_reserved_fn fn, void *context)
{
	int result = 0;
	for (uint32_t i = 0; !result && i < p->fdt.reserved_count; i++) {
		struct platform_reserved r = {0};
		fdt_reserved(&p->fdt, i, &r.range.base, &r.range.size);
		if (in_reach(&r.range))
			result = fn(context, &r);
	}
	return result ? result : reserved_nodes(p, fn, context);
}

static bool
get_cpu(const struct fdt_walk *walk, struct platform_cpu *cpu)
{
	const struct fdt *tree = walk->tree;
	int node = fdt_walk_node(walk);
	*cpu = (struct platform_cpu){0};
	if (fdt_string_index(tree, node, "device_type", "cpu") != 0 ||
		fdt_unit(walk, 0, &cpu->mpidr) || cpu->mpidr & ~MPIDR_AFFINITY)
		return false;
	if (fdt_string_index(tree, node, "enable-method", "psci") == 0)
		cpu->start = PLATFORM_START_PSCI;
	else if (fdt_string_index(tree, node, "enable-method", "spin-table") == 0 &&
		fdt_get_number(tree, node, "cpu-release-addr", &cpu->release_address))
		cpu->start = PLATFORM_START_SPIN_TABLE;
	return true;
}

static int
fdt_each_cpu(const struct platform *p, platform_cpu_fn fn, void *context)
{
	struct fdt_walk walk;
	struct platform_cpu cpu;
	int result = 0, cpus = fdt_find_path(&p->fdt, "/cpus");
	if (cpus < 0 || fdt_walk_to(&walk, &p->fdt, cpus))
		return 0;
	while (!result && fdt_walk_next_enabled(&walk) && walk.depth > 1)
		if (walk.depth == 2 && get_cpu(&walk, &cpu))
			result = fn(context, &cpu);
	return result;
}

static int
fdt_each_virtio(const struct platform *p, platform_virtio_fn fn, void *context)
{
	struct fdt_walk walk;
	int result = 0;
	fdt_walk_begin(&walk, &p->fdt);
	while (!result && fdt_walk_next_enabled(&walk)) {
		struct platform_virtio device;
		int node = fdt_walk_node(&walk);
		if (!fdt_is_compatible(&p->fdt, node, "virtio,mmio") ||
			!get_range(&walk, 0, &device.registers))
			continue;
		device.irq = get_irq(&walk, 0);
		device.dma_coherent = fdt_has(&p->fdt, node, "dma-coherent");
		result = fn(context, &device);
	}
	return result;
}

static int
none_memory(const struct platform *p, platform_memory_fn fn, void *context)
{
	return 0;
}

static int
none_reserved(const struct platform *p, platform_reserved_fn fn, void *context)
{
	return 0;
}

static int
none_cpu(const struct platform *p, platform_cpu_fn fn, void *context)
{
	return 0;
}

static int
none_virtio(const struct platform *p, platform_virtio_fn fn, void *context)
{
	return 0;
}

static const struct platform_tables no_tables = {
	.each_memory = none_memory,
	.each_reserved = none_reserved,
	.each_cpu = none_cpu,
	.each_virtio = none_virtio,
};

static const struct platform_tables fdt_tables = {
	.each_memory = fdt_each_memory,
	.each_reserved = fdt_each_reserved,
	.each_cpu = fdt_each_cpu,
	.each_virtio = fdt_each_virtio,
};

int
platform_from_fdt(const void *fdt, size_t max_len, struct platform *out)
{
	*out = (struct platform){.tables = &no_tables, .bootargs = ""};
	struct fdt tree;
	int err = fdt_open(&tree, fdt, max_len);
	if (err)
		return err;
	out->fdt = tree;
	out->tables = &fdt_tables;
	out->model = fdt_get_string(&tree, FDT_ROOT, "model");
	read_chosen(out);

	uint32_t baud = 0;
	int console = console_node(&out->fdt, &baud);
	struct fdt_walk walk;
	fdt_walk_begin(&walk, &out->fdt);
	while (fdt_walk_next_enabled(&walk)) {
		read_node(out, &walk, console);
		if (fdt_walk_node(&walk) == console && out->uart.kind != PLATFORM_UART_NONE)
			out->uart.baud = baud;
	}
	return 0;
}

int
platform_each_memory(const struct platform *p, platform_memory_fn fn, void *context)
{
	return p->tables->each_memory(p, fn, context);
}

int
platform_each_reserved(const struct platform *p, platform_reserved_fn fn, void *context)
{
	return p->tables->each_reserved(p, fn, context);
}

int
platform_each_cpu(const struct platform *p, platform_cpu_fn fn, void *context)
{
	return p->tables->each_cpu(p, fn, context);
}

int
platform_each_virtio(const struct platform *p, platform_virtio_fn fn, void *context)
{
	return p->tables->each_virtio(p, fn, context);
}
