/* SPDX-License-Identifier: MIT */
/* The device tree reader and the platform description, on trees that QEMU made and on small and hostile ones made here. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "base/reader.h"
#include "fdt/platform.h"
#include "tests/unit/test.h"

enum { HEADER = 40, STRUCTURE = 40 + 64, NAMES_ROOM = 2048, BLOB_ROOM = 64 << 10 };

/* Builds a blob: header, reservations, structure, then the strings. */
struct maker {
	uint8_t *blob;
	uint32_t at, reserved;
	char names[NAMES_ROOM];
	uint32_t names_len;
};

static void
put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void
put64(uint8_t *at, uint64_t value)
{
	put32(at, (uint32_t)(value >> 32));
	put32(at + 4, (uint32_t)value);
}

static struct maker
make(void)
{
	return (struct maker){.blob = calloc(1, BLOB_ROOM), .at = STRUCTURE};
}

static void
token(struct maker *m, uint32_t value)
{
	put32(m->blob + m->at, value);
	m->at += 4;
}

static void
bytes(struct maker *m, const void *data, size_t n)
{
	if (n)
		memcpy(m->blob + m->at, data, n);
	m->at += (uint32_t)round_up(n, 4ul);
}

static void
begin(struct maker *m, const char *name)
{
	token(m, 1);
	bytes(m, name, strlen(name) + 1);
}

static void
end(struct maker *m)
{
	token(m, 2);
}

static void
property(struct maker *m, const char *name, const void *data, size_t n)
{
	token(m, 3);
	token(m, (uint32_t)n);
	token(m, m->names_len);
	strcpy(m->names + m->names_len, name);
	m->names_len += (uint32_t)strlen(name) + 1;
	bytes(m, data, n);
}

static void
string(struct maker *m, const char *name, const char *value)
{
	property(m, name, value, strlen(value) + 1);
}

static void
cells(struct maker *m, const char *name, int n, ...)
{
	uint8_t data[256];
	va_list args;
	va_start(args, n);
	for (int i = 0; i < n; i++)
		put32(data + 4 * i, va_arg(args, uint32_t));
	va_end(args);
	property(m, name, data, 4 * (size_t)n);
}

static void
reserve(struct maker *m, uint64_t base, uint64_t size)
{
	put64(m->blob + HEADER + 16 * m->reserved, base);
	put64(m->blob + HEADER + 16 * m->reserved++ + 8, size);
}

/* A blob of exactly its size, so that the sanitizer sees every byte read past it. */
static uint8_t *
finish(struct maker *m, uint32_t *size)
{
	uint32_t structure_end = m->at;
	memcpy(m->blob + m->at, m->names, m->names_len);
	*size = m->at + m->names_len;
	const uint32_t header[10] = {0xd00dfeed, *size, STRUCTURE, structure_end, HEADER, 17, 16, 0,
		m->names_len, structure_end - STRUCTURE};
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		put32(m->blob + 4 * i, header[i]);
	uint8_t *blob = malloc(*size);
	memcpy(blob, m->blob, *size);
	free(m->blob);
	return blob;
}

static uint8_t *
finish_tree(struct maker *m, uint32_t *size)
{
	end(m);
	token(m, 9);
	return finish(m, size);
}

static struct maker
make_root(void)
{
	struct maker m = make();
	begin(&m, "");
	cells(&m, "#address-cells", 1, 2);
	cells(&m, "#size-cells", 1, 2);
	return m;
}

static uint8_t *
load_dtb(const char *name, size_t *size)
{
	const char *build = getenv("BUILD");
	char path[256];
	snprintf(path, sizeof(path), "%s/dtb/%s.dtb", build ? build : "build", name);
	FILE *f = fopen(path, "rb");
	if (!f)
		test_fail(__FILE__, __LINE__, "cannot open %s", path);
	uint8_t *data = malloc(4 << 20);
	*size = fread(data, 1, 4 << 20, f);
	fclose(f);
	return data;
}

/* What the visitors see. */
struct seen {
	struct platform_range memory[8];
	struct platform_reserved reserved[8];
	struct platform_cpu cpu[16];
	struct platform_virtio virtio[40];
	int memories, reservations, cpus, virtios;
};

static int
see_memory(void *context, const struct platform_range *r)
{
	struct seen *s = context;
	s->memory[s->memories++] = *r;
	return 0;
}

static int
see_reserved(void *context, const struct platform_reserved *r)
{
	struct seen *s = context;
	s->reserved[s->reservations++] = *r;
	return 0;
}

static int
see_cpu(void *context, const struct platform_cpu *cpu)
{
	struct seen *s = context;
	s->cpu[s->cpus++] = *cpu;
	return 0;
}

static int
see_virtio(void *context, const struct platform_virtio *device)
{
	struct seen *s = context;
	s->virtio[s->virtios++] = *device;
	return 0;
}

static struct seen
look(const struct platform *p)
{
	struct seen s = {0};
	CHECK_EQ(platform_each_memory(p, see_memory, &s), 0);
	CHECK_EQ(platform_each_reserved(p, see_reserved, &s), 0);
	CHECK_EQ(platform_each_cpu(p, see_cpu, &s), 0);
	CHECK_EQ(platform_each_virtio(p, see_virtio, &s), 0);
	return s;
}

static void
check_virt(const struct platform *p, const struct seen *s)
{
	CHECK_STR(p->model, "linux,dummy-virt");
	CHECK_EQ(p->uart.kind, PLATFORM_UART_PL011);
	CHECK_EQ(p->uart.registers.base, 0x9000000);
	CHECK_EQ(p->uart.registers.size, 0x1000);
	CHECK_EQ(p->uart.irq.intid, 33);
	CHECK_EQ(p->uart.irq.trigger, FDT_IRQ_HIGH);
	CHECK_EQ(p->uart.clock, 24000000);
	CHECK_EQ(p->rtc.registers.base, 0x9010000);
	CHECK_EQ(p->rtc.irq.intid, 34);
	CHECK_EQ(p->timer.secure_physical.intid, 29);
	CHECK_EQ(p->timer.physical.intid, 30);
	CHECK_EQ(p->timer.virtual.intid, 27);
	CHECK_EQ(p->timer.hyp_physical.intid, 26);
	CHECK_EQ(p->timer.hyp_virtual.intid, 0);
	CHECK_EQ(p->psci.cpu_on, 0xc4000003);
	CHECK_EQ(p->psci.affinity_info, 0xc4000004);
	CHECK_EQ(p->psci.system_reset, 0x84000009);
	CHECK_EQ(p->gic.distributor.base, 0x8000000);
	CHECK_EQ(p->rng_seed.len, 32);
	CHECK(p->kaslr_seed != 0);
	CHECK_EQ(p->initrd.size, 65536);
	CHECK_EQ(s->virtios, 32);
	CHECK_EQ(s->virtio[0].registers.base, 0xa000000);
	CHECK_EQ(s->virtio[31].registers.base, 0xa003e00);
	CHECK_EQ(s->virtio[31].irq.intid, 32 + 47);
	CHECK_EQ(s->virtio[31].irq.trigger, FDT_IRQ_RISING);
	CHECK(s->virtio[31].dma_coherent);
	CHECK_EQ(s->memories, 1);
	CHECK_EQ(s->memory[0].base, 0x40000000);
}

static void
check_qemu(const char *name, uint32_t gic, int cpus, uint64_t memory, enum platform_conduit conduit)
{
	size_t size;
	uint8_t *blob = load_dtb(name, &size);
	struct platform p;
	CHECK_EQ(fdt_peek_size(blob), size);
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	struct seen s = look(&p);
	check_virt(&p, &s);
	CHECK_EQ(p.gic.version, gic);
	CHECK_EQ(s.cpus, cpus);
	CHECK_EQ(s.cpu[cpus - 1].mpidr, cpus - 1);
	CHECK_EQ(s.memory[0].size, memory);
	CHECK_EQ(p.psci.conduit, conduit);
	if (gic == 2) {
		CHECK_EQ(p.gic.cpu_interface.base, 0x8010000);
		CHECK_EQ(p.gic.v2m.base, 0x8020000);
	} else {
		CHECK_EQ(p.gic.redistributor_count, 1);
		CHECK_EQ(p.gic.redistributors[0].base, 0x80a0000);
		CHECK_EQ(p.gic.redistributors[0].size, 0xf60000);
		CHECK_EQ(p.gic.its.base, 0x8080000);
	}
	free(blob);
}

TEST(fdt_qemu_gicv2_one_cpu)
{
	check_qemu("v2-1", 2, 1, 128 << 20, PLATFORM_CONDUIT_HVC);
}

TEST(fdt_qemu_gicv3_eight_cpus)
{
	check_qemu("v3-8", 3, 8, UINT64_C(5) << 30, PLATFORM_CONDUIT_HVC);
}

TEST(fdt_qemu_virtualization)
{
	check_qemu("v2-virtualization", 2, 2, 256 << 20, PLATFORM_CONDUIT_SMC);
}

TEST(fdt_qemu_secure_devices_are_skipped)
{
	check_qemu("v2-secure", 2, 4, 1 << 30, PLATFORM_CONDUIT_HVC);
}

TEST(fdt_qemu_bootargs)
{
	size_t size;
	uint8_t *blob = load_dtb("v3-boot", &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_STR(p.bootargs, "run=\"echo hi\" panic=5");
	free(blob);
}

TEST(fdt_nothing_is_absent)
{
	uint32_t size;
	struct maker m = make();
	begin(&m, "");
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	struct seen s = look(&p);
	CHECK_EQ(s.memories + s.reservations + s.cpus + s.virtios, 0);
	CHECK_EQ(p.gic.version, 0);
	CHECK_EQ(p.uart.kind, PLATFORM_UART_NONE);
	CHECK_EQ(p.psci.conduit, PLATFORM_CONDUIT_NONE);
	CHECK_STR(p.bootargs, "");
	CHECK_EQ(platform_from_fdt(blob, size - 1, &p), -EFBIG);
	CHECK_EQ(platform_each_cpu(&p, see_cpu, &s), 0);
	CHECK_EQ(platform_each_memory(&p, see_memory, &s), 0);
	free(blob);
}

TEST(fdt_chosen_with_cells_of_both_sizes)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "chosen");
	cells(&m, "linux,initrd-start", 1, 0x48000000);
	cells(&m, "linux,initrd-end", 2, 0, 0x48001234);
	cells(&m, "kaslr-seed", 2, 0x11223344, 0x55667788);
	cells(&m, "linux,uefi-system-table", 2, 1, 0x1000);
	cells(&m, "linux,uefi-mmap-start", 2, 0, 0x2000);
	cells(&m, "linux,uefi-mmap-size", 1, 0x300);
	cells(&m, "linux,uefi-mmap-desc-size", 1, 48);
	cells(&m, "linux,uefi-mmap-desc-ver", 1, 1);
	property(&m, "bootargs", "not ended", 9);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.initrd.base, 0x48000000);
	CHECK_EQ(p.initrd.size, 0x1234);
	CHECK_EQ(p.kaslr_seed, 0x1122334455667788);
	CHECK(p.uefi.present);
	CHECK_EQ(p.uefi.system_table, 0x100001000);
	CHECK_EQ(p.uefi.memory_map, 0x2000);
	CHECK_EQ(p.uefi.descriptor_size, 48);
	CHECK_STR(p.bootargs, "");
	free(blob);
}

TEST(fdt_initrd_that_ends_before_it_starts_is_absent)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "chosen");
	cells(&m, "linux,initrd-start", 1, 0x48000000);
	cells(&m, "linux,initrd-end", 1, 0x47000000);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.initrd.size, 0);
	free(blob);
}

static void
add_uart(struct maker *m, const char *name, const char *model, uint32_t base)
{
	begin(m, name);
	string(m, "compatible", model);
	cells(m, "reg", 4, 0, base, 0, 0x1000);
	end(m);
}

TEST(fdt_stdout_path_through_an_alias_with_options)
{
	uint32_t size;
	struct maker m = make_root();
	add_uart(&m, "serial@1000", "arm,pl011", 0x1000);
	add_uart(&m, "serial@2000", "arm,sbsa-uart", 0x2000);
	begin(&m, "aliases");
	string(&m, "serial0", "/serial@2000");
	string(&m, "loop", "loop");
	end(&m);
	begin(&m, "chosen");
	string(&m, "stdout-path", "serial0:115200n8");
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.uart.kind, PLATFORM_UART_SBSA);
	CHECK_EQ(p.uart.registers.base, 0x2000);
	CHECK_EQ(p.uart.baud, 115200);
	CHECK_EQ(fdt_find_path(&p.fdt, "loop"), -ENOENT);
	CHECK_EQ(fdt_find_path(&p.fdt, ""), -ENOENT);
	CHECK_EQ(fdt_find_path(&p.fdt, "/"), FDT_ROOT);
	CHECK_EQ(fdt_find_path(&p.fdt, "/serial@3000"), -ENOENT);
	CHECK_EQ(fdt_find_path(&p.fdt, "/serial"), fdt_find_path(&p.fdt, "/serial@1000"));
	CHECK_EQ(fdt_find_path(&p.fdt, "/ser"), -ENOENT);
	CHECK_EQ(fdt_find_path(&p.fdt, "/aliases/x"), -ENOENT);
	free(blob);
}

/* A bus that maps its 32-bit addresses, inside one that maps all. */
TEST(fdt_reg_through_ranges)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "soc");
	cells(&m, "#address-cells", 1, 2);
	cells(&m, "#size-cells", 1, 2);
	property(&m, "ranges", NULL, 0);
	begin(&m, "bus");
	cells(&m, "#address-cells", 1, 1);
	cells(&m, "#size-cells", 1, 1);
	cells(&m, "ranges", 8, 0, 1, 0, 0x1000, 0x2000, 0xffffffff, 0xfffff000, 0x2000);
	begin(&m, "device@800");
	cells(&m, "reg", 6, 0x800, 0x100, 0x5000, 0x100, 0x3800, 0x1000);
	end(&m);
	end(&m);
	begin(&m, "closed");
	cells(&m, "#address-cells", 1, 1);
	cells(&m, "#size-cells", 1, 1);
	begin(&m, "device@0");
	cells(&m, "reg", 2, 0, 0x100);
	end(&m);
	end(&m);
	begin(&m, "odd");
	cells(&m, "#address-cells", 1, 0xffffffff);
	cells(&m, "#size-cells", 1, 1);
	property(&m, "ranges", NULL, 0);
	begin(&m, "device@0");
	cells(&m, "reg", 2, 0, 0x100);
	end(&m);
	end(&m);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct fdt tree;
	struct fdt_walk walk;
	uint64_t base, len;
	CHECK_EQ(fdt_open(&tree, blob, size), 0);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/soc/bus/device")), 0);
	CHECK_EQ(walk.depth, 3);
	CHECK_EQ(fdt_reg(&walk, 0, &base, &len), 0);
	CHECK_EQ(base, 0x100000800);
	CHECK_EQ(len, 0x100);
	CHECK_EQ(fdt_reg(&walk, 1, &base, &len), -ENXIO);
	CHECK_EQ(fdt_reg(&walk, 2, &base, &len), -ERANGE);
	CHECK_EQ(fdt_reg(&walk, 3, &base, &len), -ENOENT);
	CHECK_EQ(fdt_reg(&walk, UINT32_MAX, &base, &len), -ENOENT);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/soc/closed/device")), 0);
	CHECK_EQ(fdt_reg(&walk, 0, &base, &len), -ENXIO);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/soc/odd/device")), 0);
	CHECK_EQ(fdt_reg(&walk, 0, &base, &len), -EOPNOTSUPP);
	CHECK_EQ(fdt_walk_to(&walk, &tree, 4), -ENOENT);
	free(blob);
}

TEST(fdt_memory_and_reservations)
{
	uint32_t size;
	struct maker m = make_root();
	reserve(&m, 0x50000000, 0x1000);
	begin(&m, "memory@40000000");
	string(&m, "device_type", "memory");
	cells(&m, "reg", 12, 0, 0x40000000, 0, 0x1000000, 0, 0x80000000, 0, 0, 0xffffffff,
		0xfffff000, 0, 0x2000);
	end(&m);
	begin(&m, "memory@100000000");
	string(&m, "device_type", "memory");
	cells(&m, "reg", 4, 1, 0, 0, 0x20000000);
	end(&m);
	begin(&m, "memory@200000000");
	string(&m, "device_type", "memory");
	string(&m, "status", "disabled");
	cells(&m, "reg", 4, 2, 0, 0, 0x20000000);
	end(&m);
	begin(&m, "reserved-memory");
	cells(&m, "#address-cells", 1, 2);
	cells(&m, "#size-cells", 1, 2);
	property(&m, "ranges", NULL, 0);
	begin(&m, "secure@41000000");
	cells(&m, "reg", 4, 0, 0x40100000, 0, 0x10000);
	property(&m, "no-map", NULL, 0);
	end(&m);
	begin(&m, "off@1");
	cells(&m, "reg", 4, 0, 0x40200000, 0, 0x10000);
	string(&m, "status", "disabled");
	end(&m);
	begin(&m, "dynamic");
	cells(&m, "size", 2, 0, 0x10000);
	end(&m);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	struct seen s = look(&p);
	CHECK_EQ(s.memories, 2);
	CHECK_EQ(s.memory[0].size, 0x1000000);
	CHECK_EQ(s.memory[1].base, 0x100000000);
	CHECK_EQ(s.reservations, 2);
	CHECK_EQ(s.reserved[0].range.base, 0x50000000);
	CHECK_EQ(s.reserved[0].flags, 0);
	CHECK_EQ(s.reserved[1].range.base, 0x40100000);
	CHECK_EQ(s.reserved[1].flags, PLATFORM_NO_MAP);
	free(blob);
}

/* Cells that make no numbers must not make a visit endless. */
TEST(fdt_memory_with_odd_cells_is_absent)
{
	uint32_t size;
	struct maker m = make();
	begin(&m, "");
	cells(&m, "#address-cells", 1, 0);
	cells(&m, "#size-cells", 1, 0);
	begin(&m, "memory");
	string(&m, "device_type", "memory");
	cells(&m, "reg", 4, 2, 0, 0, 0x20000000);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(look(&p).memories, 0);
	free(blob);
}

static void
add_gic(struct maker *m, uint32_t phandle)
{
	begin(m, "intc@8000000");
	string(m, "compatible", "arm,gic-v3");
	property(m, "interrupt-controller", NULL, 0);
	cells(m, "#interrupt-cells", 1, 3);
	cells(m, "phandle", 1, phandle);
	cells(m, "#redistributor-regions", 1, 2);
	cells(m, "redistributor-stride", 2, 0, 0x40000);
	cells(m, "reg", 12, 0, 0x8000000, 0, 0x10000, 0, 0x9000000, 0, 0x20000, 1, 0, 0, 0x20000);
	end(m);
}

TEST(fdt_gic_with_two_redistributor_regions)
{
	uint32_t size;
	struct maker m = make_root();
	add_gic(&m, 1);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.gic.version, 3);
	CHECK_EQ(p.gic.redistributor_count, 2);
	CHECK_EQ(p.gic.redistributor_stride, 0x40000);
	CHECK_EQ(p.gic.redistributors[1].base, 0x100000000);
	free(blob);
}

TEST(fdt_gic_without_cpu_interface_is_absent)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "intc");
	string(&m, "compatible", "arm,cortex-a15-gic");
	cells(&m, "reg", 4, 0, 0x8000000, 0, 0x10000);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.gic.version, 0);
	CHECK_EQ(p.gic.distributor.size, 0);
	free(blob);
}

TEST(fdt_interrupts)
{
	uint32_t size;
	struct maker m = make_root();
	cells(&m, "interrupt-parent", 1, 7);
	add_gic(&m, 7);
	begin(&m, "gpio");
	property(&m, "interrupt-controller", NULL, 0);
	cells(&m, "#interrupt-cells", 1, 2);
	cells(&m, "phandle", 1, 8);
	begin(&m, "key");
	cells(&m, "interrupts", 2, 1, 2);
	end(&m);
	end(&m);
	begin(&m, "plain");
	cells(&m, "interrupts", 9, 0, 1, 4, 1, 2, 0xf08, 0, 988, 4);
	end(&m);
	begin(&m, "extended");
	cells(&m, "interrupts-extended", 12, 8, 1, 1, 7, 3, 5, 1, 7, 2, 9, 4, 99);
	end(&m);
	begin(&m, "short");
	cells(&m, "interrupts", 2, 0, 1);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct fdt tree;
	struct fdt_walk walk;
	struct fdt_irq irq;
	CHECK_EQ(fdt_open(&tree, blob, size), 0);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/plain")), 0);
	CHECK_EQ(fdt_irq(&walk, 0, &irq), 0);
	CHECK_EQ(irq.intid, 33);
	CHECK_EQ(irq.trigger, FDT_IRQ_HIGH);
	CHECK_EQ(fdt_irq(&walk, 1, &irq), 0);
	CHECK_EQ(irq.intid, 18);
	CHECK_EQ(irq.trigger, FDT_IRQ_LOW);
	CHECK_EQ(fdt_irq(&walk, 2, &irq), -EINVAL);
	CHECK_EQ(fdt_irq(&walk, 3, &irq), -ENOENT);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/extended")), 0);
	CHECK_EQ(fdt_irq(&walk, 0, &irq), -EOPNOTSUPP);
	CHECK_EQ(fdt_irq(&walk, 1, &irq), 0);
	CHECK_EQ(irq.intid, 1056 + 5);
	CHECK_EQ(fdt_irq(&walk, 2, &irq), 0);
	CHECK_EQ(irq.intid, 4096 + 9);
	CHECK_EQ(fdt_irq(&walk, 3, &irq), -ENOENT);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/gpio/key")), 0);
	CHECK_EQ(fdt_irq(&walk, 0, &irq), -EOPNOTSUPP);
	CHECK_EQ(fdt_walk_to(&walk, &tree, fdt_find_path(&tree, "/short")), 0);
	CHECK_EQ(fdt_irq(&walk, 0, &irq), -ENOENT);
	free(blob);
}

TEST(fdt_timer_by_names)
{
	uint32_t size;
	struct maker m = make_root();
	cells(&m, "interrupt-parent", 1, 7);
	add_gic(&m, 7);
	begin(&m, "timer");
	string(&m, "compatible", "arm,armv8-timer");
	cells(&m, "interrupts", 6, 1, 11, 4, 1, 14, 4);
	property(&m, "interrupt-names", "virt\0phys", 10);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.timer.virtual.intid, 27);
	CHECK_EQ(p.timer.physical.intid, 30);
	CHECK_EQ(p.timer.secure_physical.intid, 0);
	free(blob);
}

TEST(fdt_psci_0_1_has_the_ids_of_the_tree)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "psci");
	string(&m, "compatible", "arm,psci");
	string(&m, "method", "smc");
	cells(&m, "cpu_on", 1, 0x95c10002);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(p.psci.conduit, PLATFORM_CONDUIT_SMC);
	CHECK_EQ(p.psci.version, 1);
	CHECK_EQ(p.psci.cpu_on, 0x95c10002);
	CHECK_EQ(p.psci.affinity_info, 0);
	CHECK_EQ(p.psci.system_off, 0);
	free(blob);
}

TEST(fdt_cpus)
{
	uint32_t size;
	struct maker m = make_root();
	begin(&m, "cpus");
	cells(&m, "#address-cells", 1, 2);
	cells(&m, "#size-cells", 1, 0);
	begin(&m, "cpu@0");
	string(&m, "device_type", "cpu");
	cells(&m, "reg", 2, 0, 0);
	end(&m);
	begin(&m, "cpu@100");
	string(&m, "device_type", "cpu");
	string(&m, "enable-method", "spin-table");
	cells(&m, "cpu-release-addr", 2, 0, 0xfff8);
	cells(&m, "reg", 2, 1, 0x100);
	end(&m);
	begin(&m, "cpu@bad");
	string(&m, "device_type", "cpu");
	cells(&m, "reg", 2, 0, 0x80000000);
	end(&m);
	begin(&m, "cpu@off");
	string(&m, "device_type", "cpu");
	string(&m, "status", "fail");
	cells(&m, "reg", 2, 0, 3);
	end(&m);
	end(&m);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	struct seen s = look(&p);
	CHECK_EQ(s.cpus, 2);
	CHECK_EQ(s.cpu[0].start, PLATFORM_START_NONE);
	CHECK_EQ(s.cpu[1].mpidr, 0x100000100);
	CHECK_EQ(s.cpu[1].start, PLATFORM_START_SPIN_TABLE);
	CHECK_EQ(s.cpu[1].release_address, 0xfff8);
	free(blob);
}

static int
stop_at_once(void *context, const struct platform_cpu *cpu)
{
	return -EINTR;
}

TEST(fdt_a_visit_ends_with_the_callbacks_result)
{
	size_t size;
	uint8_t *blob = load_dtb("v3-8", &size);
	struct platform p;
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	CHECK_EQ(platform_each_cpu(&p, stop_at_once, NULL), -EINTR);
	free(blob);
}

static int
open_made(struct maker *m)
{
	uint32_t size;
	uint8_t *blob = finish(m, &size);
	struct fdt tree;
	int err = fdt_open(&tree, blob, size);
	free(blob);
	return err;
}

TEST(fdt_refuses_broken_structure)
{
	struct maker m = make();
	CHECK_EQ(open_made(&m), -EINVAL); /* empty */
	m = make();
	begin(&m, "");
	token(&m, 9);
	CHECK_EQ(open_made(&m), -EINVAL); /* root not closed */
	m = make();
	begin(&m, "");
	end(&m);
	CHECK_EQ(open_made(&m), -EINVAL); /* no end */
	m = make();
	begin(&m, "");
	end(&m);
	end(&m);
	token(&m, 9);
	CHECK_EQ(open_made(&m), -EINVAL); /* closed twice */
	m = make();
	begin(&m, "");
	end(&m);
	begin(&m, "");
	end(&m);
	token(&m, 9);
	CHECK_EQ(open_made(&m), -EINVAL); /* two roots */
	m = make();
	begin(&m, "");
	token(&m, 5);
	CHECK_EQ(open_made(&m), -EINVAL); /* unknown token */
	m = make();
	begin(&m, "");
	begin(&m, "a");
	end(&m);
	cells(&m, "late", 1, 1);
	end(&m);
	token(&m, 9);
	CHECK_EQ(open_made(&m), -EINVAL); /* property after a node */
}

TEST(fdt_refuses_properties_out_of_bounds)
{
	struct maker m = make();
	begin(&m, "");
	token(&m, 3);
	token(&m, 0xffffffff);
	token(&m, 0);
	CHECK_EQ(open_made(&m), -EINVAL); /* huge length */
	m = make();
	begin(&m, "");
	cells(&m, "x", 1, 1);
	token(&m, 3);
	token(&m, 0);
	token(&m, 2);
	end(&m);
	token(&m, 9);
	CHECK_EQ(open_made(&m), -EINVAL); /* name outside of the strings */
	m = make();
	token(&m, 1);
	m.blob[m.at] = m.blob[m.at + 1] = m.blob[m.at + 2] = m.blob[m.at + 3] = 'x';
	m.at += 4;
	CHECK_EQ(open_made(&m), -EINVAL); /* name of a node that does not end */
}

static int
open_nested(int depth)
{
	struct maker m = make();
	for (int i = 0; i < depth; i++)
		begin(&m, "");
	for (int i = 0; i < depth; i++)
		end(&m);
	token(&m, 9);
	return open_made(&m);
}

TEST(fdt_depth_is_bounded)
{
	CHECK_EQ(open_nested(FDT_MAX_DEPTH), 0);
	CHECK_EQ(open_nested(FDT_MAX_DEPTH + 1), -EINVAL);
	CHECK_EQ(open_nested(4000), -EINVAL);
}

/* Every field of the header at its extremes, and every prefix of a small tree: an error or a tree, never a wild read. */
TEST(fdt_header_fields_at_extremes)
{
	static const uint32_t extremes[] = {
		0, 1, 3, 4, 16, 17, 18, 39, 40, 41, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
	uint32_t size;
	struct maker m = make_root();
	add_uart(&m, "serial@1000", "arm,pl011", 0x1000);
	uint8_t *blob = finish_tree(&m, &size);
	struct platform p;
	for (uint32_t field = 0; field < 10; field++) {
		uint32_t good = load_be32(blob + 4 * field);
		for (size_t i = 0; i < ARRAY_SIZE(extremes); i++) {
			put32(blob + 4 * field, extremes[i]);
			if (platform_from_fdt(blob, size, &p) == 0)
				look(&p);
		}
		put32(blob + 4 * field, good);
	}
	CHECK_EQ(platform_from_fdt(blob, size, &p), 0);
	for (uint32_t n = 0; n < size; n++) {
		uint8_t *part = malloc(n);
		memcpy(part, blob, n);
		CHECK(platform_from_fdt(part, n, &p) < 0);
		free(part);
	}
	put32(blob, 0xd00dfeee);
	CHECK_EQ(platform_from_fdt(blob, size, &p), -EINVAL);
	CHECK_EQ(fdt_peek_size(blob), -EINVAL);
	free(blob);
}

/* Each 32-bit word of a real tree replaced in turn. */
TEST(fdt_survives_damage_anywhere)
{
	static const uint32_t values[] = {0, 1, 2, 3, 9, 0xffffffff};
	size_t size;
	uint8_t *blob = load_dtb("v3-8", &size);
	struct platform p;
	uint32_t used = load_be32(blob + 8) + load_be32(blob + 36);
	for (uint32_t at = load_be32(blob + 8); at < used; at += 4) {
		uint32_t good = load_be32(blob + at);
		put32(blob + at, values[at / 4 % ARRAY_SIZE(values)]);
		if (platform_from_fdt(blob, size, &p) == 0)
			platform_each_cpu(&p, stop_at_once, NULL);
		put32(blob + at, good);
	}
	free(blob);
}
